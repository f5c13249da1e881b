#include "reconciler/cli/command.h"
#include "reconciler/cli/output.h"

static int run(Invocation *invocation)
{
    OutputFormat format = output_format(invocation->options.output);
    json_t *value = json_pack("{s:s}", "version", MUSTER_VERSION);
    if (format == OUTPUT_JSON)
        output_json(value);
    else if (format == OUTPUT_YAML)
        output_yaml(value);
    else
        output_write("muster " MUSTER_VERSION "\n", strlen("muster " MUSTER_VERSION "\n"));
    json_decref(value);
    return EXIT_OK;
}

static const OptionSpec options[] = {OPTION_OUTPUT};

const Command command_version = {
    .name = "version",
    .group = GROUP_OTHER,
    .arguments = "",
    .summary = "which muster this is",
    .description = "Prints the program's version.",
    .examples = "muster version\tthe version",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .run = run,
};

#include "reconciler/cli/help.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"

static int help_for(const char *name, bool is_man, GString *out)
{
    const Command *command = command_find(name);
    if (!command) {
        const char *nearest = command_suggest(name);
        return report_failure(EXIT_ERROR, "there is no command \"%s\"%s%s%s", name,
                              nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                              nearest ? "\"?" : "");
    }
    if (is_man)
        man_command(command, out);
    else
        help_command(command, out);
    return EXIT_OK;
}

static int run(Invocation *invocation)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *man = invocation->options.man;
    int code = EXIT_OK;
    if (man && strcmp(man, "muster") == 0)
        man_overview(out);
    else if (man)
        code = help_for(man, true, out);
    else if (invocation->arguments_len)
        code = help_for(invocation->arguments[0], false, out);
    else
        help_overview(out);
    output_string(out);
    return code;
}

static const OptionSpec options[] = {
    {"man", 0, OPTION_TEXT, OPTION(man), "COMMAND", "as a manual page in roff; muster: the overview", NULL},
};

const Command command_help = {
    .name = "help",
    .group = GROUP_OTHER,
    .arguments = "[COMMAND]",
    .summary = "what a command does, with examples",
    .description = "Without COMMAND it lists the commands.",
    .examples = "muster help apply\tall about apply",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_COMMAND,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run,
};

#include "reconciler/cli/listing.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    const Options *options = &invocation->options;
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    json_t *status = backend_call(session.backend, "status", NULL, &error);
    if (!status)
        return report_error(error);
    OutputFormat format = output_format(options->output);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) out = g_string_new(NULL);
    list_status(status, &style, out);
    if (format == OUTPUT_JSON)
        output_json(status);
    else if (format == OUTPUT_YAML)
        output_yaml(status);
    else
        output_string(out);
    json_decref(status);
    backend_note_age(session.backend);
    return session_close(&session, EXIT_OK);
}

static const OptionSpec options[] = {OPTION_OUTPUT};

const Command command_status = {
    .name = "status",
    .group = GROUP_LOOKING,
    .arguments = "",
    .summary = "one page: who hosts, sources, queues, environments, runs",
    .description =
        "Shows who hosts the state directory, the sources with their revision (and what is wrong with one "
        "that is broken, or which plan of it waits for muster approve), "
        "the queues and environments with what waits and runs, the unfinished runs and the newest "
        "applies.\n\n"
        "Without a daemon the state is read from the store, and how old it is stands on standard error.",
    .examples = "muster status\tin a directory with a muster.yaml\n"
                "muster status --state /var/lib/muster -o json\tfor a monitor",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .exits = 0,
    .run = run,
};

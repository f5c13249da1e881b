#include <string.h>
#include "reconciler/api/state_publish.h"
#include "reconciler/cli/against.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"
#include "reconciler/cli/state_dir.h"

static bool publish(const char *state_dir, const char *out, GError **error)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, error);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!reader || !store_reader_begin(reader, error))
        return false;
    if (out)
        return state_publish(reader, state_dir, out, error);
    g_autofree char *installation = installation_ensure(state_dir, error);
    if (!installation || !state_snapshot_of(reader, installation, text, error))
        return false;
    output_string(text);
    return true;
}

/* That of a daemon elsewhere. */
static int fetch(const char *server, GError **error)
{
    g_autofree char *text = against_server_text(server, error);
    if (!text)
        return report_error(*error);
    output_write(text, strlen(text));
    return EXIT_OK;
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    g_autoptr(GError) error = NULL;
    const char *server = server_url(options->server);
    if (server && !options->out)
        return fetch(server, &error);
    if (server)
        return report_failure(EXIT_ERROR,
                              "--out replaces a file where the daemon runs; with --server use > FILE");
    g_autofree char *state_dir = NULL;
    kinds_init();
    if (!state_dir_of(options->state, NULL, 0, &state_dir, &error) ||
        !publish(state_dir, options->out, &error))
        return report_error(error);
    return EXIT_OK;
}

static const OptionSpec options[] = {
    {"out", 0, OPTION_TEXT, OPTION(out), "FILE",
     "replace FILE with it, whole or not at all (default: stdout)", NULL},
};

const Command command_snapshot = {
    .name = "snapshot",
    .group = GROUP_OTHER,
    .arguments = "",
    .summary = "what is, redacted: for plans where the state cannot be reached",
    .description =
        "Writes what a plan needs to know of the state directory as one JSON text: the resources of every "
        "source, and which runs there were. muster plan --against reads it, on a machine that has no access "
        "to "
        "this one: a plan against it has the same id as one against the state.\n\n"
        "It holds no jobs. The values of environment variables, and where secrets are kept, are digests in "
        "it, "
        "but for the variables that a resource's annotation muster/public-environment names. A digest does "
        "not "
        "hide a value that can be guessed: what is secret belongs into a secret store. The same state gives "
        "the "
        "same bytes.\n\n"
        "muster serve --publish-snapshot keeps such a file up to date.",
    .examples = "muster snapshot --out /srv/www/batch.json\tfor muster plan SOURCE --against URL\n"
                "muster snapshot | ssh build muster plan src --against -\twithout a file",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 0,
    .max_arguments = 0,
    .run = run,
};

/* command_web.c: a link that signs in to the web page. */
#include <string.h>
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"
#include "reconciler/cli/session.h"

/* Each option may hold several, separated by commas. New. */
static json_t *scopes_of(char *const *options)
{
    json_t *list = json_array();
    for (; options && *options; options++) {
        g_auto(GStrv) names = g_strsplit(*options, ",", -1);
        for (char **name = names; *name; name++)
            json_array_append_new(list, json_string(g_strstrip(*name)));
    }
    return list;
}

/* Where the browser finds it: as the daemon says, or at the address by which it was reached. New string. */
static char *link_of(const char *server, const json_t *answer)
{
    if (!server)
        return g_strdup(member_text(answer, "url"));
    size_t len = strlen(server);
    while (len && server[len - 1] == '/')
        len--;
    return g_strdup_printf("%.*s%s", (int)len, server, member_text(answer, "path"));
}

static int open_link(const char *link)
{
    g_autoptr(GError) error = NULL;
    const char *const command[] = {"xdg-open", link, NULL};
    if (g_spawn_async(NULL, (char **)(uintptr_t)command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &error))
        return EXIT_OK;
    return report_failure(EXIT_ERROR, "--open: %s; open the link by hand", error->message);
}

static int print_link(const Invocation *invocation, json_t *answer)
{
    OutputFormat format = output_format(invocation->options.output);
    g_autofree char *link = link_of(server_url(invocation->options.server), answer);
    json_object_set_new(answer, "url", json_string(link));
    json_object_del(answer, "path");
    if (format == OUTPUT_JSON) {
        output_json(answer);
    } else if (format == OUTPUT_YAML) {
        output_yaml(answer);
    } else {
        g_autoptr(GString) out = g_string_new(link);
        g_string_append_c(out, '\n');
        output_string(out);
        report_note("it signs in once, within %d seconds", (int)member_integer(answer, "seconds"));
    }
    return invocation->options.open ? open_link(link) : EXIT_OK;
}

static int ask(Invocation *invocation, Session *session)
{
    g_autoptr(GError) error = NULL;
    json_t *request = json_object();
    if (backend_is_offline(session->backend)) {
        json_decref(request);
        return report_failure(EXIT_ERROR,
                              "nothing hosts %s, so there is no web page: start muster serve --listen :8080",
                              session->state_dir);
    }
    if (invocation->options.scopes)
        json_object_set_new(request, "scopes", scopes_of(invocation->options.scopes));
    json_t *answer = backend_call(session->backend, "weblink", request, &error);
    if (!answer)
        return session_fail(invocation, error, NULL);
    int code = print_link(invocation, answer);
    json_decref(answer);
    return code;
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return session_fail(invocation, error, NULL);
    return session_close(&session, ask(invocation, &session));
}

static const OptionSpec options[] = {
    {"scope", 0, OPTION_LIST, OPTION(scopes), "SCOPE",
     "what may be done there: read, submit, register, admin (repeatable, or with commas); without it all "
     "that "
     "you may",
     NULL},
    {"open", 0, OPTION_FLAG, OPTION(open), NULL, "open it in the browser (xdg-open)", NULL},
    OPTION_OUTPUT,
};

const Command command_web = {
    .name = "web",
    .group = GROUP_LOOKING,
    .arguments = "",
    .summary = "a link that signs in to the web page",
    .description =
        "Prints a link to the daemon's web page that signs in who opens it first, within a minute. Whoever "
        "may "
        "open the daemon's socket may do everything on the page; --scope read narrows that, for a screen on "
        "a "
        "wall or for showing it to somebody.\n\n"
        "With --server the link is asked for with a key, and on the page may be done what the key may: the "
        "same scopes, the same queues. It ends when the key is revoked or expires.\n\n"
        "The page is there when the daemon listens over TCP (muster serve --listen :8080). Who has signed in "
        "stays so for a day, or until eight hours went by without a look, and until the daemon is started "
        "anew. docs/access.md tells how others sign in: through a proxy, or with OpenID Connect.",
    .examples = "muster web\ta link\n"
                "muster web --open\tthe browser opens it\n"
                "muster web --scope read\twho opens it changes nothing\n"
                "muster web --server https://batch.example.org:8443\twith a key, from elsewhere",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 0,
    .max_arguments = 0,
    .exits = EXITS(EXIT_REFUSED),
    .run = run,
};

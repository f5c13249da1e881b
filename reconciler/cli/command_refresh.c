/* command_refresh.c: an environment takes the newest images and the newest version of its launch template. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/report.h"

/* NAME, or ComputeEnvironment/NAME. */
static bool parse(const char *argument, Lookup *lookup, GError **error)
{
    if (!strchr(argument, '/')) {
        *lookup = (Lookup){.type = LOOKUP_RESOURCE, .kind = KIND_COMPUTE_ENVIRONMENT, .name = argument};
        return true;
    }
    if (!lookup_parse_pair(argument, lookup, error))
        return false;
    if (lookup->type == LOOKUP_RESOURCE && lookup->kind == KIND_COMPUTE_ENVIRONMENT)
        return true;
    g_set_error(
        error, CLI_ERROR, EXIT_ERROR,
        "%s: only a ComputeEnvironment is made from images and launch templates, as in: muster refresh "
        "ComputeEnvironment/spot",
        argument);
    return false;
}

static void print_answer(const Lookup *lookup, const json_t *answer)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *newer = printable(member_text(answer, "newer"));
    if (*newer)
        g_string_append_printf(out, "ComputeEnvironment/%s  %s\n", lookup->name, newer);
    g_string_append_printf(
        out,
        "ComputeEnvironment/%s: what is newest is looked up and taken; instances that were "
        "made from something else are replaced\n",
        lookup->name);
    output_string(out);
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    Lookup lookup = {0};
    kinds_init();
    if (!parse(invocation->arguments[0], &lookup, &error))
        return report_error(error);
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error))
        return session_fail(invocation, error, NULL);
    json_t *request = json_pack("{s:s,s:s}", "name", lookup.name, "actor", g_get_user_name());
    json_t *answer = backend_call(session.backend, "refresh", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    print_answer(&lookup, answer);
    json_decref(answer);
    return session_close(&session, EXIT_OK);
}

const Command command_refresh = {
    .name = "refresh",
    .group = GROUP_RUNNING,
    .arguments = "ENVIRONMENT",
    .summary = "take the newest images and launch template version",
    .description =
        "Looks up what $Latest or $Default of the environment's launch template and the newest images of "
        "AWS stand for now, and pins that. Where it is another than before, instances are replaced as in any "
        "rolling update (updatePolicy). muster status and plan show what is newer.\n\n"
        "It is done whatever spec.refresh says; with refresh: manual nothing else does it.",
    .examples = "muster refresh spot\tthe environment spot\n"
                "muster refresh ComputeEnvironment/spot\tthe same",
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_REFUSED),
    .run = run,
};

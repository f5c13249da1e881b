/* command_forget.c: a source lets a resource go, which stays. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/report.h"

static void print_forgotten(const Lookup *lookup, const json_t *answer)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *owner = printable(member_text(answer, "owner"));
    const char *kind = kind_name(lookup->kind);
    if (json_is_true(json_object_get(answer, "changed")))
        g_string_append_printf(out, "%s/%s forgotten: it stays as it is, and is not source %s's any more\n",
                               kind, lookup->name, owner);
    else
        g_string_append_printf(out, "%s/%s is of no source already\n", kind, lookup->name);
    output_string(out);
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    Lookup lookup;
    kinds_init();
    if (!lookup_parse_pair(invocation->arguments[0], &lookup, &error))
        return report_error(error);
    if (lookup.type != LOOKUP_RESOURCE)
        return report_failure(EXIT_ERROR, "a Job is its runs, and what ran stays: remove its manifest "
                                          "(onDelete: keep)");
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error))
        return session_fail(invocation, error, NULL);
    json_t *request = json_pack("{s:s,s:s,s:s}", "kind", kind_name(lookup.kind), "name", lookup.name, "actor",
                                g_get_user_name());
    json_t *answer = backend_call(session.backend, "forget", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    print_forgotten(&lookup, answer);
    json_decref(answer);
    return session_close(&session, EXIT_OK);
}

const Command command_forget = {
    .name = "forget",
    .group = GROUP_MANIFESTS,
    .arguments = "KIND/NAME",
    .summary = "let a resource go without deleting it",
    .description =
        "The resource stays in force as it is and goes on working; no source owns it any more. So removing "
        "its "
        "manifest deletes nothing, muster destroy leaves it alone, and a manifest of that name that is still "
        "in a source is not carried out: plan lists it as unmanaged.\n\n"
        "A source takes it over when its manifest says so: the annotation muster/adopt: always (as the "
        "manifest says), or if-identical (when nothing differs). That is how a resource moves from one "
        "source "
        "to another.",
    .examples = "muster forget JobQueue/high\tits source may drop it now\n"
                "muster history JobQueue/high\twho let it go, and when",
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_REFUSED),
    .run = run,
};

/* command_override.c: a field of a resource holds another value for a while. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "spec/base/units.h"

/* KIND/NAME and, for --clear, perhaps a field; else FIELD=VALUE. */
static json_t *request_of(const Invocation *invocation, Lookup *lookup, GError **error)
{
    const Options *options = &invocation->options;
    const char *assignment = invocation->arguments_len > 1 ? invocation->arguments[1] : NULL;
    const char *equals = assignment ? strchr(assignment, '=') : NULL;
    int64_t for_ms = 0, number = 0;
    if (!lookup_parse_pair(invocation->arguments[0], lookup, error))
        return NULL;
    const char *kind = lookup->type == LOOKUP_RESOURCE ? kind_name(lookup->kind) : kind_name(KIND_JOB);
    if (options->clear) {
        g_autofree char *field =
            assignment ? g_strndup(assignment, equals ? (gsize)(equals - assignment) : strlen(assignment))
                       : NULL;
        return json_pack("{s:s,s:s,s:s*,s:b,s:s}", "kind", kind, "name", lookup->name, "field", field,
                         "clear", true, "actor", g_get_user_name());
    }
    if (!equals || !options->lasting || !options->reason) {
        g_set_error_literal(error, CLI_ERROR, EXIT_ERROR,
                            "FIELD=VALUE, --for and --reason are expected, as in: muster override "
                            "JobQueue/high priority=100 --for 2h --reason \"release\" (or --clear)");
        return NULL;
    }
    if (!option_duration("for", options->lasting, &for_ms, error))
        return NULL;
    g_autofree char *field = g_strndup(assignment, (gsize)(equals - assignment));
    json_t *value =
        integer_parse(view_from(equals + 1), &number) ? json_integer(number) : json_string(equals + 1);
    return json_pack("{s:s,s:s,s:s,s:o,s:I,s:s,s:s}", "kind", kind, "name", lookup->name, "field", field,
                     "value", value, "forMs", (json_int_t)for_ms, "reason", options->reason, "actor",
                     g_get_user_name());
}

static void print_answer(const Invocation *invocation, const Lookup *lookup, const json_t *answer)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *until = time_local(member_integer(answer, "until"));
    int64_t cleared = member_integer(answer, "cleared");
    const char *kind = kind_name(lookup->kind);
    if (!invocation->options.clear)
        g_string_append_printf(out, "%s/%s %s until %s\n", kind, lookup->name, invocation->arguments[1],
                               until);
    else if (cleared)
        g_string_append_printf(out, "%s/%s is again what is declared\n", kind, lookup->name);
    else
        g_string_append_printf(out, "%s/%s has no such override\n", kind, lookup->name);
    output_string(out);
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    Lookup lookup = {0};
    kinds_init();
    json_t *request = request_of(invocation, &lookup, &error);
    if (!request)
        return report_error(error);
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error)) {
        json_decref(request);
        return session_fail(invocation, error, NULL);
    }
    json_t *answer = backend_call(session.backend, "override", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    print_answer(invocation, &lookup, answer);
    json_decref(answer);
    return session_close(&session, EXIT_OK);
}

static const OptionSpec options[] = {
    {"for", 0, OPTION_TEXT, OPTION(lasting), "D", "how long (90s, 10m, 2h, 3d), at most 366 days", NULL},
    {"reason", 0, OPTION_TEXT, OPTION(reason), "R", "why; told with it wherever it is shown", NULL},
    {"clear", 0, OPTION_FLAG, OPTION(clear), NULL, "end the override of FIELD, or all of the resource", NULL},
};

const Command command_override = {
    .name = "override",
    .group = GROUP_RUNNING,
    .arguments = "KIND/NAME FIELD=VALUE | KIND/NAME [FIELD] --clear",
    .summary = "let a field hold another value for a while",
    .description =
        "The field holds the value at once, whatever the manifest says, and by itself no longer when the "
        "time "
        "is over. No source and no apply takes it back before: each plan shows it, and so do describe and "
        "status. state and priority of a JobQueue can be overridden, and state, minvCpus and maxvCpus of a "
        "ComputeEnvironment.\n\n"
        "What was overridden, by whom, why and until when stands in history and events.",
    .examples =
        "muster override JobQueue/high priority=100 --for 2h --reason \"release\"\tahead of the others until "
        "then\n"
        "muster override ComputeEnvironment/spot maxvCpus=64 --for 1d --reason \"budget\"\tbuy less today\n"
        "muster override JobQueue/high --clear\tas declared again",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 2,
    .exits = EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_REFUSED),
    .run = run,
};

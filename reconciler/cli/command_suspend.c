/* command_suspend.c: suspend and resume: whether the clock starts a pipeline. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

static int change(Invocation *invocation, bool is_suspended)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    const char *name = invocation->arguments[0];
    if (g_str_has_prefix(name, "Pipeline/"))
        name += strlen("Pipeline/");
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error))
        return session_fail(invocation, error, NULL);
    json_t *request = json_pack("{s:s,s:b}", "pipeline", name, "suspended", is_suspended);
    json_t *answer = backend_call(session.backend, "suspend", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    g_autoptr(GString) out = g_string_new(NULL);
    bool is_changed = json_is_true(json_object_get(answer, "changed"));
    g_string_append_printf(out, "Pipeline/%s %s%s\n", name, is_changed ? "" : "is already ",
                           is_suspended ? "suspended"
                           : is_changed ? "resumed"
                                        : "active");
    output_string(out);
    if (!member_integer(answer, "schedules"))
        report_note("Pipeline/%s has no schedule", name);
    json_decref(answer);
    return session_close(&session, EXIT_OK);
}

static int run_suspend(Invocation *invocation)
{
    return change(invocation, true);
}

static int run_resume(Invocation *invocation)
{
    return change(invocation, false);
}

const Command command_suspend = {
    .name = "suspend",
    .group = GROUP_RUNNING,
    .arguments = "PIPELINE",
    .summary = "let no schedule start a pipeline",
    .description =
        "Until it is resumed the clock starts no run of the pipeline. Runs that are under way go on, "
        "changes of the manifest and muster start begin runs as ever.\n\n"
        "What comes due meanwhile is left out for good: resuming makes up for nothing.",
    .examples = "muster suspend nightly\tno run tonight",
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run_suspend,
};

const Command command_resume = {
    .name = "resume",
    .group = GROUP_RUNNING,
    .arguments = "PIPELINE",
    .summary = "let schedules start a pipeline again",
    .description = "The next time of its schedules is the first that starts a run again.",
    .examples = "muster resume nightly\ttonight again",
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run_resume,
};

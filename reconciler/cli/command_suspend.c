/* command_suspend.c: suspend and resume: whether the clock starts a pipeline, and whether what is new in a
 * source is carried out. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

#define PIPELINE_PREFIX "Pipeline/"
#define SOURCE_PREFIX   "source/"

/* "Pipeline/NAME", "source/NAME", or a name that may be of either. */
static void set_subject(json_t *request, const char *text)
{
    if (g_str_has_prefix(text, PIPELINE_PREFIX))
        json_object_set_new(request, "pipeline", json_string(text + strlen(PIPELINE_PREFIX)));
    else if (g_str_has_prefix(text, SOURCE_PREFIX))
        json_object_set_new(request, "source", json_string(text + strlen(SOURCE_PREFIX)));
    else
        json_object_set_new(request, "name", json_string(text));
}

static bool check_options(const Invocation *invocation, GError **error)
{
    const Options *options = &invocation->options;
    const char *subject = invocation->arguments[0];
    const char *fault = NULL;
    bool has_end = options->lasting || options->until;
    if (options->lasting && options->until)
        fault = "--for and --until say the same: give one of them";
    else if (has_end && !options->reason)
        fault = "--reason is expected: it says why the source is suspended";
    else if (g_str_has_prefix(subject, PIPELINE_PREFIX) && options->reason)
        fault = "a pipeline is suspended without a reason and a time";
    else if (g_str_has_prefix(subject, SOURCE_PREFIX) && !options->reason)
        fault = "--reason is expected: it says why, wherever the suspension is shown";
    if (fault)
        g_set_error_literal(error, CLI_ERROR, EXIT_ERROR, fault);
    return !fault;
}

static json_t *suspend_request(const Invocation *invocation, GError **error)
{
    const Options *options = &invocation->options;
    int64_t for_ms = 0, until_ms = 0;
    if (!check_options(invocation, error) || !option_duration("for", options->lasting, &for_ms, error) ||
        !option_time("until", options->until, &until_ms, error))
        return NULL;
    json_t *request =
        json_pack("{s:b,s:s*,s:s}", "suspended", true, "reason", options->reason, "actor", g_get_user_name());
    set_subject(request, invocation->arguments[0]);
    if (options->lasting)
        json_object_set_new(request, "forMs", json_integer(for_ms));
    if (options->until)
        json_object_set_new(request, "until", json_integer(until_ms));
    return request;
}

static void print_pipeline(const json_t *answer, GString *out)
{
    bool is_suspended = json_is_true(json_object_get(answer, "suspended")),
         is_changed = json_is_true(json_object_get(answer, "changed"));
    const char *name = member_text(answer, "name");
    g_string_append_printf(out, "Pipeline/%s %s%s\n", name, is_changed ? "" : "is already ",
                           is_suspended ? "suspended"
                           : is_changed ? "resumed"
                                        : "active");
    if (!member_integer(answer, "schedules"))
        report_note("Pipeline/%s has no schedule", name);
}

static void print_source(const json_t *answer, GString *out)
{
    int64_t until_ms = member_integer(answer, "until");
    g_autofree char *until = until_ms ? time_local(until_ms) : NULL;
    const char *name = member_text(answer, "name");
    if (json_is_true(json_object_get(answer, "suspended")))
        g_string_append_printf(out, "source %s suspended until %s\n", name, until ? until : "it is resumed");
    else
        g_string_append_printf(out, "source %s %s\n", name,
                               json_is_true(json_object_get(answer, "changed")) ? "resumed"
                                                                                : "is not suspended");
}

/* request is taken. */
static int change(Invocation *invocation, json_t *request)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_COMMIT, &session, &error)) {
        json_decref(request);
        return session_fail(invocation, error, NULL);
    }
    json_t *answer = backend_call(session.backend, "suspend", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    g_autoptr(GString) out = g_string_new(NULL);
    if (strcmp(member_text(answer, "kind"), "source") == 0)
        print_source(answer, out);
    else
        print_pipeline(answer, out);
    output_string(out);
    json_decref(answer);
    return session_close(&session, EXIT_OK);
}

static int run_suspend(Invocation *invocation)
{
    g_autoptr(GError) error = NULL;
    json_t *request = suspend_request(invocation, &error);
    return request ? change(invocation, request) : report_error(error);
}

static int run_resume(Invocation *invocation)
{
    json_t *request = json_pack("{s:b,s:s}", "suspended", false, "actor", g_get_user_name());
    set_subject(request, invocation->arguments[0]);
    return change(invocation, request);
}

static const OptionSpec suspend_options[] = {
    {"reason", 0, OPTION_TEXT, OPTION(reason), "R", "of a source: why; told with it wherever it is shown",
     NULL},
    {"until", 0, OPTION_TEXT, OPTION(until), "T",
     "of a source: until this time (2026-07-20T14:00Z), then it goes on by itself", NULL},
    {"for", 0, OPTION_TEXT, OPTION(lasting), "D", "of a source: so long (90m, 2h, 3d)", NULL},
};

const Command command_suspend = {
    .name = "suspend",
    .group = GROUP_RUNNING,
    .arguments = "SOURCE --reason R | PIPELINE",
    .summary = "let a source not be followed, or no schedule start a pipeline",
    .description =
        "A source that is suspended is not followed: the daemon sees what is new and tells it, and carries "
        "nothing of it out until the source is resumed or its time is over. What was applied stays in force, "
        "jobs go on, and muster apply and muster rollback may change it meanwhile. status, events and "
        "history "
        "show who suspended it, why and until when; a restart changes nothing about it.\n\n"
        "Of a pipeline the clock starts no run until it is resumed. Runs that are under way go on, changes "
        "of the manifest and muster start begin runs as ever. What comes due meanwhile is left out for good: "
        "resuming makes up for nothing.\n\n"
        "A name with --reason is a source's, without it a pipeline's; source/NAME and Pipeline/NAME say "
        "which.",
    .examples = "muster suspend prod --reason \"release 7 is broken\" --for 2h\tkeep what is in force\n"
                "muster suspend nightly\tno run tonight",
    .options = suspend_options,
    .options_len = G_N_ELEMENTS(suspend_options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run_suspend,
};

const Command command_resume = {
    .name = "resume",
    .group = GROUP_RUNNING,
    .arguments = "SOURCE | PIPELINE",
    .summary = "let a source be followed, or schedules start a pipeline, again",
    .description = "The newest revision of the source is carried out at once where a daemon follows it. Of a "
                   "pipeline the next time of its schedules is the first that starts a run again.",
    .examples = "muster resume prod\tits branch is in force again\n"
                "muster resume nightly\ttonight again",
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run_resume,
};

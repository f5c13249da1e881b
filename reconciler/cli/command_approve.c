/* command_approve.c: let a plan that waits be carried out. */
#include "reconciler/cli/follow.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"

typedef struct {
    int64_t allow_deletes; /* -1: not given */
    const char *first_run; /* "start", "record" or NULL */
    FollowOptions follow;
} Approval;

/* Only a daemon has a plan that waits; nothing is hosted to find that out. */
static bool is_hosted(Invocation *invocation, int *ret_code)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_READ, &session, &error)) {
        *ret_code = session_fail(invocation, error, NULL);
        return false;
    }
    if (!backend_is_offline(session.backend))
        return true;
    *ret_code = report_failure(EXIT_ERROR,
                               "nothing hosts %s: only the daemon that follows a source carries out its plan "
                               "that waits; start muster serve, then approve",
                               session.state_dir);
    return false;
}

static void print_approved(const json_t *answer)
{
    const json_t *plan = json_object_get(answer, "plan");
    g_autofree char *summary = summary_text(json_object_get(plan, "summary"));
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "Approved plan %.8s of source %s: %s.\n", member_text(plan, "id"),
                           member_text(json_object_get(plan, "source"), "name"), summary);
    output_string(out);
}

static int approve(Invocation *invocation, Session *session, const Approval *approval)
{
    g_autoptr(GError) error = NULL;
    json_t *request = json_pack("{s:s}", "planId", invocation->arguments[0]);
    if (approval->allow_deletes >= 0)
        json_object_set_new(request, "allowDeletes", json_integer(approval->allow_deletes));
    if (approval->first_run)
        json_object_set_new(request, "firstRun", json_string(approval->first_run));
    json_t *answer = backend_call(session->backend, "approve", request, &error);
    if (!answer)
        return session_fail(invocation, error,
                            "whether it was approved is not known: muster status shows it");
    json_int_t apply_id = json_integer_value(json_object_get(answer, "applyId"));
    print_approved(answer);
    json_decref(answer);
    if (approval->follow.want == WANT_NONE)
        return EXIT_OK;
    int code = follow_apply(invocation, session, apply_id, &approval->follow);
    if (code == EXIT_OK && approval->follow.want == WANT_RESOURCES)
        output_write("Applied.\n", strlen("Applied.\n"));
    return code;
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    Approval approval = {
        -1, options->first_run, {.want = want_from(options->wait_for, WANT_RESOURCES), .what = "the apply"}};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    int code = EXIT_OK;
    if (!option_integer("allow-deletes", options->allow_deletes, 0, INT64_MAX, &approval.allow_deletes,
                        &error) ||
        !option_duration("timeout", options->timeout, &approval.follow.timeout_ms, &error))
        return report_error(error);
    if (!is_hosted(invocation, &code))
        return code;
    /* Should the daemon end meanwhile, this process goes on with what was approved, as apply does. */
    if (!session_open_here(invocation, BACKEND_HOST, &session, &error))
        return session_fail(invocation, error, NULL);
    return session_close(&session, approve(invocation, &session, &approval));
}

static const OptionSpec options[] = {
    {"allow-deletes", 0, OPTION_TEXT, OPTION(allow_deletes), "N",
     "let up to N resources be deleted or replaced, as muster status says", NULL},
    {"first-run", 0, OPTION_TEXT, OPTION(first_run), "MODE",
     "where the source has no history here: start its jobs, or record them as done", "start|record"},
    OPTION_WAIT_FOR,
    OPTION_TIMEOUT,
};

const Command command_approve = {
    .name = "approve",
    .group = GROUP_MANIFESTS,
    .arguments = "PLAN-ID",
    .summary = "carry out a plan that waits",
    .description =
        "The daemon holds the plan of a source whose muster.yaml (or the policy) says approval: required, "
        "any plan that would delete too much at once, and the first plan of a source that would start jobs "
        "on aws. muster status shows which waits, what it would do and why it waits; approve lets the daemon "
        "carry it out, and waits like apply.\n\n"
        "PLAN-ID is the id that plan and status show, or at least its first 8 characters. It names what "
        "changes, not a commit: the plan is made again, and carried out only if it is still that one. A "
        "plan that something newer took the place of is refused, with what differs (exit code 3); an id "
        "that no plan has ends with 6.\n\n"
        "muster events tells who approved what.",
    .examples = "muster approve 7f3a9c01\twhat muster status shows\n"
                "muster approve 7f3a9c01 --allow-deletes 7\tone that deletes seven resources\n"
                "muster approve 7f3a9c01 --first-run record\tthe first of a source whose jobs ran elsewhere",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_TIMED_OUT) | EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .run = run,
};

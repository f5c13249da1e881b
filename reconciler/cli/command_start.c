/* command_start.c: start and rerun: a run by hand. */
#include "reconciler/cli/follow.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"

/* Prints the run's name and waits for it where that was asked for, or where nobody else would carry it out.
 */
static int finish(Invocation *invocation, Session *session, const json_t *run)
{
    const Options *options = &invocation->options;
    FollowOptions follow = {
        .want = want_from(options->wait_for, backend_hosts(session->backend) ? WANT_JOBS : WANT_NONE),
        .what = "the run"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    if (!option_duration("timeout", options->timeout, &follow.timeout_ms, &error))
        return report_error(error);
    g_string_append_printf(out, "%s/%s run %" G_GINT64_FORMAT " %s\n", member_text(run, "kind"),
                           member_text(run, "name"), member_integer(run, "number"), member_text(run, "id"));
    output_string(out);
    if (follow.want == WANT_NONE) {
        session_note_unhosted(session);
        return EXIT_OK;
    }
    return follow_run(invocation, session, run, &follow);
}

static int begin(Invocation *invocation, const char *operation, json_t *request)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!session_open_here(invocation, BACKEND_HOST, &session, &error)) {
        json_decref(request);
        return session_fail(invocation, error, NULL);
    }
    json_t *answer = backend_call(session.backend, operation, request, &error);
    const json_t *run = json_object_get(answer, "run");
    int code;
    if (run)
        code = finish(invocation, &session, run);
    else if (answer)
        code = report_failure(EXIT_ERROR, "the daemon answered without a run");
    else
        code =
            session_fail(invocation, error, "whether it was started is not known: muster get runs shows it");
    json_decref(answer);
    return session_close(&session, code);
}

static int run_start_command(Invocation *invocation)
{
    g_autoptr(GError) error = NULL;
    json_t *parameters = json_object();
    const char *pipeline = invocation->arguments[0];
    if (g_str_has_prefix(pipeline, "Pipeline/"))
        pipeline += strlen("Pipeline/");
    for (char **at = invocation->options.parameters; at && *at; at++) {
        const char *value = option_pair("parameter", *at, &error);
        if (!value) {
            json_decref(parameters);
            return report_error(error);
        }
        g_autofree char *name = g_strndup(*at, (gsize)(value - 1 - *at));
        json_object_set_new(parameters, name, json_string(value));
    }
    json_t *request = json_pack("{s:s,s:o}", "pipeline", pipeline, "parameters", parameters);
    if (!json_object_size(parameters))
        json_object_del(request, "parameters");
    return begin(invocation, "start", request);
}

static int run_rerun(Invocation *invocation)
{
    g_autoptr(GError) error = NULL;
    Lookup lookup;
    kinds_init();
    if (!lookup_parse_pair(invocation->arguments[0], &lookup, &error))
        return report_error(error);
    bool has_runs =
        lookup.type == LOOKUP_JOBS || (lookup.type == LOOKUP_RESOURCE && lookup.kind == KIND_PIPELINE);
    if (!has_runs)
        return report_failure(EXIT_ERROR, "%s: only a Job or a Pipeline runs", invocation->arguments[0]);
    json_t *request = json_pack("{s:s,s:s}", "kind", kind_name(lookup.kind), "name", lookup.name);
    if (invocation->options.failed)
        json_object_set_new(request, "failed", json_true());
    return begin(invocation, "rerun", request);
}

#define OPTIONS_OF_RUNS                                                                                      \
    {"wait",           0,     OPTION_TEXT,                                                                   \
     OPTION(wait_for), "FOR", "jobs: until the run has ended (default without a daemon); none",              \
     "jobs|none"},                                                                                           \
        OPTION_TIMEOUT

static const OptionSpec start_options[] = {
    {"parameter", 0, OPTION_LIST, OPTION(parameters), "K=V", "a parameter of this run; may be repeated",
     NULL},
    OPTIONS_OF_RUNS,
};
static const OptionSpec rerun_options[] = {
    {"failed", 0, OPTION_FLAG, OPTION(failed), NULL, "only what failed last time, and what depends on it",
     NULL},
    OPTIONS_OF_RUNS,
};

const Command command_start = {
    .name = "start",
    .group = GROUP_RUNNING,
    .arguments = "PIPELINE",
    .summary = "run a pipeline now",
    .description = "Starts a run of a pipeline that has been applied, whatever its triggers are, and prints "
                   "the run. With a daemon the "
                   "command ends there unless --wait jobs is given; without one it hosts the reconciler "
                   "until the run has ended.",
    .examples =
        "muster start nightly\tnow instead of tonight\n"
        "muster start nightly --parameter reference=GRCh38 --wait jobs\twith a parameter, until it has ended",
    .options = start_options,
    .options_len = G_N_ELEMENTS(start_options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_TIMED_OUT) | EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .run = run_start_command,
};

const Command command_rerun = {
    .name = "rerun",
    .group = GROUP_RUNNING,
    .arguments = "KIND/NAME",
    .summary = "run a Job or Pipeline again",
    .description = "Nothing that has finished repeats by itself; this repeats it on purpose: a new run of "
                   "the same Job or Pipeline. "
                   "With a daemon the command ends when the run has been started unless --wait jobs is "
                   "given; without one it hosts the "
                   "reconciler until the run has ended.",
    .examples = "muster rerun Job/report\tonce more\n"
                "muster rerun Pipeline/nightly --failed\tonly what failed",
    .options = rerun_options,
    .options_len = G_N_ELEMENTS(rerun_options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_TIMED_OUT) | EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .run = run_rerun,
};

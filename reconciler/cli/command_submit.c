#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "reconciler/cli/follow.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/submit_body.h"

/* ---- sending
 * ------------------------------------------------------------------------------------------------------ */

/* Ids of what was submitted, new reference to an array; NULL with error. */
static json_t *submit_one(Session *session, json_t *body, GError **error)
{
    json_t *answer = backend_call(session->backend, "submit", body, error);
    json_t *id = json_object_get(answer, "jobId");
    json_t *ids = id ? json_pack("[O]", id) : NULL;
    if (answer && !ids)
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "the daemon answered without a job id");
    json_decref(answer);
    return ids;
}

static FILE *open_lines(const char *path, int64_t *ret_size, GError **error)
{
    struct stat status;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!file) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    *ret_size =
        fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && file != stdin ? status.st_size : -1;
    return file;
}

/* Many lines are committed in several steps: where none answered, the first ones may be there. A refusal is
 * an answer: then none is. */
static void note_first_lines(gint64 started_us, const GError *error)
{
    if (error->domain == CLI_ERROR)
        return;
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(started_us / G_USEC_PER_SEC);
    g_autofree char *since = g_date_time_format(utc, "%Y-%m-%dT%H:%M:%SZ");
    report_note("the first lines may have been submitted, and will run: `muster get jobs --created-after %s "
                "--limit 1000000` lists what there is; do not submit them again",
                since);
}

static json_t *submit_lines(Session *session, FILE *file, int64_t size, GError **error)
{
    gint64 started_us = g_get_real_time();
    g_autoptr(GError) cause = NULL;
    json_t *answer = backend_upload(session->backend, "bulk", file, size, &cause), *ids = json_array();
    if (!answer) {
        note_first_lines(started_us, cause);
        g_propagate_error(error, g_steal_pointer(&cause));
    }
    size_t index;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), index, job)
        json_array_append(ids, json_object_get(job, "jobId"));
    if (!answer)
        g_clear_pointer(&ids, json_decref);
    json_decref(answer);
    return ids;
}

/* ---- answering
 * ---------------------------------------------------------------------------------------------------- */

static void print_ids(const json_t *ids)
{
    g_autoptr(GString) out = g_string_new(NULL);
    size_t index;
    json_t *id;
    json_array_foreach(ids, index, id) g_string_append_printf(out, "%s\n", json_string_value(id));
    output_string(out);
}

static void report_failed(const json_t *answer)
{
    size_t index;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), index, job)
    {
        if (strcmp(member_text(job, "status"), "FAILED") == 0)
            report_failure(EXIT_WORK_FAILED, "%s %s failed: %s", member_text(job, "jobName"),
                           member_text(job, "jobId"), member_text(job, "statusReason"));
    }
}

static int wait_for(Invocation *invocation, Session *session, json_t *ids)
{
    FollowOptions follow = {.want = WANT_JOBS, .what = "submit --wait"};
    json_t *answer = NULL;
    int code = follow_jobs(invocation, session, ids, &follow, &answer);
    if (code == EXIT_WORK_FAILED)
        report_failed(answer);
    json_decref(answer);
    return code;
}

static int finish(Invocation *invocation, Session *session, json_t *ids, const GError *error)
{
    if (!ids)
        return session_fail(invocation, error,
                            "whether it was submitted is not known: muster get jobs shows it");
    print_ids(ids);
    if (invocation->options.wait)
        return wait_for(invocation, session, ids);
    session_note_unhosted(session);
    return EXIT_OK;
}

/* ---- the command
 * -------------------------------------------------------------------------------------------------- */

static int run_one(Invocation *invocation, BackendNeed need)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    json_t *body = submit_body(&invocation->options, invocation->rest, &error);
    if (!body)
        return report_error(error);
    if (!session_open_here(invocation, need, &session, &error)) {
        json_decref(body);
        return session_fail(invocation, error, NULL);
    }
    json_t *ids = submit_one(&session, body, &error);
    int code = finish(invocation, &session, ids, error);
    json_decref(ids);
    return session_close(&session, code);
}

static int run_lines(Invocation *invocation, BackendNeed need)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    int64_t size;
    FILE *file = open_lines(invocation->options.file, &size, &error);
    if (!file)
        return report_error(error);
    json_t *ids = NULL;
    if (session_open_here(invocation, need, &session, &error))
        ids = submit_lines(&session, file, size, &error);
    if (file != stdin)
        fclose(file);
    int code =
        session.backend ? finish(invocation, &session, ids, error) : session_fail(invocation, error, NULL);
    json_decref(ids);
    return session_close(&session, code);
}

/* --file takes everything from its lines. */
static bool has_job_options(const Options *options)
{
    return options->queue || options->definition || options->name || options->array ||
           options->share_identifier || options->vcpus || options->memory || options->gpus ||
           options->job_timeout || options->attempts || options->depends_on || options->parameters ||
           options->env;
}

static int run(Invocation *invocation)
{
    BackendNeed need = invocation->options.wait ? BACKEND_HOST : BACKEND_COMMIT;
    if (!invocation->options.file)
        return run_one(invocation, need);
    if (has_job_options(&invocation->options) || invocation->rest)
        return report_failure(EXIT_ERROR, "--file stands alone: what a job is stands in its line");
    return run_lines(invocation, need);
}

static const OptionSpec options[] = {
    {"queue", 0, OPTION_TEXT, OPTION(queue), "Q", "the job queue", NULL},
    {"definition", 0, OPTION_TEXT, OPTION(definition), "D",
     "job definition: NAME, NAME:REVISION or NAME@sha256:…", NULL},
    {"name", 0, OPTION_TEXT, OPTION(name), "N", "the job's name (default: the definition's)", NULL},
    {"array", 0, OPTION_TEXT, OPTION(array), "N", "an array of N children, 2 to 10000", NULL},
    {"depends-on", 0, OPTION_LIST, OPTION(depends_on), "ID[:TYPE]",
     "wait for this job; TYPE is N_TO_N or SEQUENTIAL; may be repeated", NULL},
    {"share-identifier", 0, OPTION_TEXT, OPTION(share_identifier), "S", "share of a fair-share queue", NULL},
    {"parameter", 0, OPTION_LIST, OPTION(parameters), "K=V",
     "value for Ref::K in the command; may be repeated", NULL},
    {"env", 0, OPTION_LIST, OPTION(env), "K=V", "environment variable of the job; may be repeated", NULL},
    {"vcpus", 0, OPTION_TEXT, OPTION(vcpus), "N", "vCPUs", NULL},
    {"memory", 0, OPTION_TEXT, OPTION(memory), "MIB", "memory in MiB", NULL},
    {"gpus", 0, OPTION_TEXT, OPTION(gpus), "N", "GPUs", NULL},
    {"timeout", 0, OPTION_TEXT, OPTION(job_timeout), "S", "end an attempt after so many seconds (or 10m, 2h)",
     NULL},
    {"attempts", 0, OPTION_TEXT, OPTION(attempts), "N", "try up to N times, 1 to 10", NULL},
    {"file", 0, OPTION_TEXT, OPTION(file), "JSONL", "one SubmitJob object per line; - is standard input",
     NULL},
    {"wait", 0, OPTION_FLAG, OPTION(wait), NULL,
     "until it has ended; hosts the reconciler where nothing does", NULL},
};

const Command command_submit = {
    .name = "submit",
    .group = GROUP_JOBS,
    .arguments = "--queue Q --definition D [-- COMMAND…] | --file JSONL",
    .summary = "submit a job, or many",
    .description =
        "Submits one job and prints its id; what follows -- replaces the definition's command. "
        "--file submits one job per "
        "line (the members of Batch's SubmitJob) and prints the ids in the same order: all of "
        "them, or none when a line is "
        "at fault. They are committed in several steps, in the order of the lines: when what hosts the "
        "reconciler is killed or the machine stops before the ids are printed, the first of them may have "
        "been submitted, and the command says how to list these.\n\n"
        "Without a daemon the job is committed and waits: nothing starts until something hosts "
        "(muster serve, apply, wait; "
        "or submit --wait).",
    .examples = "muster submit --queue high --definition hello\tone job\n"
                "muster submit --queue high --definition sh --wait -- echo hi\tanother command, and wait\n"
                "muster submit --queue high --definition render --array 64 --env SCENE=7\tan array\n"
                "generate | muster submit --file -\tthousands",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 0,
    .max_arguments = 0,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .takes_rest = true,
    .run = run,
};

#include "reconciler/cli/follow.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/cli/output.h"
#include "reconciler/cli/progress.h"
#include "reconciler/cli/report.h"
#include "spec/base/units.h"

#define POLL_MS        20000 /* one long poll */
#define PLAIN_EVERY_MS 1000
#define TAIL_LINES     10
#define TAIL_BYTES     (64 * 1024)
#define FAILURES_TOLD  20
#define EVENTS_LIMIT   1000 /* of one answer */

static const char jobs_go_on[] = "jobs that run go on running; muster status shows them";
static const char hosted_end[] = "jobs that run go on running, but nothing new starts until something hosts "
                                 "again (muster serve, apply or wait)";

Want want_from(const char *text, Want absent)
{
    if (!text)
        return absent;
    return strcmp(text, "jobs") == 0 ? WANT_JOBS : strcmp(text, "none") == 0 ? WANT_NONE : WANT_RESOURCES;
}

static int64_t monotonic_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* ---- the clock of a wait
 * ------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t started_ms, deadline_ms; /* monotonic; deadline 0: none */
} Patience;

static Patience patience_from(int64_t timeout_ms)
{
    int64_t now = monotonic_ms();
    return (Patience){now, timeout_ms > 0 ? now + timeout_ms : 0};
}

static bool patience_ended(const Patience *patience)
{
    return patience->deadline_ms && monotonic_ms() >= patience->deadline_ms;
}

static int64_t patience_poll_ms(const Patience *patience)
{
    if (!patience->deadline_ms)
        return POLL_MS;
    return CLAMP(patience->deadline_ms - monotonic_ms(), 0, POLL_MS);
}

/* A busy reconciler answers every long poll at once: leave it a moment, a longer one the longer the wait
 * already takes. */
static void patience_breathe(const Patience *patience, const Invocation *invocation)
{
    int64_t pause = CLAMP((monotonic_ms() - patience->started_ms) / 50, 2, 100);
    struct pollfd fd = {.fd = invocation->interrupt ? interrupt_fd(invocation->interrupt) : -1,
                        .events = POLLIN};
    poll(&fd, 1, (int)pause);
}

static int timed_out(const FollowOptions *options)
{
    g_autofree char *duration = duration_human(options->timeout_ms);
    return report_failure(EXIT_TIMED_OUT, "%s: not done after %s; the work goes on", options->what, duration);
}

static int wait_failed(const Invocation *invocation, const Session *session, const GError *error)
{
    bool hosts = session->backend && backend_hosts(session->backend);
    return session_fail(invocation, error, hosts ? hosted_end : jobs_go_on);
}

/* ---- logs
 * ---------------------------------------------------------------------------------------------------------
 */

static char *read_tail(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        off_t from = MAX(status.st_size - TAIL_BYTES, 0);
        text = g_malloc(TAIL_BYTES + 1);
        ssize_t len = pread(fd, text, TAIL_BYTES, from);
        *ret_len = len > 0 ? (size_t)len : 0;
        text[*ret_len] = '\0';
    }
    if (fd >= 0)
        close(fd);
    return text;
}

void log_tail_append(const char *path, int lines, GString *out)
{
    size_t len = 0;
    g_autofree char *text = path ? read_tail(path, &len) : NULL;
    if (!text || !len)
        return;
    while (len && text[len - 1] == '\n')
        text[--len] = '\0';
    const char *from = text + len;
    while (from > text && (from[-1] != '\n' || --lines > 0))
        from--;
    g_auto(GStrv) parts = g_strsplit(from, "\n", -1);
    for (size_t i = 0; parts[i]; i++) {
        g_autofree char *line = printable(parts[i]);
        g_string_append_printf(out, "    | %s\n", line);
    }
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* ---- an apply
 * ----------------------------------------------------------------------------------------------------- */

typedef struct {
    ProgressScreen screen;
    ProgressStyle style;
    bool is_live;  /* stderr is a terminal: bars; else plain lines on stdout */
    json_t *shown; /* progress as of the last plain lines */
    int64_t shown_ms;
    GHashTable *told; /* ids of failures already told */
    json_t *failures; /* all of them, in order */
} ApplyView;

static void view_init(ApplyView *view)
{
    int width = output_width(stderr);
    *view = (ApplyView){
        .screen = {.stream = stderr},
        .style = {.width = width,
                  .is_colored = output_colored(stderr),
                  .glyphs = g_get_charset(NULL) ? GLYPHS_UTF8 : GLYPHS_ASCII},
        .is_live = width > 0 && g_strcmp0(g_getenv("TERM"), "dumb") != 0,
        .told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .failures = json_array(),
    };
}

static void view_clear(ApplyView *view)
{
    json_decref(view->shown);
    json_decref(view->failures);
    g_hash_table_unref(view->told);
}

static void view_failures(ApplyView *view, const json_t *progress, GString *out)
{
    size_t index;
    json_t *failure;
    json_array_foreach(json_object_get(progress, "failures"), index, failure)
    {
        if (!g_hash_table_add(view->told, g_strdup(text_of(failure, "jobId"))))
            continue;
        json_array_append(view->failures, failure);
        progress_failure(failure, view->style.is_colored && view->is_live, out);
    }
}

static void view_show(ApplyView *view, const json_t *progress, bool is_last)
{
    g_autoptr(GString) permanent = g_string_new(NULL), live = g_string_new(NULL);
    view_failures(view, progress, permanent);
    if (view->is_live) {
        progress_bars(progress, &view->style, live);
        progress_draw(&view->screen, permanent->str, live->str);
        return;
    }
    if (is_last || !view->shown || monotonic_ms() - view->shown_ms >= PLAIN_EVERY_MS) {
        progress_plain(view->shown, progress, permanent);
        json_decref(view->shown);
        view->shown = json_deep_copy(progress);
        view->shown_ms = monotonic_ms();
    }
    output_string(permanent);
}

/* Failed jobs with the end of their logs on stderr, then every run on stdout. */
static int apply_summary(const ApplyView *view, const json_t *progress, Want want)
{
    g_autoptr(GString) out = g_string_new(NULL);
    size_t index;
    json_t *item;
    if (want != WANT_JOBS)
        return EXIT_OK;
    json_array_foreach(view->failures, index, item)
    {
        if (index == FAILURES_TOLD)
            break;
        progress_failure(item, view->style.is_colored, out);
        log_tail_append(json_string_value(json_object_get(item, "logPath")), TAIL_LINES, out);
    }
    if (json_array_size(view->failures) > FAILURES_TOLD)
        g_string_append_printf(out, "… and %zu more failed jobs (muster get jobs --status FAILED)\n",
                               json_array_size(view->failures) - FAILURES_TOLD);
    fputs(out->str, stderr);
    g_string_truncate(out, 0);
    json_array_foreach(json_object_get(progress, "runs"), index, item)
        progress_run(item, g_get_real_time() / 1000, out);
    output_string(out);
    json_int_t failed = json_integer_value(json_object_get(progress, "failed"));
    if (!failed)
        return EXIT_OK;
    return report_failure(EXIT_WORK_FAILED, "%" JSON_INTEGER_FORMAT " job%s failed", failed,
                          failed == 1 ? "" : "s");
}

/* -1: goes on. */
static int apply_ended(const ApplyView *view, const json_t *progress, Want want)
{
    const char *state = text_of(progress, "state");
    if (strcmp(state, "SUPERSEDED") == 0)
        return report_failure(EXIT_ERROR, "a newer revision took over: %s", text_of(progress, "message"));
    if (strcmp(state, "FAILED") == 0)
        return report_failure(EXIT_ERROR, "the apply failed: %s", text_of(progress, "message"));
    if (json_is_true(json_object_get(progress, "done")))
        return apply_summary(view, progress, want);
    return -1;
}

static int apply_loop(Invocation *invocation, Session *session, int64_t apply_id,
                      const FollowOptions *options, ApplyView *view)
{
    Patience patience = patience_from(options->timeout_ms);
    const char *want = options->want == WANT_JOBS ? "jobs" : "resources";
    g_autoptr(GError) error = NULL;
    json_int_t since = -1;
    while (true) {
        json_t *request = json_pack("{s:I,s:s,s:I}", "applyId", (json_int_t)apply_id, "want", want,
                                    "timeoutMs", (json_int_t)patience_poll_ms(&patience));
        if (since >= 0)
            json_object_set_new(request, "since", json_integer(since));
        if (options->runs)
            json_object_set(request, "runs", options->runs);
        json_t *progress = backend_call(session->backend, "progress", request, &error);
        if (!progress)
            return wait_failed(invocation, session, error);
        since = json_integer_value(json_object_get(progress, "since"));
        bool is_done = json_is_true(json_object_get(progress, "done"));
        view_show(view, progress, is_done);
        int code = apply_ended(view, progress, options->want);
        json_decref(progress);
        if (code >= 0)
            return code;
        if (patience_ended(&patience))
            return timed_out(options);
        patience_breathe(&patience, invocation);
    }
}

int follow_apply(Invocation *invocation, Session *session, int64_t apply_id, const FollowOptions *options)
{
    ApplyView view;
    view_init(&view);
    int code = apply_loop(invocation, session, apply_id, options, &view);
    view_clear(&view);
    return code;
}

/* ---- jobs
 * ---------------------------------------------------------------------------------------------------------
 */

static bool any_failed(const json_t *answer)
{
    size_t index;
    json_t *job;
    json_array_foreach(json_object_get(answer, "jobs"), index, job)
    {
        if (strcmp(text_of(job, "status"), "FAILED") == 0)
            return true;
    }
    return false;
}

int follow_jobs(Invocation *invocation, Session *session, json_t *ids, const FollowOptions *options,
                json_t **ret_answer)
{
    Patience patience = patience_from(options->timeout_ms);
    g_autoptr(GError) error = NULL;
    json_int_t since = -1;
    while (true) {
        json_t *request =
            json_pack("{s:O,s:I}", "jobs", ids, "timeoutMs", (json_int_t)patience_poll_ms(&patience));
        if (since >= 0)
            json_object_set_new(request, "since", json_integer(since));
        json_t *answer = backend_call(session->backend, "wait", request, &error);
        if (!answer)
            return wait_failed(invocation, session, error);
        since = json_integer_value(json_object_get(answer, "since"));
        bool is_done = json_is_true(json_object_get(answer, "done"));
        if (is_done || patience_ended(&patience)) {
            *ret_answer = answer;
            if (!is_done)
                return timed_out(options);
            return any_failed(answer) ? EXIT_WORK_FAILED : EXIT_OK;
        }
        json_decref(answer);
        patience_breathe(&patience, invocation);
    }
}

/* ---- a run
 * -------------------------------------------------------------------------------------------------------- */

/* The run as it is now; new reference, NULL with error. */
static json_t *run_now(Session *session, const json_t *run, GError **error)
{
    json_t *request = json_pack("{s:s,s:s}", "kind", text_of(run, "kind"), "name", text_of(run, "name"));
    json_t *answer = backend_call(session->backend, "get", request, error), *found = NULL;
    const json_t *runs = json_object_get(json_array_get(json_object_get(answer, "items"), 0), "runs");
    size_t index;
    json_t *item;
    json_array_foreach(runs, index, item)
    {
        if (strcmp(text_of(item, "id"), text_of(run, "id")) == 0)
            found = json_incref(item);
    }
    if (answer && !found)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "run %s of %s/%s is gone", text_of(run, "id"),
                    text_of(run, "kind"), text_of(run, "name"));
    json_decref(answer);
    return found;
}

static int run_result(const json_t *run)
{
    g_autoptr(GString) out = g_string_new(NULL);
    progress_run(run, g_get_real_time() / 1000, out);
    output_string(out);
    const char *state = text_of(run, "state");
    bool is_good = strcmp(state, "SUCCEEDED") == 0 || strcmp(state, "RECORDED") == 0;
    return is_good ? EXIT_OK : EXIT_WORK_FAILED;
}

/* The newest event's number: what happened before is no news. */
static json_int_t newest_event(Session *session, GError **error)
{
    json_int_t last = 0;
    size_t count;
    do {
        json_t *request = json_pack("{s:I,s:i}", "after", last, "limit", EVENTS_LIMIT);
        json_t *events = backend_call(session->backend, "events", request, error);
        if (!events)
            return -1;
        count = json_array_size(json_object_get(events, "events"));
        last = json_integer_value(json_object_get(events, "last"));
        json_decref(events);
    } while (count == EVENTS_LIMIT);
    return last;
}

/* -1 with error: the next event did not come to be known; else its number, or `last` at the time-out. */
static json_int_t next_event(Session *session, json_int_t last, int64_t timeout_ms, GError **error)
{
    json_t *request =
        json_pack("{s:I,s:i,s:I}", "after", last, "limit", EVENTS_LIMIT, "timeoutMs", (json_int_t)timeout_ms);
    json_t *events = backend_call(session->backend, "events", request, error);
    if (!events)
        return -1;
    last = json_integer_value(json_object_get(events, "last"));
    json_decref(events);
    return last;
}

/* Events say when to look again; what is looked at is the run itself. */
int follow_run(Invocation *invocation, Session *session, const json_t *run, const FollowOptions *options)
{
    Patience patience = patience_from(options->timeout_ms);
    g_autoptr(GError) error = NULL;
    json_int_t last = newest_event(session, &error);
    while (last >= 0) {
        json_t *now = run_now(session, run, &error);
        if (!now)
            break;
        if (json_object_get(now, "stoppedAt")) {
            int code = run_result(now);
            json_decref(now);
            return code;
        }
        json_decref(now);
        if (patience_ended(&patience))
            return timed_out(options);
        last = next_event(session, last, patience_poll_ms(&patience), &error);
        patience_breathe(&patience, invocation);
    }
    return wait_failed(invocation, session, error);
}

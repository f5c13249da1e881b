#include "reconciler/provider/local/launcher_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "reconciler/provider/local/launcher_process.h"

#define DRAIN_RETRY_MS   200 /* SIGCHLD comes first; this is for what is killed but not our child */
#define RECORDS_MAX      200000u
#define REASON_OOM       "OutOfMemoryError: Container killed due to memory usage"
#define REASON_LOST      "the launcher ended while it ran; its processes are gone, how it ended is unknown"
#define REASON_NO_RECORD "its record is gone with the launcher's journal; no process of it is left"

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void complain(const char *what, int error)
{
    dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(error));
}

/* ---- journal and reports ---- */

static int compact_each(Journal *fresh, void *data)
{
    const Jobs *jobs = data;
    for (const Attempt *attempt = jobs->table.first; attempt; attempt = attempt->next) {
        int error = journal_accept(fresh, &attempt->token, attempt->report.started_ms);
        if (!error && attempt->state == ATTEMPT_FINAL)
            error = journal_report(fresh, &attempt->report);
        if (error)
            return error;
    }
    return 0;
}

/* When the disk is full the end stays in memory and is reported all the same. If this launcher then dies, the
 * attempt reads as lost, which is safe. */
static void finish(Jobs *jobs, Attempt *attempt, const Report *report)
{
    attempt_finish(&jobs->table, attempt, report);
    int error = journal_report(&jobs->journal, &attempt->report);
    if (error)
        complain("journal", error);
    report_put(jobs->out, &attempt->report);
}

static void report_started(Jobs *jobs, const Attempt *attempt)
{
    Report report = {.type = FRAME_STARTED, .token = attempt->token};
    report.at_ms = report.started_ms = attempt->report.started_ms;
    report_put(jobs->out, &report);
}

static void report_again(Jobs *jobs, const Attempt *attempt)
{
    if (attempt->state != ATTEMPT_FINAL || attempt->report.type == FRAME_ENDED)
        report_started(jobs, attempt);
    if (attempt->state == ATTEMPT_FINAL)
        report_put(jobs->out, &attempt->report);
}

/* Records that the token will never start, so that a late order for it finds the record. */
static void refuse_unknown(Jobs *jobs, const Token *token, const char *reason)
{
    Report report = {
        .type = FRAME_REFUSED, .token = *token, .at_ms = clock_ms(CLOCK_REALTIME), .reason = reason};
    finish(jobs, attempt_add(&jobs->table, token), &report);
}

/* ---- launching ---- */

static void attempt_started(Jobs *jobs, Attempt *attempt, const LaunchOrder *order, pid_t pid)
{
    attempt->state = ATTEMPT_RUNNING;
    attempt->report.started_ms = clock_ms(CLOCK_REALTIME);
    attempt->kill_grace_ms = order->kill_grace_ms;
    attempt->work_dir = strdup(order->work_dir);
    if (!attempt->work_dir)
        abort();
    attempt_set_pid(&jobs->table, attempt, pid);
    if (order->timeout_ms) {
        int64_t now = clock_ms(CLOCK_BOOTTIME);
        bool fits = order->timeout_ms < INT64_MAX - now;
        attempt_set_deadline(&jobs->table, attempt, fits ? now + order->timeout_ms : INT64_MAX);
    }
    report_started(jobs, attempt);
}

static void attempt_start(Jobs *jobs, SpawnPlan *plan, const LaunchOrder *order)
{
    char reason[LAUNCHER_REASON_MAX];
    Report refused = {.type = FRAME_REFUSED, .token = order->token, .reason = reason};
    refused.at_ms = clock_ms(CLOCK_REALTIME);
    CgroupSlot *slot = cgroup_slot_take(&jobs->pool, order->memory_mib, order->vcpus_e4);
    if (!slot) {
        snprintf(reason, sizeof reason, "CannotCreateContainerError: cgroup: %s", strerror(errno));
        report_put(jobs->out, &refused);
        return;
    }
    int error = journal_accept(&jobs->journal, &order->token, refused.at_ms);
    if (error) {
        cgroup_slot_give(&jobs->pool, slot);
        snprintf(reason, sizeof reason, "CannotCreateContainerError: launcher journal: %s", strerror(error));
        report_put(jobs->out, &refused);
        return;
    }
    Attempt *attempt = attempt_add(&jobs->table, &order->token);
    pid_t pid = spawn_run(plan, &jobs->pool, slot, reason);
    if (pid < 0) {
        cgroup_slot_give(&jobs->pool, slot);
        finish(jobs, attempt, &refused);
        return;
    }
    attempt->slot = slot;
    attempt_started(jobs, attempt, order, pid);
}

void jobs_launch(Jobs *jobs, const LaunchOrder *order)
{
    char reason[LAUNCHER_REASON_MAX];
    const Attempt *known = attempt_find(&jobs->table, &order->token);
    if (known) {
        report_again(jobs, known);
        return;
    }
    if (order->term < jobs->journal.term) {
        refuse_unknown(jobs, &order->token, "the order is from an older term");
        return;
    }
    if (jobs->table.len >= RECORDS_MAX) {
        Report report = {.type = FRAME_REFUSED, .token = order->token};
        report.reason = "CannotCreateContainerError: too many launches await being settled";
        report_put(jobs->out, &report);
        return;
    }
    SpawnPlan *plan = spawn_prepare(&jobs->spawner, order, reason);
    if (!plan) {
        refuse_unknown(jobs, &order->token, reason);
    } else {
        attempt_start(jobs, plan, order);
        spawn_plan_free(plan);
    }
    const Attempt *attempt = attempt_find(&jobs->table, &order->token);
    if (!attempt || attempt->state == ATTEMPT_FINAL)
        workdir_release(&jobs->work_dirs, order->work_dir);
}

/* ---- ending ---- */

static void attempt_kill(Jobs *jobs, Attempt *attempt)
{
    attempt->state = ATTEMPT_KILLING;
    kill(-attempt->pid, SIGKILL); /* not reaped yet, so the number is still its own */
    if (attempt->slot)
        cgroup_slot_kill(&jobs->pool, attempt->slot);
    attempt_set_deadline(&jobs->table, attempt, clock_ms(CLOCK_BOOTTIME) + DRAIN_RETRY_MS);
}

static void attempt_terminate(Jobs *jobs, Attempt *attempt, Cause cause)
{
    attempt->stopped = true;
    attempt->report.cause = cause;
    if (!attempt->kill_grace_ms) {
        attempt_kill(jobs, attempt);
        return;
    }
    attempt->state = ATTEMPT_TERMINATING;
    kill(-attempt->pid, SIGTERM);
    int64_t now = clock_ms(CLOCK_BOOTTIME);
    attempt_set_deadline(&jobs->table, attempt,
                         attempt->kill_grace_ms < INT64_MAX - now ? now + attempt->kill_grace_ms : INT64_MAX);
}

void jobs_stop(Jobs *jobs, const Token *token, const char *reason)
{
    Attempt *attempt = attempt_find(&jobs->table, token);
    if (!attempt) {
        refuse_unknown(jobs, token, "stopped before it started");
    } else if (attempt->state == ATTEMPT_RUNNING) {
        attempt_set_reason(attempt, reason);
        attempt_terminate(jobs, attempt, CAUSE_STOPPED);
    } else if (attempt->state == ATTEMPT_FINAL) {
        report_again(jobs, attempt);
    }
}

static bool token_match(pid_t pid, void *data)
{
    Token token;
    return process_token(pid, &token) && launch_token_equal(&token, data);
}

typedef struct {
    const AttemptTable *table;
    bool found;
} Orphans;

static void orphan_note(pid_t pid, void *data)
{
    Orphans *orphans = data;
    if (!attempt_find_pid(orphans->table, pid))
        orphans->found = true;
}

/* Kills what is left of an attempt whose main process is gone; true when nothing was. As subreaper this
 * process is the parent of whatever outlives its own parent, so no unknown child means no leftovers of
 * anybody. */
static bool attempt_is_gone(Jobs *jobs, const Attempt *attempt)
{
    if (cgroup_pool_has_members(&jobs->pool)) {
        if (cgroup_slot_empty(&jobs->pool, attempt->slot))
            return true;
        cgroup_slot_kill(&jobs->pool, attempt->slot);
        return false;
    }
    Orphans orphans = {&jobs->table, false};
    if (process_each_child(orphan_note, &orphans) && !orphans.found)
        return true;
    Token token = attempt->token;
    return process_kill_all(token_match, &token, NULL) == 0;
}

static void attempt_end(Jobs *jobs, Attempt *attempt)
{
    Report report = attempt->report;
    report.type = FRAME_ENDED;
    if (cgroup_slot_oom(attempt->slot) && !attempt->stopped && report.exit_code) {
        report.cause = CAUSE_OOM;
        report.reason = REASON_OOM;
    }
    cgroup_slot_give(&jobs->pool, attempt->slot);
    attempt->slot = NULL;
    workdir_release(&jobs->work_dirs, attempt->work_dir);
    free(attempt->work_dir);
    attempt->work_dir = NULL;
    finish(jobs, attempt, &report);
}

static void attempt_drain(Jobs *jobs, Attempt *attempt)
{
    if (attempt_is_gone(jobs, attempt)) {
        jobs->draining--;
        attempt_end(jobs, attempt);
    } else {
        attempt_set_deadline(&jobs->table, attempt, clock_ms(CLOCK_BOOTTIME) + DRAIN_RETRY_MS);
    }
}

/* The main process has ended and is not reaped yet: its number still names its group. */
static void attempt_exited(Jobs *jobs, Attempt *attempt, const siginfo_t *info)
{
    bool exited = info->si_code == CLD_EXITED;
    kill(-attempt->pid, SIGKILL);
    attempt->report.at_ms = clock_ms(CLOCK_REALTIME);
    attempt->report.exit_code = exited ? info->si_status : 128 + info->si_status;
    if (!attempt->stopped)
        attempt->report.cause = exited ? CAUSE_EXITED : CAUSE_SIGNALLED;
    attempt_set_pid(&jobs->table, attempt, 0);
    attempt_set_deadline(&jobs->table, attempt, INT64_MAX);
    attempt->state = ATTEMPT_DRAINING;
    jobs->draining++;
}

void jobs_reap(Jobs *jobs)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
            break;
        Attempt *attempt = attempt_find_pid(&jobs->table, info.si_pid);
        if (attempt)
            attempt_exited(jobs, attempt, &info);
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
        if (attempt)
            attempt_drain(jobs, attempt);
    }
    for (Attempt *attempt = jobs->table.first; attempt && jobs->draining; attempt = attempt->next)
        if (attempt->state == ATTEMPT_DRAINING)
            attempt_drain(jobs, attempt);
}

void jobs_due(Jobs *jobs)
{
    int64_t now = clock_ms(CLOCK_BOOTTIME);
    for (Attempt *attempt; (attempt = attempt_next_due(&jobs->table)) && attempt->deadline_ms <= now;) {
        attempt_set_deadline(&jobs->table, attempt, INT64_MAX);
        switch (attempt->state) {
        case ATTEMPT_RUNNING: attempt_terminate(jobs, attempt, CAUSE_TIMEOUT); break;
        case ATTEMPT_TERMINATING:
        case ATTEMPT_KILLING: attempt_kill(jobs, attempt); break;
        case ATTEMPT_DRAINING: attempt_drain(jobs, attempt); break;
        case ATTEMPT_ACCEPTED:
        case ATTEMPT_FINAL: break;
        }
    }
}

int64_t jobs_next_due(const Jobs *jobs)
{
    const Attempt *attempt = attempt_next_due(&jobs->table);
    return attempt ? attempt->deadline_ms : INT64_MAX;
}

/* ---- settling ---- */

void jobs_settled(Jobs *jobs, WireReader *tokens, size_t len)
{
    Token *dropped = calloc(len ? len : 1, sizeof *dropped);
    size_t dropped_len = 0;
    if (!dropped)
        abort();
    for (size_t i = 0; i < len; i++) {
        Token token = wire_get_token(tokens);
        Attempt *attempt = attempt_find(&jobs->table, &token);
        if (!attempt || attempt->state != ATTEMPT_FINAL)
            continue;
        dropped[dropped_len++] = token;
        attempt_remove(&jobs->table, attempt);
    }
    /* Not written: the records are replayed by the next launcher and settled once more. */
    int error = dropped_len ? journal_drop(&jobs->journal, dropped, dropped_len) : 0;
    free(dropped);
    if (error)
        complain("journal", error);
    if (journal_wants_compaction(&jobs->journal) &&
        (error = journal_compact(&jobs->journal, compact_each, jobs)))
        complain("journal", error);
}

/* ---- observing ---- */

typedef struct {
    Token *tokens;
    bool *seen;
    size_t len;
} Wanted;

static int token_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Token));
}

static bool wanted_match(pid_t pid, void *data)
{
    Wanted *wanted = data;
    Token token;
    if (!process_token(pid, &token))
        return false;
    const Token *found = bsearch(&token, wanted->tokens, wanted->len, sizeof token, token_order);
    if (found)
        wanted->seen[found - wanted->tokens] = true;
    return found != NULL;
}

/* Tokens without a record were never accepted, if the journal is whole; what runs in spite of that is killed.
 */
static void account_for(Jobs *jobs, Wanted *wanted)
{
    qsort(wanted->tokens, wanted->len, sizeof *wanted->tokens, token_order);
    process_sweep(wanted_match, wanted);
    for (size_t i = 0; i < wanted->len; i++) {
        if ((jobs->journal.complete && !wanted->seen[i]) || attempt_find(&jobs->table, &wanted->tokens[i]))
            continue;
        Report lost = {.type = FRAME_LOST, .token = wanted->tokens[i], .reason = REASON_NO_RECORD};
        lost.at_ms = clock_ms(CLOCK_REALTIME);
        Attempt *attempt = attempt_add(&jobs->table, &lost.token);
        attempt_finish(&jobs->table, attempt, &lost);
        int error = journal_report(&jobs->journal, &attempt->report);
        if (error)
            complain("journal", error);
    }
}

void jobs_observe(Jobs *jobs, WireReader *tokens, size_t len)
{
    Wanted wanted = {calloc(len ? len : 1, sizeof(Token)), calloc(len ? len : 1, sizeof(bool)), 0};
    if (!wanted.tokens || !wanted.seen)
        abort();
    for (size_t i = 0; i < len; i++) {
        Token token = wire_get_token(tokens);
        if (!attempt_find(&jobs->table, &token))
            wanted.tokens[wanted.len++] = token;
    }
    if (wanted.len)
        account_for(jobs, &wanted);
    free(wanted.tokens);
    free(wanted.seen);
    int error = journal_mark_complete(&jobs->journal);
    if (error)
        complain("journal", error);
    for (const Attempt *attempt = jobs->table.first; attempt; attempt = attempt->next)
        report_again(jobs, attempt);
    frame_end(jobs->out, frame_begin(jobs->out, FRAME_OBSERVED));
}

/* ---- beginning ---- */

static void record_load(const Report *record, void *data)
{
    Jobs *jobs = data;
    Attempt *attempt = attempt_find(&jobs->table, &record->token);
    switch ((int)record->type) {
    case RECORD_ACCEPT:
        if (!attempt)
            attempt = attempt_add(&jobs->table, &record->token);
        attempt->report.started_ms = record->at_ms;
        break;
    case RECORD_DROP:
        if (attempt)
            attempt_remove(&jobs->table, attempt);
        break;
    default:
        if (!attempt)
            attempt = attempt_add(&jobs->table, &record->token);
        attempt_finish(&jobs->table, attempt, record);
        break;
    }
}

static bool unfinished_match(pid_t pid, void *data)
{
    const Jobs *jobs = data;
    Token token;
    if (!process_token(pid, &token))
        return false;
    const Attempt *attempt = attempt_find(&jobs->table, &token);
    return attempt && attempt->state != ATTEMPT_FINAL;
}

static void bury(Jobs *jobs)
{
    if (jobs->table.unfinished)
        process_sweep(unfinished_match, jobs);
    for (Attempt *attempt = jobs->table.first; attempt; attempt = attempt->next) {
        if (attempt->state == ATTEMPT_FINAL)
            continue;
        Report lost = {.type = FRAME_LOST, .token = attempt->token, .reason = REASON_LOST};
        lost.started_ms = attempt->report.started_ms;
        lost.at_ms = clock_ms(CLOCK_REALTIME);
        attempt_finish(&jobs->table, attempt, &lost);
    }
}

int jobs_init(Jobs *jobs, int dir_fd, const char *tag, CgroupMode cgroups, uint64_t files_soft,
              WireBuffer *out)
{
    *jobs = (Jobs){.out = out,
                   .work_dirs = {.fd = -1},
                   .spawner = {.null_fd = -1, .root = geteuid() == 0, .files_soft = files_soft}};
    attempt_table_init(&jobs->table);
    int error = journal_open(&jobs->journal, dir_fd, record_load, jobs);
    if (error)
        return error;
    workdirs_init(&jobs->work_dirs, dir_fd);
    jobs->spawner.work_dirs = &jobs->work_dirs;
    jobs->spawner.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (jobs->spawner.null_fd < 0)
        return errno;
    cgroup_sweep(tag);
    bury(jobs);
    /* Also what makes an append safe: a torn tail is not carried over. */
    error = journal_compact(&jobs->journal, compact_each, jobs);
    if (!error)
        cgroup_pool_init(&jobs->pool, tag, cgroups);
    return error;
}

void jobs_clear(Jobs *jobs)
{
    cgroup_pool_clear(&jobs->pool);
    journal_close(&jobs->journal);
    attempt_table_clear(&jobs->table);
    workdirs_clear(&jobs->work_dirs);
    if (jobs->spawner.null_fd >= 0)
        close(jobs->spawner.null_fd);
}

bool jobs_idle(const Jobs *jobs)
{
    return jobs->table.len == 0;
}

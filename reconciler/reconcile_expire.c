/* reconcile_expire.c: retention: finished jobs leave the store in bounded batches, their logs and working
 * directories with them. */
#include "reconciler/reconcile_internal.h"
#include "spec/base/units.h"

#define EXPIRE_MAX      1000
#define EXPIRE_EVERY_MS (60 * 60 * 1000) /* at most: a shorter retention is looked after as often */
#define EXPIRE_AGAIN_MS 1000             /* while there is more */
#define RETENTION_MS    (7LL * 24 * 60 * 60 * 1000) /* batch: final states are kept at least 7 days */

typedef struct {
    JobId id;
    bool is_many; /* children or nodes */
    int32_t attempts;
} ExpiredJob;

typedef struct {
    Reconciler *reconciler;
    int64_t cutoff_ms;
    GArray *sequences; /* uint64_t */
    GArray *jobs;      /* ExpiredJob */
    bool some_kept;    /* there are finished jobs that are not old enough yet */
} Expiry;

static bool take_job(const StoredJob *stored, void *data)
{
    Expiry *expiry = data;
    ExpiredJob job = {stored->job.id, stored->job.array_size > 0 || stored->job.is_multinode,
                      stored->job.attempts};
    g_array_append_val(expiry->jobs, job);
    return false;
}

static void expire_query(StoreReader *reader, const char *error, void *data)
{
    Expiry *expiry = data;
    g_autoptr(GArray) any = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if (error || !store_reader_expired(reader, expiry->cutoff_ms, EXPIRE_MAX, expiry->sequences, NULL))
        return;
    for (guint i = 0; i < expiry->sequences->len; i++) {
        JobFilter filter = {.before = g_array_index(expiry->sequences, uint64_t, i) + 1, .limit = 1};
        store_reader_jobs(reader, &filter, take_job, expiry, NULL);
    }
    expiry->some_kept = store_reader_expired(reader, INT64_MAX, 1, any, NULL) && any->len > 0;
}

static void remove_files(Reconciler *reconciler, const ExpiredJob *job)
{
    FilePort *files = &reconciler->ports.files;
    const char *state_dir = reconciler->state_dir;
    if (job->is_many) { /* all that they left lies in two directories */
        g_autofree char *log = attempt_log_path(state_dir, &job->id, 0, 1);
        g_autofree char *work = attempt_work_dir(state_dir, &job->id, 0, 1);
        files->remove_tree(files->self, g_path_get_dirname(log));
        files->remove_tree(files->self, g_path_get_dirname(work));
        return;
    }
    for (int32_t attempt = 1; attempt <= job->attempts; attempt++) {
        char *log = attempt_log_path(state_dir, &job->id, NOT_A_CHILD, attempt);
        files->remove_tree(files->self, g_strconcat(log, ".d", NULL)); /* of other containers of it */
        files->remove_tree(files->self, log);
        files->remove_tree(files->self, attempt_work_dir(state_dir, &job->id, NOT_A_CHILD, attempt));
    }
}

static int64_t retention_of(const World *world)
{
    int64_t retention_ms = 0;
    const char *text = world_setting(world, "retention");
    return text && integer_parse(view_from(text), &retention_ms) && retention_ms > 0 ? retention_ms
                                                                                     : RETENTION_MS;
}

static int64_t expire_every(const World *world)
{
    return CLAMP(retention_of(world), EXPIRE_AGAIN_MS, EXPIRE_EVERY_MS);
}

static void expire_done(void *data)
{
    Expiry *expiry = data;
    Reconciler *reconciler = expiry->reconciler;
    bool more = expiry->sequences->len == EXPIRE_MAX;
    reconciler->expiring = false;
    reconciler->gathering--;
    if (expiry->sequences->len && !reconciler->fault && !reconciler->reload) {
        world_expire(reconciler->world, (const uint64_t *)(void *)expiry->sequences->data,
                     expiry->sequences->len);
        for (guint i = 0; i < expiry->jobs->len; i++)
            remove_files(reconciler, &g_array_index(expiry->jobs, ExpiredJob, i));
    }
    /* Nothing finished is left: no timer until a job ends. */
    reconciler->expire_at_ms = more                ? reconciler->now_ms + EXPIRE_AGAIN_MS
                               : expiry->some_kept ? reconciler->now_ms + expire_every(reconciler->world)
                                                   : 0;
    g_array_unref(expiry->sequences);
    g_array_unref(expiry->jobs);
    g_free(expiry);
    reconciler_wake(reconciler);
}

void expire_run(Reconciler *reconciler)
{
    int64_t next_ms = reconciler->now_ms + expire_every(reconciler->world);
    if (reconciler->expire_at_ms == 0 && world_jobs_len(reconciler->world) > 0)
        reconciler->expire_at_ms = next_ms;
    reconciler->expire_at_ms = MIN(reconciler->expire_at_ms, next_ms); /* retention may have been shortened */
    if (reconciler->expire_at_ms == 0 || reconciler->expiring || reconciler->draining ||
        reconciler->now_ms < reconciler->expire_at_ms)
        return;
    Expiry *expiry = g_new0(Expiry, 1);
    expiry->reconciler = reconciler;
    expiry->cutoff_ms = reconciler->now_ms - retention_of(reconciler->world);
    expiry->sequences = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    expiry->jobs = g_array_new(FALSE, FALSE, sizeof(ExpiredJob));
    reconciler->expiring = true;
    reconciler->gathering++;
    reconciler->ports.work.query(reconciler->ports.work.self, expire_query, expire_done, expiry);
}

/* progress.c: the track of one apply's work. */
#include "reconciler/api/progress.h"
#include "reconciler/api/waits.h"

typedef struct {
    char *name;
    bool pipeline;
    int64_t counts[JOB_STATE_COUNT];
} Group;

typedef struct {
    JobId id;
    char *name, *status_reason;
    guint group;
    JobState state;
    int32_t array_size, attempts;
    int32_t main_node;               /* of a multinode job: whose log is the job's; else NOT_A_CHILD */
    int64_t counts[JOB_STATE_COUNT]; /* what it adds to its group */
    uint8_t *failed;                 /* arrays: bit per child that was named; NULL until one failed */
} TrackedJob;

typedef struct {
    TrackedJob *job;
    int32_t index, attempts;
    char *reason;
    int64_t version;
} Failure;

struct ProgressTrack {
    char *owner;
    int64_t created_ms, version;
    ApplyState state;
    size_t pending;
    json_t *waits;         /* as json_waits() has it */
    GHashTable *runs;      /* id → group + 1 */
    GHashTable *expected;  /* ids of older runs that are waited for, ended or not */
    GHashTable *jobs;      /* JobId bytes → TrackedJob*, owned */
    GPtrArray *unfinished; /* of TrackedJob* */
    GArray *groups;        /* of Group */
    GArray *failures;      /* of Failure */
    int64_t failed;
    size_t runs_unfinished;
};

struct ProgressQuery {
    GHashTable *runs; /* ids wanted: owned texts */
    GArray *ids;      /* of JobId: no longer in memory */
    GPtrArray *views; /* of JobView*: found */
};

static guint id_hash(gconstpointer key)
{
    guint hash;
    memcpy(&hash, key, sizeof hash); /* ids are random */
    return hash;
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, JOB_ID_BYTES) == 0;
}

static void job_free(void *data)
{
    TrackedJob *job = data;
    g_free(job->name);
    g_free(job->status_reason);
    g_free(job->failed);
    g_free(job);
}

static void group_clear(void *data)
{
    g_free(((Group *)data)->name);
}

static void failure_clear(void *data)
{
    g_free(((Failure *)data)->reason);
}

ProgressTrack *progress_track_new(const ApplyRecord *apply)
{
    ProgressTrack *track = g_new0(ProgressTrack, 1);
    track->owner = g_strndup(apply->owner.data, apply->owner.len);
    track->created_ms = apply->created_ms;
    track->version = apply->created_ms;
    track->runs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    track->expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    track->jobs = g_hash_table_new_full(id_hash, id_equal, NULL, job_free);
    track->unfinished = g_ptr_array_new();
    track->waits = json_array();
    track->groups = g_array_new(FALSE, TRUE, sizeof(Group));
    g_array_set_clear_func(track->groups, group_clear);
    track->failures = g_array_new(FALSE, TRUE, sizeof(Failure));
    g_array_set_clear_func(track->failures, failure_clear);
    return track;
}

void progress_track_free(void *data)
{
    ProgressTrack *track = data;
    if (!track)
        return;
    g_free(track->owner);
    json_decref(track->waits);
    g_hash_table_unref(track->runs);
    g_hash_table_unref(track->expected);
    g_array_unref(track->failures);
    g_ptr_array_unref(track->unfinished);
    g_hash_table_unref(track->jobs);
    g_array_unref(track->groups);
    g_free(track);
}

static void track_changed(ProgressTrack *track, int64_t now_ms)
{
    track->version = MAX(track->version + 1, now_ms);
}

/* ---- jobs
 * ------------------------------------------------------------------------------------------------------------
 */

static guint group_of(ProgressTrack *track, const char *name, bool pipeline)
{
    for (guint i = 0; i < track->groups->len; i++) {
        const Group *group = &g_array_index(track->groups, Group, i);
        if (group->pipeline == pipeline && strcmp(group->name, name) == 0)
            return i;
    }
    Group group = {.name = g_strdup(name), .pipeline = pipeline};
    g_array_append_val(track->groups, group);
    return track->groups->len - 1;
}

static void add_failure(ProgressTrack *track, TrackedJob *job, int32_t index, const char *reason,
                        int32_t attempts)
{
    if (track->failures->len >= FAILURES_MAX)
        return;
    Failure failure = {.job = job,
                       .index = index,
                       .reason = g_strdup(reason),
                       .attempts = attempts,
                       .version = track->version};
    g_array_append_val(track->failures, failure);
}

static void job_set(ProgressTrack *track, TrackedJob *job, const int64_t counts[JOB_STATE_COUNT],
                    JobState state, const char *reason, int64_t now_ms)
{
    if (job->state == state && memcmp(job->counts, counts, sizeof job->counts) == 0)
        return;
    track_changed(track, now_ms);
    Group *group = &g_array_index(track->groups, Group, job->group);
    track->failed += counts[JOB_FAILED] - job->counts[JOB_FAILED];
    for (int at = 0; at < JOB_STATE_COUNT; at++)
        group->counts[at] += counts[at] - job->counts[at];
    memcpy(job->counts, counts, sizeof job->counts);
    bool ended = job_state_final(state) && !job_state_final(job->state);
    job->state = state;
    if (ended) {
        g_free(job->status_reason);
        job->status_reason = g_strdup(reason);
    }
}

static TrackedJob *job_track(ProgressTrack *track, const JobId *id, const char *name, int32_t array_size,
                             guint group)
{
    TrackedJob *job = g_hash_table_lookup(track->jobs, id);
    if (job)
        return job;
    job = g_new0(TrackedJob, 1);
    job->id = *id;
    job->name = g_strdup(name);
    job->array_size = array_size;
    job->group = group;
    g_hash_table_insert(track->jobs, &job->id, job);
    g_ptr_array_add(track->unfinished, job);
    return job;
}

static void name_failed_children(ProgressTrack *track, TrackedJob *tracked, const Job *job)
{
    if (!tracked->failed)
        tracked->failed = g_malloc0((size_t)(tracked->array_size + 7) / 8);
    for (int32_t index = 0; index < tracked->array_size && track->failures->len < FAILURES_MAX; index++) {
        uint8_t *byte = &tracked->failed[index / 8], bit = (uint8_t)(1u << (index % 8));
        ChildView child;
        if (*byte & bit)
            continue;
        job_child(job, index, &child);
        if (child.state != JOB_FAILED)
            continue;
        *byte |= bit;
        add_failure(track, tracked, index, child.status_reason, child.attempts);
    }
}

static void job_from_world(ProgressTrack *track, TrackedJob *tracked, const Job *job, int64_t now_ms)
{
    int64_t counts[JOB_STATE_COUNT] = {0}, failed = tracked->counts[JOB_FAILED];
    if (job->array)
        job_counts(job, counts);
    else
        counts[job->state] = 1;
    tracked->attempts = job->attempts;
    tracked->main_node =
        job->template->effective->nodes > 1 ? (int32_t)job->template->effective->main_node : NOT_A_CHILD;
    job_set(track, tracked, counts, job->state, job->status_reason, now_ms);
    if (counts[JOB_FAILED] <= failed)
        return;
    if (job->array)
        name_failed_children(track, tracked, job);
    else
        add_failure(track, tracked, NOT_A_CHILD, job->status_reason, job->attempts);
}

static void job_from_view(ProgressTrack *track, const JobView *view, guint group, int64_t now_ms)
{
    int64_t counts[JOB_STATE_COUNT] = {0};
    TrackedJob *tracked = job_track(track, &view->id, view->name ? view->name : "", view->array_size, group);
    if (job_state_final(tracked->state))
        return;
    if (view->array_size)
        memcpy(counts, view->counts, sizeof counts);
    else
        counts[view->state] = 1;
    tracked->attempts = view->attempts;
    tracked->main_node = view->node;
    int64_t failed = tracked->counts[JOB_FAILED];
    job_set(track, tracked, counts, view->state, view->status_reason, now_ms);
    if (counts[JOB_FAILED] > failed)
        add_failure(track, tracked, NOT_A_CHILD, view->status_reason, view->attempts);
}

/* ---- from the world
 * --------------------------------------------------------------------------------------------------- */

static void free_view(void *view)
{
    job_view_free(view);
}

static ProgressQuery *query_new(void)
{
    ProgressQuery *query = g_new0(ProgressQuery, 1);
    query->runs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    query->ids = g_array_new(FALSE, FALSE, sizeof(JobId));
    query->views = g_ptr_array_new_with_free_func(free_view);
    return query;
}

void progress_query_free(void *data)
{
    ProgressQuery *query = data;
    if (!query)
        return;
    g_hash_table_unref(query->runs);
    g_array_unref(query->ids);
    g_ptr_array_unref(query->views);
    g_free(query);
}

static bool run_finished(const Run *run)
{
    return run->state != RUN_WAITING && run->state != RUN_RUNNING && run->jobs_unfinished == 0;
}

/* What this apply, or one before it, has ended is waited for, but its jobs are not this apply's work: that
 * they fail is what was wanted. */
static bool run_is_work(const ProgressTrack *track, const Run *run)
{
    if (run->state == RUN_CANCELLED && run->created_ms < track->created_ms)
        return false;
    return run->state != RUN_WAITING && run->state != RUN_RECORDED;
}

void progress_track_expect(ProgressTrack *track, const World *world, View run_id)
{
    const Run *run = world_run(world, run_id);
    if (run && strcmp(run->owner, track->owner) == 0 && !g_hash_table_contains(track->expected, run->id))
        g_hash_table_add(track->expected, g_strdup(run->id));
}

/* Ended before the apply began, or begun by the clock since: a schedule of each minute would keep it waiting
 * for ever. */
static bool run_is_foreign(const ProgressTrack *track, const Run *run)
{
    bool is_older = run->created_ms < track->created_ms;
    return (is_older ? run_finished(run) : run_is_scheduled(run)) &&
           !g_hash_table_contains(track->expected, run->id);
}

static void update_runs(ProgressTrack *track, const World *world, ProgressQuery *query)
{
    size_t unfinished = 0;
    for (const Run *run = NULL; (run = world_run_next(world, run));) {
        if (strcmp(run->owner, track->owner) != 0 || run_is_foreign(track, run))
            continue;
        unfinished += !run_finished(run);
        if (run_is_work(track, run) && !g_hash_table_contains(track->runs, run->id))
            g_hash_table_add(query->runs, g_strdup(run->id));
    }
    track->runs_unfinished = unfinished;
}

static guint run_group(ProgressTrack *track, const Run *run, const char *queue)
{
    return run->kind == KIND_PIPELINE ? group_of(track, run->name, true) : group_of(track, queue, false);
}

/* Jobs of runs that are new to the track, in one walk. */
static void adopt_jobs(ProgressTrack *track, const World *world, const ProgressQuery *query)
{
    const Job *job = NULL;
    for (uint64_t after = 0; (job = world_job_next(world, after)); after = job->sequence)
        if (job->run && g_hash_table_contains(query->runs, job->run->id))
            job_track(track, &job->id, job->name, job->array_size,
                      run_group(track, job->run, job->queue->resource->name));
}

static void update_jobs(ProgressTrack *track, const World *world, ProgressQuery *query, int64_t now_ms)
{
    for (guint i = track->unfinished->len; i > 0; i--) {
        TrackedJob *tracked = track->unfinished->pdata[i - 1];
        const Job *job = world_job(world, &tracked->id);
        if (job)
            job_from_world(track, tracked, job, now_ms);
        else if (!job_state_final(tracked->state))
            g_array_append_val(query->ids, tracked->id);
        if (job_state_final(tracked->state))
            g_ptr_array_remove_index_fast(track->unfinished, i - 1);
    }
}

ProgressQuery *progress_track_update(ProgressTrack *track, const World *world, int64_t now_ms)
{
    ProgressQuery *query = query_new();
    size_t before = track->runs_unfinished;
    update_runs(track, world, query);
    if (before != track->runs_unfinished)
        track_changed(track, now_ms);
    if (g_hash_table_size(query->runs))
        adopt_jobs(track, world, query);
    update_jobs(track, world, query, now_ms);
    if (g_hash_table_size(query->runs) || query->ids->len)
        return query;
    progress_query_free(query);
    return NULL;
}

/* ---- from the store
 * ---------------------------------------------------------------------------------------------------- */

static bool query_row(const StoredJob *stored, void *data)
{
    ProgressQuery *query = data;
    g_autofree char *run = g_strndup(stored->job.run.data ? stored->job.run.data : "", stored->job.run.len);
    if (g_hash_table_contains(query->runs, run))
        g_ptr_array_add(query->views, job_view_from(stored, NOT_A_CHILD, VIEW_BRIEF));
    return true;
}

bool progress_query_run(ProgressQuery *query, StoreReader *reader, char **ret_error)
{
    g_autoptr(GError) error = NULL;
    bool read = true;
    JobFilter filter = {.limit = SIZE_MAX >> 1};
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, query->runs);
    if (g_hash_table_size(query->runs) == 1 && g_hash_table_iter_next(&iter, &id, NULL))
        filter.run = view_from(id);
    if (g_hash_table_size(query->runs))
        read = store_reader_jobs(reader, &filter, query_row, query, &error);
    for (guint i = 0; read && i < query->views->len; i++) {
        JobView *view = query->views->pdata[i];
        read = !view->array_size || job_view_count(reader, view, &error);
    }
    for (guint i = 0; read && i < query->ids->len; i++) {
        JobView *view = NULL;
        read = job_view_load(reader, &g_array_index(query->ids, JobId, i), NOT_A_CHILD, -1, VIEW_BRIEF, &view,
                             &error);
        if (view)
            g_ptr_array_add(query->views, view);
    }
    if (!read)
        *ret_error = g_strdup(error->message);
    return read;
}

static guint view_group(ProgressTrack *track, const World *world, const JobView *view)
{
    const Run *run = view->run ? world_run(world, view_from(view->run)) : NULL;
    return run ? run_group(track, run, view->queue ? view->queue : "")
               : group_of(track, view->queue ? view->queue : "", false);
}

void progress_track_take(ProgressTrack *track, ProgressQuery *query, const World *world, int64_t now_ms)
{
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, query->runs);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        g_hash_table_add(track->runs, g_strdup(id));
    for (guint i = 0; i < query->views->len; i++) {
        const JobView *view = query->views->pdata[i];
        /* What is in memory is newer than the store. */
        if (!world_job(world, &view->id))
            job_from_view(track, view, view_group(track, world, view), now_ms);
    }
}

/* ---- telling
 * -------------------------------------------------------------------------------------------------------------
 */

int64_t progress_track_version(const ProgressTrack *track)
{
    return track->version;
}

void progress_track_note(ProgressTrack *track, ApplyState state, size_t pending, int64_t now_ms)
{
    if (track->state == state && track->pending == pending)
        return;
    track->state = state;
    track->pending = pending;
    track_changed(track, now_ms);
}

size_t progress_track_unfinished(const ProgressTrack *track)
{
    return track->runs_unfinished + track->unfinished->len;
}

static json_t *failure_json(const Failure *failure, const char *state_dir)
{
    char text[JOB_NAME_TEXT];
    job_ref_text(&failure->job->id, failure->index, text);
    json_t *object = json_object();
    json_set_text(object, "jobId", text);
    json_set_text(object, "jobName", failure->job->name);
    json_set_text(object, "statusReason", failure->reason);
    if (failure->attempts > 0 && (failure->index != NOT_A_CHILD || !failure->job->array_size)) {
        int32_t index = failure->index == NOT_A_CHILD ? failure->job->main_node : failure->index;
        g_autofree char *log = attempt_log_path(state_dir, &failure->job->id, index, failure->attempts);
        json_set_text(object, "logPath", log);
    }
    return object;
}

static bool is_of_track(const Launch *launch, const void *data)
{
    const ProgressTrack *track = data;
    return g_hash_table_contains(track->jobs, &launch->job->id);
}

void progress_track_waits(ProgressTrack *track, const World *world, int64_t now_ms)
{
    json_t *waits = json_waits(world, is_of_track, track);
    if (!json_equal(waits, track->waits))
        track_changed(track, now_ms);
    json_decref(track->waits);
    track->waits = waits;
}

void progress_track_json(const ProgressTrack *track, const World *world, const char *state_dir, int64_t since,
                         json_t *body)
{
    json_t *groups = json_array(), *failures = json_array(), *runs = json_array();
    for (guint i = 0; i < track->groups->len; i++) {
        const Group *group = &g_array_index(track->groups, Group, i);
        json_array_append_new(groups, json_pack("{s:s,s:s,s:o}", "name", group->name, "kind",
                                                group->pipeline ? "pipeline" : "queue", "counts",
                                                json_counts(group->counts)));
    }
    for (guint i = 0; i < track->failures->len; i++) {
        const Failure *failure = &g_array_index(track->failures, Failure, i);
        if (failure->version > since)
            json_array_append_new(failures, failure_json(failure, state_dir));
    }
    for (const Run *run = NULL; (run = world_run_next(world, run)) && json_array_size(runs) < FAILURES_MAX;)
        if (g_hash_table_contains(track->runs, run->id))
            json_array_append_new(runs, json_run(run));
    json_object_set_new(body, "groups", groups);
    json_object_set_new(body, "failures", failures);
    json_object_set_new(body, "runs", runs);
    json_object_set(body, "waits", track->waits);
    json_set_number(body, "failed", track->failed);
}

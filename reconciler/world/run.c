/* Runs of Job and Pipeline manifests: their life. What they submit is in run_submit.c. */
#include "reconciler/world/run.h"

typedef struct {
    Kind kind;
    View name;
    int64_t number;
} RunKey;

static int run_order(const Run *run, const RunKey *key)
{
    if (run->kind != key->kind)
        return run->kind < key->kind ? -1 : 1;
    int order = view_compare(view_from(run->name), key->name);
    return order ? order : (run->number > key->number) - (run->number < key->number);
}

static int run_key_compare(const TreeNode *node, const void *key)
{
    return run_order(&TREE_ENTRY(node, RunEntry, by_key)->run, key);
}

static int run_compare(const TreeNode *a, const TreeNode *b)
{
    const Run *right = &TREE_ENTRY(b, RunEntry, by_key)->run;
    return run_key_compare(a, &(RunKey){right->kind, view_from(right->name), right->number});
}

static int active_compare(const TreeNode *a, const TreeNode *b)
{
    const Run *right = &TREE_ENTRY(b, RunEntry, in_active)->run;
    return run_order(&TREE_ENTRY(a, RunEntry, in_active)->run,
                     &(RunKey){right->kind, view_from(right->name), right->number});
}

static int ready_compare(const TreeNode *a, const TreeNode *b)
{
    const Run *right = &TREE_ENTRY(b, RunEntry, in_ready)->run;
    return run_order(&TREE_ENTRY(a, RunEntry, in_ready)->run,
                     &(RunKey){right->kind, view_from(right->name), right->number});
}

void runs_init(World *world)
{
    tree_init(&world->ready_runs, ready_compare);
    tree_init(&world->runs, run_compare);
    tree_init(&world->active_runs, active_compare);
    world->runs_by_id = map_new();
}

void run_entry_free(RunEntry *entry)
{
    Run *run = &entry->run;
    pipeline_spec_free(run->pipeline);
    g_free(run->id);
    g_ref_string_release(run->owner);
    g_free(run->name);
    g_free(run->spec);
    g_free(run->status_reason);
    g_free(entry->workspace);
    if (entry->held)
        g_ptr_array_unref(entry->held);
    g_free(entry);
}

void runs_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->runs); node; node = tree_first(&world->runs)) {
        tree_remove(&world->runs, node);
        run_entry_free(TREE_ENTRY(node, RunEntry, by_key));
    }
    map_free(world->runs_by_id);
}

/* ---- looking ---- */

static bool run_map_key(View id, MapKey *ret_key)
{
    JobId bytes; /* run ids are UUIDs too */
    if (!job_id_from_text(id, &bytes))
        return false;
    memcpy(ret_key->bytes, bytes.bytes, sizeof ret_key->bytes);
    return true;
}

Run *world_run(const World *world, View id)
{
    MapKey key;
    return run_map_key(id, &key) ? map_get(world->runs_by_id, &key) : NULL;
}

const Run *world_run_next(const World *world, const Run *after)
{
    TreeNode *node = after ? tree_next(&run_entry(after)->by_key) : tree_first(&world->runs);
    return node ? &TREE_ENTRY(node, RunEntry, by_key)->run : NULL;
}

const Run *world_run_active_next(const World *world, const Run *after)
{
    TreeNode *node = after ? tree_next(&run_entry(after)->in_active) : tree_first(&world->active_runs);
    return node ? &TREE_ENTRY(node, RunEntry, in_active)->run : NULL;
}

size_t world_runs_active_len(const World *world)
{
    return tree_len(&world->active_runs);
}

Run *world_run_newest(const World *world, Kind kind, View name)
{
    RunKey key = {kind, name, INT64_MAX};
    TreeNode *node = tree_lower_bound(&world->runs, &key, run_key_compare);
    node = node ? tree_prev(node) : tree_last(&world->runs);
    Run *run = node ? &TREE_ENTRY(node, RunEntry, by_key)->run : NULL;
    return run && run->kind == kind && view_is(name, run->name) ? run : NULL;
}

Run *world_run_before(const Run *run)
{
    TreeNode *node = tree_prev(&run_entry(run)->by_key);
    Run *before = node ? &TREE_ENTRY(node, RunEntry, by_key)->run : NULL;
    return before && before->kind == run->kind && strcmp(before->name, run->name) == 0 ? before : NULL;
}

/* The newest of the same manifest that is active (run_is_active) and older than this one. */
Run *run_active_before(const Run *run)
{
    TreeNode *node = tree_prev(&run_entry(run)->in_active);
    Run *before = node ? &TREE_ENTRY(node, RunEntry, in_active)->run : NULL;
    return before && before->kind == run->kind && strcmp(before->name, run->name) == 0 ? before : NULL;
}

RunRecord run_record(const Run *run)
{
    return (RunRecord){.id = view_from(run->id),
                       .owner = view_from(run->owner),
                       .kind = run->kind,
                       .name = view_from(run->name),
                       .key = run->key,
                       .number = run->number,
                       .spec = view_from(run->spec),
                       .state = run->state,
                       .status_reason = view_from(run->status_reason),
                       .created_ms = run->created_ms,
                       .stopped_ms = run->stopped_ms,
                       .is_new = run_entry(run)->is_new,
                       .is_ending = run->state == RUN_CANCELLED && run->jobs_unfinished > 0};
}

RunRecord *world_run_records(const World *world, const char *owner, size_t *ret_len)
{
    RunRecord *records = g_new(RunRecord, tree_len(&world->runs) + 1);
    size_t len = 0;
    for (const Run *run = world_run_next(world, NULL); run; run = world_run_next(world, run))
        if (!owner || strcmp(run->owner, owner) == 0)
            records[len++] = run_record(run);
    *ret_len = len;
    return records;
}

/* ---- the jobs of a run ---- */

void run_add_job(World *world, Run *run, Job *job)
{
    (void)world;
    RunEntry *entry = run_entry(run);
    job->run = run;
    job->private->run_prev = entry->jobs_tail;
    if (entry->jobs_tail)
        entry->jobs_tail->private->run_next = job;
    else
        entry->jobs = job;
    entry->jobs_tail = job;
}

void run_forget_job(Run *run, Job *job)
{
    RunEntry *entry = run_entry(run);
    struct JobPrivate *private = job->private;
    if (private->run_prev)
    private->run_prev->private->run_next = private->run_next;
    else entry->jobs = private->run_next;
    if (private->run_next)
    private->run_next->private->run_prev = private->run_prev;
    else entry->jobs_tail = private->run_prev;
}

Job *run_job_next(const Run *run, const Job *after)
{
    return after ? after->private->run_next : run_entry(run)->jobs;
}

/* ---- states ---- */

void run_touch(World *world, Run *run)
{
    RunEntry *entry = run_entry(run);
    if (entry->is_dirty || world_is_quiet(world))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_runs, &entry->dirty);
}

/* Whether run_settle may begin it: kept as an index, so that a thousand runs that are under way cost nothing
 * in a tick. */
static bool run_is_ready(const RunEntry *entry)
{
    return entry->run.state == RUN_WAITING && tree_contains(&entry->in_active) && !entry->waits_for &&
           !run_active_before(&entry->run);
}

static void ready_refresh(World *world, RunEntry *entry)
{
    bool is_ready = run_is_ready(entry);
    if (is_ready == tree_contains(&entry->in_ready))
        return;
    if (is_ready)
        tree_insert(&world->ready_runs, &entry->in_ready);
    else
        tree_remove(&world->ready_runs, &entry->in_ready);
}

/* Which runs are active and ready does not depend on their name, only where they stand. */
static void run_rename(World *world, RunEntry *entry, const ResourceRename *rename)
{
    bool is_active = tree_contains(&entry->in_active), is_ready = tree_contains(&entry->in_ready);
    if (is_ready)
        tree_remove(&world->ready_runs, &entry->in_ready);
    if (is_active)
        tree_remove(&world->active_runs, &entry->in_active);
    tree_remove(&world->runs, &entry->by_key);
    g_free(entry->run.name);
    entry->run.name = view_dup(rename->to);
    if (digest_equal(&entry->run.key, &rename->key))
        entry->run.key = rename->new_key;
    tree_insert(&world->runs, &entry->by_key);
    if (is_active)
        tree_insert(&world->active_runs, &entry->in_active);
    if (is_ready)
        tree_insert(&world->ready_runs, &entry->in_ready);
    run_touch(world, &entry->run);
}

void runs_rekey(World *world, Kind kind, View name, const Digest *key, const Digest *new_key)
{
    for (Run *run = world_run_newest(world, kind, name); run; run = world_run_before(run))
        if (digest_equal(&run->key, key)) {
            run->key = *new_key;
            run_touch(world, run);
        }
}

void runs_rename(World *world, const ResourceRename *rename)
{
    for (Run *run; (run = world_run_newest(world, rename->kind, rename->from));)
        run_rename(world, run_entry(run), rename);
}

static void active_insert(World *world, RunEntry *entry)
{
    tree_insert(&world->active_runs, &entry->in_active);
    TreeNode *next = tree_next(&entry->in_active);
    ready_refresh(world, entry);
    if (next)
        ready_refresh(world, TREE_ENTRY(next, RunEntry, in_active));
}

static void active_remove(World *world, RunEntry *entry)
{
    TreeNode *next = tree_next(&entry->in_active);
    tree_remove(&world->active_runs, &entry->in_active);
    ready_refresh(world, entry);
    if (next)
        ready_refresh(world, TREE_ENTRY(next, RunEntry, in_active));
}

void run_wait_for(World *world, Run *run, Run *other)
{
    RunEntry *entry = run_entry(run);
    if (entry->waits_for == other)
        return;
    if (entry->waits_for)
        g_ptr_array_remove_fast(run_entry(entry->waits_for)->held, run);
    entry->waits_for = other;
    if (other && !run_entry(other)->held)
        run_entry(other)->held = g_ptr_array_new();
    if (other)
        g_ptr_array_add(run_entry(other)->held, run);
    ready_refresh(world, entry);
}

/* Those that waited for its jobs to be there look at it again. */
static void run_let_go(World *world, Run *run)
{
    GPtrArray *held = run_entry(run)->held;
    while (held && held->len > 0)
        run_wait_for(world, g_ptr_array_index(held, held->len - 1), NULL);
}

/* A cancelled run is in the way of the next one until the last of its jobs has ended. */
bool run_is_active(const Run *run)
{
    return run->state == RUN_WAITING || run->state == RUN_RUNNING || run->jobs_unfinished > 0;
}

void run_written(RunEntry *entry)
{
    entry->is_dirty = entry->is_new = false;
    if (!run_is_active(&entry->run))
        g_clear_pointer(&entry->run.spec, g_free);
}

static void run_leave_active(World *world, Run *run)
{
    RunEntry *entry = run_entry(run);
    if (!run_is_active(run) && tree_contains(&entry->in_active))
        active_remove(world, entry);
}

void run_move(World *world, Run *run, RunState state, int64_t now_ms)
{
    RunState from = run->state;
    run->state = state;
    if (state != RUN_WAITING && state != RUN_RUNNING)
        run->stopped_ms = now_ms;
    if (state != RUN_WAITING) {
        run_wait_for(world, run, NULL);
        run_let_go(world, run);
    }
    run_leave_active(world, run);
    ready_refresh(world, run_entry(run));
    run_touch(world, run);
    g_autofree char *subject =
        g_strdup_printf("%s/%s run %" G_GINT64_FORMAT, kind_name(run->kind), run->name, run->number);
    g_autofree char *message = g_strdup_printf("%s -> %s", run_state_name(from), run_state_name(state));
    world_event_of(world, &(EventOrigin){.source = run->owner}, "run.state", subject, message, now_ms);
}

void run_set_reason(World *world, Run *run, const char *reason)
{
    char *copy = g_strdup(reason);
    g_free(run->status_reason);
    run->status_reason = copy;
    run_touch(world, run);
}

/* The first failure is kept as the run's reason: it also tells a restart that something has failed already.
 */
static void run_note_failure(World *world, Run *run, const Job *job)
{
    if (run->status_reason)
        return;
    g_autofree char *text = job->step ? g_strdup_printf("step %s: %s", job->step, job->status_reason)
                                      : g_strdup(job->status_reason);
    run_set_reason(world, run, text);
}

void run_maybe_end(World *world, Run *run, int64_t now_ms)
{
    if (run->state == RUN_RUNNING && run->jobs_unfinished == 0)
        run_move(world, run, run->status_reason ? RUN_FAILED : RUN_SUCCEEDED, now_ms);
}

void run_job_ended(World *world, Job *job, int64_t now_ms)
{
    Run *run = job->run;
    if (job->state == JOB_FAILED)
        run_note_failure(world, run, job);
    run->jobs_unfinished--;
    run_maybe_end(world, run, now_ms);
    run_leave_active(world, run);
}

/* onFailure: stop cancels what has not started; what runs goes on. */
void run_stop_rest(World *world, const Job *failed, int64_t now_ms)
{
    Run *run = failed->run;
    if (!run || !run->pipeline || run->pipeline->on_failure != ON_FAILURE_STOP || run->jobs_unfinished == 0)
        return;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    g_autofree char *reason = g_strdup_printf("Pipeline %s stopped: step %s failed", run->name, failed->step);
    for (Job *job = run_job_next(run, NULL); job; job = run_job_next(run, job))
        job_end(world, job, NOT_A_CHILD, END_CANCEL, reason, now_ms, stops);
}

void run_end(World *world, Run *run, EndKind kind, const char *reason, int64_t now_ms, GPtrArray *ret_stops)
{
    if (run->state != RUN_WAITING && run->state != RUN_RUNNING)
        return;
    run_set_reason(world, run, reason);
    run_move(world, run, RUN_CANCELLED, now_ms);
    for (Job *job = run_job_next(run, NULL); job; job = run_job_next(run, job))
        job_end(world, job, NOT_A_CHILD, kind, reason, now_ms, ret_stops);
}

/* ---- beginning ---- */

RunEntry *run_new(World *world, const RunStart *start, Rng *rng, int64_t now_ms)
{
    const Run *newest = world_run_newest(world, start->kind, start->name);
    RunEntry *entry = g_new0(RunEntry, 1);
    Run *run = &entry->run;
    char id_text[37];
    JobId id = run_random_id(rng);
    job_id_to_text(&id, id_text);
    run->id = g_strdup(id_text);
    run->owner = g_ref_string_new_intern(start->owner ? start->owner : "");
    run->name = view_dup(start->name);
    run->spec = view_dup(start->spec);
    run->kind = start->kind;
    run->key = start->key;
    run->number = newest ? newest->number + 1 : 1;
    run->created_ms = now_ms;
    run->state = RUN_WAITING;
    entry->dirty.data = entry;
    entry->is_new = true;
    return entry;
}

static void run_add(World *world, RunEntry *entry)
{
    MapKey key;
    entry->scheduled_ms = run_spec_scheduled(&entry->run);
    tree_insert(&world->runs, &entry->by_key);
    if (run_map_key(view_from(entry->run.id), &key))
        map_put(world->runs_by_id, &key, entry);
    if (run_is_active(&entry->run))
        active_insert(world, entry);
    run_touch(world, &entry->run);
}

/* Only for a run that could not begin: it has no jobs and no row. */
static void run_drop(World *world, Run *run)
{
    RunEntry *entry = run_entry(run);
    MapKey key;
    run_wait_for(world, run, NULL);
    tree_remove(&world->runs, &entry->by_key);
    if (tree_contains(&entry->in_active))
        active_remove(world, entry);
    if (run_map_key(view_from(run->id), &key))
        map_remove(world->runs_by_id, &key);
    if (entry->is_dirty)
        g_queue_unlink(&world->dirty_runs, &entry->dirty);
    run_entry_free(entry);
}

static bool run_decode(RunEntry *entry, GError **error)
{
    if (entry->run.kind != KIND_PIPELINE)
        return true;
    entry->run.pipeline = pipeline_spec_decode(view_from(entry->run.spec), error);
    entry->workspace = run_spec_workspace(&entry->run);
    return entry->run.pipeline != NULL;
}

typedef enum { BEGIN_NOW, BEGIN_LATER, BEGIN_NEVER } BeginDecision;

/* All older ones that are still there; ending one may end another of them, so they are listed first. */
static void run_replace(World *world, const Run *run, Run *older, int64_t now_ms)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new(), runs = g_ptr_array_new();
    g_autofree char *reason = g_strdup_printf("replaced by run %" G_GINT64_FORMAT, run->number);
    for (; older; older = run_active_before(older))
        g_ptr_array_add(runs, older);
    for (guint i = 0; i < runs->len; i++)
        run_end(world, g_ptr_array_index(runs, i), END_TERMINATE, reason, now_ms, stops);
    world_stop_later(world, stops);
}

/* concurrencyPolicy, where an older run of the same manifest is still there. */
static BeginDecision run_concurrency(World *world, Run *run, Run *older, int64_t now_ms)
{
    g_autofree char *reason = NULL;
    switch (run->pipeline ? run->pipeline->concurrency : job_concurrency(view_from(run->spec))) {
    case CONCURRENCY_ALLOW: return BEGIN_NOW;
    case CONCURRENCY_WAIT: return BEGIN_LATER;
    case CONCURRENCY_SKIP:
        reason = g_strdup_printf("skipped: run %" G_GINT64_FORMAT " was still %s", older->number,
                                 older->state == RUN_CANCELLED ? "ending" : run_state_name(older->state));
        run_set_reason(world, run, reason);
        return BEGIN_NEVER;
    case CONCURRENCY_REPLACE:
        run_replace(world, run, older, now_ms);
        return run_active_before(run) ? BEGIN_LATER : BEGIN_NOW;
    }
    return BEGIN_NOW;
}

Run *run_start(World *world, const RunStart *start, Rng *rng, int64_t now_ms, GError **error)
{
    RunEntry *entry = run_new(world, start, rng, now_ms);
    Run *run = &entry->run;
    if (start->record_only) {
        run->state = RUN_RECORDED;
        run->stopped_ms = now_ms;
        run_add(world, entry);
        return run;
    }
    if (!run_decode(entry, error)) {
        run_entry_free(entry);
        return NULL;
    }
    run_add(world, entry);
    Run *older = run_active_before(run);
    /* What can never be submitted is said now, also where it would have to wait, and before others end for
     * it; run_submit() looks itself. */
    if (older && !run_check(world, run, rng, error)) {
        run_drop(world, run);
        return NULL;
    }
    BeginDecision decision = older ? run_concurrency(world, run, older, now_ms) : BEGIN_NOW;
    if (decision == BEGIN_NEVER)
        run_move(world, run, RUN_CANCELLED, now_ms);
    if (decision == BEGIN_NOW && !run_submit(world, run, rng, now_ms, error)) {
        run_drop(world, run);
        return NULL;
    }
    return run;
}

size_t run_settle(World *world, size_t max, Rng *rng, int64_t now_ms)
{
    size_t begun = 0;
    for (TreeNode *node; begun < max && (node = tree_first(&world->ready_runs)); begun++) {
        Run *run = &TREE_ENTRY(node, RunEntry, in_ready)->run;
        g_autoptr(GError) error = NULL;
        if (run_submit(world, run, rng, now_ms, &error))
            continue;
        run_set_reason(world, run, error->message);
        run_move(world, run, RUN_FAILED, now_ms);
    }
    return begun;
}

/* ---- coming back ---- */

/* An unfinished job of a run: one that was cancelled is still there because of it, and its pipeline is needed
 * for what the job may yet start. */
bool run_load_job(World *world, Run *run, GError **error)
{
    RunEntry *entry = run_entry(run);
    run->jobs_unfinished++;
    if (tree_contains(&entry->in_active))
        return true;
    active_insert(world, entry);
    if (run_decode(entry, error))
        return true;
    g_prefix_error(error, "run %s: ", run->id);
    return false;
}

static char *owner_intern(View owner)
{
    g_autofree char *text = view_dup(owner);
    return g_ref_string_new_intern(text);
}

bool run_restore(World *world, const RunRecord *record, GError **error)
{
    RunEntry *entry = g_new0(RunEntry, 1);
    Run *run = &entry->run;
    run->id = view_dup(record->id);
    run->owner = owner_intern(record->owner);
    run->name = view_dup(record->name);
    run->spec = view_dup(record->spec);
    run->status_reason = view_dup_or_null(record->status_reason);
    run->kind = record->kind;
    run->key = record->key;
    run->number = record->number;
    run->state = record->state;
    run->created_ms = record->created_ms;
    run->stopped_ms = record->stopped_ms;
    entry->dirty.data = entry;
    if (run_is_active(run) && !run_decode(entry, error)) {
        g_prefix_error(error, "run " VIEW_FMT ": ", VIEW_ARG(record->id));
        run_entry_free(entry);
        return false;
    }
    run_add(world, entry);
    if (!run_is_active(run) && run->state != RUN_CANCELLED) /* whose unfinished jobs are yet to come */
        g_clear_pointer(&run->spec, g_free);
    return true;
}

static void forget_specs(World *world)
{
    for (TreeNode *node = tree_first(&world->runs); node; node = tree_next(node)) {
        Run *run = &TREE_ENTRY(node, RunEntry, by_key)->run;
        if (!run_is_active(run))
            g_clear_pointer(&run->spec, g_free);
    }
}

/* A run whose last job ended and whose own end is in the same commit: nothing to do here but to be sure. */
void runs_loaded(World *world)
{
    forget_specs(world);
    for (TreeNode *node = tree_first(&world->active_runs); node;) {
        Run *run = &TREE_ENTRY(node, RunEntry, in_active)->run;
        node = tree_next(node);
        world->loading = false;
        run_maybe_end(world, run, world->loaded_ms);
        world->loading = true;
    }
}

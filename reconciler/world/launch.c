/* Launches: intended, started, refused, ended (invariants 2 and 3). */
#include "reconciler/world/attempt.h"

static int launch_key_compare(const TreeNode *node, const void *key)
{
    return memcmp(TREE_ENTRY(node, LaunchEntry, by_token)->launch.token.bytes, key, LAUNCH_TOKEN_BYTES);
}

static int launch_compare(const TreeNode *a, const TreeNode *b)
{
    return launch_key_compare(a, TREE_ENTRY(b, LaunchEntry, by_token)->launch.token.bytes);
}

/* When it is expected to end if nothing holds it up: counted from the intent, so that it never changes. */
int64_t launch_end_ms(const Launch *launch)
{
    int64_t end_ms;
    if (launch->expected_ms <= 0 || __builtin_add_overflow(launch->intended_ms, launch->expected_ms, &end_ms))
        return INT64_MAX;
    return end_ms;
}

int launch_end_compare(const TreeNode *a, const TreeNode *b)
{
    const Launch *left = &TREE_ENTRY(a, LaunchEntry, by_end)->launch;
    const Launch *right = &TREE_ENTRY(b, LaunchEntry, by_end)->launch;
    int64_t left_ms = launch_end_ms(left), right_ms = launch_end_ms(right);
    if (left_ms != right_ms)
        return left_ms < right_ms ? -1 : 1;
    if (left->job->sequence != right->job->sequence)
        return left->job->sequence < right->job->sequence ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static int end_key_compare(const TreeNode *node, const void *key)
{
    return launch_end_ms(&TREE_ENTRY(node, LaunchEntry, by_end)->launch) <= *(const int64_t *)key ? -1 : 1;
}

Launch *environment_launch_next(const Environment *environment, const Launch *after, int64_t from_ms)
{
    const Tree *ends = &environment_entry(environment)->ends;
    TreeNode *node =
        after ? tree_next(&launch_entry(after)->by_end) : tree_lower_bound(ends, &from_ms, end_key_compare);
    return node ? &TREE_ENTRY(node, LaunchEntry, by_end)->launch : NULL;
}

void launches_init(World *world)
{
    tree_init(&world->launches, launch_compare);
    world->waits = g_hash_table_new_full(NULL, NULL, NULL, g_free);
}

static void launch_free(World *world, LaunchEntry *entry)
{
    if (entry->is_dirty)
        g_queue_unlink(&world->dirty_launches, &entry->dirty);
    tree_remove(&world->launches, &entry->by_token);
    g_hash_table_remove(world->waits, &entry->launch);
    g_ref_string_release(entry->environment_name);
    g_free(entry->task);
    g_slice_free(LaunchEntry, entry);
}

void launches_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->launches); node; node = tree_first(&world->launches))
        launch_free(world, TREE_ENTRY(node, LaunchEntry, by_token));
    g_hash_table_unref(world->waits);
}

Launch *world_launch(const World *world, const LaunchToken *token)
{
    TreeNode *node = tree_find(&world->launches, token->bytes, launch_key_compare);
    return node ? &TREE_ENTRY(node, LaunchEntry, by_token)->launch : NULL;
}

Launch *world_launch_next(const World *world, const Launch *after)
{
    TreeNode *node = after ? tree_next(&launch_entry(after)->by_token) : tree_first(&world->launches);
    return node ? &TREE_ENTRY(node, LaunchEntry, by_token)->launch : NULL;
}

size_t world_launches_len(const World *world)
{
    return tree_len(&world->launches);
}

/* ---- rows and capacity ---- */

static void launch_touch(World *world, Launch *launch)
{
    LaunchEntry *entry = launch_entry(launch);
    if (entry->is_dirty || world_is_quiet(world))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_launches, &entry->dirty);
}

void launch_record(const Launch *launch, AttemptRecord *ret_record)
{
    const LaunchEntry *entry = launch_entry(launch);
    const Instance *instance = launch->instance;
    *ret_record = (AttemptRecord){.token = launch->token,
                                  .sequence = launch->job->sequence,
                                  .index = launch->index,
                                  .attempt = launch->attempt,
                                  .state = launch->state,
                                  .environment = view_from(entry->environment_name),
                                  .host = view_from(instance ? instance->provider_id : NULL),
                                  .task = view_from(entry->task),
                                  .vcpus_e4 = launch->vcpus_e4,
                                  .memory_mib = launch->memory_mib,
                                  .gpus = launch->gpus,
                                  .intended_ms = launch->intended_ms,
                                  .expected_ms = launch->expected_ms,
                                  .started_ms = launch->started_ms,
                                  .exit_code = -1,
                                  .reason = VIEW(""),
                                  .status_reason = VIEW(""),
                                  .is_new = entry->is_new};
    if (instance)
        ret_record->instance = instance->token;
}

bool launch_takes_consumables(const Launch *launch)
{
    return !launch->is_node || !launch_entry(launch)->node_prev;
}

/* direction 1: takes, -1: gives back. Of the instance it was taken by who decided. */
static void launch_account(Launch *launch, int direction)
{
    Environment *environment = launch->environment;
    if (!environment)
        return;
    Tree *ends = &environment_entry(environment)->ends;
    TreeNode *by_end = &launch_entry(launch)->by_end;
    environment->used_vcpus_e4 += direction * launch->vcpus_e4;
    environment->used_memory_mib += direction * launch->memory_mib;
    if (direction > 0)
        environment->launches++;
    else
        environment->launches--;
    if (direction > 0 && launch_end_ms(launch) != INT64_MAX)
        tree_insert(ends, by_end);
    else if (tree_contains(by_end))
        tree_remove(ends, by_end);
}

/* ---- the life of a launch ---- */

Target target_for_launch(World *world, Job *job, int32_t index)
{
    Target target = {job, NULL};
    if (index == NOT_A_CHILD) {
        g_assert(!job->array);
        return target;
    }
    target.child = array_live(job->array, index);
    if (!target.child)
        target.child = array_begin(world, job, index);
    return target;
}

Launch *launch_place(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                     const LaunchToken *token, int64_t now_ms)
{
    if (instance)
        instance_take(instance, job_holds(job->template, instance));
    return launch_intend(world, job, index, environment, instance, token, now_ms);
}

/* The launch itself; the attempt is begun, or has been, by the caller. */
Launch *launch_begin(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                     const LaunchToken *token, int64_t now_ms)
{
    const ResourceNeed *need = &job->template->effective->need;
    LaunchEntry *entry = g_slice_new0(LaunchEntry);
    Launch *launch = &entry->launch;
    *launch = (Launch){.token = *token,
                       .job = job,
                       .index = index,
                       .is_node = !job->array && index != NOT_A_CHILD,
                       .attempt = job->attempts,
                       .state = LAUNCH_INTENDED,
                       .environment = environment,
                       .vcpus_e4 = need->vcpus_e4,
                       .memory_mib = need->memory_mib,
                       .gpus = need->gpus,
                       .held = job_holds(job->template, instance),
                       .intended_ms = now_ms,
                       .expected_ms = world_expected_ms(world, job->template)};
    entry->dirty.data = entry;
    entry->is_new = true;
    entry->environment_name = g_ref_string_acquire(environment_entry(environment)->name);
    bool fresh = tree_insert(&world->launches, &entry->by_token);
    g_assert(fresh);
    launch_account(launch, 1);
    share_launch_begun(world, job->private->share, launch->vcpus_e4, now_ms);
    if (instance)
        instance_link(world, instance, launch);
    if (launch->is_node)
        node_add(world, launch);
    launch_touch(world, launch);
    return launch;
}

void launch_begun(World *world, Target target, Launch *launch, int32_t attempt, int64_t now_ms)
{
    launch->attempt = attempt;
    target_set_attempts(world, target, attempt);
    target_set_reason(world, target, NULL);
    target_set_launch(target, launch);
    consumables_take(world, target.job->template);
    target_move(world, target, JOB_STARTING, now_ms);
}

Launch *launch_intend(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                      const LaunchToken *token, int64_t now_ms)
{
    Target target = target_for_launch(world, job, index);
    Launch *launch = launch_begin(world, job, index, environment, instance, token, now_ms);
    launch_begun(world, target, launch, (target.child ? target.child->attempts : job->attempts) + 1, now_ms);
    return launch;
}

void launch_named(World *world, Launch *launch, const char *task)
{
    LaunchEntry *entry = launch_entry(launch);
    if (!task || g_strcmp0(entry->task, task) == 0)
        return;
    g_free(entry->task);
    entry->task = g_strdup(task);
    launch_touch(world, launch);
}

bool launch_is_named(const Launch *launch)
{
    return launch_entry(launch)->task != NULL;
}

void launch_waits(World *world, const Launch *launch, const char *what)
{
    if (what && launch->state != LAUNCH_EFFECTIVE)
        g_hash_table_insert(world->waits, (gpointer)(uintptr_t)launch, g_strdup(what));
    else
        g_hash_table_remove(world->waits, launch);
}

const char *launch_waits_for(const World *world, const Launch *launch)
{
    return launch ? g_hash_table_lookup(world->waits, launch) : NULL;
}

void world_waits_each(const World *world, LaunchWaitFunc func, void *data)
{
    GHashTableIter iter;
    gpointer launch, what;
    g_hash_table_iter_init(&iter, world->waits);
    while (g_hash_table_iter_next(&iter, &launch, &what))
        func(launch, what, data);
}

void launch_started(World *world, Launch *launch, int64_t started_ms, int64_t now_ms)
{
    Target target = target_of(launch);
    if (launch->state != LAUNCH_EFFECTIVE) {
        launch->state = LAUNCH_EFFECTIVE;
        launch->started_ms = started_ms;
        launch_waits(world, launch, NULL);
        launch_touch(world, launch);
    }
    if (launch->is_node)
        node_started(world, launch, started_ms, now_ms);
    else if (target_state(target) == JOB_STARTING) {
        target_set_started(world, target, started_ms);
        target_move(world, target, JOB_RUNNING, now_ms);
    }
}

void launch_resume(World *world, Launch *launch)
{
    (void)world; /* its row says so already */
    launch->state = LAUNCH_INTENDED;
}

void launch_stopping(World *world, Launch *launch)
{
    (void)world;
    launch->stopping = true;
}

/* Writes the last row and frees the launch; its capacity is free again. */
void launch_close(World *world, Launch *launch, const Closing *closing, int64_t now_ms)
{
    launch->state = closing->state;
    if (!world_is_quiet(world)) {
        AttemptRecord record;
        launch_record(launch, &record);
        record.stopped_ms = closing->stopped_ms;
        record.exit_code = closing->exit_code;
        record.reason = view_from(closing->reason);
        record.status_reason = view_from(closing->status_reason);
        batch_put_attempt(world_batch(world), &record);
    }
    if (launch->is_node)
        node_remove(launch);
    else
        target_set_launch(target_of(launch), NULL);
    launch_account(launch, -1);
    share_launch_ended(world, launch->job->private->share, launch->vcpus_e4, launch->intended_ms, now_ms);
    if (launch->instance) {
        instance_give(launch->instance, launch->held);
        instance_unlink(launch->instance, launch, now_ms);
    }
    launch_free(world, launch_entry(launch));
}

void launch_over(World *world, Launch *launch, const Closing *closing, const Verdict *verdict, int64_t now_ms)
{
    if (launch->is_node) {
        node_over(world, launch, closing, verdict, now_ms);
        return;
    }
    Target target = target_of(launch);
    launch_close(world, launch, closing, now_ms);
    attempt_over(world, target, verdict, now_ms);
}

void launch_refused(World *world, Launch *launch, const char *reason, int64_t now_ms)
{
    Verdict verdict = {.kind = reason ? VERDICT_FAILED : VERDICT_AGAIN,
                       .outcome = {.attempt = launch->attempt,
                                   .ended_by_request = target_ended_by_request(target_of(launch)),
                                   .exit_code = -1,
                                   .reason = reason,
                                   .status_reason = attempt_not_started}};
    Closing closing = {.state = reason ? LAUNCH_ENDED : LAUNCH_REFUSED,
                       .reason = reason,
                       .status_reason = reason ? attempt_not_started : NULL,
                       .exit_code = -1,
                       .stopped_ms = now_ms};
    launch_over(world, launch, &closing, &verdict, now_ms);
}

static const char *end_status_reason(Target target, EndCause cause)
{
    if (cause == END_TIMEOUT)
        return attempt_timed_out;
    if (cause == END_STOPPED && target_ended_by_request(target) && target_reason(target))
        return target_reason(target);
    return attempt_exited;
}

/* It ran, even where its start was never reported. */
static void launch_make_effective(World *world, Launch *launch, const LaunchEnd *end, int64_t now_ms)
{
    int64_t started_ms = end->started_ms > 0 ? end->started_ms : end->stopped_ms;
    if (launch->started_ms == 0 || target_state(target_of(launch)) == JOB_STARTING)
        launch_started(world, launch, started_ms, now_ms);
}

void launch_ended(World *world, Launch *launch, const LaunchEnd *end, int64_t now_ms)
{
    launch_make_effective(world, launch, end, now_ms);
    Target target = target_of(launch);
    const char *oom = "OutOfMemoryError: Container killed due to memory usage";
    g_autofree char *status_reason = g_strdup(end_status_reason(target, end->cause));
    Verdict verdict = {.kind = VERDICT_FAILED,
                       .outcome = {.attempt = launch->attempt,
                                   .ended_by_request = target_ended_by_request(target),
                                   .timed_out = end->cause == END_TIMEOUT,
                                   .exit_code = end->exit_code,
                                   .reason = end->cause == END_OOM ? oom : end->reason,
                                   .status_reason = status_reason},
                       .ran_ms = end->stopped_ms - launch->started_ms};
    if (end->cause == END_EXITED && end->exit_code == 0 && !verdict.outcome.ended_by_request)
        verdict.kind = VERDICT_SUCCEEDED;
    Closing closing = {.state = LAUNCH_ENDED,
                       .reason = verdict.outcome.reason,
                       .status_reason = status_reason,
                       .exit_code = end->exit_code,
                       .stopped_ms = end->stopped_ms};
    launch_over(world, launch, &closing, &verdict, now_ms);
}

void launch_lost(World *world, Launch *launch, int64_t now_ms)
{
    /* Batch's text, so that rules written as "Host EC2*" match; the machine of local environments is called
     * local. */
    ProviderType provider = launch->environment ? launch->environment->provider : PROVIDER_LOCAL;
    const char *name = launch->instance ? launch->instance->provider_id : NULL;
    g_autofree char *text =
        g_strdup_printf("Host EC2 (instance %s) terminated.", name ? name : provider_type_name(provider));
    Verdict verdict = {.kind = VERDICT_FAILED,
                       .outcome = {.attempt = launch->attempt,
                                   .ended_by_request = target_ended_by_request(target_of(launch)),
                                   .exit_code = -1,
                                   .status_reason = text}};
    Closing closing = {.state = LAUNCH_ENDED, .status_reason = text, .exit_code = -1, .stopped_ms = now_ms};
    launch_over(world, launch, &closing, &verdict, now_ms);
}

/* ---- stops decided inside ---- */

void world_stop_later(World *world, const GPtrArray *launches)
{
    for (guint i = 0; i < launches->len; i++) {
        const Launch *launch = g_ptr_array_index(launches, i);
        g_array_append_val(world->stops, launch->token);
    }
}

void world_take_stops(World *world, GPtrArray *ret_stops)
{
    for (guint i = 0; i < world->stops->len; i++) {
        Launch *launch = world_launch(world, &g_array_index(world->stops, LaunchToken, i));
        if (launch)
            g_ptr_array_add(ret_stops, launch);
    }
    g_array_set_size(world->stops, 0);
}

/* ---- coming back ---- */

/* Where it runs. False: its row names an instance that is not there. */
static bool launch_restore_instance(World *world, Launch *launch, const AttemptRecord *record)
{
    static const LaunchToken none;
    Instance *instance = world_instance(world, &record->instance);
    bool is_none = memcmp(&record->instance, &none, sizeof none) == 0;
    if (is_none && environment_is_shared(launch->environment))
        instance = &world->local->instance;
    if (!instance)
        return is_none;
    launch->held = launch->is_node && instance->environment
                       ? instance->total
                       : (Capacity){launch->vcpus_e4, launch->memory_mib, launch->gpus};
    instance_hold(instance, launch->held);
    instance_link(world, instance, launch);
    return true;
}

/* What was intended or running when the process ended is unknown until it is observed; it keeps its capacity.
 */
static bool launch_is_closed(LaunchState state)
{
    return state == LAUNCH_ENDED || state == LAUNCH_REFUSED;
}

/* What the row's launch is an attempt of. False: nothing that has an attempt under way. */
static bool launch_restore_target(World *world, const AttemptRecord *record, Target *ret_target)
{
    Job *job = world_job_by_sequence(world, record->sequence);
    if (!job || job_state_final(job->state))
        return false;
    Target target = {job, NULL};
    bool has_index = record->index != NOT_A_CHILD;
    if (job->array) {
        target.child = has_index ? array_live(job->array, record->index) : NULL;
        if (!target.child)
            return false;
    } else if (has_index && (record->index < 0 || record->index >= job->template->effective->nodes ||
                             (!launch_is_closed(record->state) && node_is_open(job, record->index)))) {
        return false;
    }
    *ret_target = target;
    return target_state(target) == JOB_STARTING || target_state(target) == JOB_RUNNING;
}

bool launch_restore(World *world, const AttemptRecord *record, GError **error)
{
    Target target;
    if (!launch_restore_target(world, record, &target) ||
        (launch_is_closed(record->state) && !node_restore_closed(target.job, record))) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                    "launch of job %" G_GUINT64_FORMAT ":%" G_GINT32_FORMAT
                    " belongs to no attempt under way",
                    record->sequence, record->index);
        return false;
    }
    if (launch_is_closed(record->state))
        return true;
    Job *job = target.job;
    LaunchEntry *entry = g_slice_new0(LaunchEntry);
    Launch *launch = &entry->launch;
    g_autofree char *name = view_dup(record->environment);
    *launch = (Launch){.token = record->token,
                       .job = job,
                       .index = record->index,
                       .is_node = !job->array && record->index != NOT_A_CHILD,
                       .attempt = record->attempt,
                       .state = LAUNCH_UNKNOWN,
                       .environment = world_environment(world, record->environment),
                       .vcpus_e4 = record->vcpus_e4,
                       .memory_mib = record->memory_mib,
                       .gpus = record->gpus,
                       .intended_ms = record->intended_ms,
                       .started_ms = record->started_ms,
                       .expected_ms = record->expected_ms,
                       .stopping = target_ended_by_request(target)};
    entry->dirty.data = entry;
    entry->environment_name = g_ref_string_new(name);
    entry->task = record->task.len > 0 ? view_dup(record->task) : NULL;
    if (!tree_insert(&world->launches, &entry->by_token)) {
        g_ref_string_release(entry->environment_name);
        g_free(entry->task);
        g_slice_free(LaunchEntry, entry);
        g_set_error_literal(error, WORLD_ERROR, WORLD_ERROR_INVALID, "a launch token is there twice");
        return false;
    }
    if (launch->is_node)
        node_add(world, launch);
    else
        target_set_launch(target, launch);
    launch_account(launch, 1);
    share_launch_begun(world, job->private->share, launch->vcpus_e4, launch->intended_ms);
    if (launch_takes_consumables(launch))
        consumables_restore(world, job->template);
    if (!launch_restore_instance(world, launch, record)) {
        g_set_error_literal(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                            "a launch runs on an instance that is missing");
        return false;
    }
    if (launch->stopping)
        g_array_append_val(world->stops, launch->token);
    return true;
}

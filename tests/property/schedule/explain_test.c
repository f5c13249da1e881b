/* Every change that an explanation suggests is made, in a copy of the world: then the job is placed, or its
 * instance is asked for, or (where only that was said) it waits where it could never have run. */
#include "reconciler/schedule/explain.h"
#include "tests/support/schedule_random.h"

static uint64_t seeds(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 40;
}

static bool buys(const Environment *environment)
{
    ComputeType type = environment->spec->type;
    return environment->provider == PROVIDER_SIMULATED && (type == CE_TYPE_EC2 || type == CE_TYPE_SPOT);
}

static int64_t grows(const Environment *environment, const RunnableGroup *group, void *data)
{
    (void)data;
    (void)group;
    if (!buys(environment) || !environment->spec->enabled)
        return 0;
    return (environment->spec->max_vcpus - environment->instance_vcpus) * 10000;
}

static bool explains_growth(const Environment *environment, const RunnableGroup *group,
                            ExplainGrowth *ret_growth, void *data)
{
    (void)data;
    (void)group;
    *ret_growth = (ExplainGrowth){.refused = false};
    return buys(environment);
}

/* ---- jobs that want too much ---- */

static void submit_large(ScheduleWorld *random)
{
    static const char *const queues[] = {"main", "high", "strict", "fair", "local", "alike"};
    static const char *const shares[] = {"a1", "b", "c"};
    const char *queue = queues[pick(random, 0, 5)];
    bool is_fair = strcmp(queue, "fair") == 0 || strcmp(queue, "alike") == 0;
    static const int64_t memory[] = {100, 700, 2048, 14300, 61000, 500000};
    g_autofree char *gpus = pick(random, 0, 2)
                                ? g_strdup("")
                                : g_strdup_printf(",{'type':'GPU','value':'%d'}", (int)pick(random, 1, 9));
    g_autofree char *share =
        is_fair ? g_strdup_printf(",'shareIdentifier':'%s'", shares[pick(random, 0, 2)]) : g_strdup("");
    g_autofree char *request = g_strdup_printf(
        "{'jobName':'j','jobQueue':'%s','jobDefinition':'%s'%s,'containerOverrides':{'resourceRequirements':["
        "{'type':'VCPU','value':'%d'},{'type':'MEMORY','value':'%d'}%s]}}",
        queue, pick(random, 0, 3) ? pick(random, 0, 3) ? "job" : "licensed" : "task", share,
        (int)(pick(random, 0, 1) ? pick(random, 1, 8) : pick(random, 1, 300)),
        (int)memory[pick(random, 0, 5)], gpus);
    g_autofree char *text = g_strdelimit(g_strdup(request), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    job_submit(random->world, &(Submission){.id = fixture_id(++random->ids), .request = json}, random->now_ms,
               NULL);
    json_decref(json);
}

static void vary_resources(ScheduleWorld *random)
{
    bool enabled = pick(random, 0, 2) > 0;
    g_autofree char *spec = g_strdup_printf(
        "{\"computeResources\":{\"instanceTypes\":[\"m5\"],\"maxvCpus\":%d,\"type\":\"SPOT\"},\"provider\":"
        "\"simulated\",\"state\":\"%s\",\"type\":\"MANAGED\"}",
        (int)pick(random, 1, 100), enabled ? "ENABLED" : "DISABLED");
    fixture_put(random->world, KIND_COMPUTE_ENVIRONMENT, "spot", spec, 1);
    g_autofree char *cloud = g_strdup_printf(
        "{\"computeResources\":{\"instanceTypes\":[\"%s\"],\"maxvCpus\":%d,\"type\":\"EC2\"%s},\"provider\":"
        "\"simulated\",\"state\":\"%s\",\"type\":\"MANAGED\"}",
        pick(random, 0, 1) ? "c5" : "g5", (int)pick(random, 1, 200),
        pick(random, 0, 1) ? "" : ",\"allocationStrategy\":\"BEST_FIT_PROGRESSIVE\"",
        pick(random, 0, 3) ? "ENABLED" : "DISABLED");
    fixture_put(random->world, KIND_COMPUTE_ENVIRONMENT, "cloud", cloud, 1);
    g_autofree char *license =
        g_strdup_printf("{\"resourceType\":\"%s\",\"totalQuantity\":%d}",
                        pick(random, 0, 1) ? "REPLENISHABLE" : "NON_REPLENISHABLE", (int)pick(random, 0, 4));
    fixture_put(random->world, KIND_CONSUMABLE_RESOURCE, "license", license, 1);
}

/* ---- a copy to change ---- */

static World *copy_of(ScheduleWorld *random)
{
    records_take(random->records, world_take_batch(random->world));
    World *copy = records_world(random->records);
    instance_local(copy, world_local_instance(random->world)->total);
    for (Instance *instance = world_instance_next(random->world, NULL); instance;
         instance = world_instance_next(random->world, instance)) {
        Instance *same = world_instance(copy, &instance->token);
        if (instance->state == INSTANCE_REGISTERED)
            instance_registered(copy, same, instance->total, random->now_ms);
        else
            instance_started(copy, same, "i-1", random->now_ms);
    }
    return copy;
}

/* "computeResources.instanceTypes", "shareLimits[0].maxvCpus" */
static void set_path(json_t *root, const char *path, json_t *value)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    guint len = g_strv_length(parts);
    for (guint i = 0; i < len; i++) {
        char *bracket = strchr(parts[i], '[');
        if (bracket)
            *bracket = '\0';
        if (i + 1 == len) {
            json_object_set_new(root, parts[i], value);
            return;
        }
        root = json_object_get(root, parts[i]);
        if (bracket)
            root = json_array_get(root, (size_t)atol(bracket + 1));
        g_assert_nonnull(root);
    }
}

static void edit_resource(World *world, const ExplainEdit *edit)
{
    const Resource *resource = world_resource(world, edit->kind, view_from(edit->name));
    g_assert_nonnull(resource);
    g_assert_true(g_str_has_prefix(edit->path, "spec."));
    json_t *root = json_loads(resource->spec, 0, NULL);
    set_path(root, edit->path + strlen("spec."), json_loads(edit->value, JSON_DECODE_ANY, NULL));
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    fixture_put(world, edit->kind, edit->name, text, 1);
    free(text);
    json_decref(root);
}

/* The same request with other needs; those that are not named stay. */
static Job *edit_job(World *world, const Job *job, const ExplainEdit *edit, int64_t now_ms)
{
    json_t *request = json_loads(job->template->request, 0, NULL), *item, *old;
    json_t *list = json_loads(edit->value, 0, NULL);
    json_t *overrides = json_object_get(request, "containerOverrides");
    if (!overrides) {
        overrides = json_object();
        json_object_set_new(request, "containerOverrides", overrides);
    }
    size_t i, j;
    g_assert_cmpstr(edit->path, ==, "containerOverrides.resourceRequirements");
    json_array_foreach(json_object_get(overrides, "resourceRequirements"), i, old)
    {
        bool named = false;
        json_array_foreach(list, j, item) named =
            named || json_equal(json_object_get(item, "type"), json_object_get(old, "type"));
        if (!named)
            json_array_append(list, old);
    }
    json_object_set_new(overrides, "resourceRequirements", list);
    json_object_set_new(request, "jobName", json_string("changed"));
    json_object_set_new(request, "jobQueue", json_string(job->queue->resource->name));
    json_object_set_new(request, "jobDefinition", json_string(job->template->definition));
    if (*job_share(job)->identifier)
        json_object_set_new(request, "shareIdentifier", json_string(job_share(job)->identifier));
    g_autoptr(GError) error = NULL;
    Job *changed =
        job_submit(world, &(Submission){.id = fixture_id(1000000), .request = request}, now_ms, &error);
    g_assert_no_error(error);
    json_decref(request);
    return changed;
}

static void end_launches(World *world, int64_t now_ms)
{
    for (Launch *launch = world_launch_next(world, NULL); launch; launch = world_launch_next(world, NULL)) {
        LaunchEnd end = {.cause = END_EXITED, .started_ms = launch->intended_ms, .stopped_ms = now_ms};
        launch_ended(world, launch, &end, now_ms);
    }
}

/* Nobody but the job waits. */
static void leave_alone(World *world, const Job *job, int32_t index, int64_t now_ms)
{
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    for (int32_t child = 0; index != NOT_A_CHILD && child < job->array_size; child++)
        if (child != index && fixture_child(job, child) == JOB_RUNNABLE)
            job_end(world, (Job *)(uintptr_t)job, child, END_CANCEL, "not it", now_ms, stops);
    uint64_t sequence = 0;
    for (Job *other; (other = world_job_next(world, sequence));) {
        sequence = other->sequence;
        if (other != job && !job_state_final(other->state))
            job_end(world, other, NOT_A_CHILD, END_CANCEL, "not it", now_ms, stops);
    }
}

static bool is_coming(const Environment *environment, Capacity need)
{
    return environment && environment->coming && fleet_find(environment->coming, need, FLEET_ANY);
}

/* ---- the check ---- */

typedef struct {
    int changes, starts, instances, waits, job_edits, types, maxes, quantities, limits, states, reservations;
} Seen;

static void note_edit(Seen *seen, const ExplainEdit *edit)
{
    seen->job_edits += edit->kind == KIND_JOB;
    seen->types += g_str_has_suffix(edit->path, "instanceTypes");
    seen->maxes += g_str_has_suffix(edit->path, "computeResources.maxvCpus");
    seen->quantities += g_str_has_suffix(edit->path, "totalQuantity");
    seen->limits += strstr(edit->path, "shareLimits") != NULL;
    seen->states += g_str_has_suffix(edit->path, "state");
    seen->reservations += g_str_has_suffix(edit->path, "computeReservation");
}

static void try_change(ScheduleWorld *random, uint64_t seed, const Explanation *explained, const Job *job,
                       const ExplainChange *change, Seen *seen)
{
    g_autoptr(World) world = copy_of(random);
    g_autoptr(Arena) arena = arena_new();
    int64_t now_ms = random->now_ms;
    Job *target = world_job(world, &job->id);
    int32_t index = explained->index;
    for (size_t i = 0; i < change->edits_len; i++) {
        note_edit(seen, &change->edits[i]);
        if (change->edits[i].kind == KIND_JOB) {
            target = edit_job(world, target, &change->edits[i], now_ms);
            index = NOT_A_CHILD;
        } else {
            edit_resource(world, &change->edits[i]);
        }
    }
    if (change->effect == EXPLAIN_WAITS)
        end_launches(world, now_ms);
    leave_alone(world, target, index, now_ms);
    ScheduleOptions options = {.now_ms = now_ms, .placements_max = 100000, .growth = grows};
    Decisions decisions = fixture_pass_with(world, &options, arena);
    bool placed = false, asked = false;
    for (size_t i = 0; i < decisions.placements_len; i++)
        placed = placed || (decisions.placements[i].job == target && decisions.placements[i].index == index);
    for (size_t i = 0; i < decisions.demand_len; i++)
        asked = asked || decisions.demand[i].group == job_group(target);
    asked = asked || is_coming(world_environment(world, view_from(change->environment)),
                               target->template->effective->need);
    bool good = change->effect == EXPLAIN_STARTS          ? placed
                : change->effect == EXPLAIN_GETS_INSTANCE ? placed || asked
                                                          : placed || asked || decisions.parked_len == 0;
    if (!good)
        g_error("seed %" PRIu64 ": job %" PRIu64
                ":%d of queue %s (%s): with \"%s\" (effect %d in %s) it is not placed%s%s",
                seed, job->sequence, index, job->queue->resource->name, job->template->request, change->text,
                change->effect, change->environment, decisions.parked_len ? ": " : "",
                decisions.parked_len ? decisions.parked[0].reason : "");
    seen->changes++;
    seen->starts += change->effect == EXPLAIN_STARTS;
    seen->instances += change->effect == EXPLAIN_GETS_INSTANCE;
    seen->waits += change->effect == EXPLAIN_WAITS;
    fixture_undo(&decisions);
}

static void explain_one(ScheduleWorld *random, uint64_t seed, Job *job, Seen *seen)
{
    g_autoptr(Arena) arena = arena_new();
    Explanation explained;
    ExplainOptions options = {.now_ms = random->now_ms, .growth = explains_growth};
    g_autofree char *before = world_dump(random->world);
    explain_job(random->world, job, NOT_A_CHILD, &options, arena, &explained);
    g_autofree char *after = world_dump(random->world);
    g_assert_cmpstr(before, ==, after);
    if (!explained.waits)
        return;
    g_assert_true(!job_group(job)->parked || explained.never);
    g_assert_true(!explained.never || explained.blocked != BLOCKED_NONE);
    for (size_t i = 0; i < explained.rooms_len; i++)
        g_assert_true(explained.rooms[i].text && *explained.rooms[i].text);
    for (size_t i = 0; i < explained.changes_len; i++)
        try_change(random, seed, &explained, job, &explained.changes[i], seen);
}

static void test_changes(void)
{
    Seen seen = {0};
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        ScheduleWorld *random = schedule_world_new(seed);
        if (seed % 2 == 0)
            vary_resources(random);
        for (int i = 0; i < 25; i++) {
            random_step(random);
            if (i % 3 == 0)
                submit_large(random);
        }
        if (seed % 3)
            random_tick(random);
        for (int i = 0; i < 4; i++)
            submit_large(random);
        uint64_t sequence = 0;
        for (Job *job; (job = world_job_next(random->world, sequence));) {
            sequence = job->sequence;
            if (!job_state_final(job->state))
                explain_one(random, seed, job, &seen);
        }
        schedule_world_free(random);
    }
    g_test_message(
        "%d changes: %d start, %d get an instance, %d wait; edits: %d jobs, %d types, %d maxvCpus, "
        "%d quantities, %d limits, %d states, %d reservations",
        seen.changes, seen.starts, seen.instances, seen.waits, seen.job_edits, seen.types, seen.maxes,
        seen.quantities, seen.limits, seen.states, seen.reservations);
    g_assert_cmpint(MIN(MIN(seen.starts, seen.instances), seen.waits), >, 0);
    g_assert_cmpint(MIN(MIN(seen.job_edits, seen.types), MIN(seen.maxes, seen.quantities)), >, 0);
    g_assert_cmpint(MIN(seen.limits, seen.states), >, 0);
}

/* What is ahead, against a walk through all of the queue. */
static void check_ahead(ScheduleWorld *random, uint64_t seed)
{
    g_autoptr(Arena) arena = arena_new();
    size_t len;
    Queue *const *queues = world_queues(random->world, &len);
    for (size_t i = 0; i < len; i++) {
        RunnableIter iter;
        RunnableItem item;
        int64_t ahead = 0;
        if (queues[i]->fair)
            continue;
        runnable_iter_init(&iter, random->world, queues[i]);
        while (runnable_iter_next(&iter, &item)) {
            Explanation explained;
            ExplainOptions options = {.now_ms = random->now_ms};
            explain_job(random->world, item.job, item.index, &options, arena, &explained);
            if (job_group(item.job)->parked)
                continue;
            if (explained.ahead != ahead)
                g_error("seed %" PRIu64 ": job %" PRIu64 ":%d: %" PRId64 " ahead, should be %" PRId64, seed,
                        item.job->sequence, item.index, explained.ahead, ahead);
            ahead += item.runnable;
        }
    }
}

/* A retry goes to the front. */
static void fail_launch(ScheduleWorld *random)
{
    Launch *launch = world_launch_next(random->world, NULL);
    LaunchEnd end = {.cause = END_EXITED, .exit_code = 1, .stopped_ms = random->now_ms};
    if (!launch)
        return;
    end.started_ms = launch->intended_ms;
    launch_ended(random->world, launch, &end, random->now_ms);
}

static void test_ahead(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        ScheduleWorld *random = schedule_world_new(seed);
        fixture_definition(random->world, "job", 1, 100, ",\"retryStrategy\":{\"attempts\":9}");
        for (int i = 0; i < 60; i++) {
            random_step(random);
            fail_launch(random);
            if (i % 10 == 0)
                check_ahead(random, seed);
        }
        schedule_world_free(random);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/explain/changes", test_changes);
    g_test_add_func("/schedule/explain/ahead", test_ahead);
    return g_test_run();
}

/* world_random.h: random lives of a world from a seed, with a model beside it that knows what must never
 * happen. Owns:   the world and its rows. Include it in the test that uses it. */
#pragma once
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

typedef struct {
    World *world;
    Records *records;
    Rng rng;
    int64_t now_ms;
    uint64_t ids, tokens;
    GHashTable *ended; /* "SEQUENCE:INDEX" → "SUCCEEDED" or "FAILED": ends only once */
    GArray *recent;    /* JobId of jobs submitted, for dependencies */
} RandomWorld;

/* variant: 0 to 2. */
static inline void random_world_policy(World *world, int variant)
{
    g_autofree char *spec = g_strdup_printf(
        "{\"fairsharePolicy\":{\"computeReservation\":%d,\"shareDecaySeconds\":%d,\"shareDistribution\":"
        "[{\"shareIdentifier\":\"a*\",\"weightFactor\":5000},{\"shareIdentifier\":\"b\"}]},"
        "\"shareLimits\":[{\"maxvCpus\":3,\"shareIdentifier\":\"c\"}]}",
        10 * variant, 1000 * variant);
    fixture_put(world, KIND_SCHEDULING_POLICY, "policy", spec, 1);
}

typedef enum { QUEUE_FIFO, QUEUE_FAIR } QueueOrder;
static inline void random_world_queue(World *world, QueueOrder order)
{
    g_autofree char *spec = g_strdup_printf(
        "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],\"priority\":1%s}",
        order == QUEUE_FAIR ? ",\"schedulingPolicy\":\"policy\"" : "");
    fixture_put(world, KIND_JOB_QUEUE, "fair", spec, 1);
}

static inline void random_world_resources(World *world)
{
    instance_local(world, FIXTURE_MACHINE);
    fixture_environment(world, "here", 8);
    fixture_environment(world, "there", 3);
    fixture_queue(world, "main", 1, "here");
    fixture_queue(world, "high", 9, "there,here");
    random_world_policy(world, 0);
    random_world_queue(world, QUEUE_FAIR);
    fixture_definition(world, "one", 1, 16, "");
    fixture_definition(world, "two", 2, 64, ",\"retryStrategy\":{\"attempts\":2}");
    fixture_definition(world, "thrice", 1, 32,
                       ",\"retryStrategy\":{\"attempts\":3,\"evaluateOnExit\":[{\"onExitCode\":\"42\","
                       "\"action\":\"EXIT\"}]}");
}

static inline RandomWorld *random_world_new(uint64_t seed)
{
    RandomWorld *random = g_new0(RandomWorld, 1);
    random->rng = rng_from_seed(seed);
    random->now_ms = 1000;
    random->records = records_new();
    random->world = world_new(seed, PROVIDER_LOCAL);
    random->ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    random->recent = g_array_new(FALSE, FALSE, sizeof(JobId));
    world_set_final_lookup(random->world, records_final, random->records);
    random_world_resources(random->world);
    return random;
}

static inline void random_world_free(RandomWorld *random)
{
    world_free(random->world);
    records_free(random->records);
    g_hash_table_unref(random->ended);
    g_array_unref(random->recent);
    g_free(random);
}

static inline uint64_t random_below(RandomWorld *random, uint64_t limit)
{
    return rng_below(&random->rng, limit);
}

/* ---- the model ---- */

static inline void random_note(RandomWorld *random, uint64_t sequence, int32_t index, JobState state)
{
    char *key = g_strdup_printf("%" PRIu64 ":%d", sequence, index);
    const char *before = g_hash_table_lookup(random->ended, key);
    if (before && (!job_state_final(state) || strcmp(before, job_state_name(state)) != 0))
        g_error("%s was %s and is %s", key, before, job_state_name(state));
    if (!before && job_state_final(state))
        g_hash_table_insert(random->ended, key, (gpointer)(uintptr_t)job_state_name(state));
    else
        g_free(key);
}

/* A final state is kept for ever. */
static inline void random_observe(RandomWorld *random)
{
    for (const Job *job = world_job_next(random->world, 0); job;
         job = world_job_next(random->world, job->sequence)) {
        random_note(random, job->sequence, NOT_A_CHILD, job->state);
        const JobRecord *row = records_job(random->records, job->sequence);
        if (row && job_state_final(row->state))
            continue; /* read back without its children */
        for (int32_t index = 0; index < job->array_size; index++)
            random_note(random, job->sequence, index, fixture_child(job, index));
    }
}

static inline JobState random_known_state(RandomWorld *random, const JobId *id, int32_t index)
{
    const Job *job = world_job(random->world, id);
    uint64_t sequence = job ? job->sequence : 0;
    for (GTreeNode *node = g_tree_node_first(random->records->tables[TABLE_JOB]); node && !sequence;
         node = g_tree_node_next(node)) {
        const JobRecord *row = g_tree_node_value(node);
        if (memcmp(&row->id, id, sizeof *id) == 0)
            sequence = row->sequence;
    }
    g_autofree char *key = g_strdup_printf("%" PRIu64 ":%d", sequence, index);
    const char *state = g_hash_table_lookup(random->ended, key);
    return !state ? JOB_PENDING : strcmp(state, "SUCCEEDED") == 0 ? JOB_SUCCEEDED : JOB_FAILED;
}

/* Nothing starts before what it waits for has SUCCEEDED. */
static inline void random_check_start(RandomWorld *random, const Job *job, int32_t index)
{
    const DependencyRecord *records;
    size_t len = job_dependencies(job, &records);
    for (size_t i = 0; i < len; i++) {
        const DependencyRecord *record = &records[i];
        if (record->type == DEPENDENCY_SEQUENTIAL) {
            g_assert_true(index == 0 || fixture_child(job, index - 1) == JOB_SUCCEEDED);
            continue;
        }
        int32_t on = record->type == DEPENDENCY_N_TO_N ? index : record->on_index;
        JobState state = random_known_state(random, &record->on, on);
        g_assert_true(state == JOB_SUCCEEDED ||
                      (record->condition == CONDITION_COMPLETION && state == JOB_FAILED));
    }
    g_autofree char *key = g_strdup_printf("%" PRIu64 ":%d", job->sequence, index);
    g_assert_null(g_hash_table_lookup(random->ended, key));
}

/* ---- operations ---- */

static inline void random_append_dependencies(RandomWorld *random, GString *request, bool is_array)
{
    g_string_append(request, ",'dependsOn':[");
    uint64_t len = random_below(random, 3);
    for (uint64_t i = 0; i < len && random->recent->len > 0; i++) {
        char id[37];
        uint64_t back = random_below(random, MIN(random->recent->len, 12));
        job_id_to_text(&g_array_index(random->recent, JobId, random->recent->len - 1 - back), id);
        uint64_t form = random_below(random, 4);
        g_string_append_printf(request, "%s{'jobId':'%s%s'%s}",
                               request->str[request->len - 1] == '[' ? "" : ",", id, form == 0 ? ":1" : "",
                               is_array && form == 1 ? ",'type':'N_TO_N'" : "");
    }
    if (is_array && random_below(random, 4) == 0)
        g_string_append_printf(request, "%s{'type':'SEQUENTIAL'}",
                               request->str[request->len - 1] == '[' ? "" : ",");
    g_string_append_c(request, ']');
}

/* Many of these are refused (a dependency of another size, an unknown child): that changes nothing. */
static inline void random_submit(RandomWorld *random)
{
    static const char *const definitions[] = {"one", "two", "thrice"};
    static const char *const queues[] = {"main", "high", "fair"};
    static const char *const shares[] = {"a1", "a2", "b", "c"};
    uint64_t queue = random_below(random, 3);
    g_autoptr(GString) request = g_string_new(NULL);
    bool is_array = random_below(random, 2) == 0;
    g_string_printf(request, "{'jobName':'j','jobQueue':'%s','jobDefinition':'%s'", queues[queue],
                    definitions[random_below(random, 3)]);
    if (is_array)
        g_string_append_printf(request, ",'arrayProperties':{'size':%d}",
                               random_below(random, 3) == 0 ? 70 : 4);
    if (random_below(random, 2) == 0)
        random_append_dependencies(random, request, is_array);
    if (queue == 2)
        g_string_append_printf(request, ",'shareIdentifier':'%s','schedulingPriorityOverride':%d",
                               shares[random_below(random, 4)], (int)random_below(random, 2));
    g_string_append_c(request, '}');
    g_autofree char *message = NULL;
    Job *job = fixture_try(random->world, ++random->ids, request->str, &message);
    if (job)
        g_array_append_val(random->recent, job->id);
}

static inline Job *random_job(RandomWorld *random)
{
    uint64_t after = random_below(random, random->ids + 1);
    Job *job = world_job_next(random->world, after);
    return job ? job : world_job_next(random->world, 0);
}

static inline void random_end(RandomWorld *random)
{
    Job *job = random_job(random);
    if (!job)
        return;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    int32_t index = job->array_size > 0 && random_below(random, 4) > 0
                        ? (int32_t)random_below(random, (uint64_t)job->array_size)
                        : NOT_A_CHILD;
    job_end(random->world, job, index, random_below(random, 2) ? END_CANCEL : END_TERMINATE, "asked for",
            random->now_ms, stops);
}

static inline Launch *random_launch(RandomWorld *random)
{
    size_t len = world_launches_len(random->world);
    Launch *launch = len > 0 ? world_launch_next(random->world, NULL) : NULL;
    for (uint64_t skip = len > 0 ? random_below(random, len) : 0; skip > 0; skip--)
        launch = world_launch_next(random->world, launch);
    return launch;
}

static inline void random_intend(RandomWorld *random, Job *job, int32_t index, Environment *environment)
{
    LaunchToken token;
    rng_fill(&random->rng, token.bytes, sizeof token.bytes);
    random_observe(random);
    random_check_start(random, job, index);
    launch_place(random->world, job, index, environment, world_local_instance(random->world), &token,
                 random->now_ms);
}

static inline void random_outcome(RandomWorld *random)
{
    World *world = random->world;
    Launch *launch = random_launch(random);
    if (!launch)
        return;
    LaunchEnd end = {.cause = END_EXITED, .started_ms = random->now_ms, .stopped_ms = random->now_ms};
    switch (random_below(random, 10)) {
    case 0: launch_refused(world, launch, NULL, random->now_ms); return;
    case 1: launch_refused(world, launch, "CannotStartContainerError: no", random->now_ms); return;
    case 2: launch_lost(world, launch, random->now_ms); return;
    case 3: end.exit_code = 42; break;
    case 4: end.exit_code = 1; break;
    case 5: end.cause = END_TIMEOUT; break;
    case 6: launch_started(world, launch, random->now_ms, random->now_ms); return;
    default: break;
    }
    if (launch->stopping) {
        end.cause = END_STOPPED;
        end.exit_code = 143;
    }
    launch_ended(world, launch, &end, random->now_ms);
}

static inline void random_change_resources(RandomWorld *random)
{
    int more = (int)random_below(random, 3);
    g_autofree char *keep = more ? g_strdup_printf(",\"keepRevisions\":%d", more) : g_strdup("");
    switch (random_below(random, 6)) {
    case 5: random_world_queue(random->world, QUEUE_FIFO); break;
    case 4: random_world_queue(random->world, QUEUE_FAIR); break;
    case 3: random_world_policy(random->world, (int)random_below(random, 3)); break;
    case 0: fixture_definition(random->world, "one", 1, 16 + (int)random_below(random, 3), keep); break;
    case 1: fixture_queue(random->world, "main", (int)random_below(random, 20), "here"); break;
    default: fixture_environment(random->world, "there", 1 + (int)random_below(random, 8)); break;
    }
}

/* Shares whose jobs have ended stop being active, as the scheduler lets them. */
static inline void random_pass_window(RandomWorld *random)
{
    random->now_ms += 1000 * (int64_t)random_below(random, 1500);
    shares_settle(random->world, world_resource(random->world, KIND_JOB_QUEUE, VIEW("fair"))->queue,
                  random->now_ms);
}

static inline void random_commit(RandomWorld *random)
{
    random_observe(random);
    records_take(random->records, world_take_batch(random->world));
    g_assert_false(world_is_dirty(random->world));
}

/* The process dies after a commit and starts again: the same decisions must follow. */
static inline void random_restart(RandomWorld *random)
{
    random_commit(random);
    World *fresh = records_world(random->records);
    world_check(fresh);
    g_autofree char *before = world_dump(random->world);
    g_autofree char *after = world_dump(fresh);
    g_assert_cmpstr(before, ==, after);
    g_assert_false(world_is_dirty(fresh));
    world_free(random->world);
    random->world = fresh;
    world_set_final_lookup(fresh, records_final, random->records);
}

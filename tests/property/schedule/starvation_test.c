/* Nobody starves: a large job starts at the latest HOLD_AFTER_MS and one run after it became runnable,
 * however many small ones come behind it, whatever is known of their run times (hold.h says why). */
#include <inttypes.h>
#include "tests/support/schedule_fixture.h"

#define START_MS INT64_C(1000000)
#define STEP_MS  5000

typedef struct {
    World *world;
    Rng rng;
    int64_t now_ms, longest_ms;
    uint64_t ids, tokens;
    GArray *ends; /* of End */
} Stream;

typedef struct {
    LaunchToken token;
    int64_t at_ms;
} End;

static uint64_t seeds(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : 20;
}

static int64_t pick(Stream *stream, int64_t low, int64_t high)
{
    return rng_between(&stream->rng, low, high);
}

/* vCPUs of a host, hosts; small jobs of 1 to 2 vCPUs whose timeout (if any) says nothing of how long they
 * run. */
static Stream stream_new(uint64_t seed, int *ret_host_vcpus)
{
    Stream stream = {.world = world_new(seed, PROVIDER_LOCAL),
                     .rng = rng_from_seed(seed),
                     .now_ms = START_MS,
                     .ends = g_array_new(FALSE, FALSE, sizeof(End))};
    int hosts = (int)pick(&stream, 1, 4), vcpus = (int)pick(&stream, 4, 8);
    world_set_recording(stream.world, false);
    fixture_cloud(stream.world, "own", "UNMANAGED", 0, "");
    fixture_queue(stream.world, "main", 1, "own");
    fixture_definition(stream.world, "small", 1, 100, "");
    fixture_definition(stream.world, "timed", 1, 100, ",\"timeout\":{\"attemptDurationSeconds\":60}");
    fixture_definition(stream.world, "large", vcpus, 100, "");
    for (int i = 0; i < hosts; i++)
        fixture_instance(stream.world, "own", "host", capacity_of(vcpus, 100000, 0));
    stream.longest_ms = pick(&stream, 60, 900) * 1000;
    *ret_host_vcpus = vcpus;
    return stream;
}

static Job *submit(Stream *stream, const char *definition, int64_t vcpus)
{
    g_autofree char *request = g_strdup_printf(
        "{'jobName':'j','jobQueue':'main','jobDefinition':'%s','containerOverrides':{'resourceRequirements':"
        "[{'type':'VCPU','value':'%" PRId64 "'}]}}",
        definition, vcpus);
    g_autofree char *text = g_strdelimit(g_strdup(request), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    Job *job = job_submit(stream->world, &(Submission){.id = fixture_id(++stream->ids), .request = json},
                          stream->now_ms, NULL);
    json_decref(json);
    return job;
}

static void end_due(Stream *stream)
{
    for (guint i = stream->ends->len; i > 0; i--) {
        End end = g_array_index(stream->ends, End, i - 1);
        if (end.at_ms > stream->now_ms)
            continue;
        Launch *launch = world_launch(stream->world, &end.token);
        g_array_remove_index_fast(stream->ends, i - 1);
        launch_ended(stream->world, launch,
                     &(LaunchEnd){.cause = END_EXITED,
                                  .started_ms = launch->intended_ms,
                                  .stopped_ms = stream->now_ms},
                     stream->now_ms);
    }
}

static void place(Stream *stream)
{
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions = fixture_pass(stream->world, stream->now_ms, arena);
    uint64_t first = stream->tokens + 1;
    fixture_carry_out(stream->world, &decisions, stream->now_ms, &stream->tokens);
    for (uint64_t token = first; token <= stream->tokens; token++) {
        End end = {fixture_token(token), stream->now_ms + pick(stream, 1000, stream->longest_ms)};
        g_array_append_val(stream->ends, end);
    }
}

/* More small jobs than there is room for, in every step. */
static void step(Stream *stream)
{
    end_due(stream);
    for (int i = 0; i < 12; i++)
        submit(stream, pick(stream, 0, 1) ? "small" : "timed", pick(stream, 1, 2));
    place(stream);
    world_forget_finished(stream->world, SIZE_MAX);
    stream->now_ms += STEP_MS;
}

static void run(uint64_t seed)
{
    int vcpus;
    Stream stream = stream_new(seed, &vcpus);
    for (int64_t i = pick(&stream, 1, 60); i > 0; i--)
        step(&stream);
    const Job *large = submit(&stream, "large", vcpus);
    uint64_t sequence = large->sequence;
    int64_t since_ms = stream.now_ms, bound_ms = HOLD_AFTER_MS + stream.longest_ms + 2 * STEP_MS;
    /* What was submitted before it comes first, as it should. */
    while (world_job_by_sequence(stream.world, sequence) &&
           world_job_by_sequence(stream.world, sequence)->state == JOB_RUNNABLE) {
        bool earlier = false;
        for (const Job *job = world_job_next(stream.world, 0); job && job->sequence < sequence;
             job = world_job_next(stream.world, job->sequence))
            earlier = earlier || job->state == JOB_RUNNABLE;
        if (earlier)
            since_ms = stream.now_ms;
        if (stream.now_ms - since_ms > bound_ms)
            g_error("seed %" PRIu64 ": the large job waits for %" PRId64 " s, the bound is %" PRId64 " s",
                    seed, (stream.now_ms - since_ms) / 1000, bound_ms / 1000);
        step(&stream);
    }
    g_array_unref(stream.ends);
    world_free(stream.world);
}

static void test_bound(void)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++)
        run(seed);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/starvation-bound", test_bound);
    return g_test_run();
}

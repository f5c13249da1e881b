/* world_bench: what the state costs, in processor time. Prints "name<TAB>value<TAB>unit"; run by `make
 * bench`, never a test. */
#include <malloc.h>
#include "tests/bench/figures.h"
#include "reconciler/schedule/schedule.h"
#include "tests/support/world_fixture.h"

static json_t *request_of(const char *quoted)
{
    g_autofree char *text = g_strdelimit(g_strdup(quoted), "'", '"');
    return json_loads(text, 0, NULL);
}

static void submit_many(World *world, json_t *request, uint64_t first, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++)
        if (!job_submit(world, &(Submission){.id = fixture_id(first + i), .request = request}, 1000, NULL))
            abort();
}

static void bench_submit(uint64_t len)
{
    g_autoptr(World) world = fixture_world();
    json_t *request = request_of(
        "{'jobName':'job-1','jobQueue':'main','jobDefinition':'one',"
        "'containerOverrides':{'command':['/bin/true','x'],'environment':[{'name':'A','value':'1'}]}}");
    submit_many(world, request, 0, 1);
    size_t before = mallinfo2().uordblks;
    int64_t start = clock_us();
    submit_many(world, request, 1, len);
    int64_t end = clock_us();
    report("job_submit", (double)(end - start) / (double)len, "us/job");
    report("queued job", (double)(mallinfo2().uordblks - before) / (double)len, "bytes");
    start = clock_us();
    Batch *batch = world_take_batch(world);
    report("take_batch", (double)(clock_us() - start) / (double)len, "us/job");
    batch_free(batch);
    g_autoptr(Arena) arena = arena_new();
    Decisions decisions;
    start = clock_us();
    instance_local(world, (Capacity){0, 1000, 0});
    schedule_run(world, &(ScheduleOptions){.now_ms = 5000, .placements_max = 1000}, arena, &decisions);
    report("tick, nothing fits", (double)(clock_us() - start), "us");
    start = clock_us();
    instance_local(world, (Capacity){20000, 1000, 0});
    schedule_run(world, &(ScheduleOptions){.now_ms = 5000, .placements_max = 1000}, arena, &decisions);
    report("tick, 2 fit", (double)(clock_us() - start), "us");
    json_decref(request);
}

static void bench_array(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    json_t *request = request_of(
        "{'jobName':'a','jobQueue':'main','jobDefinition':'one','arrayProperties':{'size':10000}}");
    submit_many(world, request, 0, 1);
    size_t before = mallinfo2().uordblks;
    int64_t start = clock_us();
    submit_many(world, request, 1, 100);
    report("submit array of 10000", (double)(clock_us() - start) / 100, "us");
    report("queued array of 10000", (double)(mallinfo2().uordblks - before) / 100, "bytes");
    start = clock_us();
    for (uint64_t i = 2; i <= 101; i++)
        job_end(world, world_job_by_sequence(world, i), NOT_A_CHILD, END_CANCEL, "no", 2000, stops);
    report("cancel array of 10000", (double)(clock_us() - start) / 100, "us");
    json_decref(request);
}

/* Every child through all of its states, with a commit for every 100. */
static void bench_run(int32_t size)
{
    g_autoptr(World) world = fixture_world();
    g_autofree char *more = g_strdup_printf(",'arrayProperties':{'size':%d}", size);
    Job *job = fixture_job(world, 1, "one", more);
    Environment *here = world_environment(world, VIEW("here"));
    int64_t start = clock_us();
    for (int32_t i = 0; i < size; i++) {
        LaunchToken token = fixture_token((uint64_t)i + 1);
        Launch *launch = launch_place(world, job, i, here, world_local_instance(world), &token, 2000);
        launch_started(world, launch, 2001, 2001);
        launch_ended(world, launch, &(LaunchEnd){.cause = END_EXITED, .stopped_ms = 2002}, 2002);
        if (i % 100 == 99)
            batch_free(world_take_batch(world));
    }
    report("child through its states", (double)(clock_us() - start) / size, "us");
}

int main(void)
{
    bench_submit(100000);
    bench_array();
    bench_run(10000);
    return 0;
}

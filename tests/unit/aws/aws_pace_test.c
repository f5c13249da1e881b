/* How many calls it takes to notice what becomes of tasks, and how late: against made-up tasks in virtual
 * time. */
#include <math.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "spec/base/rng.h"

#define ROUND_MS   50 /* of a call */
#define START_MS   3000
#define MONOTONIC0 1000000
#define REAL0      INT64_C(1750000000000)

/* A cluster with room for `room` tasks, each place of which gets another one as soon as the end of the last
 * one is noticed. */
typedef struct {
    AwsProvider provider;
    AwsCluster cluster;
    AwsTime time;
    AwsTask *tasks;
    int64_t *starts_ms, *ends_ms, *looked_ms; /* by place; looked_ms: as of monotonic */
    guint room;
    int64_t now_ms; /* since the beginning */
    Rng rng;
    int64_t (*duration_ms)(Rng *rng);
    guint calls, ended;
    int64_t late_ms, latest_ms, unlooked_ms;
} Sim;

static int64_t sim_monotonic_ms(void *self)
{
    return MONOTONIC0 + ((Sim *)self)->now_ms;
}

static int64_t sim_now_ms(void *self)
{
    return REAL0 + ((Sim *)self)->now_ms;
}

static void look(Sim *sim, guint place)
{
    AwsTask *task = &sim->tasks[place];
    TaskState state = {.arn = task->arn, .created_ms = REAL0 + sim->starts_ms[place] - START_MS};
    bool has_started = sim->now_ms >= sim->starts_ms[place], has_ended = sim->now_ms >= sim->ends_ms[place];
    state.phase = has_ended ? TASK_ENDED : has_started ? TASK_RUNNING : TASK_PENDING;
    if (has_started)
        state.started_ms = REAL0 + sim->starts_ms[place];
    if (has_ended)
        state.ended_ms = REAL0 + sim->ends_ms[place];
    sim->unlooked_ms = MAX(sim->unlooked_ms, sim->now_ms - sim->looked_ms[place]);
    sim->looked_ms[place] = sim->now_ms;
    aws_pace_seen(task, &state);
    task->step = has_started ? TASK_STARTED : TASK_KNOWN;
}

static void begin(Sim *sim, guint place)
{
    sim->starts_ms[place] = sim->now_ms + START_MS;
    sim->ends_ms[place] = sim->starts_ms[place] + sim->duration_ms(&sim->rng);
    sim->looked_ms[place] = sim->now_ms;
    sim->tasks[place].step = TASK_ASKED;
    look(sim, place);
}

static void sim_init(Sim *sim, guint room, int64_t (*duration_ms)(Rng *rng))
{
    *sim = (Sim){.room = room, .duration_ms = duration_ms, .rng = rng_from_seed(3)};
    sim->time = (AwsTime){.now_ms = sim_now_ms, .monotonic_ms = sim_monotonic_ms, .self = sim};
    sim->provider.options.time = &sim->time;
    sim->provider.tasks = aws_token_map_new(NULL);
    sim->cluster.provider = &sim->provider;
    sim->tasks = g_new0(AwsTask, room);
    sim->starts_ms = g_new0(int64_t, room);
    sim->ends_ms = g_new0(int64_t, room);
    sim->looked_ms = g_new0(int64_t, room);
    for (guint i = 0; i < room; i++) {
        AwsTask *task = &sim->tasks[i];
        task->cluster = &sim->cluster;
        memcpy(task->token.bytes, &i, sizeof i);
        task->arn = g_strdup_printf("%u", i);
        task->run_arn = g_strdup("definition:1");
        g_hash_table_insert(sim->provider.tasks, &task->token, task);
        begin(sim, i);
    }
}

static void sim_clear(Sim *sim)
{
    aws_pace_free(sim->cluster.pace);
    g_hash_table_unref(sim->provider.tasks);
    for (guint i = 0; i < sim->room; i++) {
        g_free(sim->tasks[i].arn);
        g_free(sim->tasks[i].run_arn);
    }
    g_free(sim->tasks);
    g_free(sim->starts_ms);
    g_free(sim->ends_ms);
    g_free(sim->looked_ms);
}

static void take(Sim *sim, guint place)
{
    look(sim, place);
    int64_t late_ms = sim->now_ms - sim->ends_ms[place];
    if (late_ms < 0)
        return;
    sim->ended++;
    sim->late_ms += late_ms;
    sim->latest_ms = MAX(sim->latest_ms, late_ms);
    begin(sim, place);
}

static void sim_run(Sim *sim, int64_t until_ms)
{
    g_autoptr(GPtrArray) arns = g_ptr_array_new_with_free_func(g_free);
    sim->calls = sim->ended = 0;
    sim->late_ms = sim->latest_ms = sim->unlooked_ms = 0;
    while (sim->now_ms < until_ms) {
        int64_t wait_ms = aws_pace_pick(&sim->cluster, arns);
        if (wait_ms > 0) {
            g_assert_cmpuint(arns->len, ==, 0);
            g_assert_cmpint(wait_ms, <=, 60000);
            sim->now_ms += wait_ms;
            continue;
        }
        g_assert_cmpuint(arns->len, ==, MIN(sim->room, 100));
        sim->calls++;
        sim->now_ms += ROUND_MS;
        for (guint i = 0; i < arns->len; i++)
            take(sim, (guint)atoi(arns->pdata[i]));
    }
    g_test_message("%u tasks: %u ends noticed by %u calls, %.1f s late, %.1f at most; %.1f s without a look",
                   sim->room, sim->ended, sim->calls, (double)sim->late_ms / 1000 / MAX(sim->ended, 1),
                   (double)sim->latest_ms / 1000, (double)sim->unlooked_ms / 1000);
}

static int64_t a_minute(Rng *rng)
{
    (void)rng;
    return 60000;
}

static int64_t about_a_minute(Rng *rng)
{
    return (int64_t)(-log1p(-(double)rng_below(rng, 1000000) / 1e6) * 60000);
}

static int64_t for_ever(Rng *rng)
{
    (void)rng;
    return INT64_C(1) << 50;
}

/* 10,000 jobs of a minute, 1,000 at a time: a call tells of 20 ends at least. */
static void test_waves(void)
{
    Sim sim;
    sim_init(&sim, 1000, a_minute);
    sim_run(&sim, 650000);
    g_assert_cmpuint(sim.ended, >, 9000);
    g_assert_cmpuint(sim.calls, <, sim.ended * 4 / 100);
    g_assert_cmpint(sim.late_ms / sim.ended, <, 3000);
    sim_clear(&sim);
}

/* Those of any length take more, and are noticed later. */
static void test_any_length(void)
{
    Sim sim;
    sim_init(&sim, 1000, about_a_minute);
    sim_run(&sim, 650000);
    g_assert_cmpuint(sim.calls, <, sim.ended * 8 / 100);
    g_assert_cmpint(sim.late_ms / sim.ended, <, 12000);
    g_assert_cmpint(sim.unlooked_ms, <, 65000);
    sim_clear(&sim);
}

/* A few are all looked at by one call: every second while something happens, else every 5 s. */
static void test_few(void)
{
    Sim sim;
    sim_init(&sim, 100, a_minute);
    sim_run(&sim, 650000);
    g_assert_cmpint(sim.latest_ms, <, 3000);
    g_assert_cmpint(sim.unlooked_ms, <, 6500);
    sim_clear(&sim);
    sim_init(&sim, 100, about_a_minute);
    sim_run(&sim, 650000);
    g_assert_cmpint(sim.late_ms / sim.ended, <, 1000);
    g_assert_cmpint(sim.unlooked_ms, <, 2500);
    sim_clear(&sim);
    sim_init(&sim, 7, for_ever);
    sim_run(&sim, 60000);
    sim_run(&sim, 660000);
    g_assert_cmpuint(sim.calls, >=, 118);
    g_assert_cmpuint(sim.calls, <=, 121);
    sim_clear(&sim);
}

/* Very many that last: each is seen once a minute, by two calls a second. */
static void test_many(void)
{
    Sim sim;
    sim_init(&sim, 10000, for_ever);
    sim_run(&sim, 300000);
    sim_run(&sim, 900000);
    g_assert_cmpuint(sim.calls, >=, 900);
    g_assert_cmpuint(sim.calls, <, 1300);
    g_assert_cmpint(sim.unlooked_ms, <, 65000);
    sim_clear(&sim);
}

/* What is about to stop is looked at again at once; more seldom if it does not. */
static void test_ending(void)
{
    Sim sim;
    sim_init(&sim, 300, for_ever);
    sim_run(&sim, 100000);
    AwsTask *task = &sim.tasks[123];
    TaskState state = {.phase = TASK_RUNNING, .started_ms = REAL0, .is_ending = true};
    const int64_t stopping_s[] = {0, 1, 4, 60}, expected_ms[] = {1000, 1000, 2000, 5000};
    for (size_t i = 0; i < G_N_ELEMENTS(stopping_s); i++) {
        state.stopping_ms = stopping_s[i] ? REAL0 + sim.now_ms - stopping_s[i] * 1000 : 0;
        aws_pace_seen(task, &state);
        g_assert_cmpint(task->due_ms, ==, MONOTONIC0 + sim.now_ms + expected_ms[i]);
    }
    state.is_ending = false;
    aws_pace_seen(task, &state);
    g_assert_cmpint(task->due_ms, ==, MONOTONIC0 + sim.now_ms + 5000);
    sim_clear(&sim);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/pace/waves", test_waves);
    g_test_add_func("/aws/pace/any_length", test_any_length);
    g_test_add_func("/aws/pace/few", test_few);
    g_test_add_func("/aws/pace/many", test_many);
    g_test_add_func("/aws/pace/ending", test_ending);
    return g_test_run();
}

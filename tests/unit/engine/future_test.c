/* The forecast of a plan: what is committed, simulated twice, with the plan's changes and without. Figures
 * are worked out by hand: an m6i.xlarge has 4 vCPUs, so two jobs of 2 vCPUs and 1,000 s run on each at a
 * time. */
#include <glib/gstdio.h>
#include "reconciler/api/committed.h"
#include "reconciler/forecast/assertion.h"
#include "reconciler/future.h"
#include "reconciler/plan/stage.h"
#include "tests/support/manifest_text.h"
#include "tests/support/store_records.h"
#include "tests/support/world_fixture.h"

#define NOW_MS INT64_C(1767571200000) /* Monday 2026-01-05 00:00 UTC */
#define OWNER  "test"

#define CLOUD(max)                                                                                           \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: cloud}\nspec: {provider: {type: "     \
    "simulated, region: us-east-1}, computeResources: {type: EC2, allocationStrategy: "                      \
    "BEST_FIT_PROGRESSIVE, "                                                                                 \
    "instanceTypes: [m6i.xlarge], maxvCpus: " max "}}\n---\n"
#define QUEUE(more)                                                                                          \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: main}\nspec: {priority: 1, "                    \
    "computeEnvironmentOrder: [cloud]" more "}\n---\n"
#define TWO                                                                                                  \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: two, annotations: "                        \
    "{muster/simulated-duration: fixed 1000}}\nspec: {type: container, containerProperties: {image: i, "     \
    "command: [x], resourceRequirements: [{type: VCPU, value: '2'}, {type: MEMORY, value: '1000'}]}}\n---\n"
#define JOB(size)                                                                                            \
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: many}\nspec: {jobQueue: main, jobDefinition: two, "  \
    "arrayProperties: {size: " size "}}\n---\n"

typedef struct {
    char *dir;
    Store *store;
} State;

static void state_begin(State *state)
{
    GError *error = NULL;
    state->dir = temporary_directory();
    state->store = store_open(state->dir, NULL, &error);
    g_assert_no_error(error);
}

static void state_end(State *state)
{
    store_free(state->store);
    remove_directory(state->dir);
    g_free(state->dir);
}

static ManifestSet *set_of(const char *yaml)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestSet *set = manifest_set_from_text(yaml, NULL, NULL, diagnostics);
    g_assert_nonnull(set);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 0);
    return set;
}

/* What an apply of these manifests, and the submission of an array of `size` to them, leave in the store. */
static void state_commit(State *state, const char *yaml, int size)
{
    GError *error = NULL;
    g_autoptr(World) world = world_new(1, PROVIDER_SIMULATED);
    g_autoptr(ManifestSet) set = set_of(yaml);
    g_autoptr(Plan) plan =
        plan_build(set, &(PlanActual){0}, &(PlanOptions){.source_name = OWNER, .first_run = FIRST_RUN_START});
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Rng rng = rng_from_seed(1);
    Stage stage = {world, OWNER, &rng, NOW_MS, stops, 0, NULL};
    for (guint i = 0; i < plan->changes->len; i++)
        g_assert_true(stage_change(&stage, plan->changes->pdata[i], &error));
    if (size > 0) {
        g_autofree char *more = g_strdup_printf(",'arrayProperties':{'size':%d}", size);
        fixture_job(world, 1, "two", more);
    }
    g_assert_true(
        store_wait(state->store, store_commit(state->store, world_take_batch(world), NOW_MS), &error));
    g_assert_no_error(error);
}

static char *state_dump(const State *state)
{
    GError *error = NULL;
    g_autoptr(World) world = world_new(1, PROVIDER_SIMULATED);
    g_autoptr(StoreReader) reader = store_reader_open(state->dir, &error);
    g_assert_true(reader && store_reader_begin(reader, &error));
    g_assert_true(store_reader_load(reader, &world_sink, world, &error) && world_loaded(world, &error));
    return world_dump(world);
}

typedef struct {
    Outlook *outlook;
    GPtrArray *violations;
    json_t *json;
    int asked; /* how often the forecast asked whether to give up: once in 1,024 steps */
} Forecast;

static bool never_gives_up(void *data)
{
    g_atomic_int_inc((gint *)data);
    return false;
}

static void forecast_clear(Forecast *forecast)
{
    outlook_free(forecast->outlook);
    g_clear_pointer(&forecast->violations, g_ptr_array_unref);
    json_decref(forecast->json);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Forecast, forecast_clear)

static bool forecast_try(const char *dir, const char *yaml, Forecast *ret_forecast, GError **error)
{
    g_autoptr(ManifestSet) set = set_of(yaml);
    g_autoptr(Committed) committed = committed_open(dir, error);
    if (!committed || !committed_read(committed, OWNER, error))
        return false;
    g_autoptr(Plan) plan = plan_build(set, committed_actual(committed),
                                      &(PlanOptions){.source_name = OWNER, .first_run = FIRST_RUN_START});
    ForecastOptions options = {.state_dir = dir,
                               .plan = plan,
                               .source = OWNER,
                               .seed = 1,
                               .now_ms = NOW_MS,
                               .give_up = never_gives_up,
                               .give_up_data = &ret_forecast->asked};
    return future_forecast(&options, &ret_forecast->outlook, &ret_forecast->violations, error);
}

static void forecast_of(const char *dir, const char *yaml, Forecast *ret_forecast)
{
    GError *error = NULL;
    *ret_forecast = (Forecast){0};
    g_assert_true(forecast_try(dir, yaml, ret_forecast, &error));
    g_assert_no_error(error);
    ret_forecast->json = json_loads(ret_forecast->outlook->json, 0, NULL);
    g_assert_nonnull(ret_forecast->json);
}

static const json_t *queue_of(const Forecast *forecast)
{
    return json_array_get(json_object_get(forecast->json, "queues"), 0);
}

/* Waves of 1,000 s, and what machines take to come and tasks to start. */
static void assert_waves(const json_t *queue, const char *member, int waves)
{
    double seconds = json_number_value(json_object_get(queue, member));
    g_assert_cmpfloat(seconds, >, waves * 1000 + 60);
    g_assert_cmpfloat(seconds, <, waves * 1010 + 130);
}

/* Nothing is there yet, so there is nothing to compare with. */
static void test_no_state(void)
{
    g_auto(Forecast) forecast;
    g_autofree char *dir = temporary_directory();
    g_autofree char *below = g_build_filename(dir, "none", NULL);
    forecast_of(below, CLOUD("8") QUEUE("") TWO JOB("8"), &forecast);
    assert_waves(queue_of(&forecast), "drainSeconds", 2);
    g_assert_null(strstr(forecast.outlook->schedule, "now:"));
    g_assert_nonnull(strstr(forecast.outlook->schedule, "2 x m6i.xlarge bought by 2026-01-05 00:00"));
    g_assert_true(json_is_null(json_object_get(json_object_get(forecast.json, "cost"), "workAtHandNow")));
    g_assert_false(g_file_test(below, G_FILE_TEST_EXISTS));
    remove_directory(dir);
}

/* 16 jobs wait for at most 4 vCPUs: 8 waves; with 16 it is 2. Both futures begin with what is committed, and
 * nothing of them is. */
static void test_change(void)
{
    State state;
    g_auto(Forecast) forecast;
    state_begin(&state);
    state_commit(&state, CLOUD("4") QUEUE("") TWO, 16);
    g_autofree char *before = state_dump(&state);
    forecast_of(state.dir, CLOUD("16") QUEUE("") TWO, &forecast);
    const json_t *queue = queue_of(&forecast);
    g_assert_cmpint(json_integer_value(json_object_get(queue, "jobs")), ==, 16);
    assert_waves(queue, "drainSeconds", 2);
    assert_waves(queue, "drainSecondsNow", 8);
    g_assert_nonnull(strstr(forecast.outlook->schedule, "(now: 2 h "));
    g_autofree char *after = state_dump(&state);
    g_assert_cmpstr(before, ==, after);
    state_end(&state);
}

/* What the plan starts is in the one future and not in the other. */
static void test_run(void)
{
    State state;
    g_auto(Forecast) forecast;
    state_begin(&state);
    state_commit(&state, CLOUD("4") QUEUE("") TWO, 0);
    forecast_of(state.dir, CLOUD("4") QUEUE("") TWO JOB("4"), &forecast);
    assert_waves(queue_of(&forecast), "drainSeconds", 2);
    g_assert_cmpint(json_integer_value(json_object_get(queue_of(&forecast), "jobs")), ==, 4);
    g_assert_null(strstr(forecast.outlook->schedule, "now:")); /* nothing was there before */
    g_assert_cmpuint(
        json_array_size(json_object_get(json_object_get(forecast.json, "cost"), "workAtHandNow")), ==, 0);
    state_end(&state);
}

/* The assertion that the manifests state now holds for the future with the changes. */
static void test_assertion(void)
{
    State state;
    g_auto(Forecast) holds, broken;
    state_begin(&state);
    state_commit(&state, CLOUD("4") QUEUE("") TWO, 16);
    forecast_of(state.dir, CLOUD("16") QUEUE(", assert: {drainSeconds: 3000}") TWO, &holds);
    g_assert_cmpuint(holds.violations->len, ==, 0);
    forecast_of(state.dir, CLOUD("4") QUEUE(", assert: {drainSeconds: 3000}") TWO, &broken);
    g_assert_cmpuint(broken.violations->len, ==, 1);
    const Violation *violation = broken.violations->pdata[0];
    g_assert_cmpstr(violation->queue, ==, "main");
    g_assert_nonnull(strstr(violation->text, "queue main: drains in 2 h "));
    state_end(&state);
}

/* Without unfinished jobs and runs there is nothing to simulate and nothing to tell but what environments may
 * cost, however large they may become. */
static void test_no_work(void)
{
    State state;
    g_auto(Forecast) forecast;
    state_begin(&state);
    state_commit(&state, CLOUD("4") QUEUE("") TWO, 0);
    forecast_of(state.dir, CLOUD("100000") QUEUE("") TWO, &forecast);
    g_assert_null(forecast.outlook->schedule);
    g_assert_cmpuint(json_array_size(json_object_get(forecast.json, "queues")), ==, 0);
    g_assert_cmpuint(json_array_size(json_object_get(forecast.json, "purchases")), ==, 0);
    g_assert_true(g_str_has_prefix(forecast.outlook->cost, "nothing for the work at hand; $0.00/h at least, "
                                                           "$0.00/h at present, at most $"));
    g_assert_cmpint(forecast.asked, ==, 0); /* fewer than 1,024 steps, in both */
    state_end(&state);
}

/* A state that cannot be read is a fault, not an empty one. */
static void test_damaged(void)
{
    g_auto(Forecast) forecast = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(ManifestSet) set = set_of(CLOUD("4") QUEUE("") TWO);
    g_autoptr(Plan) plan =
        plan_build(set, &(PlanActual){0}, &(PlanOptions){.source_name = OWNER, .first_run = FIRST_RUN_START});
    g_autofree char *dir = temporary_directory(), *path = g_build_filename(dir, "muster.db", NULL);
    g_assert_true(g_file_set_contents(path, "no database, but long enough to be looked at as one", -1, NULL));
    ForecastOptions options = {.state_dir = dir, .plan = plan, .source = OWNER, .seed = 1, .now_ms = NOW_MS};
    g_assert_false(future_forecast(&options, &forecast.outlook, &forecast.violations, &error));
    g_assert_true(g_str_has_prefix(error->message, "forecast: "));
    g_assert_null(forecast.outlook);
    remove_directory(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/future/no-state", test_no_state);
    g_test_add_func("/future/change", test_change);
    g_test_add_func("/future/run", test_run);
    g_test_add_func("/future/assertion", test_assertion);
    g_test_add_func("/future/no-work", test_no_work);
    g_test_add_func("/future/damaged", test_damaged);
    return g_test_run();
}

/* simulate_fixture.h: a world from the text of manifests, simulated on a machine of known size, for tests. */
#pragma once
#include "reconciler/plan/plan.h"
#include "reconciler/simulate.h"
#include "reconciler/plan/stage.h"
#include "tests/support/manifest_text.h"

#define SIMULATE_START_MS INT64_C(1767571200000) /* Monday 2026-01-05 00:00 UTC */

typedef struct {
    const char *manifests;
    const char *jobs; /* JSON lines; NULL: none */
    const char *provider;
    uint64_t seed; /* 0: 1 */
    int64_t until_ms, horizon_ms;
    int64_t vcpus;    /* of the machine that local environments share; 0: 4, with 16 GiB */
    int64_t start_ms; /* 0: SIMULATE_START_MS */
    SpotRisk spot_risk;
} SimulateCase;

static inline void simulate_fixture_fail(DiagnosticList *diagnostics)
{
    g_autoptr(GString) all = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, all);
    g_error("%s", all->str);
}

static inline World *simulate_fixture_world(ManifestSet *set, const char *provider, int64_t start_ms)
{
    ProviderType type = PROVIDER_SIMULATED;
    if (provider)
        provider_type_from(view_from(provider), &type);
    World *world = world_new(1, type);
    g_autoptr(Plan) plan = plan_build(set, &(PlanActual){0},
                                      &(PlanOptions){.source_name = "test", .first_run = FIRST_RUN_START});
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    Rng rng = rng_from_seed(1);
    Stage stage = {world, "test", &rng, start_ms, stops, 0, NULL};
    world_set_recording(world, false);
    for (guint i = 0; i < plan->changes->len; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(stage_change(&stage, plan->changes->pdata[i], &error));
        g_assert_no_error(error);
    }
    return world;
}

static inline SimulationResult *simulate_fixture_try(const SimulateCase *one, GError **error)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(
        one->manifests, one->provider ? one->provider : "simulated", NULL, diagnostics);
    if (!set || diagnostic_list_len(diagnostics) > 0)
        simulate_fixture_fail(diagnostics);
    g_autoptr(Arena) arena = arena_new();
    WorkloadOptions mapping = {0};
    workload_options_complete(&mapping, set, arena);
    g_autoptr(Workload) workload =
        one->jobs ? workload_parse(view_from(one->jobs), "jobs.jsonl", &mapping, diagnostics) : NULL;
    if (one->jobs && (!workload || !workload_check(workload, set, diagnostics)))
        simulate_fixture_fail(diagnostics);
    int64_t start_ms = one->start_ms ? one->start_ms : SIMULATE_START_MS;
    g_autoptr(World) world = simulate_fixture_world(set, one->provider, start_ms);
    SimulationOptions options = {.source = "test",
                                 .workload = workload,
                                 .seed = one->seed ? one->seed : 1,
                                 .spot_risk = one->spot_risk,
                                 .start_ms = start_ms,
                                 .until_ms = one->until_ms ? start_ms + one->until_ms : 0,
                                 .horizon_ms = one->horizon_ms ? start_ms + one->horizon_ms : 0,
                                 .machine = {(one->vcpus ? one->vcpus : 4) * 10000, 16384, 0},
                                 .region = "us-east-1"};
    SimulationResult *result = simulate_run(world, &options, error);
    world_check(world);
    return result;
}

static inline SimulationResult *simulate_fixture(const SimulateCase *one)
{
    g_autoptr(GError) error = NULL;
    SimulationResult *result = simulate_fixture_try(one, &error);
    g_assert_no_error(error);
    return result;
}

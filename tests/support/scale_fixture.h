/* scale_fixture.h: environments of made-up instance types with round figures, so that examples can be worked
 * by hand. Memory is what containers get, prices are millionths per hour. */
#pragma once
#include "reconciler/scale/scale.h"
#include "spec/base/units.h"

typedef struct {
    const char *name;
    int64_t vcpus, memory_mib, gpus, price, spot, rank;
} FixtureType;

static inline ScaleCandidates *fixture_candidates(const FixtureType *types, size_t len)
{
    ScaleCandidates *candidates = g_new0(ScaleCandidates, 1);
    candidates->types = g_new0(ScaleCandidate, len);
    candidates->len = len;
    candidates->currency = g_strdup("USD");
    for (size_t i = 0; i < len; i++)
        candidates->types[i] =
            (ScaleCandidate){.name = g_strdup(types[i].name),
                             .planned = {types[i].vcpus * DECIMAL_SCALE, types[i].memory_mib, types[i].gpus},
                             .vcpus = types[i].vcpus,
                             .nominal_mib = types[i].memory_mib,
                             .price_micro_per_h = types[i].price,
                             .spot_micro_per_h = types[i].spot,
                             .rank = types[i].rank};
    return candidates;
}

static inline ComputeEnvironmentSpec fixture_spec(ComputeType type, AllocationStrategy allocation,
                                                  int64_t max)
{
    return (ComputeEnvironmentSpec){
        .enabled = true, .type = type, .allocation = allocation, .max_vcpus = max, .bid_percentage = 100};
}

static inline ScaleDemand fixture_jobs(int64_t count, int64_t vcpus, int64_t memory_mib)
{
    return (ScaleDemand){.need = {vcpus * DECIMAL_SCALE, memory_mib, 0}, .count = count};
}

/* "2 large, 1 small" */
static inline char *fixture_launches(const ScaleInput *input, const ScaleDecisions *decisions)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < decisions->launches_len; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT " %s", i ? ", " : "", decisions->launches[i].count,
                               input->candidates->types[decisions->launches[i].type].name);
    return g_string_free(text, FALSE);
}

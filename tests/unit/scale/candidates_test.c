#include "reconciler/scale/candidates.h"
#include "spec/base/units.h"

static char **entries(const char *first, const char *second)
{
    static char *list[3];
    list[0] = (char *)(uintptr_t)first;
    list[1] = (char *)(uintptr_t)second;
    return list;
}

static const ScaleCandidate *find(const ScaleCandidates *candidates, const char *name)
{
    size_t index;
    return scale_candidates_find(candidates, view_from(name), &index) ? &candidates->types[index] : NULL;
}

static void test_table(void)
{
    ComputeEnvironmentSpec spec = {.region = (char *)(uintptr_t) "us-east-1",
                                   .instance_types = entries("c5.large", "c5.xlarge")};
    g_autoptr(ScaleCandidates) candidates = scale_candidates_new(&spec, NULL);
    g_assert_cmpuint(candidates->len, ==, 2);
    g_assert_false(candidates->is_open);
    g_assert_cmpstr(candidates->currency, ==, "USD");
    const ScaleCandidate *large = find(candidates, "c5.large");
    g_assert_cmpint(large->planned.vcpus_e4, ==, 20000);
    g_assert_cmpint(large->planned.memory_mib, ==, 3756); /* floor(4096 * 0.925) - 32 */
    g_assert_cmpint(large->vcpus, ==, 2);
    g_assert_cmpint(large->price_micro_per_h, ==, 85000);
    g_assert_cmpint(large->spot_micro_per_h, ==, SCALE_UNKNOWN);
    g_assert_cmpint(large->rank, ==, SCALE_UNKNOWN);
    g_assert_false(large->is_learned);
    g_assert_true(scale_candidate_fits(large, (Capacity){20000, 3756, 0}));
    g_assert_false(scale_candidate_fits(large, (Capacity){20000, 3757, 0}));
    g_assert_null(find(candidates, "c5"));

    spec.region = NULL; /* no region: no price is known, and none is 0 */
    g_autoptr(ScaleCandidates) nowhere = scale_candidates_new(&spec, NULL);
    g_assert_cmpint(find(nowhere, "c5.large")->price_micro_per_h, ==, SCALE_UNKNOWN);
    g_assert_null(nowhere->currency);
}

static void test_facts(void)
{
    static const TypeFacts types[] = {
        {"c5.large", {20000, 3700, 0}, 90000, 30000, 3},
        {"c5.xlarge", {0, 0, 0}, SCALE_UNKNOWN, SCALE_UNKNOWN, 99},
    };
    static const InstanceType live[] = {
        {"c5.large", 2, 4000, 0, ARCHITECTURE_X86_64, false, true, true, false},
        {"c5.new", 6, 12000, 0, ARCHITECTURE_X86_64, false, true, false, false},
        {"zz1.big", 64, 100000, 0, ARCHITECTURE_X86_64, false, true, true, false},
    };
    CatalogueFacts facts = {
        .region = "us-east-1", .types = types, .types_len = 2, .live = live, .live_len = 3};
    ComputeEnvironmentSpec spec = {.instance_types = entries("c5", "zz1")};
    g_autoptr(ScaleCandidates) candidates = scale_candidates_new(&spec, &facts);
    g_assert_false(candidates->is_open); /* zz1 is known live only */
    const ScaleCandidate *large = find(candidates, "c5.large");
    g_assert_cmpint(large->planned.memory_mib, ==, 3700);
    g_assert_true(large->is_learned);
    g_assert_cmpint(large->nominal_mib, ==, 4000);
    g_assert_cmpint(large->price_micro_per_h, ==, 90000);
    g_assert_cmpint(large->spot_micro_per_h, ==, 30000);
    g_assert_cmpint(large->rank, ==, 3);
    const ScaleCandidate *xlarge = find(candidates, "c5.xlarge"); /* nothing learned: the table's */
    g_assert_cmpint(xlarge->planned.memory_mib, ==, 7545);
    g_assert_cmpint(xlarge->price_micro_per_h, ==, 170000);
    g_assert_cmpint(xlarge->rank, ==, SCALE_RANK_MAX);
    g_assert_cmpint(find(candidates, "c5.new")->planned.memory_mib, ==, 11068);
    g_assert_cmpint(find(candidates, "zz1.big")->vcpus, ==, 64);
    for (size_t i = 1; i < candidates->len; i++)
        g_assert_cmpstr(candidates->types[i - 1].name, <, candidates->types[i].name);

    spec.type = CE_TYPE_SPOT;
    g_autoptr(ScaleCandidates) spot = scale_candidates_new(&spec, &facts);
    g_assert_null(find(spot, "c5.new")); /* not to be had as Spot */
}

static void test_resolve(void)
{
    ComputeEnvironmentSpec spec = {.instance_types = entries("optimal", NULL)};
    g_autoptr(ScaleCandidates) optimal = scale_candidates_new(&spec, NULL);
    g_assert_nonnull(find(optimal, "m6i.large"));

    /* A region with older families only: generation by generation. */
    static const char *const offered[] = {"c4.large", "c5.large", "m4.large"};
    CatalogueFacts facts = {.offered = offered, .offered_len = 3};
    g_autoptr(ScaleCandidates) older = scale_candidates_new(&spec, &facts);
    g_assert_cmpuint(older->len, ==, 1);
    g_assert_cmpstr(older->types[0].name, ==, "c5.large");
    facts.offered_len = 1;
    g_autoptr(ScaleCandidates) oldest = scale_candidates_new(&spec, &facts);
    g_assert_cmpstr(oldest->types[0].name, ==, "c4.large");

    spec.instance_types = entries("c5.large", "c6g.large"); /* mixed: what is not x86_64 goes */
    g_autoptr(ScaleCandidates) mixed = scale_candidates_new(&spec, NULL);
    g_assert_cmpuint(mixed->len, ==, 1);
    spec.instance_types = entries("c6g.large", "c5x.unknown");
    g_autoptr(ScaleCandidates) arm = scale_candidates_new(&spec, NULL);
    g_assert_cmpint(arm->types[0].architecture, ==, ARCHITECTURE_ARM64);
    g_assert_true(arm->is_open);
}

static void test_entry(void)
{
    g_assert_true(catalogue_entry_has("c5", "c5.new") && catalogue_entry_has("c5.new", "c5.new"));
    g_assert_false(catalogue_entry_has("c5", "c5d.large") || catalogue_entry_has("c5", "c5.metal"));
    g_assert_true(catalogue_entry_has("c5.metal", "c5.metal"));
    g_assert_true(catalogue_entry_has("optimal", "c7i.new") && !catalogue_entry_has("optimal", "c5.large"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/candidates/table", test_table);
    g_test_add_func("/scale/candidates/facts", test_facts);
    g_test_add_func("/scale/candidates/resolve", test_resolve);
    g_test_add_func("/scale/candidates/entry", test_entry);
    return g_test_run();
}

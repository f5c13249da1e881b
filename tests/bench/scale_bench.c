/* scale_bench: what one run of the scaler costs, in processor time. Prints "name<TAB>value<TAB>unit"; run by
 * `make bench`, never a test. 10,000 instances, 1,000 shapes of demand (of which a run looks at
 * DEMAND_ITEMS_MAX), the types of 15 families. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "reconciler/scale/scale.h"
#include "spec/base/rng.h"

#define INSTANCES 10000
#define SHAPES    1000
#define ROUNDS    51
#define NOW       INT64_C(1700000000000)

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(const char *name, const ScaleInput *input)
{
    double took[ROUNDS];
    int64_t launched = 0, price = 0;
    g_autoptr(Arena) arena = arena_new();
    for (int i = 0; i < ROUNDS; i++) {
        ScaleDecisions decisions;
        arena_reset(arena);
        double start = now_us();
        scale_run(input, arena, &decisions);
        took[i] = now_us() - start;
        launched = price = 0;
        for (size_t j = 0; j < decisions.launches_len; j++)
            launched += decisions.launches[j].count;
        for (size_t j = 0; j < decisions.launches_len; j++)
            price += decisions.launches[j].count *
                     input->candidates->types[decisions.launches[j].type].price_micro_per_h;
    }
    qsort(took, ROUNDS, sizeof *took, compare);
    printf("%s\t%.0f\tus/run, worst of %d: %.0f; starts %ld for %.2f/h\n", name, took[ROUNDS / 2], ROUNDS,
           took[ROUNDS - 1], (long)launched, (double)price / 1e6);
}

static void make_instances(Rng *rng, const ScaleCandidates *candidates, ScaleInstance *instances)
{
    for (size_t i = 0; i < INSTANCES; i++) {
        size_t type = rng_below(rng, candidates->len);
        bool idle = rng_below(rng, 10) == 0;
        instances[i] = (ScaleInstance){.number = i + 1,
                                       .type = type,
                                       .state = SCALE_REGISTERED,
                                       .ran = true,
                                       .launches = idle ? 0 : 3,
                                       .vcpus = candidates->types[type].vcpus,
                                       .price_micro_per_h = candidates->types[type].price_micro_per_h,
                                       .intended_ms = NOW - 3600000,
                                       .idle_since_ms = idle ? NOW - rng_between(rng, 1, 120000) : 0,
                                       .generation = 1};
    }
}

static void make_demand(Rng *rng, ScaleDemand *demand)
{
    for (size_t i = 0; i < SHAPES; i++)
        demand[i] = (ScaleDemand){.need = {rng_between(rng, 1, 64) * 2500, rng_between(rng, 128, 60000), 0},
                                  .count = rng_between(rng, 1, 5)};
}

int main(void)
{
    static const char *families[] = {"optimal", "c5",  "m5",  "r5",  "c5a", "m5a", "r5a",
                                     "c6a",     "m6a", "r6a", "m7i", "r7i", NULL};
    g_autofree ScaleInstance *instances = g_new0(ScaleInstance, INSTANCES);
    g_autofree ScaleDemand *demand = g_new0(ScaleDemand, SHAPES);
    ComputeEnvironmentSpec spec = {.enabled = true,
                                   .region = (char *)(uintptr_t) "us-east-1",
                                   .type = CE_TYPE_EC2,
                                   .allocation = ALLOCATION_BEST_FIT_PROGRESSIVE,
                                   .bid_percentage = 100,
                                   .instance_types = (char **)(uintptr_t)families};
    Rng rng = rng_from_seed(1);
    double start = now_us();
    g_autoptr(ScaleCandidates) candidates = scale_candidates_new(&spec, NULL);
    printf("scale: resolve instanceTypes\t%.0f\tus, %zu types\n", now_us() - start, candidates->len);
    make_instances(&rng, candidates, instances);
    make_demand(&rng, demand);
    ScaleInput input = {.spec = &spec,
                        .candidates = candidates,
                        .now_ms = NOW,
                        .generation = 1,
                        .instances = instances,
                        .instances_len = INSTANCES};
    int64_t current = 0;
    for (size_t i = 0; i < INSTANCES; i++)
        current += instances[i].vcpus;
    measure("scale: 10,000 instances, no demand", &input);
    input.demand = demand;
    input.demand_len = 10;
    measure("scale: 10,000 instances, 10 shapes", &input);
    input.demand_len = SHAPES;
    measure("scale: 10,000 instances, 1,000 shapes, no limit", &input);
    spec.max_vcpus = current;
    measure("scale: the same at maxvCpus", &input);
    spec.max_vcpus = current + 1000;
    measure("scale: the same, 1,000 vCPUs below maxvCpus", &input);
    spec.max_vcpus = current + 5000;
    measure("scale: the same, 5,000 vCPUs below maxvCpus", &input);
    return 0;
}

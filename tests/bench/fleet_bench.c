/* fleet_bench: what it costs to find, take and give on a fleet, in processor time. Prints
 * "name<TAB>value<TAB>unit"; run by `make bench`, never a test. */
#include <stdio.h>
#include <time.h>
#include "reconciler/world/instance.h"
#include "spec/base/rng.h"

#define TYPES 50

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static Capacity type_capacity(uint64_t type)
{
    static const int64_t vcpus[] = {2, 4, 8, 16, 32, 48, 64, 96, 128, 192};
    int64_t whole = vcpus[type % 10], gpus = type % 5 == 4 ? whole / 8 : 0;
    return (Capacity){whole * 10000, whole * 1024 * (int64_t)(2 + type / 10 * 2) - 512, gpus};
}

static Capacity random_need(Rng *rng)
{
    int64_t vcpus = (int64_t)(1 + rng_below(rng, 8));
    return (Capacity){vcpus * 10000, (int64_t)(256 + rng_below(rng, 8000)), rng_below(rng, 10) == 0};
}

/* Filled to about two thirds, then tasks end and others start. */
static void bench_cycle(size_t len)
{
    Fleet *fleet = fleet_new();
    Rng rng = rng_from_seed(1);
    Instance *instances = g_new0(Instance, len);
    size_t slots = len * 4, cycles = 1000000, none = 0;
    Instance **at = g_new0(Instance *, slots);
    Capacity *needs = g_new0(Capacity, slots);
    char name[64];
    for (size_t i = 0; i < len; i++) {
        instances[i] = (Instance){.number = i + 1, .type = (char *)(uintptr_t) ""};
        instances[i].total = instances[i].free = type_capacity(rng_below(&rng, TYPES));
        fleet_insert(fleet, &instances[i]);
    }
    int64_t start = clock_ns();
    for (size_t cycle = 0; cycle < cycles; cycle++) {
        size_t slot = rng_below(&rng, slots);
        if (at[slot])
            instance_give(at[slot], needs[slot]);
        needs[slot] = random_need(&rng);
        at[slot] = fleet_find(fleet, needs[slot], FLEET_ANY);
        if (at[slot])
            instance_take(at[slot], needs[slot]);
        else
            none++;
    }
    g_snprintf(name, sizeof name, "find, take, give on %zu instances", len);
    printf("%s\t%.1f\tns\n", name, (double)(clock_ns() - start) / (double)cycles);
    if (none > 0)
        printf("found nowhere\t%.3f\t%%\n", 100.0 * (double)none / (double)cycles);
    fleet_free(fleet);
    g_free(instances);
    g_free(at);
    g_free(needs);
}

int main(void)
{
    for (size_t len = 1000; len <= 100000; len *= 10)
        bench_cycle(len);
    return 0;
}

/* fleet_random.h: instances of a random fleet, and the scan that says what a fleet must answer.
 * Owns:   the instances, which stand in no world. */
#pragma once
#include "reconciler/world/instance.h"
#include "spec/base/rng.h"

static inline int64_t random_of(Rng *rng, const int64_t *values, size_t len)
{
    return values[rng_below(rng, len)];
}

/* Few sizes, so that ties are common. */
static inline Instance *fleet_random_instance(Rng *rng, uint64_t number)
{
    static const int64_t vcpus[] = {1, 2, 4, 8, 16, 96, 2000}, gpus[] = {0, 0, 0, 1, 4, 8};
    static const char *const types[] = {"", "a", "b"};
    Instance *instance = g_new0(Instance, 1);
    int64_t whole = random_of(rng, vcpus, G_N_ELEMENTS(vcpus));
    instance->number = number;
    instance->type = (char *)(uintptr_t)types[rng_below(rng, G_N_ELEMENTS(types))];
    instance->total =
        (Capacity){whole * 10000, whole * 1000 * (int64_t)(1 + rng_below(rng, 3)), random_of(rng, gpus, 6)};
    instance->free = instance->total;
    return instance;
}

static inline Capacity fleet_random_need(Rng *rng)
{
    static const int64_t vcpus_e4[] = {0, 2500, 5000, 10000, 12500, 20000, 40000, 160000, 19990000};
    static const int64_t memory[] = {0, 1, 500, 1000, 1024, 4000, 30000};
    return (Capacity){random_of(rng, vcpus_e4, G_N_ELEMENTS(vcpus_e4)),
                      random_of(rng, memory, G_N_ELEMENTS(memory)),
                      rng_below(rng, 4) ? 0 : (int64_t)rng_below(rng, 4)};
}

static inline bool scan_hosts(const Instance *instance, FleetHosts hosts)
{
    return hosts == FLEET_ANY || (instance->total.gpus > 0) == (hosts == FLEET_GPU_HOSTS);
}

/* Whether each free whole vCPU has as much memory as each of need's. */
static inline bool scan_is_even(const Instance *instance, Capacity need)
{
    __int128 whole = instance->free.vcpus_e4 / 10000;
    return need.vcpus_e4 == 0 ||
           instance->free.memory_mib >= (int64_t)(whole * 10000 * need.memory_mib / need.vcpus_e4);
}

/* Below zero: a is the better fit. */
static inline int scan_order(const Instance *a, const Instance *b, Capacity need)
{
    int64_t a_sign = scan_is_even(a, need) ? 1 : -1, b_sign = scan_is_even(b, need) ? 1 : -1;
    const int64_t left[] = {a->total.gpus > 0,           a->free.gpus,
                            a->free.vcpus_e4 / 10000,    -a_sign,
                            a_sign * a->free.memory_mib, a_sign * a->free.vcpus_e4,
                            a_sign * (int64_t)a->number};
    const int64_t right[] = {b->total.gpus > 0,           b->free.gpus,
                             b->free.vcpus_e4 / 10000,    -b_sign,
                             b_sign * b->free.memory_mib, b_sign * b->free.vcpus_e4,
                             b_sign * (int64_t)b->number};
    for (size_t i = 0; i < G_N_ELEMENTS(left); i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static inline Instance *scan_find(const GPtrArray *instances, Capacity need, FleetHosts hosts)
{
    Instance *best = NULL;
    for (guint i = 0; i < instances->len; i++) {
        Instance *instance = g_ptr_array_index(instances, i);
        if (scan_hosts(instance, hosts) && capacity_covers(instance->free, need) &&
            (!best || scan_order(instance, best, need) < 0))
            best = instance;
    }
    return best;
}

/* Below zero: a comes first among those on which nothing runs. */
static inline int scan_empty_order(const Instance *a, const Instance *b)
{
    const int64_t left[] = {a->total.gpus, a->total.vcpus_e4, a->total.memory_mib, (int64_t)a->number};
    const int64_t right[] = {b->total.gpus, b->total.vcpus_e4, b->total.memory_mib, (int64_t)b->number};
    for (size_t i = 0; i < G_N_ELEMENTS(left); i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static inline Instance *scan_find_empty(const GPtrArray *instances, Capacity need, const char *type,
                                        const Instance *after)
{
    Instance *best = NULL;
    for (guint i = 0; i < instances->len; i++) {
        Instance *instance = g_ptr_array_index(instances, i);
        if (instance->holds == 0 && capacity_covers(instance->total, need) &&
            (!type || strcmp(type, instance->type) == 0) &&
            (!after || scan_empty_order(instance, after) > 0) &&
            (!best || scan_empty_order(instance, best) < 0))
            best = instance;
    }
    return best;
}

static inline Capacity scan_most(const GPtrArray *instances)
{
    Capacity most = {0};
    for (guint i = 0; i < instances->len; i++) {
        const Capacity *free = &((const Instance *)g_ptr_array_index(instances, i))->free;
        most.vcpus_e4 = MAX(most.vcpus_e4, free->vcpus_e4);
        most.memory_mib = MAX(most.memory_mib, free->memory_mib);
        most.gpus = MAX(most.gpus, free->gpus);
    }
    return most;
}

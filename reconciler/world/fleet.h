/* fleet.h: instances that take tasks, found by what is free on them.
 * Owns:   the index; instances belong to the world and are linked through Instance.in_fleet.
 * Calls:  spec/base, world/shelf. No clock.
 * Holds:  a fleet answers from what is free now: Instance.free is what launches under way and reservations
 * leave of Instance.total, and never below zero (invariant 7). Answers depend on capacities and numbers of
 * instances only, never on the order of insertion (invariant 8). fleet_find() costs the logarithm of the
 * instances for each number of whole vCPUs that is free somewhere and has an instance with the memory: mostly
 * one. */
#pragma once
#include "reconciler/world/record.h"
#include "spec/base/tree.h"

typedef struct Fleet Fleet;
typedef struct Instance Instance;

/* Where an instance stands; private to fleet.c but for `fleet`. */
typedef struct {
    Fleet *fleet; /* NULL: in none */
    struct FleetClass *class;
    struct FleetLevel *level;
    uint64_t high, low; /* its key there */
    TreeNode by_number;
} InFleet;

Fleet *fleet_new(void);
void fleet_free(Fleet *fleet);
/* Of an instance with total and free set. */
void fleet_insert(Fleet *fleet, Instance *instance);
void fleet_remove(Fleet *fleet, Instance *instance);
size_t fleet_len(const Fleet *fleet);

/* need is taken from what is free on an instance of a fleet, or given back; the instance keeps its place in
 * the index in both directions. Aborts when more is taken than is free. An instance that is in no fleet may
 * be given as well. */
bool capacity_covers(Capacity free, Capacity need); /* each member of need fits */
void instance_take(Instance *instance, Capacity need);
void instance_give(Instance *instance, Capacity need);
/* As many times. */
void instance_take_many(Instance *instance, Capacity need, int64_t count);
void instance_give_many(Instance *instance, Capacity need, int64_t count);
/* As instance_take, of what runs there whether it fits or not: after a restart an instance may have turned
 * out smaller than what it was given. */
void instance_hold(Instance *instance, Capacity need);
/* Changes the total; what is held stays held. */
void instance_resize(Instance *instance, Capacity total);

typedef enum {
    FLEET_NO_GPU_HOSTS, /* only instances without GPUs */
    FLEET_GPU_HOSTS,    /* only instances with GPUs */
    FLEET_ANY           /* those without first */
} FleetHosts;
/* Best fit: of the instances where need fits, the one with the fewest free GPUs, then the fewest free whole
 * vCPUs. Of those the one with the least free memory that still has as much for each of its free vCPUs as
 * need has, then with the fewest free vCPUs, then with the lowest number: what is left suits more of the
 * kind. Where none has so much memory, the one with the most, then with the most free vCPUs, then with the
 * highest number. NULL: it fits nowhere. */
Instance *fleet_find(const Fleet *fleet, Capacity need, FleetHosts hosts);
/* Whether best fit takes a rather than b; need fits on both. */
bool fleet_before(const Instance *a, const Instance *b, Capacity need);
/* The same of machines with GPUs that `allow` lets through: in best fit's order, one by one. */
typedef bool (*FleetAllow)(const Instance *instance, const void *data);
Instance *fleet_find_gpu_host(const Fleet *fleet, Capacity need, FleetAllow allow, const void *data);
/* The sizes of its instances, one after the other; false at the end. *at begins as 0. */
bool fleet_total_next(const Fleet *fleet, size_t *at, Capacity *ret_total);
/* An instance on which nothing runs and that is at least so large: the smallest total, then the lowest
 * number; type: NULL or the only type allowed. NULL: none. after: NULL, or the instance behind which to go
 * on. */
Instance *fleet_find_empty(const Fleet *fleet, Capacity need, const char *type, const Instance *after);
/* Componentwise largest free capacity: what exceeds it in one member fits nowhere. */
Capacity fleet_most_free(const Fleet *fleet);
/* By number; NULL at the end. */
Instance *fleet_next(const Fleet *fleet, const Instance *after);
/* How many of need fit into free. */
int64_t capacity_fits(Capacity free, Capacity need);

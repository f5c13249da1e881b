/* place.c: where a job can go now. */
#include "reconciler/schedule/hold.h"
#include "reconciler/world/history.h"
#include "spec/base/units.h"

/* Jobs of one queue, and of all, that only a hold kept out, in one pass: after so many the hosts that are
 * held count as full for the rest of it. What a pass may take is bounded by that: each try asks every hold.
 */
#define HELD_TRIES_MAX      100
#define HELD_TRIES_PASS_MAX 500

static bool tries_ended(const Pass *pass, const QueueWalk *walk)
{
    return walk->held_tries > HELD_TRIES_MAX || pass->held_tries > HELD_TRIES_PASS_MAX;
}

int64_t group_expected_ms(const Pass *pass, const RunnableGroup *group)
{
    int64_t expected_ms = world_expected_ms(pass->world, runnable_group_template(group));
    return expected_ms > 0 ? expected_ms : INT64_MAX;
}

/* ---- hosts ---- */

typedef struct {
    const Capacity *least;
    uint64_t gpu_kinds;
} GpuSearch;

static bool gpu_search_skips(const Capacity *least, uint64_t kinds, const void *data)
{
    const GpuSearch *search = data;
    return !(kinds & search->gpu_kinds) || !capacity_covers(*search->least, *least);
}

static uint64_t gpu_kinds(const World *world)
{
    uint64_t kinds = 0;
    for (uint32_t kind = 0; kind < world_kinds_len(world); kind++)
        if (world_kind_used(world, kind) && world_kind(world, kind)->uses_gpus)
            kinds |= kind_bit(kind);
    return kinds;
}

static bool share_wants_gpus(const Share *share, const GpuSearch *search)
{
    for (const RunnableGroup *group = share_group_next(share, NULL, gpu_search_skips, search); group;
         group = share_group_next(share, group, gpu_search_skips, search))
        if (group->need.gpus > 0)
            return true;
    return false;
}

static bool queue_lists(const World *world, const Queue *queue, const Environment *environment)
{
    size_t len;
    Environment *const *environments = queue_environments(world, queue, &len);
    for (size_t i = 0; i < len; i++)
        if (environments[i] == environment)
            return true;
    return false;
}

static bool gpus_wanted(const Pass *pass, const Room *room, const Capacity *total)
{
    GpuSearch search = {total, gpu_kinds(pass->world)};
    size_t len;
    Queue *const *queues = world_queues(pass->world, &len);
    bool wanted = false;
    for (size_t i = 0; i < len && !wanted; i++) {
        if (queues[i]->groups == 0 || !queue_lists(pass->world, queues[i], room->environment))
            continue;
        for (const Share *share = share_next(queues[i], NULL); share && !wanted;
             share = share_next(queues[i], share))
            wanted = share->groups > 0 && share_wants_gpus(share, &search);
    }
    return wanted;
}

/* Whether no runnable job could use the GPUs of a host of this size (batch: "GPUs"). */
static bool is_spare(Pass *pass, Room *room, const Capacity *total)
{
    for (const GpuSize *size = room->gpu_sizes; size; size = size->next)
        if (memcmp(&size->total, total, sizeof *total) == 0)
            return !size->wanted;
    GpuSize *size = arena_new0(pass->arena, GpuSize);
    *size = (GpuSize){room->gpu_sizes, *total, gpus_wanted(pass, room, total)};
    room->gpu_sizes = size;
    return !size->wanted;
}

/* Usually none is: then nobody need look for one. */
static bool any_spare(Pass *pass, Room *room)
{
    Capacity total;
    if (room->gpus_known)
        return room->gpus_spare;
    room->gpus_known = true;
    for (size_t at = 0; fleet_total_next(room->fleet, &at, &total);)
        if (total.gpus > 0 && is_spare(pass, room, &total))
            room->gpus_spare = true;
    for (const HeldHost *host = *room->hosts; host; host = host->next)
        if (host->instance->total.gpus > 0 && is_spare(pass, room, &host->instance->total))
            room->gpus_spare = true;
    return room->gpus_spare;
}

typedef struct {
    Pass *pass;
    Room *room;
} SpareSearch;

static bool allow_spare(const Instance *instance, const void *data)
{
    const SpareSearch *search = data;
    return is_spare(search->pass, search->room, &instance->total);
}

/* ---- one environment ---- */

typedef enum {
    HOSTS_ALL,  /* of the one machine */
    HOSTS_GPUS, /* for a job that wants some */
    HOSTS_PLAIN,
    HOSTS_SPARE /* hosts with GPUs that nobody could use */
} Hosts;

static bool hosts_include(Pass *pass, Room *room, Hosts hosts, const Instance *instance)
{
    switch (hosts) {
    case HOSTS_ALL: return true;
    case HOSTS_GPUS: return instance->total.gpus > 0;
    case HOSTS_PLAIN: return instance->total.gpus == 0;
    case HOSTS_SPARE: return instance->total.gpus > 0 && is_spare(pass, room, &instance->total);
    }
    g_assert_not_reached();
}

static Instance *fleet_look(Pass *pass, Room *room, Hosts hosts, Capacity need)
{
    switch (hosts) {
    case HOSTS_ALL: return fleet_find(room->fleet, need, FLEET_ANY);
    case HOSTS_GPUS: return fleet_find(room->fleet, need, FLEET_GPU_HOSTS);
    case HOSTS_PLAIN: return fleet_find(room->fleet, need, FLEET_NO_GPU_HOSTS);
    case HOSTS_SPARE: return fleet_find_gpu_host(room->fleet, need, allow_spare, &(SpareSearch){pass, room});
    }
    g_assert_not_reached();
}

/* Of the instances held, the one that best fit takes and whose holds let the group in. *ret_held: only holds
 * kept it out somewhere. */
static Instance *held_find(Pass *pass, Room *room, const RunnableGroup *group, Hosts hosts, bool *ret_held)
{
    Instance *best = NULL;
    for (HeldHost *host = *room->hosts; host; host = host->next) {
        Instance *instance = host->instance;
        if (!capacity_covers(instance->free, group->need) || !hosts_include(pass, room, hosts, instance))
            continue;
        if (!host->holds || holds_allow(pass, host->holds, group) == 0)
            *ret_held = true;
        else if (!best || fleet_before(instance, best, group->need))
            best = instance;
    }
    return best;
}

static Instance *hosts_find(Pass *pass, const QueueWalk *walk, Room *room, const RunnableGroup *group,
                            Hosts hosts, bool *ret_held)
{
    Instance *found = fleet_look(pass, room, hosts, group->need);
    if (!*room->hosts || tries_ended(pass, walk))
        return found;
    Instance *held = held_find(pass, room, group, hosts, ret_held);
    return held && (!found || fleet_before(held, found, group->need)) ? held : found;
}

/* Hosts with GPUs are kept for jobs that want some; the one machine is not. */
static Instance *host_find(Pass *pass, const QueueWalk *walk, Room *room, const RunnableGroup *group,
                           bool *ret_held)
{
    if (room->type == ROOM_MACHINE)
        return hosts_find(pass, walk, room, group, HOSTS_ALL, ret_held);
    if (group->need.gpus > 0)
        return hosts_find(pass, walk, room, group, HOSTS_GPUS, ret_held);
    Instance *found = hosts_find(pass, walk, room, group, HOSTS_PLAIN, ret_held);
    if (found || !any_spare(pass, room))
        return found;
    return hosts_find(pass, walk, room, group, HOSTS_SPARE, ret_held);
}

static HeldHost *held_host(const Room *room, const Instance *instance)
{
    for (HeldHost *host = *room->hosts; host; host = host->next)
        if (host->instance == instance)
            return host;
    return NULL;
}

/* In a room where no hold is wanted that was not made. */
static PlaceResult room_look(Pass *pass, const QueueWalk *walk, Room *room, const RunnableGroup *group,
                             int64_t most, Place *ret_place)
{
    const Capacity *need = &group->need;
    bool held = false;
    if (room->holds) {
        most = tries_ended(pass, walk) ? 0 : MIN(most, holds_allow(pass, room->holds, group));
        if (most == 0)
            return tries_ended(pass, walk) ? PLACE_FULL : PLACE_HELD;
    }
    *ret_place = (Place){room, NULL, most};
    if (room->type == ROOM_TASKS)
        return PLACE_NOW;
    Instance *instance = host_find(pass, walk, room, group, &held);
    if (!instance)
        return held ? PLACE_HELD : PLACE_FULL;
    most = MIN(most, capacity_fits(instance->free, *need));
    const HeldHost *host = *room->hosts ? held_host(room, instance) : NULL;
    if (host)
        most = MIN(most, holds_allow(pass, host->holds, group));
    *ret_place = (Place){room, instance, most};
    return PLACE_NOW;
}

PlaceResult room_find(Pass *pass, const QueueWalk *walk, Room *room, const RunnableGroup *group, int64_t most,
                      Place *ret_place)
{
    int64_t vcpus_e4 = group->need.vcpus_e4;
    if (!room->open || !room_suits(pass, room, group->kind))
        return PLACE_CLOSED;
    if (room->left_e4 < vcpus_e4 || (room->type != ROOM_TASKS && !room->fleet))
        return PLACE_FULL;
    if (room->left_e4 != INT64_MAX && vcpus_e4 > 0)
        most = MIN(most, room->left_e4 / vcpus_e4);
    PlaceResult result = room_look(pass, walk, room, group, most, ret_place);
    if (result == PLACE_NOW && holds_make(pass, room))
        result = room_look(pass, walk, room, group, most, ret_place);
    return result;
}

/* ---- all of a queue ---- */

PlaceResult place_find(Pass *pass, const QueueWalk *walk, const RunnableGroup *group, int64_t left_e4,
                       int64_t most, Place *ret_place)
{
    const RunKind *kind = world_kind(pass->world, group->kind);
    int64_t vcpus_e4 = group->need.vcpus_e4;
    PlaceResult best = PLACE_CLOSED;
    if (left_e4 < vcpus_e4)
        return PLACE_SHARE;
    if (left_e4 != INT64_MAX && vcpus_e4 > 0)
        most = MIN(most, left_e4 / vcpus_e4);
    if (kind->consumables_len > 0)
        most = MIN(most, consumables_allow(pass, kind));
    if (most == 0)
        return PLACE_CONSUMABLE;
    for (size_t i = 0; i < walk->rooms_len; i++) {
        PlaceResult result =
            walk->rooms[i] ? room_find(pass, walk, walk->rooms[i], group, most, ret_place) : PLACE_CLOSED;
        if (result == PLACE_NOW)
            return PLACE_NOW;
        if (result == PLACE_HELD || best == PLACE_CLOSED)
            best = result;
    }
    return best;
}

void place_take(Pass *pass, QueueWalk *walk, const RunnableGroup *group, const Place *place)
{
    Room *room = place->room;
    const RunKind *kind = world_kind(pass->world, group->kind);
    (void)walk;
    if (room->left_e4 != INT64_MAX)
        room->left_e4 -= place->count * group->need.vcpus_e4;
    holds_take(pass, room->holds, group, place->count);
    if (kind->consumables_len > 0)
        consumables_use(pass, kind, place->count / kind->nodes);
    if (!place->instance)
        return;
    HeldHost *host = *room->hosts ? held_host(room, place->instance) : NULL;
    if (host)
        holds_take(pass, host->holds, group, place->count);
    instance_take_many(place->instance, group->need, place->count);
}

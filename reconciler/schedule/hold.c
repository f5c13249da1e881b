#include "reconciler/schedule/hold.h"

/* Ends that are looked at for a reservation: beyond it the head has none. */
#define ENDS_MAX 128

static bool is_strict(const Pass *pass, const QueueWalk *walk)
{
    const Job *job = walk->shares[0]->current.item.job;
    int64_t since_ms = job->runnable_ms > 0 ? job->runnable_ms : job->created_ms;
    return pass->now_ms - since_ms >= HOLD_AFTER_MS;
}

static Capacity capacity_sum(Capacity a, Capacity b, int64_t times)
{
    return (Capacity){a.vcpus_e4 + times * b.vcpus_e4, a.memory_mib + times * b.memory_mib,
                      a.gpus + times * b.gpus};
}

static Capacity launch_capacity(const Launch *launch)
{
    return (Capacity){launch->vcpus_e4, launch->memory_mib, launch->gpus};
}

/* ---- who may go ahead ---- */

static bool ends_before(const Pass *pass, const Hold *hold, const RunnableGroup *group)
{
    int64_t expected_ms = group_expected_ms(pass, group);
    return expected_ms != INT64_MAX && expected_ms <= hold->shadow_ms - pass->now_ms;
}

int64_t holds_allow(const Pass *pass, const Hold *holds, const RunnableGroup *group)
{
    int64_t allowed = INT64_MAX;
    for (const Hold *hold = holds; hold && allowed > 0; hold = hold->next) {
        if (hold->strict)
            return 0;
        if (!ends_before(pass, hold, group))
            allowed = MIN(allowed, capacity_fits(hold->beside, group->need));
    }
    return allowed;
}

void holds_take(const Pass *pass, Hold *holds, const RunnableGroup *group, int64_t count)
{
    for (Hold *hold = holds; hold; hold = hold->next)
        if (!ends_before(pass, hold, group))
            hold->beside = capacity_sum(hold->beside, group->need, -count);
}

/* ---- hosts ---- */

HeldHost *hold_host(Pass *pass, Room *room, Instance *instance)
{
    for (HeldHost *host = *room->hosts; host; host = host->next)
        if (host->instance == instance)
            return host;
    HeldHost *host = arena_new0(pass->arena, HeldHost);
    *host =
        (HeldHost){.next = *room->hosts, .next_all = pass->held, .instance = instance, .fleet = room->fleet};
    fleet_remove(room->fleet, instance);
    *room->hosts = pass->held = host;
    return host;
}

void holds_end(Pass *pass)
{
    for (HeldHost *host = pass->held; host; host = host->next_all)
        fleet_insert(host->fleet, host->instance);
}

static Hold *hold_new(Pass *pass, RunnableGroup *group, Hold **list)
{
    Hold *hold = arena_new0(pass->arena, Hold);
    hold->group = group;
    hold->next = *list;
    *list = hold;
    return hold;
}

/* ---- strict ---- */

static bool newest_before(const Instance *a, const Instance *b)
{
    int64_t left = a->newest_launch ? a->newest_launch->intended_ms : INT64_MIN;
    int64_t right = b->newest_launch ? b->newest_launch->intended_ms : INT64_MIN;
    return left != right ? left < right : a->number < b->number;
}

static bool is_held_strictly(const Room *room, const Instance *instance)
{
    for (const HeldHost *host = *room->hosts; host; host = host->next)
        for (const Hold *hold = host->instance == instance ? host->holds : NULL; hold; hold = hold->next)
            if (hold->strict)
                return true;
    return false;
}

/* Of hosts with GPUs only where it wants some, unless there are no others; of those that are held strictly
 * already only where there are no others. */
static Instance *oldest_host(const Pass *pass, const Room *room, const RunnableGroup *group)
{
    if (room->type == ROOM_MACHINE)
        return pass->machine;
    Instance *best = NULL;
    unsigned best_rank = 0;
    for (Instance *instance = environment_instance_next(room->environment, NULL); instance;
         instance = environment_instance_next(room->environment, instance)) {
        if (!instance_takes_tasks(instance) || !capacity_covers(instance->total, group->need))
            continue;
        unsigned rank =
            2u * (instance->total.gpus > 0 && group->need.gpus == 0) + is_held_strictly(room, instance);
        if (best && (rank > best_rank || (rank == best_rank && !newest_before(instance, best))))
            continue;
        best = instance;
        best_rank = rank;
    }
    return best;
}

static void turn_note(Pass *pass, const QueueWalk *walk)
{
    const Queue *queue = walk->queue;
    int64_t sequence = (int64_t)walk->shares[0]->current.item.job->sequence, before = 0;
    if (queue->fair &&
        (!note_read(pass->world, "turn", queue->resource->name, &before, 1) || before != sequence))
        note_write(pass->world, "turn", queue->resource->name, &sequence, 1);
}

static void hold_strict(Pass *pass, Room *room, RunnableGroup *group)
{
    if (room->left_e4 < room_need(pass, room, group).vcpus_e4) {
        hold_new(pass, group, &room->holds)->strict = true;
        return;
    }
    Instance *instance = room->fleet ? oldest_host(pass, room, group) : NULL;
    if (instance)
        hold_new(pass, group, &hold_host(pass, room, instance)->holds)->strict = true;
}

/* ---- reservations ---- */

/* What has ended on each host so far; a table for looking up only. Its entries are of a round each, so that
 * it need not be cleared. */
#define FREED_SLOTS (2 * ENDS_MAX)
typedef struct Freed {
    const Instance *instance;
    Capacity freed;
    uint32_t round;
} Freed;

static Freed *freed_begin(Pass *pass)
{
    if (!pass->freed)
        pass->freed = arena_new0_n(pass->arena, Freed, FREED_SLOTS);
    pass->freed_round++;
    return pass->freed;
}

static Capacity *freed_of(Freed *table, uint32_t round, const Instance *instance)
{
    size_t at = ((uintptr_t)instance >> 4) * 2654435761u % FREED_SLOTS;
    while (table[at].round == round && table[at].instance != instance)
        at = (at + 1) % FREED_SLOTS;
    if (table[at].round != round)
        table[at] = (Freed){.instance = instance, .round = round};
    return &table[at].freed;
}

static void reserve(Pass *pass, const Room *room, RunnableGroup *group, Hold **list, int64_t end_ms,
                    Capacity then)
{
    Hold *hold = hold_new(pass, group, list);
    hold->shadow_ms = end_ms;
    hold->beside = capacity_sum(then, room_need(pass, room, group), -1);
}

/* maxvCpus is what it lacks. */
static void reserve_left(Pass *pass, Room *room, RunnableGroup *group)
{
    int64_t left_e4 = room->left_e4, need_e4 = room_need(pass, room, group).vcpus_e4;
    int looked_at = 0;
    for (const Launch *launch = environment_launch_next(room->environment, NULL, pass->now_ms);
         launch && looked_at < ENDS_MAX;
         launch = environment_launch_next(room->environment, launch, pass->now_ms), looked_at++) {
        left_e4 += launch->vcpus_e4;
        if (left_e4 < need_e4)
            continue;
        reserve(pass, room, group, &room->holds, launch_end_ms(launch),
                (Capacity){left_e4, INT64_MAX / 2, INT64_MAX / 2});
        return;
    }
}

static int end_compare(const void *a, const void *b)
{
    const Launch *left = *(const Launch *const *)a, *right = *(const Launch *const *)b;
    int64_t left_ms = launch_end_ms(left), right_ms = launch_end_ms(right);
    if (left_ms != right_ms)
        return left_ms < right_ms ? -1 : 1;
    if (left->job->sequence != right->job->sequence)
        return left->job->sequence < right->job->sequence ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

/* All that runs on the one machine, of whatever environment. */
static void reserve_machine(Pass *pass, Room *room, RunnableGroup *group)
{
    Instance *machine = pass->machine;
    Capacity need = room_need(pass, room, group);
    size_t len = 0;
    if (!machine || !capacity_covers(machine->total, need))
        return;
    const Launch **launches = arena_new0_n(pass->arena, const Launch *, machine->launches + 1);
    for (const Launch *launch = machine->newest_launch; launch; launch = launch->instance_prev)
        if (launch_end_ms(launch) > pass->now_ms)
            launches[len++] = launch;
    qsort(launches, len, sizeof *launches, end_compare);
    Capacity free = machine->free;
    for (size_t i = 0; i < len && launch_end_ms(launches[i]) != INT64_MAX; i++) {
        free = capacity_sum(free, launch_capacity(launches[i]), 1);
        if (!capacity_covers(free, need))
            continue;
        reserve(pass, room, group, &hold_host(pass, room, machine)->holds, launch_end_ms(launches[i]), free);
        return;
    }
}

static void reserve_host(Pass *pass, Room *room, RunnableGroup *group)
{
    Freed *table = freed_begin(pass);
    int looked_at = 0;
    for (const Launch *launch = environment_launch_next(room->environment, NULL, pass->now_ms);
         launch && looked_at < ENDS_MAX;
         launch = environment_launch_next(room->environment, launch, pass->now_ms), looked_at++) {
        Instance *instance = launch->instance;
        if (!instance || !instance_takes_tasks(instance) || !capacity_covers(instance->total, group->need))
            continue;
        Capacity *freed = freed_of(table, pass->freed_round, instance);
        *freed = capacity_sum(*freed, launch_capacity(launch), 1);
        Capacity then = capacity_sum(instance->free, *freed, 1);
        if (!capacity_covers(then, group->need))
            continue;
        reserve(pass, room, group, &hold_host(pass, room, instance)->holds, launch_end_ms(launch), then);
        return;
    }
}

static void hold_reserve(Pass *pass, Room *room, RunnableGroup *group)
{
    if (room->left_e4 < room_need(pass, room, group).vcpus_e4)
        reserve_left(pass, room, group);
    else if (room->type == ROOM_MACHINE)
        reserve_machine(pass, room, group);
    else if (room->fleet)
        reserve_host(pass, room, group);
}

/* ---- the head ---- */

static bool room_make(Pass *pass, Room *room)
{
    HoldWanted *wanted = room->wanted;
    room->wanted = NULL;
    room->wanted_end = NULL;
    for (HoldWanted *at = wanted; at; at = at->next)
        if (at->strict)
            hold_strict(pass, room, at->group);
        else
            hold_reserve(pass, room, at->group);
    return wanted != NULL;
}

/* All rooms of the machine share what is held there. */
bool holds_make(Pass *pass, Room *room)
{
    if (room->type != ROOM_MACHINE)
        return room_make(pass, room);
    bool any = false;
    for (unsigned slot = 0; slot < world_environment_slots(pass->world); slot++) {
        Room *other = pass->rooms[slot];
        any = (other && other->type == ROOM_MACHINE && room_make(pass, other)) || any;
    }
    return any;
}

static void want(Pass *pass, Room *room, RunnableGroup *group, bool strict)
{
    HoldWanted *wanted = arena_new0(pass->arena, HoldWanted);
    wanted->group = group;
    wanted->strict = strict;
    *(room->wanted_end ? room->wanted_end : &room->wanted) = wanted;
    room->wanted_end = &wanted->next;
}

void hold_add(Pass *pass, QueueWalk *walk, RunnableGroup *group, bool provided)
{
    bool strict = is_strict(pass, walk), is_gang = world_kind(pass->world, group->kind)->nodes > 1;
    for (size_t i = 0; i < walk->rooms_len && i < 64; i++) {
        Room *room = walk->rooms[i];
        if ((walk->held_rooms >> i & 1) || !room || !room->open || !room_suits(pass, room, group->kind) ||
            (is_gang && room->type != ROOM_MACHINE))
            continue;
        walk->held_rooms |= UINT64_C(1) << i;
        if (strict)
            turn_note(pass, walk);
        if (strict || !provided)
            want(pass, room, group, strict);
    }
}

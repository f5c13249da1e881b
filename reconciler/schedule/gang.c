/* gang.c: multinode jobs, all nodes at once (batch: "Placement: gang scheduling"). On the one machine they
 * are placed, and wait, like one job that needs all of it. Elsewhere each node has an instance for itself.
 * Who gathers instances in an environment is noted ("gang ENVIRONMENT": sequence, since when), so that two
 * gangs never sit on half of what they need; after GANG_TURN_MS another one has its turn, or, if none takes
 * it within GANG_YIELD_MS, the same one again. Equal gangs of a group have one turn, which their head uses.
 */
#include "reconciler/schedule/hold.h"
#include "reconciler/schedule/pass.h"

typedef struct {
    Instance **hosts;
    int64_t len;
} Empties;

static Empties empties_find(Pass *pass, const Room *room, const RunnableGroup *group, const RunKind *kind)
{
    Empties empties = {.hosts = arena_new0_n(pass->arena, Instance *, (size_t)kind->nodes)};
    Instance *instance = NULL;
    while (room->fleet && empties.len < kind->nodes &&
           (instance = fleet_find_empty(room->fleet, group->need, kind->node_instance_type, instance)))
        empties.hosts[empties.len++] = instance;
    return empties;
}

static void wake_at(Pass *pass, int64_t at_ms)
{
    pass->decisions->wake_ms = MIN(pass->decisions->wake_ms, at_ms);
}

typedef enum { TURN_MINE, TURN_OTHERS, TURN_FREE } Turn;

/* holder: whose turn is noted, since when. */
static Turn gang_turn_noted(Pass *pass, const Job *job, const Job *holder, int64_t since_ms)
{
    int64_t end_ms = since_ms + GANG_TURN_MS;
    bool waits = holder && holder->state == JOB_RUNNABLE;
    if (!waits)
        return TURN_FREE;
    if (pass->now_ms < end_ms) {
        wake_at(pass, end_ms);
        return job_group(holder) == job_group(job) ? TURN_MINE : TURN_OTHERS;
    }
    if (job_group(holder) != job_group(job) || pass->now_ms >= end_ms + GANG_YIELD_MS)
        return TURN_FREE;
    wake_at(pass, end_ms + GANG_YIELD_MS);
    return TURN_OTHERS;
}

/* Whether it is this gang's turn to gather instances in the environment. */
static bool gang_turn(Pass *pass, Room *room, const Job *job)
{
    const char *name = room->environment->resource->name;
    int64_t noted[2] = {0}, mine[2] = {(int64_t)job->sequence, pass->now_ms};
    if (room->gang_seen)
        return false;
    Turn turn = TURN_FREE;
    if (note_read(pass->world, "gang", name, noted, 2))
        turn = gang_turn_noted(pass, job, world_job_by_sequence(pass->world, (uint64_t)noted[0]), noted[1]);
    if (turn == TURN_OTHERS)
        return false;
    if (turn == TURN_MINE)
        mine[1] = noted[1];
    note_write(pass->world, "gang", name, mine, 2);
    room->gang_seen = true;
    wake_at(pass, mine[1] + GANG_TURN_MS);
    return true;
}

static void node_record(Pass *pass, const Room *room, const GroupCursor *cursor, int64_t node,
                        Instance *instance)
{
    pass_record(pass, &(Placement){.job = cursor->item.job,
                                   .index = NOT_A_CHILD,
                                   .count = 1,
                                   .node = (int32_t)node,
                                   .environment = room->environment,
                                   .instance = instance});
}

static void gang_take(Pass *pass, Room *room, const GroupCursor *cursor, const Empties *empties)
{
    for (int64_t node = 0; node < empties->len; node++) {
        Instance *instance = empties->hosts[node];
        instance_take(instance, instance->free);
        node_record(pass, room, cursor, node, instance);
    }
}

static PlaceResult machine_place(Pass *pass, QueueWalk *walk, Room *room, const GroupCursor *cursor)
{
    int64_t nodes = world_kind(pass->world, cursor->group->kind)->nodes;
    Place place;
    PlaceResult result = room_find(pass, walk, room, cursor->group, nodes, &place);
    if (result != PLACE_NOW)
        return result;
    if (place.count < nodes)
        return PLACE_FULL;
    place_take(pass, walk, cursor->group, &place);
    for (int64_t node = 0; node < nodes; node++)
        node_record(pass, room, cursor, node, place.instance);
    return PLACE_NOW;
}

static int64_t coming_empties(const Room *room, const RunnableGroup *group, const RunKind *kind, int64_t most)
{
    int64_t len = 0;
    for (const Instance *instance = NULL;
         len < most && (instance = fleet_find_empty(room->environment->coming, group->need,
                                                    kind->node_instance_type, instance));)
        len++;
    return len;
}

static void gang_demand(Pass *pass, Room *room, RunnableGroup *group, const RunKind *kind, int64_t missing)
{
    Decisions *decisions = pass->decisions;
    missing -= coming_empties(room, group, kind, missing);
    if (missing <= 0 || !pass->options->growth)
        return;
    int64_t left_e4 =
        pass->options->growth(room->environment, group, pass->options->data) - room->demanded_e4;
    if (left_e4 < missing * group->need.vcpus_e4)
        return;
    room->demanded_e4 += missing * group->need.vcpus_e4;
    decisions->demand = pass_grow(pass, decisions->demand, decisions->demand_len, &pass->demand_max,
                                  sizeof *decisions->demand);
    decisions->demand[decisions->demand_len++] = (Demand){.environment = room->environment,
                                                          .group = group,
                                                          .need = group->need,
                                                          .count = 1,
                                                          .nodes = missing,
                                                          .instance_type = kind->node_instance_type};
}

/* What is there at once, or was gathered; else it gathers, where it is its turn. *ret_gathers: it does. */
static PlaceResult fleet_place(Pass *pass, Room *room, const GroupCursor *cursor, bool *ret_gathers)
{
    const RunKind *kind = world_kind(pass->world, cursor->group->kind);
    holds_make(pass, room);
    Empties empties = empties_find(pass, room, cursor->group, kind);
    if (empties.len == kind->nodes) {
        gang_take(pass, room, cursor, &empties);
        consumables_use(pass, kind, 1);
        return PLACE_NOW;
    }
    *ret_gathers = gang_turn(pass, room, cursor->item.job);
    for (int64_t node = 0; *ret_gathers && node < empties.len; node++)
        hold_host(pass, room, empties.hosts[node]);
    if (*ret_gathers)
        gang_demand(pass, room, cursor->group, kind, kind->nodes - empties.len);
    return PLACE_FULL;
}

PlaceResult gang_place(Pass *pass, QueueWalk *walk, const GroupCursor *cursor)
{
    RunnableGroup *group = cursor->group;
    const RunKind *kind = world_kind(pass->world, group->kind);
    PlaceResult best = PLACE_CLOSED;
    bool gathers = false; /* then it does not spill over */
    if (MIN(walk->shares[0]->left_e4, walk->left_e4) / kind->nodes < group->need.vcpus_e4)
        return PLACE_SHARE;
    if (consumables_allow(pass, kind) == 0)
        return PLACE_CONSUMABLE;
    for (size_t i = 0; i < walk->rooms_len && !gathers; i++) {
        Room *room = walk->rooms[i];
        bool above;
        if (!room || !room->open || !room_suits(pass, room, group->kind) ||
            room_can_ever(pass, room, group, NULL, &above) == FEASIBLE_NO)
            continue;
        PlaceResult result = room->type == ROOM_MACHINE ? machine_place(pass, walk, room, cursor)
                                                        : fleet_place(pass, room, cursor, &gathers);
        if (result == PLACE_NOW)
            return PLACE_NOW;
        if (result == PLACE_HELD || best == PLACE_CLOSED)
            best = result;
    }
    return best;
}

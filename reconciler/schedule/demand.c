/* demand.c: what runnable jobs lack, for scale/ (batch: "Choosing the CE"). */
#include "reconciler/schedule/pass.h"

/* As many as fit on instances that are on their way; they are kept for them until the pass ends. */
static int64_t coming_take(Pass *pass, const Room *room, const RunnableGroup *group, int64_t jobs)
{
    Fleet *coming = room->environment->coming;
    int64_t taken = 0;
    while (taken < jobs && fleet_len(coming) > 0) {
        Instance *instance =
            fleet_find(coming, group->need, group->need.gpus > 0 ? FLEET_GPU_HOSTS : FLEET_ANY);
        if (!instance)
            break;
        int64_t count = MIN(jobs - taken, capacity_fits(instance->free, group->need));
        instance_take_many(instance, group->need, count);
        pass->coming =
            pass_grow(pass, pass->coming, pass->coming_len, &pass->coming_max, sizeof *pass->coming);
        pass->coming[pass->coming_len++] = (ComingUse){instance, group->need, count};
        taken += count;
    }
    return taken;
}

/* The last one may exceed what is left, where anything is: it is for scale/ to say whether an instance may.
 */
static int64_t growth_take(Pass *pass, Room *room, RunnableGroup *group, int64_t jobs)
{
    Decisions *decisions = pass->decisions;
    int64_t vcpus_e4 = MAX(group->need.vcpus_e4, 1);
    if (!pass->options->growth || room->environment->spec->type == CE_TYPE_UNMANAGED)
        return 0;
    int64_t left_e4 =
        pass->options->growth(room->environment, group, pass->options->data) - room->demanded_e4;
    if (left_e4 <= 0)
        return 0;
    int64_t count = MIN(jobs, (left_e4 - 1) / vcpus_e4 + 1);
    room->demanded_e4 += count * vcpus_e4;
    decisions->demand = pass_grow(pass, decisions->demand, decisions->demand_len, &pass->demand_max,
                                  sizeof *decisions->demand);
    decisions->demand[decisions->demand_len++] = (Demand){
        .environment = room->environment, .group = group, .need = group->need, .count = count, .nodes = 1};
    return count;
}

static bool may_serve(Pass *pass, Room *room, const RunnableGroup *group)
{
    return room && room->open && room->type == ROOM_FLEET && room_suits(pass, room, group->kind);
}

static bool has_coming(const Room *room)
{
    return room && room->type == ROOM_FLEET && fleet_len(room->environment->coming) > 0;
}

/* What any environment has on its way counts before anything is bought, in an earlier one too. */
bool demand_add(Pass *pass, QueueWalk *walk, RunnableGroup *group, int64_t jobs)
{
    int64_t left = jobs;
    bool above;
    for (size_t i = 0; i < walk->rooms_len && left > 0; i++)
        if (has_coming(walk->rooms[i]) && may_serve(pass, walk->rooms[i], group))
            left -= coming_take(pass, walk->rooms[i], group, left);
    for (size_t i = 0; i < walk->rooms_len && left > 0; i++)
        if (may_serve(pass, walk->rooms[i], group) &&
            room_can_ever(pass, walk->rooms[i], group, NULL, &above) != FEASIBLE_NO)
            left -= growth_take(pass, walk->rooms[i], group, left);
    if (left > 0)
        misfits_add(&walk->unmet, group->kind, &group->need, pass->arena);
    return left < jobs;
}

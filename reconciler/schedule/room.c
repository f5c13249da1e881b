/* room.c: environments as a pass sees them, and what they can ever run. */
#include "reconciler/schedule/hold.h"
#include "spec/base/units.h"

static RoomType room_type(const Environment *environment)
{
    if (environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER)
        return ROOM_MACHINE;
    ComputeType type = environment->spec->type;
    return type == CE_TYPE_FARGATE || type == CE_TYPE_FARGATE_SPOT ? ROOM_TASKS : ROOM_FLEET;
}

/* An environment that is being deleted goes on serving the queues that still list it: they drain through it.
 */
static bool is_open(const Pass *pass, const Environment *environment)
{
    unsigned providers = pass->options->providers;
    return environment->spec->enabled && environment->resource->phase != RESOURCE_REPLACING &&
           !environment->is_silent && !environment->is_refused &&
           (providers == 0 || (providers >> environment->provider & 1));
}

Room *pass_room(Pass *pass, Environment *environment)
{
    Room *room = pass->rooms[environment->slot];
    if (room)
        return room;
    room = pass->rooms[environment->slot] = arena_new0(pass->arena, Room);
    room->environment = environment;
    room->type = room_type(environment);
    room->open = is_open(pass, environment);
    room->fleet =
        room->type == ROOM_MACHINE ? pass->machine_fleet : environment_fleet(pass->world, environment);
    room->left_e4 = INT64_MAX;
    if (room->type != ROOM_FLEET && environment->spec->max_vcpus > 0)
        room->left_e4 = environment->spec->max_vcpus * DECIMAL_SCALE - environment->used_vcpus_e4;
    room->hosts = room->type == ROOM_MACHINE ? &pass->machine_hosts : &room->own_hosts;
    room->suits = arena_new0_n(pass->arena, uint8_t, world_kinds_len(pass->world));
    return room;
}

Capacity room_need(const Pass *pass, const Room *room, const RunnableGroup *group)
{
    int64_t times = room->type == ROOM_MACHINE ? world_kind(pass->world, group->kind)->nodes : 1;
    return (Capacity){group->need.vcpus_e4 * times, group->need.memory_mib * times, group->need.gpus * times};
}

/* ---- whether there is any use in asking ---- */

/* More environments are not looked at to leave out many queues at once. */
#define ROOMS_ASKED_MAX 16

bool room_may_grow(const Pass *pass, const Room *room)
{
    const Environment *environment = room->environment;
    const ComputeEnvironmentSpec *spec = environment->spec;
    if (!room->open || room->type != ROOM_FLEET || fleet_len(environment->coming) > 0)
        return room->open && room->type == ROOM_FLEET;
    return pass->options->growth && spec->type != CE_TYPE_UNMANAGED &&
           (spec->max_vcpus <= 0 || environment->instance_vcpus < spec->max_vcpus);
}

static bool fleet_may_take(Room *room, const Capacity *least)
{
    if (room->misfit_known && capacity_covers(*least, room->misfit))
        return false;
    if (room->fleet && fleet_find(room->fleet, *least, FLEET_ANY))
        return true;
    for (const HeldHost *host = *room->hosts; host; host = host->next)
        if (capacity_covers(host->instance->free, *least))
            return true;
    room->misfit = *least;
    room->misfit_known = true;
    return false;
}

static bool has_room(const Pass *pass, Room *room, const Capacity *least)
{
    if (!room->open || room->left_e4 < least->vcpus_e4)
        return false;
    switch (room->type) {
    case ROOM_MACHINE: return pass->machine && capacity_covers(pass->machine->free, *least);
    case ROOM_FLEET: return fleet_may_take(room, least);
    case ROOM_TASKS: return true;
    }
    g_assert_not_reached();
}

bool room_may_take(Pass *pass, Room *room, const Capacity *least)
{
    return has_room(pass, room, least) || room_may_grow(pass, room);
}

static bool fits_nowhere(Pass *pass, const QueueWalk *walk, uint32_t kind, const Capacity *least)
{
    for (size_t i = 0; i < walk->rooms_len; i++) {
        Room *room = walk->rooms[i];
        if (room && room_suits(pass, room, kind) && has_room(pass, room, least))
            return false;
    }
    return true;
}

/* Mostly one member is what lacks: then all that need as much of it are covered, whatever else they need. */
Capacity pass_misfit(Pass *pass, const QueueWalk *walk, const RunnableGroup *group)
{
    const Capacity *need = &group->need;
    Capacity alone[] = {{need->vcpus_e4, 0, 0}, {0, need->memory_mib, 0}, {0, 0, need->gpus}};
    size_t len = need->gpus > 0 ? G_N_ELEMENTS(alone) : G_N_ELEMENTS(alone) - 1;
    for (size_t i = 0; i < len; i++)
        if (fits_nowhere(pass, walk, group->kind, &alone[i]))
            return alone[i];
    return *need;
}

bool pass_fits_nowhere(Pass *pass, const Capacity *least)
{
    if (world_environment_slots(pass->world) > ROOMS_ASKED_MAX)
        return false;
    for (Environment *at = world_environment_next(pass->world, NULL); at;
         at = world_environment_next(pass->world, at))
        if (room_may_take(pass, pass_room(pass, at), least))
            return false;
    return true;
}

/* ---- what the spec says ---- */

LocalMachine pass_machine(const Pass *pass)
{
    const Instance *local = pass->machine;
    return local ? (LocalMachine){local->total.vcpus_e4 / DECIMAL_SCALE, local->total.memory_mib,
                                  local->total.gpus}
                 : (LocalMachine){0};
}

static void derived_free(void *data)
{
    feasible_environment_clear(data);
    g_free(data);
}

/* The types of instanceTypes are resolved once for as long as the spec stands. */
static FeasibleEnvironment *room_feasible(const Pass *pass, Environment *environment)
{
    FeasibleEnvironment *derived = environment->derived;
    LocalMachine machine = pass_machine(pass);
    if (!derived || derived->provider != environment->provider) {
        if (derived)
            derived_free(derived);
        ComputeEnvironmentSpec spec = *environment->spec;
        spec.provider = environment->provider;
        derived = g_new(FeasibleEnvironment, 1);
        *derived =
            feasible_environment(view_from(environment->resource->name), &spec, environment->provider, NULL);
        derived->spec = environment->spec;
        environment->derived = derived;
        environment->derived_free = derived_free;
    }
    derived->machine = machine;
    return derived;
}

static bool architecture_suits(const Pass *pass, const Room *room, const char *wanted)
{
    const FeasibleEnvironment *derived = room_feasible(pass, room->environment);
    if (!wanted || !derived->types || derived->types->len == 0)
        return true;
    const InstanceType *type = g_ptr_array_index(derived->types, 0);
    return (type->architecture == ARCHITECTURE_ARM64) == (strcmp(wanted, "ARM64") == 0);
}

static bool kind_suits(const Pass *pass, const Room *room, const RunKind *kind)
{
    const Environment *environment = room->environment;
    switch (room->type) {
    case ROOM_MACHINE:
        return environment->provider != PROVIDER_LOCAL || (kind->has_command && !*kind->beyond);
    case ROOM_TASKS: return kind->platform == PLATFORM_FARGATE && kind->nodes == 1 && !kind->uses_gpus;
    case ROOM_FLEET: break;
    }
    if (kind->platform != PLATFORM_EC2 || (kind->nodes > 1 && environment->spec->type != CE_TYPE_EC2))
        return false;
    return !kind->architecture || architecture_suits(pass, room, kind->architecture);
}

bool room_suits(Pass *pass, Room *room, uint32_t kind)
{
    if (room->suits[kind] == 0)
        room->suits[kind] = kind_suits(pass, room, world_kind(pass->world, kind)) ? SUITS_YES : SUITS_NO;
    return room->suits[kind] == SUITS_YES;
}

/* ---- never ---- */

/* What is there counts, whatever the catalogue estimates. */
static bool has_such_instance(const Environment *environment, const RunnableGroup *group)
{
    for (const Instance *instance = environment_instance_next(environment, NULL); instance;
         instance = environment_instance_next(environment, instance))
        if (capacity_covers(instance->total, group->need))
            return true;
    return false;
}

static bool above_max(const Room *room, const RunnableGroup *group, int64_t nodes)
{
    int64_t most = room->environment->spec->max_vcpus, total_e4;
    return most > 0 && (__builtin_mul_overflow(group->need.vcpus_e4, nodes, &total_e4) ||
                        total_e4 > most * DECIMAL_SCALE);
}

FeasibleResult room_can_ever(Pass *pass, Room *room, const RunnableGroup *group, GString *why, bool *ret_max)
{
    Environment *environment = room->environment;
    const RunKind *kind = world_kind(pass->world, group->kind);
    *ret_max = above_max(room, group, kind->nodes);
    if (!room->open || (room->type == ROOM_MACHINE && !room->fleet))
        return FEASIBLE_UNKNOWN;
    if (room->type == ROOM_FLEET && !*ret_max && room_suits(pass, room, group->kind) && kind->nodes == 1 &&
        has_such_instance(environment, group))
        return FEASIBLE_YES;
    FeasibleResult result = feasible_job(runnable_group_template(group)->effective,
                                         room_feasible(pass, environment), 1, why, NULL);
    if (result != FEASIBLE_NO && !room_suits(pass, room, group->kind)) {
        if (why)
            g_string_append(why, kind->architecture ? "has instance types of another architecture"
                                                    : "does not run jobs of this kind");
        return FEASIBLE_NO;
    }
    return result;
}

/* ---- parking ---- */

/* Batch's words for what can never run (batch: "Blocked queues"). */
static const char *blocked_text(BlockedReason blocked)
{
    switch (blocked) {
    case BLOCKED_MAX_RESOURCE:
        return "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
               "cannot meet the CPU requirement of the job. ";
    case BLOCKED_RESOURCE_REQUIREMENT:
        return "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) "
               "is higher than that can be met by the CE(s) attached to the job queue. ";
    case BLOCKED_NONE:
    case BLOCKED_INSUFFICIENT_CAPACITY:
    case BLOCKED_INSTANCE_CONFIGURATION:
    case BLOCKED_SERVICE_ROLE_PERMISSIONS:
    case BLOCKED_ACTION_REQUIRED:
    case BLOCKED_UNDETERMINED: break;
    }
    return "";
}

static bool group_judge(Pass *pass, const QueueWalk *walk, RunnableGroup *group, GString *text,
                        BlockedReason *ret_blocked)
{
    bool all_max = true, all_kind = true;
    for (size_t i = 0; i < walk->rooms_len; i++) {
        Room *room = walk->rooms[i];
        bool above;
        if (i > 0)
            g_string_append(text, "; ");
        if (room && walk->rooms_len > 1)
            g_string_append_printf(text, "%s: ", room->environment->resource->name);
        if (!room || room_can_ever(pass, room, group, text, &above) != FEASIBLE_NO)
            return false;
        all_max = all_max && above;
        all_kind = all_kind && !room_suits(pass, room, group->kind);
    }
    *ret_blocked = all_kind  ? BLOCKED_UNDETERMINED
                   : all_max ? BLOCKED_MAX_RESOURCE
                             : BLOCKED_RESOURCE_REQUIREMENT;
    return walk->rooms_len > 0;
}

bool pass_parks(Pass *pass, const QueueWalk *walk, RunnableGroup *group)
{
    Decisions *decisions = pass->decisions;
    uint64_t feasibility = world_feasibility(pass->world);
    if (group->judged == feasibility)
        return false;
    g_autoptr(GString) text = g_string_new(NULL);
    BlockedReason blocked;
    if (!group_judge(pass, walk, group, text, &blocked)) {
        group->judged = feasibility;
        return false;
    }
    g_string_prepend(text, blocked_text(blocked));
    decisions->parked = pass_grow(pass, decisions->parked, decisions->parked_len, &pass->parked_max,
                                  sizeof *decisions->parked);
    decisions->parked[decisions->parked_len++] =
        (Parked){group, blocked, arena_strndup(pass->arena, text->str, text->len)};
    return true;
}

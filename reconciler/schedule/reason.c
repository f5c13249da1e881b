#include "reconciler/schedule/reason.h"
#include "reconciler/schedule/pass.h"
#include "spec/base/units.h"

static void append_vcpus(GString *text, int64_t vcpus_e4)
{
    g_autofree char *number = decimal_print(MAX(vcpus_e4, 0));
    g_string_append(text, number);
}

static void append_number(GString *text, int64_t value)
{
    g_autofree char *number = integer_human(MAX(value, 0));
    g_string_append(text, number);
}

/* "waits for 2 vCPU; 0 of 2 free" */
static void append_vcpus_short(GString *text, int64_t need_e4, int64_t free_e4, int64_t total_e4)
{
    g_string_append(text, "waits for ");
    append_vcpus(text, need_e4);
    g_string_append(text, " vCPU; ");
    append_vcpus(text, free_e4);
    g_string_append(text, " of ");
    append_vcpus(text, total_e4);
    g_string_append(text, " free");
}

static void append_number_short(GString *text, int64_t need, int64_t free, int64_t total, const char *unit)
{
    g_string_append(text, "waits for ");
    append_number(text, need);
    g_string_append_printf(text, " %s; ", unit);
    append_number(text, free);
    g_string_append(text, " of ");
    append_number(text, total);
    g_string_append_printf(text, "%s free", strcmp(unit, "MiB") == 0 ? " MiB" : "");
}

static void append_machine(GString *text, const Instance *machine, const Capacity *need)
{
    if (need->vcpus_e4 > machine->free.vcpus_e4)
        append_vcpus_short(text, need->vcpus_e4, machine->free.vcpus_e4, machine->total.vcpus_e4);
    else if (need->memory_mib > machine->free.memory_mib)
        append_number_short(text, need->memory_mib, machine->free.memory_mib, machine->total.memory_mib,
                            "MiB");
    else if (need->gpus > machine->free.gpus)
        append_number_short(text, need->gpus, machine->free.gpus, machine->total.gpus, "GPU");
    else
        g_string_append(text, "waits for its turn");
}

static void append_closed(GString *text, const Pass *pass, const Room *room)
{
    const Environment *environment = room->environment;
    const char *name = environment->resource->name;
    unsigned providers = pass->options->providers;
    if (!environment->spec->enabled)
        g_string_append_printf(text, "compute environment %s is DISABLED", name);
    else if (environment->resource->phase == RESOURCE_REPLACING)
        g_string_append_printf(text, "compute environment %s is being replaced", name);
    else if (environment->is_refused)
        g_string_append_printf(text, "compute environment %s is not made: %s", name,
                               environment->unmade ? environment->unmade : "refused");
    else if (providers && !(providers >> environment->provider & 1))
        g_string_append_printf(text, "provider %s of compute environment %s is not available here",
                               provider_type_name(environment->provider), name);
    else
        g_string_append_printf(text, "waits for provider %s of compute environment %s to report%s%s",
                               provider_type_name(environment->provider), name,
                               environment->unmade ? ": " : "",
                               environment->unmade ? environment->unmade : "");
}

static void append_fleet(GString *text, const Room *room, const Capacity *need)
{
    const Environment *environment = room->environment;
    if (fleet_find(environment->fleet, *need, FLEET_ANY)) {
        g_string_append(text, "waits for its turn");
    } else if (fleet_len(environment->coming) > 0 && fleet_find(environment->coming, *need, FLEET_ANY)) {
        g_string_append(text, "waits for an instance that is starting");
    } else if (environment->instances == 0) {
        g_string_append(text, "waits for an instance; there is none yet");
    } else {
        g_string_append(text, "waits for ");
        append_vcpus(text, need->vcpus_e4);
        g_string_append(text, " vCPU, ");
        append_number(text, need->memory_mib);
        g_string_append(text, " MiB");
        if (need->gpus > 0)
            g_string_append_printf(text, ", %" G_GINT64_FORMAT " GPU", need->gpus);
        g_string_append_printf(text, " on one instance; none of %" G_GSIZE_FORMAT " has that free",
                               environment->instances);
    }
}

void room_append_reason(Pass *pass, Room *room, const RunnableGroup *group, GString *text)
{
    const Capacity all = room_need(pass, room, group), *need = &all;
    bool above;
    if (!room->open || (room->type == ROOM_MACHINE && !room->fleet)) {
        append_closed(text, pass, room);
    } else if (room_can_ever(pass, room, group, NULL, &above) == FEASIBLE_NO) {
        room_can_ever(pass, room, group, text, &above);
    } else if (room->left_e4 < need->vcpus_e4) {
        append_vcpus_short(text, need->vcpus_e4, room->left_e4,
                           room->environment->spec->max_vcpus * DECIMAL_SCALE);
        g_string_append(text, " (maxvCpus)");
    } else if (room->type == ROOM_MACHINE) {
        append_machine(text, pass->machine, need);
    } else if (room->type == ROOM_FLEET) {
        append_fleet(text, room, need);
    } else {
        g_string_append(text, "waits for its turn");
    }
}

char *waiting_reason(World *world, unsigned providers, RunnableGroup *group)
{
    if (group->parked)
        return g_strdup(group->reason);
    g_autoptr(Arena) arena = arena_new();
    ScheduleOptions options = {.providers = providers};
    Pass pass;
    pass_init(&pass, world, &options, arena, NULL);
    const Queue *queue = group->share->queue;
    size_t len;
    Environment *const *environments = queue_environments(world, queue, &len);
    g_autoptr(GString) text = g_string_new(len > 0 ? NULL : "the job queue has no compute environment");
    for (size_t i = 0; i < len; i++) {
        Room *room = environments[i] ? pass_room(&pass, environments[i]) : NULL;
        if (i > 0)
            g_string_append(text, "; ");
        if (!room) {
            g_string_append_printf(text, "compute environment %s does not exist",
                                   queue->spec->compute_environments[i]);
            continue;
        }
        if (len > 1 && room->open)
            g_string_append_printf(text, "%s: ", queue->spec->compute_environments[i]);
        room_append_reason(&pass, room, group, text);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

#include "reconciler/schedule/place.h"
#include "spec/base/units.h"

/* Why one environment does not take a job. */
typedef enum {
    FIT_NOW,
    FIT_BUSY,     /* the machine is full */
    FIT_LIMIT,    /* maxvCpus is used up */
    FIT_HELD,     /* room is kept for a job that waits longer */
    FIT_CLOSED,   /* disabled, being replaced, not ready, not of this machine */
    FIT_MISSING,  /* no such environment */
    FIT_MACHINE,  /* never: larger than the machine */
    FIT_MAXVCPUS, /* never: larger than maxvCpus */
    FIT_KIND      /* never: needs what processes do not have */
} Fit;

void room_init(Room *room, const World *world, Arena *arena)
{
    const Instance *local = world_local_instance(world);
    *room = (Room){.world = world,
                   .local = local,
                   .free_vcpus_e4 = local ? local->free.vcpus_e4 : 0,
                   .free_memory_mib = local ? local->free.memory_mib : 0,
                   .free_gpus = local ? local->free.gpus : 0,
                   .arena = arena};
}

static EnvironmentUse *room_use(Room *room, const Environment *environment)
{
    for (size_t i = 0; i < room->uses_len; i++)
        if (room->uses[i].environment == environment)
            return &room->uses[i];
    return NULL;
}

static int64_t environment_free_e4(Room *room, const Environment *environment)
{
    const EnvironmentUse *use = room_use(room, environment);
    int64_t limit = environment->spec->max_vcpus * DECIMAL_SCALE;
    return limit - environment->used_vcpus_e4 - (use ? use->vcpus_e4 : 0);
}

static Fit fit_local(Room *room, const Environment *environment, const JobDefinitionSpec *job)
{
    const Instance *local = room->local;
    const ResourceNeed *need = &job->need;
    if (!job->command || !job->command[0] || (job->beyond_process && job->beyond_process[0]))
        return FIT_KIND;
    if (!local)
        return FIT_CLOSED;
    if (need->vcpus_e4 > local->total.vcpus_e4 || need->memory_mib > local->total.memory_mib ||
        need->gpus > local->total.gpus)
        return FIT_MACHINE;
    if (environment->spec->max_vcpus > 0 && need->vcpus_e4 > environment->spec->max_vcpus * DECIMAL_SCALE)
        return FIT_MAXVCPUS;
    if (environment->spec->max_vcpus > 0 && need->vcpus_e4 > environment_free_e4(room, environment))
        return FIT_LIMIT;
    if (need->vcpus_e4 > room->free_vcpus_e4 || need->memory_mib > room->free_memory_mib ||
        need->gpus > room->free_gpus)
        return FIT_BUSY;
    return room->held ? FIT_HELD : FIT_NOW;
}

/* An environment that is being deleted goes on serving the queues that still list it: they drain through it.
 */
static Fit fit_find(Room *room, const Environment *environment, const JobDefinitionSpec *job)
{
    if (!environment)
        return FIT_MISSING;
    if (!environment->spec->enabled || environment->resource->phase == RESOURCE_REPLACING ||
        environment->provider != PROVIDER_LOCAL)
        return FIT_CLOSED;
    return fit_local(room, environment, job);
}

static void room_take(Room *room, Environment *environment, const ResourceNeed *need)
{
    EnvironmentUse *use = room_use(room, environment);
    if (!use) {
        if (room->uses_len == room->uses_max) {
            size_t max = room->uses_max ? 2 * room->uses_max : 8;
            EnvironmentUse *grown = arena_new0_n(room->arena, EnvironmentUse, max);
            if (room->uses_len > 0)
                memcpy(grown, room->uses, room->uses_len * sizeof *grown);
            room->uses = grown;
            room->uses_max = max;
        }
        use = &room->uses[room->uses_len++];
        *use = (EnvironmentUse){.environment = environment};
    }
    use->vcpus_e4 += need->vcpus_e4;
    room->free_vcpus_e4 -= need->vcpus_e4;
    room->free_memory_mib -= need->memory_mib;
    room->free_gpus -= need->gpus;
}

static bool fit_is_never(Fit fit)
{
    return fit == FIT_MACHINE || fit == FIT_MAXVCPUS || fit == FIT_KIND;
}

PlaceResult place_find(Room *room, const Queue *queue, const JobTemplate *template,
                       Environment **ret_environment)
{
    bool any = false, never = true;
    for (char **name = queue->spec->compute_environments; name && *name; name++) {
        Environment *environment = world_environment(room->world, view_from(*name));
        Fit fit = fit_find(room, environment, template->effective);
        if (fit == FIT_NOW) {
            room_take(room, environment, &template->effective->need);
            *ret_environment = environment;
            return PLACE_NOW;
        }
        any = true;
        never = never && fit_is_never(fit);
    }
    return any && never ? PLACE_NEVER : PLACE_LATER;
}

bool place_wants_machine(Room *room, const Queue *queue, const JobTemplate *template)
{
    for (char **name = queue->spec->compute_environments; name && *name; name++) {
        Fit fit = fit_find(room, world_environment(room->world, view_from(*name)), template->effective);
        if (fit == FIT_BUSY)
            return true;
    }
    return false;
}

/* ---- words ---- */

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

/* "2 vCPU; 0 of 2 free": the first thing that is short. */
static void append_short(GString *text, const ResourceNeed *need, int64_t free_vcpus_e4, int64_t vcpus_e4,
                         const Room *room)
{
    g_string_append(text, "waits for ");
    if (need->vcpus_e4 > free_vcpus_e4) {
        append_vcpus(text, need->vcpus_e4);
        g_string_append(text, " vCPU; ");
        append_vcpus(text, free_vcpus_e4);
        g_string_append(text, " of ");
        append_vcpus(text, vcpus_e4);
    } else if (need->memory_mib > room->free_memory_mib) {
        append_number(text, need->memory_mib);
        g_string_append(text, " MiB; ");
        append_number(text, room->free_memory_mib);
        g_string_append(text, " of ");
        append_number(text, room->local->total.memory_mib);
        g_string_append(text, " MiB");
    } else {
        append_number(text, need->gpus);
        g_string_append(text, " GPU; ");
        append_number(text, room->free_gpus);
        g_string_append(text, " of ");
        append_number(text, room->local->total.gpus);
    }
    g_string_append(text, " free");
}

static void append_machine(GString *text, const ResourceNeed *need, const Instance *local)
{
    g_string_append(text, "needs ");
    if (need->vcpus_e4 > local->total.vcpus_e4) {
        append_vcpus(text, need->vcpus_e4);
        g_string_append(text, " vCPU; this machine has ");
        append_vcpus(text, local->total.vcpus_e4);
    } else if (need->memory_mib > local->total.memory_mib) {
        append_number(text, need->memory_mib);
        g_string_append(text, " MiB; this machine offers ");
        append_number(text, local->total.memory_mib);
        g_string_append(text, " MiB");
    } else {
        append_number(text, need->gpus);
        g_string_append(text, " GPU; this machine has ");
        append_number(text, local->total.gpus);
    }
}

static void append_closed(GString *text, const Environment *environment)
{
    const char *name = environment->resource->name;
    if (!environment->spec->enabled)
        g_string_append_printf(text, "compute environment %s is DISABLED", name);
    else if (environment->resource->phase == RESOURCE_REPLACING)
        g_string_append_printf(text, "compute environment %s is being replaced", name);
    else if (environment->provider != PROVIDER_LOCAL)
        g_string_append_printf(text, "provider %s of compute environment %s is not available here",
                               provider_type_name(environment->provider), name);
    else
        g_string_append_printf(text, "waits for provider local of compute environment %s to report", name);
}

static void append_kind(GString *text, const JobDefinitionSpec *job)
{
    if (!job->command || !job->command[0]) {
        g_string_append(text, "has no command, and provider local does not run images");
        return;
    }
    g_autofree char *members = g_strjoinv(", ", job->beyond_process);
    g_string_append_printf(text, "uses %s, which provider local does not support", members);
}

static void append_fit(GString *text, Room *room, const char *name, const Environment *environment,
                       const JobDefinitionSpec *job, Fit fit)
{
    const ResourceNeed *need = &job->need;
    switch (fit) {
    case FIT_NOW: g_string_append(text, "can start"); break;
    case FIT_BUSY: append_short(text, need, room->free_vcpus_e4, room->local->total.vcpus_e4, room); break;
    case FIT_LIMIT:
        append_short(text, need, environment_free_e4(room, environment),
                     environment->spec->max_vcpus * DECIMAL_SCALE, room);
        g_string_append(text, " (maxvCpus)");
        break;
    case FIT_HELD: g_string_append(text, "waits behind a job that has waited longer"); break;
    case FIT_CLOSED: append_closed(text, environment); break;
    case FIT_MISSING: g_string_append_printf(text, "compute environment %s does not exist", name); break;
    case FIT_MACHINE: append_machine(text, need, room->local); break;
    case FIT_MAXVCPUS:
        g_string_append(text, "needs ");
        append_vcpus(text, need->vcpus_e4);
        g_string_append_printf(text, " vCPU; maxvCpus is %" G_GINT64_FORMAT, environment->spec->max_vcpus);
        break;
    case FIT_KIND: append_kind(text, job); break;
    }
}

/* Batch's words for what can never run (batch: "Blocked queues"). */
static const char *never_prefix(bool all_maxvcpus)
{
    return all_maxvcpus
               ? "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
                 "cannot meet the CPU requirement of the job. "
               : "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) "
                 "is higher than that can be met by the CE(s) attached to the job queue. ";
}

const char *place_reason(Room *room, const Queue *queue, const JobTemplate *template, PlaceResult result)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char **names = queue->spec->compute_environments;
    size_t len = names ? g_strv_length(names) : 0;
    bool all_maxvcpus = len > 0, all_kind = len > 0;
    for (size_t i = 0; i < len; i++) {
        const Environment *environment = world_environment(room->world, view_from(names[i]));
        Fit fit = fit_find(room, environment, template->effective);
        if (i > 0)
            g_string_append(text, "; ");
        if (len > 1 && fit != FIT_CLOSED && fit != FIT_MISSING)
            g_string_append_printf(text, "%s: ", names[i]);
        append_fit(text, room, names[i], environment, template->effective, fit);
        all_maxvcpus = all_maxvcpus && fit == FIT_MAXVCPUS;
        all_kind = all_kind && fit == FIT_KIND;
    }
    if (len == 0)
        g_string_append(text, "the job queue has no compute environment");
    if (result == PLACE_NEVER && !all_kind)
        g_string_prepend(text, never_prefix(all_maxvcpus));
    return arena_strndup(room->arena, text->str, text->len);
}

/* explain_room.c: what each environment of the queue says of the job, with numbers. */
#include "reconciler/scale/strategy.h"
#include "reconciler/schedule/explain_internal.h"
#include "spec/base/units.h"

#define ENDS_MAX   512  /* that are looked at for a release */
#define BOOTS_MAX  32   /* hosts that are looked at for how long they take to boot */
#define COMING_MAX 1000 /* instances on their way that are looked at */

/* ---- when ---- */

int64_t explain_boot_ms(const Environment *environment)
{
    int64_t most_ms = 0;
    int looked_at = 0;
    for (const Instance *instance = environment_instance_next(environment, NULL);
         instance && looked_at < BOOTS_MAX;
         instance = environment_instance_next(environment, instance), looked_at++)
        if (instance->registered_ms > instance->intended_ms)
            most_ms = MAX(most_ms, instance->registered_ms - instance->intended_ms);
    return most_ms;
}

static Capacity capacity_add(Capacity a, const Launch *launch)
{
    return (Capacity){a.vcpus_e4 + launch->held.vcpus_e4, a.memory_mib + launch->held.memory_mib,
                      a.gpus + launch->held.gpus};
}

/* What has ended on each host so far; a table for looking up only. */
typedef struct {
    const Instance *instance;
    Capacity free;
} Freed;

static Capacity *freed_of(Freed *table, const Instance *instance)
{
    size_t at = ((uintptr_t)instance >> 4) * 2654435761u % (2 * ENDS_MAX);
    while (table[at].instance && table[at].instance != instance)
        at = (at + 1) % (2 * ENDS_MAX);
    if (!table[at].instance)
        table[at] = (Freed){instance, instance->free};
    return &table[at].free;
}

/* The first end after which a host, or what is left of maxvCpus, has the room. */
static int64_t release_ms(const Explain *explain, const Room *room)
{
    const Environment *environment = room->environment;
    Capacity need = room_need(&explain->pass, room, explain->group);
    int64_t left_e4 = room->left_e4, now_ms = explain->options->now_ms;
    Freed *table = arena_new0_n(explain->arena, Freed, 2 * ENDS_MAX);
    int looked_at = 0;
    for (const Launch *launch = environment_launch_next(environment, NULL, now_ms);
         launch && looked_at < ENDS_MAX;
         launch = environment_launch_next(environment, launch, now_ms), looked_at++) {
        if (left_e4 != INT64_MAX)
            left_e4 += launch->vcpus_e4;
        bool fits = room->type == ROOM_TASKS;
        if (launch->instance && (room->type == ROOM_MACHINE || instance_takes_tasks(launch->instance))) {
            Capacity *free = freed_of(table, launch->instance);
            *free = capacity_add(*free, launch);
            fits = capacity_covers(*free, need);
        }
        if (launch->instance == NULL && room->type == ROOM_MACHINE)
            fits = capacity_covers(explain->pass.machine->free, need);
        if (fits && left_e4 >= need.vcpus_e4)
            return launch_end_ms(launch);
    }
    return 0;
}

/* ---- texts ---- */

static const char *closed_text(Explain *explain, Room *room)
{
    g_autoptr(GString) text = g_string_new(NULL);
    room_append_reason(&explain->pass, room, explain->group, text);
    return arena_strndup(explain->arena, text->str, text->len);
}

static const char *unmet_text(Explain *explain, const ExplainGrowth *growth)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unmet_append_text(&growth->unmet, growth->type, growth->currency, text);
    return arena_strndup(explain->arena, text->str, text->len);
}

static const char *hosts_text(Explain *explain, const Room *room)
{
    const Environment *environment = room->environment;
    if (environment->instances == 0)
        return "no instance yet";
    return explain_print(explain,
                         "full: %s of %" G_GINT64_FORMAT " vCPU used on %" G_GSIZE_FORMAT
                         " instance%s, none has %s free",
                         explain_vcpus(explain, environment->used_vcpus_e4), environment->instance_vcpus,
                         environment->instances, environment->instances == 1 ? "" : "s",
                         explain_need(explain, explain->group->need));
}

/* ---- verdicts ---- */

static bool has_empties(const Explain *explain, const Room *room)
{
    const Instance *instance = NULL;
    int64_t len = 0;
    while (len < explain->kind->nodes &&
           (instance = fleet_find_empty(room->fleet, explain->group->need, explain->kind->node_instance_type,
                                        instance)))
        len++;
    return len == explain->kind->nodes;
}

static bool fits_now(Explain *explain, Room *room, const char **ret_note)
{
    Capacity need = room_need(&explain->pass, room, explain->group);
    *ret_note = NULL;
    if (room->left_e4 < need.vcpus_e4)
        return false;
    if (room->type == ROOM_TASKS)
        return true;
    if (!room->fleet)
        return false;
    if (room->type == ROOM_MACHINE)
        return capacity_covers(explain->pass.machine->free, need);
    if (explain->kind->nodes > 1)
        return has_empties(explain, room);
    if (need.gpus > 0)
        return fleet_find(room->fleet, need, FLEET_GPU_HOSTS);
    if (fleet_find(room->fleet, need, FLEET_NO_GPU_HOSTS))
        return true;
    if (!fleet_find(room->fleet, need, FLEET_GPU_HOSTS))
        return false;
    QueueWalk walk = {.queue = explain->job->queue, .rooms = &room, .rooms_len = 1, .left_e4 = INT64_MAX};
    Place place;
    if (explain->kind->consumables_len == 0 &&
        place_find(&explain->pass, &walk, explain->group, INT64_MAX, 1, &place) == PLACE_NOW)
        return true;
    *ret_note = "room only on instances with GPUs, which are kept for jobs that want some";
    return false;
}

/* Those asked for that are large enough: how many, and when the first of them was. */
static size_t coming_count(const Explain *explain, const Room *room, int64_t *ret_asked_ms)
{
    const Fleet *coming = room->environment->coming;
    Capacity need = explain->group->need;
    size_t len = 0, looked_at = 0;
    *ret_asked_ms = 0;
    if (fleet_len(coming) == 0 || explain->kind->nodes > 1 ||
        !fleet_find(coming, need, need.gpus > 0 ? FLEET_GPU_HOSTS : FLEET_ANY))
        return 0;
    for (const Instance *instance = fleet_next(coming, NULL); instance && looked_at < COMING_MAX;
         instance = fleet_next(coming, instance), looked_at++) {
        if (!capacity_covers(instance->free, need))
            continue;
        len++;
        if (*ret_asked_ms == 0 || instance->intended_ms < *ret_asked_ms)
            *ret_asked_ms = instance->intended_ms;
    }
    return len;
}

static void judge_max(Explain *explain, const Room *room, ExplainRoom *out)
{
    out->verdict = EXPLAIN_MAX;
    out->text = explain_print(
        explain, "at maxvCpus: %s of %" G_GINT64_FORMAT " vCPU used, %s needed",
        explain_vcpus(explain, room->environment->used_vcpus_e4), room->environment->spec->max_vcpus,
        explain_vcpus(explain, room_need(&explain->pass, room, explain->group).vcpus_e4));
}

static void judge_machine_full(Explain *explain, Room *room, ExplainRoom *out)
{
    out->verdict = EXPLAIN_FULL;
    out->text = closed_text(explain, room);
}

static void judge_growth(Explain *explain, Room *room, const ExplainGrowth *growth, ExplainRoom *out)
{
    const Environment *environment = room->environment;
    int64_t room_e4 = scale_growth_room_e4(environment->spec, environment->instance_vcpus * DECIMAL_SCALE);
    if (growth->refused && growth->unmet.reason != UNMET_AT_MAX_VCPUS &&
        growth->unmet.reason != UNMET_LATER) {
        out->verdict = EXPLAIN_NO_GROWTH;
        out->text = unmet_text(explain, growth);
        out->until_ms = growth->unmet.until_ms;
    } else if (growth->trouble != BLOCKED_NONE) {
        out->verdict = EXPLAIN_NO_GROWTH;
        out->text = explain_blocked_text(growth->trouble);
    } else if (room_e4 <= 0) {
        out->verdict = EXPLAIN_MAX;
        out->text = explain_print(
            explain, "%s; its instances are at maxvCpus: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
            hosts_text(explain, room), environment->instance_vcpus, environment->spec->max_vcpus);
    } else {
        out->verdict = EXPLAIN_BUYS;
        out->text = explain_print(explain, "%s; an instance is bought when its turn comes",
                                  hosts_text(explain, room));
    }
}

static void judge_waiting(Explain *explain, size_t index, Room *room, ExplainRoom *out, const char *note)
{
    int64_t now_ms = explain->options->now_ms;
    size_t coming = room->type == ROOM_FLEET ? coming_count(explain, room, &out->asked_ms) : 0;
    if (coming > 0) {
        g_autofree char *ago = duration_human(MAX(now_ms - out->asked_ms, 0));
        out->verdict = EXPLAIN_COMING;
        out->text =
            explain_print(explain, "%" G_GSIZE_FORMAT " instance%s that can hold it coming, asked for %s ago",
                          coming, coming == 1 ? "" : "s", ago);
    } else if (room->left_e4 < room_need(&explain->pass, room, explain->group).vcpus_e4) {
        judge_max(explain, room, out);
    } else if (room->type == ROOM_MACHINE) {
        judge_machine_full(explain, room, out);
    } else if (explain->buys[index]) {
        judge_growth(explain, room, &explain->growths[index], out);
    } else {
        out->verdict = EXPLAIN_FULL;
        out->text = hosts_text(explain, room);
    }
    if (note)
        out->text = explain_print(explain, "%s; %s", out->text, note);
    bool is_one = explain->kind->nodes == 1 || room->type == ROOM_MACHINE;
    out->free_ms = is_one ? release_ms(explain, room) : 0;
}

/* Whose hold may keep the room: the head of a queue that is served here, the most important first. */
static const Job *holder(const Explain *explain, const Environment *environment)
{
    size_t len, list_len;
    Queue *const *queues = world_queues(explain->pass.world, &len);
    for (size_t i = 0; i < len; i++) {
        Environment *const *list = queue_environments(explain->pass.world, queues[i], &list_len);
        bool lists = false;
        for (size_t at = 0; at < list_len; at++)
            lists = lists || list[at] == environment;
        for (const Share *share = lists && queues[i]->groups > 0 ? share_next(queues[i], NULL) : NULL; share;
             share = share_next(queues[i], share)) {
            RunnableGroup *group = share_group_next(share, NULL, NULL, NULL);
            const Job *job = group ? world_job_by_sequence(explain->pass.world, group->sequence) : NULL;
            if (job && job != explain->job)
                return job;
        }
    }
    return NULL;
}

static void judge_free(Explain *explain, const Room *room, ExplainRoom *out)
{
    out->verdict = EXPLAIN_FREE;
    const Job *other = explain->out->ahead > 0 ? NULL : holder(explain, room->environment);
    char id[37];
    if (explain_is_limited(explain)) {
        out->text = "has room; that is not what it waits for";
    } else if (explain->out->ahead > 0) {
        out->text = "has room; those ahead of it come first";
    } else if (other && explain->options->now_ms - explain->job->runnable_ms > 0) {
        job_id_to_text(&other->id, id);
        out->text =
            explain_print(explain, "has room; it may be kept for job %s, which waits at a queue's head", id);
    } else {
        out->text = "has room: the next pass takes it";
    }
}

static void judge_expected(const Explain *explain, const Room *room, ExplainRoom *out)
{
    int64_t now_ms = explain->options->now_ms, boot_ms;
    switch (out->verdict) {
    case EXPLAIN_FREE: out->expected_ms = now_ms; break;
    case EXPLAIN_COMING:
        boot_ms = explain_boot_ms(room->environment);
        out->expected_ms = boot_ms > 0 ? MAX(out->asked_ms + boot_ms, now_ms) : out->free_ms;
        break;
    case EXPLAIN_BUYS:
        boot_ms = explain_boot_ms(room->environment);
        out->expected_ms = boot_ms > 0 ? now_ms + boot_ms : out->free_ms;
        if (out->free_ms > 0)
            out->expected_ms = MIN(out->expected_ms, out->free_ms);
        break;
    case EXPLAIN_FULL:
    case EXPLAIN_MAX:
    case EXPLAIN_NO_GROWTH: out->expected_ms = out->free_ms; break;
    case EXPLAIN_UNKNOWN:
    case EXPLAIN_CLOSED:
    case EXPLAIN_NEVER: break;
    }
}

/* What is there, or comes, and is large enough: the catalogue's estimate does not count then. */
static bool has_such_size(const Fleet *fleet, Capacity need)
{
    Capacity total;
    for (size_t at = 0; fleet && fleet_total_next(fleet, &at, &total);)
        if (capacity_covers(total, need))
            return true;
    return false;
}

/* As room_can_ever(), which looks at every instance: that is left for what seems to be impossible. */
static FeasibleResult can_ever(Explain *explain, Room *room, GString *why)
{
    Environment *environment = room->environment;
    bool above = environment->spec->max_vcpus > 0 &&
                 explain->group->need.vcpus_e4 > environment->spec->max_vcpus * DECIMAL_SCALE;
    bool suits = room_suits(&explain->pass, room, explain->group->kind);
    if (room->type == ROOM_FLEET && suits && !above && explain->kind->nodes == 1 &&
        has_such_size(room->fleet, explain->group->need))
        return FEASIBLE_YES;
    const FeasibleEnvironment *derived = environment->derived;
    if (derived && derived->provider == environment->provider && suits && room->type == ROOM_FLEET) {
        FeasibleResult result = feasible_job(explain->effective, derived, 1, NULL, NULL);
        if (result != FEASIBLE_NO)
            return result;
    }
    return room_can_ever(&explain->pass, room, explain->group, why, &above);
}

static void judge(Explain *explain, size_t index, Room *room, ExplainRoom *out)
{
    g_autoptr(GString) why = g_string_new(NULL);
    const char *note;
    if (!room->open || (room->type == ROOM_MACHINE && !room->fleet)) {
        out->verdict = EXPLAIN_CLOSED;
        out->text = closed_text(explain, room);
        return;
    }
    FeasibleResult can = can_ever(explain, room, why);
    if (can == FEASIBLE_NO) {
        out->verdict = EXPLAIN_NEVER;
        out->text = arena_strndup(explain->arena, why->str, why->len);
        return;
    }
    if (fits_now(explain, room, &note)) {
        judge_free(explain, room, out);
    } else if (can == FEASIBLE_UNKNOWN && room->type == ROOM_FLEET && !explain->buys[index] &&
               !has_such_size(room->fleet, explain->group->need)) {
        out->verdict = EXPLAIN_UNKNOWN;
        out->text = explain_print(explain, "no instance with %s is there; muster does not buy any here",
                                  explain_need(explain, explain->group->need));
    } else {
        judge_waiting(explain, index, room, out, note);
    }
    judge_expected(explain, room, out);
}

/* Without an engine to ask: by what the environment says of itself. */
static bool buys_by_spec(const Room *room)
{
    const ComputeEnvironmentSpec *spec = room->environment->spec;
    return room->type == ROOM_FLEET && (spec->type == CE_TYPE_EC2 || spec->type == CE_TYPE_SPOT);
}

static void growth_ask(Explain *explain, size_t index, const Room *room)
{
    const ExplainOptions *options = explain->options;
    if (!options->growth)
        explain->buys[index] = buys_by_spec(room);
    else
        explain->buys[index] =
            options->growth(room->environment, explain->group, &explain->growths[index], options->data);
}

void explain_rooms(Explain *explain)
{
    Explanation *out = explain->out;
    const Queue *queue = explain->job->queue;
    Environment *const *environments = queue_environments(explain->pass.world, queue, &out->rooms_len);
    out->rooms = arena_new0_n(explain->arena, ExplainRoom, out->rooms_len + 1);
    explain->rooms = arena_new0_n(explain->arena, Room *, out->rooms_len + 1);
    explain->growths = arena_new0_n(explain->arena, ExplainGrowth, out->rooms_len + 1);
    explain->buys = arena_new0_n(explain->arena, bool, out->rooms_len + 1);
    out->never = out->rooms_len > 0;
    if (out->rooms_len == 0)
        out->queue_note = "the queue has no compute environment";
    for (size_t i = 0; i < out->rooms_len; i++) {
        out->rooms[i] = (ExplainRoom){.name = queue->spec->compute_environments[i],
                                      .verdict = EXPLAIN_CLOSED,
                                      .text = "there is no such compute environment"};
        Room *room = environments[i] ? pass_room(&explain->pass, environments[i]) : NULL;
        explain->rooms[i] = room;
        if (room) {
            growth_ask(explain, i, room);
            judge(explain, i, room, &out->rooms[i]);
        }
        out->never = out->never && out->rooms[i].verdict == EXPLAIN_NEVER;
    }
}

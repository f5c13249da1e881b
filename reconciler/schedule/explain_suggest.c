/* explain_suggest.c: the smallest changes with which the job would run, each tried on changed specs.
 *
 * Two things can be in its way: limits that hold wherever it goes (consumable resources, its share), and the
 * environments. What the first needs is added to every change of the second. */
#include "reconciler/scale/strategy.h"
#include "reconciler/schedule/explain_internal.h"
#include "spec/base/units.h"

/* How much a change asks for, for their order: people rather lower a need by a little than buy more. */
enum { SIZE_LITTLE = 10, SIZE_SETTING = 20, SIZE_TYPE = 30, SIZE_LIMIT = 40, SIZE_JOB = 100 };

/* More of them are not raised in one change. */
#define CONSUMABLES_MAX 2

/* An environment, and the job, as they would be. */
typedef struct {
    Room *room;
    ComputeEnvironmentSpec spec; /* shallow: what it points to is the environment's, or the arena's */
    ResourceNeed need;
} Trial;

/* ---- edits ---- */

static void edit_add(ExplainChange *change, const ExplainEdit *edit, int64_t size, const char *text,
                     Explain *explain)
{
    g_assert(change->edits_len < EXPLAIN_EDITS_MAX);
    change->edits[change->edits_len++] = *edit;
    change->size += size;
    change->text = change->text ? explain_print(explain, "%s and %s", change->text, text) : text;
}

static const char *json_number(Explain *explain, int64_t value)
{
    return explain_print(explain, "%" G_GINT64_FORMAT, value);
}

static void edit_enable(Explain *explain, Trial *trial, ExplainChange *change)
{
    const char *name = trial->room->environment->resource->name;
    trial->spec.enabled = true;
    edit_add(change, &(ExplainEdit){KIND_COMPUTE_ENVIRONMENT, name, "spec.state", "\"ENABLED\""},
             SIZE_SETTING, explain_print(explain, "enable ComputeEnvironment/%s", name), explain);
}

static void edit_max(Explain *explain, Trial *trial, ExplainChange *change, int64_t vcpus)
{
    const char *name = trial->room->environment->resource->name;
    ExplainEdit edit = {KIND_COMPUTE_ENVIRONMENT, name, "spec.computeResources.maxvCpus",
                        json_number(explain, vcpus)};
    trial->spec.max_vcpus = vcpus;
    for (size_t i = 0; i < change->edits_len; i++)
        if (change->edits[i].kind == edit.kind && strcmp(change->edits[i].path, edit.path) == 0) {
            change->edits[i] = edit;
            change->text = NULL; /* said anew by whoever knows the whole: see texts_again() */
            return;
        }
    edit_add(change, &edit, SIZE_LIMIT,
             explain_print(explain, "maxvCpus %" G_GINT64_FORMAT " of ComputeEnvironment/%s", vcpus, name),
             explain);
}

static void edit_type(Explain *explain, Trial *trial, ExplainChange *change, const InstanceType *type)
{
    const char *name = trial->room->environment->resource->name;
    char **before = trial->spec.instance_types;
    size_t len = before ? g_strv_length(before) : 0;
    char **after = arena_new0_n(explain->arena, char *, len + 3);
    json_t *list = json_array();
    for (size_t i = 0; i < len; i++)
        after[i] = before[i];
    if (len == 0) /* what is named by nothing */
        after[len++] = (char *)(uintptr_t) "default_x86_64";
    after[len] = (char *)(uintptr_t)type->name;
    for (size_t i = 0; i <= len; i++)
        json_array_append_new(list, json_string(after[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    trial->spec.instance_types = after;
    edit_add(change,
             &(ExplainEdit){KIND_COMPUTE_ENVIRONMENT, name, "spec.computeResources.instanceTypes",
                            arena_strndup(explain->arena, text, strlen(text))},
             SIZE_TYPE, explain_print(explain, "add %s to ComputeEnvironment/%s", type->name, name), explain);
    free(text);
    json_decref(list);
}

/* A number that was set twice is told once, as it is in the end. */
static void texts_again(Explain *explain, ExplainChange *change)
{
    if (change->text)
        return;
    for (size_t i = 0; i < change->edits_len; i++) {
        const ExplainEdit *edit = &change->edits[i];
        const char *text;
        if (g_str_has_suffix(edit->path, "maxvCpus"))
            text = explain_print(explain, "maxvCpus %s of %s/%s", edit->value, kind_name(edit->kind),
                                 edit->name);
        else if (g_str_has_suffix(edit->path, "state"))
            text = explain_print(explain, "enable %s/%s", kind_name(edit->kind), edit->name);
        else
            text = explain_print(explain, "%s %s of %s/%s", strrchr(edit->path, '.') + 1, edit->value,
                                 kind_name(edit->kind), edit->name);
        change->text = change->text ? explain_print(explain, "%s and %s", change->text, text) : text;
    }
}

/* ---- trying ---- */

static FeasibleResult trial_feasible(Explain *explain, const Trial *trial)
{
    const Environment *environment = trial->room->environment;
    ComputeEnvironmentSpec spec = trial->spec;
    JobDefinitionSpec effective = *explain->effective;
    LocalMachine machine = pass_machine(&explain->pass);
    spec.provider = environment->provider;
    effective.need = trial->need;
    FeasibleEnvironment feasible =
        feasible_environment(view_from(environment->resource->name), &spec, environment->provider, &machine);
    FeasibleResult result = feasible_job(&effective, &feasible, 1, NULL, NULL);
    feasible_environment_clear(&feasible);
    return result;
}

static bool fleet_has(const Fleet *fleet, Capacity need)
{
    return fleet && fleet_len(fleet) > 0 &&
           fleet_find(fleet, need, need.gpus > 0 ? FLEET_GPU_HOSTS : FLEET_NO_GPU_HOSTS);
}

/* Whether the environment may buy for this trial: room below maxvCpus behind what is ahead, and nothing else
 * that keeps it from buying. Trouble of the present types does not bind one that is new. */
static bool trial_buys(const Explain *explain, const Trial *trial, const ExplainGrowth *growth, bool new_type)
{
    const Environment *environment = trial->room->environment;
    int64_t room_e4 = scale_growth_room_e4(&trial->spec, environment->instance_vcpus * DECIMAL_SCALE);
    if (explain->out->ahead_more || room_e4 <= explain->ahead_vcpus_e4)
        return false;
    if (explain->kind->nodes > 1)
        return false;
    if (!growth->refused)
        return growth->trouble == BLOCKED_NONE;
    UnmetReason reason = growth->unmet.reason;
    return reason == UNMET_AT_MAX_VCPUS || reason == UNMET_ABOVE_MAX || reason == UNMET_LATER ||
           (new_type && reason == UNMET_NO_TYPE);
}

/* False: it could not even wait there. */
static bool trial_effect(Explain *explain, size_t index, const Trial *trial, bool new_type,
                         ExplainChange *change)
{
    Room *room = trial->room;
    Environment *environment = room->environment;
    bool single = explain->kind->nodes == 1 || room->type == ROOM_MACHINE;
    int64_t times = room->type == ROOM_MACHINE ? explain->kind->nodes : 1;
    Capacity need = {trial->need.vcpus_e4 * times, trial->need.memory_mib * times, trial->need.gpus * times};
    int64_t now_ms = explain->options->now_ms, left_e4 = INT64_MAX, boot_ms;
    if (!trial->spec.enabled || trial_feasible(explain, trial) != FEASIBLE_YES)
        return false;
    if (room->type != ROOM_FLEET && trial->spec.max_vcpus > 0)
        left_e4 = trial->spec.max_vcpus * DECIMAL_SCALE - environment->used_vcpus_e4;
    change->effect = EXPLAIN_WAITS;
    if (single && left_e4 >= need.vcpus_e4 &&
        (room->type == ROOM_TASKS ||
         (room->type == ROOM_MACHINE && explain->pass.machine &&
          capacity_covers(explain->pass.machine->free, need)) ||
         (room->type == ROOM_FLEET && fleet_has(room->fleet, need)))) {
        change->effect = EXPLAIN_STARTS;
        change->expected_ms = now_ms;
    } else if (single && room->type == ROOM_FLEET &&
               (fleet_has(environment->coming, need) ||
                (explain->buys[index] && trial_buys(explain, trial, &explain->growths[index], new_type)))) {
        change->effect = EXPLAIN_GETS_INSTANCE;
        boot_ms = explain_boot_ms(environment);
        change->expected_ms = boot_ms > 0 ? now_ms + boot_ms : 0;
    }
    change->environment = environment->resource->name;
    return true;
}

/* ---- limits that hold wherever it goes ---- */

/* False: no change can help (one does not exist), or it would be a long list. */
static bool limit_consumables(Explain *explain, ExplainChange *change)
{
    for (size_t i = 0; i < explain->out->consumables_len; i++) {
        const ExplainConsumable *at = &explain->out->consumables[i];
        if (!at->is_short)
            continue;
        if (!at->exists || change->edits_len >= CONSUMABLES_MAX)
            return false;
        int64_t total = at->in_use + at->used_up + at->need;
        edit_add(change,
                 &(ExplainEdit){KIND_CONSUMABLE_RESOURCE, at->name, "spec.totalQuantity",
                                json_number(explain, total)},
                 SIZE_LIMIT,
                 explain_print(explain, "totalQuantity %" G_GINT64_FORMAT " of ConsumableResource/%s", total,
                               at->name),
                 explain);
    }
    return true;
}

/* Where the rule that binds the share stands in the manifest: rules are sorted once they are decoded. */
static int limit_place(const Resource *policy, const char *identifier)
{
    json_t *root = json_loads(policy->spec, 0, NULL), *item;
    size_t i, best_len = 0;
    int best = -1;
    json_array_foreach(json_object_get(root, "shareLimits"), i, item)
    {
        const char *rule = json_string_value(json_object_get(item, "shareIdentifier"));
        size_t len = rule ? strlen(rule) : 0;
        if (rule && strcmp(rule, identifier) == 0) {
            best = (int)i;
            break;
        }
        if (len > 0 && rule[len - 1] == '*' && strncmp(rule, identifier, len - 1) == 0 && len > best_len) {
            best = (int)i;
            best_len = len;
        }
    }
    json_decref(root);
    return best;
}

static void limit_reservation(Explain *explain, const char *policy, int64_t need_e4, ExplainChange *change)
{
    const ExplainShare *share = explain->out->share;
    int64_t percent = explain->job->queue->policy->compute_reservation;
    int64_t wanted_e4 = share->queue_held_vcpus_e4 + explain->ahead_vcpus_e4 + need_e4, limit_e4;
    do
        limit_e4 = explain_queue_limit_e4(explain, --percent);
    while (percent > 0 && limit_e4 < wanted_e4);
    edit_add(change,
             &(ExplainEdit){KIND_SCHEDULING_POLICY, policy, "spec.fairsharePolicy.computeReservation",
                            json_number(explain, percent)},
             SIZE_LIMIT,
             explain_print(explain, "computeReservation %" G_GINT64_FORMAT " of SchedulingPolicy/%s", percent,
                           policy),
             explain);
}

static bool limit_share(Explain *explain, ExplainChange *change)
{
    const ExplainShare *share = explain->out->share;
    const char *policy = explain->job->queue->spec->scheduling_policy;
    int64_t need_e4 = explain->group->need.vcpus_e4 * explain->kind->nodes;
    const Resource *resource =
        policy ? world_resource(explain->pass.world, KIND_SCHEDULING_POLICY, view_from(policy)) : NULL;
    int place = resource ? limit_place(resource, share->identifier) : -1;
    if (share->is_at_limit && place >= 0) {
        int64_t wanted_e4 = share->held_vcpus_e4 + explain->ahead_vcpus_e4 + need_e4;
        int64_t vcpus = (wanted_e4 + DECIMAL_SCALE - 1) / DECIMAL_SCALE;
        edit_add(change,
                 &(ExplainEdit){KIND_SCHEDULING_POLICY, policy,
                                explain_print(explain, "spec.shareLimits[%d].maxvCpus", place),
                                json_number(explain, vcpus)},
                 SIZE_LIMIT,
                 explain_print(explain, "maxvCpus %" G_GINT64_FORMAT " for share %s in SchedulingPolicy/%s",
                               vcpus, share->identifier, policy),
                 explain);
    }
    if (share->is_at_reservation && resource)
        limit_reservation(explain, policy, need_e4, change);
    return (!share->is_at_limit || place >= 0) && (!share->is_at_reservation || resource);
}

/* ---- environments ---- */

static bool can_raise_max(const Trial *trial, bool buys)
{
    return trial->spec.max_vcpus > 0 && (trial->room->type != ROOM_FLEET || buys);
}

/* Up to what instances, or tasks, have now, what is ahead, and the job. */
static int64_t max_wanted(const Explain *explain, const Trial *trial)
{
    const Environment *environment = trial->room->environment;
    int64_t now_e4 = trial->room->type == ROOM_FLEET ? environment->instance_vcpus * DECIMAL_SCALE
                                                     : environment->used_vcpus_e4;
    int64_t wanted_e4 =
        now_e4 + explain->ahead_vcpus_e4 + trial->need.vcpus_e4 * explain->kind->nodes + DECIMAL_SCALE - 1;
    return MAX(wanted_e4 / DECIMAL_SCALE, trial->spec.max_vcpus + 1);
}

static const InstanceType *type_to_add(const Trial *trial)
{
    const FeasibleEnvironment *derived = trial->room->environment->derived;
    const InstanceType *first =
        derived && derived->types && derived->types->len ? derived->types->pdata[0] : NULL;
    TypeQuery query = {.need = trial->need,
                       .architecture = first ? first->architecture : ARCHITECTURE_X86_64,
                       .vcpus_max = strategy_may_exceed(&trial->spec) ? 0 : trial->spec.max_vcpus,
                       .spot = trial->spec.type == CE_TYPE_SPOT};
    const InstanceType *type = catalogue_cheapest_fit(&query);
    if (!type && query.vcpus_max > 0) {
        query.vcpus_max = 0;
        type = catalogue_cheapest_fit(&query);
    }
    return type;
}

/* The environment changes until the job can run there. False: nothing of it helps. */
static bool change_environment(Explain *explain, size_t index, ExplainChange *change)
{
    Room *room = explain->rooms[index];
    Trial trial = {.room = room, .spec = *room->environment->spec, .need = explain->effective->need};
    bool buys = explain->buys[index], added = false;
    int64_t total_e4 = trial.need.vcpus_e4 * explain->kind->nodes;
    size_t before = change->edits_len;
    if (!trial.spec.enabled)
        edit_enable(explain, &trial, change);
    if (trial.spec.max_vcpus > 0 && total_e4 > trial.spec.max_vcpus * DECIMAL_SCALE)
        edit_max(explain, &trial, change, (total_e4 + DECIMAL_SCALE - 1) / DECIMAL_SCALE);
    const InstanceType *type = NULL;
    if (buys && !explain->kind->node_instance_type && trial_feasible(explain, &trial) == FEASIBLE_NO) {
        type = type_to_add(&trial);
        if (!type)
            return false;
        edit_type(explain, &trial, change, type);
        added = true;
        if (trial_feasible(explain, &trial) == FEASIBLE_NO && trial.spec.max_vcpus > 0)
            edit_max(explain, &trial, change, MAX(type->vcpus * explain->kind->nodes, trial.spec.max_vcpus));
    }
    ExplainChange tried = *change;
    if (!trial_effect(explain, index, &trial, added, &tried))
        return false;
    if (tried.effect == EXPLAIN_WAITS && can_raise_max(&trial, buys) && !explain->out->ahead_more) {
        Trial more = trial;
        ExplainChange raised = *change;
        edit_max(explain, &more, &raised, max_wanted(explain, &more));
        if (trial_effect(explain, index, &more, added, &raised) && raised.effect != EXPLAIN_WAITS)
            tried = raised;
    }
    texts_again(explain, &tried);
    *change = tried;
    return tried.edits_len > before;
}

/* ---- the job ---- */

typedef struct {
    ResourceNeed need, best;
    int64_t best_cost; /* per mille of the need that goes; -1: none yet */
    int64_t max_vcpus; /* 0: any */
} Lower;

static int64_t lost(int64_t need, int64_t have)
{
    return need > have ? (need - have) * 1000 / need + 1 : 0;
}

static void lower_to(Lower *lower, int64_t vcpus, int64_t memory_mib, int64_t gpus)
{
    ResourceNeed need = lower->need;
    if (lower->max_vcpus > 0)
        vcpus = MIN(vcpus, lower->max_vcpus);
    if (vcpus <= 0 || memory_mib < 4 || (need.gpus > 0 && gpus == 0))
        return;
    ResourceNeed lowered = {MIN(need.vcpus_e4, vcpus * DECIMAL_SCALE), MIN(need.memory_mib, memory_mib),
                            MIN(need.gpus, gpus)};
    int64_t cost = lost(need.vcpus_e4, lowered.vcpus_e4) + lost(need.memory_mib, lowered.memory_mib) +
                   lost(need.gpus, lowered.gpus);
    if (lower->best_cost >= 0 && cost >= lower->best_cost)
        return;
    lower->best = lowered;
    lower->best_cost = cost;
}

/* Fargate has sizes: the smallest that holds the need (batch: "Fargate"). */
static void lower_fargate(Explain *explain, Trial *trial, Lower *lower)
{
    static const int64_t sizes_e4[] = {2500, 5000, 10000, 20000, 40000, 80000, 160000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes_e4) && lower->best_cost < 0; i++) {
        if (sizes_e4[i] < lower->need.vcpus_e4)
            continue;
        int64_t memory_mib = MAX((lower->need.memory_mib + 1023) / 1024, 1) * 1024;
        for (int tries = 0; tries < 32 && lower->best_cost < 0; tries++, memory_mib += 1024) {
            trial->need = (ResourceNeed){sizes_e4[i], memory_mib, 0};
            if (trial_feasible(explain, trial) == FEASIBLE_NO)
                continue;
            lower->best = trial->need;
            lower->best_cost = 1;
        }
    }
}

static void lower_machines(Explain *explain, const Trial *trial, Lower *lower)
{
    const FeasibleEnvironment *derived = trial->room->environment->derived;
    const Instance *machine = explain->pass.machine;
    if (trial->room->type == ROOM_MACHINE && machine)
        lower_to(lower, machine->total.vcpus_e4 / DECIMAL_SCALE, machine->total.memory_mib,
                 machine->total.gpus);
    for (size_t i = 0; trial->room->type == ROOM_FLEET && i < trial->spec.simulated_hosts_len; i++)
        lower_to(lower, trial->spec.simulated_hosts[i].vcpus, trial->spec.simulated_hosts[i].memory_mib,
                 trial->spec.simulated_hosts[i].gpus);
    bool strict = !strategy_may_exceed(&trial->spec);
    for (guint i = 0; trial->room->type == ROOM_FLEET && derived && derived->types && i < derived->types->len;
         i++) {
        const InstanceType *type = derived->types->pdata[i];
        if (!strict || trial->spec.max_vcpus == 0 || type->vcpus <= trial->spec.max_vcpus)
            lower_to(lower, type->vcpus, instance_type_usable_mib(type), type->gpus);
    }
}

static void requirement(Explain *explain, json_t *list, const char *type, const char *word, int64_t before,
                        int64_t after, bool is_e4, const char **text)
{
    if (before == after)
        return;
    const char *value = is_e4 ? explain_vcpus(explain, after) : json_number(explain, after);
    json_array_append_new(list, json_pack("{s:s,s:s}", "type", type, "value", value));
    *text = explain_print(explain, "%s%s%s %s", *text, **text ? ", " : "", word, value);
}

static void edit_job(Explain *explain, const Lower *lower, ExplainChange *change)
{
    json_t *list = json_array();
    const char *text = "";
    char id[37];
    requirement(explain, list, "MEMORY", "memory", lower->need.memory_mib, lower->best.memory_mib, false,
                &text);
    requirement(explain, list, "VCPU", "vCPU", lower->need.vcpus_e4, lower->best.vcpus_e4, true, &text);
    requirement(explain, list, "GPU", "GPU", lower->need.gpus, lower->best.gpus, false, &text);
    char *value = json_dumps(list, JSON_COMPACT);
    job_id_to_text(&explain->job->id, id);
    edit_add(change,
             &(ExplainEdit){KIND_JOB, explain_print(explain, "%s", id),
                            "containerOverrides.resourceRequirements",
                            arena_strndup(explain->arena, value, strlen(value))},
             lower->best_cost <= 100 ? SIZE_LITTLE : SIZE_JOB + lower->best_cost / 10, text, explain);
    free(value);
    json_decref(list);
}

static bool change_job(Explain *explain, size_t index, ExplainChange *change)
{
    Room *room = explain->rooms[index];
    Trial trial = {.room = room, .spec = *room->environment->spec, .need = explain->effective->need};
    Lower lower = {.need = trial.need, .best_cost = -1, .max_vcpus = trial.spec.max_vcpus};
    if (explain->kind->nodes > 1)
        return false;
    if (!trial.spec.enabled)
        edit_enable(explain, &trial, change);
    if (room->type == ROOM_TASKS)
        lower_fargate(explain, &trial, &lower);
    else
        lower_machines(explain, &trial, &lower);
    if (lower.best_cost <= 0)
        return false;
    trial.need = lower.best;
    edit_job(explain, &lower, change);
    return trial_effect(explain, index, &trial, false, change);
}

/* ---- all ---- */

static bool change_before(const ExplainChange *a, const ExplainChange *b)
{
    bool waits_a = a->effect == EXPLAIN_WAITS, waits_b = b->effect == EXPLAIN_WAITS;
    return waits_a != waits_b ? waits_b : a->size < b->size;
}

static void change_keep(Explain *explain, const ExplainChange *change)
{
    Explanation *out = explain->out;
    size_t at = out->changes_len;
    while (at > 0 && change_before(change, &out->changes[at - 1]))
        at--;
    if (at >= EXPLAIN_CHANGES_MAX)
        return;
    if (out->changes_len < EXPLAIN_CHANGES_MAX)
        out->changes_len++;
    for (size_t i = out->changes_len - 1; i > at; i--)
        out->changes[i] = out->changes[i - 1];
    out->changes[at] = *change;
}

/* With what is there the limits alone are in its way, or nothing but its turn. */
static void suggest_limits(Explain *explain, ExplainChange *limits, const ExplainRoom *room)
{
    if (limits->edits_len == 0)
        return;
    limits->environment = room->name;
    limits->expected_ms = room->expected_ms;
    limits->effect = room->verdict == EXPLAIN_FREE ? EXPLAIN_STARTS
                     : room->verdict == EXPLAIN_COMING || room->verdict == EXPLAIN_BUYS
                         ? EXPLAIN_GETS_INSTANCE
                         : EXPLAIN_WAITS;
    change_keep(explain, limits);
}

static const ExplainRoom *best_room(const Explanation *out)
{
    const ExplainRoom *best = &out->rooms[0];
    for (size_t i = 1; i < out->rooms_len; i++)
        if (out->rooms[i].verdict < best->verdict)
            best = &out->rooms[i];
    return best;
}

static bool is_changeable(Explain *explain, size_t index)
{
    Room *room = explain->rooms[index];
    if (!room || room->environment->resource->phase != RESOURCE_ACTIVE ||
        !room_suits(&explain->pass, room, explain->group->kind))
        return false;
    unsigned providers = explain->options->providers;
    return (providers == 0 || (providers >> room->environment->provider & 1)) &&
           (room->type != ROOM_MACHINE || room->fleet);
}

void explain_suggest(Explain *explain)
{
    Explanation *out = explain->out;
    ExplainChange limits = {.edits_len = 0};
    if (out->rooms_len == 0)
        return;
    out->changes = arena_new0_n(explain->arena, ExplainChange, EXPLAIN_CHANGES_MAX);
    if (!limit_consumables(explain, &limits) || (out->share && !limit_share(explain, &limits)))
        return;
    const ExplainRoom *best = best_room(out);
    if (best->verdict <= EXPLAIN_BUYS) {
        suggest_limits(explain, &limits, best);
        return;
    }
    bool could_wait = best->verdict < EXPLAIN_CLOSED;
    for (size_t i = 0; i < out->rooms_len; i++) {
        ExplainChange environment = limits, job = limits;
        ExplainVerdict verdict = out->rooms[i].verdict;
        if (!is_changeable(explain, i))
            continue;
        if (change_environment(explain, i, &environment) &&
            (!could_wait || environment.effect != EXPLAIN_WAITS))
            change_keep(explain, &environment);
        if (verdict == EXPLAIN_NEVER && change_job(explain, i, &job) &&
            (!could_wait || job.effect != EXPLAIN_WAITS))
            change_keep(explain, &job);
    }
    if (out->changes_len == 0 && could_wait)
        suggest_limits(explain, &limits, best);
}

/* explain.c: the whole of an explanation; what holds a job that is not RUNNABLE; consumable resources. */
#include "reconciler/schedule/explain.h"
#include "reconciler/schedule/explain_internal.h"

#define HOLDS_MAX 20

/* ---- before it is RUNNABLE ---- */

static ExplainHold *hold_add_text(Explain *explain, const char *text)
{
    Explanation *out = explain->out;
    if (!out->holds)
        out->holds = arena_new0_n(explain->arena, ExplainHold, HOLDS_MAX + 2);
    if (out->holds_len >= HOLDS_MAX + 2)
        return NULL;
    ExplainHold *hold = &out->holds[out->holds_len++];
    hold->text = text;
    hold->index = NOT_A_CHILD;
    return hold;
}

/* Which child of the other array it waits for: its own number, or the one before it. */
static int32_t waited_index(const Explain *explain, const DependencyRecord *on)
{
    if (on->type == DEPENDENCY_N_TO_N)
        return explain->index;
    return on->on_index;
}

static const char *job_text(Explain *explain, const JobId *id, int32_t index, const char *name)
{
    char text[37];
    job_id_to_text(id, text);
    const char *suffix = index == NOT_A_CHILD ? "" : explain_print(explain, ":%d", index);
    return explain_print(explain, "job %s%s%s%s%s", text, suffix, name ? " (" : "", name ? name : "",
                         name ? ")" : "");
}

static void hold_add_job(Explain *explain, const Job *on, int32_t index, const char *must)
{
    JobState state = on->state;
    ChildView child;
    if (index != NOT_A_CHILD && on->array && index < on->array_size) {
        job_child(on, index, &child);
        state = child.state;
    } else {
        index = NOT_A_CHILD;
    }
    if (job_state_final(state))
        return;
    ExplainHold *hold = hold_add_text(explain, explain_print(explain, "%s must %s; it is %s",
                                                             job_text(explain, &on->id, index, on->name),
                                                             must, job_state_name(state)));
    if (!hold)
        return;
    hold->is_job = true;
    hold->job = on->id;
    hold->index = index;
}

static void holds_dependencies(Explain *explain)
{
    const DependencyRecord *records;
    static const JobId none;
    size_t len = job_dependencies(explain->job, &records);
    for (size_t i = 0; i < len && explain->out->holds_len < HOLDS_MAX; i++) {
        const char *must = records[i].condition == CONDITION_COMPLETION ? "end" : "SUCCEED";
        if (memcmp(&records[i].on, &none, sizeof none) == 0) {
            if (explain->index > 0)
                hold_add_job(explain, explain->job, explain->index - 1, must);
            continue;
        }
        const Job *on = world_job(explain->pass.world, &records[i].on);
        if (on)
            hold_add_job(explain, on, waited_index(explain, &records[i]), must);
    }
}

static void explain_holds(Explain *explain)
{
    const char *file = job_array_file(explain->job);
    if (file)
        hold_add_text(explain, explain_print(explain,
                                             "its array is as large as %s has lines, which are "
                                             "counted once its dependencies have ended",
                                             file));
    holds_dependencies(explain);
    if (explain->out->holds_len == 0 && explain->out->state == JOB_SUBMITTED)
        hold_add_text(explain, "it was just submitted");
}

/* ---- what it needs ---- */

static void explain_consumables(Explain *explain)
{
    const RunKind *kind = explain->kind;
    Explanation *out = explain->out;
    out->consumables = arena_new0_n(explain->arena, ExplainConsumable, kind->consumables_len + 1);
    for (size_t i = 0; i < kind->consumables_len; i++) {
        const ConsumableNeed *need = &kind->consumables[i];
        const Consumable *consumable = world_consumable(explain->pass.world, view_from(need->name));
        ExplainConsumable *at = &out->consumables[out->consumables_len++];
        const char *name = consumable ? consumable->resource->name : need->name; /* as it is called now */
        *at = (ExplainConsumable){.name = name, .need = need->quantity, .exists = consumable != NULL};
        if (consumable) {
            at->available = consumable_available(consumable);
            at->total = consumable->spec->total_quantity;
            at->in_use = consumable->in_use;
            at->used_up = consumable->used_up;
        }
        at->is_short = need->quantity > at->available;
    }
}

/* ---- together ---- */

static void explain_blocked(Explain *explain)
{
    Explanation *out = explain->out;
    BlockedReason common = BLOCKED_NONE;
    size_t refusing = 0, suiting = 0;
    out->blocked = explain->group->parked ? explain->group->blocked : BLOCKED_NONE;
    if (!explain->group->parked && out->never) {
        bool all_max = true, all_kind = true, above;
        for (size_t i = 0; i < out->rooms_len; i++) {
            (void)room_can_ever(&explain->pass, explain->rooms[i], explain->group, NULL, &above);
            all_max = all_max && above;
            all_kind = all_kind && !room_suits(&explain->pass, explain->rooms[i], explain->group->kind);
        }
        out->blocked = all_kind  ? BLOCKED_UNDETERMINED
                       : all_max ? BLOCKED_MAX_RESOURCE
                                 : BLOCKED_RESOURCE_REQUIREMENT;
    }
    for (size_t i = 0; i < out->rooms_len && out->blocked == BLOCKED_NONE; i++) {
        if (!explain->rooms[i] || out->rooms[i].verdict == EXPLAIN_NEVER)
            continue;
        suiting++;
        BlockedReason trouble = explain->buys[i] ? explain->growths[i].trouble : BLOCKED_NONE;
        bool waits = out->rooms[i].verdict > EXPLAIN_BUYS;
        if (waits && trouble != BLOCKED_NONE && (common == BLOCKED_NONE || common == trouble)) {
            common = trouble;
            refusing++;
        }
    }
    if (out->blocked == BLOCKED_NONE && refusing > 0 && refusing == suiting)
        out->blocked = common;
    out->blocked_text = explain_blocked_text(out->blocked);
}

bool explain_is_limited(const Explain *explain)
{
    const Explanation *out = explain->out;
    bool limited = out->share && (out->share->is_at_limit || out->share->is_at_reservation);
    for (size_t i = 0; i < out->consumables_len; i++)
        limited = limited || out->consumables[i].is_short;
    return limited;
}

/* The best that an environment offers; unknown while something without a known end holds it back. */
static void explain_expected(Explain *explain)
{
    Explanation *out = explain->out;
    if (explain_is_limited(explain))
        return;
    for (size_t i = 0; i < out->rooms_len; i++) {
        int64_t at_ms = out->rooms[i].expected_ms;
        if (at_ms > 0 && (out->expected_ms == 0 || at_ms < out->expected_ms))
            out->expected_ms = at_ms;
    }
    bool is_first = out->ahead == 0 && out->queues_ahead == 0 && (!out->share || out->share->rank == 1);
    out->is_earliest = out->expected_ms > 0 && !is_first;
}

static void explain_runnable(Explain *explain)
{
    Explanation *out = explain->out;
    out->waits = true;
    out->since_ms = explain->job->runnable_ms;
    explain_consumables(explain);
    explain_order(explain);
    explain_share(explain);
    explain_rooms(explain);
    explain_blocked(explain);
    explain_expected(explain);
    explain_suggest(explain);
}

/* Where it runs may be taken away. */
static void explain_warned(Explain *explain)
{
    World *world = explain->pass.world;
    for (const Instance *host = NULL; (host = world_instance_next(world, host));) {
        const Launch *launch = host->warning ? host->newest_launch : NULL;
        for (; launch; launch = launch->instance_prev)
            if (launch->job == explain->job &&
                (explain->index == NOT_A_CHILD || launch->index == explain->index || launch->is_node)) {
                hold_add_text(explain,
                              explain_print(explain, "its host %s will be lost: %s",
                                            host->provider_id ? host->provider_id : "", host->warning));
                return;
            }
    }
}

/* Of an array that is asked about as a whole, its next child. */
static JobState state_of(Explain *explain)
{
    const Job *job = explain->job;
    ChildView child;
    if (job->array && explain->index == NOT_A_CHILD && !job_state_final(job->state)) {
        int32_t next = job_next_runnable(job, 0);
        if (next == NOT_A_CHILD)
            return job->state;
        explain->index = next;
        return JOB_RUNNABLE;
    }
    if (!job->array || explain->index == NOT_A_CHILD)
        return job->state;
    job_child(job, explain->index, &child);
    explain->out->attempt = child.attempts + 1;
    return child.state;
}

void explain_job(World *world, Job *job, int32_t index, const ExplainOptions *options, Arena *arena,
                 Explanation *ret_explanation)
{
    Explain explain = {.options = options,
                       .schedule = {.now_ms = options->now_ms, .providers = options->providers},
                       .arena = arena,
                       .job = job,
                       .index = index,
                       .effective = job->template->effective,
                       .out = ret_explanation};
    *ret_explanation = (Explanation){.queue = job->queue->resource->name,
                                     .need = job->template->effective->need,
                                     .nodes = job->template->effective->nodes,
                                     .attempt = job->attempts + 1,
                                     .attempts = MAX(job->template->effective->retry.attempts, 1),
                                     .behind_index = NOT_A_CHILD};
    pass_init(&explain.pass, world, &explain.schedule, arena, NULL);
    ret_explanation->state = state_of(&explain);
    ret_explanation->index = explain.index;
    explain.group = ret_explanation->state == JOB_RUNNABLE ? job_group(job) : NULL;
    if (explain.group) {
        explain.kind = world_kind(world, explain.group->kind);
        explain_runnable(&explain);
    } else if (!job_state_final(ret_explanation->state)) {
        explain_holds(&explain);
        explain_warned(&explain);
    }
}

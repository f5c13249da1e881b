/* operations_explain.c: `explain`: a job as `job` shows it, and why it is where it is. Found in the store as
 * there, off the loop; explained on the loop, in bounded time. */
#include "reconciler/api/operation.h"
#include "spec/base/units.h"

static void set_decimal(json_t *object, const char *name, int64_t value_e4)
{
    g_autofree char *text = decimal_print(value_e4);
    json_set_text(object, name, text);
}

static void set_job(json_t *object, const char *name, const JobId *id, int32_t index)
{
    char text[JOB_NAME_TEXT];
    job_ref_text(id, index, text);
    json_set_text(object, name, text);
}

static json_t *need_json(const Explanation *explained)
{
    json_t *object = json_object();
    set_decimal(object, "vcpus", explained->need.vcpus_e4);
    json_set_number(object, "memoryMiB", explained->need.memory_mib);
    json_set_number(object, "gpus", explained->need.gpus);
    if (explained->nodes > 1)
        json_set_number(object, "nodes", explained->nodes);
    return object;
}

static json_t *holds_json(const Explanation *explained)
{
    json_t *array = json_array();
    for (size_t i = 0; i < explained->holds_len; i++) {
        json_t *object = json_object();
        json_set_text(object, "text", explained->holds[i].text);
        if (explained->holds[i].is_job)
            set_job(object, "job", &explained->holds[i].job, explained->holds[i].index);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *share_json(const ExplainShare *share)
{
    json_t *object = json_object();
    json_set_text(object, "shareIdentifier", share->identifier);
    set_decimal(object, "weightFactor", share->weight_e4);
    set_decimal(object, "heldvCpus", share->held_vcpus_e4);
    if (share->max_vcpus_e4 > 0)
        set_decimal(object, "maxvCpus", share->max_vcpus_e4);
    json_set_number(object, "usedvCpuSeconds", share->used_vcpu_ms / 1000);
    json_set_number(object, "rank", share->rank);
    json_set_number(object, "ranks", share->ranks);
    set_decimal(object, "queueHeldvCpus", share->queue_held_vcpus_e4);
    if (share->queue_limit_e4 > 0)
        set_decimal(object, "queueLimitvCpus", share->queue_limit_e4);
    json_object_set_new(object, "atLimit", json_boolean(share->is_at_limit));
    json_object_set_new(object, "atReservation", json_boolean(share->is_at_reservation));
    return object;
}

static json_t *consumables_json(const Explanation *explained)
{
    json_t *array = json_array();
    for (size_t i = 0; i < explained->consumables_len; i++) {
        const ExplainConsumable *at = &explained->consumables[i];
        json_t *object = json_object();
        json_set_text(object, "name", at->name);
        json_set_number(object, "need", at->need);
        json_set_number(object, "available", at->available);
        json_set_number(object, "total", at->total);
        json_set_number(object, "inUse", at->in_use);
        json_set_number(object, "usedUp", at->used_up);
        json_object_set_new(object, "exists", json_boolean(at->exists));
        json_object_set_new(object, "short", json_boolean(at->is_short));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *environments_json(const Explanation *explained)
{
    json_t *array = json_array();
    for (size_t i = 0; i < explained->rooms_len; i++) {
        const ExplainRoom *room = &explained->rooms[i];
        json_t *object = json_object();
        json_set_text(object, "name", room->name);
        json_set_text(object, "verdict", explain_verdict_name(room->verdict));
        json_set_text(object, "text", room->text);
        json_set_time(object, "freeAt", room->free_ms);
        json_set_time(object, "askedAt", room->asked_ms);
        json_set_time(object, "until", room->until_ms);
        json_set_time(object, "expectedAt", room->expected_ms);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *edit_json(const ExplainEdit *edit)
{
    json_t *object = json_object(), *value = json_loads(edit->value, JSON_DECODE_ANY, NULL);
    json_set_text(object, "kind", kind_name(edit->kind));
    json_set_text(object, "name", edit->name);
    json_set_text(object, "path", edit->path);
    json_object_set_new(object, "value", value);
    return object;
}

static json_t *changes_json(const Explanation *explained)
{
    static const char *const effects[] = {
        [EXPLAIN_STARTS] = "STARTS", [EXPLAIN_GETS_INSTANCE] = "GETS_INSTANCE", [EXPLAIN_WAITS] = "WAITS"};
    json_t *array = json_array();
    for (size_t i = 0; i < explained->changes_len; i++) {
        const ExplainChange *change = &explained->changes[i];
        json_t *object = json_object(), *edits = json_array();
        for (size_t edit = 0; edit < change->edits_len; edit++)
            json_array_append_new(edits, edit_json(&change->edits[edit]));
        json_set_text(object, "text", change->text);
        json_set_text(object, "effect", effects[change->effect]);
        json_set_text(object, "environment", change->environment);
        json_set_time(object, "expectedAt", change->expected_ms);
        json_object_set_new(object, "edits", edits);
        json_array_append_new(array, object);
    }
    return array;
}

static void set_waiting(const Explanation *explained, json_t *object)
{
    json_set_time(object, "runnableSince", explained->since_ms);
    json_set_text(object, "queueNote", explained->queue_note);
    json_object_set_new(object, "never", json_boolean(explained->never));
    json_set_number(object, "ahead", explained->ahead);
    json_object_set_new(object, "aheadMore", json_boolean(explained->ahead_more));
    if (explained->behind)
        set_job(object, "behind", &explained->behind->id, explained->behind_index);
    json_set_number(object, "queuesAhead", explained->queues_ahead);
    if (explained->share)
        json_object_set_new(object, "share", share_json(explained->share));
    json_object_set_new(object, "consumableResources", consumables_json(explained));
    json_object_set_new(object, "environments", environments_json(explained));
    json_set_text(object, "blocked", blocked_reason_code(explained->blocked));
    json_set_text(object, "blockedText", explained->blocked_text);
    json_set_time(object, "expectedAt", explained->expected_ms);
    json_object_set_new(object, "expectedIsEarliest", json_boolean(explained->is_earliest));
    json_object_set_new(object, "changes", changes_json(explained));
}

static json_t *explanation_json(const Explanation *explained, const Job *job)
{
    json_t *object = json_object();
    set_job(object, "job", &job->id, explained->index);
    json_set_text(object, "status", job_state_name(explained->state));
    json_set_text(object, "queue", explained->queue);
    json_object_set_new(object, "needs", need_json(explained));
    json_set_number(object, "attempt", explained->attempt);
    json_set_number(object, "attempts", explained->attempts);
    json_object_set_new(object, "waitsFor", holds_json(explained));
    if (explained->waits)
        set_waiting(explained, object);
    return object;
}

/* What is no longer in memory has ended: then the job alone says all. */
static void add_explanation(OperationContext *context, const char *text, json_t *body)
{
    JobId id;
    int32_t index;
    Job *job =
        text && job_ref_from_text(view_from(text), &id, &index) ? world_job(context->world, &id) : NULL;
    if (!job)
        return;
    context_machine(context);
    g_autoptr(Arena) arena = arena_new();
    ExplainOptions options = {.now_ms = context->now_ms,
                              .providers = context->providers,
                              .growth = context->growth,
                              .data = context->growth_data};
    Explanation explained;
    explain_job(context->world, job, index, &options, arena, &explained);
    json_object_set_new(body, "explanation", explanation_json(&explained, job));
}

OperationStep explain_step(OperationContext *context, Call *call)
{
    OperationStep step = job_step(context, call);
    json_t *body = call->result.body;
    if (step == STEP_DONE && call->result.http_status == 200)
        add_explanation(context, json_string_value(json_object_get(json_object_get(body, "job"), "jobId")),
                        body);
    return step;
}

void explain_gather(StoreReader *reader, Call *call)
{
    job_gather(reader, call);
}

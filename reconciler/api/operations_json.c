/* operations_json.c: the pieces of JSON that several operations share. */
#include "reconciler/api/operation.h"

json_t *json_from_view(View text)
{
    json_t *json = text.len ? json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL) : NULL;
    return json ? json : json_object();
}

void json_set_view(json_t *object, const char *name, View text)
{
    if (text.len)
        json_object_set_new(object, name, json_stringn(text.data, text.len));
}

void json_set_text(json_t *object, const char *name, const char *text)
{
    json_set_view(object, name, view_from(text));
}

void json_set_number(json_t *object, const char *name, int64_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

void json_set_time(json_t *object, const char *name, int64_t at_ms)
{
    if (at_ms)
        json_set_number(object, name, at_ms);
}

json_t *json_counts(const int64_t counts[JOB_STATE_COUNT])
{
    json_t *object = json_object();
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        if (counts[state])
            json_set_number(object, job_state_name((JobState)state), counts[state]);
    return object;
}

json_t *json_apply(const ApplyRecord *apply)
{
    json_t *object = json_object();
    json_set_number(object, "id", apply->id);
    json_set_view(object, "owner", apply->owner);
    json_set_view(object, "sourcePath", apply->source_path);
    json_set_view(object, "revision", apply->revision);
    json_set_view(object, "planId", apply->plan_id);
    json_set_text(object, "state", apply_state_name(apply->state));
    json_set_view(object, "message", apply->message);
    json_set_time(object, "createdAt", apply->created_ms);
    json_set_time(object, "endedAt", apply->ended_ms);
    json_set_time(object, "startedAt", apply->started_ms);
    json_set_text(object, "how", apply_trigger_name(apply->trigger));
    json_set_view(object, "actor", apply->actor);
    json_set_view(object, "author", apply->author);
    json_set_view(object, "signature", apply->signature);
    json_object_set_new(object, "summary", json_from_view(apply->summary));
    return object;
}

static json_t *run_members(View id, View owner, Kind kind, View name, int64_t number, RunState state,
                           View reason)
{
    json_t *object = json_object();
    json_set_view(object, "id", id);
    json_set_view(object, "owner", owner);
    json_set_text(object, "kind", kind_name(kind));
    json_set_view(object, "name", name);
    json_set_number(object, "number", number);
    json_set_text(object, "state", run_state_name(state));
    json_set_view(object, "statusReason", reason);
    return object;
}

void json_run_progress(json_t *object, const Run *run)
{
    json_set_number(object, "unfinished", (int64_t)run->jobs_unfinished);
    if (run->pipeline)
        json_set_number(object, "steps", (int64_t)run->pipeline->steps_len);
    if (run->kind == KIND_PIPELINE)
        json_set_time(object, "scheduledAt", run_scheduled_ms(run));
}

json_t *json_run(const Run *run)
{
    json_t *object = run_members(view_from(run->id), view_from(run->owner), run->kind, view_from(run->name),
                                 run->number, run->state, view_from(run->status_reason));
    json_set_time(object, "createdAt", run->created_ms);
    json_set_time(object, "stoppedAt", run->stopped_ms);
    json_run_progress(object, run);
    return object;
}

json_t *json_run_record(const RunRecord *run)
{
    json_t *object =
        run_members(run->id, run->owner, run->kind, run->name, run->number, run->state, run->status_reason);
    json_set_time(object, "createdAt", run->created_ms);
    json_set_time(object, "stoppedAt", run->stopped_ms);
    return object;
}

json_t *json_schedules(const Resource *pipeline)
{
    json_t *array = json_array();
    for (size_t i = 0; i < pipeline_schedules_len(pipeline); i++) {
        ScheduleView schedule;
        pipeline_schedule(pipeline, i, &schedule);
        json_t *object = json_object();
        json_set_text(object, "schedule", schedule.spec->expression);
        json_set_text(object, "timeZone", schedule.spec->zone_name);
        json_set_time(object, "nextAt", schedule.next_ms);
        if (!schedule.spec->zone)
            json_set_text(object, "fault", "this machine does not know the time zone");
        json_array_append_new(array, object);
    }
    return array;
}

char *arn_of(const char *type, const char *name)
{
    return g_strdup_printf("arn:aws:batch:us-east-1:000000000000:%s/%s", type, name);
}

JobId job_id_random(const OperationContext *context)
{
    JobId id;
    context->entropy->fill(context->entropy->self, id.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40); /* RFC 4122: version 4, variant 1 */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

void job_ref_text(const JobId *id, int32_t index, char ret_text[JOB_NAME_TEXT])
{
    job_id_to_text(id, ret_text);
    if (index != NOT_A_CHILD)
        g_snprintf(ret_text + 36, JOB_NAME_TEXT - 36, ":%d", index);
}

char *attempt_log_path(const char *state_dir, const JobId *id, int32_t index, int32_t attempt)
{
    char text[37];
    job_id_to_text(id, text);
    return index == NOT_A_CHILD
               ? g_strdup_printf("%s/logs/%.2s/%s.%d.log", state_dir, text, text, attempt)
               : g_strdup_printf("%s/logs/%.2s/%s/%d.%d.log", state_dir, text, text, index, attempt);
}

char *attempt_work_dir(const char *state_dir, const JobId *id, int32_t index, int32_t attempt)
{
    char text[37];
    job_id_to_text(id, text);
    return index == NOT_A_CHILD ? g_strdup_printf("%s/work/%s.%d", state_dir, text, attempt)
                                : g_strdup_printf("%s/work/%s/%d.%d", state_dir, text, index, attempt);
}

bool context_standing(const OperationContext *context, const Environment *environment,
                      EnvironmentStanding *ret_standing)
{
    return context->standing ? context->standing(environment, ret_standing, context->growth_data)
                             : environment_standing_read(context->world, environment, ret_standing);
}

void context_machine(OperationContext *context)
{
    if (context->offline && !world_local_instance(context->world))
        instance_local(context->world, context->facts->machine);
}

json_t *sources_setting(const World *world)
{
    const char *text = world_setting(world, "sources");
    json_t *sources = text ? json_loads(text, 0, NULL) : NULL;
    if (sources && json_is_object(sources))
        return sources;
    json_decref(sources);
    return json_object();
}

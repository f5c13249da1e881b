#include "reconciler/store/rows.h"

/* Bits of the flags columns. */
#define RESOURCE_PRUNE 1
#define RESOURCE_KEPT  2
#define JOB_CANCELLED  1
#define JOB_TERMINATED 2
#define JOB_MULTINODE  4
#define INSTANCE_SPOT  1
#define INSTANCE_RAN   2

#define RESOURCE_PHASE_COUNT       (RESOURCE_REPLACING + 1)
#define DELETION_COUNT             (DELETION_REFUSE + 1)
#define LAUNCH_STATE_COUNT         (LAUNCH_ENDED + 1)
#define INSTANCE_STATE_COUNT       (INSTANCE_GONE + 1)
#define RUN_STATE_COUNT            (RUN_RECORDED + 1)
#define APPLY_STATE_COUNT          (APPLY_STATE_NOTED + 1)
#define APPLY_TRIGGER_COUNT        (TRIGGER_RESUME + 1)
#define CHANGE_ACTION_COUNT        (CHANGE_UNDRIFT + 1)
#define DEPENDENCY_TYPE_COUNT      (DEPENDENCY_SEQUENTIAL + 1)
#define DEPENDENCY_CONDITION_COUNT (CONDITION_COMPLETION + 1)

/* The number of an enum, or 0 with the cursor marked. */
static unsigned get_enum(Cursor *cursor, unsigned count)
{
    int64_t value = get_int(cursor);
    if (value >= 0 && value < (int64_t)count)
        return (unsigned)value;
    cursor_note(cursor, SQLITE_CORRUPT);
    return 0;
}

static int32_t get_int32(Cursor *cursor)
{
    int64_t value = get_int(cursor);
    if (value < INT32_MIN || value > INT32_MAX) {
        cursor_note(cursor, SQLITE_CORRUPT);
        return 0;
    }
    return (int32_t)value;
}

static void put_digest(Cursor *cursor, const Digest *digest)
{
    put_blob(cursor, digest->bytes, DIGEST_BYTES);
}

static bool is_zero(const Digest *digest)
{
    static const Digest zero;
    return digest_equal(digest, &zero);
}

static int64_t job_flags(bool is_cancelled, bool is_terminated)
{
    return (is_cancelled ? JOB_CANCELLED : 0) | (is_terminated ? JOB_TERMINATED : 0);
}

/* ---- resources ---- */

void put_resource(Cursor *cursor, const ResourceRecord *record)
{
    put_int(cursor, record->kind);
    put_text(cursor, record->name);
    put_text(cursor, record->owner);
    put_digest(cursor, &record->digest);
    put_blob(cursor, record->next_digest.bytes, is_zero(&record->next_digest) ? 0 : DIGEST_BYTES);
    put_text(cursor, record->file);
    put_int(cursor, record->line);
    put_int(cursor, record->phase);
    put_int(cursor, record->deletion);
    put_int(cursor, (record->prune ? RESOURCE_PRUNE : 0) | (record->kept ? RESOURCE_KEPT : 0));
    put_text(cursor, record->status_reason);
    put_int(cursor, record->revision);
    put_int(cursor, record->created_ms);
    put_int(cursor, record->updated_ms);
    put_int(cursor, record->used_up);
}

void get_resource(Cursor *cursor, ResourceRecord *ret_record)
{
    ResourceRecord record = {.kind = (Kind)get_enum(cursor, KIND_COUNT)};
    record.name = get_text(cursor);
    record.owner = get_text(cursor);
    get_bytes(cursor, record.digest.bytes, DIGEST_BYTES);
    get_bytes(cursor, record.next_digest.bytes, DIGEST_BYTES);
    record.file = get_text(cursor);
    record.line = get_int32(cursor);
    record.phase = (ResourcePhase)get_enum(cursor, RESOURCE_PHASE_COUNT);
    record.deletion = (DeletionPolicy)get_enum(cursor, DELETION_COUNT);
    int64_t flags = get_int(cursor);
    record.prune = flags & RESOURCE_PRUNE;
    record.kept = flags & RESOURCE_KEPT;
    record.status_reason = get_text(cursor);
    record.revision = get_int(cursor);
    record.created_ms = get_int(cursor);
    record.updated_ms = get_int(cursor);
    record.used_up = get_int(cursor);
    record.spec = record.metadata = record.next_spec = VIEW("");
    *ret_record = record;
}

void put_resource_texts(Cursor *cursor, const ResourceRecord *record)
{
    put_int(cursor, record->kind);
    put_text(cursor, record->name);
    put_text(cursor, record->spec);
    put_text(cursor, record->metadata);
    put_text(cursor, record->next_spec);
}

void get_resource_texts(Cursor *cursor, ResourceRecord *ret_record)
{
    ret_record->spec = get_text(cursor);
    ret_record->metadata = get_text(cursor);
    ret_record->next_spec = get_text(cursor);
}

void get_resource_metadata(Cursor *cursor, ResourceRecord *ret_record)
{
    ret_record->metadata = get_text(cursor);
}

void put_revision(Cursor *cursor, const RevisionRecord *record)
{
    put_text(cursor, record->name);
    put_int(cursor, record->revision);
    put_digest(cursor, &record->digest);
    put_int(cursor, record->active);
    put_int(cursor, record->created_ms);
    put_text(cursor, record->spec);
}

void get_revision(Cursor *cursor, RevisionRecord *ret_record)
{
    RevisionRecord record = {.name = get_text(cursor)};
    record.revision = get_int(cursor);
    get_bytes(cursor, record.digest.bytes, DIGEST_BYTES);
    record.active = get_int(cursor) != 0;
    record.created_ms = get_int(cursor);
    record.spec = get_text(cursor);
    *ret_record = record;
}

void put_template(Cursor *cursor, const TemplateRecord *record)
{
    put_int(cursor, record->id);
    put_text(cursor, record->definition);
    put_text(cursor, record->definition_spec);
    put_text(cursor, record->request);
}

void get_template(Cursor *cursor, TemplateRecord *ret_record)
{
    TemplateRecord record = {.id = get_int(cursor)};
    record.definition = get_text(cursor);
    record.definition_spec = get_text(cursor);
    record.request = get_text(cursor);
    *ret_record = record;
}

/* ---- runs and applies ---- */

void put_run_changes(Cursor *cursor, const RunRecord *record)
{
    put_text(cursor, record->id);
    put_text(cursor, record->owner);
    put_int(cursor, record->kind);
    put_text(cursor, record->name);
    put_digest(cursor, &record->key);
    put_int(cursor, record->number);
    put_int(cursor, record->state);
    put_int(cursor, record->created_ms);
    put_int(cursor, record->stopped_ms);
    put_text(cursor, record->status_reason);
}

void put_run(Cursor *cursor, const RunRecord *record)
{
    put_run_changes(cursor, record);
    put_text(cursor, record->spec);
}

void get_run(Cursor *cursor, RunRecord *ret_record)
{
    RunRecord record = {.id = get_text(cursor)};
    record.owner = get_text(cursor);
    record.kind = (Kind)get_enum(cursor, KIND_COUNT);
    record.name = get_text(cursor);
    get_bytes(cursor, record.key.bytes, DIGEST_BYTES);
    record.number = get_int(cursor);
    record.state = (RunState)get_enum(cursor, RUN_STATE_COUNT);
    record.created_ms = get_int(cursor);
    record.stopped_ms = get_int(cursor);
    record.status_reason = get_text(cursor);
    record.spec = get_text(cursor);
    *ret_record = record;
}

void put_apply(Cursor *cursor, const ApplyRecord *record)
{
    put_int(cursor, record->id);
    put_text(cursor, record->owner);
    put_text(cursor, record->source_path);
    put_text(cursor, record->revision);
    put_text(cursor, record->plan_id);
    put_int(cursor, record->state);
    put_text(cursor, record->message);
    put_text(cursor, record->summary);
    put_int(cursor, record->created_ms);
    put_int(cursor, record->ended_ms);
    put_int(cursor, record->trigger);
    put_text(cursor, record->actor);
    put_text(cursor, record->author);
    put_text(cursor, record->signature);
    put_int(cursor, record->started_ms);
}

void get_apply(Cursor *cursor, ApplyRecord *ret_record)
{
    ApplyRecord record = {.id = get_int(cursor)};
    record.owner = get_text(cursor);
    record.source_path = get_text(cursor);
    record.revision = get_text(cursor);
    record.plan_id = get_text(cursor);
    record.state = (ApplyState)get_enum(cursor, APPLY_STATE_COUNT);
    record.message = get_text(cursor);
    record.summary = get_text(cursor);
    record.created_ms = get_int(cursor);
    record.ended_ms = get_int(cursor);
    record.trigger = (ApplyTrigger)get_enum(cursor, APPLY_TRIGGER_COUNT);
    record.actor = get_text(cursor);
    record.author = get_text(cursor);
    record.signature = get_text(cursor);
    record.started_ms = get_int(cursor);
    *ret_record = record;
}

void put_change(Cursor *cursor, const ChangeRecord *record)
{
    put_int(cursor, record->kind);
    put_text(cursor, record->name);
    put_int(cursor, record->at_ms);
    put_int(cursor, record->apply_id);
    put_text(cursor, record->owner);
    put_text(cursor, record->actor);
    put_int(cursor, record->action);
    put_text(cursor, record->reason);
    put_text(cursor, record->fields);
}

void get_change(Cursor *cursor, ChangeRecord *ret_record)
{
    ChangeRecord record = {.kind = (Kind)get_enum(cursor, KIND_COUNT)};
    record.name = get_text(cursor);
    record.at_ms = get_int(cursor);
    record.apply_id = get_int(cursor);
    record.owner = get_text(cursor);
    record.actor = get_text(cursor);
    record.action = (ChangeAction)get_enum(cursor, CHANGE_ACTION_COUNT);
    record.reason = get_text(cursor);
    record.fields = get_text(cursor);
    *ret_record = record;
}

/* ---- jobs ---- */

/* One dependency: id, index (little-endian), type, condition. */
#define DEPENDENCY_BYTES (JOB_ID_BYTES + 4 + 2)

static void encode_dependencies(const JobRecord *record, GByteArray *scratch)
{
    g_byte_array_set_size(scratch, 0);
    for (size_t i = 0; i < record->depends_on_len; i++) {
        const DependencyRecord *dependency = &record->depends_on[i];
        uint32_t index = GUINT32_TO_LE((uint32_t)dependency->on_index);
        uint8_t kinds[2] = {(uint8_t)dependency->type, (uint8_t)dependency->condition};
        g_byte_array_append(scratch, dependency->on.bytes, JOB_ID_BYTES);
        g_byte_array_append(scratch, (const uint8_t *)&index, sizeof index);
        g_byte_array_append(scratch, kinds, sizeof kinds);
    }
}

bool get_dependencies(View bytes, GArray *dependencies)
{
    g_array_set_size(dependencies, 0);
    if (bytes.len % DEPENDENCY_BYTES != 0)
        return false;
    for (size_t at = 0; at < bytes.len; at += DEPENDENCY_BYTES) {
        const uint8_t *from = (const uint8_t *)bytes.data + at;
        DependencyRecord dependency;
        uint32_t index;
        memcpy(dependency.on.bytes, from, JOB_ID_BYTES);
        memcpy(&index, from + JOB_ID_BYTES, sizeof index);
        dependency.on_index = (int32_t)GUINT32_FROM_LE(index);
        uint8_t type = from[JOB_ID_BYTES + 4], condition = from[JOB_ID_BYTES + 5];
        if (type >= DEPENDENCY_TYPE_COUNT || condition >= DEPENDENCY_CONDITION_COUNT)
            return false;
        dependency.type = (DependencyType)type;
        dependency.condition = (DependencyCondition)condition;
        g_array_append_val(dependencies, dependency);
    }
    return true;
}

void put_job(Cursor *cursor, const JobRecord *record, GByteArray *scratch)
{
    put_unsigned(cursor, record->sequence);
    put_blob(cursor, record->id.bytes, JOB_ID_BYTES);
    put_int(cursor, record->state);
    put_int(cursor, job_flags(record->is_cancelled, record->is_terminated) |
                        (record->is_multinode ? JOB_MULTINODE : 0));
    put_int(cursor, record->array_size);
    put_int(cursor, record->template_id);
    put_text(cursor, record->queue);
    put_text(cursor, record->name);
    put_text(cursor, record->run);
    put_text(cursor, record->step);
    put_text(cursor, record->share_identifier);
    put_int(cursor, record->created_ms);
    put_int(cursor, record->started_ms);
    put_int(cursor, record->stopped_ms);
    put_int(cursor, record->attempts);
    put_unsigned(cursor, record->front);
    put_text(cursor, record->status_reason);
    encode_dependencies(record, scratch);
    put_blob(cursor, scratch->data, scratch->len);
}

void get_job(Cursor *cursor, GArray *dependencies, JobRecord *ret_record)
{
    JobRecord record = {.sequence = get_unsigned(cursor)};
    get_bytes(cursor, record.id.bytes, JOB_ID_BYTES);
    record.state = (JobState)get_enum(cursor, JOB_STATE_COUNT);
    int64_t flags = get_int(cursor);
    record.is_cancelled = flags & JOB_CANCELLED;
    record.is_terminated = flags & JOB_TERMINATED;
    record.is_multinode = flags & JOB_MULTINODE;
    record.array_size = get_int32(cursor);
    record.template_id = get_int(cursor);
    record.queue = get_text(cursor);
    record.name = get_text(cursor);
    record.run = get_text(cursor);
    record.step = get_text(cursor);
    record.share_identifier = get_text(cursor);
    record.created_ms = get_int(cursor);
    record.started_ms = get_int(cursor);
    record.stopped_ms = get_int(cursor);
    record.attempts = get_int32(cursor);
    record.front = get_unsigned(cursor);
    record.status_reason = get_text(cursor);
    if (!get_dependencies(get_text(cursor), dependencies))
        cursor_note(cursor, SQLITE_CORRUPT);
    record.depends_on = dependencies->len ? (const DependencyRecord *)(const void *)dependencies->data : NULL;
    record.depends_on_len = dependencies->len;
    *ret_record = record;
}

void put_job_changes(Cursor *cursor, const JobRecord *record)
{
    put_int(cursor, record->state);
    put_int(cursor, job_flags(record->is_cancelled, record->is_terminated) |
                        (record->is_multinode ? JOB_MULTINODE : 0));
    put_int(cursor, record->array_size); /* a step may become an array when its turn comes */
    put_int(cursor, record->started_ms);
    put_int(cursor, record->stopped_ms);
    put_int(cursor, record->attempts);
    put_unsigned(cursor, record->front);
    put_text(cursor, record->status_reason);
    put_unsigned(cursor, record->sequence);
}

void put_child(Cursor *cursor, const ChildRecord *record)
{
    put_unsigned(cursor, record->sequence);
    put_int(cursor, record->index);
    put_int(cursor, record->state);
    put_int(cursor, job_flags(record->is_cancelled, record->is_terminated));
    put_int(cursor, record->attempts);
    put_unsigned(cursor, record->front);
    put_int(cursor, record->started_ms);
    put_int(cursor, record->stopped_ms);
    put_text(cursor, record->status_reason);
}

void get_child(Cursor *cursor, ChildRecord *ret_record)
{
    ChildRecord record = {.sequence = get_unsigned(cursor)};
    record.index = get_int32(cursor);
    record.state = (JobState)get_enum(cursor, JOB_STATE_COUNT);
    int64_t flags = get_int(cursor);
    record.is_cancelled = flags & JOB_CANCELLED;
    record.is_terminated = flags & JOB_TERMINATED;
    record.attempts = get_int32(cursor);
    record.front = get_unsigned(cursor);
    record.started_ms = get_int(cursor);
    record.stopped_ms = get_int(cursor);
    record.status_reason = get_text(cursor);
    *ret_record = record;
}

void put_range(Cursor *cursor, const RangeRecord *record)
{
    put_unsigned(cursor, record->sequence);
    put_int(cursor, record->first);
    put_int(cursor, record->last);
    put_int(cursor, record->state);
    put_int(cursor, record->is_cancelled ? JOB_CANCELLED : 0);
    put_int(cursor, record->stopped_ms);
    put_text(cursor, record->status_reason);
}

void get_range(Cursor *cursor, RangeRecord *ret_record)
{
    RangeRecord record = {.sequence = get_unsigned(cursor)};
    record.first = get_int32(cursor);
    record.last = get_int32(cursor);
    record.state = (JobState)get_enum(cursor, JOB_STATE_COUNT);
    record.is_cancelled = get_int(cursor) & JOB_CANCELLED;
    record.stopped_ms = get_int(cursor);
    record.status_reason = get_text(cursor);
    *ret_record = record;
}

/* ---- attempts ---- */

static const LaunchToken no_token;

static void put_token(Cursor *cursor, const LaunchToken *token)
{
    bool is_none = memcmp(token, &no_token, sizeof no_token) == 0;
    put_blob(cursor, token->bytes, is_none ? 0 : LAUNCH_TOKEN_BYTES);
}

/* Of a column that may be empty. */
static LaunchToken get_token(Cursor *cursor)
{
    LaunchToken token = no_token;
    View bytes = get_text(cursor);
    if (bytes.len == LAUNCH_TOKEN_BYTES)
        memcpy(token.bytes, bytes.data, LAUNCH_TOKEN_BYTES);
    else if (bytes.len > 0)
        cursor_note(cursor, SQLITE_CORRUPT);
    return token;
}

static void put_attempt_key(Cursor *cursor, const AttemptRecord *record)
{
    put_unsigned(cursor, record->sequence);
    put_int(cursor, record->index);
    put_int(cursor, record->attempt);
    put_blob(cursor, record->token.bytes, LAUNCH_TOKEN_BYTES);
}

static void put_attempt_values(Cursor *cursor, const AttemptRecord *record)
{
    put_int(cursor, record->state);
    put_int(cursor, record->vcpus_e4);
    put_int(cursor, record->memory_mib);
    put_int(cursor, record->intended_ms);
    put_int(cursor, record->started_ms);
    put_int(cursor, record->stopped_ms);
    put_int(cursor, record->exit_code);
    put_text(cursor, record->environment);
    put_text(cursor, record->reason);
    put_text(cursor, record->status_reason);
    put_token(cursor, &record->instance);
    put_text(cursor, record->host);
    put_int(cursor, record->gpus);
    put_int(cursor, record->expected_ms);
    put_text(cursor, record->task);
}

void put_attempt(Cursor *cursor, const AttemptRecord *record)
{
    put_attempt_key(cursor, record);
    put_attempt_values(cursor, record);
}

void put_attempt_changes(Cursor *cursor, const AttemptRecord *record)
{
    put_attempt_values(cursor, record);
    put_attempt_key(cursor, record);
}

void get_attempt(Cursor *cursor, AttemptRecord *ret_record)
{
    AttemptRecord record = {.sequence = get_unsigned(cursor)};
    record.index = get_int32(cursor);
    record.attempt = get_int32(cursor);
    get_bytes(cursor, record.token.bytes, LAUNCH_TOKEN_BYTES);
    record.state = (LaunchState)get_enum(cursor, LAUNCH_STATE_COUNT);
    record.vcpus_e4 = get_int(cursor);
    record.memory_mib = get_int(cursor);
    record.intended_ms = get_int(cursor);
    record.started_ms = get_int(cursor);
    record.stopped_ms = get_int(cursor);
    record.exit_code = get_int32(cursor);
    record.environment = get_text(cursor);
    record.reason = get_text(cursor);
    record.status_reason = get_text(cursor);
    record.instance = get_token(cursor);
    record.host = get_text(cursor);
    record.gpus = get_int(cursor);
    record.expected_ms = get_int(cursor);
    record.task = get_text(cursor);
    *ret_record = record;
}

/* ---- instances, run times, use ---- */

void put_instance(Cursor *cursor, const InstanceRecord *record)
{
    put_unsigned(cursor, record->number);
    put_blob(cursor, record->token.bytes, LAUNCH_TOKEN_BYTES);
    put_text(cursor, record->environment);
    put_int(cursor, record->state);
    put_int(cursor, (record->spot ? INSTANCE_SPOT : 0) | (record->ran ? INSTANCE_RAN : 0));
    put_text(cursor, record->type);
    put_text(cursor, record->provider_id);
    put_int(cursor, record->total.vcpus_e4);
    put_int(cursor, record->total.memory_mib);
    put_int(cursor, record->total.gpus);
    put_int(cursor, record->price_micro_per_h);
    put_int(cursor, record->intended_ms);
    put_int(cursor, record->registered_ms);
    put_int(cursor, record->gone_ms);
    put_unsigned(cursor, record->generation);
    put_text(cursor, record->status_reason);
}

void get_instance(Cursor *cursor, InstanceRecord *ret_record)
{
    InstanceRecord record = {.number = get_unsigned(cursor)};
    get_bytes(cursor, record.token.bytes, LAUNCH_TOKEN_BYTES);
    record.environment = get_text(cursor);
    record.state = (InstanceState)get_enum(cursor, INSTANCE_STATE_COUNT);
    int64_t flags = get_int(cursor);
    record.spot = flags & INSTANCE_SPOT;
    record.ran = flags & INSTANCE_RAN;
    record.type = get_text(cursor);
    record.provider_id = get_text(cursor);
    record.total.vcpus_e4 = get_int(cursor);
    record.total.memory_mib = get_int(cursor);
    record.total.gpus = get_int(cursor);
    record.price_micro_per_h = get_int(cursor);
    record.intended_ms = get_int(cursor);
    record.registered_ms = get_int(cursor);
    record.gone_ms = get_int(cursor);
    record.generation = get_unsigned(cursor);
    record.status_reason = get_text(cursor);
    if (record.total.vcpus_e4 < 0 || record.total.memory_mib < 0 || record.total.gpus < 0)
        cursor_note(cursor, SQLITE_CORRUPT);
    *ret_record = record;
}

void put_duration(Cursor *cursor, const DurationRecord *record)
{
    put_text(cursor, record->definition);
    put_int(cursor, record->since_ms);
    put_blob(cursor, record->counts.data, record->counts.len);
}

void get_duration(Cursor *cursor, DurationRecord *ret_record)
{
    DurationRecord record = {.definition = get_text(cursor)};
    record.since_ms = get_int(cursor);
    record.counts = get_text(cursor);
    *ret_record = record;
}

void put_usage(Cursor *cursor, const UsageRecord *record)
{
    put_text(cursor, record->queue);
    put_text(cursor, record->share);
    put_int(cursor, record->bucket_ms);
    put_int(cursor, record->first_bucket);
    put_int(cursor, record->inactive_since_ms);
    put_blob(cursor, record->amounts.data, record->amounts.len);
}

void get_usage(Cursor *cursor, UsageRecord *ret_record)
{
    UsageRecord record = {.queue = get_text(cursor)};
    record.share = get_text(cursor);
    record.bucket_ms = get_int(cursor);
    record.first_bucket = get_int(cursor);
    record.inactive_since_ms = get_int(cursor);
    record.amounts = get_text(cursor);
    *ret_record = record;
}

#define DRIFT_GIVEN_UP 1

void put_drift(Cursor *cursor, const DriftRecord *record)
{
    put_int(cursor, record->kind);
    put_text(cursor, record->name);
    put_text(cursor, record->fields);
    put_int(cursor, record->since_ms);
    put_int(cursor, record->seen_ms);
    put_int(cursor, record->told_ms);
    put_int(cursor, record->corrections);
    put_int(cursor, record->refusals);
    put_int(cursor, record->next_ms);
    put_int(cursor, record->is_given_up ? DRIFT_GIVEN_UP : 0);
    put_text(cursor, record->problem);
}

void get_drift(Cursor *cursor, DriftRecord *ret_record)
{
    DriftRecord record = {.kind = (Kind)get_enum(cursor, KIND_COUNT)};
    record.name = get_text(cursor);
    record.fields = get_text(cursor);
    record.since_ms = get_int(cursor);
    record.seen_ms = get_int(cursor);
    record.told_ms = get_int(cursor);
    record.corrections = get_int(cursor);
    record.refusals = get_int(cursor);
    record.next_ms = get_int(cursor);
    record.is_given_up = get_int(cursor) & DRIFT_GIVEN_UP;
    record.problem = get_text(cursor);
    *ret_record = record;
}

/* ---- events and settings ---- */

void put_event(Cursor *cursor, const EventRecord *record)
{
    put_unsigned(cursor, record->sequence);
    put_int(cursor, record->at_ms);
    put_text(cursor, record->type);
    put_text(cursor, record->subject);
    put_text(cursor, record->message);
    put_int(cursor, record->first);
    put_int(cursor, record->last);
    put_text(cursor, record->source);
    put_text(cursor, record->revision);
    put_text(cursor, record->details);
}

void get_event(Cursor *cursor, EventRecord *ret_record)
{
    EventRecord record = {.sequence = get_unsigned(cursor)};
    record.at_ms = get_int(cursor);
    record.type = get_text(cursor);
    record.subject = get_text(cursor);
    record.message = get_text(cursor);
    record.first = get_int32(cursor);
    record.last = get_int32(cursor);
    record.source = get_text(cursor);
    record.revision = get_text(cursor);
    record.details = get_text(cursor);
    *ret_record = record;
}

void put_setting(Cursor *cursor, const SettingRecord *record)
{
    put_text(cursor, record->name);
    put_text(cursor, record->value);
}

void get_setting(Cursor *cursor, SettingRecord *ret_record)
{
    SettingRecord record = {.name = get_text(cursor)};
    record.value = get_text(cursor);
    *ret_record = record;
}

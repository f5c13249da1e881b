#include "reconciler/world/record.h"
#include "spec/base/arena.h"

/* ---- names ---- */

static const char *const job_state_names[JOB_STATE_COUNT] = {
    "SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED",
};

const char *job_state_name(JobState state)
{
    g_assert((unsigned)state < JOB_STATE_COUNT);
    return job_state_names[state];
}

bool job_state_from_name(View name, JobState *ret_state)
{
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        if (view_is(name, job_state_names[i])) {
            *ret_state = (JobState)i;
            return true;
        }
    }
    return false;
}

bool job_state_final(JobState state)
{
    return state == JOB_SUCCEEDED || state == JOB_FAILED;
}

const char *run_state_name(RunState state)
{
    switch (state) {
    case RUN_WAITING: return "WAITING";
    case RUN_RUNNING: return "RUNNING";
    case RUN_SUCCEEDED: return "SUCCEEDED";
    case RUN_FAILED: return "FAILED";
    case RUN_CANCELLED: return "CANCELLED";
    case RUN_RECORDED: return "RECORDED";
    }
    g_assert_not_reached();
}

const char *apply_state_name(ApplyState state)
{
    switch (state) {
    case APPLY_STAGING: return "STAGING";
    case APPLY_ACTIVE: return "ACTIVE";
    case APPLY_CONVERGED: return "CONVERGED";
    case APPLY_SUPERSEDED: return "SUPERSEDED";
    case APPLY_FAILED: return "FAILED";
    case APPLY_STATE_REFUSED: return "REFUSED";
    case APPLY_STATE_BROKEN: return "BROKEN";
    case APPLY_STATE_NOTED: return "NOTED";
    }
    g_assert_not_reached();
}

const char *apply_trigger_name(ApplyTrigger trigger)
{
    switch (trigger) {
    case TRIGGER_UNKNOWN: return "";
    case TRIGGER_APPLY: return "apply";
    case TRIGGER_DESTROY: return "destroy";
    case TRIGGER_FOLLOW: return "follow";
    case TRIGGER_ROLLBACK: return "rollback";
    case TRIGGER_SUSPEND: return "suspend";
    case TRIGGER_RESUME: return "resume";
    }
    g_assert_not_reached();
}

const char *change_action_name(ChangeAction action)
{
    switch (action) {
    case CHANGE_CREATE: return "create";
    case CHANGE_UPDATE: return "update";
    case CHANGE_REPLACE: return "replace";
    case CHANGE_DELETE: return "delete";
    case CHANGE_KEEP: return "keep";
    case CHANGE_FORGET: return "forget";
    case CHANGE_OVERRIDE: return "override";
    case CHANGE_RESTORE: return "restore";
    case CHANGE_DRIFT: return "drift";
    case CHANGE_UNDRIFT: return "undrift";
    }
    g_assert_not_reached();
}

/* ---- ids: the usual text of a UUID, lower case when we write it, either case when we read it ---- */

#define JOB_ID_TEXT_LEN 36

static bool is_dash_at(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void job_id_to_text(const JobId *id, char ret_text[37])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < JOB_ID_BYTES; i++) {
        if (is_dash_at(at))
            ret_text[at++] = '-';
        ret_text[at++] = digits[id->bytes[i] >> 4];
        ret_text[at++] = digits[id->bytes[i] & 15];
    }
    ret_text[at] = '\0';
}

bool job_id_from_text(View text, JobId *ret_id)
{
    if (text.len != JOB_ID_TEXT_LEN)
        return false;
    JobId id;
    size_t byte = 0;
    for (size_t at = 0; at < JOB_ID_TEXT_LEN;) {
        if (is_dash_at(at)) {
            if (text.data[at++] != '-')
                return false;
            continue;
        }
        int high = g_ascii_xdigit_value(text.data[at]);
        int low = g_ascii_xdigit_value(text.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[byte++] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    *ret_id = id;
    return true;
}

/* Digits only, no sign, no leading zero: one text for one child. */
static bool index_from_text(View text, int32_t *ret_index)
{
    if (text.len == 0 || text.len > 9 || (text.len > 1 && text.data[0] == '0'))
        return false;
    int32_t index = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!g_ascii_isdigit(text.data[i]))
            return false;
        index = index * 10 + (text.data[i] - '0');
    }
    *ret_index = index;
    return true;
}

bool job_ref_from_text(View text, JobId *ret_id, int32_t *ret_index)
{
    JobId id;
    int32_t index = NOT_A_CHILD;
    if (text.len > JOB_ID_TEXT_LEN) {
        View rest = {text.data + JOB_ID_TEXT_LEN + 1, text.len - JOB_ID_TEXT_LEN - 1};
        if (text.data[JOB_ID_TEXT_LEN] != ':' || !index_from_text(rest, &index))
            return false;
        text.len = JOB_ID_TEXT_LEN;
    }
    if (!job_id_from_text(text, &id))
        return false;
    *ret_id = id;
    *ret_index = index;
    return true;
}

/* ---- batch ---- */

/* Each record type with its table's name, as record.h declares them. */
#define BATCH_TABLES(X)                                                                                      \
    X(ResourceRecord, resource)                                                                              \
    X(RevisionRecord, revision)                                                                              \
    X(TemplateRecord, template)                                                                              \
    X(JobRecord, job)                                                                                        \
    X(ChildRecord, child)                                                                                    \
    X(RangeRecord, range)                                                                                    \
    X(InstanceRecord, instance)                                                                              \
    X(AttemptRecord, attempt)                                                                                \
    X(RunRecord, run)                                                                                        \
    X(DurationRecord, duration)                                                                              \
    X(ApplyRecord, apply)                                                                                    \
    X(ChangeRecord, change)                                                                                  \
    X(EventRecord, event)                                                                                    \
    X(SettingRecord, setting)                                                                                \
    X(UsageRecord, usage)                                                                                    \
    X(RenameRecord, rename)                                                                                  \
    X(DriftRecord, drift)

/* A table is NULL until its first row, so that a batch of one row costs one table. */
struct Batch {
    Arena *text; /* every copied text and dependency list */
    size_t rows;
#define BATCH_MEMBER(Type, name) GArray *name;
    BATCH_TABLES(BATCH_MEMBER)
#undef BATCH_MEMBER
};

Batch *batch_new(void)
{
    Batch *batch = g_new0(Batch, 1);
    batch->text = arena_new();
    return batch;
}

void batch_free(Batch *batch)
{
    if (!batch)
        return;
#define BATCH_CLEAR(Type, name) g_clear_pointer(&batch->name, g_array_unref);
    BATCH_TABLES(BATCH_CLEAR)
#undef BATCH_CLEAR
    arena_free(batch->text);
    g_free(batch);
}

bool batch_is_empty(const Batch *batch)
{
    return batch->rows == 0;
}

size_t batch_len(const Batch *batch)
{
    return batch->rows;
}

static void own(Batch *batch, View *text)
{
    text->data = text->len ? arena_strndup(batch->text, text->data, text->len) : "";
}

static void own_resource(Batch *batch, ResourceRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->owner);
    own(batch, &row->spec);
    own(batch, &row->metadata);
    own(batch, &row->next_spec);
    own(batch, &row->file);
    own(batch, &row->status_reason);
}

static void own_revision(Batch *batch, RevisionRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->spec);
}

static void own_template(Batch *batch, TemplateRecord *row)
{
    own(batch, &row->definition);
    own(batch, &row->definition_spec);
    own(batch, &row->request);
}

static void own_job(Batch *batch, JobRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->queue);
    own(batch, &row->run);
    own(batch, &row->step);
    own(batch, &row->share_identifier);
    own(batch, &row->status_reason);
    if (row->depends_on_len == 0) {
        row->depends_on = NULL;
        return;
    }
    DependencyRecord *copy = arena_new0_n(batch->text, DependencyRecord, row->depends_on_len);
    memcpy(copy, row->depends_on, row->depends_on_len * sizeof *copy);
    row->depends_on = copy;
}

static void own_child(Batch *batch, ChildRecord *row)
{
    own(batch, &row->status_reason);
}

static void own_range(Batch *batch, RangeRecord *row)
{
    own(batch, &row->status_reason);
}

static void own_instance(Batch *batch, InstanceRecord *row)
{
    own(batch, &row->environment);
    own(batch, &row->type);
    own(batch, &row->provider_id);
    own(batch, &row->status_reason);
}

static void own_attempt(Batch *batch, AttemptRecord *row)
{
    own(batch, &row->environment);
    own(batch, &row->host);
    own(batch, &row->task);
    own(batch, &row->reason);
    own(batch, &row->status_reason);
}

static void own_run(Batch *batch, RunRecord *row)
{
    own(batch, &row->id);
    own(batch, &row->owner);
    own(batch, &row->name);
    own(batch, &row->spec);
    own(batch, &row->status_reason);
}

static void own_duration(Batch *batch, DurationRecord *row)
{
    own(batch, &row->definition);
    own(batch, &row->counts);
}

static void own_apply(Batch *batch, ApplyRecord *row)
{
    own(batch, &row->owner);
    own(batch, &row->source_path);
    own(batch, &row->revision);
    own(batch, &row->plan_id);
    own(batch, &row->message);
    own(batch, &row->summary);
    own(batch, &row->actor);
    own(batch, &row->author);
    own(batch, &row->signature);
}

static void own_change(Batch *batch, ChangeRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->owner);
    own(batch, &row->actor);
    own(batch, &row->reason);
    own(batch, &row->fields);
}

static void own_event(Batch *batch, EventRecord *row)
{
    own(batch, &row->type);
    own(batch, &row->subject);
    own(batch, &row->message);
    own(batch, &row->source);
    own(batch, &row->revision);
    own(batch, &row->details);
}

static void own_setting(Batch *batch, SettingRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->value);
}

static void own_usage(Batch *batch, UsageRecord *row)
{
    own(batch, &row->queue);
    own(batch, &row->share);
    own(batch, &row->amounts);
}

static void own_rename(Batch *batch, RenameRecord *row)
{
    own(batch, &row->from);
    own(batch, &row->to);
}

static void own_drift(Batch *batch, DriftRecord *row)
{
    own(batch, &row->name);
    own(batch, &row->fields);
    own(batch, &row->problem);
}

#define BATCH_FUNCTIONS(Type, name)                                                                          \
    void batch_put_##name(Batch *batch, const Type *record)                                                  \
    {                                                                                                        \
        if (!batch->name)                                                                                    \
            batch->name = g_array_new(FALSE, FALSE, sizeof(Type));                                           \
        Type row = *record;                                                                                  \
        own_##name(batch, &row);                                                                             \
        g_array_append_val(batch->name, row);                                                                \
        batch->rows++;                                                                                       \
    }                                                                                                        \
    const Type *batch_##name(const Batch *batch, size_t *ret_len)                                            \
    {                                                                                                        \
        *ret_len = batch->name ? batch->name->len : 0;                                                       \
        return batch->name ? (const Type *)(const void *)batch->name->data : NULL;                           \
    }
BATCH_TABLES(BATCH_FUNCTIONS)

/* world_records.h: a store in memory for the world's tests: keeps what batches say, checks that rows are
 * inserted once and updated only when they are there, and gives back what RecordSink promises. Owns:   every
 * batch put in. */
#pragma once
#include <inttypes.h>
#include "tests/support/world_fixture.h"

typedef struct {
    GPtrArray *batches;
    GTree *tables[16]; /* key text → record, borrowed from its batch */
    uint64_t event_sequence, instance_number;
    int64_t template_id, apply_id;
    uint64_t job_sequence;
} Records;

enum {
    TABLE_RESOURCE,
    TABLE_REVISION,
    TABLE_TEMPLATE,
    TABLE_DURATION,
    TABLE_RUN,
    TABLE_APPLY,
    TABLE_JOB,
    TABLE_CHILD,
    TABLE_RANGE,
    TABLE_INSTANCE,
    TABLE_ATTEMPT,
    TABLE_SETTING,
    TABLE_USAGE,
    TABLE_DRIFT,
    TABLE_COUNT
};

static inline int records_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

static inline Records *records_new(void)
{
    Records *records = g_new0(Records, 1);
    records->batches = g_ptr_array_new_with_free_func((GDestroyNotify)batch_free);
    for (int i = 0; i < TABLE_COUNT; i++)
        records->tables[i] = g_tree_new_full(records_compare, NULL, g_free, NULL);
    return records;
}

static inline void records_free(Records *records)
{
    for (int i = 0; i < TABLE_COUNT; i++)
        g_tree_unref(records->tables[i]);
    g_ptr_array_unref(records->batches);
    g_free(records);
}

/* key is taken. */
static inline void records_put(Records *records, int table, char *key, const void *record)
{
    g_tree_replace(records->tables[table], key, (gpointer)(uintptr_t)record);
}

static inline void records_put_checked(Records *records, int table, char *key, bool is_new,
                                       const void *record)
{
    bool known = g_tree_lookup(records->tables[table], key) != NULL;
    if (known == is_new)
        g_error("row %s of table %d is %s", key, table, is_new ? "inserted twice" : "updated, but not there");
    records_put(records, table, key, record);
}

#define RECORDS_EACH(Type, name, batch)                                                                      \
    size_t name##s_len;                                                                                      \
    const Type *name##s = batch_##name(batch, &name##s_len);                                                 \
    for (size_t i = 0; i < name##s_len; i++)

static inline char *records_token_key(const LaunchToken *token)
{
    GString *key = g_string_new(NULL);
    for (size_t i = 0; i < LAUNCH_TOKEN_BYTES; i++)
        g_string_append_printf(key, "%02x", token->bytes[i]);
    return g_string_free(key, FALSE);
}

static inline void records_take_resources(Records *records, const Batch *batch)
{
    RECORDS_EACH(ResourceRecord, resource, batch)
    {
        const ResourceRecord *r = &resources[i];
        char *key = g_strdup_printf("%d/" VIEW_FMT, r->kind, VIEW_ARG(r->name));
        if (r->removed) {
            g_tree_remove(records->tables[TABLE_RESOURCE], key);
            g_free(key);
        } else {
            records_put(records, TABLE_RESOURCE, key, r);
        }
    }
    RECORDS_EACH(RevisionRecord, revision, batch)
    {
        const RevisionRecord *r = &revisions[i];
        records_put(records, TABLE_REVISION,
                    g_strdup_printf(VIEW_FMT ":%010" PRId64, VIEW_ARG(r->name), r->revision), r);
    }
    RECORDS_EACH(TemplateRecord, template, batch)
    {
        const TemplateRecord *r = &templates[i];
        records_put_checked(records, TABLE_TEMPLATE, g_strdup_printf("%010" PRId64, r->id), true, r);
        records->template_id = MAX(records->template_id, r->id);
    }
    RECORDS_EACH(DurationRecord, duration, batch)
    {
        const DurationRecord *r = &durations[i];
        char *key = g_strndup(r->definition.data, r->definition.len);
        if (r->removed) {
            g_tree_remove(records->tables[TABLE_DURATION], key);
            g_free(key);
        } else {
            records_put(records, TABLE_DURATION, key, r);
        }
    }
    RECORDS_EACH(RunRecord, run, batch)
    {
        const RunRecord *r = &runs[i];
        char *key = g_strdup_printf("%d/" VIEW_FMT "/%010" PRId64, r->kind, VIEW_ARG(r->name), r->number);
        records_put_checked(records, TABLE_RUN, key, r->is_new, r);
    }
    RECORDS_EACH(ApplyRecord, apply, batch)
    {
        const ApplyRecord *r = &applys[i];
        records_put_checked(records, TABLE_APPLY, g_strdup_printf("%010" PRId64, r->id), r->is_new, r);
        records->apply_id = MAX(records->apply_id, r->id);
    }
}

static inline void records_take_jobs(Records *records, const Batch *batch)
{
    RECORDS_EACH(JobRecord, job, batch)
    {
        const JobRecord *r = &jobs[i];
        records_put_checked(records, TABLE_JOB, g_strdup_printf("%010" PRIu64, r->sequence), r->is_new, r);
        records->job_sequence = MAX(records->job_sequence, r->sequence);
    }
    RECORDS_EACH(ChildRecord, child, batch)
    {
        const ChildRecord *r = &childs[i];
        records_put_checked(records, TABLE_CHILD,
                            g_strdup_printf("%010" PRIu64 ":%06d", r->sequence, r->index), r->is_new, r);
    }
    RECORDS_EACH(RangeRecord, range, batch)
    {
        const RangeRecord *r = &ranges[i];
        records_put_checked(records, TABLE_RANGE,
                            g_strdup_printf("%010" PRIu64 ":%06d", r->sequence, r->first), true, r);
    }
    RECORDS_EACH(InstanceRecord, instance, batch)
    {
        const InstanceRecord *r = &instances[i];
        records_put_checked(records, TABLE_INSTANCE, g_strdup_printf("%010" PRIu64, r->number), r->is_new, r);
        records->instance_number = MAX(records->instance_number, r->number);
    }
    RECORDS_EACH(AttemptRecord, attempt, batch)
    {
        const AttemptRecord *r = &attempts[i];
        records_put_checked(records, TABLE_ATTEMPT, records_token_key(&r->token), r->is_new, r);
    }
}

/* All rows of a table whose key begins with "PREFIX" begin with another; a key is made of it by the caller.
 */
static inline void records_rekey(Records *records, int table, const char *from, const char *to)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (GTreeNode *node = g_tree_node_first(records->tables[table]); node; node = g_tree_node_next(node))
        if (g_str_has_prefix(g_tree_node_key(node), from))
            g_ptr_array_add(keys, g_tree_node_key(node));
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        const void *record = g_tree_lookup(records->tables[table], key);
        char *fresh = to ? g_strconcat(to, key + strlen(from), NULL) : NULL;
        g_tree_remove(records->tables[table], key);
        if (fresh)
            records_put(records, table, fresh, record);
    }
}

static inline void records_rename_environment(Records *records, const RenameRecord *rename)
{
    for (GTreeNode *node = g_tree_node_first(records->tables[TABLE_INSTANCE]); node;
         node = g_tree_node_next(node)) {
        InstanceRecord *instance = g_tree_node_value(node);
        if (view_equal(instance->environment, rename->from))
            instance->environment = rename->to;
    }
    for (GTreeNode *node = g_tree_node_first(records->tables[TABLE_ATTEMPT]); node;
         node = g_tree_node_next(node)) {
        AttemptRecord *attempt = g_tree_node_value(node);
        if (view_equal(attempt->environment, rename->from))
            attempt->environment = rename->to;
    }
}

static inline void records_take_renames(Records *records, const Batch *batch)
{
    RECORDS_EACH(RenameRecord, rename, batch)
    {
        const RenameRecord *r = &renames[i];
        g_autofree char *from = g_strdup_printf("%d/" VIEW_FMT "/", r->kind, VIEW_ARG(r->from)),
                        *to = g_strdup_printf("%d/" VIEW_FMT "/", r->kind, VIEW_ARG(r->to)),
                        *usage = g_strdup_printf(VIEW_FMT "/", VIEW_ARG(r->from));
        records_rekey(records, TABLE_RUN, from, to);
        if (r->kind == KIND_COMPUTE_ENVIRONMENT)
            records_rename_environment(records, r);
        if (r->kind != KIND_JOB_QUEUE)
            continue;
        records_rekey(records, TABLE_USAGE, usage, NULL);
        for (GTreeNode *node = g_tree_node_first(records->tables[TABLE_JOB]); node;
             node = g_tree_node_next(node)) {
            JobRecord *job = g_tree_node_value(node);
            if (view_equal(job->queue, r->from))
                job->queue = r->to;
        }
    }
}

/* Takes the batch; NULL is nothing. */
static inline void records_take(Records *records, Batch *batch)
{
    if (!batch)
        return;
    g_ptr_array_add(records->batches, batch);
    records_take_renames(records, batch);
    records_take_resources(records, batch);
    records_take_jobs(records, batch);
    RECORDS_EACH(SettingRecord, setting, batch)
    {
        g_autofree char *key = g_strndup(settings[i].name.data, settings[i].name.len);
        if (settings[i].value.len > 0)
            records_put(records, TABLE_SETTING, g_steal_pointer(&key), &settings[i]);
        else
            g_tree_remove(records->tables[TABLE_SETTING], key);
    }
    RECORDS_EACH(UsageRecord, usage, batch)
    {
        const UsageRecord *r = &usages[i];
        g_autofree char *key = g_strdup_printf(VIEW_FMT "/" VIEW_FMT, VIEW_ARG(r->queue), VIEW_ARG(r->share));
        if (r->removed)
            g_tree_remove(records->tables[TABLE_USAGE], key);
        else
            records_put(records, TABLE_USAGE, g_steal_pointer(&key), r);
    }
    RECORDS_EACH(DriftRecord, drift, batch)
    {
        const DriftRecord *r = &drifts[i];
        g_autofree char *key = g_strdup_printf("%d/" VIEW_FMT, r->kind, VIEW_ARG(r->name));
        if (r->removed)
            g_tree_remove(records->tables[TABLE_DRIFT], key);
        else
            records_put(records, TABLE_DRIFT, g_steal_pointer(&key), r);
    }
    RECORDS_EACH(EventRecord, event, batch)
    {
        g_assert_cmpuint(events[i].sequence, ==, records->event_sequence + 1); /* no gap, no repetition */
        records->event_sequence = events[i].sequence;
    }
}

static inline const JobRecord *records_job(const Records *records, uint64_t sequence)
{
    g_autofree char *key = g_strdup_printf("%010" PRIu64, sequence);
    return g_tree_lookup(records->tables[TABLE_JOB], key);
}

static inline bool records_unfinished(const Records *records, uint64_t sequence)
{
    const JobRecord *job = records_job(records, sequence);
    return job && !job_state_final(job->state);
}

/* Whether an unfinished job depends on it. */
static inline bool records_needed(const Records *records, const JobRecord *job)
{
    for (GTreeNode *node = g_tree_node_first(records->tables[TABLE_JOB]); node;
         node = g_tree_node_next(node)) {
        const JobRecord *other = g_tree_node_value(node);
        for (size_t i = 0; !job_state_final(other->state) && i < other->depends_on_len; i++)
            if (memcmp(&other->depends_on[i].on, &job->id, sizeof job->id) == 0)
                return true;
    }
    return false;
}

/* Closed, of the attempt under way of a multinode job. */
static inline bool records_of_gang(const Records *records, const AttemptRecord *attempt)
{
    const JobRecord *job = records_job(records, attempt->sequence);
    return job && job->is_multinode && (job->state == JOB_STARTING || job->state == JOB_RUNNING) &&
           attempt->attempt == job->attempts &&
           (attempt->state == LAUNCH_ENDED || attempt->state == LAUNCH_REFUSED);
}

#define RECORDS_LOAD(Type, member, table, condition)                                                         \
    for (GTreeNode *node = g_tree_node_first(records->tables[table]); node; node = g_tree_node_next(node)) { \
        const Type *r = g_tree_node_value(node);                                                             \
        if ((condition) && !sink->member(r, data, &error))                                                   \
            g_error("load: %s", error->message);                                                             \
    }

static inline void records_load(const Records *records, const RecordSink *sink, void *data)
{
    g_autoptr(GError) error = NULL;
    RECORDS_LOAD(SettingRecord, setting, TABLE_SETTING, true)
    RECORDS_LOAD(ResourceRecord, resource, TABLE_RESOURCE, true)
    RECORDS_LOAD(DriftRecord, drift, TABLE_DRIFT, true)
    RECORDS_LOAD(UsageRecord, usage, TABLE_USAGE, true)
    RECORDS_LOAD(RevisionRecord, revision, TABLE_REVISION, true)
    RECORDS_LOAD(DurationRecord, duration, TABLE_DURATION, true)
    RECORDS_LOAD(TemplateRecord, template, TABLE_TEMPLATE, true)
    RECORDS_LOAD(RunRecord, run, TABLE_RUN, true)
    RECORDS_LOAD(ApplyRecord, apply, TABLE_APPLY, r->state < APPLY_STATE_REFUSED)
    RECORDS_LOAD(JobRecord, job, TABLE_JOB, !job_state_final(r->state) || records_needed(records, r))
    RECORDS_LOAD(ChildRecord, child, TABLE_CHILD, records_unfinished(records, r->sequence))
    RECORDS_LOAD(RangeRecord, range, TABLE_RANGE, records_unfinished(records, r->sequence))
    RECORDS_LOAD(InstanceRecord, instance, TABLE_INSTANCE, r->state != INSTANCE_GONE)
    RECORDS_LOAD(AttemptRecord, attempt, TABLE_ATTEMPT,
                 r->state != LAUNCH_ENDED && r->state != LAUNCH_REFUSED)
    RECORDS_LOAD(AttemptRecord, attempt, TABLE_ATTEMPT, records_of_gang(records, r))
    Counters counters = {.job_sequence = records->job_sequence,
                         .event_sequence = records->event_sequence,
                         .instance_number = records->instance_number,
                         .template_id = records->template_id,
                         .apply_id = records->apply_id};
    if (!sink->counters(&counters, data, &error))
        g_error("load: %s", error->message);
}

/* A fresh world from what was written. */
static inline World *records_world(const Records *records)
{
    g_autoptr(GError) error = NULL;
    World *world = world_new(1, PROVIDER_LOCAL);
    records_load(records, &world_sink, world);
    if (!world_loaded(world, &error))
        g_error("world_loaded: %s", error->message);
    instance_local(world, FIXTURE_MACHINE);
    return world;
}

/* The final state of one job or child that is in the table: for world_set_final_lookup. data: Records. */
static inline bool records_final(const JobId *id, int32_t index, JobState *ret_state, int32_t *ret_size,
                                 void *data)
{
    const Records *records = data;
    for (GTreeNode *node = g_tree_node_first(records->tables[TABLE_JOB]); node;
         node = g_tree_node_next(node)) {
        const JobRecord *job = g_tree_node_value(node);
        if (memcmp(&job->id, id, sizeof *id) != 0)
            continue;
        if (index == NOT_A_CHILD) {
            *ret_state = job->state;
            *ret_size = job->array_size;
            return true;
        }
        g_autofree char *key = g_strdup_printf("%010" PRIu64 ":%06d", job->sequence, index);
        const ChildRecord *child = g_tree_lookup(records->tables[TABLE_CHILD], key);
        *ret_state = child ? child->state : JOB_FAILED; /* no row: it ended in a range */
        *ret_size = 0;
        return index < job->array_size;
    }
    return false;
}

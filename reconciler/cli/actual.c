#include "reconciler/cli/actual.h"

#include "reconciler/store/store.h"
#include "spec/base/arena.h"

/* More unfinished jobs than this are told as "this many": a plan is not worth a count of a million rows. */
#define BUSY_MAX 10000

struct Actual {
    Arena *arena;
    StoreReader *reader; /* NULL: there is no state */
    GArray *resources, *runs;
    PlanActual plan;
};

typedef struct {
    Actual *actual;
    const ManifestSet *desired;
    const char *source_name;
} Loading;

static View keep(Actual *actual, View text)
{
    return text.len ? (View){arena_strndup(actual->arena, text.data, text.len), text.len} : VIEW("");
}

static bool add_resource(const ResourceRecord *record, void *data)
{
    Loading *loading = data;
    Actual *actual = loading->actual;
    ResourceRecord copy = *record;
    copy.name = keep(actual, record->name);
    copy.owner = keep(actual, record->owner);
    copy.metadata = keep(actual, record->metadata);
    copy.file = keep(actual, record->file);
    copy.status_reason = keep(actual, record->status_reason);
    copy.spec = VIEW(""); /* asked for by actual_spec() */
    g_array_append_val(actual->resources, copy);
    return true;
}

/* A run of exactly what the manifest says is never compared field by field. */
static bool needs_spec(const Loading *loading, const RunRecord *record)
{
    const Manifest *manifest =
        loading->desired ? manifest_set_find(loading->desired, record->kind, record->name) : NULL;
    return !manifest || !digest_equal(&manifest->digest, &record->key);
}

static bool add_run(const RunRecord *record, void *data)
{
    Loading *loading = data;
    Actual *actual = loading->actual;
    RunRecord copy = *record;
    copy.id = keep(actual, record->id);
    copy.owner = keep(actual, record->owner);
    copy.name = keep(actual, record->name);
    copy.status_reason = keep(actual, record->status_reason);
    copy.spec = needs_spec(loading, record) ? keep(actual, record->spec) : VIEW("");
    g_array_append_val(actual->runs, copy);
    return true;
}

static View actual_spec(Kind kind, View name, void *data)
{
    Actual *actual = data;
    ResourceRecord record;
    bool found = false;
    if (!actual->reader || !store_reader_resource(actual->reader, kind, name, &found, &record, NULL) ||
        !found)
        return VIEW("");
    return keep(actual, record.spec);
}

static bool count_job(const StoredJob *job, void *data)
{
    (void)job;
    ++*(size_t *)data;
    return true;
}

static size_t actual_busy(Kind kind, View name, void *data)
{
    Actual *actual = data;
    if (!actual->reader || kind != KIND_JOB_QUEUE)
        return 0;
    JobFilter filter = {.queue = name, .limit = BUSY_MAX};
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        if (!job_state_final((JobState)state))
            filter.states |= 1u << state;
    size_t count = 0;
    return store_reader_jobs(actual->reader, &filter, count_job, &count, NULL) ? count : 0;
}

static bool actual_read(Loading *loading, GError **error)
{
    StoreReader *reader = loading->actual->reader;
    return store_reader_begin(reader, error) &&
           store_reader_resources(reader, RESOURCES_BRIEF, add_resource, loading, error) &&
           store_reader_runs(reader, loading->source_name, add_run, loading, error) &&
           store_reader_applied(reader, loading->source_name, &loading->actual->plan.source_known, error);
}

Actual *actual_load(const char *state_dir, const char *source_name, const ManifestSet *desired,
                    GError **error)
{
    g_autoptr(Actual) actual = g_new0(Actual, 1);
    g_autoptr(GError) cause = NULL;
    actual->arena = arena_new();
    /* Mostly there is as much as is desired, and growing 100,000 records copies them several times. */
    size_t first, jobs = desired ? manifest_set_kind(desired, KIND_JOB, &first) : 0;
    size_t others = desired ? manifest_set_len(desired) - jobs : 0;
    actual->resources = g_array_sized_new(FALSE, FALSE, sizeof(ResourceRecord), (guint)others + 16);
    actual->runs = g_array_sized_new(FALSE, FALSE, sizeof(RunRecord), (guint)jobs + 16);
    actual->reader = store_reader_open(state_dir, &cause);
    Loading loading = {actual, desired, source_name};
    if (!actual->reader && !g_error_matches(cause, STORE_ERROR, STORE_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (actual->reader && !actual_read(&loading, error))
        return NULL;
    actual->plan.resources = (const ResourceRecord *)(void *)actual->resources->data;
    actual->plan.resources_len = actual->resources->len;
    actual->plan.runs = (const RunRecord *)(void *)actual->runs->data;
    actual->plan.runs_len = actual->runs->len;
    actual->plan.spec = actual_spec;
    actual->plan.busy = actual_busy;
    actual->plan.data = actual;
    return g_steal_pointer(&actual);
}

void actual_free(Actual *actual)
{
    if (!actual)
        return;
    if (actual->reader)
        store_reader_end(actual->reader);
    store_reader_free(actual->reader);
    g_array_unref(actual->resources);
    g_array_unref(actual->runs);
    arena_free(actual->arena);
    g_free(actual);
}

const PlanActual *actual_plan(const Actual *actual)
{
    return &actual->plan;
}

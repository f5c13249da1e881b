#include "reconciler/api/committed.h"

#include "reconciler/api/state_publish.h"
#include "reconciler/plan/change.h"
#include "reconciler/world/override.h"
#include "reconciler/world/pins.h"
#include "spec/reference.h"

/* More unfinished jobs than this are told as "this many": a plan is not worth a count of a million rows. */
#define BUSY_MAX 10000

struct Committed {
    Arena *arena;
    StoreReader *reader; /* NULL: there is no state */
    char *installation;  /* NULL: none yet */
    GArray *resources, *runs;
    GArray *drifts;       /* of DriftRecord */
    GPtrArray *overrides; /* of PlanNote; NULL: not read yet */
    GPtrArray *newer;     /* of PlanNote; NULL: not read yet */
    View owner;
    PlanActual actual;
};

static View keep(Committed *committed, View text)
{
    return text.len ? (View){arena_strndup(committed->arena, text.data, text.len), text.len} : VIEW("");
}

static bool add_resource(const ResourceRecord *record, void *data)
{
    Committed *committed = data;
    ResourceRecord copy = *record;
    copy.name = keep(committed, record->name);
    copy.owner =
        view_equal(record->owner, committed->owner) ? committed->owner : keep(committed, record->owner);
    copy.metadata = keep(committed, record->metadata);
    copy.file = keep(committed, record->file);
    copy.status_reason = keep(committed, record->status_reason);
    copy.spec = copy.next_spec = VIEW(""); /* asked for where digests differ */
    g_array_append_val(committed->resources, copy);
    return true;
}

static bool add_run(const RunRecord *record, void *data)
{
    Committed *committed = data;
    RunRecord copy = *record;
    copy.id = keep(committed, record->id);
    copy.owner = committed->owner;
    copy.name = keep(committed, record->name);
    copy.status_reason = keep(committed, record->status_reason);
    copy.spec = VIEW("");
    g_array_append_val(committed->runs, copy);
    return true;
}

/* ---- what a plan asks for ---- */

static View spec_of_resource(Kind kind, View name, void *data)
{
    Committed *committed = data;
    ResourceRecord record;
    bool found = false;
    if (!committed->reader || !store_reader_resource(committed->reader, kind, name, &found, &record, NULL) ||
        !found)
        return VIEW("");
    return keep(committed, record.spec);
}

static View spec_of_run(const RunRecord *run, void *data)
{
    Committed *committed = data;
    RunRecord record;
    bool found = false;
    if (!committed->reader || !store_reader_run(committed->reader, run->id, &found, &record, NULL) || !found)
        return VIEW("");
    return keep(committed, record.spec);
}

static bool count_job(const StoredJob *job, void *data)
{
    (void)job;
    ++*(size_t *)data;
    return true;
}

static size_t busy_of(Kind kind, View name, void *data)
{
    Committed *committed = data;
    JobFilter filter = {.queue = name, .limit = BUSY_MAX};
    size_t count = 0;
    if (committed->reader && kind == KIND_COMPUTE_ENVIRONMENT)
        return store_reader_launches(committed->reader, name, &count, NULL) ? count : 0;
    if (!committed->reader || kind != KIND_JOB_QUEUE)
        return 0;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        if (!job_state_final((JobState)state))
            filter.states |= 1u << state;
    return store_reader_jobs(committed->reader, &filter, count_job, &count, NULL) ? count : 0;
}

/* ---- reading ---- */

Committed *committed_open(const char *state_dir, GError **error)
{
    g_autoptr(Committed) committed = g_new0(Committed, 1);
    g_autoptr(GError) cause = NULL;
    committed->arena = arena_new();
    committed->resources = g_array_new(FALSE, FALSE, sizeof(ResourceRecord));
    committed->runs = g_array_new(FALSE, FALSE, sizeof(RunRecord));
    committed->drifts = g_array_new(FALSE, FALSE, sizeof(DriftRecord));
    committed->installation = installation_read(state_dir, NULL); /* without: plain digests */
    committed->reader = store_reader_open(state_dir, &cause);
    if (!committed->reader && !g_error_matches(cause, STORE_ERROR, STORE_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (committed->reader && !store_reader_begin(committed->reader, error))
        return NULL;
    return g_steal_pointer(&committed);
}

void committed_free(Committed *committed)
{
    if (!committed)
        return;
    if (committed->reader)
        store_reader_end(committed->reader);
    store_reader_free(committed->reader);
    g_array_unref(committed->resources);
    g_array_unref(committed->runs);
    g_array_unref(committed->drifts);
    g_clear_pointer(&committed->overrides, g_ptr_array_unref);
    g_clear_pointer(&committed->newer, g_ptr_array_unref);
    arena_free(committed->arena);
    g_free(committed->installation);
    g_free(committed);
}

/* Puts what was read where the plan looks for it. */
static void use(Committed *committed)
{
    PlanActual *actual = &committed->actual;
    actual->resources = (const ResourceRecord *)(void *)committed->resources->data;
    actual->resources_len = committed->resources->len;
    actual->runs = (const RunRecord *)(void *)committed->runs->data;
    actual->runs_len = committed->runs->len;
    actual->drifts = (const DriftRecord *)(void *)committed->drifts->data;
    actual->drifts_len = committed->drifts->len;
    actual->spec = spec_of_resource;
    actual->run_spec = spec_of_run;
    actual->busy = busy_of;
    actual->salt = committed->installation;
    actual->data = committed;
}

static bool add_override(const SettingRecord *record, void *data)
{
    Committed *committed = data;
    g_autoptr(Override) override = override_of_setting(record->name, record->value);
    if (override)
        g_ptr_array_add(committed->overrides,
                        plan_note_new(override->kind, view_from(override->name), override_text(override)));
    return true;
}

static bool add_drift(const DriftRecord *record, void *data)
{
    Committed *committed = data;
    DriftRecord copy = *record;
    copy.name = keep(committed, record->name);
    copy.fields = keep(committed, record->fields);
    copy.problem = keep(committed, record->problem);
    g_array_append_val(committed->drifts, copy);
    return true;
}

static void note_free(void *note)
{
    plan_note_free(note);
}

static bool add_newer(const SettingRecord *record, void *data)
{
    Committed *committed = data;
    View environment;
    char *newer = pins_newer_of_setting(record->name, record->value, &environment);
    if (newer)
        g_ptr_array_add(committed->newer, plan_note_new(KIND_COMPUTE_ENVIRONMENT, environment, newer));
    return true;
}

/* Of any resource: settings that plans show and do not change. */
static bool read_standing(Committed *committed, GError **error)
{
    StoreReader *reader = committed->reader;
    committed->overrides = g_ptr_array_new_with_free_func(note_free);
    committed->newer = g_ptr_array_new_with_free_func(note_free);
    committed->actual.overrides = committed->overrides;
    committed->actual.newer = committed->newer;
    return !reader || (store_reader_settings(reader, OVERRIDE_SETTING, add_override, committed, error) &&
                       store_reader_settings(reader, PINS_SETTING, add_newer, committed, error));
}

bool committed_read(Committed *committed, const char *owner, GError **error)
{
    StoreReader *reader = committed->reader;
    committed->owner = keep(committed, view_from(owner));
    if (reader && (!store_reader_resources(reader, DETAIL_BRIEF, add_resource, committed, error) ||
                   !store_reader_runs(reader, owner, DETAIL_BRIEF, add_run, committed, error) ||
                   !store_reader_drifts(reader, add_drift, committed, error) ||
                   !store_reader_applied(reader, owner, &committed->actual.source_known, error)))
        return false;
    if (!read_standing(committed, error))
        return false;
    use(committed);
    return true;
}

static int compare_records(const void *a, const void *b)
{
    const ResourceRecord *first = a, *second = b;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    return view_compare(first->name, second->name);
}

static bool read_resource(Committed *committed, Kind kind, View name, GError **error)
{
    ResourceRecord record;
    bool found = false;
    if (!store_reader_resource(committed->reader, kind, name, &found, &record, error))
        return false;
    return !found || add_resource(&record, committed);
}

/* Definitions of other sources join run keys. */
static bool read_foreign_definitions(Committed *committed, const ManifestSet *part, const Manifest *manifest,
                                     GHashTable *seen, GError **error)
{
    for (size_t i = 0; i < manifest->references_len; i++) {
        const ManifestReference *reference = &manifest->references[i];
        View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
        if (reference->kind != KIND_JOB_DEFINITION || manifest_set_find(part, reference->kind, name) ||
            !g_hash_table_add(seen, g_strndup(name.data, name.len)))
            continue;
        if (!read_resource(committed, reference->kind, name, error))
            return false;
    }
    return true;
}

bool committed_read_part(Committed *committed, const char *owner, const ManifestSet *part, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    committed->owner = keep(committed, view_from(owner));
    for (size_t i = 0; committed->reader && i < manifest_set_len(part); i++) {
        const Manifest *manifest = manifest_set_get(part, i);
        bool runs = manifest->kind == KIND_JOB || manifest->kind == KIND_PIPELINE;
        if (!read_resource(committed, manifest->kind, manifest->name, error) ||
            !read_foreign_definitions(committed, part, manifest, seen, error))
            return false;
        if (runs && !store_reader_runs_of(committed->reader, manifest->kind, manifest->name, owner, add_run,
                                          committed, error))
            return false;
    }
    g_array_sort(committed->resources, compare_records);
    committed->actual.source_known = true;
    if (!read_standing(committed, error))
        return false;
    use(committed);
    return true;
}

bool committed_exists(const Committed *committed)
{
    return committed->reader != NULL;
}

const PlanActual *committed_actual(const Committed *committed)
{
    return &committed->actual;
}

bool committed_knows(Committed *committed, Kind kind, View name, const char *owner)
{
    ResourceRecord record;
    bool found = false;
    return committed->reader && store_reader_resource(committed->reader, kind, name, &found, &record, NULL) &&
           found && record.phase == RESOURCE_ACTIVE && !view_is(record.owner, owner);
}

bool committed_position(const Committed *committed, StorePosition *ret_position)
{
    return committed->reader && store_reader_position(committed->reader, ret_position, NULL);
}

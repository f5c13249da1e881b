/* changed_outside.c: what was observed to differ from what was applied, told with what becomes of it. It is
 * no change of the plan: whoever hosts puts it back by itself. */
#include "reconciler/plan/change.h"
#include "reconciler/world/drift.h"
#include <string.h>

void plan_drift_free(void *data)
{
    PlanDrift *drift = data;
    g_free(drift->name);
    g_free(drift->fields);
    g_free(drift->problem);
    g_ptr_array_unref(drift->sentences);
    g_free(drift);
}

static const Change *change_of(const Plan *plan, Kind kind, const char *name)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        if (change->kind == kind && strcmp(change->name, name) == 0)
            return change;
    }
    return NULL;
}

static const FieldChange *field_of(const Change *change, const char *path)
{
    for (guint i = 0; change && path && i < change->fields->len; i++) {
        const FieldChange *field = change->fields->pdata[i];
        if (strcmp(field->path, path) == 0)
            return field;
    }
    return NULL;
}

/* New string. */
static char *what_becomes(const Change *change, const json_t *field, const DriftRecord *record,
                          DriftMode mode)
{
    const json_t *applied = json_object_get(field, "applied");
    const FieldChange *planned = field_of(change, json_string_value(json_object_get(field, "path")));
    if (change && change->action == ACTION_DELETE)
        return g_strdup("goes with it");
    if (planned)
        return g_strdup("this plan changes it");
    if (mode == DRIFT_WARN)
        return g_strdup("left so (muster/drift: warn)");
    if (record->is_given_up)
        return g_strdup("stays so");
    g_autofree char *text = applied ? spec_text(applied) : NULL;
    return text ? g_strdup_printf("will be %s again", text) : g_strdup("will be removed again");
}

static void add_sentence(PlanDrift *drift, const json_t *field, const Change *change,
                         const DriftRecord *record, DriftMode mode)
{
    char *words = drift_field_words(field);
    if (!json_object_get(field, "omitted")) {
        g_autofree char *becomes = what_becomes(change, field, record, mode), *plain = words;
        words = g_strdup_printf("%s; %s", plain, becomes);
    }
    g_ptr_array_add(drift->sentences, words);
}

static PlanDrift *drift_new(const Plan *plan, const DriftRecord *record, DriftMode mode)
{
    PlanDrift *drift = g_new0(PlanDrift, 1);
    drift->kind = record->kind;
    drift->name = g_strndup(record->name.data, record->name.len);
    drift->mode = drift_mode_name(mode);
    drift->since_ms = record->since_ms;
    drift->problem = record->problem.len ? g_strndup(record->problem.data, record->problem.len) : NULL;
    drift->sentences = g_ptr_array_new_with_free_func(g_free);
    const Change *change = change_of(plan, drift->kind, drift->name);
    g_autofree char *fields = g_strndup(record->fields.data, record->fields.len);
    json_t *list = drift_fields_shown(fields), *field;
    size_t i;
    drift->fields = spec_text(list);
    json_array_foreach(list, i, field)
    {
        add_sentence(drift, field, change, record, mode);
    }
    json_decref(list);
    return drift;
}

/* As it will be: what the manifest says, where there is one. */
static DriftMode mode_of(const Plan *plan, const ResourceRecord *resource)
{
    const Manifest *manifest =
        plan->desired ? manifest_set_find(plan->desired, resource->kind, resource->name) : NULL;
    return drift_mode(manifest ? manifest->metadata : resource->metadata);
}

void note_changed_outside(Plan *plan, const PlanActual *actual, const PlanOptions *options)
{
    for (size_t i = 0; i < actual->drifts_len; i++) {
        const DriftRecord *record = &actual->drifts[i];
        const ResourceRecord *resource = actual_find(actual, record->kind, record->name);
        if (record->fields.len == 0 || !resource || !view_is(resource->owner, options->source_name) ||
            !only_selects(options->only, record->kind, record->name))
            continue;
        DriftMode mode = mode_of(plan, resource);
        if (mode != DRIFT_IGNORE)
            g_ptr_array_add(plan->drift, drift_new(plan, record, mode));
    }
}

char *drift_heading(const GPtrArray *drift)
{
    int64_t since_ms = INT64_MAX;
    for (guint i = 0; i < drift->len; i++)
        since_ms = MIN(since_ms, ((const PlanDrift *)drift->pdata[i])->since_ms);
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(since_ms / 1000);
    g_autofree char *time = at ? g_date_time_format(at, "%F %H:%M UTC") : g_strdup("-");
    return g_strdup_printf("Changed outside since %s", time);
}

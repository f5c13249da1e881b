/* plan.c: the plan value, its changes and notes. */
#include "reconciler/plan/change.h"
#include "spec/base/units.h"
#include <jansson.h>

const char *action_name(ActionType action)
{
    switch (action) {
    case ACTION_CREATE: return "create";
    case ACTION_UPDATE: return "update";
    case ACTION_REPLACE: return "replace";
    case ACTION_DELETE: return "delete";
    case ACTION_RUN: return "run";
    }
    g_assert_not_reached();
}

static void free_field(void *field)
{
    field_change_free(field);
}

GPtrArray *fields_new(void)
{
    return g_ptr_array_new_with_free_func(free_field);
}

/* Of the many changes that have none. */
static GPtrArray *no_fields(void)
{
    static GPtrArray *none;
    if (g_once_init_enter(&none))
        g_once_init_leave(&none, g_ptr_array_new());
    return none;
}

static const char *const no_names[] = {NULL};

Change *change_new(Plan *plan, ActionType action, Kind kind, View name)
{
    Change *change = arena_new0(plan->arena, Change);
    change->action = action;
    change->kind = kind;
    change->name = arena_strndup(plan->arena, name.data, name.len);
    change->file = change->reason = "";
    change->depends_on = no_names;
    change->fields = no_fields();
    return change;
}

/* The rest of it is in the arena. */
static void change_clear(void *data)
{
    Change *change = data;
    if (change->fields != no_fields())
        g_ptr_array_unref(change->fields);
}

void change_take_reason(Plan *plan, Change *change, char *reason)
{
    change->reason = arena_strndup(plan->arena, reason, strlen(reason));
    g_free(reason);
}

void change_take_sub_steps(Plan *plan, Change *change, GPtrArray *steps)
{
    if (!steps)
        return;
    const char **copies = arena_new0_n(plan->arena, const char *, steps->len + 1);
    for (guint i = 0; i < steps->len; i++) {
        char *step = g_ptr_array_index(steps, i);
        copies[i] = arena_strndup(plan->arena, step, strlen(step));
        g_free(step);
    }
    g_ptr_array_free(steps, TRUE);
    change->sub_steps = copies;
}

void change_take_fields(Change *change, GPtrArray *fields)
{
    change_clear(change);
    change->fields = fields;
}

void change_set_manifest(Change *change, const Manifest *manifest)
{
    change->manifest = manifest;
    change->file = manifest->file ? manifest->file : "";
    change->line = manifest->line;
}

PlanNote *plan_note_new(Kind kind, View name, char *message)
{
    PlanNote *note = g_new0(PlanNote, 1);
    note->kind = kind;
    note->name = g_strndup(name.data, name.len);
    note->message = message;
    return note;
}

void plan_note_free(PlanNote *note)
{
    if (!note)
        return;
    g_free(note->name);
    g_free(note->message);
    g_free(note);
}

const char *note_kind_name(const PlanNote *note)
{
    return note->kind < KIND_COUNT ? kind_name(note->kind) : "";
}

static GPtrArray *new_notes(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))plan_note_free);
}

Plan *plan_new(ManifestSet *desired, const PlanOptions *options)
{
    Plan *plan = g_new0(Plan, 1);
    plan->arena = arena_new();
    plan->desired = desired ? manifest_set_ref(desired) : NULL;
    plan->source_name = g_strdup(options->source_name);
    plan->revision = g_strdup(desired ? manifest_set_revision(desired) : "");
    plan->changes = g_ptr_array_new_with_free_func(change_clear);
    plan->drift = g_ptr_array_new_with_free_func(plan_drift_free);
    plan->pending = new_notes();
    plan->kept = new_notes();
    plan->unmanaged = new_notes();
    plan->warnings = new_notes();
    plan->newer = new_notes();
    plan->overridden = new_notes();
    plan->destroys = options->destroy;
    plan->compared_with = g_strdup(options->compared_with);
    return plan;
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    g_free(plan->source_name);
    g_free(plan->revision);
    g_free(plan->id);
    g_free(plan->salt);
    g_free(plan->compared_with);
    g_ptr_array_unref(plan->changes);
    g_ptr_array_unref(plan->drift);
    g_ptr_array_unref(plan->pending);
    g_ptr_array_unref(plan->kept);
    g_ptr_array_unref(plan->unmanaged);
    g_ptr_array_unref(plan->warnings);
    g_ptr_array_unref(plan->newer);
    g_ptr_array_unref(plan->overridden);
    arena_free(plan->arena);
    if (plan->desired)
        manifest_set_unref(plan->desired); /* changes point into it */
    g_free(plan);
}

bool plan_is_empty(const Plan *plan)
{
    return plan->changes->len == 0;
}

void change_append_title(const Change *change, GString *out)
{
    g_string_append(out, change->recorded ? "record" : action_name(change->action));
    g_string_append_c(out, ' ');
    g_string_append(out, kind_name(change->kind));
    g_string_append_c(out, '/');
    g_string_append(out, change->name);
}

void append_count(GString *out, size_t count, const char *noun)
{
    g_autofree char *human = integer_human((int64_t)count);
    g_string_append_printf(out, "%s %s%s", human, noun, count == 1 ? "" : "s");
}

/* ---- metadata: {"annotations":{name:text},"labels":{name:text}}
 * -------------------------------------------------- */

static char *dump_value(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    char *copy = g_strdup(text);
    free(text);
    return copy;
}

static void metadata_field(GPtrArray *fields, const char *group, const char *name, const json_t *before,
                           const json_t *after)
{
    FieldChange *field = g_new0(FieldChange, 1);
    field->path = g_strdup_printf("metadata.%s.%s", group, name);
    field->before = before ? dump_value(before) : NULL;
    field->after = after ? dump_value(after) : NULL;
    field->effect = UPDATE_IN_PLACE;
    g_ptr_array_add(fields, field);
}

static void metadata_group(GPtrArray *fields, size_t *unchanged, const char *group, json_t *before,
                           json_t *after)
{
    const char *name;
    json_t *value;
    json_object_foreach(before, name, value)
    {
        json_t *now = json_object_get(after, name);
        if (now && json_equal(now, value))
            (*unchanged)++;
        else
            metadata_field(fields, group, name, value, now);
    }
    json_object_foreach(after, name, value)
    {
        if (!json_object_get(before, name))
            metadata_field(fields, group, name, NULL, value);
    }
}

static int compare_fields(gconstpointer a, gconstpointer b)
{
    const FieldChange *const *first = a, *const *second = b;
    return strcmp((*first)->path, (*second)->path);
}

static void formerly_compare(GPtrArray *fields, size_t *unchanged, const json_t *before, const json_t *after)
{
    if (!before && !after)
        return;
    if (before && after && json_equal(before, after)) {
        (*unchanged)++;
        return;
    }
    FieldChange *field = g_new0(FieldChange, 1);
    field->path = g_strdup("metadata.formerly");
    field->before = before ? dump_value(before) : NULL;
    field->after = after ? dump_value(after) : NULL;
    field->effect = UPDATE_IN_PLACE;
    g_ptr_array_add(fields, field);
}

void metadata_compare(View before, View after, GPtrArray *fields, size_t *unchanged)
{
    json_t *old = json_loadb(before.data ? before.data : "", before.len, 0, NULL);
    json_t *new = json_loadb(after.data ? after.data : "", after.len, 0, NULL);
    static const char *const groups[] = {"annotations", "labels"};
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
        metadata_group(fields, unchanged, groups[i], json_object_get(old, groups[i]),
                       json_object_get(new, groups[i]));
    formerly_compare(fields, unchanged, json_object_get(old, "formerly"), json_object_get(new, "formerly"));
    g_ptr_array_sort(fields, compare_fields);
    json_decref(old);
    json_decref(new);
}

char **public_names_before(const GPtrArray *fields, View metadata)
{
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        if (strcmp(field->path, "metadata.annotations." REDACT_PUBLIC_ANNOTATION) != 0)
            continue;
        g_autofree char *before = g_strdup_printf("{\"annotations\":{\"" REDACT_PUBLIC_ANNOTATION "\":%s}}",
                                                  field->before ? field->before : "null");
        return redact_public_names(view_from(before));
    }
    return redact_public_names(metadata);
}

/* ---- reasons
 * ------------------------------------------------------------------------------------------------------ */

/* A replacement outweighs a new revision, that a rolling update, that one in place. */
static int effect_weight(UpdateEffect effect)
{
    switch (effect) {
    case UPDATE_IN_PLACE: return 0;
    case UPDATE_ROLLING: return 1;
    case UPDATE_REVISION: return 2;
    case UPDATE_REPLACE: return 3;
    }
    g_assert_not_reached();
}

UpdateEffect fields_effect(const GPtrArray *fields)
{
    UpdateEffect strongest = UPDATE_IN_PLACE;
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        if (effect_weight(field->effect) > effect_weight(strongest))
            strongest = field->effect;
    }
    return strongest;
}

#define REASON_FIELDS_MAX 3
char *change_reason(const GPtrArray *fields)
{
    UpdateEffect effect = fields_effect(fields);
    GString *reason = g_string_new(update_effect_name(effect));
    size_t named = 0, more = 0;
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        if (field->effect != effect)
            continue;
        if (named == REASON_FIELDS_MAX) {
            more++;
            continue;
        }
        const char *path =
            g_str_has_prefix(field->path, "spec.") ? field->path + strlen("spec.") : field->path;
        g_string_append_printf(reason, "%s%s", named++ ? ", " : ": ", path);
    }
    if (more)
        g_string_append_printf(reason, " and %zu more", more);
    return g_string_free(reason, FALSE);
}

bool change_is_whole(const Change *change)
{
    return change->manifest && digest_is_zero(&change->before) &&
           (change->action == ACTION_CREATE || change->action == ACTION_RUN);
}

GPtrArray *change_fields(const Change *change)
{
    if (change_is_whole(change)) {
        GPtrArray *fields = compare_specs(change->kind, (View){"", 0}, change->manifest->spec);
        GPtrArray *metadata = g_ptr_array_new();
        size_t unchanged = 0;
        metadata_compare((View){"{}", 2}, change->manifest->metadata, metadata, &unchanged);
        for (guint i = 0; i < metadata->len; i++)
            g_ptr_array_insert(fields, (int)i, g_ptr_array_index(metadata, i));
        g_ptr_array_unref(metadata);
        return fields;
    }
    GPtrArray *fields = fields_new();
    for (guint i = 0; i < change->fields->len; i++) {
        g_ptr_array_add(fields, field_change_copy(g_ptr_array_index(change->fields, i)));
    }
    return fields;
}

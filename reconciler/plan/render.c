/* render.c: see render.h. */
#include "reconciler/plan/render.h"
#include "reconciler/plan/json_walk.h"

#define VALUE_MAX 160 /* bytes of one value shown to people; the JSON rendering has all of it */

const char *change_symbol(const Change *change)
{
    switch (change->action) {
    case ACTION_CREATE: return "+";
    case ACTION_UPDATE: return "~";
    case ACTION_REPLACE: return "-/+";
    case ACTION_DELETE: return "-";
    case ACTION_RUN: return ">";
    }
    g_assert_not_reached();
}

void render_safe(View text, GString *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool is_c1 = byte == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f || is_c1) {
            g_string_append_c(out, '?');
            i += is_c1;
        } else {
            g_string_append_c(out, (char)byte);
        }
    }
}

static bool reads_as_text(View text)
{
    if (text.len == 0 || view_is(text, "true") || view_is(text, "false") || view_is(text, "null"))
        return false;
    if (!g_ascii_isalpha(text.data[0]) && text.data[0] != '/' && text.data[0] != '_')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!g_ascii_isalnum(text.data[i]) && !strchr("_-./:@+=%", text.data[i]))
            return false;
    return true;
}

static void render_value(View value, int depth, GString *out);

static void render_items(View value, int depth, GString *out)
{
    JsonWalk walk = json_walk_from(value);
    View item;
    const char *between = "";
    json_walk_enter(&walk, '[');
    g_string_append_c(out, '[');
    for (; out->len < VALUE_MAX * 8 && json_walk_item(&walk, &item); between = ", ") {
        g_string_append(out, between);
        render_value(item, depth + 1, out);
    }
    g_string_append_c(out, ']');
}

static void render_members(View value, int depth, GString *out)
{
    JsonWalk walk = json_walk_from(value);
    View key, member;
    const char *between = "";
    json_walk_enter(&walk, '{');
    g_string_append_c(out, '{');
    for (; out->len < VALUE_MAX * 8 && json_walk_member(&walk, &key, &member); between = ", ") {
        g_string_append(out, between);
        render_safe(key, out);
        g_string_append(out, ": ");
        render_value(member, depth + 1, out);
    }
    g_string_append_c(out, '}');
}

static void render_value(View value, int depth, GString *out)
{
    View text;
    if (value.len > 0 && value.data[0] == '[' && depth < 8)
        render_items(value, depth, out);
    else if (value.len > 0 && value.data[0] == '{' && depth < 8)
        render_members(value, depth, out);
    else if (json_walk_plain_string(value, &text) && reads_as_text(text))
        g_string_append_len(out, text.data, (gssize)text.len);
    else
        render_safe(value, out);
}

static void render_short_value(const char *json, GString *out)
{
    g_autoptr(GString) value = g_string_new(NULL);
    render_value(view_from(json), 0, value);
    if (value->len > VALUE_MAX) {
        const char *end = g_utf8_find_prev_char(value->str, value->str + VALUE_MAX);
        g_string_truncate(value, end ? (gsize)(end - value->str) : VALUE_MAX);
        g_string_append(value, "...");
    }
    g_string_append_len(out, value->str, (gssize)value->len);
}

char field_sign(const FieldChange *field)
{
    if (!field->before)
        return '+';
    return field->after ? '~' : '-';
}

void render_field(const FieldChange *field, GString *out)
{
    const char *path = g_str_has_prefix(field->path, "spec.") ? field->path + strlen("spec.") : field->path;
    render_safe(view_from(path), out);
    g_string_append(out, ": ");
    if (field->before)
        render_short_value(field->before, out);
    if (field->before && field->after)
        g_string_append(out, " -> ");
    if (field->after)
        render_short_value(field->after, out);
}

GHashTable *render_pipelines(const Plan *plan)
{
    GHashTable *pipelines = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < plan->changes->len; i++) {
        Change *change = g_ptr_array_index(plan->changes, i);
        if (change->kind == KIND_PIPELINE && change->action != ACTION_RUN)
            g_hash_table_insert(pipelines, (gpointer)(uintptr_t)change->name, change);
    }
    return pipelines;
}

static bool same_fields(const GPtrArray *fields, const GPtrArray *others)
{
    if (fields->len != others->len)
        return false;
    for (guint i = 0; i < fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i), *other = g_ptr_array_index(others, i);
        if (strcmp(field->path, other->path) != 0 || g_strcmp0(field->before, other->before) != 0 ||
            g_strcmp0(field->after, other->after) != 0)
            return false;
    }
    return true;
}

bool render_repeats(const Change *run, GHashTable *pipelines)
{
    bool is_run = run->action == ACTION_RUN && run->kind == KIND_PIPELINE;
    const Change *change = is_run ? g_hash_table_lookup(pipelines, run->name) : NULL;
    if (!change)
        return false;
    if (change_is_whole(change))
        return true;
    return !change_is_whole(run) && same_fields(run->fields, change->fields);
}

void render_summary(const Plan *plan, GString *out)
{
    /* A replacement is one to add and one to destroy, as Terraform counts. */
    size_t replaced = plan->counts[ACTION_REPLACE];
    g_string_append_printf(out, "Plan: %zu to add, %zu to change, %zu to destroy",
                           plan->counts[ACTION_CREATE] + replaced, plan->counts[ACTION_UPDATE],
                           plan->counts[ACTION_DELETE] + replaced);
    if (plan->counts[ACTION_RUN] > 0)
        g_string_append_printf(out, ", %zu to run", plan->counts[ACTION_RUN]);
    if (plan->recorded > 0)
        g_string_append_printf(out, ", %zu to record as done", plan->recorded);
    g_string_append_c(out, '.');
}

void render_no_changes(const Plan *plan, GString *out)
{
    if (plan->destroys) {
        g_string_append(out, "No changes. Nothing that source ");
        render_safe(view_from(plan->source_name), out);
        g_string_append(out, " owns is left to destroy.");
        return;
    }
    if (plan->foreign > 0) {
        g_string_append_printf(out, "No changes can be made: of what source ");
        render_safe(view_from(plan->source_name), out);
        g_string_append_printf(out, " declares, %zu belong%s to another.", plan->foreign,
                               plan->foreign == 1 ? "s" : "");
        return;
    }
    g_string_append(out, "No changes. What is there matches source ");
    render_safe(view_from(plan->source_name), out);
    if (plan->pending->len > 0)
        g_string_append_printf(out, ", apart from %u pending.", plan->pending->len);
    else
        g_string_append_c(out, '.');
}

void render_short(const char *id, GString *out)
{
    size_t len = strlen(id);
    render_safe((View){id, MIN(len, SHORT_ID)}, out);
}

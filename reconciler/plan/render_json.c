/* render_json.c: a plan for programs; formatVersion 1. */
#include "reconciler/plan/change.h"

#define FORMAT_VERSION 1

static const char *escape_of(unsigned char byte)
{
    switch (byte) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return NULL;
    }
}

void json_append_string(GString *out, View text)
{
    g_string_append_c(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        const char *escape = escape_of(byte);
        if (!escape && byte >= 0x20 && byte != 0x7f)
            continue;
        g_string_append_len(out, text.data + start, (gssize)(i - start));
        start = i + 1;
        if (escape)
            g_string_append(out, escape);
        else
            g_string_append_printf(out, "\\u%04x", byte);
    }
    g_string_append_len(out, text.data + start, (gssize)(text.len - start));
    g_string_append_c(out, '"');
}

/* File names need not be UTF-8, JSON must be. */
static void append_string(GString *out, const char *text)
{
    if (g_utf8_validate(text, -1, NULL)) {
        json_append_string(out, view_from(text));
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    json_append_string(out, view_from(valid));
}

static void append_member(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, "\"%s\":", name);
    append_string(out, value);
}

static void append_strings(GString *out, const char *name, const char *const *texts)
{
    g_string_append_printf(out, "\"%s\":[", name);
    for (const char *const *text = texts; text && *text; text++) {
        if (text != texts)
            g_string_append_c(out, ',');
        append_string(out, *text);
    }
    g_string_append_c(out, ']');
}

static void append_field(GString *out, const FieldChange *field)
{
    g_string_append_c(out, '{');
    append_member(out, "path", field->path);
    g_string_append_printf(out, ",\"before\":%s,\"after\":%s,\"effect\":\"%s\"}",
                           field->before ? field->before : "null", field->after ? field->after : "null",
                           update_effect_name(field->effect));
}

static void append_fields(GString *out, const Change *change)
{
    GPtrArray *fields = change_is_whole(change) ? change_fields(change) : g_ptr_array_ref(change->fields);
    g_string_append(out, "\"fields\":[");
    for (guint i = 0; i < fields->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        append_field(out, g_ptr_array_index(fields, i));
    }
    g_string_append_c(out, ']');
    g_ptr_array_unref(fields);
}

static void append_change(GString *out, const Change *change)
{
    g_string_append_printf(out, "{\"action\":\"%s\",\"kind\":\"%s\",", action_name(change->action),
                           kind_name(change->kind));
    append_member(out, "name", change->name);
    g_string_append_c(out, ',');
    if (change->formerly) {
        append_member(out, "formerly", change->formerly);
        g_string_append_c(out, ',');
    }
    append_member(out, "file", change->file);
    g_string_append_printf(out, ",\"line\":%d,", change->line);
    append_member(out, "reason", change->reason);
    g_string_append_c(out, ',');
    append_strings(out, "dependsOn", change->depends_on);
    g_string_append_c(out, ',');
    if (change->sub_steps) {
        append_strings(out, "steps", change->sub_steps);
        g_string_append_c(out, ',');
    }
    if (change->action == ACTION_RUN) {
        char hex[2 * DIGEST_BYTES + 1];
        digest_to_hex(&change->run_key, hex);
        g_string_append_printf(out, "\"runKey\":\"%s\",\"recorded\":%s,", hex,
                               change->recorded ? "true" : "false");
    }
    append_fields(out, change);
    g_string_append_printf(out, ",\"unchangedFields\":%zu}", change->unchanged_fields);
}

static void append_notes(GString *out, const char *name, const GPtrArray *notes)
{
    g_string_append_printf(out, ",\n \"%s\":[", name);
    for (guint i = 0; i < notes->len; i++) {
        const PlanNote *note = g_ptr_array_index(notes, i);
        g_string_append_printf(out, "%s{\"kind\":\"%s\",", i > 0 ? ",\n  " : "\n  ", note_kind_name(note));
        append_member(out, "name", note->name);
        g_string_append_c(out, ',');
        append_member(out, "message", note->message);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

/* The sentences of one, a line each. New string. */
static char *join(const GPtrArray *sentences)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < sentences->len; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", (const char *)sentences->pdata[i]);
    return g_string_free(out, FALSE);
}

static void append_drift(GString *out, const GPtrArray *all)
{
    g_string_append(out, ",\n \"drift\":[");
    for (guint i = 0; i < all->len; i++) {
        const PlanDrift *drift = all->pdata[i];
        g_autofree char *message = join(drift->sentences);
        g_string_append_printf(out, "%s{\"kind\":\"%s\",", i > 0 ? ",\n  " : "\n  ", kind_name(drift->kind));
        append_member(out, "name", drift->name);
        g_string_append_printf(out, ",\"mode\":\"%s\",\"since\":%" G_GINT64_FORMAT ",\"fields\":%s,",
                               drift->mode, drift->since_ms, drift->fields);
        append_member(out, "message", message);
        if (drift->problem) {
            g_string_append_c(out, ',');
            append_member(out, "problem", drift->problem);
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

static void append_summary(GString *out, const Plan *plan)
{
    g_string_append(out, ",\n \"summary\":{");
    for (int action = 0; action < (int)G_N_ELEMENTS(plan->counts); action++)
        g_string_append_printf(out, "\"%s\":%zu,", action_name((ActionType)action), plan->counts[action]);
    if (plan->recorded > 0)
        g_string_append_printf(out, "\"record\":%zu,", plan->recorded);
    g_string_append_printf(out, "\"unchanged\":%zu}", plan->unchanged);
}

static void render_json(const Plan *plan, guint max, const PlanForecast *forecast, GString *out)
{
    guint shown = MIN(max, plan->changes->len);
    g_string_append_printf(out, "{\"formatVersion\":%d,", FORMAT_VERSION);
    append_member(out, "id", plan->id);
    g_string_append(out, ",\"source\":{");
    append_member(out, "name", plan->source_name);
    g_string_append_c(out, ',');
    append_member(out, "revision", plan->revision);
    g_string_append_c(out, '}');
    if (plan->compared_with) {
        g_string_append_c(out, ',');
        append_member(out, "comparedWith", plan->compared_with);
    }
    g_string_append_printf(out, ",\"destroy\":%s,\n \"changes\":[", plan->destroys ? "true" : "false");
    for (guint i = 0; i < shown; i++) {
        g_string_append(out, i > 0 ? ",\n  " : "\n  ");
        append_change(out, g_ptr_array_index(plan->changes, i));
    }
    g_string_append_c(out, ']');
    if (shown < plan->changes->len)
        g_string_append_printf(out, ",\n \"omittedChanges\":%u", plan->changes->len - shown);
    append_drift(out, plan->drift);
    if (plan->newer->len > 0)
        append_notes(out, "newer", plan->newer);
    if (plan->overridden->len > 0)
        append_notes(out, "overridden", plan->overridden);
    append_notes(out, "pending", plan->pending);
    append_notes(out, "kept", plan->kept);
    append_notes(out, "unmanaged", plan->unmanaged);
    append_notes(out, "warnings", plan->warnings);
    append_summary(out, plan);
    if (forecast)
        g_string_append_printf(out, ",\n \"forecast\":%s", forecast->json);
    g_string_append(out, "}\n");
}

void plan_render_json(const Plan *plan, const PlanForecast *forecast, GString *out)
{
    render_json(plan, G_MAXUINT, forecast, out);
}

void plan_render_json_head(const Plan *plan, guint max, GString *out)
{
    render_json(plan, max, NULL, out);
}

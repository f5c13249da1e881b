/* render_markdown.c: a plan as a comment on a pull request. */
#include "reconciler/plan/render.h"

/* A comment on GitHub holds 65,536 characters: what goes beyond is counted, not shown. */
#define TABLE_ROWS   200
#define DETAIL_ROWS  100
#define NOTES_SHOWN  20
#define FIELDS_SHOWN 40

/* Text inside a table cell: no markup, no new column. */
static void append_cell(GString *out, const char *text)
{
    g_autoptr(GString) safe = g_string_new(NULL);
    render_safe(view_from(text), safe);
    for (const char *at = safe->str; *at; at++) {
        if (*at == '<')
            g_string_append(out, "&lt;");
        else if (*at == '&')
            g_string_append(out, "&amp;");
        else {
            if (strchr("|`*_[]\\@#~", *at))
                g_string_append_c(out, '\\');
            g_string_append_c(out, *at);
        }
    }
}

static void append_row(GString *out, const Change *change)
{
    g_string_append_printf(out, "| `%s` | ", change_symbol(change));
    append_cell(out, kind_name(change->kind));
    g_string_append_c(out, '/');
    append_cell(out, change->name);
    g_string_append(out, " | ");
    append_cell(out, change->reason);
    g_string_append(out, " | ");
    append_cell(out, change->file);
    if (change->file[0] && change->line > 0)
        g_string_append_printf(out, ":%d", change->line);
    g_string_append(out, " |\n");
}

static void append_table(GString *out, const Plan *plan)
{
    g_string_append(out, "\n| | Resource | Reason | Where |\n| --- | --- | --- | --- |\n");
    for (guint i = 0; i < plan->changes->len && i < TABLE_ROWS; i++)
        append_row(out, g_ptr_array_index(plan->changes, i));
    if (plan->changes->len > TABLE_ROWS)
        g_string_append_printf(out, "\n... and %u more\n", plan->changes->len - TABLE_ROWS);
}

static void append_detail(GString *out, const Change *change, GHashTable *pipelines)
{
    char sign = change->action == ACTION_CREATE ? '+' : change->action == ACTION_DELETE ? '-' : '!';
    g_string_append_printf(out, "%c %3s %s/", sign, change_symbol(change), kind_name(change->kind));
    render_safe(view_from(change->name), out);
    g_string_append_c(out, '\n');
    for (const char *const *step = change->sub_steps; step && *step; step++) {
        g_string_append(out, "#     * ");
        render_safe(view_from(*step), out);
        g_string_append_c(out, '\n');
    }
    if (render_repeats(change, pipelines))
        return;
    g_autoptr(GPtrArray) fields = change_fields(change);
    for (guint i = 0; i < fields->len && i < FIELDS_SHOWN; i++) {
        const FieldChange *field = g_ptr_array_index(fields, i);
        char field_mark = field_sign(field);
        g_string_append_printf(out, "%c     ", field_mark == '~' ? '!' : field_mark);
        render_field(field, out);
        g_string_append_c(out, '\n');
    }
    size_t hidden = change->unchanged_fields;
    if (fields->len > FIELDS_SHOWN)
        g_string_append_printf(out, "#     ... and %u more fields\n", fields->len - FIELDS_SHOWN);
    if (hidden > 0)
        g_string_append_printf(out, "#     (%zu unchanged field%s hidden)\n", hidden, hidden == 1 ? "" : "s");
}

static void append_details(GString *out, const Plan *plan)
{
    g_autoptr(GHashTable) pipelines = render_pipelines(plan);
    g_string_append(out, "\n<details><summary>Fields</summary>\n\n```diff\n");
    for (guint i = 0; i < plan->changes->len && i < DETAIL_ROWS; i++)
        append_detail(out, g_ptr_array_index(plan->changes, i), pipelines);
    if (plan->changes->len > DETAIL_ROWS)
        g_string_append_printf(out, "# ... and %u more\n", plan->changes->len - DETAIL_ROWS);
    g_string_append(out, "```\n\n</details>\n");
}

static void append_notes(GString *out, const char *heading, const GPtrArray *notes)
{
    if (notes->len == 0)
        return;
    g_string_append_printf(out, "\n**%s**\n\n", heading);
    for (guint i = 0; i < notes->len && i < NOTES_SHOWN; i++) {
        const PlanNote *note = g_ptr_array_index(notes, i);
        g_string_append(out, "- ");
        if (note->kind < KIND_COUNT) {
            append_cell(out, kind_name(note->kind));
            g_string_append_c(out, '/');
            append_cell(out, note->name);
            g_string_append(out, ": ");
        }
        append_cell(out, note->message);
        g_string_append_c(out, '\n');
    }
    if (notes->len > NOTES_SHOWN)
        g_string_append_printf(out, "- ... and %u more\n", notes->len - NOTES_SHOWN);
}

static void append_forecast(GString *out, const PlanForecast *forecast)
{
    if (!forecast)
        return;
    for (const char *const *text = forecast->assertions; text && *text; text++) {
        g_string_append(out, "\n**Assertion failed:** ");
        append_cell(out, *text);
        g_string_append_c(out, '\n');
    }
    const char *const lines[][2] = {
        {"**Schedule:** ", forecast->schedule}, {"**Cost:** ", forecast->cost}, {"", forecast->inputs}};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (!lines[i][1])
            continue;
        g_string_append_printf(out, "\n%s", lines[i][0]);
        append_cell(out, lines[i][1]);
        g_string_append_c(out, '\n');
    }
}

void plan_render_markdown(const Plan *plan, const PlanRender *render, GString *out)
{
    g_string_append(out, plan->destroys ? "### Plan to destroy " : "### Plan for ");
    append_cell(out, plan->source_name);
    if (plan->revision[0]) {
        g_string_append(out, " at ");
        render_short(plan->revision, out);
    }
    g_string_append(out, "\n\n**");
    if (plan_is_empty(plan))
        render_no_changes(plan, out);
    else
        render_summary(plan, out);
    g_string_append(out, "**\n");
    append_notes(out, "Changed outside", plan->drift);
    append_notes(out, "Overridden for now", plan->overridden);
    if (!plan_is_empty(plan)) {
        append_table(out, plan);
        append_details(out, plan);
    }
    append_notes(out, "Pending", plan->pending);
    append_notes(out, "Kept", plan->kept);
    append_notes(out, "Unmanaged, left alone", plan->unmanaged);
    append_notes(out, "Notes", plan->warnings);
    append_forecast(out, render->forecast);
    if (render->next_command && !plan_is_empty(plan)) {
        g_string_append(out, "\nTo apply: `");
        render_safe(view_from(render->next_command), out);
        g_string_append(out, "` (plan ");
        render_short(plan->id, out);
        g_string_append(out, ")\n");
    }
}

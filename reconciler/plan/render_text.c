/* render_text.c: a plan for people at a terminal. */
#include "reconciler/plan/render.h"
#include "spec/base/units.h"

#define DEFAULT_WIDTH 100
#define NOTES_SHOWN   20 /* of one section; the JSON rendering has all */
#define CREATES_WITH_FIELDS                                                                                  \
    100 /* nobody reads the fields of thousands of creates; those of updates are always shown */
#define INDENT "      "

typedef struct {
    GString *out;
    const PlanRender *render;
    size_t width;
    size_t creates;        /* shown with their fields so far */
    size_t left_out;       /* shown without */
    GHashTable *pipelines; /* render_pipelines() */
} Writer;

static void set_color(Writer *writer, const char *code)
{
    if (writer->render->color)
        g_string_append_printf(writer->out, "\033[%sm", code);
}

static const char *change_color(const Change *change)
{
    switch (change->action) {
    case ACTION_CREATE: return "32";
    case ACTION_UPDATE: return "33";
    case ACTION_REPLACE: return "35";
    case ACTION_DELETE: return "31";
    case ACTION_RUN: return "36";
    }
    g_assert_not_reached();
}

/* Pads so that place ends at the right margin; at least two blanks. used: columns taken in this line. */
static void write_place(Writer *writer, size_t used, const Change *change)
{
    if (change->file[0] == '\0')
        return;
    g_autoptr(GString) place = g_string_new(NULL);
    render_safe(view_from(change->file), place);
    if (change->line > 0)
        g_string_append_printf(place, ":%d", change->line);
    size_t columns = (size_t)g_utf8_strlen(place->str, (gssize)place->len);
    size_t blanks = used + columns + 2 > writer->width ? 2 : writer->width - used - columns;
    g_string_append_printf(writer->out, "%*s%s", (int)blanks, "", place->str);
}

static void write_title(Writer *writer, const Change *change)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_append_printf(line, "%3s %s/", change_symbol(change), kind_name(change->kind));
    render_safe(view_from(change->name), line);
    size_t title_len = line->len;
    g_string_append(line, "  ");
    render_safe(view_from(change->reason), line);
    set_color(writer, change_color(change));
    g_string_append_len(writer->out, line->str, (gssize)title_len);
    set_color(writer, "0");
    g_string_append(writer->out, line->str + title_len);
    write_place(writer, (size_t)g_utf8_strlen(line->str, (gssize)line->len), change);
    g_string_append_c(writer->out, '\n');
}

static void write_field(Writer *writer, const Change *change, const FieldChange *field)
{
    g_string_append_printf(writer->out, INDENT "%c ", field_sign(field));
    render_field(field, writer->out);
    if (change->action == ACTION_REPLACE && field->effect == UPDATE_REPLACE)
        g_string_append(writer->out, "  # forces replacement");
    g_string_append_c(writer->out, '\n');
}

static void write_change(Writer *writer, const Change *change)
{
    write_title(writer, change);
    for (const char *const *step = change->sub_steps; step && *step; step++) {
        g_string_append(writer->out, INDENT "* ");
        render_safe(view_from(*step), writer->out);
        g_string_append_c(writer->out, '\n');
    }
    if (render_repeats(change, writer->pipelines))
        return;
    bool is_whole = change_is_whole(change), is_made = is_whole && writer->creates < CREATES_WITH_FIELDS;
    GPtrArray *fields = is_made ? change_fields(change) : g_ptr_array_ref(change->fields);
    writer->creates += is_made;
    writer->left_out += is_whole && !is_made;
    for (guint i = 0; i < fields->len; i++)
        write_field(writer, change, g_ptr_array_index(fields, i));
    g_ptr_array_unref(fields);
    if (change->unchanged_fields > 0)
        g_string_append_printf(writer->out, INDENT "  # (%zu unchanged field%s hidden)\n",
                               change->unchanged_fields, change->unchanged_fields == 1 ? "" : "s");
}

static void write_notes(Writer *writer, const char *heading, char sign, const GPtrArray *notes)
{
    if (notes->len == 0)
        return;
    g_string_append_printf(writer->out, "\n%s\n", heading);
    for (guint i = 0; i < notes->len && i < NOTES_SHOWN; i++) {
        const PlanNote *note = g_ptr_array_index(notes, i);
        g_string_append_printf(writer->out, "  %c ", sign);
        if (note->kind < KIND_COUNT) {
            g_string_append_printf(writer->out, "%s/", kind_name(note->kind));
            render_safe(view_from(note->name), writer->out);
            g_string_append(writer->out, "  ");
        }
        render_safe(view_from(note->message), writer->out);
        g_string_append_c(writer->out, '\n');
    }
    if (notes->len > NOTES_SHOWN)
        g_string_append_printf(writer->out, "    ... and %u more\n", notes->len - NOTES_SHOWN);
}

static void write_drift_line(Writer *writer, const PlanDrift *drift, char sign, const char *text)
{
    g_string_append_printf(writer->out, "  %c %s/", sign, kind_name(drift->kind));
    render_safe(view_from(drift->name), writer->out);
    g_string_append(writer->out, "  ");
    render_safe(view_from(text), writer->out);
    g_string_append_c(writer->out, '\n');
}

/* A line for each field, as far as they are shown, and one for each problem. */
static void write_drift(Writer *writer, const GPtrArray *all)
{
    if (all->len == 0)
        return;
    g_autofree char *heading = drift_heading(all);
    guint lines = 0;
    g_string_append_printf(writer->out, "\n%s:\n", heading);
    for (guint i = 0; i < all->len; i++) {
        const PlanDrift *drift = all->pdata[i];
        for (guint j = 0; j < drift->sentences->len; j++)
            if (lines++ < NOTES_SHOWN)
                write_drift_line(writer, drift, '~', drift->sentences->pdata[j]);
        if (drift->problem && lines++ < NOTES_SHOWN)
            write_drift_line(writer, drift, '!', drift->problem);
    }
    if (lines > NOTES_SHOWN)
        g_string_append_printf(writer->out, "    ... and %u more\n", lines - NOTES_SHOWN);
}

static void write_heading(Writer *writer, const Plan *plan)
{
    g_string_append(writer->out, plan->destroys ? "Destroys what source " : "Source ");
    render_safe(view_from(plan->source_name), writer->out);
    if (plan->destroys)
        g_string_append(writer->out, " owns");
    else if (plan->revision[0]) {
        g_string_append(writer->out, ", revision ");
        render_short(plan->revision, writer->out);
    }
    g_string_append(writer->out, ".\n");
    if (!plan->compared_with)
        return;
    g_string_append(writer->out, "Compared with: ");
    render_safe(view_from(plan->compared_with), writer->out);
    g_string_append(writer->out, ".\n");
}

static void write_next_command(Writer *writer, const Plan *plan)
{
    const char *command = writer->render->next_command;
    if (!command || plan_is_empty(plan))
        return;
    g_string_append(writer->out, strstr(command, "--plan") ? "To apply exactly this: " : "To apply: ");
    render_safe(view_from(command), writer->out);
    g_string_append(writer->out, "      (plan ");
    render_short(plan->id, writer->out);
    g_string_append(writer->out, ")\n");
}

static void write_forecast(Writer *writer)
{
    const PlanForecast *forecast = writer->render->forecast;
    if (!forecast)
        return;
    for (const char *const *text = forecast->assertions; text && *text; text++) {
        set_color(writer, "31");
        g_string_append(writer->out, "Assertion failed: ");
        set_color(writer, "0");
        render_safe(view_from(*text), writer->out);
        g_string_append_c(writer->out, '\n');
    }
    const char *const lines[][2] = {
        {"Schedule: ", forecast->schedule}, {"Cost: ", forecast->cost}, {"  # ", forecast->inputs}};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (!lines[i][1])
            continue;
        g_string_append(writer->out, lines[i][0]);
        render_safe(view_from(lines[i][1]), writer->out);
        g_string_append_c(writer->out, '\n');
    }
}

void plan_render_text(const Plan *plan, const PlanRender *render, GString *out)
{
    g_autoptr(GHashTable) pipelines = render_pipelines(plan);
    Writer writer = {.out = out, .render = render, .pipelines = pipelines};
    writer.width = render->width > 0 ? (size_t)render->width : DEFAULT_WIDTH;
    write_heading(&writer, plan);
    write_drift(&writer, plan->drift);
    write_notes(&writer, "Newer than what is in force:", '^', plan->newer);
    write_notes(&writer, "Overridden for now (muster override), left so:", '^', plan->overridden);
    if (plan->changes->len > 0)
        g_string_append_c(out, '\n');
    for (guint i = 0; i < plan->changes->len; i++)
        write_change(&writer, g_ptr_array_index(plan->changes, i));
    if (writer.left_out > 0)
        g_string_append(
            out,
            "  # (the fields of further creates and first runs are left out here; --format json has them)\n");
    write_notes(&writer, "Pending:", '.', plan->pending);
    write_notes(&writer, "Kept:", '=', plan->kept);
    write_notes(&writer, "Unmanaged, left alone:", '?', plan->unmanaged);
    write_notes(&writer, "Notes:", '!', plan->warnings);
    g_string_append_c(out, '\n');
    set_color(&writer, "1");
    if (plan_is_empty(plan))
        render_no_changes(plan, out);
    else
        render_summary(plan, out);
    set_color(&writer, "0");
    g_string_append_c(out, '\n');
    write_forecast(&writer);
    write_next_command(&writer, plan);
}

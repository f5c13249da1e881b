/* render_markdown.c: a plan as a comment on a pull request. */
#include "reconciler/plan/markdown.h"
#include "spec/base/units.h"

/* Bytes of one piece of text from outside, escaped. */
#define NAME_BYTES     400
#define TEXT_BYTES     800
#define SENTENCE_BYTES 3000
#define ASSERTIONS_MAX 10
#define FOLDED_ROWS    25  /* a longer list is folded */
#define FIELDS_SHOWN   40  /* of one change */
#define NOTE_BYTES     200 /* of what counts the rows left out, with what closes a list */
#define LEFT_OUT_BYTES 1200
#define PERCENT        100

typedef struct {
    GString *out;
    const Plan *plan; /* NULL: none */
    const PlanRender *render;
    size_t limit;    /* bytes that out may have where the tail begins */
    size_t left_out; /* rows that found no room */
} Page;

/* ---- lists that end where the room does ---- */

typedef struct {
    Page *page;
    size_t limit; /* bytes of out at the end of the list, with its note */
    size_t left_out;
    GString *row;
} List;

/* percent: how much of what is left the list may take. */
static List list_begin(Page *page, unsigned percent)
{
    size_t left = page->limit > page->out->len ? page->limit - page->out->len : 0;
    return (List){
        .page = page, .limit = page->out->len + left * percent / PERCENT, .row = g_string_new(NULL)};
}

/* Adds list->row, or counts it: behind the first that did not fit none is added. */
static void list_add(List *list)
{
    GString *out = list->page->out;
    if (list->left_out > 0 || out->len + list->row->len + NOTE_BYTES > list->limit)
        list->left_out++;
    else
        g_string_append_len(out, list->row->str, (gssize)list->row->len);
    g_string_truncate(list->row, 0);
}

static bool list_is_full(const List *list)
{
    return list->left_out > 0;
}

static void list_end(List *list, const char *before, const char *after)
{
    g_autofree char *count = integer_human((int64_t)list->left_out);
    if (list->left_out > 0)
        g_string_append_printf(list->page->out, "%s... and %s more, left out here%s", before, count, after);
    list->page->left_out += list->left_out;
    g_string_free(list->row, TRUE);
}

/* A heading, folded where many rows follow. */
static bool begin_section(Page *page, const char *heading, size_t rows)
{
    g_autofree char *count = integer_human((int64_t)rows);
    bool is_folded = rows > FOLDED_ROWS;
    if (is_folded)
        g_string_append_printf(page->out, "\n<details><summary><b>%s</b> (%s)</summary>\n\n", heading, count);
    else
        g_string_append_printf(page->out, "\n**%s**\n\n", heading);
    return is_folded;
}

static void end_section(Page *page, bool is_folded)
{
    if (is_folded)
        g_string_append(page->out, "\n</details>\n");
}

/* ---- places ---- */

/* No path says where on the machine the source lies: a comment is the same wherever it is made. file lies in
 * the source, or somewhere unknown: then its name alone is told. */
static const char *inside(const char *file, const char *root)
{
    size_t len = root ? strlen(root) : 0;
    while (len > 1 && root[len - 1] == '/')
        len--;
    if (*file != '/')
        return file;
    return len > 0 && strncmp(file, root, len) == 0 && file[len] == '/' ? file + len + 1
                                                                        : strrchr(file, '/') + 1;
}

static void append_place(GString *out, const Page *page, const char *file, int line)
{
    const char *shown = inside(file, page->render->root);
    markdown_text(out, shown, NAME_BYTES);
    if (*shown && line > 0)
        g_string_append_printf(out, ":%d", line);
}

/* Where a manifest was that is gone: the state knows it from the source's directory on. */
static void append_old_place(GString *out, const Page *page, const char *file, int line)
{
    const char *root = page->render->root, *shown = inside(file, page->render->absolute_root);
    bool is_below = *shown && root && *root && *root != '/' && strcmp(root, ".") != 0;
    g_autofree char *below = is_below ? g_build_filename(root, shown, NULL) : g_strdup(shown);
    append_place(out, page, below, line);
}

/* ---- sections ---- */

/* A fault of a variable's value repeats the value. */
static bool is_of_private(const Diagnostic *diagnostic)
{
    const char *path = diagnostic->path;
    bool is_in_list =
        path && (strstr(path, "nvironment[") || strstr(path, "ecrets[") || strstr(path, "Options["));
    return is_in_list && (g_str_has_suffix(path, ".value") || g_str_has_suffix(path, ".valueFrom"));
}

static void append_message(GString *row, const Diagnostic *diagnostic)
{
    bool is_private = is_of_private(diagnostic);
    markdown_text(row, is_private ? diagnostic->path : diagnostic->message, TEXT_BYTES);
    if (is_private)
        g_string_append(row, " cannot be what it is (not shown here; muster validate tells)");
    if (is_private || !diagnostic->detail)
        return;
    g_string_append(row, " (");
    markdown_text(row, diagnostic->detail, TEXT_BYTES);
    g_string_append_c(row, ')');
}

static void append_diagnostic(GString *row, const Page *page, const Diagnostic *diagnostic)
{
    g_string_append(row, diagnostic->severity == SEVERITY_ERROR     ? "- error "
                         : diagnostic->severity == SEVERITY_WARNING ? "- warning "
                                                                    : "- notice ");
    if (diagnostic->file) {
        append_place(row, page, diagnostic->file, diagnostic->line);
        g_string_append(row, " ");
    }
    append_message(row, diagnostic);
    g_string_append_c(row, '\n');
}

static void append_diagnostics(Page *page)
{
    DiagnosticList *diagnostics = page->render->diagnostics;
    size_t len = diagnostics ? diagnostic_list_len(diagnostics) : 0;
    if (len == 0)
        return;
    bool is_folded = begin_section(page, "Manifests", len);
    List list = list_begin(page, page->plan ? 30 : 90);
    for (size_t i = 0; i < len; i++) {
        append_diagnostic(list.row, page, diagnostic_list_get(diagnostics, i));
        list_add(&list);
    }
    list_end(&list, "- ", "\n");
    end_section(page, is_folded);
}

static void append_title(GString *out, Kind kind, const char *name)
{
    g_string_append_printf(out, "%s/", kind_name(kind));
    markdown_text(out, name, NAME_BYTES);
}

static void append_notes(Page *page, const char *heading, const GPtrArray *notes)
{
    if (notes->len == 0)
        return;
    bool is_folded = begin_section(page, heading, notes->len);
    List list = list_begin(page, 25);
    for (guint i = 0; i < notes->len; i++) {
        const PlanNote *note = g_ptr_array_index(notes, i);
        g_string_append(list.row, "- ");
        if (note->kind < KIND_COUNT) {
            append_title(list.row, note->kind, note->name);
            g_string_append(list.row, " ");
        }
        markdown_text(list.row, note->message, TEXT_BYTES);
        g_string_append_c(list.row, '\n');
        list_add(&list);
    }
    list_end(&list, "- ", "\n");
    end_section(page, is_folded);
}

static void add_drift_row(List *list, const PlanDrift *drift, const char *text)
{
    g_string_append(list->row, "- ");
    append_title(list->row, drift->kind, drift->name);
    g_string_append_c(list->row, ' ');
    markdown_text(list->row, text, TEXT_BYTES);
    g_string_append_c(list->row, '\n');
    list_add(list);
}

static void append_drift(Page *page, const GPtrArray *all)
{
    if (all->len == 0)
        return;
    g_autofree char *heading = drift_heading(all);
    guint rows = 0;
    for (guint i = 0; i < all->len; i++)
        rows += ((const PlanDrift *)all->pdata[i])->sentences->len;
    bool is_folded = begin_section(page, heading, rows);
    List list = list_begin(page, 25);
    for (guint i = 0; i < all->len; i++) {
        const PlanDrift *drift = all->pdata[i];
        for (guint j = 0; j < drift->sentences->len; j++)
            add_drift_row(&list, drift, drift->sentences->pdata[j]);
        if (drift->problem)
            add_drift_row(&list, drift, drift->problem);
    }
    list_end(&list, "- ", "\n");
    end_section(page, is_folded);
}

static void append_row(GString *row, const Page *page, const Change *change)
{
    g_string_append_printf(row, "| `%s` | ", change_symbol(change));
    append_title(row, change->kind, change->name);
    g_string_append(row, " | ");
    markdown_text(row, change->reason, TEXT_BYTES);
    g_string_append(row, " | ");
    if (change->manifest)
        append_place(row, page, change->file, change->line);
    else
        append_old_place(row, page, change->file, change->line);
    g_string_append(row, " |\n");
}

static void append_table(Page *page)
{
    const GPtrArray *changes = page->plan->changes;
    bool is_folded = begin_section(page, "Changes", changes->len);
    g_string_append(page->out, "| | Resource | Reason | Where |\n| --- | --- | --- | --- |\n");
    List list = list_begin(page, 50);
    for (guint i = 0; i < changes->len; i++) {
        if (!list_is_full(&list))
            append_row(list.row, page, g_ptr_array_index(changes, i));
        list_add(&list);
    }
    list_end(&list, "\n", "\n");
    end_section(page, is_folded);
}

/* ---- fields ---- */

/* Which variables may be shown, before and after: a request that marks one public must not thereby learn the
 * value that is there. */
typedef struct {
    char **before_names, **after_names;
    Redaction before, after;
} Privacy;

static Privacy privacy_of(const Plan *plan, const Change *change)
{
    Privacy privacy = {0};
    if (change->manifest) {
        privacy.before_names = change->action == ACTION_RUN
                                   ? NULL
                                   : public_names_before(change->fields, change->manifest->metadata);
        privacy.after_names = redact_public_names(change->manifest->metadata);
    }
    privacy.before =
        (Redaction){.salt = plan->salt, .public_names = (const char *const *)privacy.before_names};
    privacy.after = (Redaction){.salt = plan->salt, .public_names = (const char *const *)privacy.after_names};
    return privacy;
}

static void privacy_clear(Privacy *privacy)
{
    g_strfreev(privacy->before_names);
    g_strfreev(privacy->after_names);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Privacy, privacy_clear)

static void append_field(GString *row, const FieldChange *field, const Privacy *privacy)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *before = NULL, *after = NULL;
    char sign = field_sign(field);
    field_redact(field, &privacy->before, &privacy->after, &before, &after);
    FieldChange redacted = {.path = field->path, .before = before, .after = after};
    render_field(&redacted, text);
    g_string_append_printf(row, "%c     ", sign == '~' ? '!' : sign);
    markdown_verbatim(row, text->str, TEXT_BYTES);
    g_string_append_c(row, '\n');
}

static void append_change(GString *row, const Page *page, const Change *change, GHashTable *pipelines)
{
    char sign = change->action == ACTION_CREATE ? '+' : change->action == ACTION_DELETE ? '-' : '!';
    g_string_append_printf(row, "%c %3s %s/", sign, change_symbol(change), kind_name(change->kind));
    markdown_verbatim(row, change->name, NAME_BYTES);
    g_string_append_c(row, '\n');
    for (const char *const *step = change->sub_steps; step && *step; step++) {
        g_string_append(row, "#     * ");
        markdown_verbatim(row, *step, TEXT_BYTES);
        g_string_append_c(row, '\n');
    }
    if (render_repeats(change, pipelines))
        return;
    g_auto(Privacy) privacy = privacy_of(page->plan, change);
    g_autoptr(GPtrArray) fields = change_fields(change);
    for (guint i = 0; i < fields->len && i < FIELDS_SHOWN; i++)
        append_field(row, g_ptr_array_index(fields, i), &privacy);
    if (fields->len > FIELDS_SHOWN)
        g_string_append_printf(row, "#     ... and %u more fields\n", fields->len - FIELDS_SHOWN);
    if (change->unchanged_fields > 0)
        g_string_append_printf(row, "#     (%zu unchanged field%s hidden)\n", change->unchanged_fields,
                               change->unchanged_fields == 1 ? "" : "s");
}

static void append_fields(Page *page)
{
    const GPtrArray *changes = page->plan->changes;
    g_autoptr(GHashTable) pipelines = render_pipelines(page->plan);
    g_string_append(page->out, "\n<details><summary>Fields</summary>\n\n```diff\n");
    List list = list_begin(page, PERCENT);
    for (guint i = 0; i < changes->len; i++) {
        if (!list_is_full(&list))
            append_change(list.row, page, g_ptr_array_index(changes, i), pipelines);
        list_add(&list);
    }
    list_end(&list, "# ", "\n");
    g_string_append(page->out, "```\n\n</details>\n");
}

/* ---- head and tail: always there ---- */

static const char *name_of(const Page *page)
{
    return page->plan ? page->plan->source_name : page->render->source_name;
}

/* A bot looks for the comment that begins with it, up to the key. */
static void append_marker(GString *out, const char *source)
{
    g_autofree char *text = g_strconcat("muster/comment\n", source, NULL);
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    digest_of(view_from(text), &digest);
    digest_to_hex(&digest, hex);
    g_string_append_printf(out, "<!-- muster-plan key=%.16s source=", hex);
    markdown_marker(out, source, NAME_BYTES);
    g_string_append(out, " -->\n");
}

static void append_summary(Page *page)
{
    g_autoptr(GString) text = g_string_new(NULL);
    GString *out = page->out;
    g_string_append(out, "**");
    if (!page->plan) {
        size_t errors = diagnostic_list_count(page->render->diagnostics, SEVERITY_ERROR);
        g_string_append(text, "No plan: ");
        append_count(text, errors, "error");
        g_string_append(text, " in the manifests.");
    } else if (plan_is_empty(page->plan)) {
        render_no_changes(page->plan, text);
    } else {
        render_summary(page->plan, text);
    }
    markdown_text(out, text->str, TEXT_BYTES);
    g_string_append(out, "**\n");
}

static void append_head(Page *page)
{
    const Plan *plan = page->plan;
    GString *out = page->out;
    append_marker(out, name_of(page));
    append_summary(page);
    g_string_append(out, plan && plan->destroys ? "\nTo destroy what source " : "\nSource ");
    markdown_text(out, name_of(page), NAME_BYTES);
    if (plan && plan->destroys)
        g_string_append(out, " owns");
    if (plan && plan->revision[0]) {
        g_string_append(out, " at ");
        render_short(plan->revision, out);
    }
    if (plan && plan->compared_with) {
        g_string_append(out, ", compared with: ");
        markdown_text(out, plan->compared_with, NAME_BYTES);
    }
    g_string_append(out, ".\n");
    if (page->render->refused) {
        g_string_append(out, "\n**Refused:** ");
        markdown_text(out, page->render->refused, SENTENCE_BYTES);
        g_string_append_c(out, '\n');
    }
}

static void append_forecast(GString *out, const PlanForecast *forecast)
{
    if (!forecast)
        return;
    size_t shown = 0;
    for (const char *const *text = forecast->assertions; text && *text; text++) {
        if (shown++ >= ASSERTIONS_MAX)
            continue;
        g_string_append(out, "\n**Assertion failed:** ");
        markdown_text(out, *text, TEXT_BYTES);
        g_string_append_c(out, '\n');
    }
    if (shown > ASSERTIONS_MAX)
        g_string_append_printf(out, "\n... and %zu more assertions failed\n", shown - ASSERTIONS_MAX);
    const char *const lines[][2] = {
        {"**Schedule:** ", forecast->schedule}, {"**Cost:** ", forecast->cost}, {"", forecast->inputs}};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        if (!lines[i][1])
            continue;
        g_string_append_printf(out, "\n%s", lines[i][0]);
        markdown_text(out, lines[i][1], SENTENCE_BYTES);
        g_string_append_c(out, '\n');
    }
}

static void append_tail(const Page *page, GString *out)
{
    const Plan *plan = page->plan;
    if (!plan)
        return;
    append_forecast(out, page->render->forecast);
    g_string_append_printf(out, "\nPlan id `%s`", plan->id);
    if (page->render->next_command && !page->render->refused && !plan_is_empty(plan)) {
        g_string_append(out, "; to apply: ");
        markdown_code(out, page->render->next_command, SENTENCE_BYTES);
    }
    g_string_append_c(out, '\n');
}

static void append_left_out(Page *page)
{
    if (page->left_out == 0)
        return;
    g_autofree char *count = integer_human((int64_t)page->left_out);
    const char *command = page->render->whole_command;
    g_string_append_printf(page->out, "\n%s line%s found no room in this comment; all of it: ", count,
                           page->left_out == 1 ? "" : "s");
    markdown_code(page->out, command ? command : "muster plan SOURCE", LEFT_OUT_BYTES - NOTE_BYTES);
    g_string_append_c(page->out, '\n');
}

static void append_sections(Page *page)
{
    const Plan *plan = page->plan;
    append_diagnostics(page);
    if (!plan)
        return;
    append_drift(page, plan->drift);
    append_notes(page, "Newer than what is in force", plan->newer);
    append_notes(page, "Overridden for now", plan->overridden);
    if (!plan_is_empty(plan))
        append_table(page);
    append_notes(page, "Pending", plan->pending);
    append_notes(page, "Kept", plan->kept);
    append_notes(page, "Unmanaged, left alone", plan->unmanaged);
    append_notes(page, "Notes", plan->warnings);
    if (!plan_is_empty(plan))
        append_fields(page);
}

void plan_render_markdown(const Plan *plan, const PlanRender *render, GString *out)
{
    g_autoptr(GString) page_text = g_string_new(NULL), tail = g_string_new(NULL);
    Page page = {.out = page_text, .plan = plan, .render = render};
    append_tail(&page, tail);
    append_head(&page);
    page.limit = MARKDOWN_MAX - tail->len - LEFT_OUT_BYTES;
    append_sections(&page);
    append_left_out(&page);
    g_string_append_len(page_text, tail->str, (gssize)tail->len);
    g_assert(page_text->len <= MARKDOWN_MAX);
    g_string_append_len(out, page_text->str, (gssize)page_text->len);
}

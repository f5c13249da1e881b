/* command_history.c: what was reconciled; which reconcile set which field of a resource. */
#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/plan/render.h"

#define LIMIT_DEFAULT  50
#define LIMIT_MAX      10000
#define SHORT_REVISION 12

/* ---- reconciles ---- */

static const Column reconcile_columns[] = {
    {"STARTED", ALIGN_LEFT, COLUMN_ALWAYS},  {"SOURCE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"REVISION", ALIGN_LEFT, COLUMN_ALWAYS}, {"HOW", ALIGN_LEFT, COLUMN_ALWAYS},
    {"OUTCOME", ALIGN_LEFT, COLUMN_ALWAYS},  {"CHANGES", ALIGN_LEFT, COLUMN_ALWAYS},
    {"TOOK", ALIGN_RIGHT, COLUMN_ALWAYS},    {"NUMBER", ALIGN_RIGHT, COLUMN_WIDE},
    {"BY", ALIGN_LEFT, COLUMN_WIDE},         {"AUTHOR", ALIGN_LEFT, COLUMN_WIDE},
    {"SIGNATURE", ALIGN_LEFT, COLUMN_WIDE},  {"PLAN", ALIGN_LEFT, COLUMN_WIDE},
    {"REASON", ALIGN_LEFT, COLUMN_ALWAYS},
};

static void cell_text(Table *table, const char *text)
{
    table_cell_take(table, printable(*text ? text : "-"));
}

/* The first line only: texts for people may have more. */
static void cell_line(Table *table, const char *text)
{
    g_autofree char *line = g_strndup(text, strcspn(text, "\n"));
    cell_text(table, line);
}

static void cell_short(Table *table, const char *text)
{
    g_autofree char *head = g_strndup(text, SHORT_REVISION);
    cell_text(table, head);
}

/* "+2 ~1 -1 >3", as the plan's symbols say them; a replacement is "-/+". */
static char *changes_text(const json_t *summary)
{
    static const char *const counts[][2] = {
        {"create", "+"}, {"update", "~"}, {"replace", "-/+"}, {"delete", "-"}, {"run", ">"}};
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        int64_t count = member_integer(summary, counts[i][0]);
        if (count)
            g_string_append_printf(text, "%s%s%" G_GINT64_FORMAT, text->len ? " " : "", counts[i][1], count);
    }
    if (!text->len && json_object_size(summary))
        g_string_append(text, "none");
    return g_string_free(text, FALSE);
}

static int64_t started_of(const json_t *reconcile)
{
    int64_t started_ms = member_integer(reconcile, "startedAt");
    return started_ms ? started_ms : member_integer(reconcile, "createdAt");
}

/* Of what ended at once milliseconds are told. */
static char *took_text(const json_t *reconcile)
{
    int64_t from_ms = started_of(reconcile), to_ms = member_integer(reconcile, "endedAt");
    if (!to_ms || to_ms - from_ms >= 1000)
        return time_between(from_ms, to_ms);
    return g_strdup_printf("%" G_GINT64_FORMAT " ms", MAX(to_ms - from_ms, 0));
}

static void row_reconcile(Table *table, const json_t *reconcile)
{
    g_autofree char *outcome = g_ascii_strdown(member_text(reconcile, "state"), -1),
                    *number = g_strdup_printf("%" G_GINT64_FORMAT, member_integer(reconcile, "id"));
    table_cell_take(table, time_local(started_of(reconcile)));
    cell_text(table, member_text(reconcile, "owner"));
    cell_short(table, member_text(reconcile, "revision"));
    cell_text(table, member_text(reconcile, "how"));
    cell_text(table, outcome);
    g_autofree char *changes = changes_text(json_object_get(reconcile, "summary"));
    cell_text(table, changes);
    table_cell_take(table, took_text(reconcile));
    cell_text(table, number);
    cell_text(table, member_text(reconcile, "actor"));
    cell_text(table, member_text(reconcile, "author"));
    cell_text(table, member_text(reconcile, "signature"));
    cell_short(table, member_text(reconcile, "planId"));
    cell_line(table, member_text(reconcile, "message"));
}

static void list_reconciles(const json_t *answer, const ListStyle *style, GString *out)
{
    const json_t *reconciles = json_object_get(answer, "reconciles");
    g_autoptr(Table) table = table_new(reconcile_columns, G_N_ELEMENTS(reconcile_columns));
    size_t index;
    json_t *reconcile;
    json_array_foreach(reconciles, index, reconcile) row_reconcile(table, reconcile);
    if (table_rows(table))
        table_render(table, style->is_wide, style->is_colored, out);
    else
        g_string_append(out, "Nothing has been reconciled.\n");
}

/* ---- one resource ---- */

static const Column field_columns[] = {
    {"FIELD", ALIGN_LEFT, COLUMN_ALWAYS},    {"VALUE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"SET", ALIGN_LEFT, COLUMN_ALWAYS},      {"SOURCE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"REVISION", ALIGN_LEFT, COLUMN_ALWAYS}, {"AUTHOR", ALIGN_LEFT, COLUMN_ALWAYS},
    {"BY", ALIGN_LEFT, COLUMN_WIDE},         {"RECONCILE", ALIGN_RIGHT, COLUMN_WIDE},
};

static char *json_text(const json_t *value)
{
    if (!value)
        return NULL;
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    char *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    return text;
}

static void append_field(const json_t *field, const char *value_member, GString *out)
{
    g_autofree char *before = json_text(json_object_get(field, "before")),
                    *after = json_text(json_object_get(field, value_member));
    FieldChange change = {
        .path = (char *)(uintptr_t)member_text(field, "path"), .before = before, .after = after};
    g_string_append_printf(out, "      %c ", field_sign(&change));
    render_field(&change, out);
    g_string_append_c(out, '\n');
}

static void row_field(Table *table, const json_t *field)
{
    const json_t *change = json_object_get(field, "change");
    g_autofree char *value = json_text(json_object_get(field, "value")),
                    *number = g_strdup_printf("%" G_GINT64_FORMAT, member_integer(change, "reconcile"));
    FieldChange shown = {.path = (char *)(uintptr_t) "", .after = value};
    g_autoptr(GString) text = g_string_new(NULL);
    const char *path = member_text(field, "path");
    render_field(&shown, text);
    cell_text(table, g_str_has_prefix(path, "spec.") ? path + strlen("spec.") : path);
    cell_text(table, text->str + strlen(": "));
    if (change)
        table_cell_take(table, time_local(member_integer(change, "at")));
    else
        table_cell(table, json_object_get(field, "omitted") ? "-" : "before what is kept");
    cell_text(table, member_text(change, "owner"));
    cell_short(table, member_text(change, "revision"));
    cell_text(table, member_text(change, "author"));
    cell_text(table, member_text(change, "actor"));
    cell_text(table, member_integer(change, "reconcile") ? number : "");
}

static void append_change(const json_t *change, GString *out)
{
    g_autofree char *at = time_local(member_integer(change, "at")),
                    *owner = printable(member_text(change, "owner")),
                    *reason = printable(member_text(change, "reason")),
                    *author = printable(member_text(change, "author")),
                    *actor = printable(member_text(change, "actor"));
    g_string_append_printf(out, "%s  %-7s", at, member_text(change, "action"));
    if (*owner)
        g_string_append_printf(out, "  %s", owner);
    if (*member_text(change, "revision"))
        g_string_append_printf(out, " %.*s", SHORT_REVISION, member_text(change, "revision"));
    if (*author || *actor)
        g_string_append_printf(out, "  by %s", *author ? author : actor);
    g_string_append_printf(out, "%s%s\n", *reason ? "  " : "", reason);
    size_t index;
    json_t *field;
    json_array_foreach(json_object_get(change, "fields"), index, field)
    {
        if (json_object_get(field, "omitted"))
            g_string_append_printf(out, "        # (%" G_GINT64_FORMAT " more fields)\n",
                                   member_integer(field, "omitted"));
        else
            append_field(field, "after", out);
    }
}

static void describe_history(const json_t *answer, const ListStyle *style, GString *out)
{
    const json_t *fields = json_object_get(answer, "fields"), *changes = json_object_get(answer, "changes");
    g_autofree char *name = printable(member_text(answer, "name")),
                    *owner = printable(member_text(answer, "owner"));
    size_t index;
    json_t *item;
    g_string_append_printf(out, "%s/%s", member_text(answer, "kind"), name);
    if (!json_is_true(json_object_get(answer, "present")))
        g_string_append(out, ", which is not there any more\n");
    else if (*owner)
        g_string_append_printf(out, " of source %s\n", owner);
    else
        g_string_append(out, " of no source\n");
    if (json_array_size(fields)) {
        g_autoptr(Table) table = table_new(field_columns, G_N_ELEMENTS(field_columns));
        json_array_foreach(fields, index, item) row_field(table, item);
        g_string_append_c(out, '\n');
        table_render(table, style->is_wide, style->is_colored, out);
    }
    g_string_append(out, json_array_size(changes) ? "\nChanges:\n" : "\nNo change of it is kept.\n");
    json_array_foreach(changes, index, item) append_change(item, out);
}

/* ---- the command ---- */

static json_t *request_of(const Invocation *invocation, int64_t limit, GError **error)
{
    const char *what = invocation->arguments_len ? invocation->arguments[0] : NULL;
    if (!what || !strchr(what, '/'))
        return json_pack("{s:s*,s:I}", "source", what, "limit", (json_int_t)limit);
    Lookup lookup;
    if (!lookup_parse_pair(what, &lookup, error))
        return NULL;
    if (lookup.type != LOOKUP_RESOURCE) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "a Job is its runs, which are kept as such: muster get runs %s", lookup.name);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:I}", "kind", kind_name(lookup.kind), "name", lookup.name, "limit",
                     (json_int_t)limit);
}

static void print_answer(const Options *options, const json_t *answer)
{
    OutputFormat format = output_format(options->output);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) out = g_string_new(NULL);
    if (format == OUTPUT_JSON) {
        output_json(answer);
    } else if (format == OUTPUT_YAML) {
        output_yaml(answer);
    } else {
        if (json_object_get(answer, "reconciles"))
            list_reconciles(answer, &style, out);
        else
            describe_history(answer, &style, out);
        output_string(out);
    }
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    int64_t limit = LIMIT_DEFAULT;
    if (!option_integer("limit", invocation->options.limit, 1, LIMIT_MAX, &limit, &error))
        return report_error(error);
    json_t *request = request_of(invocation, limit, &error);
    if (!request)
        return report_error(error);
    if (!session_open_here(invocation, BACKEND_READ, &session, &error)) {
        json_decref(request);
        return report_error(error);
    }
    json_t *answer = backend_call(session.backend, "history", request, &error);
    if (!answer)
        return session_close(&session, session_fail(invocation, error, NULL));
    print_answer(&invocation->options, answer);
    json_decref(answer);
    backend_note_age(session.backend);
    return session_close(&session, EXIT_OK);
}

static const OptionSpec options[] = {
    {"limit", 0, OPTION_TEXT, OPTION(limit), "N", "the newest N (default 50)", NULL},
    OPTION_OUTPUT,
};

const Command command_history = {
    .name = "history",
    .group = GROUP_LOOKING,
    .arguments = "[SOURCE-NAME | KIND/NAME]",
    .summary = "what was reconciled, and who set what",
    .description =
        "Lists reconciles, newest first: of which source and revision, by a command or by the daemon that "
        "follows it, what came of it and why, what it changed and how long it took. Those that were refused "
        "or whose manifests were broken are there too; a daemon's passes that found nothing new are not.\n\n"
        "With KIND/NAME it shows the fields of that resource as they are now, each with the reconcile that "
        "set it, and then what was done to the resource. Values of environment variables and places of "
        "secrets are shown as digests.\n\n"
        "Of each source the newest 10,000 reconciles are kept, of all changes of resources together the "
        "newest 1,000,000.",
    .examples = "muster history\tof all sources\n"
                "muster history prod --limit 5 -o wide\twith authors and plans\n"
                "muster history JobQueue/high\twho set its priority, and when",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run,
};

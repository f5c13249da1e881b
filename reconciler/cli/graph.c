#include "reconciler/cli/graph.h"

#include "spec/reference.h"

/* ---- text */

static void append_byte(GString *out, char byte)
{
    if (byte == '"' || byte == '\\')
        g_string_append_printf(out, "\\%c", byte);
    else if (byte == '\n')
        g_string_append(out, "\\n");
    else
        g_string_append_c(out, (unsigned char)byte < ' ' || byte == 127 ? '?' : byte);
}

static void append_escaped(GString *out, View text)
{
    g_autofree char *valid = g_utf8_make_valid(text.data ? text.data : "", (gssize)text.len);
    for (const char *at = valid; *at; at++)
        append_byte(out, *at);
}

void graph_append_string(GString *out, View text)
{
    g_string_append_c(out, '"');
    append_escaped(out, text);
    g_string_append_c(out, '"');
}

static void graph_begin(const char *title, const char *direction, GString *out)
{
    g_string_append(out, "digraph ");
    graph_append_string(out, view_from(title));
    g_string_append(out, " {\n  label=");
    graph_append_string(out, view_from(title));
    g_string_append_printf(out,
                           ";\n  labelloc=t;\n  rankdir=%s;\n  fontname=\"sans-serif\";\n"
                           "  node [shape=box, style=\"rounded,filled\", fillcolor=\"white\", "
                           "fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
                           direction);
}

/* ---- a source */

static const struct {
    const char *shape, *color;
} kind_looks[KIND_COUNT] = {
    [KIND_COMPUTE_ENVIRONMENT] = {"box3d", "#d9e8fb"},
    [KIND_JOB_QUEUE] = {"cds", "#fdf2d0"},
    [KIND_SCHEDULING_POLICY] = {"note", "#eeeeee"},
    [KIND_CONSUMABLE_RESOURCE] = {"cylinder", "#eeeeee"},
    [KIND_JOB_DEFINITION] = {"component", "#e4f4e4"},
    [KIND_PIPELINE] = {"box", "#f2e4f7"},
    [KIND_JOB] = {"box", "#f7e8ee"},
};

static void append_id(GString *out, Kind kind, View name)
{
    g_autofree char *id = g_strdup_printf("%s/" VIEW_FMT, kind_name(kind), VIEW_ARG(name));
    graph_append_string(out, view_from(id));
}

static void append_resource(GString *out, Kind kind, View name, const char *more)
{
    g_autofree char *label = g_strdup_printf("%s\n" VIEW_FMT, kind_name(kind), VIEW_ARG(name));
    g_string_append(out, "  ");
    append_id(out, kind, name);
    g_string_append(out, " [label=");
    graph_append_string(out, view_from(label));
    g_string_append_printf(out, ", shape=%s, fillcolor=\"%s\"%s];\n", kind_looks[kind].shape,
                           kind_looks[kind].color, more);
}

typedef struct {
    Kind kind;
    View name;
} GraphEnd;

static int compare_ends(const void *a, const void *b)
{
    const GraphEnd *left = a, *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return view_compare(left->name, right->name);
}

/* Each once, however often and in whatever form it is named. */
static GArray *ends_of(const Manifest *manifest)
{
    GArray *ends = g_array_new(FALSE, FALSE, sizeof(GraphEnd));
    for (size_t i = 0; i < manifest->references_len; i++) {
        View qualifier;
        GraphEnd end = {
            manifest->references[i].kind,
            reference_name(manifest->references[i].kind, manifest->references[i].text, &qualifier)};
        g_array_append_val(ends, end);
    }
    g_array_sort(ends, compare_ends);
    for (guint i = 1; i < ends->len;)
        if (compare_ends(&g_array_index(ends, GraphEnd, i - 1), &g_array_index(ends, GraphEnd, i)) == 0)
            g_array_remove_index(ends, i);
        else
            i++;
    return ends;
}

static void append_edges(const ManifestSet *set, const Manifest *manifest, GArray *outside, GString *out)
{
    g_autoptr(GArray) ends = ends_of(manifest);
    for (guint i = 0; i < ends->len; i++) {
        GraphEnd end = g_array_index(ends, GraphEnd, i);
        g_string_append(out, "  ");
        append_id(out, manifest->kind, manifest->name);
        g_string_append(out, " -> ");
        append_id(out, end.kind, end.name);
        g_string_append(out, ";\n");
        if (!manifest_set_find(set, end.kind, end.name))
            g_array_append_val(outside, end);
    }
}

void graph_source(const ManifestSet *set, const char *title, GString *out)
{
    g_autoptr(GArray) outside = g_array_new(FALSE, FALSE, sizeof(GraphEnd));
    graph_begin(title, "LR", out);
    for (size_t i = 0; i < manifest_set_len(set); i++)
        append_resource(out, manifest_set_get(set, i)->kind, manifest_set_get(set, i)->name, "");
    for (size_t i = 0; i < manifest_set_len(set); i++)
        append_edges(set, manifest_set_get(set, i), outside, out);
    g_array_sort(outside, compare_ends);
    for (guint i = 0; i < outside->len; i++) {
        const GraphEnd *end = &g_array_index(outside, GraphEnd, i);
        if (i == 0 || compare_ends(end - 1, end) != 0)
            append_resource(out, end->kind, end->name, ", style=\"rounded,filled,dashed\"");
    }
    g_string_append(out, "}\n");
}

/* ---- the steps of a pipeline */

static const struct {
    const char *status, *color;
} status_colors[] = {
    {"SUCCEEDED", "#b7e1b0"}, {"DONE", "#b7e1b0"},     {"SKIPPED", "#eeeeee"},  {"FAILED", "#f4b6b0"},
    {"RUNNING", "#b9d6f7"},   {"STARTING", "#b9d6f7"}, {"RUNNABLE", "#fdf2d0"}, {"PENDING", "#ffffff"},
};

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static int64_t count_of(const json_t *counts, const char *state)
{
    return json_integer_value(json_object_get(counts, state));
}

/* The parent of an array is PENDING all the time; its children tell. */
static const char *color_of(const json_t *step)
{
    const json_t *counts = json_object_get(step, "counts");
    const char *status = text_of(step, "status");
    if (strcmp(status, "PENDING") == 0 && count_of(counts, "RUNNING") + count_of(counts, "STARTING") > 0)
        status = "RUNNING";
    for (size_t i = 0; i < G_N_ELEMENTS(status_colors); i++)
        if (strcmp(status_colors[i].status, status) == 0)
            return status_colors[i].color;
    return "#ffffff";
}

/* "24 children", "from shards.txt", "n children"; nothing for a single job. */
static void append_size(GString *label, const json_t *step)
{
    const json_t *array = json_object_get(step, "array");
    int64_t size = json_integer_value(json_object_get(step, "size"));
    if (!size)
        size = json_integer_value(json_object_get(json_object_get(step, "arrayProperties"), "size"));
    if (!size)
        size = json_integer_value(json_object_get(array, "size"));
    if (size)
        g_string_append_printf(label, "\n%" G_GINT64_FORMAT " children", size);
    else if (*text_of(array, "fromFile"))
        g_string_append_printf(label, "\nchildren: lines of %s", text_of(array, "fromFile"));
    else if (*text_of(array, "fromParameter"))
        g_string_append_printf(label, "\nchildren: parameter %s", text_of(array, "fromParameter"));
}

static char *label_of(const json_t *step)
{
    g_autoptr(GString) label = g_string_new(text_of(step, "name"));
    const json_t *counts = json_object_get(step, "counts");
    const char *status = text_of(step, "status");
    if (*text_of(step, "jobDefinition"))
        g_string_append_printf(label, "\n%s", text_of(step, "jobDefinition"));
    append_size(label, step);
    if (*status && strcmp(status, "NONE") != 0)
        g_string_append_printf(label, "\n%s", status);
    if (json_object_size(counts))
        g_string_append_printf(label, " %" G_GINT64_FORMAT " done, %" G_GINT64_FORMAT " failed",
                               count_of(counts, "SUCCEEDED"), count_of(counts, "FAILED"));
    return g_string_free(g_steal_pointer(&label), FALSE);
}

static void append_step(const json_t *step, GString *out)
{
    g_autofree char *label = label_of(step);
    bool is_array = json_object_get(step, "size") || json_object_get(step, "array") ||
                    json_object_get(step, "arrayProperties");
    g_string_append(out, "  ");
    graph_append_string(out, view_from(text_of(step, "name")));
    g_string_append(out, " [label=");
    graph_append_string(out, view_from(label));
    g_string_append_printf(out, ", fillcolor=\"%s\"%s];\n", color_of(step),
                           is_array ? ", peripheries=2" : "");
}

static void append_dependency(const json_t *step, const json_t *dependency, GString *out)
{
    const char *on = text_of(dependency, "job"), *type = text_of(dependency, "type");
    bool is_completion = strcmp(text_of(dependency, "condition"), "completion") == 0;
    g_autofree char *outside = g_strdup_printf("job %s", text_of(dependency, "jobId"));
    if (!*on && !*text_of(dependency, "jobId"))
        on = text_of(step, "name"); /* SEQUENTIAL: its children wait for each other */
    g_string_append(out, "  ");
    graph_append_string(out, view_from(*on ? on : outside));
    g_string_append(out, " -> ");
    graph_append_string(out, view_from(text_of(step, "name")));
    if (*type || is_completion) {
        g_autofree char *label = g_strdup_printf("%s%s%s", type, *type && is_completion ? ", " : "",
                                                 is_completion ? "completion" : "");
        g_string_append(out, " [label=");
        graph_append_string(out, view_from(label));
        g_string_append(out, is_completion ? ", style=dashed]" : "]");
    }
    g_string_append(out, ";\n");
}

void graph_steps(const json_t *steps, const char *title, GString *out)
{
    json_t *step, *dependency;
    size_t i, d;
    graph_begin(title, "TB", out);
    json_array_foreach(steps, i, step) append_step(step, out);
    json_array_foreach(steps, i, step)
    {
        json_array_foreach(json_object_get(step, "dependsOn"), d, dependency)
            append_dependency(step, dependency, out);
    }
    g_string_append(out, "}\n");
}

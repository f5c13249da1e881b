/* web_graph.c: see web_graph.h. Drawn here, so that it needs no script; layout.h says where things stand. */
#include "reconciler/api/web/web_graph.h"
#include <string.h>
#include "reconciler/api/web/layout.h"

#define BOX_WIDTH   196
#define BOX_HEIGHT  58
#define COLUMN_STEP 260 /* from one column's left to the next one's */
#define ROW_STEP    76
#define MARGIN      12
#define NAME_SHOWN  22 /* characters that fit in a box; the whole name is its title */
#define NUMBER_MAX  G_ASCII_DTOSTR_BUF_SIZE

/* ---- one step in words ---- */

static int64_t count_of(const json_t *step, const char *state)
{
    return number_of(json_object_get(step, "counts"), state);
}

const char *step_state(const json_t *step)
{
    const char *state = member_of(step, "status");
    bool is_running = count_of(step, "RUNNING") + count_of(step, "STARTING") > 0;
    return g_strcmp0(state, "PENDING") == 0 && is_running ? "RUNNING" : state;
}

static void append_count(GString *text, int64_t count, const char *what)
{
    if (count)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " %s", count, what);
}

char *step_counts(const json_t *step)
{
    int64_t size = number_of(step, "size");
    if (!size || !json_object_size(json_object_get(step, "counts")))
        return size ? g_strdup_printf("%" G_GINT64_FORMAT " children", size) : NULL;
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " done",
                           count_of(step, "SUCCEEDED"), size);
    append_count(text, count_of(step, "FAILED"), "failed");
    append_count(text, count_of(step, "RUNNING") + count_of(step, "STARTING"), "running");
    return g_string_free(text, FALSE);
}

char *step_path(const json_t *step)
{
    const char *id = member_of(step, "jobId");
    return id ? html_path("/jobs/", id, NULL) : NULL;
}

/* ---- who waits for whom ---- */

typedef struct {
    LayoutEdge edge;
    bool is_completion; /* whatever comes of it, not only success */
} Edge;

static void add_edges(const json_t *step, size_t index, GHashTable *by_name, GArray *edges)
{
    const json_t *dependency;
    size_t i;
    json_array_foreach(json_object_get(step, "dependsOn"), i, dependency)
    {
        const char *on = member_of(dependency, "job");
        gpointer from;
        if (!on || !g_hash_table_lookup_extended(by_name, on, NULL, &from))
            continue;
        Edge edge = {{GPOINTER_TO_SIZE(from), index},
                     g_strcmp0(member_of(dependency, "condition"), "completion") == 0};
        g_array_append_val(edges, edge);
    }
}

static GArray *edges_of(const json_t *steps)
{
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *step;
    size_t i;
    json_array_foreach(steps, i, step)
    {
        const char *name = member_of(step, "name");
        g_hash_table_replace(by_name, (gpointer)(uintptr_t)(name ? name : ""), GSIZE_TO_POINTER(i));
    }
    json_array_foreach(steps, i, step)
    {
        add_edges(step, i, by_name, edges);
    }
    return edges;
}

static Layout *layout_of(const json_t *steps, const GArray *edges)
{
    g_autofree LayoutEdge *plain = g_new(LayoutEdge, edges->len + 1);
    for (guint i = 0; i < edges->len; i++)
        plain[i] = g_array_index(edges, Edge, i).edge;
    return layout_new(json_array_size(steps), plain, edges->len);
}

/* ---- drawing ---- */

static double left_of(LayoutPoint point)
{
    return MARGIN + point.column * COLUMN_STEP;
}

static double middle_of(LayoutPoint point)
{
    return MARGIN + point.row * ROW_STEP + BOX_HEIGHT / 2.0;
}

static void append_numbers(GString *path, const char *letter, const double *values, size_t len)
{
    char text[NUMBER_MAX];
    g_string_append(path, letter);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(path, "%s%s", i ? " " : "",
                               g_ascii_formatd(text, sizeof text, "%.1f", values[i]));
}

/* From the right of one place to the left of the next, level at both ends. */
static void append_bend(GString *path, double from_x, double from_y, double to_x, double to_y)
{
    double half = (from_x + to_x) / 2;
    append_numbers(path, "C", (const double[]){half, from_y, half, to_y, to_x, to_y}, 6);
}

static void draw_edge(Html *html, const LayoutRoute *route, bool is_completion)
{
    g_autoptr(GString) path = g_string_new(NULL);
    if (route->len == 0)
        return;
    append_numbers(path, "M",
                   (const double[]){left_of(route->points[0]) + BOX_WIDTH, middle_of(route->points[0])}, 2);
    for (size_t i = 1; i < route->len; i++) {
        LayoutPoint from = route->points[i - 1], to = route->points[i];
        append_bend(path, left_of(from) + BOX_WIDTH, middle_of(from), left_of(to), middle_of(to));
        if (i + 1 < route->len)
            append_numbers(path, "H", (const double[]){left_of(to) + BOX_WIDTH}, 1);
    }
    html_leaf(html, "path", NULL, "d", path->str, "class", is_completion ? "edge loose" : "edge",
              "marker-end", "url(#arrow)", NULL);
}

static void svg_text(Html *html, const char *class, double x, double y, const char *text)
{
    char left[NUMBER_MAX], top[NUMBER_MAX];
    html_leaf(html, "text", text, "class", class, "x", g_ascii_formatd(left, sizeof left, "%.1f", x), "y",
              g_ascii_formatd(top, sizeof top, "%.1f", y), NULL);
}

static char *shortened(const char *name)
{
    g_autofree char *valid = g_utf8_make_valid(name ? name : "", -1);
    if (g_utf8_strlen(valid, -1) <= NAME_SHOWN)
        return g_steal_pointer(&valid);
    g_autofree char *begin = g_utf8_substring(valid, 0, NAME_SHOWN - 1);
    return g_strdup_printf("%s…", begin);
}

static void draw_box(Html *html, double x, double y, const char *class)
{
    char left[NUMBER_MAX], top[NUMBER_MAX];
    html_leaf(html, "rect", NULL, "class", class, "x", g_ascii_formatd(left, sizeof left, "%.1f", x), "y",
              g_ascii_formatd(top, sizeof top, "%.1f", y), "width", G_STRINGIFY(BOX_WIDTH), "height",
              G_STRINGIFY(BOX_HEIGHT), "rx", "5", NULL);
}

static void draw_step(Html *html, const json_t *step, LayoutPoint point)
{
    const char *state = step_state(step), *name = member_of(step, "name");
    double x = left_of(point), y = middle_of(point) - BOX_HEIGHT / 2.0;
    g_autofree char *path = step_path(step), *counts = step_counts(step), *shown = shortened(name);
    g_autofree char *title = g_strdup_printf("%s: %s%s%s", name ? name : "", state ? state : "",
                                             counts ? ", " : "", counts ? counts : "");
    g_autofree char *class = g_strdup_printf("step %s", piece_state_class(state));
    html_open(html, path ? "a" : "g", "href", path, "class", class, NULL);
    html_leaf(html, "title", title, NULL);
    if (number_of(step, "size")) /* an array: one behind the other */
        draw_box(html, x + 4, y + 4, "behind");
    draw_box(html, x, y, "box");
    svg_text(html, "step-name", x + 10, y + 20, shown);
    svg_text(html, "step-state", x + 10, y + (counts ? 36 : 42), state);
    if (counts)
        svg_text(html, "step-counts", x + 10, y + 51, counts);
    html_close(html, path ? "a" : "g");
}

static void draw_arrow(Html *html)
{
    html_open(html, "defs", NULL);
    html_open(html, "marker", "id", "arrow", "viewBox", "0 0 8 8", "refX", "7", "refY", "4", "markerWidth",
              "7", "markerHeight", "7", "orient", "auto", NULL);
    html_leaf(html, "path", NULL, "d", "M0 0L8 4L0 8z", "class", "head", NULL);
    html_close(html, "marker");
    html_close(html, "defs");
}

static void open_svg(Html *html, const Layout *layout)
{
    g_autofree char *width =
        g_strdup_printf("%zu", (layout->columns - 1) * COLUMN_STEP + BOX_WIDTH + 2 * MARGIN);
    g_autofree char *height = g_strdup_printf("%zu", (layout->rows - 1) * ROW_STEP + BOX_HEIGHT + 2 * MARGIN);
    g_autofree char *box = g_strdup_printf("0 0 %s %s", width, height);
    html_open(html, "svg", "viewBox", box, "width", width, "height", height, "role", "group",
              "aria-labelledby", "graph-title graph-desc", NULL);
}

void graph_write(Html *html, const char *title, const json_t *steps)
{
    size_t len = json_array_size(steps);
    if (len == 0 || len > GRAPH_STEPS_MAX)
        return;
    g_autoptr(GArray) edges = edges_of(steps);
    g_autoptr(Layout) layout = layout_of(steps, edges);
    html_open(html, "div", "class", "graph", "tabindex", "0", "role", "region", "aria-label", title, NULL);
    open_svg(html, layout);
    html_leaf(html, "title", title, "id", "graph-title", NULL);
    html_open(html, "desc", "id", "graph-desc", NULL);
    html_format(html,
                "%zu steps in %zu columns; each stands behind those that it waits for. The table below "
                "says the same.",
                len, layout->columns);
    html_close(html, "desc");
    draw_arrow(html);
    for (guint i = 0; i < edges->len; i++)
        draw_edge(html, &layout->routes[i], g_array_index(edges, Edge, i).is_completion);
    for (size_t i = 0; i < len; i++)
        draw_step(html, json_array_get(steps, i), layout->nodes[i]);
    html_close(html, "svg");
    html_close(html, "div");
}

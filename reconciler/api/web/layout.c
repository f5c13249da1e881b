/* layout.c: see layout.h. */
#include "reconciler/api/web/layout.h"
#include <stdbool.h>
#include <stdlib.h>

#define SWEEPS      8
#define CORNERS_MAX 20000 /* places of edges that pass columns; over that they pass straight */

/* A place: that of a node, or one where an edge passes a column. */
typedef struct {
    size_t column, order;
    double wish;    /* where it would like to stand */
    GArray *before; /* of size_t: places in the column before that it is joined to */
    GArray *after;
} Place;

typedef struct {
    size_t nodes_len, edges_len;
    const LayoutEdge *edges;
    size_t *columns_of; /* of nodes */
    GArray *places;     /* of Place: the nodes, then the corners */
    GPtrArray *columns; /* of GArray of size_t: places, in their order */
    GArray **passes;    /* of each edge: places from its start to its end; NULL: it has no route */
} Work;

static Place *place_at(const Work *work, size_t index)
{
    return &g_array_index(work->places, Place, index);
}

static size_t index_at(const GArray *list, size_t at)
{
    return g_array_index(list, size_t, at);
}

/* ---- columns ---- */

/* Of each node, how many edges that count lead to it. */
static size_t *count_before(const Work *work)
{
    size_t *counts = g_new0(size_t, work->nodes_len + 1);
    for (size_t i = 0; i < work->edges_len; i++)
        if (work->edges[i].from != work->edges[i].to)
            counts[work->edges[i].to]++;
    return counts;
}

/* The edges that leave each node. */
static GArray **leaving(const Work *work)
{
    GArray **out = g_new0(GArray *, work->nodes_len + 1);
    for (size_t i = 0; i < work->nodes_len; i++)
        out[i] = g_array_new(FALSE, FALSE, sizeof(size_t));
    for (size_t i = 0; i < work->edges_len; i++)
        if (work->edges[i].from != work->edges[i].to)
            g_array_append_val(out[work->edges[i].from], i);
    return out;
}

static void pass_on(Work *work, const GArray *edges, size_t *waiting, GArray *ready)
{
    for (guint i = 0; i < edges->len; i++) {
        const LayoutEdge *edge = &work->edges[index_at(edges, i)];
        size_t *column = &work->columns_of[edge->to];
        *column = MAX(*column, work->columns_of[edge->from] + 1);
        if (--waiting[edge->to] == 0)
            g_array_append_val(ready, edge->to);
    }
}

/* What stands in a circle never becomes ready: it stays in the column that was found so far, and the edges
 * that lead nowhere later have no route. */
static void find_columns(Work *work)
{
    g_autofree size_t *waiting = count_before(work);
    g_autoptr(GArray) ready = g_array_new(FALSE, FALSE, sizeof(size_t));
    GArray **out = leaving(work);
    for (size_t i = 0; i < work->nodes_len; i++)
        if (waiting[i] == 0)
            g_array_append_val(ready, i);
    for (guint at = 0; at < ready->len; at++)
        pass_on(work, out[index_at(ready, at)], waiting, ready);
    for (size_t i = 0; i < work->nodes_len; i++)
        g_array_unref(out[i]);
    g_free(out);
}

/* ---- places ---- */

static size_t place_add(Work *work, size_t column)
{
    while (work->columns->len <= column)
        g_ptr_array_add(work->columns, g_array_new(FALSE, FALSE, sizeof(size_t)));
    GArray *list = work->columns->pdata[column];
    Place place = {.column = column, .order = list->len};
    size_t index = work->places->len;
    place.before = g_array_new(FALSE, FALSE, sizeof(size_t));
    place.after = g_array_new(FALSE, FALSE, sizeof(size_t));
    g_array_append_val(work->places, place);
    g_array_append_val(list, index);
    return index;
}

static void join(Work *work, GArray *pass, size_t next)
{
    if (pass->len > 0) {
        size_t last = index_at(pass, pass->len - 1);
        g_array_append_val(place_at(work, last)->after, next);
        g_array_append_val(place_at(work, next)->before, last);
    }
    g_array_append_val(pass, next);
}

static void add_pass(Work *work, size_t edge, size_t *corners)
{
    size_t from = work->edges[edge].from, to = work->edges[edge].to;
    if (work->columns_of[from] >= work->columns_of[to])
        return;
    GArray *pass = work->passes[edge] = g_array_new(FALSE, FALSE, sizeof(size_t));
    join(work, pass, from);
    for (size_t column = work->columns_of[from] + 1; column < work->columns_of[to]; column++)
        if (*corners < CORNERS_MAX) {
            join(work, pass, place_add(work, column));
            ++*corners;
        }
    join(work, pass, to);
}

static void add_places(Work *work)
{
    size_t corners = 0;
    for (size_t i = 0; i < work->nodes_len; i++)
        place_add(work, work->columns_of[i]);
    for (size_t i = 0; i < work->edges_len; i++)
        add_pass(work, i, &corners);
}

/* ---- order ---- */

static double offset_of(const Work *work, const Place *place)
{
    const GArray *list = work->columns->pdata[place->column];
    return (double)place->order - (double)(list->len - 1) / 2;
}

static int compare_wish(const void *a, const void *b, void *data)
{
    const Place *left = place_at(data, *(const size_t *)a), *right = place_at(data, *(const size_t *)b);
    if (left->wish != right->wish)
        return left->wish < right->wish ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

/* Each would like to stand in the middle of those that it is joined to. */
static void wish(const Work *work, Place *place, const GArray *joined)
{
    double sum = 0;
    for (guint i = 0; i < joined->len; i++)
        sum += offset_of(work, place_at(work, index_at(joined, i)));
    place->wish = joined->len ? sum / joined->len : offset_of(work, place);
}

static void order_column(Work *work, GArray *list, bool is_forth)
{
    for (guint i = 0; i < list->len; i++) {
        Place *place = place_at(work, index_at(list, i));
        wish(work, place, is_forth ? place->before : place->after);
    }
    g_array_sort_with_data(list, compare_wish, work);
    for (guint i = 0; i < list->len; i++)
        place_at(work, index_at(list, i))->order = i;
}

static void sweep(Work *work, bool is_forth)
{
    guint len = work->columns->len;
    for (guint i = 1; i < len; i++)
        order_column(work, work->columns->pdata[is_forth ? i : len - 1 - i], is_forth);
}

/* ---- the result ---- */

static size_t rows_of(const Work *work)
{
    size_t rows = 0;
    for (guint i = 0; i < work->columns->len; i++)
        rows = MAX(rows, ((GArray *)work->columns->pdata[i])->len);
    return rows;
}

static LayoutPoint point_of(const Work *work, size_t index, size_t rows)
{
    const Place *place = place_at(work, index);
    return (LayoutPoint){(double)place->column, offset_of(work, place) + (double)(rows - 1) / 2};
}

static void fill_points(const Work *work, Layout *layout)
{
    layout->columns = work->columns->len;
    layout->rows = rows_of(work);
    layout->nodes = g_new0(LayoutPoint, work->nodes_len + 1);
    layout->routes = g_new0(LayoutRoute, work->edges_len + 1);
    layout->edges_len = work->edges_len;
    for (size_t i = 0; i < work->nodes_len; i++)
        layout->nodes[i] = point_of(work, i, layout->rows);
    for (size_t i = 0; i < work->edges_len; i++) {
        const GArray *pass = work->passes[i];
        LayoutRoute *route = &layout->routes[i];
        route->len = pass ? pass->len : 0;
        route->points = g_new0(LayoutPoint, route->len + 1);
        for (size_t at = 0; at < route->len; at++)
            route->points[at] = point_of(work, index_at(pass, at), layout->rows);
    }
}

static void work_clear(Work *work)
{
    for (guint i = 0; i < work->places->len; i++) {
        g_array_unref(place_at(work, i)->before);
        g_array_unref(place_at(work, i)->after);
    }
    for (size_t i = 0; i < work->edges_len; i++)
        if (work->passes[i])
            g_array_unref(work->passes[i]);
    for (guint i = 0; i < work->columns->len; i++)
        g_array_unref(work->columns->pdata[i]);
    g_array_unref(work->places);
    g_ptr_array_unref(work->columns);
    g_free(work->passes);
    g_free(work->columns_of);
}

Layout *layout_new(size_t nodes_len, const LayoutEdge *edges, size_t edges_len)
{
    Layout *layout = g_new0(Layout, 1);
    Work work = {.nodes_len = nodes_len, .edges_len = edges_len, .edges = edges};
    for (size_t i = 0; i < edges_len; i++)
        g_assert(edges[i].from < nodes_len && edges[i].to < nodes_len);
    work.columns_of = g_new0(size_t, nodes_len + 1);
    work.places = g_array_new(FALSE, FALSE, sizeof(Place));
    work.columns = g_ptr_array_new();
    work.passes = g_new0(GArray *, edges_len + 1);
    find_columns(&work);
    add_places(&work);
    for (int i = 0; i < SWEEPS; i++)
        sweep(&work, i % 2 == 0);
    fill_points(&work, layout);
    work_clear(&work);
    return layout;
}

void layout_free(Layout *layout)
{
    if (!layout)
        return;
    for (size_t i = 0; i < layout->edges_len; i++)
        g_free(layout->routes[i].points);
    g_free(layout->nodes);
    g_free(layout->routes);
    g_free(layout);
}

/* ---- crossings ---- */

static bool pieces_cross(const LayoutPoint *a, const LayoutPoint *b)
{
    bool is_same = a[0].column == b[0].column && a[1].column == b[1].column;
    return is_same && (a[0].row - b[0].row) * (a[1].row - b[1].row) < 0;
}

static size_t routes_cross(const LayoutRoute *a, const LayoutRoute *b)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < a->len; i++)
        for (size_t j = 0; j + 1 < b->len; j++)
            count += pieces_cross(&a->points[i], &b->points[j]);
    return count;
}

size_t layout_crossings(const Layout *layout, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < layout->edges_len; i++)
        for (size_t j = 0; j < i && count < most; j++)
            count += routes_cross(&layout->routes[i], &layout->routes[j]);
    return MIN(count, most);
}

/* html_gantt.c: instances over time. Bars share a lane where they do not overlap; where there are too many,
 * lanes become curves of how many instances of a type there were. */
#include "reconciler/forecast/html.h"

#include "reconciler/forecast/words.h"
#include "spec/base/lanes.h"

#define LANE_HEIGHT  12
#define BAR_HEIGHT   9
#define TITLE_HEIGHT 18
#define CURVE_HEIGHT 44
#define LANES_MAX    250
#define GROUPS_MAX   60
#define COLUMNS      300
#define TOP          4
#define FOOT         22

/* Instances of one environment, type and way of buying. */
typedef struct {
    uint32_t environment;
    const char *type;
    bool spot;
    GPtrArray *instances; /* of const ResultInstance, by start */
    size_t lanes;
} Group;

typedef struct {
    const SimulationResult *result;
    TimeAxis axis;
    GPtrArray *groups; /* of Group, by environment, type; owned */
} Gantt;

static void group_free(void *data)
{
    Group *group = data;
    g_ptr_array_unref(group->instances);
    g_free(group);
}

static int compare_instance(const void *a, const void *b)
{
    const ResultInstance *left = *(ResultInstance *const *)a, *right = *(ResultInstance *const *)b;
    if (left->environment != right->environment)
        return left->environment < right->environment ? -1 : 1;
    int order = strcmp(left->type, right->type);
    if (order || left->spot != right->spot)
        return order ? order : left->spot - right->spot;
    if (left->started_ms != right->started_ms)
        return left->started_ms < right->started_ms ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

static bool belongs(const Group *group, const ResultInstance *instance)
{
    return group && group->environment == instance->environment && group->spot == instance->spot &&
           strcmp(group->type, instance->type) == 0;
}

static void collect_groups(Gantt *gantt)
{
    size_t len = gantt->result->instances_len;
    g_autofree const ResultInstance **sorted = g_new(const ResultInstance *, len + 1);
    for (size_t i = 0; i < len; i++)
        sorted[i] = &gantt->result->instances[i];
    qsort(sorted, len, sizeof *sorted, compare_instance);
    Group *group = NULL;
    for (size_t i = 0; i < len; i++) {
        if (!belongs(group, sorted[i])) {
            group = g_new0(Group, 1);
            *group = (Group){sorted[i]->environment, sorted[i]->type, sorted[i]->spot, g_ptr_array_new(), 0};
            g_ptr_array_add(gantt->groups, group);
        }
        g_ptr_array_add(group->instances, (gpointer)(uintptr_t)sorted[i]);
    }
}

static int64_t end_of(const Gantt *gantt, const ResultInstance *instance)
{
    return instance->ended_ms < 0 ? gantt->axis.end_ms : instance->ended_ms;
}

static size_t assign_lanes(const Gantt *gantt, const Group *group, GArray *rows)
{
    g_auto(Lanes) lanes;
    lanes_init(&lanes);
    for (guint i = 0; i < group->instances->len; i++) {
        const ResultInstance *instance = group->instances->pdata[i];
        guint row = lanes_take(&lanes, instance->started_ms, end_of(gantt, instance), LANES_MAX + 1);
        if (rows)
            g_array_append_val(rows, row);
    }
    return lanes_len(&lanes);
}

static void append_group_title(const Gantt *gantt, const Group *group, int y, GString *out)
{
    g_autofree char *count = integer_human((int64_t)group->instances->len);
    g_string_append_printf(out, "<text class=\"group\" x=\"4\" y=\"%d\">", y + 13);
    html_escape(gantt->result->environments[group->environment].name, out);
    g_string_append(out, " · ");
    html_escape(*group->type ? group->type : "machine", out);
    g_string_append_printf(out, "%s · %s</text>", group->spot ? " Spot" : "", count);
}

/* ---- bars
 * ---------------------------------------------------------------------------------------------------------
 */

static void append_bar_title(const Gantt *gantt, const ResultInstance *instance, GString *out)
{
    g_autofree char *from = words_time(instance->started_ms);
    g_autofree char *lived = words_duration(end_of(gantt, instance) - instance->started_ms);
    g_autofree char *busy = words_percent(instance->busy_e4);
    ResultMoney paid = {.currency = gantt->result->environments[instance->environment].cost.currency,
                        .micro = MAX(instance->cost_micro, 0),
                        .most_micro = instance->most_micro,
                        .unpriced = instance->cost_micro < 0};
    g_autofree char *cost = words_paid(&paid);
    g_string_append_printf(out, "<title>%" G_GUINT64_FORMAT " ", instance->number);
    html_escape(instance->type, out);
    g_string_append_printf(out, ", from %s for %s, busy %s, cost ", from, lived, busy);
    html_escape(cost, out);
    if (instance->reason) {
        g_string_append(out, "; ");
        html_escape(instance->reason, out);
    }
    g_string_append(out, "</title>");
}

static void append_rect(const Gantt *gantt, int64_t from_ms, int64_t to_ms, double y, double height,
                        const char *class, GString *out)
{
    double x = chart_x(&gantt->axis, from_ms), width = chart_x(&gantt->axis, to_ms) - x;
    g_string_append_printf(out, "<rect class=\"%s\" x=\"", class);
    html_number(x, out);
    g_string_append(out, "\" y=\"");
    html_number(y, out);
    g_string_append(out, "\" width=\"");
    html_number(MAX(width, 0.5), out);
    g_string_append(out, "\" height=\"");
    html_number(height, out);
    g_string_append(out, "\"/>");
}

/* Pale while it boots, then its frame, filled from below by the share of its vCPUs that were held. */
static void append_bar(const Gantt *gantt, const ResultInstance *instance, int y, GString *out)
{
    int64_t end = end_of(gantt, instance);
    int64_t ready = instance->registered_ms < 0 ? end : instance->registered_ms;
    g_string_append_printf(out, "<g class=\"c%u\">", instance->environment % HTML_COLORS);
    append_bar_title(gantt, instance, out);
    append_rect(gantt, instance->started_ms, ready, y, BAR_HEIGHT, "boot", out);
    if (ready < end) {
        double used = (double)MAX(instance->busy_e4, 0) / DECIMAL_SCALE * BAR_HEIGHT;
        append_rect(gantt, ready, end, y, BAR_HEIGHT, "has", out);
        append_rect(gantt, ready, end, y + BAR_HEIGHT - used, used, "used", out);
    }
    g_string_append(out, "</g>\n");
}

static void append_bars(Gantt *gantt, GString *out)
{
    int y = TOP;
    for (guint g = 0; g < gantt->groups->len; g++) {
        const Group *group = gantt->groups->pdata[g];
        g_autoptr(GArray) lanes = g_array_new(FALSE, FALSE, sizeof(guint));
        size_t count = assign_lanes(gantt, group, lanes);
        append_group_title(gantt, group, y, out);
        y += TITLE_HEIGHT;
        for (guint i = 0; i < group->instances->len; i++)
            append_bar(gantt, group->instances->pdata[i],
                       y + (int)g_array_index(lanes, guint, i) * LANE_HEIGHT, out);
        y += (int)count * LANE_HEIGHT;
    }
}

/* ---- curves
 * ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t at_ms;
    int change;
} Edge;

static int compare_edge(const void *a, const void *b)
{
    const Edge *left = a, *right = b;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return left->change - right->change; /* who goes makes room first */
}

/* The greatest number at once in each of COLUMNS columns. Returns the greatest of all. */
static int count_columns(const Gantt *gantt, const Group *group, int *columns)
{
    size_t len = 2 * (size_t)group->instances->len;
    g_autofree Edge *edges = g_new(Edge, len);
    for (guint i = 0; i < group->instances->len; i++) {
        const ResultInstance *instance = group->instances->pdata[i];
        edges[2 * i] = (Edge){instance->started_ms, 1};
        edges[2 * i + 1] = (Edge){end_of(gantt, instance), -1};
    }
    qsort(edges, len, sizeof *edges, compare_edge);
    int64_t span = MAX(gantt->axis.end_ms - gantt->axis.start_ms, 1);
    int alive = 0, max = 0;
    size_t column = 0;
    for (size_t i = 0; i < len; i++) {
        int64_t offset = CLAMP(edges[i].at_ms - gantt->axis.start_ms, 0, span);
        size_t at = (size_t)((__int128)offset * (COLUMNS - 1) / span);
        while (column < at)
            columns[++column] = alive;
        alive += edges[i].change;
        columns[column] = MAX(columns[column], alive);
        max = MAX(max, alive);
    }
    while (column < COLUMNS - 1)
        columns[++column] = alive;
    return max;
}

static int64_t mean_busy_e4(const Group *group)
{
    __int128 sum = 0, weight = 0;
    for (guint i = 0; i < group->instances->len; i++) {
        const ResultInstance *instance = group->instances->pdata[i];
        if (instance->busy_e4 < 0 || instance->ended_ms < 0)
            continue;
        sum += (__int128)instance->busy_e4 * (instance->ended_ms - instance->registered_ms);
        weight += instance->ended_ms - instance->registered_ms;
    }
    return weight > 0 ? (int64_t)(sum / weight) : -1;
}

static void append_curve(const Gantt *gantt, const Group *group, int y, GString *out)
{
    g_autofree int *columns = g_new0(int, COLUMNS);
    int max = count_columns(gantt, group, columns), height = CURVE_HEIGHT - TITLE_HEIGHT - 4;
    g_autofree char *busy = words_percent(mean_busy_e4(group));
    append_group_title(gantt, group, y, out);
    y += TITLE_HEIGHT;
    g_string_append_printf(out, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%d\">%d</text>",
                           CHART_LEFT - 6, y + 10, max);
    g_string_append_printf(out, "<path class=\"area c%u\" d=\"M%d %d", group->environment % HTML_COLORS,
                           CHART_LEFT, y + height);
    int before = -1;
    for (int i = 0; i < COLUMNS; i++) {
        if (columns[i] == before)
            continue;
        before = columns[i];
        g_string_append_c(out, 'H');
        html_number(CHART_LEFT + (double)(CHART_WIDTH - CHART_LEFT - CHART_RIGHT) * i / COLUMNS, out);
        g_string_append_c(out, 'V');
        html_number(y + height - (double)columns[i] / MAX(max, 1) * height, out);
    }
    g_string_append_printf(out, "H%dV%dZ\"><title>at most %d at once, busy %s on average</title></path>",
                           CHART_WIDTH - CHART_RIGHT, y + height, max, busy);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

static size_t count_lanes(Gantt *gantt)
{
    size_t lanes = 0;
    for (guint g = 0; g < gantt->groups->len && lanes <= LANES_MAX; g++)
        lanes += assign_lanes(gantt, gantt->groups->pdata[g], NULL);
    return lanes;
}

static void open_svg(int height, size_t instances, GString *out)
{
    g_string_append_printf(
        out,
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%zu instances over time; the table "
        "of environments has their figures\">",
        CHART_WIDTH, height, instances);
}

void html_gantt(const SimulationResult *result, size_t bars_max, GString *out)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
    Gantt gantt = {result, {result->start_ms, result->end_ms}, groups};
    collect_groups(&gantt);
    size_t lanes = result->instances_len <= bars_max ? count_lanes(&gantt) : LANES_MAX + 1;
    bool is_bars = lanes <= LANES_MAX;
    guint shown = is_bars ? groups->len : MIN(groups->len, GROUPS_MAX);
    int height = is_bars ? (int)lanes * LANE_HEIGHT + (int)shown * TITLE_HEIGHT : (int)shown * CURVE_HEIGHT;
    g_string_append(
        out, is_bars ? "<figure><figcaption>Instances <span class=\"key\"><i class=\"box c0 pale\"></i>"
                       "boots <i class=\"box c0\"></i>its vCPUs, filled as far as jobs held them"
                       "</span></figcaption>"
                     : "<figure><figcaption>Instances at once, by environment and type</figcaption>");
    open_svg(height + TOP + FOOT, result->instances_len, out);
    chart_ticks(&gantt.axis, TOP, height + TOP, out);
    if (is_bars)
        append_bars(&gantt, out);
    else
        for (guint g = 0; g < shown; g++)
            append_curve(&gantt, groups->pdata[g], TOP + (int)g * CURVE_HEIGHT, out);
    g_string_append(out, "</svg>");
    if (shown < groups->len)
        g_string_append_printf(out, "<p class=\"more\">and %u more types</p>", groups->len - shown);
    g_string_append(out, "</figure>\n");
}

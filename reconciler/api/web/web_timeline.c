/* web_timeline.c: who ran where and when. A lane for each instance, in it a row for each job at once; drawn
 * here, so that it needs no script. */
#include "reconciler/api/web/web_pictures.h"
#include "reconciler/api/web/web_view.h"
#include "spec/base/lanes.h"
#include "spec/base/units.h"

#define HTTP_BAD_REQUEST 400
#define SHOWN            2000 /* attempts that are asked for */
#define ROWS_SHOWN       300  /* of lanes on one page; the last lane may go over it */
#define TABLE_SHOWN      200
#define MINUTE_MS        INT64_C(60000)

#define LEFT       170
#define WIDTH      1010 /* of the time */
#define RIGHT      12
#define ROW_STEP   22
#define BAR_HEIGHT 18
#define LANE_GAP   8
#define TOP        24
#define BAR_LEAST  2
#define LETTER     6.6 /* width of one, about */
#define NAME_SHOWN 22
#define TICKS      6
#define NUMBER_MAX G_ASCII_DTOSTR_BUF_SIZE

static const struct {
    const char *text, *name;
    int64_t ms;
} spans[] = {
    {"15m", "15 minutes", 15 * MINUTE_MS},
    {"1h", "1 hour", 60 * MINUTE_MS},
    {"6h", "6 hours", 360 * MINUTE_MS},
    {"24h", "24 hours", 1440 * MINUTE_MS},
};
#define SPAN_USUAL 1

/* ---- which time ---- */

static size_t span_index(const WebPage *page)
{
    for (size_t i = 0; i < G_N_ELEMENTS(spans); i++)
        if (g_strcmp0(page_query(page, "span"), spans[i].text) == 0)
            return i;
    return SPAN_USUAL;
}

/* 0: it was not given, or is none. */
static int64_t query_number(const WebPage *page, const char *name)
{
    int64_t value;
    const char *text = page_query(page, name);
    return text && integer_parse(view_from(text), &value) && value > 0 ? value : 0;
}

static int64_t end_of(const WebPage *page)
{
    int64_t to_ms = query_number(page, "to");
    return to_ms ? MAX(to_ms, spans[span_index(page)].ms) : page->now_ms;
}

void timeline_ask(WebPage *page)
{
    int64_t to_ms = end_of(page);
    if (page->round > 0)
        return;
    if (page_query(page, "to") && !query_number(page, "to")) {
        page_fail(page, HTTP_BAD_REQUEST, "to: a time in milliseconds since 1970 is expected");
        return;
    }
    json_t *request = json_pack("{s:I,s:I,s:i}", "from", (json_int_t)(to_ms - spans[span_index(page)].ms),
                                "to", (json_int_t)to_ms, "limit", SHOWN);
    if (page_query(page, "queue"))
        json_object_set_new(request, "queue", json_string(page_query(page, "queue")));
    page_ask(page, "timeline", "timeline", request);
}

static char *window_path(const WebPage *page, const char *span, int64_t to_ms)
{
    const char *queue = page_query(page, "queue");
    GString *path = g_string_new("/timeline?span=");
    g_string_append(path, span);
    if (to_ms)
        g_string_append_printf(path, "&to=%" G_GINT64_FORMAT, to_ms);
    if (queue) {
        g_autofree char *escaped = g_uri_escape_string(queue, NULL, FALSE);
        g_string_append_printf(path, "&queue=%s", escaped);
    }
    return g_string_free(path, FALSE);
}

static void window_link(Html *html, const WebPage *page, const char *text, const char *span, int64_t to_ms,
                        bool is_here)
{
    g_autofree char *path = window_path(page, span, to_ms);
    html_open(html, "li", NULL);
    html_leaf(html, "a", text, "href", path, "aria-current", is_here ? "true" : NULL, NULL);
    html_close(html, "li");
}

static void show_windows(const WebPage *page, Html *html)
{
    size_t chosen = span_index(page);
    int64_t to_ms = end_of(page), span_ms = spans[chosen].ms, given_ms = query_number(page, "to");
    html_open(html, "nav", "class", "windows", "aria-label", "Time shown", NULL);
    html_open(html, "ul", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(spans); i++)
        window_link(html, page, spans[i].name, spans[i].text, given_ms, i == chosen);
    window_link(html, page, "← earlier", spans[chosen].text, to_ms - span_ms, false);
    if (given_ms && to_ms + span_ms < page->now_ms)
        window_link(html, page, "later →", spans[chosen].text, to_ms + span_ms, false);
    if (given_ms)
        window_link(html, page, "now", spans[chosen].text, 0, false);
    html_close(html, "ul");
    html_close(html, "nav");
}

static void show_filter(Html *html, const WebPage *page)
{
    html_open(html, "form", "method", "get", "action", "/timeline", "class", "filter", NULL);
    html_void(html, "input", "type", "hidden", "name", "span", "value", spans[span_index(page)].text, NULL);
    html_void(html, "input", "type", "hidden", "name", page_query(page, "to") ? "to" : NULL, "value",
              page_query(page, "to"), NULL);
    html_open(html, "label", NULL);
    html_text(html, "Queue ");
    html_void(html, "input", "name", "queue", "value", page_query(page, "queue"), "autocomplete", "off",
              NULL);
    html_close(html, "label");
    html_leaf(html, "button", "Show", "type", "submit", NULL);
    html_close(html, "form");
}

/* ---- lanes ---- */

typedef struct {
    const char *environment, *instance; /* instance NULL: the machine that environments share */
    GPtrArray *attempts;                /* of const json_t, by their start */
    GArray *rows;                       /* of guint, of each */
    guint rows_len;
} Lane;

static void lane_free(void *data)
{
    Lane *lane = data;
    g_ptr_array_unref(lane->attempts);
    g_array_unref(lane->rows);
    g_free(lane);
}

static int compare_attempts(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int order = g_strcmp0(member_of(left, "environment"), member_of(right, "environment"));
    if (!order)
        order = g_strcmp0(member_of(left, "instance"), member_of(right, "instance"));
    if (order)
        return order;
    int64_t left_ms = number_of(left, "startedAt"), right_ms = number_of(right, "startedAt");
    if (left_ms != right_ms)
        return left_ms < right_ms ? -1 : 1;
    return g_strcmp0(member_of(left, "jobId"), member_of(right, "jobId"));
}

static int64_t stop_of(const WebPage *page, const json_t *attempt)
{
    int64_t stopped_ms = number_of(attempt, "stoppedAt");
    return stopped_ms ? stopped_ms : page->now_ms;
}

static void lane_pack(const WebPage *page, Lane *lane)
{
    g_auto(Lanes) lanes;
    lanes_init(&lanes);
    for (guint i = 0; i < lane->attempts->len; i++) {
        const json_t *attempt = lane->attempts->pdata[i];
        guint row = lanes_take(&lanes, number_of(attempt, "startedAt"), stop_of(page, attempt), G_MAXUINT);
        g_array_append_val(lane->rows, row);
    }
    lane->rows_len = lanes_len(&lanes);
}

static GPtrArray *lanes_of(const WebPage *page, const GPtrArray *list)
{
    GPtrArray *lanes = g_ptr_array_new_with_free_func(lane_free);
    Lane *lane = NULL;
    for (guint i = 0; i < list->len; i++) {
        const char *environment = member_of(list->pdata[i], "environment");
        const char *instance = member_of(list->pdata[i], "instance");
        if (!lane || g_strcmp0(environment, lane->environment) || g_strcmp0(instance, lane->instance)) {
            lane = g_new0(Lane, 1);
            *lane =
                (Lane){environment, instance, g_ptr_array_new(), g_array_new(FALSE, FALSE, sizeof(guint)), 0};
            g_ptr_array_add(lanes, lane);
        }
        g_ptr_array_add(lane->attempts, list->pdata[i]);
    }
    for (guint i = 0; i < lanes->len; i++)
        lane_pack(page, lanes->pdata[i]);
    return lanes;
}

/* ---- drawing ---- */

typedef struct {
    const WebPage *page;
    Html *html;
    int64_t from_ms, to_ms;
} Picture;

static double x_of(const Picture *picture, int64_t at_ms)
{
    int64_t inside_ms = CLAMP(at_ms, picture->from_ms, picture->to_ms);
    return LEFT +
           (double)(inside_ms - picture->from_ms) * WIDTH / (double)(picture->to_ms - picture->from_ms);
}

static void draw_rect(Html *html, const char *class, double x, double y, double width, double height)
{
    char text[4][NUMBER_MAX];
    html_leaf(html, "rect", NULL, "class", class, "x", g_ascii_formatd(text[0], NUMBER_MAX, "%.1f", x), "y",
              g_ascii_formatd(text[1], NUMBER_MAX, "%.1f", y), "width",
              g_ascii_formatd(text[2], NUMBER_MAX, "%.1f", width), "height",
              g_ascii_formatd(text[3], NUMBER_MAX, "%.1f", height), "rx", "2", NULL);
}

static void draw_text(Html *html, const char *class, double x, double y, const char *anchor, const char *text)
{
    char left[NUMBER_MAX], top[NUMBER_MAX];
    html_leaf(html, "text", text, "class", class, "x", g_ascii_formatd(left, NUMBER_MAX, "%.1f", x), "y",
              g_ascii_formatd(top, NUMBER_MAX, "%.1f", y), "text-anchor", anchor, NULL);
}

/* As many characters of text as fit; NULL: too few to be of use. New string. */
static char *fitting(const char *text, double width)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    glong len = g_utf8_strlen(valid, -1), most = (glong)(width / LETTER);
    if (len <= most)
        return g_steal_pointer(&valid);
    if (most < 4)
        return NULL;
    g_autofree char *begin = g_utf8_substring(valid, 0, most - 1);
    return g_strdup_printf("%s…", begin);
}

static char *bar_title(const WebPage *page, const json_t *attempt)
{
    int64_t begun_ms = number_of(attempt, "startedAt"), ended_ms = number_of(attempt, "stoppedAt");
    g_autofree char *begun = time_text(begun_ms), *ended = ended_ms ? time_text(ended_ms) : g_strdup("now");
    g_autofree char *span = span_text(stop_of(page, attempt) - begun_ms);
    return g_strdup_printf("%s: %s, queue %s, attempt %" G_GINT64_FORMAT ", from %s to %s UTC (%s), job %s",
                           member_of(attempt, "jobName"), member_of(attempt, "state"),
                           member_of(attempt, "queue"), number_of(attempt, "attempt"), begun, ended, span,
                           member_of(attempt, "jobId"));
}

static void draw_bar(const Picture *picture, const json_t *attempt, double y)
{
    Html *html = picture->html;
    double x = x_of(picture, number_of(attempt, "startedAt"));
    double width = MAX(x_of(picture, stop_of(picture->page, attempt)) - x, BAR_LEAST);
    const char *id = member_of(attempt, "jobId");
    g_autofree char *class = g_strdup_printf("run %s", piece_state_class(member_of(attempt, "state")));
    g_autofree char *path = html_path("/jobs/", id ? id : "", NULL),
                    *title = bar_title(picture->page, attempt);
    g_autofree char *name = fitting(member_of(attempt, "jobName"), width - 6);
    html_open(html, "a", "href", path, "class", class, NULL);
    html_leaf(html, "title", title, NULL);
    draw_rect(html, "bar", x, y, width, BAR_HEIGHT);
    if (name)
        draw_text(html, "bar-name", x + 3, y + 13, "start", name);
    html_close(html, "a");
}

static void draw_lane(const Picture *picture, const Lane *lane, double y)
{
    g_autofree char *name = fitting(lane->instance ? lane->instance : lane->environment, NAME_SHOWN * LETTER);
    g_autofree char *title =
        g_strdup_printf("%s of environment %s", lane->instance ? lane->instance : "Machine",
                        lane->environment ? lane->environment : "");
    html_open(picture->html, "g", NULL);
    html_leaf(picture->html, "title", title, NULL);
    draw_text(picture->html, "lane-name", LEFT - 10, y + 13, "end", name);
    draw_rect(picture->html, "ground", LEFT, y - LANE_GAP / 2.0, WIDTH,
              lane->rows_len * ROW_STEP + LANE_GAP - 4);
    html_close(picture->html, "g");
    for (guint i = 0; i < lane->attempts->len; i++)
        draw_bar(picture, lane->attempts->pdata[i], y + g_array_index(lane->rows, guint, i) * ROW_STEP);
}

static void draw_ticks(const Picture *picture, double height)
{
    for (int i = 0; i <= TICKS; i++) {
        int64_t at_ms = picture->from_ms + (picture->to_ms - picture->from_ms) * i / TICKS;
        g_autofree char *text = time_text(at_ms);
        double x = x_of(picture, at_ms);
        draw_rect(picture->html, "tick", x, TOP - 6, 1, height - TOP);
        draw_text(picture->html, "tick-time", x, 12,
                  i == 0       ? "start"
                  : i == TICKS ? "end"
                               : "middle",
                  text + MIN(strlen(text), 11));
    }
}

static void open_svg(Html *html, double height, size_t bars, size_t lanes)
{
    g_autofree char *width = g_strdup_printf("%d", LEFT + WIDTH + RIGHT);
    g_autofree char *tall = g_strdup_printf("%d", (int)height);
    g_autofree char *box = g_strdup_printf("0 0 %s %s", width, tall);
    html_open(html, "svg", "viewBox", box, "width", width, "height", tall, "role", "group", "aria-labelledby",
              "gantt-title gantt-desc", NULL);
    html_leaf(html, "title", "Who ran where and when", "id", "gantt-title", NULL);
    html_open(html, "desc", "id", "gantt-desc", NULL);
    html_format(html, "%zu attempts on %zu instances. The table below says the same.", bars, lanes);
    html_close(html, "desc");
}

/* Lanes from first on, as many as a page has room for; returns the first that is left. */
static guint fitting_lanes(const GPtrArray *lanes, guint first, double *ret_height, size_t *ret_bars)
{
    guint rows = 0, i = first;
    *ret_bars = 0;
    *ret_height = TOP;
    for (; i < lanes->len && rows < ROWS_SHOWN; i++) {
        const Lane *lane = lanes->pdata[i];
        rows += lane->rows_len;
        *ret_bars += lane->attempts->len;
        *ret_height += lane->rows_len * ROW_STEP + LANE_GAP;
    }
    return i;
}

static void draw(const Picture *picture, const GPtrArray *lanes, guint first)
{
    Html *html = picture->html;
    double height, y = TOP;
    size_t bars;
    guint end = fitting_lanes(lanes, first, &height, &bars);
    html_open(html, "div", "class", "gantt", "tabindex", "0", "role", "region", "aria-label",
              "Who ran where and when", NULL);
    open_svg(html, height, bars, end - first);
    draw_ticks(picture, height);
    for (guint i = first; i < end; i++) {
        const Lane *lane = lanes->pdata[i];
        draw_lane(picture, lane, y);
        y += lane->rows_len * ROW_STEP + LANE_GAP;
    }
    html_close(html, "svg");
    html_close(html, "div");
    g_autofree char *next = g_strdup_printf("%u", end);
    g_autofree char *text = g_strdup_printf("Instances %u and more of %u", end + 1, lanes->len);
    if (end < lanes->len)
        more_link(html, picture->page, text, "lane", next);
}

/* ---- the same as a table ---- */

static void show_attempt(const WebPage *page, Html *html, const json_t *attempt)
{
    int64_t begun_ms = number_of(attempt, "startedAt"), ended_ms = number_of(attempt, "stoppedAt");
    g_autofree char *begun = time_text(begun_ms), *ended = ended_ms ? time_text(ended_ms) : NULL;
    g_autofree char *span = span_text(stop_of(page, attempt) - begun_ms);
    html_open(html, "tr", NULL);
    job_cell(html, member_of(attempt, "jobId"), member_of(attempt, "jobName"));
    piece_state_cell(html, member_of(attempt, "state"));
    piece_cell(html, member_of(attempt, "queue"));
    piece_cell(html, member_of(attempt, "environment"));
    piece_cell(html, member_of(attempt, "instance"));
    piece_number_text(html, begun);
    piece_number_text(html, ended);
    piece_number_text(html, span);
    html_close(html, "tr");
}

static void show_table(const WebPage *page, Html *html, const GPtrArray *list)
{
    static const char *const columns[] = {"Job",          "State",    "Queue",
                                          "Environment",  "Instance", "#Started (UTC)",
                                          "#Ended (UTC)", "#Ran for", NULL};
    guint from = (guint)MIN(query_number(page, "from"), (int64_t)list->len), i = from;
    g_autofree char *next = g_strdup_printf("%u", from + TABLE_SHOWN);
    g_autofree char *text = g_strdup_printf("Attempts %u and more of %u", from + TABLE_SHOWN + 1, list->len);
    html_leaf(html, "h2", "The same as a table", NULL);
    piece_table(html, "Attempts by environment, instance and start", columns);
    for (; i < list->len && i < from + TABLE_SHOWN; i++)
        show_attempt(page, html, list->pdata[i]);
    piece_table_end(html);
    if (i < list->len)
        more_link(html, page, text, "from", next);
}

/* ---- the whole ---- */

static void show_what(const Picture *picture, const json_t *answer, const GPtrArray *list)
{
    g_autofree char *begin = time_text(picture->from_ms), *end = time_text(picture->to_ms);
    html_open(picture->html, "p", "class", "lead", NULL);
    html_format(picture->html, "From %s to %s UTC: %u attempts.", begin, end, list->len);
    html_close(picture->html, "p");
    if (!json_is_true(json_object_get(answer, "isWhole")))
        piece_note(
            picture->html, "wait",
            "More ran than is shown: what runs is here, and of what ended the newest. A shorter time or "
            "one queue shows the rest.");
}

void timeline_show(WebPage *page, Html *html)
{
    const json_t *answer = page_got(page, "timeline");
    if (page_fails(page, "timeline"))
        return;
    Picture picture = {page, html, number_of(answer, "from"), number_of(answer, "to")};
    g_autoptr(GPtrArray) list = items_sorted(json_object_get(answer, "attempts"), compare_attempts);
    g_autoptr(GPtrArray) lanes = lanes_of(page, list);
    html_leaf(html, "h1", "Timeline", NULL);
    show_what(&picture, answer, list);
    show_windows(page, html);
    show_filter(html, page);
    if (list->len == 0) {
        piece_nothing(html, "Nothing ran in this time.");
        return;
    }
    draw(&picture, lanes, (guint)MIN(query_number(page, "lane"), (int64_t)lanes->len - 1));
    show_table(page, html, list);
}

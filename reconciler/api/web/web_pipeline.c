/* web_pipeline.c: one pipeline: the steps of a run as a picture and as a table, and its other runs. */
#include "reconciler/api/web/web_graph.h"
#include "reconciler/api/web/web_pictures.h"
#include "reconciler/api/web/web_view.h"
#include "spec/base/units.h"

#define RUNS_SHOWN       25
#define STEPS_SHOWN      500
#define HTTP_BAD_REQUEST 400

/* ---- asking ---- */

/* False: the page has failed. 0: it was not given. */
static bool query_number(WebPage *page, const char *name, int64_t *ret_value)
{
    const char *text = page_query(page, name);
    *ret_value = 0;
    if (!text || (integer_parse(view_from(text), ret_value) && *ret_value > 0))
        return true;
    page_fail(page, HTTP_BAD_REQUEST, "%s: a number from 1 up is expected", name);
    return false;
}

void pipeline_ask(WebPage *page)
{
    int64_t run, before, from;
    if (page->round > 0 || !query_number(page, "run", &run) || !query_number(page, "before", &before) ||
        !query_number(page, "from", &from))
        return;
    json_t *request = json_pack("{s:s}", "pipeline", page->rest);
    if (run)
        json_object_set_new(request, "number", json_integer(run));
    page_ask(page, "steps", "steps", request);
    page_ask(page, "pipeline", "get", json_pack("{s:s,s:s}", "kind", "Pipeline", "name", page->rest));
}

static char *run_path(const WebPage *page, int64_t number)
{
    g_autofree char *path = html_path("/pipelines/", page->rest, NULL);
    return g_strdup_printf("%s?run=%" G_GINT64_FORMAT, path, number);
}

/* ---- what there is to say of the run ---- */

static void fact(Html *html, const char *name, const char *value)
{
    if (!value)
        return;
    html_leaf(html, "dt", name, NULL);
    html_leaf(html, "dd", value, NULL);
}

static void show_schedules(Html *html, const json_t *steps)
{
    const json_t *schedule;
    size_t i;
    json_array_foreach(json_object_get(steps, "schedules"), i, schedule)
    {
        int64_t next_ms = number_of(schedule, "nextAt");
        const char *zone = member_of(schedule, "timeZone"), *fault = member_of(schedule, "fault");
        g_autofree char *next = next_ms ? time_text(next_ms) : NULL;
        g_autofree char *text =
            g_strdup_printf("%s %s%s%s%s", member_of(schedule, "schedule"), zone ? zone : "",
                            fault  ? ": "
                            : next ? ", next at "
                                   : "",
                            fault  ? fault
                            : next ? next
                                   : "",
                            next && !fault ? " UTC" : "");
        fact(html, "Schedule", text);
    }
}

static void show_run(const WebPage *page, Html *html, const json_t *steps)
{
    const json_t *run = json_object_get(steps, "run");
    int64_t created_ms = number_of(run, "createdAt"), stopped_ms = number_of(run, "stoppedAt");
    g_autofree char *span =
        created_ms ? span_text((stopped_ms ? stopped_ms : page->now_ms) - created_ms) : NULL;
    g_autofree char *started = created_ms ? time_text(created_ms) : NULL;
    g_autofree char *started_utc = started ? g_strdup_printf("%s UTC", started) : NULL;
    html_open(html, "dl", "class", "facts", NULL);
    if (run) {
        html_leaf(html, "dt", "Run", NULL);
        html_open(html, "dd", NULL);
        html_format(html, "%" G_GINT64_FORMAT " ", number_of(run, "number"));
        piece_state(html, member_of(run, "state"));
        html_close(html, "dd");
        fact(html, "Started", started_utc);
        fact(html, stopped_ms ? "Took" : "So far", span);
        fact(html, "What is said", member_of(run, "statusReason"));
    }
    show_schedules(html, steps);
    html_close(html, "dl");
    if (json_is_true(json_object_get(steps, "suspended")))
        piece_note(html, "wait", "Suspended: the clock starts nothing until it is resumed.");
}

/* ---- steps ---- */

static void step_names(Html *html, const json_t *dependencies)
{
    const json_t *dependency;
    size_t i;
    html_open(html, "td", NULL);
    json_array_foreach(dependencies, i, dependency)
    {
        const char *on = member_of(dependency, "job"), *type = member_of(dependency, "type");
        if (!on)
            on = member_of(dependency, "jobId");
        bool is_completion = g_strcmp0(member_of(dependency, "condition"), "completion") == 0;
        html_format(html, "%s%s%s%s", i ? ", " : "",
                    on     ? on
                    : type ? type
                           : "",
                    on && type ? " child by child" : "", is_completion ? " (however it ends)" : "");
    }
    html_close(html, "td");
}

static void show_step(const WebPage *page, Html *html, const json_t *step)
{
    int64_t begun_ms = number_of(step, "startedAt"), ended_ms = number_of(step, "stoppedAt");
    const char *waiting = member_of(step, "waiting");
    g_autofree char *path = step_path(step), *counts = step_counts(step);
    g_autofree char *span = begun_ms ? span_text((ended_ms ? ended_ms : page->now_ms) - begun_ms) : NULL;
    html_open(html, "tr", NULL);
    if (path)
        piece_link_cell(html, path, member_of(step, "name"));
    else
        html_leaf(html, "th", member_of(step, "name"), "scope", "row", NULL);
    piece_state_cell(html, step_state(step));
    piece_cell(html, counts);
    step_names(html, json_object_get(step, "dependsOn"));
    piece_cell(html, member_of(step, "jobDefinition"));
    piece_number_text(html, span);
    bool is_good = g_strcmp0(member_of(step, "status"), "SUCCEEDED") == 0;
    piece_cell(html, waiting ? waiting : is_good ? NULL : member_of(step, "statusReason"));
    html_close(html, "tr");
}

static void more_steps(Html *html, const WebPage *page, size_t from, size_t len)
{
    g_autofree char *next = g_strdup_printf("%zu", from + STEPS_SHOWN);
    g_autofree char *text = g_strdup_printf("Steps %zu and more of %zu", from + STEPS_SHOWN + 1, len);
    if (from + STEPS_SHOWN < len)
        more_link(html, page, text, "from", next);
}

static void show_steps(WebPage *page, Html *html, const json_t *steps)
{
    static const char *const columns[] = {"Step",       "State",    "Children",     "Waits for",
                                          "Definition", "#Ran for", "What is said", NULL};
    int64_t given = 0;
    size_t len = json_array_size(steps);
    query_number(page, "from", &given);
    size_t from = MIN((size_t)given, len);
    html_leaf(html, "h2", "Steps", NULL);
    if (len > GRAPH_STEPS_MAX)
        html_format(html, "A picture of %zu steps would be of no use; the table has them all.", len);
    g_autofree char *title = g_strdup_printf("Steps of Pipeline/%s", page->rest);
    graph_write(html, title, steps);
    piece_table(html, "Steps, what they wait for, and how far they are", columns);
    for (size_t i = from; i < len && i < from + STEPS_SHOWN; i++)
        show_step(page, html, json_array_get(steps, i));
    piece_table_end(html);
    more_steps(html, page, from, len);
}

/* ---- runs ---- */

static void show_one_run(const WebPage *page, Html *html, const json_t *run, int64_t chosen)
{
    int64_t number = number_of(run, "number"), created_ms = number_of(run, "createdAt"),
            stopped_ms = number_of(run, "stoppedAt");
    g_autofree char *path = run_path(page, number), *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    g_autofree char *span = stopped_ms && created_ms ? span_text(stopped_ms - created_ms) : NULL;
    html_open(html, "tr", NULL);
    html_open(html, "th", "scope", "row", NULL);
    html_leaf(html, "a", text, "href", path, "aria-current", number == chosen ? "true" : NULL, NULL);
    if (number == chosen)
        html_text(html, " (shown above)");
    html_close(html, "th");
    piece_state_cell(html, member_of(run, "state"));
    html_open(html, "td", NULL);
    piece_ago(html, page, created_ms);
    html_close(html, "td");
    piece_number_text(html, span);
    piece_cell(html, member_of(run, "statusReason"));
    html_close(html, "tr");
}

static void show_runs(WebPage *page, Html *html, const json_t *runs, int64_t chosen)
{
    static const char *const columns[] = {"Run", "State", "Started", "#Took", "What is said", NULL};
    int64_t before = 0, last = 0;
    size_t shown = 0, i = json_array_size(runs);
    query_number(page, "before", &before);
    html_leaf(html, "h2", "Runs", NULL);
    if (i == 0) {
        piece_nothing(html, "It has not run yet. `muster start` starts it.");
        return;
    }
    piece_table(html, "Runs that are kept, the newest first", columns);
    while (i > 0 && shown < RUNS_SHOWN) {
        const json_t *run = json_array_get(runs, --i);
        last = number_of(run, "number");
        if (before && last >= before)
            continue;
        show_one_run(page, html, run, chosen);
        shown++;
    }
    piece_table_end(html);
    g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT, last);
    if (i > 0)
        more_link(html, page, "Older runs", "before", value);
}

void pipeline_show(WebPage *page, Html *html)
{
    const json_t *steps = page_got(page, "steps"), *items;
    if (page_fails(page, "steps"))
        return;
    page_set_title(page, "%s", page->rest);
    g_autofree char *title = g_strdup_printf("Pipeline %s", page->rest);
    piece_heading(html, title, NULL);
    show_run(page, html, steps);
    show_steps(page, html, json_object_get(steps, "steps"));
    items = json_object_get(page_got(page, "pipeline"), "items");
    show_runs(page, html, json_object_get(json_array_get(items, 0), "runs"),
              number_of(json_object_get(steps, "run"), "number"));
}

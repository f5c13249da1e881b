/* web_pipelines.c: all pipelines: what came of their last run, and what the clock starts next. */
#include <stdlib.h>
#include "reconciler/api/web/web_pictures.h"
#include "reconciler/api/web/web_view.h"

#define SHOWN 100

void pipelines_ask(WebPage *page)
{
    if (page->round == 0)
        page_ask(page, "pipelines", "get", json_pack("{s:s}", "kind", "Pipeline"));
}

/* ---- one ---- */

static void show_queue(Html *html, const char *queue)
{
    g_autofree char *path = queue ? html_path("/queues/", queue, NULL) : NULL;
    html_open(html, "td", NULL);
    if (queue)
        html_leaf(html, "a", queue, "href", path, NULL);
    html_close(html, "td");
}

static const char *run_state(const json_t *run)
{
    return run ? member_of(run, "state") : "NONE";
}

static void show_last(const WebPage *page, Html *html, const json_t *run)
{
    int64_t steps = number_of(run, "steps"), unfinished = number_of(run, "unfinished");
    html_open(html, "td", NULL);
    piece_state(html, run_state(run));
    if (steps)
        html_format(html, " %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " steps to go", unfinished, steps);
    html_close(html, "td");
    html_open(html, "td", NULL);
    piece_ago(html, page, number_of(run, "createdAt"));
    html_close(html, "td");
}

static void count_runs(const json_t *runs, int64_t *ret_succeeded, int64_t *ret_failed)
{
    const json_t *run;
    size_t i;
    *ret_succeeded = *ret_failed = 0;
    json_array_foreach(runs, i, run)
    {
        *ret_succeeded += g_strcmp0(member_of(run, "state"), "SUCCEEDED") == 0;
        *ret_failed += g_strcmp0(member_of(run, "state"), "FAILED") == 0;
    }
}

static int64_t next_start(const json_t *item)
{
    const json_t *schedule;
    int64_t next_ms = 0;
    size_t i;
    json_array_foreach(json_object_get(item, "schedules"), i, schedule)
    {
        int64_t at_ms = number_of(schedule, "nextAt");
        if (at_ms && (!next_ms || at_ms < next_ms))
            next_ms = at_ms;
    }
    return next_ms;
}

static void show_next(Html *html, const json_t *item)
{
    int64_t next_ms = next_start(item);
    g_autofree char *at = next_ms ? time_text(next_ms) : NULL;
    html_open(html, "td", NULL);
    if (json_is_true(json_object_get(item, "suspended")))
        html_text(html, "suspended");
    else if (at)
        html_format(html, "%s UTC", at);
    html_close(html, "td");
}

static void show_pipeline(const WebPage *page, Html *html, const json_t *item)
{
    const char *name = member_of(item, "name");
    const json_t *runs = json_object_get(item, "runs");
    const json_t *last = json_array_get(runs, json_array_size(runs) - 1);
    g_autofree char *path = html_path("/pipelines/", name ? name : "", NULL);
    int64_t succeeded, failed;
    count_runs(runs, &succeeded, &failed);
    html_open(html, "tr", NULL);
    piece_link_cell(html, path, name);
    show_queue(html, member_of(json_object_get(item, "spec"), "jobQueue"));
    show_last(page, html, last);
    piece_number(html, (int64_t)json_array_size(runs));
    piece_number(html, succeeded);
    piece_number(html, failed);
    show_next(html, item);
    html_close(html, "tr");
}

/* ---- all ---- */

static int compare_names(const void *a, const void *b)
{
    return g_strcmp0(member_of(*(json_t *const *)a, "name"), member_of(*(json_t *const *)b, "name"));
}

static void show_table(const WebPage *page, Html *html, const GPtrArray *list)
{
    static const char *const columns[] = {"Pipeline",   "Queue",      "Last run", "Started",
                                          "#Runs kept", "#Succeeded", "#Failed",  "Next by schedule",
                                          NULL};
    const char *after = page_query(page, "after"), *last = NULL;
    size_t shown = 0;
    guint i = 0;
    while (after && i < list->len && g_strcmp0(member_of(list->pdata[i], "name"), after) <= 0)
        i++;
    piece_table(html, "Pipelines by name, what came of their newest run, and when the next one starts",
                columns);
    for (; i < list->len && shown < SHOWN; i++, shown++) {
        last = member_of(list->pdata[i], "name");
        show_pipeline(page, html, list->pdata[i]);
    }
    piece_table_end(html);
    if (i < list->len && last)
        more_link(html, page, "More pipelines", "after", last);
}

void pipelines_show(WebPage *page, Html *html)
{
    if (page_fails(page, "pipelines"))
        return;
    g_autoptr(GPtrArray) list =
        items_sorted(json_object_get(page_got(page, "pipelines"), "items"), compare_names);
    piece_heading(html, "Pipelines", NULL);
    if (list->len)
        show_table(page, html, list);
    else
        piece_nothing(html, "There is no pipeline. A manifest with kind: Pipeline makes one; `muster init` "
                            "writes an example.");
}

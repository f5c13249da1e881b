/* web_queue.c: a queue: what runs, what waits and why, in order, what ended. */
#include "reconciler/api/web/web_view.h"

#define WAITING_SHOWN 20 /* each is explained: that costs a call */
#define RUNNING_SHOWN 25
#define ENDED_SHOWN   10
#define CALLED_MAX    32

static void ask_jobs(WebPage *page, const char *called, const char *const *states, int limit)
{
    json_t *list = json_array();
    for (; *states; states++)
        json_array_append_new(list, json_string(*states));
    page_ask(page, called, "jobs",
             json_pack("{s:s,s:o,s:i}", "queue", page->rest, "status", list, "limit", limit));
}

static size_t waiting_from(const WebPage *page)
{
    const char *from = page_query(page, "from");
    return from ? (size_t)g_ascii_strtoull(from, NULL, 10) : 0;
}

static const json_t *front_of(const WebPage *page)
{
    return json_object_get(json_object_get(page_got(page, "front"), "frontOfQueue"), "jobs");
}

static const char *job_of(const json_t *front)
{
    const char *arn = member_of(front, "jobArn"), *slash = arn ? strrchr(arn, '/') : NULL;
    return slash ? slash + 1 : NULL;
}

static void ask_reasons(WebPage *page)
{
    const json_t *front = front_of(page);
    size_t from = waiting_from(page), len = json_array_size(front);
    for (size_t i = from; i < MIN(from + WAITING_SHOWN, len); i++) {
        const char *id = job_of(json_array_get(front, i));
        if (id)
            page_ask(page, id, "explain", json_pack("{s:s}", "job", id));
    }
}

void queue_ask(WebPage *page)
{
    static const char *const running[] = {"STARTING", "RUNNING", NULL}, *const ended[] = {"SUCCEEDED",
                                                                                          "FAILED", NULL};
    if (page->round == 1)
        ask_reasons(page);
    if (page->round > 0)
        return;
    page_ask(page, "queues", "describejobqueues", json_pack("{s:[s]}", "jobQueues", page->rest));
    page_ask(page, "status", "status", NULL);
    page_ask(page, "front", "getjobqueuesnapshot", json_pack("{s:s}", "jobQueue", page->rest));
    ask_jobs(page, "running", running, RUNNING_SHOWN);
    ask_jobs(page, "ended", ended, ENDED_SHOWN);
}

/* ---- figures ---- */

static const json_t *status_of(const WebPage *page)
{
    const json_t *queue;
    size_t i;
    json_array_foreach(json_object_get(page_got(page, "status"), "queues"), i, queue)
    {
        if (g_strcmp0(member_of(queue, "name"), page->rest) == 0)
            return queue;
    }
    return NULL;
}

static void show_counts(Html *html, const WebPage *page)
{
    static const char *const states[] = {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"};
    const json_t *queue = status_of(page), *counts = json_object_get(queue, "counts");
    g_autofree char *name = g_uri_escape_string(page->rest, NULL, FALSE);
    if (!queue)
        return;
    html_open(html, "dl", "class", "figures", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *path = g_strdup_printf("/jobs?queue=%s&status=%s", name, states[i]);
        g_autofree char *number = number_text(number_of(counts, states[i]));
        html_open(html, "div", NULL);
        html_open(html, "dt", NULL);
        piece_state(html, states[i]);
        html_close(html, "dt");
        html_open(html, "dd", NULL);
        html_leaf(html, "a", number, "href", path, NULL);
        html_close(html, "dd");
        html_close(html, "div");
    }
    html_close(html, "dl");
}

/* ---- what waits ---- */

static void show_waiting_row(Html *html, const WebPage *page, const json_t *front, size_t place)
{
    const char *id = job_of(front);
    const json_t *answer = id ? page_got(page, id) : NULL, *job = json_object_get(answer, "job");
    g_autofree char *number = number_text((int64_t)place + 1);
    html_open(html, "tr", NULL);
    piece_number_text(html, number);
    job_cell(html, id, member_of(job, "jobName"));
    html_open(html, "td", NULL);
    piece_ago(html, page, number_of(front, "earliestTimeAtPosition"));
    html_close(html, "td");
    html_open(html, "td", NULL);
    if (answer)
        reason_list(html, json_object_get(answer, "explanation"));
    else
        html_text(html, id ? page_refusal(page, id) : NULL);
    html_close(html, "td");
    html_close(html, "tr");
}

static void show_waiting(Html *html, const WebPage *page)
{
    static const char *const columns[] = {"#Place", "Job", "Since", "Why it waits", NULL};
    const json_t *front = front_of(page);
    size_t from = waiting_from(page), len = json_array_size(front), to = MIN(from + WAITING_SHOWN, len);
    html_leaf(html, "h2", "What waits, in order", NULL);
    if (from >= len) {
        piece_nothing(html,
                      len ? "There are not so many." : "No job of this queue waits for a place to run.");
        return;
    }
    piece_table(html, "Jobs in the order in which they are next, each with why it waits", columns);
    for (size_t i = from; i < to; i++)
        show_waiting_row(html, page, json_array_get(front, i), i);
    piece_table_end(html);
    if (to < len) {
        g_autofree char *next = g_strdup_printf("%zu", to);
        more_link(html, page, "The next in line", "from", next);
    } else {
        html_leaf(html, "p",
                  "The order is told of the first hundred; the counts above lead to lists of all jobs.",
                  "class", "quiet", NULL);
    }
}

static void show_jobs(Html *html, const WebPage *page, const char *called, const char *title,
                      const char *nothing)
{
    const json_t *jobs = json_object_get(page_got(page, called), "jobs");
    html_leaf(html, "h2", title, NULL);
    if (json_array_size(jobs))
        job_table(html, page, title, jobs);
    else
        piece_nothing(html, nothing);
}

void queue_show(WebPage *page, Html *html)
{
    const json_t *queue = json_array_get(json_object_get(page_got(page, "queues"), "jobQueues"), 0);
    if (page_fails(page, "queues"))
        return;
    if (!queue) {
        page_fail(page, 404, "there is no queue \"%s\"", page->rest);
        return;
    }
    page_set_title(page, "Queue %s", page->rest);
    g_autofree char *title = g_strdup_printf("Queue %s", page->rest);
    piece_heading(html, title, NULL);
    html_open(html, "p", "class", "lead", NULL);
    piece_state(html, member_of(queue, "state"));
    html_format(html, " Priority %" G_GINT64_FORMAT ". %s", number_of(queue, "priority"),
                member_of(queue, "statusReason") ? member_of(queue, "statusReason") : "");
    html_close(html, "p");
    show_counts(html, page);
    show_waiting(html, page);
    show_jobs(html, page, "running", "What is running", "Nothing runs.");
    show_jobs(html, page, "ended", "What ended last", "Nothing has ended yet.");
}

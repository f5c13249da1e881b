/* web_overview.c: what there is, and how it is: queues, environments, what needs somebody's attention. */
#include "reconciler/api/web/web_view.h"

void overview_ask(WebPage *page)
{
    if (page->round > 0)
        return;
    page_ask(page, "status", "status", NULL);
    if (page_refusal(page, "status")) { /* who sees some queues only sees these */
        page_ask(page, "queues", "describejobqueues", NULL);
        return;
    }
    page_ask(page, "environments", "get", json_pack("{s:s}", "kind", "ComputeEnvironment"));
}

/* ---- what needs attention ---- */

static void note_source(Html *html, const json_t *source)
{
    const char *state = member_of(source, "state"), *name = member_of(source, "name");
    bool is_waiting = g_strcmp0(state, "waiting") == 0;
    if (!name || g_strcmp0(state, "ok") == 0 || !state)
        return;
    html_open(html, "p", "class", is_waiting ? "note wait" : "note bad", NULL);
    html_leaf(html, "a", name, "href", "/sources", NULL);
    html_format(html, " %s", is_waiting ? "has a plan that waits for an approval" : state);
    if (member_of(source, "message"))
        html_format(html, ": %s", member_of(source, "message"));
    html_close(html, "p");
}

static void show_notes(Html *html, const json_t *status)
{
    const json_t *source;
    size_t i;
    if (member_of(status, "refusal"))
        piece_note(html, "bad", member_of(status, "refusal"));
    json_array_foreach(json_object_get(status, "sources"), i, source)
    {
        note_source(html, source);
    }
}

/* ---- queues ---- */

static void show_wait(const WebPage *page, Html *html, const json_t *queue)
{
    int64_t since_ms = number_of(queue, "oldestRunnableSince");
    g_autofree char *span = since_ms ? span_text(page->now_ms - since_ms) : NULL;
    bool is_least = json_is_true(json_object_get(queue, "oldestIsAtLeast"));
    g_autofree char *text = span && is_least ? g_strdup_printf("at least %s", span) : g_strdup(span);
    piece_number_text(html, text);
}

static void show_queue(const WebPage *page, Html *html, const json_t *queue)
{
    const json_t *counts = json_object_get(queue, "counts");
    const char *name = member_of(queue, "name");
    g_autofree char *path = html_path("/queues/", name ? name : "", NULL);
    html_open(html, "tr", NULL);
    piece_link_cell(html, path, name);
    piece_state_cell(html, member_of(queue, "state"));
    piece_number(html, number_of(queue, "priority"));
    piece_number(html, number_of(counts, "SUBMITTED") + number_of(counts, "PENDING"));
    piece_number(html, number_of(counts, "RUNNABLE"));
    piece_number(html, number_of(counts, "STARTING") + number_of(counts, "RUNNING"));
    show_wait(page, html, queue);
    piece_number(html, number_of(queue, "endedLastHour"));
    html_close(html, "tr");
}

static void show_queues(const WebPage *page, Html *html, const json_t *status)
{
    static const char *const columns[] = {"Queue",    "State",        "#Priority",  "#Pending", "#Runnable",
                                          "#Running", "#Oldest wait", "#Ended / h", NULL};
    const json_t *queues = json_object_get(status, "queues"), *queue;
    int64_t omitted = number_of(json_object_get(status, "omitted"), "queues");
    size_t i;
    html_leaf(html, "h2", "Queues", NULL);
    if (json_array_size(queues) == 0) {
        piece_nothing(html, "There is no queue yet. The guide to a first environment writes one.");
        return;
    }
    piece_table(html, "Queues, by priority: how much waits, for how long, how much ended within an hour",
                columns);
    json_array_foreach(queues, i, queue)
    {
        show_queue(page, html, queue);
    }
    piece_table_end(html);
    if (omitted)
        html_format(html, "%" G_GINT64_FORMAT " more queues are not shown.", omitted);
}

/* ---- environments ---- */

static void show_capacity(Html *html, const json_t *live)
{
    const json_t *used = json_object_get(live, "usedVcpus");
    double most = json_number_value(json_object_get(live, "maxvCpus"));
    double free = json_number_value(json_object_get(live, "freeVcpus"));
    double all = most > 0 ? most : json_number_value(used) + free;
    g_autofree char *text = g_strdup_printf("%.4g", json_number_value(used));
    g_autofree char *limit = all > 0 ? g_strdup_printf("%.4g", all) : NULL;
    g_autofree char *value = g_strdup_printf("%.0f", all > 0 ? 100 * json_number_value(used) / all : 0.0);
    g_autofree char *label = g_strdup_printf("%s of %s vCPUs in use", text, limit ? limit : "any number of");
    html_open(html, "td", "class", "number", NULL);
    html_format(html, "%s / %s ", text, limit ? limit : "\xe2\x88\x9e");
    html_leaf(html, "meter", NULL, "min", "0", "max", "100", "value", value, "aria-label", label, NULL);
    html_close(html, "td");
}

static void show_cost(Html *html, const json_t *live)
{
    const json_t *money = json_object_get(live, "money"), *rate = json_object_get(money, "perHour");
    const char *currency = member_of(money, "currency");
    g_autofree char *text =
        rate ? g_strdup_printf("%.2f %s", json_number_value(rate), currency ? currency : "") : NULL;
    piece_number_text(html, text ? text : "\xe2\x80\x93");
}

static void show_environment(Html *html, const json_t *item)
{
    const json_t *live = json_object_get(item, "live");
    html_open(html, "tr", NULL);
    html_leaf(html, "th", member_of(item, "name"), "scope", "row", NULL);
    piece_cell(html, member_of(live, "provider"));
    piece_state_cell(html, member_of(item, "status"));
    show_capacity(html, live);
    piece_number(html, number_of(live, "launches"));
    piece_number(html, number_of(live, "instanceCount"));
    show_cost(html, live);
    piece_cell(html, member_of(item, "statusReason"));
    html_close(html, "tr");
}

static void show_environments(const WebPage *page, Html *html)
{
    static const char *const columns[] = {"Environment",   "Provider",     "Health",
                                          "#vCPUs in use", "#Running",     "#Instances",
                                          "#Cost / h",     "What is said", NULL};
    const json_t *items = json_object_get(page_got(page, "environments"), "items"), *item;
    size_t i;
    html_leaf(html, "h2", "Environments", NULL);
    if (page_refusal(page, "environments")) {
        piece_note(html, "wait", page_refusal(page, "environments"));
        return;
    }
    if (json_array_size(items) == 0) {
        piece_nothing(html, "There is no environment yet. The guide to a first environment writes one.");
        return;
    }
    piece_table(html, "Environments: where jobs run, how much of it is in use, what it costs", columns);
    json_array_foreach(items, i, item)
    {
        show_environment(html, item);
    }
    piece_table_end(html);
}

/* ---- the whole ---- */

static void show_figure(Html *html, const char *name, const char *value)
{
    html_open(html, "div", NULL);
    html_leaf(html, "dt", name, NULL);
    html_leaf(html, "dd", value, NULL);
    html_close(html, "div");
}

static void show_sum(Html *html, const char *name, const json_t *queues, const char *const *states)
{
    const json_t *queue;
    size_t i;
    int64_t sum = 0;
    json_array_foreach(queues, i, queue)
    {
        for (const char *const *state = states; *state; state++)
            sum += number_of(json_object_get(queue, "counts"), *state);
    }
    g_autofree char *text = number_text(sum);
    show_figure(html, name, text);
}

static void show_figures(const WebPage *page, Html *html, const json_t *status)
{
    static const char *const waiting[] = {"SUBMITTED", "PENDING", "RUNNABLE", NULL};
    static const char *const running[] = {"STARTING", "RUNNING", NULL};
    const json_t *queues = json_object_get(status, "queues"), *items, *item;
    double cost = 0;
    size_t i;
    items = json_object_get(page_got(page, "environments"), "items");
    json_array_foreach(items, i, item)
    {
        cost += json_number_value(
            json_object_get(json_object_get(json_object_get(item, "live"), "money"), "perHour"));
    }
    g_autofree char *cost_text = g_strdup_printf("%.2f", cost);
    g_autofree char *uptime = span_text(page->now_ms - number_of(status, "startedAt"));
    html_open(html, "dl", "class", "figures", NULL);
    show_sum(html, "Jobs waiting", queues, waiting);
    show_sum(html, "Jobs running", queues, running);
    show_figure(html, "Cost per hour", cost_text);
    show_figure(html, "Up for", uptime);
    html_close(html, "dl");
}

/* Of a key that sees some queues only. */
static void show_own_queues(WebPage *page, Html *html)
{
    static const char *const columns[] = {"Queue", "State", "#Priority", NULL};
    const json_t *queues = json_object_get(page_got(page, "queues"), "jobQueues"), *queue;
    size_t i;
    if (page_fails(page, "queues"))
        return;
    piece_heading(html, "Overview", "What is of all queues is not shown: you see some of them.");
    piece_table(html, "Queues", columns);
    json_array_foreach(queues, i, queue)
    {
        const char *name = member_of(queue, "jobQueueName");
        g_autofree char *path = html_path("/queues/", name ? name : "", NULL);
        html_open(html, "tr", NULL);
        piece_link_cell(html, path, name);
        piece_state_cell(html, member_of(queue, "state"));
        piece_number(html, number_of(queue, "priority"));
        html_close(html, "tr");
    }
    piece_table_end(html);
}

void overview_show(WebPage *page, Html *html)
{
    const json_t *status = page_got(page, "status");
    if (page_got(page, "queues") || page_refusal(page, "queues")) {
        show_own_queues(page, html);
        return;
    }
    if (page_fails(page, "status"))
        return;
    piece_heading(html, "Overview", NULL);
    show_notes(html, status);
    show_figures(page, html, status);
    show_queues(page, html, status);
    show_environments(page, html);
}

/* web_overview.c: what there is, and how it is. */
#include "reconciler/api/web/web_page.h"

void overview_ask(WebPage *page)
{
    if (page->round == 0)
        page_ask(page, "status", "status", NULL);
}

static int64_t sum_of(const json_t *counts, const char *const *states)
{
    int64_t sum = 0;
    for (; *states; states++)
        sum += number_of(counts, *states);
    return sum;
}

static void show_queue(const WebPage *page, Html *html, const json_t *queue)
{
    static const char *const waiting[] = {"SUBMITTED", "PENDING", "RUNNABLE", NULL};
    static const char *const running[] = {"STARTING", "RUNNING", NULL};
    const json_t *counts = json_object_get(queue, "counts");
    const char *name = member_of(queue, "name");
    g_autofree char *path = html_path("/queues/", name, NULL);
    (void)page;
    html_open(html, "tr", NULL);
    piece_link_cell(html, path, name);
    piece_state_cell(html, member_of(queue, "state"));
    piece_number(html, number_of(queue, "priority"));
    piece_number(html, sum_of(counts, waiting));
    piece_number(html, sum_of(counts, running));
    html_close(html, "tr");
}

void overview_show(WebPage *page, Html *html)
{
    static const char *const columns[] = {"Queue", "State", "#Priority", "#Waiting", "#Running", NULL};
    const json_t *queue, *status = page_got(page, "status");
    size_t i;
    if (page_fails(page, "status"))
        return;
    piece_heading(html, "Overview", NULL);
    piece_table(html, "Queues", columns);
    json_array_foreach(json_object_get(status, "queues"), i, queue)
    {
        show_queue(page, html, queue);
    }
    piece_table_end(html);
}

/* web_activity.c: what happened, the newest first. */
#include "reconciler/api/web/web_view.h"
#include "spec/base/units.h"

#define SHOWN 100

void activity_ask(WebPage *page)
{
    const char *before = page_query(page, "before");
    int64_t sequence = INT64_MAX;
    if (page->round > 0)
        return;
    if (before && !integer_parse(view_from(before), &sequence))
        sequence = INT64_MAX;
    page_ask(page, "events", "events",
             json_pack("{s:I,s:i}", "before", (json_int_t)sequence, "limit", SHOWN));
}

/* The page of what an event is about; new string, NULL: it has none. */
static char *path_of(const char *subject)
{
    static const struct {
        const char *prefix, *base;
    } pages[] = {{"job ", "/jobs/"}, {"JobQueue/", "/queues/"}, {"Pipeline/", "/pipelines/"}};
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++)
        if (g_str_has_prefix(subject, pages[i].prefix))
            return html_path(pages[i].base, subject + strlen(pages[i].prefix), NULL);
    return g_str_has_prefix(subject, "source ") ? g_strdup("/sources") : NULL;
}

static void show_event(Html *html, const WebPage *page, const json_t *event)
{
    const char *subject = member_of(event, "subject") ? member_of(event, "subject") : "";
    g_autofree char *path = path_of(subject);
    html_open(html, "tr", NULL);
    html_open(html, "td", NULL);
    piece_ago(html, page, number_of(event, "at"));
    html_close(html, "td");
    piece_cell(html, member_of(event, "type"));
    html_open(html, "th", "scope", "row", NULL);
    if (path)
        html_leaf(html, "a", subject, "href", path, NULL);
    else
        html_text(html, subject);
    html_close(html, "th");
    piece_cell(html, member_of(event, "message"));
    html_close(html, "tr");
}

void activity_show(WebPage *page, Html *html)
{
    static const char *const columns[] = {"When", "What", "Of what", "What is said", NULL};
    const json_t *events = json_object_get(page_got(page, "events"), "events"), *event;
    size_t i, len = json_array_size(events);
    if (page_fails(page, "events"))
        return;
    piece_heading(html, "Events", NULL);
    if (len == 0) {
        piece_nothing(html, "There are none.");
        return;
    }
    piece_table(html, "What happened, the newest first", columns);
    json_array_foreach(events, i, event)
    {
        show_event(html, page, event);
    }
    piece_table_end(html);
    if (len == SHOWN) {
        g_autofree char *before =
            g_strdup_printf("%" G_GINT64_FORMAT, number_of(json_array_get(events, len - 1), "sequence"));
        more_link(html, page, "Older events", "before", before);
    }
}

/* web_jobs.c: jobs by queue, state and name, a page at a time, the newest first. */
#include "reconciler/api/web/web_view.h"

#define SHOWN 100

static const char *const states[] = {"SUBMITTED", "PENDING",   "RUNNABLE", "STARTING",
                                     "RUNNING",   "SUCCEEDED", "FAILED"};

void jobs_ask(WebPage *page)
{
    static const char *const members[] = {"queue", "name", "run", "array", "before"};
    const char *state = page_query(page, "status");
    if (page->round > 0)
        return;
    json_t *request = json_pack("{s:i}", "limit", SHOWN);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        if (page_query(page, members[i]))
            json_object_set_new(request, members[i], json_string(page_query(page, members[i])));
    if (state)
        json_object_set_new(request, "status", json_pack("[s]", state));
    page_ask(page, "jobs", "jobs", request);
}

static void show_field(Html *html, const WebPage *page, const char *name, const char *label)
{
    html_open(html, "label", NULL);
    html_text(html, label);
    html_void(html, "input", "name", name, "value", page_query(page, name), "autocomplete", "off", NULL);
    html_close(html, "label");
}

static void show_filter(Html *html, const WebPage *page)
{
    html_open(html, "form", "method", "get", "action", "/jobs", "class", "filter", "role", "search",
              "aria-label", "Jobs", NULL);
    show_field(html, page, "queue", "Queue ");
    html_open(html, "label", NULL);
    html_text(html, "State ");
    html_open(html, "select", "name", "status", NULL);
    html_leaf(html, "option", "any", "value", "", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        bool is_chosen = g_strcmp0(page_query(page, "status"), states[i]) == 0;
        html_leaf(html, "option", states[i], "value", states[i], "selected", is_chosen ? "" : NULL, NULL);
    }
    html_close(html, "select");
    html_close(html, "label");
    show_field(html, page, "name", "Name (a* begins with a) ");
    html_leaf(html, "button", "Show", "type", "submit", NULL);
    html_close(html, "form");
}

void jobs_show(WebPage *page, Html *html)
{
    const json_t *answer = page_got(page, "jobs"), *jobs = json_object_get(answer, "jobs");
    const char *array = page_query(page, "array"), *refusal = page_refusal(page, "jobs");
    piece_heading(html, array ? "Children of an array" : "Jobs", NULL);
    show_filter(html, page);
    if (refusal)
        piece_note(html, "bad", refusal);
    else if (json_array_size(jobs))
        job_table(html, page, "Jobs, the newest first", jobs);
    else
        piece_nothing(html, "There are no such jobs.");
    if (member_of(answer, "next"))
        more_link(html, page, "Older jobs", "before", member_of(answer, "next"));
}

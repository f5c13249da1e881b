/* web_job_table.c: rows of jobs, and pages of them. */
#include "reconciler/api/web/web_view.h"

#define ID_SHOWN 8

void job_cell(Html *html, const char *id, const char *name)
{
    g_autofree char *path = html_path("/jobs/", id ? id : "", NULL);
    const char *colon = id ? strpbrk(id, ":#") : NULL;
    g_autofree char *shown = g_strdup_printf("%.*s%s", ID_SHOWN, id ? id : "", colon ? colon : "");
    html_open(html, "th", "scope", "row", NULL);
    html_leaf(html, "a", shown, "href", path, "class", "id", "title", id, NULL);
    html_text(html, " ");
    html_leaf(html, "span", name, "class", "name", NULL);
    html_close(html, "th");
}

/* How long it has run, or ran. */
static void span_cell(Html *html, const WebPage *page, const json_t *job)
{
    int64_t begun_ms = number_of(job, "startedAt"), ended_ms = number_of(job, "stoppedAt");
    g_autofree char *text = begun_ms ? span_text((ended_ms ? ended_ms : page->now_ms) - begun_ms) : NULL;
    piece_number_text(html, text);
}

static void job_row(Html *html, const WebPage *page, const json_t *job)
{
    const char *queue = member_of(job, "queue"), *id = member_of(job, "jobId");
    const json_t *array = json_object_get(job, "arrayProperties");
    g_autofree char *path = html_path("/queues/", queue ? queue : "", NULL);
    html_open(html, "tr", NULL);
    job_cell(html, id, member_of(job, "jobName"));
    piece_state_cell(html, member_of(job, "status"));
    html_open(html, "td", NULL);
    html_leaf(html, "a", queue, "href", path, NULL);
    html_close(html, "td");
    piece_cell(html, member_of(job, "definition"));
    html_open(html, "td", NULL);
    piece_ago(html, page, number_of(job, "createdAt"));
    html_close(html, "td");
    span_cell(html, page, job);
    html_open(html, "td", NULL);
    if (number_of(array, "size"))
        html_format(html, "array of %" G_GINT64_FORMAT ". ", number_of(array, "size"));
    html_text(html, member_of(job, "statusReason"));
    html_close(html, "td");
    html_close(html, "tr");
}

void job_table(Html *html, const WebPage *page, const char *caption, const json_t *jobs)
{
    static const char *const columns[] = {"Job",       "State",    "Queue",        "Definition",
                                          "Submitted", "#Ran for", "What is said", NULL};
    const json_t *job;
    size_t i;
    piece_table(html, caption, columns);
    json_array_foreach(jobs, i, job)
    {
        job_row(html, page, job);
    }
    piece_table_end(html);
}

void more_link(Html *html, const WebPage *page, const char *text, const char *member, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(page->path, "/", FALSE);
    g_autoptr(GString) path = g_string_new(escaped);
    GHashTableIter iter;
    gpointer name, given;
    g_autofree char *set = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(path, "?%s=%s", member, set);
    g_hash_table_iter_init(&iter, page->query);
    while (g_hash_table_iter_next(&iter, &name, &given)) {
        g_autofree char *left = g_uri_escape_string(name, NULL, FALSE);
        g_autofree char *right = g_uri_escape_string(given, NULL, FALSE);
        if (strcmp(name, member) != 0 && *right)
            g_string_append_printf(path, "&%s=%s", left, right);
    }
    html_open(html, "p", "class", "more", NULL);
    html_leaf(html, "a", text, "href", path->str, "rel", "next", NULL);
    html_close(html, "p");
}

/* web_sources.c: where manifests come from: revision, signature, the last reconcile, a plan that waits. */
#include "reconciler/api/web/web_diff.h"
#include "reconciler/api/web/web_view.h"
#include "spec/base/units.h"

#define SOURCES_MAX    50
#define HISTORY_SHOWN  5
#define REVISION_SHOWN 12

/* ---- asking ---- */

static const json_t *sources_of(const WebPage *page)
{
    return json_object_get(page_got(page, "status"), "sources");
}

static char *called(const char *what, size_t number)
{
    return g_strdup_printf("%s %zu", what, number);
}

static void ask_source(WebPage *page, size_t number, const json_t *source)
{
    const char *name = member_of(source, "name");
    g_autofree char *history = called("history", number), *pending = called("pending", number);
    if (!name)
        return;
    page_ask(page, history, "history", json_pack("{s:s,s:i}", "source", name, "limit", HISTORY_SHOWN));
    if (json_object_get(source, "waiting"))
        page_ask(page, pending, "pending", json_pack("{s:s}", "source", name));
}

static void ask_approval(WebPage *page)
{
    const char *plan = page_form(page, "planId"), *deletes = page_form(page, "allowDeletes");
    const char *first = page_form(page, "firstRun");
    int64_t number;
    json_t *request = json_pack("{s:s}", "planId", plan ? plan : "");
    if (deletes && integer_parse(view_from(deletes), &number))
        json_object_set_new(request, "allowDeletes", json_integer(number));
    if (first)
        json_object_set_new(request, "firstRun", json_string(first));
    page_ask(page, "approve", "approve", request);
}

void sources_ask(WebPage *page)
{
    if (page->is_post && page->round == 0) {
        ask_approval(page);
        return;
    }
    if (page->is_post) {
        if (!page_fails(page, "approve"))
            page_redirect(page, g_strdup("/sources"));
        return;
    }
    if (page->round == 0)
        page_ask(page, "status", "status", NULL);
    else if (page->round == 1)
        for (size_t i = 0; i < MIN(json_array_size(sources_of(page)), SOURCES_MAX); i++)
            ask_source(page, i, json_array_get(sources_of(page), i));
}

/* ---- facts ---- */

static void show_fact(Html *html, const char *name, const char *value)
{
    if (!value)
        return;
    html_leaf(html, "dt", name, NULL);
    html_leaf(html, "dd", value, NULL);
}

static void show_remote(Html *html, const json_t *source)
{
    const json_t *remote = json_object_get(source, "remote");
    if (!remote)
        return;
    html_leaf(html, "dt", "Remote", NULL);
    html_open(html, "dd", NULL);
    piece_state(html, member_of(remote, "state"));
    html_format(html, " %s", member_of(remote, "message") ? member_of(remote, "message") : "");
    html_close(html, "dd");
}

static const json_t *last_of(const WebPage *page, size_t number)
{
    g_autofree char *history = called("history", number);
    return json_array_get(json_object_get(page_got(page, history), "reconciles"), 0);
}

static void show_facts(Html *html, const WebPage *page, const json_t *source, const json_t *last)
{
    const json_t *suspended = json_object_get(source, "suspended");
    html_open(html, "dl", "class", "facts", NULL);
    show_fact(html, "From", member_of(source, "path"));
    show_fact(html, "Revision", member_of(source, "revision"));
    show_fact(html, "Author", member_of(last, "author"));
    show_fact(html, "Signature",
              member_of(last, "signature") ? member_of(last, "signature") : "not verified");
    show_remote(html, source);
    if (suspended)
        show_fact(html, "Suspended", member_of(suspended, "reason"));
    html_leaf(html, "dt", "Last reconcile", NULL);
    html_open(html, "dd", NULL);
    piece_state(html, member_of(last, "state"));
    html_text(html, " ");
    piece_ago(html, page,
              number_of(last, "endedAt") ? number_of(last, "endedAt") : number_of(last, "createdAt"));
    html_close(html, "dd");
    html_close(html, "dl");
}

/* ---- the plan that waits ---- */

static void show_deletes(Html *html, int64_t deletes)
{
    if (!deletes)
        return;
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, deletes);
    html_open(html, "label", NULL);
    html_void(html, "input", "type", "checkbox", "name", "allowDeletes", "value", number, "required", "",
              NULL);
    html_format(html, " Let it delete or replace %s resources", number);
    html_close(html, "label");
}

static void show_first_run(Html *html)
{
    html_open(html, "label", NULL);
    html_text(html, "The source has no history here. Its jobs are to be ");
    html_open(html, "select", "name", "firstRun", "required", "", NULL);
    html_leaf(html, "option", "choose", "value", "", NULL);
    html_leaf(html, "option", "started", "value", "start", NULL);
    html_leaf(html, "option", "recorded as done", "value", "record", NULL);
    html_close(html, "select");
    html_close(html, "label");
}

static void show_approval(Html *html, const WebPage *page, const json_t *waiting)
{
    if (!page_may(page, KEY_ADMIN)) {
        piece_nothing(html, "Who has the scope admin may approve it.");
        return;
    }
    piece_form(html, page, "/sources", "approve");
    html_void(html, "input", "type", "hidden", "name", "planId", "value", member_of(waiting, "planId"), NULL);
    show_deletes(html, number_of(waiting, "allowDeletes"));
    if (json_is_true(json_object_get(waiting, "firstRun")))
        show_first_run(html);
    html_open(html, "button", "type", "submit", NULL);
    html_format(html, "Approve plan %.8s", member_of(waiting, "planId"));
    html_close(html, "button");
    html_close(html, "form");
}

static void show_waiting(Html *html, const WebPage *page, const json_t *source, size_t number)
{
    const json_t *waiting = json_object_get(source, "waiting");
    g_autofree char *pending = called("pending", number);
    const json_t *plan = json_object_get(page_got(page, pending), "plan");
    if (!waiting)
        return;
    g_autofree char *summary = diff_summary(json_object_get(waiting, "summary"));
    html_leaf(html, "h3", "A plan waits for an approval", NULL);
    html_open(html, "p", NULL);
    html_format(html, "Plan %.8s of revision %.12s: %s. %s. It was made ", member_of(waiting, "planId"),
                member_of(waiting, "revision"), summary, member_of(waiting, "reason"));
    piece_ago(html, page, number_of(waiting, "since"));
    html_text(html, ".");
    html_close(html, "p");
    if (plan)
        diff_write(html, plan);
    else
        piece_nothing(html, "What it changes is being worked out.");
    show_approval(html, page, waiting);
}

/* ---- history ---- */

static void show_reconcile(Html *html, const WebPage *page, const json_t *apply)
{
    g_autofree char *revision = g_strdup_printf(
        "%.*s", REVISION_SHOWN, member_of(apply, "revision") ? member_of(apply, "revision") : "");
    g_autofree char *summary = diff_summary(json_object_get(apply, "summary"));
    html_open(html, "tr", NULL);
    html_leaf(html, "th", revision, "scope", "row", "class", "id", NULL);
    piece_state_cell(html, member_of(apply, "state"));
    html_open(html, "td", NULL);
    piece_ago(html, page, number_of(apply, "createdAt"));
    html_close(html, "td");
    piece_cell(html, summary);
    piece_cell(html, member_of(apply, "actor") ? member_of(apply, "actor") : member_of(apply, "author"));
    piece_cell(html, member_of(apply, "message"));
    html_close(html, "tr");
}

static void show_history(Html *html, const WebPage *page, const char *name, size_t number)
{
    static const char *const columns[] = {"Revision", "State",        "When", "What changed",
                                          "Who",      "What is said", NULL};
    g_autofree char *history = called("history", number),
                    *caption = g_strdup_printf("The last reconciles of %s", name);
    const json_t *reconciles = json_object_get(page_got(page, history), "reconciles"), *apply;
    size_t i;
    if (json_array_size(reconciles) == 0)
        return;
    piece_table(html, caption, columns);
    json_array_foreach(reconciles, i, apply)
    {
        show_reconcile(html, page, apply);
    }
    piece_table_end(html);
}

static void show_source(Html *html, const WebPage *page, const json_t *source, size_t number)
{
    const char *name = member_of(source, "name") ? member_of(source, "name") : "";
    html_open(html, "section", NULL);
    html_open(html, "h2", NULL);
    html_text(html, name);
    html_text(html, " ");
    piece_state(html, member_of(source, "state"));
    html_close(html, "h2");
    if (member_of(source, "message") && !json_object_get(source, "waiting"))
        piece_note(html, "bad", member_of(source, "message"));
    show_facts(html, page, source, last_of(page, number));
    show_waiting(html, page, source, number);
    show_history(html, page, name, number);
    html_close(html, "section");
}

void sources_show(WebPage *page, Html *html)
{
    const json_t *sources = sources_of(page), *source;
    size_t i;
    if (page_fails(page, "status"))
        return;
    piece_heading(html, "Sources", "Where manifests come from, and what is in force of them.");
    if (json_array_size(sources) == 0)
        piece_nothing(html,
                      "No source is followed: muster serve SOURCE follows a directory or a repository.");
    json_array_foreach(sources, i, source)
    {
        if (i < SOURCES_MAX)
            show_source(html, page, source, i);
    }
}

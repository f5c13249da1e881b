/* web_frame.c: see web_frame.h. */
#include "reconciler/api/web/web_frame.h"
#include "reconciler/api/web/web_assets.h"

static const struct {
    const char *path, *text;
} places[] = {
    {"/", "Overview"},
    {"/jobs", "Jobs"},
    {"/pipelines", "Pipelines"},
    {"/timeline", "Timeline"},
    {"/sources", "Sources"},
    {"/activity", "Events"},
    {"/guide", "First environment"},
};

static const char *title_of(const WebPage *page)
{
    return page->title ? page->title : page->view ? page->view->title : "Not found";
}

static void write_head(Html *html, const WebPage *page)
{
    g_autofree char *title = g_strdup_printf("%s · muster", page->fault ? "Not possible" : title_of(page));
    html_open(html, "head", NULL);
    html_void(html, "meta", "charset", "utf-8", NULL);
    html_void(html, "meta", "name", "viewport", "content", "width=device-width, initial-scale=1", NULL);
    html_void(html, "meta", "name", "color-scheme", "content", "light dark", NULL);
    html_leaf(html, "title", title, NULL);
    html_void(html, "link", "rel", "icon", "href", "/favicon.ico", "type", "image/svg+xml", NULL);
    html_void(html, "link", "rel", "stylesheet", "href", web_asset(ASSET_STYLE)->path, NULL);
    html_void(html, "link", "rel", "stylesheet", "href", web_asset(ASSET_PICTURES)->path, NULL);
    html_leaf(html, "script", NULL, "src", web_asset(ASSET_SCRIPT)->path, "defer", "", NULL);
    html_close(html, "head");
}

static void write_navigation(Html *html, const WebPage *page)
{
    const char *place = page->view ? page->view->place : NULL;
    html_open(html, "nav", "aria-label", "Main", NULL);
    html_open(html, "ul", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        html_open(html, "li", NULL);
        bool is_here = g_strcmp0(places[i].path, place) == 0;
        html_leaf(html, "a", places[i].text, "href", places[i].path, "aria-current", is_here ? "page" : NULL,
                  NULL);
        html_close(html, "li");
    }
    html_close(html, "ul");
    html_close(html, "nav");
}

static void write_who(Html *html, const WebPage *page)
{
    if (!page->name)
        return;
    html_open(html, "div", "class", "who", NULL);
    html_leaf(html, "span", page->name, NULL);
    if (page->sign_out) {
        piece_form(html, page, page->sign_out, NULL);
        html_leaf(html, "button", "Sign out", "type", "submit", "class", "quiet", NULL);
        html_close(html, "form");
    }
    html_close(html, "div");
}

static void write_footer(Html *html, const WebPage *page)
{
    g_autofree char *now = time_text(page->now_ms);
    html_open(html, "footer", NULL);
    html_open(html, "p", NULL);
    html_format(html, "muster %s. As of ", MUSTER_VERSION);
    html_leaf(html, "span", now, "id", "as-of", NULL);
    html_text(html, " UTC. ");
    html_leaf(html, "span", NULL, "id", "live", "role", "status", NULL);
    html_text(html, " ");
    html_leaf(html, "a", "Refresh", "href", page->path, NULL);
    html_close(html, "p");
    html_close(html, "footer");
}

void frame_write(Html *html, const WebPage *page, const Html *content)
{
    g_autofree char *refresh =
        page->refresh_ms ? g_strdup_printf("%" G_GINT64_FORMAT, page->refresh_ms) : NULL;
    html_doctype(html);
    html_open(html, "html", "lang", "en", NULL);
    write_head(html, page);
    html_open(html, "body", "data-live", "/live", NULL);
    html_leaf(html, "a", "Skip to content", "class", "skip", "href", "#main", NULL);
    html_open(html, "header", NULL);
    html_leaf(html, "a", "muster", "href", "/", "class", "brand", NULL);
    write_navigation(html, page);
    write_who(html, page);
    html_close(html, "header");
    html_open(html, "main", "id", "main", "tabindex", "-1", "data-refresh", refresh, NULL);
    html_append(html, content);
    html_close(html, "main");
    write_footer(html, page);
    html_close(html, "body");
    html_close(html, "html");
}

/* web.c: which view shows what is at a path. */
#include "reconciler/api/web/web_assets.h"
#include "reconciler/api/web/web_internal.h"
#include "reconciler/api/web/web_pictures.h"
#include "reconciler/api/web/web_view.h"

static const WebView views[] = {
    /* path, place, title, ask, show, posts */
    {"/", "/", "Overview", overview_ask, overview_show, false},
    {"/queues/", "/", "Queue", queue_ask, queue_show, false},
    {"/jobs", "/jobs", "Jobs", jobs_ask, jobs_show, false},
    {"/jobs/", "/jobs", "Job", job_ask, job_show, false},
    {"/pipelines", "/pipelines", "Pipelines", pipelines_ask, pipelines_show, false},
    {"/pipelines/", "/pipelines", "Pipeline", pipeline_ask, pipeline_show, false},
    {"/timeline", "/timeline", "Timeline", timeline_ask, timeline_show, false},
    {"/guide", "/guide", "First environment", guide_ask, guide_show, false},
    {"/sources", "/sources", "Sources", sources_ask, sources_show, true},
    {"/activity", "/activity", "Events", activity_ask, activity_show, false},
};

#define HTTP_OK           200
#define HTTP_NOT_MODIFIED 304
#define HTTP_NOT_FOUND    404
#define HTTP_NOT_ALLOWED  405

static const char favicon[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><rect width=\"16\" "
    "height=\"16\" rx=\"3\" fill=\"#1f5f8b\"/><path d=\"M3 4h10v2H3zm0 3h7v2H3zm0 3h4v2H3z\" "
    "fill=\"#fff\"/></svg>";
#define FAVICON_PATH "/favicon.ico"

/* ---- finding ---- */

/* What is below a path that ends in '/'; NULL: it is another one. */
static const char *below(const WebView *view, const char *path)
{
    size_t len = strlen(view->path);
    if (strcmp(view->path, path) == 0)
        return len > 1 && view->path[len - 1] == '/' ? NULL : "";
    bool is_folder = len > 1 && view->path[len - 1] == '/';
    return is_folder && g_str_has_prefix(path, view->path) && path[len] ? path + len : NULL;
}

static const WebView *view_find(const char *path, const char **ret_rest)
{
    for (size_t i = 0; i < G_N_ELEMENTS(views); i++)
        if ((*ret_rest = below(&views[i], path)))
            return &views[i];
    return NULL;
}

bool web_has(const char *path)
{
    const char *rest;
    return view_find(path, &rest) || web_asset_find(path) || strcmp(path, FAVICON_PATH) == 0 ||
           strcmp(path, STREAM_PATH) == 0;
}

const char *web_style_path(void)
{
    return web_asset(ASSET_STYLE)->path;
}

const char *const *web_page_headers(void)
{
    static const char *const headers[] = {
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        "X-Content-Type-Options",
        "nosniff",
        "Referrer-Policy",
        "same-origin",
        "Cross-Origin-Opener-Policy",
        "same-origin",
        "Cache-Control",
        "no-store",
        NULL};
    return headers;
}

/* ---- files ---- */

/* Kept for good: another content has another path. */
static void answer_file(const WebRequest *request, const char *type, View content)
{
    const char *const headers[] = {"Content-Type",
                                   type,
                                   "Cache-Control",
                                   "public, max-age=31536000, immutable",
                                   "X-Content-Type-Options",
                                   "nosniff",
                                   NULL};
    g_autoptr(GBytes) body = g_bytes_new_static(content.data, content.len);
    request->answer(&(WebAnswer){HTTP_OK, headers, body}, request->data);
}

static bool handle_file(const WebRequest *request)
{
    const WebAsset *asset = web_asset_find(request->path);
    if (asset)
        answer_file(request, asset->type, asset->content);
    else if (strcmp(request->path, FAVICON_PATH) == 0)
        answer_file(request, "image/svg+xml", VIEW(favicon));
    else
        return false;
    return true;
}

/* ---- the face ---- */

void web_handle(Web *web, const WebRequest *request)
{
    const char *rest = NULL;
    const WebView *view = view_find(request->path, &rest);
    bool is_post = strcmp(request->method, "POST") == 0;
    if (!is_post && handle_file(request))
        return;
    if (!is_post && strcmp(request->path, STREAM_PATH) == 0) {
        stream_handle(web, request);
        return;
    }
    WebPage *page = page_new(web, request, view, rest);
    if (!view)
        page_fail(page, HTTP_NOT_FOUND, "there is nothing at %s", request->path);
    else if (is_post && !view->posts)
        page_fail(page, HTTP_NOT_ALLOWED, "nothing can be sent to %s", request->path);
    page_go_on(page);
}

Web *web_new(const WebOptions *options)
{
    Web *web = g_new0(Web, 1);
    web->options = *options;
    return web;
}

void web_free(Web *web)
{
    g_free(web);
}

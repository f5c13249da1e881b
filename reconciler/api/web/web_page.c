/* web_page.c: a page while it is made: what it asks, what it is told, what it answers. */
#include "reconciler/api/access.h"
#include "reconciler/api/web/web_frame.h"
#include "reconciler/api/web/web_internal.h"

#define HTTP_OK        200
#define HTTP_SEE_OTHER 303
#define HTTP_FORBIDDEN 403
#define ROUNDS_MAX     8 /* a view that asks more often is wrong */

/* What was answered to one call. */
typedef struct {
    WebPage *page; /* that waits for it; NULL: it was answered */
    unsigned status;
    json_t *body; /* NULL: it is a refusal */
    char *refusal;
} Answered;

static void answered_free(void *data)
{
    Answered *answered = data;
    json_decref(answered->body);
    g_free(answered->refusal);
    g_free(answered);
}

/* ---- of queries and forms ---- */

/* "a=b&c=d" becomes a table. What is said twice counts as it was said last. */
static GHashTable *parameters_new(const char *text, size_t len)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *whole = g_strndup(text ? text : "", text ? len : 0);
    g_auto(GStrv) pairs = g_strsplit(whole, "&", -1);
    for (char **pair = pairs; *pair; pair++) {
        g_strdelimit(*pair, "+", ' ');
        char *equals = strchr(*pair, '=');
        char *name = g_uri_unescape_segment(*pair, equals ? equals : *pair + strlen(*pair), NULL);
        char *value = g_uri_unescape_string(equals ? equals + 1 : "", NULL);
        if (name && value)
            g_hash_table_replace(table, name, value);
        else {
            g_free(name);
            g_free(value);
        }
    }
    return table;
}

static const char *parameter(GHashTable *table, const char *name)
{
    const char *value = g_hash_table_lookup(table, name);
    return value && *value ? value : NULL;
}

const char *page_query(const WebPage *page, const char *name)
{
    return parameter(page->query, name);
}

const char *page_form(const WebPage *page, const char *name)
{
    return parameter(page->form, name);
}

/* ---- keys ---- */

static const Key *key_copy(const Key *key)
{
    Key *copy = key ? g_new(Key, 1) : NULL;
    if (copy)
        key_clone(key, copy);
    return copy;
}

/* ---- the page ---- */

WebPage *page_new(Web *web, const WebRequest *request, const WebView *view, const char *rest)
{
    WebPage *page = g_new0(WebPage, 1);
    const char *query = request->query ? request->query : "";
    *page = (WebPage){.web = web,
                      .view = view,
                      .path = g_strdup(request->path),
                      .rest = g_strdup(rest),
                      .is_post = strcmp(request->method, "POST") == 0,
                      .query = parameters_new(query, strlen(query)),
                      .form = parameters_new(request->form.data, request->form.len),
                      .peer = request->peer ? json_deep_copy(request->peer) : NULL,
                      .key = key_copy(request->key),
                      .scopes = request->scopes,
                      .name = g_strdup(request->name),
                      .csrf = g_strdup(request->csrf),
                      .sign_out = g_strdup(request->sign_out),
                      .now_ms = web->options.now_ms(web->options.data),
                      .answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answered_free),
                      .answer = request->answer,
                      .data = request->data};
    return page;
}

void page_free(WebPage *page)
{
    g_hash_table_unref(page->query);
    g_hash_table_unref(page->form);
    g_hash_table_unref(page->answers);
    json_decref(page->peer);
    if (page->key) {
        key_clear((Key *)(uintptr_t)page->key);
        g_free((Key *)(uintptr_t)page->key);
    }
    g_free(page->path);
    g_free(page->rest);
    g_free(page->name);
    g_free(page->csrf);
    g_free(page->sign_out);
    g_free(page->title);
    g_free(page->fault);
    g_free(page->redirect);
    g_free(page);
}

bool page_may(const WebPage *page, unsigned scope)
{
    return (page->scopes & scope) == scope;
}

/* ---- asking ---- */

static char *refusal_text(const json_t *body)
{
    const char *message = member_of(json_object_get(body, "error"), "message");
    if (!message)
        message = member_of(body, "message");
    return g_strdup(message ? message : "it was refused");
}

static json_t *result_body(OperationResult *result)
{
    if (result->text)
        return json_loadb(result->text->str, result->text->len, 0, NULL);
    return result->body ? json_incref(result->body) : NULL;
}

static void call_answered(Call *call)
{
    Answered *answered = call->owner;
    WebPage *page = answered->page;
    json_t *body = result_body(&call->result);
    answered->status = (unsigned)call->result.http_status;
    answered->page = NULL;
    if (call->result.http_status == HTTP_OK)
        answered->body = json_incref(body);
    else
        answered->refusal = refusal_text(body);
    json_decref(body);
    call_free(call);
    page->waiting--;
    page_go_on(page);
}

/* Why who asks may not; NULL: may. New string. */
static char *refusal_of(const WebPage *page, const Operation *operation, const json_t *request)
{
    if (page->key)
        return access_refusal(page->key, operation, request, VIEW(""));
    if (page_may(page, access_scope(operation)))
        return NULL;
    g_autofree char *scope = key_scopes_text(access_scope(operation));
    return g_strdup_printf("this needs the scope %s, which who is signed in does not have", scope);
}

void page_ask(WebPage *page, const char *called, const char *operation, json_t *request)
{
    const Operation *asked = operation_find_name(operation);
    Answered *answered = g_new0(Answered, 1);
    g_assert(asked && !asked->lines);
    if (!request)
        request = json_object();
    g_hash_table_replace(page->answers, g_strdup(called), answered);
    answered->refusal = refusal_of(page, asked, request);
    answered->status = HTTP_FORBIDDEN;
    if (answered->refusal) {
        json_decref(request);
        return;
    }
    answered->page = page;
    json_object_del(request, "peer");
    if (page->peer && !access_is_submission(asked))
        json_object_set(request, "peer", page->peer);
    Call *call = call_new(asked, request);
    call->answer = call_answered;
    call->owner = answered;
    page->waiting++;
    page->web->options.call(call, page->web->options.data);
}

const json_t *page_got(const WebPage *page, const char *called)
{
    const Answered *answered = g_hash_table_lookup(page->answers, called);
    return answered ? answered->body : NULL;
}

const char *page_refusal(const WebPage *page, const char *called)
{
    const Answered *answered = g_hash_table_lookup(page->answers, called);
    return answered ? answered->refusal : NULL;
}

/* ---- what becomes of it ---- */

void page_fail(WebPage *page, unsigned status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(page->fault);
    page->fault = g_strdup_vprintf(format, arguments);
    page->status = status;
    va_end(arguments);
}

bool page_fails(WebPage *page, const char *called)
{
    const Answered *answered = g_hash_table_lookup(page->answers, called);
    if (!answered || !answered->refusal)
        return false;
    page_fail(page, answered->status, "%s", answered->refusal);
    return true;
}

void page_redirect(WebPage *page, char *path)
{
    g_free(page->redirect);
    page->redirect = path;
}

void page_set_title(WebPage *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(page->title);
    page->title = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

/* ---- answering ---- */

#define HEADERS_MAX 24

static void answer_page(WebPage *page, const Html *html)
{
    const char *headers[HEADERS_MAX];
    size_t len = 0, bytes;
    for (const char *const *at = web_page_headers(); *at; at++)
        headers[len++] = *at;
    headers[len++] = "Content-Type";
    headers[len++] = "text/html; charset=utf-8";
    if (page->redirect && !page->fault) {
        headers[len++] = "Location";
        headers[len++] = page->redirect;
        page->status = HTTP_SEE_OTHER;
    }
    headers[len] = NULL;
    const char *text = html_str(html, &bytes);
    g_autoptr(GBytes) body = g_bytes_new(text, bytes);
    page->answer(&(WebAnswer){page->status ? page->status : HTTP_OK, headers, body}, page->data);
}

static void show_fault(const WebPage *page, Html *html)
{
    piece_heading(html, page->status == 404 ? "There is no such thing" : "Not possible", NULL);
    piece_note(html, "bad", page->fault);
}

static void page_show(WebPage *page)
{
    g_autoptr(Html) content = html_new(), html = html_new();
    if (!page->fault && !page->redirect)
        page->view->show(page, content);
    if (page->fault) {
        html_free(content);
        content = html_new();
        show_fault(page, content);
    }
    frame_write(html, page, content);
    answer_page(page, html);
    page_free(page);
}

/* A call may be answered while it is made: then the outermost goes on. */
void page_go_on(WebPage *page)
{
    if (page->is_asking || page->waiting)
        return;
    for (bool is_more = true; is_more && !page->waiting;) {
        guint asked = g_hash_table_size(page->answers);
        page->is_asking = true;
        g_assert(page->round < ROUNDS_MAX);
        if (!page->fault && !page->redirect && page->view)
            page->view->ask(page);
        page->is_asking = false;
        page->round++;
        is_more = g_hash_table_size(page->answers) > asked;
    }
    if (!page->waiting)
        page_show(page);
}

/* web_sign_in.c: see web_sign_in.h. */
#include "reconciler/api/web/web_sign_in.h"
#include "reconciler/api/web/html.h"

static void write_head(Html *html)
{
    html_open(html, "head", NULL);
    html_void(html, "meta", "charset", "utf-8", NULL);
    html_void(html, "meta", "name", "viewport", "content", "width=device-width, initial-scale=1", NULL);
    html_void(html, "meta", "name", "color-scheme", "content", "light dark", NULL);
    html_leaf(html, "title", "Sign in · muster", NULL);
    html_void(html, "link", "rel", "stylesheet", "href", web_style_path(), NULL);
    html_close(html, "head");
}

static void write_command(Html *html, const char *before, const char *command, const char *after)
{
    html_open(html, "p", NULL);
    html_text(html, before);
    html_leaf(html, "code", command, NULL);
    html_text(html, after);
    html_close(html, "p");
}

static void write_provider(Html *html, const WebProvider *oidc)
{
    g_autoptr(GUri) issuer = g_uri_parse(oidc->issuer, G_URI_FLAGS_NONE, NULL);
    g_autofree char *text =
        g_strdup_printf("Sign in with %s", oidc->label ? oidc->label : g_uri_get_host(issuer));
    html_open(html, "p", NULL);
    html_leaf(html, "a", text, "href", "/sign-in/oidc", NULL);
    html_close(html, "p");
}

static void write_main(Html *html, const WebSignIn *page)
{
    html_open(html, "main", "id", "main", NULL);
    html_leaf(html, "h1", "Sign in", NULL);
    if (page->why)
        html_leaf(html, "p", page->why, "class", "note bad", "role", "alert", NULL);
    if (page->oidc)
        write_provider(html, page->oidc);
    if (page->is_by_proxy)
        html_leaf(html, "p", "The proxy in front of this page says who you are: come through it.", NULL);
    write_command(html, "On the machine of the daemon, as a user who may open its socket, ", "muster web",
                  " prints a link that signs you in. It is good once, for a minute.");
    write_command(html, "With a key, from anywhere: ", "muster web --server https://…",
                  ". You may then do here what the key may.");
    html_close(html, "main");
}

void sign_in_answer(const WebSignIn *page, unsigned status, WebAnswerFunc answer, void *data)
{
    g_autoptr(Html) html = html_new();
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    size_t len;
    html_doctype(html);
    html_open(html, "html", "lang", "en", NULL);
    write_head(html);
    html_open(html, "body", NULL);
    html_open(html, "header", NULL);
    html_leaf(html, "a", "muster", "href", "/", "class", "brand", NULL);
    html_close(html, "header");
    write_main(html, page);
    html_close(html, "body");
    html_close(html, "html");
    g_ptr_array_add(headers, (char *)(uintptr_t) "Content-Type");
    g_ptr_array_add(headers, (char *)(uintptr_t) "text/html; charset=utf-8");
    for (const char *const *header = web_page_headers(); *header; header++)
        g_ptr_array_add(headers, (char *)(uintptr_t)*header);
    g_ptr_array_add(headers, NULL);
    const char *text = html_str(html, &len);
    g_autoptr(GBytes) body = g_bytes_new(text, len);
    answer(&(WebAnswer){status, (const char *const *)headers->pdata, body}, data);
}

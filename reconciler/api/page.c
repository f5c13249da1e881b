#include "reconciler/api/page.h"

/* Opaque to clients, so that nobody comes to rely on what a key is; unlike a signed one it protects nothing,
 * since every key is as good as any other. */
char *page_token(const Call *call, const char *key)
{
    g_autofree char *text = g_strdup_printf("%s/%s", call->operation->name, key);
    return g_base64_encode((const guchar *)text, strlen(text));
}

char *page_token_key(const Call *call, const char *token)
{
    gsize len = 0;
    g_autofree char *text = (char *)g_base64_decode(token, &len); /* ends in NUL */
    g_autofree char *again = g_base64_encode((const guchar *)text, len);
    size_t name_len = strlen(call->operation->name);
    if (strcmp(again, token) != 0 || strlen(text) != len || !g_utf8_validate(text, (gssize)len, NULL) ||
        strncmp(text, call->operation->name, name_len) != 0 || text[name_len] != '/')
        return NULL;
    return g_strdup(text + name_len + 1);
}

bool page_begin(Call *call, int64_t most, Page *ret_page)
{
    const char *token = NULL;
    *ret_page = (Page){.limit = most};
    if (!request_string(call, "nextToken", &token) || !request_integer(call, "maxResults", &ret_page->limit))
        return false;
    if (ret_page->limit < 1 || ret_page->limit > most) {
        call_fail(call, FAULT_INVALID, "maxResults: 1 to %" G_GINT64_FORMAT " are possible", most);
        return false;
    }
    if (token && !(ret_page->after = page_token_key(call, token))) {
        call_fail(call, FAULT_INVALID, "nextToken: not a token that this operation gave");
        return false;
    }
    ret_page->array = json_array();
    return true;
}

bool page_takes(Page *page, const char *key)
{
    if ((int64_t)json_array_size(page->array) == page->limit || page->looked == PAGE_LOOK) {
        page->is_more = true;
        return false;
    }
    page->looked++;
    g_free(page->last);
    page->last = g_strdup(key);
    return true;
}

void page_add(Page *page, json_t *item)
{
    json_array_append_new(page->array, item);
}

OperationStep page_done(Call *call, Page *page, const char *member)
{
    json_t *body = json_object();
    g_autofree char *token = page->is_more ? page_token(call, page->last) : NULL;
    json_object_set_new(body, member, page->array);
    json_set_text(body, "nextToken", token);
    g_free(page->after);
    g_free(page->last);
    return call_done(call, body);
}

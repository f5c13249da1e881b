/* web_reason.c: what `explain` says, in a few lines. */
#include "reconciler/api/web/web_view.h"

static void item(Html *html, const char *before, const char *text)
{
    if (!text)
        return;
    html_open(html, "li", NULL);
    html_text(html, before);
    html_text(html, text);
    html_close(html, "li");
}

static void list_texts(Html *html, const json_t *explanation, const char *member)
{
    const json_t *at;
    size_t i;
    json_array_foreach(json_object_get(explanation, member), i, at)
    {
        const char *name = member_of(at, "name");
        g_autofree char *before = name ? g_strdup_printf("%s: ", name) : NULL;
        item(html, before, member_of(at, "text"));
    }
}

static void list_consumables(Html *html, const json_t *explanation)
{
    const json_t *at;
    size_t i;
    json_array_foreach(json_object_get(explanation, "consumableResources"), i, at)
    {
        if (!json_is_true(json_object_get(at, "short")))
            continue;
        g_autofree char *text = g_strdup_printf(
            "needs %" G_GINT64_FORMAT " of %s; %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " are available",
            number_of(at, "need"), member_of(at, "name"), number_of(at, "available"), number_of(at, "total"));
        item(html, NULL, text);
    }
}

void reason_list(Html *html, const json_t *explanation)
{
    html_open(html, "ul", "class", "reasons", NULL);
    if (json_is_true(json_object_get(explanation, "never")))
        item(html, NULL, "it can never run as things are");
    item(html, NULL, member_of(explanation, "blockedText"));
    item(html, NULL, member_of(explanation, "queueNote"));
    list_texts(html, explanation, "waitsFor");
    list_consumables(html, explanation);
    list_texts(html, explanation, "environments");
    html_close(html, "ul");
}

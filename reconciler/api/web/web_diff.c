/* web_diff.c: see web_diff.h. */
#include "reconciler/api/web/web_diff.h"

#define FIELDS_SHOWN 40  /* of one change */
#define VALUE_SHOWN  400 /* bytes of one value */

static const struct {
    const char *action, *sign, *class;
} actions[] = {{"create", "+", "add"},
               {"update", "~", "change"},
               {"replace", "-/+", "change"},
               {"delete", "-", "remove"},
               {"run", ">", "run"}};

static char *value_text(const json_t *value)
{
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = g_strdup(dumped ? dumped : "");
    free(dumped);
    if (strlen(text) <= VALUE_SHOWN)
        return text;
    g_autofree char *whole = text, *begin = g_strndup(whole, VALUE_SHOWN),
                    *valid = g_utf8_make_valid(begin, -1);
    return g_strdup_printf("%s \xe2\x80\xa6 (%zu bytes)", valid, strlen(whole));
}

static void write_value(Html *html, const char *class, const char *sign, const char *path,
                        const json_t *value)
{
    g_autofree char *text = value_text(value);
    html_open(html, "div", "class", class, NULL);
    html_format(html, "    %s %s: %s", sign, path ? path : "", text);
    html_close(html, "div");
}

static void write_field(Html *html, const json_t *field)
{
    const char *path = member_of(field, "path");
    const json_t *before = json_object_get(field, "before"), *after = json_object_get(field, "after");
    if (before && !json_is_null(before))
        write_value(html, "remove", "-", path, before);
    if (after && !json_is_null(after))
        write_value(html, "add", "+", path, after);
}

static void write_change(Html *html, const json_t *change)
{
    const char *action = member_of(change, "action"), *sign = "?", *class = "change";
    const json_t *fields = json_object_get(change, "fields");
    size_t len = json_array_size(fields);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
        if (g_strcmp0(actions[i].action, action) == 0) {
            sign = actions[i].sign;
            class = actions[i].class;
        }
    g_autofree char *title_class = g_strdup_printf("%s title", class);
    html_open(html, "div", "class", title_class, NULL);
    html_format(html, "%3s %s %s/%s", sign, action ? action : "", member_of(change, "kind"),
                member_of(change, "name"));
    html_close(html, "div");
    html_open(html, "div", "class", "quiet", NULL);
    html_format(html, "    %s  %s:%" G_GINT64_FORMAT, member_of(change, "reason"), member_of(change, "file"),
                number_of(change, "line"));
    html_close(html, "div");
    for (size_t i = 0; i < MIN(len, FIELDS_SHOWN); i++)
        write_field(html, json_array_get(fields, i));
    if (len > FIELDS_SHOWN)
        html_format(html, "    %zu more fields; muster plan shows them", len - FIELDS_SHOWN);
}

char *diff_summary(const json_t *summary)
{
    static const struct {
        const char *member, *text;
    } parts[] = {{"create", "to add"},
                 {"update", "to change"},
                 {"replace", "to replace"},
                 {"delete", "to delete"},
                 {"run", "to run"}};
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        int64_t number = number_of(summary, parts[i].member);
        if (number)
            g_string_append_printf(text, "%s%" G_GINT64_FORMAT " %s", text->len ? ", " : "", number,
                                   parts[i].text);
    }
    return g_strdup(text->len ? text->str : "no change");
}

void diff_write(Html *html, const json_t *plan)
{
    const json_t *change;
    size_t i;
    html_open(html, "div", "class", "diff", "tabindex", "0", "role", "region", "aria-label",
              "What the plan changes", NULL);
    json_array_foreach(json_object_get(plan, "changes"), i, change)
    {
        write_change(html, change);
    }
    html_close(html, "div");
    if (number_of(plan, "changesOmitted"))
        html_format(html, "%" G_GINT64_FORMAT " more changes are not shown.",
                    number_of(plan, "changesOmitted"));
}

/* web_pieces.c: what pages are made of. */
#include "reconciler/api/web/web_page.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define THIN      "\xe2\x80\xaf" /* narrow no-break space */

/* ---- members ---- */

const char *member_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
}

GPtrArray *items_sorted(const json_t *items, int (*compare)(const void *a, const void *b))
{
    GPtrArray *list = g_ptr_array_new();
    json_t *item;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)items, i, item)
    {
        g_ptr_array_add(list, item);
    }
    if (list->len)
        qsort(list->pdata, list->len, sizeof *list->pdata, compare);
    return list;
}

/* ---- texts ---- */

char *time_text(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / SECOND_MS);
    return at ? g_date_time_format(at, "%Y-%m-%d %H:%M:%S") : g_strdup("");
}

char *span_text(int64_t span_ms)
{
    int64_t span = MAX(span_ms, 0);
    if (span < MINUTE_MS)
        return g_strdup_printf("%" G_GINT64_FORMAT " s", span / SECOND_MS);
    if (span < HOUR_MS)
        return g_strdup_printf("%" G_GINT64_FORMAT " min", span / MINUTE_MS);
    if (span < DAY_MS)
        return g_strdup_printf("%" G_GINT64_FORMAT " h %" G_GINT64_FORMAT " min", span / HOUR_MS,
                               span % HOUR_MS / MINUTE_MS);
    return g_strdup_printf("%" G_GINT64_FORMAT " d %" G_GINT64_FORMAT " h", span / DAY_MS,
                           span % DAY_MS / HOUR_MS);
}

char *number_text(int64_t value)
{
    g_autofree char *plain = g_strdup_printf("%" G_GINT64_FORMAT, value);
    GString *text = g_string_new(NULL);
    size_t len = strlen(plain);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && plain[i - 1] != '-')
            g_string_append(text, THIN);
        g_string_append_c(text, plain[i]);
    }
    return g_string_free(text, FALSE);
}

/* ---- pieces ---- */

void piece_heading(Html *html, const char *title, const char *lead)
{
    html_leaf(html, "h1", title, NULL);
    if (lead)
        html_leaf(html, "p", lead, "class", "lead", NULL);
}

/* What is too wide scrolls within itself, and the keyboard reaches it. */
void piece_table(Html *html, const char *caption, const char *const *columns)
{
    html_open(html, "div", "class", "scroll", "tabindex", "0", "role", "region", "aria-label", caption, NULL);
    html_open(html, "table", NULL);
    html_leaf(html, "caption", caption, NULL);
    html_open(html, "thead", NULL);
    html_open(html, "tr", NULL);
    for (; *columns; columns++) {
        bool is_number = **columns == '#';
        html_leaf(html, "th", *columns + is_number, "scope", "col", "class", is_number ? "number" : NULL,
                  NULL);
    }
    html_close(html, "tr");
    html_close(html, "thead");
    html_open(html, "tbody", NULL);
}

void piece_table_end(Html *html)
{
    html_close(html, "tbody");
    html_close(html, "table");
    html_close(html, "div");
}

void piece_cell(Html *html, const char *text)
{
    html_leaf(html, "td", text, NULL);
}

void piece_number_text(Html *html, const char *text)
{
    html_leaf(html, "td", text, "class", "number", NULL);
}

void piece_number(Html *html, int64_t value)
{
    g_autofree char *text = number_text(value);
    html_leaf(html, "td", text, "class", value ? "number" : "number zero", NULL);
}

void piece_link_cell(Html *html, const char *path, const char *text)
{
    html_open(html, "th", "scope", "row", NULL);
    html_leaf(html, "a", text, "href", path, NULL);
    html_close(html, "th");
}

const char *piece_state_class(const char *state)
{
    static const struct {
        const char *state, *class;
    } classes[] = {
        {"SUCCEEDED", "good"},  {"VALID", "good"},     {"ok", "good"},      {"ENABLED", "good"},
        {"CONVERGED", "good"},  {"ACTIVE", "busy"},    {"RUNNING", "busy"}, {"STARTING", "busy"},
        {"CREATING", "busy"},   {"UPDATING", "busy"},  {"STAGING", "busy"}, {"DELETING", "busy"},
        {"FAILED", "bad"},      {"INVALID", "bad"},    {"broken", "bad"},   {"refused", "bad"},
        {"unreachable", "bad"}, {"REFUSED", "bad"},    {"BROKEN", "bad"},   {"RUNNABLE", "wait"},
        {"PENDING", "wait"},    {"SUBMITTED", "wait"}, {"WAITING", "wait"}, {"waiting", "wait"},
        {"held", "wait"},
    };
    for (size_t i = 0; state && i < G_N_ELEMENTS(classes); i++)
        if (strcmp(classes[i].state, state) == 0)
            return classes[i].class;
    return "off";
}

void piece_state(Html *html, const char *state)
{
    g_autofree char *class = g_strdup_printf("state %s", piece_state_class(state));
    if (state)
        html_leaf(html, "span", state, "class", class, NULL);
}

void piece_state_cell(Html *html, const char *state)
{
    html_open(html, "td", NULL);
    piece_state(html, state);
    html_close(html, "td");
}

void piece_ago(Html *html, const WebPage *page, int64_t at_ms)
{
    if (at_ms <= 0)
        return;
    g_autofree char *at = time_text(at_ms), *title = g_strdup_printf("%s UTC", at);
    g_autofree char *span = span_text(page->now_ms - at_ms), *text = g_strdup_printf("%s ago", span);
    g_autofree char *iso = g_strdup_printf("%.10sT%sZ", at, at + MIN(strlen(at), 11));
    html_leaf(html, "time", text, "datetime", iso, "title", title, NULL);
}

void piece_form(Html *html, const WebPage *page, const char *action, const char *class)
{
    html_open(html, "form", "method", "post", "action", action, "class", class, NULL);
    html_void(html, "input", "type", "hidden", "name", page->csrf ? "csrf" : NULL, "value", page->csrf, NULL);
}

void piece_nothing(Html *html, const char *text)
{
    html_leaf(html, "p", text, "class", "nothing", NULL);
}

void piece_note(Html *html, const char *kind, const char *text)
{
    g_autofree char *class = g_strdup_printf("note %s", kind);
    html_leaf(html, "p", text, "class", class, NULL);
}

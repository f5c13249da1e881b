/* html.c: see html.h. */
#include "reconciler/api/web/html.h"
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

struct Html {
    GString *out;
    GPtrArray *open; /* of const char*: names, static */
};

Html *html_new(void)
{
    Html *html = g_new0(Html, 1);
    html->out = g_string_new(NULL);
    html->open = g_ptr_array_new();
    return html;
}

void html_free(Html *html)
{
    if (!html)
        return;
    g_string_free(html->out, TRUE);
    g_ptr_array_unref(html->open);
    g_free(html);
}

/* ---- escaping ---- */

static const char *escape_of(char byte)
{
    switch (byte) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* Marks, embeddings, overrides and isolates of direction: they make a text look like another one. */
static bool turns_direction(gunichar at)
{
    return at == 0x061c || at == 0x200e || at == 0x200f || (at >= 0x202a && at <= 0x202e) ||
           (at >= 0x2066 && at <= 0x2069);
}

static bool is_shown(gunichar at)
{
    bool is_control = (at < 0x20 && at != '\n' && at != '\t') || (at >= 0x7f && at < 0xa0);
    bool is_nothing = (at & 0xfffe) == 0xfffe || (at >= 0xfdd0 && at <= 0xfdef);
    return !is_control && !is_nothing && !turns_direction(at);
}

static void append_escaped(GString *out, const char *text, size_t len)
{
    for (const char *at = text, *end = text + len; at < end;) {
        if ((unsigned char)*at < 0x80 && is_shown((gunichar)*at)) {
            const char *escape = escape_of(*at);
            if (escape)
                g_string_append(out, escape);
            else
                g_string_append_c(out, *at);
            at++;
            continue;
        }
        gunichar wide = g_utf8_get_char_validated(at, end - at);
        bool is_valid = wide != (gunichar)-1 && wide != (gunichar)-2;
        size_t width = is_valid ? (size_t)(g_utf8_next_char(at) - at) : 1;
        if (is_valid && is_shown(wide))
            g_string_append_len(out, at, (gssize)width);
        else
            g_string_append(out, REPLACEMENT);
        at += width;
    }
}

/* ---- elements ---- */

static bool is_name(const char *name)
{
    return *name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(name);
}

static bool is_address(const char *name)
{
    return strcmp(name, "href") == 0 || strcmp(name, "src") == 0 || strcmp(name, "action") == 0;
}

static bool is_here(const char *address)
{
    bool is_path = address[0] == '/' && address[1] != '/' && address[1] != '\\';
    return is_path || address[0] == '#' || address[0] == '?';
}

static bool is_script(const char *name)
{
    return g_str_has_prefix(name, "on") || strcmp(name, "style") == 0 || strcmp(name, "srcdoc") == 0 ||
           strcmp(name, "formaction") == 0;
}

static void write_tag(Html *html, const char *element, va_list attributes)
{
    const char *name;
    g_assert(is_name(element));
    g_string_append_printf(html->out, "<%s", element);
    while ((name = va_arg(attributes, const char *))) {
        const char *value = va_arg(attributes, const char *);
        g_assert(is_name(name) && !is_script(name));
        if (!value || (is_address(name) && !is_here(value)))
            continue;
        g_string_append_printf(html->out, " %s=\"", name);
        append_escaped(html->out, value, strlen(value));
        g_string_append_c(html->out, '"');
    }
    g_string_append_c(html->out, '>');
}

void html_doctype(Html *html)
{
    g_assert(html->out->len == 0);
    g_string_append(html->out, "<!doctype html>\n");
}

void html_open(Html *html, const char *element, ...)
{
    va_list attributes;
    va_start(attributes, element);
    write_tag(html, element, attributes);
    va_end(attributes);
    g_ptr_array_add(html->open, (gpointer)(uintptr_t)element);
}

void html_close(Html *html, const char *element)
{
    g_assert(html->open->len > 0);
    const char *open = html->open->pdata[html->open->len - 1];
    g_assert_cmpstr(open, ==, element);
    g_string_append_printf(html->out, "</%s>", open);
    g_ptr_array_set_size(html->open, (gint)html->open->len - 1);
}

void html_void(Html *html, const char *element, ...)
{
    va_list attributes;
    va_start(attributes, element);
    write_tag(html, element, attributes);
    va_end(attributes);
}

void html_leaf(Html *html, const char *element, const char *text, ...)
{
    va_list attributes;
    va_start(attributes, text);
    write_tag(html, element, attributes);
    va_end(attributes);
    html_text(html, text);
    g_string_append_printf(html->out, "</%s>", element);
}

void html_text(Html *html, const char *text)
{
    if (text)
        append_escaped(html->out, text, strlen(text));
}

void html_text_len(Html *html, const char *text, size_t len)
{
    append_escaped(html->out, text, len);
}

void html_format(Html *html, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    html_text(html, text);
}

void html_append(Html *html, const Html *other)
{
    g_assert(other->open->len == 0);
    g_string_append_len(html->out, other->out->str, (gssize)other->out->len);
}

const char *html_str(const Html *html, size_t *ret_len)
{
    g_assert(html->open->len == 0);
    if (ret_len)
        *ret_len = html->out->len;
    return html->out->str;
}

char *html_path(const char *base, ...)
{
    GString *path = g_string_new(base);
    const char *part;
    va_list parts;
    va_start(parts, base);
    for (bool is_first = true; (part = va_arg(parts, const char *)); is_first = false) {
        g_autofree char *escaped = g_uri_escape_string(part, NULL, FALSE);
        if (!is_first)
            g_string_append_c(path, '/');
        g_string_append(path, escaped);
    }
    va_end(parts);
    return g_string_free(path, FALSE);
}

#include "spec/base/diagnostic.h"

static const char *const severity_names[] = {
    [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTICE] = "notice"};

/* Long lines (a JSON document on one line) are shown as a window around the column. */
#define SOURCE_WIDTH 160

/* What stands under the line: as many columns as the bytes before the caret show on a terminal. */
static void append_padding(GString *out, const char *text, size_t len)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)len);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\t')
            g_string_append_c(out, '\t');
        else if (!g_unichar_iszerowidth(c))
            g_string_append(out, g_unichar_iswide(c) ? "  " : " ");
    }
}

/* Control characters of a hostile file must not reach the terminal. */
static void append_visible(GString *out, const char *text, size_t len)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)len);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\t' || !g_unichar_iscntrl(c))
            g_string_append_unichar(out, c);
        else
            g_string_append_c(out, '?');
    }
}

static size_t visible_width(const char *text, size_t len)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)len);
    return (size_t)g_utf8_strlen(valid, -1);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void render_source(const Diagnostic *d, GString *out)
{
    if (!d->source || d->line <= 0)
        return;
    size_t len = strlen(d->source);
    while (len > 0 && (d->source[len - 1] == '\r' || d->source[len - 1] == '\n'))
        len--;
    size_t caret = d->column > 0 ? MIN((size_t)d->column - 1, len) : 0;
    size_t from = caret > SOURCE_WIDTH / 2 && len > SOURCE_WIDTH ? caret - SOURCE_WIDTH / 2 : 0;
    while (from > 0 && is_continuation(d->source[from]))
        from--;
    size_t to = MIN(len, from + SOURCE_WIDTH);
    while (to < len && is_continuation(d->source[to]))
        to++;
    g_string_append_printf(out, "%4d | ", d->line);
    append_visible(out, d->source + from, to - from);
    g_string_append_c(out, '\n');
    if (d->column <= 0)
        return;
    g_string_append(out, "     | ");
    append_padding(out, d->source + from, caret - from);
    g_string_append_c(out, '^');
    size_t end = MIN(caret + (size_t)MAX(d->width, 0), to);
    size_t width = end > caret ? visible_width(d->source + caret, end - caret) : 1;
    for (size_t i = 1; i < width; i++)
        g_string_append_c(out, '~');
    if (d->detail) {
        g_string_append_c(out, ' ');
        append_visible(out, d->detail, strlen(d->detail));
    }
    g_string_append_c(out, '\n');
}

static void render_text(const Diagnostic *d, GString *out)
{
    if (d->file) {
        append_visible(out, d->file, strlen(d->file));
        if (d->line > 0)
            g_string_append_printf(out, ":%d", d->line);
        if (d->line > 0 && d->column > 0)
            g_string_append_printf(out, ":%d", d->column);
        g_string_append(out, ": ");
    }
    g_string_append_printf(out, "%s: ", severity_names[d->severity]);
    append_visible(out, d->message, strlen(d->message));
    g_string_append_c(out, '\n');
    render_source(d, out);
    if (d->detail && !(d->source && d->line > 0 && d->column > 0)) {
        g_string_append(out, "     = ");
        append_visible(out, d->detail, strlen(d->detail));
        g_string_append_c(out, '\n');
    }
    if (d->path && *d->path && !strstr(d->message, d->path)) {
        g_string_append(out, "     = in ");
        append_visible(out, d->path, strlen(d->path));
        g_string_append_c(out, '\n');
    }
}

static void append_json_text(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_c(out, '"');
    for (const char *at = valid; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_c(out, (char)c);
    }
    g_string_append_c(out, '"');
}

static void append_json_member(GString *out, const char *name, const char *text)
{
    if (!text)
        return;
    g_string_append_printf(out, ",\"%s\":", name);
    append_json_text(out, text);
}

static void render_json(const Diagnostic *d, GString *out)
{
    g_string_append_printf(out, "{\"severity\":\"%s\"", severity_names[d->severity]);
    append_json_member(out, "file", d->file);
    if (d->line > 0)
        g_string_append_printf(out, ",\"line\":%d", d->line);
    if (d->column > 0)
        g_string_append_printf(out, ",\"column\":%d", d->column);
    append_json_member(out, "path", d->path);
    append_json_member(out, "message", d->message);
    append_json_member(out, "detail", d->detail);
    append_json_member(out, "source", d->source);
    if (d->class == DIAGNOSTIC_INFEASIBLE)
        g_string_append(out, ",\"infeasible\":true");
    g_string_append_c(out, '}');
}

/* GitHub's workflow commands: the message escapes %, CR, LF; properties also colon and comma. */
static void append_github(GString *out, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (strchr(escaped, *text))
            g_string_append_printf(out, "%%%02X", (unsigned char)*text);
        else
            g_string_append_c(out, *text);
    }
}

static void render_github(const Diagnostic *d, GString *out)
{
    g_string_append_printf(out, "::%s", severity_names[d->severity]);
    if (d->file) {
        g_string_append(out, " file=");
        append_github(out, d->file, "%\r\n:,");
        if (d->line > 0)
            g_string_append_printf(out, ",line=%d", d->line);
        if (d->line > 0 && d->column > 0)
            g_string_append_printf(out, ",col=%d", d->column);
    }
    g_string_append(out, "::");
    append_github(out, d->message, "%\r\n");
    if (d->detail) {
        g_string_append(out, "%0A");
        append_github(out, d->detail, "%\r\n");
    }
    g_string_append_c(out, '\n');
}

void diagnostic_list_render(DiagnosticList *list, DiagnosticFormat format, GString *out)
{
    size_t len = diagnostic_list_len(list);
    if (format == DIAGNOSTIC_JSON)
        g_string_append_c(out, '[');
    for (size_t i = 0; i < len; i++) {
        const Diagnostic *diagnostic = diagnostic_list_get(list, i);
        switch (format) {
        case DIAGNOSTIC_TEXT: render_text(diagnostic, out); break;
        case DIAGNOSTIC_JSON:
            g_string_append(out, i ? ",\n " : "");
            render_json(diagnostic, out);
            break;
        case DIAGNOSTIC_GITHUB: render_github(diagnostic, out); break;
        }
    }
    if (format == DIAGNOSTIC_JSON)
        g_string_append(out, "]\n");
    else if (diagnostic_list_dropped(list) > 0)
        g_string_append_printf(out, "%s%zu more not shown\n", format == DIAGNOSTIC_GITHUB ? "::notice::" : "",
                               diagnostic_list_dropped(list));
}

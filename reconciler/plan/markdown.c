#include "reconciler/plan/markdown.h"

#define CUT "..."

/* What turns the direction of writing or ends a line for some programs: what is seen must be what is there.
 */
static bool is_deceiving(gunichar character)
{
    return (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff || character == 0x061c;
}

/* One line of valid UTF-8 without control characters. New string. */
static GString *one_line(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *safe = g_string_new(NULL);
    GString *line = g_string_new(NULL);
    render_safe(view_from(valid), safe);
    for (const char *at = safe->str; *at; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        g_string_append_unichar(line, is_deceiving(character) ? '?' : character);
    }
    g_string_free(safe, TRUE);
    return line;
}

/* GitHub and GitLab look for @name, #1, !1, $1, %1, ~name, &1 and ^name in what was rendered, when markup is
 * gone already: a character without width behind the sign is what stops them. */
#define NO_WIDTH "\xe2\x80\x8b"

static bool is_link(const char *at, const char *start)
{
    return (*at == ':' && at[1] == '/') ||
           (*at == '.' && at - start >= 3 && g_ascii_strncasecmp(at - 3, "www", 3) == 0);
}

static void append_escaped(GString *out, const char *at, const char *start)
{
    if (*at == '<' || *at == '>' || *at == '&') {
        g_string_append(out, *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : "&amp;");
    } else {
        if (strchr("\\`*_[]#!|~@$", *at) || is_link(at, start))
            g_string_append_c(out, '\\');
        g_string_append_len(out, at, g_utf8_next_char(at) - at);
    }
    if (strchr("@#!$%~&^", *at) && (g_ascii_isalnum(at[1]) || at[1] == '"' || at[1] == '{' || at[1] == '['))
        g_string_append(out, NO_WIDTH);
}

void markdown_text(GString *out, const char *text, size_t max)
{
    g_autoptr(GString) line = one_line(text), piece = g_string_new(NULL);
    size_t left = max > strlen(CUT) ? max - strlen(CUT) : 0;
    for (const char *at = line->str; *at; at = g_utf8_next_char(at)) {
        g_string_truncate(piece, 0);
        append_escaped(piece, at, line->str);
        if (piece->len > left) {
            g_string_append(out, CUT);
            return;
        }
        left -= piece->len;
        g_string_append_len(out, piece->str, (gssize)piece->len);
    }
}

/* Cuts text so that it has at most max bytes. */
static void cut(GString *text, size_t max)
{
    if (text->len <= max)
        return;
    size_t keep = max > strlen(CUT) ? max - strlen(CUT) : 0;
    while (keep > 0 && ((unsigned char)text->str[keep] & 0xc0) == 0x80)
        keep--;
    g_string_truncate(text, keep);
    g_string_append(text, CUT);
}

static size_t longest_ticks(const char *text)
{
    size_t longest = 0, run = 0;
    for (const char *at = text; *at; at++) {
        run = *at == '`' ? run + 1 : 0;
        longest = MAX(longest, run);
    }
    return longest;
}

/* A span is opened and closed by more ticks than it holds; it cannot be empty. */
void markdown_code(GString *out, const char *text, size_t max)
{
    g_autoptr(GString) line = one_line(text);
    cut(line, max / 4);
    size_t ticks = longest_ticks(line->str) + 1;
    const char *pad = ticks > 1 || line->len == 0 || g_str_has_prefix(line->str, " ") ? " " : "";
    for (size_t i = 0; i < ticks; i++)
        g_string_append_c(out, '`');
    g_string_append_printf(out, "%s%s%s", pad, line->str, pad);
    for (size_t i = 0; i < ticks; i++)
        g_string_append_c(out, '`');
}

void markdown_verbatim(GString *out, const char *text, size_t max)
{
    g_autoptr(GString) line = one_line(text);
    cut(line, max);
    g_string_append_len(out, line->str, (gssize)line->len);
}

void markdown_marker(GString *out, const char *text, size_t max)
{
    size_t end = out->len + max;
    for (const char *at = text; *at && out->len + 3 <= end; at++) {
        bool is_plain = g_ascii_isalnum(*at) || *at == '_' || *at == '.' || *at == '/';
        if (is_plain || (*at == '-' && at > text && at[-1] != '-' && at[1] && at[1] != '-'))
            g_string_append_c(out, *at);
        else
            g_string_append_printf(out, "%%%02X", (unsigned char)*at);
    }
}

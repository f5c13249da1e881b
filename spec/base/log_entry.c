#include "spec/base/log_entry.h"
#include <string.h>

bool log_format_parse(const char *text, LogFormat *ret_format)
{
    bool is_json = text && strcmp(text, "json") == 0;
    if (text && !is_json && strcmp(text, "text") != 0)
        return false;
    *ret_format = is_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return true;
}

static void append_time(GString *out, int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    g_autofree char *seconds = at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%S") : g_strdup("");
    g_string_append_printf(out, "%s.%03dZ", seconds, (int)(at_ms % 1000));
}

/* Of valid UTF-8; a line stays a line. */
static void append_escaped(GString *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            g_string_append_printf(out, "\\%c", byte);
        else if (byte == '\n')
            g_string_append(out, "\\n");
        else if (byte == '\t')
            g_string_append(out, "\\t");
        else if (byte < 0x20 || byte == 0x7f)
            g_string_append_printf(out, "\\u%04x", byte);
        else
            g_string_append_c(out, *at);
    }
}

static void append_member(GString *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_printf(out, ",\"%s\":\"", name);
    append_escaped(out, valid);
    g_string_append_c(out, '"');
}

static void append_json(GString *out, const LogEntry *entry, int64_t at_ms)
{
    static const char *const levels[] = {
        [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_ERROR] = "error"};
    g_string_append(out, "{\"time\":\"");
    append_time(out, at_ms);
    g_string_append_c(out, '"');
    append_member(out, "level", levels[entry->level]);
    append_member(out, "message", entry->message);
    append_member(out, "source", entry->source);
    append_member(out, "revision", entry->revision);
    append_member(out, "resource", entry->resource);
    append_member(out, "provider", entry->provider);
    append_member(out, "destination", entry->destination);
    g_string_append(out, "}\n");
}

void log_entry_append(GString *out, LogFormat format, const LogEntry *entry, int64_t at_ms)
{
    if (format == LOG_FORMAT_JSON) {
        append_json(out, entry, at_ms);
        return;
    }
    append_time(out, at_ms);
    g_string_append_printf(out, " %s\n", entry->message);
}

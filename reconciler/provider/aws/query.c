#include "reconciler/provider/aws/query.h"
#include <string.h>

struct Query {
    GString *text;
};

/* RFC 3986, "unreserved" bare: a space is %20. */
static void append_encoded(GString *out, const char *text)
{
    for (; *text; text++) {
        if (g_ascii_isalnum(*text) || strchr("-_.~", *text))
            g_string_append_c(out, *text);
        else
            g_string_append_printf(out, "%%%02X", (unsigned char)*text);
    }
}

Query *query_continued(const char *text)
{
    Query *query = g_new0(Query, 1);
    query->text = g_string_new(text);
    return query;
}

Query *query_new(const char *action, const char *version)
{
    Query *query = query_continued("");
    query_add(query, "Action", action);
    query_add(query, "Version", version);
    return query;
}

void query_free(Query *query)
{
    if (!query)
        return;
    g_string_free(query->text, TRUE);
    g_free(query);
}

void query_add(Query *query, const char *name, const char *value)
{
    if (!value)
        return;
    if (query->text->len > 0)
        g_string_append_c(query->text, '&');
    append_encoded(query->text, name);
    g_string_append_c(query->text, '=');
    append_encoded(query->text, value);
}

void query_add_number(Query *query, const char *name, int64_t value)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    query_add(query, name, text);
}

void query_add_bool(Query *query, const char *name, bool value)
{
    query_add(query, name, value ? "true" : "false");
}

void query_add_list(Query *query, const char *name, const char *const *values)
{
    for (int i = 0; values && values[i]; i++)
        query_addf(query, values[i], "%s.%d", name, i + 1);
}

void query_addf(Query *query, const char *value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *name = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    query_add(query, name, value);
}

const char *query_text(const Query *query)
{
    return query->text->str;
}

#include "spec/base/log_entry.h"
#include <string.h>

#define AT_MS INT64_C(1795762461007)

static char *line(LogFormat format, const LogEntry *entry)
{
    GString *out = g_string_new(NULL);
    log_entry_append(out, format, entry, AT_MS);
    return g_string_free(out, FALSE);
}

static void test_text(void)
{
    g_autofree char *text =
        line(LOG_FORMAT_TEXT, &(LogEntry){.level = LOG_LEVEL_ERROR, .message = "a \"b\"", .source = "s"});
    g_assert_cmpstr(text, ==, "2026-11-27T06:54:21.007Z a \"b\"\n");
}

static void test_json(void)
{
    g_autofree char *short_one = line(LOG_FORMAT_JSON, &(LogEntry){.message = "m", .revision = ""});
    g_assert_cmpstr(short_one, ==,
                    "{\"time\":\"2026-11-27T06:54:21.007Z\",\"level\":\"info\",\"message\":\"m\"}\n");
    const LogEntry all = {.level = LOG_LEVEL_WARNING,
                          .message = "a\"\\\n\t\x01\x7f\xff ü",
                          .source = "s",
                          .revision = "r",
                          .resource = "JobQueue/q",
                          .provider = "aws",
                          .destination = "d"};
    g_autofree char *long_one = line(LOG_FORMAT_JSON, &all);
    g_assert_cmpstr(long_one, ==,
                    "{\"time\":\"2026-11-27T06:54:21.007Z\",\"level\":\"warning\","
                    "\"message\":\"a\\\"\\\\\\n\\t\\u0001\\u007f\xef\xbf\xbd ü\",\"source\":\"s\","
                    "\"revision\":\"r\",\"resource\":\"JobQueue/q\",\"provider\":\"aws\","
                    "\"destination\":\"d\"}\n");
    g_autofree char *fault = line(LOG_FORMAT_JSON, &(LogEntry){.level = LOG_LEVEL_ERROR, .message = "m"});
    g_assert_nonnull(strstr(fault, "\"level\":\"error\""));
}

static void test_format(void)
{
    LogFormat format = LOG_FORMAT_JSON;
    g_assert_true(log_format_parse(NULL, &format));
    g_assert_cmpint(format, ==, LOG_FORMAT_TEXT);
    g_assert_true(log_format_parse("json", &format));
    g_assert_cmpint(format, ==, LOG_FORMAT_JSON);
    g_assert_true(log_format_parse("text", &format));
    g_assert_cmpint(format, ==, LOG_FORMAT_TEXT);
    g_assert_false(log_format_parse("JSON", &format));
    g_assert_false(log_format_parse("", &format));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log-entry/text", test_text);
    g_test_add_func("/log-entry/json", test_json);
    g_test_add_func("/log-entry/format", test_format);
    return g_test_run();
}

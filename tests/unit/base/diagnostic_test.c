#include "spec/base/diagnostic.h"

static void add(DiagnosticList *list, Severity severity, const char *file, int line, int column,
                const char *message)
{
    Diagnostic diagnostic = {.severity = severity,
                             .file = (char *)(uintptr_t)file,
                             .line = line,
                             .column = column,
                             .message = (char *)(uintptr_t)message};
    diagnostic_list_add(list, &diagnostic);
}

static void test_order_and_duplicates(void)
{
    g_autoptr(DiagnosticList) list = diagnostic_list_new();
    g_autoptr(DiagnosticList) more = diagnostic_list_new();
    add(list, SEVERITY_ERROR, "b.yaml", 1, 1, "third");
    add(list, SEVERITY_ERROR, "a.yaml", 2, 1, "second");
    add(more, SEVERITY_WARNING, "a.yaml", 1, 9, "first");
    add(more, SEVERITY_ERROR, "b.yaml", 1, 1, "third");
    diagnostic_list_merge(list, more);
    g_assert_cmpuint(diagnostic_list_len(more), ==, 0);
    g_assert_cmpuint(diagnostic_list_len(list), ==, 3);
    g_assert_cmpuint(diagnostic_list_count(list, SEVERITY_ERROR), ==, 2);
    g_assert_cmpuint(diagnostic_list_count(list, SEVERITY_WARNING), ==, 1);
    g_assert_cmpstr(diagnostic_list_get(list, 0)->message, ==, "first");
    g_assert_cmpstr(diagnostic_list_get(list, 1)->message, ==, "second");
    g_assert_cmpstr(diagnostic_list_get(list, 2)->message, ==, "third");
}

static void test_at_most(void)
{
    g_autoptr(DiagnosticList) list = diagnostic_list_new();
    for (int i = 0; i < DIAGNOSTICS_MAX + 5; i++)
        add(list, SEVERITY_ERROR, "a.yaml", i + 1, 1, "wrong");
    g_assert_cmpuint(diagnostic_list_len(list), ==, DIAGNOSTICS_MAX);
    g_assert_cmpuint(diagnostic_list_count(list, SEVERITY_ERROR), ==, DIAGNOSTICS_MAX + 5);
    g_assert_cmpuint(diagnostic_list_dropped(list), ==, 5);
}

static void assert_rendered(const Diagnostic *diagnostic, DiagnosticFormat format, const char *wanted)
{
    g_autoptr(DiagnosticList) list = diagnostic_list_new();
    g_autoptr(GString) out = g_string_new(NULL);
    diagnostic_list_add(list, diagnostic);
    diagnostic_list_render(list, format, out);
    g_assert_cmpstr(out->str, ==, wanted);
}

static void test_rendering(void)
{
    char file[] = "q,a.yaml", message[] = "has 100% \"x\"", path[] = "spec.a", detail[] = "did you?",
         source[] = "  priorty: 10";
    Diagnostic d = {.severity = SEVERITY_ERROR,
                    .class = DIAGNOSTIC_INFEASIBLE,
                    .file = file,
                    .line = 7,
                    .column = 3,
                    .width = 7,
                    .path = path,
                    .message = message,
                    .detail = detail,
                    .source = source};
    assert_rendered(&d, DIAGNOSTIC_TEXT,
                    "q,a.yaml:7:3: error: has 100% \"x\"\n   7 |   priorty: 10\n     |   ^~~~~~~ did you?\n"
                    "     = in spec.a\n");
    assert_rendered(&d, DIAGNOSTIC_GITHUB,
                    "::error file=q%2Ca.yaml,line=7,col=3::has 100%25 \"x\"%0Adid you?\n");
    assert_rendered(
        &d, DIAGNOSTIC_JSON,
        "[{\"severity\":\"error\",\"file\":\"q,a.yaml\",\"line\":7,\"column\":3,\"path\":\"spec.a\","
        "\"message\":\"has 100% \\\"x\\\"\",\"detail\":\"did you?\",\"source\":\"  priorty: 10\","
        "\"infeasible\":true}]\n");
    d = (Diagnostic){.severity = SEVERITY_WARNING, .message = message};
    assert_rendered(&d, DIAGNOSTIC_TEXT, "warning: has 100% \"x\"\n");
}

static void test_hostile_text(void)
{
    char file[] = "f", message[] = "m", source[] = "a\x1b[31m\xff gr\xc3\xbc";
    Diagnostic d = {.file = file, .line = 1, .column = 13, .width = 1, .message = message, .source = source};
    g_autoptr(DiagnosticList) list = diagnostic_list_new();
    g_autoptr(GString) out = g_string_new(NULL);
    diagnostic_list_add(list, &d);
    diagnostic_list_render(list, DIAGNOSTIC_TEXT, out);
    g_assert_null(strchr(out->str, '\x1b'));
    g_assert_true(g_utf8_validate(out->str, -1, NULL));
}

static void test_suggestions(void)
{
    static const char *const names[] = {"priority", "state", "computeEnvironmentOrder", "tags", NULL};
    g_assert_cmpstr(suggest_nearest(VIEW("priorty"), names), ==, "priority");
    g_assert_cmpstr(suggest_nearest(VIEW("PRIORITY"), names), ==, "priority");
    g_assert_cmpstr(suggest_nearest(VIEW("tsate"), names), ==, "state");
    g_assert_cmpstr(suggest_nearest(VIEW("computeEnvironmentsOrder"), names), ==, "computeEnvironmentOrder");
    g_assert_null(suggest_nearest(VIEW("banana"), names));
    g_assert_null(suggest_nearest(VIEW(""), names));
    g_assert_null(suggest_nearest(VIEW("x"), names));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/diagnostic/order", test_order_and_duplicates);
    g_test_add_func("/diagnostic/at-most", test_at_most);
    g_test_add_func("/diagnostic/rendering", test_rendering);
    g_test_add_func("/diagnostic/hostile-text", test_hostile_text);
    g_test_add_func("/diagnostic/suggestions", test_suggestions);
    return g_test_run();
}

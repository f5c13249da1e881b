#include "spec/redact.h"
#include "spec/compare.h"
#include <glib.h>

static char *redact(Kind kind, const char *spec, const char *salt, const char *const *names)
{
    Redaction redaction = {.salt = salt, .public_names = names};
    GString *out = g_string_new(NULL);
    redact_spec(kind, view_from(spec), &redaction, out);
    return g_string_free(out, FALSE);
}

/* Every place in which a spec can hold variables or secrets; SECRET must not come out of any. */
static void test_every_place(void)
{
    static const struct {
        Kind kind;
        const char *spec;
    } cases[] = {
        {KIND_JOB_DEFINITION,
         "{\"containerProperties\":{\"environment\":[{\"name\":\"A\",\"value\":\"SECRET\"}]}}"},
        {KIND_JOB_DEFINITION,
         "{\"containerProperties\":{\"secrets\":[{\"name\":\"A\",\"valueFrom\":\"SECRET\"}],"
         "\"logConfiguration\":{\"logDriver\":\"splunk\","
         "\"secretOptions\":[{\"name\":\"A\",\"valueFrom\":\"SECRET\"}]}}}"},
        {KIND_JOB_DEFINITION, "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"container\":{\"environment\":"
                              "[{\"name\":\"A\",\"value\":\"SECRET\"}]}}]}}"},
        {KIND_JOB_DEFINITION,
         "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"ecsProperties\":{\"taskProperties\":[{"
         "\"containers\":[{\"environment\":[{\"name\":\"A\",\"value\":\"SECRET\"}],"
         "\"secrets\":[{\"name\":\"A\",\"valueFrom\":\"SECRET\"}]}]}]}}]}}"},
        {KIND_JOB_DEFINITION, "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{\"name\":\"main\","
                              "\"environment\":[{\"name\":\"A\",\"value\":\"SECRET\"}]}]}]}}"},
        {KIND_JOB, "{\"containerOverrides\":{\"environment\":[{\"name\":\"A\",\"value\":\"SECRET\"}]}}"},
        {KIND_JOB, "{\"nodeOverrides\":{\"nodePropertyOverrides\":[{\"containerOverrides\":{\"environment\":"
                   "[{\"name\":\"A\",\"value\":\"SECRET\"}]}}]}}"},
        {KIND_JOB, "{\"ecsPropertiesOverride\":{\"taskProperties\":[{\"containers\":[{\"environment\":"
                   "[{\"name\":\"A\",\"value\":\"SECRET\"}]}]}]}}"},
        {KIND_PIPELINE, "{\"jobs\":[{\"name\":\"s\",\"containerOverrides\":{\"environment\":"
                        "[{\"name\":\"A\",\"value\":\"SECRET\"}]}}]}"},
    };
    kinds_init();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = redact(cases[i].kind, cases[i].spec, "salt", NULL);
        g_assert_nonnull(strstr(text, "\"A\""));
        g_assert_nonnull(strstr(text, REDACTED_PREFIX));
        if (strstr(text, "SECRET"))
            g_error("case %zu: %s", i, text);
    }
}

static void test_public(void)
{
    static const char spec[] =
        "{\"containerProperties\":{\"environment\":[{\"name\":\"A\",\"value\":\"one\"},"
        "{\"name\":\"B\",\"value\":\"two\"},"
        "{\"name\":\"C\",\"value\":\"sha256:0123456789abcdef\"}]}}";
    kinds_init();
    g_auto(GStrv) names =
        redact_public_names(VIEW("{\"annotations\":{\"muster/public-environment\":\"A , C\"}}"));
    g_autofree char *some = redact(KIND_JOB_DEFINITION, spec, "", (const char *const *)names);
    g_assert_nonnull(strstr(some, "\"one\""));
    g_assert_null(strstr(some, "\"two\""));
    g_assert_null(strstr(some, "0123456789abcdef")); /* nobody makes up a digest */
    g_auto(GStrv) all = redact_public_names(VIEW("{\"annotations\":{\"muster/public-environment\":\"*\"}}"));
    g_autofree char *every = redact(KIND_JOB_DEFINITION, spec, "", (const char *const *)all);
    g_assert_nonnull(strstr(every, "\"two\""));
    g_assert_null(redact_public_names(VIEW("{\"labels\":{\"muster/public-environment\":\"A\"}}")));
    g_autofree char *other = redact(KIND_JOB_DEFINITION, spec, "x", NULL),
                    *plain = redact(KIND_JOB_DEFINITION, spec, "", NULL);
    g_assert_cmpstr(other, !=, plain);
}

/* What was redacted compares as the spec itself does. */
static void test_compare(void)
{
    static const char before[] = "{\"containerProperties\":{\"command\":[\"a\"],\"environment\":[{\"name\":"
                                 "\"A\",\"value\":\"1\"},{\"name\":"
                                 "\"B\",\"value\":\"2\"},{\"name\":\"C\",\"value\":\"3\"}]}}";
    static const char after[] = "{\"containerProperties\":{\"command\":[\"b\"],\"environment\":[{\"name\":"
                                "\"A\",\"value\":\"1\"},{\"name\":"
                                "\"B\",\"value\":\"two\"},{\"name\":\"D\",\"value\":\"4\"}]}}";
    Redaction redaction = {.salt = "s"};
    size_t unchanged = 0;
    kinds_init();
    g_autofree char *redacted = redact(KIND_JOB_DEFINITION, before, "s", NULL);
    g_autoptr(GPtrArray) plain = compare_specs(KIND_JOB_DEFINITION, view_from(before), view_from(after));
    g_autoptr(GPtrArray) changes =
        compare_redacted(KIND_JOB_DEFINITION, view_from(redacted), view_from(after), &redaction, &unchanged);
    g_assert_cmpuint(unchanged, ==,
                     compare_unchanged(KIND_JOB_DEFINITION, view_from(before), view_from(after)));
    g_assert_cmpuint(changes->len, ==, plain->len);
    for (guint i = 0; i < plain->len; i++) {
        FieldChange *one = g_ptr_array_index(plain, i), *other = g_ptr_array_index(changes, i);
        g_autofree char *before_one = NULL, *after_one = NULL, *before_other = NULL, *after_other = NULL;
        g_assert_cmpstr(one->path, ==, other->path);
        field_redact(one, &redaction, &redaction, &before_one, &after_one);
        field_redact(other, &redaction, &redaction, &before_other, &after_other);
        g_assert_cmpstr(before_one, ==, before_other);
        g_assert_cmpstr(after_one, ==, after_other);
        g_assert_null(after_one ? strstr(after_one, "two") : NULL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/redact/every-place", test_every_place);
    g_test_add_func("/spec/redact/public", test_public);
    g_test_add_func("/spec/redact/compare", test_compare);
    return g_test_run();
}

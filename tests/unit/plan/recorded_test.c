/* What is kept of a change's fields: no value of an environment variable, no place of a secret. */
#include "reconciler/plan/recorded.h"
#include "reconciler/plan/change.h"

static FieldChange field_of(const char *path, const char *before, const char *after)
{
    return (FieldChange){.path = (char *)(uintptr_t)path,
                         .before = (char *)(uintptr_t)before,
                         .after = (char *)(uintptr_t)after};
}

static char *recorded(const char *path, const char *before, const char *after, const char *metadata)
{
    FieldChange field = field_of(path, before, after);
    g_autoptr(GPtrArray) fields = g_ptr_array_new();
    GString *out = g_string_new(NULL);
    g_ptr_array_add(fields, &field);
    recorded_fields(fields, view_from(metadata), out);
    return g_string_free(out, FALSE);
}

/* "muster/value\n\nsecret": sha256sum of it, first 16 digits. */
#define SECRET "sha256:4acb33a5ff277a79"

static void test_plain(void)
{
    g_autofree char *changed = recorded("spec.priority", "1", "10", "{}");
    g_assert_cmpstr(changed, ==, "[{\"path\":\"spec.priority\",\"before\":1,\"after\":10}]");
    g_autofree char *gone = recorded("metadata.labels.a\"b", "\"x\"", NULL, "{}");
    g_assert_cmpstr(gone, ==, "[{\"path\":\"metadata.labels.a\\\"b\",\"before\":\"x\"}]");
}

static void test_private(void)
{
    static const struct {
        const char *path, *value;
    } places[] = {
        {"spec.containerProperties.environment[TOKEN].value", "\"secret\""},
        {"spec.containerProperties.environment[a.b].value].value", "\"secret\""},
        {"spec.containerProperties.environment[TOKEN]", "{\"name\":\"TOKEN\",\"value\":\"secret\"}"},
        {"spec.containerProperties.environment[3]", "{\"value\":\"secret\"}"},
        {"spec.containerProperties.environment", "[{\"name\":\"TOKEN\",\"value\":\"secret\"}]"},
        {"spec.containerProperties", "{\"environment\":[{\"name\":\"TOKEN\",\"value\":\"secret\"}]}"},
        {"spec.jobs[a]",
         "{\"containerOverrides\":{\"environment\":[{\"name\":\"T\",\"value\":\"secret\"}]}}"},
        {"spec.containerProperties.secrets[TOKEN].valueFrom", "\"secret\""},
        {"spec.containerProperties.secrets[TOKEN]", "{\"name\":\"TOKEN\",\"valueFrom\":\"secret\"}"},
        {"spec.containerProperties.logConfiguration",
         "{\"secretOptions\":[{\"name\":\"x\",\"valueFrom\":\"secret\"}]}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *text = recorded(places[i].path, NULL, places[i].value, "{}");
        g_test_message("%s", text);
        g_assert_null(strstr(text, "\"secret\""));
        g_assert_nonnull(strstr(text, SECRET));
    }
}

static void test_equal_values_have_equal_digests(void)
{
    g_autofree char *changed =
        recorded("spec.containerProperties.environment[T].value", "\"secret\"", "\"other\"", "{}");
    g_autofree char *same =
        recorded("spec.containerProperties.environment[U].value", "\"secret\"", "\"secret\"", "{}");
    g_assert_nonnull(strstr(changed, "\"before\":\"" SECRET "\",\"after\":\"sha256:"));
    g_assert_null(strstr(changed, "\"after\":\"" SECRET));
    g_assert_nonnull(strstr(same, "\"before\":\"" SECRET "\",\"after\":\"" SECRET "\""));
}

static void test_not_private(void)
{
    static const struct {
        const char *path, *value;
    } places[] = {
        {"spec.containerProperties.environment[TOKEN].name", "\"secret\""},
        {"spec.computeEnvironmentOrder[here]", "{\"computeEnvironment\":\"secret\"}"},
        {"spec.containerProperties.command", "[\"secret\"]"},
        {"metadata.labels.environment", "\"secret\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *text = recorded(places[i].path, NULL, places[i].value, "{}");
        g_assert_nonnull(strstr(text, "\"secret\""));
    }
}

static void test_public(void)
{
    static const char one[] = "{\"annotations\":{\"muster/public-environment\":\"A, TOKEN\"}}",
                      all[] = "{\"annotations\":{\"muster/public-environment\":\"*\"}}";
    static const char path[] = "spec.containerProperties.environment[TOKEN].value",
                      other[] = "spec.containerProperties.environment[OTHER].value",
                      list[] = "spec.containerProperties.environment";
    g_autofree char *named = recorded(path, NULL, "\"secret\"", one);
    g_autofree char *unnamed = recorded(other, NULL, "\"secret\"", one);
    g_autofree char *any = recorded(other, NULL, "\"secret\"", all);
    g_autofree char *listed = recorded(list, NULL, "[{\"name\":\"TOKEN\",\"value\":\"secret\"}]", one);
    g_assert_nonnull(strstr(named, "\"secret\""));
    g_assert_null(strstr(unnamed, "\"secret\""));
    g_assert_nonnull(strstr(any, "\"secret\""));
    g_assert_nonnull(strstr(listed, "\"secret\""));
}

static void test_bounds(void)
{
    g_autofree char *long_text = g_strnfill(RECORDED_VALUE_MAX, 'x'),
                    *json = g_strdup_printf("\"%s\"", long_text);
    g_autofree char *text = recorded("spec.a", NULL, json, "{}");
    g_assert_nonnull(strstr(text, "\"after\":\"(4098 bytes, sha256:"));
    FieldChange field = field_of("spec.b", NULL, "1");
    g_autoptr(GPtrArray) fields = g_ptr_array_new();
    g_autoptr(GString) out = g_string_new(NULL);
    for (int i = 0; i < RECORDED_FIELDS_MAX + 7; i++)
        g_ptr_array_add(fields, &field);
    recorded_fields(fields, VIEW("{}"), out);
    g_assert_true(g_str_has_suffix(out->str, ",{\"path\":\"spec\",\"omitted\":7}]"));
    g_autofree char *half = g_strnfill(RECORDED_VALUE_MAX / 2, 'x'), *large = g_strdup_printf("\"%s\"", half);
    field = field_of("spec.c", large, large);
    g_string_truncate(out, 0);
    recorded_fields(fields, VIEW("{}"), out);
    g_assert_cmpuint(out->len, <, RECORDED_BYTES_MAX + 2 * RECORDED_VALUE_MAX);
    g_assert_true(g_str_has_suffix(out->str, "}]"));
    g_assert_nonnull(strstr(out->str, ",{\"path\":\"spec\",\"omitted\":491}]"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recorded/plain", test_plain);
    g_test_add_func("/recorded/private", test_private);
    g_test_add_func("/recorded/equal-values-have-equal-digests", test_equal_values_have_equal_digests);
    g_test_add_func("/recorded/not-private", test_not_private);
    g_test_add_func("/recorded/public", test_public);
    g_test_add_func("/recorded/bounds", test_bounds);
    return g_test_run();
}

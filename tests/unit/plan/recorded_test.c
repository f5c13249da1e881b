/* What is kept of a change's fields: no value of an environment variable, no place of a secret. The fields
 * are those of specs, compared as a plan does it. */
#include "reconciler/plan/recorded.h"
#include "reconciler/plan/change.h"

/* "muster/value\n\nsecret": sha256sum of it, first 16 digits. */
#define SECRET "sha256:4acb33a5ff277a79"

#define VARIABLE(name, value)    "{\"name\":\"" name "\",\"value\":\"" value "\"}"
#define PLACE(name)              "{\"name\":\"" name "\",\"valueFrom\":\"secret\"}"
#define CONTAINER(members)       "{\"containerProperties\":{" members "}}"
#define ENVIRONMENT(variables)   "\"environment\":[" variables "]"
#define WITH_VARIABLES(items)    CONTAINER(ENVIRONMENT(items))
#define WITH_TOKEN(value)        WITH_VARIABLES(VARIABLE("TOKEN", value))
#define PUBLIC_ENVIRONMENT(text) "{\"annotations\":{\"muster/public-environment\":\"" text "\"}}"

typedef struct {
    const char *spec, *metadata; /* spec "": there was none */
} Side;

static char *recorded(Kind kind, Side before, Side after)
{
    size_t unchanged = 0;
    GString *out = g_string_new(NULL);
    g_autoptr(GPtrArray) fields = fields_new();
    metadata_compare(view_from(before.metadata), view_from(after.metadata), fields, &unchanged);
    g_autoptr(GPtrArray) specs = compare_specs(kind, view_from(before.spec), view_from(after.spec));
    for (guint i = 0; i < specs->len; i++)
        g_ptr_array_add(fields, field_change_copy(g_ptr_array_index(specs, i)));
    recorded_fields(fields, view_from(after.metadata), out);
    g_test_message("%s", out->str);
    return g_string_free(out, FALSE);
}

static char *recorded_specs(Kind kind, const char *before, const char *after)
{
    return recorded(kind, (Side){before, "{}"}, (Side){after, "{}"});
}

static void test_plain(void)
{
    g_autofree char *changed = recorded_specs(KIND_JOB_QUEUE, "{\"priority\":1}", "{\"priority\":10}");
    g_assert_cmpstr(changed, ==, "[{\"path\":\"spec.priority\",\"before\":1,\"after\":10}]");
    g_autofree char *gone =
        recorded(KIND_JOB_QUEUE, (Side){"{}", "{\"labels\":{\"a\\\"b\":\"x\"}}"}, (Side){"{}", "{}"});
    g_assert_cmpstr(gone, ==, "[{\"path\":\"metadata.labels.a\\\"b\",\"before\":\"x\"}]");
}

static const struct {
    Kind kind;
    const char *before, *after;
} private_places[] = {
    /* The value alone, the whole variable, and all that it stands in. */
    {KIND_JOB_DEFINITION, WITH_TOKEN("x"), WITH_TOKEN("secret")},
    {KIND_JOB_DEFINITION, WITH_VARIABLES(VARIABLE("a.b].value", "x")),
     WITH_VARIABLES(VARIABLE("a.b].value", "secret"))},
    {KIND_JOB_DEFINITION, WITH_VARIABLES(VARIABLE("A", "x")),
     WITH_VARIABLES(VARIABLE("A", "x") "," VARIABLE("TOKEN", "secret"))},
    {KIND_JOB_DEFINITION, WITH_VARIABLES(VARIABLE("A", "x") "," VARIABLE("A", "x")),
     WITH_VARIABLES(VARIABLE("A", "secret") "," VARIABLE("A", "x"))},
    {KIND_JOB_DEFINITION, WITH_VARIABLES("{\"value\":\"x\"}"), WITH_VARIABLES("{\"value\":\"secret\"}")},
    {KIND_JOB_DEFINITION, CONTAINER("\"environment\":null"), WITH_TOKEN("secret")},
    {KIND_JOB_DEFINITION, "{\"containerProperties\":null}", WITH_TOKEN("secret")},
    {KIND_JOB_DEFINITION, "", WITH_TOKEN("secret")},
    /* Places of secrets. */
    {KIND_JOB_DEFINITION, CONTAINER("\"secrets\":[{\"name\":\"TOKEN\",\"valueFrom\":\"x\"}]"),
     CONTAINER("\"secrets\":[" PLACE("TOKEN") "]")},
    {KIND_JOB_DEFINITION, "", CONTAINER("\"secrets\":[" PLACE("TOKEN") "]")},
    {KIND_JOB_DEFINITION, CONTAINER("\"logConfiguration\":null"),
     CONTAINER("\"logConfiguration\":{\"logDriver\":\"splunk\",\"secretOptions\":[" PLACE("x") "]}")},
    /* Other kinds of definitions. */
    {KIND_JOB_DEFINITION, "",
     "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"targetNodes\":\"0:\",\"container\":{" ENVIRONMENT(
         VARIABLE("T", "secret")) "}}]}}"},
    {KIND_JOB_DEFINITION,
     "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"targetNodes\":\"0:\",\"container\":{" ENVIRONMENT(
         VARIABLE("T", "x")) "}}]}}",
     "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"targetNodes\":\"0:\",\"container\":{" ENVIRONMENT(
         VARIABLE("T", "secret")) "}}]}}"},
    {KIND_JOB_DEFINITION, "",
     "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{\"name\":\"main\"," ENVIRONMENT(
         VARIABLE("T", "secret")) "}]}]}}"},
    {KIND_JOB_DEFINITION, "",
     "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{\"name\":\"main\","
     "\"secrets\":[" PLACE("T") "]}]}]}}"},
    /* What jobs and the steps of pipelines override. */
    {KIND_JOB, "", "{\"containerOverrides\":{" ENVIRONMENT(VARIABLE("T", "secret")) "}}"},
    {KIND_JOB, "",
     "{\"nodeOverrides\":{\"nodePropertyOverrides\":[{\"targetNodes\":\"0:\",\"containerOverrides\":"
     "{" ENVIRONMENT(VARIABLE("T", "secret")) "}}]}}"},
    {KIND_JOB, "",
     "{\"ecsPropertiesOverride\":{\"taskProperties\":[{\"containers\":[{\"name\":\"main\"," ENVIRONMENT(
         VARIABLE("T", "secret")) "}]}]}}"},
    {KIND_PIPELINE, "{\"jobs\":[]}",
     "{\"jobs\":[{\"name\":\"a\",\"containerOverrides\":{" ENVIRONMENT(VARIABLE("T", "secret")) "}}]}"},
    {KIND_PIPELINE,
     "{\"jobs\":[{\"name\":\"a\",\"containerOverrides\":{" ENVIRONMENT(VARIABLE("T", "x")) "}}]}",
     "{\"jobs\":[{\"name\":\"a\",\"containerOverrides\":{" ENVIRONMENT(VARIABLE("T", "secret")) "}}]}"},
};

static void test_private(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(private_places); i++) {
        Kind kind = private_places[i].kind;
        const char *before = private_places[i].before, *after = private_places[i].after;
        g_autofree char *comes = recorded_specs(kind, before, after);
        g_autofree char *goes = recorded_specs(kind, after, before);
        const char *const texts[] = {comes, goes};
        for (size_t way = 0; way < G_N_ELEMENTS(texts); way++)
            if (strstr(texts[way], "\"secret\"") || !strstr(texts[way], SECRET))
                g_error("place %zu: %s", i, texts[way]);
    }
}

static void test_equal_values_have_equal_digests(void)
{
    g_autofree char *changed = recorded_specs(KIND_JOB_DEFINITION, WITH_TOKEN("secret"), WITH_TOKEN("other"));
    g_assert_nonnull(strstr(changed, "\"before\":\"" SECRET "\",\"after\":\"sha256:"));
    g_assert_null(strstr(changed, "\"after\":\"" SECRET));
    g_autofree char *renamed =
        recorded_specs(KIND_JOB_DEFINITION, WITH_TOKEN("secret"), WITH_VARIABLES(VARIABLE("U", "secret")));
    g_assert_cmpstr(renamed, ==,
                    "[{\"path\":\"spec.containerProperties.environment[TOKEN]\",\"before\":" VARIABLE(
                        "TOKEN", SECRET) "},{\"path\":\"spec.containerProperties.environment[U]\","
                                         "\"after\":" VARIABLE("U", SECRET) "}]");
    /* Nobody makes up a digest. */
    g_autofree char *made_up = recorded_specs(KIND_JOB_DEFINITION, "", WITH_TOKEN(SECRET));
    g_assert_null(strstr(made_up, SECRET));
    g_assert_nonnull(strstr(made_up, "sha256:"));
}

static void test_not_private(void)
{
    static const struct {
        Kind kind;
        Side after;
    } places[] = {
        {KIND_JOB_DEFINITION, {WITH_VARIABLES(VARIABLE("secret", "x")), "{}"}},
        {KIND_JOB_DEFINITION, {CONTAINER("\"command\":[\"secret\"]"), "{}"}},
        {KIND_JOB_QUEUE, {"{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"secret\"}]}", "{}"}},
        {KIND_JOB_QUEUE, {"{}", "{\"labels\":{\"environment\":\"secret\"}}"}},
        /* The name decides nothing: these are tags. */
        {KIND_JOB_QUEUE, {"{\"tags\":{\"environment\":\"secret\",\"secrets\":\"x\"}}", "{}"}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *text = recorded(places[i].kind, (Side){"", "{}"}, places[i].after);
        if (!strstr(text, "\"secret\""))
            g_error("place %zu: %s", i, text);
    }
}

static void test_public(void)
{
    static const char one[] = PUBLIC_ENVIRONMENT("A, TOKEN"), all[] = PUBLIC_ENVIRONMENT("*");
    static const char token[] = WITH_TOKEN("secret"), other[] = WITH_VARIABLES(VARIABLE("OTHER", "secret"));
    Side nothing = {"", "{}"};
    g_autofree char *named = recorded(KIND_JOB_DEFINITION, nothing, (Side){token, one});
    g_autofree char *unnamed = recorded(KIND_JOB_DEFINITION, nothing, (Side){other, one});
    g_autofree char *any = recorded(KIND_JOB_DEFINITION, nothing, (Side){other, all});
    g_autofree char *whole =
        recorded(KIND_JOB_DEFINITION, (Side){"{\"containerProperties\":null}", "{}"}, (Side){token, one});
    g_assert_nonnull(strstr(named, "\"secret\""));
    g_assert_null(strstr(unnamed, "\"secret\""));
    g_assert_nonnull(strstr(any, "\"secret\""));
    g_assert_nonnull(strstr(whole, "\"secret\""));
}

/* A change that marks a variable public does not show the value that was there. */
static void test_public_before(void)
{
    static const char named[] = PUBLIC_ENVIRONMENT("TOKEN"), unnamed[] = PUBLIC_ENVIRONMENT("A");
    Side was[] = {{WITH_TOKEN("secret"), "{}"},
                  {WITH_TOKEN("secret"), unnamed},
                  {WITH_TOKEN("secret"), named},
                  {WITH_TOKEN("secret"), named}};
    Side is[] = {{WITH_TOKEN("other"), named},
                 {WITH_TOKEN("other"), named},
                 {WITH_TOKEN("other"), named},
                 {WITH_TOKEN("other"), "{}"}};
    static const bool before_shown[] = {false, false, true, true}, after_shown[] = {true, true, true, false};
    for (size_t i = 0; i < G_N_ELEMENTS(is); i++) {
        g_autofree char *text = recorded(KIND_JOB_DEFINITION, was[i], is[i]);
        g_assert_cmpint(strstr(text, "\"before\":\"secret\"") != NULL, ==, before_shown[i]);
        g_assert_cmpint(strstr(text, "\"before\":\"" SECRET "\"") == NULL, ==, before_shown[i]);
        g_assert_cmpint(strstr(text, "\"after\":\"other\"") != NULL, ==, after_shown[i]);
    }
}

/* New: a definition with so many of parameters, each of so many bytes. */
static char *with_parameters(size_t count, size_t bytes, char filling)
{
    GString *spec = g_string_new("{\"parameters\":{");
    g_autofree char *value = g_strnfill(bytes, filling);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(spec, "%s\"k%03zu\":\"%s\"", i ? "," : "", i, value);
    g_string_append(spec, "}}");
    return g_string_free(spec, FALSE);
}

static void test_bounds(void)
{
    g_autofree char *long_one = with_parameters(1, RECORDED_VALUE_MAX, 'x'),
                    *many = with_parameters(RECORDED_FIELDS_MAX + 7, 1, 'x'),
                    *large = with_parameters(RECORDED_FIELDS_MAX + 7, RECORDED_VALUE_MAX / 2, 'x'),
                    *larger = with_parameters(RECORDED_FIELDS_MAX + 7, RECORDED_VALUE_MAX / 2, 'y');
    g_autofree char *by_digest = recorded_specs(KIND_JOB_DEFINITION, "", long_one);
    g_assert_nonnull(strstr(by_digest, "\"after\":\"(4098 bytes, sha256:"));
    g_autofree char *counted = recorded_specs(KIND_JOB_DEFINITION, "", many);
    g_assert_true(g_str_has_suffix(counted, ",{\"path\":\"spec\",\"omitted\":7}]"));
    g_autofree char *bounded = recorded_specs(KIND_JOB_DEFINITION, large, larger);
    g_assert_cmpuint(strlen(bounded), <, RECORDED_BYTES_MAX + 2 * RECORDED_VALUE_MAX);
    g_assert_true(g_str_has_suffix(bounded, ",{\"path\":\"spec\",\"omitted\":491}]"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/recorded/plain", test_plain);
    g_test_add_func("/recorded/private", test_private);
    g_test_add_func("/recorded/equal-values-have-equal-digests", test_equal_values_have_equal_digests);
    g_test_add_func("/recorded/not-private", test_not_private);
    g_test_add_func("/recorded/public", test_public);
    g_test_add_func("/recorded/public-before", test_public_before);
    g_test_add_func("/recorded/bounds", test_bounds);
    return g_test_run();
}

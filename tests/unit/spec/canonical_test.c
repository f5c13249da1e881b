#include "spec/canonical.h"
#include "spec/compare.h"

static bool keep_root(const Document *document, void *data)
{
    *(const Node **)data = document->root;
    return true;
}

static Schema *compile(const char *text)
{
    GError *error = NULL;
    Schema *schema = schema_compile("test.json", view_from(text), NULL, 0, &error);
    g_assert_no_error(error);
    return schema;
}

static char *canonical(const Schema *schema, const char *text)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    const Node *root = NULL;
    g_assert_true(document_parse(view_from(text), NULL, 1, arena, NULL, keep_root, &root, diagnostics));
    GString *out = g_string_new(NULL);
    canonical_append(schema_root(schema), root, out);
    return g_string_free(out, FALSE);
}

static void assert_canonical(const char *schema_text, const char *text, const char *wanted)
{
    g_autoptr(Schema) schema = compile(schema_text);
    g_autofree char *form = canonical(schema, text);
    g_assert_cmpstr(form, ==, wanted);
}

static void test_form(void)
{
    assert_canonical("{}", "b: 1\na: [x, 'y']\nC: {z: true, y: null, x: []}\n",
                     "{\"C\":{\"z\":true},\"a\":[\"x\",\"y\"],\"b\":1}");
    assert_canonical("{}", "{\"a\\\"\": \"l\\n\\u0001\\\\/é\\t\"}", "{\"a\\\"\":\"l\\n\\u0001\\\\/é\\t\"}");
    assert_canonical("{}", "[1.0, 1.5, -0x10, 1e3, 0.1, 0o17, 12345678901234567890]",
                     "[1,1.5,\"-0x10\",1000,0.1,15,1.2345678901234567e+19]");
    assert_canonical("{}", "{}", "{}");
}

static void test_defaults(void)
{
    const char *schema =
        "{\"properties\": {\"n\": {\"default\": 1}, \"s\": {\"type\": \"string\", \"default\": \"x\"},"
        "\"o\": {\"properties\": {\"a\": {\"default\": true}}, \"default\": {}},"
        "\"l\": {\"default\": [\"p\"]}, \"d\": {\"$ref\": \"#/$defs/D\"}},"
        "\"$defs\": {\"D\": {\"type\": \"number\", \"x-muster-decimal\": true, \"default\": 0.5}}}";
    assert_canonical(schema, "{n: 1, s: \"x\", o: {a: true}, l: [p], d: 0.50}", "{}");
    assert_canonical(schema, "{n: 2, s: y, o: {a: false}, l: [p, q], d: 0.25}",
                     "{\"d\":2500,\"l\":[\"p\",\"q\"],\"n\":2,\"o\":{\"a\":false},\"s\":\"y\"}");
}

static void test_annotated(void)
{
    assert_canonical(
        "{\"properties\": {\"a\": {\"x-muster-digest\": \"exclude\"}, \"b\": {\"x-muster-owner\": "
        "\"scheduler\"}}}",
        "{a: 1, b: 2, c: 3}", "{\"c\":3}");
    assert_canonical("{\"properties\": {\"e\": {\"x-muster-list-key\": \"name\"}}}",
                     "e: [{name: b, v: 1}, {name: a, v: 2}, {v: 3}]\n",
                     "{\"e\":[{\"v\":3},{\"name\":\"a\",\"v\":2},{\"name\":\"b\",\"v\":1}]}");
    assert_canonical("{\"enum\": [\"ENABLED\"], \"x-muster-enum-ignore-case\": true}", "enabled",
                     "\"ENABLED\"");
    const char *either = "{\"items\": {\"type\": [\"string\", \"number\"]}}";
    assert_canonical(either, "[2, \"2\", \"02\", 0.25, \"0.25\", x, \"000\", 0x10]",
                     "[\"2\",\"2\",\"2\",\"0.25\",\"0.25\",\"x\",\"0\",\"16\"]");
    assert_canonical("{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"integer\"}]}", "2", "\"2\"");
    assert_canonical(
        "{\"oneOf\": [{\"type\": \"object\", \"properties\": {\"t\": {\"const\": 1}}}, {\"type\": \"object\","
        "\"properties\": {\"t\": {\"const\": 2}, \"d\": {\"default\": 5}}}]}",
        "{t: 2, d: 5}", "{\"t\":2}");
}

static void test_digest(void)
{
    Digest digest, again;
    char hex[2 * DIGEST_BYTES + 1];
    digest_of(VIEW("abc"), &digest);
    digest_to_hex(&digest, hex);
    g_assert_cmpstr(hex, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    g_assert_true(digest_from_hex(view_from(hex), &again));
    g_assert_true(digest_equal(&digest, &again));
    hex[3] = 'g';
    g_assert_false(digest_from_hex(view_from(hex), &again));
    g_assert_false(digest_from_hex(VIEW("ab"), &again));
    canonical_digest(KIND_JOB_QUEUE, VIEW("high"), VIEW("{}"), &digest);
    digest_of(VIEW("muster/1\nJobQueue\nhigh\n{}"), &again);
    g_assert_true(digest_equal(&digest, &again));
}

/* What a manifest does not say means the same under a schema that gained a default for it. */
static void test_new_default_changes_nothing(void)
{
    g_autoptr(Schema) before = compile("{\"properties\": {\"a\": {}, \"o\": {\"properties\": {\"x\": {}}}}}");
    g_autoptr(Schema) after =
        compile("{\"properties\": {\"a\": {}, \"b\": {\"default\": 7}, \"o\": {\"properties\": "
                "{\"x\": {}, \"y\": {\"default\": [1]}}}}}");
    const char *text = "{a: 1, o: {x: 2}}";
    g_autofree char *old = canonical(before, text);
    g_autofree char *fresh = canonical(after, text);
    g_autofree char *spelled = canonical(after, "{a: 1, b: 7, o: {x: 2, y: [1]}}");
    g_assert_cmpstr(old, ==, fresh);
    g_assert_cmpstr(fresh, ==, spelled);
}

/* ---- compare
 * --------------------------------------------------------------------------------------------------- */

static int by_path(gconstpointer a, gconstpointer b)
{
    return strcmp((*(FieldChange *const *)a)->path, (*(FieldChange *const *)b)->path);
}

static void free_change(void *change)
{
    field_change_free(change);
}

/* wanted: lines "path: before -> after (effect)". */
static void assert_compare(const Schema *schema, const char *before, const char *after, const char *wanted,
                           size_t unchanged_wanted)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(free_change);
    size_t unchanged;
    compare_under(schema_root(schema), view_from(before), view_from(after), changes, &unchanged);
    g_ptr_array_sort(changes, by_path);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < changes->len; i++) {
        const FieldChange *change = g_ptr_array_index(changes, i);
        g_string_append_printf(text, "%s: %s -> %s (%s)\n", change->path,
                               change->before ? change->before : "none",
                               change->after ? change->after : "none", update_effect_name(change->effect));
    }
    g_assert_cmpstr(text->str, ==, wanted);
    g_assert_cmpuint(unchanged, ==, unchanged_wanted);
}

static void test_compare(void)
{
    g_autoptr(Schema) schema =
        compile("{\"x-muster-update\": \"rolling\", \"properties\": {"
                "\"a\": {\"x-muster-update\": \"replace\", \"properties\": {\"x\": {}, \"y\": "
                "{\"x-muster-update\": \"in-place\"}}},"
                "\"s\": {\"x-muster-sensitive\": true}, \"v\": {\"x-muster-decimal\": true},"
                "\"e\": {\"x-muster-list-key\": \"name\", \"items\": {\"properties\": {\"value\": "
                "{\"x-muster-sensitive\": true}}}}}}");
    assert_compare(schema, "{\"a\":{\"x\":1,\"y\":2},\"n\":[1,2],\"v\":2500}",
                   "{\"a\":{\"x\":2,\"y\":3},\"n\":[1],\"v\":20000}",
                   "spec.a.x: 1 -> 2 (replace)\nspec.a.y: 2 -> 3 (in-place)\nspec.n: [1,2] -> [1] (rolling)\n"
                   "spec.v: 0.25 -> 2 (rolling)\n",
                   0);
    assert_compare(schema, "{\"s\":{\"k\":1},\"q\":1}", "{\"s\":{\"k\":2},\"q\":1}",
                   "spec.s: \"(sensitive)\" -> \"(sensitive)\" (rolling)\n", 1);
    assert_compare(schema, "{\"e\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]}",
                   "{\"e\":[{\"name\":\"B\",\"value\":\"3\"},{\"name\":\"C\",\"value\":\"4\"}]}",
                   "spec.e[A]: {\"name\":\"A\",\"value\":\"(sensitive)\"} -> none (rolling)\n"
                   "spec.e[B].value: \"(sensitive)\" -> \"(sensitive)\" (rolling)\n"
                   "spec.e[C]: none -> {\"name\":\"C\",\"value\":\"(sensitive)\"} (rolling)\n",
                   1);
    assert_compare(schema, "", "{\"a\":{\"x\":1},\"n\":[1]}",
                   "spec.a.x: none -> 1 (replace)\nspec.n: none -> [1] (rolling)\n", 0);
    assert_compare(schema, "{\"a\":{\"x\":1}}", "", "spec.a.x: 1 -> none (replace)\n", 0);
    assert_compare(schema, "{\"l\":[{\"p\":1},{\"p\":2}]}", "{\"l\":[{\"p\":1},{\"p\":3},{\"p\":4}]}",
                   "spec.l[1].p: 2 -> 3 (rolling)\nspec.l[2]: none -> {\"p\":4} (rolling)\n", 1);
    assert_compare(schema, "{\"n\":1}", "{\"n\":{\"k\":1}}", "spec.n: 1 -> {\"k\":1} (rolling)\n", 0);
    assert_compare(schema, "{}", "{}", "", 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canonical/form", test_form);
    g_test_add_func("/canonical/defaults", test_defaults);
    g_test_add_func("/canonical/annotated", test_annotated);
    g_test_add_func("/canonical/digest", test_digest);
    g_test_add_func("/canonical/new-default", test_new_default_changes_nothing);
    g_test_add_func("/compare/fields", test_compare);
    return g_test_run();
}

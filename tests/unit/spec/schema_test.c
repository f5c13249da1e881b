#include "spec/schema.h"

static bool keep_root(const Document *document, void *data)
{
    *(const Node **)data = document->root;
    return true;
}

static const Node *node_of(Arena *arena, const char *text)
{
    const Node *root = NULL;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_assert_true(document_parse(view_from(text), NULL, 1, arena, NULL, keep_root, &root, diagnostics));
    g_assert_nonnull(root);
    return root;
}

static Schema *compile(const char *text)
{
    GError *error = NULL;
    Schema *schema = schema_compile("test.json", view_from(text), NULL, 0, &error);
    g_assert_no_error(error);
    return schema;
}

static void check_under(const Schema *schema, const char *schema_text, const char *text, const char *provider,
                        bool wanted)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    SchemaContext context = {
        .file = "f.yaml", .text = view_from(text), .first_line = 1, .provider = provider};
    bool valid = schema_validate(schema_root(schema), node_of(arena, text), "", &context, diagnostics);
    if (valid != wanted) {
        g_test_message("%s\n  %s: %s", schema_text, text, valid ? "was accepted" : "was refused");
        g_test_fail();
    }
    g_assert_cmpint(valid, ==, diagnostic_list_count(diagnostics, SEVERITY_ERROR) == 0);
}

typedef struct {
    const char *schema;
    const char *valid[10];
    const char *invalid[10];
} Case;

/* In the spirit of JSON-Schema-Test-Suite, draft 2020-12. Instances are YAML, mostly JSON. */
static const Case cases[] = {
    {"true", {"1", "[]", "{a: 1}"}, {0}},
    {"false", {0}, {"1", "~", "{a: 1}"}},
    {"{}", {"1", "null", "x"}, {0}},
    {"{\"type\": \"integer\"}",
     {"1", "-1", "1.0", "1e2"},
     {"1.1", "x", "'1'", "{}", "[]", "true", "null", ".inf"}},
    {"{\"type\": \"number\"}", {"1", "1.1", "98765432109876543210"}, {"x", "'1.1'", "true", ".nan", ".inf"}},
    {"{\"type\": \"string\"}", {"x", "'1'", "''"}, {"1", "1.1", "true", "null", "[]", "{}"}},
    {"{\"type\": \"object\"}", {"{}", "a: 1"}, {"[]", "x", "null"}},
    {"{\"type\": \"array\"}", {"[]", "- 1"}, {"{}", "x"}},
    {"{\"type\": \"boolean\"}", {"true", "false"}, {"0", "yes", "'true'", "null"}},
    {"{\"type\": \"null\"}", {"null", "~"}, {"0", "false", "''", "[]"}},
    {"{\"type\": [\"integer\", \"string\"]}", {"1", "x"}, {"1.5", "true", "{}"}},
    {"{\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"string\"}}}",
     {"{a: 1, b: x}", "{}", "[]", "3", "{c: []}"},
     {"{a: x}", "{a: 1, b: 2}"}},
    {"{\"properties\": {\"a\": true, \"b\": false}}", {"{a: 1}", "{}"}, {"{b: 1}", "{a: 1, b: 2}"}},
    {"{\"required\": [\"a\"], \"properties\": {\"a\": {}, \"b\": {}}}",
     {"{a: 1}", "{a: null}", "[]"},
     {"{b: 1}", "{}"}},
    {"{\"required\": [\"a\", \"q\"]}", {"{a: 1, q: 2}"}, {"{a: 1}", "{q: 1}"}},
    {"{\"properties\": {\"a\": {}}, \"patternProperties\": {\"^v\": {}}, \"additionalProperties\": false}",
     {"{a: 1}", "{va: 1, v: 2}", "[]"},
     {"{b: 1}", "{a: 1, b: 2}"}},
    {"{\"properties\": {\"a\": {}}, \"additionalProperties\": {\"type\": \"boolean\"}}",
     {"{a: x, b: true}"},
     {"{a: x, b: 1}"}},
    {"{\"patternProperties\": {\"a*\": {\"type\": \"integer\"}, \"aaa*\": {\"maximum\": 20}}}",
     {"{a: 21}", "{aaaa: 18}"},
     {"{a: x}", "{aaaa: 31}", "{aaa: x}"}},
    {"{\"propertyNames\": {\"maxLength\": 3}}", {"{f: 1, foo: 2}", "{}", "[]"}, {"{foobar: 1}"}},
    {"{\"propertyNames\": {\"enum\": [\"a\"]}}", {"{a: 1}"}, {"{b: 1}"}},
    {"{\"propertyNames\": false}", {"{}"}, {"{a: 1}"}},
    {"{\"minProperties\": 1, \"maxProperties\": 2}",
     {"{a: 1}", "{a: 1, b: 2}", "[]", "''"},
     {"{}", "{a: 1, b: 2, c: 3}"}},
    {"{\"items\": {\"type\": \"integer\"}}", {"[1, 2]", "[]", "{a: x}"}, {"[1, x]"}},
    {"{\"items\": false}", {"[]"}, {"[1]"}},
    {"{\"prefixItems\": [{\"type\": \"integer\"}, {\"type\": \"string\"}]}",
     {"[1, x]", "[1]", "[]", "[1, x, true]"},
     {"[x]", "[1, 2]"}},
    {"{\"prefixItems\": [{}], \"items\": {\"type\": \"integer\"}}", {"[x, 2]", "[x]"}, {"[x, y]"}},
    {"{\"contains\": {\"minimum\": 5}}", {"[3, 4, 5]", "[5, 5]", "{}"}, {"[2, 3]", "[]"}},
    {"{\"contains\": {\"const\": 1}, \"minContains\": 2, \"maxContains\": 3}",
     {"[1, 1]", "[1, 2, 1, 1]"},
     {"[1]", "[]", "[1, 1, 1, 1]"}},
    {"{\"contains\": {\"const\": 1}, \"minContains\": 0}", {"[]", "[2]"}, {0}},
    {"{\"minItems\": 1, \"maxItems\": 2}", {"[1]", "[1, 2]", "''"}, {"[]", "[1, 2, 3]"}},
    {"{\"uniqueItems\": true}",
     {"[1, 2]", "[[1], [2]]", "[{a: 1}, {a: 2}]", "[1, true]", "[0, false]", "['1', 1]",
      "[{a: 1, b: 2}, {a: 1}]"},
     {"[1, 1]", "[1.0, 1]", "[x, y, x]", "[{a: 1, b: 2}, {b: 2, a: 1}]", "[[1, 2], [1, 2]]", "[null, ~]"}},
    {"{\"minLength\": 2, \"maxLength\": 3}",
     {"fo", "foo", "'12'", "1", "üé", "\"\\U0001F4A9\\U0001F4A9\""},
     {"f", "long", "\"\\U0001F4A9\"", "''"}},
    {"{\"pattern\": \"^a*$\"}", {"aaa", "''", "true", "{}"}, {"abc", "\"aa\\n\""}},
    {"{\"pattern\": \"a+\"}", {"xxaayy"}, {"xyz"}},
    {"{\"pattern\": \"^[A-Za-z0-9][A-Za-z0-9_-]{0,7}$\"}",
     {"a", "a1234567", "0_-"},
     {"''", "-a", "a12345678", "a b", "aé", "\"a\\n\""}},
    {"{\"pattern\": \"^(a|bc)+(-[0-9]{2,3})?$\"}",
     {"a", "bcabc", "a-12", "bc-123"},
     {"ab", "a-1", "a-1234", "''", "c"}},
    {"{\"pattern\": \"^\\\\d+\\\\.\\\\w$\"}", {"'12.x'", "'1._'"}, {"'.x'", "'٣.x'", "'12.é'", "12xx"}},
    {"{\"pattern\": \"^[^a-c]$\"}", {"d", "é", "\"\\n\""}, {"a", "dd", "''"}},
    {"{\"pattern\": \"^.$\"}", {"d", "é", "\"\\U0001F4A9\""}, {"\"\\n\"", "dd", "''"}},
    {"{\"pattern\": \"^$|^x\"}", {"''", "xyz"}, {"yx"}},
    {"{\"pattern\": \"(?=.*b)a\"}", {"ab", "xab"}, {"ac", "ba"}},
    {"{\"pattern\": \"b$\"}", {"ab", "b"}, {"ba", "\"b\\n\""}},
    {"{\"minimum\": 1.1}", {"2.6", "1.1", "x", "2"}, {"0.6", "1", "-3"}},
    {"{\"maximum\": 300}", {"300", "300.0", "299.97"}, {"300.5", "301", "98765432109876543210"}},
    {"{\"exclusiveMinimum\": 1, \"exclusiveMaximum\": 3}", {"2", "1.5", "x"}, {"1", "3", "3.0", "0"}},
    {"{\"minimum\": 9007199254740993}", {"9007199254740993"}, {"9007199254740992"}},
    {"{\"multipleOf\": 2}", {"10", "0", "x", "4.0"}, {"7", "4.5"}},
    {"{\"multipleOf\": 0.01}", {"4.35", "0", "0.07", "19.99"}, {"0.00751", "4.355"}},
    {"{\"enum\": [1, \"a\", null, {\"b\": false}, [0]]}",
     {"1", "1.0", "a", "null", "{b: false}", "[0]", "[0.0]"},
     {"2", "b", "{b: 0}", "[false]", "[]", "true"}},
    {"{\"enum\": [\"A\", \"B\"], \"x-muster-enum-ignore-case\": true}", {"A", "a", "b"}, {"c", "1"}},
    {"{\"const\": {\"a\": 1, \"b\": 2}}",
     {"{b: 2, a: 1}", "{a: 1.0, b: 2}"},
     {"{a: 1}", "{a: 1, b: 2, c: 3}", "3"}},
    {"{\"const\": 0}", {"0", "0.0"}, {"false", "''", "null"}},
    {"{\"allOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}",
     {"{a: 1, b: 2}"},
     {"{a: 1}", "{b: 1}"}},
    {"{\"anyOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}", {"1", "2.5", "3", "x"}, {"1.5"}},
    {"{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}", {"1", "2.5", "x"}, {"3", "1.5"}},
    {"{\"oneOf\": [true, true, false]}", {0}, {"1"}},
    {"{\"not\": {\"type\": \"integer\"}}", {"x", "1.5"}, {"1"}},
    {"{\"not\": {}}", {0}, {"1", "x"}},
    {"{\"if\": {\"exclusiveMaximum\": 0}, \"then\": {\"minimum\": -10}, \"else\": {\"multipleOf\": 2}}",
     {"-1", "0", "4"},
     {"-100", "3"}},
    {"{\"then\": {\"const\": 0}, \"else\": {\"const\": 0}}", {"1"}, {0}},
    {"{\"if\": {\"const\": 0}}", {"0", "1"}, {0}},
    {"{\"dependentRequired\": {\"b\": [\"a\", \"c\"]}}",
     {"{}", "{a: 1}", "{a: 1, b: 2, c: 3}", "[b]"},
     {"{b: 2}", "{b: 1, a: 1}"}},
    {"{\"dependentSchemas\": {\"b\": {\"properties\": {\"a\": {\"type\": \"integer\"}}}}}",
     {"{a: 1, b: 2}", "{a: x}"},
     {"{a: x, b: 1}"}},
    {"{\"$defs\": {\"p\": {\"minimum\": 1}}, \"$ref\": \"#/$defs/p\", \"maximum\": 3}",
     {"2", "x"},
     {"0", "4"}},
    {"{\"$defs\": {\"a/b~c\": {\"type\": \"integer\"}}, \"$ref\": \"#/$defs/a~1b~0c\"}", {"1"}, {"x"}},
    {"{\"properties\": {\"child\": {\"$ref\": \"#\"}, \"n\": {\"type\": \"integer\"}}, "
     "\"additionalProperties\": false}",
     {"{n: 1}", "{child: {child: {n: 1}}}"},
     {"{child: {child: {n: x}}}", "{child: {q: 1}}"}},
    {"{\"properties\": {\"a\": {}}, \"unevaluatedProperties\": false}", {"{a: 1}", "[]"}, {"{a: 1, b: 2}"}},
    {"{\"allOf\": [{\"properties\": {\"b\": {}}}], \"properties\": {\"a\": {}}, \"unevaluatedProperties\": "
     "false}",
     {"{a: 1, b: 1}"},
     {"{c: 1}"}},
    {"{\"anyOf\": [{\"properties\": {\"b\": {\"const\": 1}}, \"required\": [\"b\"]}, {\"properties\": "
     "{\"c\": {\"const\": 1}}, \"required\": [\"c\"]}], \"unevaluatedProperties\": false}",
     {"{b: 1}", "{b: 1, c: 1}"},
     {"{b: 1, c: 2}", "{b: 1, d: 1}"}},
    {"{\"oneOf\": [{\"properties\": {\"b\": {\"const\": 1}}, \"required\": [\"b\"]}, {\"properties\": "
     "{\"c\": {\"const\": 1}}, \"required\": [\"c\"]}], \"unevaluatedProperties\": false}",
     {"{b: 1}", "{c: 1}"},
     {"{b: 1, c: 1}", "{b: 1, d: 1}"}},
    {"{\"if\": {\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"]}, \"then\": {\"properties\": "
     "{\"x\": {}}}, \"else\": {\"properties\": {\"y\": {}}}, \"unevaluatedProperties\": false}",
     {"{k: 1, x: 2}", "{y: 1}"},
     {"{k: 1, y: 2}", "{x: 1}", "{k: 2}"}},
    {"{\"not\": {\"not\": {\"properties\": {\"a\": {}}}}, \"unevaluatedProperties\": false}",
     {"{}"},
     {"{a: 1}"}},
    {"{\"$defs\": {\"p\": {\"properties\": {\"b\": {}}}}, \"$ref\": \"#/$defs/p\", "
     "\"unevaluatedProperties\": false}",
     {"{b: 1}"},
     {"{c: 1}"}},
    {"{\"dependentSchemas\": {\"a\": {\"properties\": {\"b\": {}}}}, \"properties\": {\"a\": {}}, "
     "\"unevaluatedProperties\": false}",
     {"{a: 1, b: 2}"},
     {"{b: 2}"}},
    {"{\"patternProperties\": {\"^p\": {}}, \"unevaluatedProperties\": {\"type\": \"string\"}}",
     {"{p1: 1, x: y}"},
     {"{x: 1}"}},
    {"{\"allOf\": [{\"additionalProperties\": true}], \"unevaluatedProperties\": false}", {"{x: 1}"}, {0}},
    {"{\"allOf\": [{\"unevaluatedProperties\": true}], \"unevaluatedProperties\": false}", {"{x: 1}"}, {0}},
    {"{\"prefixItems\": [{}], \"unevaluatedItems\": false}", {"[1]", "[]"}, {"[1, 2]"}},
    {"{\"contains\": {\"const\": 1}, \"unevaluatedItems\": {\"type\": \"string\"}}", {"[1, x]"}, {"[1, 2]"}},
    {"{\"allOf\": [{\"items\": {}}], \"unevaluatedItems\": false}", {"[1, 2]"}, {0}},
    {"{\"format\": \"email\", \"$comment\": \"c\", \"title\": \"t\", \"description\": \"d\", \"default\": 1, "
     "\"examples\": [1], \"deprecated\": true, \"readOnly\": true, \"$id\": \"x.json\", \"$schema\": \"y\"}",
     {"x", "1"},
     {0}},
    {"{\"x-muster-decimal\": true, \"type\": \"number\"}",
     {"0.25", "1", "0.1234", "5e-1", "1.50000"},
     {"0.12345", "1e-5"}},
};

static void test_keywords(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Schema) schema = compile(cases[i].schema);
        for (size_t j = 0; j < G_N_ELEMENTS(cases[i].valid) && cases[i].valid[j]; j++)
            check_under(schema, cases[i].schema, cases[i].valid[j], NULL, true);
        for (size_t j = 0; j < G_N_ELEMENTS(cases[i].invalid) && cases[i].invalid[j]; j++)
            check_under(schema, cases[i].schema, cases[i].invalid[j], NULL, false);
    }
}

static void test_refused_schemas(void)
{
    static const char *const texts[] = {
        "{\"frobnicate\": 1}",
        "{\"type\": \"strnig\"}",
        "{\"type\": []}",
        "{\"$ref\": \"#/$defs/x\"}",
        "{\"$ref\": \"other.json\"}",
        "{\"$ref\": \"#\"}",
        "{\"$defs\": {\"a\": {\"$ref\": \"#/$defs/b\"}, \"b\": {\"$ref\": \"#/$defs/a\"}}}",
        "{\"pattern\": \"(\"}",
        "{\"minLength\": -1}",
        "{\"multipleOf\": 0}",
        "{\"allOf\": []}",
        "{\"items\": 1}",
        "{\"a\": 1, \"a\": 2}",
        "{\"x-muster-update\": \"maybe\"}",
        "{\"x-muster-provider\": \"azure\"}",
        "{\"properties\": {\"a\": {\"nested\": {}}}}",
        "{",
        "[]",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Schema) schema = schema_compile("test.json", view_from(texts[i]), NULL, 0, &error);
        g_test_message("%s: %s", texts[i], error ? error->message : "compiled");
        g_assert_null(schema);
        g_assert_nonnull(error);
    }
}

static void test_refs_between_files(void)
{
    g_autoptr(Schema) common =
        schema_compile("common.json", VIEW("{\"$defs\": {\"N\": {\"type\": \"integer\"}}}"), NULL, 0, NULL);
    Schema *others[] = {common};
    g_autoptr(Schema) schema =
        schema_compile("main.json", VIEW("{\"properties\": {\"n\": {\"$ref\": \"common.json#/$defs/N\"}}}"),
                       others, 1, NULL);
    check_under(schema, "between files", "{n: 1}", NULL, true);
    check_under(schema, "between files", "{n: x}", NULL, false);
}

static void test_provider(void)
{
    const char *text = "{\"allOf\": [{\"x-muster-provider\": \"aws\", \"required\": [\"subnets\"]},"
                       " {\"x-muster-provider\": [\"local\", \"docker\"], \"maxProperties\": 1}]}";
    g_autoptr(Schema) schema = compile(text);
    check_under(schema, text, "{a: 1, b: 2}", NULL, true);
    check_under(schema, text, "{a: 1, b: 2}", "simulated", true);
    check_under(schema, text, "{a: 1}", "local", true);
    check_under(schema, text, "{a: 1, b: 2}", "docker", false);
    check_under(schema, text, "{a: 1}", "aws", false);
    check_under(schema, text, "{a: 1, subnets: []}", "aws", true);
}

/* ---- texts
 * ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *schema, *text;
    const char *messages[4]; /* "line:column: message", in order */
} TextCase;

#define QUEUE                                                                                                \
    "{\"title\": \"JobQueue\", \"type\": \"object\", \"additionalProperties\": false, \"required\": "        \
    "[\"state\"], "                                                                                          \
    "\"properties\": {\"priority\": {\"type\": \"integer\", \"maximum\": 1000}, \"state\": {\"enum\": "      \
    "[\"ENABLED\", "                                                                                         \
    "\"DISABLED\"]}, \"name\": {\"type\": \"string\"}}}"

static const TextCase text_cases[] = {
    {QUEUE,
     "state: ENABLED\npriorty: 1\n",
     {"2:1: JobQueue has no member \"priorty\"; did you mean \"priority\"?"}},
    {QUEUE, "state: ENABLED\nfrobnicate: 1\n", {"2:1: JobQueue has no member \"frobnicate\""}},
    {QUEUE, "state: ENABLED\npriority: ten\n", {"2:11: priority must be an integer, not the string \"ten\""}},
    {QUEUE,
     "state: ENABLED\npriority: \"10\"\n",
     {"2:11: priority must be an integer, not the string \"10\" (leave the quotes out: 10)"}},
    {QUEUE, "state: ENABLED\npriority: 2000\n", {"2:11: priority must be at most 1000, is 2000"}},
    {QUEUE, "state: ENABELD\n", {"1:8: state must be one of ENABLED, DISABLED; did you mean \"ENABLED\"?"}},
    {QUEUE, "state: frob\n", {"1:8: state must be one of ENABLED, DISABLED, not the string \"frob\""}},
    {QUEUE,
     "name: 1\n",
     {"1:1: state is required", "1:7: name must be a string, not the number 1 (quote it: \"1\")"}},
    {QUEUE,
     "name: true\nstate: [ENABLED]\n",
     {"1:7: name must be a string, not true (quote it: \"true\")",
      "2:8: state must be one of ENABLED, DISABLED, not a list"}},
    {QUEUE, "[]\n", {"1:1: JobQueue must be a mapping, not a list"}},
    {"{\"items\": {\"properties\": {\"a.b\": {\"const\": \"x\"}}}}",
     "- {a.b: y}\n",
     {"1:9: [0][\"a.b\"] must be \"x\", not the string \"y\""}},
    {"{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"object\", \"required\": [\"a\"]}]}",
     "[]",
     {"1:1: the document must be a string or a mapping, not a list"}},
    {"{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"object\", \"required\": [\"a\"]}]}",
     "{b: 1}",
     {"1:1: a is required"}},
    {"{\"oneOf\": [{\"properties\": {\"t\": {\"const\": \"x\"}, \"n\": {\"type\": \"integer\"}}, "
     "\"required\": [\"t\"]}, {\"properties\": {\"t\": {\"const\": \"y\"}, \"m\": {\"type\": \"integer\"}}, "
     "\"required\": [\"t\"]}]}",
     "{t: y, m: q}",
     {"1:11: m must be an integer, not the string \"q\""}},
    {"{\"properties\": {\"a\": {\"not\": {}, \"x-muster-message\": \"a and b exclude each other\", "
     "\"x-muster-hint\": \"remove it\"}}}",
     "a: 1",
     {"1:4: a and b exclude each other (remove it)"}},
    {"{\"not\": {\"required\": [\"a\"], \"x-muster-message\": \"no a here\"}}", "a: 1", {"1:1: no a here"}},
    {"{\"type\": \"string\", \"minLength\": 1}", "''", {"1:1: the document must not be empty"}},
    {"{\"properties\": {\"a\": {\"uniqueItems\": true}}}",
     "a: [x, y, x]",
     {"1:11: a[2] repeats item [0]; items must differ"}},
};

static void test_texts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(text_cases); i++) {
        const TextCase *c = &text_cases[i];
        g_autoptr(Schema) schema = compile(c->schema);
        g_autoptr(Arena) arena = arena_new();
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        SchemaContext context = {.file = "f.yaml", .text = view_from(c->text), .first_line = 1};
        g_assert_false(
            schema_validate(schema_root(schema), node_of(arena, c->text), "", &context, diagnostics));
        size_t wanted = 0;
        while (c->messages[wanted])
            wanted++;
        for (size_t j = 0; j < diagnostic_list_len(diagnostics); j++) {
            const Diagnostic *d = diagnostic_list_get(diagnostics, j);
            g_autofree char *text =
                g_strdup_printf("%d:%d: %s%s%s%s", d->line, d->column, d->message, d->detail ? " (" : "",
                                d->detail ? d->detail : "", d->detail ? ")" : "");
            g_assert_cmpstr(text, ==, j < wanted ? c->messages[j] : "nothing");
        }
        g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, wanted);
    }
}

static void test_base_path(void)
{
    g_autoptr(Schema) schema = compile(QUEUE);
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    SchemaContext context = {.file = "f.yaml", .first_line = 1};
    g_assert_false(schema_validate(schema_root(schema), node_of(arena, "{state: ENABLED, priority: x}"),
                                   "spec", &context, diagnostics));
    g_assert_cmpstr(diagnostic_list_get(diagnostics, 0)->path, ==, "spec.priority");
}

static void test_annotations(void)
{
    g_autoptr(Schema) schema = compile("{\"x-muster-update\": \"in-place\", \"properties\": {"
                                       "\"a\": {\"$ref\": \"#/$defs/A\", \"x-muster-update\": \"replace\"},"
                                       "\"l\": {\"type\": \"array\", \"x-muster-list-key\": \"name\", "
                                       "\"items\": {\"x-muster-sensitive\": true}},"
                                       "\"o\": {\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"object\", "
                                       "\"properties\": {\"q\": {\"title\": \"Q\"}}}]},"
                                       "\"s\": {\"x-muster-owner\": \"scheduler\", \"x-muster-digest\": "
                                       "\"exclude\", \"x-muster-ours\": true}},"
                                       "\"allOf\": [{\"properties\": {\"b\": {\"default\": {\"y\": 1, \"x\": "
                                       "[2]}, \"description\": \"B\"}}}],"
                                       "\"additionalProperties\": {\"x-muster-reference\": \"JobQueue\"},"
                                       "\"$defs\": {\"A\": {\"x-muster-decimal\": true, \"x-muster-update\": "
                                       "\"rolling\", \"enum\": [\"Xy\"], "
                                       "\"x-muster-enum-ignore-case\": true}}}");
    const SchemaNode *root = schema_root(schema);
    const SchemaNode *a = schema_member(root, "a", 1);
    g_assert_cmpint(schema_update(a), ==, UPDATE_REPLACE);
    g_assert_true(schema_decimal(a));
    g_assert_true(view_is(schema_enum_spelling(a, VIEW("xY")), "Xy"));
    g_assert_null(schema_enum_spelling(a, VIEW("z")).data);
    const SchemaNode *l = schema_member(root, "l", 1);
    g_assert_cmpstr(schema_list_key(l), ==, "name");
    g_assert_true(schema_sensitive(schema_items(l)));
    g_assert_false(schema_has_update(l));
    g_assert_cmpstr(schema_title(schema_member(schema_member(root, "o", 1), "q", 1)), ==, "Q");
    const SchemaNode *s = schema_member(root, "s", 1);
    g_assert_cmpint(schema_owner(s), ==, OWNER_SCHEDULER);
    g_assert_true(schema_digest_excluded(s));
    g_assert_true(schema_ours(s));
    const SchemaNode *b = schema_member(root, "b", 1);
    g_assert_cmpstr(schema_default(b), ==, "{\"x\":[2],\"y\":1}");
    g_assert_cmpstr(schema_description(b), ==, "B");
    g_assert_cmpstr(schema_reference(schema_member(root, "zz", 2)), ==, "JobQueue");
    g_assert_null(schema_member(b, "zz", 2));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schema/keywords", test_keywords);
    g_test_add_func("/schema/refused-schemas", test_refused_schemas);
    g_test_add_func("/schema/refs-between-files", test_refs_between_files);
    g_test_add_func("/schema/provider", test_provider);
    g_test_add_func("/schema/texts", test_texts);
    g_test_add_func("/schema/base-path", test_base_path);
    g_test_add_func("/schema/annotations", test_annotations);
    return g_test_run();
}

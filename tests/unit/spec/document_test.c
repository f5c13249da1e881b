#include "spec/document.h"

typedef struct {
    const Node *roots[16];
    size_t len;
} Documents;

static bool collect(const Document *document, void *data)
{
    Documents *documents = data;
    g_assert_cmpuint(documents->len, <, G_N_ELEMENTS(documents->roots));
    g_assert_nonnull(document->root);
    documents->roots[documents->len++] = document->root;
    return true;
}

typedef struct {
    Arena *arena;
    DiagnosticList *diagnostics;
    Documents documents;
    bool ok;
} Parsed;

static Parsed parse_with(View text, const DocumentLimits *limits)
{
    Parsed parsed = {.arena = arena_new(), .diagnostics = diagnostic_list_new()};
    parsed.ok = document_parse(text, "f.yaml", 1, parsed.arena, limits, collect, &parsed.documents,
                               parsed.diagnostics);
    g_assert_cmpint(parsed.ok, ==, diagnostic_list_count(parsed.diagnostics, SEVERITY_ERROR) == 0);
    return parsed;
}

static Parsed parse(const char *text)
{
    return parse_with(view_from(text), NULL);
}

static void parsed_clear(Parsed *parsed)
{
    arena_free(parsed->arena);
    diagnostic_list_free(parsed->diagnostics);
}

/* Exactly one error, at this place, whose text holds part. */
static void assert_error(const char *text, int line, int column, const char *part)
{
    Parsed parsed = parse(text);
    const Diagnostic *first =
        diagnostic_list_len(parsed.diagnostics) == 1 ? diagnostic_list_get(parsed.diagnostics, 0) : NULL;
    if (!first || !(strstr(first->message, part) || (first->detail && strstr(first->detail, part)))) {
        g_autoptr(GString) all = g_string_new(NULL);
        diagnostic_list_render(parsed.diagnostics, DIAGNOSTIC_TEXT, all);
        g_test_message("%s\n--- gave\n%s", text, all->str);
        g_test_fail();
    } else {
        const Diagnostic *error = diagnostic_list_get(parsed.diagnostics, 0);
        g_assert_cmpint(error->line, ==, line);
        g_assert_cmpint(error->column, ==, column);
    }
    parsed_clear(&parsed);
}

static void test_core_scalars(void)
{
    static const struct {
        const char *text;
        NodeKind kind;
    } cases[] = {
        {"no", NODE_STRING},
        {"on", NODE_STRING},
        {"yes", NODE_STRING},
        {"12:30", NODE_STRING},
        {"true", NODE_BOOL},
        {"False", NODE_BOOL},
        {"tRUE", NODE_STRING},
        {"null", NODE_NULL},
        {"~", NODE_NULL},
        {"Null", NODE_NULL},
        {"nULL", NODE_STRING},
        {"0o17", NODE_INT},
        {"0x1f", NODE_INT},
        {"017", NODE_INT},
        {"-12", NODE_INT},
        {"+12", NODE_INT},
        {"1_000", NODE_STRING},
        {"0b11", NODE_STRING},
        {"1e3", NODE_FLOAT},
        {"1.", NODE_FLOAT},
        {".5", NODE_FLOAT},
        {"-.inf", NODE_FLOAT},
        {".nan", NODE_FLOAT},
        {"1.2.3", NODE_STRING},
        {"-", NODE_STRING},
        {"0x", NODE_STRING},
        {"-0x1f", NODE_STRING},
        {"1e", NODE_STRING},
        {"2001-01-01", NODE_STRING},
        {"\"1\"", NODE_STRING},
        {"'true'", NODE_STRING},
        {"!!str 1", NODE_STRING},
        {"!!float 1", NODE_FLOAT},
        {"! 1", NODE_STRING},
        {"+", NODE_STRING},
        {".", NODE_STRING},
        {"9223372036854775807", NODE_INT},
        {"9223372036854775808", NODE_FLOAT},
        {"-9223372036854775808", NODE_INT},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("a: %s\n", cases[i].text);
        if (strcmp(cases[i].text, "-") == 0)
            continue; /* an empty list item, not a scalar */
        Parsed parsed = parse(text);
        g_test_message("%s", cases[i].text);
        g_assert_true(parsed.ok);
        g_assert_cmpint(node_get(parsed.documents.roots[0], "a")->kind, ==, cases[i].kind);
        parsed_clear(&parsed);
    }
}

static void test_values(void)
{
    Parsed parsed =
        parse("{a: 0o17, b: 0x1F, c: -5, d: 1.25, e: true, f: -9223372036854775808, g: \"a\\tb\"}");
    const Node *root = parsed.documents.roots[0];
    g_assert_cmpint(node_get(root, "a")->integer, ==, 15);
    g_assert_cmpint(node_get(root, "b")->integer, ==, 31);
    g_assert_cmpint(node_get(root, "c")->integer, ==, -5);
    g_assert_cmpfloat(node_get(root, "d")->real, ==, 1.25);
    g_assert_true(node_get(root, "e")->boolean);
    g_assert_cmpint(node_get(root, "f")->integer, ==, INT64_MIN);
    g_assert_true(view_is(node_get(root, "g")->text, "a\tb"));
    g_assert_null(node_get(root, "z"));
    g_assert_null(node_get(node_get(root, "a"), "z"));
    parsed_clear(&parsed);
}

static void test_positions(void)
{
    Parsed parsed = parse("# c\na:\n  - grün: x\n    'k': \"vv\"\n");
    const Node *list = node_get(parsed.documents.roots[0], "a");
    const Node *item = list->sequence.items[0];
    const NodeMember *green = &item->mapping.members[0];
    g_assert_cmpint(green->key_line, ==, 3);
    g_assert_cmpint(green->key_column, ==, 5);
    /* "ü" is two bytes: the value stands one column further in bytes than in characters */
    g_assert_cmpint(green->value->column, ==, 12);
    g_assert_cmpint(green->value->end_column, ==, 13);
    const Node *quoted = node_get(item, "k");
    g_assert_cmpint(quoted->line, ==, 4);
    g_assert_cmpint(quoted->column, ==, 10);
    g_assert_cmpint(quoted->end_column, ==, 14);
    parsed_clear(&parsed);
}

static void test_line_breaks(void)
{
    /* CRLF is one line; NEL and LS break lines for libyaml only, not for an editor */
    Parsed parsed = parse("a: 1\r\nb: 2\r\nc: \"x\xc2\x85y\xe2\x80\xa8z\"\r\nd: 4\r\n");
    g_assert_true(parsed.ok);
    g_assert_cmpint(node_get(parsed.documents.roots[0], "b")->line, ==, 2);
    g_assert_cmpint(node_get(parsed.documents.roots[0], "d")->line, ==, 4);
    g_assert_cmpint(node_get(parsed.documents.roots[0], "d")->column, ==, 4);
    parsed_clear(&parsed);
}

static void test_several_documents(void)
{
    Parsed parsed = parse("\xef\xbb\xbf"
                          "a: 1\n---\n---\n# nothing\n---\nb: 2\n...\n---\n{\"c\": [3]}\n");
    g_assert_true(parsed.ok);
    g_assert_cmpuint(parsed.documents.len, ==, 3);
    g_assert_nonnull(node_get(parsed.documents.roots[1], "b"));
    g_assert_cmpint(node_get(parsed.documents.roots[0], "a")->column, ==, 4);
    parsed_clear(&parsed);
}

static void test_recovery(void)
{
    Parsed parsed =
        parse("a: 1\n---\nb: [1, 2\n---\nc: 3\n---\nd: 'x\n---\ne: 5\n---\na: 1\na: 2\n---\nf: 6\n");
    g_assert_false(parsed.ok);
    g_assert_cmpuint(diagnostic_list_len(parsed.diagnostics), ==, 3);
    g_assert_cmpuint(parsed.documents.len, ==, 4);
    g_assert_nonnull(node_get(parsed.documents.roots[1], "c"));
    g_assert_nonnull(node_get(parsed.documents.roots[2], "e"));
    g_assert_nonnull(node_get(parsed.documents.roots[3], "f"));
    g_assert_cmpint(parsed.documents.roots[3]->line, ==, 14);
    parsed_clear(&parsed);
}

static void test_bad_bytes_hurt_one_document(void)
{
    Parsed parsed = parse("a: 1\n---\nb: \"\xff\"\n---\nc: 3\n---\nd: \x01\n---\ne: 5\n");
    g_assert_cmpuint(parsed.documents.len, ==, 3);
    g_assert_cmpuint(diagnostic_list_len(parsed.diagnostics), ==, 2);
    g_assert_cmpint(diagnostic_list_get(parsed.diagnostics, 0)->line, ==, 3);
    g_assert_cmpint(diagnostic_list_get(parsed.diagnostics, 0)->column, ==, 5);
    g_assert_cmpint(diagnostic_list_get(parsed.diagnostics, 1)->line, ==, 7);
    g_assert_cmpint(parsed.documents.roots[2]->line, ==, 9);
    parsed_clear(&parsed);
}

static void test_errors(void)
{
    assert_error("a: 1\nb: 2\na: 3\n", 3, 1, "\"a\" is given twice; the first is on line 1");
    assert_error("apiVersion: 1\nb: 2\napiVersion: 3\n", 3, 1, "put a line with ---");
    assert_error("<<: {a: 1}\n", 1, 1, "merge keys");
    assert_error("1: a\n", 1, 1, "must be a string");
    assert_error("[1]: a\n", 1, 1, "not a list");
    assert_error("a: !!binary aGk=\n", 1, 4, "not supported");
    assert_error("a: !mine {b: 1}\n", 1, 4, "\"!mine\" is not supported");
    assert_error("a: !!int x\n", 1, 4, "!!int does not fit");
    assert_error("a: *b\n", 1, 4, "refers to no anchor");
    assert_error("a: &b [*b]\n", 1, 8, "inside of what it refers to");
    assert_error("a: \"x\\0y\"\n", 1, 4, "NUL");
    assert_error("a:\n\t- b\n", 2, 1, "cannot start any token");
    assert_error("a: b: c\n", 1, 5, "mapping values are not allowed");
    assert_error("x: é: c\n", 1, 6, "mapping values are not allowed");
    assert_error("a: [1,\n", 2, 1, "began on line 1");
    assert_error("\xff\xfe"
                 "a",
                 1, 1, "0xff is not valid UTF-8");
    assert_error("a: \xe2\x82", 1, 4, "0xe2 is not valid UTF-8");
    assert_error("\xef\xbb\xbf"
                 "a: \x01\n",
                 1, 4, "0x01 is not allowed");
}

static void test_quoted_keys(void)
{
    Parsed parsed = parse("\"<<\": 1\n'1': 2\n\"null\": 3\n");
    g_assert_true(parsed.ok);
    g_assert_cmpuint(parsed.documents.roots[0]->mapping.len, ==, 3);
    parsed_clear(&parsed);
}

static void test_duplicates_among_many(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 100; i++)
        g_string_append_printf(text, "k%d: 1\n", i);
    g_string_append(text, "k7: 2\nk7: 3\n");
    Parsed parsed = parse(text->str);
    g_assert_cmpuint(diagnostic_list_len(parsed.diagnostics), ==, 2);
    g_assert_cmpint(diagnostic_list_get(parsed.diagnostics, 0)->line, ==, 101);
    g_assert_nonnull(strstr(diagnostic_list_get(parsed.diagnostics, 1)->message, "line 8"));
    parsed_clear(&parsed);
}

static void test_aliases(void)
{
    Parsed parsed = parse("a: &x {p: [1, 2]}\nb: *x\nc: &x 5\nd: *x\n");
    g_assert_true(parsed.ok);
    const Node *root = parsed.documents.roots[0];
    g_assert_true(node_get(root, "a") == node_get(root, "b"));
    g_assert_cmpint(node_get(root, "d")->integer, ==, 5);
    parsed_clear(&parsed);
}

static void test_alias_bomb(void)
{
    g_autoptr(GString) text = g_string_new("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for (int i = 1; i < 12; i++)
        g_string_append_printf(text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                               i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    Parsed parsed = parse(text->str);
    g_assert_cmpuint(diagnostic_list_len(parsed.diagnostics), ==, 1);
    g_assert_nonnull(
        strstr(diagnostic_list_get(parsed.diagnostics, 0)->message, "aliases expand to more than"));
    g_assert_cmpuint(parsed.documents.len, ==, 0);
    parsed_clear(&parsed);
}

static void test_limits(void)
{
    DocumentLimits limits = document_limits_default;
    limits.depth = 3;
    Parsed parsed = parse_with(VIEW("[[[1]]]\n---\n[[[[1]]]]\n---\na: 1\n"), &limits);
    g_assert_cmpuint(parsed.documents.len, ==, 2);
    g_assert_cmpint(diagnostic_list_get(parsed.diagnostics, 0)->column, ==, 4);
    parsed_clear(&parsed);
    /* what an alias brings counts too */
    parsed = parse_with(VIEW("a: &x [[1]]\nb: [*x]\n"), &limits);
    g_assert_cmpuint(parsed.documents.len, ==, 0);
    parsed_clear(&parsed);
    limits = document_limits_default;
    limits.nodes = 5;
    parsed = parse_with(VIEW("[1,2,3,4]\n---\n[1,2,3,4,5]\n---\n[1]\n"), &limits);
    g_assert_cmpuint(parsed.documents.len, ==, 2);
    parsed_clear(&parsed);
    limits.documents = 2;
    parsed = parse_with(VIEW("a: 1\n---\nb: 2\n---\nc: 3\n"), &limits);
    g_assert_cmpuint(parsed.documents.len, ==, 2);
    g_assert_false(parsed.ok);
    parsed_clear(&parsed);
    limits.file_bytes = 3;
    parsed = parse_with(VIEW("a: 1\n"), &limits);
    g_assert_cmpuint(parsed.documents.len, ==, 0);
    g_assert_false(parsed.ok);
    parsed_clear(&parsed);
    g_autofree char *deep = g_strnfill(100000, '[');
    parsed = parse(deep);
    g_assert_cmpuint(diagnostic_list_len(parsed.diagnostics), ==, 1);
    parsed_clear(&parsed);
}

static void test_split(void)
{
    const char *text = "a: 1\n---\nb: |\n  ---\n  x\n---\nc: \"1\n  ---\"\n%TAG ! x\n---\nd: 4\n---\ne: 5\n";
    const size_t expected[] = {5, 24, 59}; /* not the one that a directive stands before */
    size_t cuts = 0, offset = 0;
    int lines = 0;
    for (size_t from = 0; document_cut(view_from(text), from, &offset, &lines); from = offset + 1) {
        g_assert_cmpuint(offset, ==, expected[cuts++]);
        g_assert_true(g_str_has_prefix(text + offset, "---\n"));
        int before = 0;
        for (size_t at = 0; at < offset; at++)
            before += text[at] == '\n';
        g_assert_cmpint(lines, ==, before);
    }
    g_assert_cmpuint(cuts, ==, G_N_ELEMENTS(expected));
    g_assert_false(document_cut(VIEW("a: 1\nb: 2\n"), 0, &offset, &lines));
    g_assert_false(document_cut(VIEW("---\na: 1\n"), 0, &offset, &lines)); /* nothing stands before it */
    g_assert_false(document_cut(VIEW("a: 1\n---"), 0, &offset, &lines));   /* it may go on: "---x" */
    g_assert_false(document_cut(VIEW(""), 2, &offset, &lines));
}

static void test_report_shows_line(void)
{
    Parsed parsed = parse("a: 1\nb: [\n");
    g_autoptr(GString) text = g_string_new(NULL);
    document_report(parsed.diagnostics, "g.yaml", VIEW("x: 1\ny: 2\n"), 10, 11, 4, 1, SEVERITY_WARNING, "y",
                    "why", "because");
    diagnostic_list_render(parsed.diagnostics, DIAGNOSTIC_TEXT, text);
    g_assert_nonnull(strstr(text->str, "g.yaml:11:4: warning: why\n  11 | y: 2\n     |    ^ because\n"));
    parsed_clear(&parsed);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/document/core-scalars", test_core_scalars);
    g_test_add_func("/document/values", test_values);
    g_test_add_func("/document/positions", test_positions);
    g_test_add_func("/document/line-breaks", test_line_breaks);
    g_test_add_func("/document/several-documents", test_several_documents);
    g_test_add_func("/document/recovery", test_recovery);
    g_test_add_func("/document/bad-bytes", test_bad_bytes_hurt_one_document);
    g_test_add_func("/document/errors", test_errors);
    g_test_add_func("/document/quoted-keys", test_quoted_keys);
    g_test_add_func("/document/duplicates-among-many", test_duplicates_among_many);
    g_test_add_func("/document/aliases", test_aliases);
    g_test_add_func("/document/alias-bomb", test_alias_bomb);
    g_test_add_func("/document/limits", test_limits);
    g_test_add_func("/document/split", test_split);
    g_test_add_func("/document/report", test_report_shows_line);
    return g_test_run();
}

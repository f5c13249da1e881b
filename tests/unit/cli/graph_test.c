/* Pictures as DOT: whatever names hold, it is one well-formed text, and always the same. */
#include "reconciler/cli/graph.h"
#include "tests/support/manifest_text.h"

static char *drawn(const char *quoted)
{
    g_autofree char *text = g_strdelimit(g_strdup(quoted), "'", '"');
    GString *out = g_string_new(NULL);
    json_t *steps = json_loads(text, 0, NULL);
    g_assert_nonnull(steps);
    graph_steps(steps, "title", out);
    json_decref(steps);
    return g_string_free(out, FALSE);
}

static void has(const char *text, const char *line)
{
    if (!strstr(text, line))
        g_error("no\n%s\nin\n%s", line, text);
}

static void test_strings(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    graph_append_string(out, VIEW("a\"b\\N\n\x01\xff<i>\x7f"));
    g_assert_cmpstr(out->str, ==, "\"a\\\"b\\\\N\\n?\xef\xbf\xbd<i>?\"");
}

static void test_steps(void)
{
    g_autofree char *text =
        drawn("[{'name':'a','jobDefinition':'d','status':'SUCCEEDED'},"
              "{'name':'b','jobDefinition':'d','status':'PENDING','size':24,'counts':{'RUNNING':3,'SUCCEEDED'"
              ":16,'FAILED':1},"
              "'dependsOn':[{'job':'a'},{'type':'SEQUENTIAL'}]},"
              "{'name':'c','array':{'fromParameter':'n'},'status':'NONE',"
              "'dependsOn':[{'job':'b','type':'N_TO_N','condition':'completion'},{'jobId':'0af3'}]}]");
    has(text, "digraph \"title\" {\n");
    has(text, "  \"a\" [label=\"a\\nd\\nSUCCEEDED\", fillcolor=\"#b7e1b0\"];\n");
    has(text, "  \"b\" [label=\"b\\nd\\n24 children\\nPENDING 16 done, 1 failed\", fillcolor=\"#b9d6f7\", "
              "peripheries=2];\n");
    has(text, "  \"c\" [label=\"c\\nchildren: parameter n\", fillcolor=\"#ffffff\", peripheries=2];\n");
    has(text, "  \"a\" -> \"b\";\n  \"b\" -> \"b\" [label=\"SEQUENTIAL\"];\n");
    has(text,
        "  \"b\" -> \"c\" [label=\"N_TO_N, completion\", style=dashed];\n  \"job 0af3\" -> \"c\";\n}\n");
}

static void test_source(void)
{
    static const char yaml[] =
        "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q}\n"
        "spec: {priority: 1, computeEnvironmentOrder: [b, a]}\n---\n"
        "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: a}\nspec: {provider: local}\n---\n"
        "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: p}\nspec: {jobQueue: q, jobs: "
        "[{name: x, jobDefinition: 'd:3'}, {name: y, jobDefinition: d}]}\n";
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(yaml, "local", NULL, diagnostics);
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    diagnostics_none(diagnostics);
    graph_source(set, "s", first);
    graph_source(set, "s", second);
    g_assert_cmpstr(first->str, ==, second->str);
    has(first->str,
        "  \"JobQueue/q\" -> \"ComputeEnvironment/a\";\n  \"JobQueue/q\" -> \"ComputeEnvironment/b\";\n"
        "  \"Pipeline/p\" -> \"JobQueue/q\";\n  \"Pipeline/p\" -> \"JobDefinition/d\";\n");
    has(first->str,
        "  \"ComputeEnvironment/b\" [label=\"ComputeEnvironment\\nb\", shape=box3d, fillcolor=\"#d9e8fb\", "
        "style=\"rounded,filled,dashed\"];\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/cli/graph/strings", test_strings);
    g_test_add_func("/cli/graph/steps", test_steps);
    g_test_add_func("/cli/graph/source", test_source);
    return g_test_run();
}

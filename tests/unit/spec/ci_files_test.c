/* The files for CI systems in examples/ci/ are YAML, and have the parts that docs/ci.md speaks of. */
#include "spec/document.h"
#include <glib.h>

typedef struct {
    const char *const *members;
    size_t documents;
} Expected;

static bool take_document(const Document *document, void *data)
{
    Expected *expected = data;
    expected->documents++;
    for (const char *const *member = expected->members; *member; member++)
        if (!node_get(document->root, *member))
            g_error("%s is missing", *member);
    return true;
}

static void check_file(const char *name, const char *const *members)
{
    const char *root = g_getenv("MUSTER_SOURCE_ROOT");
    g_autofree char *path = g_build_filename(root ? root : ".", "examples", "ci", name, NULL), *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GString) told = g_string_new(NULL);
    Expected expected = {.members = members};
    gsize len;
    g_file_get_contents(path, &text, &len, &error);
    g_assert_no_error(error);
    bool ok = document_parse((View){text, len}, name, 1, arena, &document_limits_default, take_document,
                             &expected, diagnostics);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, told);
    if (!ok)
        g_error("%s", told->str);
    g_assert_cmpuint(expected.documents, ==, 1);
}

static void test_files(void)
{
    static const char *const github[] = {"name", "on", "jobs", NULL}, *const gitlab[] = {"stages", "plan",
                                                                                         "apply", NULL};
    check_file("github-actions.yml", github);
    check_file("gitlab-ci.yml", gitlab);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/ci-files", test_files);
    return g_test_run();
}

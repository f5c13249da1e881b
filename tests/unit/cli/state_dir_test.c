/* state_dir_test.c: the order of the rules, as a table. */
#include <glib/gstdio.h>
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"

/* ROOT/project has a muster.yaml, ROOT/project/sub/deep and ROOT/plain have none. */
typedef struct {
    char *root, *project, *deep, *plain;
} Tree;

static void tree_make(Tree *tree)
{
    tree->root = g_dir_make_tmp("muster-state-XXXXXX", NULL);
    tree->project = g_build_filename(tree->root, "project", NULL);
    tree->deep = g_build_filename(tree->project, "sub", "deep", NULL);
    tree->plain = g_build_filename(tree->root, "plain", NULL);
    g_assert_cmpint(g_mkdir_with_parents(tree->deep, 0700), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents(tree->plain, 0700), ==, 0);
    g_autofree char *config = g_build_filename(tree->project, "muster.yaml", NULL);
    g_assert_true(g_file_set_contents(config, "name: x\n", -1, NULL));
}

static void tree_clear(Tree *tree)
{
    g_autofree char *config = g_build_filename(tree->project, "muster.yaml", NULL);
    g_autofree char *sub = g_build_filename(tree->project, "sub", NULL);
    g_unlink(config);
    g_rmdir(tree->deep);
    g_rmdir(sub);
    g_rmdir(tree->project);
    g_rmdir(tree->plain);
    g_rmdir(tree->root);
    g_free(tree->root);
    g_free(tree->project);
    g_free(tree->deep);
    g_free(tree->plain);
}

static void check(const StateDirInput *input, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    g_assert_true(state_dir_resolve(input, &path, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(path, ==, expected);
}

/* Everything is given; each step takes the first away. */
static void test_order(void)
{
    Tree tree;
    tree_make(&tree);
    const char *sources[] = {"project"};
    g_autofree char *given = g_build_filename(tree.root, "given", NULL);
    g_autofree char *beside = g_build_filename(tree.project, ".muster", NULL);
    StateDirInput input = {.option = "given",
                           .muster_state = "/env",
                           .xdg_state_home = "/xdg",
                           .home = "/home/u",
                           .is_root = true,
                           .directory = tree.root,
                           .sources = sources,
                           .sources_len = 1};
    check(&input, given);
    input.option = NULL;
    check(&input, "/env");
    input.muster_state = "";
    check(&input, beside);
    sources[0] = "plain";
    check(&input, "/xdg/muster");
    input.xdg_state_home = NULL;
    check(&input, "/var/lib/muster");
    input.is_root = false;
    check(&input, "/home/u/.local/state/muster");
    input.home = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    g_assert_false(state_dir_resolve(&input, &path, &error));
    g_assert_error(error, CLI_ERROR, EXIT_ERROR);
    tree_clear(&tree);
}

static void test_upward(void)
{
    Tree tree;
    tree_make(&tree);
    g_autofree char *beside = g_build_filename(tree.project, ".muster", NULL);
    StateDirInput input = {.xdg_state_home = "/xdg", .directory = tree.deep};
    check(&input, beside);
    input.directory = tree.project;
    check(&input, beside);
    input.directory = tree.plain;
    check(&input, "/xdg/muster");
    tree_clear(&tree);
}

/* A SOURCE is not looked for upward, and several skip the rule even where each has a muster.yaml. */
static void test_sources(void)
{
    Tree tree;
    tree_make(&tree);
    const char *sources[] = {tree.deep, tree.project};
    StateDirInput input = {
        .xdg_state_home = "/xdg", .directory = tree.project, .sources = sources, .sources_len = 1};
    check(&input, "/xdg/muster");
    sources[0] = tree.project;
    input.sources_len = 2;
    check(&input, "/xdg/muster");
    tree_clear(&tree);
}

static void test_git(void)
{
    const char *sources[] = {"git+https://example.org/x.git"};
    StateDirInput input = {.xdg_state_home = "/xdg", .directory = "/", .sources = sources, .sources_len = 1};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    check(&input, "/xdg/muster");
    sources[0] = "git+ext://sh -c true";
    g_assert_false(state_dir_resolve(&input, &path, &error));
    g_assert_nonnull(strstr(error->message, "no transport that is allowed"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/state-dir/order", test_order);
    g_test_add_func("/cli/state-dir/upward", test_upward);
    g_test_add_func("/cli/state-dir/sources", test_sources);
    g_test_add_func("/cli/state-dir/git", test_git);
    return g_test_run();
}

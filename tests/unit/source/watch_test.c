#include "reconciler/source/watch.h"
#include "spec/base/rng.h"
#include "tests/unit/source/tree.h"
#include <unistd.h>

#define SETTLE_MS  5
#define PATIENCE_S 20 /* before a test that waits for an event that never comes gives up */

typedef struct {
    char *root;
    SourceOptions options;
    GMainLoop *loop;
    SourceWatch *watch;
    SourceFollower *follower;
    ManifestSet *set;
    DiagnosticList *diagnostics;
    unsigned settled;
} Fixture;

static void on_settled(void *data)
{
    Fixture *fixture = data;
    fixture->settled++;
    g_main_loop_quit(fixture->loop);
}

static gboolean on_patience(gpointer data)
{
    (void)data;
    g_error("nothing settled");
    return G_SOURCE_REMOVE;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->root = tree_new();
    fixture->options = (SourceOptions){.path = fixture->root, .threads = 1};
    fixture->loop = g_main_loop_new(NULL, FALSE);
    fixture->diagnostics = diagnostic_list_new();
    tree_write(fixture->root, "a.yaml", TREE_POLICY("a"));
    tree_write(fixture->root, ".musterignore", "out/\n");
    tree_write(fixture->root, "out/x.yaml", TREE_POLICY("ignored"));
}

static void start(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    fixture->watch = source_watch_new(&fixture->options, SETTLE_MS, on_settled, fixture, &error);
    g_assert_no_error(error);
    fixture->follower = source_follower_new(&fixture->options);
    source_follower_attach(fixture->follower, fixture->watch);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    source_follower_free(fixture->follower);
    source_watch_free(fixture->watch);
    manifest_set_unref(fixture->set);
    diagnostic_list_free(fixture->diagnostics);
    g_main_loop_unref(fixture->loop);
    tree_remove(fixture->root);
    g_free(fixture->root);
}

static void await(Fixture *fixture)
{
    guint patience = g_timeout_add_seconds(PATIENCE_S, on_patience, NULL);
    g_main_loop_run(fixture->loop);
    g_source_remove(patience);
}

/* Loads through the follower; the names in order, "error: …" or the number of faults before them. */
static char *names_now(Fixture *fixture)
{
    SourceStatistics statistics = {0};
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&fixture->set, manifest_set_unref);
    diagnostic_list_free(fixture->diagnostics);
    fixture->diagnostics = diagnostic_list_new();
    if (!source_follower_load(fixture->follower, &fixture->set, &statistics, fixture->diagnostics, &error))
        return g_strdup("unreadable");
    source_statistics_clear(&statistics);
    GString *names = g_string_new(NULL);
    size_t faults = diagnostic_list_len(fixture->diagnostics);
    if (faults > 0)
        g_string_append_printf(names, "%zu faults: ", faults);
    for (size_t i = 0; i < manifest_set_len(fixture->set); i++)
        g_string_append_printf(names, "%s" VIEW_FMT, i ? " " : "",
                               VIEW_ARG(manifest_set_get(fixture->set, i)->name));
    return g_string_free(names, FALSE);
}

static void assert_now(Fixture *fixture, const char *expected)
{
    g_autofree char *names = names_now(fixture);
    g_assert_cmpstr(names, ==, expected);
}

static void test_edits(Fixture *fixture, gconstpointer data)
{
    (void)data;
    start(fixture);
    assert_now(fixture, "a");
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b"));
    await(fixture);
    assert_now(fixture, "a b");
    tree_rename_over(fixture->root, "b.yaml", TREE_POLICY("c"));
    await(fixture);
    assert_now(fixture, "a c");
    g_autofree char *from = g_build_filename(fixture->root, "a.yaml", NULL),
                    *to = g_build_filename(fixture->root, "z.yaml", NULL);
    g_rename(from, to);
    await(fixture);
    assert_now(fixture, "a c");
    g_unlink(to);
    await(fixture);
    assert_now(fixture, "c");
}

static void test_directories(Fixture *fixture, gconstpointer data)
{
    (void)data;
    start(fixture);
    assert_now(fixture, "a");
    tree_write(fixture->root, "new/deep/b.yaml", TREE_POLICY("b")); /* before any watch can be there */
    await(fixture);
    assert_now(fixture, "a b");
    tree_write(fixture->root, "new/deep/c.yaml", TREE_POLICY("c")); /* seen by the watch that was added */
    await(fixture);
    assert_now(fixture, "a b c");
    g_autofree char *from = g_build_filename(fixture->root, "new", NULL),
                    *to = g_build_filename(fixture->root, "old", NULL);
    g_rename(from, to);
    await(fixture);
    assert_now(fixture, "a b c");
    tree_write(fixture->root, "old/deep/d.yaml", TREE_POLICY("d")); /* under the new name */
    await(fixture);
    assert_now(fixture, "a b c d");
    tree_remove(to);
    await(fixture);
    assert_now(fixture, "a");
}

static void test_ignored(Fixture *fixture, gconstpointer data)
{
    (void)data;
    start(fixture);
    assert_now(fixture, "a");
    tree_write(fixture->root, "out/y.yaml", TREE_POLICY("y"));
    tree_write(fixture->root, "notes.txt", "x");
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b"));
    await(fixture);
    WatchChanges changes;
    source_watch_take(fixture->watch, &changes);
    g_assert_false(changes.everything);
    g_assert_cmpuint(changes.paths->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(changes.paths, 0), ==, "b.yaml");
    watch_changes_clear(&changes);
    tree_write(fixture->root, ".musterignore", "a.yaml\n");
    await(fixture);
    assert_now(fixture, "b ignored y");
}

static void test_root_gone(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *aside = g_strconcat(fixture->root, ".aside", NULL);
    start(fixture);
    assert_now(fixture, "a");
    g_rename(fixture->root, aside);
    await(fixture);
    assert_now(fixture, "unreadable");
    tree_write(aside, "b.yaml", TREE_POLICY("b"));
    g_rename(aside, fixture->root);
    await(fixture);
    assert_now(fixture, "a b");
    tree_write(fixture->root, "c.yaml", TREE_POLICY("c"));
    await(fixture);
    assert_now(fixture, "a b c");
}

static void test_broken_edit(Fixture *fixture, gconstpointer data)
{
    (void)data;
    start(fixture);
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b"));
    assert_now(fixture, "a b");
    tree_write(fixture->root, "b.yaml", "apiVersion: muster/v1\nkind: Nonsense\n");
    await(fixture);
    assert_now(fixture, "1 faults: a");
    tree_write(fixture->root, "c.yaml", TREE_POLICY("c"));
    await(fixture);
    assert_now(fixture, "1 faults: a c"); /* the fault is told again */
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b"));
    await(fixture);
    assert_now(fixture, "a b c");
}

static void test_duplicate(Fixture *fixture, gconstpointer data)
{
    (void)data;
    start(fixture);
    assert_now(fixture, "a");
    tree_write(fixture->root, "b.yaml", TREE_POLICY("a"));
    await(fixture);
    assert_now(fixture, "1 faults: a");
    tree_write(fixture->root, "a.yaml", TREE_POLICY("c"));
    await(fixture);
    assert_now(fixture, "a c");
}

/* More events than the queue holds: everything is looked at, nothing is missed. */
static void test_overflow(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *limit = NULL;
    if (!g_file_get_contents("/proc/sys/fs/inotify/max_queued_events", &limit, NULL, NULL) ||
        g_ascii_strtoull(limit, NULL, 10) > 100000) {
        g_test_skip("the queue of inotify events is too long to fill");
        return;
    }
    start(fixture);
    assert_now(fixture, "a");
    guint64 count = g_ascii_strtoull(limit, NULL, 10);
    g_autofree char *x = g_build_filename(fixture->root, "x.yaml", NULL),
                    *y = g_build_filename(fixture->root, "y.yaml", NULL);
    tree_write(fixture->root, "x.yaml", TREE_POLICY("x"));
    for (guint64 i = 0; i < count; i += 2) {
        g_rename(x, y);
        g_rename(y, x);
    }
    tree_write(fixture->root, "late.yaml", TREE_POLICY("late"));
    await(fixture);
    assert_now(fixture, "a late x");
    tree_write(fixture->root, "later.yaml", TREE_POLICY("later"));
    await(fixture);
    assert_now(fixture, "a late later x");
}

/* ---- whatever happens, following gives what loading gives
 * ---------------------------------------------------------- */

static void random_edit(Fixture *fixture, Rng *rng)
{
    static const char *const directories[] = {"", "one/", "one/two/", "three/"};
    uint64_t file = rng_below(rng, 6), directory = rng_below(rng, G_N_ELEMENTS(directories));
    g_autofree char *name = g_strdup_printf("%sf%d.yaml", directories[directory], (int)file);
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);
    g_autofree char *text =
        g_strdup_printf("apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: p%d-%d, labels: "
                        "{v: \"%d\"}}\nspec: {}\n",
                        (int)directory, (int)file, (int)rng_below(rng, 1000));
    switch (rng_below(rng, 6)) {
    case 0:
        if (g_unlink(path) == 0)
            return;
        tree_write(fixture->root, name, text);
        return;
    case 1:
        if (directory > 0 && g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_autofree char *whole = g_path_get_dirname(path);
            tree_remove(whole);
            return;
        }
        tree_write(fixture->root, name, text);
        return;
    case 2: tree_rename_over(fixture->root, name, text); return;
    default: tree_write(fixture->root, name, text); return;
    }
}

static void test_random(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Rng rng = rng_from_seed(7);
    start(fixture);
    assert_now(fixture, "a");
    for (int step = 0; step < 150; step++) {
        for (uint64_t i = 0; i <= rng_below(&rng, 4); i++)
            random_edit(fixture, &rng);
        await(fixture);
        g_free(names_now(fixture));
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_autoptr(ManifestSet) loaded = NULL;
        SourceStatistics statistics = {0};
        g_assert_true(source_load(&fixture->options, &loaded, &statistics, diagnostics, NULL));
        source_statistics_clear(&statistics);
        g_assert_cmpstr(manifest_set_revision(fixture->set), ==, manifest_set_revision(loaded));
        for (size_t i = 0; i < manifest_set_len(loaded); i++) {
            const Manifest *manifest = manifest_set_get(loaded, i);
            const Manifest *found = manifest_set_find(fixture->set, manifest->kind, manifest->name);
            g_assert_true(found && found == manifest_set_get(fixture->set, i));
            g_assert_cmpstr(found->file, ==, manifest->file);
        }
    }
}

#define ADD(name, function) g_test_add("/source/watch/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("edits", test_edits);
    ADD("directories", test_directories);
    ADD("ignored", test_ignored);
    ADD("root-gone", test_root_gone);
    ADD("broken-edit", test_broken_edit);
    ADD("duplicate", test_duplicate);
    ADD("overflow", test_overflow);
    ADD("random", test_random);
    return g_test_run();
}

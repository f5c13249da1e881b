#include "reconciler/source/source.h"
#include "tests/unit/source/tree.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *root, *cache;
    SourceOptions options;
    ManifestSet *set;
    SourceStatistics statistics;
    DiagnosticList *diagnostics;
    GError *error;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->root = tree_new();
    fixture->cache = tree_new();
    fixture->options = (SourceOptions){.path = fixture->root, .threads = 2};
    fixture->diagnostics = diagnostic_list_new();
}

static void forget(Fixture *fixture)
{
    g_clear_pointer(&fixture->set, manifest_set_unref);
    source_statistics_clear(&fixture->statistics);
    g_clear_error(&fixture->error);
    diagnostic_list_free(fixture->diagnostics);
    fixture->diagnostics = diagnostic_list_new();
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    forget(fixture);
    diagnostic_list_free(fixture->diagnostics);
    source_options_clear(&fixture->options);
    tree_remove(fixture->root);
    tree_remove(fixture->cache);
    g_free(fixture->root);
    g_free(fixture->cache);
}

static bool load(Fixture *fixture)
{
    forget(fixture);
    return source_load(&fixture->options, &fixture->set, &fixture->statistics, fixture->diagnostics,
                       &fixture->error);
}

/* "a b c": the names in the set's order. */
static void assert_names(const Fixture *fixture, const char *expected)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (size_t i = 0; i < manifest_set_len(fixture->set); i++)
        g_string_append_printf(names, "%s" VIEW_FMT, i ? " " : "",
                               VIEW_ARG(manifest_set_get(fixture->set, i)->name));
    g_assert_cmpstr(names->str, ==, expected);
}

static void assert_clean_load(Fixture *fixture)
{
    bool is_good = load(fixture);
    g_assert_no_error(fixture->error);
    g_assert_true(is_good);
    g_autoptr(GString) text = g_string_new(NULL);
    diagnostic_list_render(fixture->diagnostics, DIAGNOSTIC_TEXT, text);
    g_assert_cmpstr(text->str, ==, "");
}

static void test_tree(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, "muster.yaml", "name: shop\nprovider: local\n");
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b") "---\n" TREE_POLICY("c"));
    tree_write(fixture->root, "deep/er/a.yml", TREE_POLICY("a"));
    tree_write(fixture->root, "d.json",
               "{\"apiVersion\":\"muster/"
               "v1\",\"kind\":\"SchedulingPolicy\",\"metadata\":{\"name\":\"d\"},\"spec\":{}}");
    tree_write(fixture->root, "compose.yaml", "services: {web: {image: !Ref x}}\n");
    tree_write(fixture->root, "notes.txt", TREE_POLICY("not-read"));
    tree_write(fixture->root, ".git/x.yaml", TREE_POLICY("git"));
    tree_write(fixture->root, ".muster/x.yaml", TREE_POLICY("state"));
    assert_clean_load(fixture);
    assert_names(fixture, "a b c d");
    g_assert_cmpuint(fixture->statistics.files, ==, 4);
    g_assert_cmpuint(fixture->statistics.files_skipped, ==, 1);
    g_assert_true(g_str_has_suffix(fixture->statistics.first_skipped, "/compose.yaml:1"));
    const Manifest *c = manifest_set_find(fixture->set, KIND_SCHEDULING_POLICY, VIEW("c"));
    g_autofree char *file = g_strconcat(fixture->root, "/b.yaml", NULL);
    g_assert_cmpstr(c->file, ==, file);
    g_assert_cmpint(c->line, ==, 6);
    g_autofree char *identity = source_identity(&fixture->options, fixture->set);
    g_assert_cmpstr(identity, ==, "shop");
    View text = source_text(file, &fixture->options);
    g_assert_true(g_str_has_prefix(text.data, "apiVersion"));
    g_assert_cmpuint(source_text("/etc/passwd", &fixture->options).len, ==, 0);
}

static void test_ignored(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, ".musterignore", "out/\n*.tmp.yaml\n");
    tree_write(fixture->root, "a.yaml", TREE_POLICY("a"));
    tree_write(fixture->root, "b.tmp.yaml", TREE_POLICY("b"));
    tree_write(fixture->root, "sub/.musterignore", "!keep.tmp.yaml\n");
    tree_write(fixture->root, "sub/keep.tmp.yaml", TREE_POLICY("k"));
    tree_write(fixture->root, "sub/out/c.yaml", TREE_POLICY("c"));
    assert_clean_load(fixture);
    assert_names(fixture, "a k");
}

static void link_to(Fixture *fixture, const char *target, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->root, name, NULL);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void test_links_inside(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, "..2026/a.yaml", TREE_POLICY("a"));
    link_to(fixture, "..2026", "..data");
    link_to(fixture, "..data/a.yaml", "a.yaml");
    link_to(fixture, ".", "loop");
    link_to(fixture, "user@host.123", ".#queues.yaml");
    assert_clean_load(fixture);
    assert_names(fixture, "a");
}

static void test_links_outside(Fixture *fixture, gconstpointer data)
{
    static const char *const targets[] = {"/etc/hostname", "/etc", "../", "nowhere.yaml"};
    tree_write(fixture->root, "a.yaml", TREE_POLICY("a"));
    link_to(fixture, targets[GPOINTER_TO_INT(data)], "evil.yaml");
    g_assert_false(load(fixture));
    g_assert_error(fixture->error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE);
    g_assert_nonnull(strstr(fixture->error->message, "evil.yaml"));
    tree_write(fixture->root, ".musterignore", "evil.yaml\n");
    assert_clean_load(fixture);
}

static void test_unreadable(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *gone = g_build_filename(fixture->root, "gone", NULL);
    fixture->options.path = gone;
    g_assert_false(load(fixture));
    g_assert_error(fixture->error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE);
    fixture->options.path = fixture->root;
    if (geteuid() == 0)
        return; /* root reads everything */
    g_autofree char *closed = g_build_filename(fixture->root, "closed", NULL);
    tree_write(fixture->root, "closed/a.yaml", TREE_POLICY("a"));
    g_chmod(closed, 0);
    g_assert_false(load(fixture));
    g_chmod(closed, 0700);
}

static void test_faults_are_reported(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, "a.yaml",
               TREE_POLICY("a") "---\napiVersion: muster/v2\nkind: SchedulingPolicy\n");
    tree_write(fixture->root, "b.yaml", TREE_POLICY("a"));
    g_assert_true(load(fixture));
    assert_names(fixture, "a");
    g_assert_cmpuint(diagnostic_list_count(fixture->diagnostics, SEVERITY_ERROR), ==, 2);
}

static void test_single_file(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, "a.yaml", TREE_POLICY("a"));
    tree_write(fixture->root, "b.yaml", TREE_POLICY("b"));
    g_autofree char *path = g_build_filename(fixture->root, "b.yaml", NULL);
    fixture->options.path = path;
    assert_clean_load(fixture);
    assert_names(fixture, "b");
    fixture->options.path = fixture->root;
}

/* A stream beyond the size at which files are cut gives the same as its documents one by one, lines included.
 */
static void test_big_stream(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *filler = g_strnfill(2000, 'x');
    const int total = 6000;
    for (int i = 0; i < total; i++)
        g_string_append_printf(
            text,
            "---\n# %s\napiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: p%05d}\n"
            "spec: {}\n",
            filler, i);
    tree_write(fixture->root, "big.yaml", text->str);
    fixture->options.cache_dir = fixture->cache;
    for (int pass = 0; pass < 2; pass++) {
        assert_clean_load(fixture);
        g_assert_cmpuint(manifest_set_len(fixture->set), ==, total);
        g_assert_cmpuint(fixture->statistics.files, ==, 1);
        g_assert_cmpuint(fixture->statistics.files_cached, ==, (size_t)pass);
        g_assert_cmpuint(fixture->statistics.bytes, ==, text->len);
        for (int i = 0; i < total; i++)
            g_assert_cmpint(manifest_set_get(fixture->set, (size_t)i)->line, ==, 6 * i + 3);
    }
}

/* ---- cache
 * -------------------------------------------------------------------------------------------------------- */

static char *cache_file(const Fixture *fixture)
{
    g_autoptr(GDir) directory = g_dir_open(fixture->cache, 0, NULL);
    const char *name = g_dir_read_name(directory);
    g_assert_nonnull(name);
    char *path = g_build_filename(fixture->cache, name, NULL);
    g_assert_null(g_dir_read_name(directory)); /* no temporary file is left */
    return path;
}

static void write_cached_tree(Fixture *fixture)
{
    fixture->options.cache_dir = fixture->cache;
    tree_write(fixture->root, "a.yaml",
               "apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata:\n  name: a\n  labels: {x: y}\n"
               "  annotations: {muster/prune: \"false\", muster/deletion: refuse}\nspec: {}\n");
    tree_write(fixture->root, "b.yaml", "x: 1\n---\n" TREE_POLICY("b"));
    tree_write(fixture->root, "other.yaml", "x: 1\n");
    assert_clean_load(fixture);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, 0);
}

static void test_cache_equals_parsing(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_cached_tree(fixture);
    ManifestSet *parsed = g_steal_pointer(&fixture->set);
    size_t skipped = fixture->statistics.files_skipped, documents = fixture->statistics.documents_skipped;
    assert_clean_load(fixture);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, 2); /* what holds nothing of ours needs no cache */
    g_assert_cmpuint(fixture->statistics.files_skipped, ==, skipped);
    g_assert_cmpuint(fixture->statistics.documents_skipped, ==, documents);
    g_assert_cmpstr(manifest_set_revision(parsed), ==, manifest_set_revision(fixture->set));
    for (size_t i = 0; i < manifest_set_len(parsed); i++) {
        const Manifest *a = manifest_set_get(parsed, i), *b = manifest_set_get(fixture->set, i);
        g_assert_true(view_equal(a->spec, b->spec) && view_equal(a->metadata, b->metadata));
        g_assert_true(a->prune == b->prune && a->deletion == b->deletion && a->line == b->line);
        g_assert_cmpstr(a->file, ==, b->file);
    }
    manifest_set_unref(parsed);
}

/* Content decides: the same size and time do not hide a change. */
/* What lies in the cache's file leaves memory and comes back, whatever became of the file's name. */
static void test_cache_rests(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_cached_tree(fixture);
    load(fixture);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, 2);
    g_autofree char *path = cache_file(fixture);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < manifest_set_len(fixture->set); i++) {
        View spec = manifest_set_get(fixture->set, i)->spec;
        g_ptr_array_add(texts, g_strndup(spec.data, spec.len));
    }
    manifest_set_rest(fixture->set);
    g_assert_cmpint(g_unlink(path), ==, 0);
    for (size_t i = 0; i < manifest_set_len(fixture->set); i++)
        g_assert_true(view_is(manifest_set_get(fixture->set, i)->spec, texts->pdata[i]));
}

static void test_cache_sees_content(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_cached_tree(fixture);
    g_autofree char *path = g_build_filename(fixture->root, "b.yaml", NULL);
    GStatBuf before;
    g_assert_cmpint(g_stat(path, &before), ==, 0);
    tree_write(fixture->root, "b.yaml", "x: 1\n---\n" TREE_POLICY("c"));
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
    assert_clean_load(fixture);
    assert_names(fixture, "a c");
}

static void test_cache_key(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_cached_tree(fixture);
    tree_write(fixture->root, "muster.yaml", "name: shop\nprovider: local\n");
    assert_clean_load(fixture);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, 0);
    assert_clean_load(fixture);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, 2);
}

static void test_cache_keeps_no_faults(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->options.cache_dir = fixture->cache;
    tree_write(fixture->root, "a.yaml", TREE_POLICY("a") "---\napiVersion: muster/v1\nkind: Nonsense\n");
    for (int pass = 0; pass < 2; pass++) {
        g_assert_true(load(fixture));
        g_assert_cmpuint(diagnostic_list_len(fixture->diagnostics), ==, 1);
    }
}

/* Whatever single byte of the file is damaged, the result is that of parsing. */
static void test_cache_damaged(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_cached_tree(fixture);
    g_autofree char *revision = g_strdup(manifest_set_revision(fixture->set)), *path = cache_file(fixture),
                    *good = NULL;
    size_t len;
    g_assert_true(g_file_get_contents(path, &good, &len, NULL));
    for (size_t i = 0; i < len; i += 1 + len / 97) {
        g_autofree char *bad = g_memdup2(good, len);
        bad[i] = (char)(bad[i] ^ 0x41);
        g_assert_true(g_file_set_contents(path, bad, (gssize)len, NULL));
        assert_clean_load(fixture);
        g_assert_cmpstr(manifest_set_revision(fixture->set), ==, revision);
    }
    for (size_t cut = 0; cut < len; cut += 1 + len / 13) {
        g_assert_true(g_file_set_contents(path, good, (gssize)cut, NULL));
        assert_clean_load(fixture);
        g_assert_cmpstr(manifest_set_revision(fixture->set), ==, revision);
        assert_clean_load(fixture);
        g_assert_cmpuint(fixture->statistics.files_cached, ==, 2); /* and it is mended */
    }
}

#define ADD(name, function) g_test_add("/source/load/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("tree", test_tree);
    ADD("ignored", test_ignored);
    ADD("links-inside", test_links_inside);
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("/source/load/links-outside/%d", i);
        g_test_add(name, Fixture, GINT_TO_POINTER(i), set_up, test_links_outside, tear_down);
    }
    ADD("unreadable", test_unreadable);
    ADD("faults-are-reported", test_faults_are_reported);
    ADD("single-file", test_single_file);
    ADD("big-stream", test_big_stream);
    ADD("cache-equals-parsing", test_cache_equals_parsing);
    ADD("cache-rests", test_cache_rests);
    ADD("cache-sees-content", test_cache_sees_content);
    ADD("cache-key", test_cache_key);
    ADD("cache-keeps-no-faults", test_cache_keeps_no_faults);
    ADD("cache-damaged", test_cache_damaged);
    return g_test_run();
}

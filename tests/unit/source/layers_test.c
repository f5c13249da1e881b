/* Bases beside a source, and what the cache makes of variables and patches. */
#include "reconciler/source/layers.h"
#include "tests/unit/source/tree.h"
#include <unistd.h>

#define QUEUE(name, priority)                                                                                \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: " name "}\n"                                    \
    "spec: {priority: " priority ", computeEnvironmentOrder: [e]}\n"

typedef struct {
    char *root, *source, *cache;
    SourceOptions options;
    GivenValues *values;
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
    fixture->source = g_build_filename(fixture->root, "envs/prod", NULL);
    fixture->values = given_values_new();
    fixture->options = (SourceOptions){
        .path = fixture->source, .threads = 2, .values = fixture->values, .cache_dir = fixture->cache};
    fixture->diagnostics = diagnostic_list_new();
    tree_write(fixture->root, "base/q.yaml", QUEUE("main", "\"${var.p}\""));
    tree_write(fixture->root, "base/muster.yaml", "name: base\nprovider: local\nvariables: {p: 1}\n");
    tree_write(fixture->root, "envs/prod/muster.yaml", "bases: [../../base]\n");
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
    given_values_free(fixture->values);
    source_options_clear(&fixture->options);
    tree_remove(fixture->root);
    tree_remove(fixture->cache);
    g_free(fixture->root);
    g_free(fixture->source);
    g_free(fixture->cache);
}

static bool load(Fixture *fixture)
{
    forget(fixture);
    return source_load(&fixture->options, &fixture->set, &fixture->statistics, fixture->diagnostics,
                       &fixture->error);
}

static int64_t number_of(const ManifestSet *set, const char *queue)
{
    const Manifest *manifest = manifest_set_find(set, KIND_JOB_QUEUE, view_from(queue));
    g_assert_nonnull(manifest);
    const char *at = memmem(manifest->spec.data, manifest->spec.len, "\"priority\":", 11);
    return at ? g_ascii_strtoll(at + 11, NULL, 10) : -1;
}

static void assert_priority(Fixture *fixture, int64_t expected, size_t cached)
{
    bool good = load(fixture);
    g_assert_no_error(fixture->error);
    g_assert_true(good);
    g_assert_cmpuint(diagnostic_list_len(fixture->diagnostics), ==, 0);
    g_assert_cmpint(number_of(fixture->set, "main"), ==, expected);
    g_assert_cmpuint(fixture->statistics.files_cached, ==, cached);
}

static void set(Fixture *fixture, const char *name, const char *text)
{
    GivenValue value = {.name = (char *)(uintptr_t)name,
                        .text = (char *)(uintptr_t)text,
                        .from = (char *)(uintptr_t) "--set"};
    g_assert_true(given_values_add(fixture->values, &value));
}

/* The same bytes become something else under other values and patches; the cache must not say otherwise. */
static void test_cache(Fixture *fixture, gconstpointer data)
{
    (void)data;
    assert_priority(fixture, 1, 0);
    assert_priority(fixture, 1, 1);
    set(fixture, "p", "7");
    assert_priority(fixture, 7, 0);
    assert_priority(fixture, 7, 1);
    set(fixture, "p", "8");
    assert_priority(fixture, 8, 0);
    tree_write(fixture->root, "envs/prod/muster.yaml",
               "bases: [../../base]\npatches: [{target: JobQueue/main, spec: {priority: 9}}]\n");
    assert_priority(fixture, 9, 0);
    assert_priority(fixture, 9, 1);
    tree_write(fixture->root, "envs/prod/muster.yaml", "bases: [../../base]\nvariables: {p: 3}\n");
    assert_priority(fixture, 8, 0);
}

static void test_names(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_true(load(fixture));
    g_autofree char *shown = g_strconcat(fixture->root, "/base/q.yaml", NULL);
    g_assert_cmpstr(manifest_set_get(fixture->set, 0)->file, ==, shown);
    g_assert_cmpuint(source_text(shown, &fixture->options).len, >, 0);
    g_autofree char *secret = g_strconcat(fixture->root, "/secret", NULL);
    tree_write(fixture->root, "secret", "x");
    g_assert_cmpuint(source_text(secret, &fixture->options).len, ==, 0);
    g_autofree char *identity = source_identity(&fixture->options, fixture->set);
    g_assert_cmpstr(identity, ==, "prod"); /* a base's name is its own */
    g_assert_cmpstr(manifest_set_config(fixture->set)->provider, ==, "local");
    /* as it is named from where the user stands */
    g_assert_cmpint(chdir(fixture->source), ==, 0);
    source_options_clear(&fixture->options);
    fixture->options.path = ".";
    g_assert_true(load(fixture));
    g_assert_cmpstr(manifest_set_get(fixture->set, 0)->file, ==, "../../base/q.yaml");
    g_assert_cmpuint(source_text("../../base/q.yaml", &fixture->options).len, >, 0);
    g_assert_cmpint(chdir("/"), ==, 0);
}

/* A base that two others build on counts once, and stands before both. */
static void test_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    tree_write(fixture->root, "a/muster.yaml", "bases: [../base]\nvariables: {p: 10}\n");
    tree_write(fixture->root, "b/muster.yaml", "bases: [../base]\n");
    tree_write(fixture->root, "envs/prod/muster.yaml", "bases: [../../a, ../../b]\n");
    tree_write(fixture->root, "envs/prod/own.yaml", QUEUE("own", "2"));
    g_assert_true(load(fixture));
    g_assert_cmpuint(diagnostic_list_len(fixture->diagnostics), ==, 0);
    g_assert_cmpuint(manifest_set_len(fixture->set), ==, 2);
    g_assert_cmpint(number_of(fixture->set, "main"), ==, 10);
}

static void assert_refused(Fixture *fixture, const char *muster, const char *why)
{
    tree_write(fixture->root, "envs/prod/muster.yaml", muster);
    g_assert_false(load(fixture));
    g_assert_nonnull(strstr(fixture->error->message, why));
    g_assert_nonnull(strstr(fixture->error->message, "muster.yaml: base "));
}

static void test_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    assert_refused(fixture, "bases: [../../nowhere]\n", "No such file");
    assert_refused(fixture, "bases: [../..]\n", "the source is inside of it");
    tree_write(fixture->source, "below/q.yaml", QUEUE("below", "2"));
    assert_refused(fixture, "bases: [below]\n", "inside of the source");
    assert_refused(fixture, "bases: [../../base/q.yaml]\n", "not a directory");
    tree_write(fixture->root, "base/muster.yaml", "bases: [../other]\n");
    tree_write(fixture->root, "other/muster.yaml", "bases: [../base]\n");
    assert_refused(fixture, "bases: [../../base]\n", "builds on itself");
    /* deeper than the limit */
    for (int i = 0; i < 12; i++) {
        g_autofree char *name = g_strdup_printf("deep%d/muster.yaml", i),
                        *text = g_strdup_printf("bases: [../deep%d]\n", i + 1);
        tree_write(fixture->root, name, text);
    }
    assert_refused(fixture, "bases: [../../deep0]\n", "too many bases");
    /* what a base's muster.yaml does wrong is told in it, and nothing else for it */
    tree_write(fixture->root, "base/muster.yaml", "variables: {a-b: 1}\n");
    tree_write(fixture->root, "envs/prod/muster.yaml", "bases: [../../base]\n");
    g_assert_true(load(fixture));
    g_assert_cmpuint(diagnostic_list_len(fixture->diagnostics), ==, 1);
    g_assert_true(g_str_has_suffix(diagnostic_list_get(fixture->diagnostics, 0)->file, "/base/muster.yaml"));
}

/* A value that nothing declares is a fault wherever it goes. */
static void test_undeclared(Fixture *fixture, gconstpointer data)
{
    (void)data;
    set(fixture, "q", "1");
    g_assert_true(load(fixture));
    g_assert_cmpuint(diagnostic_list_count(fixture->diagnostics, SEVERITY_ERROR), ==, 1);
    g_autofree char *file = g_build_filename(fixture->root, "base/q.yaml", NULL);
    fixture->options.path = file;
    g_assert_true(load(fixture));
    g_assert_cmpuint(diagnostic_list_count(fixture->diagnostics, SEVERITY_ERROR), ==, 2);
}

/* The daemon's way: a change of the base, and of a patch that deletes, is seen by a follower. */
static void test_follower(Fixture *fixture, gconstpointer data)
{
    (void)data;
    set(fixture, "p", "4");
    tree_write(fixture->root, "envs/prod/own.yaml", QUEUE("own", "2"));
    g_autoptr(SourceFollower) follower = source_follower_new(&fixture->options);
    forget(fixture);
    g_assert_true(source_follower_load(follower, &fixture->set, &fixture->statistics, fixture->diagnostics,
                                       &fixture->error));
    g_assert_cmpint(number_of(fixture->set, "main"), ==, 4);
    g_assert_cmpuint(source_follower_bases(follower)->len, ==, 1);
    tree_write(fixture->root, "base/q.yaml", QUEUE("main", "\"1${var.p}\""));
    tree_write(fixture->root, "envs/prod/muster.yaml",
               "bases: [../../base]\npatches: [{target: JobQueue/own, $patch: delete},"
               "{target: JobQueue/main, spec: {priority: 14}}]\n");
    source_follower_doubt(follower);
    forget(fixture);
    g_assert_true(source_follower_load(follower, &fixture->set, &fixture->statistics, fixture->diagnostics,
                                       &fixture->error));
    g_assert_cmpint(number_of(fixture->set, "main"), ==, 14);
    g_assert_cmpuint(manifest_set_len(fixture->set), ==, 1);
}

/* ---- the same over something that is no file system, as the tree of a commit */

static bool fake_locate(void *self, const SourceBase *from, const char *base, SourceBase *ret_base,
                        GError **error)
{
    g_autofree char *here = g_strconcat(from->path, *from->path ? "/" : "", NULL),
                    *joined = layers_join(here, base);
    if (g_str_has_prefix(joined, "../") || !*joined) {
        g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "it leaves the repository");
        return false;
    }
    (void)self;
    ret_base->shown = g_strdup(joined);
    ret_base->path = g_strndup(joined, strlen(joined) - 1);
    return true;
}

static bool fake_read(void *self, const SourceBase *base, char **ret_text, size_t *ret_len, GError **error)
{
    (void)error;
    const char *text = g_hash_table_lookup(self, base->path);
    *ret_text = g_strdup(text);
    *ret_len = text ? strlen(text) : 0;
    return true;
}

static GPtrArray *resolve_fake(GHashTable *tree, const char *muster, GError **error)
{
    LayersPort port = {tree, fake_locate, fake_read};
    SourceBase source = {(char *)(uintptr_t) "envs/prod", (char *)(uintptr_t) "envs/prod/", NULL};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    kinds_init();
    g_autoptr(SourceConfig) config = source_config_parse(view_from(muster), "muster.yaml", diagnostics);
    g_assert_nonnull(config);
    return layers_resolve(&port, &source, config, diagnostics, error);
}

static void test_port(void)
{
    g_autoptr(GHashTable) tree = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GError) error = NULL;
    g_hash_table_insert(tree, (char *)(uintptr_t) "base", (char *)(uintptr_t) "bases: [../common/./all]");
    g_autoptr(GPtrArray) bases = resolve_fake(tree, "bases: [../../base, ../../common/all]", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(bases->len, ==, 2);
    g_assert_cmpstr(((const SourceBase *)bases->pdata[0])->path, ==, "common/all");
    g_assert_cmpstr(((const SourceBase *)bases->pdata[1])->shown, ==, "base/");
    g_assert_null(resolve_fake(tree, "bases: [../../../base]", &error));
    g_assert_nonnull(strstr(error->message, "envs/prod/muster.yaml: base ../../../base: it leaves"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const struct {
        const char *name;
        void (*test)(Fixture *, gconstpointer);
    } tests[] = {
        {"/source/layers/cache", test_cache},           {"/source/layers/names", test_names},
        {"/source/layers/order", test_order},           {"/source/layers/refused", test_refused},
        {"/source/layers/undeclared", test_undeclared}, {"/source/layers/follower", test_follower},
    };
    g_test_add_func("/source/layers/port", test_port);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}

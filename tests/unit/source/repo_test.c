#include <git2.h>
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/repo_watch.h"
#include "reconciler/source/source.h"
#include "spec/base/rng.h"
#include "tests/unit/source/tree.h"

typedef struct {
    char *root, *remote, *state, *location;
    git_repository *repository;
    git_oid tree; /* of the last commit */
    bool has_tree;
    char commit[GIT_OID_HEXSZ + 1];
    ManifestSet *set;
    SourceOptions options;
    DiagnosticList *diagnostics;
    GError *error;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->root = tree_new();
    fixture->remote = g_build_filename(fixture->root, "jobs.git", NULL);
    fixture->state = g_build_filename(fixture->root, "state", NULL);
    g_assert_cmpint(g_mkdir(fixture->state, 0700), ==, 0);
    repo_library_init();
    g_assert_cmpint(git_repository_init(&fixture->repository, fixture->remote, 1), ==, 0);
    g_assert_cmpint(git_repository_set_head(fixture->repository, "refs/heads/main"), ==, 0);
}

static void forget(Fixture *fixture)
{
    g_clear_pointer(&fixture->set, manifest_set_unref);
    g_clear_pointer(&fixture->diagnostics, diagnostic_list_free);
    source_options_clear(&fixture->options);
    g_clear_pointer(&fixture->location, g_free);
    g_clear_error(&fixture->error);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    forget(fixture);
    git_repository_free(fixture->repository);
    tree_remove(fixture->root);
    g_free(fixture->root);
    g_free(fixture->remote);
    g_free(fixture->state);
}

/* ---- writing a repository ---- */

static git_oid blob(const Fixture *fixture, const char *text)
{
    git_oid id;
    g_assert_cmpint(git_blob_create_from_buffer(&id, fixture->repository, text, strlen(text)), ==, 0);
    return id;
}

/* text NULL: removes path. */
static void put_mode(Fixture *fixture, const char *path, const char *text, git_filemode_t mode)
{
    git_tree *before = NULL;
    git_tree_update update = {
        .action = text ? GIT_TREE_UPDATE_UPSERT : GIT_TREE_UPDATE_REMOVE, .filemode = mode, .path = path};
    if (text && mode == GIT_FILEMODE_COMMIT)
        git_oid_fromstr(&update.id, text);
    else if (text)
        update.id = blob(fixture, text);
    if (fixture->has_tree)
        g_assert_cmpint(git_tree_lookup(&before, fixture->repository, &fixture->tree), ==, 0);
    g_assert_cmpint(git_tree_create_updated(&fixture->tree, fixture->repository, before, 1, &update), ==, 0);
    fixture->has_tree = true;
    git_tree_free(before);
}

static void put(Fixture *fixture, const char *path, const char *text)
{
    put_mode(fixture, path, text, GIT_FILEMODE_BLOB);
}

static void commit_tree_to(Fixture *fixture, const char *reference)
{
    git_signature *author = NULL;
    git_tree *tree = NULL;
    git_oid id;
    git_reference *made = NULL;
    g_assert_cmpint(git_signature_new(&author, "t", "t@example.org", 1700000000, 0), ==, 0);
    g_assert_cmpint(git_tree_lookup(&tree, fixture->repository, &fixture->tree), ==, 0);
    g_assert_cmpint(
        git_commit_create(&id, fixture->repository, NULL, author, author, NULL, "m", tree, 0, NULL), ==, 0);
    g_assert_cmpint(git_reference_create(&made, fixture->repository, reference, &id, 1, NULL), ==, 0);
    git_oid_tostr(fixture->commit, sizeof fixture->commit, &id);
    git_reference_free(made);
    git_tree_free(tree);
    git_signature_free(author);
}

static void commit(Fixture *fixture)
{
    commit_tree_to(fixture, "refs/heads/main");
}

/* A tree whose entries libgit2 would refuse to write. mode: as git writes it, "100644" … */
typedef struct {
    const char *mode, *name;
    git_oid id;
} RawEntry;

static git_oid raw_tree(const Fixture *fixture, const RawEntry *entries, size_t len)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    git_odb *odb = NULL;
    git_oid id;
    for (size_t i = 0; i < len; i++) {
        g_autofree char *head = g_strdup_printf("%s %s", entries[i].mode, entries[i].name);
        g_byte_array_append(bytes, (const guint8 *)head, (guint)strlen(head) + 1);
        g_byte_array_append(bytes, entries[i].id.id, GIT_OID_RAWSZ);
    }
    g_assert_cmpint(git_repository_odb(&odb, fixture->repository), ==, 0);
    g_assert_cmpint(git_odb_write(&id, odb, bytes->data, bytes->len, GIT_OBJECT_TREE), ==, 0);
    git_odb_free(odb);
    return id;
}

/* ---- loading it ---- */

static bool load(Fixture *fixture, const char *suffix)
{
    SourceStatistics statistics = {0};
    forget(fixture);
    fixture->location = g_strdup_printf("git+file://%s%s", fixture->remote, suffix);
    fixture->options = (SourceOptions){.path = fixture->location, .state_dir = fixture->state, .threads = 2};
    fixture->diagnostics = diagnostic_list_new();
    bool is_good =
        source_load(&fixture->options, &fixture->set, &statistics, fixture->diagnostics, &fixture->error);
    source_statistics_clear(&statistics);
    return is_good;
}

static char *names_of(const ManifestSet *set)
{
    GString *names = g_string_new(NULL);
    for (size_t i = 0; i < manifest_set_len(set); i++)
        g_string_append_printf(names, "%s" VIEW_FMT, i ? " " : "", VIEW_ARG(manifest_set_get(set, i)->name));
    return g_string_free(names, FALSE);
}

static void assert_loads(Fixture *fixture, const char *suffix, const char *expected)
{
    bool is_good = load(fixture, suffix);
    g_assert_no_error(fixture->error);
    g_assert_true(is_good);
    g_autofree char *names = names_of(fixture->set);
    g_assert_cmpstr(names, ==, expected);
}

static void assert_fails(Fixture *fixture, const char *suffix, int code, const char *part)
{
    g_assert_false(load(fixture, suffix));
    g_test_message("%s", fixture->error->message);
    g_assert_error(fixture->error, SOURCE_ERROR, code);
    g_assert_nonnull(strstr(fixture->error->message, part));
}

/* ---- what is read ---- */

static void test_commit(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put(fixture, "envs/prod/muster.yaml", "name: shop\nprovider: local\n");
    put(fixture, "envs/prod/b.yaml", "# first\n" TREE_POLICY("b") "---\n" TREE_POLICY("c"));
    put(fixture, "envs/prod/deep/er/a.yml", TREE_POLICY("a"));
    put_mode(fixture, "envs/prod/d.yaml", TREE_POLICY("d"), GIT_FILEMODE_BLOB_EXECUTABLE);
    put(fixture, "envs/prod/notes.txt", TREE_POLICY("not-read"));
    put(fixture, "envs/prod/.muster/x.yaml", TREE_POLICY("state"));
    put(fixture, "envs/dev/x.yaml", TREE_POLICY("elsewhere"));
    commit(fixture);
    assert_loads(fixture, ":envs/prod", "a b c d");
    g_assert_cmpstr(manifest_set_revision(fixture->set), ==, fixture->commit);
    const Manifest *c = manifest_set_find(fixture->set, KIND_SCHEDULING_POLICY, VIEW("c"));
    g_assert_cmpstr(c->file, ==, "envs/prod/b.yaml");
    g_assert_cmpint(c->line, ==, 7);
    View text = source_text("envs/prod/b.yaml", &fixture->options);
    g_assert_true(g_str_has_prefix(text.data, "# first\n"));
    g_assert_cmpuint(source_text("envs/dev/x.yaml", &fixture->options).len, ==, 0);
    g_autofree char *identity = source_identity(&fixture->options, fixture->set);
    g_assert_cmpstr(identity, ==, "shop");
    assert_loads(fixture, ":envs/prod/b.yaml", "b c");
    assert_loads(fixture, "@main", "a b c d elsewhere");
    assert_fails(fixture, ":envs/test", SOURCE_ERROR_REF, "has no \"envs/test\"");
}

static void tag(Fixture *fixture, const char *name)
{
    g_autofree char *reference = g_strconcat("refs/tags/", name, NULL);
    put(fixture, "a.yaml", NULL);
    g_autofree char *text = g_strdup_printf(
        "apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: \"%s\"}\nspec: {}\n", name);
    g_strdelimit(strstr(text, "name:") + 7, ".+", '_');
    put(fixture, "a.yaml", text);
    commit_tree_to(fixture, reference);
}

static void test_references(Fixture *fixture, gconstpointer data)
{
    (void)data;
    char first[GIT_OID_HEXSZ + 1];
    put(fixture, "a.yaml", TREE_POLICY("a"));
    commit(fixture);
    g_strlcpy(first, fixture->commit, sizeof first);
    tag(fixture, "v1_0_0");
    commit_tree_to(fixture, "refs/tags/v1.0.0");
    tag(fixture, "1_4_2");
    commit_tree_to(fixture, "refs/tags/1.4.2");
    tag(fixture, "x2");
    commit_tree_to(fixture, "refs/tags/2.0.0-rc.1");
    commit_tree_to(fixture, "refs/pull/7/head");
    assert_loads(fixture, "", "a");
    assert_loads(fixture, "@v1.0.0", "v1_0_0");
    assert_loads(fixture, "@semver:>=1 <2", "1_4_2");
    assert_loads(fixture, "@semver:1.0.x", "v1_0_0");
    assert_loads(fixture, "@refs/pull/7/head", "x2");
    assert_fails(fixture, "@semver:>=2", SOURCE_ERROR_REF, "no tag is a version within >=2");
    assert_fails(fixture, "@mian", SOURCE_ERROR_REF, "did you mean \"main\"?");
    g_autofree char *whole = g_strconcat("@", first, NULL), *part = g_strndup(whole, 9);
    assert_loads(fixture, whole, "a");
    assert_loads(fixture, part, "a");
    commit_tree_to(fixture, "refs/heads/v1.0.0");
    assert_fails(fixture, "@v1.0.0", SOURCE_ERROR_REF, "a branch and a tag have this name");
    assert_loads(fixture, "@refs/tags/v1.0.0", "v1_0_0");
    /* A commit that no reference holds is asked for by itself. */
    put(fixture, "b.yaml", TREE_POLICY("b"));
    commit_tree_to(fixture, "refs/heads/gone");
    git_reference *gone = NULL;
    g_assert_cmpint(git_reference_lookup(&gone, fixture->repository, "refs/heads/gone"), ==, 0);
    g_assert_cmpint(git_reference_delete(gone), ==, 0);
    git_reference_free(gone);

    g_autofree char *loose = g_strconcat("@", fixture->commit, NULL);
    g_autofree char *config = g_build_filename(fixture->remote, "config", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(config, &text, NULL, NULL));
    g_autofree char *open = g_strconcat(text, "[uploadpack]\n\tallowAnySHA1InWant = true\n", NULL);
    g_assert_true(g_file_set_contents(config, open, -1, NULL));
    assert_loads(fixture, loose, "b x2");
}

static void test_ignored(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put(fixture, ".musterignore", "out/\n*.tmp.yaml\nvendor\n");
    put(fixture, "a.yaml", TREE_POLICY("a"));
    put(fixture, "b.tmp.yaml", TREE_POLICY("b"));
    put(fixture, "sub/.musterignore", "!keep.tmp.yaml\n");
    put(fixture, "sub/keep.tmp.yaml", TREE_POLICY("k"));
    put(fixture, "sub/out/c.yaml", TREE_POLICY("c"));
    put_mode(fixture, "vendor", "0123456789abcdef0123456789abcdef01234567", GIT_FILEMODE_COMMIT);
    commit(fixture);
    assert_loads(fixture, "", "a k");
}

/* ---- links ---- */

static void test_links(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put(fixture, "base/a.yaml", TREE_POLICY("a"));
    put(fixture, "prod/b.yaml", TREE_POLICY("b"));
    put(fixture, "prod/real/c.txt", TREE_POLICY("c"));
    put_mode(fixture, "prod/again.yaml", "b.yaml", GIT_FILEMODE_LINK);
    put_mode(fixture, "prod/c.yaml", "./chain", GIT_FILEMODE_LINK);
    put_mode(fixture, "prod/chain", "real/../real/c.txt", GIT_FILEMODE_LINK);
    put_mode(fixture, "prod/self", ".", GIT_FILEMODE_LINK);
    put_mode(fixture, "prod/README", "real", GIT_FILEMODE_LINK);
    commit(fixture);
    assert_loads(fixture, ":prod", "b c");
    put_mode(fixture, "prod/base", "../base", GIT_FILEMODE_LINK);
    commit(fixture);
    assert_fails(fixture, ":prod", SOURCE_ERROR_UNREADABLE, "that leaves the source");
    assert_loads(fixture, "", "a b c");
}

static void test_bad_links(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const char *const cases[][2] = {{"../../etc", "that leaves the repository"},
                                    {"/etc", "that leaves the repository"},
                                    {"loop", "that goes in a circle"},
                                    {"missing", "to nowhere"},
                                    {"a.yaml/x", "to nowhere"},
                                    {".git/x", "into a directory that is never read"}};
    put(fixture, "a.yaml", TREE_POLICY("a"));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        put_mode(fixture, "loop", cases[i][0], GIT_FILEMODE_LINK);
        commit(fixture);
        assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, cases[i][1]);
        g_assert_nonnull(strstr(fixture->error->message, ".musterignore"));
    }
}

/* ---- what is not what it seems ---- */

static void test_not_files(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put(fixture, "a.yaml", TREE_POLICY("a"));
    put(fixture, "lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n");
    commit(fixture);
    assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, "lfs.yaml: a Git LFS pointer");
    put(fixture, "lfs.yaml", NULL);
    put_mode(fixture, "vendor/lib", "0123456789abcdef0123456789abcdef01234567", GIT_FILEMODE_COMMIT);
    commit(fixture);
    assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, "vendor/lib: a submodule");
    assert_fails(fixture, ":vendor/lib", SOURCE_ERROR_UNREADABLE, "vendor/lib: a submodule");
}

static void test_tricks(Fixture *fixture, gconstpointer data)
{
    (void)data;
    git_oid file = blob(fixture, TREE_POLICY("a"));
    const RawEntry leaf[] = {{"100644", "a.yaml", file}};
    git_oid below = raw_tree(fixture, leaf, 1);
    const struct {
        RawEntry entries[2];
        size_t len;
        const char *part;
    } cases[] = {
        {{{"40000", "..", below}}, 1, "a name that no file can have"},
        {{{"40000", ".", below}}, 1, "a name that no file can have"},
        {{{"100644", "x/../../y.yaml", file}}, 1, "a name that no file can have"},
        {{{"100644", "x\nb.yaml", file}}, 1, "x\\nb.yaml"},
        {{{"100644", "b.yaml", file}, {"100644", "b.yaml", file}}, 2, "holds a name twice"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        fixture->tree = raw_tree(fixture, cases[i].entries, cases[i].len);
        commit(fixture);
        assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, cases[i].part);
    }
}

/* A hundred objects that name a billion files, and a tree that is too deep. */
static void test_bombs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    git_oid id = blob(fixture, "nothing");
    const char *mode = "100644";
    RawEntry wide[100];
    char names[100][8];
    for (int depth = 0; depth < 5; depth++) {
        for (size_t i = 0; i < G_N_ELEMENTS(wide); i++) {
            g_snprintf(names[i], sizeof names[i], "d%02zu", i);
            wide[i] = (RawEntry){mode, names[i], id};
        }
        id = raw_tree(fixture, wide, G_N_ELEMENTS(wide));
        mode = "40000";
    }
    fixture->tree = id;
    commit(fixture);
    assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, "more than 4000000 files and directories");
    for (int depth = 0; depth < 70; depth++) {
        const RawEntry one[] = {{"40000", "d", id}};
        id = raw_tree(fixture, one, 1);
    }
    fixture->tree = id;
    commit(fixture);
    assert_fails(fixture, "", SOURCE_ERROR_UNREADABLE, "more than 64 directories deep");
}

/* ---- following: whatever happens between two commits, what is read in part equals what is read whole ----
 */

static char *random_path(Rng *rng)
{
    static const char *const directories[] = {"", "a/", "b/", "a/x/", "a/y/", "out/"};
    return g_strdup_printf("%sf%u.yaml", directories[rng_below(rng, G_N_ELEMENTS(directories))],
                           (unsigned)rng_below(rng, 6));
}

static bool exists(const Fixture *fixture, const char *path)
{
    git_tree *tree = NULL;
    git_tree_entry *entry = NULL;
    if (!fixture->has_tree || git_tree_lookup(&tree, fixture->repository, &fixture->tree) != 0)
        return false;
    bool is_there = git_tree_entry_bypath(&entry, tree, path) == 0;
    git_tree_entry_free(entry);
    git_tree_free(tree);
    return is_there;
}

/* Names are unique by their path, so that a set with a file twice shows. */
static void random_edit(Fixture *fixture, Rng *rng)
{
    g_autofree char *path = random_path(rng), *name = g_strdelimit(g_strdup(path), "/.", '-');
    g_autofree char *text = g_strdup_printf("apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: "
                                            "%s, labels: {n: \"%u\"}}\nspec: {}\n",
                                            name, (unsigned)rng_below(rng, 1000));
    switch (rng_below(rng, 12)) {
    case 0: put(fixture, ".musterignore", rng_below(rng, 2) ? "out\n" : "a/x\n"); break;
    case 1: put(fixture, "muster.yaml", rng_below(rng, 2) ? "provider: local\n" : "name: z\n"); break;
    case 2: put_mode(fixture, "link.yaml", exists(fixture, path) ? path : "../x", GIT_FILEMODE_LINK); break;
    case 3:
    case 4:
        if (exists(fixture, "link.yaml"))
            put(fixture, "link.yaml", NULL);
        break;
    case 5:
    case 6:
        if (exists(fixture, path))
            put(fixture, path, NULL);
        break;
    case 7: put(fixture, path, "not: ours\n"); break;
    default: put(fixture, path, text);
    }
}

static void test_follow(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *location = g_strconcat("git+file://", fixture->remote, NULL);
    SourceOptions options = {.path = location, .state_dir = fixture->state, .threads = 1};
    g_autoptr(SourceFollower) follower = source_follower_new(&options);
    Rng rng = rng_from_seed(7);
    put(fixture, "first.yaml", TREE_POLICY("first"));
    for (int i = 0; i < 60; i++) {
        for (uint64_t edits = rng_below(&rng, 4); edits > 0; edits--)
            random_edit(fixture, &rng);
        commit(fixture);
        ManifestSet *set = NULL;
        SourceStatistics statistics = {0};
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_autoptr(GError) error = NULL;
        bool is_followed = source_follower_load(follower, &set, &statistics, diagnostics, &error);
        bool is_loaded = load(fixture, "");
        source_statistics_clear(&statistics);
        g_assert_cmpint(is_followed, ==, is_loaded);
        if (!is_loaded) {
            g_assert_cmpstr(error->message, ==, fixture->error->message);
            continue;
        }
        g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, diagnostic_list_len(fixture->diagnostics));
        g_assert_cmpstr(manifest_set_content(set), ==, manifest_set_content(fixture->set));
        g_assert_cmpstr(manifest_set_revision(set), ==, fixture->commit);
        manifest_set_unref(set);
    }
}

/* ---- bases, in the same commit ---- */

#define QUEUE(name, priority)                                                                                \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: " name "}\n"                                    \
    "spec: {priority: " priority ", computeEnvironmentOrder: [e]}\n"

static void assert_priority(const ManifestSet *set, const char *expected)
{
    const Manifest *manifest = manifest_set_find(set, KIND_JOB_QUEUE, VIEW("main"));
    g_assert_nonnull(manifest);
    g_assert_nonnull(memmem(manifest->spec.data, manifest->spec.len, expected, strlen(expected)));
}

static void put_bases(Fixture *fixture)
{
    put(fixture, "all/p.yaml", TREE_POLICY("all"));
    put(fixture, "base/muster.yaml", "name: base\nbases: [../all]\nprovider: local\nvariables: {p: 1}\n");
    put(fixture, "base/q.yaml", "# base\n" QUEUE("main", "\"${var.p}\""));
    put(fixture, "secret.yaml", "s");
    put(fixture, "envs/prod/muster.yaml", "name: shop\nbases: [../../base]\nvariables: {p: 4}\n");
    put(fixture, "envs/prod/own.yaml", TREE_POLICY("own"));
    commit(fixture);
}

static void test_bases(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put_bases(fixture);
    assert_loads(fixture, ":envs/prod", "all own main");
    assert_priority(fixture->set, "\"priority\":4");
    g_assert_cmpstr(manifest_set_revision(fixture->set), ==, fixture->commit);
    g_assert_cmpstr(manifest_set_config(fixture->set)->provider, ==, "local");
    g_autofree char *identity = source_identity(&fixture->options, fixture->set);
    g_assert_cmpstr(identity, ==, "shop");
    const Manifest *queue = manifest_set_find(fixture->set, KIND_JOB_QUEUE, VIEW("main"));
    g_assert_cmpstr(queue->file, ==, "base/q.yaml");
    View text = source_text("base/q.yaml", &fixture->options);
    g_assert_true(text.len > 0 && g_str_has_prefix(text.data, "# base\n"));
    g_assert_cmpuint(source_text("secret.yaml", &fixture->options).len, ==, 0); /* in no base */
    SourceOptions closed = {.path = fixture->location, .state_dir = fixture->state};
    g_autofree char *now = source_identity_now(&closed); /* of what the mirror holds */
    g_assert_cmpstr(now, ==, "shop");
}

/* What the cache holds of a blob of the base is told apart by the values of its variables. */
static void test_bases_cached(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const char *const priorities[] = {"4", "4", "5"};
    const size_t cached[] = {0, 3, 0};
    g_autofree char *cache = g_build_filename(fixture->root, "cache", NULL);
    put_bases(fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(priorities); i++) {
        g_autofree char *muster = g_strdup_printf("bases: [../../base]\nvariables: {p: %s}\n", priorities[i]),
                        *expected = g_strdup_printf("\"priority\":%s", priorities[i]);
        SourceStatistics statistics = {0};
        put(fixture, "envs/prod/muster.yaml", muster);
        commit(fixture);
        forget(fixture);
        fixture->location = g_strdup_printf("git+file://%s:envs/prod", fixture->remote);
        fixture->options =
            (SourceOptions){.path = fixture->location, .state_dir = fixture->state, .cache_dir = cache};
        fixture->diagnostics = diagnostic_list_new();
        g_assert_true(source_load(&fixture->options, &fixture->set, &statistics, fixture->diagnostics, NULL));
        assert_priority(fixture->set, expected);
        g_assert_cmpuint(statistics.files_cached, ==, cached[i]);
        source_statistics_clear(&statistics);
    }
}

static void assert_refused(Fixture *fixture, const char *bases, const char *why)
{
    g_autofree char *text = g_strdup_printf("bases: [%s]\n", bases);
    put(fixture, "envs/prod/muster.yaml", text);
    commit(fixture);
    g_autofree char *whole = g_strdup_printf("envs/prod/muster.yaml: base %s: %s", bases, why);
    g_assert_false(load(fixture, ":envs/prod"));
    g_test_message("%s", fixture->error->message);
    g_assert_true(g_str_has_prefix(fixture->error->message, whole));
}

static void test_bases_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put_bases(fixture);
    put_mode(fixture, "link", "base", GIT_FILEMODE_LINK);
    put_mode(fixture, "other", "0123456789012345678901234567890123456789", GIT_FILEMODE_COMMIT);
    assert_refused(fixture, "../../../base", "it leaves the repository");
    assert_refused(fixture, "../../nowhere", "commit ");
    assert_refused(fixture, "../../base/q.yaml", "not a directory");
    assert_refused(fixture, "../../link", "link: it is a symbolic link");
    assert_refused(fixture, "../../other", "other: a submodule");
    assert_refused(fixture, "../..", "the source is inside of it");
    put(fixture, "envs/prod/below/q.yaml", QUEUE("below", "1"));
    assert_refused(fixture, "below", "it is inside of the source");
    put(fixture, "all/muster.yaml", "bases: [../base]\n");
    put(fixture, "envs/prod/muster.yaml", "bases: [../../base]\n");
    commit(fixture);
    assert_fails(fixture, ":envs/prod", SOURCE_ERROR_UNREADABLE, "builds on itself");
}

/* A commit that changes nothing but a base, or a base's base, is another revision for a follower too. */
static void test_bases_followed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    put_bases(fixture);
    g_autofree char *location = g_strdup_printf("git+file://%s:envs/prod", fixture->remote);
    SourceOptions options = {.path = location, .state_dir = fixture->state};
    g_autoptr(SourceFollower) follower = source_follower_new(&options);
    for (int step = 0; step < 4; step++) {
        if (step == 1)
            put(fixture, "base/q.yaml", QUEUE("main", "14"));
        if (step == 2)
            put(fixture, "all/p.yaml", TREE_POLICY("everybody"));
        if (step == 3)
            put(fixture, "envs/prod/own.yaml", TREE_POLICY("owned"));
        commit(fixture);
        ManifestSet *set = NULL;
        SourceStatistics statistics = {0};
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_assert_true(source_follower_load(follower, &set, &statistics, diagnostics, NULL));
        source_statistics_clear(&statistics);
        g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 0);
        g_assert_true(load(fixture, ":envs/prod"));
        g_assert_cmpstr(manifest_set_content(set), ==, manifest_set_content(fixture->set));
        g_assert_cmpstr(manifest_set_revision(set), ==, fixture->commit);
        assert_priority(set, step ? "\"priority\":14" : "\"priority\":4");
        manifest_set_unref(set);
    }
}

/* ---- one reference alone; a push that is looked for ---- */

static void assert_at(RepoMirror *mirror, const char *ref, const char *commit)
{
    git_repository *repository = NULL;
    git_oid id;
    char text[GIT_OID_HEXSZ + 1] = "nothing";
    g_assert_cmpint(git_repository_open_bare(&repository, repo_mirror_path(mirror)), ==, 0);
    if (git_reference_name_to_id(&id, repository, ref) == 0)
        git_oid_tostr(text, sizeof text, &id);
    git_repository_free(repository);
    g_assert_cmpstr(text, ==, commit);
}

static void commit_both(Fixture *fixture, char ret_main[GIT_OID_HEXSZ + 1], char ret_other[GIT_OID_HEXSZ + 1])
{
    commit(fixture);
    g_strlcpy(ret_main, fixture->commit, GIT_OID_HEXSZ + 1);
    put(fixture, "other.yaml", fixture->commit);
    commit_tree_to(fixture, "refs/heads/other");
    g_strlcpy(ret_other, fixture->commit, GIT_OID_HEXSZ + 1);
}

static void fetch(RepoMirror *mirror, const char *ref)
{
    g_autoptr(GError) error = NULL;
    RepoSettings settings = {.interval_ms = REPO_INTERVAL_MS, .timeout_ms = REPO_TIMEOUT_MS};
    g_assert_true(repo_mirror_fetch(mirror, &settings, ref, -1, &error));
    g_assert_no_error(error);
}

static RepoMirror *mirror_of(const Fixture *fixture, const char *suffix)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("git+file://%s%s", fixture->remote, suffix);
    g_autofree char *base = g_build_filename(fixture->state, "git", NULL);
    g_autoptr(RepoLocation) location = repo_location_parse(text, &error);
    RepoMirror *mirror = repo_mirror_open(base, location, &error);
    g_assert_no_error(error);
    return mirror;
}

static void test_one_reference(Fixture *fixture, gconstpointer data)
{
    (void)data;
    char main_at[GIT_OID_HEXSZ + 1], other_at[GIT_OID_HEXSZ + 1], new_main[GIT_OID_HEXSZ + 1],
        new_other[GIT_OID_HEXSZ + 1];
    g_autoptr(RepoMirror) mirror = mirror_of(fixture, "@main");
    put(fixture, "a.yaml", TREE_POLICY("a"));
    commit_both(fixture, main_at, other_at);
    fetch(mirror, "refs/heads/main"); /* there is no mirror yet: all of them come */
    assert_at(mirror, "refs/heads/other", other_at);
    put(fixture, "b.yaml", TREE_POLICY("b"));
    commit_both(fixture, new_main, new_other);
    g_assert_false(repo_mirror_knows(mirror, new_main));
    fetch(mirror, "refs/heads/main");
    assert_at(mirror, "refs/heads/main", new_main);
    assert_at(mirror, "refs/heads/other", other_at);
    g_assert_true(repo_mirror_knows(mirror, new_main));
    g_assert_true(repo_mirror_knows(mirror, other_at));
    g_assert_false(repo_mirror_knows(mirror, new_other));
    g_assert_false(repo_mirror_knows(mirror, "nothing at all"));
    /* One that is gone there is gone here, and all others are looked at. */
    git_reference *gone = NULL;
    g_assert_cmpint(git_reference_lookup(&gone, fixture->repository, "refs/heads/main"), ==, 0);
    g_assert_cmpint(git_reference_delete(gone), ==, 0);
    git_reference_free(gone);
    fetch(mirror, "refs/heads/main");
    assert_at(mirror, "refs/heads/main", "nothing");
    assert_at(mirror, "refs/heads/other", new_other);
}

/* Forges name the tag itself, not the commit behind it. */
static void test_tag_object(Fixture *fixture, gconstpointer data)
{
    (void)data;
    git_signature *author = NULL;
    git_object *target = NULL;
    git_oid id;
    char text[GIT_OID_HEXSZ + 1], tree[GIT_OID_HEXSZ + 1];
    put(fixture, "a.yaml", TREE_POLICY("a"));
    commit(fixture);
    g_assert_cmpint(git_revparse_single(&target, fixture->repository, fixture->commit), ==, 0);
    g_assert_cmpint(git_signature_new(&author, "t", "t@example.org", 1700000000, 0), ==, 0);
    g_assert_cmpint(git_tag_create(&id, fixture->repository, "v1", target, author, "m", 0), ==, 0);
    git_object_free(target);
    git_signature_free(author);
    g_autoptr(RepoMirror) mirror = mirror_of(fixture, "@v1");
    fetch(mirror, NULL);
    g_assert_true(repo_mirror_knows(mirror, git_oid_tostr(text, sizeof text, &id)));
    g_assert_false(repo_mirror_knows(mirror, git_oid_tostr(tree, sizeof tree, &fixture->tree)));
}

typedef struct {
    unsigned news;
    char head[GIT_OID_HEXSZ + 1];
} Heard;

static void hear(const RepoNews *news, void *data)
{
    Heard *heard = data;
    heard->news++;
    g_strlcpy(heard->head, news->head ? news->head : "", sizeof heard->head);
}

static gboolean set_true(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_REMOVE;
}

/* So many news and no more, for as long as it is listened. */
static void assert_news(const Heard *heard, unsigned expected)
{
    bool is_over = false;
    while (heard->news < expected)
        g_main_context_iteration(NULL, TRUE);
    g_timeout_add(300, set_true, &is_over);
    while (!is_over)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(heard->news, ==, expected);
}

/* Twice at first: in place, and when the mirror has it. */
static void test_push_that_does_not_come(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Heard heard = {0};
    g_autofree char *location = g_strdup_printf("git+file://%s@main", fixture->remote);
    RepoWatchOptions options = {
        .location = location, .state_dir = fixture->state, .interval_ms = 3600000, .behind_ms = 1};
    put(fixture, "a.yaml", TREE_POLICY("a"));
    commit(fixture);
    g_autoptr(RepoWatch) watch = repo_watch_new(&options, hear, &heard, NULL);
    assert_news(&heard, 2);
    repo_watch_push(watch, "refs/heads/main", fixture->commit);
    assert_news(&heard, 3); /* it is there */
    repo_watch_push(watch, "refs/heads/main", "da1560886d4f094c3e6c9ef40349f7d38b5d27d7");
    assert_news(&heard, 3 + REPO_BEHIND_LOOKS);
    g_assert_cmpstr(heard.head, ==, fixture->commit); /* what was told changed nothing */
    repo_watch_push(watch, "refs/heads/main", "da1560886d4f094c3e6c9ef40349f7d38b5d27d8");
    assert_news(&heard, 3 + 2 * REPO_BEHIND_LOOKS);
    g_assert_null(repo_watch_secrets(watch, &fixture->error));
    g_assert_nonnull(strstr(fixture->error->message, "no secret is given"));
}

#define TEST(name, function) g_test_add("/source/repo/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("commit", test_commit);
    TEST("references", test_references);
    TEST("ignored", test_ignored);
    TEST("links", test_links);
    TEST("bad-links", test_bad_links);
    TEST("not-files", test_not_files);
    TEST("tricks", test_tricks);
    TEST("bombs", test_bombs);
    TEST("follow", test_follow);
    TEST("bases", test_bases);
    TEST("bases-cached", test_bases_cached);
    TEST("bases-refused", test_bases_refused);
    TEST("bases-followed", test_bases_followed);
    TEST("one-reference", test_one_reference);
    TEST("tag-object", test_tag_object);
    TEST("push-that-does-not-come", test_push_that_does_not_come);
    return g_test_run();
}

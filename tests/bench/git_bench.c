/* git_bench.c: reading manifests from a commit, against what libgit2 and the directory source need.
 *
 *   git_bench floor REPOSITORY              libgit2 reads every blob of HEAD: seconds
 *   git_bench open REPOSITORY               opening it and resolving HEAD: milliseconds, median of 101
 *   git_bench load SOURCE [N]               source_load without a cache, in this process: seconds, the
 * fastest of N; peak MiB git_bench follow REPOSITORY DIRECTORY N from a new commit that changes one file to
 * the finished set and plan: milliseconds
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "reconciler/plan/plan.h"
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/source.h"

static double now_s(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

static long peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static int die(const char *what)
{
    fprintf(stderr, "git_bench: %s: %s\n", what, repo_library_message());
    return 1;
}

/* ---- floors ---- */

typedef struct {
    git_repository *repository;
    git_odb *odb;
    size_t blobs, bytes;
} Reading;

static int read_entry(const char *root, const git_tree_entry *entry, void *data)
{
    Reading *reading = data;
    git_odb_object *object = NULL;
    (void)root;
    if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
        return 0;
    if (git_odb_read(&object, reading->odb, git_tree_entry_id(entry)) != 0)
        return -1;
    reading->blobs++;
    reading->bytes += git_odb_object_size(object);
    git_odb_object_free(object);
    return 0;
}

static int run_floor(const char *path)
{
    Reading reading = {0};
    git_object *tree = NULL;
    double start = now_s();
    if (git_repository_open(&reading.repository, path) != 0 ||
        git_repository_odb(&reading.odb, reading.repository) != 0 ||
        git_revparse_single(&tree, reading.repository, "HEAD^{tree}") != 0 ||
        git_tree_walk((git_tree *)tree, GIT_TREEWALK_PRE, read_entry, &reading) != 0)
        return die(path);
    printf("%.4f s (%zu blobs, %zu bytes)\n", now_s() - start, reading.blobs, reading.bytes);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    const double *first = a, *second = b;
    return (*first > *second) - (*first < *second);
}

static int run_open(const char *path)
{
    double took[101];
    for (size_t i = 0; i < G_N_ELEMENTS(took); i++) {
        git_repository *repository = NULL;
        git_oid id;
        double start = now_s();
        if (git_repository_open(&repository, path) != 0 ||
            git_reference_name_to_id(&id, repository, "HEAD") != 0)
            return die(path);
        took[i] = 1e3 * (now_s() - start);
        git_repository_free(repository);
    }
    qsort(took, G_N_ELEMENTS(took), sizeof *took, compare_doubles);
    printf("%.3f ms\n", took[G_N_ELEMENTS(took) / 2]);
    return 0;
}

/* ---- loading ---- */

static ManifestSet *load(SourceOptions *options, SourceFollower *follower)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    ManifestSet *set = NULL;
    bool is_good = follower ? source_follower_load(follower, &set, &statistics, diagnostics, &error)
                            : source_load(options, &set, &statistics, diagnostics, &error);
    source_statistics_clear(&statistics);
    if (is_good && diagnostic_list_len(diagnostics) == 0)
        return set;
    fprintf(stderr, "git_bench: %s\n", error ? error->message : "the manifests have faults");
    exit(1);
}

static int run_load(const char *source, int times)
{
    double best = 1e9;
    size_t len = 0;
    g_autofree char *state = g_dir_make_tmp("muster-bench-XXXXXX", NULL);
    for (int i = 0; i < times; i++) {
        SourceOptions options = {.path = source, .provider = "local", .state_dir = state};
        g_autoptr(GError) error = NULL;
        if (!source_open(&options, &error)) { /* the fetch is git's */
            fprintf(stderr, "git_bench: %s\n", error->message);
            return 1;
        }
        double start = now_s();
        g_autoptr(ManifestSet) set = load(&options, NULL);
        best = MIN(best, now_s() - start);
        len = manifest_set_len(set);
        source_options_clear(&options);
    }
    printf("%.4f s (%zu manifests), peak %ld MiB\n", best, len, peak_mib());
    return 0;
}

/* ---- one changed file ---- */

typedef struct {
    git_repository *repository;
    git_oid tree, blob;
    char *path; /* of the file that changes */
    char *text;
} Editing;

static bool is_first_file(const char *name)
{
    return g_str_has_suffix(name, ".yaml") && strcmp(name, "muster.yaml") != 0;
}

static int find_file(const char *root, const git_tree_entry *entry, void *data)
{
    Editing *editing = data;
    if (!is_first_file(git_tree_entry_name(entry)))
        return 0;
    editing->path = g_strconcat(root, git_tree_entry_name(entry), NULL);
    editing->blob = *git_tree_entry_id(entry);
    return 1;
}

static bool editing_open(Editing *editing, const char *path)
{
    git_object *tree = NULL;
    git_blob *blob = NULL;
    if (git_repository_open(&editing->repository, path) != 0 ||
        git_revparse_single(&tree, editing->repository, "HEAD^{tree}") != 0 ||
        git_tree_walk((git_tree *)tree, GIT_TREEWALK_PRE, find_file, editing) < 0 || !editing->path ||
        git_blob_lookup(&blob, editing->repository, &editing->blob) != 0)
        return false;
    editing->tree = *git_object_id(tree);
    editing->text = g_strndup(git_blob_rawcontent(blob), (gsize)git_blob_rawsize(blob));
    git_object_free(tree);
    git_blob_free(blob);
    return true;
}

/* The new commit, which no reference leads to yet. */
static git_oid edit(Editing *editing, int number)
{
    g_autofree char *text = g_strdup_printf("# edit %d\n%s", number, editing->text);
    git_tree *before = NULL, *after = NULL;
    git_signature *author = NULL;
    git_tree_update update = {
        .action = GIT_TREE_UPDATE_UPSERT, .filemode = GIT_FILEMODE_BLOB, .path = editing->path};
    git_oid id = {0};
    if (git_blob_create_from_buffer(&update.id, editing->repository, text, strlen(text)) != 0 ||
        git_tree_lookup(&before, editing->repository, &editing->tree) != 0 ||
        git_tree_create_updated(&editing->tree, editing->repository, before, 1, &update) != 0 ||
        git_tree_lookup(&after, editing->repository, &editing->tree) != 0 ||
        git_signature_new(&author, "bench", "bench@example.org", 1700000000 + number, 0) != 0 ||
        git_commit_create(&id, editing->repository, NULL, author, author, NULL, "edit", after, 0, NULL) != 0)
        exit(die("edit"));
    git_signature_free(author);
    git_tree_free(before);
    git_tree_free(after);
    return id;
}

/* What is committed of these names: the daemon reads no more where a part is planned. */
static GArray *resources_of(const ManifestSet *set)
{
    GArray *resources = g_array_new(FALSE, TRUE, sizeof(ResourceRecord));
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        ResourceRecord record = {.kind = manifest->kind,
                                 .name = manifest->name,
                                 .owner = VIEW("bench"),
                                 .spec = manifest->spec,
                                 .metadata = manifest->metadata,
                                 .digest = manifest->digest};
        if (manifest->kind != KIND_JOB)
            g_array_append_val(resources, record);
    }
    return resources;
}

static int run_follow(const char *repository, const char *state, int times)
{
    g_autofree char *location = g_strconcat("git+file://", repository, NULL);
    SourceOptions options = {.path = location, .provider = "local", .state_dir = state};
    g_autoptr(GError) error = NULL;
    if (!source_open(&options, &error)) {
        fprintf(stderr, "git_bench: %s\n", error->message);
        return 1;
    }
    source_options_clear(&options);
    options.is_offline = true;
    SourceFollower *follower = source_follower_new(&options);
    g_autoptr(ManifestSet) first = load(NULL, follower);
    Editing editing = {0};
    if (!editing_open(&editing, repository))
        return die(repository);
    g_autofree double *took = g_new(double, times);
    for (int i = 0; i < times; i++) {
        char hex[GIT_OID_HEXSZ + 1];
        git_oid id = edit(&editing, i);
        git_oid_tostr(hex, sizeof hex, &id);
        double start = now_s();
        source_follower_commit(follower, hex);
        ManifestSet *set = load(NULL, follower);
        g_autoptr(ManifestSet) part = manifest_set_part(first, set, 2000);
        if (!part)
            exit(die("the whole would be planned"));
        g_autoptr(GArray) resources = resources_of(part);
        PlanActual actual = {.resources = (const ResourceRecord *)(void *)resources->data,
                             .resources_len = resources->len,
                             .source_known = true};
        PlanOptions planned = {.source_name = "bench", .first_run = FIRST_RUN_RECORD};
        plan_free(plan_build(part, &actual, &planned));
        took[i] = 1e3 * (now_s() - start);
        manifest_set_unref(set);
    }
    qsort(took, (size_t)times, sizeof *took, compare_doubles);
    printf("%.2f ms (worst of %d: %.2f), peak %ld MiB\n", took[times / 2], times, took[times - 1],
           peak_mib());
    return 0;
}

int main(int argc, char **argv)
{
    kinds_init();
    repo_library_init();
    if (argc >= 3 && strcmp(argv[1], "floor") == 0)
        return run_floor(argv[2]);
    if (argc >= 3 && strcmp(argv[1], "open") == 0)
        return run_open(argv[2]);
    if (argc >= 3 && strcmp(argv[1], "load") == 0)
        return run_load(argv[2], argc > 3 ? atoi(argv[3]) : 1);
    if (argc >= 5 && strcmp(argv[1], "follow") == 0)
        return run_follow(argv[2], argv[3], atoi(argv[4]));
    fprintf(stderr, "see the head of tests/bench/git_bench.c\n");
    return 2;
}

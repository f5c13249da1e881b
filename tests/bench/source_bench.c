/* source_bench.c: reading, validating and planning many manifests.
 *   source_bench stream FILE TOTAL           writes the workload into one file
 *   source_bench tree DIR TOTAL FILES        writes it into many
 *   source_bench floor FILE…                 libyaml's bare event loop over the files' bytes, one core
 *   source_bench load SOURCE [CACHE] [N]     source_load and plan_build against nothing, then against what
 * was planned source_bench follow DIR FILE [CACHE]     from one changed file to a new set and plan */
#include "reconciler/plan/plan.h"
#include "reconciler/source/source.h"
#include "tests/bench/generate_manifests.h"
#include <stdlib.h>
#include <sys/resource.h>
#include <yaml.h>

static double now_s(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static size_t floor_of(const char *path)
{
    g_autofree char *text = NULL;
    size_t len, events = 0;
    if (!g_file_get_contents(path, &text, &len, NULL))
        return 0;
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    for (bool is_done = false; !is_done; events++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event))
            break;
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return events;
}

static int run_floor(char **paths)
{
    double start = now_s();
    size_t events = 0;
    for (; *paths; paths++)
        events += floor_of(*paths);
    printf("floor: %zu events in %.3f s\n", events, now_s() - start);
    return 0;
}

static void print_diagnostics(DiagnosticList *diagnostics)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (diagnostic_list_len(diagnostics) == 0)
        return;
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, out);
    fprintf(stderr, "%.2000s\n", out->str);
}

static GArray *resources_of(const ManifestSet *set, GArray *runs)
{
    GArray *resources = g_array_new(FALSE, TRUE, sizeof(ResourceRecord));
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        ResourceRecord record = {.kind = manifest->kind,
                                 .name = manifest->name,
                                 .owner = VIEW("bench"),
                                 .metadata = manifest->metadata,
                                 .digest = manifest->digest,
                                 .prune = manifest->prune,
                                 .deletion = manifest->deletion,
                                 .revision = 1};
        RunRecord run = {.kind = manifest->kind,
                         .name = manifest->name,
                         .owner = VIEW("bench"),
                         .key = manifest->digest,
                         .number = 1,
                         .state = RUN_SUCCEEDED};
        if (manifest->kind == KIND_JOB)
            g_array_append_val(runs, run);
        else
            g_array_append_val(resources, record);
    }
    return resources;
}

static void plan_timed(ManifestSet *set, const char *label, GArray *resources, GArray *runs)
{
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)resources->data,
                         .resources_len = resources->len,
                         .runs = (const RunRecord *)(void *)runs->data,
                         .runs_len = runs->len,
                         .source_known = true};
    PlanOptions options = {.source_name = "bench", .first_run = FIRST_RUN_START};
    PlanRender render = {.width = 100};
    double start = now_s();
    g_autoptr(Plan) plan = plan_build(set, &actual, &options);
    double built = now_s();
    g_autoptr(GString) text = g_string_new(NULL);
    plan_render_text(plan, &render, text);
    printf("  plan %s: %u changes, build %.3f s, text %.3f s (%zu bytes)\n", label, plan->changes->len,
           built - start, now_s() - built, text->len);
}

static bool load_once(SourceOptions *options)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    ManifestSet *set = NULL;
    double start = now_s();
    if (!source_load(options, &set, &statistics, diagnostics, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return false;
    }
    printf("load: %zu manifests, %zu of %zu files cached, %zu bytes in %.3f s, peak %ld MiB\n",
           manifest_set_len(set), statistics.files_cached, statistics.files, statistics.bytes,
           now_s() - start, peak_kib() / 1024);
    print_diagnostics(diagnostics);
    g_autoptr(GArray) none = g_array_new(FALSE, TRUE, sizeof(ResourceRecord));
    GArray *runs = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    g_autoptr(GArray) no_runs = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    GArray *resources = resources_of(set, runs);
    if (g_getenv("BENCH_PLAN")) {
        plan_timed(set, "of nothing changed", resources, runs);
        plan_timed(set, "of everything new", none, no_runs);
    }
    g_array_unref(resources);
    g_array_unref(runs);
    source_statistics_clear(&statistics);
    manifest_set_unref(set);
    return true;
}

/* ---- following
 * ---------------------------------------------------------------------------------------------------- */

typedef struct {
    SourceFollower *follower;
    GMainLoop *loop;
    GArray *resources, *runs;
    double changed, worst, sum;
    const char *path;
    int left, done;
} Following;

static void edit(Following *following)
{
    g_autofree char *text = NULL, *edited = NULL;
    size_t len;
    if (!g_file_get_contents(following->path, &text, &len, NULL))
        exit(1);
    edited =
        g_strdup_printf("# edit %d\n%s", following->left, text[0] == '#' ? strchr(text, '\n') + 1 : text);
    FILE *out = fopen(following->path, "w");
    if (!out)
        exit(1);
    fputs(edited, out);
    following->changed = now_s();
    fclose(out);
}

static void on_settled(void *data)
{
    Following *following = data;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    SourceStatistics statistics = {0};
    ManifestSet *set = NULL;
    double start = now_s();
    if (!source_follower_load(following->follower, &set, &statistics, diagnostics, NULL))
        exit(1);
    double loaded = now_s();
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)following->resources->data,
                         .resources_len = following->resources->len,
                         .runs = (const RunRecord *)(void *)following->runs->data,
                         .runs_len = following->runs->len,
                         .source_known = true};
    PlanOptions options = {.source_name = "bench", .first_run = FIRST_RUN_START};
    plan_free(plan_build(set, &actual, &options));
    double end = now_s();
    following->sum += end - following->changed;
    following->worst = MAX(following->worst, end - following->changed);
    following->done++;
    printf("  settled %.1f ms, set %.1f ms, plan %.1f ms\n", 1e3 * (start - following->changed),
           1e3 * (loaded - start), 1e3 * (end - loaded));
    source_statistics_clear(&statistics);
    manifest_set_unref(set);
    if (following->left-- > 0)
        edit(following);
    else
        g_main_loop_quit(following->loop);
}

static int run_follow(const char *source, const char *file, const char *cache)
{
    SourceOptions options = {.path = source, .provider = "local", .cache_dir = cache};
    Following following = {.path = file, .left = 10, .loop = g_main_loop_new(NULL, FALSE)};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    ManifestSet *set = NULL;
    const unsigned settle_ms = 10;
    SourceWatch *watch = source_watch_new(&options, settle_ms, on_settled, &following, &error);
    following.follower = source_follower_new(&options);
    source_follower_attach(following.follower, watch);
    if (!watch || !source_follower_load(following.follower, &set, &statistics, diagnostics, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    following.runs = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    following.resources = resources_of(set, following.runs);
    edit(&following);
    g_main_loop_run(following.loop);
    printf("follow: from the change to set and plan, %d edits: mean %.1f ms, worst %.1f ms\n", following.done,
           1e3 * following.sum / following.done, 1e3 * following.worst);
    return 0;
}

static int run_load(int argc, char **argv)
{
    SourceOptions options = {
        .path = argv[0], .provider = "local", .cache_dir = argc > 1 && argv[1][0] ? argv[1] : NULL};
    int times = argc > 2 ? atoi(argv[2]) : 1;
    for (int i = 0; i < times; i++)
        if (!load_once(&options))
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "stream") == 0)
        return generate_stream(argv[2], (size_t)atol(argv[3])) != 0;
    if (argc >= 5 && strcmp(argv[1], "tree") == 0)
        return generate_tree(argv[2], (size_t)atol(argv[3]), (size_t)atol(argv[4])) != 0;
    if (argc >= 3 && strcmp(argv[1], "floor") == 0)
        return run_floor(argv + 2);
    if (argc >= 3 && strcmp(argv[1], "load") == 0)
        return run_load(argc - 2, argv + 2);
    if (argc >= 4 && strcmp(argv[1], "follow") == 0)
        return run_follow(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
    fprintf(stderr, "see the head of tests/bench/source_bench.c\n");
    return 2;
}

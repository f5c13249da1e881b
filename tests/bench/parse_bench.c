/* parse_bench.c: what reading manifests costs beside libyaml's bare event loop, on one core and for the same
 * bytes. Usage: parse_bench [MANIFESTS [RUNS [PHASE]]]; PHASE 0 to 5: that one alone, for a profiler. Prints
 * medians in seconds and ratios taken in the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yaml.h>
#include "spec/manifest.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static GString *make_stream(size_t manifests)
{
    GString *out = g_string_sized_new(manifests * 900);
    for (size_t i = 0; i < manifests; i++)
        g_string_append_printf(out,
                               "---\n"
                               "apiVersion: muster/v1\n"
                               "kind: JobDefinition\n"
                               "metadata:\n"
                               "  name: definition-%06zu\n"
                               "  labels: {team: genomics, stage: \"%zu\"}\n"
                               "spec:\n"
                               "  type: container\n"
                               "  platformCapabilities: [EC2]\n"
                               "  parameters:\n"
                               "    reference: GRCh38\n"
                               "  containerProperties:\n"
                               "    image: registry.example.com/genomics/align:%zu\n"
                               "    command: [align, --reference, \"Ref::reference\", --shard, \"%zu\"]\n"
                               "    resourceRequirements:\n"
                               "      - {type: VCPU, value: \"4\"}\n"
                               "      - {type: MEMORY, value: \"8192\"}\n"
                               "    environment:\n"
                               "      - name: SAMPLE\n"
                               "        value: sample-number-%zu\n"
                               "      - name: OUTPUT\n"
                               "        value: s3://results-of-the-genomics-team/runs/%zu/aligned.bam\n"
                               "  retryStrategy:\n"
                               "    attempts: 3\n"
                               "    evaluateOnExit: [{onStatusReason: \"Host EC2*\", action: RETRY}]\n"
                               "  timeout: {attemptDurationSeconds: 3600}\n",
                               i, i % 7, i % 31, i, i, i);
    return out;
}

static void bare_events(View text)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool more = true;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.len);
    while (more) {
        if (!yaml_parser_parse(&parser, &event))
            g_error("libyaml: %s", parser.problem);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

typedef enum { PHASE_PARSE, PHASE_VALIDATE, PHASE_CANONICAL, PHASE_DIGEST, PHASE_MANIFEST, PHASES } Phase;

typedef struct {
    Phase phase;
    Arena *arena;
    DiagnosticList *diagnostics;
    GString *canonical;
    ManifestBatch *batch;
    View text;
    size_t documents;
} Run;

static bool take(const Document *document, void *data)
{
    Run *run = data;
    SchemaContext context = {.file = "bench.yaml", .text = run->text, .first_line = 1, .provider = "local"};
    run->documents++;
    if (run->phase == PHASE_MANIFEST) {
        ManifestContext manifest = {
            .file = "bench.yaml", .text = run->text, .first_line = 1, .provider_override = "local"};
        manifest_from_document(document, &manifest, run->batch, run->diagnostics);
    } else if (run->phase >= PHASE_VALIDATE) {
        if (!schema_validate(kind_schema(KIND_JOB_DEFINITION), document->root, "", &context,
                             run->diagnostics))
            return false;
        if (run->phase >= PHASE_CANONICAL) {
            g_string_truncate(run->canonical, 0);
            canonical_append(kind_spec_schema(KIND_JOB_DEFINITION), node_get(document->root, "spec"),
                             run->canonical);
        }
        Digest digest;
        if (run->phase >= PHASE_DIGEST)
            canonical_digest(KIND_JOB_DEFINITION, VIEW("x"), (View){run->canonical->str, run->canonical->len},
                             &digest);
    }
    arena_reset(run->arena);
    return true;
}

static void run_phase(View text, Phase phase)
{
    Run run = {.phase = phase, .text = text};
    run.arena = arena_new();
    run.diagnostics = diagnostic_list_new();
    run.canonical = g_string_new(NULL);
    run.batch = manifest_batch_new();
    document_parse(text, "bench.yaml", 1, run.arena, NULL, take, &run, run.diagnostics);
    if (diagnostic_list_len(run.diagnostics) > 0) {
        g_autoptr(GString) out = g_string_new(NULL);
        diagnostic_list_render(run.diagnostics, DIAGNOSTIC_TEXT, out);
        g_error("%.2000s", out->str);
    }
    manifest_batch_free(run.batch);
    g_string_free(run.canonical, TRUE);
    diagnostic_list_free(run.diagnostics);
    arena_free(run.arena);
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"libyaml events",     "document_parse",
                                        "+ schema_validate",  "+ canonical_append",
                                        "+ canonical_digest", "parse + manifest_from_document"};
    size_t manifests = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    size_t runs = argc > 2 ? MIN(strtoul(argv[2], NULL, 10), 99) : 5;
    double taken[1 + PHASES][99] = {0};
    kinds_init();
    GString *stream = make_stream(manifests);
    View text = {stream->str, stream->len};
    for (size_t r = 0; r < runs; r++)
        for (size_t p = 0; p <= PHASES; p++) {
            if (argc > 3 && strtoul(argv[3], NULL, 10) != p)
                continue;
            double start = now();
            if (p == 0)
                bare_events(text);
            else
                run_phase(text, (Phase)(p - 1));
            taken[p][r] = now() - start;
        }
    double bare[99];
    memcpy(bare, taken[0], sizeof bare);
    printf("%zu manifests, %.1f MB, medians of %zu runs (CPU seconds)\n", manifests, (double)text.len / 1e6,
           runs);
    for (size_t p = 0; p <= PHASES; p++) {
        double ratio[99];
        for (size_t r = 0; r < runs; r++)
            ratio[r] = taken[p][r] / bare[r];
        qsort(ratio, runs, sizeof *ratio, double_compare);
        qsort(taken[p], runs, sizeof **taken, double_compare);
        printf("  %-32s %7.3f s  %5.2f x\n", names[p], taken[p][runs / 2], ratio[runs / 2]);
    }
    g_string_free(stream, TRUE);
    return 0;
}

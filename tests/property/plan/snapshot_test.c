/* Random desired and actual states: a plan against the snapshot of a state has the id of the plan against the
 * state itself, changes the same fields, and shows no private value; equal states give equal bytes. */
#include "reconciler/plan/state_snapshot.h"
#include "spec/base/rng.h"
#include <glib.h>
#include <string.h>

#define SEEDS        300
#define NAMES        6
#define SECRET       "S3CR3T"
#define INSTALLATION "0123456789abcdef0123456789abcdef"

typedef struct {
    GStringChunk *texts;
    GArray *resources, *runs;
    bool is_known;
} Model;

static View keep(Model *model, const char *text)
{
    return view_from(g_string_chunk_insert(model->texts, text));
}

static char *environment(Rng *rng)
{
    GString *out = g_string_new("\"environment\":[");
    for (int i = 0; i < 3; i++)
        if (rng_below(rng, 3))
            g_string_append_printf(out, "%s{\"name\":\"V%d\",\"value\":\"" SECRET "%d\"}",
                                   out->str[out->len - 1] == '[' ? "" : ",", i, (int)rng_below(rng, 3));
    g_string_append_c(out, ']');
    return g_string_free(out, FALSE);
}

static View random_spec(Model *model, Rng *rng, Kind kind)
{
    int value = (int)rng_below(rng, 3);
    g_autofree char *variables = environment(rng), *text = NULL;
    switch (kind) {
    case KIND_SCHEDULING_POLICY:
        text = g_strdup_printf("{\"fairsharePolicy\":{\"shareDecaySeconds\":%d}}", 10 + value);
        break;
    case KIND_COMPUTE_ENVIRONMENT:
        text = g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"%s\"}}", 4 + value,
                               rng_below(rng, 2) ? "EC2" : "FARGATE");
        break;
    case KIND_JOB_QUEUE:
        text = g_strdup_printf(
            "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"n1\",\"order\":1}],\"priority\":%d}",
            value);
        break;
    case KIND_JOB_DEFINITION:
        text = g_strdup_printf("{\"containerProperties\":{\"command\":[\"%d\"],%s}}", value, variables);
        break;
    case KIND_PIPELINE:
        text = g_strdup_printf(
            "{\"jobs\":[{\"containerOverrides\":{%s},\"jobDefinition\":\"n%d\",\"jobQueue\":\"n1\","
            "\"name\":\"s\"}]%s}",
            variables, value, rng_below(rng, 3) ? "" : ",\"onDelete\":\"terminate\"");
        break;
    case KIND_CONSUMABLE_RESOURCE: text = g_strdup_printf("{\"totalQuantity\":%d}", 1 + value); break;
    case KIND_JOB:
    case KIND_COUNT:
        text =
            g_strdup_printf("{\"containerOverrides\":{%s},\"jobDefinition\":\"n%d\",\"jobQueue\":\"n1\"%s%s}",
                            variables, value, rng_below(rng, 3) ? "" : ",\"onDelete\":\"cancel\"",
                            rng_below(rng, 3) ? "" : ",\"rerunOn\":[\"definition\"]");
        break;
    }
    return keep(model, text);
}

static View random_metadata(Rng *rng)
{
    static const char *const metadata[] = {"{}", "{\"labels\":{\"a\":\"1\"}}",
                                           "{\"labels\":{\"a\":\"2\",\"b\":\"x/\\u0001\"}}",
                                           "{\"annotations\":{\"muster/public-environment\":\"none\"}}"};
    return view_from(metadata[rng_below(rng, G_N_ELEMENTS(metadata))]);
}

static Manifest random_manifest(Model *model, Rng *rng, Kind kind, int name)
{
    g_autofree char *text = g_strdup_printf("n%d", name);
    Manifest manifest = {.kind = kind,
                         .name = keep(model, text),
                         .file = "random.yaml",
                         .line = 1,
                         .prune = rng_below(rng, 4) != 0,
                         .deletion = (DeletionPolicy)rng_below(rng, 3)};
    manifest.spec = random_spec(model, rng, kind);
    manifest.metadata = random_metadata(rng);
    canonical_digest(kind, manifest.name, manifest.spec, &manifest.digest);
    return manifest;
}

static void add_resource(Model *model, Rng *rng, const Manifest *manifest)
{
    static const char *const owners[] = {"random", "random", "random", "", "other \"source\""};
    ResourceRecord record = {.kind = manifest->kind,
                             .name = manifest->name,
                             .owner = view_from(owners[rng_below(rng, G_N_ELEMENTS(owners))]),
                             .spec = manifest->spec,
                             .metadata = manifest->metadata,
                             .digest = manifest->digest,
                             .next_spec = VIEW(""),
                             .file = VIEW("/srv/secret-place/old.yaml"),
                             .line = 3,
                             .phase = rng_below(rng, 4) ? RESOURCE_ACTIVE : (ResourcePhase)rng_below(rng, 3),
                             .deletion = manifest->deletion,
                             .prune = manifest->prune,
                             .kept = rng_below(rng, 8) == 0,
                             .status_reason = rng_below(rng, 2) ? VIEW("waits \"\\\n") : VIEW(""),
                             .revision = (int64_t)rng_below(rng, 9),
                             .updated_ms = (int64_t)rng_below(rng, 1000000)};
    if (record.phase == RESOURCE_REPLACING) {
        Manifest next = random_manifest(model, rng, manifest->kind, 0);
        canonical_digest(manifest->kind, manifest->name, next.spec, &record.next_digest);
    }
    g_array_append_val(model->resources, record);
}

static void add_runs(Model *model, Rng *rng, Kind kind, int name)
{
    size_t len = rng_below(rng, 5);
    for (size_t i = 0; i < len; i++) {
        Manifest manifest = random_manifest(model, rng, kind, name);
        RunRecord run = {.id = VIEW("id"),
                         .owner = rng_below(rng, 6) ? VIEW("random") : VIEW("other"),
                         .kind = kind,
                         .name = manifest.name,
                         .key = manifest.digest,
                         .number = (int64_t)i + 1,
                         .spec = rng_below(rng, 5) ? manifest.spec : VIEW(""),
                         .status_reason = VIEW(""),
                         .state = (RunState)rng_below(rng, RUN_RECORDED + 1)};
        run.is_ending = run.state == RUN_CANCELLED && rng_below(rng, 2);
        g_array_append_val(model->runs, run);
    }
}

static ManifestSet *random_model(Model *model, Rng *rng)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int name = 0; name < NAMES; name++) {
            Manifest there = random_manifest(model, rng, (Kind)kind, name);
            Manifest wanted = rng_below(rng, 3) ? random_manifest(model, rng, (Kind)kind, name) : there;
            if (rng_below(rng, 3))
                manifest_batch_add(batch, &wanted);
            if (kind != KIND_JOB && rng_below(rng, 3))
                add_resource(model, rng, &there);
            if (kind == KIND_JOB || kind == KIND_PIPELINE)
                add_runs(model, rng, (Kind)kind, name);
        }
    return manifest_set_build(&batch, 1, NULL, diagnostics);
}

static void write_snapshot(const Model *model, GString *out)
{
    g_autoptr(StateSnapshotWriter) writer = state_snapshot_writer_new(INSTALLATION);
    ApplyRecord apply = {
        .owner = VIEW("random"), .source_path = VIEW("/srv/secret-place"), .revision = VIEW("r1")};
    state_snapshot_add_source(writer, &apply, model->is_known);
    for (guint i = 0; i < model->resources->len; i++)
        state_snapshot_add_resource(writer, &g_array_index(model->resources, ResourceRecord, i));
    for (guint i = 0; i < model->runs->len; i++)
        state_snapshot_add_run(writer, &g_array_index(model->runs, RunRecord, i));
    state_snapshot_finish(writer, out);
}

/* Everything of a plan but values, that only one of the two knows, and the places of what goes. */
static char *outline(const Plan *plan)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        g_autoptr(GPtrArray) fields = change_fields(change);
        g_string_append_printf(out, "%s %s %s: %s (%zu)\n", action_name(change->action),
                               kind_name(change->kind), change->name, change->reason,
                               change->unchanged_fields);
        for (guint n = 0; n < fields->len; n++)
            g_string_append_printf(out, "  %s\n", ((FieldChange *)g_ptr_array_index(fields, n))->path);
    }
    const GPtrArray *const notes[] = {plan->pending, plan->kept, plan->unmanaged, plan->warnings};
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++)
        for (guint n = 0; n < notes[i]->len; n++) {
            const PlanNote *note = g_ptr_array_index(notes[i], n);
            g_string_append_printf(out, "%zu %s: %s\n", i, note->name, note->message);
        }
    return g_string_free(out, FALSE);
}

static void check_guards(const Plan *plan, const PlanActual *actual, const Plan *other,
                         const PlanActual *other_actual, const PlanOptions *options)
{
    g_autofree char *message = NULL, *other_message = NULL;
    g_assert_cmpint(plan_guard(plan, actual, options, -1, &message), ==,
                    plan_guard(other, other_actual, options, -1, &other_message));
    g_autoptr(GString) shown = g_string_new(message);
    g_string_replace(shown, "/srv/secret-place/", "",
                     0); /* a snapshot does not say where another source lies */
    g_assert_cmpstr(shown->str, ==, other_message ? other_message : "");
}

static void test_seed(uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    Model model = {g_string_chunk_new(4096), g_array_new(FALSE, TRUE, sizeof(ResourceRecord)),
                   g_array_new(FALSE, TRUE, sizeof(RunRecord)), rng_below(&rng, 2) != 0};
    g_autoptr(ManifestSet) set = random_model(&model, &rng);
    g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    write_snapshot(&model, text);
    write_snapshot(&model, again);
    g_assert_cmpstr(text->str, ==, again->str);
    g_assert_null(strstr(text->str, SECRET));
    g_assert_null(strstr(text->str, "secret-place"));
    g_autoptr(StateSnapshot) snapshot = state_snapshot_load((View){text->str, text->len}, &error);
    g_assert_no_error(error);

    g_autoptr(GArray) own = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    for (guint i = 0; i < model.runs->len; i++)
        if (view_is(g_array_index(model.runs, RunRecord, i).owner, "random"))
            g_array_append_val(own, g_array_index(model.runs, RunRecord, i));
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)model.resources->data,
                         .resources_len = model.resources->len,
                         .runs = (const RunRecord *)(void *)own->data,
                         .runs_len = own->len,
                         .source_known = model.is_known};
    const PlanActual *redacted = state_snapshot_actual(snapshot, "random");
    PlanOptions options = {.source_name = "random",
                           .first_run = (FirstRun)rng_below(&rng, 3),
                           .only = rng_below(&rng, 4) ? NULL : "JobDefinition/n1",
                           .destroy = rng_below(&rng, 8) == 0};
    g_autoptr(Plan) plan = plan_build(set, &actual, &options);
    g_autoptr(Plan) against = plan_build(set, redacted, &options);
    g_autofree char *expected = outline(plan), *found = outline(against);
    g_assert_cmpstr(found, ==, expected);
    g_assert_cmpstr(against->id, ==, plan->id);
    check_guards(plan, &actual, against, redacted, &options);
    g_array_unref(model.resources);
    g_array_unref(model.runs);
    g_string_chunk_free(model.texts);
}

static void test_all(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS"), *one = g_getenv("SEED");
    uint64_t first = one ? g_ascii_strtoull(one, NULL, 10) : 1;
    uint64_t last = one ? first : wanted ? g_ascii_strtoull(wanted, NULL, 10) : SEEDS;
    kinds_init();
    for (uint64_t seed = first; seed <= last; seed++) {
        g_test_message("SEED=%" G_GUINT64_FORMAT, seed);
        test_seed(seed);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/property/snapshot", test_all);
    return g_test_run();
}

/* Random desired and actual states: when a plan's changes are carried out on a model of the state, the next
 * plan is empty; equal inputs give equal bytes; what is exported plans to no change. */
#include "reconciler/plan/change.h"
#include "reconciler/plan/plan.h"
#include "spec/base/rng.h"
#include "spec/reference.h"
#include <glib.h>
#include <stdlib.h>

#define SEEDS 300
#define NAMES 5

/* A model of the state: owned copies, by kind and name. */
typedef struct {
    GArray *resources, *runs;
    GStringChunk *texts;
} Model;

static Model *model_new(void)
{
    Model *model = g_new0(Model, 1);
    model->resources = g_array_new(FALSE, TRUE, sizeof(ResourceRecord));
    model->runs = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    model->texts = g_string_chunk_new(4096);
    return model;
}

static void model_free(Model *model)
{
    g_array_unref(model->resources);
    g_array_unref(model->runs);
    g_string_chunk_free(model->texts);
    g_free(model);
}

static View keep(Model *model, View text)
{
    return (View){g_string_chunk_insert_len(model->texts, text.data, (gssize)text.len), text.len};
}

static View random_spec(Model *model, Rng *rng, Kind kind)
{
    int value = (int)rng_below(rng, 3);
    g_autofree char *text = NULL;
    switch (kind) {
    case KIND_SCHEDULING_POLICY:
        text = g_strdup_printf("{\"fairsharePolicy\":{\"shareDecaySeconds\":%d}}", 10 + value);
        break;
    case KIND_COMPUTE_ENVIRONMENT:
        text = g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"%s\"}}", 4 + value,
                               rng_below(rng, 2) ? "EC2" : "SPOT");
        break;
    case KIND_JOB_QUEUE:
        text = g_strdup_printf(
            "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"n%d\",\"order\":1}],\"priority\":%d}",
            (int)rng_below(rng, NAMES), value);
        break;
    case KIND_JOB_DEFINITION:
        text = g_strdup_printf(
            "{\"containerProperties\":{\"command\":[\"echo\",\"%d\"],\"resourceRequirements\":["
            "{\"type\":\"MEMORY\",\"value\":\"64\"},{\"type\":\"VCPU\",\"value\":\"2\"}]}}",
            value);
        break;
    case KIND_PIPELINE:
        text =
            g_strdup_printf("{\"jobs\":[{\"jobDefinition\":\"n%d\",\"jobQueue\":\"n1\",\"name\":\"s\"}]%s}",
                            value, rng_below(rng, 3) == 0 ? ",\"triggers\":[\"manual\"]" : "");
        break;
    case KIND_CONSUMABLE_RESOURCE: text = g_strdup_printf("{\"totalQuantity\":%d}", 1 + value); break;
    case KIND_JOB:
    case KIND_COUNT:
        text = g_strdup_printf("{%s\"jobDefinition\":\"n%d\",\"jobQueue\":\"n1\"%s%s}",
                               rng_below(rng, 3) == 0 ? "\"dependsOn\":[{\"job\":\"n0\"}]," : "", value,
                               rng_below(rng, 3) == 0 ? ",\"onDelete\":\"terminate\"" : "",
                               rng_below(rng, 3) == 0 ? ",\"rerunOn\":[\"definition\"]" : "");
        break;
    }
    return keep(model, view_from(text));
}

static Manifest random_manifest(Model *model, Rng *rng, Kind kind, int name)
{
    static const char *const labels[] = {"{}", "{\"labels\":{\"a\":\"1\"}}",
                                         "{\"labels\":{\"a\":\"2\",\"b\":\"x\"}}"};
    g_autofree char *text = g_strdup_printf("n%d", name);
    Manifest manifest = {.kind = kind,
                         .name = keep(model, view_from(text)),
                         .file = "random.yaml",
                         .line = 1,
                         .prune = rng_below(rng, 4) != 0,
                         .deletion = (DeletionPolicy)rng_below(rng, 2)};
    manifest.spec = random_spec(model, rng, kind);
    manifest.metadata = view_from(labels[rng_below(rng, 3)]);
    canonical_digest(kind, manifest.name, manifest.spec, &manifest.digest);
    return manifest;
}

/* Some claim former names, which may be declared, or claimed by others. A revision with any is planned whole.
 */
static void add_formerly(Model *model, Manifest *manifest, Rng *rng)
{
    if (rng_below(rng, 3) != 0)
        return;
    g_autofree char *formerly = g_strdup_printf("{\"formerly\":[\"n%d\",\"n%d\"]}",
                                                (int)rng_below(rng, NAMES), (int)rng_below(rng, NAMES));
    manifest->metadata = keep(model, view_from(formerly));
}

static ManifestSet *random_set(Model *model, Rng *rng)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int name = 0; name < NAMES; name++) {
            Manifest manifest = random_manifest(model, rng, (Kind)kind, name);
            add_formerly(model, &manifest, rng);
            if (rng_below(rng, 3) != 0)
                manifest_batch_add(batch, &manifest);
        }
    return manifest_set_build(&batch, 1, NULL, diagnostics);
}

static Plan *plan_of(const Model *model, ManifestSet *set)
{
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)model->resources->data,
                         .resources_len = model->resources->len,
                         .runs = (const RunRecord *)(void *)model->runs->data,
                         .runs_len = model->runs->len,
                         .source_known = true};
    PlanOptions options = {.source_name = "random", .first_run = FIRST_RUN_START};
    return plan_build(set, &actual, &options);
}

/* ---- carrying out, as plan.h says it is done
 * ----------------------------------------------------------------------- */

static int compare_resources(const void *a, const void *b)
{
    const ResourceRecord *first = a, *second = b;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    return view_compare(first->name, second->name);
}

static int compare_runs(const void *a, const void *b)
{
    const RunRecord *first = a, *second = b;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    int order = view_compare(first->name, second->name);
    return order ? order : (first->number > second->number) - (first->number < second->number);
}

static ResourceRecord *find(Model *model, Kind kind, View name)
{
    for (guint i = 0; i < model->resources->len; i++) {
        ResourceRecord *record = &g_array_index(model->resources, ResourceRecord, i);
        if (record->kind == kind && view_equal(record->name, name))
            return record;
    }
    return NULL;
}

static void put(Model *model, const Manifest *manifest)
{
    ResourceRecord record = {.kind = manifest->kind,
                             .name = keep(model, manifest->name),
                             .owner = VIEW("random"),
                             .spec = keep(model, manifest->spec),
                             .metadata = keep(model, manifest->metadata),
                             .digest = manifest->digest,
                             .prune = manifest->prune,
                             .deletion = manifest->deletion,
                             .revision = 1};
    ResourceRecord *old = find(model, manifest->kind, manifest->name);
    if (old)
        *old = record;
    else
        g_array_append_val(model->resources, record);
}

/* Half of what is replaced or deleted is still draining afterwards. */
static void replace(Model *model, const Manifest *manifest, Rng *rng)
{
    ResourceRecord *old = find(model, manifest->kind, manifest->name);
    ResourceRecord before = *old;
    put(model, manifest);
    if (rng_below(rng, 2) == 0)
        return;
    old->phase = RESOURCE_REPLACING;
    old->next_digest = manifest->digest;
    old->next_spec = old->spec;
    old->spec = before.spec;
    old->digest = before.digest;
}

static void end_runs(Model *model, Kind kind, const char *name)
{
    for (guint i = 0; i < model->runs->len; i++) {
        RunRecord *run = &g_array_index(model->runs, RunRecord, i);
        if (run->kind == kind && view_is(run->name, name) && run->state <= RUN_RUNNING)
            run->state = RUN_CANCELLED;
    }
}

static void delete (Model *model, const Change *change, Rng *rng)
{
    end_runs(model, change->kind, change->name);
    ResourceRecord *record = find(model, change->kind, view_from(change->name));
    if (!record)
        return;
    if (rng_below(rng, 2) == 0)
        record->phase = RESOURCE_DELETING;
    else
        g_array_remove_index(model->resources,
                             (guint)(record - &g_array_index(model->resources, ResourceRecord, 0)));
}

static void run(Model *model, const Change *change, Rng *rng)
{
    const Manifest *manifest = change->manifest;
    int64_t number = 1;
    for (guint i = 0; i < model->runs->len; i++) {
        const RunRecord *other = &g_array_index(model->runs, RunRecord, i);
        if (other->kind == manifest->kind && view_equal(other->name, manifest->name))
            number = MAX(number, other->number + 1);
    }
    RunRecord record = {.id = VIEW("id"),
                        .owner = VIEW("random"),
                        .kind = manifest->kind,
                        .name = keep(model, manifest->name),
                        .key = change->run_key,
                        .number = number,
                        .spec = keep(model, manifest->spec),
                        .state = (RunState)rng_below(rng, 5)};
    g_array_append_val(model->runs, record);
}

/* What names it has, and which content its runs stand for. */
static void rename_runs(Model *model, const Change *change)
{
    const char *from = change->formerly ? change->formerly : change->name;
    for (guint i = 0; i < model->runs->len; i++) {
        RunRecord *one = &g_array_index(model->runs, RunRecord, i);
        if (one->kind != change->kind || !view_is(one->name, from))
            continue;
        one->name = keep(model, view_from(change->name));
        if (!digest_is_zero(&change->former_key) && digest_equal(&one->key, &change->former_key))
            one->key = change->run_key;
    }
}

static void rename_resource(Model *model, const Change *change)
{
    ResourceRecord *record = change->formerly ? find(model, change->kind, view_from(change->formerly)) : NULL;
    if (record)
        record->name = keep(model, view_from(change->name));
}

static void carry_out(Model *model, const Plan *plan, Rng *rng)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        if (change->action <= ACTION_REPLACE) {
            rename_resource(model, change);
            rename_runs(model, change);
        }
        if (change->kind == KIND_JOB && change->action == ACTION_UPDATE)
            continue; /* there are only runs */
        switch (change->action) {
        case ACTION_CREATE:
        case ACTION_UPDATE: put(model, change->manifest); break;
        case ACTION_REPLACE: replace(model, change->manifest, rng); break;
        case ACTION_DELETE: delete (model, change, rng); break;
        case ACTION_RUN: run(model, change, rng); break;
        }
    }
    for (guint i = 0; i < plan->kept->len; i++) {
        const PlanNote *note = g_ptr_array_index(plan->kept, i);
        find(model, note->kind, view_from(note->name))->kept = true;
    }
    g_array_sort(model->resources, compare_resources);
    g_array_sort(model->runs, compare_runs);
}

static uint64_t seeds_wanted(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    return wanted ? g_ascii_strtoull(wanted, NULL, 10) : SEEDS;
}

static void check_empty(const Model *model, ManifestSet *set, uint64_t seed)
{
    g_autoptr(Plan) plan = plan_of(model, set);
    if (plan_is_empty(plan))
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    PlanRender render = {.width = 100};
    plan_render_text(plan, &render, text);
    g_error("seed %" G_GUINT64_FORMAT ": not empty after it was carried out:\n%s", seed, text->str);
}

static void check_repeatable(const Model *model, ManifestSet *set, uint64_t seed)
{
    g_autoptr(Plan) first = plan_of(model, set);
    g_autoptr(Plan) second = plan_of(model, set);
    g_autoptr(GString) first_json = g_string_new(NULL), second_json = g_string_new(NULL);
    plan_render_json(first, NULL, first_json);
    plan_render_json(second, NULL, second_json);
    if (strcmp(first_json->str, second_json->str) != 0 || strcmp(first->id, second->id) != 0)
        g_error("seed %" G_GUINT64_FORMAT ": equal inputs gave two plans", seed);
}

static void test_converges(void)
{
    for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
        Rng rng = rng_from_seed(seed);
        Model *model = model_new();
        for (int round = 0; round < 4; round++) {
            g_autoptr(ManifestSet) set = random_set(model, &rng);
            check_repeatable(model, set, seed);
            g_autoptr(Plan) plan = plan_of(model, set);
            carry_out(model, plan, &rng);
            check_empty(model, set, seed);
        }
        model_free(model);
    }
}

/* Carried out in order, nothing ever refers to what is not there yet or no longer. */
static void test_order(void)
{
    for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
        Rng rng = rng_from_seed(seed);
        Model *model = model_new();
        g_autoptr(ManifestSet) set = random_set(model, &rng);
        g_autoptr(Plan) plan = plan_of(model, set);
        g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        for (guint i = 0; i < plan->changes->len; i++) {
            const Change *change = g_ptr_array_index(plan->changes, i);
            for (const char *const *on = change->depends_on; *on; on++)
                if (!g_hash_table_contains(done, *on))
                    g_error("seed %" G_GUINT64_FORMAT ": %s/%s before %s", seed, kind_name(change->kind),
                            change->name, *on);
            g_hash_table_add(done, g_strdup_printf("%s/%s", kind_name(change->kind), change->name));
        }
        model_free(model);
    }
}

/* ---- a part of a set
 * -------------------------------------------------------------------------------------------------------
 */

static ManifestSet *whole_set(Model *model, Rng *rng)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int name = 0; name < NAMES; name++) {
            Manifest manifest = random_manifest(model, rng, (Kind)kind, name);
            manifest_batch_add(batch, &manifest);
        }
    return manifest_set_build(&batch, 1, NULL, diagnostics);
}

/* One to three manifests are other ones, sometimes there is one more. */
static ManifestSet *edited_set(Model *model, const ManifestSet *set, Rng *rng)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    size_t edits[3];
    for (int i = 0; i < 3; i++)
        edits[i] = (size_t)rng_below(rng, manifest_set_len(set));
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        Manifest manifest = *manifest_set_get(set, i);
        if (i == edits[0] || i == edits[1] || i == edits[2])
            manifest = random_manifest(model, rng, manifest.kind, atoi(manifest.name.data + 1));
        manifest_batch_add(batch, &manifest);
    }
    Manifest added = random_manifest(model, rng, (Kind)rng_below(rng, KIND_COUNT), NAMES);
    if (rng_below(rng, 2) == 0)
        manifest_batch_add(batch, &added);
    return manifest_set_build(&batch, 1, NULL, diagnostics);
}

static size_t reference_errors(const ManifestSet *set)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    reference_check(set, NULL, NULL, NULL, diagnostics);
    return diagnostic_list_len(diagnostics);
}

/* What a daemon reads to plan the part: the records of its keys. */
static Model *model_of_part(const Model *model, const ManifestSet *part)
{
    Model *some = model_new();
    for (guint i = 0; i < model->resources->len; i++) {
        const ResourceRecord *record = &g_array_index(model->resources, ResourceRecord, i);
        if (manifest_set_find(part, record->kind, record->name))
            g_array_append_val(some->resources, *record);
    }
    for (guint i = 0; i < model->runs->len; i++) {
        const RunRecord *run = &g_array_index(model->runs, RunRecord, i);
        if (manifest_set_find(part, run->kind, run->name))
            g_array_append_val(some->runs, *run);
    }
    return some;
}

static void disagree(const Plan *whole, const Plan *part, uint64_t seed)
{
    g_autoptr(GString) text = g_string_new(NULL);
    PlanRender render = {.width = 100};
    plan_render_text(whole, &render, text);
    g_string_append(text, "---- the part:\n");
    plan_render_text(part, &render, text);
    g_error("seed %" G_GUINT64_FORMAT ": the part plans otherwise than the whole:\n%s", seed, text->str);
}

/* A revision that follows a clean one that was carried out: its part has the same faults and the same plan as
 * the whole. */
static void test_part(void)
{
    size_t faulty = 0, small = 0;
    for (uint64_t seed = 1; seed <= 4 * SEEDS; seed++) {
        Rng rng = rng_from_seed(seed);
        Model *model = model_new();
        g_autoptr(ManifestSet) before = whole_set(model, &rng);
        g_autoptr(Plan) first = plan_of(model, before);
        carry_out(model, first, &rng);
        g_autoptr(ManifestSet) now = edited_set(model, before, &rng);
        g_autoptr(ManifestSet) part = manifest_set_part(before, now, 1000);
        g_assert_nonnull(part);
        if (reference_errors(before) == 0) {
            bool is_faulty = reference_errors(now) > 0;
            if (is_faulty != (reference_errors(part) > 0))
                g_error("seed %" G_GUINT64_FORMAT ": the part %s", seed,
                        is_faulty ? "hides a fault" : "invents one");
            faulty += is_faulty;
        }
        small += manifest_set_len(part) < manifest_set_len(now) / 2;
        Model *some = model_of_part(model, part);
        g_autoptr(Plan) whole_plan = plan_of(model, now);
        g_autoptr(Plan) part_plan = plan_of(some, part);
        if (strcmp(whole_plan->id, part_plan->id) != 0 ||
            strcmp(whole_plan->revision, part_plan->revision) != 0)
            disagree(whole_plan, part_plan, seed);
        model_free(some);
        model_free(model);
    }
    g_assert_cmpuint(faulty, >, 10); /* the cases that this is about did occur */
    g_assert_cmpuint(small, >, SEEDS);
}

/* ---- export
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct {
    ManifestBatch *batch;
    DiagnosticList *diagnostics;
    View text;
} Import;

static bool import_document(const Document *document, void *data)
{
    Import *import = data;
    ManifestContext context = {
        .file = "export.yaml", .text = import->text, .first_line = 1, .provider_override = "local"};
    return manifest_from_document(document, &context, import->batch, import->diagnostics) == MANIFEST_OK;
}

static ManifestSet *import_yaml(View text, uint64_t seed)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Import import = {manifest_batch_new(), diagnostics, text};
    document_parse(text, "export.yaml", 1, arena, &document_limits_default, import_document, &import,
                   diagnostics);
    g_autoptr(GString) faults = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, faults);
    if (faults->len > 0)
        g_error("seed %" G_GUINT64_FORMAT ": %s", seed, faults->str);
    return manifest_set_build(&import.batch, 1, NULL, diagnostics);
}

static void test_export(void)
{
    for (uint64_t seed = 1; seed <= seeds_wanted(); seed++) {
        Rng rng = rng_from_seed(seed);
        Model *model = model_new();
        g_autoptr(GString) yaml = g_string_new(NULL);
        g_autoptr(ManifestSet) set = random_set(model, &rng);
        for (size_t i = 0; i < manifest_set_len(set); i++) {
            Manifest manifest = *manifest_set_get(set, i);
            if (manifest.kind == KIND_PIPELINE || manifest.kind == KIND_JOB)
                continue;
            manifest.prune = true;
            manifest.deletion = DELETION_DRAIN;
            put(model, &manifest);
        }
        g_array_sort(model->resources, compare_resources);
        for (guint i = 0; i < model->resources->len; i++)
            export_manifest(&g_array_index(model->resources, ResourceRecord, i), yaml);
        g_autoptr(ManifestSet) imported = import_yaml((View){yaml->str, yaml->len}, seed);
        check_empty(model, imported, seed);
        model_free(model);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/plan/property/converges", test_converges);
    g_test_add_func("/plan/property/order", test_order);
    g_test_add_func("/plan/property/part", test_part);
    g_test_add_func("/plan/property/export", test_export);
    return g_test_run();
}

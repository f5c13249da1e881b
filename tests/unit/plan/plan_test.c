#include "reconciler/plan/plan.h"
#include <glib.h>
#include <jansson.h>

#define QUEUE_SPEC                                                                                           \
    "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"spot\",\"order\":1}],\"priority\":10}"
#define QUEUE_SPEC_7                                                                                         \
    "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"spot\",\"order\":1}],\"priority\":7}"
#define ENVIRONMENT_SPEC "{\"computeResources\":{\"maxvCpus\":16,\"type\":\"EC2\"},\"type\":\"MANAGED\"}"
#define ENVIRONMENT_MORE "{\"computeResources\":{\"maxvCpus\":32,\"type\":\"EC2\"},\"type\":\"MANAGED\"}"
#define ENVIRONMENT_SPOT "{\"computeResources\":{\"maxvCpus\":16,\"type\":\"SPOT\"},\"type\":\"MANAGED\"}"
#define ENVIRONMENT_FARGATE                                                                                  \
    "{\"computeResources\":{\"maxvCpus\":32,\"type\":\"FARGATE\"},\"type\":\"MANAGED\"}"
#define QUEUE_SPEC_FAIR                                                                                      \
    "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"spot\",\"order\":1}],\"priority\":7,"           \
    "\"schedulingPolicy\":\"fair\"}"
#define DEFINITION_SPEC  "{\"containerProperties\":{\"command\":[\"true\"]},\"type\":\"container\"}"
#define DEFINITION_OTHER "{\"containerProperties\":{\"command\":[\"false\"]},\"type\":\"container\"}"
#define JOB_SPEC         "{\"jobDefinition\":\"def\",\"jobQueue\":\"high\"}"
#define JOB_OTHER                                                                                            \
    "{\"jobDefinition\":\"def\",\"jobQueue\":\"high\",\"timeout\":{\"attemptDurationSeconds\":90}}"

typedef struct {
    ManifestBatch *batch;
    GArray *resources, *runs;
    PlanActual actual;
    PlanOptions options;
    size_t busy;
} Fixture;

static size_t fixture_busy(Kind kind, View name, void *data)
{
    (void)kind;
    (void)name;
    return ((Fixture *)data)->busy;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    kinds_init();
    fixture->batch = manifest_batch_new();
    fixture->resources = g_array_new(FALSE, TRUE, sizeof(ResourceRecord));
    fixture->runs = g_array_new(FALSE, TRUE, sizeof(RunRecord));
    fixture->options = (PlanOptions){.source_name = "shop", .first_run = FIRST_RUN_START};
    fixture->actual.source_known = true;
    fixture->actual.busy = fixture_busy;
    fixture->actual.data = fixture;
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    manifest_batch_free(fixture->batch);
    g_array_unref(fixture->resources);
    g_array_unref(fixture->runs);
}

static Manifest manifest_of(Kind kind, const char *name, const char *spec)
{
    Manifest manifest = {.kind = kind,
                         .name = view_from(name),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .file = "shop.yaml",
                         .line = 5,
                         .prune = true};
    canonical_digest(kind, manifest.name, manifest.spec, &manifest.digest);
    return manifest;
}

static void want(Fixture *fixture, Kind kind, const char *name, const char *spec)
{
    Manifest manifest = manifest_of(kind, name, spec);
    manifest_batch_add(fixture->batch, &manifest);
}

/* Records must be added in order of kind and name. */
static ResourceRecord *have(Fixture *fixture, Kind kind, const char *name, const char *spec)
{
    Manifest manifest = manifest_of(kind, name, spec);
    ResourceRecord record = {.kind = kind,
                             .name = manifest.name,
                             .owner = VIEW("shop"),
                             .spec = manifest.spec,
                             .metadata = manifest.metadata,
                             .digest = manifest.digest,
                             .file = VIEW("shop.yaml"),
                             .line = 5,
                             .prune = true,
                             .revision = 1};
    g_array_append_val(fixture->resources, record);
    return &g_array_index(fixture->resources, ResourceRecord, fixture->resources->len - 1);
}

static RunRecord *have_run(Fixture *fixture, Kind kind, const char *name, const char *spec, int64_t number,
                           RunState state)
{
    Manifest manifest = manifest_of(kind, name, spec);
    RunRecord run = {.id = VIEW("run"),
                     .owner = VIEW("shop"),
                     .kind = kind,
                     .name = manifest.name,
                     .key = manifest.digest,
                     .number = number,
                     .spec = manifest.spec,
                     .state = state};
    g_array_append_val(fixture->runs, run);
    return &g_array_index(fixture->runs, RunRecord, fixture->runs->len - 1);
}

static Plan *build(Fixture *fixture)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = g_steal_pointer(&fixture->batch);
    g_autoptr(ManifestSet) set = manifest_set_build(&batch, 1, NULL, diagnostics);
    fixture->batch = manifest_batch_new();
    fixture->actual.resources = (const ResourceRecord *)(void *)fixture->resources->data;
    fixture->actual.resources_len = fixture->resources->len;
    fixture->actual.runs = (const RunRecord *)(void *)fixture->runs->data;
    fixture->actual.runs_len = fixture->runs->len;
    return plan_build(set, &fixture->actual, &fixture->options);
}

static const Change *change_at(const Plan *plan, guint index)
{
    g_assert_cmpuint(index, <, plan->changes->len);
    return g_ptr_array_index(plan->changes, index);
}

/* "create JobQueue/high; run Job/a" */
static char *changes_of(const Plan *plan)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = change_at(plan, i);
        g_string_append_printf(out, "%s%s %s/%s", i ? "; " : "", action_name(change->action),
                               kind_name(change->kind), change->name);
    }
    return g_string_free(out, FALSE);
}

static void assert_changes(const Plan *plan, const char *expected)
{
    g_autofree char *changes = changes_of(plan);
    g_assert_cmpstr(changes, ==, expected);
}

static const char *note_of(const GPtrArray *notes)
{
    g_assert_cmpuint(notes->len, ==, 1);
    return ((const PlanNote *)g_ptr_array_index(notes, 0))->message;
}

static char *text_of(const Plan *plan, const char *next_command)
{
    PlanRender render = {.next_command = next_command, .width = 80};
    GString *out = g_string_new(NULL);
    plan_render_text(plan, &render, out);
    return g_string_free(out, FALSE);
}

/* ---- every action
 * ------------------------------------------------------------------------------------------------- */

static void test_create_in_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC);
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(
        plan,
        "create ComputeEnvironment/spot; create JobQueue/high; create JobDefinition/def; run Job/a-job");
    g_assert_cmpstr(change_at(plan, 1)->depends_on[0], ==, "ComputeEnvironment/spot");
    g_assert_cmpstr(change_at(plan, 3)->depends_on[0], ==, "JobDefinition/def");
    g_assert_cmpstr(change_at(plan, 3)->depends_on[1], ==, "JobQueue/high");
    g_assert_null(change_at(plan, 3)->depends_on[2]);
    g_assert_cmpuint(plan->counts[ACTION_CREATE], ==, 3);
    g_assert_cmpuint(plan->counts[ACTION_RUN], ==, 1);
    g_assert_false(plan_is_empty(plan));
}

static void test_nothing(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have_run(fixture, KIND_JOB, "a-job", JOB_SPEC, 1, RUN_FAILED);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "");
    g_assert_true(plan_is_empty(plan));
    g_assert_cmpuint(plan->unchanged, ==, 2);
    g_autofree char *text = text_of(plan, "muster apply shop");
    g_assert_nonnull(strstr(text, "No changes. What is there matches source shop."));
    g_assert_null(strstr(text, "muster apply"));
}

static void test_update(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_7);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/high");
    const Change *change = change_at(plan, 0);
    g_assert_cmpuint(change->fields->len, ==, 1);
    const FieldChange *field = g_ptr_array_index(change->fields, 0);
    g_assert_cmpstr(field->path, ==, "spec.priority");
    g_assert_cmpstr(field->before, ==, "7");
    g_assert_cmpstr(field->after, ==, "10");
    g_assert_cmpstr(change->reason, ==, "in-place: priority");
    g_assert_cmpuint(change->unchanged_fields, >, 0);
    g_autofree char *text = text_of(plan, NULL);
    g_assert_nonnull(strstr(text, "\n  ~ JobQueue/high  in-place: priority"));
    g_assert_nonnull(strstr(text, "  shop.yaml:5\n      ~ priority: 7 -> 10\n"));
    g_assert_nonnull(strstr(text, "unchanged field"));
    g_assert_nonnull(strstr(text, "\nPlan: 0 to add, 1 to change, 0 to destroy.\n"));
}

static void test_metadata_in_place(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Manifest manifest = manifest_of(KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    manifest.metadata = VIEW("{\"labels\":{\"team\":\"b\"}}");
    manifest_batch_add(fixture->batch, &manifest);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC)->metadata =
        VIEW("{\"labels\":{\"old\":\"x\",\"team\":\"a\"}}");
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/high");
    g_autofree char *text = text_of(plan, NULL);
    g_assert_nonnull(strstr(text, "      - metadata.labels.old: x\n      ~ metadata.labels.team: a -> b\n"));
}

/* The old one drains, then takes the new form: -/+, since a name is there once only. */
static void test_replace(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_FARGATE);
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_FAIR);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_7);
    fixture->busy = 3;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "replace ComputeEnvironment/spot; replace JobQueue/high");
    for (guint i = 0; i < 2; i++) {
        const Change *change = change_at(plan, i);
        g_assert_cmpstr(change->sub_steps[0], ==, "drains first: 3 unfinished jobs");
        g_assert_cmpstr(change->sub_steps[1], ==, "then takes its new form");
        g_assert_null(change->sub_steps[2]);
    }
    g_autofree char *text = text_of(plan, NULL);
    g_assert_nonnull(strstr(text, "\n-/+ ComputeEnvironment/spot  replace: computeResources.type"));
    g_assert_nonnull(strstr(text, "~ computeResources.maxvCpus: 16 -> 32\n"));
    g_assert_nonnull(strstr(text, "~ computeResources.type: EC2 -> FARGATE  # forces replacement\n"));
    g_assert_nonnull(strstr(text, "\n-/+ JobQueue/high  replace: schedulingPolicy"));
    g_assert_nonnull(strstr(text, "+ schedulingPolicy: fair  # forces replacement\n"));
    g_assert_nonnull(strstr(text, "Plan: 2 to add, 0 to change, 2 to destroy."));
}

/* Within a family instances roll over; jobs finish first, nothing is replaced. */
static void test_rolling(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPOT);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    fixture->busy = 1;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update ComputeEnvironment/spot");
    g_assert_cmpstr(change_at(plan, 0)->sub_steps[0], ==, "rolling: 1 unfinished job finish first");
}

/* What the wanted policy says counts, not what was in force. */
static void test_rolling_policy(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *policy, *step;
    } cases[] = {
        {"{\"jobExecutionTimeoutMinutes\":45}",
         "rolling: terminates 3 unfinished jobs unless finished in 45 min (updatePolicy)"},
        {"{}", "rolling: terminates 3 unfinished jobs unless finished in 30 min (updatePolicy)"},
        {"{\"terminateJobsOnUpdate\":true}", "rolling: terminates 3 unfinished jobs at once (updatePolicy)"},
    };
    const char *policy = cases[GPOINTER_TO_SIZE(data)].policy;
    g_autoptr(GString) spec = g_string_new(ENVIRONMENT_SPOT);
    g_string_truncate(spec, spec->len - 1);
    g_string_append_printf(spec, ",\"updatePolicy\":%s}", policy);
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", spec->str);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    fixture->busy = 3;
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpstr(change_at(plan, 0)->sub_steps[0], ==, cases[GPOINTER_TO_SIZE(data)].step);
}

static void test_revision(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_OTHER);
    have(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC)->revision = 7;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobDefinition/def");
    g_assert_true(g_str_has_prefix(change_at(plan, 0)->reason, "new revision 8: "));
}

static void test_delete_in_reverse(Fixture *fixture, gconstpointer data)
{
    (void)data;
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    fixture->busy = 1;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "delete JobQueue/high; delete ComputeEnvironment/spot");
    g_assert_cmpstr(change_at(plan, 0)->sub_steps[0], ==, "drains first: 1 unfinished job");
    g_assert_cmpstr(change_at(plan, 1)->depends_on[0], ==, "JobQueue/high");
    g_assert_cmpstr(change_at(plan, 1)->sub_steps[0], ==, "waits until no queue refers to it");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "no longer in the source");
}

static void test_phases(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "again", ENVIRONMENT_SPEC);
    want(fixture, KIND_COMPUTE_ENVIRONMENT, "replacing", ENVIRONMENT_SPOT);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "again", ENVIRONMENT_SPEC)->phase = RESOURCE_DELETING;
    ResourceRecord *replacing = have(fixture, KIND_COMPUTE_ENVIRONMENT, "replacing", ENVIRONMENT_SPEC);
    replacing->phase = RESOURCE_REPLACING;
    replacing->next_spec = VIEW(ENVIRONMENT_SPOT);
    replacing->next_digest = manifest_of(KIND_COMPUTE_ENVIRONMENT, "replacing", ENVIRONMENT_SPOT).digest;
    have(fixture, KIND_JOB_QUEUE, "gone", QUEUE_SPEC)->phase = RESOURCE_DELETING;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update ComputeEnvironment/again");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "wanted again: its deletion is called off");
    g_assert_cmpuint(plan->pending->len, ==, 2);
    g_assert_cmpstr(((PlanNote *)g_ptr_array_index(plan->pending, 0))->message, ==, "is being replaced");
    g_assert_cmpstr(((PlanNote *)g_ptr_array_index(plan->pending, 1))->message, ==, "is being deleted");
}

static void test_kept(Fixture *fixture, gconstpointer data)
{
    (void)data;
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC)->prune = false;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "");
    g_assert_nonnull(strstr(note_of(plan->kept), "kept by muster/prune"));
    fixture->options.destroy = true;
    g_autoptr(Plan) destroy = build(fixture);
    assert_changes(destroy, "delete JobQueue/high");
}

static void test_kept_comes_back(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC)->kept = true;
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/high");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "in the source again");
}

static void test_owners(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "by-hand", QUEUE_SPEC);
    want(fixture, KIND_JOB_QUEUE, "equal", QUEUE_SPEC);
    want(fixture, KIND_JOB_QUEUE, "theirs", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "by-hand", QUEUE_SPEC_7)->owner = VIEW("");
    have(fixture, KIND_JOB_QUEUE, "equal", QUEUE_SPEC)->owner = VIEW("");
    have(fixture, KIND_JOB_QUEUE, "other", QUEUE_SPEC)->owner = VIEW("");
    have(fixture, KIND_JOB_QUEUE, "theirs", QUEUE_SPEC)->owner = VIEW("bank");
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/by-hand");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "adopted; in-place: priority");
    g_assert_cmpuint(plan->unmanaged->len, ==, 2);
    g_autofree char *message = NULL;
    g_assert_cmpint(plan_guard(plan, &fixture->actual, &fixture->options, -1, &message), ==, GUARD_CONFLICT);
    g_assert_nonnull(strstr(message, "JobQueue/theirs"));
    g_assert_nonnull(strstr(message, "bank"));
}

static void want_adopting(Fixture *fixture, Kind kind, const char *name, const char *spec, View metadata)
{
    Manifest manifest = manifest_of(kind, name, spec);
    manifest.metadata = metadata;
    manifest_batch_add(fixture->batch, &manifest);
}

#define NEVER     VIEW("{\"annotations\":{\"muster/adopt\":\"never\"}}")
#define IDENTICAL VIEW("{\"annotations\":{\"muster/adopt\":\"if-identical\"}}")
#define ALWAYS    VIEW("{\"annotations\":{\"muster/adopt\":\"always\"}}")

static void test_adoption(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const names[] = {"a-said-nothing", "b-nor-this", "c-never",    "d-identical",
                                        "e-differs",      "f-always",   "g-let-stay", "h-gone"};
    want(fixture, KIND_JOB_QUEUE, names[0], QUEUE_SPEC);
    want(fixture, KIND_JOB_QUEUE, names[1], QUEUE_SPEC);
    want_adopting(fixture, KIND_JOB_QUEUE, names[2], QUEUE_SPEC, NEVER);
    want_adopting(fixture, KIND_JOB_QUEUE, names[3], QUEUE_SPEC, IDENTICAL);
    want_adopting(fixture, KIND_JOB_QUEUE, names[4], QUEUE_SPEC, IDENTICAL);
    want_adopting(fixture, KIND_JOB_QUEUE, names[5], QUEUE_SPEC, ALWAYS);
    want_adopting(fixture, KIND_JOB_QUEUE, names[6], QUEUE_SPEC, ALWAYS);
    static const char *const specs[] = {QUEUE_SPEC,   QUEUE_SPEC_7, QUEUE_SPEC_7, QUEUE_SPEC,
                                        QUEUE_SPEC_7, QUEUE_SPEC_7, QUEUE_SPEC,   QUEUE_SPEC};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        ResourceRecord *record = have(fixture, KIND_JOB_QUEUE, names[i], specs[i]);
        record->owner = VIEW("");
        record->kept = true; /* let go */
    }
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/d-identical; update JobQueue/f-always; update JobQueue/g-let-stay");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "adopted; in-place: metadata.annotations.muster/adopt");
    g_assert_true(g_str_has_prefix(change_at(plan, 1)->reason, "adopted; in-place: "));
    g_assert_cmpuint(plan->unmanaged->len, ==, 5);
    static const char *const notes[] = {
        "let go by muster forget: its manifest (shop.yaml:5) agrees with it and is not carried out; *",
        "let go by muster forget: its manifest (shop.yaml:5) differs from it and is not carried out; *",
        "muster/adopt: never: its manifest (shop.yaml:5) differs*",
        "muster/adopt: if-identical: its manifest (shop.yaml:5) differs*", "let go by muster forget"};
    for (guint i = 0; i < plan->unmanaged->len; i++) {
        const PlanNote *note = plan->unmanaged->pdata[i];
        g_test_message("%s: %s", note->name, note->message);
        g_assert_true(g_pattern_match_simple(notes[i], note->message));
    }
    g_autofree char *message = NULL;
    g_assert_cmpint(plan_guard(plan, &fixture->actual, &fixture->options, -1, &message), ==, GUARD_OK);
}

#define FORMERLY(name) VIEW("{\"formerly\":\"" name "\"}")
#define JOB_RENAMED    "{\"jobDefinition\":\"d\",\"jobQueue\":\"high\"}"

static const Change *change_of(const Plan *plan, Kind kind, const char *name, ActionType action)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        if (change->kind == kind && strcmp(change->name, name) == 0 && change->action == action)
            return change;
    }
    return NULL;
}

static void test_renamed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want_adopting(fixture, KIND_JOB_QUEUE, "new", QUEUE_SPEC, VIEW("{\"formerly\":[\"older\",\"old\"]}"));
    want_adopting(fixture, KIND_JOB_QUEUE, "other", QUEUE_SPEC, FORMERLY("nothing"));
    have(fixture, KIND_JOB_QUEUE, "old", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->counts[ACTION_CREATE], ==, 1);
    g_assert_cmpuint(plan->counts[ACTION_UPDATE], ==, 1);
    g_assert_cmpuint(plan->counts[ACTION_DELETE], ==, 0);
    g_assert_cmpuint(plan->warnings->len, ==, 0);
    const Change *change = plan->changes->pdata[0]; /* before what may refer to it */
    g_assert_cmpstr(change->name, ==, "new");
    g_assert_cmpstr(change->formerly, ==, "old");
    g_test_message("%s", change->reason);
    g_assert_true(g_str_has_prefix(change->reason, "renamed from old"));
    g_autoptr(GString) json = g_string_new(NULL), text = g_string_new(NULL);
    plan_render_json(plan, NULL, json);
    g_assert_nonnull(strstr(json->str, "\"name\":\"new\",\"formerly\":\"old\""));
    plan_render_text(plan, &(PlanRender){0}, text);
    g_assert_nonnull(strstr(text->str, "~ JobQueue/new  renamed from old"));
}

/* What is there is never renamed, nor what is declared, another source's, or on its way out. */
static void test_not_renamed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "declared", QUEUE_SPEC);
    want_adopting(fixture, KIND_JOB_QUEUE, "n1", QUEUE_SPEC, FORMERLY("declared"));
    want_adopting(fixture, KIND_JOB_QUEUE, "n2", QUEUE_SPEC, FORMERLY("foreign"));
    want_adopting(fixture, KIND_JOB_QUEUE, "n3", QUEUE_SPEC, FORMERLY("going"));
    want_adopting(fixture, KIND_JOB_QUEUE, "there", QUEUE_SPEC, FORMERLY("was"));
    have(fixture, KIND_JOB_QUEUE, "declared", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "foreign", QUEUE_SPEC)->owner = VIEW("others");
    have(fixture, KIND_JOB_QUEUE, "going", QUEUE_SPEC)->phase = RESOURCE_DELETING;
    have(fixture, KIND_JOB_QUEUE, "there", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "was", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->counts[ACTION_CREATE], ==, 3);
    g_assert_cmpuint(plan->counts[ACTION_DELETE], ==, 1);
    for (guint i = 0; i < plan->changes->len; i++)
        g_assert_null(((const Change *)plan->changes->pdata[i])->formerly);
    g_assert_nonnull(change_of(plan, KIND_JOB_QUEUE, "was", ACTION_DELETE));
}

/* Names are in keys: a job that was done under the former one is done. */
static void test_job_renamed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want_adopting(fixture, KIND_JOB, "new", JOB_RENAMED, FORMERLY("old"));
    have_run(fixture, KIND_JOB, "old", JOB_RENAMED, 1, RUN_SUCCEEDED);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->changes->len, ==, 1);
    const Change *change = plan->changes->pdata[0];
    g_assert_cmpint(change->action, ==, ACTION_UPDATE);
    g_assert_cmpstr(change->formerly, ==, "old");
    const RunRecord *run = &g_array_index(fixture->runs, RunRecord, 0);
    g_assert_true(digest_equal(&change->former_key, &run->key));
    g_assert_true(digest_equal(&change->run_key, &change->manifest->digest));
    g_autofree char *id = g_strdup(plan->id);
    want_adopting(fixture, KIND_JOB, "new", JOB_RENAMED, VIEW("{\"formerly\":[\"old\"]}"));
    g_autoptr(Plan) same = build(fixture);
    g_assert_cmpstr(same->id, ==, id);
}

/* What ran by an older name is known as long as that is named; a pipeline that is gone left its runs. */
static void test_known_by_older_names(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want_adopting(fixture, KIND_JOB, "new", JOB_RENAMED, FORMERLY("old"));
    RunRecord *run = have_run(fixture, KIND_JOB, "new", JOB_RENAMED, 1, RUN_SUCCEEDED);
    canonical_digest(KIND_JOB, VIEW("old"), run->spec, &run->key);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->counts[ACTION_RUN], ==, 0);
    g_assert_cmpuint(plan->counts[ACTION_UPDATE], ==, 1);
    const Change *change = plan->changes->pdata[0];
    g_assert_null(change->formerly);
    g_assert_true(digest_equal(&change->former_key, &run->key));
    run->key = change->run_key;
    want_adopting(fixture, KIND_JOB, "new", JOB_RENAMED, FORMERLY("old"));
    g_autoptr(Plan) empty = build(fixture);
    g_assert_true(plan_is_empty(empty));
}

/* With other content it runs, and the run that is under way is not ended for want of a manifest. */
static void test_job_renamed_and_changed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want_adopting(fixture, KIND_JOB, "new", JOB_RENAMED, FORMERLY("old"));
    have_run(fixture, KIND_JOB, "old", "{\"jobDefinition\":\"e\",\"jobQueue\":\"high\"}", 1, RUN_RUNNING);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->changes->len, ==, 2);
    g_assert_cmpstr(((const Change *)plan->changes->pdata[0])->formerly, ==, "old");
    const Change *run = change_of(plan, KIND_JOB, "new", ACTION_RUN);
    g_assert_true(g_str_has_prefix(run->reason, "first run of this content; run 1 had another"));
    g_assert_cmpuint(plan->counts[ACTION_DELETE], ==, 0);
}

/* What was made by hand and equals its manifest is left alone unless the manifest asks for it. */
static void test_adoption_by_hand(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want_adopting(fixture, KIND_JOB_QUEUE, "asks", QUEUE_SPEC, IDENTICAL);
    want_adopting(fixture, KIND_JOB_QUEUE, "never", QUEUE_SPEC, NEVER);
    ResourceRecord *record = have(fixture, KIND_JOB_QUEUE, "asks", QUEUE_SPEC);
    record->owner = VIEW("");
    record->metadata = IDENTICAL;
    have(fixture, KIND_JOB_QUEUE, "never", QUEUE_SPEC_7)->owner = VIEW("");
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update JobQueue/asks");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "adopted; its manifest agrees with it");
}

static void test_let_go_is_not_run(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char spec[] = "{\"jobs\":[{\"jobDefinition\":\"def\",\"name\":\"a\"}]}",
                      other[] = "{\"jobs\":[{\"jobDefinition\":\"def\",\"name\":\"b\"}]}";
    want(fixture, KIND_PIPELINE, "let-go", other);
    want(fixture, KIND_PIPELINE, "ours", other);
    ResourceRecord *record = have(fixture, KIND_PIPELINE, "let-go", spec);
    record->owner = VIEW("");
    record->kept = true;
    have(fixture, KIND_PIPELINE, "ours", spec);
    have_run(fixture, KIND_PIPELINE, "let-go", spec, 1, RUN_SUCCEEDED);
    have_run(fixture, KIND_PIPELINE, "ours", spec, 1, RUN_SUCCEEDED);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "update Pipeline/ours; run Pipeline/ours");
}

#define DRIFT_MAX                                                                                            \
    "[{\"applied\":16,\"observed\":512,\"path\":\"spec.computeResources.maxvCpus\"},"                        \
    "{\"observed\":\"x\",\"path\":\"spec.computeResources.tags.who\"}]"

static const DriftRecord drifted = {.kind = KIND_COMPUTE_ENVIRONMENT,
                                    .name = {"spot", 4},
                                    .fields = {DRIFT_MAX, sizeof DRIFT_MAX - 1},
                                    .since_ms = INT64_C(1795701720000)};

static char *drift_text(const Plan *plan)
{
    GString *text = g_string_new(NULL);
    plan_render_text(plan, &(PlanRender){0}, text);
    return g_string_free(text, FALSE);
}

/* One environment whose manifest (NULL: there is none) has this spec and these annotations. */
static Plan *build_drifted(Fixture *fixture, const DriftRecord *drift, const char *spec,
                           const char *annotations)
{
    g_autofree char *metadata = g_strdup_printf("{\"annotations\":{%s}}", annotations);
    Manifest manifest = manifest_of(KIND_COMPUTE_ENVIRONMENT, "spot", spec ? spec : ENVIRONMENT_SPEC);
    manifest.metadata = view_from(metadata);
    if (spec)
        manifest_batch_add(fixture->batch, &manifest);
    else
        want(fixture, KIND_JOB_QUEUE, "other", QUEUE_SPEC);
    g_array_set_size(fixture->resources, 0);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC)->metadata = manifest.metadata;
    if (!spec)
        have(fixture, KIND_JOB_QUEUE, "other", QUEUE_SPEC);
    fixture->actual.drifts = drift;
    fixture->actual.drifts_len = drift ? 1 : 0;
    return build(fixture);
}

/* First and apart: no change, no other id, and nothing to do. */
static void test_drift(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(Plan) without = build_drifted(fixture, NULL, ENVIRONMENT_SPEC, "");
    g_autoptr(Plan) plan = build_drifted(fixture, &drifted, ENVIRONMENT_SPEC, "");
    assert_changes(plan, "");
    g_assert_true(plan_is_empty(plan));
    g_assert_cmpstr(plan->id, ==, without->id);
    g_autofree char *text = drift_text(plan);
    g_assert_nonnull(strstr(
        text,
        "\n\nChanged outside since 2026-11-26 14:02 UTC:\n"
        "  ~ ComputeEnvironment/spot  computeResources.maxvCpus: 16 was set to 512; will be 16 again\n"
        "  ~ ComputeEnvironment/spot  computeResources.tags.who: was set to \"x\"; will be removed again\n"
        "\nNo changes."));
    g_autoptr(GString) json = g_string_new(NULL);
    plan_render_json(plan, NULL, json);
    g_assert_nonnull(strstr(
        json->str, "\"drift\":[\n  {\"kind\":\"ComputeEnvironment\",\"name\":\"spot\",\"mode\":\"correct\","
                   "\"since\":1795701720000,\"fields\":" DRIFT_MAX ","
                   "\"message\":\"computeResources.maxvCpus: 16 was set to 512; will be 16 again\\n"));
    json_t *parsed = json_loads(json->str, 0, NULL);
    g_assert_nonnull(parsed);
    json_decref(parsed);
    g_autoptr(GString) page = g_string_new(NULL);
    plan_render_markdown(plan, &(PlanRender){0}, page);
    g_assert_nonnull(strstr(page->str, "Changed outside since 2026"));
    g_assert_nonnull(strstr(page->str, "16 was set to 512; will be 16 again"));
}

/* What becomes of it follows from what will be declared. */
static void test_drift_becomes(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *spec, *annotations;
        bool is_given_up;
        const char *said; /* NULL: nothing of it */
    } cases[] = {
        {ENVIRONMENT_SPEC, "\"muster/drift\":\"warn\"", false, "512; left so (muster/drift: warn)\n"},
        {ENVIRONMENT_SPEC, "\"muster/drift\":\"ignore\"", false, NULL},
        {ENVIRONMENT_SPEC, "\"muster/drift\":\"correct\"", false, "512; will be 16 again\n"},
        {ENVIRONMENT_SPEC, "", true, "512; stays so\n"},
        {ENVIRONMENT_MORE, "", false, "512; this plan changes it\n"},
        {NULL, "", false, "512; goes with it\n"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        DriftRecord record = drifted;
        record.is_given_up = cases[i].is_given_up;
        if (record.is_given_up)
            record.problem = VIEW("given up after 6 tries: \033[31mno");
        g_autoptr(Plan) plan = build_drifted(fixture, &record, cases[i].spec, cases[i].annotations);
        g_autofree char *text = drift_text(plan);
        g_assert_cmpuint(plan->drift->len, ==, cases[i].said ? 1 : 0);
        g_assert_true(!cases[i].said || strstr(text, cases[i].said));
        g_assert_null(strchr(text, '\033'));
        g_assert_true(!record.is_given_up ||
                      strstr(text, "  ! ComputeEnvironment/spot  given up after 6 tries: "));
    }
    /* Another source's, another resource than the one asked for, and what is only remembered. */
    DriftRecord remembered = drifted;
    remembered.fields = VIEW("");
    g_autoptr(Plan) none = build_drifted(fixture, &remembered, ENVIRONMENT_SPEC, "");
    g_assert_cmpuint(none->drift->len, ==, 0);
    fixture->options.only = "JobQueue/other";
    g_autoptr(Plan) other = build_drifted(fixture, &drifted, ENVIRONMENT_SPEC, "");
    g_assert_cmpuint(other->drift->len, ==, 0);
    fixture->options.only = "ComputeEnvironment/spot";
    g_autoptr(Plan) only = build_drifted(fixture, &drifted, ENVIRONMENT_SPEC, "");
    g_assert_cmpuint(only->drift->len, ==, 1);
    fixture->options.only = NULL;
    fixture->options.source_name = "bank";
    g_autoptr(Plan) theirs = build_drifted(fixture, &drifted, ENVIRONMENT_SPEC, "");
    g_assert_cmpuint(theirs->drift->len, ==, 0);
}

/* Of what the source owns; it changes neither the plan nor its id. */
static void test_overridden(Fixture *fixture, gconstpointer data)
{
    (void)data;
    PlanNote notes[] = {{KIND_JOB_QUEUE, (char *)(uintptr_t) "high", (char *)(uintptr_t) "priority is 100"},
                        {KIND_JOB_QUEUE, (char *)(uintptr_t) "theirs", (char *)(uintptr_t) "priority is 1"},
                        {KIND_JOB_QUEUE, (char *)(uintptr_t) "zone", (char *)(uintptr_t) "priority is 2"}};
    g_autoptr(GPtrArray) overrides = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++)
        g_ptr_array_add(overrides, &notes[i]);
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "theirs", QUEUE_SPEC)->owner = VIEW("bank");
    g_autoptr(Plan) without = build(fixture);
    fixture->actual.overrides = overrides;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "");
    g_assert_cmpstr(plan->id, ==, without->id);
    g_assert_cmpuint(plan->overridden->len, ==, 1);
    g_assert_cmpstr(((const PlanNote *)plan->overridden->pdata[0])->message, ==, "priority is 100");
    g_autoptr(GString) text = g_string_new(NULL);
    plan_render_text(plan, &(PlanRender){0}, text);
    g_assert_nonnull(strstr(text->str, "^ JobQueue/high  priority is 100"));
    g_autoptr(GString) json = g_string_new(NULL);
    plan_render_json(plan, NULL, json);
    g_assert_nonnull(strstr(json->str, "\"overridden\":[\n  {\"kind\":\"JobQueue\",\"name\":\"high\""));
}

/* What is newer is a note, and comes with a change of the environment's spec, unless it says manual. */
static void test_newer(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *spec, *becomes;
        bool is_taken;
    } cases[] = {{ENVIRONMENT_SPEC, "taken with its next change, or by muster refresh spot", false},
                 {"{\"computeResources\":{\"maxvCpus\":32,\"type\":\"EC2\"},\"type\":\"MANAGED\"}",
                  "taken with this plan's change of it", true},
                 {"{\"computeResources\":{\"maxvCpus\":32,\"type\":\"EC2\"},\"refresh\":\"manual\",\"type\":"
                  "\"MANAGED\"}",
                  "taken by muster refresh spot (refresh: manual)", false},
                 {"{\"computeResources\":{\"maxvCpus\":32,\"type\":\"EC2\"},\"type\":\"UNMANAGED\"}",
                  "taken with its replacement", false}};
    PlanNote note = {KIND_COMPUTE_ENVIRONMENT, (char *)(uintptr_t) "spot", (char *)(uintptr_t) "t: 7 → 9"};
    g_autoptr(GPtrArray) newer = g_ptr_array_new();
    (void)data;
    g_ptr_array_add(newer, &note);
    have(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line =
            g_strdup_printf("^ ComputeEnvironment/spot  t: 7 → 9; %s\n", cases[i].becomes);
        fixture->actual.newer = NULL;
        want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", cases[i].spec);
        g_autoptr(Plan) without = build(fixture);
        fixture->actual.newer = newer;
        want(fixture, KIND_COMPUTE_ENVIRONMENT, "spot", cases[i].spec);
        g_autoptr(Plan) plan = build(fixture);
        g_autofree char *text = drift_text(plan);
        g_assert_cmpstr(plan->id, ==, without->id);
        g_assert_nonnull(strstr(text, line));
        g_assert_cmpint(strstr(text, "takes what is newer: t: 7 → 9") != NULL, ==, cases[i].is_taken);
        g_assert_cmpint(plan_is_empty(plan), ==, i == 0);
    }
    Manifest labelled = manifest_of(KIND_COMPUTE_ENVIRONMENT, "spot", ENVIRONMENT_SPEC);
    labelled.metadata = VIEW("{\"labels\":{\"a\":\"b\"}}");
    manifest_batch_add(fixture->batch, &labelled);
    g_autoptr(Plan) plan = build(fixture);
    g_autofree char *text = drift_text(plan);
    g_assert_false(plan_is_empty(plan));
    g_assert_nonnull(strstr(text, "t: 7 → 9; taken with its next change")); /* the spec is the same */
}

static void test_only(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    want(fixture, KIND_JOB_QUEUE, "low", QUEUE_SPEC);
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    have(fixture, KIND_JOB_DEFINITION, "old", DEFINITION_SPEC);
    fixture->options.only = "JobQueue/low";
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "create JobQueue/low");
}

/* ---- runs
 * ---------------------------------------------------------------------------------------------------------
 */

static void test_run_once(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB, "changed", JOB_OTHER);
    want(fixture, KIND_JOB, "going-on", JOB_SPEC);
    want(fixture, KIND_JOB, "new", JOB_SPEC);
    have_run(fixture, KIND_JOB, "changed", JOB_SPEC, 1, RUN_SUCCEEDED);
    have_run(fixture, KIND_JOB, "going-on", JOB_SPEC, 1, RUN_RUNNING);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "run Job/changed; run Job/new");
    g_assert_cmpstr(change_at(plan, 0)->reason, ==, "first run of this content; run 1 had another");
    g_assert_cmpuint(change_at(plan, 0)->fields->len, ==, 1);
    g_assert_cmpstr(note_of(plan->pending), ==, "run 1 is running");
    g_autofree char *text = text_of(plan, NULL);
    g_assert_nonnull(strstr(text, "\n  > Job/changed  first run"));
    g_assert_nonnull(strstr(text, "\nPlan: 0 to add, 0 to change, 0 to destroy, 2 to run.\n"));
}

static void test_run_edited_while_running(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB, "a-job", JOB_OTHER);
    have_run(fixture, KIND_JOB, "a-job", JOB_SPEC, 4, RUN_RUNNING);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "run Job/a-job");
    g_assert_cmpstr(change_at(plan, 0)->sub_steps[0], ==, "waits for run 4, which has not ended");
}

static void test_run_removed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    have_run(fixture, KIND_JOB, "done",
             "{\"jobDefinition\":\"d\",\"jobQueue\":\"q\",\"onDelete\":\"terminate\"}", 1, RUN_SUCCEEDED);
    have_run(fixture, KIND_JOB, "keep", JOB_SPEC, 1, RUN_RUNNING);
    have_run(fixture, KIND_JOB, "stop",
             "{\"jobDefinition\":\"d\",\"jobQueue\":\"q\",\"onDelete\":\"terminate\"}", 1, RUN_RUNNING);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "delete Job/stop");
    g_assert_cmpstr(change_at(plan, 0)->sub_steps[0], ==, "run 1 is terminated");
    g_assert_nonnull(strstr(note_of(plan->pending), "onDelete: keep"));
}

/* There is nothing to do about it, but it is not finished either. */
static void test_run_ending(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const char *spec = "{\"jobDefinition\":\"d\",\"jobQueue\":\"q\",\"onDelete\":\"terminate\"}";
    have_run(fixture, KIND_JOB, "ended", spec, 1, RUN_CANCELLED);
    have_run(fixture, KIND_JOB, "ending", spec, 3, RUN_CANCELLED)->is_ending = true;
    have_run(fixture, KIND_JOB, "other", spec, 1, RUN_CANCELLED)->is_ending = true;
    fixture->options.only = "jobs/ending";
    g_autoptr(Plan) plan = build(fixture);
    g_assert_true(plan_is_empty(plan));
    g_assert_cmpuint(plan->pending->len, ==, 1);
    const PlanNote *note = g_ptr_array_index(plan->pending, 0);
    g_assert_cmpstr(note->name, ==, "ending");
    g_assert_cmpstr(note->message, ==, "run 3 is cancelled, but jobs of it have not ended");
    g_autofree char *text = text_of(plan, NULL);
    g_assert_nonnull(strstr(text, "\nPending:\n  . Job/ending  run 3 is cancelled"));
}

static void test_run_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB, "a",
         "{\"dependsOn\":[{\"job\":\"c\"}],\"jobDefinition\":\"d\",\"jobQueue\":\"q\"}");
    want(fixture, KIND_JOB, "b", JOB_SPEC);
    want(fixture, KIND_JOB, "c",
         "{\"dependsOn\":[{\"job\":\"d\"}],\"jobDefinition\":\"d\",\"jobQueue\":\"q\"}");
    want(fixture, KIND_JOB, "d", JOB_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "run Job/b; run Job/d; run Job/c; run Job/a");
    g_assert_cmpstr(change_at(plan, 3)->depends_on[0], ==, "Job/c");
}

#define PIPELINE_STEPS "\"jobs\":[{\"jobDefinition\":\"def\",\"jobQueue\":\"high\",\"name\":\"one\"}]"

static void test_pipeline_triggers(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_PIPELINE, "by-change", "{" PIPELINE_STEPS "}");
    want(fixture, KIND_PIPELINE, "by-hand", "{" PIPELINE_STEPS ",\"triggers\":[\"manual\"]}");
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "create Pipeline/by-change; create Pipeline/by-hand; run Pipeline/by-change");
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

/* The create or update of a pipeline tells its fields; the run of the same tells none, but one of another. */
static void test_pipeline_fields_once(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_PIPELINE, "edited", "{" PIPELINE_STEPS ",\"onFailure\":\"stop\"}");
    want(fixture, KIND_PIPELINE, "new", "{" PIPELINE_STEPS ",\"workspace\":true}");
    want(fixture, KIND_PIPELINE, "ran-before", "{" PIPELINE_STEPS ",\"concurrencyPolicy\":\"skip\"}");
    have(fixture, KIND_PIPELINE, "edited", "{" PIPELINE_STEPS "}");
    have(fixture, KIND_PIPELINE, "ran-before", "{" PIPELINE_STEPS "}");
    have_run(fixture, KIND_PIPELINE, "edited", "{" PIPELINE_STEPS "}", 1, RUN_SUCCEEDED);
    have_run(fixture, KIND_PIPELINE, "ran-before", "{" PIPELINE_STEPS ",\"concurrencyPolicy\":\"allow\"}", 1,
             RUN_SUCCEEDED);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->counts[ACTION_RUN], ==, 3);
    g_autofree char *text = text_of(plan, NULL);
    g_assert_cmpuint(times(text, "+ workspace: true"), ==, 1);
    g_assert_cmpuint(times(text, "onFailure: "), ==, 1);
    g_assert_cmpuint(times(text, "concurrencyPolicy: allow -> skip"), ==, 1);
    g_assert_cmpuint(times(text, "are left out"), ==, 0);
    g_autoptr(GString) markdown = g_string_new(NULL);
    plan_render_markdown(plan, &(PlanRender){0}, markdown);
    g_assert_cmpuint(times(markdown->str, " workspace: true"), ==, 1);
}

static void test_pipeline_converges(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_PIPELINE, "by-change", "{" PIPELINE_STEPS "}");
    have(fixture, KIND_PIPELINE, "by-change", "{" PIPELINE_STEPS "}");
    have_run(fixture, KIND_PIPELINE, "by-change", "{" PIPELINE_STEPS "}", 1, RUN_WAITING);
    g_autoptr(Plan) plan = build(fixture);
    assert_changes(plan, "");
    g_assert_cmpuint(plan->unchanged, ==, 1);
    g_assert_cmpstr(note_of(plan->pending), ==, "run 1 is waiting");
}

static void test_rerun_on_definition(Fixture *fixture, gconstpointer data)
{
    (void)data;
    const char *spec = "{\"jobDefinition\":\"def\",\"jobQueue\":\"high\",\"rerunOn\":[\"definition\"]}";
    want(fixture, KIND_JOB, "a-job", spec);
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC);
    g_autoptr(Plan) first = build(fixture);
    Digest key = change_at(first, 1)->run_key;
    have_run(fixture, KIND_JOB, "a-job", spec, 1, RUN_SUCCEEDED)->key = key;
    have(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC);
    want(fixture, KIND_JOB, "a-job", spec);
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC);
    g_autoptr(Plan) second = build(fixture);
    assert_changes(second, "");
    want(fixture, KIND_JOB, "a-job", spec);
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_OTHER);
    g_autoptr(Plan) third = build(fixture);
    assert_changes(third, "update JobDefinition/def; run Job/a-job");
}

static void test_first_run(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *message = NULL;
    fixture->actual.source_known = false;
    fixture->options.first_run = FIRST_RUN_UNSET;
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    g_autoptr(Plan) unset = build(fixture);
    g_assert_cmpint(plan_guard(unset, &fixture->actual, &fixture->options, -1, &message), ==,
                    GUARD_FIRST_RUN);
    g_assert_nonnull(strstr(message, "--first-run record"));
    fixture->options.first_run = FIRST_RUN_RECORD;
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    g_autoptr(Plan) record = build(fixture);
    g_assert_true(change_at(record, 0)->recorded);
    g_assert_cmpuint(record->recorded, ==, 1);
    g_assert_cmpuint(record->counts[ACTION_RUN], ==, 0);
    g_assert_cmpint(plan_guard(record, &fixture->actual, &fixture->options, -1, &message), ==, GUARD_OK);
    g_assert_cmpstr(record->id, !=, unset->id);
}

/* ---- guards
 * ------------------------------------------------------------------------------------------------------- */

static void add_queues(Fixture *fixture, int owned, int wanted)
{
    static char names[64][8];
    for (int i = 0; i < owned; i++) {
        g_snprintf(names[i], sizeof names[i], "q%02d", i);
        have(fixture, KIND_JOB_QUEUE, names[i], QUEUE_SPEC);
        if (i < wanted)
            want(fixture, KIND_JOB_QUEUE, names[i], QUEUE_SPEC);
    }
}

typedef struct {
    int owned, wanted;
    int64_t allow;
    GuardResult expected;
} GuardCase;
static const GuardCase guard_cases[] = {
    {4, 1, -1, GUARD_OK},   {5, 1, -1, GUARD_DELETES},   {5, 1, 4, GUARD_OK},     {5, 1, 3, GUARD_DELETES},
    {20, 16, -1, GUARD_OK}, {20, 15, -1, GUARD_DELETES}, {3, 0, -1, GUARD_EMPTY}, {3, 0, 3, GUARD_EMPTY},
    {30, 24, -1, GUARD_OK}, {5, 4, 0, GUARD_DELETES},
};

static void test_guard_deletes(Fixture *fixture, gconstpointer data)
{
    const GuardCase *the = data;
    g_autofree char *message = NULL;
    add_queues(fixture, the->owned, the->wanted);
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpint(plan_guard(plan, &fixture->actual, &fixture->options, the->allow, &message), ==,
                    the->expected);
    g_assert_true((message == NULL) == (the->expected == GUARD_OK));
    if (the->expected == GUARD_DELETES && the->allow < 0)
        g_assert_nonnull(strstr(message, "--allow-deletes"));
}

static void test_guard_destroy(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *message = NULL;
    add_queues(fixture, 9, 0);
    fixture->options.destroy = true;
    g_autoptr(Plan) plan = build(fixture);
    g_assert_cmpuint(plan->counts[ACTION_DELETE], ==, 9);
    g_assert_cmpint(plan_guard(plan, &fixture->actual, &fixture->options, -1, &message), ==, GUARD_OK);
    g_array_index(fixture->resources, ResourceRecord, 4).deletion = DELETION_REFUSE;
    g_assert_cmpint(plan_guard(plan, &fixture->actual, &fixture->options, -1, &message), ==, GUARD_REFUSED);
    g_assert_nonnull(strstr(message, "JobQueue/q04"));
}

/* ---- identity, saved plans, renderings
 * ---------------------------------------------------------------------------- */

static void test_identity(Fixture *fixture, gconstpointer data)
{
    (void)data;
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_7);
    Manifest manifest = manifest_of(KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    manifest_batch_add(fixture->batch, &manifest);
    g_autoptr(Plan) first = build(fixture);
    manifest.file = "elsewhere.yaml";
    manifest.line = 99;
    manifest_batch_add(fixture->batch, &manifest);
    g_autoptr(Plan) moved = build(fixture);
    g_assert_cmpstr(first->id, ==, moved->id);
    g_array_index(fixture->resources, ResourceRecord, 0).metadata = VIEW("{\"labels\":{\"a\":\"b\"}}");
    manifest_batch_add(fixture->batch, &manifest);
    g_autoptr(Plan) other = build(fixture);
    g_assert_cmpstr(first->id, !=, other->id);
}

static SavedPlan *save_and_load(const Plan *plan, const PlanOptions *options)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    plan_save(plan, "/srv/shop", "local", options, text);
    SavedPlan *saved = plan_load((View){text->str, text->len}, &error);
    g_assert_no_error(error);
    return saved;
}

static void test_saved(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    want(fixture, KIND_JOB_QUEUE, "low", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    fixture->options.values = "[{\"from\":\"--set\",\"name\":\"p\",\"text\":\"1\",\"yaml\":false}]";
    g_autoptr(SavedPlan) saved = save_and_load(plan, &fixture->options);
    g_assert_cmpstr(saved->values, ==, fixture->options.values);
    g_assert_cmpstr(saved->id, ==, plan->id);
    g_assert_cmpstr(saved->source_path, ==, "/srv/shop");
    g_assert_cmpstr(saved->provider, ==, "local");
    g_assert_null(saved->only);
    g_assert_cmpint(saved->first_run, ==, FIRST_RUN_START);
    g_assert_cmpstr(saved->changes[1], ==, "create JobQueue/low");
    g_autofree char *same = plan_difference(plan, saved);
    g_assert_cmpstr(same, ==, "");
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_7);
    want(fixture, KIND_JOB_DEFINITION, "def", DEFINITION_SPEC);
    g_autoptr(Plan) later = build(fixture);
    g_autofree char *difference = plan_difference(later, saved);
    g_assert_cmpstr(difference, ==,
                    "create JobQueue/high: differs from the saved plan\n"
                    "create JobDefinition/def: not in the saved plan\n"
                    "create JobQueue/low: no longer to be done\n");
}

static void test_saved_hostile(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"savedPlan\":2}",
        "{\"savedPlan\":1,\"id\":7}",
        "{\"savedPlan\":1,\"id\":\"zz\",\"sourceName\":\"a\",\"sourcePath\":\"b\",\"firstRun\":\"start\","
        "\"changes\":[]}",
        "{\"savedPlan\":1,\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"sourceName\":\"a\",\"sourcePath\":\"b\",\"firstRun\":\"often\",\"changes\":[]}",
        "{\"savedPlan\":1,\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"sourceName\":\"a\",\"sourcePath\":\"b\",\"firstRun\":\"start\",\"changes\":[[\"create\"]]}",
        "{\"savedPlan\":1,\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"sourceName\":\"a\",\"sourcePath\":\"b\",\"firstRun\":\"start\",\"changes\":{}}",
        "{\"savedPlan\":1,\"savedPlan\":1}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(plan_load(view_from(texts[i]), &error));
        g_assert_nonnull(error);
    }
}

static void test_render_text(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const notices[] = {"images are not used by provider local", NULL};
    fixture->options.notices = notices;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    have(fixture, KIND_JOB_QUEUE, "low", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    g_autofree char *text = text_of(plan, "muster apply shop");
    g_autofree char *expected =
        g_strdup_printf("Source shop, revision %.8s.\n"
                        "\n"
                        "  + JobQueue/high  not there yet                                     shop.yaml:5\n"
                        "      + computeEnvironmentOrder[spot]: {computeEnvironment: spot, order: 1}\n"
                        "      + priority: 10\n"
                        "  - JobQueue/low  no longer in the source                            shop.yaml:5\n"
                        "\n"
                        "Notes:\n"
                        "  ! images are not used by provider local\n"
                        "\n"
                        "Plan: 1 to add, 0 to change, 1 to destroy.\n"
                        "To apply: muster apply shop      (plan %.8s)\n",
                        plan->revision, plan->id);
    g_assert_cmpstr(text, ==, expected);
}

/* What is expected stands between the summary and the next command, in every rendering, and is no part of
 * the id. */
static void test_render_forecast(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    g_autoptr(Plan) plan = build(fixture);
    const char *const assertions[] = {"queue high: p95 wait 14 min, asserted 10 min", NULL};
    PlanForecast forecast = {.schedule = "queue high drains in 4 min",
                             .cost = "$1.20 for the work at hand",
                             .inputs = "from 12 runs of one",
                             .assertions = assertions,
                             .json = "{\"seed\":1}"};
    PlanRender render = {.next_command = "muster apply shop", .width = 80, .forecast = &forecast};
    g_autoptr(GString) text = g_string_new(NULL), json = g_string_new(NULL), markdown = g_string_new(NULL);
    plan_render_text(plan, &render, text);
    g_autofree char *tail = g_strdup_printf("to destroy.\n"
                                            "Assertion failed: queue high: p95 wait 14 min, asserted 10 min\n"
                                            "Schedule: queue high drains in 4 min\n"
                                            "Cost: $1.20 for the work at hand\n"
                                            "  # from 12 runs of one\n"
                                            "To apply: muster apply shop      (plan %.8s)\n",
                                            plan->id);
    g_assert_true(g_str_has_suffix(text->str, tail));
    plan_render_json(plan, &forecast, json);
    json_t *root = json_loads(json->str, JSON_REJECT_DUPLICATES, NULL);
    g_assert_cmpint(json_integer_value(json_object_get(json_object_get(root, "forecast"), "seed")), ==, 1);
    json_decref(root);
    plan_render_markdown(plan, &render, markdown);
    g_assert_nonnull(strstr(markdown->str, "\n**Schedule:** queue high drains in 4 min\n"));
}

static void test_render_safe(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Manifest manifest = manifest_of(KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    manifest.file = "evil\033[2J.yaml";
    manifest_batch_add(fixture->batch, &manifest);
    g_autoptr(Plan) plan = build(fixture);
    g_autofree char *text = text_of(plan, NULL);
    g_assert_null(strchr(text, '\033'));
    g_autoptr(GString) json = g_string_new(NULL);
    plan_render_json(plan, NULL, json);
    g_assert_nonnull(strstr(json->str, "evil\\u001b[2J.yaml"));
}

static void test_render_json(Fixture *fixture, gconstpointer data)
{
    (void)data;
    want(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    want(fixture, KIND_JOB, "a-job", JOB_SPEC);
    have(fixture, KIND_JOB_QUEUE, "high", QUEUE_SPEC_7);
    g_autoptr(Plan) plan = build(fixture);
    g_autoptr(GString) out = g_string_new(NULL);
    plan_render_json(plan, NULL, out);
    json_error_t fault;
    json_t *root = json_loads(out->str, JSON_REJECT_DUPLICATES, &fault);
    g_assert_nonnull(root);
    json_t *change = json_array_get(json_object_get(root, "changes"), 0);
    g_assert_cmpint(json_integer_value(json_object_get(root, "formatVersion")), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(change, "action")), ==, "update");
    json_t *field = json_array_get(json_object_get(change, "fields"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(field, "path")), ==, "spec.priority");
    g_assert_cmpint(json_integer_value(json_object_get(field, "before")), ==, 7);
    g_assert_cmpstr(json_string_value(json_object_get(field, "effect")), ==, "in-place");
    json_t *summary = json_object_get(root, "summary");
    g_assert_cmpint(json_integer_value(json_object_get(summary, "update")), ==, 1);
    g_assert_cmpint(json_integer_value(json_object_get(summary, "run")), ==, 1);
    g_assert_cmpint(out->str[out->len - 1], ==, '\n');
    json_decref(root);
}

static void test_render_markdown(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Manifest manifest = manifest_of(KIND_JOB_QUEUE, "high", QUEUE_SPEC);
    manifest.file = "a|b.yaml";
    manifest_batch_add(fixture->batch, &manifest);
    g_autoptr(Plan) plan = build(fixture);
    g_autoptr(GString) out = g_string_new(NULL);
    PlanRender render = {.next_command = NULL};
    plan_render_markdown(plan, &render, out);
    g_assert_nonnull(strstr(out->str, "**Plan: 1 to add, 0 to change, 0 to destroy.**"));
    g_assert_nonnull(strstr(out->str, "| `+` | JobQueue/high | not there yet | a\\|b.yaml:5 |\n"));
    g_assert_nonnull(strstr(out->str, "+     priority: 10\n"));
}

/* ---- export
 * ------------------------------------------------------------------------------------------------------- */

static bool take_root(const Document *document, void *data)
{
    const Node *spec = node_get(document->root, "spec");
    g_autoptr(GString) canonical = g_string_new(NULL);
    canonical_append(kind_spec_schema(KIND_JOB_DEFINITION), spec, canonical);
    g_string_assign(data, canonical->str);
    return true;
}

static void test_export(void)
{
    kinds_init();
    const char *spec = "{\"containerProperties\":{\"command\":[\"sh\",\"-c\",\"echo 'a: b' # "
                       "\\\"no\\\"\\nexit 0\\n\",\"on\","
                       "\"12\",\"~\",\"\"],\"environment\":[{\"name\":\"A\",\"value\":\"null\"}]}}";
    ResourceRecord record = {.kind = KIND_JOB_DEFINITION,
                             .name = VIEW("def"),
                             .spec = view_from(spec),
                             .metadata = VIEW("{\"annotations\":{\"muster/prune\":\"false\"}}")};
    g_autoptr(GString) yaml = g_string_new(NULL), canonical = g_string_new(NULL);
    export_manifest(&record, yaml);
    g_assert_true(g_str_has_prefix(yaml->str,
                                   "---\napiVersion: muster/v1\nkind: JobDefinition\nmetadata:\n"
                                   "  name: def\n  annotations:\n    \"muster/prune\": \"false\"\nspec:\n") ||
                  g_str_has_prefix(yaml->str,
                                   "---\napiVersion: muster/v1\nkind: JobDefinition\nmetadata:\n"
                                   "  name: def\n  annotations:\n    muster/prune: \"false\"\nspec:\n"));
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_assert_true(document_parse((View){yaml->str, yaml->len}, "export", 1, arena, &document_limits_default,
                                 take_root, canonical, diagnostics));
    g_autoptr(GString) expected = g_string_new(spec);
    g_assert_cmpstr(canonical->str, ==, expected->str);
}

#define ADD(name, function) g_test_add("/plan/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("create-in-order", test_create_in_order);
    ADD("nothing", test_nothing);
    ADD("update", test_update);
    ADD("metadata-in-place", test_metadata_in_place);
    ADD("replace", test_replace);
    ADD("rolling", test_rolling);
    for (size_t i = 0; i < 3; i++) {
        g_autofree char *path = g_strdup_printf("/plan/rolling-policy/%zu", i);
        g_test_add(path, Fixture, GSIZE_TO_POINTER(i), set_up, test_rolling_policy, tear_down);
    }
    ADD("revision", test_revision);
    ADD("delete-in-reverse", test_delete_in_reverse);
    ADD("phases", test_phases);
    ADD("kept", test_kept);
    ADD("kept-comes-back", test_kept_comes_back);
    ADD("owners", test_owners);
    ADD("only", test_only);
    ADD("overridden", test_overridden);
    ADD("newer", test_newer);
    ADD("drift", test_drift);
    ADD("drift-becomes", test_drift_becomes);
    ADD("renamed", test_renamed);
    ADD("not-renamed", test_not_renamed);
    ADD("job-renamed", test_job_renamed);
    ADD("known-by-older-names", test_known_by_older_names);
    ADD("job-renamed-and-changed", test_job_renamed_and_changed);
    ADD("adoption", test_adoption);
    ADD("adoption-by-hand", test_adoption_by_hand);
    ADD("let-go-is-not-run", test_let_go_is_not_run);
    ADD("run-once", test_run_once);
    ADD("run-edited-while-running", test_run_edited_while_running);
    ADD("run-removed", test_run_removed);
    ADD("run-ending", test_run_ending);
    ADD("run-order", test_run_order);
    ADD("pipeline-triggers", test_pipeline_triggers);
    ADD("pipeline-fields-once", test_pipeline_fields_once);
    ADD("pipeline-converges", test_pipeline_converges);
    ADD("rerun-on-definition", test_rerun_on_definition);
    ADD("first-run", test_first_run);
    for (size_t i = 0; i < G_N_ELEMENTS(guard_cases); i++) {
        g_autofree char *name = g_strdup_printf("/plan/guard-deletes/%zu", i);
        g_test_add(name, Fixture, &guard_cases[i], set_up, test_guard_deletes, tear_down);
    }
    ADD("guard-destroy", test_guard_destroy);
    ADD("identity", test_identity);
    ADD("saved", test_saved);
    g_test_add_func("/plan/saved-hostile", test_saved_hostile);
    ADD("render-text", test_render_text);
    ADD("render-forecast", test_render_forecast);
    ADD("render-safe", test_render_safe);
    ADD("render-json", test_render_json);
    ADD("render-markdown", test_render_markdown);
    g_test_add_func("/plan/export", test_export);
    return g_test_run();
}

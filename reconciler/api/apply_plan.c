/* apply_plan.c: load, check across documents, compare with what is committed, guard. */
#include "reconciler/api/apply_plan.h"
#include "reconciler/provider/provider.h"
#include "reconciler/schedule/feasible.h"
#include "reconciler/store/store.h"
#include "spec/base/units.h"
#include "spec/reference.h"

#define BUSY_MAX 10000
/* Changes told in the answer to an apply; who wants them all asks for the plan. 100,000 of them, with their
 * fields, would take gigabytes as a JSON tree. */
#define ANSWER_CHANGES_MAX 1000

ApplyPlan *apply_plan_new(const char *state_dir)
{
    ApplyPlan *plan = g_new0(ApplyPlan, 1);
    plan->state_dir = g_strdup(state_dir);
    plan->allow_deletes = -1;
    return plan;
}

static void clear_outputs(ApplyPlan *plan)
{
    g_clear_pointer(&plan->identity, g_free);
    g_clear_pointer(&plan->message, g_free);
    g_clear_pointer(&plan->diagnostics, diagnostic_list_free);
    g_clear_pointer(&plan->plan, plan_free);
    json_decref(plan->plan_json);
    plan->plan_json = NULL;
}

void apply_plan_free(void *data)
{
    ApplyPlan *plan = data;
    if (!plan)
        return;
    clear_outputs(plan);
    g_clear_pointer(&plan->set, manifest_set_unref);
    g_free(plan->state_dir);
    g_free(plan->source);
    g_free(plan->source_name);
    g_free(plan->provider);
    g_free(plan->only);
    g_free(plan->plan_id);
    g_free(plan->saved_text);
    g_free(plan);
}

static void stop(ApplyPlan *plan, ApplyOutcome outcome, char *message)
{
    plan->outcome = outcome;
    g_free(plan->message);
    plan->message = message;
}

/* ---- what is committed
 * ------------------------------------------------------------------------------------------------ */

typedef struct {
    Arena *arena;
    StoreReader *reader;
    GArray *resources, *runs;
    const char *identity;
    const ManifestSet *desired; /* NULL: nothing is */
    PlanActual actual;
} Committed;

static View keep(Committed *committed, View text)
{
    return text.len ? (View){arena_strndup(committed->arena, text.data, text.len), text.len} : VIEW("");
}

static bool add_resource(const ResourceRecord *record, void *data)
{
    Committed *committed = data;
    ResourceRecord copy = *record;
    copy.name = keep(committed, record->name);
    copy.owner = keep(committed, record->owner);
    copy.metadata = keep(committed, record->metadata);
    copy.file = keep(committed, record->file);
    copy.status_reason = keep(committed, record->status_reason);
    copy.spec = VIEW(""); /* asked for where digests differ */
    g_array_append_val(committed->resources, copy);
    committed->actual.source_known |= view_is(record->owner, committed->identity);
    return true;
}

/* A run of exactly what its manifest says is never compared field by field. */
static bool needs_spec(const Committed *committed, const RunRecord *record)
{
    const Manifest *manifest =
        committed->desired ? manifest_set_find(committed->desired, record->kind, record->name) : NULL;
    return !manifest || !digest_equal(&manifest->digest, &record->key);
}

static bool add_run(const RunRecord *record, void *data)
{
    Committed *committed = data;
    RunRecord copy = *record;
    copy.id = keep(committed, record->id);
    copy.owner = keep(committed, record->owner);
    copy.name = keep(committed, record->name);
    copy.spec = needs_spec(committed, record) ? keep(committed, record->spec) : VIEW("");
    copy.status_reason = keep(committed, record->status_reason);
    g_array_append_val(committed->runs, copy);
    return true;
}

static View spec_of(Kind kind, View name, void *data)
{
    Committed *committed = data;
    ResourceRecord record;
    bool found = false;
    if (!store_reader_resource(committed->reader, kind, name, &found, &record, NULL) || !found)
        return VIEW("");
    return keep(committed, record.spec);
}

static bool count_job(const StoredJob *job, void *data)
{
    (void)job;
    ++*(size_t *)data;
    return true;
}

static size_t busy_of(Kind kind, View name, void *data)
{
    Committed *committed = data;
    JobFilter filter = {.queue = name, .limit = BUSY_MAX};
    size_t count = 0;
    if (kind != KIND_JOB_QUEUE)
        return 0;
    for (int state = 0; state < JOB_STATE_COUNT; state++)
        if (!job_state_final((JobState)state))
            filter.states |= 1u << state;
    return store_reader_jobs(committed->reader, &filter, count_job, &count, NULL) ? count : 0;
}

static void committed_clear(Committed *committed)
{
    if (committed->reader)
        store_reader_end(committed->reader);
    g_clear_pointer(&committed->reader, store_reader_free);
    g_clear_pointer(&committed->resources, g_array_unref);
    g_clear_pointer(&committed->runs, g_array_unref);
    g_clear_pointer(&committed->arena, arena_free);
}

static bool committed_open(Committed *committed, const char *state_dir, GError **error)
{
    committed->arena = arena_new();
    committed->resources = g_array_new(FALSE, FALSE, sizeof(ResourceRecord));
    committed->runs = g_array_new(FALSE, FALSE, sizeof(RunRecord));
    committed->reader = store_reader_open(state_dir, error);
    return committed->reader && store_reader_begin(committed->reader, error);
}

static bool committed_read(Committed *committed, GError **error)
{
    if (!store_reader_resources(committed->reader, RESOURCES_BRIEF, add_resource, committed, error) ||
        !store_reader_runs(committed->reader, committed->identity, add_run, committed, error))
        return false;
    PlanActual *actual = &committed->actual;
    actual->resources = (const ResourceRecord *)(void *)committed->resources->data;
    actual->resources_len = committed->resources->len;
    actual->runs = (const RunRecord *)(void *)committed->runs->data;
    actual->runs_len = committed->runs->len;
    actual->source_known |= committed->runs->len > 0;
    actual->spec = spec_of;
    actual->busy = busy_of;
    actual->data = committed;
    return true;
}

/* ---- the source
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct {
    Committed *committed;
    SourceOptions *source;
} Check;

static bool is_known(Kind kind, View name, void *data)
{
    Check *check = data;
    ResourceRecord record;
    bool found = false;
    return store_reader_resource(check->committed->reader, kind, name, &found, &record, NULL) && found &&
           record.phase == RESOURCE_ACTIVE && !view_is(record.owner, check->committed->identity);
}

static View text_of(const char *file, void *data)
{
    return source_text(file, ((Check *)data)->source);
}

static void check_set(ApplyPlan *plan, Check *check)
{
    FeasibleOptions options = {.config = manifest_set_config(plan->set),
                               .provider_override = PROVIDER_UNSET,
                               .text = text_of,
                               .data = check};
    int64_t vcpus_e4;
    int gpus;
    g_autofree char *notice = NULL;
    if (plan->provider)
        provider_type_from(view_from(plan->provider), &options.provider_override);
    provider_local_capacity(&vcpus_e4, &options.machine.memory_mib, &gpus, &notice);
    options.machine.vcpus = vcpus_e4 / DECIMAL_SCALE;
    options.machine.gpus = gpus;
    reference_check(plan->set, is_known, text_of, check, plan->diagnostics);
    feasible_check(plan->set, &options, plan->diagnostics);
}

static const char *default_provider(const ApplyPlan *plan)
{
    const SourceConfig *config = manifest_set_config(plan->set);
    return plan->provider ? plan->provider : config && config->provider ? config->provider : "aws";
}

/* Environments run where --provider says, else where they say, else where muster.yaml says, else on aws. */
static bool check_providers(ApplyPlan *plan)
{
    const char *fallback = default_provider(plan);
    for (size_t i = 0; i < manifest_set_len(plan->set); i++) {
        const Manifest *manifest = manifest_set_get(plan->set, i);
        if (manifest->kind != KIND_COMPUTE_ENVIRONMENT)
            continue;
        g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(manifest->spec, NULL);
        bool own = !plan->provider && spec && spec->provider != PROVIDER_UNSET;
        const char *provider = own ? provider_type_name(spec->provider) : fallback;
        if (strcmp(provider, "local") == 0)
            continue;
        stop(plan, APPLY_REFUSED,
             g_strdup_printf("%s:%d: ComputeEnvironment/" VIEW_FMT
                             " runs on provider %s, which this build does not serve; it serves "
                             "local (--provider local, or provider: local in muster.yaml)",
                             manifest->file, manifest->line, VIEW_ARG(manifest->name), provider));
        return false;
    }
    return true;
}

static bool load(ApplyPlan *plan, SourceOptions *source)
{
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    if (!plan->set && !source_load(source, &plan->set, &statistics, plan->diagnostics, &error)) {
        source_statistics_clear(&statistics);
        stop(plan, APPLY_BROKEN, g_strdup(error->message));
        return false;
    }
    source_statistics_clear(&statistics);
    plan->identity = source_identity(source, plan->set);
    return true;
}

static bool without_errors(ApplyPlan *plan)
{
    size_t errors = diagnostic_list_count(plan->diagnostics, SEVERITY_ERROR);
    size_t infeasible = diagnostic_list_count_infeasible(plan->diagnostics);
    if (errors == 0)
        return true;
    stop(plan, errors > infeasible ? APPLY_BROKEN : APPLY_INFEASIBLE,
         g_strdup_printf("%zu error%s in the manifests", errors, errors == 1 ? "" : "s"));
    return false;
}

/* ---- plan and guards
 * ------------------------------------------------------------------------------------------------------ */

static bool is_stale(ApplyPlan *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SavedPlan) saved = plan->saved_text ? plan_load(view_from(plan->saved_text), &error) : NULL;
    if (plan->saved_text && !saved) {
        stop(plan, APPLY_BROKEN, g_strdup_printf("the saved plan cannot be used: %s", error->message));
        return true;
    }
    g_autofree char *difference = saved ? plan_difference(plan->plan, saved) : NULL;
    if (difference && *difference) {
        stop(plan, APPLY_REFUSED, g_strdup_printf("the plan is stale; since it was made:\n%s", difference));
        return true;
    }
    if (plan->plan_id && !g_str_has_prefix(plan->plan->id, plan->plan_id)) {
        stop(plan, APPLY_REFUSED,
             g_strdup_printf("the plan is stale: it was %.8s, now it would be %.8s", plan->plan_id,
                             plan->plan->id));
        return true;
    }
    return false;
}

static FirstRun first_run_of(const ApplyPlan *plan)
{
    if (plan->first_run_given)
        return plan->first_run;
    return strcmp(default_provider(plan), "aws") == 0 ? FIRST_RUN_UNSET : FIRST_RUN_START;
}

static void make_plan(ApplyPlan *plan, const Committed *committed)
{
    PlanOptions options = {.source_name = plan->identity,
                           .first_run = first_run_of(plan),
                           .only = plan->only,
                           .destroy = plan->destroy};
    plan->plan = plan_build(plan->set, &committed->actual, &options);
    g_autoptr(GString) text = g_string_new(NULL);
    plan_render_json_head(plan->plan, ANSWER_CHANGES_MAX, text);
    plan->plan_json = json_loadb(text->str, text->len, 0, NULL);
    if (is_stale(plan))
        return;
    char *message = NULL;
    if (plan_guard(plan->plan, &committed->actual, &options, plan->allow_deletes, &message) != GUARD_OK)
        stop(plan, APPLY_REFUSED, message);
}

void apply_plan_run(void *data)
{
    ApplyPlan *plan = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *cache_dir = g_build_filename(plan->state_dir, "cache", NULL);
    SourceOptions source = {
        .path = plan->source, .name = plan->source_name, .provider = plan->provider, .cache_dir = cache_dir};
    clear_outputs(plan);
    plan->outcome = APPLY_READY;
    plan->diagnostics = diagnostic_list_new();
    Committed committed = {0};
    if (load(plan, &source)) {
        committed.identity = plan->identity;
        committed.desired = plan->destroy ? NULL : plan->set;
        Check check = {&committed, &source};
        if (!committed_open(&committed, plan->state_dir, &error) || !committed_read(&committed, &error)) {
            stop(plan, APPLY_BROKEN, g_strdup(error->message));
        } else {
            if (!plan->destroy)
                check_set(plan, &check);
            if ((plan->destroy || (without_errors(plan) && check_providers(plan))))
                make_plan(plan, &committed);
        }
    }
    committed_clear(&committed);
    source_options_clear(&source);
}

json_t *apply_plan_diagnostics(ApplyPlan *plan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    diagnostic_list_render(plan->diagnostics, DIAGNOSTIC_JSON, text);
    json_t *json = json_loadb(text->str, text->len, 0, NULL);
    return json ? json : json_array();
}

/* run.c: run keys, and what asks for a run. */
#include "reconciler/plan/change.h"
#include "reconciler/plan/json_walk.h"
#include "spec/reference.h"

bool run_is_unfinished(const RunRecord *run)
{
    return run->state == RUN_WAITING || run->state == RUN_RUNNING;
}

FirstRun first_run_default(const ManifestSet *desired, const char *provider)
{
    if (provider)
        return strcmp(provider, "aws") == 0 ? FIRST_RUN_UNSET : FIRST_RUN_START;
    const SourceConfig *config = manifest_set_config(desired);
    bool is_aws = !config || !config->provider || strcmp(config->provider, "aws") == 0;
    size_t first, len = manifest_set_kind(desired, KIND_COMPUTE_ENVIRONMENT, &first);
    for (size_t i = first; i < first + len; i++) {
        g_autoptr(ComputeEnvironmentSpec) spec =
            compute_environment_spec_decode(manifest_set_get(desired, i)->spec, NULL);
        ProviderType stated = spec ? spec->provider : PROVIDER_UNSET;
        if (stated == PROVIDER_AWS || (stated == PROVIDER_UNSET && is_aws))
            return FIRST_RUN_UNSET;
    }
    return is_aws && len == 0 ? FIRST_RUN_UNSET : FIRST_RUN_START;
}

static const char *member_of(View spec, const char *name, View *ret_value)
{
    return json_walk_find(spec, name, ret_value) ? name : NULL;
}

/* Decoding is dear; nearly no manifest has the member that would change the answer. */
bool run_triggered_by_change(const Manifest *manifest)
{
    View triggers;
    if (manifest->kind == KIND_JOB)
        return true;
    if (manifest->kind != KIND_PIPELINE)
        return false;
    if (!member_of(manifest->spec, "triggers", &triggers))
        return true;
    g_autoptr(PipelineSpec) spec = pipeline_spec_decode(manifest->spec, NULL);
    return spec && spec->on_change;
}

static bool reruns_on_definition(const Manifest *manifest)
{
    View member;
    if (!member_of(manifest->spec, "rerunOn", &member))
        return false;
    if (manifest->kind == KIND_JOB) {
        g_autoptr(JobSpec) job = job_spec_decode(manifest->spec, NULL);
        return job && job->rerun_on_definition;
    }
    g_autoptr(PipelineSpec) pipeline = pipeline_spec_decode(manifest->spec, NULL);
    return pipeline && pipeline->rerun_on_definition;
}

static int compare_references(gconstpointer a, gconstpointer b)
{
    const SpecReference *first = a, *second = b;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    return view_compare(first->name, second->name);
}

/* One of this source that has no manifest any more is as good as gone: this plan deletes it. */
static const Digest *definition_digest(View name, const ManifestSet *desired, const PlanActual *actual,
                                       const char *source_name)
{
    const Manifest *manifest = manifest_set_find(desired, KIND_JOB_DEFINITION, name);
    if (manifest)
        return &manifest->digest;
    const ResourceRecord *resource = actual_find(actual, KIND_JOB_DEFINITION, name);
    bool stays = resource && (!resource->prune || !view_is(resource->owner, source_name));
    return stays ? &resource->digest : NULL;
}

void run_key_of(const Manifest *manifest, const ManifestSet *desired, const PlanActual *actual,
                const char *source_name, const RunKeyNames *names, Digest *ret_key)
{
    *ret_key = manifest->digest;
    if (!reruns_on_definition(manifest))
        return;
    g_autoptr(GArray) references = g_array_new(FALSE, FALSE, sizeof(SpecReference));
    spec_references(manifest->kind, manifest->spec, references);
    g_array_sort(references, compare_references);
    char hex[2 * DIGEST_BYTES + 1];
    digest_to_hex(&manifest->digest, hex);
    g_autoptr(GString) text = g_string_new("muster/run-key\n");
    g_string_append_printf(text, "%s\n", hex);
    const SpecReference *previous = NULL;
    for (guint i = 0; i < references->len; i++) {
        const SpecReference *reference = &g_array_index(references, SpecReference, i);
        if (reference->kind != KIND_JOB_DEFINITION ||
            (previous && view_equal(previous->name, reference->name)))
            continue;
        previous = reference;
        Digest former;
        const Digest *digest = names->digest && names->digest(reference->name, &former, names->data) ? &former
                               : names->is_gone(reference->name, names->data)
                                   ? NULL
                                   : definition_digest(reference->name, desired, actual, source_name);
        if (digest)
            digest_to_hex(digest, hex);
        g_string_append_printf(text, VIEW_FMT "=%s\n", VIEW_ARG(reference->name), digest ? hex : "");
    }
    digest_of((View){text->str, text->len}, ret_key);
}

OnDelete run_on_delete(const RunRecord *run)
{
    if (run->spec.len == 0)
        return ON_DELETE_KEEP;
    if (run->kind == KIND_JOB)
        return job_on_delete(run->spec);
    g_autoptr(PipelineSpec) pipeline = pipeline_spec_decode(run->spec, NULL);
    return pipeline ? pipeline->on_delete : ON_DELETE_KEEP;
}

void runs_note_ending(Plan *plan, const PlanActual *actual, const PlanOptions *options)
{
    for (size_t i = 0; i < actual->runs_len; i++) {
        const RunRecord *run = &actual->runs[i];
        if (!run->is_ending || !only_selects(options->only, run->kind, run->name))
            continue;
        char *message = g_strdup_printf(
            "run %" G_GINT64_FORMAT " is cancelled, but jobs of it have not ended", run->number);
        g_ptr_array_add(plan->pending, plan_note_new(run->kind, run->name, message));
    }
}

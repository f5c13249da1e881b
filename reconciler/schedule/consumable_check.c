#include "reconciler/schedule/consumable_check.h"

#include <glib.h>

#include "spec/base/units.h"
#include "spec/decode.h"

typedef struct {
    const ManifestSet *set;
    Locator *locator;
} Check;

/* The first need that is more than there is of its resource; NULL: there is enough. */
static const ConsumableNeed *excess_find(const Check *check, const JobDefinitionSpec *job, int64_t *ret_total)
{
    for (size_t i = 0; i < job->consumables_len; i++) {
        const ConsumableNeed *need = &job->consumables[i];
        const Manifest *manifest =
            manifest_set_find(check->set, KIND_CONSUMABLE_RESOURCE, view_from(need->name));
        g_autoptr(ConsumableResourceSpec) spec =
            manifest ? consumable_resource_spec_decode(manifest->spec, NULL) : NULL;
        if (!spec || !spec->replenishable || need->quantity <= spec->total_quantity)
            continue;
        *ret_total = spec->total_quantity;
        return need;
    }
    return NULL;
}

/* "needs 5 of ConsumableResource/licence; there are 3" */
static char *arithmetic(const JobDefinitionSpec *job, const ConsumableNeed *need, int64_t total)
{
    g_autofree char *wanted = integer_human(need->quantity), *has = integer_human(total);
    const char *verb = total == 1 ? "is" : "are";
    if (job->nodes > 1)
        return g_strdup_printf("its %" G_GINT64_FORMAT " nodes need %s of ConsumableResource/%s; there %s %s",
                               job->nodes, wanted, need->name, verb, has);
    return g_strdup_printf("needs %s of ConsumableResource/%s; there %s %s", wanted, need->name, verb, has);
}

/* Points at the quantity under prefix, else at fallback. */
static void excess_report(const Check *check, const Manifest *manifest, const char *prefix,
                          const char *fallback, const ConsumableNeed *need, Fault *fault)
{
    g_autofree char *quantity = g_strdup_printf("%s.consumableResourceList[%s].quantity", prefix, need->name);
    const char *const paths[] = {quantity, fallback, NULL};
    locate_report(check->locator, manifest, paths, (View){NULL, 0}, fault);
}

/* ---- jobs and steps */

static bool names_consumables(const Manifest *manifest)
{
    for (size_t i = 0; i < manifest->references_len; i++)
        if (manifest->references[i].kind == KIND_CONSUMABLE_RESOURCE)
            return true;
    return false;
}

static const Manifest *definition_find(const Check *check, View reference)
{
    View qualifier, name = reference_name(KIND_JOB_DEFINITION, reference, &qualifier);
    return manifest_set_find(check->set, KIND_JOB_DEFINITION, name);
}

/* Most work takes nothing that is counted: it is not decoded. */
static bool may_take(const Check *check, const Manifest *manifest)
{
    if (names_consumables(manifest))
        return true;
    for (size_t i = 0; i < manifest->references_len; i++) {
        const Manifest *definition = manifest->references[i].kind == KIND_JOB_DEFINITION
                                         ? definition_find(check, manifest->references[i].text)
                                         : NULL;
        if (definition && names_consumables(definition))
            return true;
    }
    return false;
}

/* prefix: "spec" or "spec.jobs[3]"; what: "Job/align" */
static void work_judge(const Check *check, const Manifest *manifest, const JobSpec *job, const char *prefix,
                       const char *what)
{
    int64_t total;
    const Manifest *definition = job->definition ? definition_find(check, view_from(job->definition)) : NULL;
    g_autoptr(JobDefinitionSpec) base =
        definition ? job_definition_spec_decode(definition->spec, NULL) : NULL;
    g_autoptr(JobDefinitionSpec) effective = base ? job_effective(base, job) : NULL;
    const ConsumableNeed *need = effective ? excess_find(check, effective, &total) : NULL;
    if (!need)
        return;
    g_autofree char *message = g_strdup_printf("%s can never run", what);
    g_autofree char *detail = arithmetic(effective, need, total);
    g_autofree char *own = g_strconcat(prefix, ".consumableResourcePropertiesOverride", NULL);
    g_autofree char *fallback = g_strconcat(prefix, ".jobDefinition", NULL);
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_INFEASIBLE, message, detail};
    excess_report(check, manifest, own, fallback, need, &fault);
}

static void job_check(const Check *check, const Manifest *manifest)
{
    g_autoptr(JobSpec) job = job_spec_decode(manifest->spec, NULL);
    g_autofree char *what = g_strdup_printf("Job/" VIEW_FMT, VIEW_ARG(manifest->name));
    if (job)
        work_judge(check, manifest, job, "spec", what);
}

static void pipeline_check(const Check *check, const Manifest *manifest)
{
    g_autoptr(PipelineSpec) pipeline = pipeline_spec_decode(manifest->spec, NULL);
    for (size_t i = 0; pipeline && i < pipeline->steps_len; i++) {
        g_autofree char *prefix = g_strdup_printf("spec.jobs[%zu]", i);
        g_autofree char *what = g_strdup_printf("step \"%s\" of Pipeline/" VIEW_FMT, pipeline->steps[i]->name,
                                                VIEW_ARG(manifest->name));
        work_judge(check, manifest, pipeline->steps[i], prefix, what);
    }
}

/* ---- definitions */

static void definition_check(const Check *check, const Manifest *manifest)
{
    int64_t total;
    g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(manifest->spec, NULL);
    const ConsumableNeed *need = spec ? excess_find(check, spec, &total) : NULL;
    if (!need)
        return;
    g_autofree char *message =
        g_strdup_printf("JobDefinition/" VIEW_FMT " can never run", VIEW_ARG(manifest->name));
    g_autofree char *detail = arithmetic(spec, need, total);
    Fault fault = {SEVERITY_WARNING, DIAGNOSTIC_PLAIN, message, detail};
    excess_report(check, manifest, "spec.consumableResourceProperties", "metadata.name", need, &fault);
}

static void kind_check(const Check *check, Kind kind,
                       void (*func)(const Check *check, const Manifest *manifest))
{
    size_t first, len = manifest_set_kind(check->set, kind, &first);
    for (size_t i = 0; i < len; i++) {
        const Manifest *manifest = manifest_set_get(check->set, first + i);
        if (may_take(check, manifest))
            func(check, manifest);
    }
}

void consumable_check(const ManifestSet *set, bool is_part, Locator *locator)
{
    Check check = {set, locator};
    size_t first;
    if (!manifest_set_kind(set, KIND_CONSUMABLE_RESOURCE, &first))
        return;
    kind_check(&check, KIND_JOB, job_check);
    kind_check(&check, KIND_PIPELINE, pipeline_check);
    if (!is_part)
        kind_check(&check, KIND_JOB_DEFINITION, definition_check);
}

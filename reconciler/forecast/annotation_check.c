#include "reconciler/forecast/annotation_check.h"

#include "reconciler/forecast/durations.h"

/* The annotation that the error speaks of. */
static const char *path_of(const GError *error)
{
    return strstr(error->message, "muster/simulated-failure")
               ? "metadata.annotations.muster/simulated-failure"
               : "metadata.annotations.muster/simulated-duration";
}

static void definition_check(const Manifest *manifest, Locator *locator)
{
    TaskModel model;
    g_autoptr(GError) error = NULL;
    if (task_model_from_metadata(manifest->metadata, &model, &error))
        return;
    const char *const paths[] = {path_of(error), "metadata.annotations", NULL};
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, error->message, NULL};
    locate_report(locator, manifest, paths, (View){NULL, 0}, &fault);
}

void annotation_check(const ManifestSet *set, Locator *locator)
{
    size_t first, len = manifest_set_kind(set, KIND_JOB_DEFINITION, &first);
    for (size_t i = first; i < first + len; i++)
        definition_check(manifest_set_get(set, i), locator);
}

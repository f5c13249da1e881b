#include "reconciler/forecast/workload_reader.h"
#include "spec/reference.h"

typedef struct {
    const Workload *workload;
    const ManifestSet *set;
    DiagnosticList *diagnostics;
    GHashTable *judged; /* texts' ids that were reported as a queue (even) or definition (odd) */
    GHashTable *fair;   /* queue's text id → whether it has a policy + 1 */
    bool good;
} Check;

static void report(Check *check, uint32_t line, const char *message, const char *detail)
{
    Diagnostic diagnostic = {.severity = SEVERITY_ERROR,
                             .file = check->workload->file,
                             .line = (int)line,
                             .message = (char *)(uintptr_t)message,
                             .detail = (char *)(uintptr_t)detail};
    diagnostic_list_add(check->diagnostics, &diagnostic);
    check->good = false;
}

static char *nearest_manifest(const ManifestSet *set, Kind kind, const char *name)
{
    size_t first, len = manifest_set_kind(set, kind, &first);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = first; i < first + len; i++) {
        View view = manifest_set_get(set, i)->name;
        g_ptr_array_add(names, g_strndup(view.data, view.len));
    }
    g_ptr_array_add(names, NULL);
    return g_strdup(suggest_nearest(view_from(name), (const char *const *)names->pdata));
}

/* NULL: there is none; said once for each name. */
static const Manifest *find(Check *check, Kind kind, uint32_t text, uint32_t line)
{
    const char *name = workload_text(check->workload, text);
    const Manifest *manifest = manifest_set_find(check->set, kind, view_from(name));
    gpointer key = GUINT_TO_POINTER(text * 2 + (kind == KIND_JOB_DEFINITION));
    if (manifest || !g_hash_table_add(check->judged, key))
        return manifest;
    g_autofree char *nearest = nearest_manifest(check->set, kind, name);
    g_autofree char *message = nearest ? g_strdup_printf("there is no %s \"%s\"; did you mean \"%s\"?",
                                                         kind_name(kind), name, nearest)
                                       : g_strdup_printf("there is no %s \"%s\"", kind_name(kind), name);
    report(check, line, message, NULL);
    return NULL;
}

static bool has_policy(const Manifest *queue)
{
    g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(queue->spec, NULL);
    return spec && spec->scheduling_policy;
}

static void check_share(Check *check, const Manifest *queue, const WorkloadUse *use)
{
    const char *name = workload_text(check->workload, use->queue);
    gpointer known = g_hash_table_lookup(check->fair, GUINT_TO_POINTER(use->queue));
    if (!known) {
        known = GUINT_TO_POINTER(has_policy(queue) ? 2 : 1);
        g_hash_table_insert(check->fair, GUINT_TO_POINTER(use->queue), known);
    }
    bool is_fair = GPOINTER_TO_UINT(known) == 2;
    if (is_fair == (use->share != 0))
        return;
    g_autofree char *message =
        is_fair
            ? g_strdup_printf("queue \"%s\" has a scheduling policy: a job needs a shareIdentifier", name)
            : g_strdup_printf("queue \"%s\" has no scheduling policy: a job has no shareIdentifier", name);
    report(check, use->line, message, NULL);
}

bool workload_check(const Workload *workload, const ManifestSet *set, DiagnosticList *diagnostics)
{
    g_autoptr(GHashTable) judged = g_hash_table_new(NULL, NULL), fair = g_hash_table_new(NULL, NULL);
    Check check = {workload, set, diagnostics, judged, fair, true};
    for (guint i = 0; i < workload->uses->len; i++) {
        const WorkloadUse *use = &g_array_index(workload->uses, WorkloadUse, i);
        const Manifest *queue = find(&check, KIND_JOB_QUEUE, use->queue, use->line);
        find(&check, KIND_JOB_DEFINITION, use->definition, use->line);
        if (queue)
            check_share(&check, queue, use);
    }
    return check.good;
}

/* ---- defaults
 * ------------------------------------------------------------------------------------------------------ */

static const char *only_of(const ManifestSet *set, Kind kind, Arena *arena)
{
    size_t first;
    if (manifest_set_kind(set, kind, &first) != 1)
        return NULL;
    View name = manifest_set_get(set, first)->name;
    return arena_strndup(arena, name.data, name.len);
}

void workload_options_complete(WorkloadOptions *options, const ManifestSet *set, Arena *arena)
{
    if (!options->queue)
        options->queue = only_of(set, KIND_JOB_QUEUE, arena);
    if (!options->definition)
        options->definition = only_of(set, KIND_JOB_DEFINITION, arena);
    const Manifest *queue =
        options->queue ? manifest_set_find(set, KIND_JOB_QUEUE, view_from(options->queue)) : NULL;
    options->share_by_user = queue && has_policy(queue);
}

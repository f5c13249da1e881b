/* guard.c: what stops a plan from being applied (exit code 3). */
#include "reconciler/plan/change.h"

#define DELETES_ALWAYS  3
#define DELETES_PERCENT 20

static bool destroys_something(const Change *change)
{
    return change->action == ACTION_DELETE || change->action == ACTION_REPLACE;
}

static GuardResult guard_empty(const Plan *plan, char **ret_message)
{
    if (plan->destroys || !plan->desired || manifest_set_len(plan->desired) > 0 ||
        plan->counts[ACTION_DELETE] == 0)
        return GUARD_OK;
    *ret_message =
        g_strdup_printf("the source holds no manifest, yet %zu resources are %s's; an empty source deletes "
                        "nothing (to delete all of them: muster destroy)",
                        plan->counts[ACTION_DELETE], plan->source_name);
    return GUARD_EMPTY;
}

#define CONFLICTS_TOLD 3

static void append_place(GString *out, View file, int line)
{
    if (file.len)
        g_string_append_printf(out, " (" VIEW_FMT ":%d)", VIEW_ARG(file), line);
}

/* Whose it is, with both places. */
static void append_conflict(GString *out, const ResourceRecord *resource, const Manifest *manifest)
{
    g_string_append_printf(out, "%s%s/" VIEW_FMT, out->len ? ", " : "", kind_name(resource->kind),
                           VIEW_ARG(resource->name));
    append_place(out, view_from(manifest->file), manifest->line);
    g_string_append_printf(out, " belongs to source " VIEW_FMT, VIEW_ARG(resource->owner));
    append_place(out, resource->file, resource->line);
}

static GuardResult guard_conflict(const Plan *plan, const PlanActual *actual, const PlanOptions *options,
                                  char **ret_message)
{
    size_t found = 0;
    g_autoptr(GString) conflicts = g_string_new(NULL);
    if (plan->destroys || !plan->desired)
        return GUARD_OK;
    for (size_t i = 0; i < actual->resources_len; i++) {
        const ResourceRecord *resource = &actual->resources[i];
        if (resource->owner.len == 0 || view_is(resource->owner, options->source_name))
            continue;
        const Manifest *manifest = manifest_set_find(plan->desired, resource->kind, resource->name);
        if (manifest && found++ < CONFLICTS_TOLD)
            append_conflict(conflicts, resource, manifest);
    }
    if (found == 0)
        return GUARD_OK;
    if (found > CONFLICTS_TOLD)
        g_string_append_printf(conflicts, ", and %zu more do", found - CONFLICTS_TOLD);
    *ret_message = g_strdup_printf("%s; name what another source makes under `uses:` in muster.yaml, give "
                                   "this source a namePrefix, or take it out of one of them",
                                   conflicts->str);
    return GUARD_CONFLICT;
}

static GuardResult guard_refused(const Plan *plan, const PlanActual *actual, char **ret_message)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        if (!destroys_something(change))
            continue;
        const ResourceRecord *resource = actual_find(actual, change->kind, view_from(change->name));
        DeletionPolicy policy = change->manifest ? change->manifest->deletion
                                : resource       ? resource->deletion
                                                 : DELETION_DRAIN;
        if (policy != DELETION_REFUSE)
            continue;
        *ret_message =
            g_strdup_printf("%s of %s/%s is refused by its annotation muster/deletion: refuse; apply it "
                            "with drain or terminate first",
                            change->action == ACTION_REPLACE ? "replacement" : "deletion",
                            kind_name(change->kind), change->name);
        return GUARD_REFUSED;
    }
    return GUARD_OK;
}

static GuardResult guard_first_run(const Plan *plan, const PlanActual *actual, const PlanOptions *options,
                                   char **ret_message)
{
    if (options->first_run != FIRST_RUN_UNSET || actual->source_known || plan->counts[ACTION_RUN] == 0)
        return GUARD_OK;
    *ret_message =
        g_strdup_printf("source %s has no history in this state directory and %zu runs to start; say "
                        "--first-run start, or --first-run record to take what is there as done",
                        plan->source_name, plan->counts[ACTION_RUN]);
    return GUARD_FIRST_RUN;
}

typedef struct {
    size_t owned[KIND_COUNT], deleted[KIND_COUNT], total;
} DeleteCount;

static DeleteCount count_deletes(const Plan *plan, const PlanActual *actual, const PlanOptions *options)
{
    DeleteCount count = {0};
    for (size_t i = 0; i < actual->resources_len; i++)
        if (view_is(actual->resources[i].owner, options->source_name) &&
            actual->resources[i].phase != RESOURCE_DELETING)
            count.owned[actual->resources[i].kind]++;
    for (size_t i = 0; i < actual->runs_len; i++)
        if (actual->runs[i].kind == KIND_JOB && run_is_unfinished(&actual->runs[i]))
            count.owned[KIND_JOB]++;
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = g_ptr_array_index(plan->changes, i);
        if (destroys_something(change)) {
            count.deleted[change->kind]++;
            count.total++;
        }
    }
    return count;
}

static GuardResult guard_deletes(const Plan *plan, const PlanActual *actual, const PlanOptions *options,
                                 int64_t allow_deletes, char **ret_message)
{
    if (plan->destroys)
        return GUARD_OK;
    DeleteCount count = count_deletes(plan, actual, options);
    if (allow_deletes >= 0) {
        if (count.total <= (size_t)allow_deletes)
            return GUARD_OK;
        *ret_message = g_strdup_printf("%zu deletions and replacements, but --allow-deletes %" G_GINT64_FORMAT
                                       " was given",
                                       count.total, allow_deletes);
        return GUARD_DELETES;
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        size_t share = count.owned[kind] * DELETES_PERCENT / 100;
        size_t limit = MAX((size_t)DELETES_ALWAYS, share);
        if (count.deleted[kind] <= limit)
            continue;
        *ret_message = g_strdup_printf(
            "%zu of %zu %s would be deleted or replaced, more than %zu at once; if that is "
            "meant: --allow-deletes %zu",
            count.deleted[kind], count.owned[kind], kind_plural((Kind)kind), limit, count.total);
        return GUARD_DELETES;
    }
    return GUARD_OK;
}

GuardResult plan_guard(const Plan *plan, const PlanActual *actual, const PlanOptions *options,
                       int64_t allow_deletes, char **ret_message)
{
    GuardResult result = guard_empty(plan, ret_message);
    if (result == GUARD_OK)
        result = guard_conflict(plan, actual, options, ret_message);
    if (result == GUARD_OK)
        result = guard_refused(plan, actual, ret_message);
    if (result == GUARD_OK)
        result = guard_first_run(plan, actual, options, ret_message);
    if (result == GUARD_OK)
        result = guard_deletes(plan, actual, options, allow_deletes, ret_message);
    return result;
}

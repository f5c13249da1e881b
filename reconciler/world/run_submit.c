/* What a run submits: the one job of a Job manifest, or the steps of a pipeline. Everything is looked up and
 * checked first, then made. */
#include "reconciler/world/run.h"
#include <stdlib.h>

#define STEP_DEPENDENCIES_MAX 20
#define STEP_ARRAY_MAX        10000
#define JOB_NAME_MAX          128

typedef struct {
    const char *name; /* of the step, or of the manifest */
    const char *step; /* NULL for a Job */
    char *job_name;
    json_t *request; /* with the pipeline's defaults */
    JobSpec *spec;
    JobDraft draft;
    GArray *depends_on; /* of DependencyRecord */
    bool skipped;       /* an array of no children: what depends on it depends on what it depends on */
    bool done;          /* by an earlier run */
    bool placed;        /* in topological order */
} Step;

typedef struct {
    json_t *root;
    Step *steps;
    size_t len;
    size_t *order;
} StepList;

JobId run_random_id(Rng *rng)
{
    JobId id;
    rng_fill(rng, id.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40); /* UUID version 4 */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

static void step_list_clear(StepList *list)
{
    for (size_t i = 0; i < list->len; i++) {
        json_decref(list->steps[i].request);
        job_spec_free(list->steps[i].spec);
        g_free(list->steps[i].job_name);
        g_array_unref(list->steps[i].depends_on);
    }
    g_free(list->steps);
    g_free(list->order);
    json_decref(list->root);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StepList, step_list_clear)

static bool step_error(GError **error, const Step *step, const char *problem)
{
    g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "%s: %s", step->name, problem);
    return false;
}

static Step *step_find(const StepList *list, const char *name)
{
    for (size_t i = 0; i < list->len; i++)
        if (strcmp(list->steps[i].name, name) == 0)
            return &list->steps[i];
    return NULL;
}

/* ---- reading ---- */

/* The step with what the pipeline says once for all: its share, and its parameters under the step's own.
 * pipeline: NULL for a Job. */
static json_t *step_request(const json_t *item, const json_t *pipeline)
{
    json_t *request = json_copy((json_t *)(uintptr_t)item);
    json_t *share = json_object_get(pipeline, "shareIdentifier"),
           *defaults = json_object_get(pipeline, "parameters");
    if (share && !json_object_get(request, "shareIdentifier"))
        json_object_set(request, "shareIdentifier", share);
    if (!json_is_object(defaults) || json_object_size(defaults) == 0)
        return request;
    json_t *merged = json_copy(defaults);
    json_t *own = json_object_get(request, "parameters");
    if (own)
        json_object_update(merged, own);
    json_object_set_new(request, "parameters", merged);
    return request;
}

static bool step_read(StepList *list, const json_t *item, const json_t *pipeline, const Run *run,
                      GError **error)
{
    Step *step = &list->steps[list->len++];
    const char *name = json_string_value(json_object_get(item, "name"));
    step->depends_on = g_array_new(FALSE, FALSE, sizeof(DependencyRecord));
    step->request = step_request(item, pipeline);
    step->step = pipeline ? name : NULL;
    step->name = pipeline ? (name ? name : "") : run->name;
    g_autofree char *job_name =
        pipeline ? g_strdup_printf("%s-%s", run->name, step->name) : g_strdup(run->name);
    step->job_name = g_strndup(job_name, JOB_NAME_MAX);
    step->spec = job_spec_from_json(step->request, error);
    return step->spec != NULL;
}

static bool steps_read(const Run *run, StepList *list, GError **error)
{
    json_error_t at;
    list->root = json_loads(run->spec, 0, &at);
    if (!list->root) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "%s: %s", run->name, at.text);
        return false;
    }
    const json_t *jobs = run->kind == KIND_PIPELINE ? json_object_get(list->root, "jobs") : NULL;
    list->steps = g_new0(Step, json_array_size(jobs) + 1);
    if (run->kind != KIND_PIPELINE)
        return step_read(list, list->root, NULL, run, error);
    for (size_t i = 0; i < json_array_size(jobs); i++)
        if (!step_read(list, json_array_get(jobs, i), list->root, run, error))
            return false;
    return true;
}

/* Of array: {fromParameter: n}: text of that parameter, or NULL. */
static const char *parameter_of(const JobSpec *spec)
{
    for (size_t i = 0; spec->array_parameter && i < spec->parameters_len; i++)
        if (strcmp(spec->parameters[i].name, spec->array_parameter) == 0)
            return spec->parameters[i].value;
    return NULL;
}

/* array: its size where it is known; 0 skips the step, 1 is still an array. */
static bool step_array(Step *step, GError **error)
{
    const JobSpec *spec = step->spec;
    int64_t size = spec->array_size;
    if (!spec->array_dynamic)
        return true;
    if (spec->array_file && !spec->array_counted) {
        step->draft.unsized = true;
        return true;
    }
    const char *text = parameter_of(spec);
    if (!spec->array_file && !text) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                    "%s: array.fromParameter: there is no parameter \"%s\"", step->name,
                    spec->array_parameter);
        return false;
    }
    if (text && !g_ascii_string_to_signed(text, 10, 0, STEP_ARRAY_MAX, &size, NULL)) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                    "%s: array.fromParameter: %s is \"%s\", and must be a number from 0 to %d", step->name,
                    spec->array_parameter, text, STEP_ARRAY_MAX);
        return false;
    }
    step->draft.array_size = (int32_t)size;
    step->skipped = size == 0;
    return true;
}

static bool step_draft(World *world, const StepList *list, Step *step, Rng *rng, GError **error)
{
    const char *queue = json_string_value(json_object_get(list->root, "jobQueue"));
    if (!job_draft(world, step->request, queue, NAMES_FORMER_TOO, INT64_MIN, &step->draft, error)) {
        g_prefix_error(error, "%s: ", step->name);
        return false;
    }
    step->draft.name = view_from(step->job_name);
    step->draft.step = step->step;
    step->draft.id = run_random_id(rng);
    return step_array(step, error);
}

/* ---- dependencies ---- */

/* Steps that are skipped have dependencies too: more than these in all. */
#define STEP_INHERITED_MAX 200

static bool step_is_array(const Step *step)
{
    return step->draft.array_size > 0 || step->draft.unsized;
}

/* What is not known yet may turn out to be equal. */
static bool sizes_agree(const Step *on, const Step *step)
{
    return step_is_array(on) && step_is_array(step) &&
           (on->draft.unsized || step->draft.unsized || on->draft.array_size == step->draft.array_size);
}

static bool step_add_dependency(Step *step, const DependencyRecord *record, GError **error)
{
    if (step->depends_on->len >= STEP_INHERITED_MAX)
        return step_error(error, step, "too many steps to wait for, through steps that are skipped");
    g_array_append_val(step->depends_on, *record);
    return true;
}

static bool step_depends_on_id(World *world, Step *step, const DependencySpec *wanted, GError **error);

typedef struct {
    World *world;
    const StepList *list;
    Step *step;
    uint8_t *seen; /* by position: 1 << condition, of skipped steps that were looked through */
} Waits;

static bool waits_for_step(Waits *waits, const DependencySpec *wanted, GError **error);

/* A step that is skipped has succeeded when its own dependencies have held. */
static bool waits_through(Waits *waits, const Step *skipped, DependencyCondition condition, GError **error)
{
    uint8_t *seen = &waits->seen[skipped - waits->list->steps];
    if (*seen & 1u << condition)
        return true;
    *seen = (uint8_t)(*seen | 1u << condition);
    for (size_t i = 0; i < skipped->spec->depends_on_len; i++) {
        DependencySpec wanted = skipped->spec->depends_on[i];
        if (condition == CONDITION_COMPLETION)
            wanted.condition = condition;
        bool is_own = !wanted.job && !wanted.job_id;
        wanted.type = DEPENDENCY_PLAIN;
        if (!is_own && !(wanted.job ? waits_for_step(waits, &wanted, error)
                                    : step_depends_on_id(waits->world, waits->step, &wanted, error)))
            return false;
    }
    return true;
}

static bool waits_for_step(Waits *waits, const DependencySpec *wanted, GError **error)
{
    Step *step = waits->step;
    const Step *on = step_find(waits->list, wanted->job);
    if (!on || on == step) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND,
                    "%s: dependsOn names %s, which is no other step", step->name, wanted->job);
        return false;
    }
    if (on->done)
        return true;
    if (on->skipped)
        return waits_through(waits, on, wanted->condition, error);
    if (wanted->type == DEPENDENCY_N_TO_N && !sizes_agree(on, step))
        return step_error(error, step, "N_TO_N needs two arrays of the same size");
    return step_add_dependency(
        step, &(DependencyRecord){on->draft.id, NOT_A_CHILD, wanted->type, wanted->condition}, error);
}

static bool step_depends_on_step(World *world, const StepList *list, Step *step, const DependencySpec *wanted,
                                 GError **error)
{
    g_autofree uint8_t *seen = g_new0(uint8_t, list->len);
    return waits_for_step(&(Waits){world, list, step, seen}, wanted, error);
}

/* Not one that began to wait later: that one may wait for this. */
static Run *newest_not_after(const World *world, const char *name, int64_t created_ms)
{
    Run *run = world_run_newest(world, KIND_JOB, view_from(name));
    while (run && run->created_ms > created_ms)
        run = world_run_before(run);
    return run;
}

/* The newest run of the Job manifest of that name and owner. */
static bool step_depends_on_manifest(World *world, Run *run, Step *step, const DependencySpec *wanted,
                                     GError **error)
{
    Run *other = newest_not_after(world, wanted->job, run->created_ms);
    if (!other || other == run || strcmp(other->owner, run->owner) != 0) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND,
                    "%s: dependsOn names Job/%s, which has not been started", step->name, wanted->job);
        return false;
    }
    const Job *on = run_job_next(other, NULL);
    if (other->state == RUN_WAITING)
        run_wait_for(world, run, other); /* it has no job yet to depend on */
    if (!on) {
        bool fails = other->state == RUN_FAILED || other->state == RUN_CANCELLED;
        if (fails && wanted->condition == CONDITION_SUCCESS)
            step->draft.dependency_failed = true;
        return true; /* SUCCEEDED or recorded: it holds */
    }
    DependencyRecord record = {on->id, NOT_A_CHILD, wanted->type, wanted->condition};
    return step_add_dependency(step, &record, error) &&
           dependencies_check(world, &record, 1, step->draft.array_size, &step->draft.dependency_failed,
                              error);
}

static bool step_depends_on_id(World *world, Step *step, const DependencySpec *wanted, GError **error)
{
    DependencyRecord record = {.on_index = NOT_A_CHILD, .type = wanted->type, .condition = wanted->condition};
    if (wanted->job_id && !job_ref_from_text(view_from(wanted->job_id), &record.on, &record.on_index)) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND, "%s: Dependent job %s does not exist",
                    step->name, wanted->job_id);
        return false;
    }
    int32_t size = MAX(step->draft.array_size, (int32_t)step_is_array(step));
    return step_add_dependency(step, &record, error) &&
           dependencies_check(world, &record, 1, size, &step->draft.dependency_failed, error);
}

static bool step_dependencies(World *world, Run *run, const StepList *list, Step *step, GError **error)
{
    if (step->spec->depends_on_len > STEP_DEPENDENCIES_MAX)
        return step_error(error, step, "Job cannot have more than 20 dependencies");
    for (size_t i = 0; i < step->spec->depends_on_len; i++) {
        const DependencySpec *wanted = &step->spec->depends_on[i];
        bool done = !wanted->job                 ? step_depends_on_id(world, step, wanted, error)
                    : run->kind == KIND_PIPELINE ? step_depends_on_step(world, list, step, wanted, error)
                                                 : step_depends_on_manifest(world, run, step, wanted, error);
        if (!done)
            return false;
    }
    return true;
}

/* Every step after those it waits for; among those that could come next the first in the document. */
static bool step_is_next(const StepList *list, const Step *step)
{
    if (step->placed)
        return false;
    for (size_t i = 0; i < step->spec->depends_on_len; i++) {
        const char *name = step->spec->depends_on[i].job;
        const Step *on = name ? step_find(list, name) : NULL;
        if (on && !on->placed)
            return false;
    }
    return true;
}

static bool steps_order(const Run *run, StepList *list, GError **error)
{
    list->order = g_new(size_t, list->len + 1);
    for (size_t placed = 0; placed < list->len; placed++) {
        size_t next = 0;
        while (next < list->len && !step_is_next(list, &list->steps[next]) && run->kind == KIND_PIPELINE)
            next++;
        if (next == list->len) {
            g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "%s: dependsOn has a cycle", run->name);
            return false;
        }
        list->order[placed] = next;
        list->steps[next].placed = true;
    }
    return true;
}

/* What an earlier run has done needs no definition any more, and what depends on it waits for nothing. */
static void steps_skip_done(StepList *list)
{
    const json_t *name;
    size_t i;
    json_array_foreach(run_spec_done(list->root), i, name)
    {
        Step *step = step_find(list, json_string_value(name));
        if (step)
            step->done = true;
    }
}

static bool steps_prepare(World *world, Run *run, Rng *rng, StepList *list, GError **error)
{
    run_wait_for(world, run, NULL);
    if (!steps_read(run, list, error))
        return false;
    steps_skip_done(list);
    for (size_t i = 0; i < list->len; i++)
        if (!list->steps[i].done && !step_draft(world, list, &list->steps[i], rng, error))
            return false;
    if (!steps_order(run, list, error)) /* no cycle from here on */
        return false;
    for (size_t i = 0; i < list->len; i++)
        if (!list->steps[i].done && !list->steps[i].skipped &&
            !step_dependencies(world, run, list, &list->steps[i], error))
            return false;
    return true;
}

bool run_check(World *world, Run *run, Rng *rng, GError **error)
{
    g_auto(StepList) list = {0};
    Rng scratch = *rng; /* the ids of a check are thrown away */
    return steps_prepare(world, run, &scratch, &list, error);
}

bool run_submit(World *world, Run *run, Rng *rng, int64_t now_ms, GError **error)
{
    g_auto(StepList) list = {0};
    if (!steps_prepare(world, run, rng, &list, error))
        return false;
    if (run_entry(run)->waits_for)
        return true;
    run_move(world, run, RUN_RUNNING, now_ms);
    run->jobs_unfinished++; /* jobs may end at once; the run must not end before all of them are there */
    for (size_t i = 0; i < list.len; i++) {
        Step *step = &list.steps[list.order[i]];
        if (step->done || step->skipped)
            continue;
        step->draft.run = run;
        const DependencyRecord *depends_on = (const DependencyRecord *)(void *)step->depends_on->data;
        step->draft.depends_on = depends_on;
        step->draft.depends_on_len = step->depends_on->len;
        for (size_t d = 0; d < step->depends_on->len; d++) {
            bool failed = false;
            const Job *on = world_job(world, &depends_on[d].on);
            if (on && dependencies_check(world, &depends_on[d], 1, step->draft.array_size, &failed, NULL))
                step->draft.dependency_failed = step->draft.dependency_failed || failed;
        }
        job_create(world, &step->draft, now_ms);
    }
    run->jobs_unfinished--;
    run_maybe_end(world, run, now_ms);
    return true;
}

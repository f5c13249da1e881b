/* run_repeat.c: a run again, but only what did not succeed and what depends on it. The new run keeps the
 * whole spec; what it leaves out, and in whose workspace it goes on, stand in a member that no manifest can
 * have: "continues": {"done": [STEP…], "workspace": RUN}. */
#include "reconciler/world/run.h"

#define CONTINUES "continues"

const json_t *run_spec_done(const json_t *root)
{
    return json_object_get(json_object_get(root, CONTINUES), "done");
}

char *run_spec_workspace(const Run *run)
{
    if (!strstr(run->spec, "\"" CONTINUES "\":"))
        return NULL;
    json_t *root = json_loads(run->spec, 0, NULL);
    char *id = g_strdup(json_string_value(json_object_get(json_object_get(root, CONTINUES), "workspace")));
    json_decref(root);
    return id;
}

const char *run_workspace(const Run *run)
{
    const char *workspace = run_entry(run)->workspace;
    return workspace ? workspace : run->id;
}

static char *spec_dump(json_t *root)
{
    char *dumped = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    char *text = g_strdup(dumped ? dumped : "");
    free(dumped);
    return text;
}

char *run_whole_spec(const char *spec)
{
    json_t *root = json_loads(spec, 0, NULL);
    json_object_del(root, CONTINUES);
    char *text = spec_dump(root);
    json_decref(root);
    return text;
}

char *run_manifest_spec(View spec)
{
    json_t *root = json_loadb(spec.data, spec.len, 0, NULL);
    json_object_del(root, CONTINUES);
    json_object_del(root, SCHEDULED_AT);
    char *text = spec_dump(root);
    json_decref(root);
    return text;
}

/* ---- which steps ---- */

typedef enum { STEP_UNKNOWN, STEP_DONE, STEP_AGAIN } StepVerdict;
typedef struct {
    const json_t *root, *jobs;
    GHashTable *positions; /* name → position + 1 */
    GHashTable *done;      /* names of those that succeeded, now or in an earlier run */
    StepVerdict *verdicts;
} Repeat;

static void repeat_clear(Repeat *repeat)
{
    g_hash_table_unref(repeat->positions);
    g_hash_table_unref(repeat->done);
    g_free(repeat->verdicts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Repeat, repeat_clear)

static const char *step_name(const json_t *step)
{
    const char *name = json_string_value(json_object_get(step, "name"));
    return name ? name : "";
}

static void repeat_init(Repeat *repeat, const json_t *root, const Run *run, const char *const *succeeded)
{
    const json_t *item;
    size_t i;
    *repeat = (Repeat){.root = root,
                       .jobs = json_object_get(root, "jobs"),
                       .positions = g_hash_table_new(g_str_hash, g_str_equal),
                       .done = g_hash_table_new(g_str_hash, g_str_equal)};
    repeat->verdicts = g_new0(StepVerdict, json_array_size(repeat->jobs) + 1);
    json_array_foreach(repeat->jobs, i, item)
        g_hash_table_insert(repeat->positions, (gpointer)(uintptr_t)step_name(item), GSIZE_TO_POINTER(i + 1));
    json_array_foreach(run_spec_done(root), i, item)
        g_hash_table_add(repeat->done, (gpointer)(uintptr_t)json_string_value(item));
    for (; succeeded && *succeeded; succeeded++)
        g_hash_table_add(repeat->done, (gpointer)(uintptr_t)*succeeded);
    for (const Job *job = run_job_next(run, NULL); job; job = run_job_next(run, job))
        if (job->step && job->state == JOB_SUCCEEDED)
            g_hash_table_add(repeat->done, job->step);
}

/* An array of no children had no job that could succeed. */
static bool step_is_empty(const Repeat *repeat, const json_t *step)
{
    const json_t *counted = json_object_get(json_object_get(step, "array"), "size");
    if (counted)
        return json_integer_value(counted) == 0;
    const char *name = json_string_value(json_object_get(json_object_get(step, "array"), "fromParameter"));
    const json_t *value = name ? json_object_get(json_object_get(step, "parameters"), name) : NULL;
    if (name && !value)
        value = json_object_get(json_object_get(repeat->root, "parameters"), name);
    int64_t size;
    return value && json_string_value(value) &&
           g_ascii_string_to_signed(json_string_value(value), 10, 0, INT64_MAX, &size, NULL) && size == 0;
}

static bool step_runs_again(Repeat *repeat, size_t at)
{
    if (repeat->verdicts[at] != STEP_UNKNOWN)
        return repeat->verdicts[at] == STEP_AGAIN;
    const json_t *step = json_array_get(repeat->jobs, at), *dependency;
    bool again = !g_hash_table_contains(repeat->done, step_name(step)) && !step_is_empty(repeat, step);
    size_t i;
    repeat->verdicts[at] = STEP_DONE; /* a spec has no cycle; this would end one */
    json_array_foreach(json_object_get(step, "dependsOn"), i, dependency)
    {
        const char *on = json_string_value(json_object_get(dependency, "job"));
        size_t position = on ? GPOINTER_TO_SIZE(g_hash_table_lookup(repeat->positions, on)) : 0;
        if (position > 0 && step_runs_again(repeat, position - 1))
            again = true;
    }
    repeat->verdicts[at] = again ? STEP_AGAIN : STEP_DONE;
    return again;
}

/* ret_left: how many steps run again. */
static char *spec_of_failed(const Run *run, const char *spec, const char *const *succeeded, size_t *ret_left)
{
    g_auto(Repeat) repeat;
    json_t *root = json_loads(spec, 0, NULL), *done = json_array();
    repeat_init(&repeat, root, run, succeeded);
    *ret_left = 0;
    for (size_t i = 0; i < json_array_size(repeat.jobs); i++)
        if (step_runs_again(&repeat, i))
            ++*ret_left;
        else
            json_array_append_new(done, json_string(step_name(json_array_get(repeat.jobs, i))));
    json_object_set_new(root, CONTINUES,
                        json_pack("{s:o,s:s}", "done", done, "workspace", run_workspace(run)));
    char *text = spec_dump(root);
    json_decref(root);
    return text;
}

Run *run_rerun_failed(World *world, const Run *previous, const char *spec, const char *const *succeeded,
                      Rng *rng, int64_t now_ms, GError **error)
{
    size_t left = 1;
    g_autofree char *again = NULL;
    if (previous->state == RUN_WAITING || previous->state == RUN_RUNNING) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT, "run %" G_GINT64_FORMAT " of %s is still %s",
                    previous->number, previous->name, run_state_name(previous->state));
        return NULL;
    }
    if (previous->jobs_unfinished > 0) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT,
                    "run %" G_GINT64_FORMAT " of %s is %s, but %zu of its jobs have not ended",
                    previous->number, previous->name, run_state_name(previous->state),
                    previous->jobs_unfinished);
        return NULL;
    }
    if (previous->kind == KIND_PIPELINE)
        again = spec_of_failed(previous, spec, succeeded, &left);
    if (previous->state == RUN_SUCCEEDED || left == 0) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT,
                    "nothing failed in run %" G_GINT64_FORMAT " of %s", previous->number, previous->name);
        return NULL;
    }
    g_autofree char *name = g_strdup(previous->name);
    g_autofree char *owner = g_strdup(previous->owner);
    RunStart start = {.owner = owner,
                      .kind = previous->kind,
                      .name = view_from(name),
                      .spec = view_from(again ? again : spec),
                      .key = previous->key};
    return run_start(world, &start, rng, now_ms, error);
}

/* job_lookup.c: where jobs that a request names stand. */
#include "reconciler/api/job_view.h"
#include "reconciler/api/job_lookup.h"

static void named_clear(void *data)
{
    NamedJob *job = data;
    g_free(job->name);
    g_free(job->status_reason);
    g_free(job->children);
}

JobLookup *job_lookup_new(void)
{
    JobLookup *lookup = g_new0(JobLookup, 1);
    lookup->jobs = g_array_new(FALSE, TRUE, sizeof(NamedJob));
    g_array_set_clear_func(lookup->jobs, named_clear);
    return lookup;
}

void job_lookup_free(void *data)
{
    JobLookup *lookup = data;
    if (!lookup)
        return;
    g_array_unref(lookup->jobs);
    g_free(lookup);
}

bool job_lookup_add(JobLookup *lookup, const char *text)
{
    NamedJob job = {.exit_code = -1, .gone = true};
    if (!text || !job_ref_from_text(view_from(text), &job.id, &job.index))
        return false;
    g_array_append_val(lookup->jobs, job);
    return true;
}

static void named_set(NamedJob *job, JobState state, const char *name, const char *reason)
{
    if (!job->name)
        job->name = g_strdup(name);
    if (g_strcmp0(job->status_reason, reason) != 0) {
        g_free(job->status_reason);
        job->status_reason = g_strdup(reason);
    }
    job->known = true;
    job->state = state;
}

/* False: not in memory. */
static bool named_from_world(NamedJob *named, const World *world)
{
    const Job *job = world_job(world, &named->id);
    if (!job || (named->index != NOT_A_CHILD && named->index >= job->array_size))
        return false;
    if (named->index == NOT_A_CHILD) {
        named_set(named, job->state, job->name, job->status_reason);
    } else {
        ChildView child;
        job_child(job, named->index, &child);
        named_set(named, child.state, job->name, child.status_reason);
    }
    return true;
}

void job_lookup_update(JobLookup *lookup, const World *world)
{
    lookup->unfinished = lookup->missing = 0;
    for (guint i = 0; i < lookup->jobs->len; i++) {
        NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        if (named->final)
            continue;
        named->gone = !named_from_world(named, world);
        if (named->gone)
            lookup->missing++;
        else if (job_state_final(named->state))
            lookup->missing++; /* its exit code is in the store */
        else
            lookup->unfinished++;
    }
}

static int last_exit_code(const JobView *view)
{
    int exit_code = -1;
    for (guint i = 0; i < view->attempt_records->len; i++) {
        const AttemptRecord *attempt = &g_array_index(view->attempt_records, AttemptRecord, i);
        if (attempt->stopped_ms)
            exit_code = attempt->exit_code;
    }
    return exit_code;
}

static bool take_child(const ChildRecord *child, void *data)
{
    const NamedJob *named = data;
    if (child->index < named->array_size)
        named->children[child->index] = (uint8_t)child->state;
    return true;
}

static bool take_range(const RangeRecord *range, void *data)
{
    const NamedJob *named = data;
    for (int32_t index = range->first; index <= range->last && index < named->array_size; index++)
        named->children[index] = (uint8_t)range->state;
    return true;
}

static bool gather_children(NamedJob *named, StoreReader *reader, uint64_t sequence, GError **error)
{
    if (named->children || named->array_size == 0 || named->index != NOT_A_CHILD ||
        named->state != JOB_FAILED)
        return true;
    named->children = g_malloc((size_t)named->array_size);
    memset(named->children, JOB_FAILED, (size_t)named->array_size);
    return store_reader_children(reader, sequence, take_child, take_range, named, error);
}

bool job_lookup_gather(JobLookup *lookup, StoreReader *reader, char **ret_error)
{
    for (guint i = 0; i < lookup->jobs->len; i++) {
        NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        if (named->final || (!named->gone && !job_state_final(named->state)))
            continue;
        g_autoptr(JobView) view = NULL;
        g_autoptr(GError) error = NULL;
        if (!job_view_load(reader, &named->id, named->index, -1, VIEW_ATTEMPTS, &view, &error)) {
            *ret_error = g_strdup(error->message);
            return false;
        }
        if (!view)
            continue;
        named_set(named, view->state, view->name, view->status_reason);
        named->final = job_state_final(view->state);
        named->array_size = view->array_size;
        named->exit_code = last_exit_code(view);
        if (lookup->with_children && !gather_children(named, reader, view->sequence, &error)) {
            *ret_error = g_strdup(error->message);
            return false;
        }
    }
    return true;
}

const char *job_lookup_unknown(const JobLookup *lookup, char ret_text[JOB_NAME_TEXT])
{
    for (guint i = 0; i < lookup->jobs->len; i++) {
        const NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        if (!named->known) {
            job_ref_text(&named->id, named->index, ret_text);
            return ret_text;
        }
    }
    return NULL;
}

static const NamedJob *job_lookup_find(const JobLookup *lookup, const JobId *id, int32_t index)
{
    for (guint i = 0; i < lookup->jobs->len; i++) {
        const NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        if (named->index == index && memcmp(&named->id, id, sizeof *id) == 0)
            return named;
    }
    return NULL;
}

bool job_lookup_has(const JobLookup *lookup, const JobId *id, int32_t index)
{
    return job_lookup_find(lookup, id, index) != NULL;
}

bool job_lookup_final_state(const JobId *id, int32_t index, JobState *ret_state, int32_t *ret_array_size,
                            void *data)
{
    const NamedJob *named = job_lookup_find(data, id, index), *whole = NULL;
    if (!named)
        named = whole = job_lookup_find(data, id, NOT_A_CHILD);
    if (!named || !named->final || (whole && (!whole->children || index < 0 || index >= whole->array_size)))
        return false;
    *ret_state = whole ? (JobState)whole->children[index] : named->state;
    *ret_array_size = named->array_size;
    return true;
}

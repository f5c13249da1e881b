/* peer.c: see peer.h. */
#include "reconciler/api/peer.h"
#include "reconciler/api/key.h"
#include "reconciler/world/job.h"

bool call_sees_queue(const Call *call, const char *queue)
{
    const json_t *queues = json_object_get(json_object_get(call->request, "peer"), "queues"), *item;
    size_t i;
    if (!queues)
        return true;
    json_array_foreach(queues, i, item)
    {
        char *const limit[] = {(char *)(uintptr_t)json_string_value(item), NULL};
        if (limit[0] && key_allows(limit, queue))
            return true;
    }
    return false;
}

const char *call_hidden_job(const Call *call, const World *world, const JobLookup *lookup,
                            char ret_text[JOB_NAME_TEXT])
{
    if (!json_object_get(json_object_get(call->request, "peer"), "queues"))
        return NULL;
    for (guint i = 0; i < lookup->jobs->len; i++) {
        const NamedJob *named = &g_array_index(lookup->jobs, NamedJob, i);
        const Job *job = world_job(world, &named->id);
        if (!job || call_sees_queue(call, job->queue->resource->name))
            continue;
        job_ref_text(&named->id, named->index, ret_text);
        return ret_text;
    }
    return NULL;
}

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

static void note(GPtrArray *notes, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void note(GPtrArray *notes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

char *peer_text(const json_t *peer)
{
    const char *user = json_string_value(json_object_get(peer, "user")),
               *key = json_string_value(json_object_get(peer, "key")),
               *subject = json_string_value(json_object_get(peer, "subject")),
               *by = json_string_value(json_object_get(peer, "by"));
    const json_t *uid = json_object_get(peer, "uid");
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    if (!user && json_is_integer(uid))
        return g_strdup_printf("uid %" JSON_INTEGER_FORMAT "%s", json_integer_value(uid),
                               by ? " on the web page" : "");
    if (json_is_integer(uid))
        note(notes, "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
    if (key)
        note(notes, "key %s", key);
    if (subject && g_strcmp0(subject, user) != 0)
        note(notes, "%s", subject);
    if (by)
        note(notes, strcmp(by, "web") == 0 ? "%s" : "web, by %s", by);
    g_ptr_array_add(notes, NULL);
    g_autofree char *all = g_strjoinv(", ", (char **)notes->pdata);
    if (!user)
        return g_strdup("somebody unknown");
    return *all ? g_strdup_printf("%s (%s)", user, all) : g_strdup(user);
}

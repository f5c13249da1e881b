#include "reconciler/api/job_event.h"
#include <string.h>

#define JOB_ID_LEN 36

/* Of the subject "job UUID" or "job UUID:INDEX", and of the range. */
static bool named_job(const EventRecord *event, JobId *ret_id)
{
    static const char front[] = "job ";
    size_t len = sizeof front - 1;
    if (event->subject.len < len + JOB_ID_LEN || memcmp(event->subject.data, front, len) != 0)
        return false;
    return job_id_from_text((View){event->subject.data + len, JOB_ID_LEN}, ret_id);
}

/* "RUNNING -> FAILED": what comes last. JOB_STATE_COUNT: none. */
static JobState state_after(const EventRecord *event)
{
    for (JobState state = 0; state < JOB_STATE_COUNT; state++) {
        const char *name = job_state_name(state);
        size_t len = strlen(name);
        if (event->message.len >= len &&
            memcmp(event->message.data + event->message.len - len, name, len) == 0)
            return state;
    }
    return JOB_STATE_COUNT;
}

/* It may have gone on since. */
static void set_status(json_t *detail, JobState state, JobState now)
{
    if (state == JOB_STATE_COUNT || state == now)
        return;
    json_object_set_new(detail, "status", json_string(job_state_name(state)));
    json_object_del(detail, "statusReason");
    if (!job_state_final(state))
        json_object_del(detail, "stoppedAt");
    if (state < JOB_RUNNING)
        json_object_del(detail, "startedAt");
}

json_t *job_event_detail(StoreReader *reader, const EventRecord *event)
{
    JobId id;
    g_autoptr(JobView) view = NULL;
    if (!named_job(event, &id) || !job_view_load(reader, &id, event->first, -1, VIEW_WHOLE, &view, NULL) ||
        !view)
        return NULL;
    json_t *detail = job_view_detail(view, event->at_ms);
    set_status(detail, state_after(event), view->state);
    json_t *tags = json_object_get(detail, "tags");
    tags = tags ? json_copy(tags) : json_object();
    json_object_set(tags, "resourceArn", json_object_get(detail, "jobArn"));
    json_object_set_new(detail, "tags", tags);
    if (event->last != event->first)
        json_object_set_new(json_object_get(detail, "arrayProperties"), "lastIndex",
                            json_integer(event->last));
    return detail;
}

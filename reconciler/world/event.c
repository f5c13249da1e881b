/* Events are rows that never change: they go straight into the batch being filled. */
#include "reconciler/world/job.h"

static void event_put(World *world, const EventRecord *event)
{
    EventRecord record = *event;
    record.sequence = ++world->event_sequence;
    batch_put_event(world_batch(world), &record);
}

void world_event(World *world, const char *type, const char *subject, const char *message, int64_t now_ms)
{
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = view_from(type),
                                    .subject = view_from(subject),
                                    .message = view_from(message),
                                    .first = NOT_A_CHILD,
                                    .last = NOT_A_CHILD});
}

uint64_t world_event_sequence(const World *world)
{
    return world->event_sequence;
}

/* "job UUID" or "job UUID:7". */
typedef struct {
    char text[64];
} EventSubject;

static EventSubject event_subject(const Job *job, int32_t index)
{
    EventSubject subject;
    char id[37];
    job_id_to_text(&job->id, id);
    if (index == NOT_A_CHILD)
        g_snprintf(subject.text, sizeof subject.text, "job %s", id);
    else
        g_snprintf(subject.text, sizeof subject.text, "job %s:%" G_GINT32_FORMAT, id, index);
    return subject;
}

void event_job(World *world, const Job *job, int32_t index, JobState from, JobState to, int64_t now_ms)
{
    EventSubject subject = event_subject(job, index);
    char message[64];
    g_snprintf(message, sizeof message, "%s -> %s", job_state_name(from), job_state_name(to));
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = VIEW("job.state"),
                                    .subject = view_from(subject.text),
                                    .message = view_from(message),
                                    .first = index,
                                    .last = index});
}

void event_range(World *world, const Job *job, int32_t first, int32_t last, const char *message,
                 int64_t now_ms)
{
    EventSubject subject = event_subject(job, NOT_A_CHILD);
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = VIEW("job.state"),
                                    .subject = view_from(subject.text),
                                    .message = view_from(message),
                                    .first = first,
                                    .last = last});
}

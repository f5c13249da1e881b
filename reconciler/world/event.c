/* Events are rows that never change: they go straight into the batch being filled. */
#include "reconciler/world/job.h"

static void event_put(World *world, const EventRecord *event)
{
    if (world->silent)
        return;
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

/* "job UUID" or "job UUID:7". Texts of job events are put together by hand: printing them was a third of what
 * a job's life cost. */
typedef struct {
    char text[64];
} EventSubject;

static char *text_append(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len + 1);
    return at + len;
}

static char *index_append(char *at, int32_t index)
{
    char digits[12];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    while (len > 0)
        *at++ = digits[--len];
    *at = '\0';
    return at;
}

static EventSubject event_subject(const Job *job, int32_t index)
{
    EventSubject subject;
    char *at = text_append(subject.text, "job ");
    job_id_to_text(&job->id, at);
    if (index != NOT_A_CHILD)
        index_append(text_append(at + 36, ":"), index);
    return subject;
}

void event_job(World *world, const Job *job, int32_t index, JobState from, JobState to, int64_t now_ms)
{
    if (world->silent)
        return;
    EventSubject subject = event_subject(job, index);
    char message[64];
    text_append(text_append(text_append(message, job_state_name(from)), " -> "), job_state_name(to));
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

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

void world_event_of(World *world, const EventOrigin *origin, const char *type, const char *subject,
                    const char *message, int64_t now_ms)
{
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = view_from(type),
                                    .subject = view_from(subject),
                                    .message = view_from(message),
                                    .first = NOT_A_CHILD,
                                    .last = NOT_A_CHILD,
                                    .source = view_from(origin->source),
                                    .revision = view_from(origin->revision),
                                    .details = view_from(origin->details)});
}

void world_event(World *world, const char *type, const char *subject, const char *message, int64_t now_ms)
{
    static const EventOrigin nobody = {0};
    world_event_of(world, &nobody, type, subject, message, now_ms);
}

/* An id is hexadecimal, and a summary is JSON already. */
char *event_plan_details(const char *plan_id, const char *summary)
{
    bool has_summary = summary && *summary && strcmp(summary, "{}") != 0;
    return g_strdup_printf("{\"planId\":\"%s\"%s%s}", plan_id, has_summary ? ",\"summary\":" : "",
                           has_summary ? summary : "");
}

uint64_t world_event_sequence(const World *world)
{
    return world->event_sequence;
}

/* "job UUID" or "job UUID:7". Texts of job events are put together by hand: printing them was a third of what
 * a job's life cost. */
typedef struct {
    char text[64];
    size_t len;
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
    at += 36;
    if (index != NOT_A_CHILD)
        at = index_append(text_append(at, ":"), index);
    subject.len = (size_t)(at - subject.text);
    return subject;
}

/* A run's: what is submitted by hand is nobody's. */
static View source_of(const Job *job)
{
    return view_from(job->run ? job->run->owner : NULL);
}

#define MOVE(from, to)                                                                                       \
    {                                                                                                        \
        from " -> " to, sizeof from " -> " to - 1                                                            \
    }
#define MOVES(from)                                                                                          \
    {                                                                                                        \
        MOVE(from, "SUBMITTED"), MOVE(from, "PENDING"), MOVE(from, "RUNNABLE"), MOVE(from, "STARTING"),      \
            MOVE(from, "RUNNING"), MOVE(from, "SUCCEEDED"), MOVE(from, "FAILED")                             \
    }
static const View move_texts[JOB_STATE_COUNT][JOB_STATE_COUNT] = {
    MOVES("SUBMITTED"), MOVES("PENDING"),   MOVES("RUNNABLE"), MOVES("STARTING"),
    MOVES("RUNNING"),   MOVES("SUCCEEDED"), MOVES("FAILED")};

void event_job(World *world, const Job *job, int32_t index, JobState from, JobState to, int64_t now_ms)
{
    if (world->silent)
        return;
    EventSubject subject = event_subject(job, index);
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = VIEW("job.state"),
                                    .subject = {subject.text, subject.len},
                                    .message = move_texts[from][to],
                                    .first = index,
                                    .last = index,
                                    .source = source_of(job)});
}

void event_range(World *world, const Job *job, int32_t first, int32_t last, const char *message,
                 int64_t now_ms)
{
    EventSubject subject = event_subject(job, NOT_A_CHILD);
    event_put(world, &(EventRecord){.at_ms = now_ms,
                                    .type = VIEW("job.state"),
                                    .subject = {subject.text, subject.len},
                                    .message = view_from(message),
                                    .first = first,
                                    .last = last,
                                    .source = source_of(job)});
}

#include "reconciler/provider/simulated/event_queue.h"
#include <glib.h>

#define DIGIT_BITS 6u

void event_queue_init(EventQueue *queue, int64_t now_ms)
{
    *queue = (EventQueue){.last_ms = now_ms, .next_ms = -1};
}

void event_queue_clear(EventQueue *queue)
{
    for (size_t level = 0; level < EVENT_LEVELS; level++)
        for (size_t digit = 0; digit < EVENT_DIGITS; digit++)
            g_free(queue->buckets[level][digit].events);
    *queue = (EventQueue){.next_ms = -1};
}

static unsigned digit_of(int64_t at_ms, unsigned level)
{
    return (unsigned)((uint64_t)at_ms >> (level * DIGIT_BITS)) & (EVENT_DIGITS - 1);
}

static void deal(EventQueue *queue, QueuedEvent event)
{
    uint64_t differs = (uint64_t)event.at_ms ^ (uint64_t)queue->last_ms;
    unsigned level = differs ? (63u - (unsigned)__builtin_clzll(differs)) / DIGIT_BITS : 0;
    unsigned digit = digit_of(event.at_ms, level);
    EventBucket *bucket = &queue->buckets[level][digit];
    if (bucket->len == bucket->max) {
        bucket->max = MAX(16, bucket->max * 2);
        bucket->events = g_renew(QueuedEvent, bucket->events, bucket->max);
    }
    bucket->events[bucket->len++] = event;
    queue->filled[level] |= UINT64_C(1) << digit;
}

void event_queue_put(EventQueue *queue, QueuedEvent event)
{
    event.at_ms = MAX(event.at_ms, queue->last_ms);
    deal(queue, event);
    queue->len++;
    if (queue->next_ms < 0 || event.at_ms < queue->next_ms)
        queue->next_ms = event.at_ms;
}

int64_t event_queue_next_ms(const EventQueue *queue)
{
    return queue->next_ms;
}

/* Where the next event lies. The queue is not empty. */
static void find_bucket(const EventQueue *queue, unsigned *ret_level, unsigned *ret_digit)
{
    unsigned level = 0;
    while (!queue->filled[level])
        level++;
    *ret_level = level;
    *ret_digit = (unsigned)__builtin_ctzll(queue->filled[level]);
}

/* Nothing is left at level 0: the next bucket is dealt out to the levels below it, which are empty. */
static void refill(EventQueue *queue, unsigned level, unsigned digit)
{
    EventBucket *bucket = &queue->buckets[level][digit];
    queue->filled[level] &= ~(UINT64_C(1) << digit);
    queue->last_ms = queue->next_ms;
    for (size_t i = 0; i < bucket->len; i++)
        deal(queue, bucket->events[i]);
    bucket->len = 0;
}

static int64_t find_next(const EventQueue *queue)
{
    unsigned level, digit;
    if (queue->len == 0)
        return -1;
    find_bucket(queue, &level, &digit);
    const EventBucket *bucket = &queue->buckets[level][digit];
    int64_t next_ms = bucket->events[bucket->head].at_ms;
    for (size_t i = bucket->head + 1; level > 0 && i < bucket->len; i++)
        next_ms = MIN(next_ms, bucket->events[i].at_ms);
    return next_ms;
}

bool event_queue_take(EventQueue *queue, int64_t until_ms, QueuedEvent *ret_event)
{
    unsigned level, digit;
    if (queue->next_ms < 0 || queue->next_ms > until_ms)
        return false;
    find_bucket(queue, &level, &digit);
    if (level > 0) {
        refill(queue, level, digit);
        digit = digit_of(queue->last_ms, 0);
    }
    EventBucket *bucket = &queue->buckets[0][digit]; /* all of one time */
    *ret_event = bucket->events[bucket->head++];
    queue->last_ms = ret_event->at_ms;
    queue->len--;
    if (bucket->head == bucket->len) {
        bucket->head = bucket->len = 0;
        queue->filled[0] &= ~(UINT64_C(1) << digit);
    }
    queue->next_ms = find_next(queue);
    return true;
}

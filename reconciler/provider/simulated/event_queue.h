/* event_queue.h: what happens next in virtual time.
 * Owns:   its events, in buckets that only grow: nothing is allocated per event.
 * Calls:  GLib's memory only. No clock.
 * Holds:  events come out by time, those of one time in the order in which they were put in: the same on
 * every machine. Time never goes back: what is put in for before the last event taken out comes at that
 * event's time.
 *
 * A radix heap with digits of 6 bits: level k holds what differs from the last time taken out in digit k and
 * in none above, in a bucket for each value of that digit. An event only ever moves to lower levels, a bucket
 * at a time and in sequence, so a queue of millions stays as fast as memory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t at_ms;
    uint32_t what, generation; /* the caller's */
} QueuedEvent;

#define EVENT_LEVELS 11
#define EVENT_DIGITS 64
typedef struct {
    QueuedEvent *events;
    size_t head, len, max; /* head: only at level 0 is one taken out after the other */
} EventBucket;

typedef struct {
    EventBucket buckets[EVENT_LEVELS][EVENT_DIGITS];
    uint64_t filled[EVENT_LEVELS]; /* bit d: the bucket of digit d has events */
    int64_t last_ms, next_ms;
    size_t len;
} EventQueue;

void event_queue_init(EventQueue *queue, int64_t now_ms);
void event_queue_clear(EventQueue *queue);
void event_queue_put(EventQueue *queue, QueuedEvent event);
/* When the next one is due; -1: there is none. */
int64_t event_queue_next_ms(const EventQueue *queue);
/* The next one that is due by until_ms; false: none. */
bool event_queue_take(EventQueue *queue, int64_t until_ms, QueuedEvent *ret_event);

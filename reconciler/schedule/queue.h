/* queue.h: the order in which runnable work is looked at.
 * Owns:   nothing; the heap lives in the caller's Arena.
 * Calls:  world/ (reading only).
 * Holds:  queues by priority; queues of equal priority together, retried work first, then by submission. Work
 * of one shape and queue is one cursor: when its first item does not fit, none of it is looked at again, so
 * the cost follows placements and shapes, not the length of a queue. */
#pragma once
#include "reconciler/schedule/schedule.h"

/* Where one group of equal work stands. */
typedef struct {
    Queue *queue;
    const RunnableGroup *group;
    RunnableItem item;
    uint64_t front;
    const void *at;
} GroupCursor;

/* A heap of cursors, the next one first. */
typedef struct {
    GroupCursor *cursors;
    size_t len;
} GroupHeap;

/* All groups of queues[0..len). */
void group_heap_init(GroupHeap *heap, Queue *const *queues, size_t len, Arena *arena);
/* The cursor whose item comes next, or NULL. Its item may be placed; then advance, else drop. */
GroupCursor *group_heap_first(GroupHeap *heap);
void group_heap_advance(GroupHeap *heap);
void group_heap_drop(GroupHeap *heap);

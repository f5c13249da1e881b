#include "reconciler/schedule/queue.h"

/* Totally ordered: an item is in one group only, and (job, index) names it. */
static bool cursor_before(const GroupCursor *a, const GroupCursor *b)
{
    if (a->front != b->front)
        return a->front > b->front;
    if (a->item.job->sequence != b->item.job->sequence)
        return a->item.job->sequence < b->item.job->sequence;
    return a->item.index < b->item.index;
}

static void sift_down(GroupHeap *heap, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->len)
            return;
        if (child + 1 < heap->len && cursor_before(&heap->cursors[child + 1], &heap->cursors[child]))
            child++;
        if (!cursor_before(&heap->cursors[child], &heap->cursors[at]))
            return;
        GroupCursor swap = heap->cursors[at];
        heap->cursors[at] = heap->cursors[child];
        heap->cursors[child] = swap;
        at = child;
    }
}

static size_t groups_count(Queue *const *queues, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        for (const RunnableGroup *group = runnable_group_next(queues[i], NULL); group;
             group = runnable_group_next(queues[i], group))
            count++;
    return count;
}

void group_heap_init(GroupHeap *heap, Queue *const *queues, size_t len, Arena *arena)
{
    size_t count = groups_count(queues, len);
    *heap = (GroupHeap){.cursors = count > 0 ? arena_new0_n(arena, GroupCursor, count) : NULL};
    for (size_t i = 0; i < len; i++)
        for (const RunnableGroup *group = runnable_group_next(queues[i], NULL); group;
             group = runnable_group_next(queues[i], group)) {
            GroupCursor *cursor = &heap->cursors[heap->len];
            *cursor = (GroupCursor){.queue = queues[i], .group = group};
            if (runnable_group_item(group, &cursor->at, &cursor->item, &cursor->front))
                heap->len++;
        }
    for (size_t at = heap->len / 2; at > 0; at--)
        sift_down(heap, at - 1);
}

GroupCursor *group_heap_first(GroupHeap *heap)
{
    return heap->len > 0 ? &heap->cursors[0] : NULL;
}

/* The next child of the same array keeps its place; anything else may have to give way to another group. */
void group_heap_advance(GroupHeap *heap)
{
    GroupCursor *cursor = &heap->cursors[0];
    if (--cursor->item.runnable > 0) {
        cursor->item.index = job_next_runnable(cursor->item.job, cursor->item.index + 1);
        if (cursor->item.index != NOT_A_CHILD)
            return;
    }
    if (runnable_group_item(cursor->group, &cursor->at, &cursor->item, &cursor->front))
        sift_down(heap, 0);
    else
        group_heap_drop(heap);
}

void group_heap_drop(GroupHeap *heap)
{
    heap->cursors[0] = heap->cursors[--heap->len];
    sift_down(heap, 0);
}

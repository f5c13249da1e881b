/* limit.c: jobStateTimeLimitActions: a head that is blocked for too long is cancelled (batch: "Blocked
 * queues"). Since when which head is blocked by what is noted ("blocked QUEUE": sequence, index, reason,
 * since when), so that a restart goes on counting. */
#include "reconciler/schedule/pass.h"

static RunnableGroup *queue_head(const Queue *queue, bool parked)
{
    RunnableGroup *head = NULL;
    for (const Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        RunnableGroup *group =
            parked ? share_parked_next(share, NULL) : share_group_next(share, NULL, NULL, NULL);
        if (group && (!head || group->front > head->front ||
                      (group->front == head->front && group->sequence < head->sequence)))
            head = group;
    }
    return head;
}

/* Of a head that can run some day: what keeps all its environments from getting instances. */
static BlockedReason waiting_reason(Pass *pass, const QueueWalk *walk, const RunnableGroup *group)
{
    BlockedReason reason = BLOCKED_NONE;
    if (!pass->options->trouble || !walk)
        return BLOCKED_NONE;
    for (size_t i = 0; i < walk->rooms_len; i++) {
        Room *room = walk->rooms[i];
        if (!room || !room_suits(pass, room, group->kind))
            continue;
        BlockedReason trouble = pass->options->trouble(room->environment, pass->options->data);
        if (trouble == BLOCKED_NONE || (reason != BLOCKED_NONE && reason != trouble))
            return BLOCKED_NONE;
        reason = trouble;
    }
    return reason;
}

static bool was_placed(const Pass *pass, const RunnableGroup *group)
{
    for (size_t i = 0; i < pass->decisions->placements_len; i++)
        if (pass->decisions->placements[i].job->sequence == group->sequence)
            return true;
    return false;
}

static const Parked *was_parked(const Pass *pass, const RunnableGroup *group)
{
    for (size_t i = 0; i < pass->decisions->parked_len; i++)
        if (pass->decisions->parked[i].group == group)
            return &pass->decisions->parked[i];
    return NULL;
}

static BlockedReason head_reason(Pass *pass, const QueueWalk *walk, const RunnableGroup *head)
{
    const Parked *parked = was_parked(pass, head);
    if (head->parked)
        return head->blocked;
    if (parked)
        return parked->blocked;
    return was_placed(pass, head) ? BLOCKED_NONE : waiting_reason(pass, walk, head);
}

static const StateTimeLimit *limit_for(const JobQueueSpec *spec, BlockedReason reason)
{
    for (size_t i = 0; i < spec->time_limits_len && reason != BLOCKED_NONE; i++)
        if (spec->time_limits[i].reason == reason)
            return &spec->time_limits[i];
    return NULL;
}

static void cancel(Pass *pass, RunnableGroup *head, BlockedReason reason)
{
    Decisions *decisions = pass->decisions;
    const void *at = NULL;
    RunnableItem item;
    uint64_t front;
    if (!runnable_group_item(head, &at, &item, &front))
        return;
    g_autofree char *text = g_strdup_printf("Canceled by JobStateTimeLimit action due to reason: %s",
                                            blocked_reason_code(reason));
    decisions->cancels = pass_grow(pass, decisions->cancels, decisions->cancels_len, &pass->cancels_max,
                                   sizeof *decisions->cancels);
    decisions->cancels[decisions->cancels_len++] =
        (Cancel){item.job, item.index, reason, arena_strndup(pass->arena, text, strlen(text))};
}

void limits_run(Pass *pass, Queue *queue, const QueueWalk *walk)
{
    enum { SEQUENCE, INDEX, REASON, SINCE, LEN };
    const char *name = queue->resource->name;
    if (queue->spec->time_limits_len == 0)
        return;
    RunnableGroup *parked = queue_head(queue, true), *head = queue_head(queue, false);
    if (!head || (parked && (parked->front > head->front ||
                             (parked->front == head->front && parked->sequence < head->sequence))))
        head = parked;
    BlockedReason reason = head ? head_reason(pass, walk, head) : BLOCKED_NONE;
    const StateTimeLimit *limit = limit_for(queue->spec, reason);
    if (!limit) {
        note_clear(pass->world, "blocked", name);
        return;
    }
    const void *at = NULL;
    RunnableItem item;
    uint64_t front;
    runnable_group_item(head, &at, &item, &front);
    int64_t noted[LEN] = {0}, now[LEN] = {(int64_t)item.job->sequence, item.index, reason, pass->now_ms};
    if (!note_read(pass->world, "blocked", name, noted, LEN) ||
        memcmp(noted, now, SINCE * sizeof *noted) != 0) {
        note_write(pass->world, "blocked", name, now, LEN);
        memcpy(noted, now, sizeof noted);
    }
    if (pass->now_ms - noted[SINCE] >= limit->max_ms)
        cancel(pass, head, reason);
    else
        pass->decisions->wake_ms = MIN(pass->decisions->wake_ms, noted[SINCE] + limit->max_ms);
}

#include "reconciler/schedule/schedule.h"
#include "reconciler/schedule/place.h"
#include "reconciler/schedule/queue.h"

/* A job that only waits for the machine and was submitted so long ago is no longer overtaken: what is free is
 * kept for it. Without this a stream of small jobs would keep a large one waiting for ever. Until then what
 * fits may pass (batch: "Head-of-line blocking"). */
#define HOLD_AFTER_MS (10 * 60 * 1000)

typedef struct {
    Room room;
    Decisions *decisions;
    size_t max, placements_max, reasons_max;
    int64_t now_ms;
    Arena *arena;
} Pass;

/* Arena blocks do not grow in place; doubling keeps the copies at twice the result. */
static void *grow(Arena *arena, void *old, size_t len, size_t *max, size_t size)
{
    if (len < *max)
        return old;
    *max = *max ? 2 * *max : 64;
    void *grown = arena_alloc(arena, *max * size);
    if (len > 0)
        memcpy(grown, old, len * size);
    return grown;
}

static void pass_place(Pass *pass, const GroupCursor *cursor, Environment *environment)
{
    Decisions *decisions = pass->decisions;
    decisions->placements = grow(pass->arena, decisions->placements, decisions->placements_len,
                                 &pass->placements_max, sizeof *decisions->placements);
    decisions->placements[decisions->placements_len++] =
        (Placement){cursor->item.job, cursor->item.index, environment};
}

static void pass_explain(Pass *pass, const GroupCursor *cursor, PlaceResult result)
{
    Decisions *decisions = pass->decisions;
    JobTemplate *template = cursor->item.job->template;
    decisions->reasons = grow(pass->arena, decisions->reasons, decisions->reasons_len, &pass->reasons_max,
                              sizeof *decisions->reasons);
    decisions->reasons[decisions->reasons_len++] =
        (WaitingReason){cursor->queue, template, place_reason(&pass->room, cursor->queue, template, result)};
}

static void pass_hold(Pass *pass, const GroupCursor *cursor)
{
    const Job *job = cursor->item.job;
    if (pass->now_ms - job->created_ms >= HOLD_AFTER_MS &&
        place_wants_machine(&pass->room, cursor->queue, job->template))
        pass->room.held = true;
}

/* Queues of one priority. Work whose first item does not fit leaves the pass: the rest of its group needs the
 * same. */
static void pass_level(Pass *pass, Queue *const *queues, size_t len)
{
    GroupHeap heap;
    group_heap_init(&heap, queues, len, pass->arena);
    for (GroupCursor *cursor = group_heap_first(&heap); cursor && pass->decisions->placements_len < pass->max;
         cursor = group_heap_first(&heap)) {
        Environment *environment = NULL;
        PlaceResult result = place_find(&pass->room, cursor->queue, cursor->item.job->template, &environment);
        if (result == PLACE_NOW) {
            pass_place(pass, cursor, environment);
            group_heap_advance(&heap);
        } else {
            pass_explain(pass, cursor, result);
            pass_hold(pass, cursor);
            group_heap_drop(&heap);
        }
    }
}

void schedule_run(const World *world, size_t max, int64_t now_ms, Arena *arena, Decisions *ret_decisions)
{
    size_t len;
    *ret_decisions = (Decisions){0};
    if (world_runnable_len(world) == 0)
        return;
    Pass pass = {.decisions = ret_decisions, .max = max, .now_ms = now_ms, .arena = arena};
    room_init(&pass.room, world, arena);
    Queue *const *queues = world_queues(world, &len);
    for (size_t first = 0, next; first < len && ret_decisions->placements_len < max; first = next) {
        for (next = first + 1; next < len && queues[next]->spec->priority == queues[first]->spec->priority;
             next++)
            ;
        pass_level(&pass, queues + first, next - first);
    }
}

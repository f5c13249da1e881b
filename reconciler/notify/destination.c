#include "reconciler/notify/destination.h"

static void pending_free(void *data)
{
    PendingEvent *event = data;
    g_free(event->key);
    g_free(event);
}

void destination_init(Destination *destination, const DestinationLimits *limits, uint64_t position,
                      const DestinationCounts *counts, uint64_t seed)
{
    *destination =
        (Destination){.limits = *limits, .scanned = position, .counts = *counts, .rng = rng_from_seed(seed)};
    g_queue_init(&destination->pending);
}

void destination_clear(Destination *destination)
{
    g_queue_clear_full(&destination->pending, pending_free);
    g_clear_pointer(&destination->error, g_free);
}

/* ---- what waits ---- */

static GList *first_droppable(Destination *destination)
{
    GList *first = destination->pending.head;
    return destination->is_under_way && first ? first->next : first;
}

static void remove_at(Destination *destination, GList *link)
{
    pending_free(link->data);
    g_queue_delete_link(&destination->pending, link);
}

static void drop(Destination *destination, GList *link)
{
    const PendingEvent *event = link->data;
    if (event->is_quiet)
        destination->counts.given_up_quietly++;
    else
        destination->counts.dropped++;
    destination->is_news = true;
    remove_at(destination, link);
}

/* Only what the newest says matters. There is at most one: it replaced the one before it. */
static void remove_needless(Destination *destination, const char *key)
{
    GList *next;
    for (GList *link = first_droppable(destination); link; link = next) {
        next = link->next;
        if (g_strcmp0(((PendingEvent *)link->data)->key, key) == 0)
            remove_at(destination, link);
    }
}

void destination_add(Destination *destination, uint64_t sequence, int64_t at_ms, bool is_quiet, char *key)
{
    PendingEvent *event = g_new(PendingEvent, 1);
    *event = (PendingEvent){sequence, at_ms, is_quiet, key};
    if (key)
        remove_needless(destination, key);
    g_queue_push_tail(&destination->pending, event);
    destination->scanned = sequence;
    GList *oldest = first_droppable(destination);
    if (g_queue_get_length(&destination->pending) > (guint)destination->limits.max_pending &&
        oldest != destination->pending.tail)
        drop(destination, oldest);
}

void destination_scanned(Destination *destination, uint64_t sequence, uint64_t lost)
{
    destination->scanned = MAX(destination->scanned, sequence);
    destination->counts.dropped += lost;
    destination->is_news = destination->is_news || lost > 0;
}

void destination_expire(Destination *destination, int64_t wall_ms)
{
    GList *next;
    for (GList *link = first_droppable(destination); link; link = next) {
        const PendingEvent *event = link->data;
        next = link->next;
        if (wall_ms - event->at_ms <= destination->limits.max_age_ms)
            return; /* those behind it are younger */
        drop(destination, link);
    }
}

uint64_t destination_position(const Destination *destination)
{
    const PendingEvent *first = g_queue_peek_head((GQueue *)(uintptr_t)&destination->pending);
    return first ? first->sequence - 1 : destination->scanned;
}

/* ---- trying ---- */

bool destination_next(Destination *destination, int64_t now_ms, uint64_t *ret_sequence, int64_t *ret_at_ms)
{
    const PendingEvent *first = g_queue_peek_head(&destination->pending);
    *ret_at_ms = -1;
    if (!first || destination->is_under_way)
        return false;
    if (now_ms < destination->next_ms) {
        *ret_at_ms = destination->next_ms;
        return false;
    }
    destination->is_under_way = true;
    *ret_sequence = first->sequence;
    return true;
}

/* Receivers that come back are not met by everybody at once. */
static int64_t delay_of(Destination *destination)
{
    unsigned doublings = MIN(destination->tries - 1, 16u);
    int64_t delay_ms = MIN((int64_t)DESTINATION_DELAY_MS << doublings, DESTINATION_DELAY_MAX_MS);
    return delay_ms - (int64_t)rng_below(&destination->rng, (uint64_t)delay_ms / 2 + 1);
}

static void set_error(Destination *destination, const char *error)
{
    char *copy = g_strdup(error);
    g_free(destination->error);
    destination->error = copy;
}

static void retry(Destination *destination, int64_t asked_ms, int64_t now_ms, int64_t wall_ms)
{
    destination->tries++;
    int64_t delay_ms = MAX(delay_of(destination), MIN(asked_ms, DESTINATION_ASKED_MAX_MS));
    destination->next_ms = now_ms + delay_ms;
    if (!destination->failing_since_ms)
        destination->failing_since_ms = wall_ms;
}

void destination_result(Destination *destination, DeliveryOutcome outcome, int64_t asked_ms,
                        const char *error, int64_t now_ms, int64_t wall_ms)
{
    GList *first = destination->pending.head;
    g_assert(destination->is_under_way && first);
    destination->is_under_way = false;
    destination->is_news = true;
    set_error(destination, error);
    if (outcome == DELIVERY_RETRY) {
        retry(destination, asked_ms, now_ms, wall_ms);
        return;
    }
    if (outcome == DELIVERY_DONE)
        destination->counts.delivered++;
    else if (((PendingEvent *)first->data)->is_quiet)
        destination->counts.given_up_quietly++;
    else
        destination->counts.given_up++;
    destination->tries = 0;
    destination->failing_since_ms = 0;
    destination->next_ms = now_ms + destination->limits.gap_ms;
    remove_at(destination, first);
}

void destination_forget_try(Destination *destination)
{
    destination->is_under_way = false;
}

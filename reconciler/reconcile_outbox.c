/* reconcile_outbox.c: how destinations of the outbox stand, each kept in a setting, so that whoever comes
 * next goes on there and `status` tells it without a daemon. */
#include "reconciler/reconcile_internal.h"

#define UNREACHABLE_TRIES 3     /* one failure is nothing that anybody has to be told of */
#define DROPPED_TELL_MS   60000 /* at most so often is told that events were dropped */

const char *installation_name(Reconciler *reconciler)
{
    uint64_t number;
    const char *named = world_setting(reconciler->world, INSTALLATION_SETTING);
    if (named)
        return named;
    reconciler->ports.entropy.fill(reconciler->ports.entropy.self, &number, sizeof number);
    g_autofree char *text = g_strdup_printf("%016" G_GINT64_MODIFIER "x", number);
    world_set_setting(reconciler->world, INSTALLATION_SETTING, text);
    return world_setting(reconciler->world, INSTALLATION_SETTING);
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)MAX(json_integer_value(json_object_get(object, name)), 0);
}

static void tell(Reconciler *reconciler, const OutboxReport *report, const char *type, const char *text)
{
    g_autofree char *subject = g_strdup_printf("destination %s", report->name);
    world_event(reconciler->world, type, subject, text, reconciler->now_ms);
    LogEntry entry = {.destination = report->name};
    entry.level = strcmp(type, "notify.reached") == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    reconciler_tell(reconciler, entry, "%s: %s", subject, text);
}

/* Whether it is reached: told when it has not been for a while, and when it is again. */
static bool tell_reached(Reconciler *reconciler, const OutboxReport *report, bool was_unreachable)
{
    if (!was_unreachable && report->failing_since_ms && report->tries >= UNREACHABLE_TRIES) {
        g_autofree char *text = g_strdup_printf("%s; events wait and are sent again (%u tries so far)",
                                                report->error ? report->error : "", report->tries);
        tell(reconciler, report, "notify.unreachable", text);
        return true;
    }
    if (was_unreachable && !report->failing_since_ms) {
        tell(reconciler, report, "notify.reached", "");
        return false;
    }
    return was_unreachable;
}

/* The first of events that it refuses one after the other. */
static bool tell_given_up(Reconciler *reconciler, const OutboxReport *report, const json_t *before)
{
    uint64_t old = number_of(before, "givenUp");
    bool was = json_is_true(json_object_get(before, "refuses"));
    bool more = report->counts.given_up > old;
    if (more && !was) {
        g_autofree char *text = g_strdup_printf("given up: %s", report->error ? report->error : "refused");
        tell(reconciler, report, "notify.failed", text);
    }
    return more || (was && report->counts.delivered == number_of(before, "delivered"));
}

/* Gives up to how many were told; *told_ms: when. */
static uint64_t tell_dropped(Reconciler *reconciler, const OutboxReport *report, uint64_t told,
                             int64_t *told_ms)
{
    uint64_t dropped = report->counts.dropped;
    if (dropped <= told || (*told_ms && reconciler->now_ms - *told_ms < DROPPED_TELL_MS))
        return told;
    g_autofree char *text = g_strdup_printf(
        "%" G_GUINT64_FORMAT " events dropped: they were too old, or too many waited", dropped - told);
    tell(reconciler, report, "notify.dropped", text);
    *told_ms = reconciler->now_ms;
    return dropped;
}

static json_t *state_of(Reconciler *reconciler, const OutboxReport *report, const json_t *before)
{
    json_t *state = json_object();
    int64_t told_ms = (int64_t)number_of(before, "droppedToldAt");
    bool is_unreachable =
        tell_reached(reconciler, report, json_is_true(json_object_get(before, "unreachable")));
    bool refuses = tell_given_up(reconciler, report, before);
    uint64_t told = tell_dropped(reconciler, report, number_of(before, "droppedTold"), &told_ms);
    bool has_delivered = report->counts.delivered > number_of(before, "delivered");
    json_set_text(state, "kind", report->kind);
    json_set_text(state, "place", report->place);
    json_set_number(state, "position", (int64_t)report->position);
    json_set_number(state, "pending", (int64_t)report->pending);
    json_set_number(state, "delivered", (int64_t)report->counts.delivered);
    json_set_number(state, "givenUp", (int64_t)report->counts.given_up);
    json_set_number(state, "givenUpQuietly", (int64_t)report->counts.given_up_quietly);
    json_set_number(state, "dropped", (int64_t)report->counts.dropped);
    json_set_number(state, "droppedTold", (int64_t)told);
    json_set_time(state, "droppedToldAt", told_ms);
    json_set_time(state, "deliveredAt",
                  has_delivered ? reconciler->now_ms : (int64_t)number_of(before, "deliveredAt"));
    json_set_time(state, "failingSince", report->failing_since_ms);
    json_set_time(state, "tries", report->tries);
    json_set_text(state, "error", report->error);
    if (is_unreachable)
        json_object_set_new(state, "unreachable", json_true());
    if (refuses)
        json_object_set_new(state, "refuses", json_true());
    return state;
}

static void keep(Reconciler *reconciler, const OutboxReport *report)
{
    g_autofree char *name = g_strconcat(OUTBOX_SETTING, report->name, NULL);
    const char *value = world_setting(reconciler->world, name);
    if (report->is_gone) {
        if (value)
            world_set_setting(reconciler->world, name, NULL);
        return;
    }
    json_t *before = value ? json_loads(value, 0, NULL) : NULL;
    json_t *state = state_of(reconciler, report, before);
    char *text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
    if (!value || strcmp(value, text) != 0)
        world_set_setting(reconciler->world, name, text);
    free(text);
    json_decref(state);
    json_decref(before);
}

void reconciler_outbox(Reconciler *reconciler, const OutboxReport *reports, size_t len)
{
    if (reconciler->fault || reconciler->reload)
        return; /* the next report says it again */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    installation_name(reconciler);
    for (size_t i = 0; i < len; i++)
        keep(reconciler, &reports[i]);
    reconciler_wake(reconciler);
}

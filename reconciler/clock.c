/* clock.c: CLOCK_REALTIME for the tick, one timer for its next turn. */
#include "reconciler/clock.h"

struct Clock {
    GSource *source;
    ClockTick tick;
    void *data;
};

static gboolean clock_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Clock *clock = data;
    (void)callback;
    g_source_set_ready_time(source, -1);
    clock->tick(clock->data);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs clock_funcs = {.dispatch = clock_dispatch};

static gboolean clock_never(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

Clock *clock_new(ClockTick tick, void *data)
{
    Clock *clock = g_new0(Clock, 1);
    clock->tick = tick;
    clock->data = data;
    clock->source = g_source_new(&clock_funcs, sizeof(GSource));
    g_source_set_callback(clock->source, clock_never, clock, NULL);
    g_source_set_ready_time(clock->source, -1);
    g_source_attach(clock->source, g_main_context_get_thread_default());
    return clock;
}

void clock_stop(Clock *clock)
{
    g_source_destroy(clock->source);
}

void clock_free(Clock *clock)
{
    if (!clock)
        return;
    g_source_destroy(clock->source);
    g_source_unref(clock->source);
    g_free(clock);
}

static int64_t clock_now_ms(void *self)
{
    (void)self;
    return g_get_real_time() / 1000;
}

static void clock_wake_at(void *self, int64_t at_ms)
{
    Clock *clock = self;
    if (at_ms <= 0) {
        g_source_set_ready_time(clock->source, at_ms);
        return;
    }
    int64_t delay_ms = MAX(at_ms - clock_now_ms(self), 0);
    /* The wall clock counts whole milliseconds: a turn that came early would see its deadline ahead and spin.
     */
    g_source_set_ready_time(clock->source, g_get_monotonic_time() + (delay_ms + 1) * 1000);
}

int64_t clock_us(void)
{
    return g_get_monotonic_time();
}

static int64_t clock_monotonic_us(void *self)
{
    (void)self;
    return clock_us();
}

ClockPort clock_port(Clock *clock)
{
    return (ClockPort){
        .now_ms = clock_now_ms, .wake_at = clock_wake_at, .monotonic_us = clock_monotonic_us, .self = clock};
}

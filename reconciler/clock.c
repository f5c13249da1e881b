/* clock.c: CLOCK_REALTIME for the tick, one timer for its next turn. The timer goes by the wall clock, and
 * ends too when that is set: whatever is due by then is found due, and what is not is waited for anew. */
#include "reconciler/clock.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct Clock {
    GSource *source;
    ClockTick tick;
    void *data;
    int timer;
    int64_t at_ms; /* the timer is set for; 0: it is not */
};

static void clock_set(Clock *clock, int64_t at_ms)
{
    if (clock->at_ms == at_ms)
        return;
    struct itimerspec when = {.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000}};
    timerfd_settime(clock->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
    clock->at_ms = at_ms;
}

static gboolean clock_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Clock *clock = data;
    uint64_t times;
    (void)callback;
    g_source_set_ready_time(source, -1);
    /* ECANCELED, when the clock was set, is as good as its time. */
    if (clock->at_ms && (read(clock->timer, &times, sizeof times) > 0 || errno != EAGAIN))
        clock_set(clock, 0);
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
    clock->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock->timer < 0)
        g_error("timerfd_create: %s", g_strerror(errno));
    g_source_add_unix_fd(clock->source, clock->timer, G_IO_IN);
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
    close(clock->timer);
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
    g_source_set_ready_time(clock->source, at_ms == 0 ? 0 : -1);
    clock_set(clock, MAX(at_ms, 0));
}

int64_t clock_ms(void)
{
    return g_get_real_time() / 1000;
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

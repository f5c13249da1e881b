#include "reconciler/loop_meter.h"
#include "reconciler/clock.h"

/* A poll function gets no data of its own; a context is run by one thread. */
static _Thread_local LoopMeter *current;

static gint metered_poll(GPollFD *fds, guint len, gint timeout_ms)
{
    LoopMeter *meter = current;
    int64_t busy_us = meter->woken_us ? clock_us() - meter->woken_us : 0;
    meter->longest_us = MAX(meter->longest_us, busy_us);
    meter->over += busy_us > LOOP_BUSY_MAX_US;
    gint ready = g_poll(fds, len, timeout_ms);
    meter->woken_us = clock_us();
    return ready;
}

void loop_meter_start(LoopMeter *meter, GMainContext *context)
{
    current = meter;
    g_main_context_set_poll_func(context, metered_poll);
}

/* virtual_time.h: a clock that stands still until nothing else is to be done, and then jumps to what is due
 * next: for tests of what waits on a main context. Whatever waits there has to wait for a source made here.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    GMainContext *context;
    int64_t now_ms;
    uint64_t last_order;
    GList *sources; /* of VirtualSource, alive */
} VirtualTime;

typedef struct {
    GSource source;
    VirtualTime *time;
    int64_t due_ms;
    uint64_t order;
} VirtualSource;

static inline bool virtual_is_next(const VirtualSource *source)
{
    for (const GList *at = source->time->sources; at; at = at->next) {
        const VirtualSource *other = at->data;
        if (other->due_ms < source->due_ms ||
            (other->due_ms == source->due_ms && other->order < source->order))
            return false;
    }
    return true;
}

static inline gboolean virtual_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return virtual_is_next((VirtualSource *)source);
}

static inline gboolean virtual_dispatch(GSource *base, GSourceFunc callback, void *data)
{
    VirtualSource *source = (VirtualSource *)base;
    source->time->now_ms = MAX(source->time->now_ms, source->due_ms);
    source->time->sources = g_list_remove(source->time->sources, source);
    callback(data);
    return G_SOURCE_REMOVE;
}

static inline void virtual_finalize(GSource *base)
{
    VirtualSource *source = (VirtualSource *)base;
    source->time->sources = g_list_remove(source->time->sources, source);
}

/* Runs once after so long; not attached. */
static inline GSource *virtual_timer(VirtualTime *time, int64_t after_ms)
{
    static GSourceFuncs funcs = {
        .prepare = virtual_prepare, .dispatch = virtual_dispatch, .finalize = virtual_finalize};
    GSource *base = g_source_new(&funcs, sizeof(VirtualSource));
    VirtualSource *source = (VirtualSource *)base;
    source->time = time;
    source->due_ms = time->now_ms + after_ms;
    source->order = ++time->last_order;
    time->sources = g_list_append(time->sources, source);
    return base;
}

/* The source is borrowed, and of use while it waits. */
static inline GSource *virtual_after(VirtualTime *time, int64_t after_ms, GSourceFunc run, void *data)
{
    GSource *source = virtual_timer(time, after_ms);
    g_source_set_callback(source, run, data, NULL);
    g_source_attach(source, time->context);
    g_source_unref(source);
    return source;
}

/* Until nothing is due any more. */
static inline void virtual_run(VirtualTime *time)
{
    while (time->sources)
        g_main_context_iteration(time->context, FALSE);
}

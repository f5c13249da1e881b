#include "spec/base/aside.h"

struct Aside {
    GMainContext *context;
    GThreadPool *pool;    /* of one thread */
    GAsyncQueue *results; /* of Task*: worked on */
};

typedef struct {
    void (*work)(void *data);
    void (*done)(void *data);
    void *data;
} Task;

static void clear(void *data)
{
    Aside *aside = data;
    g_async_queue_unref(aside->results);
    g_main_context_unref(aside->context);
}

static void release(void *aside)
{
    g_atomic_rc_box_release_full(aside, clear);
}

/* What is called may free what calls it: each source holds a reference. */
static gboolean hand_over(gpointer user_data)
{
    Aside *aside = user_data;
    for (Task *task; (task = g_async_queue_try_pop(aside->results));) {
        task->done(task->data);
        g_free(task);
    }
    return G_SOURCE_REMOVE;
}

/* On the thread. */
static void work(void *data, void *user_data)
{
    Task *task = data;
    Aside *aside = user_data;
    task->work(task->data);
    g_async_queue_push(aside->results, task);
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, hand_over, g_atomic_rc_box_acquire(aside), release);
    g_source_attach(source, aside->context);
}

Aside *aside_new(GMainContext *context)
{
    Aside *aside = g_atomic_rc_box_new0(Aside);
    aside->context = g_main_context_ref(context);
    aside->results = g_async_queue_new();
    aside->pool = g_thread_pool_new(work, aside, 1, FALSE, NULL);
    return aside;
}

void aside_run(Aside *aside, void (*work_func)(void *data), void (*done)(void *data), void *data)
{
    Task *task = g_new0(Task, 1);
    *task = (Task){work_func, done, data};
    g_thread_pool_push(aside->pool, task, NULL);
}

void aside_free(Aside *aside)
{
    GSource *source;
    if (!aside)
        return;
    g_thread_pool_free(aside->pool, FALSE, TRUE);
    hand_over(aside);
    while ((source = g_main_context_find_source_by_user_data(aside->context, aside)))
        g_source_destroy(source);
    release(aside);
}

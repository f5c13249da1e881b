/* worker.c: a queue, a thread, and the way back. */
#include "reconciler/worker.h"

typedef struct {
    PortWork work; /* NULL: end */
    PortDone done;
    void *data;
} WorkItem;

struct Worker {
    GThread *thread; /* started with the first item */
    GAsyncQueue *queue;
    GMainContext *context;
    char *name;
};

static gboolean item_done(gpointer data)
{
    const WorkItem *item = data;
    item->done(item->data);
    return G_SOURCE_REMOVE;
}

static gpointer worker_main(gpointer data)
{
    Worker *worker = data;
    for (;;) {
        WorkItem *item = g_async_queue_pop(worker->queue);
        if (!item->work) {
            g_free(item);
            return NULL;
        }
        item->work(item->data);
        if (!item->done) {
            g_free(item);
            continue;
        }
        g_autoptr(GSource) source = g_idle_source_new();
        g_source_set_priority(source, G_PRIORITY_DEFAULT);
        g_source_set_callback(source, item_done, item, g_free);
        g_source_attach(source, worker->context);
    }
}

Worker *worker_new(const char *name)
{
    Worker *worker = g_new0(Worker, 1);
    worker->queue = g_async_queue_new();
    worker->name = g_strdup(name);
    worker->context = g_main_context_ref_thread_default();
    return worker;
}

void worker_push(Worker *worker, PortWork work, PortDone done, void *data)
{
    WorkItem *item = g_new(WorkItem, 1);
    *item = (WorkItem){work, done, data};
    g_async_queue_push(worker->queue, item);
    if (!worker->thread)
        worker->thread = g_thread_new(worker->name, worker_main, worker);
}

void worker_free(Worker *worker)
{
    if (!worker)
        return;
    if (worker->thread) {
        g_async_queue_push(worker->queue, g_new0(WorkItem, 1));
        g_thread_join(worker->thread);
    }
    g_async_queue_unref(worker->queue);
    g_main_context_unref(worker->context);
    g_free(worker->name);
    g_free(worker);
}

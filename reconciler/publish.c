#include "reconciler/publish.h"
#include "reconciler/api/state_publish.h"
#include "reconciler/worker.h"

#define REST_MS 1000

struct Publisher {
    char *state_dir, *path;
    LogPort log;
    Worker *worker;
    uint64_t first, last; /* sequences awaited, the earliest and the latest; 0: none */
    bool is_busy;         /* the worker writes, or it rests */
    bool is_wanted;       /* something was committed since it began */
    GSource *rest;
    char *fault, *told; /* of the last try; of the last line in the log; NULL: none */
};

/* On the worker, or where no loop runs any more. */
static void publish(void *data)
{
    Publisher *publisher = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreReader) reader = store_reader_open(publisher->state_dir, &error);
    g_clear_pointer(&publisher->fault, g_free);
    if (!reader || !store_reader_begin(reader, &error) ||
        !state_publish(reader, publisher->state_dir, publisher->path, &error))
        publisher->fault = g_strdup(error->message);
}

static void tell(Publisher *publisher)
{
    if (publisher->fault && g_strcmp0(publisher->fault, publisher->told) != 0) {
        g_autofree char *line =
            g_strdup_printf("the snapshot is not published: %s: %s", publisher->path, publisher->fault);
        log_tell(&publisher->log, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = line});
    }
    g_free(publisher->told);
    publisher->told = g_strdup(publisher->fault);
}

static void published(void *data);

static void start(Publisher *publisher)
{
    publisher->is_busy = true;
    publisher->is_wanted = false;
    worker_push(publisher->worker, publish, published, publisher);
}

static gboolean on_rested(gpointer data)
{
    Publisher *publisher = data;
    g_clear_pointer(&publisher->rest, g_source_unref);
    publisher->is_busy = false;
    if (publisher->is_wanted)
        start(publisher);
    return G_SOURCE_REMOVE;
}

static void published(void *data)
{
    Publisher *publisher = data;
    tell(publisher);
    publisher->rest = g_timeout_source_new(REST_MS);
    g_source_set_callback(publisher->rest, on_rested, publisher, NULL);
    g_source_attach(publisher->rest, g_main_context_get_thread_default());
}

static void want(Publisher *publisher)
{
    publisher->is_wanted = true;
    if (!publisher->is_busy)
        start(publisher);
}

Publisher *publisher_new(const char *state_dir, const char *path, LogPort log)
{
    Publisher *publisher = g_new0(Publisher, 1);
    publisher->state_dir = g_strdup(state_dir);
    publisher->path = g_strdup(path);
    publisher->log = log;
    publisher->worker = worker_new("publish");
    start(publisher);
    return publisher;
}

void publisher_expect(Publisher *publisher, uint64_t sequence)
{
    if (publisher->first == 0)
        publisher->first = sequence;
    publisher->last = sequence;
}

void publisher_committed(Publisher *publisher, uint64_t sequence, bool is_durable)
{
    if (publisher->first == 0 || (is_durable && sequence < publisher->first))
        return;
    /* After a failure the sequences start anew. */
    publisher->first = is_durable && sequence < publisher->last ? publisher->last : 0;
    want(publisher);
}

static void end_rest(Publisher *publisher)
{
    if (publisher->rest)
        g_source_destroy(publisher->rest);
    g_clear_pointer(&publisher->rest, g_source_unref);
}

void publisher_free(Publisher *publisher)
{
    if (!publisher)
        return;
    GMainContext *context = g_main_context_get_thread_default();
    end_rest(publisher);
    g_clear_pointer(&publisher->worker, worker_free);
    while (g_main_context_iteration(context, FALSE))
        ; /* what it completed */
    end_rest(publisher);
    if (publisher->is_wanted || publisher->first) {
        publish(publisher);
        tell(publisher);
    }
    g_free(publisher->fault);
    g_free(publisher->told);
    g_free(publisher->state_dir);
    g_free(publisher->path);
    g_free(publisher);
}

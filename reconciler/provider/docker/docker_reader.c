#include "reconciler/provider/docker/docker_reader.h"

struct DockerReader {
    GMainContext *context;
    GThreadPool *pool; /* of one thread */
};

/* Of the loop but for body and list, which are the thread's until it has handed the reading back. */
struct DockerReading {
    GMainContext *context;
    GBytes *body;
    DockerList *list;
    DockerReadDone done; /* NULL: cancelled */
    void *data;
};

static void reading_free(void *data)
{
    DockerReading *reading = data;
    docker_list_free(reading->list);
    g_main_context_unref(reading->context);
    g_free(reading);
}

static gboolean hand_over(void *data)
{
    DockerReading *reading = data;
    if (reading->done)
        reading->done(reading->list, reading->data);
    return G_SOURCE_REMOVE;
}

/* On the thread. Once the source is attached the reading is the loop's, and may be gone with its context. */
static void read_one(void *data, void *unused)
{
    DockerReading *reading = data;
    g_autoptr(GBytes) body = g_steal_pointer(&reading->body);
    g_autoptr(GMainContext) context = g_main_context_ref(reading->context);
    gsize len;
    const char *text = g_bytes_get_data(body, &len);
    (void)unused;
    reading->list = docker_list_read((View){text, len});
    GSource *source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, hand_over, reading, reading_free);
    g_source_attach(source, context);
    g_source_unref(source);
}

DockerReader *docker_reader_new(GMainContext *context)
{
    DockerReader *reader = g_new0(DockerReader, 1);
    reader->context = g_main_context_ref(context);
    reader->pool = g_thread_pool_new(read_one, NULL, 1, FALSE, NULL);
    return reader;
}

void docker_reader_free(DockerReader *reader)
{
    if (!reader)
        return;
    g_thread_pool_free(reader->pool, FALSE, TRUE);
    g_main_context_unref(reader->context);
    g_free(reader);
}

DockerReading *docker_reader_read(DockerReader *reader, View body, DockerReadDone done, void *data)
{
    DockerReading *reading = g_new0(DockerReading, 1);
    *reading = (DockerReading){.context = g_main_context_ref(reader->context),
                               .body = g_bytes_new(body.data, body.len),
                               .done = done,
                               .data = data};
    g_thread_pool_push(reader->pool, reading, NULL);
    return reading;
}

void docker_reading_cancel(DockerReading *reading)
{
    if (reading)
        reading->done = NULL;
}

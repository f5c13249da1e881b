#include "reconciler/provider/docker/docker_reader.h"
#include "spec/base/aside.h"

struct DockerReader {
    Aside *aside;
};

/* Of the loop but for body and list, which are the thread's until it has handed the reading back. */
struct DockerReading {
    GBytes *body;
    DockerList *list;
    DockerReadDone done; /* NULL: cancelled */
    void *data;
};

static void read_one(void *data)
{
    DockerReading *reading = data;
    g_autoptr(GBytes) body = g_steal_pointer(&reading->body);
    gsize len;
    const char *text = g_bytes_get_data(body, &len);
    reading->list = docker_list_read((View){text, len});
}

static void hand_over(void *data)
{
    DockerReading *reading = data;
    if (reading->done)
        reading->done(reading->list, reading->data);
    docker_list_free(reading->list);
    g_free(reading);
}

DockerReader *docker_reader_new(GMainContext *context)
{
    DockerReader *reader = g_new0(DockerReader, 1);
    reader->aside = aside_new(context);
    return reader;
}

void docker_reader_free(DockerReader *reader)
{
    if (!reader)
        return;
    aside_free(reader->aside);
    g_free(reader);
}

DockerReading *docker_reader_read(DockerReader *reader, View body, DockerReadDone done, void *data)
{
    DockerReading *reading = g_new0(DockerReading, 1);
    *reading = (DockerReading){.body = g_bytes_new(body.data, body.len), .done = done, .data = data};
    aside_run(reader->aside, read_one, hand_over, reading);
    return reading;
}

void docker_reading_cancel(DockerReading *reading)
{
    if (reading)
        reading->done = NULL;
}

#include "reconciler/provider/aws/aws_reader.h"
#include <string.h>

struct AwsReader {
    GMainContext *context;
    GThreadPool *pool; /* of one thread */
};

/* Of the loop but for service, body and answer, which are the thread's until it has handed the reading back.
 */
struct AwsReading {
    GMainContext *context;
    AwsService service;
    char *body;
    size_t len;
    AwsAnswer answer;
    AwsReadDone done; /* NULL: cancelled */
    void *data;
};

static void reading_free(void *data)
{
    AwsReading *reading = data;
    aws_answer_clear(&reading->answer);
    g_main_context_unref(reading->context);
    g_free(reading->body);
    g_free(reading);
}

static gboolean hand_over(void *data)
{
    AwsReading *reading = data;
    if (reading->done)
        reading->done(&reading->answer, reading->data);
    return G_SOURCE_REMOVE;
}

/* On the thread. */
static void read_one(void *data, void *unused)
{
    AwsReading *reading = data;
    (void)unused;
    aws_answer_read_body(reading->service, (View){reading->body, reading->len}, &reading->answer);
    GSource *source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, hand_over, reading, reading_free);
    g_autoptr(GMainContext) context =
        g_main_context_ref(reading->context); /* attached, it may be gone at once */
    g_source_attach(source, context);
    g_source_unref(source);
}

AwsReader *aws_reader_new(GMainContext *context)
{
    AwsReader *reader = g_new0(AwsReader, 1);
    reader->context = g_main_context_ref(context ? context : g_main_context_default());
    reader->pool = g_thread_pool_new(read_one, NULL, 1, FALSE, NULL);
    return reader;
}

void aws_reader_free(AwsReader *reader)
{
    if (!reader)
        return;
    g_thread_pool_free(reader->pool, FALSE, TRUE);
    g_main_context_unref(reader->context);
    g_free(reader);
}

AwsReading *aws_reader_read(AwsReader *reader, AwsService service, View body, AwsReadDone done, void *data)
{
    AwsReading *reading = g_new0(AwsReading, 1);
    *reading = (AwsReading){.context = g_main_context_ref(reader->context),
                            .service = service,
                            .body = g_malloc(body.len + 1),
                            .len = body.len,
                            .done = done,
                            .data = data};
    memcpy(reading->body, body.data, body.len);
    reading->body[body.len] = '\0';
    g_thread_pool_push(reader->pool, reading, NULL);
    return reading;
}

void aws_reading_cancel(AwsReading *reading)
{
    reading->done = NULL;
}

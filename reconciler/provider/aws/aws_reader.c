#include "reconciler/provider/aws/aws_reader.h"
#include <string.h>
#include "spec/base/aside.h"

struct AwsReader {
    Aside *aside;
};

/* Of the loop but for service, body and answer, which are the thread's until it has handed the reading back.
 */
struct AwsReading {
    AwsService service;
    char *body;
    size_t len;
    AwsAnswer answer;
    AwsReadDone done; /* NULL: cancelled */
    void *data;
};

static void read_one(void *data)
{
    AwsReading *reading = data;
    aws_answer_read_body(reading->service, (View){reading->body, reading->len}, &reading->answer);
}

static void hand_over(void *data)
{
    AwsReading *reading = data;
    if (reading->done)
        reading->done(&reading->answer, reading->data);
    aws_answer_clear(&reading->answer);
    g_free(reading->body);
    g_free(reading);
}

AwsReader *aws_reader_new(GMainContext *context)
{
    AwsReader *reader = g_new0(AwsReader, 1);
    reader->aside = aside_new(context ? context : g_main_context_default());
    return reader;
}

void aws_reader_free(AwsReader *reader)
{
    if (!reader)
        return;
    aside_free(reader->aside);
    g_free(reader);
}

AwsReading *aws_reader_read(AwsReader *reader, AwsService service, View body, AwsReadDone done, void *data)
{
    AwsReading *reading = g_new0(AwsReading, 1);
    *reading = (AwsReading){
        .service = service, .body = g_malloc(body.len + 1), .len = body.len, .done = done, .data = data};
    memcpy(reading->body, body.data, body.len);
    reading->body[body.len] = '\0';
    aside_run(reader->aside, read_one, hand_over, reading);
    return reading;
}

void aws_reading_cancel(AwsReading *reading)
{
    reading->done = NULL;
}

/* aws_reader.h: reads long answers beside the loop, which they would hold up: a hundred tasks are 5 ms, a
 * thousand instances 30. Owns: a thread while there is something to read. Calls: aws_answer.h. Holds: done is
 * called on the thread of the context, never before aws_reader_read() has returned, once, but for what is
 * cancelled. */
#pragma once
#include "reconciler/provider/aws/aws_answer.h"

typedef struct AwsReader AwsReader;
typedef struct AwsReading AwsReading;

/* context: referenced; NULL: the default one. */
AwsReader *aws_reader_new(GMainContext *context);
/* Waits for what is being read just now. What was asked for is cancelled before. */
void aws_reader_free(AwsReader *reader);

/* The answer is the callee's to clear or to keep; it has no request_id. */
typedef void (*AwsReadDone)(AwsAnswer *answer, void *data);
/* body: of a success; copied. The reading is valid until done is called or it is cancelled. */
AwsReading *aws_reader_read(AwsReader *reader, AwsService service, View body, AwsReadDone done, void *data);
void aws_reading_cancel(AwsReading *reading);

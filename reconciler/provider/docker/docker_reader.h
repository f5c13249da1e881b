/* docker_reader.h: reads lists of containers beside the loop, which they would hold up: a thousand containers
 * are some 2 MB of JSON.
 * Owns:   a thread while there is something to read.
 * Calls:  docker_list.h.
 * Holds:  done is called on the thread of the context, never before docker_reader_read() has returned, once,
 * but for what is cancelled. */
#pragma once
#include "reconciler/provider/docker/docker_list.h"

typedef struct DockerReader DockerReader;
typedef struct DockerReading DockerReading;

/* context: referenced. */
DockerReader *docker_reader_new(GMainContext *context);
/* Waits for what is being read just now. What was asked for is cancelled before. */
void docker_reader_free(DockerReader *reader);

/* list: borrowed; NULL: the answer is no list. */
typedef void (*DockerReadDone)(const DockerList *list, void *data);
/* body: copied. The reading is valid until done is called or it is cancelled. */
DockerReading *docker_reader_read(DockerReader *reader, View body, DockerReadDone done, void *data);
void docker_reading_cancel(DockerReading *reading); /* NULL: nothing */

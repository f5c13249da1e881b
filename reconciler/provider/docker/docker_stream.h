/* docker_stream.h: answers that come in pieces: lines of JSON (events, progress of a pull), and the frames in
 * which the engine sends what a container printed. Computes only.
 * Source: the Engine API, "Monitor events", "Create an image", "Attach to a container: stream format". */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "spec/base/view.h"

#define DOCKER_LINE_MAX ((size_t)1 << 20)

/* Zeroed: at the beginning. */
typedef struct {
    GString *rest; /* of a line that has not ended */
} DockerLines;

typedef void (*DockerLine)(View line, void *data);
/* Hands on what has become whole. False: a line is longer than any that is meant to come. */
bool docker_lines_take(DockerLines *lines, View bytes, DockerLine func, void *data);
void docker_lines_clear(DockerLines *lines);

typedef struct {
    unsigned char header[8];
    size_t header_len; /* of the frame that begins */
    size_t left;       /* of the frame under way */
} DockerFrames;

typedef void (*DockerOutput)(View text, void *data);
/* Hands on what was printed, to standard output or error, in its order. False: these are no frames. */
bool docker_frames_take(DockerFrames *frames, View bytes, DockerOutput func, void *data);

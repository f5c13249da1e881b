/* docker_answer.h: what the engine's answers say. Computes only.
 * Source: the Engine API 1.41, "Inspect a container", "List containers", "Monitor events"; Podman's
 * compatible service answers the same. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

typedef enum {
    DOCKER_CREATED, /* never started */
    DOCKER_RUNNING, /* or paused, or restarting */
    DOCKER_ENDED,
    DOCKER_GOING /* it is being removed */
} DockerPhase;

typedef struct {
    DockerPhase phase;
    int exit_code;
    int64_t made_ms, started_ms, finished_ms; /* CLOCK_REALTIME of the engine's machine; 0: not */
    bool is_oom;
    const char *error; /* why it did not start; borrowed, NULL: it says none */
} DockerState;

/* {"message": …}; new string, one line; the body's beginning where it is something else. */
char *docker_message(View body);
/* Of GET /containers/ID/json. False: it is no such answer. */
bool docker_state_read(const json_t *inspected, DockerState *ret_state);
/* Of an item of GET /containers/json. */
DockerPhase docker_phase(const char *state);
/* "2026-11-27T02:43:36.870184638Z"; 0: "0001-01-01T00:00:00Z", or it is none. */
int64_t docker_time_ms(const char *text);
/* NULL: there is none. Borrowed from labels. */
const char *docker_label(const json_t *labels, const char *name);
/* The newest version of the API that both speak: "1.41", new; NULL: none. */
char *docker_version_pick(const json_t *version);
/* The value of a call's filters=, escaped; new string. filters: taken. */
char *docker_filters(json_t *filters);

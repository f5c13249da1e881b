/* docker_probe.h: an engine that is asked for a moment, beside whatever else goes on: whether it answers from
 * here, and what it says. Owns:   a connection and a main context of its own, while it asks. Calls:
 * provider/docker, provider/http. Blocks, for as long as it is given at most. */
#pragma once
#include <stdbool.h>
#include "reconciler/provider/docker/docker_engine.h"

typedef struct {
    DockerEngine *engine;
    GMainContext *context;
    GSource *limit;
    bool is_over; /* set by whoever has what was waited for */
    bool is_late;
} DockerProbe;

/* Returns when the engine answers, cannot be reached, or limit_ms are over. endpoint: borrowed until the end.
 */
void docker_probe_begin(DockerProbe *probe, const DockerEndpoint *endpoint, guint limit_ms);
/* Until is_over is set, the engine cannot be reached any more, or the time is over. */
void docker_probe_wait(DockerProbe *probe);
void docker_probe_end(DockerProbe *probe);

/* Behind Host.docker: whether one answers, within two seconds. *ret_text: new, what it is and where, or why
 * nothing can be run in it. */
bool docker_probe(char **ret_text);

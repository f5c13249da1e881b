/* docker_engine.h: calls to one engine: a few at a time, in their turn, once it answers.
 * Owns:   the connections, what waits for its turn, whether the engine can be reached.
 * Calls:  http_client.h, docker_answer.h.
 * Holds:  what was not sent waits until the engine answers; what was sent and not answered is told as lost.
 * An engine that does not answer is tried again, with growing pauses. done is never called before
 * docker_engine_call() has returned, and exactly once, but for what is cancelled or freed. */
#pragma once
#include <jansson.h>
#include "reconciler/provider/docker/docker_endpoint.h"
#include "reconciler/provider/http/http_client.h"
#include "spec/base/meter.h"

typedef enum {
    DOCKER_TURN_FIRST, /* looks, and what lets something go on that is under way */
    DOCKER_TURN_NEXT,  /* what begins something */
    DOCKER_TURN_LAST   /* what may wait */
} DockerTurn;
#define DOCKER_TURNS 3

/* Copied. */
typedef struct {
    const char *method, *path; /* "/containers/json?all=1": the version comes before it */
    const json_t *body;        /* NULL: none */
    const char *registry_auth; /* X-Registry-Auth; NULL: none */
    DockerTurn turn;
    HttpTake take; /* as HttpRequest says; such a call is not one of the few at a time */
} DockerCall;

/* Borrowed during the call of DockerDone. */
typedef struct {
    long status;       /* 0: it is lost, and may have been carried out */
    View body;         /* ends in NUL after its len */
    const char *error; /* what the engine or the connection says; NULL: 2xx, or 304 */
} DockerAnswer;

typedef void (*DockerDone)(const DockerAnswer *answer, void *data);
/* It can be reached, or cannot any more, or still not. It may call and cancel. */
typedef void (*DockerChanged)(void *data);

typedef struct DockerEngine DockerEngine;

/* endpoint: borrowed, outlives the engine. Nothing is asked before docker_engine_begin(). */
DockerEngine *docker_engine_new(GMainContext *context, const DockerEndpoint *endpoint, DockerChanged changed,
                                void *data);
/* From now on calls are counted there, but for those that follow something; borrowed; NULL: nowhere. */
void docker_engine_count(DockerEngine *engine, CallMeter *calls, int64_t (*monotonic_ms)(void *time),
                         void *time);
/* Ends what is under way without a word. Not from within done. */
void docker_engine_free(DockerEngine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerEngine, docker_engine_free)
/* Harmless when repeated. */
void docker_engine_begin(DockerEngine *engine);
bool docker_engine_is_up(const DockerEngine *engine); /* NULL: there is none, and it is not */
/* Why it is not; NULL: it is, or nothing is known yet. */
const char *docker_engine_fault(const DockerEngine *engine);
/* GET /info, as it was when it answered last; NULL: it never has. */
const json_t *docker_engine_info(const DockerEngine *engine);
/* Returns an id for docker_engine_cancel(), never 0. */
uint64_t docker_engine_call(DockerEngine *engine, const DockerCall *call, DockerDone done, void *data);
/* done is not called any more. Harmless for one that has ended. */
void docker_engine_cancel(DockerEngine *engine, uint64_t id);
/* What was told is doubted: it is asked whether it is there, and changed follows. */
void docker_engine_doubt(DockerEngine *engine, const char *why);

/* docker_internal.h: what the files of the provider share. All on one thread. */
#pragma once
#include "reconciler/provider/docker/docker.h"
#include "reconciler/provider/docker/docker_answer.h"
#include "reconciler/provider/docker/docker_container.h"
#include "reconciler/provider/docker/docker_engine.h"
#include "reconciler/provider/docker/docker_labels.h"
#include "reconciler/provider/docker/docker_stream.h"

typedef struct DockerProvider DockerProvider;
typedef struct DockerTask DockerTask;
typedef struct DockerPiece DockerPiece;
typedef struct DockerFollow DockerFollow;
typedef struct DockerFetch DockerFetch;
typedef struct DockerLook DockerLook;

/* A launch that the store holds, and that was not found yet. */
typedef struct {
    LaunchToken token;
    bool is_ours; /* of an environment in Docker; else it may be anybody's */
    bool was_started;
    bool was_made;    /* what it is called is committed */
    bool is_stopping; /* it is to end once it shows */
} DockerExpected;

struct DockerProvider {
    Provider base;
    DockerProviderOptions options;
    GMainContext *context;
    DockerEndpoint *endpoint;
    char *fault; /* of its address; NULL: none */
    DockerEngine *engine;
    GHashTable *tasks;    /* LaunchToken → DockerTask* */
    GHashTable *pieces;   /* the engine's id → DockerPiece* */
    GHashTable *expected; /* LaunchToken → DockerExpected* */
    GPtrArray *requests;  /* of DockerRequest*: environments that wait for the engine */
    GPtrArray *awaited;   /* of DockerRequest*: those of before this process, until OBSERVED */
    GHashTable *pulls;    /* image → DockerFetch* */
    DockerLook *look;
    GQueue kept;        /* of DockerKept*: containers that ended, oldest first */
    char *installation; /* NULL: not known yet */
    uint64_t term;
    bool is_observed;
    bool is_away;   /* the engine, and that was noted */
    bool is_needed; /* a launch there is ours for sure: nothing is known before the engine answers */
    int followed;   /* logs that are followed just now */
    GSource *timer; /* of tasks */
    int64_t timer_ms;
};

/* ---- docker.c ---- */
int64_t docker_now_ms(const DockerProvider *provider);
int64_t docker_monotonic_ms(const DockerProvider *provider);
void docker_tell(DockerProvider *provider, const ProviderEvent *event);
void docker_note(DockerProvider *provider, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* All that is there was looked at; or the engine is not there, and nothing of ours can be. */
void docker_observed(DockerProvider *provider);
/* Removes it, and returns whether it is to end. */
bool docker_found(DockerProvider *provider, const LaunchToken *token);
GSource *docker_after(DockerProvider *provider, int64_t after_ms, GSourceFunc func, void *data);

/* ---- docker_piece.c: one container of an attempt ---- */
typedef enum {
    PIECE_UNMADE,
    PIECE_MADE,
    PIECE_RUNS,
    PIECE_ENDED,
    PIECE_FAILED, /* it could not be started, error says why */
    PIECE_GONE    /* somebody removed it, or we did */
} PieceState;

struct DockerPiece {
    DockerTask *task;
    char *name, *container_name, *image, *id;
    char *volumes;            /* as docker_kept_add() takes them */
    int64_t stop_ms;          /* SIGTERM to SIGKILL */
    int64_t start_timeout_ms; /* from its start to what others wait for; 0: no limit */
    char *log_path;           /* of the first essential one the job's; those of others lie in its ".d" */
    json_t *body;             /* NULL: made by an earlier process */
    bool is_essential, is_always_pulled; /* whether the image is there or not */
    GArray *depends_on;                  /* of DockerDependency; NULL: on none */
    int index;                           /* in the definition */
    PieceState state;
    uint64_t call;   /* under way; 0: none */
    bool is_doubted; /* to be looked at */
    int start_tries; /* that the engine gave up */
    bool is_unsure;  /* it may have been started before: to be proven that it was not */
    bool is_pulling, was_pulled;
    bool is_terminated, is_killed; /* TERM and KILL were sent */
    bool has_died;                 /* an event said so, with died_code */
    int died_code;
    int64_t died_ms;
    uint64_t seen; /* by which list */
    int exit_code;
    int64_t made_ms, started_ms, ended_ms; /* CLOCK_REALTIME of the engine's machine; 0: not known, not yet */
    bool is_oom;
    char *error;
    DockerFollow *log; /* NULL: not begun */
};

void docker_piece_free(void *piece);
void docker_piece_name(DockerPiece *piece, const char *id); /* what the engine calls it */
/* Each begins one call; when it has ended the task takes its next step. */
void docker_piece_make(DockerPiece *piece);
void docker_piece_start(DockerPiece *piece);
void docker_piece_look(DockerPiece *piece);
/* An engine that dies while it starts a container calls it created when it comes back, whatever the container
 * did. One that remembers, in its memory, having made it has not died since. */
void docker_piece_prove(DockerPiece *piece);
void docker_piece_kill(DockerPiece *piece, const char *signal);
void docker_piece_remove(DockerPiece *piece);
void docker_piece_seen(DockerPiece *piece, const json_t *inspected);

/* ---- docker_pull.c ---- */
/* The image is fetched, once for all that wait for it; docker_piece_pulled() follows for each. */
void docker_pull(DockerPiece *piece);
void docker_pull_drop(DockerPiece *piece); /* it does not wait any more */
void docker_pull_free(void *pull);
void docker_pulls_again(DockerProvider *provider); /* the engine answers again */
/* fault NULL: it is there. */
void docker_piece_pulled(DockerPiece *piece, const char *fault);

/* ---- docker_follow.c: what a container prints, in the file of its attempt ---- */
/* As it comes, unless too many are followed already. Harmless when repeated. */
void docker_follow_begin(DockerPiece *piece);
void docker_follow_free(DockerFollow *log);
/* All that it printed is in the file, or cannot be had. */
bool docker_follow_is_done(const DockerFollow *log);
/* The container has ended: what is there that was not followed. */
void docker_follow_finish(DockerPiece *piece);

/* ---- docker_task.c: one attempt ---- */
typedef enum {
    TASK_MAKING,
    TASK_MADE,        /* accepted; its name is to be committed */
    TASK_RUNNING,     /* its containers may be started */
    TASK_WITHDRAWING, /* nothing of it ever started: its containers are being removed */
    TASK_OVER,        /* told */
    TASK_ADOPTING     /* an earlier process began it; its containers are being looked at */
} TaskStep;

struct DockerTask {
    DockerProvider *provider;
    LaunchToken token;
    TaskStep step;
    char *job_id;
    GPtrArray *pieces; /* of DockerPiece*, in the order of the definition */
    int64_t timeout_ms;
    uint64_t gpus; /* of the machine's, by their numbers: bits */
    bool is_stopping, is_late;
    bool is_missing; /* a container of it was removed before it was found, or what it did cannot be known */
    int total;       /* of an adopted one: containers that it was made of */
    bool is_told;    /* STARTED was */
    int64_t started_ms; /* CLOCK_REALTIME; 0: not */
    int64_t ending_ms;  /* monotonic: since when the rest is being ended; 0: it is not */
    int64_t ended_ms;   /* monotonic: since when all have ended; 0: they have not */
    int64_t due_ms;     /* monotonic: to be stepped again; G_MAXINT64: not by time */
    int tries;          /* of what is tried again */
    char *refusal;      /* of one that is withdrawn; NULL: it is launched anew */
};

void docker_task_start(DockerProvider *provider, const LaunchRequest *request);
/* New, in provider->tasks, with nothing known of it yet. */
DockerTask *docker_task_new(DockerProvider *provider, const LaunchToken *token);
void docker_task_free(void *task);
/* Does what is to be done next; level-triggered: harmless whenever it is called. */
void docker_task_step(DockerTask *task);
void docker_task_stop(DockerTask *task);
/* Its name is committed. */
void docker_task_named(DockerTask *task);
/* Its containers, as an earlier process left them, are all known. */
void docker_task_adopted(DockerTask *task, const DockerExpected *expected);
/* It takes a step then at the latest; monotonic. */
void docker_task_step_at(DockerTask *task, int64_t due_ms);
/* It cannot be made, for the reason given. */
void docker_task_refuse(DockerTask *task, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- docker_look.c: what is there ---- */
DockerLook *docker_look_new(DockerProvider *provider);
void docker_look_free(DockerLook *look);
void docker_look_begin(DockerLook *look); /* the engine answers (again) */
void docker_look_end(DockerLook *look);   /* it does not any more */

/* ---- docker_kept.c: containers that ended, kept for a while ---- */
/* volumes: names, with blanks between; NULL: none. */
void docker_kept_add(DockerProvider *provider, const char *id, const char *volumes, int64_t ended_ms);
/* They go with the last container that has them: until then the engine says that they are in use. */
void docker_volumes_remove(DockerProvider *provider, const char *volumes);
bool docker_kept_has(const DockerProvider *provider, const char *id);
void docker_kept_clear(DockerProvider *provider);

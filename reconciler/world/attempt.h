/* attempt.h: attempts of one job or one child, from the inside; private to world/.
 * Owns:   NodeSet, which belongs to its job while an attempt of it is under way.
 * Calls:  job.h, retry.h.
 * Holds:  an attempt is over when every launch of it is closed (invariant 3): one launch of a single job or a
 * child, one for each node of a multinode job. Only then its verdict becomes the job's next state, and what
 * it took of consumable resources is given back. */
#pragma once
#include "reconciler/world/job.h"
#include "reconciler/world/retry.h"

/* What has attempts: a job or a child of an array. */
typedef struct {
    Job *job;
    ChildState *child; /* NULL: a job that is no array */
} Target;

Target target_of(const Launch *launch);
Target target_for_launch(World *world, Job *job, int32_t index); /* of what is RUNNABLE */
JobState target_state(Target target);
void target_move(World *world, Target target, JobState to, int64_t now_ms);
bool target_ended_by_request(Target target);
const char *target_reason(Target target); /* or NULL */
void target_set_reason(World *world, Target target, const char *reason);
void target_set_launch(Target target, Launch *launch);
void target_set_attempts(World *world, Target target, int32_t attempts);
void target_set_started(World *world, Target target, int64_t started_ms);

typedef enum {
    VERDICT_NONE,
    VERDICT_SUCCEEDED,
    VERDICT_FAILED,
    VERDICT_RETRIED, /* how it ended is not known, and that it was tried again is: its rules have been asked
                      */
    VERDICT_AGAIN    /* it never started: the same attempt is launched again, unless its end was asked for */
} VerdictKind;

/* How an attempt ended. */
typedef struct {
    VerdictKind kind;
    AttemptOutcome outcome;
    int64_t ran_ms; /* SUCCEEDED */
} Verdict;
/* No launch of the attempt is left: the job's next state, and all that follows from it. */
void attempt_over(World *world, Target target, const Verdict *verdict, int64_t now_ms);

/* How a launch is over, as its row says it. */
typedef struct {
    LaunchState state;
    const char *reason, *status_reason;
    int exit_code;
    int64_t stopped_ms;
} Closing;

/* launch.c */
Launch *launch_begin(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                     const LaunchToken *token, int64_t now_ms);
/* The target's launch is the next attempt of it; how many there were is the caller's word. */
void launch_begun(World *world, Target target, Launch *launch, int32_t attempt, int64_t now_ms);
/* What its only launch ends; of a node, when no other is left. */
void launch_over(World *world, Launch *launch, const Closing *closing, const Verdict *verdict,
                 int64_t now_ms);
/* Writes the last row and frees the launch; its capacity is free again. */
void launch_close(World *world, Launch *launch, const Closing *closing, int64_t now_ms);
extern const char attempt_exited[]; /* status reason of a container that ended by itself */
extern const char attempt_timed_out[], attempt_not_started[];

/* The launches of an attempt of a multinode job. */
struct NodeSet {
    LaunchEntry *first, *last; /* not closed, by node */
    size_t open;
    bool any_started;
    Verdict verdict; /* of what decided; its texts are owned */
    GArray *closed;  /* AttemptRecord with owned texts: while the world is loaded; else NULL */
};
/* nodes.c */
bool job_is_multinode(const Job *job);
void node_add(World *world, Launch *launch); /* a new launch of a multinode job */
void node_remove(Launch *launch);            /* it is about to be freed */
void node_started(World *world, Launch *launch, int64_t started_ms, int64_t now_ms);
void node_over(World *world, Launch *launch, const Closing *closing, const Verdict *verdict, int64_t now_ms);
void nodes_free(NodeSet *nodes);
bool node_is_open(const Job *job, int32_t index);
/* A closed launch of the attempt under way, from its row. False: none is under way. */
bool node_restore_closed(Job *job, const AttemptRecord *record);
/* All rows are back: they say what was decided, and that goes on. False: a launch is missing. */
bool nodes_loaded(World *world, Job *job);

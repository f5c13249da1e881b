/* task_state.h: what a task of ECS says of an attempt. Computes only.
 * Source: the ECS API's Task and Container; batch: "Mapping a job to ECS". */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TASK_PENDING, /* it has not started: STARTING */
    TASK_RUNNING,
    TASK_ENDED /* STOPPED: every container is gone */
} TaskPhase;

/* What an end means for the attempt. */
typedef enum {
    TASK_END_EXITED,       /* by itself; exit_code says how */
    TASK_END_OOM,          /* killed for its memory limit */
    TASK_END_STOPPED,      /* StopTask: whoever asked for it knows why */
    TASK_END_NOT_PLACED,   /* refused by the host it was meant for: no attempt, to be placed anew */
    TASK_END_START_FAILED, /* the attempt failed before a container ran: its image, a secret, a volume */
    TASK_END_LOST          /* with its host, or taken back by Spot */
} TaskEnd;

/* Texts are borrowed from the task, and NULL where it says nothing. */
typedef struct {
    TaskPhase phase;
    const char *arn, *started_by, *container_instance_arn;
    int64_t version;                          /* grows with every change */
    int64_t created_ms, started_ms, ended_ms; /* CLOCK_REALTIME; 0: not known */
    bool is_ending;                           /* it is to be stopped, or on its way there */
    int64_t stopping_ms;                      /* CLOCK_REALTIME: since when; 0: not known */
    TaskEnd end;                              /* TASK_ENDED */
    bool has_exit_code;                       /* TASK_ENDED */
    int exit_code;
    const char *reason;  /* what the container says, for people and retry rules: "OutOfMemoryError: …" */
    const char *address; /* private, IPv4, of a task with a network interface of its own */
    const char *stopped_reason; /* what ECS says: "Essential container in task exited" */
} TaskState;

/* essential: names of the containers whose exit codes count, NULL-terminated: the first of them that ended
 * not with 0 says how the task ended. Others, as those that ECS adds, are not looked at but where none of
 * these is there. False: it is no task (it has no ARN or no status that is known). */
bool task_state_read(const json_t *task, const char *const *essential, TaskState *ret_state);

/* A failure of RunTask, which comes with HTTP 200. */
typedef enum {
    TASK_REFUSAL_PLACE,    /* this host has no room, or is gone: to be placed anew after looking at it */
    TASK_REFUSAL_HOST,     /* the host lacks something for good (a log driver, an ENI): never there again */
    TASK_REFUSAL_CAPACITY, /* Fargate has none now, or a quota: later */
    TASK_REFUSAL_FINAL     /* the request itself: the attempt fails with the reason */
} TaskRefusal;

/* reason: of failures[]; NULL: there is none. */
TaskRefusal task_refusal_of(const char *reason);
/* The same of an error, which ECS answers where a cluster has no host at all: as TASK_REFUSAL_PLACE. */
bool task_error_is_of_place(const char *message);

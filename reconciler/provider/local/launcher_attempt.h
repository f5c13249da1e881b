/* launcher_attempt.h: the attempts a launcher knows, by token, by pid and by deadline.
 * Owns:   the attempts in the table and their reasons.
 * Calls:  launcher_protocol.h, libc.
 * Holds:  an attempt stays until the reconciler has said settled; attempts are walked in the order of their
 * coming. */
#pragma once
#include <sys/types.h>
#include "reconciler/provider/local/launcher_cgroup.h"
#include "reconciler/provider/local/launcher_protocol.h"

typedef enum {
    ATTEMPT_ACCEPTED,    /* journalled; not started, or by a launcher that is gone */
    ATTEMPT_RUNNING,     /* its main process runs */
    ATTEMPT_TERMINATING, /* SIGTERM was sent, SIGKILL follows at the deadline */
    ATTEMPT_KILLING,     /* SIGKILL was sent */
    ATTEMPT_DRAINING,    /* the main process is reaped, others of it are being killed */
    ATTEMPT_FINAL,       /* report says how it ended */
} AttemptState;

typedef struct Attempt {
    Token token;
    AttemptState state;
    pid_t pid; /* of the main process, also its group and session; 0: none */
    CgroupSlot *slot;
    Report report;  /* FINAL: complete; before, what is known so far; reason is owned */
    bool stopped;   /* by us: report.cause says why */
    char *work_dir; /* of one that was started by this launcher, until it has ended */
    int64_t kill_grace_ms;
    int64_t deadline_ms; /* CLOCK_BOOTTIME; INT64_MAX: none */
    size_t heap_at;      /* from 1; 0: not in the heap */
    struct Attempt *next_token, *next_pid;
    struct Attempt *previous, *next;
} Attempt;

typedef struct {
    Attempt *first, *last;
    Attempt **by_token, **by_pid;
    size_t buckets; /* a power of two, of both */
    size_t len, unfinished;
    Attempt **heap; /* [1 … heap_len], least deadline first */
    size_t heap_len, heap_capacity;
} AttemptTable;

void attempt_table_init(AttemptTable *table);
void attempt_table_clear(AttemptTable *table);
Attempt *attempt_find(const AttemptTable *table, const Token *token);
Attempt *attempt_find_pid(const AttemptTable *table, pid_t pid);
/* The token must be new. */
Attempt *attempt_add(AttemptTable *table, const Token *token);
void attempt_remove(AttemptTable *table, Attempt *attempt);
void attempt_set_pid(AttemptTable *table, Attempt *attempt, pid_t pid); /* 0: forget it */
void attempt_set_deadline(AttemptTable *table, Attempt *attempt, int64_t deadline_ms);
/* The attempt that is due first, or NULL. */
Attempt *attempt_next_due(const AttemptTable *table);
/* Copies the report and takes the attempt out of what is unfinished. */
void attempt_finish(AttemptTable *table, Attempt *attempt, const Report *report);
void attempt_set_reason(Attempt *attempt, const char *reason);

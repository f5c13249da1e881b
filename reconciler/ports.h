/* ports.h: what joins the rooms. The tick reaches the outside only through Ports; the command line reaches the program's other halves only through Host. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What main.c hands to cli/: running the reconciler inside this process, so that no command includes reconcile.h.
 * Commands are always clients of the socket; hosting only makes sure that somebody answers it. */
typedef struct HostOptions {
    const char *state_dir;       /* absolute */
    const char *command;         /* "serve", "apply", "wait", "start", "submit" …: shown to whoever finds the lease held */
    bool launch;                 /* false: commit only; nothing is started (submit, cancel, apply --wait none) */
    const char *const *follow;   /* directories to follow (serve), absolute; NULL-terminated or NULL */
    const char *source_name;     /* --source NAME for a single followed source, or NULL */
    const char *provider;        /* --provider or NULL */
    const char *listen;          /* --listen ADDR or NULL (a later issue) */
    int64_t interval_ms;         /* slow full pass; 0: default */
    bool log_to_stderr;          /* serve: log lines; else quiet */
} HostOptions;

typedef struct HostHandle HostHandle;
typedef struct Host {
    /* Starts the engine in a thread of its own: takes the lease, opens the store, serves DIR/muster.sock; returns when the socket answers.
     * LEASE_ERROR_HELD: somebody else hosts (become its client). */
    HostHandle *(*start)(const HostOptions *options, GError **error);
    /* Ends it orderly: commits what is under way, jobs go on running. Returns false with error when the engine had failed meanwhile. */
    bool (*stop)(HostHandle *handle, GError **error);
    /* Readable when the engine has ended by itself (a fault); for poll. */
    int (*failed_fd)(HostHandle *handle);
} Host;

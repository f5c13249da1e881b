/* drift.h: what providers observe of resources to differ from what is in force of them, and what is done
 * about it. Owns:   a Drift for each resource that differs, or that was put back lately; what `muster/drift:
 * ignore` is told of, too, so that it is left alone by the next process as well, and shows as soon as that
 * annotation goes. Calls: drift_compare.h, world/. No clock. Holds:  what was compared with another spec than
 * the one in force says nothing; what was not observed stays as it was known, unless the observation is
 * complete (invariant 4). Nothing is put back that was not observed to differ. What is put back again and
 * again waits longer each time, and what cannot be put back is given up in the end: both are said. */
#pragma once
#include "reconciler/world/drift_compare.h"
#include "reconciler/world/world.h"

#define DRIFT_ANNOTATION "muster/drift"
#define DRIFT_QUIET_MS                                                                                       \
    (60LL * 60 * 1000) /* as applied for so long: it was put back for the first time again */
#define DRIFT_SEEN_MS   (5LL * 60 * 1000) /* seen_ms is not written more often */
#define DRIFT_TOLD_MS   (60LL * 1000)     /* other values of what differs already are no event more often */
#define DRIFT_CONTESTED 3                 /* put back so often and changed again: it is said */
#define DRIFT_TRIES_MAX 6                 /* failures in a row, after which it is given up */

typedef enum { DRIFT_CORRECT, DRIFT_WARN, DRIFT_IGNORE } DriftMode;
/* Of a resource's metadata (canonical JSON). */
DriftMode drift_mode(View metadata);
const char *drift_mode_name(DriftMode mode); /* "correct" … */

typedef struct {
    Kind kind;
    char *name;
    char *fields; /* drift_compare.h; NULL: nothing differs now, what was put back is remembered */
    int64_t since_ms, seen_ms;
    int64_t told_ms;     /* the last event about it */
    int64_t corrections; /* asked for, since nothing had differed for DRIFT_QUIET_MS */
    int64_t refusals;    /* of these in vain, in a row */
    int64_t next_ms;     /* not put back before */
    char *problem;       /* why it is not put back, or that somebody changes it again each time; NULL */
    bool is_given_up;
    bool is_ignored; /* not shown: its resource's mode is DRIFT_IGNORE */
} Drift;

const Drift *world_drift(const World *world, Kind kind,
                         View name); /* that differs and is not ignored; NULL: none */
const Drift *world_drift_next(const World *world,
                              const Drift *after); /* of those, by kind and name; NULL at the end */
/* Any, whatever differs of it now; for who decides. */
const Drift *resource_drift(const World *world, const Resource *resource);

/* ---- what is in force ---- */
/* What the provider is to hold: the spec with its overrides laid over it, and the digest of that. New string.
 */
char *resource_wanted(const World *world, const Resource *resource, Digest *ret_digest);
/* Counts what may change the answer, or what is to be put back. */
uint64_t world_declarations(const World *world);

/* ---- what is observed ---- */
typedef struct {
    Digest digest;    /* of what it was compared with: as resource_wanted() said */
    bool is_complete; /* all that the provider holds of it is told */
    bool is_answer;   /* it was made after what was asked for had been done */
    View observed;    /* drift_compare() */
} Observation;
typedef enum { DRIFT_NONE, DRIFT_DIFFERS, DRIFT_STALE, DRIFT_BROKEN } DriftFinding;
/* DRIFT_BROKEN: with *ret_message (new string): nothing was changed. */
DriftFinding drift_observed(World *world, const Resource *resource, const Observation *observation,
                            int64_t now_ms, char **ret_message);
/* The provider is known to hold nothing of it. */
void drift_gone(World *world, const Resource *resource, int64_t now_ms);
/* Its spec, its annotation or its overrides have changed: what was observed of a value that is declared
 * otherwise now says nothing any more, and another mode holds at once. */
void drift_declared(World *world, const Resource *resource, int64_t now_ms);
/* Its row goes with the resource. */
void drift_drop(World *world, const Resource *resource);

/* ---- what is done ---- */
/* When it is to be put back; -1: not as things are. */
int64_t drift_due_ms(const World *world, const Resource *resource);
/* It is asked for once this is committed. */
void drift_correct(World *world, const Resource *resource, int64_t now_ms);
/* It was asked for in vain. */
void drift_refused(World *world, const Resource *resource, const char *reason, int64_t now_ms);
/* A process begins: what was given up is tried again. */
void drift_retry(World *world);
/* Paths that are to be left as they are, with all that stands in them, when a new spec is brought to the
 * provider. New, NULL-terminated, g_strfreev(); NULL: none. */
char **drift_kept_paths(const World *world, const Resource *resource);
/* Forgets what was put back and has stayed so. */
size_t drift_settle(World *world, int64_t now_ms);
int64_t world_drift_due_ms(const World *world); /* when there is something to forget; 0: never */

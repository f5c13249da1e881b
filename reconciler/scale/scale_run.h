/* scale_run.h: what the parts of one run share. Private to scale.c and release.c.
 * Owns:   nothing; all of it lives in the run's Arena. */
#pragma once
#include "reconciler/scale/scale.h"

typedef struct {
    const ScaleInput *input;
    Arena *arena;
    ScaleDecisions *out;
    TypeUse *uses; /* by type */
    /* Sums over the instances, whole vCPUs. */
    int64_t current_vcpus; /* all */
    int64_t leaving_vcpus; /* of them STOPPING */
    int64_t coming_vcpus;  /* INTENDED and PENDING of this generation */
    int64_t ready_vcpus;   /* REGISTERED of this generation */
    int64_t running_micro_per_h;
    bool running_is_unknown; /* the price of some is not known */
    int64_t
        room_needed; /* vCPUs of the smallest instance that demand waits for below maxvCpus; 0: none waits */
    bool room_is_strict; /* and it may not exceed maxvCpus */
    bool floor_waits;    /* minvCpus lacks something for which there is no room below maxvCpus */
} ScaleRun;

/* The answer may change then. */
static inline void run_wake_at(ScaleRun *run, int64_t ms)
{
    if (ms < run->out->wake_at_ms)
        run->out->wake_at_ms = ms;
}

/* Fills out->releases: what is idle, old, drained, or never came. */
void release_run(ScaleRun *run);

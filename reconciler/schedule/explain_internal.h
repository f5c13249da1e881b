/* explain_internal.h: what explain*.c share. */
#pragma once
#include "reconciler/schedule/explain.h"
#include "reconciler/schedule/pass.h"

typedef struct {
    Pass pass;
    ScheduleOptions schedule;
    const ExplainOptions *options;
    Arena *arena;
    Job *job;
    int32_t index;
    RunnableGroup *group;
    const RunKind *kind;
    const JobDefinitionSpec *effective;
    int64_t ahead_vcpus_e4; /* of the jobs ahead */
    Room **rooms;           /* by place in the queue's order; NULL: no such environment */
    ExplainGrowth *growths; /* by the same */
    bool *buys;
    Explanation *out;
} Explain;

const char *explain_print(Explain *explain, const char *format, ...) G_GNUC_PRINTF(2, 3); /* in the arena */
const char *explain_vcpus(Explain *explain, int64_t vcpus_e4);
const char *explain_number(Explain *explain, int64_t value);
const char *explain_need(Explain *explain, Capacity need); /* "8 vCPU, 61,000 MiB, 1 GPU" */
const char *explain_blocked_text(BlockedReason blocked);

/* Held back wherever there is room: a consumable resource, a limit of its share. */
bool explain_is_limited(const Explain *explain);

/* explain_order.c: what is ahead; share and queue. */
void explain_order(Explain *explain);
void explain_share(Explain *explain);
/* vCPUs that shares may hold together under computeReservation of so many percent; 0: any number. */
int64_t explain_queue_limit_e4(const Explain *explain, int64_t percent);
/* explain_room.c: environments. */
void explain_rooms(Explain *explain);
/* explain_suggest.c: changes. */
void explain_suggest(Explain *explain);
/* From being asked for until it takes tasks, as hosts of the environment have shown; 0: unknown. */
int64_t explain_boot_ms(const Environment *environment);

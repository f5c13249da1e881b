/* place.h: find an environment for one attempt, and say why there is none.
 * Owns:   nothing; what it counts lives in the caller's Arena.
 * Calls:  world/ (reading only). No I/O, no clock.
 * Holds:  no environment above maxvCpus, no instance above its capacity, launches under way and placements of
 * this run included (invariant 7). */
#pragma once
#include "reconciler/schedule/schedule.h"

/* PLACE_NOW: *ret_environment has room. PLACE_LATER: fits when something ends or changes. PLACE_NEVER: too
 * large for everything the queue has. */
typedef enum { PLACE_NOW, PLACE_LATER, PLACE_NEVER } PlaceResult;

/* What placements of this run took from one environment. */
typedef struct EnvironmentUse {
    Environment *environment;
    int64_t vcpus_e4;
} EnvironmentUse;

/* The machine and the environments as this run leaves them. */
typedef struct {
    const World *world;
    const Instance *local; /* NULL: its capacity is not known yet */
    int64_t free_vcpus_e4, free_memory_mib, free_gpus;
    bool held;            /* what is left of the machine waits for somebody who was passed over for long */
    EnvironmentUse *uses; /* few: environments that got something in this run */
    size_t uses_len, uses_max;
    Arena *arena;
} Room;

void room_init(Room *room, const World *world, Arena *arena);
/* Tries the queue's environments in order. Takes the room when it says PLACE_NOW. */
PlaceResult place_find(Room *room, const Queue *queue, const JobTemplate *template,
                       Environment **ret_environment);
/* Why not now; arena text. */
const char *place_reason(Room *room, const Queue *queue, const JobTemplate *template, PlaceResult result);
/* Whether only the machine's free capacity is missing: waiting for others to end will help. */
bool place_wants_machine(Room *room, const Queue *queue, const JobTemplate *template);

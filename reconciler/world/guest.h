/* guest.h: tasks of ours that run and that no launch of this state stands for: it was restored. Those of jobs
 * that were submitted after the backup was made are held: left running, told of, and forgotten when they end.
 * Others, of jobs that have to run otherwise, are ended.
 * Owns:   nothing; guests belong to the world.
 * Calls:  world.h.
 * Holds:  a guest keeps what it was given of its instance, and keeps that from being idle; budgets, shares
 * and maxvCpus do not know of it. It is a setting each, so a restart holds it still. */
#pragma once
#include "reconciler/world/world.h"

typedef struct {
    LaunchToken token;
    LaunchToken instance;    /* zeros: none, or not known */
    const char *environment; /* its name */
    const char *task;        /* what it is called there; "" where nobody said */
    const char *job;         /* as the task says itself: "UUID", "UUID:INDEX"; "" */
    int32_t attempt;         /* 0: not known */
    Capacity need;           /* of the instance */
    int64_t since_ms;        /* when it was found */
    bool is_stopping;        /* it is to end */
    bool is_stop_sent;       /* by this process; not stored */
    Instance *held_on;       /* NULL: of that nothing is known here */
} Guest;

/* Everything but held_on and the last two is taken from draft, which is copied. */
Guest *guest_add(World *world, const Guest *draft);
/* It has ended, or was never there. */
void guest_gone(World *world, Guest *guest, int64_t now_ms);
/* It is to end: committed before the effect, which is the caller's (is_stop_sent). */
void guest_stop(World *world, Guest *guest);
/* All of a job ("UUID", with its children and nodes) or a child ("UUID:INDEX"). How many there are. */
size_t guests_stop_job(World *world, const char *job);
const Guest *world_guest_of(const World *world, const char *job); /* one of these; NULL: there is none */

Guest *world_guest(const World *world, const LaunchToken *token); /* NULL: it is none */
size_t world_guests_len(const World *world);
Guest *world_guest_get(const World *world, size_t index); /* by token */

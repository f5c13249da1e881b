/* instance.h: machines, from the decision to have one until it is gone; a part of world.h.
 * Owns:   nothing; instances belong to the world.
 * Calls:  world/fleet.h.
 * Holds:  an instance is intended and committed before its effect, as a launch is (invariant 2), and one
 * whose end was not proven keeps its capacity. free + used is total, unless more is used than there is. What
 * a tick reserves with instance_take() becomes a launch in the same tick. Which instance is in which fleet
 * follows from its state alone. */
#pragma once
#include "reconciler/world/fleet.h"

typedef struct World World;
typedef struct Environment Environment;
typedef struct Launch Launch;

struct Instance {
    LaunchToken token;        /* of its own launch: idempotency and ownership */
    uint64_t number;          /* order of intent, never reused, from 1; decides ties. 0: the local machine */
    Environment *environment; /* NULL: the one machine that local environments share */
    InstanceState state;
    char *type;        /* "c5.large"; "" where there is none */
    char *provider_id; /* "i-…"; NULL: not known yet */
    bool spot;
    bool ran;                   /* had a task already (minScaleDownDelay) */
    Capacity total, free, used; /* total before REGISTERED: planned, from the catalogue */
    int64_t price_micro_per_h;  /* -1: unknown */
    size_t holds;               /* what was taken and not given back: launches and reservations */
    size_t launches;            /* under way on it, guests among them */
    size_t guests;              /* tasks on it that no launch stands for (guest.h) */
    Launch *newest_launch;      /* then Launch.instance_prev */
    int64_t intended_ms;
    int64_t registered_ms; /* 0: never */
    int64_t idle_since_ms; /* 0: busy, or not REGISTERED */
    uint64_t generation;   /* Environment.generation when it was intended */
    /* When it was decided that it takes no new tasks; 0: it takes some. Not stored: after a restart from when
     * it was observed on. */
    int64_t draining_since_ms;
    int64_t
        rests_until_ms; /* it counts as coming before: it refused a launch; 0: it takes some. Not stored */
    /* Why it will be taken away soon (Spot); NULL: nothing is known. Not stored: its provider tells it again.
     */
    char *warning;
    bool is_replaced; /* its jobs' need was part of what is bought, since it was warned. Not stored */
    uint32_t slot;    /* of whoever carries decisions out, free for its use; not stored */
    InFleet in_fleet;
};

/* ---- transitions ---- */
typedef struct {
    const char *type;
    bool spot;
    Capacity planned;
    int64_t price_micro_per_h; /* -1: unknown */
} InstanceDraft;
/* INTENDED, to be committed before the effect. token is from the caller's entropy. */
Instance *instance_intend(World *world, Environment *environment, const InstanceDraft *draft,
                          const LaunchToken *token, int64_t now_ms);
/* A host of an UNMANAGED environment, which nobody asked for: it is there, and costs nothing here. */
Instance *instance_host(World *world, Environment *environment, const LaunchToken *token,
                        const char *provider_id, Capacity capacity, int64_t now_ms);
/* The provider made it. Repeating it changes nothing. */
void instance_started(World *world, Instance *instance, const char *provider_id, int64_t now_ms);
/* The store was read again by the process that the provider has told of it, or that asked for it: an UNKNOWN
 * one is what it was when that was committed. */
void instance_resume(World *world, Instance *instance, int64_t now_ms);
/* It takes tasks from now on, or (told again) has another capacity; what drains or stops goes on doing so. */
void instance_registered(World *world, Instance *instance, Capacity capacity, int64_t now_ms);
/* It refused a launch, to be tried again, and may be on its way out: it takes none until then, so that nobody
 * is refused again and again before that is heard of. A restart forgets it. */
void instance_rest(World *world, Instance *instance, int64_t until_ms);
/* Those that have rested take tasks again. When the next one will; INT64_MAX: none rests. */
int64_t instances_wake(World *world, int64_t now_ms);
/* Proven never to have existed: gone, without launches. */
void instance_refused(World *world, Instance *instance, const char *reason, int64_t now_ms);
/* No new tasks. An UNKNOWN one stays so until it is observed, and then drains. */
void instance_drain(World *world, Instance *instance, int64_t now_ms);
/* It will be taken away soon, with what runs on it: it takes no new tasks, as above. Repeating it changes
 * nothing. */
void instance_warned(World *world, Instance *instance, const char *reason, int64_t now_ms);
/* Its end is decided; the effect follows the commit and is the caller's. */
void instance_stop(World *world, Instance *instance, int64_t now_ms);
/* It is no more: its launches are lost (`Host EC2 (instance …) terminated.`) and it is freed. */
void instance_gone(World *world, Instance *instance, const char *reason, int64_t now_ms);
/* Whether it is in a fleet that takes tasks: registered, and not at rest. */
static inline bool instance_takes_tasks(const Instance *instance)
{
    return instance->state == INSTANCE_REGISTERED && instance->rests_until_ms == 0;
}
/* Whether it drains or stops, also where it has not been observed since a restart. */
bool instance_is_leaving(const Instance *instance);
/* What the machine that local environments share has; made at the first call, never stored. */
Instance *instance_local(World *world, Capacity capacity);

/* ---- looking ---- */
Instance *world_instance(const World *world, const LaunchToken *token); /* NULL: not known, or gone */
/* By number, without the local machine; NULL at the end. */
Instance *world_instance_next(const World *world, const Instance *after);
Instance *environment_instance_next(const Environment *environment, const Instance *after);
size_t world_instances_len(const World *world);
Instance *world_local_instance(const World *world); /* NULL: its capacity was not told yet */
/* The fleet that takes the environment's tasks: its own, or the one machine's. NULL: it has no instances
 * (Fargate), or the machine's capacity was not told yet. */
Fleet *environment_fleet(const World *world, const Environment *environment);
/* Stops that the world decided by itself since the last call (an environment deleted or replaced), and those
 * decided before a restart, once they are observed. Appended as Instance*, borrowed. */
void world_take_instance_stops(World *world, GPtrArray *ret_stops);

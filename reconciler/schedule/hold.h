/* hold.h: room that is kept for the head of a queue.
 * Owns:   nothing; holds live in the pass's Arena and are found anew in each pass.
 * Calls:  world/.
 * Holds:  1. A head that waits has at most one hold for each environment of its queue. Before it is
 * HOLD_AFTER_MS old the hold is a reservation: the first moment, and the host, at which it fits by what is
 * expected to end there (a launch of unknown run time never ends, nor one that runs for longer than
 * expected); none where there is no such moment, or where instances are coming for it. Others may use that
 * host if they are expected to be gone by then, or if they fit beside it even then. The same for what is left
 * of maxvCpus where that is what the head lacks.
 *         2. Once it is HOLD_AFTER_MS old the hold is strict: nothing is placed there any more. The host is
 * the one, of those that could hold it if they were empty, on which something was placed the longest ago (the
 * oldest newest launch, then the lowest number).
 *
 * Why nobody starves. Let a head be held strictly from time T on, and let R be the longest that anything runs
 * that was running at T. The hold host is chosen anew in each pass, but its newest launch is never younger
 * than that of the host chosen at T: nothing is placed on the host that is held, so its newest launch only
 * becomes older as launches end, and the choice goes to another host only where the newest is older still. So
 * at T + R the hold host, whichever it is, has no launch that was not there at T, and of those none is left:
 * it is empty and the head fits. Ahead of it in a pass come only jobs of queues of higher priority, jobs
 * submitted before it and retried ones: the bound holds against all others, and a higher priority is what its
 * name says. In a fair-share queue another share may be first by its use; so the head's turn is noted ("turn
 * QUEUE") when its strict hold begins, and it stays first in its queue until it is placed or ends. The second
 * of two heads that want the same host waits for the first one's run as well. */
#pragma once
#include "reconciler/schedule/pass.h"

struct Hold {
    Hold *next;
    RunnableGroup *group; /* for whom */
    bool strict;
    int64_t shadow_ms; /* when it is expected to start there */
    Capacity beside;   /* what it will leave free then */
};

/* A hold is found only when somebody else could go where it may be: mostly nobody can. */
struct HoldWanted {
    HoldWanted *next;
    RunnableGroup *group;
    bool strict;
};

struct HeldHost {
    HeldHost *next, *next_all;
    Instance *instance;
    Fleet *fleet; /* where it goes back to */
    Hold *holds;
};

/* For the current head of the walk, which did not fit. provided: instances for it are coming or asked for. Of
 * a multinode job only on the one machine: it gathers instances elsewhere. */
void hold_add(Pass *pass, QueueWalk *walk, RunnableGroup *group, bool provided);
/* Makes the holds that are wanted in a room, before something is placed there. True: there were some. */
bool holds_make(Pass *pass, Room *room);
/* How many jobs of a group may go where these holds are; they may end before, or fit beside. */
int64_t holds_allow(const Pass *pass, const Hold *holds, const RunnableGroup *group);
/* That many were placed there. */
void holds_take(const Pass *pass, Hold *holds, const RunnableGroup *group, int64_t count);
/* Takes an instance out of its fleet until the pass ends; holds it for nobody in particular. */
HeldHost *hold_host(Pass *pass, Room *room, Instance *instance);
/* Everything goes back to its fleet. */
void holds_end(Pass *pass);

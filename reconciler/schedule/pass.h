/* pass.h: what one pass of the scheduler works on; private to schedule/.
 * Owns:   nothing; everything lives in the pass's Arena but what is taken from instances.
 * Calls:  world/.
 * Holds:  what a pass takes for a while (instances held, capacity that is coming) is given back by
 * pass_end(). */
#pragma once
#include "reconciler/schedule/feasible.h"
#include "reconciler/schedule/misfits.h"
#include "reconciler/schedule/schedule.h"
#include "reconciler/world/instance.h"
#include "reconciler/world/usage.h"

typedef struct Pass Pass;
typedef struct QueueWalk QueueWalk;
typedef struct Hold Hold;
typedef struct HoldWanted HoldWanted;
typedef struct HeldHost HeldHost;

typedef enum {
    ROOM_MACHINE, /* local, docker: all share this machine, maxvCpus caps each */
    ROOM_FLEET,   /* EC2 and UNMANAGED: instances of its own */
    ROOM_TASKS    /* Fargate: no instances, maxvCpus is the capacity */
} RoomType;

/* Whether a runnable job that wants GPUs could use a host of this size. */
typedef struct GpuSize GpuSize;
struct GpuSize {
    GpuSize *next;
    Capacity total;
    bool wanted;
};

/* One environment as this pass leaves it. */
typedef struct {
    Environment *environment;
    RoomType type;
    bool open;                        /* takes jobs now */
    Fleet *fleet;                     /* NULL: no instance yet, or Fargate */
    int64_t left_e4;                  /* of maxvCpus, where it caps jobs; INT64_MAX: it does not */
    uint8_t *suits;                   /* by kind: 0 not looked at, else KindSuits */
    Hold *holds;                      /* on left_e4 */
    HoldWanted *wanted, **wanted_end; /* to be made before anything is placed here; in order */
    HeldHost **hosts;                 /* instances held: of the room, or of the machine */
    HeldHost *own_hosts;
    int64_t demanded_e4; /* of what it may grow by */
    bool gang_seen;      /* who gathers instances here was settled in this pass */
    GpuSize *gpu_sizes;  /* sizes of hosts with GPUs that were looked at */
    Capacity misfit;     /* at least so much fits nowhere here for the rest of the pass, where known */
    bool misfit_known;
    bool gpus_known, gpus_spare; /* some host with GPUs is of a size that no job could use the GPUs of */
} Room;

typedef enum { SUITS_YES = 1, SUITS_NO } KindSuits;

/* Where a group stands in this pass: its next item. */
typedef struct {
    RunnableGroup *group;
    const void *at;
    RunnableItem item;
    uint64_t front;
    int64_t left; /* runnable jobs of the group that this pass has not placed */
} GroupCursor;

/* One of which something was placed, with what its place in the order follows from: heaps of these are large,
 * and what they ask has to stand together. */
typedef struct {
    uint64_t front, sequence;
    int32_t priority, index;
    GroupCursor *cursor;
} AdvancedGroup;

typedef struct {
    Share *share;
    QueueWalk *walk;
    Pass *pass;
    Wide key, step_per_vcpu; /* use times weight; what one 1/10,000th vCPU more adds */
    int64_t left_e4;         /* of shareLimits; INT64_MAX: none */
    GroupCursor current;     /* group NULL: nothing left */
    RunnableGroup *last;     /* where the walk through the tree stands */
    RunnableGroup *peeked;   /* the next one there, when it was looked up already */
    bool at_end;
    bool turn;               /* its head has a turn since an earlier pass: first, whatever its use */
    AdvancedGroup *advanced; /* a heap with ADVANCED_CHILDREN below each */
    size_t advanced_len, advanced_max;
    GroupCursor *spare; /* of the one that left it last; NULL: taken */
} ShareWalk;

struct QueueWalk {
    Queue *queue;
    Room **rooms; /* NULL where the environment does not exist */
    size_t rooms_len;
    ShareWalk **shares; /* a heap: who is next */
    size_t shares_len;
    int64_t left_e4;     /* that all shares may still take (computeReservation); INT64_MAX: no limit */
    bool limits_shares;  /* a share may be at its limit */
    Misfits misfits;     /* fit nowhere now */
    Misfits unmet;       /* nor can any environment grow for them */
    bool grows;          /* some environment may */
    unsigned held_tries; /* jobs that only a reservation kept out */
    uint64_t held_rooms; /* bit per place in rooms: a reservation of this queue is there */
    bool is_over;        /* strict order, and the head waits */
    bool is_spent;       /* it can place nothing more and makes nothing grow: found out when asked */
    bool is_left_out;    /* only opened to see that nothing can be placed: check_skipped */
    bool stays_awake;    /* something was parked, or a multinode job tried: that may change by time alone */
};

typedef struct {
    const char *name;
    int64_t left;
} ConsumableUse;

typedef struct {
    Instance *instance;
    Capacity need;
    int64_t count;
} ComingUse;

struct Pass {
    World *world;
    const ScheduleOptions *options;
    int64_t now_ms;
    Arena *arena;
    Decisions *decisions;
    size_t placements_max, parked_max, demand_max, cancels_max;
    Room **rooms;         /* by Environment.slot */
    Instance *machine;    /* that local environments share; NULL: not told yet */
    Fleet *machine_fleet; /* its fleet, where it may be missing while it is held */
    HeldHost *machine_hosts;
    HeldHost *held;      /* all, newest first */
    struct Freed *freed; /* hold.c: a table that is made once */
    uint32_t freed_round;
    ConsumableUse *consumables;
    size_t consumables_len, consumables_max;
    ComingUse *coming;
    size_t coming_len, coming_max;
    unsigned held_tries; /* of all queues */
    const Queue *needed; /* not asked yet, and may place or need something; NULL: not known */
    bool is_over;        /* no queue that was not asked yet can place or need anything */
    QueueWalk **limited; /* of queues with time limits */
    size_t limited_len, limited_max;
};

void pass_init(Pass *pass, World *world, const ScheduleOptions *options, Arena *arena, Decisions *decisions);
/* An array in the arena with room for one more; *max grows by doubling. */
void *pass_grow(Pass *pass, void *array, size_t len, size_t *max, size_t size);

void pass_record(Pass *pass, const Placement *placement);

/* ---- room.c: environments ---- */
/* Whether what lacks room there could be demand: instances are coming, or it is below its maxvCpus. */
bool room_may_grow(const Pass *pass, const Room *room);
/* Whether an attempt that needs so much may be placed there now, or may make it grow; false is certain. */
bool room_may_take(Pass *pass, Room *room, const Capacity *least);
/* What has to be free there at once: all nodes of a multinode job share the one machine. */
Capacity room_need(const Pass *pass, const Room *room, const RunnableGroup *group);
/* What it lacks, where it fits in no room of its queue: all of its kind that need at least so much in each
 * member fit nowhere either. */
Capacity pass_misfit(Pass *pass, const QueueWalk *walk, const RunnableGroup *group);
/* So of no environment; false also when there are too many to ask. */
bool pass_fits_nowhere(Pass *pass, const Capacity *least);
Room *pass_room(Pass *pass, Environment *environment);
/* What the environment's types, platform and provider say of a kind, whatever the size. */
bool room_suits(Pass *pass, Room *room, uint32_t kind);
/* Whether it can ever run such a job; FEASIBLE_UNKNOWN also where it is closed. why may be NULL; *ret_max: it
 * is only maxvCpus that is too small. */
FeasibleResult room_can_ever(Pass *pass, Room *room, const RunnableGroup *group, GString *why, bool *ret_max);
/* What it says of work that waits; appends. */
void room_append_reason(Pass *pass, Room *room, const RunnableGroup *group, GString *text);
/* A group that nothing of its queue can ever run: the decision to park it. */
bool pass_parks(Pass *pass, const QueueWalk *walk, RunnableGroup *group);
LocalMachine pass_machine(const Pass *pass);

/* ---- walk.c: order ---- */
bool walk_init(Pass *pass, QueueWalk *walk, Queue *queue);
/* Who is next; NULL: nobody. */
ShareWalk *walk_first(const QueueWalk *walk);
/* The first `count` jobs of the current item were placed. */
void walk_placed(Pass *pass, QueueWalk *walk, int64_t count);
/* The rest of the current group is left alone. */
void walk_drop(Pass *pass, QueueWalk *walk);
/* How many jobs of the current item may be placed before another share is next. */
int64_t walk_run(const QueueWalk *walk);
bool cursor_before(const GroupCursor *a, const GroupCursor *b); /* as queues of one priority are merged */

/* ---- place.c: hosts ---- */
typedef enum {
    PLACE_NOW,
    PLACE_FULL,       /* no room */
    PLACE_HELD,       /* there is room, kept for somebody else */
    PLACE_SHARE,      /* the share or the queue is at a limit */
    PLACE_CONSUMABLE, /* a consumable resource is short */
    PLACE_CLOSED      /* no environment that is open suits */
} PlaceResult;
typedef struct {
    Room *room;
    Instance *instance;
    int64_t count;
} Place;
/* Takes nothing. At most `most` jobs of the group, and vCPUs up to left_e4 (what limits of the share and the
 * queue leave). */
PlaceResult place_find(Pass *pass, const QueueWalk *walk, const RunnableGroup *group, int64_t left_e4,
                       int64_t most, Place *ret_place);
/* The same of one room, whose limits are all that counts: not those of consumable resources. */
PlaceResult room_find(Pass *pass, const QueueWalk *walk, Room *room, const RunnableGroup *group, int64_t most,
                      Place *ret_place);
/* What was placed: jobs, or all nodes of a multinode one. */
void place_take(Pass *pass, QueueWalk *walk, const RunnableGroup *group, const Place *place);
/* Run time that the group's next job is expected to need; INT64_MAX: unknown. */
int64_t group_expected_ms(const Pass *pass, const RunnableGroup *group);

/* ---- demand.c ---- */
/* What of the group's jobs fits neither now nor on what is coming. True: the first of them is provided for.
 */
bool demand_add(Pass *pass, QueueWalk *walk, RunnableGroup *group, int64_t jobs);

/* ---- gang.c ---- */
/* A multinode job: all nodes at once, or it gathers instances; on the one machine it waits like a large job.
 */
PlaceResult gang_place(Pass *pass, QueueWalk *walk, const GroupCursor *cursor);

/* ---- consumable.c ---- */
/* How many jobs of a kind the consumable resources allow now; INT64_MAX: it needs none. */
int64_t consumables_allow(Pass *pass, const RunKind *kind);
void consumables_use(Pass *pass, const RunKind *kind, int64_t count);

/* ---- limit.c ---- */
void limits_run(Pass *pass, Queue *queue, const QueueWalk *walk);

/* ---- note.c: numbers kept from pass to pass, as settings "WHAT NAME" ---- */
bool note_read(const World *world, const char *what, const char *name, int64_t *ret_values, int len);
void note_write(World *world, const char *what, const char *name, const int64_t *values, int len);
void note_clear(World *world, const char *what, const char *name);

/* simulate_internal.h: what simulate*.c share. */
#pragma once
#include "reconciler/decide.h"
#include "reconciler/forecast/durations.h"
#include "reconciler/provider/simulated/simulated_cloud.h"
#include "reconciler/simulate.h"

/* What runs in the cloud for one launch; found by the launch's token. */
typedef struct {
    Launch *launch;  /* NULL: the slot is free */
    uint32_t number; /* of the cloud's task */
} SimulatedTask;

typedef struct {
    Instance *instance; /* NULL: free */
    uint32_t number;    /* of the cloud's machine; CLOUD_NO_MACHINE: it is simply there */
} SimulatedMachine;

/* How many jobs rest on what. */
typedef enum {
    BASIS_WORKLOAD,
    BASIS_ANNOTATION,
    BASIS_HISTORY,
    BASIS_TIMEOUT,
    BASIS_ASSUMED,
    BASIS_COUNT
} Basis;

/* How long attempts of one template run. */
typedef struct {
    int64_t id; /* the template's */
    Basis basis;
    TaskModel model;
    DurationBucket *buckets; /* of history */
} RunModel;

typedef struct {
    uint32_t handle;
    Capacity used, allocated;
    bool is_dirty;
} SimulatedEnvironment;

typedef struct {
    Queue *queue;
    uint32_t handle;
    int64_t runnable, running; /* as the collector knows */
} SimulatedQueue;

typedef struct Simulation {
    const SimulationOptions *options;
    World *world;
    Growth *growth;
    SimulatedCloud *cloud;
    Collector *collector;
    Arena *arena;
    Rng ids;
    Decided decided;
    int64_t now_ms;
    uint64_t tokens; /* given out so far */
    bool changed;    /* the brain must look again */
    int64_t wake_ms; /* it must look then, though nothing happened */

    GArray *tasks, *free_tasks;       /* of SimulatedTask; of uint32_t */
    GArray *machines, *free_machines; /* of SimulatedMachine; of uint32_t */
    GHashTable *models;               /* template id → RunModel*, for looking up */
    GHashTable *environments;         /* Environment* → SimulatedEnvironment*, for looking up */
    GArray *queues;                   /* of SimulatedQueue, in the world's order */
    size_t queues_known;

    size_t next_row;              /* of the workload */
    const WorkloadRow *requested; /* that was submitted last; NULL: none was */
    json_t *request;              /* of that row */
    GArray *rows; /* of uint32_t: row + 1 of the job with this sequence, less first_sequence */
    uint64_t first_sequence;
    GPtrArray *stops;          /* of Launch*: what operations on the world decided */
    uint64_t watched_sequence; /* jobs up to here are known to the collector */
    GHashTable *retried;       /* int64 of job and child → when its first attempt ran, for looking up */
    GArray *sizes;             /* of JobId: steps that wait for their size */
    uint64_t assumed_sizes;
    bool asked_for_spot;
    uint64_t basis[BASIS_COUNT];
    uint64_t steps;
    int64_t idle_from_ms; /* there was work up to here */
} Simulation;

/* simulate_model.c */
typedef struct {
    int64_t run_ms;
    int exit_code;
} Fate;
Fate model_fate(Simulation *simulation, const Launch *launch);
const WorkloadRow *model_row(const Simulation *simulation, const Job *job); /* NULL: not of the workload */
void run_model_free(void *model);
void model_notes(const Simulation *simulation);

/* simulate_tasks.c */
void simulated_token(LaunchToken *token, void *simulation);
void tasks_adopt(Simulation *simulation); /* what runs when the simulation begins */
void tasks_start(Simulation *simulation);
void tasks_stop(Simulation *simulation, const GPtrArray *launches);
void task_happened(Simulation *simulation, const CloudEvent *event);

/* simulate_machines.c */
void machines_begin(
    Simulation *simulation); /* the local machine, hosts of UNMANAGED environments, what is there */
void machines_start(Simulation *simulation);
void machines_stop(Simulation *simulation, const GPtrArray *instances);
void machine_happened(Simulation *simulation, const CloudEvent *event);
uint32_t machine_number(const Simulation *simulation, const Instance *instance);

/* simulate_watch.c: what the collector is told */
void watch_begin(Simulation *simulation);
void watch_end(Simulation *simulation);
void watch_step(Simulation *simulation);
uint32_t watch_share(Simulation *simulation, Share *share); /* kept in its slot */
SimulatedEnvironment *watch_environment(Simulation *simulation, Environment *environment);
void watch_new(Simulation *simulation);
void watch_sized(Simulation *simulation, const Job *job); /* it has become an array */
void watch_finished(Simulation *simulation);              /* before they are forgotten */
void watch_started(Simulation *simulation, const Launch *launch);
typedef struct {
    Job *job;
    int32_t index;
    int64_t started_ms; /* 0: it never ran */
    Share *share;
    Environment *environment;
    Capacity need;
    CollectedOutcome outcome;
} WatchedEnd;
void watch_ended(Simulation *simulation, const WatchedEnd *end);

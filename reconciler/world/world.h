/* world.h: the whole state in memory and its named transitions.
 * Owns:   every resource, queue, job, run and launch. Others read through the structs below and hold ids, not
 * pointers, across ticks. Calls:  spec/, world/record.h. No clock, no socket, no file, no log: time is an
 * argument, randomness a seeded Rng. Holds:  1. State changes only through the functions below; every change
 * marks its object dirty, and world_take_batch() writes each dirty object once: memory may be ahead of the
 * store, never beside it.
 *         2. Job states move only along the table in transition.c.
 *         3. A queued array child has no row and no allocation of its own.
 *         4. Counts by state are always equal to a recount (world_check, run in tests after every step). */
#pragma once
#include "reconciler/world/pace.h"
#include "reconciler/world/consumable.h"
#include "reconciler/world/history.h"
#include "reconciler/world/instance.h"
#include "reconciler/world/record.h"
#include "spec/base/rng.h"

typedef struct World World;
typedef struct Resource Resource;
typedef struct Environment Environment;
typedef struct Queue Queue;
typedef struct JobTemplate JobTemplate;
typedef struct Job Job;
typedef struct ArrayState ArrayState; /* opaque: array.c */
typedef struct Launch Launch;
typedef struct Run Run;
typedef struct Share Share;
typedef struct RunnableGroup RunnableGroup;

/* Asked at submission for jobs that are no longer in memory: their final state, from the store. False:
 * unknown. index NOT_A_CHILD: the job itself; *ret_array_size is 0 for a single job. */
typedef bool (*FinalStateFunc)(const JobId *id, int32_t index, JobState *ret_state, int32_t *ret_array_size,
                               void *data);

struct Resource {
    Kind kind;
    char *name, *owner, *file, *status_reason;
    char *spec; /* canonical JSON; GRefString, which a JobDefinition shares with its newest revision */
    char *metadata, *next_spec; /* canonical JSON */
    Digest digest, next_digest;
    int line;
    ResourcePhase phase;
    DeletionPolicy deletion;
    bool prune, kept;
    int64_t revision, created_ms, updated_ms;
    /* decoded, by kind; NULL for other kinds */
    Environment *environment;
    Queue *queue;
    SchedulingPolicySpec *policy;
    Consumable *consumable;
    bool dirty;
};

/* What is known of what an environment's machines are made from (pins.h). */
typedef struct {
    bool is_known;    /* something is pinned: by says for which content of the manifest */
    bool is_asked;    /* somebody asked for what is newest now */
    bool is_outdated; /* there is something newer */
    Digest by;
    int64_t rolls; /* how often something else was pinned under the same spec: part of the generation */
} PinsState;

struct Environment {
    Resource *resource;
    ComputeEnvironmentSpec *spec;
    ProviderType provider;                  /* effective */
    int64_t used_vcpus_e4, used_memory_mib; /* by launches intended, effective, unknown (invariant 7) */
    size_t launches;
    /* Instances of its own; none where it shares the local machine, and none on Fargate. */
    Fleet *fleet;           /* REGISTERED */
    Fleet *coming;          /* INTENDED and PENDING, with the capacity that is planned */
    size_t instances;       /* of any state but GONE */
    int64_t instance_vcpus; /* whole vCPUs of all these: what maxvCpus limits where it buys instances */
    uint64_t changes;    /* counts what a scaler may act on: an instance changed its state or size, was made,
                            became idle or busy */
    uint64_t generation; /* of what instances are made from: equal for equal members that update rolling, and
                            equal pins.rolls */
    PinsState pins;
    char *outside; /* see outside.h; NULL: its name */
    unsigned slot; /* its number among the environments there are: for arrays, never for order */
    /* Of whoever knows the provider, not stored: it holds something of the environment (a cluster), or may:
     * it does not go before that; and why that is not yet as the environment is now; NULL: it is. */
    bool is_held, is_made; /* made: it was so once */
    bool is_silent;        /* its provider has not told yet what is there: nothing begins in it */
    bool is_refused;       /* its provider did not make it, unmade says why: nothing begins in it */
    bool is_pinning;       /* its provider looks up what machines are made from: none is bought meanwhile */
    char *unmade;
    /* What schedule/ worked out from spec alone; freed when that changes. */
    void *derived;
    GDestroyNotify derived_free;
};

struct Queue {
    Resource *resource;
    JobQueueSpec *spec;
    int64_t counts[JOB_STATE_COUNT]; /* single jobs and array children in memory; parents are not counted */
    size_t unfinished;               /* jobs (parents count as one) not yet final */
    Pace pace;                       /* how many of them, children each, ended */
    bool fair;                       /* it has a scheduling policy: shares by use, not one for all */
    const SchedulingPolicySpec *policy; /* borrowed; NULL: FIFO, or the policy does not exist */
    int64_t held_vcpus_e4;              /* by launches under way of its jobs */
    int64_t waiting_vcpus_e4;           /* that its RUNNABLE jobs need, all nodes counted; decides nothing */
    size_t active_shares;
    size_t groups; /* of runnable work, the parked ones left out */
    /* As of queue_order_first(): */
    const RunnableGroup *head; /* the first in order; NULL: there is none, or shares decide who is first */
    Capacity least;            /* of all that its groups need, each member */
    bool rests;                /* see queue_rest() */
};
/* What its computeEnvironmentOrder names; NULL where there is no such environment. */
Environment *const *queue_environments(const World *world, const Queue *queue, size_t *ret_len);
bool queue_names_environment(const World *world, const Queue *queue, const Environment *environment);
unsigned world_environment_slots(const World *world); /* slots are below it */
/* Launches of an environment by when they are expected to end (launch_end_ms()), from the first that ends
 * after from_ms, those of unknown run time left out; NULL: first, or at the end. */
Launch *environment_launch_next(const Environment *environment, const Launch *after, int64_t from_ms);
int64_t launch_end_ms(const Launch *launch); /* INT64_MAX: not known */

/* What the jobs of one queue with one shareIdentifier have and may have. The jobs of a FIFO queue are one
 * share, "". */
struct Share {
    Queue *queue;
    char *identifier;
    int64_t weight_e4;     /* in force: weightFactor, times the active shares of its prefix */
    int64_t max_vcpus_e4;  /* shareLimits; 0: none */
    int64_t held_vcpus_e4; /* by launches under way */
    size_t unfinished;     /* jobs (parents count as one) */
    uint32_t slot;         /* of whoever looks on, free for its use; not stored */
    bool active;           /* has unfinished jobs, or had within the decay window (batch: "Active share") */
    int64_t inactive_since_ms; /* when the last of its jobs ended; 0 while it has some */
    size_t groups, parked;     /* that stand in order, and that do not */
};

/* Beside its size, what decides where an attempt can run. */
typedef struct {
    Platform platform;
    const char *architecture; /* or NULL */
    const char *beyond;       /* what the local provider refuses, joined by commas; "" for none */
    bool has_command, uses_gpus;
    int64_t nodes;                  /* 1: not multinode */
    const char *node_instance_type; /* or NULL */
    const ConsumableNeed *consumables;
    size_t consumables_len;
} RunKind;

/* Runnable work of a share that is equal in all that decides where, when and how long it runs: what holds for
 * one job holds for all. */
struct RunnableGroup {
    Share *share;
    int32_t priority;         /* schedulingPriority; 0 in a FIFO queue */
    uint32_t kind;            /* world_kind() */
    Capacity need;            /* of an attempt; of a multinode job of each node */
    int64_t jobs;             /* that are runnable, children of arrays one by one */
    size_t items;             /* an array's children that were never launched are one */
    uint64_t front, sequence; /* of its first item, */
    int32_t index;            /* NOT_A_CHILD for a single job and an array's children never launched */
    bool parked;              /* no environment of the queue can ever run it */
    BlockedReason blocked;    /* while parked */
    char *reason;
    int64_t parked_ms;
    uint64_t
        judged; /* world_feasibility() for which it was found that it can run some day; for the scheduler */
};

struct JobTemplate {
    int64_t id;
    int64_t users;                   /* unfinished jobs */
    char *definition;                /* "NAME:REVISION" */
    char *definition_spec, *request; /* canonical JSON */
    JobDefinitionSpec *effective;
};

struct Job {
    JobId id;
    uint64_t sequence;
    JobTemplate *template;
    Queue *queue;
    JobState state : 8; /* parents: SUBMITTED, PENDING, SUCCEEDED, FAILED */
    bool is_cancelled, is_terminated;
    int32_t array_size;  /* 0: single */
    char *status_reason; /* NULL: none */
    int32_t attempts;
    uint32_t slot; /* of whoever looks on, free for its use; not stored */
    uint64_t front;
    int64_t created_ms, started_ms, stopped_ms;
    int64_t runnable_ms; /* when it first became RUNNABLE (arrays: opened); 0: not yet; created_ms after a
                            restart */
    ArrayState *array;   /* NULL: single */
    Launch *launch;      /* current launch of a single job, or of the main node, or NULL */
    Run *run;            /* or NULL */
    char *step;          /* or NULL */
    struct JobPrivate *private; /* what stands before it in its block; job.h */
    char name[];
};

struct Launch {
    LaunchToken token;
    Job *job;
    int32_t index; /* NOT_A_CHILD; the child; of a multinode job the node */
    bool is_node;
    int32_t attempt;
    LaunchState state;
    bool stopping;            /* a stop was decided */
    Environment *environment; /* may be NULL after its environment is gone */
    Instance *instance;       /* NULL: on none (Fargate) */
    int64_t vcpus_e4, memory_mib, gpus;
    Capacity held; /* of its instance: the same, but for a node, which has its instance for itself */
    int64_t intended_ms, started_ms;
    int64_t expected_ms;                   /* run time expected when it was intended; 0: unknown */
    Launch *instance_prev, *instance_next; /* others on its instance */
    uint32_t slot; /* of whoever carries decisions out, free for its use; not stored */
};

struct Run {
    char *id, *name, *status_reason;
    char *owner; /* interned GRefString */
    char *spec;  /* NULL once it has ended and its row is written: the store has it */
    Kind kind;
    Digest key;
    int64_t number, created_ms, stopped_ms;
    RunState state;
    PipelineSpec *pipeline; /* decoded while the run is active; NULL for KIND_JOB */
    size_t jobs_unfinished;
};

/* ---- life ---- */
/* default_provider: what PROVIDER_UNSET means. */
World *world_new(uint64_t seed, ProviderType default_provider);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)
/* A sink that fills world (which is empty); call world_loaded() when the load is done. After it, launches
 * that were intended or effective are LAUNCH_UNKNOWN until observed. */
extern const RecordSink world_sink; /* data: World* */
bool world_loaded(World *world, GError **error);
/* false: nothing is recorded: no rows, no events, and what has finished may be forgotten at once. For a
 * simulation; the world must not be dirty. */
void world_set_recording(World *world, bool recording);
/* Everything dirty since the last call, as rows; NULL when there is nothing. New, caller frees. */
Batch *world_take_batch(World *world);
bool world_is_dirty(const World *world);
/* Batches taken so far, and how many of them are durable by now. Until the first call of world_set_durable()
 * every batch taken counts as durable when world_forget_finished() is called. */
uint64_t world_batches(const World *world);
void world_set_durable(World *world, uint64_t batches);
void world_set_final_lookup(World *world, FinalStateFunc func, void *data);
/* Everything that may still decide, as sorted text: two worlds with equal dumps act alike. For tests; new,
 * caller frees. */
char *world_dump(const World *world);
/* Recounts and compares every index (invariant 8); aborts with a text on a difference. For tests. */
void world_check(const World *world);

/* ---- resources ---- */
typedef struct {
    const Manifest *manifest; /* copied */
    const char *owner;
    bool is_new_revision; /* a JobDefinition gets one, also where nothing differs */
} ResourceChange;
Resource *world_resource(const World *world, Kind kind, View name); /* NULL: none */
/* Ordered by kind, name; NULL at the end. */
const Resource *world_resource_next(const World *world, const Resource *after);
/* The first of that kind whose name is not before `name`; NULL: none. */
const Resource *world_resource_from(const World *world, Kind kind, View name);
/* Where environments run that say nothing and that no source owns. */
ProviderType world_default_provider(const World *world);
size_t world_resources_len(const World *world);
/* Sorted records for plan_build; text borrowed until the world changes. New array, caller g_frees. */
ResourceRecord *world_resource_records(const World *world, size_t *ret_len);
RunRecord *world_run_records(const World *world, const char *owner,
                             size_t *ret_len); /* sorted by kind, name, number */

bool resource_put(
    World *world, const ResourceChange *change, int64_t now_ms,
    GError **error); /* create or update in place; a JobDefinition with a new digest gets a new revision */
void resource_replace(World *world, const ResourceChange *change,
                      int64_t now_ms); /* drains, then becomes the new one */
void resource_delete(World *world, Kind kind, View name,
                     int64_t now_ms); /* marks DELETING; resource_settle finishes it */
/* --provider of a source (NULL: none was given): overrides where its environments run, and nothing that they
 * say of themselves. otherwise: where those run that say nothing (muster.yaml); NULL: on the world's default.
 */
void resource_set_provider(World *world, const char *owner, const char *provider, const char *otherwise);
/* Sets unmade. */
void environment_set_unmade(World *world, Environment *environment, const char *why);
size_t world_unmade(const World *world); /* environments that have one */
/* It is on its way out, or to become another one, and nothing keeps it but what its provider holds. */
bool environment_is_drained(World *world, const Resource *resource);
void resource_set_kept(World *world, Kind kind, View name, int64_t now_ms);
/* Another name for what a manifest describes. */
typedef struct {
    Kind kind;
    View from, to;
    Digest key, new_key; /* of a run that has `key`: `new_key` from then on, since names are in keys */
} ResourceRename;
/* It goes on under that name, with all that hangs on it: jobs, runs, usage of shares, positions of schedules,
 * overrides, history; machines, pins and what its provider holds (outside.h); what is taken of a consumable
 * resource; run times. A definition has its active revisions under the new name, too, and none by the former
 * one any more: jobs show the revision that they were submitted with. What of other resources names it is
 * theirs to change. Of a Job: its runs. Nothing is done with WORLD_ERROR_NOT_FOUND or WORLD_ERROR_CONFLICT
 * (the name is taken, or it is being deleted or replaced). */
bool resource_rename(World *world, const ResourceRename *rename, int64_t now_ms, GError **error);
/* Runs that have `key` have `new_key` from then on: what their manifest names was renamed. */
void runs_rekey(World *world, Kind kind, View name, const Digest *key, const Digest *new_key);
/* world_resource(), or what had this name once. */
Resource *world_resource_renamed(const World *world, Kind kind, View name);
/* Its source lets it go: it is nobody's from then on (owner "", kept), and stays in force as it is. Nothing
 * to do where nobody owns it. WORLD_ERROR_CONFLICT: it is being deleted or replaced. */
bool resource_forget(World *world, Kind kind, View name, int64_t now_ms, GError **error);
/* Moves DELETING and REPLACING resources on as far as they can go now, at most `max` of them: queues drain or
 * terminate by their policy, environments wait for queues and launches. Returns how many are still in
 * transition. */
size_t resource_settle(World *world, size_t max, int64_t now_ms);
/* Whether a resource of this owner is DELETING or REPLACING. */
bool world_owner_in_transit(const World *world, View owner);
/* "2 queues refer to it, 3 jobs run on it": why it is not gone yet. New string or NULL. */
char *resource_pending_reason(const World *world, const Resource *resource);
/* NAME or NAME:REV or NAME@sha256:HEX or ARN → an active revision. NULL: none (error says why, as Batch words
 * it). */
const RevisionRecord *world_revision(const World *world, View reference, GError **error);
/* ACTIVE or not; NULL: none. */
const RevisionRecord *world_revision_find(const World *world, View name, int64_t revision);
/* All of them by name, of each name the newest first: the first whose name is not before `name`, of that name
 * itself only revisions below `below` (0: all); NULL at the end. */
const RevisionRecord *world_revision_from(const World *world, View name, int64_t below);
const RevisionRecord *world_revision_next(const World *world, const RevisionRecord *after);
/* That revision, which there is, is INACTIVE from then on; the definition is what its newest ACTIVE one is.
 * False: none is left, and the definition is the caller's to delete. */
bool definition_deregister(World *world, View name, int64_t revision, int64_t now_ms);
/* That revision, which there is, has this spec from then on, with other tags only. */
void definition_respecify(World *world, View name, int64_t revision, View spec, const Digest *digest,
                          int64_t now_ms);

/* ---- jobs ---- */
#define WORLD_ERROR world_error_quark()
GQuark world_error_quark(void);
typedef enum { WORLD_ERROR_INVALID, WORLD_ERROR_NOT_FOUND, WORLD_ERROR_CONFLICT } WorldErrorCode;

typedef struct {
    JobId id;              /* random, from the caller's entropy */
    const json_t *request; /* SubmitJob body, validated by the schema */
    Run *run;              /* or NULL */
    const char *step;      /* or NULL */
} Submission;
/* Checks what the schema cannot (queue exists and is ENABLED, definition ACTIVE, dependencies known, sizes
 * equal, at most 20) and makes the job. Requests with equal overrides share a template; resolving one is
 * cached, so that bulk submission does not decode the same text twice. A job whose dependency has already
 * failed ends at once. */
Job *job_submit(World *world, const Submission *submission, int64_t now_ms, GError **error);
/* Whether job_submit() would make the job now. Makes nothing that is stored. */
bool job_submit_check(World *world, const Submission *submission, GError **error);
Job *world_job(const World *world, const JobId *id); /* NULL: unknown or finished and gone from memory */
Job *world_job_by_sequence(const World *world, uint64_t sequence);
/* Unfinished jobs and those finished that are still in memory, by sequence; NULL at the end. */
Job *world_job_next(const World *world, uint64_t after_sequence);
size_t world_jobs_len(const World *world);
/* Those that have finished and that nothing refers to, in the order in which world_forget_finished() forgets
 * them. */
Job *world_finished_next(const World *world, const Job *after);

/* What one child is; works for any index without allocating. */
typedef struct {
    JobState state;
    bool is_cancelled, is_terminated;
    const char *status_reason; /* or NULL; borrowed */
    int32_t attempts;
    int64_t started_ms, stopped_ms;
    Launch *launch; /* current, or NULL */
} ChildView;
void job_child(const Job *job, int32_t index, ChildView *ret_child);
/* When the job (NOT_A_CHILD) or this child, which was RUNNABLE already, first became so. Children of an array
 * do together, but where each waits for another: those before a restart then count as the array does. */
int64_t job_runnable_ms(const Job *job, int32_t index);
void job_counts(const Job *job, int64_t ret_counts[JOB_STATE_COUNT]); /* of an array's children */
size_t job_dependencies(const Job *job, const DependencyRecord **ret_records);

/* Batch's cancel and terminate (batch: "Cancel versus terminate"). index NOT_A_CHILD: the job or the whole
 * array, in time that does not grow with the children that were never launched. Fills ret_stops (Launch*,
 * borrowed) with launches that must be stopped. */
typedef enum { END_CANCEL, END_TERMINATE } EndKind;
void job_end(World *world, Job *job, int32_t index, EndKind kind, const char *reason, int64_t now_ms,
             GPtrArray *ret_stops);

/* ---- launches: driven by the scheduler's decisions and the provider's events ---- */
/* RUNNABLE → STARTING with its token (from the caller's entropy): an intent, to be committed before the
 * effect. instance: where instance_take() has reserved what it needs; its end gives that back. NULL: on none.
 */
Launch *launch_intend(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                      const LaunchToken *token, int64_t now_ms);
/* Takes and intends: for callers that decide one by one. */
Launch *launch_place(World *world, Job *job, int32_t index, Environment *environment, Instance *instance,
                     const LaunchToken *token, int64_t now_ms);
/* What a launch of such a job holds of an instance (may be NULL): what it needs; a node of a multinode job
 * all of an instance of an environment's own (batch: "Placement: gang scheduling"). */
Capacity job_holds(const JobTemplate *template, const Instance *instance);
/* All launches of an attempt of a multinode job: node i on instances[i] (NULL: on none) with tokens[i]. Gives
 * the main node's. The job runs while the main node does, and is over when no launch of it is left; the end
 * of the main node stops the others (world_take_stops()). */
Launch *launch_intend_nodes(World *world, Job *job, Environment *environment, Instance *const *instances,
                            const LaunchToken *tokens, int64_t now_ms);
Launch *launch_place_nodes(World *world, Job *job, Environment *environment, Instance *const *instances,
                           const LaunchToken *tokens, int64_t now_ms); /* takes and intends */
/* Launches of a multinode job that are not closed, by node; NULL at the end. */
Launch *job_node_next(const Job *job, const Launch *after);
Launch *world_launch(const World *world, const LaunchToken *token); /* NULL: not known or ended */
Launch *world_launch_next(const World *world, const Launch *after); /* ordered by token; NULL at the end */
size_t world_launches_len(const World *world);
/* What it is called at its provider; NULL: nothing is said. */
void launch_named(World *world, Launch *launch, const char *task);
bool launch_is_named(const Launch *launch);
/* What one that has not started waits for at its provider, for people; not stored. NULL: nothing is known. */
void launch_waits(World *world, const Launch *launch, const char *what);
const char *launch_waits_for(const World *world, const Launch *launch);
/* Those of which something is known, in no order. */
typedef void (*LaunchWaitFunc)(const Launch *launch, const char *what, void *data);
void world_waits_each(const World *world, LaunchWaitFunc func, void *data);
void launch_started(World *world, Launch *launch, int64_t started_ms,
                    int64_t now_ms); /* STARTING → RUNNING */
/* UNKNOWN → INTENDED: it is known not to have been asked for, and is asked for again with its token. */
void launch_resume(World *world, Launch *launch);
/* Proven never to have started. reason NULL: launch the same attempt again (back to RUNNABLE); else the
 * attempt has failed with this container reason. */
void launch_refused(World *world, Launch *launch, const char *reason, int64_t now_ms);
typedef struct {
    EndCause cause;
    int exit_code;
    const char *reason; /* or NULL */
    int64_t started_ms, stopped_ms;
} LaunchEnd;
/* The attempt is over: retry strategy decides RUNNABLE (at the front) or FAILED; frees launch. */
void launch_ended(World *world, Launch *launch, const LaunchEnd *end, int64_t now_ms);
void launch_lost(World *world, Launch *launch,
                 int64_t now_ms); /* counts as an attempt: `Host EC2 (instance …) terminated.` */
void launch_stopping(World *world, Launch *launch);

/* Stops that the world decided by itself (a queue deleted with terminate, a pipeline replaced) since the last
 * call, appended to ret_stops as Launch*, borrowed. After world_loaded(): the launches of terminated jobs.
 * Launches that ended meanwhile are left out. */
void world_take_stops(World *world, GPtrArray *ret_stops);

/* Steps whose array is as large as a file of their run's workspace has lines, and whose dependencies have
 * ended, since the last call (after world_loaded(): all of them), appended to ret_ids as JobId. */
void world_take_sizes(World *world, GArray *ret_ids);
const char *
job_array_file(const Job *job); /* that file, relative to the workspace; NULL: it waits for none */
/* The answer: size lines, or fault (or NULL) when they cannot be counted. It becomes an array, is skipped, or
 * fails. What is no longer wanted is left alone. */
void job_size_found(World *world, Job *job, int64_t size, const char *fault, int64_t now_ms);

/* ---- runs ---- */
/* Starts the jobs of a Job or Pipeline manifest. spec is its canonical JSON. NULL with error when a step
 * cannot be submitted: nothing is left behind. */
typedef struct {
    const char *owner;
    Kind kind;
    View name, spec;
    Digest key;
    bool record_only; /* --first-run record */
} RunStart;
Run *run_start(World *world, const RunStart *start, Rng *rng, int64_t now_ms, GError **error);
/* As run_start with the same key, but only the steps that did not succeed in `previous`, whose spec that is,
 * and what depends on them, in the same workspace. succeeded: names of steps that the store knows as
 * SUCCEEDED, NULL-terminated or NULL; what is in memory is known by itself. WORLD_ERROR_CONFLICT: nothing
 * failed, or it still runs. */
Run *run_rerun_failed(World *world, const Run *previous, const char *spec, const char *const *succeeded,
                      Rng *rng, int64_t now_ms, GError **error);
/* What a run of the whole would run: a run's spec without what run_rerun_failed left out. New string. */
char *run_whole_spec(const char *spec);
/* What the manifest said of a run with this spec: without the members that only runs have. New string. */
char *run_manifest_spec(View spec);
/* The run in whose workspace its steps work: its own id, or that of the run that --failed goes on with. */
const char *run_workspace(const Run *run);
/* The jobs of a run that are in memory, in order of submission; NULL at the end. */
Job *run_job_next(const Run *run, const Job *after);
Run *world_run(const World *world, View id);
const Run *world_run_next(const World *world, const Run *after); /* ordered by kind, name, number */
/* The same of those that have not ended, or whose jobs have not: a cancelled run is one as long as a job of
 * it lives. */
const Run *world_run_active_next(const World *world, const Run *after);
size_t world_runs_active_len(const World *world);
Run *world_run_newest(const World *world, Kind kind, View name);
Run *world_run_before(
    const Run *run); /* the next older one of the same manifest, in whatever state; NULL: none */
/* CANCELLED at once; its jobs end by kind, and until the last has, the next run of the manifest waits for it.
 */
void run_end(World *world, Run *run, EndKind kind, const char *reason, int64_t now_ms, GPtrArray *ret_stops);
/* Pipelines whose concurrencyPolicy made them wait, now free to start; at most max. */
size_t run_settle(World *world, size_t max, Rng *rng, int64_t now_ms);

/* ---- schedules: what starts pipelines by the clock ---- */
/* When schedule_settle() has something to do next; 0: never. */
int64_t world_schedule_due_ms(const World *world);
/* Looks at schedules whose time has come, at most max of them, and starts the runs that they ask for. Of
 * times that were missed only the latest counts, and only within startingDeadlineSeconds where that is given;
 * a suspended pipeline misses nothing. Positions are settings, committed with the runs: a time starts one
 * run, whatever is restarted. Returns how many it looked at. */
size_t schedule_settle(World *world, size_t max, Rng *rng, int64_t now_ms);
typedef struct {
    const PipelineSchedule *spec;
    int64_t position_ms; /* times up to here were looked at; 0: not yet begun */
    int64_t next_ms;     /* 0: none (unknown zone, or too far away) */
} ScheduleView;
size_t pipeline_schedules_len(const Resource *pipeline);
void pipeline_schedule(const Resource *pipeline, size_t index, ScheduleView *ret_view);
/* Suspended pipelines are not started by schedules until they are resumed. */
void pipeline_suspend(World *world, View name, bool is_suspended);
bool pipeline_is_suspended(const World *world, View name);
bool run_is_scheduled(const Run *run); /* a schedule began it */
/* What MUSTER_SCHEDULED_AT says of a run: the time of its schedule, else when it was made. */
int64_t run_scheduled_ms(const Run *run);

/* ---- applies, settings, events ---- */
int64_t apply_begin(World *world, const ApplyRecord *record,
                    int64_t now_ms); /* id; supersedes the owner's older one */
/* Records a reconcile of which nothing was carried out (REFUSED, BROKEN): it takes no place in the world and
 * supersedes nothing. Returns its id. */
int64_t apply_note(World *world, const ApplyRecord *record, int64_t now_ms);
/* Records what was done to a resource. */
void world_change(World *world, const ChangeRecord *record);
void apply_set(World *world, int64_t id, ApplyState state, const char *message, int64_t now_ms);
const ApplyRecord *world_apply(const World *world,
                               int64_t id); /* NULL: unknown; newest of an owner are kept */
const ApplyRecord *world_apply_newest(const World *world, const char *owner);
const ApplyRecord *world_apply_next(const World *world, int64_t after_id);
/* JSON of a state that was restored and has not been looked at since: {"at", "from", "standsFor"}, times in
 * milliseconds since the epoch. */
#define RESTORED_SETTING     "restored"
#define INSTALLATION_SETTING "installation" /* 16 hex digits: who owns what is made; the salt of digests */
const char *world_setting(const World *world, const char *name); /* NULL: none */
void world_set_setting(World *world, const char *name, const char *value);
/* In no order. */
void world_settings_each(const World *world, void (*each)(const char *name, const char *value, void *data),
                         void *data);
void world_event(World *world, const char *type, const char *subject, const char *message, int64_t now_ms);
/* Whose doing it is, of which revision and plan; each may be NULL. details: as in EventRecord. */
typedef struct {
    const char *source, *revision, *details;
} EventOrigin;
void world_event_of(World *world, const EventOrigin *origin, const char *type, const char *subject,
                    const char *message, int64_t now_ms);
/* The details of an event that is about this plan; summary: JSON, may be "". New string. */
char *event_plan_details(const char *plan_id, const char *summary);
uint64_t world_event_sequence(const World *world); /* highest given out */
int64_t world_committed_ms(const World *world); /* now_ms of the last commit before it was loaded; 0: none */
/* Finished jobs leave memory once their final state is durable and nothing unfinished depends on them: at
 * most max. */
void world_forget_finished(World *world, size_t max);
/* Retention: these finished jobs' rows go (JobRecord.removed). */
void world_expire(World *world, const uint64_t *sequences, size_t len);

/* ---- for the scheduler: what is RUNNABLE, in order ---- */
/* Queues by priority (descending), then name. */
Queue *const *world_queues(const World *world, size_t *ret_len);
Queue *const *world_limited_queues(const World *world, size_t *ret_len); /* those with time limits */
/* Queues with runnable work that is not parked, in the order in which a pass asks them: by priority
 * (descending), first those whose shares decide (Queue.head is NULL), by name, then by head as groups of a
 * share. Holds until the world changes; NULL: there is none. */
Queue *queue_order_first(World *world);
Queue *queue_order_next(const Queue *after);
/* Whether it is asked before a queue of its level whose head is so. */
bool queue_is_before(const Queue *queue, uint64_t front, uint64_t sequence);
/* The first one from `from` on, this one included, that is not left out. Left out is what rests and skip says
 * so of: of one queue, or (queue NULL) of many that all rest and need at least `least` in every member. */
typedef bool (*QueueSkip)(const Capacity *least, const Queue *queue, const void *data);
Queue *queue_order_find(World *world, Queue *from, QueueSkip skip, const void *data);
/* A pass tried all its work in vain. It rests until something of it changes or world_unpark(); whether its
 * least need fits anywhere is for the pass to look at. */
void queue_rest(World *world, Queue *queue);
Environment *world_environment(const World *world, View name);
Environment *world_environment_next(const World *world,
                                    const Environment *after); /* by name; NULL at the end */
/* Walks a queue's runnable work in dispatch order: retried first, then by sequence; an array yields itself
 * once, with its next runnable index and how many are runnable. Valid until the world changes. */
typedef struct {
    Job *job;
    int32_t index;    /* NOT_A_CHILD or the first runnable child */
    int64_t runnable; /* 1, or runnable children of this array */
} RunnableItem;
typedef struct {
    const Queue *queue;
    void *at[4]; /* private */
} RunnableIter;
void runnable_iter_init(RunnableIter *iter, const World *world, const Queue *queue);
bool runnable_iter_next(RunnableIter *iter, RunnableItem *ret_item);
/* Retried array children are items of their own (index given, runnable 1); children never launched are one
 * item of their array. */

/* ---- shares and groups */
#define SHARES_ACTIVE_MAX 500 /* per queue; a submission that would add another fails */
Share *share_next(const Queue *queue, const Share *after); /* by identifier; NULL at the end */
Share *share_find(const Queue *queue, const char *identifier);
Share *job_share(const Job *job);
/* Use so far as fair share counts it: weighed by age (usage.h), held vCPUs for one bucket's length more,
 * times weight. The share with the least is served first. */
typedef struct {
    __int128 weighed; /* usage_weighed() */
    int64_t bucket_ms;
} ShareUse;
ShareUse share_use(Share *share, int64_t now_ms);
/* Shares that are active by now_ms and no longer: moves those whose window has passed. */
void shares_settle(World *world, Queue *queue, int64_t now_ms);

/* Groups of a share in order of their heads (schedulingPriority descending, retried first, then by
 * sequence), the parked ones left out. skip (may be NULL) is asked of whole subtrees: true leaves out all
 * groups in it, whose needs are at least `least` in every member and whose kinds are among the bits (of kinds
 * from 63 on all stand for bit 63). */
typedef bool (*GroupSkip)(const Capacity *least, uint64_t kinds, const void *data);
RunnableGroup *share_group_next(const Share *share, const RunnableGroup *after, GroupSkip skip,
                                const void *data);
bool share_least(const Share *share, Capacity *ret_least); /* of all of them, each member; false: none */
RunnableGroup *share_parked_next(const Share *share,
                                 const RunnableGroup *after); /* the parked ones, in order */
/* All groups of a share, parked ones too, in no order that matters; NULL: first, or at the end. */
RunnableGroup *share_group_any(const Share *share, const RunnableGroup *after);
/* The group that a runnable job stands in, or one of its shape stands in; NULL: none. */
RunnableGroup *job_group(const Job *job);
JobTemplate *runnable_group_template(const RunnableGroup *group); /* of its first item */
const RunKind *world_kind(const World *world, uint32_t kind);
size_t world_kinds_len(const World *world);              /* kinds are below it */
bool world_kind_used(const World *world, uint32_t kind); /* a number between may have no kind */
static inline uint64_t kind_bit(uint32_t kind)
{
    return UINT64_C(1) << (kind < 63 ? kind : 63);
}
/* Items of one group in dispatch order; `at` is private and NULL at first. False at the end. *ret_front as
 * Job.front. */
bool runnable_group_item(const RunnableGroup *group, const void **at, RunnableItem *ret_item,
                         uint64_t *ret_front);
/* It can never run as things stand: out of the way until world_unpark(). */
void world_park(World *world, RunnableGroup *group, BlockedReason blocked, const char *reason,
                int64_t now_ms);
/* Something changed that may let parked work run after all: all of it stands in order again. */
void world_unpark(World *world);
/* Counts what world_unpark() answers to, so that a finding of RunnableGroup.judged can be believed. */
uint64_t world_feasibility(const World *world);

/* The next RUNNABLE child that was never launched, from `from` on; NOT_A_CHILD: none. */
int32_t job_next_runnable(const Job *job, int32_t from);
size_t world_runnable_len(const World *world); /* items in all queues; 0: nothing to schedule */

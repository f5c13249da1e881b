/* operation.h: how one operation runs, live in the engine or offline against the store.
 * Owns:   a Call belongs to whoever made it until engine or offline runner took it; it is answered exactly
 * once. Calls:  world/, store/ (reading), plan/, source/, spec/. Holds:  step() runs where the world may be
 * touched (the engine's loop) and never blocks; gather() runs on a query thread with a StoreReader of its own
 * and touches nothing but its Call. What step() answers leaves after the commit of everything the world held
 * when it was computed (invariant 1): the engine sees to that. */
#pragma once
#include "reconciler/api/environment_view.h"
#include "reconciler/api/operations.h"
#include "reconciler/api/request.h"
#include "reconciler/ports.h"
#include "reconciler/schedule/explain.h"
#include "reconciler/store/store.h"
#include "reconciler/world/world.h"

#define BODY_BYTES_MAX      (1024 * 1024)
#define BULK_BODY_BYTES_MAX (64 * 1024 * 1024)
#define BULK_LINES_MAX      200000
#define BULK_SLICE          1000 /* jobs per tick at most; the tick's budget ends a slice before */
#define WAIT_JOBS_MAX       100000
#define POLL_MS_MAX         60000
#define WAIT_EAGER_MAX      200 /* long polls over more jobs look again only every WAIT_LAZY_MS */
#define WAIT_LAZY_MS        50
/* Changes among more than WAIT_EAGER_MAX jobs are answered only after so long: the answer names every job,
 * and building, sending and asking it again for each change would cost more than the jobs. The end is
 * answered at once. */
#define WAIT_LAZY_ANSWER_MS 2000

typedef struct Call Call;
typedef struct Operation Operation;
typedef struct ProgressTrack ProgressTrack;

typedef enum {
    STEP_DONE,   /* call->result is set */
    STEP_GATHER, /* run gather() on the query thread, then step() again */
    STEP_WAIT,   /* run step() again when something changed or at call->deadline_ms */
    STEP_AGAIN,  /* run step() again in the next tick: a slice is done */
    STEP_APPLY   /* the engine's apply takes over and sets the result */
} OperationStep;

/* How long a tick may go on: what is done in slices looks here between two pieces. Time decides only how much
 * is done now, never what comes of it. */
typedef struct {
    int64_t (*monotonic_us)(void *self); /* NULL: counts alone bound a slice */
    void *self;
    int64_t until_us;
} TickBudget;
static inline bool budget_left(const TickBudget *budget)
{
    return !budget || !budget->monotonic_us || budget->monotonic_us(budget->self) < budget->until_us;
}

/* Of backups that are made again and again. */
typedef struct {
    const char *place; /* NULL: none are */
    int64_t made_ms;   /* of the last one; 0: there was none */
    int64_t bytes;     /* of it, where this process made it */
    const char *error; /* of the last try; NULL: it went well, or there was none */
} BackupFacts;

/* What there is to know beside the world. Borrowed texts. */
typedef struct {
    const char *state_dir, *mode, *host;
    int64_t pid; /* 0: nobody hosts */
    int64_t started_ms, committed_ms;
    uint64_t commits;           /* durable so far */
    uint64_t durable_events;    /* highest event sequence that is durable */
    int64_t loop_longest_us;    /* the longest that the loop did not look for what arrives; 0: not measured */
    uint64_t loop_over;         /* how often that was more than LOOP_BUSY_MAX_US */
    Capacity machine;           /* what local environments share */
    const char *machine_notice; /* may be NULL */
    BackupFacts backup;
} EngineFacts;

typedef struct {
    World *world;
    const EngineFacts *facts;
    Rng *rng;                   /* for runs; seeded from the entropy port; NULL offline */
    const EntropyPort *entropy; /* ids of jobs; NULL offline */
    RequestChecker *checker;    /* NULL offline */
    int64_t now_ms;
    GPtrArray *stops;         /* Launch*, borrowed: launches that operations decided to stop; NULL offline */
    GHashTable *tracks;       /* apply id → ProgressTrack*, owned */
    const char *refusal;      /* changes are refused for this reason (disk full …), or NULL */
    const TickBudget *budget; /* NULL offline */
    bool offline;             /* long polls answer at once */
    bool resources_changed;   /* out: a step changed a resource: plans that are being made are made again */
    unsigned providers;       /* as in ScheduleOptions: whose environments take jobs here; 0: all */
    ExplainGrowthFunc growth; /* why environments buy nothing; NULL offline */
    EnvironmentStandingFunc standing; /* NULL offline: what is committed says */
    void *growth_data;                /* of both */
    json_t *(*pending)(const char *source,
                       void *data); /* the plan of a source that waits for an approval, as `plan -o json`
                                       writes it; borrowed; NULL: none, or not made again yet. NULL offline */
    void *pending_data;
    struct Meters *meters; /* meters.h; NULL: nothing is counted */
} OperationContext;

struct Operation {
    const char *name; /* last part of the path */
    bool batch;       /* /v1/NAME with Batch's errors; else /muster/v1/NAME */
    bool changes;     /* changes the world: never run offline, refused while the store cannot be written */
    bool lines;       /* body is NDJSON, up to BULK_BODY_BYTES_MAX */
    bool runs;        /* looks at the world's runs */
    OperationStep (*step)(OperationContext *context, Call *call);
    void (*gather)(StoreReader *reader, Call *call); /* may be NULL */
};

struct Call {
    const Operation *operation;
    json_t *request; /* object; owned; NULL for lines */
    GBytes *body;    /* as it came; owned; may be NULL but for lines */
    int phase;       /* for step(): 0 at first */
    void *state;     /* for step() and gather(): what they keep */
    GDestroyNotify state_free;
    int64_t deadline_ms;   /* long polls: 0: not yet asked */
    int64_t not_before_ms; /* STEP_WAIT: changes before this are not worth another step(); 0: all are */
    OperationResult result;
    uint64_t asked;     /* for step(): facts->commits or durable_events when gather() was asked for */
    char *gather_error; /* the store could not be read; owned */
    bool wants_lines;   /* of an operation of lines: answered by lines, too */
    bool is_large;      /* by step(): what it took lies scattered in memory, and is worth giving back */
    void (*answer)(Call *call); /* exactly once, on the engine's thread; takes the call */
    void *owner;
    int64_t taken_us; /* when it came, by the clock of meters; 0: not known */
};

Call *call_new(const Operation *operation, json_t *request /* taken, may be NULL */);
void call_free(Call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

/* path: "/v1/submitjob" or "/muster/v1/status". NULL: unknown. */
const Operation *operation_find_path(const char *path);
const Operation *operation_find_name(const char *name);

/* ---- results ---- */
typedef enum {
    FAULT_INVALID,
    FAULT_REFUSED,
    FAULT_INFEASIBLE,
    FAULT_TIMEOUT,
    FAULT_NOT_FOUND,
    FAULT_BUSY,
    FAULT_STOPPING, /* nothing of it was done, and whoever hosts next would do it */
    FAULT_INTERNAL
} Fault;
OperationStep call_done(Call *call, json_t *body /* taken */);
OperationStep call_done_text(Call *call, GString *text /* taken */);
/* In the form that the operation's callers expect (Batch's or ours). */
OperationStep call_fail(Call *call, Fault fault, const char *format, ...) G_GNUC_PRINTF(3, 4);
OperationStep call_fail_error(Call *call, const GError *error);
void operation_fault(OperationResult *ret_result, bool batch, Fault fault, const char *message);

/* ---- members of a request; false: the member is there with another type, and the call has failed ---- */
bool request_string(Call *call, const char *name, const char **ret_text);
bool request_integer(Call *call, const char *name, int64_t *ret_value);
bool request_boolean(Call *call, const char *name, bool *ret_value);
bool request_first_run(Call *call); /* firstRun: start, record or not there */
/* Sets call->deadline_ms from timeoutMs the first time. */
bool request_deadline(const OperationContext *context, Call *call);

/* ---- shared pieces of JSON ---- */
json_t *json_from_view(View text);
void json_set_text(json_t *object, const char *name, const char *text); /* absent when NULL or "" */
void json_set_view(json_t *object, const char *name, View text);
void json_set_time(json_t *object, const char *name, int64_t at_ms); /* absent when 0 */
void json_set_number(json_t *object, const char *name, int64_t value);
json_t *json_counts(const int64_t counts[JOB_STATE_COUNT]); /* states with a count above 0 */
json_t *json_apply(const ApplyRecord *apply);
/* The suspension of a source; NULL: it is not suspended. New reference. */
json_t *json_suspension(const World *world, const char *source, int64_t now_ms);
/* Overrides of a resource; name NULL: all. */
json_t *json_overrides(const World *world, Kind kind, const char *name);
json_t *json_newer(const World *world); /* than what environments' machines are made from */
/* What of a resource was changed outside; name NULL: of all, as many as status shows. */
json_t *json_drift(const World *world, Kind kind, const char *name);
json_t *json_run(const Run *run);
void json_run_progress(json_t *object, const Run *run); /* what only the world knows of it */
json_t *json_schedules(const Resource *pipeline);       /* with what the clock will start next */
json_t *json_run_record(const RunRecord *run);
char *arn_of(const char *type, const char *name); /* new string */
#define JOB_NAME_TEXT 64
JobId job_id_random(const OperationContext *context);
/* "UUID" or "UUID:INDEX". */
void job_ref_text(const JobId *id, int32_t index, char ret_text[JOB_NAME_TEXT]);
/* DIR/logs/<first 2 hex>/UUID.ATTEMPT.log, of children DIR/logs/<first 2 hex>/UUID/INDEX.ATTEMPT.log: a
 * directory for each of 10,000 would cost as much as starting it. New string. */
char *attempt_log_path(const char *state_dir, const JobId *id, int32_t index, int32_t attempt);
/* DIR/work/UUID.ATTEMPT, of children DIR/work/UUID/INDEX.ATTEMPT: one mkdir each. New string. */
char *attempt_work_dir(const char *state_dir, const JobId *id, int32_t index, int32_t attempt);
/* What is known beside the world of an environment that buys instances; false: it does not, or nothing is. */
bool context_standing(const OperationContext *context, const Environment *environment,
                      EnvironmentStanding *ret_standing);
/* Offline the machine that local environments share is told here; else the engine has told it. */
void context_machine(OperationContext *context);
/* Sources and destinations as status shows them: arrays. New references. */
json_t *json_sources(const World *world, int64_t now_ms);
json_t *json_destinations(const World *world);
/* The setting that remembers sources: an object by name. New reference, never NULL. */
json_t *sources_setting(const World *world);

/* ---- the operations, by file ---- */
#define OPERATION(name)                                                                                      \
    OperationStep name##_step(OperationContext *context, Call *call);                                        \
    void name##_gather(StoreReader *reader, Call *call);
OPERATION(status)
OPERATION(metrics)
OPERATION(ready)
OPERATION(get)
OPERATION(jobs)
OPERATION(job)
OPERATION(describejobs)
OPERATION(listjobs)
OPERATION(describejobqueues)
OPERATION(describecomputeenvironments)
OPERATION(describejobdefinitions)
OPERATION(createcomputeenvironment)
OPERATION(updatecomputeenvironment)
OPERATION(deletecomputeenvironment)
OPERATION(createjobqueue)
OPERATION(updatejobqueue)
OPERATION(deletejobqueue)
OPERATION(createschedulingpolicy)
OPERATION(updateschedulingpolicy)
OPERATION(deleteschedulingpolicy)
OPERATION(describeschedulingpolicies)
OPERATION(listschedulingpolicies)
OPERATION(getjobqueuesnapshot)
OPERATION(service)
OPERATION(createconsumableresource)
OPERATION(updateconsumableresource)
OPERATION(deleteconsumableresource)
OPERATION(describeconsumableresource)
OPERATION(listconsumableresources)
OPERATION(listjobsbyconsumableresource)
OPERATION(tagresource)
OPERATION(untagresource)
OPERATION(listtagsforresource)
OPERATION(getlogevents)
OPERATION(registerjobdefinition)
OPERATION(deregisterjobdefinition)
OPERATION(submit)
OPERATION(bulk)
OPERATION(end)
OPERATION(apply)
OPERATION(approve)
OPERATION(pending)
OPERATION(progress)
OPERATION(wait)
OPERATION(start)
OPERATION(rerun)
OPERATION(steps)
OPERATION(explain)
OPERATION(timeline)
OPERATION(preview)
OPERATION(suspend)
OPERATION(history)
OPERATION(forget)
OPERATION(override)
OPERATION(refresh)
OPERATION(changes)
OPERATION(events)
OPERATION(key)
OPERATION(keys)
OPERATION(weblink)
OPERATION(snapshot)
void progress_track_free(void *track);

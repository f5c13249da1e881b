/* record.h: the rows that the world emits and the store keeps; the whole contract between the two.
 * Owns:   Batch owns copies of everything put into it. Records handed to callers borrow their text.
 * Calls:  spec/base, spec/.
 * Holds:  a row is written at most once in a batch (the world serialises what a tick left dirty). Times are
 * CLOCK_REALTIME milliseconds; 0 means "not yet". Rows are plain data: no pointer into the world. */
#pragma once
#include "reconciler/world/launch.h"
#include "spec/decode.h"
#include "spec/manifest.h"

#define JOB_ID_BYTES 16
typedef struct {
    uint8_t bytes[JOB_ID_BYTES]; /* a random UUID */
} JobId;

/* index of a JobRef, and child of an AttemptRecord: NOT_A_CHILD for a single job or the parent itself. */
#define NOT_A_CHILD (-1)

typedef enum {
    JOB_SUBMITTED,
    JOB_PENDING,
    JOB_RUNNABLE,
    JOB_STARTING,
    JOB_RUNNING,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_STATE_COUNT
} JobState;
const char *job_state_name(JobState state);
bool job_state_from_name(View name, JobState *ret_state);
bool job_state_final(JobState state);
void job_id_to_text(const JobId *id, char ret_text[37]);
bool job_id_from_text(View text, JobId *ret_id);
/* "UUID" or "UUID:INDEX"; *ret_index is NOT_A_CHILD without index. */
bool job_ref_from_text(View text, JobId *ret_id, int32_t *ret_index);

/* What an attempt needs or an instance offers. */
typedef ResourceNeed Capacity;

typedef enum { RESOURCE_ACTIVE, RESOURCE_DELETING, RESOURCE_REPLACING } ResourcePhase;

/* A resource of any kind but Job and Pipeline runs. One row by (kind, name). */
typedef struct {
    Kind kind;
    View name;
    View owner;          /* source that made it; "" for the API or by hand: unmanaged */
    View spec, metadata; /* canonical JSON in force */
    Digest digest;
    View next_spec; /* REPLACING: what it becomes when the old one is drained; else "" */
    Digest next_digest;
    View file; /* manifest's place, for messages; may be "" */
    int line;
    ResourcePhase phase;
    DeletionPolicy deletion;
    bool prune;         /* false: survives the manifest's removal; the plan says kept */
    bool kept;          /* its manifest is gone and prune is false */
    View status_reason; /* may be "" */
    int64_t revision;   /* JobDefinition: newest revision; else counts updates from 1 */
    int64_t created_ms, updated_ms;
    int64_t used_up; /* NON_REPLENISHABLE ConsumableResource: taken for good so far */
    bool removed;    /* the row goes */
} ResourceRecord;

/* A revision of a job definition; immutable but for active. By (name, revision). */
typedef struct {
    View name;
    int64_t revision;
    Digest digest;
    View spec;
    bool active;
    int64_t created_ms;
    bool removed;
} RevisionRecord;

/* What many jobs share: definition revision and overrides, interned by content. Immutable; by id. */
typedef struct {
    int64_t id;           /* from 1 */
    View definition;      /* "NAME:REVISION" */
    View definition_spec; /* canonical JSON of that revision */
    View request;         /* canonical JSON of the SubmitJob members that override: without jobName, jobQueue,
                             dependsOn, arrayProperties */
    bool removed;
} TemplateRecord;

/* How a job waits for another. */
typedef struct {
    JobId on;         /* all zero: SEQUENTIAL within the array itself */
    int32_t on_index; /* NOT_A_CHILD or the child waited for */
    DependencyType type;
    DependencyCondition condition;
} DependencyRecord;

/* A single job or an array's parent. By sequence. */
typedef struct {
    uint64_t sequence; /* order of submission, never reused; from 1 */
    JobId id;
    View name, queue; /* queue: name */
    int64_t template_id;
    int32_t array_size; /* 0: single */
    View run;           /* id of the run (RunRecord) it belongs to; "" */
    View step;          /* pipeline step; "" */
    const DependencyRecord *depends_on;
    size_t depends_on_len;
    View share_identifier; /* "" */
    int64_t created_ms;
    /* changes after the insert: */
    JobState state;
    bool is_cancelled, is_terminated;
    View status_reason; /* why it ended, or why it waits */
    int32_t attempts;   /* begun so far */
    uint64_t front;     /* retried jobs go to the front: larger is earlier among retried; 0: never retried */
    int64_t started_ms, stopped_ms;
    bool is_multinode; /* its attempts have a launch for each node */
    bool is_new;       /* INSERT; else UPDATE of the changing members only */
    bool removed;      /* retention: with its children, ranges, attempts */
} JobRecord;

/* A child whose first launch was intended, or whose state differs from what parent and ranges say. By
 * (sequence, index). */
typedef struct {
    uint64_t sequence; /* the parent's */
    int32_t index;
    JobState state;
    bool is_cancelled, is_terminated;
    View status_reason;
    int32_t attempts;
    uint64_t front;
    int64_t started_ms, stopped_ms;
    bool is_new;
} ChildRecord;

/* Children first..last ended together without ever being launched (cancel, failed dependency). By (sequence,
 * first). */
typedef struct {
    uint64_t sequence;
    int32_t first, last; /* inclusive */
    JobState state;      /* JOB_FAILED */
    bool is_cancelled;
    View status_reason;
    int64_t stopped_ms;
} RangeRecord;

typedef enum {
    LAUNCH_INTENDED,  /* committed before the effect */
    LAUNCH_EFFECTIVE, /* observed running */
    LAUNCH_REFUSED,   /* proven never to have started: the same attempt may be launched again */
    LAUNCH_UNKNOWN,   /* intended, the reconciler restarted, not yet observed: keeps its capacity */
    LAUNCH_ENDED      /* the attempt is over */
} LaunchState;

/* One launch of one attempt. By token. Finished ones are the job's attempts. */
typedef struct {
    LaunchToken token;
    uint64_t sequence;
    int32_t index;   /* NOT_A_CHILD; the child; of a multinode job the node */
    int32_t attempt; /* from 1 */
    LaunchState state;
    View environment;     /* compute environment's name */
    LaunchToken instance; /* where it runs; all zero: on none, or on the local machine */
    View host;            /* that instance's name at the provider, for people; "" */
    View task;            /* the attempt's own name at the provider (ARN of a task); "" */
    int64_t vcpus_e4, memory_mib, gpus;
    int64_t intended_ms, started_ms, stopped_ms;
    int64_t expected_ms; /* run time expected when it was intended; 0: unknown */
    int exit_code;       /* -1: none */
    View reason;         /* container reason, e.g. OutOfMemoryError…; "" */
    View status_reason;  /* e.g. Essential container in task exited */
    bool is_new;
} AttemptRecord;

typedef enum {
    INSTANCE_INTENDED,   /* committed before the effect; not answered */
    INSTANCE_PENDING,    /* the provider made it; it boots */
    INSTANCE_REGISTERED, /* takes tasks */
    INSTANCE_DRAINING,   /* takes no new tasks; stopped when it is empty */
    INSTANCE_STOPPING,   /* its end was decided and asked for */
    INSTANCE_UNKNOWN,    /* was there when the process ended, not yet observed: keeps its capacity */
    INSTANCE_GONE        /* in rows only: it will not change any more */
} InstanceState;
const char *instance_state_name(InstanceState state);

/* A machine. By number. state: never UNKNOWN; GONE is final. */
typedef struct {
    uint64_t number; /* order of intent, never reused; from 1 */
    LaunchToken token;
    View environment; /* compute environment's name */
    InstanceState state;
    View type, provider_id;
    View status_reason; /* GONE: why */
    bool spot, ran;
    Capacity total;            /* planned, then registered */
    int64_t price_micro_per_h; /* -1: unknown */
    int64_t intended_ms, registered_ms, gone_ms;
    uint64_t generation;
    bool is_new;
} InstanceRecord;

typedef enum { RUN_WAITING, RUN_RUNNING, RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELLED, RUN_RECORDED } RunState;
const char *run_state_name(RunState state);

/* A run of a Job or Pipeline manifest, once per run key. By id; the run key (owner, kind, name, digest)
 * outlives the jobs. */
typedef struct {
    View id;    /* UUID text */
    View owner; /* source */
    Kind kind;  /* KIND_JOB or KIND_PIPELINE */
    View name;
    Digest key;     /* run key: digest of the rendered spec, with the definitions' where rerunOn says so */
    int64_t number; /* 1, 2, … of this kind and name; reruns count on */
    View spec;      /* canonical JSON it runs; "" when only recorded or expired */
    RunState state;
    View status_reason;
    int64_t created_ms, stopped_ms;
    bool is_new;
    bool is_ending; /* told where the runs of a source are read, never stored: CANCELLED, and a job of it has
                       not ended */
} RunRecord;

/* From REFUSED on: nothing of it was carried out. */
typedef enum {
    APPLY_STAGING,
    APPLY_ACTIVE,
    APPLY_CONVERGED,
    APPLY_SUPERSEDED,
    APPLY_FAILED,
    APPLY_STATE_REFUSED, /* by a guard, a rule, or because the plan was stale */
    APPLY_STATE_BROKEN,  /* the source cannot be read, or its manifests have errors */
    APPLY_STATE_NOTED    /* there was nothing to carry out: it was suspended or resumed */
} ApplyState;
const char *apply_state_name(ApplyState state);

/* What had a source reconciled. */
typedef enum {
    TRIGGER_UNKNOWN, /* rows of formats that did not say */
    TRIGGER_APPLY,
    TRIGGER_DESTROY,
    TRIGGER_FOLLOW,   /* the daemon saw a change */
    TRIGGER_ROLLBACK, /* by a command: to an older revision */
    TRIGGER_SUSPEND,
    TRIGGER_RESUME
} ApplyTrigger;
const char *apply_trigger_name(ApplyTrigger trigger); /* "apply" …; "" for UNKNOWN */

/* One reconcile of a source's revision. By id. */
typedef struct {
    int64_t id;       /* from 1 */
    View owner;       /* source name */
    View source_path; /* as given, absolute */
    View revision, plan_id;
    ApplyState state;
    View message;
    View summary; /* JSON: the plan's summary */
    int64_t created_ms, ended_ms;
    ApplyTrigger trigger;
    View actor;             /* the user who asked, as the command tells; "" */
    View author, signature; /* of the revision, as the source tells; "": it does not (a directory) */
    int64_t started_ms;     /* when the source was taken up to be planned; 0: not known */
    bool is_new;
} ApplyRecord;

typedef enum {
    CHANGE_CREATE,
    CHANGE_UPDATE,
    CHANGE_REPLACE,
    CHANGE_DELETE,
    CHANGE_KEEP,     /* its manifest is gone, and it stays */
    CHANGE_FORGET,   /* let go by its source */
    CHANGE_OVERRIDE, /* a field holds another value for a while */
    CHANGE_RESTORE,  /* and no longer */
    CHANGE_DRIFT,    /* something else was observed than what is in force */
    CHANGE_UNDRIFT   /* and no longer */
} ChangeAction;
const char *change_action_name(ChangeAction action); /* "create" … */

/* What was done to a resource, for people. In the order of commits; nothing of it but the name ever changes
 * (RenameRecord). */
typedef struct {
    Kind kind;
    View name;
    int64_t at_ms;
    int64_t apply_id; /* reconcile that did it; 0: none did */
    View owner;       /* source; "": none */
    View actor;       /* without a reconcile: the user who asked; "" */
    ChangeAction action;
    View reason;
    View fields; /* JSON: [{"path","before"?,"after"?}], without private values; "": a create sets all */
} ChangeRecord;

/* How long attempts of a job definition that SUCCEEDED ran, whatever the revision. By definition. */
typedef struct {
    View definition; /* name */
    int64_t since_ms;
    View counts; /* history.h says how it is encoded */
    bool removed;
} DurationRecord;

/* What happened, for people and for `events`. By sequence. Children of one bulk change are one event with a
 * range. */
typedef struct {
    uint64_t sequence; /* from 1 */
    int64_t at_ms;
    View type;    /* "job.state", "resource.created", "apply.converged", "source.broken" … */
    View subject; /* "JobQueue/high", "job UUID:3", "source NAME" */
    View message;
    int32_t first, last; /* range of children; NOT_A_CHILD when none */
    View source;         /* whose doing it is; "": nobody's */
    View revision;       /* of it, where that matters; "" */
    View details;        /* JSON: {"planId"?, "summary"?} of the plan that it is about; "" */
} EventRecord;

/* Small named values: sources followed, last revision, notices. value "" removes. */
typedef struct {
    View name, value;
} SettingRecord;

/* What a share of a queue has used by launches that are over, in buckets of usage.h. By (queue, share). */
typedef struct {
    View queue, share;
    int64_t bucket_ms, first_bucket;
    View amounts;              /* of consecutive buckets, 8 bytes each, little-endian */
    int64_t inactive_since_ms; /* when its last job ended; 0: it had some */
    bool removed;
} UsageRecord;

/* What a manifest describes has another name. Before everything else in its batch: the rows that have the
 * former name and are not written anew by the batch (jobs of a queue, instances and attempts of an
 * environment, changes) get the new one, and usage of a queue's shares goes. */
typedef struct {
    Kind kind;
    View from, to;
} RenameRecord;

/* What is observed of a resource to differ from what is in force. By (kind, name). fields "": nothing does
 * now, and what was put back is remembered (drift.h). */
typedef struct {
    Kind kind;
    View name;
    View fields; /* JSON: [{"path","applied"?,"observed"?}] */
    int64_t since_ms, seen_ms, told_ms;
    int64_t corrections, refusals, next_ms;
    View problem;
    bool is_given_up;
    bool removed;
} DriftRecord;

typedef struct Batch Batch;
Batch *batch_new(void);
void batch_free(Batch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Batch, batch_free)
bool batch_is_empty(const Batch *batch);
size_t batch_len(const Batch *batch); /* rows */

/* For each record type: batch_put_X copies; batch_X gives all of them, in the order they were put. */
#define BATCH_RECORD(Type, name)                                                                             \
    void batch_put_##name(Batch *batch, const Type *record);                                                 \
    const Type *batch_##name(const Batch *batch, size_t *ret_len);
BATCH_RECORD(ResourceRecord, resource)
BATCH_RECORD(RevisionRecord, revision)
BATCH_RECORD(TemplateRecord, template)
BATCH_RECORD(JobRecord, job)
BATCH_RECORD(ChildRecord, child)
BATCH_RECORD(RangeRecord, range)
BATCH_RECORD(InstanceRecord, instance)
BATCH_RECORD(AttemptRecord, attempt)
BATCH_RECORD(RunRecord, run)
BATCH_RECORD(DurationRecord, duration)
BATCH_RECORD(ApplyRecord, apply)
BATCH_RECORD(ChangeRecord, change)
BATCH_RECORD(EventRecord, event)
BATCH_RECORD(SettingRecord, setting)
BATCH_RECORD(UsageRecord, usage)
BATCH_RECORD(RenameRecord, rename)
BATCH_RECORD(DriftRecord, drift)

/* The highest numbers given out so far, and the last committed now_ms. */
typedef struct {
    uint64_t job_sequence, event_sequence, instance_number;
    int64_t template_id, apply_id, now_ms;
} Counters;

/* Where rows go when they are read back (world_loader gives one that fills a World). Called in the order of
 * the members below, each table in ascending key order; text is borrowed during the call. A false return
 * stops the load with *error. A member that is NULL: the table is not read (but for jobs and counters, which
 * everything else hangs on). */
typedef struct {
    bool (*setting)(const SettingRecord *record, void *data,
                    GError **error); /* where environments run, among others */
    bool (*resource)(const ResourceRecord *record, void *data, GError **error);
    bool (*drift)(const DriftRecord *record, void *data, GError **error);
    bool (*usage)(const UsageRecord *record, void *data, GError **error);
    bool (*revision)(const RevisionRecord *record, void *data, GError **error);
    bool (*duration)(const DurationRecord *record, void *data, GError **error);
    bool (*template)(const TemplateRecord *record, void *data, GError **error);
    bool (*run)(const RunRecord *record, void *data, GError **error);
    bool (*apply)(const ApplyRecord *record, void *data,
                  GError **error); /* the newest of each owner that was carried out */
    bool (*job)(const JobRecord *record, void *data,
                GError **error); /* unfinished, and finished ones that an unfinished one depends on */
    bool (*child)(const ChildRecord *record, void *data, GError **error);       /* of unfinished arrays */
    bool (*range)(const RangeRecord *record, void *data, GError **error);       /* of unfinished arrays */
    bool (*instance)(const InstanceRecord *record, void *data, GError **error); /* those not gone */
    bool (*attempt)(
        const AttemptRecord *record, void *data,
        GError **error); /* not ended: intended, effective, unknown; behind these, of the attempt under
                            way of each multinode job that is not finished, those that have */
    bool (*counters)(const Counters *counters, void *data, GError **error);
} RecordSink;

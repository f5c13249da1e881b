/* job_view.h: one job or array child as operations show it: stored members first, then what the world knows
 * better. Owns:   a JobView owns all its text. Calls:  world/, store/ (reading), spec/. Holds:
 * job_view_load() may run off the loop; job_view_overlay() runs where the world may be read. */
#pragma once
#include "reconciler/api/operation.h"

/* ATTEMPTS: with attempts; WHOLE: with effective configuration and dependencies too; BATCH: the same as
 * Batch's JobDetail needs it, without `effective`. */
typedef enum { VIEW_BRIEF, VIEW_ATTEMPTS, VIEW_WHOLE, VIEW_BATCH } ViewDetail;

typedef struct {
    JobId id;
    int32_t index; /* NOT_A_CHILD: single job or parent */
    uint64_t sequence;
    char *name, *queue, *definition, *run, *step, *status_reason, *waiting, *share_identifier;
    JobState state;
    bool is_cancelled, is_terminated;
    int32_t attempts;
    int64_t created_ms, started_ms, stopped_ms;
    int32_t array_size;
    int32_t node; /* of a multinode job: whose attempts these are; -1: it is none, or not loaded with them */
    bool is_node; /* it stands for that node alone, not for the job */
    int32_t nodes, main_node; /* of a multinode job; 0: it is none */
    bool is_read_to_end; /* how it ended was read, too: it is told to have ended only where the store says so
                          */
    bool counted;        /* counts are known */
    int64_t counts[JOB_STATE_COUNT];
    GArray *depends_on;           /* of DependencyRecord; WHOLE */
    GArray *attempt_records;      /* of AttemptRecord with owned text; WHOLE; oldest first */
    JobDefinitionSpec *effective; /* WHOLE; may be NULL when it does not decode */
    char *definition_spec;        /* WHOLE: canonical JSON, as it was when the job was submitted */
    char *request;                /* WHOLE: of SubmitJob, what overrides it; canonical JSON */
    json_t *configuration;        /* made by job_view_configure(); NULL: not yet */
    /* What job_view_exit() found: how the last attempt that ended did. */
    int exit_code; /* -1: none, or not known */
    char *exit_reason;
} JobView;
/* A job, a child of an array, a node of a multinode job. */
typedef struct {
    JobId id;
    int32_t index; /* NOT_A_CHILD: none */
    int32_t node;  /* -1: none */
} JobRef;
/* "UUID", "UUID:INDEX", "UUID#NODE". */
bool job_ref_parse(const char *text, JobRef *ret_ref);
JobView *job_view_from(const StoredJob *stored, int32_t index, ViewDetail detail);
void job_view_free(JobView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobView, job_view_free)

/* node: whose attempts of a multinode job; -1: its main node's. *ret_view: NULL when there is no such job,
 * child or node. False with error: the store could not be read. */
bool job_view_load(StoreReader *reader, const JobId *id, int32_t index, int32_t node, ViewDetail detail,
                   JobView **ret_view, GError **error);
/* What a row or range says about an array child. */
void job_view_take_child(JobView *view, const ChildRecord *child);
void job_view_take_range(JobView *view, const RangeRecord *range);
/* Fills counts of a finished array from its rows. */
bool job_view_count(StoreReader *reader, JobView *view, GError **error);
/* The attempts of a view that was made without them. */
bool job_view_attempts(StoreReader *reader, JobView *view, GError **error);
/* The same of how the last of them ended alone. */
bool job_view_exit(StoreReader *reader, JobView *view, GError **error);
/* Makes what JobDetail says that no world knows better: most of it. Off the loop: it takes as long as all the
 * rest. */
void job_view_configure(JobView *view);
/* The view, with its attempts, stands for its node alone from then on. */
void job_view_be_node(JobView *view);
void job_view_overlay(const World *world, JobView *view);

json_t *job_view_json(const JobView *view, const char *state_dir, ViewDetail detail);
/* Batch's JobDetail and JobSummary. now_ms: as of when counts of an array are. */
json_t *job_view_detail(JobView *view, int64_t now_ms);
json_t *job_view_summary(const JobView *view, int64_t now_ms);

/* ---- pieces of both forms ---- */
const AttemptRecord *job_view_last_ended(const JobView *view); /* NULL: none has */
json_t *job_view_retry(const RetryStrategy *retry);
json_t *job_view_depends(const JobView *view);
json_t *job_view_counts(const JobView *view); /* every state, also those with none */
/* exitCode and reason, where there are any; attempt may be NULL. */
void job_view_set_exit(json_t *object, const AttemptRecord *attempt);
/* What a task on AWS prints is there, what a process or a container prints is in a file here. */
bool attempt_is_elsewhere(const AttemptRecord *attempt);
/* The stream that an attempt's log is, as DescribeJobs names it and GetLogEvents finds it; new string. NULL:
 * it has none (another log driver). */
char *job_view_stream(const JobView *view, const AttemptRecord *attempt);

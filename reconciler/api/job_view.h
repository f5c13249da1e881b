/* job_view.h: one job or array child as operations show it: stored members first, then what the world knows
 * better. Owns:   a JobView owns all its text. Calls:  world/, store/ (reading), spec/. Holds:
 * job_view_load() may run off the loop; job_view_overlay() runs where the world may be read. */
#pragma once
#include "reconciler/api/operation.h"

/* ATTEMPTS: with attempts; WHOLE: with effective configuration and dependencies too. */
typedef enum { VIEW_BRIEF, VIEW_ATTEMPTS, VIEW_WHOLE } ViewDetail;

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
    bool counted; /* counts are known */
    int64_t counts[JOB_STATE_COUNT];
    GArray *depends_on;           /* of DependencyRecord; WHOLE */
    GArray *attempt_records;      /* of AttemptRecord with owned text; WHOLE; oldest first */
    JobDefinitionSpec *effective; /* WHOLE; may be NULL when it does not decode */
    char *definition_spec;        /* WHOLE: canonical JSON, as it was when the job was submitted */
} JobView;
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
void job_view_overlay(const World *world, JobView *view);

json_t *job_view_json(const JobView *view, const char *state_dir, ViewDetail detail);
/* Batch's JobDetail and JobSummary. */
json_t *job_view_detail(const JobView *view);
json_t *job_view_summary(const JobView *view);

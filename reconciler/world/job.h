/* job.h: jobs, array children and dependencies from the inside; private to world/.
 * Owns:   JobPrivate, ArrayState, the edges between jobs.
 * Calls:  state.h.
 * Holds:  a job that is RUNNABLE, and only such a one, is in its queue's group of its shape; an array is
 * there while it has children that are RUNNABLE and were never launched; children that were launched before
 * are there one by one. A child has a ChildState only from its first launch to its end; before and after, the
 * array's vector tells. */
#pragma once
#include "reconciler/world/state.h"

/* One thing that can be placed. The scheduler sees it as a RunnableItem. */
typedef struct {
    TreeNode node; /* in group->items */
    struct GroupEntry *group;
    Job *job;
    uint64_t front;
    int32_t index; /* NOT_A_CHILD: the job, or the array's children that were never launched */
    int32_t jobs;  /* counted in group->group.jobs */
} Runnable;

typedef struct GroupEntry {
    RunnableGroup group;
    GroupItem by_head;   /* in the share's groups or parked */
    TreeNode by_content; /* priority, shape */
    uint64_t shape_id;   /* the shape's: at hand for comparing */
    Shape *shape;
    Tree items; /* Runnable: retried first, then by sequence */
} GroupEntry;

static inline GroupEntry *group_entry(const RunnableGroup *group)
{
    return (GroupEntry *)(uintptr_t)group;
}

typedef struct Edge Edge;
/* dependent waits for `on`. Linked into on's list while `on` is unfinished or unfinished ones may still look
 * at it. */
struct Edge {
    DependencyRecord record;
    Job *on; /* NULL: settled, or of the array itself (SEQUENTIAL) */
    Job *dependent;
    Edge *next, **link; /* on->private->dependents */
};

typedef struct NodeSet NodeSet; /* attempt.h */

struct JobPrivate {
    Runnable runnable;
    Edge *edges; /* what it waits for */
    Edge *dependents;
    DependencyRecord *records; /* as submitted, for the row and for describe; made on demand */
    Job *dirty_next, *finished_next;
    Job *run_next, *run_prev;
    Share *share;
    NodeSet *nodes; /* of the attempt under way of a multinode job */
    uint64_t batch; /* the batch that holds its newest row */
    uint8_t edges_len;
    uint8_t waiting; /* edges that keep the whole job from running */
    bool is_new, is_dirty, in_finished;
    bool dependency_failed;
    bool unsized; /* a step that will be an array of as many children as a file of the workspace has lines */
};

typedef struct LivePage LivePage;
typedef struct ChildState {
    Runnable runnable;
    Job *job;
    GList dirty;
    int32_t index, attempts;
    JobState state;
    bool is_cancelled, is_terminated, is_new, is_dirty;
    char *status_reason;
    uint64_t front;
    int64_t started_ms, stopped_ms;
    Launch *launch;
} ChildState;

/* Children that ended together without ever being launched. */
typedef struct {
    int32_t first, last;
    bool is_cancelled;
    char *status_reason; /* GRefString */
    int64_t stopped_ms;
} EndedRange;

/* Byte of ArrayState.vector: 0 is "untouched", else state + 1 and flags. */
#define CHILD_STATE_MASK 0x0f
#define CHILD_CANCELLED  0x10
#define CHILD_TERMINATED 0x20

struct ArrayState {
    int32_t size;
    int32_t cursor; /* every child below it has been touched */
    bool open;      /* the array's own dependencies hold */
    bool sequential, n_to_n;
    bool settled;             /* finished, and its children were not read back */
    uint8_t *vector;          /* made when the first child leaves its initial state */
    uint64_t *ready;          /* sequential or n_to_n: children that are RUNNABLE and were never launched */
    uint32_t *ready_after_ms; /* beside it: when each became so, counted from the job's runnable_ms */
    int32_t untouched;
    int32_t fresh; /* RUNNABLE and never launched */
    int64_t counts[JOB_STATE_COUNT];
    LivePage **live; /* by index; NULL: none lives yet */
    GArray *ranges;  /* EndedRange by first; NULL: none */
};

static inline bool array_gated(const ArrayState *array)
{
    return array->sequential || array->n_to_n;
}

/* index.c */
void index_init(World *world);
void index_clear(World *world);
void index_add(World *world, Job *job);
void index_remove(World *world, Job *job);
/* runnable.c */
void runnable_add(World *world, Runnable *runnable);
void runnable_remove(World *world, Runnable *runnable);
void runnable_count(World *world, Runnable *runnable); /* how many jobs it stands for has changed */
void queue_regroup(World *world, Queue *queue);        /* priorities count now, or no longer */
void shapes_init(World *world);
void shapes_clear(World *world);
/* With a reference. definition: "NAME:REVISION". */
Shape *shape_of(World *world, const JobDefinitionSpec *spec, const char *definition);
void groups_init(ShareEntry *share);
/* The order of runnable items: retried first (the newest retry foremost), then by submission, then by index.
 */
GroupKey group_key(const RunnableGroup *group);
GroupBound group_bound(const RunnableGroup *group);
int place_compare(uint64_t left_front, uint64_t left_sequence, int32_t left_index, uint64_t right_front,
                  uint64_t right_sequence, int32_t right_index);
void shape_unref(World *world, Shape *shape);
/* share.c */
/* Whether a submission with this identifier keeps the queue within SHARES_ACTIVE_MAX. */
bool share_admits(World *world, Queue *queue, const char *identifier, int64_t now_ms, GError **error);
Share *share_of(World *world, Queue *queue, const char *identifier); /* made when it is not there */
void share_ref(Share *share);                                        /* by a job in memory */
void share_unref(World *world, Share *share);
void share_job_begun(World *world, Share *share);
void share_job_ended(World *world, Share *share, int64_t now_ms);
void share_launch_begun(World *world, Share *share, int64_t vcpus_e4, int64_t begun_ms);
void share_launch_ended(World *world, Share *share, int64_t vcpus_e4, int64_t begun_ms, int64_t now_ms);
void share_written(World *world, ShareEntry *entry); /* its row; may free it */
/* amounts: room for USAGE_BUCKETS. */
void share_record(const ShareEntry *entry, int64_t *amounts, UsageRecord *ret_record);
bool share_restore(World *world, const UsageRecord *record, GError **error);
void shares_loaded(World *world);
void queue_shares_clear(World *world, Queue *queue, bool forget); /* forget: their rows go too */
void queue_shares_touch(World *world, Queue *queue);              /* their rows are written anew */
void queue_policy_apply(World *world, Queue *queue);
void policy_changed(World *world, const Resource *policy);
/* transition.c */
typedef enum { SUBJECT_JOB, SUBJECT_CHILD, SUBJECT_PARENT } TransitionSubject;
bool transition_allowed(TransitionSubject subject, JobState from, JobState to);
void job_move(World *world, Job *job, JobState to, int64_t now_ms);
void child_move(World *world, ChildState *child, JobState to, int64_t now_ms);
/* job.c */
typedef struct {
    JobId id;
    View name;
    Queue *queue;
    TemplateEntry *template;
    int32_t array_size;
    const DependencyRecord *depends_on;
    size_t depends_on_len;
    const char *share_identifier;
    Run *run;
    const char *step;
    bool dependency_failed; /* known to have failed before */
    bool unsized;
} JobDraft;
/* A run may have been made before its queue was renamed; who submits now has to know. */
typedef enum { NAMES_PRESENT, NAMES_FORMER_TOO } QueueNames;
/* Looks up what the request names. The draft borrows from request and from the world. */
bool job_draft(World *world, const json_t *request, const char *default_queue, QueueNames names,
               int64_t now_ms, JobDraft *ret_draft, GError **error);
/* Cannot fail once the draft and its dependencies are checked. */
Job *job_create(World *world, const JobDraft *draft, int64_t now_ms);
void job_touch(World *world, Job *job);
void job_set_reason(World *world, Job *job, const char *reason);
void job_free(World *world, Job *job);
void job_fail(World *world, Job *job, const char *reason, int64_t now_ms);
void job_finished(World *world, Job *job, JobState from, int64_t now_ms); /* bookkeeping after a final move */
void finished_push(World *world, Job *job);
bool job_restore(World *world, const JobRecord *record, GError **error);
/* array.c */
ArrayState *array_new(int32_t size);
void array_free(World *world, ArrayState *array);
JobState array_state(const ArrayState *array, int32_t index);
void array_open(World *world, Job *job, int64_t now_ms);
void array_gate(World *world, Job *job, int32_t index,
                int64_t now_ms); /* looks whether a child may run now */
void array_gate_all(World *world, Job *job, int64_t now_ms);
void array_fail_range(World *world, Job *job, int32_t first, int32_t last, bool cancelled, const char *reason,
                      int64_t now_ms);
int32_t array_next_fresh(const ArrayState *array, int32_t from); /* NOT_A_CHILD: none */
ChildState *array_live(const ArrayState *array, int32_t index);
ChildState *array_live_next(const ArrayState *array, int32_t from); /* by index, the first from `from` on */
static inline ChildState *live_after(const ArrayState *array, const ChildState *child)
{
    return array_live_next(array, child->index + 1); /* from may be the size: nothing is there */
}
void array_live_add(ArrayState *array, ChildState *child);
void array_live_remove(ArrayState *array, const ChildState *child);
ChildState *array_begin(World *world, Job *job,
                        int32_t index); /* a child that was never launched becomes live */
void child_touch(World *world, ChildState *child);
void child_ended(World *world, ChildState *child, JobState from, int64_t now_ms);
void child_collapse(World *world, ChildState *child);      /* final and written: only the vector remains */
void array_settle(World *world, Job *job, int64_t now_ms); /* parent's state from its children's */
void array_fresh_changed(World *world, Job *job);
void array_restore_child(World *world, Job *job, const ChildRecord *record);
void array_restore_range(World *world, Job *job, const RangeRecord *record);
/* dependency.c */
bool dependencies_check(World *world, const DependencyRecord *records, size_t len, int32_t array_size,
                        bool *ret_failed, GError **error);
void dependencies_link(World *world, Job *job, const DependencyRecord *records, size_t len);
/* Looks at what the dependencies are now; opens or fails the job. */
void dependencies_begin(World *world, Job *job, int64_t now_ms);
void dependencies_unlink(World *world, Job *job);
bool dependencies_hold(const Job *job, int32_t index); /* N_TO_N and SEQUENTIAL of one child */
/* The job has just become an array: its children that have no counterpart fail, the others may begin, and so
 * may arrays that waited to know their counterparts. */
void dependencies_sized(World *world, Job *job, int64_t now_ms);
/* Why it cannot be an array of so many children: new string, or NULL when it can. */
char *dependencies_misfit(World *world, const Job *job, int64_t size);
/* run_size.c */
bool job_is_unsized(const Job *job); /* by its run's spec */
void job_size_want(World *world, Job *job, int64_t now_ms);
void work_push(World *world, Job *job, int32_t first, int32_t last, JobState state);
void work_run(World *world, int64_t now_ms);

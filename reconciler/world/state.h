/* state.h: what World holds; private to world/.
 * Owns:   the layout of the state. Entries embed the public struct of world.h as their first member.
 * Calls:  spec/, GLib.
 * Holds:  ordered sets are trees keyed totally, so that nothing that decides or prints depends on addresses
 * or hash order (invariant 8); rows that never change again go into `batch` at once, all others wait in a
 * dirty list. */
#pragma once
#include "reconciler/world/usage.h"
#include "reconciler/world/world.h"
#include "spec/base/map.h"
#include "spec/base/tree.h"

typedef struct {
    Kind kind;
    View name;
} ResourceKey;

typedef struct Timetable Timetable;

typedef struct {
    Resource resource;
    TreeNode by_key;      /* World.resources or, once removed and not yet written, World.graves */
    TreeNode in_transit;  /* World.transit while DELETING or REPLACING */
    Timetable *timetable; /* of a pipeline with schedules; else NULL (run_schedule.c) */
    GList dirty;
} ResourceEntry;

typedef struct {
    Environment environment;
    char *name;     /* reference counted (GRefString): launches keep it when the environment is gone */
    Tree instances; /* InstanceEntry by number */
    Tree ends;      /* LaunchEntry by expected end */
} EnvironmentEntry;

typedef struct {
    Instance instance;
    TreeNode by_number, in_environment;
    InstanceState decided; /* DRAINING or STOPPING, also while it is UNKNOWN; else REGISTERED */
    InstanceState before;  /* UNKNOWN: what its row says */
    GList dirty;
    bool is_dirty, is_new;
} InstanceEntry;

/* Where a queue stands among others: as its head does in a share. */
typedef struct {
    int64_t priority; /* of the queue */
    bool has_head;    /* false: before all that have one */
    int32_t index;
    uint64_t front, sequence;
} QueueKey;

typedef struct {
    Queue queue;
    QueueKey key; /* as of its last change that was looked at */
    TreeNode by_order;
    Capacity all_least; /* of the subtree below by_order */
    bool all_rest;
    bool is_changed;            /* in World.queues_changed */
    Environment **environments; /* as of environments_at, World.feasibility */
    size_t environments_len;
    uint64_t environments_at;
    Tree shares;       /* ShareEntry by identifier */
    int64_t settle_ms; /* no share becomes inactive before */
    int64_t decay_ms;  /* of the usage of its shares */
} QueueEntry;

typedef struct {
    Share share;
    TreeNode by_identifier;
    Tree groups, parked; /* GroupEntry by head */
    Tree by_content;     /* both */
    ShareUsage *usage;   /* NULL in a FIFO queue */
    size_t refs;         /* jobs in memory */
    GList dirty;
    bool is_dirty, is_stored; /* a row is there or on its way */
} ShareEntry;

/* RunKind by content; freed with the last shape of it, and its number given to the next one. */
typedef struct {
    RunKind kind;
    uint32_t id;
    TreeNode by_content;
    size_t refs;
} KindEntry;

typedef struct {
    RevisionRecord record; /* text owned */
    TreeNode by_key;
    JobDefinitionSpec *decoded; /* made when first needed */
    GList dirty;
    bool is_dirty;
} RevisionEntry;

/* What decides where a job can run and how long: jobs of one shape and share have one fate, whatever their
 * templates. */
typedef struct {
    TreeNode by_content;
    uint64_t id;
    size_t refs;
    ResourceNeed need;
    KindEntry *kind;
    char *definition; /* name without revision, and timeout: one expected run time */
    int64_t timeout_ms;
} Shape;

typedef struct {
    JobTemplate template;
    TreeNode by_id;
    MapKey key;
    Shape *shape;
    size_t refs;  /* jobs in memory */
    GList unused; /* World.unused_templates while refs is 0 */
    bool stored;
    History *history; /* of its definition */
} TemplateEntry;

typedef struct LaunchEntry LaunchEntry;
struct LaunchEntry {
    Launch launch;
    TreeNode by_token, by_end;
    char *environment_name; /* GRefString */
    char *task;             /* what it is called at the provider; NULL: not told */
    Job *job;
    GList dirty;
    bool is_dirty, is_new;
    LaunchEntry *node_prev, *node_next; /* others of its attempt */
    struct ChildState *child;           /* whose attempt it is; NULL: of a job */
};

typedef struct {
    Run run;
    TreeNode by_key;    /* kind, name, number */
    TreeNode in_active; /* World.active_runs while run_is_active */
    TreeNode
        in_ready; /* World.ready_runs while it waits, for nothing else and no older run of its manifest */
    Job *jobs, *jobs_tail; /* those in memory, oldest first */
    OnFailure on_failure;
    Run *waits_for;       /* a run of a Job that this one depends on and that has no job yet */
    GPtrArray *held;      /* the runs whose waits_for this is; NULL: there never was one */
    char *workspace;      /* id of the run whose workspace it goes on in; NULL: its own */
    int64_t scheduled_ms; /* the time of the schedule that began it; 0: none did */
    GList dirty;
    bool is_dirty, is_new;
} RunEntry;

typedef struct {
    ApplyRecord record; /* text owned */
    TreeNode by_id;
    GList dirty;
    bool is_dirty, is_new;
} ApplyEntry;

/* Jobs by sequence: pages of slots, since sequences are dense and only grow. */
#define JOB_PAGE_SLOTS 512
typedef struct {
    TreeNode by_number;
    uint64_t number; /* sequence / JOB_PAGE_SLOTS */
    size_t used;
    Job *slots[JOB_PAGE_SLOTS];
} JobPage;

/* Something ended: those that wait for it must be told. A list instead of recursion, so that chains have no
 * depth. */
typedef struct {
    Job *job;
    int32_t first, last; /* children; NOT_A_CHILD: the job itself */
    JobState state;      /* JOB_SUCCEEDED or JOB_FAILED */
} WorkItem;

struct World {
    ProviderType default_provider;
    size_t unmade; /* environments */
    bool loading;
    bool silent; /* nothing is recorded */
    Rng rng;
    int64_t loaded_ms;

    Tree resources, graves, transit;
    Tree drifts;                /* by kind and name (drift.c) */
    uint64_t declarations;      /* world_declarations() */
    ResourceEntry *settle_next; /* where resource_settle goes on */
    GPtrArray *slots;           /* Environment by slot, NULL where none */
    Queue **queues;             /* sorted; rebuilt when stale */
    size_t queues_len;
    bool queues_stale;
    Queue **limited; /* those of queues with time limits */
    size_t limited_len;
    GPtrArray *guests; /* of Guest*, by token */
    Tree queue_order;  /* QueueEntry with runnable work */
    GPtrArray *queues_changed;
    uint64_t order_feasibility; /* what queue_order was settled at */
    Tree revisions;

    Tree templates, shapes, kinds;
    GPtrArray *kinds_by_id; /* KindEntry, NULL where none */
    Map *templates_by_key;
    GQueue unused_templates;
    uint64_t shape_id;
    GString *request_text;         /* scratch of template_intern */
    TemplateEntry *template_asked; /* what it returned last; NULL: it is gone */

    Map *jobs;
    Tree pages;
    JobPage *newest_page;
    Job *dirty_jobs, *dirty_jobs_tail;
    Job *finished, *finished_tail; /* may be forgotten when nothing depends on them */
    uint64_t job_sequence, event_sequence, front;
    int64_t template_id, apply_id;
    int64_t override_due_ms;   /* when the next override ends; 0: there is none */
    int64_t suspension_due_ms; /* when the next suspension ends by itself; 0: none does */
    size_t suspensions;
    size_t runnable; /* items in all groups */
    size_t parked;   /* groups */
    uint64_t feasibility;

    Tree histories;

    Tree launches;
    GHashTable *waits; /* Launch* → text: what few of them wait for */
    GArray *stops;     /* LaunchToken: stops decided inside the world */
    GArray *sizes;     /* JobId: steps that wait to know how many children they have */

    Tree instances;
    Map *instances_by_token;
    GArray *instance_stops; /* LaunchToken */
    GArray *resting;        /* LaunchToken of instances */
    uint64_t instance_number;
    InstanceEntry
        *local; /* the machine that local environments share; in local_fleet once its capacity is told */
    Fleet *local_fleet;

    Tree runs, active_runs, ready_runs, applies;
    Tree due_schedules; /* by the time at which they must be looked at */
    Map *runs_by_id;
    GHashTable *settings, *dirty_settings;

    GQueue dirty_resources, dirty_revisions, dirty_children, dirty_launches, dirty_runs, dirty_applies,
        dirty_shares, dirty_instances, dirty_histories, dirty_drifts;
    Batch *batch; /* rows that are final already: events, ranges, templates, ended launches */
    uint64_t batches, durable;

    GArray *work; /* WorkItem */
    size_t work_next;
    bool working;
    FinalStateFunc final_lookup;
    void *final_lookup_data;
};

static inline ResourceEntry *resource_entry(const Resource *resource)
{
    return (ResourceEntry *)(uintptr_t)resource;
}
static inline QueueEntry *queue_entry(const Queue *queue)
{
    return (QueueEntry *)(uintptr_t)queue;
}
static inline ShareEntry *share_entry(const Share *share)
{
    return (ShareEntry *)(uintptr_t)share;
}
static inline EnvironmentEntry *environment_entry(const Environment *environment)
{
    return (EnvironmentEntry *)(uintptr_t)environment;
}
static inline TemplateEntry *template_entry(const JobTemplate *template)
{
    return (TemplateEntry *)(uintptr_t) template;
}
static inline LaunchEntry *launch_entry(const Launch *launch)
{
    return (LaunchEntry *)(uintptr_t)launch;
}
static inline InstanceEntry *instance_entry(const Instance *instance)
{
    return (InstanceEntry *)(uintptr_t)instance;
}
/* No row is to be written: what changes is being read back, or nobody records. */
static inline bool world_is_quiet(const World *world)
{
    return world->loading || world->silent;
}
static inline RunEntry *run_entry(const Run *run)
{
    return (RunEntry *)(uintptr_t)run;
}
static inline char *view_dup(View view)
{
    return g_strndup(view.data ? view.data : "", view.len);
}
/* NULL for the empty text, which is how records say "none". */
static inline char *view_dup_or_null(View view)
{
    return view.len > 0 ? view_dup(view) : NULL;
}

/* world.c */
Batch *world_batch(World *world); /* the one being filled */
/* resource.c */
void resources_init(World *world);
void resources_clear(World *world);
void resource_touch(World *world, Resource *resource);
/* Makes an entry from a row or a change and decodes it; false with error when the spec does not decode. */
bool resource_restore(World *world, const ResourceRecord *record, GError **error);
void resource_entry_free(World *world, ResourceEntry *entry);
ResourceRecord resource_record(const Resource *resource);
bool resource_in_force(World *world, Resource *resource, View spec,
                       GError **error); /* decode and take over */
void resource_remove(World *world, Resource *resource, int64_t now_ms);
void queues_sort(World *world);
void queue_order_init(World *world);
void queue_order_clear(World *world);
/* Something of its groups, or of what it is, changed: it no longer rests. */
void queue_changed(World *world, Queue *queue);
bool queue_order_holds(const World *world,
                       const Queue *queue);          /* or it is marked as changed: for world_check() */
void queue_order_forget(World *world, Queue *queue); /* it goes */
void capacity_lower(Capacity *least, const Capacity *need); /* each member to the lower of the two */
/* drift.c */
void drifts_init(World *world);
void drifts_clear(World *world);
void write_drifts(World *world, Batch *batch);
bool drift_restore(World *world, const DriftRecord *record, GError **error);
void drifts_dump(const World *world, GString *out);
/* revision.c */
void revisions_init(World *world);
void revisions_clear(World *world);
RevisionEntry *revision_put(World *world, const RevisionRecord *record);
RevisionEntry *revision_newest(const World *world, View name); /* whatever its status; NULL: none */
/* The last one of name at or below revision, or NULL. */
RevisionEntry *revision_at_or_below(const World *world, View name, int64_t revision);
/* The first one of any name that is not before this one; NULL: none. */
RevisionEntry *revision_first_from(const World *world, View name, int64_t revision);
RevisionEntry *revision_before(const RevisionEntry *revision); /* of the same name; NULL: none */
RevisionEntry *revision_resolve(const World *world, View reference, GError **error);
/* By a name that its definition had once, and has nothing else now; NULL: it is none such. */
RevisionEntry *revision_resolve_former(const World *world, View reference);
int64_t revisions_copy(World *world, View from, View to); /* the newest of `to` afterwards */
const JobDefinitionSpec *revision_spec(RevisionEntry *revision, GError **error);
void revision_touch(World *world, RevisionEntry *revision);
int64_t revision_register(World *world, View name, View spec, const Digest *digest, int64_t now_ms);
void revisions_keep(World *world, View name, int64_t keep);
void revision_entry_free(RevisionEntry *revision);
/* template.c */
void templates_init(World *world);
void templates_clear(World *world);
TemplateEntry *template_intern(World *world, RevisionEntry *revision, const json_t *request, GError **error);
bool template_restore(World *world, const TemplateRecord *record, GError **error);
TemplateEntry *template_by_id(const World *world, int64_t id);
bool template_decode(World *world, TemplateEntry *entry, GError **error);
void template_use(World *world, TemplateEntry *entry);
void template_unuse(World *world, TemplateEntry *entry);
/* event.c */
void event_job(World *world, const Job *job, int32_t index, JobState from, JobState to, int64_t now_ms);
void event_range(World *world, const Job *job, int32_t first, int32_t last, const char *message,
                 int64_t now_ms);
/* launch.c */
void launches_init(World *world);
int launch_end_compare(const TreeNode *a, const TreeNode *b);
void launches_clear(World *world);
bool launch_restore(World *world, const AttemptRecord *record, GError **error);
void launch_record(const Launch *launch, AttemptRecord *ret_record);
bool launch_takes_consumables(const Launch *launch); /* for its attempt: one launch of it does */
void world_stop_later(World *world, const GPtrArray *launches);
/* history.c */
void histories_init(World *world);
void histories_clear(World *world);
History *history_ref(World *world, const char *definition); /* "NAME:REVISION" */
void history_unref(World *world, History *history);
void history_forget(World *world, View definition); /* it was deleted */
void history_rename(World *world, View from, View to);
void history_add(World *world, History *history, int64_t ran_ms, int64_t now_ms);
void write_histories(World *world, Batch *batch);
bool history_restore(World *world, const DurationRecord *record, GError **error);
void history_dump(const World *world, GString *out);
bool history_is_sound(const History *history);
/* consumable.c */
void consumables_take(World *world, const JobTemplate *template);
void consumables_give(World *world, const JobTemplate *template, bool never_started);
void consumables_restore(World *world, const JobTemplate *template);
int64_t consumable_count(const World *world, const Consumable *consumable); /* what in_use must be */
void consumable_recount(World *world, Consumable *consumable); /* a name leads to another one now */
bool consumable_in_force(World *world, Resource *resource, View spec, GError **error);
void consumable_free(Consumable *consumable);
/* instance.c */
void instances_init(World *world);
void instances_clear(World *world);
void environment_instances_init(Environment *environment);
void environment_instances_clear(Environment *environment);
bool environment_is_shared(const Environment *environment); /* it runs on the local machine; NULL does */
/* Drains what it has, and stops what is empty; true when nothing is left. */
bool environment_drain_step(World *world, Environment *environment, int64_t now_ms);
void instance_touch(World *world, Instance *instance);
InstanceRecord instance_record(const Instance *instance);
bool instance_restore(World *world, const InstanceRecord *record, GError **error);
void instance_link(World *world, Instance *instance, Launch *launch);
void instance_unlink(Instance *instance, Launch *launch, int64_t now_ms);
/* A task on it that no launch stands for (guest.h). */
void instance_host_guest(World *world, Instance *instance, Capacity need);
void instance_let_guest_go(Instance *instance, Capacity need, int64_t now_ms);
/* guest.c */
void guests_init(World *world);
void guests_clear(World *world);
void guests_loaded(World *world);
void guests_of_instance_gone(World *world, const Instance *instance, int64_t now_ms);
/* run.c */
void runs_init(World *world);
void runs_clear(World *world);
void run_job_ended(World *world, Job *job, int64_t now_ms);
void run_stop_rest(World *world, const Job *failed, int64_t now_ms); /* onFailure: stop */
void run_add_job(World *world, Run *run, Job *job);
void run_forget_job(Run *run, Job *job);
bool run_restore(World *world, const RunRecord *record, GError **error);
RunRecord run_record(const Run *run);
void runs_loaded(World *world);
void run_entry_free(RunEntry *entry);
/* run_schedule.c */
void schedules_init(World *world);
/* Takes over the schedules of a pipeline's spec: those that it had go on, new ones have no position yet. */
bool schedules_in_force(World *world, Resource *pipeline, View spec, GError **error);
/* Those without a position begin now: what lies before has not been missed. */
void schedules_begin(World *world, Resource *pipeline, int64_t now_ms);
void schedules_drop(World *world, Resource *pipeline); /* and what the store keeps of them */
void timetable_free(ResourceEntry *entry);
void schedules_check(const World *world);
/* override.c */
void overrides_loaded(World *world);
void overrides_move(World *world, const ResourceRename *rename);
void schedules_leave(World *world, Resource *pipeline); /* the order by due times, which names are part of */
void schedules_enter(World *world, Resource *pipeline);
/* outside.c: as it is stored; of a new one, before it can be found by its name; of one that was `from`; it
 * goes. */
void outside_load(const World *world, Environment *environment);
void outside_choose(World *world, Environment *environment);
void outside_move(World *world, Environment *environment, View from);
void outside_drop(World *world, const Resource *resource);
/* rename.c: what led to it by a former name leads nowhere; its own name, if it was a former one, is its own.
 */
void renames_drop(World *world, const Resource *resource);
void renames_overtaken(World *world, const Resource *resource);
/* Its name was that of one whose removal waits to be written: it is not removed. */
void resource_entry_unbury(World *world, const Resource *resource);
void suspensions_loaded(World *world);
void environment_rolled(World *world, Environment *environment); /* its pins.rolls changed */
void overrides_drop(World *world, const Resource *resource);     /* with their resource, unrecorded */

/* apply.c */
void applies_init(World *world);
void applies_clear(World *world);
bool apply_restore(World *world, const ApplyRecord *record);

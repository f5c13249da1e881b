/* reconcile_internal.h: the reconciler's inside, shared by reconcile*.c only. */
#pragma once
#include "reconciler/api/apply_plan.h"
#include "reconciler/api/meters.h"
#include "reconciler/decide.h"
#include "reconciler/plan/plan.h"
#include "reconciler/reconcile.h"

#define REFUSED_REST_MS 2000 /* what refused a launch is not asked again before */
#define IN_FLIGHT_MAX   2    /* batches handed to the store and not durable yet */
#define PLACEMENTS_MAX  256  /* per tick */
#define SETTLE_MAX      1000 /* resources and runs per tick */
/* A start changes nothing that anybody waits for: it is taken in with the next end, answer or submission, at
 * the latest after so long. So a short job costs one flush for its end and the next intent together, and none
 * for its start. */
#define STARTED_LAZY_MS 20
#define STAGE_MAX       5000 /* changes of an apply per tick: each may make revisions, rows and events */
#define BUDGET_US       2000 /* slices of a tick end when it has gone on so long; what is under way is finished */
#define EVENTS_MIN      16 /* of the provider, that a tick takes in whatever time they take */
#define FORGET_MAX      5000
#define CALLS_MAX       1000 /* steps of calls per tick */
#define RETRY_MS        1000 /* after a failed commit; doubles up to RETRY_MAX_MS */
#define RETRY_MAX_MS    60000
#define KILL_GRACE_MS   30000 /* batch: SIGTERM to SIGKILL */

typedef struct ApplyTask ApplyTask;

/* A source that this process follows. */
typedef struct {
    char *name;
    char *message;        /* of what is broken, or NULL */
    char *broken;         /* the revision that is, as it was told last, or NULL */
    char *remote;         /* what is wrong with its remote, or NULL */
    char *recorded;       /* "REVISION MESSAGE" of the fault that was recorded last, or NULL */
    char *refused;        /* the same, of what was refused for its signature */
    ManifestSet *carried; /* carried out; NULL: none yet */
    uint64_t epoch;       /* when it had been */
    /* As it was told last: what an approval carries out. */
    char *path, *provider, *values, *revision, *author, *signature;
    ManifestSet *newest; /* NULL: broken */
    uint64_t told;       /* how often it was */
    bool approval_required;
    bool is_suspended;  /* as it was seen last */
    char *held;         /* the plan that waits, as plan_save() writes it; NULL: none, or not made again yet */
    json_t *held_plan;  /* the same, as `plan -o json` writes it */
    GPtrArray *earlier; /* of char*: plans that waited before, oldest first */
    bool is_stopped;    /* by what the state was at stopped_epoch */
    uint64_t stopped_epoch;
} FollowedSource;

/* A plan that waits for an approval; all borrowed. */
typedef struct {
    const char *plan_id, *reason, *saved;
    json_t *summary;
    json_t *plan;           /* as `plan -o json` writes it */
    int64_t needed_deletes; /* 0: none */
    bool needs_first_run;
} SourceHold;

/* A provider event, kept until what it led to is durable. */
typedef struct {
    ProviderEvent event; /* its texts are owned */
} KeptEvent;

/* An instance to be asked for. */
typedef struct {
    LaunchToken token;
    int64_t max_price_micro_per_h;
} InstanceIntent;

typedef struct ResourceIntent ResourceIntent; /* reconcile_resource.c */

/* What leaves when one batch is durable. */
typedef struct {
    uint64_t sequence;
    int64_t now_ms;
    int64_t handed_us;       /* to the store; 0: nothing is counted */
    uint64_t event_sequence; /* highest event in it */
    GArray *launches;        /* of LaunchToken: intents → provider->launch */
    GArray *stops;           /* of LaunchToken */
    GArray *settled;         /* of LaunchToken: final states → provider->settled */
    GArray *named;           /* of LaunchToken: what is accepted by a name → provider->named */
    GArray *instances;       /* of InstanceIntent → provider->instances_start */
    GArray *instance_stops;  /* of LaunchToken → provider->instances_stop */
    GPtrArray *resources;    /* of ResourceIntent* → provider->resources_apply */
    GPtrArray *answers;      /* of Call* */
    GArray *events;          /* of KeptEvent: replayed when the batch fails */
} Outgoing;

struct Reconciler {
    Ports ports;
    char *state_dir, *mode, *host, *notice;
    bool launch, schedules, draining;
    int64_t interval_ms;
    const LoopMeter *loop;
    Meters *meters; /* NULL: nothing is counted */
    int64_t asked_us, tick_us,
        phase_us; /* theirs: the oldest that was not looked at yet, or 0; of the tick */
    World *world;
    Rng rng;
    RequestChecker *checker;
    EngineFacts facts;
    GHashTable *tracks;
    Arena *arena; /* of one tick's decisions */
    Growth *growth;
    GrowthView growth_view; /* what operations ask about it */
    Decided decided;
    int64_t decide_at_ms; /* when to decide again though nothing happens; INT64_MAX: never */
    unsigned providers;   /* bits 1 << ProviderType */
    int64_t now_ms;       /* of the last tick: never goes back */

    GQueue calls;       /* of Call*: to be stepped */
    GPtrArray *waiters; /* of Call*: STEP_WAIT */
    size_t gathering;   /* calls on the query thread */
    GArray *events;     /* of KeptEvent: arrived, not applied */
    GHashTable *unseen; /* tokens of launches that earlier processes asked for and nothing was told of yet */
    GHashTable *found;  /* token → of tasks that a restored state does not know (reconcile_found.c) */
    GArray *deferred;   /* of LaunchToken: intended, and a task of their job has to end before */
    unsigned observed;  /* bits 1 << ProviderType: who has told all that is there */
    bool machine_told;  /* facts.machine is the provider's word */

    Outgoing *outgoing;    /* of the tick under way */
    GQueue in_flight;      /* of Outgoing*, oldest first */
    GPtrArray *stops;      /* of Launch*, borrowed, this tick */
    TickBudget budget;     /* of the tick under way */
    bool ticking, again;   /* again: asked for during the tick */
    bool urgent;           /* events hold more than starts */
    int64_t started_at_ms; /* when starts are taken in if nothing else comes; 0: there are none */
    bool changed;          /* the scheduler must look again */
    bool waiters_due;
    size_t finished; /* jobs that ended since the last world_forget_finished */

    /* what the provider holds of resources (reconcile_resource.c) */
    Tree held;                /* of HeldResource */
    bool is_leaving;          /* resources are on their way out, or to become others */
    bool resources_due;       /* something was told or given back: looked at in this tick */
    uint64_t declarations;    /* world_declarations() when they were looked at */
    int64_t resources_at_ms;  /* when to look again though nothing happens; INT64_MAX: never */
    uint64_t resource_number; /* of the newest request */
    uint64_t resource_rounds[PROVIDER_UNSET]; /* of the complete observation of each that comes next */

    /* failed commits */
    char *refusal; /* NULL: the store can be written */
    int64_t retry_ms, retry_at_ms;
    bool reload; /* the store must be opened again before anything changes */
    bool ahead;  /* memory holds what was not stored, and the store cannot be read */
    GError *fault;

    /* applies */
    GQueue applies; /* of ApplyTask*: the first is under way */
    size_t moving;  /* resources in transition at the last look */
    bool staged;    /* an apply became ACTIVE since they were looked at: it may have converged at once */
    uint64_t epoch; /* counts changes of resources and runs, for plans made off the loop */
    uint64_t epoch_batch; /* the batch that holds the last of them */
    Policy *policy;       /* of sources; NULL: none */
    GPtrArray *followed;  /* of FollowedSource* (reconcile_source.c) */

    /* retention */
    int64_t expire_at_ms; /* 0: nothing to expire */
    bool expiring;
};

/* reconcile.c */
void reconciler_wake(Reconciler *reconciler);
OperationContext reconciler_context(Reconciler *reconciler);
bool reconciler_busy_committing(const Reconciler *reconciler);
Outgoing *outgoing_new(void);
void outgoing_free(Outgoing *outgoing);

/* ---- reconcile_meter.c: nothing where there are no meters ---- */
void meter_asked(Reconciler *reconciler); /* something came in that is to be looked at */
void meter_tick_begin(Reconciler *reconciler);
void meter_phase(Reconciler *reconciler, TickPhase phase); /* it ends */
void meter_tick_end(Reconciler *reconciler);
void meter_decided(Reconciler *reconciler);
void meter_event(Reconciler *reconciler, const Launch *launch, const ProviderEvent *event);
void meter_instance_refused(Reconciler *reconciler);
void meter_handed_over(Reconciler *reconciler, Outgoing *outgoing);
void meter_committed(Reconciler *reconciler, const Outgoing *outgoing);
void meter_commit_failed(Reconciler *reconciler);
void meter_call_taken(Reconciler *reconciler, Call *call);
void meter_answered(Reconciler *reconciler, const Call *call);
int64_t meter_now_us(const Reconciler *reconciler); /* 0: nothing is counted */
void meter_reconciled(Reconciler *reconciler, ReconcileOutcome outcome, int64_t taken_us);

/* reconcile_calls.c */
void calls_run(Reconciler *reconciler);
void calls_answer(Reconciler *reconciler, Call *call); /* once everything so far is durable */
void calls_refuse(Reconciler *reconciler, Call *call, Fault fault, const char *message); /* at once */
void calls_let_go(Reconciler *reconciler, Call *call);   /* its answer leaves: what it rests on is durable */
int64_t calls_deadline_ms(const Reconciler *reconciler); /* 0: none */
void calls_fail_all(Reconciler *reconciler, Fault fault, const char *message);

/* reconcile_launch.c */
/* Tells the clock when the next tick is due. */
void reconciler_plan_next(Reconciler *reconciler);
void launch_events_apply(Reconciler *reconciler);
void launch_decide(Reconciler *reconciler);
void launch_effects(Reconciler *reconciler, const Outgoing *outgoing);
void kept_event_clear(void *event);
GHashTable *launch_token_set_new(void); /* owns its LaunchTokens (g_memdup2) */
bool launch_provider_start(Reconciler *reconciler, GError **error);

/* reconcile_node.c */
/* It is asked for once the main node of its job runs: node_runs(). */
bool node_waits(const Launch *launch);
/* It began just now: what waits for it is asked for. Harmless of any other launch. */
void node_runs(Reconciler *reconciler, const Launch *launch);
/* What the job would be if this node were its main one; new. NULL: its definition says nothing of the node.
 */
JobDefinitionSpec *node_spec(const Launch *launch);

/* What the provider told of a launch that the world knows. */
void launch_told(Reconciler *reconciler, Launch *launch, const ProviderEvent *event);

/* reconcile_found.c */
void found_init(Reconciler *reconciler);
void found_clear(Reconciler *reconciler);
/* The world was read again: what was done with what was found is done again where that is told again. */
void found_reset(Reconciler *reconciler);
/* Of a task that a restored state did not ask for: false: it is none, or nobody waits for news of it. */
bool found_event_apply(Reconciler *reconciler, const ProviderEvent *event);
/* All that is there of providers (bits) was told: what was found of them is adopted, held or stopped. */
void found_take(Reconciler *reconciler, unsigned providers);
/* Guests that the complete observation does not hold are not there. */
void guests_observed(Reconciler *reconciler, unsigned providers);
/* At the end of a tick: guests that are to end are asked to, once by each process; what they held up goes
 * out; what is done with is forgotten. */
void found_run(Reconciler *reconciler);
/* It is not asked for yet: a task of its job has to end before. */
bool found_defers(Reconciler *reconciler, const Launch *launch);
/* What became of what was found, as a part of a sentence; "": nothing was. New string. */
char *found_summary(const Reconciler *reconciler);
/* An event about something there that is nobody's. */
void found_event(Reconciler *reconciler, const char *type, const char *environment, const char *text);

/* reconcile_instance.c */
bool instance_event_apply(Reconciler *reconciler, const ProviderEvent *event); /* false: not of an instance */
/* ---- reconcile_observed.c ---- */
bool observation_is_done(const Reconciler *reconciler, ProviderType provider);
/* Whether one of providers (bits) says whether something of environment is there; NULL: of one that is gone.
 */
bool observation_covers(const Reconciler *reconciler, unsigned providers, const Environment *environment);
/* As ProviderStart says. */
int64_t observation_restored_ms(const Reconciler *reconciler);
/* A complete one of providers (bits; 0: all) was told. */
void observation_apply(Reconciler *reconciler, unsigned providers);
/* Nodes of a multinode job are asked for once the main one runs: those that had not come to that when a
 * process ended are asked for again, where the main one is there. False: it is none of these. */
bool observation_asks_again(Reconciler *reconciler, Launch *launch);
/* Marks the environments in which nothing may begin yet. */
void observation_silence(Reconciler *reconciler);
void resources_pinning(Reconciler *reconciler); /* where nothing is bought for it */

void instances_observed(Reconciler *reconciler, unsigned providers);
void instances_resume(Reconciler *reconciler);
void instances_take_stops(Reconciler *reconciler);
void instance_effects(Reconciler *reconciler, const Outgoing *outgoing);

/* reconcile_resource.c */
void held_init(Reconciler *reconciler);
void held_clear(Reconciler *reconciler);
/* Before the provider is started. Of ResourceRequest: what is in force of which it may hold something; texts
 * owns what they point to. */
GArray *resources_begin(Reconciler *reconciler, GPtrArray *texts);
void resources_reload(Reconciler *reconciler); /* after the world was loaded */
/* The number that names this installation, hexadecimal: made once, and committed with the batch under way.
 * Borrowed from the world. */
const char *installation_name(Reconciler *reconciler);
bool resource_event_apply(Reconciler *reconciler, const ProviderEvent *event); /* false: not of a resource */
void resources_observed(Reconciler *reconciler, unsigned providers);
/* Asks for what the provider holds otherwise than it is to. */
void resources_run(Reconciler *reconciler);
void resource_effects(Reconciler *reconciler, const Outgoing *outgoing);
/* The batch that held these intents has failed: they did not leave. */
void resources_taken_back(Reconciler *reconciler, const Outgoing *outgoing);
void resource_intent_free(void *intent);
/* A copy, cut where it is longer than may be (it is told as broken then); NULL: none. */
char *resource_observed_text(const char *observed);

/* reconcile_apply.c */
void apply_take(Reconciler *reconciler, Call *call);
void apply_followed(Reconciler *reconciler, const SourceState *state);
void applies_run(Reconciler *reconciler);
void applies_settle(Reconciler *reconciler);
void applies_reset(Reconciler *reconciler, const char *message); /* the world was reloaded */
void applies_resume(Reconciler *reconciler);                     /* after loading: interrupted ones */
void apply_task_free(void *task);

/* Takes back what a followed source is to have done and has not begun. */
void applies_drop_waiting(Reconciler *reconciler, const char *name);
/* Queues the apply of a plan that waits, under the condition that it still is that plan. */
void apply_take_approved(Reconciler *reconciler, Call *call, const FollowedSource *followed,
                         const char *plan_id);

/* reconcile_suspend.c */
bool source_is_suspended(const Reconciler *reconciler, const char *name);
/* Ends those whose time is over; sources that were suspended or resumed since the last tick rest or go on. */
void suspensions_run(Reconciler *reconciler);

/* reconcile_approval.c */
void approval_take(Reconciler *reconciler, Call *call);
/* Who approved what, told in the commit in which it begins. */
void approval_event(Reconciler *reconciler, const Call *call, const Plan *plan);
/* What a source's member of the setting says of the plan that waits, from what it said before. New
 * reference. */
json_t *approval_waiting_json(const json_t *before, const SourceState *state, const SourceHold *hold,
                              int64_t now_ms);
/* The same of plans that waited earlier; NULL: there is none. New reference. */
json_t *approval_earlier_json(const json_t *before, const char *plan_id);

/* reconcile_source.c */
FollowedSource *followed_find(const Reconciler *reconciler, const char *name);
/* Its plan waits. */
/* The plan that waits; for OperationContext.pending. data: Reconciler. */
json_t *source_pending(const char *name, void *data);
void source_hold(Reconciler *reconciler, const SourceState *state, const SourceHold *hold);
/* What is in force asks for an approval, as it is kept with the source. */
bool source_approval_stands(const Reconciler *reconciler, const char *name);
/* What waits begins to be carried out: whether what is then in force asks for an approval is its own word. */
void source_approved(Reconciler *reconciler, const char *name);
/* Planned once more, all of it; nothing while it is broken. */
void source_look_again(Reconciler *reconciler, const char *name);
/* What it was told last is good, and not carried out: it is suspended. */
void source_rest(Reconciler *reconciler, const SourceState *state);
/* A command carries out this revision of a source that was followed once. */
void source_in_force(Reconciler *reconciler, const ApplyPlan *plan);
bool source_is_followed(const Reconciler *reconciler, const char *name);
/* BROKEN: its files are at fault; REFUSED: a guard, the policy or another source is in its way. */
typedef enum { SOURCE_OK, SOURCE_BROKEN, SOURCE_REFUSED } SourceStanding;
/* message: why it is not SOURCE_OK. */
void source_note(Reconciler *reconciler, const SourceState *state, SourceStanding standing,
                 const char *message);
/* What stopped it was found in the state, as that was at epoch: once that has changed it is looked at again.
 */
void source_wait_for_change(Reconciler *reconciler, const char *name, uint64_t epoch);
/* Looks at those for which it has. */
void sources_look_again(Reconciler *reconciler);
/* False when the same fault of the same revision (may be NULL) was recorded last: each pass finds it again.
 */
bool source_fault_is_new(Reconciler *reconciler, const char *name, const char *revision, const char *message);
void followed_free(void *followed);
/* What of a followed source was carried out last; the next revision is compared with that alone while no
 * other resource changes. NULL: with everything. source_carried_out takes a reference. */
ManifestSet *source_carried(const Reconciler *reconciler, const char *name);
void source_carried_out(Reconciler *reconciler, const char *name, ManifestSet *set);

/* Resources or runs change in the batch of this tick: what was compared with them is compared again. */
void reconciler_epoch_advance(Reconciler *reconciler);

/* reconcile_size.c */
void sizes_run(Reconciler *reconciler);

/* reconcile_expire.c */
void expire_run(Reconciler *reconciler);

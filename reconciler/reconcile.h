/* reconcile.h: the tick. Takes in what arrived, changes the world, decides, commits; when that is durable,
 * lets effects and answers out. Owns:   the World and everything that waits for a commit. Ports are borrowed
 * and outlive it. Calls:  every room; reaches the outside only through Ports. Holds:  invariants 1 to 4 and 6
 * of docs/architecture.md: nothing leaves before its commit, launches are intended first, attempts never
 * overlap, absence proves nothing until an observation is complete, the term goes with every effect. All
 * functions run on one thread. */
#pragma once
#include "reconciler/api/operation.h"
#include "reconciler/growth.h"
#include "reconciler/loop_meter.h"
#include "reconciler/notify/outbox_report.h"
#include "reconciler/ports.h"
#include "spec/policy.h"

typedef struct Reconciler Reconciler;

typedef struct {
    const char *state_dir;
    const char *mode;      /* "serve", "apply" … */
    bool launch;           /* false: nothing is placed */
    unsigned providers;    /* bits 1 << ProviderType: whose environments the provider serves; 0: local */
    bool schedules;        /* whether the clock starts pipelines; what comes due meanwhile has been missed */
    Capacity machine;      /* told in status until a provider says what there is; nothing is placed by it */
    const char *notice;    /* of the machine; may be NULL */
    int64_t interval_ms;   /* slow full pass; 0: none */
    Policy *policy;        /* what sources may do; borrowed; NULL: everything */
    const LoopMeter *loop; /* told in status; may be NULL */
    struct Meters *meters; /* api/meters.h: filled, never read; borrowed; NULL: nothing is counted */
} ReconcilerOptions;

/* Loads the world through the store port and starts the provider. NULL with error. */
Reconciler *reconciler_new(const Ports *ports, const ReconcilerOptions *options, GError **error);
void reconciler_free(Reconciler *reconciler); /* calls not answered yet are answered with an error */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reconciler, reconciler_free)

/* One turn; the clock port decides when. */
void reconciler_tick(Reconciler *reconciler);
/* A request arrived; taken, answered once. */
void reconciler_take_call(Reconciler *reconciler, Call *call);
/* The provider's ProviderEventFunc; data: Reconciler*. */
void reconciler_provider_event(const ProviderEvent *event, void *data);
/* The store's StoreCommitted; data: Reconciler*. */
void reconciler_committed(uint64_t sequence, const GError *error, void *data);
/* Stops taking calls and placing jobs; true when nothing is in flight any more (call again after each tick).
 */
bool reconciler_drain(Reconciler *reconciler);
/* A fault after which the process must exit (fsync error, fenced, store that cannot be read back); NULL:
 * none. */
const GError *reconciler_fault(const Reconciler *reconciler);
const World *reconciler_world(const Reconciler *reconciler);
Growth *reconciler_growth(Reconciler *reconciler); /* for tests: its accounts */

/* ---- followed sources (follow.c drives these) ---- */
typedef struct {
    const char *path, *name, *provider, *revision; /* name: identity */
    const char *values;             /* what its variables are given (given_values.h), JSON; NULL: none */
    const char *author, *signature; /* of the revision, where the source tells; else NULL */
    const char *broken;             /* why the source cannot be used, or NULL; then set is NULL */
    const char *tried;              /* the commit that is broken; NULL: not known, or none is */
    ManifestSet *set;               /* borrowed */
    bool approval_required;         /* the policy says so, whatever muster.yaml does */
    bool full_pass;                 /* compare everything, whatever differs from what was loaded before */
    int64_t changed_us;             /* monotonic time of the first event that led to it; 0: none did */
} SourceState;
/* A followed source was loaded: applied when it is whole and differs, noted as broken else. */
void reconciler_source(Reconciler *reconciler, const SourceState *state);
typedef struct {
    const char *path, *name, *provider; /* as in SourceState */
    const char *head;                   /* commit that the remote has, as far as known; may be NULL */
    const char *message;                /* why it could not be asked, or is not followed; NULL: all is well */
    const char *refused,
        *refused_author; /* commit that nobody who is trusted signed, which is why; or NULL */
    bool is_untrusted;   /* nor is what was told of it last trusted any more: a plan of it is not approved */
    bool is_held;        /* with a message: the remote was asked, and what it has is not taken */
} SourceRemote;
/* The remote of a followed source was asked, or could not be: told by status and, when that changes, by an
 * event. */
void reconciler_source_remote(Reconciler *reconciler, const SourceRemote *remote);
/* A webhook came for a followed source. What is followed comes from its remote alone: this is told by status
 * and, where it was refused, by an event. */
typedef struct {
    const char *path, *name, *provider; /* as in SourceState */
    const char *form;                   /* "github" …; NULL: it had none */
    const char *ref, *commit;           /* of a push; commit NULL: the reference was deleted */
    bool is_followed;                   /* it led to a look at the remote */
    const char *refused;                /* why it was not taken; NULL: it was */
    int64_t refused_len;                /* so many were refused since the one that was told last, with it */
} SourceWebhook;
void reconciler_source_webhook(Reconciler *reconciler, const SourceWebhook *webhook);
/* The name under which a source with this path was followed before; new string. NULL: none was. */
char *reconciler_source_name(const Reconciler *reconciler, const char *path);
/* What was told of under this name has another, which was found in its muster.yaml: the entry goes. */
void reconciler_source_renamed(Reconciler *reconciler, const char *before);
/* How far destinations of the outbox port are: kept, and told where it matters. */
void reconciler_outbox(Reconciler *reconciler, const OutboxReport *reports, size_t len);
/* What `status` tells of backups; its texts are borrowed until the next call. */
void reconciler_backup(Reconciler *reconciler, const BackupFacts *facts);
/* From the next plan on; takes a reference. */
void reconciler_set_policy(Reconciler *reconciler, Policy *policy);
/* Settings of sources that nobody follows any more are corrected. */
void reconciler_unfollow_all(Reconciler *reconciler);
void reconciler_log(Reconciler *reconciler, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* like: the entry but for its message. */
void reconciler_tell(Reconciler *reconciler, LogEntry like, const char *format, ...) G_GNUC_PRINTF(3, 4);

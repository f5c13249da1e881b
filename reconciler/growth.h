/* growth.h: what environments may buy, and what they buy and let go: scale/ over the world.
 * Owns:   per environment its candidates, cool-downs, failures and account; made anew when the spec changes.
 * Calls:  world/, schedule/ (the demand), scale/.
 * Holds:  decisions are scale_run()'s; here they only become transitions. An environment where nothing
 * changed and whose time has not come costs a comparison. Equal worlds, tables and times give equal
 * decisions. */
#pragma once
#include "reconciler/provider/provider.h"
#include "reconciler/scale/account.h"
#include "reconciler/scale/scale.h"
#include "reconciler/schedule/schedule.h"
#include "reconciler/world/outside.h"

typedef struct Growth Growth;

typedef struct {
    /* Of the region (NULL: where the environment names none); may be NULL, and may return NULL: the embedded
     * table alone. Borrowed until growth_facts_changed(). */
    const CatalogueFacts *(*facts)(const char *region, void *data);
    const char *region; /* whose prices count where an environment names none; may be NULL */
    unsigned providers; /* bits 1 << ProviderType: who can make instances here */
    void *data;
} GrowthOptions;

Growth *growth_new(const GrowthOptions *options);
void growth_free(Growth *growth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Growth, growth_free)
/* Candidates are resolved anew: prices or types became known. */
void growth_facts_changed(Growth *growth);
/* What was spent and which pools cool down, as the world's settings hold them: after loading. */
void growth_load(Growth *growth, const World *world, int64_t now_ms);

/* Money for the time since the last call, before anything of this tick changes an instance. */
void growth_accrue(Growth *growth, World *world, int64_t now_ms);
/* After everything of this tick: where what is paid for has changed, accounts are written, to be committed
 * with that. So whatever happens next, an account that is read back says what was spent. */
void growth_settle(Growth *growth, World *world, int64_t now_ms);

/* ---- what became of launches, beside the transitions of the instances themselves ---- */
typedef struct {
    View environment, type, zone;
    bool spot;
    InstanceRefusal refusal;
    int64_t asked_ms;
    const char *reason; /* as the provider says it; NULL: it does not */
} GrowthRefusal;
void growth_refused(Growth *growth, World *world, const GrowthRefusal *refusal, int64_t now_ms);
void growth_registered(Growth *growth, World *world, const Instance *instance, int64_t now_ms);

/* Before instance_started(), or instance_gone() if nobody heard of it before: it was made at made_ms, and is
 * paid for since then; 0: not known, since it was asked for at most. */
void growth_made(Growth *growth, const Instance *instance, int64_t made_ms, int64_t now_ms);

/* What an instance of this type is, that was bought before and is found again: as one of those that the
 * environment buys now, or as the table knows it. type: borrowed by ret_draft. False: it buys none. */
bool growth_draft(Growth *growth, const Environment *environment, const char *type, bool spot,
                  InstanceDraft *ret_draft);

/* The scheduler's GrowthFunc and TroubleFunc; data: a GrowthView. */
typedef struct {
    Growth *growth;
    const World *world;
    int64_t now_ms;
} GrowthView;
int64_t growth_room(const Environment *environment, const RunnableGroup *group, void *view);
BlockedReason growth_trouble(const Environment *environment, void *view);

/* An instance to be made: intended in the world already. */
typedef struct {
    Instance *instance;            /* borrowed */
    int64_t max_price_micro_per_h; /* Spot; 0: no limit */
} GrowthLaunch;

typedef struct {
    GArray *launches;          /* of GrowthLaunch; appended to */
    GPtrArray *instance_stops; /* of Instance*, borrowed: instances that end; appended to */
    GPtrArray *stops; /* of Launch*, borrowed: jobs that an update of the infrastructure ends; appended to */
    int64_t wake_ms;  /* when the answer may change though nothing happens; INT64_MAX: never */
} GrowthOutcome;
/* Demand of decisions, minvCpus, idleness, updates. Beside it the world stops instances by itself:
 * world_take_instance_stops().
 * token: from the caller's entropy. */
void growth_run(Growth *growth, World *world, const Decisions *decisions,
                void (*token)(LaunchToken *, void *), void *token_data, int64_t now_ms, Arena *arena,
                GrowthOutcome *outcome);

/* Why demand of a group is not met in an environment, as the last run found; false: nothing is known. */
bool growth_unmet(const Growth *growth, const Environment *environment, const RunnableGroup *group,
                  ScaleUnmet *ret_unmet, const ScaleCandidates **ret_candidates);
/* NULL: it buys no instances. Borrowed. */
const ScaleCandidates *growth_candidates(Growth *growth, const Environment *environment);
/* What an instance of the environment costs an hour at most, in millionths: its price, where that is not
 * known what bounds it (strategy_price() of its type); SCALE_UNKNOWN: nothing does. */
int64_t growth_price_most(Growth *growth, const Environment *environment, const Instance *instance);
/* What it has spent on the UTC day and in the month. */
bool growth_account(const Growth *growth, const Environment *environment, Account *ret_account);

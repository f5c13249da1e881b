/* apply_plan.h: from a source to a guarded plan, off the loop.
 * Owns:   an ApplyPlan owns its inputs and outputs; one thread at a time.
 * Calls:  source/, spec/, plan/, schedule/feasible, store/ (reading), provider_local_capacity.
 * Holds:  reads committed state only; changes nothing. */
#pragma once
#include "reconciler/plan/plan.h"
#include "reconciler/source/source.h"
#include "reconciler/store/store.h"
#include "spec/policy.h"
#include <jansson.h>

typedef enum {
    APPLY_READY,      /* plan may be carried out */
    APPLY_BROKEN,     /* the source cannot be read, or has errors: diagnostics, message */
    APPLY_INFEASIBLE, /* its only errors are jobs that can never run */
    APPLY_FORBIDDEN,  /* the policy does not allow it: diagnostics, message */
    APPLY_REFUSED,    /* guard, stale plan, provider that this build does not serve: message */
    APPLY_HELD        /* a followed source's plan that waits for an approval: message, saved */
} ApplyOutcome;

typedef struct {
    /* in */
    char *state_dir, *source, *source_name, *provider, *only, *plan_id, *saved_text;
    char *commit;   /* of a git source: the one that is meant; NULL: what its reference names */
    json_t *upload; /* the manifests as they were sent (upload.h), in place of the source's files; or NULL */
    char *values;   /* of variables (given_values.h), JSON; NULL: none */
    char *author, *signature; /* of the revision, as the source tells; NULL: it does not (a directory) */
    char *actor;              /* who asked; NULL: nobody said */
    FirstRun first_run;
    bool first_run_given, destroy;
    bool approves;         /* plan_id is of the plan as it waited, before anybody said first_run */
    int64_t allow_deletes; /* -1: not given */
    Capacity machine;      /* what local environments share; no vcpus: this one is asked */
    unsigned providers;    /* bits 1 << ProviderType: whose environments this process serves; 0: local */
    ManifestSet *set;      /* followed sources: already loaded; else NULL */
    ManifestSet *before;   /* followed sources: what was carried out last, when no resource has changed since:
                              only   what differs from it is checked and compared. NULL: everything is */
    Policy *policy;        /* what the source may do; a reference; NULL: everything */
    /* Of a followed source, whose plan may wait for an approval. The policy asks for one, whatever
     * muster.yaml says; what was carried out last asked for one, so that taking that away needs one too. */
    bool may_wait, policy_requires_approval, approval_stands;
    /* out */
    ApplyOutcome outcome;
    bool is_whole; /* not only what differs from before was looked at */
    char *identity, *message;
    DiagnosticList *diagnostics;
    Plan *plan;
    json_t *plan_json;
    char *saved;            /* APPLY_HELD: the plan as plan_save() writes it */
    int64_t needed_deletes; /* APPLY_HELD: what --allow-deletes must say; 0: nothing */
    bool needs_first_run;   /* APPLY_HELD: --first-run must be said */
    bool has_position;      /* it was compared with what is committed: this state */
    StorePosition position;
} ApplyPlan;
ApplyPlan *apply_plan_new(const char *state_dir);
void apply_plan_free(void *plan);
/* Loads (unless set is given), checks, plans, guards. Blocks: for a worker. May be run again after the state
 * changed. */
void apply_plan_run(void *plan);
/* Of a followed source: policy, muster.yaml or what is in force asks for one. */
bool apply_plan_needs_approval(const ApplyPlan *plan);
/* As if it had been run and had ended so, without diagnostics. */
void apply_plan_fail(ApplyPlan *plan, ApplyOutcome outcome, View message);
json_t *apply_plan_diagnostics(ApplyPlan *plan);
/* Where environments of its source run that say nothing, and --provider does not: "aws", or as muster.yaml
 * says. Borrowed. */
const char *apply_plan_otherwise(const ApplyPlan *plan);

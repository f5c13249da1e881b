/* deploy.h: plan, ask, carry out, wait: what apply, destroy and rollback share.
 * Calls:  cli/planning, cli/follow. */
#pragma once
#include "reconciler/cli/follow.h"
#include "reconciler/cli/planning.h"

typedef struct {
    PlanningOptions planning; /* state_dir may be NULL: found by the rule */
    const char *plan_file;    /* --plan, or NULL; then planning holds what the saved plan says */
    const SavedPlan *saved;
    Want want;
    int64_t timeout_ms;
    bool no_forecast;
    bool is_confirmed; /* --yes, or a saved plan: that file is the yes */
    const char *question;
    const char *rolled_back; /* whose source: to planning.commit; NULL: it is no rollback */
    bool is_dry;             /* only the plan is shown */
} DeployOptions;

/* What the options of any command that deploys say: everything but the question and what planning reads.
 * False with error (EXIT_ERROR). */
bool deploy_options_read(const Options *options, DeployOptions *ret_options, GError **error);
int deploy(Invocation *invocation, const DeployOptions *options);

/* planning.h: source + state + options → plan, guard's verdict, rendering. What plan, apply and destroy
 * share. Owns:   everything in Planning. Calls:  cli/checked, api/committed, plan/. */
#pragma once
#include "reconciler/api/committed.h"
#include "reconciler/cli/checked.h"

typedef struct {
    const char *source;      /* as given */
    const char *source_name; /* --source or NULL */
    const char *provider;    /* or NULL */
    const char *picked;      /* that --provider auto became it, and why; or NULL */
    const char *only;        /* or NULL */
    const char *first_run;   /* "start", "record" or NULL */
    const char *state_dir;
    const GivenValues *values; /* of variables; may be NULL */
    const char *commit;        /* of a repository: this one; NULL: what its reference names */
    StateSnapshot *against;    /* taken: compared with, in place of the state; NULL: the state */
    int64_t allow_deletes;     /* -1: not given */
    const char *policy;        /* --policy or NULL */
    bool destroy;
    const Host *host; /* asks what the machine has for it; NULL: nothing is asked */
} PlanningOptions;

typedef struct {
    Checked checked;
    Committed *committed;    /* NULL: compared with snapshot */
    StateSnapshot *snapshot; /* NULL: compared with what is committed */
    char *compared_with;     /* of the plan; NULL: the state */
    Plan *plan;              /* NULL: errors in the manifests */
    char **notices;
    char *values; /* PlanningOptions.values as JSON, for keeping; NULL: none */
    FirstRun first_run;
    PlanOptions options; /* what plan was built with; borrows from here */
    GuardResult guard;
    DiagnosticList *forbidden; /* by the policy */
    char *guard_message;       /* NULL when GUARD_OK */
    json_t *unfinished;        /* ids of the runs of this source that had not ended when it was planned */
} Planning;

/* False with error: unreadable source or state. With errors in manifests plan stays NULL. ret must live where
 * it is, since the plan's options point into it, and be cleared whatever came of it. */
bool planning_make(const PlanningOptions *options, Planning *ret_planning, GError **error);
void planning_clear(Planning *planning);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Planning, planning_clear)

/* --first-run, else first_run_default. */
FirstRun planning_first_run(const char *first_run, const char *provider, const Checked *checked);
bool first_run_parse(const char *text, FirstRun *ret_first_run);
const char *first_run_name(FirstRun first_run); /* NULL for unset */

/* Diagnostics on stderr, as text. */
void planning_report_diagnostics(DiagnosticList *diagnostics);
/* "No changes." … or the plan as text, on stdout; next_command and forecast may be NULL. False when nobody
 * reads. */
bool planning_print(const Planning *planning, const PlanForecast *forecast, const char *next_command);
/* --policy as an absolute path; refused where one of sources (directories; NULL-terminated) holds it. text
 * NULL gives NULL. */
bool policy_path(const char *text, const char *const *sources, char **ret_path, GError **error);
/* Words quoted for a shell where that is needed, joined. New string. */
char *shell_join(const char *const *words);

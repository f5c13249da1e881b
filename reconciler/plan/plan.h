/* plan.h: desired x actual become ordered changes; guards; renderings of one plan value.
 * Owns:   Plan owns all text in it.
 * Calls:  spec/, world/record.h. Pure: no clock, no file, no store.
 * Holds:  with the same inputs the same bytes come out. The id is the digest of the source's name, the
 * changes with before and after, and the run keys; not of revision, file:line, forecast, prices or time. Only
 * what this source owns is pruned. */
#pragma once
#include <jansson.h>
#include "reconciler/world/record.h"
#include "spec/base/arena.h"
#include "spec/compare.h"

typedef enum { ACTION_CREATE, ACTION_UPDATE, ACTION_REPLACE, ACTION_DELETE, ACTION_RUN } ActionType;
const char *action_name(ActionType action);

typedef struct {
    ActionType action;
    Kind kind;
    const char *name; /* this and the other texts live as long as the plan */
    const char *file; /* "" for deletions without a known place */
    int line;
    const char *reason; /* "not there yet", "in-place: priority", "no longer in the source", "first run of
                     this content" … */
    const char *const *depends_on; /* "JobQueue/high", NULL-terminated */
    GPtrArray *
        fields; /* of FieldChange*, never NULL; empty for creates, first runs and deletes: their fields
                   are made when asked for (change_fields), 100,000 creates need none of them to be counted */
    size_t unchanged_fields;
    const char *const *sub_steps; /* "drains first: 3 running jobs", NULL-terminated; may be NULL */
    const Manifest *manifest;     /* desired; NULL for deletions; borrowed from the ManifestSet in the plan */
    const char *formerly; /* an update: the name that it has until then; of a Pipeline's create: that its runs
                             have; NULL: none */
    Digest former_key;    /* an update: of the runs that stand for its content, by names that it or
                             what it refers to has until then; zero: none */
    Digest run_key;       /* ACTION_RUN; of these runs from then on */
    bool is_new_revision; /* of a JobDefinition, also where nothing differs; never in a plan of a source */
    bool recorded; /* ACTION_RUN under --first-run record: the run is entered as done (RUN_RECORDED), not
                      started */
    Digest before, after; /* of the spec; all zero: absent. For runs: key of the run before, run_key */
} Change;
/* All fields of a change, those of creates included. New array of FieldChange*, with free function set. */
GPtrArray *change_fields(const Change *change);

typedef struct {
    Kind kind;
    char *name, *message;
} PlanNote; /* pending, kept, unmanaged, warnings */

/* What was observed of a resource to differ from what was applied. Shown first and apart: no part of the
 * plan's id, and nothing that an apply has to do. */
typedef struct {
    Kind kind;
    char *name;
    const char *mode; /* "correct" or "warn": muster/drift as it will be */
    int64_t since_ms;
    char *fields;         /* JSON: drift_fields_shown() */
    GPtrArray *sentences; /* of char*: "computeResources.maxvCpus: 256 was set to 512; will be 256 again" */
    char *problem;        /* why it is not put back, or is again and again; NULL */
} PlanDrift;

typedef struct {
    ManifestSet *desired;                             /* reference held */
    char *source_name, *revision, *id;                /* id: 64 hex */
    GPtrArray *changes;                               /* of Change*, in the order they are carried out */
    GPtrArray *drift;                                 /* of PlanDrift* */
    GPtrArray *pending, *kept, *unmanaged, *warnings; /* of PlanNote* */
    GPtrArray *newer;      /* of PlanNote*: than what machines are made from; no part of the id */
    GPtrArray *overridden; /* of PlanNote*: fields that hold another value for a while; no part of the id */
    size_t counts[5];      /* by ActionType; recorded runs are not counted in ACTION_RUN but in recorded */
    size_t recorded;
    size_t foreign; /* manifests of resources that belong to other sources */
    size_t unchanged;
    bool destroys;              /* made by `destroy` */
    char *salt, *compared_with; /* as in PlanActual ("" for none) and PlanOptions (may be NULL) */
    Arena *arena;               /* of the changes and their texts; the fields of updates are their own */
} Plan;
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* What is actual. resources: sorted by kind, name; spec may be "" (brief), then spec() is asked when digests
 * differ. */
typedef struct {
    const ResourceRecord *resources;
    size_t resources_len;
    /* canonical spec in force; the view stays valid until plan_build returns. May be NULL when resources are
     * whole. */
    View (*spec)(Kind kind, View name, void *data);
    /* the same of a run, whose spec may be "" too */
    View (*run_spec)(const RunRecord *run, void *data);
    void *data;
    const RunRecord *runs; /* of this source, sorted by kind, name, number */
    size_t runs_len;
    const GPtrArray *overrides; /* of PlanNote*, of any resource; may be NULL */
    const GPtrArray *newer;     /* of PlanNote*: what is newer, of any environment; may be NULL */
    const DriftRecord *drifts;  /* of any resource, sorted; may be NULL */
    size_t drifts_len;
    bool source_known; /* this source has history in this state directory */
    /* jobs of a queue or environment not yet finished, for sub-steps; NULL: not known */
    size_t (*busy)(Kind kind, View name, void *data);
    /* Joins the digests that stand for what is private; NULL: "". is_redacted: they stand in the specs here.
     */
    const char *salt;
    bool is_redacted;
} PlanActual;

typedef enum {
    FIRST_RUN_START,
    FIRST_RUN_RECORD,
    FIRST_RUN_UNSET
} FirstRun; /* UNSET: stop when there is no history (aws) */
/* What holds where --first-run was not given (DESIGN: Running once): START where everything runs on local,
 * docker or simulated; UNSET where something runs on aws. provider: --provider, or NULL. */
FirstRun first_run_default(const ManifestSet *desired, const char *provider);
typedef struct {
    const char *source_name;
    FirstRun first_run;
    const char *only;           /* "KIND/NAME" or NULL */
    const char *values;         /* of variables (given_values.h), JSON, for saving; NULL: none */
    bool destroy;               /* delete everything the source owns, whatever desired holds */
    const char *const *notices; /* of the provider, shown once; NULL-terminated; may be NULL */
    const char *compared_with;  /* "empty state"; NULL: the state that the command names */
} PlanOptions;

/* How what is actual and what is desired meet (the caller that carries changes out relies on it):
 *   - A Job is runs only: ACTION_RUN when no run has its key. A Pipeline is a resource, and also a run when a
 * change triggers it.
 *   - A resource in phase DELETING that is wanted again, one kept whose manifest is back, and one in phase
 * REPLACING that is wanted as it was, give ACTION_UPDATE (possibly without fields): the update makes it
 * ACTIVE, not kept, owned by this source.
 *   - An ACTION_REPLACE stores metadata at once, next_spec and next_digest until the old one is drained: then
 * it is pending.
 *   - A resource of no owner ("": API or by hand) that equals its manifest is left alone; one that differs is
 * adopted by an update. One that its source let go (kept too) is left alone. The manifest's annotation
 * muster/adopt decides for both: never; if-identical: when the specs are equal; always. What is left alone is
 * noted in unmanaged; a pipeline among them is not run.
 *   - A manifest with metadata.formerly (spec/formerly.h) whose name nothing has, while something of this
 * source has a former one, gives an ACTION_UPDATE (or REPLACE) with `formerly`, before all others: the
 * resource, of a Job its runs, get the new name and then what the manifest says.
 *   - ACTION_DELETE of a Job ends its unfinished runs by onDelete and marks them RUN_CANCELLED at once; of a
 * Pipeline too.
 *   - Notes in kept: the record is to be marked kept.
 * Never fails: problems that stop an apply are found by plan_guard. desired may be NULL only with destroy. */
Plan *plan_build(ManifestSet *desired, const PlanActual *actual, const PlanOptions *options);

/* Exit code 3 reasons. */
typedef enum {
    GUARD_OK,
    GUARD_DELETES,
    GUARD_EMPTY,
    GUARD_FIRST_RUN,
    GUARD_CONFLICT,
    GUARD_REFUSED,
    GUARD_FORBIDDEN /* by the policy: not found by plan_guard */
} GuardResult;
/* allow_deletes: -1 when not given. More than max(3, 20 %) deletions (replacements count) of a kind are
 * refused; an empty desired set never deletes anything (unless destroys); a resource that another source owns
 * is a conflict; muster/deletion: refuse refuses. *ret_message: new string that names the numbers and the
 * cure. */
GuardResult plan_guard(const Plan *plan, const PlanActual *actual, const PlanOptions *options,
                       int64_t allow_deletes, char **ret_message);

/* True when there is nothing to do. */
bool plan_is_empty(const Plan *plan);

/* What is expected to come of the plan, in words; made elsewhere, and no part of the plan's id. */
typedef struct {
    const char *schedule; /* "queue high drains in 1 h 12 min (now: 4 h 40 min)"; NULL: nothing to tell */
    const char *cost;     /* "$13.40 for the work at hand (now: $11.20)"; NULL: nothing to tell */
    const char *inputs;   /* what both rest on and what they leave out */
    const char *const *assertions; /* that fail, a sentence each; NULL-terminated; may be NULL */
    const char *json;              /* the same for programs: an object */
} PlanForecast;

typedef struct {
    bool color;
    const char *next_command;     /* "muster apply envs/prod"; may be NULL */
    int width;                    /* columns of the terminal; 0: 100 */
    const PlanForecast *forecast; /* NULL: none was made */
    /* For Markdown alone: */
    const char *source_name;     /* where there is no plan */
    const char *root;            /* SOURCE as given: what lies in it is told from there when it is absolute */
    const char *absolute_root;   /* the same, absolute; NULL: not known */
    const char *whole_command;   /* that shows what a comment has no room for */
    const char *refused;         /* by a guard: why; NULL: by none */
    DiagnosticList *diagnostics; /* of the manifests; NULL: none */
} PlanRender;
void plan_render_text(const Plan *plan, const PlanRender *render, GString *out);
/* DESIGN's formatVersion 1; ends in a newline. forecast may be NULL. */
void plan_render_json(const Plan *plan, const PlanForecast *forecast, GString *out);
/* The same with the first max changes only; the summary counts them all, "omittedChanges" those left out. */
void plan_render_json_head(const Plan *plan, guint max, GString *out);
/* A comment on a pull request: at most MARKDOWN_MAX bytes, what is left out is counted. Begins with an HTML
 * comment by which a bot finds it again: its key depends on the source's name alone. Shows no value of a
 * variable that is not marked public. plan NULL: the manifests' errors allow none. */
#define MARKDOWN_MAX 65536 /* characters that GitHub takes in a comment; bytes are never fewer */
void plan_render_markdown(const Plan *plan, const PlanRender *render, GString *out);
/* A saved plan: id, source name and path and options it was made with. */
typedef struct {
    char *id, *source_name, *source_path, *provider, *only;
    char *values; /* of variables (given_values.h), JSON; NULL: none */
    FirstRun first_run;
    char **changes; /* "create JobQueue/high", for naming what changed since; NULL-terminated */
    char **digests; /* 64 hex of each of them: before, after and run key; NULL-terminated, as many */
} SavedPlan;
void plan_save(const Plan *plan, const char *source_path, const char *provider, const PlanOptions *options,
               GString *out);
SavedPlan *plan_load(View text, GError **error); /* hostile input gives an error */
void saved_plan_free(SavedPlan *saved);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SavedPlan, saved_plan_free)
/* Lines that tell how plan differs from saved; "" when it does exactly the same. New string. */
char *plan_difference(const Plan *plan, const SavedPlan *saved);
/* The same of two of them: how now differs from then. */
char *saved_plan_difference(const SavedPlan *now, const SavedPlan *then);

/* Actual state as manifests that plan to no change: appends YAML documents, deterministic. */
void export_manifest(const ResourceRecord *record, GString *out);
/* The same of a spec as people write it, without the mark that begins a document. */
void export_json(Kind kind, const char *name, const json_t *spec, GString *out);

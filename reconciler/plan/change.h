/* change.h: making the parts of a plan; shared by the files of this room.
 * Owns:   what its functions return is new and owned by the plan it goes into.
 * Calls:  spec/.
 * Holds:  a change's fields and depends_on are never NULL. */
#pragma once
#include "reconciler/plan/plan.h"

Plan *plan_new(ManifestSet *desired, const PlanOptions *options);
/* Added to nothing yet; in plan's arena. */
Change *change_new(Plan *plan, ActionType action, Kind kind, View name);
/* takes text */
void change_take_reason(Plan *plan, Change *change, char *reason);
/* takes steps and what is in it; NULL: none */
void change_take_sub_steps(Plan *plan, Change *change, GPtrArray *steps);
GPtrArray *fields_new(void); /* of FieldChange*, which it owns */
/* takes fields */
void change_take_fields(Change *change, GPtrArray *fields);
/* Whether its fields are those of the whole manifest, made when asked for: there was nothing before. */
bool change_is_whole(const Change *change);
/* file:line of a manifest, and the manifest itself. */
void change_set_manifest(Change *change, const Manifest *manifest);
PlanNote *plan_note_new(Kind kind, View name, char *message); /* takes message */
void plan_note_free(PlanNote *note);
void plan_drift_free(void *drift);

/* changed_outside.c: fills plan->drift; the changes are known. */
void note_changed_outside(Plan *plan, const PlanActual *actual, const PlanOptions *options);
char *drift_heading(const GPtrArray *drift); /* "Changed outside since …", of one or more; new string */

/* newer.c: fills plan->newer; the changes are known. */
void note_newer(Plan *plan, const PlanActual *actual, const PlanOptions *options);
const char *newer_of(const PlanActual *actual, View name); /* of an environment; NULL: nothing. Borrowed */
bool newer_is_taken(const Change *change);                 /* with this change of it */

/* Fields of the two metadata texts that differ, appended to fields; counts the equal ones in *unchanged. */
void metadata_compare(View before, View after, GPtrArray *fields, size_t *unchanged);
/* Variables whose values were public before the change (redact_public_names): a change that marks one public
 * must not thereby show the value that was there. fields: of FieldChange, with what metadata_compare() found;
 * metadata: after the change. New, g_strfreev; NULL: none. */
char **public_names_before(const GPtrArray *fields, View metadata);
/* "in-place: priority, tags.team" from the fields, by the strongest effect. New string. */
char *change_reason(const GPtrArray *fields);
UpdateEffect fields_effect(const GPtrArray *fields);

/* What a spec refers to, by the schema's x-muster-reference. */
typedef struct {
    Kind kind;
    View name; /* borrowed from the spec's text */
} SpecReference;
/* Appends to references (an array of SpecReference). */
void spec_references(Kind kind, View spec, GArray *references);

/* Puts changes into the order in which they are carried out; fills depends_on. specs: the spec of each
 * change, same order. */
void plan_order(Plan *plan, const View *specs);
/* Sets plan->id; the same digests name single changes in saved plans. */
void plan_identify(Plan *plan);
void change_digest(const Change *change, Digest *ret_digest);
/* "create JobQueue/high" */
void change_append_title(const Change *change, GString *out);

/* digest: of a definition by the name that it had; false: it had none such. NULL: by present names only.
 * is_gone: what has the name becomes something else with this plan. */
typedef struct {
    bool (*digest)(View name, Digest *ret_digest, void *data);
    bool (*is_gone)(View name, void *data);
    void *data;
} RunKeyNames;
/* Run keys, runs wanted and runs whose manifest is gone. */
void run_key_of(const Manifest *manifest, const ManifestSet *desired, const PlanActual *actual,
                const char *source_name, const RunKeyNames *names, Digest *ret_key);
bool run_triggered_by_change(const Manifest *manifest);
/* Adds the runs that are cancelled, but have jobs that have not ended, to plan->pending. Nothing is to be
 * done about them: they are no change. */
void runs_note_ending(Plan *plan, const PlanActual *actual, const PlanOptions *options);
bool run_is_unfinished(const RunRecord *run); /* and not cancelled: there is something to end */
OnDelete run_on_delete(const RunRecord *run);
/* only: "KIND/NAME", the kind in any form; NULL: all. */
bool only_selects(const char *only, Kind kind, View name);
/* The resource of (kind, name), or NULL; resources are sorted. */
const ResourceRecord *actual_find(const PlanActual *actual, Kind kind, View name);
static inline bool digest_is_zero(const Digest *digest)
{
    static const Digest zero;
    return digest_equal(digest, &zero);
}
/* 3 and "job" give "3 jobs". */
void append_count(GString *out, size_t count, const char *noun);

/* Shared by the renderings. */
void json_append_string(GString *out, View text);
const char *note_kind_name(const PlanNote *note); /* "" where a note has no kind */

/* checked.h: a source, loaded and checked as far as it can be without changing anything.
 * Owns:   the manifest set, the diagnostics.
 * Calls:  source/, spec/reference, schedule/feasible, the store (is a name known?), provider (what the
 * machine offers). Holds:  checks across documents are skipped when the very same set, under the same
 * circumstances, passed them before: a marker in the cache directory says so (it holds what was asked of the
 * state, and that is asked again). */
#pragma once
#include "reconciler/plan/state_snapshot.h"
#include "reconciler/ports.h"
#include "reconciler/source/source.h"

typedef struct {
    const char *path;          /* as given */
    const char *name;          /* --source or NULL */
    const char *provider;      /* --provider or NULL */
    const char *state_dir;     /* absolute; may not exist */
    const GivenValues *values; /* of variables; may be NULL */
    const char *commit;        /* of a repository: this one; NULL: what its reference names */
    /* As SourceOptions; with it everything is parsed by one thread. */
    void (*observe)(Kind kind, const Node *root, const char *file, void *observer);
    void *observer;
    bool may_be_empty;      /* a source without any manifest is no error (destroy) */
    StateSnapshot *against; /* known names are looked up here, not in the state; NULL: in the state */
} CheckOptions;

typedef struct {
    char *path, *absolute; /* as given; absolute */
    SourceOptions source; /* as it was loaded: its texts can still be asked for; strings borrowed from here */
    char *cache_dir, *state_dir, *name, *override, *commit; /* what source's members point to */
    char *identity;
    char *provider; /* effective default: --provider, else muster.yaml's, else "aws" */
    ManifestSet *set;
    SourceStatistics statistics;
    DiagnosticList *diagnostics;
} Checked;

/* False with error: it could not be read. Faults in manifests are diagnostics. */
bool checked_load(const CheckOptions *options, Checked *ret_checked, GError **error);
void checked_clear(Checked *checked);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Checked, checked_clear)

/* 0, 1 (errors) or 4 (only jobs that can never run). */
int checked_exit_code(const Checked *checked);
/* Sentences that the plan shows once: what the provider cannot do, and what it has. NULL-terminated, new.
 * picked: what --provider auto became; NULL: it was not given. host asks a container engine, where one is
 * used, and blocks for some seconds at most; NULL: it is not asked. */
char **checked_notices(const Checked *checked, const char *picked, const Host *host);
/* Whether text has a line that gives name as a name; for references to manifests that are themselves at
 * fault. */
bool text_names(View text, View name);

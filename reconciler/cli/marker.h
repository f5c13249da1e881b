/* marker.h: "this very set passed the checks across documents": a small file in the cache directory.
 * Owns:   CACHE_DIR/checked.
 * Calls:  GLib, spec/.
 * Holds:  it is a memory, never a truth: a file that is missing, unreadable, of another key, or whose
 * questions to the state are answered differently now, means that the checks run. Only sets without any
 * diagnostic are remembered. */
#pragma once
#include "spec/reference.h"

/* Everything that the checks depend on but the state: program version, set, muster.yaml, provider, machine.
 * New string. */
char *marker_key(const ManifestSet *set, const char *identity, const char *provider);

/* What was asked of the state, with its answers. */
typedef struct MarkerQuestions MarkerQuestions;
MarkerQuestions *marker_questions_new(void);
void marker_questions_free(MarkerQuestions *questions);
void marker_questions_add(MarkerQuestions *questions, Kind kind, View name, ReferenceStanding standing);

/* cache_dir NULL: false. */
bool marker_holds(const char *cache_dir, const char *key, ReferenceKnown known, void *data);
/* Quietly does nothing where it cannot be written. */
void marker_write(const char *cache_dir, const char *key, const MarkerQuestions *questions);

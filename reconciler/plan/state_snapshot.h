/* state_snapshot.h: what is there, as far as a plan needs it and without what is private, as one text: a plan
 * is made against it where the state cannot be reached.
 * Owns:   the writer owns copies; StateSnapshot owns its text and what it read from it.
 * Calls:  plan.h, json_walk, spec/redact. Pure: no clock, no file, no store.
 * Holds:  equal states give equal bytes. Its last line is a digest of those before it, so that a text that
 * was cut or changed is recognised. No job, no value of a variable that is not marked public. A plan against
 * it has the id that one against the state has. */
#pragma once
#include "reconciler/plan/plan.h"

#define STATE_SNAPSHOT_VERSION 1
#define INSTALLATION_LEN       32 /* hex digits */

bool installation_is_valid(View text);

typedef struct StateSnapshotWriter StateSnapshotWriter;
StateSnapshotWriter *state_snapshot_writer_new(const char *installation);
void state_snapshot_writer_free(StateSnapshotWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateSnapshotWriter, state_snapshot_writer_free)
/* In this order: the newest apply of each source, by name; resources and runs as the store gives them, whole.
 */
void state_snapshot_add_source(StateSnapshotWriter *writer, const ApplyRecord *newest, bool is_known);
void state_snapshot_add_resource(StateSnapshotWriter *writer, const ResourceRecord *record);
void state_snapshot_add_run(StateSnapshotWriter *writer, const RunRecord *record);
/* Once; appends the whole text. */
void state_snapshot_finish(StateSnapshotWriter *writer, GString *out);

#define STATE_SNAPSHOT_ERROR state_snapshot_error_quark()
GQuark state_snapshot_error_quark(void);
typedef enum {
    STATE_SNAPSHOT_ERROR_FOREIGN, /* nothing of ours */
    STATE_SNAPSHOT_ERROR_VERSION, /* of another format */
    STATE_SNAPSHOT_ERROR_DAMAGED, /* cut or changed */
} StateSnapshotErrorCode;

typedef struct StateSnapshot StateSnapshot;
/* Copies text. Hostile input gives an error. */
StateSnapshot *state_snapshot_load(View text, GError **error);
/* As state_snapshot_load, whatever the digest says. */
StateSnapshot *state_snapshot_parse(View text, GError **error);
void state_snapshot_free(StateSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateSnapshot, state_snapshot_free)
const char *state_snapshot_installation(const StateSnapshot *snapshot);
/* Borrowed; with the runs of one source. The next call for another source changes it. */
const PlanActual *state_snapshot_actual(StateSnapshot *snapshot, const char *source);
/* Whether there is such a resource in force that owner does not own (as committed_knows). */
bool state_snapshot_knows(const StateSnapshot *snapshot, Kind kind, View name, const char *owner);
/* "snapshot of prod at 2026-11-25T22:10:00Z", the time of the last change in it. New string. */
char *state_snapshot_title(const StateSnapshot *snapshot, const char *source);
/* Names of the sources in it, "a, b"; "" for none. New string. */
char *state_snapshot_sources(const StateSnapshot *snapshot);

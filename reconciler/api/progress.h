/* progress.h: how far the work of one apply has come: its runs, their jobs by group, its failures.
 * Owns:   copies; a track outlives the jobs in memory.
 * Calls:  world/ (reading), store/ (reading, off the loop).
 * Holds:  counts only what committed rows or the world say; a final job stays counted. */
#pragma once
#include "reconciler/api/job_view.h"

#define FAILURES_MAX 200 /* named; the rest is counted */

ProgressTrack *progress_track_new(const ApplyRecord *apply);

/* The run counts as work of this apply although it began before it, and also when it has ended by now:
 * whoever planned saw it unfinished. Unknown ids and those of other sources are ignored. */
void progress_track_expect(ProgressTrack *track, const World *world, View run_id);

/* What must be asked of the store before the track is whole; NULL: nothing. New. */
typedef struct ProgressQuery ProgressQuery;
void progress_query_free(void *query);
/* Reads the world. apply: the record as it is now. */
ProgressQuery *progress_track_update(ProgressTrack *track, const World *world, int64_t now_ms);
/* Off the loop. False with *ret_error. */
bool progress_query_run(ProgressQuery *query, StoreReader *reader, char **ret_error);
void progress_track_take(ProgressTrack *track, ProgressQuery *query, const World *world, int64_t now_ms);

int64_t progress_track_version(const ProgressTrack *track);
/* Apply's state or message changed: listeners are told. */
void progress_track_note(ProgressTrack *track, ApplyState state, size_t pending, int64_t now_ms);
/* So where what its jobs wait for at their providers did. */
void progress_track_waits(ProgressTrack *track, const World *world, int64_t now_ms);
size_t progress_track_unfinished(const ProgressTrack *track); /* runs and jobs */
void progress_track_json(const ProgressTrack *track, const World *world, const char *state_dir, int64_t since,
                         json_t *body);

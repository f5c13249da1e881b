/* recorder_file.h: the generation that a recorder writes, off the loop.
 * Owns:   its directory's files, a thread, what waits to be written.
 * Calls:  recording.h, store/ (reading), files.
 * Holds:  handing over never blocks but for a mutex that is held for moments; blocks are written in order; an
 * idle writer wakes nobody. */
#pragma once
#include "reconciler/recording.h"
#include "reconciler/store/store.h"

typedef struct RecorderFile RecorderFile;
/* Makes room among older generations, then DIR/recording/TERM. The state as it is now is copied by the
 * thread. */
RecorderFile *recorder_file_new(const char *state_dir, uint64_t term, int64_t now_ms, GError **error);
void recorder_file_free(RecorderFile *file); /* writes what waits first */
/* Taken; one block. */
void recorder_file_bytes(RecorderFile *file, GByteArray *bytes);
void recorder_file_body(RecorderFile *file, GBytes *body); /* a reference is taken */
/* As an ENTRY_SET; a reference is taken. source: whose sets are compared with each other. */
void recorder_file_set(RecorderFile *file, ManifestSet *set, const char *source);
void recorder_file_end(RecorderFile *file); /* no more of it comes */
/* Bytes written and waiting. fault: why nothing more is written, or NULL; borrowed. */
int64_t recorder_file_len(RecorderFile *file, const char **ret_fault);

/* recording.h: what a recording of a run holds, and its bytes. recorder.h writes it, replay.h reads it.
 * Owns:   nothing but what it gives back.
 * Calls:  spec/, world/record.h, files.
 * Holds:  a generation is a directory: the state as it was when the process began (muster.db) and everything
 * that entered a tick from then on (inputs), in blocks that each carry their length and a checksum. A block
 * that is cut off or damaged at the end of the file is where the recording ends: the process was killed then.
 * One that is damaged before others is told. The format is of one machine and one program: another format is
 * refused. */
#pragma once
#include "reconciler/ports.h"
#include "reconciler/provider/provider.h"
#include "reconciler/world/record.h"

#define RECORDING_DIR                                                                                        \
    "recording" /* in the state directory: a directory for each generation, named by term                    \
                 */
#define RECORDING_STATE  "muster.db"
#define RECORDING_INPUTS "inputs"
#define RECORDING_FORMAT 14

/* Entries. What the outside told comes before what the reconciler asked while it took it in, in that order.
 */
typedef enum {
    ENTRY_BEGIN, /* a process: its options */
    /* answers of ports */
    ENTRY_NOW,
    ENTRY_MONOTONIC,
    ENTRY_ENTROPY,
    ENTRY_TERM,
    ENTRY_LOAD,
    ENTRY_REOPEN,
    ENTRY_START,
    /* what came */
    ENTRY_TICK,
    ENTRY_CALL,
    ENTRY_EVENT,
    ENTRY_COMMITTED,
    ENTRY_SOURCE,
    ENTRY_REMOTE,
    ENTRY_WEBHOOK,
    ENTRY_RENAMED,
    ENTRY_UNFOLLOW,
    ENTRY_OUTBOX,
    ENTRY_DRAIN,
    ENTRY_QUERIED,
    ENTRY_LOADED,
    /* what was decided */
    ENTRY_BATCH,
    ENTRY_EFFECT,
    /* the rest */
    ENTRY_SET,  /* manifests that a later entry refers to */
    ENTRY_FULL, /* the limit was reached: the run went on without being recorded */
    ENTRY_END,  /* the process ended in order */
    ENTRY_COUNT
} EntryType;
const char *entry_name(EntryType type); /* "the clock", "a commit" …: what a difference is told with */

#define BODIES 4 /* large requests that a later one may begin like */

/* ---- bytes ---- */
void saved_put_number(GByteArray *out, int64_t value);
void saved_put_text(GByteArray *out, View text);
void saved_put_bytes(GByteArray *out, const void *bytes, size_t len); /* without their length */
/* Only what differs from before, the source's set that was written last (NULL: none), where that can be said;
 * nothing where nothing does. */
void saved_put_set(GByteArray *out, const ManifestSet *before, const ManifestSet *set);

/* Reading never goes beyond the end: then zeros and empty texts come, and is_bad is set. */
typedef struct {
    View rest;
    bool is_bad;
} Saved;
int64_t saved_number(Saved *from);
View saved_text(Saved *from); /* borrowed from what is read */
void saved_bytes(Saved *from, void *ret_bytes, size_t len);
/* before: the source's set that was read last, or NULL. New reference; NULL: damaged. */
ManifestSet *saved_set(Saved *from, ManifestSet *before);

/* ---- blocks ---- */
typedef struct {
    uint32_t magic, len;
    uint64_t checksum;
} BlockHead;
#define BLOCK_BYTES_MAX (256u << 20)
BlockHead block_head(const void *bytes, size_t len);

/* The entries of a file's good blocks, one after the other. *ret_damaged_at: where the damage begins. NULL
 * with error when the file cannot be read. */
GByteArray *recording_read(const char *path, RecordingEnd *ret_end, uint64_t *ret_damaged_at, GError **error);

/* Into a new file, mode 0600. */
bool recording_copy(const char *from, const char *to, GError **error);

/* ---- what was decided ---- */
/* A checksum of each row, in the order of the batch: equal rows have equal ones. */
void batch_checksums(const Batch *batch, GArray *ret_checksums /* uint32_t */);
/* "job {sequence: 3, …}" of the row at index; new string. */
char *batch_row_text(const Batch *batch, size_t index);
uint64_t checksum_of(uint64_t before, const void *bytes, size_t len);

/* Effects: what was asked of the provider, as checksums. */
typedef enum {
    EFFECT_START,
    EFFECT_LAUNCH,
    EFFECT_STOP,
    EFFECT_SETTLED,
    EFFECT_NAMED,
    EFFECT_INSTANCES,
    EFFECT_INSTANCE_STOPS,
    EFFECT_RESOURCES,
    EFFECT_COUNT
} EffectType;
uint64_t effect_tokens(const LaunchToken *tokens, size_t len);
uint64_t effect_launches(const LaunchRequest *requests, size_t len);
uint64_t effect_stop(const LaunchToken *token, const char *reason);
uint64_t effect_instances(const InstanceRequest *requests, size_t len);
uint64_t effect_start(const ProviderStart *start);
uint64_t effect_resources(const ResourceRequest *requests, size_t len);

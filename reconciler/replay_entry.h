/* replay_entry.h: one entry of a recording after the other.
 * Owns:   an Entry owns the texts that its event and source point to; views are borrowed from the bytes.
 * Calls:  recording.h, reconcile.h (types).
 * Holds:  whatever the bytes are, reading ends. */
#pragma once
#include "reconciler/reconcile.h"
#include "reconciler/recording.h"
#include "reconciler/store/store.h"

typedef struct {
    EntryType type;
    int64_t value; /* NOW, MONOTONIC: since the one before; TERM; BATCH, COMMITTED: sequence; QUERIED, LOADED:
                      which work; EFFECT: EffectType */
    View text;     /* ENTROPY, SET, LOADED: what was found; CALL: body; BATCH: checksums */
    View name;     /* CALL: operation */
    int64_t from, shared; /* CALL: its body begins with so much of that one, and goes on with text */
    int64_t into;         /* CALL: which one it is from now on; BODIES: none */
    bool has_set;         /* LOADED, SOURCE: its manifests are the next entry */
    bool has_position;    /* QUERIED, LOADED: this state was read */
    StorePosition position;
    GError *error;     /* LOAD, REOPEN, START, COMMITTED; NULL: it went well */
    int64_t len;       /* EFFECT */
    uint64_t checksum; /* EFFECT */
    ProviderEvent event;
    SourceState source;
    SourceRemote remote;
    OutboxReport report;
    SourceWebhook webhook;
    const char *renamed; /* RENAMED: the name before */
    /* BEGIN */
    ReconcilerOptions settings;
    int64_t format, store_format, begun_ms;
    uint64_t term;
    View version;
    bool has_provider, has_instances, has_resources, has_named, has_monotonic;
    unsigned holds_nothing; /* of the provider */
    GPtrArray *texts;       /* what is owned; may be NULL */
} Entry;

/* False: the bytes end, or make no sense (from->is_bad). Clears what was in ret_entry before. */
bool entry_next(Saved *from, Entry *ret_entry);
void entry_clear(Entry *entry);

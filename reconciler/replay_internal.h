/* replay_internal.h: the inside of a replay, shared by replay*.c only. */
#pragma once
#include "reconciler/replay.h"
#include "reconciler/replay_entry.h"

/* What the recording knows of a work that was done, from anywhere in it. */
typedef struct {
    bool has_seen;
    uint64_t seen;    /* batches that were in the store when it read */
    View saved;       /* of a load */
    ManifestSet *set; /* its manifests; NULL: none */
} ReplayFound;

/* What the reconciler asked to be done off the loop. */
typedef struct {
    PortQuery query;
    const PortLoad *load; /* else */
    PortDone done;
    void *data;
    bool ran;
} ReplayWork;

typedef struct {
    Batch *batch;
    int64_t now_ms;
} ReplayBatch;

typedef struct Replay {
    ReplayedRun *run;
    Saved entries;
    Entry at;     /* the one that was read last */
    bool is_over; /* the recording has ended, or differs: ports answer something, nothing more is compared */
    int64_t now_ms, monotonic_us;
    Rng rng; /* once it is over */

    char *dir;
    GMainContext *context;
    Store *store;
    StoreReader *reader;
    GQueue handed;      /* of ReplayBatch*: not in the store yet */
    uint64_t committed; /* batches that are, or were handed to it */
    uint64_t told;      /* batches whose commit went well, as far as the reconciler knows */
    uint64_t sequence;  /* of the store's last batch */
    GHashTable *found;  /* number of a work → ReplayFound */

    GHashTable *works; /* number → ReplayWork */
    uint64_t works_len;
    GString *bodies[BODIES]; /* large requests; may be NULL */
    GHashTable *sets;        /* source → ManifestSet* that was read last */
    Provider provider;
    Reconciler *reconciler;
} Replay;

/* replay.c */
/* The first one counts: with what the recording holds at this place. */
void replay_differs(Replay *replay, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The next entry, which must be of this type; false: it is over. asked: what the replay does there. */
bool replay_expect(Replay *replay, EntryType type);

/* replay_ports.c */
bool replay_open(Replay *replay, const char *state, GError **error);
void replay_close(Replay *replay);
Ports replay_ports(Replay *replay, const Entry *begin);
/* Batches go to the store up to so many; works that have seen less are done on the way. */
void replay_commit_to(Replay *replay, uint64_t batches);
void replay_committed(Replay *replay, const Entry *entry);
void replay_work_done(Replay *replay, const Entry *entry);
void replay_works_end(Replay *replay);

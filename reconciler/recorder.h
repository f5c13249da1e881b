/* recorder.h: keeps everything that enters the ticks of a running process, so that it can be replayed.
 * Owns:   the generation that it writes, a thread that writes it, the Ports that it wraps others in.
 * Calls:  reconcile.h, recording.h, store/ (reading).
 * Holds:  stands between the outside and the reconciler and changes nothing of what passes: what comes in
 * goes through the functions below, what the reconciler asks through recorder_ports(). The loop only appends
 * to memory; nothing is flushed to the disk. What goes wrong with a recording ends the recording, never the
 * run. Bounded: RECORDER_STATE_MAX for the state at the beginning, RECORDER_INPUTS_MAX for what enters; what
 * older processes recorded goes when it is older than RECORDER_KEPT_MS or more than RECORDER_KEPT_MAX in all.
 */
#pragma once
#include "reconciler/reconcile.h"

#define RECORDER_STATE_MAX   (INT64_C(128) << 20)
#define RECORDER_KEPT_MAX    (INT64_C(256) << 20)
#define RECORDER_KEPT_MS     (INT64_C(7) * 24 * 3600 * 1000)
#define RECORDER_GENERATIONS 16

typedef struct Recorder Recorder;
typedef struct {
    const char *state_dir;
    const ReconcilerOptions *settings; /* of the reconciler to come */
    const Ports *ports;                /* what it would have; copied */
    int64_t inputs_max;                /* bytes of what enters; then the recording is full */
} RecorderOptions;

/* Before the first commit of the process, with the store open. NULL with error: nothing is recorded. */
Recorder *recorder_new(const RecorderOptions *options, GError **error);
/* Writes what is left. */
void recorder_free(Recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recorder, recorder_free)
/* For reconciler_new; the recorder outlives the reconciler. */
Ports recorder_ports(Recorder *recorder);
/* The process ends in order: what is not there did not happen. */
void recorder_end(Recorder *recorder);

/* What comes in, on its way to the functions of reconcile.h. recorder NULL: it only passes. */
void recorder_tick(Recorder *recorder, Reconciler *reconciler);
void recorder_call(Recorder *recorder, Reconciler *reconciler, Call *call);
void recorder_event(Recorder *recorder, Reconciler *reconciler, const ProviderEvent *event);
void recorder_committed(Recorder *recorder, Reconciler *reconciler, uint64_t sequence, const GError *error);
void recorder_source(Recorder *recorder, Reconciler *reconciler, const SourceState *state);
void recorder_source_remote(Recorder *recorder, Reconciler *reconciler, const SourceRemote *remote);
void recorder_source_webhook(Recorder *recorder, Reconciler *reconciler, const SourceWebhook *webhook);
void recorder_source_renamed(Recorder *recorder, Reconciler *reconciler, const char *before);
void recorder_unfollow_all(Recorder *recorder, Reconciler *reconciler);
void recorder_outbox(Recorder *recorder, Reconciler *reconciler, const OutboxReport *reports, size_t len);
bool recorder_drain(Recorder *recorder, Reconciler *reconciler);

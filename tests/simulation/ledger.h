/* ledger.h: what is durable and what really happened, kept apart from the program, and the rules between the
 * two. Holds:  each rule names its invariant of docs/architecture.md. */
#pragma once
#include "reconciler/provider/simulated/simulated.h"
#include "reconciler/world/record.h"
#include <glib.h>

typedef struct System System;
typedef struct Ledger Ledger;

typedef struct {
    uint64_t sequence;
    char id[37];
    char *name, *queue;
    int32_t array_size;
    bool is_gang;
    JobState state;
    unsigned seen; /* bit (1 << JobState): was durable once */
} LedgerJob;

Ledger *ledger_new(System *system, int64_t vcpus_e4, int64_t memory_mib);
void ledger_free(Ledger *ledger);
/* The batch of the tick at now_ms is about to be durable. */
void ledger_commit(Ledger *ledger, const Batch *batch, int64_t now_ms);
const LedgerJob *ledger_job(const Ledger *ledger, const char *id); /* durable; NULL: no */
const LedgerJob *ledger_job_named(const Ledger *ledger, const char *name);
uint64_t ledger_events(const Ledger *ledger);
bool ledger_knows_resource(const Ledger *ledger, Kind kind, const char *name);
/* What the reconciler asks of the provider. */
void ledger_launch(Ledger *ledger, const LaunchRequest *request, uint64_t term);
void ledger_stop(Ledger *ledger, const LaunchToken *token);
void ledger_settled(Ledger *ledger, const LaunchToken *token);
void ledger_instance_start(Ledger *ledger, const InstanceRequest *request, uint64_t term);
void ledger_instance_stop(Ledger *ledger, const LaunchToken *token);
void ledger_resource(Ledger *ledger, const ResourceRequest *request, uint64_t term);
void ledger_host(Ledger *ledger, const LaunchToken *token);   /* one that joins by itself */
void ledger_told(Ledger *ledger, const ProviderEvent *event); /* before the reconciler is */
/* What a tick left. */
void ledger_check(Ledger *ledger, const World *world);
/* SimulatedWatch; data: Ledger* */
void ledger_truth(SimulatedTruth truth, const LaunchToken *token, int64_t vcpus_e4, int64_t memory_mib,
                  void *data);
/* Nothing is under way any more. */
void ledger_end(Ledger *ledger);
/* "NAME STATE" of every job of these queues, sorted. */
char *ledger_states(const Ledger *ledger, bool (*wanted)(const LedgerJob *job, void *data), void *data);

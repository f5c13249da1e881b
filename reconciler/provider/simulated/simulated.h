/* simulated.h: a provider in virtual time whose calls are slow, lost, repeated and late.
 * Owns:   both ends: the far one (the cloud, with what it remembers of every launch and machine), which
 * outlives the reconciler, and the near one, which lives from simulated_connect() to simulated_disconnect().
 * Calls:  simulated_cloud.h, provider.h. No clock, no I/O: the caller moves time on.
 * Holds:  the contract of provider.h, whatever the faults: outcomes arrive in the end, an observation is
 * complete when it says so (if late), events of one token keep their order, terms older than one seen are
 * refused. Equal seeds and equal calls give equal events. */
#pragma once
#include "reconciler/provider/provider.h"
#include "reconciler/provider/simulated/simulated_cloud.h"
#include "spec/base/rng.h"

typedef struct Simulated Simulated;

/* In 1/1,000 of the messages unless said otherwise; all 0: an ideal provider that answers at once. */
typedef struct {
    CloudSpan delay; /* of every message, either way */
    CloudSpan slow;  /* of a slow one, on top */
    unsigned slow_permille;
    unsigned lost_permille;   /* never arrives; the near end asks again after retry_ms */
    unsigned twice_permille;  /* arrives twice, the second time late */
    unsigned refuse_permille; /* launches that the far end refuses: to be tried again, or for good */
    int64_t retry_ms;         /* at least 1 */
} SimulatedFaults;

/* How the task of a request goes. */
typedef CloudFate (*SimulatedFate)(const LaunchRequest *request, void *data);

/* What really happened at the far end, before anybody is told: for the ledgers of tests. */
typedef enum {
    SIMULATED_TASK_BEGAN,
    SIMULATED_TASK_OVER,
    SIMULATED_INSTANCE_BEGAN, /* it was asked for */
    SIMULATED_INSTANCE_MADE,  /* and is there */
    SIMULATED_INSTANCE_OVER
} SimulatedTruth;
typedef void (*SimulatedWatch)(SimulatedTruth truth, const LaunchToken *token, int64_t vcpus_e4,
                               int64_t memory_mib, void *data);

typedef struct {
    uint64_t seed;
    CloudModel cloud;
    bool has_instances;           /* else one machine, with this capacity: */
    int64_t vcpus_e4, memory_mib; /* of the one machine */
    int gpus;
    SimulatedFaults faults;
    SimulatedFate fate;
    SimulatedWatch watch; /* may be NULL */
    void *data;
} SimulatedOptions;

Simulated *simulated_new(const SimulatedOptions *options, int64_t now_ms);
void simulated_free(Simulated *simulated);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Simulated, simulated_free)
/* The near end of a process; events are given to func by simulated_advance() only. Valid until
 * simulated_disconnect(), which is the Provider's free, too. */
Provider *simulated_connect(Simulated *simulated, ProviderEventFunc func, void *data);
/* The process is gone: what was told to it and not taken in is lost; what it asked for is still under way. */
void simulated_disconnect(Simulated *simulated);
/* The connection breaks and comes back: the near end observes again and asks again for what was not answered.
 */
void simulated_reset(Simulated *simulated);
/* The far end loses every task that runs (a machine that restarts): they end as lost. */
void simulated_lose_tasks(Simulated *simulated);
/* A machine of somebody's own joins an UNMANAGED environment (once it has booted, if it does), and leaves it.
 * environment: borrowed for ever. What is watched of it are its tasks only. */
void simulated_host_join(Simulated *simulated, const LaunchToken *token, const char *environment,
                         int64_t vcpus_e4, int64_t memory_mib);
void simulated_host_leave(Simulated *simulated, const LaunchToken *token);
/* Somebody changes something of what is held of resources at the far end, or removes all of one. False:
 * nothing is held.
 */
bool simulated_meddle(Simulated *simulated, Rng *rng);
/* There is a newer image for machines. */
void simulated_release(Simulated *simulated);
/* Which one the machines of an environment are made from, and the newest there is; 0: it has none. */
int simulated_image(const Simulated *simulated, const char *environment, int *ret_newest);
/* A pass of the provider's own: tells what is held of each resource (unless it gets lost). */
void simulated_look(Simulated *simulated);
size_t simulated_held_len(const Simulated *simulated);
/* What is held, as JSON, and the digest of what it was made by. New string; NULL: nothing. */
char *simulated_held(const Simulated *simulated, Kind kind, const char *name, Digest *ret_digest);
void simulated_set_faults(Simulated *simulated, const SimulatedFaults *faults);
int64_t simulated_next_ms(const Simulated *simulated); /* as simulated_cloud_next_ms() */
/* Carries out and delivers everything due by now_ms, in order. */
void simulated_advance(Simulated *simulated, int64_t now_ms);
/* Records of the far end that were not settled; tasks that live. */
void simulated_counts(const Simulated *simulated, size_t *ret_records, size_t *ret_tasks,
                      size_t *ret_instances);
SimulatedCloud *simulated_far_end(Simulated *simulated); /* borrowed: its cost */

/* system.h: a whole system in one thread and in virtual time: the real Reconciler over ports that a seed
 * moves. Owns:   the Reconciler of the moment, the store (the real one: what is handed over and not yet
 * written is lost in a crash), the simulated provider, which outlives both, a client that follows a script,
 * and the ledger. Holds:  equal seeds give equal logs, byte for byte. A check that fails prints the log's end
 * and the command that repeats it, and aborts. */
#pragma once
#include "reconciler/provider/simulated/simulated.h"
#include "reconciler/recorder.h"
#include "reconciler/store/store.h"
#include "tests/simulation/bills.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/manifests.h"
#include "tests/simulation/script.h"

#define PROVIDERS                                                                                            \
    (1u << PROVIDER_LOCAL | 1u << PROVIDER_SIMULATED) /* whose environments the engine serves                \
                                                       */

/* What may go wrong in one run: drawn from its seed. Chances are of a step, in 1/10,000. */
typedef struct {
    unsigned crash, store_fails, store_breaks, reset, lose_tasks;
    unsigned lose_tasks_max; /* a job has ten attempts */
    unsigned host;           /* one joins, or one leaves */
    unsigned meddle;         /* somebody changes outside what the provider holds of a resource */
    unsigned look;           /* the provider tells what it holds */
    unsigned slow_store;     /* 1/1,000: what is handed over waits another step */
    SimulatedFaults provider;
    CloudModel cloud;
} Faults;

typedef struct {
    Batch *batch; /* NULL: it is in the store, and only its completion is on the way */
    uint64_t sequence;
    int64_t now_ms;
    GError *error; /* of the completion */
} Handed;

typedef struct {
    PortQuery query; /* else work */
    PortWork work;
    PortDone done;
    void *data;
    bool ran;
} Work;

typedef struct System {
    uint64_t seed;
    Scene scene;
    Rng rng;     /* of the schedule */
    Rng entropy; /* of the process */
    Faults faults;
    bool calm;      /* faults have stopped */
    bool last_pass; /* the source was told once more since: a revision that came while nothing could be
                       written is carried out by the next slow pass */
    bool ending;    /* the process is going: who asked gets no answer */
    char *dir;
    int64_t now_ms, wake_ms, monotonic_us;
    GArray *hosts; /* LaunchToken of each that has joined and not been told to leave */
    uint64_t ticks, steps, crashes, lost_tasks, checks, meddled;
    Store *store;
    StoreReader *reader;
    GQueue handed; /* of Handed* */
    uint64_t sequence;
    bool store_failed; /* until it is opened again */
    bool store_broke;  /* fsync failed: nobody knows what is there, and the process ends */
    GQueue work;       /* of Work* */
    Simulated *cloud;
    Provider provider; /* watches what passes to `inner` */
    Provider *inner;
    bool is_recorded;   /* each process, and replayed when it is over */
    Recorder *recorder; /* NULL: it is not */
    char *recording;
    uint64_t replayed_ticks;
    Reconciler *reconciler;
    bool follow_due;
    int64_t full_pass_ms;
    Ledger *ledger;
    Script *script;
    struct Approver *approver;
    GString *log; /* the end of it */
    GChecksum *digest;
    bool verbose;
} System;

System *system_new(uint64_t seed, bool with_faults);
void system_free(System *system);
/* The whole script, then calm, then the checks of the end. */
void system_run(System *system);
char *system_digest(const System *system); /* of the log so far; new string */

void system_log(System *system, const char *format, ...) G_GNUC_PRINTF(2, 3);
void system_fail(System *system, const char *format, ...) G_GNUC_PRINTF(2, 3) G_GNUC_NORETURN;
bool system_chance(System *system, unsigned per_10000);

/* ports.c */
void system_host(System *system);
void system_crash(System *system);
bool system_store_step(System *system);
bool system_work_step(System *system);
/* Prints what is known of the run that is under way; for a signal handler. */
void system_obituary(void);

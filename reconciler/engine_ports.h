/* engine_ports.h: the real store, work, file and provider ports.
 * Owns:   the store, the provider, the worker threads.
 * Calls:  store/, provider/, worker.h. Made and freed on the engine's thread, under the lease. */
#pragma once
#include "reconciler/ports.h"
#include "reconciler/store/store.h"

typedef struct EnginePorts EnginePorts;
typedef struct {
    const char *state_dir;
    bool launch;
    StoreCommitted committed;
    ProviderEventFunc event;
    void (*log)(void *data, const char *text);
    void (*entry)(void *data,
                  const LogEntry *entry); /* the same with what is known; NULL: there is only log */
    /* A batch that changes resources, runs or applies was handed to the store; may be NULL. */
    void (*expect)(uint64_t sequence, void *data);
    void *data; /* of all of them */
    struct Meters
        *meters; /* providers count their calls there, and it is given figures of the store; or NULL */
} EnginePortsOptions;
EnginePorts *engine_ports_new(const EnginePortsOptions *options, GError **error);
/* Joins the worker threads; what they completed still waits in the loop's context. */
void engine_ports_stop_work(EnginePorts *ports);
void engine_ports_free(EnginePorts *ports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EnginePorts, engine_ports_free)
/* All but the clock. */
Ports engine_ports_get(EnginePorts *ports);
const WorkPort *engine_ports_work(EnginePorts *ports);

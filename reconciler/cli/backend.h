/* backend.h: who answers a command's operations: a daemon elsewhere, one on the socket, this process from the
 * store, or a reconciler that this process hosts. Owns:   the client and the host it started. Calls:
 * cli/client, api/operations (offline), store (age of the state), ports.h (Host). Holds:  an operation that
 * changes state is sent once; those that read are repeated when the daemon that answered them went away, by a
 * new one, or by the reconciler that this process then hosts (need BACKEND_HOST). */
#pragma once
#include "reconciler/api/operations.h"
#include "reconciler/cli/client.h"
#include "reconciler/cli/interrupt.h"
#include "reconciler/ports.h"

typedef enum {
    BACKEND_READ,   /* a daemon, else the store, read in this process */
    BACKEND_COMMIT, /* a daemon, else a reconciler here that commits and starts nothing */
    BACKEND_HOST    /* a daemon, else a reconciler here */
} BackendNeed;

typedef struct {
    const char *state_dir;
    const Host *host;
    BackendNeed need;
    bool must_exist;      /* without state in state_dir there is nothing to act on: an error, and nothing is
                             created */
    const char *command;  /* shown to whoever finds the lease held */
    const char *provider; /* --provider or NULL */
    const char *policy;   /* --policy or NULL */
    Interrupt *interrupt; /* borrowed; NULL: signals end the process */
    const char *server;   /* the daemon elsewhere that is meant (server_access.h); NULL: state_dir's */
} BackendOptions;

typedef struct Backend Backend;
Backend *backend_open(const BackendOptions *options, GError **error);
/* Stops the host if there is one; false when it had failed. Frees backend in any case. NULL is fine. */
bool backend_close(Backend *backend, GError **error);
void backend_free(Backend *backend); /* close without caring for the error */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backend, backend_free)

bool backend_hosts(const Backend *backend);
bool backend_is_offline(const Backend *backend);
/* Offline: says on stderr that nothing hosts, and how old the state is. Online: nothing. */
void backend_note_age(const Backend *backend);
/* A further descriptor to look at during calls; NULL removes it. */
void backend_set_watch(Backend *backend, const ClientWatch *watch);

/* Answer's body (new reference), or NULL: an answer that is an error becomes CLI_ERROR with its exit code
 * (*ret_refusal, if given, then holds its body). request is taken; NULL: {}. An interrupt is
 * CLIENT_ERROR_INTERRUPTED. */
json_t *backend_call(Backend *backend, const char *name, json_t *request, GError **error);
json_t *backend_call_refusable(Backend *backend, const char *name, json_t *request, json_t **ret_refusal,
                               GError **error);
json_t *backend_upload(Backend *backend, const char *name, FILE *body, int64_t size, GError **error);
/* An answer as a body or an error; for tests. */
json_t *backend_answer(OperationResult *result, json_t **ret_refusal, GError **error);

#include "reconciler/cli/backend.h"

#include <poll.h>
#include "reconciler/api/operation.h"
#include "reconciler/cli/report.h"
#include "reconciler/store/lease.h"
#include "reconciler/store/store.h"
#include "spec/base/units.h"

/* Whoever holds the lease without answering is starting or stopping: it is given this long. */
#define STOPPING_PAUSE_MS 10 /* until a daemon that ends has closed its socket */
#define LEASE_PATIENCE_MS 10000

struct Backend {
    char *state_dir, *command, *provider, *policy;
    const Host *host;
    BackendNeed need;
    Interrupt *interrupt;
    ClientWatch watch;    /* fd -1: none */
    ServerAccess *access; /* NULL: state_dir is meant */
    Client *client;       /* NULL: offline */
    HostHandle *hosted;   /* NULL: somebody else answers */
    bool host_failed, must_exist;
};

/* ---- opening
 * ------------------------------------------------------------------------------------------------------ */

static bool interrupted(void *data)
{
    (void)data;
    return false;
}

static bool host_ended(void *data)
{
    Backend *backend = data;
    backend->host_failed = true;
    return false;
}

static void apply_watches(Backend *backend)
{
    ClientWatch watches[CLIENT_WATCHES_MAX];
    size_t len = 0;
    if (!backend->client)
        return;
    if (backend->interrupt)
        watches[len++] = (ClientWatch){interrupt_fd(backend->interrupt), interrupted, NULL};
    if (backend->hosted)
        watches[len++] = (ClientWatch){backend->host->failed_fd(backend->hosted), host_ended, backend};
    if (backend->watch.fd >= 0)
        watches[len++] = backend->watch;
    client_set_watches(backend->client, watches, len);
}

void backend_set_watch(Backend *backend, const ClientWatch *watch)
{
    backend->watch = watch ? *watch : (ClientWatch){.fd = -1};
    apply_watches(backend);
}

typedef enum { CONNECT_DONE, CONNECT_ABSENT, CONNECT_FAILED } ConnectResult;

static ConnectResult backend_connect(Backend *backend, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_clear_pointer(&backend->client, client_free);
    backend->client =
        backend->access ? client_new_far(backend->access) : client_new(backend->state_dir, &cause);
    if (backend->client) {
        apply_watches(backend);
        return CONNECT_DONE;
    }
    if (g_error_matches(cause, CLIENT_ERROR, CLIENT_ERROR_ABSENT))
        return CONNECT_ABSENT;
    g_propagate_error(error, g_steal_pointer(&cause));
    return CONNECT_FAILED;
}

static bool backend_host(Backend *backend, GError **error)
{
    HostOptions options = {
        .state_dir = backend->state_dir,
        .command = backend->command,
        .launch = backend->need == BACKEND_HOST,
        .provider = backend->provider,
        .policy = backend->policy,
    };
    backend->hosted = backend->host->start(&options, error);
    return backend->hosted != NULL;
}

/* Waits a little, or until a signal; false when one came. */
static bool backend_pause(const Backend *backend, int ms)
{
    struct pollfd fd = {.fd = backend->interrupt ? interrupt_fd(backend->interrupt) : -1, .events = POLLIN};
    return poll(&fd, 1, ms) <= 0;
}

static void fail_no_state(const Backend *backend, GError **error)
{
    g_set_error(error, CLI_ERROR, EXIT_ERROR,
                "%s: there is no state yet: nothing has been applied (muster apply SOURCE), or --state "
                "is another",
                backend->state_dir);
}

/* Any other fault of the store is told by whoever opens it for writing. */
static bool has_state(const Backend *backend)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(StoreReader) reader = store_reader_open(backend->state_dir, &cause);
    return reader || !g_error_matches(cause, STORE_ERROR, STORE_ERROR_MISSING);
}

/* Connect, or host and connect; whoever holds the lease meanwhile is waited for. */
static bool backend_reach(Backend *backend, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)LEASE_PATIENCE_MS * 1000;
    while (true) {
        ConnectResult result = backend_connect(backend, error);
        if (result != CONNECT_ABSENT)
            return result == CONNECT_DONE;
        if (backend->need == BACKEND_READ)
            return true; /* from the store */
        if (!backend->hosted && backend->must_exist && !has_state(backend)) {
            fail_no_state(backend, error);
            return false;
        }
        g_autoptr(GError) cause = NULL;
        if (!backend->hosted && !backend_host(backend, &cause)) {
            if (!g_error_matches(cause, LEASE_ERROR, LEASE_ERROR_HELD) || g_get_monotonic_time() > deadline) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return false;
            }
            if (!backend_pause(backend, 20)) {
                g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_INTERRUPTED, "interrupted");
                return false;
            }
        } else if (g_get_monotonic_time() > deadline) {
            g_set_error(error, CLI_ERROR, EXIT_ERROR,
                        "%s: the reconciler started, but its socket does not answer", backend->state_dir);
            return false;
        }
    }
}

Backend *backend_open(const BackendOptions *options, GError **error)
{
    g_autoptr(Backend) backend = g_new0(Backend, 1);
    backend->state_dir = g_strdup(options->state_dir);
    backend->command = g_strdup(options->command);
    backend->provider = g_strdup(options->provider);
    backend->policy = options->policy ? g_canonicalize_filename(options->policy, NULL) : NULL;
    backend->host = options->host;
    backend->need = options->need;
    backend->must_exist = options->must_exist;
    backend->interrupt = options->interrupt;
    backend->watch.fd = -1;
    if (options->server && !(backend->access = server_access_new(options->server, error)))
        return NULL;
    if (!backend_reach(backend, error))
        return NULL;
    return g_steal_pointer(&backend);
}

bool backend_close(Backend *backend, GError **error)
{
    if (!backend)
        return true;
    client_free(backend->client);
    server_access_free(backend->access);
    bool ok = !backend->hosted || backend->host->stop(backend->hosted, error);
    g_free(backend->state_dir);
    g_free(backend->command);
    g_free(backend->provider);
    g_free(backend->policy);
    g_free(backend);
    return ok;
}

void backend_free(Backend *backend)
{
    g_autoptr(GError) error = NULL;
    if (!backend_close(backend, &error))
        report_note("%s", error->message);
}

bool backend_hosts(const Backend *backend)
{
    return backend->hosted != NULL;
}

bool backend_is_offline(const Backend *backend)
{
    return backend->client == NULL;
}

void backend_note_age(const Backend *backend)
{
    if (backend->client)
        return;
    g_autoptr(StoreReader) reader = store_reader_open(backend->state_dir, NULL);
    if (!reader || !store_reader_begin(reader, NULL))
        return; /* the operation itself has said or will say why */
    int64_t committed_ms = store_reader_committed_ms(reader);
    store_reader_end(reader);
    int64_t age_ms = g_get_real_time() / 1000 - committed_ms;
    g_autofree char *age = duration_human(age_ms > 0 ? age_ms - age_ms % 1000 : 0);
    report_note("nothing hosts %s; this is what was known %s ago", backend->state_dir, age);
}

/* ---- calling
 * ------------------------------------------------------------------------------------------------------ */

json_t *backend_answer(OperationResult *result, json_t **ret_refusal, GError **error)
{
    if (result->http_status < 300)
        return json_incref(result->body);
    const json_t *fault = json_object_get(result->body, "error");
    const char *message = json_string_value(json_object_get(fault, "message"));
    if (!message)
        message = json_string_value(json_object_get(result->body, "message"));
    json_int_t code = json_integer_value(json_object_get(fault, "exit"));
    if (code < EXIT_ERROR || code > EXIT_WORK_FAILED)
        code = EXIT_ERROR;
    if (ret_refusal)
        *ret_refusal = json_incref(result->body);
    if (message)
        g_set_error_literal(error, CLI_ERROR, (int)code, message);
    else
        g_set_error(error, CLI_ERROR, (int)code, "the daemon answered HTTP %d without a message",
                    result->http_status);
    return NULL;
}

static bool call_offline(Backend *backend, const char *name, json_t *request, OperationResult *ret_result,
                         GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (operations_offline(backend->state_dir, name, request, ret_result, &cause))
        return true;
    if (g_error_matches(cause, STORE_ERROR, STORE_ERROR_MISSING))
        fail_no_state(backend, error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* The host that this process started ended by itself: its error is the reason. */
static bool report_host(Backend *backend, GError **error)
{
    g_clear_pointer(&backend->client, client_free);
    HostHandle *hosted = g_steal_pointer(&backend->hosted);
    g_autoptr(GError) cause = NULL;
    bool ok = backend->host->stop(hosted, &cause);
    g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_GONE, "the reconciler ended: %s",
                ok ? "unexpectedly" : cause->message);
    return false;
}

static bool is_lost(const GError *error)
{
    return g_error_matches(error, CLIENT_ERROR, CLIENT_ERROR_GONE) ||
           g_error_matches(error, CLIENT_ERROR, CLIENT_ERROR_ABSENT);
}

/* A daemon that was about to end did nothing of it. */
static bool is_stopping(const OperationResult *result)
{
    const json_t *code = json_object_get(json_object_get(result->body, "error"), "code");
    return result->http_status == 503 && g_strcmp0(json_string_value(code), "stopping") == 0;
}

static bool exchange(Backend *backend, const char *name, json_t *request, OperationResult *ret_result,
                     GError **error)
{
    bool once = operation_find_name(name)->changes;
    while (true) {
        if (!backend->client)
            return call_offline(backend, name, request, ret_result, error);
        g_autoptr(GError) cause = NULL;
        if (client_call(backend->client, name, request, once ? CALL_ONCE : CALL_REPEATABLE, ret_result,
                        &cause)) {
            if (!is_stopping(ret_result) || backend->hosted)
                return true;
            operation_result_clear(ret_result);
            if (!backend_pause(backend, STOPPING_PAUSE_MS)) {
                g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_INTERRUPTED, "interrupted");
                return false;
            }
            if (!backend_reach(backend, error))
                return false;
            continue;
        }
        if (backend->host_failed)
            return report_host(backend, error);
        bool unsent = g_error_matches(cause, CLIENT_ERROR, CLIENT_ERROR_ABSENT);
        if (!is_lost(cause) || (once && !unsent)) {
            bool unknown = once && g_error_matches(cause, CLIENT_ERROR, CLIENT_ERROR_GONE);
            g_propagate_error(error, g_steal_pointer(&cause));
            if (unknown)
                g_prefix_error(
                    error, "%s: the daemon went away before it answered, look before you repeat it: ", name);
            return false;
        }
        if (!backend_reach(backend, error))
            return false;
    }
}

json_t *backend_call_refusable(Backend *backend, const char *name, json_t *request, json_t **ret_refusal,
                               GError **error)
{
    json_t *body = request ? request : json_object();
    g_auto(OperationResult) result = {0};
    bool ok = exchange(backend, name, body, &result, error);
    json_decref(body);
    return ok ? backend_answer(&result, ret_refusal, error) : NULL;
}

json_t *backend_call(Backend *backend, const char *name, json_t *request, GError **error)
{
    return backend_call_refusable(backend, name, request, NULL, error);
}

json_t *backend_upload(Backend *backend, const char *name, FILE *body, int64_t size, GError **error)
{
    g_auto(OperationResult) result = {0};
    g_assert(backend->client); /* commands that upload commit, so somebody answers */
    g_autoptr(GError) cause = NULL;
    if (client_upload(backend->client, name, body, size, &result, &cause))
        return backend_answer(&result, NULL, error);
    if (backend->host_failed) {
        report_host(backend, error);
        return NULL;
    }
    if (is_lost(cause))
        g_prefix_error(&cause, "%s: the daemon went away before it answered: ", name);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

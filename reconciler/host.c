/* host.c: builds the real ports, runs the loop, ends in order. */
#include "reconciler/docker_facts.h"
#include "reconciler/doctor.h"
#include "reconciler/host.h"
#include "reconciler/api/job_event.h"
#include "reconciler/api/meters.h"
#include "reconciler/api/remote.h"
#include "reconciler/api/server.h"
#include "reconciler/backup_keeper.h"
#include "reconciler/backup_send.h"
#include "reconciler/batch_reader.h"
#include "reconciler/clock.h"
#include "reconciler/cloud_log.h"
#include "reconciler/docker_probe.h"
#include "reconciler/engine_ports.h"
#include "reconciler/follow.h"
#include "reconciler/future.h"
#include "reconciler/hooks.h"
#include "reconciler/notify/outbox.h"
#include "reconciler/object_store.h"
#include "reconciler/pages.h"
#include "reconciler/provider/provider.h"
#include "reconciler/proxy.h"
#include "reconciler/publish.h"
#include "reconciler/replay.h"
#include "reconciler/schedule/reason.h"
#include "reconciler/source/policy_file.h"
#include "reconciler/store/lease.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FULL_PASS_MS (10 * 60 * 1000)

struct HostHandle {
    /* options, copied */
    char *state_dir, *command, *source_name, *provider_name, *publish_path, *notify_path;
    char **follow_paths, **follow_values;
    char *policy_path, *listen, *backup_place; /* NULL: none */
    char *key_file, *tls_cert, *tls_key;
    AddressRange *proxies;
    size_t proxies_len;
    bool launch, log_to_stderr, notify_is_named;
    LogFormat log_format;
    int64_t interval_ms, record_bytes, backup_interval_ms;
    LoopMeter loop;
    Meters meters;

    GThread *thread;
    GMainContext *context;
    int failed_fd;

    GMutex mutex; /* over what follows */
    GCond ready;
    bool started, stopping, ended;
    GError *error;

    /* of the engine's thread */
    Lease *lease;
    EnginePorts *ports;
    Clock *clock;
    Policy *policy;
    Recorder *recorder; /* NULL: nothing is recorded */
    Reconciler *reconciler;
    Server *server;
    Pages *pages; /* the web page, over the socket */
    GPtrArray *follows;
    Hooks *hooks;   /* NULL: nothing is served over TCP */
    Remote *remote; /* with them */
    EventStreams *streams;
    Publisher *publisher;  /* NULL: nothing is published */
    BackupKeeper *backups; /* NULL: none are made */
    NotifyConfig *notify;  /* who is told of events; NULL: nobody, whatever happens */
    Outbox *outbox;
    GSource *full_pass;
};

/* ---- logging
 * --------------------------------------------------------------------------------------------------------------
 */

static void host_entry(void *self, const LogEntry *entry)
{
    const HostHandle *handle = self;
    if (!handle->log_to_stderr)
        return;
    g_autoptr(GString) line = g_string_new(NULL);
    log_entry_append(line, handle->log_format, entry, clock_ms());
    fputs(line->str, stderr);
}

static void host_log(void *self, const char *text)
{
    host_entry(self, &(LogEntry){.message = text});
}

static void host_warn(HostHandle *handle, const char *text)
{
    host_entry(handle, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = text});
}

static LogPort log_port(HostHandle *handle)
{
    return (LogPort){.line = host_log, .entry = host_entry, .self = handle};
}

/* ---- the loop's thread
 * ------------------------------------------------------------------------------------------------------ */

static void host_fail(HostHandle *handle, const GError *error)
{
    g_mutex_lock(&handle->mutex);
    if (!handle->error)
        handle->error = g_error_copy(error);
    handle->ended = true;
    g_mutex_unlock(&handle->mutex);
    uint64_t one = 1;
    ssize_t written = write(handle->failed_fd, &one, sizeof one);
    (void)written; /* an eventfd takes it */
    host_entry(handle, &(LogEntry){.level = LOG_LEVEL_ERROR, .message = error->message});
}

static void on_tick(void *data)
{
    HostHandle *handle = data;
    recorder_tick(handle->recorder, handle->reconciler);
}

static void on_call(Call *call, void *data)
{
    HostHandle *handle = data;
    recorder_call(handle->recorder, handle->reconciler, call);
}

static void on_provider_event(const ProviderEvent *event, void *data)
{
    HostHandle *handle = data;
    if (handle->reconciler)
        recorder_event(handle->recorder, handle->reconciler, event);
}

static void on_committed(uint64_t sequence, const GError *error, void *data)
{
    HostHandle *handle = data;
    if (handle->reconciler)
        recorder_committed(handle->recorder, handle->reconciler, sequence, error);
    if (handle->publisher)
        publisher_committed(handle->publisher, sequence, error == NULL);
}

static void on_backup(const BackupFacts *facts, void *data)
{
    HostHandle *handle = data;
    if (handle->reconciler)
        reconciler_backup(handle->reconciler, facts);
}

static void on_expected(uint64_t sequence, void *data)
{
    HostHandle *handle = data;
    if (handle->publisher)
        publisher_expect(handle->publisher, sequence);
}

static void on_durable(void *self, uint64_t event_sequence)
{
    const HostHandle *handle = self;
    if (handle->outbox)
        outbox_durable(handle->outbox, event_sequence);
    if (handle->streams)
        event_streams_durable(handle->streams, event_sequence);
}

static void on_told(const OutboxReport *reports, size_t len, void *data)
{
    HostHandle *handle = data;
    if (handle->reconciler)
        recorder_outbox(handle->recorder, handle->reconciler, reports, len);
}

static void full_pass(HostHandle *handle)
{
    for (guint i = 0; i < handle->follows->len; i++)
        follow_full_pass(handle->follows->pdata[i]);
}

static gboolean on_full_pass(gpointer data)
{
    full_pass(data);
    return G_SOURCE_CONTINUE;
}

static bool start_follows(HostHandle *handle, GError **error)
{
    handle->follows = g_ptr_array_new_with_free_func(follow_free);
    recorder_unfollow_all(handle->recorder, handle->reconciler);
    FollowTarget target = {handle->reconciler, handle->recorder, engine_ports_work(handle->ports),
                           handle->state_dir};
    bool single = handle->follow_paths && g_strv_length(handle->follow_paths) == 1;
    for (char **path = handle->follow_paths; path && *path; path++) {
        FollowOptions options = {
            .path = *path,
            .name = single ? handle->source_name : NULL,
            .provider = handle->provider_name,
            .policy = handle->policy,
            .values = handle->follow_values ? handle->follow_values[path - handle->follow_paths] : NULL,
            .interval_ms = handle->interval_ms,
            .earlier = handle->follows->len ? handle->follows->pdata[handle->follows->len - 1] : NULL};
        Follow *follow = follow_new(&target, &options, error);
        if (!follow)
            return false;
        g_ptr_array_add(handle->follows, follow);
    }
    if (handle->follows->len == 0)
        return true;
    handle->full_pass = g_timeout_source_new(
        (guint)CLAMP(handle->interval_ms ? handle->interval_ms : FULL_PASS_MS, 1000, G_MAXINT));
    g_source_set_callback(handle->full_pass, on_full_pass, handle, NULL);
    g_source_attach(handle->full_pass, handle->context);
    return true;
}

static void start_outbox(HostHandle *handle)
{
    OutboxOptions options = {.state_dir = handle->state_dir,
                             .config = handle->notify,
                             .durable = world_event_sequence(reconciler_world(handle->reconciler)),
                             .told = on_told,
                             .data = handle,
                             .job = job_event_detail};
    const EntropyPort entropy = engine_ports_get(handle->ports).entropy;
    entropy.fill(entropy.self, &options.seed, sizeof options.seed);
    if (handle->notify)
        handle->outbox = outbox_new(&options);
}

static const char *remote_setting(const char *name, void *data)
{
    const HostHandle *handle = data;
    return handle->reconciler ? world_setting(reconciler_world(handle->reconciler), name) : NULL;
}

/* The texts of both files; the key's is wiped by tls_clear(). */
typedef struct {
    char *certificate, *key;
} TlsTexts;

static void tls_clear(TlsTexts *texts)
{
    if (texts->key)
        OPENSSL_cleanse(texts->key, strlen(texts->key));
    g_free(texts->key);
    g_free(texts->certificate);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TlsTexts, tls_clear)

static bool tls_read(const HostHandle *handle, TlsTexts *ret_texts, GError **error)
{
    return g_file_get_contents(handle->tls_cert, &ret_texts->certificate, NULL, error) &&
           g_file_get_contents(handle->tls_key, &ret_texts->key, NULL, error);
}

static void reload_tls(HostHandle *handle)
{
    g_auto(TlsTexts) texts = {0};
    g_autoptr(GError) error = NULL;
    if (!handle->hooks || !handle->tls_cert)
        return;
    if (tls_read(handle, &texts, &error) &&
        hooks_renew_tls(handle->hooks, &(ListenerTls){texts.certificate, texts.key}, &error))
        return;
    g_autofree char *text =
        g_strdup_printf("%s: the certificate before stays: %s", handle->tls_cert, error->message);
    host_log(handle, text);
}

static bool start_hooks(HostHandle *handle, GError **error)
{
    g_auto(TlsTexts) texts = {0};
    ListenerTls tls;
    if (!handle->listen)
        return true;
    EventStreamsOptions streams = {.durable = world_event_sequence(reconciler_world(handle->reconciler)),
                                   .clock = clock_port(handle->clock),
                                   .call = on_call,
                                   .data = handle};
    handle->streams = event_streams_new(&streams);
    RemoteOptions remote = {.streams = handle->streams,
                            .meters = &handle->meters,
                            .key_file = handle->key_file,
                            .proxies = handle->proxies,
                            .proxies_len = handle->proxies_len,
                            .is_encrypted = handle->tls_cert != NULL,
                            .clock = clock_port(handle->clock),
                            .log = log_port(handle),
                            .setting = remote_setting,
                            .call = on_call,
                            .data = handle};
    handle->remote = remote_new(&remote);
    HooksOptions options = {.follows = handle->follows,
                            .clock = clock_port(handle->clock),
                            .log = log_port(handle),
                            .call = on_call,
                            .data = handle};
    options.routes = remote_routes(handle->remote, &options.routes_len);
    if (handle->tls_cert && !tls_read(handle, &texts, error))
        return false;
    tls = (ListenerTls){texts.certificate, texts.key};
    options.tls = handle->tls_cert ? &tls : NULL;
    if (!listen_address_parse(handle->listen, &options.address, error))
        return false;
    handle->hooks = hooks_new(&options, error);
    if (!handle->hooks)
        return false;
    g_autofree char *at = hooks_text(handle->hooks);
    g_autofree char *text =
        g_strdup_printf("listening at http%s://%s/ (the API, hooks, healthz, readyz, metrics)",
                        handle->tls_cert ? "s" : "", at);
    host_log(handle, text);
    return true;
}

static void start_recording(HostHandle *handle, Ports *ports, const ReconcilerOptions *settings)
{
    g_autoptr(GError) error = NULL;
    RecorderOptions options = {.state_dir = handle->state_dir,
                               .settings = settings,
                               .ports = ports,
                               .inputs_max = handle->record_bytes};
    if (handle->record_bytes == 0)
        return;
    handle->recorder = recorder_new(&options, &error);
    if (handle->recorder) {
        *ports = recorder_ports(handle->recorder);
        return;
    }
    g_autofree char *text = g_strdup_printf("nothing is recorded for replays: %s", error->message);
    host_warn(handle, text);
}

static bool start_all(HostHandle *handle, GError **error)
{
    if (handle->policy_path && !(handle->policy = policy_load(handle->policy_path, error)))
        return false;
    if (handle->notify_path &&
        !(handle->notify = notify_config_load(handle->notify_path, handle->notify_is_named, error)))
        return false;
    handle->lease = lease_take(handle->state_dir, handle->command, error);
    if (!handle->lease)
        return false;
    handle->clock = clock_new(on_tick, handle);
    EnginePortsOptions options = {.state_dir = handle->state_dir,
                                  .launch = handle->launch,
                                  .committed = on_committed,
                                  .event = on_provider_event,
                                  .log = host_log,
                                  .entry = host_entry,
                                  .expect = on_expected,
                                  .data = handle,
                                  .meters = &handle->meters};
    handle->ports = engine_ports_new(&options, error);
    if (!handle->ports)
        return false;
    if (handle->publish_path)
        handle->publisher = publisher_new(handle->state_dir, handle->publish_path, log_port(handle));
    Ports ports = engine_ports_get(handle->ports);
    ports.clock = clock_port(handle->clock);
    ports.outbox = (OutboxPort){on_durable, handle};
    g_autofree char *notice = NULL;
    Capacity machine = {0};
    int gpus;
    provider_local_capacity(&machine.vcpus_e4, &machine.memory_mib, &gpus, &notice);
    machine.gpus = gpus;
    ReconcilerOptions settings = {.state_dir = handle->state_dir,
                                  .mode = handle->command,
                                  .launch = handle->launch,
                                  .providers = PROVIDERS_AT_HAND,
                                  .schedules = strcmp(handle->command, "serve") == 0,
                                  .machine = machine,
                                  .notice = notice,
                                  .interval_ms = handle->interval_ms,
                                  .policy = handle->policy,
                                  .loop = &handle->loop,
                                  .meters = &handle->meters};
    start_recording(handle, &ports, &settings);
    handle->reconciler = reconciler_new(&ports, &settings, error);
    if (!handle->reconciler)
        return false;
    start_outbox(handle);
    if (handle->backup_place)
        handle->backups = backup_keeper_new(handle->state_dir, handle->backup_place,
                                            handle->backup_interval_ms, log_port(handle), on_backup, handle);
    handle->server = server_new(handle->state_dir, on_call, handle, error);
    if (handle->server)
        handle->pages =
            pages_new(handle->server, &(PagesOptions){on_call, clock_port(handle->clock), handle});
    return handle->server && start_follows(handle, error) && start_hooks(handle, error);
}

/* Reverse order. The store waits for what it was handed; completions that the loop has not seen are in it all
 * the same. */
static void end_all(HostHandle *handle)
{
    if (handle->full_pass) {
        g_source_destroy(handle->full_pass);
        g_clear_pointer(&handle->full_pass, g_source_unref);
    }
    hooks_stop(handle->hooks);
    remote_stop(handle->remote);
    event_streams_stop(handle->streams);
    if (handle->clock)
        clock_stop(handle->clock); /* what is delivered from here on only waits to be refused */
    g_clear_pointer(&handle->outbox, outbox_free);
    g_clear_pointer(&handle->backups, backup_keeper_free);
    if (handle->ports)
        engine_ports_stop_work(handle->ports);
    while (g_main_context_iteration(handle->context, FALSE))
        ;
    g_clear_pointer(&handle->follows, g_ptr_array_unref);
    if (handle->recorder)
        recorder_end(handle->recorder);
    Reconciler *reconciler = g_steal_pointer(&handle->reconciler);
    reconciler_free(reconciler);
    g_clear_pointer(&handle->hooks, hooks_free);
    g_clear_pointer(&handle->remote, remote_free);
    g_clear_pointer(&handle->streams, event_streams_free);
    g_clear_pointer(&handle->server, server_free);
    g_clear_pointer(&handle->pages, pages_free);
    g_clear_pointer(&handle->ports, engine_ports_free);
    g_clear_pointer(&handle->publisher, publisher_free);
    g_clear_pointer(&handle->recorder, recorder_free);
    g_clear_pointer(&handle->clock, clock_free);
    g_clear_pointer(&handle->lease, lease_release);
    g_clear_pointer(&handle->policy, policy_unref);
    g_clear_pointer(&handle->notify, notify_config_unref);
}

static void wait_stop(HostHandle *handle)
{
    bool unfollowed = false;
    for (;;) {
        const GError *fault = reconciler_fault(handle->reconciler);
        if (fault) {
            host_fail(handle, fault);
            return;
        }
        g_mutex_lock(&handle->mutex);
        bool stopping = handle->stopping;
        g_mutex_unlock(&handle->mutex);
        if (stopping && !unfollowed) {
            recorder_unfollow_all(handle->recorder, handle->reconciler);
            if (handle->outbox)
                outbox_stop(handle->outbox);
            unfollowed = true;
        }
        if (stopping && recorder_drain(handle->recorder, handle->reconciler))
            return;
        g_main_context_iteration(handle->context, TRUE);
    }
}

static void tell_started(HostHandle *handle, GError *error)
{
    g_mutex_lock(&handle->mutex);
    handle->started = true;
    handle->error = error;
    g_cond_signal(&handle->ready);
    g_mutex_unlock(&handle->mutex);
}

static gpointer host_main(gpointer data)
{
    HostHandle *handle = data;
    GError *error = NULL;
    g_main_context_push_thread_default(handle->context);
    if (start_all(handle, &error)) {
        g_autofree char *text =
            g_strdup_printf("muster %s: serving %s/%s", handle->command, handle->state_dir, SERVER_SOCKET);
        host_log(handle, text);
        tell_started(handle, NULL);
        loop_meter_start(&handle->loop, handle->context);
        wait_stop(handle);
        end_all(handle);
    } else {
        end_all(handle);
        tell_started(handle, error);
    }
    g_main_context_pop_thread_default(handle->context);
    return NULL;
}

/* ---- the face
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void handle_free(HostHandle *handle)
{
    meters_clear(&handle->meters);
    g_main_context_unref(handle->context);
    close(handle->failed_fd);
    g_mutex_clear(&handle->mutex);
    g_cond_clear(&handle->ready);
    g_clear_error(&handle->error);
    g_strfreev(handle->follow_paths);
    g_strfreev(handle->follow_values);
    g_free(handle->state_dir);
    g_free(handle->command);
    g_free(handle->source_name);
    g_free(handle->provider_name);
    g_free(handle->publish_path);
    g_free(handle->backup_place);
    g_free(handle->policy_path);
    g_free(handle->notify_path);
    g_free(handle->listen);
    g_free(handle->key_file);
    g_free(handle->tls_cert);
    g_free(handle->tls_key);
    g_free(handle->proxies);
    g_free(handle);
}

/* NOTIFY_SOCKET of systemd's readiness protocol (sd_notify(3)); nothing where it is not set. */
static void notify_ready(void)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    ssize_t sent = sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    (void)sent; /* nobody listens: so be it */
    close(fd);
}

static HostHandle *host_start(const HostOptions *options, GError **error)
{
    kinds_init();
    HostHandle *handle = g_new0(HostHandle, 1);
    handle->state_dir = g_strdup(options->state_dir);
    handle->command = g_strdup(options->command);
    handle->source_name = g_strdup(options->source_name);
    handle->provider_name = g_strdup(options->provider);
    handle->publish_path = g_strdup(options->publish);
    handle->policy_path = g_strdup(options->policy);
    handle->backup_place = g_strdup(options->backup);
    handle->backup_interval_ms = options->backup_interval_ms;
    handle->notify_path = g_strdup(options->notify);
    handle->notify_is_named = options->notify_is_named;
    handle->listen = g_strdup(options->listen);
    handle->key_file = g_strdup(options->key_file);
    handle->tls_cert = g_strdup(options->tls_cert);
    handle->tls_key = g_strdup(options->tls_key);
    handle->proxies = g_memdup2(options->proxies, options->proxies_len * sizeof *options->proxies);
    handle->proxies_len = options->proxies_len;
    handle->follow_paths = g_strdupv((char **)(uintptr_t)options->follow);
    handle->follow_values = g_strdupv((char **)(uintptr_t)options->follow_values);
    handle->launch = options->launch;
    handle->log_to_stderr = options->log_to_stderr;
    handle->log_format = options->log_format;
    handle->interval_ms = options->interval_ms;
    handle->record_bytes = options->record_bytes;
    handle->failed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    meters_init(&handle->meters, clock_us);
    g_mutex_init(&handle->mutex);
    g_cond_init(&handle->ready);
    handle->context = g_main_context_new();
    handle->thread = g_thread_new("engine", host_main, handle);
    g_mutex_lock(&handle->mutex);
    while (!handle->started)
        g_cond_wait(&handle->ready, &handle->mutex);
    bool failed = handle->error != NULL && !handle->ended;
    g_mutex_unlock(&handle->mutex);
    if (failed) {
        g_thread_join(handle->thread);
        g_propagate_error(error, g_steal_pointer(&handle->error));
        handle_free(handle);
        return NULL;
    }
    notify_ready();
    return handle;
}

static bool host_stop(HostHandle *handle, GError **error)
{
    g_mutex_lock(&handle->mutex);
    handle->stopping = true;
    g_mutex_unlock(&handle->mutex);
    g_main_context_wakeup(handle->context);
    g_thread_join(handle->thread);
    bool ok = handle->error == NULL;
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&handle->error));
    handle_free(handle);
    return ok;
}

static int host_failed_fd(HostHandle *handle)
{
    return handle->failed_fd;
}

/* One that is faulty or gone takes nobody's bounds away: the last good one holds. */
static void reload_policy(HostHandle *handle)
{
    g_autoptr(GError) error = NULL;
    Policy *policy = handle->policy_path ? policy_load(handle->policy_path, &error) : NULL;
    if (!policy) {
        g_autofree char *text =
            error ? g_strdup_printf("%s (the last good policy holds)", error->message) : NULL;
        if (text)
            host_warn(handle, text);
        return;
    }
    policy_unref(handle->policy);
    handle->policy = policy;
    reconciler_set_policy(handle->reconciler, policy);
    for (guint i = 0; i < handle->follows->len; i++)
        follow_set_policy(handle->follows->pdata[i], policy);
}

/* One that is faulty changes nothing; one that is gone, where it need not be there, tells nobody any more. */
static void reload_notify(HostHandle *handle)
{
    g_autoptr(GError) error = NULL;
    if (!handle->outbox)
        return;
    NotifyConfig *config = notify_config_load(handle->notify_path, handle->notify_is_named, &error);
    if (!config) {
        g_autofree char *text = g_strdup_printf("%s (whoever was told before is told)", error->message);
        host_warn(handle, text);
        return;
    }
    notify_config_unref(handle->notify);
    handle->notify = config;
    outbox_set_config(handle->outbox, config);
}

static gboolean on_reload(gpointer data)
{
    HostHandle *handle = data;
    if (handle->follows && handle->reconciler) {
        reload_policy(handle);
        reload_notify(handle);
        reload_tls(handle);
    }
    if (handle->follows)
        full_pass(handle);
    return G_SOURCE_REMOVE;
}

static void host_reload(HostHandle *handle)
{
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_callback(source, on_reload, handle, NULL);
    g_source_attach(source, handle->context);
}

const Host host_real = {.start = host_start,
                        .stop = host_stop,
                        .failed_fd = host_failed_fd,
                        .reload = host_reload,
                        .simulate = future_simulate,
                        .forecast = future_forecast,
                        .replay = replay_state,
                        .doctor = doctor_run,
                        .docker = docker_probe,
                        .docker_notices = docker_facts_notices,
                        .log_open = cloud_log_open,
                        .log_read = cloud_log_read,
                        .log_close = cloud_log_close,
                        .backup = backup_send,
                        .object_get = object_get,
                        .batch_read = batch_read,
                        .proxy = proxy_run};

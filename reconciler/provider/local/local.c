#include "reconciler/provider/local/local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAUNCHER_NAME "muster-launcher"
#define OBSERVE_MAX   ((size_t)(LAUNCHER_FRAME_MAX / 2) / LAUNCHER_TOKEN_BYTES)

G_STATIC_ASSERT(LAUNCH_TOKEN_BYTES == LAUNCHER_TOKEN_BYTES);
G_STATIC_ASSERT((int)END_EXITED == (int)CAUSE_EXITED && (int)END_SIGNALLED == (int)CAUSE_SIGNALLED &&
                (int)END_TIMEOUT == (int)CAUSE_TIMEOUT && (int)END_STOPPED == (int)CAUSE_STOPPED &&
                (int)END_OOM == (int)CAUSE_OOM);

static Token token_from(const LaunchToken *token)
{
    Token copy;
    memcpy(copy.bytes, token->bytes, sizeof copy.bytes);
    return copy;
}

/* ---- launches that await something ---- */

static guint launch_hash(gconstpointer token)
{
    guint hash; /* tokens are random */
    memcpy(&hash, token, sizeof hash);
    return hash;
}

static gboolean launch_same(gconstpointer a, gconstpointer b)
{
    return launch_token_equal(a, b);
}

static void launch_free(gpointer data)
{
    Launch *launch = data;
    wire_clear(&launch->message);
    g_free(launch->stop_reason);
    g_free(launch);
}

static Launch *launch_get(Local *local, const Token *token)
{
    Launch *launch = g_hash_table_lookup(local->launches, token);
    if (!launch) {
        launch = g_new0(Launch, 1);
        launch->token = *token;
        launch->sequence = local->sequence++;
        g_hash_table_insert(local->launches, &launch->token, launch);
    }
    return launch;
}

/* Messages and stops that this connection still has to carry. */
static void launch_send(Local *local, Launch *launch)
{
    if (launch->message.len && !launch->sent) {
        wire_append(&local->out, launch->message.data, launch->message.len);
        launch->sent = launch->ever_sent = true;
    }
    if (launch->stop && !launch->stop_sent) {
        stop_put(&local->out, &launch->token, launch->stop_reason);
        launch->stop_sent = true;
    }
}

static bool launch_waits(const Launch *launch)
{
    return (launch->message.len && !launch->sent) || (launch->stop && !launch->stop_sent);
}

static gint launch_order(gconstpointer a, gconstpointer b)
{
    const Launch *one = *(const Launch *const *)a, *two = *(const Launch *const *)b;
    return (one->sequence > two->sequence) - (one->sequence < two->sequence);
}

/* In the order asked for; borrowed. */
static GPtrArray *launches_waiting(Local *local)
{
    GPtrArray *waiting = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, local->launches);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (launch_waits(value))
            g_ptr_array_add(waiting, value);
    g_ptr_array_sort(waiting, launch_order);
    return waiting;
}

/* ---- talking to the launcher ---- */

void local_greet(Local *local)
{
    Hello hello = {LAUNCHER_MAGIC, LAUNCHER_VERSION, local->term, (uint32_t)getpid(), NULL};
    local->phase = LOCAL_GREETING;
    hello_put(&local->out, &hello);
    local_flush(local);
}

static void settled_send(Local *local)
{
    if (!local->settled->len)
        return;
    tokens_put(&local->out, FRAME_SETTLED, (const Token *)(void *)local->settled->data, local->settled->len);
    g_array_set_size(local->settled, 0);
}

/* The first question after HELLO names what a launcher may have been told before: by us or by an earlier
 * process. */
static void observe_first(Local *local)
{
    g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(Token));
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, local->launches);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Launch *launch = value;
        launch->sent = launch->stop_sent = launch->seen = false;
        if (launch->ever_sent)
            g_array_append_val(tokens, launch->token);
    }
    local->phase = LOCAL_OBSERVING;
    settled_send(local);
    tokens_put(&local->out, FRAME_OBSERVE, (const Token *)(void *)tokens->data,
               MIN(tokens->len, OBSERVE_MAX));
    local_flush(local);
}

/* What was expected and has no record never started: the OBSERVED that follows says so. */
static void forget_unseen(Local *local)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, local->launches);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Launch *launch = value;
        if (!launch->message.len && !launch->seen && !launch->stop)
            g_hash_table_iter_remove(&iter);
    }
}

static void observed(Local *local)
{
    forget_unseen(local);
    g_autoptr(GPtrArray) waiting = launches_waiting(local);
    if (waiting->len) {
        for (guint i = 0; i < waiting->len; i++)
            launch_send(local, waiting->pdata[i]);
        tokens_put(&local->out, FRAME_OBSERVE, NULL, 0);
        local_flush(local);
        return;
    }
    local->phase = LOCAL_READY;
    ProviderEvent event = {.type = PROVIDER_EVENT_OBSERVED};
    local->func(&event, local->data);
}

static void report_pass(Local *local, const Report *report)
{
    static const ProviderEventType types[] = {
        [FRAME_STARTED - FRAME_STARTED] = PROVIDER_EVENT_STARTED,
        [FRAME_REFUSED - FRAME_STARTED] = PROVIDER_EVENT_REFUSED,
        [FRAME_ENDED - FRAME_STARTED] = PROVIDER_EVENT_ENDED,
        [FRAME_LOST - FRAME_STARTED] = PROVIDER_EVENT_LOST,
    };
    ProviderEvent event = {.type = types[report->type - FRAME_STARTED]};
    memcpy(event.token.bytes, report->token.bytes, sizeof event.token.bytes);
    event.at_ms = report->at_ms;
    event.started_ms = report->started_ms;
    event.cause = (EndCause)report->cause;
    event.exit_code = report->exit_code;
    event.reason = report->reason;
    if (report->type == FRAME_STARTED) {
        Launch *launch = launch_get(local, &report->token);
        wire_clear(&launch->message);
        launch->seen = launch->ever_sent = true;
    } else {
        g_hash_table_remove(local->launches, &report->token);
    }
    local->func(&event, local->data);
}

static bool handle_hello(Local *local, WireReader *body)
{
    Hello hello;
    if (!hello_read(body, &hello) || hello.version != LAUNCHER_VERSION)
        return false;
    local->backoff_ms = 0;
    local_report_capacity(local, hello.notice);
    observe_first(local);
    return true;
}

static bool handle_denied(Local *local, WireReader *body)
{
    uint64_t term = wire_get_u64(body);
    const char *reason = wire_get_text(body);
    if (!wire_get_done(body))
        return false;
    g_autofree char *notice =
        g_strdup_printf("local provider: the launcher refuses this reconciler (term %" G_GUINT64_FORMAT
                        "; it has seen %" G_GUINT64_FORMAT "): %s",
                        local->term, term, reason ? reason : "no reason given");
    bool superseded = term > local->term;
    local_disconnect(local);
    if (superseded)
        local->phase = LOCAL_REFUSED;
    local_report_capacity(local, notice);
    if (!superseded)
        local_lost_connection(local);
    return true;
}

bool local_handle(Local *local, uint32_t type, WireReader *body)
{
    Report report;
    switch (type) {
    case FRAME_HELLO: return local->phase == LOCAL_GREETING && handle_hello(local, body);
    case FRAME_DENIED: return handle_denied(local, body);
    case FRAME_OBSERVED:
        if (local->phase != LOCAL_OBSERVING)
            return false;
        observed(local);
        return true;
    case FRAME_STARTED:
    case FRAME_REFUSED:
    case FRAME_ENDED:
    case FRAME_LOST:
        if (local->phase < LOCAL_OBSERVING || !report_read(type, body, &report))
            return false;
        report_pass(local, &report);
        return true;
    default: return false;
    }
}

void local_report_capacity(Local *local, const char *notice)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_CAPACITY};
    provider_local_capacity(&event.vcpus_e4, &event.memory_mib, &event.gpus, NULL);
    event.notice = notice;
    local->func(&event, local->data);
}

/* ---- the vtable ---- */

static bool local_start(Provider *provider, const ProviderStart *start, GError **error)
{
    Local *local = (Local *)provider;
    if (start->expected_len > OBSERVE_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "local provider: %" G_GSIZE_FORMAT " launches are expected, at most %" G_GSIZE_FORMAT
                    " can be",
                    start->expected_len, OBSERVE_MAX);
        return false;
    }
    local->term = start->term;
    for (size_t i = 0; i < start->expected_len; i++) {
        Token token = token_from(&start->expected[i].token);
        launch_get(local, &token)->ever_sent = true;
    }
    local_connect(local);
    return true;
}

static LaunchOrder order_from(const LaunchRequest *request)
{
    LaunchOrder order = {.token = token_from(&request->token), .term = request->term};
    order.job_id = request->job_id;
    order.argv = (char **)(uintptr_t)request->argv;
    order.envp = (char **)(uintptr_t)request->envp;
    order.work_dir = request->work_dir;
    order.workspace = request->workspace;
    order.stdout_path = request->stdout_path;
    order.stderr_path = request->stderr_path;
    order.user = request->user;
    order.vcpus_e4 = request->vcpus_e4;
    order.memory_mib = request->memory_mib;
    order.timeout_ms = request->timeout_ms;
    order.kill_grace_ms = request->kill_grace_ms;
    return order;
}

static void local_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    Local *local = (Local *)provider;
    for (size_t i = 0; i < len; i++) {
        Token token = token_from(&requests[i].token);
        Launch *launch = launch_get(local, &token);
        if (!launch->message.len) {
            LaunchOrder order = order_from(&requests[i]);
            launch_put(&launch->message, &order);
            launch->sent = false;
        }
        if (local->phase == LOCAL_READY)
            launch_send(local, launch);
    }
    local_flush(local);
}

static void local_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    Local *local = (Local *)provider;
    Token copy = token_from(token);
    Launch *launch = launch_get(local, &copy);
    g_free(launch->stop_reason);
    launch->stop_reason = g_strdup(reason);
    launch->stop = true;
    launch->stop_sent = false;
    if (local->phase == LOCAL_READY)
        launch_send(local, launch);
    local_flush(local);
}

static void local_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Local *local = (Local *)provider;
    for (size_t i = 0; i < len; i++) {
        Token token = token_from(&tokens[i]);
        g_array_append_val(local->settled, token);
    }
    if (local->phase == LOCAL_READY || local->phase == LOCAL_OBSERVING)
        settled_send(local);
    local_flush(local);
}

static void local_free(Provider *provider)
{
    Local *local = (Local *)provider;
    local_disconnect(local);
    if (local->dir_fd >= 0)
        close(local->dir_fd);
    wire_clear(&local->in);
    wire_clear(&local->out);
    g_hash_table_unref(local->launches);
    g_array_unref(local->settled);
    g_main_context_unref(local->context);
    g_free(local->launcher_dir);
    g_free(local->launcher_program);
    g_free(local);
}

/* $MUSTER_LAUNCHER, for tests and packagers; else beside the program, as it is built; else in the libexec of
 * the prefix that the program is installed under. No path is compiled in: an installation may be moved as a
 * whole. */
static char *launcher_find(GError **error)
{
    const char *named = g_getenv("MUSTER_LAUNCHER");
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = g_path_get_dirname(self ? self : ".");
    g_autofree char *prefix = g_path_get_dirname(dir);
    g_autofree char *beside = g_build_filename(dir, LAUNCHER_NAME, NULL);
    g_autofree char *installed = g_build_filename(prefix, "libexec", "muster", LAUNCHER_NAME, NULL);
    const char *const candidates[] = {named ? named : beside, named ? named : installed};
    for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++)
        if (access(candidates[i], X_OK) == 0)
            return g_strdup(candidates[i]);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "local provider: the program " LAUNCHER_NAME " is not there: looked at %s%s%s", candidates[0],
                named ? "" : " and ", named ? "" : candidates[1]);
    return NULL;
}

Provider *provider_local_new(const char *state_dir, ProviderEventFunc func, void *data, GError **error)
{
    g_autofree char *program = launcher_find(error);
    if (!program)
        return NULL;
    g_autofree char *dir = g_build_filename(state_dir, "launcher", NULL);
    int dir_fd = mkdir(dir, 0700) == 0 || errno == EEXIST ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir_fd < 0) {
        int code = errno;
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code), "local provider: %s: %s", dir,
                    g_strerror(code));
        return NULL;
    }
    Local *local = g_new0(Local, 1);
    local->base = (Provider){.start = local_start,
                             .launch = local_launch,
                             .stop = local_stop,
                             .settled = local_settled,
                             .free = local_free};
    local->launcher_dir = g_steal_pointer(&dir);
    local->launcher_program = g_steal_pointer(&program);
    local->dir_fd = dir_fd;
    local->fd = local->starter_pidfd = -1;
    local->context = g_main_context_ref_thread_default();
    local->func = func;
    local->data = data;
    local->launches = g_hash_table_new_full(launch_hash, launch_same, NULL, launch_free);
    local->settled = g_array_new(FALSE, FALSE, sizeof(Token));
    return &local->base;
}

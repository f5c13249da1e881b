#include "reconciler/provider/local/local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_CHUNK       (256u << 10)
#define FRAMES_AT_ONCE   500 /* then other sources of the loop have their turn */
#define BACKOFF_FIRST_MS 20u
#define BACKOFF_MAX_MS   5000u

/* ---- the socket's source ---- */

static void source_watch(Local *local)
{
    GIOCondition wanted = local->out.len ? G_IO_IN | G_IO_OUT : G_IO_IN;
    if (local->source && wanted != local->watched)
        g_source_modify_unix_fd(local->source, local->fd_tag, wanted);
    local->watched = wanted;
}

static bool socket_write(Local *local)
{
    size_t done = 0;
    bool open = true;
    while (done < local->out.len) {
        ssize_t n =
            send(local->fd, local->out.data + done, local->out.len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            open = errno == EAGAIN;
            break;
        }
        done += (size_t)n;
    }
    wire_consume(&local->out, done);
    return open;
}

/* A broken connection is noticed and handled where the source is dispatched: callers may be in the middle of
 * something. */
void local_flush(Local *local)
{
    if (local->fd < 0 || !local->out.len)
        return;
    socket_write(local);
    source_watch(local);
}

static bool socket_read(Local *local)
{
    g_autofree uint8_t *chunk = g_malloc(READ_CHUNK);
    ssize_t n = recv(local->fd, chunk, READ_CHUNK, MSG_DONTWAIT);
    if (n > 0)
        wire_append(&local->in, chunk, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False: what came is not our protocol. A frame may end the connection. */
static bool frames_handle(Local *local)
{
    size_t at = 0, size = 0;
    FrameState state = FRAME_PARTIAL;
    bool sound = true;
    for (int count = 0; count < FRAMES_AT_ONCE; count++) {
        uint32_t type;
        WireReader body;
        state = frame_parse(local->in.data + at, local->in.len - at, &type, &body, &size);
        if (state != FRAME_WHOLE)
            break;
        sound = local_handle(local, type, &body);
        if (local->fd < 0 || !sound)
            return sound;
        at += size;
    }
    wire_consume(&local->in, at);
    local->more = state == FRAME_WHOLE;
    return state != FRAME_TOO_LONG;
}

static gboolean source_prepare(GSource *source, int *timeout)
{
    *timeout = -1;
    return ((LocalSource *)source)->local->more;
}

static gboolean source_check(GSource *source)
{
    const Local *local = ((LocalSource *)source)->local;
    return local->more || g_source_query_unix_fd(source, local->fd_tag) != 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
                                gpointer data G_GNUC_UNUSED)
{
    Local *local = ((LocalSource *)source)->local;
    GIOCondition ready = g_source_query_unix_fd(source, local->fd_tag);
    bool open = true;
    if (ready & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        open = socket_read(local);
    /* What arrived before the end still counts: the handling goes on until nothing whole is left. */
    bool sound = true;
    do
        sound = frames_handle(local);
    while (!open && sound && local->fd >= 0 && local->more);
    if (local->fd < 0)
        return G_SOURCE_CONTINUE;
    if (!open || !sound || !socket_write(local)) {
        local_disconnect(local);
        local_lost_connection(local);
        return G_SOURCE_CONTINUE;
    }
    source_watch(local);
    return G_SOURCE_CONTINUE;
}

static void source_attach(Local *local)
{
    static GSourceFuncs funcs = {
        .prepare = source_prepare, .check = source_check, .dispatch = source_dispatch};
    local->source = g_source_new(&funcs, sizeof(LocalSource));
    ((LocalSource *)local->source)->local = local;
    g_source_set_static_name(local->source, "muster launcher");
    local->watched = G_IO_IN;
    local->fd_tag = g_source_add_unix_fd(local->source, local->fd, G_IO_IN);
    g_source_attach(local->source, local->context);
}

/* ---- starting a launcher ---- */

static void source_drop(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static gboolean retry_now(gpointer data)
{
    Local *local = data;
    source_drop(&local->retry_source);
    local_connect(local);
    return G_SOURCE_REMOVE;
}

static void retry_later(Local *local)
{
    if (local->retry_source)
        return;
    local->backoff_ms = local->backoff_ms ? MIN(2 * local->backoff_ms, BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
    local->retry_source = g_timeout_source_new(local->backoff_ms);
    g_source_set_callback(local->retry_source, retry_now, local, NULL);
    g_source_attach(local->retry_source, local->context);
}

static void start_failed(Local *local, const char *what)
{
    g_autofree char *notice =
        g_strdup_printf("local provider: the launcher %s cannot be started: %s (see %s/log); trying again",
                        local->launcher_program, what, local->launcher_dir);
    retry_later(local);
    local_report_capacity(local, notice);
}

static gboolean starter_ended(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    Local *local = data;
    int status = 0;
    bool reaped = waitpid(local->starter, &status, 0) == local->starter;
    source_drop(&local->starter_source);
    close(local->starter_pidfd);
    local->starter_pidfd = -1;
    local->starter = 0;
    bool there =
        !reaped || (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EX_TEMPFAIL));
    if (!there)
        start_failed(local, "it ended at once");
    else if (reaped && WEXITSTATUS(status) == EX_TEMPFAIL)
        retry_later(local); /* another one is coming up or going down */
    else
        local_connect(local);
    return G_SOURCE_REMOVE;
}

static char *setting(const char *name)
{
    const char *value = g_getenv(name);
    return g_strdup_printf("%s=%s", name, value ? value : "");
}

/* Nothing of ours goes along: no descriptor, no environment but its settings, no session, no signal mask. */
static int launcher_spawn(const Local *local, GPid *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    g_autofree char *linger = setting("MUSTER_LAUNCHER_LINGER_MS"),
                    *cgroups = setting("MUSTER_LAUNCHER_CGROUPS");
    char *argv[] = {local->launcher_program, local->launcher_dir, NULL};
    char *envp[] = {linger, cgroups, NULL};
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    for (int fd = 0; fd <= 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    int error = posix_spawn(ret_pid, local->launcher_program, &actions, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void launcher_start(Local *local)
{
    int error = launcher_spawn(local, &local->starter);
    if (error) {
        start_failed(local, g_strerror(error));
        return;
    }
    /* What we spawned ends when the launcher it leaves behind listens. */
    local->starter_pidfd = (int)syscall(SYS_pidfd_open, local->starter, 0);
    if (local->starter_pidfd < 0) {
        start_failed(local, g_strerror(errno));
        return;
    }
    local->starter_source = g_unix_fd_source_new(local->starter_pidfd, G_IO_IN);
    g_source_set_callback(local->starter_source, G_SOURCE_FUNC(starter_ended), local, NULL);
    g_source_attach(local->starter_source, local->context);
}

/* ---- connecting ---- */

static int socket_connect(const Local *local)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* Through the descriptor: a state directory's own path may be longer than a socket's may. */
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", local->dir_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void local_connect(Local *local)
{
    if (local->fd >= 0 || local->starter || local->phase == LOCAL_REFUSED)
        return;
    local->fd = socket_connect(local);
    if (local->fd >= 0) {
        source_attach(local);
        local_greet(local);
    } else if (errno == ECONNREFUSED || errno == ENOENT) {
        launcher_start(local);
    } else {
        retry_later(local); /* EAGAIN: too many are waiting; out of descriptors */
    }
}

void local_lost_connection(Local *local)
{
    retry_later(local);
}

void local_disconnect(Local *local)
{
    source_drop(&local->source);
    source_drop(&local->starter_source);
    source_drop(&local->retry_source);
    if (local->fd >= 0)
        close(local->fd);
    if (local->starter_pidfd >= 0)
        close(local->starter_pidfd);
    local->fd = local->starter_pidfd = -1;
    local->starter = 0;
    local->more = false;
    local->in.len = local->out.len = 0;
    if (local->phase != LOCAL_REFUSED)
        local->phase = LOCAL_DOWN;
}

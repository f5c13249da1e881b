#include "reconciler/provider/program/program.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

G_DEFINE_QUARK(program - error - quark, program_error)

struct ProgramRun {
    GMainContext *context;
    guint limit_ms;
    gsize output_max;
    bool is_apart;
    pid_t pid; /* 0: none runs */
    int fd;    /* of its output; -1: read to its end */
    GString *output;
    GSource *readable, *ended, *late;
    int status;
    GError *error; /* NULL: it ended with 0 */
    ProgramDone done;
    void *data;
};

/* ---- ends ---- */

static void drop(GSource **source)
{
    if (*source)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void drop_all(ProgramRun *run)
{
    drop(&run->readable);
    drop(&run->ended);
    drop(&run->late);
    close_end(&run->fd);
}

/* Of one apart the group holds what it started, as long as it is not reaped. What GLib has reaped already is
 * not killed: its number may be another's. */
static void kill_it(ProgramRun *run)
{
    siginfo_t info;
    drop(&run->ended);
    if (run->pid && waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        kill(run->is_apart ? -run->pid : run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
    }
    run->pid = 0;
}

static void tell(ProgramRun *run)
{
    ProgramDone done = run->done;
    run->done = NULL;
    drop_all(run);
    done((View){run->output->str, run->output->len}, run->error, run->data);
}

static void give_up(ProgramRun *run, const char *why)
{
    kill_it(run);
    run->error = g_error_new_literal(PROGRAM_ERROR, PROGRAM_ERROR_LIMIT, why);
    tell(run);
}

/* Both the output and the program have ended. */
static void finish(ProgramRun *run)
{
    if (run->pid || run->fd >= 0)
        return;
    if (WIFSIGNALED(run->status))
        run->error = g_error_new(PROGRAM_ERROR, PROGRAM_ERROR_STATUS, "it was ended by signal %d",
                                 WTERMSIG(run->status));
    else if (WEXITSTATUS(run->status) != 0)
        run->error =
            g_error_new(PROGRAM_ERROR, PROGRAM_ERROR_STATUS, "it ended with %d", WEXITSTATUS(run->status));
    tell(run);
}

/* ---- while it runs ---- */

static gboolean can_read(gint fd, GIOCondition condition, void *data)
{
    ProgramRun *run = data;
    char buffer[4096];
    (void)condition;
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (got > 0 && run->output->len + (gsize)got <= run->output_max) {
        g_string_append_len(run->output, buffer, got);
        return G_SOURCE_CONTINUE;
    }
    drop(&run->readable);
    if (got > 0) {
        g_autofree char *why =
            g_strdup_printf("it printed more than %" G_GSIZE_FORMAT " KiB", run->output_max >> 10);
        give_up(run, why);
        return G_SOURCE_REMOVE;
    }
    close_end(&run->fd);
    finish(run);
    return G_SOURCE_REMOVE;
}

static void has_ended(GPid pid, int status, void *data)
{
    ProgramRun *run = data;
    (void)pid;
    run->status = status;
    run->pid = 0;
    drop(&run->ended);
    finish(run);
}

static gboolean is_late(void *data)
{
    ProgramRun *run = data;
    g_autofree char *why = g_strdup_printf("it did not end within %u s: killed", run->limit_ms / 1000);
    give_up(run, why);
    return G_SOURCE_REMOVE;
}

static gboolean did_not_start(void *data)
{
    tell(data);
    return G_SOURCE_REMOVE;
}

static void watch(ProgramRun *run)
{
    run->readable = g_unix_fd_source_new(run->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(run->readable, G_SOURCE_FUNC(can_read), run, NULL);
    g_source_attach(run->readable, run->context);
    run->ended = g_child_watch_source_new(run->pid);
    g_source_set_callback(run->ended, G_SOURCE_FUNC(has_ended), run, NULL);
    g_source_attach(run->ended, run->context);
    run->late = g_timeout_source_new(run->limit_ms);
    g_source_set_callback(run->late, is_late, run, NULL);
    g_source_attach(run->late, run->context);
}

/* ---- start ---- */

/* A file in memory, so that nothing waits for who does not read. -1: errno says why. */
static int input_of(const char *text)
{
    int fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t len = text ? strlen(text) : 0, written = 0;
    while (fd >= 0 && written < len) {
        ssize_t got = write(fd, text + written, len - written);
        if (got < 0 && errno != EINTR)
            close_end(&fd);
        else if (got > 0)
            written += (size_t)got;
    }
    if (fd >= 0 && text)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* 0, or an errno. */
static int spawn(ProgramRun *run, const ProgramCall *call, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (call->is_apart)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, (short)((call->is_apart ? POSIX_SPAWN_SETPGROUP : 0) |
                                                  POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int fault = posix_spawnp(&run->pid, call->arguments[0], &actions, &attributes,
                             (char *const *)(uintptr_t)call->arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (fault)
        run->pid = 0;
    return fault;
}

/* 0, or an errno. */
static int begin(ProgramRun *run, const ProgramCall *call)
{
    int ends[2] = {-1, -1}, in = input_of(call->input), fault = 0;
    if (in < 0 || pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        fault = errno;
    else
        fault = spawn(run, call, in, ends[1]);
    close_end(&in);
    close_end(&ends[1]);
    run->fd = ends[0];
    return fault;
}

ProgramRun *program_run(GMainContext *context, const ProgramCall *call, ProgramDone done, void *data)
{
    ProgramRun *run = g_new0(ProgramRun, 1);
    *run = (ProgramRun){.context = context,
                        .limit_ms = call->limit_ms,
                        .output_max = call->output_max,
                        .is_apart = call->is_apart,
                        .fd = -1,
                        .output = g_string_new(NULL),
                        .done = done,
                        .data = data};
    int fault = begin(run, call);
    if (!fault) {
        watch(run);
        return run;
    }
    close_end(&run->fd);
    run->error =
        g_error_new(PROGRAM_ERROR, PROGRAM_ERROR_START, "%s: %s", call->arguments[0], g_strerror(fault));
    run->late = g_idle_source_new();
    g_source_set_callback(run->late, did_not_start, run, NULL);
    g_source_attach(run->late, run->context);
    return run;
}

void program_run_free(ProgramRun *run)
{
    if (!run)
        return;
    kill_it(run);
    drop_all(run);
    explicit_bzero(run->output->str, run->output->allocated_len);
    g_string_free(run->output, TRUE);
    g_clear_error(&run->error);
    g_free(run);
}

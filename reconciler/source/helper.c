/* helper.c: see helper.h. */
#include "reconciler/source/helper.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/source/source.h"

#define SAID_MAX ((size_t)64 << 10)

/* ulimit: RLIMIT_FSIZE cannot be set by posix_spawn. timeout: ends the program when nobody is left to do it.
 */
#define WRAPPER "ulimit -c 0; [ -z \"$1\" ] || ulimit -f \"$1\"; shift; exec timeout -s KILL \"$0\" \"$@\""

const HelperProcess helper_none = {.pidfd = -1, .out_fd = -1, .error_fd = -1};

static bool fail(GError **error, const char *what, int fault)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", what, g_strerror(fault));
    return false;
}

/* ---- starting ---- */

static char **arguments_of(const HelperCommand *command)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT ".%03d", command->timeout_ms / 1000 + 1,
                                               (int)(command->timeout_ms % 1000));
    const char *const fixed[] = {"sh", "-c", WRAPPER, seconds, command->max_512 ? command->max_512 : ""};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_strv_builder_add(arguments, fixed[i]);
    for (const char *const *word = command->arguments; *word; word++)
        g_strv_builder_add(arguments, *word);
    return g_strv_builder_end(arguments);
}

/* adddup2 clears FD_CLOEXEC, of a descriptor onto itself too. out: -1: nowhere. */
static void set_files(const HelperCommand *command, int out, int error, posix_spawn_file_actions_t *actions)
{
    if (command->input_fd >= 0)
        posix_spawn_file_actions_adddup2(actions, command->input_fd, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    else
        posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(actions, error, STDERR_FILENO);
    for (size_t i = 0; i < command->kept_len; i++)
        posix_spawn_file_actions_adddup2(actions, command->kept[i], command->kept[i]);
    if (command->directory)
        posix_spawn_file_actions_addchdir_np(actions, command->directory);
}

/* A group of its own, so that all that the program starts ends with it. */
static int spawn(const HelperCommand *command, int out, int error, pid_t *ret_pid)
{
    g_auto(GStrv) arguments = arguments_of(command);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    set_files(command, out, error, &actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int fault = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, arguments, command->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

/* Ours to read from, without blocking. False: errno says why. */
static bool open_pipe(int fds[2])
{
    return pipe2(fds, O_CLOEXEC) == 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void helper_close(HelperProcess *process)
{
    close_end(&process->pidfd);
    close_end(&process->out_fd);
    close_end(&process->error_fd);
}

int helper_reap(HelperProcess *process, bool is_killed)
{
    int status = 0;
    if (is_killed) {
        kill(-process->pid, SIGKILL);
        kill(process->pid, SIGKILL);
    }
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    process->pid = 0;
    return status;
}

int helper_begin(const HelperCommand *command, HelperProcess *ret_process)
{
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    bool is_piped = open_pipe(said) && (!command->keeps_output || open_pipe(out));
    *ret_process = helper_none;
    int fault = is_piped ? spawn(command, out[1], said[1], &ret_process->pid) : errno;
    close_end(&out[1]);
    close_end(&said[1]);
    ret_process->out_fd = out[0];
    ret_process->error_fd = said[0];
    if (fault == 0 && (ret_process->pidfd = (int)syscall(SYS_pidfd_open, ret_process->pid, 0)) < 0) {
        fault = errno;
        helper_reap(ret_process, true);
    }
    if (fault) {
        helper_close(ret_process);
        ret_process->pid = 0;
    }
    return fault;
}

/* ---- waiting ---- */

bool helper_hear(int fd, GString *text, size_t kept)
{
    char buffer[4096];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0;
        g_string_append_len(text, buffer, got);
        if (text->len > 2 * kept)
            g_string_erase(text, 0, (gssize)(text->len - kept));
    }
}

static HelperOutcome helper_wait(const HelperProcess *process, const HelperCommand *command,
                                 int64_t deadline_us, HelperEnd *end)
{
    struct pollfd fds[] = {{.fd = process->pidfd, .events = POLLIN},
                           {.fd = command->cancel_fd, .events = POLLIN},
                           {.fd = process->error_fd, .events = POLLIN},
                           {.fd = process->out_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0)
            return HELPER_TIMED_OUT;
        if (poll(fds, G_N_ELEMENTS(fds), (int)MIN(left_ms + 1, G_MAXINT)) < 0)
            continue;
        if (fds[2].revents && !helper_hear(fds[2].fd, end->error, SAID_MAX))
            fds[2].fd = -1;
        if (fds[3].revents && !helper_hear(fds[3].fd, end->out, SAID_MAX))
            fds[3].fd = -1;
        if (fds[0].revents)
            return HELPER_ENDED;
        if (fds[1].revents)
            return HELPER_CANCELLED;
    }
}

bool helper_run(const HelperCommand *command, HelperEnd *ret_end, GError **error)
{
    HelperProcess process;
    int64_t deadline_us = g_get_monotonic_time() + command->timeout_ms * 1000;
    int fault = helper_begin(command, &process);
    if (fault)
        return fail(error, command->arguments[0], fault);
    ret_end->out = g_string_new(NULL);
    ret_end->error = g_string_new(NULL);
    ret_end->outcome = helper_wait(&process, command, deadline_us, ret_end);
    ret_end->status = helper_reap(&process, ret_end->outcome != HELPER_ENDED);
    helper_hear(process.error_fd, ret_end->error, SAID_MAX);
    if (process.out_fd >= 0)
        helper_hear(process.out_fd, ret_end->out, SAID_MAX);
    helper_close(&process);
    return true;
}

void helper_end_clear(HelperEnd *end)
{
    if (end->out)
        g_string_free(end->out, TRUE);
    if (end->error)
        g_string_free(end->error, TRUE);
    *end = (HelperEnd){0};
}

bool helper_is_good(const HelperEnd *end)
{
    return end->outcome == HELPER_ENDED && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0;
}

bool helper_is_missing(const HelperEnd *end)
{
    return end->outcome == HELPER_ENDED && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 127;
}

int helper_file(const void *data, size_t len, GError **error)
{
    int fd = memfd_create("muster", MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < len;) {
        ssize_t put = write(fd, (const char *)data + at, len - at);
        int fault = put < 0 ? errno : 0;
        if (fault && fault != EINTR)
            close_end(&fd);
        else if (!fault)
            at += (size_t)put;
        errno = fault;
    }
    if (fd < 0)
        fail(error, "a file in memory", errno);
    else
        lseek(fd, 0, SEEK_SET);
    return fd;
}

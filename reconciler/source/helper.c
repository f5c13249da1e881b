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
#define WRAPPER "ulimit -c 0; ulimit -f \"$1\"; shift; exec timeout -s KILL \"$0\" \"$@\""

typedef struct {
    const HelperCommand *command;
    pid_t pid;
    int pidfd, out_fd, error_fd;
    int64_t deadline_us;
    HelperEnd *end;
} Helper;

static bool fail(GError **error, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", what, g_strerror(errno));
    return false;
}

/* ---- starting ---- */

static char **arguments_of(const HelperCommand *command)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT ".%03d", command->timeout_ms / 1000 + 1,
                                               (int)(command->timeout_ms % 1000));
    const char *const fixed[] = {"sh", "-c", WRAPPER, seconds,
                                 command->max_512 ? command->max_512 : "unlimited"};
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

static void helper_kill(const Helper *helper)
{
    kill(-helper->pid, SIGKILL);
    kill(helper->pid, SIGKILL);
}

static int reap(const Helper *helper)
{
    int status = 0;
    while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool helper_start(Helper *helper, GError **error)
{
    int out[2] = {-1, -1}, said[2] = {-1, -1};
    const char *program = helper->command->arguments[0];
    bool is_piped =
        pipe2(said, O_CLOEXEC) == 0 && (!helper->command->keeps_output || pipe2(out, O_CLOEXEC) == 0);
    if (!is_piped) {
        fail(error, program);
        close_both(said);
        return false;
    }
    errno = spawn(helper->command, out[1], said[1], &helper->pid);
    int fault = errno;
    close(said[1]);
    said[1] = -1;
    if (out[1] >= 0)
        close(out[1]);
    out[1] = -1;
    if (fault == 0 && (helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0)) < 0) {
        fault = errno;
        helper_kill(helper);
        reap(helper);
    }
    if (fault != 0) {
        errno = fault;
        fail(error, program);
        close_both(said);
        close_both(out);
        return false;
    }
    helper->error_fd = said[0];
    helper->out_fd = out[0];
    fcntl(said[0], F_SETFL, O_NONBLOCK);
    if (out[0] >= 0)
        fcntl(out[0], F_SETFL, O_NONBLOCK);
    return true;
}

/* ---- waiting ---- */

/* Keeps the end of it: the reason stands last. False at its end. */
static bool hear(int fd, GString *text)
{
    char buffer[4096];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0;
        g_string_append_len(text, buffer, got);
        if (text->len > 2 * SAID_MAX)
            g_string_erase(text, 0, (gssize)(text->len - SAID_MAX));
    }
}

static HelperOutcome helper_wait(Helper *helper)
{
    struct pollfd fds[] = {{.fd = helper->pidfd, .events = POLLIN},
                           {.fd = helper->command->cancel_fd, .events = POLLIN},
                           {.fd = helper->error_fd, .events = POLLIN},
                           {.fd = helper->out_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = (helper->deadline_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0)
            return HELPER_TIMED_OUT;
        if (poll(fds, G_N_ELEMENTS(fds), (int)MIN(left_ms + 1, G_MAXINT)) < 0)
            continue;
        if (fds[2].revents && !hear(fds[2].fd, helper->end->error))
            fds[2].fd = -1;
        if (fds[3].revents && !hear(fds[3].fd, helper->end->out))
            fds[3].fd = -1;
        if (fds[0].revents)
            return HELPER_ENDED;
        if (fds[1].revents)
            return HELPER_CANCELLED;
    }
}

bool helper_run(const HelperCommand *command, HelperEnd *ret_end, GError **error)
{
    Helper helper = {.command = command, .pidfd = -1, .out_fd = -1, .error_fd = -1, .end = ret_end};
    helper.deadline_us = g_get_monotonic_time() + command->timeout_ms * 1000;
    if (!helper_start(&helper, error))
        return false;
    ret_end->out = g_string_new(NULL);
    ret_end->error = g_string_new(NULL);
    ret_end->outcome = helper_wait(&helper);
    if (ret_end->outcome != HELPER_ENDED)
        helper_kill(&helper);
    ret_end->status = reap(&helper);
    hear(helper.error_fd, ret_end->error);
    if (helper.out_fd >= 0) {
        hear(helper.out_fd, ret_end->out);
        close(helper.out_fd);
    }
    close(helper.error_fd);
    close(helper.pidfd);
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
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            close(fd);
            fd = -1;
        } else {
            at += (size_t)put;
        }
    }
    if (fd < 0)
        fail(error, "a file in memory");
    else
        lseek(fd, 0, SEEK_SET);
    return fd;
}

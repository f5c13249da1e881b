/* courier_exec.c: one program, and what its end means. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/notify/courier_internal.h"

#define EXIT_NEVER   65 /* EX_DATAERR of sysexits.h */
#define REASON_SHOWN 200

/* timeout(1) ends it, and all that it started, when nobody is left here to do it. */
static char **arguments_of(const DestinationConfig *config)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT ".%03d", config->timeout_ms / 1000 + 1,
                                               (int)(config->timeout_ms % 1000));
    const char *const fixed[] = {"timeout", "-s", "KILL", seconds};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_strv_builder_add(arguments, fixed[i]);
    for (char **word = config->command; *word; word++)
        g_strv_builder_add(arguments, *word);
    return g_strv_builder_end(arguments);
}

static char **environment_of(const DestinationConfig *config, const Message *message)
{
    const char *home = g_getenv("HOME");
    char **environment = NULL;
    environment = g_environ_setenv(environment, "PATH",
                                   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    environment = g_environ_setenv(environment, "HOME", home ? home : "/", TRUE);
    environment = g_environ_setenv(environment, "LANG", "C.UTF-8", TRUE);
    environment = g_environ_setenv(environment, "MUSTER_EVENT_ID", message->id, TRUE);
    environment = g_environ_setenv(environment, "MUSTER_EVENT_TYPE", message->type, TRUE);
    return g_environ_setenv(environment, "MUSTER_DESTINATION", config->name, TRUE);
}

/* A file of its own holds what the program reads: it may read it late, in part, or not at all. */
static int input_of(const char *body)
{
    size_t len = strlen(body), at = 0;
    int fd = memfd_create("event", MFD_CLOEXEC);
    while (fd >= 0 && at < len) {
        ssize_t written = write(fd, body + at, len - at);
        if (written > 0) {
            at += (size_t)written;
        } else if (errno != EINTR) {
            close(fd);
            return -1;
        }
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static int spawn(const char *directory, int input, int said, char **arguments, char **environment,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int fault = posix_spawnp(ret_pid, "timeout", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

static int reap(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* False: what was begun is ended. */
static bool watch(Delivery *delivery)
{
    fcntl(delivery->said_fd, F_SETFL, O_NONBLOCK);
    delivery->pidfd = (int)syscall(SYS_pidfd_open, delivery->pid, 0);
    if (delivery->pidfd >= 0)
        return true;
    int fault = errno;
    kill(-delivery->pid, SIGKILL);
    reap(delivery->pid);
    delivery->pid = 0;
    errno = fault;
    return false;
}

bool exec_begin(Delivery *delivery, const char *directory, const DestinationConfig *config,
                const Message *message, char **ret_error)
{
    int said[2] = {-1, -1}, input = input_of(message->body), fault = 0;
    g_auto(GStrv) arguments = arguments_of(config);
    g_auto(GStrv) environment = environment_of(config, message);
    if (input < 0 || pipe2(said, O_CLOEXEC) != 0)
        fault = errno;
    else
        fault = spawn(directory, input, said[1], arguments, environment, &delivery->pid);
    if (input >= 0)
        close(input);
    if (said[1] >= 0)
        close(said[1]);
    delivery->said_fd = said[0];
    delivery->timeout_ms = config->timeout_ms;
    delivery->deadline_us = g_get_monotonic_time() + config->timeout_ms * 1000;
    if (fault)
        delivery->pid = 0;
    else if (!watch(delivery))
        fault = errno;
    if (fault)
        *ret_error = g_strdup_printf("%s cannot be started: %s", config->command[0], g_strerror(fault));
    return fault == 0;
}

/* The reason stands last. */
void exec_hear(Delivery *delivery)
{
    char buffer[4096];
    for (;;) {
        ssize_t got = read(delivery->said_fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0) {
                close(delivery->said_fd);
                delivery->said_fd = -1;
            }
            return;
        }
        g_string_append_len(delivery->answer, buffer, got);
        if (delivery->answer->len > 2 * ANSWER_KEPT)
            g_string_erase(delivery->answer, 0, (gssize)(delivery->answer->len - ANSWER_KEPT));
    }
}

/* Its last line. */
static char *said_text(const Delivery *delivery)
{
    g_autofree char *text = g_utf8_make_valid(delivery->answer->str, (gssize)delivery->answer->len);
    g_strchomp(text);
    char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    for (char *byte = line; *byte; byte++)
        if (g_ascii_iscntrl(*byte))
            *byte = ' ';
    if (g_utf8_strlen(line, -1) > REASON_SHOWN)
        *g_utf8_offset_to_pointer(line, REASON_SHOWN) = '\0';
    return g_strdup(line);
}

DeliveryOutcome exec_end(Delivery *delivery, bool is_late, char **ret_error)
{
    if (is_late)
        kill(-delivery->pid, SIGKILL);
    int status = reap(delivery->pid);
    if (delivery->said_fd >= 0)
        exec_hear(delivery);
    delivery->pid = 0;
    if (is_late) {
        g_autofree char *limit = g_strdup_printf("%" G_GINT64_FORMAT " ms", delivery->timeout_ms);
        *ret_error = g_strdup_printf("not done within %s: killed", limit);
        return DELIVERY_RETRY;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return DELIVERY_DONE;
    g_autofree char *said = said_text(delivery);
    *ret_error = WIFEXITED(status)
                     ? g_strdup_printf("exit status %d%s%s", WEXITSTATUS(status), *said ? ": " : "", said)
                     : g_strdup_printf("signal %d%s%s", WTERMSIG(status), *said ? ": " : "", said);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NEVER ? DELIVERY_GIVEN_UP : DELIVERY_RETRY;
}

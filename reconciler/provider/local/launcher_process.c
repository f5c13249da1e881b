#include "reconciler/provider/local/launcher_process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROC_PATH_MAX   64
#define ENVIRON_MAX     (8u << 20) /* the kernel allows 6 MiB of arguments and environment by default */
#define PROC_TEXT_CHUNK 4096u
#define EXEC_LOOK_NS    100000 /* between two looks at a process in the middle of an execve() */
#define EXEC_LOOKS      2000   /* with its program on a slow disk; a stuck one must not stop all */

/* A whole file of /proc, NUL-terminated; NULL when it cannot be read. The caller frees. */
static char *proc_read(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    WireBuffer text = {0};
    char chunk[PROC_TEXT_CHUNK];
    ssize_t n;
    while (text.len < ENVIRON_MAX && (n = read(fd, chunk, sizeof chunk)) > 0)
        wire_append(&text, chunk, (size_t)n);
    close(fd);
    wire_append(&text, "", 1);
    *ret_len = text.len - 1;
    return (char *)text.data;
}

/* True when a process that showed no environment may show one when it is asked again: it is in the middle of
 * an execve(), or has just come out of one (its old address space was what was asked). While the new one is
 * filled the kernel has no env_end for it; nor has a kernel thread or what is ending, ever (proc(5), fields
 * of stat). */
static bool environment_pending(pid_t pid)
{
    enum { FLAG_EXITING = 0x4, FLAG_KERNEL_THREAD = 0x200000 };
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    size_t len = 0;
    char *text = proc_read(path, &len), *rest = text ? strrchr(text, ')') : NULL, state = 'X';
    unsigned flags = 0;
    unsigned long from = 0, to = 0;
    bool told = rest && sscanf(rest,
                               ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                               "%*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %*u "
                               "%*u %*u %*u %*d %*u %*u %*u %*u %*u %lu %lu",
                               &state, &flags, &from, &to) == 4;
    free(text);
    return told && !strchr("ZX", state) && !(flags & (FLAG_EXITING | FLAG_KERNEL_THREAD)) &&
           (!to || to > from);
}

/* The environment of a process, with its length; NULL when it cannot be read. The caller frees. */
static char *process_environment(pid_t pid, size_t *ret_len)
{
    const struct timespec pause = {.tv_nsec = EXEC_LOOK_NS};
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    for (int looks = 1;; looks++) {
        char *text = proc_read(path, ret_len);
        if (!text || *ret_len || looks == EXEC_LOOKS || !environment_pending(pid))
            return text;
        free(text);
        nanosleep(&pause, NULL);
    }
}

bool process_token(pid_t pid, Token *ret_token)
{
    size_t len = 0;
    char *environment = process_environment(pid, &len);
    bool found = false;
    for (size_t at = 0; environment && at < len && !found; at += strlen(environment + at) + 1)
        found = strncmp(environment + at, LAUNCHER_TOKEN_ENV, strlen(LAUNCHER_TOKEN_ENV)) == 0 &&
                launch_token_parse(environment + at + strlen(LAUNCHER_TOKEN_ENV), ret_token);
    free(environment);
    return found;
}

bool process_in_cgroup(pid_t pid, const char *suffix)
{
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    size_t len = 0, suffix_len = strlen(suffix);
    char *text = proc_read(path, &len);
    bool found = false;
    for (char *line = text, *end; line && *line && !found; line = end + 1) {
        end = strchrnul(line, '\n');
        size_t line_len = (size_t)(end - line);
        found = line_len > suffix_len && end[-(ssize_t)suffix_len - 1] == '/' &&
                memcmp(end - suffix_len, suffix, suffix_len) == 0;
        if (!*end)
            break;
    }
    free(text);
    return found;
}

int process_kill(pid_t pid, ProcessMatch match, void *data)
{
    if (!match(pid, data)) /* cheap for the many that are not ours */
        return -1;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -1;
    if (match(pid, data) && syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
        return fd;
    close(fd);
    return -1;
}

size_t process_kill_all(ProcessMatch match, void *data, int **ret_fds)
{
    DIR *proc = opendir("/proc");
    size_t count = 0;
    int *fds = NULL;
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end || pid <= 1 || pid == getpid())
            continue;
        int fd = process_kill((pid_t)pid, match, data);
        if (fd < 0)
            continue;
        fds = reallocarray(fds, count + 1, sizeof *fds);
        if (!fds)
            abort();
        fds[count++] = fd;
    }
    if (proc)
        closedir(proc);
    if (ret_fds) {
        *ret_fds = fds;
        return count;
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    free(fds);
    return count;
}

size_t process_sweep(ProcessMatch match, void *data)
{
    size_t total = 0;
    /* A process can fork between two steps of one walk and hide its child behind it: hence a second look. */
    for (int clean = 0; clean < 2;) {
        int *fds = NULL;
        size_t count = process_kill_all(match, data, &fds);
        clean = count ? 0 : clean + 1;
        total += count;
        for (size_t i = 0; i < count; i++) {
            struct pollfd ended = {fds[i], POLLIN, 0};
            while (poll(&ended, 1, -1) < 0 && errno == EINTR)
                ;
            close(fds[i]);
        }
        free(fds);
    }
    return total;
}

bool process_each_child(void (*func)(pid_t pid, void *data), void *data)
{
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    size_t len = 0;
    char *text = proc_read(path, &len);
    if (!text)
        return false;
    for (char *at = text; isdigit((unsigned char)*at);) {
        func((pid_t)strtol(at, &at, 10), data);
        while (*at == ' ')
            at++;
    }
    free(text);
    return true;
}

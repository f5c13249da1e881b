/* launcher_main.c: the launcher of local jobs: a small process that owns them while reconcilers come and go.
 * Usage: muster-launcher LAUNCHER-DIR. Ends with 0 once its successor in the background listens, with
 * EX_TEMPFAIL when another launcher holds the directory, else with 1 and a line in LAUNCHER-DIR/log. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "reconciler/provider/local/launcher_jobs.h"

#define READ_CHUNK       (256u << 10)
#define OUT_HIGH_WATER   (4u << 20) /* above it nothing more is read from a reconciler that does not listen */
#define LAUNCHES_AT_ONCE 16         /* then ends are looked at, so that neither starves */
#define LINGER_MS        60000
#define LINGER_FIRST_MS  10000 /* at least, for the one that had us started */
#define LOG_MAX          (256 << 10)
#define NOTICE_MAX       512
#define TAG_SEED_BYTES   8

typedef struct {
    Jobs jobs;
    int dir_fd, epoll_fd, listen_fd, signal_fd, timer_fd;
    int client_fd;     /* -1: none */
    bool client_known; /* has said HELLO */
    bool client_ended; /* has hung up; what it sent before is still handled */
    WireBuffer in, out;
    uint32_t client_events;      /* what epoll is told */
    int64_t armed_ms;            /* what the timer is set to; INT64_MAX: nothing */
    int64_t linger_ms, leave_ms; /* leave_ms: when to go if nothing happens; INT64_MAX: not idle */
    char notice[NOTICE_MAX];
} Launcher;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool complain(const char *what)
{
    dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
    return false;
}

static int64_t linger_from_environment(void)
{
    const char *text = getenv("MUSTER_LAUNCHER_LINGER_MS");
    char *end;
    long long value = text ? strtoll(text, &end, 10) : -1;
    return text && *text && !*end && value >= 0 ? value : LINGER_MS;
}

/* ---- the connection ---- */

static void client_watch(Launcher *launcher, uint32_t events)
{
    if (launcher->client_events == events)
        return;
    struct epoll_event event = {.events = events, .data.fd = launcher->client_fd};
    epoll_ctl(launcher->epoll_fd, EPOLL_CTL_MOD, launcher->client_fd, &event);
    launcher->client_events = events;
}

static void client_drop(Launcher *launcher)
{
    if (launcher->client_fd >= 0)
        close(launcher->client_fd);
    launcher->client_fd = -1;
    launcher->client_known = launcher->client_ended = false;
    launcher->in.len = launcher->out.len = 0;
}

static void client_send(Launcher *launcher)
{
    size_t done = 0;
    while (done < launcher->out.len) {
        ssize_t n = send(launcher->client_fd, launcher->out.data + done, launcher->out.len - done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            client_drop(launcher);
            return;
        }
        if (n < 0)
            break;
        done += (size_t)n;
    }
    wire_consume(&launcher->out, done);
}

static void client_deny(Launcher *launcher, const char *reason)
{
    size_t mark = frame_begin(&launcher->out, FRAME_DENIED);
    wire_put_u64(&launcher->out, launcher->jobs.journal.term);
    wire_put_text(&launcher->out, reason);
    frame_end(&launcher->out, mark);
    client_send(launcher);
    client_drop(launcher);
}

static void handle_hello(Launcher *launcher, WireReader *body)
{
    Hello hello;
    if (launcher->client_known || !hello_read(body, &hello)) {
        client_drop(launcher);
        return;
    }
    if (hello.version != LAUNCHER_VERSION) {
        client_deny(launcher, "the running launcher speaks another protocol version");
        return;
    }
    if (hello.term < launcher->jobs.journal.term) {
        client_deny(launcher, "a reconciler of a later term has been here");
        return;
    }
    int error = journal_raise_term(&launcher->jobs.journal, hello.term);
    if (error) {
        client_deny(launcher, strerror(error));
        return;
    }
    launcher->client_known = true;
    Hello answer = {LAUNCHER_MAGIC, LAUNCHER_VERSION, hello.term, (uint32_t)getpid(), launcher->notice};
    hello_put(&launcher->out, &answer);
}

static bool handle_launch(Launcher *launcher, WireReader *body)
{
    LaunchOrder order;
    if (!launch_read(body, &order))
        return false;
    jobs_launch(&launcher->jobs, &order);
    launch_order_clear(&order);
    return true;
}

/* False: the peer does not speak our protocol. */
static bool handle_frame(Launcher *launcher, uint32_t type, WireReader *body)
{
    size_t len;
    if (type == FRAME_HELLO) {
        handle_hello(launcher, body);
        return true;
    }
    if (!launcher->client_known)
        return false;
    switch (type) {
    case FRAME_LAUNCH: return handle_launch(launcher, body);
    case FRAME_STOP: {
        Token token = wire_get_token(body);
        const char *reason = wire_get_text(body);
        if (!wire_get_done(body))
            return false;
        jobs_stop(&launcher->jobs, &token, reason);
        return true;
    }
    case FRAME_SETTLED:
        if (!tokens_read(body, &len))
            return false;
        jobs_settled(&launcher->jobs, body, len);
        return true;
    case FRAME_OBSERVE:
        if (!tokens_read(body, &len))
            return false;
        jobs_observe(&launcher->jobs, body, len);
        return true;
    default: return false;
    }
}

/* Handles what has arrived, up to a number of launches; true when frames are left for the next turn. */
static bool client_handle(Launcher *launcher)
{
    size_t at = 0, size = 0;
    unsigned launches = 0;
    FrameState state = FRAME_PARTIAL;
    bool sound = true;
    while (launcher->client_fd >= 0 && launches < LAUNCHES_AT_ONCE && launcher->out.len < OUT_HIGH_WATER) {
        uint32_t type;
        WireReader body;
        state = frame_parse(launcher->in.data + at, launcher->in.len - at, &type, &body, &size);
        if (state != FRAME_WHOLE || !(sound = handle_frame(launcher, type, &body)))
            break;
        launches += type == FRAME_LAUNCH;
        at += size;
    }
    if (launcher->client_fd < 0)
        return false;
    if (!sound || state == FRAME_TOO_LONG) {
        client_drop(launcher);
        return false;
    }
    wire_consume(&launcher->in, at);
    return state == FRAME_WHOLE && launcher->in.len;
}

static void client_read(Launcher *launcher)
{
    char chunk[READ_CHUNK];
    ssize_t n = recv(launcher->client_fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0)
        wire_append(&launcher->in, chunk, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        launcher->client_ended = true;
}

/* What it had sent is part of what happened before the newcomer's first question. */
static void client_finish(Launcher *launcher)
{
    size_t before;
    do {
        before = launcher->in.len;
        client_read(launcher);
    } while (!launcher->client_ended && launcher->in.len > before);
    while (client_handle(launcher))
        ;
    client_drop(launcher);
}

/* A newcomer replaces the one before: a reconciler that was killed may not have been seen to go. Whether its
 * term is good enough its HELLO will tell. */
static void client_accept(Launcher *launcher)
{
    int fd = accept4(launcher->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (launcher->client_fd >= 0)
        client_finish(launcher);
    launcher->client_fd = fd;
    launcher->linger_ms = linger_from_environment();
    launcher->client_events = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(launcher->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        client_drop(launcher);
}

/* ---- the loop ---- */

static void timer_arm(Launcher *launcher)
{
    bool idle = jobs_idle(&launcher->jobs) && launcher->client_fd < 0;
    if (!idle)
        launcher->leave_ms = INT64_MAX;
    else if (launcher->leave_ms == INT64_MAX)
        launcher->leave_ms = now_ms() + launcher->linger_ms;
    int64_t due = jobs_next_due(&launcher->jobs);
    due = due < launcher->leave_ms ? due : launcher->leave_ms;
    if (due == launcher->armed_ms)
        return;
    struct itimerspec when = {0};
    if (due != INT64_MAX) {
        when.it_value.tv_sec = (time_t)(due / 1000);
        when.it_value.tv_nsec = (long)(due % 1000) * 1000000 + 1; /* zero would disarm it */
    }
    timerfd_settime(launcher->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    launcher->armed_ms = due;
}

static void handle_event(Launcher *launcher, const struct epoll_event *event)
{
    struct signalfd_siginfo info;
    uint64_t expired;
    if (event->data.fd == launcher->signal_fd) {
        while (read(launcher->signal_fd, &info, sizeof info) > 0)
            ;
        jobs_reap(&launcher->jobs);
    } else if (event->data.fd == launcher->timer_fd) {
        if (read(launcher->timer_fd, &expired, sizeof expired) > 0)
            launcher->armed_ms = INT64_MAX;
        jobs_due(&launcher->jobs);
    } else if (event->data.fd == launcher->listen_fd) {
        client_accept(launcher);
    } else if (event->data.fd == launcher->client_fd && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        client_read(launcher);
    }
}

static void launcher_turn(Launcher *launcher, int timeout_ms)
{
    struct epoll_event events[8];
    int count = epoll_wait(launcher->epoll_fd, events, 8, timeout_ms);
    for (int i = 0; i < count; i++)
        handle_event(launcher, &events[i]);
}

static void launcher_run(Launcher *launcher)
{
    bool more = false;
    while (launcher->leave_ms == INT64_MAX || now_ms() < launcher->leave_ms) {
        launcher_turn(launcher, more ? 0 : -1);
        more = client_handle(launcher);
        if (launcher->client_ended && !more)
            client_drop(launcher);
        if (launcher->client_fd >= 0)
            client_send(launcher);
        else
            launcher->out.len = 0; /* nobody hears; a replay will repeat it */
        if (launcher->client_fd >= 0)
            client_watch(launcher, (launcher->out.len < OUT_HIGH_WATER && !more ? EPOLLIN : 0u) |
                                       (launcher->out.len ? EPOLLOUT : 0u));
        timer_arm(launcher);
    }
}

/* ---- beginning ---- */

/* Names what is ours in the cgroup tree: the directory and a number drawn for it, so that neither a copy of
 * the directory nor a recycled inode can claim another's. */
static bool tag_read(int dir_fd, char tag[CGROUP_TAG_MAX])
{
    uint8_t seed[TAG_SEED_BYTES];
    struct stat info;
    int fd = openat(dir_fd, "tag", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &info) < 0)
        return complain("tag");
    if (pread(fd, seed, sizeof seed, 0) != sizeof seed) {
        if (getrandom(seed, sizeof seed, 0) != sizeof seed || pwrite(fd, seed, sizeof seed, 0) != sizeof seed)
            return complain("tag");
    }
    uint64_t value, place[2] = {(uint64_t)info.st_dev, (uint64_t)info.st_ino};
    memcpy(&value, seed, sizeof value);
    close(fd);
    snprintf(tag, CGROUP_TAG_MAX, "%016" PRIx64 "%08" PRIx32, value, wire_checksum(place, sizeof place));
    return true;
}

/* EX_TEMPFAIL when another launcher is here; 0 when the lock is ours until we end. */
static int lock_take(int dir_fd)
{
    int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        bool held = fd >= 0 && (errno == EAGAIN || errno == EACCES);
        if (!held)
            complain("lock");
        return held ? EX_TEMPFAIL : EXIT_FAILURE;
    }
    if (ftruncate(fd, 0) == 0)
        dprintf(fd, "%d %lld\n", (int)getpid(), (long long)time(NULL));
    return 0;
}

/* Relative to the directory we stand in: a socket's path may have 107 bytes only. Listening comes before the
 * name, so whoever sees the name can connect. */
static bool socket_open(Launcher *launcher)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket.new"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(address.sun_path);
    mode_t mask = umask(0077);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    umask(mask);
    if (!bound || listen(fd, 8) < 0 || rename(address.sun_path, "socket") < 0)
        return complain("socket");
    launcher->listen_fd = fd;
    return true;
}

static bool watch(const Launcher *launcher, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return fd >= 0 && epoll_ctl(launcher->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool loop_open(Launcher *launcher)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    launcher->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    launcher->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    launcher->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    return launcher->epoll_fd >= 0 && watch(launcher, launcher->signal_fd) &&
                   watch(launcher, launcher->timer_fd) && watch(launcher, launcher->listen_fd)
               ? true
               : complain("epoll");
}

static uint64_t files_raise(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 1024;
    uint64_t soft = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return soft;
}

/* Whatever the reconciler had ignored or blocked is not for us nor for the jobs. */
static void signals_reset(void)
{
    sigset_t set;
    /* The system call itself: libc keeps 32 and 33 to itself, yet they are inherited ignored like all others.
     * All zero is SIG_DFL without flags, whatever the order of the kernel's fields. */
    static const uint64_t by_default[8];
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, (NSIG - 1) / 8);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

static bool log_open(int dir_fd)
{
    struct stat info;
    int fd = openat(dir_fd, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && info.st_size > LOG_MAX && ftruncate(fd, 0) < 0)
        complain("log");
    dup2(fd, STDERR_FILENO);
    close(fd);
    return true;
}

static CgroupMode cgroups_from_environment(void)
{
    const char *text = getenv("MUSTER_LAUNCHER_CGROUPS");
    return text && strcmp(text, "none") == 0 ? CGROUPS_NONE : CGROUPS_AUTO;
}

static int launcher_open(Launcher *launcher)
{
    char tag[CGROUP_TAG_MAX];
    int status = lock_take(launcher->dir_fd);
    if (status)
        return status;
    if (!tag_read(launcher->dir_fd, tag))
        return EXIT_FAILURE;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int error = jobs_init(&launcher->jobs, launcher->dir_fd, tag, cgroups_from_environment(), files_raise(),
                          &launcher->out);
    if (error) {
        errno = error;
        complain("journal");
        return EXIT_FAILURE;
    }
    cgroup_pool_notice(&launcher->jobs.pool, launcher->notice, sizeof launcher->notice);
    return socket_open(launcher) && loop_open(launcher) ? 0 : EXIT_FAILURE;
}

/* In the background process; tells the one in front how opening went, through the pipe. */
static int launcher_main(int dir_fd, int status_fd)
{
    Launcher *launcher = calloc(1, sizeof *launcher);
    if (!launcher)
        abort();
    launcher->dir_fd = dir_fd;
    launcher->client_fd = launcher->listen_fd = -1;
    launcher->armed_ms = launcher->leave_ms = INT64_MAX;
    launcher->linger_ms = linger_from_environment();
    if (launcher->linger_ms < LINGER_FIRST_MS)
        launcher->linger_ms = LINGER_FIRST_MS;
    uint8_t status = (uint8_t)launcher_open(launcher);
    timer_arm(launcher);
    if (write(status_fd, &status, 1) < 0)
        complain("status");
    close(status_fd);
    if (status) { /* most often: another launcher serves here already; what it holds is the process's to give
                     back */
        free(launcher);
        return status;
    }
    launcher_run(launcher);
    unlink("socket"); /* whoever connected a moment ago sees the end and starts another */
    client_drop(launcher);
    jobs_clear(&launcher->jobs);
    wire_clear(&launcher->in);
    wire_clear(&launcher->out);
    free(launcher);
    return 0;
}

int main(int argc, char **argv)
{
    int pipe_fds[2];
    int dir_fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir_fd < 0 || fchdir(dir_fd) < 0 || !log_open(dir_fd) || pipe2(pipe_fds, O_CLOEXEC) < 0)
        return EXIT_FAILURE;
    umask(022);
    signals_reset();
    setsid(); /* fails when the reconciler has seen to it */
    pid_t pid = fork();
    if (pid < 0)
        return EXIT_FAILURE;
    if (pid == 0) {
        close(pipe_fds[0]);
        return launcher_main(dir_fd, pipe_fds[1]);
    }
    close(pipe_fds[1]);
    uint8_t status = EXIT_FAILURE;
    if (read(pipe_fds[0], &status, 1) != 1)
        status = EXIT_FAILURE;
    return status;
}

/* docker_follow.c: what a container prints comes over one call that lasts as long as it runs, into the file
 * of its attempt. What is in the file already is passed over when it begins anew, so nothing is in it twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/provider/docker/docker_internal.h"

#define FOLLOWED_MAX 2000
#define FDS_KEPT     256 /* of the process, for everything else */
#define EARLY_MS     1000
#define AGAIN_MS     1000

struct DockerFollow {
    DockerPiece *piece;
    uint64_t call;
    int fd;
    bool is_followed, is_done, is_checked;
    uint64_t skip;   /* bytes that are in the file */
    int64_t done_ms; /* monotonic */
    DockerFrames frames;
};

static int open_file(const char *path, uint64_t *ret_len)
{
    struct stat found;
    g_autofree char *dir = g_path_get_dirname(path);
    if (g_mkdir_with_parents(dir, 0700) != 0)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    *ret_len = fd >= 0 && fstat(fd, &found) == 0 ? (uint64_t)found.st_size : 0;
    return fd;
}

/* Each is a connection and a file. */
static int followed_max(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t max = limit.rlim_cur > FDS_KEPT ? (limit.rlim_cur - FDS_KEPT) / 2 : 1;
    return (int)MIN(max, FOLLOWED_MAX);
}

static void close_file(DockerFollow *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

static void write_out(View text, void *data)
{
    DockerFollow *log = data;
    size_t skip = (size_t)MIN(log->skip, (uint64_t)text.len);
    log->skip -= skip;
    text = (View){text.data + skip, text.len - skip};
    while (text.len > 0 && log->fd >= 0) {
        ssize_t len = write(log->fd, text.data, text.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0) { /* a full disk: what comes is lost, the job goes on */
            docker_note(log->piece->task->provider, "the log of job %s cannot be written: %s",
                        log->piece->task->job_id, g_strerror(errno));
            close_file(log);
            return;
        }
        text = (View){text.data + len, text.len - (size_t)len};
    }
}

static bool take_piece(View bytes, void *data)
{
    DockerFollow *log = data;
    return docker_frames_take(&log->frames, bytes, write_out, log);
}

static void over(DockerFollow *log)
{
    DockerProvider *provider = log->piece->task->provider;
    provider->followed -= log->is_followed;
    log->is_followed = false;
    log->call = 0;
    close_file(log);
}

/* Of another driver the engine says that it cannot read what it wrote. */
static void take_end(const DockerAnswer *answer, void *data)
{
    DockerFollow *log = data;
    DockerTask *task = log->piece->task;
    if (answer->error && answer->status != 0 && answer->status != 404) {
        g_autofree char *note =
            g_strdup_printf("muster: what this container prints is not here: %s\n", answer->error);
        log->skip = log->skip > 0 ? strlen(note) : 0;
        write_out(view_from(note), log);
    }
    over(log);
    log->is_done = answer->status != 0;
    log->done_ms = docker_monotonic_ms(task->provider);
    docker_task_step(task);
}

static void ask(DockerFollow *log, bool follows)
{
    const DockerPiece *piece = log->piece;
    g_autofree char *url =
        g_strdup_printf("/containers/%s/logs?stdout=1&stderr=1%s", piece->id, follows ? "&follow=1" : "");
    const DockerCall call = {.method = "GET", .path = url, .turn = DOCKER_TURN_FIRST, .take = take_piece};
    log->fd = open_file(piece->log_path, &log->skip);
    log->frames = (DockerFrames){0};
    log->is_followed = true;
    log->is_done = false;
    piece->task->provider->followed++;
    log->call = docker_engine_call(piece->task->provider->engine, &call, take_end, log);
}

static DockerFollow *log_of(DockerPiece *piece)
{
    if (!piece->log) {
        piece->log = g_new0(DockerFollow, 1);
        piece->log->piece = piece;
        piece->log->fd = -1;
    }
    return piece->log;
}

void docker_follow_begin(DockerPiece *piece)
{
    DockerProvider *provider = piece->task->provider;
    DockerFollow *log = log_of(piece);
    if (log->call || log->is_done || provider->followed >= followed_max())
        return;
    if (log->done_ms && docker_monotonic_ms(provider) < log->done_ms + AGAIN_MS)
        docker_task_step_at(piece->task, log->done_ms + AGAIN_MS); /* it broke off just now */
    else
        ask(log, true);
}

/* A call that had ended a good while before the container did has missed something. */
void docker_follow_finish(DockerPiece *piece)
{
    DockerFollow *log = log_of(piece);
    if (log->call)
        return;
    bool is_early = log->is_done && !log->is_checked &&
                    docker_monotonic_ms(piece->task->provider) - log->done_ms > EARLY_MS;
    log->is_checked = true;
    if (!log->is_done || is_early)
        ask(log, false);
}

bool docker_follow_is_done(const DockerFollow *log)
{
    return log && log->is_done;
}

void docker_follow_free(DockerFollow *log)
{
    if (!log)
        return;
    if (log->call) {
        docker_engine_cancel(log->piece->task->provider->engine, log->call);
        over(log);
    }
    close_file(log);
    g_free(log);
}

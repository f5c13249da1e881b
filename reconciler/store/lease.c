#include "reconciler/store/lease.h"
#include "reconciler/store/network_fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(muster - lease - error, lease_error)

#define LEASE_FILE     "lease"
#define LEASE_TEXT_MAX 512

struct Lease {
    int fd; /* the lock lives with this open file description */
};

/* The whole file. An open-file-description lock belongs to the descriptor, not the process: another open and
 * close of the file here does not drop it, as a classic record lock would. */
static bool lock(int fd)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

static bool is_locked(int fd)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

/* The line that the holder wrote; the holder is unknown for the moment between its lock and its write. New
 * string. */
static char *read_holder(int fd)
{
    char text[LEASE_TEXT_MAX + 1];
    ssize_t len = pread(fd, text, LEASE_TEXT_MAX, 0);
    char *end = len > 0 ? memchr(text, '\n', (size_t)len) : NULL;
    if (!end)
        return g_strdup("another process that has just started");
    g_autofree char *line = g_strndup(text, (gsize)(end - text));
    return g_utf8_make_valid(line, -1);
}

static bool write_holder(int fd, const char *command)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *since = g_date_time_format(now, "%H:%M:%S");
    g_autofree char *text = g_strdup_printf("pid %d (muster %s) on %s since %s\n", (int)getpid(), command,
                                            g_get_host_name(), since);
    size_t len = strlen(text);
    return len <= LEASE_TEXT_MAX && ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len;
}

static void fail(const char *state_dir, const char *doing, int number, GError **error)
{
    g_set_error(error, LEASE_ERROR, LEASE_ERROR_FAILED, "state directory %s: %s: %s", state_dir, doing,
                g_strerror(number));
}

static int open_lease(const char *state_dir, GError **error)
{
    if (g_mkdir_with_parents(state_dir, 0700) != 0) {
        fail(state_dir, "cannot be made", errno, error);
        return -1;
    }
    const char *network = network_fs_name(state_dir);
    if (network) {
        g_set_error(error, LEASE_ERROR, LEASE_ERROR_FAILED,
                    "state directory %s is on a network file system (%s), whose locks do not hold; choose a "
                    "local one "
                    "with --state DIR or $MUSTER_STATE",
                    state_dir, network);
        return -1;
    }
    g_autofree char *path = g_build_filename(state_dir, LEASE_FILE, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        fail(state_dir, "lease", errno, error);
    return fd;
}

Lease *lease_take(const char *state_dir, const char *command, GError **error)
{
    int fd = open_lease(state_dir, error);
    if (fd < 0)
        return NULL;
    if (!lock(fd)) {
        int number = errno;
        if (number == EAGAIN || number == EACCES) {
            g_autofree char *holder = read_holder(fd);
            g_set_error(error, LEASE_ERROR, LEASE_ERROR_HELD, "state directory %s is in use by %s", state_dir,
                        holder);
        } else {
            fail(state_dir, "lease", number, error);
        }
        close(fd);
        return NULL;
    }
    /* A full disk must not keep a reconciler from starting to free it: the lock holds without the text. */
    bool is_named = write_holder(fd, command);
    (void)is_named;
    Lease *lease = g_new0(Lease, 1);
    lease->fd = fd;
    return lease;
}

void lease_release(Lease *lease)
{
    if (!lease)
        return;
    (void)close(
        lease->fd); /* and the lock with it; the file stays: removing it would let two lock different files */
    g_free(lease);
}

char *lease_holder(const char *state_dir)
{
    g_autofree char *path = g_build_filename(state_dir, LEASE_FILE, NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    char *holder = is_locked(fd) ? read_holder(fd) : NULL;
    close(fd);
    return holder;
}

/* backup_send.c: see backup_send.h. */
#include "reconciler/backup_send.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>
#include "reconciler/object_store.h"

/* Opened, and without a name from then on. Beside the state, where there is room for another one, if
 * anywhere. -1 with error. */
static int write_nameless(const char *state_dir, BackupInfo *ret_info, GError **error)
{
    g_autofree char *name = g_strdup_printf("backup.sending.%d", (int)getpid());
    g_autofree char *path = g_build_filename(state_dir, name, NULL);
    if (!backup_write(state_dir, path, true, ret_info, error))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), number = errno;
    g_unlink(path);
    if (fd < 0)
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(number), "%s: %s", path,
                    g_strerror(number));
    return fd;
}

bool backup_send(const char *state_dir, const char *place, bool replaces, BackupInfo *ret_info,
                 GError **error)
{
    if (!backup_is_far(place))
        return backup_write(state_dir, place, replaces, ret_info, error);
    int fd = write_nameless(state_dir, ret_info, error);
    if (fd < 0)
        return false;
    bool is_sent = object_put(place, fd, error);
    close(fd);
    return is_sent;
}

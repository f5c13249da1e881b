#include "reconciler/source/own_file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/source/scan.h"

static bool fail(GError **error, const char *file, const char *what)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", file, what);
    return false;
}

bool own_file_read(const char *path, bool must_exist, const char *why, char **ret_text, size_t *ret_len,
                   GError **error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && !must_exist)
        return true;
    if (fd < 0)
        return fail(error, path, g_strerror(errno));
    bool is_good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (!is_good) {
        fail(error, path, "not a regular file");
    } else if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        g_autofree char *what = g_strdup_printf("others may write it, and %s; chmod go-w it", why);
        is_good = fail(error, path, what);
    } else {
        *ret_text = scan_read_all(fd, path, OWN_FILE_MAX, ret_len, error);
        is_good = *ret_text != NULL;
    }
    close(fd);
    return is_good;
}

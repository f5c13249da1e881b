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

bool own_file_read(const OwnFile *file, char **ret_text, size_t *ret_len, GError **error)
{
    struct stat status;
    const char *name = file->name ? file->name : file->path;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && !file->must_exist)
        return true;
    if (fd < 0)
        return fail(error, name, g_strerror(errno));
    bool is_good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (!is_good) {
        fail(error, name, "not a regular file");
    } else if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        g_autofree char *what = g_strdup_printf("others may write it, and %s; chmod go-w it", file->why);
        is_good = fail(error, name, what);
    } else {
        *ret_text = scan_read_all(fd, name, file->max ? file->max : OWN_FILE_MAX, ret_len, error);
        is_good = *ret_text != NULL;
    }
    close(fd);
    return is_good;
}

void own_file_broken(DiagnosticList *diagnostics, const char *what, GError **error)
{
    g_autoptr(GString) faults = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, faults);
    g_strchomp(faults->str);
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s cannot be read:\n%s", what, faults->str);
}

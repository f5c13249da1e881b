/* layers_directory.c: bases as directories of the file system. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "reconciler/source/layers.h"
#include "reconciler/source/scan.h"

static bool fail_as(GError **error, const char *what)
{
    g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, what);
    return false;
}

/* Where a link is on the way, `..` leads elsewhere than the names say: then the real path is shown. */
static char *shown_of(const SourceBase *from, const char *base, const char *path)
{
    g_autofree char *joined = layers_join(from->shown, base);
    char *real = realpath(*joined ? joined : ".", NULL);
    bool same = real && strcmp(real, path) == 0;
    free(real);
    return same ? g_steal_pointer(&joined) : g_strconcat(path, "/", NULL);
}

static bool directory_locate(void *self, const SourceBase *from, const char *base, SourceBase *ret_base,
                             GError **error)
{
    (void)self;
    g_autofree char *joined = g_build_filename(from->path, base, NULL);
    struct stat status;
    char *real = realpath(joined, NULL);
    if (!real)
        return fail_as(error, g_strerror(errno));
    bool is_directory = stat(real, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_directory) {
        ret_base->path = g_strdup(real);
        ret_base->shown = shown_of(from, base, real);
    }
    free(real);
    return is_directory || fail_as(error, "not a directory");
}

static bool directory_read(void *self, const SourceBase *base, char **ret_text, size_t *ret_len,
                           GError **error)
{
    (void)self;
    struct stat status;
    int root = open(base->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail_as(error, g_strerror(errno));
    if (fstatat(root, SCAN_CONFIG_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
        close(root);
        return true;
    }
    int fd = scan_open(root, SCAN_CONFIG_NAME, &status, error);
    if (fd >= 0) {
        *ret_text = scan_read_all(fd, SCAN_CONFIG_NAME, document_limits_default.file_bytes, ret_len, error);
        close(fd);
    }
    close(root);
    return *ret_text != NULL;
}

GPtrArray *layers_of_directory(const char *root, const char *prefix, SourceConfig *config,
                               DiagnosticList *diagnostics, GError **error)
{
    static const LayersPort port = {NULL, directory_locate, directory_read};
    char *real = config && config->bases ? realpath(root, NULL) : NULL;
    if (config && config->bases && !real) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s", root, g_strerror(errno));
        return NULL;
    }
    SourceBase source = {real, (char *)(uintptr_t)prefix, NULL};
    GPtrArray *bases = layers_resolve(&port, &source, config, diagnostics, error);
    free(real);
    return bases;
}

#include "reconciler/provider/local/launcher_workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SPARE "spare"
#define MODE  0755

/* ---- making ---- */

/* The directory that path is in. 0 or an errno. */
static int parent_make(const char *path)
{
    char parent[PATH_MAX];
    if ((size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent)
        return ENAMETOOLONG;
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return ENOENT;
    *slash = '\0';
    return directory_make(parent);
}

int directory_make(const char *path)
{
    if (mkdir(path, MODE) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return errno;
    int error = parent_make(path);
    if (error)
        return error;
    return mkdir(path, MODE) < 0 && errno != EEXIST ? errno : 0;
}

static void name_of(unsigned number, char ret_name[16])
{
    snprintf(ret_name, 16, "%u", number);
}

/* False: it could not be moved there, or there is something already; the spare one stays one. */
static bool spare_move(WorkDirs *dirs, unsigned number, const char *path)
{
    char name[16];
    name_of(number, name);
    if (renameat2(dirs->fd, name, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    return errno == ENOENT && parent_make(path) == 0 &&
           renameat2(dirs->fd, name, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
}

int workdir_make(WorkDirs *dirs, const char *path)
{
    if (dirs->len > 0 && spare_move(dirs, dirs->free[dirs->len - 1], path)) {
        dirs->len--;
        return 0;
    }
    return directory_make(path);
}

/* ---- giving back ---- */

static bool is_empty(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!dir) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    bool empty = true;
    errno = 0;
    for (const struct dirent *entry; empty && (entry = readdir(dir));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    empty = empty && errno == 0;
    closedir(dir);
    return empty;
}

/* As directory_make() leaves one, whatever the umask is. */
static bool is_as_made(const WorkDirs *dirs, int fd)
{
    struct stat info, model;
    return fstat(fd, &info) == 0 && fstat(dirs->fd, &model) == 0 && info.st_uid == model.st_uid &&
           info.st_gid == model.st_gid && info.st_mode == model.st_mode && info.st_nlink <= 2 &&
           flistxattr(fd, NULL, 0) <= 0 && is_empty(fd);
}

static bool spare_keep(WorkDirs *dirs, const char *path)
{
    char name[16];
    if (dirs->fd < 0 || dirs->len == SPARE_MAX)
        return false;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool fit = fd >= 0 && is_as_made(dirs, fd);
    if (fd >= 0)
        close(fd);
    name_of(dirs->next, name);
    if (!fit || renameat(AT_FDCWD, path, dirs->fd, name) < 0)
        return false;
    dirs->free[dirs->len++] = dirs->next++;
    return true;
}

void workdir_release(WorkDirs *dirs, const char *path)
{
    if (!spare_keep(dirs, path))
        (void)rmdir(path); /* ENOTEMPTY: what the job left stays */
}

/* ---- life ---- */

static void spares_remove(int spare_fd)
{
    int copy = fcntl(spare_fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!dir) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(spare_fd, entry->d_name, AT_REMOVEDIR);
    closedir(dir);
}

void workdirs_init(WorkDirs *dirs, int dir_fd)
{
    *dirs = (WorkDirs){.fd = -1};
    if (mkdirat(dir_fd, SPARE, MODE) < 0 && errno != EEXIST)
        return;
    dirs->fd = openat(dir_fd, SPARE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dirs->fd >= 0)
        spares_remove(dirs->fd);
}

void workdirs_clear(WorkDirs *dirs)
{
    if (dirs->fd < 0)
        return;
    spares_remove(dirs->fd);
    close(dirs->fd);
    dirs->fd = -1;
    dirs->len = 0;
}

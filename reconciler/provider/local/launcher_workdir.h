/* launcher_workdir.h: the directories that jobs begin in, made, and used again when a job left its own as it
 * was. Owns:   a few empty directories, under `spare/` in the launcher's. Calls:  libc. Holds:  what a job
 * left stays where it is. A directory goes to another job only when it is the launcher's own, empty, and as
 * it was made, and no process of the job is left that could stand in it. File systems reuse the inode of a
 * directory that was removed late (ext4: after minutes) and look at each such one when they make a new one:
 * at hundreds of jobs a second that was half of what starting a job cost. */
#pragma once
#include <stddef.h>

#define SPARE_MAX 32

typedef struct {
    int fd;                   /* of spare/; -1: none are kept */
    unsigned free[SPARE_MAX]; /* names of those that are there, as numbers */
    size_t len;
    unsigned next; /* the name of the next one */
} WorkDirs;

/* dir_fd: the launcher's directory. Removes what an earlier launcher kept. */
void workdirs_init(WorkDirs *dirs, int dir_fd);
/* Removes those that are there. */
void workdirs_clear(WorkDirs *dirs);
/* An absolute path that begins to be a directory, its parents too. 0 or an errno; one that is there is no
 * error. */
int workdir_make(WorkDirs *dirs, const char *path);
/* The job that began in it has ended with all its processes. */
void workdir_release(WorkDirs *dirs, const char *path);
/* mkdir -p. 0 or an errno. */
int directory_make(const char *path);

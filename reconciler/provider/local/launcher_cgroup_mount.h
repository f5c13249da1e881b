/* launcher_cgroup_mount.h: the cgroup hierarchies as the kernel shows them, and the small files in them.
 * Private to launcher_cgroup*.c. Calls:  libc. */
#pragma once
#include "reconciler/provider/local/launcher_cgroup.h"

#define CGROUP_DIR_PREFIX    "muster-"
#define CGROUP_LINE_MAX      4096
#define CGROUP_SLOT_NAME_MAX (CGROUP_TAG_MAX + 32)
#define CGROUP_MOUNTS_MAX    16

typedef struct {
    bool v2;
    char controllers[128]; /* v1: as in /proc/self/cgroup, e.g. "cpu,cpuacct" */
    char mount[CGROUP_PATH_MAX], root[CGROUP_PATH_MAX];
    char own[CGROUP_PATH_MAX]; /* directory of this process's cgroup */
} CgroupMount;

/* Those that are mounted and hold a controller that is used here, with the directory of this process. */
size_t cgroup_mounts_find(CgroupMount mounts[CGROUP_MOUNTS_MAX]);
/* Whether a list such as "cpu,cpuacct" has the word. */
bool cgroup_list_has(const char *list, const char *word);

/* 0 or an errno. */
int cgroup_file_write(const char *dir, const char *name, const char *text);
/* Whether the first line has the word, between blanks. */
bool cgroup_file_has_word(const char *dir, const char *name, const char *word);
/* -1: it cannot be opened. */
int cgroup_file_open(const char *dir, const char *name, int flags);

/* launcher_cgroup_slot.c: the slot's directory in one of the pool's hierarchies; the end of its descriptors.
 */
void cgroup_slot_dir(const CgroupPool *pool, const CgroupSlot *slot, size_t hierarchy, char *path,
                     size_t size);
void cgroup_slot_close(CgroupSlot *slot);

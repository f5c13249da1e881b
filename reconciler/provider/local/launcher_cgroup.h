/* launcher_cgroup.h: slots, each a cgroup in every hierarchy that is used, reused from attempt to attempt.
 * Owns:   the directories muster-TAG in the hierarchies it chose, and what is below them; nothing else is
 * written to but the subtree_control of the directory above them (invariant 5). Calls:  launcher_process.h,
 * libc. Holds:  chosen per controller: memory and cpu each from v2 where its controller reaches our
 * directory, else v1, else none. One hierarchy, v2 before v1, tells which processes belong to an attempt. A
 * job writes itself into its slot's cgroup.procs before exec, so nothing of it is ever outside. */
#pragma once
#include "reconciler/provider/local/launcher_protocol.h"

#define CGROUP_HIERARCHIES_MAX 4
#define CGROUP_TAG_MAX         40
#define CGROUP_PATH_MAX        512

typedef enum { CGROUPS_AUTO, CGROUPS_NONE } CgroupMode;

typedef struct {
    bool v2, memory, cpu, member;
    char dir[CGROUP_PATH_MAX]; /* our own directory: …/muster-TAG */
} CgroupHierarchy;

typedef struct CgroupSlot {
    int index;
    int procs_fds[CGROUP_HIERARCHIES_MAX]; /* of the pool's hierarchies, in their order */
    int events_fd, oom_fd;        /* v2 cgroup.events; memory.events or memory.oom_control; -1: none */
    int64_t memory_mib, vcpus_e4; /* limits as they were last written; -1: never */
    uint64_t oom_kills;           /* as last read */
    struct CgroupSlot *next_free;
} CgroupSlot;

typedef struct {
    char tag[CGROUP_TAG_MAX];
    CgroupHierarchy hierarchies[CGROUP_HIERARCHIES_MAX];
    size_t hierarchies_len;
    CgroupSlot *free_slots;
    int slots_len;
} CgroupPool;

/* Finds what is usable without changing anything: for plan. The sentence goes to notice. */
void cgroup_probe(char *notice, size_t notice_size);
/* The least memory limit that this process's cgroups and those above them set; INT64_MAX: none. */
int64_t cgroup_memory_limit_mib(void);
/* Chooses hierarchies, makes our directories, tries them with a child, moves this process into its own
 * cgroup. */
void cgroup_pool_init(CgroupPool *pool, const char *tag, CgroupMode mode);
/* Kills whatever stands below a directory muster-TAG anywhere in the mounted hierarchies and removes these
 * directories: leftovers of a launcher that died. Returns how many processes were killed. */
size_t cgroup_sweep(const char *tag);
/* Removes the slots and our directories; slots in use stay. */
void cgroup_pool_clear(CgroupPool *pool);
void cgroup_pool_notice(const CgroupPool *pool, char *notice, size_t notice_size);
bool cgroup_pool_has_members(const CgroupPool *pool);

/* A slot with these limits (0 MiB: none), or NULL with errno. Without hierarchies slots are empty shells. */
CgroupSlot *cgroup_slot_take(CgroupPool *pool, int64_t memory_mib, int64_t vcpus_e4);
/* The slot must be empty of processes. */
void cgroup_slot_give(CgroupPool *pool, CgroupSlot *slot);
/* False when a process is, or may be, in it. Only with cgroup_pool_has_members(). */
bool cgroup_slot_empty(const CgroupPool *pool, const CgroupSlot *slot);
/* SIGKILL to all in it, once; repeat until empty. */
void cgroup_slot_kill(const CgroupPool *pool, const CgroupSlot *slot);
/* True when the kernel killed something in the slot for memory since the last call. */
bool cgroup_slot_oom(CgroupSlot *slot);
/* In the vfork child: enters the slot. Only write(2). Returns 0 or an errno. */
int cgroup_slot_enter(const CgroupPool *pool, const CgroupSlot *slot);

/* Slots of launcher_cgroup.h: one attempt each, its limits and its processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/provider/local/launcher_cgroup_mount.h"
#include "reconciler/provider/local/launcher_process.h"

#define SHARES_PER_VCPU  1024
#define VCPUS_E4_PER_ONE 10000

void cgroup_slot_dir(const CgroupPool *pool, const CgroupSlot *slot, size_t hierarchy, char *path,
                     size_t size)
{
    snprintf(path, size, "%s/%d", pool->hierarchies[hierarchy].dir, slot->index);
}

void cgroup_slot_close(CgroupSlot *slot)
{
    for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        if (slot->procs_fds[i] >= 0)
            close(slot->procs_fds[i]);
    if (slot->events_fd >= 0)
        close(slot->events_fd);
    if (slot->oom_fd >= 0)
        close(slot->oom_fd);
    free(slot);
}

static int slot_open(const CgroupPool *pool, CgroupSlot *slot)
{
    char dir[CGROUP_PATH_MAX + 16];
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        const CgroupHierarchy *hierarchy = &pool->hierarchies[i];
        cgroup_slot_dir(pool, slot, i, dir, sizeof dir);
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return errno;
        slot->procs_fds[i] = cgroup_file_open(dir, "cgroup.procs", O_RDWR);
        if (slot->procs_fds[i] < 0)
            return errno;
        if (hierarchy->v2 && hierarchy->member)
            slot->events_fd = cgroup_file_open(dir, "cgroup.events", O_RDONLY);
        if (hierarchy->memory)
            slot->oom_fd =
                cgroup_file_open(dir, hierarchy->v2 ? "memory.events" : "memory.oom_control", O_RDONLY);
    }
    cgroup_slot_oom(slot); /* a directory left behind may have counted before */
    return 0;
}

static CgroupSlot *slot_new(CgroupPool *pool)
{
    CgroupSlot *slot = calloc(1, sizeof *slot);
    if (!slot)
        abort();
    slot->index = pool->slots_len;
    slot->memory_mib = slot->vcpus_e4 = -1;
    slot->events_fd = slot->oom_fd = -1;
    for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        slot->procs_fds[i] = -1;
    int error = slot_open(pool, slot);
    if (error) {
        cgroup_slot_close(slot);
        errno = error;
        return NULL;
    }
    pool->slots_len++;
    return slot;
}

/* memory and swap together; when raising, the outer limit goes first. */
static int memory_limit_write(const char *dir, bool v2, int64_t memory_mib, bool raise)
{
    char text[32];
    if (v2) {
        snprintf(text, sizeof text, memory_mib ? "%lld" : "max", (long long)memory_mib << 20);
        cgroup_file_write(dir, "memory.swap.max",
                          memory_mib ? "0" : "max"); /* absent without swap accounting */
        return cgroup_file_write(dir, "memory.max", text);
    }
    snprintf(text, sizeof text, "%lld", memory_mib ? (long long)memory_mib << 20 : -1LL);
    if (raise)
        cgroup_file_write(dir, "memory.memsw.limit_in_bytes", text);
    int error = cgroup_file_write(dir, "memory.limit_in_bytes", text);
    if (!raise)
        cgroup_file_write(dir, "memory.memsw.limit_in_bytes", text);
    return error;
}

static int cpu_limit_write(const char *dir, bool v2, int64_t vcpus_e4)
{
    int64_t shares = vcpus_e4 * SHARES_PER_VCPU / VCPUS_E4_PER_ONE;
    shares = !vcpus_e4 ? SHARES_PER_VCPU : shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    char text[32];
    /* The kernel's own conversion of shares to weight, as container runtimes use it. */
    snprintf(text, sizeof text, "%lld", (long long)(v2 ? 1 + ((shares - 2) * 9999) / 262142 : shares));
    return cgroup_file_write(dir, v2 ? "cpu.weight" : "cpu.shares", text);
}

static int slot_limit(const CgroupPool *pool, CgroupSlot *slot, int64_t memory_mib, int64_t vcpus_e4)
{
    char dir[CGROUP_PATH_MAX + 16];
    bool raise =
        slot->memory_mib >= 0 && (!memory_mib || (slot->memory_mib && memory_mib > slot->memory_mib));
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        const CgroupHierarchy *hierarchy = &pool->hierarchies[i];
        int error = 0;
        cgroup_slot_dir(pool, slot, i, dir, sizeof dir);
        if (hierarchy->memory && slot->memory_mib != memory_mib)
            error = memory_limit_write(dir, hierarchy->v2, memory_mib, raise);
        if (!error && hierarchy->cpu && slot->vcpus_e4 != vcpus_e4)
            error = cpu_limit_write(dir, hierarchy->v2, vcpus_e4);
        if (error)
            return error;
    }
    slot->memory_mib = memory_mib;
    slot->vcpus_e4 = vcpus_e4;
    return 0;
}

CgroupSlot *cgroup_slot_take(CgroupPool *pool, int64_t memory_mib, int64_t vcpus_e4)
{
    CgroupSlot *slot = pool->free_slots;
    if (slot)
        pool->free_slots = slot->next_free;
    else if (!(slot = slot_new(pool)))
        return NULL;
    int error = slot_limit(pool, slot, memory_mib, vcpus_e4);
    if (!error)
        return slot;
    slot->memory_mib = slot->vcpus_e4 = -1;
    cgroup_slot_give(pool, slot);
    errno = error;
    return NULL;
}

void cgroup_slot_give(CgroupPool *pool, CgroupSlot *slot)
{
    slot->next_free = pool->free_slots;
    pool->free_slots = slot;
}

static size_t member_index(const CgroupPool *pool)
{
    size_t i = 0;
    while (i < pool->hierarchies_len && !pool->hierarchies[i].member)
        i++;
    return i;
}

bool cgroup_slot_empty(const CgroupPool *pool, const CgroupSlot *slot)
{
    char text[256];
    size_t member = member_index(pool);
    if (slot->events_fd >= 0) {
        ssize_t n = pread(slot->events_fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        return strstr(text, "populated 0") != NULL;
    }
    return member < pool->hierarchies_len && pread(slot->procs_fds[member], text, sizeof text, 0) == 0;
}

static bool slot_match(pid_t pid, void *data)
{
    return process_in_cgroup(pid, data);
}

void cgroup_slot_kill(const CgroupPool *pool, const CgroupSlot *slot)
{
    char dir[CGROUP_PATH_MAX + 16], suffix[CGROUP_SLOT_NAME_MAX];
    size_t member = member_index(pool);
    if (member == pool->hierarchies_len)
        return;
    cgroup_slot_dir(pool, slot, member, dir, sizeof dir);
    if (pool->hierarchies[member].v2 && cgroup_file_write(dir, "cgroup.kill", "1") == 0)
        return;
    snprintf(suffix, sizeof suffix, CGROUP_DIR_PREFIX "%s/%d", pool->tag, slot->index);
    process_kill_all(slot_match, suffix, NULL);
}

bool cgroup_slot_oom(CgroupSlot *slot)
{
    char text[512];
    ssize_t n = slot->oom_fd >= 0 ? pread(slot->oom_fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    const char *found = strstr(text, "oom_kill ");
    uint64_t kills = found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
    bool more = kills > slot->oom_kills;
    slot->oom_kills = kills;
    return more;
}

__attribute__((no_sanitize("address"))) int cgroup_slot_enter(const CgroupPool *pool, const CgroupSlot *slot)
{
    for (size_t i = 0; i < pool->hierarchies_len; i++)
        if (write(slot->procs_fds[i], "0", 1) < 0)
            return errno;
    return 0;
}

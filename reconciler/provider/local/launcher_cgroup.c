#include "reconciler/provider/local/launcher_cgroup_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/provider/local/launcher_process.h"

#define LAUNCHER_DIR    "launcher"
#define SWEEP_DEPTH_MAX 12

/* ---- choosing ---- */

static bool hierarchy_make(const char *parent, const char *tag, CgroupHierarchy *hierarchy)
{
    int len = snprintf(hierarchy->dir, sizeof hierarchy->dir, "%.400s/" CGROUP_DIR_PREFIX "%s", parent, tag);
    return len > 0 && (size_t)len < sizeof hierarchy->dir &&
           (mkdir(hierarchy->dir, 0755) == 0 || errno == EEXIST);
}

static bool controller_enable(const char *dir, const char *controller)
{
    char text[32];
    if (cgroup_file_has_word(dir, "cgroup.subtree_control", controller))
        return true;
    if (!cgroup_file_has_word(dir, "cgroup.controllers", controller))
        return false;
    snprintf(text, sizeof text, "+%s", controller);
    return cgroup_file_write(dir, "cgroup.subtree_control", text) == 0;
}

/* The root of a hierarchy may hold both processes and controllers for its children, a service's cgroup may
 * not; what is above us is changed only where the controllers were enabled already or where it is our own
 * cgroup. */
static bool v2_choose(const CgroupMount *mount, const char *tag, CgroupHierarchy *ret_hierarchy)
{
    const char *const parents[] = {mount->own, mount->mount};
    CgroupHierarchy best = {0};
    for (size_t i = 0; i < 2; i++) {
        CgroupHierarchy found = {.v2 = true};
        if (i == 1 && (strcmp(mount->own, mount->mount) == 0 ||
                       !cgroup_file_has_word(mount->mount, "cgroup.subtree_control", "memory")))
            break;
        if (!parents[i][0] || !hierarchy_make(parents[i], tag, &found))
            continue;
        found.memory = controller_enable(parents[i], "memory") && controller_enable(found.dir, "memory");
        found.cpu = controller_enable(parents[i], "cpu") && controller_enable(found.dir, "cpu");
        if (best.dir[0] && !found.memory) {
            rmdir(found.dir);
            continue;
        }
        if (best.dir[0])
            rmdir(best.dir);
        best = found;
        if (found.memory)
            break;
    }
    *ret_hierarchy = best;
    return best.dir[0] != '\0';
}

/* A child of ours enters the directory's test slot: the only proof that jobs will be able to. */
static bool hierarchy_works(const CgroupHierarchy *hierarchy)
{
    char dir[CGROUP_PATH_MAX + 16];
    snprintf(dir, sizeof dir, "%s/try", hierarchy->dir);
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return false;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(cgroup_file_write(dir, "cgroup.procs", "0") ? 1 : 0);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    rmdir(dir);
    return status == 0;
}

static void pool_add(CgroupPool *pool, const CgroupHierarchy *hierarchy)
{
    if (pool->hierarchies_len < CGROUP_HIERARCHIES_MAX && hierarchy_works(hierarchy))
        pool->hierarchies[pool->hierarchies_len++] = *hierarchy;
    else
        rmdir(hierarchy->dir);
}

typedef enum { ROLE_MEMORY, ROLE_CPU, ROLE_MEMBER } Role;

static bool pool_has(const CgroupPool *pool, Role role)
{
    bool found = false;
    for (size_t i = 0; i < pool->hierarchies_len && !found; i++) {
        const CgroupHierarchy *hierarchy = &pool->hierarchies[i];
        found = role == ROLE_MEMORY ? hierarchy->memory
                : role == ROLE_CPU  ? hierarchy->cpu
                                    : hierarchy->member;
    }
    return found;
}

bool cgroup_pool_has_members(const CgroupPool *pool)
{
    return pool_has(pool, ROLE_MEMBER);
}

static void v1_choose(CgroupPool *pool, const CgroupMount *mounts, size_t len, const char *controller)
{
    for (size_t i = 0; i < len; i++) {
        CgroupHierarchy found = {0};
        if (mounts[i].v2 || !cgroup_list_has(mounts[i].controllers, controller) || !mounts[i].own[0] ||
            !hierarchy_make(mounts[i].own, pool->tag, &found))
            continue;
        found.memory = !pool_has(pool, ROLE_MEMORY) && cgroup_list_has(mounts[i].controllers, "memory");
        found.cpu = !pool_has(pool, ROLE_CPU) && cgroup_list_has(mounts[i].controllers, "cpu");
        found.member = !pool_has(pool, ROLE_MEMBER);
        pool_add(pool, &found);
        return;
    }
}

/* Out of the daemon's cgroup, so that stopping its service leaves the launcher alone. */
static void pool_move_self(const CgroupPool *pool)
{
    char dir[CGROUP_PATH_MAX + 16];
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        if (!pool->hierarchies[i].v2)
            continue;
        snprintf(dir, sizeof dir, "%s/" LAUNCHER_DIR, pool->hierarchies[i].dir);
        if (mkdir(dir, 0755) == 0 || errno == EEXIST)
            cgroup_file_write(dir, "cgroup.procs", "0");
    }
}

void cgroup_pool_init(CgroupPool *pool, const char *tag, CgroupMode mode)
{
    CgroupMount mounts[CGROUP_MOUNTS_MAX];
    size_t len = cgroup_mounts_find(mounts);
    *pool = (CgroupPool){0};
    snprintf(pool->tag, sizeof pool->tag, "%s", tag);
    if (mode == CGROUPS_NONE)
        return;
    for (size_t i = 0; i < len && !pool->hierarchies_len; i++) {
        CgroupHierarchy found;
        if (!mounts[i].v2 || !v2_choose(&mounts[i], tag, &found))
            continue;
        found.member = true;
        pool_add(pool, &found);
    }
    if (!pool_has(pool, ROLE_MEMORY))
        v1_choose(pool, mounts, len, "memory");
    if (!pool_has(pool, ROLE_CPU))
        v1_choose(pool, mounts, len, "cpu");
    if (!pool_has(pool, ROLE_MEMBER))
        v1_choose(pool, mounts, len, "freezer");
    pool_move_self(pool);
}

/* ---- what to tell ---- */

static void notice_write(char *notice, size_t size, const char *memory, const char *cpu, const char *member)
{
    snprintf(notice, size, "memory limits: %s; vCPU shares: %s; processes of a job are found by %s",
             memory ? memory : "not enforced, only accounted", cpu ? cpu : "not enforced, only accounted",
             member ? member
                    : "MUSTER_LAUNCH_TOKEN in their environment (a process that clears it and leaves its "
                      "session can escape)");
}

void cgroup_pool_notice(const CgroupPool *pool, char *notice, size_t notice_size)
{
    const char *memory = NULL, *cpu = NULL, *member = NULL;
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        const CgroupHierarchy *hierarchy = &pool->hierarchies[i];
        const char *name = hierarchy->v2 ? "cgroup v2" : "cgroup v1";
        memory = hierarchy->memory ? name : memory;
        cpu = hierarchy->cpu ? name : cpu;
        member = hierarchy->member ? name : member;
    }
    notice_write(notice, notice_size, memory, cpu, member);
}

void cgroup_probe(char *notice, size_t notice_size)
{
    CgroupMount mounts[CGROUP_MOUNTS_MAX];
    size_t len = cgroup_mounts_find(mounts);
    const char *memory = NULL, *cpu = NULL, *member = NULL;
    for (size_t i = 0; i < len; i++) {
        const CgroupMount *mount = &mounts[i];
        if (!mount->own[0] || access(mount->own, W_OK) < 0)
            continue;
        const char *name = mount->v2 ? "cgroup v2" : "cgroup v1";
        bool root = mount->v2 && access(mount->mount, W_OK) == 0;
        if (mount->v2
                ? cgroup_file_has_word(root ? mount->mount : mount->own, "cgroup.subtree_control", "memory")
                : !memory && cgroup_list_has(mount->controllers, "memory"))
            memory = name;
        if (mount->v2
                ? cgroup_file_has_word(root ? mount->mount : mount->own, "cgroup.subtree_control", "cpu")
                : !cpu && cgroup_list_has(mount->controllers, "cpu"))
            cpu = name;
        if (mount->v2 || !member)
            member = name;
    }
    notice_write(notice, notice_size, memory, cpu, member);
}

/* ---- what we may use ourselves ---- */

static int64_t limit_read(const char *dir, const char *name)
{
    char path[CGROUP_PATH_MAX + 64];
    long long bytes;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    bool number =
        file && fscanf(file, "%lld", &bytes) == 1; /* "max" is none; v1 says it with a huge number */
    if (file)
        fclose(file);
    return number ? bytes >> 20 : INT64_MAX;
}

int64_t cgroup_memory_limit_mib(void)
{
    CgroupMount mounts[CGROUP_MOUNTS_MAX];
    size_t len = cgroup_mounts_find(mounts);
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < len; i++) {
        CgroupMount *mount = &mounts[i];
        if (!mount->own[0] || (!mount->v2 && !cgroup_list_has(mount->controllers, "memory")))
            continue;
        const char *name = mount->v2 ? "memory.max" : "memory.limit_in_bytes";
        for (char *slash; strlen(mount->own) >= strlen(mount->mount); *slash = '\0') {
            int64_t limit = limit_read(mount->own, name);
            least = limit < least ? limit : least;
            slash = strrchr(mount->own, '/');
            if (!slash)
                break;
        }
    }
    return least;
}

/* ---- tidying up ---- */

/* Removes dir and the directories below it; those with processes stay. */
static void dir_remove(const char *dir, int depth)
{
    DIR *entries = depth < SWEEP_DEPTH_MAX ? opendir(dir) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < sizeof path)
            dir_remove(path, depth + 1);
    }
    if (entries)
        closedir(entries);
    rmdir(dir);
}

void cgroup_pool_clear(CgroupPool *pool)
{
    while (pool->free_slots) {
        CgroupSlot *slot = pool->free_slots;
        pool->free_slots = slot->next_free;
        cgroup_slot_close(slot);
    }
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        char *parent = strrchr(pool->hierarchies[i].dir, '/');
        if (pool->hierarchies[i].v2 && parent) { /* we stand in it: step out, or it cannot go */
            *parent = '\0';
            cgroup_file_write(pool->hierarchies[i].dir, "cgroup.procs", "0");
            *parent = '/';
        }
        dir_remove(pool->hierarchies[i].dir, 0);
    }
    pool->hierarchies_len = 0;
}

/* The text is the directory's path within its hierarchy, "…/muster-TAG". */
static bool below_match(pid_t pid, void *data)
{
    char path[64], line[CGROUP_LINE_MAX];
    const char *name = data;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, name);
        /* Not a job that merely belongs to a launcher: that one is us, and we have not made ours yet. */
        found = at && at[-1] == '/' && at[strlen(name)] == '/';
    }
    if (file)
        fclose(file);
    return found;
}

/* Removes what is ours and empty; true when something of ours is left. */
static bool sweep_dirs(const char *dir, const char *name, int depth)
{
    bool left = false;
    DIR *entries = depth < SWEEP_DEPTH_MAX ? opendir(dir) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            (size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) >= sizeof path)
            continue;
        if (strcmp(entry->d_name, name) == 0) {
            dir_remove(path, 0);
            left |= access(path, F_OK) == 0;
        } else {
            left |= sweep_dirs(path, name, depth + 1);
        }
    }
    if (entries)
        closedir(entries);
    return left;
}

size_t cgroup_sweep(const char *tag)
{
    char name[CGROUP_SLOT_NAME_MAX];
    CgroupMount mounts[CGROUP_MOUNTS_MAX];
    size_t len = cgroup_mounts_find(mounts), killed = 0;
    bool left = false;
    snprintf(name, sizeof name, CGROUP_DIR_PREFIX "%s", tag);
    for (size_t i = 0; i < len; i++)
        left |= sweep_dirs(mounts[i].mount, name, 0);
    if (!left)
        return 0;
    killed = process_sweep(below_match, name);
    for (size_t i = 0; i < len; i++)
        sweep_dirs(mounts[i].mount, name, 0);
    return killed;
}

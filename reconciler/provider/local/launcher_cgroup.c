#include "reconciler/provider/local/launcher_cgroup.h"

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

#define DIR_PREFIX       "muster-"
#define LAUNCHER_DIR     "launcher"
#define LINE_MAX_LEN     4096
#define SWEEP_DEPTH_MAX  12
#define SLOT_NAME_MAX    (CGROUP_TAG_MAX + 32)
#define SHARES_PER_VCPU  1024
#define VCPUS_E4_PER_ONE 10000

/* ---- small files ---- */

static int file_write(const char *dir, const char *name, const char *text)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

static bool file_has_word(const char *dir, const char *name, const char *word)
{
    char path[CGROUP_PATH_MAX + 64], line[LINE_MAX_LEN];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    bool found = false;
    if (file && fgets(line, sizeof line, file))
        for (const char *at = line; *at && !found; at += strspn(at, " \n")) {
            size_t len = strcspn(at, " \n");
            found = len == strlen(word) && strncmp(at, word, len) == 0;
            at += len;
        }
    if (file)
        fclose(file);
    return found;
}

static int fd_open_in(const char *dir, const char *name, int flags)
{
    char path[CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return open(path, flags | O_CLOEXEC);
}

/* ---- finding the hierarchies ---- */

typedef struct {
    bool v2;
    char controllers[128]; /* v1: as in /proc/self/cgroup, e.g. "cpu,cpuacct" */
    char mount[CGROUP_PATH_MAX], root[CGROUP_PATH_MAX];
    char own[CGROUP_PATH_MAX]; /* directory of this process's cgroup */
} Mount;

static bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    return false;
}

/* A line of mountinfo: "36 35 98:0 ROOT MOUNT OPTIONS … - TYPE SOURCE SUPEROPTIONS". */
static bool mount_parse(char *line, Mount *ret_mount)
{
    char root[CGROUP_PATH_MAX], mount[CGROUP_PATH_MAX], type[32], super[LINE_MAX_LEN];
    char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %511s %511s", root, mount) != 2 ||
        sscanf(tail, " - %31s %*s %4095s", type, super) != 2)
        return false;
    bool v2 = strcmp(type, "cgroup2") == 0;
    if (!v2 && strcmp(type, "cgroup") != 0)
        return false;
    *ret_mount = (Mount){.v2 = v2};
    memcpy(ret_mount->root, root, sizeof root);
    memcpy(ret_mount->mount, mount, sizeof mount);
    static const char *const wanted[] = {"memory", "cpu", "freezer"};
    for (size_t i = 0; !v2 && i < sizeof wanted / sizeof *wanted; i++)
        if (list_has(super, wanted[i])) {
            size_t len = strlen(ret_mount->controllers);
            snprintf(ret_mount->controllers + len, sizeof ret_mount->controllers - len, "%s%s",
                     len ? "," : "", wanted[i]);
        }
    return v2 || ret_mount->controllers[0];
}

static size_t mounts_read(Mount *mounts, size_t max)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[LINE_MAX_LEN];
    size_t len = 0;
    while (file && len < max && fgets(line, sizeof line, file))
        if (mount_parse(line, &mounts[len]))
            len++;
    if (file)
        fclose(file);
    return len;
}

/* Fills own from /proc/self/cgroup: "4:memory:/path" or "0::/path", the path being relative to the mount's
 * root. */
static void mount_find_own(Mount *mount)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[LINE_MAX_LEN];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        char first[16] = "";
        sscanf(mount->controllers, "%15[^,]", first);
        if (mount->v2 ? *list != '\0' : !list_has(list, first))
            continue;
        size_t root_len = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
        if (strncmp(path, mount->root, root_len) == 0)
            path += root_len;
        snprintf(mount->own, sizeof mount->own, "%.250s%.250s", mount->mount,
                 strcmp(path, "/") == 0 ? "" : path);
    }
    if (file)
        fclose(file);
}

#define MOUNTS_MAX 16
static size_t mounts_find(Mount mounts[MOUNTS_MAX])
{
    size_t len = mounts_read(mounts, MOUNTS_MAX);
    for (size_t i = 0; i < len; i++)
        mount_find_own(&mounts[i]);
    return len;
}

/* ---- choosing ---- */

static bool hierarchy_make(const char *parent, const char *tag, CgroupHierarchy *hierarchy)
{
    int len = snprintf(hierarchy->dir, sizeof hierarchy->dir, "%.400s/" DIR_PREFIX "%s", parent, tag);
    return len > 0 && (size_t)len < sizeof hierarchy->dir &&
           (mkdir(hierarchy->dir, 0755) == 0 || errno == EEXIST);
}

static bool controller_enable(const char *dir, const char *controller)
{
    char text[32];
    if (file_has_word(dir, "cgroup.subtree_control", controller))
        return true;
    if (!file_has_word(dir, "cgroup.controllers", controller))
        return false;
    snprintf(text, sizeof text, "+%s", controller);
    return file_write(dir, "cgroup.subtree_control", text) == 0;
}

/* The root of a hierarchy may hold both processes and controllers for its children, a service's cgroup may
 * not; what is above us is changed only where the controllers were enabled already or where it is our own
 * cgroup. */
static bool v2_choose(const Mount *mount, const char *tag, CgroupHierarchy *ret_hierarchy)
{
    const char *const parents[] = {mount->own, mount->mount};
    CgroupHierarchy best = {0};
    for (size_t i = 0; i < 2; i++) {
        CgroupHierarchy found = {.v2 = true};
        if (i == 1 && (strcmp(mount->own, mount->mount) == 0 ||
                       !file_has_word(mount->mount, "cgroup.subtree_control", "memory")))
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
        _exit(file_write(dir, "cgroup.procs", "0") ? 1 : 0);
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

static void v1_choose(CgroupPool *pool, const Mount *mounts, size_t len, const char *controller)
{
    for (size_t i = 0; i < len; i++) {
        CgroupHierarchy found = {0};
        if (mounts[i].v2 || !list_has(mounts[i].controllers, controller) || !mounts[i].own[0] ||
            !hierarchy_make(mounts[i].own, pool->tag, &found))
            continue;
        found.memory = !pool_has(pool, ROLE_MEMORY) && list_has(mounts[i].controllers, "memory");
        found.cpu = !pool_has(pool, ROLE_CPU) && list_has(mounts[i].controllers, "cpu");
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
            file_write(dir, "cgroup.procs", "0");
    }
}

void cgroup_pool_init(CgroupPool *pool, const char *tag, CgroupMode mode)
{
    Mount mounts[MOUNTS_MAX];
    size_t len = mounts_find(mounts);
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
    Mount mounts[MOUNTS_MAX];
    size_t len = mounts_find(mounts);
    const char *memory = NULL, *cpu = NULL, *member = NULL;
    for (size_t i = 0; i < len; i++) {
        const Mount *mount = &mounts[i];
        if (!mount->own[0] || access(mount->own, W_OK) < 0)
            continue;
        const char *name = mount->v2 ? "cgroup v2" : "cgroup v1";
        bool root = mount->v2 && access(mount->mount, W_OK) == 0;
        if (mount->v2 ? file_has_word(root ? mount->mount : mount->own, "cgroup.subtree_control", "memory")
                      : !memory && list_has(mount->controllers, "memory"))
            memory = name;
        if (mount->v2 ? file_has_word(root ? mount->mount : mount->own, "cgroup.subtree_control", "cpu")
                      : !cpu && list_has(mount->controllers, "cpu"))
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
    Mount mounts[MOUNTS_MAX];
    size_t len = mounts_find(mounts);
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < len; i++) {
        Mount *mount = &mounts[i];
        if (!mount->own[0] || (!mount->v2 && !list_has(mount->controllers, "memory")))
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

/* ---- slots ---- */

static void slot_dir(const CgroupPool *pool, const CgroupSlot *slot, size_t hierarchy, char *path,
                     size_t size)
{
    snprintf(path, size, "%s/%d", pool->hierarchies[hierarchy].dir, slot->index);
}

static void slot_close(CgroupSlot *slot)
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
        slot_dir(pool, slot, i, dir, sizeof dir);
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return errno;
        slot->procs_fds[i] = fd_open_in(dir, "cgroup.procs", O_RDWR);
        if (slot->procs_fds[i] < 0)
            return errno;
        if (hierarchy->v2 && hierarchy->member)
            slot->events_fd = fd_open_in(dir, "cgroup.events", O_RDONLY);
        if (hierarchy->memory)
            slot->oom_fd = fd_open_in(dir, hierarchy->v2 ? "memory.events" : "memory.oom_control", O_RDONLY);
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
        slot_close(slot);
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
        file_write(dir, "memory.swap.max", memory_mib ? "0" : "max"); /* absent without swap accounting */
        return file_write(dir, "memory.max", text);
    }
    snprintf(text, sizeof text, "%lld", memory_mib ? (long long)memory_mib << 20 : -1LL);
    if (raise)
        file_write(dir, "memory.memsw.limit_in_bytes", text);
    int error = file_write(dir, "memory.limit_in_bytes", text);
    if (!raise)
        file_write(dir, "memory.memsw.limit_in_bytes", text);
    return error;
}

static int cpu_limit_write(const char *dir, bool v2, int64_t vcpus_e4)
{
    int64_t shares = vcpus_e4 * SHARES_PER_VCPU / VCPUS_E4_PER_ONE;
    shares = !vcpus_e4 ? SHARES_PER_VCPU : shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    char text[32];
    /* The kernel's own conversion of shares to weight, as container runtimes use it. */
    snprintf(text, sizeof text, "%lld", (long long)(v2 ? 1 + ((shares - 2) * 9999) / 262142 : shares));
    return file_write(dir, v2 ? "cpu.weight" : "cpu.shares", text);
}

static int slot_limit(const CgroupPool *pool, CgroupSlot *slot, int64_t memory_mib, int64_t vcpus_e4)
{
    char dir[CGROUP_PATH_MAX + 16];
    bool raise =
        slot->memory_mib >= 0 && (!memory_mib || (slot->memory_mib && memory_mib > slot->memory_mib));
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        const CgroupHierarchy *hierarchy = &pool->hierarchies[i];
        int error = 0;
        slot_dir(pool, slot, i, dir, sizeof dir);
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
    char dir[CGROUP_PATH_MAX + 16], suffix[SLOT_NAME_MAX];
    size_t member = member_index(pool);
    if (member == pool->hierarchies_len)
        return;
    slot_dir(pool, slot, member, dir, sizeof dir);
    if (pool->hierarchies[member].v2 && file_write(dir, "cgroup.kill", "1") == 0)
        return;
    snprintf(suffix, sizeof suffix, DIR_PREFIX "%s/%d", pool->tag, slot->index);
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
        slot_close(slot);
    }
    for (size_t i = 0; i < pool->hierarchies_len; i++) {
        char *parent = strrchr(pool->hierarchies[i].dir, '/');
        if (pool->hierarchies[i].v2 && parent) { /* we stand in it: step out, or it cannot go */
            *parent = '\0';
            file_write(pool->hierarchies[i].dir, "cgroup.procs", "0");
            *parent = '/';
        }
        dir_remove(pool->hierarchies[i].dir, 0);
    }
    pool->hierarchies_len = 0;
}

/* The text is the directory's path within its hierarchy, "…/muster-TAG". */
static bool below_match(pid_t pid, void *data)
{
    char path[64], line[LINE_MAX_LEN];
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
    char name[SLOT_NAME_MAX];
    Mount mounts[MOUNTS_MAX];
    size_t len = mounts_find(mounts), killed = 0;
    bool left = false;
    snprintf(name, sizeof name, DIR_PREFIX "%s", tag);
    for (size_t i = 0; i < len; i++)
        left |= sweep_dirs(mounts[i].mount, name, 0);
    if (!left)
        return 0;
    killed = process_sweep(below_match, name);
    for (size_t i = 0; i < len; i++)
        sweep_dirs(mounts[i].mount, name, 0);
    return killed;
}

#include "reconciler/provider/local/launcher_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH      "/usr/local/bin:/usr/bin:/bin"
#define CHILD_STACK_BYTES (64u << 10)
#define GROUPS_MAX        256

typedef enum { STAGE_CGROUP, STAGE_SESSION, STAGE_DIRECTORY, STAGE_FILES, STAGE_USER, STAGE_EXEC } Stage;

struct SpawnPlan {
    const Spawner *spawner;
    const LaunchOrder *order;
    char program[PATH_MAX];
    char token_text[sizeof LAUNCHER_TOKEN_ENV + LAUNCHER_TOKEN_HEX];
    char **envp;
    int stdout_fd, stderr_fd;
    bool has_user;
    uid_t uid;
    gid_t gid;
    gid_t groups[GROUPS_MAX];
    int groups_len;
    pid_t launcher_pid;
    const CgroupPool *pool;
    const CgroupSlot *slot;
    volatile Stage stage; /* written by the child, which shares our memory until exec */
    volatile int error;
};

/* ---- before ---- */

/* The path may be root's to make and the job's to write: where the job runs as a user, one that is made goes
 * to it. */
static int directory_give(const char *path, const SpawnPlan *plan)
{
    struct stat info;
    if (!plan->has_user)
        return directory_make(path);
    if (stat(path, &info) == 0)
        return 0;
    int error = directory_make(path);
    return error ? error : chown(path, plan->uid, plan->gid) < 0 ? errno : 0;
}

static int output_open(const char *path)
{
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags, 0644);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char dir[PATH_MAX];
    if ((size_t)snprintf(dir, sizeof dir, "%s", path) >= sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *strrchr(dir, '/') = '\0'; /* launch_read() saw to it that paths are absolute */
    int error = dir[0] ? directory_make(dir) : 0;
    if (error) {
        errno = error;
        return -1;
    }
    return open(path, flags, 0644);
}

/* "NAME", "UID", either with ":GROUP" or ":GID". 0 or an errno. */
static int user_find(SpawnPlan *plan, const char *user)
{
    char name[256];
    if ((size_t)snprintf(name, sizeof name, "%s", user) >= sizeof name)
        return EINVAL;
    char *group = strchr(name, ':');
    if (group)
        *group++ = '\0';
    char *end = name;
    unsigned long uid = name[0] >= '0' && name[0] <= '9' ? strtoul(name, &end, 10) : 0;
    bool number = end != name && !*end;
    const struct passwd *entry = number ? getpwuid((uid_t)uid) : getpwnam(name);
    if (!entry && !number)
        return ENOENT;
    plan->uid = number ? (uid_t)uid : entry->pw_uid;
    plan->gid = entry ? entry->pw_gid : 0;
    plan->groups_len = GROUPS_MAX;
    if (!entry || getgrouplist(entry->pw_name, plan->gid, plan->groups, &plan->groups_len) < 0)
        plan->groups_len = 0;
    if (group) {
        unsigned long gid = *group >= '0' && *group <= '9' ? strtoul(group, &end, 10) : 0;
        bool group_number = *group >= '0' && *group <= '9' && !*end;
        const struct group *found = group_number ? NULL : getgrnam(group);
        if (!found && !group_number)
            return ENOENT;
        plan->gid = found ? found->gr_gid : (gid_t)gid;
    }
    plan->has_user = true;
    return 0;
}

static const char *environment_get(char *const *envp, const char *name)
{
    size_t len = strlen(name);
    for (; *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

static int program_check(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return errno;
    return !S_ISREG(info.st_mode) || access(path, X_OK) < 0 ? EACCES : 0;
}

/* As execvpe() would, relative names starting from the job's directory; 0 or an errno. */
static int program_find(SpawnPlan *plan)
{
    const char *name = plan->order->argv[0], *dir = plan->order->work_dir;
    size_t size = sizeof plan->program;
    if (!name[0])
        return ENOENT;
    if (strchr(name, '/')) {
        int len = name[0] == '/' ? snprintf(plan->program, size, "%s", name)
                                 : snprintf(plan->program, size, "%s/%s", dir, name);
        return (size_t)len >= size ? ENAMETOOLONG : program_check(plan->program);
    }
    const char *path = environment_get(plan->order->envp, "PATH");
    int error = ENOENT;
    for (const char *at = path ? path : DEFAULT_PATH, *end; at; at = *end ? end + 1 : NULL) {
        end = strchrnul(at, ':');
        bool relative = *at != '/';
        int len = snprintf(plan->program, size, "%s%s%.*s/%s", relative ? dir : "", relative ? "/" : "",
                           (int)(end - at), at, name);
        int found = (size_t)len >= size ? ENAMETOOLONG : program_check(plan->program);
        if (!found)
            return 0;
        if (found == EACCES)
            error = EACCES;
    }
    return error;
}

static void environment_make(SpawnPlan *plan)
{
    char hex[LAUNCHER_TOKEN_HEX];
    size_t len = 0, kept = 0;
    while (plan->order->envp[len])
        len++;
    plan->envp = calloc(len + 2, sizeof *plan->envp);
    if (!plan->envp)
        abort();
    launch_token_hex(&plan->order->token, hex);
    snprintf(plan->token_text, sizeof plan->token_text, LAUNCHER_TOKEN_ENV "%s", hex);
    plan->envp[kept++] =
        plan->token_text; /* first, so that nothing the job's environment says comes before it */
    for (size_t i = 0; i < len; i++)
        if (strncmp(plan->order->envp[i], LAUNCHER_TOKEN_ENV, strlen(LAUNCHER_TOKEN_ENV)) != 0)
            plan->envp[kept++] = plan->order->envp[i];
}

static bool failed(char *reason, const char *kind, const char *what, int error)
{
    snprintf(reason, LAUNCHER_REASON_MAX, "%s: %.512s: %s", kind, what, strerror(error));
    return false;
}

static bool exec_failed(char *reason, const char *name, int error)
{
    snprintf(reason, LAUNCHER_REASON_MAX, "CannotStartContainerError: exec \"%.512s\": %s", name,
             error == ENOEXEC ? "exec format error" : strerror(error));
    return false;
}

static bool plan_fill(SpawnPlan *plan, char *reason)
{
    const LaunchOrder *order = plan->order;
    int error;
    if (order->user && plan->spawner->root && (error = user_find(plan, order->user)))
        return failed(reason, "CannotStartContainerError: unable to find user", order->user, error);
    error = plan->has_user ? directory_give(order->work_dir, plan)
                           : workdir_make(plan->spawner->work_dirs, order->work_dir);
    if (error)
        return failed(reason, "CannotCreateContainerError: working directory", order->work_dir, error);
    if (order->workspace && (error = directory_give(order->workspace, plan)))
        return failed(reason, "CannotCreateContainerError: workspace", order->workspace, error);
    if ((error = program_find(plan)))
        return exec_failed(reason, order->argv[0], error);
    plan->stdout_fd = output_open(order->stdout_path);
    if (plan->stdout_fd < 0)
        return failed(reason, "CannotCreateContainerError: log", order->stdout_path, errno);
    bool same = strcmp(order->stdout_path, order->stderr_path) == 0;
    plan->stderr_fd = same ? plan->stdout_fd : output_open(order->stderr_path);
    if (plan->stderr_fd < 0)
        return failed(reason, "CannotCreateContainerError: log", order->stderr_path, errno);
    environment_make(plan);
    return true;
}

SpawnPlan *spawn_prepare(const Spawner *spawner, const LaunchOrder *order, char *reason)
{
    SpawnPlan *plan = calloc(1, sizeof *plan);
    if (!plan)
        abort();
    plan->spawner = spawner;
    plan->order = order;
    plan->stdout_fd = plan->stderr_fd = -1;
    plan->launcher_pid = getpid();
    if (plan_fill(plan, reason))
        return plan;
    spawn_plan_free(plan);
    return NULL;
}

void spawn_plan_free(SpawnPlan *plan)
{
    if (plan->stderr_fd >= 0 && plan->stderr_fd != plan->stdout_fd)
        close(plan->stderr_fd);
    if (plan->stdout_fd >= 0)
        close(plan->stdout_fd);
    free(plan->envp);
    free(plan);
}

/* ---- in the child ---- */

/* The address sanitizer's notes about a stack are shared memory like all else: what the child's frames leave
 * in them would be read as the launcher's. */
#define IN_VFORK_CHILD __attribute__((no_sanitize("address")))

/* The libc wrappers would tell other threads; the system calls are what a vfork child may make. */
IN_VFORK_CHILD static bool child_change_user(const SpawnPlan *plan)
{
    return syscall(SYS_setgroups, plan->groups_len, plan->groups) == 0 &&
           syscall(SYS_setresgid, plan->gid, plan->gid, plan->gid) == 0 &&
           syscall(SYS_setresuid, plan->uid, plan->uid, plan->uid) == 0;
}

IN_VFORK_CHILD static bool child_set_up(SpawnPlan *plan)
{
    plan->stage = STAGE_CGROUP;
    int error = cgroup_slot_enter(plan->pool, plan->slot);
    if (error) {
        errno = error;
        return false;
    }
    plan->stage = STAGE_SESSION;
    if (setsid() < 0)
        return false;
    plan->stage = STAGE_FILES;
    if (dup2(plan->spawner->null_fd, STDIN_FILENO) < 0 || dup2(plan->stdout_fd, STDOUT_FILENO) < 0 ||
        dup2(plan->stderr_fd, STDERR_FILENO) < 0)
        return false;
    syscall(SYS_close_range, 3u, ~0u, 0u); /* all are O_CLOEXEC anyway, should the kernel not know it */
    struct rlimit files, core = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = (rlim_t)plan->spawner->files_soft;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (getrlimit(RLIMIT_CORE, &files) == 0) {
        core.rlim_max = files.rlim_max;
        setrlimit(RLIMIT_CORE, &core);
    }
    plan->stage = STAGE_USER;
    if (plan->has_user && !child_change_user(plan))
        return false;
    plan->stage = STAGE_DIRECTORY;
    return chdir(plan->order->work_dir) == 0;
}

IN_VFORK_CHILD static int child_main(void *data)
{
    SpawnPlan *plan = data;
    sigset_t none;
    if (child_set_up(plan)) {
        plan->stage = STAGE_EXEC;
        /* Should the launcher be killed, its jobs are lost: this one must not begin behind the next
         * launcher's back. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != plan->launcher_pid)
            _exit(127);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(plan->program, plan->order->argv, plan->envp);
    }
    plan->error = errno;
    _exit(127);
}

/* ---- after ---- */

static void stage_explain(const SpawnPlan *plan, char *reason)
{
    switch (plan->stage) {
    case STAGE_CGROUP: failed(reason, "CannotCreateContainerError", "cgroup", plan->error); break;
    case STAGE_SESSION: failed(reason, "CannotCreateContainerError", "session", plan->error); break;
    case STAGE_FILES: failed(reason, "CannotCreateContainerError", "descriptors", plan->error); break;
    case STAGE_USER:
        failed(reason, "CannotStartContainerError: change to user", plan->order->user, plan->error);
        break;
    case STAGE_DIRECTORY:
        failed(reason, "CannotStartContainerError: chdir", plan->order->work_dir, plan->error);
        break;
    case STAGE_EXEC: exec_failed(reason, plan->order->argv[0], plan->error); break;
    }
}

pid_t spawn_run(SpawnPlan *plan, const CgroupPool *pool, const CgroupSlot *slot, char *reason)
{
    _Alignas(16) char stack[CHILD_STACK_BYTES];
    plan->pool = pool;
    plan->slot = slot;
    plan->error = 0;
    /* vfork with a stack of the child's own, so that no compiler can spoil a frame that both return to. */
    pid_t pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, plan);
    if (pid < 0) {
        failed(reason, "CannotStartContainerError", "clone", errno);
        return -1;
    }
    if (!plan->error)
        return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    stage_explain(plan, reason);
    return -1;
}

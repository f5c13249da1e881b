/* repo_fetch.c: see repo_fetch.h. */
#include "reconciler/source/repo_fetch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/source/repo_config.h"
#include "reconciler/source/source.h"

#define CONFIG_NAME    "fetch.config"
#define SAID_MAX       ((size_t)64 << 10) /* of what git writes to stderr */
#define LINE_MAX_SHOWN 400
#define PACK_BLOCKS    "8388608" /* of 512 bytes: the largest pack or loose object that git may write, 4 GiB */

/* ulimit: RLIMIT_FSIZE cannot be set by posix_spawn. timeout: ends git when nobody is left to do it. */
#define WRAPPER "ulimit -c 0; ulimit -f " PACK_BLOCKS "; exec timeout -s KILL \"$0\" git \"$@\""

typedef struct {
    const RepoFetch *fetch;
    pid_t pid;
    int pidfd, said_fd;
    int64_t deadline_us;
    GString *said;
} Helper;

static bool fail(GError **error, int code, const char *what, const char *why)
{
    g_set_error(error, SOURCE_ERROR, code, "%s: %s", what, why);
    return false;
}

/* ---- starting ---- */

/* git with our directory and time limit, and then what it is to do: both NULL-terminated. */
static char **arguments_of(const RepoFetch *fetch, const char *const *command, const char *const *more)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autofree char *seconds =
        g_strdup_printf("%" G_GINT64_FORMAT ".%03d", fetch->settings->timeout_ms / 1000 + 1,
                        (int)(fetch->settings->timeout_ms % 1000));
    g_autofree char *directory = g_strconcat("--git-dir=", fetch->mirror, NULL);
    const char *const fixed[] = {"sh", "-c", WRAPPER, seconds, directory};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_strv_builder_add(arguments, fixed[i]);
    for (const char *const *word = command; *word; word++)
        g_strv_builder_add(arguments, *word);
    for (const char *const *word = more; *word; word++)
        g_strv_builder_add(arguments, *word);
    return g_strv_builder_end(arguments);
}

/* A group of its own, so that ssh and all else that git starts ends with it. */
static int spawn(const RepoFetch *fetch, int said, char **arguments, char **environment, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    if (fetch->lock_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, fetch->lock_fd, fetch->lock_fd); /* clears FD_CLOEXEC */
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int fault = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

static void helper_kill(const Helper *helper)
{
    kill(-helper->pid, SIGKILL);
    kill(helper->pid, SIGKILL);
}

static int reap(const Helper *helper)
{
    int status = 0;
    while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool helper_start(Helper *helper, char **arguments, char **environment, GError **error)
{
    int said[2];
    if (pipe2(said, O_CLOEXEC) != 0)
        return fail(error, SOURCE_ERROR_UNREADABLE, "git", g_strerror(errno));
    int fault = spawn(helper->fetch, said[1], arguments, environment, &helper->pid);
    close(said[1]);
    helper->said_fd = said[0];
    if (fault) {
        close(said[0]);
        return fail(error, SOURCE_ERROR_UNREADABLE, "git cannot be started", g_strerror(fault));
    }
    fcntl(helper->said_fd, F_SETFL, O_NONBLOCK);
    helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
    if (helper->pidfd >= 0)
        return true;
    fail(error, SOURCE_ERROR_UNREADABLE, "pidfd_open", g_strerror(errno));
    helper_kill(helper);
    reap(helper);
    close(helper->said_fd);
    return false;
}

/* ---- waiting ---- */

/* Keeps the end of it: the reason stands last. False at its end. */
static bool hear(Helper *helper)
{
    char buffer[4096];
    for (;;) {
        ssize_t got = read(helper->said_fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0;
        g_string_append_len(helper->said, buffer, got);
        if (helper->said->len > 2 * SAID_MAX)
            g_string_erase(helper->said, 0, (gssize)(helper->said->len - SAID_MAX));
    }
}

typedef enum { WAIT_ENDED, WAIT_TIMED_OUT, WAIT_CANCELLED } WaitResult;

static WaitResult helper_wait(Helper *helper)
{
    struct pollfd fds[] = {{.fd = helper->pidfd, .events = POLLIN},
                           {.fd = helper->fetch->cancel_fd, .events = POLLIN},
                           {.fd = helper->said_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = (helper->deadline_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0)
            return WAIT_TIMED_OUT;
        if (poll(fds, G_N_ELEMENTS(fds), (int)MIN(left_ms + 1, G_MAXINT)) < 0)
            continue;
        if (fds[2].revents && !hear(helper))
            fds[2].fd = -1;
        if (fds[0].revents)
            return WAIT_ENDED;
        if (fds[1].revents)
            return WAIT_CANCELLED;
    }
}

/* ---- what it said ---- */

#define COMMIT_GONE                                                                                          \
    "no branch and no tag of it leads to this commit any more, and it does not hand it out; push a branch "  \
    "or "                                                                                                    \
    "a tag that does"

/* What git says, by a part of it, and what helps. */
static const struct {
    const char *part, *cure;
} cures[] = {
    {"Host key verification failed",
     "put the host's key, once you have checked it, into known_hosts (knownHosts in sources.yaml)"},
    {"Permission denied (publickey",
     "give a key that the host accepts (sshKey in sources.yaml, or an agent)"},
    {"could not read Username", "it wants credentials: give tokenFile or credentialHelper in sources.yaml"},
    {"could not read Password", "it wants credentials: give tokenFile or credentialHelper in sources.yaml"},
    {"Authentication failed", "the credentials were refused: look at user and tokenFile in sources.yaml"},
    {"The requested URL returned error: 403", "the credentials may not read this repository"},
    {"certificate", "if it is signed by your own authority, name that with caFile in sources.yaml"},
    {"dubious ownership", "let the user that runs muster own the repository"},
    {"couldn't find remote ref HEAD", "the repository has no commit yet, or its HEAD names a branch that is "
                                      "not there: push one, or name a branch"},
    {"not our ref", COMMIT_GONE},
    {"unadvertised object", COMMIT_GONE},
    {"couldn't find remote ref", "there is no such reference"},
    {"does not appear to be a git repository", "is that the repository's path?"},
    {"not found", NULL},
    {"Could not resolve host", "look at the host's name, and at the network"},
    {"Could not resolve proxy", "look at proxy in sources.yaml and at https_proxy"},
    {"died of signal 25", "something in it is larger than the 4 GiB that a fetch may write"},
};

/* That git blames what lies in the mirror, not what it was sent. A pack that broke on its way is not among
 * them. */
static bool blames_mirror(const char *said)
{
    static const char *const parts[] = {"is corrupt",
                                        "bad object",
                                        "object file",
                                        "unable to read tree",
                                        "missing blob",
                                        "missing tree",
                                        "missing commit",
                                        "bad tree object",
                                        "Could not read",
                                        "packed object",
                                        "unable to parse",
                                        "broken pack",
                                        "not a git repository: ",
                                        "inflate: data stream error",
                                        "is far too short to be a packfile",
                                        "index file",
                                        "bad config line",
                                        "cannot be accessed"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (strstr(said, parts[i]))
            return true;
    return false;
}

/* The line that says most: the first "fatal:" or "error:", else the last of all. New string, printable. */
static char *reason_of(const char *said)
{
    static const char *const signs[] = {"ERROR: ", "fatal: ", "error: ", "ssh: "};
    g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
    const char *reason = NULL, *last = NULL;
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        for (size_t i = 0; !reason && i < G_N_ELEMENTS(signs); i++)
            if (g_str_has_prefix(*line, signs[i]))
                reason = *line + (strncmp(signs[i], "ssh", 3) == 0 ? 0 : strlen(signs[i]));
        if (**line)
            last = *line;
    }
    if (!reason || strstr(reason, "Could not read from remote repository"))
        for (char **line = lines; *line; line++) /* ssh's own words stand before git's */
            if (strstr(*line, "Permission denied") || strstr(*line, "verification failed") ||
                strstr(*line, "onnection "))
                reason = *line;
    char *text = g_utf8_make_valid(reason ? reason : last ? last : "git gave no reason", -1);
    for (char *byte = text; *byte; byte++)
        if (g_ascii_iscntrl(*byte))
            *byte = ' ';
    if (strlen(text) > LINE_MAX_SHOWN)
        *g_utf8_find_prev_char(text, text + LINE_MAX_SHOWN) = '\0';
    return text;
}

static bool fail_fetch(const Helper *helper, int status, GError **error)
{
    const char *said = helper->said->str, *cure = NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return fail(error, SOURCE_ERROR_UNREADABLE, helper->fetch->location->url,
                    "the git executable is missing: install git");
    for (size_t i = 0; !cure && i < G_N_ELEMENTS(cures); i++)
        if (strstr(said, cures[i].part))
            cure = cures[i].cure;
    g_autofree char *reason = reason_of(said);
    SourceErrorCode code = g_strcmp0(cure, COMMIT_GONE) == 0 ? SOURCE_ERROR_REF
                           : blames_mirror(said)             ? SOURCE_ERROR_DAMAGED
                                                             : SOURCE_ERROR_REMOTE;
    g_set_error(error, SOURCE_ERROR, code, "%s cannot be fetched: %s%s%s", helper->fetch->location->url,
                reason, cure ? "; " : "", cure ? cure : "");
    return false;
}

static bool helper_end(Helper *helper, WaitResult result, GError **error)
{
    if (result != WAIT_ENDED)
        helper_kill(helper);
    int status = reap(helper);
    hear(helper);
    switch (result) {
    case WAIT_TIMED_OUT:
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_REMOTE,
                    "%s cannot be fetched: not done within %" G_GINT64_FORMAT " s (timeout in sources.yaml)",
                    helper->fetch->location->url, helper->fetch->settings->timeout_ms / 1000);
        return false;
    case WAIT_CANCELLED:
        return fail(error, SOURCE_ERROR_CANCELLED, helper->fetch->location->url, "the fetch was ended");
    case WAIT_ENDED: break;
    }
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) || fail_fetch(helper, status, error);
}

static bool run(const RepoFetch *fetch, const char *const *command, const char *const *more, GError **error)
{
    Helper helper = {.fetch = fetch, .said_fd = -1, .pidfd = -1};
    g_autofree char *config = g_build_filename(fetch->mirror, CONFIG_NAME, NULL);
    g_autofree char *text = repo_config_text(fetch->location, fetch->settings, fetch->mirror);
    if (!g_file_set_contents_full(config, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error))
        return false;
    g_auto(GStrv) arguments = arguments_of(fetch, command, more);
    g_auto(GStrv) environment = repo_config_environment(fetch->location, fetch->settings, config, error);
    helper.deadline_us = g_get_monotonic_time() + fetch->settings->timeout_ms * 1000;
    if (!environment || !helper_start(&helper, arguments, environment, error))
        return false;
    helper.said = g_string_new(NULL);
    bool is_good = helper_end(&helper, helper_wait(&helper), error);
    g_string_free(helper.said, TRUE);
    close(helper.pidfd);
    close(helper.said_fd);
    return is_good;
}

bool repo_fetch_run(const RepoFetch *fetch, const char *const *refspecs, GError **error)
{
    const char *const command[] = {"fetch",
                                   "--quiet",
                                   "--no-auto-gc",
                                   "--no-write-fetch-head",
                                   "--atomic",
                                   "--prune",
                                   "--force",
                                   "--no-tags",
                                   "--no-recurse-submodules",
                                   "--",
                                   fetch->location->url,
                                   NULL};
    return run(fetch, command, refspecs, error);
}

void repo_fetch_tidy(const RepoFetch *fetch)
{
    const char *const command[] = {"gc", "--quiet", "--prune=2.weeks.ago", NULL}, *const nothing[] = {NULL};
    run(fetch, command, nothing, NULL);
}

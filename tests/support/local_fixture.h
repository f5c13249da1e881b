/* local_fixture.h: a state directory, a local provider and the events it reported, for tests of the provider.
 * Owns:   a temporary directory; the launcher that was started in it is ended by fixture_clear().
 * Calls:  provider.h. Functions are static so that each test program holds only what it links anyway. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "reconciler/provider/provider.h"

#define FIXTURE_WATCHDOG_S 60 /* a hang is a failure, not a timing */

typedef struct {
    ProviderEvent event;
    char *reason, *notice;
} Seen;

typedef struct {
    char *dir;
    Provider *provider;
    GPtrArray *seen; /* Seen */
    uint64_t term;
    uint32_t tokens;
} Fixture;

static G_GNUC_UNUSED void seen_free(gpointer data)
{
    Seen *seen = data;
    g_free(seen->reason);
    g_free(seen->notice);
    g_free(seen);
}

static G_GNUC_UNUSED void fixture_event(const ProviderEvent *event, void *data)
{
    Fixture *fixture = data;
    Seen *seen = g_new0(Seen, 1);
    seen->event = *event;
    seen->reason = g_strdup(event->reason);
    seen->notice = g_strdup(event->notice);
    g_ptr_array_add(fixture->seen, seen);
}

static G_GNUC_UNUSED void fixture_connect(Fixture *fixture, const LaunchToken *expected, size_t len)
{
    g_autoptr(GError) error = NULL;
    fixture->provider = provider_local_new(fixture->dir, fixture_event, fixture, &error);
    g_assert_no_error(error);
    g_autofree ProviderExpected *all = g_new0(ProviderExpected, len);
    for (size_t i = 0; i < len; i++)
        all[i].token = expected[i];
    const ProviderStart start = {.term = ++fixture->term, .expected = all, .expected_len = len};
    g_assert_true(fixture->provider->start(fixture->provider, &start, &error));
    g_assert_no_error(error);
}

static G_GNUC_UNUSED void fixture_disconnect(Fixture *fixture)
{
    fixture->provider->free(fixture->provider);
    fixture->provider = NULL;
    g_ptr_array_set_size(fixture->seen, 0);
}

static G_GNUC_UNUSED void fixture_init(Fixture *fixture)
{
    *fixture = (Fixture){.seen = g_ptr_array_new_with_free_func(seen_free)};
    fixture->dir = g_dir_make_tmp("muster-local-XXXXXX", NULL);
    g_assert_nonnull(fixture->dir);
    g_setenv("MUSTER_LAUNCHER_LINGER_MS", "0", TRUE); /* goes as soon as nobody needs it */
    alarm(FIXTURE_WATCHDOG_S);
}

/* The launcher's pid, from its lock file; 0: none was started. */
static G_GNUC_UNUSED pid_t fixture_launcher(const Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->dir, "launcher", "lock", NULL);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
}

/* Waits until the process is gone (or a zombie), whoever its parent is. */
static G_GNUC_UNUSED void fixture_wait_gone(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {fd, POLLIN, 0};
    while (fd >= 0 && poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        close(fd);
}

static G_GNUC_UNUSED void fixture_kill_launcher(const Fixture *fixture)
{
    pid_t pid = fixture_launcher(fixture);
    if (pid && kill(pid, SIGKILL) == 0)
        fixture_wait_gone(pid);
}

static G_GNUC_UNUSED void directory_remove(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            directory_remove(child);
        else
            g_unlink(child);
    }
    if (dir)
        g_dir_close(dir);
    g_rmdir(path);
}

static G_GNUC_UNUSED void fixture_wait(Fixture *fixture, ProviderEventType type, const LaunchToken *token);

/* Settles all, so that the launcher has nothing to keep and ends by itself. */
static G_GNUC_UNUSED void fixture_clear(Fixture *fixture)
{
    if (fixture->provider) {
        for (guint i = 0; i < fixture->seen->len; i++) {
            const Seen *seen = fixture->seen->pdata[i];
            if (seen->event.type >= PROVIDER_EVENT_REFUSED && seen->event.type <= PROVIDER_EVENT_LOST)
                fixture->provider->settled(fixture->provider, &seen->event.token, 1);
        }
        fixture->provider->free(fixture->provider);
    }
    pid_t pid = fixture_launcher(fixture);
    if (pid)
        fixture_wait_gone(pid);
    directory_remove(fixture->dir);
    g_free(fixture->dir);
    g_ptr_array_unref(fixture->seen);
    alarm(0);
}

static G_GNUC_UNUSED LaunchToken fixture_token(Fixture *fixture)
{
    LaunchToken token = {{0}};
    uint32_t random[3] = {g_random_int(), g_random_int(), ++fixture->tokens};
    memcpy(token.bytes, random, sizeof random);
    return token;
}

static G_GNUC_UNUSED const Seen *fixture_find(const Fixture *fixture, ProviderEventType type,
                                              const LaunchToken *token)
{
    for (guint i = 0; i < fixture->seen->len; i++) {
        const Seen *seen = fixture->seen->pdata[i];
        if (seen->event.type == type && (!token || launch_token_same(&seen->event.token, token)))
            return seen;
    }
    return NULL;
}

static G_GNUC_UNUSED guint fixture_count(const Fixture *fixture, ProviderEventType type,
                                         const LaunchToken *token)
{
    guint count = 0;
    for (guint i = 0; i < fixture->seen->len; i++) {
        const Seen *seen = fixture->seen->pdata[i];
        count += seen->event.type == type && (!token || launch_token_same(&seen->event.token, token));
    }
    return count;
}

static G_GNUC_UNUSED void fixture_wait(Fixture *fixture, ProviderEventType type, const LaunchToken *token)
{
    while (!fixture_find(fixture, type, token))
        g_main_context_iteration(NULL, TRUE);
}

/* A path below the state directory; the caller frees. */
static G_GNUC_UNUSED char *fixture_path(const Fixture *fixture, const LaunchToken *token, const char *name)
{
    g_autofree char *sub = g_strdup_printf("%02x%02x%02x%02x%02x", token->bytes[0], token->bytes[1],
                                           token->bytes[2], token->bytes[3], token->bytes[8]);
    return g_build_filename(fixture->dir, "attempts", sub, name, NULL);
}

typedef struct {
    const char *const *argv, *const *envp;
    int64_t memory_mib, timeout_ms, kill_grace_ms;
    const char *workspace, *user;
} Job;

static G_GNUC_UNUSED LaunchToken fixture_launch_as(Fixture *fixture, LaunchToken token, Job job)
{
    static const char *const plain[] = {"PATH=/usr/bin:/bin", NULL};
    g_autofree char *work_dir = fixture_path(fixture, &token, "work");
    g_autofree char *out = fixture_path(fixture, &token, "stdout");
    g_autofree char *err = fixture_path(fixture, &token, "stderr");
    LaunchRequest request = {.token = token,
                             .term = fixture->term,
                             .job_id = "job",
                             .argv = job.argv,
                             .envp = job.envp ? job.envp : plain,
                             .work_dir = work_dir,
                             .workspace = job.workspace,
                             .stdout_path = out,
                             .stderr_path = err,
                             .vcpus_e4 = 10000,
                             .memory_mib = job.memory_mib,
                             .timeout_ms = job.timeout_ms,
                             .kill_grace_ms = job.kill_grace_ms,
                             .user = job.user};
    fixture->provider->launch(fixture->provider, &request, 1);
    return token;
}

static G_GNUC_UNUSED LaunchToken fixture_launch(Fixture *fixture, Job job)
{
    return fixture_launch_as(fixture, fixture_token(fixture), job);
}

static G_GNUC_UNUSED LaunchToken fixture_shell(Fixture *fixture, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return fixture_launch(fixture, (Job){.argv = argv, .kill_grace_ms = 30000});
}

static G_GNUC_UNUSED const Seen *fixture_ended(Fixture *fixture, const LaunchToken *token)
{
    fixture_wait(fixture, PROVIDER_EVENT_ENDED, token);
    return fixture_find(fixture, PROVIDER_EVENT_ENDED, token);
}

static G_GNUC_UNUSED char *fixture_read(const Fixture *fixture, const LaunchToken *token, const char *name)
{
    g_autofree char *path = fixture_path(fixture, token, name);
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

/* Waits until the job has written a line to its standard output; returns it without the newline. */
static G_GNUC_UNUSED char *fixture_line(Fixture *fixture, const LaunchToken *token)
{
    char *text = NULL;
    while (!text || !strchr(text, '\n')) {
        g_free(text);
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
        text = fixture_read(fixture, token, "stdout");
    }
    *strchr(text, '\n') = '\0';
    return text;
}

/* How many processes but zombies carry the token in their environment. */
static G_GNUC_UNUSED guint processes_with(const LaunchToken *token)
{
    GString *needle = g_string_new("MUSTER_LAUNCH_TOKEN=");
    for (size_t i = 0; i < LAUNCH_TOKEN_BYTES; i++)
        g_string_append_printf(needle, "%02x", token->bytes[i]);
    guint count = 0;
    GDir *proc = g_dir_open("/proc", 0, NULL);
    for (const char *name; (name = g_dir_read_name(proc));) {
        g_autofree char *path = g_build_filename("/proc", name, "environ", NULL);
        g_autofree char *text = NULL;
        gsize len = 0;
        if (g_ascii_isdigit(*name) && g_file_get_contents(path, &text, &len, NULL))
            count += memmem(text, len, needle->str, needle->len) != NULL;
    }
    g_dir_close(proc);
    g_string_free(needle, TRUE);
    return count;
}

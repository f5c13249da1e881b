#include <sys/wait.h>
#include "tests/support/local_fixture.h"

static Fixture *begin(void)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture_init(fixture);
    fixture_connect(fixture, NULL, 0);
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    return fixture;
}

static void finish(Fixture *fixture)
{
    fixture_clear(fixture);
    g_free(fixture);
}

static void test_exit_code(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, "echo out; echo err >&2; exit 7");
    const Seen *end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.cause, ==, END_EXITED);
    g_assert_cmpint(end->event.exit_code, ==, 7);
    g_assert_cmpint(end->event.started_ms, >, 0);
    g_assert_cmpint(end->event.at_ms, >=, end->event.started_ms);
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_STARTED, &token), ==, 1);
    g_autofree char *out = fixture_read(fixture, &token, "stdout"),
                    *err = fixture_read(fixture, &token, "stderr");
    g_assert_cmpstr(out, ==, "out\n");
    g_assert_cmpstr(err, ==, "err\n");
    finish(fixture);
}

static void test_signal(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, "kill -USR1 $$");
    const Seen *end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.cause, ==, END_SIGNALLED);
    g_assert_cmpint(end->event.exit_code, ==, 128 + SIGUSR1);
    finish(fixture);
}

/* Everything the job sees is its own: variables, directory, descriptors, signals, session. */
static void test_environment(void)
{
    Fixture *fixture = begin();
    static const char *const envp[] = {"PATH=/usr/bin:/bin", "GREETING=hello world",
                                       "MUSTER_LAUNCH_TOKEN=forged", NULL};
    static const char *const argv[] = {"env", "-0", NULL};
    LaunchToken token = fixture_launch(fixture, (Job){.argv = argv, .envp = envp});
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 0);
    g_autofree char *path = fixture_path(fixture, &token, "stdout");
    g_autofree char *out = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(path, &out, &len, NULL));
    g_autoptr(GString) expected = g_string_new("MUSTER_LAUNCH_TOKEN=");
    for (size_t i = 0; i < LAUNCH_TOKEN_BYTES; i++)
        g_string_append_printf(expected, "%02x", token.bytes[i]);
    g_string_append_len(expected, "\0PATH=/usr/bin:/bin\0GREETING=hello world\0",
                        sizeof "\0PATH=/usr/bin:/bin\0GREETING=hello world\0" - 1);
    g_assert_cmpuint(len, ==, expected->len);
    g_assert_true(memcmp(out, expected->str, len) == 0);
    finish(fixture);
}

static void test_surroundings(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(
        fixture, "pwd; umask; ls /proc/self/fd | tr '\\n' ' '; echo; readlink /proc/self/fd/0;"
                 "grep -E '^Sig(Blk|Ign)' /proc/self/status; cut -d' ' -f6 /proc/$$/stat; echo $$");
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 0);
    g_autofree char *out = fixture_read(fixture, &token, "stdout"),
                    *dir = fixture_path(fixture, &token, "work");
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), >=, 8);
    g_assert_cmpstr(lines[0], ==, dir);
    g_assert_cmpint((int)g_ascii_strtoll(lines[1], NULL, 8), ==, 022);
    g_assert_cmpstr(lines[2], ==, "0 1 2 3 "); /* 3 is the directory that ls reads */
    g_assert_cmpstr(lines[3], ==, "/dev/null");
    g_assert_cmpstr(lines[4], ==, "SigBlk:\t0000000000000000");
    g_assert_cmpstr(lines[5], ==, "SigIgn:\t0000000000000000");
    g_assert_cmpstr(g_strstrip(lines[6]), ==, lines[7]);
    finish(fixture);
}

static void test_same_file_and_workspace(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_token(fixture);
    g_autofree char *work = fixture_path(fixture, &token, "work"),
                    *out = fixture_path(fixture, &token, "log");
    g_autofree char *workspace = g_build_filename(fixture->dir, "a", "b", "workspace", NULL);
    static const char *const argv[] = {"sh", "-c", "echo one; echo two >&2; echo three", NULL};
    static const char *const envp[] = {NULL};
    LaunchRequest request = {.token = token,
                             .term = fixture->term,
                             .job_id = "job",
                             .argv = argv,
                             .envp = envp,
                             .work_dir = work,
                             .workspace = workspace,
                             .stdout_path = out,
                             .stderr_path = out,
                             .vcpus_e4 = 2500};
    fixture->provider->launch(fixture->provider, &request, 1);
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 0);
    g_autofree char *text = fixture_read(fixture, &token, "log");
    g_assert_cmpstr(text, ==, "one\ntwo\nthree\n");
    g_assert_true(g_file_test(workspace, G_FILE_TEST_IS_DIR));
    finish(fixture);
}

static void assert_refused(Fixture *fixture, const LaunchToken *token, const char *reason)
{
    fixture_wait(fixture, PROVIDER_EVENT_REFUSED, token);
    g_assert_cmpstr(fixture_find(fixture, PROVIDER_EVENT_REFUSED, token)->reason, ==, reason);
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_STARTED, token));
}

static void test_refused(void)
{
    Fixture *fixture = begin();
    static const char *const missing[] = {"no-such-program", NULL}, *const directory[] = {"/tmp", NULL};
    LaunchToken token = fixture_launch(fixture, (Job){.argv = missing});
    assert_refused(fixture, &token,
                   "CannotStartContainerError: exec \"no-such-program\": No such file or directory");
    token = fixture_launch(fixture, (Job){.argv = directory});
    assert_refused(fixture, &token, "CannotStartContainerError: exec \"/tmp\": Permission denied");

    g_autofree char *text = g_build_filename(fixture->dir, "text", NULL);
    g_assert_true(g_file_set_contents_full(text, "no program", -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    const char *const unknown_format[] = {text, NULL}; /* passes every check before exec itself */
    token = fixture_launch(fixture, (Job){.argv = unknown_format});
    g_autofree char *expected =
        g_strdup_printf("CannotStartContainerError: exec \"%s\": exec format error", text);
    assert_refused(fixture, &token, expected);

    static const char *const fine[] = {"true", NULL};
    token = fixture_launch(fixture, (Job){.argv = fine, .workspace = "/dev/null/below"});
    assert_refused(fixture, &token,
                   "CannotCreateContainerError: workspace: /dev/null/below: Not a directory");
    finish(fixture);
}

static void test_timeout_grace(void)
{
    Fixture *fixture = begin();
    static const char *const polite[] = {
        "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done", NULL};
    static const char *const rude[] = {"sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done",
                                       NULL};
    LaunchToken obeys =
        fixture_launch(fixture, (Job){.argv = polite, .timeout_ms = 1500, .kill_grace_ms = 30000});
    LaunchToken resists =
        fixture_launch(fixture, (Job){.argv = rude, .timeout_ms = 1500, .kill_grace_ms = 50});
    const Seen *end = fixture_ended(fixture, &obeys);
    g_assert_cmpint(end->event.cause, ==, END_TIMEOUT);
    g_assert_cmpint(end->event.exit_code, ==, 3);
    g_autofree char *out = fixture_read(fixture, &obeys, "stdout");
    g_assert_cmpstr(out, ==, "up\nbye\n");
    end = fixture_ended(fixture, &resists);
    g_assert_cmpint(end->event.cause, ==, END_TIMEOUT);
    g_assert_cmpint(end->event.exit_code, ==, 128 + SIGKILL);
    g_assert_cmpuint(processes_with(&resists), ==, 0);
    finish(fixture);
}

static void test_stop(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, "echo up; exec sleep 1000");
    g_free(fixture_line(fixture, &token));
    fixture->provider->stop(fixture->provider, &token, "because");
    fixture->provider->stop(fixture->provider, &token, "again");
    const Seen *end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.cause, ==, END_STOPPED);
    g_assert_cmpint(end->event.exit_code, ==, 128 + SIGTERM);
    g_assert_cmpstr(end->reason, ==, "because");

    LaunchToken unknown = fixture_token(fixture);
    fixture->provider->stop(fixture->provider, &unknown, "never was");
    fixture_wait(fixture, PROVIDER_EVENT_REFUSED, &unknown);
    /* A late order for it must not start it after all. */
    static const char *const argv[] = {"true", NULL};
    fixture_launch_as(fixture, unknown, (Job){.argv = argv});
    LaunchToken after = fixture_shell(fixture, "exit 0");
    fixture_ended(fixture, &after);
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_STARTED, &unknown));
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_REFUSED, &unknown), ==, 2);
    finish(fixture);
}

/* A daemon with its own session, its own group and no parent of ours left is still the attempt's. */
static void test_leftovers(void)
{
    Fixture *fixture = begin();
    LaunchToken token =
        fixture_shell(fixture, "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); sleep 1000 & "
                               "while [ ! -s daemon ]; do :; done; exit 5");
    const Seen *end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.exit_code, ==, 5);
    g_assert_cmpint(end->event.cause, ==, END_EXITED);
    g_assert_cmpuint(processes_with(&token), ==, 0);
    finish(fixture);
}

static gboolean runs(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    const char *state = strrchr(text, ')');
    return state && !strchr("ZX", state[2]);
}

/* In the middle of an execve() a process shows no environment: one that is there all the time, now and then
 * seems to be nobody's. */
static void test_leftovers_between_programs(void)
{
    enum { ROUNDS = 20 };
    Fixture *fixture = begin();
    for (int i = 0; i < ROUNDS; i++) {
        LaunchToken token = fixture_shell(
            fixture, "printf '#!/bin/sh\\n[ -s daemon ] || echo $$ > daemon\\nexec ./again\\n' > again; "
                     "chmod +x again; (setsid ./again &); while [ ! -s daemon ]; do :; done; exit 5");
        g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 5);
        g_autofree char *text = fixture_read(fixture, &token, "work/daemon");
        pid_t pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
        g_assert_cmpint(pid, >, 1);
        if (runs(pid)) {
            kill(pid, SIGKILL); /* else it goes on for ever */
            g_error("process %d outlived its attempt in round %d", (int)pid, i);
        }
    }
    finish(fixture);
}

/* Without the token in its environment only a cgroup tells whose it is. */
static void test_leftovers_hidden(void)
{
    Fixture *fixture = begin();
    if (!strstr(fixture_find(fixture, PROVIDER_EVENT_CAPACITY, NULL)->notice, "found by cgroup")) {
        g_test_skip("no writable cgroup hierarchy: a process that clears its environment can escape");
        finish(fixture);
        return;
    }
    LaunchToken token = fixture_shell(fixture, "(env -i setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); "
                                               "while [ ! -s daemon ]; do :; done; exit 5");
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 5);
    g_autofree char *text = fixture_read(fixture, &token, "work/daemon");
    pid_t pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
    g_assert_cmpint(pid, >, 1);
    g_assert_cmpint(kill(pid, 0), ==, -1);
    finish(fixture);
}

static void test_memory(void)
{
    Fixture *fixture = begin();
    const Seen *capacity = fixture_find(fixture, PROVIDER_EVENT_CAPACITY, NULL);
    if (!strstr(capacity->notice, "memory limits: cgroup")) {
        g_test_skip("this machine lets nobody limit memory: no writable memory cgroup");
        finish(fixture);
        return;
    }
    static const char *const greedy[] = {"sh", "-c",
                                         "head -c 60000000 /dev/zero | tail -c 55000000 >/dev/null", NULL};
    static const char *const fits[] = {"sh", "-c", "head -c 1000000 /dev/zero | tail -c 500000 >/dev/null",
                                       NULL};
    LaunchToken token = fixture_launch(fixture, (Job){.argv = greedy, .memory_mib = 16});
    const Seen *end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.cause, ==, END_OOM);
    g_assert_cmpint(end->event.exit_code, ==, 137);
    g_assert_cmpstr(end->reason, ==, "OutOfMemoryError: Container killed due to memory usage");
    token = fixture_launch(fixture, (Job){.argv = fits, .memory_mib = 16}); /* in the same slot */
    end = fixture_ended(fixture, &token);
    g_assert_cmpint(end->event.cause, ==, END_EXITED);
    token = fixture_launch(fixture, (Job){.argv = greedy, .memory_mib = 128}); /* the limit is raised again */
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 0);
    finish(fixture);
}

static void test_duplicate(void)
{
    Fixture *fixture = begin();
    static const char *const argv[] = {"sh", "-c", "echo ran; exec sleep 1000", NULL};
    LaunchToken token = fixture_launch(fixture, (Job){.argv = argv});
    g_free(fixture_line(fixture, &token));
    fixture_launch_as(fixture, token, (Job){.argv = argv});
    fixture->provider->stop(fixture->provider, &token, NULL);
    fixture_ended(fixture, &token);
    fixture_launch_as(fixture, token, (Job){.argv = argv}); /* answered from the record */
    while (fixture_count(fixture, PROVIDER_EVENT_ENDED, &token) < 2)
        g_main_context_iteration(NULL, TRUE);
    g_autofree char *out = fixture_read(fixture, &token, "stdout");
    g_assert_cmpstr(out, ==, "ran\n");
    finish(fixture);
}

static void test_user(void)
{
    if (geteuid() != 0) {
        g_test_skip("only root changes users");
        return;
    }
    Fixture *fixture = begin();
    g_assert_cmpint(chmod(fixture->dir, 0755), ==, 0);
    static const char *const argv[] = {"sh", "-c", "id -u; id -g; id -G; touch made", NULL};
    LaunchToken token = fixture_launch(fixture, (Job){.argv = argv, .user = "65534:12"});
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 0);
    g_autofree char *out = fixture_read(fixture, &token, "stdout");
    g_assert_true(g_str_has_prefix(out, "65534\n12\n12"));
    token = fixture_launch(fixture, (Job){.argv = argv, .user = "no-such-user-here"});
    fixture_wait(fixture, PROVIDER_EVENT_REFUSED, &token);
    finish(fixture);
}

/* Launches asked for before the launcher is there are reported before OBSERVED. */
static void test_early(void)
{
    Fixture fixture;
    fixture_init(&fixture);
    fixture_connect(&fixture, NULL, 0);
    LaunchToken token = fixture_shell(&fixture, "exit 0");
    g_assert_cmpuint(fixture.seen->len, ==, 0); /* nothing is called from within a call */
    fixture_wait(&fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_nonnull(fixture_find(&fixture, PROVIDER_EVENT_STARTED, &token));
    g_assert_cmpint(((const Seen *)fixture.seen->pdata[0])->event.type, ==, PROVIDER_EVENT_CAPACITY);
    fixture_ended(&fixture, &token);
    fixture_clear(&fixture);
}

static void test_many(void)
{
    Fixture *fixture = begin();
    enum { MANY = 100 };
    LaunchToken tokens[MANY];
    for (int i = 0; i < MANY; i++) {
        g_autofree char *script = g_strdup_printf("exit %d", i);
        tokens[i] = fixture_shell(fixture, script);
    }
    for (int i = 0; i < MANY; i++)
        g_assert_cmpint(fixture_ended(fixture, &tokens[i])->event.exit_code, ==, i);
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_ENDED, NULL), ==, MANY);
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_STARTED, NULL), ==, MANY);
    finish(fixture);
}

static void test_capacity(void)
{
    int64_t vcpus, memory;
    int gpus;
    g_autofree char *notice = NULL;
    provider_local_capacity(&vcpus, &memory, &gpus, &notice);
    g_assert_cmpint(vcpus, >=, 10000);
    g_assert_cmpint(vcpus % 10000, ==, 0);
    g_assert_cmpint(memory, >, 0);
    g_assert_cmpint(gpus, >=, 0);
    g_assert_true(g_str_has_prefix(notice, "memory limits: "));
}

typedef struct {
    const char *name;
    void (*func)(void);
} Case;

static void run_case(gconstpointer data)
{
    const Case *wanted = data;
    wanted->func();
}

static void run_case_without_cgroups(gconstpointer data)
{
    const Case *wanted = data;
    g_setenv("MUSTER_LAUNCHER_CGROUPS", "none", TRUE);
    wanted->func();
    g_unsetenv("MUSTER_LAUNCHER_CGROUPS");
}

/* Each also where membership is told by the token alone, as for a user who may make no cgroups. */
int main(int argc, char **argv)
{
    static const Case cases[] = {
        {"exit-code", test_exit_code},
        {"signal", test_signal},
        {"environment", test_environment},
        {"surroundings", test_surroundings},
        {"workspace", test_same_file_and_workspace},
        {"refused", test_refused},
        {"timeout", test_timeout_grace},
        {"stop", test_stop},
        {"leftovers", test_leftovers},
        {"leftovers-between-programs", test_leftovers_between_programs},
        {"leftovers-hidden", test_leftovers_hidden},
        {"memory", test_memory},
        {"duplicate", test_duplicate},
        {"user", test_user},
        {"early", test_early},
        {"many", test_many},
        {"capacity", test_capacity},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/local/%s", cases[i].name);
        g_autofree char *bare = g_strdup_printf("/local/without-cgroups/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], run_case);
        g_test_add_data_func(bare, &cases[i], run_case_without_cgroups);
    }
    return g_test_run();
}

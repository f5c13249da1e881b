/* Kills, restarts and lies, with real processes. */
#include <sys/socket.h>
#include <sys/un.h>
#include "reconciler/provider/local/launcher_protocol.h"
#include "tests/support/local_fixture.h"

#define HIDDEN_DAEMON                                                                                        \
    "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); while [ ! -s daemon ]; do :; done; "

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

/* A launcher dies: its jobs are proven gone before they are reported lost, once each. */
static void test_launcher_killed(void)
{
    Fixture *fixture = begin();
    enum { JOBS = 5 };
    LaunchToken tokens[JOBS];
    for (int i = 0; i < JOBS; i++)
        tokens[i] = fixture_shell(fixture, HIDDEN_DAEMON "echo up; exec sleep 1000");
    LaunchToken ended = fixture_shell(fixture, "exit 4");
    for (int i = 0; i < JOBS; i++)
        g_free(fixture_line(fixture, &tokens[i]));
    fixture_ended(fixture, &ended);
    g_ptr_array_set_size(fixture->seen, 0);

    fixture_kill_launcher(fixture);
    for (int i = 0; i < JOBS; i++) {
        fixture_wait(fixture, PROVIDER_EVENT_LOST, &tokens[i]);
        g_assert_cmpuint(processes_with(&tokens[i]), ==, 0);
    }
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_LOST, NULL), ==, JOBS);
    g_assert_cmpint(fixture_find(fixture, PROVIDER_EVENT_ENDED, &ended)->event.exit_code, ==, 4);
    LaunchToken after = fixture_shell(fixture, "exit 0"); /* and work goes on */
    g_assert_cmpint(fixture_ended(fixture, &after)->event.exit_code, ==, 0);
    finish(fixture);
}

/* The reconciler goes and comes back: jobs went on, ends were kept, settled records are gone. */
static void test_reconciler_restarted(void)
{
    Fixture *fixture = begin();
    LaunchToken runs = fixture_shell(fixture, "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 9");
    LaunchToken settled = fixture_shell(fixture, "exit 1");
    LaunchToken ends = fixture_shell(fixture, "while [ ! -e go ]; do sleep 0.01; done; exit 3");
    g_free(fixture_line(fixture, &runs));
    fixture_ended(fixture, &settled);
    fixture->provider->settled(fixture->provider, &settled, 1);
    fixture_wait(fixture, PROVIDER_EVENT_STARTED, &ends);
    pid_t launcher = fixture_launcher(fixture);
    fixture_disconnect(fixture);

    g_autofree char *go = fixture_path(fixture, &ends, "work/go");
    g_assert_true(g_file_set_contents(go, "", 0, NULL));
    while (processes_with(&ends)) /* ends while nobody listens */
        g_thread_yield();

    LaunchToken never = fixture_token(fixture);
    LaunchToken expected[] = {runs, ends, never};
    fixture_connect(fixture, expected, G_N_ELEMENTS(expected));
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_cmpint(fixture_launcher(fixture), ==, launcher);
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_STARTED, &runs));
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_ENDED, &runs));
    g_assert_cmpint(fixture_ended(fixture, &ends)->event.exit_code, ==, 3);
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_ENDED, &settled));
    for (guint i = 0; i < fixture->seen->len; i++) /* OBSERVED alone says that it never started */
        g_assert_false(launch_token_same(&((const Seen *)fixture->seen->pdata[i])->event.token, &never));

    g_autofree char *run = fixture_path(fixture, &runs, "work/go");
    g_assert_true(g_file_set_contents(run, "", 0, NULL));
    g_assert_cmpint(fixture_ended(fixture, &runs)->event.exit_code, ==, 9);
    finish(fixture);
}

static void test_both_killed(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, HIDDEN_DAEMON "echo up; exec sleep 1000");
    g_free(fixture_line(fixture, &token));
    LaunchToken ended = fixture_shell(fixture, "exit 6");
    fixture_ended(fixture, &ended);
    fixture_disconnect(fixture);
    fixture_kill_launcher(fixture);

    LaunchToken never = fixture_token(fixture), expected[] = {token, ended, never};
    fixture_connect(fixture, expected, G_N_ELEMENTS(expected));
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &token));
    g_assert_cmpuint(processes_with(&token), ==, 0);
    g_assert_cmpint(fixture_ended(fixture, &ended)->event.exit_code, ==, 6);
    g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_LOST, NULL), ==, 1);
    finish(fixture);
}

/* Without a journal absence proves nothing: what is expected is killed if it runs, and lost either way. */
static void test_journal_gone(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, HIDDEN_DAEMON "echo up; exec sleep 1000");
    g_free(fixture_line(fixture, &token));
    fixture_disconnect(fixture);
    fixture_kill_launcher(fixture);
    g_autofree char *journal = g_build_filename(fixture->dir, "launcher", "journal", NULL);
    g_autofree char *tag = g_build_filename(fixture->dir, "launcher", "tag", NULL);
    g_assert_cmpint(g_unlink(journal), ==, 0);
    g_assert_cmpint(g_unlink(tag), ==,
                    0); /* its cgroups are not recognised any more: only the token is left */

    LaunchToken unknown = fixture_token(fixture), expected[] = {token, unknown};
    fixture_connect(fixture, expected, G_N_ELEMENTS(expected));
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &token));
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &unknown));
    g_assert_cmpuint(processes_with(&token), ==, 0);
    fixture_disconnect(fixture);

    LaunchToken later = fixture_token(fixture); /* from here on the journal is whole again */
    fixture_connect(fixture, &later, 1);
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_LOST, &later));
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &unknown)); /* not settled: told again */
    finish(fixture);
}

static void test_journal_torn(void)
{
    Fixture *fixture = begin();
    LaunchToken first = fixture_shell(fixture, "exit 1");
    fixture_ended(fixture, &first);
    LaunchToken second = fixture_shell(fixture, "exit 2");
    fixture_ended(fixture, &second);
    fixture_disconnect(fixture);
    fixture_kill_launcher(fixture);
    g_autofree char *journal = g_build_filename(fixture->dir, "launcher", "journal", NULL);
    struct stat info;
    g_assert_cmpint(stat(journal, &info), ==, 0);
    g_assert_cmpint(truncate(journal, info.st_size - 3), ==, 0); /* the second end */

    LaunchToken unknown = fixture_token(fixture), expected[] = {first, second, unknown};
    fixture_connect(fixture, expected, G_N_ELEMENTS(expected));
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_cmpint(fixture_ended(fixture, &first)->event.exit_code, ==, 1);
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &second));
    g_assert_nonnull(fixture_find(fixture, PROVIDER_EVENT_LOST, &unknown));
    finish(fixture);
}

static void test_old_term(void)
{
    Fixture *fixture = begin();
    fixture->term = 7;
    fixture_disconnect(fixture);
    fixture_connect(fixture, NULL, 0); /* term 8 */
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    Fixture old = {.dir = fixture->dir, .seen = g_ptr_array_new_with_free_func(seen_free), .term = 4};
    fixture_connect(&old, NULL, 0);
    fixture_wait(&old, PROVIDER_EVENT_CAPACITY, NULL);
    g_assert_nonnull(
        strstr(fixture_find(&old, PROVIDER_EVENT_CAPACITY, NULL)->notice, "refuses this reconciler"));
    LaunchToken token = fixture_shell(&old, "touch ran");

    fixture_disconnect(
        fixture); /* the launcher had to let the newer one go for the newcomer: it comes back */
    fixture_connect(fixture, &token, 1);
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_null(fixture_find(fixture, PROVIDER_EVENT_STARTED, &token));
    g_assert_cmpuint(fixture_count(&old, PROVIDER_EVENT_STARTED, NULL), ==, 0);
    old.provider->free(old.provider);
    g_ptr_array_unref(old.seen);
    finish(fixture);
}

static int raw_connect(const Fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/launcher/socket", fixture->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

/* Whatever is said to its socket, a launcher hangs up on nonsense and its jobs go on. */
static void test_hostile(void)
{
    Fixture *fixture = begin();
    LaunchToken token = fixture_shell(fixture, "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 9");
    g_free(fixture_line(fixture, &token));
    pid_t launcher = fixture_launcher(fixture);
    fixture_disconnect(fixture);
    for (guint32 round = 0; round < 50; round++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(round);
        int fd = raw_connect(fixture);
        WireBuffer bytes = {0};
        Hello hello = {LAUNCHER_MAGIC, LAUNCHER_VERSION, fixture->term, 1, NULL};
        if (round % 2)
            hello_put(&bytes, &hello);
        for (int i = 0; i < 64; i++) { /* plausible headers before random bodies */
            guint32 len = (guint32)g_rand_int_range(rand, 0, round % 5 ? 40 : G_MAXINT32);
            wire_put_u32(&bytes, len);
            wire_put_u32(&bytes, (guint32)g_rand_int_range(rand, FRAME_LAUNCH, FRAME_LOST + 2));
            for (guint32 j = 0; j < MIN(len, 40u); j++) {
                guint8 byte = (guint8)g_rand_int_range(rand, 0, 8);
                wire_append(&bytes, &byte, 1);
            }
        }
        send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        char answer[4096];
        while (recv(fd, answer, sizeof answer, 0) > 0)
            ;
        wire_clear(&bytes);
        close(fd);
    }
    fixture_connect(fixture, &token, 1);
    fixture_wait(fixture, PROVIDER_EVENT_OBSERVED, NULL);
    g_assert_cmpint(fixture_launcher(fixture), ==, launcher);
    g_autofree char *go = fixture_path(fixture, &token, "work/go");
    g_assert_true(g_file_set_contents(go, "", 0, NULL));
    g_assert_cmpint(fixture_ended(fixture, &token)->event.exit_code, ==, 9);
    finish(fixture);
}

/* The launcher dies at a random moment, over and over, while launches stream in: none starts twice, none is
 * forgotten. */
static void test_killed_at_random(void)
{
    Fixture *fixture = begin();
    enum { JOBS = 120, KILL_EVERY = 15 };
    LaunchToken tokens[JOBS];
    for (int i = 0; i < JOBS; i++) {
        tokens[i] = fixture_shell(fixture, "echo ran");
        if (i % KILL_EVERY == KILL_EVERY - 1) {
            for (guint32 turns = g_random_int() % 8; turns; turns--)
                g_main_context_iteration(NULL, FALSE);
            fixture_kill_launcher(fixture);
        }
    }
    for (int i = 0; i < JOBS; i++) {
        while (!fixture_find(fixture, PROVIDER_EVENT_ENDED, &tokens[i]) &&
               !fixture_find(fixture, PROVIDER_EVENT_LOST, &tokens[i]))
            g_main_context_iteration(NULL, TRUE);
        g_assert_false(fixture_find(fixture, PROVIDER_EVENT_ENDED, &tokens[i]) &&
                       fixture_find(fixture, PROVIDER_EVENT_LOST, &tokens[i]));
        g_assert_cmpuint(fixture_count(fixture, PROVIDER_EVENT_REFUSED, &tokens[i]), ==, 0);
        g_autofree char *out = fixture_read(fixture, &tokens[i], "stdout");
        g_assert_true(!out || g_str_equal(out, "") || g_str_equal(out, "ran\n"));
        g_assert_true(!fixture_find(fixture, PROVIDER_EVENT_ENDED, &tokens[i]) || g_str_equal(out, "ran\n"));
    }
    finish(fixture);
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
        {"killed", test_launcher_killed},    {"reconciler-restarted", test_reconciler_restarted},
        {"both-killed", test_both_killed},   {"journal-gone", test_journal_gone},
        {"journal-torn", test_journal_torn}, {"old-term", test_old_term},
        {"hostile", test_hostile},           {"killed-at-random", test_killed_at_random},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/launcher/%s", cases[i].name);
        g_autofree char *bare = g_strdup_printf("/launcher/without-cgroups/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], run_case);
        g_test_add_data_func(bare, &cases[i], run_case_without_cgroups);
    }
    return g_test_run();
}

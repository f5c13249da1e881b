/* spawn_bench.c: how fast the local provider starts and reaps /bin/true, against a bare posix_spawn loop in
 * the same run. Usage: spawn_bench [N]; finds the launcher by $MUSTER_LAUNCHER. Prints jobs per second. */
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include "tests/support/local_fixture.h"

#define JOBS_DEFAULT 2000

extern char **environ;

static double spawn_loop(guint jobs, guint at_once)
{
    char program[] = "/bin/true";
    char *argv[] = {program, NULL};
    gint64 start = g_get_monotonic_time();
    for (guint begun = 0, running = 0; begun < jobs || running;) {
        for (; running < at_once && begun < jobs; begun++, running++) {
            pid_t pid;
            if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0)
                g_error("posix_spawn");
        }
        wait(NULL);
        running--;
    }
    return jobs / ((double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC);
}

/* Keeps at_once in flight, as the reconciler would on a machine of at_once vCPUs, and settles each end. */
static double provider_loop(Fixture *fixture, guint jobs, guint at_once)
{
    static const char *const argv[] = {"/bin/true", NULL};
    gint64 start = g_get_monotonic_time();
    for (guint begun = 0, ended = 0; ended < jobs;) {
        for (; begun < jobs && begun - ended < at_once; begun++)
            fixture_launch(fixture, (Job){.argv = argv, .memory_mib = 64, .kill_grace_ms = 1000});
        g_main_context_iteration(NULL, TRUE);
        for (guint i = 0; i < fixture->seen->len; i++) {
            const Seen *seen = fixture->seen->pdata[i];
            if (seen->event.type != PROVIDER_EVENT_ENDED)
                continue;
            g_assert_cmpint(seen->event.exit_code, ==, 0);
            fixture->provider->settled(fixture->provider, &seen->event.token, 1);
            ended++;
        }
        g_ptr_array_set_size(fixture->seen, 0);
    }
    return jobs / ((double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC);
}

int main(int argc, char **argv)
{
    guint jobs = argc > 1 ? (guint)g_ascii_strtoull(argv[1], NULL, 10) : JOBS_DEFAULT;
    Fixture fixture;
    fixture_init(&fixture);
    alarm(0);
    fixture_connect(&fixture, NULL, 0);
    fixture_wait(&fixture, PROVIDER_EVENT_OBSERVED, NULL);
    printf("# %s\n", fixture_find(&fixture, PROVIDER_EVENT_CAPACITY, NULL)->notice);
    g_ptr_array_set_size(fixture.seen, 0);
    static const guint at_once[] = {1, 2, 4};
    for (size_t i = 0; i < G_N_ELEMENTS(at_once); i++) {
        double bare = spawn_loop(jobs, at_once[i]);
        double through = provider_loop(&fixture, jobs, at_once[i]);
        printf("%u at once: bare posix_spawn %.0f/s, launcher %.0f/s, ratio %.2f\n", at_once[i], bare,
               through, through / bare);
    }
    fixture_clear(&fixture);
    return 0;
}

/* Tasks that a restored state did not ask for: adopted in rounds, stopped, or held until they end. */
#include "reconciler/world/guest.h"
#include "tests/support/engine_fixture.h"
#include "tests/support/world_cloud.h"

/* ---- a state that was restored ---- */

#define FIRST  2
#define BEHIND 1 /* waits for it, and comes before it by its id */
#define ARRAY  3
#define GANG   4
#define SIMPLE 5
#define ASKED  6 /* its launch, 60, is not known to have begun */

static void write_state(Engine *engine)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    g_assert_true(fake_load(engine, &world_sink, world, &error) && world_loaded(world, &error));
    world_set_setting(world, RESTORED_SETTING, "{\"at\":900000,\"from\":\"old.db\",\"standsFor\":500000}");
    cloud_environment(world, "cloud", "");
    fixture_queue(world, "far", 1, "cloud");
    cloud_gang(world, "gang", 2, 0, "");
    g_autofree char *depends = fixture_depends(fixture_job(world, FIRST, "thrice", ""), "");
    fixture_job(world, BEHIND, "one", depends);
    fixture_job(world, ARRAY, "thrice", ",'arrayProperties':{'size':2}");
    fixture_try(world, GANG, "{'jobName':'j','jobQueue':'far','jobDefinition':'gang'}", NULL);
    fixture_job(world, SIMPLE, "one", "");
    fixture_launch(world, fixture_job(world, ASKED, "one", ""), NOT_A_CHILD, 60);
    g_assert_true(
        store_wait(engine->store, store_commit(engine->store, world_take_batch(world), 2000), &error));
}

static void host_again(Engine *engine)
{
    g_clear_pointer(&engine->reconciler, reconciler_free);
    engine->wake_ms = 0;
    engine_host(engine);
    g_string_truncate(engine->log, 0);
}

static void setup(Engine *engine, gconstpointer data)
{
    engine_setup(engine, data);
    engine_settle(engine);
    write_state(engine);
    host_again(engine);
}

static const World *world_of(const Engine *engine)
{
    return reconciler_world(engine->reconciler);
}

static const Job *job_numbered(const Engine *engine, uint64_t number)
{
    JobId id = fixture_id(number);
    return world_job(world_of(engine), &id);
}

/* ---- what is told ---- */

static void found(Engine *engine, uint64_t token, uint64_t job, const char *more, int attempt)
{
    JobId id = fixture_id(job);
    char text[37];
    job_id_to_text(&id, text);
    g_autofree char *name = g_strconcat(text, more, NULL);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_FOUND,
                                         .token = fixture_token(token),
                                         .environment = "here",
                                         .job = name,
                                         .attempt = attempt,
                                         .provider_id = "arn:task"});
}

static void told(Engine *engine, ProviderEventType type, uint64_t token, int exit_code)
{
    engine_event(engine, (ProviderEvent){.type = type,
                                         .token = fixture_token(token),
                                         .at_ms = 900000,
                                         .started_ms = 800000,
                                         .exit_code = exit_code});
}

/* There is room for everything. */
static void all_told(Engine *engine)
{
    engine_observed(engine);
    engine_event(engine,
                 (ProviderEvent){.type = PROVIDER_EVENT_CAPACITY, .vcpus_e4 = 160000, .memory_mib = 4096});
}

static bool was_launched(const Engine *engine, uint64_t job)
{
    const Job *wanted = job_numbered(engine, job);
    for (guint i = 0; i < engine->launched->len; i++) {
        const Launch *launch =
            world_launch(world_of(engine), &g_array_index(engine->launched, LaunchToken, i));
        if (launch && launch->job == wanted)
            return true;
    }
    return false;
}

/* ---- rounds ---- */

/* What waits for another is told first, and adopted all the same: the other one had ended. */
static void test_rounds(Engine *engine, gconstpointer data)
{
    (void)data;
    found(engine, 20, BEHIND, "", 1);
    told(engine, PROVIDER_EVENT_STARTED, 20, 0);
    found(engine, 11, FIRST, "", 2);
    told(engine, PROVIDER_EVENT_STARTED, 11, 0);
    told(engine, PROVIDER_EVENT_ENDED, 11, 0);
    found(engine, 10, FIRST, "", 1);
    told(engine, PROVIDER_EVENT_ENDED, 10, 1);
    found(engine, 31, ARRAY, ":1", 1);
    told(engine, PROVIDER_EVENT_STARTED, 31, 0);
    engine_settle(engine);
    g_assert_cmpuint(world_launches_len(world_of(engine)), ==,
                     1); /* that of ASKED: not before all was told */
    all_told(engine);
    engine_run(engine);
    g_assert_cmpint(job_numbered(engine, FIRST)->state, ==, JOB_SUCCEEDED);
    g_assert_cmpint(job_numbered(engine, FIRST)->attempts, ==, 2);
    g_assert_cmpint(job_numbered(engine, BEHIND)->state, ==, JOB_RUNNING);
    g_assert_cmpint(job_numbered(engine, BEHIND)->started_ms, ==, 900000);
    g_assert_cmpint(fixture_child(job_numbered(engine, ARRAY), 1), ==, JOB_RUNNING);
    engine_settle(engine);
    for (guint i = 0; i < engine->launched->len; i++) {
        const Launch *launch =
            world_launch(world_of(engine), &g_array_index(engine->launched, LaunchToken, i));
        g_assert_true(!launch || (launch->job != job_numbered(engine, BEHIND) &&
                                  (launch->job != job_numbered(engine, ARRAY) || launch->index == 0)));
    }
    g_assert_nonnull(strstr(engine->log->str, "settled 3|"));
    g_assert_null(strstr(engine->log->str, "stop "));
    world_check(world_of(engine));
    told(engine, PROVIDER_EVENT_ENDED, 20, 0); /* it is a launch like any other */
    engine_settle(engine);
    g_assert_true(!job_numbered(engine, BEHIND) || job_numbered(engine, BEHIND)->state == JOB_SUCCEEDED);
}

/* The batch that held it has failed: what was told before stays known, and is done again. */
static void test_failed_commit(Engine *engine, gconstpointer data)
{
    (void)data;
    found(engine, 10, FIRST, "", 1);
    told(engine, PROVIDER_EVENT_STARTED, 10, 0);
    found(engine, 90, 90, "", 1);
    engine_settle(engine);
    all_told(engine);
    engine_run(engine);
    g_assert_cmpint(job_numbered(engine, FIRST)->state, ==, JOB_RUNNING);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_cmpint(job_numbered(engine, FIRST)->state, ==, JOB_RUNNING);
    g_assert_cmpint(job_numbered(engine, FIRST)->attempts, ==, 1);
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 1);
    g_assert_null(world_setting(world_of(engine), RESTORED_SETTING));
    g_assert_false(was_launched(engine, FIRST));
}

/* ---- what is left ---- */

/* What its job is not waiting for is ended: it would run twice. What had ended is past. */
static void test_stopped(Engine *engine, gconstpointer data)
{
    (void)data;
    found(engine, 20, BEHIND, "", 1); /* FIRST has not ended */
    told(engine, PROVIDER_EVENT_STARTED, 20, 0);
    found(engine, 40, GANG, "/1", 1);
    found(engine, 50, SIMPLE, "", 0); /* it does not say which */
    found(engine, 51, SIMPLE, "", 1);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_REFUSED, .token = fixture_token(51)});
    found(engine, 91, 91, "", 1);
    told(engine, PROVIDER_EVENT_ENDED, 91, 0);
    all_told(engine);
    engine_settle(engine);
    int stops = 0;
    for (const char *at = engine->log->str; (at = strstr(at, "stop ")); at++)
        stops++;
    g_assert_cmpint(stops, ==, 3);
    g_assert_nonnull(strstr(engine->log->str, "settled 3|")); /* 51, 91, 60 */
    g_assert_cmpint(job_numbered(engine, BEHIND)->state, ==, JOB_PENDING);
    /* They are guests until they have ended, and nothing of their jobs begins before. */
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 3);
    g_assert_cmpint(job_numbered(engine, SIMPLE)->state, ==, JOB_STARTING);
    g_assert_false(was_launched(engine, SIMPLE));
    g_assert_true(was_launched(engine, FIRST));
    g_string_truncate(engine->log, 0);
    told(engine, PROVIDER_EVENT_ENDED, 50, 137);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "settled 1|"));
    g_assert_true(was_launched(engine, SIMPLE));
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 2);
}

/* A commit fails: what it held up is asked for once it is over, or is no more. */
static void test_deferred_and_failed(Engine *engine, gconstpointer data)
{
    (void)data;
    found(engine, 50, SIMPLE, "", 0);
    all_told(engine);
    engine_run(engine);
    g_assert_cmpint(job_numbered(engine, SIMPLE)->state, ==, JOB_STARTING);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_cmpint(job_numbered(engine, SIMPLE)->state, ==, JOB_STARTING);
    g_assert_false(was_launched(engine, SIMPLE));
    told(engine, PROVIDER_EVENT_ENDED, 50, 137);
    engine_settle(engine);
    g_assert_true(was_launched(engine, SIMPLE));
}

/* What was refused before, to be placed anew, says nothing of the launch that came of that. */
static void test_refused_before(Engine *engine, gconstpointer data)
{
    (void)data;
    LaunchToken asked = fixture_token(60);
    told(engine, PROVIDER_EVENT_ACCEPTED, 60, 0);
    found(engine, 61, ASKED, "", 1);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_REFUSED, .token = fixture_token(61)});
    all_told(engine);
    engine_settle(engine);
    g_assert_nonnull(world_launch(world_of(engine), &asked));
}

/* A launch that nobody has seen is proven to be over: should it show after all, it ends. */
static void test_proven_over(Engine *engine, gconstpointer data)
{
    (void)data;
    LaunchToken asked = fixture_token(60);
    told(engine, PROVIDER_EVENT_ACCEPTED, 60, 0);
    found(engine, 61, ASKED, "", 1);
    told(engine, PROVIDER_EVENT_STARTED, 61, 0);
    all_told(engine);
    engine_settle(engine);
    g_assert_null(world_launch(world_of(engine), &asked));
    g_assert_nonnull(strstr(engine->log->str, "stop "));
    g_assert_cmpint(job_numbered(engine, ASKED)->state, ==, JOB_RUNNING);
}

/* ---- guests ---- */

static void be_guest(Engine *engine)
{
    found(engine, 90, 90, "", 1);
    told(engine, PROVIDER_EVENT_STARTED, 90, 0);
    all_told(engine);
    engine_settle(engine);
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 1);
    g_assert_null(strstr(engine->log->str, "stop "));
    g_string_truncate(engine->log, 0);
}

static void test_guest_ends(Engine *engine, gconstpointer data)
{
    (void)data;
    be_guest(engine);
    engine_call(engine, "status", "{}");
    engine_settle(engine);
    const json_t *held = json_object_get(engine_last_answer(engine), "held");
    g_assert_cmpuint(json_array_size(held), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(held, 0), "task")), ==, "arn:task");
    engine_call(engine, "metrics", "{}");
    engine_settle(engine);
    const Call *figures = engine->answers->pdata[engine->answers->len - 1];
    g_assert_nonnull(strstr(figures->result.text->str, "muster_held_tasks 1\n"));
    told(engine, PROVIDER_EVENT_ENDED, 90, 7);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "settled 1|"));
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 0);
    engine_call(engine, "events", "{}");
    engine_settle(engine);
    g_autofree char *events = json_dumps(engine_last_answer(engine), JSON_COMPACT);
    g_assert_nonnull(strstr(events, "environment.held"));
    g_assert_nonnull(strstr(events, "has ended with exit code 7"));
}

/* The next process expects it; what a whole observation does not hold is not there. */
static void test_guest_in_the_next_process(Engine *engine, gconstpointer data)
{
    (void)data;
    be_guest(engine);
    size_t launches = world_launches_len(world_of(engine));
    host_again(engine);
    g_assert_cmpuint(engine->expected, ==, launches + 1);
    told(engine, PROVIDER_EVENT_STARTED, 90, 0);
    all_told(engine);
    engine_settle(engine);
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 1);
    host_again(engine);
    all_told(engine);
    engine_settle(engine);
    g_assert_cmpuint(world_guests_len(world_of(engine)), ==, 0);
}

static void test_guest_is_terminated(Engine *engine, gconstpointer data)
{
    (void)data;
    JobId id = fixture_id(90), other = fixture_id(91);
    char text[37];
    be_guest(engine);
    job_id_to_text(&other, text);
    g_autofree char *of_other = g_strdup_printf("{'jobs':['%s']}", text);
    engine_call(engine, "terminate", of_other);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "answer terminate 404|"));
    job_id_to_text(&id, text);
    g_autofree char *request = g_strdup_printf("{'jobs':['%s']}", text);
    g_autofree char *limited = g_strdup_printf("{'jobs':['%s'],'peer':{'queues':['main']}}", text);
    engine_call(engine, "terminate", limited); /* nobody knows of which queue it was */
    engine_call(engine, "cancel", request);    /* which ends nothing that runs */
    engine_settle(engine);
    g_assert_null(strstr(engine->log->str, "stop "));
    engine_call(engine, "terminate", request);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "answer terminate 200|"));
    g_assert_nonnull(strstr(engine->log->str, "stop "));
    host_again(engine); /* it may not have left */
    told(engine, PROVIDER_EVENT_STARTED, 90, 0);
    all_told(engine);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "stop "));
}

/* ---- */

/* From local providers there is only STARTED: whose it is nobody says, so it ends, as ever. */
static void test_nameless(Engine *engine, gconstpointer data)
{
    (void)data;
    told(engine, PROVIDER_EVENT_STARTED, 77, 0);
    all_told(engine);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "stop "));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define add(name, test) g_test_add("/found/" name, Engine, NULL, setup, test, engine_teardown)
    add("rounds", test_rounds);
    add("failed-commit", test_failed_commit);
    add("stopped", test_stopped);
    add("deferred-and-failed", test_deferred_and_failed);
    add("refused-before", test_refused_before);
    add("proven-over", test_proven_over);
    add("guest-ends", test_guest_ends);
    add("guest-in-the-next-process", test_guest_in_the_next_process);
    add("guest-is-terminated", test_guest_is_terminated);
    add("nameless", test_nameless);
    return g_test_run();
}

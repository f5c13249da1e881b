/* What the engine counts of itself, by a clock that stands still; and that it does the same without. */
#include "reconciler/api/metrics.h"
#include "tests/support/engine_fixture.h"

static int64_t clock_at_us = 1;

/* Each look is 7 µs after the one before. */
static int64_t ticking_us(void)
{
    return clock_at_us += 7;
}

typedef struct {
    Engine engine;
    Meters meters;
} Metered;

static void setup(Metered *metered, gconstpointer data)
{
    meters_init(&metered->meters, ticking_us);
    metered->engine.meters = &metered->meters;
    engine_setup(&metered->engine, data);
    engine_settle(&metered->engine);
}

static void teardown(Metered *metered, gconstpointer data)
{
    engine_teardown(&metered->engine, data);
    meters_clear(&metered->meters);
}

static LaunchToken newest(const Engine *engine)
{
    g_assert_cmpuint(engine->launched->len, >, 0);
    return g_array_index(engine->launched, LaunchToken, engine->launched->len - 1);
}

static void submit(Engine *engine)
{
    engine_call(engine, "submit", "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}");
    engine_settle(engine);
}

/* It began after a second and runs for three. */
static void run_job(Engine *engine, EndCause cause, int exit_code)
{
    submit(engine);
    LaunchToken token = newest(engine);
    int64_t begun_ms = engine->now_ms + 1000;
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_STARTED, .token = token, .at_ms = begun_ms});
    engine_settle(engine);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_ENDED,
                                         .token = token,
                                         .cause = cause,
                                         .exit_code = exit_code,
                                         .started_ms = begun_ms,
                                         .at_ms = begun_ms + 3000});
    engine_settle(engine);
}

static void test_attempts(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    (void)data;
    run_job(engine, END_EXITED, 0);
    run_job(engine, END_EXITED, 3);
    run_job(engine, END_OOM, 137);
    run_job(engine, END_TIMEOUT, 137);
    const QueueMeter *queue = meters_queue(&metered->meters, "main");
    g_assert_cmpuint(queue->placements, ==, 4);
    g_assert_cmpuint(queue->attempts[ATTEMPT_SUCCEEDED], ==, 1);
    g_assert_cmpuint(queue->attempts[ATTEMPT_FAILED], ==, 1);
    g_assert_cmpuint(queue->attempts[ATTEMPT_OUT_OF_MEMORY], ==, 1);
    g_assert_cmpuint(queue->attempts[ATTEMPT_TIMED_OUT], ==, 1);
    g_assert_cmpuint(histogram_count(&queue->wait), ==, 4);
    g_assert_cmpuint(queue->wait.sum_us, ==, 4 * 1000000);
    g_assert_cmpuint(histogram_count(&queue->run), ==, 4);
    g_assert_cmpuint(queue->run.sum_us, ==, 4 * 3000000);
    g_assert_cmpuint(histogram_count(&metered->meters.begin[PROVIDER_LOCAL]), ==, 4);
}

/* What a second attempt waits for is no queue: only its first one counts. */
static void test_retries(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    const QueueMeter *queue = meters_queue(&metered->meters, "main");
    (void)data;
    engine_call(engine, "submit", "{'jobName':'j','jobQueue':'main','jobDefinition':'thrice'}");
    engine_settle(engine);
    for (int attempt = 0; attempt < 2; attempt++) {
        LaunchToken token = newest(engine);
        engine_event(
            engine,
            (ProviderEvent){.type = PROVIDER_EVENT_STARTED, .token = token, .at_ms = engine->now_ms + 1000});
        engine_settle(engine);
        engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_ENDED,
                                             .token = token,
                                             .cause = END_EXITED,
                                             .exit_code = 1,
                                             .at_ms = engine->now_ms + 4000});
        engine_settle(engine);
    }
    g_assert_cmpuint(queue->placements, ==, 3);
    g_assert_cmpuint(queue->attempts[ATTEMPT_FAILED], ==, 2);
    g_assert_cmpuint(histogram_count(&queue->run), ==, 2);
    g_assert_cmpuint(histogram_count(&queue->wait), ==, 1);
}

/* One that nobody heard of before it had ended began all the same; one that is lost ran for nobody knows how
 * long. */
static void test_unheard(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    const QueueMeter *queue = meters_queue(&metered->meters, "main");
    (void)data;
    submit(engine);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_ENDED,
                                         .token = newest(engine),
                                         .cause = END_EXITED,
                                         .started_ms = engine->now_ms + 10,
                                         .at_ms = engine->now_ms + 20});
    engine_settle(engine);
    g_assert_cmpuint(histogram_count(&queue->wait), ==, 1);
    g_assert_cmpuint(histogram_count(&queue->run), ==, 1);
    submit(engine);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_LOST, .token = newest(engine)});
    engine_settle(engine);
    g_assert_cmpuint(queue->attempts[ATTEMPT_LOST], ==, 1);
    g_assert_cmpuint(histogram_count(&queue->run), ==, 1);
}

static void test_ticks(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    Meters *meters = &metered->meters;
    (void)data;
    uint64_t ticks = histogram_count(&meters->tick), decided = histogram_count(&meters->decided_after),
             commits = histogram_count(&meters->commit);
    submit(engine);
    g_assert_cmpuint(histogram_count(&meters->tick), >, ticks);
    g_assert_cmpuint(histogram_count(&meters->decided_after), >, decided);
    g_assert_cmpuint(histogram_count(&meters->commit), >, commits);
    for (TickPhase phase = 0; phase < TICK_PHASES; phase++) {
        g_assert_cmpuint(histogram_count(&meters->phases[phase]), ==, histogram_count(&meters->tick));
        g_assert_cmpuint(meters->phases[phase].sum_us, >=, 7 * histogram_count(&meters->tick));
    }
    uint64_t phases_us = 0;
    for (TickPhase phase = 0; phase < TICK_PHASES; phase++)
        phases_us += meters->phases[phase].sum_us;
    g_assert_cmpuint(phases_us, ==, meters->tick.sum_us);
    g_assert_cmpuint(meters->requests->len, ==, 1);
    g_assert_cmpuint(histogram_count(&meters->answer), ==, 1);
    g_assert_cmpuint(meters->commit_failures, ==, 0);
    engine_call(engine, "submit", "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}");
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    g_assert_cmpuint(meters->commit_failures, ==, 1);
    g_assert_cmpuint(meters->requests->len, ==, 2); /* it was refused with another code */
}

static char *text_now(Engine *engine)
{
    engine_call(engine, "metrics", "{}");
    engine_settle(engine);
    const Call *call = engine->answers->pdata[engine->answers->len - 1];
    g_assert_cmpint(call->result.http_status, ==, 200);
    return g_strndup(call->result.text->str, call->result.text->len);
}

/* Of the state and of the meters, in one text. */
static void test_text(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    (void)data;
    run_job(engine, END_EXITED, 0);
    g_autofree char *text = text_now(engine);
    g_assert_nonnull(strstr(text, "muster_queue_jobs{queue=\"main\",status=\"RUNNABLE\"} 0\n"));
    g_assert_nonnull(strstr(text, "muster_job_run_seconds_sum{queue=\"main\"} 3\n"));
    g_assert_nonnull(strstr(text, "muster_attempts_ended_total{queue=\"main\",outcome=\"succeeded\"} 1\n"));
    g_assert_nonnull(strstr(text, "muster_api_requests_total{operation=\"submit\",code=\"200\"} 1\n"));
    g_assert_null(strstr(text, "(other)"));
    /* A queue that nobody knows any more. */
    meters_queue(&metered->meters, "gone")->placements = 3;
    g_autofree char *later = text_now(engine);
    g_assert_null(strstr(later, "gone"));
}

/* The same happens with meters and without. */
static void test_no_input(Metered *metered, gconstpointer data)
{
    Engine plain = {.meters = NULL};
    engine_setup(&plain, data);
    engine_settle(&plain);
    run_job(&plain, END_EXITED, 0);
    run_job(&metered->engine, END_EXITED, 0);
    g_assert_cmpstr(metered->engine.log->str, ==, plain.log->str);
    g_autofree char *text = text_now(&plain); /* what of it is of the state is there */
    g_assert_nonnull(strstr(text, "muster_queue_jobs{queue=\"main\",status=\"RUNNABLE\"} 0\n"));
    g_assert_null(strstr(text, "muster_tick_seconds"));
    engine_teardown(&plain, data);
}

static void test_ready(Metered *metered, gconstpointer data)
{
    Engine *engine = &metered->engine;
    (void)data;
    engine_call(engine, "ready", "{}");
    engine_settle(engine);
    const Call *call = engine->answers->pdata[engine->answers->len - 1];
    g_assert_true(json_is_true(json_object_get(call->result.body, "ready")));
    engine_call(engine, "submit", "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}");
    engine_run(engine);
    guint answers = engine->answers->len;
    engine_call(engine, "ready", "{}"); /* not before what it was asked after is durable */
    engine_run(engine);
    g_assert_cmpuint(engine->answers->len, ==, answers);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine_call(engine, "ready", "{}");
    engine->wake_ms = engine->now_ms;
    engine_run(engine);
    call = engine->answers->pdata[engine->answers->len - 1];
    g_assert_true(json_is_false(json_object_get(call->result.body, "ready")));
    g_assert_nonnull(strstr(json_string_value(json_object_get(call->result.body, "reason")), "disk full"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/meter/" name, Metered, NULL, setup, func, teardown)
    ADD("attempts", test_attempts);
    ADD("unheard", test_unheard);
    ADD("retries", test_retries);
    ADD("ticks", test_ticks);
    ADD("text", test_text);
    ADD("no-input", test_no_input);
    ADD("ready", test_ready);
    return g_test_run();
}

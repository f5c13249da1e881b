/* What is told of a job in the moment in which it ends: its end and how it ended, or neither. */
#include "tests/support/engine_fixture.h"

static void event(Engine *engine, ProviderEventType type)
{
    engine_event(engine, (ProviderEvent){
                             .type = type,
                             .token = g_array_index(engine->launched, LaunchToken, engine->launched->len - 1),
                             .at_ms = engine->now_ms,
                             .started_ms = engine->now_ms,
                             .cause = END_EXITED,
                             .exit_code = 3});
}

/* The id of the job that was submitted last. New string. */
static char *submit(Engine *engine)
{
    engine_call(engine, "submitjob", ENGINE_SUBMIT);
    engine_settle(engine);
    char *id = g_strdup(json_string_value(json_object_get(engine_last_answer(engine), "jobId")));
    event(engine, PROVIDER_EVENT_STARTED);
    engine_settle(engine);
    return id;
}

/* "RUNNING 0 -": the state, how many attempts have ended, the exit code. New string. */
static char *told(const Engine *engine)
{
    const json_t *answer = engine_last_answer(engine);
    const json_t *job = json_array_get(json_object_get(answer, "jobs"), 0);
    const json_t *code = json_object_get(json_object_get(job, "container"), "exitCode");
    return g_strdup_printf("%s %d %s", json_string_value(json_object_get(job, "status")),
                           (int)json_array_size(json_object_get(job, "attempts")),
                           !code                           ? "-"
                           : json_integer_value(code) == 3 ? "3"
                                                           : "other");
}

static void describe(Engine *engine, const char *id)
{
    g_autofree char *request = g_strdup_printf("{'jobs':['%s']}", id);
    engine_call(engine, "describejobs", request);
    engine_run(engine);
}

static void test_describe(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_autofree char *id = submit(engine);
    describe(engine, id);
    g_autofree char *running = told(engine);
    g_assert_cmpstr(running, ==, "RUNNING 0 -");
    /* The end is in memory and its commit under way: the store, which is read, does not know of it. */
    event(engine, PROVIDER_EVENT_ENDED);
    engine_run(engine);
    describe(engine, id);
    engine_settle(engine);
    g_autofree char *between = told(engine);
    g_assert_cmpstr(between, ==, "RUNNING 0 -");
    describe(engine, id);
    engine_settle(engine);
    g_autofree char *ended = told(engine);
    g_assert_cmpstr(ended, ==, "FAILED 1 3");
}

/* The same of lists: with its exit code, or not as ended. */
static void test_list(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_free(submit(engine));
    event(engine, PROVIDER_EVENT_ENDED);
    engine_run(engine);
    engine_call(engine, "listjobs", "{'jobQueue':'main','filters':[{'name':'JOB_NAME','values':['j']}]}");
    engine_settle(engine);
    const json_t *job = json_array_get(json_object_get(engine_last_answer(engine), "jobSummaryList"), 0);
    g_assert_cmpstr(json_string_value(json_object_get(job, "status")), ==, "RUNNING");
    engine_call(engine, "listjobs", "{'jobQueue':'main','jobStatus':'FAILED'}");
    engine_settle(engine);
    job = json_array_get(json_object_get(engine_last_answer(engine), "jobSummaryList"), 0);
    g_assert_cmpint(json_integer_value(json_object_get(json_object_get(job, "container"), "exitCode")), ==,
                    3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/job-end/describe", Engine, NULL, engine_setup, test_describe, engine_teardown);
    g_test_add("/job-end/list", Engine, NULL, engine_setup, test_list, engine_teardown);
    return g_test_run();
}

/* reconcile_test.c: the order in which things leave the tick (invariants 1 to 4), with ports moved by hand.
 */
#include "tests/support/engine_fixture.h"
#include "tests/support/manifest_text.h"

static LaunchToken last_token(const Engine *engine)
{
    g_assert_cmpuint(engine->launched->len, >, 0);
    return g_array_index(engine->launched, LaunchToken, engine->launched->len - 1);
}

static ProviderEvent event_of(const Engine *engine, ProviderEventType type)
{
    return (ProviderEvent){.type = type,
                           .token = last_token(engine),
                           .at_ms = engine->now_ms,
                           .started_ms = engine->now_ms,
                           .cause = END_EXITED};
}

static size_t jobs_in_state(const Engine *engine, JobState state)
{
    size_t count = 0;
    const World *world = reconciler_world(engine->reconciler);
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        count += job->state == state;
    return count;
}

/* Invariants 1 and 2: neither the answer nor the launch leaves before the intent is durable. */
static void test_intent_first(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_log_is(engine, "commit 1|");
    engine_durable(engine);
    engine_log_is(engine, "durable 1|launch /bin/true|answer submit 200|");
}

static void test_end_before_settled(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_event(engine, event_of(engine, PROVIDER_EVENT_ENDED));
    engine_run(engine);
    engine_log_is(engine, "commit 2|");
    engine_durable(engine);
    engine_log_is(engine, "durable 2|settled 1|");
}

/* A read that saw what is not durable yet waits for it; one that could not have waits for nothing. */
static void test_read_waits(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "status", "{}");
    engine_run(engine);
    engine_log_is(engine, "answer status 200|");
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_call(engine, "status", "{}");
    engine_run(engine);
    engine_log_is(engine, "commit 1|");
    engine_durable(engine);
    engine_log_is(engine, "durable 1|launch /bin/true|answer submit 200|answer status 200|");
}

static void test_failed_commit(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine_log_is(engine, "commit 1|answer submit 503|");
    g_assert_null(reconciler_fault(engine->reconciler));
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_log_is(engine, "answer submit 503|");
    /* After the back-off the world is what is committed, and nothing was launched. */
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_run(engine);
    g_assert_cmpuint(world_jobs_len(reconciler_world(engine->reconciler)), ==, 0);
    g_assert_cmpuint(engine->launched->len, ==, 0);
}

/* While nothing can be written, what is told is what is committed, and at once. */
static void test_failed_commit_reads(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "describejobqueues", "{}");
    engine_call(engine, "listjobs", "{'jobQueue':'main','jobStatus':'STARTING'}");
    engine_run(engine);
    engine_log_is(engine, "answer describejobqueues 200|answer listjobs 200|");
    g_assert_cmpuint(json_array_size(json_object_get(engine_last_answer(engine), "jobSummaryList")), ==, 0);
    g_assert_cmpuint(jobs_in_state(engine, JOB_STARTING), ==, 0);
}

/* The disk has room again, and nothing else has happened meanwhile: whoever asks next is served. */
static void test_failed_commit_mends(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_run(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "answer submit 200|"));
}

/* What the provider told in a batch that failed is told again to the world that was reloaded. */
static void test_failed_commit_keeps_events(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_event(engine, event_of(engine, PROVIDER_EVENT_ENDED));
    engine_run(engine);
    g_string_truncate(engine->log, 0);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine_log_is(engine, "");
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "settled 1|"));
    g_assert_cmpuint(engine->launched->len, ==, 1);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING) + jobs_in_state(engine, JOB_STARTING), ==, 0);
}

static void test_io_error_is_final(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_IO);
    engine_log_is(engine, "commit 1|answer submit 503|");
    g_assert_error(reconciler_fault(engine->reconciler), STORE_ERROR, STORE_ERROR_IO);
    engine_call(engine, "status", "{}");
    engine_log_is(engine, "answer status 500|");
}

static void restart(Engine *engine)
{
    reconciler_free(engine->reconciler);
    g_queue_clear_full(&engine->pending, (GDestroyNotify)batch_free);
    engine->first_sequence = engine->next_sequence;
    engine_host(engine);
}

/* An intended launch that a complete observation does not know never started: the same attempt is launched
 * again, with another token. */
static void test_restart_refuses_unseen(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    LaunchToken first = last_token(engine);
    restart(engine);
    g_assert_cmpuint(engine->expected, ==, 1);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 1); /* nothing before the observation is complete */
    engine_observed(engine);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 2);
    LaunchToken second = last_token(engine);
    g_assert_cmpint(memcmp(&first, &second, sizeof first), !=, 0);
    const Launch *launch = world_launch(reconciler_world(engine->reconciler), &second);
    g_assert_cmpint(launch->attempt, ==, 1);
}

static void test_restart_adopts_running(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_settle(engine);
    restart(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_observed(engine);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 1);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING), ==, 1);
}

/* What ran and is not known to a complete observation is a lost attempt, never a refused one. */
static void test_restart_loses_running(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_settle(engine);
    restart(engine);
    engine_observed(engine);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 1);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING), ==, 0);
}

/* What one provider has told all of says nothing of another's, and nothing begins in its environments. */
static void test_restart_other_observed(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_settle(engine);
    restart(engine);
    engine_event(
        engine,
        (ProviderEvent){.type = PROVIDER_EVENT_CAPACITY, .vcpus_e4 = 4 * DECIMAL_SCALE, .memory_mib = 4096});
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_OBSERVED, .providers = 1u << PROVIDER_AWS});
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 1);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING), ==, 1);
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_OBSERVED, .providers = 1u << PROVIDER_LOCAL});
    engine_settle(engine);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING), ==, 0);
    g_assert_cmpuint(engine->launched->len, ==, 2);
}

/* The observation comes again after a commit that failed: what was reported before it is not missing, whether
 * its report was in that commit or in an earlier one, and what was launched since was never part of it. */
static void test_observation_again(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    restart(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_settle(engine);
    engine_observed(engine);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 1);
    g_assert_cmpuint(jobs_in_state(engine, JOB_RUNNING), ==, 1);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 2);
    engine_observed(engine); /* the provider's connection was gone for a moment */
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_cmpuint(engine->launched->len, ==, 2);
}

static void test_terminate_stops_after_commit(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_settle(engine);
    const char *id = json_string_value(json_object_get(engine_last_answer(engine), "jobId"));
    g_autofree char *request = g_strdup_printf("{'jobs':['%s'],'reason':'enough'}", id);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "terminate", request);
    engine_run(engine);
    g_assert_null(strstr(engine->log->str, "stop"));
    engine_durable(engine);
    g_assert_nonnull(strstr(engine->log->str, "stop enough|answer terminate 200|"));
}

/* Idle means idle: no turn is asked for but the hourly look at retention. */
static void test_idle(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_assert_cmpint(engine->wake_ms, ==, -1);
}

/* A job that has run, ended, and left memory; its id. */
static char *finished_job(Engine *engine)
{
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    char *id = g_strdup(json_string_value(json_object_get(engine_last_answer(engine), "jobId")));
    engine_event(engine, event_of(engine, PROVIDER_EVENT_STARTED));
    engine_event(engine, event_of(engine, PROVIDER_EVENT_ENDED));
    engine_settle(engine);
    g_assert_null(world_job_next(reconciler_world(engine->reconciler), 0));
    return id;
}

static int last_status(const Engine *engine)
{
    return ((const Call *)engine->answers->pdata[engine->answers->len - 1])->result.http_status;
}

/* The clock is asked for the very time; the run, its job and the position are one commit. */
static void test_schedule(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_assert_cmpint(engine->wake_ms, ==, -1);
    World *world = (World *)(uintptr_t)reconciler_world(engine->reconciler);
    fixture_put(world, KIND_PIPELINE, "p",
                "{\"jobQueue\":\"main\",\"jobs\":[{\"name\":\"a\",\"jobDefinition\":\"one\"}],"
                "\"triggers\":[{\"schedule\":\"*/30 * * * *\"}]}",
                engine->now_ms);
    engine->wake_ms = 0;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    g_assert_cmpint(engine->wake_ms, ==, 1800000);
    engine->now_ms = 1799999;
    reconciler_tick(engine->reconciler);
    engine_log_is(engine, "");
    engine->now_ms = 1800000;
    reconciler_tick(engine->reconciler);
    g_assert_cmpuint(g_queue_get_length(&engine->pending), ==, 1);
    size_t runs, jobs, settings;
    const Batch *batch = g_queue_peek_head(&engine->pending);
    batch_run(batch, &runs);
    batch_job(batch, &jobs);
    batch_setting(batch, &settings);
    g_assert_true(runs == 1 && jobs == 1 && settings == 1);
    engine_settle(engine);
    g_assert_true(g_str_has_suffix(engine->log->str, "|launch /bin/true|"));
    g_assert_cmpint(engine->wake_ms, ==, 3600000);
    /* not while it is about to end */
    reconciler_drain(engine->reconciler);
    engine->now_ms = 3600000;
    reconciler_tick(engine->reconciler);
    g_assert_true(g_queue_is_empty(&engine->pending));
}

static void test_submit_after_finished(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_autofree char *id = finished_job(engine);
    g_autofree char *request = g_strdup_printf(
        "{'jobName':'j','jobQueue':'main','jobDefinition':'one','dependsOn':[{'jobId':'%s'}]}", id);
    engine_call(engine, "submit", request);
    engine_settle(engine);
    g_assert_cmpint(last_status(engine), ==, 200);
    g_assert_cmpuint(jobs_in_state(engine, JOB_STARTING), ==, 1);
}

/* One of two dependencies has left memory, the other one leaves it while the store is asked for the first. */
static void test_submit_while_forgotten(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_autofree char *gone = finished_job(engine);
    engine_call(engine, "submit", ENGINE_SUBMIT);
    engine_settle(engine);
    g_autofree char *going =
        g_strdup(json_string_value(json_object_get(engine_last_answer(engine), "jobId")));
    engine_event(engine, event_of(engine, PROVIDER_EVENT_ENDED));
    engine_run(engine);
    engine_durable(engine);
    g_autofree char *request = g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'one',"
                                               "'dependsOn':[{'jobId':'%s'},{'jobId':'%s'}]}",
                                               gone, going);
    engine_call(engine, "submit", request);
    engine_settle(engine);
    g_assert_cmpint(last_status(engine), ==, 200);
}

#define BULK_LINE "{'jobName':'b','jobQueue':'main','jobDefinition':'one'}\n"

static void test_bulk_after_finished(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_autofree char *id = finished_job(engine);
    g_autofree char *line = g_strdup_printf(
        "{'jobName':'b','jobQueue':'main','jobDefinition':'one','dependsOn':[{'jobId':'%s'}]}\n", id);
    g_autofree char *lines = g_strconcat(BULK_LINE "\n", line, NULL);
    engine_call_lines(engine, "bulk", lines);
    engine_settle(engine);
    g_assert_cmpint(last_status(engine), ==, 200);
    g_assert_cmpuint(json_array_size(json_object_get(engine_last_answer(engine), "jobs")), ==, 2);
}

/* What only the world can refuse, in the last line of more than a slice: nothing is inserted, so nothing is
 * committed and nothing has to be taken back. */
static void test_bulk_all_or_nothing(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    g_autoptr(GString) lines = g_string_new(NULL);
    for (int i = 0; i < BULK_SLICE + 500; i++)
        g_string_append(lines, BULK_LINE);
    g_string_append(lines, "{'jobName':'b','jobQueue':'main','jobDefinition':'one','shareIdentifier':'a'}\n");
    engine_call_lines(engine, "bulk", lines->str);
    engine_run(engine);
    engine_log_is(engine, "answer bulk 400|");
    g_assert_null(world_job_next(reconciler_world(engine->reconciler), 0));
    const char *message =
        json_string_value(json_object_get(json_object_get(engine_last_answer(engine), "error"), "message"));
    g_autofree char *number = g_strdup_printf("line %d: shareIdentifier", BULK_SLICE + 501);
    g_assert_true(g_str_has_prefix(message, number));
}

/* The answer leaves after the commit of the last slice. */
static void test_bulk_answer(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    g_autoptr(GString) lines = g_string_new(NULL);
    for (int i = 0; i < BULK_SLICE + 1; i++)
        g_string_append(lines, BULK_LINE);
    engine_call_lines(engine, "bulk", lines->str);
    engine_run(engine);
    g_assert_cmpuint(engine->answers->len, ==, 0);
    engine_durable(engine);
    g_assert_cmpuint(engine->answers->len, ==, 0);
    engine_settle(engine);
    g_assert_cmpint(last_status(engine), ==, 200);
    g_assert_cmpuint(json_array_size(json_object_get(engine_last_answer(engine), "jobs")), ==,
                     BULK_SLICE + 1);
}

/* ---- a followed source: a new revision is compared by what differs from the last one, a full pass by
 * everything */

static ManifestSet *definitions(const char *first, const char *second)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autofree char *text = g_strdup_printf(
        "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: first}\n"
        "spec: {type: container, containerProperties: {command: [%s], vcpus: 1, memory: 8}}\n---\n"
        "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: second}\n"
        "spec: {type: container, containerProperties: {command: [%s], vcpus: 1, memory: 8}}\n",
        first, second);
    SourceConfig config = {.name = (char *)(uintptr_t) "followed", .provider = (char *)(uintptr_t) "local"};
    ManifestSet *set = manifest_set_from_text(text, NULL, &config, diagnostics);
    g_assert_cmpuint(manifest_set_len(set), ==, 2);
    return set;
}

static void follow(Engine *engine, ManifestSet *set, bool full_pass)
{
    SourceState state = {.path = "/followed",
                         .name = "followed",
                         .revision = manifest_set_revision(set),
                         .set = set,
                         .full_pass = full_pass};
    reconciler_source(engine->reconciler, &state);
    engine_settle(engine);
}

static bool command_is(const Engine *engine, const char *name, const char *word)
{
    const Resource *resource =
        world_resource(reconciler_world(engine->reconciler), KIND_JOB_DEFINITION, view_from(name));
    g_autofree char *expected = g_strdup_printf("[\"%s\"]", word);
    return resource && strstr(resource->spec, expected);
}

/* Changes a definition behind the engine's back, as a fault in its bookkeeping would. */
static void change_unseen(const Engine *engine, const ManifestSet *from, const char *name)
{
    ResourceChange put = {.manifest = manifest_set_find(from, KIND_JOB_DEFINITION, view_from(name)),
                          .owner = "followed"};
    World *world = (World *)(uintptr_t)reconciler_world(engine->reconciler);
    g_assert_true(resource_put(world, &put, engine->now_ms, NULL));
}

static void test_followed_part(Engine *engine, gconstpointer data)
{
    (void)data;
    g_autoptr(ManifestSet) one = definitions("a", "a"), two = definitions("b", "a"),
                           unseen = definitions("a", "x");
    follow(engine, one, false);
    g_assert_true(command_is(engine, "first", "a") && command_is(engine, "second", "a"));
    change_unseen(engine, unseen, "second");
    follow(engine, two, false);
    g_assert_true(command_is(engine, "first", "b"));
    g_assert_true(command_is(engine, "second", "x")); /* not looked at */
    follow(engine, two, true);
    g_assert_true(command_is(engine, "second", "a")); /* the safety net */
}

/* What was carried out counts for nothing once another apply has changed resources. */
static void test_followed_after_others(Engine *engine, gconstpointer data)
{
    (void)data;
    g_autoptr(ManifestSet) one = definitions("a", "a"), two = definitions("b", "a"),
                           unseen = definitions("a", "x");
    follow(engine, one, false);
    SourceState other = {.path = "/other", .name = "other"};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) policy = manifest_set_from_text(
        "apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: p}\nspec: {fairsharePolicy: {}}\n",
        "local", NULL, diagnostics);
    change_unseen(engine, unseen, "second");
    other.set = policy;
    other.revision = manifest_set_revision(policy);
    reconciler_source(engine->reconciler, &other);
    engine_settle(engine);
    follow(engine, two, false);
    g_assert_true(command_is(engine, "first", "b") && command_is(engine, "second", "a"));
}

/* Of a followed source: member of what the setting says of its webhooks; new string. */
static char *webhook_text(const Engine *engine, const char *member)
{
    json_t *sources = sources_setting(reconciler_world(engine->reconciler));
    const json_t *webhook = json_object_get(json_object_get(sources, "followed"), "webhook");
    char *text = json_dumps(json_object_get(webhook, member), JSON_ENCODE_ANY), *copy = g_strdup(text);
    free(text);
    json_decref(sources);
    return copy;
}

static void assert_webhook(const Engine *engine, const char *member, const char *expected)
{
    g_autofree char *text = webhook_text(engine, member);
    g_assert_cmpstr(text, ==, expected);
}

/* Told even before the source was loaded, kept when it is; a refusal takes nothing from what was accepted. */
static void test_webhook(Engine *engine, gconstpointer data)
{
    (void)data;
    g_autoptr(ManifestSet) one = definitions("a", "a");
    SourceWebhook webhook = {.path = "/followed",
                             .name = "followed",
                             .form = "github",
                             .ref = "refs/heads/main",
                             .commit = "3f2a91c",
                             .is_followed = true};
    engine->now_ms = 5000000;
    reconciler_source_webhook(engine->reconciler, &webhook);
    engine_settle(engine);
    follow(engine, one, false);
    assert_webhook(engine, "acceptedAt", "5000000");
    assert_webhook(engine, "ref", "\"refs/heads/main\"");
    assert_webhook(engine, "isFollowed", "true");
    engine->now_ms = 5001000;
    webhook = (SourceWebhook){.path = "/followed", .name = "followed", .refused = "why", .refused_len = 3};
    reconciler_source_webhook(engine->reconciler, &webhook);
    engine_settle(engine);
    assert_webhook(engine, "acceptedAt", "5000000");
    assert_webhook(engine, "commit", "\"3f2a91c\"");
    assert_webhook(engine, "refusedAt", "5001000");
    assert_webhook(engine, "refused", "\"why\"");
    webhook = (SourceWebhook){.path = "/followed", .name = "followed", .form = "gitlab"};
    engine->now_ms = 5002000;
    reconciler_source_webhook(engine->reconciler, &webhook);
    assert_webhook(engine, "acceptedAt", "5002000");
    assert_webhook(engine, "refusedAt", "5001000");
    assert_webhook(engine, "ref", NULL);
    assert_webhook(engine, "isFollowed", NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ENGINE_TEST(name)                                                                                    \
    g_test_add("/engine/" #name, Engine, NULL, engine_setup, test_##name, engine_teardown)
    ENGINE_TEST(intent_first);
    ENGINE_TEST(end_before_settled);
    ENGINE_TEST(read_waits);
    ENGINE_TEST(failed_commit);
    ENGINE_TEST(failed_commit_reads);
    ENGINE_TEST(failed_commit_mends);
    ENGINE_TEST(failed_commit_keeps_events);
    ENGINE_TEST(io_error_is_final);
    ENGINE_TEST(restart_refuses_unseen);
    ENGINE_TEST(restart_adopts_running);
    ENGINE_TEST(restart_loses_running);
    ENGINE_TEST(restart_other_observed);
    ENGINE_TEST(observation_again);
    ENGINE_TEST(terminate_stops_after_commit);
    ENGINE_TEST(idle);
    ENGINE_TEST(schedule);
    ENGINE_TEST(submit_after_finished);
    ENGINE_TEST(submit_while_forgotten);
    ENGINE_TEST(bulk_after_finished);
    ENGINE_TEST(bulk_all_or_nothing);
    ENGINE_TEST(bulk_answer);
    ENGINE_TEST(followed_part);
    ENGINE_TEST(followed_after_others);
    ENGINE_TEST(webhook);
    return g_test_run();
}

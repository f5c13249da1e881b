#include "tests/support/store_fixture.h"

static const JobId id_1 = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const JobId id_2 = {{2, 2, 2}};

/* Every member has a value of its own. */
static ResourceRecord full_resource(void)
{
    return (ResourceRecord){.kind = KIND_JOB_QUEUE,
                            .name = VIEW("high"),
                            .owner = VIEW("prod"),
                            .spec = VIEW("{\"priority\":10}"),
                            .metadata = VIEW("{}"),
                            .digest = {{1, 2, 3}},
                            .next_spec = VIEW("{\"priority\":11}"),
                            .next_digest = {{4, 5, 6}},
                            .file = VIEW("queues.yaml"),
                            .line = 5,
                            .phase = RESOURCE_REPLACING,
                            .deletion = DELETION_REFUSE,
                            .prune = true,
                            .kept = true,
                            .status_reason = VIEW("why"),
                            .revision = 7,
                            .created_ms = 8,
                            .updated_ms = 9};
}

static TemplateRecord full_template(int64_t id)
{
    return (TemplateRecord){.id = id,
                            .definition = VIEW("bwa:4"),
                            .definition_spec = VIEW("{\"type\":\"container\"}"),
                            .request = VIEW("{}")};
}

static JobRecord full_job(const DependencyRecord *depends_on, size_t len)
{
    return (JobRecord){.sequence = 2,
                       .id = id_1,
                       .name = VIEW("align"),
                       .queue = VIEW("high"),
                       .template_id = 3,
                       .array_size = 24,
                       .run = VIEW("run-1"),
                       .step = VIEW("step"),
                       .depends_on = depends_on,
                       .depends_on_len = len,
                       .share_identifier = VIEW("share"),
                       .created_ms = 11,
                       .state = JOB_PENDING,
                       .is_cancelled = true,
                       .is_terminated = true,
                       .status_reason = VIEW("waits"),
                       .attempts = 12,
                       .front = 13,
                       .started_ms = 14,
                       .stopped_ms = 15,
                       .is_new = true};
}

static RunRecord full_run(void)
{
    return (RunRecord){.id = VIEW("run-1"),
                       .owner = VIEW("prod"),
                       .kind = KIND_PIPELINE,
                       .name = VIEW("nightly"),
                       .key = {{9, 8, 7}},
                       .number = 2,
                       .spec = VIEW("{\"jobs\":[]}"),
                       .state = RUN_RUNNING,
                       .status_reason = VIEW("so"),
                       .created_ms = 21,
                       .stopped_ms = 22,
                       .is_new = true};
}

static ApplyRecord full_apply(void)
{
    return (ApplyRecord){.id = 4,
                         .owner = VIEW("prod"),
                         .source_path = VIEW("/srv/prod"),
                         .revision = VIEW("3f2a"),
                         .plan_id = VIEW("7f3a"),
                         .state = APPLY_ACTIVE,
                         .message = VIEW("message"),
                         .summary = VIEW("{\"create\":1}"),
                         .created_ms = 31,
                         .ended_ms = 32,
                         .trigger = TRIGGER_DESTROY,
                         .actor = VIEW("root"),
                         .author = VIEW("Ada"),
                         .signature = VIEW("good: ada"),
                         .started_ms = 30,
                         .is_new = true};
}

static AttemptRecord full_attempt(void)
{
    return (AttemptRecord){.token = {{5, 5, 5}},
                           .sequence = 2,
                           .index = 6,
                           .attempt = 1,
                           .state = LAUNCH_EFFECTIVE,
                           .environment = VIEW("spot"),
                           .vcpus_e4 = 2500,
                           .memory_mib = 512,
                           .intended_ms = 41,
                           .started_ms = 42,
                           .stopped_ms = 43,
                           .exit_code = -1,
                           .reason = VIEW("OutOfMemoryError"),
                           .status_reason = VIEW("Essential container in task exited"),
                           .is_new = true};
}

/* What is put in comes back, member by member, in the order of RecordSink. */
static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    (void)data;
    DependencyRecord on[] = {{id_2, NOT_A_CHILD, DEPENDENCY_PLAIN, CONDITION_COMPLETION},
                             {{{0}}, 77, DEPENDENCY_SEQUENTIAL, CONDITION_SUCCESS}};
    ResourceRecord resource = full_resource();
    RevisionRecord revision = {VIEW("bwa"), 4, {{3, 3}}, VIEW("{\"a\":1}"), true, 51, false};
    TemplateRecord template = full_template(3);
    RunRecord run = full_run();
    ApplyRecord apply = full_apply();
    JobRecord job = full_job(on, 2);
    ChildRecord child = {2, 6, JOB_RUNNING, true, true, VIEW("child"), 2, 3, 61, 62, true};
    RangeRecord range = {2, 7, 23, JOB_FAILED, true, VIEW("range"), 63};
    AttemptRecord attempt = full_attempt();
    EventRecord event = {9, 71, VIEW("job.state"), VIEW("job x"), VIEW("text"),
                         1, 5,  VIEW("team"),      VIEW("abc"),   VIEW("{}")};
    SettingRecord setting = {VIEW("followed"), VIEW("a\0b")};
    GString *expected = g_string_new(NULL);
    Batch *batch = batch_new();
#define PUT(name)                                                                                            \
    batch_put_##name(batch, &name);                                                                          \
    print_##name(expected, &name)
    PUT(setting);
    PUT(resource);
    PUT(revision);
    PUT(template);
    PUT(run);
    PUT(apply);
    PUT(job);
    PUT(child);
    PUT(range);
    PUT(attempt);
    batch_put_event(batch, &event);
    sink_counters(
        &(Counters){.job_sequence = 2, .event_sequence = 9, .template_id = 3, .apply_id = 4, .now_ms = 1234},
        expected, NULL);
    commit(fixture, batch, 1234);

    g_autofree char *found = loaded(fixture);
    g_assert_cmpstr(found, ==, expected->str);
    g_string_free(expected, TRUE);

    GError *error = NULL;
    g_autoptr(GString) events = g_string_new(NULL), expected_event = g_string_new(NULL);
    g_assert_true(store_reader_events(reader(fixture), 8, 10, list_event, events, &error));
    print_event(expected_event, &event);
    g_assert_cmpstr(events->str, ==, expected_event->str);
    g_assert_cmpint(store_reader_committed_ms(reader(fixture)), ==, 1234);
}

static void put_template(Batch *batch, int64_t id)
{
    TemplateRecord template = full_template(id);
    batch_put_template(batch, &template);
}

static void put_job(Batch *batch, uint64_t sequence, JobState state, const char *queue, const char *name)
{
    JobRecord job = {.sequence = sequence, .template_id = 1, .state = state, .is_new = true};
    job.id.bytes[0] = (uint8_t)sequence;
    job.id.bytes[15] = (uint8_t)(sequence >> 8);
    job.queue = view_from(queue);
    job.name = view_from(name);
    job.created_ms = (int64_t)sequence;
    job.stopped_ms = job_state_final(state) ? (int64_t)sequence + 1 : 0;
    batch_put_job(batch, &job);
}

static void test_updates(Fixture *fixture, gconstpointer data)
{
    (void)data;
    JobRecord job = full_job(NULL, 0);
    AttemptRecord attempt = full_attempt();
    Batch *batch = batch_new();
    put_template(batch, 3);
    batch_put_job(batch, &job);
    batch_put_attempt(batch, &attempt);
    commit(fixture, batch, 1);

    job.is_new = attempt.is_new = false;
    job.state = JOB_FAILED;
    job.is_cancelled = job.is_terminated = false;
    job.status_reason = VIEW("other");
    job.attempts = 1;
    job.front = 0;
    job.started_ms = 2;
    job.stopped_ms = 3;
    attempt.state = LAUNCH_ENDED;
    attempt.exit_code = 137;
    attempt.reason = VIEW("");
    attempt.stopped_ms = 99;
    batch = batch_new();
    batch_put_job(batch, &job);
    batch_put_attempt(batch, &attempt);
    commit(fixture, batch, 2);

    GError *error = NULL;
    g_autoptr(GString) expected = g_string_new(NULL), found = g_string_new(NULL);
    print_job(expected, &job);
    print_attempt(expected, &attempt);
    StoredJob stored;
    bool is_there = false;
    g_assert_true(store_reader_job(reader(fixture), &id_1, &is_there, &stored, &error));
    g_assert_true(is_there);
    print_job(found, &stored.job);
    g_assert_true(view_is(stored.template.definition, "bwa:4"));
    g_assert_true(store_reader_attempts(reader(fixture), 2, 6, list_attempt, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
    g_assert_true(store_reader_job(reader(fixture), &id_2, &is_there, &stored, &error));
    g_assert_false(is_there);
}

/* An update of a row that is not there would lose what the world believes: it fails, and so does all that
 * comes after. */
static void test_update_of_nothing(Fixture *fixture, gconstpointer data)
{
    (void)data;
    JobRecord job = {.sequence = 5, .state = JOB_RUNNING};
    Batch *batch = batch_new();
    batch_put_job(batch, &job);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_wait(fixture->store, store_commit(fixture->store, batch, 1), &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CORRUPT);
    SettingRecord setting = {VIEW("a"), VIEW("b")};
    batch = batch_new();
    batch_put_setting(batch, &setting);
    g_clear_error(&error);
    g_assert_false(store_wait(fixture->store, store_commit(fixture->store, batch, 1), &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CORRUPT);
    g_autofree char *found = loaded(fixture);
    g_assert_null(strstr(found, "setting"));
}

/* Finished jobs come back only where they still decide: dependencies, unfinished runs, open launches. */
static void test_load_selects(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    RunRecord run = full_run();
    batch_put_run(batch, &run);
    put_template(batch, 1);
    put_template(batch, 2); /* only a finished job's */
    for (uint64_t sequence = 1; sequence <= 4; sequence++) {
        JobRecord job = {.sequence = sequence, .state = JOB_SUCCEEDED, .is_new = true};
        job.id.bytes[0] = (uint8_t)sequence;
        job.template_id = sequence == 1 ? 2 : 1;
        job.run = sequence == 3 ? run.id : VIEW("");
        batch_put_job(batch, &job);
    }
    AttemptRecord attempt = {
        .sequence = 4, .index = NOT_A_CHILD, .attempt = 1, .state = LAUNCH_UNKNOWN, .is_new = true};
    batch_put_attempt(batch, &attempt);
    DependencyRecord on = {.on = {{2}}, .on_index = NOT_A_CHILD};
    JobRecord waiting = {
        .sequence = 5, .id = {{5}}, .template_id = 1, .depends_on = &on, .depends_on_len = 1, .is_new = true};
    batch_put_job(batch, &waiting);
    commit(fixture, batch, 1);
    for (int i = 0; i < 3; i++) { /* the floor rises with each transaction, as far as it may */
        g_autofree char *found = loaded(fixture);
        g_assert_null(strstr(found, "job 1 "));
        g_assert_null(strstr(found, "template 2 \""));
        g_assert_nonnull(strstr(found, "job 2 "));
        g_assert_nonnull(strstr(found, "job 3 "));
        g_assert_nonnull(strstr(found, "job 4 "));
        g_assert_nonnull(strstr(found, "job 5 "));
        g_assert_true(strstr(found, "job 2 ") < strstr(found, "job 5 "));
        g_assert_nonnull(strstr(found, "attempt "));
        SettingRecord setting = {VIEW("n"), VIEW("v")};
        batch = batch_new();
        batch_put_setting(batch, &setting);
        commit(fixture, batch, 2);
    }
}

static void test_list_jobs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    put_template(batch, 1);
    for (uint64_t sequence = 1; sequence <= 300; sequence++) {
        g_autofree char *name = g_strdup_printf("%s-%d", sequence % 3 ? "align" : "call", (int)sequence);
        put_job(batch, sequence, sequence % 2 ? JOB_SUCCEEDED : JOB_RUNNABLE, sequence % 5 ? "high" : "low",
                name);
    }
    commit(fixture, batch, 1);
    GError *error = NULL;
    g_autoptr(GString) found = g_string_new(NULL);
    JobFilter filter = {
        .queue = VIEW("low"), .states = 1u << JOB_RUNNABLE, .name = VIEW("call-*"), .limit = 2};
    g_assert_true(store_reader_jobs(reader(fixture), &filter, list_stored, found, &error));
    g_assert_nonnull(strstr(found->str, "\"call-300\""));
    g_assert_nonnull(strstr(found->str, "\"call-270\""));
    g_assert_true(strstr(found->str, "call-300") < strstr(found->str, "call-270"));
    g_assert_null(strstr(found->str, "\"call-240\""));
    filter.before = 270;
    g_string_truncate(found, 0);
    g_assert_true(store_reader_jobs(reader(fixture), &filter, list_stored, found, &error));
    g_assert_true(g_str_has_prefix(found->str, "job 240 "));
    filter = (JobFilter){.name = VIEW("align-100"), .limit = 10};
    g_string_truncate(found, 0);
    g_assert_true(store_reader_jobs(reader(fixture), &filter, list_stored, found, &error));
    g_assert_true(g_str_has_prefix(found->str, "job 100 "));
    g_assert_null(strstr(found->str, "job 99 "));
}

/* What one filter leaves of eight jobs: their sequences, newest first. New string. */
static char *listed(Fixture *fixture, const JobFilter *filter)
{
    GError *error = NULL;
    JobFilter limited = *filter;
    limited.limit = 100;
    g_autoptr(GString) found = g_string_new(NULL);
    g_assert_true(store_reader_jobs(reader(fixture), &limited, list_stored, found, &error));
    g_assert_no_error(error);
    GString *sequences = g_string_new(NULL);
    for (const char *at = found->str; (at = strstr(at, "job ")); at++)
        g_string_append_printf(sequences, "%c", at[4]);
    return g_string_free(sequences, FALSE);
}

static void test_list_filters(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const definitions[] = {"align:1", "align:2", "align-long:1", "Align:1"};
    Batch *batch = batch_new();
    for (int64_t id = 1; id <= 4; id++) {
        TemplateRecord template = full_template(id);
        template.definition = view_from(definitions[id - 1]);
        batch_put_template(batch, &template);
    }
    for (uint64_t sequence = 1; sequence <= 8; sequence++) {
        JobRecord job = {.sequence = sequence,
                         .id = {{(uint8_t)sequence}},
                         .name = sequence % 2 ? VIEW("Align") : VIEW("sort"),
                         .queue = VIEW("high"),
                         .template_id = 1 + (int64_t)(sequence - 1) / 2,
                         .share_identifier = sequence < 3 ? VIEW("a") : VIEW("ab"),
                         .created_ms = 100 * (int64_t)sequence,
                         .is_new = true};
        batch_put_job(batch, &job);
    }
    commit(fixture, batch, 1);
    const struct {
        JobFilter filter;
        const char *expected;
    } cases[] = {
        {{.definition = VIEW("align")}, "4321"},
        {{.definition = VIEW("align:2")}, "43"},
        {{.definition = VIEW("align:3")}, ""},
        {{.definition = VIEW("align*")}, "654321"},
        {{.definition = VIEW("Align")}, "87"},
        {{.definition = VIEW("alig")}, ""},
        {{.definition = VIEW("*"), .name = VIEW("ALI*")}, "7531"},
        {{.name = VIEW("align")}, "7531"},
        {{.name = VIEW("alig")}, ""},
        {{.share = VIEW("a")}, "21"},
        {{.created_before_ms = 400}, "321"},
        {{.created_after_ms = 400}, "8765"},
        {{.created_before_ms = 600, .created_after_ms = 200, .share = VIEW("ab")}, "543"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found = listed(fixture, &cases[i].filter);
        g_assert_cmpstr(found, ==, cases[i].expected);
    }
}

static void put_expiry_jobs(Batch *batch)
{
    put_template(batch, 1);
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        put_job(batch, sequence, JOB_SUCCEEDED, "q", "finished");
    DependencyRecord on = {.on = {{3}}, .on_index = NOT_A_CHILD};
    JobRecord waiting = {.sequence = 5,
                         .id = {{55}},
                         .template_id = 1,
                         .created_ms = 5,
                         .depends_on = &on,
                         .depends_on_len = 1,
                         .is_new = true};
    batch_put_job(batch, &waiting);
    JobRecord array = {.sequence = 6,
                       .id = {{66}},
                       .template_id = 1,
                       .created_ms = 6,
                       .stopped_ms = 7,
                       .array_size = 5,
                       .state = JOB_FAILED,
                       .is_new = true};
    batch_put_job(batch, &array);
    ChildRecord child = {.sequence = 6, .index = 0, .state = JOB_FAILED, .is_new = true};
    batch_put_child(batch, &child);
    RangeRecord range = {.sequence = 6, .first = 1, .last = 4, .state = JOB_FAILED};
    batch_put_range(batch, &range);
    AttemptRecord attempt = {.sequence = 6, .index = 0, .attempt = 1, .state = LAUNCH_ENDED, .is_new = true};
    batch_put_attempt(batch, &attempt);
}

static void test_retention(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    put_expiry_jobs(batch);
    commit(fixture, batch, 1);
    GError *error = NULL;
    g_autoptr(GArray) expired = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_assert_true(store_reader_expired(reader(fixture), 100, 2, expired, &error));
    g_assert_cmpuint(expired->len, ==, 2);
    g_array_set_size(expired, 0);
    g_assert_true(
        store_reader_expired(reader(fixture), 5, 100, expired, &error)); /* 4 ended at 5: not before */
    g_assert_cmpuint(expired->len, ==, 2);                               /* 3 is waited for */
    g_array_set_size(expired, 0);
    g_assert_true(store_reader_expired(reader(fixture), 100, 100, expired, &error));
    const uint64_t expected[] = {1, 2, 4, 6};
    assert_bytes(expired->data, expired->len * sizeof(uint64_t), expected, sizeof expected);

    batch = batch_new();
    for (guint i = 0; i < expired->len; i++) {
        JobRecord gone = {.sequence = g_array_index(expired, uint64_t, i), .removed = true};
        batch_put_job(batch, &gone);
    }
    commit(fixture, batch, 2);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM jobs"), ==, 2);
    g_assert_cmpint(count_rows(fixture->dir,
                               "SELECT (SELECT count(*) FROM children) + (SELECT count(*) FROM ranges)"
                               " + (SELECT count(*) FROM attempts)"),
                    ==, 0);
    g_autofree char *found = loaded(fixture);
    g_assert_nonnull(strstr(found, "counters job 6 ")); /* numbers outlive their rows */
}

/* All of it may come in one transaction: used, let go, and a job's row still there. */
static void test_template_used_and_released(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    put_template(batch, 1);
    put_template(batch, 2);
    TemplateRecord gone = {.id = 1, .removed = true};
    batch_put_template(batch, &gone);
    gone.id = 2;
    batch_put_template(batch, &gone);
    put_job(batch, 1, JOB_SUCCEEDED, "q", "one");
    commit(fixture, batch, 1);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT sum(id) FROM templates"), ==, 1);
    batch = batch_new();
    JobRecord job = {.sequence = 1, .removed = true};
    batch_put_job(batch, &job);
    commit(fixture, batch, 2);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM templates"), ==, 0);
}

/* A template goes when the world holds it no more and no job's row, finished or not, refers to it. */
static void test_template_lives_with_its_jobs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    put_template(batch, 1);
    put_template(batch, 2);
    put_job(batch, 1, JOB_SUCCEEDED, "q", "one");
    commit(fixture, batch, 1);
    batch = batch_new();
    for (int64_t id = 1; id <= 2; id++) {
        TemplateRecord gone = {.id = id, .removed = true};
        batch_put_template(batch, &gone);
    }
    commit(fixture, batch, 2);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT sum(id) FROM templates"), ==, 1);
    batch = batch_new();
    JobRecord gone = {.sequence = 1, .removed = true};
    batch_put_job(batch, &gone);
    commit(fixture, batch, 3);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT (SELECT count(*) FROM templates)"
                                             " + (SELECT count(*) FROM template_uses)"),
                    ==, 0);
}

static void test_removals(Fixture *fixture, gconstpointer data)
{
    (void)data;
    ResourceRecord resource = full_resource();
    RevisionRecord revision = {.name = VIEW("bwa"), .revision = 4, .spec = VIEW("{}")};
    SettingRecord setting = {VIEW("name"), VIEW("value")};
    Batch *batch = batch_new();
    batch_put_resource(batch, &resource);
    batch_put_revision(batch, &revision);
    batch_put_setting(batch, &setting);
    commit(fixture, batch, 1);
    g_autoptr(GString) expected = g_string_new(NULL), found = g_string_new(NULL);
    bool is_there = false;
    ResourceRecord one;
    GError *error = NULL;
    g_assert_true(
        store_reader_resource(reader(fixture), KIND_JOB_QUEUE, VIEW("high"), &is_there, &one, &error));
    g_assert_true(is_there);
    print_resource(expected, &resource);
    print_resource(found, &one);
    g_assert_cmpstr(found->str, ==, expected->str);
    resource.removed = revision.removed = true;
    setting.value = VIEW("");
    batch = batch_new();
    batch_put_resource(batch, &resource);
    batch_put_revision(batch, &revision);
    batch_put_setting(batch, &setting);
    commit(fixture, batch, 2);
    g_assert_true(
        store_reader_resource(reader(fixture), KIND_JOB_QUEUE, VIEW("high"), &is_there, &one, &error));
    g_assert_false(is_there);
    g_autofree char *all = loaded(fixture);
    g_assert_true(g_str_has_prefix(all, "counters "));
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM resource_texts"), ==, 0);
}

static void test_brief_and_runs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    ResourceRecord resource = full_resource();
    RunRecord run = full_run(), second = full_run();
    second.id = VIEW("a-later-one");
    second.number = 3;
    RunRecord other = full_run();
    other.id = VIEW("b");
    other.owner = VIEW("dev");
    other.kind = KIND_JOB;
    Batch *batch = batch_new();
    batch_put_resource(batch, &resource);
    batch_put_run(batch, &other);
    batch_put_run(batch, &second);
    batch_put_run(batch, &run);
    commit(fixture, batch, 1);
    g_autoptr(GString) found = g_string_new(NULL), expected = g_string_new(NULL);
    resource.spec = resource.next_spec = VIEW("");
    print_resource(expected, &resource);
    print_run(expected, &run);
    print_run(expected, &second);
    g_assert_true(store_reader_resources(reader(fixture), DETAIL_BRIEF, list_resource, found, &error));
    g_assert_true(store_reader_runs(reader(fixture), "prod", DETAIL_WHOLE, list_run, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
    print_run(expected, &other);
    g_string_truncate(found, 0);
    g_assert_true(store_reader_resources(reader(fixture), DETAIL_BRIEF, list_resource, found, &error));
    g_assert_true(store_reader_runs(reader(fixture), NULL, DETAIL_WHOLE, list_run, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
}

static void test_applies_newest(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Batch *batch = batch_new();
    for (int64_t id = 1; id <= 4; id++) {
        ApplyRecord apply = full_apply();
        apply.id = id;
        apply.owner = id % 2 ? VIEW("odd") : VIEW("even");
        batch_put_apply(batch, &apply);
    }
    commit(fixture, batch, 1);
    g_autoptr(GString) expected = g_string_new(NULL);
    ApplyRecord apply = full_apply();
    apply.id = 3;
    apply.owner = VIEW("odd");
    print_apply(expected, &apply);
    apply.id = 4;
    apply.owner = VIEW("even");
    print_apply(expected, &apply);
    sink_counters(&(Counters){.apply_id = 4, .now_ms = 1}, expected, NULL);
    g_autofree char *found = loaded(fixture);
    g_assert_cmpstr(found, ==, expected->str);
}

static bool name_setting(const SettingRecord *record, void *data)
{
    g_string_append_printf(data, VIEW_FMT ";", VIEW_ARG(record->name));
    return true;
}

static void test_settings_that_begin_so(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const names[] = {"override", "override ", "override b", "override a", "overridf", "a"};
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    Batch *batch = batch_new();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        batch_put_setting(batch, &(SettingRecord){view_from(names[i]), VIEW("x")});
    commit(fixture, batch, 1);
    g_assert_true(store_reader_settings(reader(fixture), "override ", name_setting, found, &error));
    g_assert_cmpstr(found->str, ==, "override ;override a;override b;");
}

static void test_events_are_bounded(Fixture *fixture, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 2; i++) {
        Batch *batch = batch_new();
        EventRecord event = {.sequence = i ? 10 + (uint64_t)STORE_EVENTS_KEPT : 10, .type = VIEW("t")};
        batch_put_event(batch, &event);
        if (i == 0) {
            event.sequence = 11;
            batch_put_event(batch, &event);
        }
        commit(fixture, batch, i);
    }
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM events"), ==, 2);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT min(sequence) FROM events"), ==, 11);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/reader/round-trip", test_round_trip);
    ADD("/reader/updates", test_updates);
    ADD("/reader/update-of-nothing", test_update_of_nothing);
    ADD("/reader/load-selects", test_load_selects);
    ADD("/reader/list-jobs", test_list_jobs);
    ADD("/reader/list-filters", test_list_filters);
    ADD("/reader/retention", test_retention);
    ADD("/reader/template-lives-with-its-jobs", test_template_lives_with_its_jobs);
    ADD("/reader/template-used-and-released", test_template_used_and_released);
    ADD("/reader/removals", test_removals);
    ADD("/reader/brief-and-runs", test_brief_and_runs);
    ADD("/reader/applies-newest", test_applies_newest);
    ADD("/reader/settings-that-begin-so", test_settings_that_begin_so);
    ADD("/reader/events-are-bounded", test_events_are_bounded);
    return g_test_run();
}

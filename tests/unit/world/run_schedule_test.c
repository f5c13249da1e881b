/* Pipelines that the clock starts: positions, what was missed, what is suspended. */
#include "tests/support/world_fixture.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NIGHT  (INT64_C(20000) * DAY) /* a midnight, UTC */

static Rng rng;

static void put(World *world, const char *triggers, const char *more, int64_t now_ms)
{
    g_autofree char *quoted = g_strdup_printf(
        "{'jobQueue':'main','jobs':[{'name':'a','jobDefinition':'one'}],'triggers':[%s]%s}", triggers, more);
    g_autofree char *spec = g_strdelimit(g_strdup(quoted), "'", '"');
    fixture_put(world, KIND_PIPELINE, "p", spec, now_ms);
}

/* All that is due by now. */
static void settle(World *world, int64_t now_ms)
{
    while (schedule_settle(world, 1, &rng, now_ms) > 0)
        world_check(world);
    run_settle(world, 100, &rng, now_ms);
    world_check(world);
}

/* "R@2 R@26": state's first letter and the hours since NIGHT of each run, oldest first. */
static void runs_are(const World *world, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (const Run *run = world_run_next(world, NULL); run; run = world_run_next(world, run))
        g_string_append_printf(text, "%s%c@%" G_GINT64_FORMAT, text->len ? " " : "",
                               run_state_name(run->state)[0], (run_scheduled_ms(run) - NIGHT) / HOUR);
    g_assert_cmpstr(text->str, ==, expected);
}

static void finish(World *world, const Run *run)
{
    static uint64_t number = 1000;
    fixture_run(world, run_job_next(run, NULL), NOT_A_CHILD, number++, 0);
}

static Run *newest(const World *world)
{
    return world_run_newest(world, KIND_PIPELINE, VIEW("p"));
}

/* What is committed, loaded again. */
static World *again(World *world)
{
    g_autoptr(GError) error = NULL;
    World *other = world_new(2, PROVIDER_LOCAL);
    Batch *batch = world_take_batch(world);
    size_t len;
#define LOAD(Type, name)                                                                                     \
    const Type *name##s = batch_##name(batch, &len);                                                         \
    for (size_t i = 0; i < len; i++)                                                                         \
        g_assert_true(world_sink.name(&name##s[i], other, &error));
    LOAD(SettingRecord, setting)
    LOAD(ResourceRecord, resource)
    LOAD(RevisionRecord, revision)
    LOAD(TemplateRecord, template)
    LOAD(RunRecord, run)
    LOAD(JobRecord, job)
    batch_free(batch);
    g_assert_true(world_sink.counters(
        &(Counters){
            .job_sequence = 100, .event_sequence = 100, .template_id = 100, .apply_id = 100, .now_ms = NIGHT},
        other, &error));
    g_assert_true(world_loaded(other, &error));
    world_check(other);
    return other;
}

static void test_creation(void)
{
    g_autoptr(World) world = fixture_world();
    g_assert_cmpint(world_schedule_due_ms(world), ==, 0);
    put(world, "{'schedule':'0 2 * * *'}", "", NIGHT + 2 * HOUR); /* at that very time */
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 26 * HOUR);
    settle(world, NIGHT + 26 * HOUR - 1);
    runs_are(world, "");
    settle(world, NIGHT + 26 * HOUR);
    runs_are(world, "R@26");
    settle(world, NIGHT + 26 * HOUR);
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 50 * HOUR);
    g_assert_cmpuint(schedule_settle(world, 10, &rng, NIGHT + 50 * HOUR - 1), ==, 0);
    /* the same content put again changes nothing */
    put(world, "{'schedule':'0 2 * * *'}", "", NIGHT + 40 * HOUR);
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 50 * HOUR);
    resource_delete(world, KIND_PIPELINE, VIEW("p"), NIGHT + 41 * HOUR);
    resource_settle(world, 10, NIGHT + 41 * HOUR);
    g_assert_cmpint(world_schedule_due_ms(world), ==, 0);
    g_assert_null(world_setting(world, "schedules p"));
    put(world, "{'schedule':'0 2 * * *'}", "", NIGHT + 60 * HOUR);
    settle(world, NIGHT + 60 * HOUR);
    runs_are(world, "R@26");
}

static void test_edits(void)
{
    g_autoptr(World) world = fixture_world();
    put(world, "{'schedule':'0 2 * * *'}", "", NIGHT);
    put(world, "{'schedule':'0 1 * * *'}", "", NIGHT + 90 * MINUTE); /* what it would have been is over */
    settle(world, NIGHT + 3 * HOUR);
    runs_are(world, "");
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 25 * HOUR);
    /* another zone is another schedule, another deadline is not */
    put(world, "{'schedule':'0 1 * * *','startingDeadlineSeconds':60}", "", NIGHT + 24 * HOUR);
    settle(world, NIGHT + 25 * HOUR);
    put(world, "{'schedule':'0 1 * * *','timeZone':'Asia/Tokyo'}", "", NIGHT + 30 * HOUR);
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 40 * HOUR);
    runs_are(world, "R@25");
}

/* How many events of that type the world has to tell; they are taken. */
static size_t told(World *world, const char *type)
{
    size_t len, count = 0;
    Batch *batch = world_take_batch(world);
    const EventRecord *events = batch_event(batch, &len);
    for (size_t i = 0; i < len; i++)
        count += view_is(events[i].type, type);
    batch_free(batch);
    return count;
}

static void test_missed(void)
{
    g_autoptr(World) world = fixture_world();
    ScheduleView view;
    put(world, "{'schedule':'0 * * * *'}", ",'concurrencyPolicy':'allow'", NIGHT);
    settle(world, NIGHT + 1000 * HOUR + MINUTE); /* the latest only, however many */
    runs_are(world, "R@1000");
    g_assert_cmpuint(told(world, "schedule.missed"), ==, 1); /* that there were others */
    put(world, "{'schedule':'0 * * * *','startingDeadlineSeconds':600}", ",'concurrencyPolicy':'allow'",
        NIGHT + 1001 * HOUR - 1);
    settle(world, NIGHT + 1002 * HOUR + 600001);
    runs_are(world, "R@1000");
    g_assert_cmpuint(told(world, "schedule.missed"), ==, 2);
    settle(world, NIGHT + 1003 * HOUR + 600001);
    g_assert_cmpuint(told(world, "schedule.missed"), ==, 1);
    settle(world, NIGHT + 1004 * HOUR + 600000); /* to the second, this is in time */
    runs_are(world, "R@1000 R@1004");
    pipeline_schedule(world_resource(world, KIND_PIPELINE, VIEW("p")), 0, &view);
    g_assert_cmpint(view.position_ms, ==, NIGHT + 1004 * HOUR);
    g_assert_cmpint(view.next_ms, ==, NIGHT + 1005 * HOUR);
    g_assert_cmpint(view.spec->deadline_ms, ==, 600000);
    /* a clock that is put back starts nothing twice */
    settle(world, NIGHT + 1003 * HOUR);
    runs_are(world, "R@1000 R@1004");
}

static void test_restart(void)
{
    g_autoptr(World) world = fixture_world();
    put(world, "{'schedule':'0 2 * * *'}", ",'concurrencyPolicy':'allow'", NIGHT);
    settle(world, NIGHT + 2 * HOUR);
    g_autoptr(World) other = again(world);
    settle(other, NIGHT + 2 * HOUR + MINUTE); /* not twice */
    runs_are(other, "R@2");
    settle(other, NIGHT + 27 * HOUR); /* nor forgotten */
    runs_are(other, "R@2 R@26");
    /* a state that knows no positions begins when it is first looked at */
    g_autoptr(World) old = fixture_world();
    put(old, "{'schedule':'0 2 * * *'}", "", NIGHT);
    world_set_setting(old, "schedules p", NULL);
    g_autoptr(World) newer = again(old);
    g_assert_cmpint(world_schedule_due_ms(newer), ==, 1);
    settle(newer, NIGHT + 100 * HOUR);
    runs_are(newer, "");
    g_assert_cmpint(world_schedule_due_ms(newer), ==, NIGHT + 122 * HOUR);
}

static void test_once_for_a_time(void)
{
    g_autoptr(World) world = fixture_world();
    put(world,
        "{'schedule':'0 2 * * *'},'manual',{'schedule':'@hourly'},{'schedule':'0 2 * * "
        "*','timeZone':'Etc/UTC'}",
        ",'concurrencyPolicy':'allow'", NIGHT);
    settle(world, NIGHT + HOUR);
    settle(world, NIGHT + 2 * HOUR);
    runs_are(world, "R@1 R@2");
    g_assert_false(digest_equal(&newest(world)->key, &world_run_before(newest(world))->key));
    finish(world, newest(world));
    settle(world, NIGHT + 3 * HOUR);
    runs_are(world, "R@1 S@2 R@3");
}

static void test_concurrency(void)
{
    g_autoptr(World) world = fixture_world();
    put(world, "{'schedule':'0 * * * *'}", "", NIGHT);
    settle(world, NIGHT + HOUR);
    settle(world, NIGHT + 2 * HOUR);
    runs_are(world, "R@1 W@2"); /* wait, the default */
    finish(world, world_run_before(newest(world)));
    settle(world, NIGHT + 2 * HOUR + 1);
    runs_are(world, "S@1 R@2");
    put(world, "{'schedule':'0 * * * *'}", ",'concurrencyPolicy':'skip'", NIGHT + 2 * HOUR + 2);
    settle(world, NIGHT + 3 * HOUR);
    runs_are(world, "S@1 R@2 C@3");
    put(world, "{'schedule':'0 * * * *'}", ",'concurrencyPolicy':'replace'", NIGHT + 3 * HOUR + 2);
    settle(world, NIGHT + 4 * HOUR);
    runs_are(world, "S@1 C@2 C@3 R@4");
}

static void test_suspended(void)
{
    g_autoptr(World) world = fixture_world();
    put(world, "{'schedule':'0 * * * *'}", "", NIGHT);
    pipeline_suspend(world, VIEW("p"), true);
    settle(world, NIGHT + HOUR);
    settle(world, NIGHT + 5 * HOUR);
    g_assert_true(pipeline_is_suspended(world, VIEW("p")));
    pipeline_suspend(world, VIEW("p"), false);
    settle(world, NIGHT + 5 * HOUR + MINUTE); /* nothing is made up for */
    runs_are(world, "");
    settle(world, NIGHT + 6 * HOUR);
    runs_are(world, "R@6");
}

static void test_failure(void)
{
    g_autoptr(World) world = fixture_world();
    fixture_put(world, KIND_PIPELINE, "p",
                "{\"jobQueue\":\"none\",\"jobs\":[{\"name\":\"a\",\"jobDefinition\":\"one\"}],"
                "\"triggers\":[{\"schedule\":\"0 * * * *\"}]}",
                NIGHT);
    settle(world, NIGHT + HOUR); /* told, and tried again at the next time only */
    runs_are(world, "");
    g_assert_cmpint(world_schedule_due_ms(world), ==, NIGHT + 2 * HOUR);
}

static void test_workspace_and_rerun(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GError) error = NULL;
    put(world, "{'schedule':'0 * * * *'}", "", NIGHT);
    settle(world, NIGHT + HOUR + MINUTE);
    Run *run = newest(world);
    g_assert_cmpint(run->created_ms, ==, NIGHT + HOUR + MINUTE);
    fixture_run(world, run_job_next(run, NULL), NOT_A_CHILD, 5, 1);
    Run *repeat = run_rerun_failed(world, run, run->spec, NULL, &rng, NIGHT + 9 * HOUR, &error);
    g_assert_no_error(error);
    g_assert_cmpint(run_scheduled_ms(repeat), ==, NIGHT + HOUR); /* it is about that hour */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = rng_from_seed(1);
    g_test_add_func("/run-schedule/creation", test_creation);
    g_test_add_func("/run-schedule/edits", test_edits);
    g_test_add_func("/run-schedule/missed", test_missed);
    g_test_add_func("/run-schedule/restart", test_restart);
    g_test_add_func("/run-schedule/once-for-a-time", test_once_for_a_time);
    g_test_add_func("/run-schedule/concurrency", test_concurrency);
    g_test_add_func("/run-schedule/suspended", test_suspended);
    g_test_add_func("/run-schedule/failure", test_failure);
    g_test_add_func("/run-schedule/workspace-and-rerun", test_workspace_and_rerun);
    return g_test_run();
}

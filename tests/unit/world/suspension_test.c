/* Suspensions of sources: they stand until they are ended or over, over restarts, and are told. */
#include "reconciler/world/suspension.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static bool suspend(World *world, const char *source, const char *reason, int64_t until_ms, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    Suspension suspension = {.source = (char *)(uintptr_t)source,
                             .until_ms = until_ms,
                             .reason = (char *)(uintptr_t)reason,
                             .actor = (char *)(uintptr_t) "ada"};
    bool done = source_suspend(world, &suspension, now_ms, &error);
    g_assert_true(done || g_error_matches(error, WORLD_ERROR, WORLD_ERROR_INVALID));
    return done;
}

static bool stands(const World *world, const char *source, int64_t now_ms)
{
    g_autoptr(Suspension) suspension = world_suspension(world, source, now_ms);
    return suspension != NULL;
}

static void test_stands(void)
{
    g_autoptr(World) world = fixture_world();
    g_assert_false(stands(world, "prod", 1000));
    g_assert_true(suspend(world, "prod", "release 7", 0, 1000));
    g_assert_true(stands(world, "prod", INT64_MAX));
    g_assert_false(stands(world, "pro", 1000) || stands(world, "prod2", 1000));
    g_assert_cmpint(world_suspension_due_ms(world), ==, 0);
    g_assert_cmpuint(suspension_settle(world, INT64_MAX), ==, 0);
    g_autoptr(Suspension) suspension = world_suspension(world, "prod", 1500);
    g_assert_cmpint(suspension->since_ms, ==, 1000);
    g_autofree char *text = suspension_text(suspension);
    g_assert_cmpstr(text, ==, "until it is resumed: release 7 (by ada)");
    g_assert_true(source_resume(world, "prod", "ada", 2000));
    g_assert_false(stands(world, "prod", 2000));
    g_assert_false(source_resume(world, "prod", "ada", 2000));
}

/* Over at its time, though nobody has looked since; a second one takes the place of the first. */
static void test_ends(void)
{
    g_autoptr(World) world = fixture_world();
    g_assert_true(suspend(world, "a", "r", 3000, 1000));
    g_assert_true(suspend(world, "b", "r", 2000, 1000));
    g_assert_cmpint(world_suspension_due_ms(world), ==, 2000);
    g_assert_true(stands(world, "b", 1999));
    g_assert_false(stands(world, "b", 2000));
    g_assert_cmpuint(suspension_settle(world, 1999), ==, 0);
    g_assert_cmpuint(suspension_settle(world, 2000), ==, 1);
    g_assert_cmpint(world_suspension_due_ms(world), ==, 3000);
    g_assert_true(suspend(world, "a", "longer", 9000, 2500));
    g_assert_cmpint(world_suspension_due_ms(world), ==, 9000);
    g_assert_cmpuint(suspension_settle(world, 3000), ==, 0);
    g_assert_cmpuint(suspension_settle(world, 9000), ==, 1);
    g_assert_cmpint(world_suspension_due_ms(world), ==, 0);
}

static void test_limits(void)
{
    g_autoptr(World) world = fixture_world();
    g_autofree char *longest = g_strnfill(SUSPENSION_REASON_MAX, 'x'),
                    *longer = g_strnfill(SUSPENSION_REASON_MAX + 1, 'x');
    g_assert_false(suspend(world, "a", NULL, 0, 1000));
    g_assert_false(suspend(world, "a", "", 0, 1000));
    g_assert_false(suspend(world, "a", longer, 0, 1000));
    g_assert_true(suspend(world, "a", longest, 0, 1000));
    g_assert_false(suspend(world, "b", "r", 1000, 1000));
    g_assert_false(suspend(world, "b", "r", -1, 1000));
    g_assert_false(suspend(world, "b", "r", 1001 + SUSPENSION_LONGEST_MS, 1000));
    g_assert_true(suspend(world, "b", "r", 1000 + SUSPENSION_LONGEST_MS, 1000));
    g_assert_false(stands(world, "c", 1000));
}

static void test_restart(void)
{
    g_autoptr(World) world = fixture_world();
    Records *records = records_new();
    suspend(world, "a", "r\"\n\\", 3000, 1000);
    suspend(world, "b", "r", 0, 1000);
    records_take(records, world_take_batch(world));
    g_autoptr(World) again = records_world(records);
    g_autoptr(GPtrArray) all = world_suspensions(again);
    g_assert_cmpuint(all->len, ==, 2);
    const Suspension *first = all->pdata[0];
    g_assert_cmpstr(first->source, ==, "a");
    g_assert_cmpstr(first->reason, ==, "r\"\n\\");
    g_assert_cmpstr(first->actor, ==, "ada");
    g_assert_cmpint(world_suspension_due_ms(again), ==, 3000);
    g_assert_cmpuint(suspension_settle(again, 3000), ==, 1);
    g_assert_true(stands(again, "b", 3000));
    records_free(records);
}

static bool note_of(const ApplyRecord *record, ApplyTrigger trigger, const char *actor, const char *message)
{
    return record->state == APPLY_STATE_NOTED && record->trigger == trigger &&
           view_is(record->owner, "prod") && view_is(record->actor, actor) &&
           view_is(record->message, message) && record->is_new;
}

/* Two lines of history, and nothing that could be taken for what is in force. */
static void test_told(void)
{
    g_autoptr(World) world = fixture_world();
    size_t len;
    batch_free(world_take_batch(world));
    suspend(world, "prod", "why", 0, 1000);
    source_resume(world, "prod", "bob", 2000);
    Batch *batch = world_take_batch(world);
    const ApplyRecord *notes = batch_apply(batch, &len);
    g_assert_cmpuint(len, ==, 2);
    g_assert_true(note_of(&notes[0], TRIGGER_SUSPEND, "ada", "until it is resumed: why (by ada)"));
    g_assert_true(note_of(&notes[1], TRIGGER_RESUME, "bob", "by bob"));
    g_assert_null(world_apply_newest(world, "prod"));
    batch_free(batch);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/suspension/stands", test_stands);
    g_test_add_func("/suspension/ends", test_ends);
    g_test_add_func("/suspension/limits", test_limits);
    g_test_add_func("/suspension/restart", test_restart);
    g_test_add_func("/suspension/told", test_told);
    return g_test_run();
}

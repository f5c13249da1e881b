/* Of each source the newest reconciles stay, and what its history hangs on; of changes the newest. */
#include "tests/support/store_fixture.h"

static ApplyRecord apply_of(int64_t id, View owner, ApplyState state)
{
    return (ApplyRecord){.id = id, .owner = owner, .state = state, .summary = VIEW("{}"), .is_new = true};
}

static void commit_apply(Fixture *fixture, int64_t id, View owner, ApplyState state)
{
    Batch *batch = batch_new();
    ApplyRecord record = apply_of(id, owner, state);
    batch_put_apply(batch, &record);
    commit(fixture, batch, id);
}

static void insert(Fixture *fixture, const char *sql)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Database) database = database_open(fixture->dir, NULL, DATABASE_WRITE, &error);
    g_assert_true(database_exec(database, sql, &error));
    g_assert_no_error(error);
}

#define REFUSALS                                                                                             \
    "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10002)"                       \
    " INSERT INTO applies SELECT i, 'prod', '', '', '', 5, '', '{}', 1, 1, 1, '', '', '', 0 FROM n"

static void test_applies(Fixture *fixture, gconstpointer data)
{
    (void)data;
    commit_apply(fixture, 1, VIEW("prod"), APPLY_CONVERGED);
    insert(fixture, REFUSALS);
    commit_apply(fixture, 10003, VIEW("other"), APPLY_FAILED);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM applies"), ==, 10003);
    commit_apply(fixture, 10004, VIEW("prod"), APPLY_STATE_REFUSED);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM applies WHERE owner = 'prod'"), ==,
                    STORE_APPLIES_KEPT + 1);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT min(id) FROM applies WHERE owner = 'prod' AND id > 1"),
                    ==, 4);
    /* Without it the source would have no history, and everything would run once more. */
    bool applied = false;
    g_autoptr(GError) error = NULL;
    g_assert_true(store_reader_applied(reader(fixture), "prod", &applied, &error));
    g_assert_true(applied);
    commit_apply(fixture, 10005, VIEW("prod"), APPLY_FAILED); /* carried out, but not to its end */
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM applies WHERE id = 1"), ==, 1);
    commit_apply(fixture, 10006, VIEW("prod"), APPLY_CONVERGED);
    commit_apply(fixture, 10007, VIEW("prod"), APPLY_CONVERGED);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM applies WHERE id = 1"), ==, 0);
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM applies WHERE owner = 'prod'"), ==,
                    STORE_APPLIES_KEPT);
}

static void test_changes(Fixture *fixture, gconstpointer data)
{
    (void)data;
    ChangeRecord change = {.kind = KIND_JOB_QUEUE, .name = VIEW("high")};
    insert(fixture, "INSERT INTO changes VALUES (10, 3, 'high', 1, 1, '', '', 0, '', ''),"
                    " (11, 3, 'high', 2, 1, '', '', 0, '', ''),"
                    " (1000009, 3, 'high', 3, 1, '', '', 0, '', '')");
    for (int i = 0; i < 2; i++) {
        Batch *batch = batch_new();
        batch_put_change(batch, &change);
        commit(fixture, batch, i + 1);
        g_assert_cmpint(count_rows(fixture->dir, "SELECT min(sequence) FROM changes"), ==,
                        i == 0 ? 11 : 1000009);
    }
    g_assert_cmpint(count_rows(fixture->dir, "SELECT count(*) FROM changes"), ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/history/applies-are-bounded", test_applies);
    ADD("/history/changes-are-bounded", test_changes);
    return g_test_run();
}

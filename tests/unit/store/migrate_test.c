/* Migration: the mechanism, with steps of the test's own; and every released format, from the databases that
 * are kept as SQL in tests/unit/store/fixtures/formatN.sql (made by `sqlite3 muster.db .dump` at that format,
 * with the pragmas). */
#include "reconciler/store/migrate.h"
#include "tests/support/store_records.h"

static Database *opened(const char *dir)
{
    GError *error = NULL;
    Database *database = database_open(dir, NULL, DATABASE_WRITE, &error);
    g_assert_no_error(error);
    return database;
}

static int64_t value_of(Database *database, const char *sql)
{
    GError *error = NULL;
    int64_t value = -1;
    database_int(database, sql, &value, &error);
    g_assert_no_error(error);
    return value;
}

static const char *const steps[] = {
    "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);",
    "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;",
    "INSERT INTO a VALUES (5, 5); INSERT INTO missing VALUES (1);",
};

static void test_step_by_step(void)
{
    g_autofree char *dir = temporary_directory();
    g_autoptr(GError) error = NULL;
    g_autoptr(Database) database = opened(dir);
    g_assert_true(migrate_run(database, steps, 1, &error));
    g_assert_cmpint(value_of(database, "PRAGMA user_version"), ==, 1);
    g_assert_false(migrate_check(database, 2, &error)); /* a reader of the next version says what to do */
    g_assert_error(error, STORE_ERROR, STORE_ERROR_VERSION);
    g_assert_nonnull(strstr(error->message, "older muster"));
    g_clear_error(&error);
    g_assert_true(migrate_run(database, steps, 2, &error));
    g_assert_true(migrate_run(database, steps, 2, &error)); /* nothing left to do */
    g_assert_cmpint(value_of(database, "SELECT sum(y) FROM a"), ==, 2);
    g_assert_true(migrate_check(database, 2, &error));
    remove_directory(dir);
}

static void test_failed_step_leaves_nothing(void)
{
    g_autofree char *dir = temporary_directory();
    g_autoptr(GError) error = NULL;
    g_autoptr(Database) database = opened(dir);
    g_assert_false(migrate_run(database, steps, 3, &error));
    g_assert_nonnull(strstr(error->message, "migrating to format 3"));
    g_assert_cmpint(value_of(database, "PRAGMA user_version"), ==, 2); /* the earlier steps stay */
    g_assert_cmpint(value_of(database, "SELECT count(*) FROM a"), ==, 1);
    remove_directory(dir);
}

static void test_newer(void)
{
    g_autofree char *dir = temporary_directory();
    g_autoptr(GError) error = NULL;
    store_free(store_open(dir, NULL, &error));
    g_assert_no_error(error);
    Database *database = opened(dir);
    g_assert_true(database_exec(database, "PRAGMA user_version = 999", &error));
    database_close(database);
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_VERSION);
    g_assert_nonnull(strstr(error->message, "newer muster"));
    g_assert_nonnull(strstr(error->message, dir));
    g_clear_error(&error);
    g_assert_null(store_reader_open(dir, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_VERSION);
    remove_directory(dir);
}

static void test_somebody_elses(void)
{
    g_autofree char *dir = temporary_directory();
    g_autoptr(GError) error = NULL;
    Database *database = opened(dir);
    g_assert_true(database_exec(database, "CREATE TABLE theirs (x); PRAGMA user_version = 1", &error));
    database_close(database);
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, "not a muster database"));
    remove_directory(dir);
}

/* The cure is one that can be taken. */
static void test_damaged(void)
{
    g_autofree char *dir = temporary_directory(), *path = g_build_filename(dir, "muster.db", NULL);
    g_autofree char *garbage = g_strnfill(8192, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(path, garbage, -1, NULL));
    g_assert_null(store_open(dir, NULL, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, "begin anew: `muster apply SOURCE --first-run record`"));
    g_assert_nonnull(strstr(error->message, "`muster restore FILE --force`"));
    remove_directory(dir);
}

static char *read_fixture(int version)
{
    g_autofree char *path = g_strdup_printf("tests/unit/store/fixtures/format%d.sql", version);
    char *sql = NULL;
    GError *error = NULL;
    g_file_get_contents(path, &sql, NULL, &error);
    g_assert_no_error(error); /* each format has a fixture: a new one must bring its own */
    return sql;
}

static bool add_event(const EventRecord *record, void *data)
{
    print_event(data, record);
    return true;
}

/* Every format that was ever written opens, and holds what it held: contentsN.txt is formatN.sql as it is
 * read today. MUSTER_GOLDEN=write writes these files. */
static void test_released_formats(void)
{
    for (int version = 1; version <= store_version; version++) {
        g_autofree char *dir = temporary_directory();
        g_autofree char *sql = read_fixture(version);
        g_autofree char *expected = NULL;
        g_autofree char *contents = g_strdup_printf("tests/unit/store/fixtures/contents%d.txt", version);
        g_autoptr(GError) error = NULL;
        Database *database = opened(dir);
        g_assert_true(database_exec(database, sql, &error));
        g_assert_cmpint(value_of(database, "PRAGMA user_version"), ==, version);
        database_close(database);
        Store *store = store_open(dir, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
        g_assert_no_error(error);
        g_autoptr(GString) found = g_string_new(NULL);
        g_assert_true(store_reader_load(reader, &print_sink, found, &error));
        g_assert_true(store_reader_events(reader, 0, 100, add_event, found, &error));
        if (g_strcmp0(g_getenv("MUSTER_GOLDEN"), "write") == 0)
            g_assert_true(g_file_set_contents(contents, found->str, -1, &error));
        g_assert_true(g_file_get_contents(contents, &expected, NULL, &error));
        g_assert_cmpstr(found->str, ==, expected);
        store_free(store);
        remove_directory(dir);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migrate/step-by-step", test_step_by_step);
    g_test_add_func("/migrate/failed-step-leaves-nothing", test_failed_step_leaves_nothing);
    g_test_add_func("/migrate/newer", test_newer);
    g_test_add_func("/migrate/somebody-elses", test_somebody_elses);
    g_test_add_func("/migrate/damaged", test_damaged);
    g_test_add_func("/migrate/released-formats", test_released_formats);
    return g_test_run();
}

/* store_fixture.h: a store in a directory of its own, for the store's unit tests. */
#pragma once
#include "reconciler/store/database.h"
#include "tests/support/store_records.h"

typedef struct {
    char *dir;
    Store *store;
    StoreReader *reader;
} Fixture;

static inline void setup(Fixture *fixture, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    fixture->dir = temporary_directory();
    fixture->store = store_open(fixture->dir, NULL, &error);
    g_assert_no_error(error);
}

static inline void teardown(Fixture *fixture, gconstpointer data)
{
    (void)data;
    store_reader_free(fixture->reader);
    store_free(fixture->store);
    remove_directory(fixture->dir);
    g_free(fixture->dir);
}

static inline void commit(Fixture *fixture, Batch *batch, int64_t now_ms)
{
    GError *error = NULL;
    store_wait(fixture->store, store_commit(fixture->store, batch, now_ms), &error);
    g_assert_no_error(error);
}

static inline StoreReader *reader(Fixture *fixture)
{
    if (!fixture->reader) {
        GError *error = NULL;
        fixture->reader = store_reader_open(fixture->dir, &error);
        g_assert_no_error(error);
    }
    return fixture->reader;
}

/* What a load gives, as text. New string. */
static inline char *loaded(Fixture *fixture)
{
    GError *error = NULL;
    GString *out = g_string_new(NULL);
    store_reader_load(reader(fixture), &print_sink, out, &error);
    g_assert_no_error(error);
    return g_string_free(out, FALSE);
}

static inline int64_t count_rows(const char *dir, const char *sql)
{
    GError *error = NULL;
    int64_t count = -1;
    g_autoptr(Database) database = database_open(dir, NULL, DATABASE_READ, &error);
    g_assert_no_error(error);
    g_assert_true(database_int(database, sql, &count, &error));
    return count;
}

static inline Batch *setting_batch(const char *name, int value)
{
    Batch *batch = batch_new();
    g_autofree char *text = g_strdup_printf("%d", value);
    SettingRecord setting = {view_from(name), view_from(text)};
    batch_put_setting(batch, &setting);
    return batch;
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, setup, func, teardown)

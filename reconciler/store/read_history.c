/* read_history.c: what was reconciled, and what was done to a resource; newest first. */
#include "reconciler/store/reader.h"

static int64_t at_most(size_t limit)
{
    return (int64_t)MIN(limit, (size_t)INT64_MAX);
}

static bool read_applies(StoreReader *reader, Cursor *cursor, ApplyFunc func, void *data, GError **error)
{
    bool row, ok;
    while ((ok = reader_step(reader, cursor, &row, error)) && row) {
        ApplyRecord record;
        get_apply(cursor, &record);
        ok = reader_sound(reader, cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor->statement);
    return ok;
}

bool store_reader_newest_applies(StoreReader *reader, ApplyFunc func, void *data, GError **error)
{
    Cursor cursor;
    return reader_statement(reader, READ_APPLIES_NEWEST, &cursor, error) &&
           read_applies(reader, &cursor, func, data, error);
}

bool store_reader_applies(StoreReader *reader, const char *owner, int64_t before, size_t limit,
                          ApplyFunc func, void *data, GError **error)
{
    Cursor cursor;
    if (!reader_statement(reader, owner ? READ_APPLIES_OF_OWNER : READ_APPLIES, &cursor, error))
        return false;
    if (owner)
        put_text(&cursor, view_from(owner));
    put_int(&cursor, before > 0 ? before : INT64_MAX);
    put_int(&cursor, at_most(limit));
    return read_applies(reader, &cursor, func, data, error);
}

bool store_reader_apply(StoreReader *reader, int64_t id, bool *ret_found, ApplyRecord *ret_record,
                        GError **error)
{
    Cursor cursor;
    bool row;
    if (!reader_statement(reader, READ_APPLY, &cursor, error))
        return false;
    put_int(&cursor, id);
    if (!reader_step(reader, &cursor, &row, error))
        return false;
    if (row) {
        ApplyRecord record;
        Batch *kept = reader_keep(reader);
        size_t len;
        get_apply(&cursor, &record);
        if (!reader_sound(reader, &cursor, error))
            return false;
        batch_put_apply(kept, &record);
        *ret_record = *batch_apply(kept, &len);
    }
    sqlite3_reset(cursor.statement);
    *ret_found = row;
    return true;
}

bool store_reader_changes(StoreReader *reader, Kind kind, View name, size_t limit, ChangeFunc func,
                          void *data, GError **error)
{
    Cursor cursor;
    bool row, ok;
    if (!reader_statement(reader, READ_CHANGES, &cursor, error))
        return false;
    put_int(&cursor, kind);
    put_text(&cursor, name);
    put_int(&cursor, at_most(limit));
    while ((ok = reader_step(reader, &cursor, &row, error)) && row) {
        ChangeRecord record;
        get_change(&cursor, &record);
        ok = reader_sound(reader, &cursor, error);
        if (!ok || !func(&record, data))
            break;
    }
    sqlite3_reset(cursor.statement);
    return ok;
}

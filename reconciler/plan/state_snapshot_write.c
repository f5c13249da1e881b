/* state_snapshot_write.c: the state becomes a snapshot's text, row by row. */
#include "reconciler/plan/change.h"
#include "reconciler/plan/state_snapshot.h"

typedef struct {
    RunRecord run; /* owns owner and spec here */
    bool has_spec, is_needed;
} RunEntry;

struct StateSnapshotWriter {
    char *installation;
    int64_t at_ms; /* of the newest change told */
    GString *sources, *resources, *runs;
    GHashTable *paths; /* source name -> its absolute path; both owned */
    GArray *group;     /* of RunEntry: the runs of one (kind, name), oldest first */
};

bool installation_is_valid(View text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!g_ascii_isdigit(text.data[i]) && !(text.data[i] >= 'a' && text.data[i] <= 'f'))
            return false;
    return text.len == INSTALLATION_LEN;
}

static void run_entry_clear(void *data)
{
    RunEntry *entry = data;
    g_free((char *)(uintptr_t)entry->run.owner.data);
    g_free((char *)(uintptr_t)entry->run.name.data);
    g_free((char *)(uintptr_t)entry->run.spec.data);
}

StateSnapshotWriter *state_snapshot_writer_new(const char *installation)
{
    StateSnapshotWriter *writer = g_new0(StateSnapshotWriter, 1);
    g_assert(installation_is_valid(view_from(installation)));
    writer->installation = g_strdup(installation);
    writer->sources = g_string_new(NULL);
    writer->resources = g_string_new(NULL);
    writer->runs = g_string_new(NULL);
    writer->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    writer->group = g_array_new(FALSE, FALSE, sizeof(RunEntry));
    g_array_set_clear_func(writer->group, run_entry_clear);
    return writer;
}

void state_snapshot_writer_free(StateSnapshotWriter *writer)
{
    if (!writer)
        return;
    g_free(writer->installation);
    g_string_free(writer->sources, TRUE);
    g_string_free(writer->resources, TRUE);
    g_string_free(writer->runs, TRUE);
    g_hash_table_unref(writer->paths);
    g_array_unref(writer->group);
    g_free(writer);
}

/* ---- members; in byte order of their names ---- */

static void begin(GString *out)
{
    g_string_append(out, out->len ? ",\n{" : "\n{");
}

/* Every member but the last of a row. */
static void put_text(GString *out, const char *name, View text)
{
    if (text.len == 0)
        return;
    g_string_append_printf(out, "\"%s\":", name);
    if (g_utf8_validate_len(text.data, text.len, NULL)) {
        json_append_string(out, text);
    } else {
        g_autofree char *valid = g_utf8_make_valid(text.data, (gssize)text.len);
        json_append_string(out, view_from(valid));
    }
    g_string_append_c(out, ',');
}

static void put_digest(GString *out, const char *name, const Digest *digest)
{
    char hex[2 * DIGEST_BYTES + 1];
    digest_to_hex(digest, hex);
    g_string_append_printf(out, "\"%s\":\"%s\",", name, hex);
}

static void put_number(GString *out, const char *name, int64_t number)
{
    g_string_append_printf(out, "\"%s\":%" G_GINT64_FORMAT ",", name, number);
}

static void put_flag(GString *out, const char *name, bool is_set)
{
    if (is_set)
        g_string_append_printf(out, "\"%s\":true,", name);
}

static void put_spec(GString *out, const char *name, Kind kind, View spec, const Redaction *redaction)
{
    g_string_append_printf(out, "\"%s\":", name);
    redact_spec(kind, spec, redaction, out);
    g_string_append_c(out, ',');
}

static void end(GString *out)
{
    if (out->str[out->len - 1] == ',')
        g_string_truncate(out, out->len - 1);
    g_string_append_c(out, '}');
}

static void note_time(StateSnapshotWriter *writer, int64_t at_ms)
{
    writer->at_ms = MAX(writer->at_ms, at_ms);
}

/* ---- rows ---- */

void state_snapshot_add_source(StateSnapshotWriter *writer, const ApplyRecord *newest, bool is_known)
{
    GString *out = writer->sources;
    begin(out);
    put_flag(out, "known", is_known);
    put_text(out, "name", newest->owner);
    put_text(out, "revision", newest->revision);
    end(out);
    g_hash_table_insert(writer->paths, g_strndup(newest->owner.data, newest->owner.len),
                        g_strndup(newest->source_path.data, newest->source_path.len));
    note_time(writer, newest->created_ms);
    note_time(writer, newest->ended_ms);
}

/* Where the source lies on that machine is nobody's business. */
static View place_of(const StateSnapshotWriter *writer, const ResourceRecord *record)
{
    View file = record->file;
    if (file.len == 0 || file.data[0] != '/')
        return file;
    g_autofree char *owner = g_strndup(record->owner.data, record->owner.len);
    const char *root = g_hash_table_lookup(writer->paths, owner);
    size_t root_len = root ? strlen(root) : 0;
    if (root_len && file.len > root_len + 1 && memcmp(file.data, root, root_len) == 0 &&
        file.data[root_len] == '/')
        return (View){file.data + root_len + 1, file.len - root_len - 1};
    const char *slash = memrchr(file.data, '/', file.len);
    return (View){slash + 1, (size_t)(file.data + file.len - slash - 1)};
}

void state_snapshot_add_resource(StateSnapshotWriter *writer, const ResourceRecord *record)
{
    g_auto(GStrv) names = redact_public_names(record->metadata);
    Redaction redaction = {.salt = writer->installation, .public_names = (const char *const *)names};
    GString *out = writer->resources;
    begin(out);
    if (record->deletion != DELETION_DRAIN)
        put_text(out, "deletion",
                 record->deletion == DELETION_TERMINATE ? VIEW("terminate") : VIEW("refuse"));
    put_digest(out, "digest", &record->digest);
    put_text(out, "file", place_of(writer, record));
    put_flag(out, "kept", record->kept);
    put_text(out, "kind", view_from(kind_name(record->kind)));
    if (record->line > 0)
        put_number(out, "line", record->line);
    g_string_append_printf(out, "\"metadata\":" VIEW_FMT ",",
                           VIEW_ARG(record->metadata.len ? record->metadata : VIEW("{}")));
    put_text(out, "name", record->name);
    if (record->phase == RESOURCE_REPLACING)
        put_digest(out, "nextDigest", &record->next_digest);
    put_text(out, "owner", record->owner);
    if (record->phase != RESOURCE_ACTIVE)
        put_text(out, "phase", record->phase == RESOURCE_DELETING ? VIEW("DELETING") : VIEW("REPLACING"));
    put_flag(out, "prune", record->prune);
    put_number(out, "revision", record->revision);
    put_spec(out, "spec", record->kind, record->spec, &redaction);
    put_text(out, "statusReason", record->status_reason);
    end(out);
    note_time(writer, record->created_ms);
    note_time(writer, record->updated_ms);
}

/* ---- runs: of each key the newest, and what has not ended ---- */

static void write_run(StateSnapshotWriter *writer, const RunEntry *entry)
{
    static const Redaction plain = {.salt = ""};
    const RunRecord *run = &entry->run;
    Redaction redaction = plain;
    GString *out = writer->runs;
    redaction.salt = writer->installation;
    begin(out);
    put_flag(out, "isEnding", run->is_ending);
    put_digest(out, "key", &run->key);
    put_text(out, "kind", view_from(kind_name(run->kind)));
    put_text(out, "name", run->name);
    put_number(out, "number", run->number);
    put_text(out, "owner", run->owner);
    if (entry->has_spec && run->spec.len > 0)
        put_spec(out, "spec", run->kind, run->spec, &redaction);
    put_text(out, "state", view_from(run_state_name(run->state)));
    end(out);
}

static void choose_runs(StateSnapshotWriter *writer)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = writer->group->len; i-- > 0;) { /* from the newest */
        RunEntry *entry = &g_array_index(writer->group, RunEntry, i);
        char hex[2 * DIGEST_BYTES + 1];
        digest_to_hex(&entry->run.key, hex);
        bool is_open = run_is_unfinished(&entry->run) || entry->run.is_ending;
        bool is_newest = g_hash_table_add(seen, g_strndup(entry->run.owner.data, entry->run.owner.len));
        bool is_of_key =
            g_hash_table_add(seen, g_strdup_printf(VIEW_FMT "\n%s", VIEW_ARG(entry->run.owner), hex));
        entry->has_spec = is_newest || is_open;
        entry->is_needed = is_of_key || is_open;
    }
}

static void flush_runs(StateSnapshotWriter *writer)
{
    choose_runs(writer);
    for (guint i = 0; i < writer->group->len; i++) {
        const RunEntry *entry = &g_array_index(writer->group, RunEntry, i);
        if (entry->is_needed)
            write_run(writer, entry);
    }
    g_array_set_size(writer->group, 0);
}

static View copy_view(View text)
{
    return (View){g_strndup(text.data ? text.data : "", text.len), text.len};
}

void state_snapshot_add_run(StateSnapshotWriter *writer, const RunRecord *record)
{
    const RunEntry *last =
        writer->group->len ? &g_array_index(writer->group, RunEntry, writer->group->len - 1) : NULL;
    if (last && (last->run.kind != record->kind || !view_equal(last->run.name, record->name)))
        flush_runs(writer);
    RunEntry entry = {.run = *record};
    entry.run.owner = copy_view(record->owner);
    entry.run.name = copy_view(record->name);
    entry.run.spec = copy_view(record->spec);
    g_array_append_val(writer->group, entry);
    note_time(writer, record->created_ms);
    note_time(writer, record->stopped_ms);
}

void state_snapshot_finish(StateSnapshotWriter *writer, GString *out)
{
    size_t start = out->len;
    flush_runs(writer);
    g_string_append_printf(out, "{\"stateSnapshot\":%d,\"installation\":\"%s\",\"at\":%" G_GINT64_FORMAT,
                           STATE_SNAPSHOT_VERSION, writer->installation, writer->at_ms);
    g_string_append_printf(out, ",\n\"sources\":[%s]", writer->sources->str);
    g_string_append(out, ",\n\"resources\":[");
    g_string_append_len(out, writer->resources->str, (gssize)writer->resources->len);
    g_string_append(out, "],\n\"runs\":[");
    g_string_append_len(out, writer->runs->str, (gssize)writer->runs->len);
    g_string_append(out, "],\n");
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    digest_of((View){out->str + start, out->len - start}, &digest);
    digest_to_hex(&digest, hex);
    g_string_append_printf(out, "\"digest\":\"%s\"}\n", hex);
}

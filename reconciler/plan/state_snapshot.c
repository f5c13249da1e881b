/* state_snapshot.c: a snapshot's text becomes what a plan compares with; everything is from outside. */
#include "reconciler/plan/state_snapshot.h"
#include "reconciler/plan/change.h"
#include "reconciler/plan/json_walk.h"

#include <jansson.h>

#define NAME_MAX_LEN    512u
#define DIGEST_LINE     "\"digest\":\"" /* begins the last line */
#define DIGEST_LINE_END "\"}\n"

struct StateSnapshot {
    Arena *arena;
    char *text;
    char *installation;
    int64_t at_ms;
    GPtrArray *sources;                 /* names, in the arena */
    GHashTable *known;                  /* of these, the sources with a history */
    GArray *resources, *runs, *runs_of; /* runs: of all sources; runs_of: of the one asked for last */
    PlanActual actual;
};

G_DEFINE_QUARK(muster - state - snapshot, state_snapshot_error)

void state_snapshot_free(StateSnapshot *snapshot)
{
    if (!snapshot)
        return;
    g_free(snapshot->text);
    g_free(snapshot->installation);
    g_ptr_array_unref(snapshot->sources);
    g_hash_table_unref(snapshot->known);
    g_array_unref(snapshot->resources);
    g_array_unref(snapshot->runs);
    g_array_unref(snapshot->runs_of);
    arena_free(snapshot->arena);
    g_free(snapshot);
}

/* ---- members of a row ---- */

/* Why a row is none; the first reason counts. */
typedef struct {
    StateSnapshot *snapshot;
    const char *fault;
} Reading;

static void spoil(Reading *reading, const char *fault)
{
    if (!reading->fault)
        reading->fault = fault;
}

static View read_text(Reading *reading, View value)
{
    View plain;
    if (json_walk_plain_string(value, &plain)) {
        if (!g_utf8_validate_len(plain.data, plain.len, NULL))
            spoil(reading, "a text is not UTF-8");
        return plain;
    }
    json_t *string = json_loadb(value.data, value.len, JSON_DECODE_ANY, NULL);
    View text = VIEW("");
    if (json_is_string(string)) {
        text.len = json_string_length(string);
        text.data = arena_strndup(reading->snapshot->arena, json_string_value(string), text.len);
    } else {
        spoil(reading, "a text is none");
    }
    json_decref(string);
    return text;
}

/* Names are compared byte by byte and shown: one without escapes or end is not ours. */
static View read_name(Reading *reading, View value)
{
    View plain;
    if (json_walk_plain_string(value, &plain) && plain.len > 0 && plain.len <= NAME_MAX_LEN &&
        g_utf8_validate_len(plain.data, plain.len, NULL))
        return plain;
    spoil(reading, "a name is none");
    return VIEW("");
}

static int64_t read_number(Reading *reading, View value)
{
    json_t *number = json_loadb(value.data, value.len, JSON_DECODE_ANY, NULL);
    int64_t result = json_integer_value(number);
    if (!json_is_integer(number) || result < 0)
        spoil(reading, "a number is none");
    json_decref(number);
    return result;
}

static void read_digest(Reading *reading, View value, Digest *ret_digest)
{
    View hex;
    if (!json_walk_plain_string(value, &hex) || !digest_from_hex(hex, ret_digest))
        spoil(reading, "a digest is none");
}

static Kind read_kind(Reading *reading, View value)
{
    View text;
    Kind kind;
    if (json_walk_plain_string(value, &text) && kind_from_name(text, &kind))
        return kind;
    spoil(reading, "an unknown kind");
    return KIND_COUNT;
}

static View read_object(Reading *reading, View value)
{
    json_t *object = json_loadb(value.data, value.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!json_is_object(object))
        spoil(reading, "a spec is no JSON object");
    json_decref(object);
    return value;
}

static bool is_text(View value, const char *text)
{
    View plain;
    return json_walk_plain_string(value, &plain) && view_is(plain, text);
}

/* ---- rows ---- */

static void read_phase(Reading *reading, View value, ResourceRecord *record)
{
    if (is_text(value, "DELETING"))
        record->phase = RESOURCE_DELETING;
    else if (is_text(value, "REPLACING"))
        record->phase = RESOURCE_REPLACING;
    else
        spoil(reading, "an unknown phase");
}

static void read_deletion(Reading *reading, View value, ResourceRecord *record)
{
    if (is_text(value, "terminate"))
        record->deletion = DELETION_TERMINATE;
    else if (is_text(value, "refuse"))
        record->deletion = DELETION_REFUSE;
    else
        spoil(reading, "an unknown muster/deletion");
}

static void read_resource_member(Reading *reading, View key, View value, ResourceRecord *record)
{
    if (view_is(key, "deletion"))
        read_deletion(reading, value, record);
    else if (view_is(key, "digest"))
        read_digest(reading, value, &record->digest);
    else if (view_is(key, "file"))
        record->file = read_text(reading, value);
    else if (view_is(key, "kept"))
        record->kept = view_is(value, "true");
    else if (view_is(key, "kind"))
        record->kind = read_kind(reading, value);
    else if (view_is(key, "line"))
        record->line = (int)MIN(read_number(reading, value), INT_MAX);
    else if (view_is(key, "metadata"))
        record->metadata = read_object(reading, value);
    else if (view_is(key, "name"))
        record->name = read_name(reading, value);
    else if (view_is(key, "nextDigest"))
        read_digest(reading, value, &record->next_digest);
    else if (view_is(key, "owner"))
        record->owner = read_text(reading, value);
    else if (view_is(key, "phase"))
        read_phase(reading, value, record);
    else if (view_is(key, "prune"))
        record->prune = view_is(value, "true");
    else if (view_is(key, "revision"))
        record->revision = read_number(reading, value);
    else if (view_is(key, "spec"))
        record->spec = read_object(reading, value);
    else if (view_is(key, "statusReason"))
        record->status_reason = read_text(reading, value);
    else
        spoil(reading, "a resource has an unknown member");
}

static int compare_names(Kind kind, View name, Kind other_kind, View other_name)
{
    if (kind != other_kind)
        return kind < other_kind ? -1 : 1;
    return view_compare(name, other_name);
}

static void read_resource(Reading *reading, View row)
{
    ResourceRecord record = {.kind = KIND_COUNT,
                             .name = VIEW(""),
                             .owner = VIEW(""),
                             .spec = VIEW(""),
                             .metadata = VIEW("{}"),
                             .next_spec = VIEW(""),
                             .file = VIEW(""),
                             .status_reason = VIEW("")};
    GArray *resources = reading->snapshot->resources;
    JsonWalk walk = json_walk_from(row);
    View key, value;
    if (!json_walk_enter(&walk, '{'))
        spoil(reading, "a resource is no JSON object");
    while (!reading->fault && json_walk_member(&walk, &key, &value))
        read_resource_member(reading, key, value, &record);
    if (record.kind == KIND_COUNT || record.name.len == 0 || record.spec.len == 0)
        spoil(reading, "a resource lacks its kind, name or spec");
    const ResourceRecord *last =
        resources->len ? &g_array_index(resources, ResourceRecord, resources->len - 1) : NULL;
    if (last && compare_names(last->kind, last->name, record.kind, record.name) >= 0)
        spoil(reading, "resources are not in order");
    g_array_append_val(resources, record);
}

static void read_run_state(Reading *reading, View value, RunRecord *run)
{
    for (int state = RUN_WAITING; state <= RUN_RECORDED; state++)
        if (is_text(value, run_state_name((RunState)state))) {
            run->state = (RunState)state;
            return;
        }
    spoil(reading, "a run has an unknown state");
}

static void read_run_member(Reading *reading, View key, View value, RunRecord *run)
{
    if (view_is(key, "isEnding"))
        run->is_ending = view_is(value, "true");
    else if (view_is(key, "key"))
        read_digest(reading, value, &run->key);
    else if (view_is(key, "kind"))
        run->kind = read_kind(reading, value);
    else if (view_is(key, "name"))
        run->name = read_name(reading, value);
    else if (view_is(key, "number"))
        run->number = read_number(reading, value);
    else if (view_is(key, "owner"))
        run->owner = read_text(reading, value);
    else if (view_is(key, "spec"))
        run->spec = read_object(reading, value);
    else if (view_is(key, "state"))
        read_run_state(reading, value, run);
    else
        spoil(reading, "a run has an unknown member");
}

static void read_run(Reading *reading, View row)
{
    RunRecord run = {.id = VIEW(""),
                     .owner = VIEW(""),
                     .kind = KIND_COUNT,
                     .name = VIEW(""),
                     .spec = VIEW(""),
                     .status_reason = VIEW("")};
    GArray *runs = reading->snapshot->runs;
    JsonWalk walk = json_walk_from(row);
    View key, value;
    if (!json_walk_enter(&walk, '{'))
        spoil(reading, "a run is no JSON object");
    while (!reading->fault && json_walk_member(&walk, &key, &value))
        read_run_member(reading, key, value, &run);
    if ((run.kind != KIND_JOB && run.kind != KIND_PIPELINE) || run.name.len == 0)
        spoil(reading, "a run lacks its kind or name");
    const RunRecord *last = runs->len ? &g_array_index(runs, RunRecord, runs->len - 1) : NULL;
    int order = last ? compare_names(last->kind, last->name, run.kind, run.name) : -1;
    if (order > 0 || (order == 0 && last->number > run.number))
        spoil(reading, "runs are not in order");
    g_array_append_val(runs, run);
}

static void read_source(Reading *reading, View row)
{
    StateSnapshot *snapshot = reading->snapshot;
    View name, known;
    if (!json_walk_find(row, "name", &name)) {
        spoil(reading, "a source has no name");
        return;
    }
    name = read_text(reading, name);
    char *copy = arena_strndup(snapshot->arena, name.data, name.len);
    g_ptr_array_add(snapshot->sources, copy);
    if (json_walk_find(row, "known", &known) && view_is(known, "true"))
        g_hash_table_add(snapshot->known, copy);
}

static void read_rows(Reading *reading, View list, void (*read_row)(Reading *reading, View row))
{
    JsonWalk walk = json_walk_from(list);
    View row;
    if (!json_walk_enter(&walk, '['))
        spoil(reading, "a list is none");
    while (!reading->fault && json_walk_item(&walk, &row))
        read_row(reading, row);
}

/* ---- the whole ---- */

static void read_root(Reading *reading, View text)
{
    StateSnapshot *snapshot = reading->snapshot;
    JsonWalk walk = json_walk_from(text);
    View key, value;
    json_walk_enter(&walk, '{');
    while (!reading->fault && json_walk_member(&walk, &key, &value)) {
        View plain;
        if (view_is(key, "installation") && !snapshot->installation &&
            json_walk_plain_string(value, &plain) && installation_is_valid(plain))
            snapshot->installation = g_strndup(plain.data, plain.len);
        else if (view_is(key, "at"))
            snapshot->at_ms = read_number(reading, value);
        else if (view_is(key, "sources"))
            read_rows(reading, value, read_source);
        else if (view_is(key, "resources"))
            read_rows(reading, value, read_resource);
        else if (view_is(key, "runs"))
            read_rows(reading, value, read_run);
        else if (!view_is(key, "stateSnapshot") && !view_is(key, "digest"))
            spoil(reading, "an unknown member");
    }
    if (!snapshot->installation)
        spoil(reading, "it names no installation");
}

static bool check_version(View text, GError **error)
{
    static const char head[] = "{\"stateSnapshot\":";
    if (text.len < strlen(head) || memcmp(text.data, head, strlen(head)) != 0) {
        g_set_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_FOREIGN,
                    "no snapshot of a state: muster snapshot and muster serve --publish-snapshot write them");
        return false;
    }
    int64_t version = 0;
    for (size_t i = strlen(head); i < text.len && i < strlen(head) + 9 && g_ascii_isdigit(text.data[i]); i++)
        version = version * 10 + (text.data[i] - '0');
    if (version == STATE_SNAPSHOT_VERSION)
        return true;
    g_set_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_VERSION,
                "a snapshot of format %" G_GINT64_FORMAT ", this muster (" MUSTER_VERSION
                ") reads format %d: plan with the version that wrote it",
                version, STATE_SNAPSHOT_VERSION);
    return false;
}

/* The last line holds the digest of everything before it. */
#define DIGEST_LINE_LEN (strlen(DIGEST_LINE) + (size_t)2 * DIGEST_BYTES + strlen(DIGEST_LINE_END))

static bool read_digest_line(View text, Digest *ret_digest)
{
    if (text.len < DIGEST_LINE_LEN)
        return false;
    const char *line = text.data + text.len - DIGEST_LINE_LEN, *hex = line + strlen(DIGEST_LINE);
    return memcmp(line, DIGEST_LINE, strlen(DIGEST_LINE)) == 0 &&
           memcmp(hex + (size_t)2 * DIGEST_BYTES, DIGEST_LINE_END, strlen(DIGEST_LINE_END)) == 0 &&
           digest_from_hex((View){hex, (size_t)2 * DIGEST_BYTES}, ret_digest);
}

static bool check_digest(View text, GError **error)
{
    Digest stated, found;
    if (!read_digest_line(text, &stated)) {
        g_set_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_DAMAGED,
                    "the snapshot is cut short: its last line, the digest, is missing (%zu bytes came)",
                    text.len);
        return false;
    }
    digest_of((View){text.data, text.len - DIGEST_LINE_LEN}, &found);
    if (digest_equal(&stated, &found))
        return true;
    g_set_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_DAMAGED,
                "the snapshot was changed since it was written: its digest does not fit");
    return false;
}

StateSnapshot *state_snapshot_parse(View text, GError **error)
{
    if (!check_version(text, error))
        return NULL;
    g_autoptr(StateSnapshot) snapshot = g_new0(StateSnapshot, 1);
    snapshot->arena = arena_new();
    snapshot->text = g_strndup(text.data, text.len);
    snapshot->sources = g_ptr_array_new();
    snapshot->known = g_hash_table_new(g_str_hash, g_str_equal);
    snapshot->resources = g_array_new(FALSE, FALSE, sizeof(ResourceRecord));
    snapshot->runs = g_array_new(FALSE, FALSE, sizeof(RunRecord));
    snapshot->runs_of = g_array_new(FALSE, FALSE, sizeof(RunRecord));
    Reading reading = {.snapshot = snapshot};
    read_root(&reading, (View){snapshot->text, text.len});
    if (reading.fault) {
        g_set_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_DAMAGED,
                    "the snapshot makes no sense: %s", reading.fault);
        return NULL;
    }
    return g_steal_pointer(&snapshot);
}

StateSnapshot *state_snapshot_load(View text, GError **error)
{
    if (!check_version(text, error) || !check_digest(text, error))
        return NULL;
    return state_snapshot_parse(text, error);
}

/* ---- asking ---- */

const char *state_snapshot_installation(const StateSnapshot *snapshot)
{
    return snapshot->installation;
}

const PlanActual *state_snapshot_actual(StateSnapshot *snapshot, const char *source)
{
    g_array_set_size(snapshot->runs_of, 0);
    for (guint i = 0; i < snapshot->runs->len; i++) {
        const RunRecord *run = &g_array_index(snapshot->runs, RunRecord, i);
        if (view_is(run->owner, source))
            g_array_append_val(snapshot->runs_of, *run);
    }
    snapshot->actual = (PlanActual){
        .resources = (const ResourceRecord *)(void *)snapshot->resources->data,
        .resources_len = snapshot->resources->len,
        .runs = (const RunRecord *)(void *)snapshot->runs_of->data,
        .runs_len = snapshot->runs_of->len,
        .source_known = g_hash_table_contains(snapshot->known, source),
        .salt = snapshot->installation,
        .is_redacted = true,
    };
    return &snapshot->actual;
}

bool state_snapshot_knows(const StateSnapshot *snapshot, Kind kind, View name, const char *owner)
{
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)snapshot->resources->data,
                         .resources_len = snapshot->resources->len};
    const ResourceRecord *resource = actual_find(&actual, kind, name);
    return resource && resource->phase == RESOURCE_ACTIVE && !view_is(resource->owner, owner);
}

char *state_snapshot_title(const StateSnapshot *snapshot, const char *source)
{
    if (snapshot->at_ms == 0)
        return g_strdup_printf("snapshot of %s, where nothing was applied yet", source);
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(snapshot->at_ms / 1000);
    g_autofree char *time = at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("an unknown time");
    return g_strdup_printf("snapshot of %s at %s", source, time);
}

char *state_snapshot_sources(const StateSnapshot *snapshot)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < snapshot->sources->len; i++)
        g_string_append_printf(out, "%s%s", i ? ", " : "", (const char *)snapshot->sources->pdata[i]);
    return g_string_free(out, FALSE);
}

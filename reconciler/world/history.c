/* Run times by definition. DurationRecord.counts is a list of (bucket, count) in ascending order, a byte and
 * four little-endian bytes each, of the buckets that are not empty. */
#include "reconciler/world/history.h"
#include "reconciler/world/job.h"

#define POWERS     41 /* up to 2^41 ms: 69 years */
#define BUCKETS    (4 * POWERS)
#define PAIR_BYTES 5
#define EXPECTED   950 /* thousandths */

struct History {
    char *definition;
    TreeNode by_definition;
    size_t refs; /* templates */
    int64_t since_ms;
    uint64_t runs;
    uint32_t counts[BUCKETS];
    /* Where the EXPECTED quantile lies: kept at hand, since every launch asks for it. */
    size_t expected;
    uint64_t below; /* runs in buckets before it */
    GList dirty;
    bool is_dirty;
};

static int history_key_compare(const TreeNode *node, const void *key)
{
    return view_compare(view_from(TREE_ENTRY(node, History, by_definition)->definition), *(const View *)key);
}

static int history_compare(const TreeNode *a, const TreeNode *b)
{
    View key = view_from(TREE_ENTRY(b, History, by_definition)->definition);
    return history_key_compare(a, &key);
}

void histories_init(World *world)
{
    tree_init(&world->histories, history_compare);
}

static void history_free(World *world, History *history)
{
    if (history->is_dirty)
        g_queue_unlink(&world->dirty_histories, &history->dirty);
    tree_remove(&world->histories, &history->by_definition);
    g_free(history->definition);
    g_free(history);
}

void histories_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->histories); node; node = tree_first(&world->histories))
        history_free(world, TREE_ENTRY(node, History, by_definition));
}

static History *history_find(const World *world, View definition)
{
    TreeNode *node = tree_find(&world->histories, &definition, history_key_compare);
    return node ? TREE_ENTRY(node, History, by_definition) : NULL;
}

/* What had the name once: jobs name revisions as they were called when they were submitted. */
static View present_name(const World *world, View definition)
{
    const Resource *resource = world_resource_renamed(world, KIND_JOB_DEFINITION, definition);
    return resource ? view_from(resource->name) : definition;
}

static History *history_get(World *world, View definition)
{
    History *history = history_find(world, definition);
    if (!history) {
        history = g_new0(History, 1);
        history->definition = view_dup(definition);
        history->dirty.data = history;
        tree_insert(&world->histories, &history->by_definition);
    }
    return history;
}

/* ---- buckets ---- */

static size_t bucket_of(int64_t ran_ms)
{
    uint64_t ms = (uint64_t)CLAMP(ran_ms, 1, (INT64_C(1) << POWERS) - 1);
    unsigned power = 63 - (unsigned)__builtin_clzll(ms);
    return 4 * power + (size_t)(ms << 2 >> power & 3);
}

/* The longest time in it. */
static int64_t bucket_limit(size_t bucket)
{
    uint64_t next = 5 + bucket % 4;
    return (int64_t)(((next << (bucket / 4)) - 1) >> 2);
}

/* The rank, from 1, that so many thousandths of the runs reach. */
static uint64_t rank_of(uint64_t runs, int permille)
{
    return MAX((runs * (uint64_t)permille + 999) / 1000, 1);
}

static void expected_move(History *history)
{
    uint64_t rank = rank_of(history->runs, EXPECTED);
    while (history->below + history->counts[history->expected] < rank)
        history->below += history->counts[history->expected++];
    while (history->below >= rank)
        history->below -= history->counts[--history->expected];
}

static void history_count(History *history, size_t bucket, uint32_t count)
{
    history->counts[bucket] += count;
    history->runs += count;
    if (bucket < history->expected)
        history->below += count;
    expected_move(history);
}

size_t history_buckets(const History *history, HistoryBucket *ret_buckets, size_t len)
{
    size_t found = 0;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        if (history->counts[bucket] == 0)
            continue;
        if (found < len)
            ret_buckets[found] = (HistoryBucket){bucket > 0 ? bucket_limit(bucket - 1) + 1 : 1,
                                                 bucket_limit(bucket), history->counts[bucket]};
        found++;
    }
    return found;
}

/* ---- changing ---- */

static void history_touch(World *world, History *history)
{
    if (history->is_dirty || world_is_quiet(world))
        return;
    history->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_histories, &history->dirty);
}

void history_add(World *world, History *history, int64_t ran_ms, int64_t now_ms)
{
    size_t bucket = bucket_of(ran_ms);
    if (history->counts[bucket] == UINT32_MAX)
        return;
    if (history->runs == 0)
        history->since_ms = now_ms;
    history_count(history, bucket, 1);
    history_touch(world, history);
}

void world_history_add(World *world, View definition, int64_t ran_ms, int64_t now_ms)
{
    history_add(world, history_get(world, definition), ran_ms, now_ms);
}

/* Of "NAME:REVISION". */
static View definition_name(const char *definition)
{
    const char *colon = strrchr(definition, ':');
    return colon ? (View){definition, (size_t)(colon - definition)} : view_from(definition);
}

History *history_ref(World *world, const char *definition)
{
    History *history = history_get(world, present_name(world, definition_name(definition)));
    history->refs++;
    return history;
}

void history_unref(World *world, History *history)
{
    if (--history->refs == 0 && history->runs == 0)
        history_free(world, history);
}

/* The row of what has that name. */
static void row_remove(World *world, History *history)
{
    if (history->is_dirty)
        g_queue_unlink(&world->dirty_histories, &history->dirty);
    history->is_dirty = false;
    if (!world_is_quiet(world))
        batch_put_duration(world_batch(world), &(DurationRecord){.definition = view_from(history->definition),
                                                                 .counts = VIEW(""),
                                                                 .removed = true});
}

void history_forget(World *world, View definition)
{
    History *history = history_find(world, definition);
    if (!history || history->runs == 0)
        return;
    row_remove(world, history);
    memset(history->counts, 0, sizeof history->counts);
    history->runs = history->below = history->expected = 0;
    history->since_ms = 0;
    if (history->refs == 0)
        history_free(world, history);
}

static void add_counts(World *world, History *to, const History *from)
{
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        if (from->counts[bucket] > 0)
            history_count(to, bucket, MIN(from->counts[bucket], UINT32_MAX - to->counts[bucket]));
    to->since_ms = to->since_ms ? MIN(to->since_ms, from->since_ms) : from->since_ms;
    history_touch(world, to);
}

/* Jobs that have it keep it; where jobs of a definition that is gone have one of the new name, its counts go
 * there. */
void history_rename(World *world, View from, View to)
{
    History *history = history_find(world, from), *there = history_find(world, to);
    if (!history || history->runs == 0)
        return;
    if (there) {
        add_counts(world, there, history);
        history_forget(world, from);
        return;
    }
    row_remove(world, history);
    tree_remove(&world->histories, &history->by_definition);
    g_free(history->definition);
    history->definition = view_dup(to);
    tree_insert(&world->histories, &history->by_definition);
    history_touch(world, history);
}

/* ---- asking ---- */

const History *world_history(const World *world, View definition)
{
    const History *history = history_find(world, present_name(world, definition));
    return history && history->runs > 0 ? history : NULL;
}

const History *world_history_next(const World *world, const History *after)
{
    TreeNode *node = after ? tree_next(&after->by_definition) : tree_first(&world->histories);
    return node ? TREE_ENTRY(node, History, by_definition) : NULL;
}

uint64_t history_runs(const History *history)
{
    return history->runs;
}

int64_t history_since_ms(const History *history)
{
    return history->since_ms;
}

int64_t history_quantile(const History *history, int permille)
{
    uint64_t rank = rank_of(history->runs, CLAMP(permille, 0, 1000)), seen = 0;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        seen += history->counts[bucket];
        if (seen >= rank)
            return bucket_limit(bucket);
    }
    return 0;
}

int64_t world_expected_ms(const World *world, const JobTemplate *template)
{
    (void)world;
    const History *history = template_entry(template)->history;
    int64_t timeout_ms = template->effective->timeout_ms;
    if (history->runs < HISTORY_RUNS_MIN)
        return timeout_ms;
    int64_t expected_ms = bucket_limit(history->expected);
    return timeout_ms > 0 ? MIN(expected_ms, timeout_ms) : expected_ms;
}

/* ---- rows ---- */

static void history_record(const History *history, DurationRecord *ret_record, GByteArray *counts)
{
    g_byte_array_set_size(counts, 0);
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        if (history->counts[bucket] == 0)
            continue;
        uint8_t byte = (uint8_t)bucket;
        uint32_t count = GUINT32_TO_LE(history->counts[bucket]);
        g_byte_array_append(counts, &byte, 1);
        g_byte_array_append(counts, (const uint8_t *)&count, sizeof count);
    }
    *ret_record = (DurationRecord){.definition = view_from(history->definition),
                                   .since_ms = history->since_ms,
                                   .counts = {(const char *)counts->data, counts->len}};
}

void write_histories(World *world, Batch *batch)
{
    g_autoptr(GByteArray) counts = NULL;
    for (GList *link = g_queue_pop_head_link(&world->dirty_histories); link;
         link = g_queue_pop_head_link(&world->dirty_histories)) {
        History *history = link->data;
        DurationRecord record;
        if (!counts)
            counts = g_byte_array_new();
        history_record(history, &record, counts);
        batch_put_duration(batch, &record);
        history->is_dirty = false;
    }
}

static bool pair_decode(const uint8_t *bytes, size_t *ret_bucket, uint32_t *ret_count)
{
    uint32_t count;
    memcpy(&count, bytes + 1, sizeof count);
    *ret_bucket = bytes[0];
    *ret_count = GUINT32_FROM_LE(count);
    return *ret_bucket<BUCKETS && * ret_count> 0;
}

bool history_restore(World *world, const DurationRecord *record, GError **error)
{
    History *history = history_get(world, record->definition);
    bool sound = record->counts.len % PAIR_BYTES == 0 && history->runs == 0;
    for (size_t at = 0; sound && at < record->counts.len; at += PAIR_BYTES) {
        size_t bucket;
        uint32_t count;
        sound = pair_decode((const uint8_t *)record->counts.data + at, &bucket, &count) &&
                history->counts[bucket] == 0;
        if (sound)
            history_count(history, bucket, count);
    }
    history->since_ms = record->since_ms;
    if (!sound)
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "run times of " VIEW_FMT " are damaged",
                    VIEW_ARG(record->definition));
    return sound;
}

void history_dump(const World *world, GString *out)
{
    for (const History *history = world_history_next(world, NULL); history;
         history = world_history_next(world, history)) {
        if (history->runs == 0)
            continue;
        g_string_append_printf(out, "history %s since=%" G_GINT64_FORMAT, history->definition,
                               history->since_ms);
        for (size_t bucket = 0; bucket < BUCKETS; bucket++)
            if (history->counts[bucket] > 0)
                g_string_append_printf(out, " %" G_GSIZE_FORMAT ":%" G_GUINT32_FORMAT, bucket,
                                       history->counts[bucket]);
        g_string_append_c(out, '\n');
    }
}

/* What is kept at hand against a count. */
bool history_is_sound(const History *history)
{
    return history->runs == 0 || bucket_limit(history->expected) == history_quantile(history, EXPECTED);
}

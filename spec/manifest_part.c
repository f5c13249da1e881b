/* manifest_part.c: what of a revision must be looked at again, so that a re-plan costs what changed and not
 * what there is. */
#include "spec/manifest_batch.h"
#include "spec/reference.h"

/* A kind and a name. */
typedef struct {
    Kind kind;
    View name;
} Key;

typedef struct {
    const ManifestSet *now;
    size_t max;
    GPtrArray *picked;  /* of const Manifest*, in the order in which they were found */
    GHashTable *is_in;  /* the same as a set */
    GHashTable *spread; /* Key*: what refers to one of these is looked at again */
    GArray *fresh;      /* uint32_t: hashes of what was put into spread since the last round */
    Arena *arena;       /* of the keys */
} Part;

/* FNV-1a; only for looking up. */
uint32_t reference_hash(Kind kind, View name)
{
    uint32_t hash = 0x811c9dc5u ^ (uint32_t)kind;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x01000193u;
    return hash ^ hash >> 15;
}

static void batch_referrers_make(ManifestBatch *batch)
{
    GArray *referrers = g_array_new(FALSE, FALSE, sizeof(Referrer));
    for (guint i = 0; i < batch->manifests->len; i++) {
        const Manifest *manifest = batch->manifests->pdata[i];
        for (size_t r = 0; r < manifest->references_len; r++) {
            const ManifestReference *reference = &manifest->references[r];
            View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
            Referrer referrer = {reference_hash(reference->kind, name), i};
            g_array_append_val(referrers, referrer);
        }
    }
    batch->referrers_len = referrers->len;
    batch->referrers = (Referrer *)(void *)g_array_free(referrers, FALSE);
}

const Referrer *manifest_batch_referrers(ManifestBatch *batch, size_t *ret_len)
{
    if (g_once_init_enter(&batch->referrers_made)) {
        batch_referrers_make(batch);
        g_once_init_leave(&batch->referrers_made, 1);
    }
    *ret_len = batch->referrers_len;
    return batch->referrers;
}

static guint key_hash(gconstpointer data)
{
    const Key *key = data;
    return reference_hash(key->kind, key->name);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const Key *first = a, *second = b;
    return first->kind == second->kind && view_equal(first->name, second->name);
}

static void pick(Part *part, const Manifest *manifest)
{
    if (g_hash_table_add(part->is_in, (gpointer)(uintptr_t)manifest))
        g_ptr_array_add(part->picked, (gpointer)(uintptr_t)manifest);
}

static void spread_from(Part *part, const Manifest *manifest)
{
    Key *key = arena_alloc(part->arena, sizeof *key);
    *key = (Key){manifest->kind, manifest->name};
    uint32_t hash = reference_hash(key->kind, key->name);
    if (g_hash_table_add(part->spread, key))
        g_array_append_val(part->fresh, hash);
}

/* ---- what differs */

static bool same_config(const SourceConfig *a, const SourceConfig *b)
{
    static const char *const none[] = {NULL};
    const char *const *uses = (const char *const *)a->uses, *const *other = (const char *const *)b->uses;
    return g_strcmp0(a->name, b->name) == 0 && g_strcmp0(a->provider, b->provider) == 0 &&
           g_strcmp0(a->region, b->region) == 0 && g_strcmp0(a->account, b->account) == 0 &&
           a->retention_ms == b->retention_ms && g_strv_equal(uses ? uses : none, other ? other : none);
}

/* False when a manifest is gone: what was checked and counted with it must be so again. */
static bool pick_changed(Part *part, const ManifestSet *before)
{
    const ManifestSet *now = part->now;
    size_t old = 0;
    for (size_t i = 0; i < now->len && part->picked->len <= part->max; i++) {
        const Manifest *manifest = now->sorted[i], *was = old < before->len ? before->sorted[old] : NULL;
        if (manifest == was) {
            old++;
            continue;
        }
        int order = was ? manifest_compare(was, manifest) : 1;
        if (order < 0)
            return false;
        old += order == 0;
        bool is_same_spec = order == 0 && digest_equal(&was->digest, &manifest->digest);
        if (!is_same_spec)
            spread_from(part, manifest);
        if (!is_same_spec || was->prune != manifest->prune || was->deletion != manifest->deletion ||
            !view_equal(was->metadata, manifest->metadata))
            pick(part, manifest);
    }
    return old == before->len;
}

/* ---- what that touches */

static bool refers_to_spread(const Part *part, const Manifest *manifest)
{
    for (size_t i = 0; i < manifest->references_len; i++) {
        const ManifestReference *reference = &manifest->references[i];
        View qualifier;
        Key key = {reference->kind, reference_name(reference->kind, reference->text, &qualifier)};
        if (g_hash_table_contains(part->spread, &key))
            return true;
    }
    return false;
}

#define FILTER_BITS 4096u

/* Only Jobs refer to their own kind, and no further than one step: a job's checks look at the jobs it names.
 */
static void pick_referrer(Part *part, const Manifest *manifest)
{
    if (manifest_set_find(part->now, manifest->kind, manifest->name) != manifest || /* replaced since */
        !refers_to_spread(part, manifest))
        return;
    pick(part, manifest);
    if (manifest->kind != KIND_JOB)
        spread_from(part, manifest);
}

/* One round finds what refers to what was put into spread by the last one. */
static void pick_referring_round(Part *part, const uint64_t *filter)
{
    for (size_t b = 0; b < part->now->batches_len; b++) {
        ManifestBatch *batch = part->now->batches[b];
        size_t len;
        const Referrer *referrers = manifest_batch_referrers(batch, &len);
        for (size_t i = 0; i < len && part->picked->len <= part->max; i++) {
            uint32_t bit = referrers[i].hash % FILTER_BITS;
            if (filter[bit / 64] >> bit % 64 & 1)
                pick_referrer(part, batch->manifests->pdata[referrers[i].manifest]);
        }
    }
}

static void pick_referring(Part *part)
{
    while (part->fresh->len > 0 && part->picked->len <= part->max) {
        uint64_t filter[FILTER_BITS / 64] = {0};
        for (guint i = 0; i < part->fresh->len; i++) {
            uint32_t bit = g_array_index(part->fresh, uint32_t, i) % FILTER_BITS;
            filter[bit / 64] |= UINT64_C(1) << bit % 64;
        }
        g_array_set_size(part->fresh, 0);
        pick_referring_round(part, filter);
    }
}

/* What they name, and what that names: the checks look there. */
static void pick_named(Part *part)
{
    for (guint next = 0; next < part->picked->len && part->picked->len <= part->max; next++) {
        const Manifest *manifest = part->picked->pdata[next];
        for (size_t i = 0; i < manifest->references_len; i++) {
            const ManifestReference *reference = &manifest->references[i];
            View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
            const Manifest *target = manifest_set_find(part->now, reference->kind, name);
            if (target)
                pick(part, target);
        }
    }
}

static gint compare_picked(gconstpointer a, gconstpointer b)
{
    return manifest_compare(*(const Manifest *const *)a, *(const Manifest *const *)b);
}

static ManifestSet *build(const Part *part)
{
    const ManifestSet *now = part->now;
    ManifestSet *set = g_new0(ManifestSet, 1);
    set->references = 1;
    g_ptr_array_sort(part->picked, compare_picked);
    set->len = part->picked->len;
    set->sorted = g_new(const Manifest *, set->len + 1);
    for (size_t i = 0; i < set->len; i++)
        set->sorted[i] = part->picked->pdata[i];
    manifest_set_share_batches(set, now, NULL);
    manifest_set_count_kinds(set);
    manifest_set_index(set);
    set->config = source_config_copy(now->config);
    memcpy(set->revision, now->revision, sizeof set->revision);
    memcpy(set->commit, now->commit, sizeof set->commit);
    return set;
}

ManifestSet *manifest_set_part(const ManifestSet *before, const ManifestSet *now, size_t max)
{
    if (before->duplicates || now->duplicates || !same_config(before->config, now->config))
        return NULL;
    Part part = {.now = now,
                 .max = max,
                 .picked = g_ptr_array_new(),
                 .is_in = g_hash_table_new(g_direct_hash, g_direct_equal),
                 .spread = g_hash_table_new(key_hash, key_equal),
                 .fresh = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                 .arena = arena_new()};
    ManifestSet *set = NULL;
    if (pick_changed(&part, before)) {
        pick_referring(&part);
        pick_named(&part);
        if (part.picked->len <= max)
            set = build(&part);
    }
    g_ptr_array_unref(part.picked);
    g_hash_table_unref(part.is_in);
    g_hash_table_unref(part.spread);
    g_array_unref(part.fresh);
    arena_free(part.arena);
    return set;
}

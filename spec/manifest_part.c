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
    Arena *arena;       /* of the keys */
    unsigned kinds;     /* that occur in spread, as bits */
} Part;

static guint key_hash(gconstpointer data)
{
    const Key *key = data;
    guint hash = 5381 + (guint)key->kind;
    for (size_t i = 0; i < key->name.len; i++)
        hash = hash * 33 + (guint)(unsigned char)key->name.data[i];
    return hash;
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
    g_hash_table_add(part->spread, key);
    part->kinds |= 1u << manifest->kind;
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
        if (!(part->kinds & 1u << reference->kind))
            continue;
        Key key = {reference->kind, reference_name(reference->kind, reference->text, &qualifier)};
        if (g_hash_table_contains(part->spread, &key))
            return true;
    }
    return false;
}

/* In the order of kinds what is referred to comes first, so one pass finds what refers to what refers to it.
 * Only Jobs refer to their own kind, and no further than one step: a job's checks look at the jobs it names.
 */
static void pick_referring(Part *part)
{
    for (size_t i = 0; part->kinds && i < part->now->len && part->picked->len <= part->max; i++) {
        const Manifest *manifest = part->now->sorted[i];
        if (!refers_to_spread(part, manifest))
            continue;
        pick(part, manifest);
        if (manifest->kind != KIND_JOB)
            spread_from(part, manifest);
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
    arena_free(part.arena);
    return set;
}

/* manifest_update.c: a set made from another by a few changes, without sorting or copying what stays. */
#include <glib.h>
#include <stdlib.h>
#include "spec/manifest_batch.h"

static int compare_pointed(const void *a, const void *b)
{
    return manifest_compare(*(const Manifest *const *)a, *(const Manifest *const *)b);
}

static const Manifest **sorted_copy(const Manifest *const *manifests, size_t len)
{
    const Manifest **copy = g_new(const Manifest *, len + 1);
    if (len > 0)
        memcpy(copy, manifests, len * sizeof *copy);
    qsort(copy, len, sizeof *copy, compare_pointed);
    return copy;
}

/* Where manifest stands in old or would stand. */
static size_t place_in(const ManifestSet *old, const Manifest *manifest)
{
    size_t low = 0, high = old->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (manifest_compare(old->sorted[middle], manifest) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What is merged: the old order, with gaps, and what comes in. */
typedef struct {
    const ManifestSet *old;
    ManifestSet *set;
    size_t next; /* of old */
} Merge;

static void copy_until(Merge *merge, size_t end)
{
    size_t len = end > merge->next ? end - merge->next : 0;
    memcpy(merge->set->sorted + merge->set->len, merge->old->sorted + merge->next, len * sizeof(Manifest *));
    merge->set->len += len;
    merge->next += len;
}

/* False when a (kind, name) would be there twice. */
static bool add_one(Merge *merge, const Manifest *manifest)
{
    copy_until(merge, place_in(merge->old, manifest));
    const ManifestSet *set = merge->set;
    if (set->len > 0 && manifest_compare(set->sorted[set->len - 1], manifest) == 0)
        return false;
    merge->set->sorted[merge->set->len++] = manifest;
    return true;
}

/* removed and added ascend. */
static bool merge_all(Merge *merge, const Manifest **removed, size_t removed_len, const Manifest **added,
                      size_t added_len)
{
    size_t r = 0, a = 0;
    while (r < removed_len || a < added_len) {
        int order = r == removed_len ? 1 : a == added_len ? -1 : manifest_compare(removed[r], added[a]);
        if (order <= 0) {
            copy_until(merge, place_in(merge->old, removed[r]));
            if (merge->next >= merge->old->len || merge->old->sorted[merge->next] != removed[r])
                return false; /* not of this set */
            merge->next++;
            r++;
        } else {
            size_t place = place_in(merge->old, added[a]);
            bool is_taken = place >= merge->next && place < merge->old->len &&
                            manifest_compare(merge->old->sorted[place], added[a]) == 0;
            if (is_taken || !add_one(merge, added[a]))
                return false;
            a++;
        }
    }
    copy_until(merge, merge->old->len);
    return true;
}

void manifest_set_count_kinds(ManifestSet *set)
{
    Manifest probe = {.name = {"", 0}};
    for (int kind = 0; kind <= KIND_COUNT; kind++) {
        probe.kind = (Kind)kind;
        set->kind_first[kind] = place_in(set, &probe);
    }
}

/* The first place at which the two differ. */
static size_t first_difference(const ManifestSet *a, const ManifestSet *b)
{
    size_t i = 0;
    while (i < a->len && i < b->len && a->sorted[i] == b->sorted[i])
        i++;
    return i;
}

static bool same_names(const Manifest **a, size_t a_len, const Manifest **b, size_t b_len)
{
    for (size_t i = 0; i < a_len && a_len == b_len; i++)
        if (manifest_compare(a[i], b[i]) != 0)
            return false;
    return a_len == b_len;
}

/* Chunks of manifests that stand where they stood keep their digests. */
static void digest_changed(ManifestSet *set, const ManifestSet *old, bool is_in_place)
{
    size_t chunks = set->len / REVISION_CHUNK + 1;
    set->chunks = g_new0(Digest, chunks);
    size_t first = first_difference(old, set);
    size_t kept = MIN(chunks, old->len / REVISION_CHUNK + 1);
    memcpy(set->chunks, old->chunks, kept * sizeof(Digest));
    if (!is_in_place) {
        manifest_set_digest(set, first);
        return;
    }
    for (size_t chunk = first / REVISION_CHUNK; chunk * REVISION_CHUNK < set->len; chunk++) {
        size_t start = chunk * REVISION_CHUNK, len = MIN((size_t)REVISION_CHUNK, set->len - start);
        if (memcmp(set->sorted + start, old->sorted + start, len * sizeof(Manifest *)) != 0)
            manifest_set_digest_chunk(set, chunk);
    }
    manifest_set_digest(set, set->len);
}

void manifest_set_share_batches(ManifestSet *set, const ManifestSet *old, ManifestBatch *added)
{
    set->batches = g_new(ManifestBatch *, old->batches_len + 2);
    for (size_t i = 0; i < old->batches_len; i++)
        set->batches[i] = manifest_batch_share(old->batches[i]);
    set->batches_len = old->batches_len;
    if (added)
        set->batches[set->batches_len++] = manifest_batch_share(added);
}

ManifestSet *manifest_set_replace(const ManifestSet *old, const Manifest *const *removed, size_t removed_len,
                                  ManifestBatch *added)
{
    if (old->duplicates)
        return NULL;
    g_autofree const Manifest **out = sorted_copy(removed, removed_len);
    g_autofree const Manifest **in =
        sorted_copy((const Manifest *const *)added->manifests->pdata, added->manifests->len);
    ManifestSet *set = g_new0(ManifestSet, 1);
    set->references = 1;
    set->sorted = g_new(const Manifest *, old->len + added->manifests->len + 1);
    Merge merge = {old, set, 0};
    if (!merge_all(&merge, out, removed_len, in, added->manifests->len)) {
        g_free(set->sorted);
        g_free(set);
        return NULL;
    }
    bool is_in_place = same_names(out, removed_len, in, added->manifests->len);
    manifest_set_share_batches(set, old, added);
    manifest_set_count_kinds(set);
    if (is_in_place) {
        set->slots_mask = old->slots_mask;
        set->slots = g_memdup2(old->slots, (old->slots_mask + 1) * sizeof *old->slots);
    } else {
        manifest_set_index(set);
    }
    set->config = source_config_copy(old->config);
    memcpy(set->commit, old->commit, sizeof set->commit);
    digest_changed(set, old, is_in_place);
    return set;
}

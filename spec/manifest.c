#include "spec/manifest.h"

#include <glib.h>

#include "spec/manifest_batch.h"
#include "spec/reference_path.h"

/* ---- batches */

ManifestBatch *manifest_batch_new(void)
{
    ManifestBatch *batch = g_new0(ManifestBatch, 1);
    batch->arena = arena_new_tight();
    batch->scratch = arena_new();
    batch->manifests = g_ptr_array_new();
    batch->references = g_array_new(FALSE, FALSE, sizeof(ManifestReference));
    batch->spec = g_string_sized_new(4096);
    batch->metadata = g_string_sized_new(256);
    return batch;
}

/* What only adding needs. */
static void batch_finish(ManifestBatch *batch)
{
    g_clear_pointer(&batch->scratch, arena_free);
    if (batch->references)
        g_array_free(g_steal_pointer(&batch->references), TRUE);
    if (batch->spec)
        g_string_free(g_steal_pointer(&batch->spec), TRUE);
    if (batch->metadata)
        g_string_free(g_steal_pointer(&batch->metadata), TRUE);
}

ManifestBatch *manifest_batch_share(ManifestBatch *batch)
{
    batch_finish(batch);
    g_atomic_int_inc(&batch->sets);
    return batch;
}

void manifest_batch_free(ManifestBatch *batch)
{
    if (!batch || (g_atomic_int_get(&batch->sets) > 0 && !g_atomic_int_dec_and_test(&batch->sets)))
        return;
    batch_finish(batch);
    g_ptr_array_free(batch->manifests, TRUE);
    arena_free(batch->arena);
    if (batch->memory)
        manifest_memory_unref(batch->memory);
    g_free(batch->referrers);
    g_free(batch);
}

/* Manifests of one file come one after the other: only the last name is worth remembering. */
static const char *batch_file(ManifestBatch *batch, const char *file)
{
    if (!file)
        return NULL;
    if (!batch->last_file || strcmp(batch->last_file, file) != 0)
        batch->last_file = arena_strndup(batch->arena, file, strlen(file));
    return batch->last_file;
}

static void reference_collect(const ManifestReference *reference, void *data)
{
    g_array_append_vals(data, reference, 1);
}

static View text_put(char **at, View text)
{
    if (text.len)
        memcpy(*at, text.data, text.len);
    View copy = {*at, text.len};
    *at += text.len;
    return copy;
}

static size_t references_scan(ManifestBatch *batch, const Manifest *manifest)
{
    g_array_set_size(batch->references, 0);
    reference_path_scan(manifest->kind, manifest->spec, reference_collect, batch->references);
    return batch->references->len * sizeof(ManifestReference);
}

void manifest_memory_unref(ManifestMemory *memory)
{
    if (g_atomic_int_dec_and_test(&memory->references))
        memory->free(memory);
}

void manifest_batch_add_placed(ManifestBatch *batch, const Manifest *manifest, ManifestMemory *memory)
{
    g_assert(!batch->memory || batch->memory == memory);
    if (!batch->memory) {
        g_atomic_int_inc(&memory->references);
        batch->memory = memory;
    }
    size_t references = references_scan(batch, manifest);
    char *block = arena_alloc_raw(batch->arena, sizeof(Manifest) + references);
    Manifest *copy = (Manifest *)(void *)block;
    ManifestReference *list = (ManifestReference *)(void *)(block + sizeof(Manifest));
    *copy = *manifest;
    copy->file = batch_file(batch, manifest->file);
    copy->references_len = batch->references->len;
    copy->references = references ? list : NULL;
    if (references)
        memcpy(list, batch->references->data, references);
    g_ptr_array_add(batch->manifests, copy);
}

void manifest_batch_add(ManifestBatch *batch, const Manifest *manifest)
{
    size_t references = references_scan(batch, manifest);
    size_t texts = manifest->name.len + manifest->spec.len + manifest->metadata.len;
    /* One block: the manifest, its references, its texts. */
    char *block = arena_alloc_raw(batch->arena, sizeof(Manifest) + references + texts);
    Manifest *copy = (Manifest *)(void *)block;
    ManifestReference *list = (ManifestReference *)(void *)(block + sizeof(Manifest));
    char *at = block + sizeof(Manifest) + references;
    *copy = *manifest;
    copy->name = text_put(&at, manifest->name);
    copy->spec = text_put(&at, manifest->spec);
    copy->metadata = text_put(&at, manifest->metadata);
    copy->file = batch_file(batch, manifest->file);
    copy->references_len = batch->references->len;
    copy->references = copy->references_len ? list : NULL;
    for (size_t i = 0; i < copy->references_len; i++) {
        list[i] = g_array_index(batch->references, ManifestReference, i);
        list[i].text.data = copy->spec.data + (list[i].text.data - manifest->spec.data);
    }
    g_ptr_array_add(batch->manifests, copy);
}

void manifest_set_rest(const ManifestSet *set)
{
    ManifestMemory *last = NULL;
    for (size_t i = 0; i < set->batches_len; i++) {
        ManifestMemory *memory = set->batches[i]->memory;
        if (memory && memory != last)
            memory->rest(memory);
        last = memory ? memory : last;
    }
}

size_t manifest_batch_len(const ManifestBatch *batch)
{
    return batch->manifests->len;
}

const Manifest *manifest_batch_get(const ManifestBatch *batch, size_t index)
{
    return g_ptr_array_index(batch->manifests, index);
}

/* ---- the set */

/* The first bytes after what all names of a kind share decide most comparisons without touching the names. */
typedef struct {
    uint64_t key;
    const Manifest *manifest;
} SortEntry;

static uint64_t name_key(View name, size_t skip)
{
    uint64_t key = 0;
    for (size_t i = skip; i < skip + 8; i++)
        key = key << 8 | (i < name.len ? (unsigned char)name.data[i] : 0);
    return key;
}

static int place_compare(const Manifest *a, const Manifest *b)
{
    int order = g_strcmp0(a->file, b->file);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

int manifest_compare(const Manifest *a, const Manifest *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return view_compare(a->name, b->name);
}

static int entry_compare(const void *a, const void *b)
{
    const SortEntry *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    int order = view_compare(left->manifest->name, right->manifest->name);
    return order ? order : place_compare(left->manifest, right->manifest);
}

static size_t common_prefix(const SortEntry *entries, size_t len)
{
    View first = entries[0].manifest->name;
    size_t common = first.len;
    for (size_t i = 1; i < len && common; i++) {
        View name = entries[i].manifest->name;
        size_t same = 0;
        while (same < common && same < name.len && name.data[same] == first.data[same])
            same++;
        common = same;
    }
    return common;
}

static void entries_sort(SortEntry *entries, size_t len)
{
    if (len < 2)
        return;
    size_t skip = common_prefix(entries, len);
    bool sorted = true;
    for (size_t i = 0; i < len; i++) {
        entries[i].key = name_key(entries[i].manifest->name, skip);
        sorted = sorted && (i == 0 || entry_compare(&entries[i - 1], &entries[i]) <= 0);
    }
    if (!sorted)
        qsort(entries, len, sizeof *entries, entry_compare);
}

static void duplicate_report(const Manifest *first, const Manifest *second, DiagnosticList *diagnostics)
{
    g_autofree char *message =
        g_strdup_printf("%s/" VIEW_FMT " is defined twice", kind_name(second->kind), VIEW_ARG(second->name));
    g_autofree char *detail = g_strdup_printf("first at %s:%d", first->file ? first->file : "?", first->line);
    diagnostic_list_add(diagnostics, &(Diagnostic){.severity = SEVERITY_ERROR,
                                                   .file = (char *)(uintptr_t)second->file,
                                                   .line = second->line,
                                                   .column = 1,
                                                   .path = (char *)(uintptr_t) "metadata.name",
                                                   .message = message,
                                                   .detail = detail});
}

/* Fills kind_first and the entries grouped by kind; returns how many there are. */
static SortEntry *entries_by_kind(ManifestSet *set, size_t *ret_len)
{
    size_t counts[KIND_COUNT] = {0}, total = 0;
    for (size_t b = 0; b < set->batches_len; b++)
        for (size_t i = 0; i < manifest_batch_len(set->batches[b]); i++, total++)
            counts[manifest_batch_get(set->batches[b], i)->kind]++;
    size_t next[KIND_COUNT];
    for (size_t kind = 0, at = 0; kind < KIND_COUNT; at += counts[kind++])
        set->kind_first[kind] = next[kind] = at;
    set->kind_first[KIND_COUNT] = total;
    SortEntry *entries = g_new(SortEntry, total + 1);
    for (size_t b = 0; b < set->batches_len; b++)
        for (size_t i = 0; i < manifest_batch_len(set->batches[b]); i++) {
            const Manifest *manifest = manifest_batch_get(set->batches[b], i);
            entries[next[manifest->kind]++] = (SortEntry){0, manifest};
        }
    *ret_len = total;
    return entries;
}

static void set_sort(ManifestSet *set, DiagnosticList *diagnostics)
{
    size_t total, first[KIND_COUNT + 1];
    g_autofree SortEntry *entries = entries_by_kind(set, &total);
    set->sorted = g_new(const Manifest *, total + 1);
    memcpy(first, set->kind_first, sizeof first);
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        SortEntry *group = entries + first[kind];
        entries_sort(group, first[kind + 1] - first[kind]);
        set->kind_first[kind] = set->len;
        for (size_t i = 0; i < first[kind + 1] - first[kind]; i++) {
            const Manifest *kept = set->len > set->kind_first[kind] ? set->sorted[set->len - 1] : NULL;
            if (kept && view_equal(kept->name, group[i].manifest->name)) {
                set->duplicates = true;
                duplicate_report(kept, group[i].manifest, diagnostics);
            } else
                set->sorted[set->len++] = group[i].manifest;
        }
    }
    set->kind_first[KIND_COUNT] = set->len;
}

/* FNV-1a with a last mixing step; only for looking up. */
static uint64_t name_hash(Kind kind, View name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)kind;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

void manifest_set_index(ManifestSet *set)
{
    size_t size = 16;
    while (size < set->len * 2)
        size *= 2;
    set->slots = g_new0(uint32_t, size);
    set->slots_mask = size - 1;
    for (size_t i = 0; i < set->len; i++) {
        size_t slot = name_hash(set->sorted[i]->kind, set->sorted[i]->name) & set->slots_mask;
        while (set->slots[slot])
            slot = (slot + 1) & set->slots_mask;
        set->slots[slot] = (uint32_t)i + 1;
    }
}

static void text_append(GString *out, View text)
{
    uint32_t len = GUINT32_TO_LE((uint32_t)text.len);
    g_string_append_len(out, (const char *)&len, sizeof len);
    g_string_append_len(out, text.data, (gssize)text.len);
}

static void chunk_digest(const ManifestSet *set, size_t first, GString *chunk, Digest *ret_digest)
{
    g_string_truncate(chunk, 0);
    for (size_t i = first; i < MIN(first + REVISION_CHUNK, set->len); i++) {
        const Manifest *manifest = set->sorted[i];
        text_append(chunk, view_from(kind_name(manifest->kind)));
        text_append(chunk, manifest->name);
        text_append(chunk, manifest->metadata);
        g_string_append_len(chunk, (const char *)manifest->digest.bytes, DIGEST_BYTES);
    }
    digest_of((View){chunk->str, chunk->len}, ret_digest);
}

void manifest_set_digest_chunk(ManifestSet *set, size_t chunk)
{
    g_autoptr(GString) text = g_string_new(NULL);
    chunk_digest(set, chunk * REVISION_CHUNK, text, &set->chunks[chunk]);
}

/* Digest of the digests of every REVISION_CHUNK manifests: no buffer grows with the set, and a changed
 * manifest changes one. */
void manifest_set_digest(ManifestSet *set, size_t first)
{
    size_t chunks = (set->len + REVISION_CHUNK - 1) / REVISION_CHUNK;
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = first / REVISION_CHUNK; i < chunks; i++)
        chunk_digest(set, i * REVISION_CHUNK, text, &set->chunks[i]);
    Digest digest;
    digest_of((View){(const char *)set->chunks, chunks * sizeof(Digest)}, &digest);
    digest_to_hex(&digest, set->revision);
}

ManifestSet *manifest_set_build(ManifestBatch **batches, size_t len, const SourceConfig *config,
                                DiagnosticList *diagnostics)
{
    ManifestSet *set = g_new0(ManifestSet, 1);
    set->references = 1;
    set->batches = g_new0(ManifestBatch *, len + 1);
    set->batches_len = len;
    for (size_t i = 0; i < len; i++) {
        set->batches[i] = manifest_batch_share(batches[i]);
    }
    set->config = source_config_copy(config);
    set_sort(set, diagnostics);
    manifest_set_index(set);
    set->chunks = g_new(Digest, set->len / REVISION_CHUNK + 1);
    manifest_set_digest(set, 0);
    return set;
}

ManifestSet *manifest_set_ref(ManifestSet *set)
{
    g_atomic_int_inc(&set->references);
    return set;
}

void manifest_set_unref(ManifestSet *set)
{
    if (!set || !g_atomic_int_dec_and_test(&set->references))
        return;
    for (size_t i = 0; i < set->batches_len; i++)
        manifest_batch_free(set->batches[i]);
    g_free(set->batches);
    g_free(set->sorted);
    g_free(set->slots);
    g_free(set->chunks);
    source_config_free(set->config);
    g_free(set);
}

size_t manifest_set_len(const ManifestSet *set)
{
    return set->len;
}

const Manifest *manifest_set_get(const ManifestSet *set, size_t index)
{
    g_assert(index < set->len);
    return set->sorted[index];
}

const Manifest *manifest_set_find(const ManifestSet *set, Kind kind, View name)
{
    size_t slot = name_hash(kind, name) & set->slots_mask;
    for (; set->slots[slot]; slot = (slot + 1) & set->slots_mask) {
        const Manifest *manifest = set->sorted[set->slots[slot] - 1];
        if (manifest->kind == kind && view_equal(manifest->name, name))
            return manifest;
    }
    return NULL;
}

size_t manifest_set_kind(const ManifestSet *set, Kind kind, size_t *ret_first)
{
    *ret_first = set->kind_first[kind];
    return set->kind_first[kind + 1] - set->kind_first[kind];
}

const SourceConfig *manifest_set_config(const ManifestSet *set)
{
    return set->config;
}

const char *manifest_set_revision(const ManifestSet *set)
{
    return set->commit[0] ? set->commit : set->revision;
}

const char *manifest_set_content(const ManifestSet *set)
{
    return set->revision;
}

void manifest_set_set_commit(ManifestSet *set, const char *commit)
{
    g_strlcpy(set->commit, commit, sizeof set->commit);
}

/* cache.c: see cache.h. The file, all numbers in this machine's order (another machine's file fails the
 * checksum of its header's version):
 *
 *   Header | payload of a text | payload … | Entry[entries], ascending by the text's digest
 *
 * A payload: PayloadHead, then for each manifest a ManifestHead, its name, spec and metadata. */
#include "reconciler/source/cache.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/variant.h"

#define CACHE_VERSION   2u
#define CACHE_MAGIC     0x4548434154534d55u
#define CACHE_BYTES_MAX ((uint64_t)2 << 30)
#define ENTRIES_MAX     4000000u
#define ALIGNMENT       _Alignof(Entry)
#define REWRITE_SHARE   20u /* written anew when a 20th of what was used was missing */

typedef struct {
    uint64_t magic;
    uint32_t version, entry_bytes;
    Digest key;
    uint64_t entries, index_offset;
    Digest index_checksum;
    Digest checksum; /* of the members above */
} Header;

typedef struct {
    Digest text;
    uint64_t offset, len;
    Digest checksum;
} Entry;

typedef struct {
    uint32_t manifests, documents_skipped;
    uint32_t first_skipped_line, is_ours;
} PayloadHead;

typedef struct {
    uint32_t line; /* from 1, relative to the text's first line */
    uint8_t kind, prune, deletion, unused;
    uint32_t name_len, spec_len, metadata_len;
    Digest digest;
} ManifestHead;

/* The file as it was when it was opened, mapped as git's packs are: what was found lies there. */
typedef struct {
    ManifestMemory memory;
    char *bytes;
    size_t len;
} CacheFile;

struct Cache {
    Digest key;
    char *path, *temporary;
    CacheFile *file; /* NULL: none, or it cannot be used */
    const Entry *entries;
    size_t entries_len;
    gint *used; /* by entry: found in this pass */
    GMutex mutex;
    /* under mutex: */
    int out;        /* temporary file; -1: not open */
    bool is_broken; /* writing failed or somebody else writes */
    uint64_t out_len;
    GArray *added; /* of Entry */
};

/* ---- what the manifests depend on
 * --------------------------------------------------------------------------------- */

static void append_text(GString *out, const char *text)
{
    g_string_append_printf(out, "%zu:%s\n", text ? strlen(text) : 0, text ? text : "");
}

static void append_digest(GString *out, View text)
{
    Digest digest;
    digest_of(text, &digest);
    g_string_append_len(out, (const char *)digest.bytes, DIGEST_BYTES);
}

static void key_digest(const CacheKey *key, Digest *ret_digest)
{
    g_autoptr(GString) text = g_string_new("muster/cache\n");
    g_string_append_printf(text, "%u %d %s\n", CACHE_VERSION, DIGEST_FORMAT_VERSION, MUSTER_VERSION);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        append_digest(text, kind_schema_text((Kind)kind));
    append_digest(text, common_schema_text());
    append_digest(text, config_schema_text());
    append_text(text, key->provider);
    if (key->config) {
        append_text(text, key->config->name);
        append_text(text, key->config->provider);
        append_text(text, key->config->region);
        append_text(text, key->config->account);
        Digest variant;
        variant_digest(key->config->variant, &variant);
        g_string_append_len(text, (const char *)variant.bytes, DIGEST_BYTES);
    }
    digest_of((View){text->str, text->len}, ret_digest);
}

/* One file for each source and provider. */
static char *file_path(const CacheKey *key)
{
    char *real = realpath(key->source_path, NULL);
    g_autoptr(GString) text = g_string_new(real ? real : key->source_path);
    free(real);
    append_text(text, key->provider);
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    digest_of((View){text->str, text->len}, &digest);
    digest_to_hex(&digest, hex);
    return g_strdup_printf("%s/manifests-%.16s.cache", key->directory, hex);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------------------ */

static void file_rest(ManifestMemory *memory)
{
    CacheFile *file = (CacheFile *)memory;
    (void)madvise(file->bytes, file->len, MADV_DONTNEED);
}

static void file_free(ManifestMemory *memory)
{
    CacheFile *file = (CacheFile *)memory;
    munmap(file->bytes, file->len);
    g_free(file);
}

static CacheFile *file_map(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (size_t)status.st_size < sizeof(Header) ||
        (uint64_t)status.st_size > CACHE_BYTES_MAX)
        return NULL;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return NULL;
#ifdef MADV_POPULATE_READ
    (void)madvise(bytes, (size_t)status.st_size, MADV_POPULATE_READ); /* all of it is looked at, mostly */
#endif
    CacheFile *file = g_new0(CacheFile, 1);
    *file = (CacheFile){{1, file_rest, file_free}, bytes, (size_t)status.st_size};
    return file;
}

static void header_checksum(const Header *header, Digest *ret_checksum)
{
    digest_of((View){(const char *)header, offsetof(Header, checksum)}, ret_checksum);
}

static bool header_is_good(const Header *header, const Digest *key, uint64_t file_len)
{
    Digest checksum;
    if (header->magic != CACHE_MAGIC || header->version != CACHE_VERSION ||
        header->entry_bytes != sizeof(Entry))
        return false;
    header_checksum(header, &checksum);
    return digest_equal(&checksum, &header->checksum) && digest_equal(key, &header->key) &&
           header->entries <= ENTRIES_MAX && header->index_offset >= sizeof(Header) &&
           header->index_offset <= file_len &&
           header->entries * sizeof(Entry) == file_len - header->index_offset;
}

static bool entries_are_good(const Entry *entries, size_t len, uint64_t index_offset)
{
    for (size_t i = 0; i < len; i++) {
        const Entry *entry = &entries[i];
        if (entry->offset < sizeof(Header) || entry->offset > index_offset ||
            entry->len < sizeof(PayloadHead) || entry->len > index_offset - entry->offset)
            return false;
        if (i > 0 && memcmp(entries[i - 1].text.bytes, entry->text.bytes, DIGEST_BYTES) >= 0)
            return false;
    }
    return true;
}

static bool read_index(Cache *cache)
{
    Header header;
    Digest checksum;
    memcpy(&header, cache->file->bytes, sizeof header);
    if (!header_is_good(&header, &cache->key, cache->file->len) || header.index_offset % ALIGNMENT != 0)
        return false;
    const Entry *entries = (const void *)(cache->file->bytes + header.index_offset);
    size_t len = (size_t)header.entries;
    digest_of((View){(const char *)entries, len * sizeof(Entry)}, &checksum);
    if (!digest_equal(&checksum, &header.index_checksum) ||
        !entries_are_good(entries, len, header.index_offset))
        return false;
    cache->entries = entries;
    cache->entries_len = len;
    cache->used = g_new0(gint, len + 1);
    return true;
}

static void open_file(Cache *cache)
{
    int fd = open(cache->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    cache->file = file_map(fd);
    close(fd);
    if (cache->file && !read_index(cache)) {
        manifest_memory_unref(&cache->file->memory);
        cache->file = NULL;
    }
}

Cache *cache_open(const CacheKey *key)
{
    Cache *cache = g_new0(Cache, 1);
    g_mutex_init(&cache->mutex);
    cache->out = -1;
    cache->added = g_array_new(FALSE, FALSE, sizeof(Entry));
    key_digest(key, &cache->key);
    mkdir(key->directory, 0700); /* where this fails, so does opening below */
    cache->path = file_path(key);
    cache->temporary = g_strconcat(cache->path, ".new", NULL);
    open_file(cache);
    return cache;
}

static int compare_entry(const void *key, const void *entry)
{
    return memcmp(((const Digest *)key)->bytes, ((const Entry *)entry)->text.bytes, DIGEST_BYTES);
}

static const Entry *find_entry(const Cache *cache, const Digest *text)
{
    return cache->entries_len
               ? bsearch(text, cache->entries, cache->entries_len, sizeof(Entry), compare_entry)
               : NULL;
}

/* Cuts len bytes off *rest. */
static bool take(View *rest, size_t len, View *ret_part)
{
    if (rest->len < len)
        return false;
    *ret_part = (View){rest->data, len};
    rest->data += len;
    rest->len -= len;
    return true;
}

static bool take_struct(View *rest, void *ret_struct, size_t len)
{
    View part;
    if (!take(rest, len, &part))
        return false;
    memcpy(ret_struct, part.data, len);
    return true;
}

static bool take_manifest(View *rest, Manifest *ret_manifest)
{
    ManifestHead head;
    Manifest manifest = {0};
    if (!take_struct(rest, &head, sizeof head) || head.kind >= KIND_COUNT || head.prune > 1 ||
        head.deletion > DELETION_REFUSE || head.line == 0 || head.line > G_MAXINT / 2 ||
        !take(rest, head.name_len, &manifest.name) || !take(rest, head.spec_len, &manifest.spec) ||
        !take(rest, head.metadata_len, &manifest.metadata) || manifest.name.len == 0)
        return false;
    manifest.kind = (Kind)head.kind;
    manifest.prune = head.prune;
    manifest.deletion = (DeletionPolicy)head.deletion;
    manifest.line = (int)head.line;
    manifest.digest = head.digest;
    *ret_manifest = manifest;
    return true;
}

/* Whether all of it can be taken: nothing is added from a payload that is good in part only. */
static bool payload_is_good(View payload)
{
    PayloadHead head;
    Manifest manifest;
    if (!take_struct(&payload, &head, sizeof head) || head.is_ours > 1 ||
        head.first_skipped_line > G_MAXINT / 2)
        return false;
    for (uint32_t i = 0; i < head.manifests; i++)
        if (!take_manifest(&payload, &manifest))
            return false;
    return payload.len == 0;
}

static void payload_add(View payload, const Cache *cache, const char *file, int first_line,
                        ManifestBatch *batch, CacheFacts *ret_facts)
{
    PayloadHead head;
    Manifest manifest;
    take_struct(&payload, &head, sizeof head);
    for (uint32_t i = 0; i < head.manifests && take_manifest(&payload, &manifest); i++) {
        manifest.file = file;
        manifest.line += first_line - 1;
        manifest_batch_add_placed(batch, &manifest, &cache->file->memory);
    }
    *ret_facts = (CacheFacts){head.documents_skipped, (int)head.first_skipped_line, head.is_ours == 1};
}

static View payload_of(const Cache *cache, const Entry *entry)
{
    return (View){cache->file->bytes + entry->offset, (size_t)entry->len};
}

bool cache_find(Cache *cache, const Digest *text, const char *file, int first_line, ManifestBatch *batch,
                CacheFacts *ret_facts)
{
    const Entry *entry = find_entry(cache, text);
    if (!entry)
        return false;
    Digest checksum;
    View payload = payload_of(cache, entry);
    digest_of(payload, &checksum);
    if (!digest_equal(&checksum, &entry->checksum) || !payload_is_good(payload))
        return false;
    payload_add(payload, cache, file, first_line, batch, ret_facts);
    g_atomic_int_set(&cache->used[entry - cache->entries], 1);
    return true;
}

/* ---- writing
 * ------------------------------------------------------------------------------------------------------ */

static bool write_exactly(int fd, uint64_t offset, const void *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t put = pwrite(fd, (const char *)data + done, len - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* The lock tells writers apart; the one that comes second does not write. That the name still means the file
 * that was locked rules out that the other one renamed it meanwhile. */
static bool open_temporary(Cache *cache)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat opened, named;
    int fd = open(cache->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0 || fstat(fd, &opened) != 0 ||
        stat(cache->temporary, &named) != 0 || opened.st_ino != named.st_ino ||
        opened.st_dev != named.st_dev || ftruncate(fd, 0) != 0) {
        close(fd);
        return false;
    }
    cache->out = fd;
    cache->out_len = sizeof(Header);
    return true;
}

/* Room in the file for len bytes, where an Entry may lie; false when nothing is to be written. */
static bool reserve(Cache *cache, size_t len, uint64_t *ret_offset)
{
    g_mutex_lock(&cache->mutex);
    if (cache->out < 0 && !cache->is_broken)
        cache->is_broken = !open_temporary(cache);
    bool is_good = !cache->is_broken && cache->out_len + len <= CACHE_BYTES_MAX;
    *ret_offset = cache->out_len;
    if (is_good)
        cache->out_len += (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    g_mutex_unlock(&cache->mutex);
    return is_good;
}

static void append_manifest(GString *out, const Manifest *manifest, int first_line)
{
    ManifestHead head = {.line = (uint32_t)(manifest->line - first_line + 1),
                         .kind = (uint8_t)manifest->kind,
                         .prune = manifest->prune,
                         .deletion = (uint8_t)manifest->deletion,
                         .name_len = (uint32_t)manifest->name.len,
                         .spec_len = (uint32_t)manifest->spec.len,
                         .metadata_len = (uint32_t)manifest->metadata.len,
                         .digest = manifest->digest};
    g_string_append_len(out, (const char *)&head, sizeof head);
    g_string_append_len(out, manifest->name.data, (gssize)manifest->name.len);
    g_string_append_len(out, manifest->spec.data, (gssize)manifest->spec.len);
    g_string_append_len(out, manifest->metadata.data, (gssize)manifest->metadata.len);
}

void cache_add(Cache *cache, const Digest *text, int first_line, const ManifestBatch *batch, size_t first,
               const CacheFacts *facts)
{
    size_t len = manifest_batch_len(batch) - first;
    g_autoptr(GString) payload = g_string_sized_new(512 + len * 1024);
    PayloadHead head = {(uint32_t)len, (uint32_t)facts->documents_skipped,
                        (uint32_t)facts->first_skipped_line, facts->is_ours};
    g_string_append_len(payload, (const char *)&head, sizeof head);
    for (size_t i = 0; i < len; i++)
        append_manifest(payload, manifest_batch_get(batch, first + i), first_line);
    Entry entry = {.text = *text, .len = payload->len};
    digest_of((View){payload->str, payload->len}, &entry.checksum);
    if (!reserve(cache, payload->len, &entry.offset))
        return;
    bool is_written = write_exactly(cache->out, entry.offset, payload->str, payload->len);
    g_mutex_lock(&cache->mutex);
    if (is_written)
        g_array_append_val(cache->added, entry);
    else
        cache->is_broken = true;
    g_mutex_unlock(&cache->mutex);
}

static size_t count_used(const Cache *cache)
{
    size_t used = 0;
    for (size_t i = 0; i < cache->entries_len; i++)
        used += cache->used[i] != 0;
    return used;
}

/* What is still used moves over from the old file. */
static bool copy_used(Cache *cache)
{
    for (size_t i = 0; i < cache->entries_len; i++) {
        Entry entry = cache->entries[i];
        if (!cache->used[i])
            continue;
        View payload = payload_of(cache, &entry);
        if (!reserve(cache, payload.len, &entry.offset) ||
            !write_exactly(cache->out, entry.offset, payload.data, payload.len))
            return false;
        g_array_append_val(cache->added, entry);
    }
    return true;
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return memcmp(((const Entry *)a)->text.bytes, ((const Entry *)b)->text.bytes, DIGEST_BYTES);
}

/* Equal texts were added once for each file that holds them. */
static size_t sort_added(Cache *cache)
{
    size_t kept = 0;
    g_array_sort(cache->added, compare_entries);
    Entry *entries = (Entry *)(void *)cache->added->data;
    for (size_t i = 0; i < cache->added->len; i++)
        if (kept == 0 || compare_entries(&entries[kept - 1], &entries[i]) != 0)
            entries[kept++] = entries[i];
    return kept;
}

static bool write_index(Cache *cache)
{
    size_t len = sort_added(cache), bytes = len * sizeof(Entry);
    Header header = {.magic = CACHE_MAGIC,
                     .version = CACHE_VERSION,
                     .entry_bytes = sizeof(Entry),
                     .key = cache->key,
                     .entries = len};
    if (len > ENTRIES_MAX || !reserve(cache, bytes, &header.index_offset))
        return false;
    digest_of((View){cache->added->data, bytes}, &header.index_checksum);
    header_checksum(&header, &header.checksum);
    return write_exactly(cache->out, header.index_offset, cache->added->data, bytes) &&
           write_exactly(cache->out, 0, &header, sizeof header);
}

static void write_anew(Cache *cache)
{
    if (cache->is_broken || !copy_used(cache) || !write_index(cache) ||
        rename(cache->temporary, cache->path) != 0)
        unlink(cache->temporary);
}

void cache_close(Cache *cache, CacheEnd end)
{
    size_t added = cache->added->len;
    if (cache->out >= 0) {
        if (end == CACHE_KEEP && added * REWRITE_SHARE >= count_used(cache) + added)
            write_anew(cache);
        else
            unlink(cache->temporary);
        close(cache->out);
    }
    if (cache->file)
        manifest_memory_unref(&cache->file->memory);
    g_array_unref(cache->added);
    g_free(cache->used);
    g_free(cache->path);
    g_free(cache->temporary);
    g_mutex_clear(&cache->mutex);
    g_free(cache);
}

/* recording.c: numbers, texts and manifests as bytes; blocks of them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/recording.h"

#define BLOCK_MAGIC        0x6b6c426du
#define RECORDING_READ_MAX (INT64_C(1) << 30)

const char *entry_name(EntryType type)
{
    static const char *const names[ENTRY_COUNT] = {[ENTRY_BEGIN] = "the beginning",
                                                   [ENTRY_NOW] = "the clock",
                                                   [ENTRY_MONOTONIC] = "the time passed",
                                                   [ENTRY_ENTROPY] = "random bytes",
                                                   [ENTRY_TERM] = "the term",
                                                   [ENTRY_LOAD] = "a load of the state",
                                                   [ENTRY_REOPEN] = "the store opened again",
                                                   [ENTRY_START] = "the provider's start",
                                                   [ENTRY_TICK] = "the next tick",
                                                   [ENTRY_CALL] = "a request",
                                                   [ENTRY_EVENT] = "an event of the provider",
                                                   [ENTRY_COMMITTED] = "the end of a commit",
                                                   [ENTRY_SOURCE] = "a revision",
                                                   [ENTRY_REMOTE] = "news of a remote",
                                                   [ENTRY_WEBHOOK] = "a webhook",
                                                   [ENTRY_RENAMED] = "another name of a source",
                                                   [ENTRY_UNFOLLOW] = "the end of following",
                                                   [ENTRY_OUTBOX] = "news of a destination",
                                                   [ENTRY_DRAIN] = "the stop",
                                                   [ENTRY_QUERIED] = "the end of a query",
                                                   [ENTRY_LOADED] = "the end of a load",
                                                   [ENTRY_BATCH] = "a commit",
                                                   [ENTRY_EFFECT] = "an effect",
                                                   [ENTRY_SET] = "manifests",
                                                   [ENTRY_FULL] = "the limit",
                                                   [ENTRY_END] = "the end"};
    return type < ENTRY_COUNT ? names[type] : "nothing known";
}

/* ---- bytes ---- */

/* Small numbers of either sign take few bytes: seven bits each, the lowest first. */
void saved_put_number(GByteArray *out, int64_t value)
{
    uint64_t left = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    uint8_t bytes[10];
    guint len = 0;
    for (; left >= 0x80; left >>= 7)
        bytes[len++] = (uint8_t)(left | 0x80);
    bytes[len++] = (uint8_t)left;
    g_byte_array_append(out, bytes, len);
}

void saved_put_bytes(GByteArray *out, const void *bytes, size_t len)
{
    g_byte_array_append(out, bytes, (guint)len);
}

void saved_put_text(GByteArray *out, View text)
{
    saved_put_number(out, (int64_t)text.len);
    saved_put_bytes(out, text.data, text.len);
}

int64_t saved_number(Saved *from)
{
    uint64_t value = 0;
    for (unsigned shift = 0; from->rest.len > 0 && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*from->rest.data++;
        from->rest.len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return (int64_t)(value >> 1 ^ (0 - (value & 1)));
    }
    from->is_bad = true;
    return 0;
}

static View take(Saved *from, uint64_t len)
{
    if (len > from->rest.len) {
        from->is_bad = true;
        from->rest.len = 0;
        return VIEW("");
    }
    View part = {from->rest.data, (size_t)len};
    from->rest.data += len;
    from->rest.len -= (size_t)len;
    return part;
}

View saved_text(Saved *from)
{
    int64_t len = saved_number(from);
    return take(from, len < 0 ? UINT64_MAX : (uint64_t)len);
}

void saved_bytes(Saved *from, void *ret_bytes, size_t len)
{
    View part = take(from, len);
    memset(ret_bytes, 0, len);
    memcpy(ret_bytes, part.data, part.len);
}

/* ---- manifests ---- */

typedef enum { SET_WHOLE, SET_CHANGES } SetForm;

static void put_config(GByteArray *out, const SourceConfig *config)
{
    const char *const texts[] = {config->name, config->provider, config->region, config->account,
                                 config->approval};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        saved_put_number(out, texts[i] != NULL);
        saved_put_text(out, view_from(texts[i]));
    }
    guint uses = config->uses ? g_strv_length(config->uses) : 0;
    saved_put_number(out, config->uses ? (int64_t)uses + 1 : 0);
    for (guint i = 0; i < uses; i++)
        saved_put_text(out, view_from(config->uses[i]));
    saved_put_number(out, config->retention_ms);
}

static void put_manifest(GByteArray *out, const Manifest *manifest)
{
    saved_put_number(out, manifest->kind);
    saved_put_text(out, manifest->name);
    saved_put_text(out, manifest->spec);
    saved_put_text(out, manifest->metadata);
    saved_put_bytes(out, manifest->digest.bytes, DIGEST_BYTES);
    saved_put_text(out, view_from(manifest->file));
    saved_put_number(out, manifest->line);
    saved_put_number(out, manifest->prune);
    saved_put_number(out, manifest->deletion);
}

static void put_head(GByteArray *out, SetForm form, const ManifestSet *set)
{
    saved_put_number(out, form);
    saved_put_text(out, view_from(manifest_set_content(set)));
    saved_put_text(out, view_from(manifest_set_revision(set)));
}

static void put_manifests(GByteArray *out, const GPtrArray *manifests)
{
    saved_put_number(out, manifests->len);
    for (guint i = 0; i < manifests->len; i++)
        put_manifest(out, manifests->pdata[i]);
}

static bool same_manifest(const Manifest *a, const Manifest *b)
{
    return a == b || (a->line == b->line && a->prune == b->prune && a->deletion == b->deletion &&
                      digest_equal(&a->digest, &b->digest) && g_strcmp0(a->file, b->file) == 0 &&
                      view_equal(a->metadata, b->metadata) && view_equal(a->spec, b->spec));
}

/* Manifests of one that the other does not have so; both are sorted. */
static void find_changes(const ManifestSet *before, const ManifestSet *now, GPtrArray *removed,
                         GPtrArray *added)
{
    size_t old = 0, fresh = 0, old_len = manifest_set_len(before), len = manifest_set_len(now);
    while (old < old_len || fresh < len) {
        const Manifest *was = old < old_len ? manifest_set_get(before, old) : NULL,
                       *is = fresh < len ? manifest_set_get(now, fresh) : NULL;
        int order = !was ? 1 : !is ? -1 : was == is ? 0 : manifest_compare(was, is);
        bool is_same = order == 0 && same_manifest(was, is);
        if (order <= 0 && !is_same)
            g_ptr_array_add(removed, (void *)(uintptr_t)was);
        if (order >= 0 && !is_same)
            g_ptr_array_add(added, (void *)(uintptr_t)is);
        old += order <= 0;
        fresh += order >= 0;
    }
}

static bool same_config(const ManifestSet *a, const ManifestSet *b)
{
    g_autoptr(GByteArray) first = g_byte_array_new(), second = g_byte_array_new();
    put_config(first, manifest_set_config(a));
    put_config(second, manifest_set_config(b));
    return first->len == second->len && memcmp(first->data, second->data, first->len) == 0;
}

static void put_changes(GByteArray *out, const ManifestSet *before, const ManifestSet *set)
{
    g_autoptr(GPtrArray) removed = g_ptr_array_new(), added = g_ptr_array_new();
    find_changes(before, set, removed, added);
    if (removed->len == 0 && added->len == 0 &&
        strcmp(manifest_set_revision(before), manifest_set_revision(set)) == 0)
        return;
    put_head(out, SET_CHANGES, set);
    saved_put_number(out, removed->len);
    for (guint i = 0; i < removed->len; i++) {
        const Manifest *manifest = removed->pdata[i];
        saved_put_number(out, manifest->kind);
        saved_put_text(out, manifest->name);
    }
    put_manifests(out, added);
}

void saved_put_set(GByteArray *out, const ManifestSet *before, const ManifestSet *set)
{
    if (before && same_config(before, set)) {
        put_changes(out, before, set);
        return;
    }
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (size_t i = 0; i < manifest_set_len(set); i++)
        g_ptr_array_add(all, (void *)(uintptr_t)manifest_set_get(set, i));
    put_head(out, SET_WHOLE, set);
    put_config(out, manifest_set_config(set));
    put_manifests(out, all);
}

static char *text_or_null(Saved *from)
{
    bool is_there = saved_number(from) != 0;
    View text = saved_text(from);
    return is_there ? g_strndup(text.data, text.len) : NULL;
}

static SourceConfig *take_config(Saved *from)
{
    SourceConfig *config = source_config_copy(NULL);
    char **const texts[] = {&config->name, &config->provider, &config->region, &config->account,
                            &config->approval};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = text_or_null(from);
    int64_t uses = saved_number(from);
    if (uses > 0) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        for (int64_t i = 1; i < uses && !from->is_bad; i++) {
            View name = saved_text(from);
            g_ptr_array_add(names, g_strndup(name.data, name.len));
        }
        g_ptr_array_add(names, NULL);
        config->uses = (char **)g_ptr_array_steal(names, NULL);
    }
    config->retention_ms = saved_number(from);
    return config;
}

static void take_manifest(Saved *from, ManifestBatch *batch)
{
    Manifest manifest = {0};
    int64_t kind = saved_number(from);
    manifest.name = saved_text(from);
    manifest.spec = saved_text(from);
    manifest.metadata = saved_text(from);
    saved_bytes(from, manifest.digest.bytes, DIGEST_BYTES);
    View file = saved_text(from);
    g_autofree char *name = g_strndup(file.data, file.len);
    manifest.kind = (Kind)kind;
    manifest.file = name;
    manifest.line = (int)saved_number(from);
    manifest.prune = saved_number(from) != 0;
    manifest.deletion = (DeletionPolicy)saved_number(from);
    if (kind < 0 || kind >= KIND_COUNT || manifest.deletion > DELETION_REFUSE || manifest.name.len == 0)
        from->is_bad = true;
    if (!from->is_bad)
        manifest_batch_add(batch, &manifest);
}

static ManifestBatch *take_manifests(Saved *from)
{
    ManifestBatch *batch = manifest_batch_new();
    int64_t len = saved_number(from);
    for (int64_t i = 0; i < len && !from->is_bad; i++)
        take_manifest(from, batch);
    return batch;
}

static ManifestSet *take_whole(Saved *from)
{
    g_autoptr(SourceConfig) config = take_config(from);
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batches[] = {take_manifests(from)};
    return manifest_set_build(batches, 1, config, diagnostics);
}

static void take_removed(Saved *from, const ManifestSet *before, GPtrArray *removed)
{
    int64_t len = saved_number(from);
    for (int64_t i = 0; i < len && !from->is_bad; i++) {
        int64_t kind = saved_number(from);
        View name = saved_text(from);
        const Manifest *manifest =
            kind < 0 || kind >= KIND_COUNT ? NULL : manifest_set_find(before, (Kind)kind, name);
        from->is_bad = from->is_bad || !manifest;
        g_ptr_array_add(removed, (void *)(uintptr_t)manifest);
    }
}

static ManifestSet *take_changed(Saved *from, const ManifestSet *before)
{
    g_autoptr(GPtrArray) removed = g_ptr_array_new();
    take_removed(from, before, removed);
    g_autoptr(ManifestBatch) added = take_manifests(from);
    if (from->is_bad)
        return NULL;
    ManifestSet *set =
        manifest_set_replace(before, (const Manifest *const *)removed->pdata, removed->len, added);
    if (set)
        g_steal_pointer(&added);
    return set;
}

ManifestSet *saved_set(Saved *from, ManifestSet *before)
{
    if (from->rest.len == 0)
        return before ? manifest_set_ref(before) : NULL;
    int64_t form = saved_number(from);
    View content = saved_text(from), revision = saved_text(from);
    g_autoptr(ManifestSet) set = form == SET_WHOLE               ? take_whole(from)
                                 : form == SET_CHANGES && before ? take_changed(from, before)
                                                                 : NULL;
    if (!set || from->is_bad) {
        from->is_bad = true;
        return NULL;
    }
    g_autofree char *commit =
        view_equal(content, revision) ? g_strdup("") : g_strndup(revision.data, revision.len);
    manifest_set_set_commit(set, commit);
    from->is_bad =
        !view_is(content, manifest_set_content(set)) || !view_is(revision, manifest_set_revision(set));
    return from->is_bad ? NULL : g_steal_pointer(&set);
}

/* ---- blocks ---- */

/* Not for secrets: finds damage and differences, fast enough for the loop (about a byte in 0.3 ns). */
uint64_t checksum_of(uint64_t before, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t sum = before ^ (len * UINT64_C(0x9e3779b97f4a7c15));
    for (; len > 0;) {
        uint64_t word = 0;
        size_t step = MIN(len, sizeof word);
        memcpy(&word, at, step);
        sum = (sum ^ word) * UINT64_C(0xd6e8feb86659fd93);
        sum ^= sum >> 32;
        at += step;
        len -= step;
    }
    return sum;
}

BlockHead block_head(const void *bytes, size_t len)
{
    g_assert(len <= BLOCK_BYTES_MAX);
    return (BlockHead){BLOCK_MAGIC, (uint32_t)len, checksum_of(BLOCK_MAGIC, bytes, len)};
}

/* How much of rest is a whole, good block; 0: it is none. */
static size_t good_block(View rest, bool *ret_reaches_end)
{
    BlockHead head;
    *ret_reaches_end = true;
    if (rest.len < sizeof head)
        return 0;
    memcpy(&head, rest.data, sizeof head);
    if (head.magic != BLOCK_MAGIC || head.len > rest.len - sizeof head) {
        /* A length that leads out of the file is a block that was being written, unless another follows. */
        *ret_reaches_end = !memmem(rest.data + sizeof head.magic, rest.len - sizeof head.magic,
                                   &(uint32_t){BLOCK_MAGIC}, sizeof head.magic);
        return 0;
    }
    size_t whole = sizeof head + head.len;
    *ret_reaches_end = whole == rest.len;
    return checksum_of(BLOCK_MAGIC, rest.data + sizeof head, head.len) == head.checksum ? whole : 0;
}

static GByteArray *entries_of(View file, RecordingEnd *ret_end, uint64_t *ret_damaged_at)
{
    GByteArray *entries = g_byte_array_new();
    View rest = file;
    *ret_end = RECORDING_ENDS_WELL;
    while (rest.len > 0) {
        bool reaches_end;
        size_t whole = good_block(rest, &reaches_end);
        if (whole == 0) {
            *ret_end = reaches_end ? RECORDING_IS_TORN : RECORDING_IS_DAMAGED;
            break;
        }
        g_byte_array_append(entries, (const guint8 *)rest.data + sizeof(BlockHead),
                            (guint)(whole - sizeof(BlockHead)));
        rest.data += whole;
        rest.len -= whole;
    }
    *ret_damaged_at = file.len - rest.len;
    return entries;
}

GByteArray *recording_read(const char *path, RecordingEnd *ret_end, uint64_t *ret_damaged_at, GError **error)
{
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > RECORDING_READ_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: larger than any recording", path);
        return NULL;
    }
    g_autofree char *text = NULL;
    gsize len = 0;
    if (!g_file_get_contents(path, &text, &len, error))
        return NULL;
    return entries_of((View){text, len}, ret_end, ret_damaged_at);
}

bool recording_copy(const char *from, const char *to, GError **error)
{
    char buffer[64 << 10];
    ssize_t got = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    bool ok = out >= 0;
    while (ok && (got = read(in, buffer, sizeof buffer)) > 0)
        ok = write(out, buffer, (size_t)got) == got;
    ok = ok && got == 0;
    if (!ok)
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", in < 0 ? from : to,
                    g_strerror(errno));
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return ok;
}

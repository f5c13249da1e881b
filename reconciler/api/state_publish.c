#include "reconciler/api/state_publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define INSTALLATION_FILE "installation"

/* ---- who we are ---- */

char *installation_read(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, INSTALLATION_FILE, NULL), *text = NULL;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (!g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) &&
            !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
            g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    g_strchomp(text);
    if (installation_is_valid(view_from(text)))
        return g_steal_pointer(&text);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s holds no identity (%d hex digits); remove the file, the next snapshot makes a new one",
                path, INSTALLATION_LEN);
    return NULL;
}

static void random_hex(char ret_hex[INSTALLATION_LEN + 1])
{
    uint8_t bytes[INSTALLATION_LEN / 2];
    while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        g_assert(errno == EINTR);
    for (size_t i = 0; i < sizeof bytes; i++)
        g_snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
}

static bool write_all(int fd, const char *text)
{
    size_t len = strlen(text);
    return write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
}

/* Whole under another name first, then linked: nobody sees half of it, and the first one wins. */
static bool installation_make(const char *state_dir, GError **error)
{
    char hex[INSTALLATION_LEN + 2];
    random_hex(hex);
    g_autofree char *path = g_build_filename(state_dir, INSTALLATION_FILE, NULL),
                    *fresh = g_strdup_printf("%s.%s", path, hex);
    g_strlcat(hex, "\n", sizeof hex);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write_all(fd, hex);
    if (ok && link(fresh, path) < 0 && errno != EEXIST)
        ok = false;
    int cause = errno;
    if (fd >= 0) {
        close(fd);
        unlink(fresh);
    }
    if (!ok)
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), "%s: %s", path,
                    g_strerror(cause));
    return ok;
}

char *installation_ensure(const char *state_dir, GError **error)
{
    g_autoptr(GError) cause = NULL;
    char *found = installation_read(state_dir, &cause);
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if (!found && installation_make(state_dir, error))
        found = installation_read(state_dir, error);
    return found;
}

/* ---- reading ---- */

typedef struct {
    StateSnapshotWriter *writer;
    GPtrArray *sources; /* of ApplyRecord*, whose texts are owned */
} Publish;

static View copy_view(View text)
{
    return (View){g_strndup(text.data ? text.data : "", text.len), text.len};
}

static void free_apply(void *data)
{
    ApplyRecord *apply = data;
    g_free((char *)(uintptr_t)apply->owner.data);
    g_free((char *)(uintptr_t)apply->source_path.data);
    g_free((char *)(uintptr_t)apply->revision.data);
    g_free(apply);
}

static bool add_source(const ApplyRecord *record, void *data)
{
    ApplyRecord *copy = g_memdup2(record, sizeof *record);
    copy->owner = copy_view(record->owner);
    copy->source_path = copy_view(record->source_path);
    copy->revision = copy_view(record->revision);
    g_ptr_array_add(((Publish *)data)->sources, copy);
    return true;
}

static int compare_owners(const void *a, const void *b)
{
    const ApplyRecord *const *first = a, *const *second = b;
    return view_compare((*first)->owner, (*second)->owner);
}

static bool add_resource(const ResourceRecord *record, void *data)
{
    state_snapshot_add_resource(((Publish *)data)->writer, record);
    return true;
}

static bool add_run(const RunRecord *record, void *data)
{
    state_snapshot_add_run(((Publish *)data)->writer, record);
    return true;
}

static bool add_sources(StoreReader *reader, Publish *publish, GError **error)
{
    if (!store_reader_newest_applies(reader, add_source, publish, error))
        return false;
    g_ptr_array_sort(publish->sources, compare_owners);
    for (guint i = 0; i < publish->sources->len; i++) {
        const ApplyRecord *apply = publish->sources->pdata[i];
        bool is_known = false;
        if (!store_reader_applied(reader, apply->owner.data, &is_known, error))
            return false;
        state_snapshot_add_source(publish->writer, apply, is_known);
    }
    return true;
}

bool state_snapshot_of(StoreReader *reader, const char *installation, GString *out, GError **error)
{
    g_autoptr(StateSnapshotWriter) writer = state_snapshot_writer_new(installation);
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(free_apply);
    Publish publish = {writer, sources};
    if (!add_sources(reader, &publish, error) ||
        !store_reader_resources(reader, DETAIL_WHOLE, add_resource, &publish, error) ||
        !store_reader_runs(reader, NULL, DETAIL_WHOLE, add_run, &publish, error))
        return false;
    state_snapshot_finish(writer, out);
    return true;
}

/* ---- writing ---- */

static bool is_there(const char *path, const GString *text)
{
    g_autofree char *old = NULL;
    gsize len;
    return g_file_get_contents(path, &old, &len, NULL) && len == text->len &&
           memcmp(old, text->str, len) == 0;
}

bool state_publish(StoreReader *reader, const char *state_dir, const char *path, GError **error)
{
    g_autofree char *installation = installation_ensure(state_dir, error);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!installation || !state_snapshot_of(reader, installation, text, error))
        return false;
    return is_there(path, text) ||
           g_file_set_contents_full(path, text->str, (gssize)text->len,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                    error);
}

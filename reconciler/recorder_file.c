/* recorder_file.c: a queue, a thread, a file; and the generations before it. */
#include "reconciler/recorder_file.h"
#include "reconciler/clock.h"
#include "reconciler/recorder.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_MAX (INT64_C(64) << 20) /* a disk that cannot keep up ends the recording, not the run */
#define REST_BYTES  (1u << 20)
#define NAP_US      (20 * G_TIME_SPAN_MILLISECOND) /* after a write: ticks come by the thousand */

/* One of the three; none of them: nothing more will come. */
typedef struct {
    GByteArray *bytes;
    GBytes *body;
    ManifestSet *set;
    char *source; /* of the set */
} Item;

struct RecorderFile {
    char *directory;
    int fd;
    StoreReader *reader; /* has the state of the beginning before it; the thread's */
    GHashTable *sets;    /* source → ManifestSet* that was written last; the thread's */
    GThread *thread;

    GMutex mutex; /* over what follows */
    GCond work, closing;
    GQueue items;
    int64_t len, waiting;
    bool is_idle, is_closing;
    char *fault;
};

/* ---- generations ---- */

typedef struct {
    char *path;
    uint64_t term;
    int64_t bytes, changed_ms;
} Generation;

static void generation_clear(void *data)
{
    g_free(((Generation *)data)->path);
}

static int by_term(gconstpointer a, gconstpointer b)
{
    uint64_t first = ((const Generation *)a)->term, second = ((const Generation *)b)->term;
    return (first > second) - (first < second);
}

static void measure(Generation *generation, const char *name)
{
    g_autofree char *path = g_build_filename(generation->path, name, NULL);
    struct stat status;
    if (stat(path, &status) != 0)
        return;
    generation->bytes += status.st_size;
    generation->changed_ms = MAX(generation->changed_ms, (int64_t)status.st_mtim.tv_sec * 1000);
}

/* Oldest first. */
static GArray *generations(const char *recordings)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Generation));
    g_array_set_clear_func(list, generation_clear);
    g_autoptr(GDir) dir = g_dir_open(recordings, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        Generation generation = {.path = g_build_filename(recordings, name, NULL)};
        if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT64, &generation.term, NULL)) {
            g_free(generation.path); /* not ours */
            continue;
        }
        measure(&generation, RECORDING_STATE);
        measure(&generation, RECORDING_INPUTS);
        g_array_append_val(list, generation);
    }
    g_array_sort(list, by_term);
    return list;
}

static void generation_remove(const Generation *generation)
{
    static const char *const names[] = {RECORDING_STATE, RECORDING_STATE ".new",
                                        RECORDING_STATE ".new-journal", RECORDING_INPUTS};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(generation->path, names[i], NULL);
        unlink(path);
    }
    rmdir(generation->path);
}

static void make_room(const char *recordings, int64_t now_ms)
{
    g_autoptr(GArray) list = generations(recordings);
    int64_t total = 0;
    for (guint i = list->len; i-- > 0;) {
        const Generation *generation = &g_array_index(list, Generation, i);
        total += generation->bytes;
        if (list->len - i >= RECORDER_GENERATIONS || total > RECORDER_KEPT_MAX ||
            now_ms - generation->changed_ms > RECORDER_KEPT_MS)
            generation_remove(generation);
    }
}

/* ---- the thread ---- */

static void fail(RecorderFile *file, char *message /* taken */)
{
    g_mutex_lock(&file->mutex);
    if (!file->fault)
        file->fault = message;
    else
        g_free(message);
    g_mutex_unlock(&file->mutex);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        len -= (size_t)put;
    }
    return true;
}

static void write_block(RecorderFile *file, const void *bytes, size_t len)
{
    g_mutex_lock(&file->mutex);
    bool has_failed = file->fault != NULL;
    g_mutex_unlock(&file->mutex);
    if (has_failed)
        return;
    if (len > BLOCK_BYTES_MAX) {
        fail(file, g_strdup("a single input is too large"));
        return;
    }
    BlockHead head = block_head(bytes, len);
    if (!write_all(file->fd, (const char *)&head, sizeof head) || !write_all(file->fd, bytes, len))
        fail(file, g_strdup_printf("%s/" RECORDING_INPUTS ": %s", file->directory, g_strerror(errno)));
}

/* Of 100,000 manifests one changes: only that is written. set: taken. */
static void write_set(RecorderFile *file, ManifestSet *set, char *source /* taken */)
{
    g_autoptr(GByteArray) manifests = g_byte_array_new(), entry = g_byte_array_new();
    saved_put_set(manifests, g_hash_table_lookup(file->sets, source), set);
    saved_put_number(entry, ENTRY_SET);
    saved_put_text(entry, view_from(source));
    saved_put_text(entry, (View){(const char *)manifests->data, manifests->len});
    g_hash_table_replace(file->sets, source, set);
    if (manifests->len > REST_BYTES)
        manifest_set_rest(set); /* all its texts were read */
    write_block(file, entry->data, entry->len);
    g_mutex_lock(&file->mutex);
    file->len += entry->len;
    g_mutex_unlock(&file->mutex);
}

static void item_write(RecorderFile *file, Item *item)
{
    gsize len = 0;
    if (item->bytes) {
        write_block(file, item->bytes->data, item->bytes->len);
        g_byte_array_unref(item->bytes);
    } else if (item->body) {
        const void *bytes = g_bytes_get_data(item->body, &len);
        write_block(file, bytes, len);
        g_bytes_unref(item->body);
    } else if (item->set) {
        write_set(file, item->set, item->source);
    } else {
        g_hash_table_remove_all(file->sets);
    }
    g_free(item);
}

/* Only whole does it get its name. */
static void copy_state(RecorderFile *file)
{
    g_autofree char *path = g_build_filename(file->directory, RECORDING_STATE, NULL),
                    *making = g_strconcat(path, ".new", NULL);
    g_autoptr(GError) error = NULL;
    if (!store_reader_copy(file->reader, making, &error))
        fail(file, g_strdup(error->message));
    else if (rename(making, path) != 0)
        fail(file, g_strdup_printf("%s: %s", path, g_strerror(errno)));
    g_clear_pointer(&file->reader, store_reader_free);
}

/* Called with the mutex held. */
static Item *next_item(RecorderFile *file)
{
    while (g_queue_is_empty(&file->items) && !file->is_closing) {
        file->is_idle = true;
        g_cond_wait(&file->work, &file->mutex);
    }
    file->is_idle = false;
    Item *item = g_queue_pop_head(&file->items);
    if (item && item->bytes)
        file->waiting -= item->bytes->len;
    else if (item && item->body)
        file->waiting -= (int64_t)g_bytes_get_size(item->body);
    return item;
}

static gpointer file_main(gpointer data)
{
    RecorderFile *file = data;
    copy_state(file);
    g_mutex_lock(&file->mutex);
    for (Item *item; (item = next_item(file));) {
        g_mutex_unlock(&file->mutex);
        item_write(file, item);
        g_mutex_lock(&file->mutex);
        gint64 until = clock_us() + NAP_US;
        while (g_queue_is_empty(&file->items) && !file->is_closing &&
               g_cond_wait_until(&file->closing, &file->mutex, until))
            ;
    }
    g_mutex_unlock(&file->mutex);
    return NULL;
}

/* ---- life ---- */

static bool begin_state(RecorderFile *file, const char *state_dir, GError **error)
{
    int64_t bytes;
    file->reader = store_reader_open(state_dir, error);
    if (!file->reader || !store_reader_begin(file->reader, error) ||
        !store_reader_bytes(file->reader, &bytes, error))
        return false;
    if (bytes <= RECORDER_STATE_MAX)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
                "the state has %" G_GINT64_FORMAT " MiB, and a recording may begin with %" G_GINT64_FORMAT,
                bytes >> 20, RECORDER_STATE_MAX >> 20);
    return false;
}

static bool begin_inputs(RecorderFile *file, const char *recordings, uint64_t term, GError **error)
{
    file->directory = g_strdup_printf("%s/%020" G_GUINT64_FORMAT, recordings, term);
    g_autofree char *path = g_build_filename(file->directory, RECORDING_INPUTS, NULL);
    if (g_mkdir_with_parents(file->directory, 0700) == 0)
        file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd >= 0)
        return true;
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", path, g_strerror(errno));
    return false;
}

static void set_unref(void *set)
{
    manifest_set_unref(set);
}

RecorderFile *recorder_file_new(const char *state_dir, uint64_t term, int64_t now_ms, GError **error)
{
    g_autofree char *recordings = g_build_filename(state_dir, RECORDING_DIR, NULL);
    RecorderFile *file = g_new0(RecorderFile, 1);
    file->fd = -1;
    file->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_unref);
    g_mutex_init(&file->mutex);
    g_cond_init(&file->work);
    g_cond_init(&file->closing);
    make_room(recordings, now_ms);
    if (!begin_state(file, state_dir, error) || !begin_inputs(file, recordings, term, error)) {
        recorder_file_free(file);
        return NULL;
    }
    file->thread = g_thread_new("recorder", file_main, file);
    return file;
}

void recorder_file_free(RecorderFile *file)
{
    if (!file)
        return;
    g_mutex_lock(&file->mutex);
    file->is_closing = true;
    g_cond_signal(&file->work);
    g_cond_signal(&file->closing);
    g_mutex_unlock(&file->mutex);
    if (file->thread)
        g_thread_join(file->thread);
    g_clear_pointer(&file->reader, store_reader_free);
    g_hash_table_unref(file->sets);
    if (file->fd >= 0)
        close(file->fd);
    g_mutex_clear(&file->mutex);
    g_cond_clear(&file->work);
    g_cond_clear(&file->closing);
    g_free(file->fault);
    g_free(file->directory);
    g_free(file);
}

/* ---- handing over ---- */

static void hand_over(RecorderFile *file, Item item, int64_t len)
{
    g_mutex_lock(&file->mutex);
    file->len += len;
    file->waiting += len;
    if (file->waiting > WAITING_MAX && !file->fault)
        file->fault = g_strdup("the disk cannot keep up");
    g_queue_push_tail(&file->items, g_memdup2(&item, sizeof item));
    if (file->is_idle)
        g_cond_signal(&file->work);
    g_mutex_unlock(&file->mutex);
}

void recorder_file_bytes(RecorderFile *file, GByteArray *bytes)
{
    hand_over(file, (Item){.bytes = bytes}, bytes->len);
}

void recorder_file_body(RecorderFile *file, GBytes *body)
{
    hand_over(file, (Item){.body = g_bytes_ref(body)}, (int64_t)g_bytes_get_size(body));
}

void recorder_file_set(RecorderFile *file, ManifestSet *set, const char *source)
{
    hand_over(file, (Item){.set = manifest_set_ref(set), .source = g_strdup(source)}, 0);
}

void recorder_file_end(RecorderFile *file)
{
    hand_over(file, (Item){0}, 0);
}

int64_t recorder_file_len(RecorderFile *file, const char **ret_fault)
{
    g_mutex_lock(&file->mutex);
    int64_t len = file->len;
    *ret_fault = file->fault; /* set once, freed with the file */
    g_mutex_unlock(&file->mutex);
    return len;
}

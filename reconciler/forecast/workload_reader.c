#include "reconciler/forecast/workload_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "spec/base/units.h"

#define PIECE_BYTES (256 * 1024)

struct WorkloadReader {
    Workload *workload;
    const WorkloadOptions *options;
    DiagnosticList *diagnostics;
    GHashTable *text_ids; /* text → id; texts are the workload's */
    GHashTable *need_ids; /* ResourceNeed → id; owns its keys */
    GString *text;        /* scratch: one that is looked for */
    GString *partial;     /* a line that the next piece goes on with */
    View line;            /* the present one, for reports */
    uint32_t line_number;
    uint32_t faults;
    bool is_done;
};

/* ---- texts and needs, each once
 * ----------------------------------------------------------------------------------- */

static guint need_hash(gconstpointer key)
{
    const ResourceNeed *need = key;
    uint64_t mixed = (uint64_t)need->vcpus_e4 * UINT64_C(0x9e3779b97f4a7c15) ^
                     (uint64_t)need->memory_mib * UINT64_C(0xbf58476d1ce4e5b9) ^ (uint64_t)need->gpus;
    return (guint)(mixed ^ mixed >> 32);
}

static gboolean need_equal(gconstpointer a, gconstpointer b)
{
    const ResourceNeed *left = a, *right = b;
    return left->vcpus_e4 == right->vcpus_e4 && left->memory_mib == right->memory_mib &&
           left->gpus == right->gpus;
}

bool workload_intern(WorkloadReader *reader, View text, size_t column, uint32_t *ret_id)
{
    Workload *workload = reader->workload;
    g_string_truncate(reader->text, 0);
    g_string_append_len(reader->text, text.data, (gssize)text.len);
    gpointer found = g_hash_table_lookup(reader->text_ids, reader->text->str);
    if (found) {
        *ret_id = GPOINTER_TO_UINT(found);
        return true;
    }
    if (workload->texts->len > WORKLOAD_TEXTS_MAX) {
        workload_report(reader, column, text.len, NULL, "there are more than %d different names",
                        WORKLOAD_TEXTS_MAX);
        reader->is_done = true;
        return false;
    }
    *ret_id = workload->texts->len;
    char *copy = g_strndup(text.data, text.len);
    g_hash_table_insert(reader->text_ids, copy, GUINT_TO_POINTER(*ret_id));
    g_ptr_array_add(workload->texts, copy);
    return true;
}

uint32_t workload_intern_need(WorkloadReader *reader, const ResourceNeed *need)
{
    gpointer found = g_hash_table_lookup(reader->need_ids, need);
    if (found || need_equal(need, &(ResourceNeed){0}))
        return GPOINTER_TO_UINT(found);
    uint32_t id = reader->workload->needs->len;
    g_array_append_val(reader->workload->needs, *need);
    g_hash_table_insert(reader->need_ids, g_memdup2(need, sizeof *need), GUINT_TO_POINTER(id));
    return id;
}

/* ---- rows
 * ---------------------------------------------------------------------------------------------------------
 */

void workload_report(WorkloadReader *reader, size_t column, size_t width, const char *detail,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *source = g_strndup(reader->line.data, reader->line.len);
    Diagnostic diagnostic = {
        .severity = SEVERITY_ERROR,
        .file = reader->workload->file,
        .line = (int)reader->line_number,
        .column = (int)column,
        .width = (int)width,
        .message = message,
        .detail = (char *)(uintptr_t)detail,
        .source = source,
    };
    diagnostic_list_add(reader->diagnostics, &diagnostic);
    reader->faults++;
}

View workload_reader_line(const WorkloadReader *reader)
{
    return reader->line;
}

const WorkloadOptions *workload_reader_options(const WorkloadReader *reader)
{
    return reader->options;
}

static bool fill(WorkloadReader *reader, uint32_t *id, const char *given, const char *what)
{
    if (*id)
        return true;
    if (given)
        return workload_intern(reader, view_from(given), 0, id);
    workload_report(reader, 0, 0, NULL, "the job names no %s, and none is the only one", what);
    return false;
}

void workload_add(WorkloadReader *reader, WorkloadRow *row)
{
    Workload *workload = reader->workload;
    if (!fill(reader, &row->queue, reader->options->queue, "jobQueue") ||
        !fill(reader, &row->definition, reader->options->definition, "jobDefinition"))
        return;
    if (workload->rows->len >= WORKLOAD_ROWS_MAX) {
        workload_report(reader, 0, 0, NULL, "there are more than %d jobs", WORKLOAD_ROWS_MAX);
        reader->is_done = true;
        return;
    }
    g_array_append_val(workload->rows, *row);
    g_array_append_val(workload->lines, reader->line_number);
    workload->jobs += MAX(row->array_size, 1);
}

void workload_skip(WorkloadReader *reader)
{
    reader->workload->skipped++;
}

void workload_set_unix_start(WorkloadReader *reader, int64_t seconds)
{
    reader->workload->unix_start_ms = seconds * 1000;
}

/* ---- lines
 * -------------------------------------------------------------------------------------------------------- */

static WorkloadFormat detect(View line)
{
    if (*line.data == '{')
        return WORKLOAD_JSON_LINES;
    return *line.data == ';' || *line.data == '-' || g_ascii_isdigit(*line.data) ? WORKLOAD_SWF
                                                                                 : WORKLOAD_UNKNOWN;
}

static View strip(View line)
{
    while (line.len && g_ascii_isspace(line.data[line.len - 1]))
        line.len--;
    while (line.len && g_ascii_isspace(*line.data)) {
        line.data++;
        line.len--;
    }
    return line;
}

static void read_line(WorkloadReader *reader, View line)
{
    Workload *workload = reader->workload;
    reader->line_number++;
    if (reader->line_number == 1 && line.len >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
        line = (View){line.data + 3, line.len - 3};
    reader->line = line;
    if (line.len > WORKLOAD_LINE_MAX) {
        reader->line.len = 0;
        workload_report(reader, 0, 0, NULL, "the line is longer than %d bytes", WORKLOAD_LINE_MAX);
        return;
    }
    View text = strip(line);
    if (!text.len)
        return;
    if (workload->format == WORKLOAD_UNKNOWN)
        workload->format = detect(text);
    if (workload->format == WORKLOAD_JSON_LINES) {
        workload_json_line(reader, line);
    } else if (workload->format == WORKLOAD_SWF) {
        workload_swf_line(reader, line);
    } else {
        workload_report(reader, (size_t)(text.data - line.data) + 1, 0, NULL,
                        "this is no workload: JSON lines begin with {, an SWF trace with ; or a number");
        reader->is_done = true;
    }
}

/* A line that has outgrown the limit keeps one byte too many, so that it is reported and no more is stored.
 */
static void keep_partial(WorkloadReader *reader, View rest)
{
    size_t room = WORKLOAD_LINE_MAX + 1 - MIN(reader->partial->len, WORKLOAD_LINE_MAX + 1);
    g_string_append_len(reader->partial, rest.data, (gssize)MIN(rest.len, room));
}

bool workload_reader_feed(WorkloadReader *reader, View bytes)
{
    while (bytes.len && !reader->is_done) {
        const char *feed = memchr(bytes.data, '\n', bytes.len);
        View line = {bytes.data, feed ? (size_t)(feed - bytes.data) : bytes.len};
        if (!feed || reader->partial->len)
            keep_partial(reader, line);
        if (!feed)
            return true;
        if (reader->partial->len) {
            read_line(reader, (View){reader->partial->str, reader->partial->len});
            g_string_truncate(reader->partial, 0);
        } else {
            read_line(reader, line);
        }
        reader->is_done |= reader->faults >= WORKLOAD_FAULTS_MAX;
        bytes.data += line.len + 1;
        bytes.len -= line.len + 1;
    }
    return !reader->is_done;
}

WorkloadReader *workload_reader_new(const char *file, const WorkloadOptions *options,
                                    DiagnosticList *diagnostics)
{
    Workload *workload = g_new0(Workload, 1);
    workload->file = g_strdup(file);
    workload->rows = g_array_new(FALSE, FALSE, sizeof(WorkloadRow));
    workload->lines = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    workload->texts = g_ptr_array_new_with_free_func(g_free);
    workload->needs = g_array_new(FALSE, TRUE, sizeof(ResourceNeed));
    workload->unix_start_ms = -1;
    g_ptr_array_add(workload->texts, NULL);
    g_array_set_size(workload->needs, 1);
    WorkloadReader *reader = g_new0(WorkloadReader, 1);
    *reader = (WorkloadReader){.workload = workload,
                               .options = options,
                               .diagnostics = diagnostics,
                               .text_ids = g_hash_table_new(g_str_hash, g_str_equal),
                               .need_ids = g_hash_table_new_full(need_hash, need_equal, g_free, NULL),
                               .text = g_string_new(NULL),
                               .partial = g_string_new(NULL)};
    return reader;
}

/* ---- the end
 * ------------------------------------------------------------------------------------------------------ */

static guint use_hash(gconstpointer key)
{
    const WorkloadUse *use = key;
    return use->queue * 2654435761u ^ use->definition * 40503u ^ use->share * 2246822519u;
}

static gboolean use_equal(gconstpointer a, gconstpointer b)
{
    const WorkloadUse *left = a, *right = b;
    return left->queue == right->queue && left->definition == right->definition &&
           left->share == right->share;
}

static void note_uses(Workload *workload)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(use_hash, use_equal, g_free, NULL);
    workload->uses = g_array_new(FALSE, FALSE, sizeof(WorkloadUse));
    for (guint i = 0; i < workload->rows->len; i++) {
        const WorkloadRow *row = &g_array_index(workload->rows, WorkloadRow, i);
        WorkloadUse use = {row->queue, row->definition, row->share,
                           g_array_index(workload->lines, uint32_t, i)};
        if (g_hash_table_contains(seen, &use))
            continue;
        g_hash_table_add(seen, g_memdup2(&use, sizeof use));
        g_array_append_val(workload->uses, use);
    }
    g_clear_pointer(&workload->lines, g_array_unref);
}

static gint compare_submit(gconstpointer a, gconstpointer b)
{
    const WorkloadRow *left = a, *right = b;
    return (left->submit_ms > right->submit_ms) - (left->submit_ms < right->submit_ms);
}

static bool is_sorted(const GArray *rows)
{
    for (guint i = 1; i < rows->len; i++)
        if (g_array_index(rows, WorkloadRow, i - 1).submit_ms > g_array_index(rows, WorkloadRow, i).submit_ms)
            return false;
    return true;
}

Workload *workload_reader_end(WorkloadReader *reader)
{
    Workload *workload = reader->workload;
    if (reader->partial->len && !reader->is_done)
        read_line(reader, (View){reader->partial->str, reader->partial->len});
    if (!workload->rows->len && !reader->faults) {
        reader->line_number = 0;
        reader->line.len = 0;
        workload_report(reader, 0, 0, NULL, "no job is in it");
    }
    if (reader->faults) {
        g_clear_pointer(&workload, workload_free);
    } else {
        note_uses(workload);
        if (!is_sorted(workload->rows))
            g_array_sort(workload->rows, compare_submit); /* stable, by GLib's word */
    }
    g_hash_table_unref(reader->text_ids);
    g_hash_table_unref(reader->need_ids);
    g_string_free(reader->text, TRUE);
    g_string_free(reader->partial, TRUE);
    g_free(reader);
    return workload;
}

Workload *workload_parse(View text, const char *file, const WorkloadOptions *options,
                         DiagnosticList *diagnostics)
{
    WorkloadReader *reader = workload_reader_new(file, options, diagnostics);
    workload_reader_feed(reader, text);
    return workload_reader_end(reader);
}

static bool read_all(WorkloadReader *reader, int fd, GError **error)
{
    g_autofree char *piece = g_malloc(PIECE_BYTES);
    for (;;) {
        ssize_t len = read(fd, piece, PIECE_BYTES);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            g_set_error_literal(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), g_strerror(errno));
            return false;
        }
        if (len == 0 || !workload_reader_feed(reader, (View){piece, (size_t)len}))
            return true;
    }
}

Workload *workload_load(const char *path, const WorkloadOptions *options, DiagnosticList *diagnostics,
                        GError **error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    WorkloadReader *reader = workload_reader_new(is_stdin ? "standard input" : path, options, diagnostics);
    bool good = read_all(reader, fd, error);
    if (!is_stdin)
        close(fd);
    if (good)
        return workload_reader_end(reader);
    g_prefix_error(error, "%s: ", path);
    reader->faults++; /* what was read is not whole */
    workload_free(workload_reader_end(reader));
    return NULL;
}

void workload_free(Workload *workload)
{
    if (!workload)
        return;
    g_free(workload->file);
    g_clear_pointer(&workload->rows, g_array_unref);
    g_clear_pointer(&workload->lines, g_array_unref);
    g_clear_pointer(&workload->texts, g_ptr_array_unref);
    g_clear_pointer(&workload->needs, g_array_unref);
    g_clear_pointer(&workload->uses, g_array_unref);
    g_free(workload);
}

size_t workload_len(const Workload *workload)
{
    return workload->rows->len;
}

const WorkloadRow *workload_get(const Workload *workload, size_t index)
{
    return &g_array_index(workload->rows, WorkloadRow, index);
}

const char *workload_text(const Workload *workload, uint32_t id)
{
    return workload->texts->pdata[id];
}

ResourceNeed workload_need(const Workload *workload, uint32_t id)
{
    return g_array_index(workload->needs, ResourceNeed, id);
}

int64_t workload_jobs(const Workload *workload)
{
    return workload->jobs;
}

WorkloadFormat workload_format(const Workload *workload)
{
    return workload->format;
}

int64_t workload_skipped(const Workload *workload)
{
    return workload->skipped;
}

int64_t workload_unix_start_ms(const Workload *workload)
{
    return workload->unix_start_ms;
}

/* The bytes of a recording: what is written is read, what is cut off or damaged is found, other formats are
 * refused, and no two rows that differ have the same checksum but by chance. */
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include "reconciler/recorder.h"
#include "reconciler/recorder_file.h"
#include "reconciler/recording.h"
#include "reconciler/replay.h"
#include "reconciler/replay_entry.h"
#include "tests/support/manifest_text.h"
#include "tests/support/store_records.h"

static View view_of(const GByteArray *bytes)
{
    return (View){(const char *)bytes->data, bytes->len};
}

/* ---- numbers, texts, manifests ---- */

static void test_numbers(void)
{
    static const int64_t numbers[] = {0,         1,
                                      -1,        63,
                                      64,        -64,
                                      -65,       8191,
                                      INT32_MAX, INT32_MIN,
                                      INT64_MAX, INT64_MAX - 1,
                                      INT64_MIN, INT64_MIN + 1};
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        saved_put_number(bytes, numbers[i]);
    saved_put_text(bytes, VIEW("text"));
    Saved from = {.rest = view_of(bytes)};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_assert_cmpint(saved_number(&from), ==, numbers[i]);
    g_assert_true(view_is(saved_text(&from), "text"));
    g_assert_false(from.is_bad);
    g_assert_cmpint(saved_number(&from), ==, 0); /* nothing is left */
    g_assert_true(from.is_bad);
}

static const char yaml[] = "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q, labels: {a: b}}\n"
                           "spec: {priority: 1, computeEnvironmentOrder: [here]}\n---\n"
                           "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\n"
                           "spec: {type: MANAGED}\n";

/* The commit that they were read from, "": they are of a directory. */
static void test_manifests(gconstpointer commit)
{
    char *uses[] = {(char[]){"JobQueue/shared"}, NULL};
    SourceConfig config = {.provider = (char[]){"local"}, .uses = uses, .retention_ms = 5000};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(yaml, NULL, &config, diagnostics);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    manifest_set_set_commit(set, commit);
    saved_put_set(bytes, NULL, set);
    Saved from = {.rest = view_of(bytes)};
    g_autoptr(ManifestSet) read = saved_set(&from, NULL);
    g_assert_nonnull(read);
    g_assert_cmpuint(from.rest.len, ==, 0);
    g_assert_cmpstr(manifest_set_revision(read), ==, manifest_set_revision(set));
    g_assert_cmpstr(manifest_set_content(read), ==, manifest_set_content(set));
    g_assert_cmpuint(manifest_set_len(read), ==, 2);
    const Manifest *queue = manifest_set_find(read, KIND_JOB_QUEUE, VIEW("q"));
    g_assert_cmpint(queue->line, ==, 1);
    g_assert_cmpstr(queue->file, ==, "test.yaml");
    g_assert_cmpuint(queue->references_len, ==, 1);
    g_assert_cmpint(manifest_set_config(read)->retention_ms, ==, 5000);
    g_assert_cmpstr(manifest_set_config(read)->uses[0], ==, "JobQueue/shared");
    g_assert_null(manifest_set_config(read)->name);
    for (guint len = 0; len < bytes->len; len++) { /* cut off anywhere it is none */
        Saved part = {.rest = {(const char *)bytes->data, len}};
        g_assert_null(saved_set(&part, NULL));
    }
}

static ManifestSet *set_of(const char *text, const SourceConfig *config, const char *commit)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestSet *set = manifest_set_from_text(text, NULL, config, diagnostics);
    manifest_set_set_commit(set, commit);
    return set;
}

/* Reads back what was written of now after before, and returns how many bytes that were. */
static guint assert_comes_back(ManifestSet *before, const ManifestSet *now)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    saved_put_set(bytes, before, now);
    Saved from = {.rest = view_of(bytes)};
    g_autoptr(ManifestSet) read = saved_set(&from, before);
    g_assert_nonnull(read);
    g_assert_cmpuint(from.rest.len, ==, 0);
    g_assert_cmpstr(manifest_set_revision(read), ==, manifest_set_revision(now));
    g_assert_cmpuint(manifest_set_len(read), ==, manifest_set_len(now));
    for (size_t i = 0; i < manifest_set_len(now); i++) {
        const Manifest *is = manifest_set_get(read, i), *was = manifest_set_get(now, i);
        g_assert_true(view_equal(is->spec, was->spec) && view_equal(is->metadata, was->metadata));
        g_assert_cmpint(is->line, ==, was->line);
        g_assert_cmpint(is->prune, ==, was->prune);
    }
    for (guint len = 1; len < bytes->len; len++) {
        Saved part = {.rest = {(const char *)bytes->data, len}};
        g_assert_null(saved_set(&part, before));
    }
    return bytes->len;
}

static void test_changes(void)
{
    static const char here[] =
        "---\napiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\n"
        "spec: {type: MANAGED}\n";
    static const char other[] = "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: %s%s}\n"
                                "spec: {priority: %d, computeEnvironmentOrder: [here]}\n%s";
    SourceConfig config = {.name = (char[]){"a"}}, renamed = {.name = (char[]){"b"}};
    g_autofree char *one = g_strdup_printf(other, "q", "", 1, here),
                    *two = g_strdup_printf(other, "q", "", 2, here),
                    *label = g_strdup_printf(other, "q", ", annotations: {muster/prune: \"false\"}", 1, here),
                    *gone = g_strdup_printf(other, "r", "", 1, "");
    g_autoptr(ManifestSet) first = set_of(one, &config, "");
    g_autoptr(ManifestSet) same = set_of(one, &config, "");
    g_autoptr(ManifestSet) committed = set_of(one, &config, "0123456789012345678901234567890123456789");
    g_autoptr(ManifestSet) changed = set_of(two, &config, "");
    g_autoptr(ManifestSet) labelled = set_of(label, &config, "");
    g_autoptr(ManifestSet) replaced = set_of(gone, &config, "");
    g_autoptr(ManifestSet) named = set_of(one, &renamed, "");
    guint whole = assert_comes_back(NULL, first);
    g_assert_cmpuint(assert_comes_back(first, same), ==, 0);
    g_assert_cmpuint(assert_comes_back(first, changed), <, whole);
    g_assert_cmpuint(assert_comes_back(first, labelled), <, assert_comes_back(NULL, labelled));
    assert_comes_back(first, replaced);
    assert_comes_back(first, committed);
    assert_comes_back(committed, first);
    g_assert_cmpuint(assert_comes_back(first, named), >=,
                     whole); /* what a muster.yaml says is written whole */
}

/* ---- blocks ---- */

static void append_block(GByteArray *file, const char *text)
{
    BlockHead head = block_head(text, strlen(text));
    g_byte_array_append(file, (const guint8 *)&head, sizeof head);
    g_byte_array_append(file, (const guint8 *)text, (guint)strlen(text));
}

static GByteArray *read_file(const GByteArray *file, guint len, RecordingEnd *ret_end,
                             uint64_t *ret_damaged_at)
{
    g_autofree char *dir = temporary_directory(), *path = g_build_filename(dir, RECORDING_INPUTS, NULL);
    g_assert_true(g_file_set_contents(path, (const char *)file->data, (gssize)len, NULL));
    g_autoptr(GError) error = NULL;
    GByteArray *entries = recording_read(path, ret_end, ret_damaged_at, &error);
    g_assert_no_error(error);
    remove_directory(dir);
    return entries;
}

static void assert_reads(const GByteArray *file, guint len, const char *expected, RecordingEnd expected_end)
{
    RecordingEnd end;
    uint64_t damaged_at;
    g_autoptr(GByteArray) entries = read_file(file, len, &end, &damaged_at);
    g_assert_true(view_is(view_of(entries), expected));
    g_assert_cmpint(end, ==, expected_end);
}

static void test_torn(void)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    append_block(file, "first");
    append_block(file, "second");
    guint whole = file->len;
    append_block(file, "third");
    assert_reads(file, file->len, "firstsecondthird", RECORDING_ENDS_WELL);
    assert_reads(file, whole, "firstsecond", RECORDING_ENDS_WELL);
    for (guint len = whole + 1; len < file->len; len++)
        assert_reads(file, len, "firstsecond", RECORDING_IS_TORN);
    memset(file->data + whole, 0, file->len - whole); /* a page that never reached the disk */
    assert_reads(file, file->len, "firstsecond", RECORDING_IS_TORN);
}

static void test_damaged(void)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    append_block(file, "first");
    guint second = file->len;
    append_block(file, "second");
    guint third = file->len;
    append_block(file, "third");
    for (guint at = second; at < third; at++) {
        RecordingEnd end;
        uint64_t damaged_at;
        file->data[at] ^= 1;
        g_autoptr(GByteArray) entries = read_file(file, file->len, &end, &damaged_at);
        g_assert_true(view_is(view_of(entries), "first"));
        g_assert_cmpint(end, ==, RECORDING_IS_DAMAGED);
        g_assert_cmpuint(damaged_at, ==, second);
        file->data[at] ^= 1;
    }
}

/* ---- entries ---- */

/* Whatever the bytes are, reading them ends. */
static void test_any_bytes(void)
{
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[64];
        Entry entry = {0};
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(g_test_rand_int() & (round % 2 ? 0xff : 0x3f));
        Saved from = {.rest = {(const char *)bytes, sizeof bytes}};
        size_t left = from.rest.len;
        while (entry_next(&from, &entry)) {
            g_assert_cmpuint(from.rest.len, <, left);
            left = from.rest.len;
        }
        entry_clear(&entry);
    }
}

static void assert_refused(const GByteArray *begin, const char *pattern)
{
    g_autofree char *dir = temporary_directory(), *path = g_build_filename(dir, RECORDING_INPUTS, NULL);
    BlockHead head = block_head(begin->data, begin->len);
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_byte_array_append(file, (const guint8 *)&head, sizeof head);
    g_byte_array_append(file, begin->data, begin->len);
    g_assert_true(g_file_set_contents(path, (const char *)file->data, (gssize)file->len, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(replay_generation(dir, &error));
    if (!g_pattern_match_simple(pattern, error->message))
        g_error("\"%s\" is not like \"%s\"", error->message, pattern);
    remove_directory(dir);
}

static void test_formats(void)
{
    g_autoptr(GByteArray) format = g_byte_array_new(), state = g_byte_array_new(), other = g_byte_array_new();
    saved_put_number(format, ENTRY_BEGIN);
    saved_put_number(format, RECORDING_FORMAT + 1);
    g_autofree char *refusal = g_strdup_printf("*inputs: recorded in format %d, this muster replays %d;*",
                                               RECORDING_FORMAT + 1, RECORDING_FORMAT);
    assert_refused(format, refusal);
    saved_put_number(state, ENTRY_BEGIN);
    saved_put_number(state, RECORDING_FORMAT);
    saved_put_text(state, VIEW("9.9"));
    saved_put_number(state, store_format() + 1);
    for (int i = 0; i < 20; i++)
        saved_put_number(state, 0);
    assert_refused(state, "*inputs: recorded by muster 9.9, whose state has format *");
    saved_put_number(other, ENTRY_TICK);
    assert_refused(other, "*inputs: not a recording");
    g_byte_array_set_size(state, 9);
    assert_refused(state, "*inputs: nothing whole is in it");
}

/* ---- rows ---- */

static uint32_t checksum_at(const Batch *batch, guint index, guint len)
{
    g_autoptr(GArray) sums = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    batch_checksums(batch, sums);
    g_assert_cmpuint(sums->len, ==, len);
    return g_array_index(sums, uint32_t, index);
}

static uint32_t checksum_of_job(const JobRecord *job)
{
    g_autoptr(Batch) batch = batch_new();
    batch_put_job(batch, job);
    return checksum_at(batch, 0, 1);
}

static void test_rows(void)
{
    DependencyRecord on = {.on_index = NOT_A_CHILD}, other = {.on_index = 3};
    JobRecord job = {
        .sequence = 7, .name = VIEW("a"), .queue = VIEW("b"), .depends_on = &on, .depends_on_len = 1};
    uint32_t same = checksum_of_job(&job);
    g_assert_cmpuint(checksum_of_job(&job), ==, same);
    JobRecord changed[] = {job, job, job, job, job, job};
    changed[0].sequence = 8;
    changed[1].name = VIEW("ab"), changed[1].queue = VIEW("");
    changed[2].state = JOB_FAILED;
    changed[3].depends_on = &other;
    changed[4].is_new = true;
    changed[5].id.bytes[15] = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(changed); i++)
        g_assert_cmpuint(checksum_of_job(&changed[i]), !=, same);
    g_autoptr(Batch) batch = batch_new();
    batch_put_setting(batch, &(SettingRecord){.name = VIEW("n\n"), .value = VIEW("v")});
    batch_put_job(batch, &job);
    g_assert_cmpuint(checksum_at(batch, 0, 2), ==, same); /* in the order of tables */
    g_autofree char *text = batch_row_text(batch, 0), *setting = batch_row_text(batch, 1),
                    *none = batch_row_text(batch, 2);
    g_assert_true(g_pattern_match_simple(
        "job {sequence: 7, id: 0000*, name: \"a\", queue: \"b\"*removed: false}", text));
    g_assert_cmpstr(setting, ==, "setting {name: \"n\\n\", value: \"v\"}");
    g_assert_cmpstr(none, ==, "no row");
}

/* ---- older recordings ---- */

static char *generation_path(const char *dir, int term, const char *name)
{
    return g_strdup_printf("%s/" RECORDING_DIR "/%020d%s%s", dir, term, name ? "/" : "", name ? name : "");
}

static void generation_make(const char *dir, int term, off_t bytes, time_t changed_s)
{
    g_autofree char *path = generation_path(dir, term, NULL),
                    *inputs = generation_path(dir, term, RECORDING_INPUTS);
    struct utimbuf times = {changed_s, changed_s};
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    g_assert_true(g_file_set_contents(inputs, "x", 1, NULL));
    g_assert_cmpint(truncate(inputs, bytes), ==, 0);
    g_assert_cmpint(g_utime(inputs, &times), ==, 0);
}

/* What is too old, too much, or not ours: sparse files are as large as they say. */
static void test_room(void)
{
    g_autofree char *dir = temporary_directory(),
                    *other = g_build_filename(dir, RECORDING_DIR, "notes", NULL);
    g_autoptr(Store) store = store_open(dir, NULL, NULL);
    g_autoptr(GString) left = g_string_new(NULL);
    int64_t now_ms = g_get_real_time() / 1000;
    for (int term = 1; term <= 30; term++)
        generation_make(dir, term, 10, now_ms / 1000);
    generation_make(dir, 20, 10, now_ms / 1000 - RECORDER_KEPT_MS / 1000 - 60);
    g_assert_cmpint(g_mkdir(other, 0700), ==, 0);
    recorder_file_free(recorder_file_new(dir, 31, now_ms, NULL));
    generation_make(dir, 27, RECORDER_KEPT_MAX, now_ms / 1000);
    for (int term = 1; term <= 31; term++) {
        g_autofree char *path = generation_path(dir, term, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            g_string_append_printf(left, "%d ", term);
    }
    g_assert_cmpstr(left->str, ==, "16 17 18 19 21 22 23 24 25 26 27 28 29 30 31 ");
    recorder_file_free(recorder_file_new(dir, 32, now_ms, NULL));
    for (int term = 16; term <= 32; term++) {
        g_autofree char *path = generation_path(dir, term, NULL);
        g_assert_cmpint(g_file_test(path, G_FILE_TEST_IS_DIR), ==, term > 27);
    }
    g_assert_true(g_file_test(other, G_FILE_TEST_IS_DIR));
    for (int term = 28; term <= 32; term++) { /* whole, and readable by nobody else */
        g_autofree char *state = generation_path(dir, term, RECORDING_STATE);
        struct stat status;
        g_assert_cmpint(stat(state, &status) == 0, ==, term > 30);
        g_assert_true(term <= 30 || (status.st_mode & 0777) == 0600);
    }
    g_clear_pointer(&store, store_free);
    remove_directory(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/recording/numbers", test_numbers);
    g_test_add_func("/recording/changes", test_changes);
    g_test_add_data_func("/recording/manifests", "", test_manifests);
    g_test_add_data_func("/recording/manifests/commit", "0123456789abcdef0123456789abcdef01234567",
                         test_manifests);
    g_test_add_func("/recording/torn", test_torn);
    g_test_add_func("/recording/damaged", test_damaged);
    g_test_add_func("/recording/any-bytes", test_any_bytes);
    g_test_add_func("/recording/formats", test_formats);
    g_test_add_func("/recording/rows", test_rows);
    g_test_add_func("/recording/room", test_room);
    return g_test_run();
}

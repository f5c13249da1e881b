/* fuzz_replay.c: runs a fuzz target over its corpus, as one TAP test, so that what fuzzing once found stays
 * mended. The binary is called NAME_fuzz_replay; its corpus is tests/fuzz/corpus/NAME, or $MUSTER_CORPUS. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int name_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that a failure comes at the same place each time. */
static GPtrArray *corpus_files(const char *directory)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
    if (!dir) {
        g_print("Bail out! %s\n", error->message);
        return files;
    }
    const char *name;
    while ((name = g_dir_read_name(dir)))
        g_ptr_array_add(files, g_build_filename(directory, name, NULL));
    g_ptr_array_sort(files, name_compare);
    return files;
}

static void replay(const char *file)
{
    g_autofree char *contents = NULL;
    gsize len;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(file, &contents, &len, &error)) {
        g_print("# %s\n", error->message);
        return;
    }
    /* A copy of exactly that size: a sanitizer sees the first byte beyond it. */
    g_autofree uint8_t *exact = g_memdup2(contents, len);
    g_print("# %s\n", file);
    LLVMFuzzerTestOneInput(exact ? exact : (const uint8_t *)"", len);
}

int main(int argc, char **argv)
{
    (void)argc;
    g_autofree char *base = g_path_get_basename(argv[0]);
    char *suffix = strstr(base, "_fuzz");
    if (suffix)
        *suffix = '\0';
    const char *given = g_getenv("MUSTER_CORPUS");
    g_autofree char *directory =
        given ? g_strdup(given) : g_build_filename("tests", "fuzz", "corpus", base, NULL);
    g_print("1..1\n");
    g_autoptr(GPtrArray) files = corpus_files(directory);
    for (guint i = 0; i < files->len; i++)
        replay(g_ptr_array_index(files, i));
    g_print("%s 1 - %s: %u files of %s\n", files->len ? "ok" : "not ok", base, files->len, directory);
    return files->len ? 0 : 1;
}

#include "reconciler/cli/marker.h"

#include "reconciler/provider/provider.h"

#define MARKER_BYTES_MAX ((gsize)4 * 1024 * 1024)

struct MarkerQuestions {
    GString *lines; /* "KIND NAME 0|1|2\n": ReferenceStanding */
};

static void append_text(GString *out, const char *text)
{
    g_string_append_printf(out, "%s\n", text ? text : "-");
}

static void append_config(GString *out, const SourceConfig *config)
{
    if (!config)
        return;
    append_text(out, config->name);
    append_text(out, config->provider);
    append_text(out, config->region);
    append_text(out, config->account);
    for (char **use = config->uses; use && *use; use++)
        append_text(out, *use);
}

char *marker_key(const ManifestSet *set, const char *identity, const char *provider)
{
    int64_t vcpus_e4, memory_mib;
    int gpus;
    g_autofree char *notice = NULL;
    provider_local_capacity(&vcpus_e4, &memory_mib, &gpus, &notice);
    g_autoptr(GString) text = g_string_new("muster " MUSTER_VERSION "\n");
    append_text(text, manifest_set_content(set));
    append_text(text, identity);
    append_text(text, provider);
    append_config(text, manifest_set_config(set));
    g_string_append_printf(text, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d\n", vcpus_e4, memory_mib,
                           gpus);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

MarkerQuestions *marker_questions_new(void)
{
    MarkerQuestions *questions = g_new0(MarkerQuestions, 1);
    questions->lines = g_string_new(NULL);
    return questions;
}

void marker_questions_free(MarkerQuestions *questions)
{
    if (!questions)
        return;
    g_string_free(questions->lines, TRUE);
    g_free(questions);
}

void marker_questions_add(MarkerQuestions *questions, Kind kind, View name, ReferenceStanding standing)
{
    g_string_append_printf(questions->lines, "%s " VIEW_FMT " %d\n", kind_name(kind), VIEW_ARG(name),
                           (int)standing);
}

static bool answer_holds(const char *line, ReferenceKnown known, void *data)
{
    g_auto(GStrv) parts = g_strsplit(line, " ", -1);
    Kind kind;
    if (g_strv_length(parts) != 3 || !kind_from_exact(view_from(parts[0]), &kind))
        return false;
    g_autofree char *standing = g_strdup_printf("%d", (int)known(kind, view_from(parts[1]), data));
    return strcmp(parts[2], standing) == 0;
}

static char *marker_path(const char *cache_dir)
{
    return g_build_filename(cache_dir, "checked", NULL);
}

bool marker_holds(const char *cache_dir, const char *key, ReferenceKnown known, void *data)
{
    if (!cache_dir)
        return false;
    g_autofree char *path = marker_path(cache_dir);
    g_autofree char *text = NULL;
    gsize len;
    if (!g_file_get_contents(path, &text, &len, NULL) || len > MARKER_BYTES_MAX)
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint count = g_strv_length(lines);
    /* "end" tells a whole file from one that was cut */
    if (count < 3 || strcmp(lines[0], key) != 0 || strcmp(lines[count - 2], "end") != 0)
        return false;
    for (guint i = 1; i < count - 2; i++)
        if (!answer_holds(lines[i], known, data))
            return false;
    return true;
}

void marker_write(const char *cache_dir, const char *key, const MarkerQuestions *questions)
{
    if (!cache_dir || !g_file_test(cache_dir, G_FILE_TEST_IS_DIR))
        return;
    g_autofree char *path = marker_path(cache_dir);
    g_autofree char *text = g_strdup_printf("%s\n%send\n", key, questions->lines->str);
    g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

#include "reconciler/cli/manifest_count.h"

#include "spec/base/units.h"

typedef struct {
    Arena *arena;
    ManifestCount *count;
} Counting;

static bool count_document(const Document *document, void *data)
{
    Counting *counting = data;
    const Node *version = node_get(document->root, "apiVersion");
    if (version && version->kind == NODE_STRING && g_str_has_prefix(version->text.data, "muster/"))
        counting->count->manifests++;
    arena_reset(counting->arena);
    return true;
}

/* False: there is nothing to count in (standard input, or a file that is gone by now). */
static bool count_file(const char *file, SourceOptions *source, ManifestCount *count)
{
    View text = source_text(file, source);
    if (text.len == 0)
        return false;
    g_autoptr(DiagnosticList) faults = diagnostic_list_new(); /* told already */
    Counting counting = {arena_new(), count};
    if (!document_parse(text, file, 1, counting.arena, &document_limits_default, count_document, &counting,
                        faults))
        count->unparsed++;
    arena_free(counting.arena);
    return true;
}

static bool is_config(const char *file)
{
    const char *slash = strrchr(file, '/');
    return strcmp(slash ? slash + 1 : file, "muster.yaml") == 0;
}

/* What a patch or a variable makes invalid is in no file with an error. */
static bool has_config_error(const Checked *checked)
{
    for (size_t i = 0; i < diagnostic_list_len(checked->diagnostics); i++) {
        const Diagnostic *diagnostic = diagnostic_list_get(checked->diagnostics, i);
        if (diagnostic->severity == SEVERITY_ERROR && diagnostic->file && is_config(diagnostic->file))
            return true;
    }
    return false;
}

/* Files with errors: what is wrong in them is not in the set. New set, its keys borrowed. */
static GHashTable *files_with_errors(const Checked *checked)
{
    GHashTable *files = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < diagnostic_list_len(checked->diagnostics); i++) {
        const Diagnostic *diagnostic = diagnostic_list_get(checked->diagnostics, i);
        if (diagnostic->severity == SEVERITY_ERROR && diagnostic->file && !is_config(diagnostic->file))
            g_hash_table_add(files, diagnostic->file);
    }
    return files;
}

void manifest_count_add(Checked *checked, ManifestCount *count)
{
    g_autoptr(GHashTable) files = files_with_errors(checked);
    GHashTableIter iter;
    gpointer file;
    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &file, NULL))
        if (!count_file(file, &checked->source, count)) {
            count->is_partial = true;
            g_hash_table_iter_remove(&iter); /* what is valid in it is counted by the set */
        }
    count->is_partial |= has_config_error(checked);
    count->is_partial |= diagnostic_list_dropped(checked->diagnostics) > 0;
    if (g_hash_table_size(files) == 0) {
        count->manifests += manifest_set_len(checked->set);
        return;
    }
    for (size_t i = 0; i < manifest_set_len(checked->set); i++)
        count->manifests += !g_hash_table_contains(files, manifest_set_get(checked->set, i)->file);
}

void manifest_count_append(const ManifestCount *count, GString *out)
{
    g_autofree char *manifests = integer_human((int64_t)count->manifests);
    g_autofree char *unparsed = integer_human((int64_t)count->unparsed);
    g_string_append_printf(out, "%s%s manifest%s", count->is_partial ? "at least " : "", manifests,
                           count->manifests == 1 ? "" : "s");
    if (count->unparsed > 0)
        g_string_append_printf(out, "; %s file%s could not be parsed", unparsed,
                               count->unparsed == 1 ? "" : "s");
}

#include "spec/locate.h"

#include <glib.h>

#include "spec/base/units.h"
#include "spec/variant.h"

/* The document that holds a line: from its "---" (or the start) to the next one. */
typedef struct {
    View text;
    int first_line;
} Excerpt;

static size_t line_end(View text, size_t at)
{
    const char *end = memchr(text.data + at, '\n', text.len - at);
    return end ? (size_t)(end - text.data) + 1 : text.len;
}

static bool document_starts(View text, size_t at)
{
    return text.len - at >= 3 && !memcmp(text.data + at, "---", 3);
}

static Excerpt excerpt_around(View text, int line)
{
    size_t start = 0, at = 0;
    int start_line = 1, now = 1;
    while (at < text.len && now <= line) {
        if (document_starts(text, at)) {
            start = at;
            start_line = now;
        }
        at = line_end(text, at);
        now++;
    }
    while (at < text.len && !document_starts(text, at))
        at = line_end(text, at);
    return (Excerpt){{text.data + start, at - start}, start_line};
}

static View line_of(Excerpt excerpt, int line)
{
    size_t at = 0;
    for (int now = excerpt.first_line; now < line && at < excerpt.text.len; now++)
        at = line_end(excerpt.text, at);
    size_t end = line_end(excerpt.text, at);
    while (end > at && (excerpt.text.data[end - 1] == '\n' || excerpt.text.data[end - 1] == '\r'))
        end--;
    return (View){excerpt.text.data + at, end - at};
}

static bool scalar(const Node *node)
{
    return node->kind < NODE_SEQUENCE;
}

static bool item_has(const Node *item, View key)
{
    if (scalar(item))
        return view_equal(item->text, key);
    for (size_t i = 0; item->kind == NODE_MAPPING && i < item->mapping.len; i++)
        if (scalar(item->mapping.members[i].value) && view_equal(item->mapping.members[i].value->text, key))
            return true;
    return false;
}

/* Of a scalar, either of two readings: names are looked for as they are, and as they are written. data NULL:
 * whatever it reads. */
typedef struct {
    View as_is, written;
} Wanted;

static const Node *walk(const Node *node, const char *path, Wanted wanted, GString *trail);

static const Node *walk_item(const Node *list, size_t index, const char *rest, Wanted wanted, GString *trail)
{
    size_t mark = trail->len;
    g_string_append_printf(trail, "[%zu]", index);
    const Node *found = walk(list->sequence.items[index], rest, wanted, trail);
    if (!found)
        g_string_truncate(trail, mark);
    return found;
}

/* "[]", "[3]" or "[NAME]" and what follows. */
static const Node *walk_list(const Node *list, const char *path, Wanted wanted, GString *trail)
{
    const char *close = strchr(path, ']');
    if (!close || list->kind != NODE_SEQUENCE)
        return NULL;
    View key = {path + 1, (size_t)(close - path - 1)};
    int64_t number = -1;
    if (key.len && integer_parse(key, &number) && number >= 0 && (uint64_t)number < list->sequence.len)
        return walk_item(list, (size_t)number, close + 1, wanted, trail);
    for (size_t i = 0; i < list->sequence.len; i++) {
        if (key.len && !item_has(list->sequence.items[i], key))
            continue;
        const Node *found = walk_item(list, i, close + 1, wanted, trail);
        if (found)
            return found;
    }
    return NULL;
}

/* As wanted: a scalar with a reference to a variable. */
static const char reference_mark[] = "${var.";
#define REFERENCE ((Wanted){.as_is = {reference_mark, sizeof reference_mark - 1}})

static bool reads(const Node *node, Wanted wanted)
{
    bool any = wanted.as_is.data == reference_mark;
    return any ? memmem(node->text.data, node->text.len, wanted.as_is.data, wanted.as_is.len) != NULL
               : view_equal(node->text, wanted.as_is) ||
                     (wanted.written.data && view_equal(node->text, wanted.written));
}

/* A scalar ends the walk: short forms have no members to go on with. */
static const Node *walk(const Node *node, const char *path, Wanted wanted, GString *trail)
{
    if (!*path || scalar(node))
        return !wanted.as_is.data || (scalar(node) && reads(node, wanted)) ? node : NULL;
    if (*path == '[')
        return walk_list(node, path, wanted, trail);
    if (*path == '.')
        path++;
    size_t len = strcspn(path, ".[");
    g_autofree char *key = g_strndup(path, len);
    const Node *below = node_get(node, key);
    if (!below)
        return NULL;
    size_t mark = trail->len;
    g_string_append_printf(trail, "%s%s", mark ? "." : "", key);
    const Node *found = walk(below, path + len, wanted, trail);
    if (!found)
        g_string_truncate(trail, mark);
    return found;
}

typedef struct {
    int line;         /* of the manifest */
    const Node *root; /* found */
} Search;

static bool search_document(const Document *document, void *data)
{
    Search *search = data;
    if (document->root->line != search->line)
        return true;
    search->root = document->root;
    return false;
}

static const Node *walk_paths(const Node *root, const char *const *paths, Wanted wanted, GString *trail)
{
    const Node *found = NULL;
    for (size_t i = 0; root && paths[i] && !found; i++) {
        g_string_truncate(trail, 0);
        found = walk(root, paths[i], wanted, trail);
    }
    return found;
}

/* Of a line, from 1. */
typedef struct {
    int column, width;
} Underline;

static Underline underline_of(const Node *node)
{
    if (!node)
        return (Underline){1, 1};
    return (Underline){node->column, node->end_column > node->column ? node->end_column - node->column : 1};
}

/* Quotes and escapes are not looked through: a scalar that is written otherwise is underlined as a whole. */
static Underline underline_part(const Node *node, View source, View wanted, FaultPart part)
{
    Underline whole = underline_of(node);
    size_t at = (size_t)whole.column - 1;
    if (!node || !wanted.len || at > source.len)
        return whole;
    const char *found = memmem(source.data + at, source.len - at, wanted.data, wanted.len);
    if (!found)
        return whole;
    return (Underline){(int)(found - source.data) + (int)part.from + 1, MAX((int)part.len, 1)};
}

/* Where a fault is told. */
typedef struct {
    const char *file;
    const char *path;   /* in the document */
    const char *values; /* what was put in there, or NULL */
    View source;        /* the text of the line */
    int line;
    Underline underline;
} Spot;

static void fault_add(Locator *locator, const Fault *fault, const Spot *spot)
{
    g_autofree char *line = spot->source.data ? g_strndup(spot->source.data, spot->source.len) : NULL;
    g_autofree char *both =
        spot->values && fault->detail ? g_strdup_printf("%s; %s", spot->values, fault->detail) : NULL;
    const char *detail = both ? both : spot->values ? spot->values : fault->detail;
    Diagnostic diagnostic = {.severity = fault->severity,
                             .class = fault->class,
                             .file = (char *)(uintptr_t)spot->file,
                             .line = spot->line,
                             .column = spot->underline.column,
                             .width = spot->underline.width,
                             .path = (char *)(uintptr_t)spot->path,
                             .message = (char *)(uintptr_t)fault->message,
                             .detail = (char *)(uintptr_t)detail,
                             .source = line};
    diagnostic_list_add(locator->diagnostics, &diagnostic);
}

void locate_report(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                   const Fault *fault)
{
    locate_report_part(locator, manifest, paths, wanted, (FaultPart){0, wanted.len}, fault);
}

/* Numbers in a path count in the whole list, not in a patch's. */
static bool counts_items(const char *const *paths)
{
    for (; *paths; paths++)
        for (const char *at = *paths; (at = strchr(at, '[')); at++)
            if (g_ascii_isdigit(at[1]))
                return true;
    return false;
}

/* What a patch says is what holds; the last one first. */
static bool report_in_patch(Locator *locator, const Manifest *manifest, const char *const *paths,
                            Wanted wanted, const Fault *fault)
{
    g_autoptr(GString) trail = g_string_new(NULL);
    VariantPatch patch;
    if (!wanted.as_is.data && counts_items(paths))
        return false;
    for (size_t at = SIZE_MAX; variant_patch_before(locator->variant, manifest, &at, &patch);) {
        const Node *found = walk_paths(patch.root, paths, wanted, trail);
        if (!found)
            continue;
        Excerpt whole = {patch.text, 1};
        Spot spot = {.file = patch.file,
                     .path = trail->str,
                     .values = found->origin ? found->origin->values : NULL,
                     .source = line_of(whole, found->line),
                     .line = found->line,
                     .underline = underline_of(found)};
        fault_add(locator, fault, &spot);
        return true;
    }
    return false;
}

/* Of the first variable that the scalar refers to. */
static const char *values_of(const Locator *locator, const Node *node)
{
    size_t len;
    const Variable *const *variables = variant_variables(locator->variant, &len);
    for (size_t i = 0; node && scalar(node) && i < len; i++) {
        g_autofree char *reference = g_strdup_printf("${var.%s}", variables[i]->name);
        if (memmem(node->text.data, node->text.len, reference, strlen(reference)))
            return variables[i]->words;
    }
    return NULL;
}

void locate_report_part(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                        FaultPart part, const Fault *fault)
{
    View text = {0};
    if (locator->text && manifest->file && locator->done++ < LOCATE_MAX)
        text = locator->text(manifest->file, locator->data);
    Spot spot = {manifest->file, paths[0], NULL, (View){0}, manifest->line, underline_of(NULL)};
    Wanted either = {wanted, wanted.len ? prefix_strip(variant_prefix(locator->variant), wanted) : wanted};
    if (text.len && report_in_patch(locator, manifest, paths, either, fault))
        return;
    if (!text.len) {
        fault_add(locator, fault, &spot);
        return;
    }
    Excerpt excerpt = excerpt_around(text, manifest->line);
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) ignored = diagnostic_list_new();
    g_autoptr(GString) trail = g_string_new(NULL);
    Search search = {manifest->line, NULL};
    (void)document_parse(excerpt.text, manifest->file, excerpt.first_line, arena, &document_limits_default,
                         search_document, &search, ignored);
    const Node *found = walk_paths(search.root, paths, either, trail);
    if (!found && wanted.data) /* what is nowhere may have come from a variable */
        found = walk_paths(search.root, paths, REFERENCE, trail);
    spot.line = found ? found->line : manifest->line;
    spot.path = found ? trail->str : paths[0];
    spot.source = line_of(excerpt, spot.line);
    spot.values = values_of(locator, found);
    bool is_part = part.from > 0 || part.len < wanted.len;
    spot.underline = is_part ? underline_part(found, spot.source, wanted, part) : underline_of(found);
    fault_add(locator, fault, &spot);
}

#include "spec/locate.h"

#include <glib.h>

#include "spec/base/units.h"

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

static const Node *walk(const Node *node, const char *path, View wanted, GString *trail);

static const Node *walk_item(const Node *list, size_t index, const char *rest, View wanted, GString *trail)
{
    size_t mark = trail->len;
    g_string_append_printf(trail, "[%zu]", index);
    const Node *found = walk(list->sequence.items[index], rest, wanted, trail);
    if (!found)
        g_string_truncate(trail, mark);
    return found;
}

/* "[]", "[3]" or "[NAME]" and what follows. */
static const Node *walk_list(const Node *list, const char *path, View wanted, GString *trail)
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
#define REFERENCE ((View){reference_mark, sizeof reference_mark - 1})

static bool reads(const Node *node, View wanted)
{
    bool any = wanted.data == REFERENCE.data;
    return any ? memmem(node->text.data, node->text.len, wanted.data, wanted.len) != NULL
               : view_equal(node->text, wanted);
}

/* A scalar ends the walk: short forms have no members to go on with. */
static const Node *walk(const Node *node, const char *path, View wanted, GString *trail)
{
    if (!*path || scalar(node))
        return !wanted.data || (scalar(node) && reads(node, wanted)) ? node : NULL;
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
    const Manifest *manifest;
    const char *const *paths;
    View wanted;
    GString *trail;
    const Node *found;
} Search;

static bool search_document(const Document *document, void *data)
{
    Search *search = data;
    if (document->root->line != search->manifest->line)
        return true;
    for (size_t i = 0; search->paths[i] && !search->found; i++) {
        g_string_truncate(search->trail, 0);
        search->found = walk(document->root, search->paths[i], search->wanted, search->trail);
    }
    /* What is nowhere may have come from a variable, whose value is not looked up here. */
    for (size_t i = 0; search->wanted.data && search->paths[i] && !search->found; i++) {
        g_string_truncate(search->trail, 0);
        search->found = walk(document->root, search->paths[i], REFERENCE, search->trail);
    }
    return false;
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

static void fault_add(Locator *locator, const Manifest *manifest, const Fault *fault, const char *path,
                      const Node *node, View source, Underline underline)
{
    g_autofree char *line = source.data ? g_strndup(source.data, source.len) : NULL;
    Diagnostic diagnostic = {.severity = fault->severity,
                             .class = fault->class,
                             .file = (char *)(uintptr_t)manifest->file,
                             .line = node ? node->line : manifest->line,
                             .column = underline.column,
                             .width = underline.width,
                             .path = (char *)(uintptr_t)path,
                             .message = (char *)(uintptr_t)fault->message,
                             .detail = (char *)(uintptr_t)fault->detail,
                             .source = line};
    diagnostic_list_add(locator->diagnostics, &diagnostic);
}

void locate_report(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                   const Fault *fault)
{
    locate_report_part(locator, manifest, paths, wanted, (FaultPart){0, wanted.len}, fault);
}

void locate_report_part(Locator *locator, const Manifest *manifest, const char *const *paths, View wanted,
                        FaultPart part, const Fault *fault)
{
    View text = {0};
    if (locator->text && manifest->file && locator->done++ < LOCATE_MAX)
        text = locator->text(manifest->file, locator->data);
    if (!text.len) {
        fault_add(locator, manifest, fault, paths[0], NULL, (View){0}, underline_of(NULL));
        return;
    }
    Excerpt excerpt = excerpt_around(text, manifest->line);
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) ignored = diagnostic_list_new();
    g_autoptr(GString) trail = g_string_new(NULL);
    Search search = {manifest, paths, wanted, trail, NULL};
    (void)document_parse(excerpt.text, manifest->file, excerpt.first_line, arena, &document_limits_default,
                         search_document, &search, ignored);
    int line = search.found ? search.found->line : manifest->line;
    View source = line_of(excerpt, line);
    bool is_part = part.from > 0 || part.len < wanted.len;
    Underline underline =
        is_part ? underline_part(search.found, source, wanted, part) : underline_of(search.found);
    fault_add(locator, manifest, fault, search.found ? trail->str : paths[0], search.found, source,
              underline);
}

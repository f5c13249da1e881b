#include "spec/document.h"
#include "spec/document_text.h"

/* Lines longer than this are cut around nothing: the renderer shows a window of what it gets. */
#define LINE_MAX_BYTES 4096

static bool cursor_usable(const DiagnosticCursor *cursor, View text, int line)
{
    return cursor->data == text.data && cursor->len == text.len && cursor->offset <= text.len &&
           cursor->line <= line && (cursor->offset == 0 || text.data[cursor->offset - 1] == '\n');
}

/* The text of a line without its end; the empty view where there is no such line. */
static View find_line(DiagnosticCursor *cursor, View text, int first_line, int line)
{
    if (!text.data || line < first_line)
        return (View){"", 0};
    if (!cursor_usable(cursor, text, line))
        *cursor = (DiagnosticCursor){.data = text.data, .len = text.len, .line = first_line};
    while (cursor->line < line) {
        const char *feed = memchr(text.data + cursor->offset, '\n', text.len - cursor->offset);
        if (!feed)
            return (View){"", 0};
        cursor->offset = (size_t)(feed - text.data) + 1;
        cursor->line++;
    }
    const char *start = text.data + cursor->offset;
    const char *feed = memchr(start, '\n', text.len - cursor->offset);
    size_t len = feed ? (size_t)(feed - start) : text.len - cursor->offset;
    return (View){start, MIN(len, LINE_MAX_BYTES)};
}

void document_report(DiagnosticList *diagnostics, const char *file, View text, int first_line, int line,
                     int column, int width, Severity severity, const char *path, const char *message,
                     const char *detail)
{
    View shown = find_line(diagnostic_list_cursor(diagnostics), text, first_line, line);
    if (column > 0 && (size_t)column > LINE_MAX_BYTES)
        shown.len = 0; /* the place lies beyond what is kept */
    size_t bom = line == 1 ? text_bom_len(shown) : 0;
    g_autofree char *source = shown.len ? g_strndup(shown.data + bom, shown.len - bom) : NULL;
    Diagnostic diagnostic = {
        .severity = severity,
        .class = DIAGNOSTIC_PLAIN,
        .file = (char *)(uintptr_t)file,
        .line = line,
        .column = column,
        .width = width,
        .path = (char *)(uintptr_t)path,
        .message = (char *)(uintptr_t)message,
        .detail = (char *)(uintptr_t)detail,
        .source = source,
    };
    diagnostic_list_add(diagnostics, &diagnostic);
}

void node_report(DiagnosticList *diagnostics, const char *file, View text, int first_line, const Node *node,
                 Severity severity, const char *path, const char *message, const char *detail)
{
    const NodeOrigin *origin = node->origin;
    int width = node->end_column > node->column ? node->end_column - node->column : 1;
    const char *values = origin ? origin->values : NULL;
    g_autofree char *both = values && detail ? g_strdup_printf("%s; %s", values, detail) : NULL;
    if (origin && origin->file) {
        file = origin->file;
        text = origin->text;
        first_line = 1;
    }
    document_report(diagnostics, file, text, first_line, node->line, node->column, width, severity, path,
                    message,
                    both     ? both
                    : values ? values
                             : detail);
}

/* document_text.h: finding places in the bytes of a YAML stream. Private to the document reader.
 * Owns:   nothing.
 * Calls:  spec/base/.
 * Holds:  a line "---" at column 0 followed by blank or line end starts a document wherever it stands: YAML
 * forbids it inside of every kind of scalar. All functions cost at most one pass over the bytes between their
 * arguments. */
#pragma once
#include <glib.h>
#include "spec/base/view.h"

typedef struct {
    int line, column; /* from 1, columns in bytes */
} TextPlace;

/* Turns libyaml's marks, which count characters and break lines at NEL, LS, PS and lone CR too, into places
 * as editors count them. Marks should come in rising order; one that goes back costs a walk from the
 * document's start. */
typedef struct {
    View text;       /* up to the end of the segment */
    size_t start;    /* of the segment */
    int first_line;  /* of the segment */
    bool plain;      /* text_is_plain(): marks are places */
    TextPlace place; /* of the last offset asked for */
    struct TextLine {
        size_t mark_line;  /* as libyaml counts, from 0 within the segment */
        size_t offset;     /* where that line starts */
        int line;          /* as editors count */
        size_t line_start; /* where that one starts */
    } at, document;
} TextCursor;

/* ASCII without lone CR. */
bool text_is_plain(View text);
/* start is the start of a line, its number is line. */
void text_cursor_init(TextCursor *cursor, View text, size_t start, size_t end, int line, bool plain);
TextPlace text_cursor_place(TextCursor *cursor, size_t mark_line, size_t mark_column);
/* Byte offset in the text. Walks from the last one asked for, so it is for errors. */
size_t text_cursor_offset(TextCursor *cursor, size_t mark_line, size_t mark_column);
/* The document starts at the last place asked for. */
void text_cursor_document(TextCursor *cursor);

size_t text_bom_len(View text);
/* The first byte from start on that is not part of valid UTF-8 or a character that YAML forbids; text.len:
 * none. */
size_t text_find_bad_byte(View text, size_t start);
/* The first document start line that begins after from, else end. */
size_t text_next_document(View text, size_t from, size_t end);
/* The last document start line that begins at or before at, else 0. */
size_t text_document_start(View text, size_t at);
size_t text_line_start(View text, size_t at);
/* Line feeds in [from, to). */
size_t text_count_lines(View text, size_t from, size_t to);

#include "spec/document_text.h"
#include "spec/document.h"

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static uint64_t load8(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

/* Sets the high bit of at least one byte when some byte of word is below limit (limit at most 0x80, all bytes
 * ASCII). */
static uint64_t any_below(uint64_t word, unsigned char limit)
{
    return (word - EACH_BYTE(limit)) & ~word & EACH_BYTE(0x80);
}

static bool is_ascii_word(uint64_t word)
{
    return (word & EACH_BYTE(0x80)) == 0;
}

/* ---- UTF-8
 * ----------------------------------------------------------------------------------------------------- */

static bool is_allowed(gunichar c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || c == 0x85 ||
           (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

size_t text_bom_len(View text)
{
    return text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

size_t text_find_bad_byte(View text, size_t start)
{
    size_t at = start;
    while (at < text.len) {
        if (text.len - at >= 8) {
            uint64_t word = load8(text.data + at);
            uint64_t controls = any_below(word, 0x20) | any_below(word ^ EACH_BYTE(0x7f), 1);
            if (is_ascii_word(word) && !controls) {
                at += 8;
                continue;
            }
        }
        unsigned char byte = (unsigned char)text.data[at];
        if (byte < 0x80) {
            if (!is_allowed(byte))
                return at;
            at++;
            continue;
        }
        gunichar c = g_utf8_get_char_validated(text.data + at, (gssize)MIN(text.len - at, 6));
        if (c == (gunichar)-1 || c == (gunichar)-2 || !is_allowed(c))
            return at;
        at += (size_t)g_unichar_to_utf8(c, NULL);
    }
    return text.len;
}

/* ---- lines and document starts
 * --------------------------------------------------------------------------------- */

size_t text_line_start(View text, size_t at)
{
    const char *feed = at > 0 ? memrchr(text.data, '\n', at) : NULL;
    return feed ? (size_t)(feed - text.data) + 1 : 0;
}

size_t text_count_lines(View text, size_t from, size_t to)
{
    const uint64_t ones = 0x0101010101010101u, low7 = 0x7f * ones;
    size_t count = 0, at = from;
    g_assert(from <= to);
    for (; to - at >= 8;
         at += 8) { /* a byte of word is 0 where there is a line feed; then its high bit stays 0 */
        uint64_t word = load8(text.data + at) ^ '\n' * ones;
        uint64_t not_zero = (((word & low7) + low7) | word) & ~low7;
        count += 8 - (size_t)__builtin_popcountll(not_zero);
    }
    for (; at < to; at++)
        count += text.data[at] == '\n';
    return count;
}

static bool is_document_start(View text, size_t at)
{
    if (text.len - at < 3 || memcmp(text.data + at, "---", 3) != 0)
        return false;
    return text.len - at == 3 || memchr(" \t\r\n", text.data[at + 3], 4);
}

size_t text_next_document(View text, size_t from, size_t end)
{
    if (from > end)
        return end;
    /* A line that begins at from itself counts only where something precedes it. */
    const char *at = text.data + (from > 0 ? from - 1 : 0);
    const char *stop = text.data + end;
    while ((at = memmem(at, (size_t)(stop - at), "\n---", 4))) {
        size_t start = (size_t)(at - text.data) + 1;
        if (is_document_start(text, start) && start >= from)
            return start;
        at++;
    }
    return end;
}

size_t text_document_start(View text, size_t at)
{
    size_t start = text_line_start(text, at);
    while (start > 0 && !is_document_start(text, start))
        start = text_line_start(text, start - 1);
    return start;
}

/* ---- marks
 * ----------------------------------------------------------------------------------------------------- */

bool text_is_plain(View text)
{
    uint64_t seen = 0;
    size_t at = 0;
    for (; text.len - at >= 8; at += 8)
        seen |= load8(text.data + at);
    for (; at < text.len; at++)
        seen |= (unsigned char)text.data[at];
    if (!is_ascii_word(seen))
        return false;
    const char *from = text.data;
    const char *end = text.data + text.len;
    for (; (from = memchr(from, '\r', (size_t)(end - from))); from++)
        if (from + 1 == end || from[1] != '\n')
            return false;
    return true;
}

void text_cursor_init(TextCursor *cursor, View text, size_t start, size_t end, int line, bool plain)
{
    *cursor = (TextCursor){.text = {text.data, end}, .start = start, .first_line = line, .plain = plain};
    cursor->at = cursor->document = (struct TextLine){.offset = start, .line = line, .line_start = start};
}

/* Bytes of the line break at offset as libyaml sees it; 0: none. */
static size_t break_len(View text, size_t at)
{
    size_t left = text.len - at;
    const unsigned char *p = (const unsigned char *)text.data + at;
    if (p[0] == '\n')
        return 1;
    if (p[0] == '\r')
        return left > 1 && p[1] == '\n' ? 2 : 1;
    if (p[0] == 0xc2 && left > 1 && p[1] == 0x85)
        return 2;
    if (p[0] == 0xe2 && left > 2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 3;
    return 0;
}

static void next_mark_line(TextCursor *cursor)
{
    struct TextLine *at = &cursor->at;
    size_t offset = at->offset;
    size_t len = 0;
    while (offset < cursor->text.len && (len = break_len(cursor->text, offset)) == 0)
        offset++;
    at->offset = offset + len;
    at->mark_line++;
    if (len > 0 && cursor->text.data[at->offset - 1] == '\n') {
        at->line++;
        at->line_start = at->offset;
    }
}

static size_t skip_characters(View text, size_t at, size_t count)
{
    for (; count > 0 && at < text.len; count--)
        do {
            at++;
        } while (at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80);
    return at;
}

TextPlace text_cursor_place(TextCursor *cursor, size_t mark_line, size_t mark_column)
{
    if (cursor->plain)
        return (TextPlace){cursor->first_line + (int)mark_line, (int)mark_column + 1};
    (void)text_cursor_offset(cursor, mark_line, mark_column);
    return cursor->place;
}

size_t text_cursor_offset(TextCursor *cursor, size_t mark_line, size_t mark_column)
{
    if (mark_line < cursor->at.mark_line)
        cursor->at = cursor->document.mark_line <= mark_line ? cursor->document
                                                             : (struct TextLine){.offset = cursor->start,
                                                                                 .line = cursor->first_line,
                                                                                 .line_start = cursor->start};
    while (cursor->at.mark_line < mark_line && cursor->at.offset < cursor->text.len)
        next_mark_line(cursor);
    size_t offset = skip_characters(cursor->text, cursor->at.offset, mark_column);
    cursor->place = (TextPlace){cursor->at.line, (int)(offset - cursor->at.line_start) + 1};
    return offset;
}

void text_cursor_document(TextCursor *cursor)
{
    cursor->document = cursor->at;
}

/* json_scan.h: walk over compact JSON of our own without building a tree.
 * Owns:   nothing; views point into the text.
 * Calls:  nothing.
 * Holds:  nothing is allocated and nothing beyond the end is read, whatever the bytes are. For text without
 * blanks between its tokens, as the canonical form is. Each call returns false when the text is not what was
 * asked for. */
#pragma once
#include "spec/base/view.h"

typedef struct {
    const char *at, *end;
} JsonScan;

static inline JsonScan json_scan(View text)
{
    return (JsonScan){text.data, text.data ? text.data + text.len : text.data};
}

/* A string; the text between its quotes, escapes as they stand. */
bool json_scan_string(JsonScan *scan, View *ret_text);
/* A number, true, false or null as it stands. */
bool json_scan_word(JsonScan *scan, View *ret_text);
/* Past any value. */
bool json_scan_skip(JsonScan *scan);
/* Whether the next byte is this one; nothing is taken. */
static inline bool json_scan_is(const JsonScan *scan, char byte)
{
    return scan->at < scan->end && *scan->at == byte;
}
/* Past an opening bracket, '{' or '['. */
bool json_scan_open(JsonScan *scan, char bracket);
/* After json_scan_open or a member's value: the next member's key, and the scan stands at its value. False at
 * the end of the object (which is taken) or when the text is broken. */
bool json_scan_key(JsonScan *scan, View *ret_key);
/* After json_scan_open or an item: whether another item follows. The end of the list is taken. */
bool json_scan_item(JsonScan *scan);

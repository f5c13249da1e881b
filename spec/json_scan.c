#include "spec/json_scan.h"

bool json_scan_string(JsonScan *scan, View *ret_text)
{
    if (!json_scan_is(scan, '"'))
        return false;
    const char *start = ++scan->at;
    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\' && scan->end - scan->at > 1 ? 2 : 1;
    if (scan->at >= scan->end)
        return false;
    *ret_text = (View){start, (size_t)(scan->at - start)};
    scan->at++;
    return true;
}

bool json_scan_word(JsonScan *scan, View *ret_text)
{
    const char *start = scan->at;
    while (scan->at < scan->end && !memchr(",]}[{\":", *scan->at, 7))
        scan->at++;
    *ret_text = (View){start, (size_t)(scan->at - start)};
    return ret_text->len > 0;
}

/* Past a list or an object: only quotes and brackets matter. */
static bool skip_nested(JsonScan *scan)
{
    size_t open = 0;
    View ignored;
    while (scan->at < scan->end) {
        char byte = *scan->at;
        if (byte == '"') {
            if (!json_scan_string(scan, &ignored))
                return false;
            continue;
        }
        scan->at++;
        if (byte == '{' || byte == '[')
            open++;
        else if ((byte == '}' || byte == ']') && --open == 0)
            return true;
    }
    return false;
}

bool json_scan_skip(JsonScan *scan)
{
    View ignored;
    if (json_scan_is(scan, '"'))
        return json_scan_string(scan, &ignored);
    if (json_scan_is(scan, '{') || json_scan_is(scan, '['))
        return skip_nested(scan);
    return json_scan_word(scan, &ignored);
}

bool json_scan_open(JsonScan *scan, char bracket)
{
    if (!json_scan_is(scan, bracket))
        return false;
    scan->at++;
    return true;
}

bool json_scan_key(JsonScan *scan, View *ret_key)
{
    if (json_scan_is(scan, '}')) {
        scan->at++;
        return false;
    }
    if (json_scan_is(scan, ','))
        scan->at++;
    if (!json_scan_string(scan, ret_key) || !json_scan_is(scan, ':'))
        return false;
    scan->at++;
    return true;
}

bool json_scan_item(JsonScan *scan)
{
    if (json_scan_is(scan, ']')) {
        scan->at++;
        return false;
    }
    if (json_scan_is(scan, ','))
        scan->at++;
    return scan->at < scan->end;
}

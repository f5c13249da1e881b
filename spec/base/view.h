/* view.h: a slice of text that somebody else owns; never assumed to end in NUL. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t len;
} View;

#define VIEW(literal)  ((View){(literal), sizeof(literal) - 1})
#define VIEW_FMT       "%.*s"
#define VIEW_ARG(view) (int)(view).len, (view).data

static inline View view_from(const char *text) /* NULL gives the empty view */
{
    return (View){text ? text : "", text ? strlen(text) : 0};
}

static inline bool view_equal(View a, View b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool view_is(View a, const char *text)
{
    return view_equal(a, view_from(text));
}

/* Byte order; a prefix sorts first. */
static inline int view_compare(View a, View b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* html.h: writes HTML of which no text can become an element, an attribute or an address elsewhere.
 * Owns:   the text that is being written, and which elements are open.
 * Calls:  GLib only.
 * Holds:  names of elements and attributes are ours; everything else is a text, whoever wrote it, and is
 * escaped where it is put in. What is no UTF-8, control characters and those that turn the direction of text
 * become U+FFFD. An address (href, src, action) is a path of this server or a fragment; any other is left
 * out. There are no scripts and no styles in a page. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Html Html;

Html *html_new(void);
void html_free(Html *html);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Html, html_free)

/* First of all. */
void html_doctype(Html *html);
/* attributes: name, value, name, value …, NULL. A value that is NULL leaves the attribute out. */
void html_open(Html *html, const char *element, ...) G_GNUC_NULL_TERMINATED;
/* The innermost that is open; element is there to be compared, and to be read. */
void html_close(Html *html, const char *element);
/* An element that has no content (input, meta, br …). */
void html_void(Html *html, const char *element, ...) G_GNUC_NULL_TERMINATED;
/* An element that holds only a text; NULL is the empty one. */
void html_leaf(Html *html, const char *element, const char *text, ...) G_GNUC_NULL_TERMINATED;
void html_text(Html *html, const char *text);
void html_text_len(Html *html, const char *text, size_t len);
void html_format(Html *html, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* What was written by another one, with all of its elements closed. */
void html_append(Html *html, const Html *other);
/* All that was opened must be closed. Borrowed. */
const char *html_str(const Html *html, size_t *ret_len);

/* A path of this server: base, as it is, and each of the texts behind it escaped as one part of the path;
 * new string. */
char *html_path(const char *base, ...) G_GNUC_NULL_TERMINATED;

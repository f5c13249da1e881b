/* xml.h: an answer in XML as a tree of its elements by local name; attributes, comments and namespaces are
 * left out. Owns:   an XmlDocument owns its elements and their texts. Calls:  expat. Holds:  limits on bytes,
 * depth and elements before memory is taken; a document type (and so any entity of one's own) is refused;
 * what is not well-formed is an error. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

#define XML_DEPTH_MAX    32
#define XML_ELEMENTS_MAX 2000000u

typedef struct XmlElement XmlElement;
struct XmlElement {
    const char *name;
    const char *text;               /* of its own, without blanks around where it has elements; "" */
    const XmlElement *first, *next; /* child; sibling: NULL at the end */
};

typedef struct XmlDocument XmlDocument;
/* NULL with error (G_CONVERT_ERROR_ILLEGAL_SEQUENCE). */
XmlDocument *xml_parse(View text, GError **error);
void xml_free(XmlDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDocument, xml_free)
const XmlElement *xml_root(const XmlDocument *document);

/* All of these take NULL for an element that is not there. */
/* The first of that name; of a path "placement/availabilityZone" the first at each step. NULL: none. */
const XmlElement *xml_find(const XmlElement *element, const char *path);
/* The next sibling of the same name. */
const XmlElement *xml_next(const XmlElement *element);
const char *xml_text(const XmlElement *element, const char *path); /* NULL: it is not there */
int64_t xml_number(const XmlElement *element, const char *path, int64_t otherwise); /* a whole number */
bool xml_is_true(const XmlElement *element, const char *path);

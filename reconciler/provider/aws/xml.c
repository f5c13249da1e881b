#include "reconciler/provider/aws/xml.h"
#include <expat.h>
#include <string.h>
#include "spec/base/arena.h"
#include "spec/base/units.h"

/* An element that is open. */
typedef struct {
    XmlElement *element, *last;
    GString *text;
} Open;

struct XmlDocument {
    Arena *arena;
    XmlElement *root;
};

typedef struct {
    XML_Parser parser;
    XmlDocument *document;
    Open open[XML_DEPTH_MAX];
    unsigned depth, elements;
    const char *fault;
} Parsing;

static void stop(Parsing *parsing, const char *fault)
{
    if (!parsing->fault)
        parsing->fault = fault;
    XML_StopParser(parsing->parser, XML_FALSE);
}

/* ---- building ---- */

static void add_child(Parsing *parsing, XmlElement *element)
{
    Open *parent = parsing->depth > 0 ? &parsing->open[parsing->depth - 1] : NULL;
    if (!parent)
        parsing->document->root = element;
    else if (parent->last)
        parent->last->next = element;
    else
        parent->element->first = element;
    if (parent)
        parent->last = element;
}

static void element_begins(void *data, const char *name, const char **attributes)
{
    (void)attributes;
    Parsing *parsing = data;
    if (parsing->depth == XML_DEPTH_MAX || ++parsing->elements > XML_ELEMENTS_MAX) {
        stop(parsing,
             parsing->depth == XML_DEPTH_MAX ? "it is nested too deeply" : "it has too many elements");
        return;
    }
    const char *colon = strrchr(name, ':'), *local = colon ? colon + 1 : name;
    XmlElement *element = arena_alloc(parsing->document->arena, sizeof *element);
    *element =
        (XmlElement){.name = arena_strndup(parsing->document->arena, local, strlen(local)), .text = ""};
    add_child(parsing, element);
    Open *open = &parsing->open[parsing->depth++];
    open->element = element;
    open->last = NULL;
    if (!open->text)
        open->text = g_string_new(NULL);
    g_string_truncate(open->text, 0);
}

static void element_ends(void *data, const char *name)
{
    (void)name;
    Parsing *parsing = data;
    Open *open = &parsing->open[--parsing->depth];
    if (open->element->first)
        g_strstrip(open->text->str);
    size_t len = strlen(open->text->str);
    if (len > 0)
        open->element->text = arena_strndup(parsing->document->arena, open->text->str, len);
}

static void text_comes(void *data, const char *text, int len)
{
    Parsing *parsing = data;
    if (parsing->depth > 0)
        g_string_append_len(parsing->open[parsing->depth - 1].text, text, len);
}

static void doctype_begins(void *data, const char *name, const char *system, const char *public,
                           int has_subset)
{
    (void)name, (void)system, (void)public, (void)has_subset;
    stop(data, "it has a document type");
}

/* ---- parsing ---- */

static bool run(Parsing *parsing, View text, GError **error)
{
    XML_SetUserData(parsing->parser, parsing);
    XML_SetElementHandler(parsing->parser, element_begins, element_ends);
    XML_SetCharacterDataHandler(parsing->parser, text_comes);
    XML_SetStartDoctypeDeclHandler(parsing->parser, doctype_begins);
    bool is_good = text.len <= G_MAXINT &&
                   XML_Parse(parsing->parser, text.data, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    if (!is_good)
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
                    "no XML that can be read, line %lu: %s", XML_GetCurrentLineNumber(parsing->parser),
                    parsing->fault ? parsing->fault : XML_ErrorString(XML_GetErrorCode(parsing->parser)));
    return is_good;
}

XmlDocument *xml_parse(View text, GError **error)
{
    g_autoptr(XmlDocument) document = g_new0(XmlDocument, 1);
    document->arena = arena_new();
    Parsing parsing = {.parser = XML_ParserCreate("UTF-8"), .document = document};
    bool is_good = run(&parsing, text, error);
    XML_ParserFree(parsing.parser);
    for (size_t i = 0; i < G_N_ELEMENTS(parsing.open) && parsing.open[i].text; i++)
        g_string_free(parsing.open[i].text, TRUE);
    return is_good ? g_steal_pointer(&document) : NULL;
}

void xml_free(XmlDocument *document)
{
    if (!document)
        return;
    arena_free(document->arena);
    g_free(document);
}

const XmlElement *xml_root(const XmlDocument *document)
{
    return document->root;
}

/* ---- reading ---- */

static const XmlElement *named(const XmlElement *element, const char *name, size_t len)
{
    while (element && (strlen(element->name) != len || memcmp(element->name, name, len) != 0))
        element = element->next;
    return element;
}

const XmlElement *xml_find(const XmlElement *element, const char *path)
{
    while (element && *path) {
        size_t len = strcspn(path, "/");
        element = named(element->first, path, len);
        path += len + (path[len] == '/');
    }
    return element;
}

const XmlElement *xml_next(const XmlElement *element)
{
    return element ? named(element->next, element->name, strlen(element->name)) : NULL;
}

const char *xml_text(const XmlElement *element, const char *path)
{
    const XmlElement *found = xml_find(element, path);
    return found ? found->text : NULL;
}

int64_t xml_number(const XmlElement *element, const char *path, int64_t otherwise)
{
    const char *text = xml_text(element, path);
    int64_t value;
    return text && integer_parse(view_from(text), &value) ? value : otherwise;
}

bool xml_is_true(const XmlElement *element, const char *path)
{
    return g_strcmp0(xml_text(element, path), "true") == 0;
}

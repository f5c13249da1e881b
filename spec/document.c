#include "spec/document.h"
#include <yaml.h>
#include "spec/document_scalar.h"
#include "spec/document_text.h"

/* libyaml reads YAML 1.1's syntax; where that matters:
 *  - NEL, LS and PS (U+0085, U+2028, U+2029) break lines for it, not for editors: place_of() undoes that;
 *  - a key in a flow mapping may be at most 1,024 characters long, JSON or not;
 *  - its resolution of scalars is not used at all: document_scalar.c has that of 1.2. */

const DocumentLimits document_limits_default = {
    .file_bytes = (size_t)256 << 20,
    .depth = 64,
    .nodes = 1000000,
    .alias_nodes = 100000,
    .documents = 1000000,
};

#define ANCHORS_MAX      1000 /* in one document; an alias is looked up by walking them */
#define DUPLICATES_SMALL 12   /* members up to which each is compared with each */

typedef struct {
    Node *node;
    size_t first;  /* of its members in Reader.pending */
    size_t anchor; /* index + 1 in Reader.anchors; 0: none */
    size_t nodes_before;
    size_t height; /* of the tallest child */
    View key;
    int key_line, key_column;
    bool has_key;    /* the next node is the value of key */
    bool key_failed; /* the key was refused: its value is read and dropped */
} Frame;

typedef struct {
    View name;
    Node *node;
    size_t nodes, height; /* of its whole subtree, aliases expanded */
    bool open;            /* its end has not been seen: an alias to it would be a cycle */
} Anchor;

typedef enum { READ_ON, READ_SKIP_DOCUMENT, READ_STOP } ReadResult;

typedef struct {
    const char *file;
    View text;
    int first_line;
    Arena *arena;
    const DocumentLimits *limits;
    DocumentFunc func;
    void *data;
    DiagnosticList *diagnostics;
    TextCursor cursor;
    bool plain;           /* text_is_plain(text) */
    bool failed;          /* anything was reported */
    bool document_failed; /* in this document */
    int document_line;
    int documents;
    size_t nodes, alias_nodes;
    Node *root;
    GArray *frames;  /* of Frame */
    GArray *pending; /* of NodeMember: of all open collections, outermost first */
    GArray *anchors; /* of Anchor */
} Reader;

/* ---- reporting
 * ------------------------------------------------------------------------------------------------- */

static void report(Reader *reader, int line, int column, int width, const char *message, const char *detail)
{
    reader->failed = true;
    reader->document_failed = true;
    document_report(reader->diagnostics, reader->file, reader->text, reader->first_line, line, column, width,
                    SEVERITY_ERROR, NULL, message, detail);
}

static void report_node(Reader *reader, const Node *node, const char *message, const char *detail)
{
    int width = node->end_column > node->column ? node->end_column - node->column : 0;
    report(reader, node->line, node->column, width, message, detail);
}

static TextPlace place_of(Reader *reader, const yaml_mark_t *mark)
{
    return text_cursor_place(&reader->cursor, mark->line, mark->column);
}

static size_t offset_of(Reader *reader, const yaml_mark_t *mark)
{
    return text_cursor_offset(&reader->cursor, mark->line, mark->column);
}

/* ---- building the tree
 * ----------------------------------------------------------------------------------------- */

static Frame *top_frame(Reader *reader)
{
    return reader->frames->len ? &g_array_index(reader->frames, Frame, reader->frames->len - 1) : NULL;
}

static Node *node_new(Reader *reader, const yaml_event_t *event, size_t text_len)
{
    Node *node = arena_alloc_raw(reader->arena, sizeof(Node) + text_len + 1);
    TextPlace place = place_of(reader, &event->start_mark);
    *node = (Node){.line = place.line, .column = place.column};
    return node;
}

static int name_compare(gconstpointer a, gconstpointer b)
{
    const NodeMember *x = *(const NodeMember *const *)a;
    const NodeMember *y = *(const NodeMember *const *)b;
    int order = view_compare(x->key, y->key);
    return order ? order : (x > y) - (x < y); /* equal keys stay in document order */
}

static void report_duplicate(Reader *reader, const NodeMember *first, const NodeMember *again)
{
    g_autofree char *name = g_strndup(again->key.data, MIN(again->key.len, 100));
    g_autofree char *message =
        g_strdup_printf("key \"%s\" is given twice; the first is on line %d", name, first->key_line);
    /* Every manifest begins so: most probably a second one does. */
    const char *hint =
        strcmp(name, "apiVersion") == 0 ? "put a line with --- before the next manifest" : NULL;
    report(reader, again->key_line, again->key_column, (int)MIN(again->key.len, 200), message, hint);
}

static void check_duplicates_sorted(Reader *reader, const NodeMember *members, size_t len)
{
    g_autofree const NodeMember **sorted = g_new(const NodeMember *, len);
    for (size_t i = 0; i < len; i++)
        sorted[i] = &members[i];
    qsort(sorted, len, sizeof *sorted, name_compare);
    for (size_t i = 1, first = 0; i < len; i++) {
        if (view_equal(sorted[i]->key, sorted[first]->key))
            report_duplicate(reader, sorted[first], sorted[i]);
        else
            first = i;
    }
}

static void check_duplicates(Reader *reader, const NodeMember *members, size_t len)
{
    if (len > DUPLICATES_SMALL) {
        check_duplicates_sorted(reader, members, len);
        return;
    }
    for (size_t i = 1; i < len; i++)
        for (size_t j = 0; j < i; j++)
            if (view_equal(members[i].key, members[j].key)) {
                report_duplicate(reader, &members[j], &members[i]);
                break;
            }
}

/* A mapping's key: only strings, so that JSON can say the same. */
static void take_key(Reader *reader, Frame *frame, const Node *node, bool plain)
{
    frame->has_key = true;
    frame->key_failed = true;
    if (node->kind == NODE_SEQUENCE || node->kind == NODE_MAPPING) {
        report_node(reader, node, "a key must be a string, not a list or a mapping", NULL);
        return;
    }
    if (node->kind != NODE_STRING) {
        g_autofree char *detail = g_strdup_printf("quote it: \"" VIEW_FMT "\"", VIEW_ARG(node->text));
        report_node(reader, node, "a key must be a string", detail);
        return;
    }
    if (plain && view_is(node->text, "<<")) {
        report_node(reader, node, "merge keys are not part of YAML 1.2",
                    "write the members out, or refer to a whole value by an alias");
        return;
    }
    frame->key_failed = false;
    frame->key = node->text;
    frame->key_line = node->line;
    frame->key_column = node->column;
}

/* Puts a finished or just opened node where it belongs. */
static void place_node(Reader *reader, Node *node, size_t height, bool plain)
{
    Frame *frame = top_frame(reader);
    if (!frame) {
        reader->root = node;
        return;
    }
    frame->height = MAX(frame->height, height);
    if (frame->node->kind == NODE_MAPPING && !frame->has_key) {
        take_key(reader, frame, node, plain);
        return;
    }
    NodeMember member = {.value = node};
    if (frame->node->kind == NODE_MAPPING) {
        member.key = frame->key;
        member.key_line = frame->key_line;
        member.key_column = frame->key_column;
        frame->has_key = false;
        if (frame->key_failed)
            return;
    }
    g_array_append_val(reader->pending, member);
}

static bool count_node(Reader *reader, const yaml_event_t *event)
{
    if (++reader->nodes <= reader->limits->nodes)
        return true;
    TextPlace place = place_of(reader, &event->start_mark);
    g_autofree char *message = g_strdup_printf("the document has more than %zu nodes", reader->limits->nodes);
    report(reader, place.line, place.column, 0, message, NULL);
    return false;
}

/* Returns index + 1, or 0 where there is no anchor. */
static size_t anchor_add(Reader *reader, const Node *node, const yaml_char_t *name, bool open)
{
    if (!name)
        return 0;
    if (reader->anchors->len >= ANCHORS_MAX) {
        g_autofree char *message = g_strdup_printf("the document has more than %d anchors", ANCHORS_MAX);
        report_node(reader, node, message, NULL);
        return 0;
    }
    const char *text = (const char *)name;
    size_t len = strlen(text);
    Anchor anchor = {.name = {arena_strndup(reader->arena, text, len), len},
                     .node = (Node *)(uintptr_t)node,
                     .nodes = 1,
                     .height = 1,
                     .open = open};
    g_array_append_val(reader->anchors, anchor);
    return reader->anchors->len;
}

#define TAG_PREFIX "tag:yaml.org,2002:"

/* Collections: only the tag they have anyway. */
static void check_collection_tag(Reader *reader, const Node *node, const yaml_char_t *tag, const char *own)
{
    const char *name = (const char *)tag;
    if (!name || strcmp(name, "!") == 0 || strcmp(name, own) == 0)
        return;
    g_autofree char *message = g_strdup_printf("tag \"%s\" is not supported", name);
    report_node(reader, node, message, "leave the tag out");
}

static void resolve_tagged(Reader *reader, Node *node, const char *tag)
{
    static const struct {
        const char *tag;
        NodeKind kind;
    } tags[] = {{TAG_PREFIX "null", NODE_NULL},
                {TAG_PREFIX "bool", NODE_BOOL},
                {TAG_PREFIX "int", NODE_INT},
                {TAG_PREFIX "float", NODE_FLOAT}};
    node->kind = NODE_STRING;
    if (strcmp(tag, "!") == 0 || strcmp(tag, TAG_PREFIX "str") == 0)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (strcmp(tag, tags[i].tag) != 0)
            continue;
        scalar_resolve(node);
        if (node->kind == NODE_INT && tags[i].kind == NODE_FLOAT) {
            node->kind = NODE_FLOAT;
            node->real = (double)node->integer;
        }
        if (node->kind != tags[i].kind) {
            g_autofree char *message =
                g_strdup_printf("tag !!%s does not fit this value", tag + strlen(TAG_PREFIX));
            report_node(reader, node, message, NULL);
        }
        return;
    }
    g_autofree char *message = g_strdup_printf("tag \"%s\" is not supported", tag);
    report_node(reader, node, message, "leave the tag out");
}

static ReadResult on_scalar(Reader *reader, const yaml_event_t *event)
{
    if (!count_node(reader, event))
        return READ_SKIP_DOCUMENT;
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    Node *node = node_new(reader, event, len);
    char *copy = (char *)(node + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    node->text = (View){copy, len};
    if (event->start_mark.line == event->end_mark.line)
        node->end_column = place_of(reader, &event->end_mark).column;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (event->data.scalar.tag)
        resolve_tagged(reader, node, (const char *)event->data.scalar.tag);
    else if (plain)
        scalar_resolve(node);
    else
        node->kind = NODE_STRING;
    /* Only the escape "\0" gets here; C strings, SQLite and environments could not hold it. */
    if (!plain && memchr(copy, '\0', len))
        report_node(reader, node, "a string must not hold the character NUL", NULL);
    anchor_add(reader, node, event->data.scalar.anchor, false);
    place_node(reader, node, 1, plain);
    return READ_ON;
}

static ReadResult on_alias(Reader *reader, const yaml_event_t *event)
{
    View name = view_from((const char *)event->data.alias.anchor);
    TextPlace place = place_of(reader, &event->start_mark);
    const Anchor *anchor = NULL;
    for (size_t i = reader->anchors->len; i > 0 && !anchor; i--) {
        const Anchor *candidate = &g_array_index(reader->anchors, Anchor, i - 1);
        if (view_equal(candidate->name, name))
            anchor = candidate;
    }
    g_autofree char *message = NULL;
    if (!anchor)
        message = g_strdup_printf("alias *%s refers to no anchor above it", name.data);
    else if (anchor->open)
        message = g_strdup_printf("alias *%s stands inside of what it refers to", name.data);
    else if (anchor->nodes > reader->limits->alias_nodes - reader->alias_nodes)
        message = g_strdup_printf("aliases expand to more than %zu nodes", reader->limits->alias_nodes);
    else if (reader->frames->len + anchor->height > reader->limits->depth)
        message = g_strdup_printf("nested deeper than %zu levels", reader->limits->depth);
    if (message) {
        report(reader, place.line, place.column, (int)MIN(name.len + 1, 200), message, NULL);
        return READ_SKIP_DOCUMENT;
    }
    reader->alias_nodes += anchor->nodes;
    place_node(reader, anchor->node, anchor->height, false);
    return READ_ON;
}

static ReadResult on_collection_start(Reader *reader, const yaml_event_t *event)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    if (!count_node(reader, event))
        return READ_SKIP_DOCUMENT;
    Node *node = node_new(reader, event, 0);
    node->kind = mapping ? NODE_MAPPING : NODE_SEQUENCE;
    if (reader->frames->len >= reader->limits->depth) {
        g_autofree char *message = g_strdup_printf("nested deeper than %zu levels", reader->limits->depth);
        report_node(reader, node, message, NULL);
        return READ_SKIP_DOCUMENT;
    }
    const yaml_char_t *tag = mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    check_collection_tag(reader, node, tag, mapping ? TAG_PREFIX "map" : TAG_PREFIX "seq");
    const yaml_char_t *name = mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    size_t nodes_before = reader->nodes + reader->alias_nodes - 1;
    size_t anchor = anchor_add(reader, node, name, true);
    place_node(reader, node, 1, false);
    Frame frame = {
        .node = node, .first = reader->pending->len, .anchor = anchor, .nodes_before = nodes_before};
    g_array_append_val(reader->frames, frame);
    return READ_ON;
}

static ReadResult on_collection_end(Reader *reader)
{
    const Frame frame = *top_frame(reader);
    NodeMember *members = &g_array_index(reader->pending, NodeMember, frame.first);
    size_t len = reader->pending->len - frame.first;
    Node *node = frame.node;
    if (node->kind == NODE_MAPPING) {
        node->mapping.len = len;
        node->mapping.members = arena_alloc_raw(reader->arena, len * sizeof(NodeMember));
        if (len)
            memcpy(node->mapping.members, members, len * sizeof(NodeMember));
        check_duplicates(reader, node->mapping.members, len);
    } else {
        node->sequence.len = len;
        node->sequence.items = arena_alloc_raw(reader->arena, len * sizeof(Node *));
        for (size_t i = 0; i < len; i++)
            node->sequence.items[i] = members[i].value;
    }
    g_array_set_size(reader->pending, (guint)frame.first);
    g_array_set_size(reader->frames, reader->frames->len - 1);
    if (frame.anchor) {
        Anchor *anchor = &g_array_index(reader->anchors, Anchor, frame.anchor - 1);
        anchor->nodes = reader->nodes + reader->alias_nodes - frame.nodes_before;
        anchor->height = frame.height + 1;
        anchor->open = false;
    }
    Frame *parent = top_frame(reader);
    if (parent)
        parent->height = MAX(parent->height, frame.height + 1);
    return READ_ON;
}

static void document_begin(Reader *reader)
{
    reader->root = NULL;
    reader->document_failed = false;
    reader->nodes = reader->alias_nodes = 0;
    g_array_set_size(reader->frames, 0);
    g_array_set_size(reader->pending, 0);
    g_array_set_size(reader->anchors, 0);
}

static ReadResult on_document_start(Reader *reader, const yaml_event_t *event)
{
    document_begin(reader);
    TextPlace place = place_of(reader, &event->start_mark);
    reader->document_line = place.line;
    text_cursor_document(&reader->cursor);
    if ((size_t)reader->documents < reader->limits->documents)
        return READ_ON;
    g_autofree char *message =
        g_strdup_printf("more than %zu documents in one file", reader->limits->documents);
    report(reader, place.line, place.column, 0, message, NULL);
    return READ_STOP;
}

static ReadResult on_document_end(Reader *reader)
{
    int index = reader->documents++;
    Node *root = reader->root;
    if (reader->document_failed || !root || (root->kind == NODE_NULL && root->text.len == 0))
        return READ_ON;
    Document document = {.root = root, .line = reader->document_line, .index = index};
    return reader->func(&document, reader->data) ? READ_ON : READ_STOP;
}

static ReadResult on_event(Reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return on_document_start(reader, event);
    case YAML_DOCUMENT_END_EVENT: return on_document_end(reader);
    case YAML_SCALAR_EVENT: return on_scalar(reader, event);
    case YAML_ALIAS_EVENT: return on_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return on_collection_start(reader, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_collection_end(reader);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT: return READ_ON;
    case YAML_STREAM_END_EVENT: return READ_STOP;
    }
    return READ_STOP;
}

/* ---- libyaml's own errors
 * -------------------------------------------------------------------------------------- */

static const char *syntax_hint(const char *problem, char at)
{
    if (strstr(problem, "cannot start any token"))
        return at == '\t' ? "indent with spaces, not with a tab" : "quote the value";
    if (strstr(problem, "mapping values are not allowed"))
        return "check the indentation; quote a value that holds \": \"";
    if (strstr(problem, "did not find expected key") || strstr(problem, "expected <block end>") ||
        strstr(problem, "did not find expected '-' indicator"))
        return "check the indentation of this line against those above";
    if (strstr(problem, "could not find expected ':'"))
        return "is a \":\" missing, or a space behind it?";
    if (strstr(problem, "did not find expected <document start>"))
        return "the document before it has ended; begin another one with ---";
    return NULL;
}

static void report_syntax(Reader *reader, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    TextPlace place = place_of(reader, &parser->problem_mark);
    GString *message = g_string_new(problem);
    int began = place.line;
    if (parser->context) {
        g_string_append_printf(message, " %s", parser->context);
        began = place_of(reader, &parser->context_mark).line;
    }
    if (began == place.line && top_frame(reader))
        began = top_frame(reader)->node->line;
    if (began != place.line)
        g_string_append_printf(message, " that began on line %d", began);
    size_t offset = offset_of(reader, &parser->problem_mark);
    char at = offset < reader->text.len ? reader->text.data[offset] : '\0';
    report(reader, place.line, place.column, 0, message->str, syntax_hint(problem, at));
    g_string_free(message, TRUE);
}

/* ---- the parse
 * ------------------------------------------------------------------------------------------------- */

typedef struct {
    bool stop;     /* nothing more is wanted, or the segment is at its end */
    size_t resume; /* else: byte at which to look for the next document start */
} SegmentEnd;

/* Reads documents from byte start to byte end until something is wrong. */
static SegmentEnd read_segment(Reader *reader, size_t start, size_t end, int line)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser))
        g_error("yaml_parser_initialize: out of memory");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)reader->text.data + start, end - start);
    text_cursor_init(&reader->cursor, reader->text, start, end, line, reader->plain);
    ReadResult result = READ_ON;
    bool at_end = false;
    size_t resume = start;
    document_begin(reader);
    while (result == READ_ON) {
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                g_error("libyaml: out of memory");
            report_syntax(reader, &parser);
            resume = offset_of(reader, &parser.problem_mark);
            result = READ_SKIP_DOCUMENT;
            break;
        }
        at_end = event.type == YAML_STREAM_END_EVENT;
        result = on_event(reader, &event);
        if (result == READ_SKIP_DOCUMENT)
            resume = offset_of(reader, &event.start_mark);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (result == READ_STOP)
        return (SegmentEnd){.stop = !at_end, .resume = end};
    return (SegmentEnd){.resume = MAX(resume, start + 1)};
}

/* Reads all documents in [start, end), going on behind each that is broken. False: stop altogether. */
static bool read_range(Reader *reader, size_t start, size_t end, int line)
{
    while (start < end) {
        SegmentEnd segment = read_segment(reader, start, end, line);
        if (segment.stop)
            return false;
        size_t next = text_next_document(reader->text, segment.resume, end);
        if (next < end)
            line += (int)text_count_lines(reader->text, start, next);
        start = next;
    }
    return true;
}

static void report_bad_bytes(Reader *reader, size_t bad, size_t start, int line)
{
    unsigned char byte = (unsigned char)reader->text.data[bad];
    size_t line_start = MAX(text_line_start(reader->text, bad), start); /* a BOM is no part of its line */
    int bad_line = line + (int)text_count_lines(reader->text, start, line_start);
    g_autofree char *message = NULL;
    const char *detail = NULL;
    if (byte == 0)
        message = g_strdup("a NUL byte is not text");
    else if (byte < 0x80)
        message = g_strdup_printf("the control character 0x%02x is not allowed", byte);
    else
        message = g_strdup_printf("byte 0x%02x is not valid UTF-8 here", byte);
    if (bad == 0 && (byte == 0xff || byte == 0xfe))
        detail = "the file seems to be UTF-16; save it as UTF-8";
    else if (byte >= 0x80)
        detail = "save the file as UTF-8";
    report(reader, bad_line, (int)(bad - line_start) + 1, 0, message, detail);
}

/* libyaml decodes far ahead of what it parses, so a bad byte would take innocent documents with it: each
 * document that holds one is reported and left out here. */
static void read_text(Reader *reader)
{
    size_t start = text_bom_len(reader->text);
    size_t end = reader->text.len;
    int line = reader->first_line;
    while (start < end) {
        size_t bad = text_find_bad_byte(reader->text, start);
        size_t until = bad < end ? MAX(text_document_start(reader->text, bad), start) : end;
        if (!read_range(reader, start, until, line) || bad >= end)
            return;
        line += (int)text_count_lines(reader->text, start, until);
        report_bad_bytes(reader, bad, until, line);
        size_t next = text_next_document(reader->text, bad, end);
        line += (int)text_count_lines(reader->text, until, next);
        start = next;
    }
}

bool document_parse(View text, const char *file, int first_line, Arena *arena, const DocumentLimits *limits,
                    DocumentFunc func, void *data, DiagnosticList *diagnostics)
{
    Reader reader = {.file = file,
                     .text = text,
                     .first_line = first_line,
                     .arena = arena,
                     .limits = limits ? limits : &document_limits_default,
                     .func = func,
                     .data = data,
                     .diagnostics = diagnostics,
                     .plain = text_is_plain(text)};
    if (text.len > reader.limits->file_bytes) {
        g_autofree char *message =
            g_strdup_printf("the file is larger than %zu MiB", reader.limits->file_bytes >> 20);
        report(&reader, first_line, 1, 0, message, NULL);
        return false;
    }
    reader.frames = g_array_sized_new(FALSE, FALSE, sizeof(Frame), 16);
    reader.pending = g_array_sized_new(FALSE, FALSE, sizeof(NodeMember), 64);
    reader.anchors = g_array_new(FALSE, FALSE, sizeof(Anchor));
    read_text(&reader);
    g_array_unref(reader.frames);
    g_array_unref(reader.pending);
    g_array_unref(reader.anchors);
    return !reader.failed;
}

/* ---- looking at nodes
 * ------------------------------------------------------------------------------------------ */

const NodeMember *node_member(const Node *node, const char *key)
{
    if (!node || node->kind != NODE_MAPPING)
        return NULL;
    View wanted = view_from(key);
    for (size_t i = 0; i < node->mapping.len; i++)
        if (view_equal(node->mapping.members[i].key, wanted))
            return &node->mapping.members[i];
    return NULL;
}

Node *node_copy_members(const Node *node, Arena *arena)
{
    Node *copy = arena_new0(arena, Node);
    *copy = *node;
    copy->mapping.members = arena_new0_n(arena, NodeMember, node->mapping.len);
    if (node->mapping.len)
        memcpy(copy->mapping.members, node->mapping.members, node->mapping.len * sizeof(NodeMember));
    return copy;
}

Node *node_get(const Node *node, const char *key)
{
    const NodeMember *member = node_member(node, key);
    return member ? member->value : NULL;
}

/* document.h: YAML 1.2 text becomes a tree of nodes with positions.
 * Owns:   nodes and their text live in the caller's Arena.
 * Calls:  spec/base, libyaml. No files: the text is given.
 * Holds:  YAML 1.2 core schema (`no`, `on`, `12:30`, `0o17`/`0x1f` as 1.2 says); duplicate keys, merge keys,
 * tags other than the core ones, non-string keys, alias expansion beyond the limits are diagnostics, never a
 * crash; limits are checked before memory is taken (invariant 9). JSON is YAML. */
#pragma once
#include "spec/base/arena.h"
#include "spec/base/diagnostic.h"
#include "spec/base/view.h"

typedef enum {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_FLOAT,
    NODE_STRING,
    NODE_SEQUENCE,
    NODE_MAPPING
} NodeKind;

typedef struct Node Node;
typedef struct Variable Variable; /* spec/variable.h */

/* Where a value comes from that does not stand in its document as it is: put in for a reference, or by a
 * patch. Immutable, shared by nodes. */
typedef struct {
    const char *file;                 /* in which line and column count; NULL: the document's own */
    View text;                        /* of that file */
    const Variable *const *variables; /* whose values were put in */
    size_t variables_len;
    const char *values; /* what they are, in words for a message; NULL: none was */
    const char *prefix; /* "muster.yaml:3": the namePrefix that was put before it; NULL: none was */
    bool is_settled;    /* its references were followed: what was put in is not looked at again */
} NodeOrigin;

typedef struct {
    View key;
    int key_line, key_column;
    Node *value;
} NodeMember;

struct Node {
    NodeKind kind;
    int line, column;         /* from 1, columns in bytes */
    int end_column;           /* of a one-line scalar: one past its last byte, else 0 */
    View text;                /* scalars: the value as written (escapes resolved) */
    const NodeOrigin *origin; /* NULL: it stands in the document as it is */
    union {
        bool boolean;    /* NODE_BOOL */
        int64_t integer; /* NODE_INT; integers beyond int64 are NODE_FLOAT */
        double real;     /* NODE_FLOAT */
        struct {
            Node **items;
            size_t len;
        } sequence;
        struct {
            NodeMember *members;
            size_t len;
        } mapping; /* in document order */
    };
};

typedef struct {
    Node *root; /* never NULL; a document that could not be read whole is not returned */
    int line;   /* where the document starts, from 1 */
    int index;  /* of the document within its file, from 0 */
} Document;

/* Limits of invariant 9; document_limits_default() holds what the program uses. */
typedef struct {
    size_t file_bytes;  /* 256 MiB */
    size_t depth;       /* 64 */
    size_t nodes;       /* of one document: 1,000,000 */
    size_t alias_nodes; /* nodes made by expanding aliases in one document: 100,000 */
    size_t documents;   /* in one file: 1,000,000 */
} DocumentLimits;
extern const DocumentLimits document_limits_default;

/* Called for every complete document in order; *document and its nodes are valid during the call only when
 * the callee resets the arena itself, else as long as the arena. Returning false stops the parse. */
typedef bool (*DocumentFunc)(const Document *document, void *data);

/* Parses all documents of text. file and first_line (normally 1) are for positions: a stream may be split at
 * document starts and its parts parsed by several threads. Empty documents are skipped. A document with
 * errors is reported and not delivered; parsing goes on with the next document start ("---" line) where that
 * is possible. Returns false when anything was reported as an error. */
bool document_parse(View text, const char *file, int first_line, Arena *arena, const DocumentLimits *limits,
                    DocumentFunc func, void *data, DiagnosticList *diagnostics);

/* The first byte offset at or after from, and not 0, at which text may be cut so that both parts hold whole
 * documents: a line that starts with "---" (at column 0, followed by blank or line end; text may be the front
 * of a longer one). *ret_lines: lines before it. False when there is none that is surely safe. */
bool document_cut(View text, size_t from, size_t *ret_offset, int *ret_lines);

/* NULL when node is not a mapping or has no such member. */
Node *node_get(const Node *node, const char *key);
const NodeMember *node_member(const Node *node, const char *key);
/* Of a mapping: the same values in members that can be changed, where aliases may share node itself. */
Node *node_copy_members(const Node *node, Arena *arena);
/* Adds a diagnostic at node: file:line:col and the source line, cut out of text. */
void document_report(DiagnosticList *diagnostics, const char *file, View text, int first_line, int line,
                     int column, int width, Severity severity, const char *path, const char *message,
                     const char *detail);
/* The same for a value, wherever it comes from: in the file that its line and column count in, and the detail
 * (may be NULL) also says what was put in for references. */
void node_report(DiagnosticList *diagnostics, const char *file, View text, int first_line, const Node *node,
                 Severity severity, const char *path, const char *message, const char *detail);

/* schema_check.h: what the validator hands to its reports. Private to schema_validate.c, schema_value.c and
 * schema_report.c.
 * Holds:  the path to a node is a chain of segments on the stack; text is made of it only for a report. */
#pragma once
#include "spec/schema_node.h"

typedef struct Path Path;
struct Path {
    const Path *up; /* NULL: the root */
    View key;       /* data NULL: an index */
    size_t index;
};

typedef enum {
    CHECK_QUIET, /* stop at the first fault, say nothing */
    CHECK_REPORT
} CheckMode;

typedef struct {
    const SchemaContext *context;
    DiagnosticList *diagnostics;
    const char *base_path;
    unsigned provider; /* bit; 0: unknown */
    CheckMode mode;
} Check;

typedef struct {
    const SchemaNode *schema;
    const Node *node;
    const Path *path;
} Place;

/* "spec.priority", or the schema's title, or "the document" at the root. New, caller frees. */
char *place_name(const Check *check, const Place *place);

/* Each adds one diagnostic. */
void report_text(const Check *check, const Place *place, const char *message, const char *detail);
G_GNUC_PRINTF(3, 4)
void report_must(const Check *check, const Place *place, const char *format, ...);
void report_false(const Check *check, const Place *place);
void report_type(const Check *check, const Place *place, unsigned types);
void report_enum(const Check *check, const Place *place);
void report_const(const Check *check, const Place *place);
void report_unknown_member(const Check *check, const Place *place, const NodeMember *member);
void report_bad_name(const Check *check, const Place *place, const NodeMember *member,
                     const SchemaNode *names);
bool report_has_misspelt(const Place *place, View name);
void report_required(const Check *check, const Place *place, View name, const char *because);
void report_limit(const Check *check, const Place *place, const char *relation, const Limit *limit);

/* For "%" G_GINT64_FORMAT " item%s". */
#define COUNTED(n) (n), (n) == 1 ? "" : "s"

/* schema_value.c: rules of one value that hang on nothing else. Each says what it finds in CHECK_REPORT. */
bool enum_has(const SchemaNode *schema, const Node *node);
bool check_string(const Check *check, const Place *place);
bool check_number(const Check *check, const Place *place);
bool check_decimal(const Check *check, const Place *place);
bool check_unique(Check *check, const Place *place);

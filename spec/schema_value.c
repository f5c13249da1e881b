/* schema_value.c: what one value is, whatever it is in: equality and order of nodes, their types, and the
 * rules of strings, numbers and lists without repetition. */
#include <math.h>
#include "spec/schema_check.h"

/* ---- equality and types
 * ---------------------------------------------------------------------------------------- */

static bool is_number(const Node *node)
{
    return node->kind == NODE_INT || node->kind == NODE_FLOAT;
}

static double number_of(const Node *node)
{
    return node->kind == NODE_INT ? (double)node->integer : node->real;
}

static bool mapping_equal(const Node *a, const Node *b)
{
    if (a->mapping.len != b->mapping.len)
        return false;
    for (size_t i = 0; i < a->mapping.len; i++) {
        const NodeMember *member = &a->mapping.members[i];
        const Node *other = NULL;
        for (size_t j = 0; j < b->mapping.len && !other; j++)
            if (view_equal(b->mapping.members[j].key, member->key))
                other = b->mapping.members[j].value;
        if (!other || !node_equal(member->value, other))
            return false;
    }
    return true;
}

bool node_equal(const Node *a, const Node *b)
{
    if (is_number(a) && is_number(b)) {
        if (a->kind == NODE_INT && b->kind == NODE_INT)
            return a->integer == b->integer;
        return number_of(a) == number_of(b);
    }
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case NODE_NULL: return true;
    case NODE_BOOL: return a->boolean == b->boolean;
    case NODE_STRING: return view_equal(a->text, b->text);
    case NODE_MAPPING: return a == b || mapping_equal(a, b);
    case NODE_SEQUENCE:
        if (a->sequence.len != b->sequence.len)
            return false;
        for (size_t i = 0; i < a->sequence.len; i++)
            if (!node_equal(a->sequence.items[i], b->sequence.items[i]))
                return false;
        return true;
    case NODE_INT:
    case NODE_FLOAT: break;
    }
    return false;
}

bool node_has_type(const Node *node, unsigned types)
{
    switch (node->kind) {
    case NODE_NULL: return types & TYPE_NULL;
    case NODE_BOOL: return types & TYPE_BOOLEAN;
    case NODE_INT: return types & (TYPE_INTEGER | TYPE_NUMBER);
    case NODE_STRING: return types & TYPE_STRING;
    case NODE_SEQUENCE: return types & TYPE_ARRAY;
    case NODE_MAPPING: return types & TYPE_OBJECT;
    case NODE_FLOAT: /* JSON has no infinity and no NaN */
        return isfinite(node->real) &&
               ((types & TYPE_NUMBER) || ((types & TYPE_INTEGER) && node->real == floor(node->real)));
    }
    return false;
}

/* ---- values
 * ---------------------------------------------------------------------------------------------------- */

bool enum_has(const SchemaNode *schema, const Node *node)
{
    for (size_t i = 0; i < schema->enums_len; i++)
        if (node_equal(schema->enums[i], node))
            return true;
    return schema->enum_ignore_case && node->kind == NODE_STRING &&
           schema_enum_spelling(schema, node->text).data;
}

static int64_t count_code_points(View text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

bool check_string(const Check *check, const Place *place)
{
    const SchemaNode *schema = place->schema;
    View text = place->node->text;
    bool reporting = check->mode == CHECK_REPORT;
    bool ok = true;
    if (schema->min_length >= 0 || schema->max_length >= 0) {
        int64_t len = count_code_points(text);
        if (schema->min_length >= 0 && len < schema->min_length) {
            ok = false;
            if (reporting && schema->min_length == 1)
                report_must(check, place, "must not be empty");
            else if (reporting)
                report_must(check, place,
                            "must have at least %" G_GINT64_FORMAT " character%s, has %" G_GINT64_FORMAT,
                            COUNTED(schema->min_length), len);
        }
        if (schema->max_length >= 0 && len > schema->max_length) {
            ok = false;
            if (reporting)
                report_must(check, place,
                            "must have at most %" G_GINT64_FORMAT " character%s, has %" G_GINT64_FORMAT,
                            COUNTED(schema->max_length), len);
        }
    }
    if (schema->pattern && !pattern_matches(schema->pattern, text)) {
        ok = false;
        if (reporting)
            report_must(check, place, "must match %s, is \"%.*s\"", schema->pattern_text,
                        (int)MIN(text.len, 60), text.data);
    }
    return ok;
}

/* Below zero, zero or above zero as node lies below, at or above limit. */
static int limit_compare(const Node *node, const Limit *limit)
{
    if (node->kind == NODE_INT && limit->is_integer)
        return (node->integer > limit->integer) - (node->integer < limit->integer);
    double value = number_of(node);
    return (value > limit->real) - (value < limit->real);
}

static bool is_multiple(const Node *node, const Limit *of)
{
    if (node->kind == NODE_INT && of->is_integer)
        return node->integer % of->integer == 0;
    double quotient = number_of(node) / of->real;
    /* 0.3 / 0.1 is not 3 in binary: what lies within a few roundings of a whole number is meant to be one. */
    return isfinite(quotient) && fabs(quotient - nearbyint(quotient)) <= 1e-9 * fmax(1.0, fabs(quotient));
}

bool check_number(const Check *check, const Place *place)
{
    const SchemaNode *schema = place->schema;
    const Node *node = place->node;
    const struct {
        const Limit *limit;
        const char *relation;
        bool broken;
    } rules[] = {
        {&schema->minimum, "at least", schema->minimum.set && limit_compare(node, &schema->minimum) < 0},
        {&schema->maximum, "at most", schema->maximum.set && limit_compare(node, &schema->maximum) > 0},
        {&schema->exclusive_minimum, "above",
         schema->exclusive_minimum.set && limit_compare(node, &schema->exclusive_minimum) <= 0},
        {&schema->exclusive_maximum, "below",
         schema->exclusive_maximum.set && limit_compare(node, &schema->exclusive_maximum) >= 0},
        {&schema->multiple_of, "a multiple of",
         schema->multiple_of.set && !is_multiple(node, &schema->multiple_of)},
    };
    bool ok = true;
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (!rules[i].broken)
            continue;
        ok = false;
        if (check->mode == CHECK_REPORT)
            report_limit(check, place, rules[i].relation, rules[i].limit);
    }
    return ok;
}

/* x-muster-decimal: what cannot be kept in 1/10,000ths is refused, not rounded. */
bool check_decimal(const Check *check, const Place *place)
{
    int64_t e4;
    if (!schema_decimal(place->schema) || !is_number(place->node) || node_decimal(place->node, &e4))
        return true;
    if (check->mode == CHECK_REPORT)
        report_must(check, place, "must have at most four digits after the point, is " VIEW_FMT,
                    (int)MIN(place->node->text.len, 60), place->node->text.data);
    return false;
}

/* ---- order */

/* Orders nodes so that equal ones are neighbours; numbers by value. */
static int node_compare(const Node *a, const Node *b);

static int node_rank(const Node *node)
{
    return node->kind == NODE_FLOAT ? NODE_INT : (int)node->kind;
}

static int member_name_compare(gconstpointer a, gconstpointer b)
{
    return view_compare((*(const NodeMember *const *)a)->key, (*(const NodeMember *const *)b)->key);
}

static const NodeMember **sorted_members(const Node *node)
{
    const NodeMember **members = g_new(const NodeMember *, node->mapping.len + 1);
    for (size_t i = 0; i < node->mapping.len; i++)
        members[i] = &node->mapping.members[i];
    if (node->mapping.len)
        qsort(members, node->mapping.len, sizeof *members, member_name_compare);
    return members;
}

static int mapping_compare(const Node *a, const Node *b)
{
    g_autofree const NodeMember **x = sorted_members(a);
    g_autofree const NodeMember **y = sorted_members(b);
    for (size_t i = 0; i < a->mapping.len && i < b->mapping.len; i++) {
        int order = view_compare(x[i]->key, y[i]->key);
        order = order ? order : node_compare(x[i]->value, y[i]->value);
        if (order)
            return order;
    }
    return (a->mapping.len > b->mapping.len) - (a->mapping.len < b->mapping.len);
}

static int sequence_compare(const Node *a, const Node *b)
{
    for (size_t i = 0; i < a->sequence.len && i < b->sequence.len; i++) {
        int order = node_compare(a->sequence.items[i], b->sequence.items[i]);
        if (order)
            return order;
    }
    return (a->sequence.len > b->sequence.len) - (a->sequence.len < b->sequence.len);
}

static int node_compare(const Node *a, const Node *b)
{
    int order = node_rank(a) - node_rank(b);
    if (order || a == b)
        return order;
    switch (a->kind) {
    case NODE_NULL: return 0;
    case NODE_BOOL: return (int)a->boolean - (int)b->boolean;
    case NODE_STRING: return view_compare(a->text, b->text);
    case NODE_SEQUENCE: return sequence_compare(a, b);
    case NODE_MAPPING: return mapping_compare(a, b);
    case NODE_INT:
    case NODE_FLOAT: break;
    }
    if (a->kind == NODE_INT && b->kind == NODE_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    double x = number_of(a), y = number_of(b);
    return (x > y) - (x < y);
}

typedef struct {
    const Node *node;
    size_t index;
} IndexedNode;

static int indexed_compare(gconstpointer a, gconstpointer b)
{
    const IndexedNode *x = a, *y = b;
    int order = node_compare(x->node, y->node);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

bool check_unique(Check *check, const Place *place)
{
    size_t len = place->node->sequence.len;
    if (len < 2)
        return true;
    g_autofree IndexedNode *sorted = g_new(IndexedNode, len);
    for (size_t i = 0; i < len; i++)
        sorted[i] = (IndexedNode){place->node->sequence.items[i], i};
    qsort(sorted, len, sizeof *sorted, indexed_compare);
    for (size_t i = 1; i < len; i++) {
        if (node_compare(sorted[i - 1].node, sorted[i].node) != 0)
            continue;
        if (check->mode == CHECK_REPORT) {
            Path path = {.up = place->path, .index = sorted[i].index};
            Place at = {place->schema, sorted[i].node, &path};
            report_must(check, &at, "repeats item [%zu]; items must differ", sorted[i - 1].index);
        }
        return false;
    }
    return true;
}

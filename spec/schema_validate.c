#include "spec/schema_check.h"

/* Which members or items of one value some subschema has looked at, for unevaluatedProperties and
 * unevaluatedItems. */
typedef struct {
    uint64_t *bits;
    size_t words;
    uint64_t few[4];
} Evaluated;

static bool check_node(Check *check, const SchemaNode *schema, const Node *node, const Path *path,
                       Evaluated *evaluated);

/* ---- evaluated sets
 * -------------------------------------------------------------------------------------------- */

static size_t node_len(const Node *node)
{
    return node->kind == NODE_MAPPING    ? node->mapping.len
           : node->kind == NODE_SEQUENCE ? node->sequence.len
                                         : 0;
}

static void evaluated_init(Evaluated *set, const Node *node)
{
    memset(set->few, 0, sizeof set->few);
    set->words = (node_len(node) + 63) / 64;
    set->bits = set->words <= G_N_ELEMENTS(set->few) ? set->few : g_new0(uint64_t, set->words);
}

static void evaluated_clear(Evaluated *set)
{
    if (set->bits != set->few)
        g_free(set->bits);
}

static void evaluated_add(Evaluated *set, size_t index)
{
    if (set)
        set->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static bool evaluated_has(const Evaluated *set, size_t index)
{
    return set->bits[index / 64] >> (index % 64) & 1;
}

static void evaluated_merge(Evaluated *set, const Evaluated *from)
{
    for (size_t i = 0; i < set->words; i++)
        set->bits[i] |= from->bits[i];
}

/* ---- lists
 * ----------------------------------------------------------------------------------------------------- */

static bool check_item(Check *check, const SchemaNode *schema, const Place *place, size_t index)
{
    Path path = {.up = place->path, .index = index};
    return check_node(check, schema, place->node->sequence.items[index], &path, NULL);
}

static bool check_contains(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    CheckMode mode = check->mode;
    int64_t found = 0;
    check->mode = CHECK_QUIET;
    for (size_t i = 0; i < place->node->sequence.len; i++) {
        if (!check_item(check, schema->contains, place, i))
            continue;
        evaluated_add(evaluated, i);
        found++;
    }
    check->mode = mode;
    int64_t least = schema->min_contains >= 0 ? schema->min_contains : 1;
    bool ok = found >= least && (schema->max_contains < 0 || found <= schema->max_contains);
    if (!ok && mode == CHECK_REPORT) {
        if (schema->contains->message)
            report_text(check, place, schema->contains->message, schema->contains->hint);
        else if (found < least)
            report_must(check, place,
                        "must hold at least %" G_GINT64_FORMAT
                        " item%s of the kind wanted, holds %" G_GINT64_FORMAT,
                        COUNTED(least), found);
        else
            report_must(check, place,
                        "must hold at most %" G_GINT64_FORMAT " item%s of that kind, holds %" G_GINT64_FORMAT,
                        COUNTED(schema->max_contains), found);
    }
    return ok;
}

static bool check_array(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    size_t len = place->node->sequence.len;
    bool reporting = check->mode == CHECK_REPORT;
    bool ok = true;
    if (schema->min_items >= 0 && len < (size_t)schema->min_items) {
        ok = false;
        if (reporting)
            report_must(check, place, "must have at least %" G_GINT64_FORMAT " item%s, has %zu",
                        COUNTED(schema->min_items), len);
    }
    if (schema->max_items >= 0 && len > (size_t)schema->max_items) {
        ok = false;
        if (reporting)
            report_must(check, place, "must have at most %" G_GINT64_FORMAT " item%s, has %zu",
                        COUNTED(schema->max_items), len);
    }
    for (size_t i = 0; (ok || reporting) && i < len; i++) {
        const SchemaNode *item = i < schema->prefix_items.len ? schema->prefix_items.items[i] : schema->items;
        if (!item)
            break;
        evaluated_add(evaluated, i);
        ok = check_item(check, item, place, i) && ok;
    }
    if ((ok || reporting) && schema->contains)
        ok = check_contains(check, place, evaluated) && ok;
    if (ok && schema->unique_items)
        ok = check_unique(check, place);
    return ok;
}

/* ---- mappings
 * -------------------------------------------------------------------------------------------------- */

static bool check_required(const Check *check, const Place *place, const uint64_t *seen)
{
    const SchemaNode *schema = place->schema;
    bool ok = true;
    for (size_t word = 0; word * 64 < schema->properties.len; word++) {
        uint64_t missing = schema->required[word] & ~seen[word];
        if (!missing)
            continue;
        ok = false;
        if (check->mode == CHECK_QUIET)
            break;
        for (; missing; missing &= missing - 1) {
            size_t index = word * 64 + (size_t)__builtin_ctzll(missing);
            View name = schema->properties.items[index].name;
            if (!report_has_misspelt(place, name))
                report_required(check, place, name, NULL);
        }
    }
    return ok;
}

static const NodeMember *find_member(const Node *node, View name)
{
    for (size_t i = 0; i < node->mapping.len; i++)
        if (view_equal(node->mapping.members[i].key, name))
            return &node->mapping.members[i];
    return NULL;
}

static bool check_dependencies(Check *check, const Place *place, Evaluated *evaluated)
{
    bool ok = true;
    for (size_t i = 0; i < place->schema->dependencies_len; i++) {
        const Dependency *dependency = &place->schema->dependencies[i];
        if (!find_member(place->node, dependency->name))
            continue;
        if (dependency->schema)
            ok = check_node(check, dependency->schema, place->node, place->path, evaluated) && ok;
        for (size_t j = 0; j < dependency->needed_len; j++) {
            if (find_member(place->node, dependency->needed[j]))
                continue;
            ok = false;
            if (check->mode == CHECK_REPORT)
                report_required(check, place, dependency->needed[j], dependency->name.data);
        }
    }
    return ok;
}

static bool check_name(Check *check, const Place *place, const NodeMember *member)
{
    const SchemaNode *names = place->schema->property_names;
    Node name = {
        .kind = NODE_STRING, .line = member->key_line, .column = member->key_column, .text = member->key};
    CheckMode mode = check->mode;
    check->mode = CHECK_QUIET;
    bool ok = check_node(check, names, &name, place->path, NULL);
    check->mode = mode;
    if (!ok && mode == CHECK_REPORT)
        report_bad_name(check, place, member, names);
    return ok;
}

static bool check_member(Check *check, const Place *place, size_t index, uint64_t *seen, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    const NodeMember *member = &place->node->mapping.members[index];
    Path path = {.up = place->path, .key = member->key};
    bool known = false;
    bool ok = true;
    const Property *property = property_find(&schema->properties, member->key);
    if (property) {
        size_t at = (size_t)(property - schema->properties.items);
        seen[at / 64] |= UINT64_C(1) << (at % 64);
        known = property->schema != NULL;
        if (known)
            ok = check_node(check, property->schema, member->value, &path, NULL);
    }
    for (size_t i = 0; i < schema->patterns_len; i++) {
        if (!pattern_matches(schema->patterns[i].pattern, member->key))
            continue;
        known = true;
        ok = check_node(check, schema->patterns[i].schema, member->value, &path, NULL) && ok;
    }
    if (!known && schema->additional) {
        known = true;
        if (schema->additional->verdict == VERDICT_FALSE) {
            ok = false;
            if (check->mode == CHECK_REPORT)
                report_unknown_member(check, place, member);
        } else {
            ok = check_node(check, schema->additional, member->value, &path, NULL);
        }
    }
    if (known)
        evaluated_add(evaluated, index);
    if (schema->property_names && (ok || check->mode == CHECK_REPORT))
        ok = check_name(check, place, member) && ok;
    return ok;
}

static bool check_object(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    size_t len = place->node->mapping.len;
    bool reporting = check->mode == CHECK_REPORT;
    uint64_t seen[PROPERTIES_MAX / 64] = {0};
    bool ok = true;
    for (size_t i = 0; (ok || reporting) && i < len; i++)
        ok = check_member(check, place, i, seen, evaluated) && ok;
    if (schema->required_len && (ok || reporting))
        ok = check_required(check, place, seen) && ok;
    if (schema->min_properties >= 0 && len < (size_t)schema->min_properties) {
        ok = false;
        if (reporting)
            report_must(check, place, "must have at least %" G_GINT64_FORMAT " member%s, has %zu",
                        COUNTED(schema->min_properties), len);
    }
    if (schema->max_properties >= 0 && len > (size_t)schema->max_properties) {
        ok = false;
        if (reporting)
            report_must(check, place, "must have at most %" G_GINT64_FORMAT " member%s, has %zu",
                        COUNTED(schema->max_properties), len);
    }
    if (schema->dependencies_len && (ok || reporting))
        ok = check_dependencies(check, place, evaluated) && ok;
    return ok;
}

/* ---- combinations
 * ---------------------------------------------------------------------------------------------- */

/* Quietly; what a branch evaluated counts only when the branch holds. */
static bool try_branch(Check *check, const SchemaNode *branch, const Place *place, Evaluated *evaluated)
{
    CheckMode mode = check->mode;
    check->mode = CHECK_QUIET;
    bool ok;
    if (evaluated) {
        Evaluated own;
        evaluated_init(&own, place->node);
        ok = check_node(check, branch, place->node, place->path, &own);
        if (ok)
            evaluated_merge(evaluated, &own);
        evaluated_clear(&own);
    } else {
        ok = check_node(check, branch, place->node, place->path, NULL);
    }
    check->mode = mode;
    return ok;
}

/* The types a branch allows, as far as it states them; all when it does not. */
static unsigned branch_types(const SchemaNode *schema)
{
    for (int depth = 0; schema && depth < 32; schema = schema->ref, depth++) {
        if (schema->verdict == VERDICT_FALSE)
            return 0;
        if (schema->types)
            return schema->types;
    }
    return ~0u;
}

/* Whether the members that tell branches apart (those with const or enum) have the values this branch wants.
 */
static int branch_rank(const SchemaNode *branch, const Node *node)
{
    int rank = 0;
    while (branch->ref && branch->properties.len == 0)
        branch = branch->ref;
    if (node->kind != NODE_MAPPING)
        return 0;
    for (size_t i = 0; i < branch->properties.len; i++) {
        const Property *property = &branch->properties.items[i];
        const NodeMember *member = find_member(node, property->name);
        bool required = branch->required[i / 64] >> (i % 64) & 1;
        const SchemaNode *rule = property->schema;
        if (!member) {
            rank -= required ? 4 : 0;
            continue;
        }
        rank += required ? 4 : 1;
        if (rule && rule->constant)
            rank += node_equal(rule->constant, member->value) ? 16 : -16;
        else if (rule && rule->has_enum)
            rank += enum_has(rule, member->value) ? 8 : -8;
    }
    return rank;
}

/* None of the branches holds: the errors of the one that was most likely meant. */
static void report_branches(Check *check, const SchemaList *list, const Place *place)
{
    const SchemaNode *best = NULL;
    int best_rank = 0;
    unsigned types = 0;
    for (size_t i = 0; i < list->len; i++) {
        unsigned allowed = branch_types(list->items[i]);
        types |= allowed;
        if (!node_has_type(place->node, allowed))
            continue;
        int rank = branch_rank(list->items[i], place->node);
        if (!best || rank > best_rank) {
            best = list->items[i];
            best_rank = rank;
        }
    }
    if (!best)
        report_type(check, place, types);
    else if (check_node(check, best, place->node, place->path, NULL))
        report_must(check, place, "has none of the forms allowed here");
}

static bool check_any_of(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaList *list = &place->schema->any_of;
    bool ok = false;
    /* With annotations to collect every branch counts; else the first that holds is enough. */
    for (size_t i = 0; i < list->len && (!ok || evaluated); i++)
        ok = try_branch(check, list->items[i], place, evaluated) || ok;
    if (!ok && check->mode == CHECK_REPORT)
        report_branches(check, list, place);
    return ok;
}

static bool check_one_of(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaList *list = &place->schema->one_of;
    size_t matched = 0;
    for (size_t i = 0; i < list->len && matched < 2; i++)
        matched += try_branch(check, list->items[i], place, evaluated);
    if (matched == 1)
        return true;
    if (check->mode == CHECK_REPORT) {
        if (matched == 0)
            report_branches(check, list, place);
        else
            report_must(check, place, "has more than one of the forms that exclude each other here");
    }
    return false;
}

static bool check_not(Check *check, const Place *place)
{
    const SchemaNode *refused = place->schema->not_schema;
    if (!try_branch(check, refused, place, NULL))
        return true;
    if (check->mode == CHECK_REPORT) {
        if (refused->message)
            report_text(check, place, refused->message, refused->hint);
        else
            report_must(check, place, "is not allowed here");
    }
    return false;
}

static bool check_if(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    const SchemaNode *next =
        try_branch(check, schema->if_schema, place, evaluated) ? schema->then_schema : schema->else_schema;
    return !next || check_node(check, next, place->node, place->path, evaluated);
}

static bool check_combinations(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    bool reporting = check->mode == CHECK_REPORT;
    bool ok = true;
    for (size_t i = 0; (ok || reporting) && i < schema->all_of.len; i++)
        ok = check_node(check, schema->all_of.items[i], place->node, place->path, evaluated) && ok;
    if (schema->any_of.len && (ok || reporting))
        ok = check_any_of(check, place, evaluated) && ok;
    if (schema->one_of.len && (ok || reporting))
        ok = check_one_of(check, place, evaluated) && ok;
    if (schema->not_schema && (ok || reporting))
        ok = check_not(check, place) && ok;
    if (schema->if_schema && (ok || reporting))
        ok = check_if(check, place, evaluated) && ok;
    return ok;
}

static bool check_unevaluated(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    const Node *node = place->node;
    bool mapping = node->kind == NODE_MAPPING;
    const SchemaNode *rest = mapping                       ? schema->unevaluated_properties
                             : node->kind == NODE_SEQUENCE ? schema->unevaluated_items
                                                           : NULL;
    bool ok = true;
    for (size_t i = 0; rest && i < node_len(node); i++) {
        if (evaluated_has(evaluated, i))
            continue;
        evaluated_add(evaluated, i);
        if (mapping && rest->verdict == VERDICT_FALSE) {
            ok = false;
            if (check->mode == CHECK_QUIET)
                return false;
            report_unknown_member(check, place, &node->mapping.members[i]);
            continue;
        }
        Path path = {.up = place->path, .index = i};
        if (mapping)
            path.key = node->mapping.members[i].key;
        ok = check_node(check, rest, mapping ? node->mapping.members[i].value : node->sequence.items[i],
                        &path, NULL) &&
             ok;
    }
    return ok;
}

/* ---- one node
 * -------------------------------------------------------------------------------------------------- */

static bool check_values(const Check *check, const Place *place)
{
    bool reporting = check->mode == CHECK_REPORT;
    if (place->schema->constant && !node_equal(place->schema->constant, place->node)) {
        if (reporting)
            report_const(check, place);
        return false;
    }
    if (place->schema->has_enum && !enum_has(place->schema, place->node)) {
        if (reporting)
            report_enum(check, place);
        return false;
    }
    return true;
}

static bool check_by_kind(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    switch (place->node->kind) {
    case NODE_MAPPING: return !schema->checks_object || check_object(check, place, evaluated);
    case NODE_SEQUENCE: return !schema->checks_array || check_array(check, place, evaluated);
    case NODE_STRING: return !schema->checks_string || check_string(check, place);
    case NODE_INT:
    case NODE_FLOAT:
        return (!schema->checks_number || check_number(check, place)) && check_decimal(check, place);
    case NODE_NULL:
    case NODE_BOOL: break;
    }
    return true;
}

static bool check_rules(Check *check, const Place *place, Evaluated *evaluated)
{
    const SchemaNode *schema = place->schema;
    bool reporting = check->mode == CHECK_REPORT;
    if (schema->types && !node_has_type(place->node, schema->types)) {
        if (reporting)
            report_type(check, place, schema->types);
        return false; /* nothing else can be said about a value of another type */
    }
    bool ok = check_values(check, place);
    if (schema->ref && (ok || reporting))
        ok = check_node(check, schema->ref, place->node, place->path, evaluated) && ok;
    if (ok || reporting)
        ok = check_by_kind(check, place, evaluated) && ok;
    if (ok || reporting)
        ok = check_combinations(check, place, evaluated) && ok;
    return ok;
}

static bool check_all(Check *check, const Place *place, Evaluated *evaluated)
{
    if (!place->schema->unevaluated)
        return check_rules(check, place, evaluated);
    Evaluated own;
    evaluated_init(&own, place->node);
    bool ok = check_rules(check, place, &own);
    if (ok || check->mode == CHECK_REPORT)
        ok = check_unevaluated(check, place, &own) && ok;
    if (evaluated)
        evaluated_merge(evaluated, &own);
    evaluated_clear(&own);
    return ok;
}

static bool check_node(Check *check, const SchemaNode *schema, const Node *node, const Path *path,
                       Evaluated *evaluated)
{
    Place place = {schema, node, path};
    if (G_UNLIKELY(schema->verdict != VERDICT_OPEN)) {
        if (schema->verdict == VERDICT_FALSE && check->mode == CHECK_REPORT)
            report_false(check, &place);
        return schema->verdict == VERDICT_TRUE;
    }
    if (schema->providers && !(schema->providers & check->provider))
        return true;
    if (schema->message && check->mode == CHECK_REPORT) {
        check->mode = CHECK_QUIET;
        bool ok = check_all(check, &place, evaluated);
        check->mode = CHECK_REPORT;
        if (!ok)
            report_text(check, &place, schema->message, NULL);
        return ok;
    }
    return check_all(check, &place, evaluated);
}

bool schema_matches(const SchemaNode *schema, const Node *node)
{
    Check check = {.mode = CHECK_QUIET};
    return check_node(&check, schema, node, NULL, NULL);
}

bool schema_validate(const SchemaNode *schema, const Node *node, const char *path,
                     const SchemaContext *context, DiagnosticList *diagnostics)
{
    Check check = {.context = context,
                   .diagnostics = diagnostics,
                   .base_path = path,
                   .provider = context->provider ? schema_provider_bit(context->provider) : 0,
                   .mode = CHECK_QUIET};
    /* Nearly every document is valid: a quiet pass costs least, and only a broken one is walked again. */
    if (check_node(&check, schema, node, NULL, NULL))
        return true;
    check.mode = CHECK_REPORT;
    check_node(&check, schema, node, NULL, NULL);
    return false;
}

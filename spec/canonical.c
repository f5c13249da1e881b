#include "spec/canonical.h"
#include <math.h>
#include <openssl/evp.h>
#include "spec/base/units.h"
#include "spec/schema_node.h"

/* ---- digests
 * --------------------------------------------------------------------------------------------------- */

/* EVP_sha256() looks its implementation up at each use; fetched once, a digest of a manifest costs a third.
 */
static const EVP_MD *sha256(void)
{
    static const EVP_MD *fetched;
    if (g_once_init_enter(&fetched)) {
        EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (!md)
            g_error("SHA-256 is not available from OpenSSL");
        g_once_init_leave(&fetched, md);
    }
    return fetched;
}

struct DigestSum {
    EVP_MD_CTX *context;
};

static void digest_must(bool ok)
{
    if (!ok)
        g_error("SHA-256 failed");
}

static DigestSum digest_start(void)
{
    DigestSum sum = {EVP_MD_CTX_new()};
    digest_must(sum.context && EVP_DigestInit_ex2(sum.context, sha256(), NULL));
    return sum;
}

static void digest_finish(DigestSum sum, Digest *ret_digest)
{
    digest_must(EVP_DigestFinal_ex(sum.context, ret_digest->bytes, NULL));
    EVP_MD_CTX_free(sum.context);
}

DigestSum *digest_begin(void)
{
    DigestSum sum = digest_start();
    return g_memdup2(&sum, sizeof sum);
}

void digest_add(DigestSum *sum, View bytes)
{
    digest_must(EVP_DigestUpdate(sum->context, bytes.data, bytes.len));
}

void digest_end(DigestSum *sum, Digest *ret_digest)
{
    digest_finish(*sum, ret_digest);
    g_free(sum);
}

static void digest_views(const View *parts, size_t len, Digest *ret_digest)
{
    DigestSum sum = digest_start();
    for (size_t i = 0; i < len; i++)
        digest_add(&sum, parts[i]);
    digest_finish(sum, ret_digest);
}

void digest_of(View bytes, Digest *ret_digest)
{
    digest_views(&bytes, 1, ret_digest);
}

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

void canonical_digest(Kind kind, View name, View canonical_spec, Digest *ret_digest)
{
    const View parts[] = {
        VIEW("muster/" STRINGIFY(DIGEST_FORMAT_VERSION) "\n"),
        view_from(kind_name(kind)),
        VIEW("\n"),
        name,
        VIEW("\n"),
        canonical_spec,
    };
    digest_views(parts, G_N_ELEMENTS(parts), ret_digest);
}

void digest_to_hex(const Digest *digest, char ret_hex[2 * DIGEST_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        ret_hex[2 * i] = digits[digest->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    ret_hex[(size_t)2 * DIGEST_BYTES] = '\0';
}

bool digest_from_hex(View hex, Digest *ret_digest)
{
    Digest digest;
    if (hex.len != (size_t)2 * DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = g_ascii_xdigit_value(hex.data[2 * i]);
        int low = g_ascii_xdigit_value(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_digest = digest;
    return true;
}

/* ---- scalars
 * --------------------------------------------------------------------------------------------------- */

/* As jansson writes strings: only what JSON demands is escaped. */
static void append_string(GString *out, View text)
{
    size_t done = 0;
    g_string_append_c(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (G_LIKELY(c >= 0x20 && c != '"' && c != '\\'))
            continue;
        g_string_append_len(out, text.data + done, (gssize)(i - done));
        done = i + 1;
        switch (c) {
        case '"': g_string_append(out, "\\\""); break;
        case '\\': g_string_append(out, "\\\\"); break;
        case '\b': g_string_append(out, "\\b"); break;
        case '\f': g_string_append(out, "\\f"); break;
        case '\n': g_string_append(out, "\\n"); break;
        case '\r': g_string_append(out, "\\r"); break;
        case '\t': g_string_append(out, "\\t"); break;
        default: g_string_append_printf(out, "\\u%04X", c);
        }
    }
    g_string_append_len(out, text.data + done, (gssize)(text.len - done));
    g_string_append_c(out, '"');
}

bool node_decimal(const Node *node, int64_t *ret_e4)
{
    if (node->kind == NODE_INT)
        return !__builtin_mul_overflow(node->integer, DECIMAL_SCALE, ret_e4);
    if (decimal_parse(node->text, ret_e4))
        return true;
    if (node->kind != NODE_FLOAT || !(fabs(node->real) < 9e11))
        return false;
    /* An exponent, as in 5e-1: exact in 1/10,000ths up to the rounding of the product. */
    double scaled = node->real * DECIMAL_SCALE;
    if (fabs(scaled - nearbyint(scaled)) > 1e-6)
        return false;
    *ret_e4 = (int64_t)nearbyint(scaled);
    return true;
}

static void append_float(GString *out, double value)
{
    if (!isfinite(value)) { /* no schema lets it pass; JSON has no word for it */
        g_string_append(out, "null");
        return;
    }
    if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        integer_append(out, (int64_t)value);
        return;
    }
    /* The fewest digits that read back as the same number. */
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    for (int digits = 15; digits <= 17; digits++) {
        char format[] = "%.15g";
        format[3] = (char)('0' + digits - 10);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(out, text);
    if (!strpbrk(text, ".e"))
        g_string_append(out, ".0");
}

/* Where the schema takes a number or a string for the same thing, the text wins: 2, "2" and "02" become "2".
 */
static void append_number_text(GString *out, const Node *node)
{
    int64_t e4;
    if (node->kind == NODE_INT) {
        g_string_append_c(out, '"');
        integer_append(out, node->integer);
        g_string_append_c(out, '"');
        return;
    }
    if (node_decimal(node, &e4)) {
        g_autofree char *text = decimal_print(e4);
        append_string(out, view_from(text));
        return;
    }
    append_string(out, node->text);
}

static View without_leading_zeros(View text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!g_ascii_isdigit(text.data[i]))
            return text;
    while (text.len > 1 && text.data[0] == '0') {
        text.data++;
        text.len--;
    }
    return text;
}

static unsigned stated_types(const SchemaNode *schema)
{
    for (int depth = 0; schema && depth < 32; schema = schema->ref, depth++) {
        unsigned types = schema->types;
        if (types)
            return types;
        for (size_t i = 0; i < schema->one_of.len; i++)
            types |= schema->one_of.items[i]->types;
        for (size_t i = 0; i < schema->any_of.len; i++)
            types |= schema->any_of.items[i]->types;
        if (types)
            return types;
    }
    return 0;
}

static bool is_number_or_string(const SchemaNode *schema)
{
    unsigned types = stated_types(schema);
    return (types & TYPE_STRING) && (types & (TYPE_INTEGER | TYPE_NUMBER));
}

static void append_scalar(const SchemaNode *schema, const Node *node, GString *out)
{
    int64_t e4;
    bool number = node->kind == NODE_INT || node->kind == NODE_FLOAT;
    if (schema_decimal(schema) && node->kind != NODE_BOOL && node_decimal(node, &e4)) {
        integer_append(out, e4);
        return;
    }
    if (number && is_number_or_string(schema)) {
        append_number_text(out, node);
        return;
    }
    switch (node->kind) {
    case NODE_BOOL: g_string_append(out, node->boolean ? "true" : "false"); break;
    case NODE_INT: integer_append(out, node->integer); break;
    case NODE_FLOAT: append_float(out, node->real); break;
    case NODE_STRING: {
        View spelling = schema_enum_spelling(schema, node->text);
        View text = spelling.data ? spelling : node->text;
        append_string(out, is_number_or_string(schema) ? without_leading_zeros(text) : text);
        break;
    }
    case NODE_NULL:
    case NODE_SEQUENCE:
    case NODE_MAPPING: g_string_append(out, "null"); break;
    }
}

/* ---- lists and mappings
 * ---------------------------------------------------------------------------------------- */

/* Where several branches could be meant, the first that node satisfies. */
static const SchemaNode *matching_branch(const SchemaNode *schema, const Node *node)
{
    for (int depth = 0; schema && depth < 32; schema = schema->ref, depth++) {
        const SchemaList *lists[] = {&schema->one_of, &schema->any_of};
        for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
            for (size_t j = 0; j < lists[i]->len; j++)
                if (schema_matches(lists[i]->items[j], node))
                    return lists[i]->items[j];
    }
    return NULL;
}

static const SchemaNode *member_schema(const SchemaNode *schema, const Node *node, View key)
{
    const SchemaNode *found = schema_member(schema, key.data, key.len);
    if (found || !schema)
        return found;
    const SchemaNode *branch = matching_branch(schema, node);
    return branch ? schema_member(branch, key.data, key.len) : NULL;
}

static bool is_absent(const Node *node)
{
    return node->kind == NODE_NULL || (node->kind == NODE_SEQUENCE && node->sequence.len == 0);
}

static int key_compare(gconstpointer a, gconstpointer b)
{
    return view_compare((*(const NodeMember *const *)a)->key, (*(const NodeMember *const *)b)->key);
}

#define MEMBERS_FEW 64

static void sort_members(const NodeMember **members, size_t len)
{
    if (len > 16) {
        qsort(members, len, sizeof *members, key_compare);
        return;
    }
    for (size_t i = 1; i < len; i++) {
        const NodeMember *member = members[i];
        size_t j = i;
        for (; j > 0 && view_compare(members[j - 1]->key, member->key) > 0; j--)
            members[j] = members[j - 1];
        members[j] = member;
    }
}

static bool is_default(const SchemaNode *schema, const GString *out, size_t start)
{
    const char *text = schema ? schema->resolved.default_canonical : NULL;
    return text && strlen(text) == out->len - start && memcmp(text, out->str + start, out->len - start) == 0;
}

static void append_mapping(const SchemaNode *schema, const Node *node, GString *out)
{
    const NodeMember *few[MEMBERS_FEW];
    size_t len = node->mapping.len;
    g_autofree const NodeMember **many = len > MEMBERS_FEW ? g_new(const NodeMember *, len) : NULL;
    const NodeMember **members = many ? many : few;
    for (size_t i = 0; i < len; i++)
        members[i] = &node->mapping.members[i];
    sort_members(members, len);
    g_string_append_c(out, '{');
    size_t first = out->len;
    for (size_t i = 0; i < len; i++) {
        const SchemaNode *below = member_schema(schema, node, members[i]->key);
        if (is_absent(members[i]->value) || schema_digest_excluded(below) ||
            schema_owner(below) == OWNER_SCHEDULER)
            continue;
        size_t before = out->len;
        if (before > first)
            g_string_append_c(out, ',');
        append_string(out, members[i]->key);
        g_string_append_c(out, ':');
        size_t start = out->len;
        canonical_append(below, members[i]->value, out);
        if (is_default(below, out, start))
            g_string_truncate(out, before);
    }
    g_string_append_c(out, '}');
}

typedef struct {
    View key; /* text of the item's key member; empty: it has none */
    size_t index;
} Item;

static int item_compare(gconstpointer a, gconstpointer b)
{
    const Item *x = a, *y = b;
    int order = view_compare(x->key, y->key);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static View item_key(const Node *item, const char *key)
{
    const Node *value = node_get(item, key);
    return value && value->text.data ? value->text : (View){"", 0};
}

static void append_keyed_list(const SchemaNode *items, const char *key, const Node *node, GString *out)
{
    size_t len = node->sequence.len;
    g_autofree Item *sorted = g_new(Item, len);
    for (size_t i = 0; i < len; i++)
        sorted[i] = (Item){.key = item_key(node->sequence.items[i], key), .index = i};
    qsort(sorted, len, sizeof *sorted, item_compare);
    g_string_append_c(out, '[');
    for (size_t i = 0; i < len; i++) {
        if (i)
            g_string_append_c(out, ',');
        canonical_append(items, node->sequence.items[sorted[i].index], out);
    }
    g_string_append_c(out, ']');
}

static void append_sequence(const SchemaNode *schema, const Node *node, GString *out)
{
    const SchemaNode *items = schema_items(schema);
    if (!items && schema && node->sequence.len) {
        const SchemaNode *branch = matching_branch(schema, node);
        items = branch ? schema_items(branch) : NULL;
    }
    const char *key = schema_list_key(schema);
    if (key && node->sequence.len > 1) {
        append_keyed_list(items, key, node, out);
        return;
    }
    g_string_append_c(out, '[');
    for (size_t i = 0; i < node->sequence.len; i++) {
        if (i)
            g_string_append_c(out, ',');
        canonical_append(items, node->sequence.items[i], out);
    }
    g_string_append_c(out, ']');
}

void canonical_append(const SchemaNode *schema, const Node *node, GString *out)
{
    if (node->kind == NODE_MAPPING)
        append_mapping(schema, node, out);
    else if (node->kind == NODE_SEQUENCE)
        append_sequence(schema, node, out);
    else
        append_scalar(schema, node, out);
}

/* digest_test.c: random specs written in many ways have one digest. A spec is made from a seed as a tree of
 * values, then printed as YAML or JSON with members in random order, quoting, comments, nulls and spelled-out
 * defaults; every print must have the same canonical form, and a change of any value must not. */
#include "spec/base/rng.h"
#include "spec/canonical.h"

static const char schema_text[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"count\": {\"type\": \"integer\", \"default\": 1},"
    "\"state\": {\"enum\": [\"ENABLED\", \"DISABLED\"], \"default\": \"ENABLED\", "
    "\"x-muster-enum-ignore-case\": true},"
    "\"weight\": {\"type\": \"number\", \"x-muster-decimal\": true, \"default\": 0.5},"
    "\"size\": {\"type\": [\"string\", \"integer\"]},"
    "\"text\": {\"type\": \"string\"},"
    "\"inner\": {\"$ref\": \"#\", \"default\": {}},"
    "\"list\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": {\"name\": {\"type\": "
    "\"string\"},"
    "\"n\": {\"type\": \"integer\", \"default\": 3}}}, \"x-muster-list-key\": \"name\"}}}";

typedef struct Spec Spec;
struct Spec {
    int64_t count, weight_e4, size, list_len; /* list_len 0: absent */
    int64_t list_n[4];
    bool disabled;
    int text;    /* index into texts */
    Spec *inner; /* may be NULL */
};

static const char *const texts[] = {"plain", "true", "12", "a: b", "quote\"d",
                                    "",      "grün", "#x", "- y",  "null"};

static Spec *spec_random(Rng *rng, int depth)
{
    Spec *spec = g_new0(Spec, 1);
    spec->count = rng_between(rng, 0, 2);
    spec->weight_e4 = (int64_t)rng_below(rng, 3) * 2500;
    spec->size = rng_between(rng, 0, 20);
    spec->list_len = (int64_t)rng_below(rng, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(spec->list_n); i++)
        spec->list_n[i] = rng_between(rng, 2, 4);
    spec->disabled = rng_below(rng, 2);
    spec->text = (int)rng_below(rng, G_N_ELEMENTS(texts));
    if (depth < 3 && rng_below(rng, 2))
        spec->inner = spec_random(rng, depth + 1);
    return spec;
}

static void spec_free(Spec *spec)
{
    if (spec)
        spec_free(spec->inner);
    g_free(spec);
}

static void shuffle(Rng *rng, int *order, size_t len)
{
    for (size_t i = 0; i < len; i++)
        order[i] = (int)i;
    for (size_t i = len; i > 1; i--) {
        size_t other = (size_t)rng_below(rng, i);
        int kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static void print_text(Rng *rng, const char *text, GString *out)
{
    bool plain_is_safe = strcmp(text, "plain") == 0 || strcmp(text, "grün") == 0;
    switch (rng_below(rng, plain_is_safe ? 3 : 2)) {
    case 0: g_string_append_printf(out, "'%s'", text); break;
    case 1: {
        g_autofree char *escaped = g_strescape(text, "\xc3\xbc");
        g_string_append_printf(out, "\"%s\"", escaped);
        break;
    }
    default: g_string_append(out, text);
    }
}

static void print_list(Rng *rng, const Spec *spec, GString *out)
{
    int order[4];
    shuffle(rng, order, (size_t)spec->list_len);
    g_string_append(out, "[");
    for (int64_t i = 0; i < spec->list_len; i++) {
        int64_t n = spec->list_n[order[i]];
        g_string_append_printf(out, "%s{\"name\": \"item%d\"", i ? ", " : "", order[i]);
        if (n != 3 || rng_below(rng, 2))
            g_string_append_printf(out, ", \"n\": %" G_GINT64_FORMAT, n);
        g_string_append(out, "}");
    }
    g_string_append(out, "]");
}

/* Flow style, which is JSON when the texts are quoted; line ends and comments in between. */
static void print_spec(Rng *rng, const Spec *spec, GString *out)
{
    static const char *const states[2][2] = {{"ENABLED", "enabled"}, {"DISABLED", "Disabled"}};
    int order[7];
    bool first = true;
    shuffle(rng, order, 7);
    g_string_append(out, "{");
    for (size_t i = 0; i < 7; i++) {
        bool spell = rng_below(rng, 2);
        g_autoptr(GString) value = g_string_new(NULL);
        static const char *const names[] = {"count", "state", "weight", "size", "text", "inner", "list"};
        switch (order[i]) {
        case 0:
            if (spec->count != 1 || spell)
                g_string_append_printf(
                    value, rng_below(rng, 2) ? "%" G_GINT64_FORMAT : "%" G_GINT64_FORMAT ".0", spec->count);
            break;
        case 1:
            if (spec->disabled || spell)
                g_string_append(value, states[spec->disabled][rng_below(rng, 2)]);
            break;
        case 2:
            if (spec->weight_e4 != 5000 || spell)
                g_string_append_printf(value, "0.%04d%s", (int)spec->weight_e4,
                                       rng_below(rng, 2) ? "00" : "");
            break;
        case 3:
            g_string_append_printf(
                value, rng_below(rng, 2) ? "%" G_GINT64_FORMAT : "\"0%" G_GINT64_FORMAT "\"", spec->size);
            break;
        case 4: print_text(rng, texts[spec->text], value); break;
        case 5:
            if (spec->inner)
                print_spec(rng, spec->inner, value);
            else if (spell)
                g_string_append(value, rng_below(rng, 2) ? "{}" : "null");
            break;
        default:
            if (spec->list_len)
                print_list(rng, spec, value);
            else if (spell)
                g_string_append(value, rng_below(rng, 2) ? "[]" : "~");
        }
        if (!value->len)
            continue;
        g_string_append_printf(out, "%s%s\"%s\": %s", first ? "" : ",",
                               rng_below(rng, 3) ? " " : " # a comment, {\n    ", names[order[i]],
                               value->str);
        first = false;
    }
    g_string_append(out, "}");
}

static bool keep_root(const Document *document, void *data)
{
    *(const Node **)data = document->root;
    return true;
}

static char *canonical(const Schema *schema, const Spec *spec, Rng *rng)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    const Node *root = NULL;
    print_spec(rng, spec, text);
    if (!document_parse((View){text->str, text->len}, "f", 1, arena, NULL, keep_root, &root, diagnostics))
        g_error("not read: %s", text->str);
    GString *out = g_string_new(NULL);
    canonical_append(schema_root(schema), root, out);
    return g_string_free(out, FALSE);
}

static void change_one(Rng *rng, Spec *spec)
{
    switch (rng_below(rng, 5)) {
    case 0: spec->count += 5; break;
    case 1: spec->disabled = !spec->disabled; break;
    case 2: spec->weight_e4 += 1; break;
    case 3: spec->size += 100; break;
    default: spec->text = (spec->text + 1) % (int)G_N_ELEMENTS(texts); break;
    }
}

static void test_one_digest(void)
{
    g_autoptr(Schema) schema = schema_compile("test.json", view_from(schema_text), NULL, 0, NULL);
    g_assert_nonnull(schema);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        Rng rng = rng_from_seed(seed);
        Spec *spec = spec_random(&rng, 0);
        g_autofree char *first = canonical(schema, spec, &rng);
        for (int i = 0; i < 6; i++) {
            g_autofree char *other = canonical(schema, spec, &rng);
            if (strcmp(first, other) != 0)
                g_error("seed %" G_GUINT64_FORMAT ": %s and %s", seed, first, other);
        }
        change_one(&rng, spec);
        g_autofree char *changed = canonical(schema, spec, &rng);
        g_assert_cmpstr(changed, !=, first);
        spec_free(spec);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/digest/one-meaning-one-digest", test_one_digest);
    return g_test_run();
}

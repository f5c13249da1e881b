#include "reconciler/cli/reference_markdown.h"

#include <jansson.h>
#include <string.h>

#include "spec/kinds.h"

/* An object that gets a section of its own. */
typedef struct {
    char *path;
    const json_t *schema; /* with its $ref followed */
    const char *effect;   /* x-muster-update of the nearest above, or NULL */
} Section;

typedef struct {
    GString *out;
    json_t *root, *common;
    GQueue *sections;      /* Section *, still to write */
    GHashTable *first_use; /* resolved schema -> path of its section */
} Page;

static void section_free(gpointer data)
{
    Section *section = data;
    g_free(section->path);
    g_free(section);
}

static const char *text_of(const json_t *schema, const char *key)
{
    return json_string_value(json_object_get(schema, key));
}

/* Follows $ref to the end. */
static const json_t *resolve(const Page *page, const json_t *schema)
{
    const char *ref = text_of(schema, "$ref");
    while (ref) {
        const char *name = strrchr(ref, '/');
        const json_t *file = ref[0] == '#' && json_object_get(json_object_get(page->root, "$defs"), name + 1)
                                 ? page->root
                                 : page->common;
        schema = json_object_get(json_object_get(file, "$defs"), name + 1);
        ref = text_of(schema, "$ref");
    }
    return schema;
}

/* What stands beside a $ref goes before what it leads to. */
static const json_t *annotation(const Page *page, const json_t *schema, const char *key)
{
    const json_t *own = json_object_get(schema, key);
    return own ? own : json_object_get(resolve(page, schema), key);
}

static bool annotation_true(const Page *page, const json_t *schema, const char *key)
{
    return json_is_true(annotation(page, schema, key));
}

static void cell(GString *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text == '\n' ? ' ' : *text);
    }
}

static void code(GString *out, const char *text)
{
    g_string_append_c(out, '`');
    cell(out, text);
    g_string_append_c(out, '`');
}

static void json_code(GString *out, const json_t *value)
{
    g_autofree char *text = NULL;
    char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    text = g_strdup(dumped);
    free(dumped);
    code(out, json_is_string(value) ? json_string_value(value) : text);
}

static bool has_members(const json_t *schema)
{
    return json_object_size(json_object_get(schema, "properties")) > 0;
}

/* "spec.computeResources" becomes "speccomputeresources", as Markdown renderers make anchors. */
static void anchor(GString *out, const char *path)
{
    for (; *path; path++)
        if (g_ascii_isalnum(*path) || *path == '-' || *path == '_')
            g_string_append_c(out, g_ascii_tolower(*path));
}

/* Queues the section of an object, or finds the one that describes it already; appends a link to it. */
static void object_link(Page *page, GString *out, const json_t *schema, const char *path, const char *effect)
{
    const char *known = g_hash_table_lookup(page->first_use, schema);
    if (!known) {
        Section *section = g_new0(Section, 1);
        *section = (Section){g_strdup(path), schema, effect};
        g_queue_push_tail(page->sections, section);
        g_hash_table_insert(page->first_use, (gpointer)(uintptr_t)schema, section->path);
        known = section->path;
    }
    g_string_append(out, "[object](#");
    anchor(out, known);
    g_string_append_c(out, ')');
}

static void type_write(Page *page, GString *out, const json_t *schema, const char *path, const char *effect);

static void alternatives_write(Page *page, GString *out, const json_t *list, const char *path,
                               const char *effect)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i)
            g_string_append(out, " or ");
        type_write(page, out, json_array_get(list, i), path, effect);
    }
}

static void enum_write(GString *out, const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (i)
            g_string_append(out, ", ");
        json_code(out, json_array_get(values, i));
    }
}

static void type_names_write(GString *out, const json_t *type)
{
    if (json_is_string(type))
        g_string_append(out, json_string_value(type));
    for (size_t i = 0; json_is_array(type) && i < json_array_size(type); i++)
        g_string_append_printf(out, "%s%s", i ? " or " : "", json_string_value(json_array_get(type, i)));
}

static void list_write(Page *page, GString *out, const json_t *items, const char *path, const char *effect)
{
    g_autofree char *below = g_strconcat(path, "[]", NULL);
    g_string_append(out, "list of ");
    type_write(page, out, items, below, effect);
}

static void map_write(Page *page, GString *out, const json_t *values, const char *path, const char *effect)
{
    g_autofree char *below = g_strconcat(path, ".*", NULL);
    g_string_append(out, "map of ");
    type_write(page, out, values, below, effect);
}

static void type_write(Page *page, GString *out, const json_t *schema, const char *path, const char *effect)
{
    const json_t *target = resolve(page, schema);
    const json_t *items = json_object_get(target, "items"),
                 *values = json_object_get(target, "additionalProperties");
    const json_t *choices = json_object_get(target, "enum"), *alternatives = json_object_get(target, "oneOf");
    const json_t *type = json_object_get(target, "type");
    if (json_object_get(target, "const"))
        json_code(out, json_object_get(target, "const"));
    else if (choices)
        enum_write(out, choices);
    else if (alternatives && !type)
        alternatives_write(page, out, alternatives, path, effect);
    else if (items)
        list_write(page, out, items, path, effect);
    else if (has_members(target))
        object_link(page, out, target, path, effect);
    else if (json_is_object(values))
        map_write(page, out, values, path, effect);
    else if (type)
        type_names_write(out, type);
    else
        g_string_append(out, "refused");
}

static void limit_write(GString *out, const json_t *schema, const char *key, const char *label)
{
    const json_t *value = json_object_get(schema, key);
    if (!value)
        return;
    g_string_append_printf(out, "%s%s ", out->len ? ", " : "", label);
    if (json_is_string(value))
        code(out, json_string_value(value));
    else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        g_string_append(out, text);
        free(text);
    }
}

static char *limits_text(const json_t *schema)
{
    static const char *const limits[][2] = {
        {"minimum", "at least"},
        {"exclusiveMinimum", "above"},
        {"maximum", "at most"},
        {"exclusiveMaximum", "below"},
        {"multipleOf", "a multiple of"},
        {"minLength", "characters at least"},
        {"maxLength", "characters at most"},
        {"minItems", "items at least"},
        {"maxItems", "items at most"},
        {"maxProperties", "members at most"},
        {"pattern", "matches"},
    };
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        limit_write(out, schema, limits[i][0], limits[i][1]);
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        g_string_append_printf(out, "%sno item twice", out->len ? ", " : "");
    return g_string_free(out, FALSE);
}

static bool lists(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!g_strcmp0(json_string_value(json_array_get(list, i)), name))
            return true;
    return false;
}

static void provider_write(GString *out, const json_t *provider)
{
    type_names_write(out, provider); /* a word or a list of words, as types are */
}

/* "required", "required on aws", or the default. */
static void presence_write(const Page *page, GString *out, const json_t *object, const char *name,
                           const json_t *schema)
{
    const json_t *rules = json_object_get(object, "allOf"), *value = annotation(page, schema, "default");
    if (lists(json_object_get(object, "required"), name)) {
        g_string_append(out, "required");
        return;
    }
    if (value)
        json_code(out, value);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i), *provider = json_object_get(rule, "x-muster-provider");
        if (!provider || !lists(json_object_get(rule, "required"), name))
            continue;
        g_string_append(out, value ? "; required on " : "required on ");
        provider_write(out, provider);
    }
}

static void remark_write(GString *out, bool applies, const char *text)
{
    if (applies)
        g_string_append_printf(out, " %s", text);
}

/* Where the effect hangs on the values. */
static void effect_write(Page *page, const json_t *schema)
{
    const json_t *groups = annotation(page, schema, "x-muster-update-groups"), *group, *value;
    const char *presence = json_string_value(annotation(page, schema, "x-muster-update-presence"));
    size_t i, j;
    if (presence)
        g_string_append_printf(page->out, " Adding or removing it: %s.", presence);
    json_array_foreach(groups, i, group)
    {
        g_string_append(page->out, i ? " and " : " Between ");
        json_array_foreach(group, j, value)
            g_string_append_printf(page->out, "%s%s", j ? "/" : "", json_string_value(value));
    }
    if (groups)
        g_string_append(page->out, ": replace.");
}

static void member_write(Page *page, const Section *section, const char *name, const json_t *schema)
{
    GString *out = page->out;
    const json_t *own = annotation(page, schema, "x-muster-update");
    const char *effect = own ? json_string_value(own) : section->effect;
    g_autofree char *path = g_strconcat(section->path, section->path[0] ? "." : "", name, NULL);
    g_autofree char *limits = limits_text(resolve(page, schema));
    const char *reference = json_string_value(annotation(page, schema, "x-muster-reference"));
    bool scheduler = !g_strcmp0(json_string_value(annotation(page, schema, "x-muster-owner")), "scheduler");
    bool read_only = annotation_true(page, schema, "readOnly");
    g_string_append(out, "| ");
    code(out, name);
    g_string_append(out, " | ");
    type_write(page, out, schema, path, effect);
    g_string_append(out, " | ");
    presence_write(page, out, section->schema, name, schema);
    g_string_append_printf(out, " | %s | %s | ", limits, read_only || scheduler ? "" : effect ? effect : "");
    cell(out, json_string_value(annotation(page, schema, "description")));
    if (reference)
        g_string_append_printf(out, " Names a %s.", reference);
    effect_write(page, schema);
    remark_write(out, annotation_true(page, schema, "x-muster-ours"), "*Not in AWS Batch.*");
    remark_write(out, annotation_true(page, schema, "deprecated"), "*Deprecated.*");
    remark_write(out, read_only, "*Read-only: accepted and left out.*");
    remark_write(out, scheduler, "*Owned by the scheduler: shown, never compared.*");
    g_string_append(out, " |\n");
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Required members first, then by name: the order does not hang on the parser. */
static void table_write(Page *page, const Section *section)
{
    const json_t *members = json_object_get(section->schema, "properties");
    size_t len = json_object_size(members), at = 0;
    g_autofree const char **names = g_new0(const char *, len + 1);
    const char *name;
    json_t *schema;
    json_object_foreach((json_t *)(uintptr_t)members, name, schema) names[at++] = name;
    qsort(names, len, sizeof *names, name_compare);
    g_string_append(
        page->out,
        "| member | type | default | limits | a change | description |\n|---|---|---|---|---|---|\n");
    const json_t *required = json_object_get(section->schema, "required");
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < len; i++)
            if (lists(required, names[i]) == (pass == 0))
                member_write(page, section, names[i], json_object_get(members, names[i]));
    g_string_append_c(page->out, '\n');
}

/* The texts of all rules in a schema, in document order, each once. */
static void messages_collect(const json_t *schema, GPtrArray *messages)
{
    const char *text = text_of(schema, "x-muster-message"), *key;
    json_t *value;
    if (text && !g_ptr_array_find_with_equal_func(messages, text, g_str_equal, NULL))
        g_ptr_array_add(messages, (gpointer)(uintptr_t)text);
    if (json_is_array(schema))
        for (size_t i = 0; i < json_array_size(schema); i++)
            messages_collect(json_array_get(schema, i), messages);
    if (json_is_object(schema))
        json_object_foreach((json_t *)(uintptr_t)schema, key, value) messages_collect(value, messages);
}

static void rules_write(Page *page, const Section *section)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new();
    messages_collect(json_object_get(section->schema, "allOf"), messages);
    if (!messages->len)
        return;
    g_string_append(page->out, "Refused, with these words:\n\n");
    for (guint i = 0; i < messages->len; i++)
        g_string_append_printf(page->out, "- %s\n", (const char *)g_ptr_array_index(messages, i));
    g_string_append_c(page->out, '\n');
}

static void section_write(Page *page, const Section *section)
{
    const char *description = text_of(section->schema, "description");
    if (section->path[0])
        g_string_append_printf(page->out, "## %s\n\n", section->path);
    if (description && section->path[0])
        g_string_append_printf(page->out, "%s\n\n", description);
    table_write(page, section);
    rules_write(page, section);
}

static void page_write(Page *page, const char *title)
{
    const json_t *members = json_object_get(page->root, "properties");
    const json_t *spec = json_object_get(members, "spec");
    g_string_append_printf(page->out, "# %s\n\n%s\n\n", title, text_of(page->root, "description"));
    if (spec)
        g_string_append_printf(
            page->out,
            "```yaml\napiVersion: muster/v1\nkind: %s\nmetadata:\n  name: NAME\nspec: {}\n```\n\n"
            "The column *a change* says what applying a change does: `in-place`, `rolling` "
            "(instances are replaced), `replace` (the resource is made anew), `revision` (a new "
            "revision is made).\n\n",
            title);
    GString *ignored = g_string_new(NULL);
    if (spec) {
        object_link(page, ignored, resolve(page, spec), "spec", text_of(spec, "x-muster-update"));
        object_link(page, ignored, resolve(page, json_object_get(members, "metadata")), "metadata",
                    "in-place");
    } else {
        object_link(page, ignored, page->root, "", NULL);
    }
    g_string_free(ignored, TRUE);
    g_autoptr(GPtrArray) written =
        g_ptr_array_new_with_free_func(section_free); /* first_use borrows their paths */
    while (!g_queue_is_empty(page->sections)) {
        Section *section = g_queue_pop_head(page->sections);
        g_ptr_array_add(written, section);
        section_write(page, section);
    }
    g_hash_table_remove_all(page->first_use);
}

void reference_markdown(const char *kind_or_config, View schema_json, GString *out)
{
    View common = common_schema_text();
    Page page = {.out = out,
                 .root = json_loadb(schema_json.data, schema_json.len, 0, NULL),
                 .common = json_loadb(common.data, common.len, 0, NULL),
                 .sections = g_queue_new(),
                 .first_use = g_hash_table_new(g_direct_hash, g_direct_equal)};
    g_assert(page.root && page.common); /* embedded files: broken ones are our own mistake */
    page_write(&page, kind_or_config);
    g_hash_table_unref(page.first_use);
    g_queue_free(page.sections);
    json_decref(page.root);
    json_decref(page.common);
}

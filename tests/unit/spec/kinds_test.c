#include <jansson.h>

#include "spec/compare.h"
#include "spec/kinds.h"

static void test_names(void)
{
    Kind kind;
    for (Kind each = 0; each < KIND_COUNT; each++) {
        g_assert_cmpstr(kind_names()[each], ==, kind_name(each));
        g_assert_true(kind_from_exact(view_from(kind_name(each)), &kind) && kind == each);
        g_assert_true(kind_from_name(view_from(kind_plural(each)), &kind) && kind == each);
    }
    g_assert_null(kind_names()[KIND_COUNT]);
    g_assert_false(kind_from_exact(VIEW("jobqueue"), &kind));
    g_assert_false(kind_from_name(VIEW("que"), &kind));
    g_assert_false(kind_from_name(VIEW(""), &kind));
    static const struct {
        const char *text;
        Kind kind;
    } shorts[] = {{"jobqueue", KIND_JOB_QUEUE},
                  {"jq", KIND_JOB_QUEUE},
                  {"Job-Queues", KIND_JOB_QUEUE},
                  {"ce", KIND_COMPUTE_ENVIRONMENT},
                  {"jd", KIND_JOB_DEFINITION},
                  {"sp", KIND_SCHEDULING_POLICY},
                  {"cr", KIND_CONSUMABLE_RESOURCE},
                  {"schedulingpolicies", KIND_SCHEDULING_POLICY},
                  {"jobs", KIND_JOB},
                  {"queue", KIND_JOB_QUEUE},
                  {"queues", KIND_JOB_QUEUE},
                  {"environments", KIND_COMPUTE_ENVIRONMENT},
                  {"definition", KIND_JOB_DEFINITION},
                  {"policies", KIND_SCHEDULING_POLICY},
                  {"policy", KIND_SCHEDULING_POLICY},
                  {"Resources", KIND_CONSUMABLE_RESOURCE},
                  {"pipelines", KIND_PIPELINE},
                  {"PIPELINE", KIND_PIPELINE}};
    for (size_t i = 0; i < G_N_ELEMENTS(shorts); i++) {
        g_assert_true(kind_from_name(view_from(shorts[i].text), &kind));
        g_assert_cmpint(kind, ==, shorts[i].kind);
    }
}

static void test_compiled(void)
{
    kinds_init();
    for (Kind kind = 0; kind < KIND_COUNT; kind++) {
        g_assert_nonnull(kind_schema(kind));
        g_assert_cmpstr(schema_title(kind_spec_schema(kind)), ==, kind_name(kind));
        g_assert_true(schema_has_update(kind_spec_schema(kind)));
    }
    g_assert_nonnull(config_schema());
    g_assert_nonnull(sources_schema());
    g_assert_nonnull(policy_schema());
    g_assert_nonnull(notify_schema());
    g_assert_nonnull(web_schema());
}

/* ---- every schema, member by member */

typedef struct {
    const char *file;
    json_t *root, *common;
    Schema *common_schema;
    size_t members, defaults;
} Walk;

static const json_t *resolve(const Walk *walk, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (!ref)
        return schema;
    const json_t *file = ref[0] == '#' ? walk->root : walk->common;
    const json_t *target = json_object_get(json_object_get(file, "$defs"), strrchr(ref, '/') + 1);
    if (!target)
        g_error("%s: %s leads nowhere", walk->file, ref);
    return target;
}

typedef struct {
    const SchemaNode *schema;
    bool valid;
} DefaultCheck;

static bool default_document(const Document *document, void *data)
{
    DefaultCheck *check = data;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    SchemaContext context = {.file = "default", .first_line = 1};
    check->valid = schema_validate(check->schema, document->root, "", &context, diagnostics);
    return true;
}

/* The subschema alone, with the definitions that it may refer to. */
static void default_check(Walk *walk, const json_t *schema, const json_t *value, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    json_t *alone = json_deep_copy(schema);
    if (json_object_get(walk->root, "$defs"))
        json_object_set(alone, "$defs", json_object_get(walk->root, "$defs"));
    char *text = json_dumps(alone, JSON_COMPACT),
         *value_text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    g_autoptr(Schema) compiled =
        schema_compile("default.json", view_from(text), &walk->common_schema, 1, &error);
    g_assert_no_error(error);
    DefaultCheck check = {schema_root(compiled), false};
    g_assert_true(document_parse(view_from(value_text), "default", 1, arena, &document_limits_default,
                                 default_document, &check, diagnostics));
    if (!check.valid)
        g_error("%s: the default of %s, %s, does not pass its own schema", walk->file, name, value_text);
    walk->defaults++;
    free(text);
    free(value_text);
    json_decref(alone);
}

static void member_check(Walk *walk, const char *name, const json_t *schema)
{
    const json_t *description = json_object_get(schema, "description");
    if (!description)
        description = json_object_get(resolve(walk, schema), "description");
    const char *text = json_string_value(description);
    if (!text || strlen(text) < 10 || text[strlen(text) - 1] != '.')
        g_error("%s: %s has no description that is a sentence: %s", walk->file, name, text ? text : "none");
    walk->members++;
}

/* Conditions and rules (if, then, not, contains …) restrict members that stand elsewhere: only what declares
 * is walked. */
static void schema_walk(Walk *walk, const json_t *schema, const char *name)
{
    static const char *const lists[] = {"oneOf", "anyOf"};
    const char *key;
    json_t *member;
    const json_t *value = json_object_get(schema, "default"),
                 *additional = json_object_get(schema, "additionalProperties");
    const char *reference = json_string_value(json_object_get(schema, "x-muster-reference"));
    Kind kind;
    if (value)
        default_check(walk, schema, value, name);
    if (reference)
        g_assert_true(kind_from_exact(view_from(reference), &kind));
    if (json_object_size(json_object_get(schema, "properties")) && !json_is_false(additional) &&
        !json_is_object(additional))
        g_error("%s: %s takes members that nobody declared", walk->file, name);
    json_object_foreach(json_object_get(schema, "properties"), key, member)
    {
        member_check(walk, key, member);
        schema_walk(walk, member, key);
    }
    json_object_foreach(json_object_get(schema, "$defs"), key, member) schema_walk(walk, member, key);
    if (json_object_get(schema, "items"))
        schema_walk(walk, json_object_get(schema, "items"), name);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        for (size_t j = 0; j < json_array_size(json_object_get(schema, lists[i])); j++) {
            const json_t *branch = json_array_get(json_object_get(schema, lists[i]), j);
            if (json_object_get(branch, "type"))
                schema_walk(walk, branch, name);
        }
}

static void test_schemas(void)
{
    View common = common_schema_text();
    Walk walk = {.common = json_loadb(common.data, common.len, JSON_REJECT_DUPLICATES, NULL)};
    walk.common_schema = schema_compile("common.json", common, NULL, 0, NULL);
    for (int i = -6; i < (int)KIND_COUNT; i++) {
        View text = i == -6   ? web_schema_text()
                    : i == -5 ? notify_schema_text()
                    : i == -4 ? policy_schema_text()
                    : i == -3 ? sources_schema_text()
                    : i == -2 ? common
                    : i == -1 ? config_schema_text()
                              : kind_schema_text((Kind)i);
        walk.file = i == -6   ? "web"
                    : i == -5 ? "notify"
                    : i == -4 ? "policy"
                    : i == -3 ? "sources"
                    : i == -2 ? "common"
                    : i == -1 ? "config"
                              : kind_name((Kind)i);
        walk.root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        g_assert_nonnull(walk.root);
        schema_walk(&walk, walk.root, walk.file);
        json_decref(walk.root);
    }
    g_assert_cmpuint(walk.members, >, 250);
    g_assert_cmpuint(walk.defaults, >, 30);
    schema_free(walk.common_schema);
    json_decref(walk.common);
}

/* The effects of a change that the Batch reference's table of updates gives. */
static UpdateEffect effect_of(Kind kind, const char *first, const char *second)
{
    const SchemaNode *node = schema_member(kind_spec_schema(kind), first, strlen(first));
    if (second)
        node = schema_member(node, second, strlen(second));
    g_assert_nonnull(node);
    g_assert_true(schema_has_update(node));
    return schema_update(node);
}

static void test_effects(void)
{
    g_assert_cmpint(effect_of(KIND_COMPUTE_ENVIRONMENT, "computeResources", "maxvCpus"), ==, UPDATE_IN_PLACE);
    g_assert_cmpint(effect_of(KIND_COMPUTE_ENVIRONMENT, "computeResources", "launchTemplate"), ==,
                    UPDATE_ROLLING);
    g_assert_cmpint(effect_of(KIND_COMPUTE_ENVIRONMENT, "computeResources", "spotIamFleetRole"), ==,
                    UPDATE_REPLACE);
    g_assert_cmpint(effect_of(KIND_COMPUTE_ENVIRONMENT, "type", NULL), ==, UPDATE_REPLACE);
    g_assert_cmpint(effect_of(KIND_COMPUTE_ENVIRONMENT, "provider", NULL), ==, UPDATE_REPLACE);
    g_assert_cmpint(effect_of(KIND_JOB_QUEUE, "priority", NULL), ==, UPDATE_IN_PLACE);
    g_assert_cmpint(schema_update(kind_spec_schema(KIND_JOB_DEFINITION)), ==, UPDATE_REVISION);
    const SchemaNode *resources =
        schema_member(kind_spec_schema(KIND_COMPUTE_ENVIRONMENT), "computeResources", 16);
    g_assert_cmpint(schema_owner(schema_member(resources, "desiredvCpus", 12)), ==, OWNER_SCHEDULER);
}

/* What may never be changed in place by the Batch reference (2.4, 2.5, 1.7, 1.10), and what looks alike but
 * may. */
static void test_replacements(void)
{
    static const struct {
        Kind kind;
        const char *before, *after;
        UpdateEffect effect;
    } cases[] = {
        {KIND_COMPUTE_ENVIRONMENT, "{}", "{\"type\":\"UNMANAGED\"}", UPDATE_REPLACE},
        {KIND_COMPUTE_ENVIRONMENT, "{\"provider\":{\"type\":\"aws\"}}", "{\"provider\":{\"type\":\"local\"}}",
         UPDATE_REPLACE},
        {KIND_COMPUTE_ENVIRONMENT, "{\"computeResources\":{\"spotIamFleetRole\":\"a\"}}",
         "{\"computeResources\":{\"spotIamFleetRole\":\"b\"}}", UPDATE_REPLACE},
        {KIND_COMPUTE_ENVIRONMENT, "{\"computeResources\":{\"type\":\"EC2\"}}",
         "{\"computeResources\":{\"type\":\"SPOT\"}}", UPDATE_ROLLING},
        {KIND_COMPUTE_ENVIRONMENT, "{\"computeResources\":{\"type\":\"FARGATE_SPOT\"}}",
         "{\"computeResources\":{\"type\":\"FARGATE\"}}", UPDATE_ROLLING},
        {KIND_COMPUTE_ENVIRONMENT, "{\"computeResources\":{\"type\":\"SPOT\"}}",
         "{\"computeResources\":{\"type\":\"FARGATE_SPOT\"}}", UPDATE_REPLACE},
        {KIND_JOB_QUEUE, "{\"priority\":1}", "{\"priority\":1,\"schedulingPolicy\":\"fair\"}",
         UPDATE_REPLACE},
        {KIND_JOB_QUEUE, "{\"priority\":1,\"schedulingPolicy\":\"fair\"}", "{\"priority\":1}",
         UPDATE_REPLACE},
        {KIND_JOB_QUEUE, "{\"schedulingPolicy\":\"fair\"}", "{\"schedulingPolicy\":\"fairer\"}",
         UPDATE_IN_PLACE},
        {KIND_JOB_QUEUE, "{\"priority\":1}", "{\"jobQueueType\":\"ECS\",\"priority\":1}", UPDATE_IN_PLACE},
        {KIND_JOB_QUEUE, "{\"jobQueueType\":\"ECS\"}", "{\"jobQueueType\":\"ECS_FARGATE\"}", UPDATE_REPLACE},
        {KIND_SCHEDULING_POLICY, "{\"fairsharePolicy\":{\"computeReservation\":1}}",
         "{\"fairsharePolicy\":{\"computeReservation\":2}}", UPDATE_IN_PLACE},
        {KIND_SCHEDULING_POLICY, "{\"fairsharePolicy\":{\"computeReservation\":1}}",
         "{\"quotaSharePolicy\":{\"idleResourceAssignmentStrategy\":\"FIFO\"}}", UPDATE_REPLACE},
        {KIND_CONSUMABLE_RESOURCE, "{\"totalQuantity\":1}", "{\"totalQuantity\":2}", UPDATE_IN_PLACE},
        {KIND_CONSUMABLE_RESOURCE, "{}", "{\"resourceType\":\"NON_REPLENISHABLE\"}", UPDATE_REPLACE},
        {KIND_JOB_DEFINITION, "{\"type\":\"container\"}", "{\"type\":\"multinode\"}", UPDATE_REVISION},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) changes =
            compare_specs(cases[i].kind, view_from(cases[i].before), view_from(cases[i].after));
        bool found = false;
        for (guint at = 0; at < changes->len; at++) {
            const FieldChange *change = g_ptr_array_index(changes, at);
            found = found || change->effect == cases[i].effect;
            if (cases[i].effect != UPDATE_REPLACE)
                g_assert_cmpint(change->effect, ==, cases[i].effect);
        }
        if (!found)
            g_error("%s -> %s: not %s", cases[i].before, cases[i].after, update_effect_name(cases[i].effect));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/kinds/names", test_names);
    g_test_add_func("/spec/kinds/compiled", test_compiled);
    g_test_add_func("/spec/kinds/schemas", test_schemas);
    g_test_add_func("/spec/kinds/effects", test_effects);
    g_test_add_func("/spec/kinds/replacements", test_replacements);
    return g_test_run();
}

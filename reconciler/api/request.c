/* request.c: JSON becomes nodes of a document, so that the one validator judges it. */
#include "reconciler/api/request.h"
#include "spec/kinds.h"

#define REMEMBERED 4

struct RequestChecker {
    Arena *arena;
    json_t *valid[REMEMBERED]; /* requests without jobName that were found valid; newest overwrites oldest */
    size_t next;
};

static bool depth_within(const json_t *json, int depth)
{
    const char *key;
    const json_t *value;
    size_t i;
    if (depth > REQUEST_DEPTH_MAX)
        return false;
    if (json_is_object(json)) {
        json_object_foreach((json_t *)(uintptr_t)json, key, value)
        {
            if (!depth_within(value, depth + 1))
                return false;
        }
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            if (!depth_within(value, depth + 1))
                return false;
        }
    }
    return true;
}

json_t *request_parse(View body, char **ret_message)
{
    size_t blank = 0;
    while (blank < body.len && g_ascii_isspace(body.data[blank]))
        blank++;
    if (blank == body.len)
        return json_object();
    json_error_t error;
    json_t *json = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        g_autofree char *text = g_utf8_make_valid(error.text, -1);
        *ret_message =
            g_strdup_printf("the body is not JSON: line %d column %d: %s", error.line, error.column, text);
        return NULL;
    }
    const char *fault = !json_is_object(json) ? "the body must be a JSON object" : NULL;
    if (!fault && !depth_within(json, 1))
        fault = "the body is nested too deeply";
    if (!fault)
        return json;
    json_decref(json);
    *ret_message = g_strdup(fault);
    return NULL;
}

/* ---- JSON to nodes
 * ------------------------------------------------------------------------------------------------ */

static View text_in(Arena *arena, const char *text, size_t len)
{
    return (View){arena_strndup(arena, text, len), len};
}

static void node_fill_object(Node *node, const json_t *json, Arena *arena)
{
    node->kind = NODE_MAPPING;
    node->mapping.members = arena_new0_n(arena, NodeMember, json_object_size(json) + 1);
    const char *key;
    size_t key_len;
    json_t *value;
    json_object_keylen_foreach((json_t *)(uintptr_t)json, key, key_len, value)
    {
        if (json_is_null(value))
            continue; /* DESIGN: absent and null are equal */
        node->mapping.members[node->mapping.len++] = (NodeMember){.key = text_in(arena, key, key_len),
                                                                  .key_line = 1,
                                                                  .key_column = 1,
                                                                  .value = request_node(value, arena)};
    }
}

static void node_fill_array(Node *node, const json_t *json, Arena *arena)
{
    node->kind = NODE_SEQUENCE;
    node->sequence.items = arena_new0_n(arena, Node *, json_array_size(json) + 1);
    size_t i;
    json_t *value;
    json_array_foreach(json, i, value) node->sequence.items[node->sequence.len++] =
        request_node(value, arena);
}

static void node_fill_number(Node *node, const json_t *json, Arena *arena)
{
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    node->text = text_in(arena, text, strlen(text));
    free(text);
    if (json_is_integer(json)) {
        node->kind = NODE_INT;
        node->integer = json_integer_value(json);
    } else {
        node->kind = NODE_FLOAT;
        node->real = json_real_value(json);
    }
}

Node *request_node(const json_t *json, Arena *arena)
{
    Node *node = arena_new0(arena, Node);
    node->line = node->column = 1;
    switch (json_typeof(json)) {
    case JSON_OBJECT: node_fill_object(node, json, arena); break;
    case JSON_ARRAY: node_fill_array(node, json, arena); break;
    case JSON_STRING:
        node->kind = NODE_STRING;
        node->text = text_in(arena, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
    case JSON_REAL: node_fill_number(node, json, arena); break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = NODE_BOOL;
        node->boolean = json_is_true(json);
        node->text = view_from(node->boolean ? "true" : "false");
        break;
    case JSON_NULL: node->kind = NODE_NULL; break;
    }
    return node;
}

/* ---- SubmitJob
 * ---------------------------------------------------------------------------------------------------- */

RequestChecker *request_checker_new(void)
{
    kinds_init();
    RequestChecker *checker = g_new0(RequestChecker, 1);
    checker->arena = arena_new();
    return checker;
}

void request_checker_free(RequestChecker *checker)
{
    if (!checker)
        return;
    for (size_t i = 0; i < REMEMBERED; i++)
        json_decref(checker->valid[i]);
    arena_free(checker->arena);
    g_free(checker);
}

static bool check(RequestChecker *checker, const SchemaNode *schema, const json_t *json, const char *path,
                  char **ret_message)
{
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    SchemaContext context = {.file = "request", .text = VIEW(""), .first_line = 1};
    Node *node = request_node(json, checker->arena);
    bool valid = schema_validate(schema, node, path, &context, found);
    if (!valid) {
        GString *text = g_string_new(NULL);
        for (size_t i = 0; i < MIN(diagnostic_list_len(found), 5); i++) {
            const Diagnostic *one = diagnostic_list_get(found, i);
            g_string_append_printf(text, "%s%s%s%s", i ? "; " : "", one->path && *one->path ? one->path : "",
                                   one->path && *one->path ? ": " : "", one->message);
        }
        *ret_message = g_string_free(text, FALSE);
    }
    arena_reset(checker->arena);
    return valid;
}

/* The pattern of a manifest's name is Batch's pattern for jobName. */
static bool check_name(RequestChecker *checker, const json_t *name, char **ret_message)
{
    const SchemaNode *metadata = schema_member(kind_schema(KIND_JOB), "metadata", 8);
    const SchemaNode *schema = metadata ? schema_member(metadata, "name", 4) : NULL;
    g_assert(schema);
    return check(checker, schema, name, "jobName", ret_message);
}

static bool dependencies_by_id(const json_t *request, char **ret_message)
{
    const json_t *dependency;
    size_t i;
    json_array_foreach(json_object_get(request, "dependsOn"), i, dependency)
    {
        if (json_object_get(dependency, "job")) {
            *ret_message =
                g_strdup_printf("dependsOn[%zu].job: only manifests depend on jobs by name; give a jobId", i);
            return false;
        }
    }
    return true;
}

static bool check_rest(RequestChecker *checker, json_t *request, char **ret_message)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (checker->valid[i] && json_equal(checker->valid[i], request))
            return true;
    if (!check(checker, kind_spec_schema(KIND_JOB), request, "", ret_message) ||
        !dependencies_by_id(request, ret_message))
        return false;
    json_decref(checker->valid[checker->next]);
    checker->valid[checker->next] = json_deep_copy(request);
    checker->next = (checker->next + 1) % REMEMBERED;
    return true;
}

/* jobName is optional on the way in: the definition's name without its revision stands in. */
static json_t *default_name(const json_t *request)
{
    const char *definition = json_string_value(json_object_get(request, "jobDefinition"));
    const char *slash = strrchr(definition, '/');
    const char *start = slash ? slash + 1 : definition;
    return json_stringn(start, strcspn(start, ":@"));
}

/* Without a size it is no array, which the service takes and Airflow's BatchOperator sends. */
static void drop_empty_array(json_t *request)
{
    const json_t *array = json_object_get(request, "arrayProperties");
    if (json_is_object(array) && json_object_size(array) == 0)
        json_object_del(request, "arrayProperties");
}

bool request_check_submit(RequestChecker *checker, json_t *request, char **ret_message)
{
    drop_empty_array(request);
    json_t *name = json_incref(json_object_get(request, "jobName"));
    json_object_del(request, "jobName");
    bool valid = check_rest(checker, request, ret_message);
    if (valid && !name)
        name = default_name(request);
    valid = valid && check_name(checker, name, ret_message);
    if (name)
        json_object_set_new(request, "jobName", name);
    return valid;
}

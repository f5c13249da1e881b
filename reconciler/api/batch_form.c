#include "reconciler/api/batch_form.h"
#include "spec/base/units.h"

static json_t *plain(const SchemaNode *schema, const json_t *value, bool with_ours);

static bool is_shown(const SchemaNode *below, bool with_ours)
{
    return with_ours || !below || (!schema_ours(below) && !schema_digest_excluded(below));
}

/* Manifests may say these as numbers, too; in Batch they are texts. */
static json_t *batch_value(const SchemaNode *schema, const char *name, const json_t *value)
{
    static const char *const texts[] = {"onExitCode", "version", NULL};
    if (!json_is_integer(value) || !g_strv_contains(texts, name))
        return plain(schema, value, false);
    g_autofree char *text = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return json_string(text);
}

static json_t *plain_object(const SchemaNode *schema, const json_t *object, bool with_ours)
{
    json_t *made = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const SchemaNode *below = schema ? schema_member_any(schema, name) : NULL;
        if (is_shown(below, with_ours))
            json_object_set_new(made, name,
                                with_ours ? plain(below, value, true) : batch_value(below, name, value));
    }
    return made;
}

static json_t *plain(const SchemaNode *schema, const json_t *value, bool with_ours)
{
    if (json_is_object(value))
        return plain_object(schema, value, with_ours);
    if (json_is_integer(value) && schema && schema_decimal(schema))
        return json_real((double)json_integer_value(value) / DECIMAL_SCALE);
    if (!json_is_array(value))
        return json_incref((json_t *)(uintptr_t)value);
    json_t *made = json_array(), *item;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)value, i, item)
        json_array_append_new(made, plain(schema_items_any(schema), item, with_ours));
    return made;
}

static json_t *form(Kind kind, View spec, bool with_ours)
{
    json_t *stored = spec.len ? json_loadb(spec.data, spec.len, 0, NULL) : NULL;
    if (!stored)
        return json_object();
    json_t *made = plain(kind_spec_schema(kind), stored, with_ours);
    json_decref(stored);
    return made;
}

json_t *spec_plain(Kind kind, View spec)
{
    return form(kind, spec, true);
}

json_t *spec_batch(Kind kind, View spec)
{
    return form(kind, spec, false);
}

static const char *foreign(const SchemaNode *schema, const json_t *value)
{
    const char *name, *found = NULL;
    json_t *below;
    size_t i;
    json_array_foreach(value, i, below) found = found ? found : foreign(schema_items_any(schema), below);
    json_object_foreach((json_t *)(uintptr_t)value, name, below)
    {
        const SchemaNode *member = schema ? schema_member_any(schema, name) : NULL;
        if (!found && member)
            found = schema_ours(member) ? name : foreign(member, below);
    }
    return found;
}

const char *batch_foreign(Kind kind, const json_t *request)
{
    return foreign(kind_spec_schema(kind), request);
}

void batch_fill_lists(json_t *object, const char *const *names)
{
    for (; json_is_object(object) && *names; names++)
        if (!json_object_get(object, *names))
            json_object_set_new(object, *names, json_array());
}

void batch_fill_container(json_t *container)
{
    static const char *const lists[] = {"command", "volumes", "environment",          "mountPoints",
                                        "ulimits", "secrets", "resourceRequirements", NULL};
    batch_fill_lists(container, lists);
}

static void fill_tasks(json_t *ecs)
{
    static const char *const lists[] = {"command", "dependsOn", "environment",          "mountPoints",
                                        "ulimits", "secrets",   "resourceRequirements", NULL};
    json_t *task, *container;
    size_t i, j;
    json_array_foreach(json_object_get(ecs, "taskProperties"), i, task)
    {
        batch_fill_lists(task, (const char *const[]){"volumes", NULL});
        json_array_foreach(json_object_get(task, "containers"), j, container)
            batch_fill_lists(container, lists);
    }
}

void batch_fill_definition(json_t *definition)
{
    json_t *range;
    size_t i;
    batch_fill_container(json_object_get(definition, "containerProperties"));
    fill_tasks(json_object_get(definition, "ecsProperties"));
    json_array_foreach(json_object_get(json_object_get(definition, "nodeProperties"), "nodeRangeProperties"),
                       i, range)
    {
        batch_fill_container(json_object_get(range, "container"));
        fill_tasks(json_object_get(range, "ecsProperties"));
    }
}

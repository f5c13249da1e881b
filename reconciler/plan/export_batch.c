/* export_batch.c: see export_batch.h. */
#include "reconciler/plan/export_batch.h"
#include <string.h>
#include "reconciler/plan/plan.h"

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

void batch_manifest_free(void *data)
{
    BatchManifest *manifest = data;
    if (!manifest)
        return;
    g_free(manifest->name);
    json_decref(manifest->spec);
    g_ptr_array_unref(manifest->notes);
    g_free(manifest);
}

static void G_GNUC_PRINTF(2, 3) note(BatchManifest *manifest, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(manifest->notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* "arn:aws:batch:eu-central-1:123456789012:job-queue/high": "high"; a name stays. */
static const char *name_of_arn(const char *text)
{
    const char *slash = text && g_str_has_prefix(text, "arn:") ? strrchr(text, '/') : NULL;
    return slash ? slash + 1 : text;
}

/* ---- what a manifest does not need ---- */

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static void prune(BatchManifest *manifest, const SchemaNode *schema, json_t *value, const char *path);

static void prune_members(BatchManifest *manifest, const SchemaNode *schema, json_t *object, const char *path)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, name, value)
    {
        const SchemaNode *member = schema ? schema_member_any(schema, name) : NULL;
        g_autofree char *at = *path ? g_strdup_printf("%s.%s", path, name) : g_strdup(name);
        bool is_known = !schema || member;
        if (is_known)
            prune(manifest, member, value, at);
        else if (!is_empty(value))
            note(manifest, "left out: %s, which manifests do not have", at);
        if (!is_known || is_empty(value))
            json_object_del(object, name);
    }
}

static void prune(BatchManifest *manifest, const SchemaNode *schema, json_t *value, const char *path)
{
    size_t index;
    json_t *item;
    if (json_is_object(value))
        prune_members(manifest, schema, value, path);
    json_array_foreach(value, index, item)
    {
        g_autofree char *at = g_strdup_printf("%s[%zu]", path, index);
        prune(manifest, schema ? schema_items_any(schema) : NULL, item, at);
    }
}

static void drop(json_t *spec, const char *const *names)
{
    for (; *names; names++)
        json_object_del(spec, *names);
}

static void drop_where(json_t *spec, const char *name, const char *usual)
{
    if (g_strcmp0(text_of(spec, name), usual) == 0)
        json_object_del(spec, name);
}

/* ---- what to look at ---- */

static bool sounds_secret(const char *name)
{
    static const char *const words[] = {"SECRET", "TOKEN",   "PASSWORD",    "PASSWD",
                                        "APIKEY", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY"};
    g_autofree char *upper = g_ascii_strup(name, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(upper, words[i]))
            return true;
    return false;
}

static void look_for_secrets(BatchManifest *manifest, const json_t *value)
{
    size_t index;
    json_t *item;
    const char *name;
    json_array_foreach(json_object_get(value, "environment"), index, item)
    {
        name = text_of(item, "name");
        if (name && sounds_secret(name))
            note(manifest,
                 "look at it before it is committed: the value of %s stands here in plain text (secrets: of "
                 "the container name a store instead)",
                 name);
    }
    json_array_foreach(value, index, item) look_for_secrets(manifest, item);
    if (!json_is_object(value))
        return;
    json_object_foreach((json_t *)(uintptr_t)value, name, item) look_for_secrets(manifest, item);
}

/* ---- kind by kind ---- */

static BatchManifest *begin(GPtrArray *all, Kind kind, const json_t *described, const char *name_member)
{
    const char *name = text_of(described, name_member);
    BatchManifest *manifest = g_new0(BatchManifest, 1);
    *manifest = (BatchManifest){.kind = kind,
                                .name = g_strdup(name ? name : ""),
                                .spec = json_deep_copy(described),
                                .notes = g_ptr_array_new_with_free_func(g_free)};
    json_object_del(manifest->spec, name_member);
    g_ptr_array_add(all, manifest);
    return manifest;
}

static void end(BatchManifest *manifest)
{
    if (!manifest->spec)
        return;
    prune(manifest, kind_spec_schema(manifest->kind), manifest->spec, "");
    look_for_secrets(manifest, manifest->spec);
}

static void refuse(BatchManifest *manifest, const char *why)
{
    g_clear_pointer(&manifest->spec, json_decref);
    note(manifest, "not exported: %s", why);
}

/* Where it is: of its ARN. */
static void set_place(json_t *spec, const char *arn)
{
    g_auto(GStrv) parts = g_strsplit(arn ? arn : "", ":", 6);
    if (g_strv_length(parts) == 6)
        json_object_set_new(
            spec, "provider",
            json_pack("{s:s,s:s,s:s}", "type", "aws", "region", parts[3], "accountId", parts[4]));
}

static void take_environment(GPtrArray *all, const json_t *described)
{
    static const char *const own[] = {"computeEnvironmentArn",
                                      "ecsClusterArn",
                                      "status",
                                      "statusReason",
                                      "uuid",
                                      "containerOrchestrationType",
                                      NULL};
    BatchManifest *manifest = begin(all, KIND_COMPUTE_ENVIRONMENT, described, "computeEnvironmentName");
    json_t *spec = manifest->spec, *resources = json_object_get(spec, "computeResources");
    if (!is_empty(json_object_get(spec, "eksConfiguration"))) {
        refuse(manifest, "it is on EKS, where muster runs nothing");
        return;
    }
    set_place(spec, text_of(spec, "computeEnvironmentArn"));
    drop(spec, own);
    drop_where(spec, "state", "ENABLED");
    json_object_del(resources, "desiredvCpus"); /* what the scaler decides */
    if (json_integer_value(json_object_get(spec, "unmanagedvCpus")) == 0)
        json_object_del(spec, "unmanagedvCpus");
    end(manifest);
}

static int by_order(const void *a, const void *b)
{
    json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "order")),
               right = json_integer_value(json_object_get(*(json_t *const *)b, "order"));
    return left < right ? -1 : left > right;
}

static json_t *environments_of(const json_t *order)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    json_t *names = json_array(), *item;
    size_t index;
    json_array_foreach(order, index, item) g_ptr_array_add(sorted, item);
    g_ptr_array_sort(sorted, by_order);
    for (guint i = 0; i < sorted->len; i++) {
        const char *name = name_of_arn(text_of(sorted->pdata[i], "computeEnvironment"));
        json_array_append_new(names, json_string(name ? name : ""));
    }
    return names;
}

static void take_queue(GPtrArray *all, const json_t *described)
{
    static const char *const own[] = {"jobQueueArn", "status", "statusReason", "schedulingPolicyArn", NULL};
    BatchManifest *manifest = begin(all, KIND_JOB_QUEUE, described, "jobQueueName");
    json_t *spec = manifest->spec;
    const char *policy = name_of_arn(text_of(spec, "schedulingPolicyArn"));
    if (!is_empty(json_object_get(spec, "serviceEnvironmentOrder"))) {
        refuse(manifest, "it has service environments (SageMaker), which muster does not run");
        return;
    }
    if (policy)
        json_object_set_new(spec, "schedulingPolicy", json_string(policy));
    json_object_set_new(spec, "computeEnvironmentOrder",
                        environments_of(json_object_get(spec, "computeEnvironmentOrder")));
    drop(spec, own);
    drop_where(spec, "state", "ENABLED");
    drop_where(spec, "jobQueueType", "ECS");
    drop_where(spec, "jobQueueType", "ECS_FARGATE");
    end(manifest);
}

static void take_policy(GPtrArray *all, const json_t *described)
{
    BatchManifest *manifest = begin(all, KIND_SCHEDULING_POLICY, described, "name");
    json_object_del(manifest->spec, "arn");
    end(manifest);
}

static void name_consumables(json_t *value)
{
    size_t index;
    json_t *item;
    const char *name;
    json_array_foreach(
        json_object_get(json_object_get(value, "consumableResourceProperties"), "consumableResourceList"),
        index, item)
    {
        name = name_of_arn(text_of(item, "consumableResource"));
        if (name)
            json_object_set_new(item, "consumableResource", json_string(name));
    }
    json_array_foreach(value, index, item) name_consumables(item);
    if (!json_is_object(value))
        return;
    json_object_foreach(value, name, item) name_consumables(item);
}

static void take_definition(GPtrArray *all, const json_t *described)
{
    static const char *const own[] = {"jobDefinitionArn", "revision", "status", "containerOrchestrationType",
                                      NULL};
    BatchManifest *manifest = begin(all, KIND_JOB_DEFINITION, described, "jobDefinitionName");
    json_t *spec = manifest->spec;
    if (!is_empty(json_object_get(spec, "eksProperties"))) {
        refuse(manifest, "it is for EKS, where muster runs nothing");
        return;
    }
    drop(spec, own);
    name_consumables(spec);
    end(manifest);
}

static void take_consumable(GPtrArray *all, const json_t *described)
{
    static const char *const own[] = {"consumableResourceArn", "inUseQuantity", "availableQuantity",
                                      "createdAt", NULL};
    BatchManifest *manifest = begin(all, KIND_CONSUMABLE_RESOURCE, described, "consumableResourceName");
    drop(manifest->spec, own);
    end(manifest);
}

/* ---- all of it ---- */

static int64_t revision_of(const json_t *definition)
{
    return json_integer_value(json_object_get(definition, "revision"));
}

/* The newest active revision of each name: name → definition, both borrowed. */
static GHashTable *newest_definitions(const json_t *definitions)
{
    GHashTable *newest = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index;
    json_t *one;
    json_array_foreach(definitions, index, one)
    {
        const char *name = text_of(one, "jobDefinitionName");
        const json_t *known = name ? g_hash_table_lookup(newest, name) : NULL;
        if (name && g_strcmp0(text_of(one, "status"), "INACTIVE") != 0 &&
            (!known || revision_of(one) > revision_of(known)))
            g_hash_table_insert(newest, (char *)(uintptr_t)name, one);
    }
    return newest;
}

static int by_kind_and_name(const void *a, const void *b)
{
    const BatchManifest *left = *(const BatchManifest *const *)a, *right = *(const BatchManifest *const *)b;
    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1) : strcmp(left->name, right->name);
}

GPtrArray *export_batch(const json_t *answers)
{
    static const struct {
        const char *member;
        void (*take)(GPtrArray *all, const json_t *described);
    } kinds[] = {{"computeEnvironments", take_environment},
                 {"jobQueues", take_queue},
                 {"schedulingPolicies", take_policy},
                 {"consumableResources", take_consumable}};
    GPtrArray *all = g_ptr_array_new_with_free_func(batch_manifest_free);
    const json_t *definitions = json_object_get(answers, "jobDefinitions");
    size_t index;
    json_t *item;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        json_array_foreach(json_object_get(answers, kinds[i].member), index, item) kinds[i].take(all, item);
    g_autoptr(GHashTable) newest = newest_definitions(definitions);
    json_array_foreach(definitions, index, item)
    {
        const char *name = text_of(item, "jobDefinitionName");
        if (name && g_hash_table_lookup(newest, name) == item)
            take_definition(all, item);
    }
    g_ptr_array_sort(all, by_kind_and_name);
    return all;
}

void batch_manifest_write(const BatchManifest *manifest, GString *out)
{
    g_string_append(out, "---\n");
    if (!manifest->spec)
        g_string_append_printf(out, "# %s/%s\n", kind_name(manifest->kind), manifest->name);
    for (guint i = 0; i < manifest->notes->len; i++)
        g_string_append_printf(out, "# %s\n", (const char *)manifest->notes->pdata[i]);
    if (manifest->spec)
        export_json(manifest->kind, manifest->name, manifest->spec, out);
}

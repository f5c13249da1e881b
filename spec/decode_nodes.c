/* decode_nodes.c: the nodes of a multinode job: which range counts for which node, and what all of them need
 * together. */
#include "spec/decode_value.h"

void node_range_read(const char *text, int64_t *ret_first, int64_t *ret_last)
{
    const char *colon = text ? strchr(text, ':') : NULL;
    *ret_first = 0;
    *ret_last = -1;
    if (!text)
        return;
    if (colon != text)
        *ret_first = g_ascii_strtoll(text, NULL, 10);
    if (!colon)
        *ret_last = *ret_first;
    else if (colon[1])
        *ret_last = g_ascii_strtoll(colon + 1, NULL, 10);
}

NodeRange *node_range_of(NodeRange *ranges, size_t len, int64_t node, int64_t nodes)
{
    NodeRange *best = NULL;
    int64_t best_width = INT64_MAX;
    for (size_t i = 0; i < len; i++) {
        int64_t last = ranges[i].last < 0 ? nodes - 1 : ranges[i].last;
        if (node < ranges[i].first || node > last || last - ranges[i].first >= best_width)
            continue;
        best = &ranges[i];
        best_width = last - ranges[i].first;
    }
    return best;
}

/* batch: "the inner (narrower) range overrides the outer". */
const json_t *node_properties_of(const json_t *spec, int64_t node)
{
    const json_t *ranges = json_object_get(json_object_get(spec, "nodeProperties"), "nodeRangeProperties"),
                 *best = NULL;
    int64_t best_width = INT64_MAX;
    size_t index;
    json_t *range;
    json_array_foreach(ranges, index, range)
    {
        const char *target = json_string_value(json_object_get(range, "targetNodes"));
        int64_t first, last;
        if (!target)
            continue;
        node_range_read(target, &first, &last);
        int64_t width = last < 0 ? INT64_MAX - first - 1 : last - first;
        if (node < first || (last >= 0 && node > last) || width >= best_width)
            continue;
        best = range;
        best_width = width;
    }
    return best;
}

static ResourceNeed need_max(ResourceNeed a, ResourceNeed b)
{
    return (ResourceNeed){MAX(a.vcpus_e4, b.vcpus_e4), MAX(a.memory_mib, b.memory_mib), MAX(a.gpus, b.gpus)};
}

void nodes_settle(JobDefinitionSpec *spec)
{
    g_autofree int64_t *covered = g_new0(int64_t, spec->ranges_len + 1);
    for (int64_t node = 0; node < spec->nodes; node++) {
        const NodeRange *range = node_range_of(spec->ranges, spec->ranges_len, node, spec->nodes);
        if (range)
            covered[range - spec->ranges]++;
    }
    spec->need = (ResourceNeed){0};
    g_clear_pointer(&spec->node_instance_type, g_free);
    consumables_clear(&spec->consumables, &spec->consumables_len);
    consumables_add(&spec->consumables, &spec->consumables_len, spec->shared, spec->shared_len, 1);
    for (size_t i = 0; i < spec->ranges_len; i++) {
        const NodeRange *range = &spec->ranges[i];
        if (!covered[i])
            continue;
        spec->need = need_max(spec->need, range->need);
        if (!spec->node_instance_type)
            spec->node_instance_type = g_strdup(range->instance_type);
        consumables_add(&spec->consumables, &spec->consumables_len, range->consumables,
                        range->consumables_len, covered[i]);
    }
}

void nodes_copy(const JobDefinitionSpec *from, JobDefinitionSpec *to)
{
    to->nodes = from->nodes;
    to->main_node = from->main_node;
    to->ranges_len = from->ranges_len;
    to->ranges = g_new0(NodeRange, from->ranges_len);
    consumables_add(&to->shared, &to->shared_len, from->shared, from->shared_len, 1);
    for (size_t i = 0; i < from->ranges_len; i++) {
        NodeRange *range = &to->ranges[i];
        *range = from->ranges[i];
        range->target = g_strdup(range->target);
        range->instance_type = g_strdup(range->instance_type);
        range->consumables = NULL;
        range->consumables_len = 0;
        consumables_add(&range->consumables, &range->consumables_len, from->ranges[i].consumables,
                        from->ranges[i].consumables_len, 1);
    }
}

void nodes_clear(JobDefinitionSpec *spec)
{
    for (size_t i = 0; i < spec->ranges_len; i++) {
        g_free(spec->ranges[i].target);
        g_free(spec->ranges[i].instance_type);
        consumables_clear(&spec->ranges[i].consumables, &spec->ranges[i].consumables_len);
    }
    g_clear_pointer(&spec->ranges, g_free);
    spec->ranges_len = 0;
    consumables_clear(&spec->shared, &spec->shared_len);
}

/* ---- overrides */

static void range_override(NodeRange *range, const NodeOverride *override)
{
    range->need = need_merge(range->need, range->vcpus_alias, range->memory_alias, override->need,
                             override->need_alias);
    if (override->instance_type) {
        g_free(range->instance_type);
        range->instance_type = g_strdup(override->instance_type);
    }
    if (!override->consumables_given)
        return;
    consumables_clear(&range->consumables, &range->consumables_len);
    consumables_add(&range->consumables, &range->consumables_len, override->consumables,
                    override->consumables_len, 1);
}

void nodes_override(JobDefinitionSpec *spec, const NodeOverride *overrides, size_t len)
{
    for (size_t i = 0; i < len; i++)
        for (size_t r = 0; r < spec->ranges_len; r++)
            if (!strcmp(spec->ranges[r].target, overrides[i].target))
                range_override(&spec->ranges[r], &overrides[i]);
    nodes_settle(spec);
}

static bool decode_instance_type(const json_t *object, char **ret_type, GError **error)
{
    g_auto(GStrv) types = NULL;
    if (!decode_strings(object, "instanceTypes", &types, error))
        return false;
    if (types && types[0]) {
        g_free(*ret_type);
        *ret_type = g_strdup(types[0]);
    }
    return true;
}

static bool decode_override(const json_t *item, NodeOverride *override, GError **error)
{
    const json_t *container;
    if (!decode_object(item, "containerOverrides", &container, error) ||
        !decode_string(item, "targetNodes", &override->target, error) ||
        !decode_strings(container, "command", &override->command, error) ||
        !decode_environment(container, "environment", &override->environment, &override->environment_len,
                            error) ||
        !decode_need(container, &override->need, &override->need_alias, error) ||
        !decode_string(container, "instanceType", &override->instance_type, error) ||
        !decode_instance_type(item, &override->instance_type, error) ||
        !decode_consumables(item, "consumableResourcePropertiesOverride", &override->consumables_given,
                            &override->consumables, &override->consumables_len, error))
        return false;
    if (override->target)
        return true;
    g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "a node override has no targetNodes");
    return false;
}

bool decode_node_overrides(const json_t *root, JobSpec *spec, GError **error)
{
    const json_t *overrides, *list;
    if (!decode_object(root, "nodeOverrides", &overrides, error) ||
        !decode_integer(overrides, "numNodes", 1, 1000, &spec->nodes, error) ||
        !decode_array(overrides, "nodePropertyOverrides", &list, error))
        return false;
    spec->node_overrides_len = list ? json_array_size(list) : 0;
    spec->node_overrides = g_new0(NodeOverride, spec->node_overrides_len);
    for (size_t i = 0; i < spec->node_overrides_len; i++)
        if (!decode_override(json_array_get(list, i), &spec->node_overrides[i], error))
            return false;
    return true;
}

void node_overrides_clear(NodeOverride *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_free(list[i].target);
        g_strfreev(list[i].command);
        environment_clear(list[i].environment, list[i].environment_len);
        g_free(list[i].instance_type);
        consumables_clear(&list[i].consumables, &list[i].consumables_len);
    }
    g_free(list);
}

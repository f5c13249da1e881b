#include "spec/decode_value.h"
#include "spec/reference.h"

static const char *const state_names[] = {"DISABLED", "ENABLED", NULL};

typedef struct {
    int64_t order;
    char *name;
} OrderEntry;

static int order_compare(const void *a, const void *b)
{
    const OrderEntry *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return strcmp(left->name, right->name);
}

static char *name_of(Kind kind, const char *reference)
{
    View qualifier;
    View name = reference_name(kind, view_from(reference), &qualifier);
    return g_strndup(name.data, name.len);
}

/* A plain name stands at its place in the list. */
static bool decode_entry(const json_t *item, size_t index, OrderEntry *entry, GError **error)
{
    g_autofree char *reference = NULL;
    entry->order = (int64_t)index + 1;
    if (json_is_string(item))
        reference = g_strdup(json_string_value(item));
    else if (!decode_integer(item, "order", 0, INT64_MAX, &entry->order, error) ||
             !decode_string(item, "computeEnvironment", &reference, error))
        return false;
    if (!reference) {
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                            "computeEnvironmentOrder is not a list of environments");
        return false;
    }
    entry->name = name_of(KIND_COMPUTE_ENVIRONMENT, reference);
    return true;
}

static bool decode_order(const json_t *root, JobQueueSpec *spec, GError **error)
{
    const json_t *list;
    if (!decode_array(root, "computeEnvironmentOrder", &list, error))
        return false;
    size_t len = list ? json_array_size(list) : 0, filled = 0;
    bool good = true;
    g_autofree OrderEntry *entries = g_new0(OrderEntry, len + 1);
    for (; good && filled < len; filled++)
        good = decode_entry(json_array_get(list, filled), filled, &entries[filled], error);
    if (good)
        qsort(entries, len, sizeof *entries, order_compare);
    spec->compute_environments = g_new0(char *, len + 1);
    for (size_t i = 0; i < filled; i++) {
        if (good)
            spec->compute_environments[i] = entries[i].name;
        else
            g_free(entries[i].name);
    }
    return good;
}

static bool decode_into(const json_t *root, JobQueueSpec *spec, GError **error)
{
    int enabled = 1;
    g_autofree char *policy = NULL;
    if (!decode_choice(root, "state", state_names, &enabled, error) ||
        !decode_integer(root, "priority", 0, INT32_MAX, &spec->priority, error) ||
        !decode_string(root, "schedulingPolicyArn", &policy, error) ||
        !decode_string(root, "schedulingPolicy", &policy, error))
        return false;
    spec->enabled = enabled;
    if (policy)
        spec->scheduling_policy = name_of(KIND_SCHEDULING_POLICY, policy);
    return decode_order(root, spec, error);
}

JobQueueSpec *job_queue_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(JobQueueSpec) spec = g_new0(JobQueueSpec, 1);
    bool good = decode_into(root, spec, error);
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

void job_queue_spec_free(JobQueueSpec *spec)
{
    if (!spec)
        return;
    g_strfreev(spec->compute_environments);
    g_free(spec->scheduling_policy);
    g_free(spec);
}

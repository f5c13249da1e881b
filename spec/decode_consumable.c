#include "spec/decode_value.h"

static const char *const type_names[] = {"NON_REPLENISHABLE", "REPLENISHABLE", NULL};

ConsumableResourceSpec *consumable_resource_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(ConsumableResourceSpec) spec = g_new0(ConsumableResourceSpec, 1);
    int replenishable = 1;
    bool good = decode_integer(root, "totalQuantity", 0, INT64_MAX, &spec->total_quantity, error) &&
                decode_choice(root, "resourceType", type_names, &replenishable, error);
    spec->replenishable = replenishable;
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

void consumable_resource_spec_free(ConsumableResourceSpec *spec)
{
    g_free(spec);
}

/* ---- what jobs take of them */

static int64_t saturated_sum(int64_t base, int64_t quantity, int64_t times)
{
    int64_t product, sum;
    if (__builtin_mul_overflow(quantity, times, &product) || __builtin_add_overflow(base, product, &sum))
        return INT64_MAX;
    return sum;
}

/* Takes name. The lists have a few entries: they are kept sorted by moving. */
static void add_one(ConsumableNeed **list, size_t *len, char *name, int64_t quantity, int64_t times)
{
    size_t at = 0;
    int order = -1;
    while (at < *len && (order = strcmp((*list)[at].name, name)) < 0)
        at++;
    if (at < *len && order == 0) {
        (*list)[at].quantity = saturated_sum((*list)[at].quantity, quantity, times);
        g_free(name);
        return;
    }
    *list = g_renew(ConsumableNeed, *list, *len + 1);
    memmove(&(*list)[at + 1], &(*list)[at], (*len - at) * sizeof **list);
    (*list)[at] = (ConsumableNeed){name, saturated_sum(0, quantity, times)};
    (*len)++;
}

void consumables_add(ConsumableNeed **list, size_t *len, const ConsumableNeed *more, size_t more_len,
                     int64_t times)
{
    for (size_t i = 0; times > 0 && i < more_len; i++)
        add_one(list, len, g_strdup(more[i].name), more[i].quantity, times);
}

void consumables_clear(ConsumableNeed **list, size_t *len)
{
    for (size_t i = 0; i < *len; i++)
        g_free((*list)[i].name);
    g_clear_pointer(list, g_free);
    *len = 0;
}

bool decode_consumables(const json_t *object, const char *key, bool *ret_given, ConsumableNeed **list,
                        size_t *len, GError **error)
{
    const json_t *properties, *items;
    if (!decode_object(object, key, &properties, error) ||
        !decode_array(properties, "consumableResourceList", &items, error))
        return false;
    if (ret_given)
        *ret_given = properties;
    for (size_t i = 0; items && i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        g_autofree char *reference = NULL;
        int64_t quantity = 0;
        if (!decode_string(item, "consumableResource", &reference, error) ||
            !decode_integer(item, "quantity", 1, INT64_MAX, &quantity, error))
            return false;
        if (!reference || !quantity) {
            g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER,
                                "consumableResourceList is not a list of {consumableResource, quantity}");
            return false;
        }
        add_one(list, len, decode_name(KIND_CONSUMABLE_RESOURCE, reference), quantity, 1);
    }
    return true;
}

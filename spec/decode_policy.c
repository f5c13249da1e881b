#include "spec/base/units.h"
#include "spec/decode_value.h"

/* An exact identifier before the prefix that reads the same, so that the order is total. */
static int rule_compare(const void *a, const void *b)
{
    const ShareRule *left = a, *right = b;
    int order = strcmp(left->identifier, right->identifier);
    return order ? order : left->prefix - right->prefix;
}

static bool decode_rule(const json_t *item, ShareRule *rule, GError **error)
{
    rule->weight_e4 = DECIMAL_SCALE;
    if (!decode_string(item, "shareIdentifier", &rule->identifier, error) ||
        !decode_decimal(item, "weightFactor", 1, INT32_MAX, &rule->weight_e4, error) ||
        !decode_integer(item, "maxvCpus", 1, INT32_MAX, &rule->max_vcpus, error))
        return false;
    size_t len = rule->identifier ? strlen(rule->identifier) : 0;
    rule->prefix = len > 0 && rule->identifier[len - 1] == '*';
    if (rule->prefix)
        rule->identifier[len - 1] = '\0';
    if (len > 0)
        return true;
    g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "a share has no shareIdentifier");
    return false;
}

static bool decode_rules(const json_t *object, const char *key, ShareRule **ret_rules, size_t *ret_len,
                         GError **error)
{
    const json_t *list;
    if (!decode_array(object, key, &list, error))
        return false;
    size_t len = list ? json_array_size(list) : 0;
    ShareRule *rules = *ret_rules = g_new0(ShareRule, len + 1);
    *ret_len = len;
    for (size_t i = 0; i < len; i++)
        if (!decode_rule(json_array_get(list, i), &rules[i], error))
            return false;
    qsort(rules, len, sizeof *rules, rule_compare);
    return true;
}

static bool decode_into(const json_t *root, SchedulingPolicySpec *spec, GError **error)
{
    const json_t *fair;
    int64_t decay_s = 0;
    if (!decode_object(root, "fairsharePolicy", &fair, error) ||
        !decode_integer(fair, "shareDecaySeconds", 0, 604800, &decay_s, error) ||
        !decode_integer(fair, "computeReservation", 0, 99, &spec->compute_reservation, error) ||
        !decode_rules(fair, "shareDistribution", &spec->weights, &spec->weights_len, error) ||
        !decode_rules(root, "shareLimits", &spec->limits, &spec->limits_len, error))
        return false;
    spec->fair_share = fair;
    spec->share_decay_ms = decay_s * 1000;
    for (size_t i = 0; i < spec->limits_len; i++)
        if (!spec->limits[i].max_vcpus) {
            g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "a share limit has no maxvCpus");
            return false;
        }
    return true;
}

SchedulingPolicySpec *scheduling_policy_spec_decode(View json, GError **error)
{
    json_t *root = decode_parse(json, error);
    if (!root)
        return NULL;
    g_autoptr(SchedulingPolicySpec) spec = g_new0(SchedulingPolicySpec, 1);
    bool good = decode_into(root, spec, error);
    json_decref(root);
    return good ? g_steal_pointer(&spec) : NULL;
}

static void rules_free(ShareRule *rules, size_t len)
{
    for (size_t i = 0; i < len; i++)
        g_free(rules[i].identifier);
    g_free(rules);
}

void scheduling_policy_spec_free(SchedulingPolicySpec *spec)
{
    if (!spec)
        return;
    rules_free(spec->weights, spec->weights_len);
    rules_free(spec->limits, spec->limits_len);
    g_free(spec);
}

/* Rules are at most 500, and this is asked once for each share: no search tree. */
const ShareRule *share_rule_find(const ShareRule *rules, size_t len, View identifier)
{
    const ShareRule *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < len; i++) {
        size_t rule_len = strlen(rules[i].identifier);
        if (rule_len > identifier.len || memcmp(rules[i].identifier, identifier.data, rule_len) != 0)
            continue;
        if (!rules[i].prefix && rule_len == identifier.len)
            return &rules[i];
        if (rules[i].prefix && (!best || rule_len > best_len)) {
            best = &rules[i];
            best_len = rule_len;
        }
    }
    return best;
}

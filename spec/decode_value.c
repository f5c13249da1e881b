#include "spec/decode_value.h"

#include "spec/base/units.h"
#include "spec/reference.h"

G_DEFINE_QUARK(decode - error - quark, decode_error)

static bool wrong_type(const char *key, const char *expected, GError **error)
{
    g_set_error(error, DECODE_ERROR, DECODE_ERROR_MEMBER, "%s is not %s", key, expected);
    return false;
}

/* NULL when the member is absent or null. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

json_t *decode_parse(View text, GError **error)
{
    json_error_t fault;
    json_t *root = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &fault);
    if (!root) {
        g_set_error(error, DECODE_ERROR, DECODE_ERROR_SYNTAX, "byte %d: %s", fault.position, fault.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        g_set_error_literal(error, DECODE_ERROR, DECODE_ERROR_SYNTAX, "not a JSON object");
        return NULL;
    }
    return root;
}

bool decode_string(const json_t *object, const char *key, char **ret_text, GError **error)
{
    const json_t *value = member(object, key);
    if (!value)
        return true;
    if (!json_is_string(value))
        return wrong_type(key, "a string", error);
    g_free(*ret_text);
    *ret_text = g_strdup(json_string_value(value));
    return true;
}

bool decode_bool(const json_t *object, const char *key, bool *ret_value, GError **error)
{
    const json_t *value = member(object, key);
    if (!value)
        return true;
    if (!json_is_boolean(value))
        return wrong_type(key, "true or false", error);
    *ret_value = json_boolean_value(value);
    return true;
}

bool decode_integer(const json_t *object, const char *key, int64_t low, int64_t high, int64_t *ret_value,
                    GError **error)
{
    const json_t *value = member(object, key);
    if (!value)
        return true;
    if (!json_is_integer(value))
        return wrong_type(key, "a whole number", error);
    int64_t number = json_integer_value(value);
    if (number < low || number > high)
        return wrong_type(key, "within its limits", error);
    *ret_value = number;
    return true;
}

bool decode_decimal(const json_t *object, const char *key, int64_t low_e4, int64_t high_e4, int64_t *ret_e4,
                    GError **error)
{
    return decode_integer(object, key, low_e4, high_e4, ret_e4, error);
}

bool decode_money(const json_t *object, const char *key, int64_t *ret_micro, GError **error)
{
    const int64_t micro_per_e4 = 1000000 / DECIMAL_SCALE;
    int64_t amount_e4 = -1;
    if (!decode_decimal(object, key, 0, INT64_MAX / micro_per_e4, &amount_e4, error))
        return false;
    if (amount_e4 >= 0)
        *ret_micro = amount_e4 * micro_per_e4;
    return true;
}

char *decode_name(Kind kind, const char *reference)
{
    View qualifier;
    View name = reference_name(kind, view_from(reference), &qualifier);
    return g_strndup(name.data, name.len);
}

bool decode_strings(const json_t *object, const char *key, char ***ret_list, GError **error)
{
    const json_t *list = member(object, key);
    if (!list)
        return true;
    if (!json_is_array(list))
        return wrong_type(key, "a list", error);
    g_auto(GStrv) texts = g_new0(char *, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            return wrong_type(key, "a list of strings", error);
        texts[i] = g_strdup(text);
    }
    g_strfreev(*ret_list);
    *ret_list = g_steal_pointer(&texts);
    return true;
}

bool decode_object(const json_t *object, const char *key, const json_t **ret_object, GError **error)
{
    *ret_object = member(object, key);
    return !*ret_object || json_is_object(*ret_object) || wrong_type(key, "an object", error);
}

bool decode_array(const json_t *object, const char *key, const json_t **ret_array, GError **error)
{
    *ret_array = member(object, key);
    return !*ret_array || json_is_array(*ret_array) || wrong_type(key, "a list", error);
}

bool decode_choice(const json_t *object, const char *key, const char *const *names, int *ret_index,
                   GError **error)
{
    const json_t *value = member(object, key);
    if (!value)
        return true;
    const char *text = json_string_value(value);
    for (int i = 0; text && names[i]; i++)
        if (!g_ascii_strcasecmp(text, names[i])) {
            *ret_index = i;
            return true;
        }
    return wrong_type(key, "one of its values", error);
}

int decode_choice_of(View json, const char *key, const char *const *names, int fallback)
{
    int choice = fallback;
    json_t *root = decode_parse(json, NULL);
    if (root && !decode_choice(root, key, names, &choice, NULL))
        choice = fallback;
    json_decref(root);
    return choice;
}

static int variable_compare(const void *a, const void *b)
{
    return strcmp(((const EnvironmentVariable *)a)->name, ((const EnvironmentVariable *)b)->name);
}

void environment_clear(EnvironmentVariable *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_free(list[i].name);
        g_free(list[i].value);
    }
    g_free(list);
}

/* Sorts and drops all but the last of equal names. GLib's sort keeps the order of equals. */
static void variables_finish(GArray *variables, EnvironmentVariable **ret_list, size_t *ret_len)
{
    g_array_sort(variables, variable_compare);
    EnvironmentVariable *list = (EnvironmentVariable *)(void *)variables->data;
    size_t kept = 0;
    for (size_t i = 0; i < variables->len; i++) {
        if (i + 1 < variables->len && !strcmp(list[i].name, list[i + 1].name)) {
            g_free(list[i].name);
            g_free(list[i].value);
        } else {
            list[kept++] = list[i];
        }
    }
    environment_clear(*ret_list, *ret_len);
    *ret_len = kept;
    *ret_list = (EnvironmentVariable *)(void *)g_array_free(variables, kept == 0);
}

static void variables_drop(GArray *variables)
{
    size_t len = variables->len;
    environment_clear((EnvironmentVariable *)(void *)g_array_free(variables, FALSE), len);
}

static void variable_append(GArray *variables, const char *name, const char *value)
{
    EnvironmentVariable variable = {g_strdup(name), g_strdup(value)};
    g_array_append_val(variables, variable);
}

bool decode_environment(const json_t *object, const char *key, EnvironmentVariable **ret_list,
                        size_t *ret_len, GError **error)
{
    const json_t *list;
    if (!decode_array(object, key, &list, error))
        return false;
    if (!list)
        return true;
    GArray *variables = g_array_new(FALSE, FALSE, sizeof(EnvironmentVariable));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(member(item, "name"));
        const json_t *value = member(item, "value");
        if (!name || (value && !json_is_string(value))) {
            variables_drop(variables);
            return wrong_type(key, "a list of {name, value}", error);
        }
        variable_append(variables, name, value ? json_string_value(value) : "");
    }
    variables_finish(variables, ret_list, ret_len);
    return true;
}

bool decode_parameters(const json_t *object, const char *key, EnvironmentVariable **ret_list, size_t *ret_len,
                       GError **error)
{
    const json_t *map;
    if (!decode_object(object, key, &map, error))
        return false;
    if (!map)
        return true;
    GArray *variables = g_array_new(FALSE, FALSE, sizeof(EnvironmentVariable));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        if (json_is_null(value))
            continue;
        if (!json_is_string(value)) {
            variables_drop(variables);
            return wrong_type(key, "a map of strings", error);
        }
        variable_append(variables, name, json_string_value(value));
    }
    variables_finish(variables, ret_list, ret_len);
    return true;
}

void environment_merge(const EnvironmentVariable *base, size_t base_len, const EnvironmentVariable *over,
                       size_t over_len, EnvironmentVariable **ret_list, size_t *ret_len)
{
    GArray *variables = g_array_new(FALSE, FALSE, sizeof(EnvironmentVariable));
    for (size_t i = 0; i < base_len; i++)
        variable_append(variables, base[i].name, base[i].value);
    for (size_t i = 0; i < over_len; i++)
        variable_append(variables, over[i].name, over[i].value);
    EnvironmentVariable *list = NULL;
    size_t len = 0;
    variables_finish(variables, &list, &len);
    *ret_list = list;
    *ret_len = len;
}

/* A resource's amount in 1/10,000ths, written as a string or a number. */
static bool amount(const json_t *value, int64_t *ret_e4)
{
    if (json_is_string(value))
        return decimal_parse((View){json_string_value(value), json_string_length(value)}, ret_e4);
    if (json_is_integer(value))
        return !__builtin_mul_overflow((int64_t)json_integer_value(value), DECIMAL_SCALE, ret_e4);
    if (!json_is_real(value))
        return false;
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_dtostr(text, sizeof text, json_real_value(value));
    return decimal_parse(view_from(text), ret_e4);
}

bool decode_need(const json_t *container, ResourceNeed *ret_need, ResourceNeed *ret_alias, GError **error)
{
    ResourceNeed need = *ret_need;
    int64_t vcpus = 0;
    const json_t *list;
    if (!decode_integer(container, "vcpus", 1, INT64_MAX / DECIMAL_SCALE, &vcpus, error) ||
        !decode_integer(container, "memory", 1, INT64_MAX, &ret_alias->memory_mib, error))
        return false;
    if (vcpus)
        ret_alias->vcpus_e4 = vcpus * DECIMAL_SCALE;
    if (!decode_array(container, "resourceRequirements", &list, error))
        return false;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *type = json_string_value(member(item, "type"));
        int64_t value_e4 = 0;
        if (!type || !amount(member(item, "value"), &value_e4) || value_e4 <= 0)
            return wrong_type("resourceRequirements", "a list of {type, value}", error);
        if (!strcmp(type, "VCPU"))
            need.vcpus_e4 = value_e4;
        else if (!strcmp(type, "MEMORY"))
            need.memory_mib = value_e4 / DECIMAL_SCALE;
        else if (!strcmp(type, "GPU"))
            need.gpus = value_e4 / DECIMAL_SCALE;
        else
            return wrong_type("resourceRequirements.type", "VCPU, MEMORY or GPU", error);
    }
    *ret_need = need;
    return true;
}

static void evaluate_on_exit_clear(EvaluateOnExit *rule)
{
    g_free(rule->on_status_reason);
    g_free(rule->on_reason);
    g_free(rule->on_exit_code);
}

void retry_strategy_clear(RetryStrategy *strategy)
{
    for (size_t i = 0; i < strategy->rules_len; i++)
        evaluate_on_exit_clear(&strategy->rules[i]);
    g_free(strategy->rules);
    *strategy = (RetryStrategy){0};
}

RetryStrategy retry_strategy_copy(const RetryStrategy *strategy)
{
    RetryStrategy copy = {.attempts = strategy->attempts, .rules_len = strategy->rules_len};
    copy.rules = g_new0(EvaluateOnExit, strategy->rules_len);
    for (size_t i = 0; i < strategy->rules_len; i++) {
        const EvaluateOnExit *rule = &strategy->rules[i];
        copy.rules[i] = (EvaluateOnExit){g_strdup(rule->on_status_reason), g_strdup(rule->on_reason),
                                         g_strdup(rule->on_exit_code), rule->action};
    }
    return copy;
}

static const char *const retry_action_names[] = {[RETRY_RETRY] = "RETRY", [RETRY_EXIT] = "EXIT", NULL};

/* onExitCode may be a number. */
static bool decode_exit_code(const json_t *object, char **ret_text, GError **error)
{
    const json_t *value = member(object, "onExitCode");
    if (!json_is_integer(value))
        return decode_string(object, "onExitCode", ret_text, error);
    *ret_text = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return true;
}

static bool decode_rule(const json_t *object, EvaluateOnExit *rule, GError **error)
{
    int action = -1;
    if (!json_is_object(object))
        return wrong_type("evaluateOnExit", "a list of objects", error);
    if (!decode_string(object, "onStatusReason", &rule->on_status_reason, error) ||
        !decode_string(object, "onReason", &rule->on_reason, error) ||
        !decode_exit_code(object, &rule->on_exit_code, error) ||
        !decode_choice(object, "action", retry_action_names, &action, error))
        return false;
    if (action < 0)
        return wrong_type("evaluateOnExit.action", "given", error);
    rule->action = (RetryAction)action;
    return true;
}

bool decode_retry(const json_t *object, RetryStrategy *ret_retry, GError **error)
{
    const json_t *given, *rules;
    int64_t attempts = 1;
    if (!decode_object(object, "retryStrategy", &given, error))
        return false;
    if (!given)
        return true;
    if (!decode_integer(given, "attempts", 1, 10, &attempts, error) ||
        !decode_array(given, "evaluateOnExit", &rules, error))
        return false;
    if (rules && json_array_size(rules) > 5)
        return wrong_type("evaluateOnExit", "a list of at most 5", error);
    RetryStrategy retry = {.attempts = (int)attempts, .rules_len = rules ? json_array_size(rules) : 0};
    retry.rules = g_new0(EvaluateOnExit, retry.rules_len);
    for (size_t i = 0; i < retry.rules_len; i++)
        if (!decode_rule(json_array_get(rules, i), &retry.rules[i], error)) {
            retry_strategy_clear(&retry);
            return false;
        }
    retry_strategy_clear(ret_retry);
    *ret_retry = retry;
    return true;
}

bool decode_timeout(const json_t *object, int64_t *ret_ms, GError **error)
{
    const json_t *given;
    int64_t seconds = 0;
    if (!decode_object(object, "timeout", &given, error))
        return false;
    if (!given)
        return true;
    if (!decode_integer(given, "attemptDurationSeconds", 1, INT64_MAX / 1000, &seconds, error))
        return false;
    if (seconds)
        *ret_ms = seconds * 1000;
    return true;
}

bool decode_rerun_on(const json_t *object, bool *ret_definition, GError **error)
{
    g_auto(GStrv) causes = NULL;
    if (!decode_strings(object, "rerunOn", &causes, error))
        return false;
    *ret_definition = causes && g_strv_contains((const char *const *)causes, "definition");
    return true;
}

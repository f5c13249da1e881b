#include "reconciler/api/filter.h"

bool request_filter(Call *call, const char *const *names, BatchFilter *ret_filter)
{
    const json_t *list = json_object_get(call->request, "filters"), *filter = json_array_get(list, 0);
    const json_t *values = json_object_get(filter, "values");
    const char *name = json_string_value(json_object_get(filter, "name"));
    const char *value = json_string_value(json_array_get(values, 0));
    *ret_filter = (BatchFilter){NULL, NULL};
    if (!list || json_is_null(list) || (json_is_array(list) && !filter))
        return true;
    if (json_array_size(list) != 1 || json_array_size(values) != 1 || !name || !value || !*value) {
        call_fail(call, FAULT_INVALID, "filters: one filter with a name and one value is expected");
        return false;
    }
    if (!g_strv_contains(names, name)) {
        g_autofree char *known = g_strjoinv(" | ", (char **)(uintptr_t)names);
        call_fail(call, FAULT_INVALID, "filters: \"%s\" is not one of %s", name, known);
        return false;
    }
    *ret_filter = (BatchFilter){name, value};
    return true;
}

bool name_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    bool is_prefix = len > 0 && pattern[len - 1] == '*';
    return is_prefix ? g_ascii_strncasecmp(pattern, name, len - 1) == 0
                     : g_ascii_strcasecmp(pattern, name) == 0;
}

#include "reconciler/source/policy_file.h"
#include <stdlib.h>

#define POLICY_BYTES_MAX (16 << 20)

static bool read_policy(const char *path, char **ret_text, gsize *ret_len, GError **error)
{
    if (!g_file_get_contents(path, ret_text, ret_len, error))
        return false;
    if (*ret_len <= POLICY_BYTES_MAX)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: a policy has at most 16 MiB", path);
    return false;
}

Policy *policy_load(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize len;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    if (!read_policy(path, &text, &len, error))
        return NULL;
    g_autoptr(Policy) policy = policy_parse((View){text, len}, path, diagnostics);
    if (policy)
        return g_steal_pointer(&policy);
    g_autoptr(GString) faults = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, faults);
    while (faults->len && faults->str[faults->len - 1] == '\n')
        g_string_truncate(faults, faults->len - 1);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "the policy cannot be used:\n%s", faults->str);
    return NULL;
}

bool policy_is_within(const char *path, const char *directory)
{
    char *real_path = realpath(path, NULL), *real_directory = realpath(directory, NULL);
    size_t len = real_directory ? strlen(real_directory) : 0;
    bool is_within = real_path && len && strncmp(real_path, real_directory, len) == 0 &&
                     (len == 1 || real_path[len] == '/' || real_path[len] == '\0');
    free(real_path);
    free(real_directory);
    return is_within;
}

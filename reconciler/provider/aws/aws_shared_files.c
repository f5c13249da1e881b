#include "reconciler/provider/aws/aws_shared_files.h"

/* New string. */
static char *path_of(AwsLookup lookup, void *data, const char *name, const char *file)
{
    const char *said = lookup(name, data), *home = lookup("HOME", data);
    if (said && *said == '~' && said[1] == '/' && home)
        return g_build_filename(home, said + 2, NULL);
    if (said && *said)
        return g_strdup(said);
    return g_build_filename(home ? home : "/", ".aws", file, NULL);
}

/* *ret_text: new string, "" where there is no file. */
static bool read_file(const char *path, char **ret_text, size_t *ret_len, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (g_file_get_contents(path, ret_text, ret_len, &fault))
        return true;
    bool is_missing = g_error_matches(fault, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    if (!is_missing)
        g_propagate_error(error, g_steal_pointer(&fault));
    *ret_text = g_strdup("");
    *ret_len = 0;
    return is_missing;
}

AwsConfigFile *aws_shared_files_read(AwsLookup lookup, void *data, GError **error)
{
    g_autofree char *config_path = path_of(lookup, data, "AWS_CONFIG_FILE", "config"),
                    *credentials_path = path_of(lookup, data, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    g_autofree char *config = NULL, *credentials = NULL;
    size_t config_len, credentials_len;
    if (!read_file(config_path, &config, &config_len, error) ||
        !read_file(credentials_path, &credentials, &credentials_len, error))
        return NULL;
    return aws_config_parse(config_path, (View){config, config_len}, credentials_path,
                            (View){credentials, credentials_len}, error);
}

#include "reconciler/provider/aws/aws_shared_files.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- bounded ---- */

static char *fail(GError **error, const char *path, GFileError code, const char *why)
{
    g_set_error(error, G_FILE_ERROR, (int)code, "%s: %s", path, why);
    return NULL;
}

static char *read_all(int fd, const char *path, size_t max, size_t *ret_len, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) != 0;) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(error, path, g_file_error_from_errno(errno), g_strerror(errno));
        g_string_append_len(text, buffer, got);
        if (text->len > max)
            return fail(error, path, G_FILE_ERROR_INVAL, "it is too large");
    }
    *ret_len = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *aws_file_read(const char *path, size_t max, size_t *ret_len, GError **error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(error, path, g_file_error_from_errno(errno), g_strerror(errno));
    bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    char *text = is_file ? read_all(fd, path, max, ret_len, error)
                         : fail(error, path, G_FILE_ERROR_INVAL, "it is no file");
    close(fd);
    return text;
}

/* *ret_text: new string, "" where there is no file. */
static bool read_file(const char *path, char **ret_text, size_t *ret_len, GError **error)
{
    g_autoptr(GError) fault = NULL;
    *ret_text = aws_file_read(path, AWS_CONFIG_BYTES_MAX, ret_len, &fault);
    if (*ret_text)
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

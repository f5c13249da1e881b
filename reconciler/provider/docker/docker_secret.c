#include "reconciler/provider/docker/docker_secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OF_FILE        "file:"
#define OF_ENVIRONMENT "env:"

static bool refuse(GError **error, const char *why)
{
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, why);
    return false;
}

static bool read_all(int fd, GString *text)
{
    char buffer[4096];
    ssize_t got = 1;
    while (got > 0 && text->len <= DOCKER_SECRET_MAX) {
        got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            g_string_append_len(text, buffer, got);
    }
    explicit_bzero(buffer, sizeof buffer);
    return got >= 0;
}

static bool is_text(const GString *text, GError **error)
{
    if (text->len > DOCKER_SECRET_MAX)
        return refuse(error, "it is larger than 64 KiB");
    if (memchr(text->str, '\0', text->len) || !g_utf8_validate(text->str, (gssize)text->len, NULL))
        return refuse(error, "it is no text");
    return true;
}

static char *take(GString *text)
{
    if (text->len > 0 && text->str[text->len - 1] == '\n')
        g_string_truncate(text, text->len - 1);
    return g_string_free(text, FALSE);
}

/* A pipe would wait for a writer, a device for ever. */
static char *read_file(const char *path, GError **error)
{
    struct stat status;
    GString *text = g_string_new(NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is_good = fd >= 0 && fstat(fd, &status) == 0;
    if (!is_good)
        refuse(error, g_strerror(errno));
    else if (!S_ISREG(status.st_mode))
        is_good = refuse(error, "it is no regular file");
    else if (!read_all(fd, text))
        is_good = refuse(error, g_strerror(errno));
    else
        is_good = is_text(text, error);
    if (fd >= 0)
        close(fd);
    if (is_good)
        return take(text);
    explicit_bzero(text->str, text->len);
    g_string_free(text, TRUE);
    return NULL;
}

char *docker_secret_read(const char *value_from, void *data, GError **error)
{
    (void)data;
    if (g_str_has_prefix(value_from, OF_FILE "/"))
        return read_file(value_from + strlen(OF_FILE), error);
    if (!g_str_has_prefix(value_from, OF_ENVIRONMENT)) {
        refuse(error, "on docker a secret is file:/PATH or env:NAME");
        return NULL;
    }
    const char *value = g_getenv(value_from + strlen(OF_ENVIRONMENT));
    bool is_good = value && g_utf8_validate(value, -1, NULL);
    if (!value)
        refuse(error, "muster was started without this variable");
    else if (!is_good)
        refuse(error, "it is no text");
    return is_good ? g_strdup(value) : NULL;
}

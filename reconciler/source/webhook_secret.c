/* webhook_secret.c: see webhook_secret.h. */
#include "reconciler/source/webhook_secret.h"
#include <string.h>
#include "reconciler/source/scan.h"

#define FILE_MAX ((size_t)WEBHOOK_SECRETS_MAX * (WEBHOOK_SECRET_MAX + 2))

static bool fail(GError **error, const char *what, const char *name, const char *why)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s %s (webhook in sources.yaml): %s", what,
                name, why);
    return false;
}

static char *read_file(const char *path, GError **error)
{
    size_t len;
    g_autofree char *name = g_strdup_printf("secretFile %s (webhook in sources.yaml)", path);
    return scan_read_path(path, name, FILE_MAX, &len, error);
}

/* Lines without what ends them; empty ones left out. */
static char **lines_of(const char *text)
{
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        g_autofree char *line = g_strndup(text, len);
        if (len > 0)
            g_strv_builder_add(lines, line);
        text += len + (text[len] ? 1 : 0);
    }
    return g_strv_builder_end(lines);
}

static bool check(char **secrets, const char *what, const char *name, GError **error)
{
    guint count = g_strv_length(secrets);
    if (count == 0)
        return fail(error, what, name, "no secret is in it");
    if (count > WEBHOOK_SECRETS_MAX)
        return fail(error, what, name, "more than four lines are in it");
    for (guint i = 0; i < count; i++)
        if (strlen(secrets[i]) < WEBHOOK_SECRET_MIN || strlen(secrets[i]) > WEBHOOK_SECRET_MAX)
            return fail(error, what, name,
                        "a secret has 16 to 1024 characters; openssl rand -hex 32 makes one");
    return true;
}

char **webhook_secrets_read(const RepoSettings *settings, GError **error)
{
    const char *path = settings->webhook_file, *variable = settings->webhook_env;
    if (!path && !variable) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                    "no secret is given for it: set webhook for its url in sources.yaml");
        return NULL;
    }
    g_autofree char *text = path ? read_file(path, error) : g_strdup(g_getenv(variable));
    if (!text && variable)
        fail(error, "the environment variable", variable, "it is not set");
    if (!text)
        return NULL;
    g_auto(GStrv) secrets = lines_of(text);
    bool is_good =
        check(secrets, path ? "secretFile" : "the environment variable", path ? path : variable, error);
    return is_good ? g_steal_pointer(&secrets) : NULL;
}

#include "reconciler/cli/server_access.h"

#include <openssl/crypto.h>
#include <string.h>
#include "reconciler/api/key.h"
#include "reconciler/cli/report.h"

#define CREDENTIALS_FILE "muster/credentials"

void server_access_free(ServerAccess *access)
{
    if (!access)
        return;
    g_free(access->url);
    g_free(access->id);
    key_secret_free(access->secret);
    g_free(access->authorities);
    g_free(access);
}

const char *server_url(const char *option)
{
    const char *named = g_getenv("MUSTER_SERVER");
    return option ? option : named && *named ? named : NULL;
}

/* ---- the key ---- */

static bool take(const char *id, const char *secret, ServerAccess *access)
{
    if (!id || !secret || !g_str_has_prefix(id, KEY_ID_PREFIX) || strlen(id) != KEY_ID_LEN)
        return false;
    access->id = g_strdup(id);
    access->secret = g_strdup(secret);
    return true;
}

/* Lines NAME=VALUE, as muster key create prints them. */
static char *value_of(char *const *lines, const char *name)
{
    size_t len = strlen(name);
    for (; *lines; lines++)
        if (strncmp(*lines, name, len) == 0 && (*lines)[len] == '=')
            return g_strstrip(*lines + len + 1);
    return NULL;
}

static bool take_file(const char *path, ServerAccess *access)
{
    char *text = NULL;
    gsize len = 0;
    if (!g_file_get_contents(path, &text, &len, NULL))
        return false;
    char **lines = g_strsplit(text, "\n", -1);
    bool is_taken =
        take(value_of(lines, "AWS_ACCESS_KEY_ID"), value_of(lines, "AWS_SECRET_ACCESS_KEY"), access);
    for (char **line = lines; *line; line++)
        OPENSSL_cleanse(*line, strlen(*line));
    OPENSSL_cleanse(text, len);
    g_strfreev(lines);
    g_free(text);
    return is_taken;
}

static bool take_key(ServerAccess *access, GError **error)
{
    g_autofree char *path = g_build_filename(g_get_user_config_dir(), CREDENTIALS_FILE, NULL);
    if (take(g_getenv("MUSTER_ACCESS_KEY_ID"), g_getenv("MUSTER_SECRET_ACCESS_KEY"), access) ||
        take(g_getenv("AWS_ACCESS_KEY_ID"), g_getenv("AWS_SECRET_ACCESS_KEY"), access) ||
        take_file(path, access))
        return true;
    g_set_error(
        error, CLI_ERROR, EXIT_ERROR,
        "%s: no key to sign with: where the daemon runs, muster key create NAME --scope read makes one; put "
        "it into MUSTER_ACCESS_KEY_ID and MUSTER_SECRET_ACCESS_KEY, or what it prints into %s",
        access->url, path);
    return false;
}

ServerAccess *server_access_new(const char *url, GError **error)
{
    g_autoptr(ServerAccess) access = g_new0(ServerAccess, 1);
    const char *authorities = g_getenv("MUSTER_CA_BUNDLE");
    access->url = g_strdup(url);
    for (size_t len = strlen(access->url); len && access->url[len - 1] == '/'; len--)
        access->url[len - 1] = '\0';
    access->authorities = authorities && *authorities ? g_strdup(authorities) : NULL;
    g_autoptr(GUri) parsed = g_uri_parse(access->url, G_URI_FLAGS_NONE, NULL);
    const char *scheme = parsed ? g_uri_get_scheme(parsed) : "";
    bool is_http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    if (!is_http || !g_uri_get_host(parsed) || *g_uri_get_path(parsed) || g_uri_get_userinfo(parsed)) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--server %s: the address of a daemon is expected, as in https://batch.example.org:8443",
                    url);
        return NULL;
    }
    return take_key(access, error) ? g_steal_pointer(&access) : NULL;
}

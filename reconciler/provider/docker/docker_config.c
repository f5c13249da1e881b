#include "reconciler/provider/docker/docker_config.h"
#include <stdint.h>
#include <string.h>

#define HUB           "docker.io"
#define HUB_SERVER    "https://index.docker.io/v1/"
#define HELPER_PREFIX "docker-credential-"
#define TOKEN_USER    "<token>" /* the secret of a helper is an identity token */
#define UNKNOWN       "credentials not found in native keychain"

G_DEFINE_QUARK(docker - config - error - quark, docker_config_error)

static char *fail(GError **error, const char *registry, const char *why)
{
    g_set_error(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_SYNTAX, "credentials of %s: %s", registry,
                why);
    return NULL;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? text : NULL;
}

const char *docker_config_server(const char *registry)
{
    return strcmp(registry, HUB) == 0 ? HUB_SERVER : registry;
}

/* ---- keys ---- */

/* "https://ghcr.io/v2/" → "ghcr.io" */
static bool is_host_of(const char *key, const char *registry)
{
    const char *host = key;
    if (g_str_has_prefix(key, "https://"))
        host += strlen("https://");
    else if (g_str_has_prefix(key, "http://"))
        host += strlen("http://");
    size_t len = strcspn(host, "/");
    return strlen(registry) == len && g_ascii_strncasecmp(host, registry, len) == 0;
}

static bool is_key_of(const char *key, const char *registry)
{
    return is_host_of(key, registry) || (strcmp(registry, HUB) == 0 && is_host_of(key, "index." HUB));
}

/* As written exactly, else by its host. */
static const json_t *entry_of(const json_t *object, const char *registry)
{
    const json_t *exact = json_object_get(object, docker_config_server(registry)), *value;
    const char *key;
    if (exact)
        return exact;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (is_key_of(key, registry))
            return value;
    }
    return NULL;
}

char *docker_config_helper(const json_t *config, const char *registry, GError **error)
{
    const char *own = json_string_value(entry_of(json_object_get(config, "credHelpers"), registry)),
               *name = own ? own : text_of(config, "credsStore");
    if (!name || !*name)
        return NULL;
    if (strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.") != strlen(name))
        return fail(error, registry, "the name of its credential helper is none");
    return g_strconcat(HELPER_PREFIX, name, NULL);
}

/* ---- the header ---- */

static void set(json_t *object, const char *name, const char *value)
{
    if (value)
        json_object_set_new(object, name, json_string(value));
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
}

/* base64url of the object. A token takes the place of user and password. */
static char *header_of(const char *registry, const char *user, const char *password, const char *identity,
                       const char *token)
{
    json_t *object = json_object();
    set(object, "username", identity || token ? NULL : user);
    set(object, "password", identity || token ? NULL : password);
    set(object, "identitytoken", identity);
    set(object, "registrytoken", token);
    set(object, "serveraddress", docker_config_server(registry));
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    char *header = g_base64_encode((const guchar *)text, strlen(text));
    json_decref(object);
    wipe(text);
    free(text);
    return g_strdelimit(g_strdelimit(header, "+", '-'), "/", '_');
}

/* "auth": base64 of USER:PASSWORD. */
static char *header_of_pair(const char *registry, const char *auth, GError **error)
{
    gsize len = 0;
    guchar *bytes = g_base64_decode(auth, &len);
    g_autofree char *pair = g_strndup((const char *)bytes, len);
    char *password = strchr(pair, ':'), *header = NULL;
    explicit_bzero(bytes, len);
    g_free(bytes);
    if (password && password != pair && g_utf8_validate(pair, -1, NULL)) {
        *password++ = '\0';
        header = header_of(registry, pair, password, NULL, NULL);
        wipe(password);
    } else {
        fail(error, registry, "\"auth\" is no base64 of USER:PASSWORD");
    }
    return header;
}

char *docker_config_auth(const json_t *config, const char *registry, GError **error)
{
    const json_t *entry = entry_of(json_object_get(config, "auths"), registry);
    const char *auth = text_of(entry, "auth"), *user = text_of(entry, "username"),
               *password = text_of(entry, "password"), *identity = text_of(entry, "identitytoken"),
               *token = text_of(entry, "registrytoken");
    if (identity || token)
        return header_of(registry, NULL, NULL, identity, token);
    if (auth)
        return header_of_pair(registry, auth, error);
    return user && password ? header_of(registry, user, password, NULL, NULL) : NULL;
}

/* ---- helpers ---- */

char *docker_config_auth_of_helper(View output, const char *registry, GError **error)
{
    json_t *answer = json_loadb(output.data, output.len, 0, NULL);
    const char *user = text_of(answer, "Username"), *secret = text_of(answer, "Secret");
    char *header = NULL;
    if (!user || !secret)
        fail(error, registry, "the credential helper printed no Username and Secret");
    else if (strcmp(user, TOKEN_USER) == 0)
        header = header_of(registry, NULL, NULL, secret, NULL);
    else
        header = header_of(registry, user, secret, NULL, NULL);
    json_decref(answer);
    return header;
}

bool docker_config_is_unknown(View output)
{
    g_autofree char *text = g_strstrip(g_strndup(output.data, output.len));
    return strcmp(text, UNKNOWN) == 0;
}

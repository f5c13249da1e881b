#include "reconciler/provider/docker/docker_endpoint.h"

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define DEFAULT_HOST   "unix://" DEFAULT_SOCKET

void docker_endpoint_free(DockerEndpoint *endpoint)
{
    if (!endpoint)
        return;
    char *const texts[] = {endpoint->text, endpoint->url,  endpoint->unix_socket,
                           endpoint->ca,   endpoint->cert, endpoint->key};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(endpoint);
}

static const char *value_of(DockerLookup variable, void *data, const char *name)
{
    const char *value = variable(name, data);
    return value && *value ? value : NULL;
}

static void set_certificates(DockerEndpoint *endpoint, DockerLookup variable, void *data)
{
    const char *home = value_of(variable, data, "HOME");
    const char *config = value_of(variable, data, "DOCKER_CONFIG");
    const char *stated = value_of(variable, data, "DOCKER_CERT_PATH");
    g_autofree char *at_home = g_build_filename(home ? home : "/", ".docker", NULL);
    const char *path = stated ? stated : config ? config : at_home;
    endpoint->ca = g_build_filename(path, "ca.pem", NULL);
    endpoint->cert = g_build_filename(path, "cert.pem", NULL);
    endpoint->key = g_build_filename(path, "key.pem", NULL);
}

static bool set_address(DockerEndpoint *endpoint, const char *address, bool is_tls, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s://%s", is_tls ? "https" : "http", address);
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    if (!uri || !g_uri_get_host(uri) || !*g_uri_get_host(uri)) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                    "DOCKER_HOST=%s: expected unix://PATH or tcp://HOST:PORT", endpoint->text);
        return false;
    }
    size_t len = strlen(url);
    if (url[len - 1] == '/')
        url[len - 1] = '\0';
    endpoint->url =
        g_uri_get_port(uri) > 0 ? g_steal_pointer(&url) : g_strdup_printf("%s:%d", url, is_tls ? 2376 : 2375);
    return true;
}

DockerEndpoint *docker_endpoint_parse(DockerLookup variable, void *data, GError **error)
{
    const char *host = value_of(variable, data, "DOCKER_HOST");
    bool is_tls = value_of(variable, data, "DOCKER_TLS_VERIFY") != NULL;
    g_autoptr(DockerEndpoint) endpoint = g_new0(DockerEndpoint, 1);
    endpoint->text = g_strdup(host ? host : DEFAULT_HOST);
    if (g_str_has_prefix(endpoint->text, "unix://")) {
        const char *path = endpoint->text + strlen("unix://");
        endpoint->unix_socket = g_strdup(*path ? path : DEFAULT_SOCKET);
        endpoint->url = g_strdup("http://docker");
        return g_steal_pointer(&endpoint);
    }
    const char *address = strstr(endpoint->text, "://");
    bool is_https = g_str_has_prefix(endpoint->text, "https://");
    if (!g_str_has_prefix(endpoint->text, "tcp://") && !g_str_has_prefix(endpoint->text, "http://") &&
        !is_https) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                    "DOCKER_HOST=%s: only unix:// and tcp:// are served; over ssh, forward the socket: "
                    "ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST",
                    endpoint->text);
        return NULL;
    }
    if (!set_address(endpoint, address + strlen("://"), is_tls || is_https, error))
        return NULL;
    if (is_tls || is_https)
        set_certificates(endpoint, variable, data);
    return g_steal_pointer(&endpoint);
}

/* listen_address.c: see listen_address.h. */
#include "reconciler/api/listen_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define LOOPBACK_NET 127

static bool fail(GError **error, const char *text)
{
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "\"%s\" is no address to listen at: write ADDRESS:PORT (127.0.0.1:8080, [::1]:8080), or :8080 "
        "for this machine alone",
        text);
    return false;
}

static bool parse_port(const char *text, in_port_t *ret_port)
{
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return false;
    guint64 port = g_ascii_strtoull(text, NULL, 10);
    *ret_port = htons((uint16_t)port);
    return port <= UINT16_MAX;
}

static bool parse_v4(const char *host, in_port_t port, ListenAddress *ret_address)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&ret_address->address;
    const char *numbers = *host && strcmp(host, "localhost") != 0 ? host : "127.0.0.1";
    address->sin_family = AF_INET;
    address->sin_port = port;
    ret_address->len = sizeof *address;
    bool is_good = inet_pton(AF_INET, numbers, &address->sin_addr) == 1;
    ret_address->is_loopback = ntohl(address->sin_addr.s_addr) >> 24 == LOOPBACK_NET;
    return is_good;
}

static bool parse_v6(const char *host, in_port_t port, ListenAddress *ret_address)
{
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)&ret_address->address;
    address->sin6_family = AF_INET6;
    address->sin6_port = port;
    ret_address->len = sizeof *address;
    bool is_good = inet_pton(AF_INET6, host, &address->sin6_addr) == 1;
    ret_address->is_loopback = IN6_IS_ADDR_LOOPBACK(&address->sin6_addr);
    return is_good;
}

bool listen_address_parse(const char *text, ListenAddress *ret_address, GError **error)
{
    const char *colon = strrchr(text, ':');
    in_port_t port;
    if (!colon || !parse_port(colon + 1, &port))
        return fail(error, text);
    bool is_v6 = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    g_autofree char *host =
        is_v6 ? g_strndup(text + 1, (gsize)(colon - text) - 2) : g_strndup(text, (gsize)(colon - text));
    memset(ret_address, 0, sizeof *ret_address);
    bool is_good = is_v6 ? parse_v6(host, port, ret_address) : parse_v4(host, port, ret_address);
    return is_good || fail(error, text);
}

char *listen_address_text(const ListenAddress *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->address;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        return g_strdup_printf("[%s]:%u", text, ntohs(v6->sin6_port));
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->address;
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return g_strdup_printf("%s:%u", text, ntohs(v4->sin_port));
}

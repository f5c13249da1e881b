/* address_range.c: see address_range.h. */
#include "reconciler/api/address_range.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static unsigned bits_of(int family)
{
    return family == AF_INET ? 32 : 128;
}

bool address_range_parse(const char *text, AddressRange *ret_range, GError **error)
{
    AddressRange range = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    const char *slash = strchr(text, '/');
    g_autofree char *address = slash ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
    guint64 bits = bits_of(range.family);
    bool is_good = inet_pton(range.family, address, range.bytes) == 1 &&
                   (!slash || g_ascii_string_to_unsigned(slash + 1, 10, 0, bits, &bits, NULL));
    range.bits = (unsigned)bits;
    if (is_good) {
        *ret_range = range;
        return true;
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "\"%s\" is no range of addresses, such as 10.0.0.0/8, fd00::/8 or 192.0.2.7", text);
    return false;
}

/* NULL: of another family. */
static const unsigned char *bytes_of(const struct sockaddr *address, int family)
{
    if (!address || address->sa_family != family)
        return NULL;
    return family == AF_INET
               ? (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
               : ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
}

bool address_range_has(const AddressRange *range, const struct sockaddr *address)
{
    const unsigned char *bytes = bytes_of(address, range->family);
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (!bytes || memcmp(bytes, range->bytes, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ range->bytes[whole]) >> (8 - rest)) == 0;
}

bool address_ranges_have(const AddressRange *ranges, size_t len, const struct sockaddr *address)
{
    for (size_t i = 0; i < len; i++)
        if (address_range_has(&ranges[i], address))
            return true;
    return false;
}

bool address_is_loopback(const struct sockaddr *address)
{
    static const AddressRange ranges[] = {{.family = AF_INET, .bytes = {127}, .bits = 8},
                                          {.family = AF_INET6, .bytes = {[15] = 1}, .bits = 128}};
    return address_ranges_have(ranges, G_N_ELEMENTS(ranges), address);
}

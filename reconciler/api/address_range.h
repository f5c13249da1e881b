/* address_range.h: who is on the other side of a connection: this machine, or a proxy that was named.
 * Computes only. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>

typedef struct AddressRange {
    int family; /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
    unsigned bits;
} AddressRange;

/* "10.0.0.0/8", "fd00::/8", or an address alone. False with error, which names the form. */
bool address_range_parse(const char *text, AddressRange *ret_range, GError **error);
bool address_range_has(const AddressRange *range, const struct sockaddr *address);
bool address_ranges_have(const AddressRange *ranges, size_t len, const struct sockaddr *address); /* any */
bool address_is_loopback(const struct sockaddr *address);

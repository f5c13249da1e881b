/* listen_address.h: where --listen says that HTTP is served.
 * Owns:   nothing.
 * Calls:  the C library; looks nothing up. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>

typedef struct {
    struct sockaddr_storage address;
    socklen_t len;
    bool is_loopback; /* only this machine reaches it */
} ListenAddress;

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", or ":8080" for 127.0.0.1. Port 0: one that is free. False
 * with error, which names the form. */
bool listen_address_parse(const char *text, ListenAddress *ret_address, GError **error);
/* As it is written in a URL; new string. */
char *listen_address_text(const ListenAddress *address);

/* server_access.h: which daemon elsewhere a command means (--server), and the key that it signs with.
 * Owns:   ServerAccess owns its text; the secret is wiped.
 * Calls:  GLib, the environment, one file.
 * Holds:  the key is, the first that is there: MUSTER_ACCESS_KEY_ID and MUSTER_SECRET_ACCESS_KEY;
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where the id is one of muster's; the file muster/credentials
 * of the user's configuration directory, as muster key create prints it. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *url; /* without a slash at its end */
    char *id, *secret;
    char *authorities; /* file of the certificate authorities to trust; NULL: the system's */
} ServerAccess;

void server_access_free(ServerAccess *access);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerAccess, server_access_free)

/* --server, else $MUSTER_SERVER; NULL: the daemon of a state directory here is meant. */
const char *server_url(const char *option);
/* NULL with error, which says where a key would be taken from. */
ServerAccess *server_access_new(const char *url, GError **error);

/* against.h: the snapshot that --against names: a file, "-" for standard input, or an http(s) URL.
 * Owns:   nothing.
 * Calls:  libcurl, plan/state_snapshot, api/state_publish (the identity of a state directory).
 * Holds:  what comes from outside has a limit of size and time (invariant 9), and is refused whole where it
 * is cut, changed, of another format or of another installation. */
#pragma once
#include "reconciler/plan/state_snapshot.h"

typedef struct {
    const char *where;        /* as given */
    const char *installation; /* --installation: the one that it must be of; NULL: any */
    const char *state_dir;    /* absolute; where it has an identity, the snapshot must be of it */
} AgainstOptions;

#define AGAINST_BYTES_MAX  ((size_t)256 * 1024 * 1024)
#define AGAINST_TIME_MAX_S 60L

/* The snapshot of a daemon elsewhere, as text (new) and read. */
char *against_server_text(const char *server, GError **error);
StateSnapshot *against_server(const char *server, GError **error);
StateSnapshot *against_load(const AgainstOptions *options, GError **error);

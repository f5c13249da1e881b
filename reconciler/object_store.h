/* object_store.h: a file goes to S3 and comes from there: where backups are kept.
 * Calls:  libcurl (which signs), credentials as for everything else on AWS, the file system.
 * Holds:  each call blocks, with a time limit where nothing moves; a file that was got is whole or not there;
 * what was put is checked by S3 against its digest. Source: the S3 API's PutObject, GetObject. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *bucket, *key; /* key may end with '/': a prefix */
} ObjectPlace;
/* "s3://BUCKET/KEY". False with error (G_CONVERT_ERROR_BAD_URI). */
bool object_place_parse(const char *text, ObjectPlace *ret_place, GError **error);
void object_place_clear(ObjectPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ObjectPlace, object_place_clear)
/* The path in a request: of the bucket where it is not in the host's name; every byte but unreserved ones and
 * '/' is escaped. New string. */
char *object_path(const ObjectPlace *place, bool has_bucket);

/* fd: a file from its beginning, borrowed; at most 5 GiB, S3's limit of one request. url: "s3://BUCKET/KEY".
 */
bool object_put(const char *url, int fd, GError **error);
/* path: mode 0600, replaced. */
bool object_get(const char *url, const char *path, GError **error);

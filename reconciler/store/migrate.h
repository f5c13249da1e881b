/* migrate.h: the database's schema and the steps that lead to it.
 * Owns:   the SQL of every version; user_version in the file says which one it has.
 * Calls:  database.h.
 * Holds:  a step once released is never edited: a change is a new step at the end. Each step commits alone,
 * so an interrupted migration goes on where it stopped. A file that is newer than the last step is refused.
 */
#pragma once
#include "reconciler/store/database.h"

#define STORE_APPLICATION_ID 0x6d757374 /* "must", in the file's header: `file` and we know whose it is */

extern const char *const store_migrations[]; /* [n] leads from version n to n + 1 */
extern const int store_version;              /* the last step's */

/* Brings the file from its version to `len`, step by step. An empty file starts at 0. */
bool migrate_run(Database *database, const char *const *steps, int len, GError **error);
/* For readers, which change nothing: the file must have exactly this version. */
bool migrate_check(Database *database, int version, GError **error);

/* repo_trust.h: whom a source's signatures are believed: `verify` of sources.yaml with the files that it
 * names, read once.
 * Owns:   a RepoTrust owns what it read.
 * Calls:  repo_settings.h, the file system.
 * Holds:  its digest stands for everything that a verdict depends on but the object itself; what is checked
 * against is what was read, whatever becomes of the files. A file that others may write is refused. */
#pragma once
#include "reconciler/source/repo_settings.h"

#define TRUST_DIGEST_HEX 64

typedef struct {
    char *path; /* as sources.yaml names it */
    char *data;
    size_t len;
} TrustFile;

typedef struct {
    bool wants_tag;             /* what: tag */
    char **principals;          /* NULL: any */
    TrustFile allowed, revoked; /* path NULL: not given */
    TrustFile *keys;            /* of OpenPGP */
    size_t keys_len;
    char digest[TRUST_DIGEST_HEX + 1];
} RepoTrust;

/* NULL with error: a file cannot be read. verify: not NULL. */
RepoTrust *repo_trust_load(const RepoVerify *verify, GError **error);
void repo_trust_free(RepoTrust *trust);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoTrust, repo_trust_free)

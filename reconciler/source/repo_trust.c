/* repo_trust.c: see repo_trust.h. */
#include "reconciler/source/repo_trust.h"
#include "reconciler/source/own_file.h"
#include "reconciler/source/source.h"

#define TRUST_FILE_MAX ((size_t)4 << 20)

static bool read_file(const char *member, const char *path, TrustFile *file, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s %s (verify in sources.yaml)", member, path);
    const OwnFile own = {.path = path,
                         .name = name,
                         .max = TRUST_FILE_MAX,
                         .must_exist = true,
                         .why = "it says who is trusted"};
    file->path = g_strdup(path);
    return own_file_read(&own, &file->data, &file->len, error);
}

static void file_clear(TrustFile *file)
{
    g_free(file->path);
    g_free(file->data);
}

void repo_trust_free(RepoTrust *trust)
{
    if (!trust)
        return;
    for (size_t i = 0; i < trust->keys_len; i++)
        file_clear(&trust->keys[i]);
    g_free(trust->keys);
    file_clear(&trust->allowed);
    file_clear(&trust->revoked);
    g_strfreev(trust->principals);
    g_free(trust);
}

/* Each part with its kind and length before it, so that no two settings make the same text. */
static void digest_part(GChecksum *checksum, char kind, const char *data, size_t len)
{
    g_autofree char *head = g_strdup_printf("%c%zu:", kind, len);
    g_checksum_update(checksum, (const guchar *)head, (gssize)strlen(head));
    g_checksum_update(checksum, (const guchar *)(data ? data : ""), (gssize)len);
}

static void set_digest(RepoTrust *trust)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    digest_part(checksum, trust->wants_tag ? 't' : 'c', NULL, 0);
    for (char **principal = trust->principals; principal && *principal; principal++)
        digest_part(checksum, 'p', *principal, strlen(*principal));
    if (trust->allowed.data)
        digest_part(checksum, 'a', trust->allowed.data, trust->allowed.len);
    if (trust->revoked.data)
        digest_part(checksum, 'r', trust->revoked.data, trust->revoked.len);
    for (size_t i = 0; i < trust->keys_len; i++)
        digest_part(checksum, 'k', trust->keys[i].data, trust->keys[i].len);
    g_strlcpy(trust->digest, g_checksum_get_string(checksum), sizeof trust->digest);
}

RepoTrust *repo_trust_load(const RepoVerify *verify, GError **error)
{
    g_autoptr(RepoTrust) trust = g_new0(RepoTrust, 1);
    size_t keys = verify->openpgp_keys ? g_strv_length(verify->openpgp_keys) : 0;
    trust->wants_tag = verify->wants_tag;
    trust->principals = g_strdupv(verify->principals);
    trust->keys = g_new0(TrustFile, keys);
    trust->keys_len = keys;
    if (verify->allowed_signers &&
        !read_file("allowedSigners", verify->allowed_signers, &trust->allowed, error))
        return NULL;
    if (verify->revoked_keys && !read_file("revokedKeys", verify->revoked_keys, &trust->revoked, error))
        return NULL;
    for (size_t i = 0; i < keys; i++)
        if (!read_file("openpgpKeys", verify->openpgp_keys[i], &trust->keys[i], error))
            return NULL;
    set_digest(trust);
    return g_steal_pointer(&trust);
}

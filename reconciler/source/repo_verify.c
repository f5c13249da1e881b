/* repo_verify.c: see repo_verify.h. */
#include "reconciler/source/repo_verify.h"
#include <git2.h>
#include <string.h>
#include "reconciler/source/repo_author.h"
#include "reconciler/source/signature_check.h"
#include "reconciler/source/source.h"

#define TAGS         "refs/tags/"
#define RECORDS_MAX  16
#define RECORD_PARTS 4
#define SHORT_ID     8

typedef struct {
    const RepoVerifying *of;
    const RepoTrust *trust;
    const char *commit;
    git_repository *repository;
    char object[REPO_COMMIT_HEX + 1]; /* that must be signed; "": not known */
    char *tag;                        /* its name; NULL: the commit itself */
} Verify;

/* ---- what was verified before ---- */

/* Lines, the newest first: OBJECT COMMIT TRUST SIGNER. */
static char **records_read(const char *path)
{
    g_autofree char *text = NULL;
    bool is_read = g_file_get_contents(path, &text, NULL, NULL);
    return g_strsplit(is_read ? text : "", "\n", RECORDS_MAX + 1);
}

/* By the object; where that is not known, of a commit that was chosen before, by that. New string; NULL:
 * nothing is known of it. */
static char *records_find(const Verify *verify)
{
    g_auto(GStrv) lines = records_read(verify->of->records);
    if (!verify->object[0] && !verify->of->is_chosen)
        return NULL;
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", RECORD_PARTS);
        if (g_strv_length(parts) == RECORD_PARTS && strcmp(parts[2], verify->trust->digest) == 0 &&
            strcmp(parts[1], verify->commit) == 0 &&
            (!verify->object[0] || strcmp(parts[0], verify->object) == 0))
            return g_strdup(parts[3]);
    }
    return NULL;
}

/* Best effort: what is not kept is verified again. */
static void records_add(const Verify *verify, const char *signer)
{
    g_auto(GStrv) lines = records_read(verify->of->records);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s %s %s %s\n", verify->object, verify->commit, verify->trust->digest,
                           signer);
    for (size_t i = 0; lines[i] && i + 1 < RECORDS_MAX; i++)
        if (*lines[i])
            g_string_append_printf(text, "%s\n", lines[i]);
    g_file_set_contents_full(verify->of->records, text->str, (gssize)text->len,
                             G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
    g_string_free(text, TRUE);
}

/* ---- which object ---- */

static bool fail_damaged(const char *what, GError **error)
{
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_DAMAGED, "the mirror's object %.12s cannot be read: %s",
                what, repo_library_message());
    return false;
}

/* Where there is no tag, or it leads to another commit by now, the object stays unknown. */
static void find_tag(Verify *verify)
{
    git_oid id;
    git_reference *reference = NULL;
    git_object *peeled = NULL;
    g_autofree char *name = repo_mirror_tag(verify->of->objects);
    bool is_there = name && git_reference_name_to_id(&id, verify->repository, name) == 0 &&
                    git_reference_lookup(&reference, verify->repository, name) == 0 &&
                    git_reference_peel(&peeled, reference, GIT_OBJECT_COMMIT) == 0;
    char commit[REPO_COMMIT_HEX + 1] = "";
    if (is_there)
        git_oid_tostr(commit, sizeof commit, git_object_id(peeled));
    if (strcmp(commit, verify->commit) == 0) {
        git_oid_tostr(verify->object, sizeof verify->object, &id);
        verify->tag = g_strdup(name + strlen(TAGS));
    }
    git_object_free(peeled);
    git_reference_free(reference);
}

static void find_object(Verify *verify)
{
    if (verify->trust->wants_tag)
        find_tag(verify);
    else
        g_strlcpy(verify->object, verify->commit, sizeof verify->object);
}

/* ---- whether it is signed ---- */

static bool parse(const Verify *verify, git_odb_object *raw, SignedObject *ret_object, GError **error)
{
    View text = {git_odb_object_data(raw), git_odb_object_size(raw)};
    git_object_t type = git_odb_object_type(raw);
    if (verify->tag && type == GIT_OBJECT_COMMIT)
        return signature_refuse(error, "is a tag without an object of its own (a lightweight one), which "
                                       "cannot be signed: git tag -s makes one that is");
    if (type != (verify->tag ? GIT_OBJECT_TAG : GIT_OBJECT_COMMIT))
        return signature_refuse(error, "is not what it is taken for");
    const char *fault =
        verify->tag ? signed_tag_parse(text, ret_object) : signed_commit_parse(text, ret_object);
    if (fault)
        return signature_refuse(error, "is not taken: it %s", fault);
    if (verify->tag && strcmp(ret_object->tag_name, verify->tag) != 0) {
        g_autofree char *name = signature_printable(ret_object->tag_name);
        return signature_refuse(error, "is the tag %s by another name", name);
    }
    return true;
}

/* The size stands in the object's head: what is too large is never inflated. */
static bool read_object(const Verify *verify, SignedObject *ret_object, GError **error)
{
    git_oid id;
    git_odb *database = NULL;
    git_odb_object *raw = NULL;
    size_t len;
    git_object_t type;
    bool is_good = git_oid_fromstr(&id, verify->object) == 0 &&
                   git_repository_odb(&database, verify->repository) == 0 &&
                   git_odb_read_header(&len, &type, database, &id) == 0;
    if (!is_good)
        fail_damaged(verify->object, error);
    else if (len > SIGNED_OBJECT_MAX)
        is_good = signature_refuse(error, "is not taken: it is larger than 4 MiB");
    else if (git_odb_read(&raw, database, &id) != 0)
        is_good = fail_damaged(verify->object, error);
    if (is_good)
        is_good = parse(verify, raw, ret_object, error);
    git_odb_object_free(raw);
    git_odb_free(database);
    return is_good;
}

static bool check(const Verify *verify, const SignedObject *object, char **ret_signer, GError **error)
{
    SignatureCheck signature = {.object = object, .trust = verify->trust, .cancel_fd = verify->of->cancel_fd};
    switch (object->format) {
    case SIGNATURE_SSH: return signature_check_ssh(&signature, ret_signer, error);
    case SIGNATURE_OPENPGP: return signature_check_openpgp(&signature, ret_signer, error);
    case SIGNATURE_OTHER:
        return signature_refuse(error, "has a signature that is neither of ssh nor of OpenPGP");
    case SIGNATURE_NONE: break;
    }
    return signature_refuse(error, "is not signed; %s",
                            verify->tag ? "git tag -s makes a tag that is"
                                        : "git commit --amend -S signs it");
}

/* "commit 1a2b3c4d by Ada is not signed": of which the caller's error has the end. */
static void name_object(const Verify *verify, GError **error)
{
    g_autofree char *author = repo_author(verify->repository, verify->commit);
    if (verify->tag)
        g_prefix_error(error, "tag %s of commit %.*s ", verify->tag, SHORT_ID, verify->commit);
    else
        g_prefix_error(error, "commit %.*s by %s ", SHORT_ID, verify->commit, author ? author : "nobody");
}

/* What is remembered is that the signature was good; what the object says is looked at each time. */
static bool verify_with(Verify *verify, char **ret_signature, GError **error)
{
    g_auto(SignedObject) object = {0};
    find_object(verify);
    if (verify->object[0] && !read_object(verify, &object, error))
        return false;
    *ret_signature = records_find(verify);
    if (*ret_signature)
        return true;
    if (!verify->object[0])
        return signature_refuse(
            error, "is named by no tag, and what: tag of verify wants one: name a tag or semver:RANGE");
    if (!check(verify, &object, ret_signature, error))
        return false;
    records_add(verify, *ret_signature);
    return true;
}

bool repo_verify(const RepoVerifying *verifying, const char *commit, char **ret_signature, GError **error)
{
    if (!verifying->settings->verify)
        return true;
    g_autoptr(RepoTrust) trust = repo_trust_load(verifying->settings->verify, error);
    Verify verify = {.of = verifying, .trust = trust, .commit = commit};
    char *signature = NULL;
    if (!trust)
        return false;
    if (git_repository_open_bare(&verify.repository, repo_mirror_path(verifying->objects)) != 0)
        return fail_damaged(repo_mirror_path(verifying->objects), error);
    bool is_good = verify_with(&verify, &signature, error);
    if (is_good)
        *ret_signature = signature;
    else
        name_object(&verify, error);
    g_free(verify.tag);
    git_repository_free(verify.repository);
    return is_good;
}

#include <git2.h>
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/signed_object.h"
#include "tests/unit/source/tree.h"

#define TREE      "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
#define PARENT    "parent 1111111111111111111111111111111111111111\n"
#define AUTHOR    "author Ada <ada@example.org> 1700000000 +0100\n"
#define COMMITTER "committer Web > <web@example.org> 1700000007 -0130\n"
#define HEAD      TREE PARENT AUTHOR COMMITTER
#define SSH       "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"
#define SSH_IN    "gpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lH\n -----END SSH SIGNATURE-----\n"
#define PGP       "-----BEGIN PGP SIGNATURE-----\n\niHUE\n-----END PGP SIGNATURE-----\n"
#define PGP_IN    "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iHUE\n -----END PGP SIGNATURE-----\n"
#define MERGETAG  "mergetag object 2222222222222222222222222222222222222222\n type commit\n gpgsig x\n"
#define TAG       "object 3333333333333333333333333333333333333333\ntype commit\ntag v1.2\n"
#define TAGGER    "tagger Ada <ada@example.org> 1700000042 +0000\n"

static View text_of(const char *text)
{
    return view_from(text);
}

typedef struct {
    const char *text, *payload, *signature;
    SignatureFormat format;
    int64_t time_s;
} Case;

static void check_case(const Case *one, const char *(*parse)(View, SignedObject *))
{
    g_auto(SignedObject) object = {0};
    g_assert_cmpstr(parse(text_of(one->text), &object), ==, NULL);
    g_assert_cmpint(object.format, ==, one->format);
    g_assert_cmpstr(object.payload, ==, one->payload);
    g_assert_cmpuint(object.payload_len, ==, strlen(one->payload));
    g_assert_cmpstr(object.signature, ==, one->signature);
    g_assert_cmpint(object.time_s, ==, one->time_s);
}

static void test_commits(void)
{
    static const Case cases[] = {
        {HEAD "\nm\n", HEAD "\nm\n", NULL, SIGNATURE_NONE, 1700000007},
        {TREE AUTHOR COMMITTER "\n", TREE AUTHOR COMMITTER "\n", NULL, SIGNATURE_NONE, 1700000007},
        {HEAD SSH_IN "\nm\n", HEAD "\nm\n", SSH, SIGNATURE_SSH, 1700000007},
        {HEAD PGP_IN "\nm\n", HEAD "\nm\n", PGP, SIGNATURE_OPENPGP, 1700000007},
        /* what stands around it was signed */
        {HEAD "encoding latin1\n" SSH_IN MERGETAG "\nm\n", HEAD "encoding latin1\n" MERGETAG "\nm\n", SSH,
         SIGNATURE_SSH, 1700000007},
        /* a message is no header */
        {HEAD "\n" SSH_IN SSH, HEAD "\n" SSH_IN SSH, NULL, SIGNATURE_NONE, 1700000007},
        /* as GitHub writes it: a blank line behind the end */
        {HEAD "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n \n\nm", HEAD "\nm",
         "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n\n", SIGNATURE_OPENPGP,
         1700000007},
        {HEAD "gpgsig -----BEGIN SIGNED MESSAGE-----\n x\n -----END SIGNED MESSAGE-----\n\nm", HEAD "\nm",
         "-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----\n", SIGNATURE_OTHER, 1700000007},
        {HEAD "gpgsig what is this\n\nm", HEAD "\nm", "what is this\n", SIGNATURE_OTHER, 1700000007},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        check_case(&cases[i], signed_commit_parse);
}

static void test_tags(void)
{
    static const Case cases[] = {
        {TAG TAGGER "\nm\n", TAG TAGGER "\nm\n", NULL, SIGNATURE_NONE, 1700000042},
        {TAG TAGGER "\nm\n" SSH, TAG TAGGER "\nm\n", SSH, SIGNATURE_SSH, 1700000042},
        {TAG TAGGER "\n" PGP, TAG TAGGER "\n", PGP, SIGNATURE_OPENPGP, 1700000042},
        {TAG "\nold\n" PGP, TAG "\nold\n", PGP, SIGNATURE_OPENPGP, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        check_case(&cases[i], signed_tag_parse);
    g_auto(SignedObject) object = {0};
    g_assert_null(signed_tag_parse(VIEW(TAG TAGGER "\n"), &object));
    g_assert_cmpstr(object.tag_name, ==, "v1.2");
}

/* Whatever two readers could read in two ways. */
static void test_refused(void)
{
    static const char *const commits[][2] = {
        {"", "in their order"},
        {AUTHOR COMMITTER "\nm", "in their order"},
        {TREE COMMITTER AUTHOR "\nm", "in their order"},
        {TREE AUTHOR "\nm", "in their order"},
        {TREE AUTHOR PARENT COMMITTER "\nm", "in their order"},
        {HEAD " goes on\n\nm", "in their order"},
        {HEAD TREE "\nm", "twice"},
        {HEAD SSH_IN PARENT "\nm", "twice"},
        {HEAD "encoding x\n" COMMITTER "\nm", "twice"},
        {HEAD SSH_IN SSH_IN "\nm", "several"},
        {HEAD SSH_IN "encoding x\n" PGP_IN "\nm", "several"},
        {HEAD "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----BEGIN SSH SIGNATURE-----\n -----END SSH "
              "SIGNATURE-----\n\nm",
         "several"},
        {HEAD "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----\n more\n\nm", "behind"},
        {HEAD "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n\nm", "breaks off"},
        {HEAD "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\nm", "breaks off"},
        {HEAD "gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----\n\nm",
         "gpgsig-sha256"},
        {HEAD SSH_IN, "no end"},
        {HEAD "encoding x", "no end"},
        {TREE AUTHOR "committer Ada <a> soon +0000\n\nm", "no time"},
        {TREE AUTHOR "committer Ada 1700000000 +0000\n\nm", "no time"},
        {TREE AUTHOR "committer Ada <a> 1700000000 +00:00\n\nm", "no time"},
        {TREE AUTHOR "committer Ada <a> 1700000000\n\nm", "no time"},
    };
    static const char *const tags[][2] = {
        {TAGGER TAG "\nm", "in their order"},
        {TAG TAGGER SSH_IN "\nm", "other headers"},
        {TAG TAGGER TAGGER "\nm", "other headers"},
        {TAG TAGGER, "other headers"},
        {TAG "tagger Ada <a> x +0000\n\n", "no time"},
        {TAG TAGGER "\nm\n" SSH SSH, "several"},
        {TAG TAGGER "\nm\n" PGP "m\n" SSH, "several"},
        {TAG TAGGER "\nm\n" SSH "more\n", "behind"},
        {TAG TAGGER "\nm\n-----BEGIN SSH SIGNATURE-----\n", "breaks off"},
    };
    SignedObject object = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(commits); i++) {
        const char *fault = signed_commit_parse(text_of(commits[i][0]), &object);
        if (!fault || !strstr(fault, commits[i][1]))
            g_error("commit %zu: %s", i, fault);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        const char *fault = signed_tag_parse(text_of(tags[i][0]), &object);
        if (!fault || !strstr(fault, tags[i][1]))
            g_error("tag %zu: %s", i, fault);
    }
    g_assert_null(object.payload);
}

static void test_limits(void)
{
    SignedObject object = {0};
    g_autofree char *long_line = g_strnfill((gsize)SIGNATURE_MAX, 'x');
    g_autofree char *long_text = g_strnfill(SIGNED_OBJECT_MAX, 'm');
    g_autofree char *signature = g_strdup_printf(
        HEAD "gpgsig -----BEGIN SSH SIGNATURE-----\n %s\n -----END SSH SIGNATURE-----\n\nm", long_line);
    g_autofree char *message = g_strconcat(HEAD "\n", long_text, NULL);
    g_assert_nonnull(strstr(signed_commit_parse(text_of(signature), &object), "64 KiB"));
    g_assert_nonnull(strstr(signed_commit_parse(text_of(message), &object), "4 MiB"));
    g_assert_nonnull(strstr(signed_commit_parse(VIEW(HEAD "\nm\0n"), &object), "NUL"));
    g_assert_nonnull(strstr(signed_tag_parse(VIEW(TAG TAGGER "\n\0"), &object), "NUL"));
    g_assert_null(object.payload);
}

/* What libgit2 takes for the signature and for what was signed is the same. */
static void test_as_libgit2(void)
{
    static const char *const signatures[] = {SSH, PGP};
    g_autofree char *root = tree_new();
    git_repository *repository = NULL;
    repo_library_init();
    g_assert_cmpint(git_repository_init(&repository, root, 1), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++) {
        git_oid id;
        git_buf signature = {0}, payload = {0};
        git_odb *database = NULL;
        git_odb_object *raw = NULL;
        g_auto(SignedObject) object = {0};
        git_treebuilder *builder = NULL;
        git_oid tree;
        g_assert_cmpint(git_treebuilder_new(&builder, repository, NULL), ==, 0);
        g_assert_cmpint(git_treebuilder_write(&tree, builder), ==, 0);
        git_treebuilder_free(builder);
        g_assert_cmpint(git_commit_create_with_signature(&id, repository, TREE AUTHOR COMMITTER "\nm\n",
                                                         signatures[i], NULL),
                        ==, 0);
        g_assert_cmpint(git_commit_extract_signature(&signature, &payload, repository, &id, NULL), ==, 0);
        g_assert_cmpint(git_repository_odb(&database, repository), ==, 0);
        g_assert_cmpint(git_odb_read(&raw, database, &id), ==, 0);
        View text = {git_odb_object_data(raw), git_odb_object_size(raw)};
        g_assert_null(signed_commit_parse(text, &object));
        g_assert_cmpuint(object.payload_len, ==, payload.size);
        g_assert_cmpint(memcmp(object.payload, payload.ptr, payload.size), ==, 0);
        g_assert_true(g_str_has_prefix(object.signature, g_strchomp(signature.ptr)));
        git_buf_dispose(&signature);
        git_buf_dispose(&payload);
        git_odb_object_free(raw);
        git_odb_free(database);
    }
    git_repository_free(repository);
    tree_remove(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/signed_object/commits", test_commits);
    g_test_add_func("/source/signed_object/tags", test_tags);
    g_test_add_func("/source/signed_object/refused", test_refused);
    g_test_add_func("/source/signed_object/limits", test_limits);
    g_test_add_func("/source/signed_object/as-libgit2", test_as_libgit2);
    return g_test_run();
}

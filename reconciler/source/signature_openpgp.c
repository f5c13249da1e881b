/* signature_openpgp.c: both ends of the helper process that asks gpgme. See signature_openpgp.h. */
#include "reconciler/source/signature_openpgp.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gpgme.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "reconciler/source/signature_check.h"
#include "reconciler/source/source.h"

#define HOME_FORM  "muster-gpg-XXXXXX"
#define FILES_OPEN 8
#define ARGUMENTS  4 /* before the keys */

/* What gpg must not do. trust: whoever's key is in the file is trusted; nobody is asked for more. */
static const char configuration[] = "batch\nno-autostart\nno-auto-key-retrieve\nno-auto-key-locate\n"
                                    "no-auto-check-trustdb\ntrust-model always\n";

/* The words of the answer. */
static const struct {
    const char *word, *text; /* after "is signed with the OpenPGP key …, " */
} verdicts[] = {{"good", ""},
                {"unknown", "which is in no file of openpgpKeys"},
                {"expired-key", "which has expired; if it was renewed, export it again"},
                {"revoked-key", "which its owner has revoked"},
                {"expired-signature", "and the signature has expired"},
                {"bad", "but was changed after it was signed: the signature is not of its content"},
                {"several", "and with others: one signature is expected"},
                {"unusable", "in a way that gpg does not accept"}};

/* ---- in the helper ---- */

static int fail(const char *what, gpgme_error_t fault)
{
    bool is_missing = gpgme_err_code(fault) == GPG_ERR_INV_ENGINE;
    fprintf(stderr, "%s: %s%s\n", what, gpgme_strerror(fault), is_missing ? "; install gnupg" : "");
    return 1;
}

static int descriptor_of(const char *argument)
{
    return (int)g_ascii_strtoll(argument, NULL, 10);
}

static gpgme_error_t import(gpgme_ctx_t context, int fd)
{
    gpgme_data_t keys = NULL;
    gpgme_error_t fault = gpgme_data_new_from_fd(&keys, fd);
    if (!fault)
        fault = gpgme_op_import(context, keys);
    gpgme_data_release(keys);
    if (fault)
        return fault;
    gpgme_import_result_t result = gpgme_op_import_result(context);
    if (result->secret_read > 0)
        return gpgme_error(GPG_ERR_UNUSABLE_SECKEY);
    return result->considered > 0 ? 0 : gpgme_error(GPG_ERR_NO_PUBKEY);
}

static const char *verdict_of(const struct _gpgme_signature *signature)
{
    if (signature->next)
        return "several";
    switch (gpgme_err_code(signature->status)) {
    case GPG_ERR_NO_ERROR: return "good";
    case GPG_ERR_NO_PUBKEY: return "unknown";
    case GPG_ERR_KEY_EXPIRED: return "expired-key";
    case GPG_ERR_CERT_REVOKED: return "revoked-key";
    case GPG_ERR_SIG_EXPIRED: return "expired-signature";
    case GPG_ERR_BAD_SIGNATURE: return "bad";
    default: return "unusable";
    }
}

static void answer(gpgme_ctx_t context, const struct _gpgme_signature *signature)
{
    gpgme_key_t key = NULL;
    const char *fingerprint = signature->fpr && *signature->fpr ? signature->fpr : "-", *user = "";
    if (gpgme_get_key(context, fingerprint, &key, 0) == 0 && key->fpr) {
        fingerprint = key->fpr; /* of the primary key, whichever subkey signed */
        user = key->uids && key->uids->uid ? key->uids->uid : "";
    }
    g_autofree char *shown = signature_printable(user);
    printf("%s %s %s\n", verdict_of(signature), fingerprint, shown);
    if (key)
        gpgme_key_unref(key);
}

static gpgme_error_t verify(gpgme_ctx_t context, int signature_fd)
{
    gpgme_data_t signature = NULL, payload = NULL;
    gpgme_error_t fault = gpgme_data_new_from_fd(&signature, signature_fd);
    if (!fault)
        fault = gpgme_data_new_from_fd(&payload, STDIN_FILENO);
    if (!fault)
        fault = gpgme_op_verify(context, signature, payload, NULL);
    gpgme_data_release(signature);
    gpgme_data_release(payload);
    return fault;
}

int signature_openpgp_main(int argc, char **argv)
{
    gpgme_ctx_t context = NULL;
    if (argc <= ARGUMENTS)
        return fail("arguments", gpgme_error(GPG_ERR_INV_ARG));
    gpgme_check_version(NULL);
    gpgme_error_t fault = gpgme_new(&context);
    if (!fault)
        fault = gpgme_ctx_set_engine_info(context, GPGME_PROTOCOL_OpenPGP, NULL, argv[2]);
    if (fault)
        return fail("gpgme", fault);
    gpgme_set_offline(context, 1);
    for (int i = ARGUMENTS; i < argc; i++)
        if ((fault = import(context, descriptor_of(argv[i]))) != 0)
            return fail("openpgpKeys", fault);
    fault = verify(context, descriptor_of(argv[3])); /* gpg is there: what fails now is the signature */
    gpgme_verify_result_t result = fault ? NULL : gpgme_op_verify_result(context);
    if (result && result->signatures)
        answer(context, result->signatures);
    else
        puts("unusable -");
    gpgme_release(context);
    return 0;
}

/* ---- in muster ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* gpg's home for this one check. NULL with error. */
static char *home_new(GError **error)
{
    static const char *const files[] = {"gpg.conf", "common.conf"};
    char *home = g_dir_make_tmp(HOME_FORM, error);
    for (size_t i = 0; home && i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(home, files[i], NULL);
        if (!g_file_set_contents(path, i == 0 ? configuration : "", -1, error)) {
            nftw(home, remove_one, FILES_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
            g_clear_pointer(&home, g_free);
        }
    }
    return home;
}

/* Descriptors that the helper gets: itself, the signature, the keys. */
static GArray *open_files(const SignatureCheck *check, GError **error)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    const RepoTrust *trust = check->trust;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "/proc/self/exe: %s", g_strerror(errno));
    for (size_t i = 0; fd >= 0 && i <= trust->keys_len + 1; i++) {
        g_array_append_val(fds, fd);
        if (i == 0)
            fd = helper_file(check->object->signature, strlen(check->object->signature), error);
        else if (i <= trust->keys_len)
            fd = helper_file(trust->keys[i - 1].data, trust->keys[i - 1].len, error);
    }
    if (fd >= 0)
        return g_steal_pointer(&fds);
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    return NULL;
}

static char **arguments_of(const GArray *fds, const char *home)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    for (guint i = 0; i < fds->len; i++) {
        g_autofree char *number = g_strdup_printf("%s%d", i ? "" : "/dev/fd/", g_array_index(fds, int, i));
        g_strv_builder_add(arguments, number);
        if (i == 0) {
            g_strv_builder_add(arguments, SIGNATURE_OPENPGP_WORD);
            g_strv_builder_add(arguments, home);
        }
    }
    return g_strv_builder_end(arguments);
}

static bool run(const SignatureCheck *check, const GArray *fds, HelperEnd *ret_end, GError **error)
{
    g_autofree char *home = home_new(error);
    int payload = home ? helper_file(check->object->payload, check->object->payload_len, error) : -1;
    bool is_run = false;
    if (payload >= 0) {
        g_auto(GStrv) arguments = arguments_of(fds, home);
        g_auto(GStrv) environment =
            g_environ_setenv(signature_check_environment(home), "GNUPGHOME", home, TRUE);
        HelperCommand command = {.arguments = (const char *const *)arguments,
                                 .environment = environment,
                                 .kept = (const int *)(void *)fds->data,
                                 .kept_len = fds->len,
                                 .input_fd = payload,
                                 .keeps_output = true,
                                 .timeout_ms = SIGNATURE_CHECK_MS,
                                 .cancel_fd = check->cancel_fd};
        is_run =
            helper_run(&command, ret_end, error) && signature_check_ended(ret_end, "gpg", "gnupg", error);
        close(payload);
    }
    if (home)
        nftw(home, remove_one, FILES_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return is_run;
}

static bool read_answer(const HelperEnd *end, char **ret_signer, GError **error)
{
    g_auto(GStrv) words = g_strsplit(g_strchomp(end->out->str), " ", 3);
    if (!helper_is_good(end) || g_strv_length(words) < 2) {
        g_autofree char *said = signature_printable(g_strchomp(end->error->str));
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "cannot be verified: %s",
                    *said ? said : "gpg gave no answer");
        return false;
    }
    const char *user = words[2] ? words[2] : "", *fingerprint = words[1];
    if (strcmp(words[0], verdicts[0].word) == 0) {
        *ret_signer = g_strdup_printf("%s (openpgp %s)", *user ? user : "-", fingerprint);
        return true;
    }
    const char *why = verdicts[G_N_ELEMENTS(verdicts) - 1].text;
    for (size_t i = 0; i < G_N_ELEMENTS(verdicts); i++)
        if (strcmp(words[0], verdicts[i].word) == 0)
            why = verdicts[i].text;
    if (strcmp(fingerprint, "-") == 0)
        return signature_refuse(error, "has an OpenPGP signature that gpg does not accept");
    return signature_refuse(error, "is signed with the OpenPGP key %s%s%s, %s", fingerprint,
                            *user ? " of " : "", user, why);
}

bool signature_check_openpgp(const SignatureCheck *check, char **ret_signer, GError **error)
{
    g_auto(HelperEnd) end = {0};
    if (check->trust->keys_len == 0)
        return signature_refuse(error, "is signed with OpenPGP, and verify names no openpgpKeys");
    g_autoptr(GArray) fds = open_files(check, error);
    if (!fds)
        return false;
    bool is_run = run(check, fds, &end, error);
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    return is_run && read_answer(&end, ret_signer, error);
}

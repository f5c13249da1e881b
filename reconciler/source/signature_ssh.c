/* signature_ssh.c: ssh-keygen says whether a signature is good, whose key it is by allowedSigners, and
 * whether that line lets it sign commits at that time. See signature_check.h. */
#include <string.h>
#include <unistd.h>
#include "reconciler/source/signature_check.h"
#include "reconciler/source/source.h"

#define PRINCIPALS_MAX 100 /* of one key */
#define NAMESPACE      "git"

typedef struct {
    const SignatureCheck *check;
    int payload, signature, allowed, revoked; /* files in memory; -1: none */
    char *signature_path, *allowed_path, *revoked_path, *time;
    char *fingerprint;
    GString *noted; /* what ssh-keygen said when it found no principal */
} Ssh;

static char *path_of(int fd)
{
    return fd >= 0 ? g_strdup_printf("/dev/fd/%d", fd) : NULL;
}

static void ssh_clear(Ssh *ssh)
{
    const int fds[] = {ssh->payload, ssh->signature, ssh->allowed, ssh->revoked};
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    g_free(ssh->signature_path);
    g_free(ssh->allowed_path);
    g_free(ssh->revoked_path);
    g_free(ssh->time);
    g_free(ssh->fingerprint);
    if (ssh->noted)
        g_string_free(ssh->noted, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ssh, ssh_clear)

/* As ssh-keygen reads times that name no zone, those of allowedSigners too: in the machine's. */
static char *time_option(int64_t time_s)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_s);
    g_autofree char *text = time ? g_date_time_format(time, "%Y%m%d%H%M%S") : NULL;
    return text && strlen(text) == 14 ? g_strconcat("-Overify-time=", text, NULL) : NULL;
}

static bool ssh_open(const SignatureCheck *check, Ssh *ssh, GError **error)
{
    const SignedObject *object = check->object;
    const RepoTrust *trust = check->trust;
    ssh->check = check;
    ssh->time = time_option(object->time_s);
    if (!ssh->time)
        return signature_refuse(error, "has a time that no signature can be checked at");
    ssh->payload = helper_file(object->payload, object->payload_len, error);
    if (ssh->payload >= 0)
        ssh->signature = helper_file(object->signature, strlen(object->signature), error);
    if (ssh->signature >= 0)
        ssh->allowed = helper_file(trust->allowed.data, trust->allowed.len, error);
    if (ssh->allowed >= 0 && trust->revoked.path)
        ssh->revoked = helper_file(trust->revoked.data, trust->revoked.len, error);
    ssh->signature_path = path_of(ssh->signature);
    ssh->allowed_path = path_of(ssh->allowed);
    ssh->revoked_path = path_of(ssh->revoked);
    return ssh->allowed >= 0 && (!trust->revoked.path || ssh->revoked >= 0);
}

/* The payload is its stdin. False with error: it gave no answer. */
static bool keygen(const Ssh *ssh, const char *const *arguments, HelperEnd *ret_end, GError **error)
{
    g_auto(GStrv) environment = signature_check_environment("/");
    int kept[] = {ssh->signature, ssh->allowed, ssh->revoked};
    HelperCommand command = {.arguments = arguments,
                             .environment = environment,
                             .kept = kept,
                             .kept_len = ssh->revoked >= 0 ? 3 : 2,
                             .input_fd = ssh->payload,
                             .keeps_output = true,
                             .timeout_ms = SIGNATURE_CHECK_MS,
                             .cancel_fd = ssh->check->cancel_fd};
    lseek(ssh->payload, 0, SEEK_SET);
    return helper_run(&command, ret_end, error) &&
           signature_check_ended(ret_end, "ssh-keygen", "openssh-client", error);
}

/* ---- what it says ---- */

/* Good "git" signature [for PRINCIPAL] with TYPE key FINGERPRINT */
static char *fingerprint_of(const GString *out)
{
    static const char sign[] = " key ";
    g_auto(GStrv) lines = g_strsplit(out->str, "\n", 2);
    const char *at = lines[0] ? g_strrstr(lines[0], sign) : NULL;
    return at && g_str_has_prefix(lines[0], "Good ") ? signature_printable(at + strlen(sign)) : NULL;
}

/* Its lines as one, with the file's own name. */
static char *said_by(const Ssh *ssh, const GString *error)
{
    g_autoptr(GString) text = g_string_new(error->str);
    g_string_replace(text, ssh->allowed_path, ssh->check->trust->allowed.path, 0);
    g_strchomp(text->str);
    text->len = strlen(text->str);
    g_string_replace(text, "\n", "; ", 0);
    return signature_printable(text->str);
}

/* That the signature is one of this content, by whomever. */
static bool check_content(Ssh *ssh, GError **error)
{
    g_auto(HelperEnd) end = {0};
    const char *const arguments[] = {"ssh-keygen", "-Y", "check-novalidate",  "-n",
                                     NAMESPACE,    "-s", ssh->signature_path, NULL};
    if (!keygen(ssh, arguments, &end, error))
        return false;
    ssh->fingerprint = helper_is_good(&end) ? fingerprint_of(end.out) : NULL;
    if (ssh->fingerprint)
        return true;
    g_autofree char *said = said_by(ssh, end.error);
    if (strstr(said, "namespace"))
        return signature_refuse(error, "has an ssh signature that was made for something else than git");
    if (strstr(said, "incorrect signature"))
        return signature_refuse(error,
                                "was changed after it was signed: the signature is not of its content");
    return signature_refuse(error, "has an ssh signature that is not good: %s", said);
}

/* Whose key it is; no element: nobody's. */
static char **find_principals(Ssh *ssh, GError **error)
{
    g_auto(HelperEnd) end = {0};
    const char *const arguments[] = {
        "ssh-keygen", "-Y", "find-principals", "-f", ssh->allowed_path, "-s", ssh->signature_path,
        ssh->time,    NULL};
    if (!keygen(ssh, arguments, &end, error))
        return NULL;
    if (!helper_is_good(&end)) {
        g_autofree char *said = said_by(ssh, end.error);
        ssh->noted = g_string_new(said);
        return g_new0(char *, 1);
    }
    g_strchomp(end.out->str);
    return g_strsplit(end.out->str, "\n", PRINCIPALS_MAX);
}

/* Whether the line of allowedSigners lets principal sign this at that time. False without error: it does not.
 */
static bool check_principal(const Ssh *ssh, const char *principal, const char *revoked_path, GError **error)
{
    g_auto(HelperEnd) end = {0};
    const char *const arguments[] = {"ssh-keygen",
                                     "-Y",
                                     "verify",
                                     "-n",
                                     NAMESPACE,
                                     "-f",
                                     ssh->allowed_path,
                                     "-I",
                                     principal,
                                     "-s",
                                     ssh->signature_path,
                                     ssh->time,
                                     revoked_path ? "-r" : NULL,
                                     revoked_path,
                                     NULL};
    if (!keygen(ssh, arguments, &end, error) || !helper_is_good(&end))
        return false;
    g_autofree char *fingerprint = fingerprint_of(end.out);
    return g_strcmp0(fingerprint, ssh->fingerprint) == 0;
}

/* ---- the verdict ---- */

static bool refuse_unknown(const Ssh *ssh, GError **error)
{
    const RepoTrust *trust = ssh->check->trust;
    const char *said = ssh->noted ? ssh->noted->str : "";
    bool is_time = strstr(said, "key has expired") || strstr(said, "not yet valid");
    bool is_faulty = strstr(said, trust->allowed.path) != NULL;
    return signature_refuse(error, "is signed with the ssh key %s, %s %s%s%s%s", ssh->fingerprint,
                            is_time ? "which was not valid at its time by" : "which is not in",
                            trust->allowed.path, is_time || is_faulty ? " (" : "",
                            is_time || is_faulty ? said : "", is_time || is_faulty ? ")" : "");
}

static bool check_principals(const Ssh *ssh, char **principals, char **ret_signer, GError **error)
{
    const RepoTrust *trust = ssh->check->trust;
    const char *other = NULL, *revoked = NULL;
    for (char **one = principals; *one; one++) {
        g_autoptr(GError) fault = NULL;
        if (trust->principals && !g_strv_contains((const char *const *)trust->principals, *one)) {
            other = *one;
            continue;
        }
        if (check_principal(ssh, *one, ssh->revoked_path, &fault)) {
            g_autofree char *name = signature_printable(*one);
            *ret_signer = g_strdup_printf("%s (ssh %s)", name, ssh->fingerprint);
            return true;
        }
        if (!fault && ssh->revoked_path && check_principal(ssh, *one, NULL, &fault))
            revoked = *one;
        if (fault) {
            g_propagate_error(error, g_steal_pointer(&fault));
            return false;
        }
    }
    g_autofree char *whose = signature_printable(revoked ? revoked : other ? other : *principals);
    if (revoked)
        return signature_refuse(error, "is signed with the ssh key %s of %s, which revokedKeys %s revokes",
                                ssh->fingerprint, whose, trust->revoked.path);
    if (other)
        return signature_refuse(error,
                                "is signed with the ssh key %s of %s, who is not among principals of verify",
                                ssh->fingerprint, whose);
    return signature_refuse(error, "is signed with the ssh key %s of %s, whose line in %s does not allow it",
                            ssh->fingerprint, whose, trust->allowed.path);
}

bool signature_check_ssh(const SignatureCheck *check, char **ret_signer, GError **error)
{
    g_auto(Ssh) ssh = {.payload = -1, .signature = -1, .allowed = -1, .revoked = -1};
    if (!check->trust->allowed.path)
        return signature_refuse(error, "is signed with an ssh key, and verify names no allowedSigners");
    if (!ssh_open(check, &ssh, error) || !check_content(&ssh, error))
        return false;
    g_auto(GStrv) principals = find_principals(&ssh, error);
    if (!principals)
        return false;
    return *principals ? check_principals(&ssh, principals, ret_signer, error) : refuse_unknown(&ssh, error);
}

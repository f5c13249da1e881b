/* signature_check.h: whether somebody who is trusted signed something.
 * Owns:   what is returned is the caller's.
 * Calls:  helper.h: ssh-keygen, and muster itself, which asks gpgme (signature_openpgp.h).
 * Holds:  no cryptography and no trust of its own: what those two do not call good is not good. No agent, no
 * network, no keyring or configuration of a user. */
#pragma once
#include "reconciler/source/helper.h"
#include "reconciler/source/repo_trust.h"
#include "reconciler/source/signed_object.h"

typedef struct {
    const SignedObject *object; /* of the format that the function is for */
    const RepoTrust *trust;
    int cancel_fd; /* see HelperCommand */
} SignatureCheck;

/* *ret_signer: who signed it and with which key, one printable line. False with error:
 * SOURCE_ERROR_UNVERIFIED (why it is not trusted: "is signed with … that …"), else why that cannot be told.
 */
bool signature_check_ssh(const SignatureCheck *check, char **ret_signer, GError **error);
bool signature_check_openpgp(const SignatureCheck *check, char **ret_signer, GError **error);

/* ---- for both ---- */

#define SIGNATURE_CHECK_MS 20000 /* that a helper may take */
/* PATH and what decides how a time is read, and no language; home: where it has files of its own. */
char **signature_check_environment(const char *home);
/* False, with error, when it did not end by itself or is not there; package: what installs it. */
bool signature_check_ended(const HelperEnd *end, const char *program, const char *package, GError **error);
bool signature_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* text, cut and without what is not printable. New string. */
char *signature_printable(const char *text);

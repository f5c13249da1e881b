/* signature_openpgp.h: the helper process that asks gpgme about one signature: muster, started by itself
 * (signature_check.h). gpgme forks, which a process that holds the state must not do, and gpg may hang.
 * Owns:   nothing.
 * Calls:  gpgme, and by it gpg, with a home that holds the given keys only.
 * Holds:  no agent, no keyserver, no keybox daemon is started. */
#pragma once

/* As argv[1] it makes muster this helper: MUSTER WORD HOME SIGNATURE-FD KEYS-FD…, with what was signed as
 * stdin. Answers with one line on stdout:
 * VERDICT FINGERPRINT-OF-PRIMARY-KEY-OR-"-" USER-ID (see signature_openpgp.c), else with 1 and a line on
 * stderr. */
#define SIGNATURE_OPENPGP_WORD "verify-openpgp"
int signature_openpgp_main(int argc, char **argv);

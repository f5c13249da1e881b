/* repo_settings.h: how a repository is reached: sources.yaml of the state directory (schemas/sources.json).
 * Owns:   RepoSettings owns its strings.
 * Calls:  spec/, the file system.
 * Holds:  the file is its owner's alone to write: one that others may write is refused, as it names what git
 * runs. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/source/location.h"

#define REPO_INTERVAL_MS ((int64_t)60 * 1000)
#define REPO_TIMEOUT_MS  ((int64_t)5 * 60 * 1000)

/* Whose signatures count: files that are read when something is verified (repo_trust.h). */
typedef struct {
    char *allowed_signers, *revoked_keys;
    char **principals, **openpgp_keys; /* NULL: not given */
    bool wants_tag;                    /* the tag is signed, not the commit */
} RepoVerify;

typedef struct {
    char *user, *token_file, *token_env, *credential_helper; /* NULL: not given, as all below */
    char *ssh_key, *known_hosts, *ca_file, *proxy;
    char *webhook_file, *webhook_env; /* at most one of them */
    bool allow_unencrypted, follow_rewrites;
    int64_t interval_ms, timeout_ms;
    char **submodules;  /* where from they may be; NULL: they are not read */
    RepoVerify *verify; /* NULL: nothing is verified */
} RepoSettings;

/* Those for this location; the defaults when no file is there. NULL with error, which has file:line. */
RepoSettings *repo_settings_load(const char *state_dir, const RepoLocation *location, GError **error);
void repo_settings_free(RepoSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepoSettings, repo_settings_free)
/* Whether a submodule from there is read. */
bool repo_settings_allow_submodule(const RepoSettings *settings, const RepoLocation *location);
/* What is named is there, and fits the transport. */
bool repo_settings_check(const RepoSettings *settings, const RepoLocation *location, GError **error);

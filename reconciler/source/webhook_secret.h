/* webhook_secret.h: what webhooks of a repository are signed with (webhook of sources.yaml).
 * Owns:   nothing but what it gives back.
 * Calls:  the file system.
 * Holds:  no message holds a secret; one that is easily guessed for its length is refused. */
#pragma once
#include "reconciler/source/repo_settings.h"

#define WEBHOOK_SECRET_MIN  16
#define WEBHOOK_SECRET_MAX  1024
#define WEBHOOK_SECRETS_MAX 4

/* The lines of what sources.yaml names; new, NULL-terminated, at least one. NULL with error: none is named,
 * or it is none. */
char **webhook_secrets_read(const RepoSettings *settings, GError **error);

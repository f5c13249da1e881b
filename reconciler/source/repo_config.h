/* repo_config.h: everything that the git executable is told besides its arguments: a configuration of its own
 * and a clean environment. Owns:   nothing; what is returned is the caller's. Calls:  the file system (a
 * token's file). Holds:  no secret stands in a file that is written here, nor in an argument: a token is in
 * the environment of git alone. */
#pragma once
#include "reconciler/source/repo_settings.h"

/* The text of the configuration file, for GIT_CONFIG_GLOBAL. */
char *repo_config_text(const RepoLocation *location, const RepoSettings *settings, const char *mirror);
/* NULL-terminated; NULL with error when the token cannot be read. config: path of that file. */
char **repo_config_environment(const RepoLocation *location, const RepoSettings *settings, const char *config,
                               GError **error);

/* docker_secret.h: secrets of this machine: files, and variables of muster's own environment.
 * Calls:  the file system.
 * Holds:  neither a value nor where it stands gets into a message. Only regular files are read, so that none
 * of them can wait; one newline at their end is not part of the secret. */
#pragma once
#include <glib.h>

#define DOCKER_SECRET_MAX ((gsize)64 << 10) /* bytes */

/* value_from: "file:/PATH" or "env:NAME". New; NULL with error (G_FILE_ERROR): it cannot be had. data is not
 * used: as DockerSecretFunc. */
char *docker_secret_read(const char *value_from, void *data, GError **error);

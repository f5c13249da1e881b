/* docker_config.h: what Docker's configuration file says of a registry, and how the engine is told.
 * Owns:   nothing; texts that are handed out are new, and secret.
 * Calls:  jansson, GLib. Computes only.
 * Holds:  no secret gets into a message. Source: Docker's command line reference, "Credential store
 * options" and "Credential helpers"; Engine API 1.41, "Authentication": X-Registry-Auth. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "spec/base/view.h"

#define DOCKER_CONFIG_ERROR docker_config_error_quark()
GQuark docker_config_error_quark(void);
typedef enum { DOCKER_CONFIG_ERROR_SYNTAX } DockerConfigErrorCode;

/* What the file, and helpers, call the registry: its host, and of docker.io a name from long ago. Borrowed.
 */
const char *docker_config_server(const char *registry);
/* The program that knows the registry's credentials, "docker-credential-NAME", new: of credHelpers, else of
 * credsStore. NULL without error: there is none; with error: its name is none. */
char *docker_config_helper(const json_t *config, const char *registry, GError **error);
/* X-Registry-Auth of what stands in auths, new. NULL without error: nothing does; with error: it cannot be
 * read. */
char *docker_config_auth(const json_t *config, const char *registry, GError **error);
/* The same of what a helper printed, {"ServerURL", "Username", "Secret"}. NULL with error: it is no such
 * answer. */
char *docker_config_auth_of_helper(View output, const char *registry, GError **error);
/* A helper that ended with an error printed that it knows no such registry. */
bool docker_config_is_unknown(View output);

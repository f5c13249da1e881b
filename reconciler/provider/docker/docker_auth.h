/* docker_auth.h: credentials for a registry, as Docker's own client would find them on this machine.
 * Owns:   the question, and the helper that it started.
 * Calls:  the file system, docker-credential-NAME (program.h), GLib's main loop.
 * Holds:  done is called once, after docker_auth_ask() has returned, unless the question is freed before. The
 * file is read anew for each, since people log in and out. No secret gets into a message. */
#pragma once
#include "reconciler/provider/docker/docker_endpoint.h"

/* header: X-Registry-Auth, borrowed; NULL: nothing is known: anonymous. error: why what there is could not be
 * had, for people; NULL: nothing went wrong. */
typedef void (*DockerAuthDone)(const char *header, const GError *error, void *data);

typedef struct DockerAuthQuestion DockerAuthQuestion;
/* variable: of the environment: DOCKER_CONFIG, else HOME, says where config.json is. registry: "docker.io",
 * "ghcr.io", "localhost:5000". context: NULL: the default one. */
DockerAuthQuestion *docker_auth_ask(GMainContext *context, DockerLookup variable, void *variable_data,
                                    const char *registry, DockerAuthDone done, void *data);
/* To be called once for each; done is not called any more. May be called from within done. */
void docker_auth_question_free(DockerAuthQuestion *question);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerAuthQuestion, docker_auth_question_free)

/* docker_endpoint.h: where the engine is: from DOCKER_HOST and its companions, as Docker's own client reads
 * them. Computes only.
 * Source: Docker's command line reference, "Environment variables". */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *text;            /* "unix:///var/run/docker.sock", for people */
    char *url;             /* "http://docker", "https://10.0.0.4:2376": paths follow */
    char *unix_socket;     /* NULL: over TCP */
    char *ca, *cert, *key; /* files; NULL: without TLS */
} DockerEndpoint;

/* Of an environment; NULL: it is not set. */
typedef const char *(*DockerLookup)(const char *name, void *data);

/* New. NULL with error (G_CONVERT_ERROR): it cannot be understood, or is of a kind that is not served. */
DockerEndpoint *docker_endpoint_parse(DockerLookup variable, void *data, GError **error);
void docker_endpoint_free(DockerEndpoint *endpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerEndpoint, docker_endpoint_free)

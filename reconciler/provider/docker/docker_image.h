/* docker_image.h: names of images, as people write them and as registries and the engine mean them.
 * Owns:   an image owns its strings.
 * Calls:  GLib. Computes only.
 * Holds:  what parses gives a name that parses to itself. Source: the grammar of image references of the
 * distribution project; Docker's short names: no host is docker.io, no folder there is library, no tag is
 * latest. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define DOCKER_IMAGE_ERROR docker_image_error_quark()
GQuark docker_image_error_quark(void);
typedef enum { DOCKER_IMAGE_ERROR_SYNTAX } DockerImageErrorCode;

#define DOCKER_IMAGE_MAX 512 /* bytes of a name, its tag and digest included */

typedef struct {
    char *name;       /* canonical: "docker.io/library/busybox:latest"; of an id "sha256:…" */
    char *registry;   /* "docker.io", "ghcr.io", "localhost:5000"; NULL: an id */
    char *repository; /* with its registry: "docker.io/library/busybox"; NULL: an id */
    char *tag;        /* NULL: none is given, beside a digest */
    char *digest;     /* "sha256:…"; NULL: none */
    bool is_id;       /* an image that the engine has or has not: it cannot be pulled */
} DockerImage;

/* New; NULL with error: it is no name of an image, and why. */
DockerImage *docker_image_parse(const char *text, GError **error);
void docker_image_free(DockerImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerImage, docker_image_free)

/* New: the query of POST /images/create that pulls it, escaped; NULL: it is an id. */
char *docker_image_pull_query(const DockerImage *image);
/* New: the canonical name of text; NULL: it is none. */
char *docker_image_canonical(const char *text);

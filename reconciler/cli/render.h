/* render.h: documents as they became manifests, with the origin of every value.
 * Owns:   a Rendering owns its texts.
 * Calls:  spec/.
 * Holds:  members in byte order, lists as they stand; members that are no part of a manifest's meaning
 * (read-only ones) are left out, so that what is rendered plans to no change. */
#pragma once
#include <jansson.h>

#include "spec/manifest.h"

typedef struct Rendering Rendering;
typedef enum { RENDER_YAML, RENDER_JSON } RenderFormat;
typedef enum {
    RENDER_STATED,
    RENDER_DEFAULTS
} RenderDetail; /* DEFAULTS: absent members that have one, too */
Rendering *rendering_new(RenderFormat format, RenderDetail detail);
void rendering_free(Rendering *rendering);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rendering, rendering_free)
/* For SourceOptions.observe; one thread. */
void rendering_observe(Kind kind, const Node *root, const char *file, void *rendering);
/* The manifests of set, in its order, of those that were observed. */
void rendering_append_yaml(const Rendering *rendering, const ManifestSet *set, const char *identity,
                           GString *out);
json_t *rendering_json(const Rendering *rendering, const ManifestSet *set, const char *identity);

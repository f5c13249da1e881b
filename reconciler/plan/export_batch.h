/* export_batch.h: what AWS Batch says it has becomes manifests. Pure: answers in, manifests and remarks out.
 * Holds:  what a manifest cannot say is told, never dropped in silence; the same answers give the same bytes.
 * Source: Batch's Describe answers; docs/migrate-from-aws-batch.md. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include "spec/kinds.h"

typedef struct {
    Kind kind;
    char *name;
    json_t *spec;     /* as a manifest has it; NULL: none can be made of it, notes say why */
    GPtrArray *notes; /* of char*: what is left out, and what to look at */
} BatchManifest;
void batch_manifest_free(void *manifest);

/* answers: {"computeEnvironments": […], "jobQueues": […], "schedulingPolicies": […], "jobDefinitions": […],
 * "consumableResources": […]}, each as Batch's Describe calls give them; any may be missing. Of job
 * definitions the newest revision of each name that is ACTIVE. A new array of BatchManifest*, by kind and
 * name, with free function set. */
GPtrArray *export_batch(const json_t *answers);
/* One document of YAML: the notes as comments, then the manifest, or only the notes. */
void batch_manifest_write(const BatchManifest *manifest, GString *out);

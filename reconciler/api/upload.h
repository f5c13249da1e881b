/* upload.h: the manifests of a source as they are sent to a daemon elsewhere (apply --server).
 * Owns:   nothing.
 * Calls:  spec/, source/parse. Computes only: no file is read by either end.
 * Holds:  what was sent goes through the same checks as what a file says: it is parsed, validated and made
 * canonical again, and gives the same digests. Bases, patches and variables were put in by who sent it; a
 * name of a file is a word that is shown. Hostile bodies give an error. */
#pragma once
#include <jansson.h>
#include "spec/manifest.h"

#define UPLOAD_PLACE_PREFIX "uploaded by " /* the place of such a source, and who sent it: "key/ci" */

/* {"config": {…}, "manifests": [{"file", "line", "text"}…]}; identity: of the source. New. */
json_t *upload_to_json(const ManifestSet *set, const char *identity);
/* provider: --provider or NULL. Faults of manifests are diagnostics. NULL with *ret_message (new string): it
 * is none of these. */
ManifestSet *upload_parse(const json_t *upload, const char *provider, DiagnosticList *diagnostics,
                          char **ret_message);

/* reference_markdown.h: a schema as a page that people read.
 * Owns:   nothing.
 * Calls:  spec/kinds (the shared definitions), jansson.
 * Holds:  equal schemas give equal bytes; every member of the schema stands in exactly one table. */
#pragma once
#include <glib.h>
#include "spec/base/view.h"

/* Appends the reference page of a kind (schema_json: kind_schema_text()) or of muster.yaml
 * (config_schema_text()). kind_or_config is the page's title: "JobQueue", "muster.yaml". */
void reference_markdown(const char *kind_or_config, View schema_json, GString *out);

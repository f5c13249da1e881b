/* submit_body.h: options of submit become a SubmitJob body.
 * Holds:  pure. What the schema of Job checks is left to it. */
#pragma once
#include <jansson.h>
#include "reconciler/cli/command.h"

/* New reference, or NULL with error. command: after "--", may be NULL. */
json_t *submit_body(const Options *options, char **command, GError **error);

/* event_json.h: an event as `muster events -o json` and notifications give it.
 * Owns:   nothing.
 * Calls:  jansson. */
#pragma once
#include <jansson.h>
#include "reconciler/world/record.h"

/* {"sequence", "at", "type", "subject", "message"?, "first"?, "last"?, "source"?, "revision"?, "planId"?,
 * "summary"?}. New reference. */
json_t *event_json(const EventRecord *event);

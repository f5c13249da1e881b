/* render.h: results as JSON and as a page.
 * Owns:   nothing.
 * Calls:  forecast/ (result, words, assertion), jansson.
 * Holds:  pure: equal results give equal bytes. Floating point only here, for JSON's numbers. Whatever a user
 * named is escaped. */
#pragma once
#include <jansson.h>
#include "reconciler/forecast/result.h"

#define SIMULATION_FORMAT_VERSION 1

/* violations: of Violation, may be NULL. New reference. docs/simulation.md lists the members. */
json_t *simulation_json(const SimulationResult *result, const GPtrArray *violations);
/* {"formatVersion", "results": [first, second], "delta": {…}}: second less first. */
json_t *simulation_compare_json(const SimulationResult *first, const SimulationResult *second,
                                const GPtrArray *violations);

/* A whole HTML page without any reference to elsewhere; it is well-formed XML but for its first line. other
 * may be NULL: else both are shown, compared on top. At most about 2 MB, whatever the result. */
void simulation_html(const SimulationResult *result, const SimulationResult *other,
                     const GPtrArray *violations, GString *out);

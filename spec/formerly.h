/* formerly.h: metadata.formerly: names that what a manifest describes had before.
 * Owns:   nothing.
 * Calls:  spec/locate, jansson.
 * Holds:  a name leads to one manifest: nobody else may claim it, and no manifest may have it. */
#pragma once
#include "spec/locate.h"

/* Cheap: nearly no manifest has it. */
bool manifest_has_formerly(const Manifest *manifest);
/* The names, in the order given. New, NULL-terminated; empty where it has none. */
char **manifest_formerly(const Manifest *manifest);
/* Reports names that are claimed twice or declared. set: the whole. */
void formerly_check(const ManifestSet *set, Locator *locator);

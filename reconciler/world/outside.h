/* outside.h: what a provider calls an environment: the name that it had first, whatever it is called now.
 * Owns:   the settings "outside NAME"; Environment.outside.
 * Calls:  spec/canonical.
 * Holds:  no two environments are called the same outside: one that is made where another is still called so
 * is called otherwise there. So clusters, machines, labels and accounts stay what they are over a rename. */
#pragma once
#include "reconciler/world/world.h"

const char *environment_outside(const Environment *environment);
Environment *world_environment_outside(const World *world, View name); /* NULL: there is none */
/* Of its spec in force, as what is outside was made by: a name is in it, and it is not the present one. */
void environment_outside_digest(const Environment *environment, Digest *ret_digest);

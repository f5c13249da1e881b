/* values.h: the values that a command line gives to a source's variables.
 * Owns:   nothing; what it makes is the caller's.
 * Calls:  spec/given_values, the store (what the last apply kept), the environment.
 * Holds:  the later wins: what the last apply of this source kept, $MUSTER_VAR_NAME, each --values FILE,
 * --set. */
#pragma once
#include "reconciler/cli/command.h"
#include "spec/given_values.h"

/* For the source at path, whose identity is name where its muster.yaml has none. Says on standard error which
 * kept values hold. A repository's remote is asked what its source is called, where the state keeps
 * values. NULL with error. */
GivenValues *values_read(const Options *options, const char *state_dir, const char *path, const char *name,
                         GError **error);
/* The same for a source whose identity is known, as it was at any time: what is kept and its muster.yaml does
 * not declare is no fault. */
GivenValues *values_read_named(const Options *options, const char *state_dir, const char *identity,
                               GError **error);
/* The same for a daemon, which begins whether a remote can be reached or not: what its mirror says, or the
 * state. */
GivenValues *values_read_followed(const Options *options, const char *state_dir, const char *path,
                                  const char *name, GError **error);

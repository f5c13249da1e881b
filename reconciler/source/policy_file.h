/* policy_file.h: the policy from its file.
 * Owns:   nothing.
 * Calls:  spec/policy. */
#pragma once
#include "spec/policy.h"

/* NULL with error, which names each fault with its place. */
Policy *policy_load(const char *path, GError **error);
/* Whether path lies in directory, as both really are: whoever may write there could write it. */
bool policy_is_within(const char *path, const char *directory);

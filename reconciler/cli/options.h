/* options.h: a command line becomes an Invocation.
 * Owns:   what an Invocation points to is freed by invocation_clear().
 * Calls:  GOption, spec/base.
 * Holds:  options may stand before or after arguments; "--" ends them; values with a fixed set are checked
 * here. */
#pragma once
#include "reconciler/cli/command.h"

/* argv[0] is the command's name. Faults are CLI_ERROR with exit code 1 and name the cure. */
bool options_parse(const Command *command, const char *const *argv, Invocation *ret_invocation,
                   GError **error);
void invocation_clear(Invocation *invocation);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Invocation, invocation_clear)

/* --name VALUE as a number within bounds; text NULL gives *ret_value unchanged. */
bool option_integer(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret_value,
                    GError **error);
/* --name VALUE as a decimal with at most four places, in 1/10,000ths, from 0 up; text NULL gives *ret_e4
 * unchanged. */
bool option_decimal(const char *name, const char *text, int64_t max_e4, int64_t *ret_e4, GError **error);
/* --name VALUE as a duration ("90s", "10m"); text NULL gives *ret_ms unchanged. */
bool option_duration(const char *name, const char *text, int64_t *ret_ms, GError **error);
/* --name VALUE as a time: ISO 8601, of this machine's zone where it names none, or a duration, which is so
 * long ago. In milliseconds; text NULL gives *ret_ms unchanged. */
bool option_time(const char *name, const char *text, int64_t *ret_ms, GError **error);
/* "NAME=VALUE": where the value starts; NULL with error when there is no "=" or no name. */
const char *option_pair(const char *name, const char *text, GError **error);

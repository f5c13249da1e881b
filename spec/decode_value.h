/* decode_value.h: take single members out of JSON objects; shared by the decode_*.c files only.
 * Owns:   nothing; strings and lists handed out are new, the caller frees them.
 * Calls:  jansson, spec/base.
 * Holds:  an absent or null member leaves *ret as it was and is no error; a member of another type is
 * DECODE_ERROR_MEMBER. */
#pragma once
#include "spec/decode.h"

/* New, caller decrefs; an error when text is no JSON object. */
json_t *decode_parse(View text, GError **error);
bool decode_string(const json_t *object, const char *key, char **ret_text, GError **error);
bool decode_bool(const json_t *object, const char *key, bool *ret_value, GError **error);
bool decode_integer(const json_t *object, const char *key, int64_t low, int64_t high, int64_t *ret_value,
                    GError **error);
bool decode_strings(const json_t *object, const char *key, char ***ret_list, GError **error);
/* Borrowed; NULL when absent. */
bool decode_object(const json_t *object, const char *key, const json_t **ret_object, GError **error);
bool decode_array(const json_t *object, const char *key, const json_t **ret_array, GError **error);
/* text must be one of names (NULL-terminated), in any case; *ret_index is its place. Absent: untouched. */
bool decode_choice(const json_t *object, const char *key, const char *const *names, int *ret_index,
                   GError **error);
/* One choice of a whole spec, without decoding the rest of it; fallback where it is absent or not one of
 * names. */
int decode_choice_of(View json, const char *key, const char *const *names, int fallback);

/* [{name, value}] or {name: value}, sorted by name; of equal names the last one stands. */
bool decode_environment(const json_t *object, const char *key, EnvironmentVariable **ret_list,
                        size_t *ret_len, GError **error);
bool decode_parameters(const json_t *object, const char *key, EnvironmentVariable **ret_list, size_t *ret_len,
                       GError **error);
/* Sets what base has and over does not say differently: a new sorted list. */
void environment_merge(const EnvironmentVariable *base, size_t base_len, const EnvironmentVariable *over,
                       size_t over_len, EnvironmentVariable **ret_list, size_t *ret_len);
void environment_clear(EnvironmentVariable *list, size_t len);

/* resourceRequirements of a container, and its deprecated vcpus and memory; what is not stated stays as it
 * was. */
bool decode_need(const json_t *container, ResourceNeed *ret_need, ResourceNeed *ret_alias, GError **error);
bool decode_retry(const json_t *object, RetryStrategy *ret_retry, GError **error);
bool decode_timeout(const json_t *object, int64_t *ret_ms, GError **error);
RetryStrategy retry_strategy_copy(const RetryStrategy *strategy);
/* rerunOn: [definition] */
bool decode_rerun_on(const json_t *object, bool *ret_definition, GError **error);

/* decode_value.h: take single members out of JSON objects; shared by the decode_*.c files and
 * effective.c only.
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
/* Of the canonical form, where decimals are whole 1/10,000ths (x-muster-decimal). */
bool decode_decimal(const json_t *object, const char *key, int64_t low_e4, int64_t high_e4, int64_t *ret_e4,
                    GError **error);
/* A decimal of a currency, not negative, in millionths. */
bool decode_money(const json_t *object, const char *key, int64_t *ret_micro, GError **error);
/* New: the name in a reference: a name as it is, or that of an ARN. */
char *decode_name(Kind kind, const char *reference);
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

/* ---- consumable resources (decode_consumable.c); lists are sorted by name */

/* {consumableResourceList: …}; *ret_given tells whether object has the member. The list is added to. */
bool decode_consumables(const json_t *object, const char *key, bool *ret_given, ConsumableNeed **list,
                        size_t *len, GError **error);
/* Adds times as much of each of more; what cannot be counted is INT64_MAX, and never to be had. */
void consumables_add(ConsumableNeed **list, size_t *len, const ConsumableNeed *more, size_t more_len,
                     int64_t times);
void consumables_clear(ConsumableNeed **list, size_t *len);

/* ---- nodes of a multinode job (decode_nodes.c) */

/* "3", "0:4", "2:", ":4", ":"; anything else is every node. */
void node_range_read(const char *text, int64_t *ret_first, int64_t *ret_last);
/* The narrowest of ranges that holds node; of equally narrow ones the first. NULL: none does. */
NodeRange *node_range_of(NodeRange *ranges, size_t len, int64_t node, int64_t nodes);
/* The same in a definition's canonical spec, whose number of nodes a job may still change: the element of
 * nodeRangeProperties that says what node is, borrowed. NULL: none does. */
const json_t *node_properties_of(const json_t *spec, int64_t node);
/* need, node_instance_type and consumables of a multinode job from its ranges and nodes. */
void nodes_settle(JobDefinitionSpec *spec);
void nodes_copy(const JobDefinitionSpec *from, JobDefinitionSpec *to);
/* What the overrides say of the ranges that they name; then nodes_settle(). */
void nodes_override(JobDefinitionSpec *spec, const NodeOverride *overrides, size_t len);
void nodes_clear(JobDefinitionSpec *spec);
/* nodeOverrides */
bool decode_node_overrides(const json_t *root, JobSpec *spec, GError **error);
void node_overrides_clear(NodeOverride *list, size_t len);

/* By type; the deprecated members change only what was said in the same deprecated member. */
ResourceNeed need_merge(ResourceNeed base, bool vcpus_alias, bool memory_alias, ResourceNeed need,
                        ResourceNeed need_alias);

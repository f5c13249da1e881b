/* ecs_words.h: what all that reads or writes bodies of ECS shares. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#define ECS_CPU_UNITS    1024 /* of one vCPU */
#define ECS_DESCRIBE_MAX 100  /* tasks, or container instances, that one call describes */

/* NULL: it is not there, or no text. */
static inline const char *ecs_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static inline int64_t ecs_cpu_units(int64_t vcpus_e4)
{
    return vcpus_e4 * ECS_CPU_UNITS / 10000;
}

/* Of a list of objects the one whose "name" it is, borrowed; NULL: none. */
static inline json_t *ecs_named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *own = ecs_text(json_array_get(list, i), "name");
        if (own && name && strcmp(own, name) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* The next of arns (of char*) that one call describes, from *at, which goes on: a new list, empty at the end.
 */
static inline json_t *ecs_next_chunk(const GPtrArray *arns, guint *at)
{
    json_t *chunk = json_array();
    for (; *at < arns->len && json_array_size(chunk) < ECS_DESCRIBE_MAX; (*at)++)
        json_array_append_new(chunk, json_string(arns->pdata[*at]));
    return chunk;
}

/* ---- tags: [{"key", "value"}…] ---- */

/* Borrowed; NULL: there is no such tag. */
static inline const char *ecs_tag(const json_t *tags, const char *key)
{
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const json_t *tag = json_array_get(tags, i);
        const char *own = ecs_text(tag, "key");
        if (own && strcmp(own, key) == 0)
            return ecs_text(tag, "value");
    }
    return NULL;
}

static inline void ecs_add_tag(json_t *tags, const char *key, const char *value)
{
    json_array_append_new(tags, json_pack("{s:s,s:s}", "key", key, "value", value ? value : ""));
}

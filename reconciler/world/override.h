/* override.h: a field of a resource that holds another value for a while than its manifest says.
 * Owns:   nothing in the world: an override is the setting "override KIND/NAME FIELD", looked up where a spec
 * is decoded. Calls:  spec/, jansson. Holds:  the stored spec stays the manifest's, so that no plan sees a
 * difference that nobody wrote; what is decoded, and so decides, has the value of the override. It goes by
 * itself after its time, and with its resource. */
#pragma once
#include <jansson.h>
#include "reconciler/world/world.h"

#define OVERRIDE_SETTING    "override "
#define OVERRIDES_MAX       1000
#define OVERRIDE_REASON_MAX 1000 /* bytes */
#define OVERRIDE_LONGEST_MS (366LL * 24 * 60 * 60 * 1000)

typedef struct {
    Kind kind;
    char *name, *field; /* "state" or "priority" of a JobQueue; "state", "minvCpus", "maxvCpus" of a
                           ComputeEnvironment */
    json_t *value;
    int64_t since_ms, until_ms;
    char *reason, *actor; /* actor: the user who asked, as the command tells; may be "" */
} Override;
void override_free(void *override);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Override, override_free)
/* Of a setting with such a name; NULL: it is none. New. */
Override *override_of_setting(View name, View value);
/* "priority is 50 until 2026-11-26 02:10:00 UTC: REASON (by root)". New string. */
char *override_text(const Override *override);

/* All, by kind, name, field. New array of Override, with free function set. */
GPtrArray *world_overrides(const World *world);
/* In force at once, in place of one of the same field. WORLD_ERROR_INVALID, NOT_FOUND or CONFLICT with error.
 */
bool override_set(World *world, const Override *override, int64_t now_ms, GError **error);
/* Ends those of a resource: of field, or all (NULL). Returns how many. */
size_t override_clear(World *world, Kind kind, View name, const char *field, const char *actor,
                      int64_t now_ms);
/* Ends those whose time is over; how many. */
size_t override_settle(World *world, int64_t now_ms);
int64_t world_override_due_ms(const World *world); /* when the next ends; 0: there is none */

/* The spec of a resource with its overrides laid over it, canonical; minvCpus is no more than maxvCpus there.
 * New string; NULL: it has none. */
char *override_spec(const World *world, const Resource *resource);
/* For who decodes specs: */
void override_queue(const World *world, const char *name, JobQueueSpec *spec);
void override_environment(const World *world, const char *name, ComputeEnvironmentSpec *spec);

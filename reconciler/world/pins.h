/* pins.h: what the machines of an environment are made from is named by references that move: a launch
 * template's $Latest or $Default, the newest image of a kind. What they stand for is looked up by the
 * provider and pinned; what is newer later is shown, and taken when `refresh` says so. Owns:   nothing in the
 * world but PinsState: pins are the setting "pins ENVIRONMENT". Calls: jansson. Holds:  without a provider's
 * word nothing is pinned, and what is pinned stays (over restarts, too) until the environment's manifest
 * changes (onCommit), something newer is told (continuous) or somebody asks (always). What is newer is no
 * drift: nothing is put back, and nothing has to be done about it. */
#pragma once
#include <jansson.h>
#include "reconciler/world/world.h"

#define PINS_SETTING   "pins "
#define PINS_BYTES_MAX (16 << 10) /* of what a provider tells */
#define PINS_MAX       32         /* references of one environment */

/* What a provider tells: {"pinned": {REFERENCE: VALUE}, "newest": {…}}: what it makes machines from, and what
 * it found when it looked last (absent: it has not). References are words for people, "image ECS_AL2023
 * x86_64"; values are text. pins NULL: it pins nothing, or does not know yet. answers: the content of the
 * manifest that it answers a request for; NULL: it tells by itself. */
void pins_told(World *world, const Resource *resource, const char *pins, const Digest *answers,
               int64_t now_ms);
/* The provider is to look all of it up anew. */
bool pins_are_due(const Resource *resource);
/* What it is to make machines from, as it told it; NULL: as it finds it then. New string. */
char *pins_wanted(const World *world, const Resource *resource);
/* What is newest is to be taken now, whatever `refresh` says. actor: the user who asks; may be "". With
 * error: WORLD_ERROR_NOT_FOUND, CONFLICT or INVALID. */
bool pins_refresh(World *world, View name, const char *actor, int64_t now_ms, GError **error);

/* "launch template gpu ($Latest): 7 → 9, image …"; NULL: nothing is newer. New string. */
char *pins_newer(const World *world, const char *environment);
/* The same of a setting, with its environment (borrowed from its name); NULL: it is none, too. */
char *pins_newer_of_setting(View name, View value, View *ret_environment);
/* "taken with …": when. New string. */
char *pins_become(RefreshMode mode, const char *environment);
/* Members "pinned", "newest", "newerSince"; NULL: nothing is known of it. A new reference. */
json_t *pins_json(const World *world, const char *environment);

/* For who keeps resources: */
void pins_load(const World *world, Environment *environment);
void pins_drop(World *world, const Resource *resource);

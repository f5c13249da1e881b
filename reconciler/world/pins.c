/* pins.c: see pins.h. The setting: {"by": digest, "rolls", "asked", "pinned": {…}, "newest": {…}, "since"}.
 */
#include "reconciler/world/pins.h"
#include <string.h>
#include "reconciler/world/outside.h"
#include "reconciler/world/state.h"

#define VALUE_MAX 256 /* bytes of a reference, or of what it stands for */

/* ---- as a setting ---- */

static char *setting_name(const char *environment)
{
    return g_strconcat(PINS_SETTING, environment, NULL);
}

/* NULL: there is none. A new reference. */
static json_t *pins_read(const World *world, const char *environment)
{
    g_autofree char *name = setting_name(environment);
    const char *value = world_setting(world, name);
    return value ? json_loads(value, 0, NULL) : NULL;
}

static const char *newest_of(const json_t *pins, const char *reference)
{
    return json_string_value(json_object_get(json_object_get(pins, "newest"), reference));
}

static bool is_newer(const json_t *pins, const char *reference, const json_t *pinned)
{
    const char *newest = newest_of(pins, reference);
    return newest && g_strcmp0(newest, json_string_value(pinned)) != 0;
}

static bool is_outdated(const json_t *pins)
{
    const char *reference;
    json_t *pinned;
    json_object_foreach(json_object_get(pins, "pinned"), reference, pinned)
    {
        if (is_newer(pins, reference, pinned))
            return true;
    }
    return false;
}

static PinsState state_of(const json_t *pins)
{
    const char *by = json_string_value(json_object_get(pins, "by"));
    PinsState state = {.is_known = pins != NULL,
                       .is_asked = json_is_true(json_object_get(pins, "asked")),
                       .is_outdated = is_outdated(pins),
                       .rolls = json_integer_value(json_object_get(pins, "rolls"))};
    if (by)
        (void)digest_from_hex(view_from(by), &state.by);
    return state;
}

void pins_load(const World *world, Environment *environment)
{
    json_t *pins = pins_read(world, environment->resource->name);
    environment->pins = state_of(pins);
    json_decref(pins);
}

/* pins: what it is from now on; NULL: nothing is known. Taken. */
static void pins_write(World *world, const Resource *resource, json_t *pins)
{
    Environment *environment = resource->environment;
    int64_t rolls = environment->pins.rolls;
    g_autofree char *name = setting_name(resource->name);
    char *value = pins ? json_dumps(pins, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    world_set_setting(world, name, value);
    free(value); /* jansson's allocator is malloc */
    environment->pins = state_of(pins);
    json_decref(pins);
    world->declarations++; /* what its provider is asked for may be another */
    if (environment->pins.rolls != rolls)
        environment_rolled(world, environment);
}

void pins_drop(World *world, const Resource *resource)
{
    g_autofree char *name = setting_name(resource->name);
    if (resource->environment)
        world_set_setting(world, name, NULL);
}

/* ---- what is told ---- */

static bool is_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && *text && strlen(text) <= VALUE_MAX;
}

/* NULL: it is no such list. Borrowed. */
static json_t *list_of(const json_t *told, const char *name)
{
    json_t *list = json_object_get(told, name), *value;
    const char *reference;
    if (!json_is_object(list) || json_object_size(list) > PINS_MAX)
        return NULL;
    json_object_foreach(list, reference, value)
    {
        if (strlen(reference) > VALUE_MAX || !is_text(value))
            return NULL;
    }
    return list;
}

static void append(GString *out, const char *reference, const char *before, const char *after)
{
    g_string_append_printf(out, "%s%s: %s → %s", out->len ? ", " : "", reference, before, after);
}

/* "" where nothing that both have is another. New. */
static GString *difference(const json_t *before, const json_t *after)
{
    GString *out = g_string_new(NULL);
    const char *reference;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)before, reference, value)
    {
        const char *now = json_string_value(json_object_get(after, reference));
        if (now && g_strcmp0(now, json_string_value(value)) != 0)
            append(out, reference, json_string_value(value), now);
    }
    return out;
}

static void tell(World *world, const Resource *resource, const char *type, const char *text, int64_t now_ms)
{
    g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(resource->kind), resource->name);
    world_event_of(world, &(EventOrigin){.source = resource->owner}, type, subject, text, now_ms);
}

/* Machines of what was pinned before are replaced where the same reference stands for something else. */
static void take_pinned(World *world, const Resource *resource, json_t *pins, json_t *pinned, int64_t now_ms)
{
    g_autoptr(GString) changes = difference(json_object_get(pins, "pinned"), pinned);
    json_object_set(pins, "pinned", pinned);
    json_object_del(pins, "asked");
    if (changes->len == 0)
        return;
    json_object_set_new(pins, "rolls", json_integer(resource->environment->pins.rolls + 1));
    tell(world, resource, "environment.refreshed", changes->str, now_ms);
}

/* What is newer is an event once. */
static void take_newest(World *world, const Resource *resource, json_t *pins, json_t *newest, int64_t now_ms)
{
    bool is_other = !json_equal(json_object_get(pins, "newest"), newest);
    json_object_set(pins, "newest", newest);
    g_autoptr(GString) newer = difference(json_object_get(pins, "pinned"), newest);
    if (newer->len == 0) {
        json_object_del(pins, "since");
    } else if (is_other) {
        json_object_set_new(pins, "since", json_integer(now_ms));
        tell(world, resource, "environment.outdated", newer->str, now_ms);
    }
}

static void set_by(json_t *pins, const Digest *digest)
{
    char hex[2 * DIGEST_BYTES + 1];
    digest_to_hex(digest, hex);
    json_object_set_new(pins, "by", json_string(hex));
}

/* told NULL: nothing. */
static void take(World *world, const Resource *resource, const json_t *told, const Digest *answers,
                 int64_t now_ms)
{
    json_t *pinned = list_of(told, "pinned"), *newest = list_of(told, "newest");
    json_t *pins = pins_read(world, resource->name);
    bool is_first = pins == NULL;
    if (!pinned && (is_first || !answers)) {
        json_decref(pins);
        return;
    }
    if (!pinned) { /* it is none any more whose machines are made from such */
        json_decref(pins);
        pins_write(world, resource, NULL);
        return;
    }
    pins = pins ? pins : json_object();
    json_t *before = json_deep_copy(pins);
    if (answers || is_first) {
        take_pinned(world, resource, pins, pinned, now_ms);
        Digest made_of;
        environment_outside_digest(resource->environment, &made_of);
        set_by(pins, answers ? answers : &made_of);
    }
    if (newest)
        take_newest(world, resource, pins, newest, now_ms);
    if (json_equal(before, pins))
        json_decref(pins);
    else
        pins_write(world, resource, pins);
    json_decref(before);
}

void pins_told(World *world, const Resource *resource, const char *pins, const Digest *answers,
               int64_t now_ms)
{
    json_t *told = pins ? json_loads(pins, JSON_REJECT_DUPLICATES, NULL) : NULL;
    take(world, resource, told, answers, now_ms);
    json_decref(told);
}

/* ---- what is wanted ---- */

bool pins_are_due(const Resource *resource)
{
    const Environment *environment = resource->environment;
    const PinsState *pins = &environment->pins;
    if (!pins->is_known)
        return false;
    Digest made_of;
    environment_outside_digest(environment, &made_of);
    bool is_other = !digest_equal(&pins->by, &made_of);
    switch (environment->spec->refresh) {
    case REFRESH_ON_COMMIT: return pins->is_asked || is_other;
    case REFRESH_CONTINUOUS: return pins->is_asked || is_other || pins->is_outdated;
    case REFRESH_MANUAL: break;
    }
    return pins->is_asked;
}

char *pins_wanted(const World *world, const Resource *resource)
{
    if (!resource->environment->pins.is_known || pins_are_due(resource))
        return NULL;
    json_t *pins = pins_read(world, resource->name);
    char *dumped = json_dumps(json_object_get(pins, "pinned"), JSON_COMPACT | JSON_SORT_KEYS),
         *text = g_strdup(dumped);
    free(dumped);
    json_decref(pins);
    return text;
}

static bool refuse(GError **error, WorldErrorCode code, const char *name, const char *why)
{
    g_set_error(error, WORLD_ERROR, (gint)code, "ComputeEnvironment/%s %s", name, why);
    return false;
}

static bool check(const World *world, const Resource *resource, GError **error)
{
    const char *name = resource->name;
    if (resource->phase != RESOURCE_ACTIVE)
        return refuse(error, WORLD_ERROR_CONFLICT, name, "is being deleted or replaced");
    if (!resource->environment->pins.is_known)
        return refuse(
            error, WORLD_ERROR_CONFLICT, name,
            "has nothing to refresh: it is not on AWS, buys no instances, or is not made there yet");
    json_t *pins = pins_read(world, name);
    bool is_fixed = json_object_size(json_object_get(pins, "pinned")) == 0;
    json_decref(pins);
    return !is_fixed || refuse(error, WORLD_ERROR_INVALID, name,
                               "names its images and the version of its launch template itself: nothing "
                               "there can be newer; change them in its manifest");
}

bool pins_refresh(World *world, View name, const char *actor, int64_t now_ms, GError **error)
{
    const Resource *resource = world_resource(world, KIND_COMPUTE_ENVIRONMENT, name);
    if (!resource) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND,
                    "there is no ComputeEnvironment \"" VIEW_FMT "\"", VIEW_ARG(name));
        return false;
    }
    if (!check(world, resource, error))
        return false;
    json_t *pins = pins_read(world, resource->name);
    g_autofree char *text = g_strdup_printf("what is newest is looked up and taken%s%s%s",
                                            *actor ? " (by " : "", actor, *actor ? ")" : "");
    if (resource->environment->pins.is_asked) {
        json_decref(pins);
        return true;
    }
    json_object_set_new(pins, "asked", json_true());
    pins_write(world, resource, pins);
    tell(world, resource, "environment.refresh", text, now_ms);
    return true;
}

/* ---- what is shown ---- */

static char *newer_text(const json_t *pins)
{
    g_autoptr(GString) newer = difference(json_object_get(pins, "pinned"), json_object_get(pins, "newest"));
    return newer->len ? g_strdup(newer->str) : NULL;
}

char *pins_newer(const World *world, const char *environment)
{
    json_t *pins = pins_read(world, environment);
    char *text = newer_text(pins);
    json_decref(pins);
    return text;
}

char *pins_newer_of_setting(View name, View value, View *ret_environment)
{
    size_t prefix = strlen(PINS_SETTING);
    if (name.len <= prefix || memcmp(name.data, PINS_SETTING, prefix) != 0)
        return NULL;
    json_t *pins = json_loadb(value.data, value.len, 0, NULL);
    char *text = newer_text(pins);
    json_decref(pins);
    *ret_environment = (View){name.data + prefix, name.len - prefix};
    return text;
}

char *pins_become(RefreshMode mode, const char *environment)
{
    switch (mode) {
    case REFRESH_ON_COMMIT:
        return g_strdup_printf("taken with its next change, or by muster refresh %s", environment);
    case REFRESH_CONTINUOUS: return g_strdup("being taken (refresh: continuous)");
    case REFRESH_MANUAL: break;
    }
    return g_strdup_printf("taken by muster refresh %s (refresh: manual)", environment);
}

json_t *pins_json(const World *world, const char *environment)
{
    json_t *pins = pins_read(world, environment), *shown;
    if (!pins)
        return NULL;
    shown = json_pack("{s:O?,s:O?}", "pinned", json_object_get(pins, "pinned"), "newest",
                      json_object_get(pins, "newest"));
    if (is_outdated(pins))
        json_object_set(shown, "newerSince", json_object_get(pins, "since"));
    json_decref(pins);
    return shown;
}

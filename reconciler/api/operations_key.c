/* operations_key.c: keys for the API over TCP are made known, listed and revoked (key.h). */
#include "reconciler/api/key.h"
#include "reconciler/api/operation.h"

#define KEYS_MAX        1000
#define KEY_NAME_MAX    64
#define KEY_SETTING(id) g_strconcat(KEY_SETTING_PREFIX, id, NULL)

typedef struct {
    const World *world;
    GPtrArray *keys; /* of Key*, owned */
} KeyList;

static void key_free(void *data)
{
    Key *key = data;
    key_clear(key);
    g_free(key);
}

static void note_key(const char *name, const char *value, void *data)
{
    Key key;
    if (!g_str_has_prefix(name, KEY_SETTING_PREFIX))
        return;
    json_t *json = json_loads(value, 0, NULL);
    if (key_from_json(name + strlen(KEY_SETTING_PREFIX), json, &key))
        g_ptr_array_add(data, g_memdup2(&key, sizeof key));
    json_decref(json);
}

static gint key_order(gconstpointer a, gconstpointer b)
{
    const Key *const *first = a, *const *second = b;
    int by_name = strcmp((*first)->name, (*second)->name);
    return by_name ? by_name : strcmp((*first)->id, (*second)->id);
}

/* By name; new. */
static GPtrArray *keys_of(const World *world)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(key_free);
    world_settings_each(world, note_key, keys);
    g_ptr_array_sort(keys, key_order);
    return keys;
}

/* By id or name; NULL: there is none. */
static const Key *find(const GPtrArray *keys, const char *text)
{
    for (guint i = 0; i < keys->len; i++) {
        const Key *key = keys->pdata[i];
        if (strcmp(key->id, text) == 0 || strcmp(key->name, text) == 0)
            return key;
    }
    return NULL;
}

/* Who may do what is worth an event that says who allowed it. */
static void tell(OperationContext *context, const Key *key, const char *type, const char *actor)
{
    g_autofree char *subject = g_strconcat("key/", key->name, NULL), *may = key_scopes_text(key->scopes);
    g_autofree char *text = g_strdup_printf("%s (%s): %s by %s", key->id, may,
                                            g_str_has_suffix(type, "created") ? "created" : "revoked",
                                            actor && *actor ? actor : "somebody on this machine");
    world_event(context->world, type, subject, text, context->now_ms);
}

static OperationStep create(OperationContext *context, Call *call, const GPtrArray *keys, const char *actor)
{
    const char *id = NULL;
    g_auto(Key) key = {0};
    if (!request_string(call, "id", &id))
        return STEP_DONE;
    if (!id || !key_from_json(id, json_object_get(call->request, "key"), &key) || !key.sealed)
        return call_fail(call, FAULT_INVALID,
                         "an id and a key with a name, scopes and a sealed secret are expected");
    if (strlen(key.name) > KEY_NAME_MAX || !g_utf8_validate(key.name, -1, NULL))
        return call_fail(call, FAULT_INVALID, "a key's name has at most %d bytes", KEY_NAME_MAX);
    if (find(keys, key.name) || find(keys, id))
        return call_fail(call, FAULT_REFUSED,
                         "there is a key \"%s\" already: revoke it, or take another name", key.name);
    if (keys->len >= KEYS_MAX)
        return call_fail(call, FAULT_REFUSED, "there are %d keys already: revoke some", KEYS_MAX);
    key.created_ms = context->now_ms;
    g_free(key.created_by);
    key.created_by = g_strdup(actor);
    json_t *json = key_to_json(&key, true);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    g_autofree char *name = KEY_SETTING(id);
    world_set_setting(context->world, name, text);
    free(text);
    json_decref(json);
    tell(context, &key, "key.created", actor);
    return call_done(call, json_pack("{s:s}", "id", id));
}

static OperationStep withdraw(OperationContext *context, Call *call, const GPtrArray *keys, const char *actor)
{
    const char *text = NULL;
    if (!request_string(call, "key", &text))
        return STEP_DONE;
    const Key *key = text ? find(keys, text) : NULL;
    if (!key)
        return call_fail(call, FAULT_NOT_FOUND, "there is no key \"%s\"", text ? text : "");
    g_autofree char *name = KEY_SETTING(key->id);
    world_set_setting(context->world, name, NULL);
    tell(context, key, "key.revoked", actor);
    return call_done(call, json_pack("{s:s,s:s}", "id", key->id, "name", key->name));
}

OperationStep key_step(OperationContext *context, Call *call)
{
    const char *action = NULL, *actor = NULL;
    if (!request_string(call, "action", &action) || !request_string(call, "actor", &actor))
        return STEP_DONE;
    g_autoptr(GPtrArray) keys = keys_of(context->world);
    if (g_strcmp0(action, "create") == 0)
        return create(context, call, keys, actor);
    if (g_strcmp0(action, "revoke") == 0)
        return withdraw(context, call, keys, actor);
    return call_fail(call, FAULT_INVALID, "action: create or revoke is expected");
}

OperationStep keys_step(OperationContext *context, Call *call)
{
    g_autoptr(GPtrArray) keys = keys_of(context->world);
    json_t *array = json_array();
    for (guint i = 0; i < keys->len; i++) {
        const Key *key = keys->pdata[i];
        json_t *json = key_to_json(key, false);
        json_object_set_new(json, "id", json_string(key->id));
        json_array_append_new(array, json);
    }
    return call_done(call, json_pack("{s:o}", "keys", array));
}

/* guest.c: see guest.h. */
#include "reconciler/world/guest.h"
#include <jansson.h>
#include <string.h>
#include "reconciler/world/job.h"

#define GUEST_SETTING "guest " /* then its token */

/* ---- as a setting ---- */

static char *setting_name(const Guest *guest)
{
    char hex[LAUNCH_TOKEN_TEXT];
    launch_token_text(&guest->token, hex);
    return g_strconcat(GUEST_SETTING, hex, NULL);
}

static void guest_store(World *world, const Guest *guest)
{
    char instance[LAUNCH_TOKEN_TEXT];
    launch_token_text(&guest->instance, instance);
    json_t *root = json_pack("{s:s,s:s,s:s,s:s,s:i,s:[I,I,I],s:I,s:b}", "environment", guest->environment,
                             "instance", instance, "task", guest->task, "job", guest->job, "attempt",
                             (int)guest->attempt, "need", (json_int_t)guest->need.vcpus_e4,
                             (json_int_t)guest->need.memory_mib, (json_int_t)guest->need.gpus, "since",
                             (json_int_t)guest->since_ms, "stopping", (int)guest->is_stopping);
    g_autofree char *name = setting_name(guest);
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    world_set_setting(world, name, text);
    free(text);
    json_decref(root);
}

static char *text_of(const json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));
    return g_strdup(text ? text : "");
}

static int64_t number_of(const json_t *array, size_t index)
{
    return MAX(json_integer_value(json_array_get(array, index)), 0);
}

/* NULL: the setting is none of a guest, or nobody can read it. */
static Guest *guest_read(const char *name, const char *value)
{
    LaunchToken token;
    json_t *root =
        g_str_has_prefix(name, GUEST_SETTING) && launch_token_from_text(name + strlen(GUEST_SETTING), &token)
            ? json_loads(value, 0, NULL)
            : NULL;
    if (!root)
        return NULL;
    const json_t *need = json_object_get(root, "need");
    Guest *guest = g_new0(Guest, 1);
    *guest = (Guest){.token = token,
                     .environment = text_of(root, "environment"),
                     .task = text_of(root, "task"),
                     .job = text_of(root, "job"),
                     .attempt = (int32_t)json_integer_value(json_object_get(root, "attempt")),
                     .need = {number_of(need, 0), number_of(need, 1), number_of(need, 2)},
                     .since_ms = json_integer_value(json_object_get(root, "since")),
                     .is_stopping = json_is_true(json_object_get(root, "stopping"))};
    launch_token_from_text(json_string_value(json_object_get(root, "instance")), &guest->instance);
    json_decref(root);
    return guest;
}

/* ---- which there are: a sorted array; few, and only after a restore ---- */

static void guest_free(void *data)
{
    Guest *guest = data;
    const char *const texts[] = {guest->environment, guest->task, guest->job};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)(uintptr_t)texts[i]);
    g_free(guest);
}

void guests_init(World *world)
{
    world->guests = g_ptr_array_new_with_free_func(guest_free);
}

void guests_clear(World *world)
{
    g_ptr_array_unref(world->guests);
}

size_t world_guests_len(const World *world)
{
    return world->guests->len;
}

Guest *world_guest_get(const World *world, size_t index)
{
    return world->guests->pdata[index];
}

/* The first that is not below token. */
static guint lower_bound(const World *world, const LaunchToken *token)
{
    guint low = 0, high = world->guests->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Guest *guest = world->guests->pdata[middle];
        if (memcmp(guest->token.bytes, token->bytes, LAUNCH_TOKEN_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Guest *world_guest(const World *world, const LaunchToken *token)
{
    guint at = lower_bound(world, token);
    Guest *guest = at < world->guests->len ? world->guests->pdata[at] : NULL;
    return guest && memcmp(guest->token.bytes, token->bytes, LAUNCH_TOKEN_BYTES) == 0 ? guest : NULL;
}

/* ---- on its instance ---- */

static void insert(World *world, Guest *guest)
{
    g_ptr_array_insert(world->guests, (gint)lower_bound(world, &guest->token), guest);
    guest->held_on = world_instance(world, &guest->instance);
    if (guest->held_on)
        instance_host_guest(world, guest->held_on, guest->need);
}

Guest *guest_add(World *world, const Guest *draft)
{
    Guest *guest = g_memdup2(draft, sizeof *draft);
    g_assert(!world_guest(world, &draft->token));
    guest->environment = g_strdup(draft->environment);
    guest->task = g_strdup(draft->task);
    guest->job = g_strdup(draft->job);
    guest->is_stopping = guest->is_stop_sent = false;
    insert(world, guest);
    guest_store(world, guest);
    return guest;
}

void guest_gone(World *world, Guest *guest, int64_t now_ms)
{
    g_autofree char *name = setting_name(guest);
    if (guest->held_on)
        instance_let_guest_go(guest->held_on, guest->need, now_ms);
    world_set_setting(world, name, NULL);
    g_ptr_array_remove_index(world->guests, lower_bound(world, &guest->token));
}

void guest_stop(World *world, Guest *guest)
{
    guest->is_stopping = true;
    guest_store(world, guest);
}

static bool is_of_job(const Guest *guest, const char *job, size_t len)
{
    return strncmp(guest->job, job, len) == 0 && strchr(":#/", guest->job[len]); /* or its end */
}

const Guest *world_guest_of(const World *world, const char *job)
{
    size_t len = strlen(job);
    for (guint i = 0; i < world->guests->len; i++)
        if (is_of_job(world->guests->pdata[i], job, len))
            return world->guests->pdata[i];
    return NULL;
}

size_t guests_stop_job(World *world, const char *job)
{
    size_t len = strlen(job), stopped = 0;
    for (guint i = 0; i < world->guests->len; i++) {
        Guest *guest = world->guests->pdata[i];
        if (!is_of_job(guest, job, len))
            continue;
        guest_stop(world, guest);
        stopped++;
    }
    return stopped;
}

void guests_of_instance_gone(World *world, const Instance *instance, int64_t now_ms)
{
    for (guint i = world->guests->len; instance->guests > 0 && i > 0; i--) {
        Guest *guest = world->guests->pdata[i - 1];
        if (guest->held_on == instance)
            guest_gone(world, guest, now_ms);
    }
}

/* ---- coming back ---- */

static void load(const char *name, const char *value, void *data)
{
    Guest *guest = guest_read(name, value);
    if (guest)
        insert(data, guest);
}

void guests_loaded(World *world)
{
    world_settings_each(world, load, world);
}

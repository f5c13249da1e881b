#include "reconciler/world/suspension.h"
#include <jansson.h>
#include "reconciler/world/state.h"

void suspension_free(void *data)
{
    Suspension *suspension = data;
    if (!suspension)
        return;
    g_free(suspension->source);
    g_free(suspension->reason);
    g_free(suspension->actor);
    g_free(suspension);
}

/* ---- as a setting ---- */

static char *setting_name(const char *source)
{
    return g_strconcat(SUSPENSION_SETTING, source, NULL);
}

static char *text_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return g_strdup(text ? text : "");
}

static Suspension *suspension_parse(const char *source, const char *value)
{
    json_t *root = json_loads(value, 0, NULL);
    Suspension *suspension = g_new0(Suspension, 1);
    suspension->source = g_strdup(source);
    suspension->since_ms = json_integer_value(json_object_get(root, "since"));
    suspension->until_ms = json_integer_value(json_object_get(root, "until"));
    suspension->reason = text_member(root, "reason");
    suspension->actor = text_member(root, "actor");
    json_decref(root);
    return suspension;
}

static char *setting_value(const Suspension *suspension, int64_t since_ms)
{
    json_t *root =
        json_pack("{s:I,s:I,s:s,s:s}", "since", (json_int_t)since_ms, "until",
                  (json_int_t)suspension->until_ms, "reason", suspension->reason, "actor", suspension->actor);
    char *dumped = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    json_decref(root);
    return text;
}

char *suspension_text(const Suspension *suspension)
{
    g_autoptr(GDateTime) until = g_date_time_new_from_unix_utc(suspension->until_ms / 1000);
    g_autofree char *at = !suspension->until_ms ? g_strdup("until it is resumed")
                          : until               ? g_date_time_format(until, "until %F %T UTC")
                                                : g_strdup("-");
    bool is_told = *suspension->actor != '\0';
    return g_strdup_printf("%s: %s%s%s%s", at, suspension->reason, is_told ? " (by " : "",
                           is_told ? suspension->actor : "", is_told ? ")" : "");
}

/* ---- which there are ---- */

static int compare_suspensions(gconstpointer a, gconstpointer b)
{
    const Suspension *left = *(const Suspension *const *)a, *right = *(const Suspension *const *)b;
    return strcmp(left->source, right->source);
}

GPtrArray *world_suspensions(const World *world)
{
    GPtrArray *suspensions = g_ptr_array_new_with_free_func(suspension_free);
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, world->settings);
    while (g_hash_table_iter_next(&iter, &name, &value))
        if (g_str_has_prefix(name, SUSPENSION_SETTING))
            g_ptr_array_add(suspensions,
                            suspension_parse((const char *)name + strlen(SUSPENSION_SETTING), value));
    g_ptr_array_sort(suspensions, compare_suspensions);
    return suspensions;
}

static void due_again(World *world)
{
    g_autoptr(GPtrArray) all = world_suspensions(world);
    world->suspensions = all->len;
    world->suspension_due_ms = 0;
    for (guint i = 0; i < all->len; i++) {
        int64_t until_ms = ((const Suspension *)all->pdata[i])->until_ms;
        if (until_ms && (world->suspension_due_ms == 0 || until_ms < world->suspension_due_ms))
            world->suspension_due_ms = until_ms;
    }
}

void suspensions_loaded(World *world)
{
    due_again(world);
}

int64_t world_suspension_due_ms(const World *world)
{
    return world->suspension_due_ms;
}

static Suspension *find(const World *world, const char *source)
{
    if (world->suspensions == 0)
        return NULL;
    g_autofree char *setting = setting_name(source);
    const char *value = world_setting(world, setting);
    return value ? suspension_parse(source, value) : NULL;
}

Suspension *world_suspension(const World *world, const char *source, int64_t now_ms)
{
    g_autoptr(Suspension) found = find(world, source);
    bool stands = found && (!found->until_ms || found->until_ms > now_ms);
    return stands ? g_steal_pointer(&found) : NULL;
}

/* ---- changing ---- */

/* An event, and a line of the source's history, of which nothing was carried out. */
static void tell(World *world, const char *source, ApplyTrigger trigger, const char *actor, const char *text,
                 int64_t now_ms)
{
    g_autofree char *subject = g_strdup_printf("source %s", source);
    world_event_of(world, &(EventOrigin){.source = source},
                   trigger == TRIGGER_SUSPEND ? "source.suspended" : "source.resumed", subject, text, now_ms);
    apply_note(world,
               &(ApplyRecord){.owner = view_from(source),
                              .state = APPLY_STATE_NOTED,
                              .message = view_from(text),
                              .summary = VIEW("{}"),
                              .trigger = trigger,
                              .actor = view_from(actor),
                              .started_ms = now_ms},
               now_ms);
}

static bool check(const Suspension *suspension, int64_t now_ms, GError **error)
{
    size_t len = suspension->reason ? strlen(suspension->reason) : 0;
    const char *fault = NULL;
    if (len == 0 || len > SUSPENSION_REASON_MAX)
        fault = "a reason is expected, of at most 1000 bytes";
    else if (suspension->until_ms && suspension->until_ms <= now_ms)
        fault = "its end is over already";
    else if (suspension->until_ms > now_ms + SUSPENSION_LONGEST_MS)
        fault = "a suspension that ends by itself lasts at most 366 days";
    if (fault)
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "source %s cannot be suspended: %s",
                    suspension->source, fault);
    return !fault;
}

bool source_suspend(World *world, const Suspension *suspension, int64_t now_ms, GError **error)
{
    if (!check(suspension, now_ms, error))
        return false;
    g_autofree char *setting = setting_name(suspension->source), *value = setting_value(suspension, now_ms),
                    *text = suspension_text(suspension);
    world_set_setting(world, setting, value);
    due_again(world);
    tell(world, suspension->source, TRIGGER_SUSPEND, suspension->actor, text, now_ms);
    return true;
}

static void end(World *world, const char *source, const char *actor, const char *why, int64_t now_ms)
{
    g_autofree char *setting = setting_name(source);
    world_set_setting(world, setting, NULL);
    tell(world, source, TRIGGER_RESUME, actor, why, now_ms);
}

bool source_resume(World *world, const char *source, const char *actor, int64_t now_ms)
{
    g_autoptr(Suspension) found = find(world, source);
    if (!found)
        return false;
    g_autofree char *text = *actor ? g_strdup_printf("by %s", actor) : g_strdup("");
    end(world, source, actor, text, now_ms);
    due_again(world);
    return true;
}

size_t suspension_settle(World *world, int64_t now_ms)
{
    if (world->suspension_due_ms == 0 || now_ms < world->suspension_due_ms)
        return 0;
    g_autoptr(GPtrArray) all = world_suspensions(world);
    size_t ended = 0;
    for (guint i = 0; i < all->len; i++) {
        const Suspension *suspension = all->pdata[i];
        if (!suspension->until_ms || suspension->until_ms > now_ms)
            continue;
        end(world, suspension->source, "", "the time of its suspension is over", now_ms);
        ended++;
    }
    due_again(world);
    return ended;
}

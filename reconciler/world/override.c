#include "reconciler/world/override.h"
#include "reconciler/world/drift.h"
#include "reconciler/world/job.h"

void override_free(void *data)
{
    Override *override = data;
    if (!override)
        return;
    g_free(override->name);
    g_free(override->field);
    g_free(override->reason);
    g_free(override->actor);
    json_decref(override->value);
    g_free(override);
}

static const char *const all_fields[] = {"state", "priority", "minvCpus", "maxvCpus"};

/* ---- as a setting ---- */

static char *setting_name(Kind kind, const char *name, const char *field)
{
    return g_strdup_printf(OVERRIDE_SETTING "%s/%s %s", kind_name(kind), name, field);
}

static char *text_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return g_strdup(text ? text : "");
}

/* "override KIND/NAME FIELD": names hold neither blanks nor slashes. */
static bool parse_name(View name, Override *override)
{
    g_autofree char *text = view_dup(name);
    if (!g_str_has_prefix(text, OVERRIDE_SETTING))
        return false;
    char *kind = text + strlen(OVERRIDE_SETTING), *slash = strchr(kind, '/'), *blank = strrchr(kind, ' ');
    if (!slash || !blank || blank < slash ||
        !kind_from_name((View){kind, (size_t)(slash - kind)}, &override->kind))
        return false;
    override->name = g_strndup(slash + 1, (gsize)(blank - slash - 1));
    override->field = g_strdup(blank + 1);
    return true;
}

Override *override_of_setting(View name, View value)
{
    g_autoptr(Override) override = g_new0(Override, 1);
    if (!parse_name(name, override))
        return NULL;
    json_t *root = json_loadb(value.data, value.len, 0, NULL);
    override->value = json_incref(json_object_get(root, "value"));
    override->since_ms = json_integer_value(json_object_get(root, "since"));
    override->until_ms = json_integer_value(json_object_get(root, "until"));
    override->reason = text_member(root, "reason");
    override->actor = text_member(root, "actor");
    json_decref(root);
    return override->value ? g_steal_pointer(&override) : NULL;
}

static char *setting_value(const Override *override)
{
    json_t *root = json_pack("{s:O,s:I,s:I,s:s,s:s}", "value", override->value, "since",
                             (json_int_t) override->since_ms, "until", (json_int_t) override->until_ms,
                             "reason", override->reason, "actor", override->actor ? override->actor : "");
    char *dumped = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    json_decref(root);
    return text;
}

static char *value_text(const json_t *value)
{
    return json_is_string(value) ? g_strdup(json_string_value(value))
                                 : g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

char *override_text(const Override *override)
{
    g_autoptr(GDateTime) until = g_date_time_new_from_unix_utc(override->until_ms / 1000);
    g_autofree char *value = value_text(override->value),
                    *at = until ? g_date_time_format(until, "%F %T UTC") : g_strdup("-");
    bool is_told = override->actor && *override->actor;
    return g_strdup_printf("%s is %s until %s: %s%s%s%s", override->field, value, at, override->reason,
                           is_told ? " (by " : "", is_told ? override->actor : "", is_told ? ")" : "");
}

/* ---- which there are ---- */

static int compare_overrides(gconstpointer a, gconstpointer b)
{
    const Override *left = *(const Override *const *)a, *right = *(const Override *const *)b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->field, right->field);
}

GPtrArray *world_overrides(const World *world)
{
    GPtrArray *overrides = g_ptr_array_new_with_free_func(override_free);
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, world->settings);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        Override *override = g_str_has_prefix(name, OVERRIDE_SETTING)
                                 ? override_of_setting(view_from(name), view_from(value))
                                 : NULL;
        if (override)
            g_ptr_array_add(overrides, override);
    }
    g_ptr_array_sort(overrides, compare_overrides);
    return overrides;
}

static void due_again(World *world)
{
    g_autoptr(GPtrArray) overrides = world_overrides(world);
    world->override_due_ms = 0;
    for (guint i = 0; i < overrides->len; i++) {
        int64_t until_ms = ((const Override *)overrides->pdata[i])->until_ms;
        if (world->override_due_ms == 0 || until_ms < world->override_due_ms)
            world->override_due_ms = until_ms;
    }
}

void overrides_loaded(World *world)
{
    due_again(world);
}

int64_t world_override_due_ms(const World *world)
{
    return world->override_due_ms;
}

/* ---- in force ---- */

static Override *find(const World *world, Kind kind, const char *name, const char *field)
{
    g_autofree char *setting = setting_name(kind, name, field);
    const char *value = world_setting(world, setting);
    return value ? override_of_setting(view_from(setting), view_from(value)) : NULL;
}

static void override_number(const World *world, Kind kind, const char *name, const char *field,
                            int64_t *number)
{
    g_autoptr(Override) override = find(world, kind, name, field);
    if (override && json_is_integer(override->value))
        *number = json_integer_value(override->value);
}

static void override_state(const World *world, Kind kind, const char *name, bool *is_enabled)
{
    g_autoptr(Override) override = find(world, kind, name, "state");
    if (override)
        *is_enabled = g_strcmp0(json_string_value(override->value), "ENABLED") == 0;
}

void override_queue(const World *world, const char *name, JobQueueSpec *spec)
{
    if (world->override_due_ms == 0 && !world->loading)
        return; /* there is none */
    override_state(world, KIND_JOB_QUEUE, name, &spec->enabled);
    override_number(world, KIND_JOB_QUEUE, name, "priority", &spec->priority);
}

void override_environment(const World *world, const char *name, ComputeEnvironmentSpec *spec)
{
    if (world->override_due_ms == 0 && !world->loading)
        return;
    override_state(world, KIND_COMPUTE_ENVIRONMENT, name, &spec->enabled);
    override_number(world, KIND_COMPUTE_ENVIRONMENT, name, "minvCpus", &spec->min_vcpus);
    override_number(world, KIND_COMPUTE_ENVIRONMENT, name, "maxvCpus", &spec->max_vcpus);
    if (spec->max_vcpus > 0) /* the manifest may have changed since */
        spec->min_vcpus = MIN(spec->min_vcpus, spec->max_vcpus);
}

static bool lay_over(const World *world, const Resource *resource, const char *field, const char *path,
                     json_t *spec)
{
    g_autoptr(Override) override = find(world, resource->kind, resource->name, field);
    return override && spec_put(resource->kind, spec, path, override->value) == SPEC_PUT_DONE;
}

#define LEAST_PATH "spec.computeResources.minvCpus"
#define MOST_PATH  "spec.computeResources.maxvCpus"

/* As override_environment() has it: the manifest may have changed since, and no provider takes more than the
 * most. */
static void clamp_least(const Resource *resource, json_t *spec)
{
    json_t *sizes = json_object_get(spec, "computeResources"), *most = json_object_get(sizes, "maxvCpus");
    if (json_integer_value(most) > 0 &&
        json_integer_value(json_object_get(sizes, "minvCpus")) > json_integer_value(most))
        (void)spec_put(resource->kind, spec, LEAST_PATH, most);
}

char *override_spec(const World *world, const Resource *resource)
{
    static const char *const paths[][2] = {{"state", "spec.state"},
                                           {"priority", "spec.priority"},
                                           {"minvCpus", LEAST_PATH},
                                           {"maxvCpus", MOST_PATH}};
    if (world->override_due_ms == 0)
        return NULL;
    json_t *spec = json_loads(resource->spec, JSON_ALLOW_NUL, NULL);
    bool any = false;
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        any = lay_over(world, resource, paths[i][0], paths[i][1], spec) || any;
    clamp_least(resource, spec);
    char *text = any ? spec_text(spec) : NULL;
    json_decref(spec);
    return text;
}

/* Its spec was decoded before, and so it is again. */
static void decode_again(World *world, Resource *resource)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *spec = g_strdup(resource->spec);
    if (!resource_in_force(world, resource, view_from(spec), &error))
        g_error("%s/%s: %s", kind_name(resource->kind), resource->name, error->message);
}

/* ---- what may be ---- */

static bool invalid(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool invalid(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (error)
        *error = g_error_new_valist(WORLD_ERROR, WORLD_ERROR_INVALID, format, arguments);
    va_end(arguments);
    return false;
}

static bool check_number(const Override *override, GError **error)
{
    json_int_t number = json_integer_value(override->value);
    return (json_is_integer(override->value) && number >= 0 && number <= INT32_MAX) ||
           invalid(error, "%s: a whole number from 0 to %d is expected", override->field, INT32_MAX);
}

static bool check_state(const Override *override, GError **error)
{
    const char *state = json_string_value(override->value);
    return (state && (strcmp(state, "ENABLED") == 0 || strcmp(state, "DISABLED") == 0)) ||
           invalid(error, "state: ENABLED or DISABLED is expected");
}

static bool check_vcpus(const Resource *resource, const Override *override, GError **error)
{
    const ComputeEnvironmentSpec *spec = resource->environment->spec;
    if (!check_number(override, error))
        return false;
    bool is_least = strcmp(override->field, "minvCpus") == 0;
    if (spec->type == CE_TYPE_UNMANAGED && spec->type_given)
        return invalid(error, "ComputeEnvironment/%s is UNMANAGED: its capacity is what its hosts have",
                       resource->name);
    if (is_least && (spec->type == CE_TYPE_FARGATE || spec->type == CE_TYPE_FARGATE_SPOT))
        return invalid(error, "minvCpus does not apply to Fargate");
    int64_t number = json_integer_value(override->value);
    if (!is_least && number == 0)
        return invalid(error, "maxvCpus: 0 would be no limit; state=DISABLED takes no jobs");
    int64_t least = is_least ? number : spec->min_vcpus, most = is_least ? spec->max_vcpus : number;
    if (most > 0 && least > most)
        return invalid(error, "minvCpus (%" G_GINT64_FORMAT ") would exceed maxvCpus (%" G_GINT64_FORMAT ")",
                       least, most);
    return true;
}

static bool check_field(const Resource *resource, const Override *override, GError **error)
{
    bool is_state = strcmp(override->field, "state") == 0;
    if (resource->queue && strcmp(override->field, "priority") == 0)
        return check_number(override, error);
    if (resource->environment &&
        (strcmp(override->field, "minvCpus") == 0 || strcmp(override->field, "maxvCpus") == 0))
        return check_vcpus(resource, override, error);
    if ((resource->queue || resource->environment) && is_state)
        return check_state(override, error);
    return invalid(
        error,
        "%s of a %s cannot be overridden; state and priority of a JobQueue can, and state, minvCpus "
        "and maxvCpus of a ComputeEnvironment",
        override->field, kind_name(resource->kind));
}

static bool check(const World *world, const Override *override, int64_t now_ms, GError **error)
{
    const Resource *resource = world_resource(world, override->kind, view_from(override->name));
    if (!resource) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND, "there is no %s \"%s\"",
                    kind_name(override->kind), override->name);
        return false;
    }
    if (resource->phase == RESOURCE_DELETING) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT, "%s/%s is being deleted",
                    kind_name(override->kind), override->name);
        return false;
    }
    if (!override->reason || !*override->reason || strlen(override->reason) > OVERRIDE_REASON_MAX)
        return invalid(error, "a reason of 1 to %d bytes is expected", OVERRIDE_REASON_MAX);
    if (override->until_ms <= now_ms || override->until_ms - now_ms > OVERRIDE_LONGEST_MS)
        return invalid(error, "an override lasts 1 ms to 366 days");
    return check_field(resource, override, error);
}

/* ---- changing ---- */

static void tell(World *world, const Override *override, ChangeAction action, const char *type,
                 const char *actor, const char *text, int64_t now_ms)
{
    const Resource *resource = world_resource(world, override->kind, view_from(override->name));
    g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(override->kind), override->name);
    world_event_of(world, &(EventOrigin){.source = resource ? resource->owner : NULL}, type, subject, text,
                   now_ms);
    world_change(world, &(ChangeRecord){.kind = override->kind,
                                        .name = view_from(override->name),
                                        .at_ms = now_ms,
                                        .owner = view_from(resource ? resource->owner : ""),
                                        .actor = view_from(actor),
                                        .action = action,
                                        .reason = view_from(text)});
}

bool override_set(World *world, const Override *override, int64_t now_ms, GError **error)
{
    if (!check(world, override, now_ms, error))
        return false;
    g_autofree char *setting = setting_name(override->kind, override->name, override->field);
    g_autoptr(GPtrArray) all = world_overrides(world);
    if (all->len >= OVERRIDES_MAX && !world_setting(world, setting))
        return invalid(error, "there are %d overrides already; clear one (--clear)", OVERRIDES_MAX);
    Override stored = *override;
    stored.since_ms = now_ms;
    g_autofree char *value = setting_value(&stored), *text = override_text(&stored);
    world_set_setting(world, setting, value);
    due_again(world);
    decode_again(world, world_resource(world, override->kind, view_from(override->name)));
    drift_declared(world, world_resource(world, override->kind, view_from(override->name)), now_ms);
    tell(world, &stored, CHANGE_OVERRIDE, "resource.overridden", stored.actor, text, now_ms);
    return true;
}

/* What is left of it is its record. */
static void end(World *world, const Override *override, const char *actor, const char *why, int64_t now_ms)
{
    g_autofree char *setting = setting_name(override->kind, override->name, override->field),
                    *text = g_strdup_printf("%s is again what is declared: %s", override->field, why);
    Resource *resource = world_resource(world, override->kind, view_from(override->name));
    world_set_setting(world, setting, NULL);
    if (resource) {
        decode_again(world, resource);
        drift_declared(world, resource, now_ms);
    }
    tell(world, override, CHANGE_RESTORE, "resource.restored", actor, text, now_ms);
}

size_t override_clear(World *world, Kind kind, View name, const char *field, const char *actor,
                      int64_t now_ms)
{
    if (world->override_due_ms == 0)
        return 0;
    g_autoptr(GPtrArray) all = world_overrides(world);
    size_t ended = 0;
    for (guint i = 0; i < all->len; i++) {
        const Override *override = all->pdata[i];
        if (override->kind != kind || !view_is(name, override->name) ||
            (field && strcmp(field, override->field) != 0))
            continue;
        end(world, override, actor, "its override was cleared", now_ms);
        ended++;
    }
    due_again(world);
    return ended;
}

size_t override_settle(World *world, int64_t now_ms)
{
    if (world->override_due_ms == 0 || now_ms < world->override_due_ms)
        return 0;
    g_autoptr(GPtrArray) all = world_overrides(world);
    size_t ended = 0;
    for (guint i = 0; i < all->len; i++) {
        const Override *override = all->pdata[i];
        if (override->until_ms > now_ms)
            continue;
        end(world, override, "", "the time of its override is over", now_ms);
        ended++;
    }
    due_again(world);
    return ended;
}

void overrides_move(World *world, const ResourceRename *rename)
{
    if (world->override_due_ms == 0)
        return;
    g_autofree char *from = view_dup(rename->from), *to = view_dup(rename->to);
    for (size_t i = 0; i < G_N_ELEMENTS(all_fields); i++) {
        g_autofree char *before = setting_name(rename->kind, from, all_fields[i]),
                        *after = setting_name(rename->kind, to, all_fields[i]),
                        *value = g_strdup(world_setting(world, before));
        if (value) {
            world_set_setting(world, before, NULL);
            world_set_setting(world, after, value);
        }
    }
}

void overrides_drop(World *world, const Resource *resource)
{
    if (world->override_due_ms == 0)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(all_fields); i++) {
        g_autofree char *setting = setting_name(resource->kind, resource->name, all_fields[i]);
        world_set_setting(world, setting, NULL);
    }
    due_again(world);
}

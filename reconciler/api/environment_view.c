#include "reconciler/api/environment_view.h"

#include "spec/base/units.h"

#define MICRO 1000000.0

void environment_standing_clear(EnvironmentStanding *standing)
{
    growth_memory_clear(&standing->read);
}

bool environment_has_instances(const Environment *environment)
{
    return environment->provider != PROVIDER_LOCAL && environment->provider != PROVIDER_DOCKER &&
           environment->spec->type != CE_TYPE_FARGATE && environment->spec->type != CE_TYPE_FARGATE_SPOT;
}

bool environment_standing_read(const World *world, const Environment *environment,
                               EnvironmentStanding *ret_standing)
{
    *ret_standing = (EnvironmentStanding){.is_hosted = false};
    if (!environment_has_instances(environment) || environment->spec->type == CE_TYPE_UNMANAGED)
        return false;
    g_autofree char *setting = growth_memory_setting(environment_outside(environment));
    CatalogueFacts facts = {.region = environment->spec->region};
    g_autoptr(ScaleCandidates) candidates = scale_candidates_new(environment->spec, &facts);
    g_strlcpy(ret_standing->currency, candidates->currency ? candidates->currency : "",
              sizeof ret_standing->currency);
    growth_memory_parse(&ret_standing->read, world_setting(world, setting));
    ret_standing->memory = &ret_standing->read;
    return true;
}

/* ---- in brief ---- */

const char *environment_view_status(const Environment *environment, const EnvironmentStanding *standing)
{
    switch (environment->resource->phase) {
    case RESOURCE_ACTIVE:
        return standing && standing->invalid ? "INVALID"
               : !environment->unmade        ? "VALID"
               : environment->is_made        ? "UPDATING"
                                             : "CREATING";
    case RESOURCE_DELETING: return "DELETING";
    case RESOURCE_REPLACING: return "UPDATING";
    }
    g_assert_not_reached();
}

static void set_vcpus(json_t *object, const char *name, int64_t vcpus_e4)
{
    json_object_set_new(object, name, json_real((double)vcpus_e4 / DECIMAL_SCALE));
}

static void set_integer(json_t *object, const char *name, int64_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(object, name, json_string(text));
}

json_t *environment_view_brief(const Environment *environment, const EnvironmentStanding *standing)
{
    json_t *object = json_object();
    set_text(object, "name", environment->resource->name);
    set_text(object, "provider", provider_type_name(environment->provider));
    set_text(object, "state", environment->spec->enabled ? "ENABLED" : "DISABLED");
    set_text(object, "status", environment_view_status(environment, standing));
    set_text(object, "statusReason", standing && standing->invalid ? standing->invalid : environment->unmade);
    set_vcpus(object, "usedVcpus", environment->used_vcpus_e4);
    set_integer(object, "maxvCpus", environment->spec->max_vcpus);
    set_integer(object, "launches", (int64_t)environment->launches);
    return object;
}

/* ---- instances ---- */

typedef struct {
    const Instance *like; /* the first of them: type, market and state are all of theirs */
    int64_t count, vcpus_e4, used_e4;
} InstanceCount;

static guint like_hash(gconstpointer key)
{
    const Instance *like = key;
    return g_str_hash(like->type) * 16 + (guint)like->state * 2 + like->spot;
}

static gboolean like_equal(gconstpointer a, gconstpointer b)
{
    const Instance *left = a, *right = b;
    return left->state == right->state && left->spot == right->spot && strcmp(left->type, right->type) == 0;
}

static int count_compare(const void *a, const void *b)
{
    const Instance *left = ((const InstanceCount *)a)->like, *right = ((const InstanceCount *)b)->like;
    int by_type = strcmp(left->type, right->type);
    return by_type                     ? by_type
           : left->spot != right->spot ? left->spot - right->spot
                                       : (int)left->state - (int)right->state;
}

/* By type, market, state. *ret_free_e4: on those that take tasks. */
static GArray *instances_count(const Environment *environment, int64_t *ret_free_e4)
{
    GArray *counts = g_array_new(FALSE, TRUE, sizeof(InstanceCount));
    g_autoptr(GHashTable) places = g_hash_table_new(like_hash, like_equal); /* place in counts, from 1 */
    *ret_free_e4 = 0;
    for (const Instance *at = NULL; (at = environment_instance_next(environment, at));) {
        guint place = GPOINTER_TO_UINT(g_hash_table_lookup(places, at));
        if (place == 0) {
            place = counts->len + 1;
            g_array_append_val(counts, ((InstanceCount){.like = at}));
            g_hash_table_insert(places, (Instance *)(uintptr_t)at, GUINT_TO_POINTER(place));
        }
        InstanceCount *count = &g_array_index(counts, InstanceCount, place - 1);
        count->count++;
        count->vcpus_e4 += at->total.vcpus_e4;
        count->used_e4 += at->used.vcpus_e4;
        if (at->state == INSTANCE_REGISTERED && !instance_is_leaving(at))
            *ret_free_e4 += at->free.vcpus_e4;
    }
    g_array_sort(counts, count_compare);
    return counts;
}

/* Instances that will be taken away, and why. */
static void set_warned(json_t *object, const Environment *environment)
{
    json_t *array = json_array();
    for (const Instance *at = NULL; (at = environment_instance_next(environment, at));) {
        if (!at->warning)
            continue;
        json_t *item = json_object();
        set_text(item, "instance", at->provider_id ? at->provider_id : "");
        set_text(item, "reason", at->warning);
        set_integer(item, "attempts", (int64_t)at->launches);
        json_array_append_new(array, item);
    }
    if (json_array_size(array) > 0)
        json_object_set(object, "leaving", array);
    json_decref(array);
}

static void set_instances(json_t *object, const Environment *environment)
{
    int64_t free_e4;
    g_autoptr(GArray) counts = instances_count(environment, &free_e4);
    json_t *array = json_array();
    for (guint i = 0; i < counts->len; i++) {
        const InstanceCount *count = &g_array_index(counts, InstanceCount, i);
        json_t *item = json_object();
        set_text(item, "type", count->like->type);
        json_object_set_new(item, "spot", json_boolean(count->like->spot));
        set_text(item, "state", instance_state_name(count->like->state));
        set_integer(item, "count", count->count);
        set_vcpus(item, "vcpus", count->vcpus_e4);
        set_vcpus(item, "usedVcpus", count->used_e4);
        json_array_append_new(array, item);
    }
    set_vcpus(object, "freeVcpus", free_e4);
    set_integer(object, "desiredvCpus", environment->instance_vcpus);
    set_integer(object, "instanceCount", (int64_t)environment->instances);
    json_object_set_new(object, "instances", array);
    set_warned(object, environment);
}

/* Of an environment that shares the machine, or whose tasks are their own capacity. Absent: nobody has told.
 */
static void set_free(json_t *object, const World *world, const Environment *environment)
{
    int64_t max = environment->spec->max_vcpus;
    int64_t free_e4 = max > 0 ? MAX(max * DECIMAL_SCALE - environment->used_vcpus_e4, 0) : INT64_MAX;
    if (environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER) {
        const Instance *machine = world_local_instance(world);
        if (!machine)
            return;
        free_e4 = MIN(free_e4, machine->free.vcpus_e4);
    }
    if (free_e4 < INT64_MAX)
        set_vcpus(object, "freeVcpus", free_e4);
}

/* ---- money and cool-downs ---- */

static json_t *window_json(Money spent, int64_t budget_micro, int64_t unknown_ms, int64_t ends_ms)
{
    json_t *object = json_object();
    json_object_set_new(object, "spent", json_real((double)spent.micro / MICRO));
    if (budget_micro > 0)
        json_object_set_new(object, "budget", json_real((double)budget_micro / MICRO));
    json_object_set_new(object, "incomplete", json_boolean(unknown_ms > 0));
    set_integer(object, "endsAt", ends_ms);
    return object;
}

static json_t *money_json(const ComputeEnvironmentSpec *spec, const EnvironmentStanding *standing,
                          int64_t now_ms)
{
    Account account = standing->memory->account;
    json_t *object = json_object();
    account_roll(&account, now_ms);
    set_text(object, "currency", standing->currency);
    json_object_set_new(
        object, "day",
        window_json(account.of_day, spec->budget_day_micro, account.unknown_day_ms, account_day_end(now_ms)));
    json_object_set_new(object, "month",
                        window_json(account.of_month, spec->budget_month_micro, account.unknown_month_ms,
                                    account_month_end(now_ms)));
    json_object_set_new(object, "total", json_real((double)account.total.micro / MICRO));
    json_object_set_new(object, "totalIncomplete", json_boolean(account.unknown_ms > 0));
    if (standing->memory->accrued_ms)
        set_integer(object, "countedAt", standing->memory->accrued_ms);
    if (!standing->is_hosted)
        return object;
    json_object_set_new(object, "perHour", json_real((double)standing->rate_micro_per_h / MICRO));
    set_integer(object, "unpricedInstances", standing->unpriced);
    return object;
}

static json_t *cooldowns_json(const CoolDowns *cooldowns, int64_t now_ms)
{
    json_t *array = json_array();
    for (size_t i = 0; i < cooldowns->len; i++) {
        const CoolDown *pool = &cooldowns->pools[i];
        if (pool->until_ms <= now_ms)
            continue;
        json_t *item = json_object();
        set_text(item, "type", pool->type);
        set_text(item, "zone", pool->zone);
        json_object_set_new(item, "spot", json_boolean(pool->spot));
        set_integer(item, "until", pool->until_ms);
        set_integer(item, "failures", pool->failures);
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *unmet_json(const EnvironmentStanding *standing)
{
    json_t *array = json_array();
    for (size_t i = 0; i < standing->unmet_len; i++) {
        const ScaleUnmet *unmet = &standing->unmet[i];
        g_autoptr(GString) text = g_string_new(NULL);
        json_t *item = json_object();
        unmet_append_text(unmet, standing->unmet_types[i], standing->currency[0] ? standing->currency : NULL,
                          text);
        set_text(item, "reason", unmet_reason_name(unmet->reason));
        set_integer(item, "jobs", unmet->count);
        set_text(item, "text", text->str);
        if (unmet->until_ms)
            set_integer(item, "until", unmet->until_ms);
        json_array_append_new(array, item);
    }
    return array;
}

json_t *environment_view(const World *world, const Environment *environment,
                         const EnvironmentStanding *standing, int64_t now_ms)
{
    json_t *object = environment_view_brief(environment, standing);
    set_integer(object, "minvCpus", environment->spec->min_vcpus);
    if (environment_has_instances(environment))
        set_instances(object, environment);
    else
        set_free(object, world, environment);
    if (!standing)
        return object;
    json_object_set_new(object, "money", money_json(environment->spec, standing, now_ms));
    json_object_set_new(object, "coolDowns", cooldowns_json(&standing->memory->cooldowns, now_ms));
    if (standing->is_hosted)
        json_object_set_new(object, "unmet", unmet_json(standing));
    return object;
}

#include "reconciler/scale/cooldown.h"

#include <jansson.h>

static void pool_clear(CoolDown *pool)
{
    g_free(pool->type);
    g_free(pool->zone);
}

void cooldowns_clear(CoolDowns *cooldowns)
{
    for (size_t i = 0; i < cooldowns->len; i++)
        pool_clear(&cooldowns->pools[i]);
    g_free(cooldowns->pools);
    *cooldowns = (CoolDowns){0};
}

static int pool_compare(const CoolDown *pool, View type, View zone, bool spot)
{
    int order = view_compare(view_from(pool->type), type);
    if (!order)
        order = view_compare(view_from(pool->zone), zone);
    return order ? order : (int)pool->spot - (int)spot;
}

/* Where it is, or where it belongs. */
static bool pool_find(const CoolDowns *cooldowns, View type, View zone, bool spot, size_t *ret_index)
{
    size_t low = 0, high = cooldowns->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = pool_compare(&cooldowns->pools[middle], type, zone, spot);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = low;
    return false;
}

static void pool_remove(CoolDowns *cooldowns, size_t index)
{
    pool_clear(&cooldowns->pools[index]);
    cooldowns->len--;
    for (size_t i = index; i < cooldowns->len; i++)
        cooldowns->pools[i] = cooldowns->pools[i + 1];
}

static CoolDown *pool_insert(CoolDowns *cooldowns, size_t index, View type, View zone, bool spot)
{
    if (cooldowns->len == cooldowns->size) {
        cooldowns->size = cooldowns->size ? 2 * cooldowns->size : 8;
        cooldowns->pools = g_renew(CoolDown, cooldowns->pools, cooldowns->size);
    }
    for (size_t i = cooldowns->len; i > index; i--)
        cooldowns->pools[i] = cooldowns->pools[i - 1];
    cooldowns->len++;
    cooldowns->pools[index] = (CoolDown){
        .type = g_strndup(type.data, type.len), .zone = g_strndup(zone.data, zone.len), .spot = spot};
    return &cooldowns->pools[index];
}

/* The one whose cool-down ends first makes room. */
static void pool_drop_oldest(CoolDowns *cooldowns)
{
    size_t oldest = 0;
    for (size_t i = 1; i < cooldowns->len; i++)
        if (cooldowns->pools[i].until_ms < cooldowns->pools[oldest].until_ms)
            oldest = i;
    pool_remove(cooldowns, oldest);
}

static int64_t cooldown_length_ms(int64_t failures)
{
    int64_t length_ms = COOLDOWN_FIRST_MS;
    for (int64_t i = 1; i < failures && length_ms < COOLDOWN_MOST_MS; i++)
        length_ms *= 2;
    return MIN(length_ms, COOLDOWN_MOST_MS);
}

void cooldown_failed(CoolDowns *cooldowns, View type, View zone, bool spot, int64_t asked_ms, int64_t now_ms)
{
    size_t index;
    bool found = pool_find(cooldowns, type, zone, spot, &index);
    if (!found && cooldowns->len >= COOLDOWN_POOLS_MAX) {
        pool_drop_oldest(cooldowns);
        found = pool_find(cooldowns, type, zone, spot, &index);
    }
    CoolDown *pool = found ? &cooldowns->pools[index] : pool_insert(cooldowns, index, type, zone, spot);
    if (pool->until_ms && asked_ms < pool->until_ms)
        return;
    if (pool->until_ms && now_ms >= pool->until_ms + COOLDOWN_FORGET_MS)
        pool->failures = 0;
    pool->failures++;
    pool->until_ms = now_ms + cooldown_length_ms(pool->failures);
}

void cooldown_succeeded(CoolDowns *cooldowns, View type, View zone, bool spot)
{
    size_t index;
    if (pool_find(cooldowns, type, zone, spot, &index))
        pool_remove(cooldowns, index);
}

int64_t cooldown_until(const CoolDowns *cooldowns, View type, View zone, bool spot, int64_t now_ms)
{
    int64_t until_ms = 0;
    size_t index;
    if (pool_find(cooldowns, type, zone, spot, &index))
        until_ms = cooldowns->pools[index].until_ms;
    if (zone.len && pool_find(cooldowns, type, VIEW(""), spot, &index))
        until_ms = MAX(until_ms, cooldowns->pools[index].until_ms);
    return until_ms > now_ms ? until_ms : 0;
}

bool cooldowns_expire(CoolDowns *cooldowns, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < cooldowns->len; i++) {
        if (cooldowns->pools[i].until_ms + COOLDOWN_FORGET_MS <= now_ms)
            pool_clear(&cooldowns->pools[i]);
        else
            cooldowns->pools[kept++] = cooldowns->pools[i];
    }
    bool dropped = kept < cooldowns->len;
    cooldowns->len = kept;
    return dropped;
}

/* ---- as text */

char *cooldowns_print(const CoolDowns *cooldowns)
{
    json_t *list = json_array();
    for (size_t i = 0; i < cooldowns->len; i++) {
        const CoolDown *pool = &cooldowns->pools[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b, s:I, s:I}", "type", pool->type, "zone", pool->zone,
                                        "spot", pool->spot, "failures", (json_int_t)pool->failures, "untilMs",
                                        (json_int_t)pool->until_ms));
    }
    char *dumped = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped);
    json_decref(list);
    return text;
}

static bool pool_parse(CoolDowns *cooldowns, json_t *json)
{
    const char *type, *zone;
    int spot;
    json_int_t failures, until_ms;
    size_t index;
    if (json_unpack(json, "{s:s, s:s, s:b, s:I, s:I}", "type", &type, "zone", &zone, "spot", &spot,
                    "failures", &failures, "untilMs", &until_ms) != 0 ||
        failures < 1 || until_ms < 0 || cooldowns->len >= COOLDOWN_POOLS_MAX ||
        pool_find(cooldowns, view_from(type), view_from(zone), spot, &index))
        return false;
    CoolDown *pool = pool_insert(cooldowns, index, view_from(type), view_from(zone), spot);
    pool->failures = failures;
    pool->until_ms = until_ms;
    return true;
}

bool cooldowns_parse(CoolDowns *cooldowns, View text)
{
    cooldowns_clear(cooldowns);
    json_t *list = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_array(list);
    for (size_t i = 0; ok && i < json_array_size(list); i++)
        ok = pool_parse(cooldowns, json_array_get(list, i));
    json_decref(list);
    if (!ok)
        cooldowns_clear(cooldowns);
    return ok;
}

/* ---- environments */

bool launch_failures_add(LaunchFailures *failures)
{
    if (failures->failures < LAUNCH_FAILURES_MAX)
        failures->failures++;
    return failures->failures >= LAUNCH_FAILURES_MAX;
}

void launch_failures_reset(LaunchFailures *failures)
{
    *failures = (LaunchFailures){0};
}

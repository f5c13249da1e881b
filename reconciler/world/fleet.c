/* Instances by what is free: a level for each number of free GPUs (those of machines without GPUs apart), in
 * a level a shelf for each number of free whole vCPUs, in a shelf by free memory. */
#include "reconciler/world/instance.h"
#include "reconciler/world/shelf.h"
#include "spec/base/units.h"

/* Machines with more free whole vCPUs than any that is sold share the last shelf of a level. */
#define WHOLE_MAX 1023

typedef struct FleetLevel {
    int64_t gpus;
    size_t len;
    Shelf *shelves; /* by free whole vCPUs */
    unsigned shelves_len;
    uint64_t bits[(WHOLE_MAX + 64) / 64]; /* shelves that hold something */
} FleetLevel;

/* Instances of equal total and type, for those on which nothing runs. */
typedef struct FleetClass {
    Capacity total;
    char *type;
    size_t len;
    Shelf empty;
} FleetClass;

struct Fleet {
    FleetLevel *plain;  /* of machines without GPUs */
    GPtrArray *levels;  /* FleetLevel of machines with GPUs, by free GPUs */
    GPtrArray *classes; /* FleetClass by total, then type */
    Tree numbers;
    ShelfPool pool;
    Capacity most;
    bool most_is_stale;
};

/* ---- capacities ---- */

bool capacity_covers(Capacity free, Capacity need)
{
    return need.vcpus_e4 <= free.vcpus_e4 && need.memory_mib <= free.memory_mib && need.gpus <= free.gpus;
}

static Capacity capacity_add(Capacity a, Capacity b, int64_t times)
{
    return (Capacity){a.vcpus_e4 + times * b.vcpus_e4, a.memory_mib + times * b.memory_mib,
                      a.gpus + times * b.gpus};
}

static Capacity capacity_above_zero(Capacity a)
{
    return (Capacity){MAX(a.vcpus_e4, 0), MAX(a.memory_mib, 0), MAX(a.gpus, 0)};
}

static Capacity capacity_max(Capacity a, Capacity b)
{
    return (Capacity){MAX(a.vcpus_e4, b.vcpus_e4), MAX(a.memory_mib, b.memory_mib), MAX(a.gpus, b.gpus)};
}

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int capacity_order(Capacity a, Capacity b)
{
    int order = order_i64(a.gpus, b.gpus);
    if (!order)
        order = order_i64(a.vcpus_e4, b.vcpus_e4);
    return order ? order : order_i64(a.memory_mib, b.memory_mib);
}

int64_t capacity_fits(Capacity free, Capacity need)
{
    int64_t fits = INT64_MAX;
    if (need.vcpus_e4 > 0)
        fits = MIN(fits, free.vcpus_e4 / need.vcpus_e4);
    if (need.memory_mib > 0)
        fits = MIN(fits, free.memory_mib / need.memory_mib);
    if (need.gpus > 0)
        fits = MIN(fits, free.gpus / need.gpus);
    return MAX(fits, 0);
}

/* ---- keys ---- */

static ShelfEntry entry_of(Instance *instance, Capacity free)
{
    uint64_t whole = (uint64_t)(free.vcpus_e4 / DECIMAL_SCALE);
    uint64_t fraction = (uint64_t)(free.vcpus_e4 % DECIMAL_SCALE);
    uint64_t memory = MIN((uint64_t)free.memory_mib, SHELF_MEMORY_MASK);
    g_assert(instance->number >> SHELF_NUMBER_BITS == 0 && whole >> (64 - SHELF_MEMORY_BITS) == 0);
    return (ShelfEntry){whole << SHELF_MEMORY_BITS | memory, fraction << SHELF_NUMBER_BITS | instance->number,
                        instance};
}

static unsigned shelf_index(uint64_t high)
{
    return (unsigned)MIN(high >> SHELF_MEMORY_BITS, WHOLE_MAX);
}

/* ---- levels ---- */

static FleetLevel *level_new(int64_t gpus)
{
    FleetLevel *level = g_new0(FleetLevel, 1);
    level->gpus = gpus;
    return level;
}

static void level_free(gpointer data)
{
    FleetLevel *level = data;
    for (unsigned i = 0; i < level->shelves_len; i++)
        shelf_clear(&level->shelves[i]);
    g_free(level->shelves);
    g_free(level);
}

static void level_grow(FleetLevel *level, unsigned index)
{
    unsigned len = MIN(MAX(2 * level->shelves_len, index + 1), WHOLE_MAX + 1);
    level->shelves = g_renew(Shelf, level->shelves, len);
    memset(&level->shelves[level->shelves_len], 0, (len - level->shelves_len) * sizeof(Shelf));
    level->shelves_len = len;
}

/* Puts the instance where `free` says. */
static void level_insert(Fleet *fleet, FleetLevel *level, Instance *instance, Capacity free)
{
    ShelfEntry entry = entry_of(instance, free);
    unsigned index = shelf_index(entry.high);
    if (index >= level->shelves_len)
        level_grow(level, index);
    shelf_insert(&level->shelves[index], &fleet->pool, &entry);
    level->bits[index / 64] |= UINT64_C(1) << (index % 64);
    level->len++;
    instance->in_fleet.level = level;
    instance->in_fleet.high = entry.high;
    instance->in_fleet.low = entry.low;
}

static void level_remove(Fleet *fleet, const Instance *instance)
{
    FleetLevel *level = instance->in_fleet.level;
    unsigned index = shelf_index(instance->in_fleet.high);
    shelf_remove(&level->shelves[index], &fleet->pool, instance->in_fleet.high, instance->in_fleet.low);
    if (level->shelves[index].len == 0)
        level->bits[index / 64] &= ~(UINT64_C(1) << (index % 64));
    level->len--;
}

/* The next shelf that holds something, from index on; WHOLE_MAX + 1: none. */
static unsigned level_next(const FleetLevel *level, unsigned index)
{
    for (unsigned word = index / 64; word < G_N_ELEMENTS(level->bits); word++) {
        uint64_t bits = level->bits[word];
        if (word == index / 64)
            bits &= ~UINT64_C(0) << (index % 64);
        if (bits)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return WHOLE_MAX + 1;
}

/* Memory (MiB) that so many whole vCPUs have when each has as much as each of need's; need's at least. */
static uint64_t even_memory(Capacity need, int64_t whole)
{
    uint64_t even;
    if (need.vcpus_e4 <= 0 ||
        __builtin_mul_overflow((uint64_t)whole * DECIMAL_SCALE, (uint64_t)need.memory_mib, &even))
        return (uint64_t)need.memory_mib;
    return MAX(even / (uint64_t)need.vcpus_e4, (uint64_t)need.memory_mib);
}

static bool has_even_memory(const Instance *instance, Capacity need, int64_t whole)
{
    return (uint64_t)instance->free.memory_mib >= even_memory(need, whole);
}

bool fleet_before(const Instance *a, const Instance *b, Capacity need)
{
    if (a->free.gpus != b->free.gpus)
        return a->free.gpus < b->free.gpus;
    int64_t whole_a = a->free.vcpus_e4 / DECIMAL_SCALE, whole_b = b->free.vcpus_e4 / DECIMAL_SCALE;
    if (whole_a != whole_b)
        return whole_a < whole_b;
    bool even = has_even_memory(a, need, whole_a);
    if (even != has_even_memory(b, need, whole_a))
        return even;
    if (a->free.memory_mib != b->free.memory_mib)
        return even == (a->free.memory_mib < b->free.memory_mib);
    if (a->free.vcpus_e4 != b->free.vcpus_e4)
        return even == (a->free.vcpus_e4 < b->free.vcpus_e4);
    return even == (a->number < b->number);
}

static Instance *last_shelf_find(const Shelf *shelf, Capacity need)
{
    Instance *best = NULL;
    for (ShelfPlace place = {0, 0}; shelf_at(shelf, place); place = shelf_next(shelf, place)) {
        Instance *instance = shelf_at(shelf, place)->instance;
        if (capacity_covers(instance->free, need) && (!best || fleet_before(instance, best, need)))
            best = instance;
    }
    return best;
}

/* On a shelf where all have vCPUs enough, and the last one memory enough. */
static Instance *shelf_find(const Shelf *shelf, Capacity need, unsigned whole)
{
    uint64_t memory = even_memory(need, whole), high = (uint64_t)whole << SHELF_MEMORY_BITS | memory;
    const ShelfEntry *entry =
        memory <= SHELF_MEMORY_MASK ? shelf_at(shelf, shelf_lower_bound(shelf, high, 0)) : NULL;
    return entry ? entry->instance : shelf_last(shelf)->instance;
}

static Instance *level_find(const FleetLevel *level, Capacity need)
{
    uint64_t whole = (uint64_t)(need.vcpus_e4 / DECIMAL_SCALE), memory = (uint64_t)need.memory_mib;
    uint32_t fraction = (uint32_t)(need.vcpus_e4 % DECIMAL_SCALE);
    if (memory > SHELF_MEMORY_MASK)
        return NULL;
    for (unsigned index = level_next(level, (unsigned)MIN(whole, WHOLE_MAX)); index <= WHOLE_MAX;
         index = level_next(level, index + 1)) {
        const Shelf *shelf = &level->shelves[index];
        uint64_t high = (uint64_t)index << SHELF_MEMORY_BITS | memory;
        if (shelf->high_max < high)
            continue;
        if (index == WHOLE_MAX)
            return last_shelf_find(shelf, need);
        if (index > whole)
            return shelf_find(shelf, need, index);
        ShelfPlace place = shelf_lower_bound(shelf, high, 0);
        const ShelfEntry *entry =
            fraction > 0 ? shelf_find_fraction(shelf, place, fraction) : shelf_at(shelf, place);
        if (entry)
            return entry->instance;
    }
    return NULL;
}

/* Index of the first level with at least so many free GPUs. */
static guint levels_search(const Fleet *fleet, int64_t gpus)
{
    guint at = 0;
    while (at < fleet->levels->len && ((const FleetLevel *)g_ptr_array_index(fleet->levels, at))->gpus < gpus)
        at++;
    return at;
}

static FleetLevel *level_of(Fleet *fleet, const Instance *instance, int64_t free_gpus)
{
    if (instance->total.gpus == 0)
        return fleet->plain;
    guint at = levels_search(fleet, free_gpus);
    if (at < fleet->levels->len) {
        FleetLevel *level = g_ptr_array_index(fleet->levels, at);
        if (level->gpus == free_gpus)
            return level;
    }
    FleetLevel *level = level_new(free_gpus);
    g_ptr_array_insert(fleet->levels, (gint)at, level);
    return level;
}

/* ---- classes ---- */

static int class_order(const FleetClass *class, Capacity total, const char *type)
{
    int order = capacity_order(class->total, total);
    return order ? order : strcmp(class->type, type);
}

static void class_free(gpointer data)
{
    FleetClass *class = data;
    shelf_clear(&class->empty);
    g_free(class->type);
    g_free(class);
}

static guint classes_search(const Fleet *fleet, Capacity total, const char *type)
{
    guint from = 0, to = fleet->classes->len;
    while (from < to) {
        guint middle = from + (to - from) / 2;
        if (class_order(g_ptr_array_index(fleet->classes, middle), total, type) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static FleetClass *class_of(Fleet *fleet, const Instance *instance)
{
    const char *type = instance->type ? instance->type : "";
    guint at = classes_search(fleet, instance->total, type);
    if (at < fleet->classes->len) {
        FleetClass *class = g_ptr_array_index(fleet->classes, at);
        if (class_order(class, instance->total, type) == 0)
            return class;
    }
    FleetClass *class = g_new0(FleetClass, 1);
    class->total = instance->total;
    class->type = g_strdup(type);
    g_ptr_array_insert(fleet->classes, (gint)at, class);
    return class;
}

static void class_leave(Fleet *fleet, FleetClass *class)
{
    if (--class->len == 0)
        g_ptr_array_remove_index(fleet->classes, classes_search(fleet, class->total, class->type));
}

static void empty_insert(Fleet *fleet, Instance *instance)
{
    shelf_insert(&instance->in_fleet.class->empty, &fleet->pool,
                 &(ShelfEntry){0, instance->number, instance});
}

static void empty_remove(Fleet *fleet, const Instance *instance)
{
    shelf_remove(&instance->in_fleet.class->empty, &fleet->pool, 0, instance->number);
}

/* ---- the fleet ---- */

static int number_compare(const TreeNode *a, const TreeNode *b)
{
    uint64_t left = TREE_ENTRY(a, Instance, in_fleet.by_number)->number;
    uint64_t right = TREE_ENTRY(b, Instance, in_fleet.by_number)->number;
    return (left > right) - (left < right);
}

Fleet *fleet_new(void)
{
    Fleet *fleet = g_new0(Fleet, 1);
    fleet->plain = level_new(0);
    fleet->levels = g_ptr_array_new_with_free_func(level_free);
    fleet->classes = g_ptr_array_new_with_free_func(class_free);
    tree_init(&fleet->numbers, number_compare);
    return fleet;
}

void fleet_free(Fleet *fleet)
{
    if (!fleet)
        return;
    for (TreeNode *node = tree_first(&fleet->numbers); node; node = tree_first(&fleet->numbers)) {
        Instance *instance = TREE_ENTRY(node, Instance, in_fleet.by_number);
        tree_remove(&fleet->numbers, node);
        instance->in_fleet = (InFleet){0};
    }
    level_free(fleet->plain);
    g_ptr_array_unref(fleet->levels);
    g_ptr_array_unref(fleet->classes);
    shelf_pool_clear(&fleet->pool);
    g_free(fleet);
}

size_t fleet_len(const Fleet *fleet)
{
    return tree_len(&fleet->numbers);
}

static void most_leave(Fleet *fleet, Capacity free)
{
    fleet->most_is_stale = fleet->most_is_stale || free.vcpus_e4 == fleet->most.vcpus_e4 ||
                           free.memory_mib == fleet->most.memory_mib ||
                           (free.gpus > 0 && free.gpus == fleet->most.gpus);
}

void fleet_insert(Fleet *fleet, Instance *instance)
{
    g_assert(!instance->in_fleet.fleet);
    instance->in_fleet.fleet = fleet;
    instance->in_fleet.class = class_of(fleet, instance);
    instance->in_fleet.class->len++;
    bool fresh = tree_insert(&fleet->numbers, &instance->in_fleet.by_number);
    g_assert(fresh);
    level_insert(fleet, level_of(fleet, instance, instance->free.gpus), instance, instance->free);
    if (instance->holds == 0)
        empty_insert(fleet, instance);
    fleet->most = capacity_max(fleet->most, instance->free);
}

void fleet_remove(Fleet *fleet, Instance *instance)
{
    g_assert(instance->in_fleet.fleet == fleet);
    level_remove(fleet, instance);
    if (instance->holds == 0)
        empty_remove(fleet, instance);
    class_leave(fleet, instance->in_fleet.class);
    tree_remove(&fleet->numbers, &instance->in_fleet.by_number);
    most_leave(fleet, instance->free);
    instance->in_fleet = (InFleet){0};
}

/* ---- taking and giving ---- */

static void fleet_move(Fleet *fleet, Instance *instance, Capacity free)
{
    FleetLevel *level = instance->in_fleet.level;
    level_remove(fleet, instance);
    if (free.gpus != instance->free.gpus)
        level = level_of(fleet, instance, free.gpus);
    level_insert(fleet, level, instance, free);
    most_leave(fleet, instance->free);
    if (!fleet->most_is_stale)
        fleet->most = capacity_max(fleet->most, free);
}

static void instance_set_used(Instance *instance, Capacity used, size_t holds)
{
    Fleet *fleet = instance->in_fleet.fleet;
    Capacity free = capacity_above_zero(capacity_add(instance->total, used, -1));
    if (fleet) {
        if (memcmp(&free, &instance->free, sizeof free) != 0)
            fleet_move(fleet, instance, free);
        if (instance->holds == 0 && holds > 0)
            empty_remove(fleet, instance);
        else if (instance->holds > 0 && holds == 0)
            empty_insert(fleet, instance);
    }
    instance->free = free;
    instance->used = used;
    instance->holds = holds;
}

void instance_take(Instance *instance, Capacity need)
{
    g_assert(capacity_covers(instance->free, need));
    instance_hold(instance, need);
}

void instance_take_many(Instance *instance, Capacity need, int64_t count)
{
    g_assert(capacity_fits(instance->free, need) >= count);
    instance_set_used(instance, capacity_add(instance->used, need, count), instance->holds + (size_t)count);
}

void instance_give_many(Instance *instance, Capacity need, int64_t count)
{
    g_assert(instance->holds >= (size_t)count);
    instance_set_used(instance, capacity_add(instance->used, need, -count), instance->holds - (size_t)count);
}

void instance_hold(Instance *instance, Capacity need)
{
    instance_set_used(instance, capacity_add(instance->used, need, 1), instance->holds + 1);
}

void instance_give(Instance *instance, Capacity need)
{
    g_assert(instance->holds > 0 && capacity_covers(instance->used, need));
    instance_set_used(instance, capacity_add(instance->used, need, -1), instance->holds - 1);
}

void instance_resize(Instance *instance, Capacity total)
{
    Fleet *fleet = instance->in_fleet.fleet;
    if (fleet)
        fleet_remove(fleet, instance);
    instance->total = total;
    instance->free = capacity_above_zero(capacity_add(total, instance->used, -1));
    if (fleet)
        fleet_insert(fleet, instance);
}

/* ---- finding ---- */

Instance *fleet_find(const Fleet *fleet, Capacity need, FleetHosts hosts)
{
    Instance *found = NULL;
    if (hosts != FLEET_GPU_HOSTS && need.gpus == 0)
        found = level_find(fleet->plain, need);
    if (hosts == FLEET_NO_GPU_HOSTS)
        return found;
    for (guint at = levels_search(fleet, need.gpus); !found && at < fleet->levels->len; at++) {
        const FleetLevel *level = g_ptr_array_index(fleet->levels, at);
        if (level->len > 0)
            found = level_find(level, need);
    }
    return found;
}

static Instance *level_find_allowed(const FleetLevel *level, Capacity need, FleetAllow allow,
                                    const void *data)
{
    unsigned whole = (unsigned)MIN(need.vcpus_e4 / DECIMAL_SCALE, WHOLE_MAX);
    for (unsigned index = level_next(level, whole); index <= WHOLE_MAX;
         index = level_next(level, index + 1)) {
        const Shelf *shelf = &level->shelves[index];
        Instance *best = NULL;
        for (ShelfPlace place = {0, 0}; shelf_at(shelf, place); place = shelf_next(shelf, place)) {
            Instance *instance = shelf_at(shelf, place)->instance;
            if (capacity_covers(instance->free, need) && allow(instance, data) &&
                (!best || fleet_before(instance, best, need)))
                best = instance;
        }
        if (best)
            return best;
    }
    return NULL;
}

Instance *fleet_find_gpu_host(const Fleet *fleet, Capacity need, FleetAllow allow, const void *data)
{
    Instance *found = NULL;
    for (guint at = levels_search(fleet, need.gpus); !found && at < fleet->levels->len; at++)
        found = level_find_allowed(g_ptr_array_index(fleet->levels, at), need, allow, data);
    return found;
}

bool fleet_total_next(const Fleet *fleet, size_t *at, Capacity *ret_total)
{
    if (*at >= fleet->classes->len)
        return false;
    *ret_total = ((const FleetClass *)g_ptr_array_index(fleet->classes, (*at)++))->total;
    return true;
}

Instance *fleet_find_empty(const Fleet *fleet, Capacity need, const char *type, const Instance *after)
{
    Instance *best = NULL;
    for (guint i = 0; i < fleet->classes->len; i++) {
        const FleetClass *class = g_ptr_array_index(fleet->classes, i);
        int behind = after ? capacity_order(class->total, after->total) : 1;
        if (class->empty.len == 0 || behind < 0 || !capacity_covers(class->total, need) ||
            (type && strcmp(type, class->type) != 0))
            continue;
        if (best && capacity_order(class->total, best->total) != 0)
            break;
        ShelfPlace place = shelf_lower_bound(&class->empty, 0, behind == 0 ? after->number + 1 : 0);
        const ShelfEntry *entry = shelf_at(&class->empty, place);
        if (entry && (!best || entry->instance->number < best->number))
            best = entry->instance;
    }
    return best;
}

static void level_most(const FleetLevel *level, Capacity *most)
{
    if (level->len == 0)
        return;
    most->gpus = MAX(most->gpus, level->gpus);
    for (unsigned index = level_next(level, 0); index <= WHOLE_MAX; index = level_next(level, index + 1)) {
        const Shelf *shelf = &level->shelves[index];
        for (unsigned slot = 0; slot < shelf->len; slot++) {
            const ShelfChunk *chunk = shelf->slots[slot].chunk;
            if (index == WHOLE_MAX)
                for (unsigned i = 0; i < chunk->len; i++)
                    *most = capacity_max(*most, chunk->entries[i].instance->free);
            else
                most->vcpus_e4 = MAX(most->vcpus_e4, (int64_t)index * DECIMAL_SCALE + chunk->fraction_max);
        }
        if (index < WHOLE_MAX) {
            const ShelfChunk *last = shelf->slots[shelf->len - 1].chunk;
            most->memory_mib = MAX(most->memory_mib, last->entries[last->len - 1].instance->free.memory_mib);
        }
    }
}

Capacity fleet_most_free(const Fleet *fleet)
{
    Fleet *cache = (Fleet *)(uintptr_t)fleet; /* what it says does not change */
    if (!cache->most_is_stale)
        return cache->most;
    Capacity most = {0};
    level_most(cache->plain, &most);
    for (guint i = 0; i < cache->levels->len; i++)
        level_most(g_ptr_array_index(cache->levels, i), &most);
    cache->most = most;
    cache->most_is_stale = false;
    return most;
}

Instance *fleet_next(const Fleet *fleet, const Instance *after)
{
    TreeNode *node = after ? tree_next(&after->in_fleet.by_number) : tree_first(&fleet->numbers);
    return node ? TREE_ENTRY(node, Instance, in_fleet.by_number) : NULL;
}

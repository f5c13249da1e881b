/* The order of groups, against an array: growing, shrinking, moving, searching. */
#include "reconciler/world/group_order.h"
#include "spec/base/rng.h"

#define ITEMS 3000

typedef struct {
    GroupItem item;
    GroupKey key;
    GroupBound bound;
    bool is_in;
} Thing;

static Thing *thing_of(GroupItem *item)
{
    return (Thing *)item;
}

static GroupKey key_of(Rng *rng, uint64_t number)
{
    return (GroupKey){.priority = (int32_t)rng_below(rng, 2),
                      .front = rng_below(rng, 20) == 0 ? 1 + rng_below(rng, 3) : 0,
                      .sequence = rng_below(rng, 50),
                      .index = (int32_t)number};
}

static GroupBound bound_of(Rng *rng)
{
    Capacity need = {(int64_t)rng_below(rng, 100), (int64_t)rng_below(rng, 100), (int64_t)rng_below(rng, 3)};
    return (GroupBound){need, UINT64_C(1) << rng_below(rng, 4)};
}

/* As a pass does: what needs at least so much is left out, of one kind. */
static bool skip_large(const Capacity *least, uint64_t kinds, const void *data)
{
    const GroupBound *limit = data;
    return least->vcpus_e4 >= limit->least.vcpus_e4 ||
           (least->memory_mib >= limit->least.memory_mib && !(kinds & ~limit->kinds));
}

static int by_key(const void *a, const void *b)
{
    const Thing *left = *(Thing *const *)a, *right = *(Thing *const *)b;
    return group_key_compare(&left->key, &right->key);
}

static GPtrArray *model_of(Thing *things)
{
    GPtrArray *model = g_ptr_array_new();
    for (size_t i = 0; i < ITEMS; i++)
        if (things[i].is_in)
            g_ptr_array_add(model, &things[i]);
    qsort(model->pdata, model->len, sizeof *model->pdata, by_key);
    return model;
}

static void check_search(const GroupOrder *order, const GPtrArray *model, GroupSkip skip,
                         const GroupBound *limit)
{
    GroupItem *item = group_order_next(order, NULL, skip, limit);
    for (guint i = 0; i < model->len; i++) {
        const Thing *thing = model->pdata[i];
        if (skip && skip(&thing->bound.least, thing->bound.kinds, limit))
            continue;
        g_assert_true(item == &thing->item);
        item = group_order_next(order, item, skip, limit);
    }
    g_assert_null(item);
}

/* From wherever it stands, what is left out or not. */
static void check_after(const GroupOrder *order, const GPtrArray *model, Rng *rng, const GroupBound *limit)
{
    if (model->len == 0)
        return;
    guint from = (guint)rng_below(rng, model->len), at = from + 1;
    for (; at < model->len; at++) {
        const Thing *thing = model->pdata[at];
        if (!skip_large(&thing->bound.least, thing->bound.kinds, limit))
            break;
    }
    const Thing *after = model->pdata[from];
    GroupItem *found = group_order_next(order, &after->item, skip_large, limit);
    g_assert_true(found == (at < model->len ? &((Thing *)model->pdata[at])->item : NULL));
}

static void check_bound(const GroupOrder *order, const GPtrArray *model)
{
    GroupBound bound, least = {0};
    g_assert_true(group_order_bound(order, &bound) == (model->len > 0));
    for (guint i = 0; i < model->len; i++) {
        const Thing *thing = model->pdata[i];
        if (i == 0)
            least = thing->bound;
        capacity_lower(&least.least, &thing->bound.least);
        least.kinds |= thing->bound.kinds;
    }
    if (model->len > 0)
        g_assert_cmpint(memcmp(&bound, &least, sizeof least), ==, 0);
}

static void check(const GroupOrder *order, Thing *things, Rng *rng)
{
    g_autoptr(GPtrArray) model = model_of(things);
    g_assert_true(group_order_is_sound(order));
    g_assert_cmpuint(order->len, ==, model->len);
    check_search(order, model, NULL, NULL);
    check_bound(order, model);
    for (int i = 0; i < 4; i++) {
        GroupBound limit = bound_of(rng);
        check_search(order, model, skip_large, &limit);
        check_after(order, model, rng, &limit);
    }
}

static void change(GroupOrder *order, Thing *thing, uint64_t number, Rng *rng, bool grows)
{
    bool moves = rng_below(rng, 3) == 0;
    GroupKey key = key_of(rng, number), held_key;
    GroupBound held;
    if (thing->is_in && moves) {
        if (rng_below(rng, 2) == 0) { /* nearly where it stands */
            key = thing->key;
            key.sequence++;
        }
        thing->key = key;
        group_order_rekey(order, &thing->item, &key);
    } else if (thing->is_in && !grows) {
        group_order_remove(order, &thing->item);
        thing->is_in = false;
    } else if (!thing->is_in && (grows || moves)) {
        *thing = (Thing){.key = key, .bound = bound_of(rng), .is_in = true};
        group_order_insert(order, &thing->item, &thing->key, &thing->bound);
    }
    g_assert_true((thing->item.leaf != NULL) == thing->is_in);
    if (!thing->is_in)
        return;
    group_order_get(&thing->item, &held_key, &held);
    g_assert_true(group_key_compare(&held_key, &thing->key) == 0);
    g_assert_cmpint(memcmp(&held, &thing->bound, sizeof held), ==, 0);
}

static void test_life(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Rng rng = rng_from_seed(seed);
        g_autofree Thing *things = g_new0(Thing, ITEMS);
        GroupOrder order = {0};
        uint64_t most = 10 + rng_below(&rng, ITEMS - 10); /* shallow and deep ones */
        for (int step = 0; step < 20000; step++) {
            uint64_t number = rng_below(&rng, most);
            change(&order, &things[number], number, &rng, step % 8000 < 5000);
            if (step % 500 == 0)
                check(&order, things, &rng);
        }
        for (size_t i = 0; i < ITEMS; i++)
            if (things[i].is_in)
                group_order_remove(&order, &things[i].item);
        g_assert_null(order.root);
        g_assert_cmpuint(order.len, ==, 0);
    }
}

/* Submitted one after the other, placed from the front: its nodes are full, and it gets flat again. */
static void test_grows_at_its_end(void)
{
    g_autofree Thing *things = g_new0(Thing, ITEMS);
    Rng rng = rng_from_seed(1);
    GroupOrder order = {0};
    for (uint64_t i = 0; i < ITEMS; i++) {
        things[i] = (Thing){.key = {.sequence = i}, .bound = bound_of(&rng), .is_in = true};
        group_order_insert(&order, &things[i].item, &things[i].key, &things[i].bound);
    }
    check(&order, things, &rng);
    size_t leaves = 0;
    for (GroupItem *at = group_order_next(&order, NULL, NULL, NULL), *last = NULL; at;
         last = at, at = group_order_next(&order, at, NULL, NULL))
        leaves += !last || at->leaf != last->leaf;
    g_assert_cmpuint(leaves, <=, ITEMS / (GROUP_ORDER_WIDTH - 1) + 1);
    for (uint64_t i = 0; i < ITEMS; i++) {
        GroupItem *first = group_order_next(&order, NULL, NULL, NULL);
        g_assert_cmpuint(thing_of(first)->key.sequence, ==, i);
        group_order_remove(&order, first);
        g_assert_true(group_order_is_sound(&order));
    }
    g_assert_null(order.root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/world/group-order/life", test_life);
    g_test_add_func("/world/group-order/grows-at-its-end", test_grows_at_its_end);
    return g_test_run();
}

#include <glib.h>

#include "reconciler/scale/catalogue.h"

static void test_types(void)
{
    const InstanceType *type = catalogue_find(VIEW("g4dn.xlarge"));
    g_assert_nonnull(type);
    g_assert_cmpint(type->vcpus, ==, 4);
    g_assert_cmpint(type->memory_mib, ==, 16384);
    g_assert_cmpint(type->gpus, ==, 1);
    g_assert_cmpint(type->architecture, ==, ARCHITECTURE_X86_64);
    g_assert_true(type->current_generation && type->spot && !type->bare_metal);
    g_assert_cmpint(instance_type_usable_mib(type), ==, 15123); /* floor(16384 * 0.925) - 32 */
    g_assert_cmpint(catalogue_find(VIEW("m6g.large"))->architecture, ==, ARCHITECTURE_ARM64);
    g_assert_cmpint(catalogue_find(VIEW("g4ad.xlarge"))->gpus, ==, 0); /* AMD: not supported by Batch */
    g_assert_true(catalogue_find(VIEW("t3.micro"))->burstable);
    g_assert_null(catalogue_find(VIEW("c5")));
    g_assert_null(catalogue_find(VIEW("")));
    g_assert_cmpuint(catalogue_len(), >, 1000);
    for (size_t i = 1; i < catalogue_len(); i++)
        g_assert_cmpstr(catalogue_get(i - 1)->name, <, catalogue_get(i)->name);
}

static GPtrArray *resolve(const char *entry, const char *second, ResolveResult expected,
                          const char **ret_unknown)
{
    char *entries[] = {(char *)(uintptr_t)entry, (char *)(uintptr_t)second, NULL};
    GPtrArray *types = g_ptr_array_new();
    g_assert_cmpint(catalogue_resolve(entries, types, ret_unknown), ==, expected);
    return types;
}

static bool has(const GPtrArray *types, const char *name)
{
    for (guint i = 0; i < types->len; i++)
        if (!strcmp(((const InstanceType *)g_ptr_array_index(types, i))->name, name))
            return true;
    return false;
}

static void test_resolve(void)
{
    g_autoptr(GPtrArray) one = resolve("c5.xlarge", "c5.xlarge", RESOLVE_ALL, NULL);
    g_assert_cmpuint(one->len, ==, 1);

    g_autoptr(GPtrArray) family = resolve("c5", "c5.metal", RESOLVE_ALL, NULL);
    g_assert_true(has(family, "c5.xlarge") && has(family, "c5.24xlarge"));
    g_assert_true(has(family, "c5.metal")); /* named by itself */
    g_assert_false(has(family, "c5d.xlarge") || has(family, "c5n.xlarge"));
    g_autoptr(GPtrArray) plain = resolve("c5", NULL, RESOLVE_ALL, NULL);
    g_assert_cmpuint(plain->len, ==, family->len - 1);

    g_autoptr(GPtrArray) intel = resolve("optimal", NULL, RESOLVE_ALL, NULL);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_assert_cmpint(catalogue_resolve(NULL, none, NULL), ==, RESOLVE_ALL);
    g_assert_cmpuint(none->len, ==, intel->len);
    g_assert_true(has(intel, "m6i.large") && has(intel, "c7i.large") && !has(intel, "m6i.metal"));
    g_autoptr(GPtrArray) arm = resolve("default_arm64", NULL, RESOLVE_ALL, NULL);
    for (guint i = 0; i < arm->len; i++)
        g_assert_cmpint(((const InstanceType *)g_ptr_array_index(arm, i))->architecture, ==,
                        ARCHITECTURE_ARM64);

    const char *unknown = NULL;
    g_autoptr(GPtrArray) partly = resolve("zz9.large", "c5.large", RESOLVE_PARTLY, &unknown);
    g_assert_cmpuint(partly->len, ==, 1);
    g_assert_cmpstr(unknown, ==, "zz9.large");
}

static void test_prices(void)
{
    Price price;
    int64_t usd = -1;
    const InstanceType *type = catalogue_find(VIEW("c5.xlarge"));
    g_assert_true(catalogue_price_usd(type, "us-east-1", &usd));
    g_assert_cmpint(usd, ==, 170000); /* 0.17 USD */
    g_assert_true(catalogue_price(type, "cn-north-1", &price));
    g_assert_cmpstr(price.currency, ==, "CNY");
    usd = -1;
    g_assert_false(catalogue_price_usd(type, "cn-north-1", &usd)); /* another currency is no price in USD */
    g_assert_false(catalogue_price_usd(type, "eu-west-1", &usd));
    g_assert_false(catalogue_price_usd(type, NULL, &usd));
    g_assert_cmpint(usd, ==, -1);
    for (size_t i = 0; i < catalogue_len(); i++)
        if (catalogue_price(catalogue_get(i), "us-east-1", &price))
            g_assert_cmpint(price.micro_per_h, >, 0);
}

static const char *cheapest(int64_t vcpus, int64_t memory_mib, int64_t gpus, Architecture architecture,
                            int64_t vcpus_max)
{
    TypeQuery query = {{vcpus * 10000, memory_mib, gpus}, architecture, vcpus_max, false};
    const InstanceType *type = catalogue_cheapest_fit(&query);
    return type ? type->name : NULL;
}

/* Against the definition, by looking at all. */
static void test_cheapest(void)
{
    static const TypeQuery queries[] = {{{40000, 16000, 0}, ARCHITECTURE_X86_64, 0, false},
                                        {{10000, 500000, 0}, ARCHITECTURE_X86_64, 64, true},
                                        {{80000, 61000, 1}, ARCHITECTURE_X86_64, 0, true},
                                        {{960000, 1000, 0}, ARCHITECTURE_ARM64, 0, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        const TypeQuery *query = &queries[i];
        const InstanceType *best = catalogue_cheapest_fit(query);
        g_assert_true(best && instance_type_fits(best, query->need));
        int64_t least = INT64_MAX;
        g_assert_true(catalogue_price_usd(best, "us-east-1", &least));
        for (size_t t = 0; t < catalogue_len(); t++) {
            const InstanceType *type = catalogue_get(t);
            int64_t price = INT64_MAX;
            bool may = !strchr("dfgipv", query->need.gpus ? ' ' : type->name[0]) &&
                       type->current_generation && !type->bare_metal && !type->burstable &&
                       type->architecture == query->architecture && (query->need.gpus || !type->gpus) &&
                       (!query->spot || type->spot) &&
                       (!query->vcpus_max || type->vcpus <= query->vcpus_max) &&
                       instance_type_fits(type, query->need);
            if (may && catalogue_price_usd(type, "us-east-1", &price))
                g_assert_cmpint(price, >=, least);
        }
    }
    g_assert_cmpstr(cheapest(1, 1000, 0, ARCHITECTURE_X86_64, 0), ==, "c7a.medium");
    g_assert_cmpstr(cheapest(1, 1000, 2, ARCHITECTURE_X86_64, 8), ==, NULL);
    g_assert_cmpstr(cheapest(1, 100000000, 0, ARCHITECTURE_X86_64, 0), ==, NULL);
    g_assert_cmpstr(cheapest(1, 1000, 1, ARCHITECTURE_ARM64, 0), ==,
                    NULL); /* GPUs of Batch are x86_64 only */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scale/catalogue/types", test_types);
    g_test_add_func("/scale/catalogue/resolve", test_resolve);
    g_test_add_func("/scale/catalogue/prices", test_prices);
    g_test_add_func("/scale/catalogue/cheapest", test_cheapest);
    return g_test_run();
}

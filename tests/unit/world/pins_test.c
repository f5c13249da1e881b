/* Pins: what machines are made from stays until it may be another; what is newer is told, once. */
#include "reconciler/world/pins.h"
#include "tests/support/world_cloud.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

#define SEVEN "{\"pinned\":{\"image\":\"ami-1\",\"template\":\"7\"}}"
#define NINE  "{\"pinned\":{\"image\":\"ami-1\",\"template\":\"9\"}}"
#define NEWER                                                                                                \
    "{\"newest\":{\"image\":\"ami-1\",\"template\":\"9\"},\"pinned\":{\"image\":\"ami-1\",\"template\":"     \
    "\"7\"}}"

static const Resource *cloud(const World *world)
{
    return world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"));
}

static uint64_t generation(const World *world)
{
    return cloud(world)->environment->generation;
}

/* more: of computeResources, and refresh behind a blank. */
static void declare(World *world, const char *refresh, const char *more)
{
    g_autofree char *spec =
        g_strdup_printf("{\"computeResources\":{\"instanceTypes\":[\"c5\"],\"maxvCpus\":256,\"type\":\"EC2\"%"
                        "s},\"provider\":\"aws\"%s%s%s}",
                        more, refresh ? ",\"refresh\":\"" : "", refresh ? refresh : "", refresh ? "\"" : "");
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, "cloud", spec, 1);
}

static void answer(World *world, const char *pins)
{
    Digest by = cloud(world)->digest;
    pins_told(world, cloud(world), pins, &by, 2000);
}

static void assert_wanted(const World *world, const char *expected)
{
    g_autofree char *wanted = pins_wanted(world, cloud(world));
    g_assert_cmpstr(wanted, ==, expected);
}

static void assert_newer(const World *world, const char *expected)
{
    g_autofree char *newer = pins_newer(world, "cloud");
    g_assert_cmpstr(newer, ==, expected);
    g_assert_cmpint(cloud(world)->environment->pins.is_outdated, ==, expected != NULL);
}

static World *pinned_world(const char *refresh)
{
    World *world = world_new(1, PROVIDER_AWS);
    declare(world, refresh, "");
    answer(world, SEVEN);
    return world;
}

/* The first of them is no other generation: instances that are there stay. */
static void test_first(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_AWS);
    declare(world, NULL, "");
    uint64_t before = generation(world);
    g_assert_false(pins_are_due(cloud(world)));
    assert_wanted(world, NULL);
    pins_told(world, cloud(world), NULL, NULL, 1000); /* it does not know yet */
    assert_wanted(world, NULL);
    pins_told(world, cloud(world), SEVEN, NULL, 1000);
    assert_wanted(world, "{\"image\":\"ami-1\",\"template\":\"7\"}");
    g_assert_cmpuint(generation(world), ==, before);
    g_assert_false(pins_are_due(cloud(world)));
    pins_told(world, cloud(world), NINE, NULL, 1000); /* by itself it changes nothing */
    assert_wanted(world, "{\"image\":\"ami-1\",\"template\":\"7\"}");
    g_assert_cmpuint(generation(world), ==, before);
}

static size_t events(World *world, Records *records, const char *type)
{
    size_t len = 0, found = 0;
    Batch *batch = world_take_batch(world);
    if (!batch)
        return 0; /* nothing changed */
    const EventRecord *all = batch_event(batch, &len);
    for (size_t i = 0; i < len; i++)
        found += view_is(all[i].type, type);
    records_take(records, batch);
    return found;
}

static void test_on_commit(void)
{
    g_autoptr(World) world = pinned_world(NULL);
    Records *records = records_new();
    uint64_t before = generation(world);
    pins_told(world, cloud(world), NEWER, NULL, 3000);
    assert_newer(world, "template: 7 → 9");
    g_assert_false(pins_are_due(cloud(world)));
    g_assert_cmpuint(events(world, records, "environment.outdated"), ==, 1);
    pins_told(world, cloud(world), NEWER, NULL, 4000);
    g_assert_cmpuint(events(world, records, "environment.outdated"), ==, 0);
    json_t *shown = pins_json(world, "cloud");
    g_assert_cmpint(json_integer_value(json_object_get(shown, "newerSince")), ==, 3000);
    json_decref(shown);
    declare(world, NULL, ",\"minvCpus\":4"); /* any change */
    g_assert_true(pins_are_due(cloud(world)));
    assert_wanted(world, NULL);
    g_assert_cmpuint(generation(world), ==, before); /* not before it is known */
    answer(world, NINE);
    g_assert_false(pins_are_due(cloud(world)));
    assert_wanted(world, "{\"image\":\"ami-1\",\"template\":\"9\"}");
    assert_newer(world, NULL);
    g_assert_cmpuint(generation(world), !=, before);
    g_assert_cmpuint(events(world, records, "environment.refreshed"), ==, 1);
    before = generation(world);
    declare(world, NULL, "");
    answer(world, NINE); /* as it was */
    g_assert_cmpuint(generation(world), ==, before);
    records_free(records);
}

/* An answer to what was asked for before a change says nothing of it. */
static void test_changed_meanwhile(void)
{
    g_autoptr(World) world = pinned_world(NULL);
    declare(world, NULL, ",\"minvCpus\":4");
    Digest by = cloud(world)->digest;
    declare(world, NULL, ",\"minvCpus\":6");
    pins_told(world, cloud(world), NINE, &by, 2000);
    g_assert_true(pins_are_due(cloud(world)));
}

static void test_continuous(void)
{
    g_autoptr(World) world = pinned_world("continuous");
    g_assert_false(pins_are_due(cloud(world)));
    pins_told(world, cloud(world), NEWER, NULL, 3000);
    g_assert_true(pins_are_due(cloud(world)));
    answer(world, NINE);
    g_assert_false(pins_are_due(cloud(world)));
}

static void test_manual(void)
{
    g_autoptr(World) world = pinned_world("manual");
    g_autoptr(GError) error = NULL;
    pins_told(world, cloud(world), NEWER, NULL, 3000);
    declare(world, "manual", ",\"minvCpus\":4");
    g_assert_false(pins_are_due(cloud(world)));
    assert_wanted(world, "{\"image\":\"ami-1\",\"template\":\"7\"}");
    g_assert_true(pins_refresh(world, VIEW("cloud"), "me", 4000, &error));
    g_assert_true(pins_are_due(cloud(world)));
    assert_wanted(world, NULL);
    answer(world, NINE);
    g_assert_false(pins_are_due(cloud(world)));
    assert_newer(world, NULL);
}

/* What was asked for, what is pinned and that something else was pinned stay over restarts. */
static void test_restart(void)
{
    g_autoptr(World) world = pinned_world("manual");
    Records *records = records_new();
    declare(world, "manual", ",\"ec2KeyPair\":\"k\"");
    pins_told(world, cloud(world), NEWER, NULL, 3000);
    answer(world, NINE);
    g_assert_true(pins_refresh(world, VIEW("cloud"), "", 4000, NULL));
    records_take(records, world_take_batch(world));
    g_autoptr(World) fresh = records_world(records);
    g_autofree char *before = world_dump(world), *after = world_dump(fresh);
    g_assert_cmpstr(before, ==, after);
    g_assert_true(pins_are_due(cloud(fresh)));
    g_assert_cmpint(cloud(fresh)->environment->pins.rolls, ==, 1);
    g_assert_cmpuint(generation(fresh), ==, generation(world));
    records_free(records);
}

/* With its resource, and where its provider has no such any more. */
static void test_goes(void)
{
    g_autoptr(World) world = pinned_world(NULL);
    declare(world, NULL, ",\"minvCpus\":4");
    answer(world, NULL);
    g_assert_null(world_setting(world, "pins cloud"));
    g_assert_false(pins_are_due(cloud(world)));
    answer(world, SEVEN);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), 5000);
    resource_settle(world, 10, 5000);
    g_assert_null(cloud(world));
    g_assert_null(world_setting(world, "pins cloud"));
}

/* From outside: what is no list of texts changes nothing. */
static void test_broken(void)
{
    static const char *const broken[] = {"",
                                         "[]",
                                         "{\"pinned\":[\"a\"]}",
                                         "{\"pinned\":{\"a\":7}}",
                                         "{\"pinned\":{\"a\":\"\"}}",
                                         "{\"pinned\":{\"a\":\"b\"},\"pinned\":{}}"};
    g_autoptr(World) world = pinned_world(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        pins_told(world, cloud(world), broken[i], NULL, 3000);
        assert_wanted(world, "{\"image\":\"ami-1\",\"template\":\"7\"}");
    }
}

static void assert_refused(World *world, const char *name, int code, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(pins_refresh(world, view_from(name), "", 3000, &error));
    g_assert_error(error, WORLD_ERROR, code);
    g_assert_true(g_pattern_match_simple(pattern, error->message));
}

static void test_refused(void)
{
    g_autoptr(World) world = world_new(1, PROVIDER_AWS);
    declare(world, NULL, "");
    assert_refused(world, "nowhere", WORLD_ERROR_NOT_FOUND, "there is no ComputeEnvironment \"nowhere\"");
    assert_refused(world, "cloud", WORLD_ERROR_CONFLICT, "ComputeEnvironment/cloud has nothing to refresh*");
    answer(world, "{\"pinned\":{}}");
    assert_refused(world, "cloud", WORLD_ERROR_INVALID, "*names its images*itself*");
    answer(world, SEVEN);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("cloud"), 5000);
    assert_refused(world, "cloud", WORLD_ERROR_CONFLICT, "*is being deleted*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add_func("/world/pins/" name, test)
    ADD("first", test_first);
    ADD("on-commit", test_on_commit);
    ADD("changed-meanwhile", test_changed_meanwhile);
    ADD("continuous", test_continuous);
    ADD("manual", test_manual);
    ADD("restart", test_restart);
    ADD("goes", test_goes);
    ADD("broken", test_broken);
    ADD("refused", test_refused);
    return g_test_run();
}

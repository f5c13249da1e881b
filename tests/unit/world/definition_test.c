/* Single revisions of job definitions. */
#include "reconciler/world/world.h"
#include "tests/support/world_fixture.h"

static const Resource *definition(const World *world, const char *name)
{
    return world_resource(world, KIND_JOB_DEFINITION, view_from(name));
}

/* "d:2 d:1! e:1": all from `name` below `below`, INACTIVE ones marked. */
static char *revisions(const World *world, const char *name, int64_t below)
{
    GString *text = g_string_new(NULL);
    for (const RevisionRecord *at = world_revision_from(world, view_from(name), below); at;
         at = world_revision_next(world, at))
        g_string_append_printf(text, VIEW_FMT ":%d%s ", VIEW_ARG(at->name), (int)at->revision,
                               at->active ? "" : "!");
    return g_string_free(text, FALSE);
}

static void revisions_are(const World *world, const char *name, int64_t below, const char *expected)
{
    g_autofree char *found = revisions(world, name, below);
    g_assert_cmpstr(found, ==, expected);
}

/* d has three revisions, dd one. */
static World *world_of(void)
{
    World *world = world_new(1, PROVIDER_LOCAL);
    for (int vcpus = 1; vcpus <= 3; vcpus++)
        fixture_definition(world, "d", vcpus, 16, "");
    fixture_definition(world, "dd", 1, 16, "");
    return world;
}

static void test_walk(void)
{
    g_autoptr(World) world = world_of();
    revisions_are(world, "", 0, "d:3 d:2 d:1 dd:1 ");
    revisions_are(world, "d", 0, "d:3 d:2 d:1 dd:1 ");
    revisions_are(world, "d", 3, "d:2 d:1 dd:1 ");
    revisions_are(world, "d", 1, "dd:1 ");
    revisions_are(world, "dd", 1, "");
    revisions_are(world, "c", 1, "d:3 d:2 d:1 dd:1 ");
    revisions_are(world, "e", 0, "");
    g_assert_cmpint(world_revision_find(world, VIEW("d"), 2)->revision, ==, 2);
    g_assert_null(world_revision_find(world, VIEW("d"), 4));
    g_assert_null(world_revision_find(world, VIEW("d"), 0));
    g_assert_null(world_revision_find(world, VIEW("c"), 1));
}

/* The definition is what its newest ACTIVE revision is, and new ones count on. */
static void test_deregister(void)
{
    g_autoptr(World) world = world_of();
    g_autofree char *third = g_strdup(definition(world, "d")->spec);
    g_assert_true(definition_deregister(world, VIEW("d"), 2, 50));
    revisions_are(world, "d", 0, "d:3 d:2! d:1 dd:1 ");
    g_assert_cmpstr(definition(world, "d")->spec, ==, third);
    g_assert_true(definition_deregister(world, VIEW("d"), 3, 60));
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 1);
    g_assert_true(view_is(world_revision_find(world, VIEW("d"), 1)->spec, definition(world, "d")->spec));
    g_assert_true(
        digest_equal(&world_revision_find(world, VIEW("d"), 1)->digest, &definition(world, "d")->digest));
    g_assert_true(definition_deregister(world, VIEW("d"), 3, 70)); /* again: nothing */
    g_assert_false(definition_deregister(world, VIEW("d"), 1, 80));
    g_assert_null(world_revision(world, VIEW("d"), NULL));
    resource_delete(world, KIND_JOB_DEFINITION, VIEW("d"), 90);
    resource_settle(world, 10, 90);
    g_assert_null(definition(world, "d"));
    fixture_definition(world, "d", 3, 16, "");
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 4);
    world_check(world);
}

/* A manifest that says again what a deregistered revision said makes a new one. */
static void test_put_after_deregister(void)
{
    g_autoptr(World) world = world_of();
    definition_deregister(world, VIEW("d"), 3, 50);
    fixture_definition(world, "d", 3, 16, "");
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 4);
    revisions_are(world, "d", 0, "d:4 d:3! d:2 d:1 dd:1 ");
    world_check(world);
}

static void test_same_again(void)
{
    g_autoptr(World) world = world_of();
    g_autoptr(GError) error = NULL;
    const Resource *resource = definition(world, "d");
    Manifest manifest = {.kind = KIND_JOB_DEFINITION,
                         .name = VIEW("d"),
                         .spec = view_from(resource->spec),
                         .metadata = VIEW("{}"),
                         .digest = resource->digest,
                         .file = "",
                         .prune = true};
    g_assert_true(resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = ""}, 9, &error));
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 3);
    g_assert_true(resource_put(
        world, &(ResourceChange){.manifest = &manifest, .owner = "", .is_new_revision = true}, 9, &error));
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 4);
    world_check(world);
}

/* Of the newest the definition follows; jobs keep what they were submitted with. */
static void test_respecify(void)
{
    g_autoptr(World) world = world_of();
    Digest digest;
    View spec = VIEW("{\"containerProperties\":{\"command\":[\"/bin/true\"]},\"tags\":{\"a\":\"b\"}}");
    digest_of(spec, &digest);
    definition_respecify(world, VIEW("d"), 1, spec, &digest, 50);
    g_assert_true(view_equal(world_revision_find(world, VIEW("d"), 1)->spec, spec));
    g_assert_false(view_equal(view_from(definition(world, "d")->spec), spec));
    definition_respecify(world, VIEW("d"), 3, spec, &digest, 60);
    g_assert_true(view_equal(view_from(definition(world, "d")->spec), spec));
    g_assert_cmpint(definition(world, "d")->updated_ms, ==, 60);
    g_assert_cmpint(world_revision(world, VIEW("d"), NULL)->revision, ==, 3);
    world_check(world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/definition/walk", test_walk);
    g_test_add_func("/definition/deregister", test_deregister);
    g_test_add_func("/definition/put-after-deregister", test_put_after_deregister);
    g_test_add_func("/definition/same-again", test_same_again);
    g_test_add_func("/definition/respecify", test_respecify);
    return g_test_run();
}

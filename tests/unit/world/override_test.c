/* Overrides: in force at once, gone after their time, over restarts; the stored spec stays the manifest's. */
#include "reconciler/world/override.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

static bool try_set(World *world, Kind kind, const char *name, const char *field, json_t *value,
                    int64_t until_ms, int64_t now_ms, char **ret_message)
{
    g_autoptr(GError) error = NULL;
    Override override = {.kind = kind,
                         .name = (char *)(uintptr_t)name,
                         .field = (char *)(uintptr_t)field,
                         .value = value,
                         .until_ms = until_ms,
                         .reason = (char *)(uintptr_t) "why",
                         .actor = (char *)(uintptr_t) "root"};
    bool done = override_set(world, &override, now_ms, &error);
    if (ret_message)
        *ret_message = error ? g_strdup(error->message) : NULL;
    json_decref(value);
    return done;
}

static const JobQueueSpec *queue_spec(const World *world)
{
    return world_resource(world, KIND_JOB_QUEUE, VIEW("main"))->queue->spec;
}

static const ComputeEnvironmentSpec *environment_spec(const World *world)
{
    return world_environment(world, VIEW("here"))->spec;
}

static void test_in_force_and_gone(void)
{
    g_autoptr(World) world = fixture_world();
    const Resource *queue = world_resource(world, KIND_JOB_QUEUE, VIEW("main"));
    g_autofree char *spec = g_strdup(queue->spec);
    Digest digest = queue->digest;
    int64_t priority = queue_spec(world)->priority;
    g_assert_cmpint(world_override_due_ms(world), ==, 0);
    g_assert_true(try_set(world, KIND_JOB_QUEUE, "main", "priority", json_integer(100), 2000, 1000, NULL));
    g_assert_true(try_set(world, KIND_JOB_QUEUE, "main", "state", json_string("DISABLED"), 3000, 1000, NULL));
    g_assert_cmpint(queue_spec(world)->priority, ==, 100);
    g_assert_false(queue_spec(world)->enabled);
    g_assert_cmpstr(queue->spec, ==, spec);
    g_assert_true(digest_equal(&queue->digest, &digest));
    g_assert_cmpint(world_override_due_ms(world), ==, 2000);
    world_check(world);
    g_assert_cmpuint(override_settle(world, 1999), ==, 0);
    g_assert_cmpuint(override_settle(world, 2000), ==, 1);
    g_assert_cmpint(queue_spec(world)->priority, ==, priority);
    g_assert_false(queue_spec(world)->enabled);
    g_assert_cmpuint(override_settle(world, 9000), ==, 1);
    g_assert_true(queue_spec(world)->enabled);
    g_assert_cmpint(world_override_due_ms(world), ==, 0);
    world_check(world);
}

/* What a manifest says meanwhile is in force as soon as it may be. */
static void test_manifest_changes(void)
{
    g_autoptr(World) world = fixture_world();
    g_autoptr(GError) error = NULL;
    try_set(world, KIND_JOB_QUEUE, "main", "priority", json_integer(100), 2000, 1000, NULL);
    Manifest manifest = {
        .kind = KIND_JOB_QUEUE,
        .name = VIEW("main"),
        .spec = VIEW("{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"here\",\"order\":1}],"
                     "\"priority\":7}"),
        .metadata = VIEW("{}"),
        .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    g_assert_true(resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = "s"}, 1500, &error));
    g_assert_cmpint(queue_spec(world)->priority, ==, 100);
    g_assert_cmpuint(override_clear(world, KIND_JOB_QUEUE, VIEW("main"), "state", "root", 1600), ==, 0);
    g_assert_cmpuint(override_clear(world, KIND_JOB_QUEUE, VIEW("other"), NULL, "root", 1600), ==, 0);
    g_assert_cmpuint(override_clear(world, KIND_JOB_QUEUE, VIEW("main"), NULL, "root", 1600), ==, 1);
    g_assert_cmpint(queue_spec(world)->priority, ==, 7);
}

static void environment_put(World *world, const char *sizes, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *spec =
        g_strdup_printf("{\"computeResources\":{%s,\"type\":\"EC2\"},\"type\":\"MANAGED\"}", sizes);
    Manifest manifest = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = VIEW("here"),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    g_assert_true(
        resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = "s"}, now_ms, &error));
}

/* minvCpus gives way to maxvCpus, whichever of them is overridden: in what decides here, and in what the
 * provider is given. */
static void test_least_and_most(void)
{
    static const struct {
        const char *field;
        int64_t value;
        const char *sizes;
        int64_t least, most;
    } cases[] = {
        {"maxvCpus", 16, "\"maxvCpus\":128,\"minvCpus\":32", 16, 16},
        {"minvCpus", 48, "\"maxvCpus\":32,\"minvCpus\":4", 32, 32},
        {"maxvCpus", 16, "\"maxvCpus\":128,\"minvCpus\":8", 8, 16},
        {"minvCpus", 48, "\"minvCpus\":4", 48, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(World) world = fixture_world();
        environment_put(world, "\"maxvCpus\":64", 1000);
        g_assert_true(try_set(world, KIND_COMPUTE_ENVIRONMENT, "here", cases[i].field,
                              json_integer(cases[i].value), 5000, 1000, NULL));
        environment_put(world, cases[i].sizes, 2000);
        const Resource *here = world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("here"));
        g_autofree char *spec = override_spec(world, here);
        json_t *root = json_loads(spec, 0, NULL), *sizes = json_object_get(root, "computeResources");
        g_test_message("%zu: %s", i, spec);
        g_assert_cmpint(environment_spec(world)->min_vcpus, ==, cases[i].least);
        g_assert_cmpint(json_integer_value(json_object_get(sizes, "minvCpus")), ==, cases[i].least);
        g_assert_cmpint(json_integer_value(json_object_get(sizes, "maxvCpus")), ==, cases[i].most);
        json_decref(root);
    }
}

static void test_restart(void)
{
    g_autoptr(World) world = fixture_world();
    try_set(world, KIND_JOB_QUEUE, "main", "priority", json_integer(100), 2000, 1000, NULL);
    try_set(world, KIND_COMPUTE_ENVIRONMENT, "here", "maxvCpus", json_integer(2), 5000, 1000, NULL);
    Records *records = records_new();
    records_take(records, world_take_batch(world));
    g_autoptr(World) fresh = records_world(records);
    g_assert_cmpint(queue_spec(fresh)->priority, ==, 100);
    g_assert_cmpint(environment_spec(fresh)->max_vcpus, ==, 2);
    g_assert_cmpint(world_override_due_ms(fresh), ==, 2000);
    g_autofree char *before = world_dump(world), *after = world_dump(fresh);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(override_settle(fresh, 6000), ==, 2);
    g_assert_cmpint(environment_spec(fresh)->max_vcpus, ==, 64);
    size_t len = 0;
    Batch *batch = world_take_batch(fresh);
    const ChangeRecord *changes = batch_change(batch, &len);
    g_assert_cmpuint(len, ==, 2);
    g_assert_cmpint(changes[0].action, ==, CHANGE_RESTORE);
    records_take(records, batch);
    g_autoptr(World) last = records_world(records);
    g_assert_cmpint(world_override_due_ms(last), ==, 0);
    g_assert_cmpint(environment_spec(last)->max_vcpus, ==, 64);
    records_free(records);
}

static void test_goes_with_its_resource(void)
{
    g_autoptr(World) world = fixture_world();
    try_set(world, KIND_JOB_QUEUE, "main", "priority", json_integer(100), 2000, 1000, NULL);
    resource_delete(world, KIND_JOB_QUEUE, VIEW("main"), 1500);
    g_assert_false(try_set(world, KIND_JOB_QUEUE, "main", "priority", json_integer(9), 2000, 1500, NULL));
    resource_settle(world, 10, 1500);
    g_assert_null(world_resource(world, KIND_JOB_QUEUE, VIEW("main")));
    g_assert_cmpint(world_override_due_ms(world), ==, 0);
    g_assert_cmpuint(override_settle(world, 9000), ==, 0);
}

static void test_refused(void)
{
    static const struct {
        Kind kind;
        const char *name, *field, *text;
        int64_t number, until_ms;
        const char *message;
    } cases[] = {
        {KIND_JOB_QUEUE, "none", "priority", NULL, 1, 2000, "there is no JobQueue \"none\""},
        {KIND_JOB_QUEUE, "main", "maxvCpus", NULL, 1, 2000, "maxvCpus of a JobQueue cannot be overridden; *"},
        {KIND_JOB_DEFINITION, "one", "state", "DISABLED", 0, 2000, "state of a JobDefinition cannot*"},
        {KIND_JOB_QUEUE, "main", "priority", NULL, -1, 2000, "priority: a whole number from 0*"},
        {KIND_JOB_QUEUE, "main", "priority", "high", 0, 2000, "priority: a whole number*"},
        {KIND_JOB_QUEUE, "main", "state", "OFF", 0, 2000, "state: ENABLED or DISABLED*"},
        {KIND_JOB_QUEUE, "main", "priority", NULL, 1, 1000, "an override lasts*"},
        {KIND_JOB_QUEUE, "main", "priority", NULL, 1, INT64_MAX, "an override lasts*"},
        {KIND_COMPUTE_ENVIRONMENT, "here", "minvCpus", NULL, 65, 2000,
         "minvCpus (65) would exceed maxvCpus (64)"},
        {KIND_COMPUTE_ENVIRONMENT, "here", "maxvCpus", NULL, 0, 2000, "maxvCpus: 0 would be no limit*"},
    };
    g_autoptr(World) world = fixture_world();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *message = NULL;
        json_t *value = cases[i].text ? json_string(cases[i].text) : json_integer(cases[i].number);
        g_assert_false(try_set(world, cases[i].kind, cases[i].name, cases[i].field, value, cases[i].until_ms,
                               1000, &message));
        g_test_message("%s", message);
        g_assert_true(g_pattern_match_simple(cases[i].message, message));
    }
    g_assert_cmpint(world_override_due_ms(world), ==, 0);
}

static void test_setting(void)
{
    static const char *const broken[] = {"override ", "override JobQueue/x", "override Nothing/x priority",
                                         "override x priority", "blocked x"};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
        g_assert_null(override_of_setting(view_from(broken[i]), VIEW("{\"value\":1}")));
    g_assert_null(override_of_setting(VIEW("override JobQueue/x priority"), VIEW("nothing")));
    g_autoptr(Override) override = override_of_setting(
        VIEW("override JobQueue/x priority"),
        VIEW("{\"value\":5,\"until\":1700000000000,\"reason\":\"release\",\"actor\":\"ada\"}"));
    g_autofree char *text = override_text(override);
    g_assert_cmpstr(text, ==, "priority is 5 until 2023-11-14 22:13:20 UTC: release (by ada)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/override/in-force-and-gone", test_in_force_and_gone);
    g_test_add_func("/override/manifest-changes", test_manifest_changes);
    g_test_add_func("/override/least-and-most", test_least_and_most);
    g_test_add_func("/override/restart", test_restart);
    g_test_add_func("/override/goes-with-its-resource", test_goes_with_its_resource);
    g_test_add_func("/override/refused", test_refused);
    g_test_add_func("/override/setting", test_setting);
    return g_test_run();
}

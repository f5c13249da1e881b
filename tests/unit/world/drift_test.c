/* Drift: found, gone, stale, in part; overrides; annotations; putting back, giving up, over restarts. */
#include "reconciler/world/drift.h"
#include "reconciler/world/override.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"

#define SPEC(max)                                                                                            \
    "{\"computeResources\":{\"maxvCpus\":" max                                                               \
    ",\"tags\":{\"team\":\"a\"},\"type\":\"EC2\"},\"provider\":\"simulated\","                               \
    "\"type\":\"MANAGED\"}"

static void put(World *world, const char *spec, const char *mode, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *metadata =
        mode ? g_strdup_printf("{\"annotations\":{\"muster/drift\":\"%s\"}}", mode) : g_strdup("{}");
    Manifest manifest = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = VIEW("there"),
                         .spec = view_from(spec),
                         .metadata = view_from(metadata),
                         .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    g_assert_true(resource_put(world, &(ResourceChange){&manifest, "s"}, now_ms, &error));
}

static World *world_with(const char *mode)
{
    World *world = fixture_world();
    put(world, SPEC("64"), mode, 1);
    return world;
}

static const Resource *there(const World *world)
{
    return world_resource(world, KIND_COMPUTE_ENVIRONMENT, VIEW("there"));
}

static Observation observation(const World *world, const char *observed)
{
    Observation made = {.is_complete = true, .observed = view_from(observed)};
    g_free(resource_wanted(world, there(world), &made.digest));
    return made;
}

static DriftFinding see(World *world, const char *observed, int64_t now_ms)
{
    Observation made = observation(world, observed);
    return drift_observed(world, there(world), &made, now_ms, NULL);
}

static DriftFinding answer(World *world, const char *observed, int64_t now_ms)
{
    Observation made = observation(world, observed);
    made.is_answer = true;
    return drift_observed(world, there(world), &made, now_ms, NULL);
}

static const Drift *drift_there(const World *world)
{
    return world_drift(world, KIND_COMPUTE_ENVIRONMENT, VIEW("there"));
}

/* Of all events in the batch, in their order: "TYPE MESSAGE\n". */
static char *take_events(World *world, Records *records)
{
    GString *out = g_string_new(NULL);
    Batch *batch = world_take_batch(world);
    size_t len = 0;
    const EventRecord *events = batch ? batch_event(batch, &len) : NULL;
    for (size_t i = 0; i < len; i++)
        if (view_is(events[i].subject, "ComputeEnvironment/there"))
            g_string_append_printf(out, VIEW_FMT " " VIEW_FMT "\n", VIEW_ARG(events[i].type),
                                   VIEW_ARG(events[i].message));
    records_take(records, batch);
    return g_string_free(out, FALSE);
}

static void assert_events(World *world, Records *records, const char *expected)
{
    g_autofree char *events = take_events(world, records);
    g_assert_cmpstr(events, ==, expected);
}

static World *restarted(World *world, Records *records)
{
    records_take(records, world_take_batch(world));
    World *again = world_new(7, PROVIDER_LOCAL);
    GError *error = NULL;
    records_load(records, &world_sink, again);
    g_assert_true(world_loaded(again, &error));
    instance_local(again, FIXTURE_MACHINE);
    g_autofree char *before = world_dump(world), *after = world_dump(again);
    g_assert_cmpstr(before, ==, after);
    world_free(world);
    return again;
}

#define MOST       "spec.computeResources.maxvCpus"
#define AS_APPLIED "{\"" MOST "\":64,\"spec.computeResources.tags\":{\"team\":\"a\"}}"
#define OTHER      "{\"" MOST "\":512,\"spec.computeResources.tags\":{\"team\":\"a\"}}"

static void test_found_and_gone(void)
{
    World *world = world_with(NULL);
    Records *records = records_new();
    g_free(take_events(world, records));
    g_assert_cmpint(see(world, AS_APPLIED, 1000), ==, DRIFT_NONE);
    g_assert_false(world_is_dirty(world));
    g_assert_cmpint(see(world, OTHER, 2000), ==, DRIFT_DIFFERS);
    assert_events(world, records, "resource.drifted computeResources.maxvCpus: 64 was set to 512\n");
    const Drift *drift = drift_there(world);
    g_assert_cmpstr(drift->fields, ==, "[{\"applied\":64,\"observed\":512,\"path\":\"" MOST "\"}]");
    g_assert_cmpint(drift->since_ms, ==, 2000);
    see(world, OTHER, 2000 + DRIFT_SEEN_MS - 1); /* nothing new: nothing is written */
    g_assert_false(world_is_dirty(world));
    see(world, OTHER, 2000 + DRIFT_SEEN_MS);
    g_assert_true(world_is_dirty(world));
    world = restarted(world, records);
    drift = drift_there(world);
    g_assert_cmpint(drift->since_ms, ==, 2000);
    g_assert_cmpint(drift->seen_ms, ==, 2000 + DRIFT_SEEN_MS);
    g_assert_true(world_drift_next(world, NULL) == drift);
    g_assert_null(world_drift_next(world, drift));
    see(world, AS_APPLIED, 900000);
    g_assert_null(drift_there(world));
    assert_events(world, records, "resource.undrifted as declared again: changed back outside\n");
    world = restarted(world, records);
    g_assert_null(resource_drift(world, there(world)));
    world_free(world);
    records_free(records);
}

static void test_values(void)
{
    static const struct {
        const char *observed, *fields;
    } cases[] = {
        /* the same in other words: defaults, what is empty, the scheduler's, what no schema knows */
        {"{\"spec.state\":\"ENABLED\",\"spec.computeResources.minvCpus\":0,\"spec.computeResources.subnets\":"
         "[]}",
         NULL},
        {"{\"spec.computeResources.desiredvCpus\":8,\"spec.nothing\":1,\"nothing\":1,\"spec.state.x\":1}",
         NULL},
        {"{\"spec.computeResources\":{\"desiredvCpus\":9,\"maxvCpus\":64,\"tags\":{\"team\":\"a\"},\"type\":"
         "\"EC2\"}}",
         NULL},
        {"{\"spec.computeResources.subnets\":null}", NULL},
        {"{}", NULL},
        {"{\"spec.state\":\"DISABLED\"}", "[{\"observed\":\"DISABLED\",\"path\":\"spec.state\"}]"},
        {"{\"spec.computeResources.tags\":{\"team\":\"b\",\"who\":\"x\"}}",
         "[{\"applied\":\"a\",\"observed\":\"b\",\"path\":\"spec.computeResources.tags.team\"},"
         "{\"observed\":\"x\",\"path\":\"spec.computeResources.tags.who\"}]"},
        {"{\"spec.computeResources.tags\":{}}",
         "[{\"applied\":\"a\",\"path\":\"spec.computeResources.tags.team\"}]"},
        {"{\"spec.computeResources.tags.team\":null}",
         "[{\"applied\":\"a\",\"path\":\"spec.computeResources.tags.team\"}]"},
        {"{\"" MOST "\":null}", "[{\"applied\":64,\"path\":\"" MOST "\"}]"},
        {"{\"spec.computeResources.subnets\":[\"subnet-1\"]}",
         "[{\"observed\":[\"subnet-1\"],\"path\":\"spec.computeResources.subnets\"}]"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(World) world = world_with(NULL);
        g_test_message("%s", cases[i].observed);
        g_assert_cmpint(see(world, cases[i].observed, 1000), ==,
                        cases[i].fields ? DRIFT_DIFFERS : DRIFT_NONE);
        const Drift *drift = drift_there(world);
        g_assert_cmpstr(drift ? drift->fields : NULL, ==, cases[i].fields);
    }
}

static void test_broken(void)
{
    g_autoptr(World) world = world_with(NULL);
    g_autoptr(GString) many = g_string_new("{\"spec.x0\":1"), large = g_string_new("{\"spec.x\":\"");
    for (int i = 1; i <= OBSERVED_FIELDS_MAX; i++)
        g_string_append_printf(many, ",\"spec.x%d\":1", i);
    g_string_append(many, "}");
    while (large->len < OBSERVED_BYTES_MAX)
        g_string_append_c(large, 'x');
    g_string_append(large, "\"}");
    const char *const broken[] = {"", "[]", "3", "{\"a\":1,\"a\":2}", "{", many->str, large->str};
    see(world, OTHER, 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        Observation made = observation(world, broken[i]);
        g_autofree char *message = NULL;
        g_assert_cmpint(drift_observed(world, there(world), &made, 2000, &message), ==, DRIFT_BROKEN);
        g_assert_nonnull(message);
        g_assert_nonnull(drift_there(world)); /* it says nothing */
    }
}

/* As many as are kept, and the count of the others; a large value is its digest. */
static void test_limits(void)
{
    g_autoptr(World) world = world_with(NULL);
    g_autoptr(GString) tags = g_string_new("{\"spec.computeResources.tags\":{\"team\":\"");
    while (tags->len < 5000)
        g_string_append_c(tags, 'x');
    g_string_append(tags, "\"");
    for (int i = 0; i < 150; i++)
        g_string_append_printf(tags, ",\"t%03d\":\"x\"", i);
    g_string_append(tags, "}}");
    see(world, tags->str, 1000);
    const char *fields = drift_there(world)->fields;
    g_assert_nonnull(strstr(fields, "{\"omitted\":51,\"path\":\"spec\"}"));
    g_assert_cmpuint(strlen(fields), <, 10000);
    Records *records = records_new();
    g_autofree char *events = take_events(world, records);
    g_assert_cmpuint(strlen(events), <, 1500);
    g_assert_nonnull(strstr(events, "more"));
    records_free(records);
}

/* Of another spec than the one in force it says nothing. */
static void test_stale(void)
{
    g_autoptr(World) world = world_with(NULL);
    Observation made = observation(world, OTHER);
    put(world, SPEC("128"), NULL, 1000);
    g_assert_cmpint(drift_observed(world, there(world), &made, 2000, NULL), ==, DRIFT_STALE);
    g_assert_null(drift_there(world));
    g_assert_cmpint(see(world, "{\"" MOST "\":128}", 3000), ==, DRIFT_NONE);
}

/* What is not told of stays as it was known, unless all was told. */
static void test_in_part(void)
{
    g_autoptr(World) world = world_with(NULL);
    see(world, "{\"" MOST "\":512,\"spec.computeResources.tags\":{\"team\":\"b\"}}", 1000);
    Observation part = observation(world, "{\"spec.computeResources.tags\":{\"team\":\"a\"}}");
    part.is_complete = false;
    g_assert_cmpint(drift_observed(world, there(world), &part, 2000, NULL), ==, DRIFT_DIFFERS);
    g_assert_cmpstr(drift_there(world)->fields, ==,
                    "[{\"applied\":64,\"observed\":512,\"path\":\"" MOST "\"}]");
    part.observed = VIEW("{\"spec.state\":\"DISABLED\"}");
    drift_observed(world, there(world), &part, 3000, NULL);
    g_assert_cmpstr(drift_there(world)->fields, ==,
                    "[{\"applied\":64,\"observed\":512,\"path\":\"" MOST
                    "\"},{\"observed\":\"DISABLED\",\"path\":\"spec.state\"}]");
    part.observed = VIEW("{}");
    g_assert_cmpint(drift_observed(world, there(world), &part, 4000, NULL), ==, DRIFT_DIFFERS);
    g_assert_cmpint(see(world, "{}", 5000), ==, DRIFT_NONE); /* complete */
    g_assert_null(drift_there(world));
}

/* What is overridden is in force: what was applied with it does not differ, what somebody else sets does. */
static void test_override(void)
{
    g_autoptr(World) world = world_with(NULL);
    g_autoptr(GError) error = NULL;
    json_t *value = json_integer(16), *state = json_string("ENABLED");
    Override override = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = (char *)(uintptr_t) "there",
                         .field = (char *)(uintptr_t) "maxvCpus",
                         .value = value,
                         .until_ms = 100000,
                         .reason = (char *)(uintptr_t) "why"};
    see(world, OTHER, 500);
    uint64_t declarations = world_declarations(world);
    g_assert_true(override_set(world, &override, 1000, &error));
    g_assert_cmpuint(world_declarations(world), >, declarations);
    g_assert_null(drift_there(world)); /* its declared value is another now */
    Observation made = observation(world, "{\"" MOST "\":16,\"spec.state\":\"ENABLED\"}");
    g_assert_false(digest_equal(&made.digest, &there(world)->digest));
    g_assert_cmpint(drift_observed(world, there(world), &made, 2000, NULL), ==, DRIFT_NONE);
    override.field = (char *)(uintptr_t) "state";
    override.value = state;
    g_assert_true(override_set(world, &override, 2000, &error)); /* to its default: the same spec */
    g_assert_cmpint(drift_observed(world, there(world), &made, 2000, NULL), ==, DRIFT_NONE);
    g_assert_cmpint(see(world, "{\"" MOST "\":512}", 3000), ==, DRIFT_DIFFERS);
    g_assert_cmpstr(drift_there(world)->fields, ==,
                    "[{\"applied\":16,\"observed\":512,\"path\":\"" MOST "\"}]");
    g_assert_cmpuint(override_settle(world, 100000), ==, 2);
    g_assert_null(drift_there(world));
    g_assert_cmpint(drift_observed(world, there(world), &made, 100001, NULL), ==, DRIFT_STALE);
    json_decref(value);
    json_decref(state);
}

static void test_annotation(void)
{
    World *world = world_with("ignore");
    Records *records = records_new();
    g_free(take_events(world, records));
    g_assert_cmpint(see(world, OTHER, 1000), ==, DRIFT_DIFFERS);
    g_assert_null(drift_there(world));
    g_assert_false(world_is_dirty(world)); /* not stored */
    put(world, SPEC("64"), "warn", 2000);  /* shows at once */
    g_assert_cmpint(drift_there(world)->since_ms, ==, 2000);
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    assert_events(world, records,
                  "resource.updated metadata\n"
                  "resource.drifted computeResources.maxvCpus: 64 was set to 512\n");
    world = restarted(world, records);
    put(world, SPEC("64"), NULL, 3000); /* put back at once */
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, 1000);
    put(world, SPEC("64"), "ignore", 4000);
    g_assert_null(drift_there(world));
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    assert_events(world, records,
                  "resource.updated metadata\n"
                  "resource.updated metadata\n"
                  "resource.undrifted not looked at any more: muster/drift: ignore\n");
    world = restarted(world, records);
    g_assert_null(resource_drift(world, there(world)));
    g_assert_cmpint(drift_mode(VIEW("{\"annotations\":{\"muster/drift\":\"ignore\"}}")), ==, DRIFT_IGNORE);
    g_assert_cmpint(drift_mode(VIEW("{\"labels\":{\"muster/drift\":\"ignore\"}}")), ==, DRIFT_CORRECT);
    world_free(world);
    records_free(records);
}

/* What is left alone stays so when something else is declared, and gives way to what is declared of it. */
static void test_declared_otherwise(void)
{
    g_autoptr(World) world = world_with("warn");
    see(world, "{\"" MOST "\":512,\"spec.computeResources.tags\":{\"team\":\"b\"}}", 1000);
    g_auto(GStrv) both = drift_kept_paths(world, there(world));
    g_assert_cmpuint(g_strv_length(both), ==, 2);
    put(world, SPEC("128"), "warn", 2000);
    g_auto(GStrv) one = drift_kept_paths(world, there(world));
    g_assert_cmpuint(g_strv_length(one), ==, 1);
    g_assert_cmpstr(one[0], ==, "spec.computeResources.tags.team");
    g_assert_cmpint(drift_there(world)->since_ms, ==, 1000);
    put(world, SPEC("128"), NULL, 3000);
    g_assert_null(drift_kept_paths(world, there(world))); /* all is put back */
}

static void test_put_back(void)
{
    World *world = world_with(NULL);
    Records *records = records_new();
    int64_t now_ms = 1000;
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    see(world, OTHER, now_ms);
    for (int i = 1; i <= 5; i++) {
        static const int64_t waits_ms[] = {0, 0, 10000, 60000, 300000, 1800000};
        int64_t due_ms = drift_due_ms(world, there(world));
        g_assert_cmpint(due_ms, ==, now_ms);
        drift_correct(world, there(world), now_ms);
        world = restarted(world, records);
        g_assert_cmpint(answer(world, AS_APPLIED, now_ms + 1), ==, DRIFT_NONE);
        g_assert_null(drift_there(world));
        g_assert_cmpint(world_drift_due_ms(world), ==, now_ms + 1 + DRIFT_QUIET_MS);
        world = restarted(world, records); /* how often is remembered */
        see(world, OTHER, now_ms + 2);
        g_assert_cmpint(drift_there(world)->corrections, ==, i);
        g_assert_cmpint((drift_there(world)->problem != NULL), ==, i >= DRIFT_CONTESTED);
        g_assert_cmpint(drift_due_ms(world, there(world)), ==, now_ms + (i < 5 ? waits_ms[i + 1] : 1800000));
        now_ms = drift_due_ms(world, there(world));
    }
    g_assert_nonnull(strstr(drift_there(world)->problem, "put back 5 times and changed again each time"));
    g_autofree char *events = take_events(world, records);
    g_assert_nonnull(strstr(events, "resource.contested put back 5 times"));
    see(world, AS_APPLIED, now_ms);
    g_assert_cmpuint(drift_settle(world, now_ms + DRIFT_QUIET_MS - 1), ==, 0);
    g_assert_cmpuint(drift_settle(world, now_ms + DRIFT_QUIET_MS), ==, 1);
    g_assert_cmpint(world_drift_due_ms(world), ==, 0);
    world = restarted(world, records);
    g_assert_null(resource_drift(world, there(world)));
    see(world, OTHER, now_ms + 2 * DRIFT_QUIET_MS);
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, now_ms + 2 * DRIFT_QUIET_MS);
    world_free(world);
    records_free(records);
}

static void test_given_up(void)
{
    World *world = world_with(NULL);
    Records *records = records_new();
    see(world, OTHER, 1000);
    int64_t now_ms = 1000;
    for (int i = 1; i <= DRIFT_TRIES_MAX; i++) {
        g_assert_cmpint(drift_due_ms(world, there(world)), >=, 0);
        now_ms = MAX(now_ms, drift_due_ms(world, there(world)));
        drift_correct(world, there(world), now_ms);
        if (i % 2)
            drift_refused(world, there(world), "AccessDenied", now_ms + 1);
        else /* done, they say */
            g_assert_cmpint(answer(world, OTHER, now_ms + 1), ==, DRIFT_DIFFERS);
        g_assert_nonnull(drift_there(world)->problem);
    }
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    world = restarted(world, records);
    g_assert_true(drift_there(world)->is_given_up);
    g_assert_cmpstr(drift_there(world)->problem, ==,
                    "given up after 6 tries: it was put back, and still differs in the same way");
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    see(world, OTHER, now_ms + 5);
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    /* Something else is there now, a process begins, another mode: each is a reason to try again. */
    see(world, "{\"" MOST "\":513}", now_ms + 10);
    g_assert_cmpint(drift_due_ms(world, there(world)), >=, 0);
    for (int i = 0; i < 2 * DRIFT_TRIES_MAX; i++) {
        if (drift_due_ms(world, there(world)) < 0)
            drift_retry(world);
        drift_correct(world, there(world), now_ms);
        drift_refused(world, there(world), "AccessDenied", now_ms);
    }
    g_assert_true(drift_there(world)->is_given_up);
    put(world, SPEC("64"), "correct", now_ms + 20);
    g_assert_false(drift_there(world)->is_given_up);
    g_assert_null(drift_there(world)->problem);
    world = restarted(world, records);
    world_free(world);
    records_free(records);
}

static void test_goes_with_its_resource(void)
{
    World *world = world_with(NULL);
    Records *records = records_new();
    see(world, OTHER, 1000);
    world = restarted(world, records);
    drift_gone(world, there(world), 1500);
    g_assert_null(drift_there(world));
    see(world, OTHER, 1600); /* in the same tick */
    g_assert_cmpint(drift_there(world)->since_ms, ==, 1600);
    world = restarted(world, records);
    resource_delete(world, KIND_COMPUTE_ENVIRONMENT, VIEW("there"), 2000);
    g_assert_cmpint(drift_due_ms(world, there(world)), ==, -1);
    g_assert_cmpuint(resource_settle(world, 10, 2000), ==, 0);
    g_assert_null(drift_there(world));
    world = restarted(world, records);
    world_free(world);
    records_free(records);
}

int main(int argc, char **argv)
{
    kinds_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drift/found-and-gone", test_found_and_gone);
    g_test_add_func("/drift/values", test_values);
    g_test_add_func("/drift/broken", test_broken);
    g_test_add_func("/drift/limits", test_limits);
    g_test_add_func("/drift/stale", test_stale);
    g_test_add_func("/drift/in-part", test_in_part);
    g_test_add_func("/drift/override", test_override);
    g_test_add_func("/drift/annotation", test_annotation);
    g_test_add_func("/drift/declared-otherwise", test_declared_otherwise);
    g_test_add_func("/drift/put-back", test_put_back);
    g_test_add_func("/drift/given-up", test_given_up);
    g_test_add_func("/drift/goes-with-its-resource", test_goes_with_its_resource);
    return g_test_run();
}

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
    g_assert_true(
        resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = "s"}, now_ms, &error));
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

static void assert_kept(const World *world, const char *expected)
{
    g_auto(GStrv) paths = drift_kept_paths(world, there(world));
    g_autofree char *text = paths ? g_strjoinv(" ", paths) : NULL;
    g_assert_cmpstr(text, ==, expected);
}

static char *tags_text(int from, int to, const char *team)
{
    GString *tags = g_string_new("{\"spec.computeResources.tags\":{");
    g_string_append_printf(tags, "\"team\":\"%s\"", team);
    for (int i = from; i < to; i++)
        g_string_append_printf(tags, ",\"t%04d\":\"x\"", i);
    g_string_append(tags, "}}");
    return g_string_free(tags, FALSE);
}

static json_int_t count_omitted(const char *fields, guint *ret_times)
{
    json_t *list = json_loads(fields, 0, NULL), *field;
    json_int_t omitted = 0;
    size_t i;
    *ret_times = 0;
    json_array_foreach(list, i, field)
    {
        if (!json_object_get(field, "omitted"))
            continue;
        omitted = json_integer_value(json_object_get(field, "omitted"));
        ++*ret_times;
    }
    json_decref(list);
    return omitted;
}

/* More than are shown are left alone all the same, each by itself; a large value is its digest. */
static void test_limits(void)
{
    g_autoptr(World) world = world_with("warn");
    g_autofree char *large = g_strnfill(5000, 'x'), *tags = tags_text(0, 150, large);
    guint times;
    see(world, tags, 1000);
    const char *fields = drift_there(world)->fields;
    g_assert_cmpuint(strlen(fields), <, 15000);
    g_assert_cmpint(count_omitted(fields, &times), ==, 0);
    g_auto(GStrv) paths = drift_kept_paths(world, there(world));
    g_assert_cmpuint(g_strv_length(paths), ==, 151);
    g_assert_cmpstr(paths[149], ==, "spec.computeResources.tags.t0149");
    json_t *shown = drift_fields_shown(fields);
    g_assert_cmpuint(json_array_size(shown), ==, DRIFT_SHOWN_MAX + 1);
    g_assert_cmpint(json_integer_value(json_object_get(json_array_get(shown, DRIFT_SHOWN_MAX), "omitted")),
                    ==, 51);
    json_decref(shown);
    Records *records = records_new();
    g_autofree char *events = take_events(world, records);
    g_assert_cmpuint(strlen(events), <, 1500);
    g_assert_nonnull(strstr(events, "more"));
    records_free(records);
}

/* Of what there is too much of, all that it stands in is left alone, and it is counted once. */
static void test_too_many(void)
{
    g_autoptr(World) world = world_with("warn");
    g_autofree char *tags = tags_text(0, DRIFT_FIELDS_MAX + 20, "a");
    guint times;
    see(world, tags, 1000);
    g_assert_cmpint(count_omitted(drift_there(world)->fields, &times), ==, 20);
    g_auto(GStrv) paths = drift_kept_paths(world, there(world));
    g_assert_cmpuint(g_strv_length(paths), ==, DRIFT_FIELDS_MAX + 1);
    g_assert_true(g_strv_contains((const char *const *)paths, "spec.computeResources.tags"));
    json_t *shown = drift_fields_shown(drift_there(world)->fields);
    g_assert_cmpint(json_integer_value(json_object_get(json_array_get(shown, DRIFT_SHOWN_MAX), "omitted")),
                    ==, DRIFT_FIELDS_MAX + 20 - DRIFT_SHOWN_MAX);
    json_decref(shown);
    put(world, SPEC("128"), "warn", 1500); /* they stay, whatever else is declared */
    g_assert_cmpint(count_omitted(drift_there(world)->fields, &times), ==, 20);
    /* In part: another field, then the same ones again and again, which are no more for that. */
    Observation part = observation(world, "{\"" MOST "\":512}");
    part.is_complete = false;
    drift_observed(world, there(world), &part, 2000, NULL);
    g_assert_cmpint(count_omitted(drift_there(world)->fields, &times), >=, 20);
    g_assert_cmpuint(times, ==, 1);
    part.observed = view_from(tags);
    for (int i = 0; i < 3; i++) {
        drift_observed(world, there(world), &part, 3000 + i, NULL);
        g_assert_cmpint(count_omitted(drift_there(world)->fields, &times), ==, 21);
        g_assert_cmpuint(times, ==, 1);
    }
    part.observed = VIEW("{\"spec.computeResources.tags\":{\"team\":\"a\"}}");
    drift_observed(world, there(world), &part, 4000, NULL);
    assert_kept(world, MOST);
}

static bool keeps(const World *world, const char *path)
{
    g_auto(GStrv) paths = drift_kept_paths(world, there(world));
    return paths && g_strv_contains((const char *const *)paths, path);
}

/* One that is too many by itself stays, too; and is no more of them for being told again. */
static void test_one_too_many(void)
{
    g_autoptr(World) world = world_with("warn");
    g_autofree char *tags = tags_text(0, DRIFT_FIELDS_MAX, "b");
    guint times;
    see(world, tags, 1000);
    g_assert_true(keeps(world, "spec.computeResources.tags.team"));
    put(world, SPEC("128"), "warn", 1500);
    g_assert_true(keeps(world, "spec.computeResources.tags.team"));
    Observation part = observation(world, "{\"spec.state\":\"DISABLED\"}");
    part.is_complete = false;
    for (int i = 0; i < 5; i++) {
        drift_observed(world, there(world), &part, 2000 + i, NULL);
        g_assert_true(keeps(world, "spec"));
        g_assert_cmpint(count_omitted(drift_there(world)->fields, &times), <=, 2);
        g_assert_cmpuint(times, ==, 1);
    }
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
    assert_events(world, records, "");
    put(world, SPEC("64"), "warn", 2000); /* shows at once */
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
    g_assert_null(drift_there(world));
    see(world, AS_APPLIED, 5000);
    assert_events(world, records, ""); /* it goes as quietly as it came */
    world = restarted(world, records);
    g_assert_null(resource_drift(world, there(world)));
    g_assert_cmpint(drift_mode(VIEW("{\"annotations\":{\"muster/drift\":\"ignore\"}}")), ==, DRIFT_IGNORE);
    g_assert_cmpint(drift_mode(VIEW("{\"labels\":{\"muster/drift\":\"ignore\"}}")), ==, DRIFT_CORRECT);
    world_free(world);
    records_free(records);
}

/* What is ignored is left alone by the next process too, whatever else was declared before that looked. */
static void test_ignored_over_restarts(void)
{
    World *world = world_with("ignore");
    Records *records = records_new();
    see(world, "{\"" MOST "\":512,\"spec.computeResources.tags\":{\"team\":\"b\"}}", 1000);
    assert_kept(world, MOST " spec.computeResources.tags.team");
    world = restarted(world, records);
    g_assert_null(drift_there(world));
    assert_kept(world, MOST " spec.computeResources.tags.team");
    put(world, SPEC("128"), "ignore", 2000); /* by a command, while nobody hosts */
    world = restarted(world, records);
    assert_kept(world, "spec.computeResources.tags.team");
    put(world, SPEC("128"), "warn", 3000);
    g_assert_cmpstr(drift_there(world)->fields, ==,
                    "[{\"applied\":\"a\",\"observed\":\"b\",\"path\":\"spec.computeResources.tags.team\"}]");
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

/* The value and the annotation in one change: what was put back once is remembered under the new one. */
static void test_declared_and_ignored(void)
{
    World *world = world_with(NULL);
    Records *records = records_new();
    see(world, OTHER, 1000);
    drift_correct(world, there(world), 1000);
    put(world, SPEC("128"), "ignore", 2000);
    g_assert_null(drift_there(world));
    g_assert_true(resource_drift(world, there(world))->is_ignored);
    world = restarted(world, records); /* equal, with that */
    see(world, "{\"" MOST "\":128,\"spec.computeResources.tags\":{\"team\":\"a\"}}", 3000);
    world_free(world);
    records_free(records);
}

/* A value that is kept as a digest, and one within an item of a list, are still what was declared. */
static void test_declared_otherwise_in_other_forms(void)
{
    static const struct {
        const char *resources, *otherwise, *observed, *path;
    } cases[] = {
        {"\"tags\":{\"team\":\"%s\"}", "\"tags\":{\"team\":\"%sx\"}", "{\"spec.computeResources.tags\":null}",
         "spec.computeResources.tags.team"},
        {"\"ec2Configuration\":[{\"imageIdOverride\":\"ami-1\",\"imageType\":\"ECS_AL2\"}]",
         "\"ec2Configuration\":[{\"imageIdOverride\":\"ami-2\",\"imageType\":\"ECS_AL2\"}]",
         "{\"spec.computeResources.ec2Configuration\":[{\"imageType\":\"ECS_AL2\",\"imageIdOverride\":\"ami-"
         "9\"}]}",
         "spec.computeResources.ec2Configuration[ECS_AL2].imageIdOverride"},
        {"\"subnets\":[\"subnet-1\"]", "\"subnets\":[\"subnet-2\"]",
         "{\"spec.computeResources.subnets\":[\"subnet-9\"]}", "spec.computeResources.subnets"},
    };
    static const char format[] = "{\"computeResources\":{%s,\"maxvCpus\":%d,\"type\":\"EC2\"},"
                                 "\"provider\":\"simulated\",\"type\":\"MANAGED\"}";
    g_autofree char *large = g_strnfill(DRIFT_VALUE_MAX + 1, 'x');
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(World) world = fixture_world();
        g_auto(GStrv) around = g_strsplit(cases[i].resources, "%s", 2);
        g_autofree char *declared = g_strjoinv(large, around);
        g_auto(GStrv) around_other = g_strsplit(cases[i].otherwise, "%s", 2);
        g_autofree char *declared_other = g_strjoinv(large, around_other);
        g_autofree char *first = g_strdup_printf(format, declared, 64),
                        *second = g_strdup_printf(format, declared, 128),
                        *third = g_strdup_printf(format, declared_other, 128);
        g_test_message("%s", cases[i].path);
        world_set_setting(world, INSTALLATION_SETTING, "0123456789abcdef");
        put(world, first, "warn", 1);
        g_assert_cmpint(see(world, cases[i].observed, 1000), ==, DRIFT_DIFFERS);
        assert_kept(world, cases[i].path);
        put(world, second, "warn", 2000);
        assert_kept(world, cases[i].path);
        put(world, third, "warn", 3000);
        g_assert_null(drift_there(world));
    }
}

/* The installation's salt is in what stands for a value: nobody compares or guesses it without that. */
static void test_digests(void)
{
    static const char *const installations[] = {"0123456789abcdef", "fedcba9876543210", "0123456789abcdef"};
    g_autofree char *large = g_strnfill(DRIFT_VALUE_MAX + 1, 'x');
    g_autofree char *observed = g_strdup_printf("{\"spec.computeResources.tags\":{\"team\":\"%s\"}}", large);
    g_autofree char *fields[G_N_ELEMENTS(installations)] = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(installations); i++) {
        g_autoptr(World) world = world_with(NULL);
        world_set_setting(world, INSTALLATION_SETTING, installations[i]);
        see(world, observed, 1000);
        fields[i] = g_strdup(drift_there(world)->fields);
    }
    g_assert_nonnull(strstr(fields[0], REDACTED_PREFIX));
    g_assert_cmpstr(fields[0], ==, fields[2]);
    g_assert_cmpstr(fields[0], !=, fields[1]);
    for (size_t i = 1; i < G_N_ELEMENTS(fields); i++)
        g_clear_pointer(&fields[i], g_free);
}

#define DEFINITION(value)                                                                                    \
    "{\"containerProperties\":{\"environment\":[{\"name\":\"KEY\",\"value\":\"" value                        \
    "\"}],\"image\":\"i\"},\"type\":\"container\"}"

/* Of what is private neither side is kept, and yet it is known to be declared as it was. */
static void test_private(void)
{
    View declared = VIEW(DEFINITION("right")), other = VIEW(DEFINITION("otherwise"));
    g_autoptr(GPtrArray) fields = compare_specs(KIND_JOB_DEFINITION, declared, VIEW(DEFINITION("wrong")));
    g_autofree char *text = drift_fields_text(fields, "a"), *salted = drift_fields_text(fields, "b"),
                    *still = drift_fields_declared(text, KIND_JOB_DEFINITION, declared, "a"),
                    *none = drift_fields_declared(text, KIND_JOB_DEFINITION, other, "a");
    g_assert_nonnull(strstr(text, "environment[KEY].value"));
    g_assert_null(strstr(text, "right"));
    g_assert_null(strstr(text, "wrong"));
    g_assert_cmpstr(text, !=, salted);
    g_assert_cmpstr(still, ==, text);
    g_assert_null(none);
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
    g_test_add_func("/drift/too-many", test_too_many);
    g_test_add_func("/drift/one-too-many", test_one_too_many);
    g_test_add_func("/drift/stale", test_stale);
    g_test_add_func("/drift/in-part", test_in_part);
    g_test_add_func("/drift/override", test_override);
    g_test_add_func("/drift/annotation", test_annotation);
    g_test_add_func("/drift/ignored-over-restarts", test_ignored_over_restarts);
    g_test_add_func("/drift/declared-otherwise", test_declared_otherwise);
    g_test_add_func("/drift/declared-otherwise-in-other-forms", test_declared_otherwise_in_other_forms);
    g_test_add_func("/drift/declared-and-ignored", test_declared_and_ignored);
    g_test_add_func("/drift/digests", test_digests);
    g_test_add_func("/drift/private", test_private);
    g_test_add_func("/drift/put-back", test_put_back);
    g_test_add_func("/drift/given-up", test_given_up);
    g_test_add_func("/drift/goes-with-its-resource", test_goes_with_its_resource);
    return g_test_run();
}

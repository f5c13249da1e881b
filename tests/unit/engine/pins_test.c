/* pins_test.c: what the provider looked up and pinned: asked for anew when it may be another, once. */
#include "reconciler/world/pins.h"
#include "tests/support/engine_fixture.h"

#define OBSERVED "{\"spec.tags\":null}"
#define SEVEN    "{\"pinned\":{\"template\":\"7\"}}"
#define NINE     "{\"pinned\":{\"template\":\"9\"}}"
#define NEWER    "{\"newest\":{\"template\":\"9\"},\"pinned\":{\"template\":\"7\"}}"

/* What was asked for last, or began with. */
static struct {
    uint64_t number;
    Digest digest;
    char pins[200]; /* "anew": all are to be looked up */
} asked;

static void note(const ResourceRequest *request)
{
    asked.number = request->number;
    asked.digest = request->digest;
    g_strlcpy(asked.pins, request->pins ? request->pins : "anew", sizeof asked.pins);
}

static void fake_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        note(&requests[i]);
        g_string_append_printf(engine_of_provider(provider)->log, "apply %s|", requests[i].name);
    }
}

static bool fake_begin(Provider *provider, const ProviderStart *start, GError **error)
{
    for (size_t i = 0; i < start->resources_len; i++)
        note(&start->resources[i]);
    return fake_start(provider, start, error);
}

static void tell(Engine *engine, ProviderEventType type, const char *pins)
{
    engine_event(engine, (ProviderEvent){.type = type,
                                         .kind = KIND_COMPUTE_ENVIRONMENT,
                                         .resource = "here",
                                         .number = asked.number,
                                         .applied = asked.digest,
                                         .observed = OBSERVED,
                                         .pins = pins});
    engine_settle(engine);
}

static const Environment *here(const Engine *engine)
{
    return world_environment(reconciler_world(engine->reconciler), VIEW("here"));
}

static void setup(Engine *engine, gconstpointer data)
{
    memset(&asked, 0, sizeof asked);
    engine_setup(engine, data);
    engine->provider.resources_apply = fake_resources_apply;
    engine->provider.start = fake_begin;
    engine_settle(engine);
    engine_log_is(engine, "apply here|");
    g_assert_cmpstr(asked.pins, ==, "anew");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, SEVEN);
    engine_log_is(engine, "commit 1|durable 1|");
}

static void declare(Engine *engine, int most)
{
    GError *error = NULL;
    g_autofree char *spec = g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"EC2\"},"
                                            "\"provider\":\"local\",\"type\":\"MANAGED\"}",
                                            most);
    Manifest manifest = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = VIEW("here"),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    resource_put((World *)(uintptr_t)reconciler_world(engine->reconciler),
                 &(ResourceChange){.manifest = &manifest, .owner = "s"}, engine->now_ms, &error);
    g_assert_no_error(error);
    engine->wake_ms = engine->now_ms;
    engine_settle(engine);
}

/* What is newer is nothing to be asked for; a change is, and the provider looks it up. */
static void test_changed(Engine *engine, gconstpointer data)
{
    (void)data;
    uint64_t generation = here(engine)->generation;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, NEWER);
    engine_log_is(engine, "commit 2|durable 2|");
    g_assert_true(here(engine)->pins.is_outdated);
    g_assert_false(here(engine)->is_pinning);
    declare(engine, 32);
    engine_log_is(engine, "commit 3|durable 3|apply here|");
    g_assert_cmpstr(asked.pins, ==, "anew");
    g_assert_true(here(engine)->is_pinning);
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, NINE);
    engine_log_is(engine, "commit 4|durable 4|");
    g_assert_false(here(engine)->is_pinning);
    g_assert_cmpuint(here(engine)->generation, !=, generation);
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, NINE);
    engine_log_is(engine, "");
}

/* By somebody: committed before it is asked for, and asked for once. */
static void test_by_hand(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_call(engine, "refresh", "{'name':'here','actor':'me'}");
    engine_settle(engine);
    engine_log_is(engine, "commit 2|durable 2|apply here|answer refresh 200|");
    g_assert_cmpstr(asked.pins, ==, "anew");
    engine_call(engine, "refresh", "{'name':'here','actor':'me'}"); /* it is under way */
    engine_settle(engine);
    engine_log_is(engine, "answer refresh 200|");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, SEVEN);
    engine_log_is(engine, "commit 3|durable 3|");
    engine_call(engine, "refresh", "{'name':'nowhere'}");
    engine_settle(engine);
    engine_log_is(engine, "answer refresh 404|");
}

/* Where the provider pins nothing any more it is not asked for ever. */
static void test_nothing(Engine *engine, gconstpointer data)
{
    (void)data;
    declare(engine, 32);
    engine_log_is(engine, "commit 2|durable 2|apply here|");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, NULL);
    engine_log_is(engine, "commit 3|durable 3|");
    g_assert_false(here(engine)->pins.is_known);
    declare(engine, 16);
    engine_log_is(engine, "commit 4|durable 4|apply here|");
}

/* In vain: none is bought until it is known, and it is asked for again. */
static void test_refused(Engine *engine, gconstpointer data)
{
    (void)data;
    declare(engine, 32);
    engine_log_is(engine, "commit 2|durable 2|apply here|");
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_RESOURCE_REFUSED,
                                         .kind = KIND_COMPUTE_ENVIRONMENT,
                                         .resource = "here",
                                         .number = asked.number,
                                         .reason = "SSM says no"});
    engine_settle(engine);
    engine_log_is(engine, "commit 3|durable 3|");
    g_assert_true(here(engine)->is_pinning);
    g_assert_cmpstr(here(engine)->unmade, ==, "SSM says no");
    engine->now_ms = engine->wake_ms;
    engine_settle(engine);
    engine_log_is(engine, "apply here|");
}

/* The next process begins with what is pinned; with nothing, where it is due. */
static void test_restart(Engine *engine, gconstpointer data)
{
    (void)data;
    reconciler_free(engine->reconciler);
    engine_host(engine);
    g_assert_cmpstr(asked.pins, ==, "{\"template\":\"7\"}");
    engine_call(engine, "refresh", "{'name':'here'}");
    engine_settle(engine);
    engine_log_is(engine, "commit 2|durable 2|answer refresh 200|");
    reconciler_free(engine->reconciler);
    engine_host(engine);
    g_assert_cmpstr(asked.pins, ==, "anew");
}

/* More than there may be is not looked at. */
static void test_limit(Engine *engine, gconstpointer data)
{
    (void)data;
    g_autofree char *padding = g_strnfill(PINS_BYTES_MAX, ' '), *pins = g_strconcat(NEWER, padding, NULL);
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, pins);
    engine_log_is(engine, "");
    g_assert_false(here(engine)->pins.is_outdated);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/engine/pins/" name, Engine, NULL, setup, test, engine_teardown)
    ADD("changed", test_changed);
    ADD("by-hand", test_by_hand);
    ADD("nothing", test_nothing);
    ADD("refused", test_refused);
    ADD("restart", test_restart);
    ADD("limit", test_limit);
    return g_test_run();
}

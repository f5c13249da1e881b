/* drift_test.c: what the provider holds of resources: in which order it is told of, compared, put back. */
#include "reconciler/world/drift.h"
#include "tests/support/engine_fixture.h"

#define AS_APPLIED "{\"spec.computeResources.maxvCpus\":64}"
#define OTHER      "{\"spec.computeResources.maxvCpus\":512}"

/* What was asked for last. */
static struct {
    uint64_t number;
    Digest digest;
    bool is_gone;
    char keep[200]; /* paths, with blanks between; "": none */
} asked;

static void fake_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const ResourceRequest *request = &requests[i];
        g_assert_cmpuint(request->number, >, asked.number);
        g_assert_cmpuint(request->term, ==, fake_term(engine_of_provider(provider)));
        asked.number = request->number;
        asked.digest = request->digest;
        asked.is_gone = request->spec == NULL;
        g_autofree char *keep =
            request->keep ? g_strjoinv(" ", (char **)(uintptr_t)request->keep) : g_strdup("");
        g_strlcpy(asked.keep, keep, sizeof asked.keep);
        g_string_append_printf(engine_of_provider(provider)->log, "apply %s|", request->name);
    }
}

static void tell(Engine *engine, ProviderEventType type, uint64_t number, const char *text)
{
    bool is_refused = type == PROVIDER_EVENT_RESOURCE_REFUSED;
    engine_event(engine, (ProviderEvent){.type = type,
                                         .kind = KIND_COMPUTE_ENVIRONMENT,
                                         .resource = "here",
                                         .number = number,
                                         .applied = asked.digest,
                                         .is_complete = true,
                                         .observed = is_refused ? NULL : text,
                                         .reason = is_refused ? text : NULL});
}

static const Drift *drift_here(const Engine *engine)
{
    return world_drift(reconciler_world(engine->reconciler), KIND_COMPUTE_ENVIRONMENT, VIEW("here"));
}

/* It holds "here" as it is in force. */
static void setup(Engine *engine, gconstpointer data)
{
    memset(&asked, 0, sizeof asked);
    engine_setup(engine, data);
    engine->provider.resources_apply = fake_resources_apply;
    engine_settle(engine);
    engine_log_is(engine, "apply here|");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, AS_APPLIED);
    engine_settle(engine);
    engine_log_is(engine, "");
}

/* Invariants 1 and 2: what was found and that it is put back are durable before that is asked for. */
static void test_intent_first(Engine *engine, gconstpointer data)
{
    (void)data;
    uint64_t before = asked.number;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, OTHER);
    engine_run(engine);
    engine_log_is(engine, "commit 1|");
    engine_durable(engine);
    engine_log_is(engine, "durable 1|apply here|");
    g_assert_cmpint(drift_here(engine)->corrections, ==, 1);
    /* Found before it was carried out: nobody knows what it is now. */
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, before, AS_APPLIED);
    engine_settle(engine);
    g_assert_nonnull(drift_here(engine));
    engine_log_is(engine, "");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, AS_APPLIED);
    engine_settle(engine);
    engine_log_is(engine, "commit 2|durable 2|");
    g_assert_null(drift_here(engine));
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, AS_APPLIED); /* twice */
    engine_settle(engine);
    engine_log_is(engine, "");
}

/* Of a commit that fails nothing leaves; what was told is told again when the store mends. */
static void test_failed_commit(Engine *engine, gconstpointer data)
{
    (void)data;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, OTHER);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    g_assert_null(drift_here(engine));
    engine_log_is(engine, "commit 1|");
    engine->now_ms += 10000;
    engine->wake_ms = 0;
    engine_run(engine);
    engine_log_is(engine, "reopen|commit 2|");
    g_assert_cmpint(drift_here(engine)->corrections, ==, 1);
    engine_settle(engine);
    engine_log_is(engine, "durable 2|apply here|");
}

/* In vain: later again, and what was found meanwhile counts. */
static void test_refused(Engine *engine, gconstpointer data)
{
    (void)data;
    uint64_t before = asked.number;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, OTHER);
    engine_settle(engine);
    tell(engine, PROVIDER_EVENT_RESOURCE_REFUSED, asked.number, "AccessDenied");
    engine_settle(engine);
    engine_log_is(engine, "commit 1|durable 1|apply here|commit 2|durable 2|");
    g_assert_nonnull(strstr(drift_here(engine)->problem, "not put back: AccessDenied; tried again from"));
    engine->now_ms = engine->wake_ms; /* not yet */
    engine_settle(engine);
    engine_log_is(engine, "");
    g_assert_cmpint(engine->wake_ms, ==, drift_here(engine)->next_ms);
    engine->now_ms = engine->wake_ms;
    engine_settle(engine);
    engine_log_is(engine, "commit 3|durable 3|apply here|");
    tell(engine, PROVIDER_EVENT_RESOURCE_REFUSED, asked.number, "AccessDenied");
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, before, AS_APPLIED);
    engine_settle(engine);
    g_assert_null(drift_here(engine));
    engine_log_is(engine, "commit 4|durable 4|");
}

/* What the store says was found by a process that is gone: it is put back once it is seen again (invariant
 * 4). */
static void test_restart(Engine *engine, gconstpointer data)
{
    (void)data;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, OTHER);
    engine_settle(engine);
    engine_log_is(engine, "commit 1|durable 1|apply here|");
    reconciler_free(engine->reconciler);
    engine->now_ms += 3600000;
    engine_host(engine);
    engine_settle(engine);
    g_assert_nonnull(drift_here(engine));
    engine_log_is(engine, "");
    asked.number = 0; /* of another process */
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, 0, OTHER);
    engine_settle(engine);
    engine_log_is(engine, "commit 2|durable 2|"); /* seen again; what else there is is not known yet */
    engine_observed(engine);
    engine_settle(engine);
    engine_log_is(engine, "commit 3|durable 3|apply here|");
    g_assert_cmpint(drift_here(engine)->corrections, ==, 2);
}

static void declare(Engine *engine, int most, const char *mode)
{
    GError *error = NULL;
    g_autofree char *spec = g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"EC2\"},"
                                            "\"provider\":\"local\",\"type\":\"MANAGED\"}",
                                            most),
                    *metadata = g_strdup_printf("{\"annotations\":{\"muster/drift\":\"%s\"}}", mode);
    Manifest manifest = {.kind = KIND_COMPUTE_ENVIRONMENT,
                         .name = VIEW("here"),
                         .spec = view_from(spec),
                         .metadata = view_from(metadata),
                         .prune = true};
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    resource_put((World *)(uintptr_t)reconciler_world(engine->reconciler),
                 &(ResourceChange){.manifest = &manifest, .owner = "s"}, engine->now_ms, &error);
    g_assert_no_error(error);
    engine->wake_ms = engine->now_ms;
}

/* What is ignored was found by a process that is gone, and another spec was declared before this one looked:
 * it is left alone when that is brought to the provider. */
static void test_ignored_over_restarts(Engine *engine, gconstpointer data)
{
    (void)data;
    declare(engine, 64, "ignore");
    engine_settle(engine);
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, AS_APPLIED);
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number,
         "{\"spec.computeResources.maxvCpus\":512,\"spec.computeResources.tags\":{\"who\":\"x\"}}");
    engine_settle(engine);
    g_assert_null(drift_here(engine));
    reconciler_free(engine->reconciler);
    engine_host(engine);
    declare(engine, 128, "ignore");
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    asked.number = 0; /* of another process */
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, 0,
         "{\"spec.computeResources.maxvCpus\":512,\"spec.computeResources.tags\":{\"who\":\"x\"}}");
    engine_observed(engine);
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "apply here|"));
    g_assert_cmpstr(asked.keep, ==, "spec.computeResources.tags.who");
}

/* Somebody removed all of it: what a complete observation does not tell of is made again. */
static void test_removed(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_observed(engine); /* it may have begun before that was applied */
    engine_settle(engine);
    engine_log_is(engine, "");
    engine_observed(engine);
    engine_settle(engine);
    engine_log_is(engine, "commit 1|durable 1|apply here|");
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, AS_APPLIED);
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, AS_APPLIED);
    engine_observed(engine);
    engine_settle(engine);
    engine_log_is(engine, "");
}

/* What nobody declares goes, and one that is overridden is applied so. */
static void test_wanted(Engine *engine, gconstpointer data)
{
    (void)data;
    Digest before = asked.digest;
    engine_call(engine, "override",
                "{'kind':'ComputeEnvironment','name':'here','field':'maxvCpus','value':16,'forMs':60000,'"
                "reason':'r'}");
    engine_settle(engine);
    engine_log_is(engine, "commit 1|durable 1|apply here|answer override 200|");
    g_assert_false(digest_equal(&before, &asked.digest));
    tell(engine, PROVIDER_EVENT_RESOURCE_APPLIED, asked.number, "{\"spec.computeResources.maxvCpus\":16}");
    engine_settle(engine);
    engine_log_is(engine, "");
    engine->now_ms += 60000;
    engine->wake_ms = engine->now_ms;
    engine_settle(engine);
    engine_log_is(engine, "commit 2|durable 2|apply here|");
    g_assert_true(digest_equal(&before, &asked.digest));
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_RESOURCE_OBSERVED,
                                         .kind = KIND_COMPUTE_ENVIRONMENT,
                                         .resource = "left",
                                         .observed = "{}"});
    engine_settle(engine);
    g_assert_true(asked.is_gone);
    engine_log_is(engine, "apply left|");
}

/* A provider that holds nothing of resources: what another one found is over. */
static void test_holds_nothing(Engine *engine, gconstpointer data)
{
    (void)data;
    tell(engine, PROVIDER_EVENT_RESOURCE_OBSERVED, asked.number, OTHER);
    engine_settle(engine);
    reconciler_free(engine->reconciler);
    engine->provider.resources_apply = NULL;
    engine_host(engine);
    engine_observed(engine);
    engine_settle(engine);
    g_assert_null(drift_here(engine));
    engine_log_is(engine, "commit 1|durable 1|apply here|commit 2|durable 2|");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/engine/drift/" name, Engine, NULL, setup, test, engine_teardown)
    ADD("intent-first", test_intent_first);
    ADD("failed-commit", test_failed_commit);
    ADD("refused", test_refused);
    ADD("restart", test_restart);
    ADD("ignored-over-restarts", test_ignored_over_restarts);
    ADD("removed", test_removed);
    ADD("wanted", test_wanted);
    ADD("holds-nothing", test_holds_nothing);
    return g_test_run();
}

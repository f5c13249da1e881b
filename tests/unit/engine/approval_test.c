/* approval_test.c: plans that wait in the tick: what is approved is what waited, or nothing is. */
#include "tests/support/engine_fixture.h"
#include "tests/support/manifest_text.h"

/* One definition for each letter of names. */
static ManifestSet *definitions(const char *names, const char *approval)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GString) text = g_string_new(NULL);
    for (; *names; names++)
        g_string_append_printf(
            text,
            "---\napiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: %c}\n"
            "spec: {type: container, containerProperties: {command: [a], vcpus: 1, memory: 8}}\n",
            *names);
    SourceConfig config = {.name = (char *)(uintptr_t) "team",
                           .provider = (char *)(uintptr_t) "local",
                           .approval = (char *)(uintptr_t)approval};
    return manifest_set_from_text(text->str, NULL, &config, diagnostics);
}

typedef enum { POLICY_SILENT, POLICY_REQUIRES } PolicySays;

/* set NULL: it is broken. */
static void tell(Engine *engine, ManifestSet *set, PolicySays policy)
{
    SourceState state = {.path = "/team",
                         .name = "team",
                         .revision = set ? manifest_set_revision(set) : NULL,
                         .broken = set ? NULL : "it does not parse",
                         .set = set,
                         .approval_required = policy == POLICY_REQUIRES};
    reconciler_source(engine->reconciler, &state);
}

static void follow(Engine *engine, const char *names, const char *approval)
{
    g_autoptr(ManifestSet) set = definitions(names, approval);
    tell(engine, set, POLICY_SILENT);
    engine_settle(engine);
}

static bool is_there(const Engine *engine, const char *name)
{
    const Resource *resource =
        world_resource(reconciler_world(engine->reconciler), KIND_JOB_DEFINITION, view_from(name));
    return resource && resource->phase == RESOURCE_ACTIVE;
}

/* Of the source's member of status. New string, or NULL. */
static char *standing(const Engine *engine, const char *of, const char *member)
{
    json_t *sources = sources_setting(reconciler_world(engine->reconciler)),
           *source = json_object_get(sources, "team");
    const json_t *from = of ? json_object_get(source, of) : source;
    char *text = g_strdup(json_string_value(json_object_get(from, member)));
    json_decref(sources);
    return text;
}

static char *waiting(const Engine *engine)
{
    return standing(engine, "waiting", "planId");
}

static void ask(Engine *engine, const char *id, const char *more)
{
    g_autofree char *request = g_strdup_printf("{'planId':'%s'%s}", id, more);
    engine_call(engine, "approve", request);
}

static void approve(Engine *engine, const char *id, int status)
{
    guint before = engine->answers->len;
    ask(engine, id, "");
    engine_settle(engine);
    g_assert_cmpuint(engine->answers->len, ==, before + 1);
    const Call *call = engine->answers->pdata[before];
    g_assert_cmpint(call->result.http_status, ==, status);
}

static const char *refusal(const Engine *engine)
{
    return json_string_value(
        json_object_get(json_object_get(engine_last_answer(engine), "error"), "message"));
}

static void restart(Engine *engine)
{
    reconciler_free(engine->reconciler);
    g_queue_clear_full(&engine->pending, (GDestroyNotify)batch_free);
    engine_host(engine);
    reconciler_unfollow_all(engine->reconciler);
    engine_observed(engine);
    engine_settle(engine);
}

static void test_waits(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_assert_false(is_there(engine, "a"));
    g_autofree char *id = waiting(engine), *state = standing(engine, NULL, "state");
    g_assert_cmpstr(state, ==, "waiting");
    follow(engine, "a", "required"); /* the slow pass */
    g_autofree char *again = waiting(engine);
    g_assert_cmpstr(again, ==, id);
    approve(engine, id, 200);
    g_assert_true(is_there(engine, "a"));
    g_autofree char *none = waiting(engine), *after = standing(engine, NULL, "state");
    g_assert_null(none);
    g_assert_cmpstr(after, ==, "ok");
    approve(engine, id, 409);
    g_assert_nonnull(strstr(refusal(engine), "carried out already"));
    follow(engine, "a", "required"); /* nothing to do needs no approval */
    g_autofree char *still = waiting(engine);
    g_assert_null(still);
}

/* The answer and what was approved leave after their commit. */
static void test_durable(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *id = waiting(engine);
    g_string_truncate(engine->log, 0);
    ask(engine, id, "");
    engine_run(engine);
    g_assert_null(strstr(engine->log->str, "answer"));
    engine_settle(engine);
    g_assert_nonnull(strstr(engine->log->str, "answer approve 200"));
}

static void test_policy(Engine *engine, gconstpointer data)
{
    (void)data;
    g_autoptr(ManifestSet) set = definitions("a", "automatic");
    tell(engine, set, POLICY_REQUIRES);
    engine_settle(engine);
    g_assert_false(is_there(engine, "a"));
    g_autofree char *id = waiting(engine), *reason = standing(engine, "waiting", "reason");
    g_assert_cmpstr(reason, ==, "approval: required, in the policy");
    approve(engine, id, 200);
    g_assert_true(is_there(engine, "a"));
}

/* A newer revision takes the place of what waits; the older id is refused, with what differs. */
static void test_stale(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "ab", "required");
    g_autofree char *first = waiting(engine);
    follow(engine, "ac", "required");
    g_autofree char *second = waiting(engine);
    g_assert_cmpstr(first, !=, second);
    approve(engine, first, 409);
    g_assert_nonnull(strstr(refusal(engine), "create JobDefinition/c: not in plan"));
    g_assert_nonnull(strstr(refusal(engine), "create JobDefinition/b: no longer to be done"));
    approve(engine, "0123456789abcdef", 404);
    approve(engine, "0123", 400);
    approve(engine, "XYZXYZXYZ", 400);
    g_assert_false(is_there(engine, "a"));
    g_autofree char *prefix = g_strndup(second, 8);
    approve(engine, prefix, 200);
    g_assert_true(is_there(engine, "a") && is_there(engine, "c"));
    g_assert_false(is_there(engine, "b"));
}

/* The newer revision is there, but its plan is not: what is carried out is never the older one. */
static void test_overtaken(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "ab", "required");
    g_autofree char *first = waiting(engine);
    g_autoptr(ManifestSet) set = definitions("ac", "required");
    tell(engine, set, POLICY_SILENT);
    approve(engine, first, 409);
    g_assert_false(is_there(engine, "a"));
    g_autofree char *second = waiting(engine);
    g_assert_cmpstr(second, !=, first);
    approve(engine, second, 200);
    g_assert_true(is_there(engine, "c"));
}

/* What it is compared with changed: another plan, though nobody touched the source. */
static void test_actual_changes(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *first = waiting(engine);
    g_autoptr(ManifestSet) made = definitions("a", NULL);
    ResourceChange put = {.manifest = manifest_set_get(made, 0), .owner = ""};
    g_assert_true(
        resource_put((World *)(uintptr_t)reconciler_world(engine->reconciler), &put, engine->now_ms, NULL));
    engine_settle(engine);
    engine->wake_ms = 0;
    engine_settle(engine);
    approve(engine, first, 409);
    g_assert_nonnull(strstr(refusal(engine), "stale"));
}

static void test_broken(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *id = waiting(engine);
    tell(engine, NULL, POLICY_SILENT);
    engine_settle(engine);
    g_autofree char *none = waiting(engine);
    g_assert_null(none);
    approve(engine, id, 409);
    g_assert_false(is_there(engine, "a"));
    follow(engine, "a", "required");
    approve(engine, id, 200);
    g_assert_true(is_there(engine, "a"));
}

/* A process that ends takes nothing along: who approves before the source was read again is answered then. */
static void test_restart(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *id = waiting(engine);
    restart(engine);
    g_assert_false(is_there(engine, "a"));
    g_autofree char *kept = waiting(engine);
    g_assert_cmpstr(kept, ==, id);
    ask(engine, id, "");
    engine_settle(engine);
    g_assert_cmpuint(engine->answers->len, ==, 0);
    follow(engine, "a", "required");
    g_assert_cmpuint(engine->answers->len, ==, 1);
    g_assert_cmpint(((const Call *)engine->answers->pdata[0])->result.http_status, ==, 200);
    g_assert_true(is_there(engine, "a"));
}

static void test_restart_stale(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *id = waiting(engine);
    restart(engine);
    ask(engine, id, "");
    engine_settle(engine);
    follow(engine, "b", "required");
    g_assert_cmpint(((const Call *)engine->answers->pdata[0])->result.http_status, ==, 409);
    g_assert_false(is_there(engine, "a") || is_there(engine, "b"));
}

/* Nobody follows the source any more: it is not waited for for ever. */
static void test_restart_without(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *id = waiting(engine);
    restart(engine);
    ask(engine, id, "");
    engine_settle(engine);
    engine->now_ms += 60000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_cmpint(((const Call *)engine->answers->pdata[0])->result.http_status, ==, 409);
    g_assert_nonnull(strstr(refusal(engine), "not followed"));
}

static void test_guard(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "abcdef", NULL);
    g_assert_true(is_there(engine, "f"));
    follow(engine, "ab", NULL);
    g_assert_true(is_there(engine, "f"));
    g_autofree char *id = waiting(engine);
    approve(engine, id, 409);
    g_assert_nonnull(strstr(refusal(engine), "--allow-deletes 4"));
    ask(engine, id, ",'allowDeletes':3");
    engine_settle(engine);
    g_assert_true(is_there(engine, "f"));
    ask(engine, id, ",'allowDeletes':4");
    engine_settle(engine);
    g_assert_false(is_there(engine, "c") || is_there(engine, "f"));
    g_assert_true(is_there(engine, "a"));
}

/* Taking the approval away needs one: alone, and with what comes along. */
static void test_lifting(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", "required");
    g_autofree char *first = waiting(engine);
    approve(engine, first, 200);
    follow(engine, "a", NULL);
    g_autofree char *empty = waiting(engine), *reason = standing(engine, "waiting", "reason");
    g_assert_nonnull(empty);
    g_assert_cmpstr(reason, ==, "this revision takes approval: required away");
    follow(engine, "ab", NULL);
    g_assert_false(is_there(engine, "b"));
    g_autofree char *second = waiting(engine);
    approve(engine, second, 200);
    g_assert_true(is_there(engine, "b"));
    follow(engine, "abc", NULL);
    g_assert_true(is_there(engine, "c"));
}

/* One that never was in force takes nothing away. */
static void test_never_in_force(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a", NULL);
    follow(engine, "ab", "required");
    g_assert_false(is_there(engine, "b"));
    follow(engine, "ac", NULL);
    g_assert_true(is_there(engine, "c"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ENGINE_TEST(name)                                                                                    \
    g_test_add("/approval/" #name, Engine, NULL, engine_setup, test_##name, engine_teardown)
    ENGINE_TEST(waits);
    ENGINE_TEST(durable);
    ENGINE_TEST(policy);
    ENGINE_TEST(stale);
    ENGINE_TEST(overtaken);
    ENGINE_TEST(actual_changes);
    ENGINE_TEST(broken);
    ENGINE_TEST(restart);
    ENGINE_TEST(restart_stale);
    ENGINE_TEST(restart_without);
    ENGINE_TEST(guard);
    ENGINE_TEST(lifting);
    ENGINE_TEST(never_in_force);
    return g_test_run();
}

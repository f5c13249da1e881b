/* suspend_test.c: a followed source that is suspended in the tick: whatever is under way, nothing more of it
 * is carried out; what a command applies meanwhile is; then it goes on. */
#include "reconciler/world/suspension.h"
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

static void tell(Engine *engine, const char *names, const char *approval)
{
    g_autoptr(ManifestSet) set = names ? definitions(names, approval) : NULL;
    SourceState state = {.path = "/team",
                         .name = "team",
                         .revision = set ? manifest_set_revision(set) : NULL,
                         .broken = set ? NULL : "it does not parse",
                         .set = set};
    reconciler_source(engine->reconciler, &state);
}

static void follow(Engine *engine, const char *names)
{
    tell(engine, names, NULL);
    engine_settle(engine);
}

static bool is_there(const Engine *engine, const char *name)
{
    return world_resource(reconciler_world(engine->reconciler), KIND_JOB_DEFINITION, view_from(name)) != NULL;
}

/* Of the source's member of the setting. New string, or NULL. */
static char *standing(const Engine *engine, const char *of, const char *member)
{
    json_t *sources = sources_setting(reconciler_world(engine->reconciler)),
           *source = json_object_get(sources, "team");
    const json_t *from = of ? json_object_get(source, of) : source;
    char *text = g_strdup(json_string_value(json_object_get(from, member)));
    json_decref(sources);
    return text;
}

static void ask(Engine *engine, const char *request, int status)
{
    guint before = engine->answers->len;
    engine_call(engine, "suspend", request);
    engine_settle(engine);
    g_assert_cmpuint(engine->answers->len, ==, before + 1);
    g_assert_cmpint(((const Call *)engine->answers->pdata[before])->result.http_status, ==, status);
}

static void suspend(Engine *engine)
{
    ask(engine, "{'source':'team','suspended':true,'reason':'why','actor':'ada'}", 200);
}

static void resume(Engine *engine)
{
    ask(engine, "{'source':'team','suspended':false}", 200);
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

static void test_rests(Engine *engine, gconstpointer data)
{
    (void)data;
    ask(engine, "{'source':'team','suspended':true,'reason':'why'}", 404);
    follow(engine, "a");
    suspend(engine);
    follow(engine, "ab");
    g_assert_false(is_there(engine, "b"));
    g_autofree char *newest = standing(engine, NULL, "newest"),
                    *in_force = standing(engine, NULL, "revision");
    g_assert_nonnull(newest);
    g_assert_cmpstr(newest, !=, in_force);
    restart(engine);
    follow(engine, "ab");
    g_assert_false(is_there(engine, "b"));
    resume(engine);
    g_assert_true(is_there(engine, "b"));
    g_autofree char *after = standing(engine, NULL, "revision"), *none = standing(engine, NULL, "newest");
    g_assert_cmpstr(after, ==, newest);
    g_assert_null(none);
}

/* It is told before, or after, in the same tick. */
static void test_under_way(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a");
    engine_call(engine, "suspend", "{'source':'team','suspended':true,'reason':'why'}");
    tell(engine, "ab", NULL);
    engine_settle(engine);
    g_assert_false(is_there(engine, "b"));
    resume(engine);
    g_assert_true(is_there(engine, "b"));
    tell(engine, "abc", NULL);
    engine_call(engine, "suspend", "{'source':'team','suspended':true,'reason':'why'}");
    engine_settle(engine);
    g_assert_false(is_there(engine, "c"));
    resume(engine);
    g_assert_true(is_there(engine, "c"));
}

/* Its time is over by the tick's clock, without anybody asking. */
static void test_time(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a");
    ask(engine, "{'source':'team','suspended':true,'reason':'why','forMs':5000}", 200);
    follow(engine, "ab");
    engine->now_ms += 4000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_false(is_there(engine, "b"));
    g_assert_cmpint(engine->wake_ms, ==, engine->now_ms + 1000);
    engine->now_ms += 1000;
    engine->wake_ms = 0;
    engine_settle(engine);
    g_assert_true(is_there(engine, "b"));
}

/* A plan that waits does not while its source rests, and cannot be approved. */
static void test_waiting(Engine *engine, gconstpointer data)
{
    (void)data;
    tell(engine, "a", "required");
    engine_settle(engine);
    g_autofree char *id = standing(engine, "waiting", "planId");
    g_assert_nonnull(id);
    suspend(engine);
    g_autofree char *none = standing(engine, "waiting", "planId");
    g_assert_null(none);
    g_autofree char *request = g_strdup_printf("{'planId':'%s'}", id);
    engine_call(engine, "approve", request);
    engine_settle(engine);
    g_assert_cmpint(((const Call *)engine->answers->pdata[engine->answers->len - 1])->result.http_status, ==,
                    409);
    g_assert_false(is_there(engine, "a"));
    resume(engine);
    g_autofree char *again = standing(engine, "waiting", "planId");
    g_assert_cmpstr(again, ==, id);
    engine_call(engine, "approve", request); /* and in the tick in which it is suspended, neither */
    engine_call(engine, "suspend", "{'source':'team','suspended':true,'reason':'why'}");
    engine_settle(engine);
    g_assert_false(is_there(engine, "a"));
    resume(engine);
    g_assert_false(is_there(engine, "a"));
    g_autofree char *last = standing(engine, "waiting", "planId");
    g_assert_cmpstr(last, ==, id);
}

/* Broken when it goes on, and told so all the time. */
static void test_broken(Engine *engine, gconstpointer data)
{
    (void)data;
    follow(engine, "a");
    suspend(engine);
    follow(engine, NULL);
    g_autofree char *message = standing(engine, NULL, "message");
    g_assert_cmpstr(message, ==, "it does not parse");
    resume(engine);
    g_autofree char *state = standing(engine, NULL, "state");
    g_assert_cmpstr(state, ==, "broken");
    follow(engine, "ab");
    g_assert_true(is_there(engine, "b"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ENGINE_TEST(name)                                                                                    \
    g_test_add("/suspend/" #name, Engine, NULL, engine_setup, test_##name, engine_teardown)
    ENGINE_TEST(rests);
    ENGINE_TEST(under_way);
    ENGINE_TEST(time);
    ENGINE_TEST(waiting);
    ENGINE_TEST(broken);
    return g_test_run();
}

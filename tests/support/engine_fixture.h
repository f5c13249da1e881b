/* engine_fixture.h: the tick with ports that the test moves by hand: a real store whose commits complete when
 * told to, a provider that only writes down what it is asked, a clock that stands still. */
#pragma once
#include <glib/gstdio.h>
#include "reconciler/reconcile.h"
#include "tests/support/store_records.h"
#include "tests/support/world_fixture.h"

typedef struct {
    char *dir;
    Store *store;
    GQueue pending; /* of Batch*: handed over, not completed */
    uint64_t first_sequence, next_sequence;
    int64_t now_ms, wake_ms;
    GString *log;       /* "commit 1|durable 1|answer submit 200|launch …|" */
    GArray *launched;   /* LaunchToken: of every launch, in order */
    GPtrArray *answers; /* of Call*: answered */
    Provider provider;
    struct Meters *meters; /* NULL: nothing is counted */
    size_t expected;
    Reconciler *reconciler;
} Engine;

static inline Engine *engine_of_provider(Provider *provider)
{
    return (Engine *)((char *)provider - offsetof(Engine, provider));
}

static inline int64_t fake_now(void *self)
{
    return ((Engine *)self)->now_ms;
}

static inline void fake_wake(void *self, int64_t at_ms)
{
    ((Engine *)self)->wake_ms = at_ms;
}

static inline uint64_t fake_commit(void *self, Batch *batch, int64_t now_ms)
{
    Engine *engine = self;
    (void)now_ms;
    g_queue_push_tail(&engine->pending, batch);
    g_string_append_printf(engine->log, "commit %d|", (int)engine->next_sequence);
    return engine->next_sequence++;
}

static inline bool fake_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    g_autoptr(StoreReader) reader = store_reader_open(((Engine *)self)->dir, error);
    return reader && store_reader_begin(reader, error) && store_reader_load(reader, sink, data, error);
}

static inline bool fake_reopen(void *self, GError **error)
{
    Engine *engine = self;
    (void)error;
    g_queue_clear_full(&engine->pending, (GDestroyNotify)batch_free);
    engine->first_sequence = engine->next_sequence;
    g_string_append(engine->log, "reopen|");
    return true;
}

static inline uint64_t fake_term(void *self)
{
    return store_term(((Engine *)self)->store);
}

static inline void fake_query(void *self, PortQuery query, PortDone done, void *data)
{
    g_autoptr(StoreReader) reader = store_reader_open(((Engine *)self)->dir, NULL);
    g_assert_true(store_reader_begin(reader, NULL));
    query(reader, NULL, data);
    store_reader_end(reader);
    done(data);
}

static inline void fake_work(void *self, const PortLoad *load, void *data)
{
    (void)self;
    load->run(data);
    if (load->done)
        load->done(data);
}

static inline void fake_remove(void *self, char *path)
{
    (void)self;
    g_free(path);
}

static inline void fake_log(void *self, const char *text)
{
    (void)self;
    g_test_message("%s", text);
}

static inline void fake_entropy(void *self, void *bytes, size_t len)
{
    (void)self;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)g_test_rand_int();
}

static inline bool fake_start(Provider *provider, const ProviderStart *start, GError **error)
{
    (void)error;
    engine_of_provider(provider)->expected = start->expected_len;
    return true;
}

static inline void fake_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    Engine *engine = engine_of_provider(provider);
    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(engine->log, "launch %s|", requests[i].argv[0]);
        g_array_append_val(engine->launched, requests[i].token);
    }
}

static inline void fake_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    (void)token;
    g_string_append_printf(engine_of_provider(provider)->log, "stop %s|", reason);
}

static inline void fake_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    (void)tokens;
    g_string_append_printf(engine_of_provider(provider)->log, "settled %zu|", len);
}

static inline void engine_host(Engine *engine)
{
    GError *error = NULL;
    Ports ports = {.clock = {.now_ms = fake_now, .wake_at = fake_wake, .self = engine},
                   .store = {fake_commit, fake_load, fake_reopen, fake_term, engine},
                   .work = {fake_query, fake_work, engine},
                   .files = {fake_remove, fake_remove, engine},
                   .log = {.line = fake_log, .self = engine},
                   .provider = &engine->provider,
                   .entropy = {fake_entropy, NULL}};
    ReconcilerOptions options = {.state_dir = engine->dir,
                                 .mode = "test",
                                 .launch = true,
                                 .schedules = true,
                                 .meters = engine->meters};
    engine->reconciler = reconciler_new(&ports, &options, &error);
    g_assert_no_error(error);
}

static inline void engine_event(Engine *engine, ProviderEvent event)
{
    reconciler_provider_event(&event, engine->reconciler);
}

static inline void engine_observed(Engine *engine)
{
    engine_event(engine,
                 (ProviderEvent){.type = PROVIDER_EVENT_CAPACITY, .vcpus_e4 = 40000, .memory_mib = 4096});
    engine_event(engine, (ProviderEvent){.type = PROVIDER_EVENT_OBSERVED});
}

static inline void engine_setup(Engine *engine, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    kinds_init();
    engine->dir = temporary_directory();
    engine->store = store_open(engine->dir, NULL, &error);
    g_assert_no_error(error);
    engine->log = g_string_new(NULL);
    engine->launched = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    engine->answers = g_ptr_array_new_with_free_func((GDestroyNotify)call_free);
    engine->next_sequence = engine->first_sequence = 1;
    engine->now_ms = 1000000;
    engine->provider =
        (Provider){.start = fake_start, .launch = fake_launch, .stop = fake_stop, .settled = fake_settled};
    g_autoptr(World) world = fixture_world();
    world_set_setting(world, INSTALLATION_SETTING, "0123456789abcdef");
    g_assert_true(
        store_wait(engine->store, store_commit(engine->store, world_take_batch(world), 1000), &error));
    engine_host(engine);
    engine_observed(engine);
}

static inline void engine_teardown(Engine *engine, gconstpointer data)
{
    (void)data;
    reconciler_free(engine->reconciler);
    g_queue_clear_full(&engine->pending, (GDestroyNotify)batch_free);
    store_free(engine->store);
    g_ptr_array_unref(engine->answers);
    g_array_unref(engine->launched);
    g_string_free(engine->log, TRUE);
    remove_directory(engine->dir);
    g_free(engine->dir);
}

#define ENGINE_SOON_MS 50 /* deferred starts are due by then */

static inline bool engine_is_due(const Engine *engine)
{
    return engine->wake_ms >= 0 && engine->wake_ms <= engine->now_ms + ENGINE_SOON_MS;
}

/* Ticks until the clock port is not asked for another turn at once or soon. */
static inline void engine_run(Engine *engine)
{
    for (int i = 0; i < 100 && engine_is_due(engine); i++) {
        engine->now_ms = MAX(engine->now_ms, engine->wake_ms);
        engine->wake_ms = -1;
        reconciler_tick(engine->reconciler);
    }
}

/* The oldest batch becomes durable, for real. */
static inline void engine_durable(Engine *engine)
{
    GError *error = NULL;
    Batch *batch = g_queue_pop_head(&engine->pending);
    g_assert_nonnull(batch);
    g_assert_true(store_wait(engine->store, store_commit(engine->store, batch, engine->now_ms), &error));
    g_string_append_printf(engine->log, "durable %d|", (int)engine->first_sequence);
    reconciler_committed(engine->first_sequence++, NULL, engine->reconciler);
}

static inline void engine_commit_fails(Engine *engine, StoreErrorCode code)
{
    GError *error = g_error_new(STORE_ERROR, (gint)code, "disk full");
    reconciler_committed(engine->first_sequence, error, engine->reconciler);
    g_error_free(error);
}

/* Until nothing is pending. */
static inline void engine_settle(Engine *engine)
{
    engine_run(engine);
    while (!g_queue_is_empty(&engine->pending)) {
        engine_durable(engine);
        engine_run(engine);
    }
}

static inline void engine_answered(Call *call)
{
    Engine *engine = call->owner;
    if (call->result.text)
        call->result.body = json_loads(call->result.text->str, 0, NULL);
    g_string_append_printf(engine->log, "answer %s %d|", call->operation->name, call->result.http_status);
    g_ptr_array_add(engine->answers, call);
}

/* request: single quotes for double ones. */
static inline void engine_call(Engine *engine, const char *name, const char *request)
{
    g_autofree char *text = g_strdelimit(g_strdup(request), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    Call *call = call_new(operation_find_name(name), json);
    call->answer = engine_answered;
    call->owner = engine;
    reconciler_take_call(engine->reconciler, call);
}

/* The same for operations that take lines. */
static inline void engine_call_lines(Engine *engine, const char *name, const char *lines)
{
    char *text = g_strdelimit(g_strdup(lines), "'", '"');
    Call *call = call_new(operation_find_name(name), NULL);
    call->body = g_bytes_new_take(text, strlen(text));
    call->answer = engine_answered;
    call->owner = engine;
    reconciler_take_call(engine->reconciler, call);
}

static inline const json_t *engine_last_answer(const Engine *engine)
{
    g_assert_cmpuint(engine->answers->len, >, 0);
    return ((const Call *)engine->answers->pdata[engine->answers->len - 1])->result.body;
}

static inline void engine_log_is(Engine *engine, const char *expected)
{
    g_assert_cmpstr(engine->log->str, ==, expected);
    g_string_truncate(engine->log, 0);
}

#define ENGINE_SUBMIT "{'jobName':'j','jobQueue':'main','jobDefinition':'one'}"

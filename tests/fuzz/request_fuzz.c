/* request_fuzz.c: arbitrary requests to every operation, against a world and a store with something of
 * everything in them. Input: lines "/v1/NAME" or "/muster/v1/NAME", each followed by its body up to the next
 * such line; without one the whole input is a body, judged as SubmitJob. Whatever comes, the call is answered
 * with well-formed JSON and the world's counts stay those of a recount. */
#include <glib/gstdio.h>
#include <stdint.h>
#include "reconciler/api/operation.h"
#include "tests/support/store_records.h"
#include "tests/support/world_fixture.h"

#define CALLS_PER_INPUT 8
#define STEPS_PER_CALL  1000 /* an input has fewer lines */
#define NOW_MS          INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Kept from input to input, as the engine keeps it; the world is loaded anew for each. */
typedef struct {
    char *dir;
    StoreReader *reader;
    RequestChecker *checker;
} Stage;

/* ---- what is there
 * -------------------------------------------------------------------------------------------------------- */

/* Ids: 1 succeeded, 2 failed, 3 runs, 4 an array with one failed child and one that runs, 5 waits for it. */
static void stage_jobs(World *world)
{
    fixture_run(world, fixture_job(world, 1, "one", ""), NOT_A_CHILD, 1, 0);
    fixture_run(world, fixture_job(world, 2, "one", ",'retryStrategy':{'attempts':1}"), NOT_A_CHILD, 2, 3);
    launch_started(world, fixture_launch(world, fixture_job(world, 3, "thrice", ""), NOT_A_CHILD, 3), 3000,
                   3000);
    Job *array = fixture_job(world, 4, "one", ",'arrayProperties':{'size':4}");
    fixture_run(world, array, 0, 4, 1);
    fixture_launch(world, array, 1, 5);
    g_autofree char *depends = fixture_depends(array, "");
    fixture_job(world, 5, "one", depends);
}

static Run *stage_run(World *world, const char *name, const char *spec, Rng *rng)
{
    g_autoptr(GError) error = NULL;
    RunStart start = {
        .owner = "test", .kind = KIND_PIPELINE, .name = view_from(name), .spec = view_from(spec)};
    Run *run = run_start(world, &start, rng, 2000, &error);
    g_assert_no_error(error);
    return run;
}

/* Pipeline weekly has failed; nightly has failed before, and runs. */
static void stage_runs(World *world)
{
    static const char spec[] =
        "{\"jobQueue\":\"main\",\"jobs\":[{\"jobDefinition\":\"one\",\"name\":\"a\"},"
        "{\"arrayProperties\":{\"size\":3},\"dependsOn\":[{\"job\":\"a\"}],\"jobDefinition\":\"one\","
        "\"name\":\"b\"}]}";
    Rng rng = rng_from_seed(1);
    fixture_put(world, KIND_PIPELINE, "nightly", spec, 1);
    fixture_put(world, KIND_PIPELINE, "weekly", spec, 1);
    Run *weekly = stage_run(world, "weekly", spec, &rng);
    fixture_run(world, run_job_next(weekly, NULL), NOT_A_CHILD, 8, 7);
    Run *nightly = stage_run(world, "nightly", spec, &rng);
    fixture_run(world, run_job_next(nightly, NULL), NOT_A_CHILD, 9, 7);
    stage_run(world, "nightly", spec, &rng);
}

static World *stage_world(void)
{
    World *world = fixture_world();
    fixture_put(world, KIND_SCHEDULING_POLICY, "fair", "{\"fairsharePolicy\":{\"shareDecaySeconds\":60}}", 1);
    stage_jobs(world);
    stage_runs(world);
    ApplyRecord apply = {.owner = VIEW("test"), .state = APPLY_STAGING, .created_ms = 1500};
    apply_set(world, apply_begin(world, &apply, 1500), APPLY_CONVERGED, NULL, 1600);
    return world;
}

static Stage stage;

static void stage_remove(void)
{
    store_reader_free(stage.reader);
    remove_directory(stage.dir);
    g_free(stage.dir);
    request_checker_free(stage.checker);
}

static void stage_open(void)
{
    g_autoptr(GError) error = NULL;
    kinds_init();
    stage.dir = temporary_directory();
    stage.checker = request_checker_new();
    g_autoptr(World) world = stage_world();
    g_autoptr(Store) store = store_open(stage.dir, NULL, &error);
    g_assert_no_error(error);
    store_wait(store, store_commit(store, world_take_batch(world), NOW_MS), &error);
    g_assert_no_error(error);
    stage.reader = store_reader_open(stage.dir, &error);
    g_assert_no_error(error);
    atexit(stage_remove);
}

/* ---- one call
 * -------------------------------------------------------------------------------------------------------------
 */

static uint64_t entropy_next;

static void entropy_fill(void *self, void *bytes, size_t len)
{
    (void)self;
    memset(bytes, 0, len);
    entropy_next++;
    memcpy(bytes, &entropy_next, MIN(len, sizeof entropy_next));
}

static const EntropyPort entropy = {entropy_fill, NULL};

/* Figures are Prometheus' text; all else is an object. */
static void check_result(const Operation *operation, const OperationResult *result)
{
    g_assert(result->http_status == 200 || (result->http_status >= 400 && result->http_status <= 599));
    g_assert((result->body != NULL) != (result->text != NULL));
    char *text = result->body ? json_dumps(result->body, JSON_COMPACT) : g_strdup(result->text->str);
    g_assert(text && g_utf8_validate(text, -1, NULL));
    json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert(json_is_object(again) || operation->step == metrics_step);
    json_decref(again);
    if (result->body)
        free(text);
    else
        g_free(text);
}

static void call_run(OperationContext *context, Call *call)
{
    for (int steps = 0; steps < STEPS_PER_CALL; steps++)
        switch (call->operation->step(context, call)) {
        case STEP_DONE: return;
        case STEP_GATHER:
            g_assert(call->operation->gather);
            call->operation->gather(stage.reader, call);
            break;
        case STEP_WAIT:
            g_assert(call->deadline_ms && call->deadline_ms <= context->now_ms + POLL_MS_MAX);
            context->now_ms = MAX(call->deadline_ms, call->not_before_ms);
            break;
        case STEP_AGAIN: break;
        case STEP_APPLY: call_fail(call, FAULT_REFUSED, "nothing is applied here"); return;
        }
    g_assert_not_reached();
}

static Call *call_from(const Operation *operation, View body)
{
    char *message = NULL;
    json_t *request = operation->lines ? NULL : request_parse(body, &message);
    g_assert(operation->lines || (request == NULL) == (message != NULL));
    g_assert(!message || g_utf8_validate(message, -1, NULL));
    g_free(message);
    if (!operation->lines && !request)
        return NULL; /* the server answers it */
    Call *call = call_new(operation, request);
    if (operation->lines)
        call->body = g_bytes_new(body.data, body.len);
    return call;
}

static void operation_run(OperationContext *context, const Operation *operation, View body)
{
    g_autoptr(Call) call = call_from(operation, body);
    if (!call)
        return;
    call_run(context, call);
    check_result(operation, &call->result);
    world_check(context->world);
}

/* ---- an input
 * -------------------------------------------------------------------------------------------------------------
 */

/* Up to the next line that begins with '/', which *rest begins with then. */
static View body_next(View text, View *rest)
{
    const char *end = text.len ? memmem(text.data, text.len, "\n/", 2) : NULL;
    size_t len = end ? (size_t)(end - text.data) + 1 : text.len;
    *rest = (View){text.data + len, text.len - len};
    return (View){text.data, len};
}

static void calls_run(OperationContext *context, View text)
{
    for (int i = 0; i < CALLS_PER_INPUT && text.len; i++) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        g_autofree char *path = g_strndup(text.data, len);
        View after = {text.data + MIN(len + 1, text.len), text.len - MIN(len + 1, text.len)};
        View body = after.len && *after.data == '/' ? (View){"", 0} : body_next(after, &after);
        const Operation *operation = operation_find_path(path);
        if (operation)
            operation_run(context, operation, body);
        text = after;
    }
}

static void operations_run(View text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = world_new(1, PROVIDER_LOCAL);
    g_assert(store_reader_begin(stage.reader, &error));
    g_assert(store_reader_load(stage.reader, &world_sink, world, &error) && world_loaded(world, &error));
    EngineFacts facts = {.state_dir = stage.dir,
                         .mode = "fuzz",
                         .host = "host",
                         .pid = 1,
                         .started_ms = NOW_MS,
                         .committed_ms = NOW_MS,
                         .commits = 1,
                         .durable_events = INT64_MAX};
    Rng rng = rng_from_seed(7);
    entropy_next = 0x1000;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    g_autoptr(GHashTable) tracks =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, progress_track_free);
    OperationContext context = {.world = world,
                                .facts = &facts,
                                .rng = &rng,
                                .entropy = &entropy,
                                .checker = stage.checker,
                                .now_ms = NOW_MS,
                                .stops = stops,
                                .tracks = tracks};
    calls_run(&context, text);
    batch_free(world_take_batch(world)); /* what would be committed can be written down */
    store_reader_end(stage.reader);
}

static void body_judge(View text)
{
    char *message = NULL;
    json_t *request = request_parse(text, &message);
    g_assert((request == NULL) == (message != NULL));
    if (request) {
        bool valid = request_check_submit(stage.checker, request, &message);
        g_assert(valid == (message == NULL));
        g_assert(!valid || json_is_string(json_object_get(request, "jobName")));
        json_decref(request);
    }
    g_assert(!message || g_utf8_validate(message, -1, NULL));
    g_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    View text = {(const char *)data, size};
    if (!stage.dir)
        stage_open();
    if (size && *data == '/')
        operations_run(text);
    else
        body_judge(text);
    return 0;
}

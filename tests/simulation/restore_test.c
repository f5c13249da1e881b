/* restore_test.c: a state is restored from a backup that is older than what runs, over many seeds: the real
 * Reconciler and store, the simulated provider with its faults, in virtual time. What it checks: no two tasks
 * of a job live at the same time, none begins twice; what the state knows ends, whatever became of it
 * meanwhile; in the end nothing is left, neither tasks, instances nor records; memory equals what is read
 * back; each process, replayed, does the same again. */
#include "reconciler/recorder.h"
#include "reconciler/recording.h"
#include "reconciler/replay.h"
#include "reconciler/provider/simulated/simulated.h"
#include "reconciler/store/backup.h"
#include "reconciler/world/guest.h"
#include "tests/support/store_records.h"
#include "tests/support/world_cloud.h"

#define BEGIN_MS  INT64_C(1701386000000)
#define SEEDS     30
#define JOBS      30
#define STEPS_MAX 200000
#define END_MS    INT64_C(10800000)
#define PROVIDERS (1u << PROVIDER_SIMULATED)
#define RETRIES                                                                                              \
    ",\"retryStrategy\":{\"attempts\":10,\"evaluateOnExit\":[{\"onStatusReason\":\"Host EC2*\",\"action\":"  \
    "\"RETRY\"},{\"onReason\":\"CannotStart*\",\"action\":\"RETRY\"},{\"onExitCode\":\"1\",\"action\":"      \
    "\"RETRY\"}]}"

typedef struct {
    PortQuery query; /* else work */
    PortWork work;
    PortDone done;
    void *data;
} Work;

typedef struct {
    char *job; /* "UUID", "UUID:INDEX", "UUID#NODE" */
    bool begun;
    int process;
} Attempt;

typedef struct {
    uint64_t seed;
    Rng rng, entropy;
    char *dir;
    int64_t now_ms, wake_ms;
    Store *store;
    StoreReader *reader;
    uint64_t sequence;
    GQueue committed; /* of sequence, GSIZE_TO_POINTER */
    GQueue work;
    Simulated *cloud;
    Recorder *recorder;
    char *recording;
    Reconciler *reconciler;
    int process;
    GHashTable *attempts; /* token → Attempt */
    GHashTable *living;   /* job → token */
    GHashTable *expected; /* tokens that the restored state knew */
    GPtrArray *ids;       /* of jobs that were submitted */
    int submitted;
    size_t adopted, held, ended;
    bool dies; /* instances do, now and then */
} Trial;

static void G_GNUC_NORETURN fail(const Trial *run, const char *what, const char *about)
{
    g_error("restore_test: seed %" PRIu64 ": %s: %s", run->seed, what, about);
}

/* ---- ports ---- */

static int64_t port_now(void *self)
{
    return ((Trial *)self)->now_ms;
}

static void port_wake(void *self, int64_t at_ms)
{
    ((Trial *)self)->wake_ms = at_ms;
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    Trial *run = self;
    g_autoptr(GError) error = NULL;
    if (!store_wait(run->store, store_commit(run->store, batch, now_ms), &error))
        fail(run, "the store fails", error->message);
    g_queue_push_tail(&run->committed, GSIZE_TO_POINTER(++run->sequence));
    return run->sequence;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    StoreReader *reader = ((Trial *)self)->reader;
    bool ok = store_reader_begin(reader, error) && store_reader_load(reader, sink, data, error);
    store_reader_end(reader);
    return ok;
}

static bool port_reopen(void *self, GError **error)
{
    (void)error;
    fail(self, "reopened", "nothing had failed");
}

static uint64_t port_term(void *self)
{
    return store_term(((Trial *)self)->store);
}

static void put_work(Trial *run, Work work)
{
    g_queue_push_tail(&run->work, g_memdup2(&work, sizeof work));
}

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    put_work(self, (Work){.query = query, .done = done, .data = data});
}

static void port_work(void *self, const PortLoad *load, void *data)
{
    put_work(self, (Work){.work = load->run, .done = load->done, .data = data});
}

static void port_remove(void *self, char *path)
{
    (void)self;
    g_free(path);
}

static void port_log(void *self, const char *text)
{
    (void)self;
    (void)text;
}

static void port_entropy(void *self, void *bytes, size_t len)
{
    rng_fill(&((Trial *)self)->entropy, bytes, len);
}

static void on_event(const ProviderEvent *event, void *data)
{
    Trial *run = data;
    const Guest *guest =
        run->reconciler ? world_guest(reconciler_world(run->reconciler), &event->token) : NULL;
    if (guest && !guest->is_stopping && event->type == PROVIDER_EVENT_LOST && !run->dies)
        fail(run, "what is held lost its instance", guest->job);
    if (run->reconciler)
        recorder_event(run->recorder, run->reconciler, event);
}

/* ---- what really happens ---- */

static int number_of(const LaunchRequest *request, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; request->envp[i]; i++)
        if (strncmp(request->envp[i], name, len) == 0 && request->envp[i][len] == '=')
            return (int)g_ascii_strtoll(request->envp[i] + len + 1, NULL, 10);
    return 0;
}

/* It fails now and then, less and less. */
static CloudFate fate_of(const LaunchRequest *request, void *data)
{
    Trial *run = data;
    Attempt *attempt = g_new0(Attempt, 1);
    attempt->job = g_strdup(request->job_id);
    attempt->process = run->process;
    g_hash_table_replace(run->attempts, g_memdup2(&request->token, sizeof request->token), attempt);
    if (number_of(request, "AWS_BATCH_JOB_ATTEMPT") != request->attempt)
        fail(run, "another attempt than its environment says", request->job_id);
    bool fails = rng_below(&run->rng, 2 + 2 * (uint64_t)request->attempt) == 0;
    return (CloudFate){.start_ms = rng_between(&run->rng, 0, 800),
                       .run_ms = rng_between(&run->rng, 500, 90000),
                       .exit_code = fails ? 1 : 0};
}

static void truth(SimulatedTruth what, const LaunchToken *token, int64_t vcpus_e4, int64_t memory_mib,
                  void *data)
{
    Trial *run = data;
    (void)vcpus_e4;
    (void)memory_mib;
    if (what != SIMULATED_TASK_BEGAN && what != SIMULATED_TASK_OVER)
        return;
    Attempt *attempt = g_hash_table_lookup(run->attempts, token);
    if (what == SIMULATED_TASK_OVER) {
        g_hash_table_remove(run->living, attempt->job);
        return;
    }
    if (attempt->begun || !g_hash_table_add(run->living, attempt->job))
        fail(run, attempt->begun ? "begins twice" : "two at the same time", attempt->job);
    attempt->begun = true;
}

/* ---- processes ---- */

static void host(Trial *run)
{
    g_autoptr(GError) error = NULL;
    run->store = store_open(run->dir, NULL, &error);
    run->reader = run->store ? store_reader_open(run->dir, &error) : NULL;
    if (!run->reader)
        fail(run, "the store cannot be opened", error->message);
    run->sequence = 0;
    run->process++;
    run->wake_ms = -1;
    Ports ports = {.clock = {port_now, port_wake, NULL, run},
                   .store = {port_commit, port_load, port_reopen, port_term, run},
                   .work = {port_query, port_work, run},
                   .files = {port_remove, port_remove, run},
                   .log = {.line = port_log, .self = run},
                   .provider = simulated_connect(run->cloud, on_event, run),
                   .entropy = {port_entropy, run}};
    ReconcilerOptions options = {
        .state_dir = run->dir, .mode = "serve", .launch = true, .providers = PROVIDERS};
    RecorderOptions recording = {
        .state_dir = run->dir, .settings = &options, .ports = &ports, .inputs_max = G_MAXINT64};
    run->recorder = recorder_new(&recording, &error);
    if (!run->recorder)
        fail(run, "nothing is recorded", error->message);
    Ports recorded = recorder_ports(run->recorder);
    run->recording = g_strdup_printf("%s/" RECORDING_DIR "/%020" PRIu64, run->dir, store_term(run->store));
    run->reconciler = reconciler_new(&recorded, &options, &error);
    if (!run->reconciler)
        fail(run, "the state cannot be loaded", error->message);
}

static bool work_step(Trial *run)
{
    Work *work = g_queue_pop_head(&run->work);
    if (!work)
        return false;
    if (work->work) {
        work->work(work->data);
    } else {
        store_reader_begin(run->reader, NULL);
        work->query(run->reader, NULL, work->data);
        store_reader_end(run->reader);
    }
    if (work->done)
        work->done(work->data);
    g_free(work);
    return true;
}

static void replay(Trial *run)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&run->recorder, recorder_free);
    ReplayedRun *replayed = replay_generation(run->recording, &error);
    if (!replayed)
        fail(run, "it cannot be replayed", error->message);
    if (replayed->difference)
        fail(run, "replayed, it is another", replayed->difference);
    replayed_run_free(replayed);
    g_clear_pointer(&run->recording, g_free);
}

static void crash(Trial *run)
{
    while (work_step(run))
        ;
    reconciler_free(g_steal_pointer(&run->reconciler));
    while (work_step(run))
        ;
    g_queue_clear(&run->committed);
    simulated_disconnect(run->cloud);
    g_clear_pointer(&run->reader, store_reader_free);
    g_clear_pointer(&run->store, store_free);
    replay(run);
}

/* ---- jobs ---- */

static void answered(Call *call)
{
    Trial *run = call->owner;
    const char *id = json_string_value(json_object_get(call->result.body, "jobId"));
    if (id)
        g_ptr_array_add(run->ids, g_strdup(id));
    call_free(call);
}

static void submit(Trial *run)
{
    static const char *const definitions[] = {"task", "task", "task", "far", "gang"};
    json_t *request = json_object();
    const char *definition = definitions[rng_below(&run->rng, G_N_ELEMENTS(definitions))];
    bool is_gang = strcmp(definition, "gang") == 0;
    g_autofree char *name = g_strdup_printf("j%d", run->submitted++);
    json_object_set_new(request, "jobName", json_string(name));
    json_object_set_new(request, "jobQueue", json_string(strcmp(definition, "far") == 0 ? "tasks" : "main"));
    json_object_set_new(request, "jobDefinition", json_string(definition));
    if (run->ids->len > 0 && rng_below(&run->rng, 3) == 0) {
        const char *on = run->ids->pdata[rng_below(&run->rng, run->ids->len)];
        json_object_set_new(request, "dependsOn", json_pack("[{s:s}]", "jobId", on));
    }
    if (!is_gang && rng_below(&run->rng, 6) == 0)
        json_object_set_new(request, "arrayProperties", json_pack("{s:i}", "size", 3));
    Call *call = call_new(operation_find_name("submit"), request);
    call->answer = answered;
    call->owner = run;
    recorder_call(run->recorder, run->reconciler, call);
}

static void write_state(Trial *run)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = world_new(1, PROVIDER_SIMULATED);
    Store *store = store_open(run->dir, NULL, &error);
    g_assert_no_error(error);
    fixture_put(
        world, KIND_COMPUTE_ENVIRONMENT, "cloud",
        "{\"computeResources\":{\"instanceTypes\":[\"c5.large\",\"c5.xlarge\"],\"maxvCpus\":12,\"type\":"
        "\"EC2\"},\"provider\":\"simulated\",\"type\":\"MANAGED\"}",
        1);
    fixture_put(
        world, KIND_COMPUTE_ENVIRONMENT, "serverless",
        "{\"computeResources\":{\"maxvCpus\":8,\"type\":\"FARGATE\"},\"provider\":\"simulated\",\"type\":"
        "\"MANAGED\"}",
        1);
    fixture_queue(world, "main", 1, "cloud");
    fixture_queue(world, "tasks", 1, "serverless");
    fixture_definition(world, "task", 1, 1024, RETRIES);
    fixture_definition(world, "far", 1, 2048, RETRIES ",\"platformCapabilities\":[\"FARGATE\"]");
    cloud_gang(world, "gang", 2, 0, RETRIES);
    world_set_setting(world, INSTALLATION_SETTING, "0123456789abcdef");
    g_assert_true(store_wait(store, store_commit(store, world_take_batch(world), BEGIN_MS), &error));
    store_free(store);
}

/* ---- checks ---- */

static void check_store(const Trial *run)
{
    const World *world = reconciler_world(run->reconciler);
    g_autoptr(GError) error = NULL;
    g_autoptr(World) loaded = world_new(1, PROVIDER_LOCAL);
    if (!g_queue_is_empty((GQueue *)(uintptr_t)&run->committed) || world_is_dirty(world))
        return;
    if (!port_load((void *)(uintptr_t)run, &world_sink, loaded, &error) || !world_loaded(loaded, &error))
        fail(run, "what was stored cannot be read back", error->message);
    world_check(loaded);
    g_autofree char *memory = world_dump(world), *stored = world_dump(loaded);
    if (strcmp(memory, stored) != 0) {
        g_printerr("%s\n---\n%s\n", memory, stored);
        fail(run, "memory and store differ", "see above");
    }
}

static void tick(Trial *run)
{
    run->wake_ms = -1;
    recorder_tick(run->recorder, run->reconciler);
    if (reconciler_fault(run->reconciler))
        fail(run, "a fault", reconciler_fault(run->reconciler)->message);
    world_check(reconciler_world(run->reconciler));
    if (rng_below(&run->rng, 8) == 0)
        check_store(run);
}

/* ---- time ---- */

static int64_t next_ms(const Trial *run)
{
    int64_t cloud_ms = simulated_next_ms(run->cloud);
    return run->wake_ms < 0 ? cloud_ms : cloud_ms < 0 ? run->wake_ms : MIN(run->wake_ms, cloud_ms);
}

/* False: nothing happens by until_ms any more. */
static bool step(Trial *run, int64_t until_ms)
{
    if (!g_queue_is_empty(&run->committed) && rng_below(&run->rng, 2)) {
        recorder_committed(run->recorder, run->reconciler,
                           GPOINTER_TO_SIZE(g_queue_pop_head(&run->committed)), NULL);
        return true;
    }
    if (rng_below(&run->rng, 2) && work_step(run))
        return true;
    if (run->wake_ms >= 0 && run->wake_ms <= run->now_ms) {
        tick(run);
        return true;
    }
    if (!g_queue_is_empty(&run->committed) || !g_queue_is_empty(&run->work))
        return true;
    int64_t next = next_ms(run);
    if (next < 0 || next > until_ms)
        return false;
    run->now_ms = MAX(run->now_ms, next);
    simulated_advance(run->cloud, run->now_ms);
    return true;
}

static void go_on(Trial *run, int64_t until_ms)
{
    int steps = 0;
    while (step(run, until_ms))
        if (++steps > STEPS_MAX)
            fail(run, "no end", "too many steps");
    run->now_ms = MAX(run->now_ms, until_ms);
    simulated_advance(run->cloud, run->now_ms);
}

static void submit_until(Trial *run, int64_t until_ms, int jobs)
{
    int64_t from_ms = run->now_ms;
    for (int i = 1; i <= jobs; i++) {
        go_on(run, from_ms + (until_ms - from_ms) * i / jobs);
        submit(run);
    }
    go_on(run, until_ms + 100);
}

/* ---- one run ---- */

static void count_adopted(Trial *run)
{
    const World *world = reconciler_world(run->reconciler);
    for (const Launch *launch = NULL; (launch = world_launch_next(world, launch));) {
        const Attempt *attempt = g_hash_table_lookup(run->attempts, &launch->token);
        run->adopted += attempt && attempt->process < run->process &&
                        !g_hash_table_contains(run->expected, &launch->token);
    }
    for (size_t i = 0; i < world_guests_len(world); i++)
        *(world_guest_get(world, i)->is_stopping ? &run->ended : &run->held) += 1;
}

static void restore(Trial *run, const char *backup)
{
    g_autoptr(GError) error = NULL;
    BackupInfo info;
    g_autofree char *aside = NULL;
    if (!backup_restore(backup, run->dir, "backup", true, run->now_ms, &info, &aside, &error))
        fail(run, "it is not restored", error->message);
    host(run);
    for (const Launch *launch = NULL;
         (launch = world_launch_next(reconciler_world(run->reconciler), launch));)
        g_hash_table_add(run->expected, g_memdup2(&launch->token, sizeof launch->token));
    for (int i = 0; world_setting(reconciler_world(run->reconciler), RESTORED_SETTING); i++) {
        if (!step(run, G_MAXINT64) || i > STEPS_MAX)
            fail(run, "it stays a restored state", "for ever");
        if (rng_below(&run->rng, 2000) == 0) { /* it is one still, for the next process */
            crash(run);
            host(run);
        }
    }
    count_adopted(run);
}

static void check_end(Trial *run)
{
    const World *world = reconciler_world(run->reconciler);
    size_t records, tasks, instances;
    simulated_counts(run->cloud, &records, &tasks, &instances);
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        if (!job_state_final(job->state))
            fail(run, "a job is for ever", job_state_name(job->state));
    if (world_launches_len(world) + world_guests_len(world) + world_instances_len(world) > 0)
        fail(run, "not over", "launches, guests or instances are left");
    if (records + tasks + instances > 0 || g_hash_table_size(run->living) > 0)
        fail(run, "leaked", "tasks, instances or records");
    check_store(run);
}

static void attempt_free(void *data)
{
    g_free(((Attempt *)data)->job);
    g_free(data);
}

static Trial *run_new(uint64_t seed)
{
    Trial *run = g_new0(Trial, 1);
    run->seed = seed;
    run->rng = rng_from_seed(seed);
    run->entropy = rng_from_seed(rng_next_u64(&run->rng));
    run->dir = temporary_directory();
    run->now_ms = BEGIN_MS;
    run->attempts = g_hash_table_new_full(launch_token_hash, launch_token_same, g_free, attempt_free);
    run->living = g_hash_table_new(g_str_hash, g_str_equal);
    run->expected = g_hash_table_new_full(launch_token_hash, launch_token_same, g_free, NULL);
    run->ids = g_ptr_array_new_with_free_func(g_free);
    unsigned bad = (unsigned)rng_below(&run->rng, 150);
    run->dies = rng_below(&run->rng, 3) == 0;
    const SimulatedOptions options = {
        .seed = rng_next_u64(&run->rng),
        .has_instances = true,
        .cloud = {.make = {500, 3000}, .boot = {1000, 20000}, .die_mean_ms = run->dies ? 600000 : 0},
        .faults = {.delay = {0, 50},
                   .slow = {100, 2000},
                   .slow_permille = bad,
                   .lost_permille = bad,
                   .twice_permille = bad,
                   .refuse_permille = bad / 4,
                   .retry_ms = 2000},
        .fate = fate_of,
        .watch = truth,
        .data = run};
    run->cloud = simulated_new(&options, run->now_ms);
    return run;
}

static void run_free(Trial *run)
{
    simulated_free(run->cloud);
    g_hash_table_unref(run->attempts);
    g_hash_table_unref(run->living);
    g_hash_table_unref(run->expected);
    g_ptr_array_unref(run->ids);
    remove_directory(run->dir);
    g_free(run->dir);
    g_free(run);
}

static void run_seed(uint64_t seed, size_t ret_counts[3])
{
    Trial *run = run_new(seed);
    g_autoptr(GError) error = NULL;
    BackupInfo info;
    g_autofree char *backup = g_strconcat(run->dir, "/backup.db", NULL);
    int before = (int)rng_between(&run->rng, JOBS / 2, JOBS - 3);
    write_state(run);
    host(run);
    submit_until(run, run->now_ms + rng_between(&run->rng, 2000, 60000), before);
    if (!backup_write(run->dir, backup, true, &info, &error))
        fail(run, "no backup", error->message);
    submit_until(run, run->now_ms + rng_between(&run->rng, 1000, 200000), JOBS - before);
    crash(run);
    run->now_ms += rng_between(&run->rng, 0, 30000);
    simulated_advance(run->cloud, run->now_ms);
    restore(run, backup);
    go_on(run, run->now_ms + END_MS);
    check_end(run);
    ret_counts[0] += run->adopted;
    ret_counts[1] += run->held;
    ret_counts[2] += run->ended;
    crash(run);
    run_free(run);
}

static uint64_t number_from(const char *text, uint64_t otherwise)
{
    return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

static void test_seeds(void)
{
    uint64_t seeds = number_from(g_getenv("MUSTER_SEEDS"), g_getenv("MUSTER_TEST_VARIANT") ? 5 : SEEDS),
             first = number_from(g_getenv("MUSTER_FIRST_SEED"), 1);
    size_t counts[3] = {0};
    for (uint64_t seed = first; seed < first + seeds; seed++)
        run_seed(seed, counts);
    g_test_message("%zu adopted, %zu held, %zu ended", counts[0], counts[1], counts[2]);
    if (seeds >= 5) /* it is about these */
        g_assert_true(counts[0] > seeds && counts[1] > seeds && counts[2] > 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/restore/seeds", test_seeds);
    return g_test_run();
}

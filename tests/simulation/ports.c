/* ports.c: what the tick reaches the outside through, moved by the seed's schedule. */
#include "reconciler/recording.h"
#include "reconciler/replay.h"
#include "tests/simulation/system.h"
#include <inttypes.h>

/* A signal handler carries no pointer of the caller's: the run under way, one at a time. */
static System *running;

/* ---- clock, entropy, files, log ---- */

static int64_t port_now(void *self)
{
    return ((System *)self)->now_ms;
}

static void port_wake(void *self, int64_t at_ms)
{
    ((System *)self)->wake_ms = at_ms;
}

/* Now and then a slice ends in the middle of what it does. */
static int64_t port_monotonic(void *self)
{
    System *system = self;
    system->monotonic_us += rng_between(&system->rng, 0, rng_below(&system->rng, 20) == 0 ? 3000 : 20);
    return system->monotonic_us;
}

static void port_entropy(void *self, void *bytes, size_t len)
{
    rng_fill(&((System *)self)->entropy, bytes, len);
}

static void port_remove(void *self, char *path)
{
    (void)self;
    g_free(path);
}

static void port_log(void *self, const char *text)
{
    system_log(self, "says %s", text);
}

/* ---- store: batches wait until the schedule writes them, completions until it tells them ---- */

static void handed_free(void *data)
{
    Handed *handed = data;
    batch_free(handed->batch);
    g_clear_error(&handed->error);
    g_free(handed);
}

static void make_durable(System *system, Handed *handed)
{
    g_autoptr(GError) error = NULL;
    Batch *batch = g_steal_pointer(&handed->batch);
    ledger_commit(system->ledger, batch, handed->now_ms);
    system_log(system, "durable %" PRIu64 ": %zu rows", handed->sequence, batch_len(batch));
    if (!store_wait(system->store, store_commit(system->store, batch, handed->now_ms), &error))
        system_fail(system, "the store fails by itself: %s", error->message);
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    System *system = self;
    Handed *handed = g_new0(Handed, 1);
    *handed = (Handed){.batch = batch, .sequence = ++system->sequence, .now_ms = now_ms};
    g_queue_push_tail(&system->handed, handed);
    return handed->sequence;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    System *system = self;
    bool ok =
        store_reader_begin(system->reader, error) && store_reader_load(system->reader, sink, data, error);
    store_reader_end(system->reader);
    return ok;
}

static void open_store(System *system)
{
    g_autoptr(GError) error = NULL;
    system->store = store_open(system->dir, NULL, &error);
    if (!system->store)
        system_fail(system, "the store cannot be opened: %s", error->message);
    system->sequence = 0;
    system->store_failed = system->store_broke = false;
}

static bool port_reopen(void *self, GError **error)
{
    System *system = self;
    if (!system->calm && rng_below(&system->rng, 3) == 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_BUSY, "still busy");
        return false;
    }
    g_queue_clear_full(&system->handed, handed_free);
    store_free(system->store);
    open_store(system);
    system_log(system, "reopened");
    return true;
}

static uint64_t port_term(void *self)
{
    return store_term(((System *)self)->store);
}

static void fail_handed(System *system, StoreErrorCode code)
{
    for (GList *at = system->handed.head; at; at = at->next) {
        Handed *handed = at->data;
        if (!handed->batch)
            continue;
        g_clear_pointer(&handed->batch, batch_free);
        handed->error = g_error_new(STORE_ERROR, (gint)code, "the simulation's disk");
    }
    system->store_failed = true;
}

static Handed *oldest_unwritten(System *system)
{
    for (GList *at = system->handed.head; at; at = at->next)
        if (((Handed *)at->data)->batch)
            return at->data;
    return NULL;
}

static void tell_completion(System *system)
{
    Handed *handed = g_queue_pop_head(&system->handed);
    system_log(system, "told %" PRIu64 "%s", handed->sequence, handed->error ? ": failed" : "");
    recorder_committed(system->recorder, system->reconciler, handed->sequence, handed->error);
    handed_free(handed);
}

bool system_store_step(System *system)
{
    static const StoreErrorCode codes[] = {STORE_ERROR_FULL, STORE_ERROR_READ_ONLY, STORE_ERROR_BUSY};
    const Handed *first = g_queue_peek_head(&system->handed);
    Handed *unwritten = oldest_unwritten(system);
    if (!first)
        return false;
    if (!unwritten || (first != unwritten && rng_below(&system->rng, 2))) {
        tell_completion(system);
    } else if (system->store_failed || system_chance(system, system->faults.store_fails)) {
        fail_handed(system, codes[rng_below(&system->rng, G_N_ELEMENTS(codes))]);
    } else if (system_chance(system, system->faults.store_breaks)) {
        system->store_broke = true;
        if (rng_below(&system->rng, 2)) /* fsync failed, and yet it may be there */
            make_durable(system, unwritten);
        fail_handed(system, STORE_ERROR_IO);
        if (!unwritten->error)
            unwritten->error = g_error_new(STORE_ERROR, STORE_ERROR_IO, "fsync");
    } else {
        make_durable(system, unwritten);
    }
    return true;
}

/* ---- work off the loop ---- */

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    Work *work = g_new(Work, 1);
    *work = (Work){.query = query, .done = done, .data = data};
    g_queue_push_tail(&((System *)self)->work, work);
}

static void port_work(void *self, const PortLoad *load, void *data)
{
    Work *work = g_new(Work, 1);
    *work = (Work){.work = load->run, .done = load->done, .data = data};
    g_queue_push_tail(&((System *)self)->work, work);
}

static void work_run(System *system, Work *work)
{
    if (work->ran)
        return;
    work->ran = true;
    if (work->work) {
        work->work(work->data);
        return;
    }
    store_reader_begin(system->reader, NULL);
    work->query(system->reader, NULL, work->data);
    store_reader_end(system->reader);
}

static void work_done(Work *work)
{
    if (work->done)
        work->done(work->data);
    g_free(work);
}

/* Queries and loads have a thread each: within one kind they keep their order. */
bool system_work_step(System *system)
{
    Work *first = g_queue_peek_head(&system->work);
    if (!first)
        return false;
    if (!first->ran) {
        work_run(system, first);
        return true;
    }
    g_queue_pop_head(&system->work);
    work_done(first);
    return true;
}

/* ---- provider ---- */

static System *system_of(Provider *provider)
{
    return (System *)((char *)provider - offsetof(System, provider));
}

static bool port_start(Provider *provider, const ProviderStart *start, GError **error)
{
    System *system = system_of(provider);
    system_log(system, "start term %" PRIu64 ": %zu expected", start->term, start->expected_len);
    return system->inner->start(system->inner, start, error);
}

static void port_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    System *system = system_of(provider);
    for (size_t i = 0; i < len; i++)
        ledger_launch(system->ledger, &requests[i], port_term(system));
    system->inner->launch(system->inner, requests, len);
}

static void port_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    System *system = system_of(provider);
    ledger_stop(system->ledger, token);
    system->inner->stop(system->inner, token, reason);
}

static void port_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    System *system = system_of(provider);
    for (size_t i = 0; i < len; i++)
        ledger_settled(system->ledger, &tokens[i]);
    system->inner->settled(system->inner, tokens, len);
}

static void port_instances_start(Provider *provider, const InstanceRequest *requests, size_t len)
{
    System *system = system_of(provider);
    for (size_t i = 0; i < len; i++)
        ledger_instance_start(system->ledger, &requests[i], port_term(system));
    system->inner->instances_start(system->inner, requests, len);
}

static void port_instances_stop(Provider *provider, const LaunchToken *tokens, size_t len)
{
    System *system = system_of(provider);
    for (size_t i = 0; i < len; i++)
        ledger_instance_stop(system->ledger, &tokens[i]);
    system->inner->instances_stop(system->inner, tokens, len);
}

static void port_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    System *system = system_of(provider);
    for (size_t i = 0; i < len; i++)
        ledger_resource(system->ledger, &requests[i], port_term(system));
    system->inner->resources_apply(system->inner, requests, len);
}

static void on_provider_event(const ProviderEvent *event, void *data)
{
    static const char *const names[] = {[PROVIDER_EVENT_ACCEPTED] = "accepted",
                                        [PROVIDER_EVENT_STARTED] = "started",
                                        [PROVIDER_EVENT_REFUSED] = "refused",
                                        [PROVIDER_EVENT_ENDED] = "ended",
                                        [PROVIDER_EVENT_LOST] = "lost",
                                        [PROVIDER_EVENT_OBSERVED] = "observed",
                                        [PROVIDER_EVENT_CAPACITY] = "capacity",
                                        [PROVIDER_EVENT_INSTANCE_STARTED] = "instance started",
                                        [PROVIDER_EVENT_INSTANCE_REGISTERED] = "instance registered",
                                        [PROVIDER_EVENT_INSTANCE_REFUSED] = "instance refused",
                                        [PROVIDER_EVENT_INSTANCE_GONE] = "instance gone",
                                        [PROVIDER_EVENT_INSTANCE_FOUND] = "instance found",
                                        [PROVIDER_EVENT_FOUND] = "found",
                                        [PROVIDER_EVENT_RESOURCE_OBSERVED] = "resource observed",
                                        [PROVIDER_EVENT_RESOURCE_APPLIED] = "resource applied",
                                        [PROVIDER_EVENT_RESOURCE_REFUSED] = "resource refused",
                                        [PROVIDER_EVENT_COLLECTED] = "collected",
                                        [PROVIDER_EVENT_INSTANCE_WARNED] = "instance warned"};
    System *system = data;
    if (event->resource)
        system_log(system, "of %s: %s", event->resource, event->observed ? event->observed : "nothing");
    system_log(system, "told %s %02x%02x", names[event->type], event->token.bytes[0], event->token.bytes[1]);
    ledger_told(system->ledger, event);
    if (system->reconciler)
        recorder_event(system->recorder, system->reconciler, event);
}

/* ---- recordings ---- */

static void record(System *system, Ports *ports, const ReconcilerOptions *settings)
{
    g_autoptr(GError) error = NULL;
    RecorderOptions options = {
        .state_dir = system->dir, .settings = settings, .ports = ports, .inputs_max = G_MAXINT64};
    system->recorder = recorder_new(&options, &error);
    if (!system->recorder)
        system_fail(system, "8: nothing is recorded: %s", error->message);
    *ports = recorder_ports(system->recorder);
    system->recording =
        g_strdup_printf("%s/" RECORDING_DIR "/%020" PRIu64, system->dir, store_term(system->store));
}

/* What the process did, once more. */
static void replay(System *system)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&system->recorder, recorder_free);
    g_autofree char *directory = g_steal_pointer(&system->recording);
    ReplayedRun *run = replay_generation(directory, &error);
    if (!run)
        system_fail(system, "8: the recording cannot be replayed: %s", error->message);
    if (run->difference)
        system_fail(system, "8: replayed, tick %" PRIu64 " of the process is another: %s", run->differs_at,
                    run->difference);
    system->replayed_ticks += run->ticks;
    replayed_run_free(run);
}

/* ---- processes ---- */

void system_host(System *system)
{
    g_autoptr(GError) error = NULL;
    running = system;
    open_store(system);
    system->reader = store_reader_open(system->dir, &error);
    if (!system->reader)
        system_fail(system, "no reader: %s", error->message);
    system->inner = simulated_connect(system->cloud, on_provider_event, system);
    system->provider = (Provider){.start = port_start,
                                  .launch = port_launch,
                                  .stop = port_stop,
                                  .settled = port_settled,
                                  .resources_apply = port_resources_apply};
    if (scene_has(&system->scene, THING_INSTANCES)) {
        system->provider.instances_start = port_instances_start;
        system->provider.instances_stop = port_instances_stop;
    }
    Ports ports = {.clock = {port_now, port_wake, port_monotonic, system},
                   .store = {port_commit, port_load, port_reopen, port_term, system},
                   .work = {port_query, port_work, system},
                   .files = {port_remove, port_remove, system},
                   .log = {.line = port_log, .self = system},
                   .provider = &system->provider,
                   .entropy = {port_entropy, system}};
    ReconcilerOptions options = {
        .state_dir = system->dir, .mode = "serve", .launch = true, .providers = PROVIDERS};
    system->wake_ms = -1;
    if (system->is_recorded)
        record(system, &ports, &options);
    system->reconciler = reconciler_new(&ports, &options, &error);
    if (!system->reconciler)
        system_fail(system, "the state cannot be loaded: %s", error->message);
    system->follow_due = true;
    recorder_unfollow_all(system->recorder, system->reconciler);
}

/* Of what was handed over and not told, the oldest so and so many are in the store all the same. */
static void write_some(System *system)
{
    guint unwritten = 0;
    for (GList *at = system->handed.head; at; at = at->next)
        unwritten += ((Handed *)at->data)->batch != NULL;
    uint64_t kept = system->store_failed ? 0 : rng_below(&system->rng, unwritten + 1);
    for (GList *at = system->handed.head; at && kept > 0; at = at->next)
        if (((Handed *)at->data)->batch) {
            make_durable(system, at->data);
            kept--;
        }
}

void system_crash(System *system)
{
    system->ending = true;
    system_log(system, "CRASH");
    write_some(system);
    /* Threads end before what they work for. */
    while (system_work_step(system))
        ;
    reconciler_free(g_steal_pointer(&system->reconciler));
    while (system_work_step(system))
        ;
    g_queue_clear_full(&system->handed, handed_free);
    simulated_disconnect(system->cloud);
    g_clear_pointer(&system->reader, store_reader_free);
    g_clear_pointer(&system->store, store_free);
    system->ending = false;
    if (system->recorder)
        replay(system);
}

/* ---- when it fails ---- */

static void print_end(const System *system)
{
    const char *text = system->log->str;
    size_t len = system->log->len, keep = MIN(len, 6000);
    fprintf(stderr, "%.*s", (int)keep, text + len - keep);
    fprintf(stderr, "simulation: seed %" PRIu64 " fails; to repeat it: make simulate SEED=%" PRIu64 "\n",
            system->seed, system->seed);
}

void system_fail(System *system, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_end(system);
    fprintf(stderr, "simulation: seed %" PRIu64 ": %s\n", system->seed, text);
    running = NULL;
    abort();
}

void system_obituary(void)
{
    if (running)
        print_end(running);
}

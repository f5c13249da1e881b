#include "reconciler/world/drift.h"
#include "reconciler/world/pins.h"
#include "reconciler/world/outside.h"
#include "tests/simulation/approver.h"
#include "tests/simulation/system.h"
#include "tests/support/store_records.h"
#include <inttypes.h>

#define BEGIN_MS                                                                                             \
    INT64_C(1701386000000) /* the last evening of a month, UTC: budgets begin anew on the way                \
                            */
#define LOG_KEPT     65536
#define STEPS_MAX    60000
#define CALM_MS      INT64_C(4000000)  /* of virtual time: everything must have ended by then */
#define IDLE_MS      INT64_C(1300000)  /* what is due only later is housekeeping */
#define CALM_LONG_MS INT64_C(10800000) /* with instances: some never register, and pools cool down */
#define IDLE_LONG_MS INT64_C(2400000)
#define FULL_PASS_MS INT64_C(600000)
#define LAST_PASS_MS INT64_C(1200000) /* what was asked for before the calm has registered, or never will */

/* ---- log ---- */

void system_log(System *system, const char *format, ...)
{
    va_list arguments;
    size_t before = system->log->len;
    g_string_append_printf(system->log, "%9" PRId64 " ", system->now_ms - BEGIN_MS);
    va_start(arguments, format);
    g_string_append_vprintf(system->log, format, arguments);
    va_end(arguments);
    g_string_append_c(system->log, '\n');
    g_checksum_update(system->digest, (const guchar *)system->log->str + before,
                      (gssize)(system->log->len - before));
    if (system->verbose)
        fputs(system->log->str + before, stdout);
    if (system->log->len > 2 * LOG_KEPT)
        g_string_erase(system->log, 0, (gssize)(system->log->len - LOG_KEPT));
}

char *system_digest(const System *system)
{
    GChecksum *copy = g_checksum_copy(system->digest); /* reading one closes it */
    char *text = g_strdup(g_checksum_get_string(copy));
    g_checksum_free(copy);
    return text;
}

bool system_chance(System *system, unsigned per_10000)
{
    return !system->calm && rng_below(&system->rng, 10000) < per_10000;
}

/* ---- life ---- */

/* Each fault is off, rare or common by itself, so that some runs meet only one of them, often. */
static unsigned level(Rng *rng, unsigned common)
{
    uint64_t drawn = rng_below(rng, 4);
    return drawn == 0 ? 0 : drawn == 3 ? common : common / 6;
}

static Faults draw_faults(Rng *rng)
{
    Faults faults = {.crash = level(rng, 150),
                     .store_fails = level(rng, 400),
                     .store_breaks = level(rng, 200),
                     .reset = level(rng, 150),
                     .lose_tasks = level(rng, 60),
                     .lose_tasks_max = 3,
                     .host = level(rng, 200),
                     .meddle = level(rng, 120),
                     .look = 100,
                     .slow_store = level(rng, 900)};
    int64_t slow_ms = rng_between(rng, 1, 20000);
    faults.provider = (SimulatedFaults){.delay = {0, rng_between(rng, 1, 200)},
                                        .slow = {slow_ms / 2, slow_ms},
                                        .slow_permille = level(rng, 300),
                                        .lost_permille = level(rng, 300),
                                        .twice_permille = level(rng, 300),
                                        .refuse_permille = level(rng, 60),
                                        .retry_ms = rng_between(rng, 500, 15000)};
    faults.cloud = (CloudModel){.make = {500, rng_between(rng, 500, 9000)},
                                .boot = {1000, rng_between(rng, 1000, 90000)},
                                .refuse_permille = level(rng, 200),
                                .never_registers_permille = level(rng, 60),
                                .less_memory_permille = level(rng, 500),
                                .reclaim_mean_ms = 10 * (int64_t)level(rng, 60000),
                                .die_mean_ms = 20 * (int64_t)level(rng, 60000)};
    return faults;
}

/* A message takes time: else what is refused and asked for again at once would go round within a millisecond,
 * and the news that would end it never arrive. */
static const Faults calm_faults = {.provider = {.delay = {0, 2}, .retry_ms = 1000},
                                   .cloud = {.make = {500, 2000}, .boot = {1000, 20000}}};

System *system_new(uint64_t seed, bool with_faults)
{
    System *system = g_new0(System, 1);
    Rng rng = rng_from_seed(seed);
    uint64_t script_seed = rng_next_u64(&rng);
    system->seed = seed;
    system->rng = rng_from_seed(rng_next_u64(&rng));
    system->entropy = rng_from_seed(rng_next_u64(&rng));
    system->now_ms = BEGIN_MS;
    system->log = g_string_new(NULL);
    system->digest = g_checksum_new(G_CHECKSUM_SHA256);
    system->dir = temporary_directory();
    system->hosts = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    system->faults = with_faults ? draw_faults(&rng) : calm_faults;
    system->scene = scene_draw(rng_next_u64(&rng));
    bool has_instances = scene_has(&system->scene, THING_INSTANCES);
    SimulatedOptions options = {.seed = rng_next_u64(&rng),
                                .vcpus_e4 = 10000 * rng_between(&rng, 2, 6),
                                .memory_mib = rng_between(&rng, 256, 600),
                                .has_instances = has_instances,
                                .cloud = system->faults.cloud,
                                .faults = system->faults.provider,
                                .fate = script_fate,
                                .watch = ledger_truth};
    system->ledger = ledger_new(system, options.vcpus_e4, options.memory_mib);
    options.data = system->ledger;
    system->cloud = simulated_new(&options, system->now_ms);
    system->approver = approver_new(system, script_seed);
    system->script = script_new(system, script_seed);
    return system;
}

void system_free(System *system)
{
    if (!system)
        return;
    system_crash(system);
    simulated_free(system->cloud);
    script_free(system->script);
    approver_free(system->approver);
    ledger_free(system->ledger);
    g_string_free(system->log, TRUE);
    g_checksum_free(system->digest);
    g_array_unref(system->hosts);
    remove_directory(system->dir);
    g_free(system->dir);
    g_free(system);
}

/* ---- checks ---- */

/* The first lines in which they differ; returns when they do not. */
static void fail_difference(System *system, const char *memory, const char *stored)
{
    g_auto(GStrv) first = g_strsplit(memory, "\n", -1), second = g_strsplit(stored, "\n", -1);
    for (guint i = 0; first[i] || second[i]; i++)
        if (g_strcmp0(first[i], second[i]) != 0)
            system_fail(system, "8: memory and store differ:\n%s\n---\n%s", first[i], second[i]);
}

/* What a share has used counts the same, running attempts included. */
static void check_use(System *system, const World *world, const World *loaded)
{
    size_t len;
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++) {
        const Queue *queue = queues[i],
                    *same = world_resource(loaded, KIND_JOB_QUEUE, view_from(queue->resource->name))->queue;
        for (Share *share = share_next(queue, NULL); queue->fair && share; share = share_next(queue, share)) {
            Share *other = share_find(same, share->identifier);
            if (share->active &&
                share_use(share, system->now_ms).weighed != share_use(other, system->now_ms).weighed)
                system_fail(system, "8: share %s of queue %s has used otherwise in memory than in the store",
                            share->identifier, queue->resource->name);
        }
    }
}

/* Accounts go on as if the process had not ended. */
static void check_accounts(System *system, World *world, World *loaded)
{
    Growth *growth = reconciler_growth(system->reconciler);
    g_autoptr(Growth) again = growth_new(&(GrowthOptions){.providers = PROVIDERS});
    growth_load(again, loaded, system->now_ms);
    growth_accrue(again, loaded, system->now_ms);
    growth_accrue(growth, world, system->now_ms);
    for (const Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment)) {
        const Environment *same = world_environment(loaded, view_from(environment->resource->name));
        Account memory = {0}, stored = {0};
        growth_account(growth, environment, &memory);
        growth_account(again, same, &stored);
        account_roll(&memory, system->now_ms);
        account_roll(&stored, system->now_ms);
        if (memcmp(&memory, &stored, sizeof memory) != 0)
            system_fail(system, "8: %s has spent %" PRId64 " in memory, %" PRId64 " in the store",
                        environment->resource->name, memory.total.micro, stored.total.micro);
    }
}

/* Invariant 8: memory equals what is read back, whenever nothing is under way between them. */
static void check_store(System *system)
{
    World *world =
        (World *)(uintptr_t)reconciler_world(system->reconciler); /* counting up to now changes no answer */
    g_autoptr(GError) error = NULL;
    if (system->store_failed || !g_queue_is_empty(&system->handed) || world_is_dirty(world) ||
        rng_below(&system->rng, 4))
        return;
    g_autoptr(World) loaded = world_new(1, PROVIDER_LOCAL);
    bool ok = store_reader_begin(system->reader, &error) &&
              store_reader_load(system->reader, &world_sink, loaded, &error) && world_loaded(loaded, &error);
    store_reader_end(system->reader);
    if (!ok)
        system_fail(system, "8: what was stored cannot be read back: %s", error->message);
    world_check(loaded);
    g_autofree char *memory = world_dump(world), *stored = world_dump(loaded);
    fail_difference(system, memory, stored);
    check_use(system, world, loaded);
    check_accounts(system, world, loaded);
    system->checks++;
}

static void check(System *system)
{
    if (reconciler_fault(system->reconciler))
        return;
    const World *world = reconciler_world(system->reconciler);
    world_check(world);
    ledger_check(system->ledger, world);
    check_store(system);
}

/* ---- steps ---- */

static void tick(System *system)
{
    system->wake_ms = -1;
    system->ticks++;
    recorder_tick(system->recorder, system->reconciler);
    check(system);
}

static void follow(System *system)
{
    bool full_pass = system->now_ms >= system->full_pass_ms;
    system->follow_due = false;
    system->last_pass = system->calm && full_pass;
    system->full_pass_ms = system->now_ms + FULL_PASS_MS;
    script_follow(system->script, full_pass);
}

static void restart(System *system)
{
    system->crashes++;
    system_crash(system);
    script_crashed(system->script);
    approver_crashed(system->approver);
    system->now_ms += rng_between(&system->rng, 0, 5000);
    system_host(system);
}

/* ---- hosts ---- */

#define HOSTS_MAX 3

static void host_join(System *system)
{
    LaunchToken token;
    int64_t vcpus = 2 * rng_between(&system->rng, 1, 2), memory_mib = rng_between(&system->rng, 700, 2000);
    rng_fill(&system->rng, token.bytes, sizeof token.bytes);
    g_array_append_val(system->hosts, token);
    ledger_host(system->ledger, &token);
    system_log(system, "host %02x%02x joins with %" PRId64 " vCPUs", token.bytes[0], token.bytes[1], vcpus);
    simulated_host_join(system->cloud, &token, "hosts", vcpus * 10000, memory_mib);
}

static void host_leave(System *system, guint at)
{
    LaunchToken token = g_array_index(system->hosts, LaunchToken, at);
    g_array_remove_index(system->hosts, at);
    system_log(system, "host %02x%02x leaves", token.bytes[0], token.bytes[1]);
    simulated_host_leave(system->cloud, &token);
}

static void hosts_change(System *system)
{
    if (system->hosts->len < HOSTS_MAX && rng_below(&system->rng, 3))
        host_join(system);
    else if (system->hosts->len > 0)
        host_leave(system, (guint)rng_below(&system->rng, system->hosts->len));
}

/* One who comes again and again is met too. */
static void meddle(System *system)
{
    bool is_seen = rng_below(&system->rng, 3) == 0, is_newer = rng_below(&system->rng, 3) == 0;
    system->meddled += simulated_meddle(system->cloud, &system->rng);
    if (is_newer)
        simulated_release(system->cloud);
    system_log(system, "somebody meddles%s", is_seen ? ", and it is seen" : "");
    if (is_seen)
        simulated_look(system->cloud);
}

static bool disturb(System *system)
{
    const Faults *faults = &system->faults;
    if (reconciler_fault(system->reconciler) || system_chance(system, faults->crash)) {
        restart(system);
    } else if (system_chance(system, faults->reset)) {
        system_log(system, "RESET");
        simulated_reset(system->cloud);
    } else if (system->lost_tasks < faults->lose_tasks_max && system_chance(system, faults->lose_tasks)) {
        system->lost_tasks++;
        system_log(system, "TASKS LOST");
        simulated_lose_tasks(system->cloud);
    } else if (scene_has(&system->scene, THING_HOSTS) && system_chance(system, faults->host)) {
        hosts_change(system);
    } else if (system_chance(system, faults->meddle)) {
        meddle(system);
    } else if (system_chance(system, faults->look)) {
        system_log(system, "looks");
        simulated_look(system->cloud);
    } else {
        return false;
    }
    return true;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

/* When something is due next; -1: never. */
static int64_t next_ms(const System *system)
{
    int64_t next = sooner(system->wake_ms, simulated_next_ms(system->cloud));
    next = sooner(next, script_next_ms(system->script));
    next = sooner(next, approver_next_ms(system->approver));
    return system->last_pass ? next : sooner(next, system->full_pass_ms);
}

static bool pass_time(System *system)
{
    int64_t next = next_ms(system),
            idle_ms = scene_has(&system->scene, THING_INSTANCES) ? IDLE_LONG_MS : IDLE_MS;
    if (world_drift_next(reconciler_world(system->reconciler), NULL))
        idle_ms = IDLE_LONG_MS; /* what was put back often waits */
    if (next < 0 || (system->calm && next > system->now_ms + idle_ms))
        return false;
    system->now_ms = MAX(system->now_ms, next);
    simulated_advance(system->cloud, system->now_ms);
    system->follow_due = system->follow_due || (!system->last_pass && system->now_ms >= system->full_pass_ms);
    return true;
}

static bool tick_is_due(const System *system)
{
    return system->wake_ms >= 0 && system->wake_ms <= system->now_ms;
}

/* One of the things that can happen now. False: nothing is under way and nothing is due. */
static bool step(System *system)
{
    system->steps++;
    if (disturb(system))
        return true;
    bool slow = rng_below(&system->rng, 1000) < system->faults.slow_store && !system->calm;
    switch (rng_below(&system->rng, 6)) {
    case 0:
        if (!slow && system_store_step(system))
            return true;
        break;
    case 1:
        if (system_work_step(system))
            return true;
        break;
    case 2:
        if (script_step(system->script) || approver_step(system->approver))
            return true;
        break;
    case 3:
        if (system->follow_due) {
            follow(system);
            return true;
        }
        break;
    default: break;
    }
    if (tick_is_due(system)) {
        tick(system);
        return true;
    }
    /* Time passes once nothing else can happen, and now and then before. */
    bool idle = g_queue_is_empty(&system->handed) && g_queue_is_empty(&system->work) && !system->follow_due;
    if (!idle && (system->calm || rng_below(&system->rng, 50)))
        return true;
    return pass_time(system) || !idle;
}

/* Until nothing happens any more. */
static void run_down(System *system)
{
    int64_t until_ms = system->now_ms + (scene_has(&system->scene, THING_INSTANCES) ? CALM_LONG_MS : CALM_MS);
    uint64_t until_steps = system->steps + STEPS_MAX;
    while (step(system)) {
        if (system->now_ms > until_ms || system->steps > until_steps)
            system_fail(system, "11: no end after faults have stopped: %" PRIu64 " ticks", system->ticks);
    }
}

/* What a canonical spec leaves out and the far end was told outside: they are the same. */
static bool is_default(const FieldChange *field)
{
    const char *text = field->schema ? schema_default(field->schema) : NULL;
    return !field->before && text && g_strcmp0(field->after, text) == 0;
}

/* What is held is not canonical: somebody may have said a default. */
static bool is_held_so(const char *held, const Resource *resource)
{
    g_autoptr(GPtrArray) fields = compare_specs(resource->kind, view_from(resource->spec), view_from(held));
    bool is_so = true;
    for (guint i = 0; i < fields->len; i++)
        is_so = is_so && is_default(fields->pdata[i]);
    return is_so;
}

/* Whatever was changed outside is as it is declared, and nothing else is held. */
static void check_held(System *system, const World *world)
{
    size_t len = 0;
    for (const Environment *at = NULL; (at = world_environment_next(world, at)); len++) {
        const Resource *resource = at->resource;
        Digest digest, wanted;
        g_autofree char *held =
            simulated_held(system->cloud, resource->kind, environment_outside(at), &digest);
        environment_outside_digest(at, &wanted);
        if (!held || !digest_equal(&digest, &wanted) || !is_held_so(held, resource))
            system_fail(system, "11: the provider holds of %s %s, and not %s", resource->name,
                        held ? held : "nothing", resource->spec);
    }
    if (len != simulated_held_len(system->cloud))
        system_fail(system, "11: the provider holds %zu resources, and there are %zu",
                    simulated_held_len(system->cloud), len);
    const Drift *drift = world_drift_next(world, NULL);
    if (drift)
        system_fail(system, "11: %s differs for ever: %s", drift->name, drift->fields);
}

/* Machines are made from what the state says; from the newest, where that is to be taken at once. */
static void check_pins(System *system, const World *world)
{
    for (const Environment *at = NULL; (at = world_environment_next(world, at));) {
        int newest, image = simulated_image(system->cloud, environment_outside(at), &newest);
        g_autofree char *wanted = pins_wanted(world, at->resource),
                        *held = image ? g_strdup_printf("{\"image\":\"%d\"}", image) : NULL;
        if (g_strcmp0(wanted, held) != 0)
            system_fail(system, "11: machines of %s are made from %s, and are to be from %s",
                        at->resource->name, held ? held : "nothing", wanted ? wanted : "nothing");
        if (image && at->spec->refresh == REFRESH_CONTINUOUS && image != newest)
            system_fail(system, "11: machines of %s are made from %d for ever, and there is %d",
                        at->resource->name, image, newest);
    }
}

static void check_end(System *system)
{
    size_t records, tasks, instances;
    const World *world = reconciler_world(system->reconciler);
    simulated_counts(system->cloud, &records, &tasks, &instances);
    if (records || tasks || instances)
        system_fail(system, "11: leaked: %zu records, %zu tasks, %zu instances; the world has %zu", records,
                    tasks, instances, world_instances_len(world));
    if (world_instances_len(world) != 0)
        system_fail(system, "11: %zu instances are there for ever", world_instances_len(world));
    if (world_launches_len(world) != 0)
        system_fail(system, "11: %zu launches are under way for ever", world_launches_len(world));
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        if (!job_state_final(job->state))
            system_fail(system, "11: job %s is %s for ever", job->name, job_state_name(job->state));
    check_held(system, world);
    check_pins(system, world);
    ledger_end(system->ledger);
    script_check_end(system->script);
    approver_end(system->approver);
}

void system_run(System *system)
{
    for (Thing thing = THING_ALWAYS; thing < THING_COUNT; thing++)
        if (scene_has(&system->scene, thing))
            system_log(system, "has %s", scene_what(thing));
    system_host(system);
    while (!script_done(system->script) && system->steps < STEPS_MAX)
        if (!step(system))
            system_fail(system, "11: nothing goes on, and not all was answered");
    system->calm = system->follow_due =
        true; /* the slow pass: it has something to do if a revision came in vain */
    system->faults = calm_faults;
    simulated_set_faults(system->cloud, &system->faults.provider);
    simulated_cloud_set_model(simulated_far_end(system->cloud), &system->faults.cloud);
    system_log(system, "CALM after %" PRIu64 " steps", system->steps);
    system->full_pass_ms = system->now_ms + LAST_PASS_MS;
    if (reconciler_fault(system->reconciler))
        restart(system);
    if (scene_has(&system->scene, THING_HOSTS))
        host_join(system);
    run_down(system);
    while (system->hosts->len > 0)
        host_leave(system, 0);
    /* Once more when all else is quiet: no new revision puts it right. */
    for (int i = 0; i < 3; i++)
        meddle(system);
    simulated_look(system->cloud);
    run_down(system);
    check_end(system);
    system_log(system, "END %" PRIu64 " ticks, %" PRIu64 " crashes, %" PRIu64 " comparisons with the store",
               system->ticks, system->crashes, system->checks);
}

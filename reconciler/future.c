#include "reconciler/future.h"
#include "reconciler/forecast/assertion.h"
#include "reconciler/growth.h"
#include "reconciler/plan/plan.h"
#include "reconciler/scale/strategy.h"
#include "reconciler/simulate.h"
#include "reconciler/plan/stage.h"
#include "reconciler/store/store.h"
#include "spec/base/units.h"

/* A plan looks so far ahead: schedules and endless waits have no end of their own. */
#define FORECAST_HORIZON_MS (INT64_C(14) * 24 * 3600 * 1000)

/* Where environments that say nothing run: --provider, else muster.yaml's, else AWS. */
static ProviderType default_provider(const char *provider, const ManifestSet *set)
{
    const SourceConfig *config = set ? manifest_set_config(set) : NULL;
    ProviderType type = PROVIDER_AWS;
    if (provider)
        provider_type_from(view_from(provider), &type);
    else if (config && config->provider && *config->provider)
        provider_type_from(view_from(config->provider), &type);
    return type;
}

/* The machine that local environments share: this one. */
static Capacity this_machine(void)
{
    g_autofree char *notice = NULL;
    int64_t vcpus_e4, memory_mib;
    int gpus;
    provider_local_capacity(&vcpus_e4, &memory_mib, &gpus, &notice);
    return (Capacity){vcpus_e4, memory_mib, gpus};
}

/* stops: launches that deletions end are added. */
static bool stage_plan(World *world, const Plan *plan, const char *provider, uint64_t seed, int64_t now_ms,
                       GPtrArray *stops, GError **error)
{
    Rng rng = rng_from_seed(seed);
    Stage stage = {world, plan->source_name, &rng, now_ms, stops, 0, NULL};
    if (provider)
        resource_set_provider(world, plan->source_name, provider, NULL);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        if (stage_change(&stage, change, error))
            continue;
        g_prefix_error(error, "%s/%s: ", kind_name(change->kind), change->name);
        return false;
    }
    stage_kept(&stage, plan);
    return true;
}

static const char *config_region(const ManifestSet *set)
{
    const SourceConfig *config = set ? manifest_set_config(set) : NULL;
    return config && config->region && *config->region ? config->region : "us-east-1";
}

/* ---- simulate ---- */

/* The manifests as if nothing had been there before. */
static World *world_from_set(const SimulateOptions *options, GError **error)
{
    g_autoptr(World) world = world_new(options->seed, default_provider(options->provider, options->set));
    PlanActual nothing = {0};
    PlanOptions plan_options = {.source_name = options->source, .first_run = FIRST_RUN_START};
    g_autoptr(Plan) plan = plan_build((ManifestSet *)(uintptr_t)options->set, &nothing, &plan_options);
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    world_set_recording(world, false);
    return stage_plan(world, plan, options->provider, options->seed, options->start_ms, stops, error)
               ? g_steal_pointer(&world)
               : NULL;
}

bool future_simulate(const SimulateOptions *options, SimulationResult **ret_result, GError **error)
{
    g_autoptr(World) world = world_from_set(options, error);
    if (!world)
        return false;
    SimulationOptions simulation = {.source = options->source,
                                    .provider = options->provider,
                                    .workload = options->workload,
                                    .seed = options->seed,
                                    .spot_risk = options->spot_risk,
                                    .start_ms = options->start_ms,
                                    .until_ms = options->until_ms,
                                    .machine = this_machine(),
                                    .region = config_region(options->set)};
    SimulationResult *result = simulate_run(world, &simulation, error);
    if (result)
        *ret_result = result;
    return result != NULL;
}

/* ---- forecast ---- */

static bool state_is_there(const char *state_dir)
{
    g_autofree char *path = state_dir ? g_build_filename(state_dir, "muster.db", NULL) : NULL;
    return path && g_file_test(path, G_FILE_TEST_EXISTS);
}

static World *world_from_state(const ForecastOptions *options, GError **error)
{
    g_autoptr(World) world =
        world_new(options->seed, default_provider(options->provider, options->plan->desired));
    g_autoptr(GError) fault = NULL;
    g_autoptr(StoreReader) reader = options->state_dir ? store_reader_open(options->state_dir, &fault) : NULL;
    if (!options->state_dir || g_error_matches(fault, STORE_ERROR, STORE_ERROR_MISSING)) {
        world_set_recording(world, false);
        return g_steal_pointer(&world);
    }
    if (fault)
        g_propagate_error(error, g_steal_pointer(&fault));
    if (!reader || !store_reader_begin(reader, error))
        return NULL;
    bool loaded = store_reader_load(reader, &world_sink, world, error) && world_loaded(world, error);
    store_reader_end(reader);
    if (!loaded)
        return NULL;
    world_set_recording(world, false);
    return g_steal_pointer(&world);
}

/* What all environments cost an hour: at minvCpus, at present, at maxvCpus, by the dearest that may be
 * bought. */
typedef struct {
    int64_t min, now, max;
    const char *currency;
    bool is_incomplete;
} Rates;

static int64_t rate_of(int64_t vcpus, int64_t per_vcpu_micro)
{
    int64_t rate;
    return __builtin_mul_overflow(vcpus, per_vcpu_micro, &rate) ? INT64_MAX : rate;
}

static void rates_of_candidates(const Environment *environment, const ScaleCandidates *candidates,
                                Rates *rates)
{
    int64_t least = INT64_MAX, most = -1;
    for (size_t i = 0; i < candidates->len; i++) {
        const ScaleCandidate *candidate = &candidates->types[i];
        int64_t price = strategy_price(environment->spec, candidate);
        if (price < 0) {
            rates->is_incomplete = true;
            continue;
        }
        int64_t per_vcpu = (price + candidate->vcpus - 1) / MAX(candidate->vcpus, 1);
        least = MIN(least, per_vcpu);
        most = MAX(most, per_vcpu);
    }
    if (most < 0)
        return;
    if (rates->currency && candidates->currency && strcmp(rates->currency, candidates->currency) != 0) {
        rates->is_incomplete = true;
        return;
    }
    rates->currency = g_intern_string(candidates->currency); /* outlives the candidates */
    rates->min += rate_of(environment->spec->min_vcpus, least);
    rates->max += rate_of(environment->spec->max_vcpus, most);
}

static Rates rates_of(World *world, const char *region)
{
    Rates rates = {0};
    g_autoptr(Growth) growth = growth_new(&(GrowthOptions){.region = region, .providers = ~0u});
    for (const Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment)) {
        const ScaleCandidates *candidates = growth_candidates(growth, environment);
        if (!candidates)
            continue;
        rates_of_candidates(environment, candidates, &rates);
        for (const Instance *instance = environment_instance_next(environment, NULL); instance;
             instance = environment_instance_next(environment, instance)) {
            if (instance->price_micro_per_h >= 0)
                rates.now += instance->price_micro_per_h;
            else
                rates.is_incomplete = true;
        }
    }
    return rates;
}

typedef struct {
    const ForecastOptions *options;
    const Plan *plan; /* NULL: nothing changes */
    SimulationResult *result;
    Rates rates;
    GError *error;
} Branch;

/* One of the two futures, in a thread of its own: it shares nothing with the other. */
static void *branch_run(void *data)
{
    Branch *branch = data;
    const ForecastOptions *options = branch->options;
    g_autoptr(GPtrArray) stops = g_ptr_array_new();
    g_autoptr(World) world = world_from_state(options, &branch->error);
    if (!world || (branch->plan && !stage_plan(world, branch->plan, options->provider, options->seed,
                                               options->now_ms, stops, &branch->error)))
        return NULL;
    branch->rates = rates_of(world, options->region);
    SimulationOptions simulation = {.source = options->source,
                                    .provider = options->provider,
                                    .seed = options->seed,
                                    .start_ms = options->now_ms,
                                    .horizon_ms = options->now_ms + FORECAST_HORIZON_MS,
                                    .stops = stops,
                                    .machine = this_machine(),
                                    .region = options->region,
                                    .give_up = options->give_up,
                                    .give_up_data = options->give_up_data};
    branch->result = simulate_run(world, &simulation, &branch->error);
    return NULL;
}

static bool branches_run(Branch *with, Branch *without)
{
    GThread *thread = without ? g_thread_new("forecast", branch_run, without) : NULL;
    branch_run(with);
    if (thread)
        g_thread_join(thread);
    return with->result && (!without || without->result);
}

static OutlookRates outlook_rates(const Branch *with, const Branch *without)
{
    return (OutlookRates){.currency = with->rates.currency,
                          .min = with->rates.min,
                          .now = without ? without->rates.now : with->rates.now,
                          .max = with->rates.max,
                          .max_before = without && without->rates.currency ? without->rates.max : -1,
                          .is_incomplete = with->rates.is_incomplete,
                          .prices = with->options->region};
}

bool future_forecast(const ForecastOptions *options, Outlook **ret_outlook, GPtrArray **ret_violations,
                     GError **error)
{
    ForecastOptions settled = *options;
    settled.region = options->region ? options->region : config_region(options->plan->desired);
    Branch with = {.options = &settled, .plan = options->plan}, without = {.options = &settled};
    bool is_compared = state_is_there(options->state_dir);
    bool done = branches_run(&with, is_compared ? &without : NULL);
    if (done) {
        g_autoptr(GPtrArray) asserted =
            options->plan->desired ? asserted_queues(options->plan->desired) : g_ptr_array_new();
        *ret_violations = assertion_check(with.result, asserted);
        OutlookRates rates = outlook_rates(&with, is_compared ? &without : NULL);
        *ret_outlook = outlook_new(with.result, is_compared ? without.result : NULL, &rates, *ret_violations);
    } else {
        GError *fault = with.error ? g_steal_pointer(&with.error) : g_steal_pointer(&without.error);
        g_propagate_prefixed_error(error, fault, "forecast: ");
    }
    simulation_result_free(with.result);
    simulation_result_free(without.result);
    g_clear_error(&with.error);
    g_clear_error(&without.error);
    return done;
}

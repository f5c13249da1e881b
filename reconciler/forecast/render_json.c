#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/render.h"
#include "reconciler/forecast/words.h"

#define MS_PER_SECOND 1000.0
#define MICRO         1000000.0
#define E4            10000.0
#define E3            1000.0

static json_t *seconds(int64_t ms) /* null below 0 */
{
    if (ms < 0)
        return json_null();
    return ms % 1000 ? json_real((double)ms / MS_PER_SECOND) : json_integer(ms / 1000);
}

static json_t *amount(int64_t micro)
{
    return micro < 0 ? json_null() : json_real((double)micro / MICRO);
}

static json_t *ratio(int64_t part, int64_t whole)
{
    int64_t value = ratio_e4(part, whole);
    return value < 0 ? json_null() : json_real((double)value / E4);
}

static json_t *text(const char *value)
{
    return value ? json_string(value) : json_null();
}

static json_t *time_text(int64_t at_ms)
{
    if (at_ms < 0)
        return json_null();
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at_ms / 1000);
    g_autofree char *shown = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    return text(shown);
}

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

/* ---- parts
 * -------------------------------------------------------------------------------------------------------- */

static json_t *jobs_json(const JobCounts *jobs)
{
    json_t *object = json_object();
    set(object, "submitted", json_integer(jobs->submitted));
    set(object, "succeeded", json_integer(jobs->succeeded));
    set(object, "failed", json_integer(jobs->failed));
    set(object, "infeasible", json_integer(jobs->infeasible));
    set(object, "unfinished", json_integer(jobs->unfinished));
    set(object, "attempts", json_integer(jobs->attempts));
    set(object, "attemptsLost", json_integer(jobs->attempts_lost));
    return object;
}

static const char *const percentile_names[AT_COUNT] = {"p50", "p95", "p99"};

/* Nobody waited: null, since 0 would be an answer. */
static json_t *waits_json(const WaitStatistics *waits)
{
    json_t *object = json_object();
    for (int i = 0; i < AT_COUNT; i++)
        set(object, percentile_names[i], seconds(waits->waits ? waits->wait_ms[i] : -1));
    set(object, "max", seconds(waits->waits ? waits->wait_max_ms : -1));
    return object;
}

static json_t *slowdown_json(const WaitStatistics *waits)
{
    json_t *object = json_object();
    for (int i = 0; i < AT_COUNT; i++)
        set(object, percentile_names[i],
            waits->ended ? json_real((double)waits->slowdown_e3[i] / E3) : json_null());
    return object;
}

static json_t *utilisation_json(const Utilisation *of)
{
    json_t *object = json_object();
    set(object, "vcpu", ratio(of->used[OF_VCPU], of->allocated[OF_VCPU]));
    set(object, "memory", ratio(of->used[OF_MEMORY], of->allocated[OF_MEMORY]));
    set(object, "gpu", ratio(of->used[OF_GPU], of->allocated[OF_GPU]));
    set(object, "vcpuOfMaxvCpus", ratio(of->used[OF_VCPU], of->limit_vcpus));
    return object;
}

static json_t *need_json(const ResourceNeed *need)
{
    json_t *object = json_object();
    set(object, "vcpus", json_real((double)need->vcpus_e4 / E4));
    set(object, "memoryMiB", json_integer(need->memory_mib));
    set(object, "gpus", json_integer(need->gpus));
    return object;
}

static json_t *money_json(const ResultMoney *money)
{
    json_t *object = json_object();
    set(object, "amount", amount(money_is_known(money) ? money->micro : -1));
    set(object, "atMost", amount(money->most_micro));
    set(object, "currency", text(money->currency));
    set(object, "idle", amount(money_is_known(money) ? money->idle_micro : -1));
    set(object, "unpriced", json_integer(money->unpriced));
    return object;
}

/* ---- series: [seconds since start, mean, least, greatest] for each step
 * ------------------------------------------------ */

typedef struct {
    const char *name, *queue, *environment, *currency;
    double scale;
} SeriesTitle;

static void add_series(json_t *list, const SeriesTitle *title, const Series *series)
{
    json_t *object = json_object(), *points = json_array();
    set(object, "name", json_string(title->name));
    if (title->queue)
        set(object, "queue", json_string(title->queue));
    if (title->environment)
        set(object, "environment", json_string(title->environment));
    if (title->currency)
        set(object, "currency", json_string(title->currency));
    set(object, "stepSeconds", seconds(series_step_ms(series)));
    SeriesPoint before = {0};
    for (size_t i = 0; i < series_len(series); i++) {
        SeriesPoint point = series_point(series, i);
        bool is_same = i && point.min == point.max && before.min == point.min && before.max == point.max;
        before = point;
        if (is_same && i + 1 < series_len(series)) /* it holds until the next point */
            continue;
        json_array_append_new(points,
                              json_pack("[o,f,f,f]", seconds((int64_t)i * series_step_ms(series)),
                                        (double)point.mean / title->scale, (double)point.min / title->scale,
                                        (double)point.max / title->scale));
    }
    set(object, "points", points);
    json_array_append_new(list, object);
}

static json_t *series_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->queues_len; i++) {
        const ResultQueue *queue = &result->queues[i];
        add_series(list, &(SeriesTitle){.name = "runnable", .queue = queue->name, .scale = 1},
                   queue->runnable);
        add_series(list, &(SeriesTitle){.name = "running", .queue = queue->name, .scale = 1}, queue->running);
    }
    for (size_t i = 0; i < result->environments_len; i++) {
        const ResultEnvironment *environment = &result->environments[i];
        const char *name = environment->name;
        add_series(list, &(SeriesTitle){.name = "vcpusUsed", .environment = name, .scale = E4},
                   environment->used_vcpus);
        add_series(list, &(SeriesTitle){.name = "vcpusAllocated", .environment = name, .scale = E4},
                   environment->allocated_vcpus);
    }
    for (size_t i = 0; i < result->costs_len; i++) {
        const ResultCost *cost = &result->costs[i];
        add_series(list,
                   &(SeriesTitle){.name = "costPerHour", .currency = cost->money.currency, .scale = MICRO},
                   cost->rate);
    }
    return list;
}

/* ---- lists
 * -------------------------------------------------------------------------------------------------------- */

static json_t *longest_json(const LongestWait *longest)
{
    if (!longest->name)
        return json_null();
    json_t *object = json_object();
    set(object, "job", json_string(longest->name));
    set(object, "runnableAt", time_text(longest->runnable_ms));
    set(object, "waitSeconds", seconds(longest->wait_ms));
    set(object, "environment", text(longest->environment));
    set(object, "reason", text(longest->reason));
    set(object, "needs", need_json(&longest->need));
    return object;
}

static json_t *shares_json(const ResultQueue *queue)
{
    json_t *list = json_array();
    for (size_t i = 0; i < queue->shares_len; i++) {
        const ResultShare *share = &queue->shares[i];
        json_t *object = json_object();
        set(object, "shareIdentifier", *share->identifier ? json_string(share->identifier) : json_null());
        set(object, "jobs", jobs_json(&share->jobs));
        set(object, "waitSeconds", waits_json(&share->waits));
        set(object, "slowdown", slowdown_json(&share->waits));
        set(object, "vcpuSeconds", json_integer(share->vcpu_seconds));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *queue_cost_json(const ResultMoney *money)
{
    return json_pack("{s:o,s:o,s:s}", "amount", amount(money_is_known(money) ? money->micro : -1), "atMost",
                     amount(money->most_micro), "currency", money->currency);
}

static json_t *queues_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->queues_len; i++) {
        const ResultQueue *queue = &result->queues[i];
        json_t *object = json_object(), *costs = json_array();
        for (size_t n = 0; n < queue->costs_len; n++)
            json_array_append_new(costs, queue_cost_json(&queue->costs[n]));
        set(object, "name", json_string(queue->name));
        set(object, "jobs", jobs_json(&queue->jobs));
        set(object, "waitSeconds", waits_json(&queue->waits));
        set(object, "slowdown", slowdown_json(&queue->waits));
        set(object, "runnableMax", json_integer(queue->runnable_max));
        set(object, "drainedSeconds",
            seconds(queue->drained_ms < 0 ? -1 : queue->drained_ms - result->start_ms));
        set(object, "vcpuSeconds", json_integer(queue->vcpu_seconds));
        set(object, "costs", costs);
        set(object, "costPerDayMax", amount(queue->cost_day_max_micro));
        set(object, "costPerDayAtMost", amount(queue->cost_day_most_micro));
        set(object, "longestWait", longest_json(&queue->longest));
        set(object, "shares", shares_json(queue));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *environments_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->environments_len; i++) {
        const ResultEnvironment *environment = &result->environments[i];
        json_t *object = json_object();
        set(object, "name", json_string(environment->name));
        set(object, "type", text(environment->type));
        set(object, "maxvCpus",
            environment->limit_vcpus_e4 ? json_integer(environment->limit_vcpus_e4 / DECIMAL_SCALE)
                                        : json_null());
        set(object, "vcpusUsedMax", json_real((double)environment->used_vcpus_max_e4 / E4));
        set(object, "vcpusAllocatedMax", json_real((double)environment->allocated_vcpus_max_e4 / E4));
        set(object, "utilisation", utilisation_json(&environment->utilisation));
        set(object, "instances", json_integer(environment->instances));
        set(object, "instancesLost", json_integer(environment->instances_lost));
        set(object, "attempts", json_integer(environment->attempts));
        set(object, "unpriced", json_integer(environment->unpriced));
        set(object, "cost", environment->cost.currency ? money_json(&environment->cost) : json_null());
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *instance_json(const SimulationResult *result, const ResultInstance *instance)
{
    const ResultEnvironment *environment = &result->environments[instance->environment];
    json_t *object = json_object();
    set(object, "number", json_integer((json_int_t)instance->number));
    set(object, "environment", json_string(environment->name));
    set(object, "type", json_string(instance->type));
    set(object, "spot", json_boolean(instance->spot));
    set(object, "startSeconds", seconds(instance->started_ms - result->start_ms));
    set(object, "registeredSeconds",
        seconds(instance->registered_ms < 0 ? -1 : instance->registered_ms - result->start_ms));
    set(object, "endSeconds", seconds(instance->ended_ms < 0 ? -1 : instance->ended_ms - result->start_ms));
    set(object, "reason", text(instance->reason));
    set(object, "busy", instance->busy_e4 < 0 ? json_null() : json_real((double)instance->busy_e4 / E4));
    set(object, "cost", amount(instance->cost_micro));
    set(object, "costAtMost", amount(instance->most_micro));
    set(object, "currency", instance->most_micro < 0 ? json_null() : text(environment->cost.currency));
    return object;
}

static json_t *instances_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->instances_len; i++)
        json_array_append_new(list, instance_json(result, &result->instances[i]));
    return list;
}

static json_t *infeasible_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->infeasible_len; i++) {
        const InfeasibleJobs *jobs = &result->infeasible[i];
        json_t *object = json_object();
        set(object, "queue", text(jobs->queue));
        set(object, "jobDefinition", text(jobs->definition));
        set(object, "job", text(jobs->job));
        set(object, "needs", need_json(&jobs->need));
        set(object, "reason", text(jobs->reason));
        set(object, "jobs", json_integer(jobs->count));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *runs_json(const SimulationResult *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->runs_len; i++) {
        const ResultRun *run = &result->runs[i];
        json_t *object = json_object();
        set(object, "kind", text(run->kind));
        set(object, "name", text(run->name));
        set(object, "number", json_integer(run->number));
        set(object, "startSeconds", seconds(run->started_ms - result->start_ms));
        set(object, "drainedSeconds", seconds(run->ended_ms < 0 ? -1 : run->ended_ms - result->start_ms));
        set(object, "succeeded", run->ended_ms < 0 ? json_null() : json_boolean(run->succeeded));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *cost_json(const SimulationResult *result)
{
    json_t *object = json_object(), *list = json_array();
    const ResultMoney *only = result->costs_len == 1 ? &result->costs[0].money : NULL;
    for (size_t i = 0; i < result->costs_len; i++) {
        json_t *money = money_json(&result->costs[i].money);
        bool is_known = money_is_known(&result->costs[i].money);
        set(money, "perHourMax", amount(is_known ? result->costs[i].rate_max_micro_per_h : -1));
        set(money, "perHourAtMost", amount(result->costs[i].rate_most_micro_per_h));
        json_array_append_new(list, money);
    }
    set(object, "amount", amount(only && money_is_known(only) ? only->micro : -1));
    set(object, "atMost", amount(only ? only->most_micro : -1));
    set(object, "currency", text(only ? only->currency : NULL));
    set(object, "unpriced", json_integer(result->unpriced));
    set(object, "byCurrency", list);
    return object;
}

static json_t *violations_json(const GPtrArray *violations)
{
    static const char *const names[] = {"p95Wait", "drain", "costPerDay"};
    json_t *list = json_array();
    for (guint i = 0; violations && i < violations->len; i++) {
        const Violation *violation = violations->pdata[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "queue", violation->queue, "assertion",
                                              names[violation->what], "message", violation->text));
    }
    return list;
}

static json_t *notes_json(char **notes)
{
    json_t *list = json_array();
    for (char **note = notes; note && *note; note++)
        json_array_append_new(list, json_string(*note));
    return list;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

json_t *simulation_json(const SimulationResult *result, const GPtrArray *violations)
{
    json_t *object = json_object();
    set(object, "formatVersion", json_integer(SIMULATION_FORMAT_VERSION));
    set(object, "source", text(result->source));
    set(object, "provider", text(result->provider));
    set(object, "seed", json_integer((json_int_t)result->seed));
    set(object, "spot",
        json_pack("{s:f,s:f}", "reclaimsPerHour", (double)result->spot_risk.reclaims_per_h_e4 / E4, "refused",
                  (double)result->spot_risk.refused_e4 / E4));
    set(object, "start", time_text(result->start_ms));
    set(object, "endSeconds", seconds(result->end_ms - result->start_ms));
    set(object, "makespanSeconds", seconds(result->makespan_ms));
    set(object, "cut", json_boolean(result->is_cut));
    set(object, "jobs", jobs_json(&result->jobs));
    set(object, "waitSeconds", waits_json(&result->waits));
    set(object, "slowdown", slowdown_json(&result->waits));
    set(object, "utilisation", utilisation_json(&result->utilisation));
    set(object, "cost", cost_json(result));
    set(object, "queues", queues_json(result));
    set(object, "environments", environments_json(result));
    set(object, "runs", runs_json(result));
    set(object, "infeasible", infeasible_json(result));
    set(object, "infeasibleMore", json_integer(result->infeasible_more));
    set(object, "violations", violations_json(violations));
    set(object, "notes", notes_json(result->notes));
    set(object, "instancesStarted", json_integer(result->instances_started));
    set(object, "instancesLost", json_integer(result->instances_lost));
    set(object, "instances", instances_json(result));
    set(object, "series", series_json(result));
    return object;
}

static json_t *delta_json(const SimulationResult *first, const SimulationResult *second)
{
    json_t *object = json_object(), *wait = json_object();
    for (int i = 0; i < AT_COUNT; i++)
        set(wait, percentile_names[i],
            json_real((double)(second->waits.wait_ms[i] - first->waits.wait_ms[i]) / MS_PER_SECOND));
    set(object, "makespanSeconds",
        json_real((double)(second->makespan_ms - first->makespan_ms) / MS_PER_SECOND));
    set(object, "waitSeconds", wait);
    bool is_known = first->costs_len == 1 && second->costs_len == 1 && !first->unpriced &&
                    !second->unpriced &&
                    strcmp(first->costs[0].money.currency, second->costs[0].money.currency) == 0;
    set(object, "cost",
        is_known ? json_real((double)(second->costs[0].money.micro - first->costs[0].money.micro) / MICRO)
                 : json_null());
    return object;
}

json_t *simulation_compare_json(const SimulationResult *first, const SimulationResult *second,
                                const GPtrArray *violations)
{
    json_t *object = json_object(), *results = json_array();
    json_array_append_new(results, simulation_json(first, violations));
    json_array_append_new(results, simulation_json(second, NULL));
    set(object, "formatVersion", json_integer(SIMULATION_FORMAT_VERSION));
    set(object, "results", results);
    set(object, "delta", delta_json(first, second));
    return object;
}

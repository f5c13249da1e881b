/* collector_finish.c: the books are closed and become the result. */
#include "reconciler/forecast/collector_internal.h"

#define MS_PER_SECOND 1000
#define HOUR_MS       INT64_C(3600000)
#define DAY_MS        (24 * HOUR_MS)

static const int permilles[AT_COUNT] = {[AT_P50] = 500, [AT_P95] = 950, [AT_P99] = 990};

static WaitStatistics statistics_of(const WaitBook *book)
{
    WaitStatistics statistics = {.waits = (int64_t)quantiles_count(book->waits),
                                 .wait_max_ms = quantiles_max(book->waits),
                                 .ended = (int64_t)quantiles_count(book->slowdowns)};
    for (int i = 0; i < AT_COUNT; i++) {
        statistics.wait_ms[i] = quantiles_at(book->waits, permilles[i]);
        statistics.slowdown_e3[i] = quantiles_at(book->slowdowns, permilles[i]);
    }
    return statistics;
}

static void count_unfinished(JobCounts *jobs)
{
    jobs->unfinished = MAX(jobs->submitted - jobs->succeeded - jobs->failed - jobs->infeasible, 0);
}

static int64_t vcpu_seconds(__int128 vcpu_ms_e4)
{
    return (int64_t)(vcpu_ms_e4 / ((__int128)MS_PER_SECOND * DECIMAL_SCALE));
}

static Series *series_take(Series **series, int64_t end_ms)
{
    series_end(*series, end_ms);
    return g_steal_pointer(series);
}

/* ---- environments
 * ------------------------------------------------------------------------------------------------- */

static void add_utilisation(Utilisation *sum, const Utilisation *part)
{
    for (int i = 0; i < RESOURCE_TYPES; i++) {
        sum->used[i] += part->used[i];
        sum->allocated[i] += part->allocated[i];
    }
    sum->limit_vcpus += part->limit_vcpus;
}

static void finish_environment(const EnvironmentBook *book, int64_t makespan_ms,
                               ResultEnvironment *environment)
{
    static const int64_t scales[] = {[OF_VCPU] = DECIMAL_SCALE, [OF_MEMORY] = 1, [OF_GPU] = 1};
    *environment = (ResultEnvironment){
        .name = g_strdup(book->name),
        .type = g_strdup(book->type),
        .limit_vcpus_e4 = book->limit_vcpus_e4,
        .instances = book->instances,
        .instances_lost = book->instances_lost,
        .attempts = book->attempts,
        .unpriced = book->unpriced,
        .unbounded = book->unbounded,
        .cost = {.currency = g_strdup(book->currency),
                 .micro = book->cost_micro,
                 .idle_micro = book->idle_micro,
                 .most_micro = book->unbounded ? -1 : book->most_micro,
                 .unpriced = book->unpriced},
    };
    for (int i = 0; i < RESOURCE_TYPES; i++) {
        __int128 unit = (__int128)MS_PER_SECOND * scales[i];
        environment->utilisation.used[i] = (int64_t)(series_integral(book->used[i]) / unit);
        environment->utilisation.allocated[i] = (int64_t)(series_integral(book->allocated[i]) / unit);
    }
    environment->utilisation.limit_vcpus =
        (int64_t)((__int128)book->limit_vcpus_e4 * makespan_ms / ((__int128)MS_PER_SECOND * DECIMAL_SCALE));
    environment->used_vcpus_max_e4 = series_max(book->used[OF_VCPU]);
    environment->allocated_vcpus_max_e4 = series_max(book->allocated[OF_VCPU]);
}

static int compare_environment(const void *a, const void *b)
{
    const EnvironmentBook *left = *(EnvironmentBook *const *)a, *right = *(EnvironmentBook *const *)b;
    return strcmp(left->name, right->name);
}

/* *ret_places: handle → place in the result. */
static void finish_environments(Collector *collector, int64_t end_ms, uint32_t **ret_places,
                                SimulationResult *result)
{
    size_t len = collector->environments->len;
    g_autofree EnvironmentBook **sorted = g_memdup2(collector->environments->pdata, len * sizeof *sorted);
    if (len)
        qsort(sorted, len, sizeof(EnvironmentBook *), compare_environment);
    *ret_places = g_new0(uint32_t, len + 1);
    result->environments = g_new0(ResultEnvironment, len);
    result->environments_len = len;
    for (size_t i = 0; i < len; i++) {
        ResultEnvironment *environment = &result->environments[i];
        for (int r = 0; r < RESOURCE_TYPES; r++) {
            series_end(sorted[i]->used[r], end_ms);
            series_end(sorted[i]->allocated[r], end_ms);
        }
        finish_environment(sorted[i], result->makespan_ms, environment);
        environment->used_vcpus = g_steal_pointer(&sorted[i]->used[OF_VCPU]);
        environment->allocated_vcpus = g_steal_pointer(&sorted[i]->allocated[OF_VCPU]);
        environment->rate = series_take(&sorted[i]->rate, end_ms);
        environment->rate_most = series_take(&sorted[i]->rate_most, end_ms);
        add_utilisation(&result->utilisation, &environment->utilisation);
        result->unpriced += environment->unpriced;
        for (uint32_t handle = 0; handle < len; handle++)
            if (collector->environments->pdata[handle] == sorted[i])
                (*ret_places)[handle] = (uint32_t)i;
    }
}

/* ---- instances
 * ---------------------------------------------------------------------------------------------------- */

static gint compare_instance(gconstpointer a, gconstpointer b)
{
    const ResultInstance *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Those that live are paid up to the end. */
static void settle_living(Collector *collector, int64_t end_ms, SimulationResult *result)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, collector->living);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        InstanceBook *instance = value;
        instance_settle(collector, instance, end_ms);
        g_array_append_val(collector->ended, instance->row);
        result->instances_left++;
    }
    g_array_sort(collector->ended, compare_instance);
    g_array_set_size(collector->ended, MIN(collector->ended->len, RESULT_INSTANCES_MAX));
}

static void finish_instances(Collector *collector, const uint32_t *places, SimulationResult *result)
{
    result->instances_started = collector->instances_started;
    result->instances_lost = collector->instances_lost;
    result->instances_len = collector->ended->len;
    result->instances = g_new0(ResultInstance, collector->ended->len);
    for (guint i = 0; i < collector->ended->len; i++) {
        result->instances[i] = g_array_index(collector->ended, ResultInstance, i);
        result->instances[i].environment = places[result->instances[i].environment];
    }
}

/* ---- money
 * -------------------------------------------------------------------------------------------------------- */

static int compare_cost(const void *a, const void *b)
{
    const ResultCost *left = a, *right = b;
    return strcmp(left->money.currency, right->money.currency);
}

static ResultCost *cost_find(SimulationResult *result, const char *currency)
{
    for (size_t i = 0; i < result->costs_len; i++)
        if (strcmp(result->costs[i].money.currency, currency) == 0)
            return &result->costs[i];
    return NULL;
}

static void add_money(ResultMoney *sum, const ResultMoney *part)
{
    sum->micro += part->micro;
    sum->idle_micro += part->idle_micro;
    sum->unpriced += part->unpriced;
    sum->most_micro = sum->most_micro < 0 || part->most_micro < 0 ? -1 : sum->most_micro + part->most_micro;
}

static void finish_costs(Collector *collector, int64_t end_ms, SimulationResult *result)
{
    result->costs = g_new0(ResultCost, collector->costs->len);
    result->costs_len = collector->costs->len;
    for (guint i = 0; i < collector->costs->len; i++) {
        CostBook *book = collector->costs->pdata[i];
        result->costs[i] = (ResultCost){.money = {.currency = g_strdup(book->currency)},
                                        .rate_max_micro_per_h = series_max(book->rate),
                                        .rate_most_micro_per_h = series_max(book->rate_most)};
        result->costs[i].rate = series_take(&book->rate, end_ms);
    }
    if (result->costs_len)
        qsort(result->costs, result->costs_len, sizeof *result->costs, compare_cost);
    for (size_t i = 0; i < result->environments_len; i++) {
        const ResultMoney *money = &result->environments[i].cost;
        ResultCost *cost = money->currency ? cost_find(result, money->currency) : NULL;
        if (cost)
            add_money(&cost->money, money);
        if (cost && cost->money.most_micro < 0)
            cost->rate_most_micro_per_h = -1;
    }
}

/* ---- queues
 * ------------------------------------------------------------------------------------------------------- */

static void money_add(GArray *costs, const char *currency, const ResultMoney *part)
{
    for (guint i = 0; i < costs->len; i++) {
        ResultMoney *money = &g_array_index(costs, ResultMoney, i);
        if (strcmp(money->currency, currency) == 0) {
            add_money(money, part);
            return;
        }
    }
    ResultMoney money = *part;
    money.currency = g_strdup(currency);
    g_array_append_val(costs, money);
}

static void share_costs(const Collector *collector, const QueueBook *book, ResultQueue *queue)
{
    g_autoptr(GArray) costs = g_array_new(FALSE, FALSE, sizeof(ResultMoney));
    for (guint i = 0; i < book->by_environment->len; i++) {
        const EnvironmentBook *environment = collector->environments->pdata[i];
        __int128 part = g_array_index(book->by_environment, __int128, i);
        __int128 whole = environment->vcpu_ms_e4;
        if (!environment->currency || whole <= 0)
            continue;
        ResultMoney money = {.micro = (int64_t)(environment->cost_micro * part / whole)};
        if (part > 0 && environment->unbounded)
            money.most_micro = -1;
        else
            money.most_micro = (int64_t)(environment->most_micro * part / whole);
        money.unpriced = part > 0 ? environment->unpriced : 0;
        money_add(costs, environment->currency, &money);
    }
    queue->costs_len = costs->len;
    queue->costs = (ResultMoney *)(void *)g_array_free(g_steal_pointer(&costs), FALSE);
}

/* Its part of what environment cost within 24 hours from from_ms on, by its part of the whole. */
static int64_t day_part(const QueueBook *book, const Collector *collector, guint handle, const Series *rate,
                        int64_t from_ms)
{
    __int128 whole = ((EnvironmentBook *)collector->environments->pdata[handle])->vcpu_ms_e4;
    __int128 part = g_array_index(book->by_environment, __int128, handle);
    if (whole <= 0)
        return 0;
    int64_t micro = (int64_t)(series_integral_between(rate, from_ms, from_ms + DAY_MS) / HOUR_MS);
    return (int64_t)(micro * part / whole);
}

static void find_costliest_day(const Collector *collector, const QueueBook *book, const uint32_t *places,
                               const SimulationResult *result, ResultQueue *queue)
{
    queue->cost_day_max_micro = queue->cost_day_most_micro = -1;
    if (queue->costs_len != 1)
        return;
    for (int64_t from_ms = result->start_ms; from_ms < result->end_ms; from_ms += DAY_MS) {
        int64_t micro = 0, most = 0;
        for (guint i = 0; i < book->by_environment->len; i++) {
            const ResultEnvironment *environment = &result->environments[places[i]];
            micro += day_part(book, collector, i, environment->rate, from_ms);
            most += day_part(book, collector, i, environment->rate_most, from_ms);
        }
        queue->cost_day_max_micro = MAX(queue->cost_day_max_micro, micro);
        queue->cost_day_most_micro = MAX(queue->cost_day_most_micro, most);
    }
    if (queue->costs[0].most_micro < 0)
        queue->cost_day_most_micro = -1;
}

static int compare_share(const void *a, const void *b)
{
    const ResultShare *left = a, *right = b;
    return strcmp(left->identifier, right->identifier);
}

static void finish_shares(QueueBook *book, ResultQueue *queue)
{
    queue->shares = g_new0(ResultShare, book->shares->len);
    queue->shares_len = book->shares->len;
    for (guint i = 0; i < book->shares->len; i++) {
        ShareBook *share = book->shares->pdata[i];
        count_unfinished(&share->jobs);
        queue->shares[i] = (ResultShare){.identifier = g_strdup(share->identifier),
                                         .jobs = share->jobs,
                                         .waits = statistics_of(&share->book),
                                         .vcpu_seconds = vcpu_seconds(share->vcpu_ms_e4)};
    }
    if (queue->shares_len)
        qsort(queue->shares, queue->shares_len, sizeof *queue->shares, compare_share);
}

static void finish_queue(const Collector *collector, QueueBook *book, int64_t end_ms, ResultQueue *queue)
{
    count_unfinished(&book->jobs);
    *queue = (ResultQueue){
        .name = g_strdup(book->name),
        .jobs = book->jobs,
        .waits = statistics_of(&book->book),
        .longest = book->longest,
        .runnable_max = series_max(book->runnable),
        .drained_ms = book->open > 0 ? -1 : book->last_end_ms,
        .vcpu_seconds = vcpu_seconds(book->vcpu_ms_e4),
    };
    queue->runnable = series_take(&book->runnable, end_ms);
    queue->running = series_take(&book->running, end_ms);
    book->longest = (LongestWait){0};
    share_costs(collector, book, queue);
    finish_shares(book, queue);
}

static int compare_queue(const void *a, const void *b)
{
    const ResultQueue *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void finish_queues(Collector *collector, const uint32_t *places, SimulationResult *result)
{
    result->queues = g_new0(ResultQueue, collector->queues->len);
    result->queues_len = collector->queues->len;
    for (guint i = 0; i < collector->queues->len; i++) {
        QueueBook *book = collector->queues->pdata[i];
        finish_queue(collector, book, result->end_ms, &result->queues[i]);
        find_costliest_day(collector, book, places, result, &result->queues[i]);
    }
    if (result->queues_len)
        qsort(result->queues, result->queues_len, sizeof *result->queues, compare_queue);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------- */

static void finish_lists(Collector *collector, SimulationResult *result)
{
    result->infeasible_len = collector->infeasible->len;
    result->infeasible = g_new0(InfeasibleJobs, result->infeasible_len);
    for (size_t i = 0; i < result->infeasible_len; i++) {
        InfeasibleJobs *jobs = collector->infeasible->pdata[i];
        result->infeasible[i] = *jobs;
        *jobs = (InfeasibleJobs){0};
    }
    result->infeasible_more = collector->infeasible_more;
    result->runs_more = collector->runs_more;
    result->runs_len = collector->runs->len;
    g_array_set_clear_func(collector->runs, NULL);
    result->runs = g_memdup2(collector->runs->data, result->runs_len * sizeof *result->runs);
    g_ptr_array_add(collector->notes, NULL);
    result->notes = (char **)g_ptr_array_free(g_steal_pointer(&collector->notes), FALSE);
    result->texts = g_steal_pointer(&collector->texts);
}

SimulationResult *collector_finish(Collector *collector, int64_t now_ms, SimulationEnd end)
{
    SimulationResult *result = g_new0(SimulationResult, 1);
    g_autofree uint32_t *places = NULL;
    count_unfinished(&collector->jobs);
    result->source = g_steal_pointer(&collector->source);
    result->provider = g_steal_pointer(&collector->provider);
    result->seed = collector->seed;
    result->spot_risk = collector->spot_risk;
    result->start_ms = collector->start_ms;
    result->end_ms = MAX(now_ms, collector->start_ms);
    result->makespan_ms = collector->last_end_ms - collector->start_ms;
    result->is_cut = end == SIMULATION_CUT;
    result->jobs = collector->jobs;
    result->waits = statistics_of(&collector->book);
    settle_living(collector, result->end_ms, result);
    finish_environments(collector, result->end_ms, &places, result);
    finish_instances(collector, places, result);
    finish_costs(collector, result->end_ms, result);
    finish_queues(collector, places, result);
    finish_lists(collector, result);
    collector_free(collector);
    return result;
}

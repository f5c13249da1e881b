/* collector_money.c: instances, what they hold and what they cost. */
#include "reconciler/forecast/collector_internal.h"

#define MS_PER_SECOND      1000
#define SECONDS_PER_HOUR   3600
#define BILLED_SECONDS_MIN 60
#define CURRENCIES_MAX     16

void collector_capacity(Collector *collector, uint32_t environment, int64_t now_ms, ResourceNeed used,
                        ResourceNeed allocated)
{
    EnvironmentBook *book = collector_environment_book(collector, environment);
    const int64_t used_of[] = {used.vcpus_e4, used.memory_mib, used.gpus};
    const int64_t allocated_of[] = {allocated.vcpus_e4, allocated.memory_mib, allocated.gpus};
    for (int i = 0; i < RESOURCE_TYPES; i++) {
        series_set(book->used[i], now_ms, used_of[i]);
        series_set(book->allocated[i], now_ms, allocated_of[i]);
    }
}

/* ---- money
 * -------------------------------------------------------------------------------------------------------- */

static CostBook *cost_of(Collector *collector, const char *currency)
{
    for (guint i = 0; i < collector->costs->len; i++) {
        CostBook *cost = collector->costs->pdata[i];
        if (strcmp(cost->currency, currency) == 0)
            return cost;
    }
    g_assert(collector->costs->len < CURRENCIES_MAX); /* they are the catalogue's */
    CostBook *cost = g_new0(CostBook, 1);
    cost->currency = g_strdup(currency);
    cost->rate = collector_series(collector);
    cost->rate_most = collector_series(collector);
    g_ptr_array_add(collector->costs, cost);
    return cost;
}

static void series_add(Series *series, int64_t now_ms, int64_t difference)
{
    series_set(series, now_ms, series_value(series) + difference);
}

/* What is paid in environment, and in its currency, changes: the price (-1: unknown) comes to it, or goes.
 * most is what it is at most; nothing where that is not known either. */
static void change_rate(Collector *collector, EnvironmentBook *environment, int64_t now_ms, int64_t price,
                        int64_t most, int sign)
{
    if (price < 0 && most < 0)
        return;
    CostBook *all = cost_of(collector, environment->currency);
    if (price >= 0) {
        series_add(all->rate, now_ms, sign * price);
        series_add(environment->rate, now_ms, sign * price);
    }
    series_add(all->rate_most, now_ms, sign * (price >= 0 ? price : most));
    series_add(environment->rate_most, now_ms, sign * (price >= 0 ? price : most));
}

static void count_unpriced(EnvironmentBook *environment, int64_t price, int64_t most)
{
    environment->unpriced += price < 0;
    environment->unbounded += price < 0 && most < 0;
}

/* EC2 and Fargate bill whole seconds, a minute at least. */
static int64_t billed_micro(int64_t from_ms, int64_t to_ms, int64_t price_micro_per_h)
{
    int64_t seconds = (MAX(to_ms - from_ms, 0) + MS_PER_SECOND - 1) / MS_PER_SECOND;
    seconds = MAX(seconds, BILLED_SECONDS_MIN);
    return (int64_t)(((__int128)price_micro_per_h * seconds + SECONDS_PER_HOUR / 2) / SECONDS_PER_HOUR);
}

void collector_task_started(Collector *collector, uint32_t environment, int64_t now_ms,
                            int64_t price_micro_per_h)
{
    EnvironmentBook *book = collector_environment_book(collector, environment);
    if (!book->currency)
        return;
    count_unpriced(book, price_micro_per_h, -1);
    change_rate(collector, book, now_ms, price_micro_per_h, -1, 1);
}

void collector_task_ended(Collector *collector, uint32_t environment, int64_t started_ms, int64_t now_ms,
                          int64_t price_micro_per_h)
{
    EnvironmentBook *book = collector_environment_book(collector, environment);
    if (!book->currency || price_micro_per_h < 0)
        return;
    int64_t micro = billed_micro(started_ms, now_ms, price_micro_per_h);
    book->cost_micro += micro;
    book->most_micro += micro;
    change_rate(collector, book, now_ms, price_micro_per_h, -1, -1);
}

/* ---- instances
 * ---------------------------------------------------------------------------------------------------- */

void collector_instance_started(Collector *collector, const CollectedInstance *instance)
{
    EnvironmentBook *environment = collector_environment_book(collector, instance->environment);
    int64_t most = instance->most_micro_per_h > 0 ? instance->most_micro_per_h : -1;
    collector->instances_started++;
    environment->instances++;
    InstanceBook *book = g_new0(InstanceBook, 1);
    book->row = (ResultInstance){
        .number = instance->number,
        .environment = instance->environment,
        .spot = instance->spot,
        .type = g_string_chunk_insert_const(collector->texts, instance->type ? instance->type : ""),
        .started_ms = instance->started_ms,
        .registered_ms = -1,
        .ended_ms = -1,
        .price_micro_per_h = environment->currency ? instance->price_micro_per_h : -1,
        .most_micro_per_h = environment->currency ? most : -1,
        .cost_micro = -1,
        .most_micro = -1,
        .busy_e4 = -1,
    };
    g_hash_table_replace(collector->living, &book->row.number, book);
    if (!environment->currency)
        return;
    count_unpriced(environment, instance->price_micro_per_h, most);
    change_rate(collector, environment, instance->started_ms, instance->price_micro_per_h, most, 1);
}

static InstanceBook *find(Collector *collector, uint64_t number)
{
    return g_hash_table_lookup(collector->living, &number);
}

void collector_instance_registered(Collector *collector, uint64_t number, int64_t now_ms, int64_t vcpus_e4)
{
    InstanceBook *instance = find(collector, number);
    if (!instance || instance->row.registered_ms >= 0)
        return;
    instance->row.registered_ms = instance->changed_ms = now_ms;
    instance->vcpus_e4 = vcpus_e4;
}

static void accrue(InstanceBook *instance, int64_t now_ms)
{
    if (instance->row.registered_ms < 0 || now_ms <= instance->changed_ms)
        return;
    instance->used_ms_e4 += (__int128)instance->used_vcpus_e4 * (now_ms - instance->changed_ms);
    instance->changed_ms = now_ms;
}

void collector_instance_used(Collector *collector, uint64_t number, int64_t now_ms, int64_t used_vcpus_e4)
{
    InstanceBook *instance = find(collector, number);
    if (!instance)
        return;
    accrue(instance, now_ms);
    instance->used_vcpus_e4 = used_vcpus_e4;
}

void instance_settle(Collector *collector, InstanceBook *instance, int64_t now_ms)
{
    EnvironmentBook *environment = collector_environment_book(collector, instance->row.environment);
    ResultInstance *row = &instance->row;
    accrue(instance, now_ms);
    __int128 had = (__int128)instance->vcpus_e4 * (now_ms - row->registered_ms);
    if (row->registered_ms >= 0 && had > 0)
        row->busy_e4 = (int64_t)MIN(instance->used_ms_e4 * DECIMAL_SCALE / had, DECIMAL_SCALE);
    if (row->price_micro_per_h < 0) {
        if (row->most_micro_per_h >= 0)
            row->most_micro = billed_micro(row->started_ms, now_ms, row->most_micro_per_h);
        environment->most_micro += MAX(row->most_micro, 0);
        return;
    }
    row->cost_micro = row->most_micro = billed_micro(row->started_ms, now_ms, row->price_micro_per_h);
    /* Booting is idle too: only what ran on it was worth the money. */
    __int128 paid = (__int128)instance->vcpus_e4 * MAX(now_ms - row->started_ms, 1);
    __int128 worth = paid > 0 ? (__int128)row->cost_micro * MIN(instance->used_ms_e4, paid) / paid : 0;
    environment->cost_micro += row->cost_micro;
    environment->most_micro += row->cost_micro;
    environment->idle_micro += row->cost_micro - (int64_t)worth;
}

void collector_instance_ended(Collector *collector, uint64_t number, int64_t now_ms, const char *reason,
                              bool lost)
{
    InstanceBook *instance = find(collector, number);
    if (!instance)
        return;
    EnvironmentBook *environment = collector_environment_book(collector, instance->row.environment);
    instance->row.ended_ms = now_ms;
    if (reason)
        instance->row.reason = g_string_chunk_insert_const(collector->texts, reason);
    environment->instances_lost += lost;
    collector->instances_lost += lost;
    instance_settle(collector, instance, now_ms);
    if (environment->currency)
        change_rate(collector, environment, now_ms, instance->row.price_micro_per_h,
                    instance->row.most_micro_per_h, -1);
    if (collector->ended->len < RESULT_INSTANCES_MAX)
        g_array_append_val(collector->ended, instance->row);
    g_hash_table_remove(collector->living, &number);
}

#include "reconciler/forecast/collector_internal.h"

#define SERIES_STEP_MS 1000
#define SLOWDOWN_RUN_MS                                                                                      \
    10000 /* runs below count as this long: a second's wait must not look like a disaster */
#define OTHERS "…"
#define E3     1000

/* ---- books
 * -------------------------------------------------------------------------------------------------------- */

Series *collector_series(const Collector *collector)
{
    return series_new(collector->start_ms, SERIES_STEP_MS);
}

void wait_book_init(WaitBook *book)
{
    book->waits = quantiles_new();
    book->slowdowns = quantiles_new();
}

void wait_book_clear(WaitBook *book)
{
    g_clear_pointer(&book->waits, quantiles_free);
    g_clear_pointer(&book->slowdowns, quantiles_free);
}

static void share_book_free(void *data)
{
    ShareBook *share = data;
    wait_book_clear(&share->book);
    g_free(share->identifier);
    g_free(share);
}

static void queue_book_free(void *data)
{
    QueueBook *queue = data;
    wait_book_clear(&queue->book);
    g_clear_pointer(&queue->runnable, series_free);
    g_clear_pointer(&queue->running, series_free);
    g_free(queue->name);
    g_free(queue->longest.name);
    g_free(queue->longest.reason);
    g_free(queue->longest.environment);
    g_array_unref(queue->by_environment);
    g_ptr_array_unref(queue->shares);
    g_free(queue);
}

static void environment_book_free(void *data)
{
    EnvironmentBook *environment = data;
    for (int i = 0; i < RESOURCE_TYPES; i++) {
        g_clear_pointer(&environment->used[i], series_free);
        g_clear_pointer(&environment->allocated[i], series_free);
    }
    g_clear_pointer(&environment->rate, series_free);
    g_clear_pointer(&environment->rate_most, series_free);
    g_free(environment->name);
    g_free(environment->type);
    g_free(environment->currency);
    g_free(environment);
}

static void cost_book_free(void *data)
{
    CostBook *cost = data;
    g_clear_pointer(&cost->rate, series_free);
    g_clear_pointer(&cost->rate_most, series_free);
    g_free(cost->currency);
    g_free(cost);
}

static void infeasible_free(void *data)
{
    InfeasibleJobs *jobs = data;
    g_free(jobs->queue);
    g_free(jobs->definition);
    g_free(jobs->job);
    g_free(jobs->reason);
    g_free(jobs);
}

static void run_clear(void *data)
{
    ResultRun *run = data;
    g_free(run->kind);
    g_free(run->name);
}

static GHashTable *ids_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

Collector *collector_new(const CollectorOptions *options)
{
    Collector *collector = g_new0(Collector, 1);
    collector->source = g_strdup(options->source);
    collector->provider = g_strdup(options->provider);
    collector->seed = options->seed;
    collector->spot_risk = options->spot_risk;
    collector->start_ms = collector->last_end_ms = options->start_ms;
    wait_book_init(&collector->book);
    collector->queues = g_ptr_array_new_with_free_func(queue_book_free);
    collector->shares = g_ptr_array_new_with_free_func(share_book_free);
    collector->environments = g_ptr_array_new_with_free_func(environment_book_free);
    collector->queue_ids = ids_new();
    collector->share_ids = ids_new();
    collector->environment_ids = ids_new();
    collector->living = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    collector->ended = g_array_new(FALSE, FALSE, sizeof(ResultInstance));
    collector->costs = g_ptr_array_new_with_free_func(cost_book_free);
    collector->infeasible = g_ptr_array_new_with_free_func(infeasible_free);
    collector->infeasible_by = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    collector->runs = g_array_new(FALSE, FALSE, sizeof(ResultRun));
    g_array_set_clear_func(collector->runs, run_clear);
    collector->notes = g_ptr_array_new_with_free_func(g_free);
    collector->texts = g_string_chunk_new(1024);
    return collector;
}

void collector_free(Collector *collector)
{
    if (!collector)
        return;
    g_hash_table_unref(collector->infeasible_by);
    g_hash_table_unref(collector->queue_ids);
    g_hash_table_unref(collector->share_ids);
    g_hash_table_unref(collector->environment_ids);
    g_hash_table_unref(collector->living);
    g_ptr_array_unref(collector->queues);
    g_ptr_array_unref(collector->shares);
    g_ptr_array_unref(collector->environments);
    g_ptr_array_unref(collector->costs);
    g_ptr_array_unref(collector->infeasible);
    g_clear_pointer(&collector->notes, g_ptr_array_unref);
    g_array_unref(collector->ended);
    g_array_unref(collector->runs);
    wait_book_clear(&collector->book);
    g_clear_pointer(&collector->texts, g_string_chunk_free);
    g_free(collector->source);
    g_free(collector->provider);
    g_free(collector);
}

/* ---- handles
 * ------------------------------------------------------------------------------------------------------ */

/* The handle kept under key; else true: a new one must be made under *ret_name, which is OTHERS at the limit.
 */
static bool is_new(GHashTable *ids, const GPtrArray *books, const char *key, size_t max, uint32_t *ret_id)
{
    gpointer found = g_hash_table_lookup(ids, key);
    if (!found && books->len >= max)
        found = GUINT_TO_POINTER(books->len); /* the last */
    *ret_id = found ? GPOINTER_TO_UINT(found) - 1 : books->len;
    if (!found)
        g_hash_table_insert(ids, g_strdup(key), GUINT_TO_POINTER(books->len + 1));
    return !found;
}

static char *name_within(const GPtrArray *books, const char *name, size_t max)
{
    return g_strdup(books->len + 1 < max ? name : OTHERS);
}

uint32_t collector_queue(Collector *collector, const char *name)
{
    uint32_t id;
    if (!is_new(collector->queue_ids, collector->queues, name, COLLECTOR_QUEUES_MAX, &id))
        return id;
    QueueBook *queue = g_new0(QueueBook, 1);
    queue->name = name_within(collector->queues, name, COLLECTOR_QUEUES_MAX);
    wait_book_init(&queue->book);
    queue->longest.wait_ms = -1;
    queue->last_end_ms = -1;
    queue->runnable = collector_series(collector);
    queue->running = collector_series(collector);
    queue->by_environment = g_array_new(FALSE, TRUE, sizeof(__int128));
    queue->shares = g_ptr_array_new();
    g_ptr_array_add(collector->queues, queue);
    return id;
}

uint32_t collector_share(Collector *collector, uint32_t queue, const char *identifier)
{
    uint32_t id;
    g_autofree char *key = g_strdup_printf("%u/%s", queue, identifier);
    if (!is_new(collector->share_ids, collector->shares, key, COLLECTOR_SHARES_MAX, &id))
        return id;
    ShareBook *share = g_new0(ShareBook, 1);
    share->identifier = name_within(collector->shares, identifier, COLLECTOR_SHARES_MAX);
    share->queue = queue;
    wait_book_init(&share->book);
    g_ptr_array_add(collector->shares, share);
    QueueBook *book = collector->queues->pdata[queue];
    g_ptr_array_add(book->shares, share);
    return id;
}

uint32_t collector_environment(Collector *collector, const CollectedEnvironment *environment)
{
    uint32_t id;
    if (!is_new(collector->environment_ids, collector->environments, environment->name,
                COLLECTOR_ENVIRONMENTS_MAX, &id))
        return id;
    EnvironmentBook *book = g_new0(EnvironmentBook, 1);
    book->name = name_within(collector->environments, environment->name, COLLECTOR_ENVIRONMENTS_MAX);
    book->type = g_strdup(environment->type);
    book->currency = g_strdup(environment->currency);
    book->limit_vcpus_e4 = environment->limit_vcpus_e4;
    book->rate = collector_series(collector);
    book->rate_most = collector_series(collector);
    for (int i = 0; i < RESOURCE_TYPES; i++) {
        book->used[i] = collector_series(collector);
        book->allocated[i] = collector_series(collector);
    }
    g_ptr_array_add(collector->environments, book);
    return id;
}

static ShareBook *share_of(const Collector *collector, uint32_t share)
{
    return collector->shares->pdata[share];
}

static QueueBook *queue_of(const Collector *collector, const ShareBook *share)
{
    return collector->queues->pdata[share->queue];
}

/* ---- jobs
 * ---------------------------------------------------------------------------------------------------------
 */

void collector_jobs_submitted(Collector *collector, uint32_t share, int64_t count)
{
    ShareBook *book = share_of(collector, share);
    QueueBook *queue = queue_of(collector, book);
    book->jobs.submitted += count;
    queue->jobs.submitted += count;
    queue->open += count;
    collector->jobs.submitted += count;
}

static void note_longest(Collector *collector, QueueBook *queue, const CollectedWait *wait, int64_t wait_ms)
{
    LongestWait *longest = &queue->longest;
    g_free(longest->name);
    g_free(longest->reason);
    g_free(longest->environment);
    longest->name =
        wait->index < 0 ? g_strdup(wait->name) : g_strdup_printf("%s:%d", wait->name, wait->index);
    longest->reason = g_strdup(wait->reason);
    longest->environment = wait->environment == COLLECTOR_NONE
                               ? NULL
                               : g_strdup(collector_environment_book(collector, wait->environment)->name);
    longest->runnable_ms = wait->runnable_ms;
    longest->wait_ms = wait_ms;
    longest->need = wait->need;
}

void collector_job_started(Collector *collector, const CollectedWait *wait)
{
    ShareBook *share = share_of(collector, wait->share);
    QueueBook *queue = queue_of(collector, share);
    int64_t wait_ms = MAX(wait->now_ms - wait->runnable_ms, 0);
    quantiles_add(collector->book.waits, wait_ms, wait->count);
    quantiles_add(queue->book.waits, wait_ms, wait->count);
    quantiles_add(share->book.waits, wait_ms, wait->count);
    if (wait_ms > queue->longest.wait_ms)
        note_longest(collector, queue, wait, wait_ms);
}

void collector_job_waiting(Collector *collector, const CollectedWait *wait)
{
    collector_job_started(collector, wait);
}

void collector_attempt_ended(Collector *collector, const CollectedAttempt *attempt)
{
    ShareBook *share = share_of(collector, attempt->share);
    QueueBook *queue = queue_of(collector, share);
    EnvironmentBook *environment = collector_environment_book(collector, attempt->environment);
    __int128 vcpu_ms_e4 = (__int128)attempt->need.vcpus_e4 * MAX(attempt->ended_ms - attempt->started_ms, 0);
    JobCounts *const counts[] = {&collector->jobs, &queue->jobs, &share->jobs};
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        counts[i]->attempts++;
        counts[i]->attempts_lost += attempt->outcome == ATTEMPT_LOST;
    }
    share->vcpu_ms_e4 += vcpu_ms_e4;
    queue->vcpu_ms_e4 += vcpu_ms_e4;
    environment->vcpu_ms_e4 += vcpu_ms_e4;
    environment->attempts++;
    if (queue->by_environment->len <= attempt->environment)
        g_array_set_size(queue->by_environment, attempt->environment + 1);
    g_array_index(queue->by_environment, __int128, attempt->environment) += vcpu_ms_e4;
}

void collector_job_ended(Collector *collector, const CollectedJob *job)
{
    ShareBook *share = share_of(collector, job->share);
    QueueBook *queue = queue_of(collector, share);
    JobCounts *const counts[] = {&collector->jobs, &queue->jobs, &share->jobs};
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
        *(job->succeeded ? &counts[i]->succeeded : &counts[i]->failed) += 1;
    queue->open--;
    queue->last_end_ms = MAX(queue->last_end_ms, job->ended_ms);
    collector->last_end_ms = MAX(collector->last_end_ms, job->ended_ms);
    if (!job->started_ms)
        return;
    int64_t run_ms = MAX(job->ended_ms - job->started_ms, 0),
            whole_ms = MAX(job->ended_ms - job->runnable_ms, 0);
    int64_t bounded_ms = MAX(run_ms, SLOWDOWN_RUN_MS);
    int64_t slowdown_e3 = MAX((int64_t)((__int128)whole_ms * E3 / bounded_ms), E3);
    quantiles_add(collector->book.slowdowns, slowdown_e3, 1);
    quantiles_add(queue->book.slowdowns, slowdown_e3, 1);
    quantiles_add(share->book.slowdowns, slowdown_e3, 1);
}

static InfeasibleJobs *infeasible_new(Collector *collector, const QueueBook *queue,
                                      const CollectedInfeasible *infeasible)
{
    InfeasibleJobs *jobs = g_new0(InfeasibleJobs, 1);
    jobs->queue = g_strdup(queue->name);
    jobs->definition = g_strdup(infeasible->definition);
    jobs->job = g_strdup(infeasible->job);
    jobs->reason = g_strdup(infeasible->reason);
    jobs->need = infeasible->need;
    g_ptr_array_add(collector->infeasible, jobs);
    return jobs;
}

void collector_jobs_infeasible(Collector *collector, const CollectedInfeasible *infeasible)
{
    ShareBook *share = share_of(collector, infeasible->share);
    QueueBook *queue = queue_of(collector, share);
    collector->jobs.infeasible += infeasible->count;
    queue->jobs.infeasible += infeasible->count;
    share->jobs.infeasible += infeasible->count;
    queue->open -= infeasible->count;
    const ResourceNeed *need = &infeasible->need;
    g_autofree char *key = g_strdup_printf(
        "%s\n%s\n%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n%s", queue->name,
        infeasible->definition, need->vcpus_e4, need->memory_mib, need->gpus, infeasible->reason);
    InfeasibleJobs *jobs = g_hash_table_lookup(collector->infeasible_by, key);
    if (!jobs && collector->infeasible->len >= RESULT_INFEASIBLE_MAX) {
        collector->infeasible_more += infeasible->count;
        return;
    }
    if (!jobs) {
        jobs = infeasible_new(collector, queue, infeasible);
        g_hash_table_insert(collector->infeasible_by, g_steal_pointer(&key), jobs);
    }
    jobs->count += infeasible->count;
}

void collector_queue_depth(Collector *collector, uint32_t queue, int64_t now_ms, int64_t runnable,
                           int64_t running)
{
    QueueBook *book = collector->queues->pdata[queue];
    series_set(book->runnable, now_ms, runnable);
    series_set(book->running, now_ms, running);
}

void collector_run(Collector *collector, const CollectedRun *run)
{
    if (collector->runs->len >= RESULT_RUNS_MAX) {
        collector->runs_more++;
        return;
    }
    ResultRun row = {.kind = g_strdup(run->kind),
                     .name = g_strdup(run->name),
                     .number = run->number,
                     .started_ms = run->started_ms,
                     .ended_ms = run->ended_ms,
                     .succeeded = run->succeeded};
    g_array_append_val(collector->runs, row);
}

void collector_note(Collector *collector, const char *sentence)
{
    if (collector->notes->len < RESULT_NOTES_MAX &&
        !g_ptr_array_find_with_equal_func(collector->notes, sentence, g_str_equal, NULL))
        g_ptr_array_add(collector->notes, g_strdup(sentence));
}

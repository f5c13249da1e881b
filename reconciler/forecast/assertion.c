#include "reconciler/forecast/assertion.h"

#include "reconciler/forecast/words.h"

static void violation_free(void *data)
{
    Violation *violation = data;
    g_free(violation->queue);
    g_free(violation->text);
    g_free(violation);
}

static void asserted_free(void *data)
{
    AssertedQueue *queue = data;
    g_free(queue->queue);
    g_free(queue);
}

GPtrArray *asserted_queues(const ManifestSet *set)
{
    GPtrArray *queues = g_ptr_array_new_with_free_func(asserted_free);
    size_t first, len = manifest_set_kind(set, KIND_JOB_QUEUE, &first);
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(manifest->spec, NULL);
        if (!spec || (spec->assertion.p95_wait_ms < 0 && spec->assertion.drain_ms < 0 &&
                      spec->assertion.cost_day_micro < 0))
            continue;
        AssertedQueue *queue = g_new0(AssertedQueue, 1);
        queue->queue = g_strndup(manifest->name.data, manifest->name.len);
        queue->assertion = spec->assertion;
        g_ptr_array_add(queues, queue);
    }
    return queues;
}

typedef struct {
    const SimulationResult *result;
    const ResultQueue *queue;
    GPtrArray *violations;
} Check;

/* text is taken. */
static void add(Check *check, AssertedWhat what, int64_t asserted, int64_t actual, char *text)
{
    Violation *violation = g_new0(Violation, 1);
    *violation = (Violation){g_strdup(check->queue->name), what, asserted, actual, text};
    g_ptr_array_add(check->violations, violation);
}

/* "; e.g. job align at Mon 14:02:11 waited 22 min for 8 vCPU, 16,384 MiB in spot (at maxvCpus)" */
static void append_longest(const LongestWait *longest, GString *out)
{
    if (!longest->name)
        return;
    g_autofree char *at = words_time(longest->runnable_ms), *wait = words_duration(longest->wait_ms);
    g_autofree char *need = words_need(&longest->need);
    g_string_append_printf(out, "; e.g. job %s at %s waited %s for %s", longest->name, at, wait, need);
    if (longest->environment)
        g_string_append_printf(out, " in %s", longest->environment);
    if (longest->reason)
        g_string_append_printf(out, " (%s)", longest->reason);
}

static void check_wait(Check *check, int64_t asserted)
{
    int64_t actual = check->queue->waits.wait_ms[AT_P95];
    if (asserted < 0 || actual <= asserted)
        return;
    g_autofree char *is = words_duration(actual), *limit = words_duration(asserted);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "queue %s: p95 wait %s, asserted %s", check->queue->name, is, limit);
    append_longest(&check->queue->longest, out);
    add(check, ASSERTED_WAIT, asserted, actual, g_string_free(out, FALSE));
}

static void check_drain(Check *check, int64_t asserted)
{
    const ResultQueue *queue = check->queue;
    bool is_empty = queue->jobs.submitted == queue->jobs.infeasible;
    if (asserted < 0 || (is_empty && !queue->jobs.unfinished))
        return;
    int64_t actual = queue->drained_ms < 0 ? -1 : queue->drained_ms - check->result->start_ms;
    if (actual >= 0 && actual <= asserted)
        return;
    g_autofree char *is = words_duration(actual), *limit = words_duration(asserted);
    g_autofree char *left = integer_human(queue->jobs.unfinished);
    add(check, ASSERTED_DRAIN, asserted, actual,
        actual < 0 ? g_strdup_printf("queue %s: not drained, %s jobs are left; asserted to drain in %s",
                                     queue->name, left, limit)
                   : g_strdup_printf("queue %s: drains in %s, asserted %s", queue->name, is, limit));
}

static void check_cost_unknown(Check *check, int64_t asserted, const char *why)
{
    add(check, ASSERTED_COST, asserted, -1,
        g_strdup_printf("queue %s: cost per day is asserted, but not known: %s", check->queue->name, why));
}

/* Where prices are missing it holds if it holds at the prices that they cannot exceed. */
static void check_cost(Check *check, int64_t asserted)
{
    const ResultQueue *queue = check->queue;
    if (asserted < 0 || !queue->costs_len)
        return;
    if (queue->costs_len > 1) {
        check_cost_unknown(check, asserted, "there are several currencies");
        return;
    }
    const ResultMoney *money = &queue->costs[0];
    ResultMoney day = {.currency = money->currency,
                       .micro = queue->cost_day_max_micro,
                       .most_micro = queue->cost_day_most_micro,
                       .unpriced = money->unpriced};
    if (day.micro <= asserted && day.unpriced && day.most_micro < 0) {
        check_cost_unknown(check, asserted, "prices are missing");
        return;
    }
    int64_t actual = day.unpriced ? MAX(day.most_micro, day.micro) : day.micro;
    if (actual <= asserted)
        return;
    g_autofree char *is = words_paid(&day), *limit = words_money(asserted, day.currency);
    add(check, ASSERTED_COST, asserted, actual,
        g_strdup_printf(
            "queue %s: %s on its costliest day, asserted %s; its part of what its environments cost%s",
            queue->name, is, limit,
            day.micro <= asserted ? ", Spot machines of unknown price at the price that they cannot exceed"
                                  : ""));
}

static const ResultQueue *queue_find(const SimulationResult *result, const char *name)
{
    for (size_t i = 0; i < result->queues_len; i++)
        if (strcmp(result->queues[i].name, name) == 0)
            return &result->queues[i];
    return NULL;
}

GPtrArray *assertion_check(const SimulationResult *result, const GPtrArray *asserted)
{
    Check check = {.result = result, .violations = g_ptr_array_new_with_free_func(violation_free)};
    for (guint i = 0; i < asserted->len; i++) {
        const AssertedQueue *queue = asserted->pdata[i];
        check.queue = queue_find(result, queue->queue);
        if (!check.queue) /* no job ever was in it */
            continue;
        check_wait(&check, queue->assertion.p95_wait_ms);
        check_drain(&check, queue->assertion.drain_ms);
        check_cost(&check, queue->assertion.cost_day_micro);
    }
    return check.violations;
}

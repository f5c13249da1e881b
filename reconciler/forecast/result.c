#include "reconciler/forecast/result.h"

int64_t ratio_e4(int64_t part, int64_t whole)
{
    return whole > 0 ? (int64_t)((__int128)part * DECIMAL_SCALE / whole) : -1;
}

static void queue_clear(ResultQueue *queue)
{
    for (size_t i = 0; i < queue->shares_len; i++)
        g_free(queue->shares[i].identifier);
    for (size_t i = 0; i < queue->costs_len; i++)
        g_free(queue->costs[i].currency);
    g_free(queue->shares);
    g_free(queue->costs);
    g_free(queue->name);
    g_free(queue->longest.name);
    g_free(queue->longest.reason);
    g_free(queue->longest.environment);
    series_free(queue->runnable);
    series_free(queue->running);
}

static void environment_clear(ResultEnvironment *environment)
{
    g_free(environment->name);
    g_free(environment->type);
    g_free(environment->cost.currency);
    series_free(environment->used_vcpus);
    series_free(environment->allocated_vcpus);
    series_free(environment->rate);
    series_free(environment->rate_most);
}

static void lists_clear(SimulationResult *result)
{
    for (size_t i = 0; i < result->costs_len; i++) {
        g_free(result->costs[i].money.currency);
        series_free(result->costs[i].rate);
    }
    for (size_t i = 0; i < result->infeasible_len; i++) {
        g_free(result->infeasible[i].queue);
        g_free(result->infeasible[i].definition);
        g_free(result->infeasible[i].job);
        g_free(result->infeasible[i].reason);
    }
    for (size_t i = 0; i < result->runs_len; i++) {
        g_free(result->runs[i].kind);
        g_free(result->runs[i].name);
    }
    g_free(result->costs);
    g_free(result->infeasible);
    g_free(result->runs);
}

void simulation_result_free(SimulationResult *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->queues_len; i++)
        queue_clear(&result->queues[i]);
    for (size_t i = 0; i < result->environments_len; i++)
        environment_clear(&result->environments[i]);
    lists_clear(result);
    g_free(result->queues);
    g_free(result->environments);
    g_free(result->instances);
    g_strfreev(result->notes);
    if (result->texts)
        g_string_chunk_free(result->texts);
    g_free(result->source);
    g_free(result->provider);
    g_free(result);
}

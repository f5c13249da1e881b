/* simulate_model.c: how long a simulated attempt runs, and how it ends. */
#include "reconciler/forecast/words.h"
#include "reconciler/simulate_internal.h"
#include "reconciler/world/history.h"

void run_model_free(void *data)
{
    RunModel *model = data;
    g_free(model->buckets);
    g_free(model);
}

const WorkloadRow *model_row(const Simulation *simulation, const Job *job)
{
    uint64_t at = job->sequence - simulation->first_sequence;
    if (job->sequence < simulation->first_sequence || at >= simulation->rows->len)
        return NULL;
    uint32_t row = g_array_index(simulation->rows, uint32_t, at);
    return row ? workload_get(simulation->options->workload, row - 1) : NULL;
}

/* "NAME:REVISION" */
static View definition_name(const JobTemplate *template)
{
    const char *colon = strrchr(template->definition, ':');
    return colon ? (View){template->definition, (size_t)(colon - template->definition)}
                 : view_from(template->definition);
}

static bool model_from_history(const Simulation *simulation, View name, RunModel *model)
{
    const History *history = world_history(simulation->world, name);
    if (!history || history_runs(history) < HISTORY_RUNS_MIN)
        return false;
    size_t len = history_buckets(history, NULL, 0);
    HistoryBucket *counts = g_new(HistoryBucket, len);
    history_buckets(history, counts, len);
    model->buckets = g_new0(DurationBucket, len);
    for (size_t i = 0; i < len; i++)
        model->buckets[i] = (DurationBucket){counts[i].low_ms, counts[i].high_ms, counts[i].count};
    g_free(counts);
    model->model.model = duration_model_empirical(model->buckets, len);
    return true;
}

/* Manifests are checked; what a state holds may be from before. */
static void model_from_annotations(Simulation *simulation, const Resource *resource, RunModel *model)
{
    g_autoptr(GError) error = NULL;
    if (task_model_from_metadata(view_from(resource->metadata), &model->model, &error))
        return;
    g_autofree char *text = g_strdup_printf("left out, JobDefinition/%s: %s", resource->name, error->message);
    collector_note(simulation->collector, text);
}

/* What the definition's annotations say, else what was seen, else its timeout, else an assumption. */
static RunModel *model_make(Simulation *simulation, const JobTemplate *template)
{
    RunModel *model = g_new0(RunModel, 1);
    View name = definition_name(template);
    const Resource *resource = world_resource(simulation->world, KIND_JOB_DEFINITION, name);
    if (resource && resource->metadata)
        model_from_annotations(simulation, resource, model);
    Basis basis = BASIS_ANNOTATION;
    if (model->model.model.kind == DURATION_UNKNOWN && model_from_history(simulation, name, model))
        basis = BASIS_HISTORY;
    if (model->model.model.kind == DURATION_UNKNOWN) {
        int64_t timeout_ms = template->effective->timeout_ms;
        basis = timeout_ms > 0 ? BASIS_TIMEOUT : BASIS_ASSUMED;
        model->model.model = duration_model_fixed(timeout_ms > 0 ? timeout_ms - 1 : SIMULATE_ASSUMED_RUN_MS);
    }
    model->basis = basis;
    return model;
}

static RunModel *model_of(Simulation *simulation, const JobTemplate *template)
{
    RunModel *model = g_hash_table_lookup(simulation->models, &template->id);
    if (model)
        return model;
    model = model_make(simulation, template);
    model->id = template->id;
    g_hash_table_insert(simulation->models, &model->id, model);
    return model;
}

/* Luck belongs to the attempt of the job, not to the moment. */
static Rng attempt_rng(const Simulation *simulation, const Launch *launch)
{
    uint64_t seed = simulation->options->seed * UINT64_C(0x9e3779b97f4a7c15);
    seed = (seed ^ launch->job->sequence) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ (uint64_t)(uint32_t)launch->index) * UINT64_C(0x94d049bb133111eb);
    return rng_from_seed(seed ^ (uint64_t)launch->attempt);
}

Fate model_fate(Simulation *simulation, const Launch *launch)
{
    const WorkloadRow *row = model_row(simulation, launch->job);
    const RunModel *model = model_of(simulation, launch->job->template);
    Rng rng = attempt_rng(simulation, launch);
    Fate fate = {.run_ms = row && row->duration_ms >= 0 ? row->duration_ms
                                                        : duration_draw(&model->model.model, &rng)};
    if (row && row->exit_code >= 0)
        fate.exit_code = row->exit_code;
    else if (failure_draw(model->model.failure_ppm, &rng))
        fate.exit_code = 1;
    simulation->basis[row && row->duration_ms >= 0 ? BASIS_WORKLOAD : model->basis]++;
    return fate;
}

static void note_sizes(const Simulation *simulation)
{
    if (simulation->assumed_sizes == 0)
        return;
    g_autofree char *text = g_strdup_printf(
        "%" G_GUINT64_FORMAT " steps whose size a file tells are taken to have one child, or as "
        "many as their counterparts",
        simulation->assumed_sizes);
    collector_note(simulation->collector, text);
}

static void note_spot(const Simulation *simulation)
{
    const SpotRisk *risk = &simulation->options->spot_risk;
    g_autofree char *rate = decimal_print(risk->reclaims_per_h_e4),
                    *refused = words_percent(risk->refused_e4);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!simulation->asked_for_spot)
        return;
    if (risk->refused_e4)
        g_string_append_printf(text, "%s of the launches of Spot machines find no capacity", refused);
    else
        g_string_append(text, "Spot capacity is taken to be there");
    if (risk->reclaims_per_h_e4)
        g_string_append_printf(text, ", and each Spot machine is reclaimed %s times an hour on average",
                               rate);
    else
        g_string_append(text, ", and is never reclaimed");
    collector_note(simulation->collector, text->str);
}

void model_notes(const Simulation *simulation)
{
    static const char *const texts[BASIS_COUNT] = {
        [BASIS_WORKLOAD] = "run times of %" G_GUINT64_FORMAT " attempts are the workload's",
        [BASIS_ANNOTATION] =
            "run times of %" G_GUINT64_FORMAT " attempts are drawn as muster/simulated-duration says",
        [BASIS_HISTORY] = "run times of %" G_GUINT64_FORMAT " attempts are drawn from earlier runs",
        [BASIS_TIMEOUT] =
            "%" G_GUINT64_FORMAT " attempts without history are taken to run up to their timeout",
        [BASIS_ASSUMED] = "%" G_GUINT64_FORMAT
                          " attempts without history, timeout or annotation are taken to run for 5 min"};
    for (int basis = 0; basis < BASIS_COUNT; basis++) {
        if (simulation->basis[basis] == 0)
            continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        g_autofree char *text = g_strdup_printf(texts[basis], simulation->basis[basis]);
#pragma GCC diagnostic pop
        collector_note(simulation->collector, text);
    }
    note_sizes(simulation);
    note_spot(simulation);
}

/* metrics.c: see metrics.h. */
#include "reconciler/api/metrics.h"
#include "reconciler/api/metric.h"
#include "reconciler/world/drift.h"
#include "reconciler/world/guest.h"
#include "spec/base/units.h"
#include <string.h>

#define MS_DECIMALS    3 /* milliseconds as seconds */
#define US_DECIMALS    6
#define VCPU_DECIMALS  4
#define MONEY_DECIMALS 6

/* ---- the process ---- */

static void process_text(GString *out, const OperationContext *context)
{
    const EngineFacts *facts = context->facts;
    const MetricLabel version = {"version", MUSTER_VERSION};
    metric_family(out, METRIC_BUILD_INFO);
    metric_sample(out, METRIC_BUILD_INFO, &version, 1, 1, 0);
    metric_single(out, METRIC_TIME, context->now_ms, MS_DECIMALS);
    if (facts->started_ms)
        metric_single(out, METRIC_START_TIME, facts->started_ms, MS_DECIMALS);
    if (facts->committed_ms)
        metric_single(out, METRIC_COMMITTED, facts->committed_ms, MS_DECIMALS);
    metric_single(out, METRIC_STORE_REFUSES, context->refusal != NULL, 0);
    metric_single(out, METRIC_LOOP_LONGEST, facts->loop_longest_us, US_DECIMALS);
    metric_single(out, METRIC_LOOP_STALLS, (int64_t)facts->loop_over, 0);
    if (facts->backup.made_ms)
        metric_single(out, METRIC_BACKUP, facts->backup.made_ms, MS_DECIMALS);
    if (facts->backup.bytes)
        metric_single(out, METRIC_BACKUP_BYTES, facts->backup.bytes, 0);
}

/* ---- sources and destinations: as status has them ---- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* One sample of each for which it is known. part NULL: of the item itself. */
typedef struct {
    Metric metric;
    const char *label, *part, *member;
    int decimals;
} ItemFigure;

static void item_figure(GString *out, const json_t *items, size_t max, const ItemFigure *figure)
{
    metric_family(out, figure->metric);
    for (size_t i = 0; i < MIN(json_array_size(items), max); i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *of = figure->part ? json_object_get(item, figure->part) : item;
        const json_t *value = json_object_get(of, figure->member);
        const MetricLabel label = {figure->label, text_of(item, "name")};
        if (json_is_integer(value))
            metric_sample(out, figure->metric, &label, 1, json_integer_value(value), figure->decimals);
    }
}

/* 1 for the state that it is in, 0 for the others; one that is not among them is told all the same. */
static void state_samples(GString *out, Metric metric, const char *source, const char *state,
                          const char *const *states)
{
    bool is_known = false;
    MetricLabel labels[2] = {{"source", source}, {"state", state}};
    for (const char *const *one = states; *one; one++) {
        bool is_it = strcmp(state, *one) == 0;
        labels[1].value = *one;
        metric_sample(out, metric, labels, 2, is_it, 0);
        is_known |= is_it;
    }
    labels[1].value = state;
    if (!is_known)
        metric_sample(out, metric, labels, 2, 1, 0);
}

static void source_states(GString *out, const json_t *sources, Metric metric, const char *part,
                          const char *const *states)
{
    metric_family(out, metric);
    for (size_t i = 0; i < MIN(json_array_size(sources), METRICS_SOURCES); i++) {
        const json_t *source = json_array_get(sources, i);
        const json_t *of = part ? json_object_get(source, part) : source;
        if (of)
            state_samples(out, metric, text_of(source, "name"), text_of(of, "state"), states);
    }
}

static void sources_text(GString *out, const json_t *sources)
{
    static const char *const states[] = {"ok", "broken", "refused", "waiting", "suspended", NULL};
    static const char *const remotes[] = {"ok", "held", "unreachable", NULL};
    static const ItemFigure figures[] = {
        {METRIC_SOURCE_BEHIND, "source", "remote", "behindSeconds", 0},
        {METRIC_SOURCE_HEAD_CHECKED, "source", "remote", "checkedAt", MS_DECIMALS},
        {METRIC_SOURCE_WEBHOOK_ACCEPTED, "source", "webhook", "acceptedAt", MS_DECIMALS},
        {METRIC_SOURCE_WEBHOOK_REFUSED, "source", "webhook", "refusedAt", MS_DECIMALS},
    };
    source_states(out, sources, METRIC_SOURCE_STATE, NULL, states);
    source_states(out, sources, METRIC_SOURCE_REMOTE_STATE, "remote", remotes);
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
        item_figure(out, sources, METRICS_SOURCES, &figures[i]);
}

static void destinations_text(GString *out, const json_t *destinations)
{
    static const ItemFigure figures[] = {
        {METRIC_NOTIFY_PENDING, "destination", NULL, "pending", 0},
        {METRIC_NOTIFY_FAILING, "destination", NULL, "failingSince", MS_DECIMALS},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
        item_figure(out, destinations, METRICS_DESTINATIONS, &figures[i]);
}

/* ---- resources ---- */

/* Those of the local kinds have none. */
static void drift_text(GString *out, const World *world)
{
    int64_t counts[KIND_COUNT] = {0};
    for (const Drift *drift = NULL; (drift = world_drift_next(world, drift));)
        counts[drift->kind]++;
    metric_family(out, METRIC_DRIFT);
    for (Kind kind = 0; kind < KIND_COUNT; kind++) {
        const MetricLabel label = {"kind", kind_name(kind)};
        if (kind == KIND_COMPUTE_ENVIRONMENT || counts[kind])
            metric_sample(out, METRIC_DRIFT, &label, 1, counts[kind], 0);
    }
}

/* ---- queues ---- */

/* What is told of one, or of all that are summed up. */
typedef struct {
    const char *name;
    const QueueMeter *meter; /* NULL: none */
    int64_t counts[JOB_STATE_COUNT], waiting_vcpus_e4, held_vcpus_e4;
} QueueRow;

static void row_add(QueueRow *row, const Queue *queue)
{
    for (JobState state = 0; state < JOB_STATE_COUNT; state++)
        row->counts[state] += queue->counts[state];
    row->waiting_vcpus_e4 += queue->waiting_vcpus_e4;
    row->held_vcpus_e4 += queue->held_vcpus_e4;
}

/* Of QueueRow. Without meters nobody has series of its own but the first. */
static GArray *queue_rows(const OperationContext *context)
{
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(QueueRow));
    Meters *meters = context->meters;
    QueueRow other = {.name = METERS_OTHER, .meter = meters ? &meters->others : NULL};
    size_t len;
    Queue *const *queues = world_queues(context->world, &len);
    for (size_t i = 0; i < len; i++) {
        QueueRow row = {.name = queues[i]->resource->name};
        row.meter = meters ? meters_queue(meters, row.name) : NULL;
        bool is_own = meters ? row.meter != &meters->others : i < METERS_QUEUES;
        row_add(is_own ? &row : &other, queues[i]);
        if (is_own)
            g_array_append_val(rows, row);
    }
    if (len > rows->len || (meters && meters->others.placements))
        g_array_append_val(rows, other);
    return rows;
}

static void queue_jobs_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_QUEUE_JOBS);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        MetricLabel labels[2] = {{"queue", row->name}, {"status", NULL}};
        for (JobState state = 0; state < JOB_STATE_COUNT; state++) {
            labels[1].value = job_state_name(state);
            metric_sample(out, METRIC_QUEUE_JOBS, labels, 2, row->counts[state], 0);
        }
    }
}

static void queue_vcpus_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_QUEUE_VCPUS);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        MetricLabel labels[2] = {{"queue", row->name}, {"state", "wanted"}};
        metric_sample(out, METRIC_QUEUE_VCPUS, labels, 2, row->waiting_vcpus_e4 + row->held_vcpus_e4,
                      VCPU_DECIMALS);
        labels[1].value = "held";
        metric_sample(out, METRIC_QUEUE_VCPUS, labels, 2, row->held_vcpus_e4, VCPU_DECIMALS);
    }
}

static void queue_counters_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_PLACEMENTS);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        const MetricLabel label = {"queue", row->name};
        metric_sample(out, METRIC_PLACEMENTS, &label, 1, (int64_t)row->meter->placements, 0);
    }
    metric_family(out, METRIC_ATTEMPTS_ENDED);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        MetricLabel labels[2] = {{"queue", row->name}, {"outcome", NULL}};
        for (AttemptOutcome outcome = 0; outcome < ATTEMPT_OUTCOMES; outcome++) {
            labels[1].value = attempt_outcome_name(outcome);
            metric_sample(out, METRIC_ATTEMPTS_ENDED, labels, 2, (int64_t)row->meter->attempts[outcome], 0);
        }
    }
}

static void queue_times_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_JOB_WAIT);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        metric_histogram(out, METRIC_JOB_WAIT, &(MetricLabel){"queue", row->name}, 1, &row->meter->wait,
                         SCALE_SLOW);
    }
    metric_family(out, METRIC_JOB_RUN);
    for (guint i = 0; i < rows->len; i++) {
        const QueueRow *row = &g_array_index(rows, QueueRow, i);
        metric_histogram(out, METRIC_JOB_RUN, &(MetricLabel){"queue", row->name}, 1, &row->meter->run,
                         SCALE_SLOW);
    }
}

static void queues_text(GString *out, const OperationContext *context)
{
    g_autoptr(GArray) rows = queue_rows(context);
    int64_t unfinished = 0;
    size_t len;
    Queue *const *queues = world_queues(context->world, &len);
    for (size_t i = 0; i < len; i++)
        unfinished += (int64_t)queues[i]->unfinished;
    metric_single(out, METRIC_JOBS_UNFINISHED, unfinished, 0);
    metric_single(out, METRIC_HELD_TASKS, (int64_t)world_guests_len(context->world), 0);
    queue_jobs_text(out, rows);
    queue_vcpus_text(out, rows);
    if (context->meters) {
        queue_counters_text(out, rows);
        queue_times_text(out, rows);
    }
}

/* ---- environments ---- */

typedef struct {
    const char *name;
    bool is_usable, has_instances, has_money;
    int64_t states[INSTANCE_GONE];
    int64_t bought_vcpus, used_vcpus_e4, most_vcpus;
    char currency[8];
    int64_t rate_micro_per_h, spent_micro, unpriced;
} EnvironmentRow;

static void row_take_money(EnvironmentRow *row, const OperationContext *context,
                           const Environment *environment)
{
    g_auto(EnvironmentStanding) standing = {0};
    if (!context->standing || !context->standing(environment, &standing, context->growth_data))
        return;
    row->is_usable &= standing.invalid == NULL;
    row->has_money = *standing.currency != '\0';
    g_strlcpy(row->currency, standing.currency, sizeof row->currency);
    row->rate_micro_per_h = standing.rate_micro_per_h;
    row->unpriced = standing.unpriced;
    row->spent_micro = standing.memory->account.total.micro;
}

static EnvironmentRow environment_row(const OperationContext *context, const Environment *environment)
{
    EnvironmentRow row = {.name = environment->resource->name,
                          .is_usable = environment->spec->enabled && !environment->unmade &&
                                       environment->resource->phase == RESOURCE_ACTIVE,
                          .has_instances = environment_has_instances(environment),
                          .bought_vcpus = environment->instance_vcpus,
                          .used_vcpus_e4 = environment->used_vcpus_e4,
                          .most_vcpus = environment->spec->max_vcpus};
    for (const Instance *at = NULL; row.has_instances && (at = environment_instance_next(environment, at));)
        if (at->state < INSTANCE_GONE)
            row.states[at->state]++;
    row_take_money(&row, context, environment);
    return row;
}

/* Money is not summed up: currencies may differ. */
static void row_join(EnvironmentRow *other, const EnvironmentRow *row)
{
    other->is_usable &= row->is_usable;
    other->has_instances |= row->has_instances;
    for (size_t i = 0; i < G_N_ELEMENTS(row->states); i++)
        other->states[i] += row->states[i];
    other->bought_vcpus += row->bought_vcpus;
    other->used_vcpus_e4 += row->used_vcpus_e4;
    other->most_vcpus += row->most_vcpus;
}

/* Of EnvironmentRow. */
static GArray *environment_rows(const OperationContext *context)
{
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(EnvironmentRow));
    EnvironmentRow other = {.name = METERS_OTHER, .is_usable = true};
    size_t all = 0;
    /* ordered by kind */
    for (const Resource *at = NULL;
         (at = world_resource_next(context->world, at)) && at->kind <= KIND_COMPUTE_ENVIRONMENT;) {
        if (!at->environment)
            continue;
        EnvironmentRow row = environment_row(context, at->environment);
        if (++all <= METRICS_ENVIRONMENTS)
            g_array_append_val(rows, row);
        else
            row_join(&other, &row);
    }
    if (all > METRICS_ENVIRONMENTS)
        g_array_append_val(rows, other);
    return rows;
}

static void instances_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_ENVIRONMENT_INSTANCES);
    for (guint i = 0; i < rows->len; i++) {
        const EnvironmentRow *row = &g_array_index(rows, EnvironmentRow, i);
        MetricLabel labels[2] = {{"environment", row->name}, {"state", NULL}};
        for (InstanceState state = 0; row->has_instances && state < INSTANCE_GONE; state++) {
            labels[1].value = instance_state_name(state);
            metric_sample(out, METRIC_ENVIRONMENT_INSTANCES, labels, 2, row->states[state], 0);
        }
    }
}

static void environment_vcpus_text(GString *out, const GArray *rows)
{
    metric_family(out, METRIC_ENVIRONMENT_VCPUS);
    for (guint i = 0; i < rows->len; i++) {
        const EnvironmentRow *row = &g_array_index(rows, EnvironmentRow, i);
        MetricLabel labels[2] = {{"environment", row->name}, {"state", "used"}};
        metric_sample(out, METRIC_ENVIRONMENT_VCPUS, labels, 2, row->used_vcpus_e4, VCPU_DECIMALS);
        labels[1].value = "bought";
        if (row->has_instances)
            metric_sample(out, METRIC_ENVIRONMENT_VCPUS, labels, 2, row->bought_vcpus, 0);
        labels[1].value = "most";
        if (row->most_vcpus > 0)
            metric_sample(out, METRIC_ENVIRONMENT_VCPUS, labels, 2, row->most_vcpus, 0);
    }
}

static void money_samples(GString *out, const GArray *rows, Metric metric)
{
    metric_family(out, metric);
    for (guint i = 0; i < rows->len; i++) {
        const EnvironmentRow *row = &g_array_index(rows, EnvironmentRow, i);
        const MetricLabel labels[2] = {{"environment", row->name}, {"currency", row->currency}};
        if (row->has_money)
            metric_sample(out, metric, labels, 2,
                          metric == METRIC_ENVIRONMENT_COST ? row->rate_micro_per_h : row->spent_micro,
                          MONEY_DECIMALS);
    }
}

static void environments_text(GString *out, const OperationContext *context)
{
    g_autoptr(GArray) rows = environment_rows(context);
    metric_family(out, METRIC_ENVIRONMENT_USABLE);
    for (guint i = 0; i < rows->len; i++) {
        const EnvironmentRow *row = &g_array_index(rows, EnvironmentRow, i);
        metric_sample(out, METRIC_ENVIRONMENT_USABLE, &(MetricLabel){"environment", row->name}, 1,
                      row->is_usable, 0);
    }
    instances_text(out, rows);
    environment_vcpus_text(out, rows);
    money_samples(out, rows, METRIC_ENVIRONMENT_COST);
    money_samples(out, rows, METRIC_ENVIRONMENT_SPENT);
    metric_family(out, METRIC_ENVIRONMENT_UNPRICED);
    for (guint i = 0; i < rows->len; i++) {
        const EnvironmentRow *row = &g_array_index(rows, EnvironmentRow, i);
        if (row->has_money)
            metric_sample(out, METRIC_ENVIRONMENT_UNPRICED, &(MetricLabel){"environment", row->name}, 1,
                          row->unpriced, 0);
    }
}

/* ---- meters ---- */

static void plain_histogram(GString *out, Metric metric, const Histogram *histogram)
{
    metric_family(out, metric);
    metric_histogram(out, metric, NULL, 0, histogram, SCALE_FAST);
}

static void loop_text(GString *out, const Meters *meters)
{
    plain_histogram(out, METRIC_SCHEDULING, &meters->decided_after);
    plain_histogram(out, METRIC_TICK, &meters->tick);
    metric_family(out, METRIC_TICK_PHASE);
    for (TickPhase phase = 0; phase < TICK_PHASES; phase++)
        metric_histogram(out, METRIC_TICK_PHASE, &(MetricLabel){"phase", tick_phase_name(phase)}, 1,
                         &meters->phases[phase], SCALE_FAST);
    metric_family(out, METRIC_RECONCILE);
    for (ReconcileOutcome outcome = 0; outcome < RECONCILE_OUTCOMES; outcome++)
        metric_histogram(out, METRIC_RECONCILE, &(MetricLabel){"outcome", reconcile_outcome_name(outcome)}, 1,
                         &meters->reconcile[outcome], SCALE_SLOW);
}

static void store_text(GString *out, const Meters *meters)
{
    plain_histogram(out, METRIC_STORE_COMMIT, &meters->commit);
    plain_histogram(out, METRIC_STORE_TRANSACTION, &meters->store.transaction);
    metric_single(out, METRIC_STORE_ROWS, (int64_t)meters->store.rows, 0);
    metric_single(out, METRIC_STORE_FAILURES, (int64_t)meters->commit_failures, 0);
}

/* Of a provider that nobody uses there is nothing. */
static void call_rows(GString *out, ProviderType provider, const CallMeter *calls)
{
    for (size_t i = 0; i < calls->len; i++) {
        const CallCount *row = &calls->rows[i];
        MetricLabel labels[4] = {{"provider", provider_type_name(provider)},
                                 {"service", row->service},
                                 {"operation", row->operation},
                                 {"outcome", NULL}};
        for (CallOutcome outcome = 0; outcome < CALL_OUTCOMES; outcome++) {
            labels[3].value = call_outcome_name(outcome);
            metric_sample(out, METRIC_PROVIDER_CALLS, labels, 4, (int64_t)row->outcomes[outcome], 0);
        }
    }
}

static void providers_text(GString *out, const Meters *meters)
{
    metric_family(out, METRIC_PROVIDER_CALLS);
    for (ProviderType provider = 0; provider < PROVIDER_UNSET; provider++)
        call_rows(out, provider, &meters->calls[provider]);
    metric_family(out, METRIC_PROVIDER_CALL);
    for (ProviderType provider = 0; provider < PROVIDER_UNSET; provider++)
        if (meters->calls[provider].len)
            metric_histogram(out, METRIC_PROVIDER_CALL,
                             &(MetricLabel){"provider", provider_type_name(provider)}, 1,
                             &meters->calls[provider].seconds, SCALE_FAST);
    metric_family(out, METRIC_ATTEMPT_START);
    for (ProviderType provider = 0; provider < PROVIDER_UNSET; provider++)
        if (histogram_count(&meters->begin[provider]))
            metric_histogram(out, METRIC_ATTEMPT_START,
                             &(MetricLabel){"provider", provider_type_name(provider)}, 1,
                             &meters->begin[provider], SCALE_SLOW);
    metric_single(out, METRIC_INSTANCES_ASKED, (int64_t)meters->instances_asked, 0);
    metric_single(out, METRIC_INSTANCES_REFUSED, (int64_t)meters->instances_refused, 0);
}

static void requests_text(GString *out, const Meters *meters)
{
    metric_family(out, METRIC_API_REQUESTS);
    for (guint i = 0; i < meters->requests->len; i++) {
        const RequestCount *row = &g_array_index(meters->requests, RequestCount, i);
        char code[16];
        g_snprintf(code, sizeof code, "%d", row->code);
        const MetricLabel labels[2] = {{"operation", row->operation ? row->operation->name : METERS_OTHER},
                                       {"code", code}};
        metric_sample(out, METRIC_API_REQUESTS, labels, 2, (int64_t)row->count, 0);
    }
    plain_histogram(out, METRIC_API_ANSWER, &meters->answer);
}

static void meters_text(GString *out, Meters *meters)
{
    metric_single(out, METRIC_RESIDENT_MEMORY, meters->resident_bytes, 0);
    metric_single(out, METRIC_CPU, meters->cpu_us, US_DECIMALS);
    loop_text(out, meters);
    store_text(out, meters);
    providers_text(out, meters);
    requests_text(out, meters);
}

/* ---- all of it ---- */

GString *metrics_text(const OperationContext *context)
{
    GString *out = g_string_sized_new(32 * 1024);
    Meters *meters = context->meters;
    json_t *sources = json_sources(context->world, context->now_ms),
           *destinations = json_destinations(context->world);
    if (meters)
        meters_sweep(meters, context->world);
    if (meters && meters->collect)
        meters->collect(meters, meters->collect_data);
    process_text(out, context);
    sources_text(out, sources);
    destinations_text(out, destinations);
    drift_text(out, context->world);
    queues_text(out, context);
    environments_text(out, context);
    if (meters)
        meters_text(out, meters);
    json_decref(sources);
    json_decref(destinations);
    return out;
}

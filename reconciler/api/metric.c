#include "reconciler/api/metric.h"
#include <string.h>
#include "spec/base/units.h"

#define GAUGE     "gauge"
#define COUNTER   "counter"
#define HISTOGRAM "histogram"

static const struct {
    const char *name, *type, *help;
} families[METRICS] = {
    [METRIC_BUILD_INFO] = {"muster_build_info", GAUGE, "The version that runs."},
    [METRIC_TIME] = {"muster_time_seconds", GAUGE, "The clock of what is told here."},
    [METRIC_START_TIME] = {"muster_start_time_seconds", GAUGE, "When it started."},
    [METRIC_RESIDENT_MEMORY] = {"process_resident_memory_bytes", GAUGE, "Memory of the process in use."},
    [METRIC_CPU] = {"process_cpu_seconds_total", COUNTER, "Processor time of the process."},
    [METRIC_COMMITTED] = {"muster_committed_timestamp_seconds", GAUGE, "When the state was committed last."},
    [METRIC_STORE_REFUSES] = {"muster_store_refuses", GAUGE, "1 while the state cannot be written."},
    [METRIC_LOOP_LONGEST] = {"muster_loop_longest_seconds", GAUGE,
                             "The longest that the loop did not look for what arrives."},
    [METRIC_LOOP_STALLS] = {"muster_loop_stalls_total", COUNTER,
                            "How often the loop did not look for more than 5 ms."},
    [METRIC_BACKUP] = {"muster_backup_timestamp_seconds", GAUGE, "When the last backup was made."},
    [METRIC_BACKUP_BYTES] = {"muster_backup_bytes", GAUGE, "What the last backup of this process takes."},
    [METRIC_JOBS_UNFINISHED] = {"muster_jobs_unfinished", GAUGE, "Jobs that have not ended."},
    [METRIC_HELD_TASKS] = {"muster_held_tasks", GAUGE,
                           "Tasks that run, of jobs that the restored state does not know."},
    [METRIC_SOURCE_STATE] = {"muster_source_state", GAUGE, "1 for the state that a source is in."},
    [METRIC_SOURCE_REMOTE_STATE] = {"muster_source_remote_state", GAUGE,
                                    "1 for the state that the remote of a source is in."},
    [METRIC_SOURCE_BEHIND] = {"muster_source_behind_seconds", GAUGE,
                              "For how long the remote has had what is not in force."},
    [METRIC_SOURCE_HEAD_CHECKED] = {"muster_source_head_checked_timestamp_seconds", GAUGE,
                                    "When the remote answered last."},
    [METRIC_SOURCE_WEBHOOK_ACCEPTED] = {"muster_source_webhook_accepted_timestamp_seconds", GAUGE,
                                        "When a webhook was taken last."},
    [METRIC_SOURCE_WEBHOOK_REFUSED] = {"muster_source_webhook_refused_timestamp_seconds", GAUGE,
                                       "When a webhook was refused last."},
    [METRIC_RECONCILE] = {"muster_reconcile_seconds", HISTOGRAM,
                          "From a revision being taken up until it is carried out, or is not."},
    [METRIC_DRIFT] = {"muster_drift_resources", GAUGE, "Resources of which something was changed outside."},
    [METRIC_QUEUE_JOBS] = {"muster_queue_jobs", GAUGE, "Jobs of a queue by status."},
    [METRIC_QUEUE_VCPUS] = {"muster_queue_vcpus", GAUGE, "vCPUs that jobs of a queue want and hold."},
    [METRIC_PLACEMENTS] = {"muster_placements_total", COUNTER, "Attempts that were given a place."},
    [METRIC_ATTEMPTS_ENDED] = {"muster_attempts_ended_total", COUNTER, "Attempts that ended, by how."},
    [METRIC_JOB_WAIT] = {"muster_job_wait_seconds", HISTOGRAM,
                         "From RUNNABLE to RUNNING, of first attempts."},
    [METRIC_JOB_RUN] = {"muster_job_run_seconds", HISTOGRAM, "How long attempts ran."},
    [METRIC_ATTEMPT_START] = {"muster_attempt_start_seconds", HISTOGRAM,
                              "From the decision where an attempt runs until it runs."},
    [METRIC_SCHEDULING] = {"muster_scheduling_latency_seconds", HISTOGRAM,
                           "From something coming in until the scheduler had decided what follows."},
    [METRIC_TICK] = {"muster_tick_seconds", HISTOGRAM, "Turns of the loop."},
    [METRIC_TICK_PHASE] = {"muster_tick_phase_seconds", HISTOGRAM, "Parts of these turns."},
    [METRIC_STORE_COMMIT] = {"muster_store_commit_seconds", HISTOGRAM,
                             "From a batch being handed over until it is known to be durable."},
    [METRIC_STORE_TRANSACTION] = {"muster_store_transaction_seconds", HISTOGRAM,
                                  "Transactions of the store, flush included."},
    [METRIC_STORE_ROWS] = {"muster_store_rows_total", COUNTER, "Rows that were written."},
    [METRIC_STORE_FAILURES] = {"muster_store_commit_failures_total", COUNTER,
                               "Batches that could not be written."},
    [METRIC_ENVIRONMENT_USABLE] = {"muster_environment_usable", GAUGE,
                                   "1 where jobs can begin in a compute environment."},
    [METRIC_ENVIRONMENT_INSTANCES] = {"muster_environment_instances", GAUGE,
                                      "Instances of a compute environment by state."},
    [METRIC_ENVIRONMENT_VCPUS] = {"muster_environment_vcpus", GAUGE,
                                  "vCPUs of a compute environment: bought, used, and at most."},
    [METRIC_ENVIRONMENT_COST] = {"muster_environment_cost_per_hour", GAUGE,
                                 "What the instances of a compute environment cost in an hour."},
    [METRIC_ENVIRONMENT_SPENT] = {"muster_environment_spent_total", COUNTER,
                                  "What instances of a compute environment have cost."},
    [METRIC_ENVIRONMENT_UNPRICED] = {"muster_environment_unpriced_instances", GAUGE,
                                     "Instances whose price is not known and in no cost."},
    [METRIC_INSTANCES_ASKED] = {"muster_instances_asked_total", COUNTER, "Instances that were asked for."},
    [METRIC_INSTANCES_REFUSED] = {"muster_instances_refused_total", COUNTER,
                                  "Instances that were asked for and not given."},
    [METRIC_PROVIDER_CALLS] = {"muster_provider_calls_total", COUNTER, "Calls to providers, each try."},
    [METRIC_PROVIDER_CALL] = {"muster_provider_call_seconds", HISTOGRAM,
                              "From a call to a provider until its answer."},
    [METRIC_API_REQUESTS] = {"muster_api_requests_total", COUNTER, "Requests that were answered."},
    [METRIC_API_ANSWER] = {"muster_api_answer_seconds", HISTOGRAM,
                           "From a request to its answer, without those that wait for something."},
    [METRIC_NOTIFY_PENDING] = {"muster_notify_pending", GAUGE, "Events that wait for a destination."},
    [METRIC_NOTIFY_FAILING] = {"muster_notify_failing_timestamp_seconds", GAUGE,
                               "Since when a destination does not take what is sent."},
};

const char *metric_name(Metric metric)
{
    return families[metric].name;
}

void metric_family(GString *out, Metric metric)
{
    const char *name = families[metric].name;
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, families[metric].help, name,
                           families[metric].type);
}

/* A backslash, a quote and a line's end are written with a backslash before them. */
static void append_label(GString *out, const char *name, const char *value)
{
    g_string_append(out, name);
    g_string_append(out, "=\"");
    for (const char *byte = value; *byte; byte++) {
        if (*byte == '\n')
            g_string_append(out, "\\n");
        else if (*byte == '\\' || *byte == '"')
            g_string_append_printf(out, "\\%c", *byte);
        else
            g_string_append_c(out, *byte);
    }
    g_string_append_c(out, '"');
}

static void append_labels(GString *out, const MetricLabel *labels, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_string_append_c(out, i ? ',' : '{');
        append_label(out, labels[i].name, labels[i].value);
    }
    if (len)
        g_string_append_c(out, '}');
}

/* Without zeros at the end of what follows the point. */
static void append_number(GString *out, int64_t value, int decimals)
{
    uint64_t absolute = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, scale = 1;
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    if (value < 0)
        g_string_append_c(out, '-');
    integer_append(out, (int64_t)(absolute / scale));
    uint64_t rest = absolute % scale;
    if (rest == 0)
        return;
    g_string_append_printf(out, ".%0*" G_GUINT64_FORMAT, decimals, rest);
    while (out->str[out->len - 1] == '0')
        g_string_truncate(out, out->len - 1);
}

void metric_sample(GString *out, Metric metric, const MetricLabel *labels, size_t len, int64_t value,
                   int decimals)
{
    g_string_append(out, families[metric].name);
    append_labels(out, labels, len);
    g_string_append_c(out, ' ');
    append_number(out, value, decimals);
    g_string_append_c(out, '\n');
}

void metric_single(GString *out, Metric metric, int64_t value, int decimals)
{
    metric_family(out, metric);
    metric_sample(out, metric, NULL, 0, value, decimals);
}

/* before: the labels, written, without braces. */
static void append_bucket(GString *out, const char *name, const GString *before, int64_t bound_us,
                          uint64_t below)
{
    g_string_append(out, name);
    g_string_append(out, "_bucket{");
    g_string_append_len(out, before->str, (gssize)before->len);
    g_string_append(out, before->len ? ",le=\"" : "le=\"");
    if (bound_us < 0)
        g_string_append(out, "+Inf");
    else
        append_number(out, bound_us, 6);
    g_string_append(out, "\"} ");
    integer_append(out, (int64_t)below);
    g_string_append_c(out, '\n');
}

static void append_part(GString *out, const char *name, const char *part, const GString *labels)
{
    g_string_append(out, name);
    g_string_append(out, part);
    if (labels->len) {
        g_string_append_c(out, '{');
        g_string_append_len(out, labels->str, (gssize)labels->len);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ' ');
}

void metric_histogram(GString *out, Metric metric, const MetricLabel *labels, size_t len,
                      const Histogram *histogram, MeterScale scale)
{
    const char *name = families[metric].name;
    g_autoptr(GString) before = g_string_new(NULL);
    uint64_t below = 0;
    for (size_t i = 0; i < len; i++) {
        if (i)
            g_string_append_c(before, ',');
        append_label(before, labels[i].name, labels[i].value);
    }
    for (size_t i = 0; i < METER_BUCKETS; i++) {
        below += histogram->counts[i];
        append_bucket(out, name, before, meter_bounds_us[scale][i], below);
    }
    below += histogram->counts[METER_BUCKETS];
    append_bucket(out, name, before, -1, below);
    append_part(out, name, "_sum", before);
    append_number(out, (int64_t)histogram->sum_us, 6);
    g_string_append_c(out, '\n');
    append_part(out, name, "_count", before);
    integer_append(out, (int64_t)below);
    g_string_append_c(out, '\n');
}

#include "reconciler/cli/simulation_report.h"

#include "reconciler/cli/output.h"
#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/words.h"

#define ROWS_MAX 40 /* of a list; the JSON has all */

/* ---- lines
 * -------------------------------------------------------------------------------------------------------- */

static void append_safe(const char *text, GString *out)
{
    g_autofree char *shown = printable(text ? text : "-");
    g_string_append(out, shown);
}

static void append_part(GString *out, int64_t count, const char *text, bool always)
{
    if (!count && !always)
        return;
    g_autofree char *number = integer_human(count);
    bool is_first = out->len && out->str[out->len - 1] == ' ';
    g_string_append_printf(out, "%s%s %s", is_first ? "" : ", ", number, text);
}

static void append_jobs(const SimulationResult *result, GString *out)
{
    const JobCounts *jobs = &result->jobs;
    g_string_append(out, "Jobs: ");
    append_part(out, jobs->succeeded, "succeeded", true);
    append_part(out, jobs->failed, "failed", true);
    append_part(out, jobs->infeasible, "can never run", false);
    append_part(out, jobs->unfinished, "unfinished", false);
    append_part(out, jobs->attempts_lost, "attempts lost with their machine", false);
    g_string_append_c(out, '\n');
}

static void append_heading(const SimulationResult *result, GString *out)
{
    g_autofree char *jobs = integer_human(result->jobs.submitted), *from = words_date(result->start_ms);
    g_autofree char *makespan = words_duration(result->makespan_ms);
    append_safe(result->source, out);
    g_string_append_printf(out, ": %s jobs from %s UTC, seed %" G_GUINT64_FORMAT "; makespan %s%s\n", jobs,
                           from, result->seed, makespan,
                           result->is_cut ? ", cut off before all had ended" : "");
}

/* ", at most $4.20/h, 12.0 % of it idle": of what is known. */
static void append_rate(const ResultCost *cost, const char *before, GString *out)
{
    bool is_bound = cost->money.unpriced && cost->rate_most_micro_per_h >= 0;
    g_autofree char *rate = words_money(is_bound ? cost->rate_most_micro_per_h : cost->rate_max_micro_per_h,
                                        cost->money.currency);
    g_autofree char *idle = words_percent(ratio_e4(cost->money.idle_micro, cost->money.micro));
    if (is_bound || money_is_known(&cost->money))
        g_string_append_printf(out, "%s at most %s/h", before, rate);
    if (cost->money.micro > 0)
        g_string_append_printf(out, ", %s of it idle", idle);
}

static void append_cost(const SimulationResult *result, GString *out)
{
    g_autofree char *cost = words_cost(result);
    g_string_append_printf(out, "Cost: %s", cost);
    for (size_t i = 0; i < result->costs_len; i++)
        append_rate(&result->costs[i], i ? ";" : ",", out);
    if (result->unpriced) {
        g_autofree char *count = integer_human(result->unpriced);
        g_string_append_printf(out, "; %s without a known price", count);
    }
    g_string_append_c(out, '\n');
}

/* ---- tables
 * ------------------------------------------------------------------------------------------------------- */

static void wait_cells(Table *table, const WaitStatistics *waits)
{
    for (int i = 0; i < AT_COUNT; i++)
        table_cell_take(table, waits->waits ? words_duration(waits->wait_ms[i]) : NULL);
    table_cell_take(table, waits->ended ? words_slowdown(waits->slowdown_e3[AT_P95]) : NULL);
}

static void queue_cells(Table *table, const SimulationResult *result, const ResultQueue *queue)
{
    table_cell_take(table, printable(queue->name));
    table_cell(table, "");
    table_cell_take(table, integer_human(queue->jobs.submitted));
    table_cell_take(table, integer_human(queue->jobs.failed));
    wait_cells(table, &queue->waits);
    table_cell_take(table, integer_human(queue->runnable_max));
    table_cell_take(table,
                    queue->drained_ms < 0 ? NULL : words_duration(queue->drained_ms - result->start_ms));
}

static void share_cells(Table *table, const ResultQueue *queue, const ResultShare *share)
{
    table_cell_take(table, printable(queue->name));
    table_cell_take(table, printable(share->identifier));
    table_cell_take(table, integer_human(share->jobs.submitted));
    table_cell_take(table, integer_human(share->jobs.failed));
    wait_cells(table, &share->waits);
    table_cell(table, "");
    table_cell(table, "");
}

static void append_queues(const SimulationResult *result, bool is_colored, GString *out)
{
    static const Column columns[] = {
        {"QUEUE", ALIGN_LEFT, COLUMN_ALWAYS},         {"SHARE", ALIGN_LEFT, COLUMN_ALWAYS},
        {"JOBS", ALIGN_RIGHT, COLUMN_ALWAYS},         {"FAILED", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"WAIT P50", ALIGN_RIGHT, COLUMN_ALWAYS},     {"P95", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"P99", ALIGN_RIGHT, COLUMN_ALWAYS},          {"SLOWDOWN P95", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"MOST WAITING", ALIGN_RIGHT, COLUMN_ALWAYS}, {"DRAINED", ALIGN_RIGHT, COLUMN_ALWAYS},
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    size_t left_out = 0;
    for (size_t i = 0; i < result->queues_len; i++) {
        const ResultQueue *queue = &result->queues[i];
        bool has_shares = queue->shares_len > 1 || (queue->shares_len == 1 && *queue->shares[0].identifier);
        queue_cells(table, result, queue);
        for (size_t n = 0; has_shares && n < queue->shares_len; n++) {
            if (n < ROWS_MAX)
                share_cells(table, queue, &queue->shares[n]);
            else
                left_out++;
        }
    }
    if (!table_rows(table))
        return;
    g_string_append_c(out, '\n');
    table_render(table, false, is_colored, out);
    if (left_out)
        g_string_append_printf(out, "... and %zu more shares\n", left_out);
}

static void environment_cells(Table *table, const ResultEnvironment *environment)
{
    const Utilisation *of = &environment->utilisation;
    const ResultMoney *cost = &environment->cost;
    table_cell_take(table, printable(environment->name));
    table_cell_take(table, printable(environment->type ? environment->type : "-"));
    table_cell_take(table, integer_human(environment->instances));
    table_cell_take(table, integer_human(environment->instances_lost));
    table_cell_take(table, words_vcpus(environment->allocated_vcpus_max_e4));
    table_cell_take(table, environment->limit_vcpus_e4 ? words_vcpus(environment->limit_vcpus_e4) : NULL);
    for (int i = 0; i < RESOURCE_TYPES; i++)
        table_cell_take(table, words_percent(ratio_e4(of->used[i], of->allocated[i])));
    table_cell_take(table, cost->currency ? words_paid(cost) : NULL);
}

static void append_environments(const SimulationResult *result, bool is_colored, GString *out)
{
    static const Column columns[] = {
        {"ENVIRONMENT", ALIGN_LEFT, COLUMN_ALWAYS}, {"TYPE", ALIGN_LEFT, COLUMN_ALWAYS},
        {"INSTANCES", ALIGN_RIGHT, COLUMN_ALWAYS},  {"LOST", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"MOST VCPU", ALIGN_RIGHT, COLUMN_ALWAYS},  {"MAX", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"VCPU USED", ALIGN_RIGHT, COLUMN_ALWAYS},  {"MEMORY", ALIGN_RIGHT, COLUMN_ALWAYS},
        {"GPU", ALIGN_RIGHT, COLUMN_ALWAYS},        {"COST", ALIGN_RIGHT, COLUMN_ALWAYS},
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < result->environments_len; i++)
        environment_cells(table, &result->environments[i]);
    if (!table_rows(table))
        return;
    g_string_append_c(out, '\n');
    table_render(table, false, is_colored, out);
}

/* ---- lists
 * -------------------------------------------------------------------------------------------------------- */

static void append_infeasible(const SimulationResult *result, GString *out)
{
    if (!result->infeasible_len)
        return;
    g_string_append(out, "\nCan never run:\n");
    for (size_t i = 0; i < MIN(result->infeasible_len, ROWS_MAX); i++) {
        const InfeasibleJobs *jobs = &result->infeasible[i];
        g_autofree char *count = integer_human(jobs->count), *need = words_need(&jobs->need);
        g_string_append_printf(out, "  %s x %s in queue ", count, jobs->definition);
        append_safe(jobs->queue, out);
        g_string_append_printf(out, " (%s): ", need);
        append_safe(jobs->reason, out);
        g_string_append_c(out, '\n');
    }
    int64_t more = (int64_t)(result->infeasible_len > ROWS_MAX ? result->infeasible_len - ROWS_MAX : 0);
    if (more || result->infeasible_more)
        g_string_append(out, "  ... and others\n");
}

static void append_runs(const SimulationResult *result, GString *out)
{
    if (!result->runs_len)
        return;
    g_string_append(out, "\nRuns:\n");
    for (size_t i = 0; i < MIN(result->runs_len, ROWS_MAX); i++) {
        const ResultRun *run = &result->runs[i];
        g_autofree char *took = words_duration(run->ended_ms < 0 ? -1 : run->ended_ms - run->started_ms);
        g_autofree char *at = words_time(run->started_ms);
        g_string_append_printf(out, "  %s/", run->kind);
        append_safe(run->name, out);
        if (run->ended_ms < 0)
            g_string_append_printf(out, " run %" G_GINT64_FORMAT ": from %s, unfinished\n", run->number, at);
        else
            g_string_append_printf(out, " run %" G_GINT64_FORMAT ": from %s, %s in %s\n", run->number, at,
                                   run->succeeded ? "SUCCEEDED" : "FAILED", took);
    }
    size_t left_out =
        (result->runs_len > ROWS_MAX ? result->runs_len - ROWS_MAX : 0) + (size_t)result->runs_more;
    if (left_out)
        g_string_append_printf(out, "  ... and %zu more\n", left_out);
}

static void append_violations(const ReportStyle *style, GString *out)
{
    if (!style->violations || !style->violations->len)
        return;
    g_string_append(out, "\nAsserted, and not so:\n");
    for (guint i = 0; i < style->violations->len; i++) {
        const Violation *violation = style->violations->pdata[i];
        g_autofree char *safe = printable(violation->text);
        g_autofree char *shown = colored(safe, COLOR_RED, style->is_colored);
        g_string_append_printf(out, "  %s\n", shown);
    }
}

static void append_notes(char **notes, GString *out)
{
    for (char **note = notes; note && *note; note++) {
        g_string_append(out, "  # ");
        append_safe(*note, out);
        g_string_append_c(out, '\n');
    }
}

void simulation_report(const SimulationResult *result, const ReportStyle *style, GString *out)
{
    append_heading(result, out);
    append_jobs(result, out);
    append_cost(result, out);
    append_notes(result->notes, out);
    append_queues(result, style->is_colored, out);
    append_environments(result, style->is_colored, out);
    append_runs(result, out);
    append_infeasible(result, out);
    append_violations(style, out);
}

/* ---- two
 * ----------------------------------------------------------------------------------------------------------
 */

/* "-12.5 %", "+3.0 %", "same"; "-" where the first is 0. */
static char *change_words(int64_t first, int64_t second)
{
    if (first == second)
        return g_strdup("same");
    if (first <= 0 || second < 0)
        return NULL;
    int64_t change_e4 = ratio_e4(second - first, first);
    g_autofree char *size = words_percent(ABS(change_e4));
    return g_strdup_printf("%c%s", change_e4 < 0 ? '-' : '+', size);
}

typedef struct {
    const SimulationResult *first, *second;
    Table *table;
} Compare;

/* Texts are taken. */
static void compare_row(Compare *compare, const char *name, char *first, char *second, char *change)
{
    table_cell(compare->table, name);
    table_cell_take(compare->table, first);
    table_cell_take(compare->table, second);
    table_cell_take(compare->table, change);
}

static void compare_duration(Compare *compare, const char *name, int64_t first, int64_t second)
{
    compare_row(compare, name, words_duration(first), words_duration(second), change_words(first, second));
}

static void compare_count(Compare *compare, const char *name, int64_t first, int64_t second)
{
    if (first || second)
        compare_row(compare, name, integer_human(first), integer_human(second), change_words(first, second));
}

static void compare_ratio(Compare *compare, const char *name, ResourceType type)
{
    const Utilisation *a = &compare->first->utilisation, *b = &compare->second->utilisation;
    int64_t first = ratio_e4(a->used[type], a->allocated[type]);
    int64_t second = ratio_e4(b->used[type], b->allocated[type]);
    if (first >= 0 || second >= 0)
        compare_row(compare, name, words_percent(first), words_percent(second), change_words(first, second));
}

/* Compared only where both are known whole and in one currency. */
static void compare_cost(Compare *compare)
{
    const SimulationResult *a = compare->first, *b = compare->second;
    bool is_known = a->costs_len == 1 && b->costs_len == 1 && !a->unpriced && !b->unpriced &&
                    strcmp(a->costs[0].money.currency, b->costs[0].money.currency) == 0;
    compare_row(compare, "cost", words_cost(a), words_cost(b),
                is_known ? change_words(a->costs[0].money.micro, b->costs[0].money.micro) : NULL);
}

static void compare_all(Compare *compare)
{
    const SimulationResult *a = compare->first, *b = compare->second;
    compare_duration(compare, "makespan", a->makespan_ms, b->makespan_ms);
    compare_cost(compare);
    compare_duration(compare, "wait p50", a->waits.wait_ms[AT_P50], b->waits.wait_ms[AT_P50]);
    compare_duration(compare, "wait p95", a->waits.wait_ms[AT_P95], b->waits.wait_ms[AT_P95]);
    compare_duration(compare, "wait p99", a->waits.wait_ms[AT_P99], b->waits.wait_ms[AT_P99]);
    compare_row(compare, "slowdown p95", words_slowdown(a->waits.slowdown_e3[AT_P95]),
                words_slowdown(b->waits.slowdown_e3[AT_P95]),
                change_words(a->waits.slowdown_e3[AT_P95], b->waits.slowdown_e3[AT_P95]));
    compare_count(compare, "succeeded", a->jobs.succeeded, b->jobs.succeeded);
    compare_count(compare, "failed", a->jobs.failed, b->jobs.failed);
    compare_count(compare, "can never run", a->jobs.infeasible, b->jobs.infeasible);
    compare_count(compare, "unfinished", a->jobs.unfinished, b->jobs.unfinished);
    compare_count(compare, "attempts lost", a->jobs.attempts_lost, b->jobs.attempts_lost);
    compare_count(compare, "instances", a->instances_started, b->instances_started);
    compare_ratio(compare, "vCPUs used", OF_VCPU);
    compare_ratio(compare, "memory used", OF_MEMORY);
    compare_ratio(compare, "GPUs used", OF_GPU);
}

static const ResultQueue *queue_like(const SimulationResult *result, const char *name)
{
    for (size_t i = 0; i < result->queues_len; i++)
        if (strcmp(result->queues[i].name, name) == 0)
            return &result->queues[i];
    return NULL;
}

static void compare_queues(Compare *compare)
{
    for (size_t i = 0; i < compare->first->queues_len; i++) {
        const ResultQueue *a = &compare->first->queues[i], *b = queue_like(compare->second, a->name);
        if (!b || !a->waits.waits || !b->waits.waits)
            continue;
        g_autofree char *safe = printable(a->name), *name = g_strdup_printf("wait p95, queue %s", safe);
        compare_duration(compare, name, a->waits.wait_ms[AT_P95], b->waits.wait_ms[AT_P95]);
    }
}

void simulation_report_compare(const SimulationResult *first, const SimulationResult *second,
                               const ReportStyle *style, GString *out)
{
    g_autofree char *one = printable(first->source), *two = printable(second->source);
    const Column columns[] = {
        {"", ALIGN_LEFT, COLUMN_ALWAYS},
        {one, ALIGN_RIGHT, COLUMN_ALWAYS},
        {two, ALIGN_RIGHT, COLUMN_ALWAYS},
        {"CHANGE", ALIGN_RIGHT, COLUMN_ALWAYS},
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    Compare compare = {first, second, table};
    append_heading(first, out);
    append_heading(second, out);
    compare_all(&compare);
    compare_queues(&compare);
    g_string_append_c(out, '\n');
    table_render(table, false, style->is_colored, out);
    append_infeasible(first, out);
    append_violations(style, out);
    g_string_append_c(out, '\n');
    append_notes(first->notes, out);
    append_notes(second->notes, out);
}

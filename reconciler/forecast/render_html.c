#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/html.h"
#include "reconciler/forecast/render.h"
#include "reconciler/forecast/words.h"

#define ROWS_MAX   100  /* of a table */
#define CHARTS_MAX 12   /* of queues, of environments */
#define BARS_MAX   3000 /* of instances on the page */

void html_escape(const char *text, GString *out)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        switch (c) {
        case '<': g_string_append(out, "&lt;"); break;
        case '>': g_string_append(out, "&gt;"); break;
        case '&': g_string_append(out, "&amp;"); break;
        case '"': g_string_append(out, "&quot;"); break;
        case '\'': g_string_append(out, "&#39;"); break;
        default:
            if (g_unichar_iscntrl(c) || c == 0xfffe || c == 0xffff)
                g_string_append_c(out, ' ');
            else
                g_string_append_unichar(out, c);
        }
    }
}

/* ---- tables
 * ------------------------------------------------------------------------------------------------------- */

/* heads: "name" for text, "#name" for figures. */
static void table_open(const char *caption, const char *const *heads, GString *out)
{
    g_string_append(out, "<div class=\"wide\"><table><caption>");
    html_escape(caption, out);
    g_string_append(out, "</caption><thead><tr>");
    for (size_t i = 0; heads[i]; i++) {
        bool is_figure = *heads[i] == '#';
        g_string_append_printf(out, "<th scope=\"col\"%s>", is_figure ? " class=\"n\"" : "");
        html_escape(heads[i] + is_figure, out);
        g_string_append(out, "</th>");
    }
    g_string_append(out, "</tr></thead><tbody>\n");
}

static void table_close(size_t left_out, GString *out)
{
    g_string_append(out, "</tbody></table>");
    if (left_out)
        g_string_append_printf(out, "<p class=\"more\">and %zu more</p>", left_out);
    g_string_append(out, "</div>\n");
}

static void cell(const char *text, GString *out)
{
    g_string_append(out, "<td>");
    html_escape(text, out);
    g_string_append(out, "</td>");
}

/* text is taken. */
static void figure(char *text, GString *out)
{
    g_string_append(out, "<td class=\"n\">");
    html_escape(text, out);
    g_string_append(out, "</td>");
    g_free(text);
}

static void wait_figures(const WaitStatistics *waits, GString *out)
{
    for (int i = 0; i < AT_COUNT; i++)
        figure(waits->waits ? words_duration(waits->wait_ms[i]) : g_strdup("-"), out);
    figure(words_slowdown(waits->ended ? waits->slowdown_e3[AT_P95] : 0), out);
}

static void queue_row(const SimulationResult *result, const ResultQueue *queue, GString *out)
{
    g_string_append(out, "<tr>");
    cell(queue->name, out);
    cell("", out);
    figure(integer_human(queue->jobs.submitted), out);
    figure(integer_human(queue->jobs.failed), out);
    wait_figures(&queue->waits, out);
    figure(integer_human(queue->runnable_max), out);
    figure(queue->drained_ms < 0 ? g_strdup("-") : words_duration(queue->drained_ms - result->start_ms), out);
    g_string_append(out, "</tr>\n");
}

static void share_row(const ResultShare *share, GString *out)
{
    g_string_append(out, "<tr class=\"sub\">");
    cell("", out);
    cell(share->identifier, out);
    figure(integer_human(share->jobs.submitted), out);
    figure(integer_human(share->jobs.failed), out);
    wait_figures(&share->waits, out);
    figure(g_strdup(""), out);
    figure(g_strdup(""), out);
    g_string_append(out, "</tr>\n");
}

static void queues_table(const SimulationResult *result, GString *out)
{
    static const char *const heads[] = {"Queue",         "Share",     "#Jobs",     "#Failed",
                                        "#Wait p50",     "#Wait p95", "#Wait p99", "#Slowdown p95",
                                        "#Most waiting", "#Drained",  NULL};
    size_t rows = 0, all = 0;
    table_open("Queues and shares", heads, out);
    for (size_t i = 0; i < result->queues_len; i++) {
        const ResultQueue *queue = &result->queues[i];
        bool has_shares = queue->shares_len > 1 || (queue->shares_len == 1 && *queue->shares[0].identifier);
        all++;
        if (rows++ < ROWS_MAX)
            queue_row(result, queue, out);
        for (size_t n = 0; has_shares && n < queue->shares_len; n++) {
            all++;
            if (rows++ < ROWS_MAX)
                share_row(&queue->shares[n], out);
        }
    }
    table_close(all > ROWS_MAX ? all - ROWS_MAX : 0, out);
}

static void environments_table(const SimulationResult *result, GString *out)
{
    static const char *const heads[] = {"Environment", "Type",      "#Instances",  "#Lost",
                                        "#Most vCPU",  "#maxvCpus", "#vCPU used",  "#Memory used",
                                        "#GPU used",   "#Cost",     "#Of it idle", NULL};
    table_open("Environments", heads, out);
    for (size_t i = 0; i < MIN(result->environments_len, ROWS_MAX); i++) {
        const ResultEnvironment *environment = &result->environments[i];
        const Utilisation *of = &environment->utilisation;
        const ResultMoney *cost = &environment->cost;
        g_string_append(out, "<tr>");
        cell(environment->name, out);
        cell(environment->type, out);
        figure(integer_human(environment->instances), out);
        figure(integer_human(environment->instances_lost), out);
        figure(words_vcpus(environment->allocated_vcpus_max_e4), out);
        figure(environment->limit_vcpus_e4 ? words_vcpus(environment->limit_vcpus_e4) : g_strdup("-"), out);
        for (int r = 0; r < RESOURCE_TYPES; r++)
            figure(words_percent(ratio_e4(of->used[r], of->allocated[r])), out);
        figure(cost->currency ? words_paid(cost) : g_strdup("-"), out);
        figure(cost->currency ? words_percent(ratio_e4(cost->idle_micro, cost->micro)) : g_strdup("-"), out);
        g_string_append(out, "</tr>\n");
    }
    table_close(result->environments_len > ROWS_MAX ? result->environments_len - ROWS_MAX : 0, out);
}

static void infeasible_table(const SimulationResult *result, GString *out)
{
    static const char *const heads[] = {"Queue", "Definition", "First job", "Needs", "Why", "#Jobs", NULL};
    if (!result->infeasible_len)
        return;
    table_open("Jobs that can never run", heads, out);
    for (size_t i = 0; i < result->infeasible_len; i++) {
        const InfeasibleJobs *jobs = &result->infeasible[i];
        g_autofree char *need = words_need(&jobs->need);
        g_string_append(out, "<tr>");
        cell(jobs->queue, out);
        cell(jobs->definition, out);
        cell(jobs->job, out);
        cell(need, out);
        cell(jobs->reason, out);
        figure(integer_human(jobs->count), out);
        g_string_append(out, "</tr>\n");
    }
    table_close((size_t)result->infeasible_more, out);
}

static void runs_table(const SimulationResult *result, GString *out)
{
    static const char *const heads[] = {"Run",     "#Number", "#Started after", "#Drained after",
                                        "Outcome", NULL};
    if (!result->runs_len)
        return;
    table_open("Pipelines and jobs of manifests", heads, out);
    for (size_t i = 0; i < MIN(result->runs_len, ROWS_MAX); i++) {
        const ResultRun *run = &result->runs[i];
        g_autofree char *name = g_strdup_printf("%s/%s", run->kind, run->name);
        g_string_append(out, "<tr>");
        cell(name, out);
        figure(integer_human(run->number), out);
        figure(words_duration(run->started_ms - result->start_ms), out);
        figure(run->ended_ms < 0 ? g_strdup("-") : words_duration(run->ended_ms - result->start_ms), out);
        cell(run->ended_ms < 0 ? "unfinished" : run->succeeded ? "SUCCEEDED" : "FAILED", out);
        g_string_append(out, "</tr>\n");
    }
    table_close((result->runs_len > ROWS_MAX ? result->runs_len - ROWS_MAX : 0) + (size_t)result->runs_more,
                out);
}

/* ---- the head of a result
 * ----------------------------------------------------------------------------------------- */

/* text is taken. */
static void tile(const char *name, char *text, GString *out)
{
    g_string_append(out, "<div><dt>");
    html_escape(name, out);
    g_string_append(out, "</dt><dd>");
    html_escape(text, out);
    g_string_append(out, "</dd></div>");
    g_free(text);
}

static char *wait_words(const WaitStatistics *waits)
{
    if (!waits->waits)
        return g_strdup("-");
    g_autofree char *half = words_duration(waits->wait_ms[AT_P50]);
    g_autofree char *most = words_duration(waits->wait_ms[AT_P95]);
    return g_strdup_printf("%s / %s", half, most);
}

static void tiles(const SimulationResult *result, GString *out)
{
    const JobCounts *jobs = &result->jobs;
    const Utilisation *of = &result->utilisation;
    g_string_append(out, "<dl class=\"tiles\">");
    tile("Makespan", words_duration(result->makespan_ms), out);
    tile("Succeeded", integer_human(jobs->succeeded), out);
    tile("Failed", integer_human(jobs->failed), out);
    tile("Can never run", integer_human(jobs->infeasible), out);
    if (jobs->unfinished)
        tile("Unfinished", integer_human(jobs->unfinished), out);
    tile("Wait p50 / p95", wait_words(&result->waits), out);
    tile("vCPUs used", words_percent(ratio_e4(of->used[OF_VCPU], of->allocated[OF_VCPU])), out);
    tile("Cost", words_cost(result), out);
    g_string_append(out, "</dl>\n");
}

static void violations_list(const GPtrArray *violations, GString *out)
{
    if (!violations || !violations->len)
        return;
    g_string_append(out, "<div class=\"bad\" role=\"alert\"><strong>Asserted, and not so</strong><ul>");
    for (guint i = 0; i < violations->len; i++) {
        g_string_append(out, "<li>");
        html_escape(((const Violation *)violations->pdata[i])->text, out);
        g_string_append(out, "</li>");
    }
    g_string_append(out, "</ul></div>\n");
}

static void notes_list(char **notes, GString *out)
{
    if (!notes || !*notes)
        return;
    g_string_append(out, "<h3>What it rests on</h3><ul class=\"notes\">");
    for (char **note = notes; *note; note++) {
        g_string_append(out, "<li>");
        html_escape(*note, out);
        g_string_append(out, "</li>");
    }
    g_string_append(out, "</ul>\n");
}

/* ---- charts
 * ------------------------------------------------------------------------------------------------------- */

static void queue_charts(const SimulationResult *result, const TimeAxis *axis, GString *out)
{
    for (size_t i = 0; i < MIN(result->queues_len, CHARTS_MAX); i++) {
        const ResultQueue *queue = &result->queues[i];
        if (!queue->jobs.submitted)
            continue;
        g_autofree char *title = g_strdup_printf("Queue %s, jobs", queue->name);
        html_chart(axis,
                   &(Chart){title, "waiting", "running", queue->runnable, queue->running, 1, "", "q", false},
                   out);
    }
}

static void environment_charts(const SimulationResult *result, const TimeAxis *axis, GString *out)
{
    for (size_t i = 0; i < MIN(result->environments_len, CHARTS_MAX); i++) {
        const ResultEnvironment *environment = &result->environments[i];
        if (!environment->allocated_vcpus_max_e4 && !environment->used_vcpus_max_e4)
            continue;
        g_autofree char *title = g_strdup_printf("Environment %s, vCPUs", environment->name);
        g_autofree char *color = g_strdup_printf("c%zu", i % HTML_COLORS);
        html_chart(axis,
                   &(Chart){title, "there", "held by jobs", environment->allocated_vcpus,
                            environment->used_vcpus, DECIMAL_SCALE, "", color, false},
                   out);
    }
}

static void cost_charts(const SimulationResult *result, const TimeAxis *axis, GString *out)
{
    for (size_t i = 0; i < result->costs_len; i++) {
        const ResultCost *cost = &result->costs[i];
        const char *currency = cost->money.currency;
        g_autofree char *unit =
            strcmp(currency, "USD") == 0 ? g_strdup("$") : g_strconcat(currency, " ", NULL);
        html_chart(
            axis,
            &(Chart){"Cost so far", "instances and tasks", NULL, cost->rate, NULL, 1000000, unit, "m", true},
            out);
        html_chart(
            axis,
            &(Chart){"Cost per hour", "most", "mean", cost->rate, cost->rate, 1000000, unit, "m", false},
            out);
    }
}

/* ---- the page
 * ----------------------------------------------------------------------------------------------------- */

static const char style[] =
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--rule:#d8dee4;--panel:#f6f8fa;--bad:#b42318;"
    "--bad-bg:#fff1f0;--q:#3b6fb6;--m:#7a5195;--c0:#0072b2;--c1:#b35900;--c2:#00805f;--c3:#a8467c;--c4:#"
    "7d6a00;"
    "--c5:#3f4a8a}"
    "@media(prefers-color-scheme:dark){:root{--bg:#0f1216;--fg:#e6e9ed;--dim:#9aa4af;--rule:#2c333b;--panel:#"
    "181d23;"
    "--bad:#ff9c8f;--bad-bg:#2a1512;--q:#7aa7e0;--m:#c39bd9;--c0:#56b4e9;--c1:#f0a35e;--c2:#3fc79a;--c3:#"
    "e08fbb;"
    "--c4:#d8c34a;--c5:#98a4ee}}"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1120px;padding:24px 20px 60px;background:var(--bg);"
    "color:var(--fg);font:15px/1.5 "
    "system-ui,sans-serif}h1{font-size:24px;margin:0}h2{font-size:20px;margin:40px 0 4px;"
    "border-top:1px solid var(--rule);padding-top:20px}h3{font-size:16px;margin:28px 0 8px}"
    ".sub,.more,caption,.key,.tick,.notes{color:var(--dim)}.sub{margin:2px 0 16px}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px;margin:16px 0}"
    ".tiles div{background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:8px 12px}"
    "dt{color:var(--dim);font-size:13px}dd{margin:0;font-size:18px;font-weight:600;overflow-wrap:anywhere}"
    ".bad{border:1px solid "
    "var(--bad);background:var(--bad-bg);color:var(--bad);border-radius:6px;padding:8px 14px}"
    ".bad ul{margin:4px 0;padding-left:20px}.wide{overflow-x:auto;margin:16px 0}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}"
    "caption{text-align:left;padding:4px 0}th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px "
    "solid "
    "var(--rule);white-space:nowrap}th{font-weight:600;color:var(--dim)}.n{text-align:right}tr.sub "
    "td{color:var(--dim)}"
    "figure{margin:18px 0}figcaption{font-weight:600;margin-bottom:4px}.key{font-weight:400;font-size:13px;"
    "margin-left:10px}svg{display:block;width:100%;height:auto;background:var(--panel);border:1px solid "
    "var(--rule);"
    "border-radius:6px}.grid{stroke:var(--rule);fill:none}.tick{font-size:11px;fill:var(--dim)}"
    ".group{font-size:12px;font-weight:600;fill:var(--fg)}"
    ".q{--k:var(--q)}.m{--k:var(--m)}.c0{--k:var(--c0)}.c1{--k:var(--c1)}.c2{--k:var(--c2)}.c3{--k:var(--c3)}"
    ".c4{--k:var(--c4)}.c5{--k:var(--c5)}"
    ".area{fill:var(--k);fill-opacity:.28;stroke:none}.line{fill:none;stroke:var(--k);stroke-width:1.6}"
    ".boot{fill:var(--k);fill-opacity:.15}.has{fill:var(--k);fill-opacity:.35}.used{fill:var(--k)}"
    ".box,.dash{display:inline-block;width:12px;height:10px;background:var(--k);opacity:.45;margin:0 4px 0 "
    "8px}"
    ".dash{height:2px;opacity:1;vertical-align:middle}.box.pale{opacity:.2}"
    "@media print{body{max-width:none}svg,figure,.wide{break-inside:avoid}}";

static void append_result(const SimulationResult *result, size_t bars_max, const GPtrArray *violations,
                          GString *out)
{
    const TimeAxis axis = {result->start_ms, result->end_ms};
    tiles(result, out);
    violations_list(violations, out);
    queues_table(result, out);
    queue_charts(result, &axis, out);
    environments_table(result, out);
    environment_charts(result, &axis, out);
    cost_charts(result, &axis, out);
    if (result->instances_len)
        html_gantt(result, bars_max, out);
    infeasible_table(result, out);
    runs_table(result, out);
    notes_list(result->notes, out);
}

/* text of both, taken. */
static void compare_row(const char *name, char *first, char *second, GString *out)
{
    g_string_append(out, "<tr>");
    cell(name, out);
    figure(first, out);
    figure(second, out);
    g_string_append(out, "</tr>\n");
}

static void compare_table(const SimulationResult *first, const SimulationResult *second, GString *out)
{
    static const char *const waits[AT_COUNT] = {"Wait p50", "Wait p95", "Wait p99"};
    g_autofree char *one = g_strconcat("#", first->source, NULL),
                    *two = g_strconcat("#", second->source, NULL);
    const char *heads[] = {"", one, two, NULL};
    table_open("Side by side", heads, out);
    compare_row("Makespan", words_duration(first->makespan_ms), words_duration(second->makespan_ms), out);
    compare_row("Cost", words_cost(first), words_cost(second), out);
    for (int i = 0; i < AT_COUNT; i++)
        compare_row(waits[i], words_duration(first->waits.wait_ms[i]),
                    words_duration(second->waits.wait_ms[i]), out);
    compare_row("Failed", integer_human(first->jobs.failed), integer_human(second->jobs.failed), out);
    compare_row("Can never run", integer_human(first->jobs.infeasible),
                integer_human(second->jobs.infeasible), out);
    compare_row("Attempts lost", integer_human(first->jobs.attempts_lost),
                integer_human(second->jobs.attempts_lost), out);
    compare_row("Instances", integer_human(first->instances_started),
                integer_human(second->instances_started), out);
    const Utilisation *a = &first->utilisation, *b = &second->utilisation;
    compare_row("vCPUs used", words_percent(ratio_e4(a->used[OF_VCPU], a->allocated[OF_VCPU])),
                words_percent(ratio_e4(b->used[OF_VCPU], b->allocated[OF_VCPU])), out);
    table_close(0, out);
}

static void append_subtitle(const SimulationResult *result, GString *out)
{
    g_autofree char *from = words_date(result->start_ms),
                    *span = words_duration(result->end_ms - result->start_ms);
    g_autofree char *jobs = integer_human(result->jobs.submitted);
    g_string_append_printf(
        out, "<p class=\"sub\">%s jobs, simulated from %s UTC for %s, seed %" G_GUINT64_FORMAT "%s</p>\n",
        jobs, from, span, result->seed, result->is_cut ? "; cut off before all had ended" : "");
}

static void append_heading(const char *tag, const SimulationResult *result, GString *out)
{
    g_string_append_printf(out, "<%s>Simulation of ", tag);
    html_escape(result->source, out);
    g_string_append_printf(out, "</%s>\n", tag);
}

void simulation_html(const SimulationResult *result, const SimulationResult *other,
                     const GPtrArray *violations, GString *out)
{
    size_t bars_max = other ? BARS_MAX / 2 : BARS_MAX;
    g_string_append(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>Simulation of ");
    html_escape(result->source, out);
    g_string_append_printf(out, "</title><style>%s</style></head><body><main>\n", style);
    if (other) {
        g_string_append(out, "<h1>Two simulations of one workload</h1>\n");
        compare_table(result, other, out);
    }
    append_heading(other ? "h2" : "h1", result, out);
    append_subtitle(result, out);
    append_result(result, bars_max, violations, out);
    if (other) {
        append_heading("h2", other, out);
        append_subtitle(other, out);
        append_result(other, bars_max, NULL, out);
    }
    g_string_append(out, "</main></body></html>\n");
}

#include "reconciler/cli/checked.h"
#include "reconciler/cli/command.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/replay_report.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/simulation_report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"
#include "reconciler/forecast/assertion.h"
#include "reconciler/forecast/render.h"

/* Monday 2026-01-05 00:00 UTC: a constant, so that equal inputs give equal results on any day. */
#define START_MS INT64_C(1767571200000)

/* More often than every 36 s nothing would ever run. */
#define RECLAIMS_PER_H_MAX_E4 (100 * DECIMAL_SCALE)

/* One of the sources and what came of it. */
typedef struct {
    Checked checked;
    SimulationResult *result;
} Side;

typedef struct {
    const Invocation *invocation;
    int64_t seed, start_ms, until_ms;
    SpotRisk spot_risk;
    Workload *workload; /* NULL: none was given */
    DiagnosticList *diagnostics;
    Side sides[2];
    size_t sides_len;
    GPtrArray *violations;
} Simulating;

static void simulating_clear(Simulating *simulating)
{
    for (size_t i = 0; i < G_N_ELEMENTS(simulating->sides); i++) {
        checked_clear(&simulating->sides[i].checked);
        simulation_result_free(simulating->sides[i].result);
    }
    workload_free(simulating->workload);
    diagnostic_list_free(simulating->diagnostics);
    g_clear_pointer(&simulating->violations, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Simulating, simulating_clear)

static bool read_options(Simulating *simulating, GError **error)
{
    const Options *options = &simulating->invocation->options;
    int64_t span_ms = 0;
    simulating->seed = 1;
    simulating->start_ms = START_MS;
    if (!option_integer("seed", options->seed, 0, INT64_MAX, &simulating->seed, error) ||
        !option_time("start", options->begin, &simulating->start_ms, error) ||
        !option_duration("until", options->until, &span_ms, error) ||
        !option_decimal("spot-reclaim", options->spot_reclaim, RECLAIMS_PER_H_MAX_E4,
                        &simulating->spot_risk.reclaims_per_h_e4, error) ||
        !option_decimal("spot-refuse", options->spot_refuse, DECIMAL_SCALE, &simulating->spot_risk.refused_e4,
                        error))
        return false;
    if (options->until && !span_ms) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "--until 0: nothing would be simulated");
        return false;
    }
    simulating->until_ms = span_ms ? simulating->start_ms + span_ms : 0;
    return true;
}

/* Jobs that can never run are no fault here: the result counts them. */
static int load_side(Simulating *simulating, const char *path, Side *side, GError **error)
{
    const Options *options = &simulating->invocation->options;
    g_autofree char *state_dir = NULL;
    const char *sources[] = {path};
    if (!state_dir_of(options->state, sources, 1, &state_dir, error))
        return EXIT_ERROR;
    g_autoptr(GivenValues) values = values_read(options, state_dir, path, options->source, error);
    CheckOptions check = {.path = path,
                          .name = options->source,
                          .provider = options->provider,
                          .state_dir = state_dir,
                          .values = values};
    if (!values || !checked_load(&check, &side->checked, error))
        return EXIT_ERROR;
    planning_report_diagnostics(side->checked.diagnostics);
    return checked_exit_code(&side->checked) == EXIT_ERROR ? EXIT_ERROR : EXIT_OK;
}

static bool load_workload(Simulating *simulating, GError **error)
{
    const Options *options = &simulating->invocation->options;
    const ManifestSet *set = simulating->sides[0].checked.set;
    g_autoptr(Arena) arena = arena_new();
    WorkloadOptions mapping = {.queue = options->queue, .definition = options->definition};
    simulating->diagnostics = diagnostic_list_new();
    if (!options->workload)
        return true;
    workload_options_complete(&mapping, set, arena);
    simulating->workload = workload_load(options->workload, &mapping, simulating->diagnostics, error);
    if (!simulating->workload)
        return false;
    bool is_good = true;
    for (size_t i = 0; i < simulating->sides_len; i++)
        is_good &=
            workload_check(simulating->workload, simulating->sides[i].checked.set, simulating->diagnostics);
    int64_t recorded_ms = workload_unix_start_ms(simulating->workload);
    if (recorded_ms >= 0 && !options->begin) {
        simulating->until_ms += simulating->until_ms ? recorded_ms - simulating->start_ms : 0;
        simulating->start_ms = recorded_ms;
    }
    return is_good;
}

static bool simulate(Simulating *simulating, Side *side, GError **error)
{
    const Host *host = simulating->invocation->host;
    SimulateOptions options = {
        .set = side->checked.set,
        .source = side->checked.path,
        .provider = simulating->invocation->options.provider,
        .workload = simulating->workload,
        .seed = (uint64_t)simulating->seed,
        .spot_risk = simulating->spot_risk,
        .start_ms = simulating->start_ms,
        .until_ms = simulating->until_ms,
    };
    if (!host || !host->simulate) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "the simulator is not in this build of muster (" MUSTER_VERSION
                    "); sources and workload are good");
        return false;
    }
    return host->simulate(&options, &side->result, error);
}

static bool write_page(const Simulating *simulating, GError **error)
{
    const char *path = simulating->invocation->options.html;
    g_autoptr(GString) page = g_string_new(NULL);
    if (!path)
        return true;
    simulation_html(simulating->sides[0].result, simulating->sides[1].result, simulating->violations, page);
    if (g_file_set_contents(path, page->str, (gssize)page->len, error))
        return true;
    g_prefix_error(error, "--html: ");
    return false;
}

static void print(const Simulating *simulating)
{
    const SimulationResult *first = simulating->sides[0].result, *second = simulating->sides[1].result;
    if (g_strcmp0(simulating->invocation->options.output, "json") == 0) {
        json_t *root = second ? simulation_compare_json(first, second, simulating->violations)
                              : simulation_json(first, simulating->violations);
        output_json(root);
        json_decref(root);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    ReportStyle style = {.is_colored = output_colored(stdout), .violations = simulating->violations};
    if (second)
        simulation_report_compare(first, second, &style, out);
    else
        simulation_report(first, &style, out);
    output_string(out);
}

static int exit_code(const Simulating *simulating)
{
    int code = EXIT_OK;
    if (simulating->violations->len)
        code = exit_code_worse(code, EXIT_REFUSED);
    if (simulating->sides[0].result->jobs.infeasible)
        code = exit_code_worse(code, EXIT_INFEASIBLE);
    return code;
}

static int run_sides(Simulating *simulating)
{
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < simulating->sides_len; i++)
        if (!simulate(simulating, &simulating->sides[i], &error))
            return report_error(error);
    g_autoptr(GPtrArray) asserted = asserted_queues(simulating->sides[0].checked.set);
    simulating->violations = assertion_check(simulating->sides[0].result, asserted);
    if (!write_page(simulating, &error))
        return report_error(error);
    print(simulating);
    return exit_code(simulating);
}

/* ---- --replay
 * ------------------------------------------------------------------------------------------------------- */

static void print_replay(const Options *options, const GPtrArray *runs)
{
    if (g_strcmp0(options->output, "json") == 0) {
        json_t *root = replay_json(runs);
        output_json(root);
        json_decref(root);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    replay_report(runs, out);
    output_string(out);
}

/* A term is a number alone, and no time is. */
static bool parse_from(const char *text, ReplayFrom *ret_from, GError **error)
{
    guint64 term = 0;
    if (text && g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, &term, NULL)) {
        ret_from->term = term;
        return true;
    }
    return option_time("from", text, &ret_from->at_ms, error);
}

/* What was recorded before the damage is shown all the same. */
static int replay(const Invocation *invocation)
{
    const Host *host = invocation->host;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = NULL;
    g_autofree char *path = g_canonicalize_filename(invocation->options.replay, NULL);
    ReplayFrom from = {0};
    kinds_init();
    if (!parse_from(invocation->options.from, &from, &error))
        return report_error(error);
    if (!host || !host->replay)
        return report_failure(EXIT_ERROR, "replays are not in this build of muster (" MUSTER_VERSION ")");
    if (!host->replay(path, &from, &runs, &error)) {
        g_prefix_error(&error, "--replay: ");
        return report_error(error);
    }
    print_replay(&invocation->options, runs);
    const ReplayedRun *damaged = replay_damaged(runs);
    if (damaged)
        return report_failure(EXIT_ERROR,
                              "--replay: the recording of term %" G_GUINT64_FORMAT
                              " is damaged at byte %" G_GUINT64_FORMAT "; it was replayed up to there",
                              damaged->term, damaged->damaged_at);
    return replay_difference(runs) ? EXIT_REFUSED : EXIT_OK;
}

static int run(Invocation *invocation)
{
    g_auto(Simulating)
        simulating = {.invocation = invocation, .sides_len = invocation->options.compare ? 2 : 1};
    g_autoptr(GError) error = NULL;
    const char *paths[] = {invocation->arguments[0], invocation->options.compare};
    int code = EXIT_OK;
    if ((invocation->options.replay != NULL) == (invocation->arguments_len == 1))
        return report_failure(EXIT_ERROR,
                              "simulate needs SOURCE or --replay DIR, one of them (muster help simulate)");
    if (invocation->options.from && !invocation->options.replay)
        return report_failure(EXIT_ERROR, "--from says where a replay begins: it needs --replay DIR (when a "
                                          "simulation starts is --start)");
    if (invocation->options.replay)
        return replay(invocation);
    kinds_init();
    if (!read_options(&simulating, &error))
        return report_error(error);
    for (size_t i = 0; i < simulating.sides_len && !error; i++)
        code = exit_code_worse(code, load_side(&simulating, paths[i], &simulating.sides[i], &error));
    if (error)
        return report_error(error);
    if (code != EXIT_OK)
        return code;
    bool is_good = load_workload(&simulating, &error);
    planning_report_diagnostics(simulating.diagnostics);
    if (error)
        return report_error(error);
    return is_good ? run_sides(&simulating) : EXIT_ERROR;
}

static const OptionSpec options[] = {
    {"replay", 0, OPTION_TEXT, OPTION(replay), "DIR",
     "run again what the daemons of this state directory did, and compare", NULL},
    {"from", 0, OPTION_TEXT, OPTION(from), "TERM|TIME",
     "begin a replay with the daemon of this term, or the newest that began by then", NULL},
    {"workload", 0, OPTION_TEXT, OPTION(workload), "FILE",
     "jobs to submit: JSON lines or an SWF trace; - is standard input", NULL},
    {"queue", 0, OPTION_TEXT, OPTION(queue), "NAME", "where jobs go that name no queue; else the only one",
     NULL},
    {"definition", 0, OPTION_TEXT, OPTION(definition), "NAME",
     "what jobs run that name no definition; else the only one", NULL},
    {"compare", 0, OPTION_TEXT, OPTION(compare), "DIR", "another source, simulated on the same workload",
     NULL},
    {"seed", 0, OPTION_TEXT, OPTION(seed), "N",
     "what chance is drawn from; the same gives the same result (1)", NULL},
    {"start", 0, OPTION_TEXT, OPTION(begin), "TIME",
     "when it starts; a trace's own start, else Monday 2026-01-05 00:00 UTC", NULL},
    {"until", 0, OPTION_TEXT, OPTION(until), "D", "stop after so much simulated time, whatever is left",
     NULL},
    {"spot-reclaim", 0, OPTION_TEXT, OPTION(spot_reclaim), "RATE",
     "how often an hour each Spot machine is taken away, on average: 0.05 is once in 20 hours (0)", NULL},
    {"spot-refuse", 0, OPTION_TEXT, OPTION(spot_refuse), "SHARE",
     "for which part of the launches of Spot machines there is no capacity, 0 to 1 (0)", NULL},
    {"output", 'o', OPTION_TEXT, OPTION(output), "FORMAT", "text (default) or json", "text|json"},
    {"html", 0, OPTION_TEXT, OPTION(html), "FILE", "write a page with the timeline and its curves too", NULL},
    OPTION_VARIABLES,
    OPTION_PROVIDER,
    OPTION_SOURCE,
};

const Command command_simulate = {
    .name = "simulate",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE | --replay DIR",
    .summary = "run manifests over a workload in virtual time: waits, machines, cost",
    .description =
        "Runs the scheduler and the scaler, the same that run jobs for real, over simulated machines in "
        "virtual "
        "time, and shows what comes of it: makespan, waits and slowdown by queue and share, instances bought "
        "and "
        "how much of them was used, cost, and jobs that can never run. Nothing is started or changed.\n\n"
        "Jobs come from the manifests (Job, Pipeline) and from --workload. A line of JSON is one job or "
        "array: "
        "{\"submitTime\": SECONDS, \"jobQueue\": …, \"jobDefinition\": …} and, where wanted, jobName, "
        "arraySize, "
        "durationSeconds, resourceRequirements, shareIdentifier, schedulingPriority, exitCode. Of a trace in "
        "the "
        "Standard Workload Format every job that ran is taken: a processor is a vCPU, users become share "
        "identifiers where the queue has a scheduling policy.\n\n"
        "A task runs for durationSeconds, else as the job definition's annotation muster/simulated-duration "
        "says, "
        "else as its earlier runs did. Spot machines are there when asked for and stay, unless "
        "--spot-reclaim and --spot-refuse say how often not: what ran on one that is taken away is lost and "
        "tried again as its retryStrategy says, and a type without capacity is in cool-down, as for real. "
        "An assertion of a queue (assert) that does not hold ends with 3, jobs "
        "that can never run with 4.\n\n"
        "--replay DIR takes no source. It runs again what the daemons of a state directory did, by what "
        "`muster serve` recorded there: the same engine is fed with the same requests, events, revisions and "
        "times, and must decide the same, tick by tick. The first tick that it decides otherwise is named, "
        "and "
        "the command ends with 3. --from leaves out the daemons before one: a number is a term, as the "
        "replay "
        "prints it, anything else a time.",
    .examples =
        "muster simulate envs/prod --workload week.jsonl\twhat a week would be like\n"
        "muster simulate envs/prod --workload week.jsonl --compare envs/spot\ttwo configurations "
        "side by side\n"
        "muster simulate envs/spot --workload week.jsonl --spot-reclaim 0.05\tSpot machines that last 20 "
        "hours on average\n"
        "muster simulate . --workload trace.swf --queue batch --definition any --html run.html\ta "
        "trace, as a "
        "page\n"
        "muster simulate --replay .muster\twhat the daemon did, once more\n"
        "muster simulate --replay .muster --from 2026-11-25T23:00:00Z\tonly who ran then, and later ones",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 0,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_INFEASIBLE),
    .run = run,
};

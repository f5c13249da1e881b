#include <errno.h>
#include <stdio.h>
#include "reconciler/cli/against.h"
#include "reconciler/cli/command.h"
#include "reconciler/cli/forecasting.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

static void add_words(GPtrArray *words, const char *option, char *const *values)
{
    for (; values && *values; values++) {
        g_ptr_array_add(words, (gpointer)(uintptr_t)option);
        g_ptr_array_add(words, *values);
    }
}

/* What to type to carry this plan out, with the options that made it. */
static char *next_command(const Options *options, const char *source)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    const struct {
        const char *name, *value;
    } given[] = {
        {"--state", options->state},         {"--provider", options->provider},
        {"--source", options->source},       {"--only", options->only},
        {"--first-run", options->first_run}, {"--allow-deletes", options->allow_deletes},
        {"--policy", options->policy},
    };
    g_ptr_array_add(words, (gpointer) "muster");
    g_ptr_array_add(words, (gpointer) "apply");
    if (options->out) {
        g_ptr_array_add(words, (gpointer) "--plan");
        g_ptr_array_add(words, options->out);
    } else {
        g_ptr_array_add(words, (gpointer)(uintptr_t)source);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
        if (given[i].value && !(options->out && i > 0)) { /* a saved plan holds the others */
            g_ptr_array_add(words, (gpointer)(uintptr_t)given[i].name);
            g_ptr_array_add(words, (gpointer)(uintptr_t)given[i].value);
        }
    if (!options->out) {
        add_words(words, "--set", options->set);
        add_words(words, "--values", options->values);
        if (options->reset_values)
            g_ptr_array_add(words, (gpointer) "--reset-values");
    }
    g_ptr_array_add(words, NULL);
    return shell_join((const char *const *)words->pdata);
}

static bool save(const Planning *planning, const Options *options, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    plan_save(planning->plan, planning->checked.absolute, options->provider, &planning->options, out);
    return g_file_set_contents(options->out, out->str, (gssize)out->len, error);
}

/* What shows all of a plan that a comment has no room for: without what is this machine's alone. */
static char *whole_command(const Options *options, const char *source)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    bool is_elsewhere = options->against && (*options->against == '/' || strchr(options->against, '@') ||
                                             strcmp(options->against, "-") == 0);
    const struct {
        const char *name, *value;
    } given[] = {
        {"--provider", options->provider},
        {"--source", options->source},
        {"--only", options->only},
        {"--first-run", options->first_run},
        {"--against", is_elsewhere ? "SNAPSHOT" : options->against},
    };
    g_ptr_array_add(words, (gpointer) "muster");
    g_ptr_array_add(words, (gpointer) "plan");
    g_ptr_array_add(words, (gpointer)(uintptr_t)(*source == '/' ? "SOURCE" : source));
    for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
        if (given[i].value) {
            g_ptr_array_add(words, (gpointer)(uintptr_t)given[i].name);
            g_ptr_array_add(words, (gpointer)(uintptr_t)given[i].value);
        }
    g_ptr_array_add(words, NULL);
    return shell_join((const char *const *)words->pdata);
}

/* A command with a place on this machine in it is of no use to who reads the comment. */
static bool is_for_all(const Options *options, const char *source)
{
    return *source != '/' && !options->state && !options->against && (!options->out || *options->out != '/');
}

static void print_markdown(const Planning *planning, const PlanForecast *forecast, const char *next,
                           const Options *options, const char *source)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *whole = whole_command(options, source);
    bool is_commit =
        planning->checked.source.git != NULL; /* files have their path in the repository already */
    PlanRender render = {.next_command = is_for_all(options, source) ? next : NULL,
                         .forecast = forecast,
                         .source_name = planning->checked.identity,
                         .root = is_commit ? NULL : planning->checked.path,
                         .absolute_root = is_commit ? NULL : planning->checked.absolute,
                         .whole_command = whole,
                         .refused = planning->guard_message,
                         .diagnostics = planning->checked.diagnostics};
    plan_render_markdown(planning->plan, &render, out);
    output_string(out);
}

static bool is_format(const Options *options, const char *format)
{
    return g_strcmp0(options->format, format) == 0;
}

static void print(const Planning *planning, const PlanForecast *forecast, const Options *options,
                  const char *source)
{
    g_autofree char *next = plan_is_empty(planning->plan) ? NULL : next_command(options, source);
    g_autoptr(GString) out = g_string_new(NULL);
    if (is_format(options, "json")) {
        plan_render_json(planning->plan, forecast, out);
        output_string(out);
    } else if (is_format(options, "markdown")) {
        print_markdown(planning, forecast, next, options, source);
    } else {
        planning_print(planning, forecast, planning->guard == GUARD_OK ? next : NULL);
    }
}

/* A comment that still shows the last plan would be wrong. */
static int no_plan(const Planning *planning, const Options *options, const char *source)
{
    if (is_format(options, "markdown"))
        print_markdown(planning, NULL, NULL, options, source);
    return EXIT_ERROR;
}

static int plan_exit_code(const Planning *planning)
{
    int code = plan_is_empty(planning->plan) ? EXIT_OK : EXIT_PENDING;
    if (planning->guard != GUARD_OK)
        code = exit_code_worse(
            code, report_failure(EXIT_REFUSED, "apply would be refused: %s", planning->guard_message));
    return exit_code_worse(code, checked_exit_code(&planning->checked));
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    const char *source = invocation->arguments[0];
    const char *sources[] = {source};
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    int64_t allow_deletes = -1;
    kinds_init();
    if (!option_integer("allow-deletes", options->allow_deletes, 0, INT64_MAX, &allow_deletes, &error) ||
        !state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    g_autoptr(GivenValues) values = values_read(options, state_dir, source, options->source, &error);
    if (!values)
        return report_error(error);
    PlanningOptions planned = {
        .values = values,
        .source = source,
        .source_name = options->source,
        .provider = options->provider,
        .only = options->only,
        .first_run = options->first_run,
        .state_dir = state_dir,
        .allow_deletes = allow_deletes,
        .policy = options->policy,
        .host = invocation->host,
    };
    AgainstOptions against = {
        .where = options->against, .installation = options->installation, .state_dir = state_dir};
    if (options->installation && !options->against)
        return report_failure(EXIT_ERROR,
                              "--installation says which snapshot is meant; give it with --against");
    const char *server = server_url(options->server);
    if (options->against && !(planned.against = against_load(&against, &error)))
        return report_error(error);
    if (server && !options->against && !(planned.against = against_server(server, &error)))
        return report_error(error);
    g_auto(Planning) planning = {0};
    if (!planning_make(&planned, &planning, &error))
        return report_error(error);
    planning_report_diagnostics(planning.checked.diagnostics);
    planning_report_diagnostics(planning.forbidden);
    if (!planning.plan)
        return no_plan(&planning, options, source);
    if (options->out && !save(&planning, options, &error))
        return report_error(error);
    g_auto(Forecasting) forecasting = {0};
    if (!options->no_forecast && planning.guard == GUARD_OK)
        forecasting_make(invocation->host, &planning, state_dir, options->provider, &forecasting);
    print(&planning, forecasting_plan(&forecasting), options, source);
    return exit_code_worse(plan_exit_code(&planning), forecasting_exit_code(&forecasting));
}

static const OptionSpec options[] = {
    {"format", 0, OPTION_TEXT, OPTION(format), "FORMAT", "text (default), json or markdown",
     "text|json|markdown"},
    {"out", 0, OPTION_TEXT, OPTION(out), "FILE", "save the plan, for apply --plan FILE", NULL},
    {"against", 0, OPTION_TEXT, OPTION(against), "SNAPSHOT",
     "compare with a snapshot (a file, - or an http(s) URL), not with a state", NULL},
    {"installation", 0, OPTION_TEXT, OPTION(installation), "ID",
     "the snapshot of --against must be of this installation (its first line names it)", NULL},
    {"no-forecast", 0, OPTION_FLAG, OPTION(no_forecast), NULL, "leave the forecast out", NULL},
    OPTION_VARIABLES,
    OPTION_POLICY,
    OPTION_PROVIDER,
    {"only", 0, OPTION_TEXT, OPTION(only), "KIND/NAME", "this one, and what it needs", NULL},
    {"first-run", 0, OPTION_TEXT, OPTION(first_run), "MODE",
     "where the source has no history here: start its jobs, or record them as done", "start|record"},
    {"allow-deletes", 0, OPTION_TEXT, OPTION(allow_deletes), "N",
     "let a plan pass that deletes up to N of a kind", NULL},
    OPTION_SOURCE,
};

const Command command_plan = {
    .name = "plan",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE",
    .summary = "show what apply would do; changes nothing",
    .description =
        "Compares the manifests of SOURCE with what the state directory holds and prints the "
        "difference: + creates, "
        "~ changes in place, -/+ replaces, - deletes, > runs; each with its reason and the "
        "manifest's place. It takes no "
        "lock, needs no daemon and disturbs none.\n\n"
        "SOURCE may be a commit, as git+URL[@REF][:PATH]: REF is a branch, a tag, a commit or "
        "semver:RANGE, PATH a directory in the repository; https, ssh (also user@host:path) and file are "
        "spoken. What is new is fetched first.\n\n"
        "What was changed outside, where a provider observes some, comes first and apart: it is put back or "
        "left "
        "as muster/drift says, and is no change of the plan.\n\n"
        "A plan that a guard would refuse is still printed, with the reason, and ends with 3. "
        "With --out the plan is saved: "
        "apply --plan does exactly that, or stops and names what changed since.\n\n"
        "With --against the plan is made where the state cannot be reached: from a snapshot that "
        "muster snapshot or muster serve --publish-snapshot wrote. It has the same id; its forecast knows no "
        "jobs but those that are new. "
        "With --format markdown it is a comment for a pull request, of at most 65,536 bytes, without values "
        "of "
        "variables that are not marked public; also where the manifests have errors.",
    .examples =
        "muster plan envs/prod\twhat would change\n"
        "muster plan envs/prod --out p.json && muster apply --plan p.json\treview, then do exactly that\n"
        "muster plan . --format markdown\tfor a comment on a pull request\n"
        "muster plan 'git+file:///srv/git/jobs.git@semver:>=1.2 <2'\tthe highest version in a range\n"
        "muster plan . --against https://example.org/prod.json\twithout access to the state",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_PENDING) | EXITS(EXIT_REFUSED) | EXITS(EXIT_INFEASIBLE),
    .run = run,
};

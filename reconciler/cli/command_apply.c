#include "reconciler/cli/deploy.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

static int run_source(Invocation *invocation, DeployOptions *deployed)
{
    const Options *options = &invocation->options;
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    const char *sources[] = {invocation->arguments[0]};
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    g_autoptr(GivenValues) values =
        values_read(options, state_dir, invocation->arguments[0], options->source, &error);
    if (!values)
        return report_error(error);
    deployed->planning.values = values;
    deployed->planning.source = invocation->arguments[0];
    deployed->planning.source_name = options->source;
    deployed->planning.provider = options->provider;
    deployed->planning.picked = invocation->picked;
    deployed->planning.only = options->only;
    deployed->planning.first_run = options->first_run;
    deployed->planning.state_dir = state_dir;
    return deploy(invocation, deployed);
}

/* What the plan was made with comes out of the file; giving it again could only contradict it. */
static const char *contradiction(const Options *options)
{
    return options->provider    ? "--provider"
           : options->only      ? "--only"
           : options->first_run ? "--first-run"
           : options->source    ? "--source"
           : options->set       ? "--set"
           : options->values    ? "--values"
                                : NULL;
}

static int run_saved(Invocation *invocation, DeployOptions *deployed)
{
    const Options *options = &invocation->options;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL, *state_dir = NULL;
    gsize len;
    const char *extra = contradiction(options);
    if (extra)
        return report_failure(EXIT_ERROR, "%s does not go with --plan: the saved plan holds it", extra);
    if (!g_file_get_contents(options->plan, &text, &len, &error))
        return report_error(error);
    g_autoptr(SavedPlan) saved = plan_load((View){text, len}, &error);
    if (!saved) {
        g_prefix_error(&error, "%s: ", options->plan);
        return report_error(error);
    }
    g_autoptr(GivenValues) values = given_values_from_json(saved->values, &error);
    if (!values)
        return report_error(error);
    deployed->planning.values = values;
    const char *sources[] = {saved->source_path};
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    deployed->plan_file = options->plan;
    deployed->saved = saved;
    deployed->is_confirmed = true; /* the file is what was agreed to */
    deployed->planning.source = saved->source_path;
    deployed->planning.source_name = saved->source_name;
    deployed->planning.provider = saved->provider;
    deployed->planning.only = saved->only;
    deployed->planning.first_run = first_run_name(saved->first_run);
    deployed->planning.state_dir = state_dir;
    return deploy(invocation, deployed);
}

static int run(Invocation *invocation)
{
    DeployOptions deployed;
    g_autoptr(GError) error = NULL;
    kinds_init();
    if (!deploy_options_read(&invocation->options, &deployed, &error))
        return report_error(error);
    deployed.question = "Do you want to apply these changes? Only 'yes' is accepted:";
    bool has_plan = invocation->options.plan != NULL;
    if (has_plan == (invocation->arguments_len == 1))
        return report_failure(EXIT_ERROR,
                              "apply needs SOURCE or --plan FILE, one of them (muster help apply)");
    return has_plan ? run_saved(invocation, &deployed) : run_source(invocation, &deployed);
}

static const OptionSpec options[] = {
    {"plan", 0, OPTION_TEXT, OPTION(plan), "FILE", "do exactly what this saved plan says, or stop", NULL},
    OPTION_YES,
    OPTION_WAIT_FOR,
    OPTION_TIMEOUT,
    OPTION_ALLOW_DELETES,
    {"first-run", 0, OPTION_TEXT, OPTION(first_run), "MODE",
     "where the source has no history here: start its jobs, or record them as done", "start|record"},
    OPTION_NO_FORECAST,
    OPTION_VARIABLES,
    OPTION_POLICY,
    OPTION_PROVIDER,
    {"only", 0, OPTION_TEXT, OPTION(only), "KIND/NAME", "this one, and what it needs", NULL},
    OPTION_SOURCE,
};

const Command command_apply = {
    .name = "apply",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE | --plan FILE",
    .summary = "make what is as the manifests say",
    .description =
        "Prints the plan, asks, carries it out and waits. With a daemon it is the daemon's "
        "client; without one it hosts the "
        "reconciler itself for as long as it waits. Ctrl-C ends the waiting, never a job.\n\n"
        "--wait jobs waits until every job that the source started has ended, shows them on the "
        "way, and ends with 7 when "
        "one failed, with the reason and the end of its log. When nothing is to be changed it "
        "still waits for what runs. Runs that a schedule begins meanwhile are not waited for.\n\n"
        "Without a terminal there is nobody to ask: give --yes, or a plan that was saved with "
        "plan --out. More deletions "
        "of one kind than max(3, 20 %) are refused unless --allow-deletes says so.\n\n"
        "With --server the manifests are sent to a daemon elsewhere, as muster render shows them; the key "
        "has to be "
        "of scope admin, and what that daemon follows cannot be applied so.\n\n"
        "An apply that is killed while it enters its changes is FAILED, and stays as it is: what was entered "
        "holds, the rest is what plan shows next, and the same apply again does it (runs that began do not "
        "begin again). A daemon that follows the source does so by itself. Once all is entered, whatever "
        "hosts next goes on with it.",
    .examples = "muster apply envs/prod\task, then converge\n"
                "muster apply hello --yes --wait jobs --timeout 1h\tin a script\n"
                "muster apply --plan p.json\texactly what was reviewed",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 0,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_INFEASIBLE) | EXITS(EXIT_TIMED_OUT) | EXITS(EXIT_WORK_FAILED),
    .run = run,
};

#include "reconciler/cli/deploy.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    const char *sources[] = {invocation->arguments[0]};
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    DeployOptions deployed;
    kinds_init();
    if (!deploy_options_read(options, &deployed, &error) ||
        !state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    g_autoptr(GivenValues) values =
        values_read(options, state_dir, invocation->arguments[0], options->source, &error);
    if (!values)
        return report_error(error);
    deployed.question = "Do you want to destroy all of this? Only 'yes' is accepted:";
    deployed.planning = (PlanningOptions){
        .values = values,
        .source = invocation->arguments[0],
        .source_name = options->source,
        .state_dir = state_dir,
        .allow_deletes = -1,
        .destroy = true,
    };
    return deploy(invocation, &deployed);
}

static const OptionSpec options[] = {
    OPTION_YES,
    {"wait", 0, OPTION_TEXT, OPTION(wait_for), "FOR", "resources (default): until they are gone; none",
     "resources|none"},
    OPTION_TIMEOUT,
    OPTION_VARIABLES,
    OPTION_SOURCE,
};

const Command command_destroy = {
    .name = "destroy",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE",
    .summary = "delete everything that a source owns",
    .description = "Plans the deletion of all that SOURCE made here, asks, and carries it out: queues drain "
                   "first (or as their "
                   "muster/deletion annotation says), environments go when nothing runs on them. What other "
                   "sources own, what was made "
                   "by hand, and what is annotated muster/prune: \"false\" stays.\n\n"
                   "The source's files are not touched, nor are the logs of finished jobs.",
    .examples = "muster destroy envs/test\task, then delete\n"
                "muster destroy envs/test --yes --wait none\tstart it and go on",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_TIMED_OUT),
    .run = run,
};

#include "reconciler/cli/checked.h"
#include "reconciler/cli/command.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/render.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

static void print(const Rendering *rendering, const Checked *checked, bool is_json)
{
    if (is_json) {
        json_t *json = rendering_json(rendering, checked->set, checked->identity);
        output_json(json);
        json_decref(json);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    rendering_append_yaml(rendering, checked->set, checked->identity, out);
    output_string(out);
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    const char *path = invocation->arguments[0], *sources[] = {path};
    bool is_json = g_strcmp0(options->output, "json") == 0;
    g_auto(Checked) checked = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    kinds_init();
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    g_autoptr(GivenValues) values = values_read(options, state_dir, path, options->source, &error);
    g_autoptr(Rendering) rendering = rendering_new(is_json ? RENDER_JSON : RENDER_YAML,
                                                   options->defaults ? RENDER_DEFAULTS : RENDER_STATED);
    CheckOptions check = {.path = path,
                          .name = options->source,
                          .provider = options->provider,
                          .state_dir = state_dir,
                          .values = values,
                          .observe = rendering_observe,
                          .observer = rendering};
    if (!values || !checked_load(&check, &checked, &error))
        return report_error(error);
    planning_report_diagnostics(checked.diagnostics);
    if (checked_exit_code(&checked) == EXIT_ERROR) /* what can never run can be shown */
        return EXIT_ERROR;
    print(rendering, &checked, is_json);
    return EXIT_OK;
}

static const OptionSpec options[] = {
    {"output", 'o', OPTION_TEXT, OPTION(output), "FORMAT", "yaml (default) or json", "yaml|json"},
    {"defaults", 0, OPTION_FLAG, OPTION(defaults), NULL, "show absent members that have a default, with it",
     NULL},
    OPTION_VARIABLES,
    OPTION_PROVIDER,
    OPTION_SOURCE,
};

const Command command_render = {
    .name = "render",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE",
    .summary = "show what the manifests become, with the origin of every value",
    .description =
        "Prints the manifests of SOURCE and its bases as plan and apply take them: variables put in, patches "
        "laid over, short forms written out, members in byte order. Nothing is changed.\n\n"
        "Each value has its origin beside it: file:line of where it is written, and for a variable behind <- "
        "its name and where its value was set. What is printed plans to no change when it is put in place of "
        "the source (without --defaults: some defaults hold in certain cases only).\n\n"
        "With -o json every manifest has a member origin, which maps the path of each value "
        "(spec.jobs[0].name) to file, line, column and variables.",
    .examples = "muster render envs/prod\twhat prod is made of\n"
                "muster render envs/prod --set priority=20\twith another value\n"
                "diff <(muster render envs/dev) <(muster render envs/prod)\thow two variants differ",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};

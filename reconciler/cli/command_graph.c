/* command_graph.c: pictures of a source or a pipeline: DOT by ourselves, SVG by Graphviz's `dot` where it is.
 */
#include <glib/gstdio.h>
#include "reconciler/cli/checked.h"
#include "reconciler/cli/graph.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

#define PIPELINE_PREFIX "Pipeline/"

/* ---- SVG */

static int run_dot(const char *program, const char *file)
{
    const char *argv[] = {program, "-Tsvg", file, NULL};
    g_autofree char *out = NULL, *faults = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    bool is_run = g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out,
                               &faults, &status, &error);
    if (!is_run)
        return report_failure(EXIT_ERROR, "%s: %s", program, error->message);
    if (!g_spawn_check_wait_status(status, NULL))
        return report_failure(EXIT_ERROR, "%s failed: %s", program,
                              g_strchomp(faults && *faults ? faults : (char *)(uintptr_t) "without a word"));
    output_write(out, strlen(out));
    return EXIT_OK;
}

/* Through a file: `dot` may write before it has read everything. */
static int print_svg(const GString *dot)
{
    g_autofree char *program = g_find_program_in_path("dot"), *file = NULL;
    g_autoptr(GError) error = NULL;
    if (!program)
        return report_failure(EXIT_ERROR,
                              "--format svg needs the program \"dot\": install the package graphviz, or take "
                              "--format dot");
    int fd = g_file_open_tmp("muster-graph-XXXXXX", &file, &error);
    bool is_written =
        fd >= 0 && g_close(fd, &error) && g_file_set_contents(file, dot->str, (gssize)dot->len, &error);
    int code = is_written ? run_dot(program, file) : report_error(error);
    if (file)
        g_unlink(file);
    return code;
}

static int print_graph(const Options *options, const GString *dot)
{
    if (g_strcmp0(options->format, "svg") == 0)
        return print_svg(dot);
    output_string(dot);
    return EXIT_OK;
}

/* ---- what is drawn */

/* A step as the manifest has it, with the pipeline's name as the title. */
static int graph_manifest(const Options *options, const Checked *checked, const char *only)
{
    g_autoptr(GString) dot = g_string_new(NULL);
    const Manifest *manifest =
        g_str_has_prefix(only, PIPELINE_PREFIX)
            ? manifest_set_find(checked->set, KIND_PIPELINE, view_from(only + strlen(PIPELINE_PREFIX)))
            : NULL;
    if (!manifest)
        return report_failure(EXIT_NOT_FOUND, "%s: the source has no such Pipeline (--only Pipeline/NAME)",
                              only);
    json_t *spec = json_loadb(manifest->spec.data, manifest->spec.len, 0, NULL);
    graph_steps(json_object_get(spec, "jobs"), only, dot);
    json_decref(spec);
    return print_graph(options, dot);
}

static int graph_of_source(Invocation *invocation, const char *path)
{
    g_auto(Checked) checked = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    const Options *options = &invocation->options;
    const char *sources[] = {path};
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error))
        return report_error(error);
    g_autoptr(GivenValues) values = values_read(options, state_dir, path, options->source, &error);
    CheckOptions check = {.path = path,
                          .name = options->source,
                          .provider = options->provider,
                          .state_dir = state_dir,
                          .values = values};
    if (!values || !checked_load(&check, &checked, &error))
        return report_error(error);
    /* What can never run can be drawn. */
    int code = checked_exit_code(&checked);
    if (code == EXIT_ERROR) {
        planning_report_diagnostics(checked.diagnostics);
        return code;
    }
    if (options->only)
        return graph_manifest(options, &checked, options->only);
    g_autoptr(GString) dot = g_string_new(NULL);
    graph_source(checked.set, checked.identity, dot);
    return print_graph(options, dot);
}

static int graph_of_pipeline(Invocation *invocation, const char *name)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) dot = g_string_new(NULL);
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    json_t *answer = backend_call(session.backend, "steps", json_pack("{s:s}", "pipeline", name), &error);
    if (!answer)
        return session_close(&session, report_error(error));
    const json_t *run = json_object_get(answer, "run");
    g_autofree char *title = run ? g_strdup_printf(PIPELINE_PREFIX "%s run %" G_GINT64_FORMAT " %s", name,
                                                   member_integer(run, "number"), member_text(run, "state"))
                                 : g_strdup_printf(PIPELINE_PREFIX "%s", name);
    graph_steps(json_object_get(answer, "steps"), title, dot);
    json_decref(answer);
    int code = print_graph(&invocation->options, dot);
    if (code == EXIT_OK)
        backend_note_age(session.backend);
    return session_close(&session, code);
}

static int run(Invocation *invocation)
{
    const char *what = invocation->arguments[0];
    kinds_init();
    if (g_str_has_prefix(what, PIPELINE_PREFIX) && !g_file_test(what, G_FILE_TEST_EXISTS))
        return graph_of_pipeline(invocation, what + strlen(PIPELINE_PREFIX));
    bool is_path = strchr(what, '/') || strchr(what, ':') || what[0] == '.' || g_str_equal(what, "-");
    if (is_path || g_file_test(what, G_FILE_TEST_EXISTS))
        return graph_of_source(invocation, what);
    return graph_of_pipeline(invocation, what);
}

static const OptionSpec options[] = {
    {"format", 0, OPTION_TEXT, OPTION(format), "FORMAT", "dot (default) or svg, which needs Graphviz",
     "dot|svg"},
    {"only", 0, OPTION_TEXT, OPTION(only), "KIND/NAME", "of a source: the steps of Pipeline/NAME", NULL},
    OPTION_SOURCE,
    OPTION_VARIABLES,
    OPTION_PROVIDER,
};

const Command command_graph = {
    .name = "graph",
    .group = GROUP_LOOKING,
    .arguments = "SOURCE | PIPELINE",
    .summary = "a picture of a source or of a pipeline",
    .description =
        "Of a source: every manifest and what it names. Of a pipeline that has been applied: its steps, how "
        "they "
        "depend on each other, and how far its newest run has brought them. Pipeline/NAME is a pipeline, "
        "what exists as a file or directory is a source, any other word is a pipeline.\n\n"
        "The picture is text in Graphviz's language DOT; --format svg hands it to Graphviz's program dot.",
    .examples = "muster graph . >resources.dot\twhat the manifests declare\n"
                "muster graph . --only Pipeline/nightly\tsteps, before anything is applied\n"
                "muster graph nightly --format svg >nightly.svg\thow far it is, as a picture",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_NOT_FOUND),
    .is_local = true,
    .run = run,
};

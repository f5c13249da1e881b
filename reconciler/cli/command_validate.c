#include <stdio.h>
#include "reconciler/cli/checked.h"
#include "reconciler/cli/command.h"
#include "reconciler/cli/manifest_count.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"
#include "spec/base/units.h"

typedef struct {
    DiagnosticList *diagnostics;
    ManifestCount count;
    size_t skipped;
    int code;
} Validation;

/* One source; what cannot be read is reported at once, so that the others are still checked. */
static void validate_source(const Invocation *invocation, const char *path, Validation *validation)
{
    g_autoptr(GError) error = NULL;
    g_auto(Checked) checked = {0};
    g_autofree char *state_dir = NULL;
    const Options *options = &invocation->options;
    const char *sources[] = {path};
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error)) {
        validation->code = exit_code_worse(validation->code, report_error(error));
        return;
    }
    g_autoptr(GivenValues) values = values_read(options, state_dir, path, NULL, &error);
    CheckOptions check = {
        .path = path, .provider = options->provider, .state_dir = state_dir, .values = values};
    if (!values || !checked_load(&check, &checked, &error)) {
        validation->code = exit_code_worse(validation->code, report_error(error));
        return;
    }
    validation->code = exit_code_worse(validation->code, checked_exit_code(&checked));
    manifest_count_add(&checked, &validation->count);
    validation->skipped += checked.statistics.files_skipped;
    diagnostic_list_merge(validation->diagnostics, checked.diagnostics);
}

static void append_count(GString *out, size_t count, const char *noun)
{
    g_autofree char *number = integer_human((int64_t)count);
    g_string_append_printf(out, "%s %s%s", number, noun, count == 1 ? "" : "s");
}

static void append_summary(const Validation *validation, GString *out)
{
    size_t errors = diagnostic_list_count(validation->diagnostics, SEVERITY_ERROR);
    size_t warnings = diagnostic_list_count(validation->diagnostics, SEVERITY_WARNING);
    if (errors)
        append_count(out, errors, "error");
    if (warnings) {
        g_string_append(out, errors ? ", " : "");
        append_count(out, warnings, "warning");
    }
    bool is_one = validation->count.manifests == 1;
    if (validation->count.manifests == 0 && validation->count.is_partial) {
        g_string_append(out, "; no manifest is valid");
    } else {
        g_string_append(out, errors || warnings ? " in " : "");
        manifest_count_append(&validation->count, out);
        g_string_append(out, errors || warnings ? "" : is_one ? " is valid" : " are valid");
    }
    if (validation->skipped) {
        g_string_append(out, "; ");
        append_count(out, validation->skipped, "file");
        g_string_append(out, " without manifests skipped");
    }
    g_string_append_c(out, '\n');
}

/* Text: faults are errors and go to stderr. json and github are results that a program reads. */
static void print_validation(const Validation *validation, const char *format)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (g_strcmp0(format, "json") == 0 || g_strcmp0(format, "github") == 0) {
        diagnostic_list_render(validation->diagnostics, *format == 'j' ? DIAGNOSTIC_JSON : DIAGNOSTIC_GITHUB,
                               out);
        if (out->len && out->str[out->len - 1] != '\n')
            g_string_append_c(out, '\n');
        output_string(out);
        return;
    }
    diagnostic_list_render(validation->diagnostics, DIAGNOSTIC_TEXT, out);
    bool has_errors = diagnostic_list_count(validation->diagnostics, SEVERITY_ERROR) > 0;
    fputs(out->str, stderr);
    g_string_truncate(out, 0);
    append_summary(validation, out);
    if (has_errors)
        fputs(out->str, stderr);
    else if (validation->code == EXIT_OK)
        output_string(out);
}

static int run(Invocation *invocation)
{
    kinds_init();
    Validation validation = {.diagnostics = diagnostic_list_new()};
    for (int i = 0; i < invocation->arguments_len; i++)
        validate_source(invocation, invocation->arguments[i], &validation);
    print_validation(&validation, invocation->options.format);
    diagnostic_list_free(validation.diagnostics);
    return validation.code;
}

static const OptionSpec options[] = {
    {"format", 0, OPTION_TEXT, OPTION(format), "FORMAT", "text (default), json or github",
     "text|json|github"},
    OPTION_VARIABLES,
    OPTION_PROVIDER,
};

const Command command_validate = {
    .name = "validate",
    .group = GROUP_MANIFESTS,
    .arguments = "SOURCE…",
    .summary = "check manifests: schema, references, whether every job can run",
    .description = "Reads every manifest of each SOURCE (a directory, one YAML file, - for standard "
                   "input, or a commit: git+URL[@REF][:PATH]) and reports all faults "
                   "in one run, each with file, line, column, the path in the document and a suggestion. "
                   "Nothing is changed and no "
                   "daemon is needed.\n\n"
                   "Beyond the schema of each kind it checks that what is referred to exists, that "
                   "dependencies have no cycle, and "
                   "that some machine of the job's queue could ever run each Job and Pipeline step. A job "
                   "that never could is an "
                   "error of its own (exit code 4).\n\n"
                   "With text, faults go to standard error; json and github (workflow annotations) go to "
                   "standard output.",
    .examples = "muster validate envs/prod\tone source\n"
                "muster validate envs/* --format github\tin a GitHub workflow\n"
                "generate-manifests | muster validate -\twhat a program makes\n"
                "muster validate git+ssh://git@git.example.org/team/jobs.git@v1.4.0:envs/prod\ta tag",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 1,
    .max_arguments = -1,
    .exits = EXITS(EXIT_REFUSED) | EXITS(EXIT_INFEASIBLE),
    .run = run,
};

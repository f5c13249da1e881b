#include "reconciler/cli/explain.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/report.h"

static json_t *ask(Session *session, const char *id, GError **error)
{
    json_t *answer = backend_call(session->backend, "explain", json_pack("{s:s}", "job", id), error);
    if (answer && !json_is_object(json_object_get(answer, "job"))) {
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no job %s", id);
        g_clear_pointer(&answer, json_decref);
    }
    return answer;
}

static void print(const Options *options, const json_t *answer)
{
    OutputFormat format = output_format(options->output);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) out = g_string_new(NULL);
    if (format == OUTPUT_JSON) {
        output_json(answer);
    } else if (format == OUTPUT_YAML) {
        output_yaml(answer);
    } else {
        explain_print_job(answer, &style, out);
        output_string(out);
    }
}

static int explain(const Options *options, Session *session, const char *id)
{
    g_autoptr(GError) error = NULL;
    json_t *answer = ask(session, id, &error);
    if (!answer)
        return report_error(error);
    bool never = json_is_true(json_object_get(json_object_get(answer, "explanation"), "never"));
    print(options, answer);
    json_decref(answer);
    return never ? EXIT_INFEASIBLE : EXIT_OK;
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    if (!lookup_is_id(invocation->arguments[0]))
        return report_failure(EXIT_ERROR, "explain needs a job's id, or the first four or more digits of it "
                                          "(muster get jobs lists them)");
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    int code = explain(&invocation->options, &session, invocation->arguments[0]);
    if (code == EXIT_OK || code == EXIT_INFEASIBLE)
        backend_note_age(session.backend);
    return session_close(&session, code);
}

static const OptionSpec options[] = {OPTION_OUTPUT};

const Command command_explain = {
    .name = "explain",
    .group = GROUP_LOOKING,
    .arguments = "JOB",
    .summary = "why a job is where it is, and what would help",
    .description =
        "Says why a job waits: what it needs; what it is behind; what its share may use; for each compute "
        "environment of its queue, in order, what is missing there, in numbers; when it is expected to "
        "start; "
        "and the smallest change that would help, tried before it is told. Of a job that is not RUNNABLE yet "
        "it "
        "says what has to happen first; of an array, what holds its next child.\n\n"
        "A job is named by its id, or the first four or more digits of it; a child of an array by ID:INDEX. "
        "The times are expectations, from timeouts and earlier runs. \"Not before\" means that others come "
        "first. With -o json each change is a list of edits {kind, name, path, value}; of kind Job: members "
        "to submit it with.\n\n"
        "Ends with 4 when no compute environment of its queue can ever run the job as both are.",
    .examples = "muster explain 5b0c:17\twhy child 17 of an array waits\n"
                "muster explain 5b0c -o json\tfor a program",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_JOB,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_INFEASIBLE),
    .run = run,
};

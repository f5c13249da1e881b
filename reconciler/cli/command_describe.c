#include "reconciler/cli/listing.h"
#include "reconciler/cli/lookup.h"
#include "reconciler/cli/report.h"

static int print_one(const Options *options, const json_t *value,
                     void (*describe)(const json_t *, const ListStyle *, GString *))
{
    OutputFormat format = output_format(options->output);
    ListStyle style = list_style(options->output);
    g_autoptr(GString) out = g_string_new(NULL);
    if (format == OUTPUT_JSON) {
        output_json(value);
    } else if (format == OUTPUT_YAML) {
        output_yaml(value);
    } else {
        describe(value, &style, out);
        output_string(out);
    }
    return EXIT_OK;
}

static int describe_one_job(const Options *options, Session *session, const char *id)
{
    g_autoptr(GError) error = NULL;
    json_t *job = lookup_job(session, id, &error);
    if (!job)
        return report_error(error);
    int code = print_one(options, job, describe_job);
    json_decref(job);
    return code;
}

/* A pipeline's steps and schedules are members of it for whoever reads the result. */
static void add_steps(Session *session, json_t *item, const char *name)
{
    g_autoptr(GError) error = NULL;
    json_t *answer = backend_call(session->backend, "steps", json_pack("{s:s}", "pipeline", name), &error);
    if (answer)
        json_object_update(item, answer); /* a daemon of another version may not know the operation */
    json_decref(answer);
}

static int describe_one_resource(const Options *options, Session *session, Kind kind, const char *name)
{
    g_autoptr(GError) error = NULL;
    json_t *items = lookup_items(session, kind, name, &error);
    if (!items)
        return report_error(error);
    if (kind == KIND_PIPELINE)
        add_steps(session, json_array_get(items, 0), member_text(json_array_get(items, 0), "name"));
    int code = print_one(options, json_array_get(items, 0), describe_resource);
    json_decref(items);
    return code;
}

static int describe_found(const Options *options, Session *session, const Lookup *lookup)
{
    if (lookup->type == LOOKUP_RUNS)
        return report_failure(EXIT_ERROR,
                              "a run is described by its Job or Pipeline: muster describe Pipeline NAME");
    if (lookup->type == LOOKUP_JOBS && lookup_is_id(lookup->name))
        return describe_one_job(options, session, lookup->name);
    return describe_one_resource(options, session, lookup->kind, lookup->name);
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    Lookup lookup = {.type = LOOKUP_JOBS, .name = invocation->arguments[0]};
    kinds_init();
    bool is_bare_id = invocation->arguments_len == 1 && lookup_is_id(invocation->arguments[0]);
    if (!is_bare_id && !lookup_parse(invocation->arguments, invocation->arguments_len, &lookup, &error))
        return report_error(error);
    if (!lookup.name)
        return report_failure(EXIT_ERROR, "describe needs KIND NAME, or a job's id (muster help describe)");
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    int code = describe_found(&invocation->options, &session, &lookup);
    if (code == EXIT_OK)
        backend_note_age(session.backend);
    return session_close(&session, code);
}

static const OptionSpec options[] = {OPTION_OUTPUT};

const Command command_describe = {
    .name = "describe",
    .group = GROUP_LOOKING,
    .arguments = "KIND NAME | JOB",
    .summary = "all about one resource or job",
    .description =
        "Shows one resource with its spec, where its manifest stands, what uses it now and its runs; or one "
        "job with its "
        "state, why it waits, its dependencies, every attempt and where the logs are. Of a compute "
        "environment it shows vCPUs in use and free, instances by type and state, what was spent of the "
        "budget, pools in cool-down, and why nothing is bought for jobs that wait.\n\n"
        "A job is named by its id, or the first four or more digits of it; a child of an array by ID:INDEX.",
    .examples = "muster describe jobqueue high\ta queue\n"
                "muster describe ce spot\ta compute environment: instances, money, what it waits for\n"
                "muster describe job 5b0c:17\tthe child 17 of an array\n"
                "muster describe Pipeline/nightly -o json\tfor a program",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_KIND,
    .min_arguments = 1,
    .max_arguments = 2,
    .exits = EXITS(EXIT_NOT_FOUND),
    .run = run,
};

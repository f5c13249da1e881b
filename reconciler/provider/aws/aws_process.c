#include "reconciler/provider/aws/aws_process.h"
#include <jansson.h>
#include "reconciler/provider/program/program.h"

#define TIME_LIMIT_MS 60000
#define OUTPUT_MAX    ((gsize)64 << 10)
#define FORM_VERSION  1

typedef struct {
    GMainContext *context;
    char *origin;
    char **arguments;
    ProgramRun *run; /* NULL: none */
    AwsFetched done;
    void *data;
} Process;

static void give(Process *process, AwsCredentials *credentials, GError *error)
{
    AwsFetched done = process->done;
    process->done = NULL;
    g_clear_pointer(&process->run, program_run_free);
    done(credentials, error, process->data);
}

static void give_up(Process *process, const char *why)
{
    give(process, NULL, g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: %s", process->origin, why));
}

/* {"Version": 1, "AccessKeyId": …} */
static void take(View output, const GError *fault, void *data)
{
    Process *process = data;
    json_t *root = fault ? NULL : json_loadb(output.data, output.len, 0, NULL);
    json_int_t version = json_integer_value(json_object_get(root, "Version"));
    GError *error = NULL;
    json_decref(root);
    if (fault) {
        give_up(process, fault->message);
    } else if (version != FORM_VERSION) {
        give_up(process, "it printed no JSON object with Version 1");
    } else {
        AwsCredentials *credentials = aws_credentials_of_json(output, process->origin, &error);
        give(process, credentials, error);
    }
}

static void fetch(void *self, AwsFetched done, void *data)
{
    Process *process = self;
    const ProgramCall call = {.arguments = (const char *const *)process->arguments,
                              .limit_ms = TIME_LIMIT_MS,
                              .output_max = OUTPUT_MAX};
    process->done = done;
    process->data = data;
    process->run = program_run(process->context, &call, take, process);
}

static void cancel(void *self)
{
    Process *process = self;
    g_clear_pointer(&process->run, program_run_free);
    process->done = NULL;
}

static void process_free(void *self)
{
    Process *process = self;
    cancel(process);
    g_strfreev(process->arguments);
    g_free(process->origin);
    g_free(process);
}

bool aws_fetcher_process(const AwsFetching *fetching, const char *profile, const char *command,
                         AwsFetcher *ret_fetcher, GError **error)
{
    g_auto(GStrv) arguments = NULL;
    if (!g_shell_parse_argv(command, NULL, &arguments, error)) {
        g_prefix_error(error, "credential_process of profile %s: ", profile);
        return false;
    }
    Process *process = g_new0(Process, 1);
    *process = (Process){.context = fetching->context,
                         .origin = g_strdup_printf("credential_process of profile %s", profile),
                         .arguments = g_steal_pointer(&arguments)};
    *ret_fetcher = (AwsFetcher){.fetch = fetch, .cancel = cancel, .free = process_free, .self = process};
    return true;
}

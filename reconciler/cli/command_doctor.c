#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"

static const Column columns[] = {{"CHECK", ALIGN_LEFT, COLUMN_ALWAYS},
                                 {"STATUS", ALIGN_LEFT, COLUMN_ALWAYS},
                                 {"DETAIL", ALIGN_LEFT, COLUMN_ALWAYS}};

static void print_table(const json_t *checks)
{
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    g_autoptr(GString) out = g_string_new(NULL);
    size_t index;
    json_t *check;
    json_array_foreach((json_t *)(uintptr_t)checks, index, check)
    {
        table_cell(table, member_text(check, "check"));
        table_cell(table, member_text(check, "status"));
        table_cell_take(table, printable(member_text(check, "detail")));
    }
    table_render(table, false, output_colored(stdout), out);
    output_string(out);
}

static bool has_failed(const json_t *checks)
{
    size_t index;
    json_t *check;
    json_array_foreach((json_t *)(uintptr_t)checks, index, check)
    {
        if (strcmp(member_text(check, "status"), "failed") == 0)
            return true;
    }
    return false;
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    const DoctorOptions doctor = {.profile = options->profile,
                                  .region = options->region,
                                  .account = options->account,
                                  .role_arn = options->role};
    OutputFormat format = output_format(options->output);
    g_autoptr(GError) error = NULL;
    json_t *checks = NULL;
    if (!invocation->host->doctor(&doctor, &checks, &error))
        return report_error(error);
    bool is_bad = has_failed(checks);
    json_t *answer = json_pack("{s:o}", "checks", checks);
    if (format == OUTPUT_JSON)
        output_json(answer);
    else if (format == OUTPUT_YAML)
        output_yaml(answer);
    else
        print_table(checks);
    json_decref(answer);
    return is_bad ? EXIT_ERROR : EXIT_OK;
}

static const OptionSpec options[] = {
    {"region", 0, OPTION_TEXT, OPTION(region), "REGION",
     "the region to ask (default: AWS_REGION, or the profile's)", NULL},
    {"profile", 0, OPTION_TEXT, OPTION(profile), "NAME",
     "a profile of ~/.aws/config (default: AWS_PROFILE, or default)", NULL},
    {"role", 0, OPTION_TEXT, OPTION(role), "ARN", "a role to assume first, as roleArn of an environment",
     NULL},
    {"account", 0, OPTION_TEXT, OPTION(account), "ID", "the account that it has to be", NULL},
    OPTION_OUTPUT,
};

const Command command_doctor = {
    .name = "doctor",
    .group = GROUP_OTHER,
    .arguments = "",
    .summary = "look whether AWS can be used from here",
    .description =
        "Finds the region and the credentials that muster would use, as the aws CLI finds them, says where "
        "they come from and how "
        "long they are good, asks AWS whose they are, and tries one reading call of each service that muster "
        "needs. Nothing is changed.\n\n"
        "What cannot be looked at is said to be so (not checked). It ends with 1 when something failed.\n\n"
        "Endpoints, proxies and certificates are those of the environment (AWS_ENDPOINT_URL, AWS_CA_BUNDLE, "
        "HTTPS_PROXY …).",
    .examples = "muster doctor --region eu-central-1\twith the credentials at hand\n"
                "muster doctor --profile ci --account 123456789012\tthe right account?\n"
                "muster doctor -o json | jq '.checks[] | select(.status == \"failed\")'\tin a script",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .run = run,
};

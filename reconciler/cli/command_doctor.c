#include "reconciler/cli/checked.h"
#include "reconciler/cli/doctor_report.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/cli/values.h"

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

/* Exit codes: 1 where something failed, or (strict) is anything but ok. */
static int exit_code_of(const json_t *checks, bool is_strict)
{
    DoctorCount count = doctor_count(checks);
    return count.failed || (is_strict && (count.warnings || count.not_checked)) ? EXIT_ERROR : EXIT_OK;
}

static int print(const Options *options, json_t *checks, bool has_source)
{
    OutputFormat format = output_format(options->output);
    int code = exit_code_of(checks, options->strict);
    json_t *answer = json_pack("{s:o}", "checks", checks);
    g_autoptr(GString) out = g_string_new(NULL);
    if (format == OUTPUT_JSON)
        output_json(answer);
    else if (format == OUTPUT_YAML)
        output_yaml(answer);
    else if (has_source)
        doctor_report_source(checks, options->all || format == OUTPUT_WIDE, output_colored(stdout), out);
    else
        print_table(checks);
    output_string(out);
    json_decref(answer);
    return code;
}

/* The source's manifests; *ret_code: what to end with where they cannot be used. */
static bool load(const Invocation *invocation, Checked *ret_checked, int *ret_code)
{
    const Options *options = &invocation->options;
    const char *path = invocation->arguments[0], *sources[] = {path};
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    kinds_init();
    if (!state_dir_of(options->state, sources, 1, &state_dir, &error)) {
        *ret_code = report_error(error);
        return false;
    }
    g_autoptr(GivenValues) values = values_read(options, state_dir, path, options->source, &error);
    const CheckOptions check = {.path = path,
                                .name = options->source,
                                .provider = options->provider,
                                .state_dir = state_dir,
                                .values = values};
    if (!values || !checked_load(&check, ret_checked, &error)) {
        *ret_code = report_error(error);
        return false;
    }
    planning_report_diagnostics(ret_checked->diagnostics);
    *ret_code = checked_exit_code(ret_checked);
    return *ret_code != EXIT_ERROR; /* what can never run can be looked at */
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    DoctorOptions doctor = {.profile = options->profile,
                            .region = options->region,
                            .account = options->account,
                            .role_arn = options->role};
    g_auto(Checked) checked = {0};
    g_autoptr(GError) error = NULL;
    bool has_source = invocation->arguments_len > 0;
    json_t *checks = NULL;
    int code = EXIT_OK;
    if (has_source && !load(invocation, &checked, &code))
        return code;
    doctor.set = checked.set;
    doctor.provider = checked.provider;
    if (!invocation->host->doctor(&doctor, &checks, &error))
        return report_error(error);
    return print(options, checks, has_source);
}

static const OptionSpec options[] = {
    {"region", 0, OPTION_TEXT, OPTION(region), "REGION",
     "the region to ask where the environment names none (default: AWS_REGION, or the profile's)", NULL},
    {"profile", 0, OPTION_TEXT, OPTION(profile), "NAME",
     "a profile of ~/.aws/config (default: AWS_PROFILE, or default)", NULL},
    {"role", 0, OPTION_TEXT, OPTION(role), "ARN", "a role to assume first, as roleArn of an environment",
     NULL},
    {"account", 0, OPTION_TEXT, OPTION(account), "ID", "the account that it has to be", NULL},
    {"all", 0, OPTION_FLAG, OPTION(all), NULL, "show what is ok too", NULL},
    {"strict", 0, OPTION_FLAG, OPTION(strict), NULL,
     "end with 1 for warnings and for what is not checked too", NULL},
    OPTION_VARIABLES,
    OPTION_PROVIDER,
    OPTION_SOURCE,
    OPTION_OUTPUT,
};

const Command command_doctor = {
    .name = "doctor",
    .group = GROUP_OTHER,
    .arguments = "[SOURCE]",
    .summary = "look whether AWS can be used as environments need it",
    .description =
        "Finds the region and the credentials that muster would use, as the aws CLI finds them, says where "
        "they come from and how "
        "long they are good, asks AWS whose they are, and tries one reading call of each service that muster "
        "needs. Nothing is changed.\n\n"
        "With SOURCE it looks at each of its environments on AWS, in their regions and accounts: permissions "
        "(what is missing is printed as a policy), service-linked roles, vCPU quotas, images of jobs; "
        "subnets, their free addresses and their ways out, security groups, instance profile, machine "
        "images, "
        "launch template, key pair, placement group, file system.\n\n"
        "What cannot be looked at is said to be so (not checked). It ends with 1 when something failed.\n\n"
        "Endpoints, proxies and certificates are those of the environment (AWS_ENDPOINT_URL, AWS_CA_BUNDLE, "
        "HTTPS_PROXY …).",
    .examples = "muster doctor --region eu-central-1\twith the credentials at hand\n"
                "muster doctor envs/prod\twhat its environments need\n"
                "muster doctor --profile ci --account 123456789012\tthe right account?\n"
                "muster doctor -o json | jq '.checks[] | select(.status == \"failed\")'\tin a script",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .max_arguments = 1,
    .is_local = true,
    .run = run,
};

#include "reconciler/doctor.h"
#include <string.h>
#include "reconciler/aws_session.h"
#include "reconciler/docker_facts.h"
#include "reconciler/doctor_source.h"
#include "reconciler/provider/aws/aws_partition.h"

#define SOON_MS         (60LL * 60 * 1000) /* credentials that end within this are worth a word */
#define IMAGE_PARAMETER "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"

typedef struct {
    const DoctorOptions *options;
    json_t *checks;
    AwsSession session;
    bool has_region, has_credentials;
} Doctor;

/* What is asked of each service: a call that needs one permission and changes nothing. */
static const struct {
    AwsService service;
    const char *permission, *action, *body;
} probes[] = {
    {AWS_EC2, "ec2:DescribeInstances", "DescribeInstances",
     "Action=DescribeInstances&Version=2016-11-15&MaxResults=5"},
    {AWS_ECS, "ecs:ListClusters", "ListClusters", "{\"maxResults\":1}"},
    {AWS_SSM, "ssm:GetParameter", "GetParameter", "{\"Name\":\"" IMAGE_PARAMETER "\"}"},
    {AWS_LOGS, "logs:DescribeLogGroups", "DescribeLogGroups", "{\"limit\":1}"},
};

/* ---- what is found ---- */

static void G_GNUC_PRINTF(4, 5)
    add(Doctor *doctor, const char *check, const char *status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    json_array_append_new(doctor->checks,
                          json_pack("{s:s,s:s,s:s}", "check", check, "status", status, "detail", detail));
}

/* ---- waiting ---- */

typedef struct {
    bool is_done;
    char *error;
    char *account, *arn;
} Answer;

static void answer_clear(Answer *answer)
{
    g_free(answer->error);
    g_free(answer->account);
    g_free(answer->arn);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static void take_answer(const AwsAnswer *said, void *data)
{
    Answer *answer = data;
    answer->is_done = true;
    answer->error = said->error ? aws_error_text(said->error) : NULL;
    answer->account = g_strdup(xml_text(said->xml, "Account"));
    answer->arn = g_strdup(xml_text(said->xml, "Arn"));
}

static void call(Doctor *doctor, AwsService service, const char *action, const char *body, Answer *ret_answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AwsClient) client = aws_session_client(&doctor->session, service, NULL, &error);
    if (!client) {
        ret_answer->error = g_strdup(error->message);
        return;
    }
    const AwsCall what = {.action = action, .body = body};
    aws_client_call(client, &what, take_answer, ret_answer);
    while (!ret_answer->is_done)
        g_main_context_iteration(doctor->session.context, TRUE);
}

/* ---- the checks ---- */

static bool check_settings(Doctor *doctor)
{
    g_autoptr(GError) error = NULL;
    const DoctorOptions *options = doctor->options;
    bool is_read = aws_session_begin(&doctor->session, options->profile, options->region, &error);
    if (is_read)
        add(doctor, "settings", "ok", "profile %s", doctor->session.settings->profile);
    else
        add(doctor, "settings", "failed", "%s", error->message);
    return is_read;
}

static void check_region(Doctor *doctor)
{
    const AwsSetting *region = &doctor->session.settings->region;
    const AwsPartition *partition = region->text ? aws_partition_of_region(region->text) : NULL;
    doctor->has_region = region->text != NULL;
    if (!region->text)
        add(doctor, "region", "failed",
            "no region is set: give --region, AWS_REGION, or region in the profile");
    else if (!partition)
        add(doctor, "region", "warning", "%s (%s) is of no partition that is known", region->text,
            region->origin);
    else
        add(doctor, "region", "ok", "%s (%s), partition %s", region->text,
            doctor->options->region ? "--region" : region->origin, aws_partition_name(partition));
}

static void check_credentials(Doctor *doctor)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AwsCredentials) credentials =
        aws_session_find_credentials(&doctor->session, doctor->options->role_arn, &error)
            ? aws_session_credentials(&doctor->session, &error)
            : NULL;
    doctor->has_credentials = credentials != NULL;
    if (!credentials) {
        add(doctor, "credentials", "failed", "%s", error->message);
        return;
    }
    int64_t left_ms = credentials->expires_ms - doctor->session.time.now_ms(doctor->session.time.self);
    if (credentials->expires_ms == 0)
        add(doctor, "credentials", "ok", "%s, without an end%s", credentials->origin,
            credentials->session_token ? " that is known: they are temporary, and a daemon cannot renew them"
                                       : "");
    else
        add(doctor, "credentials", left_ms < SOON_MS ? "warning" : "ok",
            "%s, good for %" G_GINT64_FORMAT " min", credentials->origin, left_ms / 60000);
}

static void check_identity(Doctor *doctor)
{
    g_auto(Answer) answer = {0};
    g_auto(AwsArn) arn = {0};
    call(doctor, AWS_STS, "GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15", &answer);
    if (answer.error) {
        add(doctor, "identity", "failed", "%s", answer.error);
        return;
    }
    const AwsPartition *partition = aws_partition_of_region(doctor->session.settings->region.text);
    bool is_arn = answer.arn && aws_arn_parse(answer.arn, &arn);
    const char *account = answer.account ? answer.account : "";
    if (doctor->options->account && strcmp(account, doctor->options->account) != 0)
        add(doctor, "identity", "failed", "these credentials are of account %s, not of %s", account,
            doctor->options->account);
    else if (is_arn && partition && strcmp(arn.partition, aws_partition_name(partition)) != 0)
        add(doctor, "identity", "failed", "these credentials are of partition %s, and the region is of %s",
            arn.partition, aws_partition_name(partition));
    else
        add(doctor, "identity", "ok", "account %s, %s", account, answer.arn ? answer.arn : "without a name");
}

static void check_permission(Doctor *doctor, size_t probe)
{
    g_auto(Answer) answer = {0};
    call(doctor, probes[probe].service, probes[probe].action, probes[probe].body, &answer);
    if (answer.error)
        add(doctor, probes[probe].permission, "failed", "%s", answer.error);
    else
        add(doctor, probes[probe].permission, "ok", "%s answers",
            aws_service_info(probes[probe].service)->name);
}

/* The environments of a source, each in its own region and account. */
static void check_source(Doctor *doctor)
{
    const DoctorOptions *options = doctor->options;
    const AwsSetting *region = &doctor->session.settings->region;
    const AwsDoctor with = {.with = {doctor->session.context, doctor->session.http, doctor->session.settings,
                                     &doctor->session.time, region->text},
                            .account = options->account,
                            .role_arn = options->role_arn};
    json_t *found = doctor_source_run(options->set, options->provider, &with);
    json_array_extend(doctor->checks, found);
    json_decref(found);
}

/* Each needs what stands before it; what cannot be looked at is said to be so. */
static void check_all(Doctor *doctor)
{
    if (!check_settings(doctor))
        return;
    if (doctor->options->set) {
        check_source(doctor);
        return;
    }
    check_region(doctor);
    check_credentials(doctor);
    bool is_ready = doctor->has_region && doctor->has_credentials;
    if (is_ready)
        check_identity(doctor);
    else
        add(doctor, "identity", "not checked", "it needs a region and credentials");
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++)
        if (is_ready)
            check_permission(doctor, i);
        else
            add(doctor, probes[i].permission, "not checked", "it needs a region and credentials");
    add(doctor, "network, images, quotas", "not checked",
        "muster doctor SOURCE looks at what its environments need: subnets, security groups, permissions …");
}

bool doctor_run(const DoctorOptions *options, json_t **ret_checks, GError **error)
{
    (void)error;
    Doctor doctor = {.options = options, .checks = json_array()};
    check_all(&doctor);
    aws_session_clear(&doctor.session);
    json_t *engine = docker_facts_checks(options->set, options->provider, options->overrides);
    json_array_extend(doctor.checks, engine);
    json_decref(engine);
    *ret_checks = doctor.checks;
    return true;
}

/* aws_doctor.c: see aws_doctor.h. */
#include "reconciler/provider/aws/aws_doctor.h"
#include <string.h>
#include "reconciler/provider/aws/doctor_environment.h"
#include "reconciler/provider/aws/doctor_policy.h"
#include "reconciler/provider/aws/doctor_quota.h"

#define IAM_VERSION "2010-05-08"
#define SOON_MS     (60LL * 60 * 1000) /* credentials that end within this are worth a word */

/* One quota, with the vCPUs of all environments that count for it. */
typedef struct {
    const DoctorQuota *quota;
    int64_t wanted;
    double value;
    DoctorReply reply;
} QuotaVisit;

typedef struct {
    const char *image;
    DoctorReply reply;
} ImageVisit;

/* An account in a region, by one role. */
typedef struct {
    const AwsDoctor *doctor;
    const char *region, *role_arn; /* role_arn may be NULL */
    const AwsPartition *partition; /* NULL: nobody knows the region's */
    DoctorAsk *ask;
    char *scope, *account, *arn;
    char *who; /* the user or role that arn is of, as IAM's simulator takes it; NULL: it takes none */
    DoctorReply identity_reply, who_reply;
    GPtrArray *visits; /* of DoctorVisit* */
    GPtrArray *quotas; /* of QuotaVisit* */
    GPtrArray *images; /* of ImageVisit* */
    DoctorNamed ecs_role, spot_role;
    DoctorPolicy *policy; /* NULL: not asked */
    GArray *questions;    /* of OfQuestion: about policy; NULL: none */
    json_t *findings;
} Place;

static void quota_free(void *data)
{
    doctor_reply_clear(&((QuotaVisit *)data)->reply);
    g_free(data);
}

static void image_free(void *data)
{
    doctor_reply_clear(&((ImageVisit *)data)->reply);
    g_free(data);
}

static void place_clear(Place *place)
{
    doctor_policy_free(place->policy);
    g_clear_pointer(&place->questions, g_array_unref);
    g_ptr_array_unref(place->visits);
    g_ptr_array_unref(place->quotas);
    g_ptr_array_unref(place->images);
    doctor_reply_clear(&place->identity_reply);
    doctor_reply_clear(&place->who_reply);
    doctor_reply_clear(&place->ecs_role.reply);
    doctor_reply_clear(&place->spot_role.reply);
    doctor_ask_free(place->ask);
    g_free(place->scope);
    g_free(place->account);
    g_free(place->arn);
    g_free(place->who);
}

/* Findings from first on are about scope. */
static void name_scope(json_t *findings, size_t first, const char *scope)
{
    for (size_t i = first; i < json_array_size(findings); i++)
        json_object_set_new(json_array_get(findings, i), "scope", json_string(scope));
}

static void put(Place *place, AwsService service, const char *action, const char *body, AwsPage read,
                void *data, DoctorReply *reply)
{
    const DoctorQuestion question = {
        .service = service, .action = action, .body = body, .read = read, .data = data, .reply = reply};
    doctor_ask_put(place->ask, &question);
}

/* ---- who asks ---- */

static bool take_identity(const AwsAnswer *answer, void *data)
{
    Place *place = data;
    place->account = g_strdup(xml_text(answer->xml, "Account"));
    place->arn = g_strdup(xml_text(answer->xml, "Arn"));
    return true;
}

static bool find_credentials(Place *place)
{
    g_autoptr(GError) error = NULL;
    const DoctorWith with = {place->doctor->with.context, place->doctor->with.http,
                             place->doctor->with.settings, place->doctor->with.time, place->region};
    place->ask = doctor_ask_new(&with, place->role_arn, &error);
    AwsCredentials *credentials = place->ask ? doctor_ask_credentials(place->ask, &error) : NULL;
    if (!credentials) {
        doctor_find(place->findings, "credentials", DOCTOR_PROBLEM, NULL, "%s", error->message);
        return false;
    }
    int64_t left_ms = credentials->expires_ms - with.time->now_ms(with.time->self);
    if (credentials->expires_ms == 0)
        doctor_find(place->findings, "credentials", DOCTOR_OK, NULL, "%s, without an end%s",
                    credentials->origin, credentials->session_token ? " that is known" : "");
    else
        doctor_find(place->findings, "credentials", left_ms < SOON_MS / 2 ? DOCTOR_WARNING : DOCTOR_OK, NULL,
                    "%s, good for %" G_GINT64_FORMAT " min", credentials->origin, left_ms / 60000);
    aws_credentials_unref(credentials);
    return true;
}

static const char *wanted_account(const Place *place, const DoctorVisit *visit)
{
    return visit->of->spec->account ? visit->of->spec->account : place->doctor->account;
}

static bool find_identity(Place *place)
{
    g_auto(AwsArn) arn = {0};
    bool is_good = true;
    put(place, AWS_STS, "GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15", take_identity,
        place, &place->identity_reply);
    doctor_ask_wait(place->ask);
    if (place->identity_reply.how != DOCTOR_ANSWERED || !place->account || !place->arn) {
        doctor_find(place->findings, "identity", DOCTOR_PROBLEM, NULL, "%s",
                    place->identity_reply.why ? place->identity_reply.why : "STS does not say who this is");
        return false;
    }
    if (aws_arn_parse(place->arn, &arn) && strcmp(arn.partition, aws_partition_name(place->partition)) != 0) {
        doctor_find(place->findings, "identity", DOCTOR_PROBLEM, NULL,
                    "these credentials are of partition %s, and %s is of %s", arn.partition, place->region,
                    aws_partition_name(place->partition));
        return false;
    }
    for (guint i = 0; i < place->visits->len; i++) {
        const DoctorVisit *visit = place->visits->pdata[i];
        const char *wanted = wanted_account(place, visit);
        if (!wanted || strcmp(wanted, place->account) == 0)
            continue;
        is_good = false;
        doctor_find(place->findings, "identity", DOCTOR_PROBLEM,
                    "use credentials of that account, or give the environment a roleArn there",
                    "these credentials are of account %s, and environment %s is to be in %s", place->account,
                    visit->of->name, wanted);
    }
    if (is_good)
        doctor_find(place->findings, "identity", DOCTOR_OK, NULL, "account %s, %s", place->account,
                    place->arn);
    return is_good;
}

static bool take_role(const AwsAnswer *answer, void *data)
{
    Place *place = data;
    g_free(place->who);
    place->who = g_strdup(xml_text(answer->xml, "Role/Arn"));
    return true;
}

/* IAM's simulator takes users and roles: of a session its role, whose ARN may have a path that the session's
 * has not. */
static void ask_who(Place *place)
{
    g_auto(AwsArn) arn = {0};
    if (!aws_arn_parse(place->arn, &arn))
        return;
    if (g_str_has_prefix(arn.resource, "user/"))
        place->who = g_strdup(place->arn);
    if (!g_str_has_prefix(arn.resource, "assumed-role/"))
        return;
    g_auto(GStrv) parts = g_strsplit(arn.resource, "/", 3);
    g_autoptr(Query) query = query_new("GetRole", IAM_VERSION);
    query_add(query, "RoleName", parts[1]);
    g_autofree char *plain = g_strdup_printf("role/%s", parts[1]);
    place->who = aws_arn_of(place->partition, "iam", "", place->account, plain);
    put(place, AWS_IAM, "GetRole", query_text(query), take_role, place, &place->who_reply);
}

/* ---- what environments of a place share ---- */

static void ask_role(Place *place, DoctorNamed *named)
{
    g_autoptr(Query) query = query_new("GetRole", IAM_VERSION);
    query_add(query, "RoleName", named->what);
    put(place, AWS_IAM, "GetRole", query_text(query), NULL, NULL, &named->reply);
}

static bool has_type(const Place *place, ComputeType type)
{
    for (guint i = 0; i < place->visits->len; i++)
        if (((const DoctorVisit *)place->visits->pdata[i])->of->spec->type == type)
            return true;
    return false;
}

static void ask_roles(Place *place)
{
    place->ecs_role = (DoctorNamed){"role of ECS",
                                    "AWSServiceRoleForECS",
                                    "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
                                    {0}};
    place->spot_role =
        (DoctorNamed){"role of Spot",
                      "AWSServiceRoleForEC2Spot",
                      "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
                      {0}};
    ask_role(place, &place->ecs_role);
    if (has_type(place, CE_TYPE_SPOT))
        ask_role(place, &place->spot_role);
}

static void add_quota(Place *place, const DoctorQuota *quota, int64_t wanted)
{
    for (guint i = 0; quota && i < place->quotas->len; i++) {
        QuotaVisit *visit = place->quotas->pdata[i];
        if (visit->quota == quota) {
            visit->wanted += wanted;
            return;
        }
    }
    if (!quota)
        return;
    QuotaVisit *visit = g_new0(QuotaVisit, 1);
    *visit = (QuotaVisit){.quota = quota, .wanted = wanted};
    g_ptr_array_add(place->quotas, visit);
}

/* maxvCpus counts once for each quota that the environment's types belong to. */
static void add_quotas(Place *place, const DoctorEnvironment *of)
{
    bool is_spot = of->spec->type == CE_TYPE_SPOT;
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    if (of->spec->type == CE_TYPE_FARGATE)
        add_quota(place, doctor_quota_of(QUOTA_FARGATE, NULL), of->max_vcpus);
    if (of->spec->type == CE_TYPE_FARGATE_SPOT)
        add_quota(place, doctor_quota_of(QUOTA_FARGATE_SPOT, NULL), of->max_vcpus);
    for (const char *const *type = of->types; *type; type++) {
        const DoctorQuota *quota = doctor_quota_of(is_spot ? QUOTA_SPOT : QUOTA_ON_DEMAND, *type);
        if (g_ptr_array_find(own, quota, NULL))
            continue;
        g_ptr_array_add(own, (DoctorQuota *)(uintptr_t)quota);
        add_quota(place, quota, of->max_vcpus);
    }
}

static bool take_quota(const AwsAnswer *answer, void *data)
{
    QuotaVisit *visit = data;
    visit->value = json_number_value(json_object_get(json_object_get(answer->json, "Quota"), "Value"));
    return true;
}

static void ask_quotas(Place *place)
{
    for (guint i = 0; i < place->quotas->len; i++) {
        QuotaVisit *visit = place->quotas->pdata[i];
        g_autofree char *body = g_strdup_printf("{\"ServiceCode\":\"%s\",\"QuotaCode\":\"%s\"}",
                                                visit->quota->service, visit->quota->code);
        put(place, AWS_QUOTAS, "GetServiceQuota", body, take_quota, visit, &visit->reply);
    }
}

/* These credentials are good for nothing there. */
static bool is_elsewhere(const Place *place, const DoctorEcrImage *image)
{
    return aws_partition_of_region(image->region) != place->partition;
}

static void ask_image(Place *place, ImageVisit *visit)
{
    g_auto(DoctorEcrImage) image = {0};
    if (!doctor_ecr_image_parse(visit->image, &image) || is_elsewhere(place, &image))
        return;
    json_t *id = image.digest ? json_pack("{s:s}", "imageDigest", image.digest)
                              : json_pack("{s:s}", "imageTag", image.tag);
    json_t *body = json_pack("{s:s,s:s,s:[o]}", "registryId", image.account, "repositoryName",
                             image.repository, "imageIds", id);
    char *text = json_dumps(body, JSON_COMPACT);
    const DoctorQuestion question = {.service = AWS_ECR,
                                     .region = image.region,
                                     .action = "DescribeImages",
                                     .body = text,
                                     .reply = &visit->reply};
    doctor_ask_put(place->ask, &question);
    free(text);
    json_decref(body);
}

static void ask_images(Place *place)
{
    const GPtrArray *images = place->doctor->jobs.images;
    for (guint i = 0; i < images->len; i++) {
        ImageVisit *visit = g_new0(ImageVisit, 1);
        visit->image = images->pdata[i];
        g_ptr_array_add(place->images, visit);
        ask_image(place, visit);
    }
}

/* ---- permissions ---- */

typedef struct {
    DoctorPolicy *policy;
    size_t index;
} OfQuestion;

static bool take_decisions(const AwsAnswer *answer, void *data)
{
    const OfQuestion *of = data;
    return doctor_policy_take(of->policy, of->index, answer);
}

static void add_once(GPtrArray *list, const char *text)
{
    if (text && !g_ptr_array_find_with_equal_func(list, text, g_str_equal, NULL))
        g_ptr_array_add(list, g_strdup(text));
}

/* Roles of jobs that are of this account: as ARNs. */
static void add_task_roles(const Place *place, GPtrArray *list)
{
    const GPtrArray *roles = place->doctor->jobs.roles;
    for (guint i = 0; i < roles->len; i++) {
        g_auto(AwsArn) arn = {0};
        bool is_arn = aws_arn_parse(roles->pdata[i], &arn);
        g_autofree char *named = g_strdup_printf("role/%s", (const char *)roles->pdata[i]);
        g_autofree char *made = aws_arn_of(place->partition, "iam", "", place->account, named);
        if (!is_arn || strcmp(arn.account, place->account) == 0)
            add_once(list, is_arn ? roles->pdata[i] : made);
    }
}

static void ask_permissions(Place *place)
{
    g_autoptr(GPtrArray) profiles = g_ptr_array_new_with_free_func(g_free),
                         roles = g_ptr_array_new_with_free_func(g_free),
                         task_roles = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < place->visits->len; i++) {
        const DoctorVisit *visit = place->visits->pdata[i];
        add_once(profiles, visit->profile.profile_arn);
        add_once(roles, visit->profile.role_arn);
    }
    add_task_roles(place, task_roles);
    g_ptr_array_add(profiles, NULL);
    g_ptr_array_add(roles, NULL);
    g_ptr_array_add(task_roles, NULL);
    const DoctorPolicyPlace where = {.partition = aws_partition_name(place->partition),
                                     .region = place->region,
                                     .account = place->account,
                                     .has_instances =
                                         has_type(place, CE_TYPE_EC2) || has_type(place, CE_TYPE_SPOT),
                                     .instance_profiles = (const char *const *)profiles->pdata,
                                     .instance_roles = (const char *const *)roles->pdata,
                                     .task_roles = (const char *const *)task_roles->pdata};
    place->policy = doctor_policy_new(&where);
    size_t len = doctor_policy_questions(place->policy);
    place->questions = g_array_sized_new(FALSE, TRUE, sizeof(OfQuestion), (guint)len);
    g_array_set_size(place->questions, (guint)len);
    for (size_t i = 0; i < len; i++) {
        OfQuestion *of = &g_array_index(place->questions, OfQuestion, i);
        *of = (OfQuestion){place->policy, i};
        g_autoptr(Query) query = doctor_policy_question(place->policy, i, place->who);
        put(place, AWS_IAM, "SimulatePrincipalPolicy", query_text(query), take_decisions, of,
            doctor_policy_reply(place->policy, i));
    }
}

static bool may_not_simulate(const Place *place)
{
    for (size_t i = 0; place->policy && i < doctor_policy_questions(place->policy); i++)
        if (doctor_policy_reply(place->policy, i)->how == DOCTOR_ANSWERED)
            return false;
    return true;
}

/* ---- all of a place ---- */

static void ask_all(Place *place)
{
    ask_who(place);
    ask_roles(place);
    ask_quotas(place);
    ask_images(place);
    for (guint i = 0; i < place->visits->len; i++)
        doctor_visit_ask(place->visits->pdata[i], place->ask);
    doctor_ask_wait(place->ask);
    if (place->who)
        ask_permissions(place);
    for (guint i = 0; i < place->visits->len; i++)
        doctor_visit_ask_around(place->visits->pdata[i], place->ask);
    doctor_ask_wait(place->ask);
    for (guint i = 0; i < place->visits->len; i++) {
        doctor_visit_ask_peers(place->visits->pdata[i], place->ask);
        if (may_not_simulate(place))
            doctor_visit_try_launch(place->visits->pdata[i], place->ask);
    }
    doctor_ask_wait(place->ask);
}

static void find_image(const Place *place, const ImageVisit *visit)
{
    g_auto(DoctorEcrImage) image = {0};
    g_autofree char *check = g_strdup_printf("image %s", visit->image);
    if (!doctor_ecr_image_parse(visit->image, &image))
        doctor_find(place->findings, check, DOCTOR_NOT_CHECKED, NULL, "its registry is not ECR");
    else if (is_elsewhere(place, &image))
        doctor_find(place->findings, check, DOCTOR_NOT_CHECKED, NULL, "its registry is in another partition");
    else
        doctor_find_ecr_image(visit->image, &visit->reply, place->findings);
}

static void find_all(Place *place)
{
    if (place->policy)
        doctor_find_permissions(place->policy, place->findings);
    else
        doctor_find(place->findings, "permissions", DOCTOR_NOT_CHECKED, NULL,
                    "IAM's simulator knows users and roles, and not %s", place->arn);
    doctor_find_named(&place->ecs_role, place->findings);
    if (has_type(place, CE_TYPE_SPOT))
        doctor_find_named(&place->spot_role, place->findings);
    for (guint i = 0; i < place->quotas->len; i++) {
        const QuotaVisit *visit = place->quotas->pdata[i];
        doctor_find_quota(visit->quota, place->region, visit->wanted, &visit->reply, visit->value,
                          place->findings);
    }
    for (guint i = 0; i < place->images->len; i++)
        find_image(place, place->images->pdata[i]);
}

static void find_environments(Place *place, bool is_known)
{
    for (guint i = 0; i < place->visits->len; i++) {
        const DoctorVisit *visit = place->visits->pdata[i];
        size_t first = json_array_size(place->findings);
        g_autofree char *scope = g_strdup_printf("environment %s in %s", visit->of->name, place->region);
        if (is_known)
            doctor_visit_find(visit, place->partition, place->findings);
        else
            doctor_find(place->findings, "environment", DOCTOR_NOT_CHECKED, NULL,
                        "it needs credentials of its account");
        name_scope(place->findings, first, scope);
    }
}

static char *scope_of(const Place *place)
{
    if (place->account)
        return g_strdup_printf("account %s in %s", place->account, place->region);
    return place->role_arn ? g_strdup_printf("%s, by %s", place->region, place->role_arn)
                           : g_strdup(place->region);
}

static void visit_place(Place *place)
{
    size_t first = json_array_size(place->findings);
    bool is_known = place->partition && find_credentials(place) && find_identity(place);
    if (!place->partition)
        doctor_find(place->findings, "region", DOCTOR_PROBLEM, "look at its spelling",
                    "%s is of no partition that is known", place->region);
    if (is_known) {
        ask_all(place);
        find_all(place);
    }
    g_autofree char *scope = scope_of(place);
    name_scope(place->findings, first, scope);
    find_environments(place, is_known);
}

static const char *region_of(const AwsDoctor *doctor, const DoctorEnvironment *environment)
{
    return environment->spec->region ? environment->spec->region : doctor->with.region;
}

static const char *role_of(const AwsDoctor *doctor, const DoctorEnvironment *environment)
{
    return environment->spec->role_arn ? environment->spec->role_arn : doctor->role_arn;
}

static bool is_in(const AwsDoctor *doctor, const DoctorEnvironment *environment, const char *region,
                  const char *role_arn)
{
    return g_strcmp0(region_of(doctor, environment), region) == 0 &&
           g_strcmp0(role_of(doctor, environment), role_arn) == 0;
}

/* The place of an environment, with all that are there. */
static void visit_place_of(const AwsDoctor *doctor, const DoctorEnvironment *first, json_t *findings)
{
    Place place = {.doctor = doctor,
                   .region = region_of(doctor, first),
                   .role_arn = role_of(doctor, first),
                   .partition = aws_partition_of_region(region_of(doctor, first)),
                   .visits = g_ptr_array_new_with_free_func(doctor_visit_free),
                   .quotas = g_ptr_array_new_with_free_func(quota_free),
                   .images = g_ptr_array_new_with_free_func(image_free),
                   .findings = findings};
    for (size_t i = 0; i < doctor->environments_len; i++) {
        const DoctorEnvironment *environment = &doctor->environments[i];
        if (!is_in(doctor, environment, place.region, place.role_arn))
            continue;
        g_ptr_array_add(place.visits, doctor_visit_new(environment, &doctor->jobs));
        add_quotas(&place, environment);
    }
    visit_place(&place);
    place_clear(&place);
}

json_t *aws_doctor_run(const AwsDoctor *doctor)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < doctor->environments_len; i++) {
        const DoctorEnvironment *environment = &doctor->environments[i];
        const char *region = region_of(doctor, environment), *role_arn = role_of(doctor, environment);
        bool is_first = true;
        for (size_t other = 0; other < i; other++)
            is_first = is_first && !is_in(doctor, &doctor->environments[other], region, role_arn);
        if (!region) {
            g_autofree char *scope = g_strdup_printf("environment %s", environment->name);
            doctor_find(findings, "region", DOCTOR_PROBLEM,
                        "give spec.provider.region, AWS_REGION or --region", "no region is set");
            name_scope(findings, json_array_size(findings) - 1, scope);
        } else if (is_first) {
            visit_place_of(doctor, environment, findings);
        }
    }
    return findings;
}

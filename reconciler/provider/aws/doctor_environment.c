/* doctor_environment.c: see doctor_environment.h. */
#include "reconciler/provider/aws/doctor_environment.h"
#include <string.h>
#include "reconciler/provider/aws/query.h"

#define EC2_VERSION       "2016-11-15"
#define IAM_VERSION       "2010-05-08"
#define FARGATE_VCPUS_MAX 16 /* of a task */
#define FARGATE_PARTS     4  /* the smallest task is a quarter of a vCPU */

/* ---- what it needs ---- */

static int64_t ceiling(int64_t number, int64_t by)
{
    return by > 0 ? (number + by - 1) / by : 0;
}

static bool is_registry_of_aws(const char *image)
{
    g_auto(DoctorEcrImage) parsed = {0};
    return doctor_ecr_image_parse(image, &parsed);
}

static void read_images(DoctorNeeds *needs, const GPtrArray *images)
{
    needs->pulls_from_ecr = images->len == 0;
    for (guint i = 0; i < images->len; i++)
        if (is_registry_of_aws(images->pdata[i]))
            needs->pulls_from_ecr = true;
        else
            needs->foreign_image = images->pdata[i];
}

static void read_needs(DoctorVisit *visit, const DoctorJobs *jobs)
{
    const DoctorEnvironment *of = visit->of;
    bool is_fargate = aws_environment_is_fargate(of->spec);
    visit->needs = (DoctorNeeds){
        .subnets = (const char *const *)of->spec->subnets,
        .groups = (const char *const *)of->spec->security_groups,
        .is_fargate = is_fargate,
        .has_public_ip = is_fargate && jobs->has_fargate_public_ip,
        .hosts_least = ceiling(of->max_vcpus, is_fargate ? FARGATE_VCPUS_MAX : of->vcpus_largest),
        .hosts_most = is_fargate ? of->max_vcpus * FARGATE_PARTS : ceiling(of->max_vcpus, of->vcpus_smallest),
        .file_system = of->spec->file_system_id,
        .reads_parameters = jobs->reads_parameters,
        .reads_secrets = jobs->reads_secrets};
    read_images(&visit->needs, jobs->images);
}

static void read_flavours(DoctorVisit *visit)
{
    for (int flavour = 0; flavour < DOCTOR_FLAVOURS; flavour++) {
        bool is_arm = flavour & 1, is_gpu = flavour & 2, is_id = false;
        g_autoptr(GError) error = NULL;
        if (!visit->of->has_image[is_arm][is_gpu])
            continue;
        char *text = aws_environment_image(visit->of->spec, is_arm, is_gpu, &is_id, &error);
        if (text)
            visit->images[visit->images_len++] =
                (DoctorImage){.parameter = is_id ? NULL : text, .id = is_id ? text : NULL, .is_arm = is_arm};
        else if (!visit->image_fault)
            visit->image_fault = g_strdup(error->message);
    }
}

/* As instanceRole has it: a name, or an ARN of a profile or of a role of the same name. */
static char *profile_name_of(const char *role)
{
    const char *slash = role && g_str_has_prefix(role, "arn:") ? strrchr(role, '/') : NULL;
    return g_strdup(slash ? slash + 1 : role);
}

DoctorVisit *doctor_visit_new(const DoctorEnvironment *of, const DoctorJobs *jobs)
{
    DoctorVisit *visit = g_new0(DoctorVisit, 1);
    const AwsEnvironment *spec = of->spec;
    visit->of = of;
    doctor_network_init(&visit->network);
    read_needs(visit, jobs);
    read_flavours(visit);
    visit->profile_name = profile_name_of(spec->instance_role);
    visit->key = (DoctorNamed){
        "key pair", spec->key_name, "correct computeResources.ec2KeyPair: key pairs are of a region", {0}};
    visit->placement = (DoctorNamed){
        "placement group", spec->placement_group, "correct computeResources.placementGroup", {0}};
    visit->template = (DoctorNamed){"launch template",
                                    spec->template_id ? spec->template_id : spec->template_name,
                                    "correct computeResources.launchTemplate, its version included",
                                    {0}};
    return visit;
}

void doctor_visit_free(void *data)
{
    DoctorVisit *visit = data;
    doctor_network_clear(&visit->network);
    doctor_profile_clear(&visit->profile);
    for (size_t i = 0; i < visit->images_len; i++)
        doctor_image_clear(&visit->images[i]);
    doctor_reply_clear(&visit->key.reply);
    doctor_reply_clear(&visit->placement.reply);
    doctor_reply_clear(&visit->template.reply);
    doctor_reply_clear(&visit->try_launch);
    g_free(visit->profile_name);
    g_free(visit->image_fault);
    g_free(visit);
}

/* ---- asking ---- */

static void put(DoctorAsk *ask, AwsService service, const char *action, const Query *query, AwsPage read,
                void *data, DoctorReply *reply)
{
    const DoctorQuestion question = {.service = service,
                                     .action = action,
                                     .body = query_text(query),
                                     .read = read,
                                     .data = data,
                                     .reply = reply};
    doctor_ask_put(ask, &question);
}

/* What is not there is missing in the answer, and no error, when it is asked for by a filter. */
static void put_filtered(DoctorVisit *visit, DoctorAsk *ask, const char *action, const char *filter,
                         const char *const *values, AwsPage read, DoctorReply *reply)
{
    g_autoptr(Query) query = query_new(action, EC2_VERSION);
    query_add(query, "Filter.1.Name", filter);
    query_add_list(query, "Filter.1.Value", values);
    put(ask, AWS_EC2, action, query, read, &visit->network, reply);
}

static void ask_named(DoctorNamed *named, DoctorAsk *ask, const char *action, const char *member)
{
    g_autoptr(Query) query = query_new(action, EC2_VERSION);
    query_add(query, member, named->what);
    if (named->what)
        put(ask, AWS_EC2, action, query, NULL, NULL, &named->reply);
}

static void ask_template(DoctorVisit *visit, DoctorAsk *ask)
{
    const AwsEnvironment *spec = visit->of->spec;
    g_autoptr(Query) query = query_new("DescribeLaunchTemplateVersions", EC2_VERSION);
    query_add(query, "LaunchTemplateId", spec->template_id);
    query_add(query, "LaunchTemplateName", spec->template_id ? NULL : spec->template_name);
    query_add(query, "LaunchTemplateVersion.1", spec->template_version ? spec->template_version : "$Default");
    if (visit->template.what)
        put(ask, AWS_EC2, "DescribeLaunchTemplateVersions", query, doctor_read_template,
            &visit->is_template_public, &visit->template.reply);
}

static void ask_image(DoctorImage *image, DoctorAsk *ask)
{
    g_autoptr(Query) query = query_new("DescribeImages", EC2_VERSION);
    query_add(query, "ImageId.1", image->id);
    if (image->id)
        put(ask, AWS_EC2, "DescribeImages", query, doctor_read_image, image, &image->reply);
}

static void ask_parameter(DoctorImage *image, DoctorAsk *ask)
{
    json_t *body = json_pack("{s:s}", "Name", image->parameter);
    char *text = json_dumps(body, JSON_COMPACT);
    const DoctorQuestion question = {.service = AWS_SSM,
                                     .action = "GetParameter",
                                     .body = text,
                                     .read = doctor_read_parameter,
                                     .data = image,
                                     .reply = &image->parameter_reply};
    doctor_ask_put(ask, &question);
    free(text);
    json_decref(body);
}

static void ask_profile(DoctorVisit *visit, DoctorAsk *ask)
{
    g_autoptr(Query) query = query_new("GetInstanceProfile", IAM_VERSION);
    query_add(query, "InstanceProfileName", visit->profile_name);
    if (visit->profile_name)
        put(ask, AWS_IAM, "GetInstanceProfile", query, doctor_read_profile, &visit->profile,
            &visit->profile.reply);
}

static void ask_file_system(DoctorVisit *visit, DoctorAsk *ask)
{
    g_autofree char *path =
        g_strdup_printf("/2015-02-01/mount-targets?FileSystemId=%s", visit->needs.file_system);
    const DoctorQuestion question = {.service = AWS_EFS,
                                     .action = "DescribeMountTargets",
                                     .body = path,
                                     .read = doctor_read_targets,
                                     .data = &visit->network,
                                     .reply = &visit->network.targets_reply};
    if (visit->needs.file_system)
        doctor_ask_put(ask, &question);
}

void doctor_visit_ask(DoctorVisit *visit, DoctorAsk *ask)
{
    const DoctorNeeds *needs = &visit->needs;
    DoctorNetwork *network = &visit->network;
    if (needs->subnets[0])
        put_filtered(visit, ask, "DescribeSubnets", "subnet-id", needs->subnets, doctor_read_subnets,
                     &network->subnets_reply);
    if (needs->groups[0])
        put_filtered(visit, ask, "DescribeSecurityGroups", "group-id", needs->groups, doctor_read_groups,
                     &network->groups_reply);
    for (size_t i = 0; i < visit->images_len; i++)
        if (visit->images[i].parameter)
            ask_parameter(&visit->images[i], ask);
    ask_profile(visit, ask);
    ask_template(visit, ask);
    ask_named(&visit->key, ask, "DescribeKeyPairs", "KeyName.1");
    ask_named(&visit->placement, ask, "DescribePlacementGroups", "GroupName.1");
    ask_file_system(visit, ask);
}

/* ---- what stands around ---- */

typedef struct {
    DoctorNetwork *network;
    const char *target;
} OfTarget;

static bool take_target_groups(const AwsAnswer *answer, void *data)
{
    const OfTarget *of = data;
    doctor_read_target_groups(answer, of->network, of->target);
    return true;
}

static void ask_target_groups(DoctorVisit *visit, DoctorAsk *ask)
{
    DoctorNetwork *network = &visit->network;
    for (guint i = 0; i < network->targets->len; i++) {
        const DoctorTarget *target = &g_array_index(network->targets, DoctorTarget, i);
        g_autofree char *path = g_strdup_printf("/2015-02-01/mount-targets/%s/security-groups", target->id);
        OfTarget *of = g_new(OfTarget, 1);
        *of = (OfTarget){network, target->id};
        const DoctorQuestion question = {.service = AWS_EFS,
                                         .action = "DescribeMountTargetSecurityGroups",
                                         .body = path,
                                         .read = take_target_groups,
                                         .data = of,
                                         .reply = &network->target_groups_reply,
                                         .free_data = g_free};
        doctor_ask_put(ask, &question);
    }
}

static void ask_vpc(DoctorVisit *visit, DoctorAsk *ask, const char *vpc)
{
    const char *const values[] = {vpc, NULL};
    DoctorNetwork *network = &visit->network;
    put_filtered(visit, ask, "DescribeRouteTables", "vpc-id", values, doctor_read_tables,
                 &network->tables_reply);
    put_filtered(visit, ask, "DescribeNatGateways", "vpc-id", values, doctor_read_nats, &network->nats_reply);
    put_filtered(visit, ask, "DescribeVpcEndpoints", "vpc-id", values, doctor_read_endpoints,
                 &network->endpoints_reply);
}

void doctor_visit_ask_around(DoctorVisit *visit, DoctorAsk *ask)
{
    g_autoptr(GPtrArray) vpcs = g_ptr_array_new();
    for (guint i = 0; i < visit->network.subnets->len; i++) {
        char *vpc = (char *)(uintptr_t)g_array_index(visit->network.subnets, DoctorSubnet, i).vpc;
        if (!g_ptr_array_find(vpcs, vpc, NULL)) /* texts are kept once */
            g_ptr_array_add(vpcs, vpc);
    }
    for (guint i = 0; i < vpcs->len; i++)
        ask_vpc(visit, ask, vpcs->pdata[i]);
    for (size_t i = 0; i < visit->images_len; i++)
        ask_image(&visit->images[i], ask);
    if (visit->profile.role_name) {
        g_autoptr(Query) query = query_new("ListAttachedRolePolicies", IAM_VERSION);
        query_add(query, "RoleName", visit->profile.role_name);
        put(ask, AWS_IAM, "ListAttachedRolePolicies", query, doctor_read_policies, &visit->profile,
            &visit->profile.policies_reply);
    }
    visit->needs.has_public_ip = visit->needs.has_public_ip || visit->is_template_public;
    ask_target_groups(visit, ask);
}

void doctor_visit_ask_peers(DoctorVisit *visit, DoctorAsk *ask)
{
    DoctorNetwork *network = &visit->network;
    g_autoptr(GPtrArray) groups = g_ptr_array_new();
    for (guint i = 0; i < network->links->len; i++) {
        const char *to = g_array_index(network->links, DoctorLink, i).to;
        if (g_str_has_prefix(to, "sg-") && !g_strv_contains(visit->needs.groups, to) &&
            !g_ptr_array_find(groups, to, NULL))
            g_ptr_array_add(groups, (char *)(uintptr_t)to);
    }
    network->peers_reply.how = groups->len ? DOCTOR_UNASKED : network->groups_reply.how;
    if (!groups->len)
        return;
    g_ptr_array_add(groups, NULL);
    put_filtered(visit, ask, "DescribeSecurityGroups", "group-id", (const char *const *)groups->pdata,
                 doctor_read_groups, &network->peers_reply);
}

void doctor_visit_try_launch(DoctorVisit *visit, DoctorAsk *ask)
{
    const AwsEnvironment *spec = visit->of->spec;
    const char *image = visit->images_len ? visit->images[0].id : NULL;
    if (!image || !visit->of->types[0] || !spec->subnets[0])
        return;
    g_autoptr(Query) query = query_new("RunInstances", EC2_VERSION);
    query_add_bool(query, "DryRun", true);
    query_add_number(query, "MinCount", 1);
    query_add_number(query, "MaxCount", 1);
    query_add(query, "ImageId", image);
    query_add(query, "InstanceType", visit->of->types[0]);
    query_add(query, "SubnetId", spec->subnets[0]);
    query_add_list(query, "SecurityGroupId", (const char *const *)spec->security_groups);
    query_add(query, "IamInstanceProfile.Arn", visit->profile.profile_arn);
    query_add(query, "TagSpecification.1.ResourceType", "instance");
    query_add(query, "TagSpecification.1.Tag.1.Key", "muster/installation");
    query_add(query, "TagSpecification.1.Tag.1.Value", "muster-doctor");
    put(ask, AWS_EC2, "RunInstances", query, NULL, NULL, &visit->try_launch);
}

/* ---- what was found ---- */

/* Source: EC2 API Reference, "Common query parameters", DryRun. */
static void find_launch(const DoctorReply *reply, json_t *findings)
{
    if (reply->how == DOCTOR_UNASKED)
        return;
    if (g_strcmp0(reply->code, "DryRunOperation") == 0)
        doctor_find(findings, "launch", DOCTOR_OK, NULL, "a dry run of RunInstances would have succeeded");
    else if (reply->is_denied)
        doctor_find(findings, "launch", DOCTOR_PROBLEM,
                    "allow ec2:RunInstances, ec2:CreateTags, and iam:PassRole for the instance role, as "
                    "deploy/aws/policy.json does",
                    "a dry run of RunInstances was refused: %s", reply->why);
    else
        doctor_find(findings, "launch", DOCTOR_NOT_CHECKED, NULL, "a dry run of RunInstances: %s",
                    reply->why ? reply->why : "it was answered without a dry run");
}

static void find_machines(const DoctorVisit *visit, const AwsPartition *partition, json_t *findings)
{
    if (visit->profile_name)
        doctor_find_profile(&visit->profile, visit->profile_name, aws_partition_ec2_principal(partition),
                            findings);
    if (visit->image_fault)
        doctor_find(findings, "image", DOCTOR_PROBLEM, "choose another imageType in ec2Configuration", "%s",
                    visit->image_fault);
    for (size_t i = 0; i < visit->images_len; i++)
        doctor_find_image(&visit->images[i], findings);
    if (!visit->images_len && !visit->image_fault)
        doctor_find(findings, "image", DOCTOR_NOT_CHECKED, NULL, "none of its instance types is known here");
    const DoctorNamed *const named[] = {&visit->template, &visit->key, &visit->placement};
    for (size_t i = 0; i < G_N_ELEMENTS(named); i++)
        if (named[i]->what)
            doctor_find_named(named[i], findings);
    find_launch(&visit->try_launch, findings);
}

void doctor_visit_find(const DoctorVisit *visit, const AwsPartition *partition, json_t *findings)
{
    if (visit->of->spec->type == CE_TYPE_UNMANAGED) {
        doctor_find(findings, "hosts", DOCTOR_NOT_CHECKED, NULL,
                    "the environment is UNMANAGED: they are your own");
        return;
    }
    doctor_find_subnets(&visit->network, &visit->needs, findings);
    doctor_find_addresses(&visit->network, &visit->needs, findings);
    doctor_find_ways(&visit->network, &visit->needs, findings);
    doctor_find_groups(&visit->network, &visit->needs, findings);
    if (!visit->needs.is_fargate)
        find_machines(visit, partition, findings);
    doctor_find_file_system(&visit->network, &visit->needs, findings);
}

/* doctor_machine.c: see doctor_machine.h. */
#include "reconciler/provider/aws/doctor_machine.h"
#include <string.h>
#include "reconciler/provider/aws/ecs_words.h"

/* Whatever the partition. Source: ECS Developer Guide, "Amazon ECS container instance IAM role". */
#define ECS_POLICY ":policy/service-role/AmazonEC2ContainerServiceforEC2Role"

/* ---- the instance profile and its role ---- */

void doctor_profile_clear(DoctorProfile *profile)
{
    doctor_reply_clear(&profile->reply);
    doctor_reply_clear(&profile->policies_reply);
    g_free(profile->profile_arn);
    g_free(profile->role_name);
    g_free(profile->role_arn);
    g_free(profile->trust);
    *profile = (DoctorProfile){0};
}

bool doctor_read_profile(const AwsAnswer *answer, void *data)
{
    DoctorProfile *profile = data;
    const XmlElement *found = xml_find(answer->xml, "InstanceProfile"),
                     *role = xml_find(found, "Roles/member");
    const char *trust = xml_text(role, "AssumeRolePolicyDocument");
    profile->profile_arn = g_strdup(xml_text(found, "Arn"));
    profile->role_name = g_strdup(xml_text(role, "RoleName"));
    profile->role_arn = g_strdup(xml_text(role, "Arn"));
    profile->trust = trust ? g_uri_unescape_string(trust, NULL) : NULL;
    return true;
}

bool doctor_read_policies(const AwsAnswer *answer, void *data)
{
    DoctorProfile *profile = data;
    const XmlElement *item = xml_find(answer->xml, "AttachedPolicies/member");
    for (; item; item = xml_next(item)) {
        const char *arn = xml_text(item, "PolicyArn");
        profile->has_ecs_policy = profile->has_ecs_policy || (arn && g_str_has_suffix(arn, ECS_POLICY));
    }
    return true;
}

static bool names(const json_t *value, const char *text)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (g_strcmp0(json_string_value(json_array_get(value, i)), text) == 0)
            return true;
    return g_strcmp0(json_string_value(value), text) == 0;
}

/* Whether a policy lets the service take the role. */
static bool trusts(const char *policy, const char *principal)
{
    json_t *root = json_loads(policy ? policy : "", 0, NULL), *one = json_object_get(root, "Statement");
    json_t *statements = json_is_object(one) ? json_pack("[O]", one) : json_incref(one);
    bool is_trusted = false;
    size_t index;
    json_t *statement;
    json_array_foreach(statements, index, statement)
    {
        const json_t *service = json_object_get(json_object_get(statement, "Principal"), "Service");
        is_trusted = is_trusted || (g_strcmp0(ecs_text(statement, "Effect"), "Allow") == 0 &&
                                    names(json_object_get(statement, "Action"), "sts:AssumeRole") &&
                                    names(service, principal));
    }
    json_decref(statements);
    json_decref(root);
    return is_trusted;
}

/* In China and the Sovereign Cloud both names of the service are taken. */
static bool trusts_ec2(const char *policy, const char *principal)
{
    return trusts(policy, principal) || trusts(policy, "ec2.amazonaws.com");
}

static void find_policies(const DoctorProfile *profile, json_t *findings)
{
    if (profile->policies_reply.how != DOCTOR_ANSWERED)
        doctor_find(findings, "instance role", DOCTOR_NOT_CHECKED, NULL, "what %s may do: %s",
                    profile->role_name,
                    profile->policies_reply.why ? profile->policies_reply.why : "it was not asked");
    else if (!profile->has_ecs_policy)
        doctor_find(findings, "instance role", DOCTOR_WARNING,
                    "attach AmazonEC2ContainerServiceforEC2Role, unless a policy of your own has the same",
                    "%s has not the policy of AWS for hosts of ECS: they may be unable to join the cluster",
                    profile->role_name);
    else
        doctor_find(findings, "instance role", DOCTOR_OK, NULL, "%s", profile->role_name);
}

void doctor_find_profile(const DoctorProfile *profile, const char *name, const char *principal,
                         json_t *findings)
{
    if (profile->reply.how == DOCTOR_ABSENT) {
        doctor_find(findings, "instance profile", DOCTOR_PROBLEM,
                    "correct computeResources.instanceRole, or make the profile (deploy/aws/roles.yaml)",
                    "%s", profile->reply.why);
        return;
    }
    if (!doctor_was_answered(findings, "instance profile", &profile->reply))
        return;
    if (!profile->role_name)
        doctor_find(findings, "instance profile", DOCTOR_PROBLEM, "add a role to it", "%s holds no role",
                    name);
    else if (!trusts_ec2(profile->trust, principal))
        doctor_find(findings, "instance profile", DOCTOR_PROBLEM, "let its trust policy name that service",
                    "its role %s does not trust %s, so instances cannot take it", profile->role_name,
                    principal);
    else
        doctor_find(findings, "instance profile", DOCTOR_OK, NULL, "%s, with the role %s", name,
                    profile->role_name);
    if (profile->role_name)
        find_policies(profile, findings);
}

/* ---- images of machines ---- */

void doctor_image_clear(DoctorImage *image)
{
    doctor_reply_clear(&image->parameter_reply);
    doctor_reply_clear(&image->reply);
    g_free(image->parameter);
    g_free(image->id);
    g_free(image->state);
    g_free(image->architecture);
    *image = (DoctorImage){0};
}

bool doctor_read_parameter(const AwsAnswer *answer, void *data)
{
    DoctorImage *image = data;
    image->id = g_strdup(ecs_text(json_object_get(answer->json, "Parameter"), "Value"));
    return true;
}

bool doctor_read_image(const AwsAnswer *answer, void *data)
{
    DoctorImage *image = data;
    const XmlElement *item = xml_find(answer->xml, "imagesSet/item");
    image->state = g_strdup(xml_text(item, "imageState"));
    image->architecture = g_strdup(xml_text(item, "architecture"));
    return true;
}

/* The image of the parameter, or that the environment names. */
static void find_by_id(const DoctorImage *image, json_t *findings)
{
    const char *wanted = image->is_arm ? "arm64" : "x86_64";
    const char *cure = image->parameter ? "wait for AWS's next image, or name one by imageIdOverride"
                                        : "correct imageId or imageIdOverride: images are of a region";
    if (image->reply.how == DOCTOR_ABSENT || (image->reply.how == DOCTOR_ANSWERED && !image->state))
        doctor_find(findings, "image", DOCTOR_PROBLEM, cure, "there is no %s that this account may use",
                    image->id);
    else if (!doctor_was_answered(findings, "image", &image->reply))
        return;
    else if (strcmp(image->state, "available") != 0)
        doctor_find(findings, "image", DOCTOR_PROBLEM, cure, "%s is %s", image->id, image->state);
    else if (g_strcmp0(image->architecture, wanted) != 0)
        doctor_find(findings, "image", DOCTOR_PROBLEM,
                    "name an image for them in ec2Configuration, or take these instance types out",
                    "%s is for %s, and some instance types of the environment are %s", image->id,
                    image->architecture, wanted);
    else
        doctor_find(findings, "image", DOCTOR_OK, NULL, "%s, %s", image->id, wanted);
}

void doctor_find_image(const DoctorImage *image, json_t *findings)
{
    if (image->id)
        find_by_id(image, findings);
    else if (image->parameter_reply.how == DOCTOR_ABSENT)
        doctor_find(findings, "image", DOCTOR_PROBLEM, "choose another imageType in ec2Configuration",
                    "this region has no parameter %s", image->parameter);
    else
        doctor_was_answered(findings, "image", &image->parameter_reply);
}

/* ---- what an environment names ---- */

void doctor_find_named(const DoctorNamed *named, json_t *findings)
{
    if (named->reply.how == DOCTOR_ABSENT)
        doctor_find(findings, named->check, DOCTOR_PROBLEM, named->cure, "%s is not there: %s", named->what,
                    named->reply.why);
    else if (doctor_was_answered(findings, named->check, &named->reply))
        doctor_find(findings, named->check, DOCTOR_OK, NULL, "%s", named->what);
}

bool doctor_read_template(const AwsAnswer *answer, void *data)
{
    const XmlElement *found = xml_find(answer->xml, "launchTemplateVersionSet/item/launchTemplateData");
    *(bool *)data = xml_is_true(found, "networkInterfaceSet/item/associatePublicIpAddress");
    return true;
}

/* ---- images of jobs ---- */

void doctor_ecr_image_clear(DoctorEcrImage *image)
{
    g_free(image->account);
    g_free(image->region);
    g_free(image->repository);
    g_free(image->tag);
    g_free(image->digest);
    *image = (DoctorEcrImage){0};
}

bool doctor_ecr_image_parse(const char *text, DoctorEcrImage *ret_image)
{
    g_autoptr(GRegex) pattern =
        g_regex_new("^([0-9]{12})\\.dkr\\.ecr(?:-fips)?\\.([a-z0-9-]+)\\.[a-z.]+/"
                    "([a-z0-9][a-z0-9._/-]*)(?::([\\w][\\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$",
                    0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    *ret_image = (DoctorEcrImage){0};
    if (!g_regex_match(pattern, text, 0, &match))
        return false;
    g_autofree char *tag = g_match_info_fetch(match, 4);
    g_autofree char *digest = g_match_info_fetch(match, 5);
    bool has_digest = digest && *digest;
    *ret_image = (DoctorEcrImage){.account = g_match_info_fetch(match, 1),
                                  .region = g_match_info_fetch(match, 2),
                                  .repository = g_match_info_fetch(match, 3),
                                  .tag = has_digest ? NULL : g_strdup(tag && *tag ? tag : "latest"),
                                  .digest = has_digest ? g_strdup(digest) : NULL};
    return true;
}

void doctor_find_ecr_image(const char *image, const DoctorReply *reply, json_t *findings)
{
    g_autofree char *check = g_strdup_printf("image %s", image);
    if (reply->how == DOCTOR_ABSENT)
        doctor_find(findings, check, DOCTOR_PROBLEM, "push it, or correct the image of the job definition",
                    "%s", reply->why);
    else if (doctor_was_answered(findings, check, reply))
        doctor_find(findings, check, DOCTOR_OK, NULL, "it is in ECR");
}

#include "reconciler/provider/aws/doctor_machine.h"
#include <string.h>
#include "reconciler/provider/aws/doctor_policy.h"
#include "reconciler/provider/aws/doctor_quota.h"

static const char *member(const json_t *findings, size_t index, const char *name)
{
    return json_string_value(json_object_get(json_array_get(findings, index), name));
}

/* ---- replies ---- */

static void test_replies(void)
{
    const struct {
        const char *code;
        DoctorHow how;
        bool is_denied;
    } cases[] = {
        {"InvalidKeyPair.NotFound", DOCTOR_ABSENT, false}, {"NoSuchEntity", DOCTOR_ABSENT, false},
        {"ImageNotFoundException", DOCTOR_ABSENT, false},  {"UnauthorizedOperation", DOCTOR_FAILED, true},
        {"AccessDeniedException", DOCTOR_FAILED, true},    {"InternalError", DOCTOR_FAILED, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        DoctorReply reply = {0};
        const AwsAnswer good = {0}, bad = {.error = aws_error_of_code(AWS_EC2, cases[i].code, "why")};
        doctor_reply_take(&reply, &good);
        g_assert_cmpint(reply.how, ==, DOCTOR_ANSWERED);
        doctor_reply_take(&reply, &bad);
        doctor_reply_take(&reply, &good); /* of another subnet, say: it mends nothing */
        g_assert_cmpint(reply.how, ==, cases[i].how);
        g_assert_cmpint(reply.is_denied, ==, cases[i].is_denied);
        doctor_reply_clear(&reply);
        aws_error_free(bad.error);
    }
}

/* ---- instance profiles ---- */

static void test_trust(void)
{
    const struct {
        const char *trust, *status;
    } cases[] = {
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},"
         "\"Action\":\"sts:AssumeRole\"}]}",
         "ok"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"Service\":[\"a\",\"ec2.amazonaws.com.cn\"]},"
         "\"Action\":[\"sts:AssumeRole\"]}}",
         "ok"},
        {"{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},"
         "\"Action\":\"sts:AssumeRole\"}]}",
         "failed"},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ecs-tasks.amazonaws.com\"},"
         "\"Action\":\"sts:AssumeRole\"}]}",
         "failed"},
        {"no policy", "failed"},
        {NULL, "failed"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char name[] = "muster-instance";
        const DoctorProfile profile = {.reply = {.how = DOCTOR_ANSWERED},
                                       .role_name = name,
                                       .trust = (char *)(uintptr_t)cases[i].trust,
                                       .policies_reply = {.how = DOCTOR_ANSWERED}};
        json_t *findings = json_array();
        doctor_find_profile(&profile, name, "ec2.amazonaws.com.cn", findings);
        g_assert_cmpstr(member(findings, 0, "status"), ==, cases[i].status);
        g_assert_cmpstr(member(findings, 1, "status"), ==, "warning"); /* no policy of ECS */
        json_decref(findings);
    }
}

/* ---- images of jobs ---- */

static void test_ecr_images(void)
{
    g_auto(DoctorEcrImage) tagged = {0}, bare = {0}, digested = {0}, none = {0};
    g_assert_true(
        doctor_ecr_image_parse("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:1.2", &tagged));
    g_assert_cmpstr(tagged.region, ==, "cn-north-1");
    g_assert_cmpstr(tagged.repository, ==, "a/b");
    g_assert_cmpstr(tagged.tag, ==, "1.2");
    g_assert_true(doctor_ecr_image_parse("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a", &bare));
    g_assert_cmpstr(bare.tag, ==, "latest");
    g_assert_true(doctor_ecr_image_parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1@sha256:"
                                         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                         &digested));
    g_assert_null(digested.tag);
    g_assert_true(g_str_has_prefix(digested.digest, "sha256:0123"));
    g_assert_false(doctor_ecr_image_parse("public.ecr.aws/docker/library/busybox:stable", &none));
    g_assert_false(doctor_ecr_image_parse("busybox", &none));
}

/* ---- quotas ---- */

static void test_quotas(void)
{
    const struct {
        QuotaMarket market;
        const char *type, *code; /* NULL: none */
    } cases[] = {{QUOTA_ON_DEMAND, "c6i.large", "L-1216C47A"},
                 {QUOTA_SPOT, "im4gn.large", "L-34B43A08"},
                 {QUOTA_ON_DEMAND, "g5.xlarge", "L-DB2E81BA"},
                 {QUOTA_SPOT, "gr6.4xlarge", "L-3819A6DF"},
                 {QUOTA_ON_DEMAND, "vt1.3xlarge", "L-DB2E81BA"},
                 {QUOTA_ON_DEMAND, "p5en.48xlarge", "L-417A185B"},
                 {QUOTA_ON_DEMAND, "inf2.xlarge", "L-1945791B"},
                 {QUOTA_ON_DEMAND, "trn1.2xlarge", "L-2C3B7624"},
                 {QUOTA_ON_DEMAND, "d3.xlarge", "L-1216C47A"},
                 {QUOTA_ON_DEMAND, "dl1.24xlarge", "L-6E869C2A"},
                 {QUOTA_ON_DEMAND, "u-6tb1.metal", "L-43DA4232"},
                 {QUOTA_SPOT, "hpc7g.4xlarge", NULL},
                 {QUOTA_FARGATE, NULL, "L-3032A538"},
                 {QUOTA_FARGATE_SPOT, NULL, "L-36FBB829"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const DoctorQuota *quota = doctor_quota_of(cases[i].market, cases[i].type);
        g_assert_cmpstr(quota ? quota->code : NULL, ==, cases[i].code);
    }
}

static void test_quota_values(void)
{
    const DoctorReply answered = {.how = DOCTOR_ANSWERED};
    const DoctorQuota *quota = doctor_quota_of(QUOTA_ON_DEMAND, "c6i.large");
    json_t *findings = json_array();
    doctor_find_quota(quota, "eu-west-1", 64, &answered, 64, findings);
    doctor_find_quota(quota, "eu-west-1", 65, &answered, 64, findings);
    doctor_find_quota(quota, "eu-west-1", 1, &answered, 0, findings);
    doctor_find_quota(quota, "eu-west-1", 1, &(DoctorReply){0}, 0, findings);
    g_assert_cmpstr(member(findings, 0, "status"), ==, "ok");
    g_assert_cmpstr(member(findings, 1, "status"), ==, "warning");
    g_assert_nonnull(strstr(member(findings, 1, "cure"), "--region eu-west-1"));
    g_assert_nonnull(strstr(member(findings, 1, "cure"), "--desired-value 65"));
    g_assert_cmpstr(member(findings, 2, "status"), ==, "failed");
    g_assert_cmpstr(member(findings, 3, "status"), ==, "not checked");
    json_decref(findings);
}

/* ---- permissions ---- */

/* How many questions have part in them. */
static size_t questions_with(const DoctorPolicy *policy, const char *part)
{
    size_t found = 0;
    for (size_t i = 0; i < doctor_policy_questions(policy); i++) {
        g_autoptr(Query) query = doctor_policy_question(policy, i, "arn:aws:iam::1:user/u");
        found += strstr(query_text(query), part) != NULL;
    }
    return found;
}

static const char *const none[] = {NULL};
static const DoctorPolicyPlace small = {.partition = "aws-cn",
                                        .region = "cn-north-1",
                                        .account = "210987654321",
                                        .instance_profiles = none,
                                        .instance_roles = none,
                                        .task_roles = none};

static void test_questions(void)
{
    const char *const roles[] = {"arn:aws-cn:iam::210987654321:role/own", NULL};
    DoctorPolicyPlace large = small;
    large.has_instances = true;
    large.instance_roles = roles;
    g_autoptr(DoctorPolicy) with = doctor_policy_new(&large);
    g_autoptr(DoctorPolicy) without = doctor_policy_new(&small);
    g_assert_cmpuint(questions_with(with, "ec2%3ARunInstances"), >, 2);
    g_assert_cmpuint(questions_with(without, "ec2%3ARunInstances"), ==, 0);
    g_assert_cmpuint(questions_with(with, "iam%3APassRole"), ==, 1); /* no task has a role */
    g_assert_cmpuint(questions_with(with, "role%2Fown"), ==, 1);
    g_assert_cmpuint(questions_with(with, "role%2Fmuster-instance"), ==, 0);
    g_assert_cmpuint(questions_with(without, "iam%3APassRole"), ==, 0);
    g_assert_cmpuint(
        questions_with(with, "arn%3Aaws-cn%3Aecs%3Acn-north-1%3A210987654321%3Acluster%2Fmuster-%2A"), >, 0);
    g_assert_cmpuint(questions_with(with, "ContextKeyValues.member.1=ec2.amazonaws.com"), ==, 1);
    g_assert_cmpuint(questions_with(with, "=arn%3A%2A%3A"), ==, 0); /* no partition is left open */
}

static void answer(DoctorPolicy *policy, size_t index, const char *results)
{
    g_autofree char *text = g_strdup_printf("<R><EvaluationResults>%s</EvaluationResults></R>", results);
    g_autoptr(XmlDocument) document = xml_parse(view_from(text), NULL);
    doctor_policy_take(policy, index, &(AwsAnswer){.xml = xml_root(document)});
}

static void answer_all(DoctorPolicy *policy)
{
    for (size_t i = 0; i < doctor_policy_questions(policy); i++)
        doctor_policy_reply(policy, i)->how = DOCTOR_ANSWERED;
}

static size_t question_of(const DoctorPolicy *policy, const char *part)
{
    for (size_t i = 0; i < doctor_policy_questions(policy); i++) {
        g_autoptr(Query) query = doctor_policy_question(policy, i, "arn:aws:iam::1:user/u");
        if (strstr(query_text(query), part))
            return i;
    }
    g_assert_not_reached();
}

/* An action is not denied for a kind of resource that it never is about. */
static void test_decisions(void)
{
    g_autoptr(DoctorPolicy) policy = doctor_policy_new(&small);
    size_t stop = question_of(policy, "ecs%3AStopTask");
    json_t *findings = json_array();
    answer_all(policy);
    answer(
        policy, stop,
        "<member><EvalActionName>ecs:StopTask</EvalActionName><EvalDecision>implicitDeny</EvalDecision>"
        "<ResourceSpecificResults>"
        "<member><EvalResourceName>arn:aws-cn:ecs:cn-north-1:210987654321:cluster/muster-*</EvalResourceName>"
        "<EvalResourceDecision>implicitDeny</EvalResourceDecision></member>"
        "<member><EvalResourceName>arn:aws-cn:ecs:cn-north-1:210987654321:task/muster-*/*</EvalResourceName>"
        "<EvalResourceDecision>allowed</EvalResourceDecision></member></ResourceSpecificResults></member>");
    doctor_find_permissions(policy, findings);
    g_assert_cmpstr(member(findings, 0, "status"), ==, "ok");
    answer(
        policy, stop,
        "<member><EvalActionName>ecs:StopTask</EvalActionName><EvalDecision>explicitDeny</EvalDecision>"
        "<ResourceSpecificResults>"
        "<member><EvalResourceName>arn:aws-cn:ecs:cn-north-1:210987654321:task/muster-*/*</EvalResourceName>"
        "<EvalResourceDecision>explicitDeny</EvalResourceDecision></member></ResourceSpecificResults></"
        "member>");
    doctor_find_permissions(policy, findings);
    g_assert_cmpstr(member(findings, 1, "detail"), ==, "denied: ecs:StopTask");
    char *said = json_dumps(json_object_get(json_array_get(findings, 1), "policy"), JSON_COMPACT);
    g_assert_cmpstr(
        said, ==,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"ecs:StopTask\"],"
        "\"Resource\":[\"arn:aws-cn:ecs:*:*:task/muster-*/*\"]}]}");
    free(said);
    json_decref(findings);
}

static void test_unanswered(void)
{
    g_autoptr(DoctorPolicy) policy = doctor_policy_new(&small);
    json_t *findings = json_array();
    answer_all(policy);
    doctor_policy_reply(policy, 1)->how = DOCTOR_FAILED;
    doctor_find_permissions(policy, findings);
    g_assert_cmpstr(member(findings, 0, "status"), ==, "not checked");
    json_decref(findings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/doctor/replies", test_replies);
    g_test_add_func("/aws/doctor/trust", test_trust);
    g_test_add_func("/aws/doctor/ecr images", test_ecr_images);
    g_test_add_func("/aws/doctor/quotas", test_quotas);
    g_test_add_func("/aws/doctor/quota values", test_quota_values);
    g_test_add_func("/aws/doctor/questions", test_questions);
    g_test_add_func("/aws/doctor/decisions", test_decisions);
    g_test_add_func("/aws/doctor/unanswered", test_unanswered);
    return g_test_run();
}

#include "reconciler/provider/aws/aws_partition.h"

static void test_regions(void)
{
    const struct {
        const char *region, *partition;
    } cases[] = {{"us-east-1", "aws"},
                 {"eu-central-1", "aws"},
                 {"ap-southeast-4", "aws"},
                 {"mx-central-1", "aws"},
                 {"cn-north-1", "aws-cn"},
                 {"cn-northwest-1", "aws-cn"},
                 {"us-gov-west-1", "aws-us-gov"},
                 {"us-gov-east-1", "aws-us-gov"},
                 {"eusc-de-east-1", "aws-eusc"},
                 {"us-iso-east-1", NULL},
                 {"eu-central", NULL},
                 {"", NULL},
                 {"x-us-east-1", NULL},
                 {"us-east-1a", NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const AwsPartition *partition = aws_partition_of_region(cases[i].region);
        g_assert_cmpstr(partition ? aws_partition_name(partition) : NULL, ==, cases[i].partition);
    }
}

static void test_endpoints(void)
{
    const struct {
        AwsService service;
        const char *region;
        bool fips, dual;
        const char *endpoint, *signing_region;
    } cases[] = {
        {AWS_EC2, "us-east-1", false, false, "https://ec2.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_EC2, "us-east-1", true, false, "https://ec2-fips.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_EC2, "eu-west-1", false, true, "https://ec2.eu-west-1.api.aws", "eu-west-1"},
        {AWS_ECS, "cn-north-1", false, false, "https://ecs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {AWS_ECS, "cn-north-1", false, true, "https://ecs.cn-north-1.api.amazonwebservices.com.cn",
         "cn-north-1"},
        {AWS_ECS, "us-gov-west-1", true, false, "https://ecs-fips.us-gov-west-1.amazonaws.com",
         "us-gov-west-1"},
        {AWS_EC2, "us-gov-west-1", true, false, "https://ec2.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
        {AWS_SSM, "us-gov-east-1", true, false, "https://ssm.us-gov-east-1.amazonaws.com", "us-gov-east-1"},
        {AWS_LOGS, "eusc-de-east-1", false, false, "https://logs.eusc-de-east-1.amazonaws.eu",
         "eusc-de-east-1"},
        {AWS_IAM, "eu-central-1", false, false, "https://iam.amazonaws.com", "us-east-1"},
        {AWS_IAM, "eu-central-1", true, false, "https://iam-fips.amazonaws.com", "us-east-1"},
        {AWS_IAM, "us-gov-east-1", false, false, "https://iam.us-gov.amazonaws.com", "us-gov-west-1"},
        {AWS_IAM, "cn-northwest-1", false, false, "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {AWS_STS, "cn-northwest-1", false, false, "https://sts.cn-northwest-1.amazonaws.com.cn",
         "cn-northwest-1"},
        {AWS_PRICING, "us-west-2", false, false, "https://api.pricing.us-east-1.amazonaws.com", "us-east-1"},
        {AWS_PRICING, "eu-central-1", false, false, "https://api.pricing.eu-central-1.amazonaws.com",
         "eu-central-1"},
        {AWS_PRICING, "us-gov-west-1", false, false, "https://api.pricing.us-east-1.amazonaws.com",
         "us-east-1"},
        {AWS_PRICING, "cn-north-1", false, false, "https://api.pricing.cn-northwest-1.amazonaws.com.cn",
         "cn-northwest-1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *endpoint =
            aws_endpoint_of(cases[i].service, cases[i].region, cases[i].fips, cases[i].dual, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(endpoint, ==, cases[i].endpoint);
        g_assert_cmpstr(aws_signing_of(cases[i].service, cases[i].region).region, ==,
                        cases[i].signing_region);
    }
    g_assert_cmpstr(aws_signing_of(AWS_PRICING, "us-east-1").name, ==, "pricing");
}

static void test_no_endpoint(void)
{
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GError) no_fips = NULL;
    g_assert_null(aws_endpoint_of(AWS_ECS, "eu-centrall", false, false, &unknown));
    g_assert_nonnull(g_strstr_len(unknown->message, -1, "AWS_ENDPOINT_URL_ECS"));
    g_assert_null(aws_endpoint_of(AWS_ECS, "cn-north-1", true, false, &no_fips));
    g_assert_nonnull(g_strstr_len(no_fips->message, -1, "AWS_USE_FIPS_ENDPOINT"));
}

static void test_arns(void)
{
    g_auto(AwsArn) arn = {0};
    g_auto(AwsArn) none = {0};
    g_assert_true(aws_arn_parse("arn:aws-cn:ecs:cn-north-1:123456789012:task/c/ab:cd", &arn));
    g_assert_cmpstr(arn.partition, ==, "aws-cn");
    g_assert_cmpstr(arn.account, ==, "123456789012");
    g_assert_cmpstr(arn.resource, ==, "task/c/ab:cd");
    const AwsPartition *partition = aws_partition_of_region("cn-north-1");
    g_autofree char *text = aws_arn_of(partition, arn.service, arn.region, arn.account, arn.resource);
    g_assert_cmpstr(text, ==, "arn:aws-cn:ecs:cn-north-1:123456789012:task/c/ab:cd");
    g_autofree char *policy =
        aws_arn_of(aws_partition_of_region("us-gov-west-1"), "iam", "", "aws", "policy/x");
    g_assert_cmpstr(policy, ==, "arn:aws-us-gov:iam::aws:policy/x");
    g_assert_cmpstr(aws_partition_ec2_principal(partition), ==, "ec2.amazonaws.com.cn");
    static const char *const bad[] = {
        "", "arn", "arn:aws:s3:::", "arn::s3:::x", "nra:aws:s3:::x", "arn:aws:s3:x"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(aws_arn_parse(bad[i], &none));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-partition/regions", test_regions);
    g_test_add_func("/aws-partition/endpoints", test_endpoints);
    g_test_add_func("/aws-partition/no-endpoint", test_no_endpoint);
    g_test_add_func("/aws-partition/arns", test_arns);
    return g_test_run();
}

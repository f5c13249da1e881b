/* What a ComputeEnvironment says of AWS: which image, which generation. */
#include <string.h>
#include "reconciler/provider/aws/aws_environment.h"

static AwsEnvironment *parse(const char *resources)
{
    g_autofree char *spec =
        g_strdup_printf("{\"provider\":{\"type\":\"aws\",\"region\":\"cn-north-1\"},\"type\":\"MANAGED\","
                        "\"computeResources\":{"
                        "\"type\":\"EC2\",\"maxvCpus\":4,\"subnets\":[\"subnet-1\",\"subnet-2\"]%s}}",
                        resources);
    g_autoptr(GError) error = NULL;
    AwsEnvironment *environment = aws_environment_parse(spec, &error);
    g_assert_no_error(error);
    return environment;
}

static void check_image(const char *resources, bool is_arm, bool is_gpu, const char *expected)
{
    g_autoptr(AwsEnvironment) environment = parse(resources);
    g_autoptr(GError) error = NULL;
    bool is_id = false;
    g_autofree char *image = aws_environment_image(environment, is_arm, is_gpu, &is_id, &error);
    g_assert_cmpstr(image ? image : error->message, ==, expected);
    g_assert_true(!image || is_id == g_str_has_prefix(image, "ami-"));
}

#define OPTIMIZED "/aws/service/ecs/optimized-ami/"

/* batch: ec2Configuration: "ECS_AL2023 is the default, ECS_AL2023_NVIDIA for accelerated types"; an image of
 * one's own counts for the class that it stands with. */
static void test_images(void)
{
    const char own[] = ",\"ec2Configuration\":[{\"imageType\":\"ECS_AL2\"},{\"imageType\":\"ECS_AL2_NVIDIA\","
                       "\"imageIdOverride\":\"ami-7\"}]";
    check_image("", false, false, OPTIMIZED "amazon-linux-2023/recommended/image_id");
    check_image("", true, false, OPTIMIZED "amazon-linux-2023/arm64/recommended/image_id");
    check_image("", false, true, OPTIMIZED "amazon-linux-2023/gpu/recommended/image_id");
    check_image(",\"imageId\":\"ami-1\"", false, false, "ami-1");
    check_image(own, false, false, OPTIMIZED "amazon-linux-2/recommended/image_id");
    check_image(own, false, true, "ami-7");
    check_image(",\"ec2Configuration\":[{\"imageType\":\"ECS_NEWER\"}]", false, false,
                "imageType ECS_NEWER is not known: give imageIdOverride with it, or ECS_AL2023, "
                "ECS_AL2023_NVIDIA, ECS_AL2 or ECS_AL2_NVIDIA");
}

static void check_reference(const char *resources, bool is_arm, bool is_gpu, const char *theirs,
                            const char *reference, const char *what)
{
    g_autoptr(AwsEnvironment) environment = parse(resources);
    g_auto(AwsImage) image = {0};
    g_assert_true(aws_environment_image_of(environment, is_arm, is_gpu, theirs, &image, NULL));
    g_assert_cmpstr(image.reference, ==, reference);
    g_assert_cmpstr(reference ? image.parameter : image.id, ==, what);
    g_assert_cmpint(image.id == NULL, ==, reference != NULL);
}

/* batch: "AMI choice": one's own, then the launch template's, then the newest. */
static void test_image_references(void)
{
    g_autoptr(AwsEnvironment) newer = parse(",\"ec2Configuration\":[{\"imageType\":\"ECS_NEWER\"}]");
    g_auto(AwsImage) image = {0};
    check_reference("", false, false, NULL, "image ECS_AL2023 x86_64",
                    OPTIMIZED "amazon-linux-2023/recommended/image_id");
    check_reference("", true, true, NULL, "image ECS_AL2023_NVIDIA arm64",
                    OPTIMIZED "amazon-linux-2023/arm64/gpu/recommended/image_id");
    check_reference("", false, false, "ami-2", NULL, "ami-2");
    check_reference(",\"imageId\":\"ami-1\"", false, false, "ami-2", NULL, "ami-1");
    check_reference("", false, false, "resolve:ssm:/mine", "image /mine", "/mine");
    check_reference(",\"imageId\":\"resolve:ssm:/mine:3\"", false, false, NULL, "image /mine:3", "/mine:3");
    g_assert_false(aws_environment_image_of(newer, false, false, NULL, &image, NULL));
    g_assert_true(aws_environment_image_of(newer, false, false, "ami-2", &image, NULL));
}

static void check_template(const char *resources, const char *expected)
{
    g_autoptr(AwsEnvironment) environment = parse(resources);
    g_autofree char *reference = aws_environment_template_reference(environment);
    g_assert_cmpstr(reference, ==, expected);
}

static void test_template_references(void)
{
    check_template("", NULL);
    check_template(",\"launchTemplate\":{\"launchTemplateName\":\"own\"}", "launch template own ($Default)");
    check_template(",\"launchTemplate\":{\"launchTemplateName\":\"own\",\"version\":\"\"}",
                   "launch template own ($Default)");
    check_template(",\"launchTemplate\":{\"launchTemplateId\":\"lt-1\",\"version\":\"$Latest\"}",
                   "launch template lt-1 ($Latest)");
    check_template(",\"launchTemplate\":{\"launchTemplateId\":\"lt-1\",\"version\":\"7\"}", NULL);
    check_template(",\"launchTemplate\":{\"launchTemplateId\":\"lt-1\",\"version\":7}", NULL);
}

static void check_generation(const char *resources, bool is_same)
{
    g_autoptr(AwsEnvironment) one = parse(""), other = parse(resources);
    g_assert_cmpuint(strlen(one->generation), ==, AWS_GENERATION_DIGITS);
    g_assert_cmpint(strcmp(one->generation, other->generation) == 0, ==, is_same);
}

/* What instances are made of makes another generation; what only says how many does not. */
static void test_generations(void)
{
    check_generation("", true);
    check_generation(",\"minvCpus\":2,\"bidPercentage\":50", true);
    check_generation(",\"imageId\":\"ami-1\"", false);
    check_generation(",\"tags\":{\"a\":\"b\"}", false);
    check_generation(",\"launchTemplate\":{\"launchTemplateId\":\"lt-1\",\"version\":7}", false);
}

static void test_place(void)
{
    TaskWorkspace workspace;
    g_autoptr(AwsEnvironment) none = parse("");
    g_autoptr(AwsEnvironment) some =
        aws_environment_parse("{\"type\":\"MANAGED\",\"computeResources\":{\"type\":\"FARGATE_SPOT\"},"
                              "\"workspace\":{\"fileSystemId\":"
                              "\"fs-1\",\"rootDirectory\":\"/runs\"}}",
                              NULL);
    g_assert_cmpstr(none->region, ==, "cn-north-1");
    g_assert_cmpstr(none->subnets[1], ==, "subnet-2");
    g_assert_false(aws_environment_workspace(none, &workspace));
    g_assert_true(aws_environment_workspace(some, &workspace));
    g_assert_cmpstr(workspace.root_directory, ==, "/runs");
    g_assert_true(aws_environment_is_fargate(some));
    g_assert_false(aws_environment_is_fargate(none));
    g_assert_null(aws_environment_parse("[]", NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-environment/images", test_images);
    g_test_add_func("/aws-environment/image-references", test_image_references);
    g_test_add_func("/aws-environment/template-references", test_template_references);
    g_test_add_func("/aws-environment/generations", test_generations);
    g_test_add_func("/aws-environment/place", test_place);
    return g_test_run();
}

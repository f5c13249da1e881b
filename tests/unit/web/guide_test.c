#include "reconciler/api/web/guide.h"
#include <string.h>

static GuideFields fields_of(GuidePlace place)
{
    return (GuideFields){.place = place,
                         .source = "mine",
                         .environment = "first",
                         .queue = "default",
                         .definition = "hello",
                         .max_vcpus = "16",
                         .subnets = "subnet-1, subnet-2,",
                         .image = "debian:12",
                         .command = "sh -c 'echo \"a b\"'",
                         .vcpus = "1",
                         .memory_mib = "64"};
}

static void test_aws(void)
{
    GuideFile files[GUIDE_FILES];
    const GuideFields fields = fields_of(GUIDE_FARGATE);
    guide_write(&fields, files);
    g_assert_nonnull(strstr(files[0].text, "provider: aws\n"));
    g_assert_nonnull(strstr(files[1].text, "    type: FARGATE\n"));
    g_assert_nonnull(strstr(files[1].text, "    maxvCpus: 16\n"));
    g_assert_nonnull(strstr(files[1].text, "    subnets: [subnet-1, subnet-2]\n"));
    g_assert_null(strstr(files[1].text, "minvCpus"));
    g_assert_nonnull(strstr(files[3].text, "    command: [sh, \"-c\", \"echo \\\"a b\\\"\"]\n"));
    guide_clear(files);
}

/* On this machine the environment has no computeResources, whatever the form says. */
static void test_local(void)
{
    GuideFile files[GUIDE_FILES];
    const GuideFields fields = fields_of(GUIDE_LOCAL);
    guide_write(&fields, files);
    g_assert_cmpstr(files[1].text, ==,
                    "# Where jobs run.\napiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata:\n"
                    "  name: first\nspec:\n  type: MANAGED\n");
    guide_clear(files);
}

/* What could be read as anything but a text is quoted, and no field adds a line. */
static void test_hostile(void)
{
    static const char *const names[][2] = {
        {"yes", "\"yes\""},       {"12", "\"12\""}, {"a\nspec: x", "\"a\\x0aspec: x\""},
        {"\"\\", "\"\\\"\\\\\""}, {"", "\"\""},     {"a: b #c", "\"a: b #c\""}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        GuideFile files[GUIDE_FILES];
        GuideFields fields = fields_of(GUIDE_LOCAL);
        fields.environment = names[i][0];
        guide_write(&fields, files);
        g_autofree char *line = g_strdup_printf("\n  name: %s\nspec:\n", names[i][1]);
        g_assert_nonnull(strstr(files[1].text, line));
        guide_clear(files);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/web/guide/aws", test_aws);
    g_test_add_func("/web/guide/local", test_local);
    g_test_add_func("/web/guide/hostile", test_hostile);
    return g_test_run();
}

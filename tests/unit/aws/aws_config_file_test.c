#include "reconciler/provider/aws/aws_config_file.h"
#include <string.h>

static AwsConfigFile *parse(const char *config, const char *credentials)
{
    g_autoptr(GError) error = NULL;
    AwsConfigFile *file =
        aws_config_parse("config", view_from(config), "credentials", view_from(credentials), &error);
    g_assert_no_error(error);
    return file;
}

/* As botocore reads the same text. */
static void test_grammar(void)
{
    g_autoptr(AwsConfigFile) file =
        parse("# comment\n[default]\nregion = eu # c\nx=1;2\nColon: yes\n\n[profile \"a b\"]\nA_B = 2\ns3 "
              "=\n  k = v\n  m=n\n"
              "[profile c]\r\noutput=json\r\n; other\n[sso-session s]\nsso_region=x\n[services my]\necs =\n  "
              "endpoint_url = http://h:1/?a=b\n"
              "[plain]\nregion=z\n[profile d]\nlong = a\n  region = hidden\n",
              "");
    g_assert_cmpstr(aws_config_get(file, "default", "region"), ==, "eu # c");
    g_assert_cmpstr(aws_config_get(file, "default", "x"), ==, "1;2");
    g_assert_cmpstr(aws_config_get(file, "default", "colon"), ==, "yes");
    g_assert_cmpstr(aws_config_get(file, "a b", "a_b"), ==, "2");
    g_assert_null(aws_config_get(file, "a b", "k"));
    g_assert_cmpstr(aws_config_get(file, "c", "output"), ==, "json");
    g_assert_cmpstr(aws_config_sso(file, "s", "sso_region"), ==, "x");
    g_assert_cmpstr(aws_config_service(file, "my", "ecs", "endpoint_url"), ==, "http://h:1/?a=b");
    g_assert_false(aws_config_has_profile(file, "plain"));
    g_assert_null(aws_config_get(file, "d", "region"));
    g_autofree const char **profiles = aws_config_profiles(file);
    g_autofree char *names = g_strjoinv(",", (char **)profiles);
    g_assert_cmpstr(names, ==, "a b,c,d,default");
}

/* The credentials file names profiles without the word, and wins. */
static void test_credentials(void)
{
    /* Names that nothing can be split of do no harm; all of a name counts there. */
    g_autoptr(AwsConfigFile) odd =
        parse("[o'brien]\nregion = a\n[default]\nregion = b\n[profile default]\nregion = c\n",
              "[o'brien]\naws_access_key_id = O\n[my profile]\naws_access_key_id = M\n");
    g_assert_cmpstr(aws_config_get(odd, "default", "region"), ==, "c");
    g_assert_cmpstr(aws_config_get(odd, "o'brien", "aws_access_key_id"), ==, "O");
    g_assert_cmpstr(aws_config_get(odd, "my profile", "aws_access_key_id"), ==, "M");
    g_assert_false(aws_config_has_profile(odd, "my"));
    g_autoptr(AwsConfigFile) file =
        parse("[profile ci]\naws_access_key_id = A\nregion = r\n",
              "[ci]\naws_access_key_id = B\n[other]\naws_secret_access_key = x/y=z#1\n");
    g_assert_cmpstr(aws_config_get(file, "ci", "aws_access_key_id"), ==, "B");
    g_assert_cmpstr(aws_config_get(file, "ci", "region"), ==, "r");
    g_assert_cmpstr(aws_config_get(file, "other", "aws_secret_access_key"), ==, "x/y=z#1");
    g_assert_true(aws_config_has_profile(file, "other"));
}

/* What botocore refuses as a whole has its line here. */
static void test_refused(void)
{
    const struct {
        const char *config, *credentials, *message;
    } cases[] = {{"region = x\n", "", "config:1: a setting stands in a section"},
                 {"\n[default\nregion = x\n", "", "config:2: a section's name ends with ]"},
                 {"[default]\nregion\n", "", "config:2: NAME = VALUE is expected"},
                 {"[default]\n= x\n", "", "config:2: NAME = VALUE is expected"},
                 {"[profile a]\nr = a\n[profile a]\n", "", "config:3: the section is there twice"},
                 {"", "[a]\nb = c\n[a]\n", "credentials:3: the section is there twice"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(aws_config_parse("config", view_from(cases[i].config), "credentials",
                                       view_from(cases[i].credentials), &error));
        g_assert_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE);
        if (!g_str_has_prefix(error->message, cases[i].message))
            g_error("%s instead of %s", error->message, cases[i].message);
    }
    g_autofree char *large = g_strnfill(AWS_CONFIG_BYTES_MAX + 1, '\n');
    g_assert_null(aws_config_parse("config", view_from(large), "credentials", VIEW(""), NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-config-file/grammar", test_grammar);
    g_test_add_func("/aws-config-file/credentials", test_credentials);
    g_test_add_func("/aws-config-file/refused", test_refused);
    return g_test_run();
}

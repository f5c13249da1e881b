#include "reconciler/provider/aws/aws_settings.h"
#include <string.h>

/* "A=b C=d": an environment. */
static const char *lookup(const char *name, void *data)
{
    GHashTable *variables = data;
    return g_hash_table_lookup(variables, name);
}

static GHashTable *environment(const char *text)
{
    GHashTable *variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (char **word = words; *word; word++) {
        char *equals = strchr(*word, '=');
        if (equals)
            g_hash_table_insert(variables, g_strndup(*word, (gsize)(equals - *word)), g_strdup(equals + 1));
    }
    return variables;
}

static AwsSettings *settings_of(GHashTable *variables, const char *config, const char *profile,
                                GError **error)
{
    AwsConfigFile *file = aws_config_parse("config", view_from(config), "credentials", VIEW(""), error);
    return file ? aws_settings_new(file, profile, lookup, variables, error) : NULL;
}

static const char config[] =
    "[default]\nregion = eu-west-1\nretry_mode = adaptive\n[profile ci]\nregion = cn-north-1\nca_bundle = "
    "/ci.pem\nuse_fips_endpoint = TRUE\n"
    "services = own\nendpoint_url = http://any:1\nmax_attempts = 7\nec2_metadata_service_endpoint_mode = "
    "IPv6\n"
    "[services own]\necs =\n  endpoint_url = http://ecs:2\ncloudwatch_logs =\n  endpoint_url = "
    "http://logs:3\n"
    "[profile quiet]\nignore_configured_endpoint_urls = true\nendpoint_url = http://any:1\n";

static void test_precedence(void)
{
    const struct {
        const char *environment, *profile, *region, *origin;
    } cases[] = {
        {"", NULL, "eu-west-1", "region of profile default"},
        {"AWS_DEFAULT_REGION=us-east-1", NULL, "us-east-1", "AWS_DEFAULT_REGION"},
        {"AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-2", NULL, "us-east-2", "AWS_REGION"},
        {"AWS_REGION=", NULL, "eu-west-1", "region of profile default"},
        {"AWS_PROFILE=ci", NULL, "cn-north-1", "region of profile ci"},
        {"AWS_DEFAULT_PROFILE=ci", NULL, "cn-north-1", "region of profile ci"},
        {"AWS_PROFILE=quiet", "ci", "cn-north-1", "region of profile ci"},
        {"AWS_PROFILE=quiet", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GHashTable) variables = environment(cases[i].environment);
        g_autoptr(GError) error = NULL;
        g_autoptr(AwsSettings) settings = settings_of(variables, config, cases[i].profile, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(settings->region.text, ==, cases[i].region);
        g_assert_cmpstr(settings->region.origin, ==, cases[i].origin);
    }
}

static void test_endpoints(void)
{
    const struct {
        const char *environment;
        AwsService service;
        const char *endpoint, *origin;
    } cases[] = {
        {"", AWS_ECS, NULL, NULL},
        {"AWS_ENDPOINT_URL=http://e:1", AWS_ECS, "http://e:1", "AWS_ENDPOINT_URL"},
        {"AWS_ENDPOINT_URL=http://e:1 AWS_ENDPOINT_URL_ECS=http://e:2", AWS_ECS, "http://e:2",
         "AWS_ENDPOINT_URL_ECS"},
        {"AWS_ENDPOINT_URL=http://e:1 AWS_ENDPOINT_URL_ECS=http://e:2", AWS_EC2, "http://e:1",
         "AWS_ENDPOINT_URL"},
        {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=http://e:3", AWS_LOGS, "http://e:3",
         "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"},
        {"AWS_PROFILE=ci", AWS_ECS, "http://ecs:2", "services own"},
        {"AWS_PROFILE=ci", AWS_LOGS, "http://logs:3", "services own"},
        {"AWS_PROFILE=ci", AWS_STS, "http://any:1", "endpoint_url of profile ci"},
        {"AWS_PROFILE=ci AWS_ENDPOINT_URL=http://e:1", AWS_ECS, "http://e:1", "AWS_ENDPOINT_URL"},
        {"AWS_PROFILE=quiet AWS_ENDPOINT_URL=http://e:1", AWS_ECS, NULL, NULL},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true AWS_ENDPOINT_URL=http://e:1", AWS_ECS, NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GHashTable) variables = environment(cases[i].environment);
        g_autoptr(AwsSettings) settings = settings_of(variables, config, NULL, NULL);
        g_auto(AwsSetting) endpoint = aws_settings_endpoint(settings, cases[i].service);
        g_assert_cmpstr(endpoint.text, ==, cases[i].endpoint);
        g_assert_cmpstr(endpoint.origin, ==, cases[i].origin);
    }
}

static void test_rest(void)
{
    g_autoptr(GHashTable) variables = environment("AWS_PROFILE=ci");
    g_autoptr(GHashTable) other = environment(
        "AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=4 AWS_CA_BUNDLE=/e.pem AWS_EC2_METADATA_DISABLED=True "
        "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9// AWS_METADATA_SERVICE_TIMEOUT=3");
    g_autoptr(AwsSettings) ci = settings_of(variables, config, NULL, NULL);
    g_autoptr(AwsSettings) plain = settings_of(other, config, NULL, NULL);
    AwsClientConfig client = aws_settings_client(ci, AWS_ECS, "us-gov-west-1", "http://e");
    g_assert_cmpstr(client.region, ==, "us-gov-west-1");
    g_assert_cmpstr(client.ca_bundle, ==, "/ci.pem");
    g_assert_true(client.uses_fips);
    g_assert_cmpint(client.max_attempts, ==, 7);
    g_assert_cmpstr(ci->metadata_endpoint, ==, "http://[fd00:ec2::254]");
    g_assert_cmpint(plain->retry_mode, ==,
                    AWS_RETRY_STANDARD); /* the environment wins over the profile's adaptive */
    g_assert_cmpint(plain->max_attempts, ==, 4);
    g_assert_cmpstr(plain->ca_bundle.text, ==, "/e.pem");
    g_assert_true(plain->is_metadata_disabled);
    g_assert_cmpstr(plain->metadata_endpoint, ==, "http://127.0.0.1:9");
    g_assert_cmpint(plain->metadata_timeout_ms, ==, 3000);
}

static void test_refused(void)
{
    const struct {
        const char *environment, *message;
    } cases[] = {
        {"AWS_PROFILE=cii", "AWS_PROFILE is \"cii\", and neither the config nor the credentials file has "
                            "that profile; there is ci, default, quiet"},
        {"AWS_REGION=EU_West", "AWS_REGION is \"EU_West\": that is no region's name"},
        {"AWS_RETRY_MODE=fast", "AWS_RETRY_MODE is \"fast\": standard or adaptive is expected"},
        {"AWS_MAX_ATTEMPTS=0", "AWS_MAX_ATTEMPTS is \"0\": a whole number above 0 is expected"},
        {"AWS_USE_FIPS_ENDPOINT=yes", "AWS_USE_FIPS_ENDPOINT is \"yes\": true or false is expected"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=v6",
         "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is \"v6\": IPv4 or IPv6 is expected"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GHashTable) variables = environment(cases[i].environment);
        g_autoptr(GError) error = NULL;
        g_assert_null(settings_of(variables, config, NULL, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-settings/precedence", test_precedence);
    g_test_add_func("/aws-settings/endpoints", test_endpoints);
    g_test_add_func("/aws-settings/rest", test_rest);
    g_test_add_func("/aws-settings/refused", test_refused);
    return g_test_run();
}

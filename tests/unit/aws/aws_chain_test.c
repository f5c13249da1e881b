#include "reconciler/provider/aws/aws_chain.h"
#include <unistd.h>
#include "tests/support/http_script.h"

typedef struct {
    HttpServer *server;
    GMainContext *context;
    HttpClient *http;
    AwsSettings *settings;
    GHashTable *variables;
    GString *heard; /* "ACTION ROLE with KEY; …" of STS */
    int times;
    char *id, *error;
} Fixture;

/* ---- STS, as far as it is asked ---- */

static char *parameter(const char *body, const char *name)
{
    g_autofree char *text = g_strdup_printf("&%s", body), *start = g_strdup_printf("&%s=", name);
    const char *found = strstr(text, start);
    g_autofree char *encoded =
        found ? g_strndup(found + strlen(start), strcspn(found + strlen(start), "&")) : NULL;
    return encoded ? g_uri_unescape_string(encoded, NULL) : NULL;
}

static char *answer(const char *request, int connection, void *data)
{
    Fixture *fixture = data;
    const char *body = http_body_of(request), *credential = strstr(request, "Credential=");
    g_autofree char *action = parameter(body, "Action"), *role = parameter(body, "RoleArn"),
                    *external = parameter(body, "ExternalId"), *session = parameter(body, "RoleSessionName"),
                    *token = parameter(body, "WebIdentityToken");
    g_autofree char *key =
        credential ? g_strndup(credential + 11, strcspn(credential + 11, "/")) : g_strdup("nobody");
    (void)connection;
    g_string_append_printf(fixture->heard, "%s %s as %s with %s%s%s%s%s; ", action, strrchr(role, '/') + 1,
                           session, key, external ? " external " : "", external ? external : "",
                           token ? " token " : "", token ? token : "");
    if (strstr(role, "role/denied"))
        return http_answer(403, "",
                           "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not "
                           "you</Message></Error><RequestId>r-1</RequestId></ErrorResponse>");
    g_autofree char *result =
        g_strdup_printf("<%sResponse><%sResult><Credentials><AccessKeyId>ASIA-%s</"
                        "AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                        "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></"
                        "Credentials></%sResult></%sResponse>",
                        action, action, strrchr(role, '/') + 1, action, action);
    return http_answer(200, "", result);
}

/* ---- a chain over given files and variables ---- */

static int64_t real_ms(void *self)
{
    (void)self;
    return g_get_real_time() / 1000;
}

static int64_t monotonic_ms(void *self)
{
    (void)self;
    return g_get_monotonic_time() / 1000;
}

static const AwsTime time_now = {.now_ms = real_ms, .monotonic_ms = monotonic_ms, .seed = 7};

static const char *lookup(const char *name, void *data)
{
    return g_hash_table_lookup(data, name);
}

static void say(Fixture *fixture, const char *name, const char *value)
{
    g_hash_table_insert(fixture->variables, g_strdup(name), g_strdup(value));
}

static void set_up(Fixture *fixture, const void *data)
{
    (void)data;
    *fixture = (Fixture){.heard = g_string_new(NULL)};
    fixture->server = http_server_new(answer, fixture);
    fixture->context = g_main_context_new();
    fixture->http = http_new(fixture->context, 2);
    fixture->variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *url = http_url(fixture->server, "");
    say(fixture, "AWS_ENDPOINT_URL_STS", url);
    say(fixture, "AWS_EC2_METADATA_DISABLED", "true");
}

static void tear_down(Fixture *fixture, const void *data)
{
    (void)data;
    http_free(fixture->http);
    http_server_free(fixture->server);
    g_main_context_unref(fixture->context);
    aws_settings_free(fixture->settings);
    g_hash_table_destroy(fixture->variables);
    g_string_free(fixture->heard, TRUE);
    g_free(fixture->id);
    g_free(fixture->error);
}

static void take(AwsCredentials *credentials, const GError *error, void *data)
{
    Fixture *fixture = data;
    fixture->times++;
    fixture->id = credentials ? g_strdup(credentials->access_key_id) : NULL;
    fixture->error = error ? g_strdup(error->message) : NULL;
}

/* Whose key is found, or why there is none: in fixture. */
static void find(Fixture *fixture, const char *config, const char *profile, const char *role_arn)
{
    g_autoptr(GError) error = NULL;
    AwsConfigFile *file = aws_config_parse("config", view_from(config), "credentials", VIEW(""), &error);
    g_assert_no_error(error);
    fixture->settings = aws_settings_new(file, profile, lookup, fixture->variables, &error);
    g_assert_no_error(error);
    const AwsChain chain = {.fetching = {fixture->context, fixture->http, fixture->settings},
                            .time = &time_now};
    g_autoptr(AwsCredentialsSource) source = aws_chain_new(&chain, role_arn, &error);
    if (!source) {
        fixture->error = g_strdup(error->message);
        return;
    }
    aws_credentials_get(source, take, fixture);
    while (!fixture->times)
        g_main_context_iteration(fixture->context, TRUE);
}

/* ---- the order ---- */

static const char keys[] =
    "[default]\naws_access_key_id = AKIDD\naws_secret_access_key = s\nregion = eu-west-1\n"
    "[profile ci]\naws_access_key_id = AKIDC\naws_secret_access_key = s\n";

static void test_environment(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_ACCESS_KEY_ID", "AKIDE");
    say(fixture, "AWS_SECRET_ACCESS_KEY", "s");
    find(fixture, keys, NULL, NULL);
    g_assert_cmpstr(fixture->id, ==, "AKIDE");
}

static void test_named_profile(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_ACCESS_KEY_ID", "AKIDE");
    say(fixture, "AWS_SECRET_ACCESS_KEY", "s");
    find(fixture, keys, "ci", NULL);
    g_assert_cmpstr(fixture->id, ==, "AKIDC");
}

/* A profile that a variable names does not keep the keys of others from counting, as in the SDKs. */
static void test_profile_of_environment(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_PROFILE", "ci");
    say(fixture, "AWS_ACCESS_KEY_ID", "AKIDE");
    say(fixture, "AWS_SECRET_ACCESS_KEY", "s");
    find(fixture, keys, NULL, NULL);
    g_assert_cmpstr(fixture->id, ==, "AKIDE");
}

static void test_half(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_ACCESS_KEY_ID", "AKIDE");
    find(fixture, keys, NULL, NULL);
    g_assert_cmpstr(fixture->error, ==,
                    "environment variables: AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
}

static void test_nothing(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture, "", NULL, NULL);
    g_assert_true(g_str_has_prefix(
        fixture->error, "no credentials for AWS: AWS_ACCESS_KEY_ID, profile default of the config"));
}

/* ---- roles ---- */

#define ROLE "arn:aws:iam::123456789012:role/"

static void test_role_chain(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture,
         "[default]\nregion = eu-west-1\nrole_arn = " ROLE
         "outer\nsource_profile = middle\nrole_session_name = me@x\nexternal_id = e1\n"
         "[profile middle]\nrole_arn = " ROLE "inner\nsource_profile = base\n[profile "
         "base]\naws_access_key_id = AKIDB\naws_secret_access_key = s\n",
         NULL, NULL);
    g_assert_cmpstr(fixture->id, ==, "ASIA-outer");
    g_assert_cmpstr(
        fixture->heard->str, ==,
        "AssumeRole inner as muster with AKIDB; AssumeRole outer as me@x with ASIA-inner external e1; ");
}

/* An environment's own role, on top of whatever was found. */
static void test_given_role(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture, keys, NULL, ROLE "of-environment");
    g_assert_cmpstr(fixture->id, ==, "ASIA-of-environment");
    g_assert_cmpstr(fixture->heard->str, ==, "AssumeRole of-environment as muster with AKIDD; ");
}

static void test_web_identity(Fixture *fixture, const void *data)
{
    (void)data;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("token-XXXXXX", &path, NULL);
    close(fd);
    g_assert_true(g_file_set_contents(path, "ey.J\n", -1, NULL));
    say(fixture, "AWS_WEB_IDENTITY_TOKEN_FILE", path);
    say(fixture, "AWS_ROLE_ARN", ROLE "web");
    say(fixture, "AWS_REGION", "eu-west-1");
    find(fixture, "", NULL, NULL);
    unlink(path);
    g_assert_cmpstr(fixture->id, ==, "ASIA-web");
    g_assert_cmpstr(fixture->heard->str, ==,
                    "AssumeRoleWithWebIdentity web as muster with nobody token ey.J; ");
}

static void test_process(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture,
         "[default]\ncredential_process = sh -c 'echo \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": "
         "\\\"AKIDP\\\", \\\"SecretAccessKey\\\": \\\"s\\\"}\"'\n",
         NULL, NULL);
    g_assert_cmpstr(fixture->error, ==, NULL);
    g_assert_cmpstr(fixture->id, ==, "AKIDP");
}

/* Who asks for a profile means no other identity. */
static void test_profile_beside_web_identity(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
    say(fixture, "AWS_ROLE_ARN", ROLE "web");
    find(fixture, keys, "ci", NULL);
    g_assert_cmpstr(fixture->id, ==, "AKIDC");
}

/* The keys of a source profile count, not the role that it has too. */
static void test_source_with_keys(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture,
         "[default]\nregion = eu-west-1\nrole_arn = " ROLE
         "a\nsource_profile = b\n[profile b]\nrole_arn = " ROLE "b\nsource_profile = default\n"
         "aws_access_key_id = AKIDB\naws_secret_access_key = s\n",
         NULL, NULL);
    g_assert_cmpstr(fixture->heard->str, ==, "AssumeRole a as muster with AKIDB; ");
}

static void test_denied(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture, keys, NULL, ROLE "denied");
    g_assert_cmpstr(fixture->error, ==,
                    "role " ROLE "denied cannot be assumed: AccessDenied: not you (request r-1)");
}

static void test_itself(Fixture *fixture, const void *data)
{
    (void)data;
    find(fixture,
         "[default]\nregion = eu-west-1\nrole_arn = " ROLE
         "r\nsource_profile = default\naws_access_key_id = AKIDS\naws_secret_access_key = s\n",
         NULL, NULL);
    g_assert_cmpstr(fixture->heard->str, ==, "AssumeRole r as muster with AKIDS; ");
}

typedef struct {
    const char *config, *message;
} BadConfig;

static const BadConfig bad[] = {
    {"[default]\nregion = r\nrole_arn = " ROLE "a\nsource_profile = b\n[profile b]\nrole_arn = " ROLE
     "b\nsource_profile = default\n",
     "profile default: its source_profile leads back to itself, or through more than 8 profiles"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\nsource_profile = none\n",
     "profile default: its source_profile none is not there"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\n",
     "profile default: role_arn needs source_profile or credential_source, one of them"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\nsource_profile = default\n",
     "profile default: it is its own source_profile, and has no keys"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\ncredential_source = Somewhere\n",
     "profile default: credential_source is \"Somewhere\": Environment, Ec2InstanceMetadata or EcsContainer "
     "is expected"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\ncredential_source = Environment\n",
     "profile default: credential_source is Environment, and there are no credentials"},
    {"[default]\nregion = r\nrole_arn = " ROLE "a\nsource_profile = b\nmfa_serial = m\n[profile b]\n",
     "profile default: mfa_serial asks for a code, and nobody is there to give one: use a role without it"},
    {"[default]\nrole_arn = " ROLE
     "a\nsource_profile = b\n[profile b]\naws_access_key_id = A\naws_secret_access_key = s\n",
     "role " ROLE "a: no region is known: set AWS_REGION, or region in the profile"},
    {"[default]\nregion = eu-west-1\nrole_arn = nonsense\nsource_profile = b\n[profile b]\naws_access_key_id "
     "= A\naws_secret_access_key = s\n",
     "nonsense: that is no ARN of a role, such as arn:aws:iam::123456789012:role/NAME"},
    {"[default]\nregion = eu-west-1\nrole_arn = " ROLE
     "a\nduration_seconds = 60\nsource_profile = b\n[profile b]\naws_access_key_id = "
     "A\naws_secret_access_key = s\n",
     ROLE "a: duration_seconds is 900 to 43,200"},
    {"[default]\nsso_session = s\n",
     "profile default: sso_start_url is not said, without which nobody is signed in (sso-session s)"},
    {"[default]\nsso_session = s\n[sso-session s]\nsso_start_url = https://s\nsso_region = eu-west-1\n",
     "profile default: sso_account_id is not said, without which nobody is signed in (sso-session s)"},
    {"[default]\nsso_start_url = https://s\nsso_account_id = 1\nsso_role_name = r\n",
     "profile default: sso_region is not said, without which nobody is signed in (sso_start_url)"},
    {"[default]\ncredential_process = sh -c 'exit 3'\n",
     "credential_process of profile default: it ended with 3"},
    {"[default]\ncredential_process = sh -c 'kill -9 $$'\n",
     "credential_process of profile default: it was ended by signal 9"},
    {"[default]\ncredential_process = echo nothing\n",
     "credential_process of profile default: it printed no JSON object with Version 1"},
    {"[default]\ncredential_process = sh -c 'head -c 70000 /dev/zero'\n",
     "credential_process of profile default: it printed more than 64 KiB"},
    {"[default]\ncredential_process = sh -c 'x\n",
     "credential_process of profile default: Text ended before matching quote was found for '. (The text was "
     "“sh -c 'x”)"},
};

static void test_bad(Fixture *fixture, const void *data)
{
    const BadConfig *one = data;
    find(fixture, one->config, NULL, NULL);
    g_assert_null(fixture->id);
    g_assert_cmpstr(fixture->error, ==, one->message);
    g_assert_cmpstr(fixture->heard->str, ==, "");
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/aws-chain/environment", test_environment);
    ADD("/aws-chain/named-profile", test_named_profile);
    ADD("/aws-chain/profile-of-environment", test_profile_of_environment);
    ADD("/aws-chain/half", test_half);
    ADD("/aws-chain/nothing", test_nothing);
    ADD("/aws-chain/role-chain", test_role_chain);
    ADD("/aws-chain/given-role", test_given_role);
    ADD("/aws-chain/web-identity", test_web_identity);
    ADD("/aws-chain/process", test_process);
    ADD("/aws-chain/profile-beside-web-identity", test_profile_beside_web_identity);
    ADD("/aws-chain/source-with-keys", test_source_with_keys);
    ADD("/aws-chain/denied", test_denied);
    ADD("/aws-chain/itself", test_itself);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf("/aws-chain/bad-%zu", i + 1);
        g_test_add(path, Fixture, &bad[i], set_up, test_bad, tear_down);
    }
    return g_test_run();
}

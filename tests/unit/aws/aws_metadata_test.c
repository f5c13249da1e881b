#include "reconciler/provider/aws/aws_fetchers.h"
#include <unistd.h>
#include "tests/support/http_script.h"

#define SET                                                                                                  \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"AKIDM\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","             \
    "\"Expiration\":\"2026-01-15T12:00:00Z\"}"

typedef struct {
    HttpServer *server;
    GMainContext *context;
    HttpClient *http;
    AwsSettings *settings;
    GHashTable *variables;
    AwsFetcher fetcher;
    int times;
    AwsCredentials *credentials;
    GError *error;
    /* of the server: what it answers, and what it heard */
    long token_status, role_status;
    const char *role, *set;
    int tokens, refused, seen;
    char *heard;
} Fixture;

static char *answer(const char *request, int connection, void *data)
{
    Fixture *fixture = data;
    (void)connection;
    fixture->seen++;
    g_free(fixture->heard);
    fixture->heard = g_strdup(request);
    bool has_token = strcasestr(request, "\r\nx-aws-ec2-metadata-token: token-") != NULL;
    if (g_str_has_prefix(request, "PUT /latest/api/token ")) {
        g_assert_nonnull(strcasestr(request, "x-aws-ec2-metadata-token-ttl-seconds: 21600"));
        g_autofree char *token = g_strdup_printf("token-%d\n", ++fixture->tokens);
        return http_answer((int)fixture->token_status, "", fixture->token_status == 200 ? token : "");
    }
    if (g_str_has_prefix(request, "GET /creds "))
        return fixture->refused-- > 0 ? http_answer(500, "", "") : http_answer(200, "", fixture->set);
    g_assert_true(has_token == (fixture->token_status == 200));
    if (fixture->refused > 0 && fixture->refused--)
        return http_answer(401, "", "");
    if (g_str_has_prefix(request, "GET /latest/meta-data/iam/security-credentials/ "))
        return http_answer((int)fixture->role_status, "", fixture->role);
    g_assert_true(g_str_has_prefix(request, "GET /latest/meta-data/iam/security-credentials/my-role "));
    return http_answer(200, "", fixture->set);
}

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
    *fixture = (Fixture){.token_status = 200, .role_status = 200, .role = "my-role\n", .set = SET};
    fixture->server = http_server_new(answer, fixture);
    fixture->context = g_main_context_new();
    fixture->http = http_new(fixture->context, 2);
    fixture->variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *url = http_url(fixture->server, "");
    say(fixture, "AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    say(fixture, "AWS_METADATA_SERVICE_TIMEOUT", "30");
}

static void tear_down(Fixture *fixture, const void *data)
{
    (void)data;
    if (fixture->fetcher.free)
        fixture->fetcher.free(fixture->fetcher.self);
    http_free(fixture->http);
    http_server_free(fixture->server);
    g_main_context_unref(fixture->context);
    aws_settings_free(fixture->settings);
    g_hash_table_destroy(fixture->variables);
    aws_credentials_unref(fixture->credentials);
    g_clear_error(&fixture->error);
    g_free(fixture->heard);
}

static AwsFetching fetching_of(Fixture *fixture)
{
    fixture->settings = aws_settings_new(aws_config_parse("c", VIEW(""), "d", VIEW(""), NULL), NULL, lookup,
                                         fixture->variables, NULL);
    g_assert_nonnull(fixture->settings);
    return (AwsFetching){fixture->context, fixture->http, fixture->settings};
}

static void take(AwsCredentials *credentials, GError *error, void *data)
{
    Fixture *fixture = data;
    fixture->times++;
    fixture->credentials = credentials;
    fixture->error = error;
}

static void run(Fixture *fixture)
{
    fixture->fetcher.fetch(fixture->fetcher.self, take, fixture);
    while (!fixture->times)
        g_main_context_iteration(fixture->context, TRUE);
    g_assert_cmpint(fixture->times, ==, 1);
}

static void run_metadata(Fixture *fixture)
{
    AwsFetching fetching = fetching_of(fixture);
    g_assert_true(aws_fetcher_metadata(&fetching, "", &fixture->fetcher));
    run(fixture);
}

static void assert_set(const Fixture *fixture)
{
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(fixture->credentials->access_key_id, ==, "AKIDM");
    g_assert_cmpstr(fixture->credentials->session_token, ==, "t");
    g_assert_cmpint(fixture->credentials->expires_ms, ==, 1768478400000);
}

static void assert_error(const Fixture *fixture, const char *message)
{
    g_assert_null(fixture->credentials);
    g_assert_cmpstr(fixture->error->message, ==, message);
}

/* ---- instances ---- */

static void test_instance(Fixture *fixture, const void *data)
{
    (void)data;
    run_metadata(fixture);
    assert_set(fixture);
    g_assert_cmpint(fixture->seen, ==, 3);
}

/* A token that is none any more is got anew, once. */
static void test_stale_token(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->refused = 1;
    run_metadata(fixture);
    assert_set(fixture);
    g_assert_cmpint(fixture->tokens, ==, 2);
}

static void test_token_refused_twice(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->refused = 2;
    run_metadata(fixture);
    assert_error(fixture, "instance metadata: HTTP status 401");
}

static void test_version_1(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->token_status = 404;
    run_metadata(fixture);
    assert_set(fixture);
}

static void test_version_1_disabled(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->token_status = 404;
    say(fixture, "AWS_EC2_METADATA_V1_DISABLED", "true");
    run_metadata(fixture);
    assert_error(fixture, "instance metadata: it gives no token");
    g_assert_cmpint(fixture->seen, ==, 1);
}

static void test_no_role(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->role_status = 404;
    run_metadata(fixture);
    assert_error(fixture, "instance metadata: the instance has no role: give it an instance profile");
}

static void test_bad_sets(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->set = "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume the role\"}";
    run_metadata(fixture);
    assert_error(fixture, "instance metadata: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");
    static const char *const bad[] = {
        "", "[]", "{\"AccessKeyId\":\"a\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Expiration\":\"soon\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(aws_credentials_of_json(view_from(bad[i]), "here", &error));
        g_assert_cmpstr(error->message, ==, "here: the answer holds no credentials");
    }
}

static void test_disabled(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_EC2_METADATA_DISABLED", "true");
    AwsFetching fetching = fetching_of(fixture);
    g_assert_false(aws_fetcher_metadata(&fetching, "", &fixture->fetcher));
}

static void test_cancel(Fixture *fixture, const void *data)
{
    (void)data;
    AwsFetching fetching = fetching_of(fixture);
    g_assert_true(aws_fetcher_metadata(&fetching, "", &fixture->fetcher));
    fixture->fetcher.fetch(fixture->fetcher.self, take, fixture);
    fixture->fetcher.cancel(fixture->fetcher.self);
    g_assert_false(g_main_context_iteration(fixture->context, FALSE) && fixture->times > 0);
}

/* ---- containers ---- */

static void run_container(Fixture *fixture)
{
    g_autofree char *url = http_url(fixture->server, "/creds");
    say(fixture, "AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    AwsFetching fetching = fetching_of(fixture);
    g_assert_true(aws_fetcher_container(&fetching, &fixture->fetcher, NULL));
    run(fixture);
}

static void test_container(Fixture *fixture, const void *data)
{
    (void)data;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("token-XXXXXX", &path, NULL);
    close(fd);
    g_assert_true(g_file_set_contents(path, "Bearer abc\n", -1, NULL));
    say(fixture, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path);
    say(fixture, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this");
    fixture->refused = 1; /* and is asked again */
    run_container(fixture);
    unlink(path);
    assert_set(fixture);
    g_assert_nonnull(strstr(fixture->heard, "\r\nAuthorization: Bearer abc\r\n"));
    g_assert_cmpint(fixture->seen, ==, 2);
}

static void test_container_token(Fixture *fixture, const void *data)
{
    (void)data;
    say(fixture, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX-Injected: b");
    run_container(fixture);
    assert_error(fixture, "container credentials: the authorization token has several lines");
    g_assert_cmpint(fixture->seen, ==, 0);
}

static void test_container_hosts(Fixture *fixture, const void *data)
{
    (void)data;
    const struct {
        const char *relative, *full;
        bool is_fetcher, is_error;
    } cases[] = {{"", "", false, false},
                 {"/v2/x", "", true, false},
                 {"", "https://anywhere.example/x", true, false},
                 {"", "http://169.254.170.23/v1", true, false},
                 {"", "http://[fd00:ec2::23]/v1", true, false},
                 {"", "http://localhost:1/v1", true, false},
                 {"", "http://anywhere.example/x", false, true},
                 {"", "http://127.0.0.1.evil.example/", false, true},
                 {"", "http://user@evil.example:80/127.0.0.1", false, true},
                 {"", "ftp://127.0.0.1/", false, true},
                 {"@evil.example/x", "", false, true}};
    AwsFetching fetching = fetching_of(fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        AwsFetcher fetcher;
        say(fixture, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", cases[i].relative);
        say(fixture, "AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].full);
        g_assert_true(aws_fetcher_container(&fetching, &fetcher, &error) == cases[i].is_fetcher);
        g_assert_true((error != NULL) == cases[i].is_error);
        if (cases[i].is_fetcher)
            fetcher.free(fetcher.self);
    }
}

/* ---- what stands somewhere ---- */

static void test_pairs(Fixture *fixture, const void *data)
{
    (void)data;
    g_autoptr(GError) half = NULL;
    g_autoptr(GError) half_profile = NULL;
    AwsConfigFile *file = aws_config_parse("c",
                                           VIEW("[default]\naws_secret_access_key = x\n[profile "
                                                "ci]\naws_access_key_id = A\naws_secret_access_key = B\n"),
                                           "d", VIEW(""), NULL);
    g_autoptr(AwsSettings) settings = aws_settings_new(file, NULL, lookup, fixture->variables, NULL);
    g_assert_null(aws_credentials_of_environment(settings, &half));
    g_assert_no_error(half);
    say(fixture, "AWS_ACCESS_KEY_ID", "AKIDE");
    g_assert_null(aws_credentials_of_environment(settings, &half));
    g_assert_cmpstr(half->message, ==,
                    "environment variables: AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
    say(fixture, "AWS_SECRET_ACCESS_KEY", "s");
    g_autoptr(AwsCredentials) environment = aws_credentials_of_environment(settings, NULL);
    g_assert_cmpstr(environment->access_key_id, ==, "AKIDE");
    g_assert_null(environment->session_token);
    g_assert_null(aws_credentials_of_profile(settings, "default", &half_profile));
    g_assert_cmpstr(half_profile->message, ==,
                    "profile default: aws_secret_access_key is set, and aws_access_key_id is not");
    g_autoptr(AwsCredentials) profile = aws_credentials_of_profile(settings, "ci", NULL);
    g_assert_cmpstr(profile->origin, ==, "profile ci");
    g_assert_null(aws_credentials_of_profile(settings, "none", NULL));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/aws-metadata/instance", test_instance);
    ADD("/aws-metadata/stale-token", test_stale_token);
    ADD("/aws-metadata/token-refused-twice", test_token_refused_twice);
    ADD("/aws-metadata/version-1", test_version_1);
    ADD("/aws-metadata/version-1-disabled", test_version_1_disabled);
    ADD("/aws-metadata/no-role", test_no_role);
    ADD("/aws-metadata/bad-sets", test_bad_sets);
    ADD("/aws-metadata/disabled", test_disabled);
    ADD("/aws-metadata/cancel", test_cancel);
    ADD("/aws-metadata/container", test_container);
    ADD("/aws-metadata/container-token", test_container_token);
    ADD("/aws-metadata/container-hosts", test_container_hosts);
    ADD("/aws-metadata/pairs", test_pairs);
    return g_test_run();
}

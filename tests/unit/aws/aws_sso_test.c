/* A sign-in session's token becomes keys of a role: what is asked of whom, what is wrong, what is said of it.
 */
#include "reconciler/provider/aws/aws_sso.h"
#include <glib/gstdio.h>
#include "tests/support/http_script.h"

#define NOW_MS 1768474800000 /* 2026-01-15T11:00:00Z */
#define KEYS                                                                                                 \
    "{\"roleCredentials\":{\"accessKeyId\":\"ASIAS\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\","      \
    "\"expiration\":1768478400000}}"
#define PROFILE                                                                                              \
    "[profile lab]\nsso_session = mylab\nsso_account_id = 123456789012\nsso_role_name = Power User\n"        \
    "[sso-session mylab]\nsso_start_url = https://lab.awsapps.com/start\nsso_region = eu-west-1\n"

typedef struct {
    HttpServer *server;
    GMainContext *context;
    HttpClient *http;
    AwsSettings *settings;
    char *home, *url;
    AwsFetcher fetcher;
    bool is_done;
    AwsCredentials *credentials;
    GError *error;
    long status;
    const char *answer;
    char *heard;
} Fixture;

static char *answer(const char *request, int connection, void *data)
{
    Fixture *fixture = data;
    (void)connection;
    g_free(fixture->heard);
    fixture->heard = g_strdup(request);
    return http_answer((int)fixture->status, "", fixture->answer);
}

static const char *lookup(const char *name, void *data)
{
    const Fixture *fixture = data;
    return strcmp(name, "HOME") == 0                   ? fixture->home
           : strcmp(name, "AWS_ENDPOINT_URL_SSO") == 0 ? fixture->url
                                                       : NULL;
}

static int64_t now_ms(void *self)
{
    (void)self;
    return NOW_MS;
}

static void set_up(Fixture *fixture, const void *data)
{
    (void)data;
    *fixture = (Fixture){.status = 200, .answer = KEYS};
    fixture->server = http_server_new(answer, fixture);
    fixture->url = http_url(fixture->server, "/");
    fixture->context = g_main_context_new();
    fixture->http = http_new(fixture->context, 2);
    fixture->home = g_dir_make_tmp("muster-sso-XXXXXX", NULL);
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
    aws_credentials_unref(fixture->credentials);
    g_clear_error(&fixture->error);
    g_autofree char *command = g_strdup_printf("rm -r '%s'", fixture->home);
    g_assert_cmpint(system(command), ==, 0);
    g_free(fixture->home);
    g_free(fixture->url);
    g_free(fixture->heard);
}

/* As `aws sso login` leaves it. */
static void sign_in(const Fixture *fixture, const char *key, const char *text)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, key, -1);
    g_autofree char *dir = g_build_filename(fixture->home, ".aws", "sso", "cache", NULL);
    g_autofree char *path = g_strconcat(dir, "/", digest, ".json", NULL);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void take(AwsCredentials *credentials, GError *error, void *data)
{
    Fixture *fixture = data;
    fixture->is_done = true;
    fixture->credentials = credentials;
    fixture->error = error;
}

static void run(Fixture *fixture, const char *config)
{
    const AwsTime time = {.now_ms = now_ms};
    fixture->settings = aws_settings_new(aws_config_parse("c", view_from(config), "d", VIEW(""), NULL), "lab",
                                         lookup, fixture, NULL);
    g_assert_nonnull(fixture->settings);
    const AwsFetching fetching = {fixture->context, fixture->http, fixture->settings};
    g_assert_true(aws_fetcher_sso(&fetching, "lab", &time, &fixture->fetcher, NULL));
    fixture->fetcher.fetch(fixture->fetcher.self, take, fixture);
    while (!fixture->is_done)
        g_main_context_iteration(fixture->context, TRUE);
}

static void fails(Fixture *fixture, const char *why)
{
    run(fixture, PROFILE);
    g_assert_null(fixture->credentials);
    g_assert_cmpstr(fixture->error->message, ==, why);
}

static void test_keys(Fixture *fixture, const void *data)
{
    (void)data;
    sign_in(fixture, "mylab", "{\"accessToken\":\"secret-token\",\"expiresAt\":\"2026-01-15T12:00:00Z\"}");
    run(fixture, PROFILE);
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(fixture->credentials->access_key_id, ==, "ASIAS");
    g_assert_cmpstr(fixture->credentials->session_token, ==, "t");
    g_assert_cmpint(fixture->credentials->expires_ms, ==, 1768478400000);
    g_assert_true(g_str_has_prefix(
        fixture->heard, "GET /federation/credentials?account_id=123456789012&role_name=Power%20User "));
    g_assert_nonnull(strcasestr(fixture->heard, "\r\nx-amz-sso_bearer_token: secret-token\r\n"));
}

/* Without sso_session; the time as older programs wrote it. */
static void test_by_address(Fixture *fixture, const void *data)
{
    (void)data;
    sign_in(fixture, "https://lab.awsapps.com/start",
            "{\"accessToken\":\"a\",\"expiresAt\":\"2026-01-15T11:00:01UTC\"}");
    run(fixture, "[profile lab]\nsso_start_url = https://lab.awsapps.com/start\nsso_region = eu-west-1\n"
                 "sso_account_id = 1\nsso_role_name = r\n");
    g_assert_no_error(fixture->error);
    g_assert_nonnull(fixture->credentials);
}

#define AGAIN ": run aws sso login --profile lab"
#define BEGIN "sign-in session of profile lab: "

static void test_never(Fixture *fixture, const void *data)
{
    (void)data;
    run(fixture, PROFILE);
    g_assert_true(g_str_has_prefix(fixture->error->message, BEGIN "nobody has signed in ("));
    g_assert_true(g_str_has_suffix(fixture->error->message, AGAIN));
}

static void test_ended(Fixture *fixture, const void *data)
{
    (void)data;
    sign_in(fixture, "mylab", "{\"accessToken\":\"a\",\"expiresAt\":\"2026-01-15T11:00:00Z\"}");
    fails(fixture, BEGIN "the sign-in session ended at 2026-01-15T11:00:00Z" AGAIN);
    g_assert_null(fixture->heard); /* a token that has ended is not sent */
}

static const struct {
    long status;
    const char *answer, *why;
} refusals[] = {
    {401, "{}", BEGIN "the sign-in session has ended" AGAIN},
    {403, "{}", BEGIN "who signed in has no such role in that account (sso_role_name, sso_account_id)"},
    {500, "", BEGIN "HTTP status 500"},
    {200, "{\"roleCredentials\":{}}", BEGIN "the answer holds no credentials"},
};

static void test_refusals(Fixture *fixture, const void *data)
{
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (i)
            set_up(fixture, NULL);
        fixture->status = refusals[i].status;
        fixture->answer = refusals[i].answer;
        sign_in(fixture, "mylab", "{\"accessToken\":\"a\",\"expiresAt\":\"2026-01-15T12:00:00Z\"}");
        fails(fixture, refusals[i].why);
        if (i + 1 < G_N_ELEMENTS(refusals))
            tear_down(fixture, NULL);
    }
}

/* A token goes over TLS, or to this machine. */
static void test_plain(Fixture *fixture, const void *data)
{
    (void)data;
    const AwsTime time = {.now_ms = now_ms};
    g_autoptr(GError) error = NULL;
    g_free(fixture->url);
    fixture->url = g_strdup("http://portal.example.com");
    fixture->settings = aws_settings_new(aws_config_parse("c", view_from(PROFILE), "d", VIEW(""), NULL),
                                         "lab", lookup, fixture, NULL);
    const AwsFetching fetching = {fixture->context, fixture->http, fixture->settings};
    g_assert_false(aws_fetcher_sso(&fetching, "lab", &time, &fixture->fetcher, &error));
    g_assert_cmpstr(error->message, ==,
                    "profile lab: the token of a sign-in session is not sent over plain http "
                    "(http://portal.example.com)");
}

#define ADD(name, test) g_test_add(name, Fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/aws-sso/keys", test_keys);
    ADD("/aws-sso/by-address", test_by_address);
    ADD("/aws-sso/never", test_never);
    ADD("/aws-sso/ended", test_ended);
    ADD("/aws-sso/refusals", test_refusals);
    ADD("/aws-sso/plain", test_plain);
    return g_test_run();
}

#include "reconciler/provider/aws/aws_client.h"
#include "reconciler/provider/aws/sigv4.h"
#include "tests/support/http_script.h"

#define HEADERS_MAX 16
#define SECRET      "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

/* The client over real connections, before a server that checks what arrives: byte for byte what was signed,
 * and what happens when connections break. */

/* ---- the server ---- */

/* Of the bytes that came; nothing but what is in them. */
static SigV4Verdict verdict_of(const char *request, int64_t now_ms)
{
    SigV4Header headers[HEADERS_MAX];
    size_t len = 0;
    g_autofree char *head = g_strndup(request, (gsize)(http_body_of(request) - request)), *claimed = NULL;
    g_auto(GStrv) lines = g_strsplit(head, "\r\n", -1);
    for (char **line = lines + 1; **line; line++) {
        char *colon = strchr(*line, ':');
        g_assert_cmpuint(len, <, HEADERS_MAX);
        *colon = '\0';
        headers[len++] = (SigV4Header){*line, colon + 1};
        if (g_ascii_strcasecmp(*line, "authorization") == 0)
            claimed = g_strdup(g_strstrip(colon + 1));
    }
    g_auto(GStrv) words = g_strsplit(lines[0], " ", 3);
    const SigV4Request came = {.method = words[0],
                               .path = words[1],
                               .headers = headers,
                               .headers_len = len,
                               .body = view_from(http_body_of(request))};
    g_auto(SigV4Claim) claim = {0};
    if (!claimed || !sigv4_claim_parse(claimed, &claim))
        return SIGV4_INCOMPLETE;
    return sigv4_verify(&came, &claim, SECRET, now_ms, NULL);
}

/* As the body says; the first time and the times after it. */
typedef struct {
    int times;
    int64_t ahead_ms; /* its clock, of ours */
    int refused;
} Service;

static int64_t wall_ms(void)
{
    return g_get_real_time() / 1000;
}

static char *refuse(const Service *service)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc((wall_ms() + service->ahead_ms) / 1000);
    g_autofree char *date = g_date_time_format(now, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n");
    return http_answer(400, date,
                       "<Response><Errors><Error><Code>RequestExpired</Code><Message>late</Message></Error>"
                       "</Errors><RequestID>r</RequestID></Response>");
}

static char *serve(const char *request, int connection, void *data)
{
    (void)connection;
    Service *service = data;
    const char *body = http_body_of(request);
    bool is_first = service->times++ == 0;
    SigV4Verdict verdict = verdict_of(request, wall_ms() + service->ahead_ms);
    if (verdict == SIGV4_EXPIRED)
        return refuse(service);
    service->refused += verdict != SIGV4_GOOD || !g_str_has_prefix(request, "POST /some/path HTTP/1.1\r\n");
    if (is_first && strstr(body, "Lost"))
        return NULL; /* done, and the connection breaks */
    if (is_first && strstr(body, "Half"))
        return g_strdup("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n<R><half");
    if (is_first && strstr(body, "Busy"))
        return http_answer(503, "Content-Type: text/html\r\n",
                           "<html><body>Service Unavailable</body></html>");
    if (is_first && strstr(body, "Patience"))
        return http_answer(503, "x-amz-retry-after: 20\r\n", "");
    if (strstr(body, "Late"))
        return g_strdup("");
    if (strstr(body, "NextToken=two"))
        return http_answer(200, "", "<R><item>2</item></R>");
    return http_answer(200, "x-amzn-requestid: r-9\r\n", "<R><item>1</item><nextToken>two</nextToken></R>");
}

/* ---- the client ---- */

typedef struct {
    GMainContext *context;
    Service service;
    HttpServer *server;
    HttpClient *http;
    AwsCredentialsSource *source;
    AwsClient *client;
} Fixture;

static int64_t now_ms(void *self)
{
    (void)self;
    return wall_ms();
}

static int64_t steady_ms(void *self)
{
    (void)self;
    return g_get_monotonic_time() / 1000;
}

static const AwsTime real_time = {.now_ms = now_ms, .monotonic_ms = steady_ms, .seed = 7};

static void set_up(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->context = g_main_context_new();
    fixture->server = http_server_new(serve, &fixture->service);
    fixture->http = http_new(fixture->context, 4);
    g_autoptr(AwsCredentials) credentials =
        aws_credentials_new("AKIDEXAMPLE", SECRET, "session", 0, "the test");
    fixture->source = aws_credentials_source_fixed(credentials);
    g_autofree char *url = http_url(fixture->server, "/some/path");
    const AwsClientConfig config = {.service = AWS_EC2, .region = "us-gov-west-1", .endpoint = url};
    fixture->client =
        aws_client_new(fixture->context, fixture->http, fixture->source, &config, &real_time, NULL);
    g_assert_nonnull(fixture->client);
}

static void tear_down(Fixture *fixture, const void *data)
{
    (void)data;
    aws_client_free(fixture->client);
    aws_credentials_source_unref(fixture->source);
    http_free(fixture->http);
    http_server_free(fixture->server);
    g_main_context_unref(fixture->context);
}

typedef struct {
    int times, pages;
    char *item;
    AwsError *error;
} Got;

static void got_clear(Got *got)
{
    g_free(got->item);
    aws_error_free(got->error);
    *got = (Got){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Got, got_clear)

static void take(const AwsAnswer *answer, void *data)
{
    Got *got = data;
    got->times++;
    got->item = g_strdup(xml_text(answer->xml, "item"));
    got->error = answer->error ? aws_error_copy(answer->error) : NULL;
}

static bool count_page(const AwsAnswer *page, void *data)
{
    (void)page;
    ((Got *)data)->pages++;
    return true;
}

static void call_and_wait(Fixture *fixture, AwsCall call, Got *got)
{
    aws_client_call(fixture->client, &call, take, got);
    while (!got->times)
        g_main_context_iteration(fixture->context, TRUE);
    g_assert_cmpint(fixture->service.refused, ==, 0); /* each attempt is signed, and where it belongs */
}

/* ---- tests ---- */

static void test_repeats(Fixture *fixture, const void *data)
{
    g_auto(Got) got = {0};
    call_and_wait(fixture, (AwsCall){.action = data, .body = data}, &got);
    g_assert_null(got.error);
    g_assert_cmpstr(got.item, ==, "1");
    g_assert_cmpint(fixture->service.times, ==, g_str_equal(data, "Good") ? 1 : 2);
}

static void test_late(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) got = {0};
    call_and_wait(fixture, (AwsCall){.action = "Late", .body = "Late", .timeout_ms = 2000, .is_once = true},
                  &got);
    g_assert_cmpint(got.error->action, ==, AWS_ACT_RETRY);
    g_assert_false(got.error->is_certain);
}

static void test_clock(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) got = {0};
    fixture->service.ahead_ms = 600000;
    call_and_wait(fixture, (AwsCall){.action = "Good", .body = "Good"}, &got);
    g_assert_null(got.error);
    g_assert_cmpint(fixture->service.times, ==, 2);
}

static void test_pages(Fixture *fixture, const void *data)
{
    (void)data;
    g_auto(Got) got = {0};
    call_and_wait(fixture, (AwsCall){.action = "Good", .body = "Action=Good", .page = count_page}, &got);
    g_assert_null(got.error);
    g_assert_cmpint(got.pages, ==, 2);
    g_assert_cmpstr(got.item, ==, "2");
}

#define ADD(path, data, func) g_test_add(path, Fixture, data, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE); /* nobody is there: loopback is reached without */
    ADD("/aws-client-http/good", "Good", test_repeats);
    ADD("/aws-client-http/lost", "Lost", test_repeats);
    ADD("/aws-client-http/half", "Half", test_repeats);
    ADD("/aws-client-http/busy", "Busy", test_repeats);
    ADD("/aws-client-http/patience", "Patience", test_repeats);
    ADD("/aws-client-http/late", NULL, test_late);
    ADD("/aws-client-http/clock", NULL, test_clock);
    ADD("/aws-client-http/pages", NULL, test_pages);
    return g_test_run();
}

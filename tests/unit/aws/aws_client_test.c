#include "tests/support/aws_client_fixture.h"

/* ---- what is sent, and what is read ---- */

static FakeReply by_wire(const FakeRequest *request, void *data)
{
    (void)data;
    FakeReply reply = reply_of(200, "");
    g_free(reply.body);
    if (strstr(request->url, "ec2."))
        reply.body = g_strdup("<DescribeInstancesResponse xmlns=\"u\"><requestId>r-ec2</requestId>"
                              "<reservationSet/></DescribeInstancesResponse>");
    else if (strstr(request->url, "sts."))
        reply.body = g_strdup("<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>"
                              "</GetCallerIdentityResult><ResponseMetadata><RequestId>r-sts</RequestId>"
                              "</ResponseMetadata></GetCallerIdentityResponse>");
    else
        reply.body = g_strdup("{\"tasks\":[]}");
    reply.headers[0] = g_strdup("x-amzn-requestid: r-header");
    return reply;
}

static void test_wires(void)
{
    static const struct {
        AwsService service;
        const char *action, *body, *region, *host, *target, *type, *path, *text, *json, *id;
    } cases[] = {
        {AWS_EC2, "DescribeInstances", "Action=DescribeInstances", "cn-north-1",
         "ec2.cn-north-1.amazonaws.com.cn", NULL, "application/x-www-form-urlencoded; charset=utf-8",
         "requestId", "r-ec2", NULL, "r-ec2"},
        {AWS_STS, "GetCallerIdentity", "Action=GetCallerIdentity", "us-gov-west-1",
         "sts.us-gov-west-1.amazonaws.com", NULL, "application/x-www-form-urlencoded; charset=utf-8",
         "Account", "1", NULL, "r-sts"},
        {AWS_ECS, "DescribeTasks", NULL, "eu-central-1", "ecs.eu-central-1.amazonaws.com",
         "AmazonEC2ContainerServiceV20141113.DescribeTasks", "application/x-amz-json-1.1", NULL, NULL,
         "{\"tasks\":[]}", "r-header"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_auto(Got) got = {.path = cases[i].path};
        fixture_init(&fixture, by_wire);
        fixture_open(&fixture, (AwsClientConfig){.service = cases[i].service, .region = cases[i].region});
        fixture_call(&fixture, cases[i].action, cases[i].body, &got);
        g_assert_cmpint(got.times, ==, 0);
        virtual_run(&fixture.time);
        g_assert_cmpint(got.times, ==, 1);
        g_assert_cmpstr(got.text, ==, cases[i].text);
        g_assert_cmpstr(got.json, ==, cases[i].json);
        g_assert_cmpstr(got.request_id, ==, cases[i].id);
        g_assert_cmpstr(fixture_header(&fixture, 0, "host"), ==, cases[i].host);
        g_assert_cmpstr(fixture_header(&fixture, 0, "x-amz-target"), ==, cases[i].target);
        g_assert_cmpstr(fixture_header(&fixture, 0, "content-type"), ==, cases[i].type);
        g_assert_cmpstr(fixture_header(&fixture, 0, "amz-sdk-request"), ==, "attempt=1; max=3");
        g_assert_nonnull(fixture_header(&fixture, 0, "authorization"));
        g_assert_cmpstr(fixture.bodies->pdata[0], ==, cases[i].body ? cases[i].body : "{}");
    }
}

/* Without a source nothing is signed: it is how credentials are asked for. */
static void test_unsigned(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {.path = "Account"};
    fixture_init(&fixture, by_wire);
    g_clear_pointer(&fixture.source, aws_credentials_source_unref);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_STS});
    fixture_call(&fixture, "AssumeRoleWithWebIdentity", "Action=AssumeRoleWithWebIdentity", &got);
    virtual_run(&fixture.time);
    g_assert_cmpstr(got.text, ==, "1");
    g_assert_null(fixture_header(&fixture, 0, "authorization"));
    g_assert_null(fixture_header(&fixture, 0, "x-amz-security-token"));
}

/* ---- where to ---- */

static void test_endpoints(void)
{
    static const struct {
        const char *endpoint, *region, *says;
        bool allows;
    } cases[] = {
        {NULL, "eu-central-1", NULL, false},
        {NULL, "nowhere", "no region that is known", false},
        {"http://127.0.0.1:5000", "nowhere", NULL, false},
        {"http://127.9.9.9:5000", "eu-central-1", NULL, false},
        {"http://[::1]:5000/", "eu-central-1", NULL, false},
        {"http://localhost:5000", "eu-central-1", NULL, false},
        {"https://proxy.example/aws", "eu-central-1", NULL, false},
        {"http://proxy.example", "eu-central-1", "not encrypted", false},
        {"http://127.0.0.1.example", "eu-central-1", "not encrypted", false},
        {"http://10.0.0.1", "eu-central-1", "not encrypted", false},
        {"http://proxy.example", "eu-central-1", NULL, true},
        {"proxy.example", "eu-central-1", "is none", false},
        {"ftp://proxy.example", "eu-central-1", "is none", false},
        {"https://user:word@proxy.example", "eu-central-1", "is none", false},
        {"https://proxy.example/?a=b", "eu-central-1", "is none", false},
        {"https://", "eu-central-1", "is none", false},
        {NULL, "eu-central-1\r\nX-Other: 1", "is no region", false},
        {"http://127.0.0.1:5000", "eu\r\nX-Other: 1", "is no region", false},
        {"http://127.0.0.1:5000", "", "is no region", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_autoptr(GError) error = NULL;
        fixture_init(&fixture, by_wire);
        const AwsTime time = fixture_time(&fixture);
        const AwsClientConfig config = {.service = AWS_EC2,
                                        .region = cases[i].region,
                                        .endpoint = cases[i].endpoint,
                                        .allows_plain_http = cases[i].allows};
        fixture.client =
            aws_client_new(fixture.time.context, fixture.http, fixture.source, &config, &time, &error);
        g_test_message("%s in %s: %s", cases[i].endpoint, cases[i].region, error ? error->message : "good");
        g_assert_true((fixture.client != NULL) == (cases[i].says == NULL));
        g_assert_true(!cases[i].says || strstr(error->message, cases[i].says));
        g_assert_true(!error || (!strchr(error->message, '\n') && !strstr(error->message, "word")));
    }
}

/* ---- failures ---- */

/* Fails as often as the body says: "fail=2". */
static FakeReply fails_first(const FakeRequest *request, void *data)
{
    (void)data;
    const char *times = strstr(request->body, "fail=");
    if (request->number <= atoi(times + 5))
        return reply_of(503, "<html>busy</html>");
    return reply_of(200, "<R/>");
}

/* A retry is signed anew, with the same invocation. */
static void test_fault_then_good(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {0};
    fixture_init(&fixture, fails_first);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_EC2});
    fixture_call(&fixture, "DescribeInstances", "fail=2", &got);
    virtual_run(&fixture.time);
    g_assert_cmpint(got.times, ==, 1);
    g_assert_null(got.error);
    g_assert_cmpint(fixture.http->sent, ==, 3);
    g_assert_cmpstr(fixture_header(&fixture, 2, "amz-sdk-request"), ==, "attempt=3; max=3");
    g_assert_cmpstr(fixture_header(&fixture, 2, "amz-sdk-invocation-id"), ==,
                    fixture_header(&fixture, 0, "amz-sdk-invocation-id"));
    fixture_call(&fixture, "DescribeInstances", "fail=0", &got);
    virtual_run(&fixture.time);
    g_assert_cmpstr(fixture_header(&fixture, 3, "amz-sdk-invocation-id"), !=,
                    fixture_header(&fixture, 0, "amz-sdk-invocation-id"));
}

/* What the script answers, for ever. */
typedef struct {
    Fixture fixture; /* first */
    AwsService service;
    FakeReply reply;
} Same;

static FakeReply always(const FakeRequest *request, void *data)
{
    (void)request;
    FakeReply reply = ((Same *)data)->reply;
    reply.body = g_strdup(reply.body);
    for (size_t i = 0; i < G_N_ELEMENTS(reply.headers); i++)
        reply.headers[i] = g_strdup(reply.headers[i]);
    return reply;
}

#define EC2_ERROR(code)  "<Response><Errors><Error><Code>" code "</Code></Error></Errors></Response>"
#define JSON_ERROR(code) "{\"__type\":\"" code "\",\"message\":\"no\"}"

/* How often it is tried, by what the answer says. */
static void test_attempts(void)
{
    static const struct {
        AwsService service;
        HttpEnd end;
        long status;
        const char *body;
        int max, sent;
        bool is_once;
        AwsAction action;
    } cases[] = {
        {AWS_EC2, HTTP_ANSWERED, 500, "<html>", 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_ANSWERED, 500, "<html>", 5, 5, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_ANSWERED, 500, "<html>", 1, 1, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_ANSWERED, 503, EC2_ERROR("RequestLimitExceeded"), 0, 3, false, AWS_ACT_RETRY},
        /* No capacity comes with 500, and is not to be asked for again. */
        {AWS_EC2, HTTP_ANSWERED, 500, EC2_ERROR("InsufficientInstanceCapacity"), 0, 1, false,
         AWS_ACT_NEXT_POOL},
        {AWS_EC2, HTTP_ANSWERED, 403, EC2_ERROR("UnauthorizedOperation"), 0, 1, false, AWS_ACT_CONFIGURATION},
        {AWS_EC2, HTTP_ANSWERED, 400, EC2_ERROR("Whatever"), 0, 1, false, AWS_ACT_FINAL},
        {AWS_EC2, HTTP_ANSWERED, 412, EC2_ERROR("DryRunOperation"), 0, 1, false, AWS_ACT_SUCCESS},
        {AWS_ECS, HTTP_ANSWERED, 400, JSON_ERROR("ThrottlingException"), 0, 3, false, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 400, JSON_ERROR("LimitExceededException"), 0, 1, false, AWS_ACT_WAIT},
        {AWS_ECS, HTTP_ANSWERED, 429, "", 0, 3, false, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 200, "[]", 0, 3, false, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 200, "{", 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_ANSWERED, 200, "<R>", 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_BROKEN, 0, NULL, 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_LATE, 0, NULL, 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_UNREACHABLE, 0, NULL, 0, 3, false, AWS_ACT_RETRY},
        {AWS_EC2, HTTP_IMPOSSIBLE, 0, NULL, 0, 1, false, AWS_ACT_CONFIGURATION},
        {AWS_EC2, HTTP_TOO_LARGE, 0, NULL, 0, 1, false, AWS_ACT_CONFIGURATION},
        /* What must not be done twice: only where it is certain that it was not. */
        {AWS_ECS, HTTP_BROKEN, 0, NULL, 0, 1, true, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_LATE, 0, NULL, 0, 1, true, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 500, "", 0, 1, true, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 200, "{", 0, 1, true, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_UNREACHABLE, 0, NULL, 0, 3, true, AWS_ACT_RETRY},
        {AWS_ECS, HTTP_ANSWERED, 400, JSON_ERROR("ThrottlingException"), 0, 3, true, AWS_ACT_RETRY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Same same = {.reply = {.end = cases[i].end,
                               .status = cases[i].status,
                               .body = (char *)(uintptr_t)cases[i].body}};
        g_auto(Got) got = {0};
        fixture_init(&same.fixture, always);
        fixture_open(&same.fixture,
                     (AwsClientConfig){.service = cases[i].service, .max_attempts = cases[i].max});
        const AwsCall call = {.action = "StartTask", .is_once = cases[i].is_once};
        aws_client_call(same.fixture.client, &call, got_take, &got);
        virtual_run(&same.fixture.time);
        g_test_message("case %zu: %d sent, %s", i, same.fixture.http->sent, got.error->message);
        g_assert_cmpint(got.times, ==, 1);
        g_assert_cmpint(same.fixture.http->sent, ==, cases[i].sent);
        g_assert_cmpint(got.error->action, ==, cases[i].action);
        fixture_clear(&same.fixture);
    }
}

/* ---- clocks ---- */

/* A service that refuses what is more than five minutes off, in its own way. */
static FakeReply keeps_time(const FakeRequest *request, void *data)
{
    Fixture *fixture = data;
    int64_t now_ms = FIRST_NOW_MS + fixture->time.now_ms;
    if (ABS(fixture_signed_ms(request) - now_ms) <= 5 * MINUTE_MS)
        return reply_of(200, "{}");
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(now_ms / 1000);
    FakeReply reply = reply_json_error(403, "com.amazon#InvalidSignatureException");
    reply.headers[0] = g_date_time_format(now, "Date: %a, %d %b %Y %H:%M:%S GMT");
    return reply;
}

static void test_clock_off(void)
{
    static const int64_t off_ms[] = {-600000, 600000, 4LL * 86400000};
    for (size_t i = 0; i < G_N_ELEMENTS(off_ms); i++) {
        g_auto(Fixture) fixture = {0};
        g_auto(Got) first = {0};
        g_auto(Got) second = {0};
        g_auto(Got) third = {0};
        fixture_init(&fixture, keeps_time);
        fixture.clock_off_ms = off_ms[i];
        fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS, .max_attempts = 1});
        fixture_call(&fixture, "ListTasks", NULL, &first);
        virtual_run(&fixture.time);
        g_assert_null(first.error);
        g_assert_cmpint(fixture.http->sent, ==, 2);
        fixture_call(&fixture, "ListTasks", NULL, &second); /* it is known from now on */
        virtual_run(&fixture.time);
        g_assert_null(second.error);
        g_assert_cmpint(fixture.http->sent, ==, 3);
        fixture.clock_off_ms = 0; /* somebody set ours right */
        fixture_call(&fixture, "ListTasks", NULL, &third);
        virtual_run(&fixture.time);
        g_assert_null(third.error);
        g_assert_cmpint(fixture.http->sent, ==, 5);
    }
}

/* Where the clocks agree, or the service has none that can be read, the key is wrong. */
static void test_clock_good(void)
{
    static const char *const dates[] = {"Date: Thu, 15 Jan 2026 12:03:00 GMT", "Date: yesterday", NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
        Same same = {.reply = {.status = 403,
                               .body = (char *)(uintptr_t)JSON_ERROR("SignatureDoesNotMatch"),
                               .headers = {(char *)(uintptr_t)dates[i]}}};
        g_auto(Got) got = {0};
        fixture_init(&same.fixture, always);
        fixture_open(&same.fixture, (AwsClientConfig){.service = AWS_ECS});
        fixture_call(&same.fixture, "ListTasks", NULL, &got);
        virtual_run(&same.fixture.time);
        g_assert_cmpint(same.fixture.http->sent, ==, 1);
        g_assert_cmpint(got.error->action, ==, AWS_ACT_CREDENTIALS);
        fixture_clear(&same.fixture);
    }
}

/* It says that the time is wrong, whatever is sent. */
static void test_clock_lies(void)
{
    Same same = {.reply = {.status = 400,
                           .body = (char *)(uintptr_t)EC2_ERROR("AuthFailure"),
                           .headers = {(char *)(uintptr_t) "Date: Thu, 15 Jan 2026 18:00:00 GMT"}}};
    g_auto(Got) got = {0};
    fixture_init(&same.fixture, always);
    fixture_open(&same.fixture, (AwsClientConfig){.service = AWS_EC2});
    fixture_call(&same.fixture, "DescribeInstances", NULL, &got);
    virtual_run(&same.fixture.time);
    g_assert_cmpint(same.fixture.http->sent, ==, 2);
    g_assert_cmpstr(got.error->code, ==, "AuthFailure");
    fixture_clear(&same.fixture);
}

/* ---- credentials ---- */

/* Knows the third set only, or none. */
static FakeReply wants_second(const FakeRequest *request, void *data)
{
    (void)data;
    const char *token = fake_header(request->headers, "x-amz-security-token");
    if (g_str_has_prefix(token, "session-2-") && !strstr(request->body, "never"))
        return reply_of(200, "{}");
    return reply_json_error(400, "ExpiredTokenException");
}

static void test_expired(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {0};
    g_auto(Got) never = {0};
    fixture_init(&fixture, wants_second);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS, .max_attempts = 1});
    fixture_call(&fixture, "ListTasks", NULL, &got);
    virtual_run(&fixture.time);
    g_assert_null(got.error);
    g_assert_cmpint(fixture.http->sent, ==, 2);
    g_assert_cmpint(fixture.source->refused, ==, 1);
    fixture_call(&fixture, "ListTasks", "{\"never\":1}", &never);
    virtual_run(&fixture.time);
    g_assert_cmpint(fixture.http->sent, ==, 4); /* once more, and no more */
    g_assert_cmpint(never.error->action, ==, AWS_ACT_CREDENTIALS);
}

static void test_no_credentials(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {0};
    g_auto(Got) late = {0};
    fixture_init(&fixture, by_wire);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS});
    fake_credentials_set(fixture.source, 0);
    fixture_call(&fixture, "ListTasks", NULL, &got);
    g_assert_cmpint(got.times, ==, 0);
    virtual_run(&fixture.time);
    g_assert_cmpint(got.times, ==, 1);
    g_assert_cmpint(got.error->action, ==, AWS_ACT_CREDENTIALS);
    g_assert_nonnull(strstr(got.error->message, "AWS_PROFILE"));
    g_assert_true(got.error->is_certain);
    fixture.source->is_slow = true;
    fixture_call(&fixture, "ListTasks", NULL, &late);
    virtual_run(&fixture.time);
    g_assert_cmpint(late.times, ==, 0);
    fake_credentials_set(fixture.source, 1);
    fake_credentials_arrive(fixture.source);
    virtual_run(&fixture.time);
    g_assert_cmpint(late.times, ==, 1);
    g_assert_null(late.error);
}

/* Some services repeat all that was signed. */
static void test_secrets(void)
{
    static const char *const bodies[] = {
        "{\"__type\":\"InvalidSignatureException\",\"message\":\"The Canonical String is "
        "x-amz-security-token:session-1-0123456789abcdef and more\"}",
        "{\"__type\":\"InvalidSignatureException\",\"message\":\"cut: session-1-0123456\"}",
        "{\"__type\":\"InvalidSignatureException\",\"message\":\"" FAKE_SECRET "\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        Same same = {.reply = {.status = 403, .body = (char *)(uintptr_t)bodies[i]}};
        g_auto(Got) got = {0};
        fixture_init(&same.fixture, always);
        fixture_open(&same.fixture, (AwsClientConfig){.service = AWS_ECS});
        fixture_call(&same.fixture, "ListTasks", NULL, &got);
        virtual_run(&same.fixture.time);
        g_autofree char *text = aws_error_text(got.error);
        g_assert_null(strstr(text, "session-1-01234"));
        g_assert_null(strstr(text, "wJalr"));
        g_assert_nonnull(strstr(text, "…"));
        fixture_clear(&same.fixture);
    }
}

/* ---- pages ---- */

/* Three pages, of which the second is empty, in either form; "endless": the same again and again; "broken": a
 * fault before the third comes at the second attempt. */
static FakeReply pages(const FakeRequest *request, void *data)
{
    (void)data;
    bool is_json = request->body[0] == '{', is_broken = strstr(request->body, "broken");
    int page = strstr(request->body, "page+/3") || strstr(request->body, "page%2B%2F3")   ? 3
               : strstr(request->body, "page+/2") || strstr(request->body, "page%2B%2F2") ? 2
                                                                                          : 1;
    if (strstr(request->body, "endless"))
        page = 1;
    if (strstr(request->body, "refused") && page == 2)
        return reply_json_error(400, "InvalidParameterException");
    if (is_broken && page == 3 && request->number == 3)
        return reply_of(503, "");
    g_autofree char *token = page < 3 ? g_strdup_printf("page+/%d", page + 1) : NULL;
    FakeReply reply = {.after_ms = 5};
    if (is_json)
        reply.body =
            token ? g_strdup_printf("{\"arns\":[%s],\"nextToken\":\"%s\"}", page == 2 ? "" : "1", token)
                  : g_strdup("{\"arns\":[1],\"nextToken\":null}");
    else
        reply.body = g_strdup_printf("<R>%s<nextToken>%s</nextToken></R>", page == 2 ? "" : "<item/>",
                                     token ? token : "");
    return reply;
}

static bool count_page(const AwsAnswer *page, void *data)
{
    Got *got = data;
    g_assert_null(page->error);
    g_assert_cmpint(got->times, ==, 0);
    return ++got->pages < 10;
}

static bool only_one(const AwsAnswer *page, void *data)
{
    (void)page;
    ((Got *)data)->pages++;
    return false;
}

static void test_pages(void)
{
    static const struct {
        AwsService service;
        const char *body;
        AwsPage page;
        int pages, sent;
        const char *error;
    } cases[] = {
        {AWS_ECS, "{\"cluster\":\"a\"}", count_page, 3, 3, NULL},
        {AWS_EC2, "Action=DescribeInstances", count_page, 3, 3, NULL},
        {AWS_ECS, "{\"cluster\":\"broken\"}", count_page, 3, 4, NULL},
        {AWS_ECS, "{\"cluster\":\"a\"}", only_one, 1, 1, NULL},
        {AWS_ECS, "{\"cluster\":\"a\"}", NULL, 0, 1, NULL},
        {AWS_ECS, "{\"cluster\":\"endless\"}", count_page, 1, 2, "no end"},
        {AWS_EC2, "Action=endless", count_page, 1, 2, "no end"},
        {AWS_ECS, "{\"cluster\":\"refused\"}", count_page, 1, 2, "no"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_auto(Got) got = {0};
        fixture_init(&fixture, pages);
        fixture_open(&fixture, (AwsClientConfig){.service = cases[i].service});
        const AwsCall call = {.action = "List", .body = cases[i].body, .page = cases[i].page};
        aws_client_call(fixture.client, &call, got_take, &got);
        virtual_run(&fixture.time);
        g_test_message("case %zu: %d pages, %d sent", i, got.pages, fixture.http->sent);
        g_assert_cmpint(got.times, ==, 1);
        g_assert_cmpint(got.pages, ==, cases[i].pages);
        g_assert_cmpint(fixture.http->sent, ==, cases[i].sent);
        g_assert_true((got.error != NULL) == (cases[i].error != NULL));
        g_assert_true(!got.error || strstr(got.error->message, cases[i].error));
    }
}

/* ---- cancelling ---- */

typedef struct {
    Fixture fixture; /* first */
    uint64_t id;
    int times;
    Got *other;
} Canceller;

static void cancel_other(const AwsAnswer *answer, void *data)
{
    (void)answer;
    Canceller *canceller = data;
    canceller->times++;
    aws_client_cancel(canceller->fixture.client, canceller->id);
}

static bool cancel_own(const AwsAnswer *page, void *data)
{
    (void)page;
    Canceller *canceller = data;
    canceller->times++;
    aws_client_cancel(canceller->fixture.client, canceller->id);
    return true;
}

static FakeReply by_action(const FakeRequest *request, void *data)
{
    if (strstr(request->body, "fault"))
        return reply_of(500, "");
    if (strstr(request->body, "slow"))
        return (FakeReply){.body = g_strdup("{}"), .after_ms = 10 * MINUTE_MS};
    return pages(request, data);
}

/* In whatever it waits: its turn, its credentials, the answer, the end of a back-off. */
static void test_cancel(void)
{
    Canceller canceller = {0};
    Fixture *fixture = &canceller.fixture;
    g_auto(Got) queued = {0};
    g_auto(Got) sent = {0};
    g_auto(Got) waiting = {0};
    g_auto(Got) after = {0};
    fixture_init(fixture, by_action);
    fixture_open(fixture, (AwsClientConfig){.service = AWS_ECS, .max_attempts = 100});
    aws_client_cancel(fixture->client, fixture_call(fixture, "ListTasks", NULL, &queued));
    canceller.id = fixture_call(fixture, "ListTasks", "{\"a\":\"slow\"}", &sent);
    const AwsCall call = {.action = "RunTask"};
    aws_client_call(fixture->client, &call, cancel_other, &canceller); /* comes back before */
    virtual_run(&fixture->time);
    g_assert_cmpint(canceller.times, ==, 1);
    canceller.id = fixture_call(fixture, "ListTasks", "{\"a\":\"fault\"}", &sent);
    int before = fixture->http->sent;
    while (fixture->http->sent < before + 3) /* it is between attempts, or underway */
        g_main_context_iteration(fixture->time.context, FALSE);
    aws_client_cancel(fixture->client, canceller.id);
    fixture->source->is_slow = true;
    uint64_t id = fixture_call(fixture, "ListTasks", NULL, &waiting);
    virtual_run(&fixture->time);
    aws_client_cancel(fixture->client, id);
    aws_client_cancel(fixture->client, id);
    fixture->source->is_slow = false;
    fixture_call(fixture, "ListTasks", NULL, &after);
    const AwsCall paged = {.action = "ListTasks", .page = cancel_own};
    canceller.id = aws_client_call(fixture->client, &paged, cancel_other, &canceller);
    virtual_run(&fixture->time);
    g_assert_cmpint(canceller.times, ==, 2); /* one page, and done was not called */
    g_assert_cmpint(queued.times + sent.times + waiting.times, ==, 0);
    g_assert_cmpint(after.times, ==, 1);
    fixture_clear(fixture);
}

/* With calls in every state nothing is said any more, and nothing stays behind. */
static void test_free(void)
{
    for (int64_t until_ms = 0; until_ms < 60; until_ms++) {
        g_auto(Fixture) fixture = {0};
        Got got = {0};
        fixture_init(&fixture, by_action);
        fixture_open(&fixture,
                     (AwsClientConfig){.service = AWS_ECS, .max_attempts = 100, .max_under_way = 6});
        for (int i = 0; i < 4; i++) {
            fixture_call(&fixture, "ListTasks", "{\"a\":\"fault\"}", &got);
            fixture_call(&fixture, "RunTask", "{\"a\":\"slow\"}", &got);
        }
        while (fixture.time.now_ms < until_ms)
            g_main_context_iteration(fixture.time.context, FALSE);
        fixture.source->is_slow = true;
        fixture_call(&fixture, "DescribeTasks", NULL, &got);
        for (int i = 0; i < 3; i++)
            g_main_context_iteration(fixture.time.context, FALSE);
        g_assert_cmpint(got.times, ==, 0);
        g_clear_pointer(&fixture.client, aws_client_free);
        g_assert_null(fixture.time.sources);
        g_assert_cmpint(got.times, ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-client/wires", test_wires);
    g_test_add_func("/aws-client/unsigned", test_unsigned);
    g_test_add_func("/aws-client/endpoints", test_endpoints);
    g_test_add_func("/aws-client/fault-then-good", test_fault_then_good);
    g_test_add_func("/aws-client/attempts", test_attempts);
    g_test_add_func("/aws-client/clock-off", test_clock_off);
    g_test_add_func("/aws-client/clock-good", test_clock_good);
    g_test_add_func("/aws-client/clock-lies", test_clock_lies);
    g_test_add_func("/aws-client/expired", test_expired);
    g_test_add_func("/aws-client/no-credentials", test_no_credentials);
    g_test_add_func("/aws-client/secrets", test_secrets);
    g_test_add_func("/aws-client/pages", test_pages);
    g_test_add_func("/aws-client/cancel", test_cancel);
    g_test_add_func("/aws-client/free", test_free);
    return g_test_run();
}

/* aws_client_fixture.h: a client in virtual time, before a service that a test scripts. Every request that is
 * signed is checked: of the moment, over all of its headers. */
#pragma once
#include "reconciler/provider/aws/aws_client.h"
#include "reconciler/provider/aws/sigv4.h"
#include "tests/support/fake_aws_http.h"
#include "tests/support/fake_credentials.h"

#define MAX_HEADERS  16
#define MINUTE_MS    (60LL * 1000)
#define FIRST_NOW_MS 1768478400000 /* 2026-01-15T12:00:00Z */

typedef struct Fixture Fixture;
struct Fixture {
    VirtualTime time;
    HttpClient *http;
    AwsCredentialsSource *source;
    AwsClient *client;
    int64_t clock_off_ms; /* our wall clock less the service's */
    FakeScript script;
    GPtrArray *headers; /* of each request, GStrv */
    GPtrArray *bodies;
    GArray *times; /* int64_t, of each request */
};

static inline int64_t fixture_now_ms(void *self)
{
    const Fixture *fixture = self;
    return FIRST_NOW_MS + fixture->time.now_ms + fixture->clock_off_ms;
}

static inline int64_t fixture_monotonic_ms(void *self)
{
    return ((Fixture *)self)->time.now_ms;
}

static inline GSource *fixture_timer(void *self, int64_t after_ms)
{
    return virtual_timer(&((Fixture *)self)->time, after_ms);
}

/* When it was signed, in the client's reckoning; 0: it was not. */
static inline int64_t fixture_signed_ms(const FakeRequest *request)
{
    return sigv4_time_parse(fake_header(request->headers, "x-amz-date"));
}

static inline void fixture_check_signature(const FakeRequest *request)
{
    SigV4Header headers[MAX_HEADERS];
    size_t len = 0;
    g_autofree char *authorization = g_strdup(fake_header(request->headers, "authorization"));
    if (!authorization)
        return;
    g_auto(GStrv) lines = g_strdupv((char **)(uintptr_t)request->headers);
    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');
        g_assert_cmpuint(len, <, MAX_HEADERS);
        *colon = '\0';
        headers[len++] = (SigV4Header){*line, colon + 2};
    }
    const SigV4Request came = {.method = "POST",
                               .path = "/",
                               .headers = headers,
                               .headers_len = len,
                               .body = view_from(request->body)};
    g_auto(SigV4Claim) claim = {0};
    g_assert_true(sigv4_claim_parse(authorization, &claim));
    g_assert_cmpint(sigv4_verify(&came, &claim, FAKE_SECRET, fixture_signed_ms(request), NULL), ==,
                    SIGV4_GOOD);
}

static inline FakeReply fixture_take(const FakeRequest *request, void *data)
{
    Fixture *fixture = data;
    int64_t at_ms = fixture->time.now_ms;
    fixture_check_signature(request);
    g_ptr_array_add(fixture->headers, g_strdupv((char **)(uintptr_t)request->headers));
    g_ptr_array_add(fixture->bodies, g_strdup(request->body));
    g_array_append_val(fixture->times, at_ms);
    return fixture->script(request, data);
}

static inline void fixture_init(Fixture *fixture, FakeScript script)
{
    *fixture = (Fixture){.script = script,
                         .headers = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev),
                         .bodies = g_ptr_array_new_with_free_func(g_free),
                         .times = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    fixture->time.context = g_main_context_new();
    fixture->http = fake_http_new(&fixture->time, fixture_take, fixture);
    fixture->source = aws_credentials_source_fixed(NULL);
    fake_credentials_set(fixture->source, 1);
}

static inline AwsTime fixture_time(Fixture *fixture)
{
    return (AwsTime){.now_ms = fixture_now_ms,
                     .monotonic_ms = fixture_monotonic_ms,
                     .timer_new = fixture_timer,
                     .seed = 7,
                     .self = fixture};
}

static inline void fixture_open(Fixture *fixture, AwsClientConfig config)
{
    g_autoptr(GError) error = NULL;
    const AwsTime time = fixture_time(fixture);
    config.region = config.region ? config.region : "eu-central-1";
    fixture->client =
        aws_client_new(fixture->time.context, fixture->http, fixture->source, &config, &time, &error);
    g_assert_no_error(error);
}

static inline void fixture_clear(Fixture *fixture)
{
    aws_client_free(fixture->client);
    g_assert_null(fixture->time.sources);
    aws_credentials_source_unref(fixture->source);
    fake_http_free(fixture->http);
    g_main_context_unref(fixture->time.context);
    g_ptr_array_unref(fixture->headers);
    g_ptr_array_unref(fixture->bodies);
    g_array_unref(fixture->times);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static inline int64_t fixture_at(const Fixture *fixture, guint i)
{
    return g_array_index(fixture->times, int64_t, i);
}

static inline const char *fixture_header(const Fixture *fixture, guint i, const char *name)
{
    return fake_header(fixture->headers->pdata[i], name);
}

/* ---- what came of a call ---- */

typedef struct {
    int times, pages;
    char *json, *text; /* the whole object; of xml what the test asks for by path */
    const char *path;
    char *request_id;
    AwsError *error;
} Got;

static inline void got_clear(Got *got)
{
    g_free(got->json);
    g_free(got->text);
    g_free(got->request_id);
    aws_error_free(got->error);
    *got = (Got){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Got, got_clear)

/* Of several the last one stays. */
static inline void got_take(const AwsAnswer *answer, void *data)
{
    Got *got = data, before = *got;
    g_assert_true((answer->error != NULL) == (answer->json == NULL && answer->xml == NULL));
    *got = (Got){.times = before.times + 1, .pages = before.pages, .path = before.path};
    got->json = answer->json ? json_dumps(answer->json, JSON_COMPACT) : NULL;
    got->text = got->path ? g_strdup(xml_text(answer->xml, got->path)) : NULL;
    got->request_id = g_strdup(answer->request_id);
    got->error = answer->error ? aws_error_copy(answer->error) : NULL;
    got_clear(&before);
}

static inline uint64_t fixture_call(Fixture *fixture, const char *action, const char *body, Got *got)
{
    const AwsCall call = {.action = action, .body = body};
    return aws_client_call(fixture->client, &call, got_take, got);
}

/* ---- replies ---- */

static inline FakeReply reply_of(long status, const char *body)
{
    return (FakeReply){.status = status, .body = g_strdup(body), .after_ms = 5};
}

static inline FakeReply reply_ec2_error(long status, const char *code)
{
    return (FakeReply){.status = status,
                       .after_ms = 5,
                       .body = g_strdup_printf("<Response><Errors><Error><Code>%s</Code><Message>no</Message>"
                                               "</Error></Errors><RequestID>r-1</RequestID></Response>",
                                               code)};
}

static inline FakeReply reply_json_error(long status, const char *code)
{
    return (FakeReply){.status = status,
                       .after_ms = 5,
                       .body = g_strdup_printf("{\"__type\":\"%s\",\"message\":\"no\"}", code)};
}

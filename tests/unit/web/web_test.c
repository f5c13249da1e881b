/* web_test.c: which calls a page makes and for whom, and what it answers, with an engine that is a list of
 * answers. */
#include "reconciler/api/web/web.h"
#include <string.h>

typedef struct {
    Web *web;
    GPtrArray *calls; /* of Call*: not yet answered */
    GString *asked;   /* the names of the operations, in order */
    json_t *peer;     /* of the call that was made last */
    unsigned status;  /* of the answer; 0: none yet */
    char *body, *location;
    bool at_once; /* each call is answered while it is made */
} Fixture;

static void answer(Fixture *fixture, Call *call, int status, const char *body)
{
    (void)fixture;
    call->result = (OperationResult){.http_status = status, .body = json_loads(body, 0, NULL)};
    g_assert_nonnull(call->result.body);
    call->answer(call);
}

static void take(Call *call, void *data)
{
    Fixture *fixture = data;
    g_string_append_printf(fixture->asked, "%s ", call->operation->name);
    json_decref(fixture->peer);
    fixture->peer = json_incref(json_object_get(call->request, "peer"));
    if (fixture->at_once)
        answer(fixture, call, 200, "{}");
    else
        g_ptr_array_add(fixture->calls, call);
}

static int64_t now_ms(void *data)
{
    (void)data;
    return INT64_C(1795780800000);
}

static void answered(const WebAnswer *web_answer, void *data)
{
    Fixture *fixture = data;
    size_t len;
    const char *text = g_bytes_get_data(web_answer->body, &len);
    g_assert_cmpuint(fixture->status, ==, 0);
    fixture->status = web_answer->status;
    fixture->body = g_strndup(text ? text : "", len);
    for (const char *const *header = web_answer->headers; *header; header += 2)
        if (strcmp(header[0], "Location") == 0)
            fixture->location = g_strdup(header[1]);
}

static void fixture_begin(Fixture *fixture, const void *data)
{
    (void)data;
    fixture->calls = g_ptr_array_new();
    fixture->asked = g_string_new(NULL);
    fixture->web = web_new(&(WebOptions){.call = take, .now_ms = now_ms, .data = fixture});
}

static void fixture_end(Fixture *fixture, const void *data)
{
    (void)data;
    g_assert_cmpuint(fixture->calls->len, ==, 0);
    g_ptr_array_unref(fixture->calls);
    g_string_free(fixture->asked, TRUE);
    json_decref(fixture->peer);
    web_free(fixture->web);
    g_free(fixture->body);
    g_free(fixture->location);
}

static WebRequest request_of(Fixture *fixture, const char *method, const char *path)
{
    return (WebRequest){.method = method,
                        .path = path,
                        .scopes = KEY_READ | KEY_SUBMIT | KEY_REGISTER | KEY_ADMIN,
                        .answer = answered,
                        .data = fixture};
}

static Call *next(Fixture *fixture)
{
    g_assert_cmpuint(fixture->calls->len, >, 0);
    return g_ptr_array_remove_index(fixture->calls, 0);
}

/* All calls of a round are made at once, and the page comes with the last answer. */
static void test_rounds(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/jobs/abcd");
    web_handle(fixture->web, &request);
    g_assert_cmpstr(fixture->asked->str, ==, "explain ");
    answer(fixture, next(fixture), 200,
           "{\"job\": {\"jobId\": \"abcd-1\", \"jobName\": \"<b>\", \"status\": \"RUNNING\"}}");
    g_assert_cmpstr(fixture->asked->str, ==, "explain describejobs ");
    answer(fixture, next(fixture), 200,
           "{\"jobs\": [{\"container\": {\"logStreamName\": \"d/default/abcd-1.1\"}}]}");
    g_assert_cmpstr(fixture->asked->str, ==, "explain describejobs getlogevents ");
    g_assert_cmpuint(fixture->status, ==, 0);
    answer(fixture, next(fixture), 200, "{\"events\": [{\"message\": \"</pre><script>\"}]}");
    g_assert_cmpuint(fixture->status, ==, 200);
    g_assert_nonnull(strstr(fixture->body, "&lt;/pre&gt;&lt;script&gt;"));
    g_assert_nonnull(strstr(fixture->body, "Job &lt;b&gt;"));
    g_assert_null(strstr(fixture->body, "<script>"));
}

/* An engine that answers while it is asked. */
static void test_at_once(Fixture *fixture, const void *data)
{
    static const char *const paths[] = {"/", "/queues/x", "/jobs", "/jobs/x", "/sources", "/activity"};
    (void)data;
    fixture->at_once = true;
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        WebRequest request = request_of(fixture, "GET", paths[i]);
        web_handle(fixture->web, &request);
        g_assert_cmpuint(fixture->status, !=, 0);
        fixture->status = 0;
        g_clear_pointer(&fixture->body, g_free);
    }
}

static void test_refused(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/jobs/abcd");
    web_handle(fixture->web, &request);
    answer(fixture, next(fixture), 404, "{\"error\": {\"message\": \"there is no job <x>\"}}");
    g_assert_cmpuint(fixture->status, ==, 404);
    g_assert_nonnull(strstr(fixture->body, "there is no job &lt;x&gt;"));
}

/* Who asks is in what is asked, whatever else said so; and what that one may not do is not asked at all. */
static void test_peer(Fixture *fixture, const void *data)
{
    (void)data;
    json_t *peer = json_pack("{s:s,s:[s]}", "key", "K", "queues", "fast");
    WebRequest request = request_of(fixture, "GET", "/jobs");
    request.peer = peer;
    web_handle(fixture->web, &request);
    g_assert_true(json_equal(fixture->peer, peer));
    answer(fixture, next(fixture), 200, "{\"jobs\": []}");
    json_decref(peer);
}

static void test_scopes(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "POST", "/sources");
    request.scopes = KEY_READ;
    request.form = VIEW("planId=0123456789abcdef");
    web_handle(fixture->web, &request);
    g_assert_cmpstr(fixture->asked->str, ==, "");
    g_assert_cmpuint(fixture->status, ==, 403);
    g_assert_null(fixture->location);
}

/* A key that sees some queues only is refused what is about more than a queue. */
static void test_key(Fixture *fixture, const void *data)
{
    char *queues[] = {(char[]){"fast"}, NULL};
    const Key key = {.name = (char[]){"me"}, .scopes = KEY_READ, .queues = queues};
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/sources");
    request.key = &key;
    web_handle(fixture->web, &request);
    g_assert_cmpstr(fixture->asked->str, ==, "");
    g_assert_cmpuint(fixture->status, ==, 403);
}

/* But its own queues are there. */
static void test_own_queues(Fixture *fixture, const void *data)
{
    char *queues[] = {(char[]){"fast"}, NULL};
    const Key key = {.name = (char[]){"me"}, .scopes = KEY_READ, .queues = queues};
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/");
    request.key = &key;
    web_handle(fixture->web, &request);
    g_assert_cmpstr(fixture->asked->str, ==, "describejobqueues ");
    answer(fixture, next(fixture), 200,
           "{\"jobQueues\": [{\"jobQueueName\": \"fast\", \"state\": \"ENABLED\"}]}");
    g_assert_cmpuint(fixture->status, ==, 200);
    g_assert_nonnull(strstr(fixture->body, "href=\"/queues/fast\""));
}

static void test_approve(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "POST", "/sources");
    request.form = VIEW("planId=0123456789abcdef&allowDeletes=3&firstRun=record&csrf=x%zz&a");
    web_handle(fixture->web, &request);
    g_assert_cmpstr(fixture->asked->str, ==, "approve ");
    Call *call = next(fixture);
    g_assert_cmpint(json_integer_value(json_object_get(call->request, "allowDeletes")), ==, 3);
    g_assert_cmpstr(json_string_value(json_object_get(call->request, "firstRun")), ==, "record");
    answer(fixture, call, 200, "{\"applyId\": 1}");
    g_assert_cmpuint(fixture->status, ==, 303);
    g_assert_cmpstr(fixture->location, ==, "/sources");
}

static void test_files(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "GET", web_style_path());
    g_assert_true(web_has(web_style_path()));
    web_handle(fixture->web, &request);
    g_assert_cmpuint(fixture->status, ==, 200);
    g_assert_nonnull(strstr(fixture->body, "prefers-color-scheme"));
    g_assert_false(web_has("/assets/0000000000000000/style.css"));
    g_assert_false(web_has("/queues/"));
    g_assert_false(web_has("/v1/jobs"));
    g_assert_true(web_has("/queues/x"));
}

/* What is new is told with the number to come again with. */
static void test_stream(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/live");
    request.last_event_id = "41";
    web_handle(fixture->web, &request);
    Call *call = next(fixture);
    g_assert_cmpint(json_integer_value(json_object_get(call->request, "after")), ==, 41);
    answer(fixture, call, 200, "{\"commits\": 57}");
    g_assert_cmpstr(fixture->body, ==, "retry: 1000\nid: 57\ndata: 57\n\n");
    fixture->status = 0;
    g_clear_pointer(&fixture->body, g_free);
    web_handle(fixture->web, &request);
    answer(fixture, next(fixture), 200, "{\"commits\": 41}");
    g_assert_cmpstr(fixture->body, ==, "retry: 1000\nid: 41\n\n"); /* nothing: the time was over */
}

static void test_stream_refused(Fixture *fixture, const void *data)
{
    (void)data;
    WebRequest request = request_of(fixture, "GET", "/live");
    request.scopes = 0;
    web_handle(fixture->web, &request);
    g_assert_cmpuint(fixture->status, ==, 204);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/web/" name, Fixture, NULL, fixture_begin, func, fixture_end)
    ADD("rounds", test_rounds);
    ADD("answered-at-once", test_at_once);
    ADD("refused", test_refused);
    ADD("peer", test_peer);
    ADD("scopes", test_scopes);
    ADD("key-of-some-queues", test_key);
    ADD("own-queues", test_own_queues);
    ADD("approve", test_approve);
    ADD("files", test_files);
    ADD("stream", test_stream);
    ADD("stream-refused", test_stream_refused);
    return g_test_run();
}

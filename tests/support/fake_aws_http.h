/* fake_aws_http.h: http_client.h for one test program, in virtual time, answered by a script; it takes the
 * place of the real one when the program is linked. */
#pragma once
#include "reconciler/provider/http/http_client.h"
#include "tests/support/virtual_time.h"

/* What came, and what goes back. */
typedef struct {
    const char *url, *body;
    const char *const *headers;
    int64_t at_ms;
    int number; /* 1, 2 … of all */
} FakeRequest;

/* All strings are new, or NULL. */
typedef struct {
    HttpEnd end;
    long status; /* 0: 200 */
    char *body;
    char *headers[5]; /* "name: value" */
    int64_t after_ms;
} FakeReply;

typedef FakeReply (*FakeScript)(const FakeRequest *request, void *data);

struct HttpClient {
    VirtualTime *time;
    FakeScript script;
    void *data;
    GPtrArray *under_way; /* of FakeSent */
    guint under_way_max;
    int sent;
};

typedef struct {
    HttpClient *http;
    uint64_t id;
    FakeReply reply;
    HttpDone done;
    void *data;
    GSource *source;
} FakeSent;

static inline const char *fake_header(const char *const *headers, const char *name)
{
    size_t len = strlen(name);
    for (; headers && *headers; headers++)
        if (g_ascii_strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
            return *headers + len + 2;
    return NULL;
}

static inline void fake_sent_free(void *data)
{
    FakeSent *sent = data;
    g_free(sent->reply.body);
    for (size_t i = 0; i < G_N_ELEMENTS(sent->reply.headers); i++)
        g_free(sent->reply.headers[i]);
    g_free(sent);
}

static inline gboolean fake_answer(void *data)
{
    FakeSent *sent = data;
    const char *text = sent->reply.body ? sent->reply.body : "";
    HttpAnswer answer = {.end = sent->reply.end, .easy = (void *)sent->reply.headers};
    if (answer.end == HTTP_ANSWERED) {
        answer.status = sent->reply.status ? sent->reply.status : 200;
        answer.body = view_from(text);
    } else {
        answer.error = "as the script says";
    }
    guint at = 0;
    g_assert_true(g_ptr_array_find(sent->http->under_way, sent, &at));
    g_ptr_array_steal_index(sent->http->under_way, at);
    sent->done(&answer, sent->data);
    fake_sent_free(sent);
    return G_SOURCE_REMOVE;
}

uint64_t http_send(HttpClient *http, const HttpRequest *request, HttpDone done, void *data)
{
    FakeSent *sent = g_new0(FakeSent, 1);
    g_assert_cmpstr(request->method, ==, "POST");
    const FakeRequest came = {request->url, request->body.data, request->headers, http->time->now_ms,
                              ++http->sent};
    *sent = (FakeSent){.http = http,
                       .id = (uint64_t)http->sent,
                       .reply = http->script(&came, http->data),
                       .done = done,
                       .data = data};
    sent->source = virtual_after(http->time, sent->reply.after_ms, fake_answer, sent);
    g_ptr_array_add(http->under_way, sent);
    http->under_way_max = MAX(http->under_way_max, http->under_way->len);
    return sent->id;
}

void http_cancel(HttpClient *http, uint64_t id)
{
    for (guint i = 0; i < http->under_way->len; i++) {
        FakeSent *sent = http->under_way->pdata[i];
        if (sent->id != id)
            continue;
        g_source_destroy(sent->source);
        g_ptr_array_remove_index(http->under_way, i);
        return;
    }
}

const char *http_header(const HttpAnswer *answer, const char *name)
{
    return fake_header((const char *const *)answer->easy, name);
}

static inline HttpClient *fake_http_new(VirtualTime *time, FakeScript script, void *data)
{
    HttpClient *http = g_new0(HttpClient, 1);
    *http = (HttpClient){.time = time,
                         .script = script,
                         .data = data,
                         .under_way = g_ptr_array_new_with_free_func(fake_sent_free)};
    return http;
}

static inline void fake_http_free(HttpClient *http)
{
    g_assert_cmpuint(http->under_way->len, ==, 0);
    g_ptr_array_unref(http->under_way);
    g_free(http);
}

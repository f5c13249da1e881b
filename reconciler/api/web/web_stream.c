/* web_stream.c: tells a page that something happened (server-sent events, HTML Living Standard 9.2).
 *
 * An answer ends as soon as there is something to tell, and the browser comes again after the time that it
 * says ("retry"), with the id that it saw last: so nothing is told more often than that however much happens,
 * who asks is asked for anew each time, and an answer is one like any other. */
#include "reconciler/api/access.h"
#include "reconciler/api/web/web_internal.h"
#include "spec/base/units.h"

#define AGAIN_MS    1000
#define PATIENCE_MS 20000 /* below what connections are given (LISTENER_REQUEST_MS) */
#define HTTP_OK     200
#define HTTP_NO     204 /* the browser does not come again */

typedef struct {
    WebAnswerFunc answer;
    void *data;
    int64_t after;
} Stream;

static void answer_text(const Stream *stream, unsigned status, const char *text)
{
    static const char *const headers[] = {"Content-Type",
                                          "text/event-stream",
                                          "Cache-Control",
                                          "no-store",
                                          "X-Content-Type-Options",
                                          "nosniff",
                                          NULL};
    g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));
    stream->answer(&(WebAnswer){status, headers, body}, stream->data);
}

/* after: what was told before; -1: nothing was. */
static char *news_text(const Call *call, int64_t after)
{
    int64_t commits = number_of(call->result.body, "commits");
    if (call->result.http_status != HTTP_OK)
        return g_strdup_printf("retry: %d\n\n", PATIENCE_MS);
    if (commits == after)
        return g_strdup_printf("retry: %d\nid: %" G_GINT64_FORMAT "\n\n", AGAIN_MS, commits);
    return g_strdup_printf("retry: %d\nid: %" G_GINT64_FORMAT "\ndata: %" G_GINT64_FORMAT "\n\n", AGAIN_MS,
                           commits, commits);
}

static void changes_answered(Call *call)
{
    g_autofree Stream *stream = call->owner;
    g_autofree char *text = news_text(call, stream->after);
    call_free(call);
    answer_text(stream, HTTP_OK, text);
}

static char *stream_refusal(const WebRequest *request, const Operation *changes)
{
    if (request->key)
        return access_refusal(request->key, changes, NULL, VIEW(""));
    return request->scopes & KEY_READ ? NULL : g_strdup("it needs the scope read");
}

void stream_handle(Web *web, const WebRequest *request)
{
    const Operation *changes = operation_find_name("changes");
    Stream stream = {request->answer, request->data, -1};
    g_autofree char *refusal = stream_refusal(request, changes);
    int64_t after;
    if (refusal) {
        answer_text(&stream, HTTP_NO, "");
        return;
    }
    if (request->last_event_id && integer_parse(view_from(request->last_event_id), &after) && after >= 0)
        stream.after = after;
    Call *call = call_new(
        changes, json_pack("{s:I,s:i}", "after", (json_int_t)stream.after, "timeoutMs", PATIENCE_MS));
    call->answer = changes_answered;
    call->owner = g_memdup2(&stream, sizeof stream);
    web->options.call(call, web->options.data);
}

/* cloud_log.c: see cloud_log.h. */
#include "reconciler/cloud_log.h"
#include <string.h>
#include "reconciler/aws_session.h"

struct CloudLog {
    char *group, *stream;
    char *token; /* where it goes on; NULL: at the beginning */
    AwsSession session;
    AwsClient *client;
};

CloudLog *cloud_log_open(const CloudLogPlace *place, GError **error)
{
    CloudLog *log = g_new0(CloudLog, 1);
    log->group = g_strdup(place->group);
    log->stream = g_strdup(place->stream);
    if (aws_session_begin(&log->session, NULL, NULL, error) &&
        aws_session_find_credentials(&log->session, NULL, error))
        log->client = aws_session_client(&log->session, AWS_LOGS, place->region, error);
    if (log->client)
        return log;
    cloud_log_close(log);
    return NULL;
}

void cloud_log_close(CloudLog *log)
{
    if (!log)
        return;
    g_clear_pointer(&log->client, aws_client_free);
    aws_session_clear(&log->session);
    g_free(log->group);
    g_free(log->stream);
    g_free(log->token);
    g_free(log);
}

/* ---- a page ---- */

typedef struct {
    CloudLog *log;
    CloudLogLine line;
    void *data;
    GError **error;
    bool is_done, is_good, has_more;
} Page;

static void hand_on(const Page *page, const json_t *answer)
{
    size_t index;
    json_t *event;
    json_array_foreach(json_object_get(answer, "events"), index, event)
    {
        const json_t *message = json_object_get(event, "message");
        page->line((View){json_string_value(message), json_string_length(message)}, page->data);
    }
}

/* The end is where the token that comes back is the one that was sent. */
static void take_page(const AwsAnswer *answer, void *data)
{
    Page *page = data;
    CloudLog *log = page->log;
    page->is_done = true;
    if (answer->error) {
        g_autofree char *why = aws_error_text(answer->error);
        page->is_good = strcmp(answer->error->code, "ResourceNotFoundException") == 0;
        if (!page->is_good)
            g_set_error(page->error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "log group %s, stream %s: %s",
                        log->group, log->stream, why);
        return;
    }
    const char *next = json_string_value(json_object_get(answer->json, "nextForwardToken"));
    hand_on(page, answer->json);
    page->is_good = true;
    page->has_more = next && g_strcmp0(next, log->token) != 0;
    g_free(log->token);
    log->token = g_strdup(next);
}

bool cloud_log_read(CloudLog *log, CloudLogLine line, void *data, GError **error)
{
    Page page = {.log = log, .line = line, .data = data, .error = error, .has_more = true};
    while (page.has_more) {
        json_t *body = json_pack("{s:s,s:s,s:b}", "logGroupName", log->group, "logStreamName", log->stream,
                                 "startFromHead", 1);
        if (log->token)
            json_object_set_new(body, "nextToken", json_string(log->token));
        char *text = json_dumps(body, JSON_COMPACT);
        const AwsCall call = {.action = "GetLogEvents", .body = text};
        page.is_done = page.has_more = false;
        aws_client_call(log->client, &call, take_page, &page);
        while (!page.is_done)
            g_main_context_iteration(log->session.context, TRUE);
        free(text);
        json_decref(body);
    }
    return page.is_good;
}

/* batch_reader.c: see batch_reader.h. */
#include "reconciler/batch_reader.h"
#include "reconciler/aws_session.h"

#define POLICIES  100 /* that one call describes, by Batch */
#define PAGES_MAX 1000

typedef struct {
    AwsSession session;
    AwsClient *client;
    bool is_done;
    json_t *page;
    char *fault;
    long status; /* of the fault */
} Reader;

static void reader_clear(Reader *reader)
{
    g_clear_pointer(&reader->client, aws_client_free);
    aws_session_clear(&reader->session);
    json_decref(reader->page);
    g_free(reader->fault);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static bool open_reader(Reader *reader, const DoctorOptions *options, GError **error)
{
    AwsSession *session = &reader->session;
    if (aws_session_begin(session, options->profile, options->region, error) &&
        aws_session_needs_region(session, error) &&
        aws_session_find_credentials(session, options->role_arn, error))
        reader->client = aws_session_client(session, AWS_BATCH, NULL, error);
    return reader->client != NULL;
}

/* ---- one call ---- */

static void take(const AwsAnswer *answer, void *data)
{
    Reader *reader = data;
    reader->is_done = true;
    json_decref(reader->page);
    reader->page = json_incref(answer->json);
    g_free(reader->fault);
    reader->fault = answer->error ? aws_error_text(answer->error) : NULL;
    reader->status = answer->error ? answer->error->status : 0;
}

/* request: taken. NULL with error; borrowed until the next call. */
static const json_t *ask(Reader *reader, const char *action, json_t *request, GError **error)
{
    char *body = json_dumps(request, JSON_COMPACT);
    const AwsCall call = {.action = action, .body = body};
    reader->is_done = false;
    aws_client_call(reader->client, &call, take, reader);
    while (!reader->is_done)
        g_main_context_iteration(reader->session.context, TRUE);
    free(body);
    json_decref(request);
    if (!reader->fault)
        return reader->page;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "batch:%s: %s", action, reader->fault);
    return NULL;
}

/* Every page's list is joined to list. request: taken. */
static bool ask_all(Reader *reader, const char *action, json_t *request, const char *member, json_t *list,
                    GError **error)
{
    bool has_more = true;
    for (int page = 0; has_more && page < PAGES_MAX; page++) {
        const json_t *answer = ask(reader, action, json_deep_copy(request), error);
        if (!answer) {
            json_decref(request);
            return false;
        }
        json_array_extend(list, json_object_get(answer, member));
        const char *next = json_string_value(json_object_get(answer, "nextToken"));
        has_more = next && *next;
        if (has_more)
            json_object_set_new(request, "nextToken", json_string(next));
    }
    json_decref(request);
    return true;
}

static json_t *list_in(json_t *answers, const char *member)
{
    json_t *list = json_array();
    json_object_set_new(answers, member, list);
    return list;
}

/* ---- what needs two calls ---- */

static bool read_policies(Reader *reader, json_t *answers, GError **error)
{
    json_t *listed = json_array(), *list = list_in(answers, "schedulingPolicies");
    bool is_read =
        ask_all(reader, "ListSchedulingPolicies", json_object(), "schedulingPolicies", listed, error);
    for (size_t at = 0; is_read && at < json_array_size(listed);) {
        json_t *arns = json_array();
        for (; at < json_array_size(listed) && json_array_size(arns) < POLICIES; at++)
            json_array_append(arns, json_object_get(json_array_get(listed, at), "arn"));
        is_read = ask_all(reader, "DescribeSchedulingPolicies", json_pack("{s:o}", "arns", arns),
                          "schedulingPolicies", list, error);
    }
    json_decref(listed);
    return is_read;
}

/* Regions without them say that the call is unknown. */
static bool read_consumables(Reader *reader, json_t *answers, GError **error)
{
    g_autoptr(GError) fault = NULL;
    json_t *listed = json_array(), *list = list_in(answers, "consumableResources"), *item;
    size_t index;
    bool is_read =
        ask_all(reader, "ListConsumableResources", json_object(), "consumableResources", listed, &fault);
    bool is_unknown = !is_read && reader->status == 404;
    json_array_foreach(listed, index, item)
    {
        const json_t *described = is_read ? ask(reader, "DescribeConsumableResource",
                                                json_pack("{s:O}", "consumableResource",
                                                          json_object_get(item, "consumableResourceArn")),
                                                &fault)
                                          : NULL;
        is_read = described != NULL;
        if (described)
            json_array_append_new(list, json_deep_copy(described));
    }
    json_decref(listed);
    if (!is_read && !is_unknown)
        g_propagate_error(error, g_steal_pointer(&fault));
    return is_read || is_unknown;
}

bool batch_read(const DoctorOptions *options, json_t **ret_answers, GError **error)
{
    g_auto(Reader) reader = {0};
    json_t *answers = json_object();
    bool is_read = open_reader(&reader, options, error) &&
                   ask_all(&reader, "DescribeComputeEnvironments", json_object(), "computeEnvironments",
                           list_in(answers, "computeEnvironments"), error) &&
                   ask_all(&reader, "DescribeJobQueues", json_object(), "jobQueues",
                           list_in(answers, "jobQueues"), error) &&
                   ask_all(&reader, "DescribeJobDefinitions", json_pack("{s:s}", "status", "ACTIVE"),
                           "jobDefinitions", list_in(answers, "jobDefinitions"), error) &&
                   read_policies(&reader, answers, error) && read_consumables(&reader, answers, error);
    if (is_read)
        *ret_answers = answers;
    else
        json_decref(answers);
    return is_read;
}

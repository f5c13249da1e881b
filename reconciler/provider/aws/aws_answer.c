#include "reconciler/provider/aws/aws_answer.h"
#include <string.h>
#include "reconciler/provider/aws/query.h"

void aws_answer_clear(AwsAnswer *answer)
{
    json_decref(answer->json);
    aws_error_free(answer->error);
    g_free(answer->request_id);
    xml_free(answer->document);
    *answer = (AwsAnswer){0};
}

static void spoil(AwsAnswer *answer, const char *why)
{
    g_autofree char *text = g_strdup_printf("the answer cannot be read: %s", why);
    aws_answer_clear(answer);
    answer->error = aws_error_of_transport(HTTP_BROKEN, text);
}

/* ---- by wire ---- */

/* IAM and STS wrap what they say: <AssumeRoleResponse><AssumeRoleResult>…</AssumeRoleResult>. */
static const XmlElement *result_of(const XmlElement *root)
{
    for (const XmlElement *child = root->first; child; child = child->next)
        if (g_str_has_suffix(child->name, "Result"))
            return child;
    return root;
}

static void read_xml(AwsAnswer *answer, AwsWire wire, View body)
{
    g_autoptr(GError) error = NULL;
    answer->document = xml_parse(body, &error);
    if (!answer->document) {
        spoil(answer, error->message);
        return;
    }
    const XmlElement *root = xml_root(answer->document);
    const char *id = xml_text(root, wire == AWS_WIRE_EC2 ? "requestId" : "ResponseMetadata/RequestId");
    answer->xml = wire == AWS_WIRE_EC2 ? root : result_of(root);
    if (id)
        answer->request_id = g_strdup(id);
}

/* Some actions answer nothing at all. */
static void read_json(AwsAnswer *answer, View body)
{
    json_error_t error;
    answer->json = body.len > 0 ? json_loadb(body.data, body.len, 0, &error) : json_object();
    if (!answer->json)
        spoil(answer, error.text);
    else if (!json_is_object(answer->json))
        spoil(answer, "it is no JSON object");
}

void aws_answer_read_body(AwsService service, View body, AwsAnswer *ret_answer)
{
    const AwsServiceInfo *info = aws_service_info(service);
    *ret_answer = (AwsAnswer){0};
    if (info->wire == AWS_WIRE_JSON || info->wire == AWS_WIRE_REST || info->wire == AWS_WIRE_POST)
        read_json(ret_answer, body);
    else
        read_xml(ret_answer, info->wire, body);
}

void aws_answer_read(AwsService service, const HttpAnswer *http, AwsAnswer *ret_answer)
{
    *ret_answer = (AwsAnswer){0};
    if (http->end != HTTP_ANSWERED) {
        ret_answer->error = aws_error_of_transport(http->end, http->error);
        return;
    }
    const char *id = http_header(http, "x-amzn-requestid");
    if (http->status < 200 || http->status > 299) {
        ret_answer->error =
            aws_error_read(service, http->status, http->body, http_header(http, "x-amzn-errortype"), id);
        return;
    }
    aws_answer_read_body(service, http->body, ret_answer);
    if (!ret_answer->error && !ret_answer->request_id)
        ret_answer->request_id = g_strdup(id);
}

/* ---- pages ---- */

typedef struct {
    const char *asked, *given; /* NULL: it has no pages */
} PageNames;

static const PageNames names[AWS_SERVICES] = {
    [AWS_EC2] = {"NextToken", "nextToken"},     [AWS_ECS] = {"nextToken", "nextToken"},
    [AWS_SSM] = {"NextToken", "NextToken"},     [AWS_LOGS] = {"nextToken", "nextToken"},
    [AWS_PRICING] = {"NextToken", "NextToken"}, [AWS_IAM] = {"Marker", "Marker"},
};

const char *aws_answer_next(AwsService service, const AwsAnswer *answer)
{
    const char *name = names[service].given, *token = NULL;
    if (name && answer->json)
        token = json_string_value(json_object_get(answer->json, name));
    else if (name)
        token = xml_text(answer->xml, name);
    return token && *token ? token : NULL;
}

static char *query_of_page(const char *body, const char *name, const char *token)
{
    g_autoptr(Query) query = query_continued(body);
    query_add(query, name, token);
    return g_strdup(query_text(query));
}

char *aws_body_of_page(AwsService service, const char *body, const char *token)
{
    if (aws_service_info(service)->wire != AWS_WIRE_JSON)
        return query_of_page(body, names[service].asked, token);
    json_t *root = json_loads(body, 0, NULL);
    g_assert(json_is_object(root)); /* ours */
    json_object_set_new(root, names[service].asked, json_string(token));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* aws_answer_fuzz.c: what comes back from a service, or from who is between. Input: a byte that names the
 * service, one the status, a line (the error's header; "": none), then the body. */
#include <stdint.h>
#include <string.h>
#include "reconciler/provider/aws/aws_answer.h"
#include "spec/sigv4.h"
#include "reconciler/provider/aws/task_state.h"
#include "reconciler/provider/aws/xml.h"
#include "spec/task_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text)
{
    g_assert(text && g_utf8_validate(text, -1, NULL));
    for (const char *byte = text; *byte; byte++)
        g_assert(!g_ascii_iscntrl(*byte));
}

static void check_error(AwsService service, long status, View body, const char *type)
{
    g_autoptr(AwsError) error = aws_error_read(service, status, body, type, NULL);
    g_autofree char *text = aws_error_text(error);
    check_line(error->code);
    check_line(error->message);
    check_line(text);
    g_assert(*error->message);
    g_assert(error->action != AWS_ACT_RETRY || error->is_throttling || !error->is_certain);
}

static size_t count(const XmlElement *element)
{
    size_t elements = 0;
    for (; element; element = element->next) {
        g_assert(element->name && element->text && xml_find(element, "") == element);
        elements += 1 + count(element->first);
    }
    return elements;
}

static void check_xml(View body)
{
    g_autoptr(XmlDocument) document = xml_parse(body, NULL);
    if (document)
        g_assert(count(xml_root(document)) <= XML_ELEMENTS_MAX);
}

/* A success is read whole, or is an error; whatever token it names can be asked for. */
static void check_answer(AwsService service, View body)
{
    const HttpAnswer http = {.end = HTTP_ANSWERED, .status = 200, .body = body};
    g_auto(AwsAnswer) answer = {0};
    aws_answer_read(service, &http, &answer);
    g_assert((answer.error != NULL) == (answer.xml == NULL && answer.json == NULL));
    const char *token = aws_answer_next(service, &answer);
    g_assert(!token || *token);
    g_autofree char *next = token ? aws_body_of_page(service, "{}", token) : NULL;
    g_assert(!token || strlen(next) > strlen("{}"));
}

static void check_task(View body)
{
    static const char *const essential[] = {TASK_CONTAINER, "other", NULL};
    json_t *root = json_loadb(body.data, body.len, 0, NULL);
    TaskState state;
    if (task_state_read(root, essential, &state) && state.phase == TASK_ENDED)
        g_assert(state.end != TASK_END_EXITED || state.has_exit_code);
    json_decref(root);
}

static void check_claim(View body)
{
    g_autofree char *text = g_strndup(body.data, body.len);
    g_auto(SigV4Claim) claim = {0};
    if (sigv4_claim_parse(text, &claim))
        g_assert(*claim.signed_headers && strlen(claim.signature) == 64 && strlen(claim.day) == 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {400, 401, 403, 404, 412, 429, 500, 502, 503, 509};
    if (size < 3)
        return 0;
    View rest = {(const char *)data + 2, size - 2};
    const char *end = memchr(rest.data, '\n', rest.len);
    size_t len = end ? (size_t)(end - rest.data) : rest.len;
    g_autofree char *type = g_strndup(rest.data, len);
    View body = {rest.data + MIN(len + 1, rest.len), rest.len - MIN(len + 1, rest.len)};
    check_error(data[0] % AWS_SERVICES, statuses[data[1] % G_N_ELEMENTS(statuses)], body,
                *type ? type : NULL);
    check_answer(data[0] % AWS_SERVICES, body);
    check_xml(body);
    check_task(body);
    check_claim(body);
    return 0;
}

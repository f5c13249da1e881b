#include "reconciler/provider/aws/aws_error.h"

typedef struct {
    AwsService service;
    long status;
    const char *type, *body;
    const char *code, *message;
    AwsAction action;
    bool is_throttling, is_certain;
} Case;

#define EC2(code, message)                                                                                   \
    "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>" code "</Code><Message>" message               \
    "</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
#define STS(code)                                                                                            \
    "<ErrorResponse xmlns=\"https://sts\"><Error><Type>Sender</Type><Code>" code                             \
    "</Code><Message>m</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"

static const Case cases[] = {
    {AWS_EC2, 503, NULL, EC2("RequestLimitExceeded", "Request limit exceeded."), "RequestLimitExceeded",
     "Request limit exceeded.", AWS_ACT_RETRY, true, true},
    /* With 500: by its code, not by its status. */
    {AWS_EC2, 500, NULL, EC2("InsufficientInstanceCapacity", "none"), "InsufficientInstanceCapacity", "none",
     AWS_ACT_NEXT_POOL, false, true},
    {AWS_EC2, 500, NULL, EC2("InternalError", "e"), "InternalError", "e", AWS_ACT_RETRY, false, false},
    {AWS_EC2, 400, NULL, EC2("VcpuLimitExceeded", "e"), "VcpuLimitExceeded", "e", AWS_ACT_WAIT, false, true},
    {AWS_EC2, 403, NULL, EC2("UnauthorizedOperation", "You are not authorized"), "UnauthorizedOperation",
     "You are not authorized", AWS_ACT_CONFIGURATION, false, true},
    {AWS_EC2, 400, NULL, EC2("InvalidParameterValue", "e"), "InvalidParameterValue", "e",
     AWS_ACT_CONFIGURATION, false, true},
    {AWS_EC2, 400, NULL, EC2("InvalidInstanceID.NotFound", "e"), "InvalidInstanceID.NotFound", "e",
     AWS_ACT_UNSEEN, false, true},
    {AWS_EC2, 400, NULL, EC2("InvalidInstanceID.Malformed", "e"), "InvalidInstanceID.Malformed", "e",
     AWS_ACT_FINAL, false, true},
    {AWS_EC2, 400, NULL, EC2("IdempotentParameterMismatch", "e"), "IdempotentParameterMismatch", "e",
     AWS_ACT_FINAL, false, true},
    {AWS_EC2, 412, NULL, EC2("DryRunOperation", "e"), "DryRunOperation", "e", AWS_ACT_SUCCESS, false, true},
    {AWS_EC2, 401, NULL, EC2("AuthFailure", "e"), "AuthFailure", "e", AWS_ACT_CREDENTIALS, false, true},
    {AWS_EC2, 400, NULL, EC2("SomethingNew", "e"), "SomethingNew", "e", AWS_ACT_FINAL, false, true},
    {AWS_EC2, 502, NULL, "<html><body>Bad\nGateway<br></body>", "",
     "HTTP status 502: <html><body>Bad Gateway<br></body>", AWS_ACT_RETRY, false, false},
    {AWS_STS, 403, NULL, STS("ExpiredToken"), "ExpiredToken", "m", AWS_ACT_CREDENTIALS, false, true},
    {AWS_IAM, 404, NULL, STS("NoSuchEntity"), "NoSuchEntity", "m", AWS_ACT_CONFIGURATION, false, true},
    {AWS_ECS, 400, NULL,
     "{\"__type\":\"com.amazonaws.ecs#ThrottlingException\",\"message\":\"Rate exceeded\"}",
     "ThrottlingException", "Rate exceeded", AWS_ACT_RETRY, true, true},
    {AWS_ECS, 400, "ClientException:http://internal/", "{\"Message\":\"Task definition does not\\nexist.\"}",
     "ClientException", "Task definition does not exist.", AWS_ACT_FINAL, false, true},
    /* A quota of ECS, throttling of the others. */
    {AWS_ECS, 400, NULL, "{\"__type\":\"LimitExceededException\",\"message\":\"m\"}",
     "LimitExceededException", "m", AWS_ACT_WAIT, false, true},
    {AWS_SSM, 400, NULL, "{\"__type\":\"LimitExceededException\",\"message\":\"m\"}",
     "LimitExceededException", "m", AWS_ACT_RETRY, true, true},
    {AWS_ECS, 500, NULL, "{\"__type\":\"ServerException\",\"message\":\"m\"}", "ServerException", "m",
     AWS_ACT_RETRY, false, false},
    {AWS_SSM, 400, NULL, "{\"__type\":\"ParameterNotFound\"}", "ParameterNotFound",
     "HTTP status 400: {\"__type\":\"ParameterNotFound\"}", AWS_ACT_CONFIGURATION, false, true},
    /* A denial in another form than the service speaks. */
    {AWS_ECS, 403, NULL, STS("AccessDeniedException"), "AccessDeniedException", "m", AWS_ACT_CONFIGURATION,
     false, true},
    {AWS_LOGS, 429, NULL, "", "", "HTTP status 429", AWS_ACT_RETRY, true, true},
    {AWS_LOGS, 503, NULL, "not json", "", "HTTP status 503: not json", AWS_ACT_RETRY, false, false},
    {AWS_LOGS, 418, NULL, "[1]", "", "HTTP status 418: [1]", AWS_ACT_FINAL, false, true},
};

static void test_answers(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        g_autoptr(AwsError) error =
            aws_error_read(one->service, one->status, view_from(one->body), one->type, "header-id");
        g_test_message("%s", one->body);
        g_assert_cmpstr(error->code, ==, one->code);
        g_assert_cmpstr(error->message, ==, one->message);
        g_assert_cmpint(error->action, ==, one->action);
        g_assert_true(error->is_throttling == one->is_throttling);
        g_assert_true(error->is_certain == one->is_certain);
        g_assert_cmpint(error->status, ==, one->status);
    }
}

static void test_text(void)
{
    g_autoptr(AwsError) xml = aws_error_read(AWS_EC2, 400, VIEW(EC2("A", "b.")), NULL, NULL);
    g_autoptr(AwsError) json =
        aws_error_read(AWS_ECS, 400, VIEW("{\"__type\":\"A\",\"message\":\"b.\"}"), NULL, "h-1");
    g_autoptr(AwsError) none = aws_error_of_transport(HTTP_LATE, "too late");
    g_autoptr(AwsError) copy = aws_error_copy(xml);
    g_autofree char *first = aws_error_text(xml), *second = aws_error_text(json),
                    *third = aws_error_text(none), *fourth = aws_error_text(copy);
    g_assert_cmpstr(first, ==, "A: b. (request r-1)");
    g_assert_cmpstr(second, ==, "A: b. (request h-1)");
    g_assert_cmpstr(third, ==, "too late");
    g_assert_cmpstr(fourth, ==, first);
}

/* Only what was never sent, or was answered, is known not to have been done. */
static void test_transport(void)
{
    const struct {
        HttpEnd end;
        AwsAction action;
        bool is_certain;
    } ends[] = {{HTTP_UNREACHABLE, AWS_ACT_RETRY, true},
                {HTTP_BROKEN, AWS_ACT_RETRY, false},
                {HTTP_LATE, AWS_ACT_RETRY, false},
                {HTTP_TOO_LARGE, AWS_ACT_CONFIGURATION, false},
                {HTTP_IMPOSSIBLE, AWS_ACT_CONFIGURATION, true}};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autoptr(AwsError) error = aws_error_of_transport(ends[i].end, "why");
        g_assert_cmpint(error->action, ==, ends[i].action);
        g_assert_true(error->is_certain == ends[i].is_certain);
    }
}

static void test_codes(void)
{
    const struct {
        const char *code;
        AwsAction action;
        int64_t cool_down_ms;
    } codes[] = {{"InsufficientInstanceCapacity", AWS_ACT_NEXT_POOL, 180000},
                 {"Server.InsufficientInstanceCapacity", AWS_ACT_NEXT_POOL, 180000},
                 {"Server.InternalError", AWS_ACT_RETRY, 0},
                 {"Client.InternalError", AWS_ACT_CONFIGURATION, 0},
                 {"PendingVerification", AWS_ACT_WAIT, 900000},
                 {"Unsupported", AWS_ACT_NEXT_POOL, 14400000},
                 {"InvalidLaunchTemplateId.VersionNotFound", AWS_ACT_CONFIGURATION, 0},
                 {NULL, AWS_ACT_FINAL, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        g_autoptr(AwsError) error = aws_error_of_code(AWS_EC2, codes[i].code, "m");
        g_assert_cmpint(error->action, ==, codes[i].action);
        g_assert_cmpint(error->cool_down_ms, ==, codes[i].cool_down_ms);
        g_assert_true(error->is_certain);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-error/answers", test_answers);
    g_test_add_func("/aws-error/text", test_text);
    g_test_add_func("/aws-error/transport", test_transport);
    g_test_add_func("/aws-error/codes", test_codes);
    return g_test_run();
}

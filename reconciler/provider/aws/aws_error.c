#include "reconciler/provider/aws/aws_error.h"
#include <jansson.h>
#include <string.h>
#include "reconciler/provider/aws/xml.h"
#include "spec/base/glob.h"
#include "spec/base/one_line.h"

#define MINUTES(n)  ((int64_t)(n)*60 * 1000)
#define HOURS(n)    ((int64_t)(n)*60 * 60 * 1000)
#define MESSAGE_MAX 1000 /* characters */
#define BODY_SHOWN  200
#define HIDDEN_FROM 16   /* characters of a secret that are one */
#define EVERY       (-1) /* service */

/* ---- what follows from each ---- */

typedef struct {
    int service;      /* EVERY, or one: its own rows stand first */
    const char *code; /* * for any characters */
    AwsAction action;
    int64_t cool_down_ms;
    bool is_throttling;
} Rule;

static const Rule rules[] = {
    /* ECS calls a quota what others call throttling. */
    {AWS_ECS, "LimitExceededException", AWS_ACT_WAIT, MINUTES(5), false},
    {AWS_ECS, "ClientException", AWS_ACT_FINAL, 0, false},
    {AWS_ECS, "InvalidParameterException", AWS_ACT_FINAL, 0, false},
    {AWS_ECS, "ServerException", AWS_ACT_RETRY, 0, false},
    {AWS_ECS, "ClusterNotFoundException", AWS_ACT_UNSEEN, 0, false},
    {AWS_ECS, "UnsupportedFeatureException", AWS_ACT_FINAL, 0, false},
    {AWS_ECS, "PlatformUnknownException", AWS_ACT_FINAL, 0, false},
    {AWS_ECS, "PlatformTaskDefinitionIncompatibilityException", AWS_ACT_FINAL, 0, false},
    {AWS_ECS, "ConflictException", AWS_ACT_FINAL, 0, false},
    {AWS_SSM, "ParameterNotFound", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_IAM, "NoSuchEntity", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_SQS, "QueueDoesNotExist", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_SQS, "AWS.SimpleQueueService.NonExistentQueue", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_SQS, "InvalidAddress", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_SQS, "InvalidSecurity", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_SQS, "OverLimit", AWS_ACT_WAIT, MINUTES(1), false}, /* too many in flight */
    {AWS_SQS, "KmsThrottled", AWS_ACT_RETRY, 0, true},
    {AWS_SQS, "Kms*", AWS_ACT_CONFIGURATION, 0, false},
    {AWS_STS, "IDPCommunicationError", AWS_ACT_RETRY, 0, false},
    /* No room: there may be some elsewhere. */
    {EVERY, "InsufficientInstanceCapacity", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "Server.InsufficientInstanceCapacity", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "InsufficientHostCapacity", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "InsufficientReservedInstanceCapacity", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "ReservationCapacityExceeded", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "UnfulfillableCapacity", AWS_ACT_NEXT_POOL, MINUTES(3), false},
    {EVERY, "SpotMaxPriceTooLow", AWS_ACT_NEXT_POOL, MINUTES(5), false},
    {EVERY, "Unsupported", AWS_ACT_NEXT_POOL, HOURS(4), false},
    {EVERY, "UnsupportedOperation", AWS_ACT_NEXT_POOL, HOURS(4), false},
    {EVERY, "InstanceTypeNotSupported", AWS_ACT_NEXT_POOL, HOURS(4), false},
    {EVERY, "InvalidAvailabilityZone", AWS_ACT_NEXT_POOL, HOURS(4), false},
    {EVERY, "InsufficientFreeAddressesInSubnet", AWS_ACT_NEXT_POOL, MINUTES(5), false},
    /* Quotas, and what only time mends. */
    {EVERY, "MaxSpotInstanceCountExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "SpotInstanceCountLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "VcpuLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "InstanceLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "MaxFleetCountExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "InsufficientAddressCapacity", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "NetworkInterfaceLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "VolumeLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "Client.VolumeLimitExceeded", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "InsufficientVolumeCapacity", AWS_ACT_WAIT, MINUTES(5), false},
    {EVERY, "PendingVerification", AWS_ACT_WAIT, MINUTES(15), false},
    /* Too many calls. */
    {EVERY, "RequestLimitExceeded", AWS_ACT_RETRY, 0, true},
    {EVERY, "EC2ThrottledException", AWS_ACT_RETRY, 0, true},
    {EVERY, "Throttl*", AWS_ACT_RETRY, 0, true},
    {EVERY, "RequestThrottled*", AWS_ACT_RETRY, 0, true},
    {EVERY, "TooManyRequestsException", AWS_ACT_RETRY, 0, true},
    {EVERY, "ProvisionedThroughputExceededException", AWS_ACT_RETRY, 0, true},
    {EVERY, "TransactionInProgressException", AWS_ACT_RETRY, 0, true},
    {EVERY, "BandwidthLimitExceeded", AWS_ACT_RETRY, 0, true},
    {EVERY, "LimitExceededException", AWS_ACT_RETRY, 0, true},
    {EVERY, "SlowDown", AWS_ACT_RETRY, 0, true},
    {EVERY, "PriorRequestNotComplete", AWS_ACT_RETRY, 0, true},
    /* Faults there. */
    {EVERY, "RequestTimeout*", AWS_ACT_RETRY, 0, false},
    {EVERY, "InternalError", AWS_ACT_RETRY, 0, false},
    {EVERY, "InternalFailure", AWS_ACT_RETRY, 0, false},
    {EVERY, "Unavailable", AWS_ACT_RETRY, 0, false},
    {EVERY, "ServiceUnavailable*", AWS_ACT_RETRY, 0, false},
    {EVERY, "Server.*", AWS_ACT_RETRY, 0, false},
    /* Who asks, and when. */
    {EVERY, "RequestTimeTooSkewed", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "ExpiredToken*", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "RequestExpired", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "InvalidClientTokenId", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "UnrecognizedClientException", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "SignatureDoesNotMatch", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "InvalidSignatureException", AWS_ACT_CREDENTIALS, 0, false},
    {EVERY, "AuthFailure", AWS_ACT_CREDENTIALS, 0, false},
    /* What somebody has to set right. */
    {EVERY, "UnauthorizedOperation", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "AccessDenied*", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "AuthFailure.ServiceLinkedRoleCreationNotPermitted", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "OptInRequired", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "Blocked*", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidAMIID.*", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidSubnetID.NotFound", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidGroup.NotFound", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidSecurityGroupID.NotFound", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidKeyPair.NotFound", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidPlacementGroup.Unknown", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidLaunchTemplate*", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidParameter*", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "MissingParameter", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "InvalidUserData.Malformed", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "Client.InvalidSnapshot.NotFound", AWS_ACT_CONFIGURATION, 0, false},
    {EVERY, "Client.InternalError", AWS_ACT_CONFIGURATION, 0, false}, /* most often the key of a volume */
    /* Too new, or gone. */
    {EVERY, "InvalidInstanceID.NotFound", AWS_ACT_UNSEEN, 0, false},
    {EVERY, "DryRunOperation", AWS_ACT_SUCCESS, 0, false},
};

static const Rule *rule_of(AwsService service, const char *code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if ((rules[i].service == EVERY || rules[i].service == (int)service) &&
            glob_matches(rules[i].code, view_from(code)))
            return &rules[i];
    return NULL;
}

/* The code first: EC2 says that there is no capacity with status 500. A 4xx that nobody knows is final for
 * its request. */
static void decide(AwsError *error, AwsService service)
{
    const Rule *rule = rule_of(service, error->code);
    bool is_busy = error->status == 429 || error->status == 509;
    bool is_fault = error->status >= 500 && error->status != 509;
    error->action = rule ? rule->action : is_busy || is_fault ? AWS_ACT_RETRY : AWS_ACT_FINAL;
    error->is_throttling = rule ? rule->is_throttling : is_busy;
    error->cool_down_ms = rule ? rule->cool_down_ms : 0;
    bool is_fault_there = error->action == AWS_ACT_RETRY && !error->is_throttling;
    error->is_certain = !is_fault_there;
}

/* ---- reading ---- */

/* Out of a namespace and before what may follow: "com.amazon#ThrottlingException:http://…". New string. */
static char *plain_code(const char *text)
{
    const char *hash = text ? strrchr(text, '#') : NULL, *start = hash ? hash + 1 : text ? text : "";
    return g_strndup(start, strcspn(start, ":"));
}

static void take_text(char **place, const char *text, long max)
{
    if (!text)
        return;
    g_free(*place);
    *place = one_line(view_from(text), max);
}

/* EC2: Response/Errors/Error; the others ErrorResponse/Error. */
static void read_xml(AwsError *error, View body)
{
    g_autoptr(XmlDocument) document = xml_parse(body, NULL);
    const XmlElement *root = document ? xml_root(document) : NULL, *found = xml_find(root, "Errors/Error");
    const char *id = xml_text(root, "RequestID");
    found = found ? found : xml_find(root, "Error");
    take_text(&error->code, xml_text(found, "Code"), MESSAGE_MAX);
    take_text(&error->message, xml_text(found, "Message"), MESSAGE_MAX);
    take_text(&error->request_id, id ? id : xml_text(root, "RequestId"), MESSAGE_MAX);
}

static void read_json(AwsError *error, View body, const char *type)
{
    json_t *root = json_loadb(body.data ? body.data : "", body.len, 0, NULL);
    const char *own = json_string_value(json_object_get(root, "__type")),
               *message = json_string_value(json_object_get(root, "message"));
    g_autofree char *code = plain_code(type ? type : own);
    take_text(&error->code, code, MESSAGE_MAX);
    take_text(&error->message, message ? message : json_string_value(json_object_get(root, "Message")),
              MESSAGE_MAX);
    json_decref(root);
}

/* What says nothing by itself: by its status, and the beginning of what came (a load balancer's page). */
static void say_something(AwsError *error, View body)
{
    if (!error->code)
        error->code = g_strdup("");
    if (error->message && *error->message)
        return;
    g_autofree char *shown = one_line(body, BODY_SHOWN);
    g_free(error->message);
    error->message = g_strdup_printf("HTTP status %ld%s%s", error->status, *shown ? ": " : "", shown);
}

AwsError *aws_error_read(AwsService service, long status, View body, const char *type, const char *request_id)
{
    AwsError *error = g_new0(AwsError, 1);
    error->status = status;
    bool is_xml = body.len > 0 && body.data[0] == '<';
    /* What stands before a service (its authorisation) may answer in another form than it does. */
    if (is_xml)
        read_xml(error, body);
    else if (aws_service_info(service)->wire == AWS_WIRE_JSON ||
             aws_service_info(service)->wire >= AWS_WIRE_REST || type)
        read_json(error, body, type);
    if (!error->request_id)
        error->request_id = g_strdup(request_id);
    say_something(error, body);
    decide(error, service);
    return error;
}

AwsError *aws_error_of_code(AwsService service, const char *code, const char *message)
{
    AwsError *error = g_new0(AwsError, 1);
    take_text(&error->code, code ? code : "", MESSAGE_MAX);
    take_text(&error->message, message ? message : "", MESSAGE_MAX);
    decide(error, service);
    error->is_certain = true;
    return error;
}

AwsError *aws_error_of_transport(HttpEnd end, const char *why)
{
    AwsError *error = g_new0(AwsError, 1);
    bool is_hopeless = end == HTTP_IMPOSSIBLE || end == HTTP_TOO_LARGE;
    error->code = g_strdup("");
    error->message = one_line(view_from(why ? why : "no answer"), MESSAGE_MAX);
    error->action = is_hopeless ? AWS_ACT_CONFIGURATION : AWS_ACT_RETRY;
    error->is_certain = end == HTTP_UNREACHABLE || end == HTTP_IMPOSSIBLE;
    return error;
}

AwsError *aws_error_of_credentials(const char *why)
{
    AwsError *error = g_new0(AwsError, 1);
    error->code = g_strdup("");
    error->message = one_line(view_from(why), MESSAGE_MAX);
    error->action = AWS_ACT_CREDENTIALS;
    error->is_certain = true;
    return error;
}

/* ---- credentials and clocks ---- */

static bool is_one_of(const AwsError *error, const char *const *patterns)
{
    for (; *patterns; patterns++)
        if (glob_matches(*patterns, view_from(error->code)))
            return true;
    return false;
}

bool aws_error_may_be_clock(const AwsError *error)
{
    static const char *const codes[] = {"RequestExpired",
                                        "AuthFailure",
                                        "RequestTimeTooSkewed",
                                        "InvalidSignatureException",
                                        "RequestInTheFuture",
                                        "SignatureDoesNotMatch",
                                        NULL};
    return is_one_of(error, codes);
}

bool aws_error_may_be_age(const AwsError *error)
{
    static const char *const codes[] = {"ExpiredToken*", "RequestExpired", "UnrecognizedClientException",
                                        "InvalidClientTokenId", NULL};
    return is_one_of(error, codes);
}

/* By its beginning: the message may have been cut in the middle of it. */
void aws_error_hide(AwsError *error, const char *secret)
{
    g_autofree char *beginning = g_strndup(secret ? secret : "", HIDDEN_FROM);
    char *found = *beginning ? strstr(error->message, beginning) : NULL;
    if (!found)
        return;
    *found = '\0';
    char *message = g_strconcat(error->message, "…", NULL);
    g_free(error->message);
    error->message = message;
}

AwsError *aws_error_copy(const AwsError *error)
{
    AwsError *copy = g_memdup2(error, sizeof *error);
    copy->code = g_strdup(error->code);
    copy->message = g_strdup(error->message);
    copy->request_id = g_strdup(error->request_id);
    return copy;
}

void aws_error_free(AwsError *error)
{
    if (!error)
        return;
    g_free(error->code);
    g_free(error->message);
    g_free(error->request_id);
    g_free(error);
}

char *aws_error_text(const AwsError *error)
{
    bool has_id = error->request_id && *error->request_id;
    return g_strdup_printf("%s%s%s%s%s%s", error->code, *error->code ? ": " : "", error->message,
                           has_id ? " (request " : "", has_id ? error->request_id : "", has_id ? ")" : "");
}

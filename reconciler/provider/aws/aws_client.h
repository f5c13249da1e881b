/* aws_client.h: calls to one service of one account in one region, until they succeed or are not worth
 * another try. Owns:   the retry quota, the rate limits and the clock's offset of that service. Calls:
 * http_client.h, aws_credentials.h; signs (aws_request.h). Holds:  every attempt is signed anew; calls of one
 * action go out in the order they were given; done is called exactly once, never before aws_client_call() has
 * returned, but for what is cancelled or freed. Neither keys nor signatures are in any error. All of it on
 * the thread of the context. */
#pragma once
#include "reconciler/provider/aws/aws_answer.h"
#include "reconciler/provider/aws/aws_credentials.h"
#include "reconciler/provider/http/http_client.h"
#include "reconciler/provider/aws/aws_time.h"
#include "spec/base/meter.h"

typedef enum { AWS_RETRY_STANDARD, AWS_RETRY_ADAPTIVE } AwsRetryMode;

/* Copied by aws_client_new(). */
typedef struct {
    AwsService service;
    const char *region;    /* "eu-central-1" */
    const char *endpoint;  /* "http://127.0.0.1:5000"; NULL: the service's own by partition and region */
    const char *ca_bundle; /* NULL: the system's */
    bool uses_fips, uses_dualstack;
    bool allows_plain_http; /* credentials over http to another host than loopback */
    AwsRetryMode retry_mode;
    int max_attempts;  /* in all; 0: 3 */
    int max_under_way; /* at a time; 0: 32 */
    int rate_share_e3; /* of the published request rates, what we take, in 1/1,000; 0: all */
    CallMeter *calls;  /* each try is counted there; outlives the client; NULL: nowhere */
} AwsClientConfig;

typedef struct AwsClient AwsClient;

/* http: borrowed, outlives the client, of the same context. credentials: referenced; NULL: nothing is signed
 * (for what asks for credentials). NULL with error (G_CONVERT_ERROR): the endpoint or the region is none, or
 * credentials would be readable on the way. */
AwsClient *aws_client_new(GMainContext *context, HttpClient *http, AwsCredentialsSource *credentials,
                          const AwsClientConfig *config, const AwsTime *time, GError **error);
/* Ends what is under way without a word. Not from within done. */
void aws_client_free(AwsClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsClient, aws_client_free)

/* The answer is valid during the call. An answer with an error has nothing else. */
typedef void (*AwsDone)(const AwsAnswer *answer, void *data);
/* One page of several. False: it is enough. */
typedef bool (*AwsPage)(const AwsAnswer *page, void *data);

/* Copied by aws_client_call(). */
typedef struct {
    const char *action; /* "RunInstances" */
    const char *body; /* as query_text() or json_dumps() made it; NULL: {}; of AWS_WIRE_REST: "/PATH?QUERY" */
    /* Pages are read one after the other until there is none left; then done gets the last one. What was
     * given before an error stays given. NULL: one answer, whatever it has. */
    AwsPage page;
    int64_t resources;  /* instances that are started or ended, for the rate limits; 0: none */
    int64_t timeout_ms; /* of one attempt; 0: a minute */
    /* To do it twice would do harm, and the call has no token that hinders it: it is repeated only when it is
     * certain that it was not carried out. */
    bool is_once;
    GDestroyNotify free_data; /* once the call is over in whatever way, with its data; NULL: nothing */
} AwsCall;

/* Returns an id for aws_client_cancel(), never 0. */
uint64_t aws_client_call(AwsClient *client, const AwsCall *call, AwsDone done, void *data);
/* Neither page nor done is called any more. Harmless for one that has ended. */
void aws_client_cancel(AwsClient *client, uint64_t id);

/* aws_client.h: calls to one service of one account in one region, until they succeed or are not worth
 * another try. Owns:   the retry quota, the rate limits and the clock's offset of that service. Calls:
 * aws_http.h, aws_credentials.h; signs (sigv4.h). Holds:  every attempt is signed anew; done is called
 * exactly once, never before aws_client_call() has returned, but for what is cancelled or freed. All of it on
 * the thread of the context. */
#pragma once
#include <jansson.h>
#include "reconciler/provider/aws/aws_credentials.h"
#include "reconciler/provider/aws/aws_error.h"
#include "reconciler/provider/aws/aws_http.h"

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
    int max_attempts; /* in all; 0: 3 */
} AwsClientConfig;

typedef struct AwsClient AwsClient;

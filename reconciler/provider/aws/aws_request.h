/* aws_request.h: an endpoint, and the headers of one signed request to it. Computes only: time and who asks
 * are arguments. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/provider/aws/aws_partition.h"
#include "reconciler/provider/aws/aws_credentials.h"
#include "spec/sigv4.h"

typedef struct {
    char *url;  /* that requests go to */
    char *host; /* as the header Host has it: with the port where it is not the scheme's own */
    char *path; /* "/" at least */
    bool is_encrypted, is_loopback;
} AwsEndpoint;

/* "https://HOST[:PORT][/PATH]". False with error (G_CONVERT_ERROR_BAD_URI). */
bool aws_endpoint_parse(const char *text, AwsEndpoint *ret_endpoint, GError **error);
void aws_endpoint_clear(AwsEndpoint *endpoint);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsEndpoint, aws_endpoint_clear)

/* One attempt of a call. */
typedef struct {
    AwsService service;
    const char *region;        /* that is asked; what signatures name follows from it */
    const char *action, *body; /* of AWS_WIRE_REST: path and query of a GET */
    const char *invocation_id; /* of the call; NULL: not said */
    int attempt, attempts_max;
} AwsAttempt;

/* Path and query that an attempt goes to; a new string. */
char *aws_request_path(const AwsEndpoint *endpoint, const AwsAttempt *attempt);

/* "Name: value" each, Host and Authorization included, NULL-terminated, new; body is sent as it is.
 * credentials NULL: not signed. at_ms: as the service's clock goes. key: kept between calls; zero at first.
 */
GStrv aws_request_headers(const AwsEndpoint *endpoint, const AwsAttempt *attempt,
                          const AwsCredentials *credentials, int64_t at_ms, SigV4Key *key);

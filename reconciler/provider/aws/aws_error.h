/* aws_error.h: the one place that knows the errors of AWS: how they are read, and what follows from each.
 * Computes only. Source: the services' models and published error tables; botocore's retry rules. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/provider/http/http_client.h"
#include "reconciler/provider/aws/aws_partition.h"

typedef enum {
    AWS_ACT_RETRY,         /* the same call again, after a back-off */
    AWS_ACT_NEXT_POOL,     /* another type or zone now, this one not for cool_down_ms */
    AWS_ACT_WAIT,          /* planned anew later (cool_down_ms); nothing is wrong with what was asked for */
    AWS_ACT_CONFIGURATION, /* the environment is INVALID with this text, until its spec changes or a slow look
                              again */
    AWS_ACT_FINAL,         /* this request is refused, or there is a fault of ours */
    AWS_ACT_CREDENTIALS,   /* of the credentials or the clock: refreshed and signed anew once; then all of the
                              account wait */
    AWS_ACT_UNSEEN, /* an id that is too new to be known, or long gone: whoever asks knows how old it is */
    AWS_ACT_SUCCESS /* a dry run that would have worked */
} AwsAction;

typedef struct {
    char *code;       /* "RequestLimitExceeded"; "" where none came */
    char *message;    /* as it came, one line; else a sentence of ours */
    char *request_id; /* for AWS's support; NULL: none came */
    long status;      /* HTTP; 0: there was no answer */
    AwsAction action;
    bool is_throttling; /* too many calls: another back-off, and the rate limiter hears of it */
    bool is_certain; /* it was not carried out; else nobody knows (a time limit, a broken connection, a fault
                        there) */
    int64_t cool_down_ms; /* NEXT_POOL, WAIT; 0: as usual */
} AwsError;

void aws_error_free(AwsError *error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsError, aws_error_free)
/* Of an answer whose status is not 2xx. type, request_id: the headers x-amzn-errortype and x-amzn-requestid;
 * may be NULL. */
AwsError *aws_error_read(AwsService service, long status, View body, const char *type,
                         const char *request_id);
/* Of one that did not come. */
AwsError *aws_error_of_transport(HttpEnd end, const char *why);
/* Of a list of failures that came with success (CreateFleet's errorSet), and of why an instance ended
 * (stateReason). */
AwsError *aws_error_of_code(AwsService service, const char *code, const char *message);
/* Of a call that was not made for want of credentials. */
AwsError *aws_error_of_credentials(const char *why);
/* It may be that the clocks differ: worth a look at the answer's Date. */
bool aws_error_may_be_clock(const AwsError *error);
/* It may be that the credentials have ended or were replaced: worth a fresh set. */
bool aws_error_may_be_age(const AwsError *error);
/* Cuts the message where it begins to repeat a secret of the request: some services answer a bad signature
 * with all that was signed, the session token included. NULL: nothing. */
void aws_error_hide(AwsError *error, const char *secret);
AwsError *aws_error_copy(const AwsError *error);
/* "RequestLimitExceeded: Request limit exceeded. (request 1b2c)". New string. */
char *aws_error_text(const AwsError *error);

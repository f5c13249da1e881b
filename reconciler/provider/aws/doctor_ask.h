/* doctor_ask.h: questions of the doctor to AWS, many at a time, each with a time limit.
 * Owns:   clients, by service and region; what is under way.
 * Calls:  aws_client.h.
 * Holds:  a question that fails is a reply like any other; nothing is asked that changes anything. */
#pragma once
#include "reconciler/provider/aws/aws_chain.h"
#include "reconciler/provider/aws/doctor_finding.h"

/* Borrowed, as long as DoctorAsk is there. */
typedef struct {
    GMainContext *context;
    HttpClient *http;
    AwsSettings *settings;
    const AwsTime *time;
    const char *region;
} DoctorWith;

typedef struct DoctorAsk DoctorAsk;
/* role_arn: assumed first; NULL: none. NULL with error: there are no credentials to look for. */
DoctorAsk *doctor_ask_new(const DoctorWith *with, const char *role_arn, GError **error);
void doctor_ask_free(DoctorAsk *ask);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DoctorAsk, doctor_ask_free)

typedef struct {
    AwsService service;
    const char *region; /* NULL: as DoctorWith says */
    const char *action;
    const char *body; /* as of AwsCall */
    AwsPage read;     /* a page of the answer; NULL: that there is one is enough */
    void *data;       /* for read; until doctor_ask_wait() has returned */
    DoctorReply *reply;
    GDestroyNotify free_data; /* of data, once it is over; NULL: nothing */
} DoctorQuestion;
void doctor_ask_put(DoctorAsk *ask, const DoctorQuestion *question);
/* Until all has been answered. */
void doctor_ask_wait(DoctorAsk *ask);

/* The credentials themselves; referenced. NULL with error: there are none. */
AwsCredentials *doctor_ask_credentials(DoctorAsk *ask, GError **error);

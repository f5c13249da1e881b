/* aws_session.h: what a command, or a thread beside the loop, asks AWS with: settings and credentials as they
 * are at hand, and a main context of its own that it waits on. Calls:  the environment, ~/.aws, whatever
 * gives credentials. Blocks where it says so. Holds:  a step needs those before it; what failed leaves the
 * session to be cleared. */
#pragma once
#include "reconciler/provider/aws/aws_chain.h"
#include "reconciler/provider/aws/aws_client.h"

typedef struct {
    GMainContext *context;
    HttpClient *http;
    AwsTime time;
    AwsSettings *settings;        /* NULL: not read */
    AwsCredentialsSource *source; /* NULL: not found */
} AwsSession;

/* session: {0}. profile, region: instead of what the environment says; NULL: as it says. region is borrowed
 * as long as the session is there. */
bool aws_session_begin(AwsSession *session, const char *profile, const char *region, GError **error);
/* False with error: no region is known. */
bool aws_session_needs_region(const AwsSession *session, GError **error);
/* Where credentials come from; none are got yet. role_arn: assumed with them; NULL: none. */
bool aws_session_find_credentials(AwsSession *session, const char *role_arn, GError **error);
/* A set, referenced. Blocks. NULL with error: there is none. */
AwsCredentials *aws_session_credentials(const AwsSession *session, GError **error);
/* region: NULL: the settings'. NULL with error. To be freed before the session is cleared. */
AwsClient *aws_session_client(const AwsSession *session, AwsService service, const char *region,
                              GError **error);
void aws_session_clear(AwsSession *session);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsSession, aws_session_clear)

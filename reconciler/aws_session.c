/* aws_session.c: see aws_session.h. */
#include "reconciler/aws_session.h"
#include <string.h>
#include "reconciler/aws_edge.h"
#include "reconciler/clock.h"
#include "reconciler/provider/aws/aws_shared_files.h"

#define CONNECTIONS 8

/* data: the region that was given; NULL: none was. */
static const char *lookup(const char *name, void *data)
{
    bool is_region = strcmp(name, "AWS_REGION") == 0 || strcmp(name, "AWS_DEFAULT_REGION") == 0;
    return data && is_region ? data : aws_edge_variable(name, NULL);
}

bool aws_session_begin(AwsSession *session, const char *profile, const char *region, GError **error)
{
    void *data = (void *)(uintptr_t)region;
    session->time = aws_edge_time((uint64_t)clock_us());
    session->context = g_main_context_new();
    session->http = http_new(session->context, CONNECTIONS);
    AwsConfigFile *file = aws_shared_files_read(lookup, data, error);
    session->settings = file ? aws_settings_new(file, profile, lookup, data, error) : NULL;
    return session->settings != NULL;
}

bool aws_session_needs_region(const AwsSession *session, GError **error)
{
    if (session->settings->region.text)
        return true;
    g_set_error_literal(
        error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "no region is known: give --region where there is such an option, set AWS_REGION, or region "
        "in the profile");
    return false;
}

bool aws_session_find_credentials(AwsSession *session, const char *role_arn, GError **error)
{
    const AwsChain chain = {.fetching = {session->context, session->http, session->settings},
                            .time = &session->time};
    session->source = aws_chain_new(&chain, role_arn, error);
    return session->source != NULL;
}

AwsCredentials *aws_session_credentials(const AwsSession *session, GError **error)
{
    return aws_credentials_wait(session->source, session->context, error);
}

AwsClient *aws_session_client(const AwsSession *session, AwsService service, const char *region,
                              GError **error)
{
    g_auto(AwsSetting) endpoint = aws_settings_endpoint(session->settings, service);
    AwsClientConfig config = aws_settings_client(session->settings, service, region, endpoint.text);
    return aws_client_new(session->context, session->http, session->source, &config, &session->time, error);
}

void aws_session_clear(AwsSession *session)
{
    g_clear_pointer(&session->source, aws_credentials_source_unref);
    g_clear_pointer(&session->http, http_free);
    g_clear_pointer(&session->settings, aws_settings_free);
    g_clear_pointer(&session->context, g_main_context_unref);
}

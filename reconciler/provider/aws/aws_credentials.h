/* aws_credentials.h: credentials, and where they come from. Holds: they are never logged, nor put into a
 * message. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* One set; never changes. Counted by reference, on one thread. */
typedef struct {
    char *access_key_id, *secret_access_key;
    char *session_token; /* NULL: none */
    int64_t expires_ms;  /* CLOCK_REALTIME; 0: never */
    char *origin; /* for messages: "environment variables", "profile \"ci\" of /home/…/credentials" */
    int refs;
} AwsCredentials;

/* All are copied; session_token may be NULL. */
AwsCredentials *aws_credentials_new(const char *access_key_id, const char *secret_access_key,
                                    const char *session_token, int64_t expires_ms, const char *origin);
AwsCredentials *aws_credentials_ref(AwsCredentials *credentials);
void aws_credentials_unref(AwsCredentials *credentials); /* the last one wipes the secret */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsCredentials, aws_credentials_unref)

/* Keeps one set fresh. Shared by the clients of one account and role. */
typedef struct AwsCredentialsSource AwsCredentialsSource;

/* credentials: borrowed (reference it to keep it); NULL: there are none now, error says why and what to do.
 */
typedef void (*AwsCredentialsDone)(AwsCredentials *credentials, const GError *error, void *data);

/* Calls done with a set that is good for some time yet: at once, before it returns, when there is one; else
 * when it has been fetched. Several that ask meanwhile share one fetch. A set that is near its end is renewed
 * on the side. Returns an id for aws_credentials_cancel(); 0: done has been called. */
uint64_t aws_credentials_get(AwsCredentialsSource *source, AwsCredentialsDone done, void *data);
void aws_credentials_cancel(AwsCredentialsSource *source, uint64_t id);
/* A service refused this set as expired or unknown: it is not given again unless the same comes back from
 * where it came. */
void aws_credentials_refused(AwsCredentialsSource *source, const AwsCredentials *credentials);
/* One set for ever; for tests and given keys. */
AwsCredentialsSource *aws_credentials_source_fixed(AwsCredentials *credentials);
AwsCredentialsSource *aws_credentials_source_ref(AwsCredentialsSource *source);
void aws_credentials_source_unref(AwsCredentialsSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsCredentialsSource, aws_credentials_source_unref)

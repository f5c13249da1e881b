/* fake_credentials.h: all of aws_credentials.h for one test program, with a source that a test scripts; it
 * takes the place of the real one when the program is linked. */
#pragma once
#include "reconciler/provider/aws/aws_credentials.h"

#define FAKE_KEY_ID "AKIDEXAMPLE"
#define FAKE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

typedef struct {
    AwsCredentialsDone done;
    void *data;
    uint64_t id;
} FakeAsker;

/* Gives the token "session-N-…" of generation N; 0: none at all (an error). */
struct AwsCredentialsSource {
    AwsCredentials *current;
    int generation, refused;
    bool is_slow; /* whoever asks waits for fake_credentials_arrive() */
    GArray *askers;
    uint64_t last_id;
    int refs;
};

AwsCredentials *aws_credentials_new(const char *access_key_id, const char *secret_access_key,
                                    const char *session_token, int64_t expires_ms, const char *origin)
{
    AwsCredentials *credentials = g_new0(AwsCredentials, 1);
    *credentials = (AwsCredentials){.access_key_id = g_strdup(access_key_id),
                                    .secret_access_key = g_strdup(secret_access_key),
                                    .session_token = g_strdup(session_token),
                                    .expires_ms = expires_ms,
                                    .origin = g_strdup(origin),
                                    .refs = 1};
    return credentials;
}

AwsCredentials *aws_credentials_ref(AwsCredentials *credentials)
{
    credentials->refs++;
    return credentials;
}

void aws_credentials_unref(AwsCredentials *credentials)
{
    if (!credentials || --credentials->refs > 0)
        return;
    g_free(credentials->access_key_id);
    g_free(credentials->secret_access_key);
    g_free(credentials->session_token);
    g_free(credentials->origin);
    g_free(credentials);
}

static inline void fake_credentials_set(AwsCredentialsSource *source, int generation)
{
    g_clear_pointer(&source->current, aws_credentials_unref);
    source->generation = generation;
    if (generation == 0)
        return;
    g_autofree char *token = g_strdup_printf("session-%d-0123456789abcdef", generation);
    source->current = aws_credentials_new(FAKE_KEY_ID, FAKE_SECRET, token, 0, "the test");
}

static inline void fake_credentials_give(AwsCredentialsSource *source, AwsCredentialsDone done, void *data)
{
    g_autoptr(GError) error = g_error_new_literal(G_CONVERT_ERROR, G_CONVERT_ERROR_FAILED,
                                                  "there are no credentials: set AWS_PROFILE or the like");
    g_autoptr(AwsCredentials) given = source->current ? aws_credentials_ref(source->current) : NULL;
    done(given, given ? NULL : error, data);
}

uint64_t aws_credentials_get(AwsCredentialsSource *source, AwsCredentialsDone done, void *data)
{
    if (!source->is_slow) {
        fake_credentials_give(source, done, data);
        return 0;
    }
    const FakeAsker asker = {done, data, ++source->last_id};
    g_array_append_val(source->askers, asker);
    return asker.id;
}

static inline void fake_credentials_arrive(AwsCredentialsSource *source)
{
    while (source->askers->len > 0) {
        FakeAsker asker = g_array_index(source->askers, FakeAsker, 0);
        g_array_remove_index(source->askers, 0);
        fake_credentials_give(source, asker.done, asker.data);
    }
}

void aws_credentials_cancel(AwsCredentialsSource *source, uint64_t id)
{
    for (guint i = 0; i < source->askers->len; i++)
        if (g_array_index(source->askers, FakeAsker, i).id == id) {
            g_array_remove_index(source->askers, i);
            return;
        }
}

void aws_credentials_refused(AwsCredentialsSource *source, const AwsCredentials *credentials)
{
    source->refused++;
    if (credentials == source->current)
        fake_credentials_set(source, source->generation + 1);
}

AwsCredentialsSource *aws_credentials_source_fixed(AwsCredentials *credentials)
{
    AwsCredentialsSource *source = g_new0(AwsCredentialsSource, 1);
    source->current = credentials ? aws_credentials_ref(credentials) : NULL;
    source->askers = g_array_new(FALSE, FALSE, sizeof(FakeAsker));
    source->refs = 1;
    return source;
}

AwsCredentialsSource *aws_credentials_source_ref(AwsCredentialsSource *source)
{
    source->refs++;
    return source;
}

void aws_credentials_source_unref(AwsCredentialsSource *source)
{
    if (!source || --source->refs > 0)
        return;
    g_assert_cmpuint(source->askers->len, ==, 0);
    aws_credentials_unref(source->current);
    g_array_unref(source->askers);
    g_free(source);
}

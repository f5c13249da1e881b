/* aws_credentials_source.h: a set of credentials is kept fresh, wherever it comes from.
 * Owns:   the set, and who waits for one.
 * Calls:  whoever fetches (AwsFetcher).
 * Holds:  one fetch at a time, which all that ask share; a set that is still good is used while a new one is
 * on its way, and as long as none can be had. */
#pragma once
#include "reconciler/provider/aws/aws_credentials.h"
#include "reconciler/provider/aws/aws_time.h"

/* Either is taken: credentials, or an error. */
typedef void (*AwsFetched)(AwsCredentials *credentials, GError *error, void *data);

/* What brings a set. */
typedef struct {
    /* done is called exactly once, perhaps before it returns; not after cancel() or free(). One at a time. */
    void (*fetch)(void *self, AwsFetched done, void *data);
    void (*cancel)(void *self);
    void (*free)(void *self);
    void *self;
    /* What it brings may be said to have expired and is good all the same: an instance's metadata service
     * goes on with a set when it cannot reach what makes them. */
    bool is_lenient;
} AwsFetcher;

/* Waits for a set, on the context that source's fetcher works on. A reference. NULL with error: there is
 * none. */
AwsCredentials *aws_credentials_wait(AwsCredentialsSource *source, GMainContext *context, GError **error);

/* fetcher is taken; time: copied; of it only the wall clock counts. The first set is fetched when it is asked
 * for. */
AwsCredentialsSource *aws_credentials_source_new(const AwsFetcher *fetcher, const AwsTime *time);

/* ---- when ---- */

typedef enum {
    AWS_REFRESH_NONE,
    AWS_REFRESH_ASIDE, /* the set is used; a new one is fetched meanwhile */
    AWS_REFRESH_FIRST  /* whoever asks waits for a new one */
} AwsRefresh;

/* expires_ms: of the set; 0: never. failed_ms: when fetching failed last since the set came; 0: it did not.
 * Source: the SDKs' rules: 15 minutes before it ends it is tried, 10 minutes before it is insisted on. */
AwsRefresh aws_refresh_of(int64_t expires_ms, int64_t failed_ms, bool is_lenient, int64_t now_ms);

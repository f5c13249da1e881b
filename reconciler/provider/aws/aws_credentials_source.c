#include "reconciler/provider/aws/aws_credentials_source.h"

#define MINUTE_MS  (60LL * 1000)
#define ASIDE_MS   (15 * MINUTE_MS) /* before its end */
#define FIRST_MS   (10 * MINUTE_MS)
#define AGAIN_MS   MINUTE_MS       /* after a failure */
#define LENIENT_MS (5 * MINUTE_MS) /* the same, of what has expired and is good all the same */

typedef struct {
    uint64_t id;
    AwsCredentialsDone done;
    void *data;
} Waiter;

struct AwsCredentialsSource {
    AwsFetcher fetcher;
    AwsTime time;
    AwsCredentials *current; /* NULL: none yet */
    int64_t failed_ms;
    bool is_fetching;
    GArray *waiters; /* of Waiter */
    uint64_t last_id;
    int refs;
};

/* ---- when ---- */

AwsRefresh aws_refresh_of(int64_t expires_ms, int64_t failed_ms, bool is_lenient, int64_t now_ms)
{
    bool has_ended = now_ms >= expires_ms, has_failed = failed_ms > 0 && now_ms >= failed_ms;
    if (expires_ms == 0 || now_ms < expires_ms - ASIDE_MS)
        return AWS_REFRESH_NONE;
    if (is_lenient && has_ended)
        return has_failed && now_ms - failed_ms < LENIENT_MS ? AWS_REFRESH_NONE : AWS_REFRESH_ASIDE;
    if (has_failed && now_ms - failed_ms < AGAIN_MS)
        return has_ended ? AWS_REFRESH_FIRST : AWS_REFRESH_NONE;
    return now_ms < expires_ms - FIRST_MS ? AWS_REFRESH_ASIDE : AWS_REFRESH_FIRST;
}

static int64_t now_of(const AwsCredentialsSource *source)
{
    return source->time.now_ms ? source->time.now_ms(source->time.self) : 0;
}

/* It can be used, whatever came of fetching another. */
static bool is_usable(const AwsCredentialsSource *source)
{
    const AwsCredentials *current = source->current;
    return current &&
           (current->expires_ms == 0 || source->fetcher.is_lenient || now_of(source) < current->expires_ms);
}

/* ---- fetching ---- */

/* Those that wait now, one by one: who is told may cancel another; who asks in an answer waits for the next.
 */
static void tell_all(AwsCredentialsSource *source, const GError *error)
{
    uint64_t last_id = source->last_id;
    g_autoptr(AwsCredentials) set = is_usable(source) ? aws_credentials_ref(source->current) : NULL;
    while (source->waiters->len > 0) {
        const Waiter waiter = g_array_index(source->waiters, Waiter, 0);
        if (waiter.id > last_id)
            break;
        g_array_remove_index(source->waiters, 0);
        waiter.done(set, set ? NULL : error, waiter.data);
    }
}

static void fetched(AwsCredentials *credentials, GError *error, void *data)
{
    g_autoptr(AwsCredentialsSource) source = aws_credentials_source_ref(data);
    source->is_fetching = false;
    source->failed_ms = credentials ? 0 : now_of(source);
    if (credentials) {
        /* A set that has expired already counts as a failure: it is asked for again in a while. */
        bool has_ended = credentials->expires_ms > 0 && now_of(source) >= credentials->expires_ms;
        source->failed_ms = has_ended ? now_of(source) : 0;
        aws_credentials_unref(source->current);
        source->current = credentials;
    }
    g_autoptr(GError) ended = NULL;
    if (!error && !is_usable(source)) {
        g_set_error(&ended, G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: the credentials have expired already",
                    source->current ? source->current->origin : "nowhere");
    }
    tell_all(source, error ? error : ended);
    g_clear_error(&error);
}

static void begin(AwsCredentialsSource *source)
{
    if (source->is_fetching)
        return;
    source->is_fetching = true;
    source->fetcher.fetch(source->fetcher.self, fetched, source);
}

/* ---- asking ---- */

uint64_t aws_credentials_get(AwsCredentialsSource *source, AwsCredentialsDone done, void *data)
{
    AwsCredentials *current = source->current;
    AwsRefresh refresh = AWS_REFRESH_FIRST;
    if (current && !source->fetcher.fetch)
        refresh = AWS_REFRESH_NONE; /* fixed */
    else if (current)
        refresh = aws_refresh_of(current->expires_ms, source->failed_ms, source->fetcher.is_lenient,
                                 now_of(source));
    if (refresh != AWS_REFRESH_FIRST) {
        g_autoptr(AwsCredentials) kept = aws_credentials_ref(current);
        if (refresh == AWS_REFRESH_ASIDE)
            begin(source);
        done(kept, NULL, data);
        return 0;
    }
    Waiter waiter = {.id = ++source->last_id, .done = done, .data = data};
    g_array_append_val(source->waiters, waiter);
    g_autoptr(AwsCredentialsSource) kept = aws_credentials_source_ref(source);
    begin(source);
    for (guint i = 0; i < kept->waiters->len; i++)
        if (g_array_index(kept->waiters, Waiter, i).id == waiter.id)
            return waiter.id;
    return 0; /* it was fetched at once */
}

void aws_credentials_cancel(AwsCredentialsSource *source, uint64_t id)
{
    for (guint i = 0; i < source->waiters->len; i++)
        if (g_array_index(source->waiters, Waiter, i).id == id) {
            g_array_remove_index(source->waiters, i);
            return;
        }
}

void aws_credentials_refused(AwsCredentialsSource *source, const AwsCredentials *credentials)
{
    const AwsCredentials *current = source->current;
    bool is_current = current && g_strcmp0(current->access_key_id, credentials->access_key_id) == 0 &&
                      g_strcmp0(current->session_token, credentials->session_token) == 0;
    if (is_current && source->fetcher.fetch)
        g_clear_pointer(&source->current, aws_credentials_unref);
}

/* ---- life ---- */

AwsCredentialsSource *aws_credentials_source_new(const AwsFetcher *fetcher, const AwsTime *time)
{
    AwsCredentialsSource *source = g_new0(AwsCredentialsSource, 1);
    source->fetcher = *fetcher;
    source->time = *time;
    source->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
    source->refs = 1;
    return source;
}

typedef struct {
    bool is_done;
    AwsCredentials *credentials;
    GError *error;
} Given;

static void take_given(AwsCredentials *credentials, const GError *error, void *data)
{
    *(Given *)data = (Given){true, credentials ? aws_credentials_ref(credentials) : NULL,
                             error ? g_error_copy(error) : NULL};
}

AwsCredentials *aws_credentials_wait(AwsCredentialsSource *source, GMainContext *context, GError **error)
{
    Given given = {0};
    aws_credentials_get(source, take_given, &given);
    while (!given.is_done)
        g_main_context_iteration(context, TRUE);
    if (given.error)
        g_propagate_error(error, given.error);
    return given.credentials;
}

AwsCredentialsSource *aws_credentials_source_fixed(AwsCredentials *credentials)
{
    AwsCredentialsSource *source =
        aws_credentials_source_new(&(AwsFetcher){.is_lenient = true}, &(AwsTime){0});
    source->current = aws_credentials_ref(credentials);
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
    if (source->is_fetching)
        source->fetcher.cancel(source->fetcher.self);
    if (source->fetcher.free)
        source->fetcher.free(source->fetcher.self);
    aws_credentials_unref(source->current);
    g_array_unref(source->waiters);
    g_free(source);
}

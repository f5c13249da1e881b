#include "reconciler/provider/aws/aws_credentials_source.h"

#define MINUTE INT64_C(60000)
#define START  INT64_C(1700000000000)

typedef struct {
    int64_t now_ms;
    AwsFetched done; /* of what is fetched now; NULL: nothing */
    void *data;
    int fetches, cancels, frees;
    bool is_quick; /* answers before fetch returns */
    AwsCredentialsSource *source;
} Fixture;

/* ---- a fetcher and a clock that do as they are told ---- */

static void answer(Fixture *fixture, int64_t expires_ms)
{
    AwsFetched done = fixture->done;
    fixture->done = NULL;
    g_autofree char *id = g_strdup_printf("AKID%d", fixture->fetches);
    if (expires_ms >= 0)
        done(aws_credentials_new(id, "secret", "token", expires_ms, "the test"), NULL, fixture->data);
    else
        done(NULL, g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_FAILED, "nobody answers"), fixture->data);
}

static void fetch(void *self, AwsFetched done, void *data)
{
    Fixture *fixture = self;
    g_assert_null(fixture->done); /* one at a time */
    fixture->done = done;
    fixture->data = data;
    fixture->fetches++;
    if (fixture->is_quick)
        answer(fixture, 0);
}

static void cancel(void *self)
{
    ((Fixture *)self)->cancels++;
    ((Fixture *)self)->done = NULL;
}

static void let_go(void *self)
{
    ((Fixture *)self)->frees++;
}

static int64_t now(void *self)
{
    return ((Fixture *)self)->now_ms;
}

static void set_up(Fixture *fixture, const void *data)
{
    AwsFetcher fetcher = {
        .fetch = fetch, .cancel = cancel, .free = let_go, .self = fixture, .is_lenient = data != NULL};
    *fixture = (Fixture){.now_ms = START};
    fixture->source = aws_credentials_source_new(&fetcher, &(AwsTime){.now_ms = now, .self = fixture});
}

static void tear_down(Fixture *fixture, const void *data)
{
    (void)data;
    aws_credentials_source_unref(fixture->source);
    g_assert_cmpint(fixture->frees, ==, 1);
}

/* ---- who asks ---- */

typedef struct {
    int times;
    char id[16], error[80];
} Got;

static void take(AwsCredentials *credentials, const GError *error, void *data)
{
    Got *got = data;
    got->times++;
    g_strlcpy(got->id, credentials ? credentials->access_key_id : "", sizeof got->id);
    g_strlcpy(got->error, error ? error->message : "", sizeof got->error);
}

static Got ask(Fixture *fixture)
{
    Got got = {0};
    g_assert_cmpuint(aws_credentials_get(fixture->source, take, &got), ==, 0);
    g_assert_cmpint(got.times, ==, 1);
    return got;
}

/* ---- tests ---- */

static void test_table(void)
{
    const int64_t end = START;
    const struct {
        int64_t before, failed_before; /* now is so long before the end; fetching failed so long before now,
                                          0: it did not */
        bool is_lenient;
        AwsRefresh refresh;
    } cases[] = {
        {15 * MINUTE + 1, 0, false, AWS_REFRESH_NONE},
        {15 * MINUTE, 0, false, AWS_REFRESH_ASIDE},
        {10 * MINUTE + 1, 0, false, AWS_REFRESH_ASIDE},
        {10 * MINUTE, 0, false, AWS_REFRESH_FIRST},
        {0, 0, false, AWS_REFRESH_FIRST},
        {-MINUTE, 0, false, AWS_REFRESH_FIRST},
        {12 * MINUTE, MINUTE - 1, false, AWS_REFRESH_NONE},
        {12 * MINUTE, MINUTE, false, AWS_REFRESH_ASIDE},
        {5 * MINUTE, MINUTE - 1, false, AWS_REFRESH_NONE},
        {5 * MINUTE, MINUTE, false, AWS_REFRESH_FIRST},
        {-MINUTE, MINUTE - 1, false, AWS_REFRESH_FIRST},
        {-MINUTE, 0, true, AWS_REFRESH_ASIDE},
        {-MINUTE, 5 * MINUTE - 1, true, AWS_REFRESH_NONE},
        {-MINUTE, 5 * MINUTE, true, AWS_REFRESH_ASIDE},
        {12 * MINUTE, 0, true, AWS_REFRESH_ASIDE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t now_ms = end - cases[i].before,
                failed_ms = cases[i].failed_before ? now_ms - cases[i].failed_before : 0;
        g_assert_cmpint(aws_refresh_of(end, failed_ms, cases[i].is_lenient, now_ms), ==, cases[i].refresh);
    }
    g_assert_cmpint(aws_refresh_of(0, 0, false, START), ==, AWS_REFRESH_NONE);
}

/* All share one fetch; who has cancelled hears nothing. */
static void test_shared(Fixture *fixture, const void *data)
{
    (void)data;
    Got first = {0}, second = {0}, third = {0};
    g_assert_cmpuint(aws_credentials_get(fixture->source, take, &first), !=, 0);
    uint64_t id = aws_credentials_get(fixture->source, take, &second);
    g_assert_cmpuint(aws_credentials_get(fixture->source, take, &third), !=, 0);
    aws_credentials_cancel(fixture->source, id);
    g_assert_cmpint(fixture->fetches, ==, 1);
    answer(fixture, START + 60 * MINUTE);
    g_assert_cmpint(first.times, ==, 1);
    g_assert_cmpint(second.times, ==, 0);
    g_assert_cmpstr(third.id, ==, "AKID1");
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    g_assert_cmpint(fixture->fetches, ==, 1);
}

typedef struct {
    Fixture *fixture;
    uint64_t other; /* who is cancelled; 0: who asks again */
    Got again;
    int times;
} Meddler;

static void meddle(AwsCredentials *credentials, const GError *error, void *data)
{
    (void)credentials;
    (void)error;
    Meddler *meddler = data;
    meddler->times++;
    if (meddler->other)
        aws_credentials_cancel(meddler->fixture->source, meddler->other);
    else
        aws_credentials_get(meddler->fixture->source, take, &meddler->again);
}

/* In an answer others are cancelled, and asked for: these wait for the next. */
static void test_meddling(Fixture *fixture, const void *data)
{
    (void)data;
    Meddler first = {.fixture = fixture}, again = {.fixture = fixture};
    Got second = {0}, third = {0};
    aws_credentials_get(fixture->source, meddle, &first);
    aws_credentials_get(fixture->source, meddle, &again);
    first.other = aws_credentials_get(fixture->source, take, &second);
    aws_credentials_get(fixture->source, take, &third);
    answer(fixture, -1);
    g_assert_cmpint(first.times, ==, 1);
    g_assert_cmpint(second.times, ==, 0);
    g_assert_cmpstr(third.error, ==, "nobody answers");
    g_assert_cmpint(again.again.times, ==, 0);
    answer(fixture, 0);
    g_assert_cmpstr(again.again.id, ==, "AKID2");
}

/* Renewed on the side, then insisted on; the old set is used as long as it is good. */
static void test_refresh(Fixture *fixture, const void *data)
{
    (void)data;
    Got got = {0};
    aws_credentials_get(fixture->source, take, &got);
    answer(fixture, START + 60 * MINUTE);
    fixture->now_ms = START + 46 * MINUTE;
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    g_assert_cmpint(fixture->fetches, ==, 2);
    answer(fixture, -1);
    fixture->now_ms =
        START +
        51 * MINUTE; /* it has to be a new one now, and there is none to be had: the old one is good */
    g_assert_cmpuint(aws_credentials_get(fixture->source, take, &got), !=, 0);
    answer(fixture, -1);
    g_assert_cmpstr(got.id, ==, "AKID1");
    fixture->now_ms = START + 60 * MINUTE;
    aws_credentials_get(fixture->source, take, &got);
    answer(fixture, -1);
    g_assert_cmpstr(got.id, ==, "");
    g_assert_cmpstr(got.error, ==, "nobody answers");
    aws_credentials_get(fixture->source, take, &got);
    answer(fixture, START + 120 * MINUTE);
    g_assert_cmpstr(got.id, ==, "AKID5");
}

static void test_expired(Fixture *fixture, const void *data)
{
    (void)data;
    Got got = {0};
    aws_credentials_get(fixture->source, take, &got);
    answer(fixture, START - MINUTE);
    g_assert_cmpstr(got.id, ==, "");
    g_assert_cmpstr(got.error, ==, "the test: the credentials have expired already");
}

/* What the metadata service gives is good beyond its end; it is asked again every five minutes. */
static void test_lenient(Fixture *fixture, const void *data)
{
    (void)data;
    Got got = {0};
    aws_credentials_get(fixture->source, take, &got);
    answer(fixture, START - MINUTE);
    g_assert_cmpstr(got.id, ==, "AKID1");
    ask(fixture);
    g_assert_cmpint(fixture->fetches, ==, 1);
    fixture->now_ms += 5 * MINUTE;
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    g_assert_cmpint(fixture->fetches, ==, 2);
}

static void test_refused(Fixture *fixture, const void *data)
{
    (void)data;
    Got got = {0};
    g_autoptr(AwsCredentials) other = aws_credentials_new("AKIDX", "s", NULL, 0, "elsewhere");
    fixture->is_quick = true;
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    aws_credentials_refused(fixture->source, other); /* not the one that is given: somebody was late */
    g_assert_cmpstr(ask(fixture).id, ==, "AKID1");
    g_autoptr(AwsCredentials) mine = aws_credentials_new("AKID1", "secret", "token", 0, "the test");
    aws_credentials_refused(fixture->source, mine);
    g_assert_cmpstr(ask(fixture).id, ==, "AKID2");
    (void)got;
}

/* With the last owner what is fetched ends. */
static void test_let_go(Fixture *fixture, const void *data)
{
    (void)data;
    Got got = {0};
    aws_credentials_get(fixture->source, take, &got);
    AwsCredentialsSource *source = aws_credentials_source_ref(fixture->source);
    aws_credentials_source_unref(source);
    g_assert_cmpint(fixture->cancels, ==, 0);
    aws_credentials_source_unref(fixture->source);
    g_assert_cmpint(fixture->cancels, ==, 1);
    g_assert_cmpint(got.times, ==, 0);
    fixture->source = NULL;
}

static void test_fixed(void)
{
    Got got = {0};
    g_autoptr(AwsCredentials) credentials = aws_credentials_new("AKIDF", "s", "", 1, "the test");
    g_autoptr(AwsCredentialsSource) source = aws_credentials_source_fixed(credentials);
    g_assert_null(credentials->session_token);
    aws_credentials_refused(source, credentials);
    aws_credentials_get(source, take, &got);
    g_assert_cmpstr(got.id, ==, "AKIDF");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-credentials/table", test_table);
    g_test_add("/aws-credentials/shared", Fixture, NULL, set_up, test_shared, tear_down);
    g_test_add("/aws-credentials/meddling", Fixture, NULL, set_up, test_meddling, tear_down);
    g_test_add("/aws-credentials/refresh", Fixture, NULL, set_up, test_refresh, tear_down);
    g_test_add("/aws-credentials/expired", Fixture, NULL, set_up, test_expired, tear_down);
    g_test_add("/aws-credentials/lenient", Fixture, "lenient", set_up, test_lenient, tear_down);
    g_test_add("/aws-credentials/refused", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/aws-credentials/let-go", Fixture, NULL, set_up, test_let_go, tear_down);
    g_test_add_func("/aws-credentials/fixed", test_fixed);
    return g_test_run();
}

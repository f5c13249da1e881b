#include "reconciler/provider/aws/retry.h"
#include "tests/support/aws_client_fixture.h"

/* How many calls go out, and when: against what the rules of retries and the published rates say. */

static FakeReply good(const FakeRequest *request, void *data)
{
    (void)request;
    (void)data;
    return reply_of(200, "{}");
}

static FakeReply down(const FakeRequest *request, void *data)
{
    (void)request;
    (void)data;
    return reply_of(500, "<html>");
}

static FakeReply throttled(const FakeRequest *request, void *data)
{
    (void)request;
    (void)data;
    return reply_json_error(400, "ThrottlingException");
}

static FakeReply asks_for_time(const FakeRequest *request, void *data)
{
    (void)request;
    (void)data;
    FakeReply reply = reply_of(503, "");
    reply.headers[0] = g_strdup("x-amz-retry-after: 1500");
    return reply;
}

/* ---- back-off and quota ---- */

/* Between the answer (after 5 ms) and the next attempt, over many calls. */
static int64_t longest_wait(Fixture *fixture, guint attempts)
{
    int64_t longest_ms = 0;
    for (guint i = 1; i < fixture->times->len; i++)
        if (i % attempts != 0)
            longest_ms = MAX(longest_ms, fixture_at(fixture, i) - fixture_at(fixture, i - 1) - 5);
    return longest_ms;
}

static void test_back_off(void)
{
    static const struct {
        FakeScript script;
        int64_t least_ms, most_ms; /* of the longest of them */
    } cases[] = {{down, 75, 100}, {throttled, 1500, 2000}, {asks_for_time, 1500, 1600}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        fixture_init(&fixture, cases[i].script);
        fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS});
        for (int call = 0; call < 16; call++) { /* as far as the quota reaches */
            g_auto(Got) got = {0};
            fixture_call(&fixture, "RunTask", NULL, &got);
            virtual_run(&fixture.time);
            g_assert_nonnull(got.error);
        }
        int64_t longest_ms = longest_wait(&fixture, 3);
        g_test_message("case %zu: %" G_GINT64_FORMAT " ms", i, longest_ms);
        g_assert_cmpint(fixture.http->sent, ==, 16 * 3);
        g_assert_cmpint(longest_ms, >=, cases[i].least_ms);
        g_assert_cmpint(longest_ms, <=, cases[i].most_ms);
    }
}

/* While a service is down, the retries of all calls together are few. */
static void test_quota(void)
{
    g_auto(Fixture) fixture = {0};
    Got gots[300] = {0};
    fixture_init(&fixture, down);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS});
    for (size_t i = 0; i < G_N_ELEMENTS(gots); i++)
        fixture_call(&fixture, "RunTask", NULL, &gots[i]);
    virtual_run(&fixture.time);
    g_assert_cmpint(fixture.http->sent, ==, 300 + RETRY_QUOTA / RETRY_COST);
    fixture.script = good;
    for (size_t i = 0; i < G_N_ELEMENTS(gots); i++) { /* it recovers: one token for each success */
        g_assert_cmpint(gots[i].times, ==, 1);
        got_clear(&gots[i]);
        fixture_call(&fixture, "RunTask", NULL, &gots[i]);
    }
    virtual_run(&fixture.time);
    int before = fixture.http->sent;
    fixture.script = down;
    for (size_t i = 0; i < G_N_ELEMENTS(gots); i++) {
        got_clear(&gots[i]);
        fixture_call(&fixture, "RunTask", NULL, &gots[i]);
    }
    virtual_run(&fixture.time);
    g_assert_cmpint(fixture.http->sent - before, ==, 300 + (RETRY_QUOTA % RETRY_COST + 300) / RETRY_COST);
    for (size_t i = 0; i < G_N_ELEMENTS(gots); i++)
        got_clear(&gots[i]);
}

/* ---- rates ---- */

/* Never above size + refill × time, and hardly below. */
static void check_rate(const Fixture *fixture, const char *action, int size, int refill)
{
    int sent = 0;
    int64_t last_ms = 0;
    for (guint i = 0; i < fixture->bodies->len; i++) {
        if (!g_str_has_suffix(fixture->bodies->pdata[i], action))
            continue;
        last_ms = fixture_at(fixture, i);
        g_assert_cmpint(++sent * 1000, <=, (int)(size * 1000 + refill * last_ms));
    }
    g_test_message("%s: %d in %" G_GINT64_FORMAT " ms", action, sent, last_ms);
    g_assert_cmpint(sent, ==, 600);
    g_assert_cmpint(last_ms * refill, <=, (sent - size) * 1050);
}

static void test_rates(void)
{
    static const struct {
        AwsService service;
        const char *action, *body;
        int size, refill, share_e3;
    } cases[] = {
        {AWS_ECS, "RunTask", "{}", 100, 40, 0},
        {AWS_ECS, "RunTask", "{}", 50, 20, 500},
        {AWS_ECS, "DescribeTasks", "{}", 100, 20, 0},
        {AWS_ECS, "RegisterTaskDefinition", "{}", 20, 1, 0},
        {AWS_EC2, "RunInstances", "Action=RunInstances", 5, 2, 0},
        {AWS_EC2, "DescribeInstances", "Action=DescribeInstances", 50, 10, 0},
        {AWS_EC2, "DescribeInstances", "Action=DescribeInstances&MaxResults=1000", 100, 20, 0},
        {AWS_EC2, "DescribeInstances", "Action=DescribeInstances&Filter.1.Name=a", 100, 20, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_auto(Got) got = {0};
        fixture_init(&fixture, cases[i].service == AWS_ECS ? good : down);
        fixture_open(&fixture, (AwsClientConfig){.service = cases[i].service,
                                                 .max_attempts = 1,
                                                 .rate_share_e3 = cases[i].share_e3});
        for (int call = 0; call < 600; call++)
            fixture_call(&fixture, cases[i].action, cases[i].body, &got);
        virtual_run(&fixture.time);
        g_assert_cmpint(got.times, ==, 600);
        check_rate(&fixture, cases[i].body, cases[i].size, cases[i].refill);
    }
}

/* A burst of instances is paid for by the instance. */
static void test_resources(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {0};
    fixture_init(&fixture, down);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_EC2, .max_attempts = 1});
    for (int call = 0; call < 3; call++) {
        const AwsCall run = {.action = "RunInstances", .body = "Action=RunInstances", .resources = 500};
        aws_client_call(fixture.client, &run, got_take, &got);
    }
    virtual_run(&fixture.time);
    g_assert_cmpint(fixture.times->len, ==, 3);
    g_assert_cmpint(fixture_at(&fixture, 1), <=, 10);
    g_assert_cmpint(fixture_at(&fixture, 2), >=, 250000);
}

/* ---- order and width ---- */

static FakeReply slow_good(const FakeRequest *request, void *data)
{
    (void)request;
    (void)data;
    return (FakeReply){.body = g_strdup("{}"), .after_ms = 300};
}

/* Calls of an action keep their order; actions take turns; no more than allowed are under way. */
static void test_order(void)
{
    g_auto(Fixture) fixture = {0};
    g_auto(Got) got = {0};
    fixture_init(&fixture, slow_good);
    fixture_open(&fixture, (AwsClientConfig){.service = AWS_ECS, .max_under_way = 7});
    for (int i = 0; i < 200; i++) {
        g_autofree char *run = g_strdup_printf("{\"run\":%d}", i),
                        *stop = g_strdup_printf("{\"stop\":%d}", i);
        fixture_call(&fixture, "RunTask", run, &got);
        fixture_call(&fixture, "StopTask", stop, &got);
    }
    int runs = 0, stops = 0;
    virtual_run(&fixture.time);
    g_assert_cmpint(got.times, ==, 400);
    for (guint i = 0; i < 400; i++) {
        int number;
        const char *body = fixture.bodies->pdata[i];
        if (sscanf(body, "{\"run\":%d}", &number) == 1)
            g_assert_cmpint(number, ==, runs++);
        else if (sscanf(body, "{\"stop\":%d}", &number) == 1)
            g_assert_cmpint(number, ==, stops++);
        g_assert_cmpint(ABS(runs - stops), <=, 7);
    }
    g_assert_cmpuint(fixture.http->under_way_max, ==, 7);
}

/* ---- adaptive ---- */

/* A service that throttles above ten calls a second, whatever is published. */
typedef struct {
    Fixture fixture; /* first */
    int64_t filled_ms, fill_e3;
    int throttled, good;
} Tight;

static FakeReply tight(const FakeRequest *request, void *data)
{
    Tight *state = data;
    state->fill_e3 = MIN(10000, state->fill_e3 + (request->at_ms - state->filled_ms) * 10);
    state->filled_ms = request->at_ms;
    if (state->fill_e3 < 1000) {
        state->throttled++;
        return reply_json_error(400, "ThrottlingException");
    }
    state->fill_e3 -= 1000;
    state->good++;
    return reply_of(200, "{}");
}

static void run_tight(Tight *state, AwsRetryMode mode)
{
    Got got = {0};
    fixture_init(&state->fixture, tight);
    fixture_open(&state->fixture,
                 (AwsClientConfig){.service = AWS_ECS, .retry_mode = mode, .max_attempts = 5});
    for (int i = 0; i < 2000; i++)
        fixture_call(&state->fixture, "RunTask", NULL, &got);
    while (state->good < 1000 && state->fixture.time.sources)
        g_main_context_iteration(state->fixture.time.context, FALSE);
    got_clear(&got);
    g_test_message("mode %d: %d good, %d throttled, %" G_GINT64_FORMAT " ms", mode, state->good,
                   state->throttled, state->fixture.time.now_ms);
}

/* The adaptive mode finds the rate, and uses it. */
static void test_adaptive(void)
{
    Tight standard = {0}, adaptive = {0};
    run_tight(&standard, AWS_RETRY_STANDARD);
    run_tight(&adaptive, AWS_RETRY_ADAPTIVE);
    g_assert_cmpint(adaptive.good, ==, 1000);
    g_assert_cmpint(adaptive.throttled, <, standard.throttled / 4);
    g_assert_cmpint(adaptive.throttled, <, adaptive.good / 5);
    g_assert_cmpint(adaptive.fixture.time.now_ms, <=, 140000); /* 100 s at best */
    fixture_clear(&standard.fixture);
    fixture_clear(&adaptive.fixture);
}

/* ---- anything at all ---- */

typedef struct {
    Fixture fixture; /* first */
    Rng rng;
} Chaos;

static FakeReply chaos(const FakeRequest *request, void *data)
{
    Chaos *state = data;
    (void)request;
    FakeReply reply = {0};
    switch (rng_below(&state->rng, 8)) {
    case 0: reply = reply_of(503, "<html>"); break;
    case 1: reply = reply_json_error(400, "ThrottlingException"); break;
    case 2: reply = reply_json_error(400, "ExpiredTokenException"); break;
    case 3:
        reply = reply_json_error(403, "InvalidSignatureException");
        reply.headers[0] = g_strdup("date: Thu, 15 Jan 2026 20:00:00 GMT");
        break;
    case 4: reply = (FakeReply){.end = (HttpEnd)rng_between(&state->rng, 1, 5)}; break;
    case 5: reply = reply_of(200, "not JSON"); break;
    default: reply = reply_of(200, "{}"); break;
    }
    reply.after_ms = rng_between(&state->rng, 0, 2000);
    return reply;
}

typedef struct {
    Chaos *chaos;
    uint64_t id;
    int times;
    bool is_cancelled;
} Asked;

static void count_end(const AwsAnswer *answer, void *data)
{
    Asked *asked = data;
    g_assert_true((answer->error != NULL) == (answer->json == NULL));
    g_assert_false(asked->is_cancelled);
    asked->times++;
}

/* Whatever comes back: each call ends once, or not at all when it was cancelled; never more attempts than
 * allowed (and one for the clock, one for the credentials). */
static void test_chaos(void)
{
    static const char *const actions[] = {"RunTask", "StopTask", "ListTasks", "RegisterTaskDefinition"};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        Chaos state = {.rng = rng_from_seed(seed)};
        Asked asked[60] = {0};
        int max_under_way = (int)rng_between(&state.rng, 1, 9);
        fixture_init(&state.fixture, chaos);
        state.fixture.clock_off_ms = rng_between(&state.rng, -900000, 900000);
        fixture_open(&state.fixture, (AwsClientConfig){.service = AWS_ECS,
                                                       .max_under_way = max_under_way,
                                                       .retry_mode = (AwsRetryMode)rng_below(&state.rng, 2)});
        for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
            const AwsCall call = {.action = actions[rng_below(&state.rng, 4)],
                                  .is_once = rng_below(&state.rng, 2) == 0};
            asked[i].id = aws_client_call(state.fixture.client, &call, count_end, &asked[i]);
            for (uint64_t steps = rng_below(&state.rng, 4); steps > 0; steps--)
                g_main_context_iteration(state.fixture.time.context, FALSE);
            Asked *other = &asked[rng_below(&state.rng, i + 1)];
            if (rng_below(&state.rng, 8) == 0 && !other->times) {
                aws_client_cancel(state.fixture.client, other->id);
                other->is_cancelled = true;
            }
        }
        virtual_run(&state.fixture.time);
        for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
            if (asked[i].times != !asked[i].is_cancelled)
                g_error("seed %" G_GUINT64_FORMAT ": call %zu has ended %d times", seed, i, asked[i].times);
        }
        g_assert_cmpint(state.fixture.http->sent, <=, 60 * 5);
        g_assert_cmpuint(state.fixture.http->under_way_max, <=, (guint)max_under_way);
        fixture_clear(&state.fixture);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-client/back-off", test_back_off);
    g_test_add_func("/aws-client/quota", test_quota);
    g_test_add_func("/aws-client/rates", test_rates);
    g_test_add_func("/aws-client/resources", test_resources);
    g_test_add_func("/aws-client/order", test_order);
    g_test_add_func("/aws-client/adaptive", test_adaptive);
    g_test_add_func("/aws-client/chaos", test_chaos);
    return g_test_run();
}

/* webhook_test.c: signatures against published examples and against everything that differs from them by a
 * little; what forges' payloads say; what a location follows. */
#include "reconciler/api/webhook.h"
#include "reconciler/api/deliveries.h"

#define SECRET   "It's a Secret to Everybody"
#define STANDARD "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define NOW_MS   INT64_C(1614265330000)
#define COMMIT   "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"

typedef struct {
    WebhookRequest request;
    WebhookVerdict verdict;
} Fixture;

static const char *const two_secrets[] = {"another secret of some length", SECRET, NULL};
static const char *const standard_secrets[] = {SECRET, STANDARD, NULL};

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->request = (WebhookRequest){.secrets = two_secrets, .now_ms = NOW_MS};
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    webhook_verdict_clear(&fixture->verdict);
}

static WebhookResult judge(Fixture *fixture)
{
    webhook_verdict_clear(&fixture->verdict);
    webhook_judge(&fixture->request, &fixture->verdict);
    bool is_told = fixture->verdict.result == WEBHOOK_REFUSED || fixture->verdict.result == WEBHOOK_BAD;
    g_assert_true(is_told == (fixture->verdict.reason != NULL));
    return fixture->verdict.result;
}

static void body(Fixture *fixture, const char *text)
{
    fixture->request.body = view_from(text);
}

/* By GLib, which shares nothing with what is tested. New string. */
static char *hmac(const char *secret, const char *text)
{
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret), text, -1);
}

/* ---- GitHub ---- */

/* https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
static void test_github_example(Fixture *fixture, gconstpointer data)
{
    const char **headers = fixture->request.headers;
    (void)data;
    body(fixture, "Hello, World!");
    headers[WEBHOOK_HUB_SIGNATURE] =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_BAD); /* signed, and no JSON */
    g_assert_nonnull(strstr(fixture->verdict.reason, "application/json"));
    g_assert_cmpstr(fixture->verdict.form, ==, "github");
    body(fixture, "Hello, World?");
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    body(fixture, "Hello, World!");
    fixture->request.secrets = (const char *const[]){"It's a Secret to everybody", NULL};
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
}

static void test_github_malformed(Fixture *fixture, gconstpointer data)
{
    static const char *const bad[] = {
        "",
        "sha256=",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e170",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18",
        "sha256=75 107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=0000000000000000000000000000000000000000000000000000000000000000"};
    (void)data;
    body(fixture, "Hello, World!");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = bad[i];
        g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    }
    fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = NULL;
    g_assert_false(webhook_is_signed(fixture->request.headers));
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    g_assert_null(fixture->verdict.form);
}

/* Signed by the second secret. */
static WebhookResult judge_github(Fixture *fixture, const char *event, const char *text)
{
    g_autofree char *mac = hmac(SECRET, text), *signature = g_strconcat("sha256=", mac, NULL);
    body(fixture, text);
    fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = signature;
    fixture->request.headers[WEBHOOK_GITHUB_EVENT] = event;
    WebhookResult result = judge(fixture);
    fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = NULL;
    return result;
}

static const char github_push[] =
    "{\"ref\":\"refs/heads/main\",\"before\":\"95790bf891e76fee5e1747ab589903a6a1f80f22\",\"after\":\"" COMMIT
    "\",\"repository\":{\"id\":15,\"full_name\":\"team/jobs\",\"default_branch\":\"main\"},\"pusher\":{},"
    "\"deleted\":false,\"commits\":[{\"id\":\"" COMMIT "\",\"added\":[\"ref\"]}]}";

static void test_github_push(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->request.headers[WEBHOOK_GITHUB_DELIVERY] = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    g_assert_cmpint(judge_github(fixture, "push", github_push), ==, WEBHOOK_PUSH);
    g_assert_cmpstr(fixture->verdict.ref, ==, "refs/heads/main");
    g_assert_cmpstr(fixture->verdict.commit, ==, COMMIT);
    g_assert_cmpstr(fixture->verdict.repository, ==, "team/jobs");
    g_assert_cmpstr(fixture->verdict.default_branch, ==, "main");
    g_assert_cmpstr(fixture->verdict.delivery, ==, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    g_assert_cmpint(judge_github(fixture, "ping", "{\"zen\":\"Design for failure.\"}"), ==, WEBHOOK_PING);
    g_assert_cmpint(judge_github(fixture, "create", github_push), ==, WEBHOOK_OTHER);
    g_assert_cmpint(judge_github(fixture, NULL, github_push), ==, WEBHOOK_OTHER);
    fixture->request.headers[WEBHOOK_GITHUB_DELIVERY] = "two\nlines";
    g_assert_cmpint(judge_github(fixture, "push", github_push), ==, WEBHOOK_PUSH);
    g_assert_null(fixture->verdict.delivery);
}

static void test_github_deleted(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(judge_github(fixture, "push",
                                 "{\"ref\":\"refs/heads/main\",\"deleted\":true,\"after\":"
                                 "\"0000000000000000000000000000000000000000\","
                                 "\"repository\":{\"full_name\":\"team/jobs\"}}"),
                    ==, WEBHOOK_PUSH);
    g_assert_null(fixture->verdict.commit);
}

static void test_github_bad(Fixture *fixture, gconstpointer data)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"ref\":",
        "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D",
        "{}",
        "{\"ref\":\"main\",\"after\":\"" COMMIT "\",\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/a b\",\"after\":\"" COMMIT "\",\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/a\\nb\",\"after\":\"" COMMIT "\",\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/main\",\"after\":\"da15608\",\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/main\",\"after\":7,\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/main\",\"after\":\"--upload-pack=x\",\"repository\":{\"full_name\":\"a/b\"}}",
        "{\"ref\":\"refs/heads/main\",\"after\":\"" COMMIT "\"}",
        "{\"ref\":\"refs/heads/main\",\"ref\":\"refs/heads/b\",\"after\":\"" COMMIT "\"}"};
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(judge_github(fixture, "push", bad[i]), ==, WEBHOOK_BAD);
}

/* ---- GitLab ---- */

static const char gitlab_push[] =
    "{\"object_kind\":\"push\",\"before\":\"95790bf891e76fee5e1747ab589903a6a1f80f22\",\"after\":\"" COMMIT
    "\",\"ref\":\"refs/heads/master\",\"checkout_sha\":\"" COMMIT "\",\"project\":{\"id\":15,"
    "\"path_with_namespace\":\"mike/diaspora\",\"default_branch\":\"master\"}}";

static void test_gitlab_token(Fixture *fixture, gconstpointer data)
{
    (void)data;
    body(fixture, gitlab_push);
    fixture->request.headers[WEBHOOK_GITLAB_TOKEN] = SECRET;
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_PUSH);
    g_assert_cmpstr(fixture->verdict.form, ==, "gitlab");
    g_assert_cmpstr(fixture->verdict.ref, ==, "refs/heads/master");
    g_assert_cmpstr(fixture->verdict.repository, ==, "mike/diaspora");
    const char *const wrong[] = {"", "I", "It's a Secret to Everybod", SECRET "!",
                                 "it's a Secret to Everybody"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        fixture->request.headers[WEBHOOK_GITLAB_TOKEN] = wrong[i];
        g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
        g_assert_null(strstr(fixture->verdict.reason, "Secret to"));
    }
    fixture->request.headers[WEBHOOK_GITLAB_TOKEN] = SECRET;
    body(fixture, "{\"object_kind\":\"merge_request\"}");
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_OTHER);
}

static void standard(Fixture *fixture, const char *id, const char *timestamp, const char *signature)
{
    fixture->request.headers[WEBHOOK_STANDARD_ID] = id;
    fixture->request.headers[WEBHOOK_STANDARD_TIMESTAMP] = timestamp;
    fixture->request.headers[WEBHOOK_STANDARD_SIGNATURE] = signature;
}

/* The example of the reference implementations of https://www.standardwebhooks.com. */
#define STANDARD_ID        "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STANDARD_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
static void test_gitlab_signed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->request.secrets = standard_secrets;
    body(fixture, "{\"test\": 2432232314}");
    standard(fixture, STANDARD_ID, "1614265330", STANDARD_SIGNATURE);
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_OTHER);
    g_assert_cmpstr(fixture->verdict.delivery, ==, STANDARD_ID);
    standard(fixture, STANDARD_ID, "1614265330", "v2,abc v1,bm9wZQ== " STANDARD_SIGNATURE);
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_OTHER);

    const char *const wrong[][3] = {
        {"msg_p5jXN8AQM9LWM0D4loKWxJeK", "1614265330", STANDARD_SIGNATURE},
        {STANDARD_ID, "1614265331", STANDARD_SIGNATURE},
        {STANDARD_ID, " 1614265330", STANDARD_SIGNATURE},
        {STANDARD_ID, "", STANDARD_SIGNATURE},
        {STANDARD_ID, NULL, STANDARD_SIGNATURE},
        {NULL, "1614265330", STANDARD_SIGNATURE},
        {"", "1614265330", STANDARD_SIGNATURE},
        {"msg.1", "1614265330", STANDARD_SIGNATURE},
        {STANDARD_ID, "1614265330", ""},
        {STANDARD_ID, "1614265330", "v1,"},
        {STANDARD_ID, "1614265330", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        standard(fixture, wrong[i][0], wrong[i][1], wrong[i][2]);
        g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    }
    /* A signature that is wrong is not saved by a token that is right. */
    standard(fixture, STANDARD_ID, "1614265330", "v1,bm9wZQ==");
    fixture->request.headers[WEBHOOK_GITLAB_TOKEN] = SECRET;
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    fixture->request.secrets = two_secrets;
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    g_assert_nonnull(strstr(fixture->verdict.reason, "whsec_"));
}

/* Kept back, or sent again later. */
static void test_gitlab_times(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->request.secrets = standard_secrets;
    body(fixture, "{\"test\": 2432232314}");
    standard(fixture, STANDARD_ID, "1614265330", STANDARD_SIGNATURE);
    const int64_t off_ms[] = {-WEBHOOK_TOLERANCE_MS, WEBHOOK_TOLERANCE_MS};
    for (size_t i = 0; i < G_N_ELEMENTS(off_ms); i++) {
        fixture->request.now_ms = NOW_MS + off_ms[i];
        g_assert_cmpint(judge(fixture), ==, WEBHOOK_OTHER);
        fixture->request.now_ms += off_ms[i] < 0 ? -1 : 1;
        g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    }
}

/* ---- Gitea, Forgejo ---- */

static void test_gitea(Fixture *fixture, gconstpointer data)
{
    g_autofree char *mac = hmac(SECRET, github_push), *hub = g_strconcat("sha256=", mac, NULL);
    const char **headers = fixture->request.headers;
    (void)data;
    body(fixture, github_push);
    headers[WEBHOOK_GITEA_SIGNATURE] = mac;
    headers[WEBHOOK_GITEA_EVENT] = headers[WEBHOOK_GITHUB_EVENT] = "push";
    headers[WEBHOOK_HUB_SIGNATURE] = hub; /* Gitea sends both */
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_PUSH);
    g_assert_cmpstr(fixture->verdict.form, ==, "gitea");
    headers[WEBHOOK_FORGEJO_SIGNATURE] = hub; /* of another form: the others do not save it */
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
    headers[WEBHOOK_FORGEJO_SIGNATURE] = mac;
    headers[WEBHOOK_FORGEJO_EVENT] = "push";
    headers[WEBHOOK_GITEA_SIGNATURE] = headers[WEBHOOK_HUB_SIGNATURE] = NULL;
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_PUSH);
}

/* ---- our own ---- */

static WebhookResult judge_plain(Fixture *fixture, const char *timestamp, const char *text)
{
    g_autofree char *joined = g_strconcat(timestamp, ".", text, NULL), *mac = hmac(SECRET, joined),
                    *signature = g_strconcat("sha256=", mac, NULL);
    body(fixture, text);
    fixture->request.headers[WEBHOOK_PLAIN_TIMESTAMP] = timestamp;
    fixture->request.headers[WEBHOOK_PLAIN_SIGNATURE] = signature;
    WebhookResult result = judge(fixture);
    fixture->request.headers[WEBHOOK_PLAIN_SIGNATURE] = NULL;
    return result;
}

static void test_plain(Fixture *fixture, gconstpointer data)
{
    static const char text[] = "{\"ref\": \"refs/heads/main\", \"commit\": \"" COMMIT "\"}";
    (void)data;
    g_assert_cmpint(judge_plain(fixture, "1614265330", text), ==, WEBHOOK_PUSH);
    g_assert_cmpstr(fixture->verdict.form, ==, "plain");
    g_assert_cmpstr(fixture->verdict.commit, ==, COMMIT);
    g_assert_null(fixture->verdict.repository);
    unsigned char key[WEBHOOK_KEY_BYTES];
    memcpy(key, fixture->verdict.key, sizeof key);
    g_assert_cmpint(judge_plain(fixture, "1614265330", text), ==, WEBHOOK_PUSH);
    g_assert_cmpint(memcmp(key, fixture->verdict.key, sizeof key), ==, 0);
    g_assert_cmpint(judge_plain(fixture, "1614265331", text), ==, WEBHOOK_PUSH);
    g_assert_cmpint(memcmp(key, fixture->verdict.key, sizeof key), !=, 0); /* another time, another one */
    g_assert_cmpint(judge_plain(fixture, "1614265029", text), ==, WEBHOOK_REFUSED);
    g_assert_cmpint(judge_plain(fixture, "1614265631", text), ==, WEBHOOK_REFUSED);
    g_assert_cmpint(judge_plain(fixture, "now", text), ==, WEBHOOK_REFUSED);
    g_assert_cmpint(judge_plain(fixture, "-1", text), ==, WEBHOOK_REFUSED);
    g_assert_cmpint(judge_plain(fixture, "99999999999999999999", text), ==, WEBHOOK_REFUSED);
    g_assert_cmpint(judge_plain(fixture, "1614265330", "{\"ref\": \"refs/heads/main\"}"), ==, WEBHOOK_BAD);
}

/* What is signed can be cut in one way only. */
static void test_plain_is_no_other(Fixture *fixture, gconstpointer data)
{
    static const char joined[] = "1614265330.{\"ref\":\"refs/heads/main\",\"commit\":\"" COMMIT "\"}";
    g_autofree char *mac = hmac(SECRET, joined), *signature = g_strconcat("sha256=", mac, NULL);
    (void)data;
    body(fixture, joined);
    fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = signature;
    fixture->request.headers[WEBHOOK_GITHUB_EVENT] = "push";
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_BAD); /* no JSON */
    fixture->request.headers[WEBHOOK_HUB_SIGNATURE] = NULL;
    fixture->request.headers[WEBHOOK_PLAIN_SIGNATURE] = signature;
    fixture->request.headers[WEBHOOK_PLAIN_TIMESTAMP] = "161426533";
    body(fixture, joined + strlen("161426533"));
    g_assert_cmpint(judge(fixture), ==, WEBHOOK_REFUSED);
}

/* ---- what is followed ---- */

static void assert_match(const char *text, const char *repository, const char *ref, const char *branch,
                         WebhookMatch expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RepoLocation) location = repo_location_parse(text, &error);
    g_assert_no_error(error);
    WebhookVerdict push = {.result = WEBHOOK_PUSH,
                           .repository = (char *)(uintptr_t)repository,
                           .ref = (char *)(uintptr_t)ref,
                           .default_branch = (char *)(uintptr_t)branch};
    g_assert_cmpint(webhook_match(&push, location), ==, expected);
}

static void test_match(void)
{
    static const char main_ref[] = "refs/heads/main";
    assert_match("git+https://h.example/team/jobs.git@main", "team/jobs", main_ref, NULL, WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/scm/team/jobs@main:envs", "Team/Jobs", main_ref, NULL,
                 WEBHOOK_FOLLOWED);
    assert_match("git+git@h.example:team/jobs.git@main", "team/jobs", main_ref, NULL, WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git@main", NULL, main_ref, NULL, WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git@main", "am/jobs", main_ref, NULL,
                 WEBHOOK_OTHER_REPOSITORY);
    assert_match("git+https://h.example/team/jobs.git@main", "jobs2", main_ref, NULL,
                 WEBHOOK_OTHER_REPOSITORY);
    assert_match("git+https://h.example/team/jobs.git@main", "a/team/jobs", main_ref, NULL,
                 WEBHOOK_OTHER_REPOSITORY);
    assert_match("git+https://h.example/team/jobs.git@main", "team/jobs", "refs/heads/main2", NULL,
                 WEBHOOK_OTHER_REF);
    assert_match("git+https://h.example/team/jobs.git@main", "team/jobs", "refs/tags/main", NULL,
                 WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git@refs/heads/main", "team/jobs", "refs/tags/main", NULL,
                 WEBHOOK_OTHER_REF);
    assert_match("git+https://h.example/team/jobs.git", "team/jobs", main_ref, "main", WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git", "team/jobs", main_ref, "trunk", WEBHOOK_OTHER_REF);
    assert_match("git+https://h.example/team/jobs.git", NULL, main_ref, NULL, WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git", NULL, "refs/tags/v1", NULL, WEBHOOK_OTHER_REF);
    assert_match("git+https://h.example/team/jobs.git@semver:^1", NULL, "refs/tags/v1.2.3", NULL,
                 WEBHOOK_FOLLOWED);
    assert_match("git+https://h.example/team/jobs.git@semver:^1", NULL, main_ref, NULL, WEBHOOK_OTHER_REF);
    assert_match("git+https://h.example/team/jobs.git@" COMMIT, NULL, main_ref, NULL, WEBHOOK_OTHER_REF);
}

/* ---- what was taken ---- */

static void key_of(unsigned char ret_key[WEBHOOK_KEY_BYTES], size_t number)
{
    memset(ret_key, 0, WEBHOOK_KEY_BYTES);
    memcpy(ret_key, &number, sizeof number);
}

static void test_deliveries(void)
{
    g_autofree Deliveries *deliveries = g_new0(Deliveries, 1);
    unsigned char key[WEBHOOK_KEY_BYTES];
    key_of(key, 0);
    g_assert_false(deliveries_has(deliveries, key)); /* zeros are a key like any */
    for (size_t i = 0; i < 3 * DELIVERIES_KEPT; i++) {
        key_of(key, i);
        g_assert_false(deliveries_has(deliveries, key));
        deliveries_add(deliveries, key);
        g_assert_true(deliveries_has(deliveries, key));
        key_of(key, i < DELIVERIES_KEPT ? 0 : i - DELIVERIES_KEPT + 1);
        g_assert_true(deliveries_has(deliveries, key)); /* the oldest that is kept */
        if (i >= DELIVERIES_KEPT) {
            key_of(key, i - DELIVERIES_KEPT);
            g_assert_false(deliveries_has(deliveries, key));
        }
    }
}

#define TEST(name) g_test_add("/webhook/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(github_example);
    TEST(github_malformed);
    TEST(github_push);
    TEST(github_deleted);
    TEST(github_bad);
    TEST(gitlab_token);
    TEST(gitlab_signed);
    TEST(gitlab_times);
    TEST(gitea);
    TEST(plain);
    TEST(plain_is_no_other);
    g_test_add_func("/webhook/match", test_match);
    g_test_add_func("/webhook/deliveries", test_deliveries);
    return g_test_run();
}

#include "reconciler/provider/aws/sigv4.h"
#include <string.h>

#define AT_MS  1768478400000 /* 2026-01-15T12:00:00Z */
#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static AwsCredentials *credentials_of(const char *token)
{
    return aws_credentials_new(KEY_ID, SECRET, token, 0, "the test");
}

/* Made by an independent signer. */
static void test_query(void)
{
    const SigV4Header headers[] = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                                   {"Host", "ec2.us-east-1.amazonaws.com"},
                                   {"User-Agent", "muster"},
                                   {"X-Amz-Date", "20260115T120000Z"}};
    const SigV4Request request = {.method = "POST",
                                  .path = "/",
                                  .headers = headers,
                                  .headers_len = G_N_ELEMENTS(headers),
                                  .body = VIEW("Action=DescribeInstances&Version=2016-11-15&Filter.1.Name="
                                               "tag%3Abatch%2Fowner&Filter.1.Value.1=prod-a")};
    static const char *const names[] = {"content-type", "host", "x-amz-date", NULL};
    const SigV4Scope scope = {"us-east-1", "ec2"};
    SigV4Key key = {0};
    g_autoptr(AwsCredentials) credentials = credentials_of(NULL);
    g_autofree char *digest = sigv4_canonical_digest(&request, names);
    g_assert_cmpstr(digest, ==, "86db072c3def37bb0cdb6cf614824e6bf892ca72be05b9c0b5000c2fd0617f9e");
    g_autofree char *value = sigv4_authorization(&request, &scope, credentials, AT_MS, &key);
    g_assert_cmpstr(value, ==,
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/us-east-1/ec2/aws4_request, "
                    "SignedHeaders=content-type;host;x-amz-date, "
                    "Signature=0b3846ef63bdd30d0ccf6bfb6f4c68c167095c4972a55cf297353757c79c9e60");
    g_autofree char *again = sigv4_authorization(&request, &scope, credentials, AT_MS, &key);
    g_assert_cmpstr(again, ==, value);
}

static const SigV4Header json_headers[] = {
    {"Host", "ecs.cn-north-1.amazonaws.com.cn"},
    {"X-Amz-Date", "20260115T120000Z"},
    {"Content-Type", "application/x-amz-json-1.1"},
    {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeTasks"},
    {"X-Amz-Security-Token", "SESSIONTOKENEXAMPLE=="}};
static const SigV4Request json_request = {.method = "POST",
                                          .path = "/",
                                          .headers = json_headers,
                                          .headers_len = G_N_ELEMENTS(json_headers),
                                          .body = VIEW("{\"cluster\":\"ce1\",\"tasks\":[\"abc\"]}")};
static const SigV4Scope json_scope = {"cn-north-1", "ecs"};
#define JSON_SIGNATURE "b2e6359c088993f0db22ac1e3bcbab89b7d67d1967f75acfb75eb6a5aa083840"

static char *json_authorization(SigV4Key *key)
{
    g_autoptr(AwsCredentials) credentials = credentials_of("SESSIONTOKENEXAMPLE==");
    return sigv4_authorization(&json_request, &json_scope, credentials, AT_MS, key);
}

static void test_json(void)
{
    static const char *const names[] = {"content-type",         "host",         "x-amz-date",
                                        "x-amz-security-token", "x-amz-target", NULL};
    SigV4Key key = {0};
    g_autofree char *digest = sigv4_canonical_digest(&json_request, names), *value = json_authorization(&key);
    g_assert_cmpstr(digest, ==, "d2101846e12209a127aa69cac1f9716cd9d773c933fd8589acfaf2f3ec5c9a1e");
    g_assert_true(g_str_has_suffix(value, "Signature=" JSON_SIGNATURE));
    g_assert_nonnull(
        strstr(value, "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "));
}

/* The kept key is of one day, region, service and secret. */
static void test_key(void)
{
    SigV4Key key = {0};
    g_autofree char *first = json_authorization(&key);
    g_assert_true(g_str_has_suffix(first, JSON_SIGNATURE));
    static const SigV4Scope others[] = {{"cn-north-1", "ec2"}, {"cn-northwest-1", "ecs"}};
    g_autoptr(AwsCredentials) credentials = credentials_of("SESSIONTOKENEXAMPLE==");
    g_autoptr(AwsCredentials) rotated = aws_credentials_new(KEY_ID, "other", NULL, 0, "the test");
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        SigV4Key fresh = {0};
        g_autofree char *kept = sigv4_authorization(&json_request, &others[i], credentials, AT_MS, &key);
        g_autofree char *right = sigv4_authorization(&json_request, &others[i], credentials, AT_MS, &fresh);
        g_assert_cmpstr(kept, ==, right);
    }
    SigV4Key fresh = {0}, tomorrow = {0};
    g_autofree char *kept = sigv4_authorization(&json_request, &json_scope, rotated, AT_MS, &key);
    g_autofree char *right = sigv4_authorization(&json_request, &json_scope, rotated, AT_MS, &fresh);
    g_assert_cmpstr(kept, ==, right);
    g_autofree char *later = sigv4_authorization(&json_request, &json_scope, rotated, AT_MS + 86400000, &key);
    g_autofree char *right_later =
        sigv4_authorization(&json_request, &json_scope, rotated, AT_MS + 86400000, &tomorrow);
    g_assert_cmpstr(later, ==, right_later);
    g_assert_cmpstr(later, !=, kept);
}

/* AWS General Reference: paths, queries and blanks have one form each. */
static void test_canonical_form(void)
{
    static const char *const names[] = {"a", "host", NULL};
    const SigV4Header plain[] = {{"host", "h"}, {"a", "x y,z"}},
                      odd[] = {{"A", "  x \t  y "}, {"HOST", "h"}, {"a", "z"}};
    const struct {
        const char *path, *query;
    } forms[] = {{"//x/../a%20b/./c", "b=2&a=%2f&a=1"}, {"/a%20b/c", "a=1&a=/&b=2"}};
    g_autofree char *first = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        const SigV4Request request = {.method = "GET",
                                      .path = forms[i].path,
                                      .query = forms[i].query,
                                      .headers = i ? odd : plain,
                                      .headers_len = i ? 3 : 2};
        g_autofree char *digest = sigv4_canonical_digest(&request, names);
        if (!first)
            first = g_strdup(digest);
        g_assert_cmpstr(digest, ==, first);
    }
    const SigV4Request
        none = {.method = "GET", .path = "", .query = NULL, .headers = plain, .headers_len = 2},
        root = {.method = "GET", .path = "/", .query = "", .headers = plain, .headers_len = 2},
        bare = {.method = "GET", .path = "/", .query = "x", .headers = plain, .headers_len = 2},
        equals = {.method = "GET", .path = "/", .query = "x=", .headers = plain, .headers_len = 2};
    g_autofree char *a = sigv4_canonical_digest(&none, names), *b = sigv4_canonical_digest(&root, names),
                    *c = sigv4_canonical_digest(&bare, names), *d = sigv4_canonical_digest(&equals, names);
    g_assert_cmpstr(a, ==, b);
    g_assert_cmpstr(c, ==, d);
    g_assert_cmpstr(a, !=, c);
}

/* The digests are those that botocore's SigV4Auth makes. */
static void test_paths(void)
{
    static const char *const names[] = {"host", NULL};
    static const SigV4Header headers[] = {{"Host", "h"}};
    const struct {
        const char *path, *query, *digest;
    } cases[] = {
        {"/v1/tags/arn%3Aaws%3Abatch%3Aeu-west-1%3A1%3Ajob%2Fx", "tagKeys=a%20b&tagKeys=%C3%A9&tagKeys=a",
         "b3bcdee5d4cc5ef5b7dce349b31ba6c2d3356ccbfe694650f4f85967538f316c"},
        {"/a/../b//c/", "", "ad9c4f150a6167aaec171dda2d317f7ca55207cbc0efcf03fdd4fed8e5f44acd"},
        {"/%7Euser/~x", "z&y=&x=%2B", "53b061291c34bb85845366af3203224bf0d45a2fd533ef4cf1771f1093f1cfd7"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const SigV4Request request = {.method = "DELETE",
                                      .path = cases[i].path,
                                      .query = cases[i].query,
                                      .headers = headers,
                                      .headers_len = 1};
        g_autofree char *digest = sigv4_canonical_digest(&request, names);
        g_assert_cmpstr(digest, ==, cases[i].digest);
    }
}

static void test_times(void)
{
    char text[SIGV4_TIME_TEXT];
    sigv4_time_text(AT_MS, text);
    g_assert_cmpstr(text, ==, "20260115T120000Z");
    g_assert_cmpint(sigv4_time_parse(text), ==, AT_MS);
    static const char *const bad[] = {"",
                                      "20260115T120000",
                                      "20260115 120000Z",
                                      "20261315T120000Z",
                                      "2026011xT120000Z",
                                      "20260115T120000Zx"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(sigv4_time_parse(bad[i]), ==, 0);
    g_assert_cmpint(sigv4_time_parse(NULL), ==, 0);
}

/* ---- checking ---- */

static SigV4Verdict verdict_of(const SigV4Request *request, const char *authorization, const char *secret,
                               int64_t now_ms)
{
    g_autofree char *text = g_strdup(authorization);
    g_auto(SigV4Claim) claim = {0};
    g_assert_true(sigv4_claim_parse(text, &claim));
    g_assert_cmpstr(claim.access_key_id, ==, KEY_ID);
    return sigv4_verify(request, &claim, secret, now_ms, NULL);
}

static void test_verify(void)
{
    SigV4Key key = {0};
    g_autofree char *value = json_authorization(&key);
    g_assert_cmpint(verdict_of(&json_request, value, SECRET, AT_MS), ==, SIGV4_GOOD);
    g_assert_cmpint(verdict_of(&json_request, value, SECRET, AT_MS + SIGV4_WINDOW_MS), ==, SIGV4_GOOD);
    g_assert_cmpint(verdict_of(&json_request, value, SECRET, AT_MS + SIGV4_WINDOW_MS + 1), ==, SIGV4_EXPIRED);
    g_assert_cmpint(verdict_of(&json_request, value, SECRET, AT_MS - SIGV4_WINDOW_MS - 1), ==, SIGV4_EXPIRED);
    g_assert_cmpint(verdict_of(&json_request, value, "another", AT_MS), ==, SIGV4_MISMATCH);
    SigV4Request changed = json_request;
    changed.body = VIEW("{\"cluster\":\"ce2\",\"tasks\":[\"abc\"]}");
    g_assert_cmpint(verdict_of(&changed, value, SECRET, AT_MS), ==, SIGV4_MISMATCH);
    changed = json_request;
    changed.path = "/other";
    g_assert_cmpint(verdict_of(&changed, value, SECRET, AT_MS), ==, SIGV4_MISMATCH);
}

/* A header that counts for AWS and is not signed could be put in by anybody on the way; so could one that is
 * said to be signed and is not there. */
static void test_coverage(void)
{
    SigV4Key key = {0};
    g_autofree char *value = json_authorization(&key);
    SigV4Header more[G_N_ELEMENTS(json_headers) + 1];
    memcpy(more, json_headers, sizeof json_headers);
    more[G_N_ELEMENTS(json_headers)] = (SigV4Header){"X-Amz-Other", "1"};
    SigV4Request request = json_request;
    request.headers = more;
    request.headers_len = G_N_ELEMENTS(more);
    g_assert_cmpint(verdict_of(&request, value, SECRET, AT_MS), ==, SIGV4_INCOMPLETE);
    more[G_N_ELEMENTS(json_headers)] = (SigV4Header){"Accept", "*"};
    g_assert_cmpint(verdict_of(&request, value, SECRET, AT_MS), ==, SIGV4_GOOD);
    request.headers_len = G_N_ELEMENTS(json_headers) - 1; /* the token went missing */
    g_assert_cmpint(verdict_of(&request, value, SECRET, AT_MS), ==, SIGV4_INCOMPLETE);
    g_assert_cmpint(
        verdict_of(&json_request,
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/cn-north-1/ecs/aws4_request, "
                   "SignedHeaders=host, Signature=" JSON_SIGNATURE,
                   SECRET, AT_MS),
        ==, SIGV4_INCOMPLETE);
}

static void test_claims(void)
{
    static const char *const bad[] = {
        "",
        "Bearer x",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=host, Signature=12",
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/other, SignedHeaders=host, Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/2026011x/r/s/aws4_request, SignedHeaders=host, "
        "Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/aws4_request, SignedHeaders=host, "
        "Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=x;host, "
        "Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=host;host, "
        "Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=Host, "
        "Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, SignedHeaders=, Signature=" JSON_SIGNATURE,
        "AWS4-HMAC-SHA256 Credential=A/20260115/r/s/aws4_request, Signature=" JSON_SIGNATURE
        ", SignedHeaders=host, Signature=" JSON_SIGNATURE,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup(bad[i]);
        g_auto(SigV4Claim) claim = {0};
        g_test_message("%s", bad[i]);
        g_assert_false(sigv4_claim_parse(text, &claim));
    }
    g_autofree char *text = g_strdup("AWS4-HMAC-SHA256 Signature=" JSON_SIGNATURE
                                     ",SignedHeaders=a;host,Credential=A/20260115/r/s/aws4_request");
    g_auto(SigV4Claim) claim = {0};
    g_assert_true(sigv4_claim_parse(text, &claim));
    g_assert_cmpstr(claim.region, ==, "r");
    g_assert_cmpstr(claim.signed_headers[1], ==, "host");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sigv4/query", test_query);
    g_test_add_func("/sigv4/json", test_json);
    g_test_add_func("/sigv4/key", test_key);
    g_test_add_func("/sigv4/canonical-form", test_canonical_form);
    g_test_add_func("/sigv4/paths", test_paths);
    g_test_add_func("/sigv4/times", test_times);
    g_test_add_func("/sigv4/verify", test_verify);
    g_test_add_func("/sigv4/coverage", test_coverage);
    g_test_add_func("/sigv4/claims", test_claims);
    return g_test_run();
}

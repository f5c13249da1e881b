#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>
#include "spec/sigv4.h"
#include "spec/base/rng.h"

/* Random requests, signed by us and judged by botocore's signer; left out where it is not installed. */

#define REQUESTS    300
#define HEADERS_MAX 10

static const char *one_of(Rng *rng, const char *const *texts, size_t len)
{
    return texts[rng_below(rng, len)];
}
#define ONE_OF(rng, ...)                                                                                     \
    one_of(rng, (const char *const[]){__VA_ARGS__},                                                          \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static char *random_path(Rng *rng)
{
    GString *path = g_string_new("/");
    for (uint64_t parts = rng_below(rng, 5); parts > 0; parts--)
        g_string_append(path, ONE_OF(rng, "a", "b/", "/", "./", "../", "%20", "%C3%BC", "~x", "a+b/", "-_."));
    return g_string_free(path, FALSE);
}

static char *random_query(Rng *rng)
{
    GString *query = g_string_new(NULL);
    for (uint64_t pairs = rng_below(rng, 6); pairs > 0; pairs--)
        g_string_append_printf(query, "%s%s=%s", query->len ? "&" : "",
                               ONE_OF(rng, "a", "A", "b", "a.b", "a-", "%41", "Filter.1.Name", "z"),
                               ONE_OF(rng, "", "1", "10", "2", "%2F", "a%20b", "~", "B"));
    return g_string_free(query, FALSE);
}

/* The first is always there, in any order with the rest. */
static size_t random_headers(Rng *rng, SigV4Header headers[HEADERS_MAX], const char *time, const char *token)
{
    static const char *const values[] = {"plain",    "  around  ", "two  blanks", "tab\tin", "a \t b",
                                         "x=1; y=2", "-"};
    static const char *const names[] = {"X-Amz-Target",    "content-type", "Accept",
                                        "amz-sdk-request", "X-Other",      "User-Agent"};
    size_t len = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (rng_below(rng, 2) == 0)
            headers[len++] = (SigV4Header){names[i], one_of(rng, values, G_N_ELEMENTS(values))};
    headers[len++] = (SigV4Header){"Host", "host"};
    headers[len++] = (SigV4Header){"X-Amz-Date", time};
    if (token)
        headers[len++] = (SigV4Header){"X-Amz-Security-Token", token};
    for (size_t i = len - 1; i > 0; i--) {
        size_t other = rng_below(rng, i + 1);
        SigV4Header kept = headers[i];
        headers[i] = headers[other];
        headers[other] = kept;
    }
    return len;
}

static json_t *headers_json(const SigV4Request *request)
{
    json_t *list = json_array();
    for (size_t i = 0; i < request->headers_len; i++)
        json_array_append_new(list, json_pack("[ss]", request->headers[i].name, request->headers[i].value));
    return list;
}

static void append_random(GString *lines, Rng *rng)
{
    char time[SIGV4_TIME_TEXT];
    SigV4Header headers[HEADERS_MAX];
    SigV4Key key = {0};
    int64_t at_ms = rng_between(rng, 1577836800000, 2524608000000);
    const char *token = ONE_OF(rng, NULL, "a/long+token=="), *secret = ONE_OF(rng, "secret", "other/+secret");
    const SigV4Scope scope = {ONE_OF(rng, "eu-central-1", "cn-north-1"),
                              ONE_OF(rng, "ec2", "ecs", "pricing")};
    g_autofree char *path = random_path(rng), *query = random_query(rng);
    sigv4_time_text(at_ms, time);
    const char *body = ONE_OF(rng, "", "{}", "Action=A&B=%2F", "{\"a\":\"\303\274\"}");
    const SigV4Request request = {.method = ONE_OF(rng, "GET", "POST", "PUT"),
                                  .path = path,
                                  .query = query,
                                  .headers = headers,
                                  .headers_len = random_headers(rng, headers, time, token),
                                  .body = view_from(body)};
    g_autofree char *authorization = sigv4_authorization(&request, &scope, "AKID", secret, at_ms, &key);
    json_t *line = json_pack("{ss ss ss? ss ss ss ss ss ss ss so ss}", "key", "AKID", "secret", secret,
                             "token", token, "service", scope.service, "region", scope.region, "method",
                             request.method, "path", path, "query", query, "body", body, "time", time,
                             "headers", headers_json(&request), "authorization", authorization);
    char *text = json_dumps(line, JSON_COMPACT);
    g_string_append_printf(lines, "%s\n", text);
    g_free(text);
    json_decref(line);
}

static void test_judged(void)
{
    Rng rng = rng_from_seed(11);
    g_autofree char *file = NULL, *said = NULL;
    g_autoptr(GString) lines = g_string_new(NULL);
    for (int i = 0; i < REQUESTS; i++)
        append_random(lines, &rng);
    int fd = g_file_open_tmp("requests-XXXXXX", &file, NULL), status = 0;
    close(fd);
    g_assert_true(g_file_set_contents(file, lines->str, (gssize)lines->len, NULL));
    g_autofree char *command = g_strdup_printf("sh -c 'exec python3 tests/support/aws_sign.py <%s'", file);
    bool is_run = g_spawn_command_line_sync(command, &said, NULL, &status, NULL);
    unlink(file);
    bool is_missing =
        !is_run || (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127));
    if (is_missing)
        g_test_skip("python3 with botocore is not installed: 300 signatures are not judged");
    else if (status != 0)
        g_error("%s", said);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sigv4/judged", test_judged);
    return g_test_run();
}

/* webhook_fuzz.c: what anybody can send. Input: lines of headers up to an empty
 * one (a byte that says which, its value), then the body. It is judged as it stands, where nobody can have
 * signed it; and once more signed by us, so that what reads a body is reached: then all of the verdict is of
 * the form that the rest relies on. */
#include <stdint.h>
#include <string.h>
#include "reconciler/api/deliveries.h"
#include "reconciler/api/webhook.h"

#define SECRET "a secret that no input can know"
#define NOW_MS INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const secrets[] = {SECRET, "whsec_c2l4dGVlbiBieXRlcyBhdCBsZWFzdA==", NULL};

typedef struct {
    char *values[WEBHOOK_HEADERS];
    View body;
} Input;

static void input_clear(Input *input)
{
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        g_free(input->values[i]);
}

static void input_take(Input *input, View text)
{
    while (text.len > 0 && *text.data != '\n') {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        unsigned header = (unsigned char)*text.data % WEBHOOK_HEADERS;
        g_free(input->values[header]);
        input->values[header] = g_strndup(text.data + 1, len - 1);
        text = (View){text.data + MIN(len + 1, text.len), text.len - MIN(len + 1, text.len)};
    }
    input->body = text.len ? (View){text.data + 1, text.len - 1} : text;
}

static void check_text(const char *text)
{
    g_assert(g_utf8_validate(text, -1, NULL) && *text && strlen(text) <= 512);
    for (const char *byte = text; *byte; byte++)
        g_assert((unsigned char)*byte > ' ' && *byte != 0x7f);
}

static void check_push(const WebhookVerdict *verdict)
{
    static const char *const locations[] = {"git+https://h.example/team/jobs.git",
                                            "git+https://h.example/team/jobs.git@main",
                                            "git+https://h.example/team/jobs.git@semver:^1"};
    check_text(verdict->ref);
    g_assert(g_str_has_prefix(verdict->ref, "refs/"));
    g_assert(!verdict->commit ||
             (strlen(verdict->commit) == 40 && strspn(verdict->commit, "0123456789abcdef") == 40 &&
              strspn(verdict->commit, "0") < 40));
    for (size_t i = 0; i < G_N_ELEMENTS(locations); i++) {
        g_autoptr(RepoLocation) location = repo_location_parse(locations[i], NULL);
        webhook_match(verdict, location);
    }
}

static void check(const WebhookVerdict *verdict)
{
    const char *const texts[] = {verdict->ref, verdict->repository, verdict->default_branch,
                                 verdict->delivery};
    bool is_told = verdict->result == WEBHOOK_REFUSED || verdict->result == WEBHOOK_BAD;
    g_assert(is_told == (verdict->reason != NULL));
    g_assert(!is_told || !strstr(verdict->reason, SECRET));
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (texts[i])
            check_text(texts[i]);
    if (verdict->result == WEBHOOK_PUSH)
        check_push(verdict);
}

static WebhookResult judge(const WebhookRequest *request)
{
    g_auto(WebhookVerdict) verdict = {0};
    webhook_judge(request, &verdict);
    check(&verdict);
    return verdict.result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {0};
    input_take(&input, (View){(const char *)data, size});
    WebhookRequest request = {.body = input.body, .secrets = secrets, .now_ms = NOW_MS};
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        request.headers[i] = input.values[i];
    const char *token = request.headers[WEBHOOK_GITLAB_TOKEN];
    bool is_guessed = token && g_strv_contains(secrets, token); /* comparisons tell the fuzzer what to try */
    g_assert(is_guessed || judge(&request) == WEBHOOK_REFUSED);

    g_autofree char *mac =
        g_compute_hmac_for_data(G_CHECKSUM_SHA256, (const guchar *)SECRET, strlen(SECRET),
                                (const guchar *)(input.body.data ? input.body.data : ""), input.body.len);
    static const WebhookHeader others[] = {WEBHOOK_STANDARD_SIGNATURE, WEBHOOK_GITLAB_TOKEN,
                                           WEBHOOK_FORGEJO_SIGNATURE, WEBHOOK_PLAIN_SIGNATURE};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        request.headers[others[i]] = NULL;
    request.headers[WEBHOOK_GITEA_SIGNATURE] = mac;
    g_assert(judge(&request) != WEBHOOK_REFUSED);
    request.headers[WEBHOOK_GITEA_EVENT] = "push";
    g_assert(judge(&request) != WEBHOOK_REFUSED);
    request.headers[WEBHOOK_GITEA_SIGNATURE] = NULL;
    request.headers[WEBHOOK_GITLAB_TOKEN] = SECRET;
    g_assert(judge(&request) != WEBHOOK_REFUSED);
    input_clear(&input);
    return 0;
}

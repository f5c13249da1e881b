/* courier_http.c: one request, and what its answer means. */
#include <string.h>
#include "reconciler/notify/commit_status.h"
#include "reconciler/notify/courier_internal.h"
#include "spec/base/one_line.h"

#ifndef MUSTER_VERSION
#error "MUSTER_VERSION comes from the Makefile"
#endif

#define ANSWER_MAX   ((size_t)1 << 20) /* who says more is not listened to */
#define REASON_SHOWN 200

static size_t take_answer(char *bytes, size_t size, size_t len, void *data)
{
    Delivery *delivery = data;
    size_t total = size * len, room = ANSWER_KEPT - MIN(delivery->answer->len, ANSWER_KEPT);
    g_string_append_len(delivery->answer, bytes, (gssize)MIN(total, room));
    delivery->answer_len += total;
    return delivery->answer_len <= ANSWER_MAX ? total : 0;
}

static void set_headers(Delivery *delivery, const Message *message)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    for (char **header = message->headers; header && *header; header++)
        headers = curl_slist_append(headers, *header);
    delivery->headers = headers;
    curl_easy_setopt(delivery->easy, CURLOPT_HTTPHEADER, headers);
}

bool http_begin(Delivery *delivery, CURLM *multi, const DestinationConfig *config, const Message *message,
                char **ret_error)
{
    CURL *easy = delivery->easy = curl_easy_init();
    delivery->body = g_strdup(message->body);
    curl_easy_setopt(easy, CURLOPT_URL, message->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(delivery->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->body);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)MIN(config->timeout_ms, G_MAXINT));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, delivery->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
    if (config->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (config->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
    set_headers(delivery, message);
    CURLMcode code = curl_multi_add_handle(multi, easy);
    if (code != CURLM_OK)
        *ret_error = g_strdup(curl_multi_strerror(code));
    return code == CURLM_OK;
}

/* ---- answers ---- */

static int64_t header_number(CURL *easy, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return -1;
    char *end;
    int64_t value = g_ascii_strtoll(header->value, &end, 10);
    return end == header->value ? -1 : value;
}

/* Retry-After; and where nothing is left of a rate limit, when it begins anew (GitHub). */
static int64_t asked_of(CURL *easy)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds == 0 && header_number(easy, "x-ratelimit-remaining") == 0)
        seconds = MAX(header_number(easy, "x-ratelimit-reset") - g_get_real_time() / G_USEC_PER_SEC, 1);
    return CLAMP(seconds, 0, DESTINATION_ASKED_MAX_MS / 1000) * 1000;
}

DeliveryOutcome http_outcome(DestinationKind kind, long code, int64_t asked_ms, View answer)
{
    if (code >= 200 && code < 300)
        return DELIVERY_DONE;
    if (commit_status_is_known(kind, code, answer))
        return DELIVERY_DONE;
    bool is_limited = code == 408 || code == 429 || (code == 403 && asked_ms > 0);
    return is_limited || code >= 500 || code < 200 ? DELIVERY_RETRY : DELIVERY_GIVEN_UP;
}

/* "HTTP 404: {"message":"Not Found"}" */
static char *answer_text(const Delivery *delivery, long code)
{
    g_autofree char *text = one_line((View){delivery->answer->str, delivery->answer->len}, REASON_SHOWN);
    const char *more = code >= 300 && code < 400 ? " (redirects are not followed)" : "";
    return g_strdup_printf("HTTP %ld%s%s%s", code, more, *text ? ": " : "", text);
}

DeliveryOutcome http_end(Delivery *delivery, CURLcode code, int64_t *ret_asked_ms, char **ret_error)
{
    long status = 0;
    curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &status);
    bool is_answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && status > 0);
    if (!is_answered) {
        *ret_error = g_strdup(*delivery->error ? delivery->error : curl_easy_strerror(code));
        return DELIVERY_RETRY;
    }
    *ret_asked_ms = asked_of(delivery->easy);
    DeliveryOutcome outcome = http_outcome(delivery->kind, status, *ret_asked_ms,
                                           (View){delivery->answer->str, delivery->answer->len});
    if (outcome != DELIVERY_DONE)
        *ret_error = answer_text(delivery, status);
    return outcome;
}

/* webhook_signature.c: see webhook_signature.h. */
#include "reconciler/api/webhook_signature.h"
#include <openssl/crypto.h>
#include <string.h>
#include "spec/base/view.h"
#include "spec/mac.h"

#define ID_MAX           256
#define STANDARD_PREFIX  "whsec_"
#define STANDARD_KEY_MIN 16
#define STANDARD_SIGNS   8 /* signatures that are looked at: a sender in the middle of a rotation gives two */
#define TIMESTAMP_DIGITS 12

static const char *const header_names[WEBHOOK_HEADERS] = {
    [WEBHOOK_HUB_SIGNATURE] = "X-Hub-Signature-256",
    [WEBHOOK_GITHUB_EVENT] = "X-GitHub-Event",
    [WEBHOOK_GITHUB_DELIVERY] = "X-GitHub-Delivery",
    [WEBHOOK_GITLAB_TOKEN] = "X-Gitlab-Token",
    [WEBHOOK_STANDARD_SIGNATURE] = "webhook-signature",
    [WEBHOOK_STANDARD_ID] = "webhook-id",
    [WEBHOOK_STANDARD_TIMESTAMP] = "webhook-timestamp",
    [WEBHOOK_GITLAB_DELIVERY] = "X-Gitlab-Event-UUID",
    [WEBHOOK_FORGEJO_SIGNATURE] = "X-Forgejo-Signature",
    [WEBHOOK_FORGEJO_EVENT] = "X-Forgejo-Event",
    [WEBHOOK_FORGEJO_DELIVERY] = "X-Forgejo-Delivery",
    [WEBHOOK_GITEA_SIGNATURE] = "X-Gitea-Signature",
    [WEBHOOK_GITEA_EVENT] = "X-Gitea-Event",
    [WEBHOOK_GITEA_DELIVERY] = "X-Gitea-Delivery",
    [WEBHOOK_PLAIN_SIGNATURE] = "X-Muster-Signature",
    [WEBHOOK_PLAIN_TIMESTAMP] = "X-Muster-Timestamp",
    [WEBHOOK_PLAIN_DELIVERY] = "X-Muster-Delivery",
};

const char *webhook_header_name(WebhookHeader header)
{
    return header_names[header];
}

/* ---- computing ---- */

static bool is_equal(const unsigned char a[MAC_BYTES], const unsigned char b[MAC_BYTES])
{
    return CRYPTO_memcmp(a, b, MAC_BYTES) == 0;
}

/* 64 hexadecimal digits of either case. */
static bool mac_from_hex(const char *text, unsigned char ret_mac[MAC_BYTES])
{
    if (strlen(text) != 2 * MAC_BYTES || strspn(text, "0123456789abcdefABCDEF") != 2 * MAC_BYTES)
        return false;
    for (size_t i = 0; i < MAC_BYTES; i++)
        ret_mac[i] =
            (unsigned char)(g_ascii_xdigit_value(text[2 * i]) * 16 + g_ascii_xdigit_value(text[2 * i + 1]));
    return true;
}

static bool is_signed_with_any(const WebhookRequest *request, const View *texts, size_t len,
                               const unsigned char mac[MAC_BYTES])
{
    bool is_good = false;
    for (const char *const *secret = request->secrets; *secret; secret++) {
        unsigned char right[MAC_BYTES];
        mac_sha256(view_from(*secret), texts, len, right);
        is_good |= is_equal(right, mac);
    }
    return is_good;
}

/* ---- times and names that are signed ---- */

/* Digits alone: then nothing that is signed can be cut in two ways. */
static const char *timestamp_fault(const char *text, int64_t now_ms)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > TIMESTAMP_DIGITS || strspn(text, "0123456789") != len)
        return "its time is missing, or no number of seconds";
    int64_t at_ms = g_ascii_strtoll(text, NULL, 10) * 1000;
    if (at_ms < now_ms - WEBHOOK_TOLERANCE_MS)
        return "its time is more than five minutes ago: it was kept back or sent again, or a clock is wrong";
    if (at_ms > now_ms + WEBHOOK_TOLERANCE_MS)
        return "its time is more than five minutes ahead: a clock is wrong";
    return NULL;
}

/* ---- the forms ---- */

static const char *hex_fault(const WebhookRequest *request, const char *text, const char *prefix)
{
    unsigned char mac[MAC_BYTES];
    if (!g_str_has_prefix(text, prefix) || !mac_from_hex(text + strlen(prefix), mac))
        return "its signature is no HMAC-SHA256 in hexadecimal digits";
    return is_signed_with_any(request, &request->body, 1, mac) ? NULL
                                                               : "its signature is of another secret or body";
}

static const char *plain_fault(const WebhookRequest *request, WebhookSigned *ret_signed)
{
    const char *text = request->headers[WEBHOOK_PLAIN_SIGNATURE],
               *timestamp = request->headers[WEBHOOK_PLAIN_TIMESTAMP];
    const char *fault = timestamp_fault(timestamp, request->now_ms);
    unsigned char mac[MAC_BYTES];
    if (fault)
        return fault;
    if (!g_str_has_prefix(text, "sha256=") || !mac_from_hex(text + strlen("sha256="), mac))
        return "its signature is no sha256= and an HMAC-SHA256 in hexadecimal digits";
    const View texts[] = {view_from(timestamp), VIEW("."), request->body};
    if (!is_signed_with_any(request, texts, G_N_ELEMENTS(texts), mac))
        return "its signature is of another secret, time or body";
    sha256_bytes(texts, G_N_ELEMENTS(texts), ret_signed->key);
    return NULL;
}

/* Of digests, so that nothing shows how long a secret is. */
static const char *token_fault(const WebhookRequest *request)
{
    View given = view_from(request->headers[WEBHOOK_GITLAB_TOKEN]);
    unsigned char mine[WEBHOOK_KEY_BYTES], right[WEBHOOK_KEY_BYTES];
    bool is_good = false;
    sha256_bytes(&given, 1, mine);
    for (const char *const *secret = request->secrets; *secret; secret++) {
        View text = view_from(*secret);
        sha256_bytes(&text, 1, right);
        is_good |= is_equal(mine, right);
    }
    return is_good ? NULL : "its token is another one";
}

/* One signature of webhook-signature, "v1,BASE64"; others are of other schemes. */
static bool is_standard(const char *text, const View *texts, size_t len, View key)
{
    unsigned char right[MAC_BYTES];
    gsize given_len = 0;
    if (!g_str_has_prefix(text, "v1,"))
        return false;
    g_autofree guchar *given = g_base64_decode(text + strlen("v1,"), &given_len);
    mac_sha256(key, texts, len, right);
    return given_len == MAC_BYTES && is_equal(given, right);
}

/* https://www.standardwebhooks.com: the key is what stands in base64 after whsec_. */
static const char *standard_fault(const WebhookRequest *request, WebhookSigned *ret_signed)
{
    const char *id = request->headers[WEBHOOK_STANDARD_ID],
               *timestamp = request->headers[WEBHOOK_STANDARD_TIMESTAMP];
    const char *fault = timestamp_fault(timestamp, request->now_ms);
    bool is_good = false, has_key = false;
    if (fault)
        return fault;
    if (!id || !*id || strlen(id) > ID_MAX || strchr(id, '.'))
        return "its webhook-id is missing, too long, or has a dot in it";
    g_auto(GStrv) signatures = g_strsplit(request->headers[WEBHOOK_STANDARD_SIGNATURE], " ", STANDARD_SIGNS);
    const View texts[] = {view_from(id), VIEW("."), view_from(timestamp), VIEW("."), request->body};
    for (const char *const *secret = request->secrets; *secret; secret++) {
        if (!g_str_has_prefix(*secret, STANDARD_PREFIX))
            continue;
        gsize len = 0;
        g_autofree guchar *key = g_base64_decode(*secret + strlen(STANDARD_PREFIX), &len);
        for (char **one = signatures; len >= STANDARD_KEY_MIN && *one; one++)
            is_good |= is_standard(*one, texts, G_N_ELEMENTS(texts), (View){(const char *)key, len});
        has_key |= len >= STANDARD_KEY_MIN;
    }
    if (!has_key)
        return "it has a webhook-signature, and no secret is a signing token (whsec_ and base64)";
    sha256_bytes(texts, 1, ret_signed->key);
    return is_good ? NULL : "its signature is of another secret, time or body";
}

bool webhook_is_signed(const char *const headers[WEBHOOK_HEADERS])
{
    return headers[WEBHOOK_STANDARD_SIGNATURE] || headers[WEBHOOK_GITLAB_TOKEN] ||
           headers[WEBHOOK_FORGEJO_SIGNATURE] || headers[WEBHOOK_GITEA_SIGNATURE] ||
           headers[WEBHOOK_HUB_SIGNATURE] || headers[WEBHOOK_PLAIN_SIGNATURE];
}

/* The first that is there decides: one that is wrong is not saved by another. Gitea sends GitHub's beside
 * its own. */
const char *webhook_signature_fault(const WebhookRequest *request, WebhookSigned *ret_signed)
{
    const char *const *headers = request->headers;
    if (headers[WEBHOOK_STANDARD_SIGNATURE] || headers[WEBHOOK_GITLAB_TOKEN]) {
        *ret_signed = (WebhookSigned){.form = FORM_GITLAB};
        ret_signed->delivery =
            headers[WEBHOOK_STANDARD_ID] ? headers[WEBHOOK_STANDARD_ID] : headers[WEBHOOK_GITLAB_DELIVERY];
        if (headers[WEBHOOK_STANDARD_SIGNATURE])
            return standard_fault(request, ret_signed);
        sha256_bytes(&request->body, 1, ret_signed->key);
        return token_fault(request);
    }
    if (headers[WEBHOOK_PLAIN_SIGNATURE]) {
        *ret_signed = (WebhookSigned){.form = FORM_PLAIN, .delivery = headers[WEBHOOK_PLAIN_DELIVERY]};
        return plain_fault(request, ret_signed);
    }
    static const struct {
        WebhookForm form;
        WebhookHeader signature, event, delivery;
        const char *prefix;
    } forms[] = {
        {FORM_GITEA, WEBHOOK_FORGEJO_SIGNATURE, WEBHOOK_FORGEJO_EVENT, WEBHOOK_FORGEJO_DELIVERY, ""},
        {FORM_GITEA, WEBHOOK_GITEA_SIGNATURE, WEBHOOK_GITEA_EVENT, WEBHOOK_GITEA_DELIVERY, ""},
        {FORM_GITHUB, WEBHOOK_HUB_SIGNATURE, WEBHOOK_GITHUB_EVENT, WEBHOOK_GITHUB_DELIVERY, "sha256="},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        const char *text = headers[forms[i].signature];
        if (!text)
            continue;
        *ret_signed = (WebhookSigned){
            .form = forms[i].form, .event = headers[forms[i].event], .delivery = headers[forms[i].delivery]};
        sha256_bytes(&request->body, 1, ret_signed->key);
        return hex_fault(request, text, forms[i].prefix);
    }
    return "it is not signed";
}

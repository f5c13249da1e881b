#include "spec/mac.h"
#include <glib.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* libcrypto looks an algorithm up by its name each time it is not handed one: that took longer than a digest.
 * These live as long as the process, and never change. */
typedef struct {
    EVP_MD *sha256;
    EVP_MAC *hmac;
    EVP_MAC_CTX *begun; /* told its digest; copied for each message */
} Algorithms;

static const Algorithms *algorithms(void)
{
    static gsize is_ready;
    static Algorithms found;
    if (g_once_init_enter(&is_ready)) {
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
            OSSL_PARAM_construct_end()};
        found.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        found.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        found.begun = EVP_MAC_CTX_new(found.hmac);
        if (!found.sha256 || !found.begun || EVP_MAC_CTX_set_params(found.begun, params) != 1)
            g_error("libcrypto has no HMAC-SHA256");
        g_once_init_leave(&is_ready, 1);
    }
    return &found;
}

void mac_sha256(View key, const View *texts, size_t len, unsigned char ret_mac[MAC_BYTES])
{
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(algorithms()->begun);
    size_t written = 0;
    /* Without a key libcrypto keeps the one before: an empty one is given as a byte that is not read. */
    const unsigned char *bytes = (const unsigned char *)(key.len ? key.data : "");
    bool is_good = EVP_MAC_init(context, bytes, key.len, NULL) == 1;
    for (size_t i = 0; i < len; i++)
        is_good &= EVP_MAC_update(context, (const unsigned char *)texts[i].data, texts[i].len) == 1;
    is_good &= EVP_MAC_final(context, ret_mac, &written, MAC_BYTES) == 1 && written == MAC_BYTES;
    EVP_MAC_CTX_free(context);
    if (!is_good)
        g_error("libcrypto computes no HMAC-SHA256");
}

void sha256_bytes(const View *texts, size_t len, unsigned char ret_digest[MAC_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = EVP_DigestInit_ex(context, algorithms()->sha256, NULL) == 1;
    for (size_t i = 0; i < len; i++)
        is_good &= EVP_DigestUpdate(context, texts[i].data, texts[i].len) == 1;
    is_good &= EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!is_good)
        g_error("libcrypto computes no SHA-256");
}

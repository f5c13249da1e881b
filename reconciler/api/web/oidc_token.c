/* oidc_token.c: see oidc_token.h. */
#include "reconciler/api/web/oidc_token.h"
#include <cjose/cjose.h>
#include <glib.h>
#include <string.h>

static const struct {
    const char *alg, *kty, *crv;
} algorithms[] = {{"RS256", "RSA", NULL}, {"PS256", "RSA", NULL}, {"ES256", "EC", "P-256"}};

/* What a token says of how it is signed. */
typedef struct {
    const char *alg, *kid; /* borrowed of the token; kid: NULL: it names no key */
    size_t algorithm;
} Signed;

static const char *member_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* NULL: it is fine. */
static const char *read_header(cjose_jws_t *jws, Signed *ret_signed)
{
    const json_t *header = (const json_t *)cjose_jws_get_protected(jws);
    *ret_signed = (Signed){member_of(header, "alg"), member_of(header, "kid"), G_N_ELEMENTS(algorithms)};
    for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++)
        if (g_strcmp0(ret_signed->alg, algorithms[i].alg) == 0)
            ret_signed->algorithm = i;
    if (ret_signed->algorithm == G_N_ELEMENTS(algorithms))
        return "it is signed by none of RS256, PS256 and ES256";
    return json_object_get(header, "crit") ? "it wants to be read in a way that is not known here" : NULL;
}

/* ---- keys ---- */

static bool is_or_absent(const json_t *key, const char *name, const char *value)
{
    const json_t *member = json_object_get(key, name);
    return !member || g_strcmp0(json_string_value(member), value) == 0;
}

static bool is_for(const json_t *key, const Signed *sign)
{
    const char *crv = algorithms[sign->algorithm].crv;
    return g_strcmp0(member_of(key, "kty"), algorithms[sign->algorithm].kty) == 0 &&
           (!crv || g_strcmp0(member_of(key, "crv"), crv) == 0) && is_or_absent(key, "use", "sig") &&
           is_or_absent(key, "alg", sign->alg) &&
           (!sign->kid || g_strcmp0(member_of(key, "kid"), sign->kid) == 0);
}

/* Of the public half only, whatever else is told of it. NULL: it is none that counts. */
static cjose_jwk_t *key_import(const json_t *key)
{
    static const char *const members[] = {"kty", "n", "e", "crv", "x", "y"};
    cjose_err fault;
    json_t *half = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        if (json_object_get(key, members[i]))
            json_object_set(half, members[i], json_object_get(key, members[i]));
    char *text = json_dumps(half, JSON_COMPACT);
    cjose_jwk_t *jwk = cjose_jwk_import(text, strlen(text), &fault);
    free(text);
    json_decref(half);
    if (jwk && cjose_jwk_get_kty(jwk, &fault) == CJOSE_JWK_KTY_RSA &&
        cjose_jwk_get_keysize(jwk, &fault) < OIDC_RSA_MIN) {
        cjose_jwk_release(jwk);
        return NULL;
    }
    return jwk;
}

static bool is_signed_by(cjose_jws_t *jws, const json_t *key)
{
    cjose_err fault;
    cjose_jwk_t *jwk = key_import(key);
    bool is_good = jwk && cjose_jws_verify(jws, jwk, &fault);
    if (jwk)
        cjose_jwk_release(jwk);
    return is_good;
}

/* A token that names no key is good by any of the set. cjose spends a token with the first key that it does
 * not fit, so it is read anew for each. */
static OidcVerdict check_signature(const char *token, const json_t *keys, const Signed *sign,
                                   const char **ret_reason)
{
    const json_t *list = json_object_get(keys, "keys"), *key;
    bool is_known = false;
    size_t i;
    json_array_foreach(list, i, key)
    {
        cjose_err fault;
        if (!is_for(key, sign))
            continue;
        is_known = true;
        cjose_jws_t *jws = cjose_jws_import(token, strlen(token), &fault);
        bool is_good = jws && is_signed_by(jws, key);
        cjose_jws_release(jws);
        if (is_good)
            return OIDC_TOKEN_GOOD;
    }
    *ret_reason = is_known ? "its signature is not good" : "the provider has no such key";
    return is_known ? OIDC_TOKEN_BAD : OIDC_TOKEN_UNKNOWN_KEY;
}

/* ---- claims ---- */

static bool has_audience(const json_t *aud, const char *client_id)
{
    const json_t *item;
    size_t i;
    if (json_is_string(aud))
        return strcmp(json_string_value(aud), client_id) == 0;
    json_array_foreach(aud, i, item)
    {
        if (g_strcmp0(json_string_value(item), client_id) == 0)
            return true;
    }
    return false;
}

/* Numbers may have fractions (RFC 7519, 2). False: it is no time. */
static bool time_of(const json_t *claims, const char *name, double *ret_s)
{
    const json_t *value = json_object_get(claims, name);
    if (!json_is_number(value))
        return false;
    *ret_s = json_number_value(value);
    return true;
}

/* NULL: they are fine. */
static const char *check_times(const json_t *claims, int64_t now_s)
{
    double exp_s, iat_s, nbf_s, now = (double)now_s;
    if (!time_of(claims, "exp", &exp_s) || !time_of(claims, "iat", &iat_s))
        return "it does not say when it was made and when it expires";
    if (exp_s <= now - OIDC_SKEW_S)
        return "it has expired, by this machine's clock";
    if (iat_s > now + OIDC_SKEW_S)
        return "it is from the future, by this machine's clock";
    if (!json_object_get(claims, "nbf"))
        return NULL;
    return time_of(claims, "nbf", &nbf_s) && nbf_s <= now + OIDC_SKEW_S ? NULL : "it is not good yet";
}

static const char *check_claims(const json_t *claims, const OidcExpected *expected)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp");
    const char *subject = member_of(claims, "sub");
    if (g_strcmp0(member_of(claims, "iss"), expected->issuer) != 0)
        return "it is another issuer's";
    if (!has_audience(aud, expected->client_id))
        return "it was made for another client";
    if ((json_array_size(aud) > 1 && !azp) ||
        (azp && g_strcmp0(json_string_value(azp), expected->client_id) != 0))
        return "it was made for several, and not for this client to use";
    if (g_strcmp0(member_of(claims, "nonce"), expected->nonce) != 0)
        return "it answers another sign-in";
    if (!subject || !*subject)
        return "it does not say of whom it is";
    return check_times(claims, expected->now_s);
}

static json_t *claims_of(cjose_jws_t *jws)
{
    uint8_t *text = NULL;
    size_t len = 0;
    cjose_err fault;
    if (!cjose_jws_get_plaintext(jws, &text, &len, &fault))
        return NULL;
    json_t *claims = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(claims))
        return claims;
    json_decref(claims);
    return NULL;
}

/* ---- the face ---- */

OidcVerdict oidc_token_verify(const char *token, const json_t *keys, const OidcExpected *expected,
                              json_t **ret_claims, const char **ret_reason)
{
    cjose_err fault;
    Signed sign;
    OidcVerdict verdict = OIDC_TOKEN_BAD;
    cjose_jws_t *jws =
        strlen(token) <= OIDC_TOKEN_MAX ? cjose_jws_import(token, strlen(token), &fault) : NULL;
    if (!jws) {
        *ret_reason = "it is no signed token";
        return OIDC_TOKEN_BAD;
    }
    const char *reason = read_header(jws, &sign);
    if (!reason)
        verdict = check_signature(token, keys, &sign, &reason);
    json_t *claims = verdict == OIDC_TOKEN_GOOD ? claims_of(jws) : NULL;
    if (verdict == OIDC_TOKEN_GOOD)
        reason = claims ? check_claims(claims, expected) : "what it says is no JSON object";
    cjose_jws_release(jws);
    if (!reason) {
        *ret_claims = claims;
        return OIDC_TOKEN_GOOD;
    }
    json_decref(claims);
    *ret_reason = reason;
    return verdict == OIDC_TOKEN_UNKNOWN_KEY ? verdict : OIDC_TOKEN_BAD;
}

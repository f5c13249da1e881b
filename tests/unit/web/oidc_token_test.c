#include "reconciler/api/web/oidc_token.h"
#include <cjose/cjose.h>
#include <glib.h>
#include <string.h>

#define NOW 1800000000

static const OidcExpected expected = {"https://login.example.org", "muster", "n-1", NOW};

static cjose_jwk_t *rsa_new(size_t bits)
{
    static const uint8_t e[] = {1, 0, 1};
    cjose_err fault;
    return cjose_jwk_create_RSA_random(bits, e, sizeof e, &fault);
}

static cjose_jwk_t *ec_new(void)
{
    cjose_err fault;
    return cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &fault);
}

/* more: members of the key beside its public half; taken. */
static void keys_add(json_t *set, const cjose_jwk_t *jwk, json_t *more)
{
    cjose_err fault;
    char *text = cjose_jwk_to_json(jwk, false, &fault);
    json_t *key = json_loads(text, 0, NULL);
    json_object_update(key, more);
    json_decref(more);
    json_array_append_new(json_object_get(set, "keys"), key);
    free(text);
}

static json_t *set_new(void)
{
    return json_pack("{s:[]}", "keys");
}

static json_t *claims_new(void)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:i}", "iss", "https://login.example.org", "aud", "muster", "sub",
                     "anna-1", "nonce", "n-1", "exp", NOW + 300, "iat", NOW);
}

/* claims: borrowed. New string. */
static char *sign(const cjose_jwk_t *jwk, const char *alg, const char *kid, const json_t *claims)
{
    cjose_err fault;
    cjose_header_t *header = cjose_header_new(&fault);
    cjose_header_set(header, "alg", alg, &fault);
    if (kid)
        cjose_header_set(header, "kid", kid, &fault);
    char *text = json_dumps(claims, JSON_COMPACT);
    const char *compact = NULL;
    cjose_jws_t *jws = cjose_jws_sign(jwk, header, (const uint8_t *)text, strlen(text), &fault);
    g_assert_nonnull(jws);
    g_assert_true(cjose_jws_export(jws, &compact, &fault));
    char *token = g_strdup(compact);
    cjose_jws_release(jws);
    cjose_header_release(header);
    free(text);
    return token;
}

static OidcVerdict verdict_of(const char *token, const json_t *keys, const char **ret_reason)
{
    json_t *claims = NULL;
    *ret_reason = NULL;
    OidcVerdict verdict = oidc_token_verify(token, keys, &expected, &claims, ret_reason);
    g_assert_true((verdict == OIDC_TOKEN_GOOD) == (claims != NULL));
    g_assert_true((verdict == OIDC_TOKEN_GOOD) == (*ret_reason == NULL));
    json_decref(claims);
    return verdict;
}

/* A provider with one key of each kind. */
typedef struct {
    cjose_jwk_t *rsa, *ec;
    json_t *keys;
} Provider;

static void provider_init(Provider *provider)
{
    *provider = (Provider){rsa_new(2048), ec_new(), set_new()};
    keys_add(provider->keys, provider->rsa, json_pack("{s:s,s:s}", "kid", "r", "use", "sig"));
    keys_add(provider->keys, provider->ec, json_pack("{s:s}", "kid", "e"));
}

static void provider_clear(Provider *provider)
{
    cjose_jwk_release(provider->rsa);
    cjose_jwk_release(provider->ec);
    json_decref(provider->keys);
}

static void test_good(void)
{
    Provider provider;
    const char *reason;
    provider_init(&provider);
    json_t *claims = claims_new();
    g_autofree char *rs = sign(provider.rsa, "RS256", "r", claims),
                    *ps = sign(provider.rsa, "PS256", "r", claims),
                    *es = sign(provider.ec, "ES256", "e", claims),
                    *any = sign(provider.ec, "ES256", NULL, claims);
    const char *const tokens[] = {rs, ps, es, any};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++)
        g_assert_cmpint(verdict_of(tokens[i], provider.keys, &reason), ==, OIDC_TOKEN_GOOD);
    json_decref(claims);
    provider_clear(&provider);
}

/* Everything that is wrong in what it says, in one member each. */
static void test_claims(void)
{
    static const struct {
        const char *name, *value; /* JSON; NULL: it is not there */
        bool is_good;
    } cases[] = {
        {"iss", "\"https://login.example.org/\"", false},
        {"iss", NULL, false},
        {"iss", "[\"https://login.example.org\"]", false},
        {"aud", "\"another\"", false},
        {"aud", NULL, false},
        {"aud", "[]", false},
        {"aud", "[\"muster\"]", true},
        {"aud", "[\"muster\", \"another\"]", false}, /* without azp */
        {"azp", "\"muster\"", true},
        {"azp", "\"another\"", false},
        {"azp", "7", false},
        {"nonce", "\"n-2\"", false},
        {"nonce", NULL, false},
        {"sub", NULL, false},
        {"sub", "\"\"", false},
        {"exp", NULL, false},
        {"exp", "\"1800000300\"", false},
        {"exp", "1799999940", false},
        {"exp", "1799999941", true}, /* within what clocks differ by */
        {"exp", "1800000000.5", true},
        {"iat", NULL, false},
        {"iat", "1800000060", true},
        {"iat", "1800000061", false},
        {"nbf", "1800000060", true},
        {"nbf", "1800000061", false},
        {"nbf", "\"now\"", false},
    };
    Provider provider;
    provider_init(&provider);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *reason;
        json_t *claims = claims_new();
        if (cases[i].value)
            json_object_set_new(claims, cases[i].name, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        else
            json_object_del(claims, cases[i].name);
        g_autofree char *token = sign(provider.ec, "ES256", "e", claims);
        OidcVerdict verdict = verdict_of(token, provider.keys, &reason);
        if ((verdict == OIDC_TOKEN_GOOD) != cases[i].is_good)
            g_error("%s: %s: %s", cases[i].name, cases[i].value, reason);
        json_decref(claims);
    }
    provider_clear(&provider);
}

static char *base64url(const char *text, size_t len)
{
    char *coded = g_base64_encode((const guchar *)text, len);
    g_strdelimit(g_strdelimit(coded, "+", '-'), "/", '_');
    coded[strcspn(coded, "=")] = '\0';
    return coded;
}

/* With another header and the same rest. */
static char *with_header(const char *token, const char *header)
{
    g_autofree char *coded = base64url(header, strlen(header));
    return g_strconcat(coded, strchr(token, '.'), NULL);
}

static void test_forged(void)
{
    Provider provider;
    const char *reason;
    provider_init(&provider);
    json_t *claims = claims_new(), *others = claims_new();
    json_object_set_new(others, "sub", json_string("root"));
    g_autofree char *good = sign(provider.rsa, "RS256", "r", claims),
                    *other = sign(provider.rsa, "RS256", "r", others);
    g_auto(GStrv) parts = g_strsplit(good, ".", -1), others_parts = g_strsplit(other, ".", -1);
    g_autofree char *none = with_header(good, "{\"alg\":\"none\"}"),
                    *head = base64url("{\"alg\":\"none\"}", 14),
                    *unsigned_token = g_strconcat(head, ".", parts[1], ".", NULL),
                    *mixed = g_strconcat(parts[0], ".", others_parts[1], ".", parts[2], NULL),
                    *cut = g_strconcat(parts[0], ".", parts[1], NULL),
                    *crit = with_header(good,
                                        "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"b64\"],\"b64\":false}"),
                    *weak = with_header(good, "{\"alg\":\"RS384\",\"kid\":\"r\"}"),
                    *wrong_kind = with_header(good, "{\"alg\":\"ES256\",\"kid\":\"r\"}"),
                    *jwk = with_header(good, "{\"alg\":\"RS256\",\"kid\":\"r\",\"jwk\":{}}");
    const char *const tokens[] = {"", ".", "..", "a.b.c", none, unsigned_token, mixed, cut, crit, weak, jwk};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++)
        g_assert_cmpint(verdict_of(tokens[i], provider.keys, &reason), ==, OIDC_TOKEN_BAD);
    g_assert_cmpint(verdict_of(wrong_kind, provider.keys, &reason), ==, OIDC_TOKEN_UNKNOWN_KEY);
    g_autofree char *long_token = g_strnfill(OIDC_TOKEN_MAX + 1, 'a');
    g_assert_cmpint(verdict_of(long_token, provider.keys, &reason), ==, OIDC_TOKEN_BAD);
    json_decref(claims);
    json_decref(others);
    provider_clear(&provider);
}

/* The public key as a secret of HMAC: what takes the token's word for how it is signed believes it. */
static void test_confused(void)
{
    Provider provider;
    cjose_err fault;
    const char *reason;
    provider_init(&provider);
    json_t *claims = claims_new();
    char *text = cjose_jwk_to_json(provider.rsa, false, &fault);
    cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *)text, strlen(text), &fault);
    g_autofree char *token = sign(secret, "HS256", "r", claims);
    g_assert_cmpint(verdict_of(token, provider.keys, &reason), ==, OIDC_TOKEN_BAD);
    keys_add(provider.keys, provider.rsa, json_pack("{s:s}", "kid", "oct"));
    json_t *oct = json_pack("{s:[{s:s,s:s,s:s}]}", "keys", "kty", "oct", "kid", "r", "k", "c2VjcmV0");
    g_assert_cmpint(verdict_of(token, oct, &reason), ==, OIDC_TOKEN_BAD);
    json_decref(oct);
    free(text);
    cjose_jwk_release(secret);
    json_decref(claims);
    provider_clear(&provider);
}

static void test_keys(void)
{
    Provider provider;
    const char *reason;
    provider_init(&provider);
    cjose_jwk_t *stranger = ec_new(), *small = rsa_new(1024);
    json_t *claims = claims_new(), *none = set_new(), *weak = set_new(), *marked = set_new();
    g_autofree char *same_name = sign(stranger, "ES256", "e", claims),
                    *unknown = sign(stranger, "ES256", "x", claims),
                    *short_key = sign(small, "RS256", "s", claims),
                    *good = sign(provider.ec, "ES256", "e", claims);
    g_assert_cmpint(verdict_of(same_name, provider.keys, &reason), ==, OIDC_TOKEN_BAD);
    g_assert_cmpint(verdict_of(unknown, provider.keys, &reason), ==, OIDC_TOKEN_UNKNOWN_KEY);
    g_assert_cmpint(verdict_of(good, none, &reason), ==, OIDC_TOKEN_UNKNOWN_KEY);
    keys_add(weak, small, json_pack("{s:s}", "kid", "s"));
    g_assert_cmpint(verdict_of(short_key, weak, &reason), ==, OIDC_TOKEN_BAD);
    keys_add(marked, provider.ec, json_pack("{s:s,s:s}", "kid", "e", "use", "enc"));
    keys_add(marked, provider.ec, json_pack("{s:s,s:s}", "kid", "e", "alg", "ES384"));
    g_assert_cmpint(verdict_of(good, marked, &reason), ==, OIDC_TOKEN_UNKNOWN_KEY);
    keys_add(marked, stranger, json_pack("{s:s}", "kid", "e")); /* of two of a name the good one counts */
    keys_add(marked, provider.ec, json_pack("{s:s}", "kid", "e"));
    g_assert_cmpint(verdict_of(good, marked, &reason), ==, OIDC_TOKEN_GOOD);
    json_decref(claims);
    json_decref(none);
    json_decref(weak);
    json_decref(marked);
    cjose_jwk_release(stranger);
    cjose_jwk_release(small);
    provider_clear(&provider);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/oidc_token/good", test_good);
    g_test_add_func("/oidc_token/claims", test_claims);
    g_test_add_func("/oidc_token/forged", test_forged);
    g_test_add_func("/oidc_token/confused", test_confused);
    g_test_add_func("/oidc_token/keys", test_keys);
    return g_test_run();
}

/* oidc_token.h: whether an ID token is good (OpenID Connect Core 1.0, 3.1.3.7). Computes only.
 * Owns:   nothing.
 * Calls:  libcjose, which checks the signature with libcrypto.
 * Holds:  only RS256, PS256 and ES256 by a key of the provider's set count: never what a token says of itself
 * (none, HS256 and the like). What cannot be understood is refused. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#define OIDC_TOKEN_MAX ((size_t)64 << 10) /* bytes */
#define OIDC_SKEW_S    60                 /* by which clocks may differ */
#define OIDC_RSA_MIN   2048               /* bits */

typedef struct {
    const char *issuer, *client_id, *nonce;
    int64_t now_s; /* since 1970 */
} OidcExpected;

/* UNKNOWN_KEY: it is signed by a key that the set does not have: a newer set may. */
typedef enum { OIDC_TOKEN_GOOD, OIDC_TOKEN_UNKNOWN_KEY, OIDC_TOKEN_BAD } OidcVerdict;

/* keys: a JWK set. *ret_claims: a new reference, where it is good; *ret_reason: why it is not; static. */
OidcVerdict oidc_token_verify(const char *token, const json_t *keys, const OidcExpected *expected,
                              json_t **ret_claims, const char **ret_reason);

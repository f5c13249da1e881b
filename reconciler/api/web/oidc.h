/* oidc.h: signing in with a provider of OpenID Connect: the authorisation code flow, with PKCE (RFC 7636),
 * state and nonce (OpenID Connect Core 1.0, 3.1).
 * Owns:   sign-ins that are under way, what the provider says of itself and its keys, both for an hour.
 * Calls:  oidc_token, web_fetch.
 * Holds:  a sign-in is begun and ended by the same browser, once, within ten minutes; who asks often makes
 * the provider be asked no more often than OIDC_TASKS_MAX at once allow; an unknown key of a token has its
 * keys looked up anew at most every half minute. */
#pragma once
#include "reconciler/api/web/web_config.h"
#include "reconciler/api/web/web_fetch.h"

#define OIDC_TASKS_MAX  64
#define OIDC_LOGINS_MAX 1000
#define OIDC_LOGIN_MS   (INT64_C(10) * 60 * 1000)
#define OIDC_KEEP_MS    (INT64_C(60) * 60 * 1000)
#define OIDC_KEYS_MS    (INT64_C(30) * 1000)

typedef struct Oidc Oidc;
Oidc *oidc_new(const WebFetchPort *fetch, const ClockPort *clock);
/* Both borrowed until the next call, or the end; provider NULL: there is none. What was begun before is over.
 * url: of the page. */
void oidc_set_provider(Oidc *oidc, const WebProvider *provider, const char *url);
/* Whoever waits is told; whoever carries the port must be gone, or never call again. */
void oidc_stop(Oidc *oidc);
void oidc_free(Oidc *oidc); /* after oidc_stop() */

/* location: where the browser goes; NULL: error says why it does not. Called once, now or later. */
typedef void (*OidcBegun)(const char *location, const char *error, void *data);
/* browser: what only this browser shows again (a cookie). */
void oidc_begin(Oidc *oidc, const char *browser, OidcBegun done, void *data);
/* claims: of the token; NULL: error says why not. Borrowed. */
typedef void (*OidcEnded)(const json_t *claims, const char *error, void *data);
/* What the provider sent back with the browser; each but state may be NULL. */
typedef struct {
    const char *state, *code, *issuer, *error;
} OidcReturn;
void oidc_end(Oidc *oidc, const char *browser, const OidcReturn *back, OidcEnded done, void *data);

/* Who that is to the rules. New. NULL: no rule fits, or the claim that names users is not there. */
WebUser *oidc_admit(const WebConfig *config, const json_t *claims);

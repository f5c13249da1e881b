/* web_session.h: who has signed in to the web page: sessions, the links that begin one, and the tokens of
 * forms.
 * Owns:   all of them, in memory: with the process they end.
 * Calls:  libcrypto (random numbers, HMAC), api/key. Time is an argument, and never goes back.
 * Holds:  of what a browser or a link shows only a digest is kept. A link is good once and for a minute.
 * There are at most WEB_SESSIONS_MAX sessions and WEB_LINKS_MAX links: over it the one that was used the
 * longest ago goes. */
#pragma once
#include <jansson.h>
#include "reconciler/api/key.h"
#include "reconciler/api/rate.h"

#define WEB_SESSIONS_MAX 1000
#define WEB_LINKS_MAX    100
#define WEB_LINK_MS      (INT64_C(60) * 1000)
#define WEB_IDLE_MS      (INT64_C(8) * 60 * 60 * 1000)  /* nothing was asked for */
#define WEB_SESSION_MS   (INT64_C(24) * 60 * 60 * 1000) /* whatever was asked for */
#define WEB_SECRET_BYTES 32
#define WEB_SECRET_TEXT  (2 * WEB_SECRET_BYTES) /* hexadecimal digits */

/* Who it is, and what that one may. */
typedef struct {
    char *key_id;   /* of whom the session is by a key: it ends with the key; NULL: of another one */
    Key key;        /* what it may; its name is what is shown */
    json_t *peer;   /* as operations are told it */
    json_t *claims; /* of whom a provider signed in; NULL: of another one */
    Rate rate;      /* of the key's requests */
} WebUser;

WebUser *web_user_copy(const WebUser *user);
void web_user_free(WebUser *user); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebUser, web_user_free)

typedef struct WebSessions WebSessions;
WebSessions *web_sessions_new(void);
void web_sessions_free(WebSessions *sessions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebSessions, web_sessions_free)

/* 256 random bits, as text; new string. */
char *web_secret_random(void);

/* What a link shows that begins a session of this user, who is taken; new string. */
char *web_link_new(WebSessions *sessions, WebUser *user, int64_t now_ms);
/* Whose link it is, once; NULL: it was used, has expired, or is none. The caller frees it. */
WebUser *web_link_use(WebSessions *sessions, const char *text, int64_t now_ms);

/* What the browser shows from now on; the user is taken; new string. */
char *web_session_open(WebSessions *sessions, WebUser *user, int64_t now_ms);
/* NULL: it is none, or has ended. Borrowed, until another call changes sessions. */
WebUser *web_session_find(WebSessions *sessions, const char *text, int64_t now_ms);
/* Ends the sessions of whom stays() does not let stay. */
void web_sessions_judge(WebSessions *sessions, bool (*stays)(WebUser *user, void *data), void *data);
void web_session_close(WebSessions *sessions, const char *text);

/* The token of the forms of whom `of` names: a session's text, or a user that a proxy names; new string. */
char *web_form_token(const WebSessions *sessions, const char *of);
/* In constant time. given: NULL is wrong. */
bool web_form_token_is(const WebSessions *sessions, const char *of, const char *given);

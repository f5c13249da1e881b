/* web_door.h: what stands before the web page: who asks is found out here, before a page is made for that
 * one. Owns:   the routes of the page, sessions and links (web_session.h). Calls:  api/ (listener, key,
 * address_range, operation), web.h. Says nothing of what pages show. Holds:  a page is shown to who has
 * signed in, and to whom the named proxy names; what is posted has the token of its form and comes from our
 * own pages. The names in headers are believed of the proxies that were named (serve --behind-proxy), and of
 * nobody else. Who came by a key may what the key may, and no longer than it is good. Over a connection that
 * is not encrypted only this machine and the named proxies are heard. */
#pragma once
#include "reconciler/api/address_range.h"
#include "reconciler/api/listener.h"
#include "reconciler/api/operation.h"
#include "reconciler/api/web/web_config.h"
#include "reconciler/api/web/web_fetch.h"

typedef struct WebDoor WebDoor;
typedef struct {
    const AddressRange *proxies; /* copied */
    size_t proxies_len;
    bool is_encrypted;                       /* the listener speaks TLS */
    const char *user_header, *groups_header; /* as the proxy names who asks; NULL: it names nobody */
    WebFetchPort fetch;                      /* to a provider of sign-ins */
    ClockPort clock;
    LogPort log;
    const char *(*setting)(const char *name, void *data); /* of the state as it is now; NULL: none */
    void (*call)(Call *call, void *data);                 /* takes the call */
    void *data;
} WebDoorOptions;

/* config: taken. */
WebDoor *web_door_new(const WebDoorOptions *options, WebConfig *config);
/* The routes that it answers, to be added to a listener's, behind all others. Borrowed. */
const ListenerRoute *web_door_routes(const WebDoor *door, size_t *ret_len);
/* Where the listener listens ("127.0.0.1:8080"): goes into links and cookies. */
void web_door_set_address(WebDoor *door, const char *address);
/* Rules that hold from now on; config is taken. Whom a provider signed in is judged
 * by them anew. */
void web_door_set_config(WebDoor *door, WebConfig *config);
/* False: the call is not one of the door's, and is still the caller's. A link that signs in is asked for here
 * ("weblink"), and not of the engine: nothing of it may be recorded. */
bool web_door_takes(WebDoor *door, Call *call);
/* Takes no more, and whoever carries the port to providers must be gone; calls that pages wait for must be
 * answered before it is freed. */
void web_door_stop(WebDoor *door);
void web_door_free(WebDoor *door);

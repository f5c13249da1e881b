/* hooks.h: what serve --listen answers: webhooks of the followed sources, health, metrics.
 * Owns:   the listener, a thread that checks signatures, what is remembered of each source's webhooks.
 * Calls:  api/ (listener, webhook), follow.h; asks the reconciler as a client of the socket would.
 * Holds:  who cannot sign learns nothing but that, costs no tick and keeps nobody out who can; a webhook only
 * ever leads to a look at the remote. The loop neither computes a signature nor parses a body. */
#pragma once
#include "reconciler/api/listener.h"
#include "reconciler/follow.h"

typedef struct Hooks Hooks;
typedef struct {
    ListenAddress address;
    GPtrArray *follows; /* of Follow*; borrowed until hooks_stop() */
    ClockPort clock;
    LogPort log;
    void (*call)(Call *call, void *data); /* takes the call */
    void *data;
    const ListenerRoute *routes; /* that others answer at the same address; copied */
    size_t routes_len;
    const ListenerTls *tls;    /* NULL: nothing is encrypted */
    const char *metrics_token; /* that /metrics asks for; NULL: none; copied */
} HooksOptions;

Hooks *hooks_new(const HooksOptions *options, GError **error);
/* Where it listens; new string. */
char *hooks_text(const Hooks *hooks);
/* As listener_renew_tls(). */
bool hooks_renew_tls(Hooks *hooks, const ListenerTls *tls, GError **error);
/* What /metrics asks for from now on. Only where it asked for one before. */
void hooks_set_metrics_token(Hooks *hooks, const char *token);
/* The token that a file holds; new string, NULL with error. */
char *metrics_token_read(const char *path, GError **error);
/* Takes no more; what is under way is answered. */
void hooks_stop(Hooks *hooks);
/* Calls must have been answered. */
void hooks_free(Hooks *hooks);

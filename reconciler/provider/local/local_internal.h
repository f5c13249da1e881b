/* local_internal.h: the local provider's parts, shared by local*.c only.
 * Owns:   the connection to the launcher, the launches that await an answer.
 * Calls:  provider.h, launcher_protocol.h.
 * Holds:  a launch's message is kept until the launcher has answered it, so that a launcher's death loses
 * only what it had accepted. After each connect the launcher first accounts for what may have been sent
 * before, and only then is anything sent again; OBSERVED is reported when every launch that was asked for has
 * its answer. */
#pragma once
#include "reconciler/provider/local/launcher_protocol.h"
#include "reconciler/provider/provider.h"

typedef struct {
    Token token;
    uint64_t sequence;  /* in the order asked for */
    WireBuffer message; /* empty: answered, or from before this process */
    bool sent;          /* the message or the stop, on this connection */
    bool ever_sent;     /* a launcher may have it */
    bool seen;          /* reported on this connection */
    bool stop, stop_sent;
    char *stop_reason;
} Launch;

typedef enum {
    LOCAL_DOWN,      /* not connected */
    LOCAL_GREETING,  /* connected, waiting for HELLO */
    LOCAL_OBSERVING, /* waiting for OBSERVED; launches are held back */
    LOCAL_READY,
    LOCAL_REFUSED, /* a later term has taken over: nothing is tried again */
} LocalPhase;

typedef struct {
    GSource source;
    struct Local *local;
} LocalSource;

typedef struct Local {
    Provider base;
    char *launcher_dir, *launcher_program;
    int dir_fd;
    GMainContext *context;
    ProviderEventFunc func;
    void *data;
    uint64_t term;
    LocalPhase phase;
    /* the connection */
    int fd;
    GSource *source; /* LocalSource; NULL: none */
    gpointer fd_tag;
    GIOCondition watched;
    bool more; /* whole frames wait in in */
    WireBuffer in, out;
    /* a launcher being started */
    GPid starter;
    int starter_pidfd;
    GSource *starter_source, *retry_source;
    guint backoff_ms;
    /* what is known */
    GHashTable *launches; /* Token → Launch */
    uint64_t sequence;
    size_t unsent;   /* launches with a message or a stop that this connection has not carried */
    GArray *settled; /* Token, not sent yet */
} Local;

/* local_connect.c */
void local_connect(Local *local);
void local_disconnect(Local *local);
/* Sends what is in out as far as it goes; the rest goes when the socket takes it. */
void local_flush(Local *local);

/* local.c: called by the connection */
void local_greet(Local *local);
/* Handles one frame; false when the launcher cannot be understood. */
bool local_handle(Local *local, uint32_t type, WireReader *body);
void local_lost_connection(Local *local);
void local_report_capacity(Local *local, const char *notice);

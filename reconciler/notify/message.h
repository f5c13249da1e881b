/* message.h: what is sent of an event: an HTTP request, or a program's input.
 * Owns:   a Message owns its texts.
 * Calls:  world/event_json, source/location, OpenSSL, jansson, the file of a secret.
 * Holds:  the id of an event is the same however often it is sent, and no other installation's. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include "reconciler/notify/notify_config.h"

/* What a message says beside the event; borrowed. */
typedef struct {
    const char *installation; /* hexadecimal */
    const char *host;
    const char *location; /* of the event's source: a path or git+URL; NULL: not known, or nobody's */
    json_t *job; /* of a job.state event, for EventBridge: what Batch tells of it; NULL: it is not kept */
} MessageFacts;

typedef struct {
    char *id;       /* "muster-INSTALLATION-SEQUENCE" */
    char *type;     /* event_name() */
    char *body;     /* JSON */
    char *url;      /* NULL for exec */
    char **headers; /* "name: value" */
} Message;
void message_clear(Message *message);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Message, message_clear)

/* False with error: the secret cannot be read, or there is nowhere to send it. at_s: the time of sending, in
 * seconds. */
bool message_make(const DestinationConfig *config, const EventRecord *event, const MessageFacts *facts,
                  int64_t at_s, Message *ret_message, GError **error);

char *message_id(const char *installation, uint64_t sequence);
/* "v1,…" of Standard Webhooks. secret: "whsec_" and base64, else its bytes. New string; NULL: whsec_ is not
 * followed by base64. */
char *webhook_signature(const char *secret, const char *id, int64_t at_s, const char *body);

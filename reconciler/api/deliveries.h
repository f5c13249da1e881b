/* deliveries.h: which webhooks of a source were taken, so that none counts twice.
 * Owns:   the keys of the last DELIVERIES_KEPT: 16 KiB, whatever comes. A restart forgets them: what is sent
 * again then costs a look at the remote, no more.
 * Calls:  webhook.h (types). */
#pragma once
#include "reconciler/api/webhook.h"

#define DELIVERIES_KEPT 512

/* Begins empty as zeros. */
typedef struct {
    unsigned char keys[DELIVERIES_KEPT][WEBHOOK_KEY_BYTES];
    size_t len, next;
} Deliveries;

bool deliveries_has(const Deliveries *deliveries, const unsigned char key[WEBHOOK_KEY_BYTES]);
/* Takes the oldest one's place when it is full. */
void deliveries_add(Deliveries *deliveries, const unsigned char key[WEBHOOK_KEY_BYTES]);

/* eventbridge.h: an event in the envelope of Amazon EventBridge.
 * Owns:   nothing.
 * Calls:  world/event_json, jansson. Computes only.
 * Holds:  the id is the same however often an event is sent. What Batch sends has Batch's detail-type and
 * detail (reference: EventBridge events of AWS Batch); anything else is a "Muster Event" with our own. */
#pragma once
#include <jansson.h>
#include "reconciler/world/record.h"

typedef struct {
    const char *source; /* "muster.batch" */
    const char *id;     /* of the message */
    const json_t *job;  /* JobDetail; NULL: not known */
} EventbridgeFacts;
/* New string. */
char *eventbridge_body(const EventRecord *event, const EventbridgeFacts *facts);

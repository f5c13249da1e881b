/* cloud_event.h: what EventBridge tells of, as it stands in a message. Computes only.
 * Source: EventBridge's events, ECS's "Task state change" and EC2's "Spot Instance interruption notice". */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

typedef enum {
    CLOUD_EVENT_OTHER,       /* nothing that is of interest here */
    CLOUD_EVENT_TASK,        /* a task's state changed; detail is the task, with times as text */
    CLOUD_EVENT_SPOT_WARNING /* an instance is taken back in two minutes */
} CloudEventType;

/* Texts are borrowed from root. */
typedef struct {
    CloudEventType type;
    json_t *root, *detail;        /* detail: borrowed */
    const char *account, *region; /* of whom it tells; never NULL but of OTHER */
    const char *cluster;          /* TASK: its name */
    const char *instance_id;      /* SPOT_WARNING */
} CloudEvent;

/* OTHER: it is none, or its parts contradict each other. */
void cloud_event_read(const char *body, CloudEvent *ret_event);
void cloud_event_clear(CloudEvent *event);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CloudEvent, cloud_event_clear)

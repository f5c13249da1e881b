#include "reconciler/world/event_json.h"

static void set_view(json_t *object, const char *name, View text)
{
    if (text.len)
        json_object_set_new(object, name, json_stringn(text.data, text.len));
}

json_t *event_json(const EventRecord *event)
{
    json_t *object = json_object(), *details = NULL;
    json_object_set_new(object, "sequence", json_integer((json_int_t)event->sequence));
    json_object_set_new(object, "at", json_integer(event->at_ms));
    set_view(object, "type", event->type);
    set_view(object, "subject", event->subject);
    set_view(object, "message", event->message);
    if (event->first != NOT_A_CHILD) {
        json_object_set_new(object, "first", json_integer(event->first));
        json_object_set_new(object, "last", json_integer(event->last));
    }
    set_view(object, "source", event->source);
    set_view(object, "revision", event->revision);
    if (event->details.len)
        details = json_loadb(event->details.data, event->details.len, 0, NULL);
    json_object_update_missing(object, details);
    json_decref(details);
    return object;
}

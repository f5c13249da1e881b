/* provider_event.c: see provider_event.h. */
#include "reconciler/provider_event.h"

ProviderEvent provider_event_copy(const ProviderEvent *event)
{
    ProviderEvent copy = *event;
    copy.reason = g_strdup(event->reason);
    copy.notice = g_strdup(event->notice);
    copy.provider_id = g_strdup(event->provider_id);
    copy.instance_type = g_strdup(event->instance_type);
    copy.zone = g_strdup(event->zone);
    copy.environment = g_strdup(event->environment);
    copy.resource = g_strdup(event->resource);
    copy.observed = g_strdup(event->observed);
    copy.pins = g_strdup(event->pins);
    copy.job = g_strdup(event->job);
    return copy;
}

void provider_event_clear(ProviderEvent *copy)
{
    const char *const texts[] = {copy->reason, copy->notice,      copy->provider_id, copy->instance_type,
                                 copy->zone,   copy->environment, copy->resource,    copy->observed,
                                 copy->pins,   copy->job};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)(uintptr_t)texts[i]);
}

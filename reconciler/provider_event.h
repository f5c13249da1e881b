/* provider_event.h: events of providers that are kept: their texts are borrowed during the call only. */
#pragma once
#include "reconciler/provider/provider.h"

/* All of its texts are the copy's own. */
ProviderEvent provider_event_copy(const ProviderEvent *event);
void provider_event_clear(ProviderEvent *copy);

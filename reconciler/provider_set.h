/* provider_set.h: several providers as one: each environment's launches, instances and resources go to its
 * own. Owns:   the providers that are put in. Holds:  a complete observation is told once all of them have
 * one; what is asked for by token alone (stops) waits until it is known whose the token is; nothing is told
 * from within a call of the face, whatever a member does: what it leads to comes on the main loop, in its
 * order. */
#pragma once
#include "reconciler/provider/provider.h"

typedef struct ProviderSet ProviderSet;

/* func: as of a provider: told of what all of them tell, on the thread-default GMainContext at the time of
 * the call. */
ProviderSet *provider_set_new(ProviderEventFunc func, void *data);
/* What a provider of this type has to be made with as its ProviderEventFunc; data is provider_set_member().
 */
void provider_set_event(const ProviderEvent *event, void *data);
void *provider_set_member(ProviderSet *set, ProviderType type);
/* provider: taken. One of each type at most. */
void provider_set_put(ProviderSet *set, ProviderType type, Provider *provider);
/* Of those that were put in, bits 1 << ProviderType. */
unsigned provider_set_types(const ProviderSet *set);
/* The face; freed by its free(), with the set. */
Provider *provider_set_provider(ProviderSet *set);

/* outbox_list.h: the destinations of a configuration, and what each waits for.
 * Owns:   the Destination of each, by name, over changes of the configuration.
 * Calls:  destination, commit_status.
 * Holds:  computes: reads no store and no clock; what is taken from an event depends on the configuration,
 * the event and where its source is. */
#pragma once
#include "reconciler/notify/destination.h"
#include "reconciler/notify/notify_config.h"

typedef struct {
    const DestinationConfig *config; /* borrowed from the list's configuration */
    bool is_known;                   /* the committed state says where it stands */
    Destination destination;         /* of one that is known */
} OutboxEntry;

typedef struct {
    NotifyConfig *config;
    GPtrArray *entries; /* of OutboxEntry*, as the configuration has them */
    uint64_t seed;
} OutboxList;

/* Empty. */
void outbox_list_init(OutboxList *list, uint64_t seed);
void outbox_list_clear(OutboxList *list);
/* Those of the same name go on where they stand; takes a reference. */
void outbox_list_configure(OutboxList *list, NotifyConfig *config);
OutboxEntry *outbox_list_find(const OutboxList *list, const char *name); /* NULL: none */
/* The committed state says that it stands here. */
void outbox_entry_begin(OutboxList *list, OutboxEntry *entry, uint64_t position,
                        const DestinationCounts *counts);
/* Up to which event every known one has looked; UINT64_MAX: none is known. */
uint64_t outbox_list_scanned(const OutboxList *list);
/* The location of a source, by name; borrowed; NULL: not known. */
typedef const char *(*OutboxLocation)(const char *source, void *data);
/* An event, in order; those that have seen it already leave it. */
void outbox_list_offer(OutboxList *list, const EventRecord *event, OutboxLocation location, void *data);
/* Events up to this one were offered, or are not there any more. */
void outbox_list_scanned_to(OutboxList *list, uint64_t sequence);
/* Events up to this one are gone; those that have not seen them have lost them. */
void outbox_list_lost(OutboxList *list, uint64_t sequence);

#include "reconciler/notify/outbox_list.h"
#include <string.h>
#include "reconciler/notify/commit_status.h"
#include "reconciler/world/state.h"

static void entry_free(void *data)
{
    OutboxEntry *entry = data;
    if (entry->is_known)
        destination_clear(&entry->destination);
    g_free(entry);
}

void outbox_list_init(OutboxList *list, uint64_t seed)
{
    *list = (OutboxList){.entries = g_ptr_array_new_with_free_func(entry_free), .seed = seed};
}

void outbox_list_clear(OutboxList *list)
{
    g_clear_pointer(&list->entries, g_ptr_array_unref);
    g_clear_pointer(&list->config, notify_config_unref);
}

OutboxEntry *outbox_list_find(const OutboxList *list, const char *name)
{
    for (guint i = 0; i < list->entries->len; i++) {
        OutboxEntry *entry = list->entries->pdata[i];
        if (strcmp(entry->config->name, name) == 0)
            return entry;
    }
    return NULL;
}

static DestinationLimits limits_of(const DestinationConfig *config)
{
    return (DestinationLimits){config->max_age_ms, config->max_pending, 1000 / config->max_per_second};
}

void outbox_list_configure(OutboxList *list, NotifyConfig *config)
{
    g_autoptr(GPtrArray) before = g_steal_pointer(&list->entries);
    NotifyConfig *old = list->config;
    list->config = notify_config_ref(config);
    list->entries = g_ptr_array_new_with_free_func(entry_free);
    for (guint i = 0; i < config->destinations->len; i++) {
        OutboxEntry *entry = g_new0(OutboxEntry, 1);
        entry->config = config->destinations->pdata[i];
        for (guint j = 0; j < before->len; j++) {
            OutboxEntry *same = before->pdata[j];
            if (!same->is_known || strcmp(same->config->name, entry->config->name) != 0)
                continue;
            entry->is_known = true;
            entry->destination = same->destination;
            entry->destination.limits = limits_of(entry->config);
            entry->destination.is_news = true;
            same->is_known = false; /* moved */
        }
        g_ptr_array_add(list->entries, entry);
    }
    notify_config_unref(old); /* what was compared refers to it */
}

void outbox_entry_begin(OutboxList *list, OutboxEntry *entry, uint64_t position,
                        const DestinationCounts *counts)
{
    DestinationLimits limits = limits_of(entry->config);
    entry->is_known = true;
    destination_init(&entry->destination, &limits, position, counts,
                     list->seed ^ g_str_hash(entry->config->name));
}

uint64_t outbox_list_scanned(const OutboxList *list)
{
    uint64_t scanned = UINT64_MAX;
    for (guint i = 0; i < list->entries->len; i++) {
        const OutboxEntry *entry = list->entries->pdata[i];
        if (entry->is_known)
            scanned = MIN(scanned, entry->destination.scanned);
    }
    return scanned;
}

static bool is_about_destination(const EventRecord *event)
{
    return event->type.len > 7 && memcmp(event->type.data, "notify.", 7) == 0;
}

/* *ret_key: of a commit status, which commit of which source; new. */
static bool takes_status(const DestinationConfig *config, const EventRecord *event, OutboxLocation location,
                         void *data, char **ret_key)
{
    g_auto(CommitStatus) status = {0};
    if (!commit_status_of(event, &status) || !commit_status_fits(config, location(status.source, data)))
        return false;
    *ret_key = g_strdup_printf("%s %s", status.revision, status.source);
    return true;
}

void outbox_list_offer(OutboxList *list, const EventRecord *event, OutboxLocation location, void *data)
{
    for (guint i = 0; i < list->entries->len; i++) {
        OutboxEntry *entry = list->entries->pdata[i];
        const DestinationConfig *config = entry->config;
        bool is_forge = config->kind == DESTINATION_GITHUB || config->kind == DESTINATION_GITLAB;
        char *key = NULL;
        if (!entry->is_known || event->sequence <= entry->destination.scanned)
            continue;
        if (destination_takes(config, event) &&
            (!is_forge || takes_status(config, event, location, data, &key)))
            destination_add(&entry->destination, event->sequence, event->at_ms, is_about_destination(event),
                            key);
        destination_scanned(&entry->destination, event->sequence, 0);
    }
}

void outbox_list_scanned_to(OutboxList *list, uint64_t sequence)
{
    for (guint i = 0; i < list->entries->len; i++) {
        OutboxEntry *entry = list->entries->pdata[i];
        if (entry->is_known)
            destination_scanned(&entry->destination, sequence, 0);
    }
}

void outbox_list_lost(OutboxList *list, uint64_t sequence)
{
    for (guint i = 0; i < list->entries->len; i++) {
        OutboxEntry *entry = list->entries->pdata[i];
        if (entry->is_known && entry->destination.scanned < sequence)
            destination_scanned(&entry->destination, sequence, sequence - entry->destination.scanned);
    }
}

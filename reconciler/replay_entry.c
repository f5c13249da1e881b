#include "reconciler/replay_entry.h"
#include "reconciler/api/operation.h"

void entry_clear(Entry *entry)
{
    g_clear_error(&entry->error);
    g_clear_pointer(&entry->texts, g_ptr_array_unref);
    *entry = (Entry){0};
}

static const char *keep(Entry *entry, View text)
{
    if (!entry->texts)
        entry->texts = g_ptr_array_new_with_free_func(g_free);
    char *copy = g_strndup(text.data, text.len);
    g_ptr_array_add(entry->texts, copy);
    return copy;
}

static const char *optional(Saved *from, Entry *entry)
{
    bool is_there = saved_number(from) != 0;
    return is_there ? keep(entry, saved_text(from)) : NULL;
}

static void take_error(Saved *from, Entry *entry)
{
    if (!saved_number(from))
        return;
    bool is_of_store = saved_number(from) != 0;
    int code = (int)saved_number(from);
    View message = saved_text(from);
    entry->error = g_error_new(is_of_store ? STORE_ERROR : G_FILE_ERROR, code, VIEW_FMT, VIEW_ARG(message));
}

static void take_begin(Saved *from, Entry *entry)
{
    ReconcilerOptions *settings = &entry->settings;
    entry->format = saved_number(from);
    if (entry->format != RECORDING_FORMAT)
        return; /* what follows may be anything */
    entry->version = saved_text(from);
    entry->store_format = saved_number(from);
    entry->term = (uint64_t)saved_number(from);
    entry->begun_ms = saved_number(from);
    settings->state_dir = keep(entry, saved_text(from));
    settings->mode = keep(entry, saved_text(from));
    settings->launch = saved_number(from) != 0;
    settings->providers = (unsigned)saved_number(from);
    settings->schedules = saved_number(from) != 0;
    settings->machine.vcpus_e4 = saved_number(from);
    settings->machine.memory_mib = saved_number(from);
    settings->machine.gpus = saved_number(from);
    settings->notice = keep(entry, saved_text(from));
    settings->interval_ms = saved_number(from);
    entry->has_provider = saved_number(from) != 0;
    entry->has_instances = saved_number(from) != 0;
    entry->has_resources = saved_number(from) != 0;
    entry->has_named = saved_number(from) != 0;
    entry->holds_nothing = (unsigned)saved_number(from);
    entry->has_monotonic = saved_number(from) != 0;
}

static int64_t limited(Saved *from, int64_t max)
{
    int64_t value = saved_number(from);
    from->is_bad |= value < 0 || value > max;
    return value;
}

static void take_found(Saved *from, Entry *entry)
{
    ProviderEvent *event = &entry->event;
    event->job = optional(from, entry);
    event->attempt = (int)limited(from, INT32_MAX);
    saved_bytes(from, event->host.bytes, LAUNCH_TOKEN_BYTES);
    event->is_spot = saved_number(from) != 0;
    event->is_former = saved_number(from) != 0;
}

static void take_event(Saved *from, Entry *entry)
{
    ProviderEvent *event = &entry->event;
    event->type = (ProviderEventType)limited(from, PROVIDER_EVENT_INSTANCE_WARNED);
    saved_bytes(from, event->token.bytes, LAUNCH_TOKEN_BYTES);
    event->at_ms = saved_number(from);
    event->started_ms = saved_number(from);
    event->cause = (EndCause)limited(from, END_OOM);
    event->exit_code = (int)saved_number(from);
    event->vcpus_e4 = saved_number(from);
    event->memory_mib = saved_number(from);
    event->gpus = (int)saved_number(from);
    event->refusal = (InstanceRefusal)limited(from, INSTANCE_REFUSED_UNKNOWN_LATER);
    event->gone = (InstanceGoneReason)limited(from, INSTANCE_GONE_DIED);
    event->providers = (unsigned)limited(from, (1 << PROVIDER_UNSET) - 1);
    event->reason = optional(from, entry);
    event->notice = optional(from, entry);
    event->provider_id = optional(from, entry);
    event->instance_type = optional(from, entry);
    event->zone = optional(from, entry);
    event->environment = optional(from, entry);
    event->resource = optional(from, entry);
    event->observed = optional(from, entry);
    event->pins = optional(from, entry);
    if (event->type == PROVIDER_EVENT_FOUND || event->type == PROVIDER_EVENT_INSTANCE_FOUND)
        take_found(from, entry);
    if (!event->resource)
        return;
    event->kind = (Kind)limited(from, KIND_COUNT - 1);
    event->number = (uint64_t)saved_number(from);
    saved_bytes(from, event->applied.bytes, DIGEST_BYTES);
    event->is_complete = saved_number(from) != 0;
}

static void take_source(Saved *from, Entry *entry)
{
    SourceState *source = &entry->source;
    source->path = optional(from, entry);
    source->name = optional(from, entry);
    source->provider = optional(from, entry);
    source->values = optional(from, entry);
    source->revision = optional(from, entry);
    source->author = optional(from, entry);
    source->signature = optional(from, entry);
    source->broken = optional(from, entry);
    source->tried = optional(from, entry);
    source->approval_required = saved_number(from) != 0;
    source->full_pass = saved_number(from) != 0;
    source->changed_us = saved_number(from);
    entry->has_set = saved_number(from) != 0;
    from->is_bad |= !source->path || !source->name || (!source->broken && !entry->has_set);
}

static void take_remote(Saved *from, Entry *entry)
{
    SourceRemote *remote = &entry->remote;
    remote->path = optional(from, entry);
    remote->name = optional(from, entry);
    remote->provider = optional(from, entry);
    remote->head = optional(from, entry);
    remote->message = optional(from, entry);
    remote->refused = optional(from, entry);
    remote->refused_author = optional(from, entry);
    remote->is_untrusted = saved_number(from) != 0;
    remote->is_held = saved_number(from) != 0;
    from->is_bad |= !remote->path || !remote->name || (remote->refused && !remote->message);
}

static void take_webhook(Saved *from, Entry *entry)
{
    SourceWebhook *webhook = &entry->webhook;
    webhook->path = optional(from, entry);
    webhook->name = optional(from, entry);
    webhook->provider = optional(from, entry);
    webhook->form = optional(from, entry);
    webhook->ref = optional(from, entry);
    webhook->commit = optional(from, entry);
    webhook->refused = optional(from, entry);
    webhook->is_followed = saved_number(from) != 0;
    webhook->refused_len = saved_number(from);
    from->is_bad |= !webhook->path || !webhook->name;
}

static void take_report(Saved *from, Entry *entry)
{
    OutboxReport *report = &entry->report;
    report->name = optional(from, entry);
    report->kind = optional(from, entry);
    report->place = optional(from, entry);
    report->error = optional(from, entry);
    report->is_gone = saved_number(from) != 0;
    report->position = (uint64_t)saved_number(from);
    report->counts.delivered = (uint64_t)saved_number(from);
    report->counts.given_up = (uint64_t)saved_number(from);
    report->counts.given_up_quietly = (uint64_t)saved_number(from);
    report->counts.dropped = (uint64_t)saved_number(from);
    report->pending = (uint64_t)saved_number(from);
    report->tries = (unsigned)limited(from, UINT32_MAX);
    report->failing_since_ms = saved_number(from);
    from->is_bad |= !report->name;
}

static void take_position(Saved *from, Entry *entry)
{
    entry->has_position = saved_number(from) != 0;
    entry->position.term = (uint64_t)saved_number(from);
    entry->position.tick = (uint64_t)saved_number(from);
}

static void take_checksums(Saved *from, Entry *entry)
{
    int64_t len = saved_number(from);
    if (len < 0 || (uint64_t)len > from->rest.len / sizeof(uint32_t)) {
        from->is_bad = true;
        return;
    }
    entry->text = (View){from->rest.data, (size_t)len * sizeof(uint32_t)};
    from->rest.data += entry->text.len;
    from->rest.len -= entry->text.len;
    entry->value = saved_number(from);
}

static void take_entry(Saved *from, Entry *entry)
{
    switch (entry->type) {
    case ENTRY_BEGIN: take_begin(from, entry); return;
    case ENTRY_NOW:
    case ENTRY_MONOTONIC:
    case ENTRY_TERM: entry->value = saved_number(from); return;
    case ENTRY_ENTROPY: entry->text = saved_text(from); return;
    case ENTRY_SET:
        entry->name = saved_text(from);
        entry->text = saved_text(from);
        return;
    case ENTRY_LOAD:
    case ENTRY_REOPEN:
    case ENTRY_START: take_error(from, entry); return;
    case ENTRY_CALL:
        entry->name = saved_text(from);
        entry->from = limited(from, BODIES - 1);
        entry->shared = limited(from, BODY_BYTES_MAX);
        entry->into = limited(from, BODIES);
        entry->text = saved_text(from);
        return;
    case ENTRY_EVENT: take_event(from, entry); return;
    case ENTRY_COMMITTED:
        entry->value = saved_number(from);
        take_error(from, entry);
        return;
    case ENTRY_SOURCE: take_source(from, entry); return;
    case ENTRY_REMOTE: take_remote(from, entry); return;
    case ENTRY_OUTBOX: take_report(from, entry); return;
    case ENTRY_WEBHOOK: take_webhook(from, entry); return;
    case ENTRY_RENAMED: entry->renamed = keep(entry, saved_text(from)); return;
    case ENTRY_QUERIED:
        entry->value = saved_number(from);
        take_position(from, entry);
        return;
    case ENTRY_LOADED:
        entry->value = saved_number(from);
        entry->text = saved_text(from);
        take_position(from, entry);
        entry->has_set = saved_number(from) != 0;
        return;
    case ENTRY_BATCH: take_checksums(from, entry); return;
    case ENTRY_EFFECT:
        entry->value = limited(from, EFFECT_COUNT - 1);
        entry->len = saved_number(from);
        saved_bytes(from, &entry->checksum, sizeof entry->checksum);
        return;
    case ENTRY_TICK:
    case ENTRY_UNFOLLOW:
    case ENTRY_DRAIN:
    case ENTRY_FULL:
    case ENTRY_END:
    case ENTRY_COUNT: return;
    }
}

bool entry_next(Saved *from, Entry *ret_entry)
{
    entry_clear(ret_entry);
    if (from->is_bad || from->rest.len == 0)
        return false;
    int64_t type = limited(from, ENTRY_COUNT - 1);
    ret_entry->type = from->is_bad ? ENTRY_COUNT : (EntryType)type;
    if (!from->is_bad)
        take_entry(from, ret_entry);
    return !from->is_bad;
}

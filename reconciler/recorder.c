/* recorder.c: everything that passes between the outside and the reconciler, written down as it passes. */
#include "reconciler/recorder.h"
#include "reconciler/recorder_file.h"

#define BODY_COPIED_MAX (64 << 10) /* larger ones are handed over as they are */
#define BODY_SHARED_MIN 4096       /* smaller ones are written again */
#define BYTES_AHEAD     1000       /* of a usual tick */

struct Recorder {
    RecorderFile *file;
    int64_t inputs_max;
    Ports inner;
    Provider provider; /* watches what passes to inner.provider */
    GByteArray *bytes; /* since the last turn */
    bool is_over;      /* nothing more is recorded */
    bool is_draining;
    int64_t now_ms, monotonic_us;
    uint64_t works;         /* asked for so far */
    GBytes *bodies[BODIES]; /* the last large ones; may be NULL */
    size_t next_body;
};

static bool put(Recorder *recorder, EntryType type)
{
    if (!recorder || recorder->is_over)
        return false;
    saved_put_number(recorder->bytes, type);
    return true;
}

static void put_error(GByteArray *out, const GError *error)
{
    saved_put_number(out, error != NULL);
    if (!error)
        return;
    saved_put_number(out, error->domain == STORE_ERROR);
    saved_put_number(out, error->code);
    saved_put_text(out, view_from(error->message));
}

static void hand_over(Recorder *recorder)
{
    if (recorder->bytes->len == 0)
        return;
    recorder_file_bytes(recorder->file, recorder->bytes);
    recorder->bytes = g_byte_array_sized_new(BYTES_AHEAD);
}

static void tell_over(Recorder *recorder, const char *why)
{
    g_autofree char *text =
        g_strdup_printf("the recording for `muster simulate --replay` ends here: %s", why);
    recorder->is_over = true;
    hand_over(recorder);
    recorder_file_end(recorder->file);
    log_tell(&recorder->inner.log, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = text});
}

/* Before so many bytes more come at once. */
static void check_room(Recorder *recorder, size_t more)
{
    const char *fault;
    int64_t len = recorder_file_len(recorder->file, &fault) + recorder->bytes->len + (int64_t)more;
    if (len > recorder->inputs_max) {
        put(recorder, ENTRY_FULL);
        tell_over(recorder, "it is as large as it may be");
    } else if (fault) {
        tell_over(recorder, fault);
    }
}

/* The end of a tick: what came since the one before, and what was decided, goes to the writer. Whatever comes
 * asks for a tick. */
static void turn_over(Recorder *recorder)
{
    if (!recorder || recorder->is_over)
        return;
    check_room(recorder, 0);
    hand_over(recorder);
}

/* ---- clock, entropy ---- */

static int64_t port_now(void *self)
{
    Recorder *recorder = self;
    const ClockPort *inner = &recorder->inner.clock;
    int64_t now_ms = inner->now_ms(inner->self);
    if (put(recorder, ENTRY_NOW))
        saved_put_number(recorder->bytes, now_ms - recorder->now_ms);
    recorder->now_ms = now_ms;
    return now_ms;
}

static void port_wake(void *self, int64_t at_ms)
{
    const ClockPort *inner = &((Recorder *)self)->inner.clock;
    inner->wake_at(inner->self, at_ms);
}

static int64_t port_monotonic(void *self)
{
    Recorder *recorder = self;
    const ClockPort *inner = &recorder->inner.clock;
    int64_t us = inner->monotonic_us(inner->self);
    if (put(recorder, ENTRY_MONOTONIC))
        saved_put_number(recorder->bytes, us - recorder->monotonic_us);
    recorder->monotonic_us = us;
    return us;
}

static void port_entropy(void *self, void *bytes, size_t len)
{
    Recorder *recorder = self;
    recorder->inner.entropy.fill(recorder->inner.entropy.self, bytes, len);
    if (put(recorder, ENTRY_ENTROPY))
        saved_put_text(recorder->bytes, (View){bytes, len});
}

/* ---- store ---- */

static void put_checksums(GByteArray *out, const Batch *batch)
{
    g_autoptr(GArray) checksums = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    batch_checksums(batch, checksums);
    saved_put_number(out, checksums->len);
    saved_put_bytes(out, checksums->data, checksums->len * sizeof(uint32_t));
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    Recorder *recorder = self;
    const StorePort *inner = &recorder->inner.store;
    if (put(recorder, ENTRY_BATCH))
        put_checksums(recorder->bytes, batch);
    uint64_t sequence = inner->commit(inner->self, batch, now_ms);
    if (!recorder->is_over)
        saved_put_number(recorder->bytes, (int64_t)sequence);
    return sequence;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    Recorder *recorder = self;
    const StorePort *inner = &recorder->inner.store;
    GError *failure = NULL;
    bool ok = inner->load(inner->self, sink, data, &failure);
    if (put(recorder, ENTRY_LOAD))
        put_error(recorder->bytes, failure);
    if (failure)
        g_propagate_error(error, failure);
    return ok;
}

static bool port_reopen(void *self, GError **error)
{
    Recorder *recorder = self;
    const StorePort *inner = &recorder->inner.store;
    GError *failure = NULL;
    bool ok = inner->reopen(inner->self, &failure);
    if (put(recorder, ENTRY_REOPEN))
        put_error(recorder->bytes, failure);
    if (failure)
        g_propagate_error(error, failure);
    return ok;
}

static uint64_t port_term(void *self)
{
    Recorder *recorder = self;
    uint64_t term = recorder->inner.store.term(recorder->inner.store.self);
    if (put(recorder, ENTRY_TERM))
        saved_put_number(recorder->bytes, (int64_t)term);
    return term;
}

/* ---- work off the loop ---- */

typedef struct {
    Recorder *recorder;
    uint64_t number;
    PortQuery query;
    const PortLoad *load;
    PortDone done;
    void *data;
    StorePosition position; /* what a query has seen */
    bool has_position;
} Work;

static Work *work_new(Recorder *recorder, void *data)
{
    Work *work = g_new0(Work, 1);
    work->recorder = recorder;
    work->number = recorder->works++;
    work->data = data;
    return work;
}

static void put_position(GByteArray *out, bool is_known, const StorePosition *position)
{
    saved_put_number(out, is_known);
    saved_put_number(out, (int64_t)position->term);
    saved_put_number(out, (int64_t)position->tick);
}

static void query_run(StoreReader *reader, const char *error, void *data)
{
    Work *work = data;
    work->query(reader, error, work->data);
    work->has_position = reader && store_reader_position(reader, &work->position, NULL);
}

static void query_done(void *data)
{
    g_autofree Work *work = data;
    GByteArray *out = work->recorder->bytes;
    if (put(work->recorder, ENTRY_QUERIED)) {
        saved_put_number(out, (int64_t)work->number);
        put_position(out, work->has_position, &work->position);
    }
    work->done(work->data);
}

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    Work *work = work_new(self, data);
    work->query = query;
    work->done = done;
    const WorkPort *inner = &work->recorder->inner.work;
    inner->query(inner->self, query_run, query_done, work);
}

static void load_run(void *data)
{
    Work *work = data;
    work->load->run(work->data);
}

static void load_done(void *data)
{
    g_autofree Work *work = data;
    Recorder *recorder = work->recorder;
    if (put(recorder, ENTRY_LOADED)) {
        g_autoptr(GByteArray) saved = g_byte_array_new();
        PortFound found = work->load->save(work->data, saved);
        saved_put_number(recorder->bytes, (int64_t)work->number);
        saved_put_text(recorder->bytes, (View){(const char *)saved->data, saved->len});
        put_position(recorder->bytes, found.has_position, &found.position);
        saved_put_number(recorder->bytes, found.set != NULL);
        if (found.set) {
            hand_over(recorder);
            recorder_file_set(recorder->file, found.set, "");
        }
    }
    work->load->done(work->data);
}

static void port_work(void *self, const PortLoad *load, void *data)
{
    static const PortLoad watched = {.run = load_run, .done = load_done};
    const WorkPort *inner = &((Recorder *)self)->inner.work;
    if (!load->done) {
        inner->load(inner->self, load, data);
        return;
    }
    Work *work = work_new(self, data);
    work->load = load;
    inner->load(inner->self, &watched, work);
}

/* ---- provider ---- */

static Recorder *recorder_of(Provider *provider)
{
    return (Recorder *)((char *)provider - offsetof(Recorder, provider));
}

static void put_effect(Recorder *recorder, EffectType type, size_t len, uint64_t checksum)
{
    if (!put(recorder, ENTRY_EFFECT))
        return;
    saved_put_number(recorder->bytes, type);
    saved_put_number(recorder->bytes, (int64_t)len);
    saved_put_bytes(recorder->bytes, &checksum, sizeof checksum);
}

static bool port_start(Provider *provider, const ProviderStart *start, GError **error)
{
    Recorder *recorder = recorder_of(provider);
    GError *failure = NULL;
    put_effect(recorder, EFFECT_START, start->expected_len, effect_start(start));
    bool ok = recorder->inner.provider->start(recorder->inner.provider, start, &failure);
    if (put(recorder, ENTRY_START))
        put_error(recorder->bytes, failure);
    if (failure)
        g_propagate_error(error, failure);
    return ok;
}

static void port_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_LAUNCH, len, effect_launches(requests, len));
    recorder->inner.provider->launch(recorder->inner.provider, requests, len);
}

static void port_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_STOP, 1, effect_stop(token, reason));
    recorder->inner.provider->stop(recorder->inner.provider, token, reason);
}

static void port_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_SETTLED, len, effect_tokens(tokens, len));
    recorder->inner.provider->settled(recorder->inner.provider, tokens, len);
}

static void port_named(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_NAMED, len, effect_tokens(tokens, len));
    recorder->inner.provider->named(recorder->inner.provider, tokens, len);
}

static void port_instances_start(Provider *provider, const InstanceRequest *requests, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_INSTANCES, len, effect_instances(requests, len));
    recorder->inner.provider->instances_start(recorder->inner.provider, requests, len);
}

static void port_instances_stop(Provider *provider, const LaunchToken *tokens, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_INSTANCE_STOPS, len, effect_tokens(tokens, len));
    recorder->inner.provider->instances_stop(recorder->inner.provider, tokens, len);
}

static void port_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    Recorder *recorder = recorder_of(provider);
    put_effect(recorder, EFFECT_RESOURCES, len, effect_resources(requests, len));
    recorder->inner.provider->resources_apply(recorder->inner.provider, requests, len);
}

/* ---- life ---- */

static void put_begin(Recorder *recorder, const ReconcilerOptions *settings)
{
    GByteArray *out = recorder->bytes;
    const Provider *provider = recorder->inner.provider;
    put(recorder, ENTRY_BEGIN);
    saved_put_number(out, RECORDING_FORMAT);
    saved_put_text(out, view_from(MUSTER_VERSION));
    saved_put_number(out, store_format());
    saved_put_number(out, (int64_t)recorder->inner.store.term(recorder->inner.store.self));
    saved_put_number(out, recorder->inner.clock.now_ms(recorder->inner.clock.self));
    saved_put_text(out, view_from(settings->state_dir));
    saved_put_text(out, view_from(settings->mode));
    saved_put_number(out, settings->launch);
    saved_put_number(out, settings->providers);
    saved_put_number(out, settings->schedules);
    saved_put_number(out, settings->machine.vcpus_e4);
    saved_put_number(out, settings->machine.memory_mib);
    saved_put_number(out, settings->machine.gpus);
    saved_put_text(out, view_from(settings->notice));
    saved_put_number(out, settings->interval_ms);
    saved_put_number(out, provider != NULL);
    saved_put_number(out, provider && provider->instances_start);
    saved_put_number(out, provider && provider->resources_apply);
    saved_put_number(out, provider && provider->named);
    saved_put_number(out, provider ? provider->holds_nothing : 0);
    saved_put_number(out, recorder->inner.clock.monotonic_us != NULL);
}

Recorder *recorder_new(const RecorderOptions *options, GError **error)
{
    Recorder *recorder = g_new0(Recorder, 1);
    const StorePort *store = &options->ports->store;
    const ClockPort *clock = &options->ports->clock;
    recorder->inner = *options->ports;
    recorder->inputs_max = options->inputs_max;
    recorder->bytes = g_byte_array_new();
    recorder->file =
        recorder_file_new(options->state_dir, store->term(store->self), clock->now_ms(clock->self), error);
    if (!recorder->file) {
        recorder_free(recorder);
        return NULL;
    }
    put_begin(recorder, options->settings);
    return recorder;
}

void recorder_free(Recorder *recorder)
{
    if (!recorder)
        return;
    if (recorder->file && !recorder->is_over)
        hand_over(recorder);
    recorder_file_free(recorder->file);
    for (size_t i = 0; i < BODIES; i++)
        g_clear_pointer(&recorder->bodies[i], g_bytes_unref);
    g_byte_array_unref(recorder->bytes);
    g_free(recorder);
}

Ports recorder_ports(Recorder *recorder)
{
    Ports ports = recorder->inner;
    ports.clock =
        (ClockPort){port_now, port_wake, ports.clock.monotonic_us ? port_monotonic : NULL, recorder};
    ports.store = (StorePort){port_commit, port_load, port_reopen, port_term, recorder};
    ports.work = (WorkPort){port_query, port_work, recorder};
    ports.entropy = (EntropyPort){port_entropy, recorder};
    if (!ports.provider)
        return ports;
    recorder->provider =
        (Provider){.start = port_start, .launch = port_launch, .stop = port_stop, .settled = port_settled};
    if (ports.provider->instances_start) {
        recorder->provider.instances_start = port_instances_start;
        recorder->provider.instances_stop = port_instances_stop;
    }
    if (ports.provider->named)
        recorder->provider.named = port_named;
    if (ports.provider->resources_apply)
        recorder->provider.resources_apply = port_resources_apply;
    recorder->provider.holds_nothing = ports.provider->holds_nothing;
    ports.provider = &recorder->provider;
    return ports;
}

void recorder_end(Recorder *recorder)
{
    put(recorder, ENTRY_END);
}

/* ---- what comes in ---- */

void recorder_tick(Recorder *recorder, Reconciler *reconciler)
{
    put(recorder, ENTRY_TICK);
    reconciler_tick(reconciler);
    turn_over(recorder);
}

static size_t same_length(GBytes *before, const char *text, size_t len)
{
    gsize before_len = 0, same = 0;
    const char *other = before ? g_bytes_get_data(before, &before_len) : NULL;
    while (same < MIN(len, before_len) && other[same] == text[same])
        same++;
    return same;
}

/* Who waits for 20,000 jobs names them all each time: of a body that begins like an earlier one the rest is
 * kept. Gives how much is left out. */
static size_t put_shared(Recorder *recorder, const Call *call, const char *text, size_t len)
{
    size_t from = 0, shared = 0;
    bool is_kept = call->body && !call->operation->lines && len >= BODY_SHARED_MIN;
    for (size_t i = 0; is_kept && i < BODIES; i++) {
        size_t same = same_length(recorder->bodies[i], text, len);
        from = same > shared ? i : from;
        shared = MAX(shared, same);
    }
    size_t into = shared > len / 2 ? from : recorder->next_body++ % BODIES;
    saved_put_number(recorder->bytes, (int64_t)from);
    saved_put_number(recorder->bytes, (int64_t)shared);
    saved_put_number(recorder->bytes, is_kept ? (int64_t)into : BODIES);
    if (is_kept) {
        g_clear_pointer(&recorder->bodies[into], g_bytes_unref);
        recorder->bodies[into] = g_bytes_ref(call->body);
    }
    return shared;
}

static void put_body(Recorder *recorder, const Call *call)
{
    gsize len = 0;
    const char *text = call->body ? g_bytes_get_data(call->body, &len) : "";
    char *made = call->body ? NULL : json_dumps(call->request, JSON_COMPACT); /* not from the server */
    if (made) {
        text = made;
        len = strlen(made);
    }
    size_t shared = put_shared(recorder, call, text, len);
    if (made || len - shared <= BODY_COPIED_MAX) {
        saved_put_text(recorder->bytes, (View){text + shared, len - shared});
    } else {
        g_autoptr(GBytes) rest = g_bytes_new_from_bytes(call->body, shared, len - shared);
        saved_put_number(recorder->bytes, (int64_t)(len - shared));
        hand_over(recorder);
        recorder_file_body(recorder->file, rest);
    }
    free(made);
}

void recorder_call(Recorder *recorder, Reconciler *reconciler, Call *call)
{
    if (recorder && !recorder->is_over && call->body)
        check_room(recorder, g_bytes_get_size(call->body));
    if (put(recorder, ENTRY_CALL)) {
        saved_put_text(recorder->bytes, view_from(call->operation->name));
        put_body(recorder, call);
    }
    if (!call->operation->lines) /* the request is what it said */
        g_clear_pointer(&call->body, g_bytes_unref);
    reconciler_take_call(reconciler, call);
}

static void put_optional(GByteArray *out, const char *text)
{
    saved_put_number(out, text != NULL);
    if (text)
        saved_put_text(out, view_from(text));
}

static void put_found(GByteArray *out, const ProviderEvent *event)
{
    put_optional(out, event->job);
    saved_put_number(out, event->attempt);
    saved_put_bytes(out, event->host.bytes, LAUNCH_TOKEN_BYTES);
    saved_put_number(out, event->is_spot);
    saved_put_number(out, event->is_former);
}

static void put_event(GByteArray *out, const ProviderEvent *event)
{
    const char *const texts[] = {event->reason,        event->notice,   event->provider_id,
                                 event->instance_type, event->zone,     event->environment,
                                 event->resource,      event->observed, event->pins};
    saved_put_number(out, event->type);
    saved_put_bytes(out, event->token.bytes, LAUNCH_TOKEN_BYTES);
    const int64_t numbers[] = {event->at_ms,    event->started_ms, event->cause, event->exit_code,
                               event->vcpus_e4, event->memory_mib, event->gpus,  event->refusal,
                               event->gone,     event->providers};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        saved_put_number(out, numbers[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        put_optional(out, texts[i]);
    if (event->type == PROVIDER_EVENT_FOUND || event->type == PROVIDER_EVENT_INSTANCE_FOUND)
        put_found(out, event);
    if (!event->resource)
        return;
    saved_put_number(out, event->kind);
    saved_put_number(out, (int64_t)event->number);
    saved_put_bytes(out, event->applied.bytes, DIGEST_BYTES);
    saved_put_number(out, event->is_complete);
}

void recorder_event(Recorder *recorder, Reconciler *reconciler, const ProviderEvent *event)
{
    if (put(recorder, ENTRY_EVENT))
        put_event(recorder->bytes, event);
    reconciler_provider_event(event, reconciler);
}

void recorder_committed(Recorder *recorder, Reconciler *reconciler, uint64_t sequence, const GError *error)
{
    if (put(recorder, ENTRY_COMMITTED)) {
        saved_put_number(recorder->bytes, (int64_t)sequence);
        put_error(recorder->bytes, error);
    }
    reconciler_committed(sequence, error, reconciler);
}

void recorder_source(Recorder *recorder, Reconciler *reconciler, const SourceState *state)
{
    if (put(recorder, ENTRY_SOURCE)) {
        GByteArray *out = recorder->bytes;
        put_optional(out, state->path);
        put_optional(out, state->name);
        put_optional(out, state->provider);
        put_optional(out, state->values);
        put_optional(out, state->revision);
        put_optional(out, state->author);
        put_optional(out, state->signature);
        put_optional(out, state->broken);
        put_optional(out, state->tried);
        saved_put_number(out, state->approval_required);
        saved_put_number(out, state->full_pass);
        saved_put_number(out, state->changed_us);
        saved_put_number(out, state->set != NULL);
        if (state->set) {
            hand_over(recorder);
            recorder_file_set(recorder->file, state->set, state->name);
        }
    }
    reconciler_source(reconciler, state);
}

void recorder_source_remote(Recorder *recorder, Reconciler *reconciler, const SourceRemote *remote)
{
    if (put(recorder, ENTRY_REMOTE)) {
        const char *const texts[] = {remote->path,    remote->name,    remote->provider,      remote->head,
                                     remote->message, remote->refused, remote->refused_author};
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
            put_optional(recorder->bytes, texts[i]);
        saved_put_number(recorder->bytes, remote->is_untrusted);
        saved_put_number(recorder->bytes, remote->is_held);
    }
    reconciler_source_remote(reconciler, remote);
}

void recorder_source_webhook(Recorder *recorder, Reconciler *reconciler, const SourceWebhook *webhook)
{
    if (put(recorder, ENTRY_WEBHOOK)) {
        const char *const texts[] = {webhook->path, webhook->name,   webhook->provider, webhook->form,
                                     webhook->ref,  webhook->commit, webhook->refused};
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
            put_optional(recorder->bytes, texts[i]);
        saved_put_number(recorder->bytes, webhook->is_followed);
        saved_put_number(recorder->bytes, webhook->refused_len);
    }
    reconciler_source_webhook(reconciler, webhook);
}

void recorder_source_renamed(Recorder *recorder, Reconciler *reconciler, const char *before)
{
    if (put(recorder, ENTRY_RENAMED))
        saved_put_text(recorder->bytes, view_from(before));
    reconciler_source_renamed(reconciler, before);
}

void recorder_unfollow_all(Recorder *recorder, Reconciler *reconciler)
{
    put(recorder, ENTRY_UNFOLLOW);
    reconciler_unfollow_all(reconciler);
}

static void put_report(GByteArray *out, const OutboxReport *report)
{
    const char *const texts[] = {report->name, report->kind, report->place, report->error};
    const int64_t numbers[] = {report->is_gone,
                               (int64_t)report->position,
                               (int64_t)report->counts.delivered,
                               (int64_t)report->counts.given_up,
                               (int64_t)report->counts.given_up_quietly,
                               (int64_t)report->counts.dropped,
                               (int64_t)report->pending,
                               report->tries,
                               report->failing_since_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        put_optional(out, texts[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        saved_put_number(out, numbers[i]);
}

void recorder_outbox(Recorder *recorder, Reconciler *reconciler, const OutboxReport *reports, size_t len)
{
    for (size_t i = 0; i < len; i++) /* one by one, as they are replayed */
    {
        if (put(recorder, ENTRY_OUTBOX))
            put_report(recorder->bytes, &reports[i]);
        reconciler_outbox(reconciler, &reports[i], 1);
    }
}

bool recorder_drain(Recorder *recorder, Reconciler *reconciler)
{
    if (recorder && !recorder->is_draining && put(recorder, ENTRY_DRAIN))
        recorder->is_draining = true;
    return reconciler_drain(reconciler);
}

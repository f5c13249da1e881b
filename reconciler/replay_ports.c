/* replay_ports.c: what the tick reaches instead of the outside: the recording, and a store that follows it.
 */
#include "reconciler/replay_internal.h"

/* ---- clock, entropy, files, log ---- */

static int64_t port_now(void *self)
{
    Replay *replay = self;
    if (replay_expect(replay, ENTRY_NOW))
        replay->now_ms += replay->at.value;
    return replay->now_ms;
}

static void port_wake(void *self, int64_t at_ms)
{
    (void)self, (void)at_ms; /* the recording says when */
}

static int64_t port_monotonic(void *self)
{
    Replay *replay = self;
    if (replay_expect(replay, ENTRY_MONOTONIC))
        replay->monotonic_us += replay->at.value;
    return replay->monotonic_us;
}

static void port_entropy(void *self, void *bytes, size_t len)
{
    Replay *replay = self;
    if (replay_expect(replay, ENTRY_ENTROPY) && replay->at.text.len != len)
        replay_differs(replay, "%zu random bytes are wanted, by the run %zu", len, replay->at.text.len);
    if (replay->is_over)
        rng_fill(&replay->rng, bytes, len);
    else
        memcpy(bytes, replay->at.text.data, len);
}

static void port_remove(void *self, char *path)
{
    (void)self;
    g_free(path);
}

static void port_log(void *self, const char *text)
{
    (void)self, (void)text;
}

/* ---- store ---- */

static void batch_compare(Replay *replay, const Batch *batch, View recorded)
{
    g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    size_t len = recorded.len / sizeof(uint32_t), same = 0;
    batch_checksums(batch, own);
    while (same < MIN(len, own->len) &&
           memcmp(own->data + same * sizeof(uint32_t), recorded.data + same * sizeof(uint32_t),
                  sizeof(uint32_t)) == 0)
        same++;
    if (same == len && same == own->len)
        return;
    g_autofree char *row = same < own->len ? batch_row_text(batch, same) : g_strdup("nothing");
    replay_differs(replay, "%u rows are committed, by the run %zu; row %zu is not the run's: %.600s",
                   own->len, len, same + 1, row);
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    Replay *replay = self;
    ReplayBatch *handed = g_new(ReplayBatch, 1);
    *handed = (ReplayBatch){batch, now_ms};
    if (replay_expect(replay, ENTRY_BATCH)) {
        replay->run->commits++;
        replay->run->rows += batch_len(batch);
        batch_compare(replay, batch, replay->at.text);
    }
    g_queue_push_tail(&replay->handed, handed);
    return replay->is_over ? 0 : (uint64_t)replay->at.value;
}

static void settle(Replay *replay)
{
    g_autoptr(GError) error = NULL;
    if (replay->sequence && !store_wait(replay->store, replay->sequence, &error))
        replay_differs(replay, "the replay's own store: %s", error->message);
    while (g_main_context_iteration(replay->context, FALSE))
        ;
}

static void query_run(Replay *replay, ReplayWork *work)
{
    g_autoptr(GError) error = NULL;
    if (!store_reader_begin(replay->reader, &error)) {
        work->query(NULL, error->message, work->data);
        return;
    }
    work->query(replay->reader, NULL, work->data);
    store_reader_end(replay->reader);
}

static void load_run(Replay *replay, ReplayWork *work, const ReplayFound *found)
{
    if (!work->load->restore(work->data, found->saved, found->set, replay->dir))
        replay_differs(replay, "what was loaded cannot be read");
}

static void work_run(Replay *replay, ReplayWork *work, const ReplayFound *found)
{
    work->ran = true;
    settle(replay);
    if (work->load)
        load_run(replay, work, found);
    else if (found->has_seen)
        query_run(replay, work);
    else
        work->query(NULL, "the store could not be read", work->data);
}

/* Those that saw exactly what is in the store now. */
static void works_run(Replay *replay)
{
    GHashTableIter iter;
    void *number, *value;
    g_hash_table_iter_init(&iter, replay->works);
    while (g_hash_table_iter_next(&iter, &number, &value)) {
        ReplayWork *work = value;
        const ReplayFound *found = g_hash_table_lookup(replay->found, number);
        if (!work->ran && found && found->has_seen && found->seen == replay->committed)
            work_run(replay, work, found);
    }
}

void replay_commit_to(Replay *replay, uint64_t batches)
{
    while (replay->committed < batches) {
        works_run(replay);
        ReplayBatch *handed = g_queue_pop_head(&replay->handed);
        if (!handed) {
            replay_differs(replay, "the run had committed more");
            return;
        }
        replay->sequence = store_commit(replay->store, handed->batch, handed->now_ms);
        replay->committed++;
        g_free(handed);
        if (store_backlog(replay->store) > 1000)
            settle(replay);
    }
}

static void handed_free(void *data)
{
    ReplayBatch *handed = data;
    batch_free(handed->batch);
    g_free(handed);
}

void replay_committed(Replay *replay, const Entry *entry)
{
    if (!entry->error)
        replay->told++;
    replay_commit_to(replay, replay->told);
    reconciler_committed((uint64_t)entry->value, entry->error, replay->reconciler);
}

static bool take_failure(Replay *replay, GError **error)
{
    if (!replay->at.error)
        return false;
    g_propagate_error(error, g_error_copy(replay->at.error));
    return true;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    Replay *replay = self;
    if (replay_expect(replay, ENTRY_LOAD) && take_failure(replay, error))
        return false;
    replay_commit_to(replay, replay->told);
    g_queue_clear_full(&replay->handed, handed_free); /* the commit of all that were under way has failed */
    settle(replay);
    bool ok =
        store_reader_begin(replay->reader, error) && store_reader_load(replay->reader, sink, data, error);
    store_reader_end(replay->reader);
    return ok;
}

static bool port_reopen(void *self, GError **error)
{
    Replay *replay = self;
    return !replay_expect(replay, ENTRY_REOPEN) || !take_failure(replay, error);
}

static uint64_t port_term(void *self)
{
    Replay *replay = self;
    return replay_expect(replay, ENTRY_TERM) ? (uint64_t)replay->at.value : replay->run->term;
}

/* ---- work off the loop ---- */

static ReplayWork *work_new(Replay *replay)
{
    ReplayWork *work = g_new0(ReplayWork, 1);
    uint64_t number = replay->works_len++;
    g_hash_table_insert(replay->works, g_memdup2(&number, sizeof number), work);
    return work;
}

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    *work_new(self) = (ReplayWork){.query = query, .done = done, .data = data};
}

static void port_work(void *self, const PortLoad *load, void *data)
{
    if (load->done)
        *work_new(self) = (ReplayWork){.load = load, .done = load->done, .data = data};
    else
        load->run(data);
}

void replay_work_done(Replay *replay, const Entry *entry)
{
    uint64_t number = (uint64_t)entry->value;
    const ReplayFound *found = g_hash_table_lookup(replay->found, &number);
    ReplayWork *asked = g_hash_table_lookup(replay->works, &number);
    if (!asked || !found || (asked->query != NULL) != (entry->type == ENTRY_QUERIED)) {
        replay_differs(replay, "the run had asked for something else to be done");
        return;
    }
    if (found->has_seen)
        replay_commit_to(replay, found->seen);
    if (!asked->ran)
        work_run(replay, asked, found);
    ReplayWork work = *asked;
    g_hash_table_remove(replay->works, &number);
    work.done(work.data);
}

/* What was under way at the end is given back, as nothing. */
void replay_works_end(Replay *replay)
{
    while (g_hash_table_size(replay->works) > 0) {
        GHashTableIter iter;
        void *number, *value;
        g_hash_table_iter_init(&iter, replay->works);
        g_hash_table_iter_next(&iter, &number, &value);
        ReplayWork work = *(ReplayWork *)value;
        g_hash_table_iter_remove(&iter);
        if (work.load && !work.ran)
            work.load->restore(work.data, VIEW(""), NULL, replay->dir);
        else if (!work.ran)
            work.query(NULL, "the recording has ended", work.data);
        work.done(work.data);
    }
}

/* ---- provider ---- */

static void compare_effect(Provider *provider, EffectType type, size_t len, uint64_t checksum)
{
    static const char *const names[EFFECT_COUNT] = {[EFFECT_START] = "launches and instances to look for",
                                                    [EFFECT_LAUNCH] = "launches",
                                                    [EFFECT_STOP] = "stops of a launch",
                                                    [EFFECT_SETTLED] = "settled launches",
                                                    [EFFECT_NAMED] = "named launches",
                                                    [EFFECT_INSTANCES] = "instances to start",
                                                    [EFFECT_INSTANCE_STOPS] = "instances to stop",
                                                    [EFFECT_RESOURCES] = "resources to hold"};
    Replay *replay = (Replay *)((char *)provider - offsetof(Replay, provider));
    if (!replay_expect(replay, ENTRY_EFFECT))
        return;
    const Entry *entry = &replay->at;
    if (entry->value != (int64_t)type || entry->len != (int64_t)len)
        replay_differs(replay, "the provider is given %zu %s, by the run %" G_GINT64_FORMAT " %s", len,
                       names[type], entry->len, names[entry->value]);
    else if (entry->checksum != checksum)
        replay_differs(replay, "the provider is given %zu %s, and they are not those of the run", len,
                       names[type]);
}

static bool port_start(Provider *provider, const ProviderStart *start, GError **error)
{
    Replay *replay = (Replay *)((char *)provider - offsetof(Replay, provider));
    compare_effect(provider, EFFECT_START, start->expected_len, effect_start(start));
    return !replay_expect(replay, ENTRY_START) || !take_failure(replay, error);
}

static void port_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    Replay *replay = (Replay *)((char *)provider - offsetof(Replay, provider));
    compare_effect(provider, EFFECT_LAUNCH, len, effect_launches(requests, len));
    if (!replay->is_over)
        replay->run->launches += len;
}

static void port_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    Replay *replay = (Replay *)((char *)provider - offsetof(Replay, provider));
    compare_effect(provider, EFFECT_STOP, 1, effect_stop(token, reason));
    if (!replay->is_over)
        replay->run->stops++;
}

static void port_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    compare_effect(provider, EFFECT_SETTLED, len, effect_tokens(tokens, len));
}

static void port_named(Provider *provider, const LaunchToken *tokens, size_t len)
{
    compare_effect(provider, EFFECT_NAMED, len, effect_tokens(tokens, len));
}

static void port_instances_start(Provider *provider, const InstanceRequest *requests, size_t len)
{
    compare_effect(provider, EFFECT_INSTANCES, len, effect_instances(requests, len));
}

static void port_instances_stop(Provider *provider, const LaunchToken *tokens, size_t len)
{
    compare_effect(provider, EFFECT_INSTANCE_STOPS, len, effect_tokens(tokens, len));
}

static void port_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    compare_effect(provider, EFFECT_RESOURCES, len, effect_resources(requests, len));
}

/* ---- life ---- */

bool replay_open(Replay *replay, const char *state, GError **error)
{
    g_autofree char *copy = NULL;
    replay->works = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    replay->dir = g_dir_make_tmp("muster-replay-XXXXXX", error);
    if (!replay->dir)
        return false;
    copy = g_build_filename(replay->dir, RECORDING_STATE, NULL);
    g_main_context_push_thread_default(replay->context);
    if (recording_copy(state, copy, error))
        replay->store = store_open(replay->dir, NULL, error);
    g_main_context_pop_thread_default(replay->context);
    if (replay->store)
        replay->reader = store_reader_open(replay->dir, error);
    return replay->reader != NULL;
}

static void remove_directory(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        remove(file);
    }
    remove(path);
}

void replay_close(Replay *replay)
{
    g_queue_clear_full(&replay->handed, handed_free);
    g_clear_pointer(&replay->reader, store_reader_free);
    g_clear_pointer(&replay->store, store_free);
    g_clear_pointer(&replay->works, g_hash_table_unref);
    if (replay->dir)
        remove_directory(replay->dir);
    g_clear_pointer(&replay->dir, g_free);
}

Ports replay_ports(Replay *replay, const Entry *begin)
{
    replay->provider =
        (Provider){.start = port_start, .launch = port_launch, .stop = port_stop, .settled = port_settled};
    if (begin->has_instances) {
        replay->provider.instances_start = port_instances_start;
        replay->provider.instances_stop = port_instances_stop;
    }
    if (begin->has_named)
        replay->provider.named = port_named;
    if (begin->has_resources)
        replay->provider.resources_apply = port_resources_apply;
    replay->provider.holds_nothing = begin->holds_nothing;
    return (Ports){.clock = {port_now, port_wake, begin->has_monotonic ? port_monotonic : NULL, replay},
                   .store = {port_commit, port_load, port_reopen, port_term, replay},
                   .work = {port_query, port_work, replay},
                   .files = {port_remove, port_remove, replay},
                   .log = {.line = port_log, .self = replay},
                   .provider = begin->has_provider ? &replay->provider : NULL,
                   .entropy = {port_entropy, replay}};
}

/* replay.c: entry by entry, what the outside told is told again. */
#include "reconciler/replay_internal.h"
#include "reconciler/api/operation.h"
#include <errno.h>
#include <unistd.h>

G_DEFINE_QUARK(muster - replay - error, replay_error)

void replayed_run_free(void *data)
{
    ReplayedRun *run = data;
    g_free(run->version);
    g_free(run->problem);
    g_free(run->difference);
    g_free(run);
}

void replay_differs(Replay *replay, const char *format, ...)
{
    va_list arguments;
    if (replay->is_over)
        return;
    replay->is_over = true;
    va_start(arguments, format);
    replay->run->difference = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    replay->run->differs_at = replay->run->ticks;
    replay->run->differs_ms = replay->now_ms;
}

/* Blocks are written one by one: the last one need not end a turn, nor an entry. */
static void end_of_entries(Replay *replay)
{
    if (replay->entries.rest.len > 0)
        replay_differs(replay, "%s of the recording cannot be read", entry_name(replay->at.type));
    else if (replay->run->end == RECORDING_ENDS_WELL)
        replay->run->end = RECORDING_IS_TORN;
    replay->is_over = true;
}

bool replay_expect(Replay *replay, EntryType type)
{
    if (replay->is_over)
        return false;
    if (!entry_next(&replay->entries, &replay->at)) {
        end_of_entries(replay);
        return false;
    }
    if (replay->at.type == type)
        return true;
    replay_differs(replay, "the replay comes to %s, and the run to %s", entry_name(type),
                   entry_name(replay->at.type));
    return false;
}

/* ---- what comes in ---- */

static void call_answered(Call *call)
{
    call_free(call);
}

/* NULL: it begins like one that is not there. */
static GString *body_of(Replay *replay, const Entry *entry)
{
    const GString *before = replay->bodies[entry->from];
    if (entry->shared > 0 && (!before || before->len < (size_t)entry->shared))
        return NULL;
    GString *body = g_string_new_len(entry->shared > 0 ? before->str : "", (gssize)entry->shared);
    g_string_append_len(body, entry->text.data, (gssize)entry->text.len);
    if (entry->into == BODIES)
        return body;
    if (replay->bodies[entry->into])
        g_string_free(replay->bodies[entry->into], TRUE);
    replay->bodies[entry->into] = g_string_new_len(body->str, (gssize)body->len);
    return body;
}

static void take_call(Replay *replay, const Entry *entry)
{
    g_autofree char *name = g_strndup(entry->name.data, entry->name.len), *message = NULL;
    g_autoptr(GString) body = body_of(replay, entry);
    const Operation *operation = body ? operation_find_name(name) : NULL;
    View text = {body ? body->str : "", body ? body->len : 0};
    json_t *request = operation && !operation->lines ? request_parse(text, &message) : NULL;
    if (!operation || (!request && !operation->lines)) {
        replay_differs(replay, "request %s cannot be read: %s", name,
                       message ? message : "there is no such operation");
        return;
    }
    Call *call = call_new(operation, request);
    if (operation->lines)
        call->body = g_bytes_new(text.data, text.len);
    call->answer = call_answered;
    replay->run->requests++;
    reconciler_take_call(replay->reconciler, call);
}

static void set_unref(void *set)
{
    manifest_set_unref(set);
}

static GHashTable *sets_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, set_unref);
}

/* Borrowed from sets; NULL: damaged. */
static ManifestSet *next_set(GHashTable *sets, const Entry *entry)
{
    g_autofree char *source = g_strndup(entry->name.data, entry->name.len);
    Saved from = {.rest = entry->text};
    ManifestSet *set = saved_set(&from, g_hash_table_lookup(sets, source));
    if (set)
        g_hash_table_replace(sets, g_steal_pointer(&source), set);
    else
        g_hash_table_remove(sets, source);
    return set;
}

/* The manifests that the entry before refers to. */
static ManifestSet *take_set(Replay *replay)
{
    if (!replay_expect(replay, ENTRY_SET))
        return NULL;
    ManifestSet *set = next_set(replay->sets, &replay->at);
    if (!set)
        replay_differs(replay, "its manifests cannot be read");
    return set;
}

/* entry is moved: the manifests are the next one. */
static void take_source(Replay *replay, Entry *entry)
{
    entry->source.set = entry->has_set ? take_set(replay) : NULL;
    if (entry->has_set && !entry->source.set)
        return;
    replay->run->revisions++;
    reconciler_source(replay->reconciler, &entry->source);
}

static void take_loaded(Replay *replay, const Entry *entry)
{
    if (!entry->has_set || take_set(replay))
        replay_work_done(replay, entry);
}

static void take_in(Replay *replay, Entry *entry)
{
    ReplayedRun *run = replay->run;
    switch (entry->type) {
    case ENTRY_TICK:
        run->ticks++;
        reconciler_tick(replay->reconciler);
        return;
    case ENTRY_CALL: take_call(replay, entry); return;
    case ENTRY_EVENT:
        run->events++;
        reconciler_provider_event(&entry->event, replay->reconciler);
        return;
    case ENTRY_COMMITTED: replay_committed(replay, entry); return;
    case ENTRY_SOURCE: take_source(replay, entry); return;
    case ENTRY_REMOTE: reconciler_source_remote(replay->reconciler, &entry->remote); return;
    case ENTRY_WEBHOOK: reconciler_source_webhook(replay->reconciler, &entry->webhook); return;
    case ENTRY_RENAMED: reconciler_source_renamed(replay->reconciler, entry->renamed); return;
    case ENTRY_UNFOLLOW: reconciler_unfollow_all(replay->reconciler); return;
    case ENTRY_OUTBOX: reconciler_outbox(replay->reconciler, &entry->report, 1); return;
    case ENTRY_DRAIN: reconciler_drain(replay->reconciler); return;
    case ENTRY_QUERIED: replay_work_done(replay, entry); return;
    case ENTRY_LOADED: take_loaded(replay, entry); return;
    case ENTRY_FULL:
        run->end = RECORDING_IS_FULL;
        replay->is_over = true;
        return;
    case ENTRY_END: replay->is_over = true; return;
    case ENTRY_BEGIN:
    case ENTRY_NOW:
    case ENTRY_MONOTONIC:
    case ENTRY_ENTROPY:
    case ENTRY_TERM:
    case ENTRY_LOAD:
    case ENTRY_REOPEN:
    case ENTRY_START:
    case ENTRY_BATCH:
    case ENTRY_EFFECT:
    case ENTRY_SET:
    case ENTRY_COUNT: break;
    }
    replay_differs(replay, "the run came to %s, and the replay has nothing more to do",
                   entry_name(entry->type));
}

static void run_all(Replay *replay)
{
    while (!replay->is_over) {
        Entry entry = {0};
        if (entry_next(&replay->entries, &entry))
            take_in(replay, &entry);
        else
            end_of_entries(replay);
        entry_clear(&entry);
    }
    replay->run->last_ms = replay->now_ms;
}

/* ---- what each work found, and in which committed state ---- */

typedef struct {
    GHashTable *found,
        *bases; /* bases: term → uint64_t: batches before it. Positions count from each term on */
    uint64_t term, durable;
    GHashTable *sets;  /* source → ManifestSet* that was written last */
    ReplayFound *last; /* its manifests are the next entry; NULL: none is waited for */
} Finding;

static void found_free(void *data)
{
    manifest_set_unref(((ReplayFound *)data)->set);
    g_free(data);
}

static void *keep_number(uint64_t number)
{
    return g_memdup2(&number, sizeof number);
}

static void find_work(Finding *finding, const Entry *entry)
{
    const uint64_t *base = g_hash_table_lookup(finding->bases, &entry->position.term);
    ReplayFound *found = g_new0(ReplayFound, 1);
    *found = (ReplayFound){.has_seen = entry->has_position && base, .saved = entry->text};
    if (found->has_seen)
        found->seen = *base + entry->position.tick;
    g_hash_table_replace(finding->found, keep_number((uint64_t)entry->value), found);
    if (entry->has_set)
        finding->last = found;
}

static void find_in(Finding *finding, const Entry *entry)
{
    if (entry->type == ENTRY_COMMITTED && !entry->error) {
        finding->durable++;
    } else if (entry->type == ENTRY_REOPEN && !entry->error) {
        g_hash_table_insert(finding->bases, keep_number(++finding->term), keep_number(finding->durable));
    } else if (entry->type == ENTRY_QUERIED || entry->type == ENTRY_LOADED) {
        find_work(finding, entry);
    } else if (entry->type == ENTRY_SET) {
        ManifestSet *set = next_set(finding->sets, entry);
        if (finding->last && set)
            finding->last->set = manifest_set_ref(set);
        finding->last = NULL;
    }
}

static void find_works(Replay *replay)
{
    Saved from = replay->entries;
    Entry entry = {0};
    Finding finding = {.found = replay->found,
                       .bases = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free),
                       .sets = sets_new(),
                       .term = replay->run->term};
    g_hash_table_insert(finding.bases, keep_number(finding.term), keep_number(0));
    while (entry_next(&from, &entry))
        find_in(&finding, &entry);
    entry_clear(&entry);
    g_hash_table_unref(finding.sets);
    g_hash_table_unref(finding.bases);
}

/* ---- one generation ---- */

static bool is_readable(const Entry *begin, const char *path, GError **error)
{
    if (begin->type != ENTRY_BEGIN)
        g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_DAMAGED, "%s: not a recording", path);
    else if (begin->format != RECORDING_FORMAT)
        g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_VERSION,
                    "%s: recorded in format %" G_GINT64_FORMAT
                    ", this muster replays %d; use the one that recorded it",
                    path, begin->format, RECORDING_FORMAT);
    else if (begin->store_format != store_format())
        g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_VERSION,
                    "%s: recorded by muster " VIEW_FMT ", whose state has format %" G_GINT64_FORMAT
                    ", this one's has %d; use the one that recorded it",
                    path, VIEW_ARG(begin->version), begin->store_format, store_format());
    else
        return true;
    return false;
}

static bool replay_begin(Replay *replay, const Entry *begin, GError **error)
{
    Ports ports = replay_ports(replay, begin);
    replay->reconciler = reconciler_new(&ports, &begin->settings, error);
    return replay->reconciler != NULL;
}

static void replay_free(Replay *replay)
{
    if (replay->reconciler)
        replay_works_end(replay);
    reconciler_free(replay->reconciler);
    replay_close(replay);
    entry_clear(&replay->at);
    for (size_t i = 0; i < BODIES; i++)
        if (replay->bodies[i])
            g_string_free(replay->bodies[i], TRUE);
    g_hash_table_unref(replay->sets);
    g_hash_table_unref(replay->found);
    g_main_context_unref(replay->context);
}

static bool replay_run(Replay *replay, const char *directory, const char *inputs, GError **error)
{
    g_autofree char *state = g_build_filename(directory, RECORDING_STATE, NULL);
    Entry begin = {0};
    if (!entry_next(&replay->entries, &begin) || !is_readable(&begin, inputs, error)) {
        if (error && !*error)
            g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_EMPTY, "%s: nothing whole is in it", inputs);
        entry_clear(&begin);
        return false;
    }
    replay->run->version = g_strndup(begin.version.data, begin.version.len);
    replay->run->term = begin.term;
    replay->run->begun_ms = begin.begun_ms;
    find_works(replay);
    bool is_begun = replay_open(replay, state, error) && replay_begin(replay, &begin, error);
    if (is_begun)
        run_all(replay);
    entry_clear(&begin);
    return is_begun;
}

ReplayedRun *replay_generation(const char *directory, GError **error)
{
    g_autofree char *inputs = g_build_filename(directory, RECORDING_INPUTS, NULL);
    ReplayedRun *run = g_new0(ReplayedRun, 1);
    Replay replay = {.run = run,
                     .rng = rng_from_seed(1),
                     .context = g_main_context_new(),
                     .found = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, found_free),
                     .sets = sets_new()};
    g_autoptr(GByteArray) entries = recording_read(inputs, &run->end, &run->damaged_at, error);
    if (entries)
        replay.entries.rest = (View){(const char *)entries->data, entries->len};
    bool is_replayed = entries && replay_run(&replay, directory, inputs, error);
    replay_free(&replay);
    if (!is_replayed)
        g_clear_pointer(&run, replayed_run_free);
    return run;
}

/* ---- all of a state directory ---- */

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without the state of its beginning a generation has none: its process was killed while that was copied. */
static GPtrArray *find_generations(const char *state_dir)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *recordings = g_build_filename(state_dir, RECORDING_DIR, NULL),
                    *single = g_build_filename(state_dir, RECORDING_INPUTS, NULL);
    if (g_file_test(single, G_FILE_TEST_IS_REGULAR)) {
        g_ptr_array_add(found, g_strdup(state_dir));
        return found;
    }
    g_autoptr(GDir) dir = g_dir_open(recordings, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *state = g_build_filename(recordings, name, RECORDING_STATE, NULL);
        if (g_file_test(state, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(found, g_build_filename(recordings, name, NULL));
    }
    g_ptr_array_sort(found, by_name);
    return found;
}

static uint64_t term_of(const char *directory)
{
    g_autofree char *name = g_path_get_basename(directory);
    return g_ascii_strtoull(name, NULL, 10);
}

/* One that was killed before anything was written, or recorded by another version, says nothing of the
 * others. */
static ReplayedRun *not_replayed(const char *directory, const GError *problem)
{
    if (!g_error_matches(problem, REPLAY_ERROR, REPLAY_ERROR_EMPTY) &&
        !g_error_matches(problem, REPLAY_ERROR, REPLAY_ERROR_VERSION))
        return NULL;
    ReplayedRun *run = g_new0(ReplayedRun, 1);
    run->term = term_of(directory);
    run->problem = g_strdup(problem->message);
    return run;
}

/* ---- where it begins ---- */

/* False: nothing whole is in it, or another format. */
static bool generation_begun(const char *directory, int64_t *ret_begun_ms)
{
    g_autofree char *inputs = g_build_filename(directory, RECORDING_INPUTS, NULL);
    RecordingEnd end;
    uint64_t damaged_at;
    g_autoptr(GByteArray) bytes = recording_read(inputs, &end, &damaged_at, NULL);
    if (!bytes)
        return false;
    Saved entries = {.rest = {(const char *)bytes->data, bytes->len}};
    Entry begin = {0};
    bool is_known = entry_next(&entries, &begin) && is_readable(&begin, inputs, NULL);
    *ret_begun_ms = begin.begun_ms;
    entry_clear(&begin);
    return is_known;
}

/* The newest that began by then; the oldest if none did. */
static guint first_at(const GPtrArray *found, int64_t at_ms)
{
    int64_t begun_ms;
    for (guint i = found->len; i-- > 1;)
        if (generation_begun(found->pdata[i], &begun_ms) && begun_ms <= at_ms)
            return i;
    return 0;
}

static bool begin_at(const GPtrArray *found, const ReplayFrom *from, guint *ret_first, GError **error)
{
    guint first = from->at_ms ? first_at(found, from->at_ms) : 0;
    while (from->term && first < found->len && term_of(found->pdata[first]) != from->term)
        first++;
    *ret_first = first;
    if (first < found->len)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "no daemon of term %" G_GUINT64_FORMAT " is recorded there: what is kept begins with term "
                "%" G_GUINT64_FORMAT " and ends with term %" G_GUINT64_FORMAT,
                from->term, term_of(found->pdata[0]), term_of(found->pdata[found->len - 1]));
    return false;
}

static bool propagate(GError **error, GError **problem)
{
    g_propagate_error(error, g_steal_pointer(problem));
    return false;
}

bool replay_state(const char *state_dir, const ReplayFrom *from, GPtrArray **ret_runs, GError **error)
{
    g_autoptr(GPtrArray) found = find_generations(state_dir),
                         runs = g_ptr_array_new_with_free_func(replayed_run_free);
    if (found->len == 0) {
        g_set_error(
            error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
            "%s: nothing is recorded there; `muster serve` records what it does in its state directory",
            state_dir);
        return false;
    }
    size_t replayed = 0;
    guint first = 0;
    bool is_single = g_strcmp0(found->pdata[0], state_dir) == 0;
    if (!is_single && !begin_at(found, from, &first, error))
        return false;
    for (guint i = first; i < found->len; i++) {
        g_autoptr(GError) problem = NULL;
        ReplayedRun *run = replay_generation(found->pdata[i], &problem);
        replayed += run != NULL;
        if (!run && !(run = not_replayed(found->pdata[i], problem)))
            return propagate(error, &problem);
        g_ptr_array_add(runs, run);
        if (replayed == 0 && i + 1 == found->len)
            return propagate(error, &problem);
    }
    *ret_runs = g_steal_pointer(&runs);
    return true;
}

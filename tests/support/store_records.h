/* store_records.h: records for the store's tests: random ones, and each as a line of text with every member
 * in it, so that what was put and what came back compare as strings. Owns:   texts of random records are
 * borrowed from static strings or from the Arena given. */
#pragma once
#include <glib/gstdio.h>
#include <unistd.h>
#include "reconciler/store/store.h"
#include "spec/base/arena.h"
#include "spec/base/rng.h"

/* As g_assert_cmpmem, which is not clean under -Wconversion. */
static inline void assert_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    g_assert_cmpuint(a_len, ==, b_len);
    g_assert_true(a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* ---- as text ---- */

static inline void print_hex(GString *out, uint8_t byte)
{
    g_string_append_c(out, "0123456789abcdef"[byte >> 4]);
    g_string_append_c(out, "0123456789abcdef"[byte & 15]);
}

static inline void print_bytes(GString *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        print_hex(out, bytes[i]);
    g_string_append_c(out, ' ');
}

static inline void print_int(GString *out, int64_t value)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT " ", value);
}

static inline void print_text(GString *out, View text)
{
    g_string_append_c(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (g_ascii_isgraph(text.data[i])) {
            g_string_append_c(out, text.data[i]);
            continue;
        }
        g_string_append_c(out, '\\');
        print_hex(out, (uint8_t)text.data[i]);
    }
    g_string_append(out, "\" ");
}

static inline void print_resource(GString *out, const ResourceRecord *r)
{
    g_string_append(out, "resource ");
    print_int(out, r->kind);
    View texts[] = {r->name, r->owner, r->spec, r->metadata, r->next_spec, r->file, r->status_reason};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    print_bytes(out, r->digest.bytes, DIGEST_BYTES);
    print_bytes(out, r->next_digest.bytes, DIGEST_BYTES);
    int64_t ints[] = {r->line,     r->phase,      r->deletion,   r->prune,  r->kept,
                      r->revision, r->created_ms, r->updated_ms, r->used_up};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    g_string_append_c(out, '\n');
}

static inline void print_revision(GString *out, const RevisionRecord *r)
{
    g_string_append(out, "revision ");
    print_text(out, r->name);
    print_int(out, r->revision);
    print_bytes(out, r->digest.bytes, DIGEST_BYTES);
    print_text(out, r->spec);
    print_int(out, r->active);
    print_int(out, r->created_ms);
    g_string_append_c(out, '\n');
}

static inline void print_template(GString *out, const TemplateRecord *r)
{
    g_string_append(out, "template ");
    print_int(out, r->id);
    print_text(out, r->definition);
    print_text(out, r->definition_spec);
    print_text(out, r->request);
    g_string_append_c(out, '\n');
}

static inline void print_run(GString *out, const RunRecord *r)
{
    g_string_append(out, "run ");
    View texts[] = {r->id, r->owner, r->name, r->spec, r->status_reason};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    print_bytes(out, r->key.bytes, DIGEST_BYTES);
    int64_t ints[] = {r->kind, r->number, r->state, r->created_ms, r->stopped_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    g_string_append_c(out, '\n');
}

static inline void print_apply(GString *out, const ApplyRecord *r)
{
    g_string_append(out, "apply ");
    View texts[] = {r->owner,   r->source_path, r->revision, r->plan_id,  r->message,
                    r->summary, r->actor,       r->author,   r->signature};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    int64_t ints[] = {r->id, r->state, r->created_ms, r->ended_ms, r->trigger, r->started_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    g_string_append_c(out, '\n');
}

static inline void print_change(GString *out, const ChangeRecord *r)
{
    g_string_append(out, "change ");
    View texts[] = {r->name, r->owner, r->actor, r->reason, r->fields};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    int64_t ints[] = {r->kind, r->at_ms, r->apply_id, r->action};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    g_string_append_c(out, '\n');
}

static inline void print_job(GString *out, const JobRecord *r)
{
    g_string_append(out, "job ");
    print_int(out, (int64_t)r->sequence);
    print_bytes(out, r->id.bytes, JOB_ID_BYTES);
    View texts[] = {r->name, r->queue, r->run, r->step, r->share_identifier, r->status_reason};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    int64_t ints[] = {r->template_id,   r->array_size, r->created_ms,     r->state,      r->is_cancelled,
                      r->is_terminated, r->attempts,   (int64_t)r->front, r->started_ms, r->stopped_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    for (size_t i = 0; i < r->depends_on_len; i++) {
        const DependencyRecord *d = &r->depends_on[i];
        g_string_append(out, "on ");
        print_bytes(out, d->on.bytes, JOB_ID_BYTES);
        print_int(out, d->on_index);
        print_int(out, d->type);
        print_int(out, d->condition);
    }
    g_string_append_c(out, '\n');
}

static inline void print_child(GString *out, const ChildRecord *r)
{
    g_string_append(out, "child ");
    int64_t ints[] = {(int64_t)r->sequence, r->index,         r->state,
                      r->is_cancelled,      r->is_terminated, r->attempts,
                      (int64_t)r->front,    r->started_ms,    r->stopped_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    print_text(out, r->status_reason);
    g_string_append_c(out, '\n');
}

static inline void print_range(GString *out, const RangeRecord *r)
{
    g_string_append(out, "range ");
    int64_t ints[] = {(int64_t)r->sequence, r->first, r->last, r->state, r->is_cancelled, r->stopped_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    print_text(out, r->status_reason);
    g_string_append_c(out, '\n');
}

static inline void print_attempt(GString *out, const AttemptRecord *r)
{
    g_string_append(out, "attempt ");
    print_bytes(out, r->token.bytes, LAUNCH_TOKEN_BYTES);
    int64_t ints[] = {(int64_t)r->sequence, r->index,      r->attempt,     r->state,
                      r->vcpus_e4,          r->memory_mib, r->intended_ms, r->started_ms,
                      r->stopped_ms,        r->exit_code,  r->gpus,        r->expected_ms};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    print_bytes(out, r->instance.bytes, LAUNCH_TOKEN_BYTES);
    View texts[] = {r->environment, r->reason, r->status_reason, r->host, r->task};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    g_string_append_c(out, '\n');
}

static inline void print_instance(GString *out, const InstanceRecord *r)
{
    g_string_append(out, "instance ");
    print_bytes(out, r->token.bytes, LAUNCH_TOKEN_BYTES);
    int64_t ints[] = {(int64_t)r->number,
                      r->state,
                      r->spot,
                      r->ran,
                      r->total.vcpus_e4,
                      r->total.memory_mib,
                      r->total.gpus,
                      r->price_micro_per_h,
                      r->intended_ms,
                      r->registered_ms,
                      r->gone_ms,
                      (int64_t)r->generation};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    View texts[] = {r->environment, r->type, r->provider_id, r->status_reason};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    g_string_append_c(out, '\n');
}

static inline void print_duration(GString *out, const DurationRecord *r)
{
    g_string_append(out, "duration ");
    print_text(out, r->definition);
    print_int(out, r->since_ms);
    print_text(out, r->counts);
    g_string_append_c(out, '\n');
}

static inline void print_drift(GString *out, const DriftRecord *r)
{
    g_string_append(out, "drift ");
    print_text(out, r->name);
    int64_t ints[] = {r->kind,        r->since_ms, r->seen_ms, r->told_ms,
                      r->corrections, r->refusals, r->next_ms, r->is_given_up};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    print_text(out, r->fields);
    print_text(out, r->problem);
    g_string_append_c(out, '\n');
}

static inline void print_event(GString *out, const EventRecord *r)
{
    g_string_append(out, "event ");
    int64_t ints[] = {(int64_t)r->sequence, r->at_ms, r->first, r->last};
    for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
        print_int(out, ints[i]);
    View texts[] = {r->type, r->subject, r->message, r->source, r->revision, r->details};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        print_text(out, texts[i]);
    g_string_append_c(out, '\n');
}

static inline void print_setting(GString *out, const SettingRecord *r)
{
    g_string_append(out, "setting ");
    print_text(out, r->name);
    print_text(out, r->value);
    g_string_append_c(out, '\n');
}

/* ---- a sink that prints; data: GString ---- */

#define PRINT_SINK(Type, name)                                                                               \
    static inline bool sink_##name(const Type *record, void *data, GError **error)                           \
    {                                                                                                        \
        (void)error;                                                                                         \
        print_##name(data, record);                                                                          \
        return true;                                                                                         \
    }                                                                                                        \
    static inline bool list_##name(const Type *record, void *data)                                           \
    {                                                                                                        \
        print_##name(data, record);                                                                          \
        return true;                                                                                         \
    }
PRINT_SINK(ResourceRecord, resource)
PRINT_SINK(RevisionRecord, revision)
PRINT_SINK(TemplateRecord, template)
PRINT_SINK(RunRecord, run)
PRINT_SINK(ApplyRecord, apply)
PRINT_SINK(JobRecord, job)
PRINT_SINK(ChildRecord, child)
PRINT_SINK(RangeRecord, range)
PRINT_SINK(AttemptRecord, attempt)
PRINT_SINK(InstanceRecord, instance)
PRINT_SINK(DurationRecord, duration)
PRINT_SINK(DriftRecord, drift)
PRINT_SINK(EventRecord, event)
PRINT_SINK(SettingRecord, setting)

static inline bool sink_counters(const Counters *c, void *data, GError **error)
{
    (void)error;
    g_string_append_printf(
        data,
        "counters job %" G_GUINT64_FORMAT " event %" G_GUINT64_FORMAT " template %" G_GINT64_FORMAT
        " apply %" G_GINT64_FORMAT " now %" G_GINT64_FORMAT " instance %" G_GUINT64_FORMAT "\n",
        c->job_sequence, c->event_sequence, c->template_id, c->apply_id, c->now_ms, c->instance_number);
    return true;
}

static const RecordSink print_sink G_GNUC_UNUSED = {
    .resource = sink_resource,
    .revision = sink_revision,
    .template = sink_template,
    .run = sink_run,
    .apply = sink_apply,
    .job = sink_job,
    .child = sink_child,
    .range = sink_range,
    .instance = sink_instance,
    .drift = sink_drift,
    .duration = sink_duration,
    .attempt = sink_attempt,
    .setting = sink_setting,
    .counters = sink_counters,
};

static inline bool list_stored(const StoredJob *job, void *data)
{
    print_job(data, &job->job);
    print_template(data, &job->template);
    return true;
}

/* ---- directories ---- */

static inline char *temporary_directory(void)
{
    GError *error = NULL;
    char *dir = g_dir_make_tmp("muster-store-XXXXXX", &error);
    g_assert_no_error(error);
    return dir;
}

static inline void remove_directory(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
            remove_directory(inner);
        else
            (void)g_unlink(inner);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_rmdir(path);
}

/* ---- random records; text may hold any byte ---- */

static inline View random_text(Rng *rng, Arena *arena, size_t max)
{
    size_t len = (size_t)rng_below(rng, max + 1);
    if (len == 0)
        return VIEW("");
    char *text = arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)rng_below(rng, 256);
    return (View){text, len};
}

static inline View text_of(Arena *arena, char *taken)
{
    size_t len = strlen(taken);
    View view = {arena_strndup(arena, taken, len), len};
    g_free(taken);
    return view;
}

static inline ResourceRecord random_resource(Rng *rng, Arena *arena, Kind kind, View name)
{
    ResourceRecord r = {.kind = kind, .name = name};
    r.owner = random_text(rng, arena, 8);
    r.spec = random_text(rng, arena, rng_below(rng, 20) ? 300 : 9000);
    r.metadata = random_text(rng, arena, 30);
    r.next_spec = rng_below(rng, 4) ? VIEW("") : random_text(rng, arena, 200);
    r.file = random_text(rng, arena, 20);
    r.status_reason = random_text(rng, arena, 20);
    rng_fill(rng, r.digest.bytes, DIGEST_BYTES);
    if (r.next_spec.len)
        rng_fill(rng, r.next_digest.bytes, DIGEST_BYTES);
    r.line = (int)rng_below(rng, 1000);
    r.phase = (ResourcePhase)rng_below(rng, 3);
    r.deletion = (DeletionPolicy)rng_below(rng, 3);
    r.prune = rng_below(rng, 2);
    r.kept = rng_below(rng, 2);
    r.revision = rng_between(rng, 1, 1000);
    r.created_ms = rng_between(rng, 1, 1000000);
    r.updated_ms = rng_between(rng, 1, 1000000);
    return r;
}

static inline TemplateRecord random_template(Rng *rng, Arena *arena, int64_t id)
{
    return (TemplateRecord){.id = id,
                            .definition = random_text(rng, arena, 20),
                            .definition_spec = random_text(rng, arena, 300),
                            .request = random_text(rng, arena, 100)};
}

/* The members that change after the insert. */
static inline void random_job_changes(Rng *rng, Arena *arena, JobState state, JobRecord *job)
{
    job->state = state;
    job->is_cancelled = rng_below(rng, 2);
    job->is_terminated = rng_below(rng, 2);
    job->status_reason = random_text(rng, arena, 30);
    job->attempts = (int32_t)rng_below(rng, 10);
    job->front = rng_below(rng, 100);
    job->started_ms = rng_between(rng, 0, 1000000);
    job->stopped_ms = rng_between(rng, 0, 1000000);
}

static inline JobRecord random_job(Rng *rng, Arena *arena, uint64_t sequence, int64_t template_id)
{
    JobRecord r = {.sequence = sequence, .template_id = template_id, .is_new = true};
    rng_fill(rng, r.id.bytes, JOB_ID_BYTES);
    r.name = random_text(rng, arena, 20);
    r.queue = random_text(rng, arena, 8);
    r.step = random_text(rng, arena, 8);
    r.share_identifier = random_text(rng, arena, 8);
    r.array_size = rng_below(rng, 3) ? 0 : (int32_t)rng_between(rng, 2, 10000);
    r.created_ms = (int64_t)sequence * 1000; /* does not decrease, as the tick's now_ms does not */
    r.run = VIEW("");
    random_job_changes(rng, arena, (JobState)rng_below(rng, JOB_SUCCEEDED), &r);
    return r;
}

/* Random batches go through the store, with restarts in between; what a load gives always equals a model kept
 * in memory. */
#include "reconciler/store/database.h"
#include "tests/support/store_records.h"

#define BATCHES   12
#define TEMPLATES 5
#define NAMES     12
#define PER_BATCH 12

/* What should be there. Slots hold the record that was put last; text lives in the arena. */
typedef struct {
    Rng rng;
    Arena *arena;
    ResourceRecord resources[NAMES];
    bool has_resource[NAMES];
    SettingRecord settings[NAMES];
    GArray *jobs;          /* JobRecord: all, removed ones marked */
    GHashTable *touched;   /* job indexes written in this batch: a row at most once */
    ChildRecord *children; /* one or none per job; state is_new false: none */
    TemplateRecord templates[TEMPLATES + 1];
    int64_t highest_template;
    uint64_t events;
    int64_t now_ms;
} Model;

static JobRecord *model_job(Model *model, size_t index)
{
    return &g_array_index(model->jobs, JobRecord, index);
}

static void model_init(Model *model, uint64_t seed)
{
    *model = (Model){.rng = rng_from_seed(seed), .arena = arena_new()};
    model->jobs = g_array_new(FALSE, TRUE, sizeof(JobRecord));
    model->touched = g_hash_table_new(NULL, NULL);
    model->children = arena_new0_n(model->arena, ChildRecord, BATCHES * PER_BATCH + 1);
}

static void model_clear(Model *model)
{
    g_array_unref(model->jobs);
    g_hash_table_unref(model->touched);
    arena_free(model->arena);
}

static bool touch(Model *model, size_t index)
{
    return g_hash_table_add(model->touched, GSIZE_TO_POINTER(index + 1));
}

/* ---- one random step each ---- */

static void step_resource(Model *model, Batch *batch)
{
    size_t at = (size_t)rng_below(&model->rng, NAMES);
    if (!g_hash_table_add(model->touched, GSIZE_TO_POINTER(1000000 + at)))
        return;
    View name = text_of(model->arena, g_strdup_printf("name-%02zu", at));
    ResourceRecord record = random_resource(&model->rng, model->arena, (Kind)(at % KIND_COUNT), name);
    record.removed = rng_below(&model->rng, 3) == 0;
    batch_put_resource(batch, &record);
    model->resources[at] = record;
    model->has_resource[at] = !record.removed;
}

static void step_setting(Model *model, Batch *batch)
{
    size_t at = (size_t)rng_below(&model->rng, NAMES);
    if (!g_hash_table_add(model->touched, GSIZE_TO_POINTER(2000000 + at)))
        return;
    SettingRecord record = {text_of(model->arena, g_strdup_printf("setting-%02zu", at)),
                            random_text(&model->rng, model->arena, 20)};
    batch_put_setting(batch, &record);
    model->settings[at] = record;
}

static void step_template(Model *model, Batch *batch, int64_t id)
{
    if (model->templates[id].id)
        return;
    model->highest_template = MAX(model->highest_template, id);
    model->templates[id] = random_template(&model->rng, model->arena, id);
    batch_put_template(batch, &model->templates[id]);
}

static void step_submit(Model *model, Batch *batch)
{
    size_t index = model->jobs->len;
    int64_t id = rng_between(&model->rng, 1, TEMPLATES);
    step_template(model, batch, id);
    JobRecord job = random_job(&model->rng, model->arena, index + 1, id);
    size_t len = index ? (size_t)rng_below(&model->rng, 3) : 0;
    if (len) {
        DependencyRecord *on = arena_new0_n(model->arena, DependencyRecord, len);
        for (size_t i = 0; i < len; i++) {
            JobRecord *other = model_job(model, (size_t)rng_below(&model->rng, index));
            on[i] = (DependencyRecord){other->id, (int32_t)rng_between(&model->rng, -1, 9),
                                       (DependencyType)rng_below(&model->rng, 3),
                                       (DependencyCondition)rng_below(&model->rng, 2)};
        }
        job.depends_on = on;
        job.depends_on_len = len;
    }
    touch(model, index);
    batch_put_job(batch, &job);
    g_array_append_val(model->jobs, job);
}

static void step_change(Model *model, Batch *batch)
{
    if (model->jobs->len == 0)
        return;
    size_t index = (size_t)rng_below(&model->rng, model->jobs->len);
    JobRecord *job = model_job(model, index);
    if (job->removed || job_state_final(job->state) || !touch(model, index))
        return;
    random_job_changes(&model->rng, model->arena, (JobState)rng_below(&model->rng, JOB_STATE_COUNT), job);
    job->is_new = false;
    batch_put_job(batch, job);
}

static void step_child(Model *model, Batch *batch)
{
    if (model->jobs->len == 0)
        return;
    size_t index = (size_t)rng_below(&model->rng, model->jobs->len);
    JobRecord *job = model_job(model, index);
    if (job->removed || job->array_size == 0 ||
        !g_hash_table_add(model->touched, GSIZE_TO_POINTER(3000000 + index)))
        return;
    ChildRecord *child = &model->children[index];
    *child = (ChildRecord){.sequence = job->sequence, .index = 3, .is_new = child->sequence == 0};
    child->state = (JobState)rng_below(&model->rng, JOB_STATE_COUNT);
    child->status_reason = random_text(&model->rng, model->arena, 20);
    child->attempts = (int32_t)rng_below(&model->rng, 10);
    batch_put_child(batch, child);
}

static bool is_waited_for(Model *model, const JobId *id)
{
    for (size_t i = 0; i < model->jobs->len; i++) {
        const JobRecord *job = model_job(model, i);
        for (size_t j = 0; !job->removed && !job_state_final(job->state) && j < job->depends_on_len; j++) {
            if (memcmp(&job->depends_on[j].on, id, sizeof *id) == 0)
                return true;
        }
    }
    return false;
}

static void step_expire(Model *model, Batch *batch)
{
    for (size_t i = 0; i < model->jobs->len; i++) {
        JobRecord *job = model_job(model, i);
        if (job->removed || !job_state_final(job->state) || is_waited_for(model, &job->id) ||
            rng_below(&model->rng, 2) ||
            g_hash_table_contains(model->touched, GSIZE_TO_POINTER(3000000 + i)) || !touch(model, i))
            continue;
        job->removed = true;
        JobRecord gone = {.sequence = job->sequence, .removed = true};
        batch_put_job(batch, &gone);
        return;
    }
}

static Batch *model_batch(Model *model)
{
    static void (*const steps[])(Model *, Batch *) = {step_resource, step_setting, step_submit, step_submit,
                                                      step_change,   step_change,  step_child,  step_expire};
    Batch *batch = batch_new();
    g_hash_table_remove_all(model->touched);
    for (int i = 0; i < PER_BATCH; i++)
        steps[rng_below(&model->rng, G_N_ELEMENTS(steps))](model, batch);
    EventRecord event = {.sequence = ++model->events, .type = VIEW("t")};
    batch_put_event(batch, &event);
    model->now_ms += (int64_t)rng_below(&model->rng, 1000);
    return batch;
}

/* ---- what a load must give ---- */

static bool is_loaded(Model *model, const JobRecord *job)
{
    return !job->removed && (!job_state_final(job->state) || is_waited_for(model, &job->id));
}

static void expect_resources(Model *model, GString *out)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < NAMES; i++) { /* names sort by i */
            if (model->has_resource[i] && model->resources[i].kind == kind)
                print_resource(out, &model->resources[i]);
        }
    }
}

static char *expected_of(Model *model)
{
    GString *out = g_string_new(NULL);
    bool used[TEMPLATES + 1] = {false};
    for (size_t i = 0; i < NAMES; i++) {
        if (model->settings[i].value.len)
            print_setting(out, &model->settings[i]);
    }
    expect_resources(model, out);
    for (size_t i = 0; i < model->jobs->len; i++) {
        if (is_loaded(model, model_job(model, i)))
            used[model_job(model, i)->template_id] = true;
    }
    for (int64_t id = 1; id <= TEMPLATES; id++) {
        if (used[id])
            print_template(out, &model->templates[id]);
    }
    for (size_t i = 0; i < model->jobs->len; i++) {
        if (is_loaded(model, model_job(model, i)))
            print_job(out, model_job(model, i));
    }
    for (size_t i = 0; i < model->jobs->len; i++) {
        const JobRecord *job = model_job(model, i);
        if (!job->removed && !job_state_final(job->state) && model->children[i].sequence)
            print_child(out, &model->children[i]);
    }
    sink_counters(&(Counters){.job_sequence = model->jobs->len,
                              .event_sequence = model->events,
                              .template_id = model->highest_template,
                              .now_ms = model->now_ms},
                  out, NULL);
    return g_string_free(out, FALSE);
}

/* A new writer drops templates that no job refers to: the world that held them is gone. */
static void model_restart(Model *model)
{
    bool used[TEMPLATES + 1] = {false};
    for (size_t i = 0; i < model->jobs->len; i++)
        used[model_job(model, i)->template_id] |= !model_job(model, i)->removed;
    for (int64_t id = 1; id <= TEMPLATES; id++) {
        if (!used[id])
            model->templates[id].id = 0;
    }
}

static char *loaded_from(const char *dir)
{
    GError *error = NULL;
    GString *out = g_string_new(NULL);
    g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
    g_assert_no_error(error);
    g_assert_true(store_reader_load(reader, &print_sink, out, &error));
    return g_string_free(out, FALSE);
}

static void check_seed(uint64_t seed)
{
    g_autofree char *dir = temporary_directory();
    GError *error = NULL;
    Model model;
    model_init(&model, seed);
    Store *store = store_open(dir, NULL, &error);
    for (int i = 0; i < BATCHES; i++) {
        g_assert_no_error(error);
        Batch *batch = model_batch(&model);
        store_wait(store, store_commit(store, batch, model.now_ms), &error);
        g_assert_no_error(error);
        if (rng_below(&model.rng, 4) == 0) {
            store_free(store);
            store = store_open(dir, NULL, &error);
            model_restart(&model);
        }
        g_autofree char *expected = expected_of(&model);
        g_autofree char *found = loaded_from(dir);
        if (!g_str_equal(found, expected))
            g_test_message("seed %" G_GUINT64_FORMAT ", batch %d", seed, i);
        g_assert_cmpstr(found, ==, expected);
    }
    store_free(store);
    model_clear(&model);
    remove_directory(dir);
}

static void test_equals_model(void)
{
    const char *wanted = g_getenv("SEED");
    uint64_t first = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 1;
    uint64_t last = wanted ? first : 60;
    for (uint64_t seed = first; seed <= last; seed++)
        check_seed(seed);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/equals-model", test_equals_model);
    return g_test_run();
}

/* Random reconciles and changes go through the store, with restarts in between: what a source, a resource and
 * a load give always equals a model kept in memory. */
#include "tests/support/store_records.h"

#define BATCHES   10
#define PER_BATCH 8
#define OWNERS    3
#define NAMES     3

typedef struct {
    Rng rng;
    Arena *arena;
    GArray *applies; /* ApplyRecord by id - 1 */
    GArray *changes; /* ChangeRecord in the order of commits */
} Model;

static View number_text(Arena *arena, const char *word, uint64_t number)
{
    return text_of(arena, g_strdup_printf("%s-%" G_GUINT64_FORMAT, word, number));
}

static void step_apply(Model *model, Batch *batch)
{
    Rng *rng = &model->rng;
    ApplyRecord record = {.id = (int64_t)model->applies->len + 1,
                          .owner = number_text(model->arena, "owner", rng_below(rng, OWNERS)),
                          .source_path = random_text(rng, model->arena, 20),
                          .revision = random_text(rng, model->arena, 20),
                          .plan_id = random_text(rng, model->arena, 20),
                          .state = (ApplyState)rng_below(rng, APPLY_STATE_NOTED + 1),
                          .message = random_text(rng, model->arena, 40),
                          .summary = random_text(rng, model->arena, 40),
                          .created_ms = (int64_t)rng_below(rng, 1000),
                          .ended_ms = (int64_t)rng_below(rng, 1000),
                          .trigger = (ApplyTrigger)rng_below(rng, TRIGGER_FOLLOW + 1),
                          .actor = random_text(rng, model->arena, 10),
                          .author = random_text(rng, model->arena, 10),
                          .signature = random_text(rng, model->arena, 10),
                          .started_ms = (int64_t)rng_below(rng, 1000),
                          .is_new = true};
    batch_put_apply(batch, &record);
    g_array_append_val(model->applies, record);
}

static void step_change(Model *model, Batch *batch)
{
    Rng *rng = &model->rng;
    ChangeRecord record = {.kind = (Kind)rng_below(rng, KIND_COUNT),
                           .name = number_text(model->arena, "name", rng_below(rng, NAMES)),
                           .at_ms = (int64_t)rng_below(rng, 1000),
                           .apply_id = (int64_t)rng_below(rng, 20),
                           .owner = random_text(rng, model->arena, 10),
                           .actor = random_text(rng, model->arena, 10),
                           .action = (ChangeAction)rng_below(rng, CHANGE_RESTORE + 1),
                           .reason = random_text(rng, model->arena, 40),
                           .fields = random_text(rng, model->arena, 200)};
    batch_put_change(batch, &record);
    g_array_append_val(model->changes, record);
}

/* ---- what must be there ---- */

static bool print_one_apply(const ApplyRecord *record, void *out)
{
    print_apply(out, record);
    return true;
}

static bool print_one_change(const ChangeRecord *record, void *out)
{
    print_change(out, record);
    return true;
}

static void check_owner(const Model *model, StoreReader *reader, const char *owner, size_t limit)
{
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    size_t given = 0;
    for (guint i = model->applies->len; i > 0 && given < limit; i--) {
        const ApplyRecord *record = &g_array_index(model->applies, ApplyRecord, i - 1);
        if (owner && !view_is(record->owner, owner))
            continue;
        print_apply(expected, record);
        given++;
    }
    g_assert_true(store_reader_applies(reader, owner, 0, limit, print_one_apply, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
}

static void check_resource(const Model *model, StoreReader *reader, Kind kind, const char *name)
{
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    for (guint i = model->changes->len; i > 0; i--) {
        const ChangeRecord *record = &g_array_index(model->changes, ChangeRecord, i - 1);
        if (record->kind == kind && view_is(record->name, name))
            print_change(expected, record);
    }
    g_assert_true(
        store_reader_changes(reader, kind, view_from(name), SIZE_MAX, print_one_change, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
}

static bool load_apply(const ApplyRecord *record, void *out, GError **error)
{
    (void)error;
    print_apply(out, record);
    return true;
}

static bool load_job(const JobRecord *record, void *out, GError **error)
{
    (void)record;
    (void)out;
    (void)error;
    return true;
}

static bool load_counters(const Counters *counters, void *out, GError **error)
{
    (void)error;
    g_string_append_printf(out, "%" G_GINT64_FORMAT "\n", counters->apply_id);
    return true;
}

/* A load gives the newest of each owner that was carried out, by id. */
static void check_load(const Model *model, StoreReader *reader)
{
    static const RecordSink sink = {.apply = load_apply, .job = load_job, .counters = load_counters};
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < model->applies->len; i++) {
        const ApplyRecord *record = &g_array_index(model->applies, ApplyRecord, i);
        bool is_newest = record->state < APPLY_STATE_REFUSED;
        for (guint j = i + 1; is_newest && j < model->applies->len; j++) {
            const ApplyRecord *later = &g_array_index(model->applies, ApplyRecord, j);
            is_newest = later->state >= APPLY_STATE_REFUSED || !view_equal(later->owner, record->owner);
        }
        if (is_newest)
            print_apply(expected, record);
    }
    g_string_append_printf(expected, "%u\n", model->applies->len);
    g_assert_true(store_reader_load(reader, &sink, found, &error));
    g_assert_cmpstr(found->str, ==, expected->str);
}

static void check_all(const Model *model, const char *dir)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreReader) reader = store_reader_open(dir, &error);
    g_assert_no_error(error);
    check_load(model, reader);
    check_owner(model, reader, NULL, SIZE_MAX);
    for (int i = 0; i < OWNERS; i++) {
        g_autofree char *owner = g_strdup_printf("owner-%d", i);
        check_owner(model, reader, owner, SIZE_MAX);
        check_owner(model, reader, owner, 2);
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        for (int i = 0; i < NAMES; i++) {
            g_autofree char *name = g_strdup_printf("name-%d", i);
            check_resource(model, reader, (Kind)kind, name);
        }
    }
    for (guint i = 0; i < model->applies->len; i++) {
        ApplyRecord record;
        bool is_found = false;
        g_assert_true(store_reader_apply(reader, i + 1, &is_found, &record, &error));
        g_assert_true(is_found && record.id == i + 1);
    }
}

static void check_seed(uint64_t seed)
{
    g_autofree char *dir = temporary_directory();
    GError *error = NULL;
    Model model = {.rng = rng_from_seed(seed), .arena = arena_new()};
    model.applies = g_array_new(FALSE, TRUE, sizeof(ApplyRecord));
    model.changes = g_array_new(FALSE, TRUE, sizeof(ChangeRecord));
    g_test_message("seed %" G_GUINT64_FORMAT, seed);
    Store *store = store_open(dir, NULL, &error);
    for (int i = 0; i < BATCHES; i++) {
        g_assert_no_error(error);
        Batch *batch = batch_new();
        for (int j = 0; j < PER_BATCH; j++)
            (rng_below(&model.rng, 2) ? step_apply : step_change)(&model, batch);
        store_wait(store, store_commit(store, batch, i + 1), &error);
        g_assert_no_error(error);
        if (rng_below(&model.rng, 4) == 0) {
            store_free(store);
            store = store_open(dir, NULL, &error);
        }
        check_all(&model, dir);
    }
    store_free(store);
    g_array_unref(model.applies);
    g_array_unref(model.changes);
    arena_free(model.arena);
    remove_directory(dir);
}

static void test_equals_model(void)
{
    const char *wanted = g_getenv("SEED");
    uint64_t first = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 1;
    uint64_t last = wanted ? first : 20;
    for (uint64_t seed = first; seed <= last; seed++)
        check_seed(seed);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/history-equals-model", test_equals_model);
    return g_test_run();
}

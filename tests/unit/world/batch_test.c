#include "reconciler/world/record.h"

static void test_state_names(void)
{
    JobState state;
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        g_assert_true(job_state_from_name(view_from(job_state_name((JobState)i)), &state));
        g_assert_cmpuint(state, ==, i);
    }
    g_assert_cmpstr(job_state_name(JOB_RUNNABLE), ==, "RUNNABLE");
    g_assert_false(job_state_from_name(VIEW("runnable"), &state));
    g_assert_true(job_state_final(JOB_SUCCEEDED) && job_state_final(JOB_FAILED) &&
                  !job_state_final(JOB_RUNNING));
    g_assert_cmpstr(run_state_name(RUN_RECORDED), ==, "RECORDED");
    g_assert_cmpstr(apply_state_name(APPLY_SUPERSEDED), ==, "SUPERSEDED");
}

static void test_job_ref(void)
{
    JobId id, again;
    int32_t index = 0;
    char text[37];
    View whole = VIEW("0f8fad5b-d9cb-469f-a165-70867728950e:17");
    View plain = {whole.data, 36};
    g_assert_true(job_ref_from_text(whole, &id, &index));
    g_assert_cmpint(index, ==, 17);
    job_id_to_text(&id, text);
    g_assert_true(view_is(plain, text));
    g_assert_true(job_ref_from_text(plain, &again, &index));
    g_assert_cmpint(index, ==, NOT_A_CHILD);
    g_assert_true(memcmp(&id, &again, sizeof id) == 0);
    g_assert_true(job_id_from_text(VIEW("0F8FAD5B-D9CB-469F-A165-70867728950E"), &again));
    g_assert_true(memcmp(&id, &again, sizeof id) == 0);
}

static void test_job_ref_refuses(void)
{
    static const char *const wrong[] = {
        "",
        "0f8fad5b",
        "0f8fad5b-d9cb-469f-a165-70867728950",
        "0f8fad5b-d9cb-469f-a165-70867728950g",
        "0f8fad5bd-9cb-469f-a165-70867728950e",
        "0f8fad5b-d9cb-469f-a165-70867728950e:",
        "0f8fad5b-d9cb-469f-a165-70867728950e:-1",
        "0f8fad5b-d9cb-469f-a165-70867728950e:+1",
        "0f8fad5b-d9cb-469f-a165-70867728950e:01",
        "0f8fad5b-d9cb-469f-a165-70867728950e:1x",
        "0f8fad5b-d9cb-469f-a165-70867728950e:4294967297",
        "0f8fad5b-d9cb-469f-a165-70867728950e/1",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        JobId id = {{42}};
        int32_t index = 7;
        g_assert_false(job_ref_from_text(view_from(wrong[i]), &id, &index));
        g_assert_cmpint(index, ==, 7); /* untouched on failure */
        g_assert_cmpint(id.bytes[0], ==, 42);
    }
}

/* The caller's text may go at once; order is kept; tables are apart. */
static void test_batch_owns_copies(void)
{
    g_autoptr(Batch) batch = batch_new();
    g_assert_true(batch_is_empty(batch));
    char name[32];
    DependencyRecord on = {.on_index = 3, .type = DEPENDENCY_N_TO_N};
    for (int i = 0; i < 1000; i++) {
        g_snprintf(name, sizeof name, "job-%d", i);
        JobRecord job = {
            .sequence = (uint64_t)i, .name = view_from(name), .depends_on = &on, .depends_on_len = 1};
        on.on.bytes[0] = (uint8_t)i;
        batch_put_job(batch, &job);
    }
    SettingRecord setting = {VIEW("name"), {NULL, 0}};
    batch_put_setting(batch, &setting);
    memset(name, 'x', sizeof name);
    memset(&on, 0, sizeof on);

    size_t len;
    const JobRecord *jobs = batch_job(batch, &len);
    g_assert_cmpuint(len, ==, 1000);
    g_assert_cmpuint(batch_len(batch), ==, 1001);
    for (size_t i = 0; i < len; i++) {
        g_autofree char *expected = g_strdup_printf("job-%zu", i);
        g_assert_true(view_is(jobs[i].name, expected));
        g_assert_cmpuint(jobs[i].sequence, ==, i);
        g_assert_nonnull(jobs[i].queue.data); /* "" and not NULL */
        g_assert_cmpint(jobs[i].depends_on[0].on.bytes[0], ==, (uint8_t)i);
        g_assert_cmpint(jobs[i].depends_on[0].on_index, ==, 3);
    }
    g_assert_cmpuint(batch_setting(batch, &len)[0].value.len, ==, 0);
    g_assert_null(batch_event(batch, &len));
    g_assert_cmpuint(len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/state-names", test_state_names);
    g_test_add_func("/record/job-ref", test_job_ref);
    g_test_add_func("/record/job-ref-refuses", test_job_ref_refuses);
    g_test_add_func("/batch/owns-copies", test_batch_owns_copies);
    return g_test_run();
}

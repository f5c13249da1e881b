#include "reconciler/provider/aws/aws_reader.h"

typedef struct {
    int done;
    size_t tasks;
    bool has_error, has_xml;
    GThread *thread;
} Seen;

static void take(AwsAnswer *answer, void *data)
{
    Seen *seen = data;
    seen->done++;
    seen->thread = g_thread_self();
    seen->has_error = answer->error != NULL;
    seen->has_xml = answer->xml != NULL;
    seen->tasks = json_array_size(json_object_get(answer->json, "tasks"));
}

static char *long_json(int tasks)
{
    GString *text = g_string_new("{\"tasks\":[");
    for (int i = 0; i < tasks; i++)
        g_string_append_printf(text, "%s{\"taskArn\":\"arn:%d\"}", i ? "," : "", i);
    g_string_append(text, "]}");
    return g_string_free(text, FALSE);
}

static void wait_for(const Seen *seen, int done)
{
    while (seen->done < done)
        g_main_context_iteration(NULL, TRUE);
}

static void test_answers(void)
{
    AwsReader *reader = aws_reader_new(NULL);
    g_autofree char *json = long_json(20000);
    Seen seen = {0};
    aws_reader_read(reader, AWS_ECS, view_from(json), take, &seen);
    g_assert_cmpint(seen.done, ==, 0);
    json[0] = 'x'; /* it has a copy */
    wait_for(&seen, 1);
    g_assert_cmpuint(seen.tasks, ==, 20000);
    g_assert_true(seen.thread == g_thread_self());
    aws_reader_read(reader, AWS_ECS, view_from(json), take, &seen);
    wait_for(&seen, 2);
    g_assert_true(seen.has_error);
    aws_reader_read(reader, AWS_EC2, view_from("<DescribeInstancesResponse/>"), take, &seen);
    wait_for(&seen, 3);
    g_assert_true(seen.has_xml && !seen.has_error);
    aws_reader_free(reader);
}

static void test_cancel(void)
{
    AwsReader *reader = aws_reader_new(NULL);
    g_autofree char *json = long_json(20000);
    Seen cancelled = {0}, seen = {0};
    AwsReading *reading = aws_reader_read(reader, AWS_ECS, view_from(json), take, &cancelled);
    aws_reader_read(reader, AWS_ECS, view_from(json), take, &seen);
    aws_reading_cancel(reading);
    wait_for(&seen, 1);
    g_assert_cmpint(cancelled.done, ==, 0);
    reading = aws_reader_read(reader, AWS_ECS, view_from(json), take, &cancelled);
    aws_reading_cancel(reading);
    aws_reader_free(reader);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_cmpint(cancelled.done, ==, 0);
}

/* Nothing is left of what nobody waits for any more. */
static void test_context_gone(void)
{
    GMainContext *context = g_main_context_new();
    AwsReader *reader = aws_reader_new(context);
    g_autofree char *json = long_json(1000);
    Seen seen = {0};
    aws_reading_cancel(aws_reader_read(reader, AWS_ECS, view_from(json), take, &seen));
    aws_reader_free(reader);
    g_main_context_unref(context);
    g_assert_cmpint(seen.done, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/reader/answers", test_answers);
    g_test_add_func("/aws/reader/cancel", test_cancel);
    g_test_add_func("/aws/reader/context_gone", test_context_gone);
    return g_test_run();
}

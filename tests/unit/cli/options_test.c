/* options_test.c: command lines become Invocations, or errors that name the cure. */
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/submit_body.h"

#define LINE(...) ((const char *const[]){__VA_ARGS__, NULL})

static void parse_ok(const Command *command, const char *const *argv, Invocation *ret_invocation)
{
    g_autoptr(GError) error = NULL;
    bool ok = options_parse(command, argv, ret_invocation, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

static void parse_fails(const Command *command, const char *const *argv, const char *part)
{
    g_auto(Invocation) invocation = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(options_parse(command, argv, &invocation, &error));
    g_assert_error(error, CLI_ERROR, EXIT_ERROR);
    if (!strstr(error->message, part))
        g_error("\"%s\" does not say \"%s\"", error->message, part);
}

static void test_options_and_arguments(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_plan, LINE("plan", "envs/prod", "--format", "json", "--out=p.json", "--no-forecast"),
             &invocation);
    g_assert_cmpint(invocation.arguments_len, ==, 1);
    g_assert_cmpstr(invocation.arguments[0], ==, "envs/prod");
    g_assert_cmpstr(invocation.options.format, ==, "json");
    g_assert_cmpstr(invocation.options.out, ==, "p.json");
    g_assert_true(invocation.options.no_forecast);
    g_assert_null(invocation.options.provider);
}

static void test_short_names(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_logs, LINE("logs", "-f", "5b0c"), &invocation);
    g_assert_true(invocation.options.follow);
    g_assert_cmpstr(invocation.arguments[0], ==, "5b0c");
}

static void test_lists(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_submit, LINE("submit", "--env", "A=1", "--env", "B=x=y"), &invocation);
    g_assert_cmpstr(invocation.options.env[0], ==, "A=1");
    g_assert_cmpstr(invocation.options.env[1], ==, "B=x=y");
    g_assert_null(invocation.options.env[2]);
}

/* What follows "--" is the job's, whatever it looks like; a second "--" too. */
static void test_rest(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_submit, LINE("submit", "--queue", "q", "--", "sh", "--queue", "--", "-c"), &invocation);
    g_assert_cmpstr(invocation.options.queue, ==, "q");
    g_assert_cmpuint(g_strv_length(invocation.rest), ==, 4);
    g_assert_cmpstr(invocation.rest[1], ==, "--queue");
    g_assert_cmpstr(invocation.rest[2], ==, "--");
    g_assert_cmpint(invocation.arguments_len, ==, 0);
}

static void test_dashes_end_options(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_plan, LINE("plan", "--", "--odd"), &invocation);
    g_assert_null(invocation.rest);
    g_assert_cmpstr(invocation.arguments[0], ==, "--odd");
}

static void test_faults(void)
{
    parse_fails(&command_plan, LINE("plan"), "needs SOURCE");
    parse_fails(&command_plan, LINE("plan", "a", "b"), "\"b\"");
    parse_fails(&command_plan, LINE("plan", "a", "--fromat", "json"), "did you mean --format?");
    parse_fails(&command_plan, LINE("plan", "a", "--format", "jsn"), "did you mean \"json\"?");
    parse_fails(&command_plan, LINE("plan", "a", "--out"), "--out");
    parse_fails(&command_apply, LINE("apply", "a", "--wait", "jbos"), "resources, jobs, none");
}

/* --help needs no arguments. */
static void test_help(void)
{
    g_auto(Invocation) invocation = {0};
    parse_ok(&command_plan, LINE("plan", "-h"), &invocation);
    g_assert_true(invocation.options.help);
}

static void test_values(void)
{
    g_autoptr(GError) error = NULL;
    int64_t value = 7;
    g_assert_true(option_integer("n", NULL, 1, 9, &value, &error));
    g_assert_cmpint(value, ==, 7);
    g_assert_true(option_integer("n", "9", 1, 9, &value, &error));
    g_assert_cmpint(value, ==, 9);
    g_assert_false(option_integer("n", "10", 1, 9, &value, &error));
    g_assert_error(error, CLI_ERROR, EXIT_ERROR);
    g_clear_error(&error);
    g_assert_false(option_integer("n", "3x", 1, 9, &value, &error));
    g_clear_error(&error);
    g_assert_true(option_duration("d", "1h30m", &value, &error));
    g_assert_cmpint(value, ==, 90 * 60 * 1000);
    g_assert_false(option_duration("d", "soon", &value, &error));
    g_clear_error(&error);
    g_assert_cmpstr(option_pair("p", "A=b=c", &error), ==, "b=c");
    g_assert_cmpstr(option_pair("p", "A=", &error), ==, "");
    g_assert_null(option_pair("p", "=b", &error));
}

/* DESIGN: the first that applies of 1, 3, 4, 5, 6, 7, 2, 0. */
static void test_exit_order(void)
{
    static const int order[] = {1, 3, 4, 5, 6, 7, 2, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        for (size_t j = i; j < G_N_ELEMENTS(order); j++) {
            g_assert_cmpint(exit_code_worse(order[i], order[j]), ==, order[i]);
            g_assert_cmpint(exit_code_worse(order[j], order[i]), ==, order[i]);
        }
    g_assert_cmpint(exit_code_worse(130, 1), ==, 130);
}

static void test_table(void)
{
    g_assert_true(command_find("apply") == &command_apply);
    g_assert_null(command_find("aply"));
    g_assert_cmpstr(command_suggest("aply"), ==, "apply");
    for (const Command *const *at = command_table(); *at; at++) {
        g_assert_nonnull((*at)->run);
        g_assert_nonnull((*at)->examples);
    }
}

/* ---- submit
 * ------------------------------------------------------------------------------------------------------- */

static void check_body(const char *const *argv, const char *expected)
{
    g_auto(Invocation) invocation = {0};
    g_autoptr(GError) error = NULL;
    parse_ok(&command_submit, argv, &invocation);
    json_t *body = submit_body(&invocation.options, invocation.rest, &error);
    g_assert_no_error(error);
    json_t *wanted = json_loads(expected, 0, NULL);
    g_assert_nonnull(wanted);
    if (!json_equal(body, wanted)) {
        char *text = json_dumps(body, JSON_COMPACT);
        g_error("body is %s", text);
    }
    json_decref(body);
    json_decref(wanted);
}

static void check_body_fails(const char *const *argv, const char *part)
{
    g_auto(Invocation) invocation = {0};
    g_autoptr(GError) error = NULL;
    parse_ok(&command_submit, argv, &invocation);
    g_assert_null(submit_body(&invocation.options, invocation.rest, &error));
    g_assert_error(error, CLI_ERROR, EXIT_ERROR);
    g_assert_nonnull(strstr(error->message, part));
}

static void test_submit_small(void)
{
    check_body(LINE("submit", "--queue", "q", "--definition", "d:3"),
               "{\"jobQueue\":\"q\",\"jobDefinition\":\"d:3\"}");
}

static void test_submit_all(void)
{
    check_body(LINE("submit", "--queue", "q", "--definition", "d", "--name", "n", "--array", "10",
                    "--share-identifier", "s", "--parameter", "a=1", "--env", "E=x=y", "--vcpus", "0.25",
                    "--memory", "64", "--gpus", "1", "--timeout", "2m", "--attempts", "3", "--depends-on",
                    "id:N_TO_N", "--depends-on", "id2", "--depends-on", "SEQUENTIAL", "--", "sh", "-c", "x"),
               "{\"jobName\":\"n\",\"jobQueue\":\"q\",\"jobDefinition\":\"d\",\"shareIdentifier\":\"s\","
               "\"arrayProperties\":{\"size\":10},\"parameters\":{\"a\":\"1\"},\"timeout\":{"
               "\"attemptDurationSeconds\":120},"
               "\"retryStrategy\":{\"attempts\":3},\"dependsOn\":[{\"jobId\":\"id\",\"type\":\"N_TO_N\"},{"
               "\"jobId\":\"id2\"},"
               "{\"type\":\"SEQUENTIAL\"}],\"containerOverrides\":{\"command\":[\"sh\",\"-c\",\"x\"],"
               "\"environment\":[{\"name\":\"E\",\"value\":\"x=y\"}],\"resourceRequirements\":"
               "[{\"type\":\"VCPU\",\"value\":\"0.25\"},{\"type\":\"MEMORY\",\"value\":\"64\"},{\"type\":"
               "\"GPU\",\"value\":\"1\"}]}}");
}

/* The index of a child stays part of the id. */
static void test_submit_depends_on_child(void)
{
    check_body(LINE("submit", "--queue", "q", "--definition", "d", "--depends-on", "id:7"),
               "{\"jobQueue\":\"q\",\"jobDefinition\":\"d\",\"dependsOn\":[{\"jobId\":\"id:7\"}]}");
}

static void test_submit_faults(void)
{
    check_body_fails(LINE("submit", "--queue", "q"), "--definition");
    check_body_fails(LINE("submit", "--queue", "q", "--definition", "d", "--array", "1"),
                     "between 2 and 10,000");
    check_body_fails(LINE("submit", "--queue", "q", "--definition", "d", "--env", "A"), "NAME=VALUE");
    check_body_fails(LINE("submit", "--queue", "q", "--definition", "d", "--vcpus", "many"), "--vcpus");
}

static int64_t time_of(const char *text)
{
    int64_t ms = -1;
    g_autoptr(GError) error = NULL;
    g_assert_true(option_time("after", text, &ms, &error));
    g_assert_no_error(error);
    return ms;
}

static void test_time(void)
{
    g_assert_cmpint(time_of("2001-09-09T01:46:40Z"), ==, 1000000000000);
    g_assert_cmpint(time_of("2001-09-09T03:46:40.250+02:00"), ==, 1000000000250);
    g_assert_cmpint(time_of("2001-09-09T01:46Z"), ==, 1000000000000 - 40000);
    g_assert_cmpint(time_of("2001-09-09") % 60000, ==, 0);
    g_assert_cmpint(ABS(time_of("2h") - (g_get_real_time() / 1000 - 7200000)), <, 60000);
    int64_t ms = 5;
    g_autoptr(GError) error = NULL;
    g_assert_true(option_time("after", NULL, &ms, &error));
    g_assert_cmpint(ms, ==, 5);
    g_assert_false(option_time("after", "yesterday", &ms, &error));
    g_assert_nonnull(strstr(error->message, "--after \"yesterday\" is not a time"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/options/arguments", test_options_and_arguments);
    g_test_add_func("/cli/options/short", test_short_names);
    g_test_add_func("/cli/options/lists", test_lists);
    g_test_add_func("/cli/options/rest", test_rest);
    g_test_add_func("/cli/options/dashes", test_dashes_end_options);
    g_test_add_func("/cli/options/faults", test_faults);
    g_test_add_func("/cli/options/help", test_help);
    g_test_add_func("/cli/options/values", test_values);
    g_test_add_func("/cli/report/exit-order", test_exit_order);
    g_test_add_func("/cli/table", test_table);
    g_test_add_func("/cli/options/time", test_time);
    g_test_add_func("/cli/submit/small", test_submit_small);
    g_test_add_func("/cli/submit/all", test_submit_all);
    g_test_add_func("/cli/submit/child", test_submit_depends_on_child);
    g_test_add_func("/cli/submit/faults", test_submit_faults);
    return g_test_run();
}

/* request_test.c: what a SubmitJob body may be. */
#include "reconciler/api/request.h"

/* Single quotes for double ones; NULL: valid. */
static char *fault_of(const char *body, char **ret_name)
{
    g_autofree char *text = g_strdelimit(g_strdup(body), "'", '"');
    g_autoptr(RequestChecker) checker = request_checker_new();
    char *message = NULL;
    json_t *request = request_parse(view_from(text), &message);
    if (request) {
        bool valid = request_check_submit(checker, request, &message);
        g_assert_true(valid == (message == NULL));
        /* Asked again it is known, or refused, the same way. */
        g_autofree char *again = NULL;
        g_assert_true(request_check_submit(checker, request, &again) == valid);
        if (ret_name)
            *ret_name = g_strdup(json_string_value(json_object_get(request, "jobName")));
    }
    json_decref(request);
    return message;
}

static void is_valid(const char *body, const char *expected_name)
{
    g_autofree char *name = NULL, *fault = fault_of(body, &name);
    g_assert_cmpstr(fault, ==, NULL);
    g_assert_cmpstr(name, ==, expected_name);
}

static void is_refused(const char *body, const char *part)
{
    g_autofree char *fault = fault_of(body, NULL);
    if (!fault || !strstr(fault, part))
        g_error("%s: \"%s\" is not in: %s", body, part, fault ? fault : "(valid)");
}

static void test_valid(void)
{
    is_valid("{'jobName':'a','jobQueue':'q','jobDefinition':'d'}", "a");
    is_valid("{'jobQueue':'q','jobDefinition':'d:7'}", "d");
    is_valid("{'jobQueue':'q','jobDefinition':'arn:aws:batch:us-east-1:000000000000:job-definition/d:7'}",
             "d");
    is_valid("{'jobName':'a','jobQueue':'q','jobDefinition':'d','timeout':null}", "a");
    is_valid("{'jobName':'a','jobQueue':'q','jobDefinition':'d','arrayProperties':{}}", "a");
    is_valid("{'jobName':'a','jobQueue':'q','jobDefinition':'d','containerOverrides':{'command':['"
             "\\ud83d\\ude00\\t']}}",
             "a");
}

static void test_refused(void)
{
    is_refused("{'jobQueue':'q'}", "jobDefinition");
    is_refused("{'jobName':'a b','jobQueue':'q','jobDefinition':'d'}", "jobName");
    is_refused("{'jobName':7,'jobQueue':'q','jobDefinition':'d'}", "jobName");
    is_refused("{'jobName':'a','jobQueue':'q','jobDefinition':'d','arrayProperties':{'size':1}}",
               "arrayProperties.size");
    is_refused("{'jobName':'a','jobQueue':'q','jobDefinition':'d','jobQueeu':'x'}", "jobQueeu");
    is_refused("{'jobName':'a','jobQueue':'q','jobDefinition':'d','dependsOn':[{'job':'x'}]}", "jobId");
    is_refused("{'jobName':'a','jobQueue':'q','jobDefinition':'d','timeout':{'attemptDurationSeconds':1}}",
               "timeout");
    is_refused("[7]", "object");
}

/* What was found valid once does not make its neighbour valid. */
static void test_remembered(void)
{
    g_autoptr(RequestChecker) checker = request_checker_new();
    for (int i = 0; i < 20; i++) {
        g_autofree char *message = NULL;
        json_t *good = json_pack("{s:s,s:s,s:s}", "jobName", "a", "jobQueue", "q", "jobDefinition", "d");
        json_t *bad = json_pack("{s:s,s:s,s:s,s:{s:i}}", "jobName", "a", "jobQueue", "q", "jobDefinition",
                                "d", "arrayProperties", "size", i - 18);
        g_assert_true(request_check_submit(checker, good, &message));
        g_assert_false(request_check_submit(checker, bad, &message));
        json_decref(good);
        json_decref(bad);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request/valid", test_valid);
    g_test_add_func("/request/refused", test_refused);
    g_test_add_func("/request/remembered", test_remembered);
    return g_test_run();
}

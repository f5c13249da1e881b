/* Stored specs in the forms that people and Batch's clients read. */
#include "reconciler/api/batch_form.h"
#include <glib.h>

static void is_json(json_t *found, const char *expected)
{
    char *text = json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS);
    g_assert_cmpstr(text, ==, expected);
    free(text);
    json_decref(found);
}

static void test_policy(void)
{
    View spec =
        VIEW("{\"fairsharePolicy\":{\"shareDistribution\":[{\"shareIdentifier\":\"A\","
             "\"weightFactor\":2500}]},\"shareLimits\":[{\"maxvCpus\":4,\"shareIdentifier\":\"A\"}]}");
    is_json(
        spec_batch(KIND_SCHEDULING_POLICY, spec),
        "{\"fairsharePolicy\":{\"shareDistribution\":[{\"shareIdentifier\":\"A\",\"weightFactor\":0.25}]}}");
    is_json(
        spec_plain(KIND_SCHEDULING_POLICY, spec),
        "{\"fairsharePolicy\":{\"shareDistribution\":[{\"shareIdentifier\":\"A\",\"weightFactor\":0.25}]},"
        "\"shareLimits\":[{\"maxvCpus\":4,\"shareIdentifier\":\"A\"}]}");
}

/* Below containers, environments, node ranges. */
static void test_ours(void)
{
    is_json(spec_batch(KIND_COMPUTE_ENVIRONMENT,
                       VIEW("{\"budget\":{\"perDay\":50000},\"computeResources\":{\"maxvCpus\":4,"
                            "\"strictMaxvCpus\":true},\"provider\":{\"type\":\"local\"}}")),
            "{\"computeResources\":{\"maxvCpus\":4}}");
    is_json(spec_batch(KIND_JOB_DEFINITION,
                       VIEW("{\"containerProperties\":{\"image\":\"i\",\"networkMode\":\"none\"},"
                            "\"keepRevisions\":3}")),
            "{\"containerProperties\":{\"image\":\"i\"}}");
    is_json(spec_batch(KIND_JOB_DEFINITION,
                       VIEW("{\"nodeProperties\":{\"nodeRangeProperties\":[{\"container\":{\"cpuQuota\":true,"
                            "\"image\":\"i\"}}]}}")),
            "{\"nodeProperties\":{\"nodeRangeProperties\":[{\"container\":{\"image\":\"i\"}}]}}");
}

static void test_texts(void)
{
    is_json(spec_batch(KIND_JOB_DEFINITION,
                       VIEW("{\"retryStrategy\":{\"attempts\":2,\"evaluateOnExit\":[{\"action\":\"EXIT\","
                            "\"onExitCode\":3}]}}")),
            "{\"retryStrategy\":{\"attempts\":2,\"evaluateOnExit\":[{\"action\":\"EXIT\",\"onExitCode\":"
            "\"3\"}]}}");
    is_json(spec_batch(KIND_JOB_QUEUE, VIEW("no JSON")), "{}");
}

static void test_foreign(void)
{
    static const struct {
        Kind kind;
        const char *request, *foreign;
    } cases[] = {
        {KIND_JOB_QUEUE, "{\"jobQueueName\":\"q\",\"priority\":1,\"other\":{}}", NULL},
        {KIND_JOB_QUEUE, "{\"backfill\":true}", "backfill"},
        {KIND_COMPUTE_ENVIRONMENT, "{\"computeResources\":{\"strictMaxvCpus\":false}}", "strictMaxvCpus"},
        {KIND_COMPUTE_ENVIRONMENT, "{\"provider\":\"aws\"}", "provider"},
        {KIND_JOB_DEFINITION, "{\"containerProperties\":{\"imagePullPolicy\":\"Always\"}}",
         "imagePullPolicy"},
        {KIND_JOB_DEFINITION,
         "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{},{\"cpuQuota\":true}]}]}}", "cpuQuota"},
        {KIND_JOB_DEFINITION, "{\"containerProperties\":5,\"ecsProperties\":[[[1]]]}", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *request = json_loads(cases[i].request, 0, NULL);
        g_assert_cmpstr(batch_foreign(cases[i].kind, request), ==, cases[i].foreign);
        json_decref(request);
    }
}

static void test_fill(void)
{
    json_t *definition = json_loads("{\"containerProperties\":{\"command\":[\"a\"]}}", 0, NULL);
    batch_fill_definition(definition);
    is_json(definition, "{\"containerProperties\":{\"command\":[\"a\"],\"environment\":[],\"mountPoints\":[],"
                        "\"resourceRequirements\":[],\"secrets\":[],\"ulimits\":[],\"volumes\":[]}}");
    definition = json_loads("{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{}]}]}}", 0, NULL);
    batch_fill_definition(definition);
    is_json(definition,
            "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{\"command\":[],\"dependsOn\":[],"
            "\"environment\":[],\"mountPoints\":[],\"resourceRequirements\":[],\"secrets\":[],"
            "\"ulimits\":[]}],\"volumes\":[]}]}}");
    definition =
        json_loads("{\"containerProperties\":5,\"nodeProperties\":[],\"ecsProperties\":\"x\"}", 0, NULL);
    batch_fill_definition(definition); /* nothing that is not so */
    is_json(definition, "{\"containerProperties\":5,\"ecsProperties\":\"x\",\"nodeProperties\":[]}");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/batch-form/policy", test_policy);
    g_test_add_func("/batch-form/ours", test_ours);
    g_test_add_func("/batch-form/texts", test_texts);
    g_test_add_func("/batch-form/foreign", test_foreign);
    g_test_add_func("/batch-form/fill", test_fill);
    return g_test_run();
}

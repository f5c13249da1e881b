#include "spec/decode.h"

static void test_environment(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(
        VIEW("{\"provider\":{\"type\":\"aws\",\"region\":\"eu-west-1\"},\"state\":\"DISABLED\","
             "\"computeResources\":"
             "{\"type\":\"SPOT\",\"minvCpus\":2,\"maxvCpus\":64,\"instanceTypes\":[\"c5\",\"m5.large\"]}}"),
        &error);
    g_assert_no_error(error);
    g_assert_cmpint(spec->provider, ==, PROVIDER_AWS);
    g_assert_cmpstr(spec->region, ==, "eu-west-1");
    g_assert_false(spec->enabled);
    g_assert_cmpint(spec->type, ==, CE_TYPE_SPOT);
    g_assert_cmpint(spec->min_vcpus, ==, 2);
    g_assert_cmpint(spec->max_vcpus, ==, 64);
    g_assert_cmpstr(spec->instance_types[1], ==, "m5.large");
    g_assert_null(spec->instance_types[2]);
}

static void test_environment_defaults(void)
{
    g_autoptr(ComputeEnvironmentSpec) empty = compute_environment_spec_decode(VIEW("{}"), NULL);
    g_assert_cmpint(empty->provider, ==, PROVIDER_UNSET);
    g_assert_true(empty->enabled);
    g_assert_false(empty->type_given);
    g_assert_cmpint(empty->max_vcpus, ==, 0);
    g_autoptr(ComputeEnvironmentSpec) local =
        compute_environment_spec_decode(VIEW("{\"provider\":\"local\"}"), NULL);
    g_assert_cmpint(local->provider, ==, PROVIDER_LOCAL);
    g_autoptr(ComputeEnvironmentSpec) own =
        compute_environment_spec_decode(VIEW("{\"type\":\"UNMANAGED\"}"), NULL);
    g_assert_cmpint(own->type, ==, CE_TYPE_UNMANAGED);
}

static void test_queue(void)
{
    g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(
        VIEW(
            "{\"priority\":7,\"schedulingPolicyArn\":\"arn:aws:batch:us-east-1:000000000000:scheduling-"
            "policy/fair\","
            "\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"b\",\"order\":9},{\"computeEnvironment\":"
            "\"arn:aws:batch:us-east-1:000000000000:compute-environment/a\",\"order\":2}]}"),
        NULL);
    g_assert_cmpint(spec->priority, ==, 7);
    g_assert_true(spec->enabled);
    g_assert_cmpstr(spec->compute_environments[0], ==, "a");
    g_assert_cmpstr(spec->compute_environments[1], ==, "b");
    g_assert_null(spec->compute_environments[2]);
    g_assert_cmpstr(spec->scheduling_policy, ==, "fair");
}

#define DEFINITION                                                                                           \
    "{\"containerProperties\":{\"command\":[\"sh\",\"-c\",\"echo Ref::who/Ref::none $X\",\"Ref::who\"],"     \
    "\"environment\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"A\",\"value\":\"1\"}],"                   \
    "\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"512\"},{\"type\":\"VCPU\",\"value\":\"0."    \
    "25\"}],"                                                                                                \
    "\"secrets\":[{\"name\":\"S\",\"valueFrom\":\"x\"}],\"volumes\":[],\"user\":\"nobody\"},"                \
    "\"parameters\":{\"who\":\"world\"},\"platformCapabilities\":[\"FARGATE\"],"                             \
    "\"retryStrategy\":{\"attempts\":3,\"evaluateOnExit\":[{\"onExitCode\":7,\"action\":\"exit\"}]},"        \
    "\"timeout\":{\"attemptDurationSeconds\":90},\"schedulingPriority\":4}"

static void test_definition(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(VIEW(DEFINITION), &error);
    g_assert_no_error(error);
    g_assert_cmpint(spec->platform, ==, PLATFORM_FARGATE);
    g_assert_cmpint(spec->need.vcpus_e4, ==, 2500);
    g_assert_cmpint(spec->need.memory_mib, ==, 512);
    g_assert_cmpint(spec->nodes, ==, 1);
    g_assert_cmpint(spec->timeout_ms, ==, 90000);
    g_assert_cmpint(spec->retry.attempts, ==, 3);
    g_assert_cmpstr(spec->retry.rules[0].on_exit_code, ==, "7");
    g_assert_cmpint(spec->retry.rules[0].action, ==, RETRY_EXIT);
    g_assert_cmpstr(spec->environment[0].name, ==, "A");
    g_assert_cmpstr(spec->environment[1].value, ==, "2");
    g_assert_cmpstr(spec->beyond_process[0], ==, "secrets");
    g_assert_null(spec->beyond_process[1]);
    g_assert_cmpstr(spec->user, ==, "nobody");
}

static void test_definition_defaults(void)
{
    g_autoptr(JobDefinitionSpec) spec =
        job_definition_spec_decode(VIEW("{\"containerProperties\":{\"vcpus\":2,\"memory\":100}}"), NULL);
    g_assert_cmpint(spec->retry.attempts, ==, 1);
    g_assert_cmpint(spec->platform, ==, PLATFORM_EC2);
    g_assert_cmpint(spec->timeout_ms, ==, 0);
    g_assert_cmpint(spec->need.vcpus_e4, ==, 20000);
    g_assert_true(spec->vcpus_alias && spec->memory_alias);
    g_assert_null(spec->beyond_process[0]);
}

/* A multinode job's need is that of the main node's narrowest range; a task's is the sum of its containers.
 */
static void test_definition_shapes(void)
{
    g_autoptr(JobDefinitionSpec) nodes =
        job_definition_spec_decode(VIEW("{\"type\":\"multinode\",\"nodeProperties\":{\"numNodes\":4,"
                                        "\"mainNode\":1,\"nodeRangeProperties\":["
                                        "{\"targetNodes\":\"0:\",\"container\":{\"resourceRequirements\":[{"
                                        "\"type\":\"VCPU\",\"value\":\"8\"}]}},"
                                        "{\"targetNodes\":\"1:2\",\"container\":{\"resourceRequirements\":[{"
                                        "\"type\":\"VCPU\",\"value\":\"3\"}]}}]}}"),
                                   NULL);
    g_assert_cmpint(nodes->nodes, ==, 4);
    g_assert_cmpint(nodes->need.vcpus_e4, ==, 30000);
    g_assert_cmpstr(nodes->beyond_process[0], ==, "nodeProperties");
    g_autoptr(JobDefinitionSpec) task = job_definition_spec_decode(
        VIEW("{\"ecsProperties\":{\"taskProperties\":[{\"containers\":["
             "{\"name\":\"a\",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"100\"}]},"
             "{\"name\":\"b\",\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"28\"}]}]}]}}"),
        NULL);
    g_assert_cmpint(task->need.memory_mib, ==, 128);
    g_assert_cmpstr(task->beyond_process[0], ==, "ecsProperties");
}

static void test_job(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JobSpec) job = job_spec_decode(
        VIEW("{\"jobName\":\"n\",\"jobQueue\":\"q\",\"jobDefinition\":\"d:3\",\"arrayProperties\":{\"size\":"
             "12},"
             "\"dependsOn\":[{\"jobId\":\"a\",\"type\":\"N_TO_N\"},{\"type\":\"SEQUENTIAL\"},"
             "{\"job\":\"b\",\"type\":\"SEQUENTIAL\",\"condition\":\"completion\"}],"
             "\"containerOverrides\":{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":1.5}]},"
             "\"rerunOn\":[\"definition\"]}"),
        &error);
    g_assert_no_error(error);
    g_assert_cmpstr(job->definition, ==, "d:3");
    g_assert_cmpint(job->array_size, ==, 12);
    g_assert_cmpint(job->scheduling_priority, ==, -1);
    g_assert_cmpint(job->need.vcpus_e4, ==, 15000);
    g_assert_cmpint(job->retry.attempts, ==, 0);
    g_assert_cmpint(job->depends_on[0].type, ==, DEPENDENCY_N_TO_N);
    g_assert_cmpint(job->depends_on[1].type, ==, DEPENDENCY_SEQUENTIAL);
    g_assert_cmpint(job->depends_on[2].type, ==, DEPENDENCY_PLAIN); /* with a job it is a plain one */
    g_assert_cmpint(job->depends_on[2].condition, ==, CONDITION_COMPLETION);
    g_assert_true(job->rerun_on_definition);
    g_assert_cmpint(job_on_delete(VIEW("{\"onDelete\":\"terminate\"}")), ==, ON_DELETE_TERMINATE);
    g_assert_cmpint(job_on_delete(VIEW("{}")), ==, ON_DELETE_KEEP);
}

static void test_pipeline(void)
{
    g_autoptr(PipelineSpec) spec = pipeline_spec_decode(
        VIEW("{\"jobQueue\":\"q\",\"parameters\":{\"a\":\"1\",\"b\":\"2\"},\"concurrencyPolicy\":\"skip\","
             "\"triggers\":[\"manual\",{\"schedule\":\"@daily\"}],\"workspace\":true,\"jobs\":["
             "{\"name\":\"one\",\"jobDefinition\":\"d\",\"parameters\":{\"b\":\"3\"}},"
             "{\"name\":\"two\",\"jobDefinition\":\"d\",\"jobQueue\":\"other\",\"array\":{\"fromParameter\":"
             "\"n\"}}]}"),
        NULL);
    g_assert_cmpuint(spec->steps_len, ==, 2);
    g_assert_cmpstr(spec->steps[0]->queue, ==, "q");
    g_assert_cmpstr(spec->steps[1]->queue, ==, "other");
    g_assert_cmpuint(spec->steps[0]->parameters_len, ==, 2);
    g_assert_cmpstr(spec->steps[0]->parameters[1].value, ==, "3");
    g_assert_true(spec->steps[1]->array_dynamic);
    g_assert_cmpstr(spec->steps[1]->array_parameter, ==, "n");
    g_assert_false(spec->on_change);
    g_assert_true(spec->scheduled && spec->workspace);
    g_assert_cmpint(spec->concurrency, ==, CONCURRENCY_SKIP);
    g_autoptr(PipelineSpec) plain = pipeline_spec_decode(VIEW("{\"jobs\":[]}"), NULL);
    g_assert_true(plain->on_change);
}

static void test_effective(void)
{
    g_autoptr(JobDefinitionSpec) definition = job_definition_spec_decode(VIEW(DEFINITION), NULL);
    g_autoptr(JobSpec) job =
        job_spec_decode(VIEW("{\"parameters\":{\"who\":\"you\"},\"containerOverrides\":{\"environment\":[{"
                             "\"name\":\"B\",\"value\":\"9\"},"
                             "{\"name\":\"C\",\"value\":\"3\"}],\"memory\":4,\"resourceRequirements\":[{"
                             "\"type\":\"GPU\",\"value\":\"2\"}]},"
                             "\"retryStrategy\":{\"attempts\":2}}"),
                        NULL);
    g_autoptr(JobDefinitionSpec) out = job_effective(definition, job);
    g_assert_cmpstr(out->command[2], ==, "echo you/Ref::none $X");
    g_assert_cmpstr(out->command[3], ==, "you");
    g_assert_cmpuint(out->environment_len, ==, 3);
    g_assert_cmpstr(out->environment[1].value, ==, "9");
    g_assert_cmpint(out->need.gpus, ==, 2);
    g_assert_cmpint(out->need.memory_mib, ==,
                    512); /* the deprecated member does not override a requirement */
    g_assert_cmpint(out->retry.attempts, ==, 2);
    g_assert_cmpuint(out->retry.rules_len, ==, 0); /* replaced whole */
    g_assert_cmpint(out->timeout_ms, ==, 90000);
    g_assert_cmpint(out->scheduling_priority, ==, 4);
}

static void test_effective_alias(void)
{
    g_autoptr(JobDefinitionSpec) definition =
        job_definition_spec_decode(VIEW("{\"containerProperties\":{\"vcpus\":2,\"memory\":100}}"), NULL);
    g_autoptr(JobSpec) job =
        job_spec_decode(VIEW("{\"containerOverrides\":{\"memory\":400,\"command\":[\"x\"]}}"), NULL);
    g_autoptr(JobDefinitionSpec) out = job_effective(definition, job);
    g_assert_cmpint(out->need.memory_mib, ==, 400);
    g_assert_cmpint(out->need.vcpus_e4, ==, 20000);
    g_assert_cmpstr(out->command[0], ==, "x");
    g_assert_null(out->command[1]);
}

/* What a broken store or a client might hand in: an error, never a crash. */
static void test_broken(void)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{\"priority\":\"x\"}",
                                        "{\"computeEnvironmentOrder\":[5]}",
                                        "{\"computeEnvironmentOrder\":{}}",
                                        "{\"computeEnvironmentOrder\":[{\"order\":1}]}",
                                        "{\"priority\":-1}",
                                        "{\"state\":7}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(job_queue_spec_decode(view_from(texts[i]), &error));
        g_assert_nonnull(error);
        g_assert_true(error->domain == DECODE_ERROR);
    }
    static const char *const jobs[] = {
        "{\"dependsOn\":[1]}",
        "{\"dependsOn\":[{\"type\":\"OTHER\"}]}",
        "{\"parameters\":{\"a\":1}}",
        "{\"containerOverrides\":{\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"x\"}]}}",
        "{\"containerOverrides\":{\"environment\":[{\"value\":\"x\"}]}}",
        "{\"containerOverrides\":[]}",
        "{\"retryStrategy\":{\"attempts\":11}}",
        "{\"retryStrategy\":{\"attempts\":1,\"evaluateOnExit\":[{}]}}",
        "{\"timeout\":{\"attemptDurationSeconds\":9999999999999999}}",
        "{\"arrayProperties\":{\"size\":10001}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(job_spec_decode(view_from(jobs[i]), &error));
        g_assert_nonnull(error);
    }
    g_assert_null(job_definition_spec_decode(VIEW("{\"containerProperties\":5}"), NULL));
    g_assert_null(pipeline_spec_decode(VIEW("{\"jobs\":[5]}"), NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/decode/environment", test_environment);
    g_test_add_func("/spec/decode/environment-defaults", test_environment_defaults);
    g_test_add_func("/spec/decode/queue", test_queue);
    g_test_add_func("/spec/decode/definition", test_definition);
    g_test_add_func("/spec/decode/definition-defaults", test_definition_defaults);
    g_test_add_func("/spec/decode/definition-shapes", test_definition_shapes);
    g_test_add_func("/spec/decode/job", test_job);
    g_test_add_func("/spec/decode/pipeline", test_pipeline);
    g_test_add_func("/spec/decode/effective", test_effective);
    g_test_add_func("/spec/decode/effective-alias", test_effective_alias);
    g_test_add_func("/spec/decode/broken", test_broken);
    return g_test_run();
}

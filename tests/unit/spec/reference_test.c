#include "spec/cycle.h"
#include "spec/reference.h"
#include "tests/support/manifest_text.h"

static void assert_name(Kind kind, const char *reference, const char *name, const char *qualifier)
{
    View rest, found = reference_name(kind, view_from(reference), &rest);
    g_assert_true(view_is(found, name));
    if (qualifier)
        g_assert_true(view_is(rest, qualifier));
    else
        g_assert_null(rest.data);
}

static void test_names(void)
{
    assert_name(KIND_JOB_QUEUE, "high", "high", NULL);
    assert_name(KIND_JOB_QUEUE, "arn:aws:batch:us-east-1:123456789012:job-queue/high", "high", NULL);
    assert_name(KIND_COMPUTE_ENVIRONMENT, "arn:aws-cn:batch:cn-north-1:1:compute-environment/x", "x", NULL);
    /* An ARN of another kind or service is no name of this kind. */
    assert_name(KIND_JOB_QUEUE, "arn:aws:batch:r:1:compute-environment/x",
                "arn:aws:batch:r:1:compute-environment/x", NULL);
    assert_name(KIND_JOB_QUEUE, "arn:aws:sqs:r:1:job-queue/x", "arn:aws:sqs:r:1:job-queue/x", NULL);
    assert_name(KIND_JOB_DEFINITION, "align", "align", NULL);
    assert_name(KIND_JOB_DEFINITION, "align:7", "align", "7");
    assert_name(KIND_JOB_DEFINITION, "align@sha256:00ff", "align", "sha256:00ff");
    assert_name(KIND_JOB_DEFINITION, "arn:aws:batch:us-east-1:123456789012:job-definition/align:3", "align",
                "3");
    assert_name(KIND_JOB_DEFINITION, "arn:aws:batch:us-east-1:123456789012:job-definition/align", "align",
                NULL);
    assert_name(KIND_JOB, "a:b", "a:b", NULL);
    assert_name(KIND_JOB_QUEUE, "", "", NULL);
}

#define ENVIRONMENT(name)                                                                                    \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: " name                                \
    "}\nspec: {provider: local}\n---\n"
#define QUEUE(name, environments)                                                                            \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: " name                                          \
    "}\nspec: {priority: 1, computeEnvironmentOrder: [" environments "]}\n---\n"
#define DEFINITION(name)                                                                                     \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: " name                                     \
    "}\nspec: {containerProperties: {command: [x], vcpus: 1, memory: 4}}\n---\n"
#define JOB(name, rest)                                                                                      \
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: " name                                               \
    "}\nspec:\n  jobQueue: q\n  jobDefinition: d\n" rest "---\n"

static ReferenceStanding known_elsewhere(Kind kind, View name, void *data)
{
    (void)data;
    bool is_known = (kind == KIND_JOB_QUEUE && view_is(name, "elsewhere")) ||
                    (kind == KIND_COMPUTE_ENVIRONMENT && view_is(name, "shared"));
    return is_known ? REFERENCE_KNOWN : REFERENCE_MISSING;
}

static DiagnosticList *check(const char *yaml, const SourceConfig *config)
{
    DiagnosticList *diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(yaml, "local", config, diagnostics);
    diagnostics_none(diagnostics);
    reference_check(set, known_elsewhere, manifest_text_of, (void *)(uintptr_t)yaml, diagnostics);
    return diagnostics;
}

static void assert_fault(const char *yaml, const char *message, int line, int column, const char *path)
{
    g_autoptr(DiagnosticList) diagnostics = check(yaml, NULL);
    const Diagnostic *fault = diagnostic_only(diagnostics);
    g_assert_cmpstr(fault->message, ==, message);
    g_assert_cmpint(fault->line, ==, line);
    g_assert_cmpint(fault->column, ==, column);
    g_assert_cmpstr(fault->path, ==, path);
    g_assert_nonnull(fault->source);
}

static void test_missing(void)
{
    assert_fault(ENVIRONMENT("spot") QUEUE("q", "spto"),
                 "no ComputeEnvironment is named \"spto\"; did you mean \"spot\"?", 9, 47,
                 "spec.computeEnvironmentOrder[0]");
    assert_fault(ENVIRONMENT("e") QUEUE("q", "e")
                     DEFINITION("other") "apiVersion: muster/v1\nkind: Job\nmetadata: {name: j}\n"
                                         "spec:\n  jobQueue: q\n  jobDefinition: othr:3\n",
                 "no JobDefinition is named \"othr\"; did you mean \"other\"?", 21, 18, "spec.jobDefinition");
    assert_fault(ENVIRONMENT("e") QUEUE("q", "e")
                     DEFINITION("d") "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: p}\n"
                                     "spec:\n  jobQueue: q\n  jobs:\n    - {name: a, jobDefinition: d}\n    "
                                     "- {name: b, jobDefinition: zzzz}\n",
                 "no JobDefinition is named \"zzzz\"", 23, 32, "spec.jobs[1].jobDefinition");
    assert_fault(ENVIRONMENT("e") QUEUE("q", "e") DEFINITION("d") JOB("j", "  dependsOn:\n    - job: k\n"),
                 "no Job is named \"k\"", 23, 12, "spec.dependsOn[0].job");
}

static void test_known(void)
{
    char uses_text[] = "ComputeEnvironment/shared";
    char *uses[] = {uses_text, NULL};
    SourceConfig config = {.uses = uses, .region = uses_text};
    g_autoptr(DiagnosticList) used = check(QUEUE("q", "shared"), &config);
    diagnostics_none(used);
    g_autoptr(DiagnosticList) known =
        check(DEFINITION("d") "apiVersion: muster/v1\nkind: Job\nmetadata: {name: j}\nspec: {jobQueue: "
                              "elsewhere, jobDefinition: d}\n",
              NULL);
    diagnostics_none(known);
}

static void test_arn(void)
{
    char region[] = "eu-west-1", account[] = "123456789012";
    SourceConfig config = {.region = region, .account = account};
    g_autoptr(DiagnosticList) own =
        check(ENVIRONMENT("e") QUEUE("q", "\"arn:aws:batch:eu-west-1:123456789012:compute-environment/e\""),
              &config);
    diagnostics_none(own);
    g_autoptr(DiagnosticList) other =
        check(ENVIRONMENT("e") QUEUE("q", "\"arn:aws:batch:us-east-1:123456789012:compute-environment/e\""),
              &config);
    g_assert_cmpstr(diagnostic_only(other)->message, ==,
                    "this ARN is of another region or account than muster.yaml names");
}

static void test_job_cycle(void)
{
    assert_fault(ENVIRONMENT("e") QUEUE("q", "e") DEFINITION("d") JOB("a", "  dependsOn: [{job: c}]\n")
                     JOB("b", "  dependsOn: [{job: a}]\n") JOB("c", "  dependsOn: [{job: b}]\n") JOB("z", ""),
                 "the jobs wait for each other: a -> c -> b -> a", 22, 14, "spec.dependsOn");
}

static void test_job_pairs(void)
{
    assert_fault(ENVIRONMENT("e") QUEUE("q", "e") DEFINITION("d") JOB("a", "  arrayProperties: {size: 3}\n")
                     JOB("b", "  arrayProperties: {size: 4}\n  dependsOn: [{job: a, type: N_TO_N}]\n"),
                 "N_TO_N joins arrays of equal size: \"a\" has 3, this job 4", 31, 21,
                 "spec.dependsOn[0].job");
    g_autoptr(DiagnosticList) equal =
        check(ENVIRONMENT("e") QUEUE("q", "e") DEFINITION("d") JOB("a", "  arrayProperties: {size: 4}\n")
                  JOB("b", "  arrayProperties: {size: 4}\n  dependsOn: [{job: a, type: N_TO_N}]\n"),
              NULL);
    diagnostics_none(equal);
}

#define TYPED(name, type)                                                                                    \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: " name                                \
    "}\nspec: {computeResources: {type: " type "}}\n---\n"

static void test_families(void)
{
    assert_fault(TYPED("ec2", "SPOT") TYPED("far", "FARGATE_SPOT") QUEUE("q", "ec2, far"),
                 "a queue cannot mix EC2 and Fargate: \"ec2\" runs on EC2, \"far\" on Fargate", 14, 52,
                 "spec.computeEnvironmentOrder[1]");
    g_autoptr(DiagnosticList) same = check(TYPED("a", "EC2") TYPED("b", "SPOT") QUEUE("q", "a, b"), NULL);
    diagnostics_none(same);
}

/* ---- cycles */

static void count_cycle(const uint32_t *nodes, size_t len, void *data)
{
    size_t *found = data;
    found[0]++;
    found[1] = len;
    found[2] = nodes[0];
}

static void test_cycles(void)
{
    enum { LONG = 100000 };
    size_t found[3] = {0};
    g_autofree uint32_t *first = g_new0(uint32_t, LONG + 1), *targets = g_new0(uint32_t, LONG);
    for (uint32_t i = 0; i < LONG; i++) {
        first[i + 1] = i + 1;
        targets[i] = i + 1;
    }
    first[LONG] = LONG - 1; /* the last one waits for nobody: a chain that would overflow a recursion */
    cycle_find(LONG, first, targets, count_cycle, found);
    g_assert_cmpuint(found[0], ==, 0);
    first[LONG] = LONG;
    targets[LONG - 1] = 7;
    cycle_find(LONG, first, targets, count_cycle, found);
    g_assert_cmpuint(found[0], ==, 1);
    g_assert_cmpuint(found[1], ==, LONG - 7);
    g_assert_cmpuint(found[2], ==, 7);
    uint32_t self_first[] = {0, 1}, self[] = {0};
    cycle_find(1, self_first, self, count_cycle, found);
    g_assert_cmpuint(found[1], ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/reference/names", test_names);
    g_test_add_func("/spec/reference/missing", test_missing);
    g_test_add_func("/spec/reference/known", test_known);
    g_test_add_func("/spec/reference/arn", test_arn);
    g_test_add_func("/spec/reference/job-cycle", test_job_cycle);
    g_test_add_func("/spec/reference/job-pairs", test_job_pairs);
    g_test_add_func("/spec/reference/families", test_families);
    g_test_add_func("/spec/reference/cycles", test_cycles);
    return g_test_run();
}

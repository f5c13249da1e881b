#include "reconciler/schedule/definition_shape.h"
#include "reconciler/schedule/feasible.h"
#include "spec/base/units.h"
#include "tests/support/manifest_text.h"

typedef struct {
    const char *environment; /* spec as JSON */
    const char *definition;
    FeasibleResult result;
    const char *arithmetic;
} Case;

static const LocalMachine machine = {.vcpus = 2, .memory_mib = 7000, .gpus = 0};

#define NEED(vcpus, memory)                                                                                  \
    "\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"" #vcpus                                       \
    "\"},{\"type\":\"MEMORY\",\"value\":\"" #memory "\"}]"
#define GPU(vcpus, memory, gpus)                                                                             \
    "\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"" #vcpus                                       \
    "\"},{\"type\":\"MEMORY\",\"value\":\"" #memory "\"},{\"type\":\"GPU\",\"value\":\"" #gpus "\"}]"
#define CONTAINER(need) "{\"containerProperties\":{\"command\":[\"x\"]," need "}}"
#define FARGATE(need)                                                                                        \
    "{\"platformCapabilities\":[\"FARGATE\"],\"containerProperties\":{\"command\":[\"x\"]," need "}}"
#define AWS(rest) "{\"provider\":{\"type\":\"aws\"},\"computeResources\":{" rest "}}"
#define LOCAL     "{\"provider\":{\"type\":\"local\"}}"

static const Case cases[] = {
    {LOCAL, CONTAINER(NEED(2, 7000)), FEASIBLE_YES, NULL},
    {LOCAL, CONTAINER(NEED(2, 7001)), FEASIBLE_NO,
     "needs 7,001 MiB; this machine offers 7,000 MiB: 1 MiB short"},
    {LOCAL, CONTAINER(NEED(4, 100)), FEASIBLE_NO, "needs 4 vCPU; this machine has 2: 2 short"},
    {LOCAL, CONTAINER(GPU(1, 100, 1)), FEASIBLE_NO, "needs 1 GPU; this machine has none"},
    {LOCAL, "{\"containerProperties\":{" NEED(1, 100) "}}", FEASIBLE_NO,
     "has no command, and the local provider runs no image"},
    {LOCAL, CONTAINER("\"secrets\":[{\"name\":\"a\",\"valueFrom\":\"b\"}]," NEED(1, 100)), FEASIBLE_NO,
     "uses secrets, which the local provider does not have"},
    {"{\"provider\":{\"type\":\"docker\"}}", "{\"containerProperties\":{" NEED(1, 100) "}}", FEASIBLE_YES,
     NULL},
    {"{\"provider\":{\"type\":\"local\"},\"computeResources\":{\"maxvCpus\":1}}", CONTAINER(NEED(2, 100)),
     FEASIBLE_NO, "needs 2 vCPU; maxvCpus is 1"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.4xlarge\",\"c5.large\"]"),
     CONTAINER(GPU(8, 61000, 1)), FEASIBLE_NO,
     "needs 61,000 MiB; g4dn.4xlarge offers containers 60,588 of its 65,536 MiB: 412 MiB short"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.4xlarge\"]"),
     CONTAINER(GPU(8, 60588, 1)), FEASIBLE_YES, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5.large\",\"c5.xlarge\"]"),
     CONTAINER(NEED(8, 100)), FEASIBLE_NO, "needs 8 vCPU; c5.xlarge has 4: 4 short"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.xlarge\"]"), CONTAINER(GPU(1, 100, 2)),
     FEASIBLE_NO, "needs 2 GPUs; g4dn.xlarge has 1"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5\"]"), CONTAINER(GPU(1, 100, 1)),
     FEASIBLE_NO, "needs 1 GPU; every instance type has none"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5.large\",\"zz9\"]"),
     CONTAINER(NEED(64, 100)), FEASIBLE_UNKNOWN, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":8"), CONTAINER(NEED(9, 100)), FEASIBLE_NO,
     "needs 9 vCPU; maxvCpus is 8"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":8"), FARGATE(NEED(1, 2048)), FEASIBLE_NO,
     "is for Fargate, the environment is EC2"},
    {AWS("\"type\":\"FARGATE\",\"maxvCpus\":8"), FARGATE(NEED(1, 2048)), FEASIBLE_YES, NULL},
    {AWS("\"type\":\"FARGATE\",\"maxvCpus\":8"), FARGATE(NEED(1, 2049)), FEASIBLE_NO,
     "needs 1 vCPU with 2,049 MiB; Fargate offers no such size"},
    {AWS("\"type\":\"FARGATE_SPOT\",\"maxvCpus\":8"), CONTAINER(NEED(1, 2048)), FEASIBLE_NO,
     "is for EC2, the environment is Fargate"},
    {"{\"provider\":{\"type\":\"aws\"},\"type\":\"UNMANAGED\"}", CONTAINER(NEED(999, 2048)), FEASIBLE_UNKNOWN,
     NULL},
};

static void test_jobs(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(ComputeEnvironmentSpec) spec =
            compute_environment_spec_decode(view_from(cases[i].environment), NULL);
        g_autoptr(JobDefinitionSpec) job = job_definition_spec_decode(view_from(cases[i].definition), NULL);
        g_assert_true(spec && job);
        FeasibleEnvironment environment = feasible_environment(VIEW("e"), spec, PROVIDER_UNSET, &machine);
        g_autoptr(GString) arithmetic = g_string_new(NULL);
        g_assert_cmpint(feasible_job(job, &environment, 1, arithmetic, NULL), ==, cases[i].result);
        g_assert_cmpstr(arithmetic->str, ==, cases[i].arithmetic ? cases[i].arithmetic : "");
        feasible_environment_clear(&environment);
    }
}

static void test_several(void)
{
    g_autoptr(ComputeEnvironmentSpec) local = compute_environment_spec_decode(VIEW(LOCAL), NULL);
    g_autoptr(ComputeEnvironmentSpec) ec2 = compute_environment_spec_decode(
        VIEW(AWS("\"type\":\"EC2\",\"instanceTypes\":[\"c5.xlarge\"]")), NULL);
    FeasibleEnvironment both[] = {feasible_environment(VIEW("here"), local, PROVIDER_UNSET, &machine),
                                  feasible_environment(VIEW("there"), ec2, PROVIDER_UNSET, NULL)};
    g_autoptr(GString) arithmetic = g_string_new(NULL);
    NeedKind need = NEED_NONE;
    g_autoptr(JobDefinitionSpec) fits = job_definition_spec_decode(VIEW(CONTAINER(NEED(4, 100))), NULL);
    g_assert_cmpint(feasible_job(fits, both, 2, arithmetic, &need), ==, FEASIBLE_YES);
    g_assert_cmpuint(arithmetic->len, ==, 0);
    g_autoptr(JobDefinitionSpec) large = job_definition_spec_decode(VIEW(CONTAINER(NEED(1, 9000))), NULL);
    g_assert_cmpint(feasible_job(large, both, 2, arithmetic, &need), ==, FEASIBLE_NO);
    g_assert_cmpstr(
        arithmetic->str, ==,
        "here: needs 9,000 MiB; this machine offers 7,000 MiB: 2,000 MiB short; "
        "there: needs 9,000 MiB; c5.xlarge offers containers 7,545 of its 8,192 MiB: 1,455 MiB short");
    g_assert_cmpint(need, ==, NEED_MEMORY);
    feasible_environment_clear(&both[0]);
    feasible_environment_clear(&both[1]);
}

/* The quick reading of a definition agrees with the whole decoding. */
static void test_shapes(void)
{
    static const char *const specs[] = {
        CONTAINER(NEED(2, 512)),
        CONTAINER(GPU(2, 512, 3)),
        FARGATE(NEED(0.25, 512)),
        "{\"containerProperties\":{" NEED(1, 4) "}}",
        "{\"containerProperties\":{\"memory\":7,\"vcpus\":3}}",
        CONTAINER("\"environment\":[{\"name\":\"command\",\"value\":\"]}\\\"\"}]," NEED(2, 512)),
        CONTAINER("\"volumes\":[{\"name\":\"v\"}]," NEED(2, 512)),
        "{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{" NEED(2, 5) "},{" NEED(1, 6) "}]}]}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        DefinitionShape shape;
        g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(view_from(specs[i]), NULL);
        g_assert_true(definition_shape_read(view_from(specs[i]), &shape));
        g_assert_cmpint(shape.need.vcpus_e4, ==, spec->need.vcpus_e4);
        g_assert_cmpint(shape.need.memory_mib, ==, spec->need.memory_mib);
        g_assert_cmpint(shape.need.gpus, ==, spec->need.gpus);
        g_assert_cmpint(shape.platform, ==, spec->platform);
        g_assert_true(shape.has_command == (spec->command && spec->command[0]));
        g_autofree char *beyond = g_strjoinv(" ", spec->beyond_process);
        g_assert_cmpstr(shape.beyond, ==, beyond);
    }
    DefinitionShape ignored;
    g_assert_false(definition_shape_read(VIEW("{\"containerProperties\":{\"command\":["), &ignored));
}

/* ---- sets */

#define BASE                                                                                                 \
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: e}\nspec: {provider: local}\n---\n"   \
    "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q}\nspec: {priority: 1, "                       \
    "computeEnvironmentOrder: [e]}\n---\n"                                                                   \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: small}\nspec: {containerProperties: "      \
    "{command: [x], resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 10}]}}\n---\n"
#define LARGE                                                                                                \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: large}\nspec:\n  containerProperties:\n  " \
    "  command: [x]\n    resourceRequirements:\n      - {type: VCPU, value: 1}\n      - type: MEMORY\n     " \
    "   value: 61000\n---\n"

static DiagnosticList *check_set(const char *yaml, ProviderType provider)
{
    DiagnosticList *diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(yaml, "local", NULL, diagnostics);
    diagnostics_none(diagnostics);
    FeasibleOptions options = {.provider_override = provider,
                               .machine = machine,
                               .text = manifest_text_of,
                               .data = (void *)(uintptr_t)yaml};
    feasible_check(set, &options, diagnostics);
    return diagnostics;
}

static void test_set_definition(void)
{
    g_autoptr(DiagnosticList) diagnostics = check_set(BASE LARGE, PROVIDER_UNSET);
    const Diagnostic *warning = diagnostic_only(diagnostics);
    g_assert_cmpint(warning->severity, ==, SEVERITY_WARNING);
    g_assert_cmpstr(warning->message, ==, "no queue can ever run JobDefinition/large");
    g_assert_cmpstr(warning->path, ==, "spec.containerProperties.resourceRequirements[1].value");
    g_assert_cmpint(warning->line, ==, 25);
    g_autoptr(DiagnosticList) fine = check_set(BASE, PROVIDER_UNSET);
    diagnostics_none(fine);
}

static void test_set_job(void)
{
    g_autoptr(DiagnosticList) diagnostics = check_set(
        BASE "apiVersion: muster/v1\nkind: Job\nmetadata: {name: align}\nspec:\n  jobQueue: q\n  "
             "jobDefinition: small\n"
             "  containerOverrides:\n    resourceRequirements:\n      - {type: MEMORY, value: 61000}\n",
        PROVIDER_UNSET);
    const Diagnostic *fault = diagnostic_only(diagnostics);
    g_assert_cmpint(fault->severity, ==, SEVERITY_ERROR);
    g_assert_cmpint(fault->class, ==, DIAGNOSTIC_INFEASIBLE);
    g_assert_cmpstr(fault->message, ==, "no environment of queue \"q\" can ever run Job/align");
    g_assert_cmpstr(fault->detail, ==, "needs 61,000 MiB; this machine offers 7,000 MiB: 54,000 MiB short");
    g_assert_cmpint(fault->line, ==, 24);
    g_assert_cmpuint(diagnostic_list_count_infeasible(diagnostics), ==, 1);
}

#define JOB(name, overrides)                                                                                 \
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: " name                                               \
    "}\nspec: {jobQueue: q, jobDefinition: small, "                                                          \
    "containerOverrides: {" overrides "}}\n---\n"

/* Jobs are judged by the shape that their overrides make of a definition: what a shape leaves out, and what
 * another job of the same definition overrides, must not decide. */
static void test_set_overrides(void)
{
    g_autoptr(DiagnosticList) diagnostics = check_set(
        BASE JOB("a", "environment: [{name: A, value: b}]")
            JOB("b", "resourceRequirements: [{type: VCPU, value: 64}]") JOB("c", "command: [y]")
                JOB("d", "memory: 61000, resourceRequirements: [{type: MEMORY, value: 20}]")
                    JOB("e", "resourceRequirements: [{type: GPU, value: 900}, {type: MEMORY, value: 20}]")
                        JOB("f", "resourceRequirements: [{type: MEMORY, value: 20}]"),
        PROVIDER_UNSET);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 2);
    g_assert_cmpstr(diagnostic_list_get(diagnostics, 0)->message, ==,
                    "no environment of queue \"q\" can ever run Job/b");
    g_assert_cmpstr(diagnostic_list_get(diagnostics, 1)->message, ==,
                    "no environment of queue \"q\" can ever run Job/e");
}

/* A definition without a command runs on this machine for the jobs that bring one. */
static void test_set_command(void)
{
    g_autoptr(DiagnosticList) diagnostics = check_set(
        "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: e}\nspec: {provider: local}\n---\n"
        "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q}\nspec: {priority: 1, "
        "computeEnvironmentOrder: [e]}\n---\n"
        "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: small}\nspec: {containerProperties: "
        "{resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 10}]}}\n---\n" JOB(
            "bare", "environment: [{name: A, value: b}]") JOB("brings", "command: [y]"),
        PROVIDER_UNSET);
    size_t errors = diagnostic_list_count(diagnostics, SEVERITY_ERROR);
    g_assert_cmpuint(errors, ==, 1);
    for (size_t i = 0; i < diagnostic_list_len(diagnostics); i++)
        if (diagnostic_list_get(diagnostics, i)->severity == SEVERITY_ERROR)
            g_assert_cmpstr(diagnostic_list_get(diagnostics, i)->message, ==,
                            "no environment of queue \"q\" can ever run Job/bare");
}

static void test_set_pipeline(void)
{
    g_autoptr(DiagnosticList) diagnostics = check_set(
        BASE LARGE
        "apiVersion: muster/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  jobQueue: q\n  jobs:\n"
        "    - {name: a, jobDefinition: small}\n    - {name: b, jobDefinition: large}\n",
        PROVIDER_UNSET);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==,
                     2); /* the definition's warning, the step's error */
    const Diagnostic *fault = diagnostic_list_get(diagnostics, 1);
    g_assert_cmpstr(fault->message, ==,
                    "no environment of queue \"q\" can ever run step \"b\" of Pipeline/p");
    g_assert_cmpstr(fault->path, ==, "spec.jobs[1].jobDefinition");
    g_assert_cmpint(fault->line, ==, 34);
}

/* What leads outside of the set is not judged; --provider decides where everything runs. */
static void test_set_open(void)
{
    g_autoptr(DiagnosticList) outside = check_set(
        LARGE
        "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: e}\nspec: {provider: local}\n---\n"
        "apiVersion: muster/v1\nkind: JobQueue\nmetadata: {name: q}\nspec: {priority: 1, "
        "computeEnvironmentOrder: [e, other]}\n---\n"
        "apiVersion: muster/v1\nkind: Job\nmetadata: {name: j}\nspec: {jobQueue: q, jobDefinition: large}\n",
        PROVIDER_UNSET);
    diagnostics_none(outside);
    g_autoptr(DiagnosticList) aws = check_set(BASE LARGE, PROVIDER_AWS);
    diagnostics_none(aws);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/feasible/jobs", test_jobs);
    g_test_add_func("/schedule/feasible/several", test_several);
    g_test_add_func("/schedule/feasible/shapes", test_shapes);
    g_test_add_func("/schedule/feasible/set-definition", test_set_definition);
    g_test_add_func("/schedule/feasible/set-job", test_set_job);
    g_test_add_func("/schedule/feasible/set-overrides", test_set_overrides);
    g_test_add_func("/schedule/feasible/set-command", test_set_command);
    g_test_add_func("/schedule/feasible/set-pipeline", test_set_pipeline);
    g_test_add_func("/schedule/feasible/set-open", test_set_open);
    return g_test_run();
}

#include "reconciler/schedule/definition_shape.h"
#include "reconciler/schedule/feasible.h"
#include "spec/base/rng.h"
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
#define AWS(rest)       "{\"provider\":{\"type\":\"aws\"},\"computeResources\":{" rest "}}"
#define SIMULATED(rest) "{\"provider\":{\"type\":\"simulated\"}," rest "}"
#define HOSTS                                                                                                \
    "\"simulatedHosts\":[{\"vcpus\":8,\"memoryMiB\":30000},{\"count\":2,\"vcpus\":4,\"memoryMiB\":1000,"     \
    "\"gpus\":2}]"
#define NODES(nodes, need, rest)                                                                             \
    "{\"type\":\"multinode\",\"nodeProperties\":{\"numNodes\":" #nodes                                       \
    ",\"mainNode\":0,\"nodeRangeProperties\":[{\"targetNodes\":\":\"," rest "\"container\":{\"command\":["   \
    "\"x\"]," need "}}]}}"
#define LOCAL "{\"provider\":{\"type\":\"local\"}}"

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
    {LOCAL, NODES(2, NEED(1, 3500), ""), FEASIBLE_YES, NULL},
    {LOCAL, NODES(2, NEED(1, 3501), ""), FEASIBLE_NO,
     "needs 7,002 MiB for its 2 nodes; this machine offers 7,000 MiB: 2 MiB short"},
    {LOCAL, NODES(3, NEED(1, 100), ""), FEASIBLE_NO,
     "needs 3 vCPU for its 3 nodes; this machine has 2: 1 short"},
    {"{\"provider\":{\"type\":\"docker\"}}", NODES(3, GPU(1, 100, 1), ""), FEASIBLE_NO,
     "needs 3 GPUs for its 3 nodes; this machine has none"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.4xlarge\",\"c5.large\"]"),
     CONTAINER(GPU(8, 61000, 1)), FEASIBLE_NO,
     "needs 61,000 MiB; g4dn.4xlarge offers containers 60,588 of its 65,536 MiB: 412 MiB short; gr6.4xlarge "
     "would fit: add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.4xlarge\"]"),
     CONTAINER(GPU(8, 60588, 1)), FEASIBLE_YES, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5.large\",\"c5.xlarge\"]"),
     CONTAINER(NEED(8, 100)), FEASIBLE_NO,
     "needs 8 vCPU; c5.xlarge has 4: 4 short; c6a.2xlarge would fit: add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"g4dn.xlarge\"]"), CONTAINER(GPU(1, 100, 2)),
     FEASIBLE_NO, "needs 2 GPUs; g4dn.xlarge has 1; g4dn.12xlarge would fit: add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5\"]"), CONTAINER(GPU(1, 100, 1)),
     FEASIBLE_NO,
     "needs 1 GPU; every instance type has none; g4dn.xlarge would fit: add it to instanceTypes"},
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
    {"{\"provider\":{\"type\":\"aws\"},\"type\":\"UNMANAGED\"," HOSTS "}", CONTAINER(NEED(999, 2048)),
     FEASIBLE_UNKNOWN, NULL},
    {"{\"provider\":{\"type\":\"aws\"},\"type\":\"UNMANAGED\"}", NODES(2, NEED(1, 100), ""), FEASIBLE_NO,
     "is a multinode job, and UNMANAGED environments run none"},
    {"{\"provider\":{\"type\":\"aws\"},\"type\":\"UNMANAGED\"}", FARGATE(NEED(1, 2048)), FEASIBLE_NO,
     "is for Fargate, the environment is UNMANAGED"},
    {SIMULATED("\"type\":\"UNMANAGED\""), CONTAINER(NEED(999, 2048)), FEASIBLE_UNKNOWN, NULL},
    {SIMULATED("\"type\":\"UNMANAGED\"," HOSTS), CONTAINER(NEED(8, 30000)), FEASIBLE_YES, NULL},
    {SIMULATED("\"type\":\"UNMANAGED\"," HOSTS), CONTAINER(GPU(4, 1000, 2)), FEASIBLE_YES, NULL},
    {SIMULATED("\"type\":\"UNMANAGED\"," HOSTS), CONTAINER(NEED(8, 30001)), FEASIBLE_NO,
     "needs 30,001 MiB; simulatedHosts[0] offers 30,000 MiB: 1 MiB short"},
    {SIMULATED("\"type\":\"UNMANAGED\"," HOSTS), CONTAINER(GPU(5, 100, 2)), FEASIBLE_NO,
     "needs 5 vCPU; simulatedHosts[1] has 4: 1 short"},
    {SIMULATED("\"type\":\"UNMANAGED\"," HOSTS), CONTAINER(GPU(1, 100, 3)), FEASIBLE_NO,
     "needs 3 GPUs; simulatedHosts[1] has 2"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":8,\"instanceTypes\":[\"c5.4xlarge\",\"c5.9xlarge\"]"),
     CONTAINER(NEED(4, 100)), FEASIBLE_NO,
     "needs an instance; c5.4xlarge, the smallest that fits, has 16 vCPU; maxvCpus is 8; c6a.xlarge would "
     "fit: "
     "add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":8,\"instanceTypes\":[\"c5.4xlarge\"],\"allocationStrategy\":"
         "\"BEST_FIT_PROGRESSIVE\""),
     CONTAINER(NEED(4, 100)), FEASIBLE_YES, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":8,\"instanceTypes\":[\"c5.4xlarge\"],\"strictMaxvCpus\":true,"
         "\"allocationStrategy\":\"BEST_FIT_PROGRESSIVE\""),
     CONTAINER(NEED(8, 100)), FEASIBLE_NO,
     "needs an instance; c5.4xlarge, the smallest that fits, has 16 vCPU; maxvCpus is 8; c6a.2xlarge would "
     "fit: add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5.4xlarge\"]"), NODES(4, NEED(9, 100), ""),
     FEASIBLE_YES, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":63,\"instanceTypes\":[\"c5.4xlarge\"],\"allocationStrategy\":"
         "\"BEST_FIT_PROGRESSIVE\""),
     NODES(4, NEED(9, 100), ""), FEASIBLE_NO,
     "needs 4 instances at once; c5.4xlarge has 16 vCPU; maxvCpus is 63: 1 short; m5zn.3xlarge would fit: "
     "add it to instanceTypes"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5\"]"),
     NODES(2, NEED(2, 100), "\"instanceTypes\":[\"c5.4xlarge\"],"), FEASIBLE_YES, NULL},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5.large\"]"),
     NODES(2, NEED(2, 100), "\"instanceTypes\":[\"c5.4xlarge\"],"), FEASIBLE_NO,
     "names the instance type c5.4xlarge, which the environment does not have"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":64,\"instanceTypes\":[\"c5\"]"),
     NODES(2, NEED(4, 100), "\"instanceTypes\":[\"c5.large\"],"), FEASIBLE_NO,
     "needs 4 vCPU; c5.large has 2: 2 short"},
    {AWS("\"type\":\"EC2\",\"maxvCpus\":6400,\"instanceTypes\":[\"c5\"]"), CONTAINER(NEED(10000, 100)),
     FEASIBLE_NO, "needs 10000 vCPU; maxvCpus is 6,400"},
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
        "there: needs 9,000 MiB; c5.xlarge offers containers 7,545 of its 8,192 MiB: 1,455 MiB short; "
        "r5a.large would fit: add it to instanceTypes");
    g_assert_cmpint(need, ==, NEED_MEMORY);
    feasible_environment_clear(&both[0]);
    feasible_environment_clear(&both[1]);
}

#define TYPES(text) AWS("\"type\":\"EC2\",\"maxvCpus\":4096,\"instanceTypes\":[" text "]")

/* Batch's codes of a blocked queue: maxvCpus is what all of the environments lack, or something else is. */
static void test_blocked(void)
{
    g_autoptr(ComputeEnvironmentSpec) small = compute_environment_spec_decode(
        VIEW(AWS("\"type\":\"EC2\",\"maxvCpus\":4,\"instanceTypes\":[\"c5\"]")), NULL);
    g_autoptr(ComputeEnvironmentSpec) large =
        compute_environment_spec_decode(VIEW(TYPES("\"c5.large\"")), NULL);
    FeasibleEnvironment both[] = {feasible_environment(VIEW("small"), small, PROVIDER_UNSET, NULL),
                                  feasible_environment(VIEW("large"), large, PROVIDER_UNSET, NULL)};
    g_autoptr(JobDefinitionSpec) job = job_definition_spec_decode(VIEW(CONTAINER(NEED(8, 100))), NULL);
    g_autoptr(JobDefinitionSpec) fits = job_definition_spec_decode(VIEW(CONTAINER(NEED(2, 100))), NULL);
    g_assert_cmpint(feasible_blocked(job, both, 1), ==, BLOCKED_MAX_RESOURCE);
    g_assert_cmpint(feasible_blocked(job, both, 2), ==, BLOCKED_RESOURCE_REQUIREMENT);
    g_assert_cmpint(feasible_blocked(fits, both, 2), ==, BLOCKED_NONE);
    feasible_environment_clear(&both[0]);
    feasible_environment_clear(&both[1]);
}

typedef struct {
    int64_t max_vcpus;
    const char *strategy, *type;
    const char *added; /* to instanceTypes; may be NULL */
} Ec2;

static FeasibleResult ec2_judge(const Ec2 *ec2, const JobDefinitionSpec *job, GString *arithmetic)
{
    g_autofree char *added = ec2->added ? g_strdup_printf(",\"%s\"", ec2->added) : g_strdup("");
    g_autofree char *text =
        g_strdup_printf(AWS("\"type\":\"EC2\",\"maxvCpus\":%d,\"allocationStrategy\":\"%s\","
                            "\"instanceTypes\":[\"%s\"%s]"),
                        (int)ec2->max_vcpus, ec2->strategy, ec2->type, added);
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(view_from(text), NULL);
    FeasibleEnvironment environment = feasible_environment(VIEW("e"), spec, PROVIDER_UNSET, NULL);
    FeasibleResult result = feasible_job(job, &environment, 1, arithmetic, NULL);
    feasible_environment_clear(&environment);
    return result;
}

/* Whatever type is suggested: with it the job is feasible. Whether there was a suggestion. */
static bool suggestion_check(Rng *rng, uint64_t seed)
{
    static const char *const types[] = {"c5.large", "r5.xlarge", "c6g.large", "g4dn.xlarge", "m5"};
    static const char *const strategies[] = {"BEST_FIT", "BEST_FIT_PROGRESSIVE"};
    Ec2 ec2 = {rng_between(rng, 1, 128), strategies[rng_below(rng, 2)],
               types[rng_below(rng, G_N_ELEMENTS(types))], NULL};
    g_autoptr(JobDefinitionSpec) job = job_definition_spec_decode(VIEW(CONTAINER(NEED(1, 1))), NULL);
    job->nodes = rng_below(rng, 4) ? 1 : rng_between(rng, 2, 6);
    job->need = (ResourceNeed){rng_between(rng, 1, ec2.max_vcpus) * DECIMAL_SCALE,
                               rng_between(rng, 1, 400000), rng_below(rng, 3) ? 0 : rng_between(rng, 1, 9)};
    g_autoptr(GString) arithmetic = g_string_new(NULL);
    FeasibleResult result = ec2_judge(&ec2, job, arithmetic);
    char *end = strstr(arithmetic->str, " would fit: add it to instanceTypes");
    if (!end)
        return false;
    g_assert_cmpint(result, ==, FEASIBLE_NO);
    *end = '\0';
    ec2.added = strrchr(arithmetic->str, ' ') + 1;
    if (ec2_judge(&ec2, job, NULL) != FEASIBLE_YES)
        g_error("seed %" G_GUINT64_FORMAT ": %s is no cure: %s", seed, ec2.added, arithmetic->str);
    return true;
}

static void test_suggestions(void)
{
    int suggested = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Rng rng = rng_from_seed(seed);
        suggested += suggestion_check(&rng, seed);
    }
    g_assert_cmpint(suggested, >, 50);
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
        NODES(3, NEED(2, 512), "\"instanceTypes\":[\"c5.4xlarge\"],"),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        DefinitionShape shape;
        g_autoptr(JobDefinitionSpec) spec = job_definition_spec_decode(view_from(specs[i]), NULL);
        g_assert_true(definition_shape_read(view_from(specs[i]), &shape));
        g_assert_cmpint(shape.need.vcpus_e4, ==, spec->need.vcpus_e4);
        g_assert_cmpint(shape.need.memory_mib, ==, spec->need.memory_mib);
        g_assert_cmpint(shape.need.gpus, ==, spec->need.gpus);
        g_assert_cmpint(shape.platform, ==, spec->platform);
        g_assert_cmpint(shape.nodes, ==, spec->nodes);
        g_assert_cmpstr(shape.node_type, ==, spec->node_instance_type ? spec->node_instance_type : "");
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

#define LICENCE(total, type)                                                                                 \
    "apiVersion: muster/v1\nkind: ConsumableResource\nmetadata: {name: licence}\nspec: "                     \
    "{totalQuantity: " #total ", resourceType: " #type "}\n---\n"
#define TAKES(name, quantity)                                                                                \
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: " name "}\nspec:\n  containerProperties: " \
    "{command: [x], resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 10}]}\n"            \
    "  consumableResourceProperties:\n    consumableResourceList:\n"                                         \
    "      - {consumableResource: licence, quantity: " #quantity "}\n---\n"
#define TAKER(name, definition, rest)                                                                        \
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: " name                                               \
    "}\nspec: {jobQueue: q, jobDefinition: " definition rest "}\n---\n"
#define OVERRIDE(quantity)                                                                                   \
    ", consumableResourcePropertiesOverride: {consumableResourceList: [{consumableResource: licence, "       \
    "quantity: " #quantity "}]}"

/* A replenishable resource of which there is less than one job takes; a job may replace what it takes. */
static void test_set_consumables(void)
{
    g_autoptr(DiagnosticList) diagnostics =
        check_set(BASE LICENCE(3, REPLENISHABLE) TAKES("five", 5) TAKES("three", 3) TAKER("a", "five", "")
                      TAKER("b", "five", OVERRIDE(2)) TAKER("c", "three", OVERRIDE(4)) TAKER("d", "three", "")
                          TAKER("e", "five", ", consumableResourcePropertiesOverride: {}"),
                  PROVIDER_UNSET);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 3);
    const Diagnostic *warning = diagnostic_list_get(diagnostics, 0);
    g_assert_cmpint(warning->severity, ==, SEVERITY_WARNING);
    g_assert_cmpstr(warning->message, ==, "JobDefinition/five can never run");
    g_assert_cmpstr(warning->path, ==,
                    "spec.consumableResourceProperties.consumableResourceList[0].quantity");
    const Diagnostic *inherits = diagnostic_list_get(diagnostics, 1);
    g_assert_cmpint(inherits->class, ==, DIAGNOSTIC_INFEASIBLE);
    g_assert_cmpstr(inherits->message, ==, "Job/a can never run");
    g_assert_cmpstr(inherits->detail, ==, "needs 5 of ConsumableResource/licence; there are 3");
    g_assert_cmpstr(inherits->path, ==, "spec.jobDefinition");
    const Diagnostic *own = diagnostic_list_get(diagnostics, 2);
    g_assert_cmpstr(own->message, ==, "Job/c can never run");
    g_assert_cmpstr(own->path, ==,
                    "spec.consumableResourcePropertiesOverride.consumableResourceList[0].quantity");
    g_autoptr(DiagnosticList) used_up =
        check_set(BASE LICENCE(3, NON_REPLENISHABLE) TAKES("five", 5) TAKER("a", "five", ""), PROVIDER_UNSET);
    diagnostics_none(used_up);
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
    g_test_add_func("/schedule/feasible/blocked", test_blocked);
    g_test_add_func("/schedule/feasible/suggestions", test_suggestions);
    g_test_add_func("/schedule/feasible/shapes", test_shapes);
    g_test_add_func("/schedule/feasible/set-definition", test_set_definition);
    g_test_add_func("/schedule/feasible/set-job", test_set_job);
    g_test_add_func("/schedule/feasible/set-overrides", test_set_overrides);
    g_test_add_func("/schedule/feasible/set-command", test_set_command);
    g_test_add_func("/schedule/feasible/set-pipeline", test_set_pipeline);
    g_test_add_func("/schedule/feasible/set-consumables", test_set_consumables);
    g_test_add_func("/schedule/feasible/set-open", test_set_open);
    return g_test_run();
}

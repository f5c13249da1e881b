#include "spec/manifest.h"
#include "tests/support/manifest_text.h"

#define HEAD(kind, name) "apiVersion: muster/v1\nkind: " kind "\nmetadata: {name: " name "}\n"

typedef struct {
    DiagnosticList *diagnostics;
    ManifestSet *set;
} Read;

static Read read_as(const char *yaml, const char *provider)
{
    Read read = {.diagnostics = diagnostic_list_new()};
    read.set = manifest_set_from_text(yaml, provider, NULL, read.diagnostics);
    return read;
}

static void read_clear(Read *read)
{
    manifest_set_unref(read->set);
    diagnostic_list_free(read->diagnostics);
}

static void assert_spec(const char *yaml, const char *expected)
{
    Read read = read_as(yaml, NULL);
    diagnostics_none(read.diagnostics);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 1);
    View spec = manifest_set_get(read.set, 0)->spec;
    g_autofree char *text = g_strndup(spec.data, spec.len);
    g_assert_cmpstr(text, ==, expected);
    read_clear(&read);
}

static void test_short_forms(void)
{
    const char *queue = "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"a\",\"order\":2},"
                        "{\"computeEnvironment\":\"b\",\"order\":1}],\"priority\":5}";
    assert_spec(HEAD("JobQueue", "q") "spec: {priority: 5, computeEnvironmentOrder: [b, a], state: ENABLED}",
                queue);
    assert_spec(
        HEAD(
            "JobQueue",
            "q") "spec: {computeEnvironmentOrder: [{order: 1, computeEnvironment: b}, {order: 2, "
                 "computeEnvironment: a}], priority: 5, schedulingPolicy: null, serviceEnvironmentOrder: []}",
        queue);
    assert_spec(HEAD("ComputeEnvironment", "c") "spec: {provider: local}",
                "{\"provider\":{\"type\":\"local\"}}");
    assert_spec(HEAD("ComputeEnvironment", "c") "spec: {provider: {type: local}, type: MANAGED}",
                "{\"provider\":{\"type\":\"local\"}}");
}

static void test_amounts(void)
{
    const char *expected =
        "{\"containerProperties\":{\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"64\"},"
        "{\"type\":\"VCPU\",\"value\":\"2\"}]}}";
    assert_spec(
        HEAD("JobDefinition", "d") "spec: {type: container, containerProperties: {resourceRequirements: "
                                   "[{type: VCPU, value: 2}, {type: MEMORY, value: \"064\"}]}}",
        expected);
    assert_spec(
        HEAD("JobDefinition", "d") "spec: {containerProperties: {resourceRequirements: "
                                   "[{value: 64, type: MEMORY}, {type: VCPU, value: 2.0}], command: []}}",
        expected);
}

/* An alias is the same node in two places: writing one out must not change the other. */
static void test_aliases(void)
{
    assert_spec(HEAD("JobDefinition",
                     "d") "spec: {timeout: {attemptDurationSeconds: &n 64}, containerProperties: "
                          "{resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: *n}]}}",
                "{\"containerProperties\":{\"resourceRequirements\":[{\"type\":\"MEMORY\",\"value\":\"64\"},"
                "{\"type\":\"VCPU\",\"value\":\"1\"}]},\"timeout\":{\"attemptDurationSeconds\":64}}");
    assert_spec(HEAD("ComputeEnvironment", "c") "spec: {tags: {where: &p local}, provider: *p}",
                "{\"provider\":{\"type\":\"local\"},\"tags\":{\"where\":\"local\"}}");
}

/* weightFactor is a decimal: 1/10,000ths in the canonical form. */
static void test_decimals(void)
{
    assert_spec(
        HEAD("SchedulingPolicy",
             "s") "spec: {fairsharePolicy: {shareDistribution: "
                  "[{shareIdentifier: b, weightFactor: 1}, {shareIdentifier: a, weightFactor: 0.125}]}}",
        "{\"fairsharePolicy\":{\"shareDistribution\":[{\"shareIdentifier\":\"a\",\"weightFactor\":1250},"
        "{\"shareIdentifier\":\"b\"}]}}");
}

/* Spelled-out defaults do not show, and money is a decimal. An updatePolicy that says nothing is not the same
 * as none. */
static void test_scheduling_members(void)
{
    const char *environment = "{\"budget\":{\"perDay\":125000},\"computeResources\":{\"maxvCpus\":8},"
                              "\"provider\":{\"type\":\"simulated\"},\"updatePolicy\":{}}";
    assert_spec(
        HEAD("ComputeEnvironment",
             "c") "spec: {provider: simulated, budget: {perDay: 12.5}, computeResources: {maxvCpus: 8}, "
                  "updatePolicy: {jobExecutionTimeoutMinutes: 30}}",
        environment);
    assert_spec(
        HEAD("ComputeEnvironment",
             "c") "spec: {provider: simulated, budget: {perDay: 12.50, perMonth: null}, updatePolicy: "
                  "{terminateJobsOnUpdate: false}, computeResources: {maxvCpus: 8, strictMaxvCpus: "
                  "false, bidPercentage: null, minvCpus: 0, allocationStrategy: BEST_FIT}}",
        environment);
    const char *hosts = "{\"simulatedHosts\":[{\"memoryMiB\":100,\"vcpus\":2},{\"count\":2,\"memoryMiB\":100,"
                        "\"vcpus\":2}],\"type\":\"UNMANAGED\"}";
    assert_spec(
        HEAD("ComputeEnvironment",
             "c") "spec: {type: UNMANAGED, simulatedHosts: [{count: 1, vcpus: 2, memoryMiB: 100, gpus: "
                  "0}, {count: 2, vcpus: 2, memoryMiB: 100}]}",
        hosts);
    const char *queue = "{\"assert\":{\"costPerDay\":405000},\"computeEnvironmentOrder\":[{"
                        "\"computeEnvironment\":\"b\",\"order\":1}],\"priority\":5}";
    assert_spec(
        HEAD("JobQueue", "q") "spec: {priority: 5, computeEnvironmentOrder: [b], backfill: true, assert: "
                              "{costPerDay: 40.5}}",
        queue);
    assert_spec(HEAD("SchedulingPolicy", "s") "spec: {fairsharePolicy: {shareDecaySeconds: 0}, shareLimits: "
                                              "[{shareIdentifier: b, maxvCpus: 1}, {shareIdentifier: a*, "
                                              "maxvCpus: 2}]}",
                "{\"fairsharePolicy\":{},\"shareLimits\":[{\"maxvCpus\":2,\"shareIdentifier\":\"a*\"},"
                "{\"maxvCpus\":1,\"shareIdentifier\":\"b\"}]}");
}

static void test_envelope(void)
{
    Read read = read_as("a: 1\n---\napiVersion: apps/v1\nkind: Deployment\n---\n[1]\n", NULL);
    diagnostics_none(read.diagnostics);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 0);
    read_clear(&read);

    read = read_as("apiVersion: muster/v2\nkind: JobQueue\n", NULL);
    g_assert_cmpint(diagnostic_only(read.diagnostics)->line, ==, 1);
    read_clear(&read);

    read = read_as("apiVersion: muster/v1\nkind: JobQeue\nmetadata: {name: x}\nspec: {}\n", NULL);
    const Diagnostic *fault = diagnostic_only(read.diagnostics);
    g_assert_cmpint(fault->line, ==, 2);
    g_assert_cmpstr(fault->detail, ==, "did you mean \"JobQueue\"?");
    read_clear(&read);
}

static void test_metadata(void)
{
    Read read =
        read_as("apiVersion: muster/v1\nkind: ConsumableResource\nmetadata:\n  name: licences\n  labels:\n"
                "    team: a\n  annotations: {muster/prune: \"false\", muster/deletion: refuse, note: "
                "hello}\nspec: {}\n"
                "---\n" HEAD("ConsumableResource", "more") "spec: {}\n",
                NULL);
    diagnostics_none(read.diagnostics);
    const Manifest *first = manifest_set_find(read.set, KIND_CONSUMABLE_RESOURCE, VIEW("licences"));
    g_assert_false(first->prune);
    g_assert_cmpint(first->deletion, ==, DELETION_REFUSE);
    g_assert_true(
        view_equal(first->metadata, VIEW("{\"annotations\":{\"muster/deletion\":\"refuse\",\"muster/prune\":"
                                         "\"false\",\"note\":\"hello\"},\"labels\":{\"team\":\"a\"}}")));
    const Manifest *second = manifest_set_find(read.set, KIND_CONSUMABLE_RESOURCE, VIEW("more"));
    g_assert_true(second->prune);
    g_assert_cmpint(second->deletion, ==, DELETION_DRAIN);
    g_assert_true(view_equal(second->metadata, VIEW("{}")));
    read_clear(&read);

    read = read_as(
        "apiVersion: muster/v1\nkind: ConsumableResource\nmetadata: {name: x, annotations: {muster/prun: "
        "\"false\"}}\nspec: {}\n",
        NULL);
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 1);
    read_clear(&read);
}

static void test_batch_members(void)
{
    Read read =
        read_as(HEAD("JobQueue", "q") "spec: {jobQueueName: q, priority: 1, computeEnvironmentOrder: [a], "
                                      "jobQueueArn: \"arn:x\", status: VALID}\n",
                NULL);
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_NOTICE), ==, 2);
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 0);
    g_assert_null(memmem(manifest_set_get(read.set, 0)->spec.data, manifest_set_get(read.set, 0)->spec.len,
                         "status", 6));
    read_clear(&read);

    read = read_as(
        HEAD("JobQueue", "q") "spec: {jobQueueName: other, priority: 1, computeEnvironmentOrder: [a]}\n",
        NULL);
    g_assert_cmpstr(diagnostic_only(read.diagnostics)->message, ==, "jobQueueName is not metadata.name");
    g_assert_cmpuint(manifest_set_len(read.set), ==, 0);
    read_clear(&read);
}

/* What only AWS needs is asked for only there: --provider, then the environment's own, then aws. */
static void test_providers(void)
{
    const char *bare = HEAD("ComputeEnvironment", "c") "spec: {computeResources: {type: EC2, maxvCpus: 4}}\n";
    Read read = read_as(bare, NULL);
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), >=, 2);
    read_clear(&read);
    read = read_as(bare, "local");
    diagnostics_none(read.diagnostics);
    read_clear(&read);
    read = read_as(HEAD("ComputeEnvironment", "c") "spec: {provider: local}\n", NULL);
    diagnostics_none(read.diagnostics);
    read_clear(&read);
    read = read_as(HEAD("ComputeEnvironment", "c") "spec: {provider: local}\n", "aws");
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 1);
    read_clear(&read);
}

static void test_document_rules(void)
{
    static const struct {
        const char *yaml, *message;
        int line;
    } cases[] = {
        {HEAD("JobQueue", "q") "spec:\n  priority: 1\n  computeEnvironmentOrder:\n    - {order: 1, "
                               "computeEnvironment: a}\n"
                               "    - {order: 2, computeEnvironment: a}\n",
         "the queue names \"a\" twice", 8},
        {HEAD("JobQueue", "q") "spec:\n  priority: 1\n  computeEnvironmentOrder:\n    - {order: 1, "
                               "computeEnvironment: a}\n"
                               "    - {order: 1, computeEnvironment: b}\n",
         "two environments of the queue have the order 1", 8},
        {HEAD("ComputeEnvironment",
              "c") "spec:\n  provider: local\n  computeResources:\n    minvCpus: 9\n    maxvCpus: 8\n",
         "minvCpus is 9, more than maxvCpus, 8", 7},
        {HEAD("Pipeline", "p") "spec:\n  jobQueue: q\n  jobs:\n    - {name: one, jobDefinition: d}\n"
                               "    - {name: two, jobDefinition: d, dependsOn: [{job: onne}]}\n",
         "no step is named \"onne\"; did you mean \"one\"?", 8},
        {HEAD("Pipeline",
              "p") "spec:\n  jobQueue: q\n  jobs:\n    - {name: a, jobDefinition: d, dependsOn: [{job: c}]}\n"
                   "    - {name: b, jobDefinition: d, dependsOn: [{job: a}]}\n"
                   "    - {name: c, jobDefinition: d, dependsOn: [{job: b}]}\n",
         "the steps wait for each other: a -> c -> b -> a", 7},
        {HEAD("Pipeline", "p") "spec:\n  jobQueue: q\n  jobs:\n    - {name: a, jobDefinition: d, "
                               "arrayProperties: {size: 3}}\n"
                               "    - {name: b, jobDefinition: d, arrayProperties: {size: 4}, dependsOn: "
                               "[{job: a, type: N_TO_N}]}\n",
         "N_TO_N joins arrays of equal size: \"a\" has 3, this step 4", 8},
        {HEAD("Pipeline", "p") "spec:\n  jobQueue: q\n  jobs:\n    - {name: a, jobDefinition: d}\n"
                               "    - {name: a, jobDefinition: e}\n",
         "two steps are named \"a\"", 8},
        {HEAD("Pipeline", "p") "spec:\n  jobs:\n    - {name: a, jobDefinition: d}\n",
         "this step names no jobQueue, and the pipeline names none", 6},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Read read = read_as(cases[i].yaml, NULL);
        const Diagnostic *fault = diagnostic_only(read.diagnostics);
        g_assert_cmpstr(fault->message, ==, cases[i].message);
        g_assert_cmpint(fault->line, ==, cases[i].line);
        g_assert_cmpuint(manifest_set_len(read.set), ==, 0);
        read_clear(&read);
    }
}

static Manifest made(Kind kind, const char *name, const char *spec, const char *file, int line)
{
    Manifest manifest = {.kind = kind,
                         .name = view_from(name),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .file = file,
                         .line = line};
    canonical_digest(kind, manifest.name, manifest.spec, &manifest.digest);
    return manifest;
}

static ManifestSet *set_of(const Manifest *manifests, size_t len, size_t batches, DiagnosticList *diagnostics)
{
    ManifestBatch *list[4];
    for (size_t b = 0; b < batches; b++)
        list[b] = manifest_batch_new();
    for (size_t i = 0; i < len; i++)
        manifest_batch_add(list[i % batches], &manifests[i]);
    return manifest_set_build(list, batches, NULL, diagnostics);
}

static void test_set_order(void)
{
    const Manifest manifests[] = {made(KIND_JOB, "b", "{}", "z", 1),
                                  made(KIND_JOB, "a-long-name-2", "{}", "z", 2),
                                  made(KIND_JOB, "a-long-name-10", "{}", "z", 3),
                                  made(KIND_JOB, "a", "{}", "z", 4),
                                  made(KIND_COMPUTE_ENVIRONMENT, "x", "{}", "z", 5),
                                  made(KIND_JOB, "a-long-name", "{}", "z", 6)};
    static const char *const order[] = {"x", "a", "a-long-name", "a-long-name-10", "a-long-name-2", "b"};
    g_autofree char *revision = NULL;
    for (size_t batches = 1; batches <= 4; batches++) {
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_autoptr(ManifestSet) set = set_of(manifests, G_N_ELEMENTS(manifests), batches, diagnostics);
        diagnostics_none(diagnostics);
        for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
            g_assert_true(view_is(manifest_set_get(set, i)->name, order[i]));
        size_t first;
        g_assert_cmpuint(manifest_set_kind(set, KIND_JOB, &first), ==, 5);
        g_assert_cmpuint(first, ==, 1);
        g_assert_null(manifest_set_find(set, KIND_JOB, VIEW("x")));
        g_assert_nonnull(manifest_set_find(set, KIND_COMPUTE_ENVIRONMENT, VIEW("x")));
        if (!revision)
            revision = g_strdup(manifest_set_revision(set));
        g_assert_cmpstr(manifest_set_revision(set), ==, revision); /* batches are no part of it */
    }
}

static void test_duplicates(void)
{
    const Manifest manifests[] = {
        made(KIND_JOB, "a", "{\"x\":1}", "b.yaml", 9), made(KIND_JOB, "a", "{}", "a.yaml", 7),
        made(KIND_JOB, "a", "{}", "a.yaml", 3), made(KIND_PIPELINE, "a", "{}", "a.yaml", 1)};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = set_of(manifests, 4, 2, diagnostics);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 2);
    g_assert_cmpstr(diagnostic_list_get(diagnostics, 0)->message, ==, "Job/a is defined twice");
    g_assert_cmpint(diagnostic_list_get(diagnostics, 0)->line, ==, 7);
    g_assert_cmpstr(diagnostic_list_get(diagnostics, 1)->detail, ==, "first at a.yaml:3");
    g_assert_cmpuint(manifest_set_len(set), ==, 2);
    g_assert_cmpint(manifest_set_find(set, KIND_JOB, VIEW("a"))->line, ==, 3);
}

static void test_references(void)
{
    const Manifest manifests[] = {
        made(KIND_PIPELINE, "p",
             "{\"jobQueue\":\"q\",\"jobs\":[{\"dependsOn\":[{\"job\":\"x\"}],\"jobDefinition\":\"d\\\"\","
             "\"name\":\"jobQueue\","
             "\"parameters\":{\"jobDefinition\":\"no\"}},{\"jobDefinition\":\"e\",\"jobQueue\":\"r\"}]}",
             "f", 1),
        made(KIND_JOB, "broken", "{\"jobQueue\":\"q", "f", 2)};
    static const struct {
        Kind kind;
        const char *text, *path;
    } expected[] = {{KIND_JOB_QUEUE, "q", "spec.jobQueue"},
                    {KIND_JOB_DEFINITION, "d\\\"", "spec.jobs[].jobDefinition"},
                    {KIND_JOB_DEFINITION, "e", "spec.jobs[].jobDefinition"},
                    {KIND_JOB_QUEUE, "r", "spec.jobs[].jobQueue"}};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = set_of(manifests, 2, 1, diagnostics);
    const Manifest *pipeline = manifest_set_find(set, KIND_PIPELINE, VIEW("p"));
    g_assert_cmpuint(pipeline->references_len, ==, G_N_ELEMENTS(expected));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpint(pipeline->references[i].kind, ==, expected[i].kind);
        g_assert_true(view_is(pipeline->references[i].text, expected[i].text));
        g_assert_cmpstr(pipeline->references[i].path, ==, expected[i].path);
    }
    g_assert_cmpuint(manifest_set_find(set, KIND_JOB, VIEW("broken"))->references_len, ==, 0);
}

static void test_config(void)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(SourceConfig) config =
        source_config_parse(VIEW("name: prod\nprovider: local\nregion: eu-west-1\naccount: "
                                 "\"123456789012\"\nuses: [JobQueue/shared]\n"
                                 "retention: 12h\n"),
                            "muster.yaml", diagnostics);
    diagnostics_none(diagnostics);
    g_assert_cmpstr(config->name, ==, "prod");
    g_assert_cmpstr(config->provider, ==, "local");
    g_assert_cmpstr(config->uses[0], ==, "JobQueue/shared");
    g_assert_cmpint(config->retention_ms, ==, 12 * 3600 * 1000);
    g_autoptr(SourceConfig) copy = source_config_copy(config);
    g_assert_cmpstr(copy->account, ==, "123456789012");

    g_autoptr(SourceConfig) later =
        source_config_parse(VIEW("namePrefix: a\nregion:\n"), "muster.yaml", diagnostics);
    g_assert_nonnull(later);
    diagnostics_none(diagnostics);

    g_autoptr(DiagnosticList) errors = diagnostic_list_new();
    g_assert_null(source_config_parse(VIEW("provder: local\n"), "muster.yaml", errors));
    g_assert_null(source_config_parse(VIEW("retention: 1 fortnight\n"), "muster.yaml", errors));
    g_assert_null(source_config_parse(VIEW("name: a\n---\nname: b\n"), "muster.yaml", errors));
    g_assert_null(source_config_parse(VIEW("uses: [Queue/x]\n"), "muster.yaml", errors));
    g_assert_cmpuint(diagnostic_list_count(errors, SEVERITY_ERROR), ==, 4);
    g_autoptr(DiagnosticList) none = diagnostic_list_new();
    g_autoptr(SourceConfig) empty = source_config_parse(VIEW("# nothing\n"), "muster.yaml", none);
    g_assert_nonnull(empty);
    g_assert_null(empty->provider);
}

/* ---- the part of a revision that must be looked at again */

#define PART_QUEUE                                                                                           \
    HEAD("ComputeEnvironment", "e")                                                                          \
    "spec: {provider: local, type: MANAGED}\n---\n" HEAD(                                                    \
        "JobQueue",                                                                                          \
        "q") "spec: {priority: 1, computeEnvironmentOrder: [e]}\n---\n" HEAD("JobQueue",                     \
                                                                             "r") "spec: {priority: 1, "     \
                                                                                  "computeEnvironmentOrder:" \
                                                                                  " [e]}\n---\n"
#define PART_DEFINITION(name, word)                                                                          \
    HEAD("JobDefinition", name)                                                                              \
    "spec: {type: container, containerProperties: {command: [" word                                          \
    "], resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 8}]}}\n---\n"
#define PART_JOB(name, definition, more)                                                                     \
    HEAD("Job", name) "spec: {jobQueue: q, jobDefinition: " definition more "}\n---\n"

/* The titles of the part, in order, or "all". */
static char *part_titles(const char *before, const char *now, size_t max)
{
    Read old = read_as(before, NULL), new = read_as(now, NULL);
    diagnostics_none(old.diagnostics);
    diagnostics_none(new.diagnostics);
    g_autoptr(ManifestSet) part = manifest_set_part(old.set, new.set, max);
    GString *titles = g_string_new(part ? "" : "all");
    for (size_t i = 0; part && i < manifest_set_len(part); i++) {
        const Manifest *manifest = manifest_set_get(part, i);
        g_assert_true(manifest_set_find(part, manifest->kind, manifest->name) == manifest);
        g_string_append_printf(titles, "%s%s/" VIEW_FMT, i ? " " : "", kind_name(manifest->kind),
                               VIEW_ARG(manifest->name));
    }
    if (part)
        g_assert_cmpstr(manifest_set_revision(part), ==, manifest_set_revision(new.set));
    read_clear(&old);
    read_clear(&new);
    return g_string_free(titles, FALSE);
}

static void assert_part(const char *before, const char *now, const char *expected)
{
    g_autofree char *titles = part_titles(before, now, 100);
    g_assert_cmpstr(titles, ==, expected);
}

static void test_part(void)
{
    const char *before = PART_QUEUE PART_DEFINITION("d", "a") PART_DEFINITION("f", "a")
        PART_JOB("one", "d", "") PART_JOB("two", "f", "") PART_JOB("three", "f", ", dependsOn: [{job: one}]");
    assert_part(before, before, "");
    /* a definition: its jobs, and what they run in; not what waits for them */
    assert_part(before,
                PART_QUEUE PART_DEFINITION("d", "b") PART_DEFINITION("f", "a") PART_JOB("one", "d", "")
                    PART_JOB("two", "f", "") PART_JOB("three", "f", ", dependsOn: [{job: one}]"),
                "ComputeEnvironment/e JobQueue/q JobDefinition/d Job/one");
    /* a job: who waits for it, and what both name */
    assert_part(before,
                PART_QUEUE PART_DEFINITION("d", "a") PART_DEFINITION("f", "a")
                    PART_JOB("one", "d", ", arrayProperties: {size: 3}") PART_JOB("two", "f", "")
                        PART_JOB("three", "f", ", dependsOn: [{job: one}]"),
                "ComputeEnvironment/e JobQueue/q JobDefinition/d JobDefinition/f Job/one Job/three");
    /* something new */
    assert_part(before,
                PART_QUEUE PART_DEFINITION("d", "a") PART_DEFINITION("f", "a") PART_JOB("one", "d", "")
                    PART_JOB("two", "f", "") PART_JOB("three", "f", ", dependsOn: [{job: one}]")
                        PART_JOB("two-more", "f", ""),
                "ComputeEnvironment/e JobQueue/q JobDefinition/f Job/two-more");
    /* something gone */
    assert_part(before,
                PART_QUEUE PART_DEFINITION("d", "a") PART_DEFINITION("f", "a") PART_JOB("one", "d", "")
                    PART_JOB("three", "f", ", dependsOn: [{job: one}]"),
                "all");
}

static void test_part_spreads(void)
{
    const char *before = PART_QUEUE PART_DEFINITION("d", "a") PART_JOB("one", "d", "");
    const char *now =
        HEAD("ComputeEnvironment",
             "e") "spec: {provider: local, type: MANAGED, state: "
                  "DISABLED}\n---\n" HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: "
                                                           "[e]}\n---\n" HEAD(
                                                               "JobQueue", "r") "spec: {priority: 1, "
                                                                                "computeEnvironmentOrder: "
                                                                                "[e]}\n---"
                                                                                "\n" PART_DEFINITION("d", "a")
                                                                                    PART_JOB("one", "d", "");
    assert_part(before, now, "ComputeEnvironment/e JobQueue/q JobQueue/r JobDefinition/d Job/one");
    g_autofree char *titles = part_titles(before, now, 3);
    g_assert_cmpstr(titles, ==, "all");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/spec/manifest/short-forms", test_short_forms);
    g_test_add_func("/spec/manifest/amounts", test_amounts);
    g_test_add_func("/spec/manifest/aliases", test_aliases);
    g_test_add_func("/spec/manifest/decimals", test_decimals);
    g_test_add_func("/spec/manifest/scheduling-members", test_scheduling_members);
    g_test_add_func("/spec/manifest/envelope", test_envelope);
    g_test_add_func("/spec/manifest/metadata", test_metadata);
    g_test_add_func("/spec/manifest/batch-members", test_batch_members);
    g_test_add_func("/spec/manifest/providers", test_providers);
    g_test_add_func("/spec/manifest/document-rules", test_document_rules);
    g_test_add_func("/spec/manifest/set-order", test_set_order);
    g_test_add_func("/spec/manifest/duplicates", test_duplicates);
    g_test_add_func("/spec/manifest/references", test_references);
    g_test_add_func("/spec/manifest/config", test_config);
    g_test_add_func("/manifest/part", test_part);
    g_test_add_func("/manifest/part-spreads", test_part_spreads);
    return g_test_run();
}

#include "spec/prefix.h"

#include "spec/variant.h"
#include "tests/support/manifest_text.h"

#define HEAD(kind, name) "apiVersion: muster/v1\nkind: " kind "\nmetadata: {name: " name "}\n"
#define DEFINITION(name)                                                                                     \
    HEAD("JobDefinition", name)                                                                              \
    "spec: {type: container, containerProperties: {image: i, resourceRequirements: [{type: VCPU, value: "    \
    "1}, "                                                                                                   \
    "{type: MEMORY, value: 64}]}}\n---\n"

/* muster.yaml and documents become a set. */
typedef struct {
    SourceConfig *config;
    ManifestSet *set;
    DiagnosticList *diagnostics;
} Read;

static Read read_with(const char *muster, const char *yaml)
{
    Read read = {.diagnostics = diagnostic_list_new()};
    kinds_init();
    read.config = source_config_parse(view_from(muster), "muster.yaml", read.diagnostics);
    g_assert_nonnull(read.config);
    source_config_settle(read.config, NULL, read.diagnostics);
    read.set = manifest_set_from_text(yaml, "local", read.config, read.diagnostics);
    read.set = variant_finish(read.set, read.diagnostics);
    return read;
}

static void read_clear(Read *read)
{
    source_config_free(read->config);
    manifest_set_unref(read->set);
    diagnostic_list_free(read->diagnostics);
}

static void assert_spec(const Read *read, Kind kind, const char *name, const char *expected)
{
    const Manifest *manifest = manifest_set_find(read->set, kind, view_from(name));
    g_assert_nonnull(manifest);
    g_autofree char *spec = g_strndup(manifest->spec.data, manifest->spec.len);
    g_assert_cmpstr(spec, ==, expected);
}

static void assert_fault(Read *read, const char *file, int line, int column, const char *message,
                         const char *detail)
{
    const Diagnostic *fault = diagnostic_only(read->diagnostics);
    g_assert_cmpstr(fault->message, ==, message);
    g_assert_cmpstr(fault->file, ==, file);
    g_assert_cmpint(fault->line, ==, line);
    g_assert_cmpint(fault->column, ==, column);
    if (detail)
        g_assert_nonnull(strstr(fault->detail ? fault->detail : "", detail));
    read_clear(read);
}

/* ---- what is put where
 * ----------------------------------------------------------------------------------------------------- */

static void test_names(void)
{
    Read read =
        read_with("namePrefix: a-\nuses: [JobQueue/shared, JobDefinition/theirs]\n",
                  HEAD("ComputeEnvironment", "e") "spec: {type: MANAGED}\n---\n"                   /* */
                  HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [e]}\n---\n" /* */
                  DEFINITION("d") HEAD("Job", "first")                                             /* */
                  "spec: {jobQueue: q, jobDefinition: d}\n---\n" HEAD("Job", "j")                  /* */
                  "spec: {jobName: j, jobQueue: shared, jobDefinition: theirs, dependsOn: "        /* */
                  "[{job: first}]}\n---\n" HEAD("Pipeline", "p")                                   /* */
                  "spec:\n  jobQueue: q\n  jobs:\n"                                                /* */
                  "  - {name: d, jobDefinition: 'd:3'}\n"                                          /* */
                  "  - {name: q, jobDefinition: 'theirs:2', dependsOn: [{job: d}]}\n"              /* */
                  "  - {name: x, jobDefinition: 'arn:aws:batch:eu-west-1:123456789012:job-definition/d'}\n");
    diagnostics_none(read.diagnostics);
    assert_spec(
        &read, KIND_JOB_QUEUE, "a-q",
        "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"a-e\",\"order\":1}],\"priority\":1}");
    assert_spec(
        &read, KIND_JOB, "a-j",
        "{\"dependsOn\":[{\"job\":\"a-first\"}],\"jobDefinition\":\"theirs\",\"jobQueue\":\"shared\"}");
    assert_spec(
        &read, KIND_PIPELINE, "a-p",
        "{\"jobQueue\":\"a-q\",\"jobs\":[{\"jobDefinition\":\"a-d:3\",\"name\":\"d\"},"
        "{\"dependsOn\":[{\"job\":\"d\"}],\"jobDefinition\":\"theirs:2\",\"name\":\"q\"},"
        "{\"jobDefinition\":\"arn:aws:batch:eu-west-1:123456789012:job-definition/d\",\"name\":\"x\"}]}");
    read_clear(&read);
}

/* An alias shares its nodes: nothing gets two prefixes, and what is no name gets none. */
static void test_aliases(void)
{
    Read read = read_with(
        "namePrefix: a-\n",
        DEFINITION("d")
            HEAD("Pipeline",
                 "p") "spec:\n  jobQueue: &n d\n  parameters: {n: *n}\n  jobs:\n"
                      "  - {name: one, jobDefinition: *n, consumableResourcePropertiesOverride: &o "
                      "{consumableResourceList: [{consumableResource: c, quantity: 1}]}}\n"
                      "  - {name: two, jobDefinition: *n, consumableResourcePropertiesOverride: *o}\n");
    diagnostics_none(read.diagnostics);
    const char *resources = "{\"consumableResourceList\":[{\"consumableResource\":\"a-c\",\"quantity\":1}]}";
    g_autofree char *expected = g_strdup_printf(
        "{\"jobQueue\":\"a-d\",\"jobs\":[{\"consumableResourcePropertiesOverride\":%s,\"jobDefinition\":\"a-"
        "d\","
        "\"name\":\"one\"},{\"consumableResourcePropertiesOverride\":%s,\"jobDefinition\":\"a-d\",\"name\":"
        "\"two\"}],\"parameters\":{\"n\":\"d\"}}",
        resources, resources);
    assert_spec(&read, KIND_PIPELINE, "a-p", expected);
    read_clear(&read);
}

#define QUEUE(name) HEAD("JobQueue", name) "spec: {priority: 1, computeEnvironmentOrder: [e]}\n---\n"

/* Patches come before it, references to variables before these. */
static void test_variant(void)
{
    Read read = read_with(
        "variables: {team: b, of: e}\nnamePrefix: ${var.team}-\npatches:\n"
        "- {target: JobQueue/high, spec: {priority: 1, computeEnvironmentOrder: [\"${var.of}2\"]}}\n"
        "- {target: JobQueue/lo*, spec: {priority: 3}}\n"
        "- {target: JobQueue/gone, $patch: delete}\n",
        QUEUE("high") QUEUE("low") QUEUE("gone"));
    diagnostics_none(read.diagnostics);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 2);
    assert_spec(
        &read, KIND_JOB_QUEUE, "b-high",
        "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"b-e2\",\"order\":1}],\"priority\":1}");
    assert_spec(
        &read, KIND_JOB_QUEUE, "b-low",
        "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"b-e\",\"order\":1}],\"priority\":3}");
    read_clear(&read);
    read = read_with("namePrefix: b-\npatches: [{target: JobQueue/b-high, spec: {priority: 3}}]\n",
                     QUEUE("high"));
    assert_fault(&read, "muster.yaml", 2, 20, "no manifest is JobQueue/b-high, which this patch is for",
                 "did you mean \"JobQueue/high\"?");
}

/* ---- faults
 * ----------------------------------------------------------------------------------------------------------------
 */

static void test_faults(void)
{
    static const char *const wrong[] = {"-a", "a.b", "a b", "7", "[a]", "${var.n}"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *muster = g_strdup_printf("variables: {n: 7}\nnamePrefix: %s\n", wrong[i]);
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_autoptr(SourceConfig) config = source_config_parse(view_from(muster), "muster.yaml", diagnostics);
        if (config)
            source_config_settle(config, NULL, diagnostics);
        g_assert_cmpint(diagnostic_only(diagnostics)->line, ==, 2);
        g_assert_cmpint(diagnostic_only(diagnostics)->severity, ==, SEVERITY_ERROR);
    }
    Read read = read_with("namePrefix: ${var.m}\n", "");
    assert_fault(&read, "muster.yaml", 1, 13, "no variable \"m\" is declared", NULL);
    g_autofree char *name = g_strnfill(127, 'n'),
                    *yaml =
                        g_strdup_printf(HEAD("ConsumableResource", "%s") "spec: {totalQuantity: 1}\n", name);
    read = read_with("namePrefix: n\n", yaml);
    diagnostics_none(read.diagnostics);
    read_clear(&read);
    read = read_with("\nnamePrefix: ab\n", yaml);
    assert_fault(&read, "test.yaml", 3, 18,
                 "with the prefix \"ab\" this name has 129 characters, and at most 128 fit",
                 "namePrefix: muster.yaml:2");
    read = read_with("namePrefix: a-\nuses: [JobQueue/high]\n", QUEUE("high"));
    assert_fault(&read, "test.yaml", 3, 18,
                 "JobQueue/high is made here, and named under `uses:` as another source's: what refers to it "
                 "could mean either",
                 "made here it is \"a-high\" (namePrefix: muster.yaml:1)");
}

static ReferenceStanding nothing_known(Kind kind, View name, void *data)
{
    (void)kind, (void)name, (void)data;
    return REFERENCE_MISSING;
}

/* Places are those of the file, names those that are written there. */
static void test_places(void)
{
    static const char yaml[] = HEAD("ComputeEnvironment", "here") "spec: {type: MANAGED}\n---\n" /* */
        HEAD("JobQueue", "q") "spec:\n  priority: 1\n  computeEnvironmentOrder:\n  - here\n  - her\n";
    Read read = read_with("namePrefix: a-\n", yaml);
    diagnostics_none(read.diagnostics);
    reference_check(read.set, nothing_known, manifest_text_of, (void *)(uintptr_t)yaml, read.diagnostics);
    assert_fault(&read, "test.yaml", 13, 5, "no ComputeEnvironment is named \"her\"; did you mean \"here\"?",
                 "with namePrefix it is \"a-her\"; one of another source is named under `uses:`: "
                 "[ComputeEnvironment/her]");
}

static ReferenceStanding shared_known(Kind kind, View name, void *data)
{
    (void)data;
    return kind == KIND_COMPUTE_ENVIRONMENT && view_is(name, "shared") ? REFERENCE_KNOWN : REFERENCE_MISSING;
}

/* What another source makes is looked for under its own name; without a state it is a warning. */
static void test_uses(void)
{
    static const char muster[] = "uses: [ComputeEnvironment/shared, ComputeEnvironment/none]\n",    /* */
        good[] = HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [shared]}\n",  /* */
        bad[] = HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [none]}\n---\n" /* */
        HEAD("JobQueue", "r") "spec: {priority: 1, computeEnvironmentOrder: [none]}\n";
    static const char *const prefixes[] = {"", "namePrefix: a-\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        g_autofree char *config = g_strconcat(prefixes[i], muster, NULL);
        Read read = read_with(config, good);
        reference_check(read.set, shared_known, manifest_text_of, (void *)(uintptr_t)good, read.diagnostics);
        diagnostics_none(read.diagnostics);
        read_clear(&read);

        read = read_with(config, bad);
        reference_check(read.set, shared_known, manifest_text_of, (void *)(uintptr_t)bad, read.diagnostics);
        g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 2);
        const Diagnostic *fault = diagnostic_list_get(read.diagnostics, 1);
        g_assert_cmpint(fault->line, ==, 9);
        g_assert_cmpint(fault->column, ==, 47);
        g_assert_cmpstr(fault->message, ==,
                        "no ComputeEnvironment is named \"none\": `uses:` in muster.yaml says that another "
                        "source makes it, and none has");
        read_clear(&read);

        read = read_with(config, bad);
        reference_check(read.set, NULL, manifest_text_of, (void *)(uintptr_t)bad, read.diagnostics);
        g_assert_cmpint(diagnostic_only(read.diagnostics)->severity, ==, SEVERITY_WARNING);
        assert_fault(
            &read, "test.yaml", 4, 47,
            "ComputeEnvironment/none, of `uses:` in muster.yaml, cannot be looked for: there is no state",
            NULL);
    }
}

/* ---- layers, digests
 * ---------------------------------------------------------------------------------------------------------------
 */

static SourceConfig *inherited(const char *text, const char *base_text)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(SourceConfig) base = source_config_parse(view_from(base_text), "base/muster.yaml", diagnostics);
    SourceConfig *config = source_config_parse(view_from(text), "muster.yaml", diagnostics);
    source_config_inherit(config, base);
    source_config_settle(config, NULL, diagnostics);
    diagnostics_none(diagnostics);
    return config;
}

static void assert_prefix(const char *text, const char *base, const char *expected)
{
    g_autoptr(SourceConfig) config = inherited(text, base);
    View prefix = prefix_text(variant_prefix(config->variant));
    g_autofree char *found = g_strndup(prefix.data, prefix.len);
    g_assert_cmpstr(found, ==, expected);
}

static void test_bases(void)
{
    kinds_init();
    assert_prefix("name: a\n", "namePrefix: base-\n", "base-");
    assert_prefix("namePrefix: a-\n", "namePrefix: base-\n", "a-");
    assert_prefix("namePrefix: ''\n", "namePrefix: base-\n", "");
    assert_prefix("variables: {e: prod}\n", "variables: {e: dev}\nnamePrefix: ${var.e}-\n", "prod-");
}

static void test_digest(void)
{
    static const char *const all[] = {"name: x\n", "namePrefix: a\n", "namePrefix: b\n",
                                      "namePrefix: a\nuses: [JobQueue/q]\n",
                                      "namePrefix: a\nuses: [JobQueue/r]\n"};
    Digest digests[G_N_ELEMENTS(all)];
    kinds_init();
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(SourceConfig) config = inherited(all[i], "name: base\n");
        variant_digest(config->variant, &digests[i]);
        for (size_t j = 0; j < i; j++)
            g_assert_false(digest_equal(&digests[i], &digests[j]));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/prefix/names", test_names);
    g_test_add_func("/prefix/aliases", test_aliases);
    g_test_add_func("/prefix/variant", test_variant);
    g_test_add_func("/prefix/faults", test_faults);
    g_test_add_func("/prefix/places", test_places);
    g_test_add_func("/prefix/uses", test_uses);
    g_test_add_func("/prefix/bases", test_bases);
    g_test_add_func("/prefix/digest", test_digest);
    return g_test_run();
}

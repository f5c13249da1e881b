#include "spec/variant.h"

#include "tests/support/manifest_text.h"

#define HEAD(kind, name) "apiVersion: muster/v1\nkind: " kind "\nmetadata: {name: " name "}\n"

/* muster.yaml, what is given, and documents become a set. */
typedef struct {
    SourceConfig *config;
    ManifestSet *set;
    DiagnosticList *diagnostics;
} Read;

static Read read_with(const char *muster, const GivenValues *given, const char *yaml)
{
    Read read = {.diagnostics = diagnostic_list_new()};
    kinds_init();
    read.config = source_config_parse(view_from(muster), "muster.yaml", read.diagnostics);
    if (!read.config)
        read.config = source_config_faulty();
    if (!read.config->variant)
        source_config_settle(read.config, given, read.diagnostics);
    read.set = manifest_set_from_text(yaml, NULL, read.config, read.diagnostics);
    read.set = variant_finish(read.set, read.diagnostics);
    return read;
}

static void read_clear(Read *read)
{
    source_config_free(read->config);
    manifest_set_unref(read->set);
    diagnostic_list_free(read->diagnostics);
}

static void assert_spec(const char *muster, const GivenValues *given, const char *yaml, const char *expected)
{
    Read read = read_with(muster, given, yaml);
    diagnostics_none(read.diagnostics);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 1);
    View spec = manifest_set_get(read.set, 0)->spec;
    g_autofree char *text = g_strndup(spec.data, spec.len);
    g_assert_cmpstr(text, ==, expected);
    read_clear(&read);
}

/* The one fault: its place and words that its message and detail have. */
static void assert_fault(const char *muster, const GivenValues *given, const char *yaml, const char *file,
                         int line, int column, const char *message, const char *detail)
{
    Read read = read_with(muster, given, yaml);
    const Diagnostic *diagnostic = diagnostic_only(read.diagnostics);
    g_assert_cmpstr(diagnostic->file, ==, file);
    g_assert_cmpint(diagnostic->line, ==, line);
    g_assert_cmpint(diagnostic->column, ==, column);
    g_assert_cmpstr(diagnostic->message, ==, message);
    if (detail)
        g_assert_nonnull(strstr(diagnostic->detail ? diagnostic->detail : "", detail));
    read_clear(&read);
}

static void add(GivenValues *values, const char *name, const char *text)
{
    GivenValue value = {.name = (char *)(uintptr_t)name,
                        .text = (char *)(uintptr_t)text,
                        .from = (char *)(uintptr_t) "--set"};
    g_assert_true(given_values_add(values, &value));
}

static GivenValues *given(const char *name, const char *text)
{
    GivenValues *values = given_values_new();
    add(values, name, text);
    return values;
}

#define QUEUE(value)                                                                                         \
    HEAD("JobQueue", "q")                                                                                    \
    "spec: {priority: " value ", computeEnvironmentOrder: [{order: 1, "                                      \
    "computeEnvironment: e}]}\n"
#define QUEUE_SPEC(priority)                                                                                 \
    "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"e\",\"order\":1}],\"priority\":" priority "}"
#define DEFINITION(command)                                                                                  \
    HEAD("JobDefinition", "d")                                                                               \
    "spec: {type: container, containerProperties: {command: " command ", memory: 64, vcpus: 1}}\n"
#define DEFINITION_SPEC(command)                                                                             \
    "{\"containerProperties\":{\"command\":" command ",\"memory\":64,\"vcpus\":1}}"

static void test_values(void)
{
    assert_spec("variables: {p: 7}", NULL, QUEUE("\"${var.p}\""), QUEUE_SPEC("7"));
    assert_spec("variables: {p: {type: integer, default: 7, description: x}}", NULL, QUEUE("'${var.p}'"),
                QUEUE_SPEC("7"));
    assert_spec("variables: {c: [a, b]}", NULL, DEFINITION("\"${var.c}\""), DEFINITION_SPEC("[\"a\",\"b\"]"));
    assert_spec("variables: {c: {default: {a: [x]}}, e: [{name: A, value: b}]}", NULL,
                HEAD("JobDefinition", "d") "spec:\n  type: container\n  containerProperties:\n    image: a\n "
                                           "   memory: 64\n    vcpus: 1\n"
                                           "    environment: ${var.e}\n",
                "{\"containerProperties\":{\"environment\":[{\"name\":\"A\",\"value\":\"b\"}],\"image\":"
                "\"a\",\"memory\":64,\"vcpus\":1}}");
    /* a number that is put into a string stays as it is spelt */
    assert_spec("variables: {v: 1.10, n: 3, t: true}", NULL, DEFINITION("[\"x-${var.v}-${var.n}/${var.t}\"]"),
                DEFINITION_SPEC("[\"x-1.10-3/true\"]"));
}

static void test_other_dollars(void)
{
    assert_spec("variables: {x: 1}", NULL,
                DEFINITION("[$HOME, \"${HOME}\", $$, \"$${HOME}\", \"${vars.x}\", \"$x${var}\"]"),
                DEFINITION_SPEC("[\"$HOME\",\"${HOME}\",\"$$\",\"$${HOME}\",\"${vars.x}\",\"$x${var}\"]"));
    /* for the thing itself */
    assert_spec("variables: {x: 1}", NULL,
                DEFINITION("[\"$${var.x}\", \"$$${var.x}\", \"a$${var.x}b${var.x}\"]"),
                DEFINITION_SPEC("[\"${var.x}\",\"$${var.x}\",\"a${var.x}b1\"]"));
}

static void test_not_again(void)
{
    const char *yaml =
        HEAD("JobDefinition", "d") "spec:\n  type: container\n  containerProperties:\n"
                                   "    command: &c ['${var.x}', '$${var.x}']\n    memory: 64\n    vcpus: 1\n"
                                   "    linuxParameters: {}\n"
                                   "  parameters: {a: '-${var.x}-'}\n";
    assert_spec("variables: {x: \"${var.y}\"}", NULL, yaml,
                "{\"containerProperties\":{\"command\":[\"${var.y}\",\"${var.x}\"],\"linuxParameters\":{},"
                "\"memory\":64,\"vcpus\":1},"
                "\"parameters\":{\"a\":\"-${var.y}-\"}}");
    /* the list that both aliases lead to is changed once */
    const char *twice =
        HEAD("Pipeline",
             "p") "spec:\n  jobQueue: q\n  jobs:\n"
                  "    - {name: a, jobDefinition: d, containerOverrides: &o {command: ['$${var.x}']}}\n"
                  "    - {name: b, jobDefinition: d, containerOverrides: *o}\n";
    Read read = read_with("variables: {x: 1}", NULL, twice);
    diagnostics_none(read.diagnostics);
    View spec = manifest_set_get(read.set, 0)->spec;
    const char *first = memmem(spec.data, spec.len, "[\"${var.x}\"]", 12);
    g_assert_nonnull(first);
    g_assert_nonnull(memmem(first + 1, (size_t)(spec.data + spec.len - first - 1), "[\"${var.x}\"]", 12));
    read_clear(&read);
}

static void test_faults(void)
{
    assert_fault("variables: {priority: 1}", NULL, QUEUE("\"${var.priorty}\""), "test.yaml", 4, 19,
                 "no variable \"priorty\" is declared", "did you mean \"priority\"?");
    assert_fault("name: a", NULL, QUEUE("\"${var.p}\""), "test.yaml", 4, 19, "no variable \"p\" is declared",
                 "declare it under variables:");
    assert_fault("variables: {c: [a]}", NULL, DEFINITION("[\"x${var.c}\"]"), "test.yaml", 4, 59,
                 "var.c is a list, which cannot stand inside of a longer string", "set in muster.yaml:1:16");
    assert_fault("variables: {c: a}", NULL, DEFINITION("[\"${var.c:-x}\"]"), "test.yaml", 4, 58,
                 "a reference to a variable is written ${var.NAME}", "$${var.");
    assert_fault("variables: {c: a}", NULL, HEAD("JobQueue", "q") "spec: {\"${var.c}\": 1}\n", "test.yaml", 4,
                 8, "a variable cannot stand in the name of a member", "write the name out");
    /* the type is judged where the reference stands, and the value's place is told */
    assert_fault("variables: {p: high}", NULL, QUEUE("\"${var.p}\""), "test.yaml", 4, 18,
                 "spec.priority must be an integer, not the string \"high\"",
                 "var.p is \"high\", set in muster.yaml:1:16");
    /* on the second line of a block */
    assert_fault("variables: {c: a}", NULL,
                 HEAD("JobDefinition", "d") "spec:\n  type: container\n  containerProperties:\n    command:\n"
                                            "      - |\n        one\n        two ${var.d}\n",
                 "test.yaml", 10, 13, "no variable \"d\" is declared", NULL);
}

static void test_declarations(void)
{
    assert_fault("variables:\n  p:\n", NULL, QUEUE("\"${var.p}\""), "muster.yaml", 2, 3,
                 "variable \"p\" has no value",
                 "--set p=VALUE, --values FILE or $MUSTER_VAR_p, or a default here");
    assert_fault("variables:\n  p: {type: integer, default: high}\n", NULL, QUEUE("\"${var.p}\""),
                 "muster.yaml", 2, 31, "variable \"p\" is an integer, and not \"high\"",
                 "its type is stated in muster.yaml:2:13");
    Read read = read_with("variables: {a-b: 1, x: {tpye: integer}}", NULL, QUEUE("1"));
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 2);
    read_clear(&read);
    /* what refers to variables of a muster.yaml that is at fault is not told of */
    read = read_with("variables: {a-b: 1}", NULL, QUEUE("\"${var.p}\""));
    g_assert_cmpuint(diagnostic_list_count(read.diagnostics, SEVERITY_ERROR), ==, 1);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 0);
    read_clear(&read);
}

static void test_given(void)
{
    g_autoptr(GivenValues) priority = given("p", "9"), high = given("p", "high"), other = given("prio", "1"),
                           text = given("c", "1.10"), list = given("c", "[x, 'y z']");
    assert_spec("variables: {p: 7}", priority, QUEUE("\"${var.p}\""), QUEUE_SPEC("9"));
    assert_fault("variables: {p: 7}", high, QUEUE("\"${var.p}\""), NULL, 0, 0,
                 "--set: variable \"p\" is an integer, and not \"high\"",
                 "its type is stated in muster.yaml:1:16");
    assert_fault("variables: {prior: 7}", other, QUEUE("1"), NULL, 0, 0,
                 "--set: muster.yaml declares no variable \"prio\"", "did you mean \"prior\"?");
    /* the variable's type says how text is read */
    assert_spec("variables: {c: a}", text, DEFINITION("[\"${var.c}\"]"), DEFINITION_SPEC("[\"1.10\"]"));
    assert_spec("variables: {c: [a]}", list, DEFINITION("\"${var.c}\""), DEFINITION_SPEC("[\"x\",\"y z\"]"));
    assert_spec("variables: {c: }", list, DEFINITION("\"${var.c}\""), DEFINITION_SPEC("[\"x\",\"y z\"]"));
    assert_spec("variables: {p: {type: number}}", priority, QUEUE("\"${var.p}\""), QUEUE_SPEC("9"));
    /* the later wins */
    add(priority, "p", "11");
    assert_spec("variables: {p: 7}", priority, QUEUE("\"${var.p}\""), QUEUE_SPEC("11"));
}

static void test_given_file(void)
{
    g_autoptr(GivenValues) values = given_values_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    kinds_init();
    g_assert_true(given_values_read(values, VIEW("p: 9\nv: 1.10\nn: \"5\"\nl: [a, {b: 1}]\nnone:\n"),
                                    "v.yaml", diagnostics));
    diagnostics_none(diagnostics);
    g_assert_cmpuint(given_values_len(values), ==, 4);
    assert_spec("variables: {p: 1, v: 1.5, n: a, l: [], w: '-'}", values,
                DEFINITION("[\"${var.p} ${var.v} ${var.n}${var.w}\"]"), DEFINITION_SPEC("[\"9 1.10 5-\"]"));
    /* kept as JSON and read again they are the same, but nobody has to declare them */
    g_autofree char *json = given_values_to_json(values);
    g_autoptr(GError) error = NULL;
    g_autoptr(GivenValues) again = given_values_from_json(json, &error);
    g_assert_no_error(error);
    g_autofree char *twice = given_values_to_json(again);
    g_assert_cmpstr(json, ==, twice);
    assert_spec("variables: {v: 0.5}", again, DEFINITION("[\"${var.v}-\"]"), DEFINITION_SPEC("[\"1.10-\"]"));
    assert_fault("variables: {p: a, v: 1.5, n: a, l: []}", values, QUEUE("1"), "v.yaml", 1, 4,
                 "variable \"p\" is a string, and not 9", "muster.yaml:1:16");
    g_assert_null(given_values_from_json("{\"a\":1}", &error));
    g_assert_nonnull(error);
    g_assert_false(given_values_read(values, VIEW("- a\n"), "v.yaml", diagnostics));
}

static void test_limits(void)
{
    g_autoptr(GString) muster = g_string_new("variables:\n  l: [");
    g_autoptr(GString) yaml = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append(muster, "x,");
    g_string_append(muster, "]\n  s: ");
    for (int i = 0; i < 100000; i++)
        g_string_append_c(muster, 's');
    for (int lists = 0; lists < 2; lists++) {
        g_string_assign(yaml, HEAD("JobDefinition", "d") "spec:\n  type: container\n  parameters:\n");
        for (int i = 0; i < 200; i++)
            g_string_append_printf(yaml, "    p%d: \"%s\"\n", i, lists ? "${var.l}" : "${var.s}.");
        Read read = read_with(muster->str, NULL, yaml->str);
        const Diagnostic *diagnostic = diagnostic_only(read.diagnostics);
        g_assert_nonnull(strstr(diagnostic->message, "too large"));
        read_clear(&read);
    }
    g_autofree char *longest = g_strnfill(GIVEN_VALUE_BYTES_MAX + 1, 'x');
    g_autoptr(GivenValues) values = given_values_new();
    GivenValue value = {.name = (char *)(uintptr_t) "a", .text = longest, .from = longest};
    g_assert_false(given_values_add(values, &value));
}

/* ---- patches
 * --------------------------------------------------------------------------------------------------------------
 */

#define CONTAINER                                                                                            \
    HEAD("JobDefinition", "d")                                                                               \
    "spec:\n  type: container\n  containerProperties:\n"                                                     \
    "    image: a\n    command: [x, y]\n    memory: 64\n    vcpus: 1\n"                                      \
    "    environment: [{name: A, value: a}, {name: B, value: b}]\n"
#define CONTAINER_SPEC(properties) "{\"containerProperties\":{" properties ",\"memory\":64,\"vcpus\":1}}"
#define PATCH(properties)                                                                                    \
    "patches: [{target: JobDefinition/d, spec: {containerProperties: {" properties "}}}]\n"

static void test_merge(void)
{
    assert_spec(
        PATCH("environment: [{name: B, value: c}, {name: C, value: d}]"), NULL, CONTAINER,
        CONTAINER_SPEC("\"command\":[\"x\",\"y\"],\"environment\":[{\"name\":\"A\",\"value\":\"a\"},"
                       "{\"name\":\"B\",\"value\":\"c\"},{\"name\":\"C\",\"value\":\"d\"}],\"image\":\"a\""));
    /* lists without a key are replaced, null removes */
    assert_spec(PATCH("environment: null, command: [z]"), NULL, CONTAINER,
                CONTAINER_SPEC("\"command\":[\"z\"],\"image\":\"a\""));
    assert_spec(PATCH("environment: [{name: A, $patch: delete}], command: null"), NULL, CONTAINER,
                CONTAINER_SPEC("\"environment\":[{\"name\":\"B\",\"value\":\"b\"}],\"image\":\"a\""));
    assert_spec(PATCH("environment: [{$patch: replace}, {name: Z, value: z}], command: null"), NULL,
                CONTAINER,
                CONTAINER_SPEC("\"environment\":[{\"name\":\"Z\",\"value\":\"z\"}],\"image\":\"a\""));
    assert_spec(PATCH("$patch: replace, image: b, memory: 64, vcpus: 1"), NULL, CONTAINER,
                CONTAINER_SPEC("\"image\":\"b\""));
    /* in their order, with variables */
    assert_spec(
        "variables: {i: c}\npatches:\n- {target: JobDefinition/*, spec: {containerProperties: {image: b, "
        "command: null, environment: null}}}\n"
        "- {target: JobDefinition/d*, spec: {containerProperties: {image: \"${var.i}\"}}}\n",
        NULL, CONTAINER, CONTAINER_SPEC("\"image\":\"c\""));
}

static void test_merge_short_forms(void)
{
    const char *queue = HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [a, b]}\n";
    assert_spec(
        "patches: [{target: JobQueue/q, spec: {computeEnvironmentOrder: [{computeEnvironment: b, order: "
        "9}]}}]",
        NULL, queue,
        "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"a\",\"order\":1},"
        "{\"computeEnvironment\":\"b\",\"order\":9}],\"priority\":1}");
    /* names alone say the whole order */
    assert_spec("patches: [{target: JobQueue/q, spec: {computeEnvironmentOrder: [c]}}]", NULL, queue,
                "{\"computeEnvironmentOrder\":[{\"computeEnvironment\":\"c\",\"order\":1}],\"priority\":1}");
    /* the steps of a pipeline keep their order */
    assert_spec("patches: [{target: Pipeline/p, spec: {jobs: [{name: a, jobDefinition: e}]}}]", NULL,
                HEAD("Pipeline", "p") "spec: {jobQueue: q, jobs: [{name: b, jobDefinition: d}, {name: a, "
                                      "jobDefinition: d, jobQueue: r}]}\n",
                "{\"jobQueue\":\"q\",\"jobs\":[{\"jobDefinition\":\"d\",\"name\":\"b\"},"
                "{\"jobDefinition\":\"e\",\"jobQueue\":\"r\",\"name\":\"a\"}]}");
}

static void test_patch_shares_nothing(void)
{
    /* an alias's other place, and the next document, are not touched */
    Read read =
        read_with("patches: [{target: JobQueue/a, metadata: {labels: {x: y}}, spec: {priority: 5}}]", NULL,
                  HEAD("JobQueue", "a") "spec: &s {priority: 1, computeEnvironmentOrder: [e]}\n---\n" HEAD(
                      "JobQueue", "b") "spec: {priority: 1, computeEnvironmentOrder: [e]}\n");
    diagnostics_none(read.diagnostics);
    g_assert_nonnull(memmem(manifest_set_get(read.set, 0)->spec.data, manifest_set_get(read.set, 0)->spec.len,
                            "\"priority\":5", 12));
    g_assert_true(view_is(manifest_set_get(read.set, 0)->metadata, "{\"labels\":{\"x\":\"y\"}}"));
    g_assert_nonnull(memmem(manifest_set_get(read.set, 1)->spec.data, manifest_set_get(read.set, 1)->spec.len,
                            "\"priority\":1", 12));
    read_clear(&read);
}

static void test_delete(void)
{
    Read read =
        read_with("patches: [{target: JobQueue/a*, $patch: delete}]", NULL,
                  HEAD("JobQueue", "ab") "spec: {priority: 1, computeEnvironmentOrder: [e]}\n---\n" HEAD(
                      "JobQueue", "b") "spec: {priority: 1, computeEnvironmentOrder: [e]}\n");
    diagnostics_none(read.diagnostics);
    g_assert_cmpuint(manifest_set_len(read.set), ==, 1);
    g_assert_true(view_is(manifest_set_get(read.set, 0)->name, "b"));
    read_clear(&read);
}

static void test_patch_faults(void)
{
    assert_fault("patches:\n- target: JobQueue/p\n  spec: {priority: 2}\n", NULL, QUEUE("1"), "muster.yaml",
                 2, 11, "no manifest is JobQueue/p, which this patch is for", NULL);
    assert_fault("patches:\n- target: JobQueue/q\n  spec: {priorty: 2}\n", NULL, QUEUE("1"), "muster.yaml", 3,
                 10, "JobQueue has no member \"priorty\"; did you mean \"priority\"?", NULL);
    assert_fault("patches:\n- target: JobQueue/q\n  spec: {priority: two}\n", NULL, QUEUE("1"), "muster.yaml",
                 3, 20, "spec.priority must be an integer, not the string \"two\"", NULL);
    assert_fault("patches:\n- target: JobQueue/q\n  spec: {priorty: null}\n", NULL, QUEUE("1"), "muster.yaml",
                 3, 10, "there is no member \"priorty\" that could be removed", NULL);
    assert_fault(PATCH("environment: [{name: Z, $patch: delete}]"), NULL, CONTAINER, "muster.yaml", 1, 87,
                 "the list has no item whose name is \"Z\"", NULL);
    assert_fault(PATCH("environment: [{name: A, $patch: remove}]"), NULL, CONTAINER, "muster.yaml", 1, 98,
                 "$patch is delete or replace", NULL);
    assert_fault("variables: {p: two}\npatches:\n- target: JobQueue/q\n  spec: {priority: \"${var.p}\"}\n",
                 NULL, QUEUE("1"), "muster.yaml", 4, 20,
                 "spec.priority must be an integer, not the string \"two\"",
                 "var.p is \"two\", set in muster.yaml:1:16");
    assert_fault("patches:\n- target: Queue/q\n  spec: {}\n", NULL, QUEUE("1"), "muster.yaml", 2, 11,
                 "write it as KIND/NAME, such as JobQueue/high; NAME may end in *", NULL);
}

/* ---- layers
 * ---------------------------------------------------------------------------------------------------------------
 */

static void test_inherit(void)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    kinds_init();
    g_autoptr(SourceConfig) base = source_config_parse(
        VIEW("name: base\nprovider: local\nuses: [JobQueue/a]\nvariables: {p: 1, q: 5}\npatches: [{target: "
             "JobQueue/q, spec: {priority: 3}}]"),
        "base/muster.yaml", diagnostics);
    g_autoptr(SourceConfig) config = source_config_parse(
        VIEW("uses: [JobQueue/b]\nvariables: {p: 2}\npatches: [{target: JobQueue/q, spec: "
             "{priority: \"${var.p}${var.q}\"}}, {target: JobQueue/q, spec: {priority: "
             "\"${var.p}\"}}]"),
        "muster.yaml", diagnostics);
    source_config_inherit(config, base);
    source_config_settle(config, NULL, diagnostics);
    g_assert_null(config->name);
    g_assert_cmpstr(config->provider, ==, "local");
    g_assert_cmpuint(g_strv_length(config->uses), ==, 2);
    g_autoptr(ManifestSet) set = manifest_set_from_text(QUEUE("9"), NULL, config, diagnostics);
    diagnostics_none(diagnostics);
    View spec = manifest_set_get(set, 0)->spec;
    g_assert_nonnull(memmem(spec.data, spec.len, "\"priority\":2", 12));
}

static void test_digest(void)
{
    Read none = read_with("name: a", NULL, QUEUE("1")),
         one = read_with("variables: {p: 1}", NULL, QUEUE("1")),
         two = read_with("variables: {p: 2}", NULL, QUEUE("1")),
         patched = read_with("variables: {p: 1}\npatches: [{target: JobQueue/q, spec: {priority: 2}}]", NULL,
                             QUEUE("1")),
         nulled = read_with("variables: {p: 1}\npatches: [{target: JobQueue/q, spec: {priority: null}}]",
                            NULL, QUEUE("1"));
    const Read *all[] = {&none, &one, &two, &patched, &nulled};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        for (size_t j = 0; j < i; j++) {
            Digest a, b;
            variant_digest(all[i]->config->variant, &a);
            variant_digest(all[j]->config->variant, &b);
            g_assert_false(digest_equal(&a, &b));
        }
    read_clear(&none);
    read_clear(&one);
    read_clear(&two);
    read_clear(&patched);
    read_clear(&nulled);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/variant/values", test_values);
    g_test_add_func("/spec/variant/other_dollars", test_other_dollars);
    g_test_add_func("/spec/variant/not_again", test_not_again);
    g_test_add_func("/spec/variant/faults", test_faults);
    g_test_add_func("/spec/variant/declarations", test_declarations);
    g_test_add_func("/spec/variant/given", test_given);
    g_test_add_func("/spec/variant/given_file", test_given_file);
    g_test_add_func("/spec/variant/limits", test_limits);
    g_test_add_func("/spec/variant/merge", test_merge);
    g_test_add_func("/spec/variant/merge_short_forms", test_merge_short_forms);
    g_test_add_func("/spec/variant/patch_shares_nothing", test_patch_shares_nothing);
    g_test_add_func("/spec/variant/delete", test_delete);
    g_test_add_func("/spec/variant/patch_faults", test_patch_faults);
    g_test_add_func("/spec/variant/inherit", test_inherit);
    g_test_add_func("/spec/variant/digest", test_digest);
    return g_test_run();
}

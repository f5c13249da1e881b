/* A prefix is a renaming: random documents under namePrefix give the very set that the same documents give
 * when every name of the source is written with it, and the part of a set that is looked at again after an
 * edit is the same part, too. */
#include "spec/base/rng.h"
#include "spec/variant.h"
#include "tests/support/manifest_text.h"

#define SEEDS 300
#define NAMES 4

/* The same choices are written twice: as they stand under the prefix, and with it. */
typedef struct {
    Rng rng;
    const char *prefix; /* what is written before own names */
    GString *text;
} Writer;

/* A name of this source's, or one of another's. */
static char *any_name(Writer *writer, bool may_be_foreign)
{
    static const char *const foreign[] = {"shared", "n9"};
    uint64_t name = rng_below(&writer->rng, NAMES), kind = rng_below(&writer->rng, 4);
    return may_be_foreign && kind == 0 ? g_strdup(foreign[name % 2])
                                       : g_strdup_printf("%sn%d", writer->prefix, (int)name);
}

static void add_reference(Writer *writer, const char *member)
{
    static const char *const qualifiers[] = {"", "", ":3", "@sha256:0f"};
    bool is_definition = strcmp(member, "jobDefinition") == 0;
    g_autofree char *name = any_name(writer, true);
    uint64_t qualifier = rng_below(&writer->rng, 4), form = rng_below(&writer->rng, 6);
    if (form == 0)
        g_string_append_printf(writer->text, "%s: 'arn:aws:batch:us-east-1:000000000000:%s/n1'", member,
                               is_definition ? "job-definition" : "job-queue");
    else
        g_string_append_printf(writer->text, "%s: '%s%s'", member, name,
                               is_definition ? qualifiers[qualifier] : "");
}

static void add_spec(Writer *writer, Kind kind)
{
    GString *text = writer->text;
    if (kind == KIND_JOB_QUEUE) {
        g_autofree char *first = any_name(writer, true);
        g_string_append_printf(text, "{priority: %d, computeEnvironmentOrder: [%s]}",
                               (int)rng_below(&writer->rng, 3), first);
    } else if (kind == KIND_JOB_DEFINITION) {
        g_string_append_printf(text,
                               "{type: container, containerProperties: {image: n%d, command: [n1, shared], "
                               "resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: 64}]}}",
                               (int)rng_below(&writer->rng, 3));
    } else if (kind == KIND_JOB) {
        g_string_append(text, "{");
        add_reference(writer, "jobQueue");
        g_string_append(text, ", ");
        add_reference(writer, "jobDefinition");
        g_string_append(text, "}");
    } else {
        g_string_append(text, "{");
        add_reference(writer, "jobQueue");
        g_string_append(text, ", jobs: [{name: n0, ");
        add_reference(writer, "jobDefinition");
        g_string_append(text, "}, {name: n1, dependsOn: [{job: n0}], ");
        add_reference(writer, "jobDefinition");
        g_string_append(text, "}]}");
    }
}

static char *documents(uint64_t seed, uint64_t edit, const char *prefix)
{
    static const Kind kinds[] = {KIND_JOB_QUEUE, KIND_JOB_DEFINITION, KIND_JOB, KIND_PIPELINE};
    Writer writer = {.prefix = prefix, .text = g_string_new(NULL)};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) * NAMES; i++) {
        bool is_edited = edit != UINT64_MAX && edit % (G_N_ELEMENTS(kinds) * NAMES) == i;
        writer.rng = rng_from_seed(seed * 1000 + i + (is_edited ? 500 : 0));
        g_string_append_printf(writer.text,
                               "apiVersion: muster/v1\nkind: %s\nmetadata: {name: %sn%zu}\nspec: ",
                               kind_name(kinds[i / NAMES]), prefix, i % NAMES);
        add_spec(&writer, kinds[i / NAMES]);
        g_string_append(writer.text, "\n---\n");
    }
    return g_string_free(writer.text, FALSE);
}

static ManifestSet *set_of(const char *muster, const char *yaml)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(SourceConfig) config = source_config_parse(view_from(muster), "muster.yaml", diagnostics);
    source_config_settle(config, NULL, diagnostics);
    ManifestSet *set =
        variant_finish(manifest_set_from_text(yaml, "local", config, diagnostics), diagnostics);
    diagnostics_none(diagnostics);
    return set;
}

#define USES                                                                                                 \
    "uses: [JobQueue/shared, JobQueue/n9, JobDefinition/shared, JobDefinition/n9, "                          \
    "ComputeEnvironment/shared, ComputeEnvironment/n9]\n"
#define PATCHES                                                                                              \
    "patches:\n- {target: Job/%sn1, spec: {jobQueue: %sn2}}\n- {target: Pipeline/%sn*, metadata: {labels: "  \
    "{a: b}}}\n"

/* muster.yaml with the prefix, or with every name written out. */
static ManifestSet *read_set(uint64_t seed, uint64_t edit, const char *prefix, bool is_written)
{
    const char *written = is_written ? prefix : "";
    g_autofree char *yaml = documents(seed, edit, written),
                    *patches = g_strdup_printf(PATCHES, written, written, written),
                    *muster =
                        g_strdup_printf("namePrefix: \"%s\"\n" USES "%s", is_written ? "" : prefix, patches);
    return set_of(muster, yaml);
}

static void check_equal(const ManifestSet *a, const ManifestSet *b, uint64_t seed, const char *what)
{
    if (manifest_set_len(a) != manifest_set_len(b))
        g_error("seed %" G_GUINT64_FORMAT ": %s: %zu manifests and %zu", seed, what, manifest_set_len(a),
                manifest_set_len(b));
    for (size_t i = 0; i < manifest_set_len(a); i++) {
        const Manifest *one = manifest_set_get(a, i), *other = manifest_set_get(b, i);
        bool is_same = one->kind == other->kind && view_equal(one->name, other->name) &&
                       view_equal(one->spec, other->spec) && view_equal(one->metadata, other->metadata) &&
                       digest_equal(&one->digest, &other->digest);
        if (!is_same)
            g_error("seed %" G_GUINT64_FORMAT ": %s: %s/" VIEW_FMT " is " VIEW_FMT ", and " VIEW_FMT
                    " is " VIEW_FMT,
                    seed, what, kind_name(one->kind), VIEW_ARG(one->name), VIEW_ARG(one->spec),
                    VIEW_ARG(other->name), VIEW_ARG(other->spec));
    }
}

static void test_renaming(void)
{
    static const char *const prefixes[] = {"a-", "n", "n1", "shared", "Z_9-x"};
    size_t small = 0;
    kinds_init();
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const char *prefix = prefixes[seed % G_N_ELEMENTS(prefixes)];
        g_autoptr(ManifestSet) before = read_set(seed, UINT64_MAX, prefix, false);
        g_autoptr(ManifestSet) written = read_set(seed, UINT64_MAX, prefix, true);
        g_autoptr(ManifestSet) now = read_set(seed, seed, prefix, false);
        g_autoptr(ManifestSet) now_written = read_set(seed, seed, prefix, true);
        check_equal(before, written, seed, "the set");
        check_equal(now, now_written, seed, "the set after an edit");
        g_autoptr(ManifestSet) part = manifest_set_part(before, now, 1000);
        g_autoptr(ManifestSet) part_written = manifest_set_part(written, now_written, 1000);
        g_assert_nonnull(part);
        g_assert_nonnull(part_written);
        check_equal(part, part_written, seed, "the part");
        small += manifest_set_len(part) < manifest_set_len(now);
        g_autoptr(ManifestSet) other = read_set(seed, seed, "other-", false);
        g_assert_null(manifest_set_part(now, other, 1000));
    }
    g_assert_cmpuint(small, >, SEEDS / 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/property/prefix", test_renaming);
    return g_test_run();
}

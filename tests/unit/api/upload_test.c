/* What is sent of a source is, read again, the same set; what is none is refused. */
#include "reconciler/api/upload.h"
#include <string.h>
#include "reconciler/source/parse.h"
#include "spec/kinds.h"

static const char manifests[] =
    "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata: {name: here}\nspec: {type: MANAGED}\n---\n"
    "apiVersion: muster/v1\nkind: JobQueue\n"
    "metadata: {name: work, labels: {a: \"x\\\"y\"}, annotations: {muster/prune: \"false\", muster/deletion: "
    "refuse}}\n"
    "spec: {priority: 7, computeEnvironmentOrder: [here]}\n---\n"
    "apiVersion: muster/v1\nkind: JobDefinition\nmetadata: {name: ok}\n"
    "spec: {type: container, containerProperties: {command: [echo, \"\\u00e4 %s ${HOME} $$\"], "
    "resourceRequirements: [{type: VCPU, value: \"1\"}, {type: MEMORY, value: \"16\"}]}}\n---\n"
    "apiVersion: muster/v1\nkind: Job\nmetadata: {name: once}\nspec: {jobDefinition: ok, jobQueue: work, "
    "arrayProperties: {size: 3}}\n";

static ManifestSet *parse_all(const char *text, const char *config_text)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(SourceConfig) config = source_config_parse(view_from(config_text), "muster.yaml", diagnostics);
    g_assert_nonnull(config);
    source_config_settle(config, NULL, diagnostics);
    ManifestBatch *batch = manifest_batch_new();
    Parser *parser = parser_new(&(ParseContext){.config = config});
    ParseOutcome outcome = {0};
    parser_run(parser, view_from(text), "all.yaml", 1, NULL, batch, diagnostics, &outcome);
    parser_free(parser);
    ManifestSet *set = manifest_set_build(&batch, 1, config, diagnostics);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 0);
    return set;
}

static void test_round(void)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(ManifestSet) set = parse_all(
        manifests, "name: other\nprovider: local\nregion: eu-west-1\nuses: [JobQueue/q]\nretention: 3h\n"
                   "approval: required\n");
    g_assert_cmpuint(manifest_set_len(set), ==, 4);
    json_t *sent = upload_to_json(set, "team");
    char *text = json_dumps(sent, 0), *message = NULL;
    json_t *came = json_loads(text, 0, NULL);
    g_autoptr(ManifestSet) again = upload_parse(came, NULL, diagnostics, &message);
    g_assert_nonnull(again);
    g_assert_cmpuint(diagnostic_list_len(diagnostics), ==, 0);
    g_assert_cmpstr(manifest_set_content(again), ==, manifest_set_content(set));
    const SourceConfig *config = manifest_set_config(again);
    g_assert_cmpstr(config->name, ==, "team");
    g_assert_cmpstr(config->provider, ==, "local");
    g_assert_cmpstr(config->region, ==, "eu-west-1");
    g_assert_cmpstr(config->uses[0], ==, "JobQueue/q");
    g_assert_cmpint(config->retention_ms, ==, 3 * 3600 * 1000);
    g_assert_true(source_config_requires_approval(config));
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *one = manifest_set_get(set, i), *other = manifest_set_get(again, i);
        g_assert_true(memcmp(&one->digest, &other->digest, sizeof one->digest) == 0);
        g_assert_cmpint(one->line, ==, other->line);
        g_assert_cmpstr(one->file, ==, other->file);
        g_assert_cmpint(one->prune, ==, other->prune);
        g_assert_cmpint(one->deletion, ==, other->deletion);
    }
    json_decref(came);
    json_decref(sent);
    free(text);
}

static void check_bad(const char *text, const char *word, size_t faults)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    char *message = NULL;
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    g_autoptr(ManifestSet) set = upload_parse(json, NULL, diagnostics, &message);
    if (word) {
        g_assert_null(set);
        g_assert_nonnull(strstr(message, word));
    } else {
        g_assert_nonnull(set);
        g_assert_cmpuint(diagnostic_list_count(diagnostics, SEVERITY_ERROR), ==, faults);
    }
    g_free(message);
    json_decref(json);
}

static void test_bad(void)
{
    check_bad("{}", "needs a name", 0);
    check_bad("{\"config\": 3}", "needs a name", 0);
    check_bad("{\"config\": {\"nam\": \"x\"}}", "config is no muster.yaml", 0);
    check_bad("{\"config\": {\"provider\": \"local\"}}", "needs a name", 0);
    check_bad("{\"config\": {\"name\": \"x\", \"bases\": [\"../b\"]}}", "has no bases", 0);
    check_bad("{\"config\": {\"name\": \"x\"}, \"manifests\": [3]}", "list of objects", 0);
    check_bad(
        "{\"config\": {\"name\": \"x\"}, \"manifests\": [{\"file\": \"a\", \"line\": -1, \"text\": \"\"}]}",
        "list of objects", 0);
    check_bad("{\"config\": {\"name\": \"x\"}, \"manifests\": [{\"file\": \"a\", \"line\": 7, \"text\": "
              "\"{\\\"apiVersion\\\": \\\"muster/v1\\\", \\\"kind\\\": \\\"JobQueue\\\", \\\"metadata\\\": "
              "{\\\"name\\\": \\\"q\\\"}, \\\"spec\\\": {\\\"priority\\\": \\\"x\\\"}}\"}]}",
              NULL, 2);
}

int main(int argc, char **argv)
{
    kinds_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/upload/round", test_round);
    g_test_add_func("/upload/bad", test_bad);
    return g_test_run();
}

#include "spec/kinds.h"

#include <glib.h>

/* The schema files become part of the program as they are: one text for validator, editors and documentation.
 * Paths are relative to the root of the tree, where make runs. */
#define EMBED(symbol, path)                                                                                  \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".balign 16\n"                                                                                   \
            ".hidden " #symbol "_start\n"                                                                    \
            ".globl " #symbol "_start\n" #symbol "_start:\n"                                                 \
            ".incbin \"" path "\"\n"                                                                         \
            ".hidden " #symbol "_end\n"                                                                      \
            ".globl " #symbol "_end\n" #symbol "_end:\n"                                                     \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                                \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(schema_file_common, "schemas/common.json");
EMBED(schema_file_config, "schemas/config.json");
EMBED(schema_file_sources, "schemas/sources.json");
EMBED(schema_file_policy, "schemas/policy.json");
EMBED(schema_file_notify, "schemas/notify.json");
EMBED(schema_file_web, "schemas/web.json");
EMBED(schema_file_scheduling_policy, "schemas/scheduling-policy.json");
EMBED(schema_file_consumable_resource, "schemas/consumable-resource.json");
EMBED(schema_file_compute_environment, "schemas/compute-environment.json");
EMBED(schema_file_job_queue, "schemas/job-queue.json");
EMBED(schema_file_job_definition, "schemas/job-definition.json");
EMBED(schema_file_pipeline, "schemas/pipeline.json");
EMBED(schema_file_job, "schemas/job.json");

typedef struct {
    const char *name, *plural, *singular, *abbreviation, *file;
    const char *start, *end;
    const char *short_plural, *short_singular; /* as people say it; NULL: as plural and singular */
} KindInfo;

static const KindInfo kind_table[KIND_COUNT] = {
    [KIND_SCHEDULING_POLICY] = {"SchedulingPolicy", "scheduling-policies", "scheduling-policy", "sp",
                                "scheduling-policy.json", schema_file_scheduling_policy_start,
                                schema_file_scheduling_policy_end, "policies", "policy"},
    [KIND_CONSUMABLE_RESOURCE] = {"ConsumableResource", "consumable-resources", "consumable-resource", "cr",
                                  "consumable-resource.json", schema_file_consumable_resource_start,
                                  schema_file_consumable_resource_end, "resources", "resource"},
    [KIND_COMPUTE_ENVIRONMENT] = {"ComputeEnvironment", "compute-environments", "compute-environment", "ce",
                                  "compute-environment.json", schema_file_compute_environment_start,
                                  schema_file_compute_environment_end, "environments", "environment"},
    [KIND_JOB_QUEUE] = {"JobQueue", "job-queues", "job-queue", "jq", "job-queue.json",
                        schema_file_job_queue_start, schema_file_job_queue_end, "queues", "queue"},
    [KIND_JOB_DEFINITION] = {"JobDefinition", "job-definitions", "job-definition", "jd",
                             "job-definition.json", schema_file_job_definition_start,
                             schema_file_job_definition_end, "definitions", "definition"},
    [KIND_PIPELINE] = {"Pipeline", "pipelines", "pipeline", "pl", "pipeline.json", schema_file_pipeline_start,
                       schema_file_pipeline_end, NULL, NULL},
    [KIND_JOB] = {"Job", "jobs", "job", "j", "job.json", schema_file_job_start, schema_file_job_end, NULL,
                  NULL},
};

static const char *const kind_name_list[KIND_COUNT + 1] = {"SchedulingPolicy",
                                                           "ConsumableResource",
                                                           "ComputeEnvironment",
                                                           "JobQueue",
                                                           "JobDefinition",
                                                           "Pipeline",
                                                           "Job",
                                                           NULL};

/* Written once under kinds_once, constant afterwards. */
typedef struct {
    Schema *files[KIND_COUNT], *common_file, *config_file, *sources_file, *policy_file, *notify_file,
        *web_file; /* as long as the process */
    const SchemaNode *root[KIND_COUNT];
    const SchemaNode *spec[KIND_COUNT];
    const SchemaNode *config, *sources, *policy, *notify, *web;
} KindSchemas;

static Schema *compile_or_abort(const char *name, View text, Schema *const *others, size_t others_len)
{
    g_autoptr(GError) error = NULL;
    Schema *schema = schema_compile(name, text, others, others_len, &error);
    if (!schema)
        g_error("embedded schema %s: %s", name, error ? error->message : "does not compile");
    return schema;
}

static void kind_compile(Kind kind, KindSchemas *schemas)
{
    schemas->files[kind] =
        compile_or_abort(kind_table[kind].file, kind_schema_text(kind), &schemas->common_file, 1);
    schemas->root[kind] = schema_root(schemas->files[kind]);
    schemas->spec[kind] = schema_member(schemas->root[kind], "spec", 4);
    if (!schemas->spec[kind])
        g_error("embedded schema %s has no spec", kind_table[kind].file);
}

static const KindSchemas *kind_schemas(void)
{
    static KindSchemas schemas;
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        schemas.common_file = compile_or_abort("common.json", common_schema_text(), NULL, 0);
        for (Kind kind = 0; kind < KIND_COUNT; kind++)
            kind_compile(kind, &schemas);
        schemas.config_file = compile_or_abort("config.json", config_schema_text(), &schemas.common_file, 1);
        schemas.config = schema_root(schemas.config_file);
        schemas.sources_file =
            compile_or_abort("sources.json", sources_schema_text(), &schemas.common_file, 1);
        schemas.sources = schema_root(schemas.sources_file);
        schemas.policy_file = compile_or_abort("policy.json", policy_schema_text(), &schemas.common_file, 1);
        schemas.policy = schema_root(schemas.policy_file);
        schemas.notify_file = compile_or_abort("notify.json", notify_schema_text(), &schemas.common_file, 1);
        schemas.notify = schema_root(schemas.notify_file);
        schemas.web_file = compile_or_abort("web.json", web_schema_text(), &schemas.common_file, 1);
        schemas.web = schema_root(schemas.web_file);
        g_once_init_leave(&once, 1);
    }
    return &schemas;
}

void kinds_init(void)
{
    (void)kind_schemas();
}

const char *kind_name(Kind kind)
{
    return kind_table[kind].name;
}

const char *kind_plural(Kind kind)
{
    return kind_table[kind].plural;
}

/* Compares ignoring case and hyphens. */
static bool name_matches(View given, const char *name)
{
    size_t at = 0;
    for (; *name; name++) {
        if (*name == '-')
            continue;
        while (at < given.len && given.data[at] == '-')
            at++;
        if (at == given.len || g_ascii_tolower(given.data[at]) != g_ascii_tolower(*name))
            return false;
        at++;
    }
    return at == given.len;
}

bool kind_from_exact(View name, Kind *ret_kind)
{
    for (Kind kind = 0; kind < KIND_COUNT; kind++)
        if (view_is(name, kind_table[kind].name)) {
            *ret_kind = kind;
            return true;
        }
    return false;
}

bool kind_from_name(View name, Kind *ret_kind)
{
    if (kind_from_exact(name, ret_kind))
        return true;
    for (Kind kind = 0; kind < KIND_COUNT; kind++) {
        const KindInfo *info = &kind_table[kind];
        if (name_matches(name, info->plural) || name_matches(name, info->singular) ||
            name_matches(name, info->abbreviation) ||
            (info->short_plural &&
             (name_matches(name, info->short_plural) || name_matches(name, info->short_singular)))) {
            *ret_kind = kind;
            return true;
        }
    }
    return false;
}

const char *const *kind_names(void)
{
    return kind_name_list;
}

const SchemaNode *kind_schema(Kind kind)
{
    return kind_schemas()->root[kind];
}

const SchemaNode *kind_spec_schema(Kind kind)
{
    return kind_schemas()->spec[kind];
}

const SchemaNode *config_schema(void)
{
    return kind_schemas()->config;
}

static View text_between(const char *start, const char *end)
{
    return (View){start, (size_t)(end - start)};
}

View kind_schema_text(Kind kind)
{
    return text_between(kind_table[kind].start, kind_table[kind].end);
}

const SchemaNode *policy_schema(void)
{
    return kind_schemas()->policy;
}

View policy_schema_text(void)
{
    return text_between(schema_file_policy_start, schema_file_policy_end);
}

const SchemaNode *notify_schema(void)
{
    return kind_schemas()->notify;
}

View notify_schema_text(void)
{
    return text_between(schema_file_notify_start, schema_file_notify_end);
}

const SchemaNode *web_schema(void)
{
    return kind_schemas()->web;
}

View web_schema_text(void)
{
    return text_between(schema_file_web_start, schema_file_web_end);
}

View config_schema_text(void)
{
    return text_between(schema_file_config_start, schema_file_config_end);
}

const SchemaNode *sources_schema(void)
{
    return kind_schemas()->sources;
}

View sources_schema_text(void)
{
    return text_between(schema_file_sources_start, schema_file_sources_end);
}

View common_schema_text(void)
{
    return text_between(schema_file_common_start, schema_file_common_end);
}

/* feasible_check.c: feasible_check() of feasible.h: the manifests of one set against each other. */
#include "reconciler/schedule/architecture.h"
#include "reconciler/schedule/consumable_check.h"
#include "reconciler/schedule/definition_shape.h"
#include "reconciler/schedule/feasible.h"
#include "spec/locate.h"

/* Definitions kept decoded at a time; jobs with overrides need them. */
#define DEFINITIONS_KEPT_MAX 4096

typedef struct {
    ComputeEnvironmentSpec *spec;
    FeasibleEnvironment judged;
} Environment;

typedef struct {
    FeasibleEnvironment *environments; /* copies; what they point to belongs to Environment */
    size_t len;
    bool closed; /* every environment is in the set: a "no" is certain */
} Queue;

/* The answer for a shape in a queue, or in any queue. */
typedef struct {
    FeasibleResult result;
    NeedKind need;
    char *arithmetic;
} Answer;

/* Answers are kept by the definition's shape and the queue (NULL: all queues). */
typedef struct {
    DefinitionShape shape;
    const Manifest *queue;
} Pair;

typedef struct {
    const ManifestSet *set;
    const FeasibleOptions *options;
    GHashTable *environments; /* const Manifest * -> Environment * */
    GHashTable *queues;       /* const Manifest * -> Queue * */
    GHashTable *definitions;  /* const Manifest * -> JobDefinitionSpec * */
    GHashTable *answers;      /* Pair -> Answer * */
    GHashTable *shapes;       /* const Manifest * of a definition -> DefinitionShape * */
    Locator locator;
} Check;

static guint pair_hash(gconstpointer key)
{
    const Pair *pair = key;
    return definition_shape_hash(&pair->shape) * 31 + g_direct_hash(pair->queue);
}

static gboolean pair_equal(gconstpointer a, gconstpointer b)
{
    const Pair *left = a, *right = b;
    return left->queue == right->queue && definition_shape_equal(&left->shape, &right->shape);
}

static void answer_free(gpointer data)
{
    Answer *answer = data;
    g_free(answer->arithmetic);
    g_free(answer);
}

static void environment_free(gpointer data)
{
    Environment *environment = data;
    feasible_environment_clear(&environment->judged);
    compute_environment_spec_free(environment->spec);
    g_free(environment);
}

static void queue_free(gpointer data)
{
    Queue *queue = data;
    g_free(queue->environments);
    g_free(queue);
}

static void definition_free(gpointer data)
{
    job_definition_spec_free(data);
}

static ProviderType default_provider(const FeasibleOptions *options)
{
    ProviderType type = PROVIDER_AWS;
    if (options->config && options->config->provider)
        (void)provider_type_from(view_from(options->config->provider), &type);
    return type;
}

/* NULL: not in the set, or its spec does not decode. */
static const Environment *environment_get(Check *check, const char *name)
{
    const Manifest *manifest = manifest_set_find(check->set, KIND_COMPUTE_ENVIRONMENT, view_from(name));
    if (!manifest)
        return NULL;
    Environment *environment = g_hash_table_lookup(check->environments, manifest);
    if (environment)
        return environment;
    ComputeEnvironmentSpec *spec = compute_environment_spec_decode(manifest->spec, NULL);
    if (!spec)
        return NULL;
    if (check->options->provider_override != PROVIDER_UNSET)
        spec->provider = check->options->provider_override;
    environment = g_new0(Environment, 1);
    environment->spec = spec;
    environment->judged = feasible_environment(manifest->name, spec, default_provider(check->options),
                                               &check->options->machine);
    g_hash_table_insert(check->environments, (gpointer)(uintptr_t)manifest, environment);
    return environment;
}

static void queue_fill(Check *check, Queue *queue, const JobQueueSpec *spec)
{
    guint len = g_strv_length(spec->compute_environments);
    queue->environments = g_new0(FeasibleEnvironment, len + 1);
    queue->closed = true;
    for (guint i = 0; i < len; i++) {
        const Environment *environment = environment_get(check, spec->compute_environments[i]);
        if (environment)
            queue->environments[queue->len++] = environment->judged;
        else
            queue->closed = false;
    }
}

static const Queue *queue_get(Check *check, const Manifest *manifest)
{
    Queue *queue = g_hash_table_lookup(check->queues, manifest);
    if (queue)
        return queue;
    queue = g_new0(Queue, 1);
    g_autoptr(JobQueueSpec) spec = job_queue_spec_decode(manifest->spec, NULL);
    if (spec)
        queue_fill(check, queue, spec);
    g_hash_table_insert(check->queues, (gpointer)(uintptr_t)manifest, queue);
    return queue;
}

static const JobDefinitionSpec *definition_get(Check *check, const Manifest *manifest)
{
    JobDefinitionSpec *spec = g_hash_table_lookup(check->definitions, manifest);
    if (spec)
        return spec;
    if (g_hash_table_size(check->definitions) >= DEFINITIONS_KEPT_MAX)
        g_hash_table_remove_all(check->definitions);
    spec = job_definition_spec_decode(manifest->spec, NULL);
    if (spec)
        g_hash_table_insert(check->definitions, (gpointer)(uintptr_t)manifest, spec);
    return spec;
}

static Answer *answer_new(const JobDefinitionSpec *job, const Queue *queue)
{
    Answer *answer = g_new0(Answer, 1);
    answer->result = FEASIBLE_UNKNOWN;
    if (!queue->closed || !queue->len)
        return answer;
    g_autoptr(GString) arithmetic = g_string_new(NULL);
    answer->result = feasible_job(job, queue->environments, queue->len, arithmetic, &answer->need);
    if (answer->result == FEASIBLE_NO)
        answer->arithmetic = g_strdup(arithmetic->str);
    return answer;
}

/* NULL when the definition does not decode. */
static const DefinitionShape *shape_get(Check *check, const Manifest *definition)
{
    DefinitionShape *known = g_hash_table_lookup(check->shapes, definition), shape;
    if (known)
        return known;
    if (!definition_shape_read(definition->spec, &shape))
        return NULL;
    known = g_memdup2(&shape, sizeof shape);
    g_hash_table_insert(check->shapes, (gpointer)(uintptr_t)definition, known);
    return known;
}

/* What feasible_job looks at, which a shape has all of: decoding costs fifty times as much. */
static Answer *answer_of_shape(const DefinitionShape *shape, const Queue *queue)
{
    char any[] = "command", *command[] = {shape->has_command ? any : NULL, NULL};
    g_auto(GStrv) beyond = g_strsplit(shape->beyond, " ", -1);
    JobDefinitionSpec spec = {.need = shape->need,
                              .nodes = shape->nodes,
                              .node_instance_type =
                                  shape->node_type[0] ? (char *)(uintptr_t)shape->node_type : NULL,
                              .platform = shape->platform,
                              .command = command,
                              .beyond_process = beyond};
    return answer_new(&spec, queue);
}

/* Asked once for each shape and queue; many definitions and jobs have the same shape. NULL when something
 * does not decode or cannot be told by its shape. job: with overrides, or NULL. queue: its manifest, or NULL
 * with all. */
static const Answer *answer_get(Check *check, const Manifest *definition, const Manifest *job,
                                const Manifest *queue, const Queue *all)
{
    const DefinitionShape *shape = shape_get(check, definition);
    Pair key = {.queue = queue};
    if (!shape)
        return NULL;
    key.shape = *shape;
    if (job && !definition_shape_override(job->spec, &key.shape))
        return NULL;
    Answer *answer = g_hash_table_lookup(check->answers, &key);
    if (answer)
        return answer;
    answer = answer_of_shape(&key.shape, queue ? queue_get(check, queue) : all);
    g_hash_table_insert(check->answers, g_memdup2(&key, sizeof key), answer);
    return answer;
}

/* The definition's manifest, when it is the revision that the reference means. */
static const Manifest *definition_find(const Check *check, View reference)
{
    View qualifier, name = reference_name(KIND_JOB_DEFINITION, reference, &qualifier);
    return qualifier.data ? NULL : manifest_set_find(check->set, KIND_JOB_DEFINITION, name);
}

static const Manifest *queue_find(const Check *check, View reference)
{
    View qualifier, name = reference_name(KIND_JOB_QUEUE, reference, &qualifier);
    return manifest_set_find(check->set, KIND_JOB_QUEUE, name);
}

/* ---- reporting */

static const char *need_type(NeedKind need)
{
    switch (need) {
    case NEED_MEMORY: return "MEMORY";
    case NEED_VCPU: return "VCPU";
    case NEED_GPU: return "GPU";
    case NEED_NONE:
    case NEED_OTHER: break;
    }
    return "";
}

static const char *need_alias(NeedKind need)
{
    return need == NEED_MEMORY ? "memory" : need == NEED_VCPU ? "vcpus" : "resourceRequirements";
}

/* Points at the line that asks for too much: in container, else at fallback. */
static void infeasible_report(Check *check, const Manifest *manifest, const char *container,
                              const char *fallback, const Answer *answer, Severity severity,
                              const char *message)
{
    g_autofree char *requirement =
        g_strdup_printf("%s.resourceRequirements[%s].value", container, need_type(answer->need));
    g_autofree char *alias = g_strdup_printf("%s.%s", container, need_alias(answer->need));
    const char *const all[] = {requirement, alias, fallback, NULL};
    bool dimension = answer->need != NEED_OTHER && answer->need != NEED_NONE;
    Fault fault = {severity, severity == SEVERITY_ERROR ? DIAGNOSTIC_INFEASIBLE : DIAGNOSTIC_PLAIN, message,
                   answer->arithmetic};
    locate_report(&check->locator, manifest, dimension ? all : all + 2, (View){NULL, 0}, &fault);
}

/* ---- jobs and steps */

static bool has_text(View spec, const char *text)
{
    return memmem(spec.data, spec.len, text, strlen(text)) != NULL;
}

/* A quote inside a string is escaped in the canonical form, so these texts are members. A command matters
 * where the definition has none. */
static bool has_overrides(View spec)
{
    return has_text(spec, "\"containerOverrides\":") || has_text(spec, "\"nodeOverrides\":");
}

/* prefix: "spec" or "spec.jobs[3]"; what: "Job/align" */
static void job_judge(Check *check, const Manifest *manifest, const JobSpec *job, const char *prefix,
                      const char *what)
{
    const Manifest *definition = job->definition ? definition_find(check, view_from(job->definition)) : NULL;
    const Manifest *queue = job->queue ? queue_find(check, view_from(job->queue)) : NULL;
    const JobDefinitionSpec *base = definition && queue ? definition_get(check, definition) : NULL;
    if (!base)
        return;
    g_autoptr(JobDefinitionSpec) effective = job_effective(base, job);
    Answer *answer = answer_new(effective, queue_get(check, queue));
    if (answer->result == FEASIBLE_NO) {
        g_autofree char *message = g_strdup_printf("no environment of queue \"" VIEW_FMT "\" can ever run %s",
                                                   VIEW_ARG(queue->name), what);
        g_autofree char *container = g_strconcat(prefix, ".containerOverrides", NULL);
        g_autofree char *fallback = g_strconcat(prefix, ".jobDefinition", NULL);
        infeasible_report(check, manifest, container, fallback, answer, SEVERITY_ERROR, message);
    }
    answer_free(answer);
}

static void job_check(Check *check, const Manifest *manifest)
{
    g_autoptr(JobSpec) job = job_spec_decode(manifest->spec, NULL);
    g_autofree char *what = g_strdup_printf("Job/" VIEW_FMT, VIEW_ARG(manifest->name));
    if (job)
        job_judge(check, manifest, job, "spec", what);
}

static void pipeline_check(Check *check, const Manifest *manifest)
{
    g_autoptr(PipelineSpec) pipeline = pipeline_spec_decode(manifest->spec, NULL);
    for (size_t i = 0; pipeline && i < pipeline->steps_len; i++) {
        g_autofree char *prefix = g_strdup_printf("spec.jobs[%zu]", i);
        g_autofree char *what = g_strdup_printf("step \"%s\" of Pipeline/" VIEW_FMT, pipeline->steps[i]->name,
                                                VIEW_ARG(manifest->name));
        job_judge(check, manifest, pipeline->steps[i], prefix, what);
    }
}

/* Whether one of the queue's environments is on AWS and names no file system for workspaces: its name; NULL:
 * none is. */
static const FeasibleEnvironment *without_workspace(const Queue *queue)
{
    for (size_t i = 0; i < queue->len; i++)
        if (queue->environments[i].provider == PROVIDER_AWS && !queue->environments[i].spec->has_workspace)
            return &queue->environments[i];
    return NULL;
}

/* On AWS no two hosts share a disk: steps that share files need a file system that they all mount. */
static void workspace_check(Check *check, const Manifest *manifest)
{
    static const char *const paths[] = {"spec.workspace", NULL};
    if (!has_text(manifest->spec, "\"workspace\":true"))
        return;
    for (size_t i = 0; i < manifest->references_len; i++) {
        const Manifest *queue = manifest->references[i].kind == KIND_JOB_QUEUE
                                    ? queue_find(check, manifest->references[i].text)
                                    : NULL;
        const FeasibleEnvironment *environment = queue ? without_workspace(queue_get(check, queue)) : NULL;
        if (!environment)
            continue;
        g_autofree char *message =
            g_strdup_printf("Pipeline/" VIEW_FMT " has a workspace, and ComputeEnvironment/" VIEW_FMT
                            " on aws has no file system for one",
                            VIEW_ARG(manifest->name), VIEW_ARG(environment->name));
        Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_INFEASIBLE, message,
                       "declare spec.workspace.fileSystemId there: a file system of EFS"};
        locate_report(&check->locator, manifest, paths, (View){NULL, 0}, &fault);
        return;
    }
}

static void workspaces_check(Check *check)
{
    size_t first, len = manifest_set_kind(check->set, KIND_PIPELINE, &first);
    for (size_t i = 0; i < len; i++)
        workspace_check(check, manifest_set_get(check->set, first + i));
}

/* If every definition here can run in every queue here, there is nothing to look at closely. The overrides of
 * a Job are those of its one definition; which step of a pipeline has which needs the decoded spec. */
static bool surely_feasible(Check *check, const Manifest *manifest)
{
    bool overrides = has_overrides(manifest->spec);
    if (overrides && manifest->kind != KIND_JOB)
        return false;
    for (size_t q = 0; q < manifest->references_len; q++) {
        const Manifest *queue = manifest->references[q].kind == KIND_JOB_QUEUE
                                    ? queue_find(check, manifest->references[q].text)
                                    : NULL;
        for (size_t d = 0; queue && d < manifest->references_len; d++) {
            const Manifest *definition = manifest->references[d].kind == KIND_JOB_DEFINITION
                                             ? definition_find(check, manifest->references[d].text)
                                             : NULL;
            if (!definition)
                continue;
            const Answer *answer = answer_get(check, definition, overrides ? manifest : NULL, queue, NULL);
            if (answer ? answer->result == FEASIBLE_NO : overrides)
                return false;
        }
    }
    return true;
}

static void works_check(Check *check, Kind kind, void (*judge)(Check *check, const Manifest *manifest))
{
    size_t first, len = manifest_set_kind(check->set, kind, &first);
    for (size_t i = 0; i < len; i++) {
        const Manifest *manifest = manifest_set_get(check->set, first + i);
        if (!surely_feasible(check, manifest))
            judge(check, manifest);
    }
}

/* ---- definitions */

/* All environments that a queue of the set leads to. Not closed when a queue leads outside, or when there is
 * none. */
static Queue *queue_of_all(Check *check)
{
    size_t first, len = manifest_set_kind(check->set, KIND_JOB_QUEUE, &first);
    Queue *all = g_new0(Queue, 1);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    GArray *environments = g_array_new(FALSE, FALSE, sizeof(FeasibleEnvironment));
    all->closed = len > 0;
    for (size_t i = 0; i < len; i++) {
        const Queue *queue = queue_get(check, manifest_set_get(check->set, first + i));
        all->closed = all->closed && queue->closed;
        for (size_t e = 0; e < queue->len; e++)
            if (g_hash_table_add(seen, (gpointer)(uintptr_t)queue->environments[e].spec))
                g_array_append_val(environments, queue->environments[e]);
    }
    all->len = environments->len;
    all->environments = (FeasibleEnvironment *)(void *)g_array_free(environments, FALSE);
    return all;
}

static void definition_check(Check *check, const Manifest *manifest, const Queue *all)
{
    const Answer *answer = answer_get(check, manifest, NULL, NULL, all);
    if (!answer || answer->result != FEASIBLE_NO)
        return;
    g_autofree char *message =
        g_strdup_printf("no queue can ever run JobDefinition/" VIEW_FMT, VIEW_ARG(manifest->name));
    infeasible_report(check, manifest, "spec.containerProperties", "metadata.name", answer, SEVERITY_WARNING,
                      message);
}

static void definitions_check(Check *check)
{
    size_t first, len = manifest_set_kind(check->set, KIND_JOB_DEFINITION, &first);
    Queue *all = queue_of_all(check);
    for (size_t i = 0; all->closed && i < len; i++)
        definition_check(check, manifest_set_get(check->set, first + i), all);
    queue_free(all);
}

void feasible_check(const ManifestSet *set, const FeasibleOptions *options, DiagnosticList *diagnostics)
{
    Check check = {
        .set = set,
        .options = options,
        .environments = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, environment_free),
        .queues = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, queue_free),
        .definitions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, definition_free),
        .answers = g_hash_table_new_full(pair_hash, pair_equal, g_free, answer_free),
        .shapes = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free),
        .locator = {.text = options->text,
                    .data = options->data,
                    .variant = manifest_set_config(set)->variant,
                    .diagnostics = diagnostics},
    };
    works_check(&check, KIND_JOB, job_check);
    works_check(&check, KIND_PIPELINE, pipeline_check);
    workspaces_check(&check);
    if (!options->is_part)
        definitions_check(&check);
    consumable_check(set, options->is_part, &check.locator);
    architecture_check(set, &check.locator);
    g_hash_table_unref(check.shapes);
    g_hash_table_unref(check.answers);
    g_hash_table_unref(check.definitions);
    g_hash_table_unref(check.queues);
    g_hash_table_unref(check.environments);
}

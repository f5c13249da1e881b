#include "spec/reference.h"

#include <glib.h>

#include "spec/consistency.h"
#include "spec/cycle.h"
#include "spec/formerly.h"
#include "spec/locate.h"
#include "spec/share_check.h"
#include "spec/variant.h"

/* With more names than this, or after so many faults, looking for a near name costs more than it helps. */
#define SUGGEST_NAMES_MAX  20000
#define SUGGEST_FAULTS_MAX 100

static const char *const arn_types[KIND_COUNT] = {
    [KIND_SCHEDULING_POLICY] = "scheduling-policy",     [KIND_CONSUMABLE_RESOURCE] = "consumable-resource",
    [KIND_COMPUTE_ENVIRONMENT] = "compute-environment", [KIND_JOB_QUEUE] = "job-queue",
    [KIND_JOB_DEFINITION] = "job-definition",
};

/* The parts of arn:PARTITION:batch:REGION:ACCOUNT:TYPE/NAME. */
typedef struct {
    View region, account, type, name;
} BatchArn;

static View field_take(View *rest, char separator)
{
    const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    if (!end)
        return (View){NULL, 0};
    View field = {rest->data, (size_t)(end - rest->data)};
    *rest = (View){end + 1, rest->len - field.len - 1};
    return field;
}

static bool arn_parse(View text, BatchArn *ret_arn)
{
    View rest = text;
    if (text.len < 4 || memcmp(text.data, "arn:", 4) != 0)
        return false;
    (void)field_take(&rest, ':');
    (void)field_take(&rest, ':');
    View service = field_take(&rest, ':');
    BatchArn arn = {.region = field_take(&rest, ':'), .account = field_take(&rest, ':')};
    arn.type = field_take(&rest, '/');
    arn.name = rest;
    if (!view_is(service, "batch") || !arn.type.data || !rest.len)
        return false;
    *ret_arn = arn;
    return true;
}

View reference_name(Kind kind, View reference, View *ret_qualifier)
{
    BatchArn arn;
    View name = reference;
    *ret_qualifier = (View){NULL, 0};
    if (arn_types[kind] && arn_parse(reference, &arn) && view_is(arn.type, arn_types[kind]))
        name = arn.name;
    if (kind != KIND_JOB_DEFINITION)
        return name;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == ':' || name.data[i] == '@') {
            *ret_qualifier = (View){name.data + i + 1, name.len - i - 1};
            return (View){name.data, i};
        }
    return name;
}

typedef struct {
    const ManifestSet *set;
    ReferenceKnown known;
    void *data;
    Locator locator;
    char **names[KIND_COUNT]; /* for suggestions, made when first needed */
    int suggestions;
    GHashTable *untold; /* "KIND/NAME" of what was warned of */
} Check;

static void check_tell(Check *check, const Manifest *manifest, const char *path, View wanted,
                       const Fault *fault)
{
    const char *const paths[] = {path, NULL};
    locate_report(&check->locator, manifest, paths, wanted, fault);
}

static void check_report(Check *check, const Manifest *manifest, const char *path, View wanted,
                         const char *message)
{
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, NULL};
    check_tell(check, manifest, path, wanted, &fault);
}

/* ---- names */

static const NamePrefix *prefix_of(const Check *check)
{
    return variant_prefix(check->locator.variant);
}

/* As it is written in the source. */
static const char *suggest(Check *check, Kind kind, View name)
{
    size_t first, len = manifest_set_kind(check->set, kind, &first);
    if (!len || len > SUGGEST_NAMES_MAX || check->suggestions++ >= SUGGEST_FAULTS_MAX)
        return NULL;
    if (!check->names[kind]) {
        check->names[kind] = g_new0(char *, len + 1);
        for (size_t i = 0; i < len; i++) {
            View other = prefix_strip(prefix_of(check), manifest_set_get(check->set, first + i)->name);
            check->names[kind][i] = g_strndup(other.data, other.len);
        }
    }
    return suggest_nearest(name, (const char *const *)check->names[kind]);
}

static bool used(const Check *check, Kind kind, View name)
{
    const SourceConfig *config = manifest_set_config(check->set);
    for (size_t i = 0; config && config->uses && config->uses[i]; i++) {
        View rest = view_from(config->uses[i]);
        View other = field_take(&rest, '/');
        if (view_is(other, kind_name(kind)) && view_equal(rest, name))
            return true;
    }
    return false;
}

/* An ARN of our region and account, as far as muster.yaml says which these are. */
static bool arn_is_elsewhere(const Check *check, View text)
{
    BatchArn arn;
    const SourceConfig *config = manifest_set_config(check->set);
    if (!arn_parse(text, &arn) || !config)
        return false;
    return (config->region && !view_is(arn.region, config->region)) ||
           (config->account && !view_is(arn.account, config->account));
}

/* Both names, where the one that is looked for is not the one that is written. */
static void missing_report(Check *check, const Manifest *manifest, const ManifestReference *reference,
                           View name)
{
    const char *kind = kind_name(reference->kind);
    bool is_arn = reference->text.len >= 4 && memcmp(reference->text.data, "arn:", 4) == 0;
    View written = is_arn ? name : prefix_strip(prefix_of(check), name);
    const char *near = suggest(check, reference->kind, written);
    g_autoptr(GString) message = g_string_new(NULL), detail = g_string_new(NULL);
    g_string_append_printf(message, "no %s is named \"" VIEW_FMT "\"", kind, VIEW_ARG(written));
    if (near)
        g_string_append_printf(message, "; did you mean \"%s\"?", near);
    if (written.len < name.len)
        g_string_append_printf(detail,
                               "with namePrefix it is \"" VIEW_FMT
                               "\"; one of another source is named under `uses:`: [%s/" VIEW_FMT "]",
                               VIEW_ARG(name), kind, VIEW_ARG(written));
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message->str, detail->len ? detail->str : NULL};
    check_tell(check, manifest, reference->path, reference->text, &fault);
}

/* Once for each name: it may be right. */
static void untold_report(Check *check, const Manifest *manifest, const ManifestReference *reference,
                          View name)
{
    g_autofree char *key = g_strdup_printf("%s/" VIEW_FMT, kind_name(reference->kind), VIEW_ARG(name));
    if (!g_hash_table_add(check->untold, g_strdup(key)))
        return;
    g_autofree char *message =
        g_strdup_printf("%s, of `uses:` in muster.yaml, cannot be looked for: there is no state", key);
    Fault fault = {SEVERITY_WARNING, DIAGNOSTIC_PLAIN, message, NULL};
    check_tell(check, manifest, reference->path, reference->text, &fault);
}

static void unused_report(Check *check, const Manifest *manifest, const ManifestReference *reference,
                          View name)
{
    g_autofree char *message =
        g_strdup_printf("no %s is named \"" VIEW_FMT "\": `uses:` in muster.yaml says that another source "
                        "makes it, and none has",
                        kind_name(reference->kind), VIEW_ARG(name));
    check_report(check, manifest, reference->path, reference->text, message);
}

static void reference_resolve(Check *check, const Manifest *manifest, const ManifestReference *reference)
{
    View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
    if (arn_is_elsewhere(check, reference->text)) {
        check_report(check, manifest, reference->path, reference->text,
                     "this ARN is of another region or account than muster.yaml names");
        return;
    }
    if (manifest_set_find(check->set, reference->kind, name))
        return;
    ReferenceStanding standing =
        check->known ? check->known(reference->kind, name, check->data) : REFERENCE_UNTOLD;
    bool is_used = used(check, reference->kind, name);
    switch (standing) {
    case REFERENCE_KNOWN: return;
    case REFERENCE_UNTOLD:
        if (is_used)
            untold_report(check, manifest, reference, name);
        else
            missing_report(check, manifest, reference, name);
        return;
    case REFERENCE_MISSING:
        if (is_used)
            unused_report(check, manifest, reference, name);
        else
            missing_report(check, manifest, reference, name);
        return;
    }
}

/* ---- jobs that wait for jobs */

/* The canonical form has no blanks, and a quote inside a string is escaped: the text can stand nowhere else.
 */
static int64_t array_size(View spec)
{
    static const char key[] = "\"arrayProperties\":{\"size\":";
    const char *at = memmem(spec.data, spec.len, key, sizeof key - 1);
    int64_t size = 0;
    if (!at)
        return 0;
    for (at += sizeof key - 1; at < spec.data + spec.len && g_ascii_isdigit(*at) && size < 1000000; at++)
        size = size * 10 + (*at - '0');
    return size;
}

static void job_pairs_check(Check *check, const Manifest *manifest)
{
    static const char type[] = "\"type\":\"N_TO_N\"";
    if (!memmem(manifest->spec.data, manifest->spec.len, type, sizeof type - 1))
        return;
    g_autoptr(JobSpec) job = job_spec_decode(manifest->spec, NULL);
    for (size_t i = 0; job && i < job->depends_on_len; i++) {
        const DependencySpec *dependency = &job->depends_on[i];
        const Manifest *target = dependency->type == DEPENDENCY_N_TO_N && dependency->job
                                     ? manifest_set_find(check->set, KIND_JOB, view_from(dependency->job))
                                     : NULL;
        int64_t size = target ? array_size(target->spec) : job->array_size;
        if (size == job->array_size)
            continue;
        g_autofree char *path = g_strdup_printf("spec.dependsOn[%zu].job", i);
        g_autofree char *message =
            size ? g_strdup_printf("N_TO_N joins arrays of equal size: \"%s\" has %" G_GINT64_FORMAT
                                   ", this job %" G_GINT64_FORMAT,
                                   dependency->job, size, job->array_size)
                 : g_strdup_printf("N_TO_N joins two arrays, and \"%s\" is none", dependency->job);
        check_report(check, manifest, path, (View){NULL, 0}, message);
    }
}

typedef struct {
    Check *check;
    size_t first;
} JobGraph;

static void jobs_cycle(const uint32_t *nodes, size_t len, void *data)
{
    const JobGraph *graph = data;
    g_autoptr(GString) message = g_string_new("the jobs wait for each other: ");
    const Manifest *first = manifest_set_get(graph->check->set, graph->first + nodes[0]);
    for (size_t i = 0; i < len; i++) {
        View name = manifest_set_get(graph->check->set, graph->first + nodes[i])->name;
        g_string_append_printf(message, VIEW_FMT " -> ", VIEW_ARG(name));
    }
    g_string_append_len(message, first->name.data, (gssize)first->name.len);
    check_report(graph->check, first, "spec.dependsOn", (View){NULL, 0}, message->str);
}

/* Manifests of one kind lie in name order, so a manifest's place is found by bisection. */
static bool job_index(const ManifestSet *set, size_t first, size_t len, View name, uint32_t *ret_index)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view_compare(manifest_set_get(set, first + middle)->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = (uint32_t)low;
    return low < len && view_equal(manifest_set_get(set, first + low)->name, name);
}

static void jobs_check(Check *check)
{
    size_t first, len = manifest_set_kind(check->set, KIND_JOB, &first);
    g_autofree uint32_t *edges = g_new0(uint32_t, len + 1);
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (size_t i = 0; i < len; i++) {
        const Manifest *manifest = manifest_set_get(check->set, first + i);
        uint32_t target;
        for (size_t r = 0; r < manifest->references_len; r++)
            if (manifest->references[r].kind == KIND_JOB &&
                job_index(check->set, first, len, manifest->references[r].text, &target))
                g_array_append_val(targets, target);
        edges[i + 1] = targets->len;
        job_pairs_check(check, manifest);
    }
    JobGraph graph = {check, first};
    cycle_find(len, edges, (const uint32_t *)(const void *)targets->data, jobs_cycle, &graph);
}

/* ---- queues */

typedef enum { FAMILY_OPEN, FAMILY_EC2, FAMILY_FARGATE } Family;

static Family environment_family(const Check *check, View reference)
{
    View qualifier, name = reference_name(KIND_COMPUTE_ENVIRONMENT, reference, &qualifier);
    const Manifest *manifest = manifest_set_find(check->set, KIND_COMPUTE_ENVIRONMENT, name);
    g_autoptr(ComputeEnvironmentSpec) spec =
        manifest ? compute_environment_spec_decode(manifest->spec, NULL) : NULL;
    if (!spec || !spec->type_given || spec->type == CE_TYPE_UNMANAGED)
        return FAMILY_OPEN;
    return spec->type == CE_TYPE_FARGATE || spec->type == CE_TYPE_FARGATE_SPOT ? FAMILY_FARGATE : FAMILY_EC2;
}

static void queue_check(Check *check, const Manifest *queue)
{
    const ManifestReference *of_family[FAMILY_FARGATE + 1] = {NULL};
    size_t environments = 0;
    for (size_t i = 0; i < queue->references_len; i++)
        environments += queue->references[i].kind == KIND_COMPUTE_ENVIRONMENT;
    for (size_t i = 0; environments > 1 && i < queue->references_len; i++)
        if (queue->references[i].kind == KIND_COMPUTE_ENVIRONMENT)
            of_family[environment_family(check, queue->references[i].text)] = &queue->references[i];
    const ManifestReference *ec2 = of_family[FAMILY_EC2], *fargate = of_family[FAMILY_FARGATE];
    if (!ec2 || !fargate)
        return;
    g_autofree char *message = g_strdup_printf("a queue cannot mix EC2 and Fargate: \"" VIEW_FMT
                                               "\" runs on EC2, \"" VIEW_FMT "\" on Fargate",
                                               VIEW_ARG(ec2->text), VIEW_ARG(fargate->text));
    check_report(check, queue, fargate->path, fargate->text, message);
}

void reference_check(const ManifestSet *set, ReferenceKnown known, ReferenceText text, void *data,
                     DiagnosticList *diagnostics)
{
    Check check = {.set = set,
                   .known = known,
                   .data = data,
                   .untold = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                   .locator = {.text = text,
                               .data = data,
                               .variant = manifest_set_config(set)->variant,
                               .diagnostics = diagnostics}};
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        for (size_t r = 0; r < manifest->references_len; r++)
            reference_resolve(&check, manifest, &manifest->references[r]);
        if (manifest->kind == KIND_JOB_QUEUE)
            queue_check(&check, manifest);
        consistency_check(&check.locator, manifest);
    }
    jobs_check(&check);
    share_check(set, &check.locator);
    formerly_check(set, &check.locator);
    for (Kind kind = 0; kind < KIND_COUNT; kind++)
        g_strfreev(check.names[kind]);
    g_hash_table_unref(check.untold);
}

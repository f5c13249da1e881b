#include "spec/share_check.h"

#include <glib.h>

#include "spec/json_scan.h"

typedef struct {
    const ManifestSet *set;
    Locator *locator;
} Check;

typedef enum { QUEUE_ELSEWHERE, QUEUE_PLAIN, QUEUE_SHARED } QueueSort;

static QueueSort queue_sort(const Check *check, View reference)
{
    View qualifier, name = reference_name(KIND_JOB_QUEUE, reference, &qualifier);
    const Manifest *queue = manifest_set_find(check->set, KIND_JOB_QUEUE, name);
    if (!queue)
        return QUEUE_ELSEWHERE;
    for (size_t i = 0; i < queue->references_len; i++)
        if (queue->references[i].kind == KIND_SCHEDULING_POLICY)
            return QUEUE_SHARED;
    return QUEUE_PLAIN;
}

/* shareIdentifier of the spec itself; a parameter may have the same name. */
static bool has_share(View spec)
{
    static const char member[] = "\"shareIdentifier\":";
    JsonScan scan = json_scan(spec);
    View key;
    if (!memmem(spec.data, spec.len, member, sizeof member - 1) || !json_scan_open(&scan, '{'))
        return false;
    while (json_scan_key(&scan, &key)) {
        if (view_is(key, "shareIdentifier"))
            return true;
        if (!json_scan_skip(&scan))
            return false;
    }
    return false;
}

/* One job or step; what: "Job/align". */
typedef struct {
    const Manifest *manifest;
    View queue;
    bool has_share;
    const char *what;
    const char *const *queue_paths, *const *share_paths;
    const char *cure; /* where a share is named in vain */
} Subject;

static void judge(const Check *check, const Subject *subject)
{
    QueueSort sort = queue_sort(check, subject->queue);
    if (sort == QUEUE_ELSEWHERE || (sort == QUEUE_SHARED) == subject->has_share)
        return;
    bool is_needed = sort == QUEUE_SHARED;
    g_autofree char *message = g_strdup_printf(
        "queue \"" VIEW_FMT "\" has %s scheduling policy: %s %s a shareIdentifier", VIEW_ARG(subject->queue),
        is_needed ? "a" : "no", subject->what, is_needed ? "needs" : "cannot have");
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message,
                   is_needed ? "add shareIdentifier: NAME, the share that the work counts against"
                             : subject->cure};
    locate_report(check->locator, subject->manifest, is_needed ? subject->queue_paths : subject->share_paths,
                  (View){NULL, 0}, &fault);
}

static void job_check(const Check *check, const Manifest *manifest)
{
    static const char *const queue_paths[] = {"spec.jobQueue", NULL};
    static const char *const share_paths[] = {"spec.shareIdentifier", NULL};
    g_autofree char *what = g_strdup_printf("Job/" VIEW_FMT, VIEW_ARG(manifest->name));
    for (size_t i = 0; i < manifest->references_len; i++) {
        const ManifestReference *reference = &manifest->references[i];
        if (reference->kind != KIND_JOB_QUEUE)
            continue;
        Subject subject = {manifest,
                           reference->text,
                           has_share(manifest->spec),
                           what,
                           queue_paths,
                           share_paths,
                           "remove it: the queue is first in, first out"};
        judge(check, &subject);
    }
}

static void step_check(const Check *check, const Manifest *manifest, const JobSpec *step, size_t index)
{
    g_autofree char *what =
        g_strdup_printf("step \"%s\" of Pipeline/" VIEW_FMT, step->name, VIEW_ARG(manifest->name));
    g_autofree char *queue_path = g_strdup_printf("spec.jobs[%zu].jobQueue", index);
    g_autofree char *share_path = g_strdup_printf("spec.jobs[%zu].shareIdentifier", index);
    const char *const queue_paths[] = {queue_path, "spec.jobQueue", NULL};
    const char *const share_paths[] = {share_path, "spec.shareIdentifier", NULL};
    Subject subject = {manifest,
                       view_from(step->queue),
                       step->share_identifier != NULL,
                       what,
                       queue_paths,
                       share_paths,
                       "name a share only for steps whose queue has a scheduling policy"};
    judge(check, &subject);
}

/* Most pipelines name no share and run in queues without a policy: these are not decoded. */
static bool is_plain(const Check *check, const Manifest *manifest)
{
    static const char member[] = "\"shareIdentifier\":";
    if (memmem(manifest->spec.data, manifest->spec.len, member, sizeof member - 1))
        return false;
    for (size_t i = 0; i < manifest->references_len; i++)
        if (manifest->references[i].kind == KIND_JOB_QUEUE &&
            queue_sort(check, manifest->references[i].text) == QUEUE_SHARED)
            return false;
    return true;
}

static void pipeline_check(const Check *check, const Manifest *manifest)
{
    if (is_plain(check, manifest))
        return;
    g_autoptr(PipelineSpec) pipeline = pipeline_spec_decode(manifest->spec, NULL);
    for (size_t i = 0; pipeline && i < pipeline->steps_len; i++)
        if (pipeline->steps[i]->queue)
            step_check(check, manifest, pipeline->steps[i], i);
}

void share_check(const ManifestSet *set, Locator *locator)
{
    Check check = {set, locator};
    size_t first, len = manifest_set_kind(set, KIND_JOB, &first);
    for (size_t i = 0; i < len; i++)
        job_check(&check, manifest_set_get(set, first + i));
    len = manifest_set_kind(set, KIND_PIPELINE, &first);
    for (size_t i = 0; i < len; i++)
        pipeline_check(&check, manifest_set_get(set, first + i));
}

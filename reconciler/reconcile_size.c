/* reconcile_size.c: how many lines a file of a workspace has, counted off the loop for steps whose array is
 * as large. Nothing leaves: what was counted only decides what is made next, and a restart counts again. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "reconciler/reconcile_internal.h"
#include "reconciler/recording.h"
#include "reconciler/source/scan.h"
#include "spec/array_lines.h"

#define SIZE_BYTES_MAX ((size_t)64 << 20)

typedef struct {
    Reconciler *reconciler;
    JobId id;
    char *directory, *path;
    int64_t lines;
    char *fault; /* NULL: lines is known */
} SizeTask;

/* Without the name of the file, which the reader knows. */
static char *fault_text(const GError *error, const char *path)
{
    g_autofree char *prefix = g_strdup_printf("%s: ", path);
    return g_strdup(error->message + (g_str_has_prefix(error->message, prefix) ? strlen(prefix) : 0));
}

/* On the worker. The workspace is what jobs made of it: nothing outside of it is opened. */
static void size_count(void *data)
{
    SizeTask *task = data;
    g_autoptr(GError) error = NULL;
    struct stat status;
    size_t len = 0;
    int root = open(task->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root_errno = errno;
    int fd = root >= 0 ? scan_open(root, task->path, &status, &error) : -1;
    g_autofree char *text = fd >= 0 ? scan_read_all(fd, task->path, SIZE_BYTES_MAX, &len, &error) : NULL;
    if (text)
        task->lines = array_lines_count((View){text, len});
    else
        task->fault = error ? fault_text(error, task->path) : g_strdup(g_strerror(root_errno));
    if (fd >= 0)
        close(fd);
    if (root >= 0)
        close(root);
}

static PortFound size_save(const void *data, GByteArray *bytes)
{
    const SizeTask *task = data;
    saved_put_number(bytes, task->fault != NULL);
    saved_put_number(bytes, task->lines);
    saved_put_text(bytes, view_from(task->fault));
    return (PortFound){0};
}

static bool size_restore(void *data, View saved, ManifestSet *set, const char *state_dir)
{
    SizeTask *task = data;
    Saved from = {.rest = saved};
    (void)set, (void)state_dir;
    bool has_fault = saved_number(&from) != 0;
    task->lines = saved_number(&from);
    View fault = saved_text(&from);
    task->fault = has_fault ? g_strndup(fault.data, fault.len) : NULL;
    return !from.is_bad;
}

static void size_counted(void *data)
{
    SizeTask *task = data;
    Reconciler *reconciler = task->reconciler;
    reconciler->gathering--;
    Job *job = reconciler->fault || reconciler->reload ? NULL : world_job(reconciler->world, &task->id);
    if (job)
        job_size_found(reconciler->world, job, task->lines, task->fault, reconciler->now_ms);
    g_free(task->directory);
    g_free(task->path);
    g_free(task->fault);
    g_free(task);
    reconciler_wake(reconciler);
}

static void size_ask(Reconciler *reconciler, Job *job)
{
    const char *path = job_array_file(job), *fault = path ? array_path_fault(path) : NULL;
    if (path && !fault && !job->run->pipeline->workspace)
        fault = "the pipeline has no workspace";
    if (!path || fault) {
        job_size_found(reconciler->world, job, 0, fault, reconciler->now_ms);
        return;
    }
    SizeTask *task = g_new0(SizeTask, 1);
    *task = (SizeTask){.reconciler = reconciler, .id = job->id, .path = g_strdup(path)};
    task->directory = g_build_filename(reconciler->state_dir, "workspaces", run_workspace(job->run), NULL);
    reconciler->gathering++;
    static const PortLoad load = {size_count, size_counted, size_save, size_restore};
    reconciler->ports.work.load(reconciler->ports.work.self, &load, task);
}

void sizes_run(Reconciler *reconciler)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(JobId));
    if (!reconciler->launch || reconciler->draining)
        return;
    world_take_sizes(reconciler->world, ids);
    for (guint i = 0; i < ids->len; i++) {
        Job *job = world_job(reconciler->world, &g_array_index(ids, JobId, i));
        if (job)
            size_ask(reconciler, job);
    }
}

/* operations_bulk.c: many SubmitJob objects at once, one per line: all or nothing.
 * Lines are parsed and validated on the query thread, checked against the world, then inserted in slices; the
 * answer leaves after the last slice's commit. */
#include "reconciler/api/operation.h"

typedef struct {
    GPtrArray *requests; /* of json_t*, by line; NULL entries: blank lines */
    GArray *ids;         /* of JobId: inserted so far */
    json_t *jobs;        /* of the answer */
    guint next;
    char *fault; /* of a line, found off the loop */
} Bulk;

static void request_free(void *json)
{
    json_decref(json);
}

static void bulk_free(void *data)
{
    Bulk *bulk = data;
    g_ptr_array_unref(bulk->requests);
    g_array_unref(bulk->ids);
    json_decref(bulk->jobs);
    g_free(bulk->fault);
    g_free(bulk);
}

static bool bulk_line(Bulk *bulk, RequestChecker *checker, View line)
{
    g_autofree char *message = NULL;
    while (line.len && g_ascii_isspace(line.data[line.len - 1]))
        line.len--;
    if (bulk->requests->len == BULK_LINES_MAX)
        message = g_strdup_printf("at most %d lines are possible in one request", BULK_LINES_MAX);
    json_t *request = message || line.len == 0 ? NULL : request_parse(line, &message);
    if (!message && request)
        request_check_submit(checker, request, &message);
    g_ptr_array_add(bulk->requests, request);
    if (message)
        bulk->fault = g_strdup_printf("line %u: %s", bulk->requests->len, message);
    return message == NULL;
}

void bulk_gather(StoreReader *reader, Call *call)
{
    (void)reader;
    Bulk *bulk = call->state;
    g_autoptr(RequestChecker) checker = request_checker_new();
    gsize len;
    const char *text = g_bytes_get_data(call->body, &len);
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end ? (size_t)(end - text) - at : len - at;
        if (!bulk_line(bulk, checker, (View){text + at, line_len}))
            return;
        at += line_len + 1;
    }
}

/* ---- against the world, before the first insert
 * ---------------------------------------------------------------------- */

typedef struct {
    json_t *queue, *definition; /* of the last line that was fine; borrowed */
} LastLine;

static char *check_dependencies(const World *world, const json_t *request)
{
    const json_t *dependency;
    size_t i;
    json_array_foreach(json_object_get(request, "dependsOn"), i, dependency)
    {
        JobId id;
        int32_t index;
        const char *text = json_string_value(json_object_get(dependency, "jobId"));
        if (text && (!job_ref_from_text(view_from(text), &id, &index) || !world_job(world, &id)))
            return g_strdup_printf("dependsOn: there is no unfinished job \"%s\"", text);
    }
    return NULL;
}

static char *check_line(const World *world, const json_t *request, LastLine *last)
{
    json_t *queue_name = json_object_get(request, "jobQueue"),
           *definition = json_object_get(request, "jobDefinition");
    if (!last->queue || !json_equal(last->queue, queue_name)) {
        const char *text = json_string_value(queue_name), *slash = strrchr(text, '/');
        const Resource *queue = world_resource(world, KIND_JOB_QUEUE, view_from(slash ? slash + 1 : text));
        if (!queue || !queue->queue || !queue->queue->spec->enabled)
            return g_strdup_printf("jobQueue: \"%s\" %s", text, queue ? "is not ENABLED" : "does not exist");
        last->queue = queue_name;
    }
    if (!last->definition || !json_equal(last->definition, definition)) {
        g_autoptr(GError) error = NULL;
        if (!world_revision(world, view_from(json_string_value(definition)), &error))
            return g_strdup(error->message);
        last->definition = definition;
    }
    return check_dependencies(world, request);
}

static char *check_lines(const World *world, const Bulk *bulk)
{
    LastLine last = {0};
    for (guint i = 0; i < bulk->requests->len; i++) {
        const json_t *request = bulk->requests->pdata[i];
        g_autofree char *fault = request ? check_line(world, request, &last) : NULL;
        if (fault)
            return g_strdup_printf("line %u: %s", i + 1, fault);
    }
    return NULL;
}

/* ---- slices
 * ------------------------------------------------------------------------------------------------------------
 */

/* A line that the world refuses after all takes back what was inserted. */
static OperationStep bulk_undo(OperationContext *context, Call *call, const GError *error)
{
    Bulk *bulk = call->state;
    for (guint i = 0; i < bulk->ids->len; i++) {
        Job *job = world_job(context->world, &g_array_index(bulk->ids, JobId, i));
        if (job)
            job_end(context->world, job, NOT_A_CHILD, END_TERMINATE,
                    "Another line of the same request was refused", context->now_ms, context->stops);
    }
    return call_fail(call, FAULT_INVALID, "line %u: %s", bulk->next + 1, error->message);
}

static OperationStep bulk_slice(OperationContext *context, Call *call)
{
    Bulk *bulk = call->state;
    guint end = MIN(bulk->next + BULK_SLICE, bulk->requests->len);
    for (; bulk->next < end; bulk->next++) {
        g_autoptr(GError) error = NULL;
        char id[37];
        json_t *request = bulk->requests->pdata[bulk->next];
        if (!request)
            continue;
        Submission submission = {.id = job_id_random(context), .request = request};
        const Job *job = job_submit(context->world, &submission, context->now_ms, &error);
        if (!job)
            return bulk_undo(context, call, error);
        g_array_append_val(bulk->ids, submission.id);
        job_id_to_text(&submission.id, id);
        json_array_append_new(bulk->jobs, json_pack("{s:s,s:s}", "jobId", id, "jobName", job->name));
    }
    if (bulk->next < bulk->requests->len)
        return STEP_AGAIN;
    return call_done(call, json_pack("{s:O}", "jobs", bulk->jobs));
}

OperationStep bulk_step(OperationContext *context, Call *call)
{
    Bulk *bulk = call->state;
    if (!bulk) {
        bulk = g_new0(Bulk, 1);
        bulk->requests = g_ptr_array_new_with_free_func(request_free);
        bulk->ids = g_array_new(FALSE, FALSE, sizeof(JobId));
        bulk->jobs = json_array();
        call->state = bulk;
        call->state_free = bulk_free;
        return STEP_GATHER;
    }
    if (call->phase == 0) {
        g_autofree char *fault = bulk->fault ? g_strdup(bulk->fault) : check_lines(context->world, bulk);
        if (fault)
            return call_fail(call, FAULT_INVALID, "%s", fault);
        call->phase = 1;
    }
    return bulk_slice(context, call);
}

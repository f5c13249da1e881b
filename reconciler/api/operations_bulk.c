/* operations_bulk.c: many SubmitJob objects at once, one per line: all or nothing.
 * Lines are parsed and validated on the query thread; then all are checked against the world in slices,
 * before the first is inserted; then they are inserted in slices. The answer leaves after the last slice's
 * commit. */
#include "reconciler/api/job_lookup.h"

#define BULK_LARGE 5000
#define LOOKUP_MAX 64 /* dependencies asked of the store at a time: they are searched line by line */

typedef enum { BULK_PARSE, BULK_CHECK, BULK_INSERT } BulkPhase; /* Call.phase */

typedef struct {
    GPtrArray *requests; /* of json_t*, by line; NULL entries: blank lines */
    GArray *ids;         /* of JobId: inserted so far */
    GString *answer;
    bool wants_lines; /* one a job; else an object that holds them all */
    guint next;
    JobLookup *lookup; /* dependencies of the lines from next on that have left memory; may be NULL */
    char *fault;       /* of a line, found off the loop */
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
    if (bulk->answer)
        g_string_free(bulk->answer, TRUE);
    job_lookup_free(bulk->lookup);
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

static void bulk_parse(const Call *call, Bulk *bulk)
{
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

/* The text is not needed any more; given back here, off the loop. */
static void drop_body(Call *call)
{
    g_bytes_unref(g_steal_pointer(&call->body));
}

void bulk_gather(StoreReader *reader, Call *call)
{
    Bulk *bulk = call->state;
    if (call->phase == BULK_PARSE) {
        bulk_parse(call, bulk);
        drop_body(call);
    } else
        job_lookup_gather(bulk->lookup, reader, &call->gather_error);
}

/* ---- dependencies that have left memory
 * ---------------------------------------------------------------------- */

/* Adds what neither memory nor the last look into the store knows; what is no job id is the check's to
 * refuse. */
static void line_look_up(const World *world, const json_t *request, const JobLookup *known, JobLookup *lookup)
{
    const json_t *dependency;
    size_t i;
    json_array_foreach(json_object_get(request, "dependsOn"), i, dependency)
    {
        JobId id;
        int32_t index;
        const char *text = json_string_value(json_object_get(dependency, "jobId"));
        if (text && job_ref_from_text(view_from(text), &id, &index) && !world_job(world, &id) &&
            !(known && job_lookup_has(known, &id, index)) && !job_lookup_has(lookup, &id, index))
            job_lookup_add(lookup, text);
    }
}

/* True when the store must be asked before the next line is taken: then also for some of the lines behind it.
 */
static bool bulk_look_up(const World *world, Bulk *bulk, guint end)
{
    const json_t *request = bulk->requests->pdata[bulk->next];
    if (!json_object_get(request, "dependsOn"))
        return false;
    g_autoptr(JobLookup) lookup = job_lookup_new();
    lookup->with_children = true;
    line_look_up(world, request, bulk->lookup, lookup);
    if (lookup->jobs->len == 0)
        return false;
    /* The fresh look replaces the last one: it has to name all that this line needs. */
    for (guint i = bulk->next; i < end && lookup->jobs->len < LOOKUP_MAX; i++)
        line_look_up(world, bulk->requests->pdata[i], NULL, lookup);
    job_lookup_free(bulk->lookup);
    bulk->lookup = g_steal_pointer(&lookup);
    return true;
}

/* ---- slices
 * ------------------------------------------------------------------------------------------------------------
 */

static bool check_line(OperationContext *context, Bulk *bulk, const json_t *request, GError **error)
{
    (void)bulk;
    Submission submission = {.request = request}; /* no job has the id of zeros */
    return job_submit_check(context->world, &submission, error);
}

static bool insert_line(OperationContext *context, Bulk *bulk, const json_t *request, GError **error)
{
    char id[37];
    Submission submission = {.id = job_id_random(context), .request = request};
    const Job *job = job_submit(context->world, &submission, context->now_ms, error);
    if (!job)
        return false;
    if (!bulk->wants_lines)
        g_string_append(bulk->answer, bulk->ids->len ? "," : "{\"jobs\":[");
    g_array_append_val(bulk->ids, submission.id);
    job_id_to_text(&submission.id, id);
    /* Names hold letters, digits, hyphens and underscores only. */
    g_string_append_printf(bulk->answer, "{\"jobId\":\"%s\",\"jobName\":\"%s\"}%s", id, job->name,
                           bulk->wants_lines ? "\n" : "");
    return true;
}

/* Only where what was checked has changed since, as when an apply disabled the queue between two slices: what
 * was inserted is taken back. Nothing is ever in ids while lines are checked. */
static OperationStep bulk_refuse(OperationContext *context, Call *call, const GError *error)
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

/* A tree of 50,000 requests takes longer to free than the loop may be busy: each goes with its line. */
static void request_done(Bulk *bulk, guint line)
{
    json_decref(bulk->requests->pdata[line]);
    bulk->requests->pdata[line] = NULL;
}

static OperationStep bulk_slice(OperationContext *context, Call *call)
{
    Bulk *bulk = call->state;
    bool (*take)(OperationContext *, Bulk *, const json_t *, GError **) =
        call->phase == BULK_CHECK ? check_line : insert_line;
    guint first = bulk->next, end = MIN(first + BULK_SLICE, bulk->requests->len);
    for (; bulk->next < end && (bulk->next == first || budget_left(context->budget)); bulk->next++) {
        g_autoptr(GError) error = NULL;
        const json_t *request = bulk->requests->pdata[bulk->next];
        if (!request)
            continue;
        if (bulk_look_up(context->world, bulk, end))
            return STEP_GATHER;
        if (bulk->lookup)
            world_set_final_lookup(context->world, job_lookup_final_state, bulk->lookup);
        bool taken = take(context, bulk, request, &error);
        world_set_final_lookup(context->world, NULL, NULL);
        if (!taken)
            return bulk_refuse(context, call, error);
        if (call->phase == BULK_INSERT)
            request_done(bulk, bulk->next);
    }
    if (bulk->next < bulk->requests->len)
        return STEP_AGAIN;
    if (call->phase == BULK_INSERT) {
        if (!bulk->wants_lines)
            g_string_append(bulk->answer, bulk->ids->len ? "]}" : "{\"jobs\":[]}");
        call->is_large = bulk->requests->len >= BULK_LARGE;
        return call_done_text(call, g_steal_pointer(&bulk->answer));
    }
    call->phase = BULK_INSERT;
    bulk->next = 0;
    return STEP_AGAIN;
}

OperationStep bulk_step(OperationContext *context, Call *call)
{
    Bulk *bulk = call->state;
    if (!bulk) {
        bulk = g_new0(Bulk, 1);
        bulk->requests = g_ptr_array_new_with_free_func(request_free);
        bulk->ids = g_array_new(FALSE, FALSE, sizeof(JobId));
        bulk->answer = g_string_new(NULL);
        bulk->wants_lines = call->wants_lines;
        call->state = bulk;
        call->state_free = bulk_free;
        return STEP_GATHER;
    }
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (bulk->fault)
        return call_fail(call, FAULT_INVALID, "%s", bulk->fault);
    if (call->phase == BULK_PARSE)
        call->phase = BULK_CHECK;
    return bulk_slice(context, call);
}

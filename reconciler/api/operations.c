/* operations.c: the table of operations, results, and the offline runner. */
#include "reconciler/api/operation.h"
#include "reconciler/provider/provider.h"

static const Operation operations[] = {
    /* name, batch, changes, lines, runs, step, gather */
    {"submitjob", true, true, false, true, submit_step, submit_gather},
    {"canceljob", true, true, false, true, end_step, end_gather},
    {"terminatejob", true, true, false, true, end_step, end_gather},
    {"describejobs", true, false, false, false, describejobs_step, describejobs_gather},
    {"listjobs", true, false, false, false, listjobs_step, listjobs_gather},
    {"describejobqueues", true, false, false, false, describejobqueues_step, NULL},
    {"describecomputeenvironments", true, false, false, false, describecomputeenvironments_step, NULL},
    {"describejobdefinitions", true, false, false, false, describejobdefinitions_step, NULL},
    {"createcomputeenvironment", true, true, false, false, createcomputeenvironment_step, NULL},
    {"updatecomputeenvironment", true, true, false, false, updatecomputeenvironment_step, NULL},
    {"deletecomputeenvironment", true, true, false, false, deletecomputeenvironment_step, NULL},
    {"createjobqueue", true, true, false, false, createjobqueue_step, NULL},
    {"updatejobqueue", true, true, false, false, updatejobqueue_step, NULL},
    {"deletejobqueue", true, true, false, false, deletejobqueue_step, NULL},
    {"createschedulingpolicy", true, true, false, false, createschedulingpolicy_step, NULL},
    {"updateschedulingpolicy", true, true, false, false, updateschedulingpolicy_step, NULL},
    {"deleteschedulingpolicy", true, true, false, false, deleteschedulingpolicy_step, NULL},
    {"describeschedulingpolicies", true, false, false, false, describeschedulingpolicies_step, NULL},
    {"listschedulingpolicies", true, false, false, false, listschedulingpolicies_step, NULL},
    {"getjobqueuesnapshot", true, false, false, false, getjobqueuesnapshot_step, NULL},
    {"createserviceenvironment", true, false, false, false, service_step, NULL},
    {"updateserviceenvironment", true, false, false, false, service_step, NULL},
    {"deleteserviceenvironment", true, false, false, false, service_step, NULL},
    {"describeserviceenvironments", true, false, false, false, service_step, NULL},
    {"submitservicejob", true, false, false, false, service_step, NULL},
    {"updateservicejob", true, false, false, false, service_step, NULL},
    {"terminateservicejob", true, false, false, false, service_step, NULL},
    {"describeservicejob", true, false, false, false, service_step, NULL},
    {"listservicejobs", true, false, false, false, service_step, NULL},
    {"createquotashare", true, false, false, false, service_step, NULL},
    {"updatequotashare", true, false, false, false, service_step, NULL},
    {"deletequotashare", true, false, false, false, service_step, NULL},
    {"describequotashare", true, false, false, false, service_step, NULL},
    {"listquotashares", true, false, false, false, service_step, NULL},
    {"createconsumableresource", true, true, false, false, createconsumableresource_step, NULL},
    {"updateconsumableresource", true, true, false, false, updateconsumableresource_step, NULL},
    {"deleteconsumableresource", true, true, false, false, deleteconsumableresource_step, NULL},
    {"describeconsumableresource", true, false, false, false, describeconsumableresource_step, NULL},
    {"listconsumableresources", true, false, false, false, listconsumableresources_step, NULL},
    {"listjobsbyconsumableresource", true, false, false, false, listjobsbyconsumableresource_step, NULL},
    {"tagresource", true, true, false, false, tagresource_step, NULL},
    {"untagresource", true, true, false, false, untagresource_step, NULL},
    {"listtagsforresource", true, false, false, false, listtagsforresource_step, listtagsforresource_gather},
    {"registerjobdefinition", true, true, false, false, registerjobdefinition_step, NULL},
    {"deregisterjobdefinition", true, true, false, false, deregisterjobdefinition_step, NULL},
    {"status", false, false, false, true, status_step, NULL},
    {"metrics", false, false, false, false, metrics_step, NULL},
    {"ready", false, false, false, false, ready_step, NULL},
    {"get", false, false, false, false, get_step, get_gather},
    {"jobs", false, false, false, false, jobs_step, jobs_gather},
    {"job", false, false, false, false, job_step, job_gather},
    {"submit", false, true, false, true, submit_step, submit_gather},
    {"bulk", false, true, true, true, bulk_step, bulk_gather},
    {"cancel", false, true, false, true, end_step, end_gather},
    {"terminate", false, true, false, true, end_step, end_gather},
    {"apply", false, true, false, true, apply_step, NULL},
    {"approve", false, true, false, true, approve_step, NULL},
    {"pending", false, false, false, false, pending_step, NULL},
    {"progress", false, false, false, true, progress_step, progress_gather},
    {"wait", false, false, false, false, wait_step, wait_gather},
    {"start", false, true, false, true, start_step, NULL},
    {"rerun", false, true, false, true, rerun_step, rerun_gather},
    {"explain", false, false, false, false, explain_step, explain_gather},
    {"steps", false, false, false, true, steps_step, steps_gather},
    {"timeline", false, false, false, false, timeline_step, timeline_gather},
    {"preview", false, false, false, false, preview_step, preview_gather},
    {"suspend", false, true, false, false, suspend_step, NULL},
    {"changes", false, false, false, false, changes_step, NULL},
    {"events", false, false, false, false, events_step, events_gather},
    {"override", false, true, false, false, override_step, NULL},
    {"refresh", false, true, false, false, refresh_step, NULL},
    {"forget", false, true, false, false, forget_step, NULL},
    {"getlogevents", false, false, false, false, getlogevents_step, getlogevents_gather},
    {"history", false, false, false, false, history_step, history_gather},
    {"key", false, true, false, false, key_step, NULL},
    {"keys", false, false, false, false, keys_step, NULL},
    {"weblink", false, true, false, false, weblink_step, NULL},
    {"snapshot", false, false, false, false, snapshot_step, snapshot_gather},
};

const Operation *operation_find_path(const char *path)
{
    static const char batch_prefix[] = "/v1/", own_prefix[] = "/muster/v1/";
    bool batch = g_str_has_prefix(path, batch_prefix);
    if (!batch && !g_str_has_prefix(path, own_prefix))
        return NULL;
    const char *name = path + (batch ? sizeof batch_prefix : sizeof own_prefix) - 1;
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
        if (operations[i].batch == batch && strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

const Operation *operation_find_name(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

Call *call_new(const Operation *operation, json_t *request)
{
    Call *call = g_new0(Call, 1);
    call->operation = operation;
    call->request = request ? request : json_object();
    return call;
}

void call_free(Call *call)
{
    if (!call)
        return;
    if (call->state && call->state_free)
        call->state_free(call->state);
    json_decref(call->request);
    if (call->body)
        g_bytes_unref(call->body);
    operation_result_clear(&call->result);
    g_free(call->gather_error);
    g_free(call);
}

void operation_result_clear(OperationResult *result)
{
    json_decref(result->body);
    if (result->text)
        g_string_free(result->text, TRUE);
    *result = (OperationResult){0};
}

OperationStep call_done_text(Call *call, GString *text)
{
    operation_result_clear(&call->result);
    call->result = (OperationResult){.http_status = 200, .text = text};
    return STEP_DONE;
}

OperationStep call_done(Call *call, json_t *body)
{
    operation_result_clear(&call->result);
    call->result = (OperationResult){.http_status = 200, .body = body};
    return STEP_DONE;
}

/* The contract's exit code, HTTP status and code word of each fault. */
static const struct {
    int exit, http;
    const char *code;
} faults[] = {
    [FAULT_INVALID] = {1, 400, "invalid"},       [FAULT_REFUSED] = {3, 409, "refused"},
    [FAULT_INFEASIBLE] = {4, 422, "infeasible"}, [FAULT_TIMEOUT] = {5, 408, "timeout"},
    [FAULT_NOT_FOUND] = {6, 404, "not-found"},   [FAULT_BUSY] = {1, 503, "busy"},
    [FAULT_STOPPING] = {1, 503, "stopping"},     [FAULT_INTERNAL] = {1, 500, "internal"},
};

void operation_fault(OperationResult *ret_result, bool batch, Fault fault, const char *message)
{
    operation_result_clear(ret_result);
    g_autofree char *text = g_utf8_make_valid(message, -1);
    if (batch) { /* batch: "Errors": only ClientException and ServerException are modelled */
        bool server = faults[fault].http >= 500;
        ret_result->http_status = server ? faults[fault].http : 400;
        ret_result->error_type = server ? "ServerException" : "ClientException";
        ret_result->body = json_pack("{s:s}", "message", text);
        return;
    }
    ret_result->http_status = faults[fault].http;
    ret_result->body = json_pack("{s:{s:i,s:s,s:s}}", "error", "exit", faults[fault].exit, "code",
                                 faults[fault].code, "message", text);
}

OperationStep call_fail(Call *call, Fault fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    operation_fault(&call->result, call->operation->batch, fault, message);
    return STEP_DONE;
}

OperationStep call_fail_error(Call *call, const GError *error)
{
    Fault fault = FAULT_INTERNAL;
    if (g_error_matches(error, WORLD_ERROR, WORLD_ERROR_INVALID))
        fault = FAULT_INVALID;
    else if (g_error_matches(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND))
        fault = FAULT_NOT_FOUND;
    else if (g_error_matches(error, WORLD_ERROR, WORLD_ERROR_CONFLICT))
        fault = FAULT_REFUSED;
    return call_fail(call, fault, "%s", error->message);
}

/* ---- members of a request
 * ---------------------------------------------------------------------------------------- */

bool request_string(Call *call, const char *name, const char **ret_text)
{
    const json_t *value = json_object_get(call->request, name);
    if (!value)
        return true;
    if (!json_is_string(value)) {
        call_fail(call, FAULT_INVALID, "%s: a string is expected", name);
        return false;
    }
    *ret_text = json_string_value(value);
    return true;
}

bool request_integer(Call *call, const char *name, int64_t *ret_value)
{
    const json_t *value = json_object_get(call->request, name);
    if (!value)
        return true;
    if (!json_is_integer(value)) {
        call_fail(call, FAULT_INVALID, "%s: a whole number is expected", name);
        return false;
    }
    *ret_value = json_integer_value(value);
    return true;
}

bool request_boolean(Call *call, const char *name, bool *ret_value)
{
    const json_t *value = json_object_get(call->request, name);
    if (!value)
        return true;
    if (!json_is_boolean(value)) {
        call_fail(call, FAULT_INVALID, "%s: true or false is expected", name);
        return false;
    }
    *ret_value = json_is_true(value);
    return true;
}

bool request_first_run(Call *call)
{
    const char *said = NULL;
    if (!request_string(call, "firstRun", &said))
        return false;
    if (!said || strcmp(said, "start") == 0 || strcmp(said, "record") == 0)
        return true;
    call_fail(call, FAULT_INVALID, "firstRun: start or record is expected");
    return false;
}

bool request_deadline(const OperationContext *context, Call *call)
{
    if (call->deadline_ms)
        return true;
    int64_t timeout_ms = 0;
    if (!request_integer(call, "timeoutMs", &timeout_ms))
        return false;
    call->deadline_ms = context->now_ms + CLAMP(timeout_ms, 0, POLL_MS_MAX);
    return true;
}

/* ---- offline
 * ------------------------------------------------------------------------------------------------------ */

/* Runs are kept for ever: a world without them is there at once, whatever has run before. What only lists
 * jobs and resources asks the store for them, or not at all. */
static bool load_world(const char *state_dir, const Operation *operation, StoreReader **ret_reader,
                       World **ret_world, GError **error)
{
    RecordSink sink = world_sink;
    if (!operation->runs)
        sink.run = NULL;
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, error);
    if (!reader || !store_reader_begin(reader, error))
        return false;
    g_autoptr(World) world = world_new(0, PROVIDER_LOCAL);
    if (!store_reader_load(reader, &sink, world, error) || !world_loaded(world, error))
        return false;
    *ret_reader = g_steal_pointer(&reader);
    *ret_world = g_steal_pointer(&world);
    return true;
}

static void run_offline(OperationContext *context, StoreReader *reader, Call *call)
{
    for (;;) {
        OperationStep step = call->operation->step(context, call);
        if (step == STEP_DONE)
            return;
        if (step == STEP_AGAIN)
            continue;
        g_assert(step == STEP_GATHER && call->operation->gather);
        call->operation->gather(reader, call);
    }
}

bool operations_offline(const char *state_dir, const char *name, json_t *request, OperationResult *ret_result,
                        GError **error)
{
    kinds_init();
    const Operation *operation = operation_find_name(name);
    if (!operation || operation->changes) {
        operation_fault(ret_result, false, FAULT_BUSY,
                        "nothing hosts this state directory, so nothing can be changed");
        return true;
    }
    g_autoptr(StoreReader) reader = NULL;
    g_autoptr(World) world = NULL;
    if (!load_world(state_dir, operation, &reader, &world, error))
        return false;
    EngineFacts facts = {.state_dir = state_dir,
                         .mode = "offline",
                         .host = g_get_host_name(),
                         .committed_ms = store_reader_committed_ms(reader)};
    g_autofree char *notice = NULL;
    int gpus;
    provider_local_capacity(&facts.machine.vcpus_e4, &facts.machine.memory_mib, &gpus, &notice);
    facts.machine.gpus = gpus;
    facts.machine_notice = notice;
    g_autoptr(GHashTable) tracks =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, progress_track_free);
    OperationContext context = {
        .world = world, .facts = &facts, .now_ms = facts.committed_ms, .tracks = tracks, .offline = true};
    g_autoptr(Call) call = call_new(operation, request ? json_incref(request) : NULL);
    run_offline(&context, reader, call);
    store_reader_end(reader);
    *ret_result = call->result;
    call->result = (OperationResult){0};
    return true;
}

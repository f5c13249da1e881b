/* operations_status.c: `status` and `get`: what there is, and how it is. */
#include "reconciler/api/operation.h"
#include "reconciler/api/waits.h"
#include "reconciler/notify/outbox_report.h"
#include "reconciler/world/guest.h"
#include "reconciler/world/pins.h"
#include "reconciler/world/suspension.h"
#include "spec/base/units.h"

#ifndef MUSTER_VERSION
#error "MUSTER_VERSION comes from the Makefile"
#endif

/* ---- status: from the world alone ---- */

/* One that nobody ever followed, and that is suspended all the same: what its newest apply says of it. */
static void add_unfollowed(const World *world, const char *name, json_t *sources)
{
    const ApplyRecord *apply = world_apply_newest(world, name);
    json_t *source = json_object();
    if (apply) {
        json_set_view(source, "path", apply->source_path);
        json_set_view(source, "revision", apply->revision);
    }
    json_object_set_new(source, "followed", json_false());
    json_object_set_new(sources, name, source);
}

static void add_suspensions(const World *world, json_t *sources, int64_t now_ms)
{
    g_autoptr(GPtrArray) suspensions = world_suspensions(world);
    for (guint i = 0; i < suspensions->len; i++) {
        const char *name = ((const Suspension *)suspensions->pdata[i])->source;
        json_t *suspension = json_suspension(world, name, now_ms);
        if (!suspension)
            continue;
        if (!json_object_get(sources, name))
            add_unfollowed(world, name, sources);
        json_t *source = json_object_get(sources, name);
        json_set_text(source, "state", "suspended");
        json_object_set(source, "since", json_object_get(suspension, "since"));
        json_object_set_new(source, "suspended", suspension);
    }
}

json_t *json_sources(const World *world, int64_t now_ms)
{
    json_t *array = json_array();
    json_t *sources = sources_setting(world), *source;
    const char *name;
    add_suspensions(world, sources, now_ms);
    json_object_foreach(sources, name, source)
    {
        json_t *remote = json_object_get(source, "remote"), *behind = json_object_get(remote, "behindSince");
        json_object_set_new(source, "name", json_string(name));
        if (json_object_get(remote, "head"))
            json_set_number(remote, "behindSeconds",
                            behind ? MAX(now_ms - json_integer_value(behind), 0) / 1000 : 0);
        json_array_append(array, source);
    }
    json_decref(sources);
    return array;
}

#define OLDEST_GROUPS_MAX 256 /* are looked at: an answer is built on the loop */

/* A share's groups are in order of their heads, which are the oldest of them but for what is tried again. */
static int64_t oldest_of(const Share *share, size_t *looked, int64_t oldest_ms)
{
    const RunnableGroup *group = NULL;
    while ((group = share_group_any(share, group)) && (*looked)++ < OLDEST_GROUPS_MAX) {
        RunnableItem item;
        const void *at = NULL;
        uint64_t front;
        if (!runnable_group_item(group, &at, &item, &front))
            continue;
        int64_t since_ms = job_runnable_ms(item.job, item.index);
        if (since_ms > 0 && (!oldest_ms || since_ms < oldest_ms))
            oldest_ms = since_ms;
    }
    return oldest_ms;
}

static void status_queue_waits(const Queue *queue, json_t *object)
{
    int64_t oldest_ms = 0;
    size_t looked = 0;
    for (Share *share = share_next(queue, NULL); share && looked <= OLDEST_GROUPS_MAX;
         share = share_next(queue, share))
        oldest_ms = oldest_of(share, &looked, oldest_ms);
    json_set_time(object, "oldestRunnableSince", oldest_ms);
    if (looked > OLDEST_GROUPS_MAX)
        json_object_set_new(object, "oldestIsAtLeast", json_true());
}

static json_t *status_queue(const Queue *queue, int64_t now_ms)
{
    json_t *object = json_object(), *environments = json_array();
    json_set_text(object, "name", queue->resource->name);
    json_set_text(object, "state", queue->spec->enabled ? "ENABLED" : "DISABLED");
    json_set_number(object, "priority", queue->spec->priority);
    json_object_set_new(object, "counts", json_counts(queue->counts));
    status_queue_waits(queue, object);
    json_set_number(object, "endedLastHour", pace_hour(&queue->pace, now_ms));
    for (char **name = queue->spec->compute_environments; name && *name; name++)
        json_array_append_new(environments, json_string(*name));
    json_object_set_new(object, "environments", environments);
    return object;
}

static json_t *status_environment(const OperationContext *context, const Environment *environment)
{
    g_auto(EnvironmentStanding) standing = {0};
    bool hosted = context->standing && context->standing(environment, &standing, context->growth_data);
    return environment_view_brief(environment, hosted ? &standing : NULL);
}

/* So many of a kind are listed; how many more there are is told. An answer is built on the loop, and who
 * wants them all asks with `get`. */
#define STATUS_ROWS_MAX 200

static void status_section(json_t *body, const char *name, json_t *rows, size_t all)
{
    json_object_set_new(body, name, rows);
    size_t shown = json_array_size(rows);
    if (all > shown)
        json_object_set_new(json_object_get(body, "omitted"), name, json_integer((json_int_t)(all - shown)));
}

static void status_environments(const OperationContext *context, json_t *body)
{
    const World *world = context->world;
    json_t *array = json_array();
    size_t all = 0;
    /* ordered by kind */
    for (const Resource *at = NULL;
         (at = world_resource_next(world, at)) && at->kind <= KIND_COMPUTE_ENVIRONMENT;)
        if (at->environment && ++all <= STATUS_ROWS_MAX)
            json_array_append_new(array, status_environment(context, at->environment));
    status_section(body, "environments", array, all);
}

static int64_t status_queues(const World *world, int64_t now_ms, json_t *body)
{
    size_t len;
    int64_t unfinished = 0;
    json_t *array = json_array();
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++) {
        if (i < STATUS_ROWS_MAX)
            json_array_append_new(array, status_queue(queues[i], now_ms));
        unfinished += (int64_t)queues[i]->unfinished;
    }
    status_section(body, "queues", array, len);
    return unfinished;
}

static void status_runs(const World *world, json_t *body)
{
    json_t *array = json_array();
    for (const Run *run = NULL;
         json_array_size(array) < STATUS_ROWS_MAX && (run = world_run_active_next(world, run));)
        json_array_append_new(array, json_run(run));
    status_section(body, "runs", array, world_runs_active_len(world));
}

static json_t *status_applies(const World *world)
{
    json_t *array = json_array();
    const ApplyRecord *apply = NULL;
    for (int64_t id = 0; (apply = world_apply_next(world, id)); id = apply->id)
        json_array_append_new(array, json_apply(apply));
    return array;
}

/* ---- who is told ---- */

static void add_destination(const char *name, const char *value, void *data)
{
    if (!g_str_has_prefix(name, OUTBOX_SETTING) || !*value)
        return;
    json_t *destination = json_loads(value, 0, NULL);
    json_set_text(destination, "name", name + strlen(OUTBOX_SETTING));
    g_ptr_array_add(data, destination);
}

static int compare_destinations(gconstpointer a, gconstpointer b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
                  json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

json_t *json_destinations(const World *world)
{
    json_t *array = json_array();
    g_autoptr(GPtrArray) destinations = g_ptr_array_new();
    world_settings_each(world, add_destination, destinations);
    g_ptr_array_sort(destinations, compare_destinations);
    for (guint i = 0; i < destinations->len; i++)
        json_array_append_new(array, destinations->pdata[i]);
    return array;
}

/* What runs and is nobody's, since the state was restored. */
static void status_held(const World *world, json_t *body)
{
    json_t *array = json_array();
    size_t all = world_guests_len(world);
    for (size_t i = 0; i < MIN(all, STATUS_ROWS_MAX); i++) {
        const Guest *guest = world_guest_get(world, i);
        json_t *object = json_object();
        json_set_text(object, "environment", guest->environment);
        json_set_text(object, "task", guest->task);
        json_set_text(object, "job", guest->job);
        json_set_number(object, "attempt", guest->attempt);
        json_set_number(object, "since", guest->since_ms);
        json_object_set_new(object, "stopping", json_boolean(guest->is_stopping));
        json_set_text(object, "instance", guest->held_on ? guest->held_on->provider_id : NULL);
        json_array_append_new(array, object);
    }
    status_section(body, "held", array, all);
}

static json_t *status_instance(const EngineFacts *facts)
{
    json_t *object = json_object();
    json_object_set_new(object, "vcpus", json_real((double)facts->machine.vcpus_e4 / 10000.0));
    json_set_number(object, "memoryMib", facts->machine.memory_mib);
    json_set_number(object, "gpus", facts->machine.gpus);
    json_set_text(object, "notice", facts->machine_notice);
    return object;
}

static json_t *status_backup(const BackupFacts *facts)
{
    json_t *object = json_object();
    json_set_text(object, "place", facts->place);
    json_set_time(object, "madeAt", facts->made_ms);
    if (facts->bytes)
        json_set_number(object, "bytes", facts->bytes);
    json_set_text(object, "error", facts->error);
    return object;
}

OperationStep status_step(OperationContext *context, Call *call)
{
    const World *world = context->world;
    const EngineFacts *facts = context->facts;
    json_t *body = json_object();
    json_set_text(body, "version", MUSTER_VERSION);
    json_set_text(body, "host", facts->host);
    json_set_text(body, "mode", facts->mode);
    json_set_text(body, "stateDir", facts->state_dir);
    json_set_text(body, "refusal", context->refusal);
    json_set_time(body, "pid", facts->pid);
    json_set_time(body, "startedAt", facts->started_ms);
    json_set_time(body, "committedAt", facts->committed_ms);
    json_object_set_new(body, "omitted", json_object());
    json_object_set_new(body, "sources", json_sources(world, context->now_ms));
    json_object_set_new(body, "destinations", json_destinations(world));
    json_object_set_new(body, "applies", status_applies(world));
    json_object_set_new(body, "overrides", json_overrides(world, KIND_COUNT, NULL));
    json_object_set_new(body, "drift", json_drift(world, KIND_COUNT, NULL));
    json_object_set_new(body, "newer", json_newer(world));
    int64_t unfinished = status_queues(world, context->now_ms, body);
    status_environments(context, body);
    status_runs(world, body);
    json_object_set_new(body, "waits", json_waits(world, NULL, NULL));
    status_held(world, body);
    json_object_set_new(body, "instance", status_instance(facts));
    if (facts->backup.place)
        json_object_set_new(body, "backup", status_backup(&facts->backup));
    const char *restored = world_setting(world, RESTORED_SETTING);
    if (restored)
        json_object_set_new(body, "restored", json_from_view(view_from(restored)));
    json_object_set_new(body, "loop",
                        json_pack("{s:f,s:I}", "longestMs", (double)facts->loop_longest_us / 1000.0,
                                  "over5Ms", (json_int_t)facts->loop_over));
    json_object_set_new(body, "jobs", json_pack("{s:I}", "unfinished", (json_int_t)unfinished));
    return call_done(call, body);
}

/* ---- get: specs come from the store on the query thread, what is live is added on the loop ---- */

typedef struct {
    Kind kind;
    const char *name; /* of the request; NULL: all */
    json_t *items;
    json_t *runs; /* by name: array of runs */
    size_t shown; /* items that are complete */
} GetState;

static void get_state_free(void *data)
{
    GetState *get = data;
    json_decref(get->items);
    json_decref(get->runs);
    g_free(get);
}

static bool get_add(const ResourceRecord *record, void *data)
{
    GetState *get = data;
    if (record->kind != get->kind || (get->name && !view_is(record->name, get->name)))
        return true;
    char digest[2 * DIGEST_BYTES + 1];
    digest_to_hex(&record->digest, digest);
    json_t *item = json_object();
    json_set_text(item, "kind", kind_name(record->kind));
    json_set_view(item, "name", record->name);
    json_set_view(item, "owner", record->owner);
    json_set_text(item, "phase",
                  record->phase == RESOURCE_ACTIVE     ? "ACTIVE"
                  : record->phase == RESOURCE_DELETING ? "DELETING"
                                                       : "REPLACING");
    json_set_text(item, "status",
                  record->phase == RESOURCE_ACTIVE     ? "VALID"
                  : record->phase == RESOURCE_DELETING ? "DELETING"
                                                       : "UPDATING");
    json_set_view(item, "statusReason", record->status_reason);
    json_set_text(item, "digest", digest);
    json_set_number(item, "revision", record->revision);
    json_set_time(item, "createdAt", record->created_ms);
    json_set_time(item, "updatedAt", record->updated_ms);
    json_set_view(item, "file", record->file);
    json_set_time(item, "line", record->line);
    json_object_set_new(item, "kept", json_boolean(record->kept));
    json_object_set_new(item, "spec", json_from_view(record->spec));
    json_object_set_new(item, "metadata", json_from_view(record->metadata));
    json_array_append_new(get->items, item);
    return true;
}

static bool get_add_run(const RunRecord *record, void *data)
{
    GetState *get = data;
    if (record->kind != get->kind || (get->name && !view_is(record->name, get->name)))
        return true;
    g_autofree char *name = g_strndup(record->name.data, record->name.len);
    json_t *list = json_object_get(get->runs, name);
    if (!list) {
        list = json_array();
        json_object_set_new(get->runs, name, list);
    }
    json_array_append_new(list, json_run_record(record));
    return true;
}

void get_gather(StoreReader *reader, Call *call)
{
    GetState *get = call->state;
    g_autoptr(GError) error = NULL;
    ResourceRecord record;
    bool found = false, read;
    if (get->name) {
        read = store_reader_resource(reader, get->kind, view_from(get->name), &found, &record, &error);
        if (read && found)
            get_add(&record, get);
    } else {
        read = store_reader_resources(reader, DETAIL_WHOLE, get_add, get, &error);
    }
    bool runs = get->kind == KIND_PIPELINE || get->kind == KIND_JOB;
    if (!read || (runs && !store_reader_runs(reader, NULL, DETAIL_BRIEF, get_add_run, get, &error)))
        call->gather_error = g_strdup(error->message);
}

/* A Job is its runs: it gets an item from them where no resource of that name is kept. */
static void get_items_of_runs(GetState *get)
{
    const char *name;
    json_t *list, *item;
    size_t i;
    json_array_foreach(get->items, i, item)
    {
        list = json_object_get(get->runs, json_string_value(json_object_get(item, "name")));
        json_object_set_new(item, "runs", list ? json_incref(list) : json_array());
        json_object_del(get->runs, json_string_value(json_object_get(item, "name")));
    }
    json_object_foreach(get->runs, name, list)
    {
        json_t *newest = json_array_get(list, json_array_size(list) - 1);
        item = json_pack("{s:s,s:s,s:O}", "kind", kind_name(get->kind), "name", name, "runs", list);
        json_object_set(item, "owner", json_object_get(newest, "owner"));
        json_object_set(item, "createdAt", json_object_get(newest, "createdAt"));
        json_object_set(item, "status", json_object_get(newest, "state"));
        json_array_append_new(get->items, item);
    }
}

static json_t *live_environment(OperationContext *context, const Environment *environment)
{
    g_auto(EnvironmentStanding) standing = {0};
    context_machine(context);
    bool known = context_standing(context, environment, &standing);
    return environment_view(context->world, environment, known ? &standing : NULL, context->now_ms);
}

static json_t *live_queue(OperationContext *context, const Queue *queue)
{
    size_t len;
    Environment *const *environments = queue_environments(context->world, queue, &len);
    json_t *object = json_object(), *array = json_array();
    json_object_set_new(object, "counts", json_counts(queue->counts));
    json_set_number(object, "unfinished", (int64_t)queue->unfinished);
    json_object_set_new(object, "heldVcpus", json_real((double)queue->held_vcpus_e4 / DECIMAL_SCALE));
    if (queue->fair)
        json_set_number(object, "activeShares", (int64_t)queue->active_shares);
    for (size_t i = 0; i < len; i++)
        if (environments[i])
            json_array_append_new(array, status_environment(context, environments[i]));
    json_object_set_new(object, "environments", array);
    return object;
}

static void get_live(OperationContext *context, json_t *item, Kind kind)
{
    const World *world = context->world;
    const char *name = json_string_value(json_object_get(item, "name"));
    const Resource *resource = world_resource(world, kind, view_from(name));
    if (!resource)
        return;
    json_t *overrides = json_overrides(world, kind, name);
    if (json_array_size(overrides))
        json_object_set(item, "overrides", overrides);
    json_decref(overrides);
    json_t *drift = json_drift(world, kind, name);
    if (json_array_size(drift))
        json_object_set(item, "drift", drift);
    json_decref(drift);
    json_t *pins = resource->environment ? pins_json(world, name) : NULL;
    if (pins)
        json_object_set_new(item, "pins", pins);
    if (kind == KIND_PIPELINE) {
        json_object_set_new(item, "schedules", json_schedules(resource));
        json_object_set_new(item, "suspended", json_boolean(pipeline_is_suspended(world, view_from(name))));
    }
    if (resource->queue) {
        json_object_set_new(item, "live", live_queue(context, resource->queue));
    } else if (resource->environment) {
        json_t *live = live_environment(context, resource->environment);
        json_object_set_new(item, "live", live);
        json_object_set(item, "status", json_object_get(live, "status"));
        json_set_text(item, "statusReason", json_string_value(json_object_get(live, "statusReason")));
    }
    g_autofree char *pending = resource_pending_reason(world, resource);
    json_set_text(item, "statusReason", pending);
}

/* Of runs that have not ended; nothing offline, where a world without runs is looked at. */
static void get_progress(const World *world, const json_t *item)
{
    json_t *run;
    size_t i;
    json_array_foreach(json_object_get(item, "runs"), i, run)
    {
        const Run *live = world_run(world, view_from(json_string_value(json_object_get(run, "id"))));
        if (live && (live->state == RUN_WAITING || live->state == RUN_RUNNING || live->jobs_unfinished > 0))
            json_run_progress(run, live);
    }
}

OperationStep get_step(OperationContext *context, Call *call)
{
    if (!call->state) {
        const char *kind_text = NULL, *name = NULL;
        if (!request_string(call, "kind", &kind_text) || !request_string(call, "name", &name))
            return STEP_DONE;
        Kind kind;
        if (!kind_text || !kind_from_name(view_from(kind_text), &kind))
            return call_fail(call, FAULT_INVALID, "kind: no kind is called \"%s\"",
                             kind_text ? kind_text : "");
        GetState *get = g_new0(GetState, 1);
        *get = (GetState){.kind = kind, .name = name, .items = json_array(), .runs = json_object()};
        call->state = get;
        call->state_free = get_state_free;
        return STEP_GATHER;
    }
    GetState *get = call->state;
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    if (get->shown == 0 && (get->kind == KIND_PIPELINE || get->kind == KIND_JOB))
        get_items_of_runs(get);
    if (get->name && json_array_size(get->items) == 0)
        return call_fail(call, FAULT_NOT_FOUND, "there is no %s \"%s\"", kind_name(get->kind), get->name);
    while (get->shown < json_array_size(get->items)) {
        json_t *item = json_array_get(get->items, get->shown++);
        get_live(context, item, get->kind);
        get_progress(context->world, item);
        if (get->shown < json_array_size(get->items) && !budget_left(context->budget))
            return STEP_AGAIN; /* environments have thousands of instances */
    }
    return call_done(call, json_pack("{s:O}", "items", get->items));
}

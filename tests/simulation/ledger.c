#include "tests/simulation/approver.h"
#include "tests/simulation/system.h"
#include <inttypes.h>

typedef struct {
    LaunchToken token;
    uint64_t sequence;
    int32_t index, attempt;
    int64_t intended_ms;
    LaunchState state; /* durable */
    bool began, lives; /* at the far end */
    bool asked;        /* a request went out, last by the process of this term */
    uint64_t term;
    LaunchToken on; /* instance; 0: the one machine */
    bool has_instance;
} LedgerAttempt;

typedef struct {
    LaunchToken token;
    uint64_t number;
    InstanceState state; /* durable */
    bool asked, began, lives;
    bool is_host; /* of somebody's own; its life is not watched */
    bool registered;
    int64_t vcpus_e4, memory_mib;        /* as it registered */
    int64_t living_vcpus_e4, living_mib; /* of the tasks on it */
} LedgerInstance;

struct Ledger {
    System *system;
    int64_t vcpus_e4, memory_mib;        /* of the machine */
    int64_t living_vcpus_e4, living_mib; /* of what lives there */
    GHashTable *jobs;                    /* sequence → LedgerJob */
    GHashTable *by_id, *by_name;         /* → LedgerJob, borrowed */
    GHashTable *attempts;                /* token → LedgerAttempt */
    GHashTable *open, *living;           /* "SEQUENCE:INDEX" → LedgerAttempt */
    GHashTable *begun;                   /* "SEQUENCE:INDEX:ATTEMPT" */
    GHashTable *instances;               /* token → LedgerInstance */
    size_t living_instances;
    int64_t tasks_vcpus_e4;           /* on Fargate, after the last tick */
    uint64_t newest_instance;         /* in the world, after the last tick */
    GHashTable *run_keys, *resources; /* texts */
    GHashTable *specs; /* "KIND/NAME SPEC" that was ever in force, durably; without SPEC: it was removed, or
                          is to be */
    uint64_t events;
    Bills *bills;
};

static void job_free(gpointer data)
{
    LedgerJob *job = data;
    g_free(job->name);
    g_free(job->queue);
    g_free(job);
}

Ledger *ledger_new(System *system, int64_t vcpus_e4, int64_t memory_mib)
{
    Ledger *ledger = g_new0(Ledger, 1);
    ledger->system = system;
    ledger->bills = bills_new(system);
    ledger->vcpus_e4 = vcpus_e4;
    ledger->memory_mib = memory_mib;
    ledger->jobs = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, job_free);
    ledger->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    ledger->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    ledger->attempts = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, g_free);
    ledger->instances = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, g_free);
    ledger->open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger->living = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger->begun = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger->run_keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger->resources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ledger->specs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return ledger;
}

void ledger_free(Ledger *ledger)
{
    if (!ledger)
        return;
    GHashTable *tables[] = {ledger->by_id,    ledger->by_name,   ledger->open,      ledger->living,
                            ledger->begun,    ledger->run_keys,  ledger->resources, ledger->jobs,
                            ledger->attempts, ledger->instances, ledger->specs};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
        g_hash_table_unref(tables[i]);
    bills_free(ledger->bills);
    g_free(ledger);
}

static char *place_of(const LedgerAttempt *attempt)
{
    return g_strdup_printf("%" PRIu64 ":%" PRId32, attempt->sequence, attempt->index);
}

static char *attempt_of(const LedgerAttempt *attempt)
{
    return g_strdup_printf("%" PRIu64 ":%" PRId32 " attempt %" PRId32, attempt->sequence, attempt->index,
                           attempt->attempt);
}

#define MUST(condition, ...)                                                                                 \
    do                                                                                                       \
        if (!(condition))                                                                                    \
            system_fail(ledger->system, __VA_ARGS__);                                                        \
    while (0)

/* ---- what becomes durable ---- */

static void commit_job(Ledger *ledger, const JobRecord *record)
{
    LedgerJob *job = g_hash_table_lookup(ledger->jobs, &record->sequence);
    if (record->removed)
        return; /* what ended stays ended here */
    MUST(record->is_new == (job == NULL), "job %" PRIu64 " is inserted twice, or changed before it is there",
         record->sequence);
    if (!job) {
        job = g_new0(LedgerJob, 1);
        job->sequence = record->sequence;
        job_id_to_text(&record->id, job->id);
        job->name = g_strndup(record->name.data, record->name.len);
        job->queue = g_strndup(record->queue.data, record->queue.len);
        job->array_size = record->array_size;
        job->is_gang = record->is_multinode;
        g_hash_table_insert(ledger->jobs, &job->sequence, job);
        g_hash_table_insert(ledger->by_id, job->id, job);
        if (record->run.len == 0) {
            MUST(!g_hash_table_contains(ledger->by_name, job->name), "10: job %s was submitted twice",
                 job->name);
            g_hash_table_insert(ledger->by_name, job->name, job);
        }
    }
    MUST(!job_state_final(job->state) || job->state == record->state, "job %" PRIu64 " was %s and is %s",
         job->sequence, job_state_name(job->state), job_state_name(record->state));
    if (job->state != record->state || record->is_new)
        system_log(ledger->system, "job %" PRIu64 " %s %s", job->sequence, job->name,
                   job_state_name(record->state));
    job->state = record->state;
    job->seen |= 1u << record->state;
}

static bool is_open(LaunchState state)
{
    return state != LAUNCH_ENDED && state != LAUNCH_REFUSED;
}

static void commit_attempt(Ledger *ledger, const AttemptRecord *record)
{
    LedgerAttempt *attempt = g_hash_table_lookup(ledger->attempts, &record->token);
    MUST(record->is_new == (attempt == NULL), "a launch of job %" PRIu64 " is inserted twice, or not there",
         record->sequence);
    if (!attempt) {
        attempt = g_new0(LedgerAttempt, 1);
        attempt->token = record->token;
        attempt->sequence = record->sequence;
        attempt->index = record->index;
        attempt->attempt = record->attempt;
        attempt->intended_ms = record->intended_ms;
        attempt->state = LAUNCH_INTENDED;
        g_hash_table_insert(ledger->attempts, &attempt->token, attempt);
    }
    g_autofree char *place = place_of(attempt), *text = attempt_of(attempt);
    MUST(is_open(attempt->state) || attempt->state == record->state, "2: %s was over and is not", text);
    const LedgerAttempt *other = g_hash_table_lookup(ledger->open, place);
    MUST(!other || other == attempt, "2: %s is launched while attempt %" PRId32 " is not settled", text,
         other->attempt);
    attempt->state = record->state;
    MUST(record->state != LAUNCH_REFUSED || !attempt->began, "2: %s is called refused and has begun", text);
    MUST(is_open(record->state) || !attempt->lives, "3: %s is called over and lives", text);
    if (is_open(record->state))
        g_hash_table_replace(ledger->open, g_steal_pointer(&place), attempt);
    else
        g_hash_table_remove(ledger->open, place);
}

/* All nodes of a gang begin together, in one environment, each on an instance for itself but on the machine
 * that is all there is, when none is left of what was before. */
static void check_gang(Ledger *ledger, const AttemptRecord *rows, size_t len, const AttemptRecord *one)
{
    bool is_shared = !scene_has(&ledger->system->scene, THING_INSTANCES);
    int nodes = 0;
    for (size_t i = 0; i < len; i++) {
        const AttemptRecord *other = &rows[i];
        if (!other->is_new || other->sequence != one->sequence)
            continue;
        nodes++;
        MUST(view_equal(other->environment, one->environment) && other->attempt == one->attempt &&
                 (other == one || is_shared || !launch_token_same(&other->instance, &one->instance)),
             "2: the nodes of job %" PRIu64 " are not one gang", one->sequence);
    }
    MUST(nodes == GANG_NODES, "2: job %" PRIu64 " begins with %d nodes of %d", one->sequence, nodes,
         GANG_NODES);
    for (int32_t node = 0; node < GANG_NODES; node++) {
        LedgerAttempt key = {.sequence = one->sequence, .index = node};
        g_autofree char *place = place_of(&key);
        const LedgerAttempt *open = g_hash_table_lookup(ledger->open, place);
        MUST(!open || open->intended_ms == one->intended_ms,
             "3: job %" PRIu64 " begins while node %d of attempt %d is left", one->sequence, node,
             open->attempt);
    }
}

static void check_gangs(Ledger *ledger, const Batch *batch)
{
    size_t len;
    const AttemptRecord *rows = batch_attempt(batch, &len);
    for (size_t i = 0; i < len; i++) {
        const LedgerJob *job = g_hash_table_lookup(ledger->jobs, &rows[i].sequence);
        if (rows[i].is_new && job && job->is_gang)
            check_gang(ledger, rows, len, &rows[i]);
    }
}

static void commit_run(Ledger *ledger, const RunRecord *record)
{
    if (!record->is_new)
        return;
    GString *key = g_string_new(NULL);
    g_string_printf(key, VIEW_FMT "/%d/" VIEW_FMT "/", VIEW_ARG(record->owner), record->kind,
                    VIEW_ARG(record->name));
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        g_string_append_printf(key, "%02x", record->key.bytes[i]);
    MUST(!g_hash_table_contains(ledger->run_keys, key->str), "10: %s has run before", key->str);
    g_hash_table_add(ledger->run_keys, g_string_free(key, FALSE));
}

static void commit_resource(Ledger *ledger, const ResourceRecord *record)
{
    g_autofree char *name = g_strdup_printf("%d/" VIEW_FMT, record->kind, VIEW_ARG(record->name)),
                    *outside = bills_outside(ledger->bills, record->name);
    bool is_environment = record->kind == KIND_COMPUTE_ENVIRONMENT;
    if (is_environment)
        g_hash_table_add(ledger->specs, g_strdup_printf("%d/%s " VIEW_FMT, record->kind, outside,
                                                        VIEW_ARG(record->removed ? VIEW("") : record->spec)));
    if (is_environment && record->phase != RESOURCE_ACTIVE)
        g_hash_table_add(ledger->specs, g_strdup_printf("%d/%s ", record->kind, outside));
    if (record->removed)
        g_hash_table_remove(ledger->resources, name);
    else
        g_hash_table_add(ledger->resources, g_steal_pointer(&name));
}

static void commit_instance(Ledger *ledger, const InstanceRecord *record)
{
    LedgerInstance *instance = g_hash_table_lookup(ledger->instances, &record->token);
    bool fresh = !instance || (instance->is_host && instance->number == 0);
    MUST(record->is_new == fresh, "instance %" PRIu64 " is inserted twice, or not there", record->number);
    if (!instance) {
        instance = g_new0(LedgerInstance, 1);
        instance->token = record->token;
        instance->number = record->number;
        g_hash_table_insert(ledger->instances, &instance->token, instance);
    }
    MUST(instance->state != INSTANCE_GONE || record->state == INSTANCE_GONE,
         "2: instance %" PRIu64 " was gone and is not", record->number);
    instance->number = record->number;
    MUST(record->state != INSTANCE_GONE || !instance->lives || instance->is_host,
         "3: instance %" PRIu64 " is called gone and lives", record->number);
    if (instance->state != record->state || record->is_new)
        system_log(ledger->system, "instance %" PRIu64 " " VIEW_FMT " %s", record->number,
                   VIEW_ARG(record->environment), instance_state_name(record->state));
    instance->state = record->state;
}

#define EACH(Type, name)                                                                                     \
    size_t name##_len;                                                                                       \
    const Type *name##_rows = batch_##name(batch, &name##_len);                                              \
    for (size_t i = 0; i < name##_len; i++)                                                                  \
        commit_##name(ledger, &name##_rows[i]);

/* A state that a job passed through within one commit was durable as well: by the event that says so. */
static void note_passed(Ledger *ledger, const EventRecord *record)
{
    View subject = record->subject, message = record->message, arrow = VIEW(" -> ");
    char id[37];
    JobState state;
    if (!view_is(record->type, "job.state") || subject.len != strlen("job ") + 36)
        return;
    g_snprintf(id, sizeof id, "%.36s", subject.data + strlen("job "));
    LedgerJob *job = g_hash_table_lookup(ledger->by_id, id);
    const char *at = g_strstr_len(message.data, (gssize)message.len, arrow.data);
    if (!job || !at)
        return;
    View to = {at + arrow.len, message.len - (size_t)(at + arrow.len - message.data)};
    if (job_state_from_name(to, &state))
        job->seen |= 1u << state;
}

static void commit_event(Ledger *ledger, const EventRecord *record)
{
    MUST(record->sequence == ledger->events + 1, "event %" PRIu64 " follows %" PRIu64, record->sequence,
         ledger->events);
    ledger->events = record->sequence;
    note_passed(ledger, record);
}

static void commit_apply(Ledger *ledger, const ApplyRecord *record)
{
    approver_commit(ledger->system->approver, record);
}

void ledger_commit(Ledger *ledger, const Batch *batch, int64_t now_ms)
{
    bills_commit(ledger->bills, batch, now_ms);
    EACH(ResourceRecord, resource)
    EACH(RunRecord, run)
    EACH(JobRecord, job)
    EACH(AttemptRecord, attempt)
    check_gangs(ledger, batch);
    EACH(InstanceRecord, instance)
    EACH(EventRecord, event)
    EACH(ApplyRecord, apply)
}

/* ---- what is asked ---- */

/* batch: on the one machine the other nodes are asked for once the main one, which is the first, has begun.
 */
static void check_main_node(Ledger *ledger, const LedgerAttempt *attempt, const char *text)
{
    const LedgerJob *job = g_hash_table_lookup(ledger->jobs, &attempt->sequence);
    LedgerAttempt key = {.sequence = attempt->sequence, .index = 0};
    g_autofree char *place = place_of(&key);
    const LedgerAttempt *main_node = g_hash_table_lookup(ledger->open, place);
    if (!job || !job->is_gang || attempt->index == 0 || scene_has(&ledger->system->scene, THING_INSTANCES))
        return;
    MUST(main_node && main_node->began, "3: %s is asked for before the main node runs", text);
}

/* A node that is not the main one, which an earlier process asked for in vain. */
static bool is_asked_again(const Ledger *ledger, const LedgerAttempt *attempt, uint64_t term)
{
    const LedgerJob *job = g_hash_table_lookup(ledger->jobs, &attempt->sequence);
    return job && job->is_gang && attempt->index > 0 && !attempt->began && attempt->term < term;
}

void ledger_launch(Ledger *ledger, const LaunchRequest *request, uint64_t term)
{
    LedgerAttempt *attempt = g_hash_table_lookup(ledger->attempts, &request->token);
    MUST(attempt, "1, 2: %s is launched before its intent is durable", request->job_id);
    g_autofree char *text = attempt_of(attempt);
    MUST(is_open(attempt->state), "2: %s is launched although it is over", text);
    MUST(!attempt->asked || is_asked_again(ledger, attempt, term), "2: %s is launched twice with one token",
         text);
    MUST(request->term == term, "6: %s is launched with an old term", text);
    check_main_node(ledger, attempt, text);
    attempt->asked = true;
    attempt->term = term;
    attempt->has_instance = request->instance != NULL;
    if (request->instance) {
        attempt->on = *request->instance;
        const LedgerInstance *instance = g_hash_table_lookup(ledger->instances, request->instance);
        MUST(instance && instance->asked, "2: %s is launched on what was never made", text);
        MUST(instance->registered, "7: %s is launched on instance %" PRIu64 " before it is registered", text,
             instance->number);
        MUST(instance->state != INSTANCE_STOPPING && instance->state != INSTANCE_GONE,
             "7: %s is launched on instance %" PRIu64 ", which is %s", text, instance->number,
             instance_state_name(instance->state));
    }
    system_log(ledger->system, "launch %s %02x%02x", text, request->token.bytes[0], request->token.bytes[1]);
}

void ledger_stop(Ledger *ledger, const LaunchToken *token)
{
    const LedgerAttempt *attempt = g_hash_table_lookup(ledger->attempts, token);
    MUST(attempt, "5: what is not ours is stopped");
    g_autofree char *text = attempt_of(attempt);
    system_log(ledger->system, "stop %s %02x%02x", text, token->bytes[0], token->bytes[1]);
}

void ledger_settled(Ledger *ledger, const LaunchToken *token)
{
    const LedgerAttempt *attempt = g_hash_table_lookup(ledger->attempts, token);
    const LedgerInstance *instance = g_hash_table_lookup(ledger->instances, token);
    MUST(attempt || instance, "5: what is not ours is settled");
    if (instance) {
        MUST(instance->state == INSTANCE_GONE || (instance->is_host && instance->number == 0),
             "1: instance %" PRIu64 " is settled before its end is durable", instance->number);
        system_log(ledger->system, "settled instance %" PRIu64, instance->number);
        return;
    }
    g_autofree char *text = attempt_of(attempt);
    MUST(!is_open(attempt->state), "1: %s is settled before its end is durable", text);
    system_log(ledger->system, "settled %s %02x%02x", text, token->bytes[0], token->bytes[1]);
}

/* ---- instances ---- */

void ledger_instance_start(Ledger *ledger, const InstanceRequest *request, uint64_t term)
{
    LedgerInstance *instance = g_hash_table_lookup(ledger->instances, &request->token);
    MUST(instance, "1, 2: an instance of %s is made before its intent is durable", request->environment);
    MUST(instance->state != INSTANCE_GONE, "2: instance %" PRIu64 " is made although it is gone",
         instance->number);
    MUST(!instance->asked, "2: instance %" PRIu64 " is made twice", instance->number);
    MUST(request->term == term, "6: instance %" PRIu64 " is made with an old term", instance->number);
    instance->asked = true;
    system_log(ledger->system, "make instance %" PRIu64 " %s", instance->number, request->type);
}

void ledger_instance_stop(Ledger *ledger, const LaunchToken *token)
{
    const LedgerInstance *instance = g_hash_table_lookup(ledger->instances, token);
    MUST(instance && !instance->is_host, "5: an instance that is not ours is stopped");
    MUST(instance->state == INSTANCE_STOPPING || instance->state == INSTANCE_GONE,
         "1: instance %" PRIu64 " is stopped before that is durable", instance->number);
    system_log(ledger->system, "stop instance %" PRIu64, instance->number);
}

void ledger_resource(Ledger *ledger, const ResourceRequest *request, uint64_t term)
{
    g_autofree char *key = g_strdup_printf("%d/%s", request->kind, request->name),
                    *spec = g_strdup_printf("%s %s", key, request->spec ? request->spec : "");
    MUST(g_hash_table_contains(ledger->specs, spec), "1: %s is applied as %s, which is not durable",
         request->name, request->spec ? request->spec : "nothing");
    MUST(request->term == term, "6: %s is applied with an old term", request->name);
    system_log(ledger->system, "apply %s as %s", request->name, request->spec ? request->spec : "nothing");
}

void ledger_host(Ledger *ledger, const LaunchToken *token)
{
    LedgerInstance *host = g_new0(LedgerInstance, 1);
    *host = (LedgerInstance){.token = *token, .asked = true, .began = true, .lives = true, .is_host = true};
    g_hash_table_insert(ledger->instances, &host->token, host);
}

void ledger_told(Ledger *ledger, const ProviderEvent *event)
{
    LedgerInstance *instance = g_hash_table_lookup(ledger->instances, &event->token);
    if (!instance || event->type != PROVIDER_EVENT_INSTANCE_REGISTERED)
        return;
    instance->registered = true;
    instance->vcpus_e4 = event->vcpus_e4;
    instance->memory_mib = event->memory_mib;
}

/* Whole vCPUs of an environment, and of its largest instance. */
static int64_t environment_vcpus(const Environment *environment, int64_t *ret_largest)
{
    int64_t sum = 0;
    *ret_largest = 0;
    for (const Instance *instance = environment_instance_next(environment, NULL); instance;
         instance = environment_instance_next(environment, instance)) {
        int64_t vcpus = instance->total.vcpus_e4 / 10000;
        sum += vcpus;
        *ret_largest = MAX(*ret_largest, vcpus);
    }
    return sum;
}

/* On Fargate, of which there is one, tasks are the capacity: as below, only growing beyond it is wrong. */
static void check_tasks(Ledger *ledger, const World *world, const Environment *environment)
{
    int64_t used_e4 = environment->used_vcpus_e4, limit_e4 = environment->spec->max_vcpus * 10000;
    bool began = false;
    for (const Launch *launch = NULL; (launch = world_launch_next(world, launch));)
        began =
            began || (launch->environment == environment && launch->intended_ms == ledger->system->now_ms);
    MUST(!began || used_e4 <= ledger->tasks_vcpus_e4 || used_e4 <= limit_e4,
         "7: the tasks of %s grow to %" PRId64 " of %" PRId64 " vCPUs", environment->resource->name,
         used_e4 / 10000, limit_e4 / 10000);
    ledger->tasks_vcpus_e4 = used_e4;
}

/* What was bought under another maxvCpus leaves by and by: only growing beyond it is wrong. */
static void check_size(Ledger *ledger, const Environment *environment)
{
    int64_t largest, vcpus = environment_vcpus(environment, &largest);
    const ComputeEnvironmentSpec *spec = environment->spec;
    bool grew = false;
    MUST(vcpus == environment->instance_vcpus, "7: %s counts wrongly", environment->resource->name);
    for (const Instance *instance = environment_instance_next(environment, NULL); instance;
         instance = environment_instance_next(environment, instance))
        grew = grew || (instance->state == INSTANCE_INTENDED && instance->number > ledger->newest_instance &&
                        instance->intended_ms == ledger->system->now_ms);
    int64_t limit = spec->max_vcpus + (spec->strict_max ? 0 : largest - 1);
    MUST(!grew || vcpus <= limit, "7: %s grows to %" PRId64 " vCPUs of %" PRId64, environment->resource->name,
         vcpus, limit);
}

void ledger_check(Ledger *ledger, const World *world)
{
    for (const Environment *environment = world_environment_next(world, NULL); environment;
         environment = world_environment_next(world, environment))
        if (environment->spec->type == CE_TYPE_FARGATE || environment->spec->type == CE_TYPE_FARGATE_SPOT)
            check_tasks(ledger, world, environment);
        else
            check_size(ledger, environment);
    ledger->newest_instance = 0;
    for (const Instance *instance = NULL; (instance = world_instance_next(world, instance));) {
        ledger->newest_instance = instance->number;
        MUST(instance->state != INSTANCE_REGISTERED ||
                 (instance->used.vcpus_e4 <= instance->total.vcpus_e4 &&
                  instance->used.memory_mib <= instance->total.memory_mib) ||
                 instance->free.vcpus_e4 <= 0 || instance->free.memory_mib <= 0,
             "7: instance %" PRIu64 " is used above what it has", instance->number);
    }
}

/* ---- what really happens ---- */

static void instance_truth(Ledger *ledger, LedgerInstance *instance, bool began)
{
    MUST(!began || instance->asked, "2: instance %" PRIu64 " begins unasked", instance->number);
    MUST(!began || !instance->began, "2: instance %" PRIu64 " begins twice", instance->number);
    MUST(!began || instance->state != INSTANCE_GONE, "2: instance %" PRIu64 " begins although it is gone",
         instance->number);
    MUST(began || instance->living_vcpus_e4 == 0, "3: instance %" PRIu64 " is gone before its tasks",
         instance->number);
    instance->began = true;
    instance->lives = began;
    ledger->living_instances += began ? 1 : (size_t)-1;
    system_log(ledger->system, "instance %" PRIu64 " %s", instance->number, began ? "began" : "over");
}

static void task_on_instance(Ledger *ledger, const LedgerAttempt *attempt, int64_t vcpus_e4,
                             int64_t memory_mib)
{
    LedgerInstance *instance = g_hash_table_lookup(ledger->instances, &attempt->on);
    instance->living_vcpus_e4 += vcpus_e4;
    instance->living_mib += memory_mib;
    MUST(instance->lives, "7: a task is on instance %" PRIu64 ", which is gone", instance->number);
    MUST(instance->living_vcpus_e4 <= instance->vcpus_e4 && instance->living_mib <= instance->memory_mib,
         "7: instance %" PRIu64 " holds more than it has: %" PRId64 " of %" PRId64 " MiB", instance->number,
         instance->living_mib, instance->memory_mib);
}

static void task_began(Ledger *ledger, LedgerAttempt *attempt)
{
    g_autofree char *place = place_of(attempt), *text = attempt_of(attempt);
    MUST(is_open(attempt->state), "2: %s begins although it is over", text);
    MUST(!g_hash_table_contains(ledger->living, place), "3: %s begins while another attempt lives", text);
    MUST(g_hash_table_add(ledger->begun, g_strdup(text)), "2: %s begins for the second time", text);
    attempt->began = attempt->lives = true;
    g_hash_table_insert(ledger->living, g_steal_pointer(&place), attempt);
    system_log(ledger->system, "began %s", text);
}

static void task_over(Ledger *ledger, LedgerAttempt *attempt)
{
    g_autofree char *place = place_of(attempt), *text = attempt_of(attempt);
    attempt->lives = false;
    g_hash_table_remove(ledger->living, place);
    system_log(ledger->system, "over %s", text);
}

void ledger_truth(SimulatedTruth truth, const LaunchToken *token, int64_t vcpus_e4, int64_t memory_mib,
                  void *data)
{
    Ledger *ledger = data;
    LedgerAttempt *attempt = g_hash_table_lookup(ledger->attempts, token);
    LedgerInstance *instance = g_hash_table_lookup(ledger->instances, token);
    MUST(attempt || instance, "2: something begins that was never intended");
    if (instance) {
        bills_truth(ledger->bills, truth, token);
        if (truth != SIMULATED_INSTANCE_MADE)
            instance_truth(ledger, instance, truth == SIMULATED_INSTANCE_BEGAN);
        return;
    }
    bool began = truth == SIMULATED_TASK_BEGAN;
    if (attempt->has_instance)
        task_on_instance(ledger, attempt, began ? vcpus_e4 : -vcpus_e4, began ? memory_mib : -memory_mib);
    ledger->living_vcpus_e4 += began ? vcpus_e4 : -vcpus_e4;
    ledger->living_mib += began ? memory_mib : -memory_mib;
    MUST(attempt->has_instance || scene_has(&ledger->system->scene, THING_INSTANCES) ||
             (ledger->living_vcpus_e4 <= ledger->vcpus_e4 && ledger->living_mib <= ledger->memory_mib),
         "7: the machine holds more than it has: %" PRId64 " of %" PRId64 " MiB", ledger->living_mib,
         ledger->memory_mib);
    if (began)
        task_began(ledger, attempt);
    else
        task_over(ledger, attempt);
}

/* ---- looking ---- */

const LedgerJob *ledger_job(const Ledger *ledger, const char *id)
{
    return g_hash_table_lookup(ledger->by_id, id);
}

const LedgerJob *ledger_job_named(const Ledger *ledger, const char *name)
{
    return g_hash_table_lookup(ledger->by_name, name);
}

uint64_t ledger_events(const Ledger *ledger)
{
    return ledger->events;
}

bool ledger_knows_resource(const Ledger *ledger, Kind kind, const char *name)
{
    g_autofree char *key = g_strdup_printf("%d/%s", kind, name);
    return g_hash_table_contains(ledger->resources, key);
}

void ledger_end(Ledger *ledger)
{
    MUST(g_hash_table_size(ledger->living) == 0, "11: %u tasks live on", g_hash_table_size(ledger->living));
    MUST(g_hash_table_size(ledger->open) == 0, "11: %u launches are not settled",
         g_hash_table_size(ledger->open));
    MUST(ledger->living_instances == 0, "11: %zu instances live on", ledger->living_instances);
    bills_end(ledger->bills);
    MUST(ledger->living_mib == 0 && ledger->living_vcpus_e4 == 0, "11: capacity is still taken");
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *ledger_states(const Ledger *ledger, bool (*wanted)(const LedgerJob *job, void *data), void *data)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, ledger->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LedgerJob *job = value;
        if (wanted(job, data))
            g_ptr_array_add(lines, g_strdup_printf("%s %s", job->name, job_state_name(job->state)));
    }
    g_ptr_array_sort(lines, by_text);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

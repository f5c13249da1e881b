#include "tests/simulation/approver.h"
#include "tests/simulation/system.h"
#include "tests/support/manifest_text.h"
#include <inttypes.h>

#define OPS_MIN         12
#define OPS_MAX         45
#define OUTSTANDING_MAX 3
#define DEPENDS_MAX     3
#define REVISIONS_MAX   6

typedef enum { OP_SUBMIT, OP_BULK, OP_END, OP_READ, OP_DECLARE, OP_REVISION } OpType;
typedef enum { OP_WAITING, OP_ASKED, OP_DONE } OpState;

typedef struct {
    OpType type;
    OpState state;
    int64_t at_ms;
    int job, jobs; /* OP_SUBMIT, OP_BULK: first one made and how many; OP_END, OP_READ: whom it is about */
    const Definition *definition; /* of the jobs made */
    int array_size;
    const char *share;        /* or NULL */
    bool other_queue;         /* the one that comes and goes */
    int depends[DEPENDS_MAX]; /* jobs before it; -1: none */
    const char *depends_type; /* or NULL */
    bool sequential, terminate;
    int question, revision;
} Op;

typedef struct {
    char id[37]; /* "": not known yet */
    bool refused;
    bool certain;
    int array_size;
} ScriptJob;

struct Script {
    System *system;
    GArray *ops;  /* Op */
    GArray *jobs; /* ScriptJob, by number */
    const Definition *definitions[DEFINITIONS_MAX];
    size_t definitions_len;
    int outstanding, revision, revisions;
    bool told; /* the first revision has arrived */
};

typedef struct {
    Script *script;
    guint op; /* index: the array grows no more */
} Asked;

/* ---- what people will do ---- */

static Op *op_at(const Script *script, guint index)
{
    return &g_array_index(script->ops, Op, index);
}

static ScriptJob *job_at(const Script *script, int number)
{
    return &g_array_index(script->jobs, ScriptJob, (guint)number);
}

static const char *queue_of(const Op *op)
{
    return op->definition->queue ? op->definition->queue : op->other_queue ? "other" : "main";
}

/* Where the other queue has no policy, or has one, at that time, it refuses. */
static const char *draw_share(const Script *script, Rng *rng, const Op *op)
{
    static const char *const shares[] = {"team1", "team2", "solo", "nobody"};
    const char *share = shares[rng_below(rng, G_N_ELEMENTS(shares))];
    bool is_main = strcmp(queue_of(op), "main") == 0, at_times = op->other_queue && rng_below(rng, 2);
    return scene_has(&script->system->scene, THING_SHARES) && (is_main || at_times) ? share : NULL;
}

static void plan_job(Script *script, Rng *rng, Op *op)
{
    op->job = (int)script->jobs->len;
    op->jobs = op->type == OP_BULK ? (int)rng_between(rng, 2, 6) : 1;
    op->definition = script->definitions[rng_below(rng, script->definitions_len)];
    op->array_size = op->type == OP_SUBMIT && !op->definition->is_gang && rng_below(rng, 3) == 0
                         ? (int)rng_between(rng, 2, 6)
                         : 0;
    op->other_queue = !op->definition->queue && rng_below(rng, 6) == 0;
    op->share = draw_share(script, rng, op);
    op->sequential = op->array_size && rng_below(rng, 4) == 0;
    bool certain = !op->other_queue;
    for (int i = 0; i < DEPENDS_MAX; i++) {
        op->depends[i] = op->job > 0 && rng_below(rng, 4) == 0 ? (int)rng_below(rng, (uint64_t)op->job) : -1;
        certain = certain && (op->depends[i] < 0 || job_at(script, op->depends[i])->certain);
    }
    if (op->array_size && op->depends[0] >= 0 && job_at(script, op->depends[0])->array_size == op->array_size)
        op->depends_type = "N_TO_N";
    for (int i = 0; i < op->jobs; i++) {
        ScriptJob job = {.certain = certain, .array_size = op->array_size};
        g_array_append_val(script->jobs, job);
    }
}

/* Whatever waits for it is as uncertain; those were planned before or after. */
static void make_uncertain(Script *script, int number)
{
    job_at(script, number)->certain = false;
    for (guint i = 0; i < script->ops->len; i++) {
        const Op *op = op_at(script, i);
        for (int j = 0; op->type <= OP_BULK && j < DEPENDS_MAX; j++)
            for (int k = 0; op->depends[j] == number && k < op->jobs; k++)
                if (job_at(script, op->job + k)->certain)
                    make_uncertain(script, op->job + k);
    }
}

/* Resources that people make, change and delete through the API, beside those of the source. Any may be
 * refused: what it names is not there, or not yet gone. */
static const struct {
    const char *operation, *request;
} declarations[] = {
    {"createcomputeenvironment",
     "{'computeEnvironmentName':'api','type':'MANAGED','computeResources':{'type':'EC2','maxvCpus':2}}"},
    {"updatecomputeenvironment", "{'computeEnvironment':'api','computeResources':{'maxvCpus':3}}"},
    {"updatecomputeenvironment", "{'computeEnvironment':'api','state':'DISABLED'}"},
    {"deletecomputeenvironment", "{'computeEnvironment':'api'}"},
    {"createjobqueue", "{'jobQueueName':'api','priority':1,"
                       "'computeEnvironmentOrder':[{'order':1,'computeEnvironment':'api'}]}"},
    {"updatejobqueue", "{'jobQueue':'api','state':'DISABLED','priority':7}"},
    {"deletejobqueue", "{'jobQueue':'api'}"},
    {"registerjobdefinition",
     "{'jobDefinitionName':'api','type':'container','containerProperties':{'image':'i','command':['true'],"
     "'resourceRequirements':[{'type':'VCPU','value':'1'},{'type':'MEMORY','value':'16'}]}}"},
    {"deregisterjobdefinition", "{'jobDefinition':'api:1'}"},
    {"deregisterjobdefinition", "{'jobDefinition':'api:2'}"},
    {"tagresource", "{'resourceArn':'arn:aws:batch:::job-definition/api:2','tags':{'a':'b'}}"},
    {"createschedulingpolicy", "{'name':'api'}"},
    {"updateschedulingpolicy",
     "{'arn':'arn:aws:batch:::scheduling-policy/api','fairsharePolicy':{'shareDecaySeconds':60}}"},
    {"deleteschedulingpolicy", "{'arn':'arn:aws:batch:::scheduling-policy/api'}"},
    {"createconsumableresource", "{'consumableResourceName':'api','totalQuantity':3}"},
    {"updateconsumableresource",
     "{'consumableResource':'api','operation':'ADD','quantity':1,'clientToken':'t'}"},
    {"deleteconsumableresource", "{'consumableResource':'api'}"},
    {"updatejobqueue", "{'jobQueue':'main','priority':9}"}, /* the source's: always refused */
};

static void plan_op(Script *script, Rng *rng, int64_t at_ms)
{
    uint64_t drawn = rng_below(rng, 100);
    bool any = script->jobs->len > 0;
    Op op = {.at_ms = at_ms, .depends = {-1, -1, -1}};
    op.type = drawn < 45 || !any ? OP_SUBMIT
              : drawn < 55       ? OP_BULK
              : drawn < 65       ? OP_END
              : drawn < 80       ? OP_READ
              : drawn < 90       ? OP_DECLARE
                                 : OP_REVISION;
    op.terminate = rng_below(rng, 2);
    op.question =
        op.type == OP_DECLARE ? (int)rng_below(rng, G_N_ELEMENTS(declarations)) : (int)rng_below(rng, 8);
    if (op.type <= OP_BULK) {
        plan_job(script, rng, &op);
    } else if (op.type == OP_REVISION) {
        op.revision = ++script->revisions;
    } else {
        op.job = (int)rng_below(rng, script->jobs->len);
        if (op.type == OP_END)
            make_uncertain(script, op.job);
    }
    g_array_append_val(script->ops, op);
}

Script *script_new(System *system, uint64_t seed)
{
    Script *script = g_new0(Script, 1);
    Rng rng = rng_from_seed(seed);
    script->system = system;
    script->ops = g_array_new(FALSE, TRUE, sizeof(Op));
    script->jobs = g_array_new(FALSE, TRUE, sizeof(ScriptJob));
    script->definitions_len = scene_definitions(&system->scene, script->definitions);
    int64_t at_ms = system->now_ms, pause_ms = rng_between(&rng, 1, 4000);
    uint64_t len = OPS_MIN + rng_below(&rng, OPS_MAX - OPS_MIN);
    for (uint64_t i = 0; i < len; i++) {
        at_ms += rng_below(&rng, 3) ? rng_between(&rng, 0, pause_ms) : 0;
        plan_op(script, &rng, at_ms);
    }
    Op last = {.type = OP_REVISION, .at_ms = at_ms, .revision = ++script->revisions};
    g_array_append_val(script->ops, last);
    return script;
}

void script_free(Script *script)
{
    if (!script)
        return;
    g_array_unref(script->ops);
    g_array_unref(script->jobs);
    g_free(script);
}

/* ---- manifests ---- */

void script_follow(Script *script, bool full_pass)
{
    const SourceConfig config = {.name = (char *)(uintptr_t) "main",
                                 .provider = (char *)(uintptr_t) "local",
                                 .approval = approver_setting(script->system->approver)};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Revision revision = {.number = script->revision,
                         .is_last = script->revision == script->revisions,
                         .calm = script->system->calm + script->system->last_pass};
    g_autofree char *text = scene_manifests(&script->system->scene, &revision);
    g_autoptr(ManifestSet) set = manifest_set_from_text(text, NULL, &config, diagnostics);
    if (diagnostic_list_count(diagnostics, SEVERITY_ERROR)) {
        g_autoptr(GString) said = g_string_new(NULL);
        diagnostic_list_render(diagnostics, DIAGNOSTIC_JSON, said);
        system_fail(script->system, "the script's manifests are wrong: %s", said->str);
    }
    SourceState state = {.path = "/simulated",
                         .name = "main",
                         .revision = manifest_set_revision(set),
                         .set = set,
                         .full_pass = full_pass};
    system_log(script->system, "follows revision %d%s", script->revision, full_pass ? ", all of it" : "");
    recorder_source(script->system->recorder, script->system->reconciler, &state);
}

CloudFate script_fate(const LaunchRequest *request, void *data)
{
    (void)data;
    int attempt = 1;
    for (size_t i = 0; request->envp[i]; i++)
        if (g_str_has_prefix(request->envp[i], "AWS_BATCH_JOB_ATTEMPT="))
            attempt = (int)g_ascii_strtoll(request->envp[i] + strlen("AWS_BATCH_JOB_ATTEMPT="), NULL, 10);
    /* Other nodes of a gang end early and badly, or long after the main one: that decides nothing. */
    const char *node = strchr(request->job_id, '#');
    if (node && strcmp(node, "#0") != 0)
        return (CloudFate){.run_ms = attempt % 2 ? 1500 : 50000, .exit_code = 7};
    return (CloudFate){.start_ms = attempt % 3 == 0 ? 700 : 0,
                       .run_ms = g_ascii_strtoll(request->argv[1], NULL, 10),
                       .exit_code = (int)g_ascii_strtoll(request->argv[attempt == 1 ? 2 : 3], NULL, 10)};
}

/* ---- asking ---- */

static bool job_known(const Script *script, int number)
{
    return number < 0 || job_at(script, number)->id[0] || job_at(script, number)->refused;
}

static bool is_ready(const Script *script, const Op *op)
{
    if (op->state != OP_WAITING || (op->type != OP_REVISION && !script->told))
        return false;
    if (op->type > OP_BULK)
        return op->type == OP_REVISION || job_known(script, op->job);
    for (int i = 0; i < DEPENDS_MAX; i++)
        if (!job_known(script, op->depends[i]))
            return false;
    return true;
}

static json_t *job_request(const Script *script, const Op *op, int number)
{
    g_autofree char *name = g_strdup_printf("j%03d", number);
    json_t *request = json_pack("{s:s,s:s,s:s}", "jobName", name, "jobQueue", queue_of(op), "jobDefinition",
                                op->definition->name);
    json_t *depends = json_array();
    if (op->array_size)
        json_object_set_new(request, "arrayProperties", json_pack("{s:i}", "size", op->array_size));
    for (int i = 0; i < DEPENDS_MAX; i++) {
        if (op->depends[i] < 0 || job_at(script, op->depends[i])->refused)
            continue;
        json_t *one = json_pack("{s:s}", "jobId", job_at(script, op->depends[i])->id);
        if (i == 0 && op->depends_type)
            json_object_set_new(one, "type", json_string(op->depends_type));
        json_array_append_new(depends, one);
    }
    if (op->sequential)
        json_array_append_new(depends, json_pack("{s:s}", "type", "SEQUENTIAL"));
    json_object_set_new(request, "dependsOn", depends);
    if (op->share)
        json_object_set_new(request, "shareIdentifier", json_string(op->share));
    return request;
}

static Call *bulk_call(const Script *script, const Op *op)
{
    GString *lines = g_string_new(NULL);
    for (int i = 0; i < op->jobs; i++) {
        json_t *request = job_request(script, op, op->job + i);
        char *text = json_dumps(request, JSON_COMPACT);
        g_string_append_printf(lines, "%s\n", text);
        free(text);
        json_decref(request);
    }
    Call *call = call_new(operation_find_name("bulk"), NULL);
    gsize len = lines->len;
    call->body = g_bytes_new_take(g_string_free(lines, FALSE), len);
    return call;
}

static Call *question(const Script *script, const Op *op)
{
    const char *id = job_at(script, op->job)->id;
    if (!*id)
        return call_new(operation_find_name("status"), json_object());
    switch (op->question) {
    case 0: return call_new(operation_find_name("status"), json_object());
    case 1: return call_new(operation_find_name("jobs"), json_object());
    case 2: return call_new(operation_find_name("job"), json_pack("{s:s}", "job", id));
    case 3: return call_new(operation_find_name("events"), json_pack("{s:i}", "limit", 50));
    case 4:
        return call_new(operation_find_name("wait"),
                        json_pack("{s:[s],s:i}", "jobs", id, "timeoutMs", 20000));
    case 5: return call_new(operation_find_name("describejobqueues"), json_object());
    case 6: return call_new(operation_find_name("listjobs"), json_pack("{s:s}", "jobQueue", "main"));
    default: return call_new(operation_find_name("describejobs"), json_pack("{s:[s]}", "jobs", id));
    }
}

static Call *declaration(const Op *op)
{
    g_autofree char *text = g_strdelimit(g_strdup(declarations[op->question].request), "'", '"');
    return call_new(operation_find_name(declarations[op->question].operation), json_loads(text, 0, NULL));
}

static void answered(Call *call);

static void ask(Script *script, Op *op)
{
    Call *call = NULL;
    switch (op->type) {
    case OP_SUBMIT: call = call_new(operation_find_name("submit"), job_request(script, op, op->job)); break;
    case OP_BULK: call = bulk_call(script, op); break;
    case OP_END:
        call = call_new(operation_find_name(op->terminate ? "terminate" : "cancel"),
                        json_pack("{s:[s],s:s}", "jobs", job_at(script, op->job)->id, "reason", "asked for"));
        break;
    case OP_READ: call = question(script, op); break;
    case OP_DECLARE: call = declaration(op); break;
    case OP_REVISION: g_assert_not_reached();
    }
    Asked *asked = g_new(Asked, 1);
    *asked = (Asked){script, (guint)(op - op_at(script, 0))};
    call->owner = asked;
    call->answer = answered;
    op->state = OP_ASKED;
    script->outstanding++;
    system_log(script->system, "ask %u %s", asked->op, call->operation->name);
    recorder_call(script->system->recorder, script->system->reconciler, call);
}

static void change_source(Script *script, Op *op)
{
    op->state = OP_DONE;
    script->revision = op->revision;
    script->system->follow_due = true;
}

/* The first revision is there, in whatever slices it came. */
static bool is_told(const Script *script)
{
    const Ledger *ledger = script->system->ledger;
    for (size_t i = 0; i < script->definitions_len; i++)
        if (!ledger_knows_resource(ledger, KIND_JOB_DEFINITION, script->definitions[i]->name))
            return false;
    const Scene *scene = &script->system->scene;
    return ledger_knows_resource(ledger, KIND_JOB_QUEUE, "main") &&
           (!scene_has(scene, THING_TASKS) || ledger_knows_resource(ledger, KIND_JOB_QUEUE, "tasks")) &&
           (!scene_has(scene, THING_HOSTS) || ledger_knows_resource(ledger, KIND_JOB_QUEUE, "own"));
}

static Op *next_op(const Script *script)
{
    for (guint i = 0; script->outstanding < OUTSTANDING_MAX && i < script->ops->len; i++)
        if (is_ready(script, op_at(script, i)))
            return op_at(script, i);
    return NULL;
}

bool script_step(Script *script)
{
    Op *op = next_op(script);
    script->told = script->told || is_told(script);
    if (!op || op->at_ms > script->system->now_ms)
        return false;
    if (op->type == OP_REVISION)
        change_source(script, op);
    else if (op->type == OP_END && !job_at(script, op->job)->id[0])
        op->state = OP_DONE; /* it was refused */
    else
        ask(script, op);
    return true;
}

int64_t script_next_ms(const Script *script)
{
    const Op *op = next_op(script);
    return op ? MAX(op->at_ms, script->system->now_ms) : -1;
}

bool script_done(const Script *script)
{
    for (guint i = 0; i < script->ops->len; i++)
        if (op_at(script, i)->state != OP_DONE)
            return false;
    return script->outstanding == 0;
}

/* ---- answers ---- */

/* Invariant 1: an answer that says that something was done is not earlier than its commit. */
static void job_made(Script *script, int number, const char *id)
{
    ScriptJob *job = job_at(script, number);
    const LedgerJob *durable = id ? ledger_job(script->system->ledger, id) : NULL;
    g_autofree char *name = g_strdup_printf("j%03d", number);
    if (!durable || strcmp(durable->name, name) != 0)
        system_fail(script->system, "1: job %s was answered before it was durable", name);
    g_strlcpy(job->id, id, sizeof job->id);
    system_log(script->system, "%s is job %" PRIu64 " %s", name, durable->sequence, id);
}

static void jobs_made(Script *script, const Op *op, const json_t *body)
{
    const json_t *list = json_object_get(body, "jobs");
    if (op->type == OP_SUBMIT)
        job_made(script, op->job, json_string_value(json_object_get(body, "jobId")));
    for (int i = 0; op->type == OP_BULK && i < op->jobs; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        job_made(script, op->job + i,
                 json_is_string(item) ? json_string_value(item)
                                      : json_string_value(json_object_get(item, "jobId")));
    }
}

static void give_up(Script *script, int number)
{
    job_at(script, number)->refused = true;
    make_uncertain(script, number);
}

static bool was_done(Script *script, const Op *op);

static void jobs_refused(Script *script, Op *op, const char *text)
{
    for (int i = 0; op->type <= OP_BULK && i < op->jobs; i++)
        give_up(script, op->job + i);
    if (op->type <= OP_BULK && !op->other_queue)
        system_fail(script->system, "a submission to a queue that is there is refused: %s", text);
    op->state = OP_DONE;
}

/* Invariant 1: a state that is told was durable once. */
static void check_read(Script *script, const json_t *body)
{
    const json_t *jobs = json_object_get(body, "jobs"), *item;
    size_t i;
    json_array_foreach(jobs, i, item)
    {
        const char *id = json_string_value(json_object_get(item, "jobId")),
                   *status = json_string_value(json_object_get(item, "status"));
        const LedgerJob *job = id ? ledger_job(script->system->ledger, id) : NULL;
        JobState state;
        if (!id || strchr(id, ':') || !status || !job_state_from_name(view_from(status), &state))
            continue;
        if (!job || (job->array_size == 0 && !(job->seen & 1u << state)))
            system_fail(script->system, "1: job %s is told to be %s, which was never durable", id, status);
    }
    json_array_foreach(json_object_get(body, "events"), i, item)
    {
        json_int_t sequence = json_integer_value(json_object_get(item, "sequence"));
        if ((uint64_t)sequence > ledger_events(script->system->ledger))
            system_fail(script->system, "1: event %lld is told before it is durable", (long long)sequence);
    }
}

static void answered(Call *call)
{
    Asked *asked = call->owner;
    Script *script = asked->script;
    Op *op = op_at(script, asked->op);
    int status = call->result.http_status;
    json_t *body = call->result.text ? json_loadb(call->result.text->str, call->result.text->len, 0, NULL)
                                     : json_incref(call->result.body);
    g_autofree char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    script->outstanding--;
    /* Nobody hears it; and an error after an fsync that failed says nothing about what was done. */
    if (script->system->ending || (script->system->store_broke && status >= 500)) {
        op->state = OP_ASKED;
    } else if (status >= 500 && op->type == OP_BULK && was_done(script, op)) {
        op->state = OP_DONE;
    } else {
        system_log(script->system, "answer %u %s %d", asked->op, call->operation->name, status);
        op->state = status >= 500 ? OP_WAITING : OP_DONE;
        op->at_ms = MAX(op->at_ms, script->system->now_ms + (status >= 500 ? 1000 : 0));
        if (status >= 400 && status < 500)
            jobs_refused(script, op, text);
        else if (status == 200 && op->type <= OP_BULK)
            jobs_made(script, op, body);
        else if (status == 200 && op->type == OP_READ)
            check_read(script, body);
    }
    json_decref(body);
    g_free(asked);
    call_free(call);
}

/* What was done shows by the names. A bulk submission that was interrupted may have been done in part; the
 * rest is then given up. False: nothing of it was. */
static bool was_done(Script *script, const Op *op)
{
    int done = 0;
    for (int i = 0; i < op->jobs; i++) {
        g_autofree char *name = g_strdup_printf("j%03d", op->job + i);
        const LedgerJob *job = ledger_job_named(script->system->ledger, name);
        done += job != NULL;
        if (job)
            g_strlcpy(job_at(script, op->job + i)->id, job->id, sizeof job_at(script, 0)->id);
    }
    for (int i = 0; done > 0 && i < op->jobs; i++)
        if (!job_at(script, op->job + i)->id[0])
            give_up(script, op->job + i);
    return done > 0;
}

void script_crashed(Script *script)
{
    for (guint i = 0; i < script->ops->len; i++) {
        Op *op = op_at(script, i);
        if (op->state == OP_ASKED)
            op->state = op->type <= OP_BULK && was_done(script, op) ? OP_DONE : OP_WAITING;
    }
}

/* ---- the end ---- */

bool script_is_certain(const LedgerJob *job, void *data)
{
    const Script *script = data;
    return job->name[0] == 'j' && job_at(script, atoi(job->name + 1))->certain;
}

/* What certain jobs must have come to follows from the script alone. */
static JobState expected_state(const Script *script, const Op *op)
{
    for (int i = 0; i < DEPENDS_MAX; i++) {
        if (op->depends[i] < 0)
            continue;
        for (guint j = 0; j < script->ops->len; j++) {
            const Op *on = op_at(script, j);
            if (on->type <= OP_BULK && op->depends[i] >= on->job && op->depends[i] < on->job + on->jobs &&
                expected_state(script, on) == JOB_FAILED)
                return JOB_FAILED;
        }
    }
    return op->definition->fails ? JOB_FAILED : JOB_SUCCEEDED;
}

void script_check_end(Script *script)
{
    for (guint i = 0; i < script->ops->len; i++) {
        const Op *op = op_at(script, i);
        for (int k = 0; op->type <= OP_BULK && k < op->jobs; k++) {
            g_autofree char *name = g_strdup_printf("j%03d", op->job + k);
            const LedgerJob *job = ledger_job_named(script->system->ledger, name);
            if (job_at(script, op->job + k)->refused)
                continue;
            if (!job || !job_state_final(job->state))
                system_fail(script->system, "11: job %s was accepted and has no end", name);
            if (job_at(script, op->job + k)->certain && job->state != expected_state(script, op))
                system_fail(script->system, "11: job %s is %s, without faults it would be %s", name,
                            job_state_name(job->state), job_state_name(expected_state(script, op)));
        }
    }
}

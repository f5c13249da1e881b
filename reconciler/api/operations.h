/* operations.h: the operations that the command line, the Batch API and the daemon share; JSON in, JSON out.
 *
 * Transport: HTTP POST over DIR/muster.sock. Batch operations are /v1/NAME (bodies and errors as AWS Batch's:
 * `{"message": …}` with x-amzn-ErrorType, HTTP 400/404…), ours are /muster/v1/NAME. An error of ours is HTTP
 * 4xx/5xx {"error": {"exit": N, "code": "not-found|refused|invalid|busy|timeout|internal", "message": "…",
 * "plan": {…optional}}} where exit is the contract's exit code (1, 3, 4, 5, 6). Times are milliseconds since
 * the epoch. Absent members are omitted. A request that changes state is answered after its commit (invariant
 * 1); a read is answered with committed state.
 *
 * Batch operations (names in lower case as in the Batch reference):
 *   all of the service's model (docs/api.md). The three of tags have what stands in the path and the query of
 * their requests as members: resourceArn, tagKeys. GetLogEvents of CloudWatch Logs is ours by its path
 * (/muster/v1/getlogevents), and answers as Logs does. Own ARNs: arn:aws:batch:us-east-1:000000000000:…
 * (installation's partition, region, account).
 *
 * Ours (request → response):
 *   status {}        → {"version","pid","host","mode":"serve|apply|…|offline","startedAt","committedAt",
 *                       "sources":[{"name","path","revision","state":"ok|broken|waiting|suspended","message","since","followed":bool,
 *                                   "newest": of one that is suspended, told and not carried out,
 *                                   "suspended"?:{"since","until"?,"reason","actor"},
 *                                   "remote"?:{"state":"ok|unreachable|held","message","head","checkedAt","behindSince","behindSeconds"}}],
 *                       "applies":[{apply}],
 * "queues":[{"name","state","priority","counts":{"SUBMITTED":n,…},"environments":[…],"oldestRunnableSince"?,
 * "oldestIsAtLeast"?: true where there is too much to look at all of it,"endedLastHour": since the process
 * began at most}], "environments":[{"name","provider","state","status","usedVcpus","maxvCpus","launches"}],
 *                       "runs":[{run, unfinished only}], "omitted":{"runs":n,…} rows beyond 200 of a kind,
 * "instance":{"vcpus","memoryMib","gpus","notice"}, "jobs":{"unfinished":n}} get {"kind","name"?}  kind:
 * manifest kind →
 * {"items":[{"kind","name","owner","phase","status","statusReason","digest","revision","createdAt",
 *                       "updatedAt","file","line","spec":{…},"metadata":{…},"live":{…counts, usage}}]}
 *                       "Pipeline"/"Job" items carry "runs":[{run}].
 *   jobs {"queue"?,"status"?:[…],"name"? (trailing * = prefix),"run"?,"array"?: id (its children),"limit"?
 * (default 100),"before"? token} →
 * {"jobs":[{"jobId","jobName","queue","status","statusReason","createdAt","startedAt","stoppedAt","attempts","definition",
 *                       "arrayProperties":{"size","index"?,"statusSummary":{…}}?,"run"?,"step"?}],"next"?:
 * token}   newest first job {"job": "UUID" | "UUID:INDEX" | unique prefix of at least 4 hex digits, "node"?:
 * n} →
 * {"job":{…as in
 * jobs…,"dependsOn":[…],"container":{"image","command":[…],"environment":[{"name","value"}],"resourceRequirements":[…],
 *                       "exitCode"?,"reason"?},"retryStrategy","timeout","attempts":[{"attempt","startedAt","stoppedAt","exitCode","reason","statusReason","logPath","environment"}],
 *                       "waiting"?: "why it has not started", "logPath": newest attempt's file}}
 *   submit  body: one SubmitJob object (jobName optional) → {"jobId","jobName","jobArn"}
 *   bulk    body: one SubmitJob object per line (application/x-ndjson)   → {"jobs":[{"jobId","jobName"}…]};
 * all or nothing: a bad line is an error naming its line number and nothing is submitted cancel / terminate
 * {"jobs":["UUID"|"UUID:INDEX"…],"reason"} → {"jobs":[{"jobId","status"}]}; unknown: error exit 6 apply
 * {"source": absolute path or git location, "commit"?: of a git source, "sourceName"?, "provider"?,
 * "allowDeletes"?: n, "firstRun"?: "start|record", "planId"?, "saved"?: {…}, "only"?, "destroy"?: bool,
 * "actor"?} →
 * {"applyId", "plan": {…plan JSON…}} once its desired set is committed; error exit 3 (guard, stale plan,
 * followed source), 1 (diagnostics: "diagnostics":[…]), 4 infeasible progress {"applyId", "want":
 * "resources|jobs", "since"?: n, "timeoutMs"?, "runs"?: [ids of older runs to wait for, ended or not]}  long
 * poll: answers when something changed after `since` or at the time-out → {"since": n,
 * "state":"STAGING|ACTIVE|CONVERGED|SUPERSEDED|FAILED","message"?, "done": bool (as wanted),
 *                       "pending":[{"kind","name","reason"}],
 * "groups":[{"name","kind":"queue|pipeline","counts":{…}}],
 *                       "failures":[{"jobId","jobName","statusReason","logPath","exitCode"?}] (new since
 * `since`), "failed": total failed jobs of this apply's runs, "runs":[{run}]} wait
 * {"jobs":[…],"since"?,"timeoutMs"?} long poll →
 * {"since","done":bool,"jobs":[{"jobId","jobName","status","statusReason","exitCode"?}]} start
 * {"pipeline","parameters"?:{…}} → {"run":{run}, "jobs":[…ids]} rerun {"kind","name","failed"?:bool} →
 * {"run":{run}} events {"after"?: sequence,"limit"?,"timeoutMs"?} →
 * {"events":[{"sequence","at","type","subject","message","first"?,"last"?}],"last"}; {"before":
 * sequence,"limit"?}: those below it, newest first. changes {"after"?: n,"timeoutMs"?} → {"commits": n}: how
 * often something became durable since the process began; waits for another number than after. pending
 * {"source"} → {"plan"?: the plan JSON of what waits for an approval, with 1000 changes at most, where this
 * process has made it}. run:
 * {"id","owner","kind","name","number","state","statusReason","createdAt","stoppedAt","jobs":{"SUCCEEDED":n,…}}
 *   apply: {"id","owner","revision","planId","state","message","createdAt","endedAt","startedAt"?,"how"?,
 * "actor"?,"author"?,"signature"?,"summary":{…}}
 *   override {"kind","name","field","value","forMs","reason","actor"?} → {"until"}: the field holds the value
 * from now on until then; {"kind","name","field"?,"clear":true,"actor"?} → {"cleared": n} ends it. exit 6
 * where there is no such resource. status has all of them, and each item of get its own: "overrides":
 * [{"kind","name", "field","value","since","until","reason","actor"?}…] refresh {"name","actor"?} →
 * {"newer"?: what is known to be newer than what the environment's machines are made from}: it is looked up
 * and taken; exit 6 where there is no such environment, 3 while there is nothing that could be newer. status
 * has "newer": [{"kind","name","message","becomes","since"}…], an environment of get "pins": {"pinned":
 * {REFERENCE: VALUE},"newest"?,"newerSince"?}. forget {"kind","name","actor"?} →
 * {"changed":bool,"owner"?: the source that had it}; exit 6 where there is none, 3 while it is being deleted
 * or replaced history {"source"?,"limit"?} → {"reconciles":[{apply}…]} newest first; history
 * {"kind","name","limit"?} →
 * {"kind","name","owner"?,"present":bool,"fields":[{"path","value", "change"?}…] each with the change that
 * set it, "changes":[{change}…] newest first}; exit 6 where nothing is there or known. change:
 * {"action","at","owner"?,"reason"?,"actor"?,"reconcile"?,"revision"?,"author"?,
 * "signature"?,"how"?,"fields":[{"path","before"?,"after"?}…]}
 *
 * key {"action":"create","id","key":{"name","scopes":[…],"sealed","queues"?:[…],"shareIdentifiers"?:[…],
 * "roles"?:[…],"hostPaths"?:[…],"unprivileged"?,"requestsPerSecond"?,"expiresAt"?},"actor"?} → {"id"}; exit 3
 * where the name is taken; {"action":"revoke","key": id or name,"actor"?} → {"id","name"}; exit 6 where there
 * is none. snapshot {} → {"snapshot"}: the text that muster snapshot writes. keys {} →
 * {"keys":[{"id","createdAt","createdBy"?,…as above but sealed}…]} by name
 *
 * The `live` member of `get`: of a JobQueue {counts, unfinished, heldVcpus, activeShares?, environments: [as
 * in status]}; of a ComputeEnvironment as in status, and minvCpus, freeVcpus?; where it has instances of its
 * own desiredvCpus (vCPUs of all of them), instanceCount, instances: [{type, spot, state, count, vcpus,
 * usedVcpus}], leaving?: [{instance, reason, attempts}] (taken away soon); where it buys them statusReason?
 * (why it is INVALID), money {currency, day and month {spent, budget?, incomplete, endsAt}, total,
 * totalIncomplete, countedAt, perHour, unpricedInstances}, coolDowns:
 * [{type, zone?, spot, until, failures}], unmet: [{reason, jobs, text, until?}]. perHour, unpricedInstances
 * and unmet are absent where nobody hosts it.
 *
 *   metrics {} → Prometheus' text (metrics.h); ready {} → {"ready":bool,"reason"?}
 *
 * Without a daemon the read-only ones (status get jobs job describejobs listjobs events progress wait with
 * timeoutMs 0 …) are answered in process from the store by the same functions: operations_offline(). */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

typedef struct OperationResult {
    int http_status; /* 200 … */
    json_t *body;    /* owned */
    GString *text; /* owned; instead of body: JSON that was written piece by piece, too large to be built and
                      dumped at once */
    const char *error_type; /* x-amzn-ErrorType or NULL; static */
} OperationResult;
void operation_result_clear(OperationResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OperationResult, operation_result_clear)

/* One read-only operation against a state directory that nobody hosts (or anybody: WAL readers do not mind).
 * name: "status", "get" … or a Batch operation. False with error when the store cannot be read
 * (STORE_ERROR_MISSING: there is no state yet). */
bool operations_offline(const char *state_dir, const char *name, json_t *request, OperationResult *ret_result,
                        GError **error);

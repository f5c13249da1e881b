/* aws_task.c: an attempt as a task: asked for with its token until it is certain what became of it, seen,
 * stopped, ended. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/task_run.h"
#include "spec/task_part.h"

#define RETRY_MS       1000 /* doubles up to RETRY_MAX_MS */
#define RETRY_MAX_MS   60000
#define TOKEN_LIFE_MS  ((int64_t)30 * 60 * 1000) /* so long a token is sure to be known there */
#define UNSEEN_TRIES   8
#define FULL_MS        10000 /* Fargate without room: placed anew then */
#define STOP_AGAIN_MS  10000
#define LOOK_MS        1000
#define NOT_KNOWN_CODE 137
#define TAG_VALUE_MAX  256 /* the ECS API's Tag */
#define LATE_REASON    "muster: the attempt's time limit was reached"

/* ---- life ---- */

static void drop_retry(AwsTask *task)
{
    if (task->retry)
        g_source_destroy(task->retry);
    g_clear_pointer(&task->retry, g_source_unref);
}

/* What its call was made of. A queue of them may wait for its turn, and a task lives for long: neither needs
 * it. */
static void drop_request(AwsTask *task)
{
    g_clear_pointer(&task->overrides, g_free);
    g_clear_pointer(&task->workspace, g_free);
    g_clear_pointer(&task->argv, g_strfreev);
    g_clear_pointer(&task->envp, g_strfreev);
}

void aws_task_free(void *data)
{
    AwsTask *task = data;
    drop_retry(task);
    drop_request(task);
    g_clear_pointer(&task->spec, g_ref_string_release); /* shared, and asked for again where RunTask is */
    g_ptr_array_remove(task->cluster->tasks_waiting, task);
    g_ptr_array_remove(task->cluster->provider->nodes, task);
    char *const texts[] = {task->arn,           task->job_id,      task->definition, task->run_arn,
                           task->run_overrides, task->stop_reason, task->address};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(task->essential);
    g_free(task);
}

static AwsTask *make(AwsCluster *cluster, const LaunchToken *token)
{
    AwsTask *task = g_new0(AwsTask, 1);
    task->cluster = cluster;
    task->token = *token;
    g_hash_table_insert(cluster->provider->tasks, &task->token, task);
    return task;
}

static void tell(AwsTask *task, ProviderEvent *event)
{
    event->token = task->token;
    event->provider_id = task->arn;
    if (event->type != PROVIDER_EVENT_ACCEPTED && event->type != PROVIDER_EVENT_STARTED)
        task->step = TASK_OVER;
    drop_retry(task);
    aws_tell(task->cluster->provider, event);
}

void aws_task_refuse(AwsTask *task, const char *reason)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_REFUSED, .reason = reason};
    tell(task, &event);
}

void aws_task_lost(AwsTask *task)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_LOST, .at_ms = aws_now_ms(task->cluster->provider)};
    tell(task, &event);
    aws_look_hosts_soon(task->cluster, 0); /* its host is gone, and perhaps others with it */
}

/* ---- asking for it ---- */

static gboolean try_again(gpointer data)
{
    AwsTask *task = data;
    drop_retry(task);
    if (task->is_stopping && task->step == TASK_WAITING)
        aws_task_refuse(task, NULL);
    else if (task->step == TASK_WAITING)
        aws_task_prepare(task);
    else if (task->step == TASK_ASKED)
        aws_task_run(task);
    return G_SOURCE_REMOVE;
}

void aws_task_again(AwsTask *task)
{
    int64_t wait_ms = MIN((int64_t)RETRY_MS << MIN(task->tries, 10), RETRY_MAX_MS);
    task->tries++;
    drop_retry(task);
    task->retry = aws_after(task->cluster->provider, wait_ms, try_again, task);
}

static gboolean place_anew(gpointer data)
{
    AwsTask *task = data;
    drop_retry(task);
    aws_task_refuse(task, NULL);
    return G_SOURCE_REMOVE;
}

/* A failure that came with success: nothing was started. */
static void take_failure(AwsTask *task, const json_t *failure)
{
    const char *reason = ecs_text(failure, "reason"), *detail = ecs_text(failure, "detail");
    g_autofree char *why = g_strdup_printf("%s%s%s", reason ? reason : "ECS does not say why",
                                           detail ? ": " : "", detail ? detail : "");
    switch (task_refusal_of(reason)) {
    case TASK_REFUSAL_PLACE: aws_task_refuse(task, NULL); return;
    case TASK_REFUSAL_CAPACITY:
        drop_retry(task);
        task->step = TASK_WAITING;
        task->retry = aws_after(task->cluster->provider, FULL_MS, place_anew, task);
        return;
    case TASK_REFUSAL_HOST:
        g_free(why);
        why =
            g_strdup_printf("%s: the host has not all that the definition needs: its log driver "
                            "(ECS_AVAILABLE_LOGGING_DRIVERS of ECS's agent), task networking, or GPU support",
                            reason);
        aws_task_refuse(task, why);
        return;
    case TASK_REFUSAL_FINAL: aws_task_refuse(task, why); return;
    }
}

/* What is not certain is asked for again with the same token, as long as ECS is sure to know it; from then on
 * only looking tells. */
static void take_error(AwsTask *task, const AwsError *error)
{
    bool is_known = aws_monotonic_ms(task->cluster->provider) - task->asked_ms < TOKEN_LIFE_MS;
    bool is_new = error->action == AWS_ACT_UNSEEN && task->tries < UNSEEN_TRIES;
    bool is_passing = error->action == AWS_ACT_RETRY || error->action == AWS_ACT_WAIT ||
                      error->action == AWS_ACT_CREDENTIALS || is_new;
    g_autofree char *why = aws_error_text(error);
    if (task_error_is_of_place(error->message))
        aws_task_refuse(task, NULL);
    else if (!error->is_certain && !is_known)
        aws_look_for_task(task);
    else if (!error->is_certain || is_passing)
        aws_task_again(task);
    else
        aws_task_refuse(task, why);
}

static void take_run(const AwsAnswer *answer, void *data)
{
    AwsTask *task = aws_about_task(data);
    if (!task || task->step != TASK_ASKED)
        return;
    const json_t *started = json_array_get(json_object_get(answer->json, "tasks"), 0),
                 *failure = json_array_get(json_object_get(answer->json, "failures"), 0);
    if (answer->error)
        take_error(task, answer->error);
    else if (started)
        aws_task_seen(task, started);
    else
        take_failure(task, failure);
}

/* A node is ID#NODE elsewhere, which no tag may hold. Source: the ECS API's Tag. */
static json_t *tags_of(const AwsTask *task)
{
    char timeout[24];
    char attempt[16];
    json_t *tags = aws_tags(task->cluster);
    g_autofree char *job = g_strdelimit(g_strdup(task->job_id), "#", '/');
    g_snprintf(attempt, sizeof attempt, "%d", task->attempt);
    ecs_add_tag(tags, TAG_JOB, job);
    ecs_add_tag(tags, TAG_ATTEMPT, attempt);
    if (task->essential && g_strv_length(task->essential) > 0) {
        g_autofree char *names = g_strjoinv(" ", task->essential);
        bool is_told = strcmp(names, TASK_CONTAINER) != 0 && strlen(names) <= TAG_VALUE_MAX;
        if (is_told)
            ecs_add_tag(tags, TAG_ESSENTIAL, names);
    }
    if (task->timeout_ms > 0) {
        g_snprintf(timeout, sizeof timeout, "%" G_GINT64_FORMAT, task->timeout_ms);
        ecs_add_tag(tags, TAG_TIMEOUT, timeout);
    }
    return tags;
}

static bool find_host(const AwsTask *task, const char **ret_instance_id)
{
    const AwsHost *host =
        task->has_host ? g_hash_table_lookup(task->cluster->provider->hosts, &task->host) : NULL;
    *ret_instance_id = host && host->state < HOST_ENDING && !host->is_warned ? host->instance_id : NULL;
    return !task->has_host || *ret_instance_id;
}

void aws_task_run(AwsTask *task)
{
    const AwsCluster *cluster = task->cluster;
    const AwsEnvironment *environment = cluster->environment;
    char token[LAUNCH_TOKEN_TEXT];
    const char *instance_id;
    bool is_fargate = aws_environment_is_fargate(environment);
    if (!find_host(task, &instance_id)) {
        aws_task_refuse(task, NULL); /* it is gone */
        return;
    }
    bool has_network = is_fargate || task->node >= 0;
    launch_token_text(&task->token, token);
    json_t *tags = tags_of(task);
    json_t *spec = is_fargate ? json_loads(task->spec, 0, NULL) : NULL;
    TaskPlacement placement = {.cluster = cluster->cluster,
                               .definition = task->run_arn,
                               .client_token = token,
                               .started_by = token,
                               .instance_id = instance_id,
                               .is_fargate = is_fargate,
                               .is_spot = environment->type == CE_TYPE_FARGATE_SPOT,
                               .subnets = has_network ? (const char *const *)environment->subnets : NULL,
                               .security_groups =
                                   has_network ? (const char *const *)environment->security_groups : NULL,
                               .tags = tags};
    task_placement_of_spec(spec, &placement);
    const AwsQuestion question = {.service = AWS_ECS,
                                  .action = "RunTask",
                                  .done = take_run,
                                  .data = aws_about(cluster->provider, &task->token),
                                  .free_data = g_free};
    if (task->step == TASK_WAITING)
        task->asked_ms = aws_monotonic_ms(cluster->provider);
    task->step = TASK_ASKED;
    json_t *overrides = json_loads(task->run_overrides, 0, NULL);
    aws_ask_json(cluster->place, &question, task_run_body(&placement, overrides));
    json_decref(overrides);
    json_decref(spec);
    json_decref(tags);
    drop_request(task);
}

/* ---- what it is asked for with ---- */

static void take_own_definition(const AwsAnswer *answer, void *data)
{
    AwsTask *task = aws_about_task(data);
    if (!task || task->step != TASK_WAITING)
        return;
    if (answer->error && answer->error->is_certain && answer->error->action == AWS_ACT_FINAL) {
        g_autofree char *why = aws_why("the job's own task definition cannot be registered", answer->error);
        aws_task_refuse(task, why);
        return;
    }
    if (answer->error) {
        aws_task_again(task);
        return;
    }
    task->run_arn = g_strdup(ecs_text(json_object_get(answer->json, "taskDefinition"), "taskDefinitionArn"));
    task->run_overrides = g_strdup("{}");
    aws_task_run(task);
}

/* More than an override may hold: it is in a definition of the job's own. */
static void register_own(AwsTask *task, const json_t *body, const json_t *overrides)
{
    json_t *own = task_definition_with(body, overrides);
    g_autofree char *family = task_definition_family("own"), *digest = task_definition_digest(own);
    const AwsQuestion question = {.service = AWS_ECS,
                                  .action = "RegisterTaskDefinition",
                                  .done = take_own_definition,
                                  .data = aws_about(task->cluster->provider, &task->token),
                                  .free_data = g_free};
    aws_ask_json(task->cluster->place, &question, aws_definition_request(task->cluster, own, family, digest));
    json_decref(own);
}

void aws_task_defined(AwsTask *task, const json_t *body, const char *arn)
{
    g_clear_pointer(&task->run_overrides, g_free);
    g_clear_pointer(&task->run_arn, g_free);
    json_t *overrides = task_overrides_of_job(body, task);
    bool fits = task_overrides_fit(overrides);
    if (!fits)
        register_own(task, body, overrides);
    else
        task->run_overrides = json_dumps(overrides, JSON_COMPACT);
    json_decref(overrides);
    if (!fits)
        return;
    task->run_arn = g_strdup(arn);
    aws_task_run(task);
}

void aws_task_prepare(AwsTask *task)
{
    if (task->is_stopping)
        aws_task_refuse(task, NULL);
    else
        aws_definition_get(task);
}

static void take_request(AwsTask *task, const LaunchRequest *request)
{
    task->job_id = g_strdup(request->job_id);
    task->definition = g_strdup(request->definition);
    /* one for all that run it */
    task->spec = request->definition_spec ? g_ref_string_new_intern(request->definition_spec) : NULL;
    task->overrides = g_strdup(request->overrides);
    task->workspace = g_strdup(request->workspace_name);
    task->argv = g_strdupv((char **)(uintptr_t)request->argv);
    task->envp = g_strdupv((char **)(uintptr_t)request->envp);
    task->injected = request->injected;
    task->node = request->node;
    task->attempt = request->attempt;
    task->vcpus_e4 = request->vcpus_e4;
    task->memory_mib = request->memory_mib;
    task->gpus = request->gpus;
    task->timeout_ms = request->timeout_ms;
    task->has_host = request->instance != NULL;
    if (request->instance)
        task->host = *request->instance;
    task->has_main_node = request->main_node != NULL;
    if (request->main_node)
        task->main_node = *request->main_node;
}

void aws_task_start(AwsProvider *provider, const LaunchRequest *request)
{
    AwsCluster *cluster = aws_cluster_find(provider, request->environment);
    ProviderEvent nowhere = {.type = PROVIDER_EVENT_REFUSED, .token = request->token};
    if (!cluster || cluster->state == CLUSTER_REFUSED) {
        aws_tell(provider, &nowhere);
        return;
    }
    if (g_hash_table_contains(provider->tasks, &request->token))
        return; /* it is under way */
    AwsTask *task = make(cluster, &request->token);
    take_request(task, request);
    if (aws_node_waits(task))
        return;
    if (cluster->state == CLUSTER_READY)
        aws_task_prepare_soon(task);
    else
        g_ptr_array_add(cluster->tasks_waiting, task);
}

/* ---- stopping it ---- */

static void hasten(AwsTask *task, int64_t look_after_ms)
{
    task->due_ms = MIN(task->due_ms, aws_monotonic_ms(task->cluster->provider) + look_after_ms);
    aws_look_task_due(task);
}

static void take_stop(const AwsAnswer *answer, void *data)
{
    AwsTask *task = aws_about_task(data);
    if (!task || task->step == TASK_OVER)
        return;
    if (answer->error)
        aws_log(task->cluster->provider, "job %s: StopTask: %s", task->job_id ? task->job_id : task->arn,
                answer->error->message);
    hasten(task, LOOK_MS);
}

static void send_stop(AwsTask *task)
{
    int64_t now_ms = aws_monotonic_ms(task->cluster->provider);
    if (task->stopped_ms && now_ms - task->stopped_ms < STOP_AGAIN_MS)
        return;
    task->stopped_ms = now_ms;
    const AwsQuestion question = {.service = AWS_ECS,
                                  .action = "StopTask",
                                  .done = take_stop,
                                  .data = aws_about(task->cluster->provider, &task->token),
                                  .free_data = g_free};
    aws_ask_json(task->cluster->place, &question,
                 json_pack("{s:s,s:s,s:s}", "cluster", task->cluster->cluster, "task", task->arn, "reason",
                           task->is_late                             ? LATE_REASON
                           : task->stop_reason && *task->stop_reason ? task->stop_reason
                                                                     : "stopped by muster"));
}

/* What was not asked for yet never starts; what is not known yet is stopped once it is. */
void aws_task_stop(AwsTask *task, const char *reason, bool is_late)
{
    if (task->step == TASK_OVER)
        return;
    if (!task->is_stopping) {
        task->is_stopping = true;
        task->is_late = is_late;
        g_free(task->stop_reason);
        task->stop_reason = g_strdup(reason);
    }
    if (task->step == TASK_WAITING)
        aws_task_refuse(task, NULL);
    else if (task->arn)
        send_stop(task);
}

/* ---- what is seen of it ---- */

static void take_end(AwsTask *task, const TaskState *state)
{
    const char *reason = state->reason ? state->reason : state->stopped_reason;
    bool is_late = g_strcmp0(state->stopped_reason, LATE_REASON) == 0;
    ProviderEvent event = {.type = PROVIDER_EVENT_ENDED,
                           .at_ms = state->ended_ms ? state->ended_ms : aws_now_ms(task->cluster->provider),
                           .started_ms = state->started_ms,
                           .exit_code = state->has_exit_code ? state->exit_code : NOT_KNOWN_CODE,
                           .reason = state->reason};
    switch (state->end) {
    case TASK_END_EXITED: event.cause = END_EXITED; break;
    case TASK_END_OOM: event.cause = END_OOM; break;
    case TASK_END_STOPPED: event.cause = is_late ? END_TIMEOUT : END_STOPPED; break;
    case TASK_END_NOT_PLACED: aws_task_refuse(task, NULL); return;
    case TASK_END_START_FAILED: aws_task_refuse(task, reason ? reason : "Task failed to start"); return;
    case TASK_END_LOST: aws_task_lost(task); return;
    }
    if (state->end == TASK_END_STOPPED && !state->started_ms)
        aws_task_refuse(task, NULL); /* before it ran */
    else
        tell(task, &event);
}

static void watch_time(AwsTask *task)
{
    int64_t ran_ms = aws_now_ms(task->cluster->provider) - task->started_ms;
    if (task->timeout_ms > 0 && ran_ms >= task->timeout_ms)
        aws_task_stop(task, NULL, true);
    else if (task->timeout_ms > 0)
        hasten(task, task->timeout_ms - ran_ms);
}

void aws_task_seen(AwsTask *task, const json_t *described)
{
    TaskState state;
    const char *const none[] = {TASK_CONTAINER, NULL};
    const char *const *essential = task->essential ? (const char *const *)task->essential : none;
    if (task->step == TASK_OVER || !task_state_read(described, essential, &state))
        return;
    task->missing = 0;
    if (!task->arn)
        task->arn = g_strdup(state.arn);
    aws_pace_seen(task, &state);
    if (task->step < TASK_KNOWN) {
        task->step = TASK_KNOWN;
        drop_retry(task);
        g_clear_pointer(&task->run_overrides, g_free);
        aws_look_task_due(task);
    }
    if (state.phase == TASK_ENDED) {
        take_end(task, &state);
        return;
    }
    if (state.phase == TASK_RUNNING && task->step == TASK_KNOWN) {
        ProviderEvent event = {.type = PROVIDER_EVENT_STARTED, .at_ms = state.started_ms};
        task->step = TASK_STARTED;
        task->started_ms = state.started_ms;
        task->address = g_strdup(state.address);
        tell(task, &event);
        aws_node_runs(task);
    }
    if (task->is_stopping)
        send_stop(task);
    else if (task->step == TASK_STARTED)
        watch_time(task);
}

static int64_t timeout_of(const json_t *described)
{
    const char *text = ecs_tag(json_object_get(described, "tags"), TAG_TIMEOUT);
    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

AwsTask *aws_task_adopt(AwsCluster *cluster, const json_t *described)
{
    AwsProvider *provider = cluster->provider;
    LaunchToken token;
    if (!launch_token_from_text(ecs_text(described, "startedBy"), &token))
        return NULL;
    AwsTask *task = g_hash_table_lookup(provider->tasks, &token);
    const AwsExpected *expected = g_hash_table_lookup(provider->expected, &token);
    if (!task && !expected && !aws_found_task(cluster, &token, described))
        return NULL;
    if (!task) {
        task = make(cluster, &token);
        task->node = -1;
        task->step = TASK_ASKED;
        task->asked_ms = aws_monotonic_ms(provider);
        task->timeout_ms = timeout_of(described);
        task->essential = expected ? g_strdupv(expected->essential) : aws_found_essential(described);
        task->run_arn = g_strdup(ecs_text(described, "taskDefinitionArn"));
    }
    bool is_new = task->step < TASK_KNOWN;
    task->is_stopping |= aws_found(provider, &token);
    aws_task_seen(task, described);
    if (is_new && task->step == TASK_KNOWN) {
        ProviderEvent event = {.type = PROVIDER_EVENT_ACCEPTED};
        tell(task, &event);
    }
    return task;
}

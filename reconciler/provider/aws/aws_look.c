/* aws_look.c: what is there: instances, what of them has joined the cluster, tasks. Everything at the start
 * of a process; then what is known, as often as something may have changed, within ECS's request rates. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

#define HOSTS_GAP_MS    1000 /* between two looks at hosts */
#define HOSTS_MS        2000 /* while one is coming or going */
#define HOSTS_QUIET_MS  15000
#define CLUSTER_MS      60000 /* whether it is still ours */
#define AGAIN_MS        2000  /* after an error; doubles up to AGAIN_MAX_MS */
#define AGAIN_MAX_MS    60000
#define MISSING_LOOKS   3
#define YOUNG_MS        ((int64_t)5 * 60 * 1000) /* what was made since may not be seen yet */
#define MISSING_MS      120000 /* a task that was there and is not: so long it is looked for */
#define MISSING_LOOK_MS 10000

/* A host that EC2 says is gone: told once its tasks were looked at, which may have ended before it. */
typedef struct {
    LaunchToken token;
    InstanceGoneReason gone;
    char *reason;
    uint64_t since; /* the last call that described tasks before */
} Over;

typedef struct AwsLook {
    AwsCluster *cluster;
    GSource *hosts_timer, *tasks_timer;
    int64_t hosts_due, tasks_due;      /* monotonic */
    int64_t hosts_ms;                  /* monotonic: when a look at hosts began; 0: not yet */
    bool has_hosts_run, has_tasks_run; /* one is under way */
    bool is_beginning;
    bool has_drained; /* hosts that drain were asked for, in this look */
    int faults;       /* errors one after the other */
    uint64_t number;  /* of the look at hosts */
    GPtrArray *arns;  /* of hosts, in the look at them */
    GPtrArray *tasks; /* ARNs, while all of them are to be found */
    guint at;
    guint tasks_at;
    GArray *over;            /* of Over */
    uint64_t calls;          /* that described tasks */
    int64_t cluster_ms;      /* monotonic: when the cluster was looked at */
    GHashTable *by_instance; /* "i-…" → LaunchToken* of a host that may be settled and gone meanwhile; during
                                a look at hosts */
} Look;

static void over_clear(void *data)
{
    g_free(((Over *)data)->reason);
}

static Look *look_of(AwsCluster *cluster)
{
    Look *look = cluster->look;
    if (look)
        return look;
    look = g_new0(Look, 1);
    look->cluster = cluster;
    look->arns = g_ptr_array_new_with_free_func(g_free);
    look->tasks = g_ptr_array_new_with_free_func(g_free);
    look->over = g_array_new(FALSE, FALSE, sizeof(Over));
    g_array_set_clear_func(look->over, over_clear);
    look->by_instance = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    cluster->look = look;
    return look;
}

static void drop_timer(GSource **timer)
{
    if (*timer)
        g_source_destroy(*timer);
    g_clear_pointer(timer, g_source_unref);
}

void aws_look_free(Look *look)
{
    if (!look)
        return;
    drop_timer(&look->hosts_timer);
    drop_timer(&look->tasks_timer);
    g_ptr_array_unref(look->arns);
    g_ptr_array_unref(look->tasks);
    g_array_unref(look->over);
    g_hash_table_unref(look->by_instance);
    g_free(look);
}

static int64_t now_of(const Look *look)
{
    return aws_monotonic_ms(look->cluster->provider);
}

static void ask(Look *look, const char *action, json_t *body, AwsPage page, AwsDone done)
{
    const AwsQuestion question = {
        .service = AWS_ECS, .action = action, .page = page, .done = done, .data = look};
    aws_ask_json(look->cluster->place, &question, body);
}

static int64_t again_ms(Look *look)
{
    return MIN((int64_t)AGAIN_MS << MIN(look->faults, 10), AGAIN_MAX_MS);
}

/* Told when it begins, not each time. */
static void note_why(Look *look, const char *why)
{
    if (look->faults++ == 0)
        aws_log(look->cluster->provider, "ComputeEnvironment/%s: %s; it is tried again", look->cluster->name,
                why);
}

static void note_fault(Look *look, const char *what, const AwsError *error)
{
    g_autofree char *why = aws_why(what, error);
    note_why(look, why);
}

static void note_well(Look *look)
{
    if (look->faults > 0)
        aws_log(look->cluster->provider, "ComputeEnvironment/%s: AWS answers again", look->cluster->name);
    look->faults = 0;
}

static void keep_arns(GPtrArray *arns, const json_t *list)
{
    size_t index;
    json_t *arn;
    json_array_foreach(list, index, arn)
    {
        if (json_is_string(arn))
            g_ptr_array_add(arns, g_strdup(json_string_value(arn)));
    }
}

/* ---- hosts that are over ---- */

/* By host, the call that saw one of its tasks longest ago; ret_anywhere: of tasks whose host is not known. */
static GHashTable *looked_at(const Look *look, uint64_t *ret_anywhere)
{
    GHashTable *calls = g_hash_table_new(launch_token_hash, launch_token_same);
    GHashTableIter iter;
    AwsTask *task;
    void *known;
    *ret_anywhere = G_MAXUINT64;
    g_hash_table_iter_init(&iter, look->cluster->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task)) {
        if (task->cluster != look->cluster || !task->arn || task->step == TASK_OVER)
            continue;
        if (!task->has_host)
            *ret_anywhere = MIN(*ret_anywhere, task->looked);
        else if (!g_hash_table_lookup_extended(calls, &task->host, NULL, &known) ||
                 task->looked < GPOINTER_TO_SIZE(known))
            g_hash_table_replace(calls, &task->host, GSIZE_TO_POINTER(task->looked));
    }
    return calls;
}

static bool is_looked_at(const Over *over, GHashTable *calls, uint64_t anywhere)
{
    void *call;
    bool is_known = g_hash_table_lookup_extended(calls, &over->token, NULL, &call);
    return anywhere > over->since && (!is_known || GPOINTER_TO_SIZE(call) > over->since);
}

static void tell_over(Look *look)
{
    uint64_t anywhere;
    if (look->over->len == 0)
        return;
    g_autoptr(GHashTable) calls = looked_at(look, &anywhere);
    for (guint i = look->over->len; i > 0; i--) {
        const Over *over = &g_array_index(look->over, Over, i - 1);
        AwsHost *host = g_hash_table_lookup(look->cluster->provider->hosts, &over->token);
        if (!is_looked_at(over, calls, anywhere))
            continue;
        if (host)
            aws_host_gone(host, over->gone, over->reason);
        g_array_remove_index_fast(look->over, i - 1);
    }
}

/* All of its tasks are due. */
static void look_at_host(const Look *look, const LaunchToken *host)
{
    GHashTableIter iter;
    AwsTask *task;
    g_hash_table_iter_init(&iter, look->cluster->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        if (task->cluster == look->cluster && (!task->has_host || launch_token_same(&task->host, host)))
            task->due_ms = 0;
}

static void look_at_tasks_soon(Look *look, int64_t after_ms);

void aws_look_host_over(AwsHost *host, InstanceGoneReason gone, const char *reason)
{
    Look *look = look_of(host->cluster);
    Over over = {host->token, gone, g_strdup(reason), look->calls};
    for (guint i = 0; i < look->over->len; i++)
        if (memcmp(&g_array_index(look->over, Over, i).token, &host->token, sizeof host->token) == 0) {
            g_free(over.reason);
            return;
        }
    g_array_append_val(look->over, over);
    look_at_host(look, &host->token);
    look_at_tasks_soon(look, 0);
}

/* ---- tasks ---- */

static AwsTask *task_of(const Look *look, const json_t *described)
{
    LaunchToken token;
    return launch_token_from_text(ecs_text(described, "startedBy"), &token)
               ? g_hash_table_lookup(look->cluster->provider->tasks, &token)
               : NULL;
}

static AwsTask *task_of_arn(const Look *look, const char *arn)
{
    GHashTableIter iter;
    AwsTask *task;
    g_hash_table_iter_init(&iter, look->cluster->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        if (g_strcmp0(task->arn, arn) == 0)
            return task;
    return NULL;
}

/* ECS forgets a task an hour after its end at the earliest; one that was never shown may be too new. */
static void take_missing(Look *look, const char *arn)
{
    AwsTask *task = arn ? task_of_arn(look, arn) : NULL;
    if (!task || task->step == TASK_OVER)
        return;
    task->looked = look->calls;
    task->due_ms = now_of(look) + MISSING_LOOK_MS;
    if (task->missing++ == 0)
        task->missing_ms = now_of(look);
    if (task->missing >= MISSING_LOOKS && now_of(look) - task->missing_ms >= MISSING_MS)
        aws_task_lost(task);
}

static void take_tasks_seen(Look *look, const json_t *answer)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer, "tasks"), index, item)
    {
        AwsTask *task = task_of(look, item);
        if (!task)
            continue;
        bool was_over = task->step == TASK_OVER;
        task->looked = look->calls;
        aws_task_seen(task, item);
        if (!was_over && task->step == TASK_OVER)
            aws_events_missed(task, item);
    }
    json_array_foreach(json_object_get(answer, "failures"), index, item)
        take_missing(look, ecs_text(item, "arn"));
}

static void take_tasks(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    look->has_tasks_run = false;
    if (answer->error) {
        note_fault(look, "tasks cannot be looked at", answer->error);
        look_at_tasks_soon(look, again_ms(look));
        return;
    }
    note_well(look);
    take_tasks_seen(look, answer->json);
    look_at_tasks_soon(look, 0);
}

static gboolean look_at_tasks(gpointer data)
{
    Look *look = data;
    guint at = 0;
    g_autoptr(GPtrArray) due = g_ptr_array_new_with_free_func(g_free);
    drop_timer(&look->tasks_timer);
    tell_over(look);
    int64_t wait_ms = aws_pace_pick(look->cluster, due);
    if (wait_ms > 0) {
        if (wait_ms < G_MAXINT64)
            look_at_tasks_soon(look, wait_ms);
        return G_SOURCE_REMOVE;
    }
    look->has_tasks_run = true;
    look->calls++;
    ask(look, "DescribeTasks",
        json_pack("{s:s,s:o}", "cluster", look->cluster->cluster, "tasks", ecs_next_chunk(due, &at)), NULL,
        take_tasks);
    return G_SOURCE_REMOVE;
}

static void look_at_tasks_soon(Look *look, int64_t after_ms)
{
    int64_t due = now_of(look) + after_ms;
    if (look->has_tasks_run || (look->tasks_timer && look->tasks_due <= due))
        return; /* its end, or the one that is set, comes first */
    drop_timer(&look->tasks_timer);
    look->tasks_due = due;
    look->tasks_timer = aws_after(look->cluster->provider, after_ms, look_at_tasks, look);
}

void aws_look_task_due(AwsTask *task)
{
    Look *look = look_of(task->cluster);
    look_at_tasks_soon(look, MAX(task->due_ms - now_of(look), 0));
}

/* ---- whether the cluster is still ours ---- */

static void take_cluster(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    AwsCluster *cluster = look->cluster;
    bool is_there = false;
    if (answer->error || cluster->apply)
        return; /* the next one tells */
    const json_t *described = json_array_get(json_object_get(answer->json, "clusters"), 0);
    g_autofree char *fault = aws_cluster_fault(cluster, described, &is_there);
    if (fault) {
        aws_log(cluster->provider, "ComputeEnvironment/%s: %s", cluster->name, fault);
        aws_cluster_unready(cluster, fault);
        return;
    }
    aws_cluster_tell(cluster, PROVIDER_EVENT_RESOURCE_OBSERVED, is_there ? described : NULL, NULL);
    if (!is_there)
        cluster->state = CLUSTER_UNKNOWN;
}

static void describe_cluster(Look *look, AwsDone done)
{
    look->cluster_ms = now_of(look);
    ask(look, "DescribeClusters",
        json_pack("{s:[s],s:[s]}", "clusters", look->cluster->cluster, "include", "TAGS"), NULL, done);
}

void aws_look_cluster(AwsCluster *cluster)
{
    Look *look = look_of(cluster);
    if (cluster->state == CLUSTER_READY && !cluster->apply && !look->is_beginning)
        describe_cluster(look, take_cluster);
}

/* ---- hosts ---- */

static bool is_settled(const AwsHost *host)
{
    return host->state == HOST_OVER || (host->state == HOST_REGISTERED && !host->is_stopping);
}

/* An instance that was there and is not, whatever else: EC2 shows those that ended for an hour. */
static void take_unseen(Look *look, AwsHost *host)
{
    bool is_known = host->state == HOST_MADE || host->state == HOST_REGISTERED || host->state == HOST_ENDING;
    if (!is_known || host->seen == look->number)
        return;
    bool is_young = host->made_ms && now_of(look) - host->made_ms < YOUNG_MS && !host->is_own;
    if (++host->missing >= MISSING_LOOKS && !is_young)
        aws_look_host_over(host, host->is_stopping ? INSTANCE_GONE_STOPPED : INSTANCE_GONE_DIED,
                           host->is_own ? "it left the cluster" : "not there any more");
}

static void begin_tasks(Look *look);

static void hosts_done(Look *look)
{
    GHashTableIter iter;
    AwsHost *host;
    bool is_moving = false, is_any = false;
    g_hash_table_iter_init(&iter, look->cluster->provider->hosts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&host)) {
        if (host->cluster != look->cluster)
            continue;
        take_unseen(look, host);
        is_any |= host->state != HOST_OVER;
        is_moving |= !is_settled(host) || host->missing > 0;
    }
    look->has_hosts_run = false;
    if (look->is_beginning) {
        begin_tasks(look);
        return;
    }
    if (now_of(look) - look->cluster_ms >= CLUSTER_MS && !look->cluster->apply)
        describe_cluster(look, take_cluster);
    if (is_any || look->cluster->environment->type == CE_TYPE_UNMANAGED)
        aws_look_hosts_soon(look->cluster, is_moving ? HOSTS_MS : HOSTS_QUIET_MS);
    else
        aws_look_hosts_soon(look->cluster, CLUSTER_MS);
}

static void hosts_failed(Look *look, const char *what, const AwsError *error)
{
    note_fault(look, what, error);
    look->has_hosts_run = false;
    aws_look_hosts_soon(look->cluster, again_ms(look));
}

static AwsHost *host_of(const Look *look, const LaunchToken *token)
{
    return token ? g_hash_table_lookup(look->cluster->provider->hosts, token) : NULL;
}

static void describe_hosts(Look *look);

static void take_hosts(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    AwsCluster *cluster = look->cluster;
    size_t index;
    json_t *item;
    EcsHost state;
    if (answer->error) {
        hosts_failed(look, "container instances cannot be looked at", answer->error);
        return;
    }
    json_array_foreach(json_object_get(answer->json, "containerInstances"), index, item)
    {
        if (!ecs_host_read(item, &state) || !state.ec2_instance_id)
            continue;
        AwsHost *host = host_of(look, g_hash_table_lookup(look->by_instance, state.ec2_instance_id));
        if (!host && cluster->environment->type == CE_TYPE_UNMANAGED && state.status != HOST_GONE)
            host = aws_host_joined(cluster, &state, look->number);
        if (host)
            aws_host_registered(host, &state, aws_now_ms(cluster->provider));
    }
    describe_hosts(look);
}

static bool take_hosts_page(const AwsAnswer *page, void *data)
{
    keep_arns(((Look *)data)->arns, json_object_get(page->json, "containerInstanceArns"));
    return true;
}

static void take_hosts_list(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        hosts_failed(data, "container instances cannot be listed", answer->error);
    else
        describe_hosts(data);
}

/* status: NULL: of every one. */
static void ask_hosts(Look *look, const char *status)
{
    json_t *body = json_pack("{s:s}", "cluster", look->cluster->cluster);
    if (status)
        json_object_set_new(body, "status", json_string(status));
    g_ptr_array_set_size(look->arns, 0);
    look->at = 0;
    ask(look, "ListContainerInstances", body, take_hosts_page, take_hosts_list);
}

/* ECS's agent drains a Spot instance that is to be taken back: nobody else need tell. */
static bool has_spot_hosts(const Look *look)
{
    GHashTableIter iter;
    const LaunchToken *token;
    g_hash_table_iter_init(&iter, look->by_instance);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&token)) {
        const AwsHost *host = host_of(look, token);
        if (host && host->is_spot && !host->is_own && !host->is_warned && host->state == HOST_REGISTERED)
            return true;
    }
    return false;
}

static void described_all(Look *look)
{
    if (look->has_drained || !has_spot_hosts(look)) {
        hosts_done(look);
        return;
    }
    look->has_drained = true;
    ask_hosts(look, "DRAINING");
}

static void describe_hosts(Look *look)
{
    json_t *chunk = ecs_next_chunk(look->arns, &look->at);
    if (json_array_size(chunk) == 0) {
        json_decref(chunk);
        described_all(look);
        return;
    }
    ask(look, "DescribeContainerInstances",
        json_pack("{s:s,s:o}", "cluster", look->cluster->cluster, "containerInstances", chunk), NULL,
        take_hosts);
}

/* Only where one may have joined. */
static void list_hosts(Look *look)
{
    GHashTableIter iter;
    AwsHost *host;
    bool is_coming = look->cluster->environment->type == CE_TYPE_UNMANAGED;
    g_hash_table_remove_all(look->by_instance);
    g_hash_table_iter_init(&iter, look->cluster->provider->hosts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&host)) {
        if (host->cluster != look->cluster || !host->instance_id || host->state == HOST_OVER)
            continue;
        g_hash_table_insert(look->by_instance, g_strdup(host->instance_id),
                            g_memdup2(&host->token, sizeof host->token));
        is_coming |= host->state == HOST_MADE;
    }
    look->has_drained = false;
    if (is_coming)
        ask_hosts(look, NULL);
    else
        described_all(look);
}

static void see_instance(const XmlElement *item, void *data)
{
    const Look *look = data;
    aws_host_seen(look->cluster, item, look->number);
}

static bool take_instances_page(const AwsAnswer *page, void *data)
{
    ec2_instances_each(page->xml, see_instance, data);
    return true;
}

static void take_instances(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    if (answer->error) {
        hosts_failed(look, "instances cannot be looked at", answer->error);
        return;
    }
    note_well(look);
    list_hosts(look);
}

static gboolean look_at_hosts(gpointer data)
{
    Look *look = data;
    AwsCluster *cluster = look->cluster;
    drop_timer(&look->hosts_timer);
    if (look->has_hosts_run)
        return G_SOURCE_REMOVE; /* its end goes on */
    look->has_hosts_run = true;
    look->hosts_ms = now_of(look);
    look->number++;
    if (cluster->environment->type == CE_TYPE_UNMANAGED) {
        list_hosts(look);
        return G_SOURCE_REMOVE;
    }
    if (aws_environment_is_fargate(cluster->environment)) {
        hosts_done(look);
        return G_SOURCE_REMOVE;
    }
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = "DescribeInstances",
                                  .page = take_instances_page,
                                  .done = take_instances,
                                  .data = look};
    g_autoptr(Query) query = aws_instances_query(cluster);
    aws_ask_query(cluster->place, &question, query);
    return G_SOURCE_REMOVE;
}

void aws_look_hosts_soon(AwsCluster *cluster, int64_t after_ms)
{
    Look *look = look_of(cluster);
    /* Many that come or go at a time are seen by one look. */
    int64_t due = MAX(now_of(look) + after_ms, look->hosts_ms + HOSTS_GAP_MS);
    if (look->has_hosts_run || (look->hosts_timer && look->hosts_due <= due))
        return;
    drop_timer(&look->hosts_timer);
    look->hosts_due = due;
    look->hosts_timer = aws_after(cluster->provider, due - now_of(look), look_at_hosts, look);
}

/* ---- the beginning: all that is there ---- */

static void begin_done(Look *look)
{
    look->is_beginning = false;
    note_well(look);
    aws_look_hosts_soon(look->cluster, 0);
    look_at_tasks_soon(look, 0);
    aws_observed(look->cluster->provider);
}

static gboolean begin_again(gpointer data)
{
    Look *look = data;
    drop_timer(&look->hosts_timer);
    aws_look_begin(look->cluster);
    return G_SOURCE_REMOVE;
}

static void begin_later(Look *look)
{
    drop_timer(&look->hosts_timer);
    look->hosts_due = 0;
    look->hosts_timer = aws_after(look->cluster->provider, again_ms(look), begin_again, look);
}

static void begin_failed(Look *look, const char *what, const AwsError *error)
{
    note_fault(look, what, error);
    begin_later(look);
}

static void adopt_next(Look *look);

static void take_adopted(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    size_t index;
    json_t *item;
    if (answer->error) {
        begin_failed(look, "tasks cannot be looked at", answer->error);
        return;
    }
    json_array_foreach(json_object_get(answer->json, "tasks"), index, item)
        aws_task_adopt(look->cluster, item);
    adopt_next(look);
}

static void adopt_next(Look *look)
{
    json_t *chunk = ecs_next_chunk(look->tasks, &look->tasks_at);
    if (json_array_size(chunk) == 0) {
        json_decref(chunk);
        look->has_tasks_run = false;
        begin_done(look);
        return;
    }
    ask(look, "DescribeTasks",
        json_pack("{s:s,s:o,s:[s]}", "cluster", look->cluster->cluster, "tasks", chunk, "include", "TAGS"),
        NULL, take_adopted);
}

static bool take_tasks_page(const AwsAnswer *page, void *data)
{
    keep_arns(((Look *)data)->tasks, json_object_get(page->json, "taskArns"));
    return true;
}

static void take_stopped_list(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        begin_failed(data, "tasks that ended cannot be listed", answer->error);
    else
        adopt_next(data);
}

static void take_running_list(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    if (answer->error)
        begin_failed(look, "tasks cannot be listed", answer->error);
    else
        ask(look, "ListTasks",
            json_pack("{s:s,s:s}", "cluster", look->cluster->cluster, "desiredStatus", "STOPPED"),
            take_tasks_page, take_stopped_list);
}

static void begin_tasks(Look *look)
{
    g_ptr_array_set_size(look->tasks, 0);
    look->tasks_at = 0;
    look->has_tasks_run = true;
    ask(look, "ListTasks",
        json_pack("{s:s,s:s}", "cluster", look->cluster->cluster, "desiredStatus", "RUNNING"),
        take_tasks_page, take_running_list);
}

static void take_begun(const AwsAnswer *answer, void *data)
{
    Look *look = data;
    AwsCluster *cluster = look->cluster;
    bool is_there = false;
    if (answer->error) {
        begin_failed(look, "the cluster cannot be looked at", answer->error);
        return;
    }
    const json_t *described = json_array_get(json_object_get(answer->json, "clusters"), 0);
    g_autofree char *fault = aws_cluster_fault(cluster, described, &is_there);
    if (fault) {
        aws_log(cluster->provider, "ComputeEnvironment/%s: %s", cluster->name, fault);
        aws_cluster_unready(cluster, fault);
    }
    if (fault || !is_there) {
        begin_done(look);
        return;
    }
    aws_cluster_tell(cluster, PROVIDER_EVENT_RESOURCE_OBSERVED, described, NULL);
    aws_cluster_ready(cluster);
    drop_timer(&look->hosts_timer);
    look_at_hosts(look);
}

static void take_place(const char *fault, void *data)
{
    Look *look = data;
    if (!fault) {
        describe_cluster(look, take_begun);
        return;
    }
    note_why(look, fault);
    begin_later(look);
}

void aws_look_begin(AwsCluster *cluster)
{
    Look *look = look_of(cluster);
    look->is_beginning = true;
    aws_place_check(cluster->place, cluster->environment->account, take_place, look);
}

bool aws_look_is_beginning(const AwsCluster *cluster)
{
    return cluster->look && ((const Look *)cluster->look)->is_beginning;
}

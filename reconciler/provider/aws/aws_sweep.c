/* aws_sweep.c: instances and tasks of ours that nobody knows of: a launch that was given up and had been
 * carried out all the same, a state that was lost. They are looked for now and then, and ended
 * once two whole looks, far enough apart, found them (leaks.h). Only what carries this installation's tag is
 * touched. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/leaks.h"

#define SWEEP_MS ((int64_t)5 * 60 * 1000)
#define LEAK_MS  ((int64_t)10 * 60 * 1000) /* a call that was given up may still be carried out */
#define REASON   "muster: no job that is known runs here"

typedef struct AwsSweep {
    AwsCluster *cluster;
    GSource *timer;
    bool is_running;
    Leaks *instances, *tasks;
    GHashTable *known; /* ARNs of tasks, in a sweep */
    GPtrArray *arns;   /* of others, in a sweep */
    guint at;
} Sweep;

static Sweep *sweep_of(AwsCluster *cluster)
{
    Sweep *sweep = cluster->sweep;
    if (sweep)
        return sweep;
    sweep = g_new0(Sweep, 1);
    *sweep = (Sweep){.cluster = cluster,
                     .instances = leaks_new(),
                     .tasks = leaks_new(),
                     .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                     .arns = g_ptr_array_new_with_free_func(g_free)};
    cluster->sweep = sweep;
    return sweep;
}

void aws_sweep_free(Sweep *sweep)
{
    if (!sweep)
        return;
    if (sweep->timer)
        g_source_destroy(sweep->timer);
    g_clear_pointer(&sweep->timer, g_source_unref);
    leaks_free(sweep->instances);
    leaks_free(sweep->tasks);
    g_hash_table_unref(sweep->known);
    g_ptr_array_unref(sweep->arns);
    g_free(sweep);
}

static int64_t now_of(const Sweep *sweep)
{
    return aws_monotonic_ms(sweep->cluster->provider);
}

/* ---- ending ---- */

static void tell(const Sweep *sweep, const char *id, const char *what)
{
    g_autofree char *reason = g_strdup_printf(
        "%s %s: it carries this installation's tag, and nobody here knows it: ended", what, id);
    const ProviderEvent event = {.type = PROVIDER_EVENT_COLLECTED,
                                 .provider_id = id,
                                 .environment = sweep->cluster->name,
                                 .reason = reason};
    aws_log(sweep->cluster->provider, "ComputeEnvironment/%s: %s", sweep->cluster->name, reason);
    aws_tell(sweep->cluster->provider, &event);
}

/* It is found again where it stays. */
static void take_ended(const AwsAnswer *answer, void *data)
{
    const Sweep *sweep = data;
    if (answer->error)
        aws_log(sweep->cluster->provider, "ComputeEnvironment/%s: what nobody knows cannot be ended: %s",
                sweep->cluster->name, answer->error->message);
}

static void end_instance(Sweep *sweep, const char *id)
{
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = "TerminateInstances",
                                  .resources = 1,
                                  .done = take_ended,
                                  .data = sweep};
    g_autoptr(Query) query = query_new("TerminateInstances", EC2_VERSION);
    query_add(query, "InstanceId.1", id);
    aws_ask_query(sweep->cluster->place, &question, query);
    tell(sweep, id, "instance");
}

static void end_task(Sweep *sweep, const char *arn)
{
    const AwsQuestion question = {
        .service = AWS_ECS, .action = "StopTask", .done = take_ended, .data = sweep};
    aws_ask_json(
        sweep->cluster->place, &question,
        json_pack("{s:s,s:s,s:s}", "cluster", sweep->cluster->cluster, "task", arn, "reason", REASON));
    tell(sweep, arn, "task");
}

static guint known_hosts(const Sweep *sweep)
{
    GHashTableIter iter;
    const AwsHost *host;
    guint known = 0;
    g_hash_table_iter_init(&iter, sweep->cluster->provider->hosts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&host))
        known += host->cluster == sweep->cluster;
    return known;
}

static void again(Sweep *sweep)
{
    sweep->is_running = false;
    aws_sweep_later(sweep->cluster);
}

/* Both looks were whole. Tasks first: a host that runs one is not idle. */
static void collect(Sweep *sweep)
{
    int64_t now_ms = now_of(sweep), wait_ms = aws_patience_ms(sweep->cluster->provider, LEAK_MS);
    g_autoptr(GPtrArray) tasks = leaks_end(sweep->tasks, now_ms, wait_ms, g_hash_table_size(sweep->known));
    g_autoptr(GPtrArray) instances = leaks_end(sweep->instances, now_ms, wait_ms, known_hosts(sweep));
    for (guint i = 0; i < tasks->len; i++)
        end_task(sweep, tasks->pdata[i]);
    for (guint i = 0; i < instances->len; i++)
        end_instance(sweep, instances->pdata[i]);
    again(sweep);
}

/* Nothing is ended after a look that was not whole: what it did find is found again. */
static void give_up(Sweep *sweep, const AwsError *error)
{
    aws_log(sweep->cluster->provider, "ComputeEnvironment/%s: what nobody knows is looked for later: %s",
            sweep->cluster->name, error->message);
    again(sweep);
}

/* ---- tasks ---- */

static void describe_next(Sweep *sweep);

static bool is_known(const Sweep *sweep, const LaunchToken *token)
{
    const AwsProvider *provider = sweep->cluster->provider;
    return g_hash_table_contains(provider->tasks, token) || g_hash_table_contains(provider->hosts, token) ||
           g_hash_table_contains(provider->expected, token);
}

static void judge_task(Sweep *sweep, const json_t *task)
{
    LaunchToken token;
    const char *arn = ecs_text(task, "taskArn"), *status = ecs_text(task, "desiredStatus"),
               *owner = ecs_tag(json_object_get(task, "tags"), TAG_INSTALL);
    bool is_ours = g_strcmp0(owner, sweep->cluster->installation) == 0 &&
                   launch_token_from_text(ecs_text(task, "startedBy"), &token) && !is_known(sweep, &token);
    if (arn && is_ours && g_strcmp0(status, "RUNNING") == 0)
        leaks_found(sweep->tasks, arn, now_of(sweep));
}

static void take_described(const AwsAnswer *answer, void *data)
{
    Sweep *sweep = data;
    size_t index;
    json_t *task;
    if (answer->error) {
        give_up(sweep, answer->error);
        return;
    }
    json_array_foreach(json_object_get(answer->json, "tasks"), index, task) judge_task(sweep, task);
    describe_next(sweep);
}

static void ask(Sweep *sweep, const char *action, json_t *body, AwsPage page, AwsDone done)
{
    const AwsQuestion question = {
        .service = AWS_ECS, .action = action, .page = page, .done = done, .data = sweep};
    aws_ask_json(sweep->cluster->place, &question, body);
}

static void describe_next(Sweep *sweep)
{
    json_t *chunk = ecs_next_chunk(sweep->arns, &sweep->at);
    if (json_array_size(chunk) > 0) {
        ask(sweep, "DescribeTasks",
            json_pack("{s:s,s:o,s:[s]}", "cluster", sweep->cluster->cluster, "tasks", chunk, "include",
                      "TAGS"),
            NULL, take_described);
        return;
    }
    json_decref(chunk);
    collect(sweep);
}

static bool take_tasks_page(const AwsAnswer *page, void *data)
{
    Sweep *sweep = data;
    size_t index;
    json_t *arn;
    json_array_foreach(json_object_get(page->json, "taskArns"), index, arn)
    {
        if (json_is_string(arn) && !g_hash_table_contains(sweep->known, json_string_value(arn)))
            g_ptr_array_add(sweep->arns, g_strdup(json_string_value(arn)));
    }
    return true;
}

static void take_tasks(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        give_up(data, answer->error);
    else
        describe_next(data);
}

static void look_at_tasks(Sweep *sweep)
{
    GHashTableIter iter;
    const AwsTask *task;
    g_hash_table_remove_all(sweep->known);
    g_ptr_array_set_size(sweep->arns, 0);
    sweep->at = 0;
    g_hash_table_iter_init(&iter, sweep->cluster->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        if (task->arn)
            g_hash_table_add(sweep->known, g_strdup(task->arn));
    leaks_begin(sweep->tasks);
    ask(sweep, "ListTasks",
        json_pack("{s:s,s:s}", "cluster", sweep->cluster->cluster, "desiredStatus", "RUNNING"),
        take_tasks_page, take_tasks);
}

/* ---- instances ---- */

static void judge_instance(const XmlElement *item, void *data)
{
    const Sweep *sweep = data;
    Ec2Instance instance;
    LaunchToken token;
    if (!ec2_instance_read(item, &instance) ||
        (instance.state != EC2_PENDING && instance.state != EC2_RUNNING))
        return;
    bool has_token = launch_token_from_text(ec2_instance_tag(item, TAG_INTENT), &token);
    if (!has_token || !is_known(sweep, &token))
        leaks_found(sweep->instances, instance.id, now_of(sweep));
}

static bool take_instances_page(const AwsAnswer *page, void *data)
{
    ec2_instances_each(page->xml, judge_instance, data);
    return true;
}

static void take_instances(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        give_up(data, answer->error);
    else
        look_at_tasks(data);
}

static void look_at_instances(Sweep *sweep)
{
    const AwsCluster *cluster = sweep->cluster;
    bool has_instances =
        cluster->environment->type == CE_TYPE_EC2 || cluster->environment->type == CE_TYPE_SPOT;
    leaks_begin(sweep->instances);
    if (!has_instances) {
        look_at_tasks(sweep);
        return;
    }
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = "DescribeInstances",
                                  .page = take_instances_page,
                                  .done = take_instances,
                                  .data = sweep};
    g_autoptr(Query) query = aws_instances_query(cluster);
    query_add(query, "Filter.3.Name", "instance-state-name");
    query_add(query, "Filter.3.Value.1", "pending");
    query_add(query, "Filter.3.Value.2", "running");
    aws_ask_query(cluster->place, &question, query);
}

/* ---- when ---- */

static gboolean begin(gpointer data)
{
    Sweep *sweep = data;
    g_clear_pointer(&sweep->timer, g_source_unref);
    if (sweep->cluster->state == CLUSTER_READY && !aws_look_is_beginning(sweep->cluster)) {
        sweep->is_running = true;
        look_at_instances(sweep);
    } else {
        aws_sweep_later(sweep->cluster);
    }
    return G_SOURCE_REMOVE;
}

void aws_sweep_later(AwsCluster *cluster)
{
    Sweep *sweep = sweep_of(cluster);
    if (sweep->timer || sweep->is_running)
        return;
    sweep->timer = aws_after(cluster->provider, aws_patience_ms(cluster->provider, SWEEP_MS), begin, sweep);
}

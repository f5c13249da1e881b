/* aws_orphans.c: what carries this installation's tags and is of no environment that is known here: made by a
 * process that died before the state knew of it, or known to a state that was lost. Clusters, instances,
 * launch templates, and templates of known environments that nothing is made from any more. All of a place is
 * looked at now and then; what two whole looks, far enough apart, found is ended (leaks.h). What a newer
 * process drives, by its cluster's term, is left alone: this state may be the copy. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/leaks.h"

#define LOOK_MS ((int64_t)5 * 60 * 1000)
#define LEAK_MS ((int64_t)10 * 60 * 1000) /* as for instances and tasks (aws_sweep.c) */
#define UNKNOWN "its environment is known to nobody here"
#define REASON  "muster: the environment is known to nobody"

typedef struct AwsOrphans {
    AwsPlace *place;
    char *installation;
    GSource *timer;
    bool is_running;
    Leaks *clusters, *instances, *templates;
    /* Of a look: */
    GPtrArray *arns; /* of clusters */
    guint at;
    GHashTable *environments; /* name of a cluster, id → its environment, as its tag says */
    GHashTable *spared;       /* environments whose cluster a newer process drives */
} Orphans;

static GHashTable *text_map(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static Orphans *orphans_of(AwsPlace *place)
{
    Orphans *orphans = place->orphans;
    if (orphans)
        return orphans;
    orphans = g_new0(Orphans, 1);
    *orphans = (Orphans){.place = place,
                         .clusters = leaks_new(),
                         .instances = leaks_new(),
                         .templates = leaks_new(),
                         .arns = g_ptr_array_new_with_free_func(g_free),
                         .environments = text_map(),
                         .spared = text_map()};
    place->orphans = orphans;
    return orphans;
}

void aws_orphans_free(Orphans *orphans)
{
    if (!orphans)
        return;
    if (orphans->timer)
        g_source_destroy(orphans->timer);
    g_clear_pointer(&orphans->timer, g_source_unref);
    leaks_free(orphans->clusters);
    leaks_free(orphans->instances);
    leaks_free(orphans->templates);
    g_ptr_array_unref(orphans->arns);
    g_hash_table_unref(orphans->environments);
    g_hash_table_unref(orphans->spared);
    g_free(orphans->installation);
    g_free(orphans);
}

static int64_t now_of(const Orphans *orphans)
{
    return aws_monotonic_ms(orphans->place->provider);
}

/* Its cluster, where it is known that it is here; whatever role it is reached by. */
static const AwsCluster *known(const Orphans *orphans, const char *environment)
{
    const AwsCluster *cluster = aws_cluster_find(orphans->place->provider, environment);
    bool is_here =
        cluster && !cluster->is_gone && strcmp(cluster->place->region, orphans->place->region) == 0;
    return is_here ? cluster : NULL;
}

/* Of one whose spec says nothing that can be used it is not known where it is. */
static bool is_orphan(const Orphans *orphans, const char *owner, const char *environment)
{
    return environment && *environment && g_strcmp0(owner, orphans->installation) == 0 &&
           !known(orphans, environment) &&
           !g_hash_table_contains(orphans->place->provider->faulty, environment) &&
           !g_hash_table_contains(orphans->spared, environment);
}

static void found(Orphans *orphans, Leaks *leaks, const char *id, const char *environment)
{
    leaks_found(leaks, id, now_of(orphans));
    g_hash_table_replace(orphans->environments, g_strdup(id), g_strdup(environment));
}

static void again(Orphans *orphans)
{
    orphans->is_running = false;
    aws_orphans_later(orphans->place, orphans->installation);
}

/* Nothing is ended after a look that was not whole. */
static void give_up(Orphans *orphans, const AwsError *error)
{
    aws_log(orphans->place->provider, "%s: what is of no environment that is known is looked for later: %s",
            orphans->place->region, error->message);
    again(orphans);
}

/* ---- ending ---- */

static void tell(const Orphans *orphans, const char *environment, const char *id, const char *what,
                 const char *why)
{
    g_autofree char *reason =
        g_strdup_printf("%s %s: it carries this installation's tag, and %s: ended", what, id, why);
    const ProviderEvent event = {
        .type = PROVIDER_EVENT_COLLECTED, .provider_id = id, .environment = environment, .reason = reason};
    aws_log(orphans->place->provider, "ComputeEnvironment/%s: %s", environment, reason);
    aws_tell(orphans->place->provider, &event);
}

/* It is found again where it stays. */
static void take_ended(const AwsAnswer *answer, void *data)
{
    const Orphans *orphans = data;
    if (answer->error)
        aws_log(orphans->place->provider, "%s: what is of no environment that is known cannot be ended: %s",
                orphans->place->region, answer->error->message);
}

static void ask_ecs(Orphans *orphans, const char *action, json_t *body, AwsPage page, AwsDone done)
{
    const AwsQuestion question = {
        .service = AWS_ECS, .action = action, .page = page, .done = done, .data = orphans};
    aws_ask_json(orphans->place, &question, body);
}

static void ask_ec2(Orphans *orphans, const char *action, const Query *query, AwsPage page, AwsDone done)
{
    const AwsQuestion question = {
        .service = AWS_EC2, .action = action, .resources = 1, .page = page, .done = done, .data = orphans};
    aws_ask_query(orphans->place, &question, query);
}

static void end_instance(Orphans *orphans, const char *id)
{
    g_autoptr(Query) query = query_new("TerminateInstances", EC2_VERSION);
    query_add(query, "InstanceId.1", id);
    ask_ec2(orphans, "TerminateInstances", query, NULL, take_ended);
    tell(orphans, g_hash_table_lookup(orphans->environments, id), id, "instance", UNKNOWN);
}

static void end_template(Orphans *orphans, const char *id)
{
    const char *environment = g_hash_table_lookup(orphans->environments, id);
    g_autoptr(Query) query = query_new("DeleteLaunchTemplate", EC2_VERSION);
    query_add(query, "LaunchTemplateId", id);
    ask_ec2(orphans, "DeleteLaunchTemplate", query, NULL, take_ended);
    tell(orphans, environment, id, "launch template",
         known(orphans, environment) ? "nothing is made from it any more" : UNKNOWN);
}

/* A cluster that is to go. */
typedef struct {
    Orphans *orphans;
    char *name, *environment;
} Ending;

static void ending_free(void *data)
{
    Ending *ending = data;
    g_free(ending->name);
    g_free(ending->environment);
    g_free(ending);
}

static void ask_about(Orphans *orphans, const char *name, const char *environment, const char *action,
                      json_t *body, AwsDone done)
{
    Ending *ending = g_new(Ending, 1);
    *ending = (Ending){orphans, g_strdup(name), g_strdup(environment)};
    const AwsQuestion question = {
        .service = AWS_ECS, .action = action, .done = done, .data = ending, .free_data = ending_free};
    aws_ask_json(orphans->place, &question, body);
}

static void take_deleted(const AwsAnswer *answer, void *data)
{
    const Ending *ending = data;
    if (answer->error)
        take_ended(answer, ending->orphans);
    else
        tell(ending->orphans, ending->environment, ending->name, "cluster", UNKNOWN);
}

static void end_task(const Ending *ending, const json_t *task)
{
    const char *arn = ecs_text(task, "taskArn"), *owner = ecs_tag(json_object_get(task, "tags"), TAG_INSTALL);
    if (!arn || g_strcmp0(owner, ending->orphans->installation) != 0)
        return;
    ask_ecs(ending->orphans, "StopTask",
            json_pack("{s:s,s:s,s:s}", "cluster", ending->name, "task", arn, "reason", REASON), NULL,
            take_ended);
    tell(ending->orphans, ending->environment, arn, "task", UNKNOWN);
}

/* The cluster goes when it is found once more. */
static void take_tasks(const AwsAnswer *answer, void *data)
{
    const Ending *ending = data;
    size_t index;
    json_t *task;
    take_ended(answer, ending->orphans);
    json_array_foreach(json_object_get(answer->json, "tasks"), index, task) end_task(ending, task);
}

static void take_task_list(const AwsAnswer *answer, void *data)
{
    const Ending *ending = data;
    Orphans *orphans = ending->orphans;
    json_t *arns = json_object_get(answer->json, "taskArns");
    if (answer->error)
        take_ended(answer, orphans);
    else if (json_array_size(arns) > 0)
        ask_about(orphans, ending->name, ending->environment, "DescribeTasks",
                  json_pack("{s:s,s:O,s:[s]}", "cluster", ending->name, "tasks", arns, "include", "TAGS"),
                  take_tasks);
    else
        ask_about(orphans, ending->name, ending->environment, "DeleteCluster",
                  json_pack("{s:s}", "cluster", ending->name), take_deleted);
}

/* One that still holds something refuses to go: it does once that has ended. A hundred tasks at a time. */
static void end_cluster(Orphans *orphans, const char *name)
{
    ask_about(orphans, name, g_hash_table_lookup(orphans->environments, name), "ListTasks",
              json_pack("{s:s,s:s}", "cluster", name, "desiredStatus", "RUNNING"), take_task_list);
}

static void end_each(Orphans *orphans, Leaks *leaks, void (*end)(Orphans *orphans, const char *id))
{
    guint hosts = g_hash_table_size(orphans->place->provider->hosts);
    g_autoptr(GPtrArray) due =
        leaks_end(leaks, now_of(orphans), aws_patience_ms(orphans->place->provider, LEAK_MS), hosts);
    for (guint i = 0; i < due->len; i++)
        end(orphans, due->pdata[i]);
}

/* The look was whole. */
static void collect(Orphans *orphans)
{
    end_each(orphans, orphans->instances, end_instance);
    end_each(orphans, orphans->clusters, end_cluster);
    end_each(orphans, orphans->templates, end_template);
    again(orphans);
}

/* ---- launch templates ---- */

static const char *ec2_tag(const XmlElement *item, const char *key)
{
    for (const XmlElement *tag = xml_find(item, "tagSet/item"); tag; tag = xml_next(tag))
        if (g_strcmp0(xml_text(tag, "key"), key) == 0)
            return xml_text(tag, "value");
    return NULL;
}

static bool take_templates_page(const AwsAnswer *page, void *data)
{
    Orphans *orphans = data;
    for (const XmlElement *item = xml_find(page->xml, "launchTemplates/item"); item; item = xml_next(item)) {
        const char *id = xml_text(item, "launchTemplateId"), *name = xml_text(item, "launchTemplateName"),
                   *environment = ec2_tag(item, TAG_ENVIRONMENT);
        const AwsCluster *cluster = environment ? known(orphans, environment) : NULL;
        bool is_left = cluster ? aws_template_is_former(cluster, name)
                               : is_orphan(orphans, ec2_tag(item, TAG_INSTALL), environment);
        if (id && is_left)
            found(orphans, orphans->templates, id, environment);
    }
    return true;
}

static void take_templates(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        give_up(data, answer->error);
    else
        collect(data);
}

/* By the tag of this installation. */
static Query *ours(const Orphans *orphans, const char *action)
{
    Query *query = query_new(action, EC2_VERSION);
    query_add(query, "Filter.1.Name", "tag:" TAG_INSTALL);
    query_add(query, "Filter.1.Value.1", orphans->installation);
    return query;
}

static void look_at_templates(Orphans *orphans)
{
    g_autoptr(Query) query = ours(orphans, "DescribeLaunchTemplates");
    leaks_begin(orphans->templates);
    ask_ec2(orphans, "DescribeLaunchTemplates", query, take_templates_page, take_templates);
}

/* ---- instances ---- */

static void judge_instance(const XmlElement *item, void *data)
{
    Orphans *orphans = data;
    const char *environment = ec2_instance_tag(item, TAG_ENVIRONMENT);
    Ec2Instance instance;
    if (ec2_instance_read(item, &instance) &&
        (instance.state == EC2_PENDING || instance.state == EC2_RUNNING) &&
        is_orphan(orphans, ec2_instance_tag(item, TAG_INSTALL), environment))
        found(orphans, orphans->instances, instance.id, environment);
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
        look_at_templates(data);
}

static void look_at_instances(Orphans *orphans)
{
    g_autoptr(Query) query = ours(orphans, "DescribeInstances");
    query_add(query, "Filter.2.Name", "instance-state-name");
    query_add(query, "Filter.2.Value.1", "pending");
    query_add(query, "Filter.2.Value.2", "running");
    query_add_number(query, "MaxResults", INSTANCES_PAGE);
    leaks_begin(orphans->instances);
    ask_ec2(orphans, "DescribeInstances", query, take_instances_page, take_instances);
}

/* ---- clusters ---- */

static void judge_cluster(Orphans *orphans, const json_t *cluster)
{
    const json_t *tags = json_object_get(cluster, "tags");
    const char *name = ecs_text(cluster, "clusterName"), *environment = ecs_tag(tags, TAG_ENVIRONMENT),
               *term = ecs_tag(tags, TAG_TERM);
    bool is_there = name && environment && g_strcmp0(ecs_text(cluster, "status"), "INACTIVE") != 0;
    if (!is_there || !is_orphan(orphans, ecs_tag(tags, TAG_INSTALL), environment))
        return;
    if (term && g_ascii_strtoull(term, NULL, 10) > orphans->place->provider->term)
        g_hash_table_replace(orphans->spared, g_strdup(environment), NULL);
    else
        found(orphans, orphans->clusters, name, environment);
}

static void describe_next(Orphans *orphans);

static void take_described(const AwsAnswer *answer, void *data)
{
    Orphans *orphans = data;
    size_t index;
    json_t *cluster;
    if (answer->error) {
        give_up(orphans, answer->error);
        return;
    }
    json_array_foreach(json_object_get(answer->json, "clusters"), index, cluster)
        judge_cluster(orphans, cluster);
    describe_next(orphans);
}

static void describe_next(Orphans *orphans)
{
    json_t *chunk = ecs_next_chunk(orphans->arns, &orphans->at);
    if (json_array_size(chunk) > 0) {
        ask_ecs(orphans, "DescribeClusters", json_pack("{s:o,s:[s]}", "clusters", chunk, "include", "TAGS"),
                NULL, take_described);
        return;
    }
    json_decref(chunk);
    look_at_instances(orphans);
}

static bool take_clusters_page(const AwsAnswer *page, void *data)
{
    Orphans *orphans = data;
    size_t index;
    json_t *arn;
    json_array_foreach(json_object_get(page->json, "clusterArns"), index, arn)
    {
        const char *text = json_string_value(arn), *name = text ? strrchr(text, '/') : NULL;
        if (name && g_str_has_prefix(name + 1, CLUSTER_PREFIX))
            g_ptr_array_add(orphans->arns, g_strdup(text));
    }
    return true;
}

static void take_clusters(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        give_up(data, answer->error);
    else
        describe_next(data);
}

static void look_at_clusters(Orphans *orphans)
{
    g_ptr_array_set_size(orphans->arns, 0);
    orphans->at = 0;
    g_hash_table_remove_all(orphans->environments);
    g_hash_table_remove_all(orphans->spared);
    leaks_begin(orphans->clusters);
    ask_ecs(orphans, "ListClusters", json_object(), take_clusters_page, take_clusters);
}

/* ---- when ---- */

static gboolean begin(gpointer data)
{
    Orphans *orphans = data;
    g_clear_pointer(&orphans->timer, g_source_unref);
    if (orphans->place->provider->is_observed) {
        orphans->is_running = true;
        look_at_clusters(orphans);
    } else {
        aws_orphans_later(orphans->place, orphans->installation);
    }
    return G_SOURCE_REMOVE;
}

void aws_orphans_later(AwsPlace *place, const char *installation)
{
    Orphans *orphans = orphans_of(place);
    if (!orphans->installation)
        orphans->installation = g_strdup(installation);
    if (!orphans->timer && !orphans->is_running && installation)
        orphans->timer =
            aws_after(place->provider, aws_patience_ms(place->provider, LOOK_MS), begin, orphans);
}

/* aws_cluster.c: an environment and its cluster: whether it is ours, what is told of it, who waits for it. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

#define NAME_MAX 255 /* of a cluster, by ECS */

AwsCluster *aws_cluster_find(AwsProvider *provider, const char *environment)
{
    return environment ? g_hash_table_lookup(provider->clusters, environment) : NULL;
}

static AwsCluster *make(AwsProvider *provider, const char *name)
{
    AwsCluster *cluster = g_new0(AwsCluster, 1);
    cluster->provider = provider;
    cluster->name = g_strdup(name);
    cluster->cluster = g_strconcat(CLUSTER_PREFIX, name, NULL);
    cluster->templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, aws_template_free);
    cluster->old_templates = g_ptr_array_new_with_free_func(aws_template_free);
    cluster->definitions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, aws_definition_free);
    cluster->hosts_waiting = g_ptr_array_new();
    cluster->tasks_waiting = g_ptr_array_new();
    g_hash_table_insert(provider->clusters, cluster->name, cluster);
    return cluster;
}

void aws_cluster_retire_templates(AwsCluster *cluster)
{
    GHashTableIter iter;
    gpointer key, template;
    g_hash_table_iter_init(&iter, cluster->templates);
    while (g_hash_table_iter_next(&iter, &key, &template)) {
        g_hash_table_iter_steal(&iter);
        g_free(key);
        g_ptr_array_add(cluster->old_templates, template);
    }
}

/* What was made from another spec, or somewhere else, is not looked up in what was found before. */
static void replace(AwsCluster *cluster, AwsPlace *place, AwsEnvironment *environment)
{
    bool is_other = cluster->place && cluster->place != place;
    if (is_other ||
        (cluster->environment && strcmp(cluster->environment->generation, environment->generation) != 0)) {
        aws_cluster_retire_templates(cluster);
        g_clear_pointer(&cluster->newest, json_decref);
    }
    if (is_other)
        cluster->state = CLUSTER_UNKNOWN;
    g_clear_pointer(&cluster->environment, aws_environment_free);
    cluster->environment = environment;
    cluster->place = place;
}

AwsCluster *aws_cluster_get(AwsProvider *provider, const ResourceRequest *request, GError **error)
{
    g_autoptr(AwsEnvironment) environment = aws_environment_parse(request->spec, error);
    AwsPlace *place = environment ? aws_place_get(provider, environment, error) : NULL;
    if (!place)
        return NULL;
    if (strlen(CLUSTER_PREFIX) + strlen(request->name) > NAME_MAX) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_FAILED,
                    "the name is too long for a cluster of ECS (%d characters with " CLUSTER_PREFIX ")",
                    NAME_MAX);
        return NULL;
    }
    AwsCluster *cluster = aws_cluster_find(provider, request->name);
    cluster = cluster ? cluster : make(provider, request->name);
    if (!aws_events_follow(cluster, place, environment, error))
        return NULL;
    replace(cluster, place, g_steal_pointer(&environment));
    cluster->is_gone = false;
    aws_pins_set(cluster, request->pins, request->machines);
    if (request->installation && !cluster->installation)
        cluster->installation = g_strdup(request->installation);
    return cluster;
}

void aws_cluster_free(AwsCluster *cluster)
{
    aws_apply_free(cluster->apply);
    aws_look_free(cluster->look);
    aws_sweep_free(cluster->sweep);
    aws_pace_free(cluster->pace);
    aws_pins_free(cluster->pinning);
    json_decref(cluster->pins);
    json_decref(cluster->newest);
    g_hash_table_unref(cluster->templates);
    g_ptr_array_unref(cluster->old_templates);
    g_hash_table_unref(cluster->definitions);
    g_ptr_array_unref(cluster->hosts_waiting);
    g_ptr_array_unref(cluster->tasks_waiting);
    aws_environment_free(cluster->environment);
    g_free(cluster->name);
    g_free(cluster->cluster);
    g_free(cluster->installation);
    g_free(cluster);
}

/* ---- who waits for it ---- */

static GPtrArray *take(GPtrArray **list)
{
    GPtrArray *taken = *list;
    *list = g_ptr_array_new();
    return taken;
}

void aws_cluster_ready(AwsCluster *cluster)
{
    g_autoptr(GPtrArray) hosts = take(&cluster->hosts_waiting);
    g_autoptr(GPtrArray) tasks = take(&cluster->tasks_waiting);
    cluster->state = CLUSTER_READY;
    cluster->was_ready = true;
    aws_sweep_later(cluster);
    aws_orphans_later(cluster->place, cluster->installation);
    aws_pins_look(cluster);
    for (guint i = 0; i < hosts->len; i++)
        aws_host_launch(hosts->pdata[i]);
    for (guint i = 0; i < tasks->len; i++)
        aws_task_prepare_soon(tasks->pdata[i]);
}

void aws_cluster_unready(AwsCluster *cluster, const char *reason)
{
    g_autoptr(GPtrArray) hosts = take(&cluster->hosts_waiting);
    g_autoptr(GPtrArray) tasks = take(&cluster->tasks_waiting);
    cluster->state = CLUSTER_REFUSED;
    for (guint i = 0; i < hosts->len; i++)
        aws_host_refuse(hosts->pdata[i], INSTANCE_REFUSED_UNKNOWN_LATER, reason);
    for (guint i = 0; i < tasks->len; i++)
        aws_task_refuse(tasks->pdata[i], NULL);
}

/* ---- whose it is ---- */

bool aws_cluster_is_ours(const AwsCluster *cluster, const json_t *described)
{
    return g_strcmp0(ecs_tag(json_object_get(described, "tags"), TAG_INSTALL), cluster->installation) == 0;
}

char *aws_cluster_fault(const AwsCluster *cluster, const json_t *described, bool *ret_is_there)
{
    const char *status = ecs_text(described, "status"),
               *owner = ecs_tag(json_object_get(described, "tags"), TAG_INSTALL),
               *term = ecs_tag(json_object_get(described, "tags"), TAG_TERM);
    *ret_is_there = status && strcmp(status, "INACTIVE") != 0;
    if (!*ret_is_there)
        return NULL;
    if (!owner)
        return g_strdup_printf("there is a cluster %s that muster did not make: delete it, or rename the "
                               "environment",
                               cluster->cluster);
    if (g_strcmp0(owner, cluster->installation) != 0)
        return g_strdup_printf(
            "cluster %s belongs to another installation of muster (%s): one environment has "
            "one installation",
            cluster->cluster, owner);
    if (term && g_ascii_strtoull(term, NULL, 10) > cluster->provider->term)
        return g_strdup_printf(
            "cluster %s is driven by a newer process (term %s; this one is %" G_GUINT64_FORMAT
            "): is there a copy of this state directory?",
            cluster->cluster, term, cluster->provider->term);
    return NULL;
}

/* ---- what is told ---- */

bool aws_tag_is_users(const char *key)
{
    return key && !g_str_has_prefix(key, "muster/") && !g_str_has_prefix(key, "aws:");
}

/* Tags of the user's that are there: everything that is not ours and not AWS's own. */
static json_t *user_tags(const json_t *described)
{
    json_t *tags = json_object(), *tag;
    size_t index;
    json_array_foreach(json_object_get(described, "tags"), index, tag)
    {
        const char *key = ecs_text(tag, "key");
        if (aws_tag_is_users(key))
            json_object_set(tags, key, json_object_get(tag, "value"));
    }
    return tags;
}

static char *observed_of(const json_t *described)
{
    json_t *tags = user_tags(described);
    json_t *observed =
        json_pack("{s:o}", "spec.tags", json_object_size(tags) ? json_incref(tags) : json_null());
    char *dumped = json_dumps(observed, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped);
    json_decref(tags);
    json_decref(observed);
    return text;
}

/* All zero: it says nothing that is one. */
static void read_digest(const json_t *described, Digest *ret_digest)
{
    const char *text = ecs_tag(json_object_get(described, "tags"), TAG_SPEC);
    if (!text || !digest_from_hex(view_from(text), ret_digest))
        *ret_digest = (Digest){0};
}

void aws_cluster_tell(AwsCluster *cluster, ProviderEventType type, const json_t *described,
                      const char *reason)
{
    g_autofree char *observed = described ? observed_of(described) : NULL,
                    *pins = described ? aws_pins_text(cluster) : NULL;
    ProviderEvent event = {.type = type,
                           .kind = KIND_COMPUTE_ENVIRONMENT,
                           .resource = cluster->name,
                           .number = cluster->number,
                           .observed = observed,
                           .pins = pins,
                           .reason = reason};
    if (described)
        read_digest(described, &event.applied);
    aws_tell(cluster->provider, &event);
}

/* ---- tags ---- */

json_t *aws_tags(const AwsCluster *cluster)
{
    json_t *tags = json_array(), *value;
    const char *key;
    ecs_add_tag(tags, TAG_INSTALL, cluster->installation);
    ecs_add_tag(tags, TAG_ENVIRONMENT, cluster->name);
    json_object_foreach(cluster->environment->tags, key, value)
        ecs_add_tag(tags, key, json_string_value(value));
    return tags;
}

Query *aws_filter_query(const char *action, const AwsCluster *cluster)
{
    Query *query = query_new(action, EC2_VERSION);
    query_add(query, "Filter.1.Name", "tag:" TAG_INSTALL);
    query_add(query, "Filter.1.Value.1", cluster->installation);
    query_add(query, "Filter.2.Name", "tag:" TAG_ENVIRONMENT);
    query_add(query, "Filter.2.Value.1", cluster->name);
    return query;
}

Query *aws_instances_query(const AwsCluster *cluster)
{
    Query *query = aws_filter_query("DescribeInstances", cluster);
    query_add_number(query, "MaxResults", INSTANCES_PAGE);
    return query;
}

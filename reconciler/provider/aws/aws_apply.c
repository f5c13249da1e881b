/* aws_apply.c: an environment is made so, or removed: its cluster, the group of its logs, their tags. One
 * step after the other; each can be done again. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

typedef struct AwsApply {
    AwsCluster *cluster;
    uint64_t number;
    char digest[2 * DIGEST_BYTES + 1];
    bool is_removal, has_pins; /* what machines are made from is known already */
    char **keep;               /* what is left as it is there; NULL: nothing */
    json_t *described;         /* the cluster as it was found; NULL: there is none */
    GQueue templates;          /* ids that are left to be deleted */
} Apply;

void aws_apply_free(Apply *apply)
{
    if (!apply)
        return;
    g_queue_clear_full(&apply->templates, g_free);
    g_strfreev(apply->keep);
    json_decref(apply->described);
    g_free(apply);
}

/* ---- how it ends ---- */

static void refuse(Apply *apply, const char *reason)
{
    AwsCluster *cluster = apply->cluster;
    ProviderEvent event = {.type = PROVIDER_EVENT_RESOURCE_REFUSED,
                           .kind = KIND_COMPUTE_ENVIRONMENT,
                           .resource = cluster->name,
                           .number = apply->number,
                           .reason = reason};
    cluster->apply = NULL;
    if (cluster->state != CLUSTER_READY)
        aws_cluster_unready(cluster, reason);
    aws_tell(cluster->provider, &event);
    aws_apply_free(apply);
}

static void refuse_error(Apply *apply, const char *what, const AwsError *error)
{
    g_autofree char *why = aws_why(what, error);
    refuse(apply, why);
}

static void finish(Apply *apply)
{
    AwsCluster *cluster = apply->cluster;
    bool is_removal = apply->is_removal;
    cluster->apply = NULL;
    cluster->number = apply->number;
    aws_cluster_tell(cluster, PROVIDER_EVENT_RESOURCE_APPLIED, is_removal ? NULL : apply->described, NULL);
    aws_apply_free(apply);
    if (is_removal) {
        cluster->state = CLUSTER_UNKNOWN;
        cluster->is_gone = true;
        return;
    }
    aws_cluster_ready(cluster);
    aws_look_hosts_soon(cluster, 0);
}

static void ask(Apply *apply, AwsService service, const char *action, json_t *body, AwsDone done)
{
    const AwsQuestion question = {.service = service, .action = action, .done = done, .data = apply};
    aws_ask_json(apply->cluster->place, &question, body);
}

/* ---- describing ---- */

static void describe(Apply *apply, AwsDone done)
{
    ask(apply, AWS_ECS, "DescribeClusters",
        json_pack("{s:[s],s:[s]}", "clusters", apply->cluster->cluster, "include", "TAGS"), done);
}

/* False: it was refused. */
static bool take_described(Apply *apply, const AwsAnswer *answer)
{
    bool is_there = false;
    if (answer->error) {
        refuse_error(apply, "the cluster cannot be looked at", answer->error);
        return false;
    }
    json_t *described = json_array_get(json_object_get(answer->json, "clusters"), 0);
    g_autofree char *fault = aws_cluster_fault(apply->cluster, described, &is_there);
    json_decref(apply->described);
    apply->described = is_there ? json_incref(described) : NULL;
    if (fault)
        refuse(apply, fault);
    return fault == NULL;
}

static void take_result(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (!take_described(apply, answer))
        return;
    if (apply->described)
        finish(apply);
    else
        refuse(apply, "the cluster was made and is not there");
}

/* ---- making: tags, last, since they say that all before is done ---- */

static bool is_at_or_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '.');
}

/* The user's tag is left as it is there. */
static bool is_kept(const Apply *apply, const char *key)
{
    if (g_str_has_prefix(key, "muster/"))
        return false;
    g_autofree char *path = g_strconcat("spec.tags.", key, NULL);
    for (guint i = 0; apply->keep && apply->keep[i]; i++)
        if (is_at_or_below(path, apply->keep[i]))
            return true;
    return false;
}

static void drop_kept(const Apply *apply, json_t *tags)
{
    for (size_t i = json_array_size(tags); i > 0; i--)
        if (is_kept(apply, ecs_text(json_array_get(tags, i - 1), "key")))
            json_array_remove(tags, i - 1);
}

/* Those of the user's that he does not declare any more. */
static json_t *unwanted_keys(const Apply *apply, const json_t *wanted)
{
    json_t *keys = json_array(), *tag;
    size_t index;
    json_array_foreach(json_object_get(apply->described, "tags"), index, tag)
    {
        const char *key = ecs_text(tag, "key");
        if (aws_tag_is_users(key) && !ecs_tag(wanted, key) && !is_kept(apply, key))
            json_array_append_new(keys, json_string(key));
    }
    return keys;
}

static void take_untagged(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        refuse_error(data, "tags of the cluster cannot be removed", answer->error);
    else
        describe(data, take_result);
}

static void take_tagged(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (answer->error) {
        refuse_error(apply, "the cluster cannot be tagged", answer->error);
        return;
    }
    json_t *tags = aws_tags(apply->cluster), *keys = unwanted_keys(apply, tags);
    json_decref(tags);
    if (json_array_size(keys) == 0) {
        json_decref(keys);
        describe(apply, take_result);
        return;
    }
    ask(apply, AWS_ECS, "UntagResource",
        json_pack("{s:O,s:o}", "resourceArn", json_object_get(apply->described, "clusterArn"), "tagKeys",
                  keys),
        take_untagged);
}

static void tag(Apply *apply)
{
    char term[24];
    json_t *tags = aws_tags(apply->cluster);
    drop_kept(apply, tags);
    g_snprintf(term, sizeof term, "%" G_GUINT64_FORMAT, apply->cluster->provider->term);
    ecs_add_tag(tags, TAG_TERM, term);
    ecs_add_tag(tags, TAG_SPEC, apply->digest);
    ask(apply, AWS_ECS, "TagResource",
        json_pack("{s:O,s:o}", "resourceArn", json_object_get(apply->described, "clusterArn"), "tags", tags),
        take_tagged);
}

/* ---- making: what machines are made from ---- */

static void take_pins(const char *fault, bool is_wrong, void *data)
{
    Apply *apply = data;
    (void)is_wrong;
    if (fault && !apply->has_pins)
        refuse(apply, fault);
    else
        tag(apply);
}

/* ---- making: the group of logs ---- */

static void take_log_group(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (answer->error && strcmp(answer->error->code, "ResourceAlreadyExistsException") != 0)
        refuse_error(apply, "the log group " LOG_GROUP " cannot be made", answer->error);
    else
        aws_pins_find(apply->cluster, take_pins, apply);
}

/* Without it no task starts that logs there, which is what they do where a definition says nothing. */
static void make_log_group(Apply *apply)
{
    ask(apply, AWS_LOGS, "CreateLogGroup", json_pack("{s:s}", "logGroupName", LOG_GROUP), take_log_group);
}

/* ---- making: the cluster ---- */

static void take_created(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (answer->error) {
        refuse_error(apply, "the cluster cannot be made", answer->error);
        return;
    }
    json_decref(apply->described);
    apply->described = json_incref(json_object_get(answer->json, "cluster"));
    make_log_group(apply);
}

static void take_found(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (!take_described(apply, answer))
        return;
    if (apply->described) {
        make_log_group(apply);
        return;
    }
    ask(apply, AWS_ECS, "CreateCluster",
        json_pack("{s:s,s:o,s:[s,s]}", "clusterName", apply->cluster->cluster, "tags",
                  aws_tags(apply->cluster), "capacityProviders", "FARGATE", "FARGATE_SPOT"),
        take_created);
}

/* ---- removing ---- */

static void take_deleted(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (answer->error && strcmp(answer->error->code, "ClusterNotFoundException") != 0)
        refuse_error(apply, "the cluster cannot be deleted", answer->error);
    else
        finish(apply);
}

static void delete_next(Apply *apply);

static void take_template_deleted(const AwsAnswer *answer, void *data)
{
    if (answer->error && !g_str_has_prefix(answer->error->code, "InvalidLaunchTemplate"))
        refuse_error(data, "a launch template cannot be deleted", answer->error);
    else
        delete_next(data);
}

static void delete_next(Apply *apply)
{
    g_autofree char *id = g_queue_pop_head(&apply->templates);
    if (!id) {
        ask(apply, AWS_ECS, "DeleteCluster", json_pack("{s:s}", "cluster", apply->cluster->cluster),
            take_deleted);
        return;
    }
    const AwsQuestion question = {
        .service = AWS_EC2, .action = "DeleteLaunchTemplate", .done = take_template_deleted, .data = apply};
    g_autoptr(Query) query = query_new("DeleteLaunchTemplate", EC2_VERSION);
    query_add(query, "LaunchTemplateId", id);
    aws_ask_query(apply->cluster->place, &question, query);
}

static bool take_templates_page(const AwsAnswer *page, void *data)
{
    Apply *apply = data;
    for (const XmlElement *item = xml_find(page->xml, "launchTemplates/item"); item; item = xml_next(item))
        g_queue_push_tail(&apply->templates, g_strdup(xml_text(item, "launchTemplateId")));
    return true;
}

static void take_templates(const AwsAnswer *answer, void *data)
{
    if (answer->error)
        refuse_error(data, "its launch templates cannot be listed", answer->error);
    else
        delete_next(data);
}

/* What is somebody else's is nothing that is held for it. */
static bool is_foreign(const Apply *apply, const AwsAnswer *answer)
{
    return !answer->error &&
           !aws_cluster_is_ours(apply->cluster, json_array_get(json_object_get(answer->json, "clusters"), 0));
}

static void take_to_remove(const AwsAnswer *answer, void *data)
{
    Apply *apply = data;
    if (is_foreign(apply, answer)) {
        finish(apply);
        return;
    }
    if (!take_described(apply, answer))
        return;
    if (!apply->described) {
        finish(apply);
        return;
    }
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = "DescribeLaunchTemplates",
                                  .page = take_templates_page,
                                  .done = take_templates,
                                  .data = apply};
    g_autoptr(Query) query = aws_filter_query("DescribeLaunchTemplates", apply->cluster);
    aws_ask_query(apply->cluster->place, &question, query);
}

/* ---- the beginning ---- */

static void take_place(const char *fault, void *data)
{
    Apply *apply = data;
    /* Whose account it is is known before anything is made: in another one than it names nothing was. */
    bool is_elsewhere = fault && apply->cluster->place->account && !apply->cluster->was_ready;
    if (is_elsewhere && apply->is_removal)
        finish(apply);
    else if (fault)
        refuse(apply, fault);
    else
        describe(apply, apply->is_removal ? take_to_remove : take_found);
}

void aws_apply(AwsCluster *cluster, const ResourceRequest *request)
{
    Apply *apply = g_new0(Apply, 1);
    *apply = (Apply){.cluster = cluster,
                     .number = request->number,
                     .is_removal = request->spec == NULL,
                     .has_pins = request->pins != NULL,
                     .keep = g_strdupv((char **)(uintptr_t)request->keep)};
    digest_to_hex(&request->digest, apply->digest);
    aws_apply_free(cluster->apply);
    cluster->apply = apply;
    aws_place_check(cluster->place, cluster->environment->account, take_place, apply);
}

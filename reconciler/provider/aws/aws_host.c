/* aws_host.c: an instance: asked for with its token, made, registered with its cluster, ended, gone. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/fleet.h"

#define RETRY_MS      2000 /* doubles up to RETRY_MAX_MS */
#define RETRY_MAX_MS  60000
#define UNSEEN_TRIES  6                         /* of what was made a moment ago */
#define REGISTER_MS   ((int64_t)15 * 60 * 1000) /* from being made; then it never will */
#define STOP_AGAIN_MS 10000
#define POOLS_MAX     16 /* subnets */

/* ---- life ---- */

static AwsHost *make(AwsCluster *cluster, const LaunchToken *token)
{
    AwsHost *host = g_new0(AwsHost, 1);
    host->cluster = cluster;
    host->token = *token;
    g_hash_table_insert(cluster->provider->hosts, &host->token, host);
    return host;
}

static void drop_retry(AwsHost *host)
{
    if (host->retry)
        g_source_destroy(host->retry);
    g_clear_pointer(&host->retry, g_source_unref);
}

void aws_host_free(void *data)
{
    AwsHost *host = data;
    drop_retry(host);
    g_ptr_array_remove(host->cluster->hosts_waiting, host);
    g_free(host->type);
    g_free(host->instance_id);
    g_free(host->arn);
    g_free(host);
}

static void tell(AwsHost *host, ProviderEvent *event)
{
    event->token = host->token;
    event->provider_id = host->instance_id;
    event->instance_type = host->type;
    aws_tell(host->cluster->provider, event);
}

void aws_host_refuse(AwsHost *host, InstanceRefusal refusal, const char *reason)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_REFUSED, .refusal = refusal, .reason = reason};
    host->state = HOST_OVER;
    drop_retry(host);
    tell(host, &event);
}

void aws_host_gone(AwsHost *host, InstanceGoneReason gone, const char *reason)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_GONE,
                           .at_ms = aws_now_ms(host->cluster->provider),
                           .gone = gone,
                           .reason = reason};
    if (host->state == HOST_OVER)
        return;
    host->state = HOST_OVER;
    drop_retry(host);
    tell(host, &event);
}

static void made(AwsHost *host, const char *instance_id, int64_t at_ms)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_STARTED, .at_ms = at_ms};
    if (host->state >= HOST_MADE)
        return;
    drop_retry(host);
    host->state = HOST_MADE;
    host->made_ms = aws_monotonic_ms(host->cluster->provider);
    host->instance_id = g_strdup(instance_id);
    tell(host, &event);
    aws_look_hosts_soon(host->cluster, 0);
    if (host->is_stopping)
        aws_host_stop(host);
}

/* ---- buying ---- */

static gboolean try_again(gpointer data)
{
    AwsHost *host = data;
    drop_retry(host);
    aws_host_launch(host);
    return G_SOURCE_REMOVE;
}

static void retry(AwsHost *host)
{
    int64_t wait_ms = MIN((int64_t)RETRY_MS << MIN(host->tries, 10), RETRY_MAX_MS);
    host->tries++;
    drop_retry(host);
    host->retry = aws_after(host->cluster->provider, wait_ms, try_again, host);
}

static InstanceRefusal refusal_of(const AwsError *error)
{
    if (strcmp(error->code, "SpotMaxPriceTooLow") == 0)
        return INSTANCE_REFUSED_PRICE;
    switch (error->action) {
    case AWS_ACT_NEXT_POOL: return INSTANCE_REFUSED_CAPACITY;
    case AWS_ACT_WAIT: return INSTANCE_REFUSED_LIMIT;
    case AWS_ACT_CONFIGURATION:
    case AWS_ACT_FINAL: return INSTANCE_REFUSED_CONFIGURATION;
    case AWS_ACT_RETRY:
    case AWS_ACT_CREDENTIALS:
    case AWS_ACT_UNSEEN:
    case AWS_ACT_SUCCESS: break;
    }
    return INSTANCE_REFUSED_UNKNOWN_LATER;
}

/* The token makes it harmless to ask again: what is not certain is asked for until it is. */
static void take_error(AwsHost *host, const AwsError *error)
{
    bool is_new = error->action == AWS_ACT_UNSEEN && host->tries < UNSEEN_TRIES;
    if (!error->is_certain || is_new) {
        retry(host);
        return;
    }
    g_autofree char *why = aws_error_text(error);
    aws_host_refuse(host, refusal_of(error), why);
}

/* Of a fleet that got none: what somebody has to set right, before what only time mends. */
static const AwsError *telling(const GArray *failures)
{
    const AwsError *found = NULL;
    for (guint i = 0; i < failures->len; i++) {
        const AwsError *error = g_array_index(failures, FleetFailure, i).error;
        if (!found || refusal_of(error) == INSTANCE_REFUSED_CONFIGURATION)
            found = error;
    }
    return found;
}

/* RunInstances has one zone at a time. */
static bool try_next_subnet(AwsHost *host, const AwsError *error)
{
    char **subnets = host->cluster->environment->subnets;
    bool is_alone = host->cluster->environment->allocation == ALLOCATION_BEST_FIT;
    if (!is_alone || error->action != AWS_ACT_NEXT_POOL || !subnets[host->subnet] ||
        !subnets[host->subnet + 1])
        return false;
    host->subnet++;
    aws_host_launch(host);
    return true;
}

static void take_bought(const AwsAnswer *answer, void *data)
{
    AwsHost *host = aws_about_host(data);
    g_auto(FleetAnswer) fleet = {0};
    if (!host || host->state != HOST_ASKED)
        return;
    if (answer->error) {
        if (!answer->error->is_certain || !try_next_subnet(host, answer->error))
            take_error(host, answer->error);
        return;
    }
    fleet_answer_read(answer->xml, &fleet);
    if (fleet.instances->len > 0) {
        made(host, g_array_index(fleet.instances, FleetInstance, 0).id, aws_now_ms(host->cluster->provider));
        return;
    }
    const AwsError *error = telling(fleet.failures);
    if (error)
        take_error(host, error);
    else
        aws_host_refuse(host, INSTANCE_REFUSED_CAPACITY, "EC2 gave no instance, and no reason");
}

static FleetStrategy strategy_of(const AwsHost *host)
{
    if (!host->is_spot)
        return FLEET_LOWEST_PRICE;
    return host->cluster->environment->allocation == ALLOCATION_SPOT_CAPACITY_OPTIMIZED
               ? FLEET_CAPACITY_OPTIMIZED
               : FLEET_PRICE_CAPACITY_OPTIMIZED;
}

/* Other parameters are another request: each subnet that is tried has a token of its own. */
static void client_token(const AwsHost *host, char *ret_text, size_t len)
{
    char hex[LAUNCH_TOKEN_TEXT];
    launch_token_text(&host->token, hex);
    if (host->subnet)
        g_snprintf(ret_text, len, "%s-%zu", hex, host->subnet);
    else
        g_strlcpy(ret_text, hex, len);
}

void aws_host_buy(AwsHost *host, const char *template_id, const char *template_version)
{
    const AwsCluster *cluster = host->cluster;
    char **subnets = cluster->environment->subnets;
    bool is_alone = cluster->environment->allocation == ALLOCATION_BEST_FIT;
    char token[FLEET_TOKEN_MAX + 1], hex[LAUNCH_TOKEN_TEXT];
    const char *const tags[] = {TAG_INSTALL, cluster->installation, TAG_INTENT, hex, NULL};
    FleetPool pools[POOLS_MAX];
    size_t len = 0;
    for (size_t i = host->subnet; subnets[i] && len < (is_alone ? 1 : POOLS_MAX); i++)
        pools[len++] = (FleetPool){host->type, subnets[i], host->max_price};
    if (len == 0) {
        aws_host_refuse(host, INSTANCE_REFUSED_CONFIGURATION, "the environment names no subnets");
        return;
    }
    client_token(host, token, sizeof token);
    launch_token_text(&host->token, hex);
    const FleetRequest request = {.client_token = token,
                                  .template_id = template_id,
                                  .template_version = template_version,
                                  .pools = pools,
                                  .pools_len = len,
                                  .count = 1,
                                  .is_spot = host->is_spot,
                                  .strategy = strategy_of(host),
                                  .tags = tags};
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = is_alone ? "RunInstances" : "CreateFleet",
                                  .resources = 1,
                                  .done = take_bought,
                                  .data = aws_about(cluster->provider, &host->token),
                                  .free_data = g_free};
    g_autoptr(Query) query = is_alone ? fleet_run_query(&request) : fleet_query(&request);
    host->state = HOST_ASKED;
    aws_ask_query(cluster->place, &question, query);
}

void aws_host_launch(AwsHost *host)
{
    if (host->state < HOST_MADE)
        aws_template_get(host);
}

void aws_host_start(AwsProvider *provider, const InstanceRequest *request)
{
    AwsCluster *cluster = aws_cluster_find(provider, request->environment);
    ProviderEvent nowhere = {.type = PROVIDER_EVENT_INSTANCE_REFUSED,
                             .token = request->token,
                             .refusal = INSTANCE_REFUSED_UNKNOWN_LATER,
                             .instance_type = request->type,
                             .reason = "its environment is not made yet"};
    if (!cluster || cluster->state == CLUSTER_REFUSED) {
        aws_tell(provider, &nowhere);
        return;
    }
    if (g_hash_table_contains(provider->hosts, &request->token))
        return; /* it is being made */
    AwsHost *host = make(cluster, &request->token);
    host->type = g_strdup(request->type);
    host->is_spot = request->spot;
    host->is_arm = request->is_arm;
    host->is_gpu = request->gpus > 0;
    host->max_price = request->max_price_microusd_per_h;
    host->asked_ms = aws_monotonic_ms(provider);
    if (cluster->state == CLUSTER_READY)
        aws_host_launch(host);
    else
        g_ptr_array_add(cluster->hosts_waiting, host);
}

/* ---- ending ---- */

static void take_stopped(const AwsAnswer *answer, void *data)
{
    AwsHost *host = aws_about_host(data);
    if (!host || host->state == HOST_OVER)
        return;
    if (answer->error)
        aws_log(host->cluster->provider, "instance %s: TerminateInstances: %s", host->instance_id,
                answer->error->message);
    aws_look_hosts_soon(host->cluster, 0);
}

void aws_host_stop(AwsHost *host)
{
    int64_t now_ms = aws_monotonic_ms(host->cluster->provider);
    host->is_stopping = true;
    if (host->state == HOST_WANTED) {
        aws_host_refuse(host, INSTANCE_REFUSED_UNKNOWN_LATER, NULL);
        return;
    }
    if (!host->instance_id || host->state >= HOST_ENDING ||
        (host->stopped_ms && now_ms - host->stopped_ms < STOP_AGAIN_MS))
        return; /* once it is known; a moment after the last time */
    host->stopped_ms = now_ms;
    const AwsQuestion question = {.service = AWS_EC2,
                                  .action = "TerminateInstances",
                                  .resources = 1,
                                  .done = take_stopped,
                                  .data = aws_about(host->cluster->provider, &host->token),
                                  .free_data = g_free};
    g_autoptr(Query) query = query_new("TerminateInstances", EC2_VERSION);
    query_add(query, "InstanceId.1", host->instance_id);
    aws_ask_query(host->cluster->place, &question, query);
}

/* ---- what is seen ---- */

static void end_of(AwsHost *host, const Ec2Instance *instance)
{
    const char *reason = instance->reason && *instance->reason ? instance->reason : NULL;
    host->state = HOST_ENDING; /* nothing is placed on it any more */
    if (instance->end == EC2_END_RECLAIMED)
        aws_look_host_over(host, INSTANCE_GONE_RECLAIMED, reason);
    else if (instance->end == EC2_END_ASKED && host->is_stopping)
        aws_look_host_over(host, INSTANCE_GONE_STOPPED, NULL);
    else
        aws_look_host_over(host, INSTANCE_GONE_DIED, reason);
}

static void take_state(AwsHost *host, const Ec2Instance *instance)
{
    bool is_late = host->state == HOST_MADE && host->made_ms > 0 &&
                   aws_monotonic_ms(host->cluster->provider) - host->made_ms > REGISTER_MS;
    switch (instance->state) {
    case EC2_PENDING:
    case EC2_RUNNING:
        if (is_late)
            aws_log(
                host->cluster->provider,
                "instance %s did not join cluster %s within %d min and is ended: look at its role, its way "
                "to ECS's endpoints, and its image",
                host->instance_id, host->cluster->cluster, (int)(REGISTER_MS / 60000));
        if (is_late || host->is_stopping)
            aws_host_stop(host);
        return;
    case EC2_STOPPED: aws_host_stop(host); return; /* somebody stopped it: nothing of it comes back */
    case EC2_ENDING: host->state = MAX(host->state, HOST_ENDING); return;
    case EC2_TERMINATED: end_of(host, instance); return;
    }
}

/* The token is the instance's client token, or what stands in the tag of the fleet that it came from: a fleet
 * gives its token to its instances with a tail. */
static bool token_of(const XmlElement *item, const Ec2Instance *instance, LaunchToken *ret_token)
{
    const char *tag = ec2_instance_tag(item, TAG_INTENT);
    g_autofree char *client =
        g_strndup(instance->client_token ? instance->client_token : "", LAUNCH_TOKEN_TEXT - 1);
    return launch_token_from_text(tag, ret_token) || launch_token_from_text(client, ret_token);
}

AwsHost *aws_host_seen(AwsCluster *cluster, const XmlElement *item, uint64_t look)
{
    AwsProvider *provider = cluster->provider;
    Ec2Instance instance;
    LaunchToken token;
    if (!ec2_instance_read(item, &instance) || !token_of(item, &instance, &token))
        return NULL;
    AwsHost *host = g_hash_table_lookup(provider->hosts, &token);
    bool is_running = instance.state == EC2_PENDING || instance.state == EC2_RUNNING,
         is_found = !host && !g_hash_table_contains(provider->expected, &token);
    if (is_found && (!is_running || !aws_is_finding(provider)))
        return NULL;
    if (!host) {
        host = make(cluster, &token);
        host->type = g_strdup(instance.type);
        host->is_spot = instance.is_spot;
    }
    if (is_found)
        aws_found_host(host, item, &instance);
    host->is_stopping |= aws_found(provider, &token);
    host->seen = look;
    host->missing = 0;
    if (host->state == HOST_OVER)
        return host;
    made(host, instance.id, instance.launched_ms);
    take_state(host, &instance);
    return host;
}

void aws_host_warned(AwsHost *host, const char *reason)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_WARNED, .reason = reason};
    bool is_there = host->state == HOST_MADE || host->state == HOST_REGISTERED;
    if (!is_there || host->is_warned || host->is_stopping || host->is_own)
        return;
    host->is_warned = true;
    tell(host, &event);
}

void aws_host_registered(AwsHost *host, const EcsHost *state, int64_t now_ms)
{
    ProviderEvent event = {.type = PROVIDER_EVENT_INSTANCE_REGISTERED,
                           .at_ms = now_ms,
                           .vcpus_e4 = state->vcpus_e4,
                           .memory_mib = state->memory_mib,
                           .gpus = state->gpus,
                           .environment = host->is_own ? host->cluster->name : NULL};
    g_free(host->arn);
    host->arn = g_strdup(state->arn);
    if (host->is_spot && state->status == HOST_DRAINING)
        aws_host_warned(host, "EC2 takes this Spot instance back: ECS's agent drains it");
    if (host->state != HOST_MADE || state->status != HOST_ACTIVE || !state->is_connected)
        return;
    host->state = HOST_REGISTERED;
    tell(host, &event);
}

/* A host that joined by itself has a token that follows from its name. */
AwsHost *aws_host_joined(AwsCluster *cluster, const EcsHost *state, uint64_t look)
{
    LaunchToken token;
    Digest digest;
    if (!state->arn || !state->ec2_instance_id)
        return NULL;
    digest_of(view_from(state->arn), &digest);
    memcpy(token.bytes, digest.bytes, sizeof token.bytes);
    AwsHost *host = g_hash_table_lookup(cluster->provider->hosts, &token);
    if (!host) {
        host = make(cluster, &token);
        host->is_own = true;
        host->state = HOST_MADE;
        host->instance_id = g_strdup(state->ec2_instance_id);
    }
    (void)aws_found(cluster->provider, &token);
    host->seen = look;
    host->missing = 0;
    return host;
}

/* aws_events.c: what AWS tells by itself: EventBridge puts it into a queue of SQS, which keeps it while
 * nobody reads. A message is deleted once what it told is committed, or was nothing to us; else it comes
 * again. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/cloud_event.h"
#include "reconciler/provider/aws/ecs_words.h"

#define BATCH_MAX     10    /* messages that one call receives, or deletes */
#define WAIT_S        20    /* so long SQS waits for something to tell */
#define FIRST_WAIT_S  1     /* the same at the beginning: it is to be known soon whether there is anything */
#define VISIBILITY_MS 30000 /* so long a message that was received is shown to nobody */
#define DELETE_MS     1000  /* deletions are gathered so long */
#define AGAIN_MS      2000  /* after an error; doubles up to AGAIN_MAX_MS */
#define AGAIN_MAX_MS  60000
#define LATE_MS       30000 /* an event that takes longer did not come */

struct AwsEvents {
    AwsPlace *place;
    char *queue, *url;
    bool is_running;  /* it is read, or will be */
    bool is_read;     /* all that was in it at the start was taken */
    int64_t asked_ms; /* monotonic: of the call under way */
    int faults;       /* errors one after the other */
    GSource *timer;
    GHashTable *held; /* LaunchToken* → GPtrArray of receipt handles: told, and not committed yet */
    GPtrArray *done;  /* receipt handles of what is to be deleted */
    GSource *deleting;
};

static void drop_timer(GSource **timer)
{
    if (*timer)
        g_source_destroy(*timer);
    g_clear_pointer(timer, g_source_unref);
}

void aws_events_free(void *data)
{
    AwsEvents *events = data;
    drop_timer(&events->timer);
    drop_timer(&events->deleting);
    g_hash_table_unref(events->held);
    g_ptr_array_unref(events->done);
    g_free(events->queue);
    g_free(events->url);
    g_free(events);
}

/* ---- which queue ---- */

static bool fail(GError **error, const char *queue, const char *why)
{
    g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_FAILED, "spec.provider.events.queue %s: %s", queue,
                why);
    return false;
}

/* Its URL, as SQS knows it; new string. NULL with error. */
static char *url_of_arn(const AwsPlace *place, const char *queue, GError **error)
{
    g_auto(AwsArn) arn = {0};
    if (!aws_arn_parse(queue, &arn) || strcmp(arn.service, "sqs") != 0) {
        fail(error, queue, "it is no ARN of a queue");
        return NULL;
    }
    if (strcmp(arn.region, place->region) != 0) {
        g_autofree char *why =
            g_strdup_printf("a queue of %s is needed, where the environment is: EventBridge "
                            "tells queues of its own region",
                            place->region);
        fail(error, queue, why);
        return NULL;
    }
    g_autofree char *endpoint = aws_endpoint_of(AWS_SQS, place->region, false, false, error);
    return endpoint ? g_strdup_printf("%s/%s/%s", endpoint, arn.account, arn.resource) : NULL;
}

/* "https://sqs.REGION.SUFFIX/…": of another region it is another queue. */
static bool check_url(const AwsPlace *place, const char *queue, GError **error)
{
    static const char prefix[] = "https://sqs.";
    if (!g_str_has_prefix(queue, prefix))
        return true;
    const char *region = queue + strlen(prefix);
    size_t len = strcspn(region, ".");
    if (len == strlen(place->region) && strncmp(region, place->region, len) == 0)
        return true;
    return fail(error, queue, "it is in another region than the environment");
}

static AwsEvents *find(const AwsPlace *place, const char *queue)
{
    const GPtrArray *all = place->provider->events;
    for (guint i = 0; i < all->len; i++) {
        AwsEvents *events = all->pdata[i];
        if (events->place == place && strcmp(events->queue, queue) == 0)
            return events;
    }
    return NULL;
}

static AwsEvents *make(AwsPlace *place, const char *queue, GError **error)
{
    bool is_arn = g_str_has_prefix(queue, "arn:");
    if (!is_arn && !check_url(place, queue, error))
        return NULL;
    char *url = is_arn ? url_of_arn(place, queue, error) : g_strdup(queue);
    if (!url)
        return NULL;
    AwsEvents *events = g_new0(AwsEvents, 1);
    events->place = place;
    events->queue = g_strdup(queue);
    events->url = url;
    events->held = g_hash_table_new_full(launch_token_hash, launch_token_same, g_free,
                                         (GDestroyNotify)g_ptr_array_unref);
    events->done = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(place->provider->events, events);
    return events;
}

static void go(AwsEvents *events);

bool aws_events_follow(AwsCluster *cluster, AwsPlace *place, const AwsEnvironment *environment,
                       GError **error)
{
    const char *queue = environment->events_queue;
    AwsEvents *events = queue ? find(place, queue) : NULL;
    if (queue && !events)
        events = make(place, queue, error);
    if (queue && !events)
        return false;
    cluster->is_told &= cluster->events == events;
    cluster->events = events;
    if (events && (cluster->look || cluster->provider->is_claimed))
        go(events);
    return true;
}

typedef enum {
    USE_NONE,    /* no environment names it any more, or none whose cluster is ours */
    USE_UNKNOWN, /* of one it is not known yet: what is told of it would be nobody's */
    USE_READY
} Use;

static Use use_of(const AwsEvents *events)
{
    GHashTableIter iter;
    AwsCluster *cluster;
    Use use = USE_NONE;
    g_hash_table_iter_init(&iter, events->place->provider->clusters);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&cluster)) {
        if (cluster->events != events || cluster->is_gone)
            continue;
        if (aws_look_is_beginning(cluster) && !cluster->is_observed && !cluster->provider->is_observed)
            return USE_UNKNOWN;
        if (cluster->state == CLUSTER_READY)
            use = USE_READY;
    }
    return use;
}

static void ask(AwsEvents *events, const char *action, json_t *body, AwsDone done)
{
    const AwsQuestion question = {.service = AWS_SQS, .action = action, .done = done, .data = events};
    aws_ask_json(events->place, &question, body);
}

/* ---- deleting ---- */

/* What could not be deleted comes again, and is deleted then. */
static void take_deleted(const AwsAnswer *answer, void *data)
{
    AwsEvents *events = data;
    if (answer->error && events->faults == 0)
        aws_log(events->place->provider, "queue %s: DeleteMessageBatch: %s", events->queue,
                answer->error->message);
}

static void delete_some(AwsEvents *events)
{
    json_t *entries = json_array();
    for (guint i = 0; i < BATCH_MAX && events->done->len > 0; i++) {
        char id[16];
        g_snprintf(id, sizeof id, "%u", i);
        g_autofree char *handle = g_ptr_array_steal_index(events->done, events->done->len - 1);
        json_array_append_new(entries, json_pack("{s:s,s:s}", "Id", id, "ReceiptHandle", handle));
    }
    ask(events, "DeleteMessageBatch", json_pack("{s:s,s:o}", "QueueUrl", events->url, "Entries", entries),
        take_deleted);
}

static gboolean delete_all(gpointer data)
{
    AwsEvents *events = data;
    drop_timer(&events->deleting);
    while (events->done->len > 0)
        delete_some(events);
    return G_SOURCE_REMOVE;
}

static void is_done_with(AwsEvents *events, char *handle)
{
    g_ptr_array_add(events->done, handle);
    if (!events->deleting)
        events->deleting = aws_after(events->place->provider, DELETE_MS, delete_all, events);
}

static void hold(AwsEvents *events, const LaunchToken *token, char *handle)
{
    GPtrArray *handles = g_hash_table_lookup(events->held, token);
    if (!handles) {
        handles = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(events->held, g_memdup2(token, sizeof *token), handles);
    }
    g_ptr_array_add(handles, handle);
}

void aws_events_settled(AwsProvider *provider, const LaunchToken *tokens, size_t len)
{
    for (guint at = 0; at < provider->events->len; at++) {
        AwsEvents *events = provider->events->pdata[at];
        if (g_hash_table_size(events->held) == 0)
            continue;
        for (size_t i = 0; i < len; i++) {
            GPtrArray *handles = g_hash_table_lookup(events->held, &tokens[i]);
            while (handles && handles->len > 0)
                is_done_with(events, g_ptr_array_steal_index(handles, handles->len - 1));
            g_hash_table_remove(events->held, &tokens[i]);
        }
    }
}

/* ---- what they tell ---- */

static bool is_here(const AwsPlace *place, const CloudEvent *event)
{
    return event->type != CLOUD_EVENT_OTHER && g_strcmp0(event->account, place->account) == 0 &&
           strcmp(event->region, place->region) == 0;
}

/* An instance that this process knows by its name there, of the queue's place. */
static void take_spot_warning(const AwsEvents *events, const CloudEvent *event)
{
    GHashTableIter iter;
    AwsHost *host;
    if (!is_here(events->place, event))
        return;
    g_hash_table_iter_init(&iter, events->place->provider->hosts);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&host))
        if (host->cluster->place == events->place && g_strcmp0(host->instance_id, event->instance_id) == 0)
            aws_host_warned(host, "EC2 takes this Spot instance back in two minutes");
}

/* Its cluster is one that we drive; NULL: it is somebody else's. */
static AwsCluster *cluster_of(const AwsEvents *events, const CloudEvent *event)
{
    const AwsPlace *place = events->place;
    if (!is_here(place, event) || event->type != CLOUD_EVENT_TASK ||
        !g_str_has_prefix(event->cluster, CLUSTER_PREFIX))
        return NULL;
    AwsCluster *cluster = aws_cluster_find(place->provider, event->cluster + strlen(CLUSTER_PREFIX));
    return cluster && cluster->place == place && cluster->state == CLUSTER_READY ? cluster : NULL;
}

/* True: what it tells is not committed yet. Events come late, twice and in any order: a task that is known
 * takes of each what is new, and one that is only expected is believed to have ended, nothing less. */
static bool take_task(const AwsEvents *events, const CloudEvent *event, LaunchToken *ret_token)
{
    AwsProvider *provider = events->place->provider;
    AwsCluster *cluster = cluster_of(events, event);
    if (!cluster || !launch_token_from_text(ecs_text(event->detail, "startedBy"), ret_token))
        return false;
    AwsTask *task = g_hash_table_lookup(provider->tasks, ret_token);
    cluster->is_told |= g_strcmp0(ecs_text(event->detail, "lastStatus"), "STOPPED") == 0;
    const AwsExpected *expected = g_hash_table_lookup(provider->expected, ret_token);
    bool is_end = g_strcmp0(ecs_text(event->detail, "lastStatus"), "STOPPED") == 0;
    if (!task && is_end && expected && expected->is_ours && !expected->is_instance)
        task = aws_task_adopt(cluster, event->detail);
    else if (task && task->cluster == cluster && task->step != TASK_OVER)
        aws_task_seen(task, event->detail);
    else if (!task || task->cluster != cluster)
        return false;
    return task && task->step == TASK_OVER;
}

static void take_message(AwsEvents *events, const json_t *message)
{
    g_auto(CloudEvent) event = {0};
    LaunchToken token;
    char *handle = g_strdup(ecs_text(message, "ReceiptHandle"));
    if (!handle)
        return;
    cloud_event_read(ecs_text(message, "Body"), &event);
    if (event.type == CLOUD_EVENT_SPOT_WARNING)
        take_spot_warning(events, &event); /* after a crash ECS's agent tells it, too */
    if (take_task(events, &event, &token))
        hold(events, &token, handle);
    else
        is_done_with(events, handle);
}

void aws_events_missed(const AwsTask *task, const json_t *described)
{
    double ended_s = json_number_value(json_object_get(described, "stoppedAt"));
    if (ended_s > 0 && (double)aws_now_ms(task->cluster->provider) - ended_s * 1000 > LATE_MS)
        task->cluster->is_told = false;
}

/* ---- reading ---- */

static gboolean receive(gpointer data);

static void later(AwsEvents *events, int64_t after_ms)
{
    drop_timer(&events->timer);
    events->timer = aws_after(events->place->provider, after_ms, receive, events);
}

/* What an earlier process received is shown again after a while. */
static bool is_all_shown(const AwsEvents *events)
{
    const AwsProvider *provider = events->place->provider;
    return events->asked_ms - provider->started_ms >= aws_patience_ms(provider, VISIBILITY_MS);
}

static void now_read(AwsEvents *events)
{
    if (events->is_read)
        return;
    events->is_read = true;
    aws_observed(events->place->provider);
}

static void received_none(AwsEvents *events, const AwsError *error)
{
    bool is_hopeless =
        error->is_certain && (error->action == AWS_ACT_CONFIGURATION || error->action == AWS_ACT_FINAL);
    g_autofree char *why = aws_error_text(error);
    if (events->faults++ == 0)
        aws_log(events->place->provider, "queue %s cannot be read: %s; it is tried again%s", events->queue,
                why, is_hopeless ? ", and ends of tasks that nobody saw are lost attempts" : "");
    later(events, MIN((int64_t)AGAIN_MS << MIN(events->faults, 10), AGAIN_MAX_MS));
    if (is_hopeless)
        now_read(events);
}

static void take_received(const AwsAnswer *answer, void *data)
{
    AwsEvents *events = data;
    const json_t *messages = json_object_get(answer->json, "Messages");
    size_t index;
    json_t *message;
    if (answer->error) {
        received_none(events, answer->error);
        return;
    }
    if (events->faults > 0)
        aws_log(events->place->provider, "queue %s can be read again", events->queue);
    events->faults = 0;
    json_array_foreach(messages, index, message) take_message(events, message);
    later(events, 0);
    if (json_array_size(messages) == 0 && is_all_shown(events))
        now_read(events);
}

static void take_place(const char *fault, void *data)
{
    AwsEvents *events = data;
    later(events, fault ? AGAIN_MAX_MS : 0);
}

/* Nothing is received before it is known whose account it is, and which clusters are ours: what was received
 * and is nobody's is gone. */
static bool may_receive(AwsEvents *events)
{
    Use use = use_of(events);
    if (use == USE_READY && events->place->account)
        return true;
    if (use == USE_NONE)
        now_read(events);
    if (use == USE_READY)
        aws_place_check(events->place, NULL, take_place, events);
    else
        later(events, AGAIN_MS);
    return false;
}

static gboolean receive(gpointer data)
{
    AwsEvents *events = data;
    const AwsProvider *provider = events->place->provider;
    drop_timer(&events->timer);
    if (!may_receive(events))
        return G_SOURCE_REMOVE;
    events->asked_ms = aws_monotonic_ms(provider);
    ask(events, "ReceiveMessage",
        json_pack("{s:s,s:i,s:i,s:i}", "QueueUrl", events->url, "MaxNumberOfMessages", BATCH_MAX,
                  "WaitTimeSeconds", events->is_read ? WAIT_S : FIRST_WAIT_S, "VisibilityTimeout",
                  (int)MAX(aws_patience_ms(provider, VISIBILITY_MS) / 1000, 1)),
        take_received);
    return G_SOURCE_REMOVE;
}

static void go(AwsEvents *events)
{
    if (events->is_running)
        return;
    events->is_running = true;
    later(events, 0);
}

void aws_events_go(AwsProvider *provider)
{
    for (guint i = 0; i < provider->events->len; i++)
        go(provider->events->pdata[i]);
}

bool aws_events_are_read(const AwsProvider *provider, const AwsCluster *cluster)
{
    if (cluster)
        return !cluster->events || cluster->events->is_read;
    for (guint i = 0; i < provider->events->len; i++)
        if (!((const AwsEvents *)provider->events->pdata[i])->is_read)
            return false;
    return true;
}

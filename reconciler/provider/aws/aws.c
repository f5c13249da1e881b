/* aws.c: the provider's face; time, tokens, words that its files share. */
#include "reconciler/provider/aws/aws.h"
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/task_definition.h"

#define CONNECTIONS 32
#define SETTLE_MS   60000
#define AGAIN_MS    3000

/* ---- shared ---- */

int64_t aws_now_ms(const AwsProvider *provider)
{
    const AwsTime *time = provider->options.time;
    return time->now_ms(time->self);
}

int64_t aws_patience_ms(const AwsProvider *provider, int64_t usual_ms)
{
    return provider->options.settle_ms ? provider->options.settle_ms : usual_ms;
}

int64_t aws_monotonic_ms(const AwsProvider *provider)
{
    const AwsTime *time = provider->options.time;
    return time->monotonic_ms(time->self);
}

void aws_tell(AwsProvider *provider, const ProviderEvent *event)
{
    provider->options.event(event, provider->options.data);
}

void aws_log(AwsProvider *provider, const char *format, ...)
{
    va_list arguments;
    if (!provider->options.log)
        return;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    provider->options.log(provider->options.log_data, text);
}

GHashTable *aws_token_map_new(GDestroyNotify free_value)
{
    return g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, free_value);
}

GSource *aws_after(AwsProvider *provider, int64_t after_ms, GSourceFunc func, void *data)
{
    const AwsTime *time = provider->options.time;
    GSource *source = time->timer_new ? time->timer_new(time->self, after_ms)
                                      : g_timeout_source_new((guint)CLAMP(after_ms, 0, G_MAXINT));
    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, provider->context);
    return source;
}

/* ---- the first observation ---- */

static gboolean look_again(gpointer data)
{
    AwsProvider *provider = data;
    GHashTableIter iter;
    AwsCluster *cluster;
    g_source_destroy(provider->again);
    g_clear_pointer(&provider->again, g_source_unref);
    g_hash_table_iter_init(&iter, provider->clusters);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&cluster))
        aws_look_begin(cluster);
    return G_SOURCE_REMOVE;
}

static bool is_whole(const AwsProvider *provider)
{
    GHashTableIter iter;
    AwsCluster *cluster;
    g_hash_table_iter_init(&iter, provider->clusters);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&cluster))
        if (aws_look_is_beginning(cluster))
            return false;
    return true;
}

static void claim(AwsProvider *provider)
{
    GHashTableIter iter;
    const AwsExpected *one;
    g_hash_table_iter_init(&iter, provider->expected);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&one)) {
        const ProviderEvent event = {.type = PROVIDER_EVENT_ACCEPTED, .token = one->token};
        if (one->is_ours)
            aws_tell(provider, &event);
    }
}

/* What was there once is lost; what never showed was never carried out. */
static ProviderEventType end_of(const AwsExpected *one)
{
    if (one->is_instance)
        return one->was_there ? PROVIDER_EVENT_INSTANCE_GONE : PROVIDER_EVENT_INSTANCE_REFUSED;
    return one->was_there ? PROVIDER_EVENT_LOST : PROVIDER_EVENT_REFUSED;
}

static void give_up(AwsProvider *provider)
{
    GHashTableIter iter;
    const AwsExpected *one;
    g_hash_table_iter_init(&iter, provider->expected);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&one)) {
        const ProviderEvent event = {.type = end_of(one),
                                     .token = one->token,
                                     .at_ms = aws_now_ms(provider),
                                     .refusal = INSTANCE_REFUSED_UNKNOWN_LATER,
                                     .gone = INSTANCE_GONE_DIED,
                                     .reason =
                                         one->is_instance && one->was_there ? "not there any more" : NULL};
        if (one->is_ours)
            aws_tell(provider, &event);
    }
    g_hash_table_remove_all(provider->expected);
}

/* What an earlier process asked for a moment ago may show only later: it is looked for as long as AWS may
 * take for that, before it is believed that it was never carried out. Everything else goes on meanwhile. */
void aws_observed(AwsProvider *provider)
{
    const ProviderEvent event = {.type = PROVIDER_EVENT_OBSERVED};
    int64_t settle_ms = aws_patience_ms(provider, SETTLE_MS);
    if (!is_whole(provider))
        return;
    if (!provider->is_observed) {
        provider->is_observed = true;
        claim(provider);
        aws_tell(provider, &event);
    }
    aws_events_go(provider);
    bool is_over =
        aws_monotonic_ms(provider) - provider->started_ms >= settle_ms && aws_events_are_read(provider);
    if (g_hash_table_size(provider->clusters) == 0 || is_over)
        give_up(provider);
    else if (g_hash_table_size(provider->expected) > 0 && !provider->again)
        provider->again = aws_after(provider, MIN(AGAIN_MS, settle_ms), look_again, provider);
}

bool aws_is_finding(const AwsProvider *provider)
{
    return provider->restored_from_ms > 0 && !provider->is_observed;
}

/* ---- the face ---- */

static void expected_free(void *data)
{
    g_strfreev(((AwsExpected *)data)->essential);
    g_free(data);
}

/* NULL: it has one container, or nobody knows any more. Only what has several is parsed. */
static char **essential_of(const ProviderExpected *expected)
{
    if (!expected->definition_spec || !strstr(expected->definition_spec, "\"ecsProperties\""))
        return NULL;
    json_t *spec = json_loads(expected->definition_spec, 0, NULL);
    g_autofree const char **names = task_definition_essential_of(spec, expected->node);
    char **essential = g_strdupv((char **)(uintptr_t)names);
    json_decref(spec);
    return essential;
}

static void note_faulty(AwsProvider *provider, const char *environment, bool is_faulty)
{
    if (is_faulty)
        g_hash_table_add(provider->faulty, g_strdup(environment));
    else
        g_hash_table_remove(provider->faulty, environment);
}

static bool face_start(Provider *base, const ProviderStart *start, GError **error)
{
    AwsProvider *provider = (AwsProvider *)base;
    (void)error; /* what cannot be reached now is reached later */
    provider->term = start->term;
    provider->restored_from_ms = start->restored_from_ms;
    provider->started_ms = aws_monotonic_ms(provider);
    for (size_t i = 0; i < start->expected_len; i++) {
        AwsExpected *one = g_new(AwsExpected, 1);
        *one = (AwsExpected){.token = start->expected[i].token,
                             .is_instance = start->expected[i].is_instance,
                             .is_ours = start->expected[i].provider == PROVIDER_AWS,
                             .was_there = start->expected[i].was_there,
                             .essential = essential_of(&start->expected[i])};
        g_hash_table_replace(provider->expected, &one->token, one);
    }
    for (size_t i = 0; i < start->resources_len; i++) {
        g_autoptr(GError) fault = NULL;
        AwsCluster *cluster = aws_cluster_get(provider, &start->resources[i], &fault);
        note_faulty(provider, start->resources[i].name, cluster == NULL);
        if (!cluster)
            aws_log(provider, "ComputeEnvironment/%s: %s", start->resources[i].name, fault->message);
        else
            aws_look_begin(cluster);
    }
    aws_observed(provider);
    return true;
}

static void face_launch(Provider *base, const LaunchRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++)
        aws_task_start((AwsProvider *)base, &requests[i]);
}

/* True: it may show yet, and is stopped then. */
static bool stop_later(AwsProvider *provider, const LaunchToken *token)
{
    AwsExpected *one = g_hash_table_lookup(provider->expected, token);
    if (!one || !one->is_ours)
        return false;
    one->is_stopping = true;
    return true;
}

bool aws_found(AwsProvider *provider, const LaunchToken *token)
{
    const AwsExpected *one = g_hash_table_lookup(provider->expected, token);
    bool is_stopping = one && one->is_stopping;
    g_hash_table_remove(provider->expected, token);
    return is_stopping;
}

static void face_stop(Provider *base, const LaunchToken *token, const char *reason)
{
    AwsProvider *provider = (AwsProvider *)base;
    AwsTask *task = g_hash_table_lookup(provider->tasks, token);
    const ProviderEvent nobody = {.type = PROVIDER_EVENT_REFUSED, .token = *token};
    if (task)
        aws_task_stop(task, reason, false);
    else if (!stop_later(provider, token))
        aws_tell(provider, &nobody);
}

static void face_settled(Provider *base, const LaunchToken *tokens, size_t len)
{
    AwsProvider *provider = (AwsProvider *)base;
    aws_events_settled(provider, tokens, len);
    for (size_t i = 0; i < len; i++) {
        g_hash_table_remove(provider->tasks, &tokens[i]);
        g_hash_table_remove(provider->hosts, &tokens[i]);
        g_hash_table_remove(provider->expected, &tokens[i]);
    }
}

static void face_instances_start(Provider *base, const InstanceRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++)
        aws_host_start((AwsProvider *)base, &requests[i]);
}

static void face_instances_stop(Provider *base, const LaunchToken *tokens, size_t len)
{
    AwsProvider *provider = (AwsProvider *)base;
    for (size_t i = 0; i < len; i++) {
        AwsHost *host = g_hash_table_lookup(provider->hosts, &tokens[i]);
        const ProviderEvent nobody = {.type = PROVIDER_EVENT_INSTANCE_REFUSED,
                                      .token = tokens[i],
                                      .refusal = INSTANCE_REFUSED_UNKNOWN_LATER};
        if (host)
            aws_host_stop(host);
        else if (!stop_later(provider, &tokens[i]))
            aws_tell(provider, &nobody);
    }
}

static void refuse_resource(AwsProvider *provider, const ResourceRequest *request, const char *reason)
{
    const ProviderEvent event = {.type = PROVIDER_EVENT_RESOURCE_REFUSED,
                                 .kind = request->kind,
                                 .resource = request->name,
                                 .number = request->number,
                                 .reason = reason};
    aws_tell(provider, &event);
}

static void face_resources_apply(Provider *base, const ResourceRequest *requests, size_t len)
{
    AwsProvider *provider = (AwsProvider *)base;
    for (size_t i = 0; i < len; i++) {
        g_autoptr(GError) error = NULL;
        AwsCluster *cluster = requests[i].spec ? aws_cluster_get(provider, &requests[i], &error)
                                               : aws_cluster_find(provider, requests[i].name);
        note_faulty(provider, requests[i].name, requests[i].spec && !cluster);
        if (cluster)
            aws_apply(cluster, &requests[i]);
        else
            refuse_resource(provider, &requests[i], error ? error->message : "it is not known where it was");
    }
}

static void face_free(Provider *base)
{
    AwsProvider *provider = (AwsProvider *)base;
    if (provider->again)
        g_source_destroy(provider->again);
    g_clear_pointer(&provider->again, g_source_unref);
    aws_prepare_clear(provider);
    g_ptr_array_unref(provider->places); /* from here on nothing comes back */
    g_ptr_array_unref(provider->events);
    g_hash_table_unref(provider->tasks);
    g_ptr_array_unref(provider->nodes);
    g_hash_table_unref(provider->hosts);
    g_hash_table_unref(provider->clusters);
    g_hash_table_unref(provider->expected);
    g_hash_table_unref(provider->faulty);
    g_clear_pointer(&provider->http, http_free);
    g_clear_pointer(&provider->waiting_http, http_free);
    g_clear_pointer(&provider->settings, aws_settings_free);
    g_main_context_unref(provider->context);
    g_free(provider);
}

static void place_free(void *place)
{
    aws_place_free(place);
}

static void cluster_free(void *cluster)
{
    aws_cluster_free(cluster);
}

Provider *provider_aws_new(const AwsProviderOptions *options)
{
    AwsProvider *provider = g_new0(AwsProvider, 1);
    provider->base = (Provider){.start = face_start,
                                .launch = face_launch,
                                .stop = face_stop,
                                .settled = face_settled,
                                .free = face_free,
                                .instances_start = face_instances_start,
                                .instances_stop = face_instances_stop,
                                .resources_apply = face_resources_apply};
    provider->options = *options;
    provider->context = g_main_context_ref_thread_default();
    provider->http = http_new(provider->context, CONNECTIONS);
    provider->waiting_http = http_new(provider->context, CONNECTIONS);
    provider->events = g_ptr_array_new_with_free_func(aws_events_free);
    provider->places = g_ptr_array_new_with_free_func(place_free);
    provider->clusters = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, cluster_free);
    provider->hosts = aws_token_map_new(aws_host_free);
    provider->tasks = aws_token_map_new(aws_task_free);
    provider->faulty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    provider->nodes = g_ptr_array_new();
    provider->unprepared = g_queue_new();
    provider->expected = aws_token_map_new(expected_free);
    return &provider->base;
}

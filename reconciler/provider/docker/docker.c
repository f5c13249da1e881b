/* docker.c: the provider's face, and whether the engine is there. */
#include <string.h>
#include "reconciler/provider/docker/docker_internal.h"

/* An environment that is to be made: there is nothing to make, but the engine has to be there. */
typedef struct {
    Kind kind;
    char *name;
    uint64_t number;
    Digest digest;
} DockerRequest;

static void request_free(void *data)
{
    g_free(((DockerRequest *)data)->name);
    g_free(data);
}

/* ---- shared ---- */

int64_t docker_now_ms(const DockerProvider *provider)
{
    return provider->options.now_ms(provider->options.time);
}

int64_t docker_monotonic_ms(const DockerProvider *provider)
{
    return provider->options.monotonic_ms(provider->options.time);
}

void docker_tell(DockerProvider *provider, const ProviderEvent *event)
{
    provider->options.event(event, provider->options.data);
}

void docker_note(DockerProvider *provider, const char *format, ...)
{
    va_list arguments;
    if (!provider->options.log)
        return;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = g_strdup_printf("docker: %s", text);
    provider->options.log(provider->options.log_data, line);
}

GSource *docker_after(DockerProvider *provider, int64_t after_ms, GSourceFunc func, void *data)
{
    GSource *source = g_timeout_source_new((guint)CLAMP(after_ms, 0, G_MAXINT));
    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, provider->context);
    return source;
}

bool docker_found(DockerProvider *provider, const LaunchToken *token)
{
    const DockerExpected *one = g_hash_table_lookup(provider->expected, token);
    bool is_stopping = one && one->is_stopping;
    g_hash_table_remove(provider->expected, token);
    return is_stopping;
}

/* ---- the first observation ---- */

/* What was made and is not there was removed by somebody; what was not is not there because nobody made it.
 */
static void give_up(DockerProvider *provider)
{
    GHashTableIter iter;
    const DockerExpected *one;
    g_hash_table_iter_init(&iter, provider->expected);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&one)) {
        const ProviderEvent event = {.type = one->was_made ? PROVIDER_EVENT_LOST : PROVIDER_EVENT_REFUSED,
                                     .token = one->token,
                                     .at_ms = docker_now_ms(provider)};
        if (one->is_ours)
            docker_tell(provider, &event);
    }
    g_hash_table_remove_all(provider->expected);
}

/* Of an environment: why nothing can be said of it, or not made; else that it is there. */
static void tell_environment(DockerProvider *provider, const DockerRequest *request, ProviderEventType type,
                             const char *fault)
{
    const ProviderEvent event = {.type = fault ? PROVIDER_EVENT_RESOURCE_REFUSED : type,
                                 .kind = request->kind,
                                 .resource = request->name,
                                 .number = request->number,
                                 .applied = request->digest,
                                 .observed = fault ? NULL : "{}",
                                 .reason = fault};
    docker_tell(provider, &event);
}

static void tell_awaited(DockerProvider *provider, const char *fault)
{
    for (guint i = 0; i < provider->awaited->len; i++)
        tell_environment(provider, provider->awaited->pdata[i], PROVIDER_EVENT_RESOURCE_OBSERVED, fault);
}

void docker_observed(DockerProvider *provider)
{
    const ProviderEvent event = {.type = PROVIDER_EVENT_OBSERVED};
    give_up(provider);
    if (provider->is_observed)
        return;
    provider->is_observed = true;
    if (docker_engine_is_up(provider->engine))
        tell_awaited(provider, NULL);
    docker_tell(provider, &event);
}

/* ---- environments ---- */

static void answer_all(DockerProvider *provider, const char *fault)
{
    g_autoptr(GPtrArray) requests = g_steal_pointer(&provider->requests);
    provider->requests = g_ptr_array_new_with_free_func(request_free);
    for (guint i = 0; i < requests->len; i++)
        tell_environment(provider, requests->pdata[i], PROVIDER_EVENT_RESOURCE_APPLIED, fault);
}

static void take_installation(DockerProvider *provider, const char *installation)
{
    if (!installation || g_strcmp0(installation, provider->installation) == 0)
        return;
    g_free(provider->installation);
    provider->installation = g_strdup(installation);
    if (docker_engine_is_up(provider->engine))
        docker_look_begin(provider->look); /* it looked for another's, or for everybody's */
}

static void apply(DockerProvider *provider, const ResourceRequest *request)
{
    const ProviderEvent gone = {.type = PROVIDER_EVENT_RESOURCE_APPLIED,
                                .kind = request->kind,
                                .resource = request->name,
                                .number = request->number};
    if (!request->spec) {
        docker_tell(provider, &gone);
        return;
    }
    take_installation(provider, request->installation);
    DockerRequest *own = g_new0(DockerRequest, 1);
    *own = (DockerRequest){request->kind, g_strdup(request->name), request->number, request->digest};
    g_ptr_array_add(provider->requests, own);
    if (!provider->engine)
        answer_all(provider, provider->fault);
    else if (docker_engine_is_up(provider->engine))
        answer_all(provider, NULL);
    else if (docker_engine_fault(provider->engine))
        answer_all(provider, docker_engine_fault(provider->engine));
    else
        docker_engine_begin(provider->engine);
}

static void face_resources_apply(Provider *base, const ResourceRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++)
        apply((DockerProvider *)base, &requests[i]);
}

/* ---- whether the engine is there ---- */

/* Once for each time that it is away: what waits for it is many. */
static void note_change(DockerProvider *provider, const char *fault)
{
    if (fault && !provider->is_away)
        docker_note(provider, "%s; it is tried again, and what runs there goes on", fault);
    else if (!fault && provider->is_away)
        docker_note(provider, "the engine at %s answers again", provider->endpoint->text);
    provider->is_away = fault != NULL;
}

static void went_up(DockerProvider *provider)
{
    note_change(provider, NULL);
    docker_look_begin(provider->look);
    docker_pulls_again(provider);
    answer_all(provider, NULL);
}

static void went_down(DockerProvider *provider)
{
    const char *fault = docker_engine_fault(provider->engine);
    note_change(provider, fault);
    docker_look_end(provider->look);
    answer_all(provider, fault);
    if (!provider->is_observed && !provider->is_needed)
        docker_observed(provider);
    else if (!provider->is_observed)
        tell_awaited(provider, fault);
}

static void changed(void *data)
{
    DockerProvider *provider = data;
    if (docker_engine_is_up(provider->engine))
        went_up(provider);
    else
        went_down(provider);
}

/* ---- the face ---- */

static void expect(DockerProvider *provider, const ProviderExpected *expected)
{
    DockerExpected *one = g_new0(DockerExpected, 1);
    *one = (DockerExpected){.token = expected->token,
                            .is_ours = expected->provider == PROVIDER_DOCKER,
                            .was_started = expected->was_there,
                            .was_made = expected->is_named || expected->was_there};
    g_hash_table_replace(provider->expected, &one->token, one);
    provider->is_needed |= one->is_ours;
}

static void await(DockerProvider *provider, const ResourceRequest *resource)
{
    DockerRequest *own = g_new0(DockerRequest, 1);
    *own = (DockerRequest){resource->kind, g_strdup(resource->name), 0, resource->digest};
    take_installation(provider, resource->installation);
    g_ptr_array_add(provider->awaited, own);
}

static bool face_start(Provider *base, const ProviderStart *start, GError **error)
{
    DockerProvider *provider = (DockerProvider *)base;
    (void)error; /* what cannot be reached now is reached later */
    provider->term = start->term;
    for (size_t i = 0; i < start->expected_len; i++)
        if (!start->expected[i].is_instance)
            expect(provider, &start->expected[i]);
    for (size_t i = 0; i < start->resources_len; i++)
        await(provider, &start->resources[i]);
    if (provider->engine && (g_hash_table_size(provider->expected) > 0 || provider->awaited->len > 0))
        docker_engine_begin(provider->engine);
    if (!provider->engine && provider->is_needed)
        tell_awaited(provider, provider->fault);
    else if (g_hash_table_size(provider->expected) == 0)
        docker_observed(provider);
    return true;
}

static void face_launch(Provider *base, const LaunchRequest *requests, size_t len)
{
    DockerProvider *provider = (DockerProvider *)base;
    for (size_t i = 0; i < len; i++) {
        const ProviderEvent nowhere = {.type = PROVIDER_EVENT_REFUSED, .token = requests[i].token};
        if (provider->engine && docker_engine_info(provider->engine))
            docker_task_start(provider, &requests[i]);
        else
            docker_tell(provider, &nowhere);
    }
}

static void face_stop(Provider *base, const LaunchToken *token, const char *reason)
{
    DockerProvider *provider = (DockerProvider *)base;
    DockerExpected *expected = g_hash_table_lookup(provider->expected, token);
    DockerTask *task = g_hash_table_lookup(provider->tasks, token);
    const ProviderEvent nobody = {.type = PROVIDER_EVENT_REFUSED, .token = *token};
    (void)reason;
    if (expected && expected->is_ours)
        expected->is_stopping = true; /* when it shows */
    else if (task)
        docker_task_stop(task);
    else
        docker_tell(provider, &nobody);
}

static void face_named(Provider *base, const LaunchToken *tokens, size_t len)
{
    DockerProvider *provider = (DockerProvider *)base;
    for (size_t i = 0; i < len; i++) {
        DockerTask *task = g_hash_table_lookup(provider->tasks, &tokens[i]);
        if (task)
            docker_task_named(task);
    }
}

static void keep_pieces(DockerProvider *provider, const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        const DockerPiece *piece = task->pieces->pdata[i];
        if (piece->id && piece->state != PIECE_GONE)
            docker_kept_add(provider, piece->id, piece->volumes, piece->ended_ms);
    }
}

static void face_settled(Provider *base, const LaunchToken *tokens, size_t len)
{
    DockerProvider *provider = (DockerProvider *)base;
    for (size_t i = 0; i < len; i++) {
        const DockerTask *task = g_hash_table_lookup(provider->tasks, &tokens[i]);
        if (task)
            keep_pieces(provider, task);
        g_hash_table_remove(provider->tasks, &tokens[i]);
        g_hash_table_remove(provider->expected, &tokens[i]);
    }
}

static void face_free(Provider *base)
{
    DockerProvider *provider = (DockerProvider *)base;
    if (provider->timer)
        g_source_destroy(provider->timer);
    g_clear_pointer(&provider->timer, g_source_unref);
    g_hash_table_unref(provider->tasks); /* from here on nothing comes back */
    g_hash_table_unref(provider->pieces);
    g_hash_table_unref(provider->pulls);
    docker_kept_clear(provider);
    docker_look_free(provider->look);
    docker_engine_free(provider->engine);
    docker_endpoint_free(provider->endpoint);
    g_hash_table_unref(provider->expected);
    g_ptr_array_unref(provider->requests);
    g_ptr_array_unref(provider->awaited);
    g_main_context_unref(provider->context);
    g_free(provider->installation);
    g_free(provider->fault);
    g_free(provider);
}

static void set_endpoint(DockerProvider *provider)
{
    g_autoptr(GError) error = NULL;
    provider->endpoint =
        docker_endpoint_parse(provider->options.variable, provider->options.variable_data, &error);
    if (!provider->endpoint) {
        provider->fault = g_strdup(error->message);
        return;
    }
    provider->engine = docker_engine_new(provider->context, provider->endpoint, changed, provider);
    docker_engine_count(provider->engine, provider->options.calls, provider->options.monotonic_ms,
                        provider->options.time);
}

Provider *provider_docker_new(const DockerProviderOptions *options)
{
    DockerProvider *provider = g_new0(DockerProvider, 1);
    provider->base = (Provider){.start = face_start,
                                .launch = face_launch,
                                .stop = face_stop,
                                .settled = face_settled,
                                .named = face_named,
                                .free = face_free,
                                .resources_apply = face_resources_apply};
    provider->options = *options;
    provider->context = g_main_context_ref_thread_default();
    provider->tasks = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, docker_task_free);
    provider->pieces = g_hash_table_new(g_str_hash, g_str_equal);
    provider->expected = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, g_free);
    provider->pulls = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, docker_pull_free);
    provider->requests = g_ptr_array_new_with_free_func(request_free);
    provider->awaited = g_ptr_array_new_with_free_func(request_free);
    g_queue_init(&provider->kept);
    provider->look = docker_look_new(provider);
    set_endpoint(provider);
    return &provider->base;
}

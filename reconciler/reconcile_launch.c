/* reconcile_launch.c: placements become intents, intents become requests, the provider's events become
 * transitions. */
#include "reconciler/provider_event.h"
#include "reconciler/world/outside.h"
#include "reconciler/world/pins.h"
#include "reconciler/reconcile_internal.h"
#include "reconciler/schedule/reason.h"
#include "reconciler/world/guest.h"

/* ---- events from the provider
 * ------------------------------------------------------------------------------------------- */

void kept_event_clear(void *data)
{
    provider_event_clear(&((KeptEvent *)data)->event);
}

void reconciler_provider_event(const ProviderEvent *event, void *data)
{
    Reconciler *reconciler = data;
    ProviderEvent bounded = *event;
    g_autofree char *observed = resource_observed_text(event->observed);
    bounded.observed = observed;
    bounded.pins =
        event->pins && strnlen(event->pins, PINS_BYTES_MAX + 1) <= PINS_BYTES_MAX ? event->pins : NULL;
    KeptEvent kept = {.event = provider_event_copy(&bounded)};
    g_array_append_val(reconciler->events, kept);
    if (event->type == PROVIDER_EVENT_STARTED) {
        if (reconciler->started_at_ms == 0)
            reconciler->started_at_ms =
                reconciler->ports.clock.now_ms(reconciler->ports.clock.self) + STARTED_LAZY_MS;
        if (!reconciler->ticking && !reconciler->urgent)
            reconciler_plan_next(reconciler);
        return;
    }
    reconciler->urgent = true;
    if (g_queue_get_length(&reconciler->in_flight) < IN_FLIGHT_MAX)
        reconciler_wake(reconciler);
}

static void apply_capacity(Reconciler *reconciler, const ProviderEvent *event)
{
    reconciler->facts.machine = (Capacity){event->vcpus_e4, event->memory_mib, event->gpus};
    reconciler->machine_told = true;
    instance_local(reconciler->world, reconciler->facts.machine);
    g_free(reconciler->notice);
    reconciler->notice = g_strdup(event->notice);
    reconciler->facts.machine_notice = reconciler->notice;
}

static void apply_end(Reconciler *reconciler, Launch *launch, const ProviderEvent *event)
{
    LaunchEnd end = {.cause = event->cause,
                     .exit_code = event->exit_code,
                     .reason = event->reason,
                     .started_ms = event->started_ms,
                     .stopped_ms = event->at_ms};
    launch_ended(reconciler->world, launch, &end, reconciler->now_ms);
}

/* The launch is placed anew, though not on this instance at once: it may be about to go. */
static void apply_refused(Reconciler *reconciler, Launch *launch, const ProviderEvent *event)
{
    Instance *instance = launch->instance;
    launch_refused(reconciler->world, launch, event->reason, reconciler->now_ms);
    if (instance && instance->environment && !event->reason)
        instance_rest(reconciler->world, instance, reconciler->now_ms + REFUSED_REST_MS);
}

/* It is no row: who waits for news is told without a commit. */
static void apply_accepted(Reconciler *reconciler, const Launch *launch, const ProviderEvent *event)
{
    if (g_strcmp0(launch_waits_for(reconciler->world, launch), event->reason) == 0)
        return;
    launch_waits(reconciler->world, launch, event->reason);
    reconciler->waiters_due = true;
}

static void apply_started(Reconciler *reconciler, Launch *launch, const ProviderEvent *event)
{
    bool runs = launch->state == LAUNCH_EFFECTIVE;
    launch_started(reconciler->world, launch, event->at_ms, reconciler->now_ms);
    if (!runs)
        node_runs(reconciler, launch);
}

static void apply_to_launch(Reconciler *reconciler, Launch *launch, const ProviderEvent *event)
{
    switch (event->type) {
    case PROVIDER_EVENT_ACCEPTED: apply_accepted(reconciler, launch, event); return;
    case PROVIDER_EVENT_STARTED: apply_started(reconciler, launch, event); return;
    case PROVIDER_EVENT_REFUSED: apply_refused(reconciler, launch, event); return;
    case PROVIDER_EVENT_ENDED: apply_end(reconciler, launch, event); return;
    case PROVIDER_EVENT_LOST: launch_lost(reconciler->world, launch, reconciler->now_ms); return;
    case PROVIDER_EVENT_OBSERVED:
    case PROVIDER_EVENT_CAPACITY:
    case PROVIDER_EVENT_INSTANCE_STARTED:
    case PROVIDER_EVENT_INSTANCE_REGISTERED:
    case PROVIDER_EVENT_INSTANCE_REFUSED:
    case PROVIDER_EVENT_INSTANCE_GONE:
    case PROVIDER_EVENT_INSTANCE_FOUND:
    case PROVIDER_EVENT_FOUND:
    case PROVIDER_EVENT_RESOURCE_OBSERVED:
    case PROVIDER_EVENT_RESOURCE_APPLIED:
    case PROVIDER_EVENT_RESOURCE_REFUSED:
    case PROVIDER_EVENT_INSTANCE_WARNED:
    case PROVIDER_EVENT_COLLECTED: break;
    }
    g_assert_not_reached();
}

/* Of an attempt that no launcher saw end: else the launcher does it. What a job left in its directory stays
 * as long as its logs. */
static void remove_work_dir(Reconciler *reconciler, const Launch *launch)
{
    char *path = attempt_work_dir(reconciler->state_dir, &launch->job->id, launch->index, launch->attempt);
    reconciler->ports.files.remove_empty(reconciler->ports.files.self, path);
}

void launch_told(Reconciler *reconciler, Launch *launch, const ProviderEvent *event)
{
    if (event->type == PROVIDER_EVENT_LOST)
        remove_work_dir(reconciler, launch);
    launch_named(reconciler->world, launch, event->provider_id);
    if (event->type == PROVIDER_EVENT_ACCEPTED && event->provider_id && reconciler->ports.provider->named)
        g_array_append_val(reconciler->outgoing->named, event->token);
    apply_to_launch(reconciler, launch, event);
}

static void apply_event(Reconciler *reconciler, const ProviderEvent *event)
{
    if (event->type == PROVIDER_EVENT_CAPACITY) {
        apply_capacity(reconciler, event);
        return;
    }
    if (event->type == PROVIDER_EVENT_COLLECTED) {
        found_event(reconciler, "environment.collected", event->environment, event->reason);
        return;
    }
    if (event->type == PROVIDER_EVENT_OBSERVED) {
        observation_apply(reconciler, event->providers);
        return;
    }
    if (instance_event_apply(reconciler, event) || resource_event_apply(reconciler, event) ||
        found_event_apply(reconciler, event))
        return;
    bool is_final = event->type != PROVIDER_EVENT_STARTED && event->type != PROVIDER_EVENT_ACCEPTED;
    Launch *launch = world_launch(reconciler->world, &event->token);
    g_hash_table_remove(reconciler->unseen, &event->token);
    if (launch && event->type == PROVIDER_EVENT_REFUSED && !event->reason &&
        observation_asks_again(reconciler, launch))
        return;
    /* A launch that the world does not know ended here before: the provider may forget it. */
    if (is_final)
        g_array_append_val(reconciler->outgoing->settled, event->token);
    if (launch) {
        meter_event(reconciler, launch, event);
        launch_told(reconciler, launch, event);
    } else if (event->type == PROVIDER_EVENT_STARTED && observation_restored_ms(reconciler) > 0) {
        /* It runs, the state that was restored is older than it is, and it does not say whose it is. */
        g_array_append_val(reconciler->outgoing->stops, event->token);
    }
}

/* The first ones go with the tick's batch; they are freed when that is durable. */
static void events_move(Reconciler *reconciler, guint len)
{
    GArray *events = reconciler->events;
    g_array_append_vals(reconciler->outgoing->events, events->data, len);
    g_array_set_clear_func(events, NULL); /* moved */
    g_array_remove_range(events, 0, len);
    g_array_set_clear_func(events, kept_event_clear);
}

/* As many as fit in the budget, in their order; the rest in the next tick. */
void launch_events_apply(Reconciler *reconciler)
{
    GArray *events = reconciler->events;
    guint done = 0;
    reconciler->urgent = false;
    reconciler->started_at_ms = 0;
    if (events->len == 0)
        return;
    reconciler->changed = true;
    while (done < events->len && (done < EVENTS_MIN || budget_left(&reconciler->budget)))
        apply_event(reconciler, &g_array_index(events, KeptEvent, done++).event);
    events_move(reconciler, done);
    reconciler->urgent = reconciler->again = events->len > 0;
}

GHashTable *launch_token_set_new(void)
{
    return g_hash_table_new_full(launch_token_hash, launch_token_same, g_free, NULL);
}

static void expect(Reconciler *reconciler, GArray *expected, const LaunchToken *token,
                   const Environment *environment, const ProviderExpected *as)
{
    ProviderExpected one = *as;
    one.token = *token;
    one.provider = environment ? environment->provider : PROVIDER_UNSET;
    g_array_append_val(expected, one);
    g_hash_table_add(reconciler->unseen, g_memdup2(token, sizeof *token));
}

static void expect_all(Reconciler *reconciler, GArray *expected)
{
    for (const Launch *launch = NULL; (launch = world_launch_next(reconciler->world, launch));) {
        const ProviderExpected as = {.was_there = launch->started_ms > 0,
                                     .is_named = launch_is_named(launch),
                                     .definition_spec = launch->job->template->definition_spec,
                                     .node = launch->is_node ? launch->index : -1};
        expect(reconciler, expected, &launch->token, launch->environment, &as);
    }
    for (const Instance *instance = NULL; (instance = world_instance_next(reconciler->world, instance));) {
        const ProviderExpected as = {
            .is_instance = true, .was_there = instance->provider_id != NULL, .node = -1};
        expect(reconciler, expected, &instance->token, instance->environment, &as);
    }
}

/* What runs and is nobody's is looked after all the same. */
static void expect_guests(Reconciler *reconciler, GArray *expected)
{
    for (size_t i = 0; i < world_guests_len(reconciler->world); i++) {
        const Guest *guest = world_guest_get(reconciler->world, i);
        const ProviderExpected as = {.was_there = true, .is_named = true, .node = -1};
        expect(reconciler, expected, &guest->token,
               world_environment_outside(reconciler->world, view_from(guest->environment)), &as);
    }
}

bool launch_provider_start(Reconciler *reconciler, GError **error)
{
    g_autoptr(GArray) expected = g_array_new(FALSE, TRUE, sizeof(ProviderExpected));
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    expect_all(reconciler, expected);
    expect_guests(reconciler, expected);
    g_autoptr(GArray) resources = resources_begin(reconciler, texts);
    Provider *provider = reconciler->ports.provider;
    const ProviderStart start = {.term = reconciler->ports.store.term(reconciler->ports.store.self),
                                 .restored_from_ms = observation_restored_ms(reconciler),
                                 .expected = (const ProviderExpected *)(void *)expected->data,
                                 .expected_len = expected->len,
                                 .resources = (const ResourceRequest *)(void *)resources->data,
                                 .resources_len = resources->len};
    return provider->start(provider, &start, error);
}

/* ---- placements
 * ------------------------------------------------------------------------------------------------------------
 */

/* The next children are looked up before one that stands before them is launched. */
static void entropy_token(LaunchToken *token, void *data)
{
    const Reconciler *reconciler = data;
    reconciler->ports.entropy.fill(reconciler->ports.entropy.self, token->bytes, sizeof token->bytes);
}

/* What was decided becomes an effect when this tick's batch is durable. */
static void let_out(Reconciler *reconciler)
{
    const Decided *decided = &reconciler->decided;
    Outgoing *outgoing = reconciler->outgoing;
    for (guint i = 0; i < decided->launches->len; i++) {
        const Launch *launch = decided->launches->pdata[i];
        if (!found_defers(reconciler, launch))
            g_array_append_val(outgoing->launches, launch->token);
    }
    for (guint i = 0; i < decided->instances->len; i++) {
        const GrowthLaunch *launch = &g_array_index(decided->instances, GrowthLaunch, i);
        InstanceIntent intent = {launch->instance->token, launch->max_price_micro_per_h};
        g_array_append_val(outgoing->instances, intent);
    }
    for (guint i = 0; i < decided->instance_stops->len; i++)
        g_array_append_val(outgoing->instance_stops,
                           ((const Instance *)decided->instance_stops->pdata[i])->token);
    g_ptr_array_extend(reconciler->stops, decided->stops, NULL, NULL);
}

void launch_decide(Reconciler *reconciler)
{
    bool due = reconciler->now_ms >= reconciler->decide_at_ms;
    if (!reconciler->changed && !due && !world_is_dirty(reconciler->world))
        return;
    reconciler->changed = false;
    if (!reconciler->launch || !reconciler->observed || reconciler->draining)
        return;
    observation_silence(reconciler);
    resources_pinning(reconciler);
    DecideOptions options = {.world = reconciler->world,
                             .growth = reconciler->growth,
                             .providers = reconciler->providers,
                             .placements_max = PLACEMENTS_MAX,
                             .token = entropy_token,
                             .token_data = reconciler,
                             .now_ms = reconciler->now_ms};
    arena_reset(reconciler->arena);
    decided_reset(&reconciler->decided);
    decide(&options, reconciler->arena, &reconciler->decided);
    let_out(reconciler);
    meter_decided(reconciler);
    reconciler->decide_at_ms = reconciler->decided.wake_ms;
    reconciler->changed = reconciler->decided.more || reconciler->decide_at_ms <= reconciler->now_ms;
}

/* ---- requests
 * ---------------------------------------------------------------------------------------------------------------
 */

static void add_variable(GPtrArray *envp, Arena *arena, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    char *text = arena_alloc(arena, name_len + value_len + 2);
    memcpy(text, name, name_len);
    text[name_len] = '=';
    memcpy(text + name_len + 1, value, value_len);
    g_ptr_array_add(envp, text);
}

static void add_number(GPtrArray *envp, Arena *arena, const char *name, int64_t value)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    add_variable(envp, arena, name, text);
}

static const char *keep(Arena *arena, char *text)
{
    const char *copy = text ? arena_strndup(arena, text, strlen(text)) : NULL;
    g_free(text);
    return copy;
}

static ProviderType provider_of(const Launch *launch)
{
    return launch->environment ? launch->environment->provider : PROVIDER_UNSET;
}

static bool has_variable(const JobDefinitionSpec *spec, const char *name)
{
    for (size_t i = 0; i < spec->environment_len; i++)
        if (strcmp(spec->environment[i].name, name) == 0)
            return true;
    return false;
}

/* As Batch names it: nodes of a multinode job ID#NODE. */
static void launch_name(const Launch *launch, char ret_text[JOB_NAME_TEXT])
{
    job_ref_text(&launch->job->id, launch->is_node ? NOT_A_CHILD : launch->index, ret_text);
    size_t len = strlen(ret_text);
    if (launch->is_node)
        g_snprintf(ret_text + len, JOB_NAME_TEXT - len, "#%d", launch->index);
}

static void add_place(GPtrArray *envp, Arena *arena, const Launch *launch)
{
    const JobDefinitionSpec *spec = launch->job->template->effective;
    if (launch->is_node) {
        add_number(envp, arena, "AWS_BATCH_JOB_NODE_INDEX", launch->index);
        add_number(envp, arena, "AWS_BATCH_JOB_NUM_NODES", spec->nodes);
        add_number(envp, arena, "AWS_BATCH_JOB_MAIN_NODE_INDEX", spec->main_node);
    } else if (launch->index != NOT_A_CHILD) {
        add_number(envp, arena, "AWS_BATCH_JOB_ARRAY_INDEX", launch->index);
        add_number(envp, arena, "AWS_BATCH_JOB_ARRAY_SIZE", launch->job->array_size);
    }
}

/* A process on this machine has no image that says these. */
static void add_machine(GPtrArray *envp, Arena *arena, const JobDefinitionSpec *spec, const char *work_dir)
{
    if (!has_variable(spec, "PATH"))
        add_variable(envp, arena, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (!has_variable(spec, "HOME"))
        add_variable(envp, arena, "HOME", work_dir);
}

/* batch: "Environment variables injected"; ours come beside them. */
static void add_injected(GPtrArray *envp, Arena *arena, const Launch *launch)
{
    const Job *job = launch->job;
    char id[JOB_NAME_TEXT];
    launch_name(launch, id);
    add_variable(envp, arena, "AWS_BATCH_JOB_ID", id);
    add_variable(envp, arena, "AWS_BATCH_JQ_NAME", job->queue->resource->name);
    if (launch->environment)
        add_variable(envp, arena, "AWS_BATCH_CE_NAME", launch->environment->resource->name);
    add_number(envp, arena, "AWS_BATCH_JOB_ATTEMPT", launch->attempt);
    add_place(envp, arena, launch);
    if (job->run) {
        g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(run_scheduled_ms(job->run) / 1000);
        g_autofree char *scheduled = g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ");
        add_variable(envp, arena, "MUSTER_RUN_ID", job->run->id);
        add_variable(envp, arena, "MUSTER_SCHEDULED_AT", scheduled);
    }
}

static void add_environment(GPtrArray *envp, Arena *arena, const Launch *launch,
                            const JobDefinitionSpec *spec, LaunchRequest *request)
{
    bool is_local = request->provider == PROVIDER_LOCAL;
    for (size_t i = 0; i < spec->environment_len; i++)
        add_variable(envp, arena, spec->environment[i].name,
                     spec->environment[i].value ? spec->environment[i].value : "");
    if (is_local)
        add_machine(envp, arena, spec, request->work_dir);
    request->injected = envp->len;
    add_injected(envp, arena, launch);
    if (is_local && request->main_node)
        add_variable(envp, arena, "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", "127.0.0.1");
    if (is_local && request->workspace)
        add_variable(envp, arena, "MUSTER_WORKSPACE", request->workspace);
    g_ptr_array_add(envp, NULL);
    request->envp = (const char *const *)envp->pdata;
}

/* Where the steps of a run share a directory. */
static void add_workspace(const Reconciler *reconciler, Arena *arena, const Job *job, LaunchRequest *request)
{
    if (!job->run || !job->run->pipeline || !job->run->pipeline->workspace)
        return;
    request->workspace_name = keep(arena, g_strdup(run_workspace(job->run)));
    request->workspace =
        keep(arena, g_build_filename(reconciler->state_dir, "workspaces", request->workspace_name, NULL));
}

static void build_request(const Reconciler *reconciler, const Launch *launch, const JobDefinitionSpec *spec,
                          Arena *arena, GPtrArray *envp, LaunchRequest *ret_request)
{
    static const char *const no_command[] = {NULL};
    const Job *job = launch->job;
    char id[JOB_NAME_TEXT];
    launch_name(launch, id);
    const char *log =
        keep(arena, attempt_log_path(reconciler->state_dir, &job->id, launch->index, launch->attempt));
    *ret_request = (LaunchRequest){
        .token = launch->token,
        .term = reconciler->ports.store.term(reconciler->ports.store.self),
        .provider = provider_of(launch),
        .environment = launch->environment ? environment_outside(launch->environment) : NULL,
        .job_id = arena_strndup(arena, id, strlen(id)),
        .queue = job->queue->resource->name,
        .attempt = launch->attempt,
        .argv = spec->command ? (const char *const *)spec->command : no_command,
        .work_dir =
            keep(arena, attempt_work_dir(reconciler->state_dir, &job->id, launch->index, launch->attempt)),
        .stdout_path = log,
        .stderr_path = log,
        .vcpus_e4 = launch->vcpus_e4,
        .memory_mib = launch->memory_mib,
        .gpus = (int)launch->gpus,
        .timeout_ms = spec->timeout_ms,
        .kill_grace_ms = KILL_GRACE_MS,
        .user = spec->user,
        .definition = job->template->definition,
        .definition_spec = job->template->definition_spec,
        .overrides = job->template->request,
        .node = launch->is_node ? launch->index : -1,
        .main_node = launch->is_node && job->launch && job->launch != launch ? &job->launch->token : NULL};
    add_workspace(reconciler, arena, job, ret_request);
    add_environment(envp, arena, launch, spec, ret_request);
    if (launch->instance && launch->instance->environment)
        ret_request->instance = &launch->instance->token;
}

/* A definition without a command has nothing to run here: the attempt ends as Batch words it, without
 * troubling the provider. */
static void refuse_without_command(Reconciler *reconciler, const LaunchToken *token)
{
    ProviderEvent event = {
        .type = PROVIDER_EVENT_REFUSED,
        .token = *token,
        .at_ms = reconciler->now_ms,
        .reason =
            "CannotStartContainerError: the job definition has no command, and provider local uses no image"};
    reconciler_provider_event(&event, reconciler);
}

/* What the attempt runs. specs: gets what is to be freed; NULL: nothing. */
static const JobDefinitionSpec *spec_of(const Launch *launch, GPtrArray *specs)
{
    if (!launch->is_node || provider_of(launch) != PROVIDER_LOCAL)
        return launch->job->template->effective;
    JobDefinitionSpec *spec = node_spec(launch);
    if (spec)
        g_ptr_array_add(specs, spec);
    return spec;
}

static void send_launches(Reconciler *reconciler, const GArray *tokens)
{
    g_autoptr(Arena) arena = arena_new();
    g_autofree LaunchRequest *requests = g_new0(LaunchRequest, tokens->len);
    g_autoptr(GPtrArray) envps = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func((GDestroyNotify)job_definition_spec_free);
    size_t len = 0;
    for (guint i = 0; i < tokens->len; i++) {
        const LaunchToken *token = &g_array_index(tokens, LaunchToken, i);
        const Launch *launch = world_launch(reconciler->world, token);
        if (!launch || node_waits(launch))
            continue;
        const JobDefinitionSpec *spec = spec_of(launch, specs);
        if (!spec || (provider_of(launch) == PROVIDER_LOCAL && (!spec->command || !spec->command[0]))) {
            refuse_without_command(reconciler, token);
            continue;
        }
        GPtrArray *envp = g_ptr_array_new();
        g_ptr_array_add(envps, envp);
        build_request(reconciler, launch, spec, arena, envp, &requests[len++]);
    }
    if (len)
        reconciler->ports.provider->launch(reconciler->ports.provider, requests, len);
}

void launch_effects(Reconciler *reconciler, const Outgoing *outgoing)
{
    Provider *provider = reconciler->ports.provider;
    if (!provider)
        return;
    resource_effects(reconciler, outgoing);
    instance_effects(reconciler, outgoing);
    if (outgoing->launches->len)
        send_launches(reconciler, outgoing->launches);
    for (guint i = 0; i < outgoing->stops->len; i++) {
        const LaunchToken *token = &g_array_index(outgoing->stops, LaunchToken, i);
        const Launch *launch = world_launch(reconciler->world, token);
        const char *reason = launch ? launch->job->status_reason : "muster does not know its job";
        provider->stop(provider, token, reason ? reason : "");
    }
    if (outgoing->named->len)
        provider->named(provider, (const LaunchToken *)(void *)outgoing->named->data, outgoing->named->len);
    if (outgoing->settled->len)
        provider->settled(provider, (const LaunchToken *)(void *)outgoing->settled->data,
                          outgoing->settled->len);
}

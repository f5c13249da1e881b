/* Instances: intended, started, registered, draining, stopping, gone; and the one machine that local
 * environments share. */
#include "reconciler/world/job.h"
#include "spec/base/units.h"

static const char *const state_names[] = {"INTENDED", "PENDING", "REGISTERED", "DRAINING",
                                          "STOPPING", "UNKNOWN", "GONE"};

const char *instance_state_name(InstanceState state)
{
    g_assert((unsigned)state < G_N_ELEMENTS(state_names));
    return state_names[state];
}

static uint64_t number_of(const TreeNode *node)
{
    return TREE_ENTRY(node, InstanceEntry, by_number)->instance.number;
}

static int number_compare(const TreeNode *a, const TreeNode *b)
{
    return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
}

static int in_environment_compare(const TreeNode *a, const TreeNode *b)
{
    uint64_t left = TREE_ENTRY(a, InstanceEntry, in_environment)->instance.number;
    uint64_t right = TREE_ENTRY(b, InstanceEntry, in_environment)->instance.number;
    return (left > right) - (left < right);
}

static MapKey key_of(const LaunchToken *token)
{
    MapKey key;
    memcpy(key.bytes, token->bytes, sizeof key.bytes);
    return key;
}

/* ---- life ---- */

static InstanceEntry *entry_new(World *world, const LaunchToken *token, uint64_t number)
{
    InstanceEntry *entry = g_new0(InstanceEntry, 1);
    entry->instance.token = *token;
    entry->instance.number = number;
    entry->instance.price_micro_per_h = -1;
    entry->decided = INSTANCE_REGISTERED;
    entry->dirty.data = entry;
    (void)world;
    return entry;
}

void instances_init(World *world)
{
    tree_init(&world->instances, number_compare);
    world->instances_by_token = map_new();
    world->instance_stops = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    world->resting = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    world->local_fleet = fleet_new();
    world->local = entry_new(world, &(LaunchToken){{0}}, 0);
    world->local->instance.type = g_strdup("");
    world->local->instance.state = INSTANCE_UNKNOWN;
}

void environment_instances_init(Environment *environment)
{
    EnvironmentEntry *entry = environment_entry(environment);
    tree_init(&entry->instances, in_environment_compare);
    environment->fleet = fleet_new();
    environment->coming = fleet_new();
}

void environment_instances_clear(Environment *environment)
{
    fleet_free(environment->fleet);
    fleet_free(environment->coming);
}

static void entry_free(InstanceEntry *entry)
{
    g_free(entry->instance.type);
    g_free(entry->instance.provider_id);
    g_free(entry->instance.warning);
    g_free(entry);
}

/* When the world ends: launches are gone by then, environments are not. */
void instances_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->instances); node; node = tree_first(&world->instances)) {
        InstanceEntry *entry = TREE_ENTRY(node, InstanceEntry, by_number);
        if (entry->instance.in_fleet.fleet)
            fleet_remove(entry->instance.in_fleet.fleet, &entry->instance);
        tree_remove(&world->instances, node);
        entry_free(entry);
    }
    fleet_free(world->local_fleet);
    entry_free(world->local);
    map_free(world->instances_by_token);
    g_array_unref(world->instance_stops);
    g_array_unref(world->resting);
}

/* ---- rows and events ---- */

static bool is_local(const Instance *instance)
{
    return instance->number == 0;
}

void instance_touch(World *world, Instance *instance)
{
    InstanceEntry *entry = instance_entry(instance);
    if (entry->is_dirty || world_is_quiet(world) || is_local(instance))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_instances, &entry->dirty);
}

/* What is UNKNOWN since a restart keeps the row that it had: what was decided, else what it was. */
static InstanceState state_stored(const InstanceEntry *entry)
{
    const Instance *instance = &entry->instance;
    if (instance->state != INSTANCE_UNKNOWN)
        return instance->state;
    return entry->decided != INSTANCE_REGISTERED ? entry->decided : entry->before;
}

InstanceRecord instance_record(const Instance *instance)
{
    const InstanceEntry *entry = instance_entry(instance);
    return (InstanceRecord){.number = instance->number,
                            .token = instance->token,
                            .environment = view_from(instance->environment->resource->name),
                            .state = state_stored(entry),
                            .type = view_from(instance->type),
                            .provider_id = view_from(instance->provider_id),
                            .status_reason = VIEW(""),
                            .spot = instance->spot,
                            .ran = instance->ran,
                            .total = instance->total,
                            .price_micro_per_h = instance->price_micro_per_h,
                            .intended_ms = instance->intended_ms,
                            .registered_ms = instance->registered_ms,
                            .generation = instance->generation,
                            .is_new = entry->is_new};
}

static void instance_event(World *world, const Instance *instance, InstanceState to, const char *reason,
                           int64_t now_ms)
{
    if (world_is_quiet(world))
        return;
    char hex[LAUNCH_TOKEN_TEXT];
    launch_token_text(&instance->token, hex);
    g_autofree char *subject =
        g_strconcat("instance ", instance->provider_id ? instance->provider_id : hex, NULL);
    g_autofree char *message =
        g_strdup_printf("%s -> %s%s%s", instance_state_name(instance->state), instance_state_name(to),
                        reason && *reason ? ": " : "", reason ? reason : "");
    world_event(world, "instance.state", subject, message, now_ms);
}

/* ---- which fleet ---- */

/* The fleet that the state asks for. */
static Fleet *fleet_wanted(const Instance *instance)
{
    switch (instance->state) {
    case INSTANCE_INTENDED:
    case INSTANCE_PENDING: return instance->environment->coming;
    case INSTANCE_REGISTERED:
        return instance->rests_until_ms ? instance->environment->coming : instance->environment->fleet;
    case INSTANCE_DRAINING:
    case INSTANCE_STOPPING:
    case INSTANCE_UNKNOWN:
    case INSTANCE_GONE: return NULL;
    }
    g_assert_not_reached();
}

static void instance_place(Instance *instance)
{
    Fleet *wanted = fleet_wanted(instance), *now = instance->in_fleet.fleet;
    if (wanted == now)
        return;
    if (now)
        fleet_remove(now, instance);
    if (wanted)
        fleet_insert(wanted, instance);
}

static int64_t whole_vcpus(const Instance *instance)
{
    return instance->total.vcpus_e4 / DECIMAL_SCALE;
}

static void instance_set_total(Instance *instance, Capacity total)
{
    instance->environment->instance_vcpus -= whole_vcpus(instance);
    instance_resize(instance, total);
    for (Launch *launch = instance->newest_launch; launch; launch = launch->instance_prev) {
        if (!launch->is_node)
            continue;
        instance_give(instance, launch->held); /* it has the instance for itself */
        launch->held = total;
        instance_hold(instance, total);
    }
    instance->environment->instance_vcpus += whole_vcpus(instance);
    instance->environment->changes++;
}

static void instance_move(World *world, Instance *instance, InstanceState to, const char *reason,
                          int64_t now_ms)
{
    if (instance->state == to)
        return;
    instance_event(world, instance, to, reason, now_ms);
    instance->state = to;
    instance->idle_since_ms = to == INSTANCE_REGISTERED && instance->launches == 0 ? now_ms : 0;
    instance->environment->changes++;
    instance_place(instance);
    instance_touch(world, instance);
}

/* ---- rest ---- */

void instance_rest(World *world, Instance *instance, int64_t until_ms)
{
    if (instance->rests_until_ms == 0)
        g_array_append_val(world->resting, instance->token);
    instance->rests_until_ms = until_ms;
    instance_place(instance);
}

int64_t instances_wake(World *world, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    guint kept = 0;
    for (guint i = 0; i < world->resting->len; i++) {
        LaunchToken token = g_array_index(world->resting, LaunchToken, i);
        Instance *instance = world_instance(world, &token);
        if (!instance)
            continue;
        if (now_ms < instance->rests_until_ms) {
            next_ms = MIN(next_ms, instance->rests_until_ms);
            g_array_index(world->resting, LaunchToken, kept++) = token;
            continue;
        }
        instance->rests_until_ms = 0;
        instance->environment->changes++;
        instance_place(instance);
    }
    g_array_set_size(world->resting, kept);
    return next_ms;
}

/* ---- transitions ---- */

static void instance_add(World *world, InstanceEntry *entry, Environment *environment)
{
    Instance *instance = &entry->instance;
    MapKey key = key_of(&instance->token);
    instance->environment = environment;
    bool fresh = tree_insert(&world->instances, &entry->by_number);
    g_assert(fresh);
    tree_insert(&environment_entry(environment)->instances, &entry->in_environment);
    map_put(world->instances_by_token, &key, instance);
    environment->instances++;
    environment->instance_vcpus += whole_vcpus(instance);
    environment->changes++;
    instance_place(instance);
}

Instance *instance_intend(World *world, Environment *environment, const InstanceDraft *draft,
                          const LaunchToken *token, int64_t now_ms)
{
    g_assert(!world_instance(world, token));
    InstanceEntry *entry = entry_new(world, token, ++world->instance_number);
    Instance *instance = &entry->instance;
    instance->state = INSTANCE_INTENDED;
    instance->type = g_strdup(draft->type ? draft->type : "");
    instance->spot = draft->spot;
    instance->total = instance->free = draft->planned;
    instance->price_micro_per_h = draft->price_micro_per_h;
    instance->intended_ms = now_ms;
    instance->generation = environment->generation;
    entry->is_new = true;
    instance_add(world, entry, environment);
    instance_touch(world, instance);
    return instance;
}

bool instance_is_leaving(const Instance *instance)
{
    return instance->state == INSTANCE_STOPPING || instance->state == INSTANCE_DRAINING ||
           instance_entry(instance)->decided != INSTANCE_REGISTERED;
}

/* What was decided before the restart goes on, and a stop that may not have gone out is asked for again. */
static void instance_observed(World *world, Instance *instance, InstanceState state, int64_t now_ms)
{
    InstanceState decided = instance_entry(instance)->decided;
    if (decided == INSTANCE_DRAINING && instance->draining_since_ms == 0)
        instance->draining_since_ms = now_ms;
    instance_move(world, instance, decided == INSTANCE_REGISTERED ? state : decided, NULL, now_ms);
    if (instance->state == INSTANCE_STOPPING)
        g_array_append_val(world->instance_stops, instance->token);
}

void instance_resume(World *world, Instance *instance, int64_t now_ms)
{
    InstanceState before = instance_entry(instance)->before;
    bool decided = before == INSTANCE_DRAINING || before == INSTANCE_STOPPING;
    if (instance->state == INSTANCE_UNKNOWN)
        instance_observed(world, instance, decided ? INSTANCE_PENDING : before, now_ms);
}

void instance_started(World *world, Instance *instance, const char *provider_id, int64_t now_ms)
{
    if (provider_id && g_strcmp0(instance->provider_id, provider_id) != 0) {
        g_free(instance->provider_id);
        instance->provider_id = g_strdup(provider_id);
        instance->environment->changes++; /* it is paid for, whatever its state */
        instance_touch(world, instance);
    }
    if (instance->state == INSTANCE_UNKNOWN)
        instance_observed(world, instance, INSTANCE_PENDING, now_ms);
    else if (instance->state == INSTANCE_INTENDED)
        instance_move(world, instance, INSTANCE_PENDING, NULL, now_ms);
}

void instance_registered(World *world, Instance *instance, Capacity capacity, int64_t now_ms)
{
    if (memcmp(&instance->total, &capacity, sizeof capacity) != 0) {
        instance_set_total(instance, capacity);
        instance_touch(world, instance);
    }
    if (instance->registered_ms == 0) {
        instance->registered_ms = now_ms;
        instance_touch(world, instance);
    }
    if (instance->state != INSTANCE_REGISTERED && world->parked > 0)
        world_unpark(world); /* it may be larger than the catalogue says */
    if (instance->state == INSTANCE_UNKNOWN)
        instance_observed(world, instance, INSTANCE_REGISTERED, now_ms);
    else if (instance->state == INSTANCE_INTENDED || instance->state == INSTANCE_PENDING)
        instance_move(world, instance, INSTANCE_REGISTERED, NULL, now_ms);
}

static void instance_decide(World *world, Instance *instance, InstanceState decided, const char *reason,
                            int64_t now_ms)
{
    InstanceEntry *entry = instance_entry(instance);
    g_assert(!is_local(instance));
    if (entry->decided == decided || entry->decided == INSTANCE_STOPPING)
        return;
    entry->decided = decided;
    instance_touch(world, instance);
    if (instance->state != INSTANCE_UNKNOWN)
        instance_move(world, instance, decided, reason, now_ms);
}

static void drain(World *world, Instance *instance, const char *reason, int64_t now_ms)
{
    if (instance->draining_since_ms == 0)
        instance->draining_since_ms = now_ms;
    instance_decide(world, instance, INSTANCE_DRAINING, reason, now_ms);
}

void instance_drain(World *world, Instance *instance, int64_t now_ms)
{
    drain(world, instance, NULL, now_ms);
}

void instance_warned(World *world, Instance *instance, const char *reason, int64_t now_ms)
{
    if (instance->warning || is_local(instance))
        return;
    instance->warning = g_strdup(reason);
    instance->environment->changes++;
    drain(world, instance, reason, now_ms);
}

void instance_stop(World *world, Instance *instance, int64_t now_ms)
{
    instance_decide(world, instance, INSTANCE_STOPPING, NULL, now_ms);
}

static void instance_remove(World *world, Instance *instance, const char *reason, int64_t now_ms)
{
    InstanceEntry *entry = instance_entry(instance);
    Environment *environment = instance->environment;
    MapKey key = key_of(&instance->token);
    g_assert(instance->launches == 0);
    instance_move(world, instance, INSTANCE_GONE, reason, now_ms);
    if (!world_is_quiet(world)) {
        InstanceRecord record = instance_record(instance);
        record.status_reason = view_from(reason);
        record.gone_ms = now_ms;
        batch_put_instance(world_batch(world), &record);
    }
    if (entry->is_dirty)
        g_queue_unlink(&world->dirty_instances, &entry->dirty);
    environment->instances--;
    environment->instance_vcpus -= whole_vcpus(instance);
    tree_remove(&environment_entry(environment)->instances, &entry->in_environment);
    tree_remove(&world->instances, &entry->by_number);
    map_remove(world->instances_by_token, &key);
    entry_free(entry);
}

void instance_refused(World *world, Instance *instance, const char *reason, int64_t now_ms)
{
    instance_gone(world, instance, reason, now_ms);
}

Instance *instance_host(World *world, Environment *environment, const LaunchToken *token,
                        const char *provider_id, Capacity capacity, int64_t now_ms)
{
    InstanceDraft draft = {.type = "", .planned = capacity, .price_micro_per_h = 0};
    Instance *instance = instance_intend(world, environment, &draft, token, now_ms);
    instance_started(world, instance, provider_id, now_ms);
    instance_registered(world, instance, capacity, now_ms);
    return instance;
}

void instance_gone(World *world, Instance *instance, const char *reason, int64_t now_ms)
{
    g_assert(!is_local(instance));
    while (instance->newest_launch)
        launch_lost(world, instance->newest_launch, now_ms);
    guests_of_instance_gone(world, instance, now_ms);
    instance_remove(world, instance, reason, now_ms);
}

Instance *instance_local(World *world, Capacity capacity)
{
    Instance *local = &world->local->instance;
    if (memcmp(&local->total, &capacity, sizeof capacity) != 0 || !local->in_fleet.fleet)
        world_unpark(world);
    instance_resize(local, capacity);
    local->state = INSTANCE_REGISTERED;
    if (!local->in_fleet.fleet)
        fleet_insert(world->local_fleet, local);
    return local;
}

/* ---- launches on it ---- */

static void instance_busy_changed(Instance *instance)
{
    if (instance->environment)
        instance->environment->changes++;
}

static void instance_occupied(World *world, Instance *instance)
{
    if (instance->launches++ == 0)
        instance_busy_changed(instance);
    instance->idle_since_ms = 0;
    if (!instance->ran) {
        instance->ran = true;
        instance_touch(world, instance);
    }
}

static void instance_vacated(Instance *instance, int64_t now_ms)
{
    if (--instance->launches > 0)
        return;
    instance_busy_changed(instance);
    if (instance->state == INSTANCE_REGISTERED)
        instance->idle_since_ms = now_ms;
}

void instance_link(World *world, Instance *instance, Launch *launch)
{
    launch->instance = instance;
    launch->instance_prev = instance->newest_launch;
    if (instance->newest_launch)
        instance->newest_launch->instance_next = launch;
    instance->newest_launch = launch;
    instance_occupied(world, instance);
}

void instance_unlink(Instance *instance, Launch *launch, int64_t now_ms)
{
    if (launch->instance_prev)
        launch->instance_prev->instance_next = launch->instance_next;
    if (launch->instance_next)
        launch->instance_next->instance_prev = launch->instance_prev;
    else
        instance->newest_launch = launch->instance_prev;
    launch->instance = NULL;
    instance_vacated(instance, now_ms);
}

void instance_host_guest(World *world, Instance *instance, Capacity need)
{
    instance_hold(instance, need);
    instance->guests++;
    instance_occupied(world, instance);
}

void instance_let_guest_go(Instance *instance, Capacity need, int64_t now_ms)
{
    instance_give(instance, need);
    instance->guests--;
    instance_vacated(instance, now_ms);
}

/* ---- looking ---- */

Instance *world_instance(const World *world, const LaunchToken *token)
{
    MapKey key = key_of(token);
    return map_get(world->instances_by_token, &key);
}

Instance *world_instance_next(const World *world, const Instance *after)
{
    TreeNode *node = after ? tree_next(&instance_entry(after)->by_number) : tree_first(&world->instances);
    return node ? &TREE_ENTRY(node, InstanceEntry, by_number)->instance : NULL;
}

Instance *environment_instance_next(const Environment *environment, const Instance *after)
{
    TreeNode *node = after ? tree_next(&instance_entry(after)->in_environment)
                           : tree_first(&environment_entry(environment)->instances);
    return node ? &TREE_ENTRY(node, InstanceEntry, in_environment)->instance : NULL;
}

size_t world_instances_len(const World *world)
{
    return tree_len(&world->instances);
}

Instance *world_local_instance(const World *world)
{
    return world->local->instance.in_fleet.fleet ? &world->local->instance : NULL;
}

bool environment_is_shared(const Environment *environment)
{
    return !environment || environment->provider == PROVIDER_LOCAL ||
           environment->provider == PROVIDER_DOCKER;
}

static bool is_fargate(const Environment *environment)
{
    return environment->spec->type == CE_TYPE_FARGATE || environment->spec->type == CE_TYPE_FARGATE_SPOT;
}

Fleet *environment_fleet(const World *world, const Environment *environment)
{
    if (environment_is_shared(environment))
        return fleet_len(world->local_fleet) > 0 ? world->local_fleet : NULL;
    return is_fargate(environment) ? NULL : environment->fleet;
}

void world_take_instance_stops(World *world, GPtrArray *ret_stops)
{
    for (guint i = 0; i < world->instance_stops->len; i++) {
        Instance *instance = world_instance(world, &g_array_index(world->instance_stops, LaunchToken, i));
        if (instance)
            g_ptr_array_add(ret_stops, instance);
    }
    g_array_set_size(world->instance_stops, 0);
}

/* ---- an environment on its way out ---- */

/* A host of an UNMANAGED environment is not ours to end: it is let go. */
static void instance_leave(World *world, Instance *instance, int64_t now_ms)
{
    if (instance->environment->spec->type == CE_TYPE_UNMANAGED) {
        instance_gone(world, instance, "its environment is gone", now_ms);
        return;
    }
    instance_stop(world, instance, now_ms);
    g_array_append_val(world->instance_stops, instance->token);
}

bool environment_drain_step(World *world, Environment *environment, int64_t now_ms)
{
    Instance *next = environment_instance_next(environment, NULL);
    for (Instance *instance; (instance = next);) {
        next = environment_instance_next(environment, instance);
        instance_drain(world, instance, now_ms);
        if (instance->launches == 0 && instance->state == INSTANCE_DRAINING)
            instance_leave(world, instance, now_ms);
    }
    return environment->instances == 0;
}

/* ---- coming back ---- */

bool instance_restore(World *world, const InstanceRecord *record, GError **error)
{
    Environment *environment = world_environment(world, record->environment);
    if (record->state == INSTANCE_GONE) {
        world->instance_number = MAX(world->instance_number, record->number);
        return true;
    }
    if (!environment || record->number == 0 || record->number >> 50 ||
        world_instance(world, &record->token)) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID,
                    "instance %" G_GUINT64_FORMAT " is there twice, or its compute environment " VIEW_FMT
                    " is missing",
                    record->number, VIEW_ARG(record->environment));
        return false;
    }
    InstanceEntry *entry = entry_new(world, &record->token, record->number);
    Instance *instance = &entry->instance;
    instance->state = INSTANCE_UNKNOWN;
    instance->type = view_dup(record->type);
    instance->provider_id = view_dup_or_null(record->provider_id);
    instance->spot = record->spot;
    instance->ran = record->ran;
    instance->total = instance->free = record->total;
    instance->price_micro_per_h = record->price_micro_per_h;
    instance->intended_ms = record->intended_ms;
    instance->registered_ms = record->registered_ms;
    instance->generation = record->generation;
    entry->before = record->state;
    if (record->state == INSTANCE_DRAINING || record->state == INSTANCE_STOPPING)
        entry->decided = record->state;
    instance_add(world, entry, environment);
    world->instance_number = MAX(world->instance_number, record->number);
    return true;
}

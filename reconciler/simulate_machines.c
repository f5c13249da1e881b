/* simulate_machines.c: instances become machines of the simulated cloud. */
#include "reconciler/simulate_internal.h"
#include "reconciler/world/outside.h"

/* An instance in the cloud's table; the slot is in the instance's token, as the world knows no other name. */
static SimulatedMachine *machine_at(const Simulation *simulation, uint64_t slot)
{
    return &g_array_index(simulation->machines, SimulatedMachine, slot);
}

static SimulatedMachine *machine_new(Simulation *simulation, Instance *instance, uint32_t *ret_slot)
{
    guint slot = simulation->machines->len;
    if (simulation->free_machines->len > 0) {
        slot = g_array_index(simulation->free_machines, uint32_t, simulation->free_machines->len - 1);
        g_array_set_size(simulation->free_machines, simulation->free_machines->len - 1);
    } else {
        g_array_set_size(simulation->machines, slot + 1);
    }
    instance->slot = slot;
    *machine_at(simulation, slot) = (SimulatedMachine){instance, CLOUD_NO_MACHINE};
    *ret_slot = slot;
    return machine_at(simulation, slot);
}

uint32_t machine_number(const Simulation *simulation, const Instance *instance)
{
    return instance->environment ? machine_at(simulation, instance->slot)->number : CLOUD_NO_MACHINE;
}

static void watch_allocated(Simulation *simulation, Environment *environment, Capacity capacity,
                            int64_t direction)
{
    SimulatedEnvironment *watched = watch_environment(simulation, environment);
    watched->allocated.vcpus_e4 += direction * capacity.vcpus_e4;
    watched->allocated.memory_mib += direction * capacity.memory_mib;
    watched->allocated.gpus += direction * capacity.gpus;
    watched->is_dirty = true;
}

static void watch_made(Simulation *simulation, const Instance *instance)
{
    CollectedInstance collected = {
        .number = instance->number,
        .environment = watch_environment(simulation, instance->environment)->handle,
        .type = instance->type,
        .spot = instance->spot,
        .price_micro_per_h = instance->price_micro_per_h,
        .most_micro_per_h = growth_price_most(simulation->growth, instance->environment, instance),
        .started_ms = simulation->now_ms};
    collector_instance_started(simulation->collector, &collected);
}

static void watch_registered(Simulation *simulation, const Instance *instance)
{
    collector_instance_registered(simulation->collector, instance->number, simulation->now_ms,
                                  instance->total.vcpus_e4);
    watch_allocated(simulation, instance->environment, instance->total, 1);
}

/* ---- what is there from the beginning ---- */

static void host_add(Simulation *simulation, Environment *environment, const SimulatedHosts *hosts)
{
    LaunchToken token;
    uint32_t slot;
    Capacity capacity = {hosts->vcpus * DECIMAL_SCALE, hosts->memory_mib, hosts->gpus};
    simulated_token(&token, simulation);
    Instance *instance =
        instance_host(simulation->world, environment, &token, "", capacity, simulation->now_ms);
    machine_new(simulation, instance, &slot);
    watch_made(simulation, instance);
    watch_registered(simulation, instance);
}

static void hosts_add(Simulation *simulation, Environment *environment)
{
    const ComputeEnvironmentSpec *spec = environment->spec;
    if (spec->type != CE_TYPE_UNMANAGED || environment->instances > 0)
        return;
    for (size_t i = 0; i < spec->simulated_hosts_len; i++)
        for (int64_t n = 0; n < spec->simulated_hosts[i].count; n++)
            host_add(simulation, environment, &spec->simulated_hosts[i]);
}

/* An instance that the store knows: what it was believed to be it is, or becomes. */
static void instance_adopt(Simulation *simulation, Instance *instance)
{
    uint32_t slot;
    SimulatedMachine *machine = machine_new(simulation, instance, &slot);
    if (instance->registered_ms > 0) {
        instance_registered(simulation->world, instance, instance->total, simulation->now_ms);
        watch_made(simulation, instance);
        watch_registered(simulation, instance);
        return;
    }
    CloudMachine cloud = {.type = instance->type,
                          .spot = instance->spot,
                          .vcpus_e4 = instance->total.vcpus_e4,
                          .memory_mib = instance->total.memory_mib,
                          .gpus = (int)instance->total.gpus};
    machine->number = simulated_cloud_make(simulation->cloud, &cloud, slot, simulation->now_ms);
}

/* The simulated cloud stands for AWS, with the hosts that UNMANAGED environments describe for it. */
static void stand_for_aws(Simulation *simulation)
{
    for (Environment *environment = world_environment_next(simulation->world, NULL); environment;
         environment = world_environment_next(simulation->world, environment))
        if (environment->provider == PROVIDER_AWS)
            environment->provider = PROVIDER_SIMULATED;
    world_unpark(simulation->world);
}

void machines_begin(Simulation *simulation)
{
    stand_for_aws(simulation);
    instance_local(simulation->world, simulation->options->machine);
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (Instance *instance = NULL; (instance = world_instance_next(simulation->world, instance));)
        g_ptr_array_add(known, instance);
    for (guint i = 0; i < known->len; i++)
        instance_adopt(simulation, known->pdata[i]);
    for (Environment *environment = world_environment_next(simulation->world, NULL); environment;
         environment = world_environment_next(simulation->world, environment))
        hosts_add(simulation, environment);
}

/* ---- decisions ---- */

void machines_start(Simulation *simulation)
{
    for (guint i = 0; i < simulation->decided.instances->len; i++) {
        const GrowthLaunch *launch = &g_array_index(simulation->decided.instances, GrowthLaunch, i);
        uint32_t slot;
        simulation->asked_for_spot |= launch->instance->spot;
        SimulatedMachine *machine = machine_new(simulation, launch->instance, &slot);
        CloudMachine cloud = {.type = launch->instance->type,
                              .spot = launch->instance->spot,
                              .vcpus_e4 = launch->instance->total.vcpus_e4,
                              .memory_mib = launch->instance->total.memory_mib,
                              .gpus = (int)launch->instance->total.gpus,
                              .max_price_microusd_per_h = launch->max_price_micro_per_h};
        machine->number = simulated_cloud_make(simulation->cloud, &cloud, slot, simulation->now_ms);
    }
}

static void machine_over(Simulation *simulation, uint32_t slot, bool lost, const char *reason)
{
    SimulatedMachine *machine = machine_at(simulation, slot);
    Instance *instance = g_steal_pointer(&machine->instance);
    bool was_made = instance->state != INSTANCE_INTENDED;
    if (instance->registered_ms > 0)
        watch_allocated(simulation, instance->environment, instance->total, -1);
    if (was_made)
        collector_instance_ended(simulation->collector, instance->number, simulation->now_ms, reason, lost);
    g_array_append_val(simulation->free_machines, slot);
    if (was_made)
        instance_gone(simulation->world, instance, reason, simulation->now_ms);
    else
        instance_refused(simulation->world, instance, reason, simulation->now_ms);
    simulation->changed = true;
}

void machines_stop(Simulation *simulation, const GPtrArray *instances)
{
    for (guint i = 0; i < instances->len; i++) {
        Instance *instance = instances->pdata[i];
        uint32_t slot = instance->slot;
        const SimulatedMachine *machine = machine_at(simulation, slot);
        if (machine->number == CLOUD_NO_MACHINE)
            machine_over(simulation, slot, false, "stopped");
        else
            simulated_cloud_end(simulation->cloud, machine->number, 0, simulation->now_ms);
    }
}

/* ---- what happens ---- */

static InstanceRefusal refusal_of(CloudRefusal refusal)
{
    switch (refusal) {
    case CLOUD_REFUSES_CAPACITY: return INSTANCE_REFUSED_CAPACITY;
    case CLOUD_REFUSES_LIMIT: return INSTANCE_REFUSED_LIMIT;
    case CLOUD_REFUSES_PRICE: return INSTANCE_REFUSED_PRICE;
    case CLOUD_REFUSES_LATER: break;
    }
    return INSTANCE_REFUSED_UNKNOWN_LATER;
}

static void machine_refused(Simulation *simulation, uint32_t slot, const CloudEvent *event)
{
    const Instance *instance = machine_at(simulation, slot)->instance;
    g_autofree char *type = g_strdup(instance->type);
    GrowthRefusal refusal = {.environment = view_from(environment_outside(instance->environment)),
                             .type = view_from(type),
                             .zone = VIEW(""),
                             .spot = instance->spot,
                             .refusal = refusal_of(event->refusal),
                             .asked_ms = instance->intended_ms};
    growth_refused(simulation->growth, simulation->world, &refusal, simulation->now_ms);
    machine_over(simulation, slot, false, "there was no capacity");
}

void machine_happened(Simulation *simulation, const CloudEvent *event)
{
    uint32_t slot = (uint32_t)event->user;
    Instance *instance = machine_at(simulation, slot)->instance;
    simulation->changed = true;
    switch (event->type) {
    case CLOUD_MACHINE_MADE:
        instance_started(simulation->world, instance, "simulated", simulation->now_ms);
        watch_made(simulation, instance);
        return;
    case CLOUD_MACHINE_REGISTERED:
        instance_registered(simulation->world, instance,
                            (Capacity){event->vcpus_e4, event->memory_mib, event->gpus}, simulation->now_ms);
        growth_registered(simulation->growth, simulation->world, instance, simulation->now_ms);
        watch_registered(simulation, instance);
        return;
    case CLOUD_MACHINE_REFUSED: machine_refused(simulation, slot, event); return;
    case CLOUD_MACHINE_GONE:
        machine_over(simulation, slot, event->gone != CLOUD_GONE_STOPPED,
                     event->gone == CLOUD_GONE_STOPPED     ? "stopped"
                     : event->gone == CLOUD_GONE_RECLAIMED ? "reclaimed"
                                                           : "died");
        return;
    case CLOUD_TASK_STARTED:
    case CLOUD_TASK_ENDED:
    case CLOUD_TASK_LOST: break;
    }
    g_assert_not_reached();
}

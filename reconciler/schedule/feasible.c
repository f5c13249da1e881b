#include "reconciler/schedule/feasible.h"

#include "spec/base/units.h"

static bool is_fargate(const ComputeEnvironmentSpec *spec)
{
    return spec->type == CE_TYPE_FARGATE || spec->type == CE_TYPE_FARGATE_SPOT;
}

FeasibleEnvironment feasible_environment(View name, const ComputeEnvironmentSpec *spec, ProviderType fallback,
                                         const LocalMachine *machine)
{
    FeasibleEnvironment environment = {.name = name, .spec = spec, .provider = spec->provider};
    if (environment.provider == PROVIDER_UNSET)
        environment.provider = fallback == PROVIDER_UNSET ? PROVIDER_AWS : fallback;
    bool here = environment.provider == PROVIDER_LOCAL || environment.provider == PROVIDER_DOCKER;
    if (here && machine)
        environment.machine = *machine;
    if (here || spec->type == CE_TYPE_UNMANAGED || is_fargate(spec))
        return environment;
    environment.types = g_ptr_array_new();
    environment.types_open =
        catalogue_resolve(spec->instance_types, environment.types, NULL) == RESOLVE_PARTLY;
    return environment;
}

void feasible_environment_clear(FeasibleEnvironment *environment)
{
    if (environment->types)
        g_ptr_array_free(environment->types, TRUE);
    *environment = (FeasibleEnvironment){0};
}

/* One job against one environment; reason is filled when the answer is no. */
typedef struct {
    const JobDefinitionSpec *job;
    const FeasibleEnvironment *environment;
    GString *reason;     /* may be NULL */
    ResourceNeed wanted; /* of one machine */
    NeedKind need;
    bool over_max; /* refused because of maxvCpus */
} Judge;

static FeasibleResult G_GNUC_PRINTF(3, 4) refuse(Judge *judge, NeedKind need, const char *format, ...)
{
    judge->need = need;
    if (judge->reason) {
        va_list arguments;
        va_start(arguments, format);
        g_string_append_vprintf(judge->reason, format, arguments);
        va_end(arguments);
    }
    return FEASIBLE_NO;
}

/* "needs 16 vCPU; maxvCpus is 8" */
static bool exceeds_max(Judge *judge)
{
    int64_t limit = judge->environment->spec->max_vcpus, total_e4;
    if (__builtin_mul_overflow(judge->job->need.vcpus_e4, judge->job->nodes, &total_e4))
        total_e4 = INT64_MAX;
    if (!limit || total_e4 <= limit * DECIMAL_SCALE)
        return false;
    g_autofree char *need = decimal_print(total_e4), *most = integer_human(limit);
    judge->over_max = true;
    (void)refuse(judge, NEED_VCPU, "needs %s vCPU; maxvCpus is %s", need, most);
    return true;
}

/* " for its 4 nodes", where one machine has to hold them all. */
static const char *for_nodes(const Judge *judge, char ret_text[40])
{
    ret_text[0] = '\0';
    if (judge->wanted.memory_mib != judge->job->need.memory_mib)
        g_snprintf(ret_text, 40, " for its %" G_GINT64_FORMAT " nodes", judge->job->nodes);
    return ret_text;
}

static FeasibleResult refuse_memory(Judge *judge, const char *who, int64_t usable, int64_t nominal)
{
    int64_t need = judge->wanted.memory_mib;
    char nodes[40];
    g_autofree char *wanted = integer_human(need), *has = integer_human(usable),
                    *all = integer_human(nominal), *missing = integer_human(need - usable);
    if (nominal == usable)
        return refuse(judge, NEED_MEMORY, "needs %s MiB%s; %s offers %s MiB: %s MiB short", wanted,
                      for_nodes(judge, nodes), who, has, missing);
    return refuse(judge, NEED_MEMORY, "needs %s MiB; %s offers containers %s of its %s MiB: %s MiB short",
                  wanted, who, has, all, missing);
}

static FeasibleResult refuse_vcpus(Judge *judge, const char *who, int64_t vcpus)
{
    int64_t need = judge->wanted.vcpus_e4;
    char nodes[40];
    g_autofree char *wanted = decimal_print(need), *missing = decimal_print(need - vcpus * DECIMAL_SCALE);
    return refuse(judge, NEED_VCPU, "needs %s vCPU%s; %s has %" G_GINT64_FORMAT ": %s short", wanted,
                  for_nodes(judge, nodes), who, vcpus, missing);
}

static FeasibleResult refuse_gpus(Judge *judge, const char *who, int64_t gpus)
{
    int64_t need = judge->wanted.gpus;
    const char *plural = need == 1 ? "" : "s";
    char nodes[40];
    (void)for_nodes(judge, nodes);
    if (!gpus)
        return refuse(judge, NEED_GPU, "needs %" G_GINT64_FORMAT " GPU%s%s; %s has none", need, plural, nodes,
                      who);
    return refuse(judge, NEED_GPU, "needs %" G_GINT64_FORMAT " GPU%s%s; %s has %" G_GINT64_FORMAT, need,
                  plural, nodes, who, gpus);
}

/* ---- this machine */

static FeasibleResult judge_machine(Judge *judge)
{
    const JobDefinitionSpec *job = judge->job;
    const LocalMachine *machine = &judge->environment->machine;
    bool local = judge->environment->provider == PROVIDER_LOCAL;
    if (local && job->beyond_process && job->beyond_process[0])
        return refuse(judge, NEED_OTHER, "uses %s, which the local provider does not have",
                      job->beyond_process[0]);
    if (local && (!job->command || !job->command[0]))
        return refuse(judge, NEED_OTHER, "has no command, and the local provider runs no image");
    if (exceeds_max(judge))
        return FEASIBLE_NO;
    judge->wanted = (ResourceNeed){job->need.vcpus_e4 * job->nodes, job->need.memory_mib * job->nodes,
                                   job->need.gpus * job->nodes};
    if (judge->wanted.gpus > machine->gpus)
        return refuse_gpus(judge, "this machine", machine->gpus);
    if (judge->wanted.vcpus_e4 > machine->vcpus * DECIMAL_SCALE)
        return refuse_vcpus(judge, "this machine", machine->vcpus);
    if (judge->wanted.memory_mib > machine->memory_mib)
        return refuse_memory(judge, "this machine", machine->memory_mib, machine->memory_mib);
    return FEASIBLE_YES;
}

/* ---- Fargate */

/* Batch: vCPU decides which memory sizes Fargate offers. */
typedef struct {
    int64_t vcpus_e4, low_mib, high_mib, step_mib;
} FargateSize;

static const FargateSize fargate_sizes[] = {
    {2500, 512, 512, 1},         {2500, 1024, 2048, 1024},      {5000, 1024, 4096, 1024},
    {10000, 2048, 8192, 1024},   {20000, 4096, 16384, 1024},    {40000, 8192, 30720, 1024},
    {80000, 16384, 61440, 4096}, {160000, 32768, 122880, 8192},
};

static bool fargate_offers(ResourceNeed need, bool exact)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fargate_sizes); i++) {
        const FargateSize *size = &fargate_sizes[i];
        /* A task of several containers is rounded up to the next size. */
        if (!exact && need.vcpus_e4 <= size->vcpus_e4 && need.memory_mib <= size->high_mib)
            return true;
        if (need.vcpus_e4 == size->vcpus_e4 && need.memory_mib >= size->low_mib &&
            need.memory_mib <= size->high_mib && (need.memory_mib - size->low_mib) % size->step_mib == 0)
            return true;
    }
    return false;
}

static FeasibleResult judge_fargate(Judge *judge)
{
    const JobDefinitionSpec *job = judge->job;
    if (job->platform != PLATFORM_FARGATE)
        return refuse(judge, NEED_OTHER, "is for EC2, the environment is Fargate");
    if (job->nodes > 1)
        return refuse(judge, NEED_OTHER, "is a multinode job, and Fargate runs none");
    if (job->need.gpus)
        return refuse(judge, NEED_GPU, "needs %" G_GINT64_FORMAT " GPU; Fargate has none", job->need.gpus);
    bool exact =
        !job->beyond_process || !g_strv_contains((const char *const *)job->beyond_process, "ecsProperties");
    if (!fargate_offers(job->need, exact)) {
        g_autofree char *vcpus = decimal_print(job->need.vcpus_e4),
                        *memory = integer_human(job->need.memory_mib);
        return refuse(judge, NEED_MEMORY, "needs %s vCPU with %s MiB; Fargate offers no such size", vcpus,
                      memory);
    }
    return exceeds_max(judge) ? FEASIBLE_NO : FEASIBLE_YES;
}

/* ---- machines of a list: instance types, or hosts of the simulator */

typedef struct {
    char who[64];
    int64_t vcpus, usable_mib, nominal_mib, gpus;
} Machine;

/* Of the machines that pass the tests before, the one that comes nearest in the next; NULL when there is
 * none.
 */
static const Machine *nearest(const Judge *judge, const Machine *machines, size_t len, NeedKind dimension)
{
    ResourceNeed need = judge->job->need;
    const Machine *best = NULL;
    for (size_t i = 0; i < len; i++) {
        const Machine *machine = &machines[i];
        bool gpus = machine->gpus >= need.gpus, vcpus = machine->vcpus * DECIMAL_SCALE >= need.vcpus_e4;
        if ((dimension != NEED_GPU && !gpus) || (dimension == NEED_MEMORY && !vcpus))
            continue;
        int64_t value = dimension == NEED_GPU    ? machine->gpus
                        : dimension == NEED_VCPU ? machine->vcpus
                                                 : machine->nominal_mib;
        int64_t now = !best                    ? -1
                      : dimension == NEED_GPU  ? best->gpus
                      : dimension == NEED_VCPU ? best->vcpus
                                               : best->nominal_mib;
        if (value > now)
            best = machine;
    }
    return best;
}

/* all: "every instance type", where none has a GPU. */
static FeasibleResult refuse_machines(Judge *judge, const Machine *machines, size_t len, const char *all)
{
    const Machine *machine = nearest(judge, machines, len, NEED_MEMORY);
    if (machine)
        return refuse_memory(judge, machine->who, machine->usable_mib, machine->nominal_mib);
    machine = nearest(judge, machines, len, NEED_VCPU);
    if (machine)
        return refuse_vcpus(judge, machine->who, machine->vcpus);
    machine = nearest(judge, machines, len, NEED_GPU);
    g_assert(machine);
    return refuse_gpus(judge, machine->gpus ? machine->who : all, machine->gpus);
}

/* ---- EC2 */

/* The largest type that the environment may start at all: its last instance may exceed maxvCpus, but not
 * where that is strict, nor with the nodes of a gang, which start together. 0: any. */
static int64_t type_vcpus_max(const Judge *judge)
{
    const ComputeEnvironmentSpec *spec = judge->environment->spec;
    bool strict = spec->strict_max || (spec->type == CE_TYPE_EC2 && spec->allocation == ALLOCATION_BEST_FIT);
    if (judge->job->nodes > 1 && spec->max_vcpus)
        return MAX(1, spec->max_vcpus / judge->job->nodes);
    return strict ? spec->max_vcpus : 0;
}

static bool is_node_type(const JobDefinitionSpec *job, const InstanceType *type)
{
    return !job->node_instance_type || !strcmp(job->node_instance_type, type->name);
}

/* A type that is large enough and yet too large to be started. */
static FeasibleResult refuse_too_large(Judge *judge, const InstanceType *type)
{
    g_autofree char *most = integer_human(judge->environment->spec->max_vcpus);
    int64_t nodes = judge->job->nodes;
    judge->over_max = true;
    if (nodes > 1)
        return refuse(judge, NEED_OTHER,
                      "needs %" G_GINT64_FORMAT " instances at once; %s has %" G_GINT64_FORMAT
                      " vCPU; maxvCpus is %s: %" G_GINT64_FORMAT " short",
                      nodes, type->name, type->vcpus, most,
                      nodes * type->vcpus - judge->environment->spec->max_vcpus);
    return refuse(judge, NEED_OTHER,
                  "needs an instance; %s, the smallest that fits, has %" G_GINT64_FORMAT
                  " vCPU; maxvCpus is %s",
                  type->name, type->vcpus, most);
}

/* The smallest change that would let the job run here. */
static void suggest_type(Judge *judge)
{
    const FeasibleEnvironment *environment = judge->environment;
    const InstanceType *first = environment->types->len ? environment->types->pdata[0] : NULL;
    if (!judge->reason || judge->job->node_instance_type)
        return;
    TypeQuery query = {.need = judge->job->need,
                       .architecture = first ? first->architecture : ARCHITECTURE_X86_64,
                       .vcpus_max = type_vcpus_max(judge),
                       .spot = environment->spec->type == CE_TYPE_SPOT};
    const InstanceType *type = catalogue_cheapest_fit(&query);
    if (type)
        g_string_append_printf(judge->reason, "; %s would fit: add it to instanceTypes", type->name);
}

static FeasibleResult refuse_types(Judge *judge)
{
    const GPtrArray *types = judge->environment->types;
    const char *wanted = judge->job->node_instance_type;
    g_autofree Machine *machines = g_new0(Machine, types->len + 1);
    size_t len = 0;
    for (guint i = 0; i < types->len; i++) {
        const InstanceType *type = types->pdata[i];
        if (!is_node_type(judge->job, type))
            continue;
        Machine *machine = &machines[len++];
        *machine = (Machine){.vcpus = type->vcpus,
                             .usable_mib = instance_type_usable_mib(type),
                             .nominal_mib = type->memory_mib,
                             .gpus = type->gpus};
        g_strlcpy(machine->who, type->name, sizeof machine->who);
    }
    if (!len && wanted)
        return refuse(judge, NEED_OTHER, "names the instance type %s, which the environment does not have",
                      wanted);
    if (!len)
        return refuse(judge, NEED_OTHER, "the environment has no instance type");
    (void)refuse_machines(judge, machines, len, "every instance type");
    suggest_type(judge);
    return FEASIBLE_NO;
}

static FeasibleResult judge_ec2(Judge *judge)
{
    const JobDefinitionSpec *job = judge->job;
    const FeasibleEnvironment *environment = judge->environment;
    if (job->platform != PLATFORM_EC2)
        return refuse(judge, NEED_OTHER, "is for Fargate, the environment is EC2");
    if (job->nodes > 1 && environment->spec->type == CE_TYPE_SPOT)
        return refuse(judge, NEED_OTHER, "is a multinode job, and Spot environments run none");
    if (exceeds_max(judge))
        return FEASIBLE_NO;
    int64_t limit = type_vcpus_max(judge);
    const InstanceType *too_large = NULL;
    for (guint i = 0; i < environment->types->len; i++) {
        const InstanceType *type = environment->types->pdata[i];
        if (!is_node_type(job, type) || !instance_type_fits(type, job->need))
            continue;
        if (!limit || type->vcpus <= limit)
            return FEASIBLE_YES;
        if (!too_large || type->vcpus < too_large->vcpus)
            too_large = type;
    }
    if (environment->types_open)
        return FEASIBLE_UNKNOWN;
    if (!too_large)
        return refuse_types(judge);
    (void)refuse_too_large(judge, too_large);
    suggest_type(judge);
    return FEASIBLE_NO;
}

/* ---- machines that muster does not start */

/* Only the simulator knows them, and only where the manifest describes them. */
static FeasibleResult judge_hosts(Judge *judge)
{
    const JobDefinitionSpec *job = judge->job;
    const ComputeEnvironmentSpec *spec = judge->environment->spec;
    g_autofree Machine *machines = g_new0(Machine, spec->simulated_hosts_len + 1);
    for (size_t i = 0; i < spec->simulated_hosts_len; i++) {
        const SimulatedHosts *hosts = &spec->simulated_hosts[i];
        if (hosts->gpus >= job->need.gpus && hosts->vcpus * DECIMAL_SCALE >= job->need.vcpus_e4 &&
            hosts->memory_mib >= job->need.memory_mib)
            return FEASIBLE_YES;
        machines[i] = (Machine){.vcpus = hosts->vcpus,
                                .usable_mib = hosts->memory_mib,
                                .nominal_mib = hosts->memory_mib,
                                .gpus = hosts->gpus};
        g_snprintf(machines[i].who, sizeof machines[i].who, "simulatedHosts[%zu]", i);
    }
    return refuse_machines(judge, machines, spec->simulated_hosts_len, "every one of simulatedHosts");
}

static FeasibleResult judge_unmanaged(Judge *judge)
{
    const FeasibleEnvironment *environment = judge->environment;
    if (judge->job->platform != PLATFORM_EC2)
        return refuse(judge, NEED_OTHER, "is for Fargate, the environment is UNMANAGED");
    if (judge->job->nodes > 1)
        return refuse(judge, NEED_OTHER, "is a multinode job, and UNMANAGED environments run none");
    bool is_known = environment->provider == PROVIDER_SIMULATED && environment->spec->simulated_hosts_len > 0;
    return is_known ? judge_hosts(judge) : FEASIBLE_UNKNOWN;
}

static FeasibleResult judge_environment(Judge *judge)
{
    const FeasibleEnvironment *environment = judge->environment;
    switch (environment->provider) {
    case PROVIDER_LOCAL:
    case PROVIDER_DOCKER: return judge_machine(judge);
    case PROVIDER_AWS:
    case PROVIDER_SIMULATED:
    case PROVIDER_UNSET: break;
    }
    if (environment->spec->type == CE_TYPE_UNMANAGED)
        return judge_unmanaged(judge);
    return is_fargate(environment->spec) ? judge_fargate(judge) : judge_ec2(judge);
}

FeasibleResult feasible_job(const JobDefinitionSpec *effective, const FeasibleEnvironment *environments,
                            size_t len, GString *arithmetic, NeedKind *ret_need)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    FeasibleResult best = FEASIBLE_NO;
    NeedKind need = NEED_NONE;
    for (size_t i = 0; i < len && best != FEASIBLE_YES; i++) {
        if (reasons->len)
            g_string_append(reasons, "; ");
        if (len > 1)
            g_string_append_printf(reasons, VIEW_FMT ": ", VIEW_ARG(environments[i].name));
        Judge judge = {effective, &environments[i], reasons, effective->need, NEED_NONE, false};
        FeasibleResult result = judge_environment(&judge);
        best = MAX(best, result);
        if (need == NEED_NONE)
            need = judge.need;
    }
    if (best == FEASIBLE_NO && arithmetic)
        g_string_append_len(arithmetic, reasons->str, (gssize)reasons->len);
    if (best == FEASIBLE_NO && ret_need)
        *ret_need = need;
    return best;
}

BlockedReason feasible_blocked(const JobDefinitionSpec *effective, const FeasibleEnvironment *environments,
                               size_t len)
{
    bool over_max = len > 0;
    for (size_t i = 0; i < len; i++) {
        Judge judge = {effective, &environments[i], NULL, effective->need, NEED_NONE, false};
        if (judge_environment(&judge) != FEASIBLE_NO)
            return BLOCKED_NONE;
        over_max = over_max && judge.over_max;
    }
    return over_max ? BLOCKED_MAX_RESOURCE : BLOCKED_RESOURCE_REQUIREMENT;
}

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
    GString *reason; /* may be NULL */
    NeedKind need;
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
    (void)refuse(judge, NEED_VCPU, "needs %s vCPU; maxvCpus is %s", need, most);
    return true;
}

static FeasibleResult refuse_memory(Judge *judge, const char *who, int64_t usable, int64_t nominal)
{
    int64_t need = judge->job->need.memory_mib;
    g_autofree char *wanted = integer_human(need), *has = integer_human(usable),
                    *all = integer_human(nominal), *missing = integer_human(need - usable);
    if (nominal == usable)
        return refuse(judge, NEED_MEMORY, "needs %s MiB; %s offers %s MiB: %s MiB short", wanted, who, has,
                      missing);
    return refuse(judge, NEED_MEMORY, "needs %s MiB; %s offers containers %s of its %s MiB: %s MiB short",
                  wanted, who, has, all, missing);
}

static FeasibleResult refuse_vcpus(Judge *judge, const char *who, int64_t vcpus)
{
    int64_t need = judge->job->need.vcpus_e4;
    g_autofree char *wanted = decimal_print(need), *missing = decimal_print(need - vcpus * DECIMAL_SCALE);
    return refuse(judge, NEED_VCPU, "needs %s vCPU; %s has %" G_GINT64_FORMAT ": %s short", wanted, who,
                  vcpus, missing);
}

static FeasibleResult refuse_gpus(Judge *judge, const char *who, int64_t gpus)
{
    int64_t need = judge->job->need.gpus;
    const char *plural = need == 1 ? "" : "s";
    if (!gpus)
        return refuse(judge, NEED_GPU, "needs %" G_GINT64_FORMAT " GPU%s; %s has none", need, plural, who);
    return refuse(judge, NEED_GPU, "needs %" G_GINT64_FORMAT " GPU%s; %s has %" G_GINT64_FORMAT, need, plural,
                  who, gpus);
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
    if (job->need.gpus > machine->gpus)
        return refuse_gpus(judge, "this machine", machine->gpus);
    if (job->need.vcpus_e4 > machine->vcpus * DECIMAL_SCALE)
        return refuse_vcpus(judge, "this machine", machine->vcpus);
    if (job->need.memory_mib > machine->memory_mib)
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

/* ---- EC2 */

static bool fits_type(const JobDefinitionSpec *job, const InstanceType *type)
{
    return type->gpus >= job->need.gpus && type->vcpus * DECIMAL_SCALE >= job->need.vcpus_e4 &&
           instance_type_usable_mib(type) >= job->need.memory_mib;
}

/* Of the types that pass the tests before, the one that comes nearest in the next; NULL when there is none.
 */
static const InstanceType *nearest(const Judge *judge, NeedKind dimension)
{
    const JobDefinitionSpec *job = judge->job;
    const InstanceType *best = NULL;
    for (guint i = 0; i < judge->environment->types->len; i++) {
        const InstanceType *type = g_ptr_array_index(judge->environment->types, i);
        bool gpus = type->gpus >= job->need.gpus, vcpus = type->vcpus * DECIMAL_SCALE >= job->need.vcpus_e4;
        if ((dimension != NEED_GPU && !gpus) || (dimension == NEED_MEMORY && !vcpus))
            continue;
        int64_t value = dimension == NEED_GPU    ? type->gpus
                        : dimension == NEED_VCPU ? type->vcpus
                                                 : type->memory_mib;
        int64_t now = !best                    ? -1
                      : dimension == NEED_GPU  ? best->gpus
                      : dimension == NEED_VCPU ? best->vcpus
                                               : best->memory_mib;
        if (value > now)
            best = type;
    }
    return best;
}

static FeasibleResult refuse_types(Judge *judge)
{
    const InstanceType *type = nearest(judge, NEED_MEMORY);
    if (type)
        return refuse_memory(judge, type->name, instance_type_usable_mib(type), type->memory_mib);
    type = nearest(judge, NEED_VCPU);
    if (type)
        return refuse_vcpus(judge, type->name, type->vcpus);
    type = nearest(judge, NEED_GPU);
    if (type)
        return refuse_gpus(judge, type->gpus ? type->name : "every instance type", type->gpus);
    return refuse(judge, NEED_OTHER, "the environment has no instance type");
}

static FeasibleResult judge_ec2(Judge *judge)
{
    const JobDefinitionSpec *job = judge->job;
    if (job->platform != PLATFORM_EC2)
        return refuse(judge, NEED_OTHER, "is for Fargate, the environment is EC2");
    if (job->nodes > 1 && judge->environment->spec->type == CE_TYPE_SPOT)
        return refuse(judge, NEED_OTHER, "is a multinode job, and Spot environments run none");
    if (exceeds_max(judge))
        return FEASIBLE_NO;
    const GPtrArray *types = judge->environment->types;
    for (guint i = 0; i < types->len; i++)
        if (fits_type(job, g_ptr_array_index(types, i)))
            return FEASIBLE_YES;
    return judge->environment->types_open ? FEASIBLE_UNKNOWN : refuse_types(judge);
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
        return FEASIBLE_UNKNOWN;
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
        Judge judge = {effective, &environments[i], reasons, NEED_NONE};
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

#include "reconciler/scale/fargate.h"

#include "reconciler/scale/strategy.h"
#include "spec/base/units.h"

#define MIB_PER_GIB 1024

int64_t fargate_task_price(const FargatePrices *prices, Capacity task)
{
    if (prices->vcpu_micro_per_h < 0 || prices->gib_micro_per_h < 0)
        return SCALE_UNKNOWN;
    __int128 scaled = (__int128)prices->vcpu_micro_per_h * task.vcpus_e4 * MIB_PER_GIB +
                      (__int128)prices->gib_micro_per_h * task.memory_mib * DECIMAL_SCALE;
    const int64_t scale = (int64_t)DECIMAL_SCALE * MIB_PER_GIB;
    return (int64_t)((scaled + scale - 1) / scale);
}

int64_t fargate_tasks_possible(const ComputeEnvironmentSpec *spec, int64_t current_vcpus_e4, Capacity need)
{
    int64_t room_e4 = scale_growth_room_e4(spec, current_vcpus_e4);
    if (room_e4 == INT64_MAX || need.vcpus_e4 <= 0)
        return INT64_MAX;
    return room_e4 / need.vcpus_e4;
}

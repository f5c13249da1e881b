/* schedule_fixture.h: environments with instances, passes of the scheduler and what comes of them, for its
 * tests. */
#pragma once
#include "reconciler/schedule/schedule.h"
#include "tests/support/world_fixture.h"

/* type: "EC2", "SPOT", "FARGATE" or "UNMANAGED"; more: further members of computeResources, as
 * ",\"instanceTypes\":[\"c5.large\"]". */
static inline void fixture_cloud(World *world, const char *name, const char *type, int max_vcpus,
                                 const char *more)
{
    g_autofree char *spec =
        strcmp(type, "UNMANAGED") == 0
            ? g_strdup("{\"provider\":\"simulated\",\"type\":\"UNMANAGED\",\"unmanagedvCpus\":100}")
            : g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"%s\"%s},"
                              "\"provider\":\"simulated\",\"type\":\"MANAGED\"}",
                              max_vcpus, type, more);
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, name, spec, 1);
}

static inline Instance *fixture_instance_coming(World *world, const char *environment, const char *type,
                                                Capacity capacity)
{
    static uint64_t number;
    LaunchToken token = fixture_token(UINT64_C(1) << 40 | ++number);
    return instance_intend(world, world_environment(world, view_from(environment)),
                           &(InstanceDraft){.type = type, .planned = capacity, .price_micro_per_h = -1},
                           &token, 100);
}

static inline Instance *fixture_instance(World *world, const char *environment, const char *type,
                                         Capacity capacity)
{
    Instance *instance = fixture_instance_coming(world, environment, type, capacity);
    instance_started(world, instance, type, 100);
    instance_registered(world, instance, capacity, 100);
    return instance;
}

static inline Capacity capacity_of(int64_t vcpus, int64_t memory_mib, int64_t gpus)
{
    return (Capacity){vcpus * 10000, memory_mib, gpus};
}

static inline Decisions fixture_pass_with(World *world, const ScheduleOptions *options, Arena *arena)
{
    Decisions decisions;
    schedule_run(world, options, arena, &decisions);
    return decisions;
}

static inline Decisions fixture_pass(World *world, int64_t now_ms, Arena *arena)
{
    return fixture_pass_with(world, &(ScheduleOptions){.now_ms = now_ms, .placements_max = 100000}, arena);
}

/* Gives back what a pass took, for passes of which nothing is made. */
static inline void fixture_undo(const Decisions *decisions)
{
    for (size_t i = 0; i < decisions->placements_len; i++) {
        const Placement *placement = &decisions->placements[i];
        if (placement->node != NOT_A_NODE && placement->instance->environment)
            instance_give(placement->instance, placement->instance->used);
        else if (placement->instance)
            instance_give_many(placement->instance, placement->job->template->effective->need,
                               placement->count);
    }
}

/* The nodes of one multinode job, whose placements stand together; how many there were. */
static inline size_t fixture_carry_nodes(World *world, const Placement *placements, int64_t now_ms,
                                         uint64_t *tokens)
{
    size_t len = (size_t)placements[0].job->template->effective->nodes;
    g_autofree Instance **instances = g_new(Instance *, len);
    g_autofree LaunchToken *tokens_new = g_new(LaunchToken, len);
    for (size_t i = 0; i < len; i++) {
        g_assert_true(placements[i].job == placements[0].job && placements[i].node == (int32_t)i);
        instances[i] = placements[i].instance;
        tokens_new[i] = fixture_token(++*tokens);
    }
    launch_intend_nodes(world, placements[0].job, placements[0].environment, instances, tokens_new, now_ms);
    return len;
}

/* Makes the launches and parks; tokens count up from *tokens. */
static inline void fixture_carry_out(World *world, const Decisions *decisions, int64_t now_ms,
                                     uint64_t *tokens)
{
    for (size_t i = 0; i < decisions->placements_len; i++) {
        const Placement *placement = &decisions->placements[i];
        int32_t index = placement->index;
        if (placement->node != NOT_A_NODE) {
            i += fixture_carry_nodes(world, placement, now_ms, tokens) - 1;
            continue;
        }
        for (int32_t child = 0; child < placement->count; child++) {
            int32_t next = index == NOT_A_CHILD ? index : job_next_runnable(placement->job, index + 1);
            LaunchToken token = fixture_token(++*tokens);
            launch_intend(world, placement->job, index, placement->environment, placement->instance, &token,
                          now_ms);
            index = next;
        }
    }
    for (size_t i = 0; i < decisions->parked_len; i++)
        world_park(world, decisions->parked[i].group, decisions->parked[i].blocked,
                   decisions->parked[i].reason, now_ms);
}

/* "SEQUENCE:INDEXxCOUNT@ENVIRONMENT/INSTANCE " for each placement, to compare. New string. */
static inline char *fixture_placements(const Decisions *decisions)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < decisions->placements_len; i++) {
        const Placement *placement = &decisions->placements[i];
        g_string_append_printf(text, "%" PRIu64 ":%dx%d@%s/%" PRIu64 " ", placement->job->sequence,
                               placement->index, placement->count, placement->environment->resource->name,
                               placement->instance ? placement->instance->number : 0);
    }
    return g_string_free(text, FALSE);
}

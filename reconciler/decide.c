#include "reconciler/decide.h"

void decided_init(Decided *decided)
{
    *decided = (Decided){.launches = g_ptr_array_new(),
                         .instances = g_array_new(FALSE, FALSE, sizeof(GrowthLaunch)),
                         .instance_stops = g_ptr_array_new(),
                         .stops = g_ptr_array_new(),
                         .wake_ms = INT64_MAX};
}

void decided_reset(Decided *decided)
{
    g_ptr_array_set_size(decided->launches, 0);
    g_array_set_size(decided->instances, 0);
    g_ptr_array_set_size(decided->instance_stops, 0);
    g_ptr_array_set_size(decided->stops, 0);
    decided->starts = 0;
    decided->more = false;
    decided->wake_ms = INT64_MAX;
}

void decided_clear(Decided *decided)
{
    g_ptr_array_unref(decided->launches);
    g_array_unref(decided->instances);
    g_ptr_array_unref(decided->instance_stops);
    g_ptr_array_unref(decided->stops);
}

static LaunchToken new_token(const DecideOptions *options)
{
    LaunchToken token;
    options->token(&token, options->token_data);
    return token;
}

static void place_one(const DecideOptions *options, const Placement *placement, int32_t index,
                      Decided *decided)
{
    LaunchToken token = new_token(options);
    g_ptr_array_add(decided->launches,
                    launch_intend(options->world, placement->job, index, placement->environment,
                                  placement->instance, &token, options->now_ms));
}

/* The next child is looked up before this one begins: beginning it changes what is next. */
static void place(const DecideOptions *options, const Placement *placement, Decided *decided)
{
    int32_t index = placement->index;
    for (int32_t i = 0; i < placement->count; i++) {
        int32_t next = i + 1 < placement->count ? job_next_runnable(placement->job, index + 1) : NOT_A_CHILD;
        place_one(options, placement, index, decided);
        index = next;
    }
}

/* The placements of all nodes of a multinode job, which stand together. */
static void place_nodes(const DecideOptions *options, const Placement *placements, size_t len, Arena *arena,
                        Decided *decided)
{
    Instance **instances = arena_new0_n(arena, Instance *, len);
    LaunchToken *tokens = arena_new0_n(arena, LaunchToken, len);
    for (size_t i = 0; i < len; i++) {
        instances[i] = placements[i].instance;
        tokens[i] = new_token(options);
    }
    launch_intend_nodes(options->world, placements->job, placements->environment, instances, tokens,
                        options->now_ms);
    for (Launch *launch = NULL; (launch = job_node_next(placements->job, launch));)
        g_ptr_array_add(decided->launches, launch);
}

static void place_all(const DecideOptions *options, const Decisions *decisions, Arena *arena,
                      Decided *decided)
{
    for (size_t i = 0, next; i < decisions->placements_len; i = next) {
        const Placement *placement = &decisions->placements[i];
        next = i + 1;
        if (placement->node == NOT_A_NODE) {
            place(options, placement, decided);
            continue;
        }
        while (next < decisions->placements_len && decisions->placements[next].job == placement->job)
            next++;
        place_nodes(options, placement, next - i, arena, decided);
    }
}

static void take_in(const DecideOptions *options, const Decisions *decisions, Arena *arena, Decided *decided)
{
    World *world = options->world;
    place_all(options, decisions, arena, decided);
    for (size_t i = 0; i < decisions->cancels_len; i++) {
        const Cancel *cancel = &decisions->cancels[i];
        job_end(world, cancel->job, cancel->index, END_CANCEL, cancel->reason, options->now_ms,
                decided->stops);
    }
    for (size_t i = 0; i < decisions->parked_len; i++) {
        const Parked *parked = &decisions->parked[i];
        world_park(world, parked->group, parked->blocked, parked->reason, options->now_ms);
    }
    decided->starts += decisions->starts;
    decided->more = decisions->is_full;
    decided->wake_ms = MIN(decided->wake_ms, decisions->wake_ms);
}

void decide(const DecideOptions *options, Arena *arena, Decided *decided)
{
    GrowthView view = {options->growth, options->world, options->now_ms};
    decided->wake_ms = MIN(decided->wake_ms, instances_wake(options->world, options->now_ms));
    ScheduleOptions schedule = {.now_ms = options->now_ms,
                                .placements_max = options->placements_max,
                                .providers = options->providers,
                                .growth = options->growth ? growth_room : NULL,
                                .trouble = options->growth ? growth_trouble : NULL,
                                .data = &view};
    Decisions decisions;
    schedule_run(options->world, &schedule, arena, &decisions);
    take_in(options, &decisions, arena, decided);
    if (!options->growth || decisions.is_full)
        return;
    GrowthOutcome outcome = {
        .launches = decided->instances, .instance_stops = decided->instance_stops, .stops = decided->stops};
    growth_run(options->growth, options->world, &decisions, options->token, options->token_data,
               options->now_ms, arena, &outcome);
    decided->wake_ms = MIN(decided->wake_ms, outcome.wake_ms);
}

/* run_schedule.c: pipelines that the clock starts.
 *
 * For each schedule of a pipeline the world keeps its position: the time up to which it was looked at. It
 * moves only when a time has come, with the run that it starts, so one commit holds both; nothing is written
 * while nothing is due. Positions lie in a setting for each pipeline, "schedules NAME", a line for each
 * schedule: POSITION, zone, expression. A schedule is known again by its zone and expression: an edited one
 * has no position and begins at the time of the edit; startingDeadlineSeconds alone may change.
 *
 * The run's spec has a member that no manifest can have: "scheduledAt": MILLISECONDS. Its key is made from
 * the pipeline and that time, so that two schedules that name one time start one run. */
#include "reconciler/world/run.h"
#include <stdlib.h>

#define PAUSED "suspended Pipeline/"

typedef struct {
    TreeNode by_due; /* World.due_schedules when it has a time to be looked at */
    int64_t due_ms;  /* 0: as soon as possible, it has no position yet */
    int64_t position_ms;
    Resource *pipeline;
    size_t index;
} Schedule;

struct Timetable {
    World *world;
    PipelineSchedules specs;
    Schedule *schedules; /* one for each of specs */
};

static Timetable *timetable_of(const Resource *pipeline)
{
    return resource_entry(pipeline)->timetable;
}

static const PipelineSchedule *spec_of(const Schedule *schedule)
{
    return &timetable_of(schedule->pipeline)->specs.items[schedule->index];
}

/* ---- which is next ---- */

static int schedule_compare(const TreeNode *a, const TreeNode *b)
{
    const Schedule *left = TREE_ENTRY(a, Schedule, by_due), *right = TREE_ENTRY(b, Schedule, by_due);
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    int order = strcmp(left->pipeline->name, right->pipeline->name);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

void schedules_init(World *world)
{
    tree_init(&world->due_schedules, schedule_compare);
}

int64_t world_schedule_due_ms(const World *world)
{
    const TreeNode *node = tree_first(&world->due_schedules);
    return node ? MAX(TREE_ENTRY(node, Schedule, by_due)->due_ms, 1) : 0;
}

static int64_t schedule_next(const Schedule *schedule)
{
    const PipelineSchedule *spec = spec_of(schedule);
    if (!spec->zone)
        return CRON_NEVER;
    return schedule->position_ms ? cron_next(&spec->cron, spec->zone, schedule->position_ms) : 0;
}

static void schedule_leave(World *world, Schedule *schedule)
{
    if (tree_contains(&schedule->by_due))
        tree_remove(&world->due_schedules, &schedule->by_due);
}

static void schedule_enter(World *world, Schedule *schedule)
{
    schedule_leave(world, schedule);
    schedule->due_ms = schedule_next(schedule);
    if (schedule->due_ms != CRON_NEVER)
        tree_insert(&world->due_schedules, &schedule->by_due);
}

void timetable_free(ResourceEntry *entry)
{
    Timetable *timetable = g_steal_pointer(&entry->timetable);
    if (!timetable)
        return;
    for (size_t i = 0; i < timetable->specs.len; i++)
        schedule_leave(timetable->world, &timetable->schedules[i]);
    pipeline_schedules_clear(&timetable->specs);
    g_free(timetable->schedules);
    g_free(timetable);
}

/* ---- positions ---- */

static char *setting_name(const Resource *pipeline)
{
    return g_strconcat("schedules ", pipeline->name, NULL);
}

static void positions_store(World *world, const Resource *pipeline)
{
    const Timetable *timetable = timetable_of(pipeline);
    g_autofree char *name = setting_name(pipeline);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; timetable && i < timetable->specs.len; i++)
        g_string_append_printf(text, "%" G_GINT64_FORMAT "\t%s\t%s\n", timetable->schedules[i].position_ms,
                               timetable->specs.items[i].zone_name, timetable->specs.items[i].expression);
    world_set_setting(world, name, text->str);
}

/* 0: none is kept. */
static int64_t position_find(const World *world, const Resource *pipeline, const PipelineSchedule *spec)
{
    g_autofree char *name = setting_name(pipeline);
    const char *text = world_setting(world, name);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    g_autofree char *wanted = g_strdup_printf("%s\t%s", spec->zone_name, spec->expression);
    for (char **line = lines; *line; line++) {
        const char *tab = strchr(*line, '\t');
        if (tab && strcmp(tab + 1, wanted) == 0)
            return MAX(g_ascii_strtoll(*line, NULL, 10), 0);
    }
    return 0;
}

/* ---- what a pipeline's spec says ---- */

bool schedules_in_force(World *world, Resource *pipeline, View spec, GError **error)
{
    static const char member[] = "\"schedule\":";
    PipelineSchedules specs = {0};
    ResourceEntry *entry = resource_entry(pipeline);
    bool is_there = memmem(spec.data, spec.len, member, sizeof member - 1) != NULL;
    if (is_there && !pipeline_schedules_decode(spec, &specs, error))
        return false;
    timetable_free(entry);
    if (specs.len == 0) {
        pipeline_schedules_clear(&specs);
        return true;
    }
    Timetable *timetable = entry->timetable = g_new0(Timetable, 1);
    *timetable = (Timetable){world, specs, g_new0(Schedule, specs.len)};
    for (size_t i = 0; i < specs.len; i++) {
        Schedule *schedule = &timetable->schedules[i];
        *schedule = (Schedule){.pipeline = pipeline, .index = i};
        schedule->position_ms = position_find(world, pipeline, &specs.items[i]);
        schedule_enter(world, schedule);
    }
    return true;
}

void schedules_begin(World *world, Resource *pipeline, int64_t now_ms)
{
    Timetable *timetable = timetable_of(pipeline);
    for (size_t i = 0; timetable && i < timetable->specs.len; i++)
        if (timetable->schedules[i].position_ms == 0) {
            timetable->schedules[i].position_ms = now_ms;
            schedule_enter(world, &timetable->schedules[i]);
        }
    if (pipeline->kind == KIND_PIPELINE)
        positions_store(world, pipeline);
}

void schedules_leave(World *world, Resource *pipeline)
{
    Timetable *timetable = timetable_of(pipeline);
    for (size_t i = 0; timetable && i < timetable->specs.len; i++)
        schedule_leave(world, &timetable->schedules[i]);
}

void schedules_enter(World *world, Resource *pipeline)
{
    Timetable *timetable = timetable_of(pipeline);
    for (size_t i = 0; timetable && i < timetable->specs.len; i++)
        schedule_enter(world, &timetable->schedules[i]);
}

void schedules_drop(World *world, Resource *pipeline)
{
    if (pipeline->kind != KIND_PIPELINE)
        return;
    timetable_free(resource_entry(pipeline));
    positions_store(world, pipeline);
    pipeline_suspend(world, view_from(pipeline->name), false);
}

size_t pipeline_schedules_len(const Resource *pipeline)
{
    const Timetable *timetable = timetable_of(pipeline);
    return timetable ? timetable->specs.len : 0;
}

void pipeline_schedule(const Resource *pipeline, size_t index, ScheduleView *ret_view)
{
    const Schedule *schedule = &timetable_of(pipeline)->schedules[index];
    *ret_view = (ScheduleView){spec_of(schedule), schedule->position_ms, MAX(schedule->due_ms, 0)};
}

/* ---- suspending ---- */

static char *suspended_setting(View name)
{
    return g_strdup_printf(PAUSED VIEW_FMT, VIEW_ARG(name));
}

bool pipeline_is_suspended(const World *world, View name)
{
    g_autofree char *setting = suspended_setting(name);
    return world_setting(world, setting) != NULL;
}

void pipeline_suspend(World *world, View name, bool is_suspended)
{
    g_autofree char *setting = suspended_setting(name);
    world_set_setting(world, setting, is_suspended ? "yes" : NULL);
}

/* ---- starting ---- */

int64_t run_spec_scheduled(const Run *run)
{
    if (!strstr(run->spec, "\"" SCHEDULED_AT "\":"))
        return 0;
    json_t *root = json_loads(run->spec, 0, NULL);
    int64_t at_ms = json_integer_value(json_object_get(root, SCHEDULED_AT));
    json_decref(root);
    return at_ms;
}

bool run_is_scheduled(const Run *run)
{
    return run_entry(run)->scheduled_ms != 0;
}

int64_t run_scheduled_ms(const Run *run)
{
    int64_t scheduled_ms = run_entry(run)->scheduled_ms;
    return scheduled_ms ? scheduled_ms : run->created_ms;
}

static char *time_text(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    return at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("?");
}

static void schedule_event(World *world, const Schedule *schedule, const char *type, int64_t at_ms,
                           const char *message, int64_t now_ms)
{
    g_autofree char *at = time_text(at_ms);
    g_autofree char *subject = g_strdup_printf("Pipeline/%s", schedule->pipeline->name);
    g_autofree char *text = g_strdup_printf("%s: %s", at, message);
    world_event_of(world, &(EventOrigin){.source = schedule->pipeline->owner}, type, subject, text, now_ms);
}

static void key_of(const Resource *pipeline, int64_t at_ms, Digest *ret_key)
{
    g_autofree char *text =
        g_strdup_printf("muster/scheduled\n%s\n%" G_GINT64_FORMAT "\n", pipeline->name, at_ms);
    digest_of(view_from(text), ret_key);
}

/* A run of a time is made at that time or later. */
static bool has_run(const World *world, const Resource *pipeline, const Digest *key, int64_t at_ms)
{
    const Run *run = world_run_newest(world, KIND_PIPELINE, view_from(pipeline->name));
    for (; run && run->created_ms >= at_ms; run = world_run_before(run))
        if (digest_equal(&run->key, key))
            return true;
    return false;
}

static char *spec_at(const Resource *pipeline, int64_t at_ms)
{
    json_t *root = json_loads(pipeline->spec, 0, NULL);
    json_object_set_new(root, SCHEDULED_AT, json_integer(at_ms));
    char *dumped = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped ? dumped : "");
    free(dumped);
    json_decref(root);
    return text;
}

static void schedule_start(World *world, const Schedule *schedule, int64_t at_ms, Rng *rng, int64_t now_ms)
{
    const Resource *pipeline = schedule->pipeline;
    g_autoptr(GError) error = NULL;
    g_autofree char *spec = spec_at(pipeline, at_ms);
    RunStart start = {.owner = pipeline->owner,
                      .kind = KIND_PIPELINE,
                      .name = view_from(pipeline->name),
                      .spec = view_from(spec)};
    key_of(pipeline, at_ms, &start.key);
    if (has_run(world, pipeline, &start.key, at_ms))
        return;
    const Run *run = run_start(world, &start, rng, now_ms, &error);
    g_autofree char *message = run ? g_strdup_printf("started run %" G_GINT64_FORMAT, run->number)
                                   : g_strdup_printf("could not be started: %s", error->message);
    schedule_event(world, schedule, run ? "schedule.started" : "schedule.failed", at_ms, message, now_ms);
}

static bool is_too_late(const Schedule *schedule, int64_t at_ms, int64_t now_ms)
{
    int64_t deadline_ms = spec_of(schedule)->deadline_ms;
    return deadline_ms >= 0 && now_ms - at_ms > deadline_ms;
}

/* Its time has come, or it has no position yet. */
static void schedule_look(World *world, Schedule *schedule, Rng *rng, int64_t now_ms)
{
    const PipelineSchedule *spec = spec_of(schedule);
    const Resource *pipeline = schedule->pipeline;
    bool has_begun = schedule->position_ms > 0;
    int64_t first_ms = schedule->due_ms,
            at_ms =
                has_begun ? cron_latest(&spec->cron, spec->zone, schedule->position_ms, now_ms) : CRON_NEVER;
    schedule->position_ms = at_ms == CRON_NEVER ? now_ms : at_ms;
    schedule_enter(world, schedule);
    positions_store(world, pipeline);
    if (at_ms == CRON_NEVER || pipeline->phase != RESOURCE_ACTIVE ||
        pipeline_is_suspended(world, view_from(pipeline->name)))
        return;
    if (first_ms < at_ms)
        schedule_event(world, schedule, "schedule.missed", first_ms,
                       "was missed; only the latest of those that were counts", now_ms);
    if (is_too_late(schedule, at_ms, now_ms))
        schedule_event(world, schedule, "schedule.missed", at_ms,
                       "was missed by more than startingDeadlineSeconds", now_ms);
    else
        schedule_start(world, schedule, at_ms, rng, now_ms);
}

size_t schedule_settle(World *world, size_t max, Rng *rng, int64_t now_ms)
{
    size_t looked = 0;
    for (TreeNode *node; looked < max && (node = tree_first(&world->due_schedules)); looked++) {
        Schedule *schedule = TREE_ENTRY(node, Schedule, by_due);
        if (schedule->due_ms > now_ms)
            break;
        schedule_look(world, schedule, rng, now_ms);
    }
    return looked;
}

void schedules_check(const World *world)
{
    size_t expected = 0;
    for (const Resource *at = NULL; (at = world_resource_next(world, at));)
        for (size_t i = 0; i < pipeline_schedules_len(at); i++) {
            const Schedule *schedule = &timetable_of(at)->schedules[i];
            int64_t next_ms = schedule_next(schedule);
            g_assert_true(schedule->due_ms == next_ms && schedule->pipeline == at);
            g_assert_true(tree_contains(&schedule->by_due) == (next_ms != CRON_NEVER));
            expected += next_ms != CRON_NEVER;
        }
    g_assert_cmpuint(tree_len(&world->due_schedules), ==, expected);
}

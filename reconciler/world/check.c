/* check.c: recounts every index (invariant 8). A difference is our own mistake: it aborts and says which. */
#include "reconciler/world/run.h"

typedef struct {
    int64_t counts[JOB_STATE_COUNT];
    size_t unfinished;
} QueueTally;

typedef struct {
    int64_t users;
    size_t refs;
} TemplateTally;

typedef struct {
    Usage usage;
    size_t launches;
} EnvironmentTally;

typedef struct {
    const World *world;
    GHashTable *queues, *templates, *environments, *runs;
    size_t jobs, launches, runnable;
} Recount;

static void expect(bool holds, const Job *job, const char *what)
{
    if (!holds)
        g_error("world_check: %s%s%" G_GUINT64_FORMAT, what, job ? ": job " : "", job ? job->sequence : 0);
}

static void *tally(GHashTable *table, const void *key, size_t size)
{
    void *value = g_hash_table_lookup(table, key);
    if (!value) {
        value = g_malloc0(size);
        g_hash_table_insert(table, (gpointer)(uintptr_t)key, value);
    }
    return value;
}

static bool under_way(JobState state)
{
    return state == JOB_STARTING || state == JOB_RUNNING;
}

static void check_launch(Recount *recount, const Job *job, int32_t index, JobState state,
                         const Launch *launch)
{
    expect((launch != NULL) == under_way(state), job, "launch without its state, or the other way round");
    if (!launch)
        return;
    expect(launch->job == job && launch->index == index, job, "launch points elsewhere");
    expect(world_launch(recount->world, &launch->token) == launch, job, "launch is not in the table");
    recount->launches++;
}

static void check_runnable(Recount *recount, const Runnable *runnable, bool wanted)
{
    expect((runnable->group != NULL) == wanted, runnable->job, "is in its group, or is not, wrongly");
    if (!wanted)
        return;
    expect(runnable->group->queue == runnable->job->queue, runnable->job, "group of another queue");
    expect(runnable->group->shape == template_entry(runnable->job->template)->shape, runnable->job,
           "group of another shape");
    recount->runnable++;
}

static bool gate_expected(const Job *job, int32_t index)
{
    const ArrayState *array = job->array;
    if (array->sequential && index > 0 && array_state(array, index - 1) != JOB_SUCCEEDED)
        return false;
    return !array->n_to_n || dependencies_hold(job, index);
}

static void check_children(Recount *recount, const Job *job)
{
    const ArrayState *array = job->array;
    int64_t counts[JOB_STATE_COUNT] = {0};
    int32_t untouched = 0, fresh = 0;
    for (int32_t index = 0; index < array->size; index++) {
        JobState state = array_state(array, index);
        bool is_untouched = !array->vector || array->vector[index] == 0;
        counts[state]++;
        untouched += is_untouched;
        fresh += is_untouched && state == JOB_RUNNABLE;
        expect(!is_untouched || index >= array->cursor, job, "cursor ran past an untouched child");
        if (is_untouched && array->open && array_gated(array))
            expect((state == JOB_RUNNABLE) == gate_expected(job, index), job, "gate of a child stands wrong");
    }
    expect(memcmp(counts, array->counts, sizeof counts) == 0, job, "children's counts");
    expect(untouched == array->untouched && fresh == array->fresh, job, "untouched or fresh children");
    expect(fresh == 0 || array_state(array, array_next_fresh(array, 0)) == JOB_RUNNABLE, job,
           "next fresh child");
    for (TreeNode *node = tree_first(&array->live); node; node = tree_next(node)) {
        const ChildState *child = TREE_ENTRY(node, ChildState, by_index);
        expect(child->state == array_state(array, child->index), job, "live child and vector differ");
        expect(!job_state_final(child->state) || child->is_dirty, job, "ended child was not collapsed");
        check_launch(recount, job, child->index, child->state, child->launch);
        check_runnable(recount, &child->runnable, child->state == JOB_RUNNABLE);
    }
    bool all_final = counts[JOB_SUCCEEDED] + counts[JOB_FAILED] == array->size;
    expect(all_final == job_state_final(job->state), job, "parent and children disagree about the end");
    expect(!all_final || (counts[JOB_FAILED] > 0) == (job->state == JOB_FAILED), job, "parent's result");
    check_runnable(recount, &job->private->runnable, fresh > 0);
}

static void check_edges(const Job *job)
{
    unsigned waiting = 0;
    for (uint8_t i = 0; i < job->private->edges_len; i++) {
        const Edge *edge = &job->private->edges[i];
        waiting += edge->on && (edge->record.type != DEPENDENCY_N_TO_N || !edge->on->array);
        expect(!edge->on || *edge->link == edge, job, "edge is not linked");
    }
    if (job_state_final(job->state))
        return;
    expect(waiting == job->private->waiting, job, "number of dependencies waited for");
    expect(job->state != JOB_SUBMITTED, job, "was never looked at");
    if (job->array)
        expect(job->array->open == (waiting == 0), job, "array opened wrongly");
    else if (job->private->unsized != UNSIZED_NOT)
        expect(job->state == JOB_PENDING, job, "waits for its size wrongly");
    else
        expect((job->state == JOB_PENDING) == (waiting > 0), job, "waits wrongly");
    if (!job->array)
        expect(job->private->unsized == job_unsized(job), job, "unsized");
}

static void check_job(Recount *recount, const Job *job)
{
    expect(world_job(recount->world, &job->id) == job, job, "not found by id");
    expect(world_job_by_sequence(recount->world, job->sequence) == job, job, "not found by sequence");
    expect(!job->array == (job->array_size == 0), job, "array or not");
    QueueTally *queue = tally(recount->queues, job->queue, sizeof(QueueTally));
    TemplateTally *template = tally(recount->templates, job->template, sizeof(TemplateTally));
    bool final = job_state_final(job->state);
    template->refs++;
    template->users += !final;
    queue->unfinished += !final;
    if (job->run && !final)
        ++*(size_t *)tally(recount->runs, job->run, sizeof(size_t));
    if (job->array)
        for (int state = 0; state < JOB_STATE_COUNT; state++)
            queue->counts[state] += job->array->counts[state];
    else
        queue->counts[job->state]++;
    if (job->array && !job->array->settled)
        check_children(recount, job);
    if (!job->array) {
        check_launch(recount, job, NOT_A_CHILD, job->state, job->launch);
        check_runnable(recount, &job->private->runnable, job->state == JOB_RUNNABLE);
    }
    check_edges(job);
    recount->jobs++;
}

static void check_queues(Recount *recount)
{
    size_t len, items = 0;
    Queue *const *queues = world_queues(recount->world, &len);
    for (size_t i = 0; i < len; i++) {
        const QueueTally *counted = tally(recount->queues, queues[i], sizeof(QueueTally));
        expect(memcmp(counted->counts, queues[i]->counts, sizeof counted->counts) == 0, NULL,
               "queue's counts");
        expect(counted->unfinished == queues[i]->unfinished, NULL, "queue's unfinished jobs");
        for (const RunnableGroup *group = runnable_group_next(queues[i], NULL); group;
             group = runnable_group_next(queues[i], group)) {
            expect(tree_len(&group->items) > 0, NULL, "empty group");
            items += tree_len(&group->items);
        }
    }
    expect(items == recount->runnable && items == recount->world->runnable, NULL, "runnable items");
}

static void check_environments(Recount *recount)
{
    Usage usage[PROVIDER_UNSET + 1] = {0};
    for (const Launch *launch = world_launch_next(recount->world, NULL); launch;
         launch = world_launch_next(recount->world, launch)) {
        const Environment *environment = launch->environment;
        Usage *used = &usage[environment ? environment->provider : PROVIDER_LOCAL];
        used->vcpus_e4 += launch->vcpus_e4;
        used->memory_mib += launch->memory_mib;
        used->gpus += launch_entry(launch)->gpus;
        if (!environment)
            continue;
        EnvironmentTally *counted = tally(recount->environments, environment, sizeof(EnvironmentTally));
        counted->usage.vcpus_e4 += launch->vcpus_e4;
        counted->usage.memory_mib += launch->memory_mib;
        counted->launches++;
    }
    expect(memcmp(usage, recount->world->usage, sizeof usage) == 0, NULL, "usage by provider");
    for (const Resource *resource = world_resource_next(recount->world, NULL); resource;
         resource = world_resource_next(recount->world, resource)) {
        const Environment *environment = resource->environment;
        if (!environment)
            continue;
        const EnvironmentTally *counted = tally(recount->environments, environment, sizeof(EnvironmentTally));
        expect(counted->usage.vcpus_e4 == environment->used_vcpus_e4 &&
                   counted->usage.memory_mib == environment->used_memory_mib &&
                   counted->launches == environment->launches,
               NULL, "environment's usage");
    }
}

static void check_templates(Recount *recount)
{
    size_t unused = 0;
    for (TreeNode *node = tree_first(&recount->world->templates); node; node = tree_next(node)) {
        const TemplateEntry *entry = TREE_ENTRY(node, TemplateEntry, by_id);
        const TemplateTally *counted = tally(recount->templates, &entry->template, sizeof(TemplateTally));
        expect(counted->refs == entry->refs && counted->users == entry->template.users, NULL,
               "template's users");
        unused += entry->refs == 0;
    }
    expect(unused == recount->world->unused_templates.length, NULL, "unused templates");
}

static void check_runs(Recount *recount)
{
    for (const Run *run = world_run_next(recount->world, NULL); run;
         run = world_run_next(recount->world, run)) {
        const size_t *counted = tally(recount->runs, run, sizeof(size_t));
        expect(*counted == run->jobs_unfinished, NULL, "run's unfinished jobs");
        expect(run_is_active(run) == tree_contains(&run_entry(run)->in_active), NULL, "active runs");
        const Run *waits_for = run_entry(run)->waits_for;
        expect(!waits_for || (run->state == RUN_WAITING && waits_for->state == RUN_WAITING), NULL,
               "run that waits for another");
        bool is_ready = run->state == RUN_WAITING && !waits_for && !run_active_before(run);
        expect(is_ready == tree_contains(&run_entry(run)->in_ready), NULL, "runs that may begin");
        bool may_have_jobs = run->state == RUN_RUNNING || run->state == RUN_CANCELLED;
        expect(run->jobs_unfinished > 0 ? may_have_jobs : run->state != RUN_RUNNING, NULL, "run's state");
    }
}

void world_check(const World *world)
{
    Recount recount = {.world = world,
                       .queues = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .templates = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .environments = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .runs = g_hash_table_new_full(NULL, NULL, NULL, g_free)};
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        check_job(&recount, job);
    expect(recount.jobs == world_jobs_len(world), NULL, "number of jobs");
    expect(recount.launches == world_launches_len(world), NULL, "number of launches");
    check_queues(&recount);
    check_environments(&recount);
    check_templates(&recount);
    check_runs(&recount);
    schedules_check(world);
    g_hash_table_unref(recount.queues);
    g_hash_table_unref(recount.templates);
    g_hash_table_unref(recount.environments);
    g_hash_table_unref(recount.runs);
}

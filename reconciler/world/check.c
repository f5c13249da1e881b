/* check.c: recounts every index (invariant 8). A difference is our own mistake: it aborts and says which. */
#include "reconciler/world/attempt.h"
#include "reconciler/world/guest.h"
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
    Capacity used;
    size_t launches, instances;
    int64_t instance_vcpus;
} EnvironmentTally;

typedef struct {
    size_t jobs, unfinished;
    int64_t held_vcpus_e4;
} ShareTally;

typedef struct {
    Capacity used;
    size_t launches, guests;
} InstanceTally;

typedef struct {
    const World *world;
    GHashTable *shares, *queues, *templates, *environments, *instances, *runs;
    size_t jobs, launches, runnable, parked;
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
    ShareTally *share = tally(recount->shares, job->private->share, sizeof(ShareTally));
    share->held_vcpus_e4 += launch->vcpus_e4;
}

/* Of each node at most one launch is open (invariant 3). */
static void check_nodes(Recount *recount, const Job *job)
{
    const NodeSet *nodes = job->private->nodes;
    size_t open = 0;
    int32_t last = NOT_A_CHILD;
    expect(under_way(job->state), job, "nodes without an attempt under way");
    for (const Launch *launch = NULL; (launch = job_node_next(job, launch));) {
        check_launch(recount, job, launch->index, job->state, launch);
        expect(launch->is_node && launch->index > last, job, "order of nodes");
        expect(launch->attempt == job->attempts, job, "node of another attempt");
        expect(nodes->verdict.kind == VERDICT_NONE || launch->stopping, job, "node that was not stopped");
        last = launch->index;
        open++;
    }
    expect(open == nodes->open && open > 0, job, "number of nodes");
    expect(job->launch || nodes->verdict.kind != VERDICT_NONE, job, "main node ended undecided");
}

static void check_runnable(Recount *recount, const Runnable *runnable, bool wanted)
{
    expect((runnable->group != NULL) == wanted, runnable->job, "is in its group, or is not, wrongly");
    if (!wanted)
        return;
    const RunnableGroup *group = &runnable->group->group;
    expect(group->share == runnable->job->private->share && group->share->queue == runnable->job->queue,
           runnable->job, "group of another share");
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
    for (const ChildState *child = array_live_next(array, 0); child; child = live_after(array, child)) {
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
    else if (job->private->unsized)
        expect(job->state == JOB_PENDING, job, "waits for its size wrongly");
    else
        expect((job->state == JOB_PENDING) == (waiting > 0), job, "waits wrongly");
    if (!job->array)
        expect(job->private->unsized == job_is_unsized(job), job, "unsized");
}

static void check_job(Recount *recount, const Job *job)
{
    expect(world_job(recount->world, &job->id) == job, job, "not found by id");
    expect(world_job_by_sequence(recount->world, job->sequence) == job, job, "not found by sequence");
    expect(!job->array == (job->array_size == 0), job, "array or not");
    QueueTally *queue = tally(recount->queues, job->queue, sizeof(QueueTally));
    TemplateTally *template = tally(recount->templates, job->template, sizeof(TemplateTally));
    ShareTally *share = tally(recount->shares, job->private->share, sizeof(ShareTally));
    bool final = job_state_final(job->state);
    share->jobs++;
    share->unfinished += !final;
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
    if (job->private->nodes)
        check_nodes(recount, job);
    else if (!job->array)
        check_launch(recount, job, NOT_A_CHILD, job->state, job->launch);
    if (!job->array) {
        check_runnable(recount, &job->private->runnable, job->state == JOB_RUNNABLE);
    }
    check_edges(job);
    recount->jobs++;
}

/* What their order says of each. */
static void check_order(const GroupOrder *order, size_t groups)
{
    expect(group_order_is_sound(order) && order->len == groups, NULL, "groups of a share");
    for (const GroupItem *item = group_order_next(order, NULL, NULL, NULL); item;
         item = group_order_next(order, item, NULL, NULL)) {
        const RunnableGroup *group = &TREE_ENTRY(item, GroupEntry, by_head)->group;
        GroupKey key, wanted = group_key(group);
        GroupBound bound;
        group_order_get(item, &key, &bound);
        expect(group_key_compare(&key, &wanted) == 0 && bound.kinds == kind_bit(group->kind) &&
                   memcmp(&bound.least, &group->need, sizeof bound.least) == 0,
               NULL, "what the order says of a group");
    }
}

static void check_group(const GroupEntry *entry)
{
    const RunnableGroup *group = &entry->group;
    int64_t jobs = 0;
    for (TreeNode *node = tree_first(&entry->items); node; node = tree_next(node)) {
        const Runnable *runnable = TREE_ENTRY(node, Runnable, node);
        const Job *job = runnable->job;
        jobs += job->array && runnable->index == NOT_A_CHILD ? job->array->fresh : 1;
        expect(job_group(job) == group, job, "group by content");
    }
    const Runnable *head = TREE_ENTRY(tree_first(&entry->items), Runnable, node);
    expect(tree_len(&entry->items) == group->items && jobs == group->jobs, NULL, "jobs of a group");
    expect(head->front == group->front && head->job->sequence == group->sequence &&
               head->index == group->index,
           head->job, "head of a group");
}

static size_t check_shares(Recount *recount, const Queue *queue)
{
    size_t items = 0, active = 0, in_order = 0;
    int64_t held_vcpus_e4 = 0, waiting_vcpus_e4 = 0;
    for (const Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        const ShareTally *counted = tally(recount->shares, share, sizeof(ShareTally));
        expect(counted->unfinished == share->unfinished && counted->jobs == share_entry(share)->refs, NULL,
               "jobs of a share");
        expect(counted->held_vcpus_e4 == share->held_vcpus_e4, NULL, "vCPUs that a share holds");
        expect(!share_entry(share)->usage == !queue->fair, NULL, "usage of a share");
        expect(!share_entry(share)->usage || share_entry(share)->usage->held_vcpus_e4 == share->held_vcpus_e4,
               NULL, "vCPUs that count as used");
        check_order(&share_entry(share)->groups, share->groups);
        check_order(&share_entry(share)->parked, share->parked);
        size_t groups = 0;
        for (const RunnableGroup *group = share_group_any(share, NULL); group;
             group = share_group_any(share, group)) {
            check_group(group_entry(group));
            items += group->items;
            waiting_vcpus_e4 +=
                group->jobs * group->need.vcpus_e4 * world_kind(recount->world, group->kind)->nodes;
            groups++;
        }
        expect(groups == share->groups + share->parked, NULL, "groups by content");
        active += share->active;
        held_vcpus_e4 += share->held_vcpus_e4;
        recount->parked += share->parked;
        in_order += share->groups;
    }
    expect(in_order == queue->groups, NULL, "groups of a queue");
    expect(queue_order_holds(recount->world, queue), NULL, "queue's place among queues");
    expect(active == queue->active_shares && held_vcpus_e4 == queue->held_vcpus_e4, NULL, "queue's shares");
    expect(waiting_vcpus_e4 == queue->waiting_vcpus_e4, NULL, "vCPUs that a queue's jobs wait for");
    return items;
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
        items += check_shares(recount, queues[i]);
    }
    expect(items == recount->runnable && items == recount->world->runnable, NULL, "runnable items");
    expect(recount->parked == recount->world->parked, NULL, "parked groups");
}

static void capacity_count(Capacity *sum, const Launch *launch)
{
    sum->vcpus_e4 += launch->vcpus_e4;
    sum->memory_mib += launch->memory_mib;
    sum->gpus += launch->gpus;
}

static void check_launches(Recount *recount)
{
    for (const Launch *launch = world_launch_next(recount->world, NULL); launch;
         launch = world_launch_next(recount->world, launch)) {
        if (launch->instance) {
            InstanceTally *counted = tally(recount->instances, launch->instance, sizeof(InstanceTally));
            counted->used.vcpus_e4 += launch->held.vcpus_e4;
            counted->used.memory_mib += launch->held.memory_mib;
            counted->used.gpus += launch->held.gpus;
            counted->launches++;
        }
        if (launch->environment) {
            EnvironmentTally *counted =
                tally(recount->environments, launch->environment, sizeof(EnvironmentTally));
            capacity_count(&counted->used, launch);
            counted->launches++;
        }
    }
}

static void check_guests(Recount *recount)
{
    const World *world = recount->world;
    for (size_t i = 0; i < world_guests_len(world); i++) {
        const Guest *guest = world_guest_get(world, i);
        expect(world_guest(world, &guest->token) == guest, NULL, "guest is not in its place");
        expect(!world_launch(world, &guest->token), NULL, "guest that is a launch, too");
        expect(guest->held_on == world_instance(world, &guest->instance), NULL, "guest elsewhere");
        if (!guest->held_on)
            continue;
        InstanceTally *counted = tally(recount->instances, guest->held_on, sizeof(InstanceTally));
        counted->used = (Capacity){counted->used.vcpus_e4 + guest->need.vcpus_e4,
                                   counted->used.memory_mib + guest->need.memory_mib,
                                   counted->used.gpus + guest->need.gpus};
        counted->launches++;
        counted->guests++;
    }
}

static int64_t left(int64_t total, int64_t used)
{
    return MAX(total - used, 0);
}

static void check_instance(Recount *recount, const Instance *instance, const Fleet *fleet)
{
    const InstanceTally *counted = tally(recount->instances, instance, sizeof(InstanceTally));
    const Capacity *total = &instance->total, *used = &instance->used, *free = &instance->free;
    size_t linked = 0;
    for (const Launch *launch = instance->newest_launch; launch; launch = launch->instance_prev) {
        expect(launch->instance == instance, launch->job, "launch on another instance");
        linked++;
    }
    expect(memcmp(&counted->used, used, sizeof *used) == 0, NULL, "what an instance's launches use");
    expect(counted->launches == instance->launches && linked + instance->guests == instance->launches &&
               counted->guests == instance->guests && instance->holds == instance->launches,
           NULL, "launches of an instance");
    expect(free->vcpus_e4 == left(total->vcpus_e4, used->vcpus_e4) &&
               free->memory_mib == left(total->memory_mib, used->memory_mib) &&
               free->gpus == left(total->gpus, used->gpus),
           NULL, "what is free on an instance");
    expect(instance->in_fleet.fleet == fleet, NULL, "fleet of an instance");
    bool idle = instance->state == INSTANCE_REGISTERED && instance->launches == 0;
    expect(!instance->idle_since_ms || idle, NULL, "instance idle though it is not");
}

static void check_instances(Recount *recount)
{
    const World *world = recount->world;
    size_t count = 0;
    for (const Instance *instance = world_instance_next(world, NULL); instance;
         instance = world_instance_next(world, instance)) {
        Environment *environment = instance->environment;
        InstanceState state = instance->state;
        EnvironmentTally *counted = tally(recount->environments, environment, sizeof(EnvironmentTally));
        counted->instances++;
        counted->instance_vcpus += instance->total.vcpus_e4 / 10000;
        expect(world_instance(world, &instance->token) == instance, NULL, "instance is not in the table");
        expect(state != INSTANCE_GONE, NULL, "instance that is gone");
        check_instance(recount, instance,
                       state == INSTANCE_INTENDED || state == INSTANCE_PENDING ? environment->coming
                       : state != INSTANCE_REGISTERED                          ? NULL
                       : instance->rests_until_ms                              ? environment->coming
                                                                               : environment->fleet);
        count++;
    }
    expect(count == world_instances_len(world), NULL, "number of instances");
    const Instance *local = &world->local->instance;
    check_instance(recount, local, local->state == INSTANCE_REGISTERED ? world->local_fleet : NULL);
}

/* A fleet answers as one that is built anew, for what is free on each of its instances. */
static void check_fleet(Fleet *fleet)
{
    g_autoptr(GPtrArray) instances = g_ptr_array_new(), answers = g_ptr_array_new();
    for (Instance *instance = fleet_next(fleet, NULL); instance; instance = fleet_next(fleet, instance)) {
        g_ptr_array_add(instances, instance);
        g_ptr_array_add(answers, fleet_find(fleet, instance->free, FLEET_ANY));
        g_ptr_array_add(answers, fleet_find_empty(fleet, instance->total, instance->type, NULL));
    }
    Capacity most = fleet_most_free(fleet);
    expect(instances->len == fleet_len(fleet), NULL, "length of a fleet");
    for (guint i = instances->len; i > 0; i--)
        fleet_remove(fleet, g_ptr_array_index(instances, i - 1));
    Fleet *rebuilt = fleet_new();
    for (guint i = 0; i < instances->len; i++)
        fleet_insert(rebuilt, g_ptr_array_index(instances, i));
    Capacity rebuilt_most = fleet_most_free(rebuilt);
    expect(memcmp(&most, &rebuilt_most, sizeof most) == 0, NULL, "most that is free in a fleet");
    for (guint i = 0; i < instances->len; i++) {
        const Instance *instance = g_ptr_array_index(instances, i);
        expect(g_ptr_array_index(answers, 2 * i) == fleet_find(rebuilt, instance->free, FLEET_ANY) &&
                   g_ptr_array_index(answers, 2 * i + 1) ==
                       fleet_find_empty(rebuilt, instance->total, instance->type, NULL),
               NULL, "fleet answers otherwise than one built anew");
    }
    fleet_free(rebuilt);
    for (guint i = 0; i < instances->len; i++)
        fleet_insert(fleet, g_ptr_array_index(instances, i));
}

static void check_environments(Recount *recount)
{
    for (const Resource *resource = world_resource_next(recount->world, NULL); resource;
         resource = world_resource_next(recount->world, resource)) {
        const Environment *environment = resource->environment;
        if (!environment)
            continue;
        const EnvironmentTally *counted = tally(recount->environments, environment, sizeof(EnvironmentTally));
        expect(counted->used.vcpus_e4 == environment->used_vcpus_e4 &&
                   counted->used.memory_mib == environment->used_memory_mib &&
                   counted->launches == environment->launches,
               NULL, "environment's usage");
        expect(counted->instances == environment->instances &&
                   counted->instance_vcpus == environment->instance_vcpus,
               NULL, "environment's instances");
        check_fleet(environment->fleet);
        check_fleet(environment->coming);
    }
}

static void check_consumables(const World *world)
{
    for (const Resource *resource = world_resource_next(world, NULL); resource;
         resource = world_resource_next(world, resource))
        expect(!resource->consumable ||
                   resource->consumable->in_use == consumable_count(world, resource->consumable),
               NULL, "consumable resource's use");
    for (const History *history = world_history_next(world, NULL); history;
         history = world_history_next(world, history))
        expect(history_is_sound(history), NULL, "expected run time");
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
                       .shares = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .queues = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .templates = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .environments = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .instances = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                       .runs = g_hash_table_new_full(NULL, NULL, NULL, g_free)};
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        check_job(&recount, job);
    expect(recount.jobs == world_jobs_len(world), NULL, "number of jobs");
    expect(recount.launches == world_launches_len(world), NULL, "number of launches");
    check_queues(&recount);
    check_launches(&recount);
    check_guests(&recount);
    check_instances(&recount);
    check_environments(&recount);
    check_consumables(world);
    check_templates(&recount);
    check_runs(&recount);
    g_hash_table_unref(recount.shares);
    schedules_check(world);
    g_hash_table_unref(recount.queues);
    g_hash_table_unref(recount.templates);
    g_hash_table_unref(recount.environments);
    g_hash_table_unref(recount.instances);
    g_hash_table_unref(recount.runs);
}

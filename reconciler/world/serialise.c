/* serialise.c: what changed since the last batch, each object once. */
#include "reconciler/world/run.h"

static void write_resources(World *world, Batch *batch)
{
    for (TreeNode *node = tree_first(&world->graves); node; node = tree_first(&world->graves)) {
        ResourceEntry *entry = TREE_ENTRY(node, ResourceEntry, by_key);
        ResourceRecord record = resource_record(&entry->resource);
        record.removed = true;
        batch_put_resource(batch, &record);
        tree_remove(&world->graves, node);
        resource_entry_free(world, entry);
    }
    for (GList *link = g_queue_pop_head_link(&world->dirty_resources); link;
         link = g_queue_pop_head_link(&world->dirty_resources)) {
        ResourceEntry *entry = link->data;
        ResourceRecord record = resource_record(&entry->resource);
        batch_put_resource(batch, &record);
        entry->resource.dirty = false;
    }
    for (GList *link = g_queue_pop_head_link(&world->dirty_revisions); link;
         link = g_queue_pop_head_link(&world->dirty_revisions)) {
        RevisionEntry *entry = link->data;
        batch_put_revision(batch, &entry->record);
        entry->is_dirty = false;
    }
}

static void write_job(const Job *job, Batch *batch)
{
    const struct JobPrivate *private = job->private;
    DependencyRecord records[UINT8_MAX];
    for (uint8_t i = 0; i < private->edges_len; i++)
        records[i] = private->edges[i].record;
    batch_put_job(batch, &(JobRecord){.sequence = job->sequence,
                                      .id = job->id,
                                      .name = view_from(job->name),
                                      .queue = view_from(job->queue->resource->name),
                                      .template_id = job->template->id,
                                      .array_size = job->array_size,
                                      .run = view_from(job->run ? job->run->id : NULL),
                                      .step = view_from(job->step),
                                      .depends_on = private->edges_len > 0 ? records : NULL,
                                      .depends_on_len = private->edges_len,
                                      .share_identifier = view_from(private->share->identifier),
                                      .created_ms = job->created_ms,
                                      .state = job->state,
                                      .is_cancelled = job->is_cancelled,
                                      .is_terminated = job->is_terminated,
                                      .status_reason = view_from(job->status_reason),
                                      .attempts = job->attempts,
                                      .front = job->front,
                                      .started_ms = job->started_ms,
                                      .stopped_ms = job->stopped_ms,
                                      .is_multinode = job->template->effective->nodes > 1,
                                      .is_new = private->is_new});
}

static void write_jobs(World *world, Batch *batch)
{
    Job *next;
    for (Job *job = world->dirty_jobs; job; job = next) {
        struct JobPrivate *private = job->private;
        next = private->dirty_next;
        write_job(job, batch);
        private->dirty_next = NULL;
        private->is_dirty = private->is_new = false;
        private->batch = world->batches + 1;
    }
    world->dirty_jobs = world->dirty_jobs_tail = NULL;
}

static void write_children(World *world, Batch *batch)
{
    for (GList *link = g_queue_pop_head_link(&world->dirty_children); link;
         link = g_queue_pop_head_link(&world->dirty_children)) {
        ChildState *child = link->data;
        child->is_dirty = false;
        batch_put_child(batch, &(ChildRecord){.sequence = child->job->sequence,
                                              .index = child->index,
                                              .state = child->state,
                                              .is_cancelled = child->is_cancelled,
                                              .is_terminated = child->is_terminated,
                                              .status_reason = view_from(child->status_reason),
                                              .attempts = child->attempts,
                                              .front = child->front,
                                              .started_ms = child->started_ms,
                                              .stopped_ms = child->stopped_ms,
                                              .is_new = child->is_new});
        child->is_new = false;
        if (job_state_final(child->state))
            child_collapse(world, child);
    }
}

static void write_instances(World *world, Batch *batch)
{
    for (GList *link = g_queue_pop_head_link(&world->dirty_instances); link;
         link = g_queue_pop_head_link(&world->dirty_instances)) {
        InstanceEntry *entry = link->data;
        InstanceRecord record = instance_record(&entry->instance);
        batch_put_instance(batch, &record);
        entry->is_dirty = entry->is_new = false;
    }
}

static void write_launches(World *world, Batch *batch)
{
    for (GList *link = g_queue_pop_head_link(&world->dirty_launches); link;
         link = g_queue_pop_head_link(&world->dirty_launches)) {
        LaunchEntry *entry = link->data;
        AttemptRecord record;
        launch_record(&entry->launch, &record);
        batch_put_attempt(batch, &record);
        entry->is_dirty = entry->is_new = false;
    }
}

static void write_runs(World *world, Batch *batch)
{
    for (GList *link = g_queue_pop_head_link(&world->dirty_runs); link;
         link = g_queue_pop_head_link(&world->dirty_runs)) {
        RunEntry *entry = link->data;
        RunRecord record = run_record(&entry->run);
        batch_put_run(batch, &record);
        run_written(entry);
    }
    for (GList *link = g_queue_pop_head_link(&world->dirty_applies); link;
         link = g_queue_pop_head_link(&world->dirty_applies)) {
        ApplyEntry *entry = link->data;
        ApplyRecord record = entry->record;
        record.is_new = entry->is_new;
        batch_put_apply(batch, &record);
        entry->is_dirty = entry->is_new = false;
    }
}

static void write_shares(World *world, Batch *batch)
{
    for (GList *link = g_queue_pop_head_link(&world->dirty_shares); link;
         link = g_queue_pop_head_link(&world->dirty_shares)) {
        ShareEntry *entry = link->data;
        int64_t amounts[USAGE_BUCKETS];
        UsageRecord record;
        share_record(entry, amounts, &record);
        if (!record.removed || entry->is_stored)
            batch_put_usage(batch, &record);
        share_written(world, entry);
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void write_settings(World *world, Batch *batch)
{
    GList *names = g_list_sort(g_hash_table_get_keys(world->dirty_settings), compare_names);
    for (GList *name = names; name; name = name->next)
        batch_put_setting(batch, &(SettingRecord){.name = view_from(name->data),
                                                  .value = view_from(world_setting(world, name->data))});
    g_list_free(names);
    g_hash_table_remove_all(world->dirty_settings);
}

bool world_is_dirty(const World *world)
{
    return (world->batch && !batch_is_empty(world->batch)) || tree_len(&world->graves) > 0 ||
           world->dirty_jobs || world->dirty_resources.length || world->dirty_revisions.length ||
           world->dirty_children.length || world->dirty_launches.length || world->dirty_runs.length ||
           world->dirty_applies.length || world->dirty_shares.length || world->dirty_instances.length ||
           world->dirty_histories.length || world->dirty_drifts.length ||
           g_hash_table_size(world->dirty_settings) > 0;
}

Batch *world_take_batch(World *world)
{
    if (!world_is_dirty(world))
        return NULL;
    Batch *batch = world_batch(world);
    write_resources(world, batch);
    write_drifts(world, batch);
    write_runs(world, batch);
    write_jobs(world, batch);
    write_children(world, batch);
    write_histories(world, batch);
    write_instances(world, batch);
    write_launches(world, batch);
    write_shares(world, batch);
    write_settings(world, batch);
    world->batch = NULL;
    world->batches++;
    return batch;
}

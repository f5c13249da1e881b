/* dump.c: what may still decide, as text. What a restart forgets on purpose is left out: finished jobs, and
 * what a launch was known to be. */
#include "reconciler/world/attempt.h"

static const char *text_or_dash(const char *text)
{
    return text && *text ? text : "-";
}

/* A FIFO queue's share says no more than the queue; one that is neither active nor stored says nothing: it is
 * there for finished jobs that something may still look at. */
static void dump_queue(const Queue *queue, GString *out)
{
    g_string_append_printf(out, "  unfinished=%" G_GSIZE_FORMAT " held=%" G_GINT64_FORMAT "\n",
                           queue->unfinished, queue->held_vcpus_e4);
    for (const Share *share = share_next(queue, NULL); queue->fair && share;
         share = share_next(queue, share)) {
        int64_t first, amounts[USAGE_BUCKETS];
        int len;
        if (!share->active && !share_entry(share)->is_stored)
            continue;
        usage_ended_get(share_entry(share)->usage, &first, amounts, &len);
        g_string_append_printf(out,
                               "  share %s unfinished=%" G_GSIZE_FORMAT " held=%" G_GINT64_FORMAT
                               " inactive=%" G_GINT64_FORMAT " used from %" G_GINT64_FORMAT ":",
                               share->identifier, share->unfinished, share->held_vcpus_e4,
                               share->inactive_since_ms, len > 0 ? first : 0);
        for (int i = 0; i < len; i++)
            g_string_append_printf(out, " %" G_GINT64_FORMAT, amounts[i]);
        g_string_append_c(out, '\n');
    }
}

static void dump_resources(const World *world, GString *out)
{
    for (const Resource *resource = world_resource_next(world, NULL); resource;
         resource = world_resource_next(world, resource)) {
        char hex[2 * DIGEST_BYTES + 1];
        digest_to_hex(&resource->digest, hex);
        g_string_append_printf(
            out, "resource %s/%s phase=%d revision=%" G_GINT64_FORMAT " kept=%d %s %s next=%s\n",
            kind_name(resource->kind), resource->name, resource->phase, resource->revision, resource->kept,
            hex, resource->spec, text_or_dash(resource->next_spec));
        if (resource->queue)
            dump_queue(resource->queue, out);
        if (resource->environment)
            g_string_append_printf(out,
                                   "  vcpus=%" G_GINT64_FORMAT " memory=%" G_GINT64_FORMAT
                                   " launches=%" G_GSIZE_FORMAT " instances=%" G_GSIZE_FORMAT
                                   " instance_vcpus=%" G_GINT64_FORMAT " generation=%" G_GUINT64_FORMAT "\n",
                                   resource->environment->used_vcpus_e4,
                                   resource->environment->used_memory_mib, resource->environment->launches,
                                   resource->environment->instances, resource->environment->instance_vcpus,
                                   resource->environment->generation);
    }
    for (TreeNode *node = tree_first(&world->revisions); node; node = tree_next(node)) {
        const RevisionRecord *record = &TREE_ENTRY(node, RevisionEntry, by_key)->record;
        g_string_append_printf(out, "revision " VIEW_FMT ":%" G_GINT64_FORMAT " active=%d\n",
                               VIEW_ARG(record->name), record->revision, record->active);
    }
}

/* Equal neighbours are one entry: "0-99 RUNNABLE". */
static void dump_children(const Job *job, GString *out)
{
    int32_t first = 0;
    for (int32_t index = 1; index <= job->array_size; index++) {
        if (index < job->array_size && array_state(job->array, index) == array_state(job->array, first))
            continue;
        g_string_append_printf(out, "  %d-%d %s\n", first, index - 1,
                               job_state_name(array_state(job->array, first)));
        first = index;
    }
    for (const ChildState *child = array_live_next(job->array, 0); child;
         child = live_after(job->array, child)) {
        if (!job_state_final(child->state))
            g_string_append_printf(
                out,
                "  child %d attempts=%d front=%" G_GUINT64_FORMAT " cancelled=%d terminated=%d "
                "started=%" G_GINT64_FORMAT " %s\n",
                child->index, child->attempts, child->front, child->is_cancelled, child->is_terminated,
                child->started_ms, text_or_dash(child->status_reason));
    }
}

static void dump_jobs(const World *world, GString *out)
{
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence)) {
        if (job_state_final(job->state))
            continue;
        char id[37];
        job_id_to_text(&job->id, id);
        g_string_append_printf(out,
                               "job %" G_GUINT64_FORMAT " %s %s queue=%s template=%" G_GINT64_FORMAT
                               " size=%d run=%s step=%s %s "
                               "cancelled=%d terminated=%d attempts=%d front=%" G_GUINT64_FORMAT
                               " waiting=%u started=%" G_GINT64_FORMAT " %s\n",
                               job->sequence, id, job->name, job->queue->resource->name, job->template->id,
                               job->array_size, job->run ? job->run->id : "-", text_or_dash(job->step),
                               job_state_name(job->state), job->is_cancelled, job->is_terminated,
                               job->attempts, job->front, job->private->waiting, job->started_ms,
                               text_or_dash(job->status_reason));
        if (job->array)
            dump_children(job, out);
        const NodeSet *nodes = job->private->nodes;
        if (nodes)
            g_string_append_printf(out, "  nodes open=%" G_GSIZE_FORMAT " started=%d verdict=%d %s\n",
                                   nodes->open, nodes->any_started, nodes->verdict.kind,
                                   text_or_dash(nodes->verdict.outcome.status_reason));
    }
}

static void dump_order(const World *world, GString *out)
{
    size_t len;
    Queue *const *queues = world_queues(world, &len);
    for (size_t i = 0; i < len; i++) {
        RunnableIter iter;
        RunnableItem item;
        g_string_append_printf(out, "queue %s\n", queues[i]->resource->name);
        for (runnable_iter_init(&iter, world, queues[i]); runnable_iter_next(&iter, &item);)
            g_string_append_printf(out, "  %" G_GUINT64_FORMAT ":%d x%" G_GINT64_FORMAT "\n",
                                   item.job->sequence, item.index, item.runnable);
    }
}

/* What was observed of them is forgotten by a restart; what was decided is not. */
static void dump_instances(const World *world, GString *out)
{
    for (const Instance *instance = world_instance_next(world, NULL); instance;
         instance = world_instance_next(world, instance)) {
        char hex[LAUNCH_TOKEN_TEXT];
        launch_token_text(&instance->token, hex);
        g_string_append_printf(
            out,
            "instance %" G_GUINT64_FORMAT " %s environment=%s type=%s id=%s decided=%s spot=%d "
            "ran=%d total=%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT
            " used=%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT " launches=%" G_GSIZE_FORMAT
            " price=%" G_GINT64_FORMAT " registered=%" G_GINT64_FORMAT " generation=%" G_GUINT64_FORMAT "\n",
            instance->number, hex, instance->environment->resource->name, instance->type,
            text_or_dash(instance->provider_id), instance_state_name(instance_entry(instance)->decided),
            instance->spot, instance->ran, instance->total.vcpus_e4, instance->total.memory_mib,
            instance->total.gpus, instance->used.vcpus_e4, instance->used.memory_mib, instance->used.gpus,
            instance->launches, instance->price_micro_per_h, instance->registered_ms, instance->generation);
    }
    for (const Resource *resource = world_resource_next(world, NULL); resource;
         resource = world_resource_next(world, resource))
        if (resource->consumable)
            g_string_append_printf(
                out, "consumable %s in_use=%" G_GINT64_FORMAT " used_up=%" G_GINT64_FORMAT "\n",
                resource->name, resource->consumable->in_use, resource->consumable->used_up);
    history_dump(world, out);
    const Instance *local = &world->local->instance;
    g_string_append_printf(out, "local used=%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "\n",
                           local->used.vcpus_e4, local->used.memory_mib, local->used.gpus);
}

static void dump_launches(const World *world, GString *out)
{
    for (const Launch *launch = world_launch_next(world, NULL); launch;
         launch = world_launch_next(world, launch)) {
        char hex[LAUNCH_TOKEN_TEXT];
        launch_token_text(&launch->token, hex);
        g_string_append_printf(out,
                               "%s job=%" G_GUINT64_FORMAT
                               ":%d attempt=%d environment=%s instance=%" G_GINT64_FORMAT
                               " vcpus=%" G_GINT64_FORMAT " expected=%" G_GINT64_FORMAT "\n",
                               hex, launch->job->sequence, launch->index, launch->attempt,
                               launch_entry(launch)->environment_name,
                               launch->instance ? (int64_t)launch->instance->number : INT64_C(-1),
                               launch->vcpus_e4, launch->expected_ms);
    }
}

static void dump_rest(const World *world, GString *out)
{
    for (const Run *run = world_run_next(world, NULL); run; run = world_run_next(world, run))
        g_string_append_printf(
            out, "run %s %s/%s %" G_GINT64_FORMAT " %s unfinished=%" G_GSIZE_FORMAT " %s\n", run->id,
            kind_name(run->kind), run->name, run->number, run_state_name(run->state), run->jobs_unfinished,
            text_or_dash(run->status_reason));
    GList *names = g_list_sort(g_hash_table_get_keys(world->settings), (GCompareFunc)strcmp);
    for (GList *name = names; name; name = name->next)
        g_string_append_printf(out, "setting %s=%s\n", (const char *)name->data,
                               world_setting(world, name->data));
    g_list_free(names);
    g_string_append_printf(out, "sequences job=%" G_GUINT64_FORMAT " instance=%" G_GUINT64_FORMAT "\n",
                           world->job_sequence, world->instance_number);
}

char *world_dump(const World *world)
{
    GString *out = g_string_new(NULL);
    dump_resources(world, out);
    drifts_dump(world, out);
    dump_jobs(world, out);
    dump_order(world, out);
    dump_instances(world, out);
    dump_launches(world, out);
    dump_rest(world, out);
    return g_string_free(out, FALSE);
}

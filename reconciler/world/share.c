/* share.c: shares of queues: who has work, what they hold, have used and may use (batch: "Fair share"). */
#include "reconciler/world/job.h"
#include "spec/base/units.h"

#define WEIGHT_DEFAULT_E4 10000

static int share_key_compare(const TreeNode *node, const void *key)
{
    return strcmp(TREE_ENTRY(node, ShareEntry, by_identifier)->share.identifier, key);
}

static int share_compare(const TreeNode *a, const TreeNode *b)
{
    return share_key_compare(a, TREE_ENTRY(b, ShareEntry, by_identifier)->share.identifier);
}

static ShareEntry *entry_of(TreeNode *node)
{
    return node ? TREE_ENTRY(node, ShareEntry, by_identifier) : NULL;
}

Share *share_next(const Queue *queue, const Share *after)
{
    ShareEntry *entry = entry_of(after ? tree_next(&share_entry(after)->by_identifier)
                                       : tree_first(&queue_entry(queue)->shares));
    return entry ? &entry->share : NULL;
}

Share *job_share(const Job *job)
{
    return job->private->share;
}

Share *share_find(const Queue *queue, const char *identifier)
{
    Tree *shares = &queue_entry(queue)->shares;
    ShareEntry *entry = entry_of(shares->compare ? tree_find(shares, identifier, share_key_compare) : NULL);
    return entry ? &entry->share : NULL;
}

ShareUse share_use(Share *share, int64_t now_ms)
{
    ShareUsage *usage = share_entry(share)->usage;
    return usage ? (ShareUse){usage_weighed(usage, now_ms), usage->bucket_ms} : (ShareUse){0};
}

static int64_t queue_window_ms(const Queue *queue)
{
    return usage_window_ms(queue_entry(queue)->decay_ms);
}

/* ---- weights and limits ---- */

/* The active shares of a prefix share its allotment: with k of them each counts as k times the weight. */
static void weights_apply(Queue *queue)
{
    const SchedulingPolicySpec *policy = queue->policy;
    size_t len = policy ? policy->weights_len : 0;
    g_autofree int64_t *active = g_new0(int64_t, len + 1);
    for (int round = 0; round < 2; round++)
        for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
            const ShareRule *rule =
                len > 0 ? share_rule_find(policy->weights, len, view_from(share->identifier)) : NULL;
            if (round == 0 && rule && share->active)
                active[rule - policy->weights]++;
            if (round == 0)
                continue;
            int64_t many = rule && rule->prefix ? MAX(active[rule - policy->weights], 1) : 1;
            share->weight_e4 = (rule ? rule->weight_e4 : WEIGHT_DEFAULT_E4) * many;
        }
}

static void limit_apply(Share *share)
{
    const SchedulingPolicySpec *policy = share->queue->policy;
    const ShareRule *rule =
        policy && policy->limits_len > 0
            ? share_rule_find(policy->limits, policy->limits_len, view_from(share->identifier))
            : NULL;
    share->max_vcpus_e4 = rule ? rule->max_vcpus * DECIMAL_SCALE : 0;
}

/* ---- life ---- */

static void share_free(World *world, ShareEntry *entry)
{
    g_assert(tree_len(&entry->by_content) == 0);
    entry->share.queue->active_shares -= entry->share.active;
    if (entry->is_dirty)
        g_queue_unlink(&world->dirty_shares, &entry->dirty);
    tree_remove(&queue_entry(entry->share.queue)->shares, &entry->by_identifier);
    g_free(entry->usage);
    g_free(entry->share.identifier);
    g_free(entry);
}

static void share_touch(World *world, ShareEntry *entry)
{
    if (entry->is_dirty || world_is_quiet(world) || (!entry->usage && !entry->is_stored))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_shares, &entry->dirty);
}

static bool share_is_dead(const ShareEntry *entry)
{
    return entry->refs == 0 && (!entry->share.queue->fair || !entry->share.active);
}

/* A row that is there goes first: serialise.c frees the share when it has written that. */
static void share_bury(World *world, ShareEntry *entry)
{
    if (!share_is_dead(entry))
        return;
    if (entry->is_stored || entry->is_dirty)
        share_touch(world, entry);
    else
        share_free(world, entry);
}

void share_written(World *world, ShareEntry *entry)
{
    entry->is_dirty = false;
    entry->is_stored = entry->usage && !share_is_dead(entry);
    if (share_is_dead(entry))
        share_free(world, entry);
}

static void share_set_active(Share *share, bool active)
{
    Queue *queue = share->queue;
    if (share->active == active)
        return;
    share->active = active;
    if (active)
        queue->active_shares++;
    else
        queue->active_shares--;
    weights_apply(queue);
}

static void usage_make(ShareEntry *entry)
{
    entry->usage = g_new(ShareUsage, 1);
    usage_init(entry->usage, queue_entry(entry->share.queue)->decay_ms);
}

Share *share_of(World *world, Queue *queue, const char *identifier)
{
    (void)world;
    if (!identifier)
        identifier = "";
    Share *found = share_find(queue, identifier);
    if (found)
        return found;
    QueueEntry *owner = queue_entry(queue);
    ShareEntry *entry = g_new0(ShareEntry, 1);
    entry->share.queue = queue;
    entry->share.identifier = g_strdup(identifier);
    entry->share.weight_e4 = WEIGHT_DEFAULT_E4;
    entry->dirty.data = entry;
    groups_init(entry);
    if (queue->fair)
        usage_make(entry);
    if (!owner->shares.compare)
        tree_init(&owner->shares, share_compare);
    tree_insert(&owner->shares, &entry->by_identifier);
    limit_apply(&entry->share);
    return &entry->share;
}

void share_ref(Share *share)
{
    share_entry(share)->refs++;
}

void share_unref(World *world, Share *share)
{
    ShareEntry *entry = share_entry(share);
    g_assert(entry->refs > 0);
    entry->refs--;
    share_bury(world, entry);
}

void share_job_begun(World *world, Share *share)
{
    (void)world;
    share->unfinished++;
    share->inactive_since_ms = 0;
    share_set_active(share, true);
}

void share_job_ended(World *world, Share *share, int64_t now_ms)
{
    QueueEntry *owner = queue_entry(share->queue);
    if (--share->unfinished > 0)
        return;
    share->inactive_since_ms = MAX(now_ms, 1);
    owner->settle_ms = MIN(owner->settle_ms, share->inactive_since_ms + queue_window_ms(share->queue));
    share_touch(world, share_entry(share));
}

void shares_settle(World *world, Queue *queue, int64_t now_ms)
{
    QueueEntry *owner = queue_entry(queue);
    if (!queue->fair || now_ms < owner->settle_ms)
        return;
    owner->settle_ms = INT64_MAX;
    TreeNode *next;
    for (TreeNode *node = tree_first(&owner->shares); node; node = next) {
        next = tree_next(node);
        ShareEntry *entry = entry_of(node);
        if (entry->share.unfinished > 0 || !entry->share.active)
            continue;
        int64_t end_ms = entry->share.inactive_since_ms + queue_window_ms(queue);
        if (now_ms < end_ms) {
            owner->settle_ms = MIN(owner->settle_ms, end_ms);
            continue;
        }
        share_set_active(&entry->share, false);
        share_bury(world, entry);
    }
}

bool share_admits(World *world, Queue *queue, const char *identifier, int64_t now_ms, GError **error)
{
    if (!queue->fair || queue->active_shares < SHARES_ACTIVE_MAX)
        return true;
    shares_settle(world, queue, now_ms);
    const Share *share = share_find(queue, identifier);
    if (queue->active_shares < SHARES_ACTIVE_MAX || (share && share->active))
        return true;
    g_set_error(error, WORLD_ERROR, WORLD_ERROR_CONFLICT,
                "Job queue %s has %d active share identifiers, which is the most it can have: %s would be "
                "one more",
                queue->resource->name, SHARES_ACTIVE_MAX, identifier);
    return false;
}

/* ---- launches ---- */

void share_launch_begun(World *world, Share *share, int64_t vcpus_e4, int64_t begun_ms)
{
    (void)world;
    share->held_vcpus_e4 += vcpus_e4;
    share->queue->held_vcpus_e4 += vcpus_e4;
    if (share_entry(share)->usage)
        usage_begin(share_entry(share)->usage, vcpus_e4, begun_ms);
}

void share_launch_ended(World *world, Share *share, int64_t vcpus_e4, int64_t begun_ms, int64_t now_ms)
{
    share->held_vcpus_e4 -= vcpus_e4;
    share->queue->held_vcpus_e4 -= vcpus_e4;
    ShareUsage *usage = share_entry(share)->usage;
    if (!usage)
        return;
    if (world_is_quiet(world))
        usage_end_unstored(usage, vcpus_e4, now_ms);
    else
        usage_end(usage, vcpus_e4, begun_ms, now_ms);
    share_touch(world, share_entry(share));
}

/* ---- the policy ---- */

/* The buckets have another length now: what has ended is moved over, what runs is counted again. */
static void usage_remake(World *world, Queue *queue)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share)) {
        ShareEntry *entry = share_entry(share);
        int64_t first, amounts[USAGE_BUCKETS];
        int len = 0;
        ShareUsage *before = g_steal_pointer(&entry->usage);
        if (queue->fair) {
            usage_make(entry);
            if (before)
                usage_ended_get(before, &first, amounts, &len);
            if (len > 0)
                usage_ended_put(entry->usage, before->bucket_ms, first, amounts, len);
        }
        g_free(before);
        if (share->active || entry->is_stored)
            share_touch(world, entry);
    }
    for (const Launch *launch = world_launch_next(world, NULL); queue->fair && launch;
         launch = world_launch_next(world, launch))
        if (launch->job->queue == queue)
            usage_begin(share_entry(launch->job->private->share)->usage, launch->vcpus_e4,
                        launch->intended_ms);
}

/* A FIFO queue looks at no window, and remembers none: who has no work when it becomes fair is not active,
 * whatever has finished before and whether that is still in memory. */
static void shares_begin(Queue *queue)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        share_set_active(share, share->unfinished > 0);
}

void queue_policy_apply(World *world, Queue *queue)
{
    QueueEntry *owner = queue_entry(queue);
    const char *name = queue->spec->scheduling_policy;
    const Resource *resource =
        name ? world_resource_renamed(world, KIND_SCHEDULING_POLICY, view_from(name)) : NULL;
    bool fair_before = queue->fair;
    int64_t decay_before = owner->decay_ms;
    queue->fair = name != NULL;
    queue->policy = resource ? resource->policy : NULL;
    owner->decay_ms = queue->policy ? queue->policy->share_decay_ms : 0;
    owner->settle_ms = INT64_MIN;
    if (queue->fair && !fair_before)
        shares_begin(queue);
    if (queue->fair != fair_before || usage_window_ms(owner->decay_ms) != usage_window_ms(decay_before))
        usage_remake(world, queue);
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        limit_apply(share);
    weights_apply(queue);
    if (queue->fair != fair_before)
        queue_regroup(world, queue);
}

void queue_shares_touch(World *world, Queue *queue)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, share))
        share_touch(world, share_entry(share));
}

/* By its name, or a former one; one that goes may be found by what the queue has of it only. */
static bool has_policy(const World *world, const Queue *queue, const Resource *policy)
{
    const char *name = queue->spec->scheduling_policy;
    return name && (strcmp(name, policy->name) == 0 || queue->policy == policy->policy ||
                    world_resource_renamed(world, KIND_SCHEDULING_POLICY, view_from(name)) == policy);
}

void policy_changed(World *world, const Resource *policy)
{
    for (const Resource *at = world_resource_next(world, NULL); at; at = world_resource_next(world, at))
        if (at->queue && has_policy(world, at->queue, policy))
            queue_policy_apply(world, at->queue);
}

/* ---- rows ---- */

void share_record(const ShareEntry *entry, int64_t *amounts, UsageRecord *ret_record)
{
    int len = 0;
    *ret_record = (UsageRecord){.queue = view_from(entry->share.queue->resource->name),
                                .share = view_from(entry->share.identifier),
                                .inactive_since_ms = entry->share.inactive_since_ms,
                                .removed = !entry->usage || share_is_dead(entry)};
    if (ret_record->removed)
        return;
    usage_ended_get(entry->usage, &ret_record->first_bucket, amounts, &len);
    for (int i = 0; i < len; i++)
        amounts[i] = GINT64_TO_LE(amounts[i]);
    ret_record->bucket_ms = entry->usage->bucket_ms;
    ret_record->amounts = (View){(const char *)amounts, (size_t)len * sizeof *amounts};
}

bool share_restore(World *world, const UsageRecord *record, GError **error)
{
    Resource *resource = world_resource(world, KIND_JOB_QUEUE, record->queue);
    size_t len = record->amounts.len / sizeof(int64_t);
    int64_t amounts[USAGE_BUCKETS] = {0};
    if (!resource || !resource->queue || !resource->queue->fair)
        return true; /* the queue has another policy since: what was used counts no more */
    if (record->bucket_ms < 1 || record->first_bucket < 0 || len > USAGE_BUCKETS ||
        record->amounts.len % sizeof(int64_t) != 0) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "usage of share " VIEW_FMT " is damaged",
                    VIEW_ARG(record->share));
        return false;
    }
    g_autofree char *identifier = view_dup(record->share);
    Share *share = share_of(world, resource->queue, identifier);
    ShareEntry *entry = share_entry(share);
    if (len > 0)
        memcpy(amounts, record->amounts.data, record->amounts.len);
    for (size_t i = 0; i < len; i++)
        amounts[i] = GINT64_FROM_LE(amounts[i]);
    usage_ended_put(entry->usage, record->bucket_ms, record->first_bucket, amounts, (int)len);
    share->inactive_since_ms = record->inactive_since_ms;
    share_set_active(share, true);
    entry->is_stored = true;
    return true;
}

/* Shares that are there for finished jobs only, without a row, stay inactive: memory has forgotten them when
 * their window was over. A share without jobs whose row says that it had some: they ended, and nothing of it
 * was stored. It counts from the last commit. */
void shares_loaded(World *world)
{
    for (const Resource *at = world_resource_next(world, NULL); at; at = world_resource_next(world, at)) {
        if (!at->queue)
            continue;
        queue_entry(at->queue)->settle_ms = INT64_MIN;
        for (Share *share = share_next(at->queue, NULL); share; share = share_next(at->queue, share)) {
            if (share->unfinished > 0)
                share->inactive_since_ms = 0;
            else if (share->active && share->inactive_since_ms == 0)
                share->inactive_since_ms = MAX(world->loaded_ms, 1);
        }
    }
}

void queue_shares_clear(World *world, Queue *queue, bool forget)
{
    for (Share *share = share_next(queue, NULL); share; share = share_next(queue, NULL)) {
        ShareEntry *entry = share_entry(share);
        if (forget && entry->is_stored)
            batch_put_usage(world_batch(world), &(UsageRecord){.queue = view_from(queue->resource->name),
                                                               .share = view_from(share->identifier),
                                                               .removed = true});
        share_free(world, entry);
    }
}

/* Jobs by id and by sequence. */
#include "reconciler/world/job.h"

static int page_compare(const TreeNode *a, const TreeNode *b)
{
    uint64_t left = TREE_ENTRY(a, JobPage, by_number)->number,
             right = TREE_ENTRY(b, JobPage, by_number)->number;
    return (left > right) - (left < right);
}

static int page_key_compare(const TreeNode *node, const void *key)
{
    uint64_t left = TREE_ENTRY(node, JobPage, by_number)->number, right = *(const uint64_t *)key;
    return (left > right) - (left < right);
}

static JobPage *page_find(const World *world, uint64_t number)
{
    if (world->newest_page && world->newest_page->number == number)
        return world->newest_page;
    TreeNode *node = tree_find(&world->pages, &number, page_key_compare);
    return node ? TREE_ENTRY(node, JobPage, by_number) : NULL;
}

static MapKey key_of(const JobId *id)
{
    MapKey key;
    memcpy(key.bytes, id->bytes, sizeof key.bytes);
    return key;
}

void index_init(World *world)
{
    world->jobs = map_new();
    tree_init(&world->pages, page_compare);
}

void index_clear(World *world)
{
    for (Job *job = world_job_next(world, 0); job; job = world_job_next(world, 0)) {
        world->finished = world->finished_tail = NULL; /* nothing may be linked behind a job that is gone */
        job_free(world, job);
    }
    map_free(world->jobs);
}

void index_add(World *world, Job *job)
{
    uint64_t number = job->sequence / JOB_PAGE_SLOTS;
    JobPage *page = page_find(world, number);
    if (!page) {
        page = g_new0(JobPage, 1);
        page->number = number;
        tree_insert(&world->pages, &page->by_number);
        world->newest_page = page;
    }
    Job **slot = &page->slots[job->sequence % JOB_PAGE_SLOTS];
    g_assert(!*slot);
    *slot = job;
    page->used++;
    MapKey key = key_of(&job->id);
    void *before = map_put(world->jobs, &key, job);
    g_assert(!before);
}

void index_remove(World *world, Job *job)
{
    JobPage *page = page_find(world, job->sequence / JOB_PAGE_SLOTS);
    g_assert(page && page->slots[job->sequence % JOB_PAGE_SLOTS] == job);
    page->slots[job->sequence % JOB_PAGE_SLOTS] = NULL;
    if (--page->used == 0) {
        tree_remove(&world->pages, &page->by_number);
        if (world->newest_page == page)
            world->newest_page = NULL;
        g_free(page);
    }
    MapKey key = key_of(&job->id);
    map_remove(world->jobs, &key);
}

Job *world_job(const World *world, const JobId *id)
{
    MapKey key = key_of(id);
    return map_get(world->jobs, &key);
}

Job *world_job_by_sequence(const World *world, uint64_t sequence)
{
    JobPage *page = page_find(world, sequence / JOB_PAGE_SLOTS);
    return page ? page->slots[sequence % JOB_PAGE_SLOTS] : NULL;
}

Job *world_job_next(const World *world, uint64_t after_sequence)
{
    uint64_t sequence = after_sequence + 1, number = sequence / JOB_PAGE_SLOTS;
    if (after_sequence >= world->job_sequence)
        return NULL; /* who looks for what is new asks often */
    TreeNode *node = tree_lower_bound(&world->pages, &number, page_key_compare);
    for (; node; node = tree_next(node)) {
        const JobPage *page = TREE_ENTRY(node, JobPage, by_number);
        uint64_t slot = page->number == number ? sequence % JOB_PAGE_SLOTS : 0;
        for (; slot < JOB_PAGE_SLOTS; slot++)
            if (page->slots[slot])
                return page->slots[slot];
    }
    return NULL;
}

size_t world_jobs_len(const World *world)
{
    return map_len(world->jobs);
}

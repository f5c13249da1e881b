/* job_query.h: jobs, children of arrays and nodes as operations ask for them: by id, by filter, page by page.
 * Owns:   a JobQuery owns its views and texts; it is its call's state.
 * Calls:  job_view.h, page.h, store/ (reading).
 * Holds:  rows come from the store off the loop, the world is laid over them; a page's token stands for the
 * last row that was looked at. */
#pragma once
#include "reconciler/api/job_view.h"

#define LIST_MAX 1000

typedef struct {
    JobFilter filter;
    char *name, *queue, *run, *definition, *share; /* filter borrows from these */
    bool array, more, found;
    JobId array_id;
    const char *prefix; /* `job` by prefix; borrowed from the request */
    int32_t node;       /* `job`: of a multinode one; -1: not said */
    ViewDetail detail;
    GArray *refs;     /* of JobRef: asked for by id */
    GPtrArray *views; /* of JobView* */
    uint64_t lowest;  /* sequence of the last row: the next token */
    int32_t from_child;
    size_t limit;
    bool batch;     /* Batch's operations */
    bool nodes;     /* array_id is a multinode job, and its nodes are listed */
    bool with_exit; /* of jobs that have ended: how */
} JobQuery;

/* Set as the call's state. */
JobQuery *job_query_new(Call *call);
/* For the query thread. */
void job_query_gather(StoreReader *reader, Call *call);
/* Views of jobs that who asked may not see are gone. */
void job_query_overlay(const World *world, const Call *call, JobQuery *jobs);
/* Children are filtered after the overlay, and so are rows whose state moved on since. */
bool job_query_shows(const JobQuery *jobs, const JobView *view);

/* Members of the request; false: the call has failed. */
bool job_query_page(Call *call, JobQuery *jobs, const char *token_name, const char *limit_name);
bool job_query_array(Call *call, JobQuery *jobs, const char *name);
/* NAME, NAME*, NAME:REVISION or the ARN of a definition, as the filter takes it. New string. */
char *job_query_definition(const char *text);
/* The next page's token into the answer, where there is one. */
void job_query_next(const Call *call, const JobQuery *jobs, json_t *body, const char *name);

/* job_lookup.h: jobs that a request names: from the world where they are in memory, else from the store.
 * Owns:   its copies.
 * Calls:  world/, store/ (reading).
 * Holds:  a final state once seen stays known, also when the job leaves memory afterwards. */
#pragma once
#include "reconciler/api/operation.h"

typedef struct {
    JobId id;
    int32_t index;
    bool known, final; /* known: it exists */
    bool gone;         /* not in memory when last looked, or not looked yet: only the store can tell */
    JobState state;
    char *name, *status_reason;
    int32_t array_size; /* final ones; 0: single */
    uint8_t *children;  /* JobState of each: of a FAILED array, where lookup->with_children */
    int exit_code;      /* -1: none or unknown */
} NamedJob;

typedef struct {
    GArray *jobs;         /* of NamedJob */
    guint unfinished;     /* not final, as of the last update */
    guint missing;        /* neither in the world nor looked up in the store yet */
    bool with_children;   /* N_TO_N must know which children failed */
    int64_t answer_at_ms; /* changes before this are not worth an answer; 0: all are */
} JobLookup;

JobLookup *job_lookup_new(void);
void job_lookup_free(void *lookup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobLookup, job_lookup_free)
/* False when text is no job id. */
bool job_lookup_add(JobLookup *lookup, const char *text);
/* Reads the world; afterwards lookup->missing says whether the store must be asked. */
void job_lookup_update(JobLookup *lookup, const World *world);
/* Off the loop: fills what is missing. False with *ret_error (new string). */
bool job_lookup_gather(JobLookup *lookup, StoreReader *reader, char **ret_error);
bool job_lookup_has(const JobLookup *lookup, const JobId *id, int32_t index);
/* FinalStateFunc (world.h) over what was gathered; data: JobLookup. */
bool job_lookup_final_state(const JobId *id, int32_t index, JobState *ret_state, int32_t *ret_array_size,
                            void *data);
/* Text of the first that does not exist, after update and gather; NULL: all do. Static per call site: buf. */
const char *job_lookup_unknown(const JobLookup *lookup, char ret_text[JOB_NAME_TEXT]);

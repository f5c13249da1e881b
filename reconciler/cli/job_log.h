/* job_log.h: what an attempt prints, wherever that is kept, copied to standard output as it comes: a file of
 * this machine, a stream of CloudWatch Logs, or what a daemon elsewhere has of it. */
#pragma once
#include "reconciler/cli/backend.h"
#include "reconciler/ports.h"

typedef enum {
    JOB_LOG_GOES_ON,
    JOB_LOG_CLOSED /* nobody reads standard output any more */,
    JOB_LOG_FAILED
} JobLogResult;

typedef struct JobLog JobLog;
/* attempt: of a job, as operations answer it. NULL with error: it is kept where it cannot be read from here.
 */
JobLog *job_log_open(const Host *host, const json_t *attempt, GError **error);
/* What a daemon elsewhere has of a stream, as DescribeJobs names it. backend is borrowed. */
JobLog *job_log_open_server(Backend *backend, const char *stream);
void job_log_free(JobLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobLog, job_log_free)
/* Prints what is there beyond what was printed. JOB_LOG_FAILED with error. */
JobLogResult job_log_copy(JobLog *log, GError **error);
/* The attempt has ended: what is on its way yet, too. Blocks for some seconds at most. */
JobLogResult job_log_finish(JobLog *log, GError **error);
/* Readable when there may be more; -1: it has to be asked for (job_log_is_far()). */
int job_log_fd(const JobLog *log);
bool job_log_is_far(const JobLog *log);
/* Something was printed, or there is a file. */
bool job_log_exists(const JobLog *log);

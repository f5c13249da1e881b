/* workload.h: the jobs that a simulation submits, read from JSON lines or from an SWF trace.
 * Owns:   a Workload owns its rows and every text in them.
 * Calls:  spec/ (references, diagnostics).
 * Holds:  rows are sorted by submit time; rows of one time keep their order in the file. One pass over the
 * bytes, which may come in pieces; texts and needs are kept once each. Faults are diagnostics with line and
 * column; a workload with faults is not returned. Everything has a limit (invariant 9). */
#pragma once
#include "spec/base/diagnostic.h"
#include "spec/decode.h"
#include "spec/manifest.h"

#define WORKLOAD_ROWS_MAX    10000000
#define WORKLOAD_LINE_MAX    65536               /* bytes */
#define WORKLOAD_TEXTS_MAX   1000000             /* different names */
#define WORKLOAD_FAULTS_MAX  100                 /* then reading stops */
#define WORKLOAD_SECONDS_MAX INT64_C(4102444800) /* of submitTime: seconds since 1970 are good up to 2100 */

/* One job, or one array of jobs. queue … share are for workload_text(), need for workload_need(). */
typedef struct {
    int64_t submit_ms;
    int64_t duration_ms; /* -1: not stated */
    uint32_t queue, definition;
    uint32_t name;               /* 0: none */
    uint32_t share;              /* 0: none */
    uint32_t need;               /* 0: the definition's */
    int32_t array_size;          /* 0: a single job */
    int16_t scheduling_priority; /* -1: not stated */
    int16_t exit_code;           /* of every attempt; -1: not stated */
} WorkloadRow;

typedef struct Workload Workload;

typedef enum { WORKLOAD_UNKNOWN, WORKLOAD_JSON_LINES, WORKLOAD_SWF } WorkloadFormat;

/* Where the jobs of a trace go, which names neither queue nor definition of ours; JSON lines may leave them
 * out then too. */
typedef struct {
    const char *queue, *definition; /* NULL: each job must name its own */
    bool share_by_user;             /* SWF: shareIdentifier u and the user's number */
} WorkloadOptions;

/* The only queue and the only definition of the set where options name none, and whether that queue has a
 * fair-share policy. Texts are borrowed from the arena. */
void workload_options_complete(WorkloadOptions *options, const ManifestSet *set, Arena *arena);

/* path "-": standard input. NULL: error when it could not be read, else diagnostics has errors. */
Workload *workload_load(const char *path, const WorkloadOptions *options, DiagnosticList *diagnostics,
                        GError **error);
/* The same of a text in memory; NULL: diagnostics has errors. */
Workload *workload_parse(View text, const char *file, const WorkloadOptions *options,
                         DiagnosticList *diagnostics);
void workload_free(Workload *workload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Workload, workload_free)

/* Every queue and definition that is named is a manifest of set, shares are given where the queue's policy
 * asks for them and only there; a fault is reported at the first line that has it. False: there were errors.
 */
bool workload_check(const Workload *workload, const ManifestSet *set, DiagnosticList *diagnostics);

size_t workload_len(const Workload *workload);
const WorkloadRow *workload_get(const Workload *workload, size_t index);
const char *workload_text(const Workload *workload, uint32_t id); /* id 0: NULL */
ResourceNeed workload_need(const Workload *workload, uint32_t id);
/* Jobs with array children counted singly. */
int64_t workload_jobs(const Workload *workload);
WorkloadFormat workload_format(const Workload *workload);
/* Entries of a trace that never ran, which have no run time to repeat. */
int64_t workload_skipped(const Workload *workload);
/* The trace's UnixStartTime in milliseconds; -1: none stated. */
int64_t workload_unix_start_ms(const Workload *workload);

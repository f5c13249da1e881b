/* workload_reader.h: bytes become lines, lines become rows. Private to the workload reader, and to its
 * fuzzer. Owns:   a WorkloadReader owns the workload it builds until workload_reader_end() hands it out.
 * Holds:  how the bytes are cut into pieces changes nothing. */
#pragma once
#include "reconciler/forecast/workload.h"

/* Which queue, definition and share go together, each combination once with the first line that has it: all
 * that workload_check() looks at. */
typedef struct {
    uint32_t queue, definition, share, line;
} WorkloadUse;

struct Workload {
    char *file;
    WorkloadFormat format;
    GArray *rows;     /* of WorkloadRow */
    GArray *lines;    /* of uint32_t, beside rows until these are sorted; NULL then */
    GPtrArray *texts; /* id → text; [0] is NULL */
    GArray *needs;    /* of ResourceNeed; [0] is nothing */
    GArray *uses;     /* of WorkloadUse, by line */
    int64_t jobs, skipped, unix_start_ms;
};

typedef struct WorkloadReader WorkloadReader;

WorkloadReader *workload_reader_new(const char *file, const WorkloadOptions *options,
                                    DiagnosticList *diagnostics);
/* False: enough faults, nothing more is wanted. */
bool workload_reader_feed(WorkloadReader *reader, View bytes);
/* Frees the reader. NULL: diagnostics has errors. */
Workload *workload_reader_end(WorkloadReader *reader);

/* ---- for the formats: workload_json.c, workload_swf.c ---- */

/* Reports at a column of the present line (from 1; 0: the whole line). detail may be NULL. */
G_GNUC_PRINTF(5, 6)
void workload_report(WorkloadReader *reader, size_t column, size_t width, const char *detail,
                     const char *format, ...);
View workload_reader_line(const WorkloadReader *reader);
const WorkloadOptions *workload_reader_options(const WorkloadReader *reader);
/* False, and reported at column, when there are too many different texts. */
bool workload_intern(WorkloadReader *reader, View text, size_t column, uint32_t *ret_id);
uint32_t workload_intern_need(WorkloadReader *reader, const ResourceNeed *need);
/* Puts options' queue and definition where row has none; a row without is reported. */
void workload_add(WorkloadReader *reader, WorkloadRow *row);
void workload_skip(WorkloadReader *reader);
void workload_set_unix_start(WorkloadReader *reader, int64_t seconds);

/* A JSON number to 1/1000ths, exactly but for digits beyond the third, which are cut off. False: no number,
 * or beyond int64. *ret_exact: nothing was cut off. */
bool workload_thousandths(View text, int64_t *ret_e3, bool *ret_exact);

void workload_json_line(WorkloadReader *reader, View line);
void workload_swf_line(WorkloadReader *reader, View line);

/* workload_swf.c: one line of a trace in the Standard Workload Format: 18 numbers a job, -1 where one is
 * unknown; what follows a semicolon is a comment, those at the head are `; Key: value`. */
#include "reconciler/forecast/durations.h"
#include "reconciler/forecast/workload_reader.h"
#include "spec/base/units.h"

typedef enum {
    SWF_JOB,
    SWF_SUBMIT,
    SWF_WAIT,
    SWF_RUN,
    SWF_PROCESSORS,
    SWF_CPU_TIME,
    SWF_MEMORY, /* KiB a processor */
    SWF_REQUESTED_PROCESSORS,
    SWF_REQUESTED_TIME,
    SWF_REQUESTED_MEMORY, /* KiB a processor */
    SWF_STATUS,
    SWF_USER,
    SWF_GROUP,
    SWF_EXECUTABLE,
    SWF_QUEUE,
    SWF_PARTITION,
    SWF_PRECEDING,
    SWF_THINK_TIME,
    SWF_FIELDS
} SwfField;

#define STATUS_FAILED  0
#define PROCESSORS_MAX 100000
#define KIB_MAX        INT64_C(1000000000000)
#define MEMORY_MIB_MIN 4
#define KIB_PER_MIB    1024
#define USER_MAX       INT64_C(1000000000)

static const char *const field_names[] = {
    "job number",     "submit time",      "wait time",   "run time",
    "processors",     "average CPU time", "used memory", "requested processors",
    "requested time", "requested memory", "status",      "user",
    "group",          "executable",       "queue",       "partition",
    "preceding job",  "think time",
};

/* ---- the head
 * ----------------------------------------------------------------------------------------------------- */

static void read_comment(WorkloadReader *reader, View text)
{
    static const char key[] = "UnixStartTime:";
    g_autofree char *comment = g_strndup(text.data, MIN(text.len, 200));
    char *found = strstr(comment, key);
    if (!found)
        return;
    char *value = g_strstrip(found + strlen(key));
    value[strcspn(value, " \t")] = '\0';
    int64_t seconds;
    if (integer_parse(view_from(value), &seconds) && seconds >= 0 && seconds <= WORKLOAD_SECONDS_MAX)
        workload_set_unix_start(reader, seconds);
}

/* ---- a job
 * -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t value_e3;
    size_t at, len; /* in the line */
} Field;

static bool split(WorkloadReader *reader, View line, Field *fields)
{
    size_t at = 0, count = 0;
    while (at < line.len) {
        if (g_ascii_isspace(line.data[at])) {
            at++;
            continue;
        }
        size_t from = at;
        while (at < line.len && !g_ascii_isspace(line.data[at]))
            at++;
        if (count == SWF_FIELDS) {
            workload_report(reader, from + 1, at - from, NULL,
                            "a job of an SWF trace has 18 fields, not more");
            return false;
        }
        fields[count] = (Field){.at = from, .len = at - from};
        bool exact;
        if (!workload_thousandths((View){line.data + from, at - from}, &fields[count].value_e3, &exact)) {
            workload_report(reader, from + 1, at - from, NULL, "field %zu (%s) is no number", count + 1,
                            field_names[count]);
            return false;
        }
        count++;
    }
    if (count == SWF_FIELDS)
        return true;
    workload_report(reader, line.len + 1, 0, NULL, "a job of an SWF trace has 18 fields, this one %zu",
                    count);
    return false;
}

/* -1 where the field is unknown. */
static bool within(WorkloadReader *reader, const Field *fields, SwfField which, int64_t max,
                   int64_t *ret_value)
{
    const Field *field = &fields[which];
    int64_t value = field->value_e3 < 0 ? -1 : field->value_e3 / 1000;
    if (value > max) {
        g_autofree char *limit = integer_human(max);
        workload_report(reader, field->at + 1, field->len, NULL, "field %d (%s) is above %s", (int)which + 1,
                        field_names[which], limit);
        return false;
    }
    *ret_value = value;
    return true;
}

typedef struct {
    int64_t submit, run, processors, requested, memory_kib, requested_kib, user, status;
} SwfJob;

static bool read_job(WorkloadReader *reader, const Field *fields, SwfJob *job)
{
    return within(reader, fields, SWF_SUBMIT, WORKLOAD_SECONDS_MAX, &job->submit) &&
           within(reader, fields, SWF_RUN, DURATION_MS_MAX / 1000, &job->run) &&
           within(reader, fields, SWF_PROCESSORS, PROCESSORS_MAX, &job->processors) &&
           within(reader, fields, SWF_REQUESTED_PROCESSORS, PROCESSORS_MAX, &job->requested) &&
           within(reader, fields, SWF_MEMORY, KIB_MAX, &job->memory_kib) &&
           within(reader, fields, SWF_REQUESTED_MEMORY, KIB_MAX, &job->requested_kib) &&
           within(reader, fields, SWF_USER, USER_MAX, &job->user) &&
           within(reader, fields, SWF_STATUS, INT32_MAX, &job->status);
}

/* What it was given counts, else what it asked for; memory the other way round, since what a job happened to
 * touch is less than what must be kept for it. */
static ResourceNeed job_need(const SwfJob *job, int64_t processors)
{
    ResourceNeed need = {.vcpus_e4 = processors * DECIMAL_SCALE};
    int64_t kib = job->requested_kib > 0 ? job->requested_kib : job->memory_kib;
    if (kib > 0)
        need.memory_mib = MAX((kib * processors + KIB_PER_MIB - 1) / KIB_PER_MIB, MEMORY_MIB_MIN);
    return need;
}

static void add_job(WorkloadReader *reader, const Field *fields, const SwfJob *job)
{
    int64_t processors = job->processors > 0 ? job->processors : job->requested;
    if (job->submit < 0 || job->run <= 0 || processors <= 0) { /* cancelled before it ran */
        workload_skip(reader);
        return;
    }
    ResourceNeed need = job_need(job, processors);
    WorkloadRow row = {
        .submit_ms = fields[SWF_SUBMIT].value_e3,
        .duration_ms = MAX(fields[SWF_RUN].value_e3, 1),
        .need = workload_intern_need(reader, &need),
        .scheduling_priority = -1,
        .exit_code = job->status == STATUS_FAILED ? 1 : 0,
    };
    if (workload_reader_options(reader)->share_by_user) {
        char share[32];
        int len = g_snprintf(share, sizeof share, "u%" G_GINT64_FORMAT, MAX(job->user, 0));
        if (!workload_intern(reader, (View){share, (size_t)len}, fields[SWF_USER].at + 1, &row.share))
            return;
    }
    workload_add(reader, &row);
}

void workload_swf_line(WorkloadReader *reader, View line)
{
    Field fields[SWF_FIELDS];
    SwfJob job;
    const char *comment = memchr(line.data, ';', line.len);
    if (comment) {
        size_t before = (size_t)(comment - line.data);
        read_comment(reader, (View){comment, line.len - before});
        line.len = before;
    }
    size_t blanks = 0;
    while (blanks < line.len && g_ascii_isspace(line.data[blanks]))
        blanks++;
    if (blanks < line.len && split(reader, line, fields) && read_job(reader, fields, &job))
        add_job(reader, fields, &job);
}

/* figures.h: what the benches of the scheduler and the state share: processor time, and how a figure is
 * printed. */
#pragma once
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Of this process, microseconds. */
static inline int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* As tools/bench reads it. */
static inline void report(const char *name, double value, const char *unit)
{
    printf("%s\t%.3f\t%s\n", name, value, unit);
    fflush(stdout);
}

static inline int compare_i64(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* "WHAT, median" and "WHAT, p99" in ms, of microseconds; sorts them. */
static inline void report_times(const char *what, int64_t *times, size_t len)
{
    char name[96];
    qsort(times, len, sizeof *times, compare_i64);
    snprintf(name, sizeof name, "%s, median", what);
    report(name, (double)times[len / 2] / 1000, "ms");
    snprintf(name, sizeof name, "%s, p99", what);
    report(name, (double)times[len * 99 / 100] / 1000, "ms");
}

/* cron.h: the times that a cron expression names, in a time zone.
 * Owns:   a Cron is a value without pointers; a Zone is reference counted and immutable, fit for any thread.
 * Calls:  spec/base, GLib (GTimeZone: the system's tzdata). zone_new() reads a file the first time that a
 * zone is asked for, and nothing else here does: whoever computes has its zone already. Holds:  The language
 * is that of crontab(5) as Kubernetes takes it: minute, hour, day of the month, month, day of the week; `*`,
 * `?` for the days, lists, ranges, steps (`N/S` is N to the end), names of months and days (0 and 7 are
 * Sunday), and the words @hourly, @daily, @midnight, @weekly, @monthly, @yearly,
 *         @annually. Where both day fields say something other than a text that begins with `*` or `?`, a day
 *         that matches one of them matches.
 *         When the clocks change:
 *         - A schedule at fixed times (neither minute nor hour begins with `*`) runs once for each of its
 * local times: one that does not exist runs at the first instant after the gap (all of one gap together,
 *           once), one that exists twice runs at the first.
 *         - Any other goes by the wall clock as it is: it runs at every instant whose local time matches,
 * hence in an hour that comes twice twice, and not in one that is left out. So times ascend strictly, and the
 * time after t does not depend on how t was reached. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

typedef struct {
    uint64_t minutes;                      /* bits 0 to 59 */
    uint32_t hours, days, months;          /* bits 0 to 23, 1 to 31, 1 to 12 */
    uint8_t weekdays;                      /* bits 0 to 6, Sunday first */
    bool is_fixed;                         /* runs at fixed times; see above */
    bool is_any_day_of, is_any_weekday_of; /* that field begins with a star */
} Cron;

/* Where and why an expression is none. */
typedef struct {
    size_t from, len; /* bytes of the expression that are at fault */
    char message[160];
    char cure[120]; /* "" when there is none to tell */
} CronFault;

#define CRON_NEVER (-1)

/* False with *ret_fault (may be NULL). An expression that matches no day of any year is at fault too. */
bool cron_parse(View text, Cron *ret_cron, CronFault *ret_fault);

/* name: as in tzdata, "Europe/Berlin". NULL: unknown. New reference, g_time_zone_unref. */
GTimeZone *zone_new(const char *name);
/* The nearest name that there is, or NULL; reads the list of zones. New string. */
char *zone_suggest(const char *name);
/* Whether this machine has time zones at all. */
bool zone_database_exists(void);

/* The first time after after_ms; CRON_NEVER: none within 50 years. */
int64_t cron_next(const Cron *cron, GTimeZone *zone, int64_t after_ms);
/* The last time after after_ms and not after until_ms; CRON_NEVER: none. */
int64_t cron_latest(const Cron *cron, GTimeZone *zone, int64_t after_ms, int64_t until_ms);

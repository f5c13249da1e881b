/* pace.c: see pace.h. */
#include "reconciler/world/pace.h"
#include <glib.h>
#include <string.h>

#define MINUTE_MS 60000

void pace_add(Pace *pace, int64_t len, int64_t now_ms)
{
    int64_t minute = MAX(now_ms / MINUTE_MS, pace->minute); /* a clock that was set back */
    if (minute - pace->minute >= PACE_MINUTES)
        memset(pace->ended, 0, sizeof pace->ended);
    else
        for (int64_t at = pace->minute + 1; at <= minute; at++)
            pace->ended[at % PACE_MINUTES] = 0;
    pace->minute = minute;
    pace->ended[minute % PACE_MINUTES] += len;
}

int64_t pace_hour(const Pace *pace, int64_t now_ms)
{
    int64_t minute = MAX(now_ms / MINUTE_MS, pace->minute), sum = 0;
    for (int64_t at = MAX(minute - PACE_MINUTES + 1, 0); at <= pace->minute; at++)
        if (at > pace->minute - PACE_MINUTES)
            sum += pace->ended[at % PACE_MINUTES];
    return sum;
}

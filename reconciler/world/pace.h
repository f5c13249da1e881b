/* pace.h: how many jobs of a queue ended in the last hour, by the minute.
 * Owns:   nothing. Not stored: it begins anew with the process, and decides nothing. */
#pragma once
#include <stdint.h>

#define PACE_MINUTES 60

typedef struct {
    int64_t minute; /* the newest that something ended in, since 1970 */
    int64_t ended[PACE_MINUTES];
} Pace;

void pace_add(Pace *pace, int64_t len, int64_t now_ms);
/* In this minute and the 59 before it. */
int64_t pace_hour(const Pace *pace, int64_t now_ms);

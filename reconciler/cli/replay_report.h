/* replay_report.h: what replays came to, for people and as JSON.
 * Owns:   nothing.
 * Calls:  ports.h (ReplayedRun), forecast/words, cli/output.
 * Holds:  pure: equal results give equal bytes. */
#pragma once
#include <jansson.h>
#include "reconciler/ports.h"

/* The first run that was replayed otherwise; NULL: all were the same. */
const ReplayedRun *replay_difference(const GPtrArray *runs);
/* The first recording that is damaged, not just cut off at its end; NULL: none. */
const ReplayedRun *replay_damaged(const GPtrArray *runs);
void replay_report(const GPtrArray *runs, GString *out);
json_t *replay_json(const GPtrArray *runs);

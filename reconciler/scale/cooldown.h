/* cooldown.h: pools that had no capacity, and environments whose instances never come.
 * Owns:   CoolDowns owns its texts; clear with cooldowns_clear().
 * Calls:  spec/base, jansson. No clock: time is an argument.
 * Holds:  pools are sorted by type, zone, market, each once, at most COOLDOWN_POOLS_MAX. A success forgets
 * the pool; so does time, an hour after its cool-down has ended. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

#define COOLDOWN_FIRST_MS  INT64_C(180000)  /* 3 minutes after the first capacity error, doubling */
#define COOLDOWN_MOST_MS   INT64_C(1800000) /* to 30 */
#define COOLDOWN_FORGET_MS INT64_C(3600000)
#define COOLDOWN_POOLS_MAX 4096

typedef struct {
    char *type, *zone; /* zone "": all of them */
    bool spot;
    int64_t failures; /* cool-downs in a row */
    int64_t until_ms;
} CoolDown;

typedef struct {
    CoolDown *pools;
    size_t len, size;
} CoolDowns;

void cooldowns_clear(CoolDowns *cooldowns);
/* A launch asked for at asked_ms had no capacity. One that was asked for before the pool was last put into
 * cool-down says nothing new: launches that fail together count once. */
void cooldown_failed(CoolDowns *cooldowns, View type, View zone, bool spot, int64_t asked_ms, int64_t now_ms);
void cooldown_succeeded(CoolDowns *cooldowns, View type, View zone, bool spot);
/* Until when; 0: it is in no cool-down at now_ms. That of all zones counts for each. */
int64_t cooldown_until(const CoolDowns *cooldowns, View type, View zone, bool spot, int64_t now_ms);
/* Drops what is forgotten by now; true when something was. */
bool cooldowns_expire(CoolDowns *cooldowns, int64_t now_ms);

/* As compact JSON, equal for equal content. New, caller frees. */
char *cooldowns_print(const CoolDowns *cooldowns);
/* The other way; cooldowns is cleared first. False: not what cooldowns_print() wrote, and cooldowns is empty.
 */
bool cooldowns_parse(CoolDowns *cooldowns, View text);

/* Launches of one environment that failed for its configuration, or never registered, in a row. */
#define LAUNCH_FAILURES_MAX 3
typedef struct {
    int64_t failures;
} LaunchFailures;
/* True: so many in a row that the environment is INVALID (batch: "Compute environment life cycle"). */
bool launch_failures_add(LaunchFailures *failures);
void launch_failures_reset(
    LaunchFailures *failures); /* an instance registered, or the environment was updated */

/* outlook.h: what a plan leads to, in a few words: two simulations, with the plan's changes and without.
 * Owns:   an Outlook owns its texts.
 * Calls:  forecast/ (result, words), jansson.
 * Holds:  pure: equal results give equal bytes. What is not known is said, never taken for 0. */
#pragma once
#include <jansson.h>
#include "reconciler/forecast/result.h"

/* What all environments together cost an hour, in millionths of one currency. */
typedef struct {
    const char *currency;  /* NULL: nothing is bought, or no price is known */
    int64_t min, now, max; /* at minvCpus, at present, at maxvCpus */
    int64_t max_before;    /* at maxvCpus without the changes; -1: not known */
    bool is_incomplete;    /* prices are missing, or another currency is left out */
    const char *prices;    /* "us-east-1": whose prices they are; may be NULL */
} OutlookRates;

typedef struct {
    char *schedule, *cost; /* NULL: there is nothing to tell */
    char *inputs;          /* NULL when both are */
    char *json;            /* an object */
} Outlook;

/* without: NULL where there is no state to compare with. */
Outlook *outlook_new(const SimulationResult *with, const SimulationResult *without, const OutlookRates *rates,
                     const GPtrArray *violations);
void outlook_free(Outlook *outlook);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outlook, outlook_free)

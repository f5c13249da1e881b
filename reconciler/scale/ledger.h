/* ledger.h: what is kept of an environment that buys instances, between restarts: money and cool-downs.
 * Owns:   a Ledger owns its cool-downs; clear with ledger_clear().
 * Calls:  scale/account, scale/cooldown, jansson. No clock.
 * Holds:  what ledger_print() wrote is read back equal; anything else is taken for nothing known. */
#pragma once
#include "reconciler/scale/account.h"
#include "reconciler/scale/cooldown.h"

typedef struct {
    int64_t accrued_ms; /* money is counted up to here; 0: nothing yet */
    Account account;
    CoolDowns cooldowns;
} Ledger;

void ledger_clear(Ledger *ledger);
/* The name of the world's setting that holds it. New string. */
char *ledger_setting(const char *environment);
/* As compact JSON, equal for equal content. New string. */
char *ledger_print(const Ledger *ledger);
/* ledger is cleared first. text may be NULL: nothing is known. */
void ledger_parse(Ledger *ledger, const char *text);

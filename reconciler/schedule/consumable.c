/* consumable.c: what consumable resources still have in this pass (batch: "Consumable resources"). */
#include "reconciler/schedule/pass.h"

int64_t consumables_allow(Pass *pass, const RunKind *kind)
{
    (void)pass;
    (void)kind;
    return INT64_MAX;
}

void consumables_take(Pass *pass, const RunKind *kind, int64_t count)
{
    (void)pass;
    (void)kind;
    (void)count;
}

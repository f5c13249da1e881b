/* reconcile_suspend.c: followed sources that are suspended, and go on. Level-triggered: each tick compares
 * what stands with what was seen last, so it does not matter who changed it, a call, the time or a restart.
 */
#include "reconciler/reconcile_internal.h"
#include "reconciler/world/suspension.h"

bool source_is_suspended(const Reconciler *reconciler, const char *name)
{
    g_autoptr(Suspension) suspension = world_suspension(reconciler->world, name, reconciler->now_ms);
    return suspension != NULL;
}

void suspensions_run(Reconciler *reconciler)
{
    suspension_settle(reconciler->world, reconciler->now_ms);
    for (guint i = 0; i < reconciler->followed->len; i++) {
        FollowedSource *followed = reconciler->followed->pdata[i];
        bool is_suspended = source_is_suspended(reconciler, followed->name);
        if (is_suspended == followed->is_suspended)
            continue;
        followed->is_suspended = is_suspended;
        if (is_suspended)
            applies_drop_waiting(reconciler, followed->name);
        source_look_again(reconciler, followed->name);
        reconciler->waiters_due = true;
    }
}

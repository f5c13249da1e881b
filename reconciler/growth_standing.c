#include "reconciler/growth_standing.h"
#include "reconciler/growth_internal.h"

/* Each reason once: all its jobs together, with the figures of the first and the soonest end. */
static void unmet_add(EnvironmentStanding *standing, const ScaleUnmet *unmet, const char *type)
{
    for (size_t i = 0; i < standing->unmet_len; i++) {
        ScaleUnmet *known = &standing->unmet[i];
        if (known->reason != unmet->reason)
            continue;
        known->count += unmet->count;
        if (unmet->until_ms && (!known->until_ms || unmet->until_ms < known->until_ms)) {
            known->until_ms = unmet->until_ms;
            standing->unmet_types[i] = type;
        }
        return;
    }
    standing->unmet_types[standing->unmet_len] = type;
    standing->unmet[standing->unmet_len++] = *unmet;
}

bool growth_standing(const Environment *environment, EnvironmentStanding *ret_standing, void *data)
{
    const GrowthView *view = data;
    const ScaleCandidates *candidates = growth_candidates(view->growth, environment);
    GrowthEntry *entry = candidates ? growth_entry_due(view->growth, environment) : NULL;
    *ret_standing = (EnvironmentStanding){.is_hosted = true};
    if (!entry)
        return false;
    growth_rate(entry, environment);
    g_strlcpy(ret_standing->currency, candidates->currency ? candidates->currency : "",
              sizeof ret_standing->currency);
    ret_standing->memory = &entry->memory;
    ret_standing->invalid = entry->invalid;
    ret_standing->rate_micro_per_h = entry->rate_micro_per_h;
    ret_standing->unpriced = (int64_t)entry->unpriced;
    for (guint i = 0; i < entry->unmet->len; i++) {
        const ScaleUnmet *unmet = &g_array_index(entry->unmet, GrowthUnmet, i).unmet;
        unmet_add(ret_standing, unmet,
                  unmet->type < candidates->len ? candidates->types[unmet->type].name : NULL);
    }
    return true;
}

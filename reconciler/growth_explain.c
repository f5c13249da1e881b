#include "reconciler/growth_explain.h"
#include "reconciler/growth_internal.h"

static void refuse(ExplainGrowth *growth, UnmetReason reason, int64_t until_ms)
{
    growth->refused = true;
    growth->unmet = (ScaleUnmet){.reason = reason, .type = SCALE_NO_TYPE, .until_ms = until_ms};
}

static void refuse_budget(const GrowthEntry *entry, const ComputeEnvironmentSpec *spec, ExplainGrowth *growth)
{
    bool is_day =
        spec->budget_day_micro > 0 &&
        (spec->budget_month_micro == 0 || entry->memory.account.of_month.micro < spec->budget_month_micro);
    refuse(growth, is_day ? UNMET_BUDGET_DAY : UNMET_BUDGET_MONTH, entry->wake_ms);
    growth->unmet.have = is_day ? entry->memory.account.of_day.micro : entry->memory.account.of_month.micro;
    growth->unmet.limit = is_day ? spec->budget_day_micro : spec->budget_month_micro;
}

/* None that fits may be asked for: because of the one that may be the soonest. */
static void refuse_types(const GrowthEntry *entry, const Environment *environment, const RunnableGroup *group,
                         int64_t now_ms, ExplainGrowth *growth)
{
    const ComputeEnvironmentSpec *spec = environment->spec;
    refuse(growth, UNMET_NO_TYPE, 0);
    for (size_t i = 0; i < entry->candidates->len; i++) {
        const ScaleCandidate *type = &entry->candidates->types[i];
        if (!scale_candidate_fits(type, group->need))
            continue;
        StrategyAdmission admission = strategy_admits(spec, type);
        int64_t until_ms = cooldown_until(&entry->memory.cooldowns, view_from(type->name), VIEW(""),
                                          spec->type == CE_TYPE_SPOT, now_ms);
        if (admission == STRATEGY_ADMITTED && until_ms == 0) {
            growth->refused = false;
            return;
        }
        UnmetReason reason = admission == STRATEGY_ADMITTED     ? UNMET_COOLING_DOWN
                             : admission == STRATEGY_SPOT_PRICE ? UNMET_SPOT_PRICE
                                                                : UNMET_PRICE_UNKNOWN;
        bool is_cooling = reason == UNMET_COOLING_DOWN;
        bool was_cooling = growth->unmet.reason == UNMET_COOLING_DOWN;
        if (growth->unmet.reason != UNMET_NO_TYPE &&
            (!is_cooling || (was_cooling && until_ms >= growth->unmet.until_ms)))
            continue;
        refuse(growth, reason, is_cooling ? until_ms : 0);
        growth->type = type->name;
        if (reason == UNMET_SPOT_PRICE) {
            growth->unmet.have = type->spot_micro_per_h;
            growth->unmet.limit = strategy_max_price(spec, type);
        }
    }
}

bool growth_explain(const Environment *environment, const RunnableGroup *group, ExplainGrowth *ret_growth,
                    void *data)
{
    const GrowthView *view = data;
    const ScaleCandidates *candidates = growth_candidates(view->growth, environment);
    const GrowthEntry *entry = candidates ? growth_entry_due(view->growth, environment) : NULL;
    *ret_growth = (ExplainGrowth){.trouble = BLOCKED_NONE};
    if (!entry)
        return false;
    ret_growth->currency = candidates->currency;
    ret_growth->trouble = growth_trouble(environment, data);
    if (entry->invalid)
        refuse(ret_growth, UNMET_INVALID, 0);
    else if (entry->is_out_of_money && view->now_ms < entry->wake_ms)
        refuse_budget(entry, environment->spec, ret_growth);
    else
        refuse_types(entry, environment, group, view->now_ms, ret_growth);
    if (!ret_growth->refused &&
        growth_unmet(view->growth, environment, group, &ret_growth->unmet, &candidates)) {
        ret_growth->refused = true;
        if (ret_growth->unmet.type < candidates->len)
            ret_growth->type = candidates->types[ret_growth->unmet.type].name;
    }
    return true;
}

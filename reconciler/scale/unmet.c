/* unmet.c: why demand is not met, in words. */
#include "reconciler/scale/demand.h"

const char *unmet_reason_name(UnmetReason reason)
{
    static const char *const names[] = {
        [UNMET_NO_TYPE] = "NO_TYPE",
        [UNMET_ABOVE_MAX] = "ABOVE_MAX",
        [UNMET_COOLING_DOWN] = "COOLING_DOWN",
        [UNMET_SPOT_PRICE] = "SPOT_PRICE",
        [UNMET_PRICE_UNKNOWN] = "PRICE_UNKNOWN",
        [UNMET_AT_MAX_VCPUS] = "AT_MAX_VCPUS",
        [UNMET_BUDGET_DAY] = "BUDGET_DAY",
        [UNMET_BUDGET_MONTH] = "BUDGET_MONTH",
        [UNMET_DISABLED] = "DISABLED",
        [UNMET_INVALID] = "INVALID",
        [UNMET_LATER] = "LATER",
    };
    _Static_assert(G_N_ELEMENTS(names) == UNMET_REASONS, "each reason has a name");
    return names[reason];
}

static void append_money(int64_t micro, const char *currency, GString *out)
{
    int64_t cents = micro / 10000;
    g_string_append_printf(out, "%" G_GINT64_FORMAT ".%02d %s", cents / 100, (int)(cents % 100),
                           currency ? currency : "USD");
}

static void append_spot_price(const ScaleUnmet *unmet, const char *type, const char *currency, GString *out)
{
    g_string_append_printf(out, "the Spot price of %s is ", type);
    append_money(unmet->have, currency, out);
    g_string_append(out, "/h; bidPercentage allows less than ");
    append_money(unmet->limit, currency, out);
    g_string_append(out, "/h");
}

static void append_budget(const ScaleUnmet *unmet, const char *currency, GString *out)
{
    g_string_append_printf(out, "budget of the %s: ", unmet->reason == UNMET_BUDGET_DAY ? "day" : "month");
    append_money(unmet->have, currency, out);
    g_string_append(out, " of ");
    append_money(unmet->limit, currency, out);
    g_string_append(out, " spent");
}

void unmet_append_text(const ScaleUnmet *unmet, const char *type, const char *currency, GString *out)
{
    if (!type)
        type = "an instance";
    switch (unmet->reason) {
    case UNMET_NO_TYPE: g_string_append(out, "no type of instanceTypes can hold it"); return;
    case UNMET_ABOVE_MAX:
        g_string_append_printf(out,
                               "the smallest instance for it has %" G_GINT64_FORMAT
                               " vCPU; maxvCpus is %" G_GINT64_FORMAT ", which must not be exceeded",
                               unmet->have, unmet->limit);
        return;
    case UNMET_COOLING_DOWN:
        g_string_append_printf(out, "no capacity at present for its types; %s is tried again next", type);
        return;
    case UNMET_SPOT_PRICE: append_spot_price(unmet, type, currency, out); return;
    case UNMET_PRICE_UNKNOWN:
        g_string_append_printf(
            out, "the price of %s is not known, and there is a limit on prices or a budget", type);
        return;
    case UNMET_AT_MAX_VCPUS:
        g_string_append_printf(out, "at maxvCpus: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " vCPU",
                               unmet->have, unmet->limit);
        return;
    case UNMET_BUDGET_DAY:
    case UNMET_BUDGET_MONTH: append_budget(unmet, currency, out); return;
    case UNMET_DISABLED: g_string_append(out, "the environment is DISABLED"); return;
    case UNMET_INVALID:
        g_string_append(out, "the environment is INVALID: its instances cannot be launched as configured");
        return;
    case UNMET_LATER: g_string_append(out, "its turn to be bought has not come yet"); return;
    }
}

#include "reconciler/cli/forecasting.h"

#include <stdio.h>
#include "reconciler/cli/cli.h"
#include "reconciler/forecast/assertion.h"

#define FORECAST_SEED     1
#define FORECAST_LIMIT_US (20 * G_USEC_PER_SEC) /* then it is cut, and says so */

static bool takes_too_long(void *data)
{
    return g_get_monotonic_time() > *(const gint64 *)data;
}

bool forecasting_is_asserted(const Planning *planning)
{
    if (!planning->plan->desired)
        return false;
    g_autoptr(GPtrArray) asserted = asserted_queues(planning->plan->desired);
    return asserted->len > 0;
}

static bool is_wanted(const Host *host, const Planning *planning)
{
    if (!host || !host->forecast || planning->options.destroy)
        return false;
    if (planning->snapshot && planning->options.only)
        return false; /* of what is left out it would have to know more than digests */
    return !plan_is_empty(planning->plan) || forecasting_is_asserted(planning);
}

static Plan *plan_of_all(const Planning *planning)
{
    PlanActual actual = *state_snapshot_actual(planning->snapshot, planning->checked.identity);
    actual.resources = NULL;
    actual.resources_len = 0;
    return plan_build(planning->checked.set, &actual, &planning->options);
}

static void fill(Forecasting *forecasting)
{
    const GPtrArray *violations = forecasting->violations;
    forecasting->assertions = g_new0(const char *, violations->len + 1);
    for (guint i = 0; i < violations->len; i++)
        forecasting->assertions[i] = ((const Violation *)violations->pdata[i])->text;
    forecasting->plan = (PlanForecast){.schedule = forecasting->outlook->schedule,
                                       .cost = forecasting->outlook->cost,
                                       .inputs = forecasting->outlook->inputs,
                                       .assertions = forecasting->assertions,
                                       .json = forecasting->outlook->json};
    if (!forecasting->whole || !forecasting->outlook->inputs)
        return;
    forecasting->inputs = g_strconcat("as if nothing else were there, since a snapshot holds no jobs; ",
                                      forecasting->outlook->inputs, NULL);
    forecasting->plan.inputs = forecasting->inputs;
}

void forecasting_make(const Host *host, const Planning *planning, const char *state_dir, const char *provider,
                      Forecasting *ret_forecasting)
{
    *ret_forecasting = (Forecasting){0};
    if (!is_wanted(host, planning))
        return;
    g_autoptr(GError) error = NULL;
    gint64 until_us = g_get_monotonic_time() + FORECAST_LIMIT_US;
    Plan *whole = ret_forecasting->whole = planning->snapshot ? plan_of_all(planning) : NULL;
    ForecastOptions options = {.state_dir = whole ? NULL : state_dir,
                               .plan = whole ? whole : planning->plan,
                               .source = planning->checked.identity,
                               .provider = provider ? provider : planning->checked.provider,
                               .seed = FORECAST_SEED,
                               .now_ms = g_get_real_time() / 1000,
                               .give_up = takes_too_long,
                               .give_up_data = &until_us};
    if (host->forecast(&options, &ret_forecasting->outlook, &ret_forecasting->violations, &error))
        fill(ret_forecasting);
    else
        fprintf(stderr, "note: the plan has no forecast: %s\n", error->message);
}

void forecasting_clear(Forecasting *forecasting)
{
    g_clear_pointer(&forecasting->outlook, outlook_free);
    g_clear_pointer(&forecasting->violations, g_ptr_array_unref);
    g_clear_pointer(&forecasting->assertions, g_free);
    g_clear_pointer(&forecasting->whole, plan_free);
    g_clear_pointer(&forecasting->inputs, g_free);
}

const PlanForecast *forecasting_plan(const Forecasting *forecasting)
{
    return forecasting->outlook ? &forecasting->plan : NULL;
}

int forecasting_exit_code(const Forecasting *forecasting)
{
    return forecasting->violations && forecasting->violations->len > 0 ? EXIT_REFUSED : EXIT_OK;
}

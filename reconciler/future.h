/* future.h: what Host offers of the future: a source simulated, and the forecast of a plan.
 * Owns:   nothing.
 * Calls:  simulate, stage, plan/, store/ (reading), forecast/.
 * Holds:  the live loop is never asked: a forecast reads what is committed in one transaction of its own,
 * ends it, and computes in the process of the command that plans. */
#pragma once
#include "reconciler/ports.h"

bool future_simulate(const SimulateOptions *options, SimulationResult **ret_result, GError **error);
bool future_forecast(const ForecastOptions *options, Outlook **ret_outlook, GPtrArray **ret_violations,
                     GError **error);
